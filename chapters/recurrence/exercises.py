"""Exercises on recurrence: a step, a sequence, the way back, padding, windows, a network."""

from functools import partial

import numpy as np

from companion.checking import exercise, gradient_exercise, model_exercise


def _parameters(rng, features, units):
    """Draw U, W and b for a network whose states neither die out nor saturate."""
    return (
        0.6 * rng.normal(size=(units, features)),
        0.6 * rng.normal(size=(units, units)),
        0.6 * rng.normal(size=units),
    )


# ---- one step -----------------------------------------------------------------------------------


@exercise(points=1)
def rnn_step(h, x, U, W, b):
    """Return the next hidden state of a vanilla network, for a whole batch.

    z⁽ᵗ⁾ = b + W h⁽ᵗ⁻¹⁾ + U x⁽ᵗ⁾ and h⁽ᵗ⁾ = tanh(z⁽ᵗ⁾), for each row of `h` and `x`.

    Args:
        h: The states before the step, of shape (batch, units).
        x: The inputs of this step, of shape (batch, features).
        U: Input to hidden, of shape (units, features).
        W: Hidden to hidden, of shape (units, units).
        b: One bias for each unit, of shape (units,).

    Returns:
        The new states, of shape (batch, units).
    """
    return np.tanh(b + h @ W.T + x @ U.T)


@rnn_step.cases
def _(rng):
    yield (
        np.array([[0.5, -1.0]]),
        np.array([[1.0]]),
        np.array([[1.0], [2.0]]),
        np.array([[0.5, 0.25], [-0.5, 1.0]]),
        np.array([0.1, -0.3]),
    )
    for batch, features, units in ((3, 4, 2), (2, 3, 3)):
        U, W, b = _parameters(rng, features, units)
        yield rng.normal(size=(batch, units)), rng.normal(size=(batch, features)), U, W, b


rnn_step.hints(
    "Each row is a sequence of its own. For one row: a vector b, a product W h, a product U x.",
    "For all rows at once, W h becomes `h @ W.T`.",
    "The three parts are added before tanh, not after.",
)

rnn_step.mistakes(
    "You left out tanh: without it, many steps are one linear map.",
    lambda h, x, U, W, b: b + h @ W.T + x @ U.T,
    "You took a sigmoid: the vanilla network uses tanh.",
    lambda h, x, U, W, b: 1 / (1 + np.exp(-(b + h @ W.T + x @ U.T))),
    "You forgot the state before: W h⁽ᵗ⁻¹⁾ is what makes the network recurrent.",
    lambda h, x, U, W, b: np.tanh(b + x @ U.T + 0 * h),
    "You multiplied the state by W the wrong way round: W h is `h @ W.T` for rows.",
    lambda h, x, U, W, b: np.tanh(b + h @ W + x @ U.T),
    "The bias is missing: every unit adds its own.",
    lambda h, x, U, W, b: np.tanh(h @ W.T + x @ U.T + 0 * b),
    "All units share one bias: `b` has an entry for each of them.",
    lambda h, x, U, W, b: np.tanh(b[0] + h @ W.T + x @ U.T),
    "The bias came in twice, once with W and once with U; the lecture has one b.",
    lambda h, x, U, W, b: np.tanh(2 * b + h @ W.T + x @ U.T),
    "You took tanh of each part by itself: add them first.",
    lambda h, x, U, W, b: np.tanh(h @ W.T) + np.tanh(x @ U.T) + np.tanh(b),
    "You added the bias after tanh: the three parts are added before it.",
    lambda h, x, U, W, b: np.tanh(h @ W.T + x @ U.T) + b,
    "You added the state before: that is a residual step, h⁽ᵗ⁾ is tanh(z⁽ᵗ⁾) alone.",
    lambda h, x, U, W, b: h + np.tanh(b + h @ W.T + x @ U.T),
    "You took tanh of the state's part and the input's part by themselves: add them first.",
    lambda h, x, U, W, b: np.tanh(b + h @ W.T) + np.tanh(x @ U.T),
    "You took a ReLU: the vanilla network uses tanh.",
    lambda h, x, U, W, b: np.maximum(b + h @ W.T + x @ U.T, 0),
)


