"""The judge: it draws the cases, has the answers run elsewhere, and compares; it runs none itself.

What front ends call::

    from companion.checking.judge import Judge, check_file

    report = check_file("convolution.py", exercises, seed=0)      # one file, once

    with Judge() as judge:                                         # many files, or --watch
        report = judge.check(source, exercises, learner="ada", path="ada.zip/convolution.py")

`exercises` is a sequence of `Exercise` (see `companion.checking.finding`); the report holds one
verdict for each, in their order, or for those that `only` names. Whatever the learner's code does
(fails, hangs, dies, floods) becomes a `Status` of a verdict and never an exception. A fault of
ours (a reference that fails, a worker that does not start) is `Status.CHECKER_ERROR`. The two
exceptions are `UserError` for a path that is not there or no file, and `UnknownNameError` for an
`only` that names no exercise. A `Judge` keeps one worker warm for the next file, remembers the
expected results, serves one thread, and must be closed (it is a context manager); every file gets
a fresh worker, so no learner's code sees another's. The same source, exercises and seed give the
same verdicts but for their seconds.
"""

import contextlib
import json
import os
import re
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Self

from companion.checking.answer_key import AnswerKey, Outcome, Raised, Returned, blank
from companion.checking.authoring.exercise import Exercise, ModelExercise
from companion.checking.finding import find_exercise
from companion.checking.isolation import Box, LostError, Worker, best
from companion.checking.verdict import Report, Status, Verdict
from companion.checking.worker import MAX_NAMES, decode, encode
from companion.errors import UserError

TIME_LIMIT = 10.0
MAX_SOURCE = 1_000_000
KERAS = re.compile(rb"\b(?:import|from)\b.*\b(?:keras|tensorflow)\b")
FORGED = "The process sent something that is no answer: does your file write to the judge's pipe?"


class Judge:
    """Checks file after file, with a worker kept warm for the next.

    Args:
        box: The isolation to run answers in; the best that this machine has by default.
        spare: Whether to keep a worker warm; one file alone has no use for it.
    """

    def __init__(self, box: Box | None = None, *, spare: bool = True) -> None:
        self.box = box or best()
        self.spare = spare
        self._spare: Worker | None = None
        self._keys: dict[tuple[Exercise, int], AnswerKey] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def warm(self, *, keras: bool = False) -> None:
        """Start the next worker now, so that it is ready when a file comes."""
        if self._spare is None or self._spare.keras != keras:
            self.close()
            with contextlib.suppress(LostError):  # `take` tries again, and says why
                self._spare = Worker(self.box, keras)

    def close(self) -> None:
        """End the worker that is kept warm."""
        if self._spare is not None:
            self._spare.end()
            self._spare = None

    def check(
        self,
        source: bytes,
        exercises: Sequence[Exercise],
        *,
        path: str = "answer.py",
        learner: str = "",
        seed: int = 0,
        only: str | Sequence[str] | None = None,
        time_limit: float = TIME_LIMIT,
    ) -> Report:
        """Check a learner's source and return one verdict for each exercise.

        Args:
            source: The bytes of the learner's file.
            exercises: What it answers.
            path: Where the source was read, for the report.
            learner: Who it belongs to; the file's name by default.
            seed: The seed that the cases are drawn from.
            only: The name of the exercise (or the names) to check; all by default.
            time_limit: Seconds that an answer may take over all cases of one exercise.

        Raises:
            UnknownNameError: If `only` names no exercise.
        """
        started = time.perf_counter()
        asked = select(exercises, only)
        keras = bool(KERAS.search(source))
        self.warm(keras=keras)  # it starts while the expected results are computed
        # The clock on the wall ends an answer; this bounds what many threads can burn meanwhile.
        processor = time_limit * (len(asked) + 1) * (os.cpu_count() or 1)
        sitting = _Sitting(self, source, asked, PurePath(path).name, keras, time_limit, processor)
        try:
            verdicts = tuple(sitting.verdict(one, seed) for one in asked)
        finally:
            sitting.leave()
        if self.spare:
            self.warm(keras=keras)
        return Report(
            learner or PurePath(path).stem,
            path,
            verdicts,
            sitting.isolation,
            seed,
            time.perf_counter() - started,
        )

    def key(self, exercise: Exercise, seed: int) -> AnswerKey:
        """Return the cases and expected results of an exercise, computed once."""
        known = self._keys.get((exercise, seed))
        if known is None:
            known = self._keys[exercise, seed] = AnswerKey(exercise, seed)
        return known

    def take(self, *, keras: bool) -> Worker:
        """Return a fresh worker, the warm one where there is one.

        Raises:
            LostError: If none can be started.
        """
        self.warm(keras=keras)
        worker, self._spare = self._spare, None
        return worker or Worker(self.box, keras)


