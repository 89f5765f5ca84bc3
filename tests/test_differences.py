"""How two values are compared, shown and counted."""

import functools

import numpy as np
import pytest

from companion.checking.authoring.comparison import compact, difference, show, size

CLOSE = {"rtol": 1e-6, "atol": 1e-8}


def nested(value, depth, wrap=lambda inner: [inner]):
    return functools.reduce(lambda inner, _: wrap(inner), range(depth), value)


@pytest.mark.parametrize(
    ("expected", "received", "sentence"),
    [
        ((1, 2), np.array(3.0), "The result is an array of shape (); expected a tuple of 2."),
        (
            np.ones(3),
            [[1, 2], [3]],
            "The result is a list of 2; expected an array of shape (3,).",
        ),
        (1.0, nested(1.0, 70), "The result is a list of 1; expected a float."),
        ((1.0,), (2.0,), "Part 1 of the result is 2, expected 1."),
        (np.zeros(3), [0, 0, 5.0], "1 of 3 values differ; the first at [2] is 5, expected 0."),
        (1.0, 1.0 + 1e-9, "The result is 1.000000001, expected 1.0."),
        (
            np.array([1e6, 0.5]),
            np.array([1e6, 0.51], "float32"),
            "The result is right as far as float32 goes: compute in float64.",
        ),
        (
            np.float16(0.5),
            np.float32(0.5),
            "The values are right, but the result is float32; expected float16.",
        ),
        ({"a": 1}, {"k" * 101: 1}, f"The result has the keys ['{'k' * 100}']; expected ['a']."),
    ],
)
def test_a_difference_is_one_sentence_and_no_more(expected, received, sentence):
    assert difference(expected, received, rtol=0, atol=0) == sentence


@pytest.mark.parametrize("received", [np.float16(0.5), np.array(0.5, np.float16)])
def test_a_short_float_that_is_asked_for_is_right(received):
    assert difference(np.float16(0.5), received, rtol=0, atol=0) is None
    assert difference(np.float16(1), 1, rtol=0, atol=0) is None


def test_complex_numbers_are_compared_in_both_parts():
    assert difference(np.array([1 + 1j]), np.array([1 + 1j]), **CLOSE) is None
    assert difference(np.array([1 + 1j]), np.array([1 + 2j]), **CLOSE)
    assert difference(np.array([1.0]), np.array([1 + 1e-3j]), **CLOSE)


def test_words_are_looked_for_in_short_texts_alone():
    def words_are_right(expected, received):
        return difference(expected, received, **CLOSE).startswith("The words are right")

    assert words_are_right("same", "Same" + " " * 196)
    assert not words_are_right("same", "Same" + " " * 197)
    assert not words_are_right("ab " * 66 + "ab", "cd " * 66 + "cd")


@pytest.mark.parametrize(
    ("expected", "received", "allowed", "right"),
    [
        ([1.0, 2.0], [1.1, 2.0], [0.2, 0.0], True),
        ([1.0, 2.0], [1.0, 2.1], [0.2, 0.0], False),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.1], [0.0, 0.2], True),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.3], [0.0, 0.2], False),
        ({"a": 1.0}, {"a": 1.1}, {"a": 0.2}, True),
        ({"a": 1.0}, {"a": 1.1}, [0.2], True),
        ([1.0], [1.5], [], False),
        ([1.0], [1.0], [], True),
        (np.ones(2), np.array([1.0, 1.1]), np.array([0.1, 0.2, 0.1]), True),
        (np.ones(2), np.array([1.0, 1.3]), np.array([0.1, 0.2, 0.1]), False),
        (np.ones(2), np.array([1.0, 1.1]), np.array([0.2, 0.0]), False),
        (np.ones(2), np.array([1.0, 1.1]), [0.2, 0.0], True),
    ],
)
def test_rounding_is_allowed_part_by_part_or_else_the_largest_of_all(
    expected, received, allowed, right
):
    assert (difference(expected, received, **CLOSE, allowed=allowed) is None) is right


def test_a_long_list_of_numbers_is_compared_as_an_array_and_a_short_one_as_it_is():
    assert compact([1.0] * 999) == [1.0] * 999
    assert compact([1.0] * 1000).shape == (1000,)
    assert repr(compact([[1.0], []] * 500)) == "a list of 1,000 values"


def test_long_lists_side_by_side_are_as_good_as_arrays():
    expected = np.ones(2000), np.full(3000, 2.0)
    pair = compact(([1.0] * 2000, [2.0] * 3000))
    assert [part.shape for part in pair] == [(2000,), (3000,)]
    assert difference(expected, pair, **CLOSE) is None
    by_name = compact({"W": [1.0] * 2000, "b": [2.0] * 3000})
    assert difference(dict(zip("Wb", expected, strict=True)), by_name, **CLOSE) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**256 - 1, str(2**256 - 1)),
        (2**256, "an integer of 257 bits"),
        ((1.0,), "(1,)"),
        ((1.0, 2.0), "(1, 2)"),
        (([1.0, 2.0], "a"), "(1) [1, 2]\n(2) 'a'"),
        ([0.5] * 20, f"[{', '.join(['0.5'] * 20)}]"),
        ([0.5] * 21, f"[{', '.join(['0.5'] * 20)}, …]"),
        ("x" * 598, f"'{'x' * 598}'"),
        ("x" * 599, f"'{'x' * 598}…"),
        (["x" * 1000, "b"], f"(1) '{'x' * 298}…\n(2) 'b'"),
        ({"a": "x" * 1000, "b": 1}, f"'a': '{'x' * 298}…\n'b': 1"),
        (np.array([1, 1e-9, 1 / 3]), "float64 array of shape (3,)\n[1.    , 0.    , 0.3333]"),
        (np.arange(100.0), "float64 array of shape (100,)\n[ 0.,  1., ..., 98., 99.]"),
        (
            np.zeros((9, 10)),
            "float64 array of shape (9, 10)\n[[0., 0., ..., 0., 0.],\n [0., 0., ..., 0., 0.],\n"
            " ...,\n [0., 0., ..., 0., 0.],\n [0., 0., ..., 0., 0.]]",
        ),
        (
            np.zeros((4,) * 6),
            "float64 array of shape (4, 4, 4, 4, 4, 4)\n0, 0, 0, 0, 0, 0, 0, 0, …",
        ),
    ],
    ids=range(15),
)
def test_a_value_is_shown_as_far_as_there_is_room(value, text):
    assert show(value) == text


def test_an_array_of_up_to_81_numbers_is_shown_whole():
    assert "..." not in show(np.arange(81))
    assert "..." in show(np.arange(82))


def test_the_numbers_in_a_value_are_counted_at_any_depth():
    assert size({"a": [1.0, np.zeros(3)], "b": (2, "x")}) == 6
