"""Exercises on memory: open the gates, count them, join frames, and send a gradient far back."""

from functools import partial

import numpy as np

from companion.checking import exercise, gradient_exercise, model_exercise


def sigmoid(a):
    """Return σ(a) = 1 / (1 + e⁻ᵃ)."""
    return (1 + np.tanh(np.asarray(a) / 2)) / 2


# Gates -------------------------------------------------------------------------------------------


@exercise(points=2)
def lstm_step(x, h, C, weights):
    """Take one step of an LSTM, for one sequence.

        f = σ(W_f · [h, x] + b_f)        keep
        i = σ(W_i · [h, x] + b_i)        write
        C̃ = tanh(W_C · [h, x] + b_C)     what to write
        C = f * C + i * C̃
        o = σ(W_o · [h, x] + b_o)        read
        h = o * tanh(C)

    Args:
        x: This step's input, of shape ``(features,)``.
        h: The output of the step before, of shape ``(units,)``.
        C: The memory of the step before, of shape ``(units,)``.
        weights: A dict of ``"W_f", "W_i", "W_C", "W_o"``, each ``(units, units + features)``, and
            ``"b_f", "b_i", "b_C", "b_o"``, each ``(units,)``.

    Returns:
        The new output h and the new memory C, in this order.
    """
    h_x = np.concatenate([h, x])
    f = sigmoid(weights["W_f"] @ h_x + weights["b_f"])
    i = sigmoid(weights["W_i"] @ h_x + weights["b_i"])
    candidate = np.tanh(weights["W_C"] @ h_x + weights["b_C"])
    C = f * C + i * candidate
    o = sigmoid(weights["W_o"] @ h_x + weights["b_o"])
    return o * np.tanh(C), C


@lstm_step.cases
def _(rng):
    for units, features in ((1, 1), (2, 3), (4, 2)):
        shapes = {f"W_{gate}": (units, units + features) for gate in "fiCo"}
        shapes |= {f"b_{gate}": (units,) for gate in "fiCo"}
        weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        yield rng.normal(size=features), rng.normal(size=units), rng.normal(size=units), weights


lstm_step.hints(
    "Join h and x into one vector first; all four layers read it.",
    "Three of the four are gates, between 0 and 1. Which one can be negative?",
    "The old memory is scaled by one gate, and what is new by another. Then they are added.",
)


def lstm_step_with(
    x,
    h,
    C,
    weights,
    *,
    order="fiCo",
    write=True,
    coupled=False,
    squash=np.tanh,
    joined="hx",
    bias=1,
    old=False,
):
    """Return an LSTM step with one thing done otherwise."""
    h_x = np.concatenate([h, x] if joined == "hx" else [x, h])
    f, i, candidate, o = (weights[f"W_{g}"] @ h_x + bias * weights[f"b_{g}"] for g in order)
    i = 1 - sigmoid(f) if coupled else sigmoid(i) if write else 1
    new = sigmoid(f) * C + i * np.tanh(candidate)
    return sigmoid(o) * squash(C if old else new), new


lstm_step.mistakes(
    "You took f for what is forgotten: it says how much is kept.",
    lambda x, h, C, weights: lstm_step(
        x, h, C, weights | {"W_f": -weights["W_f"], "b_f": -weights["b_f"]}
    ),
    "You kept the old memory whole: the keep gate f scales it first.",
    lambda x, h, C, weights: lstm_step(
        x, h, C, weights | {"W_f": 0 * weights["W_f"], "b_f": np.full_like(C, 1e3)}
    ),
    "You swapped the gates f and i: f scales the old memory, i what is written.",
    partial(lstm_step_with, order="ifCo"),
    "You swapped the gates f and o: f keeps the memory, o reads it out.",
    partial(lstm_step_with, order="oiCf"),
    "You swapped the gates i and o: i writes to the memory, o reads it out.",
    partial(lstm_step_with, order="foCi"),
    "You wrote C̃ whole: the write gate i scales it first.",
    partial(lstm_step_with, write=False),
    "You read the memory out as it is: h = o * tanh(C).",
    partial(lstm_step_with, squash=np.asarray),
    "You read the old memory out: h is made from the C that you have just computed.",
    partial(lstm_step_with, old=True),
    "You joined x and h the other way round: the matrices expect [h, x].",
    partial(lstm_step_with, joined="xh"),
    "You left the biases out: each of the four has its own.",
    partial(lstm_step_with, bias=0),
    "You took 1 − f for the write gate: i has weights of its own.",
    partial(lstm_step_with, coupled=True),
)


