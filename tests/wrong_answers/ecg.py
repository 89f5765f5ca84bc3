"""Wrong answers to the exercises of `ecg`."""

import math

import numpy as np

from wrong_answers.building_blocks import np_sigmoid, probabilities


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


ANSWERS = {
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
}
