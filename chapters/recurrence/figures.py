"""Figures of recurrence: the unrolled graph, what fades, what is forecast, what is found."""

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import companion
from chapters.recurrence import scratch, studies
from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, picture, subplots
from companion.plots.diagram import Diagram
from companion.studies.recorded_figures import FigureRecord
from companion.studies.records import recorded_results
from companion.training.seeding import fresh_start

record = FigureRecord("recurrence")
COLOURS = {"x": ORANGE, "h": BLUE, "o": GREEN, "L": PURPLE, "y": "0.5"}
NODE = (0.68, 0.52)


def unrolled() -> Figure:
    """A vanilla network as a loop, and unrolled over three steps with the same U, V, W at each.

    From below: the input x goes through U into the state h, which goes through V to the output
    o; the loss L compares o with the target y. On the left one arrow, W, leads from h back to h.
    On the right each state leads through W to the next one.
    """
    figure, axes = subplots((5.8, 3.4))
    sheet = Diagram(axes, (-0.6, 9.5), (-0.45, 4.45))
    states = []
    for x, step in ((0.0, ""), (3.7, "^{(t−1)}"), (5.8, "^{(t)}"), (7.9, "^{(t+1)}")):
        names = {name: f"${name}{step}$" for name in COLOURS}
        inputs, state, output, loss, target = (
            sheet.box(x, height, names[name], COLOURS[name], (1.05, 0.62))
            for height, name in enumerate(COLOURS)
        )
        sheet.arrow(inputs, state, name="U")
        sheet.arrow(state, output, name="V")
        sheet.arrow(output, loss)
        sheet.arrow(target, loss)
        states.append(state)
    sheet.arrow((0.53, 1.12), (1.45, 1.7), (1.45, 0.3), (0.53, 0.88), curved=True)
    sheet.write(1.4, 1.0, "W", style="italic")
    sheet.write(1.95, 2, "unroll")
    sheet.arrow((1.55, 1.8), (2.35, 1.8), linewidth=2)
    first, middle, last = states[1:]
    for start, end in (((2.7, 1), first), (first, middle), (middle, last), (last, (8.9, 1))):
        sheet.arrow(start, end, name="W")
    for x in (2.4, 9.2):
        sheet.write(x, 1, "…", fontsize=16)
    axes.set_title("Unrolled, the loop is a deep network whose layers share their weights")
    return figure


def shapes_of_tasks() -> Figure:
    """Many-to-one, many-to-many and one-to-many: where inputs go in and outputs come out.

    Many-to-one: four inputs, one output after the last. Many-to-many: four inputs, an output at
    each. One-to-many: one input, an output at each step, which is the next step's input.
    """
    figure, row = subplots((10, 3.2), 1, 3)
    for axes, (title, inputs, outputs) in zip(
        row,
        (
            ("Many-to-one: sentiment, digits", (0, 1, 2, 3), (3,)),
            ("Many-to-many: tag every word", (0, 1, 2, 3), (0, 1, 2, 3)),
            ("One-to-many: caption an image", (0,), (0, 1, 2, 3)),
        ),
        strict=True,
    ):
        sheet = Diagram(axes, (-0.5, 3.5), (-0.3, 2.3))
        states = [sheet.box(step, 1, "$h$", BLUE, NODE) for step in range(4)]
        for before, after in pairwise(states):
            sheet.arrow(before, after)
        for step in inputs:
            sheet.arrow(sheet.box(step, 0, "$x$", ORANGE, NODE), states[step])
        nodes = [sheet.box(step, 2, "$o$", GREEN, NODE) for step in outputs]
        for output in nodes:
            sheet.arrow(states[int(output.x)], output)
        if len(inputs) == 1:  # what was said is heard in the next step
            for output, after in zip(nodes, states[1:], strict=False):
                sheet.arrow(output, after, linestyle=":")
        axes.set_title(title, fontsize="medium")
    figure.suptitle("One cell, three kinds of task")
    return figure


def fading() -> Figure:
    """How strongly the last state depends on one k steps before, for three sizes of W."""
    rng = np.random.default_rng(0)
    steps, units = 40, 16
    orthogonal, _ = np.linalg.qr(rng.normal(size=(units, units)))
    x, U = rng.normal(size=(1, steps, 4)), 0.1 * rng.normal(size=(units, 4))
    figure, axes = subplots((7.4, 4.2))
    descriptions = []
    for size, colour, line in ((0.8, VERMILION, "-"), (1.0, BLUE, "--"), (1.2, GREEN, "-.")):
        h = scratch.rnn_forward(x, U, size * orthogonal, np.zeros(units))
        owed = scratch.sensitivity(h[0], size * orthogonal)
        name = f"tanh, W stretches by {size:g}"
        axes.plot(owed, color=colour, linestyle=line, label=name)
        descriptions.append(f"{name}: {owed[-1]:.2g}")
        if size > 1:  # near 0 tanh is the identity, and every step is one more factor
            axes.plot(size ** np.arange(steps + 1.0), color="0.6", linestyle=":",
                      label=f"no tanh, W stretches by {size:g}")  # fmt: skip
            descriptions.append(f"the same without tanh: {size**steps:,.0f}")
    figure.set_label(
        f"How strongly the last state depends on one {steps} steps before, on a logarithmic axis: "
        f"{'; '.join(descriptions)}. With tanh the lines for 0.8 and 1 fall about evenly, and the "
        "one for 1.2 rises to about 4 and stays there; without tanh it rises evenly."
    )
    axes.set(yscale="log", xlabel="steps back, k", ylabel="‖∂h⁽ᵀ⁾ / ∂h⁽ᵀ⁻ᵏ⁾‖")
    axes.set_title("What a state owes to the past fades behind a tanh; without one it can explode")
    axes.legend(frameon=False)
    return figure


