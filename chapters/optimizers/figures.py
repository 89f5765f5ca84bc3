"""Figures of optimizers: where walkers go, how far they step, and what a batch is made of."""

from collections.abc import Callable
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import companion
from chapters.optimizers import scratch, studies
from chapters.optimizers.scratch import SURFACES, descend, minibatches, walk
from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, intervals, subplots
from companion.studies.records import recorded_results
from companion.studies.tables import markdown_table

# Each rule's look, and a rate near the one with which it needs the fewest steps on the bowl.
WALKERS: dict[str, tuple[str, str, Callable[..., scratch.Rule]]] = {
    "gradient descent": (BLUE, "o-", partial(partial, scratch.gradient_descent, rate=0.087)),
    "momentum, α = 0.5": (
        VERMILION,
        "s--",
        partial(partial, scratch.momentum, rate=0.21, alpha=0.5),
    ),
    "RMSprop": (GREEN, "^:", partial(partial, scratch.rmsprop, rate=0.015)),
    "Adam": (PURPLE, "d-.", partial(partial, scratch.adam, rate=0.12)),
}
LOW = 1e-3


def contours(axes: Axes, surface: str, levels: list[float]) -> None:
    """Draw a map of heights: lines of one height, and a cross at each lowest point."""
    one = SURFACES[surface]
    left, right, bottom, top = one.view
    x, y = np.meshgrid(np.linspace(left, right, 101), np.linspace(bottom, top, 101))
    heights = one.height(np.stack([x, y], axis=-1)) - one.height(np.array(one.minima[0]))
    axes.contour(x, y, heights, levels, colors="0.6", linewidths=0.8)
    axes.plot(*np.transpose(one.minima), "x", color="0.3", markersize=8)
    axes.set(xlabel="$w_1$", ylabel="$w_2$", aspect="equal", xlim=one.view[:2], ylim=one.view[2:])


def steps_needed(path: NDArray[np.float64], surface: str = "bowl") -> int:
    """Return after how many steps a walk stays lower than 0.001."""
    return int(np.nonzero(SURFACES[surface].height(path) >= LOW)[0][-1]) + 1


def walkers() -> Figure:
    """Four walkers on the bowl that is steep across, each with about its best rate."""
    figure, (plane, chart) = subplots((9.6, 3.8), 1, 2, width_ratios=(1.35, 1))
    contours(plane, "bowl", [0.1, 0.5, 1.5, 4, 9, 18, 32])
    needed = {}
    for name, (colour, style, rule) in WALKERS.items():
        path = walk("bowl", rule(), 400)
        needed[name] = steps_needed(path)
        look = {"color": colour, "label": f"{name}: {needed[name]}"}
        plane.plot(*path[:60].T, style, markersize=3, linewidth=1, **look)
        heights = SURFACES["bowl"].height(path[:150])
        chart.plot(np.maximum(heights, 1e-8), style[1:], **look)
    chart.axhline(LOW, color="0.5", linewidth=0.8)
    chart.set(xlabel="step", ylabel="height E", yscale="log", ylim=(1e-6, 40))
    plane.legend(
        frameon=False,
        fontsize="small",
        title="steps to a height of 0.001",
        ncols=2,
        loc="lower right",
    )
    plane.set_title("The ways they take")
    chart.set_title("How fast they come down")
    first = min(needed, key=needed.__getitem__)
    figure.suptitle(f"On this bowl {first} is there first, after {needed[first]} steps")
    figure.set_label(
        "Four walkers on a bowl that is twenty times as steep across as along, each with about its "
        "best rate, and the steps until each stays below a height of 0.001: "
        + ", ".join(f"{name} {steps}" for name, steps in needed.items())
        + "."
    )
    return figure


def learning_rates() -> Figure:
    """Gradient descent on the bowl at three rates: too short, right, too long.

    Three maps with twenty steps each. At η = 0.02 the walker turns into the middle and creeps; at
    0.09 it zigzags across the bowl and comes nearer; at 0.102 each zigzag is wider than the last.
    """
    figure, row = subplots((9.6, 2.6), 1, 3)
    titles = ("η = 0.02: creeps", "η = 0.09: zigzags, and comes nearer", "η = 0.102: runs away")
    for axes, rate, title in zip(row, (0.02, 0.09, 0.102), titles, strict=True):
        contours(axes, "bowl", [0.1, 0.5, 1.5, 4, 9, 18, 32])
        path = walk("bowl", partial(scratch.gradient_descent, rate=rate), 20)
        axes.plot(*path.T, "o-", color=BLUE, markersize=3, linewidth=1)
        axes.set_title(title)
    figure.suptitle("The steep direction allows no rate above 2 / 20 = 0.1")
    return figure


