"""Wrong answers to the exercises of `regularization`."""

import numpy as np


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


def dropped(a, uniform, rate, training, *, keep=None, scale=None, test=1.0):
    kept = uniform >= rate if keep is None else keep
    return a * kept * (1 / (1 - rate) if scale is None else scale) if training else a * test


ANSWERS = {
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
}

LATER = {
    "regularization.inverted_dropout": [
        lambda a, u, r, t: dropped(a, u, r, t, keep=u >= 1 - r),
        lambda a, u, r, t: dropped(a, u, r, t, test=1 / (1 - r)),
        lambda a, u, r, t: np.where(u >= r, 1 / (1 - r), 0.0) if t else a,
    ],
    "regularization.soft_threshold": [
        lambda w, t: np.sign(w) * np.minimum(abs(w), t),
        lambda w, t: np.where(abs(w) < t, w, 0.0),
        lambda w, t: np.sign(w) * np.maximum(abs(w) - t / 2, 0),
    ],
    "regularization.adam_with_decay": [
        lambda w, g, f, s, n, r, d: decayed(w, -g, f, s, n, r, d),
        lambda w, g, f, s, n, r, d: decayed(w, g, 0 * f, 0 * s, n, r, d),
        lambda w, g, f, s, n, r, d: w - r * g - d * w,
    ],
}
