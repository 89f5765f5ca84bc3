"""The companion's own small files: a clone has them in ``data/``, an install in the package."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

CLONE = Path(__file__).parents[1]
PACKAGED = Path(str(resources.files("companion") / "data"))  # setup.py maps data/ to it


def data_folder() -> Path:
    """Return the folder of the companion's data; an editable install uses the clone's."""
    return PACKAGED if PACKAGED.is_dir() else CLONE / "data"


def recorded(name: str) -> Path:
    """Return where the recorded results of the study `name` lie, whether or not they are there."""
    return data_folder() / "results" / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    """Return what was recorded under `name`."""
    contents: dict[str, Any] = json.loads(recorded(name).read_text(encoding="utf-8"))
    return contents
