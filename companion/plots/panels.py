"""A figure on a page: its finding apart, panels that a phone stacks, ink for light and dark."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from companion.plots.inline_svg import DARK, INK, LIGHT, NIGHT, readable, svg

# A chart of one panel is drawn no wider, in inches: its text can be read on a phone, unscrolled.
WIDTH = 5.6


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a figure.

    Attributes:
        title: What stands above it.
        drawing: Inline SVG.
    """

    title: str
    drawing: str


def panels(figure: Figure, name: str) -> tuple[str, list[Panel]]:
    """Return what a figure finds, and its panels.

    The finding is the figure's title; where it has none and one part alone has a title, that. What
    the figure says below all of its parts follows on a line of its own. Parts with titles of their
    own become panels, and what has none goes with the nearest. Text is given ink that can be read.

    Args:
        figure: The figure. It is changed.
        name: What makes the ids of its drawings different from those of the page's others.
    """
    finding, note = figure.get_suptitle(), figure.get_supxlabel()
    figure.suptitle("")
    figure.supxlabel("")
    groups = _groups(figure)
    if len(groups) == 1 and not finding:
        finding, groups = next(iter(groups)), {"": figure.axes}
    finding += f"\n{note[0].upper()}{note[1:]}." if note else ""
    width, height = figure.get_size_inches()
    grids = [spec.get_gridspec() for axes in figure.axes if (spec := axes.get_subplotspec())]
    one_column = all(grid.ncols == 1 for grid in grids) and all(axes.axison for axes in figure.axes)
    if one_column and not figure.subfigs and width > WIDTH:
        figure.set_size_inches(WIDTH, height)
    _ink(figure)
    if len(groups) == 1:
        return finding, [Panel(next(iter(groups)), svg(figure, name, figure.get_tightbbox()))]
    parts = []
    for number, (title, members) in enumerate(groups.items()):
        for axes in figure.axes:
            axes.set_visible(axes in members)
        boxes = [box for axes in members if (box := axes.get_tightbbox())]
        inches = Bbox.union(boxes).padded(3).transformed(figure.dpi_scale_trans.inverted())
        parts.append(Panel(title.strip(), svg(figure, f"{name}-{number}", inches)))
    return finding, parts


def _groups(figure: Figure) -> dict[str, list[Axes]]:
    """Take the titles off a figure's parts, and return them with the axes of each part."""
    titled = {axes: " ".join(axes.get_title().split()) for axes in figure.axes if axes.get_title()}
    named = {part.get_suptitle(): part.axes for part in figure.subfigs if part.get_suptitle()}
    if named:
        for part in figure.subfigs:
            part.suptitle("")
        return named
    for axes in titled:
        axes.set_title("")
    if len(titled) < 2 or any(text.get_text() for text in figure.texts):
        return {" · ".join(titled.values()): figure.axes}
    for axes in figure.axes:
        # Each panel is read by itself.
        if len(axes.get_shared_y_axes().get_siblings(axes)) > 1:
            axes.tick_params(labelleft=True)
    groups = {axes: [axes] for axes in titled}
    for axes in figure.axes:
        if axes not in titled:
            groups[_nearest(axes, groups)].append(axes)
    # Two parts may bear one title.
    return {titled[axes] + " " * i: members for i, (axes, members) in enumerate(groups.items())}


def _nearest(axes: Axes, others: Iterable[Axes]) -> Axes:
    """Return which of the others is nearest to `axes`, by column first."""

    def distance(other: Axes) -> float:
        box, other_box = axes.get_position(), other.get_position()
        across = max(box.x0 - other_box.x1, other_box.x0 - box.x1, 0)
        down = max(box.y0 - other_box.y1, other_box.y0 - box.y1, 0)
        return float(10 * across + down)

    return min(others, key=distance)


def _ink(figure: Figure) -> None:
    """Lay a figure out for good, and note for each text the ink that is read on what is behind it.

    There is one ink by day, and one by night.
    """
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_alpha(0)
    canvas: Any = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    # One drawing lays out and shows what is behind the texts: they leave no trace.
    renderer.draw_text = lambda *_, **__: None
    canvas.draw()
    figure.set_layout_engine(None)  # "none" would be asked once more for each panel
    pixels = np.asarray(canvas.buffer_rgba())[::-1] / 255
    for text in figure.findobj(Text):
        if not (text.get_visible() and text.get_text().strip()):
            continue
        box = text.get_window_extent(renderer)
        rows, columns = (
            slice(max(0, int(a)), int(b) + 1) for a, b in (box.intervaly, box.intervalx)
        )
        behind = pixels[rows, columns].reshape(-1, 4)
        *surface, share = np.median(behind, axis=0) if len(behind) else np.zeros(4)
        colour = np.array(to_rgb(text.get_color()))
        if share == 0 and not colour.any():
            continue
        inks = []
        for page, ink in ((LIGHT, colour), (DARK, colour if colour.any() else NIGHT)):
            seen = share * np.array(surface) + (1 - share) * np.array(page)
            inks.append(readable(ink, seen))
        text.set_gid(INK + "".join(inks))
