"""Exercises on convolution: count it, slide it, pool it, and send its gradient back."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from companion.checking import exercise, gradient_exercise, model_exercise

# Counting ----------------------------------------------------------------------------------------


@exercise()
def output_size(size, kernel, padding, stride):
    """Return how many places a kernel stands in along one axis.

    Args:
        size: Length of the input.
        kernel: Length of the kernel; it fits into the padded input.
        padding: Zeros put on each side of the input.
        stride: Places from one stand of the kernel to the next.

    Returns:
        A whole number, e.g. 8 for ``output_size(16, 3, 1, 2)``.
    """
    return (size + 2 * padding - kernel) // stride + 1


@output_size.cases
def _(rng):
    yield 7, 3, 1, 2
    yield 6, 2, 0, 2
    yield 16, 3, 1, 2
    yield 10, 3, 2, 3
    for _ in range(6):
        kernel, padding, stride = (int(n) for n in rng.integers([1, 0, 1], [8, 4, 5]))
        yield int(rng.integers(kernel, 60)), kernel, padding, stride


output_size.hints(
    "How long is the input once both of its ends are padded?",
    "Put the kernel at the very left. How far can it still move? How many steps is that?",
    "A step that does not fit is not taken. And the place before the first step counts, too.",
)

output_size.mistakes(
    "You padded one side only: the zeros stand on both sides, so they count twice.",
    lambda size, kernel, padding, stride: (size + padding - kernel) // stride + 1,
    "You left the floor out: a last step that does not fit is not taken.",
    lambda size, kernel, padding, stride: (size + 2 * padding - kernel) / stride + 1,
    "You rounded up: a last step that does not fit is not taken.",
    lambda size, kernel, padding, stride: -(-(size + 2 * padding - kernel) // stride) + 1,
    "You counted the steps: there is one place more than there are steps.",
    lambda size, kernel, padding, stride: (size + 2 * padding - kernel) // stride,
    "You added the 1 before dividing by the stride: it is not a step, add it after.",
    lambda size, kernel, padding, stride: (size + 2 * padding - kernel + 1) // stride,
    "You left the stride out: the kernel moves by `stride` places at a time.",
    lambda size, kernel, padding, stride: size + 2 * padding - kernel + 1,
    "You gave the size for padding 'same': the kernel's length must count.",
    lambda size, kernel, padding, stride: -(-size // stride),
    "You left the kernel's length out: it has to fit in, too.",
    lambda size, kernel, padding, stride: (size + 2 * padding) // stride,
    "You divided the size by the stride: kernel and padding count as well.",
    lambda size, kernel, padding, stride: size // stride,
)


@exercise()
def parameter_count(height, width, channels, filters):
    """Return how many numbers a convolutional layer learns, its biases included.

    Args:
        height: Rows of the kernel.
        width: Columns of the kernel.
        channels: Channels of the layer's input.
        filters: Number of kernels, which is the number of feature maps.

    Returns:
        A whole number, e.g. 34,944 for ``parameter_count(11, 11, 3, 96)``.
    """
    return filters * (height * width * channels + 1)


@parameter_count.cases
def _(rng):
    yield 2, 3, 4, 5
    yield 11, 11, 3, 96
    yield 5, 5, 1, 6
    for _ in range(4):
        yield tuple(int(n) for n in rng.integers(1, 12, size=4))


parameter_count.hints(
    "How many pixels does one kernel look at, in all channels together?",
    "It has a weight for each of them, and one number more. How many kernels are there?",
)

parameter_count.mistakes(
    "You left the biases out: every filter has one.",
    lambda height, width, channels, filters: filters * height * width * channels,
    "You left the channels out: a kernel is as deep as its input.",
    lambda height, width, channels, filters: filters * (height * width + 1),
    "You counted one filter: each of them has weights of its own.",
    lambda height, width, channels, filters: height * width * channels + 1,
    "You gave the whole layer one bias: every filter has its own.",
    lambda height, width, channels, filters: filters * height * width * channels + 1,
    "You gave a bias to every channel of a filter: a filter has one in all.",
    lambda height, width, channels, filters: filters * channels * (height * width + 1),
    "You took the kernel for a square: its height and width may differ.",
    lambda height, width, channels, filters: filters * (height * height * channels + 1),
    "You counted one filter and a bias for each: each of them has weights of its own, too.",
    lambda height, width, channels, filters: height * width * channels + filters,
    "You added the kernel's sides: it has height × width weights in each channel.",
    lambda height, width, channels, filters: filters * ((height + width) * channels + 1),
    "You added the channels: a kernel has height × width weights in each of them.",
    lambda height, width, channels, filters: filters * (height * width + channels + 1),
    "You gave every channel of the input a bias: every filter has one.",
    lambda height, width, channels, filters: filters * height * width * channels + channels,
)


@exercise()
def multiply_count(size, kernel, padding, channels, filters):
    """Return how many multiplications a convolutional layer makes for one square image.

    The stride is 1. Multiplications with a zero of the padding count like any other.

    Args:
        size: Rows, and columns, of the image.
        kernel: Rows, and columns, of each kernel.
        padding: Zeros put on each side of the image.
        channels: Channels of the image.
        filters: Number of kernels.

    Returns:
        A whole number, e.g. 117,600 for ``multiply_count(32, 5, 0, 1, 6)``.
    """
    positions = size + 2 * padding - kernel + 1
    return positions**2 * kernel**2 * channels * filters


@multiply_count.cases
def _(rng):
    yield 4, 3, 0, 2, 5
    yield 32, 5, 0, 1, 6
    yield 55, 11, 5, 3, 96
    for _ in range(4):
        kernel, padding, channels, filters = (int(n) for n in rng.integers([2, 0, 1, 1], 6))
        yield int(rng.integers(kernel + 1, 20)), kernel, padding, channels, filters


multiply_count.hints(
    "How many multiplications make one number of one feature map?",
    "How many numbers does a feature map hold? Not as many as the image has pixels.",
    "And every filter makes a feature map of its own.",
)

multiply_count.mistakes(
    "You counted a kernel on every pixel: it stands only where it fits.",
    lambda size, kernel, padding, channels, filters: size**2 * kernel**2 * channels * filters,
    "You left the channels out: a kernel multiplies in each of them.",
    lambda size, kernel, padding, channels, filters: (
        (size + 2 * padding - kernel + 1) ** 2 * kernel**2 * filters
    ),
    "You counted one filter: every filter goes over the whole image.",
    lambda size, kernel, padding, channels, filters: (
        (size + 2 * padding - kernel + 1) ** 2 * kernel**2 * channels
    ),
    "You counted the places along one axis only: the kernel walks along two.",
    lambda size, kernel, padding, channels, filters: (
        (size + 2 * padding - kernel + 1) * kernel**2 * channels * filters
    ),
    "You padded one side only: the zeros stand on both sides.",
    lambda size, kernel, padding, channels, filters: (
        (size + padding - kernel + 1) ** 2 * kernel**2 * channels * filters
    ),
    "You counted the bias: it is added, not multiplied.",
    lambda size, kernel, padding, channels, filters: (
        (size + 2 * padding - kernel + 1) ** 2 * (kernel**2 * channels + 1) * filters
    ),
)


@exercise(points=2)
def receptive_field(kernels, strides):
    """Return how many input places one output of a stack of layers looks at, along one axis.

    Args:
        kernels: The kernel length of each layer, the first layer first.
        strides: The stride of each layer.

    Returns:
        A whole number, e.g. 7 for ``receptive_field([3, 3, 3], [1, 1, 1])``.
    """
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * step
        step *= stride
    return field


@receptive_field.cases
def _(rng):
    yield [3, 2], [2, 1]
    yield [3, 3, 3], [1, 1, 1]
    yield [5, 2, 5, 2, 5], [1, 2, 1, 2, 1]
    for _ in range(4):
        layers = int(rng.integers(2, 6))
        yield rng.integers(2, 8, size=layers).tolist(), rng.integers(1, 4, size=layers).tolist()


receptive_field.hints(
    "One layer with kernel k looks at k places: at 1, and k − 1 more.",
    "Two neighbours in a map lie further apart on the input once a layer below took larger steps.",
    "Keep two numbers on the way up: the field, and what one step in this map is on the input.",
)

receptive_field.mistakes(
    "You added the kernels up: windows overlap, a layer adds only k − 1 steps.",
    lambda kernels, strides: sum(kernels),
    "You left the strides out: after a stride of 2, a step covers two places.",
    lambda kernels, strides: 1 + sum(kernel - 1 for kernel in kernels),
    "You let a layer's stride widen its own kernel: it widens those above it.",
    lambda kernels, strides: (
        1 + sum((k - 1) * int(np.prod(strides[: i + 1])) for i, k in enumerate(kernels))
    ),
    "You started at 0: before any layer, a place sees itself.",
    lambda kernels, strides: receptive_field(kernels, strides) - 1,
    "You used the stride of the layer below alone: the strides multiply up.",
    lambda kernels, strides: (
        1 + sum((k - 1) * s for k, s in zip(kernels, [1, *strides], strict=False))
    ),
    "You took the layers in the wrong order: r + (k − 1) · step begins at the input, "
    "s · (r − 1) + k at the last layer.",
    lambda kernels, strides: receptive_field(kernels[::-1], strides[::-1]),
    "You multiplied the kernels: a layer adds k − 1 steps.",
    lambda kernels, strides: int(np.prod(kernels)),
    "You used a layer's own stride, and that alone: a step is the strides of all below it.",
    lambda kernels, strides: 1 + sum((k - 1) * s for k, s in zip(kernels, strides, strict=True)),
    "You gave the largest kernel: each layer widens what those below it see.",
    lambda kernels, strides: max(kernels),
    "You added k steps for each layer: windows overlap, a layer adds k − 1.",
    lambda kernels, strides: sum(k * int(np.prod(strides[:i])) for i, k in enumerate(kernels)),
)


# Sliding -----------------------------------------------------------------------------------------


@exercise(points=2)
def cross_correlate(image, kernel):
    """Slide a kernel over an image, stride 1, no padding: S(i, j) = Σ I(i + m, j + n) · K(m, n).

    Args:
        image: Shape ``(rows, columns)``.
        kernel: Shape ``(height, width)``, no larger than the image.

    Returns:
        Shape ``(rows − height + 1, columns − width + 1)``.
    """
    windows = sliding_window_view(image, kernel.shape)
    return np.einsum("ijmn,mn->ij", windows, kernel)


def images_and_kernels(rng):
    """Yield small whole numbers first, for a reader; then a few of every shape."""
    yield rng.integers(-4, 5, size=(3, 4)).astype(float), rng.integers(-2, 3, (2, 2)).astype(float)
    for rows, columns, height, width in ((6, 6, 3, 3), (5, 8, 2, 3), (7, 5, 4, 2)):
        yield rng.normal(size=(rows, columns)), rng.normal(size=(height, width))


cross_correlate.cases(images_and_kernels)

cross_correlate.hints(
    "At how many places can the kernel stand, downwards and to the right?",
    "At each place: cut out the window, multiply it by the kernel number by number, sum.",
    "Do not turn the kernel over.",
)

cross_correlate.mistakes(
    "You flipped the kernel: that is convolution; the lectures slide it unflipped.",
    lambda image, kernel: cross_correlate(image, kernel[::-1, ::-1]),
    "You transposed the kernel: its rows lie along the image's rows.",
    lambda image, kernel: cross_correlate(image, kernel.T),
    "You stopped one place early: the kernel also fits at the far edges.",
    lambda image, kernel: cross_correlate(image, kernel)[:-1, :-1],
    "You took the mean of the products: the window's products are summed.",
    lambda image, kernel: cross_correlate(image, kernel) / kernel.size,
    "You padded the image ('same'): here the kernel stays inside ('valid').",
    lambda image, kernel: cross_correlate(
        np.pad(image, [((side - 1) // 2, side // 2) for side in kernel.shape]), kernel
    ),
    "You moved the kernel by its own size: windows overlap, the stride is 1.",
    lambda image, kernel: cross_correlate(image, kernel)[:: kernel.shape[0], :: kernel.shape[1]],
    "You padded the image by one all round: here the kernel stays inside ('valid').",
    lambda image, kernel: cross_correlate(np.pad(image, 1), kernel),
    "You took the largest product: the window's products are summed.",
    lambda image, kernel: (sliding_window_view(image, kernel.shape) * kernel).max(axis=(2, 3)),
    "You let the kernel hang over the edges ('full'): here it stays inside ('valid').",
    lambda image, kernel: cross_correlate(
        np.pad(image, [(side - 1, side - 1) for side in kernel.shape]), kernel
    ),
)


@exercise(points=2)
def cross_correlate_strided(image, kernel, padding, stride):
    """Slide a kernel over a zero-padded image in steps.

    Args:
        image: Shape ``(rows, columns)``.
        kernel: Shape ``(height, width)``.
        padding: Zeros put on each of the four sides of the image.
        stride: Steps of the kernel, downwards and to the right.

    Returns:
        Shape ``(floor((rows + 2·padding − height) / stride) + 1, …)``.
    """
    windows = sliding_window_view(np.pad(image, padding), kernel.shape)
    return np.einsum("ijmn,mn->ij", windows[::stride, ::stride], kernel)


@cross_correlate_strided.cases
def _(rng):
    image = rng.integers(1, 6, size=(3, 4)).astype(float)
    yield image, rng.integers(-2, 3, size=(2, 2)).astype(float), 1, 2
    for rows, columns, kernel, padding, stride in (
        (6, 6, 3, 1, 1),
        (7, 9, 3, 0, 2),
        (5, 8, 3, 2, 3),
        (8, 7, 2, 1, 2),
    ):
        yield rng.normal(size=(rows, columns)), rng.normal(size=(kernel, kernel)), padding, stride


cross_correlate_strided.hints(
    "First put the zeros around the image; `np.pad` does it. Then forget that they are zeros.",
    "The window of output (i, j) begins at (i · stride, j · stride).",
)

cross_correlate_strided.mistakes(
    "You flipped the kernel: the lectures slide it as it is.",
    lambda image, kernel, padding, stride: cross_correlate_strided(
        image, kernel[::-1, ::-1], padding, stride
    ),
    "You stepped downwards only: the kernel strides to the right as well.",
    lambda image, kernel, padding, stride: cross_correlate(np.pad(image, padding), kernel)[
        ::stride
    ],
    "You stepped to the right only: the kernel strides downwards as well.",
    lambda image, kernel, padding, stride: cross_correlate(np.pad(image, padding), kernel)[
        :, ::stride
    ],
    "You left the stride out: the kernel moved by 1.",
    lambda image, kernel, padding, stride: cross_correlate(np.pad(image, padding), kernel),
    "You left the padding out: put zeros around the image first.",
    lambda image, kernel, padding, stride: cross_correlate_strided(image, kernel, 0, stride),
    "You padded one side only: the zeros stand before and after.",
    lambda image, kernel, padding, stride: cross_correlate_strided(
        np.pad(image, ((0, padding),) * 2), kernel, 0, stride
    ),
    "You padded the feature map: the zeros go around the image.",
    lambda image, kernel, padding, stride: np.pad(
        cross_correlate_strided(image, kernel, 0, stride), padding
    ),
    "You repeated the border pixels: the padding is zeros.",
    lambda image, kernel, padding, stride: cross_correlate_strided(
        np.pad(image, padding, mode="edge"), kernel, 0, stride
    ),
    "You padded below and to the right only: half of the zeros stand before.",
    lambda image, kernel, padding, stride: cross_correlate_strided(
        np.pad(image, ((0, 2 * padding),) * 2), kernel, 0, stride
    ),
    "You padded the rows only: zeros stand beside the columns, too.",
    lambda image, kernel, padding, stride: cross_correlate_strided(
        np.pad(image, ((padding, padding), (0, 0))), kernel, 0, stride
    ),
    "You moved the kernel by one place only: it moves by the stride.",
    lambda image, kernel, padding, stride: cross_correlate_strided(image, kernel, padding, 1)[
        tuple(map(slice, cross_correlate_strided(image, kernel, padding, stride).shape))
    ],
)


@exercise()
def convolve(image, kernel):
    """Convolve as mathematics has it: Σ I(i − m, j − n) · K(m, n), wherever the kernel fits.

    Args:
        image: Shape ``(rows, columns)``.
        kernel: Shape ``(height, width)``, no larger than the image.

    Returns:
        Shape ``(rows − height + 1, columns − width + 1)``.
    """
    windows = sliding_window_view(image, kernel.shape)
    return np.einsum("ijmn,mn->ij", windows, kernel[::-1, ::-1])


convolve.cases(images_and_kernels)

convolve.hints(
    "Read the signs: as m grows, which way does the image's index go?",
    "Turned over once, convolution becomes cross-correlation. Turned over on which axes?",
)

convolve.mistakes(
    "You did not flip the kernel: that is cross-correlation.",
    lambda image, kernel: convolve(image, kernel[::-1, ::-1]),
    "You flipped the rows only: the kernel is turned over on both axes.",
    lambda image, kernel: convolve(image, kernel[:, ::-1]),
    "You flipped the columns only: the kernel is turned over on both axes.",
    lambda image, kernel: convolve(image, kernel[::-1]),
    "You transposed the kernel: flipping keeps rows rows and columns columns.",
    lambda image, kernel: cross_correlate(image, kernel.T),
    "You let the kernel hang over the edges ('full'): count only where it fits.",
    lambda image, kernel: convolve(
        np.pad(image, [(side - 1, side - 1) for side in kernel.shape]), kernel
    ),
)


@exercise()
def dilated_correlate(signal, kernel, dilation):
    """Slide a dilated kernel over a signal: S(i) = Σ I(i + m · dilation) · K(m).

    Args:
        signal: Shape ``(steps,)``.
        kernel: Shape ``(width,)``.
        dilation: Steps from one weight of the kernel to the next; 1 is the ordinary kernel.

    Returns:
        One number for each place where the whole kernel fits.
    """
    reach = dilation * (len(kernel) - 1) + 1
    return sliding_window_view(signal, reach)[:, ::dilation] @ kernel


@dilated_correlate.cases
def _(rng):
    yield rng.integers(-5, 6, size=7).astype(float), rng.integers(1, 4, size=2).astype(float), 2
    yield rng.normal(size=12), rng.normal(size=3), 1
    yield rng.normal(size=13), rng.normal(size=3), 2
    yield rng.normal(size=17), rng.normal(size=4), 3


dilated_correlate.hints(
    "Which places does the kernel read when it stands at i = 0?",
    "From its first weight to its last it reaches over (width − 1) · dilation + 1 places.",
)

dilated_correlate.mistakes(
    "You left the dilation out: the weights lie `dilation` steps apart.",
    lambda signal, kernel, dilation: dilated_correlate(signal, kernel, 1),
    "You left `dilation` gaps between weights: there are dilation − 1.",
    lambda signal, kernel, dilation: dilated_correlate(signal, kernel, dilation + 1),
    "You used the dilation as a stride: it spreads the kernel, not its steps.",
    lambda signal, kernel, dilation: dilated_correlate(signal, kernel, 1)[::dilation],
    "You flipped the kernel: the lectures slide it as it is.",
    lambda signal, kernel, dilation: dilated_correlate(signal, kernel[::-1], dilation),
    "You also strode by the dilation: the kernel still moves by 1.",
    lambda signal, kernel, dilation: dilated_correlate(signal, kernel, dilation)[::dilation],
    "You let the kernel hang over the end: count only where the whole kernel fits.",
    lambda signal, kernel, dilation: dilated_correlate(
        np.pad(signal, (0, dilation * (len(kernel) - 1))), kernel, dilation
    ),
    "You repeated the weights: between two of them the kernel reads nothing.",
    lambda signal, kernel, dilation: dilated_correlate(signal, kernel.repeat(dilation), 1),
    "You went on at the beginning when the signal ended: count only where the whole kernel fits.",
    lambda signal, kernel, dilation: dilated_correlate(
        np.append(signal, signal[: dilation * (len(kernel) - 1)]), kernel, dilation
    ),
)


@exercise(points=3)
def convolution_layer(image, kernel, bias):
    """Return the feature maps of a convolutional layer: stride 1, no padding, no activation.

    Kernels are not flipped.

    Args:
        image: Shape ``(rows, columns, channels)``.
        kernel: Shape ``(height, width, channels, filters)``, as Keras keeps it.
        bias: Shape ``(filters,)``.

    Returns:
        Shape ``(rows − height + 1, columns − width + 1, filters)``.
    """
    windows = sliding_window_view(image, kernel.shape[:2], axis=(0, 1))
    return np.einsum("ijcmn,mncf->ijf", windows, kernel) + bias


@convolution_layer.cases
def _(rng):
    image = rng.integers(-2, 3, size=(2, 3, 2)).astype(float)
    yield image, rng.integers(-2, 3, size=(2, 2, 2, 1)).astype(float), np.array([1.0])
    yield rng.normal(size=(5, 6, 3)), rng.normal(size=(3, 3, 3, 2)), rng.normal(size=2)
    yield rng.normal(size=(6, 4, 2)), rng.normal(size=(2, 3, 2, 4)), rng.normal(size=4)


convolution_layer.hints(
    "Write it for one filter first. A filter is as deep as the image: one number per window.",
    "The window's products are summed over rows, columns and channels; then the bias, once.",
    "Stack the filters' maps along the last axis.",
)

convolution_layer.mistakes(
    "You left the bias out: every filter adds its own.",
    lambda image, kernel, bias: convolution_layer(image, kernel, 0 * bias),
    "You added the bias in every channel: it comes once, after the sum.",
    lambda image, kernel, bias: convolution_layer(image, kernel, image.shape[-1] * bias),
    "You used the first channel only: the sum runs over all of them.",
    lambda image, kernel, bias: convolution_layer(image[..., :1], kernel[..., :1, :], bias),
    "You took the mean over the channels: they are summed.",
    lambda image, kernel, bias: convolution_layer(image, kernel / image.shape[-1], bias),
    "You flipped the kernels: Keras slides them as they are.",
    lambda image, kernel, bias: convolution_layer(image, kernel[::-1, ::-1], bias),
    "You put the filters first: Keras keeps them last.",
    lambda image, kernel, bias: np.moveaxis(convolution_layer(image, kernel, bias), -1, 0),
    "You applied a ReLU: here the layer has no activation.",
    lambda image, kernel, bias: np.maximum(convolution_layer(image, kernel, bias), 0),
    "You padded the image: here the kernels stay inside ('valid').",
    lambda image, kernels, biases: convolution_layer(
        np.pad(image, ((1, 1), (1, 1), (0, 0))), kernels, biases
    ),
)


@convolution_layer.mistake("You averaged over the window: the products are summed.")
def _(image, kernel, bias):
    return (convolution_layer(image, kernel, bias) - bias) / kernel[..., 0].size + bias


@convolution_layer.mistake("You padded the image: without padding it shrinks.")
def _(image, kernel, bias):
    sizes = [size - 1 for size in kernel.shape[:2]]
    around = [(size // 2, size - size // 2) for size in sizes]
    return convolution_layer(np.pad(image, [*around, (0, 0)]), kernel, bias)


@convolution_layer.mistake("You wrote over the sum with every channel: add them up.")
def _(image, kernel, bias):
    return convolution_layer(image[..., -1:], kernel[:, :, -1:], bias)


@convolution_layer.mistake(
    "You moved on by the kernel's own size, as pooling does: the stride is 1."
)
def _(image, kernel, bias):
    return convolution_layer(image, kernel, bias)[:: len(kernel), :: kernel.shape[1]]


@convolution_layer.mistake(
    "You flattened window and kernel in different orders: height, width, channels in both."
)
def _(image, kernel, bias):
    windows = sliding_window_view(image, kernel.shape[:2], axis=(0, 1))
    flat = windows.reshape(*windows.shape[:2], -1)
    return flat @ kernel.reshape(flat.shape[-1], -1) + bias


# Convolution as a matrix -------------------------------------------------------------------------


@exercise(points=2)
def im2col(image, height, width):
    """Lay every window of an image out as a row, so that a convolution is one matrix product.

    Args:
        image: Shape ``(rows, columns)``.
        height: Rows of the window.
        width: Columns of the window.

    Returns:
        Shape ``(places, height · width)``. Places are read like text, from left to right and
        then downwards; so is each window.
    """
    return sliding_window_view(image, (height, width)).reshape(-1, height * width).copy()


@im2col.cases
def _(rng):
    yield np.arange(1.0, 13).reshape(3, 4), 2, 2
    yield rng.normal(size=(5, 6)), 2, 3
    yield rng.normal(size=(6, 4)), 3, 2


im2col.hints(
    "How many windows are there? That is the number of rows.",
    "`image[i:i + height, j:j + width].ravel()` is one of them.",
)


def laid_out(windows):
    """Return windows as rows, in the order in which they are given."""
    return windows.reshape(-1, windows.shape[2] * windows.shape[3]).copy()


im2col.mistakes(
    "You laid the windows out as columns: here each window is a row.",
    lambda image, height, width: im2col(image, height, width).T,
    "You cut the image into tiles: windows overlap, the next begins one pixel on.",
    lambda image, height, width: laid_out(
        sliding_window_view(image, (height, width))[::height, ::width]
    ),
    "You read each window downwards first: read it like text.",
    lambda image, height, width: laid_out(
        sliding_window_view(image, (height, width)).swapaxes(2, 3)
    ),
    "You walked over the image downwards first: walk over it like text.",
    lambda image, height, width: laid_out(
        sliding_window_view(image, (height, width)).swapaxes(0, 1)
    ),
    "You stopped one place early: windows also end at the last row and column.",
    lambda image, height, width: laid_out(sliding_window_view(image, (height, width))[:-1, :-1]),
)


@exercise(points=2)
def convolution_matrix(kernel, size):
    """Return the matrix M for which ``M @ signal`` slides the kernel, unflipped, over the signal.

    Args:
        kernel: Shape ``(width,)``.
        size: Length of the signal.

    Returns:
        Shape ``(size − width + 1, size)``.
    """
    positions = size - len(kernel) + 1
    matrix = np.zeros((positions, size))
    for position in range(positions):
        matrix[position, position : position + len(kernel)] = kernel
    return matrix


@convolution_matrix.cases
def _(rng):
    yield np.array([1.0, 2.0, 3.0]), 5
    yield rng.normal(size=2), 6
    yield rng.normal(size=4), 9


convolution_matrix.hints(
    "Row i of M times the signal is output i. Which numbers of the signal does it read?",
    "Everywhere else the row is zero. The next row is the same row, moved by one.",
)

convolution_matrix.mistakes(
    "You flipped the kernel: the lectures slide it as it is.",
    lambda kernel, size: convolution_matrix(kernel[::-1], size),
    "You transposed the matrix: a row stands for an output.",
    lambda kernel, size: convolution_matrix(kernel, size).T,
    "You let the kernel run round the end: it stops where it still fits.",
    lambda kernel, size: np.stack(
        [np.roll(np.pad(kernel, (0, size - len(kernel))), place) for place in range(size)]
    ),
    "You stopped one place early: the last row ends with the kernel.",
    lambda kernel, size: convolution_matrix(kernel, size)[:-1],
    "You padded ('same'): the matrix is only as tall as the kernel fits.",
    lambda kernel, size: convolution_matrix(kernel, size + len(kernel) - 1)[
        :, (len(kernel) - 1) // 2 :
    ][:, :size],
)


# Pooling -----------------------------------------------------------------------------------------


@exercise()
def max_pool(maps, size):
    """Keep the largest number of every window of each feature map; windows do not overlap.

    Args:
        maps: Shape ``(rows, columns, channels)``.
        size: Rows, and columns, of the window. What is left over at the far edges is dropped.

    Returns:
        Shape ``(rows // size, columns // size, channels)``.
    """
    windows = sliding_window_view(maps, (size, size), axis=(0, 1))
    return windows[::size, ::size].max(axis=(-2, -1))


@max_pool.cases
def _(rng):
    yield np.array([[3.0, -1, -3, -1], [-3, 1, 0, -3]])[..., None], 2
    yield rng.normal(size=(6, 6, 2)), 2
    yield rng.normal(size=(7, 8, 3)), 3
    yield -np.abs(rng.normal(size=(4, 5, 2))), 2


max_pool.hints(
    "Window (i, j) begins at (i · size, j · size).",
    "Every channel is pooled by itself: the maximum goes over two axes, not three.",
    "What if all numbers of a window are negative?",
)


max_pool.mistakes(
    "Your windows begin at (i, j): they begin at (i · size, j · size).",
    lambda maps, size: sliding_window_view(maps, (size, size), axis=(0, 1))[
        : len(maps) // size, : maps.shape[1] // size
    ].max(axis=(-2, -1)),
    "You reshaped to (rows, columns, size, size), which cuts no windows: a size goes with each.",
    lambda maps, size: (
        maps[: len(maps) // size * size, : maps.shape[1] // size * size]
        .reshape(len(maps) // size, maps.shape[1] // size, size, size, -1)
        .max(axis=(2, 3))
    ),
    "Your windows are one row and one column too small: a slice ends before its last number.",
    lambda maps, size: np.stack(
        [
            maps[i::size, j::size][: len(maps) // size, : maps.shape[1] // size]
            for i in range(size - 1)
            for j in range(size - 1)
        ]
    ).max(axis=0),
    "You pooled the rows only: a window has columns, too.",
    lambda maps, size: np.stack([maps[i::size][: len(maps) // size] for i in range(size)]).max(
        axis=0
    ),
    "You took the average: max pooling keeps the largest.",
    lambda maps, size: sliding_window_view(maps, (size, size), axis=(0, 1))[::size, ::size].mean(
        axis=(-2, -1)
    ),
    "You took the smallest: max pooling keeps the largest.",
    lambda maps, size: -max_pool(-maps, size),
    "Your windows overlap: they move by their own size, not by 1.",
    lambda maps, size: sliding_window_view(maps, (size, size), axis=(0, 1)).max(axis=(-2, -1)),
    "You pooled over the channels, too: every channel is pooled by itself.",
    lambda maps, size: max_pool(maps, size).max(axis=-1),
    "You started from 0: a window of negative numbers has a negative maximum.",
    lambda maps, size: np.maximum(max_pool(maps, size), 0),
    "You kept what was left over at the edges ('same'): here it is dropped ('valid').",
    lambda maps, size: max_pool(
        np.pad(maps, [*((0, -n % size) for n in maps.shape[:2]), (0, 0)], constant_values=-np.inf),
        size,
    ),
    "You kept the number of largest magnitude: the largest is kept, sign and all.",
    lambda maps, size: np.where(
        max_pool(maps, size) >= max_pool(-maps, size), max_pool(maps, size), -max_pool(-maps, size)
    ),
    "You kept the first number of each window: the largest is asked for.",
    lambda maps, size: maps[::size, ::size][
        : maps.shape[0] // size, : maps.shape[1] // size
    ].copy(),
    "You dropped what is left over at the near edges: the windows begin at the first row.",
    lambda maps, size: max_pool(maps[maps.shape[0] % size :, maps.shape[1] % size :], size),
    "You added each window up: max pooling keeps the largest.",
    lambda maps, size: sliding_window_view(maps, (size, size), axis=(0, 1))[::size, ::size].sum(
        axis=(-2, -1)
    ),
    "You took the largest of all channels: each channel is pooled by itself.",
    lambda maps, size: np.repeat(
        max_pool(maps, size).max(axis=2, keepdims=True), maps.shape[2], axis=2
    ),
)


# Backwards ---------------------------------------------------------------------------------------


def upstreams_images_and_kernels(rng):
    """Yield the gradient that arrives at the map, and what made the map; whole numbers first."""
    for image, kernel in images_and_kernels(rng):
        shape = cross_correlate(image, kernel).shape
        whole = rng.integers(-2, 3, size=shape).astype(float)
        yield whole if image.size < 20 else rng.normal(size=shape), image, kernel


@gradient_exercise(of=cross_correlate, wrt="kernel", points=3)
def kernel_gradient(upstream, image, kernel):
    """Return the loss's gradient for the kernel of `cross_correlate`.

    Args:
        upstream: The loss's gradient for the feature map, in the map's shape.
        image: Shape ``(rows, columns)``.
        kernel: Shape ``(height, width)``.

    Returns:
        The kernel's shape.
    """
    windows = sliding_window_view(image, upstream.shape)
    return np.einsum("mnij,ij->mn", windows, upstream)


kernel_gradient.cases(upstreams_images_and_kernels)

kernel_gradient.hints(
    "Write S(0, 0) as a sum. What is its derivative for K(m, n)?",
    "The same weight is used at every place (i, j): what comes back from all of them adds up.",
    "Σ I(i + m, j + n) · upstream(i, j): which operation of this chapter is that?",
)

kernel_gradient.mistakes(
    "You flipped the gradient from above: for the kernel, nothing is flipped.",
    lambda upstream, image, kernel: kernel_gradient(upstream[::-1, ::-1], image, kernel),
    "You took the mean over the places: what comes back adds up.",
    lambda upstream, image, kernel: kernel_gradient(upstream, image, kernel) / upstream.size,
    "You left the gradient from above out: the chain rule multiplies by it.",
    lambda upstream, image, kernel: kernel_gradient(np.ones_like(upstream), image, kernel),
    "You kept the last place's part (= for +=): the places' parts add up.",
    lambda upstream, image, kernel: (
        upstream[-1, -1] * image[-kernel.shape[0] :, -kernel.shape[1] :]
    ),
    "You multiplied by the kernel: a weight's derivative is what it read.",
    lambda upstream, image, kernel: upstream.sum() * kernel,
)


@gradient_exercise(of=cross_correlate, wrt="image", points=3)
def image_gradient(upstream, image, kernel):
    """Return the loss's gradient for the image of `cross_correlate`.

    Args:
        upstream: The loss's gradient for the feature map, in the map's shape.
        image: Shape ``(rows, columns)``.
        kernel: Shape ``(height, width)``.

    Returns:
        The image's shape.
    """
    height, width = kernel.shape
    gradient = np.zeros(image.shape)
    for i, j in np.ndindex(upstream.shape):
        gradient[i : i + height, j : j + width] += upstream[i, j] * kernel
    return gradient


image_gradient.cases(upstreams_images_and_kernels)

image_gradient.hints(
    "Which outputs did a pixel in the corner take part in? And one in the middle?",
    "Output (i, j) hands its gradient, times the kernel, back to the pixels of its window.",
    "Begin with zeros in the image's shape, and add where windows overlap.",
)

image_gradient.mistakes(
    "The kernel lies the wrong way round: laid back window by window it is as it was, so slid over "
    "the padded gradient it is turned by 180°.",
    lambda upstream, image, kernel: image_gradient(upstream, image, kernel[::-1, ::-1]),
    "You multiplied by the image: what arrives is multiplied by the kernel's weights alone.",
    lambda upstream, image, kernel: image_gradient(upstream, image, kernel) * image,
    "You gave the kernel's gradient: that for the image has the image's shape.",
    lambda upstream, image, kernel: kernel_gradient(upstream, image, kernel),
    "You took the mean over the kernel: what comes back from all places adds up.",
    lambda upstream, image, kernel: image_gradient(upstream, image, kernel) / kernel.size,
)


@image_gradient.mistake("You overwrote where windows overlap (= for +=): there, the parts add up.")
def _(upstream, image, kernel):
    height, width = kernel.shape
    gradient = np.zeros(image.shape)
    for i, j in np.ndindex(upstream.shape):
        gradient[i : i + height, j : j + width] = upstream[i, j] * kernel
    return gradient


image_gradient.mistakes(
    "You left the gradient from above out: the chain rule multiplies by it.",
    lambda upstream, image, kernel: image_gradient(np.ones_like(upstream), image, kernel),
)


@image_gradient.mistake("You gave the pixels back (= image): a pixel's derivative is its weight.")
def _(upstream, image, kernel):
    height, width = kernel.shape
    gradient = np.zeros(image.shape)
    for i, j in np.ndindex(upstream.shape):
        window = np.s_[i : i + height, j : j + width]
        gradient[window] += upstream[i, j] * image[window]
    return gradient


@gradient_exercise(of=max_pool, wrt="maps", points=2)
def max_pool_gradient(upstream, maps, size):
    """Return the loss's gradient for the feature maps that `max_pool` was given.

    Args:
        upstream: The loss's gradient for the pooled maps, ``(rows // size, columns // size,
            channels)``.
        maps: Shape ``(rows, columns, channels)``; no two numbers are equal.
        size: Rows, and columns, of the window.

    Returns:
        The maps' shape.
    """
    gradient = np.zeros(maps.shape)
    for i, j, channel in np.ndindex(upstream.shape):
        window = np.s_[i * size : (i + 1) * size, j * size : (j + 1) * size, channel]
        won = maps[window] == maps[window].max()
        gradient[window] = upstream[i, j, channel] * won
    return gradient


@max_pool_gradient.cases
def _(rng):
    yield np.array([[[2.0], [-3.0]]]), rng.permutation(np.arange(8.0)).reshape(2, 4, 1), 2
    yield rng.normal(size=(3, 2, 2)), rng.normal(size=(6, 5, 2)), 2
    yield rng.normal(size=(2, 2, 1)), rng.normal(size=(7, 6, 1)), 3
    yield rng.normal(size=(2, 2, 2)), -np.abs(rng.normal(size=(4, 5, 2))), 2


max_pool_gradient.hints(
    "Which pixels of a window can you change a little without changing its maximum?",
    "All of a window's gradient goes to the pixel that won; the others get 0.",
)

max_pool_gradient.mistakes(
    "You shared the gradient out: that is average pooling; the winner takes all.",
    lambda upstream, maps, size: _spread(upstream, maps, size) / size**2,
    "You gave every pixel the gradient: only the one that won moves the maximum.",
    lambda upstream, maps, size: _spread(upstream, maps, size),
    "You left the gradient from above out: the winner gets it, not a 1.",
    lambda upstream, maps, size: max_pool_gradient(np.ones_like(upstream), maps, size),
    "You multiplied by the pixel: a maximum's derivative for its winner is 1.",
    lambda upstream, maps, size: max_pool_gradient(upstream, maps, size) * maps,
    "You gave the smallest pixel the gradient: the largest one won.",
    lambda upstream, maps, size: max_pool_gradient(upstream, -maps, size),
    "You gave the numbers that won: what arrives goes back to their places.",
    lambda upstream, maps, size: max_pool_gradient(np.ones_like(upstream), maps, size) * maps,
    "You divided by the size of the window: its largest number gets all that arrives.",
    lambda upstream, maps, size: max_pool_gradient(upstream, maps, size) / size**2,
    "You left out windows whose largest number is negative: it gets all that arrives, too.",
    lambda upstream, maps, size: max_pool_gradient(upstream, maps, size) * (maps > 0),
    "You gave every winner all that arrives at the map: each gets what arrives at its window.",
    lambda upstream, maps, size: max_pool_gradient(
        np.full_like(upstream, upstream.sum()), maps, size
    ),
)


def _spread(upstream, maps, size):
    """Give every pixel of a window the window's gradient, and what was dropped nothing."""
    spread = upstream.repeat(size, axis=0).repeat(size, axis=1)
    (rows, columns, _), (height, width, _) = maps.shape, spread.shape
    return np.pad(spread, ((0, rows - height), (0, columns - width), (0, 0)))


