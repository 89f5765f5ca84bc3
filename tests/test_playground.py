"""The neuron playground's numbers: computed in JavaScript, held step by step against Python."""

import json
from itertools import product

import numpy as np
import pytest
from figure_page import CHAPTERS, PHONE, news, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node

from chapters.neurons import scratch
from chapters.neurons.scratch import ACTIVATIONS, LOSSES

PLAYGROUND = CHAPTERS / "neurons" / "playground.js"
RUN_AWAY = 1e3  # weights this large come of steps that are too long
pytestmark = [pytest.mark.slow, needs_node]


def numbers(value):
    """All numbers of a nest of lists and dicts, in order."""
    if isinstance(value, dict):
        return [one for key in sorted(value) for one in numbers(value[key])]
    if isinstance(value, list):
        return [one for part in value for one in numbers(part)]
    return [value]


def handed_over(seed, kind, **choices):
    """What the playground hands over: points, a learner in some state, and an order of steps."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 12))
    state = {
        "kind": kind,
        "X": rng.uniform(-1.5, 1.5, size=(count, 2)).round(2).tolist(),
        "y": rng.choice([-1, 1], size=count).tolist(),
        "rate": float(rng.choice([0.1, 0.5, 1.0, 3.0])),
    }
    if kind == "perceptron":
        order = rng.integers(0, count, size=40).tolist()
        return {**state, "weights": [0, 0], "bias": 0, "order": order}
    hidden = [int(rng.integers(1, 9))] * int(rng.integers(0, 3))
    layers = scratch.initial_layers((2, *hidden, 1), rng)
    order = [rng.permutation(count)[: rng.integers(1, count + 1)].tolist() for _ in range(20)]
    named = [{"W": W.tolist(), "b": rng.normal(size=len(b)).tolist()} for W, b in layers]
    return {**state, "layers": named, "order": order, **choices}


def same_steps(asked):
    """Whether both languages find the same numbers after every step of every state.

    Some of the rates are too large for their network. Its weights then run away in both languages,
    and what an overflow leaves of them is not compared.
    """
    received = in_javascript(PLAYGROUND, "(p, states) => states.map(p.replay)", asked)
    for state, theirs in zip(asked, received, strict=True):
        with np.errstate(over="ignore", invalid="ignore"):
            ours = scratch.replay(state)
        assert len(ours) == len(theirs) == len(state["order"])
        for mine, other in zip(ours, theirs, strict=True):
            if not np.max(np.abs(numbers(mine))) < RUN_AWAY:
                assert not np.all(np.abs(np.array(numbers(other), float)) < RUN_AWAY / 2)
                break
            np.testing.assert_allclose(numbers(mine), numbers(other), rtol=1e-9, atol=1e-9)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=20, max_size=20))
@settings(max_examples=3, deadline=None)
def test_a_perceptron_takes_the_same_steps_in_both_languages(seeds):
    same_steps([handed_over(seed, "perceptron") for seed in seeds])


@given(st.integers(0, 2**32 - 100))
@settings(max_examples=3, deadline=None)
def test_a_network_takes_the_same_steps_in_both_languages(seed):
    same_steps(
        [
            handed_over(seed + place, "network", activation=activation, loss=loss)
            for place, (activation, loss) in enumerate(product(ACTIVATIONS, LOSSES))
        ]
    )


def test_losses_and_outputs_are_those_of_python():
    asked = [
        handed_over(place, "network", activation=activation, loss=loss)
        for place, (activation, loss) in enumerate(product(ACTIVATIONS, LOSSES))
    ]
    received = in_javascript(
        PLAYGROUND,
        """(p, states) => states.map(({layers, X, y, activation, loss}) => [
            X.map((x) => p.forward(layers, x, activation).at(-1)[0]),
            p.gradients(layers, X, y.map((v) => (v + 1) / 2), activation, loss).loss])""",
        asked,
    )
    for state, (outputs, loss) in zip(asked, received, strict=True):
        layers = [(np.array(one["W"]), np.array(one["b"])) for one in state["layers"]]
        z, _ = scratch.forward(layers, state["X"], state["activation"])
        np.testing.assert_allclose(outputs, z[-1][:, 0], rtol=1e-9, atol=1e-12)
        classes = (np.array(state["y"]) + 1) / 2
        ours, _ = scratch.gradients(layers, state["X"], classes, state["activation"], state["loss"])
        assert loss == pytest.approx(ours, rel=1e-9)


def test_sigmoid_and_losses_are_finite_and_pythons_at_any_sum():
    z = [-1e4, -50.0, -1.0, 0.0, 0.3, 50.0, 1e4]
    sigmoids, losses = in_javascript(
        PLAYGROUND,
        """(p, z) => [z.map(p.sigmoid), Object.values(p.LOSSES).map(({value, slope}) =>
            [0, 1].map((t) => z.map((one) => [value(one, t), slope(one, t)])))]""",
        z,
    )
    np.testing.assert_allclose(sigmoids, scratch.sigmoid(z), rtol=1e-12)
    for loss, classes in zip(LOSSES.values(), losses, strict=True):
        for t, rows in enumerate(classes):
            ours = np.transpose([part(np.array(z), np.full(7, float(t))) for part in loss])
            np.testing.assert_allclose(rows, ours, rtol=1e-9, atol=1e-12)


def test_the_bound_and_the_widest_margin_are_those_of_python():
    received = in_javascript(
        PLAYGROUND,
        """(p) => [1, 2, 3].map((seed) => {
            const {X, y} = p.data("gap", 24, seed);
            const {weights, bias} = p.widestMargin(X, y);
            return {X, y, weights, bias, bound: p.mistakeBound(X, y, weights, bias)};
        })""",
    )
    for one in received:
        X, y = np.array(one["X"]), np.array(one["y"])
        weights, bias = scratch.widest_margin(X, y)
        np.testing.assert_allclose([*one["weights"], one["bias"]], [*weights, bias], atol=1e-9)
        assert one["bound"] == pytest.approx(scratch.mistake_bound(X, y, weights, bias))
        assert len(scratch.perceptron(X, y).updates) <= one["bound"]


@pytest.mark.parametrize(
    ("name", "one_line"), [("gap", True), ("xor", False), ("moons", False), ("circles", False)]
)
def test_the_points_are_what_they_are_called_and_the_same_for_the_same_seed(name, one_line):
    points, again, others = in_javascript(
        PLAYGROUND, "(p, name) => [7, 7, 8].map((seed) => p.data(name, 60, seed))", name
    )
    X, y = np.array(points["X"]), np.array(points["y"])
    assert points == again != others
    assert np.abs(X).max() < 1.5  # all of them lie on the map
    assert np.sum(y == 1) == np.sum(y == -1) == 30
    assert scratch.perceptron(X, y, mistakes=3000).separates == one_line


@pytest.mark.parametrize(
    ("text", "X", "y"),
    [
        ("1,2,a\n3,4,b\n", [[-1.2, -1.2], [1.2, 1.2]], [-1, 1]),
        ("u;v;class\n1,5;2;no\n2,5;3;yes\n2;4;no", [[-1.2, -1.2], [1.2, 0], [0, 1.2]], [-1, 1, -1]),
        ("5\t1\t0\n6\t1\t1\n", [[-1.2, 0], [1.2, 0]], [-1, 1]),
        ('x,y,k\r\n"1","2","a"\r\n\r\n3,4,b', [[-1.2, -1.2], [1.2, 1.2]], [-1, 1]),
    ],
)
def test_a_readers_csv_is_read_and_scaled(text, X, y):
    data = in_javascript(PLAYGROUND, "(p, text) => p.readCsv(text)", text)
    np.testing.assert_allclose(data["X"], X, atol=1e-12)
    assert data["y"] == y


@pytest.mark.parametrize(
    ("text", "expected_message"),
    [
        ("", "Two points at least"),
        ("x,y,k\n1,2,a", "Two points at least"),
        ("1,2\n3,4", "Line 1 has 2 columns"),
        ("1,2,a\n3,q,b", "Line 2 does not begin with two numbers"),
        ("1,2,a\n3,,b", "Line 2 does not begin with two numbers"),
        ("1,2,a\n3,4,a", "two classes. Received: a."),
        ("1,2,a\n3,4,b\n5,6,c", "two classes. Received: a, b, c."),
        ("1,2,a\n" * 401, "400 points. Received: 401"),
    ],
)
def test_a_csv_that_cannot_be_read_is_refused_with_its_line(text, expected_message):
    message = in_javascript(
        PLAYGROUND,
        "(p, text) => { try { p.readCsv(text); } catch (error) { return error.message; } }",
        text,
    )
    assert expected_message in message


@given(st.lists(st.tuples(*[st.floats(-3, 3)] * 3), min_size=30, max_size=30))
@settings(max_examples=3, deadline=None)
def test_a_drawn_line_is_where_the_sum_is_zero_and_ends_at_the_edge(lines):
    received = in_javascript(
        PLAYGROUND, "(p, lines) => lines.map(([u, v, b]) => p.lineEnds([u, v], b, 1.5))", lines
    )
    for (u, v, b), ends in zip(lines, received, strict=True):
        if ends is None:
            corners = [u * x + v * y + b for x, y in product((-1.5, 1.5), repeat=2)]
            assert min(corners) >= -1e-6 or max(corners) <= 1e-6
            continue
        for x, y in ends:
            assert u * x + v * y + b == pytest.approx(0, abs=1e-6)
            assert max(abs(x), abs(y)) == pytest.approx(1.5, abs=1e-6)


def test_the_zero_lines_of_a_grid_lie_where_it_changes_its_sign():
    segments = in_javascript(
        PLAYGROUND,
        """(p) => p.zeroLines(Array.from({length: 9}, (_, i) =>
            Array.from({length: 9}, (_, j) => Math.hypot(i - 4, j - 4) - 2.5)))""",
    )
    assert len(segments) > 10
    for x, y in (end for segment in segments for end in segment):
        assert np.hypot(x - 4, y - 4) == pytest.approx(2.5, abs=0.1)


# ---- the figure itself, from disk ---------------------------------------------------------------


@pytest.fixture
def figure(chromium, tmp_path):
    """The figure alone, from disk, on a phone that asks for stillness."""
    with shown(chromium, tmp_path, "neurons", **PHONE, reduced_motion="reduce") as page:
        yield page


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def state(page):
    """What the figure hands over, read anew."""
    details = page.locator("details", has_text="These numbers as JSON")
    if details.evaluate("element => element.open"):
        details.locator("summary").click()
    details.locator("summary").click()
    page.wait_for_function("document.querySelector('textarea[readonly]').value")
    return json.loads(page.locator("textarea[readonly]").input_value())


def test_the_perceptron_of_the_page_ends_and_its_numbers_are_pythons(figure):
    press(figure, "Next example")
    assert "Example 1" in news(figure)
    given = state(figure)
    assert numbers(scratch.replay(given)[-1]) == pytest.approx(numbers(given["after"]))
    press(figure, "A hundred mistakes")
    assert "No mistake left" in news(figure)
    learned = state(figure)
    X, y = np.array(learned["X"]), np.array(learned["y"])
    ours = scratch.perceptron(X, y)
    assert f"{len(ours.updates)} mistakes" in news(figure)
    np.testing.assert_allclose(learned["weights"], ours.weights)
    bound = scratch.mistake_bound(X, y, *scratch.widest_margin(X, y))
    assert f"(R/γ)² is {int(bound)}" in news(figure)


def test_on_xor_the_perceptron_of_the_page_does_not_end(figure):
    press(figure, "XOR")
    press(figure, "A hundred mistakes")
    press(figure, "A hundred mistakes")
    assert "200 mistakes so far, and no end" in news(figure)


def test_the_network_of_the_page_learns_xor_and_its_numbers_are_pythons(figure):
    press(figure, "XOR")
    press(figure, "A network")
    given = state(figure)
    np.testing.assert_allclose(
        numbers(scratch.replay(given)[-1]), numbers(given["after"]), rtol=1e-9
    )
    press(figure, "Train")
    assert "500 steps on" in news(figure)
    assert ", 0 of 60 wrong" in news(figure)
    assert figure.locator(".neurons-units figure").count() == 4
    trained = state(figure)
    layers = [(np.array(one["W"]), np.array(one["b"])) for one in trained["layers"]]
    z, _ = scratch.forward(layers, trained["X"])
    assert np.all(scratch.sign(z[-1][:, 0]) == trained["y"])
    figure.get_by_label("Hidden layers").select_option("0")
    press(figure, "Train")
    assert ", 0 of 60 wrong" not in news(figure)


def test_points_come_and_go_by_touch(figure):
    press(figure, "Empty")
    press(figure, "Next example")
    assert "There is no point yet" in news(figure)
    figure.locator(".neurons-map").tap(position={"x": 40, "y": 40})
    assert "1 point in all" in news(figure)
    press(figure, "■ square, −1")
    figure.locator(".neurons-map").tap(position={"x": 200, "y": 200})
    assert "A square" in news(figure)
    assert state(figure)["y"] == [1, -1]
    press(figure, "take away")
    figure.locator(".neurons-map").tap(position={"x": 42, "y": 42})
    assert "1 point left" in news(figure)
    figure.locator(".neurons-map").tap(position={"x": 42, "y": 42})
    assert "no point here" in news(figure)


def test_the_playground_is_used_by_keyboard_alone(figure):
    press(figure, "Empty")
    figure.locator(".neurons-map").focus()
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        figure.keyboard.press(key)
    assert "A circle at 0.1, 0.1" in news(figure)
    for key in ("c", "ArrowLeft", "ArrowLeft", "Enter"):
        figure.keyboard.press(key)
    assert "A square at −0.1, 0.1" in news(figure)
    figure.keyboard.press("ArrowRight")
    figure.keyboard.press("ArrowRight")
    assert "a circle is here" in news(figure)
    figure.keyboard.press("Space")
    assert "Example 1, a circle at 0.1, 0.1: z = 0, wrong; the line turns" in news(figure)


@pytest.mark.parametrize(
    ("panel", "label", "value", "message"),
    [
        ("A perceptron", "Rate λ", "0", "The rate lies above 0"),
        ("A network", "Rate η", "fast", "A number is needed here"),
        ("A network", "Units in each", "9", "at most 8 units"),
        ("A network", "Units in each", "0", "a whole number from 1"),
    ],
)
def test_the_playground_says_what_is_wrong_and_keeps_its_state(
    figure, panel, label, value, message
):
    press(figure, panel)
    before = state(figure)
    field = figure.get_by_label(label, exact=True)
    field.fill(value)
    assert field.get_attribute("aria-invalid") == "true"
    assert message in figure.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
    assert state(figure) == before


def test_a_readers_own_csv_is_drawn_or_refused(figure):
    figure.locator("summary", has_text="Your own CSV").click()
    text = figure.get_by_label("Rows of two numbers and a class")
    text.fill("1,2,a\n3,q,b")
    press(figure, "Read")
    assert "Line 2 does not begin with two numbers" in figure.locator("details").first.inner_text()
    text.fill("1,2,a\n3,4,b")
    press(figure, "Read")
    assert "2 points, scaled to the map. Circles are b, squares a." in news(figure)
    assert state(figure)["X"] == [[-1.2, -1.2], [1.2, 1.2]]


def test_steps_that_are_too_long_are_said_so(figure):
    press(figure, "Moons")
    press(figure, "A network")
    figure.get_by_label("Activation").select_option("leaky_relu")
    figure.get_by_label("Hidden layers").select_option("2")
    figure.get_by_label("Loss").select_option("hinge")
    figure.get_by_label("Rate η", exact=True).fill("100")
    press(figure, "Train")
    assert "run away" in news(figure)
