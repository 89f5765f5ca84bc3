"""Relations: what a wrong result has to do with the right one, where no known mistake explains it.

A sentence here describes what can be seen (every value has the wrong sign, the order is turned
round), so it is true of every answer that behaves so, however it was written. It is said only if it
holds in every case.
"""

import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from companion.checking.authoring.comparison import as_array, shape_of, upper

Array = np.ndarray[Any, Any]
MAX_PERMUTED = 4
EXACT = 2.0**53  # the whole numbers below it are exact as floats
WHAT = "the part"
ALL, LAST = slice(None), slice(-1, None)
Relation = tuple[str, Callable[[Array], Array]]


def _transposed(right: Array) -> Array:
    """Return an array with its first two axes exchanged."""
    return right.swapaxes(0, 1)


def _last_axis_reversed(right: Array) -> Array:
    """Return an array with its last axis in reverse order."""
    return right[..., ::-1]


def zeroed(*index: slice) -> Callable[[Array], Array]:
    """Return what puts zeros into a part of an array."""

    def change(array: Array) -> Array:
        changed = array.copy()
        changed[index] = 0
        return changed

    return change


VALUES: tuple[Relation, ...] = (
    ("Every value of {what} has the wrong sign.", lambda right: -right),
    ("The signs of {what} are lost; its values are right otherwise.", np.abs),
    (
        "What should be negative in {what} is 0; the rest is right.",
        lambda right: np.maximum(right, 0),
    ),
    ("Every value of {what} is the square of what it should be.", lambda right: right**2),
    ("Every value of {what} is the square root of what it should be.", np.sqrt),
    ("Every value of {what} is the logarithm of what it should be.", np.log),
    ("Every value of {what} is the exponential of what it should be.", np.exp),
    ("Every value of {what} is 1 divided by what it should be.", lambda right: 1 / right),
    ("Every value of {what} is 1 minus what it should be.", lambda right: 1 - right),
)
SQUASHED: tuple[Relation, ...] = (
    ("Every value of {what} went through tanh, which is not asked for.", np.tanh),
    (
        "Every value of {what} went through a sigmoid, which is not asked for.",
        lambda right: 1 / (1 + np.exp(-right)),
    ),
)
SUMS: tuple[Relation, ...] = (
    ("{What} is added up into one number: every value by itself is asked for.", np.sum),
    ("{What} is averaged into one number: every value by itself is asked for.", np.mean),
)
FACTORS: tuple[Relation, ...] = (
    ("Every value of {what} is twice what it should be.", lambda right: 2 * right),
    ("Every value of {what} is half of what it should be.", lambda right: right / 2),
    ("Every value of {what} is 100 times what it should be.", lambda right: 100 * right),
    ("Every value of {what} is three times what it should be.", lambda right: 3 * right),
    ("Every value of {what} is a third of what it should be.", lambda right: right / 3),
    (
        "Every value of {what} comes out as with logarithms to the base 2 in place of natural "
        "ones.",
        lambda right: right / np.log(2),
    ),
    (
        "Every value of {what} comes out as with logarithms to the base 10 in place of natural "
        "ones.",
        lambda right: right / np.log(10),
    ),
)
# Of which a few agree by chance.
ROUNDED: tuple[Relation, ...] = (
    ("Every value of {what} is rounded to a whole number.", np.round),
    ("Every value of {what} is rounded to a whole number.", np.floor),
    ("{What} has lost what stands behind the point: is it an array of integers?", np.trunc),
)
LEAST_ROUNDED = 3  # so many different whole numbers do not come about by chance
COUNTS: tuple[Relation, ...] = (
    ("{What} is 1 too large, always.", lambda right: right + 1),
    ("{What} is 1 too small, always.", lambda right: right - 1),
)
ORDERS: tuple[Relation, ...] = (
    ("The values of {what} are right, but in reverse order.", lambda right: right[::-1]),
    ("The values of {what} are right, but the first one is missing.", lambda right: right[1:]),
    ("The values of {what} are right, but the last one is missing.", lambda right: right[:-1]),
    (
        "The values of {what} are added up from the first to each: begin every one anew.",
        lambda right: np.cumsum(right, axis=0),
    ),
    ("The last of {what} stays 0: does a loop end one round too early?", zeroed(LAST)),
    ("The first of {what} stays 0: does a loop begin one round too late?", zeroed(slice(0, 1))),
    (
        "Every part of {what} is the last one: keep a copy of each, not one array that changes.",
        lambda right: np.repeat(right[-1:], len(right), axis=0),
    ),
    (
        "Every part of {what} is the first one: does anything change from round to round?",
        lambda right: np.repeat(right[:1], len(right), axis=0),
    ),
)
ROWS: tuple[Relation, ...] = (
    ("The values of {what} are right, but in ascending order.", np.sort),
    ("The values of {what} are right, but in descending order.", lambda a: np.sort(a)[::-1]),
)
SORTED = ("in ascending order.", "in descending order.")
FLAT: tuple[Relation, ...] = (
    ("The values of {what} are right, but its rows and columns are exchanged.", _transposed),
)
SPACES: tuple[Relation, ...] = (
    ("The values of {what} are right, but its first two axes are exchanged.", _transposed),
    (
        "The values of {what} are right, but its last two axes are exchanged.",
        lambda right: right.swapaxes(-1, -2),
    ),
    (
        "The values of {what} are right, but in reverse order along the last axis.",
        _last_axis_reversed,
    ),
)
PLANES: tuple[Relation, ...] = (
    ("{What} is averaged over its axis 0, which is to stay.", lambda a: a.mean(axis=0)),
    ("{What} is added up over its axis 0, which is to stay.", lambda a: a.sum(axis=0)),
    ("The values of {what} are right, but each row is in reverse order.", lambda a: a[:, ::-1]),
    ("The values of {what} are right, but it is turned by 180°.", lambda a: a[::-1, ::-1]),
    ("The values of {what} are right, but the last of each row is missing.", lambda a: a[:, :-1]),
    (
        "The last column of {what} stays 0: does a loop end one round too early?",
        zeroed(ALL, LAST),
    ),
    (
        "The last row and the last column of {what} stay 0: do the loops end one round too early?",
        lambda a: zeroed(LAST)(zeroed(ALL, LAST)(a)),
    ),
    (
        "The values of {what} are right, but the last row and the last column are missing.",
        lambda a: a[:-1, :-1],
    ),
)


