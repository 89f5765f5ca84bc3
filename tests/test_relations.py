"""How a wrong result is described by what it has to do with the right one."""

import numpy as np
import pytest

from companion.checking.authoring.comparison import difference
from companion.checking.authoring.relations import relation


def related(rights, wrongs, given=None):
    """What is said of wrong results, with the right ones and the given values of every case."""

    def agrees(index, value):
        return difference(value, wrongs[index], rtol=1e-9, atol=1e-12) is None

    return relation(list(zip(rights, given or [{}] * len(rights), strict=True)), agrees)


LINES = [np.array([0.3, -1.2, 0.8, 2.5]), np.array([-0.7, 1.9, 0.4])]
POSITIVE = [np.array([0.3, 1.2, 2.5]), np.array([0.7, 4.0])]
INTEGERS = [np.array([2, 3, 5]), np.array([7, 11])]
PLANES = [
    np.array([[0.3, -1.2, 0.8], [2.5, 0.1, -0.4]]),
    np.array([[1.5, -0.6], [0.2, 0.9], [-2.0, 1.1]]),
]
SPACES = [np.arange(24.0).reshape(2, 3, 4) ** 1.1 - 20, np.arange(12.0).reshape(3, 2, 2) - 5.5]


def zeros_at(*index):
    def change(array):
        array = array.copy()
        array[index] = 0
        return array

    return change


@pytest.mark.parametrize(
    ("rights", "change", "words"),
    [
        (LINES, lambda a: np.maximum(a, 0), "What should be negative in the result is 0"),
        (LINES, lambda a: a**2, "is the square of what it should be."),
        (POSITIVE, np.sqrt, "is the square root of what it should be."),
        (POSITIVE, np.log, "is the logarithm of what it should be."),
        (LINES, np.exp, "is the exponential of what it should be."),
        (LINES, lambda a: 1 / a, "is 1 divided by what it should be."),
        (LINES, lambda a: 1 - a, "is 1 minus what it should be."),
        (LINES, lambda a: 1 / (1 + np.exp(-a)), "went through a sigmoid"),
        (LINES, lambda a: 2 * a, "is twice what it should be."),
        (LINES, lambda a: a / 2, "is half of what it should be."),
        (LINES, lambda a: 100 * a, "is 100 times what it should be."),
        (LINES, lambda a: 3 * a, "is three times what it should be."),
        (LINES, lambda a: a / 3, "is a third of what it should be."),
        (LINES, lambda a: a / np.log(2), "logarithms to the base 2"),
        (LINES, lambda a: a / np.log(10), "logarithms to the base 10"),
        (INTEGERS, lambda a: a + 1, "The result is 1 too large, always."),
        (INTEGERS, lambda a: a - 1, "The result is 1 too small, always."),
        (INTEGERS, np.sqrt, "is the square root of what it should be."),
        ([np.array([2**52 + 1, 7])], lambda a: -a, "has the wrong sign."),
        ([np.array([0.6, 1.6, 2.6])], np.round, "is rounded to a whole number."),
        (LINES, lambda a: a[::-1], "are right, but in reverse order."),
        (LINES, lambda a: a[1:], "are right, but the first one is missing."),
        (LINES, lambda a: a[:-1], "are right, but the last one is missing."),
        (LINES, np.sort, "are right, but in ascending order."),
        (LINES, lambda a: np.sort(a)[::-1], "are right, but in descending order."),
        (PLANES, zeros_at(-1), "The last of the result stays 0"),
        (PLANES, zeros_at(0), "The first of the result stays 0"),
        (PLANES, lambda a: a[[-1] * len(a)], "Every part of the result is the last one"),
        (PLANES, lambda a: a[[0] * len(a)], "Every part of the result is the first one"),
        (PLANES, np.transpose, "its rows and columns are exchanged."),
        (PLANES, lambda a: a.mean(axis=0), "The result is averaged over its axis 0"),
        (PLANES, lambda a: a.sum(axis=0), "The result is added up over its axis 0"),
        (PLANES, lambda a: a[:, ::-1], "but each row is in reverse order."),
        (PLANES, lambda a: a[::-1, ::-1], "but it is turned by 180°."),
        (PLANES, lambda a: a[:, :-1], "but the last of each row is missing."),
        (PLANES, zeros_at(slice(None), -1), "The last column of the result stays 0"),
        (
            PLANES,
            lambda a: zeros_at(-1)(zeros_at(slice(None), -1)(a)),
            "The last row and the last column of the result stay 0",
        ),
        (PLANES, lambda a: a[:-1, :-1], "the last row and the last column are missing."),
        (SPACES, lambda a: a.swapaxes(0, 1), "but its first two axes are exchanged."),
        (SPACES, lambda a: a.swapaxes(1, 2), "but its last two axes are exchanged."),
        (SPACES, lambda a: a[..., ::-1], "but in reverse order along the last axis."),
    ],
)
def test_a_wrong_result_is_described_by_what_it_has_to_do_with_the_right_one(rights, change, words):
    assert words in related(rights, [change(right) for right in rights])


