"""Figures of backprop: blocks, the lectures' graphs with both passes, and the checker's step."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from chapters.backprop import expression, studies
from chapters.backprop.graph import Array, Graph
from chapters.backprop.scratch import (
    CS826_NETWORK,
    CS826_TABLE,
    delta_rule_table,
    relative_error,
    sided_differences,
    sigmoid,
)
from companion.plots import BLUE, GREEN, ORANGE, SKY, VERMILION, subplots
from companion.plots.diagram import Diagram, Node, grid
from companion.studies.records import recorded_results
from companion.studies.tables import markdown_table

UP = 1.4
"""How far the rows of a graph lie apart; the columns, as its numbers need."""


def places(graph: Graph) -> dict[str, tuple[float, float]]:
    """Return where each node stands: a column to the right of its inputs, level with their middle.

    An input stands one column before the first node that uses it, each in a row of its own.
    """
    column: dict[str, int] = {}
    for node in graph.order:
        inputs = graph.table.get(node, ())[1:]
        column[node] = 1 + max((column[name] for name in inputs), default=-1)
    for node in graph.order:
        if node not in graph.table:
            users = [column[user] for user, (_, *names) in graph.table.items() if node in names]
            column[node] = min(users) - 1
    row: dict[str, float] = {}

    def settle(node: str) -> None:
        if node in row:
            return
        new = [name for name in dict.fromkeys(graph.table.get(node, ())[1:]) if name not in row]
        for name in new:
            settle(name)
        leaves = [index for name, index in row.items() if name not in graph.table]
        row[node] = float(np.mean([row[name] for name in new])) if new else len(leaves)

    settle(next(reversed(graph.table)))
    for depth in set(column.values()):
        standing = sorted((name for name in row if column[name] == depth), key=row.__getitem__)
        for above, below in pairwise(standing):
            row[below] = max(row[below], row[above] + 1)
    return {node: (column[node], -index) for node, index in row.items()}


def numbers(value: Array, digits: int = 3) -> str:
    """Return a number, or an array as a bracket, as a figure writes it."""
    shown = [f"{one:.{digits + 1}g}".replace("-", "−") for one in np.ravel(np.round(value, digits))]
    return shown[0] if np.ndim(value) == 0 else f"({', '.join(shown)})"


def draw(graph: Graph, axes: Axes, shown: Iterable[str], across: float) -> None:
    """Draw nodes of a graph after both passes: values in blue, gradients in red.

    Args:
        graph: The graph; `forward` and `backward` have run.
        axes: What it is drawn on.
        shown: The nodes to draw; one that is computed from none of the others stands as an input.
        across: From one column to the next.
    """
    spots = places(graph)
    spots = {name: (across * spots[name][0], UP * spots[name][1]) for name in shown}
    (left, low), (right, high) = (f(list(spots.values()), axis=0) for f in (np.min, np.max))
    sheet = Diagram(axes, (left - 1.05, right + 0.8), (low - 0.7, high + 0.9))
    nodes: dict[str, Node] = {}
    for name, (x, y) in spots.items():
        block, *inputs = graph.table.get(name, ("",))
        made = bool(set(inputs) & spots.keys())
        out = 0.13 if made and block == "max" else 0.0  # its circle is larger
        nodes[name] = (
            sheet.sign(x, y, block, radius=0.27 + out)
            if made
            else sheet.box(x, y, name, ORANGE, (0.75, 0.5))
        )
        if made and name.isidentifier():
            sheet.write(x, y + 0.68 + out, name, fontsize=9, style="italic")
        sheet.write(x, y + 0.4 + out, numbers(graph.values[name]), fontsize=8, color=BLUE)
        sheet.write(x, y - 0.43 - out, numbers(graph.gradients[name]), fontsize=8, color=VERMILION)
    for node in nodes:
        for name in dict.fromkeys(graph.table.get(node, ())[1:]):
            if name in nodes:
                sheet.arrow(nodes[name], nodes[node], color="0.5")


def computed(text: str, given: Mapping[str, ArrayLike]) -> Graph:
    """Return a graph, read from a text, after both passes at the given numbers."""
    graph = expression.parse(text)
    graph.forward(**given)
    graph.backward()
    return graph


def building_blocks() -> Figure:
    """Five blocks, with the slope of the output along each input written on its edge.

    Each block is a circle with its sign, its inputs below it. For a + b both slopes are 1, for
    a − b they are 1 and −1, for a · b they are b and a, for max one of them is 1 and the other 0,
    for the sigmoid of a the slope is σ(a)(1 − σ(a)).
    """
    slopes = {
        "a + b": ("+", "1", "1"),
        "a − b": ("−", "1", "−1"),
        "a · b": ("·", "b", "a"),
        "max{a, b}": ("max", "1[a > b]", "1[a < b]"),
        "σ(a)": ("σ", "σ(a)(1 − σ(a))"),
    }
    figure, row = subplots((11, 2.6), 1, 5)
    for axes, (title, (block, *edges)) in zip(row, slopes.items(), strict=True):
        sheet = Diagram(axes, (-2.0, 2.0), (-0.6, 2.9))
        top = sheet.sign(0, 2.2, block, radius=0.5)
        for name, spot, slope in zip("ab", (-0.8, 0.8)[-len(edges) :], edges, strict=False):
            x = spot if len(edges) == 2 else 0.0
            sheet.arrow(sheet.box(x, 0, name, ORANGE, (0.7, 0.6)), top, color="0.5")
            side = {"ha": "right" if x < 0 else "left"}
            beside = x * 0.62 + (-0.15 if x < 0 else 0.15)
            sheet.write(beside, 1.1, slope, color=VERMILION, fontsize=9, **side)
        axes.set_title(title)
    figure.suptitle("How an output moves with each input: the slope on the edge")
    return figure


def hinge() -> Figure:
    """The hinge loss as a graph: margin 0.5, loss 0.5, and back to w the gradient (−1, 1).

    From the left: w = (1, 0.5) and φ = (1, −1) are multiplied to (1, −0.5) and summed to 0.5, times
    y = 1 gives the margin 0.5; 1 − 0.5 is 0.5, and its maximum with 0 is the loss, 0.5. In red from
    the right: 1 at the loss, 1 at the shortfall, −1 at the margin, −1 at the sum, (−1, 1) at w.
    """
    graph = computed(expression.HINGE, {"w": [1.0, 0.5], "φ": [1.0, -1.0], "y": 1.0})
    figure, axes = subplots((5.6, 4.0))
    draw(graph, axes, places(graph), across=1.85)
    axes.set_title("Multiply the edges on the way back: −1[margin < 1] φ(x) y")
    return figure


def exercise_graph() -> Figure:
    """COMP7015's network as a graph, with the value and the gradient of each node."""
    graph = computed(expression.COMP7015_NETWORK, expression.COMP7015_NUMBERS)
    order = list(places(graph))
    features = [name for name in order if "v" in name or name in ("φ", "h1", "h2")]
    rest = [name for name in order if name not in features or name in ("h1", "h2")]
    figure, (left, right) = subplots((11.2, 5.5), 1, 2)
    draw(graph, left, features, across=2.4)
    draw(graph, right, rest, across=2.0)
    left.set_title("From the features φ to what the two units say")
    right.set_title("From there to the loss")
    figure.suptitle("Values flow to the right (blue), gradients back to the left (red)")
    steps = "; ".join(
        f"{node}: {numbers(graph.values[node], 3)}, {numbers(graph.gradients[node], 3)}"
        for node in graph.order
    )
    figure.set_label(
        "COMP7015's network as a graph. Two sums over v · φ go through sigmoids to h1 and h2, "
        "whose weighted sum is the prediction; y is taken off, and the residual is squared. "
        f"At each node its value (blue), then its gradient (red): {steps}."
    )
    return figure


