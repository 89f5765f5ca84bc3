"""Figures of convnets: where their weights are, what they answer, and where they look."""

import json
import time
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import companion
from chapters.convnets import studies
from companion.data_files import read, recorded
from companion.plots import BLUE, GREEN, ORANGE, plain
from companion.studies.records import recorded_results
from companion.studies.results import Results

# What Keras made for the figures, kept so that a page is built without Keras.
KEPT = "convnets_figures"
COMMAND = "python -m chapters.convnets.figures"
SEED = 0
# The test digits that are looked into: one of each of these.
LOOKED_AT = (3, 4, 7)


def where_the_weights_are() -> Figure:
    """Weights of five networks: in AlexNet and VGG most are fully connected, in GoogLeNet few.

    Bars on a logarithmic axis, one for the convolutions and one for the fully connected layers.
    LeNet-5, 1998: 0.05 and 0.01 million (its third layer is a convolution that sees all that is
    left). AlexNet, 2012: 2.3 and 58.6. ZFNet, 2013: 3.7 and 58.6. VGG-D, 2014: 14.7 and 123.6.
    GoogLeNet, 2014: 6.0 and 1.0.
    """
    counts = kept()["weights"]
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = plain(figure.subplots())
    places = np.arange(len(counts))
    for offset, part, colour, hatch in (
        (-0.2, "convolutional", BLUE, ""),
        (0.2, "fully connected", ORANGE, "//"),
    ):
        heights = [counts[name][part] / 1e6 for name in counts]
        drawn = axes.bar(places + offset, heights, 0.38, color=colour, hatch=hatch, label=part)
        axes.bar_label(drawn, [f"{height:.2g}" if height < 1 else f"{height:.1f}" for height in
                               heights], padding=2, fontsize="small")  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(0.005, 500)
    axes.set_xticks(places, counts)
    axes.set(ylabel="parameters [millions]")
    axes.set_title("In AlexNet, ZFNet and VGG nine weights in ten are fully connected")
    axes.legend(frameon=False, loc="upper left")
    return figure


