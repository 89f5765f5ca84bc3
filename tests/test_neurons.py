"""Neurons held against Keras, scikit-learn, finite differences, and a theorem."""

from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, special
from scipy.stats import entropy

from chapters.neurons import exercises, scratch
from chapters.neurons.models import mlp
from chapters.neurons.scratch import (
    ACTIVATIONS,
    LOSSES,
    XOR_LAYERS,
    XOR_X,
    XOR_Y,
    absolute_error,
    absolute_error_slope,
    binary_cross_entropy,
    binary_cross_entropy_slope,
    cross_entropy,
    cross_entropy_slope,
    forward,
    gradients,
    hinge,
    hinge_slope,
    initial_layers,
    kl_divergence,
    leaky_relu,
    log_softmax,
    mistake_bound,
    network_step,
    neuron,
    perceptron,
    perceptron_step,
    prelu_slopes,
    randomized_leaky_relu,
    sigmoid,
    sign,
    softmax,
    softmax_slopes,
    squared_error,
    squared_error_slope,
    widest_margin,
)
from companion.errors import UserError

XOR_CLASSES = (XOR_Y + 1) / 2


# ---- the perceptron -----------------------------------------------------------------------------


@st.composite
def separable(draw):
    """Points of any number of features, with a gap along a plane that does not pass the origin."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    features, gap = draw(st.integers(1, 5)), draw(st.floats(0.02, 0.5))
    plane, bias = rng.normal(size=features), rng.normal()
    plane = plane / np.linalg.norm(plane)
    X = rng.normal(scale=2, size=(draw(st.integers(2, 40)), features))
    y = sign(X @ plane + bias)
    return X + gap * y[:, None] * plane, y, plane, bias


@given(separable(), st.sampled_from([0.01, 0.5, 1.0, 7.0]), st.booleans())
@settings(deadline=None)
def test_a_perceptron_makes_no_more_mistakes_than_novikoff_allows(points, rate, restart):
    X, y, plane, bias = points
    bound = mistake_bound(X, y, plane, bias)
    learned = perceptron(X, y, rate=rate, restart=restart, mistakes=int(bound) + 1)
    assert len(learned.updates) <= bound
    assert learned.separates
    assert_array_equal(neuron(X, learned.weights, learned.bias), y)


@given(separable())
@settings(max_examples=30, deadline=None)
def test_the_widest_margin_is_no_narrower_than_that_of_a_known_line(points):
    X, y, plane, bias = points
    bound = mistake_bound(X, y, *widest_margin(X, y, steps=20_000))
    assert bound <= mistake_bound(X, y, plane, bias) * 1.1


@given(separable(), st.sampled_from([0.01, 3.0]))
@settings(max_examples=30, deadline=None)
def test_begun_at_zero_another_rate_makes_the_same_mistakes(points, rate):
    X, y, *_ = points
    one, other = perceptron(X, y), perceptron(X, y, rate=rate)
    assert [update.example for update in one.updates] == [u.example for u in other.updates]
    assert_allclose(other.weights, rate * one.weights, rtol=1e-9, atol=1e-9)


def test_the_perceptron_is_that_of_scikit_learn_with_twice_the_step():
    from sklearn.linear_model import Perceptron

    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = sign(X @ [1.0, -2.0, 0.5] + 0.3)
    first = np.argmax(y)  # scikit-learn learns from a sum of 0 whatever the class, we from +1
    order = np.roll(np.arange(40), -first)
    theirs = Perceptron(shuffle=False, tol=None, max_iter=200).fit(X[order], y[order])
    ours = perceptron(X[order], y[order])
    assert ours.separates
    assert_allclose(ours.weights, 2 * theirs.coef_[0])
    assert_allclose(ours.bias, 2 * theirs.intercept_[0])


def test_the_mistakes_of_or_are_those_of_the_lesson():
    learned = perceptron(XOR_X, [-1, 1, 1, 1])
    told = [(tuple(XOR_X[at]), tuple(w), b) for at, w, b in learned.updates]
    assert told == [
        ((0, 1), (0, 2), 2),
        ((0, 0), (0, 2), 0),
        ((1, 0), (2, 2), 2),
        ((0, 0), (2, 2), 0),
    ]


@pytest.mark.parametrize("restart", [False, True])
def test_a_perceptron_never_ends_on_xor(restart):
    learned = perceptron(XOR_X, XOR_Y, mistakes=20_000, restart=restart)
    assert not learned.separates
    assert len(learned.updates) == 20_000
    # Its weights stay among a few values, which come round again and again.
    assert len({(*u.weights, u.bias) for u in learned.updates}) < 50


def test_classes_of_0_and_1_are_refused_with_the_way_out():
    with pytest.raises(UserError, match=r"Received: 0\. Make them from 0 and 1 by 2·y − 1"):
        perceptron(XOR_X, [0, 1, 1, 1])


def test_a_line_that_separates_nothing_has_no_bound():
    with pytest.raises(UserError, match="every example on its right side"):
        mistake_bound(XOR_X, XOR_Y, [1.0, 1.0], -0.5)


# ---- XOR and the small network ------------------------------------------------------------------


def test_two_layers_solve_xor_by_given_weights():
    z, hidden = forward(XOR_LAYERS, XOR_X, "step")
    assert_array_equal(sign(z[-1][:, 0]), XOR_Y)
    assert len(np.unique(hidden, axis=0)) == 3
    assert perceptron(hidden, XOR_Y).separates


def solved(units, activation, seed):
    """Whether a network trained on XOR, as the lesson trains it, answers all four corners."""
    layers = initial_layers((2, units, 1), np.random.default_rng(seed))
    for _ in range(3000):
        layers = network_step(layers, XOR_X, XOR_CLASSES, rate=1.0, activation=activation)
    return bool(np.all(sign(forward(layers, XOR_X, activation)[0][-1][:, 0]) == XOR_Y))


@pytest.mark.slow
def test_two_layers_solve_xor_by_training_as_often_as_the_lesson_says():
    assert sum(solved(4, "tanh", seed) for seed in range(20)) == 20
    assert sum(solved(2, "tanh", seed) for seed in range(20)) == 12


def small_network(seed):
    """Layers with random weights and biases, and a batch."""
    rng = np.random.default_rng(seed)
    layers = [(W, rng.normal(size=b.shape)) for W, b in initial_layers((3, 4, 2, 1), rng)]
    return layers, rng.normal(size=(6, 3)), rng.integers(0, 2, 6).astype(float)


@pytest.mark.parametrize(("activation", "loss"), list(product(ACTIVATIONS, LOSSES)))
def test_the_networks_gradients_are_those_of_finite_differences(activation, loss):
    layers, X, t = small_network(3)
    sizes = [part.shape for layer in layers for part in layer]
    ends = np.cumsum([np.prod(size) for size in sizes])[:-1]

    def value(flat):
        parts = [p.reshape(s) for p, s in zip(np.split(flat, ends), sizes, strict=True)]
        return gradients(list(zip(parts[::2], parts[1::2], strict=True)), X, t, activation, loss)[0]

    flat = np.concatenate([part.ravel() for layer in layers for part in layer])
    ours = np.concatenate(
        [part.ravel() for layer in gradients(layers, X, t, activation, loss)[1] for part in layer]
    )
    assert_allclose(ours, optimize.approx_fprime(flat, value, 1e-7), atol=1e-5)


KERAS_NAMES = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "relu"}


@pytest.mark.parametrize("activation", KERAS_NAMES)
def test_twenty_steps_are_those_of_keras(activation):
    layers, X, t = small_network(0)
    model = keras.Sequential(
        [
            keras.Input((3,), dtype="float64"),
            keras.layers.Dense(4, activation, dtype="float64"),
            keras.layers.Dense(2, activation, dtype="float64"),
            keras.layers.Dense(1, dtype="float64"),
        ]
    )
    model.set_weights([part for layer in layers for part in layer])
    optimizer = keras.optimizers.SGD(0.3)
    loss = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
    for _ in range(20):
        with tf.GradientTape() as tape:
            result = loss(t[:, None], model(X))
        optimizer.apply(tape.gradient(result, model.trainable_weights), model.trainable_weights)
        layers = network_step(layers, X, t, rate=0.3, activation=activation)
    ours = [part for layer in layers for part in layer]
    for mine, theirs in zip(ours, model.get_weights(), strict=True):
        assert_allclose(mine, theirs, atol=1e-5)


# ---- activations --------------------------------------------------------------------------------


@given(st.sampled_from(sorted(ACTIVATIONS)), st.floats(-20, 20))
def test_a_slope_is_that_of_finite_differences_wherever_there_is_no_kink(name, z):
    value, slope, kinks = ACTIVATIONS[name]
    if any(abs(z - kink) < 1e-3 for kink in kinks):
        return
    numerical = (value(z + 1e-5) - value(z - 1e-5)) / 2e-5
    assert_allclose(slope(z), numerical, atol=1e-8)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "step"])
def test_a_kink_is_where_the_two_sides_disagree(name):
    value, slope, kinks = ACTIVATIONS[name]
    assert kinks == (0.0,)
    left, right = value(0.0) - value(-1e-6), value(1e-6) - value(0.0)
    assert not np.isclose(left, right, atol=1e-9)
    if name != "step":
        assert_allclose(slope(0.0), left / 1e-6)  # Intro to ML's left derivative


def by_tape(function, z):
    """A function of Keras's and its gradient, both at z."""
    z = tf.Variable(z)
    with tf.GradientTape() as tape:
        value = function(z)
    return value.numpy(), tape.gradient(value, z).numpy()


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("sigmoid", keras.ops.sigmoid),
        ("tanh", keras.ops.tanh),
        ("relu", keras.ops.relu),
        ("leaky_relu", lambda z: keras.ops.leaky_relu(z, negative_slope=0.01)),
    ],
)
def test_an_activation_and_its_slope_are_those_of_keras(name, theirs):
    z = np.append(np.random.default_rng(0).normal(scale=4, size=50), 0.0)
    value, slope = by_tape(theirs, z)
    assert_allclose(ACTIVATIONS[name].value(z), value, atol=1e-12)
    assert_allclose(ACTIVATIONS[name].slope(z), slope, atol=1e-12)


