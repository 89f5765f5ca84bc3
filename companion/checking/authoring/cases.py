"""A case: what an answer is given, what is right, and what the answer made of it."""

import copy
import functools
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.checking.authoring.codec import copied, encode
from companion.checking.authoring.comparison import compact, difference, show
from companion.checking.authoring.rounding import allowance

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Returned:
    """What an answer returned for one case.

    Attributes:
        value: The result.
        changed: Whether the answer changed its arguments.
        printed: The beginning of what the answer printed.
    """

    value: Any
    changed: bool = False
    printed: str = ""


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
        printed: The beginning of what the answer printed.
    """

    kind: str
    message: str
    line: int | None = None
    code: str = ""
    missing: str | None = None
    memory: bool = False
    unwritten: bool = False
    printed: str = ""


Outcome = Returned | Raised


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case of an exercise: it knows what is right, and how a result is compared and shown.

    This is the case of plain values. Another kind of exercise has a kind of case of its own, which
    overrides what it does otherwise: `comparable`, `difference`, `fault`, `remark` or `shown`.

    Attributes:
        given: The values under the names of the parameters that they go to.
        arguments: Those that are passed by position.
        keywords: Those that are passed by name.
        expected: What is right.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        why: Says of a wrong result what speaks against it, where the exercise knows.
        reference: The trusted function, which shows how far rounding carries.
    """

    given: dict[str, Any]
    arguments: list[Any]
    keywords: dict[str, Any]
    expected: Any
    rtol: float
    atol: float
    why: Callable[..., str | None] | None = None
    reference: Callable[..., Any] | None = None

    @property
    def plain(self) -> Any:
        """What is right, as plain values."""
        return self.expected

    def comparable(self, value: Any) -> Any:
        """Return a result as it is compared: as the worker would send it."""
        return copied(value)

    def compact(self, value: Any) -> Any:
        """Return a result that is quickly compared, however long its lists are."""
        return compact(value)

    def difference(self, expected: Any, received: Any) -> str | None:
        """Return a sentence on how two results differ, or None if they do not."""
        compare = functools.partial(difference, expected, received, rtol=self.rtol, atol=self.atol)
        # What rounding may do costs some runs of the reference, and is asked where it matters.
        return compare() and compare(allowed=self.allowed)

    @functools.cached_property
    def allowed(self) -> Any:
        """How far a right result may be off because it was worked out in float32."""
        if self.reference is None:
            return 0.0
        return allowance(self.reference, self.arguments, self.keywords)

    def fault(self, received: Any) -> str | None:
        """Return a sentence on what is wrong with a result, or None if it is right."""
        sentence = self.difference(self.expected, received)
        reason = self.why(*self.given.values(), received) if sentence and self.why else None
        return reason or sentence

    def computed(self, value: Any) -> Any:
        """Return what of a result tells whether two wrong answers make the same mistake."""
        return value

    def remark(self, received: Any) -> str:
        """Return what is to be said of a result that is right, or an empty text."""
        return ""

    def shown(self, received: Any) -> list[str]:
        """Return what is right and what came, for a reader."""
        return [entry("expected", self.expected), entry("received", received)]

    def run(self, function: Callable[..., Any]) -> Outcome:
        """Call a function of this very process."""
        # Each by itself: an array that is given twice is two arrays to an answer, as in a worker.
        arguments = [copy.deepcopy(value) for value in self.arguments]
        keywords = {name: copy.deepcopy(value) for name, value in self.keywords.items()}
        sent = _bytes([arguments, keywords])
        try:
            value = self.comparable(function(*arguments, **keywords))
        except (Exception, SystemExit) as error:
            return Raised(
                type(error).__name__,
                _text(error),
                _line(error, function),
                memory=isinstance(error, MemoryError),
                unwritten=isinstance(error, NotImplementedError),
            )
        return Returned(value, _bytes([arguments, keywords]) != sent)


def _text(error: BaseException) -> str:
    """Return what an exception says; a learner's own may say nothing that is text."""
    try:
        return str(error)
    except Exception:
        return ""


def _bytes(values: Any) -> tuple[Any, list[bytes]]:
    """Return values as they would be sent: equal only if no byte of them was changed."""
    blobs: list[bytes] = []
    return encode(values, blobs), blobs


def entry(name: str, value: Any) -> str:
    """Return ``name = value``, further lines of the value indented."""
    return f"{name} = " + show(value).replace("\n", "\n  ")


def _line(error: BaseException, function: Callable[..., Any]) -> int | None:
    """Return the last line of the function's own file that the error came through."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [
        number
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == file
    ]
    return lines[-1] if lines else None
