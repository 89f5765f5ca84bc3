"""Exercises on gradients: what becomes of them on the way back, and what keeps their size."""

import numpy as np

from chapters.gradients.clinic_cases import CASES
from companion.checking import exercise, gradient_exercise, model_exercise

# ---- a product of slopes ------------------------------------------------------------------------


@exercise()
def sigmoid_chain(x, weights):
    """Return ∂a⁽ᴸ⁾/∂x of a chain of sigmoid units, one a layer: a⁽ˡ⁾ = σ(w⁽ˡ⁾ a⁽ˡ⁻¹⁾), a⁽⁰⁾ = x.

    Args:
        x: The input, a number.
        weights: w⁽¹⁾ to w⁽ᴸ⁾, of shape ``(layers,)``.

    Returns:
        The derivative, a number.
    """
    a, gradient = x, 1.0
    for w in weights:
        a = 1 / (1 + np.exp(-w * a))
        gradient *= w * a * (1 - a)
    return gradient


@sigmoid_chain.cases
def _(rng):
    yield 0.0, np.array([1.0, -2.0])
    for layers in (3, 6):
        yield float(rng.normal()), rng.uniform(1, 3, layers) * rng.choice([-1, 1], layers)


sigmoid_chain.hints(
    "The chain rule multiplies two factors a layer: the weight, and the slope of the sigmoid.",
    "σ′(z) = σ(z) (1 − σ(z)). It is largest at z = 0: ½ · ½ = ¼.",
    "Compute a forwards, and multiply the gradient by w · a · (1 − a) on the way.",
)


def _chain(x, weights, factor):
    """Multiply one factor a layer, a function of the weight, the input and the output."""
    a, gradient = x, 1.0
    for w in weights:
        given, a = a, 1 / (1 + np.exp(-w * a))
        gradient *= factor(w, given, a)
    return gradient


sigmoid_chain.mistakes(
    "You took a sigmoid's slope to be ½ at most: σ′ = σ (1 − σ), without a factor 2, and ≤ ¼.",
    lambda x, weights: _chain(x, weights, lambda w, given, a: 2 * w * a * (1 - a)),
    "You took every slope to be ¼: that is the largest; it depends on where the unit is.",
    lambda x, weights: _chain(x, weights, lambda w, given, a: w / 4),
    "You took a for the slope: σ′ is a (1 − a).",
    lambda x, weights: _chain(x, weights, lambda w, given, a: w * a),
    "You put a into σ′, which wants z: with a at hand, the slope is a (1 − a).",
    lambda x, weights: _chain(
        x, weights, lambda w, given, a: w / (1 + np.exp(-a)) / (1 + np.exp(a))
    ),
    "You took the slope at what comes in, not at the unit's own answer: a (1 − a) with the new a.",
    lambda x, weights: _chain(x, weights, lambda w, given, a: w * given * (1 - given)),
    "You left the weights out: ∂(w a)/∂a is w, once a layer.",
    lambda x, weights: _chain(x, weights, lambda w, given, a: a * (1 - a)),
    "You left the slopes out: each sigmoid multiplies by a (1 − a).",
    lambda x, weights: float(np.prod(weights)),
    "You lost the signs: a negative weight turns the gradient round.",
    lambda x, weights: abs(sigmoid_chain(x, weights)),
    "You took tanh's slope, 1 − a²: a sigmoid's is a (1 − a).",
    lambda x, weights: _chain(x, weights, lambda w, given, a: w * (1 - a**2)),
)


# ---- initialization -----------------------------------------------------------------------------


@exercise()
def initial_variance(shape, activation):
    """Return the variance of a kernel's first values: He's for ReLU, Glorot's for all else.

    Args:
        shape: ``(inputs, units)``, or ``(height, width, channels, filters)`` of a convolution.
        activation: What stands behind the layer: ``"relu"``, or ``"tanh"``, ``"sigmoid"``, ….

    Returns:
        Var(w), a number.
    """
    *window, channels, filters = shape
    positions = int(np.prod(window))
    fan_in, fan_out = positions * channels, positions * filters
    return 2 / fan_in if activation == "relu" else 2 / (fan_in + fan_out)


