"""An exercise: the body is the reference solution, the signature and docstring are the stub.

An author writes everything about an exercise in one place::

    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    from companion.checking import exercise, gradient_exercise, model_exercise


    @exercise(points=2, rtol=1e-6)
    def cross_correlate(image, kernel):
        \"\"\"Slide `kernel` over `image` (stride 1, no padding) and return the map.\"\"\"
        return np.einsum("ijkl,kl->ij", sliding_window_view(image, kernel.shape), kernel)


    @cross_correlate.cases
    def _(rng):
        yield rng.normal(size=(6, 7)), rng.normal(size=(3, 3))


    cross_correlate.hints("How many places can the kernel stand?", "Do not turn it over.")


    cross_correlate.mistakes(
        "You flipped the kernel: that is convolution.",
        lambda image, kernel: cross_correlate(image, kernel[::-1, ::-1]),
        "You transposed the kernel: its rows lie along the image's rows.",
        lambda image, kernel: cross_correlate(image, kernel.T),
    )


    @cross_correlate.mistake("You skipped every other place: the kernel moves by one.")
    def _(image, kernel):
        ...

**A case** is a tuple of arguments in the order of the signature; parameters after a ``*`` are
passed by name, those left out at the end take their defaults, and one value that is no tuple is
the only argument. Arguments and results are NumPy arrays, numbers, strings, booleans, None, and
lists, tuples and dicts (with string keys) of these. Draw arrays from the given ``rng`` alone: the
same seed must give the same cases. Keep the first case small, a learner reads it. Choose cases
that tell every mistake from the reference and from every other mistake: the proof asks for it.

**The reference** must not change its arguments and must return finite numbers. An answer is close
when ``|received − expected| <= atol + rtol·|expected|``; it must also have the reference's shape
and kind of number (integer, float, ...). Use only what the exercise's own body imports or what its
file has at the top, and import no Keras there: import it within the body of a model exercise.

**A mistake** has the exercise's signature and returns what a learner who makes it would return;
its sentence names the mistake and what to do instead. Those of one expression are the rows of a
table, each a sentence and its function; what needs several lines is a function of its own.

**A model exercise** returns a Keras model; it is compared layer by layer, and by its outputs under
the same weights. Without cases it is built once, with no arguments::

    @model_exercise(points=3)
    def lenet5():
        \"\"\"Build LeNet-5 for 28×28 grey images and return it, uncompiled.\"\"\"
        from keras import Sequential, layers

        return Sequential([...])

**A gradient exercise** needs no trusted answer: the judge differentiates `of` numerically. The
parameters that share a name with those of `of` are passed on to it; one more parameter, whatever
its name, is the gradient that arrives from above, in the shape of `of`'s output (without it, the
loss is the sum of that output). `wrt` names the parameters to differentiate, by default all of
`of`'s; the answer returns one gradient for each, in that order (a single one needs no tuple). The
body is the solution that a learner is shown, and the proof holds it to the differences too::

    @gradient_exercise(of=cross_correlate, wrt=("image", "kernel"))
    def cross_correlate_backward(upstream, image, kernel):
        \"\"\"Return the gradients of the loss with respect to `image` and `kernel`.\"\"\"
        ...


    @cross_correlate_backward.cases
    def _(rng):
        yield rng.normal(size=(4, 5)), rng.normal(size=(6, 7)), rng.normal(size=(3, 3))

What comes out has ``name``, ``chapter``, ``points``, ``hints`` (a list), ``mistakes``, ``stub``
and ``solution`` (source text), ``reference`` (the undecorated function), and is still callable.
"""

