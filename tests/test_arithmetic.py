"""The numbers of the interactive figures: computed in JavaScript, held against Python and Keras."""

import base64
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node

from chapters.convolution import convolution, output_size
from companion.errors import UserError

CHAPTERS = Path(__file__).parents[1] / "chapters"
ARITHMETIC = CHAPTERS / "assets" / "arithmetic.js"
WEIGHTS = CHAPTERS / "convnets" / "lenet5_weights.js"
pytestmark = [pytest.mark.slow, needs_node]


@st.composite
def walks(draw):
    """A kernel over one to three channels, and numbers to two digits, as a reader types them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    window = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    channels = draw(st.integers(1, 3))
    return {
        "x": rng.normal(size=(channels, *size)).round(2).tolist(),
        "w": rng.normal(size=(channels, *window)).round(2).tolist(),
        "padding": draw(st.integers(0, 3)),
        "stride": draw(st.integers(1, 4)),
        "dilation": draw(st.integers(1, 3)),
    }


@given(st.lists(walks(), min_size=20, max_size=20))
@settings(max_examples=5, deadline=None)
def test_the_stepper_computes_what_the_chapter_computes(asked):
    program = """(a, walks) => walks.map(({x, w, ...options}) => {
        try {
            return { shape: a.mapShape(x, w, options), map: a.featureMap(x, w, options) };
        } catch (error) { return { said: error.message }; } })"""
    for walk, received in zip(asked, in_javascript(ARITHMETIC, program, asked), strict=True):
        x, w = np.array(walk.pop("x")), np.array(walk.pop("w"))
        try:
            images, kernel = np.moveaxis(x, 0, -1)[None], np.moveaxis(w, 0, -1)[..., None]
            expected = convolution(images, kernel, **walk)
        except UserError:
            assert "Take a smaller kernel" in received["said"]
            continue
        assert received["shape"] == [
            output_size(n, k, **walk) for n, k in zip(x.shape[1:], w.shape[1:], strict=True)
        ]
        np.testing.assert_allclose(received["map"], expected[0, ..., 0], atol=1e-9)


@pytest.mark.parametrize(
    ("walk", "expected_message"),
    [
        ({"stride": 0}, "with 0 the window would not move"),
        ({"stride": -1}, "The stride is a whole number from 1. Received: -1."),
        ({"stride": 1.5}, "The stride is a whole number from 1. Received: 1.5."),
        ({"padding": -1}, "padding"),
        ({"padding": 0.5}, "padding"),
        ({"dilation": 0}, "dilation"),
        ({"dilation": 3}, "a smaller dilation"),
    ],
)
def test_a_walk_that_makes_no_sense_is_refused(walk, expected_message):
    program = """(a, walk) => {
        try { a.outputSize(5, 3, walk); } catch (e) { return [e.name, e.message]; } }"""
    name, message = in_javascript(ARITHMETIC, program, walk)
    assert name == "RangeError"
    assert expected_message in message


READ_WEIGHTS = f"""
    const text = require("fs").readFileSync({json.dumps(str(WEIGHTS))}, "utf-8").split('"')[1];
    const weights = a.lenetWeights(text);