@pytest.mark.parametrize(
    ("rights", "wrongs"),
    [
        ([np.array([2.0, 2.0])], [np.array([4.0, 4.0])]),  # twice, or the square?
        ([np.array([0.0, 2.0])], [np.array([np.inf, 0.5])]),
        ([np.array([2**53 + 1])], [np.array([-(2**53)])]),
        ([np.array([0.6, 1.6])], [np.array([1.0, 2.0])]),
        ([[1.5, 0.4, -1.0, 7.0, 3.0]], [[0.4, 1.5, 3.0, 7.0, -1.0]]),
    ],
)
def test_what_is_uncertain_or_comes_about_by_chance_is_not_said(rights, wrongs):
    assert related(rights, wrongs) is None


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (
            [1.5, -2.5, 4.0],
            [4.0, -2.5, 1.5],
            "The values of the result are right, but in reverse order.",
        ),
        (
            [1.5, 0.4, -1.0, 7.0],
            [0.4, 1.5, 7.0, -1.0],
            "The parts of the result are right, but in another order.",
        ),
        (
            tuple(PLANES),
            tuple(PLANES[::-1]),
            "The parts of the result are right, but in another order.",
        ),
        (
            (*PLANES, *LINES),
            (PLANES[1], *LINES, PLANES[0]),
            "The parts of the result are right, but in another order.",
        ),
        (
            (*PLANES, LINES[0]),
            PLANES[1],
            "Your result is part 2 alone: 3 parts are asked for.",
        ),
        (
            (*PLANES, LINES[0]),
            (PLANES[0], -PLANES[1], LINES[0]),
            "Every value of part 2 of the result has the wrong sign. The rest is right.",
        ),
        (
            (*PLANES, *LINES),
            (PLANES[0], 2 * PLANES[1], 2 * LINES[0], LINES[1]),
            "Every value of each of parts 2 and 3 of the result is twice what it should be. "
            "The rest is right.",
        ),
        (
            (*PLANES, *LINES),
            tuple(-one for one in (*PLANES, *LINES)),
            "Every value of each part of the result has the wrong sign.",
        ),
        (
            (*PLANES, *LINES, POSITIVE[0]),
            tuple(-one for one in (*PLANES, *LINES, POSITIVE[0])),
            "Every value of each part of the result has the wrong sign.",
        ),
        (
            (POSITIVE[0], LINES[0]),
            (POSITIVE[0], abs(LINES[0])),
            "The signs of part 2 of the result are lost; its values are right otherwise. "
            "The rest is right.",
        ),
        (
            (LINES[0], POSITIVE[0]),
            (3 * LINES[0], 3 * POSITIVE[0]),
            "Every value of each part of the result is three times what it should be.",
        ),
    ],
)
def test_a_result_of_several_parts_is_told_in_which_of_them_it_is_wrong(right, wrong, sentence):
    assert related([right], [wrong]) == sentence


def test_a_number_or_a_length_that_a_result_is_off_by_is_told():
    numbers = [{"n": n} for n in (5, 1, 2)]
    rights = [LINES[0], LINES[1], LINES[0] - 4]
    times = [right * one["n"] for right, one in zip(rights, numbers, strict=True)]
    over = [right / one["n"] for right, one in zip(rights, numbers, strict=True)]
    assert related(rights, times, numbers).endswith("is multiplied by `n` once too often.")
    assert related(rights, over, numbers).endswith("is divided by `n` once too often.")
    assert related(rights[:2], times[:2], numbers[:2]).endswith("by `n` once too often.")
    assert related(rights, times, [{"n": 0}, *numbers[1:]]) is None
    for sizes in ((3, 1, 4), (2, 1, 2)):
        arrays = [{"rate": 0.5, "x": np.ones(size), "y": np.zeros(size)} for size in sizes]
        sums = [right * size for right, size in zip(rights, sizes, strict=True)]
        means = [right / size for right, size in zip(rights, sizes, strict=True)]
        assert "too large by the length of axis 0 of `x`: is" in related(rights, sums, arrays)
        assert "is divided by the length of axis 0 of `x`: is" in related(rights, means, arrays)


@pytest.mark.parametrize(
    ("given", "factor", "words"),
    [
        ({"n": 2}, 2, "is twice what it should be."),
        ({"x": np.ones(2)}, 2, "is twice what it should be."),
        ({"x": np.ones(4)}, 4, "is too large by the length of axis 0 of `x`"),
        ({"x": np.ones((2, 5))}, 5, "is too large by the length of axis 1 of `x`"),
    ],
)
def test_what_is_the_same_in_every_case_is_told_in_one_way(given, factor, words):
    assert words in related(LINES, [factor * right for right in LINES], [given] * 2)