def both_passes() -> str:
    """Return both passes over COMP7015's exercise as one table in Markdown."""
    graph = computed(expression.COMP7015_NETWORK, expression.COMP7015_NUMBERS)
    rows = []
    for node in graph.order:
        block, *names = graph.table.get(node, ("input",))
        made = f"{block} of {' and '.join(f'`{name}`' for name in names)}" if names else block
        value, gradient = (numbers(by[node], 6) for by in (graph.values, graph.gradients))
        rows.append((f"`{node}`", made, value, gradient))
    return markdown_table(("node", "made by", "forward $f_i$", "backward $g_i$"), rows)


def rounding() -> Figure:
    """CS826's table, unrounded, beside the cells that the slide rounded otherwise."""
    rows = delta_rule_table()
    cells, shade, corrections = [], {}, []
    for number, (slide, row) in enumerate(zip(CS826_TABLE, rows, strict=True)):
        cells.append([f"w{row.i}{row.j}", f"{row.weight:g}"])
        for column, name in enumerate(("delta", "y", "updated"), 2):
            printed, right = (f"{getattr(one, name):.4f}" for one in (slide, row))
            cells[-1].append(right)
            if printed != right:
                shade[number, column] = ORANGE
                corrections.append(f"{name} of w{row.i}{row.j} is {right} and not {printed}")
    figure, axes = subplots((5.6, 4.8))
    grid(axes, np.array(cells), shade)
    axes.set(aspect="auto", ylabel="", xlabel="")
    axes.set_xticks(range(5), ["weight", "before", "δ", "y", "after"])
    axes.xaxis.tick_top()
    axes.set_yticks([])
    axes.set_title(f"Rounding moved {len(shade)} of the slide's cells")
    figure.set_label(
        "CS826's table, unrounded: nine rows, one for each weight, with δ, y and the weight after. "
        f"Shaded: {'; '.join(corrections)}."
    )
    return figure


