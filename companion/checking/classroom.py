"""A class: a folder with one file, folder or zip for each learner, graded whatever is in it."""

import atexit
import contextlib
import hashlib
import multiprocessing
import os
import re
import stat
import threading
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import connection
from pathlib import Path, PurePosixPath
from typing import Any

import chapters
from companion import catalogue
from companion.checking import journal
from companion.checking.finding import exercises_named, is_path
from companion.checking.judge import Judge
from companion.checking.reports import cleaned, printable
from companion.checking.verdict import Report, Status, Verdict
from companion.errors import UserError

# A learner's file of exercises has a few kilobytes.
MAX_BYTES = 1_000_000
MAX_MEMBERS = 1_000


class SubmissionError(UserError):
    """A submission cannot be read; the message says why."""


class NothingHandedInError(SubmissionError):
    """A folder or an archive holds no Python file."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What one learner handed in.

    Attributes:
        learner: The name of the file, folder or zip, without its ending.
        path: Where the Python file was found, relative to the class.
        source: The file's bytes, or None where there is no such file.
        problem: Why there is none.
        status: What the learner's verdicts are then.
    """

    learner: str
    path: str
    source: bytes | None
    problem: str = ""
    status: Status = Status.ERROR


def read_submission(path: Path, wanted: Collection[str] = ()) -> tuple[str, bytes]:
    """Return name and bytes of the one Python file that a file, folder or zip holds.

    Nothing is unpacked: the archive's one Python file is read, within bounds, and that is all.

    Args:
        path: A ``.py`` file, a folder or a ``.zip``.
        wanted: What the file may be named where there are several, e.g. ``convolution.py``.

    Raises:
        SubmissionError: If it cannot be read, or holds several files that could be meant.
        NothingHandedInError: If it holds no Python file.
    """
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        found = {
            file.relative_to(path).as_posix(): file
            for file in path.rglob("*.[pP][yY]")
            if not _is_litter(file.relative_to(path).parts)
        }
        name = _the_one(list(found), wanted)
        return name, _read_file(found[name])
    if path.suffix.lower() == ".zip":
        return _read_zip(path, wanted)
    if path.suffix.lower() == ".ipynb":
        raise SubmissionError(
            f"{path.name} is a notebook, not a Python file. Export it as a script: "
            f"jupyter nbconvert --to script {path.name}"
        )
    if path.suffix.lower() != ".py":
        raise SubmissionError(f"{path.name} is not a Python file: its name does not end in .py.")
    return path.name, _read_file(path)


def _read_file(path: Path) -> bytes:
    # A link could show another learner's work, and a pipe would never end.
    if not stat.S_ISREG(path.lstat().st_mode):
        raise SubmissionError(f"{path.name} is a link or a device, not a file.")
    if path.stat().st_size > MAX_BYTES:
        raise SubmissionError(f"{path.name} is larger than {MAX_BYTES:,} bytes.")
    return path.read_bytes()


