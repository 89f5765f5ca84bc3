"""Data of the chapter's own: eight hours of water, and what comes next."""

import numpy as np

from chapters.tides.scratch import PERIOD, heights
from companion.datasets.dataset import Card, Split
from companion.datasets.source import Generated


def _water(seed):
    """Nine hours of 200 days, float32."""
    start = np.random.default_rng(seed).uniform(0, PERIOD, (200, 1))
    return heights(start, 9, noise=0.05, seed=seed).astype("float32")


def _turns(seed):
    water = _water(seed)
    return (Split(water[:, :8], (water[:, 8] > water[:, 7]).astype("int64")),)


def _heights(seed):
    water = _water(seed)
    return (Split(water[:, :8], water[:, 8:]),)


turns = Generated(
    Card(
        "tide_turns", "200 days of eight hours", "series", (8,), ("falling", "rising"), "CC0", "us"
    ),
    _turns,
)
next_heights = Generated(
    Card("tide_heights", "200 days of eight hours and the next", "series", (8,), (), "CC0", "us"),
    _heights,
)
