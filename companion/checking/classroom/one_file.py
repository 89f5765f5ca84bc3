"""One learner's file checked; nothing is loaded here that only a class needs."""

import atexit
import threading
from collections.abc import Sequence
from pathlib import Path

from companion.checking.classroom.discovery import exercises_named
from companion.checking.classroom.hand_ins import (
    Submission,
    chapter_of,
    learner_name,
    read_submission,
    usual_names,
)
from companion.checking.classroom.reports import cleaned, printable
from companion.checking.judging.judge import Judge
from companion.checking.verdict import Report
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
    shown_path = printable(str(path if name == file.name else path / name))
    if exercises is None:
        exercises = chapter_of([Submission(learner_name(path), shown_path, source)])
    chosen = exercises_named(exercises)
    judge = judge_of_thread()
    report = judge.check(
        source, chosen, path=shown_path, learner=learner_name(path), seed=seed, only=only
    )
    if again:
        judge.warm()
    return cleaned(report)


_of_this_thread = threading.local()


def judge_of_thread() -> Judge:
    """Return this thread's judge: it keeps a worker warm from one learner to the next."""
    if not hasattr(_of_this_thread, "judge"):
        _of_this_thread.judge = Judge()
        atexit.register(_of_this_thread.judge.close)
    judge: Judge = _of_this_thread.judge
    return judge
