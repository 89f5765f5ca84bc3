"""A class: to grade it, or to have Gradescope do so."""

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from companion import catalogue, lesson
from companion.checking.classroom import autograder as gradescope
from companion.checking.classroom import grading, hand_ins, reports
from companion.checking.classroom.discovery import exercises_named, is_path
from companion.checking.classroom.hand_ins import Submission
from companion.checking.classroom.marks import marked, read_marks
from companion.checking.verdict import Report, Status
from companion.cli import Exercises, Json, Seed, command
from companion.console import Answer, err, table
from companion.errors import UserError

ClassFolder = Annotated[
    Path,
    typer.Argument(
        help="The class: one .py file, notebook, folder or .zip for each learner; or what "
        "Moodle, Canvas, Blackboard, Brightspace or Gradescope packs, unzipped."
    ),
]


@command
def grade(
    folder: ClassFolder,
    output: Annotated[
        Path,
        typer.Option(help="The file to write; for gradescope and html, a folder with one each."),
    ],
    format: Annotated[
        reports.Format | None,
        typer.Option(help="By default what OUTPUT ends in (.json, .xml for junit), or csv."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core by default.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler, tcp://HOST:PORT, instead of workers.")
    ] = None,
    marks: Annotated[
        Path | None,
        typer.Option(help="Points and remarks of your own: learner,exercise,points,remark."),
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
    found = hand_ins.class_in(folder, hand_ins.usual_names(exercises), output)
    handed_in = found.submissions
    exercises = exercises or hand_ins.chapter_of(handed_in)
    own = read_marks(marks) if marks else []  # what is wrong in it is better found before
    graded, unkept = _graded(handed_in, exercises, output, seed, workers, scheduler)
    # What an exercise is worth, and what an instructor wrote, needs no answer to be run again.
    graded = marked(reports.repointed(graded, exercises_named(exercises)), own)
    sources = {one.learner: one.source or b"" for one in handed_in}
    _write(output, graded, format, sources, exercises)
    summaries = reports.by_exercise(graded, sources)
    problems = {report.learner: list(report.notes) for report in graded if report.notes}
    isolation = sorted({report.isolation for report in graded if report.isolation})
    data = {
        "output": str(output),
        "format": str(format),
        "learners": len(graded),
        "exercises": list(map(_summary, summaries)),
        "problems": problems,
        "passed_over": found.passed_over,
        "not_kept": unkept,
        "isolation": isolation,
    }
    notes = _notes(problems, unkept, found.passed_over)
    done = Text(f"{len(graded)} learners in {output}. Isolation: {' / '.join(isolation)}")
    return Answer(data, Group(_class_table(summaries), *_without_name(summaries), *notes, done))


def _graded(
    handed_in: list[Submission],
    exercises: str,
    output: Path,
    seed: int,
    workers: int | None,
    scheduler: str | None,
) -> tuple[list[Report], dict[str, str]]:
    """Grade a class under a progress bar; return the reports, and why no journal was kept.

    Raises:
        UserError: If the disk or the system stops it.
    """
    journal, unkept = hand_ins.journal_of(output), dict[str, str]()
    try:
        with (
            _cluster(scheduler, workers) as executor,
            Progress(console=err, transient=True) as bar,
        ):
            task = bar.add_task(f"Grading {exercises}", total=len(handed_in))
            graded = grading.grade(
                handed_in,
                exercises,
                journal_file=journal,
                seed=seed,
                workers=workers,
                executor=executor,
                on_report=lambda report: bar.advance(task),
                on_unkept=lambda error: unkept.update({str(journal): error.strerror or str(error)}),
            )
    except OSError as error:
        raise UserError(
            f"The grading stopped: {error}. What was graded is kept: run the same command again."
        ) from error
    return graded, unkept


def _write(
    output: Path,
    graded: list[Report],
    format: reports.Format,
    sources: dict[str, bytes],
    exercises: str,
) -> None:
    """Write the reports on a class.

    Raises:
        UserError: If they cannot be written.
    """
    reading = _reading(exercises) if format is reports.Format.HTML else {}
    try:
        reports.write_class(output, graded, format, sources=sources, reading=reading)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}.") from error


def _summary(row: reports.ExerciseSummary) -> dict[str, Any]:
    """Return how a class did at one exercise, as plain values."""
    return {
        "exercise": row.exercise,
        "statuses": row.counts,
        "mistakes": dict(row.mistakes),
        "wrong": row.wrong,
        "named": row.named,
        "unnamed": [asdict(group) for group in row.unnamed],
    }


def _notes(
    problems: dict[str, list[str]], unkept: dict[str, str], passed_over: Sequence[str]
) -> list[Text]:
    """Return what an instructor should know of hand-ins, of the journal and of other files."""
    notes = [Text(f"{name}: {' '.join(said)}", style="yellow") for name, said in problems.items()]
    notes += [
        Text(
            f"{file} cannot be written ({why}): called again, everybody is graded anew.",
            style="yellow",
        )
        for file, why in unkept.items()
    ]
    if passed_over:
        some = ", ".join(passed_over[:10])
        more = f" and {len(passed_over) - 10} more" if len(passed_over) > 10 else ""
        notes.append(Text(f"Passed over, as nobody's work: {some}{more}.", style="dim"))
    return notes


@contextlib.contextmanager
def _cluster(scheduler: str | None, workers: int | None) -> Iterator[Executor | None]:
    """Yield what runs on a Dask cluster, or None where there is none."""
    if scheduler is None:
        yield None
        return
    if workers is not None:
        raise UserError("A scheduler brings its own workers: leave --workers out.")
    from companion.studies.workers import cluster

    with cluster(scheduler) as (client, _):
        yield client.get_executor()


def _class_table(summaries: list[reports.ExerciseSummary]) -> Table:
    """Return how a class did as a table: a row an exercise, with its commonest mistakes."""
    shown = table("exercise", ">passed", ">of", "otherwise", ">named", "commonest mistakes")
    for row in summaries:
        others = [f"{n} {s.replace('_', ' ')}" for s, n in row.counts.items() if s != Status.PASS]
        shown.add_row(
            row.exercise,
            str(row.counts.get(Status.PASS, 0)),
            str(row.learners),
            ", ".join(others),
            f"{row.named} of {row.wrong}" if row.wrong else "",
            Text("\n".join(f"{n} × {mistake}" for mistake, n in row.mistakes[:3])),
        )
    return shown


def _without_name(summaries: Sequence[reports.ExerciseSummary]) -> list[RenderableType]:
    """Return the mistakes that several learners share and that no sentence names yet."""
    lines: list[RenderableType] = []
    for row in summaries:
        for group in row.unnamed:
            if len(group.learners) > 1:
                lines.append(
                    Text(
                        f"{len(group.learners)} learners share one mistake in `{row.exercise}` "
                        f"that has no name yet: {group.message}",
                        style="bold",
                    )
                )
                lines.append(Padding(Text(group.answer), (0, 0, 1, 4)))
    return lines


def _reading(exercises: str) -> dict[str, str]:
    """Return where the book explains each exercise; nothing for a file of an instructor's own."""
    if is_path(exercises):
        return {}
    title = catalogue.find_chapter(exercises).card.title
    places = lesson.places(exercises)
    return {
        name: f"chapter {title}, section “{section.title}” (chapters/{exercises}/"
        f"{section.file.name}{f'#{section.anchor}' if section.anchor else ''})"
        for name, section in places.items()
    }


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
