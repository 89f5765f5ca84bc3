"""Gradients by hand: how large the numbers of a deep network are, forward and backward.

A layer is a⁽ˡ⁾ = g(z⁽ˡ⁾), z⁽ˡ⁾ = a⁽ˡ⁻¹⁾ W⁽ˡ⁾, without biases, which are 0 when training begins. An
upstream gradient is ∂E/∂a of the last layer.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod, sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import UnknownNameError

Array = NDArray[Any]


# ---- a product of slopes ------------------------------------------------------------------------


def chain_factor(slope: float, layers: int, weight: float = 1.0) -> float:
    """Return what a chain of units, one a layer, makes of a gradient: (w g′)ᴸ.

    ∂g⁽ᴸ⁾/∂W⁽¹⁾ is a product of partial derivatives   (CS3244 week 10, "Vanishing Gradient Problem")

    Args:
        slope: g′, the same in every layer.
        layers: L.
        weight: w, the same in every layer.

    >>> f"{chain_factor(0.5, 15):.7f}"  # the slide's example, which prints 0.0003
    '0.0000305'
    >>> f"{chain_factor(0.25, 15):.1e}"  # the steepest slope that a sigmoid has
    '9.3e-10'
    >>> round(chain_factor(1.0, 15, weight=1.5), 1)  # the same product explodes
    437.9
    """
    # (w g′)ᴸ
    return (weight * slope) ** layers


class Activation(NamedTuple):
    """An activation and its derivative, both functions of what the unit is given."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


ACTIVATIONS = {
    "linear": Activation(lambda z: z, np.ones_like),
    "sigmoid": Activation(_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky relu": Activation(
        lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)
    ),
}


def slope(activation: str, z: ArrayLike) -> Array:
    """Return g′(z), which a gradient is multiplied by on its way back through an activation.

    Args:
        activation: A name of `ACTIVATIONS`.
        z: What the units are given, of any shape.

    Raises:
        UserError: If there is no such activation.

    Far from 0 a sigmoid saturates, and a ReLU does not:

    >>> slope("sigmoid", [0.0, 2.0, 5.0, 10.0]).round(5).tolist()
    [0.25, 0.10499, 0.00665, 5e-05]
    >>> slope("relu", [-5.0, 0.1, 5.0, 10.0]).tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    return np.asarray(_activation(activation).slope(np.asarray(z, float)))


def _activation(name: str) -> Activation:
    if name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


# ---- initialization -----------------------------------------------------------------------------


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return fan in and fan out: how many inputs a unit adds up, and how many units an input feeds.

    Args:
        shape: Of a kernel: ``(inputs, units)``, or ``(height, width, channels, filters)`` and the
            like, where every place of the window counts.

    >>> fans((784, 100)), fans((3, 3, 64, 128))
    ((784, 100), (576, 1152))
    """
    *window, channels, filters = shape
    return prod(window) * channels, prod(window) * filters


def glorot_variance(shape: Sequence[int]) -> float:
    """Return the variance of a weight's first value after Glorot and Bengio (2010).

    Var(w) = 2 / (fan in + fan out)

    >>> round(glorot_variance((100, 300)), 4)
    0.005
    """
    fan_in, fan_out = fans(shape)
    # Var(w) = 2 / (fan in + fan out)        between 1 / fan in, forward, and 1 / fan out, backward
    return 2 / (fan_in + fan_out)


def he_variance(shape: Sequence[int]) -> float:
    """Return the variance of a weight's first value after He et al. (2015), for ReLU.

    Var(w) = 2 / fan in

    >>> round(he_variance((100, 300)), 4)
    0.02
    """
    fan_in, _ = fans(shape)
    # Var(w) = 2 / fan in                      the 2 makes up for the half that ReLU sets to 0
    return 2 / fan_in


INITIALIZATIONS: dict[str, Callable[[Sequence[int]], float]] = {
    "small": lambda shape: 0.01**2,
    "large": lambda shape: 4 / fans(shape)[0],
    "Glorot": glorot_variance,
    "He": he_variance,
}


