"""Four films of a training for the browser.

python -m chapters.regularization.in_browser     # trains four times, and writes film.js
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from chapters.regularization.film import EDGE, SWITCHES, WIDTH
from chapters.regularization.studies import digits, filmed

SCRIPT = Path(__file__).with_name("film.js")
"""Where the interactive figure finds the films."""

SEED = 0
"""That of the rows of `switched_training` that the films are."""

INKS = "0123456789abcdefg"
"""Sixteen shades of ink and none, one character each."""


def films() -> dict[str, Any]:
    """Return what the page is given: the validation digits, and the film of each switch."""
    validation = digits().validation
    inks = np.rint(validation.x.reshape(len(validation), -1) * 16).astype(int)
    seen = {name: filmed(name, SEED) for name in SWITCHES}
    rounded = {
        name: {
            key: np.round(values, 4).tolist() if key in ("loss", "val_loss", "norm") else values
            for key, values in one.items()
        }
        for name, one in seen.items()
    }
    return {
        "edge": EDGE,
        "width": WIDTH,
        "labels": "".join(map(str, validation.y)),
        "digits": ["".join(INKS[ink] for ink in image) for image in inks],
        "films": rounded,
    }


if __name__ == "__main__":
    data = json.dumps(films(), separators=(",", ":"))
    SCRIPT.write_text(
        "// Four trainings, epoch by epoch: chapters/regularization/in_browser.py wrote it.\n"
        f"const trainingFilms = {data};\n",
        encoding="utf-8",
    )
