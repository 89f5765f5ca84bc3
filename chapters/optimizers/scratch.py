"""Optimizers by hand: each is a function from a gradient, and what it remembers, to a change Δw.

The letters are those of Introduction to Machine Learning, chapter 12 (deck B): η is the rate, α the
momentum, ρ what the second moment keeps, s a running average of the gradient, r one of its square,
t the number of the step, counted from 1.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import UserError

Array = NDArray[Any]


class Memory(NamedTuple):
    """What an optimizer carries from one step to the next; at the start there is nothing."""

    s: Array | float = 0.0
    r: Array | float = 0.0
    t: int = 0


NOTHING = Memory()
Rule = Callable[[Array, Memory], tuple[Array, Memory]]
"""A gradient and the memory before the step give Δw and the memory after it."""


# ---- the rules ----------------------------------------------------------------------------------


def gradient_descent(
    gradient: ArrayLike, memory: Memory = NOTHING, *, rate: float
) -> tuple[Array, Memory]:
    """Return Δw of gradient descent, the same rule for all examples, for some, or for one.

    Δw = −η ∂E/∂w   (CS3244 week 10, "Weight update"; Intro to ML chapter 12)

    Args:
        gradient: ∂E/∂w, of any shape.
        memory: Is passed on; this rule has no past.
        rate: η.

    >>> w, slope = 4.0, lambda w: w  # E = ½w²
    >>> change, _ = gradient_descent(slope(w), rate=0.1)
    >>> float(w + change)
    3.6
    """
    # Δw = −η ∂E/∂w
    return -rate * np.asarray(gradient, float), memory


def momentum(
    gradient: ArrayLike, memory: Memory = NOTHING, *, rate: float, alpha: float = 0.9
) -> tuple[Array, Memory]:
    """Return Δw of momentum as Introduction to Machine Learning has it: a running average.

    s⁽ᵗ⁾ = α s⁽ᵗ⁻¹⁾ + (1 − α) ∂E/∂w,   Δw = −η s⁽ᵗ⁾   (Intro to ML chapter 12, "Momentum")

    Keras sums where this averages: see `keras_momentum`.

    Args:
        gradient: ∂E/∂w, of any shape.
        memory: What the step before returned.
        rate: η.
        alpha: α, the share of the past that is kept, in [0, 1).

    The average of a gradient of 1 that never changes begins at 0 and comes up to it:

    >>> memory = NOTHING
    >>> for _ in range(3):
    ...     change, memory = momentum(1.0, memory, rate=1.0)
    ...     print(f"s = {memory.s:.3f}, Δw = {change:.3f}")
    s = 0.100, Δw = -0.100
    s = 0.190, Δw = -0.190
    s = 0.271, Δw = -0.271
    """
    # s ← α s + (1 − α) ∂E/∂w                 running average of past gradients
    s = alpha * memory.s + (1 - alpha) * np.asarray(gradient, float)
    # Δw = −η s                               update using such an average
    return -rate * s, memory._replace(s=s)


def keras_momentum(
    gradient: ArrayLike,
    memory: Memory = NOTHING,
    *,
    rate: float,
    alpha: float = 0.9,
    nesterov: bool = False,
) -> tuple[Array, Memory]:
    """Return Δw of momentum as Keras has it: a velocity, which adds steps up.

    v⁽ᵗ⁾ = α v⁽ᵗ⁻¹⁾ − η ∂E/∂w,   Δw = v⁽ᵗ⁾              (keras.optimizers.SGD, `momentum`)
    Δw = α v⁽ᵗ⁾ − η ∂E/∂w                               (the same, `nesterov=True`)

    Args:
        gradient: ∂E/∂w, of any shape.
        memory: What the step before returned; its s is the velocity v.
        rate: η, Keras's `learning_rate`.
        alpha: α, Keras's `momentum`.
        nesterov: Whether to step from where the velocity is about to lead.

    A gradient of 1 that never changes makes steps that grow to 1 / (1 − α) = 10 times the first:

    >>> memory = NOTHING
    >>> for _ in range(3):
    ...     change, memory = keras_momentum(1.0, memory, rate=1.0)
    ...     print(f"{change:.2f}")
    -1.00
    -1.90
    -2.71
    """
    step = -rate * np.asarray(gradient, float)
    # v ← α v − η ∂E/∂w                       the rate is inside: a later change of η leaves v alone
    velocity = alpha * memory.s + step
    return (alpha * velocity + step if nesterov else velocity), memory._replace(s=velocity)


def keras_momentum_rate(rate: float, alpha: float) -> float:
    """Return Keras's `learning_rate` for deck B's η at the same α: η (1 − α).

    s sums (1 − α) αᵏ ∂E/∂w over the past, v sums −η αᵏ ∂E/∂w: a factor 1 − α lies between them. It
    holds while η stays. When η changes, B's whole step changes at once, but Keras's velocity
    holds on to steps that were made with the old one.

    >>> round(keras_momentum_rate(0.1, 0.9), 4)
    0.01
    """
    return rate * (1 - alpha)


def rmsprop(
    gradient: ArrayLike,
    memory: Memory = NOTHING,
    *,
    rate: float,
    rho: float = 0.9,
    epsilon: float = 1e-7,
    inside: bool = False,
) -> tuple[Array, Memory]:
    """Return Δw of RMSprop: each weight's step is divided by how large its gradients were.

    r⁽ᵗ⁾ = ρ r⁽ᵗ⁻¹⁾ + (1 − ρ) |∂E/∂w|²,   Δw = −η ∂E/∂w / √r⁽ᵗ⁾

    (Intro to ML chapter 12, "RMSprop".)

    Args:
        gradient: ∂E/∂w, of any shape.
        memory: What the step before returned.
        rate: η.
        rho: ρ, the share of the past that is kept, in [0, 1).
        epsilon: Keeps the quotient finite; the slide has none, and 0 / 0 where a gradient is 0.
        inside: Whether ε stands inside the root, √(r + ε), as in Keras's RMSprop, or outside it.

    The first step forgets how large the gradient is, and is η / √(1 − ρ) long:

    >>> change, _ = rmsprop([100.0, 0.01], rate=0.1, epsilon=0)
    >>> change.round(4).tolist()
    [-0.3162, -0.3162]
    >>> change, _ = rmsprop([100.0, 0.01], rate=0.1, rho=0.999, epsilon=0)  # the slide's 0.999
    >>> change.round(4).tolist()
    [-3.1623, -3.1623]
    """
    gradient = np.asarray(gradient, float)
    # r ← ρ r + (1 − ρ) |∂E/∂w|²
    r = rho * memory.r + (1 - rho) * gradient**2
    # Δw = −η / √r · ∂E/∂w
    scale = np.sqrt(r + epsilon) if inside else np.sqrt(r) + epsilon
    return -rate * gradient / scale, memory._replace(r=r)


def adam(
    gradient: ArrayLike,
    memory: Memory = NOTHING,
    *,
    rate: float,
    alpha: float = 0.9,
    rho: float = 0.999,
    epsilon: float = 1e-7,
    correct: bool = True,
) -> tuple[Array, Memory]:
    """Return Δw of Adam: momentum above, RMSprop below, and both corrected for their slow start.

    s⁽ᵗ⁾ = α s⁽ᵗ⁻¹⁾ + (1 − α) ∂E/∂w,        s̃ = s / (1 − αᵗ)
    r⁽ᵗ⁾ = ρ r⁽ᵗ⁻¹⁾ + (1 − ρ) |∂E/∂w|²,     r̃ = r / (1 − ρᵗ)
    Δw = −η s̃ / √r̃                                        (Intro to ML chapter 12, "ADAM")

    Args:
        gradient: ∂E/∂w, of any shape.
        memory: What the step before returned.
        rate: η.
        alpha: α; Keras's `beta_1`.
        rho: ρ; Keras's `beta_2`.
        epsilon: ε of √r̃ + ε, which the slide leaves out; for Keras's see `keras_adam_epsilon`.
        correct: Whether to correct; False shows what would happen.

    Corrected, the first averages are the first gradient itself, and the first step is η long:

    >>> change, memory = adam([100.0, 0.01], rate=0.1, epsilon=0)
    >>> change.round(4).tolist(), np.round(memory.s, 4).tolist(), np.round(memory.r, 7).tolist()
    ([-0.1, -0.1], [10.0, 0.001], [10.0, 1e-07])

    Uncorrected, it is (1 − α) / √(1 − ρ) times as long: too long, not too short.

    >>> adam([100.0, 0.01], rate=0.1, epsilon=0, correct=False)[0].round(4).tolist()
    [-0.3162, -0.3162]
    """
    gradient, t = np.asarray(gradient, float), memory.t + 1
    # s ← α s + (1 − α) ∂E/∂w                 first moment
    s = alpha * memory.s + (1 - alpha) * gradient
    # r ← ρ r + (1 − ρ) |∂E/∂w|²              second moment
    r = rho * memory.r + (1 - rho) * gradient**2
    # s̃ = s / (1 − αᵗ),  r̃ = r / (1 − ρᵗ)     both began at 0
    s_corrected, r_corrected = (s / (1 - alpha**t), r / (1 - rho**t)) if correct else (s, r)
    # Δw = −η s̃ / (√r̃ + ε)
    return -rate * s_corrected / (np.sqrt(r_corrected) + epsilon), Memory(s, r, t)


def keras_adam_epsilon(epsilon: float, rho: float, t: int) -> float:
    """Return what Keras's `epsilon` is, at step t, in the rule as written: ε / √(1 − ρᵗ).

    Keras adds ε to √r, before the correction; the rule adds it to √r̃, after it. At the first step
    of ρ = 0.999 Keras's counts 32 times as much, after some thousands of steps the two are one.

    >>> [round(keras_adam_epsilon(1e-7, 0.999, t) / 1e-7, 2) for t in (1, 10, 100, 1000, 5000)]
    [31.62, 10.02, 3.24, 1.26, 1.0]
    """
    return epsilon / sqrt(1 - rho**t)


# ---- the loop -----------------------------------------------------------------------------------


def descend(
    weights: ArrayLike,
    gradient_of: Callable[[Array, Any], ArrayLike],
    rule: Rule,
    batches: Iterable[Any],
) -> Iterator[Array]:
    """Yield the weights after each step: the one loop behind every training.

    Args:
        weights: Where to start, of any shape.
        gradient_of: ∂E/∂w, of the weights' shape, from the weights and a batch.
        rule: One of this module's optimizers with its settings, e.g.
            ``functools.partial(adam, rate=0.1)``.
        batches: What the gradient is measured on, one for each step.

    Three steps down E = ½w² from w = 1, each of which takes a tenth of w away:

    >>> from functools import partial
    >>> steps = descend(1.0, lambda w, batch: w, partial(gradient_descent, rate=0.1), range(3))
    >>> [round(float(w), 3) for w in steps]
    [0.9, 0.81, 0.729]
    """
    weights, memory = np.asarray(weights, float), NOTHING
    for batch in batches:
        change, memory = rule(np.asarray(gradient_of(weights, batch), float), memory)
        weights = weights + change
        yield weights


def minibatches(
    examples: int, size: int, epochs: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of the examples of each batch: all of them once an epoch, in new order.

    Args:
        examples: How many there are.
        size: How many a batch has; the last of an epoch has what is left.
        epochs: Passes over all examples.
        rng: Decides the order.

    >>> rng = np.random.default_rng(0)
    >>> [batch.size for batch in minibatches(5, size=2, epochs=2, rng=rng)]
    [2, 2, 1, 2, 2, 1]
    """
    for _ in range(epochs):
        order = rng.permutation(examples)
        yield from (order[start : start + size] for start in range(0, examples, size))