def test_a_prelu_is_that_of_keras_with_the_gradient_of_alpha():
    z = np.random.default_rng(0).normal(size=(1, 8))
    layer = keras.layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), dtype="float64")
    inputs = tf.Variable(z)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs))
    to_z, to_alpha = tape.gradient(total, [inputs, layer.trainable_weights[0]])
    ours = prelu_slopes(z, 0.25)
    assert_allclose(layer(z), leaky_relu(z, 0.25), atol=1e-12)
    assert_allclose(ours[0], to_z, atol=1e-12)
    assert_allclose(ours[1][0], to_alpha, atol=1e-12)


def test_a_randomized_leaky_relu_draws_for_each_number_and_rests_in_use():
    z = np.full((50, 40), -1.0)
    drawn = -randomized_leaky_relu(z, np.random.default_rng(0))
    assert len(np.unique(drawn)) == drawn.size
    assert 1 / 8 <= drawn.min() < 0.13 < 0.32 < drawn.max() <= 1 / 3
    assert_allclose(np.mean(1 / drawn), 5.5, atol=0.1)
    assert_allclose(randomized_leaky_relu(z), -1 / 5.5)
    assert_array_equal(randomized_leaky_relu([2.0], np.random.default_rng(0)), [2.0])


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=6))
def test_softmax_is_that_of_scipy_at_any_score(scores):
    assert_allclose(softmax(scores), special.softmax(scores), atol=1e-12)
    assert_allclose(log_softmax(scores), special.log_softmax(scores), rtol=1e-9, atol=1e-9)


