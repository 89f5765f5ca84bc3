"""The detector that is shipped: three kinds of reader who are asked at once, and reading files."""

import json
from pathlib import Path

import numpy as np

from chapters.ecg.beats import beat_rows
from chapters.ecg.features import RATE, features_of
from chapters.ecg.matlab import read_mat4
from chapters.ecg.protocol import AF, LENGTH, STRIDE, by_recording
from companion.errors import UserError

CLASSES = ("normal", "atrial fibrillation", "other rhythm", "too noisy")
# What a reader reads; the other networks read samples.
KINDS = {"beat_reader": "beats", "expert": "features", "logistic_regression": "features"}
SHORTEST = 9.0  # s: the shortest recording that the detector was trained on
NOT_A_DEVICE = (
    "This is a lesson, not a medical device: it was tested on one data set only, and it must not "
    "be used to find out whether anybody is ill."
)


class Detector:
    """Three kinds of reader who are asked at once: their probabilities are multiplied.

    That is the mean of their scores, made probabilities again. Networks that read the samples see
    shapes well and count badly; one that reads the beats in a row knows their rhythm; the expert's
    features sum it up. Each kind has the same say, whatever its number.

    Args:
        networks: Models of `chapters.ecg.models`.
        expert: A `chapters.ecg.experts.Expert`, or None to ask the networks alone.
        thresholds: Probability from which on a ``window`` or a ``recording`` is taken for AF.
    """

    def __init__(self, networks, expert=None, thresholds=None):
        self.networks, self.expert = list(networks), expert
        self.thresholds = thresholds or {"window": 0.5, "recording": 0.5}

    def classes(self, x):
        """Return the probability of each class for windows of shape ``(n, samples, 1)``."""
        found = [(network.name, asked(network, x)) for network in self.networks]
        if self.expert is not None:
            found.append(("expert", self.expert(features_of(x))))
        return by_kind(found)

    def recording(self, signal, stride=STRIDE):
        """Return what the detector says of one recording.

        Args:
            signal: Samples in mV at 300 Hz, finite, at least `SHORTEST` seconds of them.
            stride: Samples from one window to the next.

        Returns:
            A dict: ``probability`` of AF, ``is_af``, ``windows`` (start in seconds and
            probability of each) and ``rhythm`` (the likeliest class).
        """
        x, starts = as_windows(signal, stride)
        classes = self.classes(x)
        _, (probability,) = by_recording(classes[:, AF], np.zeros(len(x), int))
        return {
            "probability": float(probability),
            "is_af": bool(probability >= self.thresholds["recording"]),
            "rhythm": CLASSES[int(classes.mean(axis=0).argmax())],
            "windows": [
                {"start": round(start / RATE, 3), "probability": float(p)}
                for start, p in zip(starts, classes[:, AF], strict=True)
            ],
        }

    def save(self, path, record):
        """Write the weights as float16 and the expert's numbers to ``path``, the record beside it.

        Args:
            path: A file that ends in ``.npz``.
            record: What is known of the run that made them, as plain values.
        """
        weights = {
            f"network{place}_{number:03d}": weight.astype("float16")
            for place, network in enumerate(self.networks)
            for number, weight in enumerate(network.get_weights())
        }
        expert = {
            f"expert_{name}": np.asarray(values, "float32")
            for name, values in self.expert.arrays.items()
        }
        np.savez_compressed(path, **weights, **expert)
        names = [network.name for network in self.networks]
        record = {"networks": names, "thresholds": self.thresholds, **record}
        text = json.dumps(record, indent=1, ensure_ascii=False)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path):
        """Return the detector that `save` wrote to ``path``."""
        from chapters.ecg import models
        from chapters.ecg.experts import Expert

        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        with np.load(path) as kept:
            arrays = dict(kept)
        networks = []
        for place, name in enumerate(record["networks"]):
            networks.append(getattr(models, name)())
            own = sorted(key for key in arrays if key.startswith(f"network{place}_"))
            weights = [arrays[key] for key in own]
            networks[-1].set_weights([weight.astype("float32") for weight in weights])
        numbers = {
            name.removeprefix("expert_"): array
            for name, array in arrays.items()
            if name.startswith("expert_")
        }
        return cls(networks, Expert(**numbers), record["thresholds"])


def together(*opinions):
    """Return the normalized geometric mean of several opinions, each ``(n, classes)``."""
    mean = np.exp(np.mean([np.log(np.clip(one, 1e-6, 1)) for one in opinions], axis=0))
    return mean / mean.sum(axis=1, keepdims=True)


def by_kind(opinions):
    """Return what all say together, each kind of reader with the same say.

    Args:
        opinions: ``(name, classes)`` of each reader, the name as in `KINDS` or a network's.
    """
    kinds = {}
    for name, classes in opinions:
        kinds.setdefault(KINDS.get(name, "samples"), []).append(classes)
    return together(*(together(*same) for same in kinds.values()))


def asked(network, x):
    """Return a network's probabilities for windows; a `beat_reader` is given their beats."""
    x = beat_rows(x) if network.name == "beat_reader" else x
    return predicted(network, x)


def predicted(network, x, batch_size=128):
    """Return a network's probabilities for what it reads.

    `keras.Model.predict` gives the same and then waits for TensorFlow's input pipeline to end,
    which can take as long again.
    """
    batches = [x[start : start + batch_size] for start in range(0, len(x), batch_size)]
    return np.concatenate([network.predict_on_batch(batch) for batch in batches])


def as_windows(signal, stride=STRIDE):
    """Return windows of ten seconds and where they start; a shorter recording is one window.

    The last window ends where the recording does, so nothing is left out. A recording of 9 to 10
    seconds is filled up with its own reflection.
    """
    signal = np.asarray(signal, "float32").reshape(-1)
    if len(signal) < LENGTH:
        signal = np.pad(signal, (0, LENGTH - len(signal)), mode="reflect")
    starts = list(range(0, len(signal) - LENGTH + 1, stride))
    if starts[-1] + LENGTH < len(signal):
        starts.append(len(signal) - LENGTH)
    return np.stack([signal[start : start + LENGTH] for start in starts])[..., None], starts


# ---- reading files ------------------------------------------------------------------------------


def read_recording(path, rate=None):
    """Return the samples of a recording file, in mV at 300 Hz.

    Args:
        path: A MATLAB file of version 4 as the challenge ships them (``.mat``, in 1/1000 mV), a
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
        rows = read_mat4(path.read_bytes())
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
        from math import gcd

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
