"""Memory: a cell that is added to instead of overwritten, so that a gradient can travel far.

Both cells take sequences of shape ``(batch, steps, features)``, start from zeros, and leave their
state alone wherever the mask is False. U leads from the input, W from the state before. The
equations of the LSTM are those of CS826, slides "Long Short Term Memory", which has W and U side by
side in one matrix; its story of a write, a keep and a read gate credits Hochreiter and Schmidhuber
(1997), who had no keep gate.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]

KERAS_LSTM_ORDER = "ifCo"
KERAS_GRU_ORDER = "zrh"


def sigmoid(z: Array):
    """Return σ(z) = 1 / (1 + e⁻ᶻ), written so that no z overflows.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return (1 + np.tanh(z / 2)) / 2


# ---- LSTM ---------------------------------------------------------------------------------------


def lstm_step(
    x: Array, h: Array, C: Array, weights: Weights, forced: Mapping[str, float] | None = None
):
    """Take one step of an LSTM.

    Args:
        x: Input x⁽ᵗ⁾, ``(batch, features)``.
        h: Output h⁽ᵗ⁻¹⁾ of the step before, ``(batch, units)``.
        C: Memory C⁽ᵗ⁻¹⁾ of the step before, ``(batch, units)``.
        weights: For each of f, i, C and o: ``U_f`` of shape ``(units, features)``, ``W_f`` of shape
            ``(units, units)`` and ``b_f`` of shape ``(units,)``.
        forced: Gates to hold open or shut, e.g. ``{"f": 1, "i": 0}``; the others compute.

    Returns:
        A dict of ``f``, ``i``, ``candidate``, ``C``, ``o`` and ``h``, each ``(batch, units)``.

    One unit, and weights that read the input alone: the keep gate half forgets a memory of 0.8,
    the write gate lets most of the new 0.762 in.

    >>> one = {f"W_{gate}": np.zeros((1, 1)) for gate in "fiCo"}
    >>> one |= {f"b_{gate}": np.zeros(1) for gate in "fiCo"}
    >>> one |= {f"U_{gate}": np.array([[u]]) for gate, u in zip("fiCo", (0, 2, 1, 1))}
    >>> step = lstm_step(np.array([[1.0]]), np.zeros((1, 1)), np.array([[0.8]]), one)
    >>> {name: round(value.item(), 3) for name, value in step.items()}
    {'f': 0.5, 'i': 0.881, 'candidate': 0.762, 'C': 1.071, 'o': 0.731, 'h': 0.577}
    """
    forced = forced or {}
    z = {g: x @ weights[f"U_{g}"].T + h @ weights[f"W_{g}"].T + weights[f"b_{g}"] for g in "fiCo"}

    def gate(name: str):
        return np.full_like(h, forced[name]) if name in forced else sigmoid(z[name])

    # f = σ(U_f x + W_f h + b_f)      keep the memory?
    f = gate("f")
    # i = σ(U_i x + W_i h + b_i)      write to it?
    i = gate("i")
    # C̃ = tanh(U_C x + W_C h + b_C)   write what?
    candidate = np.tanh(z["C"])
    # C ← f ⊙ C + i ⊙ C̃               the keep gate scales, the write gate adds
    C = f * C + i * candidate
    # o = σ(U_o x + W_o h + b_o)      read it out?
    o = gate("o")
    # h = o ⊙ tanh(C)
    h = o * np.tanh(C)
    return {"f": f, "i": i, "candidate": candidate, "C": C, "o": o, "h": h}


def lstm_forward(
    inputs: Array,
    weights: Weights,
    mask: NDArray[np.bool_] | None = None,
    forced: Mapping[str, Array] | None = None,
):
    """Run an LSTM over a batch of sequences.

    Args:
        inputs: ``(batch, steps, features)``.
        weights: As `lstm_step` takes them.
        mask: ``(batch, steps)``, False where there is no input; there, h and C stay as they were.
        forced: For each gate that is forced, ``(steps,)`` values of 0, 1, or NaN where the gate
            computes for itself.

    Returns:
        The outputs h of every step, ``(batch, steps, units)``, and the trace that
        `lstm_backward` needs: the inputs, the weights, the mask, and ``f, i, candidate, C, o, h``
        of every step.
    """
    batch, steps, _ = inputs.shape
    units = len(weights["b_f"])
    mask = np.ones((batch, steps), bool) if mask is None else np.asarray(mask, bool)
    names = ("f", "i", "candidate", "C", "o", "h")
    trace = {name: np.zeros((batch, steps, units)) for name in names}
    h, C = np.zeros((batch, units)), np.zeros((batch, units))
    for t in range(steps):
        fixed = {gate: at[t] for gate, at in (forced or {}).items() if not np.isnan(at[t])}
        step = lstm_step(inputs[:, t], h, C, weights, fixed)
        live = mask[:, t, None]
        h, C = np.where(live, step["h"], h), np.where(live, step["C"], C)
        for name, value in (step | {"h": h, "C": C}).items():
            trace[name][:, t] = value
    return trace["h"], trace | {"inputs": inputs, "weights": weights, "mask": mask}


