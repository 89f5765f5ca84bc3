"""Figures of long sequences: gradients that last, what cells learn to add, and a pyramid."""

from itertools import pairwise
from time import process_time
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import companion
from chapters.memory import adding, scratch, studies
from companion.datasets import find
from companion.datasets.sound import log_mel
from companion.plots import BLUE, GREEN, PURPLE, SKY, VERMILION, subplots
from companion.plots.diagram import Diagram
from companion.studies.recorded_figures import FigureRecord
from companion.studies.records import recorded_results
from companion.studies.tables import markdown_table

record = FigureRecord("memory")
CELL_COLOURS = {"SimpleRNN": VERMILION, "GRU": GREEN, "LSTM": BLUE, "LSTM, open": SKY}
CELL_MARKS = {"SimpleRNN": "s", "GRU": "^", "LSTM": "o", "LSTM, open": "D"}


# ---- a diagram ----------------------------------------------------------------------------------


def pyramid() -> Figure:
    """Three bidirectional layers read 7, then 4, then 2 frames, pairs of frames joined between.

    Seven steps at the bottom, each pair leading to one of four above; the seventh has no
    neighbour and is joined with zeros. The four become two in the same way.
    """
    figure, axes = subplots((5.8, 3.6))
    sheet = Diagram(axes, (-4.2, 8.6), (-1.7, 4.8))
    steps = [sheet.box(x, 0, "", BLUE, (0.3, 0.3)) for x in range(7)]
    for step in steps:
        axes.plot([step.x] * 2, [-1.3, -0.9], color="k")
    sheet.write(-1, -1.1, "frames of sound", ha="right")
    sheet.write(7.3, 0, "zeros", ha="left")
    for layer in (1, 2, 3):
        sheet.write(-1, steps[0].y, f"layer {layer}: {len(steps)} steps", ha="right")
        for one, other in pairwise(steps):
            sheet.arrow(one, other, head="<|-|>", color=BLUE)
        if layer == 3:
            break
        if len(steps) % 2:
            steps.append(sheet.box(7, 0, "", "0.5", (0.3, 0.3)))
        pairs = list(zip(steps[::2], steps[1::2], strict=True))
        steps = [
            sheet.box((one.x + other.x) / 2, one.y + 2, "", BLUE, (0.3, 0.3))
            for one, other in pairs
        ]
        for step, parts in zip(steps, pairs, strict=True):
            for part in parts:
                sheet.arrow((part.x, part.y + 0.15), (step.x, step.y - 0.15), color="0.5")
    axes.set_title("Each layer of the pyramid reads half as many steps")
    return figure


# ---- what was measured --------------------------------------------------------------------------


def gradient_distance() -> Figure:
    """How much of the gradient is left at a distance in time, before and after learning to add.

    Left, as the cells start (one seed): the GRU's line falls steepest, since its keep gate starts
    at ½; the plain network's and the LSTM's fall nearly alike, the LSTM's a little less from step
    16 on; that of the LSTM with open gates falls to a fifth. Right, after training on the adding
    problem over 100 steps.
    """
    figure, sides = subplots((9.6, 4.2), 1, 2, sharey=True)
    gradients = record["gradients"]
    for axes, when in zip(sides, ("before", "after"), strict=True):
        for cell, curves in gradients["cells"].items():
            error = f", error {curves['test_mse']:.3f}" if when == "after" else ""
            axes.plot(
                np.maximum(curves[when], 1e-12),
                color=CELL_COLOURS[cell],
                marker=CELL_MARKS[cell],
                markevery=20,
                markersize=5,
                label=cell + error,
            )
        axes.set(xlabel="steps back from the end", yscale="log", ylim=(1e-9, 30))
        axes.legend(frameon=False, fontsize="small", loc="lower left")
    sides[0].set_ylabel("size of the gradient, 1 at the end")
    sides[0].set_title("As Keras starts them, gates reach hardly further")
    sides[1].set_title(f"After learning to add over {gradients['lag']} steps")
    figure.suptitle("How far back a gate reaches is learned, or given at the start")
    return figure


