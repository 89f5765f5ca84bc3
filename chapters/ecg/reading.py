"""What the detector says of a recording file, in words and in a drawing."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chapters.ecg.detector import NOT_A_DEVICE, Detector
from chapters.ecg.features import find_beats
from chapters.ecg.recordings import RATE, read_recording
from companion.errors import UserError, attempt

NOTICE = NOT_A_DEVICE


@dataclass(frozen=True)
class Reading:
    """What the detector says of one file.

    Attributes:
        name: The file's name.
        signal: Its samples in mV at 300 Hz.
        data: ``probability`` of atrial fibrillation, ``is_af``, ``rhythm``, ``seconds``,
            ``beats_per_minute``, ``remarks`` and the ``windows``.
        attention: How hard a network looked at the steps of the window that looks most like
            atrial fibrillation, ``(steps,)``; None if no network does.
    """

    name: str
    signal: Any
    data: dict[str, Any]
    attention: Any = None

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        verdict = "taken for AF" if self.data["is_af"] else "not taken for AF"
        remarks = "".join(f"; {remark}" for remark in self.data["remarks"])
        return f"{self.data['probability']:.1%} atrial fibrillation: {verdict}{remarks}"

    def figure(self, again=None) -> Any:
        """Draw the ten seconds that look most like atrial fibrillation, and the whole.

        Args:
            again: A figure of another recording, which is drawn over.
        """
        from chapters.ecg.figures import ReadingFigure

        figure = again or ReadingFigure()
        figure.show(self)
        return figure


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
        files: Their paths, which are taken as they are needed.
        **options: As `read_recording` takes them.
    """
    read: deque[Any] = deque()

    def signals():
        for file in files:
            one = attempt(signal_of, file, **options)
            read.append((file, one))
            yield None if isinstance(one, UserError) else one[0]

    for judgement in detector.recordings(signals()):
        file, one = read.popleft()
        yield one if isinstance(one, UserError) else reading_of(file, *one, judgement)


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


def reading_of(file, signal, beats, remarks, judgement):
    """Return the `Reading` of one file."""
    pace = 60 * RATE / np.median(np.diff(beats))
    if not 30 <= pace <= 220:
        remarks = [*remarks, f"{pace:.0f} beats a minute: is its rate right? (--rate)"]
    data = {
        "probability": round(judgement["probability"], 6),
        "is_af": judgement["is_af"],
        "rhythm": judgement["rhythm"],
        "seconds": round(len(signal) / RATE, 2),
        "beats_per_minute": round(float(pace), 1),
        "remarks": remarks,
        "windows": judgement["windows"],
    }
    return Reading(file.name, signal, data, judgement["attention"])
