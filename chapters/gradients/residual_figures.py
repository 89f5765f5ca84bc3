"""Figures of residual networks: their blocks, what they learn at depth, and what they cost."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chapters.gradients import counting, studies
from companion.plots import BLUE, GREEN, ORANGE, VERMILION, intervals, subplots
from companion.plots.diagram import Diagram, Node
from companion.studies.records import recorded_results
from companion.studies.tables import markdown_table


def residual_blocks() -> Figure:
    """Three blocks: plain, residual as first published, and with pre-activation.

    In each the convolutions stand in the middle. In the second and third an arrow leads past them
    to a plus sign: the input is added. In the second a ReLU follows the addition; in the third
    normalization and ReLU stand before each convolution, and nothing follows.
    """
    figure, panels = subplots((9.6, 5.2), 1, 3)
    plain = (("conv", "norm", "ReLU", "conv", "norm"), "ReLU")
    before = (("norm", "ReLU", "conv", "norm", "ReLU", "conv"), "")
    for axes, title, (parts, last), shortcut in (
        (panels[0], "Plain", plain, False),
        (panels[1], "Residual (2016a)", plain, True),
        (panels[2], "Pre-activation (2016b)", before, True),
    ):
        axes.set_title(title)
        draw_block(axes, parts, last, shortcut)
    figure.suptitle("A shortcut carries x past the weights; what is learned is added to it")
    return figure


def draw_block(axes: Axes, parts: tuple[str, ...], last: str, shortcut: bool) -> None:
    """Draw a block from top to bottom."""
    colours = {"conv": BLUE, "norm": GREEN, "ReLU": ORANGE}
    sheet = Diagram(axes, (-2.2, 2.6), (-9.4, 0.8))
    sheet.write(0.25, 0.35, "x")
    before: Node | tuple[float, float] = (0, 0.6)
    y = -0.8
    for part in parts:
        box = sheet.box(0, y, part, colours[part], (1.6, 0.7))
        sheet.arrow(before, box)
        before, y = box, y - 1.15
    if shortcut:
        plus = sheet.sign(0, y, "+")
        sheet.arrow(before, plus)
        sheet.arrow((0, 0.25), (1.7, 0.25), (1.7, y), plus)
        before, y = plus, y - 1.15
    if last:
        box = sheet.box(0, y, last, colours[last], (1.6, 0.7))
        sheet.arrow(before, box)
        before, y = box, y - 1.15
    sheet.arrow(before, (0, y + 0.1))


def residual_study() -> Figure:
    """Training error over depth: plain networks and residual ones."""
    results = recorded_results(studies.plain_and_residual)
    figure, axes = subplots((6.4, 4.0))
    for name, colour, style in (("plain", VERMILION, "s--"), ("residual", BLUE, "o-")):
        line = results.table[results.table["network"] == name]
        intervals(axes, line, "depth", 100, color=colour, fmt=style, label=name)
    axes.set(
        xlabel="layers with weights",
        ylabel="training error (%)",
        xticks=tuple(studies.BLOCKS),
        ylim=(-1, None),
    )
    axes.legend(frameon=False)
    means = {
        name: [f"{mean:.1%}" for mean in results.table[results.table["network"] == name]["mean"]]
        for name in studies.NETWORKS
    }
    axes.set_title(
        f"Training error from {min(studies.BLOCKS)} to {max(studies.BLOCKS)} layers: plain "
        f"{means['plain'][0]} to {means['plain'][-1]},\nresidual {means['residual'][0]} to "
        f"{means['residual'][-1]}"
    )
    figure.set_label(results.alt_text)
    return figure


# Table 1 of He et al. (2016): the size of a stage's maps, and floating-point operations [10⁹].
PAPER = {18: 1.8, 34: 3.6, 50: 3.8}


def resnet_table() -> str:
    """Return a Markdown table: stage by stage, parameters and multiply-adds of ResNet-18/34/50."""
    by_depth = {depth: counting.resnet_layers(depth) for depth in PAPER}
    rows = []
    for stage in ("conv1", "conv2", "conv3", "conv4", "conv5", "output"):
        cells = []
        for layers in by_depth.values():
            own = [one for one in layers if one.name.startswith(stage)]
            learned = sum(one.parameters for one in own)
            cells.append(f"{len([one for one in own if 'shortcut' not in one.name])}: {learned:,}")
        side = next(one.height for one in by_depth[18] if one.name.startswith(stage))
        rows.append((stage, f"{side}×{side}" if side > 1 else "1×1", *cells))
    totals = [f"{sum(one.parameters for one in layers):,}" for layers in by_depth.values()]
    work = [f"{sum(one.multiply_adds for one in layers) / 1e9:.2f}" for layers in by_depth.values()]
    head = ("stage", "maps", *(f"ResNet-{depth}" for depth in PAPER))
    rows.append(("**all parameters**", "", *totals))
    rows.append(("**multiply-adds [10⁹]**", "", *work))
    rows.append(("the paper's table [10⁹]", "", *(f"{one:g}" for one in PAPER.values())))
    return markdown_table(head, rows)