# A network ---------------------------------------------------------------------------------------


@model_exercise(points=3)
def lenet5():
    """Build LeNet-5 as courses draw it today, in Keras, and return it uncompiled.

    Its layers are, for grey images of 28×28 pixels and ten classes:

        C1      6 kernels of 5×5, ReLU; the image is padded so that the maps have 28×28 places
        S2      max pooling, 2×2
        C3      16 kernels of 5×5, ReLU, no padding
        S4      max pooling, 2×2
        C5      120 kernels of 5×5, ReLU, no padding: each sees all that is left
        F6      84 fully connected units, ReLU (flatten the maps before)
        output  10 fully connected units, softmax

    Returns:
        A `keras.Model` from ``(28, 28, 1)`` to ten probabilities: 61,706 parameters.
    """
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu", name="C1"),
            layers.MaxPooling2D(2, name="S2"),
            layers.Conv2D(16, 5, activation="relu", name="C3"),
            layers.MaxPooling2D(2, name="S4"),
            layers.Conv2D(120, 5, activation="relu", name="C5"),
            layers.Flatten(name="flatten"),
            layers.Dense(84, activation="relu", name="F6"),
            layers.Dense(10, activation="softmax", name="output"),
        ]
    )


lenet5.hints(
    "Write the size of the maps beside each layer: 28, 14, 10, 5, 1.",
    "A 5×5 kernel takes four rows away. Which `padding` of `Conv2D` gives them back?",
    "`model.summary()` counts: C1 156, C3 2,416, C5 48,120, F6 10,164, output 850.",
)


