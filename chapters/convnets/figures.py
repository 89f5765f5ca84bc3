"""Figures of convnets: where their weights are, what they answer, and where they look."""

from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import companion
from chapters.convnets import studies
from companion.plots import BLUE, GREEN, ORANGE, SKY, intervals, picture, plain, subplots
from companion.plots.diagram import grid
from companion.studies.recorded_figures import FigureRecord
from companion.studies.records import recorded_results
from companion.studies.study import Study

record = FigureRecord("convnets")
# The test digits that are looked into: one of each of these.
LOOKED_AT = (3, 4, 7)


def where_the_weights_are() -> Figure:
    """Weights of five networks, a bar for the convolutions and one for what is fully connected."""
    counts = record["weights"]
    figure, axes = subplots((8, 4.2))
    positions = np.arange(len(counts))
    for offset, part, colour, hatch in (
        (-0.2, "convolutional", BLUE, ""),
        (0.2, "fully connected", ORANGE, "//"),
    ):
        heights = [counts[name][part] / 1e6 for name in counts]
        drawn = axes.bar(positions + offset, heights, 0.38, color=colour, hatch=hatch, label=part)
        axes.bar_label(drawn, [f"{height:.2g}" if height < 1 else f"{height:.1f}" for height in
                               heights], padding=2, fontsize="small")  # fmt: skip
    weights = (
        f"{name}: {parts['convolutional']:,} and {parts['fully connected']:,}"
        for name, parts in counts.items()
    )
    description = "Weights of the convolutions and of the fully connected layers. "
    figure.set_label(description + "; ".join(weights).replace("\n", " "))
    axes.set_yscale("log")
    axes.set_ylim(0.005, 500)
    axes.set_xticks(positions, counts)
    axes.set(ylabel="parameters [millions]")
    axes.set_title("In AlexNet, ZFNet and VGG nine weights in ten are fully connected")
    axes.legend(frameon=False, loc="upper left")
    return figure


def c3_table() -> Figure:
    """Which of the six maps of S2 each of C3's sixteen maps reads: sixty of the 96 links.

    A grid of six rows and sixteen columns. The first six maps read three neighbouring maps each,
    the next six read four, the next three read four with a gap, and the last reads all six.
    """
    table = np.zeros((6, 16), bool)
    for target, sources in enumerate(record["c3_table"]):
        table[sources, target] = True
    figure, axes = subplots((8, 3.9))
    links = map(tuple, np.argwhere(table).tolist())
    grid(axes, np.where(table, "×", ""), dict.fromkeys(links, SKY))
    axes.set(xlabel="map of C3", ylabel="map of S2")
    axes.set_title(f"Table I grants {table.sum()} of {table.size} links: no two maps read alike")
    return figure


def through_lenet5() -> Figure:
    """A handwritten digit on its way through LeNet-5: 6 maps, 16 smaller maps, 10 probabilities.

    Top: the digit and the six kernels of C1, 5×5 each. Middle: C1's six maps, in which the strokes
    are still to be seen, whole in four of them, as edges in two. Below: C3's sixteen maps, 10×10,
    blots at a few places. Right: the ten probabilities, one bar near 1.
    """
    inside = record["lenet5"]
    label = int(np.argmax(inside["probabilities"]))
    figure = Figure(figsize=(7.6, 5.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 1))
    left.suptitle("what its kernels see")
    right.suptitle(f"what it says: a {label}")
    cells = left.subplots(4, 8)
    for axes in cells.flat:
        axes.set_axis_off()
    picture(cells[0, 0], inside["image"], "input 28×28")
    rows = (
        ("kernel", inside["kernels"], cells[0, 2:], {"vmin": 0, "vmax": 255}),
        ("C1 map", inside["C1"], cells[1, 2:], {}),
        ("C3 map", inside["C3"], cells[2:].flat, {}),
    )
    for name, images, row, limits in rows:
        for number, (image, axes) in enumerate(zip(images, row, strict=True), start=1):
            picture(axes, image, f"{name} {number}", **limits)
    bars = plain(right.subplots())
    bars.barh(range(10), inside["probabilities"], color=BLUE)
    bars.set_yticks(range(10))
    bars.invert_yaxis()
    bars.set(xlabel="probability", ylabel="class", xlim=(0, 1))
    figure.suptitle("Layer by layer a digit becomes more and smaller maps, then one answer")
    return figure


