"""Figures of the cells: how they are wired, and a bit that a gate keeps or loses."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chapters.memory import scratch
from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, subplots
from companion.plots.diagram import Diagram, Node


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


def forced_gates() -> Figure:
    """A bit is written at step 5, kept for 30 steps and read; without keeping it fades."""
    steps, rng = 40, np.random.default_rng(0)
    inputs = rng.normal(size=(1, steps, 1))
    inputs[0, 5] = 2.0
    weights: dict[str, NDArray[Any]] = {f"U_{gate}": np.ones((1, 1)) for gate in "fiCo"}
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
