"""Neurons by hand: weigh, add up, squash; a perceptron, the activations, the losses, a network.

Examples are rows: ``X`` has the shape ``(examples, features)``. A class is +1 or −1 to a perceptron
and a hinge, 1 or 0 to whatever speaks of probabilities.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import UserError

Array = NDArray[Any]
Layers = list[tuple[Array, Array]]
"""A network: for each layer its weights ``(inputs, units)`` and its biases ``(units,)``."""

# The four corners, and whether exactly one of the two inputs is on.
XOR_X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR_Y = np.array([-1.0, 1.0, 1.0, -1.0])

# Two lines, "one or more" and "two", and a third neuron that wants the first and not the second.
XOR_LAYERS: Layers = [
    (np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([-0.5, -1.5])),
    (np.array([[1.0], [-1.0]]), np.array([-1.0])),
]


# One neuron, and how it learns -------------------------------------------------------------------


def sign(z: ArrayLike) -> Array:
    """Return +1 where z > 0, otherwise −1.

    (CS3244 week 10, "Differentiable Activation Functions", the step.) Zero counts as −1, as on the
    slide; ``np.sign`` has a third answer there.

    >>> sign([-2.0, 0.0, 0.5]).tolist()
    [-1.0, -1.0, 1.0]
    """
    return np.where(np.asarray(z) > 0, 1.0, -1.0)


def neuron(
    x: ArrayLike, weights: ArrayLike, bias: float, activation: Callable[[Any], Array] = sign
) -> Array:
    """Weigh, add up, activate: f(wᵀx + b)   (Intro to Deep Learning, "Perceptron", "Neurons").

    Args:
        x: One example of shape ``(features,)``, or rows of them.
        weights: Shape ``(features,)``.
        bias: What is added to the weighted sum.
        activation: What is made of it.

    >>> float(neuron([1.0, 0.0], [1.0, 1.0], -0.5))  # "one or more": 1 − 0.5 > 0
    1.0
    >>> neuron(XOR_X, [1.0, 1.0], -1.5).tolist()  # AND
    [-1.0, -1.0, -1.0, 1.0]
    """
    return activation(np.asarray(x, float) @ np.asarray(weights, float) + bias)


def perceptron_step(
    weights: Array, bias: float, x: Array, target: float, *, rate: float = 1.0
) -> tuple[Array, float]:
    """Show a perceptron one example; it changes only if its answer is wrong.

    w ← w + λ (target − output) x        (Intro to Deep Learning, "Perceptron")
    b ← b + λ (target − output)

    Target and output are +1 or −1, so what is added on a mistake is ±2λ x. Textbooks that write
    w ← w + λ·target·x mean the same with twice the λ.

    Args:
        weights: Shape ``(features,)``; left as they are.
        bias: The bias.
        x: The example, of shape ``(features,)``.
        target: Its class, +1 or −1.
        rate: The lecture's λ.

    >>> w, b = perceptron_step(np.zeros(2), 0.0, np.array([1.0, 3.0]), 1.0)
    >>> w.tolist(), b
    ([2.0, 6.0], 2.0)
    >>> w, b = perceptron_step(w, b, np.array([1.0, 3.0]), 1.0)  # right by now: nothing changes
    >>> w.tolist(), b
    ([2.0, 6.0], 2.0)
    """
    error = target - float(neuron(x, weights, bias))
    return weights + rate * error * x, bias + rate * error


class Update(NamedTuple):
    """A mistake of a perceptron, and what it made of it."""

    example: int
    weights: Array
    bias: float


class Perceptron(NamedTuple):
    """A perceptron after its lessons.

    Attributes:
        weights: Shape ``(features,)``.
        bias: The bias.
        updates: Its mistakes, in order, each with the weights that came out of it.
        separates: Whether it went through all examples without a mistake.
    """

    weights: Array
    bias: float
    updates: list[Update]
    separates: bool


def perceptron(
    X: Array,
    y: ArrayLike,
    *,
    rate: float = 1.0,
    mistakes: int = 10_000,
    restart: bool = False,
) -> Perceptron:
    """Show the examples one after another, again and again, until none is mistaken.

    Args:
        X: Shape ``(examples, features)``.
        y: Classes, +1 or −1, of shape ``(examples,)``.
        rate: The lecture's λ.
        mistakes: So many at most: where no line separates the classes, there is no end.
        restart: Whether to begin with the first example again after each mistake, as Intro to
            Deep Learning has it, or to go on with the next.

    Raises:
        UserError: If a class is neither +1 nor −1.

    >>> learned = perceptron(XOR_X, [-1, 1, 1, 1])  # OR
    >>> learned.separates, learned.weights.tolist(), learned.bias, len(learned.updates)
    (True, [2.0, 2.0], 0.0, 4)
    >>> perceptron(XOR_X, XOR_Y, mistakes=1000).separates
    False
    """
    y = np.asarray(y, float)
    if wrong := sorted({float(one) for one in y} - {-1.0, 1.0}):
        raise UserError(
            f"A perceptron's classes are +1 and −1. Received: {wrong[0]:g}. "
            "Make them from 0 and 1 by 2·y − 1."
        )
    weights, bias, updates = np.zeros(X.shape[1]), 0.0, list[Update]()
    at = right = 0
    while right < len(X) and len(updates) < mistakes:
        before = bias
        weights, bias = perceptron_step(weights, bias, X[at], float(y[at]), rate=rate)
        if bias == before:
            right += 1
            at = (at + 1) % len(X)
        else:
            right = 0
            updates.append(Update(at, weights, bias))
            at = 0 if restart else (at + 1) % len(X)
    return Perceptron(weights, bias, updates, right == len(X))


def mistake_bound(X: Array, y: ArrayLike, weights: ArrayLike, bias: float) -> float:
    """Return (R / γ)², which no perceptron that begins at 0 exceeds in mistakes   (Novikoff, 1962).

    The bias is one weight more, whose input is always 1. R is the length of the longest example
    (x, 1); γ is how far the nearest one stays away from the given line, (w, b) having length 1.

    Args:
        X: Shape ``(examples, features)``.
        y: Classes, +1 or −1.
        weights: Those of any line that separates the classes; the widest margin bounds best.
        bias: Its bias.

    Raises:
        UserError: If the line does not separate the classes.

    >>> round(mistake_bound(XOR_X, [-1, 1, 1, 1], [2.0, 2.0], -1.0), 6)  # OR
    27.0
    """
    longer = np.column_stack([X, np.ones(len(X))])
    line = np.append(np.asarray(weights, float), bias)
    margin = float(np.min(np.asarray(y) * (longer @ line)) / np.linalg.norm(line))
    if not margin > 0:  # nor a number, if all weights are 0
        raise UserError(
            "The bound speaks of a line with every example on its right side. Received one with "
            f"an example {-margin:g} on the wrong side, or on the line."
        )
    return float(np.max(np.sum(longer**2, axis=1))) / margin**2


def widest_margin(X: Array, y: ArrayLike, steps: int = 2000) -> tuple[Array, float]:
    """Return weights and bias of the line that keeps the farthest off, nearly   (Gilbert, 1966).

    The classes are separable if the points y·(x, 1) leave the origin outside of their convex hull;
    the widest margin is its distance from there. Each step moves the nearest point known towards
    the example that stands worst with it.

    >>> w, b = widest_margin(XOR_X, [-1, 1, 1, 1])  # OR
    >>> round(mistake_bound(XOR_X, [-1, 1, 1, 1], w, b), 1)
    27.0
    """
    points = np.asarray(y, float)[:, None] * np.column_stack([X, np.ones(len(X))])
    v = points[0]
    for _ in range(steps):
        away = points[np.argmin(points @ v)] - v
        if away @ away == 0:
            break
        v = v + np.clip(-(v @ away) / (away @ away), 0, 1) * away
    return v[:-1], float(v[-1])


# Activations -------------------------------------------------------------------------------------


def sigmoid(z: ArrayLike) -> Array:
    """Return 1 / (1 + e⁻ᶻ), at any z: e is only ever raised to a negative power.

    (CS3244 week 10; COMP7015 lecture 8, "Activation Functions")

    >>> sigmoid([0.0, 2.0, -1e4, 1e4]).round(4).tolist()
    [0.5, 0.8808, 0.0, 1.0]
    """
    z = np.asarray(z, float)
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, small) / (1 + small))


def sigmoid_slope(z: ArrayLike) -> Array:
    """Return σ(z) (1 − σ(z)), of which the second is σ(−z); a quarter at most.

    >>> sigmoid_slope([0.0, 2.0, 10.0]).round(5).tolist()
    [0.25, 0.10499, 5e-05]
    """
    return sigmoid(z) * sigmoid(-np.asarray(z, float))


def tanh(z: ArrayLike) -> Array:
    """Return (eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ) = 2σ(2z) − 1: a sigmoid from −1 to 1.

    >>> bool(np.allclose(tanh([-1.0, 0.5]), 2 * sigmoid([-2.0, 1.0]) - 1))
    True
    """
    return np.asarray(np.tanh(np.asarray(z, float)))


def tanh_slope(z: ArrayLike) -> Array:
    """Return 1 − tanh²(z), which is 1 at 0.

    >>> tanh_slope([0.0, 2.0]).round(4).tolist()
    [1.0, 0.0707]
    """
    return 1 - tanh(z) ** 2


def relu(z: ArrayLike) -> Array:
    """Return max(0, z)   (all decks but C).

    >>> relu([-2.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 3.0]
    """
    return np.asarray(np.maximum(np.asarray(z, float), 0))


def relu_slope(z: ArrayLike) -> Array:
    """Return 1 where z > 0, otherwise 0: at the kink, the derivative from the left.

    (Intro to ML, chapter 12, "Rectified Linear Unit")

    >>> relu_slope([-2.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    return np.where(np.asarray(z) > 0, 1.0, 0.0)


def leaky_relu(z: ArrayLike, alpha: float = 0.01) -> Array:
    """Return z where z > 0, otherwise αz   (Intro to ML, chapter 12, with α = 0.01).

    >>> leaky_relu([-2.0, 3.0]).tolist()
    [-0.02, 3.0]
    """
    z = np.asarray(z, float)
    return np.where(z > 0, z, alpha * z)


def leaky_relu_slope(z: ArrayLike, alpha: float = 0.01) -> Array:
    """Return 1 where z > 0, otherwise α.

    >>> leaky_relu_slope([-2.0, 3.0]).tolist()
    [0.01, 1.0]
    """
    return np.where(np.asarray(z) > 0, 1.0, alpha)


def prelu_slopes(z: ArrayLike, alpha: ArrayLike) -> tuple[Array, Array]:
    """Return the slopes of a parametric ReLU for z and for α, which is learned   (He et al., 2015).

    Its value is that of a leaky ReLU. A unit learns its α from the inputs below 0 only.

    >>> [slopes.tolist() for slopes in prelu_slopes([-2.0, 3.0], 0.25)]
    [[0.25, 1.0], [-2.0, 0.0]]
    """
    z = np.asarray(z, float)
    return np.where(z > 0, 1.0, alpha), np.minimum(z, 0)


def randomized_leaky_relu(
    z: ArrayLike,
    rng: np.random.Generator | None = None,
    *,
    lower: float = 3.0,
    upper: float = 8.0,
) -> Array:
    """Divide what is negative by a number drawn from [lower, upper]   (Xu et al., 2015).

    A number of its own for each unit and example in training; the middle of the interval when
    nothing is drawn, as in use.

    >>> randomized_leaky_relu([-5.5, 2.0]).tolist()
    [-1.0, 2.0]
    """
    z = np.asarray(z, float)
    divisor = rng.uniform(lower, upper, z.shape) if rng else (lower + upper) / 2
    return np.where(z > 0, z, z / divisor)


def softmax(z: ArrayLike) -> Array:
    """Turn scores into probabilities, along the last axis: eᶻᵏ / Σ eᶻʲ.

    The largest score is taken off first. That changes nothing, since e⁻ᵐ cancels, and no power
    overflows. Of two scores it is the sigmoid of their difference ("generalization of sigmoid",
    Intro to Deep Learning).

    >>> softmax([1.0, 2.0, 3.0]).round(4).tolist()
    [0.09, 0.2447, 0.6652]
    >>> softmax([1e4, 0.0, -1e4]).tolist()
    [1.0, 0.0, 0.0]
    >>> float(softmax([2.0, 0.0])[0]) == float(sigmoid(2.0))
    True
    """
    z = np.asarray(z, float)
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def log_softmax(z: ArrayLike) -> Array:
    """Return log softmax(z) without taking the logarithm of a zero: z − log Σ eᶻʲ.

    >>> log_softmax([1e4, 0.0]).tolist()
    [0.0, -10000.0]
    """
    z = np.asarray(z, float)
    z = z - z.max(axis=-1, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(axis=-1, keepdims=True)))


def softmax_slopes(z: ArrayLike) -> Array:
    """Return ∂p_i / ∂z_j = p_i (1[i = j] − p_j): every score moves every probability.

    Shape ``(classes, classes)`` for one row of scores.

    >>> softmax_slopes([0.0, 0.0]).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    p = softmax(z)
    return np.asarray(np.diag(p) - np.outer(p, p))


class Activation(NamedTuple):
    """An activation: its value, its slope, both of z, and where its slope jumps."""

    value: Callable[[ArrayLike], Array]
    slope: Callable[[ArrayLike], Array]
    kinks: tuple[float, ...] = ()


def no_slope(z: ArrayLike) -> Array:
    """Return 0: a step is level on both sides, so no gradient comes through it."""
    return np.zeros(np.shape(z))


ACTIVATIONS = {
    "step": Activation(sign, no_slope, (0.0,)),
    "sigmoid": Activation(sigmoid, sigmoid_slope),
    "tanh": Activation(tanh, tanh_slope),
    "relu": Activation(relu, relu_slope, (0.0,)),
    "leaky_relu": Activation(leaky_relu, leaky_relu_slope, (0.0,)),
}


# Losses ------------------------------------------------------------------------------------------
# Each is a mean over the examples, and so is its gradient.


def absolute_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """Return the L1 loss, the mean of |ŷ − y|   (Intro to Deep Learning, "Loss Functions").

    >>> absolute_error([1.0, 2.0, 3.0], [1.0, 2.0, 13.0]) * 3
    10.0
    """
    return float(np.mean(np.abs(np.asarray(prediction, float) - np.asarray(target, float))))


def absolute_error_slope(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return the gradient of `absolute_error`: the same pull from every example, near or far.

    >>> (absolute_error_slope([1.0, 2.0, 3.0], [0.0, 2.0, 13.0]) * 3).tolist()
    [1.0, 0.0, -1.0]
    """
    error = np.asarray(prediction, float) - np.asarray(target, float)
    return np.asarray(np.sign(error) / error.size)


def squared_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """Return the L2 loss, the mean of (ŷ − y)², as Keras has it.

    CS3244 puts ½ before it, so that the 2 of the derivative cancels.

    >>> squared_error([1.0, 2.0, 3.0], [1.0, 2.0, 13.0]) * 3
    100.0
    """
    return float(np.mean((np.asarray(prediction, float) - np.asarray(target, float)) ** 2))


def squared_error_slope(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return the gradient of `squared_error`: an example pulls as hard as it is far off.

    >>> (squared_error_slope([1.0, 2.0, 3.0], [0.0, 2.0, 13.0]) * 3).tolist()
    [2.0, 0.0, -20.0]
    """
    error = np.asarray(prediction, float) - np.asarray(target, float)
    return np.asarray(2 * error / error.size)


def binary_cross_entropy(logits: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean of −t log σ(z) − (1 − t) log(1 − σ(z)), computed from z.

    max(z, 0) − t z + log(1 + e^−|z|) is the same, and has no logarithm of 0 at any z.

    >>> round(binary_cross_entropy([0.0], [1]), 4)  # log 2: no idea
    0.6931
    >>> binary_cross_entropy([1e4, -1e4], [1, 1])  # sure and right, sure and wrong
    5000.0
    """
    z, t = np.asarray(logits, float), np.asarray(targets, float)
    return float(np.mean(np.maximum(z, 0) - t * z + np.log1p(np.exp(-np.abs(z)))))


def binary_cross_entropy_slope(logits: ArrayLike, targets: ArrayLike) -> Array:
    """Return its gradient for the logits: σ(z) − t.

    >>> binary_cross_entropy_slope([0.0], [1]).tolist()
    [-0.5]
    """
    z, t = np.asarray(logits, float), np.asarray(targets, float)
    return np.asarray((sigmoid(z) - t) / z.size)


def cross_entropy(logits: Array, labels: ArrayLike) -> float:
    """Return the mean of −log p(label) under the softmax   (COMP7015 lecture 8, without its slip).

    Args:
        logits: Shape ``(examples, classes)``.
        labels: The number of each example's class.

    >>> round(cross_entropy(np.array([[1.0, 2.0, 3.0]]), [2]), 4)  # −log 0.6652
    0.4076
    >>> cross_entropy(np.array([[1e4, -1e4]]), [1])
    20000.0
    """
    return float(-np.mean(log_softmax(logits)[np.arange(len(logits)), np.asarray(labels)]))


def cross_entropy_slope(logits: Array, labels: ArrayLike) -> Array:
    """Return its gradient for the logits: p − y, y being 1 at the label and 0 elsewhere.

    >>> cross_entropy_slope(np.array([[1.0, 2.0, 3.0]]), [2]).round(4).tolist()
    [[0.09, 0.2447, -0.3348]]
    """
    one_hot = np.eye(logits.shape[1])[np.asarray(labels)]
    return np.asarray((softmax(logits) - one_hot) / len(logits))


def hinge(scores: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean of max(0, 1 − y z), y being +1 or −1   (COMP7015 lecture 8).

    >>> hinge([2.0, 0.5, -1.0], [1, 1, 1]) * 3  # 0, ½ and 2
    2.5
    """
    margins = np.asarray(targets, float) * np.asarray(scores, float)
    return float(np.mean(np.maximum(0, 1 - margins)))


def hinge_slope(scores: ArrayLike, targets: ArrayLike) -> Array:
    """Return its gradient for the scores: −y where the margin is under 1, otherwise 0.

    >>> (hinge_slope([2.0, 0.5, -1.0], [1, 1, -1]) * 3).tolist()
    [0.0, -1.0, 0.0]
    """
    y = np.asarray(targets, float)
    return np.asarray(np.where(y * np.asarray(scores, float) < 1, -y, 0.0) / y.size)


def kl_divergence(p: ArrayLike, q: ArrayLike) -> float:
    """Return Σ p log(p / q): what it costs to believe q where p is true.

    It is 0 for q = p only, and not the same with p and q exchanged. Where p is 0, a term is 0.

    >>> round(kl_divergence([0.5, 0.5], [0.9, 0.1]), 4)
    0.5108
    >>> round(kl_divergence([0.9, 0.1], [0.5, 0.5]), 4)
    0.3681
    """
    p, q = np.asarray(p, float), np.asarray(q, float)
    positive = p > 0
    return float(np.sum(p[positive] * np.log(p[positive] / q[positive])))


# A small network with one output -----------------------------------------------------------------


class Loss(NamedTuple):
    """A loss of the output's z and classes 0 or 1: a value and a slope for each example."""

    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Array]


def _plus_minus(targets: Array) -> Array:
    return 2 * targets - 1


LOSSES = {
    "cross-entropy": Loss(
        lambda z, t: np.maximum(z, 0) - t * z + np.log1p(np.exp(-np.abs(z))),
        lambda z, t: sigmoid(z) - t,
    ),
    "L2": Loss(
        lambda z, t: (sigmoid(z) - t) ** 2,
        lambda z, t: 2 * (sigmoid(z) - t) * sigmoid_slope(z),
    ),
    "L1": Loss(
        lambda z, t: np.abs(sigmoid(z) - t),
        lambda z, t: np.sign(sigmoid(z) - t) * sigmoid_slope(z),
    ),
    "hinge": Loss(
        lambda z, t: np.maximum(0, 1 - _plus_minus(t) * z),
        lambda z, t: np.where(_plus_minus(t) * z < 1, -_plus_minus(t), 0.0),
    ),
}
"""Cross-entropy and hinge read z itself; L1 and L2 compare σ(z) with the class."""


def initial_layers(sizes: Sequence[int], rng: np.random.Generator) -> Layers:
    """Draw a network's first weights, N(0, 1 / inputs), and set its biases to 0.

    >>> [W.shape for W, b in initial_layers((2, 4, 1), np.random.default_rng(0))]
    [(2, 4), (4, 1)]
    """
    return [
        (rng.normal(0, inputs**-0.5, (inputs, units)), np.zeros(units))
        for inputs, units in pairwise(sizes)
    ]


def forward(layers: Layers, X: ArrayLike, activation: str = "tanh") -> tuple[list[Array], Array]:
    """Send examples through; return every layer's z, the output's last, and what its layer read.

    Args:
        layers: The network; the activation stands behind every layer but the last.
        X: Shape ``(examples, features)``.
        activation: A name of `ACTIVATIONS`.

    Returns:
        Each layer's z, of shape ``(examples, units)``, and the last layer's input.

    >>> zs, hidden = forward(XOR_LAYERS, XOR_X, "step")
    >>> hidden.tolist()  # the four corners have become three points
    [[-1.0, -1.0], [1.0, -1.0], [1.0, -1.0], [1.0, 1.0]]
    >>> sign(zs[-1]).ravel().tolist()
    [-1.0, 1.0, 1.0, -1.0]
    """
    a, zs = np.asarray(X, float), list[Array]()
    for W, b in layers:
        if zs:
            a = ACTIVATIONS[activation].value(zs[-1])
        # z = a W + b
        zs.append(a @ W + b)
    return zs, a


def gradients(
    layers: Layers,
    X: ArrayLike,
    targets: ArrayLike,
    activation: str = "tanh",
    loss: str = "cross-entropy",
) -> tuple[float, Layers]:
    """Return the mean loss of some examples, and its gradient for every weight and bias.

    How it is found is the next chapter's subject; the playground needs it today.

    Args:
        layers: The network, with one output.
        X: Shape ``(examples, features)``.
        targets: Classes, 1 or 0.
        activation: A name of `ACTIVATIONS`.
        loss: A name of `LOSSES`.
    """
    X = np.asarray(X, float)
    t = np.asarray(targets, float).reshape(-1, 1)
    zs, _ = forward(layers, X, activation)
    value, slope = ACTIVATIONS[activation][:2]
    inputs = [X, *(value(z) for z in zs[:-1])]
    # δ = ∂L/∂z of the last layer, then of the one below, and so on
    delta = LOSSES[loss].slope(zs[-1], t) / len(X)
    result: Layers = []
    for k in reversed(range(len(layers))):
        result.append((inputs[k].T @ delta, delta.sum(axis=0)))
        if k:
            delta = (delta @ layers[k][0].T) * slope(zs[k - 1])
    return float(np.mean(LOSSES[loss].value(zs[-1], t))), result[::-1]


def network_step(
    layers: Layers,
    X: ArrayLike,
    targets: ArrayLike,
    *,
    rate: float,
    activation: str = "tanh",
    loss: str = "cross-entropy",
) -> Layers:
    """Return the network one step down: each number less η times its gradient.

    >>> rng = np.random.default_rng(1)
    >>> layers = initial_layers((2, 4, 1), rng)
    >>> for _ in range(400):
    ...     layers = network_step(layers, XOR_X, [0, 1, 1, 0], rate=1.0)
    >>> sign(forward(layers, XOR_X)[0][-1]).ravel().tolist() == XOR_Y.tolist()
    True
    """
    _, downhill = gradients(layers, X, targets, activation, loss)
    return [
        (W - rate * to_W, b - rate * to_b)
        for (W, b), (to_W, to_b) in zip(layers, downhill, strict=True)
    ]


# What the playground hands over -------------------------------------------------------------------


def replay(given: dict[str, Any]) -> list[Any]:
    """Take the steps that a JSON of the neuron playground names; return what was there after each.

    Args:
        given: What ``json.load`` made of it. A perceptron's ``order`` has an example for each step,
            a network's a list of them.

    Returns:
        For a perceptron a dict of ``weights`` and ``bias`` after each step; for a network a list of
        layers, each a dict of ``W`` and ``b``: as the playground's own ``after``.

    >>> corners = {"X": XOR_X.tolist(), "y": [-1, 1, 1, 1], "order": [0, 1]}
    >>> replay({"kind": "perceptron", "weights": [0, 0], "bias": 0, "rate": 1, **corners})[-1]
    {'weights': [0.0, 2.0], 'bias': 2.0}
    """
    X, y, after = np.array(given["X"], float), np.array(given["y"], float), list[Any]()
    if given["kind"] == "perceptron":
        weights, bias = np.array(given["weights"], float), float(given["bias"])
        for at in given["order"]:
            weights, bias = perceptron_step(weights, bias, X[at], float(y[at]), rate=given["rate"])
            after.append({"weights": weights.tolist(), "bias": bias})
        return after
    layers = [(np.array(one["W"], float), np.array(one["b"], float)) for one in given["layers"]]
    choices = {name: given[name] for name in ("rate", "activation", "loss")}
    for batch in given["order"]:
        layers = network_step(layers, X[batch], (y[batch] + 1) / 2, **choices)
        after.append([{"W": W.tolist(), "b": b.tolist()} for W, b in layers])
    return after
