"""Wrong answers to the exercises of `recurrence`."""

import numpy as np

from wrong_answers.building_blocks import length, np_sigmoid, shortened


def rnn(x, U, W, b, *, act=np.tanh, h0=0.0, wt=True, reset=False, bias_twice=False, back=False):
    h, states = np.full((len(x), len(b)), h0), []
    steps = range(x.shape[1])[::-1] if back else range(x.shape[1])
    for t in steps:
        if reset:
            h = np.zeros_like(h)
        h = act((2 if bias_twice else 1) * b + h @ (W.T if wt else W) + x[:, t] @ U.T)
        states.append(h)
    return np.stack(states, axis=1)


def unrolled_back(u, x, U, W, b, *, wrong=""):
    h, states = np.zeros((len(x), len(b))), [np.zeros((len(x), len(b)))]
    for t in range(x.shape[1]):
        h = np.tanh(b + h @ W.T + x[:, t] @ U.T)
        states.append(h)
    to_u, to_w, to_b = np.zeros_like(U), np.zeros_like(W), np.zeros_like(b)
    later = np.zeros_like(h)
    for t in range(x.shape[1])[::-1]:
        arrived = u[:, t] + (0 if wrong == "own step" else later)
        if wrong == "last alone" and t < x.shape[1] - 1:
            arrived = later
        slope = 1 - states[t + 1] ** 2
        if wrong == "twice":
            slope = 1 - np.tanh(states[t + 1]) ** 2
        d = arrived * (1 if wrong == "no slope" else slope)
        later = d @ (W.T if wrong == "not turned" else W)
        to_u += d.T @ x[:, t]
        to_w += d.T @ states[t + 1 if wrong == "new state" else t]
        to_b = d.sum(axis=0) + (0 if wrong == "last bias" else to_b)
    by = {"batch": len(x), "steps": x.shape[1]}.get(wrong, 1)
    return to_u / by, to_w / by, to_b / by


def pairs(series, past, horizon, *, skip=0, less=0, step=1):
    starts = range(0, len(series) - past - horizon - max(skip, 0) + 1 - less, step)
    later = [series[s + past + skip : s + past + skip + horizon] for s in starts]
    return np.array([series[s : s + past] for s in starts]), np.array(later)


