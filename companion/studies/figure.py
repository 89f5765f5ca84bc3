"""A study's figure: every level's mean with its interval, against the dashed baseline."""

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, subplots
from companion.studies.statistics import Statistics, sentence_case

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, "#000000")
GREY = "#666666"
MARKERS = "os^Dv<>"


def draw(statistics: Statistics, title: str) -> Figure:
    """Return a study's figure: its factors are, from the last, the scale, the lines, the panels."""
    study, table = statistics.study, statistics.table
    panels = list(dict.fromkeys(table[study.factors[-3]])) if len(study.factors) > 2 else [None]
    width, levels = max(6.4, 4.2 * len(panels)), table[study.factors[-1]]
    numeric = pd.api.types.is_numeric_dtype(levels)
    height = 4.6 if numeric else 1.6 + 0.32 * levels.nunique()
    figure, axes = subplots((width, height), 1, len(panels), sharey=True, squeeze=False)
    for axis, panel in zip(axes[0], panels, strict=True):
        part = table if panel is None else table[table[study.factors[-3]] == panel]
        draw_panel(axis, statistics, part, key=axis is axes[0, 0])
        if panel is not None:
            axis.set_title(f"{panel}", fontsize="medium")
    figure.suptitle(title, fontsize="medium")
    figure.supxlabel(
        f"mean of {int(table['seeds'].min())} seeds with its 95 % bootstrap interval; filled: "
        "differs from the dashed baseline, seed by seed",
        fontsize="x-small",
        color="0.5",
    )
    return figure


def draw_panel(axis: Axes, statistics: Statistics, table: pd.DataFrame, key: bool) -> None:
    """Draw the baseline as a dashed line with its interval, and each line's points with theirs.

    Numbers stand side by side and are joined; names stand one below the other, where they are read.

    Args:
        axis: The panel.
        statistics: Those of the study.
        table: The panel's rows of its table.
        key: Whether the panel says which line is which, and what is measured.
    """
    study = statistics.study
    factor, named = study.factors[-1], not pd.api.types.is_numeric_dtype(table[study.factors[-1]])
    level, outcome = ("y", "x") if named else ("x", "y")
    lines: list[tuple[Any, pd.DataFrame]] = [("", table)]
    if len(study.factors) > 1:
        lines = list(table.groupby(study.factors[-2], sort=False))
        # a baseline that is a line of one point is drawn as the dashed line alone
        lines = [(name, line) for name, line in lines if set(line["effect"]) != {"baseline"}]
    drawn = pd.concat([line for _, line in lines] or [table])[factor]
    positions, ticks = scale(list(dict.fromkeys(drawn)))
    across, band = (axis.axvline, axis.axvspan) if named else (axis.axhline, axis.axhspan)
    for _, baseline in table[table["effect"] == "baseline"].iterrows():
        across(baseline["mean"], color=GREY, linestyle="--", linewidth=1)
        band(baseline["low"], baseline["high"], color=GREY, alpha=0.12, linewidth=0)
    for index, (name, line) in enumerate(lines):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        dodge = 0.12 * (index - (len(lines) - 1) / 2)
        line = line.assign(position=[positions[value] + dodge for value in line[factor]])
        if not named:
            line = line.sort_values("position")
            axis.plot(line["position"], line["mean"], color=colour, alpha=0.5, linewidth=1)
        for _, point in line.iterrows():
            interval = [[point["mean"] - point["low"]], [point["high"] - point["mean"]]]
            axis.errorbar(
                **{level: point["position"], outcome: point["mean"], f"{outcome}err": interval},
                marker=marker,
                color=GREY if point["effect"] == "baseline" else colour,
                markerfacecolor="white" if point["effect"] == "none shown" else None,
                capsize=3,
            )
        axis.plot([], [], marker=marker, color=colour, label=str(name))
    if key and len(lines) > 1:
        axis.legend(title=study.factors[-2], fontsize="small", frameon=False)
    axis.set(**{f"{level}ticks": list(ticks.values()), f"{level}ticklabels": list(ticks)})
    unit = f" ({study.unit})" if study.unit and statistics.outcome == study.outcome else ""
    labels = {level: factor, outcome: sentence_case(statistics.name) + unit}
    axis.set_xlabel(labels["x"])
    if key:
        axis.set_ylabel(labels["y"])
        if named:  # the panels share it
            axis.invert_yaxis()


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
    names = [one.replace("_", " ") if isinstance(one, str) else f"{one:g}" for one in order]
    return positions, dict(zip(names, positions.values(), strict=True))