def lstm_backward(upstream: Array, trace: Mapping[str, Any]):
    """Send a gradient back through every step of an LSTM (backpropagation through time).

    Args:
        upstream: ∂L/∂h of every step where the loss reads it, ``(batch, steps, units)``. A network
            that reads the last output alone has zeros in front of it.
        trace: As `lstm_forward` returned it.

    Returns:
        A dict with the gradient of each weight under its name, of the ``inputs``, and of ``h`` and
        ``C`` of every step: all that reaches them, from above and from the future.
    """
    weights, mask = trace["weights"], trace["mask"]
    gradients = {name: np.zeros_like(value) for name, value in weights.items()}
    gradients |= {name: np.zeros_like(trace[name]) for name in ("inputs", "h", "C")}
    dh, dC = np.zeros_like(upstream[:, 0]), np.zeros_like(upstream[:, 0])
    for t in reversed(range(upstream.shape[1])):
        f, i, candidate, C, o = (trace[name][:, t] for name in ("f", "i", "candidate", "C", "o"))
        h_before, C_before = (
            trace[name][:, t - 1] if t else np.zeros_like(C) for name in ("h", "C")
        )
        live = mask[:, t, None]
        dh = dh + upstream[:, t]
        # h = o ⊙ tanh(C):        C gets what came from the step after, and this
        dC = dC + np.where(live, dh * o * (1 - np.tanh(C) ** 2), 0)
        gradients["h"][:, t], gradients["C"][:, t] = dh, dC
        # δ = ∂L/∂z of each gate: C = f ⊙ C_before + i ⊙ C̃, σ' = σ(1 − σ), tanh' = 1 − tanh²
        deltas = {
            "f": dC * C_before * f * (1 - f),
            "i": dC * candidate * i * (1 - i),
            "C": dC * i * (1 - candidate**2),
            "o": dh * np.tanh(C) * o * (1 - o),
        }
        # ∂L/∂C_before = f ⊙ ∂L/∂C: no matrix, no tanh, this is the road that stays open
        dh, dC = np.where(live, 0, dh), np.where(live, dC * f, dC)
        for name, delta in deltas.items():
            delta = np.where(live, delta, 0)
            # z = U x + W h_before + b: every step adds to the gradient of the one U, W and b
            gradients[f"U_{name}"] += delta.T @ trace["inputs"][:, t]
            gradients[f"W_{name}"] += delta.T @ h_before
            gradients[f"b_{name}"] += delta.sum(0)
            gradients["inputs"][:, t] += delta @ weights[f"U_{name}"]
            dh = dh + delta @ weights[f"W_{name}"]
    return gradients


def lstm_from_keras(kernel: Array, recurrent_kernel: Array, bias: Array):
    """Cut the three arrays of `keras.layers.LSTM`, gates side by side, into one for each gate.

    Args:
        kernel: ``(features, 4·units)``.
        recurrent_kernel: ``(units, 4·units)``.
        bias: ``(4·units,)``.

    Returns:
        A dict of ``U_f`` … ``b_o``, as `lstm_step` takes it.
    """
    return _cut({"U": kernel, "W": recurrent_kernel, "b": bias}, KERAS_LSTM_ORDER)


def lstm_to_keras(weights: Weights):
    """Return the kernel, the recurrent kernel and the bias that `keras.layers.LSTM` holds.

    Gradients have the shapes of their weights, so this lays them out as well.
    """
    return _joined(weights, ("U", "W", "b"), KERAS_LSTM_ORDER)


def _cut(arrays: Mapping[str, Array], order: str):
    """Return each gate's part of Keras's arrays, turned: U_f, W_f, b_f and so on."""
    return {
        f"{letter}_{gate}": part.T
        for letter, array in arrays.items()
        for gate, part in zip(order, np.split(np.asarray(array), len(order), axis=-1), strict=True)
    }


def _joined(weights: Weights, letters: Sequence[str], order: str):
    """Return the gates' parts side by side, as Keras keeps them: one array for each letter."""
    return tuple(
        np.concatenate([weights[f"{letter}_{gate}"].T for gate in order], axis=-1)
        for letter in letters
    )


# ---- GRU ----------------------------------------------------------------------------------------


def gru_step(x: Array, h: Array, weights: Weights):
    """Take one step of a GRU, in the form that Keras and cuDNN compute (``reset_after=True``).

    Args:
        x: Input x⁽ᵗ⁾, ``(batch, features)``.
        h: Output h⁽ᵗ⁻¹⁾ of the step before, ``(batch, units)``.
        weights: For each of z, r and h: ``U_z`` of shape ``(units, features)``, ``W_z`` of shape
            ``(units, units)``, and two biases ``b_z`` and ``b'_z`` of shape ``(units,)``.

    Returns:
        A dict of ``z``, ``r``, ``recall``, ``candidate`` and ``h``, each ``(batch, units)``.

    >>> one = {f"{name}_{gate}": np.zeros((1, 1)) for name in "UW" for gate in "zrh"}
    >>> one |= {f"{name}_{gate}": np.zeros(1) for name in ("b", "b'") for gate in "zrh"}
    >>> one["U_h"][:] = 1
    >>> step = gru_step(np.array([[1.0]]), np.array([[0.5]]), one)
    >>> {name: round(value.item(), 3) for name, value in step.items()}
    {'z': 0.5, 'r': 0.5, 'recall': 0.0, 'candidate': 0.762, 'h': 0.631}
    """

    def from_input(gate: str):
        return x @ weights[f"U_{gate}"].T + weights[f"b_{gate}"]

    def from_memory(gate: str):
        return h @ weights[f"W_{gate}"].T + weights[f"b'_{gate}"]

    # z = σ(U_z x + b_z + W_z h + b'_z)           keep how much?
    z = sigmoid(from_input("z") + from_memory("z"))
    # r = σ(U_r x + b_r + W_r h + b'_r)           look at how much of the memory?
    r = sigmoid(from_input("r") + from_memory("r"))
    # h̃ = tanh(U_h x + b_h + r ⊙ (W_h h + b'_h))  r multiplies b'_h and not b_h
    recall = from_memory("h")
    candidate = np.tanh(from_input("h") + r * recall)
    # h ← z ⊙ h + (1 − z) ⊙ h̃                     what is not kept is written
    h = z * h + (1 - z) * candidate
    return {"z": z, "r": r, "recall": recall, "candidate": candidate, "h": h}


def gru_forward(inputs: Array, weights: Weights, mask: NDArray[np.bool_] | None = None):
    """Run a GRU over a batch of sequences.

    Args:
        inputs: ``(batch, steps, features)``.
        weights: As `gru_step` takes them.
        mask: ``(batch, steps)``, False where there is no input; there, h stays as it was.

    Returns:
        The outputs h of every step, ``(batch, steps, units)``, and the trace that
        `gru_backward` needs.
    """
    batch, steps, _ = inputs.shape
    units = len(weights["b_z"])
    mask = np.ones((batch, steps), bool) if mask is None else np.asarray(mask, bool)
    names = ("z", "r", "recall", "candidate", "h")
    trace = {name: np.zeros((batch, steps, units)) for name in names}
    h = np.zeros((batch, units))
    for t in range(steps):
        step = gru_step(inputs[:, t], h, weights)
        h = np.where(mask[:, t, None], step["h"], h)
        for name, value in (step | {"h": h}).items():
            trace[name][:, t] = value
    return trace["h"], trace | {"inputs": inputs, "weights": weights, "mask": mask}