@given(st.floats(-1e4, 1e4))
def test_sigmoid_is_that_of_scipy_at_any_sum_and_softmax_of_two(z):
    assert_allclose(sigmoid(z), special.expit(z), rtol=1e-12)
    assert_allclose(softmax([z, 0.0])[0], sigmoid(z), rtol=1e-12)


def test_softmax_normalizes_each_row_by_itself():
    rows = np.array([[1e4, 9999.0], [-1e4, -9998.0], [0.0, 0.0]])
    assert_allclose(softmax(rows).sum(axis=1), 1)
    assert_allclose(softmax(rows), [softmax(row) for row in rows])


def test_the_slopes_of_softmax_are_those_of_finite_differences():
    z = np.array([0.3, -1.0, 2.0])
    numerical = optimize.approx_fprime(z, softmax, 1e-7)
    assert_allclose(softmax_slopes(z), numerical, atol=1e-6)


# ---- losses -------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
Z, T, Y = RNG.normal(scale=3, size=8), RNG.integers(0, 2, 8).astype(float), RNG.normal(size=8)
ROWS, LABELS = RNG.normal(scale=3, size=(5, 4)), RNG.integers(0, 4, 5)

KERAS_LOSSES = {
    "absolute error": (absolute_error, absolute_error_slope, "MeanAbsoluteError", {}, Z, Y),
    "squared error": (squared_error, squared_error_slope, "MeanSquaredError", {}, Z, Y),
    "binary cross-entropy": (
        binary_cross_entropy,
        binary_cross_entropy_slope,
        "BinaryCrossentropy",
        {"from_logits": True},
        Z,
        T,
    ),
    "cross-entropy": (
        cross_entropy,
        cross_entropy_slope,
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        ROWS,
        LABELS,
    ),
    "hinge": (hinge, hinge_slope, "Hinge", {}, Z, 2 * T - 1),
}


