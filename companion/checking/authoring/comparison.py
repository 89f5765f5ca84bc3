"""Comparison: how a result differs from the expected one, said in words."""

import itertools
import math
import re
from typing import Any

import numpy as np

from companion.checking.authoring.codec import Opaque

Array = np.ndarray[Any, Any]

KINDS = {
    "b": "a bool",
    "i": "an integer",
    "u": "an integer",
    "f": "a float",
    "c": "a complex number",
}
NUMBER = (bool, int, float, np.generic)
# What a message shows of a value is cut before it is made into text.
SHOWN_NUMBERS = 1000
SHOWN_PARTS = 20
LONGEST_INTEGER = 256  # bits
LONGEST_WORDS = 200  # letters
# A result of more parts than this is made an array, or not looked into.
MANY_PARTS = 1000


def difference(
    expected: Any,
    received: Any,
    *,
    rtol: float,
    atol: float,
    allowed: Any = 0.0,
    what: str = "The result",
) -> str | None:
    """Return a sentence on the first difference, or None if `received` is right.

    A right result has the same structure (lists, tuples and arrays count as one), the same shapes
    and the same kind of number, and is finite. Integers and bools are compared exactly, floats
    within ``atol + rtol·|expected| + allowed``; a whole number is a float to anyone who reads it.

    Whatever is received, the time and memory of a comparison are bounded by the size of what is
    expected: shapes are compared before any element.

    Args:
        expected: What is right: arrays, numbers, strings, and lists, tuples and dicts of them.
        received: What came.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        allowed: What rounding may add, as `rounding.allowance` has it: a number, or arrays in the
            structure of `expected`.
        what: How the sentence calls the result.
    """
    if isinstance(expected, (np.ndarray, *NUMBER)):
        return _numbers(expected, received, rtol, atol, allowed, what)
    if not isinstance(expected, (list, tuple, dict)):
        if type(expected) is type(received) and expected == received:
            return None
        as_words = bool(_words(expected)) and _words(expected) == _words(received)
        right = f"The words are right, but {lower(what)}" if as_words else what
        return f"{right} is {show(received)}; expected {show(expected)}."
    if fault := _structure(expected, received, what):
        return fault
    for label, key in _parts(expected):
        fault = difference(
            expected[key],
            received[key],
            rtol=rtol,
            atol=atol,
            allowed=_part(allowed, key),
            what=upper(f"{label} of {lower(what)}"),
        )
        if fault:
            return fault
    return None


def _words(text: Any) -> list[str]:
    """Return the words of a short string, whatever their capitals and what stands between them."""
    short = isinstance(text, str) and len(text) <= LONGEST_WORDS
    return re.findall(r"[^\W_]+", text.lower()) if short else []


def _structure(expected: Any, received: Any, what: str) -> str | None:
    """Return how the parts differ that a list, a tuple or a dict has, whatever they are."""
    if isinstance(expected, dict):
        if not isinstance(received, dict):
            return f"{what} is {type_text(received)}; expected {type_text(expected)}."
        if expected.keys() != received.keys():
            keys = [key[:100] for key in sorted(received)[:SHOWN_PARTS]]
            return f"{what} has the keys {keys}; expected {sorted(expected)}."
        return None
    several = received.ndim > 0 if isinstance(received, np.ndarray) else None
    if not (several or isinstance(received, (list, tuple))):
        return f"{what} is {type_text(received)}; expected {type_text(expected)}."
    if len(expected) != len(received):
        return f"{what} has {len(received)} parts; expected {len(expected)}."
    return None


def _parts(value: Any) -> list[tuple[str, Any]]:
    """Return how each part of a value is called, and its key or index."""
    if isinstance(value, dict):
        return [(f"[{key!r}]", key) for key in value]
    return [(f"part {index + 1}", index) for index in range(len(value))]


def _part(allowed: Any, key: Any) -> Any:
    """Return what is allowed of one part; a mistake's parts may be others than the reference's."""
    try:
        return allowed[key] if isinstance(allowed, (list, dict)) else allowed
    except (LookupError, TypeError):
        return _largest(allowed)


def _largest(allowed: Any) -> float:
    parts = allowed.values() if isinstance(allowed, dict) else allowed
    nested = isinstance(allowed, (list, dict))
    return max(map(_largest, parts), default=0.0) if nested else float(np.max(allowed, initial=0))


