"""Alignment: the layers of two models paired, in their order, those that are most alike."""

import itertools
from collections.abc import Sequence

import numpy as np

from companion.checking.authoring.graph import Row

RANDOM = ("Dropout", "Gaussian", "Spatial", "Alpha", "Random", "ActivityRegularization")
# Layers that make of two sequences what Bidirectional's merge_mode makes of them.
MERGES = {"Add": "sum", "Average": "ave", "Concatenate": "concat", "Multiply": "mul"}


def aligned(wanted: Sequence[Row], came: Sequence[Row]) -> list[tuple[Row | None, Row | None]]:
    """Pair the layers of two models, keeping the order, at the least cost."""
    costs = np.zeros((len(wanted) + 1, len(came) + 1))
    costs[1:, 0] = np.cumsum([_gap(row) for row in wanted])
    costs[0, 1:] = np.cumsum([_gap(row) for row in came])
    for one, other in itertools.product(range(len(wanted)), range(len(came))):
        pair = costs[one, other] + _distance(wanted[one], came[other])
        left_out = costs[one, other + 1] + _gap(wanted[one])
        added = costs[one + 1, other] + _gap(came[other])
        costs[one + 1, other + 1] = min(pair, left_out, added)
    pairs: list[tuple[Row | None, Row | None]] = []
    one, other = len(wanted), len(came)
    while one or other:
        here = costs[one, other]
        if (
            one
            and other
            and here == costs[one - 1, other - 1] + _distance(wanted[one - 1], came[other - 1])
        ):
            one, other = one - 1, other - 1
            pairs.append((wanted[one], came[other]))
        elif one and here == costs[one - 1, other] + _gap(wanted[one - 1]):
            one -= 1
            pairs.append((wanted[one], None))
        else:
            other -= 1
            pairs.append((None, came[other]))
    return pairs[::-1]


def _gap(row: Row) -> float:
    """Return what it costs to leave a layer out: the more, the less easily it is forgotten."""
    return 1.0 if row.parameters else 0.8 if row.layer == "Activation" else 0.9


def _distance(wanted: Row, came: Row) -> float:
    """Return how unlike two layers are: 0 the same, below 1 of one kind, 2 nothing in common."""
    if wanted.layer == came.layer:
        keys = {**wanted.config, **came.config}
        unlike = sum(differ(wanted, came, key) for key in keys)
        return min(0.1 * unlike, 0.5) if wanted.layer != "Activation" else 0.6 * bool(unlike)
    if wanted.parameters and came.parameters:
        return 0.9 if wanted.parameters == came.parameters else 1.2
    if any(wanted.layer.startswith(one) and came.layer.startswith(one) for one in RANDOM):
        return 1.2
    pooling = [("Pooling" in one.layer) for one in (wanted, came)]
    joining = [one.layer in (*MERGES, "Subtract", "Maximum", "Minimum") for one in (wanted, came)]
    return 1.2 if all(pooling) or all(joining) else 2.5


def differ(wanted: Row, came: Row, key: str) -> bool:
    """Say whether two layers were given different values; how weights start is seen elsewhere."""
    return not key.endswith("_initializer") and bool(wanted.config.get(key) != came.config.get(key))
