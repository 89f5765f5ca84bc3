"""What is said of wrong answers is bounded, gives nothing of the reference away, and is true."""

import itertools
import math
import re

import numpy as np
import pytest

from companion.checking import exercise
from companion.checking.authoring.answer_key import MAX_NUMBERS
from companion.checking.authoring.comparison import size
from companion.checking.classroom.discovery import all_exercises


def one(reference, *cases):
    """Return an exercise of a function."""
    made = exercise()(reference)
    made.cases(lambda rng: cases)
    return made


def said(reference, answer, *cases):
    return one(reference, *cases).check(answer).verdict.mistake


# -- bounded -------------------------------------------------------------------------------------


def halvings(x):
    """Return how often a number is halved until it is below 1."""
    for count in itertools.count(1):
        x = x / 2
        if x < 1:
            return count
    return 0


def last_digits(base, exponent):
    """Return the last three digits of a power."""
    return base**exponent % 1000


def fibonacci(n):
    """Return the n-th number of Fibonacci."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def blank(a, b):
    """Return a + b zeros."""
    return np.zeros(a + b)


def powers(x):
    """Return the power 1.5 of every number."""
    return x**1.5


@pytest.mark.parametrize(
    ("reference", "answer", "cases"),
    [
        (halvings, lambda x: 7, [(100.0,), (3.0,), (1e6,)]),
        (last_digits, lambda base, exponent: 3, [(7, 3), (1234567, 2)]),
        (fibonacci, lambda n: 3, [(5,), (18,)]),
        (blank, lambda a, b: np.ones(a + b), [(3, 4), (9000, 9000)]),
        (powers, lambda x: x + 0.123, [(np.full((600, 600), 2.0),)] * 3),
    ],
)
def test_whatever_the_reference_does_its_variants_are_bounded(reference, answer, cases):
    tried = one(reference, *cases)
    assert tried.check(answer).verdict.status == "fail"
    assert size([values for _, values in tried.answer_key(0).candidates]) <= MAX_NUMBERS


# -- the reference stays hidden ------------------------------------------------------------------

BOOK = [one for one in all_exercises() if not one.builds_model]


@pytest.mark.parametrize("of", BOOK, ids=lambda of: f"{of.chapter}.{of.name}")
def test_a_sentence_names_what_the_task_names_and_nothing_else(of):
    key = of.answer_key(0)
    task = set(re.findall(r"[\w.]*\w", f"{of.reference.__doc__} {key.call}"))
    given = {name for case in key.cases for name in case.given}
    for case in key.cases:
        for value in case.given.values():
            given |= set(map(str, value)) if isinstance(value, dict) else set()
    for sentence, _ in key.candidates:
        assert set(re.findall("`([^`]*)`", sentence)) - {"and", "or"} <= task | given, sentence


def places(values):
    """Return the sum of each number times the square of its place."""
    return sum(
        secret_place**2 * secret_value for secret_place, secret_value in enumerate(values, start=1)
    )


def scaled(x):
    """Return a scaled and shifted sum of squares."""
    return np.sum(x**2) * 0.73205 + 17.25


def spectrum(matrix):
    """Return the spectrum."""
    return np.linalg.svd(matrix)[1]


@pytest.mark.parametrize(
    ("reference", "answer", "cases"),
    [
        (
            places,
            lambda values: sum(value**2 * place for place, value in enumerate(values, start=1)),
            [([2.0, 3.5, 1.5],), ([4.0, 1.0],)],
        ),
        (scaled, lambda x: np.sum(x**2) * 0.73205, [(np.arange(3.0),), (np.arange(5.0),)]),
        (scaled, lambda x: np.sum(x**2) + 17.25, [(np.arange(3.0),), (np.arange(5.0),)]),
        (spectrum, lambda m: np.linalg.svd(m)[0], [(np.array([[2.0, 1], [0, 3]]),)]),
    ],
)
def test_names_and_numbers_of_the_reference_are_not_told(reference, answer, cases):
    text = said(reference, answer, *cases) or ""
    assert not re.search("secret|svd|17.25|0.73205", text)


# -- nothing escapes -----------------------------------------------------------------------------


def found(x):
    """Return the place of a 1, or None."""
    at = np.flatnonzero(x == 1)
    return (int(at[0]), len(x)) if len(at) else None


def layers(x):
    """Return two layers."""
    return [(np.outer(x, x), x), (2 * np.outer(x, x), -x)]


def both(x):
    """Return mean and variance."""
    moments = {"mean": x.mean(), "variance": x.var()}
    result = [moments["mean"], moments["variance"]]
    return result


MODES = ("sum", "mean")


def reduced(x, mode=MODES[1]):
    """Return the mean."""
    return getattr(x, mode)()


def ways(pair):
    """Return the number of ways."""
    return math.comb(*pair)


def named(x):
    """Return the mean."""
    return float(np.mean(a=x))


def digits(n):
    """Return the number of digits."""
    return len(str(n))


class SilentError(Exception):
    def __str__(self):
        return 5


def silent(x):
    raise SilentError


X = np.array([1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("reference", "answer", "cases"),
    [
        (found, lambda x: (0, 1), [(X,), (X + 1,)]),
        (layers, lambda x: [(np.outer(x, x), x), (np.outer(x, x), x)], [(X,), (X + 1,)]),
        (both, lambda x: {"mean": x.mean(), "variance": x.std()}, [(X,), (X + 1,)]),
        (reduced, lambda x: x.sum(), [(X,), (X + 1,)]),
        (ways, lambda pair: pair[0] - pair[1], [((5, 2),), ((9, 3),)]),
        (named, lambda x: float(x.sum()), [(X,), (X + 1,)]),
        (digits, lambda n: 3, [(10**400,), (12,)]),
        (named, silent, [(X,)]),
    ],
)
def test_no_kind_of_result_or_reference_ends_a_check(reference, answer, cases):
    assert one(reference, *cases).check(answer).verdict.status in ("fail", "error")


# -- true ----------------------------------------------------------------------------------------


def factorial(n):
    """Return n!."""
    return math.factorial(n)


def words(x):
    """Return two words."""
    return "red", "round"


def doubled(x):
    """Return the doubled numbers, and their sum."""
    return 2 * x, x.sum()


def parts(x, n):
    """Return n parts."""
    return np.array_split(x, n)


def picture(image):
    """Return a picture."""
    return image.copy()


def of_real_steps(x, mask):
    """Return the mean over the real steps."""
    return float(np.mean(x, where=mask))


def norm(x):
    """Return x with a mean of 0 and a deviation of 1."""
    return (x - x.mean()) / x.std()


def normed(x):
    """Return x with a mean of 0 and a deviation of 1."""
    return norm(x)


def logarithm(x):
    """Return the logarithm."""
    return np.log(x)


BYTES = np.array([200, 3, 100], np.uint8)
MASK = np.array([True, True, False])


def halved(x):
    """Return the half."""
    return x / 2


def test_a_number_whose_square_overflows_ends_no_search():
    assert said(halved, lambda x: x / 2 + 1e100, (1e200,), (3.0,)) is None


@pytest.mark.parametrize(
    ("reference", "answer", "cases", "untrue"),
    [
        (factorial, lambda n: math.factorial(n) + n, [(1,), (20,)], "1 too large"),
        (words, lambda x: ("Red", "banana"), [(1.0,), (2.0,)], "The words are right"),
        (doubled, lambda x: (2 * x[:, None], -123.0), [(X,), (X + 1,)], "values are right"),
        (parts, lambda x, n: np.array_split(x, n)[0], [(np.arange(9.0), 2), (X, 3)], "asked for"),
        (picture, lambda image: 2 * image, [(BYTES,), (BYTES + 3,)], "twice"),
        (picture, lambda image: 0 - image, [(BYTES,), (BYTES + 3,)], "sign"),
        (
            of_real_steps,
            lambda x, mask: float(np.mean(x, where=mask)) * x.size / (x.size - 1),
            [(X, MASK), (X + 1, MASK)],
            "n − 1",
        ),
        (normed, lambda x: abs(x).max(), [(X + 0.3,), (X[:2] + 0.7,)], "norm"),
        (logarithm, lambda x: np.log(1 + x), [(X,), (X + 1.5,)], "counted"),
    ],
)
def test_what_would_not_be_true_is_not_said(reference, answer, cases, untrue):
    assert untrue not in (said(reference, answer, *cases) or "")


@pytest.mark.parametrize(
    ("answer", "untrue"),
    [
        (lambda x: np.where(x > 0, x, np.zeros(4)), "(3,) and (3,)"),
        (lambda x: (1, 2).append(3), "is for arrays"),
        (lambda x: x.tolist().lenght, "is for arrays"),
        (lambda x: {1, 2}.remove(3), "dict"),
        (lambda x: set().pop(), "empty set"),
        (lambda x: x[x > 10][0], "0 to -1"),
        (lambda x: x.reshape(2, 4), "cut off"),
        (lambda x: x.reshape(2, -1), "(2,)"),
        (lambda x: np.expand_dims(x, 5), "the array has"),
        (lambda x: [1, 2][-5], "past the end"),
        (lambda x: [1] - None, "calculate"),
        (lambda x: {1} ^ [1], "no power"),
        (lambda x: 0.0**-1, "divided"),
        (lambda x: np.ones((1, 4)) + np.ones((1, 3)), "transposed"),
    ],
)
def test_what_an_exception_does_not_mean_is_not_said(answer, untrue):
    verdict = one(powers, (X,), (X + 1,)).check(answer).verdict
    assert verdict.status == "error"
    assert untrue not in (verdict.mistake or "")