# ---- a sequence ---------------------------------------------------------------------------------


@exercise(points=2)
def rnn(x, U, W, b):
    """Return the hidden states h⁽¹⁾ … h⁽ᵀ⁾ of a batch of sequences; h⁽⁰⁾ is zero.

    h⁽ᵗ⁾ = tanh(b + W h⁽ᵗ⁻¹⁾ + U x⁽ᵗ⁾), for each sequence of the batch.

    Args:
        x: Sequences of shape (batch, steps, features).
        U: Input to hidden, of shape (units, features).
        W: Hidden to hidden, of shape (units, units).
        b: One bias for each unit, of shape (units,).

    Returns:
        States of shape (batch, steps, units).
    """
    h, states = np.zeros((len(x), len(b))), []
    for t in range(x.shape[1]):
        h = np.tanh(b + h @ W.T + x[:, t] @ U.T)
        states.append(h)
    return np.stack(states, axis=1)


@rnn.cases
def _(rng):
    ones = np.ones((1, 1))
    yield np.array([[[1.0], [0.0], [0.5]]]), ones, 0.5 * ones, np.array([0.2])
    for batch, steps, features, units in ((3, 3, 2, 4), (2, 5, 3, 2)):
        yield rng.normal(size=(batch, steps, features)), *_parameters(rng, features, units)


rnn.hints(
    "One step at a time: a loop over the second axis of `x`, and a state that is carried along.",
    "The same U, W and b serve every step; only the state changes.",
    "`np.stack(states, axis=1)` lays the steps along the second axis.",
)

rnn.mistakes(
    "Time comes first in your answer: Keras, and this task, want (batch, steps, units).",
    lambda x, U, W, b: np.swapaxes(rnn(x, U, W, b), 0, 1),
    "You returned the last state alone: the task asks for the state after every step.",
    lambda x, U, W, b: rnn(x, U, W, b)[:, -1],
    "No state reaches the next step: carry h⁽ᵗ⁻¹⁾ on, and add W h⁽ᵗ⁻¹⁾.",
    lambda x, U, W, b: np.tanh(b + x @ U.T),
    "You returned h⁽⁰⁾, too: the first state asked for is h⁽¹⁾.",
    lambda x, U, W, b: np.pad(rnn(x, U, W, b), ((0, 0), (1, 0), (0, 0))),
    "Every step shows the last state: keep a copy of each, not one array that changes.",
    lambda x, U, W, b: np.repeat(rnn(x, U, W, b)[:, -1:], x.shape[1], axis=1),
    "Your list begins with h⁽⁰⁾ and ends too early: the first state is h⁽¹⁾.",
    lambda x, U, W, b: np.pad(rnn(x, U, W, b)[:, :-1], ((0, 0), (1, 0), (0, 0))),
    "You read the sequence from its end: t runs from left to right.",
    lambda x, U, W, b: rnn(x[:, ::-1], U, W, b)[:, ::-1],
    "A sequence began with the state that the one before it left: each starts at zero.",
    lambda x, U, W, b: rnn(x.reshape(1, -1, x.shape[2]), U, W, b).reshape(*x.shape[:2], -1),
    "All units share one bias: `b` has an entry for each of them.",
    lambda x, U, W, b: rnn(x, U, W, np.full_like(b, b[-1])),
)


# ---- back through time --------------------------------------------------------------------------


@gradient_exercise(of=rnn, wrt=("U", "W", "b"), points=4)
def backpropagate_through_time(upstream, x, U, W, b):
    """Return the gradients of the loss with respect to `U`, `W` and `b`.

    The states are those of `rnn`: h⁽ᵗ⁾ = tanh(b + W h⁽ᵗ⁻¹⁾ + U x⁽ᵗ⁾), and h⁽⁰⁾ is zero.

    Args:
        upstream: What each state owes to the loss at its own step (Vᵀ∇o in a network with
            outputs), of shape (batch, steps, units).
        x: Sequences of shape (batch, steps, features).
        U: Input to hidden, of shape (units, features).
        W: Hidden to hidden, of shape (units, units).
        b: One bias for each unit, of shape (units,).

    Returns:
        ∇U, ∇W and ∇b, in the shapes of U, W and b.
    """
    h, states = np.zeros((len(x), len(b))), [np.zeros((len(x), len(b)))]
    for t in range(x.shape[1]):
        h = np.tanh(b + h @ W.T + x[:, t] @ U.T)
        states.append(h)
    grad_U, grad_W, grad_b = np.zeros(U.shape), np.zeros(W.shape), np.zeros(b.shape)
    carried = np.zeros(h.shape)
    for t in reversed(range(x.shape[1])):
        grad_z = (1 - states[t + 1] ** 2) * (upstream[:, t] + carried)
        grad_U += grad_z.T @ x[:, t]
        grad_W += grad_z.T @ states[t]
        grad_b += grad_z.sum(axis=0)
        carried = grad_z @ W
    return grad_U, grad_W, grad_b


@backpropagate_through_time.cases
def _(rng):
    for batch, steps, features, units in ((1, 2, 1, 2), (2, 4, 3, 2), (3, 3, 2, 3)):
        x, parameters = rng.normal(size=(batch, steps, features)), _parameters(rng, features, units)
        yield rng.normal(size=(batch, steps, units)), x, *parameters


backpropagate_through_time.hints(
    "Run forward and keep every state, h⁽⁰⁾ too. Then walk from the last step to the first.",
    "A state reaches the loss in two ways: at its own step (`upstream`) and by the next state.",
    "The slope of tanh is 1 − h². The way back to the state before multiplies by Wᵀ.",
    "U, W and b are used at every step: their gradients are sums over all steps.",
)


def _through_time(
    upstream,
    x,
    U,
    W,
    b,
    *,
    slope=True,
    twice=False,
    before=False,
    steep=False,
    carry=True,
    turned=False,
    late=0,
    early=False,
    last=False,
    overwrite=False,
):
    """Return the gradients with one thing done otherwise."""
    states = np.concatenate([np.zeros((len(x), 1, len(b))), rnn(x, U, W, b)], axis=1)
    grad_U, grad_W, grad_b = np.zeros(U.shape), np.zeros(W.shape), np.zeros(b.shape)
    carried = np.zeros((len(x), len(b)))
    for t in reversed(range(x.shape[1])):
        arrives = grad_z = upstream[:, t] + carried
        if slope:
            state = states[:, t if before else t + 1]
            grad_z = (1 - (np.tanh(state) if twice else state) ** 2) * grad_z
        if not last or t == x.shape[1] - 1:
            if not early:
                grad_U += grad_z.T @ x[:, t]
            elif t:
                grad_U += grad_z.T @ x[:, t - 1]
            grad_W += grad_z.T @ states[:, t + late]
            grad_b = grad_z.sum(axis=0) + (0 if overwrite else grad_b)
        if carry:
            carried = (arrives if steep else grad_z) @ (W.T if turned else W)
    return grad_U, grad_W, grad_b


