"""Figures to touch: their numbers against Python's, and each used by mouse, touch and keyboard."""

import json

import numpy as np
import pytest
from browsing import needs_browser
from figure_page import CHAPTERS, barriers, browser, faint_words, figures, news, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node

# These are older than the tests below; test_browser.py reads them on the built site.
ON_THE_SITE = {
    "neurons",
    "backprop",
    "optimizers",
    "gradients",
    "memory",
    "transfer",
    "number-formats",
}
FIGURES = [name for name in figures() if name not in ON_THE_SITE]
WITHOUT_SLIDERS = {"convnets", "convolution", "kernels"}
SCRUB = CHAPTERS / "regularization" / "scrub.js"
FILM = CHAPTERS / "regularization" / "film.js"
REACH = CHAPTERS / "memory" / "reach.js"
READER = CHAPTERS / "recurrence" / "reader.js"
READERS = CHAPTERS / "recurrence" / "readers.js"
BENCH = CHAPTERS / "ecg" / "bench.js"
SCORES = CHAPTERS / "ecg" / "scores.js"
PICTURE = CHAPTERS / "convolution" / "picture.js"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
pytestmark = [pytest.mark.slow, needs_node]


def data_of(script):
    """What a script of the form `const name = …;` holds."""
    return json.loads(script.read_text(encoding="utf-8").partition("= ")[2].rstrip().rstrip(";"))


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture
def opened(chromium, tmp_path, request):
    """The figure that the test names, as it looks on a computer."""
    with shown(chromium, tmp_path, request.param) as page:
        yield page


def drag(page, drawing, begin, end):
    """Drag with the mouse from one share of a drawing's width to another."""
    box = drawing.bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + begin * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], height, steps=5)
    page.mouse.up()


@needs_browser
@pytest.mark.parametrize("scheme", ["default", "slate"])
@pytest.mark.parametrize("name", FIGURES)
def test_every_word_of_a_figure_can_be_read_on_a_phone_and_off_it(name, scheme, chromium, tmp_path):
    for how in (PHONE, {}):
        with shown(chromium, tmp_path, name, scheme, **how) as page:
            assert faint_words(page) == []
            assert barriers(page) == []


@needs_browser
@pytest.mark.parametrize("name", FIGURES)
def test_every_control_answers_a_finger_in_forced_colours(name, chromium, tmp_path):
    how = {**PHONE, "forced_colors": "active", "reduced_motion": "reduce"}
    with shown(chromium, tmp_path, name, **how) as page:
        for choice in page.locator("select").all():
            for option in choice.locator("option").all():
                if choice.is_visible():
                    choice.select_option(value=option.get_attribute("value"))
        for button in page.locator("[data-figure] button").all():
            if button.is_visible() and button.is_enabled():
                button.tap()
        for box in page.locator("input[type=checkbox]").all():
            box.tap()
        assert news(page)


# A figure but for its sliders: what they are to move.
THE_REST = """() => {
  const figure = document.querySelector("[data-figure]").cloneNode(true);
  for (const slider of figure.querySelectorAll(".figure-slide")) slider.remove();
  return figure.innerHTML;
}"""


@needs_browser
@pytest.mark.parametrize("name", [name for name in FIGURES if name not in WITHOUT_SLIDERS])
def test_every_slider_of_a_figure_is_moved_by_keys(name, chromium, tmp_path):
    how = {**PHONE, "forced_colors": "active", "reduced_motion": "reduce"}
    with shown(chromium, tmp_path, name, **how) as page:
        sliders = page.locator("input[type=range]")
        assert sliders.count() > 0
        for slider in sliders.all():
            slider.focus()
            first = slider.input_value()
            page.keyboard.press("Home")
            low, before = slider.get_attribute("aria-valuetext"), page.evaluate(THE_REST)
            page.keyboard.press("End")
            assert slider.get_attribute("aria-valuetext") != low
            assert page.evaluate(THE_REST) != before
            slider.fill(first)
            assert page.locator(f'label[for="{slider.get_attribute("id")}"]').inner_text()


# ---- a training, scrubbed -----------------------------------------------------------------------


