"""Answers that are gradients: differences, factors and signatures."""

import numpy as np
import pytest

from companion.checking import gradient_exercise
from companion.checking.authoring.gradients import (
    Gradient,
    central_differences,
    gradient_difference,
    ratio,
)


def test_central_differences_are_exact_to_many_digits_and_see_no_kink_where_there_is_none():
    x = np.array([0.0, 1.0, -2.0])
    slope, smooth = central_differences(lambda x: float(np.exp(x).sum()), x)
    np.testing.assert_allclose(slope, np.exp(x), rtol=0, atol=1e-9)
    assert smooth.all()
    for at in (0.0, 1000.0):
        slope, smooth = central_differences(lambda x: float((x**2).sum()), np.array([at]))
        np.testing.assert_allclose(slope, [2 * at], rtol=1e-8, atol=1e-9)
        assert smooth.all()


def gradient(*values, tensor="x"):
    value = np.array(values) if len(values) > 1 else np.array(values[0])
    return Gradient(tensor, value, np.ones(value.shape, bool))


@pytest.mark.parametrize(
    ("expected", "received", "words"),
    [
        (gradient(1e-3, 2e-3, 0.0), np.array([2e-3, 4e-3, 0.0]), "wrong by the factor 2"),
        (gradient(1.0, 3.0), np.array([2.0, 6.0]), "wrong by the factor 2"),
        (gradient(1.0, 3.0), np.array([-1.0, -3.0]), "every value is -1 times what it should be."),
        (gradient(2.0), 4.0, "The gradient of `x` is 4, expected 2."),
        (gradient(2.0, 3.0), "2, 3", "The result is a string; expected one array."),
    ],
)
def test_a_wrong_gradient_is_told_by_its_factor_where_several_numbers_have_it(
    expected, received, words
):
    assert words in gradient_difference([expected], received, rtol=1e-5, atol=1e-7)


def test_what_rounding_allows_is_no_wrong_term():
    right = gradient(1.0, 3.0, 5.0)
    received = right.value + np.array([1e-4, 0, 1])
    said = gradient_difference([right], received, rtol=1e-5, atol=1e-7, allowed=1e-3)
    assert "has a wrong term at [2]: 6, expected 5." in said


def test_gradients_come_in_their_order_or_by_their_names():
    pair = [gradient(1.0, 3.0), gradient(2.0, 4.0, tensor="w")]
    x, w = (one.value for one in pair)
    for received in ((x, w), [x, w], {"w": w, "x": x}):
        assert gradient_difference(pair, received, rtol=1e-5, atol=1e-7) is None
    for received in ((x, w, w), {"x": x, "v": w}, 3.0):
        assert "expected 2 gradients (x, w)." in gradient_difference(
            pair, received, rtol=1e-5, atol=1e-7
        )


@pytest.mark.parametrize(
    ("number", "text"), [(-1.0, "-1"), (-0.25, "-1/4"), (100.0, "100"), (1.5, "1.5")]
)
def test_a_factor_is_written_as_a_learner_would_write_it(number, text):
    assert ratio(number) == text


def product(x, w):
    return x * w


@pytest.mark.parametrize("signature", ["one, two, x, w", "x"])
def test_a_gradient_takes_what_its_function_takes_and_one_more_at_most(signature):
    names = {"__name__": __name__}
    exec(f"def backward({signature}):\n    'Return the gradients.'", names)
    with pytest.raises(TypeError, match="at most one more"):
        gradient_exercise(of=product)(names["backward"])


def test_a_single_gradient_is_an_array_and_several_are_a_tuple():
    @gradient_exercise(of=product, wrt="x")
    def one(above, x, w):
        """Return the gradient with respect to x."""
        return above * w

    @gradient_exercise(of=product)
    def both(above, x, w):
        """Return both gradients."""
        return above * w, above * x

    for made in (one, both):
        made.cases(lambda rng: [tuple(rng.normal(size=(3, 4)))])
    assert one.answer_key(0).cases[0].plain.shape == (4,)
    assert [part.shape for part in both.answer_key(0).cases[0].plain] == [(4,), (4,)]
