"""Reports on a class, written for machines: JSON, CSV, JUnit XML and Gradescope's results.json."""

import csv
import hashlib
import io
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from companion import files
from companion.checking.verdict import Report, Status, Verdict


class Format(StrEnum):
    """How `companion grade` writes a class down."""

    CSV = "csv"
    GRADESCOPE = "gradescope"
    JUNIT = "junit"
    JSON = "json"


# What a file's ending asks for.
FORMATS = {".json": Format.JSON, ".xml": Format.JUNIT}
# What XML 1.0 cannot hold, and what could steer a terminal or break an encoder.
UNPRINTABLE = re.compile("[^\t\n\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    r"""Return `text` with every character that a terminal or a file could choke on replaced.

    >>> printable("red: \x1b[31m")
    'red: �[31m'
    """
    return UNPRINTABLE.sub("\ufffd", text)


def cleaned(report: Report) -> Report:
    """Return `report` with printable texts: messages may quote the learner's code."""
    verdicts = tuple(
        replace(one, message=printable(one.message), details=printable(one.details))
        for one in report.verdicts
    )
    learner, path, *notes = map(printable, (report.learner, report.path, *report.notes))
    return replace(report, learner=learner, path=path, notes=tuple(notes), verdicts=verdicts)


@dataclass(frozen=True, slots=True)
class ExerciseSummary:
    """How a class did on one exercise.

    Attributes:
        exercise: The exercise's name.
        counts: Learners by status.
        mistakes: The recognised mistakes with the number of learners who made them, commonest
            first.
    """

    exercise: str
    counts: dict[str, int]
    mistakes: tuple[tuple[str, int], ...]

    @property
    def learners(self) -> int:
        """Learners who were asked."""
        return sum(self.counts.values())


def by_exercise(reports: Sequence[Report]) -> list[ExerciseSummary]:
    """Return how the class did, one row an exercise, in the exercises' own order."""
    verdicts: dict[str, list[Verdict]] = {}
    for report in reports:
        for verdict in report.verdicts:
            verdicts.setdefault(verdict.exercise, []).append(verdict)
    return [
        ExerciseSummary(
            name,
            {str(status): n for status in Status if (n := sum(v.status is status for v in given))},
            # Equal counts in alphabetical order, so that the table never depends on who was first.
            tuple(
                sorted(
                    Counter(v.mistake for v in given if v.mistake).items(),
                    key=lambda item: (-item[1], item[0]),
                )
            ),
        )
        for name, given in verdicts.items()
    ]


def to_json(reports: Sequence[Report]) -> dict[str, Any]:
    """Return a class as one object; everything that a clock measured stands under ``timings``."""
    learners, timings = [], {}
    for report in reports:
        row = report.to_json()
        timings[report.learner] = {
            "total": row.pop("seconds"),
            **{verdict["exercise"]: verdict.pop("seconds") for verdict in row["verdicts"]},
        }
        learners.append(row)
    return {
        "exercises": [
            {
                "exercise": summary.exercise,
                "learners": summary.learners,
                "statuses": summary.counts,
                "mistakes": [
                    {"mistake": mistake, "learners": n} for mistake, n in summary.mistakes
                ],
            }
            for summary in by_exercise(reports)
        ],
        "learners": learners,
        "timings": timings,
    }


def to_csv(reports: Sequence[Report]) -> str:
    """Return a gradebook: a row a learner, and for each exercise its points and why they are lost.

    Spreadsheets run a cell that begins like a formula, and a learner chooses what their code says
    when it fails: such a cell is given a leading apostrophe.
    """
    exercises = [summary.exercise for summary in by_exercise(reports)]
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["learner", "score", "max_score"]
        + [column for name in exercises for column in (name, f"{name}: why not")]
        + ["notes"]
    )
    for report in reports:
        verdicts = {verdict.exercise: verdict for verdict in report.verdicts}
        row: list[str | float] = [_cell(report.learner), report.score, report.max_score]
        for name in exercises:
            if verdict := verdicts.get(name):
                why = "" if verdict.status is Status.PASS else _why(verdict)
                row += [verdict.score, _cell(why)]
            else:
                row += ["", ""]
        writer.writerow([*row, _cell(" ".join(report.notes))])
    return file.getvalue()


