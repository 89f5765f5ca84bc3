"""Recordings of one ECG lead: real ones by the challenge of 2017, and made-up ones."""

from dataclasses import replace
from typing import Any

import numpy as np

from chapters.ecg import synthetic
from companion.datasets.dataset import SPLITS, Card, Dataset, Shape, Split, ragged
from companion.datasets.prepared import Columns, TensorFlowDatasets
from companion.datasets.source import Generated

RHYTHMS = ("normal", "atrial fibrillation", "other rhythm", "too noisy")


def recordings(columns: Columns) -> Split:
    """Return recordings in mV, in the order of their names."""
    order = np.argsort(columns["record"])
    x = ragged(np.asarray(signal, "float32") / 1000 for signal in columns["signal"][order])
    names = tuple(record.decode() for record in columns["record"][order])
    return Split(x, columns["label"][order].astype("int64"), names)


def windowed(data: Dataset, shape: Shape) -> Dataset | None:
    """Return recordings as windows of `shape[0]` samples, each within its split."""
    if len(shape) != 2 or not shape[0] or shape[1] != 1:
        return None
    parts: dict[str, Any] = {name: windows(getattr(data, name), shape[0]) for name in SPLITS}
    return replace(data, card=replace(data.card, shape=shape), **parts)


def windows(recordings: Split, length: int) -> Split:
    """Cut recordings into windows that do not overlap; what is left at an end is left out.

    Args:
        recordings: An object array of signals with their labels.
        length: Samples in a window.

    Returns:
        Windows of shape ``(n, length, 1)``, each with its recording's label and name.
    """
    starts = [range(0, len(signal) - length + 1, length) for signal in recordings.x]
    x = [
        signal[start : start + length]
        for signal, some in zip(recordings.x, starts, strict=True)
        for start in some
    ]
    rows = np.repeat(np.arange(len(recordings)), [len(some) for some in starts])
    return replace(recordings[rows], x=np.stack(x).astype("float32")[..., None])


cinc2017 = TensorFlowDatasets(
    Card(
        "cinc2017",
        "8,528 single-lead ECGs, 300 Hz, in mV, a split of ours by the recording's name",
        "ecg",
        (None, 1),
        RHYTHMS,
        "ODC-By 1.0",
        "Clifford et al. (2017), PhysioNet/CinC Challenge, doi 10.22489/CinC.2017.065-469",
        "physionet.org",
        94.7,
    ),
    recordings,
    builder="chapters.ecg.cinc2017",
    by_hand=("training2017.zip", "REFERENCE-v3.csv"),
    instead="ecg_synthetic",
    fit=windowed,
)

ecg_synthetic = Generated(
    Card(
        "ecg_synthetic",
        "600 made-up single-lead ECGs, 300 Hz, in mV; they say nothing about patients",
        "ecg",
        (None, 1),
        RHYTHMS,
        "Apache-2.0",
        "generated here, after McSharry, Clifford, Tarassenko, Smith (2003), IEEE TBME 50(3)",
    ),
    synthetic.splits,
    fit=windowed,
)
