"""The judge in a web page: an answer runs in the page's own Python, and the verdict is the same.

There are no processes in a browser. The page runs all of this in a web worker
(``chapters/assets/python.mjs``), and ends that worker when an answer takes too long: `checked`
tells when the clock starts, and what to say then. What is checked so is practice: nothing keeps an
answer from the book but that it is put out of sight.
"""

import contextlib
import importlib.abc
import io
import json
import linecache
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np

from companion import catalogue
from companion.checking.authoring.codec import Header, receive
from companion.checking.authoring.exercise import Exercise, exercises_in, find_exercise
from companion.checking.judging import answer_files
from companion.checking.judging.judge import Judge
from companion.checking.judging.runner import LostError
from companion.checking.judging.worker import Answers, send_reply
from companion.checking.verdict import Report

BOOK = ("companion", "chapters")


class InProcessRunner:
    """Runs answers in this very process; they cannot be ended from here.

    Args:
        began: Called before code of the learner runs: with what is run (``load`` or ``call``), and
            the seconds that it may take.
    """

    keras = False

    def __init__(self, began: Callable[[str, float], None] = lambda what, seconds: None) -> None:
        self.began = began
        self.answers = Answers()

    def ready(self) -> str:
        """Return the isolation in words."""
        return "none: the page's own Python, which the page ends after the time limit"

    def ask(
        self, header: Header, blobs: Sequence[bytes] = (), *, limit: float
    ) -> tuple[Header, bytes]:
        """Send a request and return the reply."""
        self.began(header["ask"], limit)
        outbox = io.BytesIO()
        with _book_blocked(), np.errstate(), np.printoptions():
            send_reply(self.answers, header, b"".join(blobs), outbox)
        outbox.seek(0)
        return receive(outbox)

    def end(self) -> None:
        """Forget the learner's file."""
        sys.modules.pop(self.answers.module.__name__, None)
        linecache.cache.pop(self.answers.file, None)


class _TimedOut(InProcessRunner):
    """Stands for a runner that is ended for its time, while it does what is named."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__()
        self.what, self.name = what, name

    def ask(
        self, header: Header, blobs: Sequence[bytes] = (), *, limit: float
    ) -> tuple[Header, bytes]:
        if header["ask"] == self.what:
            raise LostError("timeout", "")
        return {"names": [self.name], "failed": {}}, b""


class _BookBlocker(importlib.abc.MetaPathFinder):
    """Finds the book's own modules nowhere."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in BOOK:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


@contextlib.contextmanager
def _book_blocked() -> Iterator[None]:
    """Let nobody import the book meanwhile: it is not there for `companion check` either."""
    book = {
        name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] in BOOK
    }
    finder = _BookBlocker()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        sys.modules.update(book)


def checked(name: str, source: str, seed: int = 0, began: Callable[..., None] | None = None) -> str:
    """Return the report on an answer as JSON, as ``companion check --json`` gives it.

    Args:
        name: The chapter's name and the exercise's, e.g. ``convolution.im2col``.
        source: The learner's file.
        seed: What the cases are drawn from.
        began: Called with ``(seconds, report)`` before code of the learner runs: if it is not done
            within so many seconds, it is to be ended, and that report holds.
    """
    chosen = exercise(name)

    def report(start: Callable[[bool], InProcessRunner]) -> Report:
        with Judge(start=start, spare=False) as judge:
            return judge.check(source.encode(), [chosen], path=f"{chosen.chapter}.py", seed=seed)

    def clock(what: str, seconds: float) -> None:
        if began and what in ended:
            began(seconds, ended[what])

    ended: dict[str, str] = {}
    if began:
        for what in ("load", "call"):
            ended[what] = _json(report(lambda keras, what=what: _TimedOut(what, chosen.name)))  # type: ignore[misc]
    return _json(report(lambda keras: InProcessRunner(clock)))


def _json(report: Report) -> str:
    values: dict[str, Any] = report.to_json()
    return json.dumps(values)


def solution(name: str) -> str:
    """Return as JSON the reference's source of an exercise, e.g. ``convolution.im2col``."""
    return json.dumps(exercise(name).solution)


def answers_in(chapter: str, source: str) -> str:
    """Return as JSON what each exercise's editor holds of a chapter's answer file."""
    return json.dumps(answer_files.split(source, [one.name for one in _exercises(chapter)]))


def answer_file(chapter: str, answers: str) -> str:
    """Return as JSON one file of a chapter's answers, and what its writer should know.

    Args:
        chapter: The chapter's name.
        answers: What each exercise's editor holds, by the exercise's name, as JSON.
    """
    by_name = json.loads(answers)
    ordered = {one.name: by_name[one.name] for one in _exercises(chapter) if one.name in by_name}
    return json.dumps(answer_files.join(chapter, ordered))


def exercise(name: str) -> Exercise:
    """Return the exercise of a whole name, e.g. ``convolution.im2col``.

    Raises:
        UserError: If there is none.
    """
    chapter, _, own = name.partition(".")
    return find_exercise(own, _exercises(chapter))


def _exercises(chapter: str) -> tuple[Exercise, ...]:
    module = catalogue.find_chapter(chapter).module("exercises")
    return exercises_in(module) if module else ()
