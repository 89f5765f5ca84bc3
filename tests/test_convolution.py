"""Convolution held against Keras, SciPy, finite differences and counting on one's fingers."""

from math import prod

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, optimize, signal

from chapters.convolution import exercises
from chapters.convolution.scratch import (
    KERNELS,
    convolution,
    convolution_backward,
    convolution_loops,
    convolution_loops_backward,
    convolution_matrix,
    convolve,
    cross_correlate,
    dense_parameter_count,
    global_pool,
    multiply_count,
    output_size,
    padding_sides,
    parameter_count,
    pool,
    pool_backward,
    receptive_field,
)
from companion.errors import UserError


@st.composite
def layers(draw, largest_batch=2):
    """Draw a layer and what goes through it: 1, 2 or 3 axes of space, any setting of each."""
    axes = draw(st.integers(1, 3))
    each_axis = lambda *bounds: draw(st.tuples(*[st.integers(*bounds)] * axes))  # noqa: E731
    window = each_axis(1, 3)
    # TensorFlow computes either strides or dilations.
    stride, dilation = draw(st.sampled_from([(3, 1), (1, 3)]))
    stride, dilation = each_axis(1, stride), each_axis(1, dilation)
    reach = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    space = tuple(n + more for n, more in zip(reach, each_axis(0, 3), strict=True))
    channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    padding = draw(st.sampled_from(["valid", "same", each_axis(0, 2)]))
    # With steps longer than the window, "same" needs no padding; TensorFlow's 3-D convolution then
    # pads by a negative amount and skips pixels, against its own documentation.
    assume(padding != "same" or all(s <= n for s, n in zip(stride, reach, strict=True)))
    return (
        rng.normal(size=(draw(st.integers(1, largest_batch)), *space, channels)),
        rng.normal(size=(*window, channels, filters)),
        rng.normal(size=filters),
        {"padding": padding, "stride": stride, "dilation": dilation},
    )


def upstream(maps):
    """Return a gradient for `maps` in which no two numbers are equal."""
    return np.cos(np.arange(np.size(maps), dtype=maps.dtype)).reshape(maps.shape)


def by_keras(images, kernel, bias, *, padding, stride, dilation):
    """Return Keras's feature maps and TensorFlow's gradients for images, kernel and bias."""
    images, kernel, bias = (tf.Variable(each) for each in (images, kernel, bias))
    with tf.GradientTape() as tape:
        padded = images
        if not isinstance(padding, str):
            padded = tf.pad(images, [(0, 0), *((p, p) for p in padding), (0, 0)])
            padding = "valid"
        maps = bias + keras.ops.conv(
            padded, kernel, strides=stride, padding=padding, dilation_rate=dilation
        )
        loss = tf.reduce_sum(maps * upstream(maps.numpy()))
    return maps.numpy(), [g.numpy() for g in tape.gradient(loss, [images, kernel, bias])]


@given(layers())
@settings(max_examples=60, deadline=None)
def test_a_convolution_and_its_gradients_are_those_of_keras(layer):
    images, kernel, bias, walk = layer
    maps, gradients = by_keras(images, kernel, bias, **walk)
    ours = convolution(images, kernel, bias, **walk)
    assert_allclose(ours, maps, atol=1e-12)
    for mine, theirs in zip(
        convolution_backward(upstream(ours), images, kernel, **walk), gradients, strict=True
    ):
        assert_allclose(mine, theirs, atol=1e-12)


@given(layers(largest_batch=1))
@settings(max_examples=25, deadline=None)
def test_the_loops_say_the_same_as_the_matrix_product(layer):
    images, kernel, bias, walk = layer
    maps = convolution(images, kernel, bias, **walk)
    assert_allclose(convolution_loops(images, kernel, bias, **walk), maps, atol=1e-12)
    for slow, fast in zip(
        convolution_loops_backward(upstream(maps), images, kernel, **walk),
        convolution_backward(upstream(maps), images, kernel, **walk),
        strict=True,
    ):
        assert_allclose(slow, fast, atol=1e-12)


def test_a_layer_of_keras_gives_the_same_feature_maps():
    layer = keras.layers.Conv2D(6, 5, padding="same", strides=2)
    images = np.random.default_rng(0).normal(size=(2, 28, 28, 3)).astype("float32")
    expected = layer(images)
    ours = convolution(images, *layer.get_weights(), padding="same", stride=2)
    assert ours.dtype == np.float32
    assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("wrt", [0, 1, 2], ids=["images", "kernel", "bias"])
