"""The companion's own small files: a clone has them in ``data/``, an install in the package."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import chapters

CLONE = Path(__file__).parents[1]
PACKAGED = Path(str(resources.files("companion") / "data"))  # setup.py maps data/ to it


def data_folder() -> Path:
    """Return the folder of the companion's data; an editable install uses the clone's."""
    return PACKAGED if PACKAGED.is_dir() else CLONE / "data"


def results_folders() -> tuple[Path, ...]:
    """Return the folders of recorded results: the book's, then those of a teacher's chapters."""
    return data_folder() / "results", *(Path(own) / "results" for own in chapters.__path__[1:])


def recorded(name: str, chapter: str = "") -> Path:
    """Return where the recorded results of the study `name` lie, whether or not they are there.

    Args:
        name: The study's name.
        chapter: Its chapter, which says where a new record belongs.
    """
    book, *others = results_folders()
    for folder in others:
        if (folder / f"{name}.json").is_file() or (chapter and (folder.parent / chapter).is_dir()):
            return folder / f"{name}.json"
    return book / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    """Return what was recorded under `name`."""
    contents: dict[str, Any] = json.loads(recorded(name).read_text(encoding="utf-8"))
    return contents
