"""The chapter's study."""

import numpy as np

from chapters.tides.scratch import heights
from companion.studies.study import Study


def misjudged(level, seed, *, quick):
    """Return how often the last two hours tell wrongly whether the water will rise."""
    calm = heights(np.random.default_rng(seed).uniform(0, 12.4, (50 if quick else 200, 1)), 3)
    windy = calm + np.random.default_rng(seed).normal(0, level, calm.shape)
    wrong = (windy[:, 1] > windy[:, 0]) != (calm[:, 2] > calm[:, 1])
    return {"error": float(wrong.mean())}


tide_wind = Study(
    name="tide_wind",
    question="Is the turn of the tide harder to see in the wind?",
    factor="wind",
    levels=(0.0, 0.5, 1.0),
    quick_levels=(0.0, 1.0),
    outcome="error",
    measure=misjudged,
    seeds=range(6),
)