def to_junit(reports: Sequence[Report], *, timestamp: str = "") -> str:
    """Return JUnit XML that Ant's and Jenkins's schemas accept: a suite a learner.

    A wrong answer is a failure, an exercise that was not attempted is skipped, and everything
    else that went wrong is an error.

    Args:
        reports: One a learner.
        timestamp: When the class was graded, ``YYYY-MM-DDTHH:MM:SS``; now by default.
    """
    timestamp = timestamp or time.strftime("%Y-%m-%dT%H:%M:%S")
    kinds = {Status.PASS: None, Status.FAIL: "failure", Status.NOT_ATTEMPTED: "skipped"}
    root = ElementTree.Element("testsuites")
    for number, report in enumerate(reports):
        outcomes = [kinds.get(verdict.status, "error") for verdict in report.verdicts]
        suite = _element(
            root,
            "testsuite",
            id=number,
            name=report.learner,
            package=report.verdicts[0].chapter if report.verdicts else "",
            timestamp=timestamp,
            hostname="localhost",
            tests=len(outcomes),
            failures=outcomes.count("failure"),
            errors=outcomes.count("error"),
            skipped=outcomes.count("skipped"),
            time=f"{report.seconds:.3f}",
        )
        properties = _element(suite, "properties")
        _element(properties, "property", name="score", value=f"{report.score:g}")
        _element(properties, "property", name="max_score", value=f"{report.max_score:g}")
        _element(properties, "property", name="isolation", value=report.isolation)
        for verdict, kind in zip(report.verdicts, outcomes, strict=True):
            case = _element(
                suite,
                "testcase",
                name=verdict.exercise,
                classname=f"{verdict.chapter}.{report.learner}",
                time=f"{verdict.seconds:.3f}",
            )
            if kind:
                failure = _element(case, kind, message=verdict.message, type=verdict.status)
                failure.text = verdict.details
        _element(suite, "system-out").text = "\n".join(report.notes)
        _element(suite, "system-err")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _element(parent: ElementTree.Element, tag: str, **attributes: object) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, {key: str(one) for key, one in attributes.items()})


def to_gradescope(report: Report) -> dict[str, Any]:
    """Return one learner's results.json, as Gradescope's autograder specification has it.

    The learner reads it, so it holds no seed.
    """
    return {
        "score": report.score,
        "execution_time": round(report.seconds, 3),
        "output": "\n".join(
            [*report.notes, f"Isolation: {report.isolation or 'none needed, nothing was run'}"]
        ),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [
            {
                "name": verdict.exercise,
                "score": verdict.score,
                "max_score": verdict.points,
                "status": "passed" if verdict.status is Status.PASS else "failed",
                "output": "\n\n".join(filter(None, (_why(verdict), verdict.details))),
                "output_format": "text",
                "visibility": "visible",
            }
            for verdict in report.verdicts
        ],
    }


def write_class(output: Path, reports: Sequence[Report], format: Format) -> None:
    """Write down a class: one file, or for Gradescope a folder with one for each learner.

    Raises:
        OSError: If it cannot be written.
    """
    if format is Format.GRADESCOPE:
        for report in reports:
            file = output / file_name(report.learner, ".json")
            files.write(file, dumps(to_gradescope(report)))
    elif format is Format.JSON:
        files.write(output, dumps(to_json(reports)))
    else:
        files.write(output, to_csv(reports) if format is Format.CSV else to_junit(reports))


def file_name(learner: str, ending: str) -> str:
    """Return a name for a learner's file; a long one is cut, and told apart by its digest.

    >>> file_name("ada", ".json")
    'ada.json'
    """
    name = learner.encode()
    # Systems take 255 bytes, and the draft of a file needs some more than the file.
    if len(name) > 200:
        digest = hashlib.sha256(name).hexdigest()[:16]
        learner = f"{name[:180].decode(errors='ignore')}-{digest}"
    return learner + ending


def dumps(data: dict[str, Any]) -> str:
    """Return `data` as the text of a JSON file."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _why(verdict: Verdict) -> str:
    """Return status and message in one line: ``fail: the kernel is flipped``."""
    return f"{verdict.status}: {verdict.message}" if verdict.message else str(verdict.status)


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text
