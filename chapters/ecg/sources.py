"""Recordings of one ECG lead: real ones by the challenge of 2017, and made-up ones."""

from dataclasses import replace
from typing import Any

import numpy as np

from chapters.ecg import synthetic
from chapters.ecg.recordings import CLASSES, LENGTH
from companion.datasets.dataset import SPLITS, Card, Dataset, Shape, Split, ragged
from companion.datasets.prepared import Columns, TensorFlowDatasets
from companion.datasets.source import Generated

FILES = ("training2017.zip", "REFERENCE-v3.csv")


def recordings(columns: Columns) -> Split:
    """Return recordings in mV, in the order of their names."""
    order = np.argsort(columns["record"])
    x = ragged(np.asarray(signal, "float32") / 1000 for signal in columns["signal"][order])
    names = tuple(record.decode() for record in columns["record"][order])
    return Split(x, columns["label"][order].astype("int64"), names)


def fitted(data: Dataset, shape: Shape) -> Dataset | None:
    """Return recordings as windows, or as the rows of beats in windows of ten seconds.

    Args:
        data: Recordings; each stays within its split.
        shape: ``(samples, 1)``, or `chapters.ecg.beats.ROWS`.
    """
    if len(shape) != 2 or not shape[0]:
        return None
    if shape[1] != 1:
        from chapters.ecg.beats import ROWS, beat_rows  # SciPy is not loaded to list what there is

        cut = fitted(data, (LENGTH, 1))
        return cut.changed(ROWS, beat_rows) if cut and shape == ROWS else None
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
    counts = [len(signal) // length for signal in recordings.x]
    x = [
        signal[: count * length].reshape(count, length, 1)
        for signal, count in zip(recordings.x, counts, strict=True)
    ]
    rows = np.repeat(np.arange(len(recordings)), counts)
    none = np.zeros((0, length, 1), "float32")
    return replace(recordings[rows], x=np.concatenate([none, *x]))


cinc2017 = TensorFlowDatasets(
    Card("cinc2017",
         "8,528 single-lead ECGs, 300 Hz, in mV, a split of ours by the recording's name",
         "ecg", (None, 1), CLASSES, "ODC-By 1.0",
         "Clifford et al. (2017), PhysioNet/CinC Challenge, doi 10.22489/CinC.2017.065-469",
         "physionet.org", 94.7),
    recordings, builder="chapters.ecg.cinc2017", by_hand=FILES, instead="ecg_synthetic", fit=fitted,
)  # fmt: skip
ecg_synthetic = Generated(
    Card("ecg_synthetic",
         "600 made-up single-lead ECGs, 300 Hz, in mV; they say nothing about patients",
         "ecg", (None, 1), CLASSES, "Apache-2.0",
         "generated here, after McSharry, Clifford, Tarassenko, Smith (2003), IEEE TBME 50(3)"),
    synthetic.splits, fit=fitted,
)  # fmt: skip