def flat_places() -> Figure:
    """Where the slope is zero: two minima, a summit, and a saddle between two valleys.

    Left, a curve with a local minimum, a summit and a lower, global minimum; each is marked by a
    level line. Right, the map of a saddle: along the ridge a walker comes to rest in the middle;
    one that starts a hundredth beside the ridge turns away from it and ends in a valley.
    """
    figure, (curve, plane) = subplots((9.6, 4), 1, 2, width_ratios=(1.1, 1))
    w = np.linspace(-1.75, 1.8, 301)

    def height(w: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(w**4 - 2.4 * w**2 - 0.5 * w)

    curve.plot(w, height(w), color=BLUE)
    flat = np.sort(np.roots([4, 0, -4.8, -0.5]).real)
    for at, name, side in zip(
        flat, ("local minimum", "summit", "global minimum"), (-1, 1, -1), strict=True
    ):
        curve.plot([at - 0.25, at + 0.25], [height(at)] * 2, color=VERMILION, linewidth=2)
        beside = {"xytext": (0, 10 * side), "textcoords": "offset points", "ha": "center"}
        curve.annotate(name, (at, height(at)), va="bottom" if side > 0 else "top", **beside)
    curve.set(xlabel="w", ylabel="E", ylim=(-3.1, 1.6))
    curve.set_title("Minima and a summit")
    contours(plane, "saddle", [0.02, 0.08, 0.16, 0.25, 0.4, 0.8, 1.4])
    rule = partial(scratch.gradient_descent, rate=0.2)
    for start, colour, style, label in (
        ((-1.8, 0.0), ORANGE, "s-", "on the ridge"),
        ((-1.8, 0.01), BLUE, "o-", "a hundredth beside it"),
    ):
        path = walk("saddle", rule, 60, start=start)
        plane.plot(*path.T, style, color=colour, markersize=3, linewidth=1, label=label)
    plane.legend(frameon=False, fontsize="small", loc="lower left")
    plane.set_title("A saddle between two valleys")
    figure.suptitle("The slope is zero at minima, on summits and at saddles")
    return figure


def sgd_against_gd() -> Figure:
    """Loss over passes through the digits: all examples a step, 32, or a single one.

    Left, the loss of softmax regression over ten passes. Gradient descent, one step a pass, has
    hardly begun when batches of 32 have nearly arrived. Right, the last pass of the two kinds of
    batches, close up: with single examples the loss jumps about, with 32 less.
    """
    train = companion.load("digits").train
    x, y = train.x.reshape(len(train.x), -1).astype(float), train.y
    # Each size with a rate at which it is quick and does not break out.
    sizes = {
        "all": (len(x), 2.0, BLUE, "o-"),
        "32": (32, 2.0, VERMILION, "-"),
        "1": (1, 0.2, GREEN, ":"),
    }
    passes = 10
    figure, (overview, close) = subplots((9.6, 3.8), 1, 2)
    ends = {}
    for name, (size, rate, colour, style) in sizes.items():
        rng = np.random.default_rng(0)
        steps = list(minibatches(len(x), size, passes, rng))
        rule = partial(scratch.gradient_descent, rate=rate)
        weights = descend(
            np.zeros((64, 10)),
            lambda W, batch: scratch.softmax_regression_gradient(W, x[batch], y[batch]),
            rule,
            steps,
        )
        every = max(1, len(steps) // 400)
        seen, losses = [0.0], [float(np.log(10))]
        for step, W in enumerate(weights, start=1):
            if step % every == 0 or step == len(steps):
                seen.append(step * passes / len(steps))
                losses.append(scratch.softmax_regression_loss(W, x, y))
        ends[name] = losses[-1]
        label = f"{name} a step, η = {rate:g}"
        overview.plot(seen, losses, style, color=colour, label=label, markersize=4)
        if size < len(x):
            late = np.array(seen) > passes - 1
            close.plot(
                np.array(seen)[late], np.array(losses)[late], style, color=colour, label=label
            )
    overview.set(xlabel="passes over the examples", ylabel="loss [nats]", yscale="log")
    close.set(xlabel="passes over the examples", ylabel="loss [nats]")
    overview.legend(frameon=False, fontsize="small")
    overview.set_title("Ten passes")
    close.set_title("The last pass, close up")
    figure.suptitle("For the price of one exact step, SGD has taken dozens, and is far ahead")
    figure.set_label(
        f"Loss of a softmax regression on {len(x):,} digits over ten passes, from "
        f"{np.log(10):.2f}. After them gradient descent, ten steps, stands at {ends['all']:.2f}, "
        f"batches of 32 at {ends['32']:.2f}, single examples at {ends['1']:.2f}; close up, the "
        "last jump about."
    )
    return figure


def two_momentums() -> Figure:
    """Steps of both momentums while the gradient is 1 and the rate falls from 1 to 0.1 at step 40.

    Left, with Keras's rate converted, both grow together from 0.1 to 1 in some twenty steps; at
    step 40 Intro to ML's falls to 0.1 at once, Keras's over twenty steps. Right, with one and the
    same rate in both, Keras's grow to ten times as much.
    """
    figure, (left, right) = subplots((9.6, 3.4), 1, 2)
    steps = np.arange(1, 81)
    for axes, share, title in (
        (left, 0.1, "Keras's rate converted: η (1 − α)"),
        (right, 1.0, "One rate for both"),
    ):
        for rule, factor, colour, style, label in (
            (scratch.momentum, 1.0, VERMILION, "-", "Intro to ML: average"),
            (scratch.keras_momentum, share, BLUE, "--", "Keras: velocity"),
        ):
            memory, changes = scratch.NOTHING, []
            for step in steps:
                change, memory = rule(1.0, memory, rate=factor * (1.0 if step <= 40 else 0.1))
                changes.append(-float(change))
            axes.plot(steps, changes, style, color=colour, label=label)
        axes.axvline(40.5, color="0.6", linewidth=0.8, linestyle=":")
        axes.set(xlabel="step", ylabel="length of the step", title=title)
    left.legend(frameon=False, fontsize="small")
    figure.suptitle("The same name, a factor 1 − α apart; and they part when the rate changes")
    return figure


def bias_correction() -> Figure:
    """Length of Adam's step over steps, in units of η, with the correction and without."""
    t = np.arange(1, 5001)
    s, r = 1 - 0.9**t, 1 - 0.999**t
    figure, (left, right) = subplots((9.6, 3.4), 1, 2)
    left.plot(t, s, color=VERMILION, label="s, of the gradient")
    left.plot(t, r, "--", color=GREEN, label="r, of its square")
    left.set(xlabel="step t", ylabel="average", xscale="log", ylim=(0, 1.05))
    left.set_title("Both should be 1, and begin at 0")
    left.legend(frameon=False, fontsize="small")
    right.plot(t, s / np.sqrt(r), color=PURPLE, label="without the correction")
    right.plot(t, np.ones(len(t)), "--", color=BLUE, label="with it")
    right.set(xlabel="step t", ylabel="step [η]", xscale="log", ylim=(0, None))
    right.set_title("The steps that follow")
    right.legend(frameon=False, fontsize="small")
    lengths = s / np.sqrt(r)
    figure.suptitle(
        f"Uncorrected, Adam's steps are too long: {lengths.max():.1f} times as long as η at step "
        f"{t[lengths.argmax()]}"
    )
    uncorrected = ", ".join(
        f"{lengths[step - 1]:.1f} at step {step:,}" for step in (1, t[lengths.argmax()], 100, 1000)
    )
    figure.set_label(
        "The gradient is 1 all along, α = 0.9, ρ = 0.999. Left, the two averages s and r before "
        "they are corrected: s comes up to 1 in some thirty steps, r in thousands. Right, the "
        f"step's length in units of η: corrected it is 1 at every step; uncorrected {uncorrected}."
    )
    return figure


def moving_averages() -> Figure:
    """How far a moving mean and variance have come after so many batches, for three momentums.

    A feature with mean 5 and variance 9. With momentum 0.9 both are there after some forty batches;
    with 0.99, Keras's default, after some four hundred; with 0.999 they are still on their way.
    """
    rng = np.random.default_rng(0)
    batches = rng.normal(5, 3, size=(600, 32, 1))
    figure, (left, right) = subplots((9.6, 3.4), 1, 2)
    for keep, colour, style in ((0.9, SKY, ":"), (0.99, BLUE, "-"), (0.999, VERMILION, "--")):
        means, variances = [np.zeros(1)], [np.ones(1)]
        for x in batches:
            normalized = scratch.batch_norm(x)
            means.append(scratch.moving_average(means[-1], normalized.mean, momentum=keep))
            variances.append(
                scratch.moving_average(variances[-1], normalized.variance, momentum=keep)
            )
        for axes, values in ((left, means), (right, variances)):
            axes.plot(
                np.ravel(values), style, color=colour, label=f"momentum {keep:g}", linewidth=1.2
            )
    for axes, truth, name in ((left, 5, "moving mean"), (right, 9, "moving variance")):
        axes.axhline(truth, color="0.5", linewidth=0.8)
        axes.set(xlabel="batches", ylabel=name, ylim=(0, None))
    left.set_title("From 0 to a mean of 5")
    right.set_title("From 1 to a variance of 9")
    left.legend(frameon=False, fontsize="small", loc="lower right")
    figure.suptitle("With Keras's momentum of 0.99, moving averages need hundreds of batches")
    return figure


# ---- what was measured --------------------------------------------------------------------------


def optimizer_study() -> Figure:
    """Test error of each optimizer with the rate that validation chose, with intervals."""
    return recorded_results(studies.optimizers_on_one_budget).figure()


def optimizer_table() -> str:
    """Return a Markdown table: each optimizer's errors, and the rates that the seeds chose."""
    frame = recorded_results(studies.optimizers_on_one_budget).frame
    rows = []
    for name in studies.OPTIMIZERS:
        runs = frame[frame["optimizer"] == name]
        low, high, ends = runs["rate"].min(), runs["rate"].max(), int(runs["at_the_end"].sum())
        tried = studies.OPTIMIZERS[name].rates
        chosen = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        rows.append(
            (
                name,
                f"{runs['test_error'].mean():.2%}",
                f"{runs['validation_loss'].mean():.3f}",
                f"{tried[0]:g} to {tried[-1]:g}",
                f"{chosen}; {ends} of {len(runs)} at an end",
            )
        )
    head = ("optimizer", "test error", "validation loss", "rates tried", "rates chosen")
    return markdown_table(head, rows)


def batch_norm_study() -> Figure:
    """Test error over the learning rate: plain, batch normalized, and with noise behind it."""
    results = recorded_results(studies.batch_norm_and_rate)
    looks = {
        "plain": (BLUE, "o-"),
        "batch norm": (VERMILION, "s--"),
        "noisy batch norm": (GREEN, "^:"),
    }
    figure, axes = subplots((7.4, 4.2))
    figure.set_label(results.alt_text)
    for name, (colour, style) in looks.items():
        line = results.table[results.table["network"] == name]
        intervals(axes, line, "η", 100, color=colour, fmt=style, label=name)
    axes.set(xscale="log", xlabel="learning rate η", ylabel="test error (%)", ylim=(0, None))
    axes.legend(frameon=False)
    axes.set_title(batch_norm_finding())
    return figure


def batch_norm_finding() -> str:
    """Return at how many of the rates each network learned, in a sentence."""
    counts, rates = learned(), len(studies.RATES)
    return (
        f"Below 10 % error: plain at {counts['plain']} of {rates} rates, with batch\n"
        f"normalization at {counts['batch norm']}, with noise behind it at "
        f"{counts['noisy batch norm']}"
    )


def learned(limit: float = 0.1) -> dict[str, int]:
    """Return at how many rates each network's mean test error is below `limit`."""
    table = recorded_results(studies.batch_norm_and_rate).table
    return {
        name: int((table[table["network"] == name]["mean"] < limit).sum())
        for name in studies.NETWORKS
    }


def batch_norm_table() -> str:
    """Return a Markdown table: the mean test error of each network at each rate."""
    table = recorded_results(studies.batch_norm_and_rate).table
    rows = [
        (name, *(f"{mean:.1%}" for mean in table[table["network"] == name]["mean"]))
        for name in studies.NETWORKS
    ]
    return markdown_table(("network", *(f"η = {rate:g}" for rate in studies.RATES)), rows)
