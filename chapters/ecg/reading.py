"""What the detector says of a recording file, in words and in a drawing."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chapters.ecg.detector import NOT_A_DEVICE, Detector
from chapters.ecg.features import find_beats
from chapters.ecg.recordings import RATE, read_recording
from companion.errors import UserError, attempt

if TYPE_CHECKING:
    from chapters.ecg.figures import ReadingFigure

NOTICE = NOT_A_DEVICE

# Samples, beats, and remarks on them.
Signal = tuple[NDArray[Any], NDArray[Any], list[str]]


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
    signal: NDArray[Any]
    data: dict[str, Any]
    attention: NDArray[Any] | None = None

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        verdict = "taken for AF" if self.data["is_af"] else "not taken for AF"
        remarks = "".join(f"; {remark}" for remark in self.data["remarks"])
        return f"{self.data['probability']:.1%} atrial fibrillation: {verdict}{remarks}"

    def figure(self, again: "ReadingFigure | None" = None) -> "ReadingFigure":
        """Draw the ten seconds that look most like atrial fibrillation, and the whole.

        Args:
            again: A figure of another recording, which is drawn over.
        """
        from chapters.ecg.figures import ReadingFigure

        figure = again or ReadingFigure()
        figure.show(self)
        return figure


def reader(
    path: Path, *, rate: float | None = None, lead: str | None = None, unit: str | None = None
) -> Callable[[Iterable[Path]], Iterator[Reading | UserError]]:
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


def readings(
    detector: Detector, files: Iterable[Path], **options: Any
) -> Iterator[Reading | UserError]:
    """Yield the `Reading` of each file, or why there is none; some files are read together.

    Args:
        detector: Who judges.
        files: Their paths, which are taken as they are needed.
        **options: As `read_recording` takes them.
    """
    read: deque[tuple[Path, Signal | UserError]] = deque()

    def signals() -> Iterator[NDArray[Any] | None]:
        for file in files:
            one = attempt(signal_of, file, **options)
            read.append((file, one))
            yield None if isinstance(one, UserError) else one[0]

    for judgement in detector.recordings(signals()):
        file, one = read.popleft()
        if isinstance(one, UserError):
            yield one
        else:
            assert judgement is not None, "only of None is nothing said"
            yield reading_of(file, *one, judgement)


def signal_of(file: Path, **options: Any) -> Signal:
    """Return a file's samples, its beats and the remarks on it.

    Raises:
        UserError: If nothing can be told from it.
    """
    signal, remarks = read_recording(file, **options)
    beats = find_beats(signal)
    if len(beats) < 3:
        raise UserError("No heartbeats were found in it, so nothing can be said of their rhythm.")
    return signal, beats, remarks


def reading_of(
    file: Path,
    signal: NDArray[Any],
    beats: NDArray[Any],
    remarks: list[str],
    judgement: dict[str, Any],
) -> Reading:
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
