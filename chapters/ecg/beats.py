"""Beats in a row: what comes before each, what it looks like, and when the next one comes."""

import numpy as np

from chapters.ecg.features import TOGETHER, cleaned
from chapters.ecg.recordings import RATE

BEATS = 40  # rows for a window: at most 240 beats a minute in ten seconds
AROUND = np.arange(-int(0.3 * RATE), int(0.4 * RATE) + 1, 3)  # a beat, 100 samples a second
TIMES = 5  # numbers on the time between beats
ROWS = (BEATS, len(AROUND) + TIMES + 1)


def describe(samples, beats, there, start, stop, speed=1.0):
    """Return one row of numbers for each beat of some crops.

    Args:
        samples: A long line of filtered signal that the crops are part of, shape ``(n,)``.
        beats: Where the R peaks are in it, shape ``(crops, BEATS)``.
        there: Which of them there are, shape ``(crops, BEATS)``.
        start: Where each crop begins in `samples`, shape ``(crops, 1)``.
        stop: Where it ends.
        speed: How much faster than real time it is read, shape ``(crops, 1)`` or a number.

    Returns:
        float32 of shape ``(crops, *ROWS)``: 0.7 s of signal around each R peak, in units of the
        crop's mean deviation; the logarithms of the RR interval before and after it, of the one
        before over the median, and of the one after over the one before; +1 for the first beat and
        −1 for the last; and 1 where there is a beat. The rest is 0.
    """
    indices = np.clip(beats[..., None] + AROUND, start[..., None], stop[..., None] - 1)
    spread = [
        1.25 * np.abs(samples[a:b]).mean() for a, b in zip(start[:, 0], stop[:, 0], strict=True)
    ]
    waves = np.clip(samples[indices] / (np.reshape(spread, (-1, 1, 1)) + 1e-3), -8, 8)
    follows = there[:, 1:] & there[:, :-1]
    rr = np.where(follows, np.diff(beats, axis=1) / RATE / speed, np.nan)
    has_interval = follows.any(axis=1, keepdims=True)
    usual = np.nanmedian(np.where(has_interval, rr, 1.0), axis=1, keepdims=True)
    rr = np.where(follows, rr, usual)
    before = np.concatenate([usual, rr], axis=1)
    after = np.concatenate([rr, usual], axis=1)
    edge = np.zeros(beats.shape)
    edge[:, 0] = 1
    edge[np.arange(len(beats)), np.maximum(there.sum(axis=1) - 1, 0)] -= 1
    times = (
        3 * np.log(before / 0.8),
        3 * np.log(after / 0.8),
        5 * np.log(before / usual),
        5 * np.log(after / before),
        edge,
        np.ones(beats.shape),
    )
    rows = np.concatenate([waves, np.stack(times, axis=2)], axis=2)
    return np.where(there[..., None], rows, 0).astype("float32")


def beat_rows(x):
    """Return the rows of beats of some windows: float32 of shape ``(n, *ROWS)``.

    Args:
        x: Samples in mV at 300 Hz, shape ``(n, samples, 1)``.
    """
    parts = [x[start : start + TOGETHER, :, 0] for start in range(0, len(x), TOGETHER)]
    none = np.zeros((0, *ROWS), "float32")
    return np.concatenate([none, *(rows_of(*cleaned(part)) for part in parts)])


def rows_of(signals, beats):
    """Return the rows of beats of windows that are `cleaned` already."""
    line = Line(signals, beats)
    return line.crops(np.arange(len(signals)), np.zeros(len(signals)), line.lengths, 1.0)


class Line:
    """Recordings laid end to end, with their beats.

    Args:
        signals: What `cleaned` leaves of each, of shape ``(samples,)``.
        beats: The sample numbers of the R peaks of each.
    """

    @classmethod
    def of(cls, recordings):
        """Lay recordings of any lengths end to end, in mV, each of shape ``(samples,)``."""
        each = [cleaned(recording[None]) for recording in recordings]
        return cls([signal for (signal,), _ in each], [beats for _, (beats,) in each])

    def __init__(self, signals, beats):
        self.samples = np.concatenate(signals).astype("float32")
        self.lengths = np.array([len(signal) for signal in signals])
        self.starts = np.cumsum(self.lengths) - self.lengths
        # Behind the last sample stands one that no crop reaches: there may be no beat at all.
        shifted = [own + start for own, start in zip(beats, self.starts, strict=True)]
        self.beats = np.concatenate([*shifted, [len(self.samples)]])

    def crops(self, chosen, start, length, speed):
        """Return the rows of beats of a stretch of each chosen recording."""
        start = (self.starts[chosen] + start).astype(int)[:, None]
        stop = start + np.asarray(length, int).reshape(-1, 1)
        first, last = np.searchsorted(self.beats, start), np.searchsorted(self.beats, stop)
        number = first + np.arange(BEATS)
        beats = self.beats[np.minimum(number, len(self.beats) - 1)]
        return describe(self.samples, beats, number < last, start, stop, speed)