def softmax_regression_loss(weights: Array, x: Array, y: Array) -> float:
    """Return the mean cross-entropy of softmax(x W) [nats].

    Args:
        weights: W, of shape ``(features, classes)``.
        x: Of shape ``(examples, features)``.
        y: Class numbers of shape ``(examples,)``.

    >>> round(softmax_regression_loss(np.zeros((2, 10)), np.ones((3, 2)), np.array([0, 1, 2])), 4)
    2.3026
    """
    log_p = _log_softmax(x @ weights)
    return float(-log_p[np.arange(len(y)), y].mean())


def softmax_regression_gradient(weights: Array, x: Array, y: Array) -> Array:
    """Return the gradient of `softmax_regression_loss`, of the weights' shape: xᵀ (p − y) / n."""
    difference = np.exp(_log_softmax(x @ weights))
    difference[np.arange(len(y)), y] -= 1
    return np.asarray(x.T @ difference / len(y))


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


# ---- maps of heights ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surface:
    """A landscape over two weights, to be walked on.

    Attributes:
        height: E of an array whose last axis has the two weights.
        gradient: ∂E/∂w, of the weights' shape.
        start: Where walks begin.
        minima: Its lowest points.
        view: What a map shows: left, right, bottom, top.
    """

    height: Callable[[Array], Array]
    gradient: Callable[[Array], Array]
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    view: tuple[float, float, float, float]