backpropagate_through_time.mistakes(
    "You kept the last step's share only: U, W and b are used at every step, so add all shares up.",
    partial(_through_time, last=True),
    "You stopped at each step's own loss: a state also reaches the loss through the next state.",
    partial(_through_time, carry=False),
    "The slope of tanh is missing: multiply by 1 − (h⁽ᵗ⁾)².",
    partial(_through_time, slope=False),
    "W was met by h⁽ᵗ⁻¹⁾ on the way forward; you multiplied by h⁽ᵗ⁾ on the way back.",
    partial(_through_time, late=1),
    "You used x⁽ᵗ⁻¹⁾ for ∇U, as the slide prints it. U was met by x⁽ᵗ⁾: that is a slip there.",
    partial(_through_time, early=True),
    "You carried the gradient back through W instead of Wᵀ: for rows that is `grad @ W`.",
    partial(_through_time, turned=True),
    "You averaged over the batch: the loss is a sum, so the gradients of all sequences add up.",
    lambda upstream, x, U, W, b: tuple(
        part / len(x) for part in _through_time(upstream, x, U, W, b)
    ),
    "You used the last step's upstream alone: every state owes something at its own step.",
    lambda upstream, x, U, W, b: _through_time(
        upstream * (np.arange(upstream.shape[1]) == upstream.shape[1] - 1)[:, None], x, U, W, b
    ),
    "You kept the first step's share of ∇b only: b is used at every step, so add all shares up.",
    partial(_through_time, overwrite=True),
    "You carried the gradient back without tanh's slope: multiply by 1 − (h⁽ᵗ⁾)² before Wᵀ.",
    partial(_through_time, steep=True),
    "You took the slope at h⁽ᵗ⁻¹⁾: step t's is 1 − (h⁽ᵗ⁾)².",
    partial(_through_time, before=True),
    "You took tanh of the state once more: the slope at a step is 1 − (h⁽ᵗ⁾)².",
    partial(_through_time, twice=True),
    "You averaged over the steps: the loss is a sum, so the shares of all steps add up.",
    lambda upstream, x, U, W, b: tuple(
        part / x.shape[1] for part in _through_time(upstream, x, U, W, b)
    ),
)


# ---- counting -----------------------------------------------------------------------------------


@exercise(points=1)
def count_parameters(steps, features, units, outputs):
    """Return how many numbers a vanilla recurrent network learns: U, W, b, V and c.

    Args:
        steps: Length of the sequences.
        features: Numbers at each step.
        units: Size of the hidden state.
        outputs: Size of the output, which is made at every step.

    Returns:
        A whole number: 5,322 for (8, 8, 64, 10).
    """
    return units * (features + units + 1) + outputs * (units + 1)


@count_parameters.cases
def _(rng):
    yield 8, 8, 64, 10
    yield 3, 2, 5, 4
    for _ in range(3):
        yield tuple(int(number) for number in rng.integers([4, 2, 9, 3], [9, 9, 30, 9]))


count_parameters.hints(
    "Write down the shapes of U, W, b, V and c.",
    "Which of these shapes contains the number of steps?",
)

count_parameters.mistakes(
    "You counted the weights once for each step: all steps share them.",
    lambda steps, features, units, outputs: (
        steps * count_parameters(steps, features, units, outputs)
    ),
    "You left W out: units × units weights lead from state to state.",
    lambda steps, features, units, outputs: units * (features + 1) + outputs * (units + 1),
    "You left the biases out: b has an entry for each unit, c for each output.",
    lambda steps, features, units, outputs: units * (features + units) + outputs * units,
    "You left b out: each unit has a bias.",
    lambda steps, features, units, outputs: units * (features + units) + outputs * (units + 1),
    "You left c out: each output has a bias.",
    lambda steps, features, units, outputs: units * (features + units + 1) + outputs * units,
    "You counted `units` numbers too many: a unit has one bias, and h⁽⁰⁾ is not learned.",
    lambda steps, features, units, outputs: units * (features + units + 2) + outputs * (units + 1),
    "You left the outputs out: V and c are learned too.",
    lambda steps, features, units, outputs: units * (features + units + 1),
    "You gave every step its own V and c: the steps share them too.",
    lambda steps, features, units, outputs: (
        units * (features + units + 1) + steps * outputs * (units + 1)
    ),
    "You gave each unit one weight for its own state: W joins every unit with every other.",
    lambda steps, features, units, outputs: units * (features + 2) + outputs * (units + 1),
    "You gave every step a U of its own: the same weights read every step.",
    lambda steps, features, units, outputs: (
        units * (steps * features + units + 1) + outputs * (units + 1)
    ),
)


# ---- padding ------------------------------------------------------------------------------------


def _mask(lengths, steps):
    return np.arange(steps) < np.array(lengths)[:, None]


@exercise(points=1)
def last_state(h, mask):
    """Return each sequence's state after its last real step.

    Args:
        h: States after every step, of shape (batch, steps, units).
        mask: True where a step is real, of shape (batch, steps). Padding comes at the end, and
            every sequence has at least one real step.

    Returns:
        States of shape (batch, units).
    """
    return h[np.arange(len(h)), mask.sum(axis=1) - 1]