def initial_weights(shape: Sequence[int], initialization: str, rng: np.random.Generator) -> Array:
    """Draw a kernel from a normal distribution of mean 0.

    Args:
        shape: Of the kernel, inputs before units.
        initialization: ``"Glorot"``, ``"He"``, ``"small"`` (a standard deviation of 0.01, whatever
            the layer), or ``"large"`` (twice He's variance).
        rng: Decides the draws.

    Raises:
        UserError: If there is no such initialization.

    >>> weights = initial_weights((400, 400), "He", np.random.default_rng(0))
    >>> round(float(weights.var()), 3)
    0.005
    """
    if initialization not in INITIALIZATIONS:
        raise UnknownNameError("initialization", initialization, INITIALIZATIONS)
    return rng.normal(0, sqrt(INITIALIZATIONS[initialization](shape)), shape)


def mean_squares(
    widths: Sequence[int], variance_of: Callable[[Sequence[int]], float], *, gain: float = 0.5
) -> list[float]:
    """Return what theory expects E[a²] to be after each layer, for inputs with E[a²] = 1.

    Var(z⁽ˡ⁾) = fan in · Var(w) · E[(a⁽ˡ⁻¹⁾)²],   E[(a⁽ˡ⁾)²] = gain · Var(z⁽ˡ⁾)

    Args:
        widths: Units of the input and of each layer.
        variance_of: `glorot_variance`, `he_variance`, or another function of a kernel's shape.
        gain: What the activation leaves of a square: ½ for ReLU, 1 for a linear unit, and nearly 1
            for tanh, as long as z is small.

    Under He a ReLU network keeps its size. Under Glorot each layer halves it, and fifteen layers
    leave the slide's 0.5¹⁵:

    >>> mean_squares([100] * 16, he_variance)[-1]
    1.0
    >>> f"{mean_squares([100] * 16, glorot_variance)[-1]:.7f}"
    '0.0000305'
    """
    squares, square = [], 1.0
    for shape in pairwise(widths):
        # E[(a⁽ˡ⁾)²] = gain · fan in · Var(w) · E[(a⁽ˡ⁻¹⁾)²]
        square *= gain * fans(shape)[0] * variance_of(shape)
        squares.append(square)
    return squares


# ---- a stack of layers, forward and backward ----------------------------------------------------

Normalization = Literal["none", "batch", "layer"]
AXES = {"batch": 0, "layer": 1}
EPSILON = 1e-3


class Step(NamedTuple):
    """What one layer computed.

    Attributes:
        given: What came in, of shape ``(examples, inputs)``.
        z: The weighted sums, of shape ``(examples, units)``.
        u: What the activation is given: z, or z normalized.
        a: What goes out.
    """

    given: Array
    z: Array
    u: Array
    a: Array


def normalize(z: Array, over: Normalization) -> Array:
    """Bring weighted sums to mean 0 and variance 1: (z − μ) / √(σ² + ε), with ε = 0.001.

    Args:
        z: Of shape ``(examples, units)``.
        over: ``"batch"``: each unit over the examples; ``"layer"``: each example over the units;
            or ``"none"``.

    >>> normalize(np.array([[10.0], [20.0], [60.0]]), "batch").round(2).ravel().tolist()
    [-0.93, -0.46, 1.39]
    """
    if over == "none":
        return z
    axis = AXES[over]
    # ẑ = (z − μ) / √(σ² + ε)
    return np.asarray(
        (z - z.mean(axis, keepdims=True)) / np.sqrt(z.var(axis, keepdims=True) + EPSILON)
    )


def normalize_backward(upstream: Array, z: Array, over: Normalization) -> Array:
    """Return ∂E/∂z from ∂E/∂ẑ, both of shape ``(examples, units)``.

    >>> z = np.array([[10.0], [20.0], [60.0]])
    >>> back = normalize_backward(np.ones_like(z), z, "batch")  # all move alike: nothing changes
    >>> bool(np.allclose(back, 0))
    True
    """
    if over == "none":
        return upstream
    axis, z_hat = AXES[over], normalize(z, over)
    mean, along = (part.mean(axis, keepdims=True) for part in (upstream, upstream * z_hat))
    # ∂E/∂z = (ĝ − mean(ĝ) − ẑ mean(ĝ ẑ)) / √(σ² + ε),  ĝ = ∂E/∂ẑ
    deviation = np.sqrt(z.var(axis, keepdims=True) + EPSILON)
    return np.asarray((upstream - mean - z_hat * along) / deviation)


