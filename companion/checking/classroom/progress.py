"""Where a learner stands: what was passed, which hints were read, which solutions were seen."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.checking.classroom import journal
from companion.checking.verdict import Report, Status

PASSED, HINT, SOLUTION, CHECKED = "passed", "hint", "solution", "checked"


@dataclass(slots=True)
class Standing:
    """What a learner has done with one exercise.

    Attributes:
        passed: An answer has passed at least once.
        hints: Hints that were revealed.
        solution: The solution was looked at before the first pass.
    """

    passed: bool = False
    hints: int = 0
    solution: bool = False


def state_file() -> Path:
    """Return the file that remembers, one per user.

    ``COMPANION_STATE`` names it outright; otherwise it lies where the XDG base directory
    specification (or Windows) keeps a program's state.
    """
    if named := os.environ.get("COMPANION_STATE"):
        return Path(named)
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", "")
    # XDG: a relative path in the variable is to be ignored.
    folder = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"
    return folder / "companion" / "progress.jsonl"


def standings() -> dict[str, Standing]:
    """Return what is remembered, by ``chapter/exercise``; whatever is damaged is passed over."""
    standings: dict[str, Standing] = {}
    try:
        events = journal.read(state_file())
    except RuntimeError:  # this user has no home
        return {}
    for event in events:
        if event.get("event") == CHECKED:
            continue
        standing = standings.setdefault(str(event.get("exercise")), Standing())
        what = event.get("event")
        if what == PASSED:
            standing.passed = True
        elif what == HINT:
            standing.hints += 1
        elif what == SOLUTION:
            standing.solution = standing.solution or not standing.passed
    return standings


def remember(events: Iterable[tuple[str, str]]) -> bool:
    """Keep ``(chapter/exercise, event)`` pairs and return whether they could be written.

    Progress is a convenience: where the disk is full or read-only, the check still counts.
    """
    entries = [{"exercise": name, "event": event} for name, event in events]
    try:
        if entries:
            journal.append(state_file(), entries)
    except (OSError, RuntimeError):
        return False
    return True


def last_checked() -> str | None:
    """Return the chapter, or the file of exercises, that was checked last."""
    try:
        events = journal.read(state_file())
    except RuntimeError:  # this user has no home
        return None
    return next((str(one["exercise"]) for one in reversed(events) if _is_check(one)), None)


def _is_check(event: dict[str, Any]) -> bool:
    return event.get("event") == CHECKED and isinstance(event.get("exercise"), str)


def checked(exercises: str) -> bool:
    """Remember which chapter, or file of exercises, was checked; return whether it was written."""
    return exercises == last_checked() or remember([(exercises, CHECKED)])


def record(report: Report) -> bool:
    """Remember the exercises that `report` passed for the first time."""
    known = standings()
    names = [f"{v.chapter}/{v.exercise}" for v in report.verdicts if v.status is Status.PASS]
    return remember((name, PASSED) for name in names if not known.get(name, Standing()).passed)
