"""Figure primitives: drawn with Matplotlib, returned and never shown."""

import base64
import html
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from PIL import Image

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


def learning_curve(history: "pd.DataFrame") -> Figure:
    """Loss and accuracy by epoch, for training and validation.

    Args:
        history: A `Run.history`: columns ``loss``, ``val_loss``, ``accuracy``, ``val_accuracy``,
            indexed by epoch.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, column, name in ((left, "loss", "loss [nats]"), (right, "accuracy", "accuracy")):
        plain(axes).set(xlabel="epoch", ylabel=name)
        if not len(history):
            continue
        for name, colour, label in (
            (column, BLUE, "training"),
            (f"val_{column}", VERMILION, "validation"),
        ):
            axes.plot(history.index, history[name], ".-", color=colour, label=label, markersize=4)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(history):
        best = history["val_loss"].idxmin()
        reached = history["val_accuracy"].to_numpy()[history["val_loss"].argmin()]
        left.set_yscale("log")
        left.set_title(f"Validation loss is lowest after epoch {best}")
        right.set_title(f"Validation accuracy there: {reached:.3f}")
        for axes in (left, right):
            axes.axvline(best, color="0.6", linewidth=0.8, linestyle=":")
            axes.legend(frameon=False)
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


def svg(draw: Callable[[], Figure]) -> str:
    """Draw a figure for a page: inline SVG in the page's own ink, with its alt text.

    Args:
        draw: A function of a chapter's ``figures.py``; the first line of its docstring is the alt
            text.

    Returns:
        HTML in which black is ``currentColor``, so that a dark page shows light ink.
    """
    alt = (draw.__doc__ or "").strip().split("\n")[0]
    if not alt:
        raise ValueError(f"{draw.__name__} needs a docstring: its first line is the alt text.")
    buffer = io.StringIO()
    # The salt makes ids the same in every build, and different between figures of one page.
    with rc_context({"svg.hashsalt": draw.__qualname__, "svg.fonttype": "none"}):
        draw().savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawing = lean(buffer.getvalue())
    drawing = re.sub(r"#000000|\bblack\b", "currentColor", drawing)
    # Text without a colour of its own is black by default.
    drawing = drawing.replace("<svg ", '<svg fill="currentColor" aria-hidden="true" ', 1)
    return (
        f'<div class="figure" role="img" aria-label="{html.escape(alt, quote=True)}">\n'
        f"{drawing}</div>"
    )


def lean(drawing: str) -> str:
    """Take out of Matplotlib's SVG what no reader sees: more than half of it.

    Comments, metadata, groups that group nothing, digits below a tenth of a point, and the list of
    fonts: text is set in the page's own.
    """
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r"<[^>]+>", lambda tag: _lean_tag(tag[0]), drawing)
    drawing = re.sub(r">\s+<", "><", drawing)
    kept: list[str] = []
    groups: list[bool] = []
    for part in re.split(r"(</?g\b[^>]*>)", drawing):
        if part.startswith("<g"):
            groups.append(part != "<g>")
        visible = groups.pop() if part == "</g>" else part != "<g>"
        if visible:
            kept.append(part)
    return "".join(kept)


def _lean_tag(tag: str) -> str:
    if "base64," in tag:
        return re.sub(r"base64,([^\"]*)", lambda found: "base64," + _lean_picture(found[1]), tag)
    tag = re.sub(r"(?<=<g) id=\"[^\"]*\"| transform=\"rotate\(-0 [^\"]*\"", "", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"(\b\d\d+\.\d)\d+", r"\1", tag)
    tag = re.sub(r"(\b\d\.\d\d)\d+", r"\1", tag)
    tag = re.sub(r"\s+", " ", tag).replace("; ", ";").replace(": ", ":")
    return re.sub(r" ?([MLCQz]) ?(?=[-\d\"])", r"\1", tag)


def _lean_picture(encoded: str) -> str:
    """Return a PNG (base64) as a grey one, where it shows greys only."""
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    pixels = np.asarray(image.convert("RGBA"))
    grey = np.ptp(pixels[..., :3], axis=-1).max() == 0 and pixels[..., 3].min() == 255
    buffer = io.BytesIO()
    (image.convert("L") if grey else image).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
