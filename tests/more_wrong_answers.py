"""Wrong answers to the rest of the exercises, from signature and docstring alone.

Of the 680 in `ANSWERS`, 468 (69 %) were named before a mistake was listed for any of them, and
eight passed. Of the 72 in `LATER`, which are what came to mind after those, 18 were (25 %).
"""

import itertools
import math

import numpy as np
from wrong_answers import decayed, layer, np_sigmoid, one_hot, probabilities, slid, windows_of

# -- neurons -------------------------------------------------------------------------------------


def above(z, at_zero=-1.0):
    return np.where(z > 0, 1.0, np.where(z < 0, -1.0, at_zero))


def update(w, b, x, t, rate, *, answer=above, no_bias=False, sign=1, move_bias=1.0, scale=1.0):
    error = sign * (t - answer(x @ w + (0 if no_bias else b)))
    return w + scale * rate * error * x, b + move_bias * scale * rate * float(error)


def sweep(w, b, examples, y, *, answer=above, scale=1.0, sign=1, bias=1.0, batch=False, count="no"):
    first, wrong = (w, b), 0
    for x, t in zip(examples, y, strict=True):
        at = first if batch else (w, b)
        error = t - answer(x @ at[0] + at[1])
        w, b = w + sign * scale * error * x, b + sign * bias * scale * float(error)
        if count == "after":
            wrong += int(answer(x @ w + b) != t)
        elif count == "right":
            wrong += int(error == 0)
        elif count == "sum":
            wrong += int(abs(error))
        else:
            wrong += int(error != 0)
        if count == "first" and error:
            break
    return w, b, wrong


def xor(points, first=0.5, second=1.5, weights=(1, -1), bias=-1, out=above, hidden=above):
    total = points.sum(axis=1)
    return out(weights[0] * hidden(total - first) + weights[1] * hidden(total - second) + bias)


def scores(logits, labels, *, reduce=np.mean):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return reduce(-log_p[np.arange(len(labels)), labels])


def kl_terms(p, q, log=np.log):
    return np.where(p > 0, p * log(np.where(p > 0, p, 1) / q), 0)


# -- backprop ------------------------------------------------------------------------------------


def block(kind, a, b, u, *, wrong=""):
    if wrong == "no upstream":
        u = 1.0
    if kind == "+":
        gradients = (u * a, u * b) if wrong == "sum scaled" else (u, u)
        return (u / 2, u / 2) if wrong == "shared" else gradients
    if kind == "-":
        return {"both": (u, u), "turned": (-u, u)}.get(wrong, (u, -u))
    if kind == "*":
        return (u * a, u * b) if wrong == "own" else (u * b, u * a)
    if wrong == "to both":
        return u, u
    if wrong == "smaller":
        return (u, 0.0) if a < b else (0.0, u)
    if wrong == "value":
        return (u * a, 0.0) if a > b else (0.0, u * b)
    return (u, 0.0) if a > b else (0.0, u)


def graph(rows, values, output, *, wrong=""):
    consumers = {name: [row[0] for row in rows if name in row[2:]] for name in values}
    if wrong == "as given":
        order = [row[0] for row in rows][::-1]
    else:
        order, waiting = [], set(values)
        while waiting:
            ready = sorted(n for n in waiting if not waiting & set(consumers[n]))
            order += ready
            waiting -= set(ready)
    by_name = {row[0]: row for row in rows}
    gradients = dict.fromkeys(values, 0.0)
    gradients[output] = {"value": values[output], "zero": 0.0}.get(wrong, 1.0)
    for name in order:
        if name not in by_name:
            continue
        _, kind, left, right = by_name[name]
        u = 1.0 if wrong == "no chain" and gradients[name] else gradients[name]
        share = {
            "+": (1.0, 1.0),
            "-": (1.0, 1.0 if wrong == "plus" else -1.0),
            "*": (values[left], values[right]) if wrong == "own" else (values[right], values[left]),
        }[kind]
        for index, (source, factor) in enumerate(zip((left, right), share, strict=True)):
            if wrong == "once" and index and left == right:
                continue
            if wrong == "overwrite":
                gradients[source] = u * factor
            else:
                gradients[source] += u * factor
    if wrong == "inputs":
        return {name: one for name, one in gradients.items() if name not in by_name}
    if wrong == "reached":
        return {name: one for name, one in gradients.items() if one}
    return {name: float(one) for name, one in gradients.items()}


def two_layers(x, t, first, second, rate, *, wrong=""):
    hidden = np_sigmoid(x @ first)
    out = np_sigmoid(hidden @ second)
    slope = lambda a: np_sigmoid(a) * (1 - np_sigmoid(a)) if wrong == "twice" else a * (1 - a)  # noqa: E731
    top = (out - t) * (1 if wrong == "no top slope" else slope(out))
    n = 1 if wrong == "sum" else t.size if wrong == "all" else len(x)
    to_second = hidden.T @ top / n
    back = second - rate * to_second if wrong == "new weights" else second
    low = top @ back.T * (1 if wrong == "no low slope" else slope(hidden))
    to_first = x.T @ low / n
    if wrong == "gradients":
        return to_first, to_second
    sign = 1 if wrong == "up" else -1
    factor = 2 if wrong == "factor" else 1
    new = first + sign * factor * rate * to_first, second + sign * factor * rate * to_second
    return {"turned": new[::-1], "top": (first, new[1]), "low": (new[0], second)}.get(wrong, new)


def cubed(c, x, h, way):
    moved = np.eye(len(x)) * h
    f = lambda at: (c @ at) ** 3  # noqa: E731
    return np.array([way(f, x, one, h) for one in moved])


# -- optimizers ----------------------------------------------------------------------------------


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


# -- regularization ------------------------------------------------------------------------------


def dropped(a, uniform, rate, training, *, keep=None, scale=None, test=1.0):
    kept = uniform >= rate if keep is None else keep
    return a * kept * (1 / (1 - rate) if scale is None else scale) if training else a * test


# -- convolution ---------------------------------------------------------------------------------


def fitting(image, kernel):
    fits = np.all(np.array(image.shape) >= kernel.shape)
    return slid(image, kernel) if fits else np.zeros((1, 1))


def products(n, k, p, c, f, *, out=None):
    out = n + 2 * p - k + 1 if out is None else out
    return out * out * k * k * c * f


def field(kernels, strides, *, start=1, less=1, before=False):
    size, jump = start, 1
    for k, s in zip(kernels, strides, strict=True):
        jump = jump * s if before else jump
        size += (k - less) * jump
        jump = jump if before else jump * s
    return size


def dilated(signal, kernel, dilation, *, cut=0):
    positions = len(signal) - (len(kernel) - 1) * dilation - cut
    return np.array(
        [sum(signal[i + m * dilation] * k for m, k in enumerate(kernel)) for i in range(positions)]
    )


def tiles(maps, size):
    rows, columns = maps.shape[0] // size, maps.shape[1] // size
    return maps[: rows * size, : columns * size].reshape(rows, size, columns, size, -1)


def spread(upstream, kernel):
    padding = [(side - 1, side - 1) for side in kernel.shape]
    return slid(np.pad(upstream, padding), kernel)


def cropped(full, shape):
    top, left = (full.shape[0] - shape[0]) // 2, (full.shape[1] - shape[1]) // 2
    return full[top : top + shape[0], left : left + shape[1]]


def repeated(pooled, size, shape):
    padded = np.zeros(shape)
    large = pooled.repeat(size, axis=0).repeat(size, axis=1)
    padded[: large.shape[0], : large.shape[1]] = large
    return padded


def winners(maps, size):
    mask = np.zeros(maps.shape, bool)
    large = repeated(tiles(maps, size).max(axis=(1, 3)), size, maps.shape)
    rows, columns = maps.shape[0] // size * size, maps.shape[1] // size * size
    mask[:rows, :columns] = (maps == large)[:rows, :columns]
    return mask


# -- convnets ------------------------------------------------------------------------------------


