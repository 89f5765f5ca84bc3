"""Backprop held against TensorFlow, Keras, central differences, and itself in JavaScript."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node
from numpy.testing import assert_allclose

from chapters import neurons
from chapters.backprop import exercises, figures, scratch, studies
from chapters.backprop.expression import (
    COMP7015_NETWORK,
    COMP7015_NUMBERS,
    CS826_EXPRESSION,
    CS826_NUMBERS,
    HINGE,
    parse,
)
from chapters.backprop.graph import Graph
from chapters.optimizers import scratch as optimizers
from companion.errors import UserError

GRAPH_JS = Path(figures.__file__).with_name("graph.js")
few = settings(max_examples=40, deadline=None)

BY_TENSORFLOW = {
    "+": tf.add,
    "−": tf.subtract,
    "·": tf.multiply,
    "max": tf.maximum,
    "σ": tf.sigmoid,
    "Σ": tf.reduce_sum,
}


# ---- the graph engine ---------------------------------------------------------------------------


@st.composite
def graphs(draw):
    """A graph of up to ten nodes over numbers and lists of three; many are used more than once."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = {
        name: rng.normal(size=shape) for name, shape in zip("abvw", ((), (), 3, 3), strict=True)
    }
    known, table = list(inputs), {}
    for number in range(draw(st.integers(2, 9))):
        block = draw(st.sampled_from(sorted(BY_TENSORFLOW)))
        pick = st.sampled_from(known[-5:])
        names = (draw(pick),) if block in "σΣ" else (draw(pick), draw(pick))
        table[f"n{number}"] = (block, *names)
        known.append(f"n{number}")
    table["out"] = ("Σ", known[-1])
    graph = Graph(dict(draw(st.permutations(list(table.items())))))
    values = graph.forward(**{name: inputs[name] for name in inputs if name in graph.order})
    for block, *names in table.values():
        if block == "max":  # a tie is a kink, where no two rules need agree
            assume(np.all(np.abs(values[names[0]] - values[names[1]]) > 1e-2))
    assume(max(np.abs(value).max() for value in values.values()) < 100)
    return graph, {name: inputs[name] for name in inputs if name in graph.order}


@given(graphs())
@few
def test_the_gradients_of_a_graph_are_those_of_tensorflow(drawn):
    graph, inputs = drawn
    graph.forward(**inputs)
    ours = graph.backward("out")
    with tf.GradientTape(persistent=True) as tape:
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        tape.watch(list(tensors.values()))
        for node in graph.order:
            if node in graph.table:
                block, *names = graph.table[node]
                tensors[node] = BY_TENSORFLOW[block](*[tensors[name] for name in names])
    for name, tensor in tensors.items():
        theirs = tape.gradient(tensors["out"], tensor)
        theirs = tf.zeros_like(tensor) if theirs is None else theirs
        assert_allclose(ours[name], theirs, rtol=1e-9, atol=1e-9, err_msg=name)


@given(graphs())
@few
def test_the_gradients_of_a_graph_are_those_of_central_differences(drawn):
    graph, inputs = drawn
    graph.forward(**inputs)
    ours = graph.backward("out")
    for name in inputs:
        measured = scratch.numerical_gradient(
            lambda value, name=name: graph.forward(**{**inputs, name: value})["out"], inputs[name]
        )
        assert_allclose(ours[name], measured, rtol=1e-5, atol=1e-5, err_msg=name)


def test_what_is_used_twice_adds_up():
    graph = parse("f = (a + b) · b")
    graph.forward(a=1, b=2)
    assert graph.backward()["b"] == 5


@pytest.mark.parametrize(
    ("table", "inputs", "message"),
    [
        ({"p": ("·", "q", "x"), "q": ("+", "p", "x")}, {}, r"circle: (p → q → p|q → p → q)"),
        ({"p": ("·", "w", "x")}, {"x": 1}, "w, which p need, has no value"),
        ({"p": ("·", "w", "x")}, {"w": [1, 2], "x": [1, 2, 3]}, r"p: shapes differ: w \(2,\), x"),
        ({"p": ("·", "w", "x")}, {"w": 1, "x": 1, "v": 1}, "v is no input .* inputs: w, x"),
        ({"p": ("/", "w", "x")}, {}, "p: a block is one of"),
        ({"p": ("·", "w")}, {}, "p: · takes 2 inputs"),
    ],
    ids=["a circle", "a missing input", "a clash of shapes", "no input", "no block", "arity"],
)
def test_what_is_wrong_with_a_graph_is_said_with_its_node(table, inputs, message):
    with pytest.raises(UserError, match=message):
        Graph(table).forward(**inputs)


