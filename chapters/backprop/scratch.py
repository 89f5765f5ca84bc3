"""The multilayer perceptron by hand: forward, backward and update, for any number of layers.

Layer k of Intro to ML, chapter 12, for a batch at once. Rows are examples, so weights are
``(inputs, outputs)``, as Keras keeps them. With δ = ∂E/∂z:

    z[k] = a[k−1] W[k] + b[k]               a[k] = f(z[k])                       forward
    δ[k] = (δ[k+1] W[k+1]ᵀ) ⊙ f′(z[k])                                           backward
    ∂E/∂W[k] = a[k−1]ᵀ δ[k]                 ∂E/∂b[k] = Σ over the batch of δ[k]  update
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import UnknownNameError, UserError

Array = NDArray[np.floating]

# ---- what a layer and a loss are made of ---------------------------------------------------------


class Activation(NamedTuple):
    """A function of each pre-activation by itself, and its derivative, from z and a = f(z)."""

    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + e^−z), without an overflow at either end.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    return np.exp(-np.logaddexp(0, -z))


LEAK = 0.01  # as Intro to ML has it; Keras's leaky_relu has 0.2 unless told otherwise

ACTIVATIONS = {
    "linear": Activation(lambda z: z, lambda z, a: np.ones_like(z)),
    "sigmoid": Activation(sigmoid, lambda z, a: a * (1 - a)),
    "tanh": Activation(np.tanh, lambda z, a: 1 - a**2),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z, a: 1.0 * (z > 0)),
    "leaky_relu": Activation(
        lambda z: np.where(z > 0, z, LEAK * z), lambda z, a: np.where(z > 0, 1.0, LEAK)
    ),
}
"""The activations by Keras's names, each with its slope."""


class Loss(NamedTuple):
    """A mean over the batch, and its derivative for each output of the last layer."""

    value: Callable[[Array, Array], np.floating]
    gradient: Callable[[Array, Array], Array]


def log_softmax(logits: Array) -> Array:
    """Return the logarithms of the softmax's probabilities, row by row.

    >>> log_softmax(np.array([[1e4, 0.0, -1e4]]))
    array([[     0., -10000., -20000.]])
    """
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))


LOSSES = {
    "squared_error": Loss(
        lambda a, y: np.sum((a - y) ** 2) / 2 / len(a),
        lambda a, y: (a - y) / len(a),
    ),
    "cross_entropy": Loss(
        lambda z, y: -np.sum(y * log_softmax(z)) / len(z),
        lambda z, y: (np.exp(log_softmax(z)) - y) / len(z),
    ),
    "binary_cross_entropy": Loss(
        lambda z, y: np.mean(np.logaddexp(0, z) - y * z),
        lambda z, y: (sigmoid(z) - y) / z.size,
    ),
    "hinge": Loss(
        lambda z, y: np.mean(np.maximum(1 - y * z, 0)),
        lambda z, y: np.where(y * z < 1, -y, 0.0) / z.size,
    ),
}
"""The losses, each with its gradient: ½(a − y)² as CS3244 and CS826 have it; the two entropies take
logits, so that the last layer stays linear, and give p − y; hinge has targets −1 and 1."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A fully connected layer.

    Attributes:
        weights: Shape ``(inputs, outputs)``.
        bias: Shape ``(outputs,)``.
        activation: A name of `ACTIVATIONS`.
    """

    weights: Array
    bias: Array
    activation: str = "linear"

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise UnknownNameError("activation", self.activation, ACTIVATIONS)


def initial_layers(
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    activation: str = "relu",
    output: str = "linear",
) -> list[Layer]:
    """Return layers with random weights and biases of 0.

    The weights are normal with variance 2 / inputs in a network of ReLUs (He et al., 2015) and
    1 / inputs in others: small enough to keep every layer awake, and no two alike.

    Args:
        sizes: Numbers in and out: of the input, of each hidden layer, of the output.
        rng: Draws the weights.
        activation: Of the hidden layers.
        output: Of the last layer.

    >>> layers = initial_layers([64, 32, 10], np.random.default_rng(0))
    >>> [layer.weights.shape for layer in layers], sum(p.size for p in parameters(layers))
    ([(64, 32), (32, 10)], 2410)
    """
    spread = 2 if "relu" in activation else 1
    return [
        Layer(
            rng.normal(0, np.sqrt(spread / inputs), (inputs, outputs)),
            np.zeros(outputs),
            output if index == len(sizes) - 2 else activation,
        )
        for index, (inputs, outputs) in enumerate(pairwise(sizes))
    ]


