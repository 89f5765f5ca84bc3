"""An answer key: the cases of one exercise with what is right, and a verdict on what came."""

import copy
import functools
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.checking.architecture import draw_inputs, draw_weights, model_difference, table
from companion.checking.authoring.exercise import Exercise, GradientExercise, Mistake, ModelExercise
from companion.checking.comparison import difference, show, size
from companion.checking.gradients import Gradient, gradient_difference, gradients
from companion.checking.verdict import Status, Verdict
from companion.checking.worker import built, copied

READABLE = 60
MAX_MODEL_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Returned:
    """What an answer returned for one case.

    Attributes:
        value: The result.
        changed: Whether the answer changed its arguments.
    """

    value: Any
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Raised:
    """What an answer raised for one case.

    Attributes:
        kind: The exception's class.
        message: What it says.
        line: Where in the learner's file.
        code: What stands there.
        missing: The module that could not be imported.
        memory: Whether memory ran out.
        unwritten: Whether the stub was still there.
    """

    kind: str
    message: str
    line: int | None = None
    code: str = ""
    missing: str | None = None
    memory: bool = False
    unwritten: bool = False


Outcome = Returned | Raised


class AnswerKey:
    """The cases that a seed gives one exercise, what is right, and what each mistake gives.

    Building it runs the author's code, in this process: it is trusted.

    Args:
        exercise: The exercise.
        seed: The seed that the cases are drawn from.
    """

    def __init__(self, exercise: Exercise, seed: int) -> None:
        self.exercise = exercise
        self.seed = seed
        self.cases = exercise.draw(seed)
        self.extras = [self._extra(case) for case in self.cases]
        self.expected = [self._expected(place) for place in range(len(self.cases))]

    def request(self, place: int) -> list[Any]:
        """Return what is sent for a case: arguments, named arguments, weights and inputs."""
        arguments, named = self.exercise.split(self.cases[place])
        return [arguments, named, *self.extras[place]]

    def run(self, function: Callable[..., Any], place: int) -> Outcome:
        """Call a function of this very process on a case."""
        arguments, named, weights, inputs = copy.deepcopy(self.request(place))
        sent = copied([arguments, named])
        try:
            value = function(*arguments, **named)
            if isinstance(self.exercise, ModelExercise):
                value = built(value, weights, inputs)
            came = copied(value)
        except (Exception, SystemExit) as error:
            return Raised(
                type(error).__name__,
                str(error),
                _line(error, function),
                memory=isinstance(error, MemoryError),
                unwritten=isinstance(error, NotImplementedError),
            )
        changed = difference(sent, copied([arguments, named]), rtol=0, atol=0) is not None
        return Returned(came, changed)

    @functools.cached_property
    def mistaken(self) -> list[tuple[Mistake, list[Outcome]]]:
        """What each known mistake makes of the cases."""
        places = range(len(self.cases))
        return [
            (mistake, [self.run(mistake.function, place) for place in places])
            for mistake in self.exercise.mistakes
        ]

    def difference(self, expected: Any, received: Any) -> str | None:
        """Return a sentence on how two results differ, or None if they do not."""
        rtol, atol = self.exercise.rtol, self.exercise.atol
        if isinstance(self.exercise, ModelExercise):
            return model_difference(expected, received, rtol=rtol, atol=atol)
        if isinstance(expected, list) and expected and isinstance(expected[0], Gradient):
            return gradient_difference(expected, received, rtol=rtol, atol=atol)
        return difference(expected, received, rtol=rtol, atol=atol)

    def agrees(self, outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> bool:
        """Return whether two answers come out the same in every case."""
        return len(outcomes) == len(others) and all(
            isinstance(one, Raised) == isinstance(other, Raised)
            and (
                one.kind == other.kind
                if isinstance(one, Raised) and isinstance(other, Raised)
                else self.difference(other.value, one.value) is None  # type: ignore[union-attr]
            )
            for one, other in zip(outcomes, others, strict=True)
        )

    def diagnose(self, outcomes: Sequence[Outcome]) -> Mistake | None:
        """Return the one known mistake that explains every case, if there is exactly one."""
        fitting = [mistake for mistake, made in self.mistaken if self.agrees(outcomes, made)]
        return fitting[0] if len(fitting) == 1 else None

    def verdict(self, outcomes: Sequence[Outcome], seconds: float = 0.0) -> Verdict:
        """Return the verdict on what an answer returned or raised, case by case."""
        wrong = [
            (place, outcome, message)
            for place, outcome in enumerate(outcomes)
            if (message := self._fault(place, outcome))
        ]
        if not wrong:
            return self.make(Status.PASS, "Right.", seconds=seconds)
        short = [one for one in wrong if size(self.cases[one[0]]) <= READABLE]
        place, outcome, message = (
            short[0] if short else min(wrong, key=lambda one: size(self.cases[one[0]]))
        )
        mistake = self.diagnose(outcomes)
        details = self._details(place, outcome)
        if mistake:
            details = f"{message}\n{details}"
        if isinstance(outcome, Raised):
            if outcome.unwritten:
                return self.make(Status.NOT_ATTEMPTED, "Not written yet.", seconds=seconds)
            status = Status.MEMORY if outcome.memory else Status.ERROR
        else:
            status = Status.FAIL
        sentence = mistake.sentence if mistake else None
        return self.make(status, sentence or message, details, sentence, seconds)

    def make(
        self,
        status: Status,
        message: str,
        details: str = "",
        mistake: str | None = None,
        seconds: float = 0.0,
    ) -> Verdict:
        """Return a verdict on this exercise."""
        return blank(self.exercise, status, message, details, mistake, seconds)

    def _extra(self, case: Sequence[Any]) -> list[list[Any]]:
        """Draw the weights and the inputs that a model is run with."""
        if not isinstance(self.exercise, ModelExercise):
            return [[], []]
        rng = np.random.default_rng(self.seed)
        arguments, named = self.exercise.split(case)
        model = self.exercise.reference(*arguments, **named)
        weights, inputs = draw_weights(model, rng), draw_inputs(model, rng)
        if sum(one.nbytes for one in [*weights, *inputs]) > MAX_MODEL_BYTES:
            return [[], []]  # compared by its description alone
        return [weights, inputs]

    def _expected(self, place: int) -> Any:
        if isinstance(self.exercise, GradientExercise):
            return gradients(self.exercise, copy.deepcopy(self.cases[place]))
        arguments, named, weights, inputs = copy.deepcopy(self.request(place))
        value = self.exercise.reference(*arguments, **named)
        if isinstance(self.exercise, ModelExercise):
            value = built(value, weights, inputs)
        return copied(value)

    def _fault(self, place: int, outcome: Outcome) -> str | None:
        """Return what is wrong with the outcome of one case, or None."""
        if isinstance(outcome, Raised):
            where = f" in line {outcome.line}" if outcome.line else ""
            text = f"{outcome.kind}{where}: {outcome.message}".rstrip(": ")
            if outcome.kind == "TypeError" and not outcome.line and "argument" in outcome.message:
                text += f". Keep the signature: {self.exercise.name}{self.exercise.signature}."
            return text
        wrong = self.difference(self.expected[place], outcome.value)
        if wrong is None and outcome.changed:
            return (
                "The result is right, but your function changes its arguments, which its caller "
                "still needs: work on a copy."
            )
        return wrong

    def _details(self, place: int, outcome: Outcome) -> str:
        """Return one case as text: inputs, expected, received."""
        count = len(self.cases)
        lines = [f"case {place + 1} of {count}"] if count > 1 else []
        for name, value in self.exercise.named(self.cases[place]).items():
            lines.append(_entry(name, value))
        if isinstance(outcome, Raised):
            if outcome.line:
                lines.append(f"line {outcome.line}: {outcome.code}")
        elif isinstance(self.exercise, ModelExercise):
            lines.append(table(self.expected[place], outcome.value))
        else:
            expected = self.expected[place]
            if isinstance(expected, list) and expected and isinstance(expected[0], Gradient):
                values = tuple(one.value for one in expected)
                expected = values[0] if len(values) == 1 else values
            lines += [_entry("expected", expected), _entry("received", outcome.value)]
        return "\n".join(lines)


def blank(
    exercise: Exercise,
    status: Status,
    message: str,
    details: str = "",
    mistake: str | None = None,
    seconds: float = 0.0,
) -> Verdict:
    """Return a verdict on an exercise; what came from the learner is made printable."""
    return Verdict(
        exercise.name,
        exercise.chapter,
        status,
        _printable(message[:1000]),
        _printable(details[:6000]),
        mistake,
        exercise.points,
        seconds,
    )


def _line(error: BaseException, function: Callable[..., Any]) -> int | None:
    """Return the last line of the function's own file that the error came through."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [
        number
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == file
    ]
    return lines[-1] if lines else None


def _entry(name: str, value: Any) -> str:
    text = show(value)
    return f"{name} = {text}" if "\n" not in text else f"{name} = " + text.replace("\n", "\n  ")


def _printable(text: str) -> str:
    """Replace what would move a terminal's cursor or cannot be encoded."""
    return "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )
