"""An answer key: the cases of one exercise and seed, and a verdict on what an answer made of them.

The way to a verdict is straight: the cases, each with what is expected; the outcomes of an answer;
their comparison; the diagnosis, by the known mistakes; the verdict.
"""

import functools
import itertools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from companion.checking.authoring.cases import Case, Outcome, Raised, Returned, entry
from companion.checking.authoring.changed_inputs import changed_inputs, changed_references
from companion.checking.authoring.comparison import as_array, is_finite, size
from companion.checking.authoring.fingerprint import fingerprint
from companion.checking.authoring.mistakes import Mistake
from companion.checking.authoring.raised import meaning
from companion.checking.authoring.relations import relation
from companion.checking.verdict import Status, Verdict

READABLE = 60
# So many numbers, or so many different ones, do not agree by chance.
MANY_NUMBERS, DISTINCT_NUMBERS = 40, 4
# What is tried to explain wrong answers to one exercise: in all, numbers that are kept, and seconds
# of the processor, which no exercise of the book comes near to.
MAX_NUMBERS, MAX_SECONDS = 5_000_000, 20.0
# Faults that tell what was done in every case alike.
OTHER_SHAPE = re.compile("The values are right, but the result has the shape ")
OTHER_TYPE = re.compile(r"The values are right, but the result is (\w+); expected (\w+)")
OTHER_WORDS = re.compile("The words are right, but the result ")
FACTOR = re.compile(r"The gradient of `\w+` (has the wrong sign|is wrong by the factor)")
CHANGED = (
    "The result is right, but your function changes its arguments, which its caller still needs: "
    "work on a copy."
)
MISSPELT = (
    "The words are right, but not as the task writes them: mind capitals, blanks and underscores."
)
NOTHING_AT_ALL = "Your function returns nothing: is a `return` missing at its end?"
NOTHING_IN_A_BRANCH = (
    "Your function returns nothing in some cases, and is right in the others: is a `return` "
    "missing behind an `if`?"
)
MISSHAPEN = "The values are right, but not in the shape that is asked for."