@given(
    st.lists(st.floats(0, 3).map(lambda loss: round(loss, 2)), min_size=1, max_size=30),
    st.integers(1, 12),
)
@settings(max_examples=15, deadline=None)
def test_training_is_stopped_where_python_stops_it(losses, patience):
    from chapters.regularization.scratch import early_stopping

    stop = early_stopping(losses, patience)
    program = "(s, [losses, patience]) => s.earlyStopping(losses, patience)"
    assert in_javascript(SCRUB, program, [losses, patience]) == {
        "epoch": stop.epoch,
        "best": stop.best_epoch,
    }


def test_the_films_show_the_validation_digits_and_misread_what_the_record_says():
    import companion
    from chapters.regularization.studies import switched_training
    from companion.studies.records import recorded_results

    held = data_of(FILM)
    validation = companion.load("digits").validation
    assert held["labels"] == "".join(map(str, validation.y))
    shades, misread = in_javascript(
        SCRUB,
        """(s, {digits, labels, films}) => [digits.map(s.shades), Object.values(films).map(
            ({answers}) => answers.map((said) => s.misread(said, labels).length))]""",
        held,
    )
    np.testing.assert_allclose(shades, validation.x.reshape(len(shades), -1), atol=1e-5)
    rows = {
        row.level: row.values for row in recorded_results(switched_training).rows if row.seed == 0
    }
    for (name, film), counts in zip(held["films"].items(), misread, strict=True):
        row, best = rows[name], int(np.argmin(film["val_loss"]))
        assert counts[-1] / len(validation) == pytest.approx(row["validation_error"])
        assert counts[best] / len(validation) == pytest.approx(row["validation_error_at_best"])
        assert best == row["best_epoch"]
        assert film["loss"][-1] == pytest.approx(row["training_loss"], abs=1e-4)
        assert film["val_loss"][-1] == pytest.approx(row["validation_loss"], abs=1e-4)
        assert film["by_heart"][-1] / film["wrong"] == pytest.approx(row["by_heart"])
        assert film["norm"][-1] == pytest.approx(row["weight_norm"], abs=1e-3)
        assert {sum(counts) for counts in film["weights"]} == {64 * 128 + 128 * 128 + 128 * 10}


@needs_browser
@pytest.mark.parametrize("opened", ["training"], indirect=True)
def test_a_training_is_scrubbed_by_keys_by_dragging_and_by_its_switches(opened):
    film = data_of(FILM)["films"]
    slider = opened.get_by_label("Epoch", exact=True)
    slider.press("End")
    labels = data_of(FILM)["labels"]
    wrong = sum(map(str.__ne__, film["neither"]["answers"][60], labels))
    assert f"After epoch 60: loss {film['neither']['loss'][60]:.3g} in training" in news(opened)
    assert f"{wrong} of 144 validation digits are misread" in news(opened)
    assert opened.locator(".figure-digits li:visible").count() == wrong
    opened.get_by_label("L2 penalty").check()
    assert f"it answers {film['L2']['by_heart'][60]} as they were given" in news(opened)
    opened.get_by_label("Dropout").press("Space")
    assert f"norm is {film['both']['norm'][60]:.3g}" in news(opened)
    drag(opened, opened.locator(".figure-drag"), 0.9, 0.12)
    assert "Before training" in news(opened)
    opened.get_by_label("L2 penalty").uncheck()
    opened.get_by_label("Dropout").uncheck()
    kept = opened.get_by_role("button", name="Go to the weights that are kept")
    assert kept.is_disabled()
    opened.get_by_label("Early stopping").check()
    kept.click()
    best = 1 + int(np.argmin(film["neither"]["val_loss"][1:]))
    assert f"After epoch {best}:" in news(opened)
    slider.press("End")
    assert "After epoch 60" not in news(opened)


@needs_browser
def test_a_film_plays_and_stands_still_for_who_asked_for_stillness(chromium, tmp_path):
    with shown(chromium, tmp_path, "training", **PHONE) as page:
        page.get_by_role("button", name="Play").tap()
        page.wait_for_function("document.querySelector('.figure-news').textContent.includes('15:')")
        page.get_by_role("button", name="Pause").tap()
    with shown(chromium, tmp_path, "training", reduced_motion="reduce", **PHONE) as page:
        page.get_by_role("button", name="Play").tap()
        assert "After epoch 60:" in news(page)


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


# ---- a bench for a detector ---------------------------------------------------------------------

