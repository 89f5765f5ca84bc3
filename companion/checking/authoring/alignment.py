"""Alignment: the layers of two models paired, in their order, those that are most alike."""

import itertools
from collections.abc import Sequence

import numpy as np

from companion.checking.authoring.graph import LayerRow

RANDOM = ("Dropout", "Gaussian", "Spatial", "Alpha", "Random", "ActivityRegularization")
# Layers that make of two sequences what Bidirectional's merge_mode makes of them.
MERGES = {"Add": "sum", "Average": "ave", "Concatenate": "concat", "Multiply": "mul"}


def aligned(
    expected: Sequence[LayerRow], received: Sequence[LayerRow]
) -> list[tuple[LayerRow | None, LayerRow | None]]:
    """Pair the layers of two models, keeping the order, at the least cost."""
    costs = np.zeros((len(expected) + 1, len(received) + 1))
    costs[1:, 0] = np.cumsum([_gap(row) for row in expected])
    costs[0, 1:] = np.cumsum([_gap(row) for row in received])
    for i, j in itertools.product(range(len(expected)), range(len(received))):
        pair = costs[i, j] + _distance(expected[i], received[j])
        left_out = costs[i, j + 1] + _gap(expected[i])
        added = costs[i + 1, j] + _gap(received[j])
        costs[i + 1, j + 1] = min(pair, left_out, added)
    pairs: list[tuple[LayerRow | None, LayerRow | None]] = []
    i, j = len(expected), len(received)
    while i or j:
        cost = costs[i, j]
        if i and j and cost == costs[i - 1, j - 1] + _distance(expected[i - 1], received[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((expected[i], received[j]))
        elif i and cost == costs[i - 1, j] + _gap(expected[i - 1]):
            i -= 1
            pairs.append((expected[i], None))
        else:
            j -= 1
            pairs.append((None, received[j]))
    return pairs[::-1]


def _gap(row: LayerRow) -> float:
    """Return what it costs to leave a layer out: the more, the less easily it is forgotten."""
    return 1.0 if row.parameters else 0.8 if row.layer == "Activation" else 0.9


def _distance(expected: LayerRow, received: LayerRow) -> float:
    """Return how unlike two layers are: 0 the same, below 1 of one kind, 2 nothing in common."""
    if expected.layer == received.layer:
        keys = {**expected.config, **received.config}
        unlike = sum(differ(expected, received, key) for key in keys)
        return min(0.1 * unlike, 0.5) if expected.layer != "Activation" else 0.6 * bool(unlike)
    if expected.parameters and received.parameters:
        return 0.9 if expected.parameters == received.parameters else 1.2
    if any(expected.layer.startswith(one) and received.layer.startswith(one) for one in RANDOM):
        return 1.2
    pooling = [("Pooling" in one.layer) for one in (expected, received)]
    joining = [
        one.layer in (*MERGES, "Subtract", "Maximum", "Minimum") for one in (expected, received)
    ]
    return 1.2 if all(pooling) or all(joining) else 2.5


def differ(expected: LayerRow, received: LayerRow, key: str) -> bool:
    """Say whether two layers were given different values; how weights start is seen elsewhere."""
    return not key.endswith("_initializer") and bool(
        expected.config.get(key) != received.config.get(key)
    )
