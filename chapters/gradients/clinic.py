"""The clinic: sixteen sick runs, what a person would look at, and what speaks for each suspect.

The runs are recorded by ``python -m chapters.gradients.clinic``; pages are built without Keras.
"""

import inspect
import math
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chapters.gradients.clinic_cases import CASES, Case
from chapters.gradients.faults import FAULTS
from chapters.gradients.judged import HEALTHY, NAMES, examination_judged
from companion import catalogue, pages
from companion.lesson import sections
from companion.plots import BLUE, ORANGE, VERMILION, subplots
from companion.studies.recorded_figures import FigureRecord
from companion.studies.records import recorded_results
from companion.training.diagnosis import RULES

record = FigureRecord("gradients", module="clinic")
GREY = "0.5"
SHOWN = 8  # examples of a batch that are looked at


# ---- recording ----------------------------------------------------------------------------------


def sheet(case: Case) -> dict[str, Any]:
    """Train a case and return what is looked at, as plain values."""
    from chapters.gradients.faults import trained

    trial = FAULTS[case.fault].drawn(case.seed)
    examination = trained(trial)
    seen = examination.kept
    steps = [loss for row in seen["steps"] for loss in row["losses"]]
    thin = -(-len(steps) // 120) or 1
    order = np.arange(math.floor(len(trial.y) * (1 - trial.split_in_fit)))
    if trial.fit.get("shuffle", True):
        order = np.random.default_rng(0).permutation(order)
    first = order[:SHOWN]
    looks = {
        name: _looks(seen[name], *keys)
        for name, keys in (
            ("gradients", ("layer", "mean_absolute")),
            ("activations", ("layer", "activation", "saturated", "dead")),
            ("weights", ("layer", "moved")),
        )
    }
    history = [{name: _short(value) for name, value in row.items()} for row in seen["history"]]
    return {
        "fault": case.fault,
        "network": trial.network,
        "data": trial.data,
        "examples": len(trial.y),
        "classes": trial.classes,
        "first_loss": _short(seen["first_loss"]),
        "batch": {name: _short(value) for name, value in seen["batch"].items()},
        "history": history,
        "steps": [_short(loss) for loss in steps[::thin]],
        "thinned": thin,
        **looks,
        "look": [[_short(float(v)) for v in trial.x[row].mean(-1).ravel()] if trial.x.ndim == 4
                 else [_short(float(v)) for v in trial.x[row].ravel()] for row in first],
        "labels": trial.y[order[: 3 * 16]].tolist(),
        "signs": [[one.name, one.sign] for one in examination.report().findings],
    }  # fmt: skip


def _looks(rows: list[dict[str, Any]], *keys: str) -> list[list[dict[str, Any]]]:
    """Return the entries of the first look and of the last."""
    epochs = sorted({row["epoch"] for row in rows})
    chosen = (epochs[0], epochs[-1]) if epochs else ()
    return [
        [{key: _short(row[key]) for key in keys} for row in rows if row["epoch"] == epoch]
        for epoch in chosen
    ]


def _short(value: Any) -> Any:
    """Return a number with three digits."""
    return float(f"{value:.3g}") if isinstance(value, float) and math.isfinite(value) else value


# ---- the judgement ------------------------------------------------------------------------------


def first_findings() -> dict[str, NDArray[np.float64]]:
    """Return for each fault, and for healthy runs, the share of runs in which each is found first.

    Returns:
        Arrays of shape ``(len(NAMES),)``, in the order of `NAMES`.
    """
    counts = {name: np.zeros(len(NAMES)) for name in (*FAULTS, "healthy")}
    for row in recorded_results(examination_judged).rows:
        done = "healthy" if row.level in HEALTHY else str(row.level)
        counts[done][int(row.values["first"])] += 1
    return {name: row_counts / max(row_counts.sum(), 1) for name, row_counts in counts.items()}


def confusion() -> Figure:
    """What was done to a training, and what is found first, in shares of its runs."""
    shares = first_findings()
    matrix = np.array(list(shares.values()))
    order = [*range(1, len(NAMES)), 0]
    figure, axes = subplots((9.6, 9.0))
    axes.imshow(matrix[:, order], cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    for row, column in np.argwhere(matrix[:, order] > 0):
        share = f"{100 * matrix[row, order[column]]:.0f}"
        axes.text(column, row, share, ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(order)), [NAMES[one] for one in order], rotation=90, fontsize=8)
    axes.set_yticks(range(len(shares)), list(shares), fontsize=8)
    axes.set(xlabel="what is found first", ylabel="what was done to the training")
    judged = judgement()
    axes.set_title(
        f"{judged['named']} of {judged['faults']} faults are among the first two findings in "
        f"at least 90 % of their runs;\n"
        f"{judged['alarms']} of {judged['healthy']} healthy runs are called sick"
    )
    figure.set_label(
        "Shares of runs whose first finding is what was done: "
        + "; ".join(
            f"{name} {100 * share[NAMES.index(name)]:.0f} %"
            for name, share in zip(FAULTS, matrix, strict=False)
        )
        + f"; healthy runs of which nothing is found {100 * matrix[-1, 0]:.0f} %."
    )
    return figure


def judgement() -> dict[str, Any]:
    """Return what the recorded judgement came to.

    Returns:
        ``faults``; ``named``, how many of them are among the first two findings in 90 % of their
        runs; ``below``, the others with their share; ``runs`` of faults and ``right`` among them;
        ``healthy`` runs and ``alarms`` among them.
    """
    rows = recorded_results(examination_judged).rows
    well = [row.values["named"] for row in rows if row.level in HEALTHY]
    sick = [row for row in rows if row.level in FAULTS]
    shares = {
        name: float(np.mean([row.values["named"] for row in sick if row.level == name]))
        for name in FAULTS
    }
    below = {name: share for name, share in shares.items() if share < 0.9}
    return {
        "faults": len(shares),
        "named": len(shares) - len(below),
        "below": below,
        "runs": len(sick),
        "right": int(sum(row.values["named"] for row in sick)),
        "healthy": len(well),
        "alarms": int(len(well) - sum(well)),
    }


def confusion_table() -> str:
    """Return `confusion` as a Markdown table: one row for each fault."""
    lines = ["| what was done | what is found first, in % of the runs |", "|---|---|"]
    for name, shares in first_findings().items():
        findings = ", ".join(f"{NAMES[at]} {100 * shares[at]:.0f}" for at in np.argsort(-shares)
                          if shares[at])  # fmt: skip
        lines.append(f"| {name} | {findings} |")
    return "\n".join(lines)


def verdict() -> str:
    """Return the recorded judgement in words, as Markdown."""
    judged = judgement()
    below = ", ".join(f"{name} ({share:.0%})" for name, share in judged["below"].items())
    return (
        f"Of {judged['runs']} sick runs the fault is among the first two findings in "
        f"{judged['right']}; "
        f"{judged['named']} of {judged['faults']} faults reach 90 % of their runs"
        + (f", all but {below}" if below else "")
        + f". Of {judged['healthy']} healthy runs {judged['alarms']} are called sick "
        f"({judged['alarms'] / judged['healthy']:.1%})."
    )


# ---- showing ------------------------------------------------------------------------------------


def case_figure(number: int) -> Figure:
    """Draw a case: losses, gradients by layer, flat units by layer, and the first examples."""
    seen = record["cases"][number - 1]
    figure, axes = subplots((9.6, 5.4), 2, 2)
    (losses, gradients), (layers, batch) = axes
    _losses(losses, seen)
    _by_layer(gradients, seen["gradients"], "mean_absolute", "mean |∂E/∂w|", log=True)
    gradients.set_title("Gradient, by layer")
    flat = [[row for row in look if "activation" in row] for look in seen["activations"]]
    if any(flat):
        _by_layer(layers, flat, "saturated", "share of outputs")
        layers.set(ylim=(-0.05, 1.05), title="Outputs where the activation is flat")
    else:
        _by_layer(layers, seen["weights"][1:], "moved", "distance / size")
        layers.set_title("How far the weights have moved")
    _look(batch, seen)
    figure.suptitle(f"Case {number}")
    figure.set_label(_in_words(number, seen))
    return figure


def _losses(axes: Axes, seen: dict[str, Any]) -> None:
    history, guess = seen["history"], math.log(seen["classes"])
    epochs = np.array([row["epoch"] for row in history], float)
    steps = np.array(seen["steps"], float)
    at = np.arange(len(steps)) * (len(history) / max(len(steps), 1))
    axes.plot(at, steps, color=GREY, linewidth=0.7, label="steps")
    axes.plot(epochs - 0.5, _column(history, "loss"), color=BLUE, label="training")
    axes.plot(epochs, _column(history, "val_loss"), color=VERMILION, label="validation")
    axes.axhline(guess, color=GREY, linestyle="--", linewidth=1, label=f"log {seen['classes']}")
    shown = np.concatenate([steps, _column(history, "val_loss")])
    if np.nanmax(shown, initial=0) > 20 * guess:
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="loss", title="Loss")
    axes.legend(fontsize="small", frameon=False, loc="best")


