"""A made-up hourly series, and its windows: the past that is read, the hours that are said."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets.dataset import Split

DAY, PAST, DAYS = 24, 48, 80


def seasonal_series(rng: np.random.Generator, days: int = DAYS):
    """Return an hourly series: a daily shape of changing height, a wandering level, and noise.

    Args:
        rng: Draws it.
        days: Its length.

    Returns:
        An array of shape ``(24 · days,)``.
    """
    from scipy.signal import lfilter

    hours = np.arange(DAY * days)
    shape = np.sin(2 * np.pi * hours / DAY) + 0.5 * np.sin(4 * np.pi * hours / DAY + 1)
    # Both wander, and come back: x(t) = 0.99 x(t − 1) + a little.
    level, height = lfilter([1], [1, -0.99], 0.06 * rng.normal(size=(2, len(hours))))
    return np.exp(height) * shape + level + 0.15 * rng.normal(size=len(hours))


def stretches(series: NDArray[Any], horizon: int):
    """Cut a series into all its windows: the past, and the hours that follow it.

    Returns:
        Arrays of shape ``(windows, 48)`` and ``(windows, horizon)``.
    """
    windows = np.lib.stride_tricks.sliding_window_view(series, PAST + horizon)
    return windows[:, :PAST], windows[:, PAST:]


def standardized(series: NDArray[Any]):
    """Return the first 70 %, the next 15 % and the last 15 %, in units of the first part."""
    ends = [int(0.7 * len(series)), int(0.85 * len(series))]
    series = (series - series[: ends[0]].mean()) / series[: ends[0]].std()
    # A later part begins with the past that its first forecast needs.
    return series[: ends[0]], series[ends[0] - PAST : ends[1]], series[ends[1] - PAST :]


def windows(parts: Any, horizon: int) -> tuple[Split, ...]:
    """Return parts of a series as pasts of shape ``(n, 48, 1)`` and futures ``(n, horizon)``."""
    cut = (stretches(part, horizon) for part in parts)
    return tuple(
        Split(past[..., None].astype("float32"), future.astype("float32")) for past, future in cut
    )


def seasonal_windows(seed: int) -> tuple[Split, ...]:
    """Return training, validation and test windows of the seed's own series, a day ahead."""
    return windows(standardized(seasonal_series(np.random.default_rng(seed))), DAY)
