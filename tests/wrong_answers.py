"""Wrong answers that students would give, written without a look at the known mistakes."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as windows_of

np_sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731


def slid(image, kernel, padding=0, stride=1):
    windows = windows_of(np.pad(image, padding), kernel.shape)
    return np.einsum("ijmn,mn->ij", windows[::stride, ::stride], kernel)


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


def residual(upstream, x, first, second, *, relu1=True, relu2=True, skip=True, wrong=None):
    hidden = np.maximum(x @ first, 0)
    out = hidden @ second
    to_sum = upstream * (x + out > 0) if relu2 else upstream
    if wrong == "mask of branch":
        to_sum = upstream * (out > 0)
    delta = to_sum @ second.T
    delta = delta * (hidden > 0) if relu1 else delta
    to_x = (to_sum if skip else 0) + delta @ first.T
    if wrong == "skip upstream":
        to_x = upstream + delta @ first.T
    if wrong == "mean":
        return to_x, x.T @ delta / len(x), hidden.T @ to_sum / len(x)
    if wrong == "second from x":
        return (
            to_x,
            x.T @ delta,
            x.T @ to_sum if x.shape[1] == hidden.shape[1] else hidden.T @ to_sum,
        )
    if wrong == "product":
        to_x = to_sum * (delta @ first.T)
    return to_x, x.T @ delta, hidden.T @ to_sum


def layer(image, kernel, bias):
    windows = windows_of(image, kernel.shape[:2], axis=(0, 1))
    return np.einsum("ijcmn,mncf->ijf", windows, kernel) + bias


def rnn(x, U, W, b, *, act=np.tanh, h0=0.0, wt=True, reset=False, bias_twice=False, back=False):
    h, states = np.full((len(x), len(b)), h0), []
    steps = range(x.shape[1])[::-1] if back else range(x.shape[1])
    for t in steps:
        if reset:
            h = np.zeros_like(h)
        h = act((2 if bias_twice else 1) * b + h @ (W.T if wt else W) + x[:, t] @ U.T)
        states.append(h)
    return np.stack(states, axis=1)


def walk(start, curvatures, rate, steps, *, sign=1, power=1, half=1.0, keep=True):
    path, w = [start], start
    for _ in range(steps):
        w = w - sign * half * rate * curvatures * (w**power if keep else start)
        path.append(w)
    return np.array(path)


def stopping(losses, patience, *, ties=False, last=False, slack=0, start=1, against_last=False):
    best, wait = 0, 0
    for index in range(1, len(losses)):
        reference = losses[index - 1] if against_last else losses[best]
        better = losses[index] <= reference if ties else losses[index] < reference
        if better:
            best, wait = index, 0
        else:
            wait += 1
            if wait >= patience + slack:
                return [index + start, (index if last else best) + start]
    return [len(losses) - 1 + start, (len(losses) - 1 if last else best) + start]


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


def joined(frames, reduction, mode="constant", front=False):
    missing = -len(frames) % reduction
    padded = np.pad(frames, ((missing, 0) if front else (0, missing), (0, 0)), mode=mode)
    return padded.reshape(-1, reduction * frames.shape[1])


def normal(x, gamma, beta, epsilon, *, axis=0, ddof=0, inside=True):
    keep = axis is not None
    mean = x.mean(axis=axis, keepdims=keep)
    spread = np.sqrt(x.var(axis=axis, ddof=ddof, keepdims=keep) + (epsilon if inside else 0))
    return gamma * (x - mean) / (spread if inside else spread + epsilon) + beta


def entropy(z, t, reduce=np.mean, low=1e-7):
    p = np.clip(np_sigmoid(z), low, 1 - low)
    return float(reduce(-t * np.log(p) - (1 - t) * np.log(1 - p)))


def stable(z, t):
    return np.maximum(z, 0) - t * z + np.log1p(np.exp(-abs(z)))


def chain(x, weights, slope, *, first=True, weigh=True):
    a, gradient = x, 1.0
    for number, w in enumerate(weights):
        z = w * a
        a = np_sigmoid(z)
        gradient *= (w if weigh and (first or number) else 1.0) * slope(a, z)
    return gradient


def line(w, x, y, rate, steps, *, factor=2.0, by=None, sign=-1, stay=False):
    first = w
    for _ in range(steps):
        at = first if stay else w
        w = w + sign * rate * factor * x.T @ (x @ at - y) / (len(y) if by is None else by)
    return w


def tabled(maps, table, kernels, biases):
    windows = windows_of(maps, kernels.shape[:2], axis=(0, 1))
    return np.einsum("ijshw,hwst,st->ijt", windows, kernels, table) + biases


def decayed(w, g, first, second, step, rate, decay, **o):
    grad = g + decay * w if o.get("coupled") else g
    s, r = 0.9 * first + 0.1 * grad, 0.999 * second + 0.001 * grad**2
    if o.get("swapped"):
        s, r = 0.1 * first + 0.9 * grad, 0.001 * second + 0.999 * grad**2
    power = step - 1 + o.get("later", 1)
    up = s / (1 - 0.9**power) if o.get("correct", True) else s
    down = r / (1 - 0.999**power) if o.get("correct", True) else r
    down = np.sqrt(down + 1e-7) if o.get("inside") else np.sqrt(down) + 1e-7
    shrink = 0 if o.get("coupled") else o.get("shrink", 1.0) * decay * w
    return w - rate * up / down - shrink


def probabilities(z):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def one_hot(z, y):
    return np.eye(z.shape[1])[y]


ANSWERS = {
    "convolution.cross_correlate_strided": [
        lambda i, k, p, s: slid(i, k[::-1, ::-1], p, s),
        lambda i, k, p, s: slid(i, k, 0, s),
        lambda i, k, p, s: slid(i, k, p, 1),
        lambda i, k, p, s: slid(i, k.T, p, s),
        lambda i, k, p, s: slid(i, k, 2 * p, s),
        lambda i, k, p, s: slid(i, k, p, s + 1),
        lambda i, k, p, s: (
            slid(i[::s, ::s], k, p, 1)
            if min(i[::s, ::s].shape) + 2 * p >= max(k.shape)
            else np.zeros((1, 1))
        ),
        lambda i, k, p, s: slid(i, k, p, s) / k.size,
        lambda i, k, p, s: slid(i, k, p, s)[:-1, :-1],
        lambda i, k, p, s: np.maximum(slid(i, k, p, s), 0),
    ],
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
    "convolution.output_size": [
        lambda n, k, p, s: (n + 2 * p - k) // s,
        lambda n, k, p, s: (n + p - k) // s + 1,
        lambda n, k, p, s: (n - k) // s + 1,
        lambda n, k, p, s: n + 2 * p - k + 1,
        lambda n, k, p, s: round((n + 2 * p - k) / s) + 1,
        lambda n, k, p, s: (n + 2 * p - k + 1) // s,
        lambda n, k, p, s: (n + 2 * p) // s,
        lambda n, k, p, s: (n + 2 * p + k) // s + 1,
        lambda n, k, p, s: (n + 2 * p - k) / s + 1,
        lambda n, k, p, s: n // s,
    ],
    "gradients.residual_block_backward": [
        lambda u, x, a, b: residual(u, x, a, b, skip=False),
        lambda u, x, a, b: residual(u, x, a, b, relu1=False),
        lambda u, x, a, b: residual(u, x, a, b, relu2=False),
        lambda u, x, a, b: residual(u, x, a, b, relu1=False, relu2=False),
        lambda u, x, a, b: residual(u, x, a, b, wrong="skip upstream"),
        lambda u, x, a, b: residual(u, x, a, b, wrong="mask of branch"),
        lambda u, x, a, b: residual(u, x, a, b, wrong="mean"),
        lambda u, x, a, b: residual(u, x, a, b, wrong="product"),
        lambda u, x, a, b: tuple(-one for one in residual(u, x, a, b)),
        lambda u, x, a, b: (
            residual(u, x, a, b)[0],
            residual(u, x, a, b)[2],
            residual(u, x, a, b)[1],
        ),
    ],
    "convnets.global_average_pooling": [
        lambda m: m.sum(axis=(1, 2)),
        lambda m: m.max(axis=(1, 2)),
        lambda m: m.mean(axis=3),
        lambda m: m.mean(axis=(0, 1, 2)),
        lambda m: m.mean(axis=(1, 2, 3)),
        lambda m: m.mean(axis=1),
        lambda m: m.mean(axis=2),
        lambda m: m.mean(axis=(1, 2), keepdims=True),
        lambda m: m.mean(axis=(2, 3)),
        lambda m: np.median(m, axis=(1, 2)),
    ],
    "convolution.convolution_layer": [
        lambda i, k, b: layer(i, k, 0 * b),
        lambda i, k, b: layer(i, k[::-1, ::-1], b),
        lambda i, k, b: layer(i, k, b) + b * (i.shape[2] - 1),
        lambda i, k, b: np.maximum(layer(i, k, b), 0),
        lambda i, k, b: layer(i[..., :1], k[:, :, :1], b),
        lambda i, k, b: layer(i, k, b) / i.shape[2],
        lambda i, k, b: np.moveaxis(layer(i, k, b), -1, 0),
        lambda i, k, b: layer(i, k, -b),
        lambda i, k, b: layer(i.mean(axis=2, keepdims=True), k.mean(axis=2, keepdims=True), b),
        lambda i, k, b: layer(i, k, np.full_like(b, b.sum())),
    ],
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
    "ecg.class_weights": [
        lambda y, c: np.bincount(y, minlength=c) / len(y),
        lambda y, c: len(y) / np.bincount(y, minlength=c),
        lambda y, c: 1 / np.bincount(y, minlength=c),
        lambda y, c: np.bincount(y, minlength=c) * c / len(y),
        lambda y, c: np.bincount(y, minlength=c).max() / np.bincount(y, minlength=c),
        lambda y, c: (1 / np.bincount(y, minlength=c)) / (1 / np.bincount(y, minlength=c)).sum(),
        lambda y, c: (1 / np.bincount(y, minlength=c)) / (1 / np.bincount(y, minlength=c)).mean(),
        lambda y, c: 1 - np.bincount(y, minlength=c) / len(y),
        lambda y, c: np.sqrt(len(y) / (c * np.bincount(y, minlength=c))),
        lambda y, c: np.ones(c),
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
    "regularization.early_stopping": [
        lambda v, p: stopping(v, p, ties=True),
        lambda v, p: stopping(v, p, last=True),
        lambda v, p: stopping(v, p, slack=1),
        lambda v, p: stopping(v, p, slack=-1),
        lambda v, p: stopping(v, p, start=0),
        lambda v, p: stopping(v, p, against_last=True),
        lambda v, p: stopping(v, p)[::-1],
        lambda v, p: [len(v), int(np.argmin(v)) + 1],
        lambda v, p: [stopping(v, p)[0], stopping(v, p)[1] - 1],
        lambda v, p: [stopping(v, p)[0], stopping(v, p)[0] - p],
    ],
    "neurons.hinge": [
        lambda z, y: float(np.sum(np.maximum(0, 1 - y * z))),
        lambda z, y: float(np.mean(1 - y * z)),
        lambda z, y: float(np.mean(np.maximum(0, -y * z))),
        lambda z, y: float(np.mean(np.maximum(0, 1 + y * z))),
        lambda z, y: float(np.mean(np.maximum(0, 1 - y * z) ** 2)),
        lambda z, y: float(np.mean(np.maximum(0, 1 - z))),
        lambda z, y: np.maximum(0, 1 - y * z),
        lambda z, y: float(np.mean(np.maximum(0, 1 - (y + 1) / 2 * z))),
        lambda z, y: float(np.mean(np.maximum(0, 1 - y * np.sign(z)))),
        lambda z, y: float(max(0, np.mean(1 - y * z))),
    ],
    "convolution.convolution_matrix": [
        lambda k, n: np.array(
            [
                [k[::-1][j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)]
                for i in range(n - len(k) + 1)
            ]
        ),
        lambda k, n: (
            np.array(
                [
                    [k[j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)]
                    for i in range(n - len(k) + 1)
                ]
            ).T
        ),
        lambda k, n: np.array(
            [[k[(j - i) % n] if (j - i) % n < len(k) else 0.0 for j in range(n)] for i in range(n)]
        ),
        lambda k, n: np.array(
            [
                [k[j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)]
                for i in range(n - len(k))
            ]
        ),
        lambda k, n: np.array(
            [[k[j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)] for i in range(n)]
        ),
        lambda k, n: np.array(
            [[k[j] if j < len(k) else 0.0 for j in range(n)] for i in range(n - len(k) + 1)]
        ),
        lambda k, n: np.array(
            [
                [k[i - j] if 0 <= i - j < len(k) else 0.0 for j in range(n)]
                for i in range(n - len(k) + 1)
            ]
        ),
        lambda k, n: np.array(
            [
                [
                    k[j - i + len(k) // 2] if 0 <= j - i + len(k) // 2 < len(k) else 0.0
                    for j in range(n)
                ]
                for i in range(n)
            ]
        ),
        lambda k, n: np.array(
            [
                [k[j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)]
                for i in range(n - len(k) + 1)
            ]
        )[::-1],
        lambda k, n: np.array(
            [[1.0 if 0 <= j - i < len(k) else 0.0 for j in range(n)] for i in range(n - len(k) + 1)]
        ),
    ],
    "convolution.kernel_gradient": [
        lambda u, i, k: slid(i, u)[::-1, ::-1],
        lambda u, i, k: slid(i, u[::-1, ::-1]),
        lambda u, i, k: slid(i, u) / u.size,
        lambda u, i, k: -slid(i, u),
        lambda u, i, k: slid(i, u) * k,
        lambda u, i, k: slid(i, np.ones_like(u)),
        lambda u, i, k: slid(i, u).T,
        lambda u, i, k: 2 * slid(i, u),
        lambda u, i, k: np.full_like(k, u.sum()),
        lambda u, i, k: i[: k.shape[0], : k.shape[1]] * u.sum(),
    ],
    "convolution.im2col": [
        lambda i, h, w: windows_of(i, (h, w)).reshape(-1, h * w).T.copy(),
        lambda i, h, w: np.stack([p.ravel(order="F") for r in windows_of(i, (h, w)) for p in r]),
        lambda i, h, w: windows_of(i, (h, w)).transpose(1, 0, 2, 3).reshape(-1, h * w).copy(),
        lambda i, h, w: windows_of(i, (h, w))[::h, ::w].reshape(-1, h * w).copy(),
        lambda i, h, w: windows_of(i, (h, w)).copy(),
        lambda i, h, w: windows_of(i, (h, w))[:-1, :-1].reshape(-1, h * w).copy(),
        lambda i, h, w: windows_of(i, (h, w))[..., ::-1, ::-1].reshape(-1, h * w).copy(),
        lambda i, h, w: windows_of(i, (h, w)).reshape(-1, h, w).copy(),
        lambda i, h, w: windows_of(i, (h, w)).reshape(-1, h * w)[::-1].copy(),
        lambda i, h, w: windows_of(i, (h, w))[:, :-1].reshape(-1, h * w).copy(),
    ],
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
    "regularization.soft_threshold": [
        lambda w, t: w - t,
        lambda w, t: np.where(abs(w) > t, w, 0.0),
        lambda w, t: np.maximum(abs(w) - t, 0),
        lambda w, t: np.sign(w) * (abs(w) - t),
        lambda w, t: w - t * np.sign(w),
        lambda w, t: np.maximum(w - t, 0),
        lambda w, t: np.clip(w, -t, t),
        lambda w, t: np.sign(w) * np.maximum(abs(w) + t, 0),
        lambda w, t: w * (1 - t),
        lambda w, t: np.where(w > t, w - t, np.where(w < t, w + t, 0.0)),
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
    "backprop.relative_error": [
        lambda a, b: float(np.linalg.norm(a - b)),
        lambda a, b: float(np.linalg.norm(a - b) / np.linalg.norm(b)),
        lambda a, b: float(np.linalg.norm(a - b) / np.linalg.norm(a)),
        lambda a, b: float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))),
        lambda a, b: float(np.sum((a - b) ** 2) / max(np.sum(a**2), np.sum(b**2))),
        lambda a, b: float(np.abs(a - b).sum() / max(np.abs(a).sum(), np.abs(b).sum())),
        lambda a, b: float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max())),
        lambda a, b: float(np.linalg.norm(a - b) / min(np.linalg.norm(a), np.linalg.norm(b))),
        lambda a, b: float(np.linalg.norm(a + b) / max(np.linalg.norm(a), np.linalg.norm(b))),
        lambda a, b: float(
            abs(np.linalg.norm(a) - np.linalg.norm(b)) / max(np.linalg.norm(a), np.linalg.norm(b))
        ),
    ],
    "neurons.binary_cross_entropy": [
        lambda z, t: entropy(z, t),
        lambda z, t: float(np.sum(stable(z, t))),
        lambda z, t: float(np.mean(np.where(t > 0, stable(z, t), 0))),
        lambda z, t: -float(np.mean(stable(z, t))),
        lambda z, t: float(np.mean(stable(z, 1 - t))),
        lambda z, t: stable(z, t),
        lambda z, t: float(np.mean(stable(np_sigmoid(z), t))),
        lambda z, t: float(np.mean((np_sigmoid(z) - t) ** 2)),
        lambda z, t: float(np.mean(np.maximum(z, 0) - t * z)),
        lambda z, t: float(np.mean(stable(z, t)) / np.log(2)),
    ],
    "gradients.sigmoid_chain": [
        lambda x, w: chain(x, w, lambda a, z: a * (1 - a), weigh=False),
        lambda x, w: chain(x, w, lambda a, z: z * (1 - z)),
        lambda x, w: chain(x, w, lambda a, z: a),
        lambda x, w: chain(x, w, lambda a, z: 1 - a**2),
        lambda x, w: chain(x, w, lambda a, z: a * (1 - a), first=False),
        lambda x, w: chain(x, w, lambda a, z: np_sigmoid(a) * (1 - np_sigmoid(a))),
        lambda x, w: chain(x, w[::-1], lambda a, z: a * (1 - a)),
        lambda x, w: chain(x, w, lambda a, z: 0.25),
        lambda x, w: chain(x, w, lambda a, z: 1.0),
        lambda x, w: chain(x, w[:-1], lambda a, z: a * (1 - a)),
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
    "backprop.descend": [
        lambda *a: line(*a, factor=1.0),
        lambda *a: line(*a, by=1),
        lambda *a: line(*a, sign=1),
        lambda *a: line(*a, stay=True),
        lambda w, x, y, r, n: line(w, x, y, r, n - 1),
        lambda w, x, y, r, n: line(w, x, y, r, n + 1),
        lambda w, x, y, r, n: line(w, x, -y, r, n),
        lambda w, x, y, r, n: line(w, x, y, r, 1),
        lambda w, x, y, r, n: line(0 * w, x, y, r, n),
        lambda *a: line(*a, factor=1.0, by=1),
    ],
    "convnets.table_convolution": [
        lambda m, t, k, b: tabled(m, np.ones_like(t), k, b),
        lambda m, t, k, b: tabled(m, t, k[::-1, ::-1], b),
        lambda m, t, k, b: tabled(m, t, k, 0 * b),
        lambda m, t, k, b: tabled(m, t, k, b * t.sum(axis=0)),
        lambda m, t, k, b: tabled(m, 1 - t, k, b),
        lambda m, t, k, b: tabled(m, t, k, b) / np.maximum(t.sum(axis=0), 1),
        lambda m, t, k, b: np.maximum(tabled(m, t, k, b), 0),
        lambda m, t, k, b: np.tanh(tabled(m, t, k, b)),
        lambda m, t, k, b: tabled(m, t, k, b)[:-1, :-1],
        lambda m, t, k, b: (
            tabled(m, t, k.swapaxes(0, 1), b) if k.shape[0] == k.shape[1] else tabled(m, t, k, b)
        ),
    ],
    "regularization.adam_with_decay": [
        lambda *a: decayed(*a, coupled=True),
        lambda *a: decayed(*a, correct=False),
        lambda *a: decayed(*a, inside=True),
        lambda *a: decayed(*a, shrink=0.0),
        lambda *a: decayed(*a, shrink=-1.0),
        lambda *a: decayed(*a, shrink=a[5]),
        lambda *a: decayed(*a, swapped=True),
        lambda *a: decayed(*a, later=2),
        lambda *a: decayed(*a, shrink=2.0),
        lambda w, g, f, s, n, r, d: decayed(w, g, f, s, n, r, 0.0) * (1 - d),
    ],
    "backprop.sigmoid_backward": [
        lambda u, a: u * np_sigmoid(a) * (1 - np_sigmoid(a)),
        lambda u, a: a * (1 - a),
        lambda u, a: u * a,
        lambda u, a: u * (1 - a),
        lambda u, a: u * (1 - a**2),
        lambda u, a: -u * a * (1 - a),
        lambda u, a: u + a * (1 - a),
        lambda u, a: u * a * (a - 1) ** 2,
        lambda u, a: u * (a > 0),
        lambda u, a: u * a * (1 + a),
    ],
    "backprop.dense_backward": [
        lambda u, x, w: (x.T @ u, u.mean(axis=0), u @ w.T),
        lambda u, x, w: (x.T @ u / len(x), u.sum(axis=0) / len(x), u @ w.T),
        lambda u, x, w: (x.T @ u, u, u @ w.T),
        lambda u, x, w: (u.T @ x, u.sum(axis=0), u @ w.T),
        lambda u, x, w: (x.T @ u, u.sum(axis=1), u @ w.T),
        lambda u, x, w: (u @ w.T, x.T @ u, u.sum(axis=0)),
        lambda u, x, w: (-(x.T @ u), -u.sum(axis=0), -(u @ w.T)),
        lambda u, x, w: (x.T @ u, u.sum(axis=0, keepdims=True), u @ w.T),
        lambda u, x, w: (x.T @ u, u.sum(), u @ w.T),
        lambda u, x, w: (x.T @ u, u.sum(axis=0), (w @ u.T)),
    ],
    "neurons.softmax": [
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(),
        lambda z: np.exp(z - z.max(axis=1, keepdims=True)),
        lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
        lambda z: probabilities(z.T).T if len(z) else z,
        lambda z: np_sigmoid(z),
        lambda z: np.log(probabilities(z) + 1e-300),
        lambda z: probabilities(-z),
        lambda z: one_hot(z, z.argmax(axis=1)),
        lambda z: probabilities(probabilities(z)),
        lambda z: z / z.sum(axis=1, keepdims=True),
    ],
    "neurons.cross_entropy_gradient": [
        lambda z, y: probabilities(z) - one_hot(z, y),
        lambda z, y: (one_hot(z, y) - probabilities(z)) / len(y),
        lambda z, y: probabilities(z) / len(y),
        lambda z, y: (z - one_hot(z, y)) / len(y),
        lambda z, y: -one_hot(z, y) / probabilities(z) / len(y),
        lambda z, y: (probabilities(z) - one_hot(z, y)) / z.size,
        lambda z, y: (np_sigmoid(z) - one_hot(z, y)) / len(y),
        lambda z, y: (probabilities(z) - one_hot(z, y)) * one_hot(z, y) / len(y),
        lambda z, y: (probabilities(z) - one_hot(z, y)).mean(axis=0),
        lambda z, y: 2 * (probabilities(z) - one_hot(z, y)) / len(y),
    ],
}