def _by_layer(
    axes: Axes, looks: list[list[dict[str, Any]]], key: str, label: str, log: bool = False
) -> None:
    """Draw a number of each layer, at the first look and at the last."""
    names = [row["layer"] for row in looks[0]] if looks else []
    styles = ((ORANGE, "o", "before the first step"), (BLUE, "s", "at the end"))[-len(looks) :]
    for look, (colour, marker, when) in zip(looks, styles, strict=False):
        values = np.array([row[key] for row in look], float)
        if log:
            values = np.where(values > 0, values, np.nan)
        axes.plot(range(len(values)), values, marker=marker, color=colour, label=when)
    if log and any(row[key] for look in looks for row in look):
        axes.set_yscale("log")
    axes.set_xticks(range(len(names)), [f"{number + 1}" for number in range(len(names))])
    axes.set(xlabel="layer, from the input", ylabel=label)
    axes.legend(fontsize="small", frameon=False, loc="best")


def _look(axes: Axes, seen: dict[str, Any]) -> None:
    """Draw the first examples of the first batch side by side, with their classes."""
    rows = np.array(seen["look"], float)
    if seen["data"] == "cancer":
        axes.imshow(rows, aspect="auto", cmap="gray")
        axes.set(xlabel="feature", ylabel="example", title="The first examples")
        return
    images = rows.reshape(len(rows), 8, 8)
    axes.imshow(np.hstack([np.pad(one, ((0, 0), (0, 1))) for one in images]), cmap="gray")
    names = [str(label) for label in seen["labels"][:SHOWN]]
    axes.set_xticks(4 + 9 * np.arange(len(rows)), names)
    axes.set_yticks([])
    axes.set(xlabel="class", title="The first examples, with their classes")


