"""Wrong answers to the exercises of `memory`."""

import numpy as np

from wrong_answers.building_blocks import np_sigmoid


def gru(x, h, w, *, keep=True, reset="after", act=np.tanh, squash=np_sigmoid, swap=False, c=True):
    i = {g: w[f"W_{g}"] @ x + w[f"b_{g}"] for g in "zrh"}
    m = {g: w[f"U_{g}"] @ h + (w[f"c_{g}"] if c else 0) for g in "zrh"}
    z, r = squash(i["z"] + m["z"]), squash(i["r"] + m["r"])
    if swap:
        z, r = r, z
    if reset == "before":
        m["h"] = w["U_h"] @ (r * h) + w["c_h"]
    elif reset == "after":
        m["h"] = r * m["h"]
    elif reset == "no bias":
        m["h"] = r * (w["U_h"] @ h) + w["c_h"]
    elif reset == "all":
        m["h"], i["h"] = r * m["h"], r * i["h"]
    new = act(i["h"] + m["h"])
    return z * h + (1 - z) * new if keep else (1 - z) * h + z * new


def joined(frames, reduction, mode="constant", front=False):
    missing = -len(frames) % reduction
    padded = np.pad(frames, ((missing, 0) if front else (0, missing), (0, 0)), mode=mode)
    return padded.reshape(-1, reduction * frames.shape[1])


def lstm(x, h, C, w, *, wrong=""):
    both = np.concatenate([x, h] if wrong == "x first" else [h, x])
    z = {g: w[f"W_{g}"] @ both + (0 if wrong == "no biases" else w[f"b_{g}"]) for g in "fiCo"}
    gate = np.tanh if wrong == "tanh gates" else np_sigmoid
    f, i, o = gate(z["f"]), gate(z["i"]), gate(z["o"])
    new = (np_sigmoid if wrong == "squashed" else np.tanh)(z["C"])
    if wrong == "exchanged":
        f, i = i, f
    if wrong == "coupled":
        i = 1 - f
    memory = (C if wrong == "keeps all" else f * C) + (new if wrong == "writes all" else i * new)
    shown = C if wrong == "old memory" else memory
    out = o * (shown if wrong == "no tanh" else np.tanh(shown))
    return (memory, out) if wrong == "order" else (out, memory)


def lstm_back(u, C, a_f, a_i, a_C, a_o, *, wrong=""):
    f, i, o, g = np_sigmoid(a_f), np_sigmoid(a_i), np_sigmoid(a_o), np.tanh(a_C)
    new = f * C + i * g
    slope = {"none": 1.0, "of memory": 1 - new**2}.get(wrong, 1 - np.tanh(new) ** 2)
    d = u * (1.0 if wrong == "gate left out" else o) * slope
    of = lambda one: 1.0 if wrong == "gates without" else one * (1 - one)  # noqa: E731
    return [
        d * (1.0 if wrong == "all back" else f),
        d * (new if wrong == "new for old" else C) * of(f),
        d * g * of(i),
        d * i * (g * (1 - g) if wrong == "sigmoid's" else 1 - g**2),
        u * (new if wrong == "memory read" else np.tanh(new)) * of(o),
    ]


def two_weights(u, keep, write, xs, *, wrong=""):
    k, squashed = np_sigmoid(keep), np.tanh(write * xs)
    memory = [0.0]
    for one in squashed:
        memory.append(k * memory[-1] + one)
    factor = {"not squashed": keep, "never fades": 1.0}.get(wrong, k)
    faded = u * factor ** np.arange(len(xs), dtype=float)[::-1]
    if wrong == "turned":
        faded = faded[::-1]
    if wrong == "last":
        faded = np.where(np.arange(len(xs)) == len(xs) - 1, u, 0.0)
    before = np.array(memory[1:] if wrong == "new" else memory[:-1])
    to_keep = (faded * before).sum() * (1 if wrong == "no slope" else k * (1 - k))
    slope = 1 if wrong == "tanh left out" else 1 - squashed**2
    to_write = (faded * slope * (1 if wrong == "no input" else xs)).sum()
    n = len(xs) if wrong == "mean" else 1
    return [to_keep / n, to_write / n]