def test_the_gradients_are_those_of_finite_differences(wrt):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(2, 5, 6, 2)), rng.normal(size=(3, 2, 2, 3)), rng.normal(size=3)]
    walk = {"padding": ((1, 0), (2, 1)), "stride": (2, 1), "dilation": (1, 2)}
    weights = upstream(convolution(*parts, **walk))

    def loss(flat):
        changed = [*parts]
        changed[wrt] = flat.reshape(parts[wrt].shape)
        return np.sum(weights * convolution(*changed, **walk))

    slopes = optimize.approx_fprime(parts[wrt].ravel(), loss, 1e-6)
    gradient = convolution_backward(weights, *parts[:2], **walk)[wrt]
    assert_allclose(gradient.ravel(), slopes, atol=1e-6)


@given(
    size=st.integers(1, 40),
    kernel=st.integers(1, 7),
    padding=st.integers(0, 4),
    stride=st.integers(1, 5),
    dilation=st.integers(1, 3),
)
def test_the_output_size_is_the_number_of_places_where_the_kernel_fits(
    size, kernel, padding, stride, dilation
):
    last = dilation * (kernel - 1)
    padded = range(size + 2 * padding)
    places = [i for i in padded[::stride] if i + last in padded]
    if places:
        result = output_size(size, kernel, padding=padding, stride=stride, dilation=dilation)
        assert result == len(places)
    else:
        with pytest.raises(UserError, match="smaller kernel or more padding"):
            output_size(size, kernel, padding=padding, stride=stride, dilation=dilation)


@given(size=st.integers(1, 60), before=st.integers(0, 5), after=st.integers(0, 5))
def test_padding_given_per_side_or_in_all_makes_the_same_size(size, before, after):
    assert output_size(size, 1, padding=(before, after)) == size + before + after
    assert output_size(size, 1, padding=before) == output_size(size, 1, padding=(before, before))


@given(size=st.integers(1, 60), kernel=st.integers(1, 9), stride=st.integers(1, 9))
def test_same_padding_leaves_one_output_for_each_stride(size, kernel, stride):
    assert output_size(size, kernel, padding="same", stride=stride) == -(-size // stride)
    before, after = padding_sides(size, kernel, "same", stride=stride)
    assert after - before in (0, 1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: output_size(3, 5), "reaches over 5 places, but the padded input has only 3"),
        (lambda: output_size(3, 9, padding=(1, 2)), "reaches over 9 places, .* has only 6. Take"),
        (lambda: output_size(3, 1, stride=0), "count from 1.*stride=0"),
        (lambda: output_size(3, 1, padding=-1), "padding from 0.*padding=-1"),
        (lambda: output_size(3, 1, padding="full"), "'valid', 'same' or a number.*'full'"),
        (lambda: convolution(np.ones((4, 1)), np.ones((2, 2, 1, 1))), r"shape \(4, 1\)"),
        (lambda: convolution(np.ones((1, 4, 4, 3)), np.ones((2, 2, 1, 1))), "images of 3 channels"),
        (lambda: pool(np.ones((1, 4, 4, 1)), summary="median"), "max, average, min.*'median'"),
        (lambda: pool(np.ones((1, 4, 4, 1)), 5), "reaches over 5 places"),
        (lambda: padding_sides(5, 3, "same", stride=0), "count from 1.*stride=0"),
        (lambda: global_pool(np.ones((1, 4, 4, 1)), summary="sum"), "max, average, min.*'sum'"),
        (
            lambda: pool_backward(np.ones((1, 2, 2, 1)), np.ones((1, 4, 4, 1)), summary="sum"),
            "max, average, min.*'sum'",
        ),
        (lambda: pool(np.ones((1, 4, 4, 1)), (2, 2, 2)), r"each of the 2.*\(2, 2, 2\)"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(call, says):
    with pytest.raises(UserError, match=says):
        call()


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 5), st.integers(1, 5), st.booleans())
@settings(max_examples=10, deadline=None)
def test_the_parameters_are_as_many_as_keras_counts(height, width, channels, filters, bias):
    layer = keras.layers.Conv2D(filters, (height, width), use_bias=bias)
    layer.build((None, 9, 9, channels))
    assert parameter_count((height, width), channels, filters, bias=bias) == layer.count_params()
    dense = keras.layers.Dense(filters)
    dense.build((None, channels))
    assert dense_parameter_count(channels, filters) == dense.count_params()


