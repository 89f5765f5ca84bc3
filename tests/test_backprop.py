"""Backprop held against TensorFlow, Keras and central differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose

from chapters import neurons
from chapters.backprop import exercises, scratch, studies
from chapters.optimizers import scratch as optimizers
from companion.errors import UserError

# ---- the multilayer perceptron ------------------------------------------------------------------


def network(activation, output="linear", seed=0, sizes=(4, 5, 3, 2)):
    """A network with biases that are not zero, a batch, and targets for each loss."""
    rng = np.random.default_rng(seed)
    layers = scratch.initial_layers(sizes, rng, activation=activation, output=output)
    layers = scratch.with_parameters(
        layers, [one + 0.1 * rng.normal(size=one.shape) for one in scratch.parameters(layers)]
    )
    x = rng.normal(size=(6, sizes[0]))
    rows = np.eye(sizes[-1])[rng.integers(0, sizes[-1], 6)]
    return layers, x, {"hinge": 2 * rows - 1}, rows


def by_keras(name, outputs, targets):
    """The loss of the chapter's name, by Keras, from what the last layer answers."""
    if name == "squared_error":  # Keras has no ½, and takes the mean over the outputs as well
        return keras.losses.MeanSquaredError()(targets, outputs) * outputs.shape[-1] / 2
    if name == "hinge":
        return keras.losses.Hinge()(targets, outputs)
    kind = {"cross_entropy": "Categorical", "binary_cross_entropy": "Binary"}[name]
    return getattr(keras.losses, f"{kind}Crossentropy")(from_logits=True)(targets, outputs)


def run_keras(layers, weights, x):
    """Send a batch through layers whose weights are TensorFlow's."""
    for layer, kernel, bias in zip(layers, weights[::2], weights[1::2], strict=True):
        z = x @ kernel + bias
        options = {"negative_slope": scratch.LEAK} if layer.activation == "leaky_relu" else {}
        x = getattr(keras.activations, layer.activation)(z, **options)
    return x


@pytest.mark.parametrize("loss", scratch.LOSSES)
@pytest.mark.parametrize("activation", scratch.ACTIVATIONS)
def test_loss_and_gradients_are_those_of_keras(activation, loss):
    layers, x, other, rows = network(activation)
    targets = other.get(loss, rows)
    value, gradients = scratch.loss_and_gradients(layers, x, targets, loss)
    weights = [tf.Variable(one) for one in scratch.parameters(layers)]
    with tf.GradientTape() as tape:
        theirs = by_keras(loss, run_keras(layers, weights, tf.constant(x)), tf.constant(targets))
    # Keras's losses compute in float32.
    assert_allclose(value, theirs, rtol=1e-5)
    for mine, gradient in zip(gradients, tape.gradient(theirs, weights), strict=True):
        assert_allclose(mine, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", scratch.LOSSES)
@pytest.mark.parametrize("activation", scratch.ACTIVATIONS)
def test_gradients_are_those_of_central_differences(activation, loss):
    output = "sigmoid" if loss == "squared_error" else "linear"
    layers, x, other, rows = network(activation, output, seed=1)
    targets = other.get(loss, rows)
    now = scratch.parameters(layers)
    _, gradients = scratch.loss_and_gradients(layers, x, targets, loss)
    for index, gradient in enumerate(gradients):

        def moved(array, index=index):
            arrays = [array if number == index else one for number, one in enumerate(now)]
            return scratch.loss_and_gradients(
                scratch.with_parameters(layers, arrays), x, targets, loss
            )[0]

        assert scratch.check_gradient(moved, now[index], gradient).error < 1e-6


@pytest.mark.parametrize("activation", scratch.ACTIVATIONS)
def test_slopes_of_activations_are_those_of_central_differences_except_at_kinks(activation):
    value, slope = scratch.ACTIVATIONS[activation]
    z = np.array([-30.0, -2.0, -0.3, 0.0, 0.4, 3.0, 30.0])
    check = scratch.check_gradient(lambda z: np.sum(value(z)), z, slope(z, value(z)))
    assert check.error < 1e-6
    assert check.kinks == ([(3,)] if "relu" in activation else [])


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "hinge"])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_losses_and_their_gradients_are_finite_at_large_logits(loss, size):
    logits, targets = np.array([[size, 0.0, -size]]), np.array([[0.0, 0.0, 1.0]])
    with np.errstate(all="raise", under="ignore"):
        value = scratch.LOSSES[loss].value(logits, targets)
        gradient = scratch.LOSSES[loss].gradient(logits, targets)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


