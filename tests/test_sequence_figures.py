"""Figures of sequences: gates held over many steps, and an unrolled network that reads."""

import numpy as np
import pytest
from browsing import needs_browser
from figure_page import CHAPTERS, PHONE, data_of, drag, news, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node

REACH = CHAPTERS / "memory" / "reach.js"
READER = CHAPTERS / "recurrence" / "reader.js"
READERS = CHAPTERS / "recurrence" / "readers.js"
pytestmark = [pytest.mark.slow, needs_node]

# ---- gates held over many steps -----------------------------------------------------------------


def of_keras(kind, gates, order, x, w, u):
    """States and their changes with the first input of a Keras cell whose gates are held.

    Each gate has an input of its own that alone decides it.
    """
    import keras
    import tensorflow as tf

    steps, own = len(x), len(order)
    kernel, recurrent = np.zeros((1 + own, own)), np.zeros((1, own))
    for place, name in enumerate(order):
        if name in gates:
            kernel[1 + place, place] = 1
        else:
            kernel[0, place], recurrent[0, place] = w, u
    pushes = np.stack([gates.get(name, np.zeros(steps)) for name in order], axis=1)
    cell = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell,
            "plain": keras.layers.SimpleRNNCell}[kind](1, dtype="float64")  # fmt: skip
    cell.build((1, 1 + own))
    bias = np.zeros((2, own) if kind == "gru" else own)
    cell.set_weights([kernel, recurrent, bias])
    first = tf.Variable(x[:1, None], dtype="float64")
    found = []
    with tf.GradientTape(persistent=True) as tape:
        states = [tf.zeros((1, 1), "float64")] * (2 if kind == "lstm" else 1)
        for t in range(steps):
            heard = first if t == 0 else tf.constant([[x[t]]], "float64")
            row = tf.concat([heard, tf.constant(pushes[t : t + 1])], axis=1)
            _, states = cell(row, states)
            found.append(states[-1])
    return [(float(one[0, 0]), float(tape.gradient(one, first)[0, 0])) for one in found]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "order"), [("lstm", "ifgo"), ("gru", "zrh"), ("plain", "h")], ids=str
)
def test_held_gates_their_states_and_their_gradients_are_those_of_keras(kind, order, seed):
    rng = np.random.default_rng(seed)
    steps = 12
    x, (w, u) = rng.normal(size=steps), rng.normal(size=2)
    gates = {name: rng.random(steps).round(3) for name in order if name not in "gh"}
    if seed == 2:
        gates = {name: np.round(values) for name, values in gates.items()}
    with np.errstate(divide="ignore"):
        pushes = {name: np.clip(np.log(v / (1 - v)), -40, 40) for name, v in gates.items()}
    program = f"(r, [x, gates, weights]) => r.{kind}(x, " + (
        "weights)" if kind == "plain" else "gates, weights)"
    )
    asked = [x.tolist(), {n: v.tolist() for n, v in gates.items()}, {"w": w, "u": u}]
    received = in_javascript(REACH, program, asked)
    ours = [(step["state"], step["change"]) for step in received]
    np.testing.assert_allclose(ours, of_keras(kind, pushes, order, x, w, u), rtol=1e-5, atol=1e-9)


@needs_browser
@pytest.mark.parametrize("opened", ["memory-steps"], indirect=True)
def test_gates_are_held_at_any_value_for_a_hundred_steps(opened):
    assert f"{0.9**29 * (1 - np.tanh(1) ** 2):.3g}"[:5] in news(opened)
    keep = opened.get_by_label("Keep", exact=False).first
    keep.press("End")
    whole = f"{1 - np.tanh(1) ** 2:.3g}"
    assert f"{whole} reaches the first input of the LSTM" in news(opened)
    opened.get_by_label("Steps", exact=True).press("End")
    assert "After 100 steps the LSTM's cell holds 0.762 and puts out 0.642," in news(opened)
    drag(opened, opened.locator(".figure-drag").nth(1), 0.9, 0.5)
    assert "After 4" in news(opened) or "After 5" in news(opened)
    opened.get_by_label("Write", exact=False).press("End")
    opened.get_by_label("After the first step the cells hear").select_option("noise")
    assert "the LSTM's cell holds 0.762" not in news(opened)
    opened.get_by_role("button", name="A plain network that shouts").press("Enter")
    assert "After 50 steps" in news(opened)
    assert opened.get_by_label("Weight from").get_attribute("aria-valuetext") == "1.5"


# ---- an unrolled network ------------------------------------------------------------------------


def parameters(kept):
    """The weights that the page has, as `scratch` takes them."""
    from chapters.recurrence.in_browser import unpacked
    from chapters.recurrence.scratch import Parameters

    inputs, units, classes = kept["inputs"], kept["units"], kept["classes"]
    shapes = {"U": (units, inputs), "W": (units, units), "V": (classes, units),
              "b": (units,), "c": (classes,)}  # fmt: skip
    return Parameters(**{name: unpacked(kept[name], *shape) for name, shape in shapes.items()})


