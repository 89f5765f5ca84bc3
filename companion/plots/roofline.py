"""The roofline: what a machine could reach, over the operations that a program does per byte."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.plots.charts import BLUE, GREEN, ORANGE, PURPLE, VERMILION, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_roofline(measured: Mapping[str, Any], names: Mapping[str, str] | None = None) -> "Figure":
    """Draw the roof of a machine and the steps of training under it.

    Args:
        measured: What ``Measurement.to_json`` returns.
        names: What to call the models; by default as the catalogue does.

    Returns:
        The figure; its label says what there is to be seen, with its numbers.
    """
    steps: Sequence[Mapping[str, Any]] = measured["steps"]
    peak, bandwidth = measured["matrix_rates"]["float32"], measured["bandwidth"]
    ridge = peak / bandwidth
    figure, axes = subplots((6.4, 4.2))
    ends = [one["intensity"] for one in steps] + [ridge]
    x = np.geomspace(min(ends) / 4, max(ends) * 6, 200)
    axes.loglog(x, np.minimum(peak, x * bandwidth) / 1e9, color="black")
    axes.axvline(ridge, color="black", linewidth=0.7, linestyle=":")
    axes.annotate(
        f"float32: {peak / 1e9:,.0f} GFLOP/s", (x[-1], peak / 1e9), (0, 4),
        textcoords="offset points", ha="right",
    )  # fmt: skip
    axes.annotate(
        f"{bandwidth / 1e9:,.0f} GB/s", (x[20], x[20] * bandwidth / 1e9), (-6, 2),
        textcoords="offset points", ha="right",
    )  # fmt: skip
    shares = []
    colours = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
    for one, colour, marker in zip(steps, colours, "osD^v", strict=False):
        name = (names or {}).get(one["model"], one["model"])
        axes.plot(
            one["intensity"], one["rate"] / 1e9, marker, color=colour, markersize=8,
            label=f"{name}: {100 * one['share_of_matrix_rate']:.0f} %",
        )  # fmt: skip
        axes.vlines(
            one["intensity"], one["rate"] / 1e9, one["roof"] / 1e9, colour, linewidth=0.8, alpha=0.6
        )
        shares.append(
            f"{name} {one['intensity']:.1f} operations a byte, {one['rate'] / 1e9:.1f} GFLOP/s"
        )
    axes.set(xlabel="operations per byte moved", ylabel="operations per second (10⁹)")
    axes.legend(loc="lower right", frameon=False, title="share of the matrix rate")
    device = f"{measured['device']}, {measured['backend']}"
    figure.suptitle(f"{measured['device']}: steps of training under their roof")
    figure.set_label(
        f"Roofline of {device}. The roof rises with {bandwidth / 1e9:.0f} GB/s and is level at "
        f"{peak / 1e9:.0f} GFLOP/s from {ridge:.1f} operations a byte on. {'; '.join(shares)}."
    )
    return figure