def forward(
    x: ArrayLike,
    weights: Sequence[Array],
    activation: str = "relu",
    *,
    normalization: Normalization = "none",
    shortcuts: bool = False,
) -> list[Step]:
    """Pass examples through a stack of layers, and keep what each of them computed.

    a⁽ˡ⁾ = g(norm(a⁽ˡ⁻¹⁾ W⁽ˡ⁾)),   with shortcuts  a⁽ˡ⁾ = a⁽ˡ⁻¹⁾ + g(norm(a⁽ˡ⁻¹⁾ W⁽ˡ⁾))

    Args:
        x: Of shape ``(examples, inputs)``.
        weights: A kernel for each layer, of shape ``(inputs, units)``.
        activation: A name of `ACTIVATIONS`.
        normalization: What normalizes the weighted sums: ``"none"``, ``"batch"`` or ``"layer"``.
        shortcuts: Whether each layer's input is added to its output; kernels are then square.

    Raises:
        UserError: If there is no such activation.

    Six layers of two units, whose weights add nothing but a half of each unit:

    >>> steps = forward([[1.0, 2.0]], [0.5 * np.eye(2)] * 6)
    >>> steps[-1].a.tolist()
    [[0.015625, 0.03125]]
    >>> forward([[1.0, 2.0]], [0.5 * np.eye(2)] * 6, shortcuts=True)[-1].a.round(2).tolist()
    [[11.39, 22.78]]
    """
    g, a = _activation(activation), np.asarray(x, float)
    steps = []
    for kernel in weights:
        given, z = a, a @ kernel
        u = normalize(z, normalization)
        a = given + g.value(u) if shortcuts else g.value(u)
        steps.append(Step(given, z, u, a))
    return steps


def backward(
    upstream: ArrayLike,
    steps: Sequence[Step],
    weights: Sequence[Array],
    activation: str = "relu",
    *,
    normalization: Normalization = "none",
    shortcuts: bool = False,
) -> tuple[list[Array], list[Array]]:
    """Pass a gradient back through the stack.

    δ = ∂E/∂z = norm′(∂E/∂a ⊙ g′(u)),   ∂E/∂W = (a⁽ˡ⁻¹⁾)ᵀ δ,   ∂E/∂a⁽ˡ⁻¹⁾ = δ Wᵀ (+ ∂E/∂a⁽ˡ⁾)

    Args:
        upstream: ∂E/∂a of the last layer, of its shape.
        steps: What `forward` returned.
        weights: The kernels, as `forward` was given them.
        activation: As `forward` was given it.
        normalization: As `forward` was given it.
        shortcuts: As `forward` was given it: the gradient then also goes back past each layer.

    Returns:
        ∂E/∂a of the input and of each layer, one more than there are layers; and ∂E/∂W of each.

    A gradient of 1 through six layers that halve it, without shortcuts and with them:

    >>> weights = [0.5 * np.eye(1)] * 6
    >>> steps = forward([[1.0]], weights)
    >>> [float(one[0, 0]) for one in backward([[1.0]], steps, weights)[0]]
    [0.015625, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0]
    >>> steps = forward([[1.0]], weights, shortcuts=True)
    >>> [round(float(one[0, 0]), 2) for one in backward([[1.0]], steps, weights, shortcuts=True)[0]]
    [11.39, 7.59, 5.06, 3.38, 2.25, 1.5, 1.0]
    """
    g = _activation(activation)
    to_outputs = [np.asarray(upstream, float)]
    to_weights: list[Array] = []
    for step, kernel in zip(reversed(steps), reversed(weights), strict=True):
        # δ = norm′(∂E/∂a ⊙ g′(u))
        delta = normalize_backward(to_outputs[0] * g.slope(step.u), step.z, normalization)
        # ∂E/∂W = (a⁽ˡ⁻¹⁾)ᵀ δ
        to_weights.insert(0, step.given.T @ delta)
        # ∂E/∂a⁽ˡ⁻¹⁾ = δ Wᵀ, and with a shortcut ∂E/∂a⁽ˡ⁾ as it is
        past = to_outputs[0] if shortcuts else 0.0
        to_outputs.insert(0, delta @ kernel.T + past)
    return to_outputs, to_weights


