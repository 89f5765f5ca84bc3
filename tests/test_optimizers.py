"""Optimizers: NumPy and Keras take the same steps."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from chapters.optimizers import exercises, scratch, studies
from chapters.optimizers.scratch import SURFACES, walk

numbers = st.floats(-10, 10, allow_subnormal=False)
gradients_of = arrays(np.float64, (6, 3), elements=numbers)
shares = st.floats(0.0, 0.99)
some_rates = st.floats(1e-4, 1.0)


def changes(rule, gradients):
    """What a rule makes of gradients that come one after the other."""
    memory, made = scratch.NOTHING, []
    for gradient in gradients:
        change, memory = rule(gradient, memory)
        made.append(change)
    return np.array(made)


# ---- laws of the rules --------------------------------------------------------------------------


@settings(deadline=None)
@given(gradients=gradients_of, rate=some_rates)
def test_without_a_past_momentum_is_gradient_descent(gradients, rate):
    plain = changes(partial(scratch.gradient_descent, rate=rate), gradients)
    for rule in (scratch.momentum, scratch.keras_momentum):
        assert_allclose(changes(partial(rule, rate=rate, alpha=0.0), gradients), plain)


@settings(deadline=None)
@given(gradients=gradients_of, rate=some_rates, alpha=shares)
def test_momentum_sums_all_gradients_with_weights_that_fade(gradients, rate, alpha):
    made = changes(partial(scratch.momentum, rate=rate, alpha=alpha), gradients)
    for t, change in enumerate(made):
        fading = (1 - alpha) * alpha ** np.arange(t, -1, -1)
        assert_allclose(change, -rate * fading @ gradients[: t + 1], rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(gradients=gradients_of, rate=some_rates, alpha=shares)
def test_at_a_rate_that_stays_both_momentums_are_one_after_conversion(gradients, rate, alpha):
    ours = changes(partial(scratch.momentum, rate=rate, alpha=alpha), gradients)
    converted = scratch.keras_momentum_rate(rate, alpha)
    theirs = changes(partial(scratch.keras_momentum, rate=converted, alpha=alpha), gradients)
    assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_at_a_rate_that_falls_the_two_momentums_part():
    memories = [scratch.NOTHING, scratch.NOTHING]
    for rate in (1.0, 0.1):
        ours, memories[0] = scratch.momentum(1.0, memories[0], rate=rate)
        theirs, memories[1] = scratch.keras_momentum(
            1.0, memories[1], rate=scratch.keras_momentum_rate(rate, 0.9)
        )
    assert float(ours) == pytest.approx(-0.019)  # 0.1 · (0.9 · 0.1 + 0.1)
    assert float(theirs) == pytest.approx(-0.1)  # 0.9 · 0.1 + 0.1 · 0.1


@settings(deadline=None)
@given(gradients=gradients_of, rate=some_rates, rho=shares)
def test_uncorrected_adam_without_a_first_moment_is_rmsprop(gradients, rate, rho):
    adam = partial(scratch.adam, rate=rate, alpha=0.0, rho=rho, correct=False)
    assert_allclose(
        changes(adam, gradients), changes(partial(scratch.rmsprop, rate=rate, rho=rho), gradients)
    )


@settings(deadline=None)
@given(gradient=st.floats(1e-3, 1e3), rate=some_rates, alpha=shares, rho=shares)
def test_at_a_gradient_that_stays_every_step_of_adam_is_as_long_as_the_rate(
    gradient, rate, alpha, rho
):
    made = changes(
        partial(scratch.adam, rate=rate, alpha=alpha, rho=rho, epsilon=0), [gradient] * 9
    )
    assert_allclose(made, -rate, rtol=1e-6)


@settings(deadline=None)
@given(gradients=gradients_of, scale=st.floats(1e-3, 1e3))
def test_the_size_of_the_loss_is_nothing_to_rmsprop_and_adam(gradients, scale):
    gradients = np.where(np.abs(gradients) < 1e-3, 1.0, gradients)
    for rule in (scratch.rmsprop, scratch.adam):
        rule = partial(rule, rate=0.1, epsilon=0)
        assert_allclose(changes(rule, scale * gradients), changes(rule, gradients), rtol=1e-6)


def test_uncorrected_steps_are_as_long_as_the_lesson_says():
    t = np.arange(1, 1001)
    made = -changes(partial(scratch.adam, rate=1.0, epsilon=0, correct=False), np.ones(1000))
    assert_allclose(made, (1 - 0.9**t) / np.sqrt(1 - 0.999**t), rtol=1e-9)
    assert (t[made.argmax()], round(made.max(), 1), round(made[0], 1)) == (12, 6.6, 3.2)


# ---- the rules and Keras ------------------------------------------------------------------------


def by_keras(optimizer, gradients, start):
    """Places after each step of a Keras optimizer that is given these gradients, in float64."""
    import keras

    w = keras.Variable(start, dtype="float64")
    places = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, dtype="float64")], [w])
        places.append(keras.ops.convert_to_numpy(w).copy())
    return np.array(places)


def by_hand(rule, gradients, start):
    """Places after each step of a rule that is given these gradients."""
    return start + np.cumsum(changes(rule, gradients), axis=0)


@pytest.fixture
def gradients():
    """Twenty gradients of four weights, from 10⁻⁴ to 10 in size."""
    rng = np.random.default_rng(0)
    return 10.0 ** np.array([-4, -2, 0, 1]) * rng.normal(size=(20, 4))


START = np.array([1.0, -2.0, 0.5, 3.0])
# The rule by hand, and Keras's optimizer where the two are one.
TWINS = {
    "gradient descent": (
        partial(scratch.gradient_descent, rate=0.1),
        "SGD",
        {"learning_rate": 0.1},
    ),
    "momentum, converted": (
        partial(scratch.momentum, rate=0.1, alpha=0.8),
        "SGD",
        {"learning_rate": scratch.keras_momentum_rate(0.1, 0.8), "momentum": 0.8},
    ),
    "Keras's momentum": (
        partial(scratch.keras_momentum, rate=0.1, alpha=0.8),
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.8},
    ),
    "Nesterov": (
        partial(scratch.keras_momentum, rate=0.1, alpha=0.8, nesterov=True),
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.8, "nesterov": True},
    ),
    "RMSprop, ε inside": (
        partial(scratch.rmsprop, rate=0.1, rho=0.8, epsilon=1e-3, inside=True),
        "RMSprop",
        {"learning_rate": 0.1, "rho": 0.8, "epsilon": 1e-3},
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_rule_takes_the_steps_of_keras(name, gradients):
    import keras

    rule, optimizer, options = TWINS[name]
    theirs = by_keras(getattr(keras.optimizers, optimizer)(**options), gradients, START)
    assert_allclose(by_hand(rule, gradients, START), theirs, atol=1e-6)


@pytest.mark.parametrize("epsilon", [1e-7, 1e-2, 1.0])
def test_adam_takes_the_steps_of_keras_once_its_epsilon_is_converted(epsilon, gradients):
    import keras

    optimizer = keras.optimizers.Adam(0.1, beta_1=0.8, beta_2=0.99, epsilon=epsilon)
    theirs = by_keras(optimizer, gradients, START)
    memory, w = scratch.NOTHING, START
    for t, gradient in enumerate(gradients, start=1):
        converted = scratch.keras_adam_epsilon(epsilon, 0.99, t)
        change, memory = scratch.adam(
            gradient, memory, rate=0.1, alpha=0.8, rho=0.99, epsilon=converted
        )
        w = w + change
        assert_allclose(w, theirs[t - 1], atol=1e-6)


def test_unconverted_the_rules_are_not_those_of_keras(gradients):
    import keras

    for rule, optimizer in (
        (partial(scratch.momentum, rate=0.1), keras.optimizers.SGD(0.1, momentum=0.9)),
        (partial(scratch.adam, rate=0.1, epsilon=0.1), keras.optimizers.Adam(0.1, epsilon=0.1)),
        (
            partial(scratch.rmsprop, rate=0.1, epsilon=0.01),
            keras.optimizers.RMSprop(0.1, epsilon=0.01),
        ),
    ):
        theirs = by_keras(optimizer, gradients, START)
        assert np.abs(by_hand(rule, gradients, START) - theirs).max() > 0.01


# ---- the loop, and maps -------------------------------------------------------------------------


@pytest.mark.parametrize("name", SURFACES)
def test_the_slopes_of_a_map_are_those_of_its_heights(name):
    surface, step = SURFACES[name], 1e-6
    for w in np.random.default_rng(0).uniform(-1.5, 1.5, (20, 2)):
        slopes = [
            (surface.height(w + step * side) - surface.height(w - step * side)) / (2 * step)
            for side in np.eye(2)
        ]
        assert_allclose(surface.gradient(w), slopes, atol=1e-6)
    for minimum in np.array(surface.minima):
        assert_allclose(surface.gradient(minimum), 0)
        around = minimum + np.random.default_rng(1).normal(0, 0.1, (50, 2))
        assert (surface.height(around) > surface.height(minimum)).all()


@settings(deadline=None)
@given(curvature=st.floats(0.1, 50), share=st.floats(0.05, 3))
def test_a_rate_below_two_by_the_curvature_shrinks_and_one_above_runs_away(curvature, share):
    if abs(share - 1) < 1e-6:
        return
    rate = share * scratch.largest_rate(curvature)
    rule = partial(scratch.gradient_descent, rate=rate)
    *_, end = scratch.descend(1.0, lambda w, _: curvature * w, rule, range(5))
    assert (abs(end) < 1) == (share < 1)


@settings(deadline=None)
@given(
    examples=st.integers(1, 30),
    size=st.integers(1, 12),
    epochs=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_every_example_comes_once_an_epoch(examples, size, epochs, seed):
    batches = list(scratch.minibatches(examples, size, epochs, np.random.default_rng(seed)))
    order = np.concatenate(batches).reshape(epochs, examples)
    assert_allclose(np.sort(order, axis=1), np.tile(np.arange(examples), (epochs, 1)))
    assert max(map(len, batches)) <= size


def test_a_batchs_slope_is_wrong_but_not_to_one_side():
    rng = np.random.default_rng(0)
    x, y, W = rng.normal(size=(12, 3)), rng.integers(0, 4, 12), rng.normal(size=(3, 4))
    parts = [
        scratch.softmax_regression_gradient(W, x[i], y[i]) for i in np.arange(12).reshape(4, 3)
    ]
    whole = scratch.softmax_regression_gradient(W, x, y)
    assert_allclose(np.mean(parts, axis=0), whole)
    assert np.abs(parts[0] - whole).max() > 0.01


def test_softmax_regression_has_the_gradient_of_its_loss():
    rng = np.random.default_rng(0)
    x, y, W = rng.normal(size=(7, 3)), rng.integers(0, 4, 7), rng.normal(size=(3, 4))
    slopes = np.zeros_like(W)
    for at in np.ndindex(W.shape):
        hair = np.zeros_like(W)
        hair[at] = 1e-6
        slopes[at] = (
            scratch.softmax_regression_loss(W + hair, x, y)
            - scratch.softmax_regression_loss(W - hair, x, y)
        ) / 2e-6
    assert_allclose(scratch.softmax_regression_gradient(W, x, y), slopes, atol=1e-8)
    assert np.isfinite(scratch.softmax_regression_loss(1e4 * W, x, y))


# ---- models and studies -------------------------------------------------------------------------


def test_a_normalized_layer_has_no_bias_and_a_plain_one_has():
    from chapters.optimizers.models import normalized_mlp

    normalized, plain = (normalized_mlp(hidden=(9,), normalization=on) for on in (True, False))
    assert not normalized.get_layer("hidden1").use_bias
    assert plain.get_layer("hidden1").use_bias
    learned = [sum(int(np.prod(w.shape)) for w in m.trainable_weights) for m in (normalized, plain)]
    assert learned == [64 * 9 + 2 * 9 + 100, 64 * 9 + 9 + 100]


def test_shifting_noise_moves_a_feature_as_a_whole_and_only_while_training():
    from chapters.optimizers.models import ShiftingNoise

    layer, x = ShiftingNoise(0.5, seed=0), np.random.default_rng(0).normal(size=(500, 4))
    x = x.astype("float32")
    assert_allclose(layer(x, training=False), x)
    first, second = (np.asarray(layer(x, training=True)) for _ in range(2))
    shifts = [(noisy - x).mean(axis=0) for noisy in (first, second)]
    assert np.abs(shifts[0] - shifts[1]).max() > 0.1  # anew at every step
    assert np.abs(np.concatenate(shifts)).max() < 0.5 + 0.1
    again = ShiftingNoise.from_config(layer.get_config())
    assert_allclose(np.asarray(again(x, training=True)), first)


def test_noise_needs_a_normalization_to_stand_behind():
    from chapters.optimizers.models import ShiftingNoise, normalized_mlp
    from companion.errors import UserError

    with pytest.raises(UserError, match="behind the normalization"):
        normalized_mlp(normalization=False, noise=0.5)
    with pytest.raises(UserError, match="0 or more"):
        ShiftingNoise(-1)


def test_every_optimizer_has_as_many_rates_to_try_half_a_decade_apart():
    grids = [np.array(one.rates) for one in studies.OPTIMIZERS.values()]
    assert len({len(grid) for grid in grids}) == 1
    for grid in grids:
        assert_allclose(np.diff(np.log10(grid)), 0.5, atol=0.03)
    sgd, momentum = (studies.OPTIMIZERS[name].rates for name in ("SGD", "momentum"))
    assert_allclose([scratch.keras_momentum_rate(rate, 0.9) for rate in sgd], momentum)


def test_the_rate_is_chosen_on_validation_and_the_test_digits_are_looked_at_once(monkeypatch):
    """Three rates are tried; the one with the lowest validation loss has the worst test error."""
    from chapters.optimizers import models

    digits, looks = studies.digits(), []

    class Model:
        weights = None

        def get_weights(self):
            return self.weights

        def set_weights(self, weights):
            self.weights = weights

    class Run:
        def __init__(self, model):
            self.model = model

        def error(self, split):
            if split is digits.test:
                looks.append(self.model.weights)
            return {0.03: 0.1, 0.3: 0.9, 3.0: 0.0}[self.model.weights]

    def train(model, *, learning_rate, **_):
        model.weights = learning_rate
        return Run(model), {0.03: 0.5, 0.3: 0.2, 3.0: float("inf")}[learning_rate]

    monkeypatch.setattr(studies, "train", train)
    monkeypatch.setattr(studies, "fresh_start", lambda seed: None)
    monkeypatch.setattr(models, "normalized_mlp", lambda **_: Model())
    row = studies.optimizer_row("SGD", 0, quick=True)
    assert looks == [0.3]
    assert (row["rate"], row["test_error"], row["broken"]) == (0.3, 0.9, 1.0)


# ---- exercises ----------------------------------------------------------------------------------


def test_the_exercises_ask_for_what_the_chapter_computes():
    rng = np.random.default_rng(0)
    w, gradients = rng.normal(size=3), rng.normal(size=(7, 3))
    rates = np.full(7, 0.2)

    def end(rule):
        return by_hand(rule, gradients, w)[-1]

    assert_allclose(
        exercises.gradient_descent(np.array([-4.0, 1.0]), np.array([1.0, 20.0]), 0.05, 9),
        walk("bowl", partial(scratch.gradient_descent, rate=0.05), 9),
    )
    assert_allclose(
        exercises.momentum(w, gradients, rates, 0.8),
        end(partial(scratch.momentum, rate=0.2, alpha=0.8)),
    )
    assert_allclose(
        exercises.nesterov(w, gradients, rates, 0.8),
        end(partial(scratch.keras_momentum, rate=0.2, alpha=0.8, nesterov=True)),
    )
    assert_allclose(
        exercises.rmsprop(w, gradients, 0.2, 0.8, 1e-3),
        end(partial(scratch.rmsprop, rate=0.2, rho=0.8, epsilon=1e-3)),
    )
    assert_allclose(
        exercises.adam(w, gradients, 0.2, 0.8, 0.9, 1e-3),
        end(partial(scratch.adam, rate=0.2, alpha=0.8, rho=0.9, epsilon=1e-3)),
    )
    rate, alpha, epsilon = exercises.keras_settings(0.5, 0.9, 1e-3, 0.999, 4)
    assert rate == pytest.approx(scratch.keras_momentum_rate(0.5, alpha))
    assert scratch.keras_adam_epsilon(epsilon, 0.999, 4) == pytest.approx(1e-3)
    batches = rng.normal(2, 3, (5, 8, 3))
    mean, variance = np.zeros(3), np.ones(3)
    for x in batches:
        of = scratch.batch_norm(x, epsilon=1e-2)
        mean = scratch.moving_average(mean, of.mean, momentum=0.8)
        variance = scratch.moving_average(variance, of.variance, momentum=0.8)
    assert_allclose(exercises.moving_averages(batches, 0.8), (mean, variance))
    gamma, beta, g = rng.normal(size=3), rng.normal(size=3), rng.normal(size=x.shape)
    of = scratch.batch_norm(x, gamma, beta, epsilon=1e-2)
    assert_allclose(exercises.batch_norm(x, gamma, beta, 1e-2), of.y)
    assert_allclose(
        exercises.batch_norm_inference(x, gamma, beta, mean, variance, 1e-2),
        scratch.batch_norm_inference(x, gamma, beta, mean, variance, epsilon=1e-2),
    )
    for ours, theirs in zip(
        exercises.batch_norm_gradient(g, x, gamma, beta, 1e-2),
        scratch.batch_norm_backward(g, of, gamma, epsilon=1e-2),
        strict=True,
    ):
        assert_allclose(ours, theirs)