@last_state.cases
def _(rng):
    yield np.arange(6.0).reshape(2, 3, 1), _mask([2, 3], 3)
    yield rng.normal(size=(3, 6, 2)), _mask([5, 3, 6], 6)
    yield rng.normal(size=(4, 5, 3)), _mask([2, 4, 1, 3], 5)


last_state.hints(
    "How many steps of each sequence are real? `mask.sum(axis=1)` knows.",
    "The state after the n-th step has the number n − 1.",
    "`h[np.arange(len(h)), numbers]` takes another step from each sequence.",
)

last_state.mistakes(
    "You took the state at the end of the padding: take the last real one.",
    lambda h, mask: h[:, -1],
    "You went one step too far: the n-th state has the number n − 1.",
    lambda h, mask: h[np.arange(len(h)), np.minimum(mask.sum(axis=1), h.shape[1] - 1)],
    "You took the first state: it has seen one step only.",
    lambda h, mask: h[:, 0],
    "You averaged over the real steps: the task asks for the last one.",
    lambda h, mask: (h * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None],
    "All sequences ended where the longest one does: each has its own length.",
    lambda h, mask: h[:, mask.sum(axis=1).max() - 1],
    "All sequences ended where the shortest one does: each has its own length.",
    lambda h, mask: h[:, mask.sum(axis=1).min() - 1],
    "You set the padding to zero: pick one state of each sequence, shape (batch, units).",
    lambda h, mask: h * mask[..., None],
    "You averaged over all steps, padding included: the task asks for the last real one.",
    lambda h, mask: h.mean(axis=1),
    "You picked every sequence's last step in all sequences: pair the n-th with its own step.",
    lambda h, mask: h[:, mask.sum(axis=1) - 1],
)


@exercise(points=1)
def masked_loss(losses, mask):
    """Return the mean loss of all real steps of a batch.

    Args:
        losses: The loss at each step, of shape (batch, steps); at padding it means nothing.
        mask: True where a step is real, of shape (batch, steps).

    Returns:
        A number: the sum over all real steps, divided by how many there are.
    """
    return losses[mask].mean()


@masked_loss.cases
def _(rng):
    yield np.array([[1.0, 3.0, 9.0], [5.0, 7.0, 6.0]]), _mask([2, 1], 3)
    yield rng.uniform(size=(3, 6)), _mask([6, 2, 3], 6)
    yield rng.uniform(1, 4, size=(4, 5)), _mask([2, 4, 1, 3], 5)


masked_loss.hints(
    "What a network says about padding must not count, neither above the line nor below it.",
    "`losses[mask]` picks the real steps out.",
)

masked_loss.mistakes(
    "You counted real steps below the line, but added up the padding's losses, too.",
    lambda losses, mask: losses.sum() / mask.sum(),
    "You counted the padding in: only real steps have a loss.",
    lambda losses, mask: losses.mean(),
    "You divided by all steps: padding does not count below the line either.",
    lambda losses, mask: (losses * mask).mean(),
    "You forgot to divide by the number of real steps.",
    lambda losses, mask: losses[mask].sum(),
    "The mask is the wrong way round: True marks the real steps.",
    lambda losses, mask: losses[~mask].mean(),
    "You averaged within each sequence first, so a step of a short one weighs more than others.",
    lambda losses, mask: ((losses * mask).sum(axis=1) / mask.sum(axis=1)).mean(),
    "You divided by the number of sequences: divide by the number of real steps.",
    lambda losses, mask: losses[mask].sum() / len(losses),
    "You divided by the length of a sequence: divide by the number of real steps.",
    lambda losses, mask: losses[mask].sum() / losses.shape[1],
    "You returned one mean for each sequence: one number is asked for.",
    lambda losses, mask: (losses * mask).sum(axis=1) / mask.sum(axis=1),
)


# ---- clipping -----------------------------------------------------------------------------------


