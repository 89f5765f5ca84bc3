"""Walkers on the page's maps: they take the steps of the chapter's optimizers."""

from functools import partial
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node
from numpy.testing import assert_allclose

from chapters.optimizers import figures
from chapters.optimizers.scratch import RULES, SURFACES, walk

WALKS = Path(__file__).parents[1] / "chapters" / "optimizers" / "walks.js"
ASKED = {
    "gradient descent": (),
    "momentum": ("alpha",),
    "Keras's momentum": ("alpha",),
    "RMSprop": ("rho", "epsilon"),
    "Adam": ("alpha", "rho", "epsilon", "correct"),
}


@st.composite
def settings_of_a_walk(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    surface, rule = draw(st.sampled_from(list(SURFACES))), draw(st.sampled_from(list(RULES)))
    left, right, bottom, top = SURFACES[surface].view
    return {
        "surface": surface,
        "rule": rule,
        "start": [float(rng.uniform(left, right)), float(rng.uniform(bottom, top))],
        "noise": (draw(st.sampled_from([0.0, 0.5])) * rng.normal(size=(40, 2))).tolist(),
        "settings": {
            "rate": float(10 ** rng.uniform(-4, -2.2)),
            "alpha": float(rng.uniform(0, 0.95)),
            "rho": float(rng.uniform(0.5, 0.9999)),
            "epsilon": float(10 ** rng.uniform(-8, 0)),
            "correct": draw(st.booleans()),
        },
    }


@needs_node
@given(st.lists(settings_of_a_walk(), min_size=20, max_size=20))
@settings(max_examples=5, deadline=None)
def test_the_walkers_of_the_page_take_the_steps_of_the_chapter(asked):
    received = in_javascript(
        WALKS,
        """(w, asked) => asked.map((one) => {
            const places = w.walk(one.surface, one.rule, one.settings, 40, one.start, one.noise);
            return [places, places.map((place) => w.SURFACES[one.surface].height(place))]; })""",
        asked,
    )
    for one, (places, heights) in zip(asked, received, strict=True):
        chosen = {name: one["settings"][name] for name in ("rate", *ASKED[one["rule"]])}
        rule = partial(RULES[one["rule"]], **chosen)
        expected = walk(one["surface"], rule, 40, one["start"], one["noise"])
        assert_allclose(places, expected, atol=1e-9)
        assert_allclose(heights, SURFACES[one["surface"]].height(expected), atol=1e-7)


@needs_node
def test_the_page_has_the_maps_of_the_chapter_and_ends_a_walk_that_runs_away():
    maps, walked = in_javascript(
        WALKS,
        """(w) => [Object.fromEntries(Object.entries(w.SURFACES).map(([name, one]) =>
                [name, [one.start, one.minima, one.view]])),
            w.walk("bowl", "gradient descent", { rate: 0.2 }, 200, [1, 1]).length]""",
        None,
    )
    assert maps == {
        name: [list(one.start), [list(m) for m in one.minima], list(one.view)]
        for name, one in SURFACES.items()
    }
    assert walked == 13  # |1 − 0.2 · 20|ᵗ = 3ᵗ passes a million after 12 steps


@needs_node
def test_a_line_of_one_height_is_where_that_height_is():
    """Cut straight between the corners of a small square, so nearly and not exactly."""
    levels = {"bowl": 4.0, "valley": 4.0, "saddle": 0.4}
    off = in_javascript(
        WALKS,
        """(w, levels) => Object.entries(levels).map(([name, level]) => {
            const off = w.contours(name, [level])[0].flat()
                .map((end) => Math.abs(w.above(name, end) - level));
            return [off.length, Math.max(...off)]; })""",
        levels,
    )
    for (count, worst), level in zip(off, levels.values(), strict=True):
        assert count > 50
        assert worst < 0.03 * level


@needs_node
def test_the_pages_noise_is_normal_and_the_same_for_the_same_seed():
    one, again, other = in_javascript(WALKS, "(w) => [1, 1, 2].map((s) => w.normal(s, 4000))", None)
    assert one == again != other
    values = np.ravel(one)
    assert abs(values.mean()) < 0.05
    assert abs(values.std() - 1) < 0.05
    assert abs((np.abs(values) < 1).mean() - 0.6827) < 0.02


def test_the_figure_of_the_walkers_says_what_the_lesson_says():
    steps = {
        name: figures.steps_needed(walk("bowl", rule(), 400))
        for name, (_, _, rule) in figures.WALKERS.items()
    }
    assert steps["gradient descent"] == 50
    assert steps["momentum, α = 0.5"] == 15
    assert max(steps, key=steps.__getitem__) == "RMSprop"
