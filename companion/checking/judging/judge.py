"""The judge: it draws the cases, has the answers run elsewhere, and compares; it runs none itself.

What front ends call::

    from companion.checking.judging.judge import Judge

    with Judge() as judge:
        report = judge.check(source, exercises, learner="ada", path="ada.zip/convolution.py")

`exercises` is a sequence of `Exercise`; the report holds one verdict for each, in their order, or
for those that `only` names. Whatever the learner's code does (fails, hangs, dies, floods) becomes a
`Status` of a verdict and never an exception. A fault of ours (a reference that fails, a worker that
does not start) is `Status.CHECKER_ERROR`. The one exception is `UnknownNameError`, for an `only`
that names no exercise. A `Judge` keeps one worker warm for the next file, serves one thread, and
must be closed (it is a context manager); every file gets a fresh worker, so no learner's code sees
another's. The same source, exercises and seed give the same verdicts but for their seconds.
"""

import codecs
import contextlib
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Self

from companion.checking.authoring.answer_key import AnswerKey
from companion.checking.authoring.cases import Outcome, Raised, Returned
from companion.checking.authoring.codec import MAX_BYTES, Header, Opaque, decode, encode, nbytes
from companion.checking.authoring.exercise import Exercise, find_exercise, known_key
from companion.checking.authoring.models import ModelCase
from companion.checking.judging.models import Models
from companion.checking.judging.runner import LostError, Runner, Start
from companion.checking.judging.worker import MAX_NAMES, MAX_PRINTED
from companion.checking.verdict import Report, Status, Verdict

if TYPE_CHECKING:
    from companion.checking.judging.isolation import Sandbox

TIME_LIMIT = 10.0
# Seconds that all answers of a file may take, in units of what one may take.
FILE_TIME_FACTOR = 6
IMPORT = re.compile(rb"\b(?:import|from)\b")
LIBRARY = re.compile(rb"\b(?:keras|tensorflow)\b")
# Libraries that learners reach for, and that need more than an answer may take.
UNSUPPORTED = re.compile(rb"^[ \t]*(?:import|from)[ \t]+(torch|jax|flax|mxnet)\b", re.MULTILINE)
# What a reply makes happen that is none of ours.
MALFORMED = (KeyError, TypeError, ValueError, RecursionError, MemoryError)
EXPECTED = re.compile("expected = ")
FORGED = "The process sent something that is no answer: does your file write to the judge's pipe?"


class Judge:
    """Checks file after file, with a worker kept warm for the next.

    Args:
        sandbox: The isolation to run answers in; the best that this machine has by default.
        spare: Whether to keep a worker warm; one file alone has no use for it.
        start: Starts what runs answers, in place of a process in the sandbox.
    """

    def __init__(
        self,
        sandbox: "Sandbox | None" = None,
        *,
        spare: bool = True,
        start: Start | None = None,
    ) -> None:
        if start is None:
            # Where there are no processes, as in a browser, it cannot even be imported.
            from companion.checking.judging import isolation

            start = partial(isolation.Worker, sandbox or isolation.best())
        self.start = start
        self.spare = spare
        self.models = Models(start)
        self._spare: Runner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self, *, keras: bool = False) -> None:
        """Start the next worker now, so that it is ready when a file comes."""
        if self._spare is None or self._spare.keras != keras:
            self._end_spare()
            with contextlib.suppress(LostError):  # `fresh_worker` tries again, and says why
                self._spare = self.start(keras)

    def close(self) -> None:
        """End the worker that is kept warm, and the process that runs models."""
        self._end_spare()
        self.models.close()

    def _end_spare(self) -> None:
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
        chosen = select(exercises, only)
        keras = imports_keras(source)
        self.warm(keras=keras)  # it starts while the expected results are computed
        session = _Session(self, source, chosen, PurePath(path).name, keras, time_limit)
        try:
            verdicts = tuple(session.safe_verdict(one, seed) for one in chosen)
        finally:
            session.close()
        if self.spare:
            self.warm(keras=keras)
        return Report(
            learner or PurePath(path).stem,
            path,
            verdicts,
            session.isolation,
            seed,
            time.perf_counter() - started,
        )

    def fresh_worker(self, *, keras: bool) -> Runner:
        """Return a fresh worker, the warm one where there is one.

        Raises:
            LostError: If none can be started.
        """
        self.warm(keras=keras)
        worker, self._spare = self._spare, None
        return worker or self.start(keras)