@exercise(points=1)
def clip_by_norm(gradients, limit):
    """Shorten a gradient that is longer than `limit`; keep its direction.

    All arrays together are one long vector: its length is the square root of the sum of all
    squares. A shorter gradient stays as it is.

    Args:
        gradients: A list of arrays.
        limit: The greatest length.

    Returns:
        A list of arrays of the same shapes.
    """
    norm = np.sqrt(sum(np.sum(part**2) for part in gradients))
    return [part * min(1.0, limit / norm) for part in gradients]


@clip_by_norm.cases
def _(rng):
    yield [np.array([3.0]), np.array([4.0])], 1.0
    yield [np.array([0.3, -0.1]), np.array([[0.4]])], 2.0
    yield [4 * rng.normal(size=(2, 3)), rng.normal(size=4)], 1.5


clip_by_norm.hints(
    "One length for all arrays together, and one factor for all of them.",
    "The factor is limit / length, but never more than 1.",
)


def norm(gradients):
    """Return the length of all arrays together."""
    return np.sqrt(sum(np.sum(part**2) for part in gradients))


clip_by_norm.mistakes(
    "You gave the gradients back as they came: where they are too long, they are shortened.",
    lambda gradients, limit: [part.copy() for part in gradients],
    "You cut each number off at the limit: that turns the gradient.",
    lambda gradients, limit: [np.clip(part, -limit, limit) for part in gradients],
    "You shortened each array by itself: take one length for all together.",
    lambda gradients, limit: ([part * min(1.0, limit / norm([part])) for part in gradients]),
    "You made short gradients longer: those below the limit stay as they are.",
    lambda gradients, limit: [part * limit / norm(gradients) for part in gradients],
    "You forgot the root: the length is the root of the sum of squares.",
    lambda gradients, limit: (
        [part * min(1.0, limit / norm(gradients) ** 2) for part in gradients]
    ),
    "You threw the long gradient away: shorten it, its direction is worth keeping.",
    lambda gradients, limit: [part * (norm(gradients) <= limit) for part in gradients],
    "You added the arrays' lengths: one length is the root of the sum of all squares.",
    lambda gradients, limit: [
        part * min(1.0, limit / sum(norm([one]) for one in gradients)) for part in gradients
    ],
    "You took the largest number for the length: it is the root of the sum of all squares.",
    lambda gradients, limit: [
        part * min(1.0, limit / max(np.abs(one).max() for one in gradients)) for part in gradients
    ],
    "You added the absolute values: the length is the root of the sum of all squares.",
    lambda gradients, limit: [
        part * min(1.0, limit / sum(np.abs(one).sum() for one in gradients)) for part in gradients
    ],
    "You multiplied a long gradient by the limit: the factor is limit / length.",
    lambda gradients, limit: [
        part * (limit if norm(gradients) > limit else 1.0) for part in gradients
    ],
    "You turned the factor over: it is limit / length.",
    lambda gradients, limit: [part * max(1.0, norm(gradients) / limit) for part in gradients],
    "You made the length 1: it is to be `limit`.",
    lambda gradients, limit: [
        part / (norm(gradients) if norm(gradients) > limit else 1.0) for part in gradients
    ],
)


# ---- windows ------------------------------------------------------------------------------------


@exercise(points=2)
def forecasting_windows(series, past, horizon):
    """Cut a series into all pairs of a past and the future that follows it.

    Args:
        series: Shape (hours,).
        past: Length of each past.
        horizon: Length of each future.

    Returns:
        Two arrays, of shapes (windows, past) and (windows, horizon). The first past begins with
        the series, and each next one an hour later; the last future ends with the series.
    """
    windows = len(series) - past - horizon + 1
    return (
        np.stack([series[start : start + past] for start in range(windows)]),
        np.stack([series[start + past : start + past + horizon] for start in range(windows)]),
    )


@forecasting_windows.cases
def _(rng):
    yield np.arange(1.0, 8.0), 3, 2
    yield rng.normal(size=12), 4, 3
    yield rng.normal(size=15), 5, 2


