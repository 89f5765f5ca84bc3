"""Rounding: how far a right answer may lie from the exact one because it was worked out in float32.

Rounding follows from the dtype, from the length of the sums, and from how an exercise passes on a
small change of its inputs. The first two are known, the third is measured: the reference is run on
inputs rounded to float32, on several grids. So there is one rule for all exercises, and for an
answer that is float64 itself but was worked out in float32 on the way.
"""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from companion.checking.authoring.codec import copied
from companion.checking.authoring.comparison import as_array, size

Array = np.ndarray[Any, Any]
Allowance = Any

EPSILON = float(np.finfo(np.float32).eps)
# Rounding x·c to float32 and dividing by c moves x for each c otherwise, keeps zeros and ties, and
# never changes an order.
GRIDS = (1.0, 1 / 3, 1 / 5, 1 / 7, 1 / 11, 1 / 13)
# What moves further than this share of the result is a jump (a class, a kink), not rounding.
JUMP = 1e-3
SPREAD = 4.0


def allowance(
    function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> Allowance:
    """Return how far each number of a function's result may be off, in the result's structure.

    Args:
        function: The trusted function.
        arguments: What it is given by position.
        keywords: What it is given by name.
    """
    call_arguments = [list(arguments), dict(keywords)]
    exact = _result(function, call_arguments)
    rounded = [_rounded(call_arguments, grid) for grid in GRIDS] + [_single(call_arguments)]
    samples = [_result(function, one) for one in rounded]
    return _spread(exact, samples, float(np.sqrt(size(call_arguments))))


def _result(function: Callable[..., Any], call_arguments: list[Any]) -> Any:
    """Return the function's result; None where it does not take such numbers."""
    arguments, keywords = copy.deepcopy(call_arguments)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return copied(function(*arguments, **keywords))
    except Exception:
        return None


def _rounded(value: Any, grid: float) -> Any:
    """Return `value` with its floats rounded to float32, in float64."""
    if isinstance(value, (list, tuple)):
        return type(value)(_rounded(one, grid) for one in value)
    if isinstance(value, dict):
        return {key: _rounded(one, grid) for key, one in value.items()}
    if np.asarray(value).dtype.kind != "f":
        return value
    with np.errstate(all="ignore"):
        moved = (np.asarray(value) * grid).astype(np.float32).astype(np.float64) / grid
    return moved if isinstance(value, np.ndarray) else float(moved)


def _single(value: Any) -> Any:
    """Return `value` with its arrays of floats in float32."""
    if isinstance(value, (list, tuple)):
        return type(value)(_single(one) for one in value)
    if isinstance(value, dict):
        return {key: _single(one) for key, one in value.items()}
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(np.float32) if floats else value


def _spread(exact: Any, samples: Sequence[Any], length: float) -> Allowance:
    """Return what sums of `length`² terms may be off, given results on rounded inputs."""
    if isinstance(exact, (list, tuple)):
        alike = [one for one in samples if isinstance(one, type(exact)) and len(one) == len(exact)]
        return [
            _spread(one, [sample[index] for sample in alike], length)
            for index, one in enumerate(exact)
        ]
    if isinstance(exact, dict):
        named = [one for one in samples if isinstance(one, dict) and one.keys() == exact.keys()]
        return {
            key: _spread(one, [sample[key] for sample in named], length)
            for key, one in exact.items()
        }
    wanted = as_array(exact)
    if wanted is None or wanted.dtype.kind not in "fc" or not wanted.size:
        return 0.0
    values = abs(np.where(np.isfinite(wanted), wanted, 0))
    if wanted.dtype.itemsize < np.dtype(np.float32).itemsize:
        # A result that is short itself (float16) was rounded last: it is one last bit off, no more.
        return np.spacing(values).astype(float)
    largest = float(values.max())
    moved = np.zeros(wanted.shape)
    for sample in samples:
        array = as_array(sample)
        if array is not None and array.shape == wanted.shape:
            with np.errstate(all="ignore"):
                off = abs(array - wanted).astype(float)
            moved = np.maximum(moved, np.where(off <= JUMP * largest, off, 0.0))
    return length * (SPREAD * moved + EPSILON * values) + 4 * EPSILON * largest