class _Sitting:
    """One learner's file under examination: a worker, and another one when that is lost."""

    def __init__(
        self,
        judge: Judge,
        source: bytes,
        asked: Sequence[Exercise],
        file: str,
        keras: bool,
        time_limit: float,
        processor: float,
    ) -> None:
        self.judge = judge
        self.source = source
        self.asked = {one.name for one in asked}
        self.file = file
        self.keras = keras
        self.time_limit = time_limit
        self.processor = processor
        self.isolation = "no answer was run"
        self.worker: Worker | None = None
        self.names: list[str] | None = None
        self.broken: tuple[Status, str, str] | None = None

    def leave(self) -> None:
        """End the worker; nothing of this learner is left."""
        if self.worker is not None:
            self.worker.end()
            self.worker = None

    def verdict(self, exercise: Exercise, seed: int) -> Verdict:
        """Return the verdict on one exercise, whatever the learner's code does."""
        started = time.perf_counter()
        models = isinstance(exercise, ModelExercise)
        if exercise.name.encode() in self.source and (self.keras or not models):
            # What is right is worked out while the worker starts.
            flaw = self._flaw(exercise, seed)
            if flaw:
                return flaw
        try:
            self._load()
        except LostError as lost:
            self.broken = (Status.CHECKER_ERROR, str(lost), "")
        if self.broken:
            return blank(exercise, *self.broken, seconds=time.perf_counter() - started)
        assert self.names is not None
        if exercise.name not in self.names:
            others = [name for name in self.names if name not in self.asked]
            near = get_close_matches(exercise.name, others, n=1, cutoff=0.7)
            hint = f" Did you mean {exercise.name} where you wrote {near[0]}?" if near else ""
            return blank(
                exercise, Status.NOT_ATTEMPTED, f"There is no function {exercise.name}.{hint}"
            )
        if models and not self.keras:
            return blank(
                exercise, Status.NOT_ATTEMPTED, "No model is built: your file imports no Keras yet."
            )
        flaw = self._flaw(exercise, seed)
        if flaw:
            return flaw
        key = self.judge.key(exercise, seed)
        started = time.perf_counter()
        try:
            outcomes = self._answers(key)
        except LostError as lost:
            self.leave()
            status, message = self._explain(lost)
            return blank(exercise, status, message, seconds=time.perf_counter() - started)
        seconds = time.perf_counter() - started
        try:
            return key.verdict(outcomes, seconds)
        except Exception as error:
            text = f"The comparison itself fails: {type(error).__name__}: {error}"
            return blank(exercise, Status.CHECKER_ERROR, text)

    def _flaw(self, exercise: Exercise, seed: int) -> Verdict | None:
        """Work out what is right, and return a verdict only if the exercise itself fails at it."""
        try:
            self.judge.key(exercise, seed)
        except (Exception, SystemExit) as error:
            text = f"The exercise itself fails: {type(error).__name__}: {error}"
            return blank(exercise, Status.CHECKER_ERROR, text)
        return None

    def _load(self) -> None:
        """Have the learner's file run, unless that was done or has failed.

        Raises:
            LostError: If no worker starts.
        """
        if self.broken or (self.worker is not None and self.names is not None):
            return
        if self.worker is None:
            self.worker = self.judge.take(keras=self.keras)
        self.isolation = self.worker.ready()
        limit = self.time_limit
        header = {"ask": "load", "file": self.file, "seconds": self.processor}
        try:
            reply, _ = self.worker.ask(header, [self.source], limit=limit)
            if "raised" in reply:
                self.broken = self._import_failure(_raised(reply))
            else:
                self.names = [str(name)[:100] for name in reply["names"][:MAX_NAMES]]
        except LostError as lost:
            self.broken = (*self._explain(lost, "while your file was imported"), "")
        except (KeyError, TypeError, ValueError):
            self.broken = (Status.ERROR, FORGED, "")

    def _answers(self, key: AnswerKey) -> list[Outcome]:
        """Return what the answer makes of every case.

        Raises:
            LostError: If the worker is lost on the way.
        """
        end = time.perf_counter() + self.time_limit
        model = isinstance(key.exercise, ModelExercise)
        call = {"ask": "call", "name": key.exercise.name, "model": model}
        outcomes: list[Outcome] = []
        for place in range(len(key.cases)):
            arguments, named, weights, inputs = key.request(place)
            outcome = self._outcome(call, [arguments, named], end)
            shapes = json.dumps([list(one.shape) for one in weights])
            # The weights' shapes are half of the answer: only a model that has them is given any.
            if inputs and isinstance(outcome, Returned) and _shapes(outcome.value) == shapes:
                found = self._outcome({"ask": "run"}, [weights, inputs], end)
                if isinstance(found, Returned):
                    outcome.value["outputs"] = found.value
                else:
                    outcome = found
            outcomes.append(outcome)
        return outcomes

    def _outcome(self, header: dict[str, Any], values: list[Any], end: float) -> Outcome:
        """Send one request with its values, until `end`, and return what came of it.

        Raises:
            LostError: If the worker is lost, or what it sends is no outcome.
        """
        assert self.worker is not None
        blobs: list[bytes] = []
        header = {**header, "arguments": encode(values, blobs)}
        reply, payload = self.worker.ask(header, blobs, limit=end - time.perf_counter())
        try:
            if "raised" in reply:
                return _raised(reply)
            return Returned(decode(reply["value"], payload), bool(reply["changed"]))
        except (KeyError, TypeError, ValueError) as error:
            raise LostError("forged", str(error)) from None

    def _explain(self, lost: LostError, when: str = "") -> tuple[Status, str]:
        """Return what the loss of a worker means for the learner."""
        when = f" {when}" if when else ""
        if lost.reason == "timeout":
            limit = f"{self.time_limit:.3g} seconds"
            return Status.TIMEOUT, f"No answer within {limit}{when}: is there a loop without end?"
        if lost.reason == "memory":
            return Status.MEMORY, f"The memory was used up{when}."
        if lost.reason == "forged":
            return Status.ERROR, FORGED
        return Status.ERROR, f"{lost}".rstrip(".") + f"{when}."

    @staticmethod
    def _import_failure(raised: Raised) -> tuple[Status, str, str]:
        where = f" in line {raised.line}" if raised.line else ""
        text = f"Your file cannot be imported: {raised.kind}{where}: {raised.message}".rstrip(": ")
        if (raised.missing or "").partition(".")[0] in ("companion", "chapters"):
            text += " (The book's own code is not there while an answer is checked.)"
        details = f"line {raised.line}: {raised.code}" if raised.line else ""
        return Status.MEMORY if raised.memory else Status.ERROR, text, details