def where_it_looks() -> Figure:
    """Three digits under three methods on two networks, each bright where it finds the evidence.

    Each row is one test digit: a 3, a 4 and a 7. The class activation map of a network with global
    average pooling and Grad-CAM of LeNet-5 are coarse and light up on parts of the strokes and
    beside them, for the 3 on nearly the same part, for the 4 on others. Occlusion lights up at one
    small spot each: the right bow of the 3, where the bar of the 4 meets its stem, below the hook
    of the 7.
    """
    rows = record["looks"]
    methods = {
        "cam": "class activation map\n(GAP network)",
        "grad_cam": "Grad-CAM\n(LeNet-5)",
        "occlusion": "occlusion\n(LeNet-5)",
    }
    figure, cells = subplots((8.4, 6.6), len(rows), 4)
    figure.suptitle("Where is the evidence? Three methods on two networks differ")
    for (first, *others), row in zip(cells, rows, strict=True):
        top = row is rows[0]
        picture(first, row["image"], "image" * top)
        first.set_ylabel(f"a {row['label']}", rotation=0, ha="right", va="center")
        for axes, (method, name) in zip(others, methods.items(), strict=True):
            picture(axes, row["image"], name * top)
            axes.imshow(row[method], extent=(-0.5, 27.5, 27.5, -0.5), alpha=0.7)
    return figure


def what_excites_it() -> Figure:
    """Ten images found to excite LeNet-5's classes: ragged strokes, some of them nearly digits.

    White strokes on black with frayed edges, 28×28 pixels, one image for each class. The 0, the 3
    and the 5 can be guessed; the 1, the 4 and the 7 cannot.
    """
    figure, cells = subplots((8.4, 3.9), 2, 5)
    figure.suptitle("What excites LeNet-5's classes is not what a human would write")
    for label, (axes, image) in enumerate(zip(cells.flat, record["exciting"], strict=True)):
        picture(axes, image, f"class {label}", vmin=0, vmax=255)
    return figure


def small_kernels_study() -> Figure:
    """Test error of one 7×7 layer, of three 3×3, of three with no ReLUs, with intervals."""
    return recorded_results(studies.small_kernels).figure()


def pooling_study() -> Figure:
    """Test error over the shift of the digits, with four kinds of pooling."""
    figure, axes = _lines(
        studies.pooling_shifts,
        {
            "none": ("0.45", "o-"),
            "average": (ORANGE, "^--"),
            "max": (BLUE, "s-"),
            "global max": (GREEN, "d:"),
        },
    )
    axes.set_title("Local pooling forgives little; a global maximum forgives two pixels")
    axes.set_xticks(studies.SHIFTS)
    return figure


def weight_sharing_study() -> Figure:
    """Test error over the number of training digits, of a convnet and a fully connected net."""
    figure, axes = _lines(
        studies.weight_sharing, {"fully connected": (ORANGE, "^--"), "convolutional": (BLUE, "o-")}
    )
    axes.set_xscale("log")
    axes.set_xticks([50, 100, 300, 1000], ["50", "100", "300", "1,000"])
    axes.minorticks_off()
    effects = recorded_results(studies.weight_sharing).table["effect"].value_counts()
    sizes = f"shown at {effects['lower']} of {effects['baseline']} sizes"
    axes.set_title(f"With as many weights, the convnet misreads fewer digits: {sizes}")
    return figure