def _numbers(
    expected: Any, received: Any, rtol: float, atol: float, allowed: Any, what: str
) -> str | None:
    expected_array = np.asarray(expected)
    shape = shape_of(received)
    # The shape first: an array of 32 dimensions is never looked into.
    fits = shape is not None and math.prod(shape) in (1, expected_array.size)
    received_array = as_array(received) if fits else None
    if shape is None or (fits and received_array is None):
        return f"{what} is {type_text(received)}; expected {type_text(expected)}."
    if received_array is None or shape != expected_array.shape:
        same_values = (
            received_array is not None
            and _close(expected_array.ravel(), received_array.ravel(), rtol, atol, 0.0).all()
        )
        right = f"The values are right, but {lower(what)}" if same_values else what
        return f"{right} has the shape {shape}; expected {expected_array.shape}."
    not_finite = ~(np.isfinite(received_array) & np.isfinite(expected_array))
    if not_finite.any():
        # NaN is in no order with a tolerance: it is looked for before anything is compared. What is
        # right is finite, but a mistake may make NaN, and is known by making it in the same places.
        if not np.array_equal(
            expected_array[not_finite], received_array[not_finite], equal_nan=True
        ):
            index = first_index(not_finite)
            return (
                f"{what} holds {received_array[index]}{index_text(index)}: every value must be a "
                "finite number."
            )
        expected_array = np.where(not_finite, 0, expected_array)
        received_array = np.where(not_finite, 0, received_array)
    if isinstance(allowed, (list, dict)) or np.shape(allowed) not in ((), expected_array.shape):
        allowed = _largest(allowed)
    close = _close(expected_array, received_array, rtol, atol, allowed)
    if not close.all():
        return _values_text(expected_array, received_array, close, what)
    return _kind_text(expected_array, received_array, what)


def _values_text(expected: Array, received: Array, close: Array, what: str) -> str:
    """Return which numbers differ, `close` being true where they do not."""
    single = received.dtype in (np.float16, np.float32) and expected.dtype == np.float64
    rounding = 100 * float(np.finfo(received.dtype).eps) if single else 0.0
    if (
        single
        and _close(expected, received, rounding, rounding * float(abs(expected).max()), 0).all()
    ):
        return f"{what} is right as far as {received.dtype} goes: compute in float64."
    index = first_index(~close)
    share = f"{np.count_nonzero(~close)} of {close.size} values differ" if close.ndim else ""
    where = f"; the first{index_text(index)} is" if share else f"{what} is"
    pair = show(received[index]), show(expected[index])
    if pair[0] == pair[1]:  # they differ beyond the digits that are shown
        pair = str(received[index]), str(expected[index])
    return f"{_labelled(share, what)}{where} {pair[0]}, expected {pair[1]}."


def _kind_text(expected: Array, received: Array, what: str) -> str | None:
    """Return that right values are of another kind than they should be, or None if they are not."""
    right = f"The values are right, but {lower(what)} is "
    if (
        expected.dtype == np.float16
        and received.dtype.kind == "f"
        and received.dtype != expected.dtype
    ):
        return f"{right}{received.dtype}; expected float16."
    integer_for_float = _kind(expected) == "a float" and _kind(received) == "an integer"
    if _kind(received) != _kind(expected) and not integer_for_float:
        kinds = [f"{_kind(one)} ({dtype_name(one.dtype)})" for one in (received, expected)]
        return f"{right}{kinds[0]}; expected {kinds[1]}."
    return None


def compact(value: Any, room: int = MANY_PARTS) -> Any:
    """Return a result with its long lists of numbers as arrays, other long lists as their length.

    A result is compared with many: so each time costs as little as what is expected. No more than
    `room` parts are looked into, whatever lies in them.

    >>> compact([[1.0, 2.0]] * 1000).shape, compact([[1.0], []] * 1000)
    ((1000, 2), a list of 2,000 values)
    """
    if _parts_up_to(value, MANY_PARTS + 1) <= MANY_PARTS:
        return value
    if (array := as_array(value)) is not None:
        return array
    if len(value) <= room:
        each = room // len(value)
        if isinstance(value, dict):
            shortened: Any = {key: compact(one, each) for key, one in value.items()}
        else:
            shortened = type(value)(compact(one, each) for one in value)
        if _parts_up_to(shortened, MANY_PARTS + 1) <= MANY_PARTS:
            return shortened
    return Opaque(f"{type(value).__name__} of {len(value):,} values")


def _parts_up_to(value: Any, limit: int) -> int:
    """Return how many values lie in one, at any depth, or `limit` if there are more."""
    if not isinstance(value, (list, tuple, dict)):
        return 1
    count = 1
    for one in value.values() if isinstance(value, dict) else value:
        if count >= limit:
            break
        count += _parts_up_to(one, limit - count)
    return min(count, limit)


