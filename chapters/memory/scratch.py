"""Memory: a cell that is added to instead of overwritten, so that a gradient can travel far.

Both cells take sequences of shape ``(batch, steps, features)``, start from zeros, and leave their
state alone wherever the mask is False. The equations of the LSTM are those of CS826, slides "Long
Short Term Memory"; the deck's stories name the gates after Hochreiter and Schmidhuber (1997).
"""

import numpy as np

# The deck's letter, the story's name and Keras's name for each gate, in the deck's order.
LSTM_GATES = {"f": ("keep", "forget"), "i": ("write", "input"), "o": ("read", "output")}
KERAS_LSTM_ORDER = "ifCo"
KERAS_GRU_ORDER = "zrh"


def sigmoid(a):
    """Return σ(a) = 1 / (1 + e⁻ᵃ), written so that no a overflows.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return (1 + np.tanh(a / 2)) / 2


# ---- LSTM ---------------------------------------------------------------------------------------


def lstm_step(x, h, C, weights, forced=None):
    """Take one step of an LSTM.

    Args:
        x: Input X_t, ``(batch, features)``.
        h: Output h_{t−1} of the step before, ``(batch, units)``.
        C: Memory C_{t−1} of the step before, ``(batch, units)``.
        weights: ``W_f, W_i, W_C, W_o`` of shape ``(units, units + features)`` and ``b_f, b_i, b_C,
            b_o`` of shape ``(units,)``.
        forced: Gates to hold open or shut, e.g. ``{"f": 1, "i": 0}``; the others compute.

    Returns:
        A dict of ``f``, ``i``, ``candidate``, ``C``, ``o`` and ``h``, each ``(batch, units)``.

    One unit, and weights that read the input alone: the keep gate half forgets a memory of 0.8,
    the write gate lets most of the new 0.762 in.

    >>> one = {"W_f": [[0, 0]], "W_i": [[0, 2]], "W_C": [[0, 1]], "W_o": [[0, 1]]}
    >>> one |= {"b_f": [0], "b_i": [0], "b_C": [0], "b_o": [0]}
    >>> one = {name: np.array(value, float) for name, value in one.items()}
    >>> step = lstm_step(np.array([[1.0]]), np.zeros((1, 1)), np.array([[0.8]]), one)
    >>> {name: round(value.item(), 3) for name, value in step.items()}
    {'f': 0.5, 'i': 0.881, 'candidate': 0.762, 'C': 1.071, 'o': 0.731, 'h': 0.577}
    """
    forced = forced or {}
    h_x = np.concatenate([h, x], axis=-1)

    def gate(name):
        # gate_t = σ(W · [h_{t−1}, x_t] + b)
        computed = sigmoid(h_x @ weights[f"W_{name}"].T + weights[f"b_{name}"])
        return np.full_like(computed, forced[name]) if name in forced else computed

    # f_t = σ(W_f · [h_{t−1}, x_t] + b_f)          keep the memory?
    f = gate("f")
    # i_t = σ(W_i · [h_{t−1}, x_t] + b_i)          write to it?
    i = gate("i")
    # C̃_t = tanh(W_C · [h_{t−1}, x_t] + b_C)       write what?
    candidate = np.tanh(h_x @ weights["W_C"].T + weights["b_C"])
    # C_t = f_t * C_{t−1} + i_t * C̃_t              the keep gate scales, the write gate adds
    C = f * C + i * candidate
    # o_t = σ(W_o · [h_{t−1}, x_t] + b_o)          read it out?
    o = gate("o")
    # h_t = o_t * tanh(C_t)
    h = o * np.tanh(C)
    return {"f": f, "i": i, "candidate": candidate, "C": C, "o": o, "h": h}


def lstm_forward(inputs, weights, mask=None, forced=None):
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
        held = {gate: at[t] for gate, at in (forced or {}).items() if not np.isnan(at[t])}
        step = lstm_step(inputs[:, t], h, C, weights, held)
        live = mask[:, t, None]
        h, C = np.where(live, step["h"], h), np.where(live, step["C"], C)
        for name, value in (step | {"h": h, "C": C}).items():
            trace[name][:, t] = value
    return trace["h"], trace | {"inputs": inputs, "weights": weights, "mask": mask}


def lstm_backward(upstream, trace):
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
    units = upstream.shape[2]
    dh, dC = np.zeros_like(upstream[:, 0]), np.zeros_like(upstream[:, 0])
    for t in reversed(range(upstream.shape[1])):
        f, i, candidate, C, o = (trace[name][:, t] for name in ("f", "i", "candidate", "C", "o"))
        h_before, C_before = (
            trace[name][:, t - 1] if t else np.zeros_like(C) for name in ("h", "C")
        )
        live = mask[:, t, None]
        dh = dh + upstream[:, t]
        # h_t = o_t * tanh(C_t):           ∂L/∂C_t gets what came from C_{t+1}, and this
        dC = dC + np.where(live, dh * o * (1 - np.tanh(C) ** 2), 0)
        gradients["h"][:, t], gradients["C"][:, t] = dh, dC
        # C_t = f_t * C_{t−1} + i_t * C̃_t, and σ' = σ(1 − σ), tanh' = 1 − tanh²
        a = {
            "f": dC * C_before * f * (1 - f),
            "i": dC * candidate * i * (1 - i),
            "C": dC * i * (1 - candidate**2),
            "o": dh * np.tanh(C) * o * (1 - o),
        }
        h_x = np.concatenate([h_before, trace["inputs"][:, t]], axis=1)
        dh_x = np.zeros_like(h_x)
        for name, da in a.items():
            da = np.where(live, da, 0)
            # a = W · [h_{t−1}, x_t] + b:  every step adds to the gradient of the one W
            gradients[f"W_{name}"] += da.T @ h_x
            gradients[f"b_{name}"] += da.sum(0)
            dh_x += da @ weights[f"W_{name}"]
        gradients["inputs"][:, t] = dh_x[:, units:]
        # ∂L/∂C_{t−1} = ∂L/∂C_t * f_t      no matrix, no tanh: this is the road that stays open
        dh, dC = dh_x[:, :units] + np.where(live, 0, dh), np.where(live, dC * f, dC)
    return gradients


def lstm_from_keras(kernel, recurrent_kernel, bias):
    """Cut the three arrays of `keras.layers.LSTM` into the deck's eight.

    Keras keeps the gates side by side, in the order i, f, C̃, o, and the input's and the output's
    weights apart; the deck writes one matrix for each gate, over the output and the input joined.

    Args:
        kernel: ``(features, 4·units)``.
        recurrent_kernel: ``(units, 4·units)``.
        bias: ``(4·units,)``.

    Returns:
        A dict of ``W_f`` … ``b_o``, as `lstm_step` takes it.
    """
    both = np.concatenate([recurrent_kernel, kernel])
    matrices = zip(KERAS_LSTM_ORDER, np.split(both, 4, axis=1), strict=True)
    biases = zip(KERAS_LSTM_ORDER, np.split(np.asarray(bias), 4), strict=True)
    return {f"W_{g}": W.T for g, W in matrices} | {f"b_{g}": b for g, b in biases}


def lstm_to_keras(weights):
    """Return the kernel, the recurrent kernel and the bias that `keras.layers.LSTM` holds.

    Gradients have the shapes of their weights, so this lays them out as well.
    """
    units = len(weights["b_f"])
    both = np.concatenate([weights[f"W_{gate}"].T for gate in KERAS_LSTM_ORDER], axis=1)
    bias = np.concatenate([weights[f"b_{gate}"] for gate in KERAS_LSTM_ORDER])
    return both[units:], both[:units], bias


# ---- GRU ----------------------------------------------------------------------------------------


def gru_step(x, h, weights):
    """Take one step of a GRU, in the form that Keras and cuDNN compute (``reset_after=True``).

    Args:
        x: Input x_t, ``(batch, features)``.
        h: Output h_{t−1} of the step before, ``(batch, units)``.
        weights: For each of z, r and h: ``W_z`` of shape ``(units, features)``, ``U_z`` of shape
            ``(units, units)``, and two biases ``b_z`` and ``c_z`` of shape ``(units,)``.

    Returns:
        A dict of ``z``, ``r``, ``recall``, ``candidate`` and ``h``, each ``(batch, units)``.

    >>> one = {f"{name}_{gate}": np.zeros((1, 1)) for name in "WU" for gate in "zrh"}
    >>> one |= {f"{name}_{gate}": np.zeros(1) for name in "bc" for gate in "zrh"}
    >>> one["W_h"][:] = 1
    >>> step = gru_step(np.array([[1.0]]), np.array([[0.5]]), one)
    >>> {name: round(value.item(), 3) for name, value in step.items()}
    {'z': 0.5, 'r': 0.5, 'recall': 0.0, 'candidate': 0.762, 'h': 0.631}
    """

    def from_input(gate):
        return x @ weights[f"W_{gate}"].T + weights[f"b_{gate}"]

    def from_memory(gate):
        return h @ weights[f"U_{gate}"].T + weights[f"c_{gate}"]

    # z_t = σ(W_z x_t + b_z + U_z h_{t−1} + c_z)             keep how much?
    z = sigmoid(from_input("z") + from_memory("z"))
    # r_t = σ(W_r x_t + b_r + U_r h_{t−1} + c_r)             look at how much of the memory?
    r = sigmoid(from_input("r") + from_memory("r"))
    # h̃_t = tanh(W_h x_t + b_h + r_t * (U_h h_{t−1} + c_h))  r multiplies c_h and not b_h
    recall = from_memory("h")
    candidate = np.tanh(from_input("h") + r * recall)
    # h_t = z_t * h_{t−1} + (1 − z_t) * h̃_t                  what is not kept is written
    h = z * h + (1 - z) * candidate
    return {"z": z, "r": r, "recall": recall, "candidate": candidate, "h": h}


def gru_forward(inputs, weights, mask=None):
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


def gru_backward(upstream, trace):
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
        # h_t = z_t * h_{t−1} + (1 − z_t) * h̃_t
        da = arrived * (1 - z) * (1 - candidate**2)
        dz = arrived * (h_before - candidate) * z * (1 - z)
        # h̃_t = tanh(W_h x_t + b_h + r_t * (U_h h_{t−1} + c_h))
        dr = da * recall * r * (1 - r)
        dh = arrived * z + np.where(live, 0, dh)
        for name, from_input, from_memory in (("z", dz, dz), ("r", dr, dr), ("h", da, da * r)):
            gradients[f"W_{name}"] += from_input.T @ x
            gradients[f"b_{name}"] += from_input.sum(0)
            gradients[f"U_{name}"] += from_memory.T @ h_before
            gradients[f"c_{name}"] += from_memory.sum(0)
            gradients["inputs"][:, t] += from_input @ weights[f"W_{name}"]
            dh = dh + from_memory @ weights[f"U_{name}"]
    return gradients


def gru_from_keras(kernel, recurrent_kernel, bias):
    """Cut the three arrays of `keras.layers.GRU` into the matrices and biases of `gru_step`.

    Args:
        kernel: ``(features, 3·units)``, the gates in the order z, r, h.
        recurrent_kernel: ``(units, 3·units)``.
        bias: ``(2, 3·units)``: the input's biases b and the memory's biases c.
    """
    weights = {}
    for letter, array in zip("WUbc", (kernel, recurrent_kernel, *np.asarray(bias)), strict=True):
        for gate, part in zip(KERAS_GRU_ORDER, np.split(array, 3, axis=-1), strict=True):
            weights[f"{letter}_{gate}"] = part.T
    return weights


def gru_to_keras(weights):
    """Return the kernel, the recurrent kernel and the bias that `keras.layers.GRU` holds."""
    kernel, recurrent_kernel, b, c = (
        np.concatenate([weights[f"{letter}_{gate}"].T for gate in KERAS_GRU_ORDER], axis=-1)
        for letter in "WUbc"
    )
    return kernel, recurrent_kernel, np.stack([b, c])


# ---- counting -----------------------------------------------------------------------------------


def lstm_parameters(features, units):
    """Return the number of weights of an LSTM: four times those of a plain recurrent layer.

    4·(units·(units + features) + units)

    >>> lstm_parameters(3, 4)
    128
    """
    return 4 * (units * (units + features) + units)


def gru_parameters(features, units, reset_after=True):
    """Return the number of weights of a GRU.

    3·(units·(units + features) + 2·units); a single bias in the form of 2014, where the reset gate
    comes before the matrix (``reset_after=False``).

    >>> gru_parameters(3, 4), gru_parameters(3, 4, reset_after=False)
    (108, 96)
    """
    return 3 * (units * (units + features) + (2 if reset_after else 1) * units)


# ---- the pyramid --------------------------------------------------------------------------------


def pyramid_length(steps, layers, reduction=2):
    """Return how many steps the top of a pyramid of `layers` recurrent layers has.

    Between two layers, `reduction` frames become one, and an odd one out is padded:
    ceil(steps / reduction), `layers` − 1 times.

    >>> pyramid_length(100, 3), pyramid_length(101, 3)
    (25, 26)
    """
    for _ in range(layers - 1):
        steps = -(-steps // reduction)
    return steps


def join_frames(frames, reduction=2):
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
