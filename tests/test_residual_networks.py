"""Residual networks: blocks that pass their input on, and networks as published."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose

from chapters.gradients import counting, residual_figures, scratch
from chapters.gradients.counting import BOTTLENECK
from chapters.gradients.models import (
    PaddedShortcut,
    plain_cifar,
    residual_block,
    resnet,
    resnet_cifar,
)
from companion.errors import UserError


def parameters(model):
    """How many numbers a model learns."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


# ---- residual blocks ----------------------------------------------------------------------------


@pytest.mark.parametrize("preactivation", [False, True])
def test_a_dense_residual_block_has_the_values_and_gradients_of_tensorflow(preactivation):
    rng = np.random.default_rng(0)
    x, upstream = rng.normal(size=(2, 5, 6))
    first, second = rng.normal(size=(6, 4)), rng.normal(size=(4, 6))
    variables = [tf.Variable(one) for one in (x, first, second)]
    with tf.GradientTape() as tape:
        a, w1, w2 = variables
        inner = tf.nn.relu(a) if preactivation else a
        y = a + tf.nn.relu(inner @ w1) @ w2
        y = y if preactivation else tf.nn.relu(y)
        loss = tf.reduce_sum(y * upstream)
    block = {"preactivation": preactivation}
    assert_allclose(scratch.dense_residual_block(x, first, second, **block), y)
    ours = scratch.dense_residual_block_backward(upstream, x, first, second, **block)
    for one, theirs in zip(ours, tape.gradient(loss, variables), strict=True):
        assert_allclose(one, theirs, atol=1e-12)


def test_padding_takes_every_other_pixel_and_adds_maps_of_zeros_on_both_sides():
    x = np.arange(2 * 4 * 4 * 2, dtype="float32").reshape(2, 4, 4, 2)
    y = np.array(PaddedShortcut(5, 2)(x))
    assert y.shape == (2, 2, 2, 5)
    assert_allclose(y[..., 1:3], x[:, ::2, ::2])
    assert not y[..., [0, 3, 4]].any()


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("shortcut", ["projection", "padding"])
def test_a_block_whose_weights_are_zero_passes_its_input_on(shortcut, preactivation):
    x = keras.Input((4, 4, 3))
    y = residual_block(x, 3, shortcut=shortcut, preactivation=preactivation, name="block")
    model = keras.Model(x, y)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.zeros(one.shape) for one in layer.weights])
    images = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    expected = images if preactivation else np.maximum(images, 0)
    assert_allclose(model(images), expected, atol=1e-6)


def test_a_bottleneck_ends_with_four_times_its_width():
    x = keras.Input((8, 8, 16))
    y = residual_block(x, 8, 2, BOTTLENECK, name="block")
    assert y.shape == (None, 4, 4, 32)
    learned = counting.block_parameters(16, 8, bottleneck=True, projection=True)
    assert parameters(keras.Model(x, y)) == learned


# ---- networks -----------------------------------------------------------------------------------

PUBLISHED = {3: 269_722, 5: 464_154, 7: 658_586, 9: 853_018, 18: 1_727_962}


@pytest.mark.slow
@pytest.mark.parametrize(("n", "learned"), PUBLISHED.items())
def test_small_residual_networks_have_the_published_parameters_with_shortcuts_or_without(
    n, learned
):
    for build in (resnet_cifar, plain_cifar):
        model = build(n)
        assert parameters(model) == learned
        assert model.output_shape == (None, 10)
        weighted = [
            layer
            for layer in model.layers
            if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
        ]
        assert len(weighted) == 6 * n + 2
        added = [layer for layer in model.layers if isinstance(layer, keras.layers.Add)]
        assert len(added) == (3 * n if build is resnet_cifar else 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "learned"), [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032)]
)
def test_large_residual_networks_are_the_papers_layer_by_layer(depth, learned):
    model = resnet(depth)
    assert parameters(model) == learned
    table = {one.name: one for one in counting.resnet_layers(depth)}
    assert sum(one.parameters for one in table.values()) == learned
    norms = {layer.name: layer for layer in model.layers if layer.name.endswith("_norm")}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            continue
        row = table.pop(layer.name)
        own = [layer, norms[f"{layer.name}_norm"]] if row.normalized else [layer]
        assert sum(map(parameters, own)) == row.parameters, layer.name
        shape = (None, row.filters) if layer.name == "output" else None
        assert layer.output.shape == (shape or (None, row.height, row.width, row.filters))
    assert not table


@pytest.mark.slow
def test_resnet_50_computes_what_keras_computes_with_the_same_weights():
    theirs = keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=7)
    ours = resnet(50, (64, 64, 3), 7)
    rng = np.random.default_rng(0)
    for layer in ours.layers:
        if layer.name == "output":
            twin = theirs.get_layer("predictions")
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.BatchNormalization):
            convolution = isinstance(layer, keras.layers.Conv2D)
            stem, kind = layer.name.removesuffix("_norm"), "conv" if convolution else "bn"
            if stem == "conv1":
                twin = theirs.get_layer(f"conv1_{kind}")
            else:
                stage, number, part = stem.split("_")
                place = 0 if part == "shortcut" else int(part[-1])
                twin = theirs.get_layer(f"{stage}_block{number}_{place}_{kind}")
        else:
            continue
        drawn = [rng.normal(0, 0.05, one.shape) for one in layer.get_weights()]
        if isinstance(layer, keras.layers.BatchNormalization):
            drawn = [1 + drawn[0], drawn[1], drawn[2], 1 + np.abs(drawn[3])]
        layer.set_weights(drawn)
        bias = isinstance(twin, keras.layers.Conv2D)
        twin.set_weights([*drawn, np.zeros(drawn[0].shape[-1])] if bias else drawn)
    images = rng.normal(size=(2, 64, 64, 3)).astype("float32")
    assert_allclose(ours(images), theirs(images), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("build", [resnet_cifar, lambda *a, **b: resnet(18, (32, 32, 3), 10, **b)])
def test_with_preactivation_nothing_follows_an_addition_and_shortcuts_begin_before_the_norm(build):
    model = build(1, preactivation=True) if build is resnet_cifar else build(preactivation=True)
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Add):
            continue
        followers = [
            node.operation for node in layer.output._keras_history.operation._outbound_nodes
        ]
        assert any(isinstance(one, keras.layers.BatchNormalization) for one in followers)
        assert not any(isinstance(one, keras.layers.ReLU) for one in followers)
        past = layer.input[1]._keras_history.operation
        assert not isinstance(past, keras.layers.BatchNormalization | keras.layers.ReLU)


def test_networks_that_no_one_published_are_refused():
    with pytest.raises(UserError, match="18, 34 or 50"):
        resnet(42)
    with pytest.raises(UserError, match="18, 34 and 50"):
        counting.resnet_layers(42)
    for build in (resnet_cifar, plain_cifar):
        with pytest.raises(UserError, match="at least one block"):
            build(0)
    with pytest.raises(UserError, match="'projection', 'padding' or 'none'"):
        residual_block(keras.Input((4, 4, 3)), 3, shortcut="identity", name="block")


def test_the_table_of_residual_networks_ends_with_the_papers_work():
    counted, paper = (
        [float(cell) for cell in line.split("|")[3:6]]
        for line in residual_figures.resnet_table().splitlines()[-2:]
    )
    assert_allclose(counted, paper, rtol=0.02)
