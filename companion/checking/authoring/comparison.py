"""Comparison: how a result differs from the expected one, said in words."""

from typing import Any

import numpy as np

from companion.checking.authoring.codec import Opaque

KINDS = {
    "b": "a bool",
    "i": "an integer",
    "u": "an integer",
    "f": "a float",
    "c": "a complex number",
}
NUMBER = (bool, int, float, np.generic)


def difference(
    expected: Any, received: Any, *, rtol: float, atol: float, what: str = "The result"
) -> str | None:
    """Return a sentence on the first difference, or None if `received` is right.

    A right result has the same structure (lists and tuples count as one), the same shapes, the same
    kind of number, is finite, and lies within ``atol + rtol·|expected|``.

    Args:
        expected: What is right: arrays, numbers, strings, and lists, tuples and dicts of them.
        received: What came.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        what: How the sentence calls the result.
    """
    if isinstance(expected, (list, tuple)):
        if not isinstance(received, (list, tuple)):
            return f"{what} is {name(received)}; expected {name(expected)}."
        if len(expected) != len(received):
            return f"{what} has {len(received)} parts; expected {len(expected)}."
        parts: list[tuple[str, Any, Any]] = [
            (f"part {number} of {lower(what)}", one, received[number - 1])
            for number, one in enumerate(expected, 1)
        ]
    elif isinstance(expected, dict):
        if not isinstance(received, dict):
            return f"{what} is {name(received)}; expected {name(expected)}."
        if expected.keys() != received.keys():
            return f"{what} has the keys {sorted(received)}; expected {sorted(expected)}."
        parts = [
            (f"[{key!r}] of {lower(what)}", one, received[key]) for key, one in expected.items()
        ]
    elif isinstance(expected, (np.ndarray, *NUMBER)):
        return _numbers(expected, received, rtol, atol, what)
    elif type(expected) is not type(received) or expected != received:
        return f"{what} is {show(received)}; expected {show(expected)}."
    else:
        return None
    for label, one, other in parts:
        fault = difference(one, other, rtol=rtol, atol=atol, what=upper(label))
        if fault:
            return fault
    return None


def _numbers(expected: Any, received: Any, rtol: float, atol: float, what: str) -> str | None:
    wanted = np.asarray(expected)
    came = as_array(received)
    if came is None:
        return f"{what} is {name(received)}; expected {name(expected)}."
    endless = ~np.isfinite(came)
    if endless.any():
        # NaN is in no order with a tolerance: it is looked for before anything is compared. What is
        # right is finite, but a mistake may make NaN, and is known by making it in the same places.
        alike = came.shape == wanted.shape
        if not alike or not np.array_equal(wanted[endless], came[endless], equal_nan=True):
            index = first(endless)
            return f"{what} holds {came[index]}{at(index)}: every value must be a finite number."
        wanted, came = np.where(endless, 0, wanted), np.where(endless, 0, came)
    if came.shape != wanted.shape:
        same = came.size == wanted.size and _close(wanted.ravel(), came.ravel(), rtol, atol).all()
        what = f"The values are right, but {lower(what)}" if same else what
        return f"{what} has the shape {came.shape}; expected {wanted.shape}."
    close = _close(wanted, came, rtol, atol)
    if not close.all():
        if wanted.dtype == np.float64 and came.dtype == np.float32:
            rounding = 100 * float(np.finfo(np.float32).eps)
            if _close(wanted, came, rounding, rounding * float(abs(wanted).max())).all():
                return f"{what} is right as far as float32 goes: compute in float64."
        index = first(~close)
        share = f"{np.count_nonzero(~close)} of {close.size} values differ" if close.ndim else ""
        where = f"; the first{at(index)} is" if share else f"{what} is"
        return f"{_of(share, what)}{where} {show(came[index])}, expected {show(wanted[index])}."
    right = f"The values are right, but {lower(what)} is "
    if not isinstance(received, np.ndarray if wanted.ndim else (np.ndarray, *NUMBER)):
        return f"{right}{name(received)}; expected {name(expected)}."
    if _kind(came) != _kind(wanted):
        whole = _kind(wanted) == "a float" and _kind(came) == "an integer" and wanted.ndim == 0
        if not whole:  # a whole number is a float to anyone who reads it
            return (
                f"{right}{_kind(came)} ({came.dtype}); expected {_kind(wanted)} ({wanted.dtype})."
            )
    return None


def is_finite(value: Any) -> bool:
    """Say whether no number of a result, or of its parts, is NaN or infinite."""
    if isinstance(value, (list, tuple, dict)):
        return all(map(is_finite, value.values() if isinstance(value, dict) else value))
    array = as_array(value)
    return array is None or bool(np.isfinite(array).all())


def as_array(value: Any) -> np.ndarray[Any, Any] | None:
    """Return numbers, or nested lists of them, as an array; None for anything else."""
    if isinstance(value, (Opaque, str, dict)) or value is None:
        return None
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in KINDS else None


def _close(
    wanted: np.ndarray[Any, Any], came: np.ndarray[Any, Any], rtol: float, atol: float
) -> np.ndarray[Any, Any]:
    number = complex if "c" in (wanted.dtype.kind, came.dtype.kind) else float
    wanted, came = wanted.astype(number), came.astype(number)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(abs(came - wanted) <= atol + rtol * abs(wanted))


def _kind(array: np.ndarray[Any, Any]) -> str:
    return KINDS[array.dtype.kind]


def _of(share: str, what: str) -> str:
    return share if not share or what == "The result" else f"{what}: {share}"


def first(mask: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """Return the first index at which `mask` is true."""
    return tuple(int(index) for index in np.argwhere(mask)[0])


def at(index: tuple[int, ...]) -> str:
    """Return an index as words, nothing for a number."""
    return f" at {list(index)}" if index else ""


def upper(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def lower(text: str) -> str:
    """Return the text with a small first letter."""
    return text[:1].lower() + text[1:]


def name(value: Any) -> str:
    """Return what kind of thing a value is."""
    if value is None:
        return "None"
    if isinstance(value, Opaque):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, NUMBER):
        return KINDS.get(np.asarray(value).dtype.kind, "a huge number")
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    return "a string"


def show(value: Any, room: int = 600) -> str:
    """Return a value as text that fits into `room` characters."""
    if isinstance(value, np.ndarray):
        body = np.array2string(
            value, precision=4, suppress_small=True, threshold=81, edgeitems=2, separator=", "
        )
        text = f"{value.dtype} array of shape {value.shape}\n{body}"
    elif isinstance(value, (float, np.floating)):
        text = f"{value:.7g}"
    elif isinstance(value, np.generic):
        text = str(value)
    elif isinstance(value, (list, tuple)) and not all(isinstance(one, NUMBER) for one in value):
        text = "\n".join(f"({index}) {show(one, room // 2)}" for index, one in enumerate(value, 1))
    elif isinstance(value, (list, tuple)):
        text = f"{', '.join(show(one) for one in value)}"
        text = f"[{text}]" if isinstance(value, list) else f"({text}{',' * (len(value) == 1)})"
    elif isinstance(value, dict):
        text = "\n".join(f"{key!r}: {show(one, room // 2)}" for key, one in value.items())
    else:
        text = repr(value)
    return text if len(text) <= room else f"{text[: room - 1]}…"


def size(value: Any) -> int:
    """Return how many numbers a value holds."""
    if isinstance(value, np.ndarray):
        return int(value.size)
    if isinstance(value, (list, tuple)):
        return sum(map(size, value))
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    return 1