def by(rule, **settings):
    """An update of `scratch.fit` by a rule of chapter 3, with a memory for each array."""
    memories = {}

    def update(now, gradients):
        moved = []
        for index, (weights, gradient) in enumerate(zip(now, gradients, strict=True)):
            memory = memories.get(index, optimizers.NOTHING)
            change, memories[index] = rule(gradient, memory, **settings)
            moved.append(weights + change)
        return moved

    return update


def adam_with_the_epsilon_of_keras(gradient, memory, *, epsilon, **settings):
    converted = optimizers.keras_adam_epsilon(epsilon, rho=0.999, t=memory.t + 1)
    return optimizers.adam(gradient, memory, epsilon=converted, **settings)


# ε is far larger than anyone's, so that its place counts.
@pytest.mark.parametrize(
    ("update", "optimizer"),
    [
        (scratch.gradient_descent(0.1), lambda: keras.optimizers.SGD(0.1)),
        (
            by(optimizers.momentum, rate=0.5, alpha=0.9),
            lambda: keras.optimizers.SGD(
                optimizers.keras_momentum_rate(0.5, alpha=0.9), momentum=0.9
            ),
        ),
        (
            by(optimizers.keras_momentum, rate=0.05, alpha=0.9, nesterov=True),
            lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        ),
        (
            by(optimizers.rmsprop, rate=0.01, epsilon=1e-3, inside=True),
            lambda: keras.optimizers.RMSprop(0.01, epsilon=1e-3),
        ),
        (
            by(adam_with_the_epsilon_of_keras, rate=0.01, epsilon=1e-3),
            lambda: keras.optimizers.Adam(0.01, epsilon=1e-3),
        ),
    ],
    ids=["gradient descent", "momentum", "Nesterov", "RMSprop", "Adam"],
)
def test_twenty_steps_are_those_of_keras(update, optimizer):
    rng = np.random.default_rng(0)
    layers = scratch.initial_layers([8, 7, 6, 3], rng, activation="tanh")
    batches = [(rng.normal(size=(5, 8)), np.eye(3)[rng.integers(0, 3, 5)]) for _ in range(20)]
    # float64 throughout; Keras's own losses would compute in float32.
    model = keras.Sequential(
        [
            keras.Input((8,)),
            *(
                keras.layers.Dense(len(layer.bias), layer.activation, dtype="float64")
                for layer in layers
            ),
        ]
    )
    model.set_weights(scratch.parameters(layers))
    theirs = optimizer()
    for x, targets in batches:
        with tf.GradientTape() as tape:
            logits = model(tf.constant(x))
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        theirs.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    layers, _ = scratch.fit(layers, batches, update)
    for ours, weights in zip(scratch.parameters(layers), model.get_weights(), strict=True):
        assert_allclose(ours, weights, atol=1e-5)


def test_the_mlp_of_chapter_1_is_the_network_by_hand():
    layers = scratch.initial_layers([64, 64, 64, 10], np.random.default_rng(0))
    model = neurons.mlp()
    model.set_weights(scratch.parameters(layers))
    x = np.random.default_rng(1).normal(size=(3, 8, 8, 1))
    ours = np.exp(scratch.log_softmax(scratch.forward(layers, x.reshape(3, 64)).output))
    assert_allclose(ours, model(x.astype("float32")), atol=1e-5)


