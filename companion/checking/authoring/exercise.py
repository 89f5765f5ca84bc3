"""An exercise: the body is the reference solution, the signature and docstring are the stub."""

import ast
import copy
import functools
import inspect
import textwrap
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from companion.checking.authoring.answer_key import AnswerKey
from companion.checking.authoring.cases import Case
from companion.checking.authoring.codec import copied
from companion.checking.authoring.mistakes import Function, Mistakes
from companion.checking.authoring.practice import Practice
from companion.checking.verdict import Status, Verdict
from companion.errors import UnknownNameError

Cases = Callable[[np.random.Generator], Iterable[Any]]


class Hints(list[str]):
    """The hints in the order they are given; calling it adds some."""

    def __call__(self, *sentences: str) -> None:
        """Add hints, the gentlest first."""
        self.extend(sentences)


class Exercise:
    """One exercise: a reference solution with its cases, hints and known mistakes.

    This is the exercise on values. Another kind overrides `case`, and nothing asks for the kind.

    Args:
        reference: The solution; its signature and docstring are what a learner starts from.
        points: What a right answer earns.
        rtol: Relative tolerance.
        atol: Absolute tolerance.

    Attributes:
        name: The function's name.
        chapter: The chapter's name, or the name of an instructor's own file.
        hints: The hints, the gentlest first.
        mistakes: The known mistakes.
        builds_model: Whether the answer is a Keras model, which is run when it is there.

    Raises:
        TypeError: If the function has no docstring.
    """

    builds_model: ClassVar[bool] = False

    def __init__(self, reference: Function, *, points: float, rtol: float, atol: float) -> None:
        task = reference.__doc__ or _docstring(reference)
        if not task:
            raise TypeError(
                f"{reference.__name__} needs a docstring: it is the task that the learner reads."
            )
        self.reference = reference
        self.points = points
        self.rtol = rtol
        self.atol = atol
        self.name: str = reference.__name__
        self.module: str = reference.__module__
        self.chapter: str = self.module.removeprefix("chapters.").partition(".")[0]
        self.signature = inspect.signature(reference)
        self.hints = Hints()
        self.mistakes = Mistakes()
        self._cases: Cases | None = None
        self._why: Callable[..., str | None] | None = None
        self.__name__ = self.name
        self.__doc__ = task
        self.__module__ = self.module
        self.__wrapped__ = reference

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Return what the reference returns."""
        return self.reference(*arguments, **named)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.chapter}.{self.name}>"

    def cases(self, function: Cases) -> Cases:
        """Take `function`, a generator that is given a random generator and yields cases."""
        self._cases = function
        return function

    def why(self, function: Callable[..., str | None]) -> Callable[..., str | None]:
        """Take `function`, which says what speaks against a wrong result of one case.

        It is given the case's values and the result, and returns a sentence, or None.
        """
        self._why = function
        return function

    def mistake(self, sentence: str) -> Callable[[Function], Function]:
        """Take the decorated function as a mistake that `sentence` explains to the learner."""

        def add(function: Function) -> Function:
            self.mistakes(sentence, function)
            return function

        return add

    def draw(self, seed: int) -> list[tuple[Any, ...]]:
        """Return the cases that `seed` gives: tuples of arguments in the signature's order.

        Raises:
            TypeError: If the exercise has no cases.
        """
        if self._cases is None:
            raise TypeError(
                f"{self.name} has no cases: write a generator under @{self.name}.cases."
            )
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        drawn = [
            _with_native_integers(case if isinstance(case, tuple) else (case,))
            for case in self._cases(rng)
        ]
        if not drawn:
            raise TypeError(f"The cases of {self.name} yield nothing.")
        return drawn

    def case(self, values: Sequence[Any], seed: int) -> Case:
        """Return the case that drawn values make, with what is right.

        Args:
            values: Arguments in the signature's order.
            seed: What else is drawn for the case is drawn from this.
        """
        bound = self.bind(values)
        arguments, keywords = copy.deepcopy((bound["arguments"], bound["keywords"]))
        return Case(**bound, expected=copied(self.reference(*arguments, **keywords)))

    def answer_key(self, seed: int) -> AnswerKey:
        """Return the cases with what is right; the author's code runs here, for it is trusted."""
        cases = [self.case(values, seed) for values in self.draw(seed)]
        call = f"{self.name}{self.signature}"
        return AnswerKey(cases, self.mistakes, call, self.verdict, not self.builds_model)

    def bind(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return what every kind of case has: values by name, as they are passed, tolerances."""
        parameters = self.signature.parameters
        if len(values) > len(parameters):
            raise TypeError(
                f"{self.name} takes {len(parameters)} arguments. Received: a case of {len(values)}."
            )
        by_parameter = dict(zip(parameters, values, strict=False))
        by_name = {
            name for name in by_parameter if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        }
        return {
            "given": by_parameter,
            "arguments": [value for name, value in by_parameter.items() if name not in by_name],
            "keywords": {name: value for name, value in by_parameter.items() if name in by_name},
            "rtol": self.rtol,
            "atol": self.atol,
            "why": self._why,
            "reference": self.reference,
        }

    def verdict(
        self,
        status: Status,
        message: str,
        details: str = "",
        mistake: str = "",
        seconds: float = 0,
        computed: str = "",
    ) -> Verdict:
        """Return a verdict on this exercise; what came from the learner is made printable."""
        texts = _printable(message[:1000]), _printable(details[:6000]), mistake or None
        return Verdict(self.name, self.chapter, status, *texts, self.points, seconds, computed)

    @property
    def stub(self) -> str:
        """Source of what the learner starts from: signature, docstring, nothing else."""
        node, lines = self._source()
        docstring = node.body[0]
        indent = " " * docstring.col_offset
        head = lines[node.lineno - 1 : docstring.end_lineno]
        return "\n".join([*head, f"{indent}raise NotImplementedError"]) + "\n"

    @property
    def solution(self) -> str:
        """Source of the reference solution, without its decorator."""
        node, lines = self._source()
        return "\n".join(lines[node.lineno - 1 : node.end_lineno]) + "\n"

    def check(self, answer: Function, *, seed: int = 0) -> Practice:
        """Check a function of this very Python session: practice, and it says so.

        Args:
            answer: The learner's function.
            seed: The seed that the cases are drawn from.

        Returns:
            The verdict, which a notebook shows as rich text.
        """
        key = known_key(self, seed)
        started = time.perf_counter()
        outcomes = key.outcomes(answer)
        return Practice(key.verdict(outcomes, time.perf_counter() - started))

    def _source(self) -> tuple[ast.FunctionDef, list[str]]:
        return _definition(self.reference)


def _definition(function: Function) -> tuple[ast.FunctionDef, list[str]]:
    """Return a function's definition as it stands in its file, and the lines of that."""
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    return node, source.splitlines()


def _docstring(function: Function) -> str | None:
    """Return a function's docstring from its file: Python that optimises (-OO) has dropped it."""
    try:
        return ast.get_docstring(_definition(function)[0], clean=False)
    except (OSError, SyntaxError):  # it was typed in, and no file holds it
        return None


def exercise(
    points: float = 1, *, rtol: float = 1e-6, atol: float = 1e-8
) -> Callable[[Function], Exercise]:
    """Make the decorated function the reference of an exercise.

    Args:
        points: What a right answer earns.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
    """
    return lambda reference: Exercise(reference, points=points, rtol=rtol, atol=atol)


@functools.lru_cache(maxsize=256)
def known_key(exercise: Exercise, seed: int) -> AnswerKey:
    """Return the answer key of an exercise, computed once."""
    return exercise.answer_key(seed)


def exercises_in(module: ModuleType) -> tuple[Exercise, ...]:
    """Return the exercises that a module defines, in the order of their definition."""
    return tuple(
        value
        for value in vars(module).values()
        if isinstance(value, Exercise) and value.module == module.__name__
    )


def find_exercise(name: str, exercises: Iterable[Exercise]) -> Exercise:
    """Return the exercise of that name.

    Raises:
        UnknownNameError: With the nearest name.
    """
    known = {one.name: one for one in exercises}
    if name not in known:
        raise UnknownNameError("exercise", name, known)
    return known[name]


def _with_native_integers(value: Any) -> Any:
    """Return a value whose integers of 64 bits are as wide as what this machine counts with.

    A generator draws 64 bits everywhere. NumPy in a browser has 32, and takes no wider ones where
    it counts, as `np.bincount` does.
    """
    if isinstance(value, (tuple, list)):
        return type(value)(map(_with_native_integers, value))
    if isinstance(value, np.ndarray) and value.dtype == np.int64:
        narrow = value.astype(np.intp)
        return narrow if np.array_equal(narrow, value) else value
    return value


def _printable(text: str) -> str:
    """Replace what would move a terminal's cursor or cannot be encoded."""
    return "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )
