"""Marks: what an instructor says of a verdict by hand, merged into the reports on a class.

A marks file is a table, ``learner,exercise,points,remark``. A row gives a learner other points for
an exercise, a remark, or both; the learner ``*`` is the whole class, and then `points` is what a
right answer is worth. No answer is run for any of it.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from companion.checking.verdict import Report, Verdict
from companion.errors import UserError

COLUMNS = ["learner", "exercise", "points", "remark"]
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Mark:
    """One row of a marks file.

    Attributes:
        learner: Whose answer, or ``*`` for everybody's.
        exercise: The exercise's name.
        points: Points by hand, or what the exercise is worth; None leaves them as they are.
        remark: What to tell the learner.
    """

    learner: str
    exercise: str
    points: float | None
    remark: str


def read_marks(path: Path) -> list[Mark]:
    """Return the rows of a marks file.

    Raises:
        UserError: If it cannot be read, or a row says nothing that can be understood.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(path, csv.DictReader(file)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error


def _rows(path: Path, table: "csv.DictReader[str]") -> Iterator[Mark]:
    if not {"learner", "exercise"} <= set(table.fieldnames or ()) <= set(COLUMNS):
        raise UserError(
            f"{path} begins with the line {','.join(COLUMNS)}. "
            f"Received: {','.join(table.fieldnames or ()) or 'an empty file'}."
        )
    for row in table:
        learner, exercise, points, remark = (
            (row.get(name) or "").strip().removeprefix("'") for name in COLUMNS
        )
        if not any((learner, exercise, points, remark)):
            continue
        try:
            number = float(points) if points else None
        except ValueError:
            number = math.nan
        if number is not None and not (math.isfinite(number) and number >= 0):
            raise UserError(
                f"{path}, line {table.line_num}: points are a number from 0 on. Received: {points}."
            )
        yield Mark(learner, exercise, number, remark)


def marked(reports: Sequence[Report], marks: Sequence[Mark]) -> list[Report]:
    """Return the reports with the marks merged in; a learner's own row counts more than ``*``.

    Raises:
        UserError: If a mark names a learner or an exercise that is not there.
    """
    learners = {EVERYBODY, *(report.learner for report in reports)}
    exercises = {verdict.exercise for report in reports for verdict in report.verdicts}
    for mark in marks:
        if mark.learner not in learners or mark.exercise not in exercises:
            missing = "learner" if mark.learner not in learners else "exercise"
            raise UserError(
                f"The marks name {mark.learner}, {mark.exercise}: there is no such {missing}."
            )
    by_key = {(mark.learner, mark.exercise): mark for mark in marks}
    return [
        replace(
            report,
            verdicts=tuple(
                _marked(
                    verdict,
                    by_key.get((EVERYBODY, verdict.exercise)),
                    by_key.get((report.learner, verdict.exercise)),
                )
                for verdict in report.verdicts
            ),
        )
        for report in reports
    ]


def _marked(verdict: Verdict, everybody: Mark | None, own: Mark | None) -> Verdict:
    if everybody:
        points = verdict.points if everybody.points is None else everybody.points
        verdict = replace(verdict, points=points, remark=everybody.remark)
    if own:
        verdict = replace(verdict, marked=own.points, remark=own.remark or verdict.remark)
    return verdict
