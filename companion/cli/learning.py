"""What a learner sees of a check: what is right, what is next, and the keys that help."""

import contextlib
import select
import sys
import time
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from companion import catalogue
from companion.checking.authoring.exercise import Exercise
from companion.checking.classroom import progress
from companion.checking.verdict import Report, Status, Verdict
from companion.console import err, out

COLOURS = {Status.PASS: "green", Status.FAIL: "red", Status.NOT_ATTEMPTED: "yellow"}
STUCK = (Status.FAIL, Status.ERROR, Status.TIMEOUT)
UNWRITTEN = "Your progress could not be written down."
KEYS = "h hint · s solution · n next · a all · q end"


def shown(report: Report, seen: Collection[str] = ()) -> Group:
    """Return a report as a person reads it; learners' own words are text, never markup.

    Args:
        report: The report.
        seen: Exercises whose solution was looked at before they passed.
    """
    lines: list[RenderableType] = []
    if fault := _one_fault(report):
        lines += [*_verdict(fault, f"all {len(report.verdicts)} exercises"), Text()]
    else:
        for verdict in report.verdicts:
            lines += _verdict(verdict, verdict.exercise, verdict.exercise in seen)
        lines.append(Text())
    return Group(*lines, *_footer(report))


def unfinished(report: Report, after: str | None = None) -> str | None:
    """Return the first exercise that does not pass, beginning behind `after`; None if all do."""
    names = [one.exercise for one in report.verdicts if one.status is not Status.PASS]
    order = [one.exercise for one in report.verdicts]
    behind = [name for name in names if after in order and order.index(name) > order.index(after)]
    return next(iter(behind or names), None)


def next_shown(report: Report, name: str | None) -> Group:
    """Return one exercise's verdict in full and the others in a line for each status."""
    lines: list[RenderableType] = []
    one_fault = _one_fault(report)
    for verdict in report.verdicts:
        if verdict.exercise == name:
            heading = f"all {len(report.verdicts)} exercises" if one_fault else verdict.exercise
            lines += [*_verdict(verdict, heading), Text()]
    for status in Status if not one_fault else ():
        others = [
            one.exercise for one in report.verdicts if one.status is status and one.exercise != name
        ]
        if others:
            words = f"{status.replace('_', ' '):<15}", COLOURS.get(status, "red")
            lines.append(Text.assemble(words, ", ".join(others)))
    return Group(*lines, *_footer(report))


def _one_fault(report: Report) -> Verdict | None:
    """Return the one thing that is wrong with the whole file, told once; None otherwise."""
    faults = {(one.status, one.message, one.details) for one in report.verdicts}
    first = report.verdicts[0] if report.verdicts else None
    broken = first and first.status not in (Status.PASS, Status.FAIL, Status.NOT_ATTEMPTED)
    return first if broken and len(faults) == 1 and len(report.verdicts) > 1 else None


def _verdict(verdict: Verdict, name: str, seen: bool = False) -> list[RenderableType]:
    status = f"{verdict.status.replace('_', ' '):<15}", COLOURS.get(verdict.status, "red")
    lines: list[RenderableType] = [
        Text.assemble(status, name, ("  (solution seen)" if seen else "", "dim"))
    ]
    if verdict.status is not Status.PASS and verdict.message:
        lines.append(Padding(Text(verdict.message, style="bold"), (0, 0, 0, 15)))
    if verdict.details:
        lines.append(Padding(Text(verdict.details), (0, 0, 0, 15)))
    return lines


def _footer(report: Report) -> list[Text]:
    right = sum(verdict.status is Status.PASS for verdict in report.verdicts)
    # The whole of it stands in --json and in every report on a class.
    isolation = report.isolation.partition(";")[0]
    return [
        *(Text(note) for note in report.notes),
        Text(
            f"{right} of {len(report.verdicts)} passed, "
            f"{report.score:g} of {report.max_score:g} points. Isolation: {isolation}",
            style="dim",
        ),
    ]


def offered_solution(exercise: Exercise) -> Group:
    """Return the reference, offered to somebody whose own answer is right."""
    return Group(
        Text(f"Another way to write {exercise.name}:", style="dim"), Text(exercise.solution)
    )


def completion_message(exercises: Sequence[Exercise], last: Exercise) -> Group:
    """Return what is said when the last exercise of a chapter passes for the first time.

    Args:
        exercises: The chapter's exercises.
        last: The one that has just passed.
    """
    chapter = last.chapter
    points = sum(one.points for one in exercises)
    lines = [f"All {len(exercises)} exercises of {chapter} are right: {points:g} points."]
    entries = [entry for entry in catalogue.discover() if entry.exercise_names()]
    names = [entry.name for entry in entries]
    if chapter in names[:-1]:
        following = entries[names.index(chapter) + 1]
        lines.append(f"Next, chapter {following.card.number}, {following.card.title}:")
        lines.append(f"{following.card.question}  companion start {following.name}")
    elif chapter in names:
        lines.append("That was the last chapter with exercises.")
    return Group(
        Panel("\n".join(lines), border_style="green", expand=False), offered_solution(last)
    )


def give_hint(exercise: Exercise, key: str) -> tuple[Group, dict[str, Any]]:
    """Reveal the next hint on an exercise that has some, and return it for people and programs."""
    hints = exercise.hints
    count = min(progress.load_progress().get(key, progress.ExerciseProgress()).hints, len(hints))
    if count < len(hints):
        count += 1
        if not progress.remember([(key, progress.HINT)]):
            # The next call would not know of this one, and give the same hint for ever.
            err.print(UNWRITTEN, "Here are all hints.", style="yellow")
            count = len(hints)
    lines = [Text(f"{number}. {hints[number - 1]}") for number in range(1, count + 1)]
    for line in lines[:-1]:
        line.stylize("dim")
    left = len(hints) - count
    more = (
        f"{left} more"
        if left
        else f"That was the last; there is also: companion solution {exercise.name}"
    )
    data = {"exercise": exercise.name, "hint": hints[count - 1], "number": count, "of": len(hints)}
    return Group(Text(_title(exercise), style="dim"), *lines, Text(more, style="dim")), data


def give_solution(exercise: Exercise, key: str) -> tuple[str, str, dict[str, Any]]:
    """Reveal a solution, and return code, a note, and both for programs."""
    passed = bool(progress.load_progress().get(key, progress.ExerciseProgress()).passed)
    note = _title(exercise)
    if not progress.remember([(key, progress.SOLUTION)]):
        err.print(UNWRITTEN, style="yellow")
    elif passed:
        note += ": another way to write it."
    else:
        note += " is now marked: solution seen."
    data = {"exercise": exercise.name, "solution": exercise.solution, "passed_before": passed}
    return exercise.solution, note, data


def _title(exercise: Exercise) -> str:
    return f"{exercise.chapter} · {exercise.name}"


class KeyReader:
    """Single keys of a terminal, without Enter; elsewhere there are none, and time passes."""

    def __init__(self) -> None:
        self.restore: Any = None

    def __enter__(self) -> Self:
        with contextlib.suppress(Exception):  # no terminal, or one that is not ours
            if sys.stdin.isatty() and out.is_terminal and sys.platform != "win32":
                import termios
                import tty

                self.restore = termios.tcgetattr(sys.stdin)
                tty.setcbreak(sys.stdin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.restore is not None and sys.platform != "win32":
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.restore)

    def read(self, seconds: float) -> str:
        """Wait so long for a key and return it, or nothing."""
        if self.restore is None:
            time.sleep(seconds)
            return ""
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return sys.stdin.read(1).lower() if ready else ""
