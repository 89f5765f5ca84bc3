"""Wrong answers to the exercises of `convnets`."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as windows_of


def tabled(maps, table, kernels, biases):
    windows = windows_of(maps, kernels.shape[:2], axis=(0, 1))
    return np.einsum("ijshw,hwst,st->ijt", windows, kernels, table) + biases


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


ANSWERS = {
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
}