class Spread(NamedTuple):
    """How large the numbers of a stack are, layer by layer, the input first.

    Attributes:
        activations: √E[a²] of the input and of each layer.
        gradients: √E[(∂E/∂a)²] of the same.
    """

    activations: list[float]
    gradients: list[float]


def spread(
    depth: int,
    width: int = 100,
    activation: str = "relu",
    initialization: str = "He",
    *,
    normalization: Normalization = "none",
    shortcuts: bool = False,
    examples: int = 200,
    seed: int = 0,
) -> Spread:
    """Draw a stack, send normal numbers up and normal gradients back, and measure both.

    Args:
        depth: Layers.
        width: Units in each layer, and inputs.
        activation: A name of `ACTIVATIONS`.
        initialization: A name of `INITIALIZATIONS`.
        normalization: As `forward` takes it.
        shortcuts: As `forward` takes it.
        examples: How many are sent through.
        seed: Decides weights, inputs and gradients.

    >>> one = spread(20, activation="sigmoid", initialization="Glorot")
    >>> f"{one.gradients[0]:.0e}"
    '2e-13'
    >>> one = spread(20, initialization="He")
    >>> 0.1 < one.gradients[0] < 10, 0.1 < one.activations[-1] < 10
    (True, True)
    """
    rng = np.random.default_rng(seed)
    weights = [initial_weights((width, width), initialization, rng) for _ in range(depth)]
    x, upstream = rng.normal(size=(2, examples, width))
    how: dict[str, Any] = {"normalization": normalization, "shortcuts": shortcuts}
    steps = forward(x, weights, activation, **how)
    back, _ = backward(upstream, steps, weights, activation, **how)
    sizes = [
        [float(np.sqrt(np.mean(one**2))) for one in part]
        for part in ([x, *(step.a for step in steps)], back)
    ]
    return Spread(*sizes)


# ---- units that do not learn --------------------------------------------------------------------


def dead_units(batches: Sequence[ArrayLike]) -> Array:
    """Return which ReLU units answered 0 to every example of a data set.

    No gradient goes through such a unit, so its weights do not move. One example is not enough to
    call a unit dead: most live units are at 0 for some.

    Args:
        batches: What the layer gave out, each of shape ``(examples, units)``.

    Returns:
        True for each dead unit, of shape ``(units,)``.

    >>> dead_units([[[0.0, 2.0, 0.0]], [[0.0, 0.0, 1.0]]]).tolist()
    [True, False, False]
    """
    silent = [(np.asarray(batch) <= 0).all(axis=0) for batch in batches]
    return np.asarray(np.all(silent, axis=0))


def saturated_share(sigmoids: ArrayLike, margin: float = 0.05) -> float:
    """Return the share of a sigmoid layer's answers that lie within `margin` of 0 or 1.

    >>> saturated_share([[0.01, 0.5], [0.99, 0.9]])
    0.5
    """
    answers = np.asarray(sigmoids, float)
    return float(np.mean((answers < margin) | (answers > 1 - margin)))


# ---- clipping -----------------------------------------------------------------------------------


def clip_by_value(gradients: Sequence[ArrayLike], limit: float) -> list[Array]:
    """Cut every entry to [−limit, limit]: Keras's `clipvalue`. The direction may change.

    >>> [one.tolist() for one in clip_by_value([[3.0, 0.4], [-4.0]], 1.0)]
    [[1.0, 0.4], [-1.0]]
    """
    return [np.clip(np.asarray(one, float), -limit, limit) for one in gradients]


