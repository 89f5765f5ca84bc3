"""Exercises: to start, check and be helped with one; to grade a class on them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.padding import Padding
from rich.progress import Progress
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from companion.checking.authoring.exercise import Exercise, find_exercise
from companion.checking.authoring.proof import prove as faults_of
from companion.checking.classroom import autograder as gradescope
from companion.checking.classroom import grading, hand_ins, progress, reports
from companion.checking.classroom.discovery import all_exercises, exercises_named, is_path
from companion.checking.verdict import Report, Status
from companion.cli import Json, command
from companion.console import Answer, err, out, table
from companion.errors import UserError

COLOURS = {Status.PASS: "green", Status.FAIL: "red", Status.NOT_ATTEMPTED: "yellow"}
STUCK = (Status.FAIL, Status.ERROR, Status.TIMEOUT)

Exercises = Annotated[
    str | None,
    typer.Option(
        metavar="CHAPTER|PATH",
        help="A chapter's name, or the Python file or package of an instructor's own exercises.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="What the cases are drawn from.")]


@command
def start(
    chapter: Annotated[
        str, typer.Argument(metavar="CHAPTER|PATH", help="A chapter, or a file of exercises.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where to write it; here by default.")
    ] = Path(),
    json: Json = False,
) -> Answer:
    """Write a chapter's exercises into a file of your own: signatures, tasks, nothing solved."""
    asked = exercises_named(chapter)
    file = folder / f"{asked[0].chapter}.py"
    check = f"companion check {_quoted(file)}"
    if is_path(chapter):
        check += f" --exercises {_quoted(chapter)}"
    head = f'"""Exercises on {asked[0].chapter}. To check them: {check}."""\n\nimport numpy as np\n'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write("\n\n".join([head, *(one.stub for one in asked)]))
    except FileExistsError as error:
        raise UserError(
            f"{error.filename} is there already and is left as it is. "
            f"To start afresh, name another folder: companion start {chapter} DIR."
        ) from error
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from error
    names = [one.name for one in asked]
    return Answer(
        {"file": str(file), "chapter": asked[0].chapter, "exercises": names},
        Text(f"{file}: {len(names)} exercises. Write your answers there, then:\n{check}"),
    )


def _quoted(path: str | Path) -> str:
    """Return `path` as a shell takes it for one word."""
    return f'"{path}"' if " " in str(path) else str(path)


@command
def check(
    path: Annotated[Path, typer.Argument(help="Your file (or the folder or zip that holds it).")],
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Check this exercise alone.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check again whenever the file is saved.")
    ] = False,
    seed: Seed = 0,
    exercises: Exercises = None,
    json: Json = False,
) -> Answer:
    """Say which answers are right, and why the others are not; exit code 1 if any is not."""

    def once() -> Report:
        report = grading.check_path(path, exercises, only=only, seed=seed, again=watch)
        if not progress.record(report):
            err.print("Your progress could not be written down.", style="yellow")
        return report

    if watch and json:
        raise UserError("--watch goes on and --json prints one object: they do not go together.")
    if watch:
        return Answer({}, "", _code(_watch(path, once)))
    report = once()
    shown: list[Group | Text] = [_shown(report)]
    wrong = [verdict.exercise for verdict in report.verdicts if verdict.status in STUCK]
    if wrong and not exercises:
        shown.append(Text(f"Stuck? companion hint {wrong[0]}", style="dim"))
    return Answer(report.to_json(), Group(*shown), _code(report))


def _watch(path: Path, once: Callable[[], Report]) -> Report:
    """Check `path` whenever it changes, until Ctrl-C, and return the last report."""
    report = once()
    out.print(_shown(report))
    try:
        stamp = _stamp(path)
        while True:
            err.print(f"Watching {path}. Save it to check again; Ctrl-C ends.", style="dim")
            # An editor may take the old file away before the new one is there.
            while _stamp(path) in (stamp, None):
                time.sleep(0.2)
            stamp = _stamp(path)
            try:
                report = once()
                out.print(_shown(report))
            except (UserError, OSError) as error:
                err.print(Text(str(error), style="yellow"))
    except KeyboardInterrupt:
        return report