BOWL_CURVATURES = np.array([1.0, 20.0])
VALLEY_WALLS = 5.0

SURFACES = {
    # E = ½ (w₁² + 20 w₂²): twenty times as steep across as along.
    "bowl": Surface(
        lambda w: 0.5 * (BOWL_CURVATURES * w**2).sum(axis=-1),
        lambda w: BOWL_CURVATURES * w,
        start=(-4.0, 1.0),
        minima=((0.0, 0.0),),
        view=(-5.0, 5.0, -2.5, 2.5),
    ),
    # E = (1 − w₁)² + 5 (w₂ − w₁²)²: a bent valley (Rosenbrock's, with lower walls).
    "valley": Surface(
        lambda w: (1 - w[..., 0]) ** 2 + VALLEY_WALLS * (w[..., 1] - w[..., 0] ** 2) ** 2,
        lambda w: np.stack(
            [
                -2 * (1 - w[..., 0]) - 4 * VALLEY_WALLS * w[..., 0] * (w[..., 1] - w[..., 0] ** 2),
                2 * VALLEY_WALLS * (w[..., 1] - w[..., 0] ** 2),
            ],
            axis=-1,
        ),
        start=(-1.5, 1.5),
        minima=((1.0, 1.0),),
        view=(-2.0, 2.0, -0.6, 2.6),
    ),
    # E = ½ w₁² − ½ w₂² + ¼ w₂⁴: a saddle at the origin, with a valley on either side of it.
    "saddle": Surface(
        lambda w: 0.5 * w[..., 0] ** 2 - 0.5 * w[..., 1] ** 2 + 0.25 * w[..., 1] ** 4,
        lambda w: np.stack([w[..., 0], w[..., 1] ** 3 - w[..., 1]], axis=-1),
        start=(-1.8, 0.01),
        minima=((0.0, -1.0), (0.0, 1.0)),
        view=(-2.2, 2.2, -1.6, 1.6),
    ),
}
"""The three maps of the lesson and of its interactive figure."""