CURVES = """(b, [scores, ill, threshold, prevalence]) =>
    [b.judge(scores, ill, threshold, prevalence), b.curves(scores, ill, prevalence)]"""


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.1, 0.5]))
@settings(max_examples=8, deadline=None)
def test_thresholds_and_prevalences_are_judged_as_scikit_learn_judges_them(seed, prevalence):
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    ill = rng.permutation(60) < 12
    scores = (rng.random(60) / 2 + 0.3 * ill).round(1 + seed % 2)  # with ties
    threshold = float(rng.choice(scores))
    judged, curves = in_javascript(
        BENCH, CURVES, [scores.tolist(), ill.tolist(), threshold, prevalence]
    )
    weight = np.where(ill, prevalence / 12, (1 - prevalence) / 48)
    how = {"sample_weight": weight}
    alarm = scores >= threshold
    assert [
        [judged[n] for n in pair] for pair in (("spared", "falseAlarms"), ("missed", "found"))
    ] == (metrics.confusion_matrix(ill, alarm).tolist())
    for name, of in (("sensitivity", metrics.recall_score), ("precision", metrics.precision_score),
                     ("f1", metrics.f1_score)):  # fmt: skip
        assert judged[name] == pytest.approx(of(ill, alarm, **how), abs=1e-9)
    assert judged["specificity"] == pytest.approx(metrics.recall_score(~ill, ~alarm, **how))
    assert curves["area"] == pytest.approx(metrics.roc_auc_score(ill, scores, **how))
    assert curves["average"] == pytest.approx(metrics.average_precision_score(ill, scores, **how))
    false, result, _ = metrics.roc_curve(ill, scores, drop_intermediate=False, **how)
    np.testing.assert_allclose(curves["roc"], np.transpose([false, result]), atol=1e-9)
    precision, recall, _ = metrics.precision_recall_curve(ill, scores, **how)
    ours = np.array(curves["pr"])[::-1]
    np.testing.assert_allclose(
        ours, np.transpose([recall, precision])[:-1][-len(ours) :], atol=1e-9
    )


@given(st.lists(st.floats(0.3, 1.5), min_size=3, max_size=14))
@settings(max_examples=8, deadline=None)
def test_a_rhythm_is_measured_as_python_measures_it(intervals):
    from chapters.ecg.features import rhythm

    beats = np.cumsum([0.1, *intervals])
    received = in_javascript(BENCH, "(b, beats) => b.rhythm(beats)", beats.tolist())
    expected = rhythm(beats, rate=1)
    names = {"rate": "rate", "rmssd": "rmssd", "variation": "rr_cv"}
    for ours, theirs in names.items():
        assert received[ours] == pytest.approx(expected[theirs], abs=1e-5)


def test_marks_are_paired_with_beats_once_each_and_snap_to_them():
    compared, snapped = in_javascript(
        BENCH,
        """(b, [signal]) => [b.compare([1.0, 1.05, 2.08, 4.5], [1.02, 2, 3]),
            [b.snap(signal, 42), b.snap(signal, 70), b.snap(signal, -5)]]""",
        [np.where(np.arange(100) == 46, -9, np.arange(100) % 2).tolist()],
    )
    assert compared == {"extra": [1.05, 4.5], "missed": [3]}
    assert snapped[0] == 46
    assert 62 <= snapped[1] <= 78
    assert 0 <= snapped[2] <= 8


def test_the_bench_has_the_strips_of_the_generator_and_the_counts_of_the_record():
    from chapters.ecg.bench import strips
    from chapters.ecg.recordings import AF
    from companion import data_files

    held = data_of(SCORES)
    assert held["strips"] == strips()
    record = data_files.read("ecg_figures")
    ill = [int(one) == AF for one in held["classes"]]
    judged, curves = in_javascript(
        BENCH, CURVES, [held["probabilities"], ill, held["threshold"], np.mean(ill)]
    )
    counts = np.array(record["confusion"]["counts"])
    others = counts[[0, 2, 3]].sum(0)
    ours = [judged[name] for name in ("missed", "found", "spared", "falseAlarms")]
    np.testing.assert_allclose(ours, [*counts[AF], *others], atol=1)  # weights of float16
    recorded = record["curves"]["recording"]
    assert curves["area"] == pytest.approx(recorded["roc"], abs=1e-3)
    assert curves["average"] == pytest.approx(recorded["pr"], abs=3e-3)