# ---- forward, backward, update -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trace:
    """What a forward pass leaves for the way back.

    Attributes:
        z: The pre-activations of each layer, of shape ``(batch, outputs)``.
        a: The input, then the activations of each layer: one array more than there are layers.
    """

    z: list[Array]
    a: list[Array]

    @property
    def output(self) -> Array:
        """What the last layer answers."""
        return self.a[-1]


def forward(layers: Sequence[Layer], x: Array) -> Trace:
    """Send a batch through the layers: z = a W + b, then a = f(z).

    Args:
        layers: First to last.
        x: Shape ``(batch, inputs)``.

    Raises:
        UserError: If a layer does not fit what reaches it; the layer is named.
    """
    trace = Trace([], [x])
    for number, layer in enumerate(layers, 1):
        if trace.output.shape[-1] != len(layer.weights):
            raise UserError(
                f"Layer {number} has weights of shape {layer.weights.shape}, so it takes "
                f"{len(layer.weights)} numbers. Received: {trace.output.shape[-1]}."
            )
        trace.z.append(trace.output @ layer.weights + layer.bias)
        trace.a.append(ACTIVATIONS[layer.activation].value(trace.z[-1]))
    return trace


def backward(layers: Sequence[Layer], trace: Trace, gradient: Array) -> list[Array]:
    """Send a gradient back through the layers, and return it for every weight and every bias.

    Args:
        layers: First to last.
        trace: Of the forward pass.
        gradient: ∂E/∂a of the last layer, of shape ``(batch, outputs)``.

    Returns:
        For each layer, first to last, its weights' gradient and its bias's: as `parameters` has
        them.
    """
    gradients: list[Array] = []
    for layer, z, a, below in reversed(
        list(zip(layers, trace.z, trace.a[1:], trace.a, strict=False))
    ):
        # δ[k] = ∂E/∂a[k] ⊙ f′(z[k])
        delta = gradient * ACTIVATIONS[layer.activation].slope(z, a)
        # ∂E/∂W[k] = a[k−1]ᵀ δ[k]; a bias is a weight whose input is always 1
        gradients[:0] = [below.T @ delta, delta.sum(axis=0)]
        # ∂E/∂a[k−1] = δ[k] W[k]ᵀ, with the weights of the forward pass
        gradient = delta @ layer.weights.T
    return gradients


def loss_and_gradients(
    layers: Sequence[Layer], x: Array, targets: Array, loss: str = "cross_entropy"
) -> tuple[float, list[Array]]:
    """Return the loss on a batch, and its gradient for every weight and every bias.

    Args:
        layers: First to last.
        x: Shape ``(batch, inputs)``.
        targets: Shape ``(batch, outputs)``; classes as rows of ``np.eye(classes)``.
        loss: A name of `LOSSES`.

    Raises:
        UserError: If there is no such loss, or outputs and targets differ in shape.

    COMP7015's exercise, whose loss is without the ½, so that everything is twice as large:

    >>> V, w = np.array([[1.1, -1, -0.5], [2, 1, 1.2]]).T, np.array([[2], [0.6]])
    >>> network = [Layer(V, np.zeros(2), "sigmoid"), Layer(w, np.zeros(1))]
    >>> phi, y = np.array([[1.5, -0.7, 0.6]]), np.array([[1.8]])
    >>> half, (to_V, _, to_w, _) = loss_and_gradients(network, phi, y, "squared_error")
    >>> print(f"{2 * half:.6f}", (2 * to_w).ravel().round(6))
    0.295911 [0.96387  1.037331]
    >>> (2 * to_V).T.round(6)
    array([[ 0.329795, -0.153904,  0.131918],
           [ 0.043441, -0.020272,  0.017376]])
    """
    if loss not in LOSSES:
        raise UnknownNameError("loss", loss, LOSSES)
    trace = forward(layers, x)
    if trace.output.shape != np.shape(targets):
        raise UserError(
            f"The network answers with shape {trace.output.shape}, so that is the targets' shape. "
            f"Received: {np.shape(targets)}. (Classes are rows of np.eye(classes)[labels].)"
        )
    gradient = LOSSES[loss].gradient(trace.output, targets)
    return float(LOSSES[loss].value(trace.output, targets)), backward(layers, trace, gradient)


Update = Callable[[list[Array], list[Array]], list[Array]]
"""From parameters and their gradients to the next parameters; it may remember what it has seen."""


def gradient_descent(rate: float) -> Update:
    """Return the simplest update: w ← w − η ∂E/∂w   (CS3244 week 10, "Weight Update")."""

    def update(now: list[Array], gradients: list[Array]) -> list[Array]:
        return [w - rate * gradient for w, gradient in zip(now, gradients, strict=True)]

    return update


def parameters(layers: Iterable[Layer]) -> list[Array]:
    """Return the weights and the bias of each layer, first to last, in one list."""
    return [array for layer in layers for array in (layer.weights, layer.bias)]