def test_the_loops_make_as_many_multiplications_as_are_counted():
    class Counted:
        made = 0

        def __mul__(self, other):
            Counted.made += 1
            return 0

        __rmul__ = __mul__

    images = np.full((1, 5, 6, 2), Counted(), dtype=object)
    kernel = np.full((3, 2, 2, 4), Counted(), dtype=object)
    maps = convolution_loops(images, kernel, padding=1)
    assert Counted.made == multiply_count(maps.shape[1:3], (3, 2), channels=2, filters=4)


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=4
    )
)
def test_the_receptive_field_is_what_one_output_can_be_changed_by(layers):
    maps = [np.ones((1, 400, 1))]
    for kernel, stride, dilation in layers:
        weights = np.ones((kernel, 1, 1))
        maps.append(convolution(maps[-1], weights, stride=stride, dilation=dilation))
    gradient = np.zeros(maps[-1].shape)
    gradient[0, 0, 0] = 1
    for (kernel, stride, dilation), images in zip(layers[::-1], maps[-2::-1], strict=True):
        weights = np.ones((kernel, 1, 1))
        gradient, _, _ = convolution_backward(
            gradient, images, weights, stride=stride, dilation=dilation
        )
    assert receptive_field(layers) == np.flatnonzero(gradient)[-1] + 1


