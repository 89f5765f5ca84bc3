"""Graphs of computation: their gradients against TensorFlow's, and in the page."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node
from numpy.testing import assert_allclose

from chapters.backprop import figures, scratch
from chapters.backprop.expression import (
    COMP7015_NETWORK,
    COMP7015_NUMBERS,
    CS826_EXPRESSION,
    CS826_NUMBERS,
    HINGE,
    parse,
)
from chapters.backprop.graph import Graph
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