@lstm_step.mistake("You made C̃ a gate: it is what is written, and tanh lets it be negative.")
def _(x, h, C, weights):
    h_x = np.concatenate([h, x])
    f, i, candidate, o = (sigmoid(weights[f"W_{g}"] @ h_x + weights[f"b_{g}"]) for g in "fiCo")
    C = f * C + i * candidate
    return o * np.tanh(C), C


lstm_step.mistakes(
    "You returned C before h: the output comes first, then the memory.",
    lambda x, h, C, weights: lstm_step(x, h, C, weights)[::-1],
)


@exercise(points=2)
def gru_step(x, h, weights):
    """Take one step of a GRU as Keras computes it, for one sequence.

        z = σ(W_z x + b_z + U_z h + c_z)
        r = σ(W_r x + b_r + U_r h + c_r)
        h̃ = tanh(W_h x + b_h + r * (U_h h + c_h))
        h = z * h + (1 − z) * h̃

    Args:
        x: This step's input, of shape ``(features,)``.
        h: The output of the step before, of shape ``(units,)``.
        weights: A dict of ``"W_z", "W_r", "W_h"``, each ``(units, features)``; ``"U_z", "U_r",
            "U_h"``, each ``(units, units)``; and the biases ``"b_z" … "c_h"``, each ``(units,)``.

    Returns:
        The new output h, of shape ``(units,)``.
    """
    from_input = {g: weights[f"W_{g}"] @ x + weights[f"b_{g}"] for g in "zrh"}
    from_memory = {g: weights[f"U_{g}"] @ h + weights[f"c_{g}"] for g in "zrh"}
    z = sigmoid(from_input["z"] + from_memory["z"])
    r = sigmoid(from_input["r"] + from_memory["r"])
    candidate = np.tanh(from_input["h"] + r * from_memory["h"])
    return z * h + (1 - z) * candidate


@gru_step.cases
def _(rng):
    for units, features in ((1, 1), (2, 3), (4, 2)):
        shapes = {f"W_{gate}": (units, features) for gate in "zrh"}
        shapes |= {f"U_{gate}": (units, units) for gate in "zrh"}
        shapes |= {f"{bias}_{gate}": (units,) for bias in "bc" for gate in "zrh"}
        weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        yield rng.normal(size=features), rng.normal(size=units), weights


gru_step.hints(
    "Compute two parts for each of z, r and h: one from the input, one from the memory.",
    "The reset gate multiplies one of the two parts of h̃. Which bias is inside?",
    "Where z is 1, nothing changes: the old h stays.",
)


def gru_parts(x, h, weights, gates="zrh"):
    """Return the parts from the input and from the memory of z, r and h, in this order."""
    from_input = [weights[f"W_{g}"] @ x + weights[f"b_{g}"] for g in gates]
    from_memory = [weights[f"U_{g}"] @ h + weights[f"c_{g}"] for g in gates]
    return from_input, from_memory


def mixed(z, h, from_input, from_memory):
    """Return the GRU's output, given the gate z and both parts of h̃."""
    return sigmoid(z) * h + (1 - sigmoid(z)) * np.tanh(from_input + from_memory)


@gru_step.mistake("You turned z round: z keeps the old h, and 1 − z lets the new one in.")
def _(x, h, weights):
    (z, r, a), (uz, ur, ua) = gru_parts(x, h, weights)
    return mixed(-(z + uz), h, a, sigmoid(r + ur) * ua)


@gru_step.mistake("You swapped the gates z and r: r is for h̃, z mixes the old and the new.")
def _(x, h, weights):
    (r, z, a), (ur, uz, ua) = gru_parts(x, h, weights)
    return mixed(z + uz, h, a, sigmoid(r + ur) * ua)


@gru_step.mistake("You left the bias c_h outside: the reset gate multiplies U_h h + c_h.")
def _(x, h, weights):
    (z, r, a), (uz, ur, ua) = gru_parts(x, h, weights)
    c = weights["c_h"]
    return mixed(z + uz, h, a + c, sigmoid(r + ur) * (ua - c))


@gru_step.mistake(
    "You reset h before the matrix, as the paper of 2014 did: here r multiplies U_h h + c_h."
)
def _(x, h, weights):
    (z, r, a), (uz, ur, _) = gru_parts(x, h, weights)
    reset = weights["U_h"] @ (sigmoid(r + ur) * h) + weights["c_h"]
    return mixed(z + uz, h, a, reset)


