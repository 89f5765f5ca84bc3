"""What a result may be off by, since numbers are rounded."""

import numpy as np
import pytest

from companion.checking import exercise
from companion.checking.authoring.cases import Case
from companion.checking.authoring.comparison import difference
from companion.checking.authoring.rounding import EPSILON, JUMP, allowance
from companion.checking.verdict import Status

X = np.array([1.0, 2.0, 4.0])


def beyond(x):
    """Return x² − 1,523,000."""
    return x * x - 1523000.0


def less(x):
    """Return x − 1000."""
    return x - 1000.0


def moved(x):
    """Return x, having moved it by 1000 and back."""
    return (x + 1000.0) - 1000.0


def moved_twice(x):
    """Return x, having moved it by 1000 and back, in two ways."""
    return moved(x), {"again": moved(x)}


SHORT = np.array([0.3, 0.7, -1.1])


@pytest.mark.parametrize(
    ("reference", "case", "answer"),
    [
        (beyond, 1234.5625, lambda x: float(np.float32(x) * np.float32(x) - np.float32(1523000))),
        (less, 1000.123, lambda x: float(np.float32(x) - np.float32(1000))),
        (moved, SHORT, lambda x: moved(x.astype(np.float32))),
        (moved_twice, SHORT, lambda x: moved_twice(x.astype(np.float32))),
    ],
    ids=["exact in float32", "a number", "on the way", "in parts"],
)
def test_what_float32_rounds_away_is_allowed_and_a_hundredth_is_not(reference, case, answer):
    strict = exercise(rtol=1e-9, atol=1e-12)(reference)
    strict.cases(lambda rng: [(case,)])
    exact = difference(reference(case), answer(case), rtol=1e-9, atol=1e-12)
    assert exact, "float64 is needed to come so close"
    assert strict.check(answer).verdict.status is Status.PASS
    wrong = strict.check(lambda x: reference(1.01 * x)).verdict
    assert wrong.status is Status.FAIL


def test_a_jump_is_no_rounding():
    allowed = allowance(lambda x: (x >= 0.1).astype(float), [np.array([0.1, 0.5])], {})
    assert allowed.max() < JUMP


def test_what_no_input_moves_may_be_off_by_the_rounding_of_its_sum():
    allowed = allowance(lambda x: np.full(4, 1000.0), [np.ones(4)], {})
    assert allowed == pytest.approx(np.full(4, 6000 * EPSILON))


def test_what_is_no_float_or_nothing_is_allowed_nothing():
    assert allowance(lambda x: x[:0], [X], {}) == 0
    assert allowance(lambda x: (len(x), "word"), [X], {}) == [0, 0]


def picky(x):
    if x[0] != 0.1:
        raise ValueError("0.1 is needed")
    return x


@pytest.mark.parametrize(
    ("wrap", "part"),
    [
        (lambda x: x, lambda allowed: allowed),
        (lambda x: (x,), lambda allowed: allowed[0]),
        (lambda x: {"x": x}, lambda allowed: allowed["x"]),
    ],
    ids=["array", "tuple", "dict"],
)
def test_a_function_that_refuses_rounded_inputs_still_says_what_is_allowed(wrap, part):
    allowed = part(allowance(lambda x: wrap(picky(x)), [np.array([0.1, 0.2])], {}))
    assert 0 < allowed.min() <= allowed.max() < 2 * EPSILON


def test_a_result_in_float16_may_be_one_last_bit_off_and_one_in_float32_more():
    values = SHORT.astype(np.float16)
    assert np.array_equal(
        allowance(lambda x: x.astype(np.float16), [SHORT], {}), np.spacing(abs(values))
    )
    assert (allowance(lambda x: x.astype(np.float32), [SHORT], {}) > 4 * EPSILON).all()


def test_a_case_without_a_reference_allows_no_rounding():
    case = Case(given={}, arguments=[], keywords={}, expected=1.0, rtol=0.0, atol=0.0)
    assert case.fault(1.5) == "The result is 1.5, expected 1."
    assert case.fault(1.0) is None
