"""What an exception means, in the words of who reads it for the first time."""

import math
import re
from collections.abc import Callable

from companion.checking.authoring.cases import Raised

SHAPE = r"\(([\d,]*)\)"
# What arrays have, and lists and numbers have not.
OF_ARRAYS = (
    "T|all|any|arg(?:max|min|sort)|astype|cumsum|dot|flatten|max|mean|min|ndim|prod|ravel|reshape|"
    "shape|size|std|sum|transpose|var"
)


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(",") if size)


def _fit(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether two shapes can be brought to one, as NumPy does: from the right."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return all(a == b or 1 in (a, b) for a, b in pairs)


def _broadcast(one: str, other: str) -> str:
    first, second = _shape(one), _shape(other)
    shorter, longer = sorted((first, second), key=len)
    text = (
        f"The shapes {first} and {second} do not fit: NumPy lays them side by side from the right"
    )
    if len(shorter) < len(longer) and _fit((*shorter, 1), longer):
        return (
            f"{text}. Either {shorter} lacks an axis, which keepdims=True or [..., None] gives it, "
            "or it was taken along the wrong one."
        )
    if len(first) > 1 and first[::-1] == second:
        return f"{text}. Is one of the two transposed?"
    return f"{text}, and there each two sizes have to be equal, or one of them 1."


def _product(columns: str, rows: str) -> str:
    return (
        f"In a matrix product each row of the first meets each column of the second, here with "
        f"{columns} and {rows} numbers: is one of them transposed or of another length, or are the "
        "two exchanged?"
    )


def _index(index: str, size: str) -> str:
    if size == "0":
        return "An empty array is asked for an entry: has a mask or a slice left nothing?"
    if index == size:
        return f"An index runs one past the end: {size} entries are 0 to {int(size) - 1}."
    return f"An index is {index} where there are {size} entries: is it meant for another axis?"


def _reshaped(size: str, shape: str) -> str:
    room = math.prod(_shape(shape))
    text = f"{size} numbers do not fill the shape ({shape}), which holds {room}"
    return f"{text}: are the last ones to be cut off first?" if room < int(size) else f"{text}."


# A class of exceptions, what it says, and what that means.
MEANINGS: tuple[tuple[str, str, Callable[..., str]], ...] = (
    (
        "ValueError",
        rf"operands could not be broadcast together with shapes {SHAPE} {SHAPE}\s*$",
        _broadcast,
    ),
    (
        "ValueError",
        r"matmul: .*\(size (\d+) is different from (\d+)\)",
        lambda b, a: _product(a, b),
    ),
    (
        "ValueError",
        rf"shapes {SHAPE} and {SHAPE} not aligned: (\d+) \(dim \d+\) != (\d+)",
        lambda one, other, columns, rows: _product(columns, rows),
    ),
    ("IndexError", r"index (-?\d+) is out of bounds for axis \d+ with size (\d+)", _index),
    (
        "IndexError",
        "(?:list|tuple|string) index out of range",
        lambda: "An index lies outside: n entries are counted from 0 to n − 1.",
    ),
    (
        "ValueError",
        "The truth value of an array",
        lambda: (
            "One answer is needed, as by `if`, `and`, `or` or `max`, but an array of several "
            "numbers has as many: np.where, &, | or np.maximum ask every number."
        ),
    ),
    ("ValueError", r"cannot reshape array of size (\d+) into shape \(([\d,]+)\)$", _reshaped),
    (
        "ValueError",
        "all input arrays must have the same shape|.*inhomogeneous shape",
        lambda: (
            "What is put together has parts of different lengths: does one of them run over an end?"
        ),
    ),
    (
        "UnboundLocalError",
        r"cannot access local variable '(\w+)'",
        lambda name: (
            f"`{name}` is read before it has a value in this function: is it set in one branch "
            "alone, or named like something outside?"
        ),
    ),
    (
        "AttributeError",
        rf"'(list|int|float|tuple)' object has no attribute '({OF_ARRAYS})'",
        lambda kind, name: (
            f"`{name}` is for arrays, and here it meets a {kind}: np.asarray makes one."
        ),
    ),
    (
        "TypeError",
        r"unsupported operand type\(s\) for \^: '(?:int|float)'",
        lambda: "^ is no power in Python: that is written **.",
    ),
    (
        "TypeError",
        r"(?:'[<>]=?' not supported between instances|unsupported operand type\(s\)).*'NoneType'",
        lambda: (
            "None stands where a value is needed: does a variable begin as None, or a function "
            "return nothing?"
        ),
    ),
    (
        "TypeError",
        r"unsupported operand type\(s\) for \S+ 'list' and|can't multiply sequence by non-int",
        lambda: "Lists, tuples and texts do not calculate: np.asarray makes an array of numbers.",
    ),
    (
        "ValueError",
        r"(too many|not enough) values to unpack",
        lambda which: (
            f"There are {which} values for the names on the left: has a shape an axis "
            f"{'more' if which == 'too many' else 'less'}, such as the batch?"
        ),
    ),
    (
        "AxisError",
        r"axis (-?\d+) is out of bounds",
        lambda axis: (
            f"There is no axis {axis} here: axes are counted from 0. Has a mask, an index or a sum "
            "taken one away?"
        ),
    ),
    (
        "KeyError",
        r"(?!.*\bempty\b)(.{1,40})$",
        lambda key: f"There is no entry for {key}: has it a first value?",
    ),
    (
        "ZeroDivisionError",
        ".*(?:division|modulo)",
        lambda: "Something is divided by 0: what is asked for there?",
    ),
)


def meaning(outcome: Raised) -> str | None:
    """Return what an exception means, where it is one of those that beginners meet; else None.

    >>> print(meaning(Raised("IndexError", "index 3 is out of bounds for axis 0 with size 3")))
    An index runs one past the end: 3 entries are 0 to 2.
    """
    for kind, pattern, sentence in MEANINGS:
        if outcome.kind == kind and (match := re.match(pattern, outcome.message)):
            return sentence(*match.groups())
    return None