@gru_step.mistake("You reset the input, too: r multiplies the part from the memory alone.")
def _(x, h, weights):
    (z, r, a), (uz, ur, ua) = gru_parts(x, h, weights)
    return mixed(z + uz, h, 0, sigmoid(r + ur) * (a + ua))


@gru_step.mistake("You left the reset gate out: it scales what h̃ sees of the memory.")
def _(x, h, weights):
    (z, _, a), (uz, _, ua) = gru_parts(x, h, weights)
    return mixed(z + uz, h, a, ua)


gru_step.mistakes(
    "You left the biases c out: b and c are two biases, and both count.",
    lambda x, h, weights: gru_step(
        x, h, {name: array * (name[0] != "c") for name, array in weights.items()}
    ),
)


@gru_step.mistake("You returned h̃: the old h is still to be mixed in.")
def _(x, h, weights):
    (_, r, a), (_, ur, ua) = gru_parts(x, h, weights)
    return np.tanh(a + sigmoid(r + ur) * ua)


# Counting ----------------------------------------------------------------------------------------


@exercise()
def count_parameters(cell, features, units):
    """Return how many numbers a recurrent layer of Keras learns, its biases included.

    Args:
        cell: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"`` (with ``reset_after=True``, the default).
        features: Numbers in an input.
        units: Numbers in the state.

    Returns:
        A whole number, e.g. 32 for ``count_parameters("SimpleRNN", 3, 4)``.
    """
    one = units * (units + features) + units
    if cell == "SimpleRNN":
        return one
    if cell == "LSTM":
        return 4 * one
    return 3 * (one + units)


@count_parameters.cases
def _(rng):
    for cell in ("SimpleRNN", "LSTM", "GRU"):
        yield cell, 3, 4
    for cell in ("SimpleRNN", "LSTM", "GRU"):
        yield cell, *(int(n) for n in rng.integers(5, 90, size=2))


count_parameters.hints(
    "A plain recurrent layer has a matrix for the input, one for the state, and one bias.",
    "How many layers of that shape does an LSTM have? And a GRU?",
    "In Keras's GRU the reset gate stands between two biases, so it needs both.",
)


def counted(features, units, *, lstm=4, gru=3, biases=(1, 1, 2)):
    """Return the counts of the three cells, given their layers and their biases."""
    matrices = units * (units + features)
    layers = (1, lstm, gru)
    return {
        cell: number * (matrices + bias * units)
        for cell, number, bias in zip(("SimpleRNN", "LSTM", "GRU"), layers, biases, strict=True)
    }


