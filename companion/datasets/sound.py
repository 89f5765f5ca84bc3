"""Sound for a network: a recording as log-mel frames, and tones where there are no recordings."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets.dataset import Dataset, Shape, Split, ragged

RATE = 8000  # samples in a second
WINDOW, HOP, TRANSFORM = 200, 80, 512  # samples: 25 ms of sound, every 10 ms
LONGEST = 100  # frames that are kept of a recording: its first second

# What a tone's place in the scale is called, and the recordings' classes: every order of the three.
PITCHES = ("low", "middle", "high")
MELODIES = tuple("-".join(order) for order in permutations(PITCHES))


def log_mel(recording: NDArray[Any], bands: int = 40) -> NDArray[np.float32]:
    """Return a recording as frames: how much sound there is in each band of pitch, every 10 ms.

    A frame is 25 ms under a Hann window; its power spectrum is summed in triangles that are evenly
    spaced on the mel scale, 2595·log₁₀(1 + f / 700 Hz), on which equal steps sound equal. The
    logarithms are shifted and scaled to mean 0 and standard deviation 1 over the recording, so that
    its loudness does not matter.

    Args:
        recording: Samples at 8 kHz, of shape ``(samples,)``.
        bands: Number of bands between 0 and 4 kHz.

    Returns:
        Frames of shape ``(max(1, 1 + (samples − 200) // 80), bands)``.
    """
    padded = np.pad(recording, (0, max(0, WINDOW - len(recording))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * window, TRANSFORM)) ** 2
    logs = np.log(power @ mel_triangles(bands) + 1e-6)
    standard: NDArray[np.float32] = ((logs - logs.mean()) / (logs.std() + 1e-6)).astype("float32")
    return standard


def mel_triangles(bands: int) -> NDArray[np.float64]:
    """Return the weight of each frequency of the spectrum in each band, ``(257, bands)``."""
    hertz = np.linspace(0, RATE / 2, TRANSFORM // 2 + 1)
    mel = 2595 * np.log10(1 + hertz / 700)
    edges = np.linspace(0, mel[-1], bands + 2)
    rising = (mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel[:, None]) / (edges[2:] - edges[1:-1])
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return triangles


def framed(data: Dataset, shape: Shape) -> Dataset | None:
    """Return recordings as log-mel frames, `shape[1]` bands of them; None for another shape."""
    if data.shape == shape[:1] == (None,) and len(shape) == 2:
        return data.changed(shape, lambda x: as_frames(x, shape[1] or 40))
    return None


def as_frames(recordings: Sequence[NDArray[Any]] | NDArray[Any], bands: int) -> NDArray[np.float32]:
    """Return recordings of any length as log-mel frames in one array, padded with zeros behind.

    Args:
        recordings: Each of shape ``(samples,)``, at 8 kHz; what comes after a second is dropped.
        bands: Number of bands.

    Returns:
        Shape ``(recordings, 100, bands)``. No frame of a recording is all zero, so that a network
        knows the padding by its zeros.
    """
    padded = np.zeros((len(recordings), LONGEST, bands), "float32")
    for row, recording in zip(padded, recordings, strict=True):
        frames = log_mel(recording, bands)[:LONGEST]
        silent = ~frames.any(axis=1, keepdims=True)
        row[: len(frames)] = np.where(silent, 1e-6, frames)
    return padded


def tones(each: int = 120) -> Split:
    """Return generated recordings of three tones, low, middle and high, in each of six orders.

    Key, tempo, loudness and pauses differ between recordings and there is noise in all of them, so
    what tells the classes apart is the order alone: a network must remember what came before.
    A recording is named by its order, its key in Hz and its number.

    Args:
        each: Recordings of each order.
    """
    rng = np.random.default_rng(0)
    orders = list(permutations(range(3))) * each
    recordings, names = [], []
    for number, order in enumerate(orders):
        key = rng.uniform(300, 600)  # Hz; the others are a fifth and two fifths above
        parts = [np.zeros(int(rng.uniform(0, 0.1) * RATE))]
        for pitch in order:
            samples = int(rng.uniform(0.06, 0.2) * RATE)
            turns = key * 1.5**pitch * np.arange(samples) / RATE + rng.uniform()
            fade = np.minimum(1, 20 * np.sin(np.pi * np.arange(samples) / samples))
            parts += [np.sin(2 * np.pi * turns) * fade, np.zeros(int(rng.uniform(0, 0.06) * RATE))]
        sound = np.concatenate(parts) * rng.uniform(0.1, 0.6)
        recordings.append((sound + rng.normal(0, 0.02, len(sound))).astype("float32"))
        names.append(f"{MELODIES[number % 6]}_{key:.0f}_{number}")
    return Split(ragged(recordings), np.tile(np.arange(6), each), tuple(names))