def _shapes(description: Any) -> str:
    shapes = description.get("shapes") if isinstance(description, dict) else None
    return shapes if isinstance(shapes, str) else ""


def _raised(reply: dict[str, Any]) -> Raised:
    line, missing = reply.get("line"), reply.get("missing")
    return Raised(
        str(reply["raised"])[:100],
        str(reply.get("message", ""))[:500],
        line if type(line) is int else None,
        str(reply.get("code", ""))[:200],
        str(missing)[:100] if missing else None,
        reply.get("memory") is True,
        reply.get("unwritten") is True,
    )


def select(exercises: Sequence[Exercise], only: str | Sequence[str] | None) -> tuple[Exercise, ...]:
    """Return the exercises that `only` names, or all of them.

    Raises:
        UnknownNameError: With the nearest name.
    """
    if only is None:
        return tuple(exercises)
    names = [only] if isinstance(only, str) else list(only)
    return tuple(find_exercise(name, exercises) for name in names)


def check_file(
    path: str | Path,
    exercises: Sequence[Exercise],
    *,
    seed: int = 0,
    only: str | Sequence[str] | None = None,
    time_limit: float = TIME_LIMIT,
    box: Box | None = None,
) -> Report:
    """Check a learner's file and return one verdict for each exercise.

    Args:
        path: The learner's Python file.
        exercises: What it answers.
        seed: The seed that the cases are drawn from.
        only: The name of the exercise (or the names) to check; all by default.
        time_limit: Seconds that an answer may take over all cases of one exercise.
        box: The isolation to run the file in; the best that this machine has by default.

    Raises:
        UserError: If there is no such file, or it is too large to be a learner's.
        UnknownNameError: If `only` names no exercise.
    """
    with Judge(box, spare=False) as judge:
        return judge.check(
            read_source(path),
            exercises,
            path=str(path),
            seed=seed,
            only=only,
            time_limit=time_limit,
        )


def read_source(path: str | Path) -> bytes:
    """Return the bytes of a learner's file.

    Raises:
        UserError: If there is no such file, or it is too large to be a learner's.
    """
    path = Path(path)
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not there"
        raise UserError(f"A learner's Python file is asked for. Received: {path}, which is {kind}.")
    if path.stat().st_size > MAX_SOURCE:
        raise UserError(f"{path} is larger than {MAX_SOURCE:,} bytes: that is no exercise file.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
