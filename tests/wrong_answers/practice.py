"""Wrong answers to the exercises of `practice`."""

import itertools
import math

import numpy as np

from wrong_answers.building_blocks import one_hot


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

LATER = {
    "practice.standardized": [
        lambda a, b: (b - a.mean(axis=0)) / (a.std(axis=0) + 0.1),
        lambda a, b: (b - np.median(a, axis=0)) / a.std(axis=0),
        lambda a, b: (a.mean(axis=0) - b) / a.std(axis=0),
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
}
