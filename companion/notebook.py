"""The notebook's view: a verdict as rich text, and practice in the learner's own kernel."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from companion.checking.answer_key import AnswerKey
from companion.checking.authoring.exercise import Exercise
from companion.checking.verdict import Status, Verdict

PRACTICE = "This is practice, in your own notebook; `companion check` gives what counts."
COLOURS = {Status.PASS: "#1b7f3b", Status.NOT_ATTEMPTED: "#6b6b6b"}
WRONG = "#b3261e"


@dataclass(frozen=True, slots=True)
class Practice:
    """A verdict on a function of this very session, shown as rich text by a notebook.

    Attributes:
        verdict: How the answer came out.
    """

    verdict: Verdict

    def __str__(self) -> str:
        lines = [f"{self.verdict.exercise}: {self.verdict.status}. {self.verdict.message}"]
        return "\n".join([*lines, *filter(None, [self.verdict.details]), PRACTICE])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self.verdict, PRACTICE)


def practise(exercise: Exercise, answer: Callable[..., Any], *, seed: int = 0) -> Practice:
    """Check a function in this process, unprotected and without a time limit.

    Args:
        exercise: The exercise.
        answer: The learner's function.
        seed: The seed that the cases are drawn from.
    """
    key = _key(exercise, seed)
    started = time.perf_counter()
    outcomes = [key.run(answer, place) for place in range(len(key.cases))]
    return Practice(key.verdict(outcomes, time.perf_counter() - started))


@functools.lru_cache(maxsize=32)
def _key(exercise: Exercise, seed: int) -> AnswerKey:
    return AnswerKey(exercise, seed)


def html(verdict: Verdict, note: str = "") -> str:
    """Return a verdict as HTML: its status, its sentence, the failing case, and a note below.

    Args:
        verdict: What to show.
        note: A remark in small print.
    """
    colour = COLOURS.get(verdict.status, WRONG)
    status = verdict.status.replace("_", " ")
    parts = [
        f'<div style="border-left:4px solid {colour};padding:.2em .8em">'
        f'<b style="color:{colour}">{escape(status)}</b> <code>{escape(verdict.exercise)}</code> '
        f"{escape(verdict.message)}"
    ]
    if verdict.details:
        parts.append(f"<details open><pre>{escape(verdict.details)}</pre></details>")
    if note:
        parts.append(f"<small>{escape(note)}</small>")
    return "".join([*parts, "</div>"])
