"""What an exception means, in the words of who reads it for the first time."""

import re
from collections.abc import Callable

from companion.checking.authoring.cases import Raised

SHAPE = r"\(([\d,]*)\)"


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
    if first[::-1] == second or _fit(first[::-1], second):
        return f"{text}. Is one of the two transposed?"
    return f"{text}, and there each two sizes have to be equal, or one of them 1."


def _product(columns: str, rows: str) -> str:
    return (
        f"In a matrix product each row of the first meets each column of the second, here with "
        f"{columns} and {rows} numbers: is one of them transposed, or are the two exchanged?"
    )


def _index(index: str, size: str) -> str:
    if index == size:
        return f"An index runs one past the end: {size} entries are 0 to {int(size) - 1}."
    return f"An index is {index} where there are {size} entries: is it meant for another axis?"


# A class of exceptions, what it says, and what that means.
MEANINGS: tuple[tuple[str, str, Callable[..., str]], ...] = (
    (
        "ValueError",
        rf"operands could not be broadcast together with shapes {SHAPE} {SHAPE}",
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
        lambda: "An index runs past the end: n entries are counted from 0 to n − 1.",
    ),
    (
        "ValueError",
        "The truth value of an array",
        lambda: (
            "An `if`, `and`, `or` or `max` asks one question, but an array of several numbers has "
            "as many answers: np.where, &, | or np.maximum ask every number."
        ),
    ),
    (
        "ValueError",
        r"cannot reshape array of size (\d+) into shape \(?([\d,]+)",
        lambda size, shape: (
            f"{size} numbers do not fill the shape ({shape}): are there some too many, which are "
            "to be cut off first?"
        ),
    ),
    (
        "ValueError",
        "all input arrays must have the same shape|.*inhomogeneous shape",
        lambda: (
            "What is put together has parts of different lengths: does the last one run over the "
            "end?"
        ),
    ),
    (
        "UnboundLocalError",
        r"cannot access local variable '(\w+)'",
        lambda name: f"`{name}` is read before it has a value: is it set in one branch alone?",
    ),
    (
        "AttributeError",
        r"'(list|int|float|tuple)' object has no attribute '(\w+)'",
        lambda kind, name: (
            f"`{name}` is for arrays, and here it meets a {kind}: np.asarray makes one."
        ),
    ),
    (
        "TypeError",
        r"unsupported operand type\(s\) for \S+ 'list' and|can't multiply sequence by non-int",
        lambda: "Lists do not calculate: np.asarray makes an array of one.",
    ),
    (
        "TypeError",
        r"unsupported operand type\(s\) for \^",
        lambda: "^ is no power in Python: that is written **.",
    ),
    (
        "TypeError",
        r"(?:'[<>]=?' not supported between instances|unsupported operand type\(s\)).*'NoneType'",
        lambda: (
            "None stands where a number is needed: does a variable begin as None, or a function "
            "return nothing?"
        ),
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
        r"axis (-?\d+) is out of bounds for array of dimension (\d+)",
        lambda axis, count: (
            f"There is no axis {axis}: axes are counted from 0, and the array has {count}. Has a "
            "mask, an index or a sum taken one away?"
        ),
    ),
    (
        "KeyError",
        r"(.{1,40})$",
        lambda key: f"A dict is asked for {key}, which it does not hold: has it a first value?",
    ),
    (
        "ZeroDivisionError",
        "",
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