@dataclass(slots=True)
class _Session:
    """One learner's file being checked: a worker, and another one when that is lost."""

    judge: Judge
    source: bytes
    chosen: Sequence[Exercise]
    file: str
    keras: bool
    time_limit: float
    isolation: str = "no answer was run"
    worker: Runner | None = None
    names: list[str] | None = None
    failed: dict[str, Raised] = field(default_factory=dict)  # by a notebook's cells that raised
    spent: float = 0.0
    load_failure: tuple[Status, str, str] | None = None

    def close(self) -> None:
        """End the worker; nothing of this learner is left."""
        if self.worker is not None:
            self.worker.end()
            self.worker = None

    def safe_verdict(self, exercise: Exercise, seed: int) -> Verdict:
        """Return the verdict on one exercise, whatever happens around it."""
        if self.spent > FILE_TIME_FACTOR * self.time_limit:
            text = f"Not run: what stands before it in your file took {self.spent:.0f} seconds."
            return exercise.verdict(Status.TIMEOUT, text)
        try:
            verdict = self.verdict(exercise, seed)
        except Exception as error:
            self.close()
            text = f"The checker itself fails: {type(error).__name__}: {error}"
            verdict = exercise.verdict(Status.CHECKER_ERROR, text)
        return without_expected(verdict) if seed else verdict

    def verdict(self, exercise: Exercise, seed: int) -> Verdict:
        """Return the verdict on one exercise, whatever the learner's code does."""
        started = time.perf_counter()
        is_answered = exercise.name.encode() in self.source and (
            self.keras or not exercise.builds_model
        )
        if is_answered and exercise.builds_model:
            with contextlib.suppress(LostError):  # `ready` tries again, and says why
                self.judge.models.warm()
        # What is right is worked out while the worker starts.
        if is_answered and (failure := self._exercise_failure(exercise, seed)):
            return failure
        try:
            if is_answered and exercise.builds_model:
                self.judge.models.ready()
            self._load()
        except LostError as lost:
            self.load_failure = (Status.CHECKER_ERROR, str(lost), "")
        if self.load_failure:
            return exercise.verdict(*self.load_failure, seconds=time.perf_counter() - started)
        if exercise.name not in (self.names or ()) and exercise.name in self.failed:
            raised = self.failed[exercise.name]
            return exercise.verdict(*self._import_failure(raised, "The cell of this answer"))
        if missing := self._missing(exercise):
            return exercise.verdict(Status.NOT_ATTEMPTED, missing)
        if failure := self._exercise_failure(exercise, seed):
            return failure
        return self._verdict_of_run(exercise, known_key(exercise, seed))

    def _verdict_of_run(self, exercise: Exercise, key: AnswerKey) -> Verdict:
        """Run the answer on every case, and return the verdict on what comes out."""
        started = time.perf_counter()
        try:
            outcomes = self._outcomes(exercise, key)
        except LostError as lost:
            self.close()
            status, message, _ = with_advice((*self._explain(lost), ""), self.source)
            return exercise.verdict(status, message, seconds=time.perf_counter() - started)
        seconds = time.perf_counter() - started
        try:
            return key.verdict(outcomes, seconds)
        except (MemoryError, OverflowError, RecursionError) as error:
            # Our own values were compared when the exercise was proven: it lies in what came.
            text = f"The result is too large to be compared ({type(error).__name__})."
            return exercise.verdict(Status.FAIL, text, seconds=seconds)
        except Exception as error:
            text = f"The comparison itself fails: {type(error).__name__}: {error}"
            return exercise.verdict(Status.CHECKER_ERROR, text)

    def _missing(self, exercise: Exercise) -> str | None:
        """Return what the file lacks to answer an exercise, or None."""
        assert self.names is not None
        if exercise.name not in self.names:
            exercise_names = {one.name for one in self.chosen}
            others = [name for name in self.names if name not in exercise_names]
            near = get_close_matches(exercise.name, others, n=1, cutoff=0.7)
            hint = f" Did you mean {exercise.name} where you wrote {near[0]}?" if near else ""
            return f"There is no function {exercise.name}.{hint}"
        if exercise.builds_model and not self.keras:
            return "No model is built: your file imports no Keras yet."
        return None

    @staticmethod
    def _exercise_failure(exercise: Exercise, seed: int) -> Verdict | None:
        """Work out what is right, and return a verdict only if the exercise itself fails at it."""
        try:
            known_key(exercise, seed)
        except (Exception, SystemExit) as error:
            text = f"The exercise itself fails: {type(error).__name__}: {error}"
            return exercise.verdict(Status.CHECKER_ERROR, text)
        return None

    def _load(self) -> None:
        """Have the learner's file run, unless that was done or has failed.

        Raises:
            LostError: If no worker starts.
        """
        if self.load_failure or (self.worker is not None and self.names is not None):
            return
        if self.worker is None:
            self.worker = self.judge.fresh_worker(keras=self.keras)
        self.isolation = self.worker.ready()
        # The clock on the wall ends an answer; this bounds what many threads can burn meanwhile.
        processor = self.time_limit * (len(self.chosen) + 1) * (os.cpu_count() or 1)
        header = {"ask": "load", "file": self.file, "seconds": processor, **self._computing()}
        try:
            reply, _ = self._ask(header, [self.source], self.time_limit)
            if "raised" in reply:
                self.load_failure = self._import_failure(_raised(reply))
            else:
                self.names = [str(name)[:100] for name in reply["names"][:MAX_NAMES]]
                self.failed = {
                    str(name)[:100]: _raised(dict(one))
                    for name, one in dict(reply["failed"]).items()
                }
        except LostError as lost:
            self.load_failure = (*self._explain(lost, "while your file was imported"), "")
        except MALFORMED:
            self.load_failure = (Status.ERROR, FORGED, "")
        if self.load_failure:
            self.load_failure = with_advice(self.load_failure, self.source)

    def _outcomes(self, exercise: Exercise, key: AnswerKey) -> list[Outcome]:
        """Return what the answer makes of every case.

        Raises:
            LostError: If the worker is lost on the way.
        """
        deadline = time.perf_counter() + self.time_limit
        bytes_left = MAX_BYTES
        outcomes: list[Outcome] = []
        for case in key.cases:
            shapes = case.shapes if isinstance(case, ModelCase) else None
            call = {"ask": "call", "name": exercise.name, "model": shapes, **self._computing()}
            outcome = self._outcome(call, [case.arguments, case.keywords], deadline)
            if isinstance(case, ModelCase):
                outcome = self._completed(case, outcome, deadline)
            if isinstance(outcome, Returned):
                bytes_left -= nbytes(outcome.value)
                if bytes_left < 0:
                    outcome = Returned(Opaque("value too large to be kept"))
            outcomes.append(outcome)
        return outcomes

    def _completed(self, case: ModelCase, outcome: Outcome, deadline: float) -> Outcome:
        """Return an outcome with what its model computes, and count the time that it takes.

        Raises:
            LostError: If the model takes too much time or memory.
        """
        started = time.perf_counter()
        try:
            return self.judge.models.completed(case, outcome, deadline)
        finally:
            self.spent += time.perf_counter() - started

    def _computing(self) -> Header:
        """Return how long an answer in NumPy may compute: half as long as it may wait.

        A loop without end is so found out in half the time, however busy the machine is.
        """
        return {} if self.keras else {"computing": self.time_limit / 2}

    def _ask(self, header: Header, blobs: Sequence[bytes], limit: float) -> tuple[Header, bytes]:
        """Ask the worker, and count the time that it takes.

        Raises:
            LostError: If the worker is lost.
        """
        assert self.worker is not None
        started = time.perf_counter()
        try:
            return self.worker.ask(header, blobs, limit=limit)
        finally:
            self.spent += time.perf_counter() - started

    def _outcome(self, header: Header, values: list[Any], deadline: float) -> Outcome:
        """Send one request with its values, until `deadline`, and return what came of it.

        Whether the answer changed its arguments is seen in their bytes, before and after.

        Raises:
            LostError: If the worker is lost, or what it sends is no outcome.
        """
        blobs: list[bytes] = []
        arguments = encode(values, blobs)
        request = {**header, "arguments": arguments}
        reply, payload = self._ask(request, blobs, deadline - time.perf_counter())
        try:
            if "raised" in reply:
                return _raised(reply)
            value = decode(reply["value"], payload)
            if header["ask"] != "call":
                return Returned(value)
            left, after = self._ask({"ask": "left"}, (), deadline - time.perf_counter())
            same = json.dumps(left.get("value")) == json.dumps(arguments)
            same = same and after == b"".join(blobs)
            return Returned(value, not same, _printed(reply))
        except MALFORMED as error:
            raise LostError("forged", str(error)) from None

    def _explain(self, lost: LostError, when: str = "") -> tuple[Status, str]:
        """Return what the loss of a worker means for the learner."""
        when = f" {when}" if when else ""
        if lost.reason == "timeout":
            limit = f"{self.time_limit:.3g} seconds"
            if not self.keras:  # the same words on a busy machine, where the clock is first
                limit += f", {self.time_limit / 2:.3g} of them computing"
            return Status.TIMEOUT, f"No answer within {limit}{when}: is there a loop without end?"
        if lost.reason == "memory":
            return Status.MEMORY, f"The memory was used up{when}."
        if lost.reason == "forged":
            return Status.ERROR, FORGED
        return Status.ERROR, f"{lost}".rstrip(".") + f"{when}."

    @staticmethod
    def _import_failure(raised: Raised, what: str = "Your file") -> tuple[Status, str, str]:
        line_text = f" in line {raised.line}" if raised.line else ""
        text = f"{what} cannot be imported: {raised.kind}{line_text}: {raised.message}".rstrip(": ")
        if (raised.missing or "").partition(".")[0] in ("companion", "chapters"):
            text += " (The book's own code is not there while an answer is checked.)"
        details = f"line {raised.line}: {raised.code}" if raised.line else ""
        return Status.MEMORY if raised.memory else Status.ERROR, text, details


