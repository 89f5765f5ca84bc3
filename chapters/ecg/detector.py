"""The detector that is shipped: three kinds of reader who are asked at once."""

import json
from functools import cache

import numpy as np

from chapters.ecg.beats import beat_rows
from chapters.ecg.features import features_of
from chapters.ecg.protocol import STRIDE, by_recording
from chapters.ecg.recordings import AF, CLASSES, LENGTH, RATE

# What a reader reads; the other networks read samples.
KINDS = {"beat_reader": "beats", "expert": "features", "logistic_regression": "features"}
PART = 1024  # windows that are read at once, so that a day's recording takes no more room
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
        parts = [x[start : start + PART] for start in range(0, len(x), PART)]
        return np.concatenate([self._classes(part) for part in parts])

    def _classes(self, x):
        beats = cache(lambda: beat_rows(x))  # found once for all networks that read them
        found = [
            (network.name, predicted(network, beats() if network.name == "beat_reader" else x))
            for network in self.networks
        ]
        if self.expert is not None:
            found.append(("expert", self.expert(features_of(x))))
        return by_kind(found)

    def recording(self, signal, stride=STRIDE):
        """Return what the detector says of one recording.

        Args:
            signal: Samples in mV at 300 Hz, finite, 9 seconds of them or more.
            stride: Samples from one window to the next.

        Returns:
            A dict: ``probability`` of AF, ``is_af``, ``windows`` (start in seconds and
            probability of each) and ``rhythm`` (the likeliest class).
        """
        return self.recordings([signal], stride)[0]

    def recordings(self, signals, stride=STRIDE):
        """Return what `recording` says of each of several, whose windows are read together."""
        cut = [as_windows(signal, stride) for signal in signals]
        if not cut:
            return []
        classes = self.classes(np.concatenate([x for x, _ in cut]))
        ends = np.cumsum([len(x) for x, _ in cut])
        return [
            self._judged(own, starts)
            for own, (_, starts) in zip(np.split(classes, ends[:-1]), cut, strict=True)
        ]

    def _judged(self, classes, starts):
        """Return what the classes of a recording's windows say of it."""
        _, (probability,) = by_recording(classes[:, AF], np.zeros(len(classes), int))
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
            name: weight
            for number, network in enumerate(self.networks)
            for name, weight in halved(network.get_weights(), f"network{number}_").items()
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
        from chapters.ecg.experts import Expert

        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        with np.load(path) as kept:
            arrays = dict(kept)
        networks = [
            with_weights(name, arrays, f"network{number}_")
            for number, name in enumerate(record["networks"])
        ]
        numbers = {
            name.removeprefix("expert_"): array
            for name, array in arrays.items()
            if name.startswith("expert_")
        }
        return cls(networks, Expert(**numbers), record["thresholds"])


def halved(weights, prefix):
    """Return a network's weights as float16, as they are shipped, by names that sort as they do."""
    return {f"{prefix}{k:03d}": weight.astype("float16") for k, weight in enumerate(weights)}


def with_weights(name, arrays, prefix):
    """Build the network `name` with those of the arrays whose names begin with `prefix`."""
    from chapters.ecg import models

    network = getattr(models, name)()
    own = sorted(key for key in arrays if key.startswith(prefix))
    network.set_weights([arrays[key].astype("float32") for key in own])
    return network


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