def relation(
    cases: Sequence[tuple[Any, Mapping[str, Any]]],
    agrees: Callable[[int, Any], bool],
) -> str | None:
    """Return the one sentence that tells how a wrong result follows from the right one, or None.

    Args:
        cases: For each case, what is right, and the values that were given, by name.
        agrees: Says whether a value is what came in the case of that number.
    """
    sentences = {
        sentence
        for sentence, values in _candidates(cases)
        if all(value is not None and agrees(index, value) for index, value in enumerate(values))
    }
    if len(sentences) > 1:  # what is in reverse order may be in ascending order as well
        sentences = {one for one in sentences if not one.endswith(SORTED)}
    return sentences.pop() if len(sentences) == 1 else None


def _candidates(
    cases: Sequence[tuple[Any, Mapping[str, Any]]],
) -> Iterator[tuple[str, list[Any]]]:
    """Yield sentences, each with the value that every case would then have."""
    right_values = [right for right, _ in cases]
    first = right_values[0]
    is_several = isinstance(first, (list, tuple))
    same_count = is_several and all(
        isinstance(one, (list, tuple)) and len(one) == len(first) for one in right_values
    )
    of_numbers = is_several and all(shape_of(part) == () for part in first)
    if same_count and (isinstance(first, tuple) or not of_numbers):
        yield from _single_parts(right_values)
    if not is_several or of_numbers:
        yield from _array_relations("the result", right_values, cases)
        if same_count:
            yield from _exchanged_numbers(right_values)
        return
    if not same_count:
        return
    count = len(first)
    for order in itertools.permutations(range(count)) if count <= MAX_PERMUTED else ():
        if list(order) != sorted(order):
            sentence = "The parts of the result are right, but in another order."
            yield sentence, [[right[part] for part in order] for right in right_values]
    parts = [
        list(_array_relations(WHAT, [right[part] for right in right_values], cases))
        for part in range(count)
    ]
    for part, relations in enumerate(parts):
        for sentence, values in relations:
            renamed = _with_subject(sentence, f"part {part + 1} of the result")
            yield (
                f"{renamed} The rest is right.",
                [
                    None if value is None else [*right[:part], value, *right[part + 1 :]]
                    for right, value in zip(right_values, values, strict=True)
                ],
            )
    yield from _shared(right_values, parts)


