"""Figures of transfer: how models grew, the tasks, and what a base is worth by amount and task."""

import textwrap
import time
from itertools import product

import numpy as np
from matplotlib.figure import Figure

from chapters.transfer import studies, verdicts
from companion.plots import BLUE, GREEN, ORANGE, VERMILION, intervals, picture, subplots
from companion.studies.recorded_figures import FigureRecord

record = FigureRecord("transfer")
LOOKS = {
    "nothing": ("0.4", "s--"),
    "head": (BLUE, "o-"),
    "some": (GREEN, "^:"),
    "all": (VERMILION, "D-."),
}
# Year, name, parameters, what it reads: as their papers give them; this book's own counts where it
# builds the network.
MODELS = (
    (1998, "LeNet-5", 60_000, "images"),
    (2012, "AlexNet", 60_965_224, "images"),
    (2014, "VGG-16", 138_357_544, "images"),
    (2015, "ResNet-50", 25_557_032, "images"),
    (2018, "BERT", 340e6, "text"),
    (2019, "GPT-2", 1.5e9, "text"),
    (2020, "GPT-3", 175e9, "text"),
    (2022, "PaLM", 540e9, "text"),
)


def growth() -> Figure:
    """Parameters of well-known models by year, on a scale of powers."""
    figure, axes = subplots((6.4, 4.2))
    for kind, colour, mark in (("images", BLUE, "o"), ("text", VERMILION, "s")):
        chosen = [(year, count) for year, _, count, reads in MODELS if reads == kind]
        axes.plot(*zip(*chosen, strict=True), mark, color=colour, label=f"reads {kind}")
    for year, name, count, _ in MODELS:
        below = name == "ResNet-50"
        axes.annotate(
            name, (year, count), (-6, -4) if not below else (6, -8), textcoords="offset points",
            ha="left" if below else "right", va="center" if not below else "top", fontsize="small",
        )  # fmt: skip
    axes.set(xlabel="year", ylabel="parameters", yscale="log", xlim=(1994, 2024))
    axes.legend(frameon=False)
    (first, _, few, _), (last, _, many, _) = MODELS[0], MODELS[-1]
    axes.set_title(
        f"From {few / 1e3:.0f} thousand to {many / 1e9:.0f} billion parameters "
        f"in {last - first} years"
    )
    figure.set_label(
        "Parameters by year: "
        + ", ".join(f"{name} {year} {count:,.0f}" for year, name, count, _ in MODELS)
        + "."
    )
    return figure


def tasks() -> Figure:
    """Two images of each class, from each task: digits 5 to 9, three changes of them, letters."""
    figure, axes = subplots((4.8, 3.2), len(studies.TASKS), 10)
    for line, task in zip(axes, studies.TASKS, strict=True):
        chosen = studies.few(studies.material(task).train, 2, 0)
        for axis, image in zip(line, chosen.x, strict=True):
            picture(axis, image[..., 0], vmin=0, vmax=1)
        name = textwrap.fill(task, 12)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    figure.suptitle("Five tasks for a base of digits 0 to 4:\none similar, four different")
    figure.set_label(
        "Ten 8×8 images of each task, two of each class: digits 5 to 9 as they are; the same under "
        "noise; turned by 90 degrees; with ink and paper exchanged; and the letters A to E, drawn "
        "in many faces of DejaVu."
    )
    return figure


def amounts() -> Figure:
    """Test error on 5 to 9 over the examples a class, from nothing and on the base."""
    results = verdicts.recorded("head_start")
    figure, axes = subplots((6.4, 4.2))
    descriptions = []
    for base, line in results.table.groupby("base", sort=False):
        colour, style = LOOKS[str(base)]
        name = "from nothing" if base == studies.NOTHING else f"on the base: {base}"
        look = {"color": colour, "fmt": style, "label": name, "markersize": 4}
        intervals(axes, line, "examples a class", 100, **look)
        errors = zip(line["examples a class"], line["mean"], strict=True)
        descriptions.append(f"{name}: " + ", ".join(f"{100 * e:.1f} % at {n}" for n, e in errors))
    each = sorted(set(results.table["examples a class"]))
    axes.set(xlabel="examples a class", ylabel="test error [%]", xscale="log", yscale="log")
    axes.set_xticks(each, [str(one) for one in each])
    axes.set_xticks([], minor=True)
    axes.legend(frameon=False)
    last, _ = verdicts.helps_up_to(results, "head")
    axes.set_title(
        f"The base is shown to help up to {last} examples a class"
        if last
        else "The base is not shown to help"
    )
    figure.set_label("Test error on the digits 5 to 9. " + "; ".join(descriptions) + ".")
    return figure