"""


@pytest.fixture(scope="module")
def lenet5():
    """LeNet-5 in Keras with the weights that the page has."""
    from chapters.convnets import lenet5

    text = WEIGHTS.read_text(encoding="utf-8").split('"')[1]
    numbers = np.frombuffer(base64.b64decode(text), "<f2").astype("float32")
    model = lenet5()
    assert len(numbers) == model.count_params()
    ends = np.cumsum([np.prod(weight.shape) for weight in model.weights])[:-1]
    pieces = np.split(numbers, ends)
    model.set_weights([p.reshape(w.shape) for p, w in zip(pieces, model.weights, strict=True)])
    return model


@pytest.fixture(scope="module")
def digits():
    """A hundred handwritten digits that these weights have not seen, 28×28."""
    import companion

    return companion.load("digits").fitted_to((28, 28, 1)).test.x[:100]


def test_lenet5_in_the_browser_is_lenet5_in_keras(lenet5, digits):
    received = in_javascript(
        ARITHMETIC,
        f"""(a, images) => {{ {READ_WEIGHTS}
            return images.map((image) => a.lenet5(weights, image).output); }}""",
        digits.reshape(100, 784).astype(float).round(6).tolist(),
    )
    np.testing.assert_allclose(received, lenet5(digits), atol=1e-3)


def test_every_map_and_the_products_behind_it_are_those_of_keras(lenet5, digits):
    layers = ["C1", "S2", "C3", "S4", "C5", "F6"]
    inside = keras.Model(lenet5.input, [lenet5.get_layer(name).output for name in layers])
    expected = inside(digits[:1])
    received = in_javascript(
        ARITHMETIC,
        f"""(a, image) => {{ {READ_WEIGHTS}
            const answers = a.lenet5(weights, image);
            const behind = (layer, ...at) => {{
                const {{ products, bias }} = a.lenetTerms(weights, answers, layer, ...at);
                return [products.length, products.reduce((s, t) => s + t.product, bias)];
            }};
            return {{
                maps: [answers.C1, answers.S2, answers.C3, answers.S4, answers.C5]
                    .map(({{ data }}) => Array.from(data)).concat([Array.from(answers.F6)]),
                terms: [behind("C1", 12, 9, 3), behind("C3", 4, 5, 11), behind("C5", 0, 0, 77),
                    behind("F6", 0, 0, 40),
                    ...Array.from({{ length: 10 }}, (_, k) => behind("output", 0, 0, k))],
            }}; }}""",
        digits[0].ravel().astype(float).tolist(),
    )
    for ours, theirs in zip(received["maps"], expected, strict=True):
        np.testing.assert_allclose(ours, np.ravel(theirs), atol=1e-3)
    (few, c1), (many, c3), (more, c5), (all_of_c5, f6), *outputs = received["terms"]
    assert (few, many, more, all_of_c5, outputs[0][0]) == (25, 150, 400, 120, 84)
    assert max(c5, 0) == pytest.approx(float(expected[4][0, 0, 0, 77]), abs=1e-4)
    assert max(f6, 0) == pytest.approx(float(expected[5][0, 40]), abs=1e-4)
    scores = np.array([score for _, score in outputs])
    shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    np.testing.assert_allclose(shares, lenet5(digits[:1])[0], atol=1e-5)
    assert max(c1, 0) == pytest.approx(float(expected[0][0, 12, 9, 3]), abs=1e-3)
    assert max(c3, 0) == pytest.approx(float(expected[2][0, 4, 5, 11]), abs=1e-3)


@pytest.mark.parametrize(
    ("layer", "side"), [("C1", 28), ("S2", 14), ("C3", 10), ("S4", 5), ("C5", 1)]
)
def test_a_receptive_field_is_where_a_change_is_felt(layer, side):
    """Change a pixel of the frame: exactly the values whose field holds it may move."""
    felt, fields = in_javascript(
        ARITHMETIC,
        """(a, [layer, side]) => {
            const ones = (count) => new Float32Array(count).fill(0.01);
            const weights = { C1: [ones(150), ones(6)], C3: [ones(2400), ones(16)],
                C5: [ones(48000), ones(120)], F6: [ones(10080), ones(84)],
                output: [ones(840), ones(10)] };
            const image = new Float32Array(784);
            const before = a.lenet5(weights, image)[layer].data;
            image[9 * 28 + 13] = 1;
            const after = a.lenet5(weights, image)[layer];
            const felt = [], fields = [];
            for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) {
                const at = (row * side + column) * after.channels;
                felt.push(after.data[at] !== before[at]);
                const [top, left, size] = a.receptiveField(layer, row, column);
                fields.push(top <= 11 && 11 < top + size && left <= 15 && 15 < left + size);
            }
            return [felt, fields]; }""",
        [layer, side],
    )
    assert felt == fields


def test_float16_is_read_as_numpy_reads_it():
    numbers = np.array([0, -0.0, 1, -2.5, 65504, 6e-8, 6.1e-5, 0.1, -1 / 3], "<f2")
    received = in_javascript(
        ARITHMETIC,
        "(a, text) => Array.from(a.lenetWeights(text).C1[0])",
        base64.b64encode(np.resize(numbers, 61706).tobytes()).decode(),
    )
    np.testing.assert_array_equal(received, np.resize(numbers, 150).astype("float32"))


def centred(drawing):
    """A drawing as the figure shows it to the network; None where it is empty."""
    side = len(drawing)
    image = in_javascript(
        ARITHMETIC,
        "(a, {ink, side}) => { const c = a.centred(ink, side); return c && Array.from(c); }",
        {"ink": np.ravel(drawing).tolist(), "side": side},
    )
    return None if image is None else np.reshape(image, (28, 28))


def test_a_drawing_is_centred_as_mnist_centred_its_digits():
    rng = np.random.default_rng(0)
    drawing = np.zeros((140, 140))
    drawing[30:110, 20:60] = rng.random((80, 40))
    drawing[90:110, 60:90] = 1
    image = centred(drawing)
    rows, columns = np.nonzero(image > 0)
    assert 20 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21  # 20, and a part of a pixel
    for axis in (0, 1):
        middle = np.sum(image.sum(axis=1 - axis) * (np.arange(28) + 0.5)) / image.sum()
        assert middle == pytest.approx(14, abs=0.05)
    # Nothing of the ink is lost: one pixel is a patch of 4×4 of the drawing.
    assert image.sum() == pytest.approx(drawing.sum() / 16)


def test_where_on_the_pad_it_is_drawn_makes_no_difference():
    drawing = np.zeros((140, 140))
    drawing[30:110, 20:60] = np.random.default_rng(0).random((80, 40))
    moved = np.roll(drawing, (15, 40), axis=(0, 1))
    np.testing.assert_allclose(centred(moved), centred(drawing), atol=1e-6)
    assert centred(np.zeros((140, 140))) is None


STEPS = 6
GATES = ("i", "f", "g", "o")  # Keras's order; g is the candidate, which Keras calls c
PUSH = 40.0  # a sigmoid of ±40 is 1 or 0 to the last digit


@pytest.mark.parametrize("seed", range(4))
def test_the_gates_cell_and_its_gradient_are_those_of_keras(seed):
    """A forced gate is, in Keras, one with a further input that pushes it to its end."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=STEPS)
    w, u, b = rng.normal(size=(3, 4))
    forced = [{name: int(rng.integers(2)) for name in "ifo" if rng.random() < 0.4 * (seed > 0)}
              for _ in range(STEPS)]  # fmt: skip
    layer = keras.layers.LSTM(1, return_sequences=True, return_state=True)
    pushes = np.array([[PUSH * (2 * step[g] - 1) if g in step else 0 for g in "ifo"]
                       for step in forced])  # fmt: skip
    layer.build((1, STEPS, 4))
    kernel = np.zeros((4, 4))
    kernel[0] = w
    for place, name in enumerate("ifo", start=1):
        kernel[place, GATES.index(name)] = 1
    layer.set_weights([kernel, u[None], b])
    inputs = tf.Variable(x[None, :, None], dtype="float32")
    with tf.GradientTape() as tape:
        states, _, cell = layer(tf.concat([inputs, pushes[None].astype("float32")], axis=-1))
    gradient = tape.gradient(cell, inputs)
    received = in_javascript(
        ARITHMETIC,
        """(a, {x, weights, forced}) => {
            const steps = a.lstm(x, weights, forced);
            return [steps, a.lstmGradient(steps, weights)]; }""",
        {
            "x": x.tolist(),
            "weights": {g: [w[k], u[k], b[k]] for k, g in enumerate(GATES)},
            "forced": forced,
        },
    )
    steps, ours = received
    np.testing.assert_allclose([step["h"] for step in steps], states[0, :, 0], atol=1e-5)
    assert steps[-1]["c"] == pytest.approx(float(cell[0, 0]), abs=1e-5)
    np.testing.assert_allclose(ours, gradient[0, :, 0], atol=1e-5)
    for step, wish in zip(steps, forced, strict=True):
        assert all(step[name] == value for name, value in wish.items())


def test_the_plain_unit_and_its_gradient_are_those_of_keras():
    x = np.random.default_rng(0).normal(size=STEPS)
    layer = keras.layers.SimpleRNN(1)
    inputs = tf.Variable(x[None, :, None], dtype="float32")
    layer.build((1, STEPS, 1))
    layer.set_weights([np.array([[1.5]]), np.array([[0.9]]), np.array([0.2])])
    with tf.GradientTape() as tape:
        last = layer(inputs)
    states, ours = in_javascript(
        ARITHMETIC,
        """(a, x) => {
            const states = a.rnn(x, [1.5, 0.9, 0.2]);
            return [states, a.rnnGradient(states, [1.5, 0.9])]; }""",
        x.tolist(),
    )
    assert states[-1] == pytest.approx(float(last[0, 0]), abs=1e-5)
    np.testing.assert_allclose(ours, tape.gradient(last, inputs)[0, :, 0], atol=1e-5)
