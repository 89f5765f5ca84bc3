"""Where a learner stands: what was passed, which hints were read, which solutions were seen."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from companion.checking.classroom import journal
from companion.checking.verdict import Report, Status

PASSED, HINT, SOLUTION, CHECKED = "passed", "hint", "solution", "checked"
# A time in UTC, as a browser writes it; as text, the earlier is the smaller.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
# Of what was kept without its time: before everything that has one.
UNDATED = "1970-01-01T00:00:00.000Z"


@dataclass(slots=True)
class ExerciseProgress:
    """What a learner has done with one exercise.

    Attributes:
        passed: When an answer passed first, e.g. ``2026-11-27T09:30:00.000Z``; empty if none did.
        hints: Hints that were revealed.
        solution: When the solution was looked at, before the first pass; empty if it was not.
    """

    passed: str = ""
    hints: int = 0
    solution: str = ""

    def merged(self, other: Self) -> "ExerciseProgress":
        """Return what both know: the earliest pass, and the solution if it was seen before that."""
        passed = min(filter(None, (self.passed, other.passed)), default="")
        solution = min(filter(None, (self.solution, other.solution)), default="")
        seen = solution if not passed or solution <= passed else ""
        return ExerciseProgress(passed, max(self.hints, other.hints), seen)


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


def load_progress() -> dict[str, ExerciseProgress]:
    """Return what is remembered, by ``chapter/exercise``; whatever is damaged is passed over."""
    by_exercise: dict[str, ExerciseProgress] = {}
    try:
        events = journal.read(state_file())
    except RuntimeError:  # this user has no home
        return {}
    for event in sorted(events, key=_time):
        if event.get("event") == CHECKED:
            continue
        entry = by_exercise.setdefault(str(event.get("exercise")), ExerciseProgress())
        kind = event.get("event")
        if kind == PASSED:
            entry.passed = entry.passed or _time(event)
        elif kind == HINT:
            entry.hints += 1
        elif kind == SOLUTION and not entry.passed:
            entry.solution = entry.solution or _time(event)
    return by_exercise


def _time(event: Mapping[str, Any]) -> str:
    at = event.get("at")
    return at if isinstance(at, str) and TIME.fullmatch(at) else UNDATED


def remember(events: Iterable[tuple[str, str]]) -> bool:
    """Keep ``(chapter/exercise, event)`` pairs and return whether they could be written.

    Progress is a convenience: where the disk is full or read-only, the check still counts.
    """
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _keep({"exercise": name, "event": event, "at": at} for name, event in events)


def merge(brought: Mapping[str, ExerciseProgress]) -> bool:
    """Keep what another machine or a page knows; return whether it could be written.

    Args:
        brought: Standings by ``chapter/exercise``. What is known here stays: the earliest pass
            counts, and none is lost.
    """
    known = load_progress()
    entries = []
    for name, other in brought.items():
        own = known.get(name, ExerciseProgress())
        both = own.merged(other)
        if both.solution and both.solution != own.solution:
            entries.append({"exercise": name, "event": SOLUTION, "at": both.solution})
        if both.passed != own.passed:
            entries.append({"exercise": name, "event": PASSED, "at": both.passed})
        entries += [{"exercise": name, "event": HINT}] * (both.hints - own.hints)
    return _keep(entries)


def _keep(entries: Iterable[dict[str, str]]) -> bool:
    try:
        if entries := list(entries):
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
    known = load_progress()
    names = [f"{v.chapter}/{v.exercise}" for v in report.verdicts if v.status is Status.PASS]
    return remember(
        (name, PASSED) for name in names if not known.get(name, ExerciseProgress()).passed
    )
