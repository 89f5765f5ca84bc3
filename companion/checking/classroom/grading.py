"""Grading: every hand-in of a class gets a report, on processes, and again only where need be.

Whatever happens around a hand-in stays in its learner's row. The processes that grade are bounded
in time and memory, and each grades one hand-in at a time: of one that dies it is known whose.
"""

import contextlib
import faulthandler
import hashlib
import multiprocessing
import os
import queue
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import connection
from pathlib import Path
from typing import Any, TypeVar

from companion import catalogue, checking, files
from companion.checking.classroom import journal
from companion.checking.classroom.discovery import exercises_named, is_path
from companion.checking.classroom.hand_ins import Submission
from companion.checking.classroom.one_file import judge_of_thread
from companion.checking.classroom.progress import state_file
from companion.checking.classroom.reports import cleaned, printable
from companion.checking.judging import lockdown, scratch
from companion.checking.verdict import Report, Status, Verdict

T = TypeVar("T")
# What a process that grades may take for one hand-in. Its answers run elsewhere, and have bounds of
# their own, so whoever comes here met a fault of ours.
PROCESS_TIME_LIMIT = 400
MEMORY, KERAS_MEMORY = 768 << 20, 24 << 30  # of addresses, of which TensorFlow reserves many
POINTS = re.compile(rb"\bpoints\s*=\s*[0-9.]+")


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Let new Python processes look for no module in the current folder: it may be the class."""
    previous = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if previous is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = previous


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
    on_unkept: Callable[[OSError], None] = lambda error: None,
) -> list[Report]:
    """Return a report for each submission, in their order.

    Each one is written to the journal the moment it is known, under a digest of all it depends
    on: started again after it was killed, or after a learner handed in anew, `grade` runs only
    what the journal does not hold. A journal that cannot be written costs that, and no more.

    Args:
        handed_in: The class.
        exercises: A chapter's name or the path of an instructor's exercises.
        journal_file: Where reports are kept between runs.
        seed: What the cases are drawn from.
        workers: Processes; one a core by default.
        executor: Runs the grading instead of a process pool of our own.
        on_report: Called with each report when it is there.
        on_unkept: Called with what stood in the way when a report cannot be kept.

    Raises:
        UserError: If there are no such exercises.
    """
    if is_path(exercises):
        exercises = str(Path(exercises).resolve())
    # A wrong name is better found before anything is started.
    keras = any(one.builds_model for one in exercises_named(exercises))
    scratch.sweep()
    digest, seal = _digest(exercises), _journal_key()
    known = {
        str(entry.get("key")): entry.get("report") for entry in journal.read(journal_file, seal)
    }
    reports: dict[int, Report] = {}
    keys: dict[int, str] = {}
    for index, submission in enumerate(handed_in):
        key = _submission_key(submission, digest, seed)
        report = _report_of(known.get(key))
        if submission.source is None:
            report = grade_one(submission, exercises, seed)
        if report:
            reports[index] = report
            on_report(report)
        else:
            keys[index] = key
    if not keys:
        return list(reports.values())

    pool = executor or GradingPool(min(workers or os.cpu_count() or 1, len(keys)), keras)
    try:
        remaining = {index: handed_in[index] for index in keys}
        for index, report in _graded(pool, remaining, exercises, seed):
            reports[index] = report
            try:
                journal.append(journal_file, [{"key": keys[index], "report": asdict(report)}], seal)
            except OSError as error:
                on_unkept(error)
            on_report(report)
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)
    return [reports[index] for index in range(len(handed_in))]


def _graded(
    pool: Executor, submissions: Mapping[int, Submission], exercises: str, seed: int
) -> Iterator[tuple[int, Report]]:
    """Yield the report on each submission with its index, in the order in which they are known."""
    indices = {
        pool.submit(grade_one, submission, exercises, seed): index
        for index, submission in submissions.items()
    }
    for future in as_completed(indices):
        index = indices[future]
        try:
            report = future.result()
        except Exception as error:
            report = _lost_report(submissions[index], exercises, seed, error)
        yield index, report


class GradingPool(Executor):
    """Processes that grade, each one call at a time; one that dies costs only the call it ran.

    A call whose process dies is tried once more, in a new one: perhaps the system killed it for
    what others had taken.

    Args:
        count: How many processes.
        keras: Whether they load Keras, and so need more memory.
    """

    def __init__(self, count: int, keras: bool = False) -> None:
        self._keras = keras
        self._threads = ThreadPoolExecutor(count)
        self._free: queue.SimpleQueue[ProcessPoolExecutor] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(self._process())

    def submit(self, function: Callable[..., T], /, *args: Any, **keywords: Any) -> "Future[T]":
        """Call a function in the next process that is free.

        Its future raises `BrokenProcessPool` if two processes died of it, one after the other.
        """
        return self._threads.submit(self._call, function, args, keywords)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when their calls are done."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        while not self._free.empty():
            self._free.get().shutdown(wait, cancel_futures=cancel_futures)

    def _call(self, function: Callable[..., T], args: Any, keywords: Any) -> T:
        process = self._free.get()
        try:
            started, retried = time.monotonic(), False
            while True:
                try:
                    return process.submit(_bounded, function, args, keywords).result()
                except (BrokenProcessPool, BlockingIOError):  # it died, or was not let start
                    process.shutdown(wait=False)
                    process = self._process()
                    if retried or time.monotonic() - started > PROCESS_TIME_LIMIT / 2:
                        raise
                    time.sleep(1)
                    retried = True
        finally:
            self._free.put(process)

    def _process(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1,
            # Forking a process that has threads, as a notebook has, can deadlock.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_initialize_process,
            initargs=(self._keras,),
        )


def _bounded(function: Callable[..., T], args: Any, keywords: Any) -> T:
    """Call a function; whoever takes too long is ended, even if it never lets go of Python."""
    with open(os.devnull, "w") as null_device:
        faulthandler.dump_traceback_later(PROCESS_TIME_LIMIT, exit=True, file=null_device)
        try:
            return function(*args, **keywords)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _initialize_process(keras: bool) -> None:
    """Bound a process that grades, and let it end with the one that started it."""
    _end_with_parent()
    # Workers are started from here, and set a limit of their own: this one is not handed on.
    lockdown.memory_limiter(KERAS_MEMORY if keras else MEMORY, for_good=False)()


def _journal_key() -> bytes:
    """Return this user's key to journals; no hand-in knows it, wherever the journal lies."""
    with contextlib.suppress(OSError, RuntimeError):  # a user without a home
        file = state_file().with_name("journal.key")
        if not file.exists():
            files.publish(file, secrets.token_bytes(32))
            file.chmod(0o600)
        return file.read_bytes()
    return secrets.token_bytes(32)