def _read_zip(path: Path, wanted: Collection[str]) -> tuple[str, bytes]:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise SubmissionError(f"{path.name} is a link or a device, not a file.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise SubmissionError(f"The zip holds more than {MAX_MEMBERS:,} files.")
            for member in members:
                parts = PurePosixPath(member.filename.replace("\\", "/"))
                if parts.is_absolute() or ".." in parts.parts or member.filename[1:2] == ":":
                    raise SubmissionError(f"The zip leads out of itself: {member.filename!r}.")
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise SubmissionError(f"The zip holds a link: {member.filename!r}.")
            names = {
                member.filename: member
                for member in members
                if member.filename.lower().endswith(".py")
                and not _is_litter(PurePosixPath(member.filename).parts)
            }
            name = _the_one(list(names), wanted)
            # The sizes in a zip's directory are claims: read no further than the bound.
            with archive.open(names[name]) as file:
                source = file.read(MAX_BYTES + 1)
    except SubmissionError:
        raise
    except Exception as error:  # a damaged archive makes zipfile stumble in any way it can
        raise SubmissionError(f"The zip cannot be read: {error}") from error
    if len(source) > MAX_BYTES:
        raise SubmissionError(f"{name} is larger than {MAX_BYTES:,} bytes.")
    return name, source


def _is_litter(parts: tuple[str, ...]) -> bool:
    """Tell what a learner's machine puts into a folder from what the learner wrote."""
    return any(part.startswith(".") or part in ("__pycache__", "__MACOSX") for part in parts)


def _the_one(names: list[str], wanted: Collection[str]) -> str:
    if not names:
        raise NothingHandedInError("There is no Python file in it.")
    if len(names) > 1:
        usual = {name.lower() for name in wanted}
        named = [name for name in names if PurePosixPath(name).name.lower() in usual]
        if len(named) != 1:
            listed = ", ".join(sorted(names)[:5])
            raise SubmissionError(
                f"There are several Python files, and one is asked for: {listed}."
            )
        names = named
    return names[0]


def submissions(
    folder: Path, wanted: Collection[str] = (), output: Path | None = None
) -> list[Submission]:
    """Return what every learner of the class in `folder` handed in, sorted by learner.

    What cannot be read, or is of another kind, is there too, with its problem. Hidden files are
    passed over, and so are files of other kinds of a learner who handed in one that counts.

    Args:
        folder: The class.
        wanted: What a file may be named where a learner handed in several.
        output: Where `grade` writes, and so not a learner's though it may lie in `folder`.

    Raises:
        UserError: If there is no such folder, or nobody in it.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder. A class is a folder with one .py file, folder or .zip "
            "for each learner."
        )
    entries: dict[str, list[Path]] = defaultdict(list)
    for entry in sorted(folder.iterdir()):
        if not _is_litter((entry.name,)) and not (output and _is_report(entry, output)):
            entries[_learner(entry).casefold()].append(entry)
    if not entries:
        raise UserError(
            f"{folder} holds no submission: no .py file, folder or .zip, one for each learner."
        )
    return [
        collect(list(filter(_is_work, found)) or found, wanted)
        for _, found in sorted(entries.items())
    ]


def _is_work(entry: Path) -> bool:
    return entry.is_dir() or entry.suffix.lower() in (".py", ".zip")


def _is_report(entry: Path, output: Path) -> bool:
    """Tell whether `entry` is or holds what `grade` writes, and no work of a learner's."""
    ours = output.parent.resolve() / output.name
    here = entry.parent.resolve() / entry.name
    if here in (ours, journal_of(ours)) or here in ours.parents:
        return not any(entry.rglob("*.[pP][yY]")) if entry.is_dir() else not _is_work(entry)
    return False


def journal_of(output: Path) -> Path:
    """Return where `grade` keeps what it knows between runs."""
    return output.with_name(f"{output.name}.journal")


def _learner(entry: Path) -> str:
    name = entry.name
    if not entry.is_dir():
        name = entry.stem
        if not _is_work(entry):  # emil.tar.gz, hans.py.txt
            name = name.removesuffix(".tar").removesuffix(".py")
    # A file's name is bytes, and may be no text at all: no two learners may become one.
    return printable(os.fsencode(name).decode(errors="backslashreplace"))


def collect(entries: Sequence[Path], wanted: Collection[str] = ()) -> Submission:
    """Return what one learner handed in: `entries` holds one path, or is the problem."""
    first = entries[0]
    learner, where = _learner(first), printable(first.name)
    if len(entries) > 1:
        names = ", ".join(printable(entry.name) for entry in entries)
        return Submission(learner, where, None, f"Two submissions for one learner: {names}.")
    try:
        name, source = read_submission(first, wanted)
    except NothingHandedInError as error:
        return Submission(learner, where, None, str(error), Status.NOT_ATTEMPTED)
    except (SubmissionError, OSError) as error:
        return Submission(learner, where, None, printable(str(error)))
    inside = printable(name)
    return Submission(learner, where if inside == where else f"{where}/{inside}", source)


def usual_names(exercises: str | None) -> list[str]:
    """Return what `companion start` names a learner's file for these exercises, or for any."""
    names = [exercises] if exercises else [found.name for found in catalogue.discover()]
    return [f"{Path(name).stem}.py" for name in names]


def chapter_of(handed_in: Sequence[Submission]) -> str:
    """Return the chapter whose exercises most of the submissions answer.

    A file that bears a chapter's name answers that chapter; any other one the chapter of which it
    defines the most functions.

    Raises:
        UserError: If no submission answers any chapter.
    """
    names = {found.name: set(found.exercise_names()) for found in catalogue.discover()}
    votes: Counter[str] = Counter()
    for submission in handed_in:
        if submission.source is None:
            continue
        stem = PurePosixPath(submission.path).stem
        if names.get(stem):
            votes[stem] += 1
            continue
        text = submission.source.decode("latin-1")
        defined = set(re.findall(r"^def (\w+)", text, flags=re.MULTILINE))
        answered = {name: len(known & defined) for name, known in names.items()}
        best = max(answered, key=lambda name: answered[name])
        votes[best] += answered[best] > 0
    if not votes.total():
        offered = ", ".join(name for name, known in names.items() if known) or "none yet"
        raise UserError(
            "Which exercises are answered here? Say so with --exercises, and a chapter's name "
            f"({offered}) or the path of exercises of your own."
        )
    return votes.most_common(1)[0][0]


def check_path(
    path: Path,
    exercises: str | None = None,
    *,
    only: Sequence[str] | None = None,
    seed: int = 0,
    again: bool = False,
) -> Report:
    """Check one learner's file, or the folder or zip that holds it.

    Args:
        path: Where it is.
        exercises: A chapter's name or the path of an instructor's exercises; by default the
            chapter that the file answers.
        only: The names of the exercises to check; all by default.
        seed: What the cases are drawn from.
        again: Whether this goes on: the worker for the next check is then started already.

    Raises:
        UserError: If nothing is there, or there is no such exercise.
    """
    if not path.exists():
        raise UserError(f"{path} is not there. Write it with: companion start CHAPTER")
    file = path.resolve()
    name, source = read_submission(file, usual_names(exercises))
    where = printable(str(path if name == file.name else path / name))
    if exercises is None:
        exercises = chapter_of([Submission(_learner(path), where, source)])
    asked = exercises_named(exercises)
    judge = _judge()
    report = judge.check(source, asked, path=where, learner=_learner(path), seed=seed, only=only)
    if again:
        judge.warm()
    return cleaned(report)


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Let new Python processes look for no module in the current folder: it may be the class."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


@_safe_path()
def grade(
    handed_in: list[Submission],
    exercises: str,
    *,
    journal_file: Path,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    on_report: Callable[[Report], None] = lambda report: None,
) -> list[Report]:
    """Return a report for each submission, in their order.

    Each one is written to the journal the moment it is known, under a digest of all it depends
    on: started again after it was killed, or after a learner handed in anew, `grade` runs only
    what the journal does not hold.

    Args:
        handed_in: The class.
        exercises: A chapter's name or the path of an instructor's exercises.
        journal_file: Where reports are kept between runs.
        seed: What the cases are drawn from.
        workers: Processes; one a core by default.
        executor: Runs the grading instead of a process pool of our own.
        on_report: Called with each report when it is there.

    Raises:
        UserError: If a grading process was killed, by the system for its memory or by hand, or
            the journal cannot be written.
    """
    if is_path(exercises):
        exercises = str(Path(exercises).resolve())
    exercises_named(exercises)  # a wrong name is better found before anything is started
    digest = _digest(exercises)
    known = {str(entry.get("key")): entry.get("report") for entry in journal.read(journal_file)}
    reports: dict[int, Report] = {}
    keys: dict[int, str] = {}
    for place, submission in enumerate(handed_in):
        key = _key(submission, digest, seed)
        report = _from_journal(known.get(key))
        if submission.source is None:
            report = grade_one(submission, exercises, seed)
        if report:
            reports[place] = report
            on_report(report)
        else:
            keys[place] = key
    if not keys:
        return list(reports.values())

    pool = executor or ProcessPoolExecutor(
        min(workers or os.cpu_count() or 1, len(keys)),
        # Forking a process that has threads, as a notebook has, can deadlock.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
    )
    try:
        places = {
            pool.submit(grade_one, handed_in[place], exercises, seed): place for place in keys
        }
        for future in as_completed(places):
            place = places[future]
            reports[place] = report = future.result()
            # Our own failure is worth another try, so it is not kept.
            if all(verdict.status is not Status.CHECKER_ERROR for verdict in report.verdicts):
                _keep(journal_file, {"key": keys[place], "report": asdict(report)})
            on_report(report)
    except BrokenProcessPool as error:
        raise UserError(
            "A grading process was killed, perhaps for want of memory. What was graded is kept: "
            "run the same command again, with fewer --workers."
        ) from error
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)
    return [reports[place] for place in range(len(handed_in))]