def test_a_network_by_hand_reads_the_digits():
    errors = [
        studies.error(studies.trained((64, 64), 0.2, seed), studies.digits().test)
        for seed in range(5)
    ]
    assert np.mean(errors) <= 0.03


def test_training_leaves_the_first_layers_as_they_were():
    layers = scratch.initial_layers([2, 2], np.random.default_rng(0))
    before = [one.copy() for one in scratch.parameters(layers)]
    batch = np.ones((1, 2)), np.array([[1.0, 0.0]])
    scratch.fit(layers, [batch], scratch.gradient_descent(1.0))
    for then, now in zip(before, scratch.parameters(layers), strict=True):
        assert_allclose(now, then, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layers: scratch.forward(layers, np.ones((1, 3))), "Layer 1 .* takes 4 numbers"),
        (
            lambda layers: scratch.loss_and_gradients(layers, np.ones((1, 4)), np.ones(1)),
            r"answers with shape \(1, 2\)",
        ),
        (
            lambda layers: scratch.loss_and_gradients(
                layers, np.ones((1, 4)), np.ones((1, 2)), "l2"
            ),
            "no loss named 'l2'",
        ),
        (lambda layers: scratch.Layer(np.ones((1, 1)), np.ones(1), "rellu"), "mean 'relu'"),
        (lambda layers: scratch.check_gradient(np.sum, np.ones(3), np.ones(2)), "has the shape of"),
    ],
)
def test_a_wrong_call_is_answered_in_words(call, message):
    with pytest.raises(UserError, match=message):
        call(network("tanh")[0])


# ---- the checker --------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [2.0, 0.5, -1.0, 1.01])
def test_the_checker_finds_a_wrong_factor_however_small_the_gradient(wrong):
    x = np.array([1.0, -2.0, 3.0])
    for scale in (1e-6, 1.0, 1e6):
        right = scale * 3 * x**2
        f = lambda x, scale=scale: scale * np.sum(x**3)  # noqa: E731
        assert scratch.check_gradient(f, x, right).error < 1e-6
        assert scratch.check_gradient(f, x, wrong * right).error > 5e-3


def test_the_checker_does_not_change_what_it_checks():
    x = np.array([1.0, 2.0])
    scratch.check_gradient(lambda x: np.sum(x**2), x, 2 * x)
    assert x.tolist() == [1.0, 2.0]


# ---- worked numbers, exercises, studies ---------------------------------------------------------


def test_the_table_of_cs826_is_one_step_of_gradient_descent():
    after, _ = scratch.fit(
        scratch.CS826_NETWORK,
        [(scratch.CS826_INPUT, scratch.CS826_TARGET)],
        scratch.gradient_descent(scratch.CS826_RATE),
        "squared_error",
    )
    hidden, bias, output, last = scratch.parameters(after)
    by_layers = [bias[0], *hidden[:, 0], bias[1], *hidden[:, 1], last[0], *output[:, 0]]
    assert_allclose([row.updated for row in scratch.delta_rule_table()], by_layers, rtol=1e-12)


def test_the_exercises_know_what_the_chapter_knows():
    rng = np.random.default_rng(0)
    layers = scratch.initial_layers([3, 3, 3], rng, activation="sigmoid", output="sigmoid")
    x, targets = rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))
    _, (hidden, _, output, _) = scratch.loss_and_gradients(layers, x, targets, "squared_error")
    weights = layers[0].weights, layers[1].weights
    moved = exercises.train_step.reference(x, targets, *weights, 0.3)
    for ours, before, gradient in zip(moved, weights, (hidden, output), strict=True):
        assert_allclose(ours, before - 0.3 * gradient)


def test_the_studies_measure_what_they_ask():
    row = studies.difference_step_row(("central", 1e-6), 0, quick=True)
    assert (
        row["digits_right"]
        > studies.difference_step_row(("one-sided", 1e-6), 0, quick=True)["digits_right"] + 1
    )
    row = studies.hidden_layers_row(1, 0, quick=True)
    assert row["rate"] in studies.RATES
    assert row["test_error"] < 0.1
