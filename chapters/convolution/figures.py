"""Figures of convolution: the window, what it keeps, how far it sees, and its matrix."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from chapters.convolution.scratch import (
    CS826_FILTERS,
    CS826_IMAGE,
    INTRO_IMAGE,
    INTRO_KERNEL,
    KERNELS,
    convolution_matrix,
    cross_correlate,
    output_size,
    pool,
    receptive_field,
)
from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, picture, subplots
from companion.plots.diagram import frame, grid


def sliding_kernel() -> Figure:
    """A 3×3 kernel at two places of a 5×5 image: the nine products sum to 4, then to 3.

    Each row shows the image with the nine pixels of a window marked, the kernel 1 0 1, 0 1 0,
    1 0 1, and the 3×3 feature map as far as it is known: 4 at the first place, then 3 beside it.
    """
    maps = cross_correlate(INTRO_IMAGE, INTRO_KERNEL)
    figure = Figure(figsize=(5.8, 5.6), layout="constrained")
    for step, part in enumerate(figure.subfigures(2, 1, squeeze=False).flat):
        window = INTRO_IMAGE[:3, step : step + 3]
        products = zip(window.ravel(), INTRO_KERNEL.ravel(), strict=True)
        terms = " + ".join(f"{pixel}·{weight}" for pixel, weight in products)
        part.suptitle(f"S(0, {step}) = {terms} = {maps[0, step]}")
        left, middle, right = part.subplots(1, 3, width_ratios=(5, 3, 3))
        grid(left, INTRO_IMAGE, {(i, j + step): SKY for i, j in np.ndindex(3, 3)})
        frame(left, (0, step), (3, 3))
        grid(middle, INTRO_KERNEL, dict.fromkeys(np.ndindex(3, 3), ORANGE))
        known = np.full((3, 3), "", dtype=object)
        known[0, : step + 1] = maps[0, : step + 1]
        grid(right, known, {(0, j): GREEN for j in range(step + 1)})
        for axes, name in ((left, "image I"), (middle, "kernel K"), (right, "feature map S")):
            axes.set_title(name)
    figure.suptitle("The same nine weights at two places: the sum is 4, then 3")
    return figure


def kernels_on_a_photograph() -> Figure:
    """A dahlia under the lecture's seven kernels: three find edges, one sharpens, two blur.

    Eight pictures of the same flower: the photograph as it is, and under the identity, which
    changes nothing; the size of what three edge detectors answer, bright along the petals' rims on
    black, faintest for the first; sharpened; and blurred by the box and by the Gaussian kernel.
    """
    from sklearn.datasets import load_sample_image

    photograph = load_sample_image("flower.jpg")[90:290:2, 200:400:2].mean(axis=-1)
    figure, axes = subplots((9, 5.2), 2, 4)
    figure.suptitle("Nine numbers decide what is kept: edges, detail, or the large shapes")
    pictures = [("photograph", photograph)]
    for name, kernel in KERNELS.items():
        answer = cross_correlate(photograph, kernel)
        # An edge detector answers with either sign; how strongly is what the eye should see.
        pictures.append((name, np.abs(answer) if np.sum(kernel) == 0 else answer))
    for one, (name, image) in zip(axes.flat, pictures, strict=True):
        # 64 greys look like 256 and make the page lighter.
        picture(one, image // 4 * 4, name, vmin=0, vmax=255)
    return figure


def padding_and_stride() -> Figure:
    """A 3-wide kernel on 5 pixels: 3 places; 5 with padding; 3 with stride 2; 1 when dilated.

    Four grids, in which a dot marks every place where the kernel's middle comes to stand and a
    frame marks the first window. Without padding, 3×3 dots; with a border of zeros, 5×5; with
    that border and stride 2, 3×3, on every other pixel; with dilation 2, one dot in the middle.
    """
    settings: list[dict[str, Any]] = [
        {"padding": 0, "stride": 1, "dilation": 1},
        {"padding": 1, "stride": 1, "dilation": 1},
        {"padding": 1, "stride": 2, "dilation": 1},
        {"padding": 0, "stride": 1, "dilation": 2},
    ]
    figure, row = subplots((9.5, 3.6), 1, 4)
    figure.suptitle("Padding adds places, a stride skips them, a dilated kernel needs more room")
    for axes, setting in zip(row, settings, strict=True):
        padding, stride, dilation = setting.values()
        padded, positions = 5 + 2 * padding, output_size(5, 3, **setting)
        inside = {(i + padding, j + padding): SKY for i, j in np.ndindex(5, 5)}
        zeros = np.zeros((padded, padded), dtype=object)
        zeros[tuple(zip(*inside, strict=True))] = ""
        grid(axes, zeros, inside)
        taps = [dilation * m for m in range(3)]
        for i in taps:
            for j in taps:
                frame(axes, (i, j), (1, 1))
        middles = dilation + stride * np.arange(positions)
        axes.scatter(*np.meshgrid(middles, middles), color=VERMILION, zorder=3, s=28)
        axes.set_title(
            f"padding {padding}, stride {stride},\n"
            f"dilation {dilation}: {positions}×{positions} places",
            fontsize="medium",
        )
    return figure


def receptive_fields() -> Figure:
    """How many pixels a unit sees, by the number of layers, their strides and dilations."""
    figure, (left, right) = subplots((9.5, 4), 1, 2)
    for layer in range(4):
        left.scatter(range(-4, 5), [layer] * 9, color="0.5", s=22)
        seen = range(layer - 3, 4 - layer)
        left.scatter(seen, [layer] * len(seen), color=BLUE, s=60, zorder=3)
        for unit in seen if layer else range(0):
            for below in (-1, 0, 1):
                left.plot([unit, unit + below], [layer, layer - 1], color=BLUE, linewidth=1)
    left.set_title(f"Three layers of 3 see {receptive_field([(3,)] * 3)} pixels")
    left.set_yticks(range(4), ["input", "layer 1", "layer 2", "layer 3"])
    left.set(xlabel="place", ylabel="layer")
    depths = range(1, 9)
    stacks: dict[str, tuple[list[tuple[int, ...]], str, str]] = {
        "3 wide, stride 2": ([(3, 2)] * 8, VERMILION, "s-"),
        "3 wide, dilations 1, 2, 4, …": ([(3, 1, 2**n) for n in range(8)], GREEN, "^:"),
        "7 wide": ([(7,)] * 8, PURPLE, "d--"),
        "3 wide": ([(3,)] * 8, BLUE, "o-"),
    }
    descriptions = []
    for name, (stack, colour, style) in stacks.items():
        fields = [receptive_field(stack[:depth]) for depth in depths]
        right.plot(depths, fields, style, color=colour, label=name, markerfacecolor="none")
        descriptions.append(f"{name}: {fields[0]} to {fields[-1]}")
    right.set_yscale("log", base=2)
    right.set_yticks([4, 16, 64, 256], ["4", "16", "64", "256"])
    right.set(xlabel="layers", ylabel="receptive field [pixels]")
    right.set_title("Strides and dilations double it by layer")
    right.legend(frameon=False)
    figure.suptitle("Depth widens the view, strides and dilations widen it faster")
    figure.set_label(
        "Left: one unit at the top of three layers, its lines fanning out to 3, 5 and 7 places. "
        f"Right: the receptive field after 1 to {len(depths)} layers, on a logarithmic axis. "
        f"{'; '.join(descriptions)}."
    )
    return figure


def matrix() -> Figure:
    """The matrix of a 3×3 kernel on a 5×5 image: nine different weights, and zeros.

    Nine rows, one for each output, and 25 columns, one for each pixel. Every row holds the weights
    1 to 9, in three runs of three; each row is the row before, moved to the right by one pixel, or
    by three where the kernel begins a new line of the image.
    """
    weights = np.arange(1, 10)
    M = convolution_matrix(weights.reshape(3, 3, 1, 1), (5, 5, 1))
    figure, axes = subplots((9.5, 4))
    lines = (SKY, ORANGE, GREEN)
    cells = zip(*np.nonzero(M), strict=True)
    grid(axes, np.where(M, M, ""), {cell: lines[(M[cell] - 1) // 3] for cell in cells})
    axes.set(xlabel="pixel of the image, read like text", ylabel="output")
    axes.set_title(
        f"{np.mean(M == 0):.0%} of the matrix are zeros, and the other {np.count_nonzero(M)} "
        f"entries share {len(weights)} weights"
    )
    return figure


def pooling() -> Figure:
    """A 4×4 feature map, pooled by 2×2 windows to 2×2, by maximum, average and minimum."""
    maps = cross_correlate(CS826_IMAGE, CS826_FILTERS[0])
    figure, (first, *others) = subplots((9.5, 3.3), 1, 4, width_ratios=(4, 3, 3, 3))
    figure.suptitle("The maximum says that the pattern was there; the mean drowns it")
    colours = ((SKY, ORANGE), (GREEN, PURPLE))
    grid(first, maps, {(i, j): colours[i // 2][j // 2] for i, j in np.ndindex(4, 4)})
    first.set_title("feature map")
    descriptions = []
    for axes, summary in zip(others, ("max", "average", "min"), strict=True):
        pooled = pool(maps[None, ..., None], summary=summary)[0, :, :, 0]
        grid(axes, pooled, {(i, j): colours[i][j] for i, j in np.ndindex(2, 2)})
        axes.set_title(f"{summary} pooling")
        rows = " over ".join(" ".join(f"{value:g}" for value in row) for row in pooled)
        descriptions.append(f"{summary} pooling gives {rows}".replace("-", "−"))
    figure.set_label(
        "The 4×4 feature map of CS826's first filter, its four 2×2 windows coloured apart: "
        f"{'; '.join(descriptions)}."
    )
    return figure