ANSWERS = {
    "recurrence.rnn": [
        lambda x, U, W, b: rnn(x, U, W, 0 * b),
        lambda x, U, W, b: rnn(x, U, W, b, wt=False),
        lambda x, U, W, b: rnn(x, U, W, b, act=np_sigmoid),
        lambda x, U, W, b: rnn(x, U, W, b, act=lambda z: np.maximum(z, 0)),
        lambda x, U, W, b: rnn(x, U, W, b, act=lambda z: z),
        lambda x, U, W, b: rnn(x, U, W, b, reset=True),
        lambda x, U, W, b: rnn(x, U, W, b)[:, -1],
        lambda x, U, W, b: np.moveaxis(rnn(x, U, W, b), 1, 0),
        lambda x, U, W, b: rnn(x, U, W, b, h0=1.0),
        lambda x, U, W, b: rnn(x, U, W, b, back=True),
    ],
    "recurrence.last_state": [
        lambda h, m: h[:, -1],
        lambda h, m: h[np.arange(len(h)), m.sum(axis=1) - 2],
        lambda h, m: h[np.arange(len(h)), np.minimum(m.sum(axis=1), h.shape[1] - 1)],
        lambda h, m: h[:, 0],
        lambda h, m: (h * m[..., None]).sum(axis=1) / m.sum(axis=1)[:, None],
        lambda h, m: h[:, -1] * m[:, -1:],
        lambda h, m: h.mean(axis=1),
        lambda h, m: h * m[..., None],
        lambda h, m: h[:, m.sum(axis=1).max() - 1],
        lambda h, m: h[:, m.sum(axis=1) - 1],
    ],
    "recurrence.masked_loss": [
        lambda v, m: v.mean(),
        lambda v, m: (v * m).mean(),
        lambda v, m: (v * m).sum(),
        lambda v, m: ((v * m).sum(axis=1) / m.sum(axis=1)).mean(),
        lambda v, m: v[~m].mean() if (~m).any() else 0.0,
        lambda v, m: (v * m).sum() / len(v),
        lambda v, m: (v * m).sum(axis=1) / m.sum(axis=1),
        lambda v, m: (v * m).sum() / v.shape[1],
        lambda v, m: v.sum() / m.sum(),
        lambda v, m: np.median(v[m]),
    ],
    "recurrence.rnn_step": [
        lambda h, x, U, W, b: b + h @ W.T + x @ U.T,
        lambda h, x, U, W, b: np_sigmoid(b + h @ W.T + x @ U.T),
        lambda h, x, U, W, b: np.tanh(b + h @ W + x @ U.T),
        lambda h, x, U, W, b: np.tanh(h @ W.T + x @ U.T),
        lambda h, x, U, W, b: np.tanh(h @ W.T + x @ U.T) + b,
        lambda h, x, U, W, b: np.tanh(b + x @ U.T),
        lambda h, x, U, W, b: h + np.tanh(b + h @ W.T + x @ U.T),
        lambda h, x, U, W, b: np.tanh(b + h @ W.T) + np.tanh(x @ U.T),
        lambda h, x, U, W, b: np.maximum(b + h @ W.T + x @ U.T, 0),
        lambda h, x, U, W, b: np.tanh(b + h @ W.T + x @ U.T).mean(axis=0),
    ],
    "recurrence.backpropagate_through_time": [
        lambda *a: unrolled_back(*a, wrong="own step"),
        lambda *a: unrolled_back(*a, wrong="last alone"),
        lambda *a: unrolled_back(*a, wrong="no slope"),
        lambda *a: unrolled_back(*a, wrong="not turned"),
        lambda *a: unrolled_back(*a, wrong="new state"),
        lambda *a: unrolled_back(*a, wrong="batch"),
        lambda *a: unrolled_back(*a, wrong="steps"),
        lambda *a: unrolled_back(*a, wrong="last bias"),
        lambda *a: unrolled_back(*a, wrong="twice"),
        lambda u, *a: unrolled_back(-u, *a),
    ],
    "recurrence.count_parameters": [
        lambda t, f, u, o: u * (f + u) + o * (u + 1),
        lambda t, f, u, o: u * (f + u + 1) + o * u,
        lambda t, f, u, o: t * (u * (f + u + 1) + o * (u + 1)),
        lambda t, f, u, o: u * (f + u + 1) + t * o * (u + 1),
        lambda t, f, u, o: u * (f + 1) + o * (u + 1),
        lambda t, f, u, o: u * (f + u + 2) + o * (u + 1),
        lambda t, f, u, o: u * (f + u + 1),
        lambda t, f, u, o: u * (f + u) + o * u,
        lambda t, f, u, o: u * (f + 2) + o * (u + 1),
        lambda t, f, u, o: u * (t * f + u + 1) + o * (u + 1),
    ],
    "recurrence.clip_by_norm": [
        lambda g, n: [shortened([one], n, length([one]))[0] for one in g],
        lambda g, n: [np.clip(one, -n, n) for one in g],
        lambda g, n: [one * n / length(g) for one in g],
        lambda g, n: shortened(g, n, length(g) ** 2),
        lambda g, n: shortened(g, n, sum(length([one]) for one in g)),
        lambda g, n: [one / length(g) if length(g) > n else one for one in g],
        lambda g, n: shortened(g, n, max(abs(one).max() for one in g)),
        lambda g, n: shortened(g, n, sum(abs(one).sum() for one in g)),
        lambda g, n: [one * n if length(g) > n else one for one in g],
        lambda g, n: [one * length(g) / n if length(g) > n else one for one in g],
    ],
    "recurrence.forecasting_windows": [
        lambda s, p, n: pairs(s, p, n, less=1),
        lambda s, p, n: pairs(s, p, n, skip=-1),
        lambda s, p, n: pairs(s, p, n, skip=1),
        lambda s, p, n: pairs(s, p, n, step=p),
        lambda s, p, n: pairs(s, p, n, step=n),
        lambda s, p, n: pairs(s, p, n)[::-1],
        lambda s, p, n: (pairs(s, p, n)[0], pairs(s, p, n)[1][:, -1:]),
        lambda s, p, n: (pairs(s, p, n)[0], pairs(s, p, n)[1][:, 0]),
        lambda s, p, n: (pairs(s, p, n)[0][:, ::-1], pairs(s, p, n)[1]),
        lambda s, p, n: pairs(s, p, n, step=p + n),
    ],
}

LATER = {
    "recurrence.count_parameters": [
        lambda t, f, u, o: f * (f + u + 1) + o * (u + 1),
        lambda t, f, u, o: u * (f + u + 1) + o * (u + 1) + u,
        lambda t, f, u, o: u * (f + u + 1) + o * (f + 1),
    ],
}
