"""A recording of one lead: what is true of every one, and how one is read from a file."""

import io
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import UserError

RATE = 300  # Hz
LENGTH = 3000  # samples in a window: ten seconds, as Hong et al. (2019) cut them
CLASSES = ("normal", "atrial fibrillation", "other rhythm", "too noisy")
NORMAL, AF, OTHER, NOISY = range(len(CLASSES))
SHORTEST = 9.0  # s: the shortest recording that the detector was trained on


def read_mat(contents: bytes) -> NDArray[Any]:
    """Return the matrix ``val`` of a MATLAB file: PhysioNet ships int16, a row for each lead.

    Raises:
        UserError: If this is no such file, or its end is missing.
    """
    from scipy.io import loadmat  # listing the studies loads no SciPy

    try:
        rows: NDArray[Any] = loadmat(io.BytesIO(contents))["val"]
    except Exception as error:  # SciPy has many words for it
        raise UserError(
            f"This is no MATLAB file with a matrix `val`, or not all of it: {error}"
        ) from error
    return rows


def read_recording(path, rate=None):
    """Return the samples of a recording file, in mV at 300 Hz.

    Args:
        path: A MATLAB file as the challenge ships them (``.mat``, in 1/1000 mV), a
            table (``.csv``, ``.txt``: one number a line, or the last column) or an array
            (``.npy``) in mV.
        rate: Samples per second of the file; 300 by default, or what a ``.hea`` file beside it
            says. Another rate is resampled.

    Returns:
        ``(samples, remarks)``: float32 of shape ``(n,)``, and what a reader should know.

    Raises:
        UserError: If the file holds no usable recording.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("There is no such file.")
    header = path.with_suffix(".hea")
    if path.suffix == ".mat":
        rows = read_mat(path.read_bytes())
        if len(rows) != 1:
            raise UserError(f"One lead is expected, one row. Received: {len(rows)} rows.")
        values = rows[0] / 1000
        if rate is None and header.is_file():
            rate = rate_of(header)
    else:
        values = table(path)
    samples, remarks = usable(np.asarray(values, "float64"), float(rate or RATE))
    if rate is None and path.suffix != ".mat":
        remarks.append(f"taken for {RATE} samples a second, as the file does not say (--rate)")
    return samples, remarks


def rate_of(header):
    """Return the samples per second that a WFDB header states, or None where it does not."""
    words = header.read_text(encoding="utf-8", errors="replace").split()
    stated = words[2].split("/")[0] if len(words) > 2 else ""
    return float(stated) if stated and is_number(stated) else None


def table(path):
    """Return the one signal of a CSV or NumPy file."""
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
            if values.dtype.kind not in "biuf":
                raise ValueError(f"its numbers are of type {values.dtype}")
        else:
            lines = path.read_text(encoding="utf-8-sig").replace(";", ",").splitlines()
            cells = [line.split(",")[-1].strip() for line in lines if line.strip()]
            start = 0 if cells and is_number(cells[0]) else 1  # a header names the columns
            values = np.array([float(cell or "nan") for cell in cells[start:]])
    except (OSError, ValueError, EOFError, UnicodeDecodeError) as error:
        raise UserError(
            f"This is no list of numbers: {error}. A recording is a .mat of the challenge, a .npy, "
            "or a .csv with one sample a line, in mV."
        ) from error
    values = np.squeeze(values)
    if values.ndim != 1:
        raise UserError(f"One lead is expected, of shape (samples,). Received: {values.shape}.")
    return values


def is_number(text):
    """Say whether `text` can be read as a number."""
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def usable(x, rate):
    """Return the samples at 300 Hz with remarks, or say why nothing can be told from them.

    Raises:
        UserError: If the recording is too short, flat, saturated, or mostly missing.
    """
    remarks = []
    if len(x) == 0:
        raise UserError("There is not one sample in it.")
    if not 50 <= rate <= 10_000:
        raise UserError(f"An ECG has 50 to 10,000 samples a second. Received: {rate:g} Hz.")
    missing = ~np.isfinite(x)
    if missing.mean() > 0.1:
        raise UserError(f"{missing.mean():.0%} of the samples are no numbers; 10 % can be bridged.")
    if missing.any():
        x = x.copy()
        x[missing] = np.interp(np.flatnonzero(missing), np.flatnonzero(~missing), x[~missing])
        remarks.append(f"{missing.sum()} samples were no numbers and were bridged by a line")
    if rate != RATE:
        from scipy.signal import resample_poly

        up, down = RATE * 100, round(rate * 100)
        x = resample_poly(x, up // gcd(up, down), down // gcd(up, down), padtype="line")
        remarks.append(f"resampled from {rate:g} to {RATE} Hz")
    seconds = len(x) / RATE
    if seconds < SHORTEST:
        raise UserError(
            f"{seconds:.1f} s are too short: the rhythm is judged from ten seconds, and nothing "
            f"below {SHORTEST:g} s was tested. If the file has another rate than {RATE} Hz, give "
            "--rate."
        )
    spread = np.ptp(x)
    if not np.isfinite(spread):
        raise UserError("Its values are too large to be a voltage.")
    if spread < 1e-3:
        raise UserError("The line is flat: it varies by less than 0.001 mV. Was a lead off?")
    edges = np.isclose(x, x.min(), atol=1e-6 * spread) | np.isclose(x, x.max(), atol=1e-6 * spread)
    if edges.mean() > 0.2:
        raise UserError(
            f"The amplifier was saturated: {edges.mean():.0%} of the samples lie at the ends of "
            "its range."
        )
    if spread > 100:
        remarks.append(
            f"it spans {spread:,.0f} mV, a heart gives about 1 to 5: is the unit mV? (The scale "
            "does not matter to the detector.)"
        )
    flat = np.abs(np.diff(x)) < 1e-6 * spread
    if flat.mean() > 0.5:
        remarks.append(f"{flat.mean():.0%} of it is flat")
    return x.astype("float32"), remarks
