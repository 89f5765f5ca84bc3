"""Wrong answers to the exercises of `optimizers`."""

import numpy as np


def bn(upstream, x, gamma, epsilon, *, mean=True, var=True, eps=True, ddof=0, total=False):
    """Batch normalization's backward pass, with something left out."""
    n = len(x)
    scale = np.sqrt(x.var(axis=0, ddof=ddof) + (epsilon if eps else 0))
    x_hat = (x - x.mean(axis=0)) / scale
    by = 1 if total else n
    to_x = upstream - (upstream.sum(axis=0) / by if mean else 0)
    to_x = to_x - (x_hat * (upstream * x_hat).sum(axis=0) / by if var else 0)
    return gamma / scale * to_x, (upstream * x_hat).sum(axis=0), upstream.sum(axis=0)


def sgd(weights, x, y, size, rate, *, divide=None, drop=False, fresh=True, sign=1, factor=1.0):
    first = weights
    for start in range(0, len(x), size):
        inputs, targets = x[start : start + size], y[start : start + size]
        if drop and len(inputs) < size:
            break
        by = {None: len(inputs), "none": 1, "size": size, "all": len(x)}[divide]
        at = weights if fresh else first
        weights = weights - sign * factor * rate * inputs.T @ (inputs @ at - targets) / by
    return weights


def walk(start, curvatures, rate, steps, *, sign=1, power=1, half=1.0, keep=True):
    path, w = [start], start
    for _ in range(steps):
        w = w - sign * half * rate * curvatures * (w**power if keep else start)
        path.append(w)
    return np.array(path)


def moving(batches, momentum, *, swap=False, m0=0.0, v0=1.0, ddof=0, std=False, axis=0, seen=None):
    mean, variance = np.full(batches.shape[2], m0), np.full(batches.shape[2], v0)
    old, new = (1 - momentum, momentum) if swap else (momentum, 1 - momentum)
    for x in batches[:seen]:
        spread = x.std(axis=0) if std else x.var(axis=0, ddof=ddof)
        mean, variance = old * mean + new * x.mean(axis=0), old * variance + new * spread
    return mean, variance


def adam(w, gs, rate, a, p, e, *, t0=1, correct="both", inside=False, root=True, square=True, **o):
    s, r = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gs, start=t0):
        s = a * s + (1 if o.get("no_share") else 1 - a) * g
        r = p * r + (1 - p) * (g**2 if square else abs(g))
        up = s / (1 - a**t) if correct in ("both", "first") else s
        down = r / (1 - p**t) if correct in ("both", "second") else r
        down = np.sqrt(down + e) if inside else (np.sqrt(down) if root else down) + e
        w = w + (1 if o.get("plus") else -1) * rate * up / down
    return w


def normal(x, gamma, beta, epsilon, *, axis=0, ddof=0, inside=True):
    keep = axis is not None
    mean = x.mean(axis=axis, keepdims=keep)
    spread = np.sqrt(x.var(axis=axis, ddof=ddof, keepdims=keep) + (epsilon if inside else 0))
    return gamma * (x - mean) / (spread if inside else spread + epsilon) + beta


def rolling(w, gs, rates, alpha, *, share=None, sign=-1, first=False, bare=False, wrong=""):
    s, path = np.zeros_like(w), []
    for t, (g, rate) in enumerate(zip(gs, rates, strict=True), start=1):
        if bare:
            s = alpha * s - rate * g
            w = w + s
        else:
            s = alpha * s + (1 - alpha if share is None else share) * g
            if first and t == 1:
                s = g
            if wrong == "forgets":
                s = (1 - alpha) * g
            w = w + sign * rate * (s / (1 - alpha**t) if wrong == "corrected" else s)
        path.append(w)
    return np.array(path) if wrong == "path" else w


def looking(w, gs, rates, alpha, step):
    v = np.zeros_like(w)
    for g, rate in zip(gs, rates, strict=True):
        old, v = v, alpha * v - rate * g
        w = w + step(old, v, rate * g)
    return w


def by_spread(w, gs, rate, rho, epsilon, *, share=None, wrong="", start=0.0, sign=-1):
    r = np.full_like(w, start)
    for t, g in enumerate(gs, start=1):
        old = r
        r = rho * r + (1 - rho if share is None else share) * (abs(g) if wrong == "plain" else g**2)
        at = old if wrong == "old" else r / (1 - rho**t) if wrong == "corrected" else r
        down = np.sqrt(at + epsilon) if wrong == "inside" else np.sqrt(at) + epsilon
        w = w + sign * rate * g / (at + epsilon if wrong == "no root" else down)
    return w