def _column(rows: list[dict[str, Any]], key: str) -> np.ndarray:
    return np.array([row.get(key) for row in rows], float)


def _in_words(number: int, seen: dict[str, Any]) -> str:
    """Return what the figure of a case shows, with its numbers."""
    history = seen["history"]
    sentences = [f"Case {number}. The first loss is {seen['first_loss']}; log {seen['classes']} is "
            f"{math.log(seen['classes']):.2f}."]  # fmt: skip
    for name, words in (("loss", "training"), ("val_loss", "validation")):
        ends = " to ".join(f"{history[at].get(name)}" for at in (0, -1))
        sentences.append(f"The {words} loss goes from {ends} in {len(history)} epochs.")
    for look, when in zip(seen["gradients"], ("before the first step", "at the end"), strict=False):
        sizes = ", ".join(f"{row['mean_absolute']}" for row in look)
        sentences.append(f"Mean size of the gradient by layer {when}: {sizes}.")
    if seen["activations"]:
        flat = ", ".join(f"{row['saturated']}" for row in seen["activations"][-1])
        sentences.append(f"Share of flat outputs by layer at the end: {flat}.")
    return " ".join(sentences)


def facts(number: int) -> str:
    """Return what there is to know of a case besides its figure, as Markdown."""
    seen = record["cases"][number - 1]
    batch, last = seen["batch"], seen["history"][-1]
    val_accuracy = last.get("val_accuracy")
    moved = ", ".join(f"{row['moved']:.2g}" if row["moved"] is not None else "none"
                      for row in (seen["weights"] or [[]])[-1])  # fmt: skip
    lines = [
        f"`{seen['network']}` on `{seen['data']}`: {seen['examples']} examples, "
        f"{seen['classes']} classes; guessing costs log {seen['classes']} = "
        f"{math.log(seen['classes']):.2f}, the first loss is {seen['first_loss']}.",
        f"The first batch: {batch['dtype']}, from {batch['min']:g} to {batch['max']:g}, mean "
        f"{batch['mean']:g}, deviation {batch['sd']:g}. Classes of 48 training examples in the "
        f"order in which they are drawn: "
        f"{' '.join(map(str, seen['labels']))}.",
        f"At the end: accuracy {last.get('accuracy')} in training, {val_accuracy} in validation. "
        f"The layers' weights have moved by {moved} of their size.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def options(number: int) -> str:
    """Return the suspects of a case, each folded with what speaks for or against it.

    The one that fits shows what was done, as it stands in `chapters.gradients.faults`.
    """
    case, seen = CASES[number - 1], record["cases"][number - 1]
    _, cause, remedy, section = RULES[case.fault]
    sign = dict(seen["signs"]).get(case.fault, "")
    done = inspect.getsource(FAULTS[case.fault].breaks).strip()
    answers = {name: f"**No.** {why}" for name, why in case.near.items()}
    answers[case.fault] = (
        f"**Yes.** {sign} {cause} *Try:* {remedy} *Read:* {_link(section)}. What was done:\n\n"
        f"```python\n{done}\n```"
    )
    return "\n\n".join(
        pages.folded(f"{name[0].upper()}{name[1:]}?", answers[name], "question")
        for name in sorted(answers)
    )


def _link(section: str) -> str:
    """Return a link to a section of the book, as Markdown."""
    for entry in catalogue.discover():
        for one in sections(entry.name):
            if one.anchor == section:
                page = one.file.with_suffix(".html").name.replace("README", "index")
                return f"[{one.title}](../{entry.name}/{page}#{section})"
    raise KeyError(section)


@cache
def case(number: int) -> str:
    """Return a case as Markdown: its figure, its facts, and the suspects."""

    def draw() -> Figure:
        return case_figure(number)

    draw.__name__ = f"case_{number}"
    return "\n\n".join(
        [pages.figure(draw), facts(number), "*What is wrong? Open a suspect.*", options(number)]
    )


if __name__ == "__main__":
    record.make(cases=lambda: [sheet(one) for one in CASES])
