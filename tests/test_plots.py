"""What every figure is made of: inline SVG, diagrams, and what is recorded for them."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from companion.plots import inline_svg, svg


@given(st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 2), min_size=1, max_size=30))
def test_a_path_written_in_steps_ends_each_step_where_it_should(points):
    there = "L".join(f" {x:.6f} {y:.6f} " for x, y in points)
    steps = re.findall(r"-?[\d.]+", inline_svg._steps(f"M{there}", 10))
    here = np.cumsum(np.array(steps, float).reshape(-1, 2), axis=0)
    np.testing.assert_allclose(here, points, atol=0.051)


def test_a_figure_is_written_lean_and_whole():
    def picture():
        """Bars and a line."""
        figure = Figure()
        axes = figure.subplots()
        axes.bar([0, 1], [1, 2], hatch="//", color="white", edgecolor="black")
        axes.plot([0, 1], [0, 2], "o-", label="black", color="k")
        axes.imshow(np.random.default_rng(0).random((9, 9)), extent=(0, 1, 0, 1))
        axes.set(title="$x^2$ & y", xlabel="first")
        axes.legend()
        return figure

    drawn = svg(picture)
    asked = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', drawn)
    assert {one or other for one, other in asked} == set(re.findall(r' id="([^"]+)"', drawn))
    assert not re.search(r"#000|black;| style=\"[^-]|<g/?>|font-family|NaN", drawn)
    for part in (">first<", "&amp;", ">black<", "data:image/webp", 'stroke="currentColor"'):
        assert part in drawn
    for tag in ("svg", "g", "defs", "pattern", "clipPath", "text"):
        opened = len(re.findall(rf"<{tag}[ >][^>]*(?<!/)>|<{tag}>", drawn))
        assert opened == drawn.count(f"</{tag}>"), tag
