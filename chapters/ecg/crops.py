"""Crops of recordings to learn from: another ten seconds of each, never twice the same."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapters.ecg.beats import AROUND, Line
from chapters.ecg.recordings import LENGTH, RATE
from companion.datasets.dataset import Split

# How often a batch holds each class: normal, AF, other, noisy. One recording in eleven is AF;
# a larger share of the batches is the resampling remedy for imbalance.
SHARES = (0.25, 0.33, 0.34, 0.08)


def draw(recordings: Split, batch_size: int, seed: int) -> Iterator[Any]:
    """Return an endless stream of batches of `Crops`, as `companion.train` takes it."""
    return Crops(recordings.x, recordings.y).batches(batch_size, seed)


def draw_beats(recordings: Split, batch_size: int, seed: int) -> Iterator[Any]:
    """Return an endless stream of batches of `BeatCrops`."""
    return BeatCrops(Line.of(recordings.x), recordings.y).batches(batch_size, seed)


class Balanced:
    """Batches of recordings in which each class has its share.

    Args:
        labels: The classes of the recordings.
        shares: How often a batch holds each class; a class that is not there has no share.
    """

    def __init__(self, labels: NDArray[Any], shares: Sequence[float] = SHARES):
        self.labels = np.asarray(labels)
        present = np.bincount(self.labels, minlength=len(shares)) > 0
        self.shares = np.where(present, shares, 0) / np.where(present, shares, 0).sum()

    def batches(self, batch_size: int, seed: int) -> Iterator[Any]:
        """Yield batches without end: what `drawn` makes of each, and its labels."""
        rng = np.random.default_rng(seed)
        members = [np.flatnonzero(self.labels == label) for label in range(len(self.shares))]
        waiting = [np.arange(0) for _ in members]
        while True:
            parts = []
            for label, count in enumerate(rng.multinomial(batch_size, self.shares)):
                while len(waiting[label]) < count:  # each comes once before any comes again
                    again = rng.permutation(members[label])
                    waiting[label] = np.concatenate([waiting[label], again])
                some, waiting[label] = np.split(waiting[label], [count])
                parts.append(some)
            chosen = np.concatenate(parts)
            yield self.drawn(chosen, rng), self.labels[chosen]

    def drawn(self, chosen: NDArray[Any], rng: np.random.Generator):
        """Return what a network reads of the chosen recordings."""
        raise NotImplementedError


class Crops(Balanced):
    """Random crops of recordings, each stretched, turned over, noisy or masked.

    All of a batch is made at once, by interpolation in one long array of all recordings.

    Args:
        recordings: Signals in mV, each of shape ``(samples,)``.
        labels: Their classes.
        length: Samples in a crop.
        shares: How often a batch holds each class.
        stretch: Time runs up to this much faster or slower (natural logarithm).
        noise: Greatest standard deviation of added noise, in those of the crop.
        upside_down: How often the electrodes are swapped.
        masked: How often up to a second is blanked out.
    """

    def __init__(
        self,
        recordings: NDArray[Any],
        labels: NDArray[Any],
        *,
        length: int = LENGTH,
        shares: Sequence[float] = SHARES,
        stretch: float = 0.15,
        noise: float = 0.1,
        upside_down: float = 0.2,
        masked: float = 0.3,
    ):
        super().__init__(labels, shares)
        self.samples = np.concatenate(recordings).astype("float32")
        self.lengths = np.array([len(recording) for recording in recordings])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.length = length
        self.stretch, self.noise = stretch, noise
        self.upside_down, self.masked = upside_down, masked

    def drawn(self, chosen: NDArray[Any], rng: np.random.Generator):
        """Return a crop of each chosen recording: float32 of shape ``(n, length, 1)``."""
        return self.troubled(self.cropped(chosen, rng), rng)[..., None]

    def cropped(self, chosen: NDArray[Any], rng: np.random.Generator):
        """Return a stretch of each chosen recording, read faster or slower."""
        last = self.lengths[chosen] - 1.01
        speed = np.exp(rng.uniform(-self.stretch, self.stretch, len(chosen)))
        speed = np.minimum(speed, last / (self.length - 1))  # a short recording is read slowly
        start = rng.random(len(chosen)) * (last - speed * (self.length - 1))
        position = start[:, None] + speed[:, None] * np.arange(self.length)
        left = position.astype(int)
        share = (position - left).astype("float32")
        left += self.starts[chosen][:, None]
        return self.samples[left] * (1 - share) + self.samples[left + 1] * share

    def troubled(self, x: NDArray[Any], rng: np.random.Generator):
        """Return crops as a careless patient would record them."""
        count, length = x.shape

        def now_and_then(share: float, high: float):
            return rng.uniform(0, high, (count, 1)) * (rng.random((count, 1)) < share)

        spread = x.std(axis=1, keepdims=True)
        x = x * np.where(rng.random((count, 1)) < self.upside_down, -1, 1)
        x += spread * now_and_then(0.5, self.noise) * rng.standard_normal(x.shape, "float32")
        sway = 2 * np.pi * rng.uniform(0.1, 0.6, (count, 1)) * np.arange(length) / RATE
        height = spread * now_and_then(0.5, 5 * self.noise)
        x += height * np.sin(sway + rng.uniform(0, 6, (count, 1)))
        start = rng.integers(length, size=(count, 1))
        gone = np.arange(length) - start
        x[(gone >= 0) & (gone < now_and_then(self.masked, RATE))] = 0
        return x.astype("float32")


class BeatCrops(Balanced):
    """Crops as rows of beats: stretched, turned over, noisy.

    Args:
        line: The recordings, as `chapters.ecg.beats.Line.of` lays them end to end.
        labels: Their classes.
        shares: How often a batch holds each class.
        stretch: Time runs up to this much faster or slower (natural logarithm).
        noise: Greatest standard deviation of added noise, in those of a beat.
        upside_down: How often the electrodes are swapped.
    """

    def __init__(
        self,
        line: Line,
        labels: NDArray[Any],
        *,
        shares: Sequence[float] = SHARES,
        stretch: float = 0.15,
        noise: float = 0.3,
        upside_down: float = 0.2,
    ):
        super().__init__(labels, shares)
        self.line = line
        self.stretch, self.noise, self.upside_down = stretch, noise, upside_down

    def drawn(self, chosen: NDArray[Any], rng: np.random.Generator):
        """Return the rows of beats of a crop of each chosen recording."""
        lengths = self.line.lengths[chosen]
        speed = np.exp(rng.uniform(-self.stretch, self.stretch, len(chosen)))
        length = np.minimum((LENGTH * speed).astype(int), lengths)
        start = rng.random(len(chosen)) * (lengths - length)
        rows = self.line.crops(chosen, start, length, speed[:, None])
        waves, is_beat = rows[..., : len(AROUND)], rows[..., -1:]
        waves *= np.where(rng.random((len(chosen), 1, 1)) < self.upside_down, -1, 1)
        hiss = rng.uniform(0, self.noise, (len(chosen), 1, 1))
        hiss *= rng.random((len(chosen), 1, 1)) < 0.5
        waves += hiss * is_beat * rng.standard_normal(waves.shape, "float32")
        return rows