def gru_backward(upstream: Array, trace: Mapping[str, Any]):
    """Send a gradient back through every step of a GRU (backpropagation through time).

    Args:
        upstream: ∂L/∂h of every step where the loss reads it, ``(batch, steps, units)``.
        trace: As `gru_forward` returned it.

    Returns:
        A dict with the gradient of each weight under its name, of the ``inputs``, and of ``h`` of
        every step: all that reaches it, from above and from the future.
    """
    weights, mask = trace["weights"], trace["mask"]
    gradients = {name: np.zeros_like(value) for name, value in weights.items()}
    gradients |= {name: np.zeros_like(trace[name]) for name in ("inputs", "h")}
    dh = np.zeros_like(upstream[:, 0])
    for t in reversed(range(upstream.shape[1])):
        x = trace["inputs"][:, t]
        z, r, recall, candidate = (trace[name][:, t] for name in ("z", "r", "recall", "candidate"))
        h_before = trace["h"][:, t - 1] if t else np.zeros_like(z)
        dh = dh + upstream[:, t]
        gradients["h"][:, t] = dh
        live = mask[:, t, None]
        arrived = np.where(live, dh, 0)
        # h = z ⊙ h_before + (1 − z) ⊙ h̃
        delta_h = arrived * (1 - z) * (1 - candidate**2)
        delta_z = arrived * (h_before - candidate) * z * (1 - z)
        # h̃ = tanh(U_h x + b_h + r ⊙ (W_h h_before + b'_h))
        delta_r = delta_h * recall * r * (1 - r)
        dh = arrived * z + np.where(live, 0, dh)
        for name, from_input, from_memory in (
            ("z", delta_z, delta_z),
            ("r", delta_r, delta_r),
            ("h", delta_h, delta_h * r),
        ):
            gradients[f"U_{name}"] += from_input.T @ x
            gradients[f"b_{name}"] += from_input.sum(0)
            gradients[f"W_{name}"] += from_memory.T @ h_before
            gradients[f"b'_{name}"] += from_memory.sum(0)
            gradients["inputs"][:, t] += from_input @ weights[f"U_{name}"]
            dh = dh + from_memory @ weights[f"W_{name}"]
    return gradients


def gru_from_keras(kernel: Array, recurrent_kernel: Array, bias: Array):
    """Cut the three arrays of `keras.layers.GRU` into the matrices and biases of `gru_step`.

    Args:
        kernel: ``(features, 3·units)``, the gates in the order z, r, h.
        recurrent_kernel: ``(units, 3·units)``.
        bias: ``(2, 3·units)``: the input's biases b and the memory's biases b'.
    """
    arrays = {"U": kernel, "W": recurrent_kernel, "b": bias[0], "b'": bias[1]}
    return _cut(arrays, KERAS_GRU_ORDER)


def gru_to_keras(weights: Weights):
    """Return the kernel, the recurrent kernel and the bias that `keras.layers.GRU` holds."""
    kernel, recurrent_kernel, *biases = _joined(weights, ("U", "W", "b", "b'"), KERAS_GRU_ORDER)
    return kernel, recurrent_kernel, np.stack(biases)


# ---- counting -----------------------------------------------------------------------------------


def lstm_parameters(features: int, units: int):
    """Return the number of weights of an LSTM: four times those of a plain recurrent layer.

    4·(units·(units + features) + units)

    >>> lstm_parameters(3, 4)
    128
    """
    return 4 * (units * (units + features) + units)


def gru_parameters(features: int, units: int, reset_after: bool = True):
    """Return the number of weights of a GRU.

    3·(units·(units + features) + 2·units); a single bias in the form of 2014, where the reset gate
    comes before the matrix (``reset_after=False``).

    >>> gru_parameters(3, 4), gru_parameters(3, 4, reset_after=False)
    (108, 96)
    """
    return 3 * (units * (units + features) + (2 if reset_after else 1) * units)


# ---- the pyramid --------------------------------------------------------------------------------


def pyramid_length(steps: int, layers: int, reduction: int = 2):
    """Return how many steps the top of a pyramid of `layers` recurrent layers has.

    Between two layers, `reduction` frames become one, and an odd one out is padded:
    ceil(steps / reduction), `layers` − 1 times.

    >>> pyramid_length(100, 3), pyramid_length(101, 3)
    (25, 26)
    """
    for _ in range(layers - 1):
        steps = -(-steps // reduction)
    return steps


def join_frames(frames: Array, reduction: int = 2):
    """Lay neighbouring frames end to end: half as many, twice as wide.

    Args:
        frames: ``(steps, features)``.
        reduction: How many become one; the last is filled up with zeros.

    Returns:
        ``(ceil(steps / reduction), reduction·features)``.

    >>> join_frames(np.array([[1, 2], [3, 4], [5, 6]]))
    array([[1, 2, 3, 4],
           [5, 6, 0, 0]])
    """
    steps, features = frames.shape
    padded = np.pad(frames, ((0, -steps % reduction), (0, 0)))
    return padded.reshape(-1, reduction * features)
