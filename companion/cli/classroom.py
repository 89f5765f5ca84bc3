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
    hand_in_folder = hand_ins.class_in(folder, hand_ins.usual_names(exercises), output)
    submissions = hand_in_folder.submissions
    exercises = exercises or hand_ins.chapter_of(submissions)
    own_marks = read_marks(marks) if marks else []  # what is wrong in it is better found before
    graded, journal_errors = _graded(submissions, exercises, output, seed, workers, scheduler)
    # What an exercise is worth, and what an instructor wrote, needs no answer to be run again.
    graded = marked(reports.repointed(graded, exercises_named(exercises)), own_marks)
    sources = {one.learner: one.source or b"" for one in submissions}
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
        "passed_over": hand_in_folder.passed_over,
        "not_kept": journal_errors,
        "isolation": isolation,
    }
    notes = _notes(problems, journal_errors, hand_in_folder.passed_over)
    summary = Text(f"{len(graded)} learners in {output}. Isolation: {' / '.join(isolation)}")
    return Answer(data, Group(_class_table(summaries), *_unexplained(summaries), *notes, summary))


def _graded(
    submissions: list[Submission],
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
    journal, journal_errors = hand_ins.journal_of(output), dict[str, str]()
    try:
        with (
            _cluster(scheduler, workers) as executor,
            Progress(console=err, transient=True) as bar,
        ):
            task = bar.add_task(f"Grading {exercises}", total=len(submissions))
            graded = grading.grade(
                submissions,
                exercises,
                journal_file=journal,
                seed=seed,
                workers=workers,
                executor=executor,
                on_report=lambda report: bar.advance(task),
                on_unkept=lambda error: journal_errors.update(
                    {str(journal): error.strerror or str(error)}
                ),
            )
    except OSError as error:
        raise UserError(
            f"The grading stopped: {error}. What was graded is kept: run the same command again."
        ) from error
    return graded, journal_errors


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
    reading = _sections(exercises) if format is reports.Format.HTML else {}
    try:
        reports.write_class(output, graded, format, sources=sources, reading=reading)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}.") from error


def _summary(summary: reports.ExerciseSummary) -> dict[str, Any]:
    """Return how a class did at one exercise, as plain values."""
    return {
        "exercise": summary.exercise,
        "statuses": summary.counts,
        "mistakes": dict(summary.mistakes),
        "wrong": summary.wrong,
        "named": summary.named,
        "unnamed": [asdict(group) for group in summary.unnamed],
    }


def _notes(
    problems: dict[str, list[str]], journal_errors: dict[str, str], passed_over: Sequence[str]
) -> list[Text]:
    """Return what an instructor should know of hand-ins, of the journal and of other files."""
    notes = [Text(f"{name}: {' '.join(lines)}", style="yellow") for name, lines in problems.items()]
    notes += [
        Text(
            f"{file} cannot be written ({reason}): called again, everybody is graded anew.",
            style="yellow",
        )
        for file, reason in journal_errors.items()
    ]
    if passed_over:
        listed = ", ".join(passed_over[:10])
        more = f" and {len(passed_over) - 10} more" if len(passed_over) > 10 else ""
        notes.append(Text(f"Passed over, as nobody's work: {listed}{more}.", style="dim"))
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
    for summary in summaries:
        others = [
            f"{n} {s.replace('_', ' ')}" for s, n in summary.counts.items() if s != Status.PASS
        ]
        shown.add_row(
            summary.exercise,
            str(summary.counts.get(Status.PASS, 0)),
            str(summary.learners),
            ", ".join(others),
            f"{summary.named} of {summary.wrong}" if summary.wrong else "",
            Text("\n".join(f"{n} × {mistake}" for mistake, n in summary.mistakes[:3])),
        )
    return shown


def _unexplained(summaries: Sequence[reports.ExerciseSummary]) -> list[RenderableType]:
    """Return the mistakes that several learners share and that no sentence names yet."""
    lines: list[RenderableType] = []
    for summary in summaries:
        for group in summary.unnamed:
            if len(group.learners) > 1:
                lines.append(
                    Text(
                        f"{len(group.learners)} learners share one mistake in `{summary.exercise}` "
                        f"that has no name yet: {group.message}",
                        style="bold",
                    )
                )
                lines.append(Padding(Text(group.answer), (0, 0, 1, 4)))
    return lines


def _sections(exercises: str) -> dict[str, str]:
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