@initial_variance.cases
def _(rng):
    yield [100, 300], "relu"
    yield [100, 300], "tanh"
    yield [3, 3, *rng.integers(4, 40, 2).tolist()], "relu"
    yield [5, 3, *rng.integers(4, 40, 2).tolist()], "sigmoid"


initial_variance.hints(
    "How many products does a unit add up? That is fan in. How many units does an input feed?",
    "In a convolution, every place of the window counts: 3 × 3 × channels products.",
    "Glorot: 2 / (fan in + fan out). He: 2 / fan in.",
)


def _variance(shape, activation, *, window=True, he=None, glorot=None):
    """Return the variance with one thing done otherwise."""
    *kernel, channels, filters = shape
    size = int(np.prod(kernel)) if window else 1
    fan_in, fan_out = size * channels, size * filters
    if activation == "relu":
        return (he or (lambda i, o: 2 / i))(fan_in, fan_out)
    return (glorot or (lambda i, o: 2 / (i + o)))(fan_in, fan_out)


initial_variance.mistakes(
    "You gave He's standard deviation, √(2 / fan in): the variance is asked for.",
    lambda shape, activation: _variance(shape, activation, he=lambda i, o: np.sqrt(2 / i)),
    "You gave standard deviations: variances are asked for, so take no root.",
    lambda shape, activation: np.sqrt(initial_variance(shape, activation)),
    "You took fan out for fan in in He's: a unit adds up fan in products.",
    lambda shape, activation: _variance(shape, activation, he=lambda i, o: 2 / o),
    "You took Glorot's for ReLU: it does not make up for the half that ReLU sets to 0.",
    lambda shape, activation: _variance(shape, activation, he=lambda i, o: 2 / (i + o)),
    "You took 1 / fan in for ReLU: half of the sums are set to 0, so He's has a 2.",
    lambda shape, activation: _variance(shape, activation, he=lambda i, o: 1 / i),
    "You took He's for every activation: its 2 is for ReLU.",
    lambda shape, activation: _variance(shape, "relu"),
    "You took 1 / (fan in + fan out): Glorot's is the inverse of their mean, with a 2.",
    lambda shape, activation: _variance(shape, activation, glorot=lambda i, o: 1 / (i + o)),
    "You left the window out: a 3×3 convolution adds up nine times as many products.",
    lambda shape, activation: _variance(shape, activation, window=False),
    "You gave the bound of a uniform distribution: its variance is a third of the bound's square.",
    lambda shape, activation: np.sqrt(3 * initial_variance(shape, activation)),
    "You gave the square of a uniform draw's limit: its variance is a third of that.",
    lambda shape, activation: 3 * initial_variance(shape, activation),
    "You exchanged He and Glorot: He's is for ReLU.",
    lambda shape, activation: initial_variance(shape, "tanh" if activation == "relu" else "relu"),
)


# ---- units that do not learn --------------------------------------------------------------------


@exercise()
def dead_share(batches):
    """Return the share of a ReLU layer's units that are dead: 0 for every example of a data set.

    In a convolution's maps, a unit is a map: it is dead if it is 0 at every place, too.

    Args:
        batches: A list of arrays of shape ``(examples, units)``, or ``(examples, rows, columns,
            maps)``: what the layer gave out, ReLU included.

    Returns:
        A number from 0 to 1.
    """
    alive = [(batch > 0).reshape(-1, batch.shape[-1]).any(axis=0) for batch in batches]
    return float(1 - np.any(alive, axis=0).mean())


@dead_share.cases
def _(rng):
    yield [np.array([[0.0, 2.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0, 3.0]])]
    for shape in ((6, 20), (2, 2, 3, 20)):
        # A unit's share of answers above 0 lies between rare and usual; some have none.
        batches = [np.maximum(rng.normal(np.linspace(-2.2, 1, 20), 1, shape), 0) for _ in range(3)]
        for batch in batches:
            batch[..., :5] = 0
        yield batches