def adding_problem() -> Figure:
    """Error on the adding problem by lag, for each cell and seed."""
    results = recorded_results(studies.adding)
    figure, axes = subplots((7.6, 4.4))
    lags, solved = sorted({row.level[1] for row in results.rows}), []
    for number, cell in enumerate(studies.CELLS):
        by_lag = [
            [row.values["test_mse"] for row in results.rows if row.level == (cell, lag)]
            for lag in lags
        ]
        within = [lag for lag, errors in zip(lags, by_lag, strict=True)
                  if np.median(errors) < adding.SOLVED]  # fmt: skip
        solved.append(f"{cell}: solved over {', '.join(map(str, within)) or 'none'}")
        at = np.array(lags) * 1.02 ** (number - 1.5)
        style = {"color": CELL_COLOURS[cell], "marker": CELL_MARKS[cell], "markersize": 5}
        for position, errors in zip(at, by_lag, strict=True):
            axes.plot([position] * len(errors), errors, linestyle="", alpha=0.5, **style)
        axes.plot(at, np.median(by_lag, axis=1), label=cell, **style)
    axes.axhline(1 / 6, color="0.5", linestyle="--", lw=1)
    axes.axhline(adding.SOLVED, color="0.5", linestyle=":", lw=1)
    axes.text(lags[0], 1 / 6 * 1.08, "always saying 1", color="0.4", fontsize="small")
    axes.text(lags[0], adding.SOLVED * 1.08, "solved", color="0.4", fontsize="small")
    axes.set(xscale="log", yscale="log", xlabel="lag in steps", ylabel="mean squared error")
    axes.set_xticks(lags, [str(lag) for lag in lags])
    axes.minorticks_off()
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_title("Within 600 steps only the GRU and the opened LSTM added over 100 and more")
    figure.set_label(
        "Error on the adding problem by lag. "
        + "; ".join(solved)
        + ". One mark for each seed; lines join the medians. The dashed line at 1/6 is the error "
        f"of always saying 1, the dotted one at {adding.SOLVED:g} counts as solved."
    )
    return figure


