"""Grading: every hand-in of a class gets a report, on processes, and again only where need be."""

import atexit
import contextlib
import hashlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import connection
from pathlib import Path
from typing import Any

from companion import catalogue, checking
from companion.checking.classroom import journal
from companion.checking.classroom.discovery import exercises_named, is_path
from companion.checking.classroom.hand_ins import (
    Submission,
    chapter_of,
    learner_name,
    read_submission,
    usual_names,
)
from companion.checking.classroom.reports import cleaned, printable
from companion.checking.judging.judge import Judge
from companion.checking.verdict import Report, Status, Verdict
from companion.errors import UserError


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
        exercises = chapter_of([Submission(learner_name(path), where, source)])
    asked = exercises_named(exercises)
    judge = _judge()
    report = judge.check(
        source, asked, path=where, learner=learner_name(path), seed=seed, only=only
    )
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
    for index, submission in enumerate(handed_in):
        key = _key(submission, digest, seed)
        report = _from_journal(known.get(key))
        if submission.source is None:
            report = grade_one(submission, exercises, seed)
        if report:
            reports[index] = report
            on_report(report)
        else:
            keys[index] = key
    if not keys:
        return list(reports.values())

    pool = executor or ProcessPoolExecutor(
        min(workers or os.cpu_count() or 1, len(keys)),
        # Forking a process that has threads, as a notebook has, can deadlock.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
    )
    try:
        indices = {
            pool.submit(grade_one, handed_in[index], exercises, seed): index for index in keys
        }
        for future in as_completed(indices):
            index = indices[future]
            reports[index] = report = future.result()
            # Our own failure is worth another try, so it is not kept.
            if all(verdict.status is not Status.CHECKER_ERROR for verdict in report.verdicts):
                _keep(journal_file, {"key": keys[index], "report": asdict(report)})
            on_report(report)
    except BrokenProcessPool as error:
        raise UserError(
            "A grading process was killed, perhaps for want of memory. What was graded is kept: "
            "run the same command again, with fewer --workers."
        ) from error
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)
    return [reports[index] for index in range(len(handed_in))]


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
    path = Path(exercises) if is_path(exercises) else catalogue.find_chapter(exercises).folder
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in [*files, *sorted(Path(checking.__path__[0]).rglob("*.py"))]:
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