def lenet5_with(
    *, c3="valid", kernel=5, activation="relu", pool="MaxPooling2D", step=2, output="softmax"
):
    """Return LeNet-5 with one thing done otherwise."""
    from keras import Input, Sequential, layers

    pooling = getattr(layers, pool)
    return Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(6, kernel, padding="same", activation=activation),
            pooling(2, strides=step),
            layers.Conv2D(16, kernel, padding=c3, activation=activation),
            pooling(2, strides=step),
            layers.Conv2D(120, 5, activation=activation),
            layers.Flatten(),
            layers.Dense(84, activation=activation),
            layers.Dense(10, activation=output),
        ]
    )


lenet5.mistakes(
    "You padded C3 ('same' for 'valid'): its maps have 10×10 places, not 14×14.",
    lambda: lenet5_with(c3="same"),
    "You left the softmax out: the outputs are scores, and ten probabilities are due.",
    lambda: lenet5_with(output=None),
)


@lenet5.mistake("You applied the softmax twice: the second flattens what the first has found.")
def _():
    from keras.layers import Softmax

    model = lenet5_with()
    model.add(Softmax())
    return model


lenet5.mistakes(
    "You put sigmoids at the output: ten classes exclude each other, so softmax.",
    lambda: lenet5_with(output="sigmoid"),
    "You pooled by the average: here S2 and S4 keep the maximum.",
    lambda: lenet5_with(pool="AveragePooling2D"),
    "Your pooling windows overlap: they move by their own size, 2.",
    lambda: lenet5_with(step=1),
    "You left the ReLUs out: C1, C3, C5 and F6 each end in one.",
    lambda: lenet5_with(activation=None),
    "You used tanh, as in 1998: here the activation is ReLU.",
    lambda: lenet5_with(activation="tanh"),
    "You used 3×3 kernels: those of C1 and C3 are 5×5.",
    lambda: lenet5_with(kernel=3),
)


@lenet5.mistake("You made C5 fully connected: as many weights, but no longer a convolution.")
def _():
    from keras import Input, Sequential, layers

    *front, _, flatten, F6, output = lenet5_with().layers
    C5 = layers.Dense(120, activation="relu")
    return Sequential([Input((28, 28, 1)), *front, flatten, C5, F6, output])