@pytest.mark.parametrize("name", KERAS_LOSSES)
def test_a_loss_and_its_gradient_are_those_of_keras(name):
    ours, slope, theirs, options, outputs, targets = KERAS_LOSSES[name]
    loss = getattr(keras.losses, theirs)(dtype="float64", **options)
    value, gradient = by_tape(lambda z: loss(targets, z), outputs)
    assert_allclose(ours(outputs, targets), value, atol=1e-9)
    assert_allclose(slope(outputs, targets), gradient, atol=1e-9)


@pytest.mark.parametrize("z", [-1e4, -50.0, 50.0, 1e4])
def test_cross_entropies_are_finite_at_any_score_and_pull_the_right_way(z):
    for t in (0.0, 1.0):
        loss = binary_cross_entropy([z], [t])
        assert_allclose(loss, special.log1p(np.exp(-abs(z))) + abs(z) * ((z > 0) != t), rtol=1e-9)
        assert abs(binary_cross_entropy_slope([z], [t])[0]) <= 1
        rows = np.array([[z, 0.0]])
        assert_allclose(cross_entropy(rows, [int(1 - t)]), loss, rtol=1e-9, atol=1e-12)


def test_kl_is_that_of_scipy_and_of_keras_and_not_symmetric():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(4), size=2)
    assert_allclose(kl_divergence(p, q), entropy(p, q))
    assert_allclose(
        kl_divergence(p, q), keras.losses.KLDivergence(dtype="float64")(p, q), atol=1e-6
    )
    assert kl_divergence(p, p) == 0
    assert not np.isclose(kl_divergence(p, q), kl_divergence(q, p))
    assert kl_divergence([0.0, 1.0], [0.5, 0.5]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_the_playground_has_the_slope_of_finite_differences(name):
    z, t = np.array([-2.0, 0.3, 1.7]), np.array([1.0, 0.0, 1.0])
    value, slope = LOSSES[name]
    assert_allclose(slope(z, t), (value(z + 1e-6, t) - value(z - 1e-6, t)) / 2e-6, atol=1e-8)


# ---- models and exercises -----------------------------------------------------------------------


def test_an_mlp_is_the_forward_pass_of_the_chapter():
    model = mlp((5,), classes=3, hidden=(4, 2), activation="tanh")
    parts = [w.astype("float64") for w in model.get_weights()]
    X = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
    z, _ = forward(list(zip(parts[::2], parts[1::2], strict=True)), X, "tanh")
    assert_allclose(softmax(z[-1]), model(X), atol=1e-5)


def test_a_hidden_layer_without_a_unit_is_refused():
    with pytest.raises(UserError, match="at least one unit"):
        mlp(hidden=(4, 0))


def test_the_solutions_agree_with_the_chapter():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=3), rng.normal(size=3), 0.2
    assert exercises.neuron(x, w, b) == neuron(x, w, b)
    for target in (1.0, -1.0):
        ours = exercises.perceptron_update(w, b, x, target, 0.5)
        for mine, theirs in zip(ours, perceptron_step(w, b, x, target, rate=0.5), strict=True):
            assert_allclose(mine, theirs)
    w, b, mistakes = exercises.perceptron_sweep(np.zeros(2), 0.0, XOR_X, [-1.0, 1.0, 1.0, 1.0])
    assert (w.tolist(), b, mistakes) == ([0.0, 2.0], 2.0, 1)
    points = rng.uniform(-1, 2, size=(50, 2))
    by_layers = sign(forward(XOR_LAYERS, points, "step")[0][-1][:, 0])
    assert_array_equal(exercises.xor_network(points), by_layers)
    z = rng.normal(size=9)
    assert_allclose(exercises.sigmoid_slope(z), scratch.sigmoid_slope(z))
    assert_allclose(exercises.tanh_slope(z), scratch.tanh_slope(z))
    assert_allclose(exercises.leaky_relu_slope(z, 0.1), scratch.leaky_relu_slope(z, 0.1))
    assert_allclose(exercises.softmax(ROWS), softmax(ROWS))
    assert_allclose(exercises.binary_cross_entropy(Z, T), binary_cross_entropy(Z, T))
    assert_allclose(exercises.cross_entropy(ROWS, LABELS), cross_entropy(ROWS, LABELS))
    assert_allclose(
        exercises.cross_entropy_gradient(ROWS, LABELS), cross_entropy_slope(ROWS, LABELS)
    )
    assert_allclose(exercises.hinge(Z, 2 * T - 1), hinge(Z, 2 * T - 1))
    p, q = softmax(ROWS[:2])
    assert_allclose(exercises.kl_divergence(p, q), kl_divergence(p, q))
