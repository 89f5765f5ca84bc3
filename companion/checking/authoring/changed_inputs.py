"""Changed inputs: a wrong result is often the right one for inputs that differ in one place.

Who leaves the bias out computes what is right for a bias of zeros; who takes a matrix the wrong way
round, what is right for the transposed one. The reference is run on such inputs, and a sentence is
said only if it holds in every case; so it is true of every answer that behaves so.
"""

import copy
import itertools
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from companion.checking.authoring.codec import copied
from companion.checking.authoring.comparison import size
from companion.checking.authoring.relations import ALL, LAST, Array, zeroed
from companion.checking.authoring.variants import may_run_on, variants

Given = Mapping[str, Any]
# A value is named by the parameter, and within a dict by its key, too.
InputPath = tuple[str, ...]
Change = Callable[[Any], Any]
MAX_NUMBERS = 1_000_000  # of one result that is looked at
FROM_1 = slice(1, None)


def _only_the_last(array: Array) -> Array:
    """Return an array with zeros for all its numbers but the last."""
    changed = np.zeros_like(array)
    changed.flat[-1:] = array.flat[-1:]
    return changed


ARRAYS: tuple[tuple[str, Change, int], ...] = (
    ("zeros in place of {}: did you leave it out?", np.zeros_like, 1),
    ("ones in place of {}: did you leave it out?", np.ones_like, 1),
    ("{} transposed: are its rows and columns exchanged?", lambda a: np.swapaxes(a, -1, -2), 2),
    ("{} in reverse order.", lambda a: a[::-1], 1),
    ("{} with each row in reverse order.", lambda a: a[:, ::-1], 2),
    ("{} turned by 180°: did you flip it?", lambda a: a[::-1, ::-1], 2),
    ("{} without its last.", lambda a: a[:-1], 1),
    ("{} without its first.", lambda a: a[1:], 1),
    ("{} shifted by one.", lambda a: np.roll(a, 1, axis=0), 1),
    ("{} with zeros but for its last: is each round written over?", zeroed(slice(-1)), 1),
    ("{} with zeros but for its first: does a loop end in its first round?", zeroed(FROM_1), 1),
    ("{} with zeros for its last: does a loop end one round early?", zeroed(LAST), 1),
    ("{} with zeros for its first: does a loop begin one round late?", zeroed(slice(1)), 1),
    ("{} with zeros in its last column: does a loop end one round early?", zeroed(ALL, LAST), 2),
    ("{} with zeros but for its last number: is each round written over?", _only_the_last, 2),
    ("{} turned by 90°.", np.rot90, 2),
    (
        "{} with zeros in its last row and column: do the loops end one round early?",
        lambda a: zeroed(LAST)(zeroed(ALL, LAST)(a)),
        2,
    ),
)
SIGNS: tuple[tuple[str, Change], ...] = (
    ("−{}: is a sign the wrong way round?", lambda a: -a),
    ("{} without its signs.", abs),
    ("{} without what is negative.", lambda a: np.maximum(a, 0)),
)
COUNTED: tuple[tuple[str, Change], ...] = (
    ("{} counted from 1.", lambda a: a + 1),
    ("{} counted from 0.", lambda a: a - 1),
)
# What is left of several arrays at once, as a loop over their entries would leave it.
ROUNDS: tuple[tuple[str, slice], ...] = (
    ("the first {axis} of {names} alone: does your loop end in its first round?", slice(1)),
    ("the last {axis} of {names} alone: is each round written over?", slice(-1, None)),
    ("{names} without the last {axis}: does your loop end one round early?", slice(-1)),
    ("{names} without the first {axis}: does your loop begin one round late?", slice(1, None)),
)
# Targets of two classes, by the lower one of what is given.
CLASSES: dict[int, tuple[tuple[str, Change], ...]] = {
    -1: (
        ("{} of 0 and 1 in place of −1 and 1.", lambda a: (a + 1) / 2),
        ("2 · {0} − 1: {0} are −1 and 1 already.", lambda a: 2 * a - 1),
    ),
    0: (("{} of −1 and 1 in place of 0 and 1.", lambda a: 2 * a - 1),),
}
MASKS: tuple[tuple[str, Change], ...] = (
    ("True everywhere in place of {}: did you leave it out?", np.ones_like),
    ("{} turned round: True for False.", np.logical_not),
)
LISTS: tuple[tuple[str, Change], ...] = (
    ("{} in reverse order.", lambda value: value[::-1]),
    ("{} without its last.", lambda value: value[:-1]),
    ("{} without its first.", lambda value: value[1:]),
)
FLOATS: tuple[tuple[str, Change], ...] = (
    ("{} = 0: did you leave it out?", lambda number: 0.0),
    ("{} = 1: did you leave it out?", lambda number: 1.0),
    ("−{}: is a sign the wrong way round?", lambda number: -number),
    ("1 − {}: did you take one for the other?", lambda number: 1 - number),
    ("{} squared.", lambda number: number**2),
    ("twice {}.", lambda number: 2 * number),
    ("half of {}.", lambda number: number / 2),
    ("1 / {}: is it the wrong way up?", lambda number: 1 / number if number else 0.0),
)
PERCENTAGES: tuple[tuple[tuple[str, Change], ...], ...] = (
    (("100 {}: is it a percentage?", lambda number: 100 * number),),
    (("{} / 100: is it a percentage?", lambda number: number / 100),),
)
INTEGERS: tuple[tuple[str, Change], ...] = (
    ("{} = 0: did you leave it out?", lambda number: 0),
    ("{} = 1: did you leave it out?", lambda number: 1),
    ("{} = 2, whatever is given.", lambda number: 2),
    ("a {} that is 1 larger.", lambda number: number + 1),
    ("a {} that is 1 smaller.", lambda number: number - 1),
    ("twice {}.", lambda number: 2 * number),
)


