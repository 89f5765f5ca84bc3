"""Where the companion's own small files lie: beside the code in a clone, under share/ installed."""

import json
import sysconfig
from pathlib import Path
from typing import Any

CLONE = Path(__file__).parents[1]


def data_folder() -> Path:
    """Return the folder of the companion's data: the clone's own first, then the installed one."""
    if (CLONE / "setup.cfg").exists() and (CLONE / "data").is_dir():
        return CLONE / "data"
    return Path(sysconfig.get_path("data")) / "share" / "lecture-companion"


def recorded(name: str) -> Path:
    """Return where the recorded results of the study `name` lie, whether or not they are there."""
    return data_folder() / "results" / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    """Return what was recorded under `name`."""
    contents: dict[str, Any] = json.loads(recorded(name).read_text(encoding="utf-8"))
    return contents
