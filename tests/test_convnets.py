"""The chapter on convnets: exercises that tell right from wrong, figures, and printed numbers."""

import re

import keras
import numpy as np
import pytest

from chapters.convnets import alexnet, exercises, from_pattern, studies, vgg, visualize
from chapters.convnets.imagenet import INCEPTION
from chapters.convnets.lenet1998 import C3_TABLE, TableConv2D
from companion import lesson


@pytest.fixture(autouse=True)
def forget_models():
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session(free_memory=False)


def test_the_solutions_agree_with_keras_and_with_the_chapter():
    rng = np.random.default_rng(0)
    # What 'same' adds is what TensorFlow adds: padded by hand, a valid convolution is the same.
    for size, kernel, stride in ((16, 3, 2), (9, 4, 3), (7, 1, 2), (12, 5, 1)):
        x, w = rng.normal(size=(1, size, 1)), rng.normal(size=(kernel, 1, 1))
        x, w = x.astype("float32"), w.astype("float32")
        padded = np.pad(x, [(0, 0), exercises.same_padding(size, kernel, stride), (0, 0)])
        np.testing.assert_allclose(
            keras.ops.conv(padded, w, stride), keras.ops.conv(x, w, stride, "same"), atol=1e-5
        )
    pattern = "INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC"
    model = from_pattern(pattern, (15, 11, 2), 7, filters=(3, 4), kernel=5, units=6)
    counted = exercises.count_parameters(15, 11, 2, [(5, 3), (5, 4)], [6, 7])
    assert counted == model.count_params()

    maps = rng.normal(size=(14, 14, 6)).astype("float32")
    layer = TableConv2D()
    received = np.asarray(layer(maps[None]))[0]
    table, kernels = np.zeros((6, 16)), np.zeros((5, 5, 6, 16))
    links = [(source, target) for target, row in enumerate(C3_TABLE) for source in row]
    for number, (source, target) in enumerate(links):
        table[source, target] = 1
        kernels[:, :, source, target] = layer.kernel.numpy()[:, :, number]
    ours = exercises.table_convolution(maps, table, kernels, layer.bias.numpy())
    np.testing.assert_allclose(ours, received, atol=1e-5)

    batch = maps[None]
    np.testing.assert_allclose(
        exercises.global_average_pooling(batch),
        keras.layers.GlobalAveragePooling2D()(batch),
        atol=1e-6,
    )
    reference = vgg("A", (32, 32, 3), 2, filters=8, units=4).get_layer("block3_conv2")
    block = exercises.vgg_block(2, 32)
    assert block.layers[1].get_config()["padding"] == reference.get_config()["padding"]
    assert block.layers[1].kernel_size == reference.kernel_size


def test_the_exercises_map_is_the_chapters_class_activation_map():
    from chapters.convnets import gap_classifier

    model = gap_classifier((12, 12, 1))
    image = np.random.default_rng(0).random((12, 12, 1)).astype("float32")
    maps = visualize.activations(model, image, "maps")
    weights = model.get_layer("output").kernel.numpy()
    np.testing.assert_allclose(
        exercises.class_activation_map(maps, weights, 4),
        visualize.activation_map(model, image, 4),
        atol=1e-6,
    )


def test_the_lessons_worked_numbers():
    patterns = re.findall(
        r"^\| `(INPUT.*?)` \| ([\d,]+) \|$", lesson.text("convnets"), re.MULTILINE
    )
    assert len(patterns) == 4
    for pattern, parameters in patterns:
        assert f"{from_pattern(pattern).count_params():,}" == parameters
    # 62,378,344 without groups: conv2, conv4 and conv5 twice as deep.
    grouped = alexnet()
    more = sum(
        int(np.prod(layer.kernel.shape))
        for layer in grouped.layers
        if getattr(layer, "groups", 1) == 2
    )
    assert grouped.count_params() + more == 62_378_344
    ones, (reduced3, threes), (reduced5, fives), pooled = INCEPTION["3a"]
    weights = 192 * (ones + reduced3 + reduced5 + pooled) + 9 * reduced3 * threes
    assert weights + 25 * reduced5 * fives == 163_328
    assert 9 * 192 * (ones + threes + fives + pooled) == 442_368


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
@pytest.mark.parametrize("name", ["small_kernels", "pooling_shifts", "weight_sharing"])
def test_a_row_of_a_study_holds_what_it_promises(name):
    study = getattr(studies, name)
    level, seed = study.rows(quick=True)[0]
    row = study.measure(level, seed, quick=True)
    assert 0 <= row[study.outcome] <= 1


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
def test_the_studies_compare_what_they_say_they_compare():
    small, large = (
        studies.small_kernels_row(level, 0, quick=True)["stack_parameters"]
        for level in ("three 3×3", "one 7×7")
    )
    assert (small, large) == (27 * studies.DEPTH**2, 49 * studies.DEPTH**2)
    sizes = [
        studies.weight_sharing_row((network, 50), 0, quick=True)["parameters"]
        for network in ("convolutional", "fully connected")
    ]
    assert sizes == [6090, 6085]
    framed = studies.digits(side=16, frame=4).test.x
    assert framed.shape == (360, 24, 24, 1)
    rolled = np.roll(framed, 4, axis=1)
    np.testing.assert_allclose(rolled.sum(axis=(1, 2)), framed.sum(axis=(1, 2)))
    assert rolled[:, :8].max() == 0  # no ink has come round the edge