def c3_table() -> Figure:
    """Which of the six maps of S2 each of C3's sixteen maps reads: sixty of the 96 links.

    A grid of six rows and sixteen columns. The first six maps read three neighbouring maps each,
    the next six read four, the next three read four with a gap, and the last reads all six.
    """
    table = np.zeros((6, 16))
    for target, sources in enumerate(kept()["c3_table"]):
        table[sources, target] = 1
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.where(table == 1, 1.0, np.nan), cmap="Blues", vmin=0, vmax=1.6)
    for row, column in np.argwhere(table == 1):
        axes.text(column, row, "×", ha="center", va="center", fontsize="large")
    axes.set_xticks(range(16), range(16))
    axes.set_yticks(range(6), range(6))
    axes.set_xticks(np.arange(-0.5, 16), minor=True)
    axes.set_yticks(np.arange(-0.5, 6), minor=True)
    axes.grid(which="minor", color="0.6", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.set(xlabel="map of C3", ylabel="map of S2")
    axes.set_title(
        f"Table I grants {int(table.sum())} of {table.size} links: no two maps read alike"
    )
    return figure


def through_lenet5() -> Figure:
    """A handwritten digit on its way through LeNet-5: 6 maps, 16 smaller maps, 10 probabilities.

    Top: the digit and the six kernels of C1, 5×5 each. Middle: C1's six maps, in which the strokes
    are still to be seen, each map bright along other edges. Below: C3's sixteen maps, 10×10, blots
    at a few places. Right: the ten probabilities, one bar near 1.
    """
    pictures = kept()["lenet5"]
    figure = Figure(figsize=(9.5, 6), layout="constrained")
    probabilities = np.array(pictures["probabilities"])
    label = int(probabilities.argmax())
    left, right = figure.subfigures(1, 2, width_ratios=(3, 1))
    left.suptitle(f"From strokes to blots to “it is a {label}”")
    left.suptitle("what its kernels see")
    right.suptitle("what it says")
    grid = left.subplots(4, 8)
    for axes in grid.flat:
        axes.set_axis_off()
    image, kernels = picture(pictures["image"]), pictures["kernels"]
    grid[0, 0].imshow(image, cmap="gray")
    grid[0, 0].set_title("input 28×28", fontsize="small")
    for column, kernel in enumerate(kernels, start=2):
        grid[0, column].imshow(picture(kernel), cmap="gray", vmin=0, vmax=255)
        grid[0, column].set_title(f"kernel {column - 1}", fontsize="small")
    for column, drawn in enumerate(pictures["C1"], start=2):
        grid[1, column].imshow(picture(drawn), cmap="gray")
        grid[1, column].set_title(f"C1 map {column - 1}", fontsize="small")
    for number, drawn in enumerate(pictures["C3"]):
        axes = grid[2 + number // 8, number % 8]
        axes.imshow(picture(drawn), cmap="gray")
        axes.set_title(f"C3 map {number + 1}", fontsize="small")
    bars = plain(right.subplots())
    bars.barh(range(10), probabilities, color=BLUE)
    bars.set_yticks(range(10))
    bars.invert_yaxis()
    bars.set(xlabel="probability", ylabel="class", xlim=(0, 1))
    figure.suptitle("Layer by layer a digit becomes more and smaller maps, then one answer")
    return figure


def where_it_looks() -> Figure:
    """Three digits under three methods, each bright where it finds the evidence: they disagree.

    Each row is one test digit: a 3, a 4 and a 7. The class activation map of a network with global
    average pooling and Grad-CAM of LeNet-5 are coarse and light up on parts of the strokes and
    beside them, not the same parts. Occlusion lights up at one small spot each: the right bow of
    the 3, where the bar of the 4 meets its stem, below the hook of the 7.
    """
    rows = kept()["looks"]
    columns = {
        "image": "image",
        "cam": "class activation map\n(GAP network)",
        "grad_cam": "Grad-CAM\n(LeNet-5)",
        "occlusion": "occlusion\n(LeNet-5)",
    }
    figure = Figure(figsize=(8.4, 6.6), layout="constrained")
    figure.suptitle("Where is the evidence? Three methods, three answers")
    for line, row in zip(figure.subplots(len(rows), 4), rows, strict=True):
        image = picture(row["image"])
        for axes, (key, title) in zip(line, columns.items(), strict=True):
            axes.imshow(image, cmap="gray")
            if key != "image":
                axes.imshow(picture(row[key]), extent=(-0.5, 27.5, 27.5, -0.5), alpha=0.7)
            axes.set(xticks=[], yticks=[])
            if row is rows[0]:
                axes.set_title(title, fontsize="medium")
        line[0].set_ylabel(f"a {row['label']}", rotation=0, ha="right", va="center")
    return figure


def what_excites_it() -> Figure:
    """Ten images that excite LeNet-5's classes most: ragged strokes, some of them nearly digits.

    White strokes on black with frayed edges, 28×28 pixels, one image for each class. The 0, the 3
    and the 5 can be guessed; the 1, the 4 and the 7 cannot.
    """
    images = kept()["exciting"]
    figure = Figure(figsize=(8.4, 3.9), layout="constrained")
    figure.suptitle("What LeNet-5 is surest of is not what a human would write")
    for label, axes in enumerate(figure.subplots(2, 5).flat):
        axes.imshow(picture(images[label]), cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"class {label}", fontsize="medium")
        axes.set_axis_off()
    return figure


def small_kernels_study() -> Figure:
    """Test error of one 7×7 layer, of three 3×3, of three with no ReLUs: 6.3, 7.2 and 7.1 %.

    The intervals of all three overlap.
    """
    return results("small_kernels").figure()


def pooling_study() -> Figure:
    """Test error over the shift of the digits: it climbs steeply unless the pooling is global.

    Without pooling, and with 2×2 average or max pooling, it climbs from 3 to 5 % at no shift to 81
    to 87 % at four pixels; max pooling lies lowest of the three from two pixels on. With global max
    pooling it stays at 30 % up to two pixels and reaches 39 % at four.
    """
    figure, axes = _lines(
        "pooling_shifts",
        {
            "none": ("0.45", "o-"),
            "average": (ORANGE, "^--"),
            "max": (BLUE, "s-"),
            "global max": (GREEN, "d:"),
        },
    )
    axes.set_title("Local pooling forgives little; global pooling forgives shifts")
    axes.set_xticks(studies.SHIFTS)
    return figure


def weight_sharing_study() -> Figure:
    """Test error over the number of training digits: both fall, the convnet's lies below.

    From 50 digits to 1,000 the error falls from 16 to 3.6 % for the fully connected net and from
    14 to 2.8 % for the convnet; at 100 digits the intervals leave it open which is better.
    """
    figure, axes = _lines(
        "weight_sharing", {"fully connected": (ORANGE, "^--"), "convolutional": (BLUE, "o-")}
    )
    axes.set_xscale("log")
    axes.set_xticks([50, 100, 300, 1000], ["50", "100", "300", "1,000"])
    axes.minorticks_off()
    axes.set_title("With as many weights, the convnet misreads fewer digits")
    return figure


def _lines(name: str, styles: dict[str, tuple[str, str]]) -> tuple[Figure, Any]:
    """Draw a study of two factors: a line for each level of the first, over the second."""
    found = results(name)
    group, along = found.study.factors
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = plain(figure.subplots())
    for level, (colour, style) in styles.items():
        line = found.table[found.table[group] == level]
        axes.errorbar(
            line[along],
            100 * line["mean"],
            100 * np.array([line["mean"] - line["low"], line["high"] - line["mean"]]),
            color=colour,
            fmt=style,
            capsize=3,
            label=level,
        )
    axes.set(xlabel=along, ylabel="test error (%), mean of 10 seeds", ylim=(0, None))
    axes.legend(frameon=False, title=group)
    return figure, axes


def results(name: str, outcome: str = "") -> Results:
    """Return the recorded results of a study of this chapter.

    Args:
        name: The study's name.
        outcome: The column to speak of; the study's own by default.
    """
    return recorded_results(getattr(studies, name), outcome)


def kept() -> dict[str, Any]:
    """Return what `made_by_keras` gave when the figures were recorded."""
    return read(KEPT)


def picture(rows: list[list[int]]) -> Any:
    """Return a recorded picture as an array of shape (rows, columns), from 0 to 255."""
    return np.array(rows)


def recordable(array: Any, low: float | None = None, high: float | None = None) -> Any:
    """Return a picture as whole numbers: 0 for its lowest value, 255 for its highest."""
    array = np.asarray(array, dtype=float)
    low = array.min() if low is None else low
    high = array.max() if high is None else high
    return np.rint(255 * (array - low) / (high - low or 1)).astype(int).tolist()


def made_by_keras() -> dict[str, Any]:
    """Return what the figures need from Keras: two trained networks, looked into."""
    from chapters.convnets.lenet1998 import C3_TABLE

    began = time.perf_counter()
    lenet = companion.train("lenet5", seed=SEED, svm=True)
    gap = companion.train("gap_classifier", seed=SEED)
    seen = {
        "lenet5": inside_lenet5(lenet.model),
        "looks": looks(lenet.model, gap.model),
        "exciting": exciting(lenet.model),
        "scores": {"lenet5": lenet.metrics, "gap_classifier": gap.metrics},
        "weights": weights_by_kind(),
        "c3_table": C3_TABLE,
    }
    seconds = round(time.perf_counter() - began, 1)
    return {
        "command": COMMAND,
        "seed": SEED,
        "seconds": seconds,
        "versions": lenet.versions,
        **seen,
    }


def inside_lenet5(model: Any) -> dict[str, Any]:
    """Return a test digit, C1's kernels, and what C1, C3 and the output answer."""
    from chapters.convnets import visualize

    image = first_of(LOOKED_AT[0])
    weights = model.get_layer("C1").get_weights()[0][:, :, 0]
    largest = np.abs(weights).max()
    maps = {name: visualize.activations(model, image, name) for name in ("C1", "C3", "output")}
    return {
        "image": recordable(image[..., 0]),
        "kernels": [recordable(weights[..., k], -largest, largest) for k in range(6)],
        "C1": [recordable(maps["C1"][..., k], 0, maps["C1"].max()) for k in range(6)],
        "C3": [recordable(maps["C3"][..., k], 0, maps["C3"].max()) for k in range(16)],
        "probabilities": [round(float(p), 4) for p in maps["output"]],
    }


def looks(lenet: Any, gap: Any) -> list[dict[str, Any]]:
    """Return, for each digit looked at, where both networks find their evidence."""
    from chapters.convnets import visualize

    rows = []
    for label in LOOKED_AT:
        image = first_of(label)
        rows.append(
            {
                "label": label,
                "image": recordable(image[..., 0]),
                "cam": recordable(visualize.activation_map(gap, image, label)),
                "grad_cam": recordable(visualize.gradient_map(lenet, image, label)),
                "occlusion": recordable(visualize.occlusion_map(lenet, image, label, 9, 1)),
            }
        )
    return rows


def exciting(model: Any) -> list[Any]:
    """Return the image that excites each class of a model most."""
    from chapters.convnets import visualize

    images = [visualize.exciting_image(model, label) for label in range(10)]
    return [recordable(image[..., 0], 0, 1) for image in images]


def first_of(label: int) -> Any:
    """Return the first test digit of a class, of shape (28, 28, 1)."""
    test = companion.load("digits").fitted_to((28, 28, 1)).test
    return test.x[np.argmax(test.y == label)]


def weights_by_kind() -> dict[str, dict[str, int]]:
    """Return the parameters of each network's convolutions and of its fully connected layers."""
    import keras

    from chapters.convnets import alexnet, googlenet, lenet5, vgg, zfnet

    found = {}
    for name, build in (
        ("LeNet-5\n1998", lenet5),
        ("AlexNet\n2012", alexnet),
        ("ZFNet\n2013", zfnet),
        ("VGG-D\n2014", vgg),
        ("GoogLeNet\n2014", googlenet),
    ):
        model = build()
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        connected = sum(layer.count_params() for layer in dense)
        convolutional = model.count_params() - connected
        found[name] = {"convolutional": convolutional, "fully connected": connected}
        keras.utils.clear_session()
    return found


if __name__ == "__main__":
    recorded(KEPT).write_text(json.dumps(made_by_keras()) + "\n", encoding="utf-8")
