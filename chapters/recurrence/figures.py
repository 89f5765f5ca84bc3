"""Figures of recurrence: the unrolled graph, what fades, what is forecast, what is found."""

import json
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from chapters.recurrence import scratch, studies
from companion.data_files import read, recorded
from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, plain
from companion.studies.records import recorded_results
from companion.studies.results import Results
from companion.training.seeding import fresh_start

# What Keras made for the figures, kept so that a page is built without Keras.
KEPT = "recurrence_figures"
COMMAND = "python -m chapters.recurrence.figures"
NAMES = {"x": ORANGE, "h": BLUE, "o": GREEN, "L": PURPLE, "y": "0.5"}


def unrolled() -> Figure:
    """A vanilla network as a loop, and unrolled over three steps with the same U, V, W at each.

    From below: the input x goes through U into the state h, which goes through V to the output
    o; the loss L compares o with the target y. On the left one arrow, W, leads from h back to h.
    On the right each state leads through W to the next one.
    """
    figure = Figure(figsize=(9.5, 5), layout="constrained")
    axes = figure.subplots()
    columns = {0.0: "", 3.2: "(t−1)", 5.4: "(t)", 7.6: "(t+1)"}
    for place, step in columns.items():
        for height, name in enumerate("xhoLy"):
            power = f"$^{{{step}}}$" if step else ""
            _node(axes, place, height, f"${name}${power}", NAMES[name])
        for height, weight in enumerate(("U", "V", "", "")):
            tail, head = (height + 1, height) if height == 3 else (height, height + 1)
            _arrow(axes, (place, tail), (place, head), weight)
    loop = Path([(0.34, 1.12), (1.25, 1.7), (1.25, 0.3), (0.34, 0.88)], [1, 4, 4, 4])
    axes.add_patch(FancyArrowPatch(path=loop, arrowstyle="-|>", mutation_scale=10, color="k"))
    axes.text(1.1, 1.0, "W", style="italic", fontsize=11, va="center")
    axes.annotate("unroll", (1.95, 2), ha="center", fontsize=12)
    axes.annotate("", (2.35, 1.8), (1.55, 1.8), arrowprops={"arrowstyle": "-|>", "lw": 2})
    axes.text(2.05, 1.0, "…", fontsize=16, ha="center", va="center")
    axes.text(8.85, 1.0, "…", fontsize=16, ha="center", va="center")
    for left, right in ((2.2, 3.2), (3.2, 5.4), (5.4, 7.6), (7.6, 8.7)):
        _arrow(axes, (left, 1), (right, 1), "W")
    axes.set(xlim=(-0.6, 9.1), ylim=(-0.45, 4.45), aspect="equal")
    axes.axis("off")
    axes.set_title("Unrolled, the loop is a deep network whose layers share their weights")
    return figure


def _node(axes: Any, x: float, y: float, label: str, colour: str) -> None:
    box = FancyBboxPatch(
        (x - 0.34, y - 0.26), 0.68, 0.52, boxstyle="round,pad=0,rounding_size=0.2",
        facecolor=(*to_rgb(colour), 0.25), edgecolor=colour, linewidth=1.5,
    )  # fmt: skip
    axes.add_patch(box)
    axes.text(x, y, label, ha="center", va="center", fontsize=12)


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    """Draw an arrow from the edge of one node to the edge of the next, up, down or across."""
    (x0, y0), (x1, y1) = start, end
    across = y0 == y1
    dx, dy = np.sign(x1 - x0) * 0.34, np.sign(y1 - y0) * 0.26
    style = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "lw": 1.2}
    axes.annotate("", (x1 - dx, y1 - dy), (x0 + dx, y0 + dy), arrowprops=style)
    axes.text(
        (x0 + x1) / 2 + (0 if across else 0.14), (y0 + y1) / 2, label, style="italic", fontsize=11,
        ha="center" if across else "left", va="bottom" if across else "center",
    )  # fmt: skip


def shapes_of_tasks() -> Figure:
    """Many-to-one, many-to-many and one-to-many: where inputs go in and outputs come out.

    Many-to-one: four inputs, one output after the last. Many-to-many: four inputs, an output at
    each. One-to-many: one input, an output at each step, which is the next step's input.
    """
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    for axes, (title, inputs, outputs) in zip(
        figure.subplots(1, 3),
        (
            ("Many-to-one: sentiment, digits", (0, 1, 2, 3), (3,)),
            ("Many-to-many: tag every word", (0, 1, 2, 3), (0, 1, 2, 3)),
            ("One-to-many: caption an image", (0,), (0, 1, 2, 3)),
        ),
        strict=True,
    ):
        for step in range(4):
            _node(axes, step, 1, "$h$", BLUE)
            if step:
                _arrow(axes, (step - 1, 1), (step, 1), "")
            if step in inputs:
                _node(axes, step, 0, "$x$", ORANGE)
                _arrow(axes, (step, 0), (step, 1), "")
            if step in outputs:
                _node(axes, step, 2, "$o$", GREEN)
                _arrow(axes, (step, 1), (step, 2), "")
            if step and step not in inputs:  # what was said is heard in the next step
                style = {"arrowstyle": "-|>", "linestyle": ":", "color": "0.5"}
                axes.annotate("", (step - 0.25, 1.26), (step - 0.75, 1.76), arrowprops=style)
        axes.set(xlim=(-0.5, 3.5), ylim=(-0.3, 2.3), aspect="equal")
        axes.axis("off")
        axes.set_title(title, fontsize="medium")
    figure.suptitle("One cell, three kinds of task")
    return figure