def is_finite(value: Any) -> bool:
    """Say whether no number of a result, or of its parts, is NaN, infinite, or beyond 64 bits."""
    if isinstance(value, (list, tuple, dict)):
        return all(map(is_finite, value.values() if isinstance(value, dict) else value))
    array = as_array(value)
    return shape_of(value) is None if array is None else bool(np.isfinite(array).all())


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a number, an array, or nested lists of them; None for anything else.

    Nothing is copied, so that lists of huge arrays cost nothing.
    """
    if isinstance(value, np.ndarray):
        return value.shape if value.dtype.kind in KINDS else None
    if isinstance(value, NUMBER):
        return ()
    if not isinstance(value, (list, tuple)):
        return None
    inner = shape_of(value[0]) if value else ()
    # The first is not asked again: that would double the time with every level.
    if inner is None or any(shape_of(one) != inner for one in itertools.islice(value, 1, None)):
        return None
    return (len(value), *inner)


def as_array(value: Any) -> Array | None:
    """Return numbers, or nested lists of them, as an array; None for anything else."""
    if shape_of(value) is None:
        return None
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in KINDS else None


def _close(
    expected: Array,
    received: Array,
    rtol: float,
    atol: float,
    allowed: Any,
) -> Array:
    if expected.dtype.kind not in "fc":
        # As Python's own numbers, which are compared exactly whatever their sizes.
        return np.asarray(expected.astype(object) == received.astype(object), bool)
    number = complex if "c" in (expected.dtype.kind, received.dtype.kind) else float
    expected, received = expected.astype(number), received.astype(number)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(abs(received - expected) <= atol + rtol * abs(expected) + allowed)


def _kind(array: Array) -> str:
    return KINDS[array.dtype.kind]


def _labelled(share: str, what: str) -> str:
    return share if not share or what == "The result" else f"{what}: {share}"


def first_index(mask: Array) -> tuple[int, ...]:
    """Return the first index at which `mask` is true."""
    return tuple(int(index) for index in np.argwhere(mask)[0])


def index_text(index: tuple[int, ...]) -> str:
    """Return an index as words, nothing for a number."""
    return f" at {list(index)}" if index else ""


def upper(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def lower(text: str) -> str:
    """Return the text with a small first letter."""
    return text[:1].lower() + text[1:]


def type_text(value: Any) -> str:
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


def dtype_name(dtype: "np.dtype[Any]") -> str:
    """Return a dtype's name; NumPy's own integers are int64 in words where they have 32 bits, too.

    They have in a browser, and on Windows before NumPy 2.
    """
    return "int64" if dtype == np.dtype(int) else str(dtype)


def show(value: Any, room: int = 600) -> str:
    """Return a value as text that fits into `room` characters, made of no more than is shown."""
    if isinstance(value, np.ndarray):
        text = _show_array(value)
    elif isinstance(value, (float, np.floating)):
        text = f"{value:.7g}"
    elif isinstance(value, int) and value.bit_length() > LONGEST_INTEGER:
        text = f"an integer of {value.bit_length():,} bits"
    elif isinstance(value, np.generic):
        text = str(value)
    elif isinstance(value, (list, tuple)):
        text = _show_sequence(value, room)
    elif isinstance(value, dict):
        items = list(value.items())[: SHOWN_PARTS if room > 20 else 0]
        text = "\n".join(f"{str(key)[:100]!r}: {show(one, room // 2)}" for key, one in items)
    else:
        text = repr(value[:room] if isinstance(value, str) else value)
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _show_array(value: Array) -> str:
    printed = math.prod(min(length, 5) for length in value.shape)
    if value.size > 81 and printed > SHOWN_NUMBERS:
        body = f"{', '.join(show(one) for one in value.flat[:8])}, …"
    else:
        body = np.array2string(
            value, precision=4, suppress_small=True, threshold=81, edgeitems=2, separator=", "
        )
    return f"{dtype_name(value.dtype)} array of shape {value.shape}\n{body}"


def _show_sequence(value: Any, room: int) -> str:
    shown = value[:SHOWN_PARTS] if room > 20 else ()
    more = ["…"] if len(shown) < len(value) else []
    if not all(isinstance(one, NUMBER) for one in shown):
        lines = [f"({index}) {show(one, room // 2)}" for index, one in enumerate(shown, 1)]
        return "\n".join([*lines, *more])
    text = ", ".join([*map(show, shown), *more])
    return f"[{text}]" if isinstance(value, list) else f"({text}{',' * (len(value) == 1)})"


def size(value: Any) -> int:
    """Return how many numbers a value holds."""
    if isinstance(value, np.ndarray):
        return int(value.size)
    if isinstance(value, (list, tuple)):
        return sum(map(size, value))
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    return 1