def _exchanged_numbers(right_values: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield a few numbers in every other order but the reverse, of which is told already."""
    count = len(right_values[0])
    if 2 < count <= MAX_PERMUTED:
        for order in itertools.permutations(range(count)):
            if list(order) not in (sorted(order), sorted(order, reverse=True)):
                sentence = "The parts of the result are right, but in another order."
                yield sentence, [[right[part] for part in order] for right in right_values]


def _shared(
    right_values: Sequence[Any], parts: Sequence[Sequence[tuple[str, list[Any]]]]
) -> Iterator[tuple[str, list[Any]]]:
    """Yield what holds of several parts at once, or of all."""
    count, relations = len(parts), [dict(part) for part in parts]
    for indices in _part_groups(count):
        all_parts = len(indices) == count
        numbers = " and ".join(str(one + 1) for one in indices)
        what = "each part" if all_parts else f"each of parts {numbers}"
        for sentence in relations[indices[0]]:
            if not all(sentence in relations[one] for one in indices):
                continue
            changed = [relations[one][sentence] for one in indices]
            yield (
                _with_subject(sentence, f"{what} of the result")
                + (" The rest is right." * (not all_parts)),
                [
                    _with_parts(
                        right,
                        {one: values[case] for one, values in zip(indices, changed, strict=True)},
                    )
                    for case, right in enumerate(right_values)
                ],
            )


def _part_groups(count: int) -> list[tuple[int, ...]]:
    """Return the parts of a result, by index, that may share a fault: all, or some of a few."""
    sizes = range(2, count + 1) if count <= MAX_PERMUTED else [count]
    return [indices for size in sizes for indices in itertools.combinations(range(count), size)]


def _with_parts(right: Sequence[Any], values: Mapping[int, Any]) -> list[Any] | None:
    """Return a result with other values for some of its parts; None if one has none."""
    if any(value is None for value in values.values()):
        return None
    return [values.get(index, part) for index, part in enumerate(right)]


def _single_parts(right_values: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield one part of what is right in the place of all of them."""
    count = len(right_values[0])
    for part in range(count):
        sentence = f"Your result is part {part + 1} alone: {count} parts are asked for."
        yield sentence, [right[part] for right in right_values]


def _with_subject(sentence: str, what: str) -> str:
    return upper(sentence.replace(upper(WHAT), what).replace(WHAT, what))


def _array_relations(
    what: str,
    right_values: Sequence[Any],
    cases: Sequence[tuple[Any, Mapping[str, Any]]],
) -> Iterator[tuple[str, list[Any]]]:
    maybe_arrays = [as_array(right) for right in right_values]
    arrays = [array for array in maybe_arrays if array is not None]
    if len(arrays) < len(maybe_arrays) or not all(array.dtype.kind in "iuf" for array in arrays):
        return
    integers = all(array.dtype.kind in "iu" for array in arrays)
    ranks = min(array.ndim for array in arrays)
    relations = [
        *VALUES,
        *SQUASHED,
        *FACTORS,
        *(COUNTS if integers else ()),
        *(SUMS if ranks else ()),
    ]
    relations += [*(ORDERS if ranks else ()), *(PLANES if ranks > 1 else ())]
    relations += [*(SPACES if ranks > 2 else ()), *(ROWS if ranks == 1 else ())]
    relations += FLAT if {array.ndim for array in arrays} == {2} else ()
    every = np.concatenate([array.ravel() for array in arrays])
    relations += [one for one in ROUNDED if len(np.unique(one[1](every))) >= LEAST_ROUNDED]
    for sentence, change in relations:
        values = [_changed(change, array) for array in arrays]
        # What changes nothing anywhere would be seen in a right answer, too.
        if any(_differs(value, array) for value, array in zip(values, arrays, strict=True)):
            yield sentence.format(what=what, What=upper(what)), values
    for name, numbers in _numbers([given for _, given in cases]):
        pairs = list(zip(arrays, numbers, strict=True))
        yield (
            f"Every value of {what} is multiplied by {name} once too often.",
            [_changed(partial(operator.mul, number), array) for array, number in pairs],
        )
        yield (
            f"Every value of {what} is divided by {name} once too often.",
            [_changed(partial(operator.mul, 1 / number), array) for array, number in pairs],
        )
    for name, lengths in _lengths([given for _, given in cases]):
        if integers or (len(set(lengths)) == 1 and lengths[0] <= 2):
            continue
        pairs = list(zip(arrays, lengths, strict=True))
        sums = [_changed(partial(operator.mul, length), array) for array, length in pairs]
        yield f"Every value of {what} is too large by {name}: is a mean asked for?", sums
        means = [
            _changed(partial(operator.mul, 1 / max(length, 1)), array) for array, length in pairs
        ]
        yield f"Every value of {what} is divided by {name}: is a sum asked for?", means


def _changed(change: Callable[[Array], Array], right: Array) -> Array | None:
    """Return what a relation makes of a right value; None where that is not finite."""
    integers = right.dtype.kind in "iu"
    with np.errstate(all="ignore"):
        value = np.asarray(change(right.astype(float) if integers else right))
    if not np.isfinite(value).all() or (integers and (abs(value) >= EXACT).any()):
        return None
    if integers and (value == np.round(value)).all():
        limits = np.iinfo(right.dtype)
        fits = ((value >= limits.min) & (value <= limits.max)).all()
        return value.astype(right.dtype if fits else np.int64)
    return value


def _differs(value: Array | None, right: Array) -> bool:
    return value is None or value.shape != right.shape or not np.allclose(value, right)


def _numbers(inputs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[float]]]:
    """Yield the numbers that are given and differ from case to case, with their words."""
    for name in inputs[0]:
        values = [one.get(name) for one in inputs]
        numbers = [
            float(one)
            for one in values
            if isinstance(one, (int, float)) and one is not True and 0 < abs(one) < EXACT
        ]
        if len(numbers) == len(inputs) and len(set(numbers)) > 1:
            yield f"`{name}`", numbers


def _lengths(inputs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[int]]]:
    """Yield the sizes and the axes of the arrays that are given, case by case, with their words."""
    seen: list[list[int]] = []
    for name in inputs[0]:
        shapes = [
            np.shape(one[name]) if isinstance(one.get(name), np.ndarray) else () for one in inputs
        ]
        ranks = {len(shape) for shape in shapes}
        if 0 in ranks:
            continue
        for words, lengths in [
            *(
                (f"the length of axis {axis} of `{name}`", [s[axis] for s in shapes])
                for axis in range(min(ranks))
            ),
            (f"the size of `{name}`", [int(np.prod(shape)) for shape in shapes]),
        ]:
            if lengths not in seen and min(lengths) >= 1 and max(lengths) > 1:
                seen.append(lengths)
                yield words, lengths
