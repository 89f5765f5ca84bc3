"""The detector that is shipped: three kinds of reader who are asked at once."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chapters.ecg.beats import rows_of
from chapters.ecg.features import cleaned, described
from chapters.ecg.protocol import STRIDE, by_recording
from chapters.ecg.recordings import AF, CLASSES, LENGTH, RATE
from companion.prefetch import map_in_order

if TYPE_CHECKING:
    import keras

    from chapters.ecg.experts import Expert

# What a reader reads; the other networks read samples.
KINDS = {"beat_reader": "beats", "expert": "features", "logistic_regression": "features"}
PART = 128  # windows that are read at once, of however many recordings
NOT_A_DEVICE = (
    "This is a lesson, not a medical device: it was tested on one data set only, and it must not "
    "be used to find out whether anybody is ill."
)

# Who says it, and classes of shape (n, classes).
Opinion = tuple[str, NDArray[Any]]
# Of each window its classes, and where a network looked.
Judged = list[tuple[NDArray[Any], NDArray[Any] | None]]


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

    def __init__(
        self,
        networks: "Iterable[keras.Model]",
        expert: "Expert | None" = None,
        thresholds: dict[str, float] | None = None,
    ):
        self.networks, self.expert = list(networks), expert
        self.thresholds = thresholds or {"window": 0.5, "recording": 0.5}

    def classes(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the probability of each class for windows of shape ``(n, samples, 1)``."""
        parts = (x[start : start + PART] for start in range(0, len(x), PART))
        return np.array([classes for part in self._judged(parts) for classes, _ in part])

    def recording(self, signal: ArrayLike, stride: int = STRIDE) -> dict[str, Any]:
        """Return what the detector says of one recording.

        Args:
            signal: Samples in mV at 300 Hz, finite, 9 seconds of them or more.
            stride: Samples from one window to the next.

        Returns:
            A dict: ``probability`` of AF, ``is_af``, ``windows`` (start in seconds and
            probability of each), ``rhythm`` (the likeliest class) and ``attention``: where in the
            window that looks most like AF an `acrnn` looked, ``(steps,)``, or None.
        """
        told = next(self.recordings([signal], stride))
        assert told is not None, "only of None is nothing said"
        return told

    def recordings(
        self, signals: Iterable[ArrayLike | None], stride: int = STRIDE
    ) -> Iterator[dict[str, Any] | None]:
        """Yield what `recording` says of each of several, which are taken as they are needed.

        Their windows are put through the networks together, `PART` at a time; what is said of one
        does not depend on the others.

        Args:
            signals: As `recording` takes them, or None, of which None is said.
            stride: Samples from one window to the next.
        """
        waiting: deque[list[int]] = deque()
        seen: Judged = []

        def parts() -> Iterator[NDArray[Any]]:
            rest: NDArray[Any] = np.zeros((0, LENGTH, 1), "float32")
            for signal in signals:
                x, starts = (rest[:0], []) if signal is None else as_windows(signal, stride)
                waiting.append(starts)
                rest = np.concatenate([rest, x])
                while len(rest) >= PART:
                    yield rest[:PART]
                    rest = rest[PART:]
            if len(rest):
                yield rest

        for windows in self._judged(parts()):
            seen += windows
            while waiting and len(waiting[0]) <= len(seen):
                starts = waiting.popleft()
                own, seen = seen[: len(starts)], seen[len(starts) :]
                yield self._told(own, starts) if own else None
        yield from [None] * len(waiting)  # there is no window behind these

    def _judged(self, parts: Iterable[NDArray[Any]]) -> Iterator[Judged]:
        """Yield for each part a list: of each window its classes and where a network looked.

        While networks read one part, the beats of the next are found and its features measured.
        """
        size = 0
        with ThreadPoolExecutor(1) as pool:
            for x, rows, opinions in map_in_order(pool, self._measured, parts):
                size = max(size, len(x))  # a network is compiled for each size anew
                by_network: list[Opinion] = []
                looks: Sequence[NDArray[Any] | None] = [None] * len(x)
                for network in self._networks:
                    given = x if rows is None or network.name != "beat_reader" else rows
                    outputs = network.predict_on_batch(filled(given, size))
                    if isinstance(outputs, list):
                        outputs, looks = outputs[0], outputs[1][: len(x), :, 0]
                    by_network.append((network.name, outputs[: len(x)]))
                yield list(zip(by_kind(by_network + opinions), looks, strict=True))

    def _measured(self, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None, list[Opinion]]:
        """Return windows, the rows of their beats, and what the expert says, as far as needed."""
        if self.expert is None and all(one.name != "beat_reader" for one in self.networks):
            return x, None, []
        samples = x[..., 0].astype(float)
        signals, beats = cleaned(samples)
        opinions = []
        if self.expert is not None:
            opinions = [("expert", self.expert(described(samples, signals, beats)))]
        return x, rows_of(signals, beats), opinions

    @cached_property
    def _networks(self) -> "list[keras.Model]":
        """The networks; of an `acrnn`, with its attention as a second output."""
        from chapters.ecg.models import with_attention

        return [with_attention(one) if one.name == "acrnn" else one for one in self.networks]

    def _told(self, windows: Judged, starts: list[int]) -> dict[str, Any]:
        """Return what is said of a recording by what is said of its windows."""
        classes = np.array([one for one, _ in windows])
        _, (probability,) = by_recording(classes[:, AF], np.zeros(len(classes), int))
        return {
            "probability": float(probability),
            "is_af": bool(probability >= self.thresholds["recording"]),
            "rhythm": CLASSES[int(classes.mean(axis=0).argmax())],
            "windows": [
                {"start": round(start / RATE, 3), "probability": float(p)}
                for start, p in zip(starts, classes[:, AF], strict=True)
            ],
            "attention": windows[int(classes[:, AF].argmax())][1],
        }

    def save(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write the weights as float16 and the expert's numbers to ``path``, the record beside it.

        Args:
            path: A file that ends in ``.npz``.
            record: What is known of the run that made them, as plain values.
        """
        assert self.expert is not None, "a detector is shipped with its expert"
        weights: dict[str, Any] = {
            name: weight
            for number, network in enumerate(self.networks)
            for name, weight in halved(network.get_weights(), f"network{number}_").items()
        }
        expert: dict[str, Any] = {
            f"expert_{name}": np.asarray(values, "float32")
            for name, values in self.expert.arrays.items()
        }
        np.savez_compressed(path, **weights, **expert)
        names = [network.name for network in self.networks]
        record = {"networks": names, "thresholds": self.thresholds, **record}
        text = json.dumps(record, indent=1, ensure_ascii=False)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Detector":
        """Return the detector that `save` wrote to ``path``."""
        from chapters.ecg.experts import Expert

        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        with np.load(path) as file:
            arrays = dict(file)
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


def halved(weights: Iterable[NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Return a network's weights as float16, as they are shipped, by names that sort as they do."""
    return {f"{prefix}{k:03d}": weight.astype("float16") for k, weight in enumerate(weights)}


def with_weights(name: str, arrays: Mapping[str, NDArray[Any]], prefix: str) -> "keras.Model":
    """Build the network `name` with those of the arrays whose names begin with `prefix`."""
    from chapters.ecg import models

    network = getattr(models, name)()
    own = sorted(key for key in arrays if key.startswith(prefix))
    network.set_weights([arrays[key].astype("float32") for key in own])
    return network


def together(*opinions: NDArray[Any]) -> NDArray[Any]:
    """Return the normalized geometric mean of several opinions, each ``(n, classes)``."""
    mean = np.exp(np.mean([np.log(np.clip(one, 1e-6, 1)) for one in opinions], axis=0))
    return mean / mean.sum(axis=1, keepdims=True)


def by_kind(opinions: Iterable[Opinion]) -> NDArray[Any]:
    """Return what all say together, each kind of reader with the same say.

    Args:
        opinions: ``(name, classes)`` of each reader, the name as in `KINDS` or a network's.
    """
    kinds: dict[str, list[NDArray[Any]]] = {}
    for name, classes in opinions:
        kinds.setdefault(KINDS.get(name, "samples"), []).append(classes)
    return together(*(together(*same) for same in kinds.values()))


def predicted(network: "keras.Model", x: NDArray[Any], batch_size: int = 128) -> NDArray[Any]:
    """Return a network's probabilities for what it reads.

    `keras.Model.predict` gives the same and then waits for TensorFlow's input pipeline to end,
    which can take as long again.
    """
    batches = [x[start : start + batch_size] for start in range(0, len(x), batch_size)]
    return np.concatenate([network.predict_on_batch(batch) for batch in batches])


def filled(x: NDArray[Any], size: int) -> NDArray[Any]:
    """Return `x` with empty windows at its end, `size` in all."""
    return np.concatenate([x, np.zeros((size - len(x), *x.shape[1:]), x.dtype)])


def as_windows(signal: ArrayLike, stride: int = STRIDE) -> tuple[NDArray[Any], list[int]]:
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