def walk(
    surface: str,
    rule: Rule,
    steps: int,
    start: tuple[float, float] | None = None,
    noise: ArrayLike = 0.0,
) -> Array:
    """Return where a walk on one of the maps leads: shape ``(steps + 1, 2)``, the start first.

    Args:
        surface: A name in `SURFACES`.
        rule: An optimizer with its settings.
        steps: How many.
        start: Where it begins; the map's own place by default.
        noise: What is added to each step's gradient, of shape ``(steps, 2)``: what a batch of some
            examples gets wrong.

    Raises:
        UserError: If there is no such map.

    Gradient descent that begins on the saddle's ridge never learns that there is a valley:

    >>> from functools import partial
    >>> rule = partial(gradient_descent, rate=0.2)
    >>> walk("saddle", rule, 100, start=(-1.5, 0.0))[-1].round(6).tolist()
    [-0.0, 0.0]
    >>> walk("saddle", rule, 100, start=(-1.5, 1e-6))[-1].round(4).tolist()
    [-0.0, 1.0]
    """
    if surface not in SURFACES:
        raise UserError(f"surface is one of {', '.join(SURFACES)}. Received: {surface!r}.")
    chosen = SURFACES[surface]
    first = np.array(chosen.start if start is None else start, float)
    noises = np.broadcast_to(noise, (steps, 2))
    path = descend(first, lambda w, noise: chosen.gradient(w) + noise, rule, noises)
    return np.array([first, *path])


def largest_rate(curvature: float) -> float:
    """Return the rate above which gradient descent runs away from the bottom of ½ c w²: 2 / c.

    Each step multiplies w by 1 − η c, and |1 − η c| < 1 as long as η < 2 / c.

    >>> largest_rate(20.0)
    0.1
    >>> from functools import partial
    >>> for rate in (0.099, 0.101):
    ...     across = walk("bowl", partial(gradient_descent, rate=rate), 200)[-1, 1]
    ...     print(f"{rate}: {across:.3f}")
    0.099: 0.018
    0.101: 52.485
    """
    return 2 / curvature


# ---- batch normalization ------------------------------------------------------------------------


class Normalized(NamedTuple):
    """What batch normalization computes of a batch while training.

    Attributes:
        y: The output, of the input's shape.
        x_hat: The input with mean 0 and variance 1.
        mean: Of each feature over the batch.
        variance: Likewise; divided by n, not n − 1.
    """

    y: Array
    x_hat: Array
    mean: Array
    variance: Array