def _keep(journal_file: Path, entry: dict[str, Any]) -> None:
    try:
        journal.append(journal_file, [entry])
    except OSError as error:
        raise UserError(f"{journal_file} cannot be written: {error.strerror}.") from error


def grade_one(submission: Submission, exercises: str, seed: int) -> Report:
    """Return the report on one submission; runs in a process, or on a machine, of its own."""
    asked = exercises_named(exercises)
    if submission.source is None:
        verdicts = tuple(
            Verdict(one.name, one.chapter, submission.status, submission.problem, points=one.points)
            for one in asked
        )
        return Report(
            submission.learner,
            submission.path,
            verdicts,
            "",  # nothing was run
            seed,
            notes=(submission.problem,),
        )
    return cleaned(
        _judge().check(
            submission.source, asked, path=submission.path, learner=submission.learner, seed=seed
        )
    )


_of_this_thread = threading.local()


def _judge() -> Judge:
    """Return this thread's judge: it keeps a worker warm from one learner to the next."""
    if not hasattr(_of_this_thread, "judge"):
        _of_this_thread.judge = Judge()
        atexit.register(_of_this_thread.judge.close)
    judge: Judge = _of_this_thread.judge
    return judge


def _end_with_parent() -> None:
    """Let a grading process end when the command is killed, instead of waiting for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _digest(exercises: str) -> str:
    """Return a digest of what a verdict depends on: the exercises' source, and the judge's.

    The exercises of a chapter may import the rest of it, so its whole folder counts.
    """
    path = Path(exercises) if is_path(exercises) else Path(chapters.__path__[0]) / exercises
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in [*files, *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _key(submission: Submission, digest: str, seed: int) -> str:
    said = [digest, str(seed), submission.learner, submission.path]
    parts = [part.encode() for part in said] + [submission.source or b""]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _from_journal(row: Any) -> Report | None:
    """Return the report in a row of the journal, or None if it is not one of ours."""
    try:
        verdicts = tuple(
            Verdict(**{**verdict, "status": Status(verdict["status"])})
            for verdict in row["verdicts"]
        )
        return Report(**{**row, "verdicts": verdicts, "notes": tuple(row["notes"])})
    except (TypeError, KeyError, ValueError):
        return None
