"""The authoring proof: an exercise shows that it tells right from wrong before a learner sees it.

What it proves of one exercise, for one seed: the reference passes and leaves its arguments alone;
the stub does not pass; every mistake returns something wrong and is recognised by its own sentence;
no two of them look alike in every case; and the same seed gives the same cases.
"""

import itertools
import sys
from collections.abc import Callable
from typing import Any

from companion.checking.authoring.answer_key import AnswerKey
from companion.checking.authoring.cases import Raised
from companion.checking.authoring.codec import copied
from companion.checking.authoring.comparison import difference, is_finite
from companion.checking.authoring.exercise import Exercise
from companion.checking.verdict import Status


def prove(exercise: Exercise, seed: int = 0) -> list[str]:
    """Return the faults of an exercise, in words; an empty list is the proof.

    Args:
        exercise: The exercise; its author's code runs in this process.
        seed: The seed that the cases are drawn from.
    """
    try:
        key = exercise.answer_key(seed)
        again = exercise.draw(seed)
    except (Exception, SystemExit) as error:
        return [f"{exercise.name} cannot be set up: {type(error).__name__}: {error}"]
    faults = []
    inputs = copied([tuple(case.given.values()) for case in key.cases])
    if difference(inputs, copied(again), rtol=0, atol=0):
        faults.append("The same seed gives other cases: draw from the given rng alone.")
    right = key.verdict(key.outcomes(exercise.reference))
    if right.status is not Status.PASS:
        faults.append(f"The reference does not pass: {right.message}")
    if not all(is_finite(case.expected) for case in key.cases):
        faults.append("The reference makes NaN or infinity: every value must be a finite number.")
    stub = key.verdict(key.outcomes(_stub(exercise)))
    if stub.status is not Status.NOT_ATTEMPTED:
        faults.append(f"The stub is not seen as one: its status is {stub.status}.")
    return faults + _confusions(key)


def _confusions(key: AnswerKey) -> list[str]:
    """Return which mistakes the cases tell neither from the reference nor from each other."""
    faults = []
    for mistake, outcomes in key.mistake_outcomes:
        verdict = key.verdict(outcomes)
        raised = next((one for one in outcomes if isinstance(one, Raised)), None)
        if raised:
            faults.append(
                f"This mistake raises {raised.kind}, where it must return what is wrong: "
                f"{mistake.sentence!r}."
            )
        elif verdict.status is Status.PASS:
            faults.append(
                f"No case tells this mistake from the reference: {mistake.sentence!r}. "
                "Draw cases in which it shows, or tighten the tolerance."
            )
    for (mistake, outcomes), (other, others) in itertools.combinations(key.mistake_outcomes, 2):
        if key.agree(outcomes, others) or key.agree(others, outcomes):
            faults.append(
                f"No case tells these mistakes apart: {mistake.sentence!r} and {other.sentence!r}."
            )
    return faults


def _stub(exercise: Exercise) -> Callable[..., Any]:
    """Return the stub as a function, with the names of the author's file around it."""
    names = dict(vars(sys.modules[exercise.module]))
    exec(compile(exercise.stub, f"<stub of {exercise.name}>", "exec"), names)
    stub: Callable[..., Any] = names[exercise.name]
    return stub