def _stamp(path: Path) -> object:
    """Return what changes when `path`, or a Python file in it, is saved; None if it is gone."""
    try:
        files = [path, *path.rglob("*.py")] if path.is_dir() else [path]
        return [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    except OSError:
        return None


def _code(report: Report) -> int:
    return 0 if all(verdict.status is Status.PASS for verdict in report.verdicts) else 1


def _shown(report: Report) -> Group:
    """Return a report as a person reads it; learners' own words are text, never markup."""
    lines: list[Text | Padding] = []
    for verdict in report.verdicts:
        status = f"{verdict.status.replace('_', ' '):<15}"
        colour = COLOURS.get(verdict.status, "red")
        lines.append(Text.assemble((status, colour), verdict.exercise))
        if verdict.status is not Status.PASS and verdict.message:
            lines.append(Padding(Text(verdict.message, style="bold"), (0, 0, 0, 15)))
        if verdict.details:
            lines.append(Padding(Text(verdict.details), (0, 0, 0, 15)))
    lines.append(Text())
    lines += [Text(note) for note in report.notes]
    right = sum(verdict.status is Status.PASS for verdict in report.verdicts)
    lines.append(
        Text(
            f"{right} of {len(report.verdicts)} passed, "
            f"{report.score:g} of {report.max_score:g} points. Isolation: {report.isolation}",
            style="dim",
        )
    )
    return Group(*lines)


@command
def hint(
    name: Annotated[str, typer.Argument(help="The exercise's name.")],
    exercises: Exercises = None,
    json: Json = False,
) -> Answer:
    """Give the next hint on an exercise: one at a time, the gentlest first."""
    exercise, key, standing = _exercise(name, exercises)
    hints = exercise.hints
    if not hints:
        raise UserError(f"{name} has no hints. Its task: {exercise.__doc__}")
    given = min(standing.hints, len(hints))
    if given < len(hints):
        given += 1
        progress.remember([(key, progress.HINT)])
    lines = [Text(f"{number}. {hints[number - 1]}") for number in range(1, given + 1)]
    for line in lines[:-1]:
        line.stylize("dim")
    left = len(hints) - given
    more = (
        f"{left} more" if left else f"That was the last; there is also: companion solution {name}"
    )
    return Answer(
        {"exercise": name, "hint": hints[given - 1], "number": given, "of": len(hints)},
        Group(*lines, Text(more, style="dim")),
    )


@command
def solution(
    name: Annotated[str, typer.Argument(help="The exercise's name.")],
    exercises: Exercises = None,
    json: Json = False,
) -> Answer:
    """Show a solution; unless you had passed the exercise, it is marked as one you have seen."""
    exercise, key, standing = _exercise(name, exercises)
    progress.remember([(key, progress.SOLUTION)])
    note = "" if standing.passed else f"\n{name} is now marked: solution seen."
    return Answer(
        {"exercise": name, "solution": exercise.solution, "passed_before": standing.passed},
        Group(Syntax(exercise.solution, "python"), Text(note, style="dim")),
    )


def _exercise(name: str, exercises: str | None) -> tuple[Exercise, str, progress.Standing]:
    """Return an exercise, the name that progress knows it by, and where the learner stands."""
    exercise = find_exercise(name, exercises_named(exercises) if exercises else all_exercises())
    key = f"{exercise.chapter}/{exercise.name}"
    return exercise, key, progress.standings().get(key, progress.Standing())


@command
def prove(
    exercises: Annotated[
        str, typer.Argument(metavar="CHAPTER|PATH", help="A chapter, or exercises of your own.")
    ],
    seed: Seed = 0,
    json: Json = False,
) -> Answer:
    """Prove that exercises tell right from wrong; exit code 1 if one does not."""
    faults = {one.name: faults_of(one, seed) for one in exercises_named(exercises)}
    lines: list[Text | Padding] = []
    for name, sentences in faults.items():
        lines.append(Text.assemble(("fault  ", "red") if sentences else ("proven ", "green"), name))
        lines += [Padding(Text(sentence), (0, 0, 0, 7)) for sentence in sentences]
    return Answer({"exercises": faults}, Group(*lines), 1 if any(faults.values()) else 0)


@command
def grade(
    folder: Annotated[
        Path, typer.Argument(help="The class: one .py file, folder or .zip for each learner.")
    ],
    output: Annotated[
        Path, typer.Option(help="The file to write; for gradescope, a folder with one each.")
    ],
    format: Annotated[
        reports.Format | None,
        typer.Option(help="By default what OUTPUT ends in (.json, .xml for junit), or csv."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core by default.")
    ] = None,
    seed: Seed = 0,
    exercises: Exercises = None,
    json: Json = False,
) -> Answer:
    """Grade a class; exit code 0 when everybody is graded, however they did.

    Killed and started again, it grades only who is missing. What it knows is kept in
    OUTPUT.journal: delete that file to grade everybody anew.
    """
    format = format or reports.FORMATS.get(output.suffix, reports.Format.CSV)
    handed_in = hand_ins.submissions(folder, hand_ins.usual_names(exercises), output)
    exercises = exercises or hand_ins.chapter_of(handed_in)
    try:
        with Progress(console=err, transient=True) as bar:
            task = bar.add_task(f"Grading {exercises}", total=len(handed_in))
            graded = grading.grade(
                handed_in,
                exercises,
                journal_file=hand_ins.journal_of(output),
                seed=seed,
                workers=workers,
                on_report=lambda report: bar.advance(task),
            )
    except OSError as error:
        raise UserError(
            f"The grading stopped: {error}. What was graded is kept: run the same command again."
        ) from error
    try:
        reports.write_class(output, graded, format)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}.") from error
    summaries = reports.by_exercise(graded)
    problems = {report.learner: list(report.notes) for report in graded if report.notes}
    isolation = sorted({report.isolation for report in graded if report.isolation})
    data = {
        "output": str(output),
        "format": str(format),
        "learners": len(graded),
        "exercises": [
            {"exercise": row.exercise, "statuses": row.counts, "mistakes": dict(row.mistakes)}
            for row in summaries
        ],
        "problems": problems,
        "isolation": isolation,
    }
    notes = [Text(f"{name}: {' '.join(said)}", style="yellow") for name, said in problems.items()]
    done = Text(f"{len(graded)} learners in {output}. Isolation: {' / '.join(isolation)}")
    return Answer(data, Group(_class_table(summaries), *notes, done))


def _class_table(summaries: list[reports.ExerciseSummary]) -> Table:
    """Return how a class did as a table: a row an exercise, with its commonest mistakes."""
    shown = table("exercise", ">passed", ">of", "otherwise", "commonest mistakes")
    for row in summaries:
        others = [f"{n} {s.replace('_', ' ')}" for s, n in row.counts.items() if s != Status.PASS]
        shown.add_row(
            row.exercise,
            str(row.counts.get(Status.PASS, 0)),
            str(row.learners),
            ", ".join(others),
            Text("\n".join(f"{n} × {mistake}" for mistake, n in row.mistakes[:3])),
        )
    return shown


@command
def autograder(
    output: Annotated[Path, typer.Argument(help="The zip to write, for Gradescope.")],
    exercises: Annotated[
        str, typer.Option(metavar="CHAPTER|PATH", help="A chapter, or exercises of your own.")
    ],
    seed: Seed = 0,
    json: Json = False,
) -> Answer:
    """Pack a Gradescope autograder: upload the zip, and Gradescope checks what is handed in."""
    names = gradescope.pack(output, exercises, seed=seed)
    return Answer(
        {"output": str(output), "exercises": names},
        Text(
            f"{output}: {len(names)} exercises, ready to upload. It solves them: keep it private."
        ),
    )
