"""Wrong answers to the exercises of `transfer`."""

import math

import numpy as np


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


ANSWERS = {
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
}

LATER = {
    "transfer.prepared": [
        lambda i, m, s: (255 * i)[..., ::-1] - s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else i[:, ::-1] * 255 - s,
        lambda i, m, s: 2 * i - 1 if m == "tf" else (i[..., ::-1] * 255 - s) / 255,
    ],
    "transfer.trainable_parameters": [
        lambda k, n, c: trained(k[:n], 0, c) if n else c,
        lambda k, n, c: trained(k, n, c) + sum(one[3] for one in k),
        lambda k, n, c: trained(k, n, c, reads=math.prod(k[-1][:2]) * k[-1][3]),
    ],
}