def imports_keras(source: bytes) -> bool:
    """Say whether a line of a file imports Keras or TensorFlow, wherever it stands in it.

    It takes a time proportional to the file's length, and believes no parser with it.
    """
    for line in source.split(b"\n"):
        statement = IMPORT.search(line)
        if statement and LIBRARY.search(line, statement.end()):
            return True
    return False


def without_expected(verdict: Verdict) -> Verdict:
    """Return a verdict without the values that were expected: who collects them needs no answer.

    What a recognised mistake says stays, and so do inputs and what was received.
    """
    lines = verdict.details.split("\n")
    if verdict.status is not Status.FAIL or not any(map(EXPECTED.match, lines)):
        return verdict
    message, kept, hidden = verdict.message, [], False
    for line in lines:
        # Further lines of a value are indented.
        hidden = bool(EXPECTED.match(line)) or (hidden and line.startswith(" "))
        if not hidden:
            kept.append(line)
    if verdict.mistake:  # the difference stands below its sentence
        kept[:1] = map(_until_expected, kept[:1])
    if message != verdict.mistake:
        message = _until_expected(message)
    return replace(verdict, message=message, details="\n".join(kept))


def _until_expected(sentence: str) -> str:
    head, word, _ = sentence.partition("expected")
    return f"{head.rstrip(' ,;')}." if word else sentence


