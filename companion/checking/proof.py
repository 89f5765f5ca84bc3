"""The authoring proof: an exercise shows that it tells right from wrong before a learner sees it.

What it proves of one exercise, for one seed: the reference passes and leaves its arguments alone;
the stub does not pass; every mistake returns something wrong and is recognised by its own sentence;
no two of them look alike in every case; and the same seed gives the same cases.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from companion.checking.answer_key import AnswerKey, Outcome, Raised
from companion.checking.authoring.exercise import Exercise
from companion.checking.comparison import difference
from companion.checking.verdict import Status, Verdict
from companion.checking.worker import copied


def prove(exercise: Exercise, seed: int = 0) -> list[str]:
    """Return the faults of an exercise, in words; an empty list is the proof.

    Args:
        exercise: The exercise; its author's code runs in this process.
        seed: The seed that the cases are drawn from.
    """
    try:
        key = AnswerKey(exercise, seed)
        again = exercise.draw(seed)
    except (Exception, SystemExit) as error:
        return [f"{exercise.name} cannot be set up: {type(error).__name__}: {error}"]
    faults = []
    if difference(copied(key.cases), copied(again), rtol=0, atol=0):
        faults.append("The same seed gives other cases: draw from the given rng alone.")
    right = _verdict(key, exercise.reference)
    if right.status is not Status.PASS:
        faults.append(f"The reference does not pass: {right.message}")
    stub = _verdict(key, _stub(exercise))
    if stub.status is not Status.NOT_ATTEMPTED:
        faults.append(f"The stub is not seen as one: its status is {stub.status}.")
    return faults + _confusions(key)


def _confusions(key: AnswerKey) -> list[str]:
    """Return which mistakes the cases tell neither from the reference nor from each other."""
    faults = []
    for mistake, outcomes in key.mistaken:
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
    for (mistake, outcomes), (other, others) in itertools.combinations(key.mistaken, 2):
        if key.agrees(outcomes, others) or key.agrees(others, outcomes):
            faults.append(
                f"No case tells these mistakes apart: {mistake.sentence!r} and {other.sentence!r}."
            )
    return faults


def _outcomes(key: AnswerKey, function: Callable[..., Any]) -> Sequence[Outcome]:
    return [key.run(function, place) for place in range(len(key.cases))]


def _verdict(key: AnswerKey, function: Callable[..., Any]) -> Verdict:
    return key.verdict(_outcomes(key, function))


def _stub(exercise: Exercise) -> Callable[..., Any]:
    """Return the stub as a function, with the names of the author's file around it."""
    names = dict(vars(sys.modules[exercise.module]))
    exec(compile(exercise.stub, f"<stub of {exercise.name}>", "exec"), names)
    stub: Callable[..., Any] = names[exercise.name]
    return stub
