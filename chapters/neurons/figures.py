"""Figures of neurons: a line that turns, lines that fold the plane, activations, losses."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from chapters.neurons.scratch import (
    ACTIVATIONS,
    LOSSES,
    XOR_LAYERS,
    XOR_X,
    XOR_Y,
    Array,
    absolute_error,
    forward,
    initial_layers,
    network_step,
    perceptron,
    sign,
    squared_error,
)
from chapters.neurons.studies import loss_outliers
from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, intervals, subplots
from companion.studies.records import recorded_results

NAMES = {
    "step": "step",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU, α = 0.1",
}
STYLES = {
    "step": (PURPLE, "-."),
    "sigmoid": (ORANGE, "--"),
    "tanh": (VERMILION, "-"),
    "relu": (BLUE, "-"),
    "leaky_relu": (GREEN, ":"),
}


def gapped_points() -> tuple[Array, Array]:
    """Return two dozen points with a gap along a line, and their classes."""
    rng = np.random.default_rng(2)
    X = rng.uniform(-1.2, 1.2, (60, 2))
    side = X @ [0.6, 0.8] - 0.3
    far = np.abs(side) > 0.1
    return X[far][:24], sign(side[far][:24])


def draw_points(axes: Any, X: Array, y: Array, wrong: Array | None = None) -> None:
    """Draw circles of class +1 and squares of class −1; a cross over each that is wrong."""
    for value, marker, colour in ((1, "o", BLUE), (-1, "s", ORANGE)):
        axes.plot(*X[y == value].T, marker, color=colour, markersize=5, zorder=3)
    if wrong is not None:
        axes.plot(*X[wrong].T, "x", color=VERMILION, markersize=10, zorder=4)


def draw_line(axes: Any, weights: Array, bias: float, edge: float = 1.5, **style: Any) -> None:
    """Draw w·x + b = 0 within a square from −edge to edge."""
    weights = np.asarray(weights, float)
    foot = -bias * weights / (weights @ weights)
    along = np.array([-weights[1], weights[0]]) / np.linalg.norm(weights)
    axes.plot(*(foot + np.array([[-4 * edge], [4 * edge]]) * along).T, **style)
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")


def turning_line() -> Figure:
    """A perceptron's line after its first, second, third and last mistake on 24 points.

    Four maps of the same circles and squares, which a gap keeps apart. The solid line is the
    perceptron's after the mistake, the dashed one its line before; a cross marks every point that
    is on the wrong side by then. In the last map the line lies in the gap and no cross is left.
    """
    X, y = gapped_points()
    learned = perceptron(X, y)
    figure, row = subplots((10, 3.1), 1, 4, sharex=True, sharey=True)
    figure.suptitle(f"Each mistake turns the line; after {len(learned.updates)} none is left")
    for axes, number in zip(row, (0, 1, 2, len(learned.updates) - 1), strict=True):
        _, weights, bias = learned.updates[number]
        if number:
            _, old, old_bias = learned.updates[number - 1]
            draw_line(axes, old, old_bias, color="0.5", linestyle="--", linewidth=1)
        draw_line(axes, weights, bias, color=VERMILION, linewidth=2)
        draw_points(axes, X, y, sign(X @ weights + bias) != y)
        axes.set_title(f"after mistake {number + 1}", fontsize="medium")
        axes.set_xlabel("x₁")
    row[0].set_ylabel("x₂")
    return figure


def xor_folded() -> Figure:
    """XOR before and after its hidden layer: four corners become three points, and a line will do.

    Left: the four corners of a square, alike in opposite corners, and two parallel lines; the strip
    between them holds both circles. Right: the hidden neurons' answers as axes. Both circles lie at
    (1, −1), the squares at (−1, −1) and (1, 1), and one line keeps the circles apart.
    """
    _, hidden = forward(XOR_LAYERS, XOR_X, "step")
    figure, (left, right) = subplots((8, 3.9), 1, 2)
    figure.suptitle("A hidden layer folds the plane until one line is enough")
    (W, b), (v, c) = XOR_LAYERS
    for unit, (name, colour) in enumerate((("first neuron", SKY), ("second neuron", GREEN))):
        draw_line(left, W[:, unit], b[unit], 3, color=colour, linewidth=2, label=name)
    draw_points(left, XOR_X, XOR_Y)
    left.set(xlim=(-0.6, 2.3), ylim=(-0.6, 1.8), xlabel="x₁", ylabel="x₂")
    left.set_title("inputs: no line separates them", fontsize="medium")
    left.legend(frameon=False, loc="upper right")
    draw_line(right, v[:, 0], float(c[0]), 2, color=VERMILION, linewidth=2)
    draw_points(right, hidden, XOR_Y)
    right.annotate("two corners in one", (1, -1), (0.2, -1.75), arrowprops={"arrowstyle": "->"})
    right.set(xlabel="first neuron's answer", ylabel="second neuron's answer")
    right.set_title("hidden layer: one line does", fontsize="medium")
    return figure


def several_lines() -> Figure:
    """Two moons: one neuron leaves some on the wrong side, four hidden units bend the border.

    Left: a single neuron, trained on the same points, has a straight border and a few crosses.
    Right: a network with four tanh units after 1,000 steps. Each unit's own line is dashed; the
    border, which bends along them between the two moons, leaves no cross.
    """
    from sklearn.datasets import make_moons

    X, labels = make_moons(80, noise=0.1, random_state=0)
    X = 0.8 * (X - X.mean(axis=0))
    y = 2.0 * labels - 1
    figure, row = subplots((8.4, 4), 1, 2, sharey=True)
    figure.suptitle("One line cannot follow the moons, four lines together can")
    ticks = np.linspace(-1.5, 1.5, 121)
    plane = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    for axes, sizes in zip(row, ((2, 1), (2, 4, 1)), strict=True):
        layers = initial_layers(sizes, np.random.default_rng(0))
        for _ in range(1000):
            layers = network_step(layers, X, labels, rate=2.0)
        if len(layers) > 1:
            for weights, bias in zip(layers[0][0].T, layers[0][1], strict=True):
                draw_line(axes, weights, bias, color="0.5", linestyle="--", linewidth=1)
        z = forward(layers, plane.reshape(-1, 2))[0][-1].reshape(121, 121)
        axes.contour(ticks, ticks, z, levels=[0], colors=[VERMILION], linewidths=2)
        wrong = sign(forward(layers, X)[0][-1][:, 0]) != y
        draw_points(axes, X, y, wrong)
        name = "one neuron" if len(layers) == 1 else "four hidden units"
        axes.set_title(f"{name}: {wrong.sum()} of {len(X)} wrong", fontsize="medium")
        axes.set(xlabel="x₁", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
    row[0].set_ylabel("x₂")
    return figure


def activations() -> Figure:
    """Five activations and their slopes: sigmoid and tanh go level on both sides, ReLU on one.

    Left: from z = −4 to 4, the step jumps from −1 to 1, the sigmoid rises from 0 to 1, tanh from −1
    to 1; ReLU is 0 and then z, the leaky ReLU falls a little below 0 on the left. Right: their
    slopes. The step's is 0 everywhere; the sigmoid's is at most ¼ and tanh's at most 1, both at 0
    and nearly nothing beyond ±4; ReLU's is 0 and then 1, the leaky ReLU's 0.1 and then 1.
    """
    z = np.linspace(-4, 4, 801)
    figure, (left, right) = subplots((8, 3.8), 1, 2)
    figure.suptitle("Where an activation is level, it hands no gradient back")
    for name, (colour, style) in STYLES.items():
        value, slope, _ = ACTIVATIONS[name]
        leak = {"alpha": 0.1} if name == "leaky_relu" else {}  # 0.01 could not be seen
        line = {"color": colour, "linestyle": style, "label": NAMES[name]}
        left.plot(z, value(z, **leak), **line)
        right.plot(z, slope(z, **leak), **line)
    left.set(ylim=(-1.2, 3.2), xlabel="z", ylabel="activation")
    right.set(ylim=(-0.1, 1.1), xlabel="z", ylabel="slope")
    left.set_title("what they answer", fontsize="medium")
    right.set_title("their slopes", fontsize="medium")
    left.legend(frameon=False, loc="upper left")
    return figure


def losses_of_a_score() -> Figure:
    """What an example of class +1 costs, over its score z: four losses and the mistake itself.

    The mistake is 1 up to z = 0 and 0 beyond. The hinge falls in a straight line to 0 at z = 1.
    Cross-entropy falls like it on the left and fades on the right without reaching 0. L2 and L1 of
    the sigmoid are level on the far left, at 1: there, where the answer is most wrong, they have
    hardly any slope.
    """
    z, t = np.linspace(-5, 4, 901), np.ones(901)
    figure, axes = subplots((6, 4))
    axes.plot(z, z <= 0, color="0.5", linewidth=1, label="mistake, 0 or 1")
    styles = ((BLUE, "-"), (ORANGE, "--"), (PURPLE, ":"), (GREEN, "-."))
    for (name, loss), (colour, style) in zip(LOSSES.items(), styles, strict=True):
        label = f"{name} of σ(z)" if name in ("L1", "L2") else name
        axes.plot(z, loss.value(z, t), color=colour, linestyle=style, label=label)
    axes.set(xlabel="score z of an example of class +1", ylabel="loss", ylim=(-0.1, 5))
    axes.set_title("Hinge and cross-entropy still pull where the answer is most wrong")
    axes.legend(frameon=False)
    return figure


def outlier() -> Figure:
    """One outlier among eleven points: the line of least squares turns to it, that of L1 hardly.

    Eleven points near a rising line, of which the last lies far below it. The line that minimizes
    the squared error is pulled down by it; the line that minimizes the absolute error keeps along
    the other ten. A second panel shows the two losses over the error: L2 grows with its square.
    """
    x = np.linspace(0, 1, 11)
    y = 2 * x + np.array([0.05, -0.1, 0.08, 0.0, -0.06, 0.1, -0.04, 0.07, -0.08, 0.02, -4.0])
    figure, (left, right) = subplots((9, 3.8), 1, 2)
    figure.suptitle(
        "A far point pulls with all its distance under L2, with no more than one under L1"
    )
    left.plot(x, y, "o", color="0.4")
    candidates = [(w, b) for w in np.linspace(-3, 3, 301) for b in np.linspace(-1, 2, 151)]
    for name, loss, colour, style in (
        ("L2", squared_error, ORANGE, "--"),
        ("L1", absolute_error, BLUE, "-"),
    ):
        w, b = min(candidates, key=lambda line: loss(line[0] * x + line[1], y))
        left.plot(x, w * x + b, color=colour, linestyle=style, label=f"{name}: slope {w:.2f}")
        error = np.linspace(-3, 3, 121)
        right.plot(
            error, [loss(one, 0.0) for one in error], color=colour, linestyle=style, label=name
        )
    left.set(xlabel="x", ylabel="y")
    left.set_title("eleven points, ten near slope 2", fontsize="medium")
    right.set(xlabel="error ŷ − y", ylabel="loss")
    right.set_title("what an error costs", fontsize="medium")
    left.legend(frameon=False)
    right.legend(frameon=False)
    return figure


def outlier_study() -> Figure:
    """Error on clean patients over the share of wrong training targets, under L2 and under L1."""
    results = recorded_results(loss_outliers)
    table = results.table
    figure, axes = subplots((6, 4))
    figure.set_label(results.alt_text)
    for name, colour, style in (("L2", ORANGE, "s--"), ("L1", BLUE, "o-")):
        line = table[table["loss"] == name].assign(
            percent=lambda rows: 100 * rows["share of outliers"]
        )
        intervals(axes, line, "percent", color=colour, fmt=style, label=name)
    axes.set(
        xlabel="wrong training targets (%)", ylabel="mean absolute error [points]", ylim=(0, None)
    )
    axes.set_title("L2 follows the wrong targets, L1 hardly does")
    axes.legend(frameon=False)
    return figure