def _raised(reply: dict[str, Any]) -> Raised:
    line, missing = reply.get("line"), reply.get("missing")
    return Raised(
        str(reply["raised"])[:100],
        str(reply.get("message", ""))[:500],
        line if type(line) is int and 0 < line < 10**7 else None,
        str(reply.get("code", ""))[:200],
        str(missing)[:100] if missing else None,
        reply.get("memory") is True,
        reply.get("unwritten") is True,
        _printed(reply),
    )


def _printed(reply: dict[str, Any]) -> str:
    return str(reply.get("printed", ""))[:MAX_PRINTED]


def with_advice(failure: tuple[Status, str, str], source: bytes) -> tuple[Status, str, str]:
    """Return what broke a file, with what to do about its encoding, or a library not there."""
    if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        advice = "It is written in UTF-16: save it as UTF-8."
    elif library := UNSUPPORTED.search(source):
        advice = (
            f"Answers use NumPy, and Keras on TensorFlow: do without {library.group(1).decode()}."
        )
    else:
        return failure
    return failure[0], f"{failure[1]} {advice}", failure[2]


def select(exercises: Sequence[Exercise], only: str | Sequence[str] | None) -> tuple[Exercise, ...]:
    """Return the exercises that `only` names, or all of them.

    Raises:
        UnknownNameError: With the nearest name.
    """
    if only is None:
        return tuple(exercises)
    names = [only] if isinstance(only, str) else only
    return tuple(find_exercise(name, exercises) for name in names)
