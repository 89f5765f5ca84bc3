"""What the detector says of a recording file, in words and in a drawing."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chapters.ecg.detector import NOT_A_DEVICE, Detector, as_windows
from chapters.ecg.features import find_beats
from chapters.ecg.recordings import LENGTH, RATE, read_recording

NOTICE = NOT_A_DEVICE


@dataclass(frozen=True)
class Reading:
    """What the detector says of one file.

    Attributes:
        name: The file's name.
        signal: Its samples in mV at 300 Hz.
        data: ``probability`` of atrial fibrillation, ``is_af``, ``rhythm``, ``seconds``,
            ``beats_per_minute``, ``remarks`` and the ``windows``.
        attention: When the network looked, in seconds, and its weights there; or None.
    """

    name: str
    signal: Any
    data: dict[str, Any]
    attention: tuple[Any, Any] | None

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        verdict = "taken for AF" if self.data["is_af"] else "not taken for AF"
        remarks = "".join(f"; {remark}" for remark in self.data["remarks"])
        return f"{self.data['probability']:.1%} atrial fibrillation: {verdict}{remarks}"

    def figure(self) -> Any:
        """Draw the ten seconds that look most like atrial fibrillation, and the whole."""
        from chapters.ecg.figures import reading

        return reading(self)


def reader(path):
    """Return a function that reads recording files with the model at `path`.

    Args:
        path: A shipped ``.npz``, or the ``model.keras`` of a run.
    """
    if path.suffix == ".npz":
        detector = Detector.load(path)
    else:
        import keras

        import chapters.ecg.models  # noqa: F401  (a saved model names layers of the chapter)

        detector = Detector([keras.models.load_model(path)])
    return lambda file, rate=None: read(detector, file, rate)


def read(detector, file, rate=None):
    """Return the `Reading` of one file.

    Raises:
        UserError: If nothing can be told from it.
    """
    signal, remarks = read_recording(file, rate)
    found = detector.recording(signal)
    beats = find_beats(signal)
    pace = 60 * RATE / np.median(np.diff(beats)) if len(beats) > 2 else None
    if pace is None:
        remarks.append("no beats were found")
    elif not 30 <= pace <= 220:
        remarks.append(f"{pace:.0f} beats a minute: is its rate {rate or RATE:g} Hz? (--rate)")
    data = {
        "probability": round(found["probability"], 6),
        "is_af": found["is_af"],
        "rhythm": found["rhythm"],
        "seconds": round(len(signal) / RATE, 2),
        "beats_per_minute": None if pace is None else round(float(pace), 1),
        "remarks": remarks,
        "windows": found["windows"],
    }
    return Reading(file.name, signal, data, attended(detector, signal, found["windows"]))


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