count_parameters.mistakes(
    "You counted one layer's biases: every gate, and the candidate, has biases of its own.",
    lambda cell, features, units: (
        counted(features, units, biases=(0, 0, 0))[cell] + units * (2 if cell == "GRU" else 1)
    ),
    "You gave the GRU one bias: it has two, for the reset gate multiplies only one of them.",
    lambda cell, features, units: counted(features, units, biases=(1, 1, 1))[cell],
    "You gave every cell two biases, as PyTorch does: in Keras the GRU alone.",
    lambda cell, features, units: counted(features, units, biases=(2, 2, 2))[cell],
    "You left the biases out.",
    lambda cell, features, units: counted(features, units, biases=(0, 0, 0))[cell],
    "You counted the gates of the LSTM alone: C̃ has a layer of its own, too.",
    lambda cell, features, units: counted(features, units, lstm=3)[cell],
    "You counted the gates of the GRU alone: h̃ has a layer of its own, too.",
    lambda cell, features, units: counted(features, units, gru=2)[cell],
    "You left the state's matrix out: every layer reads h as well as x.",
    lambda cell, features, units: (
        count_parameters(cell, features, units)
        - {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[cell] * units**2
    ),
    "You counted one layer for each cell: an LSTM has four, a GRU three.",
    lambda cell, features, units: counted(features, units, lstm=1, gru=1)[cell],
    "You counted the gates and left the candidate out: it has weights of its own.",
    lambda cell, features, units: (
        {"SimpleRNN": 1, "LSTM": 3, "GRU": 2}[cell] * units * (units + features + 1)
    ),
    "You counted one set of weights: an LSTM has four, a GRU three.",
    lambda cell, features, units: units * (units + features + 1),
    "You left the state out: each gate reads it, too.",
    lambda cell, features, units: (
        {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[cell] * units * (features + 1)
    ),
    "You gave the state as many numbers as an input: a gate has `units` outputs.",
    lambda cell, features, units: (
        {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[cell] * features * (units + features + 1)
    ),
)


# Reading in fewer steps --------------------------------------------------------------------------


@exercise()
def pyramid_steps(steps, layers, reduction):
    """Return how many steps the top layer of a pyramid of recurrent layers has.

    Between two layers, `reduction` neighbouring frames are joined into one; if some are left over,
    they are filled up with zeros.

    Args:
        steps: Frames of the recording, which the first layer reads one by one.
        layers: Number of recurrent layers.
        reduction: How many frames become one.

    Returns:
        A whole number, e.g. 25 for ``pyramid_steps(100, 3, 2)``.
    """
    for _ in range(layers - 1):
        steps = -(-steps // reduction)
    return steps


@pyramid_steps.cases
def _(rng):
    yield 5, 2, 2
    yield 100, 3, 2
    yield 101, 3, 2
    yield 12, 1, 3
    yield 163, 4, 3
    for _ in range(5):
        reduction = int(rng.integers(2, 5))
        yield int(rng.integers(200, 400)) * reduction + 1, int(rng.integers(2, 5)), reduction


pyramid_steps.hints(
    "How many times are frames joined? There is one layer more than that.",
    "Five frames, joined in pairs: the fifth needs a frame, too.",
)

pyramid_steps.mistakes(
    "You added up the steps of all layers: those of the top one are asked for.",
    lambda steps, layers, reduction: sum(
        pyramid_steps(steps, layer, reduction) for layer in range(1, layers + 1)
    ),
    "You dropped the odd frame: it is filled up with zeros and kept.",
    lambda steps, layers, reduction: steps // reduction ** (layers - 1),
    "You joined frames below the first layer, too: it reads them one by one.",
    lambda steps, layers, reduction: pyramid_steps(steps, layers + 1, reduction),
    "You divided by `reduction` · (layers − 1): each joining divides what the last one left.",
    lambda steps, layers, reduction: -(-steps // max(1, reduction * (layers - 1))),
    "You joined once: frames are joined between every two layers.",
    lambda steps, layers, reduction: -(-steps // reduction) if layers > 1 else steps,
    "You left the rounding out: there is no half a step.",
    lambda steps, layers, reduction: steps / reduction ** (layers - 1),
)


@pyramid_steps.mistake("You added a frame every time: only what does not come out even needs one.")
def _(steps, layers, reduction):
    for _ in range(layers - 1):
        steps = steps // reduction + 1
    return steps


@exercise()
def join_frames(frames, reduction):
    """Lay neighbouring frames end to end, as a pyramid does between two of its layers.

    Args:
        frames: Shape ``(steps, features)``.
        reduction: How many frames become one; the last is filled up with zeros.

    Returns:
        Shape ``(ceil(steps / reduction), reduction · features)``, the earlier frame first.
    """
    steps, features = frames.shape
    padded = np.pad(frames, ((0, -steps % reduction), (0, 0)))
    return padded.reshape(-1, reduction * features)


@join_frames.cases
def _(rng):
    yield np.arange(1.0, 7.0).reshape(3, 2), 2
    yield rng.normal(size=(8, 3)), 2
    yield rng.normal(size=(7, 2)), 3
    yield rng.normal(size=(10, 4)), 4


join_frames.hints(
    "How many frames of zeros are missing for the steps to come out even?",
    "NumPy stores a frame after the other, so once they come out even, `reshape` is enough.",
)


def filled_up(frames, reduction, **how):
    """Return the frames with as many behind them as are missing."""
    return np.pad(frames, ((0, -len(frames) % reduction), (0, 0)), **how)


def groups(frames, reduction):
    """Return the frames that become one, of shape ``(groups, reduction, features)``."""
    return filled_up(frames, reduction).reshape(-1, reduction, frames.shape[1])


def laid_out(groups):
    """Return each group as one row."""
    return groups.reshape(len(groups), -1)


join_frames.mistakes(
    "You dropped the odd frame: it is filled up with zeros and kept.",
    lambda frames, reduction: join_frames(frames, reduction)[: len(frames) // reduction],
    "You put the zeros in front: they fill up the last frame.",
    lambda frames, reduction: join_frames(
        np.pad(frames, ((-len(frames) % reduction, 0), (0, 0))), reduction
    ),
    "You repeated the last frame: what is missing is filled up with zeros.",
    lambda frames, reduction: join_frames(filled_up(frames, reduction, mode="edge"), reduction),
    "You added the frames up: they are laid end to end, and nothing is lost.",
    lambda frames, reduction: groups(frames, reduction).sum(axis=1),
    "You joined frames from far apart: those that follow each other belong together.",
    lambda frames, reduction: np.hstack(np.split(filled_up(frames, reduction), reduction)),
    "You mixed the features: the whole of one frame, then the whole of the next.",
    lambda frames, reduction: laid_out(groups(frames, reduction).swapaxes(1, 2)),
    "You put the later frame first: time runs from left to right.",
    lambda frames, reduction: laid_out(groups(frames, reduction)[:, ::-1]),
)


@join_frames.mistake("You averaged the frames: laid end to end, none of their features is lost.")
def _(frames, reduction):
    joined = join_frames(frames, reduction)
    return joined.reshape(len(joined), reduction, -1).mean(axis=1)


@join_frames.mistake("You moved on by one frame: every frame belongs to one group alone.")
def _(frames, reduction):
    ends = range(reduction, len(frames) + 1)
    return np.array([frames[end - reduction : end].ravel() for end in ends])


@join_frames.mistake("You filled up a group that was full: there, no zeros are added.")
def _(frames, reduction):
    return join_frames(np.append(frames, np.zeros((1, frames.shape[1])), axis=0), reduction)


@join_frames.mistake("You joined two frames, always: `reduction` says how many.")
def _(frames, reduction):
    return join_frames(frames, 2)


@exercise()
def last_outputs(outputs, mask):
    """Return each sequence's output at its last real step.

    Args:
        outputs: What a recurrent layer said at every step, of shape ``(batch, steps, units)``.
        mask: True at the real steps and False at the padding behind them, ``(batch, steps)``;
            every sequence has a real step.

    Returns:
        Shape ``(batch, units)``.
    """
    lengths = mask.sum(axis=1)
    return outputs[np.arange(len(outputs)), lengths - 1]


@last_outputs.cases
def _(rng):
    for batch, steps, units in ((2, 3, 1), (4, 6, 2), (3, 5, 3)):
        lengths = np.concatenate([[2, steps], rng.integers(2, steps, size=batch - 2)])
        yield rng.normal(size=(batch, steps, units)), np.arange(steps) < lengths[:, None]


last_outputs.hints(
    "How long is each sequence? The mask knows.",
    "A sequence of 4 real steps has its last one at index 3.",
    "One index for the sequence and one for its step: `outputs[[0, 1, …], [3, 5, …]]`.",
)

last_outputs.mistakes(
    "You took the last step of all: for a short sequence, that is padding.",
    lambda outputs, mask: outputs[:, -1],
    "You took time for the first axis: the first axis is the batch.",
    lambda outputs, mask: outputs[-1],
    "You went one step too far: 4 real steps end at index 3.",
    lambda outputs, mask: outputs[np.arange(len(outputs)), mask.sum(axis=1) % outputs.shape[1]],
    "You took the mean over the real steps: the last of them is asked for.",
    lambda outputs, mask: (outputs * mask[..., None]).sum(1) / mask.sum(1)[:, None],
    "You took the first step: that is where the output knows least.",
    lambda outputs, mask: outputs[:, 0],
    "You used the shortest sequence's length for all: each has its own.",
    lambda outputs, mask: outputs[:, mask.sum(axis=1).min() - 1],
    "You went one step too far: n real steps end at index n − 1.",
    lambda outputs, mask: outputs[
        np.arange(len(outputs)), np.minimum(mask.sum(axis=1), outputs.shape[1] - 1)
    ],
    "You took the last step of all, and zeros where that is padding: look for the last real one.",
    lambda outputs, mask: outputs[:, -1] * mask[:, -1:],
    "You took the largest of the real steps: the last of them is asked for.",
    lambda outputs, mask: np.where(mask[..., None], outputs, -np.inf).max(axis=1),
    "You added the real steps up: the last of them is asked for.",
    lambda outputs, mask: (outputs * mask[..., None]).sum(axis=1),
)


# Going back --------------------------------------------------------------------------------------


def lstm_output(C, a_f, a_i, a_C, a_o):
    """Return an LSTM's output h from its old memory and what reaches its gates and its candidate.

    C_new = σ(a_f) * C + σ(a_i) * tanh(a_C),  h = σ(a_o) * tanh(C_new); all of one shape.
    """
    C = sigmoid(a_f) * C + sigmoid(a_i) * np.tanh(a_C)
    return sigmoid(a_o) * np.tanh(C)


@gradient_exercise(of=lstm_output, points=3)
def lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o):
    """Return the gradients of the loss with respect to C, a_f, a_i, a_C and a_o, in this order.

    One step of an LSTM computes, number by number:

        C_new = σ(a_f) * C + σ(a_i) * tanh(a_C)
        h = σ(a_o) * tanh(C_new)

    The loss reads h alone.

    Args:
        upstream: ∂L/∂h, of the shape of all the others.
        C: The old memory.
        a_f: What reaches the keep gate.
        a_i: What reaches the write gate.
        a_C: What reaches the candidate.
        a_o: What reaches the read gate.
    """
    f, i, candidate, o = sigmoid(a_f), sigmoid(a_i), np.tanh(a_C), sigmoid(a_o)
    read = np.tanh(f * C + i * candidate)
    dC = upstream * o * (1 - read**2)
    return (
        dC * f,
        dC * C * f * (1 - f),
        dC * candidate * i * (1 - i),
        dC * i * (1 - candidate**2),
        upstream * read * o * (1 - o),
    )


@lstm_step_gradient.cases
def _(rng):
    for shape in ((1,), (3,), (2, 4)):
        yield tuple(rng.normal(size=shape) for _ in range(6))


lstm_step_gradient.hints(
    "Go backwards: h, then the new memory, then what it was made of.",
    "Write dC for the gradient of the new memory: upstream · o · (1 − tanh²).",
    "A gate's slope is σ(1 − σ); the candidate's is 1 − tanh².",
)


def lstm_gradient_with(upstream, C, a_f, a_i, a_C, a_o, *, sigma=True, tanh=True, read_slope=True):
    """Return the gradients with one of their factors left out."""
    f, i, candidate, o = sigmoid(a_f), sigmoid(a_i), np.tanh(a_C), sigmoid(a_o)
    read = np.tanh(f * C + i * candidate)
    dC = upstream * o * (1 - read**2 if read_slope else 1)
    slope_f, slope_i, slope_o = (gate * (1 - gate) if sigma else 1 for gate in (f, i, o))
    slope_C = 1 - candidate**2 if tanh else 1
    return (
        dC * f,
        dC * C * slope_f,
        dC * candidate * slope_i,
        dC * i * slope_C,
        upstream * read * slope_o,
    )


lstm_step_gradient.mistakes(
    "You left the gates' slope out: times σ(1 − σ).",
    partial(lstm_gradient_with, sigma=False),
    "You left the candidate's slope out: times 1 − tanh².",
    partial(lstm_gradient_with, tanh=False),
    "You left out the slope of the tanh that reads the memory: 1 − tanh².",
    partial(lstm_gradient_with, read_slope=False),
    "You left the gradient from above out: every term begins with it.",
    lambda upstream, C, a_f, a_i, a_C, a_o: lstm_step_gradient(
        np.ones_like(C), C, a_f, a_i, a_C, a_o
    ),
    "You took 1 − C² for the slope of the tanh that reads the memory: it is 1 − tanh²(C).",
    lambda upstream, C, a_f, a_i, a_C, a_o: (
        *(
            part * (1 - (sigmoid(a_f) * C + sigmoid(a_i) * np.tanh(a_C)) ** 2)
            for part in lstm_gradient_with(upstream, C, a_f, a_i, a_C, a_o, read_slope=False)[:4]
        ),
        lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[4],
    ),
    "You took the sigmoid's slope for the candidate: it is a tanh, whose slope is 1 − tanh².",
    lambda upstream, C, a_f, a_i, a_C, a_o: (
        *lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[:3],
        lstm_gradient_with(upstream, C, a_f, a_i, a_C, a_o, tanh=False)[3]
        * np.tanh(a_C)
        * (1 - np.tanh(a_C)),
        lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[4],
    ),
    "You gave the read gate the memory as it is: o is multiplied by its tanh.",
    lambda upstream, C, a_f, a_i, a_C, a_o: (
        *lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[:4],
        upstream
        * (sigmoid(a_f) * C + sigmoid(a_i) * np.tanh(a_C))
        * sigmoid(a_o)
        * (1 - sigmoid(a_o)),
    ),
    "You gave the keep gate the new memory: f is multiplied by the old C.",
    lambda upstream, C, a_f, a_i, a_C, a_o: (
        lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[0],
        lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[1]
        / C
        * (sigmoid(a_f) * C + sigmoid(a_i) * np.tanh(a_C)),
        *lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[2:],
    ),
    "You gave the gradient of C last: it comes first, then a_f, a_i, a_C and a_o.",
    lambda upstream, C, a_f, a_i, a_C, a_o: [
        lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[part] for part in (1, 2, 3, 4, 0)
    ],
    "You left the read gate out of the way to the memory: h is o * tanh(C).",
    lambda upstream, C, a_f, a_i, a_C, a_o: (
        *(part / sigmoid(a_o) for part in lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[:4]),
        lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[4],
    ),
)


@lstm_step_gradient.mistake(
    "You multiplied the keep gate's gradient by C̃: f is multiplied by the old C."
)
def _(upstream, C, a_f, a_i, a_C, a_o):
    dC, df, di, da, do = lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)
    return dC, df / C * np.tanh(a_C), di, da, do


lstm_step_gradient.mistakes(
    "You let the old memory pass whole: it was multiplied by the keep gate.",
    lambda upstream, C, a_f, a_i, a_C, a_o: (
        lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[0] / sigmoid(a_f),
        *lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)[1:],
    ),
)


@lstm_step_gradient.mistake(
    "You took a sigmoid's slope for the tanh that reads the memory: 1 − tanh²."
)
def _(upstream, C, a_f, a_i, a_C, a_o):
    f, i, candidate = sigmoid(a_f), sigmoid(a_i), np.tanh(a_C)
    read = np.tanh(f * C + i * candidate)
    right = lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)
    return *(one * read / (1 + read) for one in right[:4]), right[4]


@lstm_step_gradient.mistake("You stopped at the gates: each has a slope towards what reaches it.")
def _(upstream, C, a_f, a_i, a_C, a_o):
    f, i, candidate, o = sigmoid(a_f), sigmoid(a_i), np.tanh(a_C), sigmoid(a_o)
    read = np.tanh(f * C + i * candidate)
    dC = upstream * o * (1 - read**2)
    return dC * f, dC * C, dC * candidate, dC * i, upstream * read


@lstm_step_gradient.mistake("You exchanged what the gates let through: f keeps C, i writes C̃.")
def _(upstream, C, a_f, a_i, a_C, a_o):
    dC, df, di, da, do = lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)
    candidate = np.tanh(a_C)
    return dC, df / C * candidate, di / candidate * C, da, do


@lstm_step_gradient.mistake("You read the old memory: h is made from the new one.")
def _(upstream, C, a_f, a_i, a_C, a_o):
    new, old = np.tanh(sigmoid(a_f) * C + sigmoid(a_i) * np.tanh(a_C)), np.tanh(C)
    *through, do = lstm_step_gradient(upstream, C, a_f, a_i, a_C, a_o)
    return *(one * (1 - old**2) / (1 - new**2) for one in through), do / new * old


def remembered(keep, write, xs):
    """Return what a leaky memory holds after all of `xs`: C ← σ(keep)·C + tanh(write·x)."""
    C = 0.0
    for x in xs:
        C = sigmoid(keep) * C + np.tanh(write * x)
    return C


@gradient_exercise(of=remembered, wrt=("keep", "write"), points=3)
def through_time(upstream, keep, write, xs):
    """Return the gradients of the loss with respect to `keep` and `write`, in this order.

    A memory of one number starts at 0 and reads `xs` one by one, with the same two weights at every
    step:

        C_t = σ(keep) · C_{t−1} + tanh(write · x_t)

    The loss reads the last C.

    Args:
        upstream: ∂L/∂C after the last step, a number.
        keep: What reaches the keep gate, a number.
        write: The weight of the input, a number.
        xs: The inputs, of shape ``(steps,)``.
    """
    f, memory = sigmoid(keep), [0.0]
    for x in xs:
        memory.append(f * memory[-1] + np.tanh(write * x))
    dC, d_keep, d_write = upstream, 0.0, 0.0
    for x, before in zip(xs[::-1], memory[-2::-1], strict=True):
        d_keep += dC * before * f * (1 - f)
        d_write += dC * (1 - np.tanh(write * x) ** 2) * x
        dC = dC * f
    return d_keep, d_write


@through_time.cases
def _(rng):
    for steps in (2, 5, 12):
        yield (*(float(n) for n in rng.normal(size=3)), rng.normal(size=steps))


through_time.hints(
    "Go forward once and keep every C; then walk back from the last step.",
    "The same weight is used at every step: its gradient is the sum over all of them.",
    "From C_t to C_{t−1} the gradient is multiplied by σ(keep).",
)


def walked_back(
    upstream, keep, write, xs, *, decay=True, first=0, slope=True, late=False, raw=False
):
    """Return the gradients with one part of the walk left out."""
    f, memory = sigmoid(keep), [0.0]
    for x in xs:
        memory.append(f * memory[-1] + np.tanh(write * x))
    dC, d_keep, d_write = upstream, 0.0, 0.0
    for t in reversed(range(first, len(xs))):
        d_keep += dC * memory[t + 1 if late else t] * (f * (1 - f) if slope else 1)
        d_write += dC * (1 - np.tanh(write * xs[t]) ** 2) * xs[t]
        dC = dC * (keep if raw else f) if decay else dC
    return d_keep, d_write


through_time.mistakes(
    "You forgot the sum over time: every step adds to the gradient.",
    lambda upstream, keep, write, xs: walked_back(upstream, keep, write, xs, first=len(xs) - 1),
    "You let every step count alike: going back, multiply by σ(keep) each time.",
    partial(walked_back, decay=False),
    "You left the gate's slope out: times σ(1 − σ).",
    partial(walked_back, slope=False),
    "You used the memory after the step: the gate multiplied the one before it.",
    partial(walked_back, late=True),
    "You left the gradient from above out: it is what the walk back begins with.",
    lambda upstream, keep, write, xs: walked_back(1.0, keep, write, xs),
    "You averaged over the steps: their contributions are summed.",
    lambda upstream, keep, write, xs: tuple(
        part / len(xs) for part in walked_back(upstream, keep, write, xs)
    ),
    "You multiplied by σ(keep) before the last step, too: the loss reads the last C itself.",
    lambda upstream, keep, write, xs: walked_back(sigmoid(keep) * upstream, keep, write, xs),
    "You multiplied by `keep` itself on the way back: the memory is scaled by σ(keep).",
    partial(walked_back, raw=True),
)


@through_time.mistake("You walked from the first step on: going back begins at the last one.")
def _(upstream, keep, write, xs):
    f, memory = sigmoid(keep), [0.0]
    for x in xs:
        memory.append(f * memory[-1] + np.tanh(write * x))
    shares = upstream * f ** np.arange(len(xs))
    slopes = 1 - np.tanh(write * xs) ** 2
    return float(shares @ memory[:-1]) * f * (1 - f), float(shares @ (slopes * xs))


# A network ---------------------------------------------------------------------------------------


@model_exercise(points=2)
def listener():
    """Build a network that names one of five words, in Keras, and return it uncompiled.

    Its layers are, for recordings of any length with 13 features in each frame:

        mask      frames that are all zero are padding, and are skipped
        LSTM      32 units; hands on its output at every step
        GRU       16 units; hands on its last output
        output    5 fully connected units, softmax

    Returns:
        A `keras.Model` from ``(None, 13)`` to five probabilities: 8,373 parameters.
    """
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((None, 13)),
            layers.Masking(0.0),
            layers.LSTM(32, return_sequences=True),
            layers.GRU(16),
            layers.Dense(5, activation="softmax"),
        ]
    )


