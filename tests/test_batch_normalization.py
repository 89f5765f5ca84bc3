"""Batch normalization: its laws, its gradient, and Keras, forward and backward."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from chapters.optimizers import scratch

numbers = st.floats(-10, 10, allow_subnormal=False)


@settings(deadline=None)
@given(x=arrays(np.float64, (5, 3), elements=numbers), shift=numbers, scale=st.floats(0.1, 10))
def test_shift_and_scale_of_the_input_leave_no_trace(x, shift, scale):
    x = x + np.arange(5)[:, None] * 30  # so that no feature is constant
    assert_allclose(
        scratch.batch_norm(scale * x + shift, epsilon=0).y,
        scratch.batch_norm(x, epsilon=0).y,
        atol=1e-6,
    )


@settings(deadline=None)
@given(
    x=arrays(np.float64, (6, 2), elements=numbers), g=arrays(np.float64, (6, 2), elements=numbers)
)
def test_the_gradient_asks_for_neither_shift_nor_scale(x, g):
    x = x + np.arange(6)[:, None] * 30
    of = scratch.batch_norm(x, epsilon=0)
    to_x, _, _ = scratch.batch_norm_backward(g, of, epsilon=0)
    assert_allclose(to_x.sum(axis=0), 0, atol=1e-9)
    assert_allclose((to_x * x).sum(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 4), (3, 5, 4), (2, 3, 5, 4)])
def test_batch_normalization_is_that_of_keras_forward_backward_and_in_its_averages(shape):
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(0)
    layer = keras.layers.BatchNormalization(dtype="float64")
    layer.build(shape)
    gamma, beta = rng.normal(1, 0.3, 4), rng.normal(size=4)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(3):
        x, g = rng.normal(2, 3, shape), rng.normal(size=shape)
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = layer(inputs, training=True)
            loss = tf.reduce_sum(y * g)
        theirs = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        of = scratch.batch_norm(x, gamma, beta)
        assert_allclose(of.y, y, atol=1e-6)
        for ours, their in zip(scratch.batch_norm_backward(g, of, gamma), theirs, strict=True):
            assert_allclose(ours, their, atol=1e-5)
        mean = scratch.moving_average(mean, of.mean)
        variance = scratch.moving_average(variance, of.variance)
    assert_allclose(mean, layer.moving_mean, atol=1e-6)
    assert_allclose(variance, layer.moving_variance, atol=1e-6)
    answers = scratch.batch_norm_inference(x, gamma, beta, mean, variance)
    assert_allclose(answers, layer(x, training=False), atol=1e-5)


def test_batch_normalization_has_the_gradient_of_its_values():
    rng = np.random.default_rng(0)
    x, gamma, g = rng.normal(size=(5, 3)), rng.normal(1, 0.3, 3), rng.normal(size=(5, 3))
    slopes = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        hair = np.zeros_like(x)
        hair[at] = 1e-6
        above, below = (scratch.batch_norm(moved, gamma).y for moved in (x + hair, x - hair))
        slopes[at] = np.sum(g * (above - below)) / 2e-6
    to_x, _, _ = scratch.batch_norm_backward(g, scratch.batch_norm(x, gamma), gamma)
    assert_allclose(to_x, slopes, atol=1e-7)