def changed_inputs(
    reference: Callable[..., Any], inputs: Sequence[Given], by_name: Collection[str] = ()
) -> Iterator[tuple[str, list[Any]]]:
    """Yield sentences, each with what the reference returns in every case if they are true.

    Args:
        reference: The trusted function.
        inputs: The values of every case, by parameter.
        by_name: The parameters that are passed by name.
    """
    for words, changed in _changes(inputs, may_run_on(reference, inputs)):
        values = results(reference, changed, by_name)
        if values is not None:
            yield f"Your result is what comes out for {words}", values


def changed_references(
    reference: Callable[..., Any], inputs: Sequence[Given], by_name: Collection[str] = ()
) -> Iterator[tuple[str, list[Any]]]:
    """Yield sentences, each with what the reference with one thing changed returns in every case.

    The arguments are those of `changed_inputs`.
    """
    for words, variant in variants(reference, inputs):
        values = results(variant, inputs, by_name)
        if values is not None:
            yield f"Your result is what comes out with {words}.", values


def results(
    function: Callable[..., Any], inputs: Sequence[Given], by_name: Collection[str] = ()
) -> list[Any] | None:
    """Return what a function makes of every case; None if it does not take one of them."""
    values = []
    for given in copy.deepcopy(list(inputs)):
        arguments = [value for name, value in given.items() if name not in by_name]
        keywords = {name: value for name, value in given.items() if name in by_name}
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                values.append(copied(function(*arguments, **keywords)))
        except Exception:
            return None
        if size(values[-1]) > MAX_NUMBERS:
            return None
    return values


def _changes(inputs: Sequence[Given], may_loop: bool) -> Iterator[tuple[str, list[Given]]]:
    paths = list(_input_paths(inputs))
    for path in paths:
        name = f"`{path[-1]}`"
        values = [_value_at(given, path) for given in inputs]
        for words, change in _applicable_changes(values, may_loop):
            try:
                with np.errstate(all="ignore"):
                    yield (
                        words.format(name),
                        [
                            _with_value(given, path, change(value))
                            for given, value in zip(inputs, values, strict=True)
                        ],
                    )
            except (TypeError, ValueError, IndexError, OverflowError):
                continue
    yield from _rounds(inputs)
    yield from _all_transposed(inputs, paths)
    for one, other in itertools.combinations(paths, 2):
        pairs = [(_value_at(given, one), _value_at(given, other)) for given in inputs]
        if one[-1] != other[-1] and all(_alike(*pair) for pair in pairs):
            words = f"`{one[-1]}` and `{other[-1]}` exchanged."
            yield (
                words,
                [
                    _with_value(_with_value(given, one, second), other, first)
                    for given, (first, second) in zip(inputs, pairs, strict=True)
                ],
            )