dead_share.hints(
    "A unit is alive if it answers one example of one batch. Which axes do you look along?",
    "`(batch > 0).any(axis=…)` for each batch; then, over the batches, any again.",
    "The share is over units, not over answers.",
)


def _alive(batch):
    return (batch > 0).reshape(-1, batch.shape[-1])


dead_share.mistakes(
    "You called a unit dead from one example: look at all of them.",
    lambda batches: float(1 - (batches[0][0] > 0).reshape(-1, batches[0].shape[-1]).any(0).mean()),
    "You looked at the first batch alone: the data set has more.",
    lambda batches: float(1 - _alive(batches[0]).any(0).mean()),
    "You looked at the last batch alone: a unit may be alive in an earlier one.",
    lambda batches: float(1 - _alive(batches[-1]).any(0).mean()),
    "You averaged the shares of the batches: a unit is dead if it is 0 in all of them.",
    lambda batches: float(np.mean([1 - _alive(batch).any(0).mean() for batch in batches])),
    "You counted answers of 0, not units: live units are at 0 for some examples.",
    lambda batches: float(1 - np.concatenate([_alive(batch) for batch in batches]).mean()),
    "You called a unit dead if it is 0 for any example: it has to be for every one.",
    lambda batches: float(1 - np.concatenate([_alive(batch) for batch in batches]).all(0).mean()),
    "You gave the share of units that are alive.",
    lambda batches: 1 - dead_share(batches),
    "You gave the number of dead units: the share is asked for.",
    lambda batches: dead_share(batches) * batches[0].shape[-1],
    "You took a unit for every place of a map: a map has one kernel, and is one unit.",
    lambda batches: float(1 - np.any([(batch > 0).any(0) for batch in batches], axis=0).mean()),
)


# ---- clipping -----------------------------------------------------------------------------------


@exercise()
def clip_by_global_norm(gradients, limit):
    """Shorten all gradients by one factor, so that their common norm is `limit` at most.

    Args:
        gradients: A list of arrays, one for each weight of the network.
        limit: The greatest norm of all entries together.

    Returns:
        A list of arrays of the same shapes.
    """
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    return [gradient * min(1, limit / norm) for gradient in gradients]


@clip_by_global_norm.cases
def _(rng):
    yield [np.array([3.0, 4.0]), np.array([12.0])], 1.3
    for limit in (0.7, 2.0):
        yield [rng.normal(size=(3, 4)), 0.1 * rng.normal(size=4), rng.normal(size=(4, 2))], limit
    yield [0.01 * rng.normal(size=(2, 3)), np.array([0.05, -0.02])], 1.0


clip_by_global_norm.hints(
    "Lay all arrays out as one long vector. How long is it?",
    "The norm is the root of the sum of all squares, of all arrays.",
    "One factor for all, limit / norm, and only where the norm is above the limit.",
)


def _scaled(gradients, factor_of):
    """Scale each array by a factor of its own."""
    return [gradient * factor_of(gradient) for gradient in gradients]


