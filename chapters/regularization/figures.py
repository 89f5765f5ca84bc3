"""Figures of regularization: what pulls, what is silenced, when to stop, what a digit survives."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import companion
from chapters.regularization import scratch, studies
from companion.plots import BLUE, GREEN, ORANGE, SKY, VERMILION, intervals, picture, subplots
from companion.studies.recorded_figures import FigureRecord
from companion.studies.records import recorded_results

record = FigureRecord("regularization")
# What stands at the left of each row of the augmentation grid, by its name in models.py.
TRANSFORMS = {
    "horizontal_flip": "horizontal flip",
    "crop_and_scale": "crop and scale",
    "color_jitter": "brightness, contrast",
    "translation": "translation",
    "rotation": "rotation",
    "stretching": "stretching",
    "randaugment": "RandAugment",
    "autoaugment": "AutoAugment",
}


def penalties() -> Figure:
    """Weights of equal L1 and equal L2 beside the lecture's two vectors, which tie under L1 only.

    Left: along the line of weights whose output is 1, the diamond of L1 lies flat against the
    line and the circle of L2 touches it in the middle. Right: bars of both penalties for w₁ and
    w₂: 1 and 1 under L1, 1 and 0.25 under L2, 2 and 1.25 under the elastic net.
    """
    figure, (plane, bars) = subplots((9.5, 4.2), 1, 2, width_ratios=(1, 1.25))
    angle = np.linspace(0, 2 * np.pi, 121)
    circle = np.array([np.cos(angle), np.sin(angle)])
    diamond = np.array([[1, 0, -1, 0, 1], [0, 1, 0, -1, 0]])
    plane.plot(*diamond, color=VERMILION, label="Σ|w| = 1")
    plane.plot(*(circle / np.sqrt(2)), color=BLUE, label="Σw² = ½")
    plane.plot([-0.25, 1.25], [1.25, -0.25], color="0.5", linestyle="--", label="output 1")
    plane.plot([1], [0], "s", color="0.5", markersize=9)
    plane.plot([0.5], [0.5], "o", color="0.5", markersize=9)
    plane.annotate("(1, 0)", (1, 0), (8, 6), textcoords="offset points")
    plane.annotate("(½, ½)", (0.5, 0.5), (8, 6), textcoords="offset points")
    plane.set(xlabel="first weight", ylabel="second weight", aspect="equal")
    plane.set(xlim=(-1.15, 1.4), ylim=(-1.15, 1.4))
    plane.set_title("L1 lies along the line; L2 touches it once")
    plane.legend(loc="lower left", fontsize="small", frameon=False)
    names = ("L1", "L2", "elastic net (β = 1)")
    functions = (scratch.l1_penalty, scratch.l2_penalty, scratch.elastic_net_penalty)
    vectors = (("w₁ = [1, 0, 0, 0]", scratch.W1), ("w₂ = [¼, ¼, ¼, ¼]", scratch.W2))
    for offset, colour, hatch, (label, weights) in zip(
        (-0.19, 0.19), (SKY, ORANGE), ("", "//"), vectors, strict=True
    ):
        heights = [function(weights) for function in functions]
        drawn = bars.bar(
            np.arange(3) + offset, heights, 0.36, color=colour, hatch=hatch, label=label
        )
        bars.bar_label(drawn, fmt="%g", padding=2)
    bars.set_xticks(range(3), names)
    bars.set(ylabel="penalty R(w)", ylim=(0, 2.3))
    bars.set_title("Both outputs are 1: L2 prefers w₂, L1 does not care")
    bars.legend(frameon=False, loc="upper left")
    figure.suptitle("Two vectors with one output: L2 tells them apart, L1 does not")
    return figure


def pulls() -> Figure:
    """The weight that each penalty leaves: L1 subtracts and stops at zero, L2 scales.

    A flat stretch at zero, between −1 and 1, for L1; a straight line through the origin for L2.
    """
    figure, axes = subplots((5.6, 4.2))
    weights = np.array([-3.0, -1.0, 1.0, 3.0])
    axes.plot(weights, weights, color="0.6", linestyle=":", label="no penalty")
    axes.plot(
        weights, scratch.soft_threshold(weights, 1), color=VERMILION, label="L1: towards zero by 1"
    )
    axes.plot(
        weights, scratch.shrink(weights, 0.5), color=BLUE, linestyle="--", label="L2: half of it"
    )
    axes.set(xlabel="weight that fits the data best", ylabel="weight with the penalty")
    axes.set_title("L1 makes small weights zero; L2 shrinks them all")
    axes.legend(frameon=False)
    return figure


def shrinkage() -> Figure:
    """Ten weights over growing λ: under L1 they become zero one by one, under L2 none does."""
    from sklearn.datasets import load_diabetes

    features, targets = load_diabetes(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    targets = (targets - targets.mean()) / targets.std()
    strengths = np.geomspace(5e-3, 1, 24)
    figure, ((left, right), (below_left, below_right)) = subplots(
        (9.5, 5.2), 2, 2, sharex="col", sharey="row", height_ratios=(3, 1)
    )
    zeros = []
    for axes, below, name, colour in (
        (left, below_left, "l1", VERMILION),
        (right, below_right, "l2", BLUE),
    ):
        paths = np.array(
            [scratch.fit_linear(features, targets, **{name: s}, steps=5000) for s in strengths]
        )
        axes.plot(strengths, paths, color=colour, alpha=0.75, linewidth=1.2)
        axes.axhline(0, color="0.6", linewidth=0.8)
        below.step(strengths, (paths == 0).sum(1), color=colour, where="mid")
        below.set(xscale="log", xlabel=f"λ of the {name.upper()} penalty", ylim=(-0.5, 10.5))
        below.minorticks_off()
        zeros.append((paths == 0).sum(1).max())
    figure.set_label(
        f"Linear models of diabetes progression, {len(features)} patients and {features.shape[1]} "
        f"standardised measurements: weights over λ. Below, how many are exactly zero: up to "
        f"{zeros[0]} under L1, up to {zeros[1]} under L2."
    )
    left.set_ylabel("weight (standard deviations)")
    below_left.set_ylabel("exact zeros")
    left.set_title("L1: one weight after another becomes zero")
    right.set_title("L2: smaller on the whole, none becomes zero")
    figure.suptitle("L1 makes one weight after another exactly zero; L2 makes none")
    return figure


def dropout_masks() -> Figure:
    """Four feature maps under dropout and under spatial dropout: single pixels, or whole maps.

    Top row: the four maps as they are. Middle row: about half of all pixels are black, scattered.
    Bottom row: two of the four maps are black from edge to edge and the other two are whole. What
    stays is twice as bright.
    """
    rng = np.random.default_rng(3)
    image = companion.load("digits").train.x[:1]
    edges = np.stack(
        [image[0, ..., 0], *np.gradient(image[0, ..., 0]), 1 - image[0, ..., 0]], axis=-1
    )[None]
    maps = (edges - edges.min((1, 2))) / np.ptp(edges, axis=(1, 2))
    keep = scratch.dropout_mask(rng.uniform(size=maps.shape), 0.5)
    uniform = np.array([[0.7, 0.2, 0.9, 0.4]])
    keep_maps = scratch.spatial_dropout_mask(uniform, maps.shape, 0.5)
    rows = (
        ("all four maps", maps),
        ("dropout, p = ½", scratch.dropout(maps, keep, 0.5)),
        ("spatial dropout, p = ½", scratch.dropout(maps, keep_maps, 0.5)),
    )
    figure, grid = subplots((6.4, 4.2), 3, 4)
    for line, (name, values) in zip(grid, rows, strict=True):
        for number, axes in enumerate(line, start=1):
            title = f"map {number}" if values is maps else ""
            drawn = picture(axes, values[0, ..., number - 1], title, vmin=0, vmax=2)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.colorbar(drawn, ax=grid, label="activation", shrink=0.6)
    figure.suptitle("Dropout silences pixels, spatial dropout whole maps; the rest doubles")
    return figure


def dropout_expectation() -> Figure:
    """Running mean of a unit's output over random masks: both rules meet their exact value.

    Unscaled masks settle at half the full output, which weight scaling makes at test time;
    inverted masks settle at the full output.
    """
    rng = np.random.default_rng(0)
    activations, weights = rng.uniform(size=12), rng.normal(1, 0.5, size=12)
    rate, draws = 0.5, 2000
    keep = scratch.dropout_mask(rng.uniform(size=(draws, 12)), rate)
    counts = np.unique(np.geomspace(1, draws, 90).astype(int))
    inverted = scratch.dropout(activations, keep, rate) @ weights
    unscaled = (keep * activations) @ weights
    expected = activations @ weights
    scaled = activations @ scratch.weight_scaling(weights, rate)
    figure, axes = subplots((7, 4))
    for outputs, exact, colour, name, change, above in (
        (inverted, expected, BLUE, "inverted dropout", "", 6),
        (unscaled, scaled, VERMILION, "masks without scaling", ", weights × (1 − p)", -14),
    ):
        axes.plot(counts, np.cumsum(outputs)[counts - 1] / counts, color=colour, label=name)
        axes.axhline(exact, color=colour, linestyle="--", linewidth=1)
        beside = {"xytext": (0, above), "textcoords": "offset points", "ha": "right"}
        axes.annotate(f"the full network{change}", (draws, exact), color=colour, **beside)
    axes.set(xscale="log", xlabel="masks drawn", ylabel="mean output of the unit", ylim=(2, None))
    axes.set_title("Each rule's test-time output is the mean over its masks")
    axes.legend(frameon=False)
    return figure


def early_stopping_curve() -> Figure:
    """Loss by epoch: training falls to zero, validation turns up; patiences 1, 3 and 10 marked."""
    curve = record["curve"]
    training, validation = np.array(curve["loss"]), np.array(curve["val_loss"])
    epochs = np.arange(1, len(training) + 1)
    figure, axes = subplots((8, 4.4))
    axes.plot(epochs, training, color=BLUE, linestyle="--", label="training")
    axes.plot(epochs, validation, color="0.35", label="validation")
    for patience, colour, marker, size in (
        (1, VERMILION, "s", 9),
        (3, ORANGE, "^", 16),  # the next one stands upon it
        (10, GREEN, "o", 7),
    ):
        stop = scratch.early_stopping(validation.tolist(), patience)
        axes.axvline(stop.epoch, color=colour, linestyle=":")
        axes.plot(
            stop.best_epoch,
            validation[stop.best_epoch - 1],
            marker,
            color=colour,
            markersize=size,
            linestyle="",
            label=f"patience {patience}: stops after {stop.epoch}, keeps {stop.best_epoch}",
        )
    lowest = int(validation.argmin()) + 1
    figure.set_label(
        f"Loss by epoch of a perceptron on few digits, a fifth of them mislabelled. Training falls "
        f"from {training[0]:.2f} to {training[-1]:.2f}; validation from {validation[0]:.2f} to "
        f"{validation[lowest - 1]:.2f} after epoch {lowest}, then rises to {validation[-1]:.2f}."
    )
    axes.set(xlabel="epoch", ylabel="cross-entropy [nats]", ylim=(0, 2.4))
    axes.set_title(f"Validation loss is lowest after epoch {lowest}, long before training ends")
    axes.legend(frameon=False)
    return figure


def augmentation_grid() -> Figure:
    """Grid of a handwritten 5 under each augmentation, six times each: most are still a 5.

    Rows: horizontal flip, crop and scale, brightness and contrast, translation, rotation,
    stretching, RandAugment, AutoAugment. The mirrored 5 is no 5 any more.
    """
    samples = record["augmentation"]
    figure, rows = subplots((7, 8), len(TRANSFORMS))
    for axes, (name, label) in zip(rows, TRANSFORMS.items(), strict=True):
        pixels = [samples["original"], *samples["transforms"][name]]
        digits = np.reshape(pixels, (-1, 8, 8)).astype(float)
        # One picture a row, with gaps: 56 pictures would make the page seven times as heavy.
        apart = np.pad(digits, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
        picture(axes, np.hstack(apart), vmin=0, vmax=255)
        axes.spines[:].set_visible(False)
        axes.set_ylabel(label, rotation=0, ha="right", va="center")
    rows[0].set_title("original", loc="left", fontsize="medium")
    figure.suptitle("A changed digit is a new example, as long as its label still holds")
    return figure


def augmented_photograph() -> Figure:
    """A photograph of a flower, mirrored, brighter, and with more contrast: still that flower.

    Every version is plainly the same flower: for a photograph, a mirror image keeps its label.
    """
    from sklearn.datasets import load_sample_image

    photograph = load_sample_image("flower.jpg")[::9, ::9] / 255
    versions = {
        "original": photograph,
        "horizontal flip": scratch.flip(photograph),
        "brighter": scratch.color_jitter(photograph, brightness=0.3),
        "more contrast": scratch.color_jitter(photograph, contrast=1.8),
    }
    figure, row = subplots((9, 2.2), 1, 4)
    for axes, (name, pixels) in zip(row, versions.items(), strict=True):
        picture(axes, pixels, name)
    figure.suptitle("Four pictures, one label: what augmentation may change about a photograph")
    return figure


def weight_decay_errors() -> Figure:
    """Test error over λ for three penalties, under SGD and under Adam, with intervals."""
    figure = recorded_results(studies.weight_decay).figure()
    figure.set_size_inches(11, 4.8)
    return figure


def weights_near_zero() -> Figure:
    """Share of weights next to zero, over λ, under SGD and under Adam."""
    results = recorded_results(studies.weight_decay, "near_zero")
    table = results.table
    styles = {"L1": (VERMILION, "s-"), "L2": (BLUE, "o-"), "decoupled": (GREEN, "^--")}
    figure, (sgd, adam) = subplots((9, 4.2), 1, 2, sharey=True)
    figure.set_label(results.alt_text)
    for axes, optimizer in ((sgd, "SGD"), (adam, "Adam")):
        for penalty, (colour, style) in styles.items():
            line = table[(table["optimizer"] == optimizer) & (table["penalty"] == penalty)]
            look = {"color": colour, "fmt": style, "label": penalty}
            if penalty == "decoupled":  # it may stand upon L2
                look |= {"markerfacecolor": "none", "markersize": 10}
            intervals(axes, line, "λ", 100, **look)
        axes.set(xscale="log", xlabel="λ", title=optimizer)
        axes.minorticks_off()
    sgd.legend(frameon=False)
    sgd.set_ylabel(f"weights with |w| < {studies.NEAR_ZERO:g} (%)")
    figure.suptitle(
        "Under Adam even a small L2 penalty brings many weights next to zero, as L1 does;\n"
        "decoupled decay does so only when it is strong"
    )
    return figure


def early_stopping_study() -> Figure:
    """Test error with and without early stopping, with intervals."""
    return recorded_results(studies.early_stopping).figure()


def dropout_study() -> Figure:
    """Test error by dropout rate, with intervals."""
    return recorded_results(studies.dropout_rate).figure()


def augmentation_study() -> Figure:
    """Test error by augmentation, with intervals."""
    return recorded_results(studies.augmentation).figure()


def augmented_digit() -> dict[str, Any]:
    """Return one digit and six versions of it for each augmentation, pixels from 0 to 255."""
    import keras

    from chapters.regularization.models import augmentation

    digit = companion.load("digits").train.x[6:7]
    transforms = {}
    for name in TRANSFORMS:
        pipeline = augmentation(transforms=(name,), seed=1)
        # RandAugment draws its operations once for a batch, so the versions come one by one.
        versions = [
            keras.ops.convert_to_numpy(pipeline(digit, training=True)).ravel() for _ in range(6)
        ]
        transforms[name] = np.rint(255 * np.array(versions)).astype(int).tolist()
    original = np.rint(255 * digit.ravel()).astype(int).tolist()
    return {"original": original, "transforms": transforms}


def overfitting_curve(epochs: int = 60) -> dict[str, list[float]]:
    """Return training and validation loss of the network that the early-stopping study trains."""
    run, _ = studies.validated(record.seed, epochs=epochs, keep="last")
    return {name: run.history[name].round(4).tolist() for name in ("loss", "val_loss")}


if __name__ == "__main__":
    record.make(augmentation=augmented_digit, curve=overfitting_curve)
