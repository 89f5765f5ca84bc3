"""A figure on a page: its finding apart, panels that a phone stacks, ink for light and dark."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from companion.plots.inline_svg import FIXED, contrast, readable, svg

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

    The finding is the figure's title; where it has none and one part alone has a title, that. Parts
    with titles of their own become panels, and what has none goes with the nearest. Text on a
    colour is given one that can be read there.

    Args:
        figure: The figure. It is changed.
        name: What makes the ids of its drawings different from those of the page's others.
    """
    finding = figure.get_suptitle()
    titled = [axes for axes in figure.axes if axes.get_title()]
    titles = {axes: " ".join(axes.get_title().split()) for axes in titled}
    figure.suptitle("")
    for axes in titled:
        axes.set_title("")
    whole = len(titled) < 2 or any(text.get_text() for text in figure.texts)
    if whole and len(titled) == 1 and not finding:
        finding = titles.pop(titled[0])
    width, height = figure.get_size_inches()
    grids = [spec.get_gridspec() for axes in figure.axes if (spec := axes.get_subplotspec())]
    one_column = all(grid.ncols == 1 for grid in grids)
    if one_column and all(axes.axison for axes in figure.axes) and width > WIDTH:
        figure.set_size_inches(WIDTH, height)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    _ink(figure)
    if whole:
        return finding, [Panel(" · ".join(titles.values()), svg(figure, name))]
    parts = []
    for number, (first, members) in enumerate(_grouped(figure, titled).items()):
        for axes in figure.axes:
            axes.set_visible(axes in members)
        tight = [axes.get_tightbbox() for axes in members]
        box = Bbox.union([one for one in tight if one]).padded(3)
        inches = box.transformed(figure.dpi_scale_trans.inverted())
        parts.append(Panel(titles[first], svg(figure, f"{name}-{number}", inches)))
    return finding, parts


def _grouped(figure: Figure, titled: list[Axes]) -> dict[Axes, list[Axes]]:
    """Return with each of the titled axes the untitled ones nearest to it, by column first."""
    groups = defaultdict(list, {axes: [axes] for axes in titled})
    for axes in figure.axes:
        if axes not in groups:
            here = axes.get_position()

            def distance(other: Axes, here: Bbox = here) -> float:
                there = other.get_position()
                across = max(here.x0 - there.x1, there.x0 - here.x1, 0)
                down = max(here.y0 - there.y1, there.y0 - here.y1, 0)
                return float(10 * across + down)

            groups[min(titled, key=distance)].append(axes)
    return groups


def _ink(figure: Figure) -> None:
    """Give text that stands on a colour one that can be read there, in either scheme."""
    texts = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text().strip()]
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_alpha(0)
    for text in texts:
        text.set_visible(False)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1] / 255
    for text in texts:
        text.set_visible(True)
        around = text.get_bbox_patch()
        if around is None:
            box = text.get_window_extent(canvas.get_renderer())
            rows, columns = (
                slice(max(0, int(a)), int(b) + 1) for a, b in (box.intervaly, box.intervalx)
            )
            seen = pixels[rows, columns].reshape(-1, 4)
            surface = np.median(seen, axis=0) if len(seen) else np.zeros(4)
        else:
            surface = np.array(to_rgba(around.get_facecolor()))
        if surface[3] < 0.5:
            continue
        text.set_gid(FIXED)
        colour = readable(to_rgb(text.get_color()), surface[:3])
        if contrast(to_rgb(colour), surface[:3]) < 4.5:
            colour = max(("k", "w"), key=lambda ink: contrast(to_rgb(ink), surface[:3]))
        text.set_color(to_hex(colour))