def _lines(study: Study, styles: dict[str, tuple[str, str]]) -> tuple[Figure, Any]:
    """Draw a study of two factors: a line for each level of the first, over the second."""
    results, (group, along) = recorded_results(study), study.factors
    figure, axes = subplots((7.2, 4.2))
    figure.set_label(results.alt_text)
    for level, (colour, style) in styles.items():
        line = results.table[results.table[group] == level]
        intervals(axes, line, along, 100, color=colour, fmt=style, label=level)
    axes.set(xlabel=along, ylabel="test error (%), mean of 10 seeds", ylim=(0, None))
    axes.legend(frameon=False, title=group)
    return figure, axes


def recordable(array: Any, low: float | None = None, high: float | None = None) -> Any:
    """Return a picture as whole numbers: 0 for its lowest value, 255 for its highest."""
    array = np.asarray(array, dtype=float)
    low = array.min() if low is None else low
    high = array.max() if high is None else high
    return np.rint(255 * (array - low) / (high - low or 1)).astype(int).tolist()


@cache
def trained(name: str) -> Any:
    """Return a run of one of the chapter's networks on the digits."""
    return companion.train(name, seed=record.seed, svm=name == "lenet5")


def inside_lenet5() -> dict[str, Any]:
    """Return a test digit, C1's kernels, and what C1, C3 and the output answer."""
    from chapters.convnets import visualize

    model, image = trained("lenet5").model, first_of(LOOKED_AT[0])
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


def looks() -> list[dict[str, Any]]:
    """Return, for each digit looked at, where both networks find their evidence."""
    from chapters.convnets import visualize

    lenet, gap = trained("lenet5").model, trained("gap_classifier").model
    images = {label: first_of(label) for label in LOOKED_AT}
    return [
        {
            "label": label,
            "image": recordable(image[..., 0]),
            "cam": recordable(visualize.activation_map(gap, image, label)),
            "grad_cam": recordable(visualize.gradient_map(lenet, image, label)),
            "occlusion": recordable(visualize.occlusion_map(lenet, image, label, 9, 1)),
        }
        for label, image in images.items()
    ]


def exciting() -> list[Any]:
    """Return the image that excites each class of LeNet-5 most."""
    from chapters.convnets import visualize

    images = [visualize.exciting_image(trained("lenet5").model, label) for label in range(10)]
    return [recordable(image[..., 0], 0, 1) for image in images]


def scores() -> dict[str, dict[str, float]]:
    """Return what both networks reach on the test digits."""
    return {name: trained(name).metrics for name in ("lenet5", "gap_classifier")}


def first_of(label: int) -> Any:
    """Return the first test digit of a class, of shape (28, 28, 1)."""
    test = companion.load("digits").fitted_to((28, 28, 1)).test
    return test.x[np.argmax(test.y == label)]


def weights_by_kind() -> dict[str, dict[str, int]]:
    """Return the parameters of each network's convolutions and of its fully connected layers."""
    import keras

    from chapters.convnets import alexnet, googlenet, lenet5, vgg, zfnet

    counts = {}
    for name, build in (
        ("LeNet-5\ntoday", lenet5),
        ("AlexNet\n2012", alexnet),
        ("ZFNet\n2013", zfnet),
        ("VGG-D\n2014", vgg),
        ("GoogLeNet\n2014", googlenet),
    ):
        model = build()
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        connected = sum(layer.count_params() for layer in dense)
        convolutional = model.count_params() - connected
        counts[name] = {"convolutional": convolutional, "fully connected": connected}
        keras.utils.clear_session()
    return counts


def c3_links() -> Any:
    """Return which maps of S2 each map of C3 reads, as LeNet-5 of 1998 is built."""
    from chapters.convnets.lenet1998 import C3_TABLE

    return C3_TABLE


if __name__ == "__main__":
    record.make(
        lenet5=inside_lenet5,
        looks=looks,
        exciting=exciting,
        scores=scores,
        weights=weights_by_kind,
        c3_table=c3_links,
    )
