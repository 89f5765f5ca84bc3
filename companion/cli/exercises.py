"""Exercises: to start, check and be helped with one; to grade a class on them."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress import Progress
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from companion import catalogue, lesson
from companion.checking.authoring.exercise import Exercise, find_exercise
from companion.checking.authoring.proof import prove as faults_of
from companion.checking.classroom import autograder as gradescope
from companion.checking.classroom import grading, hand_ins, progress, reports
from companion.checking.classroom.discovery import all_exercises, exercises_named, is_path
from companion.checking.classroom.marks import marked, read_marks
from companion.checking.verdict import Report, Status
from companion.cli import Json, command, learning
from companion.console import Answer, err, out, table
from companion.errors import UserError

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
    asked: dict[str, Exercise] = {}
    before: dict[str, progress.Standing] = {}

    def once() -> Report:
        report = grading.check_path(path, exercises, only=only, seed=seed, again=watch)
        chapter = exercises or report.verdicts[0].chapter
        asked.update({one.name: one for one in exercises_named(chapter)})
        before.clear()
        before.update(progress.standings())
        told = str(Path(chapter).resolve()) if is_path(chapter) else chapter
        if not (progress.record(report) and progress.checked(told)):
            err.print("Your progress could not be written down.", style="yellow")
        return report

    if watch and json:
        raise UserError("--watch goes on and --json prints one object: they do not go together.")
    if watch:
        return Answer({}, "", _code(_watch(path, once, asked, before)))
    report = once()
    shown: list[RenderableType] = [learning.shown(report, _seen(report))]
    wrong = [verdict.exercise for verdict in report.verdicts if verdict.status in learning.STUCK]
    if wrong and not exercises:
        shown.append(Text(f"Stuck? companion hint {wrong[0]}", style="dim"))
    shown += _celebrated(report, asked, before)
    return Answer(report.to_json(), Group(*shown), _code(report))


def _watch(
    path: Path,
    once: Callable[[], Report],
    asked: Mapping[str, Exercise] | None = None,
    before: Mapping[str, progress.Standing] | None = None,
) -> Report:
    """Check `path` whenever it changes, until Ctrl-C or q, and return the last report.

    It shows the first exercise that is not done, and the others in a line for each status.

    Args:
        path: The learner's file.
        once: Checks it.
        asked: The exercises by name, once it was checked.
        before: Where the learner stood before the check.
    """
    asked, before = {} if asked is None else asked, {} if before is None else before
    report = once()
    current = _show_next(report, asked, before)
    with learning.Keys() as keys:
        try:
            stamp = _stamp(path)
            while True:
                keyed = f" Keys: {learning.KEYS}." if keys.restore else ""
                err.print(
                    f"Watching {path}. Save it to check again; Ctrl-C ends.{keyed}", style="dim"
                )
                # An editor may take the old file away before the new one is there.
                while _stamp(path) in (stamp, None):
                    key = keys.read(0.2)
                    if key == "q":
                        return report
                    current = _press(key, report, current, asked)
                stamp = _stamp(path)
                try:
                    report = once()
                    current = _show_next(report, asked, before)
                except (UserError, OSError) as error:
                    err.print(Text(str(error), style="yellow"))
        except KeyboardInterrupt:
            return report


def _show_next(
    report: Report, asked: Mapping[str, Exercise], before: Mapping[str, progress.Standing]
) -> str | None:
    """Print what is next, and return its name."""
    if out.is_terminal:
        out.clear()
    current = learning.unfinished(report)
    out.print(learning.next_shown(report, current))
    for text in _celebrated(report, asked, before):
        out.print(text)
    return current


def _press(
    key: str, report: Report, current: str | None, asked: Mapping[str, Exercise]
) -> str | None:
    """Do what a key stands for, and return the exercise that is shown then."""
    exercise = asked.get(current or "")
    if key == "a":
        out.print(learning.shown(report, _seen(report)))
    elif exercise is None:
        return current
    elif key == "h" and exercise.hints:
        out.print(learning.give_hint(exercise, _key(exercise))[0])
    elif key == "h":
        out.print(f"{exercise.name} has no hints. Its task: {exercise.__doc__}")
    elif key == "s":
        code, note, _ = learning.give_solution(exercise, _key(exercise))
        out.print(Text(code), soft_wrap=True)
        out.print(note, style="dim")
    elif key == "n":
        current = learning.unfinished(report, after=current)
        out.print(learning.next_shown(report, current))
    return current


def _celebrated(
    report: Report, asked: Mapping[str, Exercise], before: Mapping[str, progress.Standing]
) -> list[RenderableType]:
    """Return what is said of exercises that have passed for the first time."""
    nothing = progress.Standing()
    right = {one.exercise for one in report.verdicts if one.status is Status.PASS} & asked.keys()
    known = {one.name for one in asked.values() if before.get(_key(one), nothing).passed}
    fresh = [name for name in asked if name in right - known]
    if not fresh:
        return []
    if asked.keys() <= known | right:
        return [learning.occasion(list(asked.values()), asked[fresh[-1]])]
    return [Text(f"Another way to write it: companion solution {fresh[-1]}", style="dim")]


def _seen(report: Report) -> set[str]:
    """Return the exercises of a report whose solution was looked at before they passed."""
    known = progress.standings()
    return {
        one.exercise
        for one in report.verdicts
        if known.get(f"{one.chapter}/{one.exercise}", progress.Standing()).solution
    }


def _stamp(path: Path) -> object:
    """Return what changes when `path`, or a Python file in it, is saved; None if it is gone."""
    try:
        files = [path, *path.rglob("*.py")] if path.is_dir() else [path]
        return [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    except OSError:
        return None


def _code(report: Report) -> int:
    return 0 if all(verdict.status is Status.PASS for verdict in report.verdicts) else 1


@command
def hint(
    name: Annotated[str, typer.Argument(help="The exercise's name.")],
    exercises: Exercises = None,
    json: Json = False,
) -> Answer:
    """Give the next hint on an exercise of the chapter last checked: the gentlest first."""
    exercise = _exercise(name, exercises)
    if not exercise.hints:
        raise UserError(f"{name} has no hints. Its task: {exercise.__doc__}")
    shown, data = learning.give_hint(exercise, _key(exercise))
    return Answer(data, shown)


@command
def solution(
    name: Annotated[str, typer.Argument(help="The exercise's name.")],
    exercises: Exercises = None,
    json: Json = False,
) -> Answer:
    """Show a solution; unless you had passed the exercise, it is marked as one you have seen."""
    exercise = _exercise(name, exercises)
    code, note, data = learning.give_solution(exercise, _key(exercise))
    if not json:
        # Whole, whatever the terminal's width: somebody may copy it.
        out.print(Syntax(code, "python").highlight(code.rstrip()), soft_wrap=True)
    return Answer(data, Text(f"\n{note}", style="dim"))


def _key(exercise: Exercise) -> str:
    """Return the name that progress knows an exercise by."""
    return f"{exercise.chapter}/{exercise.name}"


def _exercise(name: str, exercises: str | None) -> Exercise:
    """Return the exercise of that name: in `exercises`, else in what was checked last, else any.

    Raises:
        UnknownNameError: With the nearest name, if there is none.
        UserError: If several chapters have one and none of them was checked last.
    """
    if exercises:
        return find_exercise(name, exercises_named(exercises))
    if last := progress.last_checked():
        with contextlib.suppress(UserError):  # a file of exercises may be gone
            return find_exercise(name, exercises_named(last))
    known = all_exercises()
    chapters = [one.chapter for one in known if one.name == name]
    if len(chapters) > 1:
        raise UserError(
            f"{name} is an exercise of {', '.join(chapters)}. Say which: "
            f"--exercises {chapters[0]}. (After a check, it is the chapter that was checked.)"
        )
    return find_exercise(name, known)


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
        Path,
        typer.Argument(
            help="The class: one .py file, notebook, folder or .zip for each learner; or what "
            "Moodle, Canvas, Blackboard, Brightspace or Gradescope packs, unzipped."
        ),
    ],
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
    # What an exercise is worth, and what an instructor wrote, needs no answer to be run again.
    graded = marked(reports.repointed(graded, exercises_named(exercises)), own)
    sources = {one.learner: one.source or b"" for one in handed_in}
    reading = _reading(exercises) if format is reports.Format.HTML else {}
    try:
        reports.write_class(output, graded, format, sources=sources, reading=reading)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}.") from error
    summaries = reports.by_exercise(graded, sources)
    problems = {report.learner: list(report.notes) for report in graded if report.notes}
    isolation = sorted({report.isolation for report in graded if report.isolation})
    data = {
        "output": str(output),
        "format": str(format),
        "learners": len(graded),
        "exercises": [
            {
                "exercise": row.exercise,
                "statuses": row.counts,
                "mistakes": dict(row.mistakes),
                "wrong": row.wrong,
                "named": row.named,
                "unnamed": [asdict(group) for group in row.unnamed],
            }
            for row in summaries
        ],
        "problems": problems,
        "passed_over": found.passed_over,
        "not_kept": unkept,
        "isolation": isolation,
    }
    notes = [Text(f"{name}: {' '.join(said)}", style="yellow") for name, said in problems.items()]
    notes += [
        Text(
            f"{file} cannot be written ({why}): called again, everybody is graded anew.",
            style="yellow",
        )
        for file, why in unkept.items()
    ]
    if found.passed_over:
        some = ", ".join(found.passed_over[:10])
        more = f" and {len(found.passed_over) - 10} more" if len(found.passed_over) > 10 else ""
        notes.append(Text(f"Passed over, as nobody's work: {some}{more}.", style="dim"))
    done = Text(f"{len(graded)} learners in {output}. Isolation: {' / '.join(isolation)}")
    return Answer(data, Group(_class_table(summaries), *_without_name(summaries), *notes, done))


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
