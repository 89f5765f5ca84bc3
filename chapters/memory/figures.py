"""Figures of memory: the cells, a bit kept and lost, gradients that last, and a pyramid."""

from itertools import pairwise
from time import process_time
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import companion
from chapters.memory import adding, scratch, studies
from companion.datasets import find
from companion.datasets.sound import log_mel
from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, subplots
from companion.plots.diagram import Diagram, Node
from companion.studies.recorded_figures import FigureRecord
from companion.studies.records import recorded_results
from companion.studies.tables import markdown_table

record = FigureRecord("memory")
CELL_COLOURS = {"SimpleRNN": VERMILION, "GRU": GREEN, "LSTM": BLUE, "LSTM, open": SKY}
CELL_MARKS = {"SimpleRNN": "s", "GRU": "^", "LSTM": "o", "LSTM, open": "D"}


# ---- diagrams -----------------------------------------------------------------------------------


def cells() -> Figure:
    """The LSTM and the GRU: a memory that is scaled and added to, and the gates that decide how.

    Left, the LSTM: along the top the memory C is multiplied by the keep gate and added to; the
    write gate scales what is added, the read gate scales what comes out as h. Right, the GRU: the
    output h is its own memory, z keeps a part of it and 1 − z lets the new in, and the reset gate
    decides how much of the old is seen by the candidate.
    """
    figure, (left, right) = subplots((10, 4.4), 1, 2)
    draw_lstm(left)
    draw_gru(right)
    figure.suptitle("Gates around a memory: three in an LSTM, two in a GRU")
    return figure


def draw_lstm(axes: Axes) -> None:
    """Draw the LSTM's diagram on `axes`."""
    axes.set_title("LSTM: three gates around a memory C")
    sheet = cell_sheet(axes, "C")
    sheet.arrow((-0.1, 0.2), (7.6, 0.2), (7.6, 1.2))
    sheet.write(0.3, -0.2, "[h before, x]")
    keep, write, candidate, read = gates(
        sheet,
        (1.8, "f  σ", "keep", GREEN),
        (3.7, "i  σ", "write", ORANGE),
        (5.6, "C̃  tanh", "what", SKY),
        (7.6, "o  σ", "read", PURPLE),
    )
    scaled = sheet.sign(4.65, 3.4, "×")
    squashed = sheet.box(8.9, 4.15, "tanh", "0.6", (1.2, 0.7))
    output = sheet.sign(8.9, 2.8, "×")
    sheet.arrow(keep, sheet.sign(1.8, 5.2, "×"))
    sheet.arrow(write, (3.7, 3.4), scaled)
    sheet.arrow(candidate, (5.6, 3.4), scaled)
    sheet.arrow(scaled, sheet.sign(4.65, 5.2, "+"))
    sheet.arrow((8.9, 5.2), squashed)
    sheet.arrow(squashed, output)
    sheet.arrow(read, (7.6, 2.8), output)
    sheet.arrow(output, (10.1, 2.8))
    sheet.write(9.9, 3.2, "h")


def draw_gru(axes: Axes) -> None:
    """Draw the GRU's diagram on `axes`."""
    axes.set_title("GRU: two gates, and h is the memory")
    sheet = cell_sheet(axes, "h")
    sheet.arrow((-0.1, 0.2), (7.4, 0.2), (7.4, 1.2))
    sheet.write(-0.1, -0.2, "x")
    sheet.arrow((0.5, 5.2), (0.5, 0.2), head="-")
    keep, reset, candidate = gates(
        sheet,
        (2.0, "z  σ", "keep", GREEN),
        (4.2, "r  σ", "reset", ORANGE),
        (7.4, "h̃  tanh", "what", SKY),
    )
    rest = sheet.box(4.8, 3.6, "1 − z", "0.6")
    scaled = sheet.sign(7.4, 3.6, "×")
    sheet.arrow(keep, sheet.sign(2.0, 5.2, "×"))
    sheet.arrow((2.0, 3.6), rest)
    sheet.arrow(rest, scaled)
    sheet.arrow(reset, (4.2, 2.5), (5.7, 2.5), (5.7, 1.6), candidate)
    sheet.write(5.0, 2.75, "scales W h + b'", fontsize=9)
    sheet.arrow(candidate, scaled)
    sheet.arrow(scaled, sheet.sign(7.4, 5.2, "+"))


def cell_sheet(axes: Axes, memory: str) -> Diagram:
    """Return the sheet of a cell, whose memory runs along the top."""
    sheet = Diagram(axes, (-0.6, 10.6), (-0.5, 6.1))
    sheet.arrow((-0.1, 5.2), (10.1, 5.2), linewidth=3, color=BLUE)
    sheet.write(0.1, 5.6, f"{memory} before")
    sheet.write(9.7, 5.6, memory)
    return sheet


