"""A study's figure: every level's mean with its interval, against the dashed baseline."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from companion.studies.statistics import Statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008): told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#666666"
MARKERS = "os^Dv<>"


def draw(statistics: Statistics, title: str) -> "Figure":
    """Return a study's figure: its factors are, from the last, the axis, the lines, the panels."""
    from matplotlib.figure import Figure

    study, table = statistics.study, statistics.table
    panels = list(dict.fromkeys(table[study.factors[-3]])) if len(study.factors) > 2 else [None]
    figure = Figure(figsize=(max(6.4, 4.2 * len(panels)), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        part = table if panel is None else table[table[study.factors[-3]] == panel]
        draw_panel(axis, study.factors, part)
        if panel is not None:
            axis.set_title(f"{panel}", fontsize="medium")
    unit = f" ({study.unit})" if study.unit and statistics.outcome == study.outcome else ""
    axes[0].set_ylabel(f"{statistics.name.capitalize()}{unit}")
    figure.suptitle(title, fontsize="medium")
    figure.supxlabel(
        f"mean of {int(table['seeds'].min())} seeds with its 95 % bootstrap interval; filled: "
        "differs from the dashed baseline, seed by seed",
        fontsize="x-small",
        color="0.5",
    )
    return figure


def draw_panel(axis: "Axes", factors: Sequence[str], table: pd.DataFrame) -> None:
    """Draw the baseline as a dashed line with its interval, and each line's points with theirs."""
    lines: list[tuple[Any, pd.DataFrame]] = [("", table)]
    if len(factors) > 1:
        lines = list(table.groupby(factors[-2], sort=False))
        # a baseline that is a line of one point is drawn as the dashed line alone
        lines = [(name, line) for name, line in lines if set(line["effect"]) != {"baseline"}]
    drawn = pd.concat([line for _, line in lines] or [table])[factors[-1]]
    positions, ticks = scale(list(dict.fromkeys(drawn)))
    for _, baseline in table[table["effect"] == "baseline"].iterrows():
        axis.axhline(baseline["mean"], color=GREY, linestyle="--", linewidth=1)
        axis.axhspan(baseline["low"], baseline["high"], color=GREY, alpha=0.12, linewidth=0)
    for index, (name, line) in enumerate(lines):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        dodge = 0.12 * (index - (len(lines) - 1) / 2)
        line = line.assign(x=[positions[value] + dodge for value in line[factors[-1]]])
        line = line.sort_values("x")
        joined = "-" if pd.api.types.is_numeric_dtype(line[factors[-1]]) else ""
        axis.plot(line["x"], line["mean"], joined, marker="", color=colour, alpha=0.5, linewidth=1)
        for _, point in line.iterrows():
            axis.errorbar(
                point["x"],
                point["mean"],
                [[point["mean"] - point["low"]], [point["high"] - point["mean"]]],
                marker=marker,
                color=GREY if point["effect"] == "baseline" else colour,
                markerfacecolor="white" if point["effect"] == "none shown" else None,
                capsize=3,
            )
        axis.plot([], [], marker=marker, color=colour, label=str(name))
    if len(lines) > 1 and axis is axis.figure.axes[0]:
        axis.legend(title=factors[-2], fontsize="small", frameon=False)
    crowded = max(map(len, ticks)) > 8 or sum(map(len, ticks)) > 30
    axis.set_xticks(
        list(ticks.values()),
        list(ticks),
        rotation=20 if crowded else 0,
        ha="right" if crowded else "center",
    )
    axis.set_xlabel(factors[-1])
    axis.spines[["top", "right"]].set_visible(False)


def scale(values: list[Any]) -> tuple[dict[Any, float], dict[str, float]]:
    """Return where levels lie on the axis, and its ticks.

    Numbers over decades lie at their logarithm; others, in order, side by side.

    >>> scale([0.1, 0.001])
    ({0.1: -1.0, 0.001: -3.0}, {'0.001': -3.0, '0.01': -2.0, '0.1': -1.0})
    >>> scale([0.5, 0.0])
    ({0.0: 0.0, 0.5: 1.0}, {'0': 0.0, '0.5': 1.0})
    """
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values) and 0 < 100 * min(numbers) <= max(numbers):
        positions = {value: math.log10(value) for value in numbers}
        decades = range(math.floor(min(positions.values())), math.ceil(max(positions.values())) + 1)
        return positions, {f"{10.0**decade:g}": float(decade) for decade in decades}
    order = sorted(numbers) if len(numbers) == len(values) else values
    positions = {value: float(index) for index, value in enumerate(order)}
    names = {value: value if isinstance(value, str) else f"{value:g}" for value in order}
    return positions, {names[value]: position for value, position in positions.items()}