def pyramid_costs() -> Figure:
    """Seconds per epoch against test error of a BLSTM and of three pyramids on spoken digits.

    One mark for each seed and network: its test error over the processor's seconds in an epoch.
    """
    results, seconds = recorded_results(studies.pyramid), record["seconds_per_epoch"]
    figure, axes = subplots((7.6, 4.2))
    colours = dict(zip(studies.PYRAMIDS, (VERMILION, BLUE, GREEN, PURPLE), strict=True))
    for joined, mark in zip(studies.PYRAMIDS, "soD^", strict=True):
        rows = [row.values for row in results.rows if row.level[1] == joined]
        axes.plot(
            [seconds[joined]] * len(rows),
            [100 * row["test_error"] for row in rows],
            linestyle="",
            marker=mark,
            color=colours[joined],
            label=joined,
        )
    axes.set(xlabel="seconds per epoch", ylabel="test error [%]", xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    quicker = seconds["BLSTM"] / seconds["pairs"]
    axes.set_title(f"Joining pairs of frames makes an epoch {quicker:.1f} times quicker")
    return figure


def frames_of_sound() -> Figure:
    """A recording of three tones, low, middle and high, and its log-mel frames: three bright bars.

    Left, the samples of half a second at 8 kHz. Right, 40 bands of pitch over time, one column
    every 10 ms; each tone is a bright bar, one higher than the last.
    """
    data = companion.load("tones")
    number = int(np.argmax(data.train.y == 0))
    sound, name = data.train.x[number], data.card.class_names[0]
    frames = log_mel(sound)
    figure, (left, right) = subplots((9, 3.4), 1, 2)
    strips = sound[: len(sound) // 20 * 20].reshape(-1, 20)  # 2.5 ms, from its least to its most
    left.fill_between(2.5 * np.arange(len(strips)), strips.min(1), strips.max(1), color=BLUE, lw=0)
    left.set(xlabel="time [ms]", ylabel="sound")
    left.set_title(f"{len(sound):,} samples: {name}")
    right.imshow(
        frames.T, origin="lower", aspect="auto", cmap="gray", extent=(0, 10 * len(frames), 0, 40)
    )
    right.set(xlabel="time [ms]", ylabel="band of pitch")
    right.set_title(f"{len(frames)} frames of 40 numbers")
    figure.suptitle("Three tones become three bars once samples are joined into frames")
    return figure


def adding_table() -> str:
    """Return a Markdown table: how many of the seeds solved the adding problem, and in how long."""
    rows = recorded_results(studies.adding).rows
    lags = sorted({row.level[1] for row in rows})

    def entry(cell: str, lag: int) -> str:
        runs = [row.values for row in rows if row.level == (cell, lag)]
        solved = [run["steps"] for run in runs if run["solved"]]
        return f"{len(solved)} of {len(runs)}" + (f", in {np.mean(solved):.0f}" if solved else "")

    return markdown_table(
        ("cell", *(f"{lag} steps" for lag in lags)),
        ((cell, *(entry(cell, lag) for lag in lags)) for cell in studies.CELLS),
    )


def pyramid_table() -> str:
    """Return a Markdown table: what each pyramid should cost, what it costs, and gets right."""
    seconds = record["seconds_per_epoch"]
    by_pyramid = recorded_results(studies.pyramid).frame.groupby(studies.pyramid.factors[-1])
    error = by_pyramid["test_error"].mean()
    rows = []
    for joined, options in studies.PYRAMIDS.items():
        ratios = np.divide(pyramid_work(1), pyramid_work(**options))
        steps, multiplications = ("1" if ratio == 1 else f"1 / {ratio:.2f}" for ratio in ratios)
        quicker = seconds["BLSTM"] / seconds[joined]
        name = "none (BLSTM)" if joined == "BLSTM" else joined
        cost = f"{seconds[joined]:.2f} (1 / {quicker:.2f})"
        rows.append((name, steps, multiplications, cost, f"{1 - error[joined]:.1%}"))
    head = ("frames joined", "steps", "multiplications", "seconds per epoch", "test accuracy")
    return markdown_table(head, rows)


def voices_table() -> str:
    """Return a Markdown table: what is misheard of voices that were heard, and of another one."""
    by_seed = recorded_results(studies.voice).frame.pivot(
        index="seed", columns=studies.voice.factors[-1], values="test_error"
    )
    head = ("never heard", "test error on other takes of all six", "on the one never heard")
    columns = by_seed[[studies.HEARD, studies.UNHEARD]]
    names = [*(speaker.capitalize() for speaker in studies.SPEAKERS), "mean"]
    rows = np.vstack([columns, columns.mean()])
    return markdown_table(
        head, [(name, *map("{:.1%}".format, row)) for name, row in zip(names, rows, strict=True)]
    )


def pyramid_work(
    reduction: int,
    join_input: bool = False,
    *,
    layers: int = 3,
    features: int = 40,
    units: int = 32,
) -> tuple[float, float]:
    """Return the steps of a pyramid's layers and their multiplications, for each frame it hears.

    A layer multiplies, in each of its steps and both directions, its input and its own output by
    the matrices of four gates.

    >>> pyramid_work(2)
    (1.75, 49152.0)
    """
    steps, multiplications = 0.0, 0.0
    length, width = 1.0, features
    for number in range(layers):
        if number or join_input:
            length, width = length / reduction, width * reduction
        steps += length
        multiplications += length * 2 * 4 * units * (width + units)
        width = 2 * units
    return steps, multiplications


def listener_sentence() -> str:
    """Return what the pyramid reached on the recordings, in a sentence."""
    run = record["listener"]
    train, validation, test = run["recordings"]
    return (
        f"By its own recipe the pyramid learnt from {train:,} recordings of `{run['data']}` in "
        f"{run['epochs']} epochs ({run['seconds']:.0f} seconds on one processor core). "
        f"{validation} others told which epoch to keep; it names "
        f"{run['test_accuracy']:.1%} of the {test} test recordings rightly."
    )


# ---- made by Keras ------------------------------------------------------------------------------


def seconds_per_epoch(rounds: int = 5, batches: int = 9) -> dict[str, float]:
    """Return the processor's seconds that an epoch takes each pyramid of the study.

    They train in turns on the same recordings, and what else the machine does is not counted.
    """
    data = studies.recordings("spoken_digit" if find("spoken_digit").is_here() else "tones")
    from chapters.memory.models import pyramid_rnn

    few = data.train.x[: batches * studies.BATCH], data.train.y[: batches * studies.BATCH]
    models = {joined: pyramid_rnn(**options) for joined, options in studies.PYRAMIDS.items()}
    for model in models.values():
        model.compile("adam", "sparse_categorical_crossentropy")
    taken: dict[str, list[float]] = {joined: [] for joined in models}
    for turn in range(rounds + 1):
        for joined, model in models.items():
            began = process_time()
            # The one plain fit: nothing but Keras is on this clock.
            model.fit(*few, studies.BATCH, verbose=0)
            if turn:  # the first compiles
                taken[joined].append(process_time() - began)
    per_epoch = len(data.train) // studies.BATCH / batches
    return {joined: round(float(np.median(one)) * per_epoch, 3) for joined, one in taken.items()}


def listener() -> dict[str, Any]:
    """Train the pyramid by its own recipe on spoken digits, or on tones where there are none."""
    data = "spoken_digit" if find("spoken_digit").is_here() else "tones"
    run = companion.train("pyramid_rnn", data, devices="cpu", show_progress=False)
    loaded = companion.load(data)
    return {
        "command": f"companion train pyramid_rnn --data {data}",
        "data": data,
        "recordings": [len(part) for part in (loaded.train, loaded.validation, loaded.test)],
        "seed": run.seed,
        "epochs": len(run.history),
        "validation_accuracy": float(run.history["val_accuracy"][run.metrics["best_epoch"]]),
        "test_accuracy": run.metrics["accuracy"],
        "seconds": round(run.seconds, 1),
    }


def gradients_of_adders(lag: int = 100, steps: int = 600) -> dict[str, Any]:
    """Train each cell on the adding problem; return its gradient over time before and after."""
    sequences, _ = adding.adding_problem(64, lag, np.random.default_rng(1))
    by_cell = {}
    for cell in studies.CELLS:
        first, model, took = adding.adder(cell, 0, lag, steps)
        test = adding.adding_problem(1000, lag, np.random.default_rng(2))
        error = float(model.evaluate(*test, batch_size=500, verbose=0))
        by_cell[cell] = {
            "steps": took,
            "test_mse": round(error, 6),
            "before": shares(cell, first, sequences),
            "after": shares(cell, model.get_weights(), sequences),
        }
    return {"lag": lag, "seed": 0, "cells": by_cell}


def shares(cell: str, weights: list[Any], sequences: Any) -> list[float]:
    """Return the size of the output's gradient with respect to the memory, 1 at the last step.

    Args:
        cell: A name of `studies.CELLS`.
        weights: Those of the recurrent layer, then the sum's kernel and bias.
        sequences: ``(batch, steps, 2)``.

    Returns:
        Root mean square over the sequences at 0, 1, 2 … steps back from the end. The memory is h,
        and C in an LSTM.
    """
    *recurrent, kernel, _ = (np.asarray(one, float) for one in weights)
    batch, steps, _ = sequences.shape
    upstream = np.zeros((batch, steps, len(kernel)))
    upstream[:, -1] = kernel[:, 0]
    if cell == "SimpleRNN":
        U, W, b = recurrent
        h, dh = [np.zeros((batch, len(W)))], upstream[:, -1]
        for t in range(steps):
            h.append(np.tanh(sequences[:, t] @ U + h[-1] @ W + b))
        reaching = [dh]
        for t in range(steps, 1, -1):
            # ∂L/∂h⁽ᵗ⁻¹⁾ = Wᵀ ((1 − h⁽ᵗ⁾²) ⊙ ∂L/∂h⁽ᵗ⁾); Keras keeps Wᵀ
            reaching.append((reaching[-1] * (1 - h[t] ** 2)) @ W.T)
    else:
        name = cell[:4].lower().strip()
        cut, forward, backward = (
            getattr(scratch, f"{name}_{part}") for part in ("from_keras", "forward", "backward")
        )
        _, trace = forward(sequences.astype(float), cut(*recurrent))
        gradients = backward(upstream, trace)["h" if cell == "GRU" else "C"]
        reaching = list(gradients.transpose(1, 0, 2)[::-1])
    sizes = np.array([np.sqrt(np.mean(np.square(one))) for one in reaching])
    return [float(f"{share:.4g}") for share in sizes / sizes[0]]


if __name__ == "__main__":
    record.make(
        gradients=gradients_of_adders, listener=listener, seconds_per_epoch=seconds_per_epoch
    )
