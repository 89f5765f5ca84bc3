"""How results are compared: the difference in words, in little time and memory."""

import functools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processor_time import timed

from companion.checking.authoring.comparison import compact, difference, show


@pytest.mark.parametrize(
    ("expected", "received", "words"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), "values are right, but the result has the shape (3, 2)"),
        (np.ones((2, 3)), np.zeros((3, 2)), "The result has the shape (3, 2); expected (2, 3)."),
        (np.arange(3), np.arange(3.0), "The values are right, but the result is a float (float64)"),
        (156, 156.0, "The values are right, but the result is a float"),
        (np.ones(2), [[1.0], [1.0]], "values are right, but the result has the shape (2, 1)"),
        (np.ones(2), [1.0, "1"], "The result is a list of 2; expected an array of shape (2,)."),
        (10**9, 10**9 + 1, "The result is 1000000001, expected 1000000000."),
        (2**53, float(2**53 + 2), "The result is 9.007199e+15, expected 9007199254740992."),
        (np.ones(2), np.array([1, np.nan]), "The result holds nan at [1]"),
        (1.0, float("inf"), "The result holds inf"),
        (np.array([-np.inf]), np.array([1.0]), "The result holds 1.0"),  # of a mistake
        (np.zeros(3), np.array([0, 0, 5.0]), "1 of 3 values differ; the first at [2] is 5,"),
        (3.0, 4.0, "The result is 4, expected 3."),
        (3.0, None, "The result is None; expected a float."),
        (3.0, "3", "The result is a string; expected a float."),
        (3.0, 10**400, "The result is a huge number; expected a float."),
        ("same", "valid", "The result is 'valid'; expected 'same'."),
        (
            np.array([1 / 3, 0.7]),
            np.array([1 / 3, 0.7], "float32"),
            "The result is right as far as float32 goes: compute in float64.",
        ),
        (1 / 3, np.float32(1 / 3 + 1e-3), "The result is 0.3343333, expected 0.3333333."),
        ((1, 2), (1, 2, 3), "The result has 3 parts; expected 2."),
        ((1.0, np.zeros(2)), (1.0, np.ones(2)), "Part 2 of the result: 2 of 2 values differ"),
        ({"W": 1.0}, {"w": 1.0}, "The result has the keys ['w']; expected ['W']."),
        (True, 1, "The values are right, but the result is an integer"),
    ],
)
def test_a_difference_is_said_in_its_own_words(expected, received, words):
    assert words in difference(expected, received, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("expected", "received"),
    [
        (3.0, 3),
        (3, np.int64(3)),
        (np.float64(3.0), np.array(3.0)),
        (np.ones(2), np.ones(2, "float32")),
        ((1, 2), [1, 2]),
        ((1, 2), np.array([1, 2])),
        (np.eye(2), [[1, 0], (0.0, 1.0)]),
        (np.eye(2), [np.array([1.0, 0.0]), np.array([0.0, 1.0])]),
        ([np.zeros(2), np.ones(2)], np.array([[0, 0], [1.0, 1.0]])),
        (np.ones(3), np.ones(3, int)),
        (2**62, np.int64(2**62)),
        (None, None),
    ],
)
def test_what_is_as_good_is_right(expected, received):
    assert difference(expected, received, rtol=1e-6, atol=1e-8) is None


def test_words_are_looked_for_in_short_texts_alone():
    for expected, received in (("x" * 300, "y" * 300), ("x" * 300, 3), ("!", "?")):
        told = difference(expected, received, rtol=1e-6, atol=1e-8)
        assert told.startswith("The result is ")


def test_long_lists_within_lists_are_compared_whole():
    layers = [(np.ones((40, 40)).tolist(), [0.0] * 40), (np.zeros((40, 2)).tolist(), [0.0] * 2)]
    other = [(layers[0][0], [0.0] * 39 + [1.0]), layers[1]]
    right, wrong = compact(layers), compact(other)
    assert difference(right, compact(layers), rtol=1e-6, atol=1e-8) is None
    assert "Part 40 of part 2 of part 1" in difference(right, wrong, rtol=1e-6, atol=1e-8)


@given(value=st.floats(-1e6, 1e6), off=st.floats(0, 1e-3))
def test_close_is_what_numpy_calls_close(value, off):
    right = difference(value, value + off, rtol=1e-5, atol=1e-8) is None
    assert right == bool(np.isclose(value + off, value, rtol=1e-5, atol=1e-8))


HUGE = {
    "many dimensions": np.full((1,) * 31 + (2**22,), np.nan, np.float16),
    "four to the eleventh": np.zeros((4,) * 11, np.float16),
    "a long text among numbers": ["x" * 3_500_000] + [1] * 3000,
    "an integer of thousands of digits": 10**4299,
    "a list of such": [-(10**4299)] * 2000,
    "many numbers": [1.0] * 3 * 10**5,
    "lists of arrays of many dtypes": [np.zeros(2**20, np.int8)] * 8 + [np.zeros(2**20, complex)],
    "nested": functools.reduce(lambda inner, _: [inner], range(18), [1.0]),
    "long keys": {"k" * 10**6: 1, "l" * 10**6: 2},
    "a long text": "x" * 10**7,
    "nothing": np.zeros((0, 10**9)),
}


@pytest.mark.drawn
@pytest.mark.parametrize("received", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize(
    "expected", [1.0, 3, np.ones((2, 3)), (1.0, np.ones(2)), {"a": 1}, "same", [1, 2]], ids=repr
)
def test_time_and_memory_of_a_comparison_follow_from_what_is_expected(expected, received):
    def compare():
        return difference(expected, received, rtol=1e-6, atol=1e-8), show(received)

    (fault, text), seconds = timed(compare)
    tracemalloc.start()  # which takes several times as long
    compare()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fault
    assert len(fault) < 2000
    assert len(text) <= 600
    assert seconds < 2
    assert peak < 30 << 20
