"""A learner's progress in one file, which the terminal and the site's pages read and write alike.

It is JSON: ``{"format": "companion-progress", "version": 1, "exercises": {"convolution/im2col":
{"passed": "2026-11-27T09:30:00.000Z", "hints": 2, "solution": "2026-11-27T09:12:00.000Z"}}}``.
What an exercise has not, its entry leaves out: see `Standing`. The file gives no points, which come
from answers alone. The page's half is ``chapters/assets/progress.js``; both write the same bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from companion.checking.classroom.progress import TIME, UNDATED, Standing
from companion.errors import UserError

FORMAT, VERSION = "companion-progress", 1
MAX_BYTES, MAX_EXERCISES, MAX_NAME, MAX_HINTS = 1 << 20, 10_000, 200, 100


def content(standings: Mapping[str, Standing]) -> dict[str, Any]:
    """Return what the file holds of standings by ``chapter/exercise``, in the order of the names.

    A damaged journal can bring names that are none: they stay out.
    """
    exercises = {
        name: entry
        for name, standing in sorted(standings.items())
        if _is_name(name) and (entry := _entry(standing))
    }
    return {"format": FORMAT, "version": VERSION, "exercises": exercises}


def _entry(standing: Standing) -> dict[str, Any]:
    held = {
        "passed": standing.passed,
        "hints": min(standing.hints, MAX_HINTS),
        "solution": standing.solution,
    }
    return {name: value for name, value in held.items() if value}


def read(path: Path) -> dict[str, Standing]:
    """Return the standings that a file holds, by ``chapter/exercise``.

    Raises:
        UserError: If it cannot be read, or anything in it is not as it must be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return parsed(data)
    except ValueError as error:
        raise UserError(f"{path}: {error} Nothing was changed.") from error


def parsed(data: bytes) -> dict[str, Standing]:
    """Return the standings in the bytes of a file.

    Raises:
        ValueError: If it is too large, no such file, of another version, or damaged.
    """
    if len(data) > MAX_BYTES:
        raise ValueError("It has more than 1 MB, which no progress file has.")
    try:
        held = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        raise ValueError(f'It is no progress file: JSON with "format": "{FORMAT}" is expected.')
    if held.get("version") != VERSION:
        raise ValueError(f"It is not of version {VERSION}: a newer companion may read it.")
    exercises = held.get("exercises")
    if not isinstance(exercises, dict) or len(exercises) > MAX_EXERCISES:
        raise ValueError(f"It is damaged: up to {MAX_EXERCISES} exercises by name are expected.")
    standings = {}
    for name, entry in exercises.items():
        if not _is_name(name):
            raise ValueError("It is damaged: the name of an exercise is not CHAPTER/EXERCISE.")
        if (standing := _standing(entry)) is None:
            raise ValueError(f"It is damaged: times and hints of {name} are not as they must be.")
        standings[name] = standing
    return standings


def _is_name(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(parts) and len(name) <= MAX_NAME and name.isprintable()


def _standing(entry: Any) -> Standing | None:
    """Return what an entry says, or None if it is damaged."""
    if not isinstance(entry, dict):
        return None
    passed, solution = (entry.get(name, "") for name in ("passed", "solution"))
    hints = entry.get("hints", 0)
    whole = type(hints) is int and 0 <= hints <= MAX_HINTS
    timed = all(isinstance(at, str) and TIME.fullmatch(at or UNDATED) for at in (passed, solution))
    return Standing(passed, hints, solution) if whole and timed else None