ANSWERS = {
    "optimizers.batch_norm_gradient": [
        lambda u, x, g, b, e: bn(u, x, g, e, mean=False),
        lambda u, x, g, b, e: bn(u, x, g, e, var=False),
        lambda u, x, g, b, e: bn(u, x, g, e, mean=False, var=False),
        lambda u, x, g, b, e: bn(u, x, g, e, ddof=1),
        lambda u, x, g, b, e: bn(u, x, g, e, total=True),
        lambda u, x, g, b, e: bn(u, x, np.ones_like(g), e),
        lambda u, x, g, b, e: (bn(u, x, g, e)[0], (u * x).sum(axis=0), u.sum(axis=0)),
        lambda u, x, g, b, e: (*bn(u, x, g, e)[:2], u.mean(axis=0)),
        lambda u, x, g, b, e: (
            bn(u, x, g, e)[0],
            (u * bn(u, x, g, e)[0]).sum(axis=0),
            u.sum(axis=0),
        ),
        lambda u, x, g, b, e: (
            bn(u, x, g, e)[0],
            bn(u, x, g, e)[1] / len(x),
            u.sum(axis=0) / len(x),
        ),
    ],
    "optimizers.minibatch_sgd": [
        lambda w, x, y, n, r: sgd(w, x, y, n, r, divide="none"),
        lambda w, x, y, n, r: sgd(w, x, y, n, r, divide="size"),
        lambda w, x, y, n, r: sgd(w, x, y, n, r, divide="all"),
        lambda w, x, y, n, r: sgd(w, x, y, n, r, drop=True),
        lambda w, x, y, n, r: sgd(w, x, y, n, r, fresh=False),
        lambda w, x, y, n, r: sgd(w, x, y, n, r, sign=-1),
        lambda w, x, y, n, r: sgd(w, x, y, n, r, factor=2),
        lambda w, x, y, n, r: sgd(w, x, y, len(x), r),
        lambda w, x, y, n, r: sgd(w, x, y, 1, r),
        lambda w, x, y, n, r: sgd(w, x, y, n, r, factor=0.5),
    ],
    "optimizers.gradient_descent": [
        lambda w, c, r, n: walk(w, c, r, n, sign=-1),
        lambda w, c, r, n: walk(w, c, r, n)[1:],
        lambda w, c, r, n: walk(w, c, r, n)[:-1],
        lambda w, c, r, n: walk(w, c, r, n)[-1],
        lambda w, c, r, n: walk(w, c, r, n, power=2),
        lambda w, c, r, n: walk(w, c, r, n, half=0.5),
        lambda w, c, r, n: walk(w, c, r, n, keep=False),
        lambda w, c, r, n: walk(w, 1 / c, r, n),
        lambda w, c, r, n: walk(w, c, 1.0, n),
        lambda w, c, r, n: walk(w, np.ones_like(c), r, n),
    ],
    "optimizers.moving_averages": [
        lambda b, m: moving(b, m, swap=True),
        lambda b, m: moving(b, m, v0=0.0),
        lambda b, m: moving(b, m, ddof=1),
        lambda b, m: moving(b, m, std=True),
        lambda b, m: moving(b, m)[::-1],
        lambda b, m: moving(b, m, m0=1.0, v0=0.0),
        lambda b, m: moving(b, m, seen=-1),
        lambda b, m: (b.mean(axis=(0, 1)), b.var(axis=(0, 1))),
        lambda b, m: (b[-1].mean(axis=0), b[-1].var(axis=0)),
        lambda b, m: moving(b[::-1], m),
    ],
    "optimizers.adam": [
        lambda *a: adam(*a, correct="none"),
        lambda *a: adam(*a, correct="first"),
        lambda *a: adam(*a, correct="second"),
        lambda *a: adam(*a, inside=True),
        lambda *a: adam(*a, root=False),
        lambda *a: adam(*a, square=False),
        lambda *a: adam(*a, plus=True),
        lambda *a: adam(*a, no_share=True),
        lambda w, g, r, a, p, e: adam(w, g, r, p, a, e),
        lambda w, g, r, a, p, e: adam(w, g, r, a, p, 0.0),
    ],
    "optimizers.batch_norm": [
        lambda x, g, b, e: normal(x, g, b, e, axis=1),
        lambda x, g, b, e: normal(x, g, b, e, axis=None),
        lambda x, g, b, e: normal(x, g, b, e, ddof=1),
        lambda x, g, b, e: normal(x, g, b, e, inside=False),
        lambda x, g, b, e: g * (x - x.mean(axis=0)) / (x.var(axis=0) + e) + b,
        lambda x, g, b, e: normal(x, 1.0, 0.0, e),
        lambda x, g, b, e: g * x / np.sqrt(x.var(axis=0) + e) + b,
        lambda x, g, b, e: normal(x, g, 0.0, e),
        lambda x, g, b, e: g * (normal(x, 1.0, 0.0, e) + b),
        lambda x, g, b, e: g * (x - x.mean(axis=0)) + b,
    ],
    "optimizers.momentum": [
        lambda *a: rolling(*a, share=1.0),
        lambda w, g, r, a: rolling(w, g, r, 1 - a),
        lambda *a: rolling(*a, bare=True),
        lambda *a: rolling(*a, sign=1),
        lambda *a: rolling(*a, first=True),
        lambda w, g, r, a: rolling(w, g, r, 0.0),
        lambda w, g, r, a: rolling(w, g, np.full_like(r, r[0]), a),
        lambda *a: rolling(*a, wrong="path"),
        lambda *a: rolling(*a, wrong="forgets"),
        lambda *a: rolling(*a, wrong="corrected"),
    ],
    "optimizers.nesterov": [
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: v),
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: a * old - move),
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: -a * v + move),
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: a * v),
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: v - move),
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: a * v + move),
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: -move),
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: a * v - (1 - a) * move),
        lambda w, g, r, a: looking(w, g, r, a, lambda old, v, move: a * old + v),
        lambda w, g, r, a: rolling(w, g, r, a),
    ],
    "optimizers.keras_settings": [
        lambda r, a, e, p, t: (r, a, e * np.sqrt(1 - p**t)),
        lambda r, a, e, p, t: (r / (1 - a), a, e * np.sqrt(1 - p**t)),
        lambda r, a, e, p, t: (r * (1 - a), 1 - a, e * np.sqrt(1 - p**t)),
        lambda r, a, e, p, t: (r * (1 - a), a, e),
        lambda r, a, e, p, t: (r * (1 - a), a, e / np.sqrt(1 - p**t)),
        lambda r, a, e, p, t: (r * (1 - a), a, e * (1 - p**t)),
        lambda r, a, e, p, t: (r * (1 - a), a, e * np.sqrt(1 - p)),
        lambda r, a, e, p, t: (r * a, a, e * np.sqrt(1 - p**t)),
        lambda r, a, e, p, t: (r * (1 - a), a, e * np.sqrt(1 - p ** (t - 1))),
        lambda r, a, e, p, t: (r, a, e),
    ],
    "optimizers.rmsprop": [
        lambda *a: by_spread(*a, wrong="inside"),
        lambda w, g, n, p, e: by_spread(w, g, n, 1 - p, e),
        lambda *a: by_spread(*a, wrong="no root"),
        lambda w, g, n, p, e: by_spread(w, g, n, 1.0, e, share=1.0),
        lambda *a: by_spread(*a, wrong="plain"),
        lambda *a: by_spread(*a, sign=1),
        lambda *a: by_spread(*a, start=1.0),
        lambda *a: by_spread(*a, wrong="old"),
        lambda *a: by_spread(*a, wrong="corrected"),
        lambda *a: by_spread(*a, share=1.0),
    ],
    "optimizers.batch_norm_inference": [
        lambda x, g, b, m, v, e: g * (x - x.mean(0)) / np.sqrt(x.var(0) + e) + b,
        lambda x, g, b, m, v, e: g * (x - m) / (np.sqrt(v) + e) + b,
        lambda x, g, b, m, v, e: g * (x - m) / (v + e) + b,
        lambda x, g, b, m, v, e: (x - m) / np.sqrt(v + e) + b,
        lambda x, g, b, m, v, e: (x - m) / np.sqrt(v + e),
        lambda x, g, b, m, v, e: g * (x - x.mean(0)) / np.sqrt(v + e) + b,
        lambda x, g, b, m, v, e: g * (x - m) / np.sqrt(x.var(0) + e) + b,
        lambda x, g, b, m, v, e: g * (x - m) / np.sqrt(v) + b,
        lambda x, g, b, m, v, e: g * ((x - m) / np.sqrt(v + e) + b),
        lambda x, g, b, m, v, e: g * x / np.sqrt(v + e) + b,
    ],
}

LATER = {
    "optimizers.rmsprop": [
        lambda w, g, n, p, e: by_spread(w, g, n, p, 0.0),
        lambda w, g, n, p, e: by_spread(w, g[-1:], n, p, e),
        lambda w, g, n, p, e: w - n * sum(g) / (np.sqrt(sum(g**2)) + e),
    ],
}
