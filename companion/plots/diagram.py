"""Diagrams: boxes with names, arrows between them, and grids of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import ArrayLike

from companion.plots.charts import VERMILION

Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """Something that arrows lead to and from, centred at (x, y)."""

    x: float
    y: float
    width: float
    height: float

    def rim(self, towards: Point) -> Point:
        """Return where an arrow that leads straight on to another point leaves the node."""
        dx, dy = np.sign(towards[0] - self.x), np.sign(towards[1] - self.y)
        return self.x + float(dx) * self.width / 2, self.y + float(dy) * self.height / 2


class Diagram:
    """A sheet without scales, on which nodes stand and arrows lead from one to the next.

    Args:
        axes: What it is drawn on.
        width: From where to where it reaches, from left to right.
        height: From where to where it reaches, upwards; a unit is as long as one across.
    """

    def __init__(self, axes: Axes, width: tuple[float, float], height: tuple[float, float]) -> None:
        axes.set(xlim=width, ylim=height, aspect="equal")
        axes.axis("off")
        self.axes = axes

    def box(
        self, x: float, y: float, name: str, colour: str, size: tuple[float, float] = (1.5, 0.8)
    ) -> Node:
        """Draw a rounded box with a name in it.

        Args:
            x: Where its middle is, from left to right.
            y: Where its middle is, upwards.
            name: What is written in it.
            colour: Colour of its rim; inside it is paler.
            size: Its width and height.
        """
        width, height = size
        shape = FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle=f"round,pad=0,rounding_size={0.3 * min(size)}",
            facecolor=(*to_rgb(colour), 0.3),
            edgecolor=colour,
            linewidth=1.2,
        )
        self.axes.add_patch(shape)
        self.write(x, y, name)
        return Node(x, y, width, height)

    def sign(self, x: float, y: float, sign: str, radius: float = 0.3) -> Node:
        """Draw an operation's sign in a circle; lines may pass behind it."""
        # White, with ink that stays dark: what passes behind must not shine through at night.
        disc = Circle((x, y), radius, facecolor="#FFFFFF", edgecolor="0.4", zorder=3)
        self.axes.add_patch(disc)
        self.write(x, y, sign, fontsize=13, color="#222222", zorder=4)
        return Node(x, y, 2 * radius, 2 * radius)

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write a text, centred at (x, y) unless `style` says otherwise."""
        style = {"ha": "center", "va": "center", "fontsize": 10, **style}
        self.axes.text(x, y, text, **style)

    def arrow(
        self,
        *stops: Node | Point,
        name: str = "",
        head: str = "-|>",
        curved: bool = False,
        **style: Any,
    ) -> None:
        """Draw an arrow from the rim of a node, or from a point, past points to the next node.

        Args:
            stops: Nodes and points, two or more.
            name: What is written beside the middle: above a level arrow, at the right of others.
            head: As Matplotlib's ``arrowstyle`` has it; ``"-"`` for a line without a head.
            curved: Whether the two stops between are not passed, but bend the arrow towards them.
            style: As Matplotlib's ``FancyArrowPatch`` takes it.
        """
        points = [(stop.x, stop.y) if isinstance(stop, Node) else stop for stop in stops]
        ends = {0: points[1], -1: points[-2]}
        for end, neighbour in ends.items():
            if isinstance(node := stops[end], Node):
                points[end] = node.rim(neighbour)
        path = Path(points, [Path.MOVETO, *[Path.CURVE4] * 3] if curved else None)
        style = {"color": "k", "linewidth": 1.2, "mutation_scale": 10, **style}
        if head == "-":
            style["fill"] = False  # else Matplotlib fills what the line goes round
        self.axes.add_patch(FancyArrowPatch(path=path, arrowstyle=head, **style))
        if name:
            (x0, y0), (x1, y1) = points[0], points[-1]
            level = y0 == y1
            beside = {"ha": "center", "va": "bottom"} if level else {"ha": "left", "va": "center"}
            middle = (x0 + x1) / 2 + (0 if level else 0.14)
            self.write(middle, (y0 + y1) / 2, name, style="italic", **beside)


def grid(axes: Axes, values: ArrayLike, shade: Mapping[Any, str]) -> None:
    """Draw a grid of numbers or words, some of its cells shaded; readable on white and on black.

    Args:
        axes: What it is drawn on; its scales number columns and rows.
        values: What stands in the cells, of shape ``(rows, columns)``; ``""`` for nothing.
        shade: The colour of cells ``(row, column)``.
    """
    values = np.asarray(values)
    rows, columns = values.shape
    for (i, j), colour in shade.items():
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, alpha=0.4))
    for i, j in np.argwhere(values != ""):
        text = f"{values[i, j]}".removesuffix(".0").replace("-", "−")
        axes.text(j, i, text, ha="center", va="center")
    axes.hlines(np.arange(rows + 1) - 0.5, -0.5, columns - 0.5, color="0.5", linewidth=0.6)
    axes.vlines(np.arange(columns + 1) - 0.5, -0.5, rows - 0.5, color="0.5", linewidth=0.6)
    axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), aspect="equal")
    axes.set(xticks=range(columns), yticks=range(rows), xlabel="column", ylabel="row")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def frame(axes: Axes, cell: tuple[int, int], size: tuple[int, int]) -> None:
    """Frame so many rows and columns of a grid, from the cell ``(row, column)`` on."""
    corner = (cell[1] - 0.5, cell[0] - 0.5)
    axes.add_patch(
        Rectangle(
            corner, size[1], size[0], fill=False, edgecolor=VERMILION, linewidth=2.5, zorder=4
        )
    )