def clip_by_norm(gradients: Sequence[ArrayLike], limit: float) -> list[Array]:
    """Shorten each array to a norm of `limit` at most: Keras's `clipnorm`.

    Each array keeps its direction; all of them together may not.

    >>> [one.round(2).tolist() for one in clip_by_norm([[3.0, 4.0], [0.5]], 1.0)]
    [[0.6, 0.8], [0.5]]
    """
    return [part for one in gradients for part in clip_by_global_norm([one], limit)]


def clip_by_global_norm(gradients: Sequence[ArrayLike], limit: float) -> list[Array]:
    """Shorten all arrays by one factor, to a common norm of `limit`: Keras's `global_clipnorm`.

    g ← g · min(1, limit / √Σ‖g‖²)   (Pascanu, Mikolov, Bengio, 2013)

    >>> [one.round(2).tolist() for one in clip_by_global_norm([[3.0, 4.0], [12.0]], 1.3)]
    [[0.3, 0.4], [1.2]]
    """
    arrays = [np.asarray(one, float) for one in gradients]
    norm = sqrt(sum(float((one**2).sum()) for one in arrays))
    # g ← g · min(1, limit / norm)             one factor for all: the direction stays
    return [one * (min(1.0, limit / norm) if norm else 1.0) for one in arrays]


# ---- residual blocks ----------------------------------------------------------------------------


def dense_residual_block(
    x: ArrayLike, first: Array, second: Array, *, preactivation: bool = False
) -> Array:
    """Return what a block of two dense layers with a shortcut makes of its input.

    y = relu(x + relu(x W₁) W₂)           (He et al., 2016, Deep residual learning, figure 2)
    y = x + relu(relu(x) W₁) W₂           (He et al., 2016, Identity mappings, figure 1b)

    Args:
        x: Of shape ``(examples, units)``.
        first: W₁, of shape ``(units, hidden)``.
        second: W₂, of shape ``(hidden, units)``.
        preactivation: Whether ReLU stands before the weights, and none behind the addition.

    With weights of 0 the block is there and changes nothing that is positive:

    >>> dense_residual_block([[1.0, 2.0]], np.zeros((2, 3)), np.zeros((3, 2))).tolist()
    [[1.0, 2.0]]
    """
    x = np.asarray(x, float)
    if preactivation:
        return np.asarray(x + np.maximum(np.maximum(x, 0) @ first, 0) @ second)
    return np.asarray(np.maximum(x + np.maximum(x @ first, 0) @ second, 0))


def dense_residual_block_backward(
    upstream: ArrayLike,
    x: ArrayLike,
    first: Array,
    second: Array,
    *,
    preactivation: bool = False,
) -> tuple[Array, Array, Array]:
    """Return ∂E/∂x, ∂E/∂W₁ and ∂E/∂W₂ of `dense_residual_block`.

    ∂E/∂x = ∂E/∂s + (∂E/∂F) ∂F/∂x:  the first term goes past the weights, whatever they are.

    Args:
        upstream: ∂E/∂y, of shape ``(examples, units)``.
        x: As `dense_residual_block` takes it.
        first: W₁.
        second: W₂.
        preactivation: As `dense_residual_block` takes it.

    >>> zero = np.zeros((2, 2))  # no gradient comes through the weights, and one comes past them
    >>> dense_residual_block_backward([[3.0, 5.0]], [[1.0, 2.0]], zero, zero)[0].tolist()
    [[3.0, 5.0]]
    """
    x, upstream = np.asarray(x, float), np.asarray(upstream, float)
    given = np.maximum(x, 0) if preactivation else x
    hidden = np.maximum(given @ first, 0)
    total = x + hidden @ second
    # s = x + F(x): ∂E/∂s = ∂E/∂y, behind a ReLU only where s > 0
    to_sum = upstream if preactivation else upstream * (total > 0)
    delta = to_sum @ second.T * (hidden > 0)
    through = delta @ first.T
    # ∂E/∂x = ∂E/∂s + (∂E/∂F) ∂F/∂x
    to_x = to_sum + through * (x > 0 if preactivation else 1.0)
    return to_x, given.T @ delta, hidden.T @ to_sum