def log_belief(kept, x, chosen):
    """Beliefs after each step by `scratch`, and the last one's gradient by TensorFlow."""
    import tensorflow as tf

    from chapters.recurrence import scratch

    p = parameters(kept)
    trace = scratch.forward(x[None], p)
    given = tf.Variable(x)
    with tf.GradientTape() as tape:
        h = tf.zeros(kept["units"], "float64")
        for t in range(len(x)):
            h = tf.tanh(tf.linalg.matvec(p.W, h) + tf.linalg.matvec(p.U, given[t]) + p.b)
        target = tf.nn.log_softmax(tf.linalg.matvec(p.V, h) + p.c)[chosen]
    return trace, tape.gradient(target, given).numpy()


@pytest.mark.parametrize("kind", ["digits", "sentences"])
def test_a_reader_believes_and_is_moved_as_python_says(kind):
    kept = data_of(READERS)[kind]
    steps = np.random.default_rng(0).random((8, kept["inputs"])).round(3)
    states, beliefs, gradients = in_javascript(
        READER,
        """(r, [kept, steps, chosen]) => {
            const weights = r.unpacked(kept), read = r.read(weights, steps);
            return [read.map((s) => s.h), read.map((s) => s.belief),
                r.gradients(weights, read, 7, chosen).map((g) => g.input)]; }""",
        [kept, steps.tolist(), 1],
    )
    trace, expected = log_belief(kept, steps, 1)
    np.testing.assert_allclose(states, trace.h[0, -8:], atol=1e-5)
    np.testing.assert_allclose(beliefs, trace.y_hat[0], atol=1e-5)
    np.testing.assert_allclose(gradients, expected, atol=1e-5)


@given(st.lists(st.text(), min_size=10, max_size=10))
@settings(max_examples=5, deadline=None)
def test_words_are_cut_where_python_cuts_them(texts):
    from chapters.recurrence.text import words

    texts = [*texts, "Don’t waste 20 Euros!", "it's 5-star?!", "", "'tis rock'n'roll"]
    received = in_javascript(READER, "(r, texts) => texts.map(r.words)", texts)
    assert received == [words(text) for text in texts]


def test_the_networks_on_the_page_are_those_of_the_studies():
    """With the page's float16 weights, the validation error of the recorded rows."""
    import companion
    from chapters.recurrence import scratch
    from chapters.recurrence.studies import digits_by_rows
    from companion.studies.records import recorded_results

    kept = data_of(READERS)["digits"]
    held_out = companion.load("digits").validation
    output = scratch.forward(held_out.x[..., 0].astype(float), parameters(kept)).y_hat[:, -1]
    (row,) = (
        row.values
        for row in recorded_results(digits_by_rows).rows
        if (row.level, row.seed) == ("one way", 0)
    )
    error = np.mean(output.argmax(1) != held_out.y)
    assert error == pytest.approx(row["validation_error"], abs=0.008)  # one digit
    shown = in_javascript(READER, "(r, digits) => digits.map(r.shades)", kept["digits"])
    for label, image in enumerate(shown):
        same = np.isclose(held_out.x.reshape(-1, 64), image, atol=1e-5).all(1)
        assert label in held_out.y[same]


@needs_browser
@pytest.mark.parametrize("opened", ["reader"], indirect=True)
def test_a_digit_is_painted_and_read_row_by_row(opened):
    assert "After row 8 of 8 it reads a 7" in news(opened)
    opened.get_by_label("Read up to step").press("Home")
    assert "After row 1 of 8" in news(opened)
    opened.locator(".figure-unrolled tbody tr").nth(4).click()
    assert "After row 5 of 8" in news(opened)
    before = opened.locator(".figure-unrolled").inner_text()
    pad = opened.locator("canvas[role=application]")
    pad.focus()
    opened.keyboard.press("ArrowLeft")
    assert news(opened).startswith("Row 4, column 3: ")
    opened.keyboard.press("Space")
    assert opened.locator(".figure-unrolled").inner_text() != before
    opened.get_by_role("button", name="Wipe").click()
    box = pad.bounding_box()
    opened.get_by_label("Read up to step").press("End")
    empty = news(opened)
    opened.mouse.move(box["x"] + 80, box["y"] + 5)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 80, box["y"] + 145, steps=16)
    opened.mouse.up()
    assert "it reads a 1" in news(opened)
    assert news(opened) != empty
    opened.get_by_label("A digit nobody trained on:").select_option("3")
    assert "it reads a 3" in news(opened)


@needs_browser
def test_a_sentence_is_typed_on_a_phone_and_what_cannot_be_read_is_said(chromium, tmp_path):
    with shown(chromium, tmp_path, "reader", **PHONE) as page:
        page.get_by_label("Read", exact=True).select_option("sentence")
        field = page.get_by_label("A sentence", exact=True)
        field.fill("A wonderful, excellent film! Great.")
        good = int(news(page).split("praise ")[1].split(" %")[0])
        field.fill("A terrible, awful film! Bad.")
        bad = int(news(page).split("praise ")[1].split(" %")[0])
        assert bad < 30 < 70 < good
        field.fill("xyzzy")
        assert "xyzzy (unknown)" in page.locator(".figure-unrolled").inner_text()
        field.fill(" . ")
        assert "There is no word to read yet" in page.get_by_role("alert").inner_text()
        assert "xyzzy" in news(page)
        field.fill("word " * 41)
        assert "this sentence has 41" in page.get_by_role("alert").inner_text()
        page.get_by_role("button", name="Bad, not good.").tap()
        assert page.get_by_role("alert").inner_text() == ""
        assert "After “good”, word 3 of 3" in news(page)