def batch_norm(
    x: ArrayLike, gamma: ArrayLike = 1.0, beta: ArrayLike = 0.0, *, epsilon: float = 1e-3
) -> Normalized:
    """Return a batch normalized feature by feature, then scaled and shifted: training.

    The four lines of Intro to Deep Learning, "Batch Normalization" (Ioffe and Szegedy, 2015).

    Args:
        x: Of shape ``(batch, features)``, or ``(batch, *space, channels)``: the mean is taken over
            all axes but the last, so that a feature map is normalized as a whole.
        gamma: γ, the scale, of shape ``(features,)``.
        beta: β, the shift, likewise.
        epsilon: ε, inside the root; Keras's default.

    >>> y, _, mean, variance = batch_norm([[1.0, 10.0], [2.0, 20.0], [3.0, 60.0]], epsilon=0)
    >>> mean.tolist(), variance.round(4).tolist()
    ([2.0, 30.0], [0.6667, 466.6667])
    >>> y.round(4).tolist()
    [[-1.2247, -0.9258], [0.0, -0.4629], [1.2247, 1.3887]]
    """
    x = np.asarray(x, float)
    axes = tuple(range(x.ndim - 1))
    # μ ← 1/m Σ xᵢ                            mini-batch mean
    mean = x.mean(axis=axes)
    # σ² ← 1/m Σ (xᵢ − μ)²                    mini-batch variance
    variance = ((x - mean) ** 2).mean(axis=axes)
    # x̂ᵢ ← (xᵢ − μ) / √(σ² + ε)               normalize
    x_hat = (x - mean) / np.sqrt(variance + epsilon)
    # yᵢ ← γ x̂ᵢ + β                           scale and shift
    return Normalized(np.asarray(gamma) * x_hat + np.asarray(beta), x_hat, mean, variance)


def moving_average(average: ArrayLike, value: ArrayLike, *, momentum: float = 0.99) -> Array:
    """Return a moving mean, or a moving variance, after one more batch.

    average ← momentum · average + (1 − momentum) · value   (Keras)

    What PyTorch calls momentum is 1 − momentum here.

    It starts at 0 for the mean and at 1 for the variance, and nothing corrects for that:

    >>> average = 0.0
    >>> for _ in range(100):
    ...     average = moving_average(average, 1.0)
    >>> round(float(average), 4)
    0.634
    """
    return np.asarray(momentum * np.asarray(average) + (1 - momentum) * np.asarray(value))


def batch_norm_inference(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    moving_mean: ArrayLike,
    moving_variance: ArrayLike,
    *,
    epsilon: float = 1e-3,
) -> Array:
    """Return examples normalized by the moving averages: what an answer is made of.

    No example's answer depends on which others are asked about with it. Arguments and shapes are
    those of `batch_norm`, and the averages have a number for each feature.

    >>> batch_norm_inference([[1.0], [3.0]], 2.0, 1.0, 2.0, 4.0, epsilon=0).tolist()
    [[0.0], [2.0]]
    """
    scale = np.sqrt(np.asarray(moving_variance) + epsilon)
    x_hat = (np.asarray(x, float) - np.asarray(moving_mean)) / scale
    return np.asarray(np.asarray(gamma) * x_hat + np.asarray(beta))


def batch_norm_backward(
    gradient: ArrayLike, of: Normalized, gamma: ArrayLike = 1.0, *, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """Return the loss's gradients for x, γ and β, from that for y.

    ∂E/∂x = γ / √(σ² + ε) · (g − mean(g) − x̂ · mean(g x̂))    with g = ∂E/∂y

    An xᵢ reaches the loss in three ways: by its own x̂ᵢ, by the mean, and by the variance. The
    three terms are these, in this order.

    Args:
        gradient: ∂E/∂y, of the input's shape.
        of: What the forward pass returned.
        gamma: γ of the forward pass.
        epsilon: Likewise.

    Move all of a feature by the same amount and nothing comes out otherwise, so that the gradients
    for x add up to 0:

    >>> of = batch_norm([[1.0], [2.0], [6.0]])
    >>> to_x, to_gamma, to_beta = batch_norm_backward([[1.0], [0.0], [0.0]], of)
    >>> to_x.round(4).tolist(), round(abs(float(to_x.sum())), 6)
    ([[0.1764], [-0.2204], [0.044]], 0.0)
    """
    g = np.asarray(gradient, float)
    axes = tuple(range(g.ndim - 1))
    # ∂E/∂γ = Σ g x̂,   ∂E/∂β = Σ g            used for every example, so a sum over them
    to_gamma, to_beta = (g * of.x_hat).sum(axis=axes), g.sum(axis=axes)
    # ∂E/∂x = γ / √(σ² + ε) · (g − mean(g) − x̂ · mean(g x̂))
    centred = g - g.mean(axis=axes) - of.x_hat * (g * of.x_hat).mean(axis=axes)
    return np.asarray(gamma) / np.sqrt(of.variance + epsilon) * centred, to_gamma, to_beta


RULES: dict[str, Callable[..., tuple[Array, Memory]]] = {
    "gradient descent": gradient_descent,
    "momentum": momentum,
    "Keras's momentum": keras_momentum,
    "RMSprop": rmsprop,
    "Adam": adam,
}
"""The optimizers by the names that figures give them."""
