"""Wrong results that are right ones of other inputs."""

import numpy as np
import pytest

from companion.checking.authoring.changed_inputs import changed_inputs


def given_back(x):
    """Return x."""
    return x


def both_back(one, other):
    """Return both."""
    return one, other


def three_back(a, b, c):
    """Return all three."""
    return a, b, c


def tried(function, *inputs):
    """What comes out for each change of the inputs, by its words without the question."""
    return {
        sentence.removeprefix("Your result is what comes out for ").partition(":")[0]: [
            one.tolist() if isinstance(one, np.ndarray) else one for one in values
        ]
        for sentence, values in changed_inputs(function, inputs)
    }


OF_A_LINE = {
    "zeros in place of `x`": [0, 0, 0],
    "ones in place of `x`": [1, 1, 1],
    "`x` in reverse order.": [2, -1, 3],
    "`x` without its last.": [3, -1],
    "`x` without its first.": [-1, 2],
    "`x` shifted by one.": [2, 3, -1],
    "`x` with zeros but for its last": [0, 0, 2],
    "`x` with zeros but for its first": [3, 0, 0],
    "`x` with zeros for its last": [3, -1, 0],
    "`x` with zeros for its first": [0, -1, 2],
    "−`x`": [-3, 1, -2],
    "`x` without its signs.": [3, 1, 2],
    "`x` without what is negative.": [3, 0, 2],
}
OF_A_PLANE = {
    "zeros in place of `x`": [[0, 0, 0], [0, 0, 0]],
    "ones in place of `x`": [[1, 1, 1], [1, 1, 1]],
    "`x` transposed": [[1, 4], [-2, 5], [3, -6]],
    "`x` in reverse order.": [[4, 5, -6], [1, -2, 3]],
    "`x` with each row in reverse order.": [[3, -2, 1], [-6, 5, 4]],
    "`x` turned by 180°": [[-6, 5, 4], [3, -2, 1]],
    "`x` without its last.": [[1, -2, 3]],
    "`x` without its first.": [[4, 5, -6]],
    "`x` shifted by one.": [[4, 5, -6], [1, -2, 3]],
    "`x` with zeros but for its last": [[0, 0, 0], [4, 5, -6]],
    "`x` with zeros but for its first": [[1, -2, 3], [0, 0, 0]],
    "`x` with zeros for its last": [[1, -2, 3], [0, 0, 0]],
    "`x` with zeros for its first": [[0, 0, 0], [4, 5, -6]],
    "`x` with zeros in its last column": [[1, -2, 0], [4, 5, 0]],
    "`x` with zeros but for its last number": [[0, 0, 0], [0, 0, -6]],
    "`x` turned by 90°.": [[3, -6], [-2, 5], [1, 4]],
    "`x` with zeros in its last row and column": [[1, -2, 0], [0, 0, 0]],
    "−`x`": [[-1, 2, -3], [-4, -5, 6]],
    "`x` without its signs.": [[1, 2, 3], [4, 5, 6]],
    "`x` without what is negative.": [[1, 0, 3], [4, 5, 0]],
}
LIST = {
    "`x` in reverse order.": [1, 3],
    "`x` without its last.": [3],
    "`x` without its first.": [1],
}
FLOAT = {
    "`x` = 0": 0.0,
    "`x` = 1": 1.0,
    "−`x`": 4.0,
    "1 − `x`": 5.0,
    "`x` squared.": 16.0,
    "twice `x`.": -8.0,
    "half of `x`.": -2.0,
    "1 / `x`": -0.25,
}


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.array([3.0, -1.0, 2.0]), OF_A_LINE),
        (np.array([[1.0, -2, 3], [4, 5, -6]]), OF_A_PLANE),
        (
            np.array([3, -1, 2]),
            OF_A_LINE | {"`x` counted from 1.": [4, 0, 3], "`x` counted from 0.": [2, -2, 1]},
        ),
        (
            np.array([True, False]),
            {
                "True everywhere in place of `x`": [True, True],
                "`x` turned round": [False, True],
            },
        ),
        ([3, 1], LIST | {"ones in place of `x`": [1, 1]}),
        ([3.0, 1.0], LIST),
        (True, {"`x` turned round": False}),
        (-4.0, FLOAT),
        ("same", {}),
    ],
    ids=["line", "plane", "integers", "mask", "list", "floats", "bool", "float", "word"],
)
def test_an_input_is_changed_in_the_ways_that_its_kind_allows(x, expected):
    assert {words: value for words, (value,) in tried(given_back, {"x": x}).items()} == expected