clip_by_global_norm.mistakes(
    "You gave the gradients back as they came: where they are too long, they are shortened.",
    lambda gradients, limit: [gradient.copy() for gradient in gradients],
    "You clipped by value: that cuts single entries, and the direction changes.",
    lambda gradients, limit: [np.clip(gradient, -limit, limit) for gradient in gradients],
    "You clipped each array by its own norm: one factor for all keeps their proportions.",
    lambda gradients, limit: _scaled(gradients, lambda g: min(1, limit / np.linalg.norm(g))),
    "You scaled short gradients up: what is below the limit stays as it is.",
    lambda gradients, limit: _scaled(
        gradients, lambda g: limit / np.sqrt(sum((one**2).sum() for one in gradients))
    ),
    "You took the sum of squares for the norm: the norm is its root.",
    lambda gradients, limit: _scaled(
        gradients, lambda g: min(1, limit / sum((one**2).sum() for one in gradients))
    ),
    "You added the arrays' norms up: add their squares, then take the root.",
    lambda gradients, limit: _scaled(
        gradients, lambda g: min(1, limit / sum(map(np.linalg.norm, gradients)))
    ),
    "You took the largest of the arrays' norms: all entries count together.",
    lambda gradients, limit: _scaled(
        gradients, lambda g: min(1, limit / max(map(np.linalg.norm, gradients)))
    ),
    "You divided by the norm and forgot the limit: it is what is left of the length.",
    lambda gradients, limit: _scaled(
        gradients, lambda g: min(1, 1 / np.sqrt(sum((one**2).sum() for one in gradients)))
    ),
    "You took the mean of the squares: a norm is the root of their sum.",
    lambda gradients, limit: _scaled(
        gradients,
        lambda g: min(
            1, limit / np.sqrt(np.mean(np.concatenate([one.ravel() for one in gradients]) ** 2))
        ),
    ),
    "You took the mean of the arrays' norms: all entries count together.",
    lambda gradients, limit: _scaled(
        gradients, lambda g: min(1, limit / np.mean([np.linalg.norm(one) for one in gradients]))
    ),
    "You threw long gradients away: shorten them, their direction is worth keeping.",
    lambda gradients, limit: _scaled(
        gradients, lambda g: float(np.sqrt(sum((one**2).sum() for one in gradients)) <= limit)
    ),
    "You turned the factor over: it is limit / norm.",
    lambda gradients, limit: _scaled(
        gradients, lambda g: max(1, np.sqrt(sum((one**2).sum() for one in gradients)) / limit)
    ),
)


# ---- residual blocks ----------------------------------------------------------------------------


def residual_block(x, first, second):
    """Return relu(x + relu(x W₁) W₂)."""
    return np.maximum(x + np.maximum(x @ first, 0) @ second, 0)


@gradient_exercise(of=residual_block, points=2)
def residual_block_backward(upstream, x, first, second):
    """Return the gradients of a residual block, y = relu(x + relu(x W₁) W₂).

    Args:
        upstream: ∂E/∂y, of shape ``(examples, units)``.
        x: Of shape ``(examples, units)``.
        first: W₁, of shape ``(units, hidden)``.
        second: W₂, of shape ``(hidden, units)``.

    Returns:
        ∂E/∂x, ∂E/∂W₁ and ∂E/∂W₂.
    """
    hidden = np.maximum(x @ first, 0)
    to_sum = upstream * (x + hidden @ second > 0)
    delta = to_sum @ second.T * (hidden > 0)
    return to_sum + delta @ first.T, x.T @ delta, hidden.T @ to_sum


@residual_block_backward.cases
def _(rng):
    yield (
        np.array([[1.0, 2.0]]),
        np.array([[1.0, 3.0]]),
        np.array([[1.0, -1.0], [1.0, 1.0]]),
        np.array([[0.5, -2.0], [1.0, 0.5]]),
    )
    for examples, units, hidden in ((3, 4, 5), (4, 3, 3)):
        shapes = ((examples, units), (examples, units), (units, hidden), (hidden, units))
        yield tuple(rng.normal(size=shape) for shape in shapes)


residual_block_backward.hints(
    "Go back from the end: through the last ReLU to the sum, and from the sum on two ways.",
    "A sum passes its gradient on to both summands, as it is.",
    "∂E/∂x has two parts: what came past the weights, and what came through them.",
)


def _backward(upstream, x, first, second, *, last=True, inner=True, past=1.0, late=False):
    """Return the gradients with one thing done otherwise."""
    hidden = np.maximum(x @ first, 0)
    to_sum = upstream * (x + hidden @ second > 0) if last else upstream
    delta = to_sum @ second.T
    delta = delta * (hidden > 0) if inner else delta
    beside = upstream if late else to_sum
    return past * beside + delta @ first.T, x.T @ delta, hidden.T @ to_sum


