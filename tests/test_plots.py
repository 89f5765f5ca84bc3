"""What every figure is made of: inline SVG, diagrams, records, and tables beside them."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown import Markdown
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from companion import catalogue, data_files, pages
from companion.plots import inline_svg, panels, picture, subplots
from companion.plots.diagram import Diagram, grid
from companion.prefetch import ReversePrefetch
from companion.studies.recorded_figures import FigureRecord
from companion.studies.tables import markdown_table


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


@pytest.mark.parametrize("count", [1, 3])
def test_a_figure_is_laid_out_once_and_each_panel_drawn_once(count, monkeypatch):
    drawn = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda *given: drawn.append(1) or draw(*given))
    figure = Figure(layout="constrained")
    for number, axes in enumerate(figure.subplots(1, count, squeeze=False).flat):
        axes.set_title(f"panel {number}")
    _, parts = panels(figure, "sample")
    assert len(parts) == count
    assert len(drawn) == 1 + count


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
    for word, behind in (
        ("on black", [(0, 0, 0)] * 2),
        ("beside", [inline_svg.LIGHT, inline_svg.DARK]),
    ):
        inks = re.fullmatch(r"light-dark\((.+),(.+)\)", words[word]).groups()
        for ink, page in zip(inks, behind, strict=True):
            assert inline_svg.contrast(to_rgb(ink), page) >= 4.5


@given(*[st.tuples(*[st.floats(0, 1)] * 3)] * 2)
def test_a_readable_colour_is_told_from_any_surface(colour, surface):
    assert inline_svg.contrast(to_rgb(inline_svg.readable(colour, surface)), surface) >= 4.4


@pytest.fixture
def sheet():
    _, axes = subplots((4, 4))
    return Diagram(axes, (0, 10), (0, 10))


def ends(sheet):
    """Where the diagram's last arrow begins and ends, as it is drawn."""
    sheet.axes.figure.canvas.draw()
    arrow = [patch for patch in sheet.axes.patches if isinstance(patch, FancyArrowPatch)][-1]
    path = arrow.get_path()
    return path.vertices[0], path.vertices[path.codes != path.CLOSEPOLY][-1]


@pytest.mark.parametrize(
    ("to", "leaves", "arrives"),
    [((2, 8), (2, 2.5), (2, 7.5)), ((8, 2), (3, 2), (7, 2)), ((8, 8), (3, 2.5), (7, 7.5))],
    ids=["upwards", "across", "aslant"],
)
def test_an_arrow_leads_from_the_rim_of_a_box_to_the_rim_of_the_next(sheet, to, leaves, arrives):
    first, second = sheet.box(2, 2, "x", "k", (2, 1)), sheet.box(*to, "h", "k", (2, 1))
    sheet.arrow(first, second, head="-", shrinkA=0, shrinkB=0)
    start, end = ends(sheet)
    np.testing.assert_allclose(start, leaves, atol=1e-6)
    np.testing.assert_allclose(end, arrives, atol=1e-6)


def test_an_arrow_past_a_point_leaves_towards_that_point(sheet):
    sheet.arrow(sheet.sign(2, 2, "×", 0.5), (2, 6), (8, 6), head="-")
    start, end = ends(sheet)
    np.testing.assert_allclose([*start, *end], [2, 2.5, 8, 6], atol=1e-6)


def test_a_name_stands_above_a_level_arrow_and_at_the_right_of_an_upright_one(sheet):
    sheet.arrow((1, 1), (5, 1), name="W")
    sheet.arrow((1, 1), (1, 5), name="U")
    above, right = sheet.axes.texts
    assert (above.get_position(), above.get_va()) == ((3, 1), "bottom")
    assert right.get_position()[0] > 1
    assert right.get_ha() == "left"


def test_a_grid_writes_every_number_in_its_cell_and_nothing_where_nothing_is():
    _, axes = subplots((3, 3))
    grid(axes, np.array([[-1.0, ""], ["", 2.5]], dtype=object), {(0, 1): "0.5"})
    assert {(*text.get_position(), text.get_text()) for text in axes.texts} == {
        (0, 0, "−1"),
        (1, 1, "2.5"),
    }
    assert [patch.get_xy() for patch in axes.patches] == [(0.5, -0.5)]


def test_panels_are_plain_and_a_picture_in_one_is_framed():
    _, axes = subplots((4, 2), 1, 2)
    picture(axes[1], np.eye(3), "eye")
    assert [one.spines["top"].get_visible() for one in axes] == [False, True]
    assert not len(axes[1].get_xticks())


def test_a_record_holds_its_parts_and_what_they_were_made_by(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "recorded", lambda name, chapter="": tmp_path / f"{name}.json")
    record = FigureRecord("toy", seed=3)
    order = []
    path = record.make(
        second=lambda: order.append("second") or [1, 2], first=lambda: order.append("first") or "µ"
    )
    assert order == ["second", "first"], "parts are made in the order given: seeds depend on it"
    written = json.loads(path.read_text(encoding="utf-8"))
    assert (written["command"], written["seed"]) == ("python -m chapters.toy.figures", 3)
    assert written["seconds"] >= 0
    assert written["versions"]["numpy"] == np.__version__
    assert (record["second"], record["first"]) == ([1, 2], "µ")
    with pytest.raises(KeyError, match=r"'third'; `python -m chapters\.toy\.figures`"):
        record["third"]


def test_a_table_in_markdown_is_one_with_its_numbers_at_the_right():
    written = markdown_table(("cell", "error"), [("GRU", "1.5%"), ("LSTM", "−0.2"), ("none", "–")])
    page = Markdown(extensions=["tables"]).convert(written)
    assert re.findall(r"<th[^>]*>(\w+)", page) == ["cell", "error"]
    assert re.findall(r'<td style="text-align: right;">([^<]+)', page) == ["1.5%", "−0.2", "–"]
    assert re.findall(r"<td>(\w+)", page) == ["GRU", "LSTM", "none"]


def test_two_who_begin_at_either_end_meet_and_nothing_is_made_twice():
    reached, made = threading.Event(), []

    def make(name):
        made.append(name)
        if name == "d":
            reached.wait(10)
        return name.upper()

    with ThreadPoolExecutor(1) as pool:
        ahead = ReversePrefetch(pool, make, "abcde")
        while "d" not in made:
            reached.wait(0.01)
        assert [ahead.take(name) for name in "abc"] == [None] * 3
        reached.set()
        assert [ahead.take(name) for name in "dexd"] == ["D", "E", None, None]
    assert made == ["e", "d"]


def test_a_figure_drawn_elsewhere_is_the_one_that_would_be_drawn_here(monkeypatch):
    convolution = catalogue.find_chapter("convolution")
    names = pages.figures_of(convolution)
    assert len(names) >= 5
    shown = getattr(convolution.module("figures"), names[0].rpartition(".")[2])
    drawn_here = pages.figure.__wrapped__(shown)
    with ThreadPoolExecutor(1) as pool:
        ahead = ReversePrefetch(pool, pages.figure_by_name, names[:1])
        pool.submit(int).result()  # it has been drawn
        monkeypatch.setattr(pages, "prefetched_figures", ahead)
        assert pages.figure.__wrapped__(shown) == drawn_here
        assert not ahead._futures