def grade_one(submission: Submission, exercises: str, seed: int) -> Report:
    """Return the report on one submission; runs in a process, or on a machine, of its own."""
    if submission.source is None:
        problem = submission.problem
        return _uniform_report(
            submission, exercises, seed, submission.status, problem, notes=(problem,)
        )
    return cleaned(
        judge_of_thread().check(
            submission.source,
            exercises_named(exercises),
            path=submission.path,
            learner=submission.learner,
            seed=seed,
        )
    )


def _uniform_report(
    submission: Submission,
    exercises: str,
    seed: int,
    status: Status,
    message: str,
    notes: tuple[str, ...] = (),
) -> Report:
    """Return a report that says the same of every exercise; nothing was run."""
    verdicts = tuple(
        Verdict(one.name, one.chapter, status, message, points=one.points)
        for one in exercises_named(exercises)
    )
    return Report(submission.learner, submission.path, verdicts, "", seed, notes=notes)


def _lost_report(submission: Submission, exercises: str, seed: int, error: Exception) -> Report:
    """Return the report on a hand-in whose grading itself was lost."""
    reason = str(error)[:300] or "no more is known"
    if isinstance(error, BrokenProcessPool):
        reason = "the process that graded it was ended, for its time or its memory"
    text = printable(f"The checker failed at this hand-in ({type(error).__name__}: {reason}).")
    return _uniform_report(submission, exercises, seed, Status.CHECKER_ERROR, text, notes=(text,))


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
        # What an exercise is worth changes no verdict.
        digest.update(hashlib.sha256(POINTS.sub(b"", file.read_bytes())).digest())
    return digest.hexdigest()


def _submission_key(submission: Submission, digest: str, seed: int) -> str:
    fields = [digest, str(seed), submission.learner, submission.path]
    parts = [part.encode() for part in fields] + [submission.source or b""]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _report_of(entry: Any) -> Report | None:
    """Return the report in a row of the journal, or None if it is not one of ours."""
    try:
        verdicts = tuple(
            Verdict(**{**verdict, "status": Status(verdict["status"])})
            for verdict in entry["verdicts"]
        )
        return Report(**{**entry, "verdicts": verdicts, "notes": tuple(entry["notes"])})
    except (TypeError, KeyError, ValueError):
        return None