residual_block_backward.mistakes(
    "You left the shortcut out of ∂E/∂x: the sum sends its gradient to x as well, unchanged.",
    lambda upstream, x, first, second: _backward(upstream, x, first, second, past=0.0),
    "You left the last ReLU out: where its sum is below 0, no gradient comes back.",
    lambda upstream, x, first, second: _backward(upstream, x, first, second, last=False),
    "You sent the gradient past the last ReLU on the shortcut: the addition stands before it.",
    lambda upstream, x, first, second: _backward(upstream, x, first, second, late=True),
    "You left the inner ReLU out: a hidden unit at 0 passes no gradient on.",
    lambda upstream, x, first, second: _backward(upstream, x, first, second, inner=False),
    "You counted the shortcut twice: x is one of two summands.",
    lambda upstream, x, first, second: _backward(upstream, x, first, second, past=2.0),
    "You divided by the number of examples: the mean is the loss's business, and is in ∂E/∂y.",
    lambda upstream, x, first, second: tuple(
        one / len(x) for one in residual_block_backward(upstream, x, first, second)
    ),
)


@residual_block_backward.mistake(
    "You gave back what the shortcut carries alone: the way through the weights counts, too."
)
def _(upstream, x, first, second):
    _, to_first, to_second = residual_block_backward(upstream, x, first, second)
    hidden = np.maximum(x @ first, 0)
    return upstream * (x + hidden @ second > 0), to_first, to_second


@residual_block_backward.mistake(
    "You fed W₁'s gradient with the hidden layer: ∂E/∂W₁ = xᵀ δ, with the block's input."
)
def _(upstream, x, first, second):
    to_x, _, to_second = residual_block_backward(upstream, x, first, second)
    hidden = np.maximum(x @ first, 0)
    delta = upstream * (x + hidden @ second > 0) @ second.T * (hidden > 0)
    return to_x, hidden.T @ delta, to_second


@residual_block_backward.mistake(
    "You took the last ReLU's mask from the branch alone: it sees the sum, with x."
)
def _(upstream, x, first, second):
    hidden = np.maximum(x @ first, 0)
    to_sum = upstream * (hidden @ second > 0)
    delta = to_sum @ second.T * (hidden > 0)
    return to_sum + delta @ first.T, x.T @ delta, hidden.T @ to_sum


@residual_block_backward.mistake(
    "You fed W₂'s gradient with the sums before the inner ReLU: what leaves it is multiplied by W₂."
)
def _(upstream, x, first, second):
    sums = x @ first
    to_sum = upstream * (x + np.maximum(sums, 0) @ second > 0)
    delta = to_sum @ second.T * (sums > 0)
    return to_sum + delta @ first.T, x.T @ delta, sums.T @ to_sum


@residual_block_backward.mistake(
    "You left the inner ReLU out of ∂E/∂W₁: a hidden unit at 0 passes no gradient on."
)
def _(upstream, x, first, second):
    hidden = np.maximum(x @ first, 0)
    to_sum = upstream * (x + hidden @ second > 0)
    back = to_sum @ second.T
    return to_sum + (back * (hidden > 0)) @ first.T, x.T @ back, hidden.T @ to_sum


@exercise()
def bottleneck_parameters(channels, width, stride):
    """Count what a bottleneck block of ResNet-50 learns.

    Three convolutions without biases: 1×1 with `width` filters, 3×3 with `width`, 1×1 with four
    times `width`. A batch normalization stands behind each. Where the block changes the shape of
    its input, a 1×1 convolution in the shortcut, normalized as well, changes it likewise.

    Args:
        channels: Maps that come in.
        width: Filters of the first convolution.
        stride: 1, or 2 to halve the maps.

    Returns:
        The number of trainable parameters.
    """
    weights = channels * width + 9 * width * width + width * 4 * width
    normalizations = 2 * (width + width + 4 * width)
    if stride == 1 and channels == 4 * width:
        return weights + normalizations
    return weights + normalizations + channels * 4 * width + 2 * 4 * width


@bottleneck_parameters.cases
def _(rng):
    yield 256, 64, 1
    yield 64, 64, 1
    yield 256, 128, 2
    width = int(rng.integers(8, 64))
    yield 4 * width, width, 2


bottleneck_parameters.hints(
    "A k×k convolution from C maps to F has k · k · C · F weights.",
    "A normalization learns γ and β for each map; its moving averages are not learned.",
    "Does the output have the shape of the input? If not, count the shortcut's convolution.",
)


