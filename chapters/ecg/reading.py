"""What the detector says of a recording file, in words and in a drawing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from chapters.ecg.detector import NOT_A_DEVICE, Detector, as_windows
from chapters.ecg.features import find_beats
from chapters.ecg.recordings import LENGTH, RATE, read_recording
from companion.errors import UserError, attempt

NOTICE = NOT_A_DEVICE
TOGETHER = 16  # files whose windows are read at once


@dataclass(frozen=True)
class Reading:
    """What the detector says of one file.

    Attributes:
        name: The file's name.
        signal: Its samples in mV at 300 Hz.
        data: ``probability`` of atrial fibrillation, ``is_af``, ``rhythm``, ``seconds``,
            ``beats_per_minute``, ``remarks`` and the ``windows``.
        detector: Who says so.
    """

    name: str
    signal: Any
    data: dict[str, Any]
    detector: Detector

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        verdict = "taken for AF" if self.data["is_af"] else "not taken for AF"
        remarks = "".join(f"; {remark}" for remark in self.data["remarks"])
        return f"{self.data['probability']:.1%} atrial fibrillation: {verdict}{remarks}"

    @property
    def attention(self) -> tuple[Any, Any] | None:
        """When the network looked, in seconds, and its weights there; None if no network does."""
        return attended(self.detector, self.signal, self.data["windows"])

    def figure(self) -> Any:
        """Draw the ten seconds that look most like atrial fibrillation, and the whole."""
        from chapters.ecg.figures import reading

        return reading(self)


def reader(path, *, rate=None, lead=None, unit=None):
    """Return a function that reads recording files with the model at `path`.

    Args:
        path: A shipped ``.npz``, or the ``model.keras`` of a run.
        rate: Samples per second, where a file does not say.
        lead: Which lead, where a file has several.
        unit: Unit of the samples, where a file does not say.

    Returns:
        A function of files that yields for each, in their order, its `Reading`, or the `UserError`
        that says why there is none.
    """
    if path.suffix == ".npz":
        detector = Detector.load(path)
    else:
        import keras

        import chapters.ecg.models  # noqa: F401  (a saved model names layers of the chapter)

        detector = Detector([keras.models.load_model(path)])
    return lambda files: readings(detector, files, rate=rate, lead=lead, unit=unit)


def readings(detector, files: Iterable, **options) -> Iterator[Reading | UserError]:
    """Yield the `Reading` of each file, or why there is none; some files are read together.

    Args:
        detector: Who judges.
        files: Their paths.
        **options: As `read_recording` takes them.
    """
    files = iter(files)
    while some := list(islice(files, TOGETHER)):
        read = [attempt(signal_of, file, **options) for file in some]
        good = [one for one in read if not isinstance(one, UserError)]
        judged = iter(detector.recordings([signal for signal, _, _ in good]))
        for file, one in zip(some, read, strict=True):
            yield one if isinstance(one, UserError) else told(detector, file, *one, next(judged))


def signal_of(file, **options):
    """Return a file's samples, its beats and the remarks on it.

    Raises:
        UserError: If nothing can be told from it.
    """
    signal, remarks = read_recording(file, **options)
    beats = find_beats(signal)
    if len(beats) < 3:
        raise UserError("No heartbeats were found in it, so nothing can be said of their rhythm.")
    return signal, beats, remarks


def told(detector, file, signal, beats, remarks, found):
    """Return the `Reading` of one file."""
    pace = 60 * RATE / np.median(np.diff(beats))
    if not 30 <= pace <= 220:
        remarks = [*remarks, f"{pace:.0f} beats a minute: is its rate right? (--rate)"]
    data = {
        "probability": round(found["probability"], 6),
        "is_af": found["is_af"],
        "rhythm": found["rhythm"],
        "seconds": round(len(signal) / RATE, 2),
        "beats_per_minute": round(float(pace), 1),
        "remarks": remarks,
        "windows": found["windows"],
    }
    return Reading(file.name, signal, data, detector)


def attended(detector, signal, windows):
    """Return when the network looked in the window that looks most like AF, and how hard."""
    from chapters.ecg.models import attention

    lookers = [network for network in detector.networks if network.name == "acrnn"]
    if not lookers:
        return None
    most = int(np.argmax([window["probability"] for window in windows]))
    x, starts = as_windows(signal)
    weights = attention(lookers[0], x[most : most + 1])["attention"][0]
    seconds = LENGTH / RATE
    when = starts[most] / RATE + (np.arange(len(weights)) + 0.5) * seconds / len(weights)
    return when, weights
