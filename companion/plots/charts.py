"""Charts and their colours: drawn with Matplotlib, returned and never shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import pandas as pd

# Okabe and Ito (2008): told apart by every kind of colour vision.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)


def plain(axes: Any) -> Any:
    """Take the box's top and right side off `axes` and return them."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def subplots(
    size: tuple[float, float], rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure and its panels, plain and laid out so that nothing overlaps.

    Args:
        size: Width and height in inches.
        rows: Panels one below the other.
        columns: Panels side by side.
        options: As ``Figure.subplots`` takes them.

    Returns:
        The figure, and its axes: alone, in a row or column, or of shape ``(rows, columns)``.
    """
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, **options)
    for one in np.ravel(axes):
        plain(one)
    return figure, axes


def picture(axes: Any, image: ArrayLike, title: str = "", **options: Any) -> Any:
    """Show an image pixel by pixel, framed and without scales; return what Matplotlib made of it.

    Args:
        axes: Where it is shown.
        image: Of shape ``(height, width)``, or with a last axis of three colours.
        title: What is written above it, small.
        options: As ``Axes.imshow`` takes them; greys reach from the least value to the greatest.
    """
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.set_title(title, fontsize="medium")
    return axes.imshow(image, **{"cmap": "gray", "interpolation": "none"} | options)


def intervals(axes: Any, line: "pd.DataFrame", along: str, scale: float = 1, **style: Any) -> None:
    """Draw the means of a study's table with their intervals, over the values of a factor.

    Args:
        axes: Where they are drawn.
        line: Rows of a `Results.table`: columns ``mean``, ``low``, ``high``, and `along`.
        along: The factor.
        scale: What means are multiplied by; 100 for percent.
        style: As ``Axes.errorbar`` takes it.
    """
    below_and_above = np.array([line["mean"] - line["low"], line["high"] - line["mean"]])
    axes.errorbar(line[along], scale * line["mean"], scale * below_and_above, capsize=3, **style)


def learning_curve(history: "pd.DataFrame", metric: str = "accuracy", unit: str = "nats") -> Figure:
    """Loss and metric by epoch, for training and, where there is any, validation.

    Args:
        history: A `Run.history`: columns ``loss``, ``val_loss``, the metric's and its ``val_``,
            indexed by epoch.
        metric: What is drawn beside the loss, if it is there.
        unit: The unit of the loss.
    """
    columns = [name for name in ("loss", metric) if name in history or not len(history)]
    figure, panels = subplots((4.5 * len(columns), 3.6), 1, len(columns), squeeze=False)
    lines = (("", BLUE, "training"), ("val_", VERMILION, "validation"))
    for axes, column in zip(panels[0], columns, strict=True):
        name = column.replace("_", " ")
        axes.set(xlabel="epoch", ylabel=f"loss [{unit}]" if column == "loss" else name)
        for prefix, colour, label in lines:
            if prefix + column in history:
                values = history[prefix + column]
                axes.plot(history.index, values, ".-", color=colour, label=label, markersize=4)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(history):
            axes.legend(frameon=False)
        if "val_loss" in history and history["val_loss"].notna().any():
            best = 1 + int(history["val_loss"].argmin())
            axes.axvline(best, color="0.6", linewidth=0.8, linestyle=":")
            axes.set_title(
                f"Validation loss is lowest after epoch {best}"
                if column == "loss"
                else f"Validation {name} there: {history[f'val_{column}'].iloc[best - 1]:.3f}"
            )
    if len(history):
        panels[0][0].set_yscale("log")
    return figure


def predicted_against_true(truth: ArrayLike, predicted: ArrayLike) -> Figure:
    """Predicted numbers over true ones; on the diagonal, both are alike.

    Args:
        truth: Numbers of shape ``(n,)`` or ``(n, k)``.
        predicted: What a model says they are, as many numbers.
    """
    truth, predicted = np.ravel(truth), np.ravel(predicted)
    figure, axes = subplots((4.2, 4.2))
    ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
    axes.plot(ends, ends, color="0.6", linewidth=0.8)
    axes.plot(truth, predicted, ".", color=BLUE, markersize=3, alpha=min(1, 500 / len(truth)))
    axes.set(xlabel="true", ylabel="predicted", aspect="equal")
    error = np.abs(predicted - truth).mean()
    axes.set_title(f"{len(truth):,} numbers, off by {error:.3g} on average", fontsize="medium")
    return figure


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, class_names: Sequence[str]) -> Figure:
    """How often each class was taken for each other; mistakes stand off the diagonal.

    Args:
        labels: True labels of shape ``(n,)``.
        predicted: Predicted labels of shape ``(n,)``.
        class_names: One name for each label.
    """
    from sklearn.metrics import confusion_matrix as count

    counts = count(labels, predicted, labels=range(len(class_names)))
    wrong = int(counts.sum() - counts.trace())
    side = 1.6 + 0.44 * len(class_names)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    # The diagonal would drown the mistakes: colour what is off it.
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(1, 2 * mistakes.max()))
    for row, line in enumerate(counts):
        for column, number in enumerate(line):
            if number:
                on = row == column
                axes.text(
                    column, row, number, ha="center", va="center", color="0.45" if on else "k"
                )
    ticks = range(len(class_names))
    turned = 90 if max(map(len, class_names)) > 3 else 0
    axes.set_xticks(ticks, class_names, rotation=turned)
    axes.set_yticks(ticks, class_names)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(f"{wrong} of {counts.sum():,} examples are misread")
    return figure
