"""Convolution by hand: slide a window, multiply, sum; the same few weights everywhere.

The layout is Keras's, channels last: images ``(batch, *space, channels)``, kernels
``(*window, channels, filters)``, with one, two or three axes of space. ``padding``, ``stride``
and ``dilation`` take one setting for all axes of space, or a sequence with one for each.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from companion.errors import UserError

Array = NDArray[Any]
Side = int | str | tuple[int, int]
"""Padding of one axis: of each side, ``"valid"`` or ``"same"``, or (before, after)."""


def output_size(
    size: int, kernel: int, *, padding: Side = 0, stride: int = 1, dilation: int = 1
) -> int:
    """Return the output length of a convolution or a pooling along one axis.

    floor((n + 2p − k) / s) + 1    p on each side           (COMP7015 lecture 8, "Output Size")
    (n + p − k) / s + 1            p, both sides together   (CS3244 week 10, "Kernel Size, …")

    One function for both: a number pads each side, a pair says (before, after). The floor stays
    in either case, since a step that does not fit is not taken. A dilated kernel reaches over
    d·(k − 1) + 1 places.

    Args:
        size: Input length n.
        kernel: Kernel length k.
        padding: Of each side, or (before, after), or ``"valid"`` (none) or ``"same"``.
        stride: Places s from one window to the next.
        dilation: Places d from one weight of the kernel to the next.

    Raises:
        UserError: If the kernel does not fit, or a number is too small to mean anything.

    >>> output_size(16, 3, padding=1, stride=2)  # COMP7015: 16×16 becomes 8×8
    8
    >>> output_size(2, 3, padding=(2, 2)), output_size(6, 2, stride=2)  # CS3244: 2×6 becomes 4×3
    (4, 3)
    >>> output_size(55, 11, padding=5)
    55
    """
    before, after = padding_sides(size, kernel, padding, stride=stride, dilation=dilation)
    reach = dilation * (kernel - 1) + 1
    if reach > before + size + after:
        raise UserError(
            f"The kernel reaches over {reach} places, but the padded input has only "
            f"{before + size + after}. Take a smaller kernel or more padding."
        )
    return (before + size + after - reach) // stride + 1


def padding_sides(
    size: int, kernel: int, padding: Side, *, stride: int = 1, dilation: int = 1
) -> tuple[int, int]:
    """Return how many zeros stand before and after the input along one axis.

    ``"same"`` pads until there are ceil(n / s) windows; an odd zero goes after, as in Keras on
    TensorFlow.

    Raises:
        UserError: If a number is too small to mean anything, or the word is not known.

    >>> padding_sides(28, 5, "same"), padding_sides(28, 4, "same"), padding_sides(5, 3, 1)
    ((2, 2), (1, 2), (1, 1))
    """
    if padding == "same" and min(size, kernel, stride, dilation) > 0:
        reach = dilation * (kernel - 1) + 1
        zeros = max((ceil(size / stride) - 1) * stride + reach - size, 0)
        before, after = zeros // 2, zeros - zeros // 2
    elif padding in ("same", "valid"):
        before = after = 0
    elif isinstance(padding, str):
        raise UserError(f"padding is 'valid', 'same' or a number. Received: {padding!r}.")
    else:
        before, after = (int(side) for side in np.broadcast_to(padding, 2))
    if min(size, kernel, stride, dilation) < 1 or min(before, after) < 0:
        raise UserError(
            "size, kernel, stride and dilation count from 1, padding from 0. Received: "
            f"{size=}, {kernel=}, {stride=}, {dilation=}, {padding=}."
        )
    return before, after


def parameter_count(
    window: Sequence[int], channels: int, filters: int, *, bias: bool = True
) -> int:
    """Count the numbers that a convolution learns: filters · (window · channels + 1).

    The size of the image is not among the arguments (COMP7015 lecture 8, "Sparse Connectivity").

    >>> parameter_count((11, 11), channels=3, filters=96)
    34944
    >>> C = 64  # COMP7015, "Filter Size": 27·C² against 49·C²
    >>> 3 * parameter_count((3, 3), C, C, bias=False) == 27 * C**2
    True
    >>> parameter_count((7, 7), C, C, bias=False) == 49 * C**2
    True
    """
    return filters * (prod(window) * channels + bias)


def dense_parameter_count(inputs: int, outputs: int) -> int:
    """Count the numbers that a fully connected layer learns: (inputs + 1) · outputs.

    >>> dense_parameter_count(55 * 55 * 3, 55 * 55 * 96)  # COMP7015, "Sparse Connectivity"
    2635670400
    """
    return (inputs + 1) * outputs


def multiply_count(
    positions: Sequence[int], window: Sequence[int], channels: int, filters: int
) -> int:
    """Count the multiplications that a convolution makes for one image.

    Every filter multiplies its whole window at every position: here the image's size does count.

    >>> multiply_count((55, 55), (11, 11), channels=3, filters=96)
    105415200
    >>> multiply_count((28, 28), (5, 5), channels=1, filters=6)
    117600
    """
    return prod(positions) * prod(window) * channels * filters


def receptive_field(layers: Iterable[Sequence[int]]) -> int:
    """Return how many places of the input one output of a stack of layers looks at, on one axis.

    r = 1 + Σ (k − 1) · d · (product of the strides before)     (Araujo et al., 2019)

    Args:
        layers: For each convolution or pooling, first to last: kernel, then stride (1 where left
            out), then dilation (1 where left out).

    >>> receptive_field([(3,), (3,), (3,)]) == receptive_field([(7,)])  # COMP7015, "Filter Size"
    True
    >>> receptive_field([(5, 1), (2, 2), (5, 1), (2, 2), (5, 1)])  # LeNet-5 up to C5: all 32 rows
    32
    """
    field, step = 1, 1
    for kernel, stride, dilation in ((*layer, 1, 1)[:3] for layer in layers):
        field += (kernel - 1) * dilation * step
        step *= stride
    return field


def per_axis(setting: Any, axes: int) -> tuple[Any, ...]:
    """Return one setting for each axis.

    Raises:
        UserError: If there are more or fewer settings than axes.

    >>> per_axis(2, axes=3), per_axis(((2, 2), 0), axes=2)
    ((2, 2, 2), ((2, 2), 0))
    """
    each = (setting,) * axes if isinstance(setting, str | int | np.integer) else tuple(setting)
    if len(each) != axes:
        raise UserError(
            f"Give one setting for all axes, or one for each of the {axes}. Received: {setting}."
        )
    return each


@dataclass(frozen=True, slots=True)
class Walk:
    """How a window walks over images; every field has one entry for each axis of space."""

    window: tuple[int, ...]
    sides: tuple[tuple[int, int], ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    output: tuple[int, ...]

    @classmethod
    def over(
        cls,
        images: Array,
        window: Sequence[int],
        padding: Any = 0,
        stride: Any = 1,
        dilation: Any = 1,
    ) -> "Walk":
        """Plan the walk of `window` over `images`.

        Raises:
            UserError: If images and window differ in their axes of space, or it does not fit.
        """
        axes = len(window)
        if images.ndim != axes + 2:
            raise UserError(
                f"A window of {axes} axes walks over images of shape (batch, {axes} axes of space, "
                f"channels). Received: shape {images.shape}."
            )
        stride, dilation = per_axis(stride, axes), per_axis(dilation, axes)
        rows = list(
            zip(images.shape[1:-1], window, per_axis(padding, axes), stride, dilation, strict=True)
        )
        return cls(
            tuple(window),
            tuple(padding_sides(n, k, p, stride=s, dilation=d) for n, k, p, s, d in rows),
            stride,
            dilation,
            tuple(output_size(n, k, padding=p, stride=s, dilation=d) for n, k, p, s, d in rows),
        )

    def at(self, position: Iterable[int]) -> tuple[slice, ...]:
        """Return the part of a padded image that the window covers at `position`."""
        steps = zip(position, self.window, self.stride, self.dilation, strict=True)
        return tuple(slice(i * s, i * s + d * (k - 1) + 1, d) for i, k, s, d in steps)

    def pad(self, images: Array) -> Array:
        """Return the images with zeros around them."""
        return np.pad(images, ((0, 0), *self.sides, (0, 0)))

    def crop(self, padded: Array) -> Array:
        """Return padded images without what stands around them."""
        ends = zip(self.sides, padded.shape[1:-1], strict=True)
        return padded[:, *(slice(before, size - after) for (before, after), size in ends)]


def walk_over(images: Array, kernel: Array, padding: Any, stride: Any, dilation: Any) -> Walk:
    """Plan the walk of a layer's `kernel` over `images`.

    Raises:
        UserError: If the kernel is not as deep as the images, or does not fit.
    """
    if images.shape[-1] != kernel.shape[-2]:
        raise UserError(
            f"A kernel is as deep as the images it slides over: (*window, {images.shape[-1]}, "
            f"filters) for images of {images.shape[-1]} channels. Received: {kernel.shape}."
        )
    return Walk.over(images, kernel.shape[:-2], padding, stride, dilation)


def convolution_loops(
    images: Array,
    kernel: Array,
    bias: ArrayLike = 0,
    *,
    padding: Any = 0,
    stride: Any = 1,
    dilation: Any = 1,
) -> Array:
    """Return the feature maps of a convolutional layer, computed as one would by hand.

    S(i, j, f) = b(f) + Σ_m Σ_n Σ_c I(i·s + m, j·s + n, c) · K(m, n, c, f)   (COMP7015 lecture 8)

    Args:
        images: Shape ``(batch, *space, channels)``.
        kernel: Shape ``(*window, channels, filters)``.
        bias: Shape ``(filters,)``.
        padding: As `output_size` takes it, for all axes or for each.
        stride: Likewise.
        dilation: Likewise.

    Returns:
        Shape ``(batch, *output, filters)``.
    """
    walk = walk_over(images, kernel, padding, stride, dilation)
    padded, filters = walk.pad(images), kernel.shape[-1]
    bias = np.broadcast_to(bias, filters)
    maps = np.zeros((len(images), *walk.output, filters))
    for image, *position, f in np.ndindex(maps.shape):
        window = padded[image, *walk.at(position)]
        maps[image, *position, f] = np.sum(window * kernel[..., f]) + bias[f]
    return maps


def convolution_loops_backward(
    gradient: Array,
    images: Array,
    kernel: Array,
    *,
    padding: Any = 0,
    stride: Any = 1,
    dilation: Any = 1,
) -> tuple[Array, Array, Array]:
    """Return the loss's gradients for images, kernel and bias, from that for the feature maps.

    Each output was Σ window · kernel + bias. So it hands its gradient to its window's pixels,
    times the kernel; to the kernel, times the window; to the bias, as it is. What was used in
    several places adds up what comes back from each.

    Args:
        gradient: Shape ``(batch, *output, filters)``.
        images: What the forward pass was given; likewise the other arguments.
        kernel: Shape ``(*window, channels, filters)``.
        padding: As in the forward pass.
        stride: Likewise.
        dilation: Likewise.
    """
    walk = walk_over(images, kernel, padding, stride, dilation)
    padded = walk.pad(images)
    to_padded, to_kernel = np.zeros(padded.shape), np.zeros(kernel.shape)
    to_bias = np.zeros(kernel.shape[-1])
    for image, *position, f in np.ndindex(gradient.shape):
        window = (image, *walk.at(position))
        arriving = gradient[image, *position, f]
        to_padded[window] += arriving * kernel[..., f]
        to_kernel[..., f] += arriving * padded[window]
        to_bias[f] += arriving
    return walk.crop(to_padded), to_kernel, to_bias


def windows(images: Array, walk: Walk) -> Array:
    """Return all windows of the padded images as one view: no number is copied.

    Shape ``(batch, *output, *window, channels)``.
    """
    axes = len(walk.window)
    reach = [d * (k - 1) + 1 for k, d in zip(walk.window, walk.dilation, strict=True)]
    view = sliding_window_view(walk.pad(images), reach, axis=tuple(range(1, axes + 1)))
    strides, dilations = (
        [np.s_[::step] for step in steps] for steps in (walk.stride, walk.dilation)
    )
    taken: Array = view[:, *strides, :, *dilations]
    return np.moveaxis(taken, axes + 1, -1)


def convolution(
    images: Array,
    kernel: Array,
    bias: ArrayLike = 0,
    *,
    padding: Any = 0,
    stride: Any = 1,
    dilation: Any = 1,
) -> Array:
    """Return the feature maps of a convolutional layer: every window times every filter at once.

    Each window is laid out as a row and each filter as a column, so that one matrix product makes
    all the sums (Chellapilla et al., 2006). Arguments and shapes are those of `convolution_loops`.

    >>> image = np.arange(1.0, 10).reshape(1, 3, 3, 1)  # COMP7015 lecture 8, "Padding"
    >>> kernel = np.array([[10.0, 20, 30], [40, 50, 60], [30, 20, 10]]).reshape(3, 3, 1, 1)
    >>> convolution(image, kernel, padding=1)[0, 0, :, 0]
    array([300., 600., 500.])
    """
    walk = walk_over(images, kernel, padding, stride, dilation)
    sums: Array = np.tensordot(windows(images, walk), kernel, axes=kernel.ndim - 1)
    return np.add(sums, bias)


def convolution_backward(
    gradient: Array,
    images: Array,
    kernel: Array,
    *,
    padding: Any = 0,
    stride: Any = 1,
    dilation: Any = 1,
) -> tuple[Array, Array, Array]:
    """Return the loss's gradients for images, kernel and bias, from that for the feature maps.

    The forward pass is a matrix product, windows @ kernel, and so are its two gradients; those of
    the windows are then laid back where the windows lay, overlaps added. Arguments and shapes are
    those of `convolution_loops_backward`.
    """
    walk = walk_over(images, kernel, padding, stride, dilation)
    positions = tuple(range(gradient.ndim - 1))
    to_kernel = np.tensordot(windows(images, walk), gradient, axes=(positions, positions))
    to_windows = np.tensordot(gradient, kernel, axes=(-1, -1))
    return lay_back(to_windows, images, walk), to_kernel, gradient.sum(axis=positions)


def lay_back(to_windows: Array, images: Array, walk: Walk) -> Array:
    """Add gradients of shape ``(batch, *output, *window, channels)`` up where the windows lay.

    One place of the window at a time: at that place, no two windows cover the same pixel.
    """
    to_padded = np.zeros_like(walk.pad(images), dtype=to_windows.dtype)
    for offset in np.ndindex(*walk.window):
        pixels = tuple(
            slice(m * d, m * d + s * (count - 1) + 1, s)
            for m, d, s, count in zip(offset, walk.dilation, walk.stride, walk.output, strict=True)
        )
        everywhere = (slice(None),) * (1 + len(offset))
        to_padded[:, *pixels] += to_windows[*everywhere, *offset]
    return walk.crop(to_padded)


def cross_correlate(
    image: ArrayLike, kernel: ArrayLike, *, padding: Any = 0, stride: Any = 1, dilation: Any = 1
) -> Array:
    """Slide `kernel` over `image` as it is: what every deck and Keras call convolution.

    S(i, j) = Σ_m Σ_n I(i + m, j + n) · K(m, n)    (COMP7015 lecture 8, "Convolution")

    Args:
        image: One channel with any number of axes.
        kernel: As many axes.
        padding: As `output_size` takes it, for all axes or for each.
        stride: Likewise.
        dilation: Likewise.

    CS3244 week 10, padding {(2+2) × 0} and stride {1 × 2}:

    >>> W = [[-1, 0], [-1, 1], [0, 1]]
    >>> x = [[9, 9, 9, 3, 3, 4], [9, 9, 3, 5, 5, 8]]
    >>> cross_correlate(x, W, padding=((2, 2), (0, 0)), stride=(1, 2))
    array([[ 9,  3,  4],
           [ 9, -1,  9],
           [-9, -7,  0],
           [-9, -3, -5]])

    Introduction to Machine Learning, chapter 12, and Intro to Deep Learning, "Convolution":

    >>> cross_correlate(INTRO_IMAGE, INTRO_KERNEL)
    array([[4, 3, 4],
           [2, 4, 3],
           [2, 3, 4]])

    CS826, "Convolution", filter 1 with stride 1 (the first row) and stride 2:

    >>> cross_correlate(CS826_IMAGE, CS826_FILTERS[0])[0]
    array([ 3, -1, -3, -1])
    >>> cross_correlate(CS826_IMAGE, CS826_FILTERS[0], stride=2)
    array([[ 3, -3],
           [-3,  0]])
    """
    image, kernel = np.asarray(image), np.asarray(kernel)
    layer = kernel[..., None, None]
    maps = convolution(
        image[None, ..., None], layer, padding=padding, stride=stride, dilation=dilation
    )
    return maps[0, ..., 0]


def convolve(image: ArrayLike, kernel: ArrayLike, *, padding: Any = 0, stride: Any = 1) -> Array:
    """Slide `kernel` over `image` turned over on every axis: convolution as mathematics has it.

    (I ∗ K)(i, j) = Σ_m Σ_n I(i − m, j − n) · K(m, n)    (Goodfellow et al., equation 9.5)

    Turned over, image and kernel may change places, and a single bright pixel prints the kernel.
    A network learns its kernel, so it would only learn it turned over.

    >>> dot = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    >>> convolve(dot, [[1, 2], [3, 4]]), cross_correlate(dot, [[1, 2], [3, 4]])
    (array([[1, 2],
           [3, 4]]), array([[4, 3],
           [2, 1]]))
    """
    return cross_correlate(image, np.flip(kernel), padding=padding, stride=stride)


def convolution_matrix(
    kernel: Array, shape: Sequence[int], *, padding: Any = 0, stride: Any = 1, dilation: Any = 1
) -> Array:
    """Return the matrix M for which a convolution of one image is ``M @ image.ravel()``.

    Number the pixels, and let the windows show which of them each output reads: in that output's
    row the kernel's weights stand at those numbers, and zeros elsewhere. So a convolution *is* a
    fully connected layer, whose matrix is sparse and repeats the same weights in every row.

    Args:
        kernel: Shape ``(*window, channels, filters)``.
        shape: The image's, ``(*space, channels)``.
        padding: As `output_size` takes it, for all axes or for each.
        stride: Likewise.
        dilation: Likewise.

    Returns:
        Shape ``(outputs, inputs)``: a row for every number of the feature maps.

    >>> convolution_matrix(np.array([1, 2, 3]).reshape(3, 1, 1), (5, 1))
    array([[1, 2, 3, 0, 0],
           [0, 1, 2, 3, 0],
           [0, 0, 1, 2, 3]])
    """
    pixels, filters = prod(shape), kernel.shape[-1]
    # Pixels count from 1, so that the number under the padding, 0, is nobody's and can be cut off.
    numbers = np.arange(1, pixels + 1).reshape(1, *shape)
    walk = walk_over(numbers, kernel, padding, stride, dilation)
    reads = windows(numbers, walk).reshape(prod(walk.output), 1, -1)
    matrix = np.zeros((prod(walk.output), filters, pixels + 1), kernel.dtype)
    np.put_along_axis(matrix, reads, kernel.reshape(-1, filters).T[None], axis=2)
    return matrix[..., 1:].reshape(-1, pixels)


SUMMARIES: dict[str, Callable[..., Array]] = {"max": np.max, "average": np.mean, "min": np.min}


def pool(images: Array, size: Any = 2, *, stride: Any = None, summary: str = "max") -> Array:
    """Return images that keep one number of each window: its largest, its mean or its smallest.

    Args:
        images: Shape ``(batch, *space, channels)``; the channels stay apart.
        size: The window, for all axes or for each.
        stride: Steps of the window; by default its own size, so that windows do not overlap.
        summary: ``"max"``, ``"average"`` or ``"min"``.

    Raises:
        UserError: If there is no such summary, or the window does not fit.

    CS826, "Max Pooling", both filters' maps:

    >>> maps = np.stack([cross_correlate(CS826_IMAGE, f) for f in CS826_FILTERS], axis=-1)
    >>> pool(maps[None])[0, :, :, 0]
    array([[3, 0],
           [3, 1]])
    >>> pool(maps[None])[0, :, :, 1]
    array([[-1,  1],
           [ 0,  3]])
    """
    summarize, walk = summarizer(summary), pooling_walk(images, size, stride)
    return summarize(windows(images, walk), axis=window_axes(images))


def pool_backward(
    gradient: Array, images: Array, size: Any = 2, *, stride: Any = None, summary: str = "max"
) -> Array:
    """Return the loss's gradient for the images, from that for the pooled ones.

    An average shares its gradient out equally. A maximum gives all of it to the pixel that won,
    the first of them where several did; so does a minimum.

    Raises:
        UserError: If there is no such summary, or the window does not fit.
    """
    summarizer(summary)
    walk, axes = pooling_walk(images, size, stride), window_axes(images)
    view = windows(images, walk)
    rows = view.reshape(*view.shape[: axes[0]], prod(walk.window), view.shape[-1])
    if summary == "average":
        shares = np.full(rows.shape, 1 / prod(walk.window), np.result_type(gradient, np.float16))
    else:
        winner = (np.argmax if summary == "max" else np.argmin)(rows, axis=-2, keepdims=True)
        shares = np.zeros(rows.shape, gradient.dtype)
        np.put_along_axis(shares, winner, 1.0, axis=-2)
    return lay_back(shares.reshape(view.shape) * np.expand_dims(gradient, axes), images, walk)


def summarizer(summary: str) -> Callable[..., Array]:
    """Return the function that makes one number of a window."""
    if summary not in SUMMARIES:
        raise UserError(f"summary is one of {', '.join(SUMMARIES)}. Received: {summary!r}.")
    return SUMMARIES[summary]


def pooling_walk(images: Array, size: Any, stride: Any) -> Walk:
    """Plan the walk of a pooling window, which by default steps by its own size."""
    window = per_axis(size, images.ndim - 2)
    return Walk.over(images, window, stride=window if stride is None else stride)


def window_axes(images: Array) -> tuple[int, ...]:
    """Return which axes of `windows` are the window's: after the batch and the positions."""
    space = images.ndim - 2
    return tuple(range(1 + space, 1 + 2 * space))