@given(st.integers(1, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_correlation_and_convolution_are_those_of_scipy(axes, seed):
    rng = np.random.default_rng(seed)
    image, kernel = (
        rng.normal(size=rng.integers(4, 7, axes)),
        rng.normal(size=rng.integers(1, 4, axes)),
    )
    correlated = signal.correlate(image, kernel, mode="valid", method="direct")
    assert_allclose(cross_correlate(image, kernel), correlated, atol=1e-12)
    convolved = signal.convolve(image, kernel, mode="valid", method="direct")
    assert_allclose(convolve(image, kernel), convolved, atol=1e-12)
    strides = tuple(rng.integers(1, 4, axes).tolist())
    steps = tuple(slice(None, None, s) for s in strides)
    assert_allclose(cross_correlate(image, kernel, stride=strides), correlated[steps], atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), down=st.integers(0, 3), right=st.integers(0, 3))
def test_where_the_image_moves_its_feature_map_moves(seed, down, right):
    rng = np.random.default_rng(seed)
    image, kernel = np.zeros((12, 12)), rng.normal(size=(3, 3))
    image[3:6, 3:6] = rng.normal(size=(3, 3))
    moved = np.roll(image, (down, right), axis=(0, 1))
    expected = np.roll(cross_correlate(image, kernel), (down, right), axis=(0, 1))
    assert_allclose(cross_correlate(moved, kernel), expected, atol=1e-12)


@given(layers(largest_batch=1))
@settings(max_examples=25, deadline=None)
def test_a_convolution_is_one_sparse_matrix_and_its_transpose_the_way_back(layer):
    images, kernel, _, walk = layer
    matrix = convolution_matrix(kernel, images.shape[1:], **walk)
    maps = convolution(images, kernel, **walk)
    assert_allclose(matrix @ images.ravel(), maps.ravel(), atol=1e-12)
    to_images, _, _ = convolution_backward(upstream(maps), images, kernel, **walk)
    assert_allclose(matrix.T @ upstream(maps).ravel(), to_images.ravel(), atol=1e-12)
    assert np.count_nonzero(matrix, axis=1).max() <= prod(kernel.shape[:-1])
    assert set(matrix[matrix != 0]) <= set(kernel.ravel())


@given(st.integers(1, 5), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_the_matrix_of_a_signal_is_that_of_scipy(width, more, seed):
    kernel = np.random.default_rng(seed).normal(size=width)
    everywhere = linalg.convolution_matrix(kernel[::-1], width + more, mode="full")
    theirs = everywhere[width - 1 : width + more]
    ours = convolution_matrix(kernel[:, None, None], (width + more, 1))
    assert_allclose(ours, theirs)


@given(
    axes=st.integers(1, 3),
    size=st.integers(1, 3),
    stride=st.integers(1, 3),
    summary=st.sampled_from(["max", "average"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_pooling_and_its_gradients_are_those_of_keras(axes, size, stride, summary, seed):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(2, *rng.integers(size, size + 4, axes), 3)).astype("float32")
    variable = tf.Variable(images)
    with tf.GradientTape() as tape:
        pooled = getattr(keras.ops, f"{summary}_pool")(variable, size, stride)
        loss = tf.reduce_sum(pooled * upstream(pooled.numpy()))
    ours = pool(images, size, stride=stride, summary=summary)
    assert_allclose(ours, pooled, atol=1e-5)
    gradient = pool_backward(upstream(ours), images, size, stride=stride, summary=summary)
    assert_allclose(gradient, tape.gradient(loss, variable), atol=1e-5)


def test_an_average_shares_out_whole_numbers_too():
    images, four = np.zeros((1, 4, 4, 1)), np.array([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
    shared = pool_backward(four, images, 2, summary="average")
    assert_allclose(shared[0, ..., 0], np.kron(four[0, ..., 0], np.full((2, 2), 0.25)))


def test_kernels_that_find_edges_sum_to_0_the_others_to_1_and_all_look_alike_turned_round():
    for name, kernel in KERNELS.items():
        assert_allclose(kernel.sum(), 0 if name.startswith("edges") else 1, err_msg=name)
        assert_array_equal(kernel, kernel[::-1, ::-1], name)


@given(st.integers(0, 2**32 - 1))
def test_min_pooling_is_max_pooling_of_the_negative(seed):
    images = np.random.default_rng(seed).normal(size=(2, 5, 6, 3))
    smallest = pool(images, 2, summary="min")
    assert_array_equal(smallest, -pool(-images, 2))
    weights = upstream(smallest)
    assert_array_equal(
        pool_backward(weights, images, 2, summary="min"), pool_backward(weights, -images, 2)
    )


def test_global_pooling_is_that_of_keras():
    images = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    average = keras.layers.GlobalAveragePooling2D()(images)
    assert_allclose(global_pool(images), average, atol=1e-6)
    assert_array_equal(
        global_pool(images, summary="max"), keras.layers.GlobalMaxPooling2D()(images)
    )


def test_the_solutions_agree_with_the_chapter():
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(6, 7)), rng.normal(size=(3, 2))
    assert_allclose(exercises.cross_correlate(image, kernel), cross_correlate(image, kernel))
    assert_allclose(exercises.convolve(image, kernel), convolve(image, kernel))
    assert_allclose(
        exercises.cross_correlate_strided(image, kernel, 1, 2),
        cross_correlate(image, kernel, padding=1, stride=2),
    )
    assert_allclose(
        exercises.dilated_correlate(image[0], kernel[:, 0], 2),
        cross_correlate(image[0], kernel[:, 0], dilation=2),
    )
    maps, layer, bias = (
        rng.normal(size=(6, 7, 3)),
        rng.normal(size=(3, 2, 3, 4)),
        rng.normal(size=4),
    )
    assert_allclose(
        exercises.convolution_layer(maps, layer, bias), convolution(maps[None], layer, bias)[0]
    )
    assert_allclose(exercises.max_pool(maps, 2), pool(maps[None], 2)[0])
    assert_allclose(
        exercises.convolution_matrix(kernel[:, 0], 6),
        convolution_matrix(kernel[:, :1, None], (6, 1)),
    )
    products = exercises.im2col(image, 3, 2) @ kernel.ravel()
    assert_allclose(products, cross_correlate(image, kernel).ravel())
    assert exercises.output_size(16, 3, 1, 2) == output_size(16, 3, padding=1, stride=2)
    assert exercises.parameter_count(11, 11, 3, 96) == parameter_count((11, 11), 3, 96)
    assert exercises.multiply_count(55, 11, 5, 3, 96) == multiply_count((55, 55), (11, 11), 3, 96)
    stack = [(5, 1), (2, 2), (5, 1), (2, 2), (5, 1)]
    assert exercises.receptive_field(*zip(*stack, strict=True)) == receptive_field(stack)
    assert exercises.lenet5().count_params() == 61_706