import ast
import inspect
import itertools
import textwrap
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Function = Callable[..., Any]
Cases = Callable[[np.random.Generator], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake that learners make: what it returns, and the sentence that names it."""

    sentence: str
    function: Function


class Hints(list[str]):
    """The hints in the order they are given; calling it adds some."""

    def __call__(self, *sentences: str) -> None:
        """Add hints, the gentlest first."""
        self.extend(sentences)


class Mistakes(list[Mistake]):
    """The known mistakes; calling it adds a table of them, a sentence and its function by turns."""

    def __call__(self, *rows: str | Function) -> None:
        """Add mistakes.

        Args:
            *rows: A sentence, then the function that makes the mistake; the next sentence, ...

        Raises:
            TypeError: If sentences and functions do not take turns.
        """
        for sentence, function in itertools.zip_longest(rows[::2], rows[1::2]):
            if not isinstance(sentence, str) or isinstance(function, str) or not callable(function):
                raise TypeError(
                    "A table of mistakes is a sentence, its function, the next sentence, and so "
                    f"on. Received: {sentence!r} with {function!r}."
                )
            self.append(Mistake(sentence, function))


class Exercise:
    """One exercise: a reference solution with its cases, hints and known mistakes.

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

    Raises:
        TypeError: If the function has no docstring.
    """

    def __init__(self, reference: Function, *, points: float, rtol: float, atol: float) -> None:
        if not reference.__doc__:
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
        self.__name__ = self.name
        self.__doc__ = reference.__doc__
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
        drawn = [case if isinstance(case, tuple) else (case,) for case in self._cases(rng)]
        if not drawn:
            raise TypeError(f"The cases of {self.name} yield nothing.")
        return drawn

    def named(self, case: Sequence[Any]) -> dict[str, Any]:
        """Return a case's values under the names of the parameters they go to."""
        if len(case) > len(self.signature.parameters):
            raise TypeError(
                f"{self.name} takes {len(self.signature.parameters)} arguments. "
                f"Received: a case of {len(case)}."
            )
        return dict(zip(self.signature.parameters, case, strict=False))

    def split(self, case: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return a case as the positional and the named arguments of a call."""
        parameters = self.signature.parameters
        named = self.named(case)
        by_name = {
            name: value
            for name, value in named.items()
            if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        }
        return [value for name, value in named.items() if name not in by_name], by_name

    @property
    def stub(self) -> str:
        """Source of what the learner starts from: signature, docstring, nothing else."""
        node, lines = self._source()
        docstring = node.body[0]
        indent = " " * docstring.col_offset
        kept = lines[node.lineno - 1 : docstring.end_lineno]
        return "\n".join([*kept, f"{indent}raise NotImplementedError"]) + "\n"

    @property
    def solution(self) -> str:
        """Source of the reference solution, without its decorator."""
        node, lines = self._source()
        return "\n".join(lines[node.lineno - 1 : node.end_lineno]) + "\n"

    def check(self, answer: Function, *, seed: int = 0) -> Any:
        """Check a function of this very Python session: practice, and it says so.

        Args:
            answer: The learner's function.
            seed: The seed that the cases are drawn from.

        Returns:
            A `companion.notebook.Practice`, which a notebook shows as rich text.
        """
        from companion.notebook import practise

        return practise(self, answer, seed=seed)

    def _source(self) -> tuple[ast.FunctionDef, list[str]]:
        source = textwrap.dedent(inspect.getsource(self.reference))
        node = ast.parse(source).body[0]
        assert isinstance(node, ast.FunctionDef)
        return node, source.splitlines()


class ModelExercise(Exercise):
    """An exercise whose answer builds a Keras model."""

    def draw(self, seed: int) -> list[tuple[Any, ...]]:
        """Return the arguments to build with: none at all where the author gave no cases."""
        return [()] if self._cases is None else super().draw(seed)


class GradientExercise(Exercise):
    """An exercise whose answer is the gradient of a trusted function.

    Args:
        reference: The analytic gradient, shown as the solution.
        of: The function to differentiate; it returns one array or number.
        wrt: The parameters of `of` to differentiate, by default all of them.
        points: What a right answer earns.
        rtol: Relative tolerance.
        atol: Absolute tolerance.

    Raises:
        TypeError: If the signatures of `reference` and `of` do not fit together.
    """

    def __init__(
        self,
        reference: Function,
        *,
        of: Function,
        wrt: str | Sequence[str] | None,
        points: float,
        rtol: float,
        atol: float,
    ) -> None:
        super().__init__(reference, points=points, rtol=rtol, atol=atol)
        self.of = of.reference if isinstance(of, Exercise) else of
        forward = inspect.signature(self.of).parameters
        self.wrt = (wrt,) if isinstance(wrt, str) else tuple(forward if wrt is None else wrt)
        self.forwarded = tuple(name for name in self.signature.parameters if name in forward)
        others = [name for name in self.signature.parameters if name not in forward]
        unknown = [name for name in self.wrt if name not in self.forwarded]
        if len(others) > 1 or unknown:
            raise TypeError(
                f"{self.name} takes the parameters of {self.of.__name__} "
                f"({', '.join(forward)}) and at most one more, the gradient from above; "
                f"wrt names some of them. Received: ({', '.join(self.signature.parameters)}), "
                f"wrt={self.wrt}."
            )
        self.upstream = others[0] if others else None


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


def model_exercise(
    points: float = 1, *, rtol: float = 1e-4, atol: float = 1e-5
) -> Callable[[Function], ModelExercise]:
    """Make the decorated builder of a Keras model the reference of an exercise.

    Args:
        points: What a right answer earns.
        rtol: Relative tolerance on the outputs under the same weights.
        atol: Absolute tolerance on them.
    """
    return lambda reference: ModelExercise(reference, points=points, rtol=rtol, atol=atol)


def gradient_exercise(
    of: Function,
    wrt: str | Sequence[str] | None = None,
    *,
    points: float = 1,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> Callable[[Function], GradientExercise]:
    """Make the decorated function an exercise on the gradient of `of`.

    Args:
        of: The function (or the exercise) to differentiate; it returns one array or number.
        wrt: The parameters of `of` to differentiate, by default all of them.
        points: What a right answer earns.
        rtol: Relative tolerance against central differences.
        atol: Absolute tolerance against them.
    """
    return lambda reference: GradientExercise(
        reference, of=of, wrt=wrt, points=points, rtol=rtol, atol=atol
    )


def exercises_in(module: ModuleType) -> tuple[Exercise, ...]:
    """Return the exercises that a module defines, in the order of their definition."""
    return tuple(_defined(module))


def _defined(module: ModuleType) -> Iterator[Exercise]:
    for value in vars(module).values():
        if isinstance(value, Exercise) and value.module == module.__name__:
            yield value