def global_pool(images: Array, *, summary: str = "average") -> Array:
    """Return one number for each channel: shape ``(batch, channels)``, whatever the images' size.

    >>> global_pool(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]])

    Raises:
        UserError: If the summary is not known.
    """
    return summarizer(summary)(images, axis=tuple(range(1, images.ndim - 1)))


INTRO_IMAGE = np.array(
    [
        [1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1],
        [0, 0, 1, 1, 0],
        [0, 1, 1, 0, 0],
    ]
)
INTRO_KERNEL = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
"""The 5×5 image and the kernel that both introductions slide over it."""

CS826_IMAGE = np.array(
    [
        [1, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 1, 0, 0],
        [1, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 0, 1, 0],
    ]
)
"""The 6×6 image of CS826, "Convolution": 1 is ink."""

CS826_FILTERS = np.array(
    [[[1, -1, -1], [-1, 1, -1], [-1, -1, 1]], [[-1, 1, -1], [-1, 1, -1], [-1, 1, -1]]]
)
"""The two filters of CS826: a falling diagonal and an upright stroke."""

KERNELS = {
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "edges 1": np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]]),
    "edges 2": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "edges 3": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "box blur": np.ones((3, 3)) / 9,
    "Gaussian blur": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16,
}
"""The kernel table of Introduction to Machine Learning, chapter 12."""