@dataclass(eq=False)
class AnswerKey:
    """The cases that a seed gives one exercise, what is right, and what each mistake gives.

    Attributes:
        cases: The cases, each with what is right.
        mistakes: The known mistakes.
        call: The function's name and signature, for messages.
        make: Makes a verdict of a status, a message, details, a mistake and seconds.
        related: Whether a wrong result may be explained by the right one, and by other inputs.
    """

    cases: Sequence[Case]
    mistakes: Sequence[Mistake]
    call: str
    make: Callable[..., Verdict]
    related: bool = True

    def outcomes(self, function: Callable[..., Any]) -> list[Outcome]:
        """Return what a function of this very process makes of every case."""
        return [case.run(function) for case in self.cases]

    def verdict(self, outcomes: Sequence[Outcome], seconds: float = 0.0) -> Verdict:
        """Return the verdict on what an answer returned or raised, case by case."""
        outcomes = [
            replace(one, value=case.compact(one.value)) if isinstance(one, Returned) else one
            for case, one in zip(self.cases, outcomes, strict=True)
        ]
        faults = {
            index: fault
            for index, (case, outcome) in enumerate(zip(self.cases, outcomes, strict=True))
            if (fault := self._fault(case, outcome))
        }
        if not faults:
            right = zip(self.cases, outcomes, strict=True)
            remarks = [case.remark(one.value) for case, one in right if isinstance(one, Returned)]
            message = " ".join(["Right.", *list(filter(None, remarks))[:1]])
            printed = next(filter(None, map(_printed, outcomes)), "")
            return self.make(Status.PASS, message, printed, seconds=seconds)
        sizes = {index: size(list(self.cases[index].given.values())) for index in faults}
        readable = [index for index in faults if sizes[index] <= READABLE]
        index = readable[0] if readable else min(faults, key=lambda index: sizes[index])
        outcome = outcomes[index]
        status = Status.FAIL
        if isinstance(outcome, Raised):
            if outcome.unwritten:
                return self.make(Status.NOT_ATTEMPTED, "Not written yet.", seconds=seconds)
            status = Status.MEMORY if outcome.memory else Status.ERROR
        message, details = faults[index], self._details(index, outcome)
        mistake = self.diagnose(outcomes)
        sentence = mistake.sentence if mistake else self.explanation(outcomes, faults)
        if not sentence and isinstance(outcome, Raised):
            sentence = meaning(outcome)
            message = f"{message}. {sentence}" if sentence else message
        elif sentence and sentence not in (message, MISSHAPEN):
            message, details = sentence, f"{message}\n{details}"
        computed = "" if mistake else self._fingerprint(outcomes)
        return self.make(status, message, details, sentence, seconds, computed)

    def _fingerprint(self, outcomes: Sequence[Outcome]) -> str:
        """Return a digest of what a wrong answer makes of the cases."""
        return fingerprint(
            case.computed(one.value) if isinstance(one, Returned) else f"raised {one.kind}"
            for case, one in zip(self.cases, outcomes, strict=True)
        )

    @functools.cached_property
    def mistake_outcomes(self) -> list[tuple[Mistake, list[Outcome]]]:
        """What each known mistake makes of the cases."""
        return [(mistake, self.outcomes(mistake.function)) for mistake in self.mistakes]

    def diagnose(self, outcomes: Sequence[Outcome]) -> Mistake | None:
        """Return the one known mistake that explains every case, if there is exactly one."""
        matches = [
            mistake
            for mistake, expected_outcomes in self.mistake_outcomes
            if self.agree(expected_outcomes, outcomes)
        ]
        return matches[0] if len(matches) == 1 else None

    @functools.cached_property
    def candidates(self) -> list[tuple[str, list[Any]]]:
        """What comes out for other inputs and of a changed reference, each with its sentence."""
        first = self.cases[0]
        if first.reference is None:
            return []
        inputs = [case.given for case in self.cases]
        by_name = {name for case in self.cases for name in case.keywords}
        candidates, end = [], time.process_time() + MAX_SECONDS
        room = MAX_NUMBERS
        for sentence, values in itertools.chain(
            changed_inputs(first.reference, inputs, by_name),
            changed_references(first.reference, inputs, by_name),
        ):
            if (
                size(values) <= room
                and is_finite(values)
                and _is_distinctive(values)
                and any(case.fault(value) for case, value in zip(self.cases, values, strict=True))
            ):
                candidates.append((sentence, values))
                room -= size(values)
            if time.process_time() > end:
                break
        return candidates

    def explanation(self, outcomes: Sequence[Outcome], faults: Mapping[int, str]) -> str | None:
        """Return what every wrong result has to do with a right one, where that can be seen."""
        kinds = set(faults.values())
        if kinds == {CHANGED}:
            return CHANGED
        wrong = [outcomes[index] for index in faults]
        if all(isinstance(one, Returned) and one.value is None for one in wrong):
            return NOTHING_AT_ALL if len(wrong) == len(outcomes) else NOTHING_IN_A_BRANCH
        if not self.related or not all(
            isinstance(one, Returned) and not one.changed for one in outcomes
        ):
            return None
        for fault, sentence in ((OTHER_SHAPE, MISSHAPEN), (OTHER_WORDS, MISSPELT)):
            if all(map(fault.match, kinds)):
                return sentence
        if len(kinds) == 1 and all(FACTOR.match(one) or OTHER_TYPE.match(one) for one in kinds):
            return kinds.pop()

        def agrees(index: int, value: Any) -> bool:
            outcome = outcomes[index]
            assert isinstance(outcome, Returned)
            return self.cases[index].difference(value, outcome.value) is None

        explanation = relation([(case.plain, case.given) for case in self.cases], agrees)
        others = (
            sentence
            for sentence, values in self.candidates
            if all(agrees(index, value) for index, value in enumerate(values))
        )
        return explanation or next(others, None) or self._surplus(outcomes)

    def _surplus(self, outcomes: Sequence[Outcome]) -> str | None:
        """Return a sentence if each result holds what is right, and more than is asked for."""
        values = [one.value for one in outcomes if isinstance(one, Returned)]
        pairs = list(zip(self.cases, values, strict=True))
        if not all(_is_sequence(value) and len(value) > 1 for value in values):
            return None
        if all(_is_sequence(case.plain) for case in self.cases):
            count = len(self.cases[0].plain)
            if all(case.fault(value[:count]) is None for case, value in pairs):
                return f"The first {count} parts of your result are right: return those alone."
        elif not any(isinstance(case.plain, dict) for case in self.cases):
            for part in range(min(map(len, values))):
                if all(case.fault(value[part]) is None for case, value in pairs):
                    return f"Part {part + 1} of your result is right: return it alone."
        return None

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
            line_text = f" in line {outcome.line}" if outcome.line else ""
            text = f"{outcome.kind}{line_text}: {outcome.message}".rstrip(": ")
            if outcome.kind == "TypeError" and not outcome.line and "argument" in outcome.message:
                text += f". Keep the signature: {self.call}."
            return text
        fault = case.fault(outcome.value)
        if fault and outcome.value is None:
            return f"Is a `return` missing? {fault}"
        if fault is None and outcome.changed:
            return CHANGED
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
        return "\n".join([*lines, *filter(None, [_printed(outcome)])])


def _is_distinctive(values: Sequence[Any]) -> bool:
    """Say whether results are more than a few small whole numbers, which agree by chance."""
    parts = [part for value in values for part in (value if _is_sequence(value) else [value])]
    arrays = [array.ravel() for array in map(as_array, parts) if array is not None]
    if not arrays:
        return True
    numbers = np.concatenate(arrays)
    if not numbers.size:
        return False
    integers = (
        np.equal(np.round(abs(numbers)), abs(numbers)).all() and abs(numbers).max(initial=0) < 10
    )
    return (
        not integers or numbers.size >= MANY_NUMBERS or len(np.unique(numbers)) >= DISTINCT_NUMBERS
    )


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _printed(outcome: Outcome) -> str:
    """Return what an answer printed, for its learner."""
    text = outcome.printed.rstrip().replace("\n", "\n  ")
    return f"printed: {text}" if text else ""