@needs_browser
@pytest.mark.parametrize("opened", ["ecg-bench"], indirect=True)
def test_prevalence_moves_the_precision_and_leaves_the_roc_curve_alone(opened):
    def figures():
        return [
            drawn.get_attribute("aria-label") for drawn in opened.locator("svg[role=img]").all()
        ]

    output = opened.locator(".figure-news").nth(1)
    roc, pr = figures()
    before = output.inner_text()
    opened.get_by_label("Prevalence", exact=True).press("End")
    assert "Where 60 % are ill" in output.inner_text()
    assert figures()[0] == roc
    assert figures()[1] != pr
    assert output.inner_text().split(".")[0] == before.split(".")[0]
    drag(opened, opened.locator(".figure-drag").first, 0.9, 0.9)
    assert output.inner_text() != before
    opened.get_by_label("Threshold", exact=True).press("End")
    assert "Nobody raises an alarm, so there is no precision." in output.inner_text()
    opened.get_by_label("Threshold", exact=True).press("Home")
    assert "100 % of the ill are found and 0 % of the healthy" in output.inner_text()
    opened.get_by_role("button", name="As in the data").click()
    assert output.inner_text() == before


@needs_browser
def test_beats_are_marked_by_touch_and_by_keys_and_compared(chromium, tmp_path):
    held = data_of(SCORES)["strips"]
    with shown(chromium, tmp_path, "ecg-bench", **PHONE) as page:
        page.get_by_role("button", name="Compare").tap()
        assert "Mark four beats or more" in news(page)
        drawing = page.get_by_role("group", name="Ten seconds")
        width = drawing.bounding_box()["width"]
        for beat in held[0]["beats"][:5]:
            drawing.tap(position={"x": beat / 1000 * width, "y": 60})
        assert news(page).startswith("5 marks")
        place = page.get_by_label("Place", exact=True)
        place.focus()
        page.keyboard.press("End")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Compare").tap()
        missed = len(held[0]["beats"]) - 5
        assert f"you missed {missed} of them" in news(page) or f"missed {missed - 1}" in news(page)
        assert f"The strip was made as “{held[0]['rhythm']}”" in news(page)
        page.get_by_label("Strip", exact=True).select_option("1")
        assert "A new strip" in news(page)


# ---- LeNet-5, whole -----------------------------------------------------------------------------


@needs_browser
@pytest.mark.parametrize("opened", ["convnets"], indirect=True)
def test_every_layer_of_lenet5_is_read_down_to_the_output(opened):
    behind = opened.locator(".figure-products")
    for layer, count, below in (("C5", 400, "S4"), ("F6", 120, "C5"), ("Output", 84, "F6")):
        opened.get_by_label(f"{layer}: ").focus()
        opened.keyboard.press("ArrowRight")
        opened.keyboard.press("PageDown")
        assert f"{count} products of {below}" in behind.inner_text()
        assert "The 5 largest: " in behind.inner_text()
    assert "Output 2: the network gives 2 a probability of" in news(opened)
    opened.get_by_label("Output: ").press("ArrowRight")
    assert news(opened) == "Output 3: the network gives 3 a probability of 1."
    opened.get_by_label("C3: ").click(position={"x": 60, "y": 20})
    lens = opened.get_by_label("Lens on")
    lens.click(position={"x": 5, "y": 200})
    assert news(opened).startswith("C3, map 2, row 9, column 0: ")
    lens.press("ArrowUp")
    assert news(opened).startswith("C3, map 2, row 8, column 0: ")


@needs_browser
def test_a_tap_draws_a_dot_and_strokes_are_taken_back(chromium, tmp_path):
    with shown(chromium, tmp_path, "convnets", **PHONE) as page:
        pad, bars = page.locator(".figure-pad"), page.locator(".figure-bars")
        first = bars.inner_text()
        page.get_by_role("button", name="Wipe").tap()
        assert "%" not in bars.inner_text()
        pad.tap(position={"x": 100, "y": 100})
        dot = bars.inner_text()
        assert "%" in dot
        pad.tap(position={"x": 100, "y": 150})
        assert bars.inner_text() != dot
        page.get_by_role("button", name="Undo").tap()
        assert bars.inner_text() == dot
        pad.press("Backspace")
        assert "the pad is empty" in news(page)
        pad.press("Control+z")
        assert bars.inner_text() == first
        pad.press("Backspace")
        assert "no stroke to take back" in news(page)


# ---- channels, dilation, and kernels over a picture ---------------------------------------------


@needs_browser
@pytest.mark.parametrize("opened", ["convolution"], indirect=True)
def test_a_kernel_is_stepped_over_channels_with_holes_in_it(opened):
    def fill(name, value):
        opened.get_by_label(name, exact=True).fill(value)

    fill("Image side", "7")
    fill("Dilation", "2")
    assert opened.locator(".figure-grid td.on").count() == 9 + 1  # and the place in the map
    assert "Feature map, 3×3" in opened.locator("[data-figure]").inner_text()
    fill("Channels", "2")
    assert opened.locator(".figure-sum").inner_text().count("·") == 18
    fill("Kernel, channel 2, row 2, column 2", "5")
    opened.get_by_role("button", name="Reveal").click()
    assert "S(0, 0) = 7." in news(opened)  # 1 + 1 of the first channel, 5·1 of the second
    fill("Dilation", "4")
    alert = opened.get_by_role("alert").filter(has_text="reaches over 9 places")
    assert "a smaller dilation" in alert.inner_text()
    fill("Dilation", "1.5")
    assert "whole number from 1. Received: 1.5." in opened.locator("[data-figure]").inner_text()


def test_a_picture_is_filtered_as_python_filters_it():
    from chapters.convolution import convolution
    from chapters.convolution.scratch import KERNELS

    kernels = in_javascript(PICTURE, "(p) => p.KERNELS")
    assert list(kernels) == list(KERNELS)
    for name, (kernel, divisor) in kernels.items():
        np.testing.assert_allclose(np.array(kernel) / divisor, KERNELS[name], atol=1e-12)
    rng = np.random.default_rng(0)
    x, w = rng.random((9, 6)), rng.normal(size=(3, 3))
    mapped, sums = in_javascript(
        PICTURE,
        """(p, [x, w]) => {
            const image = { data: x.flat(), width: 6, height: 9 };
            const places = Array.from({ length: 54 }, (_, i) => [Math.floor(i / 6), i % 6]);
            return [Array.from(p.filtered(image, w, 4).data), places.map(([i, j]) =>
                p.terms(image, w, 4, i, j).reduce((sum, t) => sum + t.product, 0))]; }""",
        [x.tolist(), w.tolist()],
    )
    expected = convolution(x[None, ..., None], w[..., None, None] / 4, padding=1).ravel()
    np.testing.assert_allclose(mapped, expected, atol=1e-9)
    np.testing.assert_allclose(sums, expected, atol=1e-9)


@needs_browser
def test_a_picture_of_ones_own_is_filtered_on_a_phone(chromium, tmp_path):
    from PIL import Image

    Image.new("RGB", (400, 200), (255, 0, 0)).save(tmp_path / "red.png")
    (tmp_path / "no.png").write_text("no picture")
    with shown(chromium, tmp_path, "kernels", **PHONE) as page:
        assert "a smooth patch becomes 0" in news(page)
        page.get_by_label("A kernel of the lecture").select_option("box blur")
        assert "The weights add up to 1: a smooth patch stays as it is." in news(page)
        page.locator("input[type=file]").set_input_files(tmp_path / "red.png")
        page.wait_for_function(
            "document.querySelector('.figure-news').textContent.includes('160 by 80')"
        )
        assert "between 0.133 and 0.299" in news(page)  # a corner meets five zeros of nine
        page.locator("input[type=file]").set_input_files(tmp_path / "no.png")
        page.get_by_role("alert").filter(has_text="“no.png” cannot be read").wait_for()
        page.get_by_label("Weights, row 1, column 1").fill("10")
        assert "add up to 2:" in news(page)
        page.get_by_label("Divide by").fill("0")
        assert "Nothing can be divided by 0" in page.locator("[data-figure]").inner_text()
        assert "add up to 2:" in news(page)
        page.get_by_label("The picture.").press("ArrowRight")
        assert news(page).startswith("Row 40, column 49: (0.3·10 + ")
        page.get_by_role("button", name="Take the map as the picture").tap()
        assert "Filtered 1 time." in news(page)
        page.get_by_role("button", name="The picture as it was").tap()
        assert "between " in news(page)