def gates(sheet: Diagram, *named: tuple[float, str, str, str]) -> list[Node]:
    """Draw what reads the inputs: where each stands, its formula, what it does, its colour."""
    nodes = []
    for x, formula, name, colour in named:
        nodes.append(sheet.box(x, 1.6, formula, colour))
        sheet.arrow((x, 0.2), nodes[-1])
        sheet.write(x + 0.15, 0.75, name, fontsize=9, ha="left")
    return nodes


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


# ---- gates forced -------------------------------------------------------------------------------


def forced_gates() -> Figure:
    """A bit is written at step 5, kept for 30 steps and read; without keeping it fades."""
    steps, rng = 40, np.random.default_rng(0)
    inputs = rng.normal(size=(1, steps, 1))
    inputs[0, 5] = 2.0
    weights = {f"U_{gate}": np.ones((1, 1)) for gate in "fiCo"}
    weights |= {f"W_{gate}": np.zeros((1, 1)) for gate in "fiCo"}
    weights |= {f"b_{gate}": np.zeros(1) for gate in "fiCo"}
    at = np.arange(steps)
    weights["U_f"][:] = 0
    weights["b_f"][:] = np.log(0.9 / 0.1)  # left to itself, the keep gate stands at 0.9
    gates = {"i": (at == 5) * 1.0, "o": (at >= 35) * 1.0, "f": np.ones(steps)}
    figure, (top, middle, bottom) = subplots(
        (8.6, 6.2), 3, 1, sharex=True, height_ratios=(1, 1.4, 1)
    )
    for row, (gate, name, colour) in enumerate(
        (("o", "read o", PURPLE), ("f", "keep f", GREEN), ("i", "write i", ORANGE))
    ):
        values = gates[gate]
        top.bar(at, 0.7 * values, 1.0, bottom=row, color=colour, alpha=0.7, align="center")
        top.plot(at, 0 * at + row, color="0.6", lw=0.8)
        top.text(-1.2, row + 0.35, name, ha="right", va="center")
    top.set_yticks([])
    top.set_title("Write once, keep, read: the memory and its gradient stay as they are")
    upstream = np.zeros((1, steps, 1))
    upstream[0, -1] = 1
    left = []
    for keep, colour, style in ((1.0, BLUE, "-"), (0.9, VERMILION, "--")):
        forced = gates if keep == 1 else {gate: gates[gate] for gate in "io"}
        outputs, trace = scratch.lstm_forward(inputs, weights, forced=forced)
        gradient = np.abs(scratch.lstm_backward(upstream, trace)["C"][0, :, 0])
        left.append(trace["C"][0, 35, 0])
        middle.plot(at, trace["C"][0, :, 0], style, color=colour, label=f"memory C, f = {keep:g}")
        bottom.plot(at, gradient / gradient[-1], style, color=colour, label=f"f = {keep:g}")
        if keep == 1:
            middle.plot(at, outputs[0, :, 0], ":", color=PURPLE, label="output h, f = 1")
    middle.plot(at, inputs[0, :, 0], ".", color="0.6", markersize=4, label="inputs")
    middle.set(ylabel="value")
    middle.legend(frameon=False, ncols=2, fontsize="small", loc="lower right")
    bottom.set(xlabel="step", ylabel="share of the\ngradient left", yscale="log", ylim=(0.01, 2))
    bottom.legend(frameon=False, fontsize="small", loc="lower right")
    figure.set_label(
        "A bit is written at step 5 and read at step 35. Top: the write, keep and read gates, open "
        f"or shut at each step. Middle: with the keep gate open, the memory stays at {left[0]:.2f} "
        "while other inputs pass by, and the output is zero until the read gate opens. With a keep "
        f"gate of 0.9, the memory has fallen to {left[1]:.2f}. Bottom: the gradient of the last "
        "output with respect to the memory at each step: flat, against a slope."
    )
    top.spines[["left", "bottom"]].set_visible(False)
    top.tick_params(bottom=False)
    return figure


# ---- what was measured --------------------------------------------------------------------------


def gradient_distance() -> Figure:
    """How much of the gradient is left at a distance in time, before and after learning to add.

    Left, as the cells start: the GRU's line falls steepest, since its keep gate starts at ½, then
    the LSTM's, then the plain network's; that of the LSTM with open gates stays. Right, after
    training on the adding problem over 100 steps.
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
    sides[0].set_title("At the start gates reach hardly further")
    sides[1].set_title(f"After learning to add over {gradients['lag']} steps")
    figure.suptitle("How far back a gate reaches is learned")
    return figure


def adding_problem() -> Figure:
    """Error on the adding problem by lag: each cell has a lag at which it no longer learns in time.

    One mark for each seed; lines join the medians. The dashed line at 1/6 is the error of always
    saying 1, the dotted one at 0.01 counts as solved.
    """
    results = recorded_results(studies.adding)
    figure, axes = subplots((7.6, 4.4))
    lags = sorted({row.level[1] for row in results.rows})
    for number, cell in enumerate(studies.CELLS):
        by_lag = [
            [row.values["test_mse"] for row in results.rows if row.level == (cell, lag)]
            for lag in lags
        ]
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
    axes.set_title("Over 100 steps and more only the GRU and the opened LSTM learned to add")
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