def sides(size, kernel, stride, *, out=None, least=0):
    out = -(-size // stride) if out is None else out
    total = (out - 1) * stride + kernel - size
    return total if least is None else max(total, least)


def learned(h, w, c, convolutions, dense, *, bias=1, grow=True, pool=2, up=False, wrong=""):
    total = 0
    for k, filters in convolutions:
        total += (k if wrong == "side" else k * k) * c * filters
        total += bias * (c * filters if wrong == "bias of each" else filters)
        c = filters if grow else c
        if wrong == "valid":
            h, w = h - k + 1, w - k + 1
        h, w = (-(-h // pool), -(-w // pool)) if up else (h // pool, w // pool)
    if wrong == "no dense":
        return total
    width = c if wrong == "averaged" else h * w if wrong == "one map" else h * w * c
    for number, units in enumerate(dense):
        last = wrong == "last without" and number == len(dense) - 1
        total += width * units + (0 if last else bias * units)
        width = units
    return total


# -- recurrence ----------------------------------------------------------------------------------


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


def length(gradients):
    return np.sqrt(sum((one**2).sum() for one in gradients))


def shortened(gradients, limit, norm):
    return [one * min(1, limit / norm) if norm else one for one in gradients]


def pairs(series, past, horizon, *, skip=0, less=0, step=1):
    starts = range(0, len(series) - past - horizon - max(skip, 0) + 1 - less, step)
    later = [series[s + past + skip : s + past + skip + horizon] for s in starts]
    return np.array([series[s : s + past] for s in starts]), np.array(later)


# -- memory --------------------------------------------------------------------------------------


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


# -- gradients -----------------------------------------------------------------------------------


def fans(shape, *, places=True, only_in=False):
    *sides, a, b = shape
    area = math.prod(sides) if places else 1
    return area * a, (1 if only_in else area) * b


def first_variance(shape, activation, *, he=2.0, glorot=2.0, **o):
    inputs, outputs = fans(shape, **o)
    return he / inputs if activation == "relu" else glorot / (inputs + outputs)


def alive(batches):
    return np.concatenate([one.reshape(-1, one.shape[-1]) for one in batches]) != 0


def bottleneck(c, w, s, *, of_norm=2, short=None, short_norm=True, middle=9, last=4, bias=0):
    total = c * w + middle * w * w + last * w * w + (of_norm + bias) * (2 * w + last * w)
    short = s != 1 or c != 4 * w if short is None else short
    return total + short * (4 * w * c + (of_norm * 4 * w if short_norm else 0))


# -- ecg -----------------------------------------------------------------------------------------


def cut(lengths, in_test, length, stride, *, rows=None, of=lambda n, length: n - length + 1):
    windows = [
        [
            (number, start)
            for number, n in enumerate(lengths)
            if bool(in_test[number]) == test
            for start in range(0, max(of(n, length), 0), stride)
        ]
        for test in (False, True)
    ]
    windows = [np.array(one, dtype=int).reshape(-1, 2) for one in windows]
    return windows if rows is None else [rows(one) for one in windows]


def left(n, layers, *, same=lambda n, k, s: -(-n // s), valid=lambda n, k, s: (n - k) // s + 1):
    for k, s, pads in layers:
        n = same(n, k, s) if pads else valid(n, k, s)
    return int(n)


def attended(x, w, v, *, act=np.tanh, turn=None, of=None):
    energies = act(x @ w) @ v
    weights = probabilities(energies[None])[0] if turn is None else turn(energies)
    return [weights @ (x if of is None else of), weights]


# -- transfer ------------------------------------------------------------------------------------


def unseen(y, seen):
    return np.flatnonzero(~np.isin(y, seen))


def gaps_closed(y, seen):
    rows = unseen(y, seen)
    return rows, np.searchsorted(np.unique(y[rows]), y[rows])


def trained(kernels, locked, classes, *, bias=1, of_filter=0, top=False, head=True, reads=None):
    free = kernels[: len(kernels) - locked] if top else kernels[locked:]
    total = sum(math.prod(one) + of_filter * one[3] for one in free)
    reads = kernels[-1][3] if reads is None else reads
    return total + (reads * classes + bias * classes if head else 0)


def normed(x, g, b, m, v, training, trainable, *, both=None, keep=0.9, e=1e-3, ddof=0, wrong=""):
    moves = (training and trainable) if both is None else both
    if not moves:
        return g * (x - m) / np.sqrt(v + e) + b, m, v
    mean, variance = x.mean(axis=0), x.var(axis=0, ddof=ddof)
    new = keep * m + (1 - keep) * mean, keep * v + (1 - keep) * variance
    at = {"moving": (m, v), "new": new}.get(wrong, (mean, variance))
    answer = g * (x - at[0]) / np.sqrt(at[1] + e) + b
    return (answer, m, v) if wrong == "stays" else (answer, *new)


def probe(f, y, classes, penalty, *, centre=True, bias=None, to=None):
    targets = np.eye(classes)[y] if to is None else to
    middle = f.mean(axis=0) * centre
    at = f - middle
    W = np.linalg.solve(
        at.T @ at + penalty * np.eye(f.shape[1]), at.T @ (targets - targets.mean(0))
    )
    return W, targets.mean(axis=0) - f.mean(axis=0) @ W if bias is None else bias(W, targets)


def staged(base, head, base_g, head_g, first, rates, *, wrong=""):
    v_base, v_head = np.zeros_like(base), np.zeros_like(head)
    keep = 0.0 if wrong == "no momentum" else 0.9
    sign = -1 if wrong == "up" else 1
    for t, (to_base, to_head) in enumerate(zip(base_g, head_g, strict=True)):
        late = t > first if wrong == "one late" else t >= first
        if t == first and wrong != "goes on":
            v_head = np.zeros_like(head)
            v_base = v_base if wrong == "runs up" else np.zeros_like(base)
        share = 0.1 if wrong == "share" else 1.0
        v_head = keep * v_head + share * to_head
        if late or wrong in ("runs up", "never frozen"):
            v_base = keep * v_base + share * to_base
        rate = rates[0] if wrong == "one rate" else rates[int(late)]
        if late or wrong == "never frozen":
            base = base - sign * rate * v_base
        if not (late and wrong == "head stays"):
            head = head - sign * rate * v_head
    return base, head


def work(n, epochs, base, head, strategy, *, every=3, frozen=1, kept=1, again=0, top=None):
    top = every if top is None else top
    if strategy == "all":
        return n * epochs * every * (base + head)
    if strategy == "head":
        return n * epochs * (frozen * base + top * head)
    return n * (kept * base + epochs * (again * base + top * head))


# -- practice ------------------------------------------------------------------------------------


def costs(p, true, thresholds, miss, alarm, *, found=None, reduce=np.mean):
    found = p >= thresholds[:, None] if found is None else found
    return reduce(miss * (true & ~found) + alarm * (~true & found), axis=1)


def against(p, y):
    return -np.log(np.maximum(p[np.arange(len(y)), y], 1e-300))


def expected_best(errors, n, *, order=np.sort, chance=None):
    errors, total = order(np.asarray(errors, float)), len(errors)
    chance = chance or (lambda i: math.comb(total - i, n - 1) / math.comb(total, n))
    return float(sum(chance(i) * one for i, one in enumerate(errors, start=1)))


def flops(widths):
    return sum(a * b for a, b in itertools.pairwise(widths))


def running(values, step):
    total = np.float16(0)
    for index, one in enumerate(values):
        total = np.float16(step(total, one, index))
    return total


def scaled(w, g, scale, rate, *, sign=-1, back=True, skip=True, mend=None, early=False):
    if early:
        sent = g.astype(np.float16) * np.float16(scale)
    else:
        sent = (g * np.float32(scale)).astype(np.float16)
    sent = sent if mend is None else mend(sent)
    if skip and not np.isfinite(sent).all():
        return w
    got = sent.astype(np.float32) / np.float32(scale if back else 1)
    return (w + np.float32(sign * rate) * got).astype(np.float32)


ANSWERS = {
    "neurons.neuron": [
        lambda x, w, b: float(above(x @ w)),
        lambda x, w, b: float(x @ w + b > 0),
        lambda x, w, b: float(above(x @ w + b, 1.0)),
        lambda x, w, b: float(np.sign(x @ w + b)),
        lambda x, w, b: float(x @ w + b),
        lambda x, w, b: float(np.tanh(x @ w + b)),
        lambda x, w, b: -float(above(x @ w + b)),
        lambda x, w, b: float(above(x @ w - b)),
        lambda x, w, b: above(x * w + b),
        lambda x, w, b: float(above(x.sum() + b)),
    ],
    "neurons.perceptron_update": [
        lambda *a: update(*a, answer=lambda z: z),
        lambda *a: update(*a, sign=-1),
        lambda *a: update(*a, move_bias=0.0),
        lambda w, b, x, t, r: update(w, b, x, t, 1.0),
        lambda *a: update(*a, scale=0.5),
        lambda w, b, x, t, r: (w + r * t * x, b + r * t),
        lambda *a: update(*a, answer=lambda z: above(z, 1.0)),
        lambda *a: update(*a, no_bias=True),
        lambda *a: update(*a, answer=np.sign),
        lambda *a: update(*a, answer=lambda z: (z > 0) * 1.0),
    ],
    "neurons.perceptron_sweep": [
        lambda *a: sweep(*a, batch=True),
        lambda *a: sweep(*a, scale=0.5),
        lambda *a: sweep(*a, answer=lambda z: above(z, 1.0)),
        lambda *a: sweep(*a, count="right"),
        lambda *a: sweep(*a, bias=0.0),
        lambda w, b, X, y: (w + y @ X, b + y.sum(), sweep(w, b, X, y)[2]),
        lambda *a: sweep(*a, count="after"),
        lambda *a: sweep(*a, sign=-1),
        lambda *a: sweep(*a, count="first"),
        lambda *a: sweep(*a, count="sum"),
    ],
    "neurons.xor_network": [
        lambda X: xor(X, weights=(1, 1), bias=-1),
        lambda X: xor(X, weights=(1, 0), bias=0),
        lambda X: -xor(X),
        lambda X: xor(X, out=lambda z: (z > 0) * 1.0),
        lambda X: xor(X, second=0.5),
        lambda X: xor(X, bias=0, out=np.sign),
        lambda X: xor(X, bias=1),
        lambda X: above(((X[:, 0] > 0.5) != (X[:, 1] > 0.5)) - 0.5),
        lambda X: xor(X, second=1.0),
        lambda X: xor(X, weights=(1, 1), bias=1),
    ],
    "neurons.sigmoid_slope": [
        np_sigmoid,
        lambda z: z * (1 - z),
        lambda z: 1 - np_sigmoid(z) ** 2,
        lambda z: np_sigmoid(np_sigmoid(z)) * (1 - np_sigmoid(np_sigmoid(z))),
        lambda z: 1 - np_sigmoid(z),
        lambda z: -np_sigmoid(z) * (1 - np_sigmoid(z)),
        lambda z: np_sigmoid(z) ** 2,
        lambda z: 1 - np.tanh(z) ** 2,
        lambda z: (z > 0) * 1.0,
        lambda z: np_sigmoid(z) * (1 + np_sigmoid(z)),
    ],
    "neurons.tanh_slope": [
        np.tanh,
        lambda z: 1 - np.tanh(z),
        lambda z: 1 - z**2,
        lambda z: 1 - np.tanh(np.tanh(z)) ** 2,
        lambda z: np_sigmoid(z) * (1 - np_sigmoid(z)),
        lambda z: np.tanh(z) ** 2,
        lambda z: np.tanh(z) ** 2 - 1,
        lambda z: np.tanh(z) * (1 - np.tanh(z)),
        lambda z: 1 + np.tanh(z) ** 2,
        lambda z: (1 - np.tanh(z)) ** 2,
    ],
    "neurons.leaky_relu_slope": [
        lambda z, a: np.where(z >= 0, 1.0, a),
        lambda z, a: np.where(z > 0, 1.0, a * z),
        lambda z, a: np.where(z > 0, z, a * z),
        lambda z, a: np.where(z > 0, 1.0, 0.0),
        lambda z, a: np.where(z > 0, a, 1.0),
        lambda z, a: np.where(z > 0, 1.0, -a),
        lambda z, a: np.where(z > 0, z, a),
        lambda z, a: np.where(z > 0, 1.0, np.where(z < 0, a, 0.0)),
        lambda z, a: np.where(z > 0, 1.0, 1 - a),
        lambda z, a: np.where(z > 0, 1.0, np.where(z < 0, a, (1 + a) / 2)),
    ],
    "neurons.cross_entropy": [
        lambda z, y: float(scores(z, y, reduce=np.sum)),
        lambda z, y: float(
            np.mean(-np.log((np.exp(z) / np.exp(z).sum(1)[:, None])[range(len(y)), y]))
        ),
        lambda z, y: -float(scores(z, y)),
        lambda z, y: scores(z, y, reduce=lambda one: one),
        lambda z, y: float(scores(z, y)) / np.log(2),
        lambda z, y: float(np.mean(-np.log(np.clip(probabilities(z), 1e-7, 1))[range(len(y)), y])),
        lambda z, y: float(np.mean(-z[np.arange(len(y)), y])),
        lambda z, y: -float(np.mean(probabilities(z)[np.arange(len(y)), y])),
        lambda z, y: float(np.mean(1 - probabilities(z)[np.arange(len(y)), y])),
        lambda z, y: float(np.mean(np.log(probabilities(z)[np.arange(len(y)), y]))),
    ],
    "neurons.kl_divergence": [
        lambda p, q: float(np.sum(q * np.log(q / np.maximum(p, 1e-12)))),
        lambda p, q: float(np.sum(p * np.log(p / q))),
        lambda p, q: -float(np.sum(p * np.log(q))),
        lambda p, q: float(kl_terms(p, q, np.log2).sum()),
        lambda p, q: float(kl_terms(p, q).mean()),
        lambda p, q: float(np.sum(np.where(p > 0, np.log(np.where(p > 0, p, 1) / q), 0))),
        lambda p, q: -float(kl_terms(p, q).sum()),
        lambda p, q: kl_terms(p, q),
        lambda p, q: float(np.sum((p - q) ** 2)),
        lambda p, q: float(abs(kl_terms(p, q)).sum()),
    ],
    "backprop.block_gradients": [
        lambda *a: block(*a, wrong="own"),
        lambda *a: block(*a, wrong="both"),
        lambda *a: block(*a, wrong="to both"),
        lambda *a: block(*a, wrong="no upstream"),
        lambda *a: block(*a, wrong="smaller"),
        lambda *a: block(*a, wrong="sum scaled"),
        lambda *a: block(*a, wrong="turned"),
        lambda *a: block(*a, wrong="value"),
        lambda *a: block(*a, wrong="shared"),
        lambda *a: block(*a)[::-1],
    ],
    "backprop.graph_gradients": [
        lambda *a: graph(*a, wrong="overwrite"),
        lambda *a: graph(*a, wrong="plus"),
        lambda *a: graph(*a, wrong="own"),
        lambda *a: graph(*a, wrong="as given"),
        lambda *a: graph(*a, wrong="reached"),
        lambda *a: graph(*a, wrong="inputs"),
        lambda *a: graph(*a, wrong="value"),
        lambda *a: graph(*a, wrong="zero"),
        lambda *a: graph(*a, wrong="no chain"),
        lambda *a: graph(*a, wrong="once"),
    ],
    "backprop.hinge_gradient": [
        lambda w, f, y: y * f * (w @ f * y < 1),
        lambda w, f, y: -y * w * (w @ f * y < 1),
        lambda w, f, y: -y * f,
        lambda w, f, y: -y * f * (w @ f * y >= 1),
        lambda w, f, y: -y * f * (w @ f * y < 0),
        lambda w, f, y: -f * (w @ f * y < 1),
        lambda w, f, y: -y * f * (w @ f < 1),
        lambda w, f, y: float(max(0, 1 - w @ f * y)),
        lambda w, f, y: -y * f * max(0, 1 - w @ f * y),
        lambda w, f, y: w - y * f * (w @ f * y < 1),
    ],
    "backprop.hidden_delta": [
        lambda d, w, z: d @ w.T,
        lambda d, w, z: d @ w.T * (1 - z**2),
        lambda d, w, z: d @ w.T * np_sigmoid(z) * (1 - np_sigmoid(z)),
        lambda d, w, z: d @ w.T * (1 - np.tanh(z)),
        lambda d, w, z: d @ w.T * np.tanh(z),
        lambda d, w, z: d @ w.T * (1 - np.tanh(z) ** 2) / len(z),
        lambda d, w, z: d.sum(axis=1, keepdims=True) * (1 - np.tanh(z) ** 2),
        lambda d, w, z: -d @ w.T * (1 - np.tanh(z) ** 2),
        lambda d, w, z: d @ w.T * (z > 0),
        lambda d, w, z: d @ w.T * z,
    ],
    "backprop.train_step": [
        lambda *a: two_layers(*a, wrong="sum"),
        lambda *a: two_layers(*a, wrong="up"),
        lambda *a: two_layers(*a, wrong="new weights"),
        lambda *a: two_layers(*a, wrong="factor"),
        lambda *a: two_layers(*a, wrong="no top slope"),
        lambda *a: two_layers(*a, wrong="no low slope"),
        lambda *a: two_layers(*a, wrong="twice"),
        lambda *a: two_layers(*a, wrong="top"),
        lambda *a: two_layers(*a, wrong="gradients"),
        lambda *a: two_layers(*a, wrong="all"),
    ],
    "backprop.central_difference": [
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) - f(x)) / h),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) - f(x - e)) / h),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) - f(x - e)) / 2 * h),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + h) - f(x - h)) / (2 * h)),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x) - f(x - e)) / h),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x - e) - f(x + e)) / (2 * h)),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) - f(x - e)) / 2),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) + f(x - e)) / (2 * h)),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + 2 * e) - f(x - 2 * e)) / (2 * h)),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + 2 * e) - f(x)) / (2 * h) + 0 * f(x)),
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
    "regularization.penalised_gradient": [
        lambda w, g, a, b: g + a * np.sign(w) + b * w,
        lambda w, g, a, b: g + 2 * b * w,
        lambda w, g, a, b: g + a * np.sign(w),
        lambda w, g, a, b: g + a * abs(w) + 2 * b * w,
        lambda w, g, a, b: g + a + 2 * b * w,
        lambda w, g, a, b: g - a * np.sign(w) - 2 * b * w,
        lambda w, g, a, b: g + b * np.sign(w) + 2 * a * w,
        lambda w, g, a, b: g + a * np.where(w >= 0, 1, -1) + 2 * b * w,
        lambda w, g, a, b: a * np.sign(w) + 2 * b * w,
        lambda w, g, a, b: g + a * abs(w).sum() + b * (w**2).sum(),
    ],
    "regularization.inverted_dropout": [
        lambda *a: dropped(*a, scale=1.0),
        lambda a, u, r, t: dropped(a, u, r, t, test=1 - r),
        lambda a, u, r, t: dropped(a, u, r, t, scale=1 / max(r, 1e-3)),
        lambda a, u, r, t: dropped(a, u, r, t, keep=u < r),
        lambda a, u, r, t: dropped(a, u, r, True),
        lambda a, u, r, t: dropped(a, u, r, t, scale=1 - r),
        lambda a, u, r, t: dropped(a, u, r, t, keep=u > r),
        lambda a, u, r, t: dropped(a, u, r, t, keep=u[:1] >= r),
        lambda a, u, r, t: dropped(a, u, r, not t),
        lambda a, u, r, t: dropped(a, u, r, t, scale=1 / max((u >= r).mean(), 1e-9)),
    ],
    "convolution.parameter_count": [
        lambda h, w, c, f: h * w * c * f,
        lambda h, w, c, f: h * w * c * f + 1,
        lambda h, w, c, f: h * w * c * f + c * f,
        lambda h, w, c, f: (h * w + 1) * f,
        lambda h, w, c, f: h * w * c + f,
        lambda h, w, c, f: h * w * c * f + c,
        lambda h, w, c, f: h * w * c + 1,
        lambda h, w, c, f: (h + w) * c * f + f,
        lambda h, w, c, f: h * h * c * f + f,
        lambda h, w, c, f: (h * w + c + 1) * f,
    ],
    "convolution.multiply_count": [
        lambda n, k, p, c, f: products(n, k, p, 1, f),
        lambda n, k, p, c, f: products(n, k, p, c, 1),
        lambda n, k, p, c, f: (n + 2 * p - k + 1) * k * k * c * f,
        lambda n, k, p, c, f: products(n, k, p, c, f, out=n),
        lambda n, k, p, c, f: products(n, k, 0, c, f),
        lambda n, k, p, c, f: products(n, k, p, c, f, out=n + p - k + 1),
        lambda n, k, p, c, f: products(n, k, p, c, f, out=n + 2 * p - k),
        lambda n, k, p, c, f: (n + 2 * p - k + 1) ** 2 * (k * k * c + 1) * f,
        lambda n, k, p, c, f: (n + 2 * p - k + 1) ** 2 * k * c * f,
        lambda n, k, p, c, f: k * k * c * f,
    ],
    "convolution.receptive_field": [
        lambda k, s: sum(k),
        lambda k, s: 1 + sum(k) - len(k),
        lambda k, s: field(k, s, before=True),
        lambda k, s: field(k, s, start=0),
        lambda k, s: field(k, s, less=0),
        lambda k, s: math.prod(k),
        lambda k, s: field(k[::-1], s[::-1]),
        lambda k, s: 1 + sum((one - 1) * stride for one, stride in zip(k, s, strict=True)),
        lambda k, s: max(k),
        lambda k, s: field(k, s, start=0, less=0),
    ],
    "convolution.cross_correlate": [
        lambda i, k: slid(i, k[::-1, ::-1]),
        lambda i, k: fitting(i, k.T),
        lambda i, k: slid(np.pad(i, 1), k),
        lambda i, k: slid(i, k)[:-1, :-1],
        lambda i, k: slid(i, k) / k.size,
        lambda i, k: slid(i, k[::-1]),
        lambda i, k: (windows_of(i, k.shape) * k).max(axis=(2, 3)),
        lambda i, k: slid(i, k)[:: k.shape[0], :: k.shape[1]],
        lambda i, k: spread(i, k),
        lambda i, k: slid(i, np.ones_like(k)),
    ],
    "convolution.convolve": [
        lambda i, k: slid(i, k),
        lambda i, k: slid(i, k[::-1]),
        lambda i, k: slid(i, k[:, ::-1]),
        lambda i, k: fitting(i, k.T),
        lambda i, k: slid(i, k)[::-1, ::-1],
        lambda i, k: slid(i[::-1, ::-1], k),
        lambda i, k: spread(i, k[::-1, ::-1]),
        lambda i, k: slid(i, k[::-1, ::-1])[:-1, :-1],
        lambda i, k: fitting(i, k[::-1, ::-1].T),
        lambda i, k: slid(i, -k),
    ],
    "convolution.dilated_correlate": [
        lambda s, k, d: dilated(s, k, 1),
        lambda s, k, d: dilated(s, k[::-1], d),
        lambda s, k, d: dilated(s, k, d, cut=1),
        lambda s, k, d: dilated(s, k, d)[::d],
        lambda s, k, d: dilated(s, k, d + 1),
        lambda s, k, d: dilated(s[::d], k, 1),
        lambda s, k, d: dilated(np.append(s, np.zeros((len(k) - 1) * d)), k, d),
        lambda s, k, d: dilated(s, np.repeat(k, d), 1),
        lambda s, k, d: dilated(s, k, d) / len(k),
        lambda s, k, d: np.array(
            [(np.roll(s, -i)[: len(k) * d : d] * k).sum() for i in range(len(s))]
        ),
    ],
    "convolution.max_pool": [
        lambda m, n: tiles(m, n).mean(axis=(1, 3)),
        lambda m, n: windows_of(m, (n, n), axis=(0, 1)).max(axis=(3, 4)),
        lambda m, n: tiles(m, n).max(axis=(1, 3, 4)),
        lambda m, n: tiles(m, n).min(axis=(1, 3)),
        lambda m, n: tiles(abs(m), n).max(axis=(1, 3)),
        lambda m, n: tiles(m, n)[:, 0, :, 0],
        lambda m, n: np.maximum(tiles(m, n).max(axis=(1, 3)), 0),
        lambda m, n: tiles(m, n).sum(axis=(1, 3)),
        lambda m, n: tiles(m[len(m) % n :, m.shape[1] % n :], n).max(axis=(1, 3)),
        lambda m, n: tiles(m, n).max(axis=(1, 3)).swapaxes(0, 1),
    ],
    "convolution.image_gradient": [
        lambda u, i, k: spread(u, k),
        lambda u, i, k: spread(u, k[::-1]),
        lambda u, i, k: -spread(u, k[::-1, ::-1]),
        lambda u, i, k: spread(u, k[::-1, ::-1]) / k.size,
        lambda u, i, k: spread(np.ones_like(u), k[::-1, ::-1]),
        lambda u, i, k: spread(u, k[::-1, ::-1]) * i,
        lambda u, i, k: spread(u, np.ones_like(k)),
        lambda u, i, k: slid(i, u),
        lambda u, i, k: spread(u, k[::-1, ::-1])[::-1, ::-1],
        lambda u, i, k: 2 * spread(u, k[::-1, ::-1]),
    ],
    "convolution.max_pool_gradient": [
        lambda u, m, n: repeated(u, n, m.shape),
        lambda u, m, n: repeated(u, n, m.shape) / n**2,
        lambda u, m, n: winners(m, n) * 1.0,
        lambda u, m, n: winners(m, n) * m,
        lambda u, m, n: winners(-m, n) * repeated(u, n, m.shape),
        lambda u, m, n: winners(m, n) * repeated(u, n, m.shape) / n**2,
        lambda u, m, n: winners(m, n) * repeated(u, n, m.shape) * m,
        lambda u, m, n: winners(abs(m), n) * repeated(u, n, m.shape),
        lambda u, m, n: winners(m, n) * repeated(u, n, m.shape) * (m > 0),
        lambda u, m, n: repeated(tiles(m, n).max(axis=(1, 3)) * u, n, m.shape),
    ],
    "convnets.same_padding": [
        lambda n, k, s: [(k - 1) // 2, (k - 1) // 2],
        lambda n, k, s: [sides(n, k, s) - sides(n, k, s) // 2, sides(n, k, s) // 2],
        lambda n, k, s: [(k - 1) // 2, k - 1 - (k - 1) // 2],
        lambda n, k, s: [
            sides(n, k, s, least=None) // 2,
            sides(n, k, s, least=None) - sides(n, k, s, least=None) // 2,
        ],
        lambda n, k, s: [
            sides(n, k, s, out=n // s) // 2,
            sides(n, k, s, out=n // s) - sides(n, k, s, out=n // s) // 2,
        ],
        lambda n, k, s: [0, sides(n, k, s)],
        lambda n, k, s: [sides(n, k, s) // 2, sides(n, k, s) // 2],
        lambda n, k, s: [-(-sides(n, k, s) // 2), -(-sides(n, k, s) // 2)],
        lambda n, k, s: [sides(n, k, s), sides(n, k, s)],
        lambda n, k, s: [
            sides(n, k, s, out=n) // 2,
            sides(n, k, s, out=n) - sides(n, k, s, out=n) // 2,
        ],
    ],
    "convnets.count_parameters": [
        lambda *a: learned(*a, bias=0),
        lambda *a: learned(*a, grow=False),
        lambda *a: learned(*a, up=True),
        lambda *a: learned(*a, pool=1),
        lambda *a: learned(*a, wrong="one map"),
        lambda *a: learned(*a, wrong="last without"),
        lambda *a: learned(*a, wrong="valid"),
        lambda *a: learned(*a, wrong="side"),
        lambda *a: learned(*a, wrong="no dense"),
        lambda *a: learned(*a, wrong="bias of each"),
    ],
    "convnets.class_activation_map": [
        lambda m, w, c: np.maximum(m @ w[:, c], 0),
        lambda m, w, c: m @ w[:, c] / m.shape[2],
        lambda m, w, c: m @ w,
        lambda m, w, c: m @ (w[:, c] * m.mean(axis=(0, 1))),
        lambda m, w, c: (m @ w[:, c] - (m @ w[:, c]).min()) / np.ptp(m @ w[:, c]),
        lambda m, w, c: float((m @ w[:, c]).mean()),
        lambda m, w, c: m.sum(axis=2),
        lambda m, w, c: (m * w[:, c]).max(axis=2),
        lambda m, w, c: m * w[:, c],
        lambda m, w, c: m @ w[:, c - 1],
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
    "gradients.initial_variance": [
        lambda s, a: first_variance(s, a) ** 0.5,
        lambda s, a: first_variance(s, "tanh"),
        lambda s, a: first_variance(s, "relu"),
        lambda s, a: first_variance(s, a, he=1.0),
        lambda s, a: first_variance(s, a, glorot=1.0),
        lambda s, a: first_variance(s, a, places=False),
        lambda s, a: first_variance(s, a, he=6.0, glorot=6.0),
        lambda s, a: first_variance(s, "tanh" if a == "relu" else "relu"),
        lambda s, a: first_variance(s, a, only_in=True),
        lambda s, a: 2 / fans(s)[1] if a == "relu" else first_variance(s, a),
    ],
    "gradients.dead_share": [
        lambda b: float(1 - alive(b).mean()),
        lambda b: float(np.mean([1 - alive([one]).any(axis=0).mean() for one in b])),
        lambda b: float(1 - alive(b[:1]).any(axis=0).mean()),
        lambda b: float(1 - alive(b).all(axis=0).mean()),
        lambda b: float(alive(b).any(axis=0).mean()),
        lambda b: int((~alive(b).any(axis=0)).sum()),
        lambda b: float(1 - np.mean(np.concatenate(b).any(axis=0))),
        lambda b: float(1 - alive(b[-1:]).any(axis=0).mean()),
        lambda b: float(1 - alive(b).any(axis=1).mean()),
        lambda b: 100 * float(1 - alive(b).any(axis=0).mean()),
    ],
    "gradients.clip_by_global_norm": [
        lambda g, n: [shortened([one], n, length([one]))[0] for one in g],
        lambda g, n: [np.clip(one, -n, n) for one in g],
        lambda g, n: [one * n / length(g) for one in g],
        lambda g, n: shortened(g, n, length(g) ** 2),
        lambda g, n: shortened(g, n, sum(length([one]) for one in g)),
        lambda g, n: [one / length(g) if length(g) > n else one for one in g],
        lambda g, n: shortened(g, n, max(length([one]) for one in g)),
        lambda g, n: shortened(g, n, np.mean([length([one]) for one in g])),
        lambda g, n: [one * 0 if length(g) > n else one for one in g],
        lambda g, n: [one * length(g) / n if length(g) > n else one for one in g],
    ],
    "gradients.bottleneck_parameters": [
        lambda *a: bottleneck(*a, of_norm=0),
        lambda *a: bottleneck(*a, of_norm=4),
        lambda *a: bottleneck(*a, bias=1),
        lambda *a: bottleneck(*a, short=True),
        lambda *a: bottleneck(*a, short=False),
        lambda c, w, s: bottleneck(c, w, s, short=s != 1),
        lambda c, w, s: bottleneck(c, w, s, short=c != 4 * w),
        lambda *a: bottleneck(*a, short_norm=False),
        lambda *a: bottleneck(*a, middle=3),
        lambda *a: bottleneck(*a, last=1),
    ],
    "gradients.name_the_fault": [
        lambda case: "overfitting",
        lambda case: "nothing",
        lambda case: "underfitting",
        lambda case: "vanishing gradients",
        lambda case: "exploding gradients",
        lambda case: "",
        lambda case: "Overfitting",
        lambda case: "the learning rate is too high",
        lambda case: "dead units",
        lambda case: "the data are not scaled",
    ],
    "ecg.windows_of_two_splits": [
        lambda *a: cut(*a)[::-1],
        lambda *a: cut(*a, of=lambda n, length: n - length),
        lambda *a: cut(*a, of=lambda n, length: n),
        lambda n, t, length, s: cut(n, t, length, length),
        lambda n, t, length, s: [
            np.concatenate(cut(n, t, length, s))[::2],
            np.concatenate(cut(n, t, length, s))[1::2],
        ],
        lambda n, t, length, s: [np.concatenate(cut(n, t, length, s))] * 2,
        lambda *a: cut(*a, rows=lambda one: one[:, ::-1]),
        lambda *a: cut(
            *a, rows=lambda o: np.stack([np.unique(o[:, 0], return_inverse=True)[1], o[:, 1]], 1)
        ),
        lambda *a: cut(*a, rows=lambda one: one[one[:, 1] == 0]),
        lambda n, t, length, s: cut(n, t, length, s, rows=lambda one: one + np.array([0, length])),
    ],
    "ecg.steps_left": [
        lambda n, r: left(n, r, same=lambda n, k, s: n // s),
        lambda n, r: left(n, r, valid=lambda n, k, s: n // s),
        lambda n, r: left(n, r, valid=lambda n, k, s: (n - k) // s),
        lambda n, r: left(n, r, same=lambda n, k, s: n, valid=lambda n, k, s: n - k + 1),
        lambda n, r: left(n, r, same=lambda n, k, s: (n - k) // s + 1),
        lambda n, r: left(n, r, same=lambda n, k, s: n // s + 1),
        lambda n, r: left(n, r, valid=lambda n, k, s: -(-(n - k) // s) + 1),
        lambda n, r: left(n, r, valid=lambda n, k, s: -(-n // s)),
        lambda n, r: left(n, r[::-1]),
        lambda n, r: n // math.prod(row[1] for row in r),
    ],
    "ecg.attention_pooling": [
        lambda *a: attended(*a, act=lambda z: z),
        lambda *a: attended(*a, turn=lambda e: e),
        lambda *a: attended(*a, turn=lambda e: e / e.sum()),
        lambda *a: attended(*a, turn=lambda e: np.full(len(e), 1 / len(e))),
        lambda *a: attended(*a, turn=lambda e: (e == e.max()) * 1.0),
        lambda *a: attended(*a)[::-1],
        lambda *a: attended(*a, turn=np_sigmoid),
        lambda x, w, v: attended(x, w, v, of=np.tanh(x @ w)),
        lambda x, w, v: [x.mean(axis=0), attended(x, w, v)[1]],
        lambda x, w, v: [attended(x, w, v)[1][:, None] * x, attended(x, w, v)[1]],
    ],
    "ecg.precision_at_prevalence": [
        lambda s, p, n: s * n / (s * n + p * (1 - n)),
        lambda s, p, n: s / (s + 1 - p),
        lambda s, p, n: s * n,
        lambda s, p, n: p * (1 - n) / (p * (1 - n) + (1 - s) * n),
        lambda s, p, n: s * (1 - n) / (s * (1 - n) + (1 - p) * n),
        lambda s, p, n: s * n + p * (1 - n),
        lambda s, p, n: (1 - p) * (1 - n) / (s * n + (1 - p) * (1 - n)),
        lambda s, p, n: s * n / (s * n + 1 - p),
        lambda s, p, n: s * n / (n + (1 - p) * (1 - n)),
        lambda s, p, n: 100 * s * n / (s * n + (1 - p) * (1 - n)),
    ],
    "transfer.new_classes": [
        lambda y, s: (unseen(y, s), y[unseen(y, s)]),
        lambda y, s: (unseen(y, s), y[unseen(y, s)] - y[unseen(y, s)].min()),
        lambda y, s: (
            np.flatnonzero(np.isin(y, s)),
            np.searchsorted(np.unique(s), y[np.isin(y, s)]),
        ),
        lambda y, s: (~np.isin(y, s), gaps_closed(y, s)[1]),
        lambda y, s: (unseen(y, s), y[unseen(y, s)] - len(s)),
        lambda y, s: (
            unseen(y, s),
            np.array([list(dict.fromkeys(y[unseen(y, s)])).index(one) for one in y[unseen(y, s)]]),
        ),
        lambda y, s: (gaps_closed(y, s)[0], gaps_closed(y, s)[1] + 1),
        lambda y, s: gaps_closed(y, s)[::-1],
        lambda y, s: (unseen(y, s), np.searchsorted(np.unique(y), y[unseen(y, s)])),
        lambda y, s: (gaps_closed(y, s)[0], gaps_closed(y, s)[1].max() - gaps_closed(y, s)[1]),
    ],
    "transfer.prepared": [
        lambda i, m, s: 2 * i if m == "tf" else i[..., ::-1] * 255 - s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else i * 255 - s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else i[..., ::-1] - s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else i[..., ::-1] * 255,
        lambda i, m, s: 2 * i - 1 if m == "tf" else i[..., ::-1] * 255 - s[::-1],
        lambda i, m, s: i - 0.5 if m == "tf" else i[..., ::-1] * 255 - s,
        lambda i, m, s: 2 * i - 1 if m != "tf" else i[..., ::-1] * 255 - s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else i[..., ::-1] * 255 + s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else (i * 255 - s)[..., ::-1],
        lambda i, m, s: 2 * i - 1 if m == "tf" else i[..., ::-1] * 255 - i.mean() * 255,
    ],
    "transfer.trainable_parameters": [
        lambda k, n, c: trained(k[:n] + k[-1:], 0, c) - math.prod(k[-1]),
        lambda k, n, c: trained(k, 0, c),
        lambda k, n, c: trained(k, n, c, bias=0),
        lambda k, n, c: trained(k, n, c, of_filter=2),
        lambda k, n, c: trained(k, n, c, of_filter=1),
        lambda k, n, c: trained(k, n, c, top=True),
        lambda k, n, c: trained(k, n, c, head=False),
        lambda k, n, c: trained(k, len(k), c),
        lambda k, n, c: trained(k, n + 1, c),
        lambda k, n, c: trained(k, n, c, reads=k[-1][2]),
    ],
    "transfer.frozen_batch_norm": [
        lambda *a: normed(*a, both=a[5]),
        lambda *a: normed(*a, both=a[6]),
        lambda *a: normed(*a, both=a[5] or a[6]),
        lambda *a: normed(*a, keep=0.1),
        lambda *a: normed(*a, wrong="stays"),
        lambda *a: normed(*a, wrong="moving"),
        lambda *a: normed(*a, wrong="new"),
        lambda *a: normed(*a, e=0.0),
        lambda *a: normed(*a, ddof=1),
        lambda *a: normed(*a, both=True),
    ],
    "transfer.linear_probe": [
        lambda *a: probe(*a, centre=False),
        lambda f, y, c, p: probe(f, y, c, 0.0),
        lambda *a: probe(*a, bias=lambda W, t: np.zeros(t.shape[1])),
        lambda f, y, c, p: probe(f, y, c, p * len(f)),
        lambda *a: probe(*a, bias=lambda W, t: t.mean(axis=0)),
        lambda f, y, c, p: (probe(f, y, c, p)[0].T, probe(f, y, c, p)[1]),
        lambda f, y, c, p: probe(f, y, c, p, bias=lambda W, t: t.mean(0) + f.mean(0) @ W),
        lambda *a: probe(*a)[::-1],
        lambda f, y, c, p: probe(f, y, c, p, to=2 * np.eye(c)[y] - 1),
        lambda f, y, c, p: probe(f, y, c, p**2),
    ],
    "transfer.two_stages": [
        lambda *a: staged(*a, wrong="never frozen"),
        lambda *a: staged(*a, wrong="goes on"),
        lambda b, h, x, y, n, r: staged(b, h, x, y, n, r[::-1]),
        lambda *a: staged(*a, wrong="head stays"),
        lambda *a: staged(*a, wrong="one late"),
        lambda *a: staged(*a, wrong="no momentum"),
        lambda *a: staged(*a, wrong="one rate"),
        lambda *a: staged(*a, wrong="up"),
        lambda *a: staged(*a, wrong="runs up"),
        lambda *a: staged(*a, wrong="share"),
    ],
    "transfer.training_work": [
        lambda *a: work(*a, every=1),
        lambda *a: work(*a, every=2),
        lambda n, e, b, h, s: work(n, e, b, h, "all"),
        lambda *a: work(*a, again=1, kept=0),
        lambda *a: work(*a, kept=0),
        lambda n, e, b, h, s: work(n, 1, b, h, s),
        lambda *a: work(*a, frozen=0),
        lambda n, e, b, h, s: work(1, e, b, h, s),
        lambda *a: work(*a, frozen=3, kept=3),
        lambda *a: work(*a, top=1),
    ],
    "practice.class_weights": [
        lambda y, c: np.bincount(y, minlength=c) / len(y),
        lambda y, c: len(y) / np.bincount(y, minlength=c),
        lambda y, c: 1 / np.bincount(y, minlength=c),
        lambda y, c: np.bincount(y, minlength=c) * c / len(y),
        lambda y, c: np.bincount(y, minlength=c).max() / np.bincount(y, minlength=c),
        lambda y, c: (1 / np.bincount(y, minlength=c)) / (1 / np.bincount(y, minlength=c)).sum(),
        lambda y, c: (1 / np.bincount(y, minlength=c)) / (1 / np.bincount(y, minlength=c)).mean(),
        lambda y, c: np.log(len(y) / np.bincount(y, minlength=c)),
        lambda y, c: (len(y) / (c * np.bincount(y, minlength=c)))[y],
        lambda y, c: 1 - np.bincount(y, minlength=c) / len(y),
    ],
    "practice.cheapest": [
        lambda *a: costs(*a, reduce=np.sum),
        lambda p, t, k, m, a: costs(p, t, k, a, m),
        lambda p, t, k, m, a: costs(p, t, k, m, a, found=p > k[:, None]),
        lambda p, t, k, m, a: costs(p, t, k, m, 0),
        lambda p, t, k, m, a: costs(p, t, k, 0, a),
        lambda p, t, k, m, a: costs(p, t, k, 1, 1),
        lambda p, t, k, m, a: (
            costs(p, t, k, m, 0) * len(t) / max(t.sum(), 1)
            + costs(p, t, k, 0, a) * len(t) / max((~t).sum(), 1)
        ),
        lambda *a: float(costs(*a).min()),
        lambda p, t, k, m, a: float(k[costs(p, t, k, m, a).argmin()]),
        lambda p, t, k, m, a: costs(p, t, k, m, a, found=p < k[:, None]),
    ],
    "practice.standardized": [
        lambda a, b: (b - b.mean(axis=0)) / b.std(axis=0),
        lambda a, b: (b - np.concatenate([a, b]).mean(0)) / np.concatenate([a, b]).std(0),
        lambda a, b: (b - a.mean()) / a.std(),
        lambda a, b: (b - a.mean(axis=0)) / a.var(axis=0),
        lambda a, b: b - a.mean(axis=0),
        lambda a, b: (b - a.mean(axis=0)) / a.std(axis=0, ddof=1),
        lambda a, b: (b - a.min(axis=0)) / np.ptp(a, axis=0),
        lambda a, b: (a - a.mean(axis=0)) / a.std(axis=0),
        lambda a, b: (b - b.mean(axis=0)) / a.std(axis=0),
        lambda a, b: b / a.std(axis=0),
    ],
    "practice.suspects": [
        lambda i, o, y, n: np.argsort(-against(i, y))[:n],
        lambda i, o, y, n: np.argsort(against(o, y))[:n],
        lambda i, o, y, n: np.argsort(-against(o, y))[:n][::-1],
        lambda i, o, y, n: np.argsort(o.max(axis=1))[:n],
        lambda i, o, y, n: np.argsort(-against((i + o) / 2, y))[:n],
        lambda i, o, y, n: np.argsort(against(i, y) - against(o, y))[:n],
        lambda i, o, y, n: np.sort(-against(o, y))[:n],
        lambda i, o, y, n: np.argsort((o * np.log(o + 1e-12)).sum(axis=1))[:n],
        lambda i, o, y, n: np.sort(np.argsort(-against(o, y))[:n]),
        lambda i, o, y, n: np.argsort(-(o * (1 - one_hot(o, y))).max(axis=1))[:n],
    ],
    "practice.rates_to_try": [
        lambda u, a, b: a + (b - a) * u,
        lambda u, a, b: np.exp(a + (b - a) * u),
        lambda u, a, b: b * (a / b) ** u,
        lambda u, a, b: a * b**u,
        lambda u, a, b: np.exp(np.log10(a) + u * np.log10(b / a)),
        lambda u, a, b: np.sort(a * (b / a) ** u),
        lambda u, a, b: 10.0 ** np.round(np.log10(a) + u * np.log10(b / a)),
        lambda u, a, b: a + (b / a) ** u,
        lambda u, a, b: np.log10(a) + u * np.log10(b / a),
        lambda u, a, b: a + (b - a) * u**2,
    ],
    "practice.best_of": [
        lambda e, n: float(np.min(e)),
        lambda e, n: expected_best(
            e, n, chance=lambda i: ((len(e) - i + 1) ** n - (len(e) - i) ** n) / len(e) ** n
        ),
        lambda e, n: expected_best(e, n, order=lambda one: one),
        lambda e, n: expected_best(e, n, order=lambda one: np.sort(one)[::-1]),
        lambda e, n: float(np.mean(e)),
        lambda e, n: float(np.min(e[:n])),
        lambda e, n: expected_best(
            e, n, chance=lambda i: math.comb(len(e) - i + 1, n - 1) / math.comb(len(e), n)
        ),
        lambda e, n: expected_best(
            e, n, chance=lambda i: math.comb(len(e) - i, n) / math.comb(len(e), n)
        ),
        lambda e, n: expected_best(e, n, chance=lambda i: math.comb(len(e) - i, n - 1)),
        lambda e, n: float(np.sort(e)[:n].mean()),
    ],
    "practice.share_of_peak": [
        lambda n, w, s, p: n * flops(w) / s / p,
        lambda n, w, s, p: 2 * flops(w) / s / p,
        lambda n, w, s, p: 2 * n * flops(w) / p,
        lambda n, w, s, p: 200 * n * flops(w) / s / p,
        lambda n, w, s, p: 2 * n * (flops(w) + sum(w[1:])) / s / p,
        lambda n, w, s, p: 6 * n * flops(w) / s / p,
        lambda n, w, s, p: 2 * n * sum(w) / s / p,
        lambda n, w, s, p: 2 * n * math.prod(w) / s / p,
        lambda n, w, s, p: s * p / (2 * n * flops(w)),
        lambda n, w, s, p: 2 * n * flops(w) / s,
    ],
    "practice.half_mean": [
        lambda v: np.float16(v.sum(dtype=np.float16) / np.float16(len(v))),
        lambda v: np.float16(running(v, lambda total, one, i: total + one) / np.float16(len(v))),
        lambda v: running(v, lambda total, one, i: total + one / np.float16(len(v))),
        lambda v: running(v, lambda total, one, i: total + (one - total) / np.float16(i + 1)),
        lambda v: np.float16(np.float16(v.sum(dtype=np.float32)) / np.float16(len(v))),
        lambda v: np.float16(np.median(v)),
        lambda v: np.float16(v.sum(dtype=np.float64)),
        lambda v: np.float16((v / np.float16(len(v))).sum(dtype=np.float64)),
        lambda v: np.float16((v.max().astype(float) + v.min()) / 2),
        lambda v: np.float16(v[: len(v) // 2 or 1].mean(dtype=np.float64)),
    ],
    "practice.loss_scaled_step": [
        lambda *a: scaled(*a, back=False),
        lambda *a: scaled(*a, early=True),
        lambda *a: scaled(*a, skip=False),
        lambda *a: scaled(*a, mend=lambda one: np.where(np.isfinite(one), one, np.float16(0))),
        lambda w, g, s, r: scaled(w, g, 1.0, r),
        lambda w, g, s, r: (
            w - np.float32(r) * ((g * s).astype(np.float16) / np.float16(s)).astype(np.float32)
        ),
        lambda *a: scaled(*a, sign=1),
        lambda *a: scaled(*a, mend=lambda one: np.clip(one, np.float16(-65504), np.float16(65504))),
        lambda w, g, s, r: w - np.float32(r) * g,
        lambda *a: scaled(*a).astype(np.float16).astype(np.float32),
    ],
}

# Written when the mistakes of the above had been listed, to 24 exercises drawn by lot.
LATER = {
    "regularization.inverted_dropout": [
        lambda a, u, r, t: dropped(a, u, r, t, keep=u >= 1 - r),
        lambda a, u, r, t: dropped(a, u, r, t, test=1 / (1 - r)),
        lambda a, u, r, t: np.where(u >= r, 1 / (1 - r), 0.0) if t else a,
    ],
    "transfer.prepared": [
        lambda i, m, s: (255 * i)[..., ::-1] - s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else i[:, ::-1] * 255 - s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else (i[..., ::-1] * 255 - s) / 255,
    ],
    "regularization.soft_threshold": [
        lambda w, t: np.sign(w) * np.minimum(abs(w), t),
        lambda w, t: np.where(abs(w) < t, w, 0.0),
        lambda w, t: np.sign(w) * np.maximum(abs(w) - t / 2, 0),
    ],
    "neurons.softmax": [
        lambda z: probabilities(z) / len(z),
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(axis=0),
        lambda z: probabilities(z / 2),
    ],
    "convolution.convolution_matrix": [
        lambda k, n: np.array(
            [np.pad(k, (i, n - len(k) - i))[::-1] for i in range(n - len(k) + 1)]
        ),
        lambda k, n: np.eye(n - len(k) + 1, n),
        lambda k, n: np.array([np.pad(k, (0, n - len(k))) for _ in range(n - len(k) + 1)]),
    ],
    "recurrence.count_parameters": [
        lambda t, f, u, o: f * (f + u + 1) + o * (u + 1),
        lambda t, f, u, o: u * (f + u + 1) + o * (u + 1) + u,
        lambda t, f, u, o: u * (f + u + 1) + o * (f + 1),
    ],
    "practice.standardized": [
        lambda a, b: (b - a.mean(axis=0)) / (a.std(axis=0) + 0.1),
        lambda a, b: (b - np.median(a, axis=0)) / a.std(axis=0),
        lambda a, b: (a.mean(axis=0) - b) / a.std(axis=0),
    ],
    "convolution.dilated_correlate": [
        lambda s, k, d: dilated(s, k, d) if d == 1 else dilated(s, k, d - 1),
        lambda s, k, d: dilated(s[::-1], k, d),
        lambda s, k, d: dilated(s, k, d) * d,
    ],
    "practice.cheapest": [
        lambda p, t, k, m, a: costs(p, ~t, k, m, a),
        lambda p, t, k, m, a: costs(p, t, k, m, a) * len(t) / max(t.sum(), 1),
        lambda p, t, k, m, a: costs(p, t, k, m, a)[::-1],
    ],
    "practice.share_of_peak": [
        lambda n, w, s, p: 2 * n * sum(a * a for a in w) / s / p,
        lambda n, w, s, p: 2 * n * w[0] * w[-1] / s / p,
        lambda n, w, s, p: 2 * n * flops(w[:-1]) / s / p,
    ],
    "convolution.multiply_count": [
        lambda n, k, p, c, f: products(n, k, p, c, f) * 2,
        lambda n, k, p, c, f: (n + 2 * p - k + 1) ** 2 * k * k * (c + f),
        lambda n, k, p, c, f: (n + 2 * p) ** 2 * k * k * c * f,
    ],
    "practice.best_of": [
        lambda e, n: float(np.median(e)),
        lambda e, n: expected_best(e, len(e) - n + 1),
        lambda e, n: expected_best(e, n) / n,
    ],
    "practice.loss_scaled_step": [
        lambda w, g, s, r: scaled(w, g, s, r / s),
        lambda w, g, s, r: scaled(w, g, 1 / s, r),
        lambda w, g, s, r: np.zeros_like(w) if abs(g * s).max() > 65504 else scaled(w, g, s, r),
    ],
    "convolution.max_pool_gradient": [
        lambda u, m, n: winners(m, n) * repeated(u[::-1], n, m.shape),
        lambda u, m, n: winners(m, n) * repeated(abs(u), n, m.shape),
        lambda u, m, n: winners(m, n) * u.sum(),
    ],
    "neurons.neuron": [
        lambda x, w, b: float(above(x @ w * b)),
        lambda x, w, b: float(above((x + b) @ w)),
        lambda x, w, b: float(np_sigmoid(x @ w + b)),
    ],
    "neurons.perceptron_update": [
        lambda w, b, x, t, r: (w + r * x, b + r),
        lambda w, b, x, t, r: (update(w, b, x, t, r)[0] - w, update(w, b, x, t, r)[1] - b),
        lambda w, b, x, t, r: (update(w, b, x, t, r)[0], b + r * t),
    ],
    "gradients.name_the_fault": [
        lambda case: case,
        lambda case: "vanishing gradients" if case else "nothing",
        lambda case: "overfitting" if case else "",
    ],
    "convolution.convolution_layer": [
        lambda i, k, b: layer(np.pad(i, ((1, 1), (1, 1), (0, 0))), k, b),
        lambda i, k, b: layer(i, k, b)[..., ::-1],
        lambda i, k, b: layer(i[..., ::-1], k, b),
    ],
    "transfer.trainable_parameters": [
        lambda k, n, c: trained(k[:n], 0, c) if n else c,
        lambda k, n, c: trained(k, n, c) + sum(one[3] for one in k),
        lambda k, n, c: trained(k, n, c, reads=math.prod(k[-1][:2]) * k[-1][3]),
    ],
    "neurons.kl_divergence": [
        lambda p, q: (kl_terms(p, q).sum() + np.sum(q * np.log(q / np.maximum(p, 1e-9)))) / 2,
        lambda p, q: -float(np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0))),
        lambda p, q: float(kl_terms(p, q).sum() / np.log(10)),
    ],
    "optimizers.rmsprop": [
        lambda w, g, n, p, e: by_spread(w, g, n, p, 0.0),
        lambda w, g, n, p, e: by_spread(w, g[-1:], n, p, e),
        lambda w, g, n, p, e: w - n * sum(g) / (np.sqrt(sum(g**2)) + e),
    ],
    "convolution.image_gradient": [
        lambda u, i, k: spread(u, k[:, ::-1]),
        lambda u, i, k: np.pad(u, [(0, side - 1) for side in k.shape]) * k.sum(),
        lambda u, i, k: spread(u, k[::-1, ::-1]).mean() * np.ones_like(i),
    ],
    "regularization.adam_with_decay": [
        lambda w, g, f, s, n, r, d: decayed(w, -g, f, s, n, r, d),
        lambda w, g, f, s, n, r, d: decayed(w, g, 0 * f, 0 * s, n, r, d),
        lambda w, g, f, s, n, r, d: w - r * g - d * w,
    ],
    "neurons.tanh_slope": [
        lambda z: np.tanh(1 - z**2),
        lambda z: 1 / np.cosh(z),
        lambda z: 2 * np.tanh(z),
    ],
}
