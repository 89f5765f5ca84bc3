"""What every figure is made of: inline SVG, diagrams, and what is recorded for them."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from companion.plots import inline_svg, panels


@given(st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 2), min_size=1, max_size=30))
def test_a_path_written_in_steps_ends_each_step_where_it_should(points):
    there = "L".join(f" {x:.6f} {y:.6f} " for x, y in points)
    steps = re.findall(r"-?[\d.]+", inline_svg._steps(f"M{there}", 10))
    here = np.cumsum(np.array(steps, float).reshape(-1, 2), axis=0)
    np.testing.assert_allclose(here, points, atol=0.051)


def test_a_figure_is_written_lean_and_whole():
    figure = Figure()
    axes = figure.subplots()
    axes.bar([0, 1], [1, 2], hatch="//", color="white", edgecolor="black")
    axes.plot([0, 1], [0, 2], "o-", label="black", color="k")
    axes.imshow(np.random.default_rng(0).random((9, 9)), extent=(0, 1, 0, 1))
    axes.set(title="$x^2$ & y", xlabel="first")
    axes.legend()
    drawn = inline_svg.svg(figure, "sample")
    asked = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', drawn)
    assert {one or other for one, other in asked} == set(re.findall(r' id="([^"]+)"', drawn))
    assert not re.search(r"#000|black;| style=\"[^-]|<g/?>|font-family|NaN", drawn)
    for part in (">first<", "&amp;", ">black<", "data:image/webp", 'stroke="currentColor"'):
        assert part in drawn
    for tag in ("svg", "g", "defs", "pattern", "clipPath", "text"):
        opened = len(re.findall(rf"<{tag}[ >][^>]*(?<!/)>|<{tag}>", drawn))
        assert opened == drawn.count(f"</{tag}>"), tag


def test_parts_with_titles_become_panels_and_take_along_what_has_none():
    figure = Figure(layout="constrained")
    (left, right), (below, _) = figure.subplots(2, 2)
    left.set_title("first")
    right.set_title("second")
    below.set_xlabel("under the first")
    figure.suptitle("What it finds")
    finding, parts = panels(figure, "sample")
    assert finding == "What it finds"
    assert [part.title for part in parts] == ["first", "second"]
    assert [">under the first<" in part.drawing for part in parts] == [True, False]
    assert not any("What it finds" in part.drawing or ">first<" in part.drawing for part in parts)


def test_the_title_of_a_single_part_is_what_the_figure_finds():
    figure = Figure(figsize=(9, 4), layout="constrained")
    figure.subplots().set_title("It rises")
    finding, (part,) = panels(figure, "sample")
    assert (finding, part.title) == ("It rises", "")
    assert float(re.search(r"--points:(\d+)", part.drawing)[1]) < 5.7 * 72


def test_text_on_a_colour_keeps_one_ink_and_other_text_has_one_for_each_scheme():
    figure = Figure()
    axes = figure.subplots()
    axes.imshow([[0.0]], cmap="gray", extent=(0, 1, 0, 1))
    axes.text(0.5, 0.5, "on black", color="k", ha="center", va="center")
    axes.set_xlabel("beside", color="#e69f00")
    axes.plot([0, 1], [0, 1], color="#d0d0d0")
    (drawn,) = (part.drawing for part in panels(figure, "sample")[1])
    words = dict(
        (text, ink) for ink, text in re.findall(r'fill="([^"]+)"[^>]*>([^<]+)</text', drawn)
    )
    assert inline_svg.contrast(to_rgb(words["on black"]), (0, 0, 0)) >= 4.5
    light, dark = re.fullmatch(r"light-dark\((.+),(.+)\)", words["beside"]).groups()
    assert inline_svg.contrast(to_rgb(light), inline_svg.LIGHT) >= 4.5
    assert inline_svg.contrast(to_rgb(dark), inline_svg.DARK) >= 4.5


@given(*[st.tuples(*[st.floats(0, 1)] * 3)] * 2)
def test_a_readable_colour_is_told_from_any_surface(colour, surface):
    assert inline_svg.contrast(to_rgb(inline_svg.readable(colour, surface)), surface) >= 4.4
