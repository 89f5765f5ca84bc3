"""Recurrence by hand: a vanilla network forward, backwards through time, cut short and clipped.

The names are COMP7015's: U takes the input to the hidden state, W the hidden state to the next one,
V the hidden state to the output; b and c are the biases. A batch is laid out as Keras lays it out,
``(batch, steps, features)``, so ``U x`` for one column x becomes ``x @ U.T`` for rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import UserError

Array = NDArray[np.float64]


class Parameters(NamedTuple):
    """The five arrays of a vanilla network, or their gradients.

    Attributes:
        U: Input to hidden, of shape ``(units, features)``.
        W: Hidden to hidden, of shape ``(units, units)``.
        V: Hidden to output, of shape ``(outputs, units)``.
        b: Bias of the hidden state, of shape ``(units,)``.
        c: Bias of the output, of shape ``(outputs,)``.
    """

    U: Array
    W: Array
    V: Array
    b: Array
    c: Array


class Trace(NamedTuple):
    """What a forward pass leaves behind.

    Attributes:
        h: Hidden states h⁽⁰⁾ … h⁽ᵀ⁾, of shape ``(batch, steps + 1, units)``.
        o: Outputs o⁽¹⁾ … o⁽ᵀ⁾ before the softmax, of shape ``(batch, steps, outputs)``.
        y_hat: Probabilities, of the shape of `o`.
    """

    h: Array
    o: Array
    y_hat: Array


def parameter_count(features: int, units: int, outputs: int = 0) -> int:
    """Count the weights of a vanilla network; its number of steps is not asked for.

    units · (features + units + 1) + outputs · (units + 1)

    Reading 8×8 digits row by row, with 64 units and 10 classes:

    >>> parameter_count(8, 64), parameter_count(8, 64, outputs=10)
    (4672, 5322)

    A fully connected layer that keeps 64 numbers for each of 8 rows, from all eight of them, would
    need 8·64·(8·8 + 1) = 33,280, and for 80 rows nearly a hundred times as many. This one stays:

    >>> 8 * 64 * (8 * 8 + 1), 80 * 64 * (80 * 8 + 1)
    (33280, 3281920)
    """
    return units * (features + units + 1) + outputs * (units + 1)


def rnn_step(h: ArrayLike, x: ArrayLike, U: ArrayLike, W: ArrayLike, b: ArrayLike) -> Array:
    """Return the next hidden state, of shape ``(batch, units)``   (COMP7015, "Vanilla RNN").

    One unit with U = 1, W = ½ and b = 0 hears a single 1 and then nothing. What is left of it:

    >>> h = np.zeros((1, 1))
    >>> for x in (1.0, 0.0, 0.0):
    ...     h = rnn_step(h, [[x]], U=[[1.0]], W=[[0.5]], b=[0.0])
    ...     print(h.round(4).item())
    0.7616
    0.3634
    0.1797
    """
    # z⁽ᵗ⁾ = b + W h⁽ᵗ⁻¹⁾ + U x⁽ᵗ⁾
    z = b + np.asarray(h) @ np.transpose(W) + np.asarray(x) @ np.transpose(U)
    # h⁽ᵗ⁾ = tanh(z⁽ᵗ⁾)
    return np.asarray(np.tanh(z))


def rnn_forward(
    x: Array,
    U: Array,
    W: Array,
    b: Array,
    *,
    initial: Array | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Array:
    """Return the hidden states h⁽⁰⁾ … h⁽ᵀ⁾ of a batch: the same U, W and b at every step.

    Args:
        x: Sequences of shape ``(batch, steps, features)``.
        U: Input to hidden, of shape ``(units, features)``.
        W: Hidden to hidden, of shape ``(units, units)``.
        b: Bias of the hidden state, of shape ``(units,)``.
        initial: h⁽⁰⁾ of shape ``(batch, units)``; zeros otherwise.
        mask: True where a step is real, of shape ``(batch, steps)``; at padding the state waits.

    Returns:
        An array of shape ``(batch, steps + 1, units)``; the first of the steps is h⁽⁰⁾.

    A sequence of two steps keeps its answer when two steps of padding follow:

    >>> x = np.array([[[1.0], [2.0], [99.0], [99.0]]])
    >>> weights = {"U": np.array([[1.0]]), "W": np.array([[0.5]]), "b": np.zeros(1)}
    >>> short = rnn_forward(x[:, :2], **weights)
    >>> padded = rnn_forward(x, **weights, mask=np.array([[True, True, False, False]]))
    >>> short[0, -1].round(4).tolist(), padded[0, -1].round(4).tolist()
    ([0.983], [0.983])
    """
    batch, steps, _ = x.shape
    h = np.zeros((batch, steps + 1, len(b)))
    if initial is not None:
        h[:, 0] = initial
    for t in range(steps):  # h[:, t + 1] is h⁽ᵗ⁾ for the lecture's t, which counts from 1
        new = rnn_step(h[:, t], x[:, t], U, W, b)
        h[:, t + 1] = new if mask is None else np.where(mask[:, t, None], new, h[:, t])
    return h


def rnn_backward(
    from_above: Array,
    x: Array,
    h: Array,
    U: Array,
    W: Array,
    *,
    mask: NDArray[np.bool_] | None = None,
    window: int | None = None,
) -> tuple[Array, Array, Array, Array, Array]:
    """Return the gradients of x, U, W, b and h⁽⁰⁾.

    Goodfellow et al. (2016), equations 10.21, 10.23, 10.26 and 10.28.

    Args:
        from_above: What each h⁽¹⁾ … h⁽ᵀ⁾ owes to the loss at its own step, of shape
            ``(batch, steps, units)``: Vᵀ ∇o⁽ᵗ⁾ in a network with outputs.
        x: The sequences, of shape ``(batch, steps, features)``.
        h: The states that `rnn_forward` returned, of shape ``(batch, steps + 1, units)``.
        U: Input to hidden, of shape ``(units, features)``.
        W: Hidden to hidden, of shape ``(units, units)``.
        mask: True where a step is real, of shape ``(batch, steps)``.
        window: Truncated backpropagation: the gradient does not pass from one stretch of so many
            steps into the one before; None lets it run all the way.
    """
    grad_x, grad_U, grad_W = np.zeros_like(x), np.zeros_like(U), np.zeros_like(W)
    grad_b, carried = np.zeros(len(W)), np.zeros_like(h[:, 0])
    for t in reversed(range(x.shape[1])):  # from right to left
        if window and (t + 1) % window == 0:
            carried = np.zeros_like(carried)
        # ∇h⁽ᵗ⁾ L = Wᵀ diag(1 − (h⁽ᵗ⁺¹⁾)²) ∇h⁽ᵗ⁺¹⁾ L + Vᵀ ∇o⁽ᵗ⁾ L                           (10.21)
        grad_h = carried + from_above[:, t]
        # diag(1 − (h⁽ᵗ⁾)²) ∇h⁽ᵗ⁾ L            the slope of tanh, written with its own value
        grad_z = (1 - h[:, t + 1] ** 2) * grad_h
        waited = np.zeros_like(grad_h)
        if mask is not None:  # at padding nothing was computed: the gradient passes untouched
            waited = np.where(mask[:, t, None], 0.0, grad_h)
            grad_z = np.where(mask[:, t, None], grad_z, 0.0)
        # ∇b L = Σₜ diag(1 − (h⁽ᵗ⁾)²) ∇h⁽ᵗ⁾ L                                             (10.23)
        grad_b += grad_z.sum(0)
        # ∇W L = Σₜ diag(1 − (h⁽ᵗ⁾)²) (∇h⁽ᵗ⁾ L) h⁽ᵗ⁻¹⁾ᵀ                                   (10.26)
        grad_W += grad_z.T @ h[:, t]
        # ∇U L = Σₜ diag(1 − (h⁽ᵗ⁾)²) (∇h⁽ᵗ⁾ L) x⁽ᵗ⁾ᵀ                                     (10.28)
        grad_U += grad_z.T @ x[:, t]
        # ∇x⁽ᵗ⁾ L = Uᵀ diag(1 − (h⁽ᵗ⁾)²) ∇h⁽ᵗ⁾ L          for the layer below
        grad_x[:, t] = grad_z @ U
        carried = grad_z @ W + waited
    return grad_x, grad_U, grad_W, grad_b, carried


def forward(x: Array, parameters: Parameters, mask: NDArray[np.bool_] | None = None) -> Trace:
    """Run the lecture's whole network: states, outputs, probabilities at every step.

    Args:
        x: Sequences of shape ``(batch, steps, features)``.
        parameters: U, W, V, b and c.
        mask: True where a step is real, of shape ``(batch, steps)``.
    """
    U, W, V, b, c = parameters
    h = rnn_forward(x, U, W, b, mask=mask)
    # o⁽ᵗ⁾ = c + V h⁽ᵗ⁾
    o = c + h[:, 1:] @ V.T
    # ŷ⁽ᵗ⁾ = softmax(o⁽ᵗ⁾)
    e = np.exp(o - o.max(-1, keepdims=True))
    return Trace(h, o, e / e.sum(-1, keepdims=True))


def loss(trace: Trace, y: NDArray[np.int64], mask: NDArray[np.bool_] | None = None) -> float:
    """Return L = Σ L⁽ᵗ⁾, the cross-entropy in nats summed over all real steps of the batch.

    Args:
        trace: What `forward` returned.
        y: The class at each step, of shape ``(batch, steps)``.
        mask: True where a step is real, of shape ``(batch, steps)``.
    """
    # L⁽ᵗ⁾ = J(ŷ⁽ᵗ⁾, y⁽ᵗ⁾) = −log ŷ⁽ᵗ⁾ at the true class
    each = -np.log(np.take_along_axis(trace.y_hat, y[..., None], axis=-1)[..., 0])
    return float(each.sum() if mask is None else each[mask].sum())


def backward(
    x: Array,
    y: NDArray[np.int64],
    parameters: Parameters,
    trace: Trace,
    *,
    mask: NDArray[np.bool_] | None = None,
    window: int | None = None,
) -> Parameters:
    """Return the gradient of `loss` for all five arrays by backpropagation through time.

    Args:
        x: Sequences of shape ``(batch, steps, features)``.
        y: The class at each step, of shape ``(batch, steps)``.
        parameters: U, W, V, b and c.
        trace: What `forward` returned for them.
        mask: True where a step is real, of shape ``(batch, steps)``.
        window: Steps of truncated backpropagation; None for all.
    """
    U, W, V, _, _ = parameters
    # ∇o⁽ᵗ⁾ L = ŷ⁽ᵗ⁾ − 1[y⁽ᵗ⁾]                                                            (10.18)
    grad_o = trace.y_hat - np.eye(len(V))[y]
    if mask is not None:
        grad_o = np.where(mask[..., None], grad_o, 0.0)
    # ∇c L = Σₜ ∇o⁽ᵗ⁾ L                                                                    (10.22)
    grad_c = grad_o.sum((0, 1))
    # ∇V L = Σₜ (∇o⁽ᵗ⁾ L) h⁽ᵗ⁾ᵀ                                                            (10.24)
    grad_V = np.einsum("nto,ntu->ou", grad_o, trace.h[:, 1:])
    # Vᵀ ∇o⁽ᵗ⁾ L           what each step's own loss asks of its state
    _, grad_U, grad_W, grad_b, _ = rnn_backward(
        grad_o @ V, x, trace.h, U, W, mask=mask, window=window
    )
    return Parameters(grad_U, grad_W, grad_V, grad_b, grad_c)


def sensitivity(h: Array, W: Array) -> Array:
    """Return how strongly the last state depends on each state before: ‖∂h⁽ᵀ⁾ / ∂h⁽ᵀ⁻ᵏ⁾‖₂.

    Args:
        h: States of one sequence, of shape ``(steps + 1, units)``.
        W: Hidden to hidden, of shape ``(units, units)``.

    Returns:
        Spectral norms for k = 0 … steps, of shape ``(steps + 1,)``.

    With states near 0 every step back is one more factor W; here W halves:

    >>> sensitivity(np.zeros((5, 2)), 0.5 * np.eye(2)).tolist()
    [1.0, 0.5, 0.25, 0.125, 0.0625]
    """
    jacobian, norms = np.eye(len(W)), [1.0]
    for state in h[:0:-1]:
        # ∂h⁽ᵗ⁾ / ∂h⁽ᵗ⁻¹⁾ = diag(1 − (h⁽ᵗ⁾)²) W          one factor for each step
        jacobian = jacobian @ ((1 - state**2)[:, None] * W)
        norms.append(float(np.linalg.norm(jacobian, 2)))
    return np.array(norms)


def clip_by_global_norm(gradients: Sequence[ArrayLike], limit: float) -> list[Array]:
    """Shorten a gradient longer than `limit` and keep its direction   (Pascanu et al., 2013).

    Args:
        gradients: One array for each parameter; together they are one long vector.
        limit: The greatest norm of that vector.

    Raises:
        UserError: If the limit is not above 0.

    The vector (3, 4) has length 5; at a limit of 1 a fifth of it is left:

    >>> [part.round(2).tolist() for part in clip_by_global_norm([[3.0], [4.0]], 1.0)]
    [[0.6], [0.8]]
    >>> [part.tolist() for part in clip_by_global_norm([[0.3], [0.4]], 1.0)]
    [[0.3], [0.4]]
    """
    if limit <= 0:
        raise UserError(f"limit is a length above 0, and 1 is usual. Received: limit={limit}.")
    parts = [np.asarray(part, float) for part in gradients]
    norm = np.sqrt(sum(float(np.sum(part**2)) for part in parts))
    # g ← g · limit / ‖g‖   where ‖g‖ > limit
    return [part * min(1.0, limit / norm) if norm else part for part in parts]
