"""Gradient exercises: central differences of a trusted function are the trusted answer."""

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.checking.authoring.cases import Case, entry
from companion.checking.authoring.comparison import (
    as_array,
    difference,
    first_index,
    index_text,
    shape_of,
    show,
    type_text,
)
from companion.checking.authoring.exercise import Exercise
from companion.checking.authoring.mistakes import Function

Array = np.ndarray[Any, np.dtype[np.float64]]

# ε^(1/3), where the truncation of a central difference balances its rounding.
STEP = float(np.finfo(np.float64).eps ** (1 / 3))
KINK = 1e-4


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient with respect to one tensor, and where it has one.

    Attributes:
        tensor: The parameter's name.
        value: The central differences, in the tensor's shape.
        smooth: False where the slopes on the two sides differ: there is a kink.
    """

    tensor: str
    value: Array
    smooth: np.ndarray[Any, np.dtype[np.bool_]]


class GradientCase(Case):
    """A case of a gradient exercise: what is expected are central differences."""

    @property
    def plain(self) -> Any:
        """The gradients that are right: one array, or a tuple of them."""
        values = tuple(one.value for one in self.expected)
        return values[0] if len(values) == 1 else values

    def fault(self, received: Any) -> str | None:
        """Return a sentence on the first wrong gradient, or None if all are right."""
        fault = gradient_difference(self.expected, received, rtol=self.rtol, atol=self.atol)
        if fault is None:
            return None
        return gradient_difference(
            self.expected, received, rtol=self.rtol, atol=self.atol, allowed=self.allowed
        )

    def shown(self, received: Any) -> list[str]:
        """Return the gradients that are right, and what came."""
        return [entry("expected", self.plain), entry("received", received)]


class GradientExercise(Exercise):
    """An exercise whose answer is the gradient of a trusted function.

    Args:
        reference: The analytic gradient, shown as the solution.
        of: The function to differentiate; it returns one array or number.
        wrt: The parameters of `of` to differentiate, by default all of them.
        **options: Points and tolerances, as every exercise has them.

    Raises:
        TypeError: If the signatures of `reference` and `of` do not fit together.
    """

    def __init__(
        self, reference: Function, of: Function, wrt: str | Sequence[str] | None, **options: float
    ) -> None:
        super().__init__(reference, **options)
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

    def case(self, values: Sequence[Any], seed: int) -> GradientCase:
        """Return the case that drawn values make, with its central differences."""
        expected = self.gradients(copy.deepcopy(values))
        return GradientCase(**self.bind(values), expected=expected)

    def gradients(self, values: Sequence[Any]) -> list[Gradient]:
        """Return the gradient of the loss with respect to each tensor that is named in `wrt`.

        Raises:
            ValueError: If the upstream gradient does not have the output's shape, or a tensor has
                a kink everywhere.
        """
        inputs = self.bind(values)["given"]
        arguments = {key: inputs[key] for key in self.forwarded if key in inputs}
        upstream = 1.0 if self.upstream is None else np.asarray(inputs[self.upstream], float)
        gradients = []
        for tensor in self.wrt:

            def loss(value: Array, tensor: str = tensor) -> float:
                moved = {**arguments, tensor: value if value.ndim else value[()]}
                output = np.asarray(self.of(**moved), float)
                if self.upstream is not None and output.shape != np.shape(upstream):
                    raise ValueError(
                        f"{self.upstream} must have the shape of {self.of.__name__}'s output, "
                        f"{output.shape}. Received: {np.shape(upstream)}."
                    )
                return float(np.sum(upstream * output))

            slope, smooth = central_differences(loss, np.array(arguments[tensor], np.float64))
            if not smooth.any():
                raise ValueError(f"Every element of {tensor} lies on a kink: draw it elsewhere.")
            gradients.append(Gradient(tensor, slope, smooth))
        return gradients


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
        reference, of, wrt, points=points, rtol=rtol, atol=atol
    )


def central_differences(loss: Callable[[Array], float], tensor: Array) -> tuple[Array, Any]:
    """Return the slope of `loss` along each element of `tensor`, and whether it is smooth there.

    (f(x + h) − f(x − h)) / 2h, an error of order h²; a kink shows as the difference between
    (f(x + h) − f(x)) / h and (f(x) − f(x − h)) / h.

    >>> slope, smooth = central_differences(lambda x: float(abs(x).sum()), np.array([2.0, 0.0]))
    >>> slope.round(6).tolist(), smooth.tolist()
    ([1.0, 0.0], [True, False])
    """
    slope, smooth = np.zeros(tensor.shape), np.ones(tensor.shape, bool)
    middle = loss(tensor)
    for index in np.ndindex(tensor.shape):
        step = STEP * max(1.0, abs(float(tensor[index])))
        moved = tensor.copy()
        moved[index] = tensor[index] + step
        above, width = loss(moved), float(moved[index])
        moved[index] = tensor[index] - step
        below, width = loss(moved), width - float(moved[index])
        slope[index] = (above - below) / width
        right, left = (above - middle) / step, (middle - below) / step
        smooth[index] = abs(right - left) <= KINK * max(1.0, abs(right), abs(left))
    return slope, smooth


def gradient_difference(
    expected: Sequence[Gradient], received: Any, *, rtol: float, atol: float, allowed: Any = 0.0
) -> str | None:
    """Return a sentence on the first wrong gradient, or None if all are right.

    Args:
        expected: The central differences.
        received: What came.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        allowed: What rounding may add, as `rounding.allowance` has it for the reference's result.
    """
    parts = _parts(expected, received)
    if parts is None:
        count = f"{len(expected)} gradients ({', '.join(one.tensor for one in expected)})"
        wanted = "one array" if len(expected) == 1 else count
        return f"The result is {type_text(received)}; expected {wanted}."
    rooms = _parts(expected, allowed) or [allowed] * len(expected)
    for one, part, room in zip(expected, parts, rooms, strict=True):
        array = as_array(part) if shape_of(part) == one.value.shape else None
        if array is not None:
            # At a kink every slope between the two sides is right, and none is asked for.
            part = np.where(one.smooth | ~np.isfinite(array), array, one.value)
        subject = f"The gradient of `{one.tensor}`"
        value = one.value if one.value.ndim else float(one.value)
        wrong = difference(value, part, rtol=rtol, atol=atol, allowed=room, what=subject)
        if wrong is None:
            continue
        if array is None or array.dtype.kind not in "iuf":
            return wrong
        if not np.isfinite(array).all():
            return wrong
        times = factor(one, array, rtol=rtol, atol=atol)
        if times is not None:
            kind = "has the wrong sign" if times == -1 else f"is wrong by the factor {ratio(times)}"
            return f"{subject} {kind}: every value is {ratio(times)} times what it should be."
        if not array.ndim:
            return wrong
        off = abs(array - one.value) > atol + rtol * abs(one.value) + room
        index = first_index(one.smooth & off)
        return (
            f"{subject} has a wrong term{index_text(index)}: {show(float(array[index]))}, "
            f"expected {show(float(one.value[index]))}."
        )
    return None


def _parts(expected: Sequence[Gradient], received: Any) -> list[Any] | None:
    if isinstance(received, (tuple, list)) and len(received) == len(expected):
        return list(received)
    if isinstance(received, dict) and set(received) == {one.tensor for one in expected}:
        return [received[one.tensor] for one in expected]
    return [received] if len(expected) == 1 and as_array(received) is not None else None


def factor(
    expected: Gradient, received: np.ndarray[Any, Any], *, rtol: float, atol: float
) -> float | None:
    """Return the number that every value is too large by, or None if there is no such number."""
    mask = expected.smooth & (abs(expected.value) > max(atol, 1e-6))
    if np.count_nonzero(mask) < 2:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        off = float(np.median(received[mask] / expected.value[mask]))
        if not np.isfinite(off):
            return None
        off = round(off) if abs(off - round(off)) < 1e-4 else off
        close = abs(received - off * expected.value) <= (atol + rtol * abs(expected.value)) * max(
            1.0, abs(off)
        )
    return off if off and close[expected.smooth].all() else None


def ratio(number: float) -> str:
    """Return a number as a learner would write it.

    >>> ratio(2.0), ratio(1 / 12), ratio(0.3)
    ('2', '1/12', '0.3')
    """
    if abs(number) < 1 and abs(1 / number - round(1 / number)) < 1e-3:
        return f"{'-' if number < 0 else ''}1/{abs(round(1 / number))}"
    return f"{number:.4g}"