def _bottleneck(channels, width, stride, *, learned=2, wide=4, kernel=9, biases=0, project=None):
    """Count with one thing done otherwise; `project` says what a shortcut counts, and when."""
    weights = channels * width + kernel * width * width + width * wide * width
    others = (learned + biases) * (2 + wide) * width
    if project is not None:
        return weights + others + project
    if stride == 1 and channels == 4 * width:
        return weights + others
    return weights + others + channels * wide * width + (learned + biases) * wide * width


bottleneck_parameters.mistakes(
    "You gave the last convolution `width` filters: it widens to four times as many.",
    lambda channels, width, stride: (
        channels * width
        + 10 * width * width
        + 6 * width
        + (0 if stride == 1 and channels == width else channels * width + 2 * width)
    ),
    "You left the shortcut's convolution out: where the shape changes, x has to be projected.",
    lambda channels, width, stride: _bottleneck(channels, width, stride, project=0),
    "You projected where the shapes agree: there, the shortcut is x itself.",
    lambda channels, width, stride: _bottleneck(
        channels, width, stride, project=channels * 4 * width + 8 * width
    ),
    "You left the normalization of the shortcut out: as published, the projection has one.",
    lambda channels, width, stride: (
        bottleneck_parameters(channels, width, stride)
        - (0 if stride == 1 and channels == 4 * width else 8 * width)
    ),
    "You projected at stride 2 only: more maps than came in ask for it, too.",
    lambda channels, width, stride: _bottleneck(
        channels, width, stride, project=(stride > 1) * (channels * 4 * width + 8 * width)
    ),
    "You projected where the number of maps changes only: a stride changes the shape, too.",
    lambda channels, width, stride: _bottleneck(
        channels,
        width,
        stride,
        project=(channels != 4 * width) * (channels * 4 * width + 8 * width),
    ),
    "You left the normalizations out: each learns γ and β for every map.",
    lambda channels, width, stride: _bottleneck(channels, width, stride, learned=0),
    "You counted the moving averages: they are kept, not learned.",
    lambda channels, width, stride: _bottleneck(channels, width, stride, learned=4),
    "You counted biases: a normalization follows, whose β does their work.",
    lambda channels, width, stride: _bottleneck(channels, width, stride, biases=1),
    "You ended with `width` maps: the last convolution has four times as many.",
    lambda channels, width, stride: _bottleneck(channels, width, stride, wide=1),
    "You counted the 3×3 kernels as 1×1: each has nine weights for each map.",
    lambda channels, width, stride: _bottleneck(channels, width, stride, kernel=1),
    "You counted biases of the three convolutions: a normalization's β does their work.",
    lambda channels, width, stride: bottleneck_parameters(channels, width, stride) + 6 * width,
    "You counted three weights for a 3×3 kernel: it has nine for each map.",
    lambda channels, width, stride: _bottleneck(channels, width, stride, kernel=3),
    "You ended the three convolutions with `width` maps: the last has four times as many.",
    lambda channels, width, stride: (
        bottleneck_parameters(channels, width, stride) - 3 * width * width - 6 * width
    ),
)


@bottleneck_parameters.mistake("You took the shortcut's convolution for 3×3: it is 1×1.")
def _(channels, width, stride):
    projected = stride == 2 or channels != 4 * width
    more = 8 * channels * 4 * width
    return bottleneck_parameters(channels, width, stride) + projected * more