def test_targets_are_changed_by_what_their_classes_are():
    signs = tried(given_back, {"x": np.array([-1.0, 1.0, 1.0])})
    assert signs["`x` of 0 and 1 in place of −1 and 1."] == [[0, 1, 1]]
    assert signs["2 · `x` − 1"] == [[-3, 1, 1]]
    bits = tried(given_back, {"x": np.array([0.0, 1.0, 1.0])})
    assert bits["`x` of −1 and 1 in place of 0 and 1."] == [[-1, 1, 1]]
    assert bits.keys() - OF_A_LINE.keys() == {"`x` of −1 and 1 in place of 0 and 1."}


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.0, 1.0), {"100 `x`": [0, 100]}),
        ((0.25, 0.5), {"100 `x`": [25, 50]}),
        ((-0.5, 0.5), {}),
        ((1.5, 100.0), {"`x` / 100": [0.015, 1.0]}),
        ((1.0, 50.0), {}),
        ((50.0, 100.5), {}),
    ],
)
def test_a_share_may_be_taken_for_a_percentage_and_the_other_way(numbers, words):
    found = tried(given_back, *({"x": one} for one in numbers))
    assert {one: found[one] for one in found if "100" in one} == words
    assert found["1 / `x`"] == [1 / one if one else 0 for one in numbers]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((3, 5), {"a `x` that is 1 larger.": [4, 6], "a `x` that is 1 smaller.": [2, 4]}),
        (
            (1, 4),
            {
                "`x` = 1": [1, 1],
                "`x` = 2, whatever is given.": [2, 2],
                "a `x` that is 1 larger.": [2, 5],
                "a `x` that is 1 smaller.": [0, 3],
            },
        ),
        (
            (0, 2),
            {
                "`x` = 0": [0, 0],
                "`x` = 1": [1, 1],
                "`x` = 2, whatever is given.": [2, 2],
                "a `x` that is 1 larger.": [1, 3],
            },
        ),
        ((7,), {"a `x` that is 1 larger.": [8], "a `x` that is 1 smaller.": [6]}),
    ],
)
def test_no_whole_number_is_tried_that_a_reference_might_not_end_with(numbers, words):
    found = tried(given_back, *({"x": one} for one in numbers))
    assert found == {**words, "twice `x`.": [2 * one for one in numbers]}


def test_the_entries_of_a_dict_are_changed_and_exchanged_by_their_own_names():
    found = tried(given_back, {"x": {"W": 2.0, "b": -3.0}})
    assert found["`W` squared."] == [{"W": 4.0, "b": -3.0}]
    assert found["−`b`"] == [{"W": 2.0, "b": 3.0}]
    assert found["`W` and `b` exchanged."] == [{"W": -3.0, "b": 2.0}]
    twice = tried(both_back, {"one": {"W": 2.0}, "other": {"W": 3.0}})
    assert "`W` and `W` exchanged." not in twice


def test_only_what_is_alike_is_exchanged():
    exchanged = "`one` and `other` exchanged."
    one = np.array([1.0, 2.0])
    pairs = [(one, one * 3), (2.0, 3.0), (2, 3), ([2], [3])]
    for pair in pairs:
        assert exchanged in tried(both_back, dict(zip(("one", "other"), pair, strict=True)))
    for pair in [(one, one[:1]), (one, 3.0), (2.0, 3), ("a", "b")]:
        assert exchanged not in tried(both_back, dict(zip(("one", "other"), pair, strict=True)))


def test_a_loop_over_several_arrays_of_one_length_may_be_cut_short():
    a, b, c = np.arange(4.0), np.array([5.0, 6.0, 7.0]), np.array([1.0, 0.0, 2.0])

    def cut(**given):
        found = tried(three_back, given)
        return {words: found[words][0] for words in found if "entry" in words}

    found = cut(a=a, b=b, c=c)
    assert "the first entry of `b` and `c` alone" in found
    assert "`b` and `c` without the last entry" in found
    assert [one.tolist() for one in found["the last entry of `b` and `c` alone"][1:]] == [[7], [2]]
    assert not any("`a`" in words for words in found)
    assert "the first entry of `a` and `b` and `c` alone" in cut(a=b, b=b + 1, c=c)
    assert "the first entry of `a` and `b` alone" in cut(a=a[:2], b=b[:2], c=1.0)
    assert cut(a=a[:1], b=b[:1], c=1.0) == {}