forecasting_windows.hints(
    "How many windows of past + horizon hours fit into the series?",
    "A future begins where its past ends, and has no hour in common with it.",
)


forecasting_windows.mistakes(
    "The future begins with the last hour of the past: the network would be shown the answer.",
    lambda series, past, horizon: (
        forecasting_windows(series, past, horizon)[0],
        forecasting_windows(series[:-1], past - 1, horizon)[1],
    ),
    "Your windows do not overlap: the next one begins an hour later.",
    lambda series, past, horizon: tuple(
        part[:: past + horizon] for part in forecasting_windows(series, past, horizon)
    ),
    "You left out the last window: its future ends with the series.",
    lambda series, past, horizon: forecasting_windows(series[:-1], past, horizon),
    "You kept the last hour of each future only: all of it is asked for.",
    lambda series, past, horizon: (
        forecasting_windows(series, past, horizon)[0],
        forecasting_windows(series, past, horizon)[1][:, -1:],
    ),
    "You left an hour out between past and future: it follows at once.",
    lambda series, past, horizon: (
        forecasting_windows(series[:-1], past, horizon)[0],
        forecasting_windows(series[1:], past, horizon)[1],
    ),
    "You swapped the two: the past comes first.",
    lambda series, past, horizon: forecasting_windows(series, past, horizon)[::-1],
    "Your pasts do not overlap: each begins an hour after the one before.",
    lambda series, past, horizon: [
        one[::past] for one in forecasting_windows(series, past, horizon)
    ],
    "You moved on by the horizon: each past begins an hour after the one before.",
    lambda series, past, horizon: [
        one[::horizon] for one in forecasting_windows(series, past, horizon)
    ],
    "You kept the first hour of each future only: it is `horizon` hours long.",
    lambda series, past, horizon: [
        forecasting_windows(series, past, horizon)[0],
        forecasting_windows(series, past, horizon)[1][:, 0],
    ],
)


# ---- a network ----------------------------------------------------------------------------------


@model_exercise(points=3)
def tagger():
    """Build a network that names one of 3 classes at every step, having read both ways; uncompiled.

    Sequences have any number of steps and 5 features; a step of five zeros is padding and is to
    be skipped. One bidirectional layer has a `SimpleRNN` of 12 units for each direction, and a
    softmax follows at every step.

    Returns:
        A `keras.Model` from (steps, 5) to (steps, 3).
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((None, 5)),
            layers.Masking(0.0),
            layers.Bidirectional(layers.SimpleRNN(12, return_sequences=True)),
            layers.Dense(3, activation="softmax"),
        ]
    )


tagger.hints(
    "`keras.Input((None, 5))` takes sequences of any length.",
    "`layers.Masking(0.0)` marks the steps to skip; layers.Bidirectional wraps a recurrent layer.",
    "Which argument of SimpleRNN makes it return its state after every step?",
)


def _tagger(*, mask=True, both=True, every=True, cell="SimpleRNN", units=12, merge="concat"):
    """Return the network of the exercise with one thing done otherwise."""
    import keras
    from keras import layers

    rnn = getattr(layers, cell)(units, return_sequences=every)
    return keras.Sequential(
        [
            keras.Input((None, 5)),
            *([layers.Masking(0.0)] if mask else []),
            layers.Bidirectional(rnn, merge_mode=merge) if both else rnn,
            layers.Dense(3, activation="softmax"),
        ]
    )


tagger.mistakes(
    "return_sequences is missing: only the last state gets a class.",
    lambda: _tagger(every=False),
    "Nothing marks the padding: put a Masking layer before the recurrent one.",
    lambda: _tagger(mask=False),
    "You read in one direction only: wrap the layer in Bidirectional.",
    lambda: _tagger(both=False),
    "You added the two directions up: they are laid side by side (concat).",
    lambda: _tagger(merge="sum"),
    "You halved the units: each direction has 12, so their states make 24.",
    lambda: _tagger(units=6),
    "You used a GRU: the task asks for the vanilla cell, SimpleRNN.",
    lambda: _tagger(cell="GRU"),
)