ANSWERS = {
    "memory.pyramid_steps": [
        lambda n, k, r: n // r ** (k - 1),
        lambda n, k, r: n / r ** (k - 1),
        lambda n, k, r: -(-n // r**k),
        lambda n, k, r: -(-n // (r * (k - 1))) if k > 1 else n,
        lambda n, k, r: n // r**k,
        lambda n, k, r: round(n / r ** (k - 1)),
        lambda n, k, r: -(-n // r ** (k - 1)) + 1,
        lambda n, k, r: -(-n // r),
        lambda n, k, r: n - r * (k - 1),
        lambda n, k, r: n,
    ],
    "memory.count_parameters": [
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[c] * u * (u + f + 1),
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[c] * u * (u + f),
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 3, "GRU": 2}[c] * u * (u + f + 1),
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[c] * u * (u + f + 2),
        lambda c, f, u: u * (u + f + 1),
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 4, "GRU": 4}[c] * u * (u + f + 1),
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[c] * (u * (f + 1) + u) + 0,
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[c] * (u * (u + f) + 1),
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[c] * (u * f + u),
        lambda c, f, u: {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[c] * (f * (u + f) + f),
    ],
    "memory.gru_step": [
        lambda x, h, w: gru(x, h, w, keep=False),
        lambda x, h, w: gru(x, h, w, reset="before"),
        lambda x, h, w: gru(x, h, w, reset="none"),
        lambda x, h, w: gru(x, h, w, swap=True),
        lambda x, h, w: gru(x, h, w, act=np_sigmoid),
        lambda x, h, w: gru(x, h, w, c=False),
        lambda x, h, w: gru(x, h, w, reset="no bias"),
        lambda x, h, w: gru(x, h, w, reset="all"),
        lambda x, h, w: gru(x, h, w, act=lambda z: z),
        lambda x, h, w: gru(x, h, w, squash=np.tanh),
    ],
    "memory.join_frames": [
        lambda f, r: f[: len(f) // r * r].reshape(-1, r * f.shape[1]),
        lambda f, r: joined(f, r, front=True),
        lambda f, r: joined(f, r, mode="edge"),
        lambda f, r: joined(f, r).reshape(-1, r, f.shape[1]).mean(axis=1),
        lambda f, r: joined(f, r).reshape(-1, r, f.shape[1]).sum(axis=1),
        lambda f, r: joined(f, r).reshape(-1, r, f.shape[1]),
        lambda f, r: (
            joined(f, r).reshape(-1, r, f.shape[1]).swapaxes(1, 2).reshape(-1, r * f.shape[1])
        ),
        lambda f, r: joined(f[:, ::-1], r)[:, ::-1],
        lambda f, r: f[::r],
        lambda f, r: joined(f, r).reshape(-1, r, f.shape[1]).max(axis=1),
    ],
    "memory.lstm_step": [
        lambda *a: lstm(*a, wrong="exchanged"),
        lambda *a: lstm(*a, wrong="no tanh"),
        lambda *a: lstm(*a, wrong="squashed"),
        lambda *a: lstm(*a, wrong="x first"),
        lambda *a: lstm(*a, wrong="coupled"),
        lambda *a: lstm(*a, wrong="no biases"),
        lambda *a: lstm(*a, wrong="order"),
        lambda *a: lstm(*a, wrong="writes all"),
        lambda *a: lstm(*a, wrong="keeps all"),
        lambda *a: lstm(*a, wrong="old memory"),
    ],
    "memory.last_outputs": [
        lambda h, m: h[:, -1],
        lambda h, m: h[np.arange(len(h)), m.sum(axis=1) - 2],
        lambda h, m: h[np.arange(len(h)), np.minimum(m.sum(axis=1), h.shape[1] - 1)],
        lambda h, m: h[:, 0],
        lambda h, m: (h * m[..., None]).sum(axis=1) / m.sum(axis=1)[:, None],
        lambda h, m: h[:, -1] * m[:, -1:],
        lambda h, m: np.where(m[..., None], h, -np.inf).max(axis=1),
        lambda h, m: (h * m[..., None]).sum(axis=1),
        lambda h, m: h[:, m.sum(axis=1).min() - 1],
        lambda h, m: h[np.arange(len(h)), m.argmax(axis=1)],
    ],
    "memory.lstm_step_gradient": [
        lambda *a: lstm_back(*a, wrong="none"),
        lambda *a: lstm_back(*a, wrong="of memory"),
        lambda *a: lstm_back(*a, wrong="gate left out"),
        lambda *a: lstm_back(*a, wrong="gates without"),
        lambda *a: lstm_back(*a, wrong="sigmoid's"),
        lambda *a: lstm_back(*a, wrong="memory read"),
        lambda *a: lstm_back(*a, wrong="all back"),
        lambda *a: lstm_back(*a, wrong="new for old"),
        lambda *a: lstm_back(*a)[1:] + lstm_back(*a)[:1],
        lambda u, *a: lstm_back(np.ones_like(u), *a),
    ],
    "memory.through_time": [
        lambda *a: two_weights(*a, wrong="last"),
        lambda *a: two_weights(*a, wrong="never fades"),
        lambda *a: two_weights(*a, wrong="not squashed"),
        lambda *a: two_weights(*a, wrong="no slope"),
        lambda *a: two_weights(*a, wrong="new"),
        lambda *a: two_weights(*a, wrong="tanh left out"),
        lambda *a: two_weights(*a, wrong="no input"),
        lambda *a: two_weights(*a, wrong="turned"),
        lambda *a: two_weights(*a, wrong="mean"),
        lambda *a: two_weights(*a)[::-1],
    ],
}
