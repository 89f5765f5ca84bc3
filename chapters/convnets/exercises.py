"""Exercises on convnets: choose the padding, count the weights, grant the maps, build the block."""

from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from companion.checking import exercise, model_exercise

# Counting ----------------------------------------------------------------------------------------


@exercise(points=2)
def same_padding(size, kernel, stride):
    """Return how many zeros padding 'same' puts before and after one axis of an image.

    'same' keeps the size at stride 1, and makes it the size divided by the stride, rounded up,
    at any other. It adds no more zeros than that takes. If their number is odd, the one to spare
    goes after the axis.

    Args:
        size: Length of the axis.
        kernel: Length of the kernel.
        stride: Places from one stand of the kernel to the next.

    Returns:
        Two whole numbers, zeros before and zeros after: (0, 1) for ``same_padding(16, 3, 2)``.
    """
    places = -(-size // stride)
    zeros = max((places - 1) * stride + kernel - size, 0)
    return zeros // 2, zeros - zeros // 2


@same_padding.cases
def _(rng):
    yield 16, 3, 2
    yield 28, 5, 1
    yield 10, 4, 1
    yield 9, 2, 3
    yield 7, 1, 2
    yield 11, 4, 3
    for _ in range(6):
        yield tuple(int(n) for n in rng.integers([6, 1, 1], [40, 8, 5]))


same_padding.hints(
    "First say how many places there shall be: the size over the stride, rounded up.",
    "Walk: from the first place to the last are places − 1 strides, and the kernel stands on "
    "`kernel` pixels there. How far does it reach past the image?",
    "It may not reach past the image at all. There is no negative padding.",
)


def halves(zeros):
    """Share zeros out among both sides; the one to spare goes after the axis."""
    return zeros // 2, zeros - zeros // 2


same_padding.mistakes(
    "You took half the kernel on both sides: right for odd kernels at stride 1.",
    lambda size, kernel, stride: (kernel // 2, kernel // 2),
    "You left the stride out: with larger steps fewer zeros may do.",
    lambda size, kernel, stride: halves(kernel - 1),
    "You put the zero to spare before the axis: it goes after it.",
    lambda size, kernel, stride: same_padding(size, kernel, stride)[::-1],
    "You kept the size at every stride: 'same' divides it by the stride.",
    lambda size, kernel, stride: halves((size - 1) * stride + kernel - size),
    "You rounded the number of places down: a started step counts as a place.",
    lambda size, kernel, stride: halves(max((size // stride - 1) * stride + kernel - size, 0)),
    "You let the padding become negative: where the last place ends within the image, it is 0.",
    lambda size, kernel, stride: halves((-(-size // stride) - 1) * stride + kernel - size),
    "You took (kernel − 1) // 2 on both sides: right for odd kernels at stride 1.",
    lambda size, kernel, stride: ((kernel - 1) // 2, (kernel - 1) // 2),
    "You put all zeros after the axis: they are shared out among both sides.",
    lambda size, kernel, stride: (0, sum(same_padding(size, kernel, stride))),
    "You lost the zero to spare: where their number is odd, it goes after the axis.",
    lambda size, kernel, stride: (same_padding(size, kernel, stride)[0],) * 2,
    "You rounded up on both sides: where the number is odd, only the side after has one more.",
    lambda size, kernel, stride: (same_padding(size, kernel, stride)[1],) * 2,
    "You put all zeros on both sides: they are shared out among them.",
    lambda size, kernel, stride: (sum(same_padding(size, kernel, stride)),) * 2,
)


@exercise(points=2)
def count_parameters(height, width, channels, convolutions, dense):
    """Return how many numbers a convnet learns.

    Each convolution keeps the size of its maps (padding 'same') and is followed by 2×2 max
    pooling with stride 2, which drops an odd row or column. The last maps are flattened. Every
    filter and every fully connected unit has a bias.

    Args:
        height: Rows of the image.
        width: Columns of the image.
        channels: Channels of the image.
        convolutions: A list of pairs, kernel side and filters, e.g. ``[(5, 6), (5, 16)]``.
        dense: A list of the widths of the fully connected layers, e.g. ``[120, 84, 10]``.

    Returns:
        A whole number: 107,786 for LeNet-5's numbers above on 28×28×1.
    """
    total = 0
    for kernel, filters in convolutions:
        total += filters * (kernel * kernel * channels + 1)
        height, width, channels = height // 2, width // 2, filters
    features = height * width * channels
    for units in dense:
        total += units * (features + 1)
        features = units
    return total


@count_parameters.cases
def _(rng):
    yield 4, 6, 2, [(3, 4)], [5]
    yield 28, 28, 1, [(5, 6), (5, 16)], [120, 84, 10]
    yield 9, 14, 3, [(3, 8), (5, 4)], [7, 3]
    for _ in range(3):
        sides = rng.choice([1, 3, 5], size=3).tolist()
        filters = rng.integers(2, 9, size=3).tolist()
        height, width, channels = (int(n) for n in rng.integers([8, 17, 2], [16, 30, 5]))
        dense = rng.integers(2, 20, size=2).tolist()
        yield height, width, channels, list(zip(sides, filters, strict=True)), dense


count_parameters.hints(
    "Keep four numbers on the way up: the total, and the height, width and channels of the maps.",
    "A filter has a weight for each pixel under it, in every channel below it, and one bias.",
    "The first fully connected layer reads height × width × channels of the last maps.",
)


def counted(
    height,
    width,
    channels,
    convolutions,
    dense,
    *,
    bias=1,
    halve=2,
    deep=True,
    flat=1,
    up=False,
    valid=False,
    last=1,
    each=False,
    once=False,
):
    """Count with one thing done otherwise."""
    total, first = 0, channels
    for kernel, filters in convolutions:
        below = channels if deep else first
        total += filters * (kernel * kernel * below + bias * (below if each else 1))
        height, width = (n - valid * (kernel - 1) for n in (height, width))
        if not once:
            height, width = ((n + up * (halve - 1)) // halve for n in (height, width))
        channels = filters
    if once:
        height, width = height // halve, width // halve
    features = height * width * (channels if flat else 1)
    for number, units in enumerate(dense):
        total += units * (features + (last if number == len(dense) - 1 else bias))
        features = units
    return total


count_parameters.mistakes(
    "You left the biases out: every filter and every unit has one.",
    partial(counted, bias=0, last=0),
    "You left the pooling out: it halves the maps before they are flattened.",
    partial(counted, halve=1),
    "You pooled once: a pooling follows every convolution.",
    partial(counted, once=True),
    "You gave every filter the image's channels: it reads all maps of the layer below.",
    partial(counted, deep=False),
    "You flattened one map only: all channels go into the first dense layer.",
    partial(counted, flat=0),
    "You rounded up when pooling: an odd row or column is dropped.",
    partial(counted, up=True),
    "You counted the convolutions only: the dense layers have weights and biases, too.",
    lambda height, width, channels, convolutions, dense: counted(
        height, width, channels, convolutions, []
    ),
    "You left out the biases of the output layer: every unit has one.",
    partial(counted, last=0),
    "You took what a kernel hangs over off at each convolution: padding 'same' keeps the size.",
    partial(counted, valid=True),
    "You gave every channel of a filter a bias: a filter has one in all.",
    partial(counted, each=True),
    "You left out the biases of the convolutions and the hidden layers: each unit has one.",
    partial(counted, bias=0),
)


# Layers ------------------------------------------------------------------------------------------


@exercise(points=3)
def table_convolution(maps, table, kernels, biases):
    """Compute a layer such as LeNet-5's C3: each new map reads only the maps its table grants it.

    Slide each kernel over its map unflipped, with stride 1 and no padding.

    Args:
        maps: Shape ``(rows, columns, S)``: the S maps below (six in LeNet-5).
        table: Shape ``(S, T)``: 1 where new map t reads map s, else 0 (table I of the paper).
        kernels: Shape ``(height, width, S, T)``: a kernel for every pair, granted or not.
        biases: Shape ``(T,)``: one for each new map.

    Returns:
        Shape ``(rows − height + 1, columns − width + 1, T)``.
    """
    windows = sliding_window_view(maps, kernels.shape[:2], axis=(0, 1))
    return np.einsum("ijshw,hwst,st->ijt", windows, kernels, table) + biases


@table_convolution.cases
def _(rng):
    yield (
        rng.integers(-3, 4, size=(2, 3, 2)).astype(float),
        np.array([[1, 0], [1, 1]]),
        rng.integers(-2, 3, size=(2, 2, 2, 2)).astype(float),
        np.array([10.0, -10.0]),
    )
    for rows, columns, sources, targets in ((5, 6, 3, 4), (7, 6, 6, 6)):
        table = rng.integers(0, 2, size=(sources, targets))
        table[0, 0], table[:2, -1], table[0, 1:] = 1, 0, 1
        yield (
            rng.normal(size=(rows, columns, sources)),
            table,
            rng.normal(size=(3, 2, sources, targets)),
            rng.normal(size=targets),
        )


table_convolution.hints(
    "For one new map: which maps below may it read? Slide a kernel of its own over each of them.",
    "Add up what those kernels answer, place by place; then add the map's bias, once.",
    "A kernel that is not granted might as well be zero: multiply the kernels by the table first.",
)

table_convolution.mistakes(
    "You let every map read every map: the table grants only some.",
    lambda maps, table, kernels, biases: table_convolution(
        maps, np.ones_like(table), kernels, biases
    ),
    "You turned the table round: 1 means that the map is read.",
    lambda maps, table, kernels, biases: table_convolution(maps, 1 - table, kernels, biases),
    "You left the biases out: every new map has one.",
    lambda maps, table, kernels, biases: table_convolution(maps, table, kernels, 0 * biases),
    "You added the bias once for every map that is read: once is enough.",
    lambda maps, table, kernels, biases: table_convolution(
        maps, table, kernels, biases * table.sum(0)
    ),
    "You averaged over the maps that are read: their answers are summed.",
    lambda maps, table, kernels, biases: table_convolution(
        maps, table / np.maximum(table.sum(0), 1), kernels, biases
    ),
    "You flipped the kernels: the layer slides them as they are.",
    lambda maps, table, kernels, biases: table_convolution(
        maps, table, kernels[::-1, ::-1], biases
    ),
)


@table_convolution.mistake("You wrote over the sum with every map that is read: add them up.")
def _(maps, table, kernels, biases):
    last = len(table) - 1 - table[::-1].argmax(axis=0)
    alone = table * (np.arange(len(table))[:, None] == last)
    return table_convolution(maps, alone, kernels, biases)


@table_convolution.mistake("You slid one kernel over all maps: every pair has one of its own.")
def _(maps, table, kernels, biases):
    first = np.repeat(kernels[:, :, :1], len(table), axis=2)
    return table_convolution(maps, table, first, biases)


@exercise()
def global_average_pooling(maps):
    """Return what is left of each map when all its places are averaged.

    Args:
        maps: Shape ``(batch, rows, columns, channels)``.

    Returns:
        Shape ``(batch, channels)``.
    """
    return maps.mean(axis=(1, 2))


@global_average_pooling.cases
def _(rng):
    yield rng.integers(0, 10, size=(1, 2, 2, 2)).astype(float)
    yield rng.normal(size=(3, 4, 5, 6))
    yield rng.normal(size=(3, 3, 3, 3))


global_average_pooling.hints(
    "Which two of the four axes say where in the image a number lies?",
    "`mean` takes a tuple of axes.",
)

global_average_pooling.mistakes(
    "You brought the channels to the front by a reshape, which mixes them with places: transpose.",
    lambda maps: maps.reshape(len(maps), maps.shape[-1], -1).mean(axis=-1),
    "You took the maximum: that is global max pooling.",
    lambda maps: maps.max(axis=(1, 2)),
    "You summed: divide by the number of places.",
    lambda maps: maps.sum(axis=(1, 2)),
    "You kept the axes of the image: (batch, channels) is asked for.",
    lambda maps: maps.mean(axis=(1, 2), keepdims=True),
    "You averaged over the channels: each of them keeps its number.",
    lambda maps: maps.mean(axis=(2, 3)),
    "You averaged over the batch as well: every image has its own.",
    lambda maps: maps.mean(axis=(0, 1, 2)),
    "You flattened the maps: one number is left of each, not all.",
    lambda maps: maps.reshape(len(maps), -1),
)


@exercise(points=2)
def class_activation_map(maps, weights, label):
    """Return where a class finds its evidence: its class activation map (Zhou et al., 2016).

    The network averages each of its K last maps and multiplies the averages by `weights`. The map
    is what that sum was at every place, before it was averaged.

    Args:
        maps: Shape ``(rows, columns, K)``: the last maps of one image.
        weights: Shape ``(K, classes)``: those of the output layer.
        label: The class, a whole number from 0.

    Returns:
        Shape ``(rows, columns)``; its mean is the score of the class, without the bias.
    """
    return maps @ weights[:, label]


@class_activation_map.cases
def _(rng):
    yield rng.integers(0, 5, size=(2, 2, 3)).astype(float), np.array([[1, -1], [0, 2], [2, 1]]), 1
    yield np.array([[[3.0, 1.0], [0.0, 2.0]]]), np.array([[-2.0, 1.0], [1.0, 0.0]]), 0
    yield rng.uniform(size=(7, 6, 4)), rng.normal(size=(4, 4)), 2
    yield rng.uniform(size=(4, 5, 8)), rng.normal(size=(8, 10)), 7


class_activation_map.hints(
    "The score is Σ_k w_k · mean(map k). Move the mean to the front of the sum.",
    "At each place: the K activations there, times the K weights of the class, summed.",
)


def _shares(scores):
    """Return the softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


class_activation_map.mistakes(
    "You took a softmax over the classes at every place: the map is made of scores.",
    lambda maps, weights, label: _shares(maps @ weights)[..., label],
    "You divided by the number of places: the map's mean, not its sum, is the score.",
    lambda maps, weights, label: maps @ weights[:, label] / (maps.shape[0] * maps.shape[1]),
    "You added the maps up unweighted: the class's weights decide.",
    lambda maps, weights, label: maps.sum(axis=-1),
    "You averaged the maps first: then no place is left to tell.",
    lambda maps, weights, label: maps.mean(axis=(0, 1)) @ weights[:, label],
    "You gave the maps of all classes: one is asked for.",
    lambda maps, weights, label: maps @ weights,
    "You cut off what is negative: evidence against the class counts.",
    lambda maps, weights, label: np.maximum(maps @ weights[:, label], 0),
    "You divided by the number of maps: the weights already weigh them.",
    lambda maps, weights, label: maps @ weights[:, label] / maps.shape[-1],
    "You multiplied by the maps' averages as well: the map is the sum before averaging.",
    lambda maps, weights, label: maps @ (weights[:, label] * maps.mean(axis=(0, 1))),
    "You scaled the map to 0 to 1: its mean is to be the score of the class.",
    lambda maps, weights, label: (
        (maps @ weights[:, label] - (maps @ weights[:, label]).min())
        / max(np.ptp(maps @ weights[:, label]), 1e-12)
    ),
    "You kept the largest of the weighted maps: they are summed.",
    lambda maps, weights, label: (maps * weights[:, label]).max(axis=-1),
    "You kept the weighted maps apart: at each place they are summed.",
    lambda maps, weights, label: maps * weights[:, label],
)


# Networks ----------------------------------------------------------------------------------------


@model_exercise(points=3)
def vgg_block(convolutions, filters):
    """Build one block of VGG as a model of its own, in Keras, and return it uncompiled.

    So many 3×3 convolutions, each with so many filters and a ReLU, none of which changes the size
    of the image; then 2×2 max pooling, which halves it.

    Args:
        convolutions: Number of convolutions.
        filters: Filters of each.

    Returns:
        A `keras.Model` from ``(16, 16, 3)`` to ``(8, 8, filters)``.
    """
    from keras import Input, Sequential, layers

    block = Sequential([Input((16, 16, 3))])
    for _ in range(convolutions):
        block.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
    block.add(layers.MaxPooling2D(2))
    return block


@vgg_block.cases
def _(rng):
    yield 2, 8
    yield 3, 4


vgg_block.hints(
    "`keras.Sequential` takes a list of layers; begin it with `keras.Input((16, 16, 3))`.",
    "A 3×3 kernel without padding takes two rows and two columns away. Which `padding` does not?",
    "The pooling comes once, after the last convolution.",
)


def block_with(convolutions, filters, *, kernel=3, padding="same", activation="relu", pool="Max"):
    """Return the block with one thing done otherwise."""
    from keras import Input, Sequential, layers

    block = Sequential([Input((16, 16, 3))])
    for _ in range(convolutions):
        block.add(layers.Conv2D(filters, kernel, padding=padding, activation=activation))
    if pool:
        block.add(getattr(layers, f"{pool}Pooling2D")(2))
    return block


vgg_block.mistakes(
    "You did not pad: every 3×3 kernel takes two rows away. Use padding 'same'.",
    lambda convolutions, filters: block_with(convolutions, filters, padding="valid"),
    "You left the ReLUs out: two convolutions without one between them are one.",
    lambda convolutions, filters: block_with(convolutions, filters, activation=None),
    "You left the pooling out: a block ends by halving the image.",
    lambda convolutions, filters: block_with(convolutions, filters, pool=None),
    "You pooled by the average: VGG keeps the maximum.",
    lambda convolutions, filters: block_with(convolutions, filters, pool="Average"),
    "You used 5×5 kernels: VGG's idea is to stack small ones, 3×3.",
    lambda convolutions, filters: block_with(convolutions, filters, kernel=5),
    "You built one convolution only: stack as many as `convolutions` says.",
    lambda convolutions, filters: block_with(1, filters),
)


@vgg_block.mistake("You pooled after every convolution: a block pools once, at its end.")
def _(convolutions, filters):
    from keras import Input, Sequential, layers

    block = Sequential([Input((16, 16, 3))])
    for _ in range(convolutions):
        block.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        block.add(layers.MaxPooling2D(2))
    return block


@vgg_block.mistake("You doubled the filters at each convolution: within a block they stay.")
def _(convolutions, filters):
    from keras import Input, Sequential, layers

    block = Sequential([Input((16, 16, 3))])
    for number in range(convolutions):
        block.add(layers.Conv2D(filters * 2**number, 3, padding="same", activation="relu"))
    block.add(layers.MaxPooling2D(2))
    return block