def differences(steps: Array) -> Iterator[tuple[float, float]]:
    """Yield the relative errors of a one-sided and a central difference, for each step."""
    hidden, output = CS826_NETWORK
    x = np.array([1.0, 0.0])

    def loss(weights: Array) -> float:
        y = sigmoid(sigmoid(x @ hidden.weights + hidden.bias) @ weights + output.bias)
        return float(np.sum((1 - y) ** 2) / 2)

    weights = output.weights
    below = sigmoid(x @ hidden.weights + hidden.bias)
    y5 = sigmoid(below @ weights + output.bias)
    exact = np.outer(below, (y5 - 1) * y5 * (1 - y5))
    for step in steps:
        right, left = (
            sided_differences(loss, weights, step),
            sided_differences(loss, weights, -step),
        )
        yield relative_error(right, exact), relative_error((right + left) / 2, exact)


def step_size() -> Figure:
    """Relative error of a difference over its step, both axes logarithmic: central wins, at 10⁻⁵.

    The one-sided difference falls straight from about 0.3 at a step of 1 to about 10⁻⁸ near 5·10⁻⁸
    and rises again; the central one falls twice as steeply, to about 10⁻¹¹ near 10⁻⁵, and rises
    again. Left of their lowest points both are rounding, and jump about.
    """
    steps = np.logspace(-13, 0, 40)
    one_sided, central = zip(*differences(steps), strict=True)
    figure, axes = subplots((7.0, 4.2))
    axes.loglog(steps, one_sided, "s--", color=ORANGE, label="one-sided", markerfacecolor="none")
    axes.loglog(steps, central, "o-", color=BLUE, label="central", markerfacecolor="none")
    axes.axvline(1e-6, color=GREEN, linestyle=":", label="the checker's step")
    axes.set(xlabel="step h", ylabel="relative error of the gradient")
    axes.set_title("Too large a step is wrong, too small a step drowns in rounding")
    axes.legend(frameon=False)
    return figure


def hidden_layers_study() -> Figure:
    """Test error of digits over the number of hidden layers, with a 95 % interval for each."""
    return recorded_results(studies.hidden_layers).figure()


def difference_step_study() -> Figure:
    """Right digits of a measured gradient over the step: central differences and one-sided ones."""
    return recorded_results(studies.difference_step).figure()


def layers_both_ways() -> Figure:
    """Two layers, forward in blue above and backward in red below, and the gradients between them.

    Above, from the left: a⁰ = x, then through W¹ and f to a¹, through W² to a², and to the loss E.
    Below, from the right: δ² from the loss, then δ¹ = δ²W²ᵀ ⊙ f′(z¹). Between the two rows each
    layer's gradient, to which an arrow leads from the activation at its left and one from the δ at
    its right.
    """
    figure, axes = subplots((5.6, 2.6))
    sheet = Diagram(axes, (-0.7, 8.6), (-0.35, 3.2))
    above = [
        sheet.box(3 * layer, 2.5, f"$a^{{[{layer}]}}$", SKY, (0.95, 0.65)) for layer in range(3)
    ]
    below = {
        layer: sheet.box(3 * layer, 0.4, f"$\\delta^{{[{layer}]}}$", VERMILION, (0.95, 0.65))
        for layer in (1, 2)
    }
    loss = sheet.box(8.0, 1.45, "$E$", GREEN, (0.8, 0.65))
    for layer in (1, 2):
        x = 3 * layer - 1.5
        sheet.arrow(above[layer - 1], above[layer], color=BLUE)
        sheet.write(x, 2.78, f"$W^{{[{layer}]}}\\!,\\; b^{{[{layer}]}}\\!,\\; f$", fontsize=9)
        name = f"$\\partial E / \\partial W^{{[{layer}]}}$"
        middle = sheet.box(x, 1.45, name, ORANGE, (1.75, 0.65))
        sheet.arrow(above[layer - 1], middle, color=BLUE)
        sheet.arrow(below[layer], middle, color=VERMILION)
    sheet.arrow(below[2], below[1], color=VERMILION)
    sheet.write(4.5, 0.02, "$W^{[2]\\top}\\!,\\; f'(z^{[1]})$", fontsize=9)
    sheet.arrow(above[2], loss, color=BLUE)
    sheet.arrow(loss, below[2], color=VERMILION)
    axes.set_title("A layer's gradient: what came in, times the δ that came back")
    return figure
