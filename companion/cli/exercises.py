"""Exercises: to start, check and be helped with one."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from companion.checking.authoring.exercise import Exercise, find_exercise
from companion.checking.authoring.proof import prove as faults_of
from companion.checking.classroom import hand_ins, progress
from companion.checking.classroom.discovery import all_exercises, exercises_named, is_path
from companion.checking.classroom.one_file import check_path
from companion.checking.classroom.reports import printable
from companion.checking.verdict import Report, Status
from companion.cli import Exercises, Json, Seed, command, learning
from companion.console import Answer, err, out
from companion.errors import UserError


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
    chosen = exercises_named(chapter)
    file = folder / f"{chosen[0].chapter}.py"
    check = f"companion check {_quoted(file)}"
    if is_path(chapter):
        check += f" --exercises {_quoted(chapter)}"
    # A comment takes any path; in a string, the backslashes of C:\\Users would mean something else.
    header = printable(f"Exercises on {chosen[0].chapter}. To check them: {check}.")
    head = f"# {' '.join(header.splitlines())}\n\nimport numpy as np\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write("\n\n".join([head, *(one.stub for one in chosen)]))
    except FileExistsError as error:
        raise UserError(
            f"{error.filename} is there already and is left as it is. "
            f"To start afresh, name another folder: companion start {chapter} DIR."
        ) from error
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from error
    names = [one.name for one in chosen]
    return Answer(
        {"file": str(file), "chapter": chosen[0].chapter, "exercises": names},
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
    by_name: dict[str, Exercise] = {}
    before: dict[str, progress.ExerciseProgress] = {}

    def once() -> Report:
        report = check_path(path, exercises, only=only, seed=seed, again=watch)
        chapter = exercises or report.verdicts[0].chapter
        by_name.update({one.name: one for one in exercises_named(chapter)})
        before.clear()
        before.update(progress.load_progress())
        target = str(Path(chapter).resolve()) if is_path(chapter) else chapter
        if not (progress.record(report) and progress.checked(target)):
            err.print(learning.UNWRITTEN, style="yellow")
        return report

    if watch and json:
        raise UserError("--watch goes on and --json prints one object: they do not go together.")
    if watch:
        return Answer({}, "", _exit_code(_watch(path, once, by_name, before)))
    report = once()
    shown: list[RenderableType] = [learning.shown(report, _seen(report))]
    wrong = [verdict.exercise for verdict in report.verdicts if verdict.status in learning.STUCK]
    if wrong and not exercises:
        shown.append(Text(f"Stuck? companion hint {wrong[0]}", style="dim"))
    shown += _newly_passed(report, by_name, before)
    return Answer(report.to_json(), Group(*shown), _exit_code(report))


def _watch(
    path: Path,
    once: Callable[[], Report],
    by_name: Mapping[str, Exercise] | None = None,
    before: Mapping[str, progress.ExerciseProgress] | None = None,
) -> Report:
    """Check `path` whenever it changes, until Ctrl-C or q, and return the last report.

    It shows the first exercise that is not done, and the others in a line for each status.

    Args:
        path: The learner's file.
        once: Checks it.
        by_name: The exercises by name, once it was checked.
        before: Where the learner stood before the check.
    """
    by_name, before = {} if by_name is None else by_name, {} if before is None else before
    report = once()
    current = _show_next(report, by_name, before)
    with learning.KeyReader() as keys:
        try:
            stamp = _modification_times(path)
            while True:
                keyed = f" Keys: {learning.KEYS}." if keys.restore else ""
                err.print(
                    f"Watching {path}. Save it to check again; Ctrl-C ends.{keyed}", style="dim"
                )
                # An editor may take the old file away before the new one is there.
                while _modification_times(path) in (stamp, None):
                    key = keys.read(0.2)
                    if key == "q":
                        return report
                    current = _handle_key(key, report, current, by_name)
                stamp = _modification_times(path)
                try:
                    report = once()
                    current = _show_next(report, by_name, before)
                except (UserError, OSError) as error:
                    err.print(Text(str(error), style="yellow"))
        except KeyboardInterrupt:
            return report


def _show_next(
    report: Report, by_name: Mapping[str, Exercise], before: Mapping[str, progress.ExerciseProgress]
) -> str | None:
    """Print what is next, and return its name."""
    if out.is_terminal:
        out.clear()
    current = learning.unfinished(report)
    out.print(learning.next_shown(report, current))
    for text in _newly_passed(report, by_name, before):
        out.print(text)
    return current


def _handle_key(
    key: str, report: Report, current: str | None, by_name: Mapping[str, Exercise]
) -> str | None:
    """Do what a key stands for, and return the exercise that is shown then."""
    exercise = by_name.get(current or "")
    if key == "a":
        out.print(learning.shown(report, _seen(report)))
    elif exercise is None:
        return current
    elif key == "h" and exercise.hints:
        out.print(learning.give_hint(exercise, _progress_key(exercise))[0])
    elif key == "h":
        out.print(f"{exercise.name} has no hints. Its task: {exercise.__doc__}")
    elif key == "s":
        code, note, _ = learning.give_solution(exercise, _progress_key(exercise))
        out.print(Text(code), soft_wrap=True)
        out.print(note, style="dim")
    elif key == "n":
        current = learning.unfinished(report, after=current)
        out.print(learning.next_shown(report, current))
    return current


def _newly_passed(
    report: Report, by_name: Mapping[str, Exercise], before: Mapping[str, progress.ExerciseProgress]
) -> list[RenderableType]:
    """Return what is said of exercises that have passed for the first time."""
    nothing = progress.ExerciseProgress()
    right = {one.exercise for one in report.verdicts if one.status is Status.PASS} & by_name.keys()
    known = {one.name for one in by_name.values() if before.get(_progress_key(one), nothing).passed}
    fresh = [name for name in by_name if name in right - known]
    if not fresh:
        return []
    if by_name.keys() <= known | right:
        return [learning.completion_message(list(by_name.values()), by_name[fresh[-1]])]
    return [Text(f"Another way to write it: companion solution {fresh[-1]}", style="dim")]


def _seen(report: Report) -> set[str]:
    """Return the exercises of a report whose solution was looked at before they passed."""
    known = progress.load_progress()
    return {
        one.exercise
        for one in report.verdicts
        if known.get(f"{one.chapter}/{one.exercise}", progress.ExerciseProgress()).solution
    }


def _modification_times(path: Path) -> object:
    """Return what changes when `path`, or an answer in it, is saved; None if it is gone."""
    try:
        inside = (file for kind in hand_ins.ANSWERS for file in path.rglob(f"*{kind}"))
        files = [path, *inside] if path.is_dir() else [path]
        return [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    except OSError:
        return None


def _exit_code(report: Report) -> int:
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
    shown, data = learning.give_hint(exercise, _progress_key(exercise))
    return Answer(data, shown)


@command
def solution(
    name: Annotated[str, typer.Argument(help="The exercise's name.")],
    exercises: Exercises = None,
    json: Json = False,
) -> Answer:
    """Show a solution; unless you had passed the exercise, it is marked as one you have seen."""
    exercise = _exercise(name, exercises)
    code, note, data = learning.give_solution(exercise, _progress_key(exercise))
    if not json:
        from rich.syntax import Syntax  # reads Pygments, which no check needs

        # Whole, whatever the terminal's width: somebody may copy it.
        out.print(Syntax(code, "python").highlight(code.rstrip()), soft_wrap=True)
    return Answer(data, Text(f"\n{note}", style="dim"))


def _progress_key(exercise: Exercise) -> str:
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