listener.hints(
    "What does a layer of memory hand on: its last output, or all of them?",
    "`Masking` tells the layers above which frames to skip.",
    "`model.summary()` counts: LSTM 5,888, GRU 2,400, output 85.",
)


def listener_with(*, mask=True, first="LSTM", second="GRU", output="softmax", **options):
    """Return the listener with one thing done otherwise."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((None, 13)),
            *([layers.Masking(0.0)] if mask else []),
            getattr(layers, first)(32, return_sequences=True),
            getattr(layers, second)(16, **options),
            layers.Dense(5, activation=output),
        ]
    )


listener.mistakes(
    "You left the mask out: the answer then depends on the padding.",
    lambda: listener_with(mask=False),
    "You named a word at every step: the GRU hands on its last output alone.",
    lambda: listener_with(return_sequences=True),
    "You swapped the layers: the LSTM hears the frames, the GRU what the LSTM says.",
    lambda: listener_with(first="GRU", second="LSTM"),
    "You took two LSTM layers: the second is a GRU.",
    lambda: listener_with(second="LSTM"),
    "You took two GRU layers: the first is an LSTM.",
    lambda: listener_with(first="GRU"),
    "You reset before the matrix, with one bias: here the GRU is Keras's usual one.",
    lambda: listener_with(reset_after=False),
    "You left the softmax out: the outputs are scores, and probabilities are due.",
    lambda: listener_with(output=None),
    "Your GRU reads from the end to the beginning: leave `go_backwards` out.",
    lambda: listener_with(go_backwards=True),
)