def fading() -> Figure:
    """How strongly the last state depends on one k steps before, for three sizes of W, log scale.

    Where W stretches by 0.8 the line falls straight to 10⁻⁵ in 40 steps; by 1, slowly to a
    fiftieth; by 1.2 it climbs to 4, for tanh flattens what W stretches. Without tanh the last
    one would climb straight to 1,500.
    """
    rng = np.random.default_rng(0)
    steps, units = 40, 16
    orthogonal, _ = np.linalg.qr(rng.normal(size=(units, units)))
    x, U = rng.normal(size=(1, steps, 4)), 0.1 * rng.normal(size=(units, 4))
    figure = Figure(figsize=(7.4, 4.2), layout="constrained")
    axes = plain(figure.subplots())
    for size, colour, line in ((0.8, VERMILION, "-"), (1.0, BLUE, "--"), (1.2, GREEN, "-.")):
        h = scratch.rnn_forward(x, U, size * orthogonal, np.zeros(units))
        axes.plot(
            scratch.sensitivity(h[0], size * orthogonal),
            color=colour,
            linestyle=line,
            label=f"tanh, W stretches by {size:g}",
        )
        if size > 1:  # near 0 tanh is the identity, and every step is one more factor
            axes.plot(size ** np.arange(steps + 1.0), color="0.6", linestyle=":",
                      label=f"no tanh, W stretches by {size:g}")  # fmt: skip
    axes.set(yscale="log", xlabel="steps back, k", ylabel="‖∂h⁽ᵀ⁾ / ∂h⁽ᵀ⁻ᵏ⁾‖")
    axes.set_title("What a state owes to the past fades, or explodes, by a factor a step")
    axes.legend(frameon=False)
    return figure


