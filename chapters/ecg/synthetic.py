"""Made-up ECGs: every beat a sum of five bumps, and the time between beats what the rhythm says.

McSharry, Clifford, Tarassenko and Smith (2003), "A dynamical model for generating synthetic
electrocardiogram signals", IEEE Transactions on Biomedical Engineering 50(3), give each of the
waves P, Q, R, S and T a place in the cardiac cycle, a height and a width. Here the bumps are added
up directly; the paper's differential equation would let them follow. What else is put in is what
a cardiologist reads off a strip:

- normal: intervals that breathe (respiration at 0.25 Hz, blood pressure at 0.1 Hz), a P wave
  before each beat;
- atrial fibrillation: intervals without a rule, no P wave, and fibrillatory waves at 4 to 9 Hz;
- other rhythm: a normal one with premature, wide beats, each followed by a pause;
- too noisy: any of them under an electrode that slips and muscles that tremble.

A detector that tells these apart has learnt this page. Its scores say nothing about patients.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapters.ecg.recordings import AF, NOISY, OTHER, RATE
from companion.datasets.dataset import Split, ragged

# Place after the R peak in seconds at one beat a second, height in mV, width in seconds, after
# the paper's table I. A faster heart moves P and T closer by the square root of the interval.
WAVES = {
    "P": (-0.20, 0.12, 0.025),
    "Q": (-0.035, -0.10, 0.010),
    "R": (0.0, 1.00, 0.011),
    "S": (0.035, -0.20, 0.010),
    "T": (0.28, 0.25, 0.045),
}


def intervals(rhythm: int, beats: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return so many times from beat to beat, in seconds.

    Args:
        rhythm: `NORMAL`, `AF` or `OTHER`.
        beats: How many.
        rng: Where chance comes from.
    """
    if rhythm == AF:
        mean = 60 / rng.uniform(70, 150)
        return np.asarray(mean * np.exp(rng.normal(0, rng.uniform(0.15, 0.3), beats)).clip(0.5, 2))
    mean = 60 / rng.uniform(50, 100)
    when = mean * np.arange(beats)
    breath, pressure = rng.uniform(0.01, 0.04, 2)
    phases = rng.uniform(0, 2 * np.pi, 2)
    rr = mean * (
        1
        + breath * np.sin(2 * np.pi * 0.25 * when + phases[0])
        + pressure * np.sin(2 * np.pi * 0.1 * when + phases[1])
        + rng.normal(0, 0.008, beats)
    )
    if rhythm == OTHER:
        early = np.flatnonzero(premature(beats, rng))
        rr[early] = 0.6 * mean
        rr[early[early + 1 < beats] + 1] = 1.4 * mean  # the pause makes up for it
    return np.asarray(rr)


def premature(beats: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which beats come early: about every fifth, never two in a row, never the first."""
    early = rng.random(beats) < 0.25
    early[0] = False
    early[1:] &= ~early[:-1]
    return early


def electrocardiogram(rhythm: int, seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return one recording in mV at 300 Hz, shape ``(round(300 · seconds),)``.

    Args:
        rhythm: `NORMAL`, `AF`, `OTHER` or `NOISY`.
        seconds: How long it is.
        rng: Where chance comes from.
    """
    noisy, samples = rhythm == NOISY, round(seconds * RATE)
    rhythm = int(rng.integers(3)) if noisy else rhythm
    rr = intervals(rhythm, int(seconds / 0.25) + 4, rng)
    peaks = np.cumsum(rr) - rr[0] - rng.uniform(0, 1)
    inside = peaks < seconds + 1
    peaks, rr = peaks[inside], rr[inside]
    # an early beat starts in a ventricle: wide, tall, and without a P wave
    early = (rr < 0.75 * np.median(rr)) & (rhythm == OTHER)
    time = np.arange(samples) / RATE
    x = np.zeros(samples)
    gain = rng.uniform(0.6, 1.4)
    for wave, (centre, height, width) in WAVES.items():
        heights = height * gain * rng.normal(1, 0.04, len(peaks))
        widths = np.full(len(peaks), width * rng.uniform(0.9, 1.1))
        if wave == "P":
            heights[early] = 0
            heights *= rhythm != AF
        elif wave in "QRS":
            widths[early] *= 2.5
            heights[early] *= 1.3
        scale = np.sqrt(rr) if wave in "PT" else 1
        x += bumps(time, peaks + centre * scale, heights, widths)
    if rhythm == AF:
        # the atria quiver: 4 to 9 Hz, never quite steady
        speed = rng.uniform(4, 9) + 0.6 * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * time)
        angle = 2 * np.pi * np.cumsum(speed) / RATE
        x += rng.uniform(0.03, 0.1) * (np.sin(angle) + 0.4 * np.sin(2 * angle))
    x += rng.uniform(0, 0.15) * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * time)
    x += rng.normal(0, rng.uniform(0.01, 0.04), samples)
    return np.asarray(x + (trouble(time, rng) if noisy else 0), "float32")


def bumps(
    time: NDArray[Any], centres: NDArray[Any], heights: NDArray[Any], widths: NDArray[Any]
) -> NDArray[np.float64]:
    """Return a sum of Gaussian bumps, each evaluated only within five widths of its centre."""
    reach = int(5 * widths.max() * RATE) + 1
    samples = np.round(centres * RATE).astype(int)[:, None] + np.arange(-reach, reach + 1)
    away = (samples / RATE - centres[:, None]) / widths[:, None]
    inside = (samples >= 0) & (samples < len(time))
    values = (heights[:, None] * np.exp(-0.5 * away**2))[inside]
    return np.asarray(np.bincount(samples[inside], values, len(time)), "float64")


def trouble(time: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return an electrode that slips, a cable that swings, and muscles that tremble."""
    steps = np.cumsum(rng.normal(0, 0.6, len(time)) * (rng.random(len(time)) < 0.01))
    swing = 1.5 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * time + rng.uniform(0, 6))
    return np.asarray(
        steps - steps.mean() + swing + rng.normal(0, rng.uniform(0.3, 0.8), len(time))
    )


def splits(seed: int = 0, recordings: int = 600) -> tuple[Split, Split, Split]:
    """Return made-up recordings: 75 of a hundred to learn from, 10 for validation, 15 for test.

    Args:
        seed: Decides every recording.
        recordings: How many in all: as many normal ones as AF, half as many of the others.
    """
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, recordings, p=(1 / 3, 1 / 3, 1 / 6, 1 / 6))
    x = ragged(electrocardiogram(label, rng.uniform(10, 30), rng) for label in labels)
    names = tuple(f"S{number:05d}" for number in range(recordings))
    whole, ends = Split(x, labels.astype("int64"), names), np.array([0.75, 0.85]) * recordings
    first, second = ends.astype(int)
    return whole[:first], whole[first:second], whole[second:]