def matrix() -> Figure:
    """Test errors of four strategies in five tasks, with little and with much data."""
    held = verdicts.cells(verdicts.recorded("amount_and_similarity"))
    figure, panels = subplots((9.6, 4.0), 1, 2, sharey=True)
    for axes, each in zip(panels, (studies.LITTLE, studies.LARGE), strict=True):
        for row, cell in enumerate(one for one in held if one.each == each):
            for base, (colour, style) in LOOKS.items():
                axes.plot(
                    100 * cell.errors[base], row, style[0], color=colour,
                    markersize=11 if base == cell.advised else 5,
                    markerfacecolor="none" if base == cell.advised else colour,
                    label={"nothing": "from nothing"}.get(base, base) if row == 0 else None,
                )  # fmt: skip
        axes.set(xlabel="test error [%]", ylim=(len(studies.TASKS) - 0.5, -0.5))
        axes.set_yticks(range(len(studies.TASKS)), studies.TASKS)
        axes.set_title(f"{each} examples a class")
        axes.grid(axis="y", alpha=0.3)
    panels[0].legend(frameon=False, fontsize="small")
    counted = [cell.holds for cell in held]
    figure.suptitle(
        f"The lecture's advice (large marks) has the lowest error in {counted.count('best')} of "
        f"{len(held)} cells;\nin {counted.count('worse')} another is shown to be better"
    )
    figure.set_label(
        "Test errors. "
        + "; ".join(
            f"{cell.task}, {cell.each} a class, advised {cell.advised}: "
            + ", ".join(f"{base} {100 * error:.1f} %" for base, error in cell.errors.items())
            for cell in held
        )
        + "."
    )
    return figure


def features_once() -> Figure:
    """Processor seconds to train a head, by epochs: features anew, and extracted once."""
    timed = record["features_once"]
    figure, axes = subplots((6.4, 3.8))
    for name, colour, style in (
        ("anew in every epoch", ORANGE, "s--"),
        ("once, and kept", BLUE, "o-"),
    ):
        axes.plot(timed["epochs"], timed[name], style, color=colour, label=name)
    share = timed["once, and kept"][-1] / timed["anew in every epoch"][-1]
    axes.set(xlabel="epochs", ylabel="processor seconds", ylim=(0, None))
    axes.set_xticks(timed["epochs"])
    axes.legend(frameon=False, title="features extracted")
    most = timed["epochs"][-1]
    axes.set_title(f"{most} epochs on features that are kept take {100 * share:.0f} % of the time")
    figure.set_label(
        f"Processor seconds of training a head on {timed['examples']:,} images. "
        + "; ".join(
            f"{name}: "
            + ", ".join(
                f"{s:.1f} s after {e}" for e, s in zip(timed["epochs"], timed[name], strict=True)
            )
            for name in ("anew in every epoch", "once, and kept")
        )
        + "."
    )
    return figure


def timed_features() -> dict[str, object]:
    """Return the processor seconds that a head takes, on a frozen base and on kept features."""
    import keras

    from chapters.transfer.fine_tuning import extracted, open_layers, with_head
    from chapters.transfer.pretrained import load_base
    from companion.datasets.dataset import Dataset

    base, data = load_base(), studies.material(verdicts.SIMILAR)
    epochs, rows = (1, 5, 10, 20), np.arange(1280) % len(data.train)
    large = data.train[rows]
    keras.utils.set_random_seed(record.seed)
    full = with_head(base, studies.CLASSES)
    open_layers(full, "head")
    inputs = keras.Input(base.output_shape[1:])
    alone = keras.Model(inputs, keras.layers.Dense(studies.CLASSES, "softmax")(inputs))
    taken: dict[str, list[float]] = {"anew in every epoch": [], "once, and kept": []}
    for model in (full, alone):
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    images = Dataset(data.card, large, data.validation[:0], data.test[:0])
    for name, count in product(taken, (1, *epochs)):  # the first is a warm-up
        began = time.process_time()
        if name == "once, and kept":
            features = extracted(base, images).train
            alone.fit(features.x, features.y, 32, count, verbose=0)
        else:
            full.fit(large.x, large.y, 32, count, verbose=0)
        taken[name].append(round(time.process_time() - began, 3))
    return {
        "epochs": list(epochs),
        "examples": len(large),
        **{name: one[1:] for name, one in taken.items()},
    }


if __name__ == "__main__":
    record.make(features_once=timed_features)
