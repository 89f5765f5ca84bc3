"""Tides by hand: a sine that comes back every 12.4 hours."""

import numpy as np

PERIOD = 12.4


def heights(start, hours, noise=0.0, seed=0):
    """Return the height of the water at every hour.

    sin(2π·t / 12.4)     (invented here)

    >>> heights(start=0, hours=3).round(2)
    array([0.  , 0.49, 0.85])

    Args:
        start: The first hour, or several of shape ``(n, 1)``.
        hours: How many.
        noise: Standard deviation of what the wind adds.
        seed: Decides the noise.

    Returns:
        Shape ``(hours,)``, or ``(n, hours)``.
    """
    water = np.sin(2 * np.pi * (start + np.arange(hours)) / PERIOD)
    return water + np.random.default_rng(seed).normal(0, noise, water.shape)