def belief() -> Figure:
    """A digit read row by row, and the network's probability of each class after each row.

    Left, a 2. Right, a grid of eight rows by ten classes, darker where the network is surer. It
    takes the digit for a 3, a 7 and a 9 on the way; after the last row it is sure of the 2.
    """
    found = kept()["belief"]
    image, grid = np.array(found["image"]), np.array(found["probabilities"])
    figure = Figure(figsize=(8.6, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    left.imshow(image, cmap="gray", interpolation="none")
    left.set(xticks=[], ylabel="row")
    left.set_yticks(range(8), range(1, 9))
    left.set_title(f"A {found['label']}, read from the top")
    drawn = right.imshow(grid, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    right.set_xticks(range(10))
    right.set_yticks(range(8), range(1, 9))
    right.set(xlabel="class", ylabel="rows read")
    wrong = np.flatnonzero(grid.argmax(1) != found["label"])  # numbered from 0
    sure = wrong[-1] + 2 if len(wrong) else 1
    right.set_title(f"From row {sure} on, the network says {found['label']}")
    figure.colorbar(drawn, ax=right, label="probability")
    figure.suptitle("Row by row the network makes up its mind")
    return figure


def digits_study() -> Figure:
    """Test error of digits read row by row, one way and both ways, with intervals."""
    return results("digits_by_rows").figure()


def sentiment_study() -> Figure:
    """Test error of sentences read by a word count and by two recurrent cells, with intervals."""
    return results("sentence_sentiment").figure()


def forecast() -> Figure:
    """Two days of a series and the forecasts of the second: naive, seasonal naive, GRU, truth.

    The naive forecast is a flat line. The seasonal naive one repeats yesterday, whose low was
    deeper. The network's is a smooth curve through the true values.
    """
    found = kept()["forecast"]
    hours = np.arange(len(found["past"]))
    ahead = len(hours) + np.arange(len(found["future"]))
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = plain(figure.subplots())
    axes.plot(hours, found["past"], color="0.5")
    axes.plot(ahead, found["future"], "o-", color="0.2", markersize=3, label="what came")
    for name, colour, line in (
        ("naive", ORANGE, ":"),
        ("seasonal naive", VERMILION, "--"),
        ("GRU", BLUE, "-"),
    ):
        axes.plot(ahead, found[name], color=colour, linestyle=line, label=name)
    axes.axvline(len(hours) - 0.5, color="0.7", linewidth=0.8)
    axes.set(xlabel="hour", ylabel="series (standard deviations)", xticks=range(0, 73, 12))
    axes.set_title("The next day, said from the last two")
    axes.legend(frameon=False, ncols=2)
    return figure


def forecast_study() -> Figure:
    """Mean absolute error of four forecasts of the next day, with intervals."""
    figure = results("seasonal_forecast").figure()
    figure.axes[0].set_ylabel("mean absolute error (standard deviations)")
    return figure


def roc() -> Figure:
    """ROC curves of four scores that look for faulty hours; higher and further left is better.

    Share of faulty hours found against share of sound hours suspected. The distance from the
    mean stays near the diagonal, the difference from yesterday lies higher, and the prediction
    errors of the GRU and of linear regression rise steeply, those of linear regression first.
    """
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    axes = plain(figure.subplots())
    styles = ((SKY, ":"), (ORANGE, "-."), (GREEN, "--"), (BLUE, "-"))
    for (name, curve), (colour, line) in zip(kept()["roc"].items(), styles, strict=True):
        axes.plot(
            curve["false_alarms"], curve["found"], color=colour, linestyle=line,
            label=f"{name}: {curve['area']:.2f}",
        )  # fmt: skip
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    axes.set(xlabel="sound hours suspected", ylabel="faulty hours found", aspect="equal")
    axes.set_title("Surprise finds faults that the value alone does not show")
    axes.legend(frameon=False, title="score, and area under its curve", loc="lower right")
    return figure


def anomaly_study() -> Figure:
    """Area under the ROC curve of five scores for faulty hours, with intervals."""
    return results("anomaly_detection").figure()


def results(name: str, outcome: str = "") -> Results:
    """Return the recorded results of a study of this chapter.

    Args:
        name: The study's name.
        outcome: The column to speak of; the study's own by default.
    """
    return recorded_results(getattr(studies, name), outcome)


def in_words(name: str) -> str:
    """Return a study's recorded result as a table and a verdict, in Markdown."""
    found = results(name)
    columns = {f"mean {found.outcome.replace('_', ' ')}": "mean", "95 % from": "low", "to": "high"}
    if "mean_validation_error" in found.table:
        columns["mean validation error"] = "mean_validation_error"
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for _, row in found.table.iterrows():
        numbers = " | ".join(f"{row[column]:.3f}" for column in columns.values())
        lines.append(f"| {row['level']} | {numbers} |")
    return "\n".join([*lines, "", found.verdict])


def kept() -> dict[str, Any]:
    """Return what `made_by_keras` gave when the figures were recorded."""
    return read(KEPT)


def made_by_keras() -> dict[str, Any]:
    """Return what the figures need from Keras: a reader's belief, a forecast, ROC curves."""
    return {
        "command": COMMAND,
        "belief": belief_after_each_row(),
        "forecast": one_forecast(),
        "roc": roc_curves(),
    }


def belief_after_each_row() -> dict[str, Any]:
    """Return a digit of the validation split and what a trained network says after each row."""
    import companion
    from companion import training

    fresh_start(seed=0)
    model = training.train("simple_rnn", "digits", seed=0, show_progress=False).model
    split = companion.load("digits").validation
    image = split.x[0, ..., 0]
    # A network that was shown the first rows only has the state that it has on the way.
    U, W, b, V, c = (np.asarray(weight, float) for weight in model.get_weights())
    parameters = scratch.Parameters(U.T, W.T, V.T, b, c)
    probabilities = scratch.forward(image[None].astype(float), parameters).y_hat[0]
    return {
        "label": int(split.y[0]),
        "image": image.round(4).tolist(),
        "probabilities": probabilities.round(4).tolist(),
    }


def one_forecast() -> dict[str, Any]:
    """Return one stretch of the test part and what came after it, said and true."""
    fresh_start(seed=0)
    train, validation, test = studies.standardized(
        studies.seasonal_series(np.random.default_rng(0))
    )
    past, future = (part[100:101] for part in studies.stretches(test, studies.DAY))
    said = {
        name: studies.predictor(name, train, validation, studies.DAY)(past)[0]
        for name in ("naive", "seasonal naive", "GRU")
    }
    return {
        name: np.round(np.asarray(values, float), 3).tolist()
        for name, values in {"past": past[0], "future": future[0], **said}.items()
    }


def roc_curves() -> dict[str, Any]:
    """Return the ROC curve of each score on the series of seed 0."""
    from sklearn.metrics import roc_auc_score, roc_curve

    curves = {}
    for name in ("distance from the mean", "seasonal naive", "linear regression", "GRU"):
        scores, faulty = studies.anomaly_scores(name, seed=0)
        false_alarms, found, _ = roc_curve(faulty, scores)
        curves[name] = {
            "area": round(float(roc_auc_score(faulty, scores)), 4),
            "false_alarms": false_alarms.round(4).tolist(),
            "found": found.round(4).tolist(),
        }
    return curves


if __name__ == "__main__":
    recorded(KEPT).write_text(json.dumps(made_by_keras()) + "\n", encoding="utf-8")