@model_exercise(points=2)
def basic_block(filters, stride):
    """Build a basic residual block as first published, in Keras, and return it uncompiled.

    Two 3×3 convolutions that pad "same" and have no biases, the first with the stride, a
    `BatchNormalization` behind each, and ReLU behind the first normalization and behind the
    addition. Where the block changes the shape of its input, a 1×1 convolution with the stride and
    without biases, and a `BatchNormalization`, stand in the shortcut.

    Args:
        filters: Filters of both convolutions.
        stride: Stride of the first.

    Returns:
        A `keras.Model` from ``(8, 8, 8)`` to ``(8 / stride, 8 / stride, filters)``.
    """
    from keras import Input, Model, layers

    x = images = Input((8, 8, 8))
    y = layers.Conv2D(filters, 3, stride, "same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    if stride > 1 or filters != 8:
        x = layers.Conv2D(filters, 1, stride, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
    return Model(images, layers.ReLU()(layers.Add()([y, x])))


@basic_block.cases
def _(rng):
    yield 8, 1
    yield 12, 2


basic_block.hints(
    "Keep the block's input in a variable: the addition needs it at the end.",
    "`keras.layers.Add()([y, x])` wants two tensors of one shape.",
    "The order at the end: normalization, addition, ReLU.",
)


def _block(
    filters,
    stride,
    *,
    end="add relu",
    shortcut=True,
    project="norm",
    project_stride=None,
    inner="norm relu",
    bias=False,
    strides=(1, 0),
):
    """Return the block with one thing done otherwise."""
    from keras import Input, Model, layers

    def convolve(x, kernel, step):
        return layers.Conv2D(filters, kernel, step, "same", use_bias=bias)(x)

    x = images = Input((8, 8, 8))
    y = convolve(x, 3, stride if strides[0] else 1)
    if inner == "relu norm":
        y = layers.BatchNormalization()(layers.ReLU()(y))
    else:
        y = layers.BatchNormalization()(y)
        y = layers.ReLU()(y) if inner == "norm relu" else y
    y = convolve(y, 3, stride if strides[1] else 1)
    if end != "add norm relu":
        y = layers.BatchNormalization()(y)
    if end == "relu add":
        y = layers.ReLU()(y)
    if shortcut:
        if stride > 1 or filters != 8 or project == "always":
            x = layers.Conv2D(filters, 1, project_stride or stride, use_bias=bias)(x)
            if project_stride:
                x = layers.MaxPooling2D(stride)(x)
            x = x if project == "bare" else layers.BatchNormalization()(x)
            x = layers.ReLU()(x) if project == "relu" else x
        y = layers.Add()([y, x])
    if end == "add norm relu":
        y = layers.BatchNormalization()(y)
    return Model(images, y if end in ("relu add", "add") else layers.ReLU()(y))


basic_block.mistakes(
    "You put the last ReLU before the addition: then a block can only ever add. It stands behind.",
    lambda filters, stride: _block(filters, stride, end="relu add"),
    "You left the ReLU behind the addition out.",
    lambda filters, stride: _block(filters, stride, end="add"),
    "You normalized the sum: the second normalization belongs to the second convolution.",
    lambda filters, stride: _block(filters, stride, end="add norm relu"),
    "You built a plain block: without the addition there is no shortcut.",
    lambda filters, stride: _block(filters, stride, shortcut=False),
    "You left the normalization of the projection out: as published, it has one.",
    lambda filters, stride: _block(filters, stride, project="bare"),
    "You projected where the shapes agree: there, x itself is added.",
    lambda filters, stride: _block(filters, stride, project="always"),
    "You put a ReLU behind the projection: the shortcut is linear.",
    lambda filters, stride: _block(filters, stride, project="relu"),
    "You projected without the stride: it has to skip as the first convolution does.",
    lambda filters, stride: _block(filters, stride, project_stride=1),
    "You left the ReLU between the convolutions out: two of them in a row are one.",
    lambda filters, stride: _block(filters, stride, inner="norm"),
    "You put the inner ReLU before its normalization: it stands behind.",
    lambda filters, stride: _block(filters, stride, inner="relu norm"),
    "You gave the convolutions biases: the normalization behind them takes them away.",
    lambda filters, stride: _block(filters, stride, bias=True),
    "You gave the stride to the second convolution: the first has it.",
    lambda filters, stride: _block(filters, stride, strides=(0, 1)),
)


@model_exercise(points=2)
def preactivation_block(filters):
    """Build a residual block with pre-activation, in Keras, and return it uncompiled.

    Twice `BatchNormalization`, ReLU and a 3×3 convolution that pads "same" and has no biases; then
    the block's input is added, and nothing follows.

    Args:
        filters: Filters of both convolutions, and maps of the input.

    Returns:
        A `keras.Model` from ``(8, 8, filters)`` to the same shape.
    """
    from keras import Input, Model, layers

    x = y = Input((8, 8, filters))
    for _ in range(2):
        y = layers.BatchNormalization()(y)
        y = layers.ReLU()(y)
        y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    return Model(x, layers.Add()([y, x]))


@preactivation_block.cases
def _(rng):
    yield 4
    yield 6


preactivation_block.hints(
    "The shortcut begins before the first normalization.",
    "Within the block: normalize, ReLU, convolve, and once more.",
)


def _preactivation(filters, *, order="norm relu conv", past="input", end=""):
    """Return the block with its parts in another order, or another shortcut."""
    from keras import Input, Model, layers

    parts = {
        "norm": layers.BatchNormalization,
        "relu": layers.ReLU,
        "conv": lambda: layers.Conv2D(filters, 3, padding="same", use_bias=False),
    }
    x = y = images = Input((8, 8, filters))
    for number in range(2):
        for part in order.split():
            y = parts[part]()(y)
            if number == 0 and part == past:
                x = y
    y = layers.Add()([y, x]) if past else y
    for part in end.split():
        y = parts[part]()(y)
    return Model(images, y)


preactivation_block.mistakes(
    "You began the shortcut behind the first ReLU: x itself goes past, untouched.",
    lambda filters: _preactivation(filters, past="relu"),
    "You began the shortcut behind the first normalization: x itself goes past, untouched.",
    lambda filters: _preactivation(filters, past="norm"),
    "You put a ReLU behind the addition: what goes past must stay as it is.",
    lambda filters: _preactivation(filters, end="relu"),
    "You put normalization and ReLU behind each convolution: here they stand before it.",
    lambda filters: _preactivation(filters, order="conv norm relu"),
    "You put ReLU before the normalization: normalize, then ReLU.",
    lambda filters: _preactivation(filters, order="relu norm conv"),
    "You left the ReLUs out: two convolutions without one between them are one.",
    lambda filters: _preactivation(filters, order="norm conv"),
    "You left the normalizations out.",
    lambda filters: _preactivation(filters, order="relu conv"),
    "You left the addition out: it is what makes the block residual.",
    lambda filters: _preactivation(filters, past=""),
)


# ---- the clinic ---------------------------------------------------------------------------------


@exercise(points=4)
def name_the_fault(case):
    """Name what is wrong with a run of the clinic.

    Args:
        case: The number of a case of the page, from 1 to 16; 0 is a run that nobody broke.

    Returns:
        The fault as one of the case's suspects is called, in small letters, e.g.
        ``"overfitting"``; ``"nothing"`` for case 0.
    """
    faults = [
        "nothing",
        "rate too high",
        "softmax twice",
        "vanishing gradients",
        "wrong labels",
        "inputs out of range",
        "frozen layers",
        "overfitting",
        "dead units",
        "sorted batches",
        "leak",
        "rate too low",
        "classes missing",
        "saturated units",
        "batch statistics at inference",
        "weights alike",
        "probabilities taken for logits",
    ]
    return faults[case]


@name_the_fault.cases
def _(rng):
    yield 0
    yield from (int(number) for number in 1 + rng.permutation(len(CASES)))


@name_the_fault.why
def _(case, received):
    if not case or not isinstance(received, str):
        return None
    against = CASES[case - 1].near.get(received.strip().lower())
    return against and f"Case {case} is not {received!r}. {against}"


name_the_fault.hints(
    "Look in the clinic's order: the data, the setting, the start, and only then the curves.",
    "Is the first loss near log of the number of classes? Are the inputs near 0 to 1?",
    "Look at the gradient and the flat units by layer before the first step: what is wrong there "
    "is no matter of the rate.",
)

name_the_fault.mistakes(
    "You counted the cases from 0: the first of the page is case 1.",
    lambda case: name_the_fault((case + 1) % 17),
    "You took the loss alone: most of these losses fall, whatever is wrong.",
    lambda case: "rate too low" if case else "nothing",
    "You called every run overfitted: that is a validation loss that rises while training's falls.",
    lambda case: "overfitting" if case else "nothing",
)
