"""What the bench of the page needs: the shipped detector's scores, and strips to mark beats on.

python -m chapters.ecg.bench     # judges the test recordings again, and writes scores.js
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from chapters.ecg.features import find_beats
from chapters.ecg.recordings import AF, CLASSES, NORMAL, OTHER, RATE
from chapters.ecg.synthetic import electrocardiogram

SCRIPT = Path(__file__).with_name("scores.js")
"""Where the interactive figure finds the scores."""

STRIPS = ((NORMAL, 3), (AF, 6), (OTHER, 2), (AF, 11))
"""Rhythm and seed of each made-up strip of ten seconds."""

EVERY = 3
"""Of so many samples the page is given one: a hundred in a second."""


def strips() -> list[dict[str, Any]]:
    """Return ten made-up seconds each, in hundredths of a mV, and the beats found in them.

    Beats are in hundredths of a second, as `find_beats` finds them at 300 samples a second.
    """
    made = []
    for rhythm, seed in STRIPS:
        x = electrocardiogram(rhythm, 10, np.random.default_rng(seed))
        made.append(
            {
                "rhythm": CLASSES[rhythm],
                "signal": np.rint(100 * x[::EVERY]).astype(int).tolist(),
                "beats": np.rint(find_beats(x) * 100 / RATE).astype(int).tolist(),
            }
        )
    return made


def judged() -> dict[str, Any]:
    """Return what the shipped detector says of each test recording, and the class it has."""
    import companion
    from chapters.ecg.detector import Detector
    from chapters.ecg.protocol import STRIDE, by_recording, cut, windows
    from companion.data_files import data_folder

    detector = Detector.load(data_folder() / "weights" / "ecg.npz")
    test = companion.load("cinc2017").test
    starts = windows(test.x, test.y, STRIDE, STRIDE)
    probability = np.concatenate(
        [
            detector.classes(cut(test.x, starts[:, begin : begin + 1024]))[:, AF]
            for begin in range(0, starts.shape[1], 1024)
        ]
    )
    numbers, by_number = by_recording(probability, starts[0])
    return {
        "threshold": round(detector.thresholds["recording"], 4),
        "probabilities": np.round(by_number, 4).tolist(),
        "classes": "".join(map(str, test.y[numbers])),
    }


if __name__ == "__main__":
    data = json.dumps({"names": list(CLASSES), "strips": strips(), **judged()})
    SCRIPT.write_text(
        "// Scores of the shipped detector and made-up strips: chapters/ecg/bench.py wrote it.\n"
        f"const ecgBench = {data};\n",
        encoding="utf-8",
    )