def test_a_graph_says_that_it_has_no_values_yet():
    with pytest.raises(UserError, match="loss has no forward value"):
        parse(HINGE).backward()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a / b", "none of"),
        ("x = y", "none of"),
        ("tanh(x)", "none of"),
        ("a +", "cannot be read"),
        ("a = b = c + 1", "cannot be read"),
        ("", "nothing to compute"),
        ("a = b · c; a = b + c", "a has two rows"),
        ("x = max(a)", "x: max takes 2"),
    ],
)
def test_an_expression_that_is_no_graph_is_refused_in_words(text, message):
    with pytest.raises(UserError, match=message):
        parse(text)


def test_the_same_part_written_twice_is_one_node():
    graph = parse("f = σ(a · b) + (a · b)²")
    assert sum(row == ("·", "a", "b") for row in graph.table.values()) == 1


# ---- in the page --------------------------------------------------------------------------------


def in_the_page(program, given):
    """What `program`, which knows `graphs`, returns for each of the given."""
    return in_javascript(GRAPH_JS, f"(graphs, given) => given.map({program})", given)


GIVEN = [
    (HINGE, {"w": [1.0, 0.5], "φ": [1.0, -1.0], "y": 1.0}),
    (COMP7015_NETWORK, COMP7015_NUMBERS),
    (CS826_EXPRESSION, CS826_NUMBERS),
    ("f = (a + b) · b", {"a": 1.0, "b": 2.0}),
    ("f = max(−x² + 3, 0.5 · σ(x · y) − -2) · (x − (y − 1)) + y²", {"x": 0.7, "y": -1.2}),
    ("u = 2 · v − b; f = Σ(max(u, v · v)) + b", {"v": [0.3, -2.0], "b": 0.4}),
]


@needs_node
def test_the_stepper_computes_what_the_chapter_computes():
    program = """({ text, inputs }) => {
        const graph = graphs.parse(text);
        const values = graphs.forward(graph, inputs);
        const { gradients } = graphs.backward(graph, values);
        const slope = (name) => (_, i) => graphs.measure(graph, inputs, name, i).slope;
        const measured = Object.fromEntries(
            graph.leaves.map((name) => [name, [inputs[name]].flat().map(slope(name))]));
        const places = graphs.places(graph);
        return { table: [...graph.table], values, gradients, measured, places };
    }"""
    received = in_the_page(program, [{"text": text, "inputs": inputs} for text, inputs in GIVEN])
    for (text, inputs), theirs in zip(GIVEN, received, strict=True):
        graph = parse(text)
        values, gradients = graph.forward(**inputs), graph.backward()
        assert {name: tuple(row) for name, row in theirs["table"]} == graph.table
        for name in graph.order:
            assert_allclose(theirs["values"][name], values[name], rtol=1e-12, err_msg=name)
            assert_allclose(theirs["gradients"][name], gradients[name], rtol=1e-12, atol=1e-15)
        for name in inputs:
            assert_allclose(theirs["measured"][name], np.ravel(gradients[name]), atol=1e-6)
        for name, (column, row) in figures.places(graph).items():
            assert theirs["places"][name] == [column, pytest.approx(-row)]


@needs_node
def test_the_stepper_refuses_what_the_chapter_refuses():
    texts = [
        "a / b",
        "x = y",
        "tanh(x)",
        "a +",
        "a = b = c",
        "",
        "x = max(a)",
        "a = b + 1; b = a + 1",
    ]
    program = """(text) => {
        try { graphs.parse(text); return ""; } catch (error) { return error.message; } }"""
    output = in_the_page(program, texts)
    assert all(output), output
    assert "a → b → a" in output[-1]


@needs_node
def test_the_step_in_the_page_is_the_step_of_the_chapter():
    program = """({ text, inputs }) => {
        const graph = graphs.parse(text);
        const { gradients } = graphs.backward(graph, graphs.forward(graph, inputs));
        return graphs.update(inputs, gradients, ["w3", "w4", "w05", "w35", "w45"], 0.1);
    }"""
    (moved,) = in_the_page(program, [{"text": CS826_EXPRESSION, "inputs": CS826_NUMBERS}])
    after = [*moved["w3"], *moved["w4"], moved["w05"], moved["w35"], moved["w45"]]
    assert_allclose(after, [row.updated for row in scratch.delta_rule_table()], rtol=1e-12)


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


def test_the_graph_of_cs826_and_its_layers_have_the_same_gradients():
    graph = parse(CS826_EXPRESSION)
    graph.forward(**CS826_NUMBERS)
    by_graph = graph.backward()
    _, (to_hidden, to_bias, to_output, to_last) = scratch.loss_and_gradients(
        scratch.CS826_NETWORK, scratch.CS826_INPUT, scratch.CS826_TARGET, "squared_error"
    )
    for unit, name in enumerate(("w3", "w4")):
        assert_allclose(by_graph[name], [to_bias[unit], *to_hidden[:, unit]], rtol=1e-12)
    ours = [by_graph[name] for name in ("w35", "w45", "w05")]
    assert_allclose(ours, [*to_output[:, 0], to_last[0]], rtol=1e-12)


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