def belief() -> Figure:
    """A digit read row by row, and the network's probability of each class after each row."""
    reading = record["belief"]
    label, grid = reading["label"], np.array(reading["probabilities"])
    figure, (left, right) = subplots((8.6, 4), 1, 2, width_ratios=(1, 1.35))
    guesses = ", ".join(f"{row.argmax()} ({row.max():.0%})" for row in grid)
    figure.set_label(f"A {label}; the likeliest class after each of its eight rows: {guesses}.")
    picture(left, reading["image"])
    left.set_title(f"A {label}, read from the top")
    left.set_ylabel("row")
    left.set_yticks(range(8), range(1, 9))
    drawn = right.imshow(grid, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    right.set_xticks(range(10))
    right.set_yticks(range(8), range(1, 9))
    right.set(xlabel="class", ylabel="rows read")
    wrong = np.flatnonzero(grid.argmax(1) != label)  # numbered from 0
    sure = wrong[-1] + 2 if len(wrong) else 1
    right.set_title(f"From row {sure} on, the network says {label}")
    figure.colorbar(drawn, ax=right, label="probability")
    figure.suptitle("Row by row the network makes up its mind")
    return figure


def digits_study() -> Figure:
    """Test error of digits read row by row, one way and both ways, with intervals."""
    return recorded_results(studies.digits_by_rows).figure()


def sentiment_study() -> Figure:
    """Test error of sentences read by a word count and by two recurrent cells, with intervals."""
    return recorded_results(studies.sentence_sentiment).figure()


def forecast() -> Figure:
    """Two days of a series, the forecasts of the next one, and what came.

    The naive forecast is a flat line. The seasonal naive one repeats yesterday, whose low was
    deeper. The network's is a smooth curve near the true values, above them from the third hour to
    the eleventh.
    """
    series = record["forecast"]
    hours = np.arange(len(series["past"]))
    ahead = len(hours) + np.arange(len(series["future"]))
    figure, axes = subplots((9, 4))
    axes.plot(hours, series["past"], color="0.5")
    axes.plot(ahead, series["future"], "o-", color="0.2", markersize=3, label="what came")
    for name, colour, line in (
        ("naive", ORANGE, ":"),
        ("seasonal naive", VERMILION, "--"),
        ("GRU", BLUE, "-"),
    ):
        axes.plot(ahead, series[name], color=colour, linestyle=line, label=name)
    axes.axvline(len(hours) - 0.5, color="0.7", linewidth=0.8)
    axes.set(xlabel="hour", ylabel="series (standard deviations)", xticks=range(0, 73, 12))
    axes.set_title("The next day, said from the last two")
    axes.legend(frameon=False, ncols=2)
    return figure


def forecast_study() -> Figure:
    """Mean absolute error of four forecasts of the next day, with intervals."""
    figure = recorded_results(studies.seasonal_forecast).figure()
    figure.axes[0].set_xlabel("mean absolute error (standard deviations)")
    return figure


def roc() -> Figure:
    """ROC curves of four scores that look for faulty hours; higher and further left is better.

    Share of faulty hours found against share of sound hours suspected. The distance from the
    mean stays near the diagonal, the difference from yesterday lies higher, and the prediction
    errors of the GRU and of linear regression rise steeply, those of linear regression first.
    """
    figure, axes = subplots((5.6, 5))
    styles = ((SKY, ":"), (ORANGE, "-."), (GREEN, "--"), (BLUE, "-"))
    for (name, curve), (colour, line) in zip(record["roc"].items(), styles, strict=True):
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
    return recorded_results(studies.anomaly_detection).figure()


def belief_after_each_row() -> dict[str, Any]:
    """Return a digit of the validation split and what a trained network says after each row."""
    fresh_start(record.seed)
    model = companion.train("simple_rnn", "digits", seed=record.seed, show_progress=False).model
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
    fresh_start(record.seed)
    data = companion.load("seasonal_series")
    one = data.test[100:101]
    forecasts = {
        name: studies.predictor(name, data.train, data.validation, seed=0)(one.x)[0]
        for name in ("naive", "seasonal naive", "GRU")
    }
    return {
        name: np.round(np.asarray(values, float), 3).tolist()
        for name, values in {"past": one.x[0, :, 0], "future": one.y[0], **forecasts}.items()
    }


def roc_curves() -> dict[str, Any]:
    """Return the ROC curve of each score on the series of seed 0."""
    from sklearn.metrics import roc_auc_score, roc_curve

    curves = {}
    for name in ("distance from the mean", "seasonal naive", "linear regression", "GRU"):
        scores, faulty = studies.anomaly_scores(name, seed=0)
        false_alarms, sensitivity, _ = roc_curve(faulty, scores)
        curves[name] = {
            "area": round(float(roc_auc_score(faulty, scores)), 4),
            "false_alarms": false_alarms.round(4).tolist(),
            "found": sensitivity.round(4).tolist(),
        }
    return curves


if __name__ == "__main__":
    record.make(belief=belief_after_each_row, forecast=one_forecast, roc=roc_curves)
