"""Reports on a class: JSON, CSV, JUnit XML, Gradescope's results.json, a page for each learner."""

import csv
import hashlib
import io
import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from companion import files
from companion.checking.authoring.exercise import Exercise
from companion.checking.classroom.feedback import page
from companion.checking.judging.judge import without_expected
from companion.checking.verdict import Report, Status, Verdict


class Format(StrEnum):
    """How `companion grade` writes a class down."""

    CSV = "csv"
    GRADESCOPE = "gradescope"
    JUNIT = "junit"
    JSON = "json"
    HTML = "html"


# What a file's ending asks for.
FORMATS = {".json": Format.JSON, ".xml": Format.JUNIT}
# What XML 1.0 cannot hold, and what could steer a terminal or break an encoder.
# Nor what turns the direction of what follows, or breaks a line where no line feed stands.
UNPRINTABLE = re.compile(
    "[^\t\n\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
# What no file may be called: separators, what Windows keeps for itself, a leading dot.
NO_FILE_NAME = re.compile(
    r'[<>:"/\\|?*\x00-\x1f]|^\.|^(?=(?:CON|PRN|AUX|NUL|COM\d|LPT\d)(?:\.|$))', re.IGNORECASE
)
# A cell that begins so, behind any separator that a spreadsheet may take for one, is a formula.
FORMULA = re.compile("(^|[,;|\t\r\n])(?=[=+@\t-])")
LONGEST = {"name": 200, "note": 1000, "message": 1000, "details": 6000}


def printable(text: str) -> str:
    r"""Return `text` with every character that a terminal or a file could choke on replaced.

    >>> printable("red: \x1b[31m")
    'red: �[31m'
    """
    return UNPRINTABLE.sub("\ufffd", text)


def cleaned(report: Report) -> Report:
    """Return `report` with printable texts of bounded length: they may quote the learner."""
    verdicts = tuple(
        replace(
            one,
            message=cut(one.message, "message"),
            details=cut(one.details, "details"),
            remark=cut(one.remark, "message"),
        )
        for one in report.verdicts
    )
    learner, path = (one_line(cut(name, "name")) for name in (report.learner, report.path))
    notes = tuple(cut(note, "note") for note in report.notes)
    isolation = cut(report.isolation, "note")
    return replace(
        report, learner=learner, path=path, notes=notes, verdicts=verdicts, isolation=isolation
    )


def cut(text: str, kind: str) -> str:
    """Return a text that came from a learner, printable, and no longer than its kind may be."""
    room = LONGEST[kind]
    return printable(text if len(text) <= room else f"{text[: room - 1]}…")


def one_line(text: str) -> str:
    r"""Return `text` with every tab and line feed replaced.

    >>> one_line("ada\nbob")
    'ada�bob'
    """
    return re.sub(r"[\t\n]", "\ufffd", text)


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Wrong answers to one exercise that compute the same and that no mistake of its explains.

    Attributes:
        learners: Who handed them in.
        message: What the first of them was told.
        details: The case that it was shown.
        answer: The source of one of them, or nothing where it is not at hand.
    """

    learners: tuple[str, ...]
    message: str
    details: str
    answer: str


@dataclass(frozen=True, slots=True)
class ExerciseSummary:
    """How a class did on one exercise.

    Attributes:
        exercise: The exercise's name.
        counts: Learners by status.
        mistakes: The recognised mistakes with the number of learners who made them, commonest
            first.
        named: Wrong answers that a mistake of the exercise explains.
        unnamed: The other wrong answers, grouped by what they compute, commonest first.
    """

    exercise: str
    counts: dict[str, int]
    mistakes: tuple[tuple[str, int], ...]
    named: int = 0
    unnamed: tuple[Unexplained, ...] = ()

    @property
    def learners(self) -> int:
        """Learners who were asked."""
        return sum(self.counts.values())

    @property
    def wrong(self) -> int:
        """Answers that were run and are wrong."""
        return self.named + sum(len(group.learners) for group in self.unnamed)


def by_exercise(
    reports: Sequence[Report], sources: Mapping[str, bytes] | None = None
) -> list[ExerciseSummary]:
    """Return how the class did, one row an exercise, in the exercises' own order.

    Args:
        reports: One a learner.
        sources: What each learner handed in, to quote an answer from.
    """
    verdicts: dict[str, list[Verdict]] = {}
    for report in reports:
        for verdict in report.verdicts:
            verdicts.setdefault(verdict.exercise, []).append(verdict)
    return [
        ExerciseSummary(
            name,
            {str(status): n for status in Status if (n := sum(v.status is status for v in group))},
            # Equal counts in alphabetical order, so that the table never depends on who was first.
            tuple(
                sorted(
                    Counter(v.mistake for v in group if v.mistake).items(),
                    key=lambda item: (-item[1], item[0]),
                )
            ),
            sum(bool(v.mistake and not v.computed) for v in group),
            _unexplained(name, reports, sources or {}),
        )
        for name, group in verdicts.items()
    ]


def _unexplained(
    exercise: str, reports: Sequence[Report], sources: Mapping[str, bytes]
) -> tuple[Unexplained, ...]:
    groups: dict[str, list[tuple[str, Verdict]]] = {}
    for report in reports:
        for verdict in report.verdicts:
            if verdict.exercise == exercise and verdict.computed:
                groups.setdefault(verdict.computed, []).append((report.learner, verdict))
    summaries = []
    for group in groups.values():
        learner, verdict = group[0]
        answer = answer_in(sources.get(learner, b""), exercise)
        names = tuple(name for name, _ in group)
        summaries.append(Unexplained(names, verdict.message, verdict.details, answer))
    return tuple(sorted(summaries, key=lambda one: (-len(one.learners), one.learners)))


def answer_in(source: bytes, exercise: str, lines: int = 30, width: int = 100) -> str:
    r"""Return the lines of a function at the top of a file, cut to `lines` and `width`.

    It reads lines, not Python: nothing that a learner writes can make it slow, or make it fail.

    >>> answer_in(b"x = 1\ndef double(x):\n    return x\n\ny = 2\n", "double")
    'def double(x):\n    return x'
    """
    taken: list[str] = []
    for raw in source.split(b"\n"):
        line = printable(raw[: 4 * width].decode(errors="replace").rstrip())
        if taken and line and not line.startswith((" ", "\t", "#", ")", "]", "}")):
            break
        if taken or re.match(rf"def {re.escape(exercise)}\b", line):
            taken.append(line if len(line) <= width else f"{line[: width - 1]}…")
    text = taken if len(taken) <= lines else [*taken[:lines], "…"]
    return "\n".join(text).rstrip()


def to_json(
    reports: Sequence[Report], sources: Mapping[str, bytes] | None = None
) -> dict[str, Any]:
    """Return a class as one object; everything that a clock measured stands under ``timings``.

    Args:
        reports: One a learner.
        sources: What each learner handed in, to quote an answer from.
    """
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
                "wrong": summary.wrong,
                "named": summary.named,
                "unnamed": [asdict(group) for group in summary.unnamed],
            }
            for summary in by_exercise(reports, sources)
        ],
        "learners": learners,
        "timings": timings,
    }


def to_csv(reports: Sequence[Report]) -> str:
    """Return a gradebook: a row a learner, and for each exercise its points and why they are lost.

    Spreadsheets run a cell that begins like a formula, and a learner chooses what their code says
    when it fails: such a cell is given a leading apostrophe, behind a semicolon, too, which is
    what separates cells in half of the world.
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
                why = " | ".join(filter(None, [why, verdict.remark]))
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

    The learner reads it, so it holds no seed, and no value that was expected.
    """
    shown = [without_expected(verdict) for verdict in report.verdicts]
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
                "output": "\n\n".join(
                    filter(None, (_why(verdict), verdict.details, verdict.remark))
                ),
                "output_format": "text",
                "visibility": "visible",
            }
            for verdict in shown
        ],
    }


def repointed(reports: Sequence[Report], exercises: Sequence[Exercise]) -> list[Report]:
    """Return the reports with what each exercise is worth by now."""
    points = {one.name: one.points for one in exercises}
    return [
        replace(
            report,
            verdicts=tuple(
                replace(one, points=points.get(one.exercise, one.points)) for one in report.verdicts
            ),
        )
        for report in reports
    ]


def write_class(
    output: Path,
    reports: Sequence[Report],
    format: Format,
    *,
    sources: Mapping[str, bytes] | None = None,
    reading: Mapping[str, str] | None = None,
) -> None:
    """Write down a class: one file, or for Gradescope and as pages a folder with one for each.

    Args:
        output: The file, or the folder.
        reports: One a learner.
        format: How.
        sources: What each learner handed in, which JSON quotes wrong answers from.
        reading: Where each exercise is explained, which the pages name.

    Raises:
        OSError: If it cannot be written.
    """
    if format in (Format.GRADESCOPE, Format.HTML):
        ending = ".json" if format is Format.GRADESCOPE else ".html"
        for name, report in _names(reports).items():
            html = format is Format.HTML
            text = page(report, reading) if html else dumps(to_gradescope(report))
            files.write(output / file_name(name, ending), text)
    elif format is Format.JSON:
        files.write(output, dumps(to_json(reports, sources)))
    else:
        files.write(output, to_csv(reports) if format is Format.CSV else to_junit(reports))


def _names(reports: Sequence[Report]) -> dict[str, Report]:
    """Return the reports under names that any system takes, and tells apart if it folds cases."""
    named: dict[str, Report] = {}
    taken: set[str] = set()
    for report in reports:
        learner = NO_FILE_NAME.sub("_", report.learner)
        name, number = learner, 1
        while name.casefold() in taken:
            number += 1
            name = f"{learner} ({number})"
        taken.add(name.casefold())
        named[name] = report
    return named


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
    return FORMULA.sub(r"\1'", text)
