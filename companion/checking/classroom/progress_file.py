"""A learner's progress in one file, which the terminal and the site's pages read and write alike.

It is JSON: ``{"format": "companion-progress", "version": 1, "exercises": {"convolution/im2col":
{"passed": "2026-11-27T09:30:00.000Z", "hints": 2, "solution": "2026-11-27T09:12:00.000Z"}}}``.
What an exercise has not, its entry leaves out: see `ExerciseProgress`. The file gives no points,
which come from answers alone. The page's half is ``chapters/assets/progress.js``; both write the
same bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from companion.checking.classroom.progress import TIME, UNDATED, ExerciseProgress
from companion.errors import UserError

FORMAT, VERSION = "companion-progress", 1
MAX_BYTES, MAX_EXERCISES, MAX_NAME, MAX_HINTS = 1 << 20, 10_000, 200, 100


def content(by_exercise: Mapping[str, ExerciseProgress]) -> dict[str, Any]:
    """Return what the file holds of progress by ``chapter/exercise``, in the order of the names.

    A damaged journal can bring names that are none: they stay out.
    """
    exercises = {
        name: entry
        for name, one in sorted(by_exercise.items())
        if _is_name(name) and (entry := _entry(one))
    }
    return {"format": FORMAT, "version": VERSION, "exercises": exercises}


def _entry(one: ExerciseProgress) -> dict[str, Any]:
    fields = {
        "passed": one.passed,
        "hints": min(one.hints, MAX_HINTS),
        "solution": one.solution,
    }
    return {name: value for name, value in fields.items() if value}


def read(path: Path) -> dict[str, ExerciseProgress]:
    """Return the progress that a file holds, by ``chapter/exercise``.

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


def parsed(data: bytes) -> dict[str, ExerciseProgress]:
    """Return the progress in the bytes of a file.

    Raises:
        ValueError: If it is too large, no such file, of another version, or damaged.
    """
    if len(data) > MAX_BYTES:
        raise ValueError("It has more than 1 MB, which no progress file has.")
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f'It is no progress file: JSON with "format": "{FORMAT}" is expected.')
    if document.get("version") != VERSION:
        raise ValueError(f"It is not of version {VERSION}: a newer companion may read it.")
    exercises = document.get("exercises")
    if not isinstance(exercises, dict) or len(exercises) > MAX_EXERCISES:
        raise ValueError(f"It is damaged: up to {MAX_EXERCISES} exercises by name are expected.")
    by_exercise = {}
    for name, entry in exercises.items():
        if not _is_name(name):
            raise ValueError("It is damaged: the name of an exercise is not CHAPTER/EXERCISE.")
        if (one := _progress_of(entry)) is None:
            raise ValueError(f"It is damaged: times and hints of {name} are not as they must be.")
        by_exercise[name] = one
    return by_exercise


def _is_name(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(parts) and len(name) <= MAX_NAME and name.isprintable()


def _progress_of(entry: Any) -> ExerciseProgress | None:
    """Return what an entry says, or None if it is damaged."""
    if not isinstance(entry, dict):
        return None
    passed, solution = (entry.get(name, "") for name in ("passed", "solution"))
    hints = entry.get("hints", 0)
    valid_hints = type(hints) is int and 0 <= hints <= MAX_HINTS
    valid_times = all(
        isinstance(at, str) and TIME.fullmatch(at or UNDATED) for at in (passed, solution)
    )
    return ExerciseProgress(passed, hints, solution) if valid_hints and valid_times else None
