"""An answer key: the cases of one exercise and seed, and a verdict on what an answer made of them.

The way to a verdict is straight: the cases, each with what is expected; the outcomes of an answer;
their comparison; the diagnosis, by the known mistakes; the verdict.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from companion.checking.authoring.cases import Case, Outcome, Raised, Returned, entry
from companion.checking.authoring.comparison import size
from companion.checking.authoring.mistakes import Mistake
from companion.checking.verdict import Status, Verdict

READABLE = 60


@dataclass(eq=False)
class AnswerKey:
    """The cases that a seed gives one exercise, what is right, and what each mistake gives.

    Attributes:
        cases: The cases, each with what is right.
        mistakes: The known mistakes.
        call: The function's name and signature, for messages.
        make: Makes a verdict of a status, a message, details, a mistake and seconds.
    """

    cases: Sequence[Case]
    mistakes: Sequence[Mistake]
    call: str
    make: Callable[..., Verdict]

    def outcomes(self, function: Callable[..., Any]) -> list[Outcome]:
        """Return what a function of this very process makes of every case."""
        return [case.run(function) for case in self.cases]

    def verdict(self, outcomes: Sequence[Outcome], seconds: float = 0.0) -> Verdict:
        """Return the verdict on what an answer returned or raised, case by case."""
        faults = {
            index: fault
            for index, (case, outcome) in enumerate(zip(self.cases, outcomes, strict=True))
            if (fault := self._fault(case, outcome))
        }
        if not faults:
            return self.make(Status.PASS, "Right.", seconds=seconds)
        sizes = {index: size(list(self.cases[index].given.values())) for index in faults}
        short = [index for index in faults if sizes[index] <= READABLE]
        index = short[0] if short else min(faults, key=lambda index: sizes[index])
        outcome, mistake = outcomes[index], self.diagnose(outcomes)
        details = self._details(index, outcome)
        status = Status.FAIL
        if isinstance(outcome, Raised):
            if outcome.unwritten:
                return self.make(Status.NOT_ATTEMPTED, "Not written yet.", seconds=seconds)
            status = Status.MEMORY if outcome.memory else Status.ERROR
        if mistake:
            details = f"{faults[index]}\n{details}"
            return self.make(status, mistake.sentence, details, mistake.sentence, seconds)
        return self.make(status, faults[index], details, seconds=seconds)

    @functools.cached_property
    def mistaken(self) -> list[tuple[Mistake, list[Outcome]]]:
        """What each known mistake makes of the cases."""
        return [(mistake, self.outcomes(mistake.function)) for mistake in self.mistakes]

    def diagnose(self, outcomes: Sequence[Outcome]) -> Mistake | None:
        """Return the one known mistake that explains every case, if there is exactly one."""
        fitting = [mistake for mistake, made in self.mistaken if self.agree(made, outcomes)]
        return fitting[0] if len(fitting) == 1 else None

    def agree(self, outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> bool:
        """Return whether the second answer comes out as the first does, in every case."""
        return len(outcomes) == len(others) and all(
            case.difference(one.value, other.value) is None
            if isinstance(one, Returned) and isinstance(other, Returned)
            else isinstance(one, Raised) and isinstance(other, Raised) and one.kind == other.kind
            for case, one, other in zip(self.cases, outcomes, others, strict=True)
        )

    def _fault(self, case: Case, outcome: Outcome) -> str | None:
        """Return what is wrong with the outcome of one case, or None."""
        if isinstance(outcome, Raised):
            where = f" in line {outcome.line}" if outcome.line else ""
            text = f"{outcome.kind}{where}: {outcome.message}".rstrip(": ")
            if outcome.kind == "TypeError" and not outcome.line and "argument" in outcome.message:
                text += f". Keep the signature: {self.call}."
            return text
        fault = case.fault(outcome.value)
        if fault is None and outcome.changed:
            return (
                "The result is right, but your function changes its arguments, which its caller "
                "still needs: work on a copy."
            )
        return fault

    def _details(self, index: int, outcome: Outcome) -> str:
        """Return one case as text: inputs, expected, received."""
        case, count = self.cases[index], len(self.cases)
        lines = [f"case {index + 1} of {count}"] if count > 1 else []
        lines += [entry(name, value) for name, value in case.given.items()]
        if isinstance(outcome, Returned):
            lines += case.shown(outcome.value)
        elif outcome.line:
            lines.append(f"line {outcome.line}: {outcome.code}")
        return "\n".join(lines)