def _all_transposed(
    inputs: Sequence[Given], paths: Sequence[InputPath]
) -> Iterator[tuple[str, list[Given]]]:
    """Yield every matrix of one shape turned round at once, as ``h @ U`` for ``U @ h`` has it."""
    alike: dict[tuple[tuple[int, ...], ...], list[InputPath]] = {}
    for path in paths:
        arrays = [_value_at(given, path) for given in inputs]
        if all(isinstance(one, np.ndarray) and one.ndim > 1 for one in arrays):
            alike.setdefault(tuple(one.shape for one in arrays), []).append(path)
    for group in alike.values():
        if len(group) > 1:
            changed = list(inputs)
            for path in group:
                changed = [
                    _with_value(given, path, np.swapaxes(_value_at(given, path), -1, -2))
                    for given in changed
                ]
            shown = " and ".join(f"`{path[-1]}`" for path in group)
            yield f"{shown} transposed: are rows and columns exchanged?", changed


def _rounds(inputs: Sequence[Given]) -> Iterator[tuple[str, list[Given]]]:
    """Yield what is left of the arrays of one length where a loop over them is cut short."""
    for axis, axis_name in enumerate(("entry", "column")):
        lengths: dict[tuple[int, ...], list[str]] = {}
        for name in inputs[0]:
            arrays = [given.get(name) for given in inputs]
            shapes = [one.shape for one in arrays if isinstance(one, np.ndarray)]
            if len(shapes) == len(arrays) and all(len(shape) > axis for shape in shapes):
                lengths.setdefault(tuple(shape[axis] for shape in shapes), []).append(name)
        for length, names in lengths.items():
            if len(names) < 2 or min(length) < 2:  # of one alone the changes above tell
                continue
            shown = " and ".join(f"`{name}`" for name in names)
            for words, rounds in ROUNDS:
                part = (slice(None),) * axis + (rounds,)
                yield (
                    words.format(axis=axis_name, names=shown),
                    [{**given, **{name: given[name][part] for name in names}} for given in inputs],
                )


def _input_paths(inputs: Sequence[Given]) -> Iterator[InputPath]:
    names = [name for name in inputs[0] if all(name in given for given in inputs)]
    for name in names:
        if all(isinstance(given[name], dict) for given in inputs):
            yield from ((name, key) for key in inputs[0][name])
        else:
            yield (name,)


def _value_at(given: Given, path: InputPath) -> Any:
    return given[path[0]] if len(path) == 1 else given[path[0]].get(path[1])


def _with_value(given: Given, path: InputPath, value: Any) -> Given:
    if len(path) == 1:
        return {**given, path[0]: value}
    return {**given, path[0]: {**given[path[0]], path[1]: value}}


def _applicable_changes(values: Sequence[Any], may_loop: bool) -> Iterator[tuple[str, Change]]:
    """Yield the changes that make sense of values of this kind."""
    if all(isinstance(value, np.ndarray) and value.ndim for value in values):
        yield from _array_changes(values)
    elif all(isinstance(value, list) for value in values):
        yield from LISTS
        if all(type(one) is int for value in values for one in value):
            yield "ones in place of {}: did you leave it out?", lambda value: [1] * len(value)
    elif all(type(value) is bool for value in values):
        yield "{} turned round: True for False.", lambda value: not value
    elif may_loop:
        return
    elif all(type(value) is int for value in values):
        yield from _integer_changes(values)
    elif all(isinstance(value, (float, np.floating)) for value in values):
        yield from FLOATS
        yield from PERCENTAGES[0] if all(0 <= value <= 1 for value in values) else ()
        yield from PERCENTAGES[1] if all(1 < value <= 100 for value in values) else ()


def _array_changes(values: Sequence[Array]) -> Iterator[tuple[str, Change]]:
    kinds = {value.dtype.kind for value in values}
    ranks = min(value.ndim for value in values)
    if kinds == {"b"}:
        yield from MASKS
    if kinds <= {"i", "u", "f"}:
        yield from ((words, change) for words, change, rank in ARRAYS if rank <= ranks)
        yield from () if "u" in kinds else SIGNS
        yield from COUNTED if kinds == {"i"} else ()
        for low, changes in CLASSES.items():
            if all(np.isin(value, (low, 1)).all() for value in values):
                yield from changes


def _integer_changes(values: Sequence[int]) -> Iterator[tuple[str, Change]]:
    # A number that no case gives might be one that the reference cannot end with.
    low, high = min(values), max(values)
    for words, change in INTEGERS:
        changed = [change(value) for value in values]
        # Constants are tried where some case gives them.
        is_tried = words.startswith(("a ", "twice")) or low <= changed[0] <= high
        if is_tried and min(changed) >= min(low, 0):
            yield words, change


def _alike(one: Any, other: Any) -> bool:
    """Say whether two values could be taken for each other."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return type(one) is type(other) and one.shape == other.shape
    return type(one) is type(other) and isinstance(one, (int, float, list))