def with_parameters(layers: Sequence[Layer], arrays: Sequence[Array]) -> list[Layer]:
    """Return the layers with other weights and biases, given as `parameters` has them."""
    return [
        replace(layer, weights=weights, bias=bias)
        for layer, weights, bias in zip(layers, arrays[::2], arrays[1::2], strict=True)
    ]


def fit(
    layers: Sequence[Layer],
    batches: Iterable[tuple[Array, Array]],
    update: Update,
    loss: str = "cross_entropy",
) -> tuple[list[Layer], list[float]]:
    """Train: forward, backward, update, once for each batch.

    Args:
        layers: First to last; they are not changed.
        batches: Pairs of inputs and targets.
        update: `gradient_descent`, or any other optimizer.
        loss: A name of `LOSSES`.

    Returns:
        The trained layers, and the loss on each batch before its update.
    """
    layers, losses = list(layers), []
    for x, targets in batches:
        value, gradients = loss_and_gradients(layers, x, targets, loss)
        losses.append(value)
        layers = with_parameters(layers, update(parameters(layers), gradients))
    return layers, losses


# ---- the gradient checker ------------------------------------------------------------------------


def numerical_gradient(f: Callable[[Array], ArrayLike], x: Array, step: float = 1e-6) -> Array:
    """Return (f(x + h) − f(x − h)) / 2h, for one element of x after the other.

    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, -3.0])).round(6)
    array([ 2., -6.])
    """
    return (sided_differences(f, x, step) + sided_differences(f, x, -step)) / 2


def sided_differences(f: Callable[[Array], ArrayLike], x: Array, step: float) -> Array:
    """Return (f(x + h) − f(x)) / h, for one element of x after the other; h may be negative."""
    moved, value = np.array(x, float), np.asarray(f(np.array(x, float)))
    slopes = np.zeros_like(moved)
    for index in np.ndindex(moved.shape):
        moved[index] = x[index] + step
        slopes[index] = (np.asarray(f(moved)) - value) / (moved[index] - x[index])
        moved[index] = x[index]
    return slopes


def relative_error(ours: ArrayLike, measured: ArrayLike) -> float:
    """Return ‖ours − measured‖ / max(‖ours‖, ‖measured‖), and 0 where both are 0.

    >>> relative_error([1e-9], [2e-9])  # small, and wrong all the same
    0.5
    """
    sizes = np.linalg.norm(ours), np.linalg.norm(measured)
    return float(np.linalg.norm(np.subtract(ours, measured)) / (max(sizes) or 1.0))


class GradientCheck(NamedTuple):
    """How a gradient compares with the measured one.

    Attributes:
        error: The relative error, kinks left out.
        worst: Where the two lie furthest apart.
        ours: The gradient there.
        measured: The measured one there.
        kinks: Where the function has a kink within reach of the step, and no single slope.
    """

    error: float
    worst: tuple[int, ...]
    ours: float
    measured: float
    kinks: list[tuple[int, ...]]


def check_gradient(
    f: Callable[[Array], ArrayLike], x: Array, gradient: Array, step: float = 1e-6
) -> GradientCheck:
    """Hold a gradient against central differences of its function.

    Args:
        f: From an array to one number.
        x: Where; of float64, since in float32 the difference drowns in rounding.
        gradient: What is to be checked, in the shape of x.
        step: How far each element is moved, both ways.

    Raises:
        UserError: If the shapes differ.

    >>> x = np.array([3.0, -2.0, 0.0])
    >>> check = check_gradient(lambda x: np.sum(np.abs(x)), x, np.array([1.0, 1.0, 0.0]))
    >>> check.worst, check.ours, round(check.measured, 6), check.kinks
    ((1,), 1.0, -1.0, [(2,)])
    """
    if np.shape(gradient) != np.shape(x):
        raise UserError(
            f"A gradient has the shape of what it belongs to, {np.shape(x)}. "
            f"Received: {np.shape(gradient)}."
        )
    right, left = sided_differences(f, x, step), sided_differences(f, x, -step)
    # Where f is smooth the two differ by h·f″; at a kink by what the slope jumps.
    kinked = np.abs(right - left) > 1e-2 * np.maximum(1e3 * step, np.abs(right) + np.abs(left))
    measured = np.where(kinked, gradient, (right + left) / 2)
    worst = np.unravel_index(np.argmax(np.abs(gradient - measured)), np.shape(x))
    return GradientCheck(
        relative_error(gradient, measured),
        tuple(int(index) for index in worst),
        float(gradient[worst]),
        float(measured[worst]),
        [tuple(map(int, index)) for index in np.argwhere(kinked)],
    )


# ---- CS826's worked example ----------------------------------------------------------------------

CS826_NETWORK = [
    Layer(np.array([[3.0, 6.0], [4.0, 5.0]]), np.array([1.0, -6.0]), "sigmoid"),
    Layer(np.array([[2.0], [4.0]]), np.array([-3.92]), "sigmoid"),
]
"""Units 3 and 4, then unit 5: weights from x₁ and x₂, from y₃ and y₄, and the biases w₀ⱼ."""

CS826_INPUT, CS826_TARGET, CS826_RATE = np.array([[1.0, 0.0]]), np.array([[1.0]]), 0.1


class Row(NamedTuple):
    """A row of CS826's table: the weight from i to j, δ of j, y of i, and the weight updated."""

    i: int
    j: int
    weight: float
    delta: float
    y: float
    updated: float


CS826_TABLE = (
    Row(0, 3, 1, 0.0043, 1.0, 1.0004),
    Row(1, 3, 3, 0.0043, 1.0, 3.0004),
    Row(2, 3, 4, 0.0043, 0.0, 4.0000),
    Row(0, 4, -6, 0.1225, 1.0, -5.9878),
    Row(1, 4, 6, 0.1225, 1.0, 6.0123),
    Row(2, 4, 5, 0.1225, 0.0, 5.0000),
    Row(0, 5, -3.92, 0.1225, 1.0, -3.9078),
    Row(3, 5, 2, 0.1225, 0.9820, 2.0120),
    Row(4, 5, 4, 0.1225, 0.5, 4.0061),
)
"""The table as the slide prints it."""


def delta_rule_table(*, rounded: bool = False) -> list[Row]:
    """Return CS826's table: one step of gradient descent on ½(target − y)², weight by weight.

    The slide's δ has the other sign, δ = −∂E/∂z, so that Δw = η δⱼ yᵢ is added.

    Args:
        rounded: Whether to round half up on the way, as the slide does: y₃ and y₄ to three digits,
            y₅ to two, δ and the weights to four.

    As the slide has it:

    >>> [tuple(row) for row in delta_rule_table(rounded=True)] == [tuple(r) for r in CS826_TABLE]
    True

    Unrounded, where the fourth digit is another (first what the slide prints):

    >>> for slide, row in zip(CS826_TABLE, delta_rule_table(), strict=True):
    ...     for name in ("delta", "updated"):
    ...         if abs(getattr(row, name) - getattr(slide, name)) > 5.001e-5:
    ...             printed, right = getattr(slide, name), getattr(row, name)
    ...             print(f"w{row.i}{row.j} {name}: {printed:.4f}, unrounded {right:.4f}")
    w04 delta: 0.1225, unrounded 0.1222
    w14 delta: 0.1225, unrounded 0.1222
    w14 updated: 6.0123, unrounded 6.0122
    w24 delta: 0.1225, unrounded 0.1222
    w05 delta: 0.1225, unrounded 0.1222
    w35 delta: 0.1225, unrounded 0.1222
    w45 delta: 0.1225, unrounded 0.1222
    """
    digits = half_up if rounded else lambda value, _: float(value)
    (to_hidden, to_output), (y, output) = CS826_NETWORK, forward(CS826_NETWORK, CS826_INPUT).a[1:]
    y3, y4, y5 = digits(y[0, 0], 3), digits(y[0, 1], 3), digits(output[0, 0], 2)
    delta5 = digits(y5 * (1 - y5) * (CS826_TARGET.item() - y5), 4)
    delta = {
        3: digits(y3 * (1 - y3) * to_output.weights[0, 0] * delta5, 4),
        4: digits(y4 * (1 - y4) * to_output.weights[1, 0] * delta5, 4),
        5: delta5,
    }
    inputs = {0: 1.0, 1: CS826_INPUT[0, 0], 2: CS826_INPUT[0, 1], 3: y3, 4: y4}
    weights = {(0, 5): to_output.bias[0]}
    for unit in (0, 1):
        weights |= {(0, 3 + unit): to_hidden.bias[unit], (3 + unit, 5): to_output.weights[unit, 0]}
        weights |= {(i, 3 + unit): to_hidden.weights[i - 1, unit] for i in (1, 2)}
    return [
        Row(
            i,
            j,
            float(w),
            delta[j],
            float(inputs[i]),
            digits(w + CS826_RATE * delta[j] * inputs[i], 4),
        )
        for (i, j), w in sorted(weights.items(), key=lambda one: (one[0][1], one[0][0]))
    ]


def half_up(value: float, digits: int) -> float:
    """Round as one does by hand: a 5 at the end goes away from 0.

    >>> half_up(6.01225, 4), half_up(-5.98775, 4)
    (6.0123, -5.9878)
    """
    return float(np.sign(value) * np.floor(abs(value) * 10**digits + 0.5 + 1e-9) / 10**digits)
