"""Wrong answers of students: none passes, three of four are named, and what is said is true."""

import functools
import importlib.util
import inspect
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from wrong_answers import ANSWERS, LATER

from companion.checking import exercise, gradient_exercise
from companion.checking.authoring.changed_inputs import changed_inputs
from companion.checking.authoring.variants import variants
from companion.checking.classroom.discovery import all_exercises
from companion.checking.verdict import Status

EXERCISES = {f"{one.chapter}.{one.name}": one for one in all_exercises() if not one.builds_model}


@functools.cache
def verdicts(name):
    key = EXERCISES[name].answer_key(0)
    answers = [*ANSWERS[name], *LATER.get(name, [])]
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return [key.verdict(key.outcomes(one)) for one in answers]


def test_every_exercise_in_numpy_has_ten_wrong_answers():
    assert ANSWERS.keys() == EXERCISES.keys()
    assert {len(answers) for answers in ANSWERS.values()} == {10}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_wrong_answer_passes(name):
    assert {one.status for one in verdicts(name)} == {"fail"}


def test_three_of_four_wrong_answers_are_named():
    result = [one for name in ANSWERS for one in verdicts(name)]
    assert sum(bool(one.mistake) for one in result) >= 0.75 * len(result)


JUDGED = json.loads((Path(__file__).parent / "judged_wrong_answers.json").read_text("utf-8"))


@functools.cache
def judged(which):
    """The verdicts on a set that was written from signatures, docstrings and references alone.

    Of the first 72.5 % were named when it was opened, of the second 78.5 %, of the third 67.5 %, of
    the fourth 75.5 %, of the fifth 72.5 %, of the sixth 71.5 %; general sentences and listed
    mistakes have learned from each since.
    """
    found = []
    for row in JUDGED:
        if row["set"] == which:
            names = {"np": np}
            exec(row["code"], names)
            key = EXERCISES[row["exercise"]].answer_key(0)
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                found.append(key.verdict(key.outcomes(names[row["exercise"].partition(".")[2]])))
    return found


@pytest.mark.parametrize("which", ["first", "second", "third", "fourth", "fifth", "sixth"])
def test_three_of_four_answers_of_a_stranger_are_named(which):
    verdicts = judged(which)
    assert len(verdicts) == 200
    assert Status.PASS not in {one.status for one in verdicts}
    assert sum(bool(one.mistake) for one in verdicts) >= 0.75 * len(verdicts)


# -- what is said where no known mistake fits ----------------------------------------------------


@exercise()
def weighted(x, w, bias, rate):
    """Return the mean over the rows of tanh(x w + b), times a rate."""
    return rate * np.mean(np.tanh(x @ w + bias), axis=0)


@weighted.cases
def _(rng):
    for rows in (2, 3, 5):
        yield rng.normal(size=(rows, 4)), rng.normal(size=(4, 4)), rng.normal(size=4), 0.3


def right(x, w, bias, rate):
    return weighted.reference(x, w, bias, rate)


@pytest.mark.parametrize(
    ("answer", "expected_message"),
    [
        (lambda *a: -right(*a), "Every value of the result has the wrong sign."),
        (lambda *a: right(*a)[::-1], "values of the result are right, but in reverse order."),
        (lambda *a: right(*a)[:-1], "are right, but the last one is missing."),
        (lambda *a: abs(right(*a)), "The signs of the result are lost"),
        (lambda *a: np.maximum(right(*a), 0), "What should be negative in the result is 0"),
        (lambda *a: 2 * right(*a), "Every value of the result is twice what it should be."),
        (lambda *a: right(*a) / 2, "Every value of the result is half of what it should be."),
        (lambda *a: 100 * right(*a), "is 100 times what it should be."),
        (lambda *a: 3 * right(*a), "is three times what it should be."),
        (lambda *a: right(*a) / 3, "is a third of what it should be."),
        (lambda *a: right(*a) / np.log(2), "logarithms to the base 2 in place of natural ones"),
        (lambda *a: right(*a) / np.log(10), "logarithms to the base 10 in place of natural ones"),
        (lambda *a: np.sort(right(*a)), "are right, but in ascending order."),
        (lambda *a: np.sort(right(*a))[::-1], "are right, but in descending order."),
        (lambda *a: right(*a).sum(), "The result is added up into one number"),
        (lambda x, *a: right(x, *a) * len(x), "too large by the length of axis 0 of `x`"),
        (lambda x, w, b, r: right(x, w, 0 * b, r), "zeros in place of `bias`: did you leave it"),
        (lambda x, w, b, r: right(x, w, b, 1.0), "`rate` = 1: did you leave it out?"),
        (lambda x, w, b, r: right(x, w.T, b, r), "`w` transposed"),
        (lambda x, w, b, r: right(x, w, -b, r), "−`bias`: is a sign the wrong way round?"),
        (lambda x, w, b, r: right(x[:-1], w, b, r), "`x` without its last."),
        (
            lambda x, w, b, r: r * np.mean(1 / (1 + np.exp(-(x @ w + b))), axis=0),
            "comes out with the sigmoid in place of tanh.",
        ),
        (lambda x, w, b, r: r * np.mean(x @ w + b, axis=0), "comes out with tanh left out."),
        (
            lambda x, w, b, r: r * np.median(np.tanh(x @ w + b), axis=0),
            "comes out with the median in place of the mean.",
        ),
        (
            lambda x, w, b, r: r * np.mean(np.tanh(x @ w + b), axis=1),
            "comes out with axis 1 in place of axis 0",
        ),
        (
            lambda x, w, b, r: right(x, w, b, r) * len(x) / x.size,
            "is divided by the length of axis 1 of `x`",
        ),
        (
            lambda x, w, b, r: r + np.mean(np.tanh(x @ w + b), axis=0),
            "comes out with a sum in place of a product.",
        ),
        (lambda x, w, b, r: right(x, w, b, r) + 0.125 * x[0], None),
    ],
)
def test_a_wrong_result_is_told_what_it_has_to_do_with_the_right_one(answer, expected_message):
    for to in (np.float64, np.float32):
        given = lambda x, w, b, r, to=to: answer(to(x), to(w), to(b), r)  # noqa: E731
        verdict = weighted.check(given).verdict
        assert verdict.status == "fail"
        if expected_message is None:
            assert verdict.mistake is None
        else:
            assert expected_message in verdict.mistake
            assert verdict.message == verdict.mistake


@exercise()
def averages(values, others, rounds):
    """Return, for each round of a step and a shift, a running mean of squares, and its product."""
    mean, product = 0.0, 1.0
    for step, shift in rounds:
        mean = 0.9 * mean + 0.25 * np.sum((values - others) ** 2) / step
        product *= (step - shift) / 4 + 1
    return mean, product


@averages.cases
def _(rng):
    for size in (3, 5, 4):
        rounds = [(float(rng.uniform(1, 3)), float(rng.normal())) for _ in range(size)]
        yield rng.normal(size=size), rng.normal(size=size), rounds


def changed(line, by):
    """Return `averages` with one piece of its text in place of another."""
    source = inspect.getsource(averages.reference).split("\n", 1)[1]
    assert line in source
    names = {"np": np}
    exec(source.replace(line, by), names)
    return names["averages"]


@pytest.mark.parametrize(
    ("line", "by", "message"),
    [
        ("for step, shift", "for shift, step", "`step` and `shift` exchanged."),
        ("product *=", "product =", "a product that each round writes over."),
        ("product *=", "product +=", "a sum in place of a product."),
        ("(step - shift) / 4", "step - shift / 4", "parentheses left out."),
        ("(step - shift) / 4", "step / 4 - shift", "a division of the first term alone."),
        ("(step - shift) / 4 + 1", "(step - shift + 1) / 4", "a term that is added too early."),
        ("(values - others) ** 2", "abs(values - others)", "the absolute value in place of"),
        ("0.9 * mean + 0.25", "0.25 * mean + 0.9", "0.9 and 0.25 exchanged."),
        ("return mean, product", "return mean, step", "an intermediate value in place of"),
        ("return mean, product", "return mean", "part 1 alone: 2 parts are asked for."),
        ("np.sum((values - others)", "np.sum((values - others)[:1]", "first entry of `values` and"),
        ("np.sum((values - others)", "np.sum((values - others)[-1:]", "last entry of `values` and"),
        ("np.sum((values - others)", "np.sum((values - others)[:-1]", "without the last entry"),
        ("np.sum((values - others)", "np.sum((values - others)[1:]", "without the first entry"),
        ("product *= (", "pass; (", "an assignment left out."),
        ("product = 0.0, 1.0", "product = 1.0, 1.0", "a 1 where a 0 belongs."),
        (") ** 2) / step", ") ** 2) * step", "a product in place of a division."),
        (
            "np.sum((values - others) ** 2) / step",
            "step / np.sum((values - others) ** 2)",
            "upside",
        ),
        ("0.9 * mean + 0.25 * np", "np", "the second part of a mixture alone."),
        ("+ 0.25 * np.sum", "+ 0.33 * np.sum", None),
        ("return mean, product", "return mean, product, step", "first 2 parts of your result are"),
    ],
)
def test_a_slip_in_a_formula_or_a_loop_is_told(line, by, message):
    verdict = averages.check(changed(line, by)).verdict
    assert verdict.status == "fail"
    assert (message in verdict.mistake) if message else verdict.mistake is None


@exercise()
def layered(x, U, W, bias, scale, scaled):
    """Return what two layers make of x, which is scaled on request."""
    if scaled:
        x = scale * x / max(np.linalg.norm(x), 1.0)
    hidden = np.tanh(x @ U + bias)
    upstream = hidden - np.mean(hidden)
    return np.ceil(8 * scale), (upstream * (1 - hidden**2)) @ W + bias


@layered.cases
def _(rng):
    for scaled in (True, False, True):
        x, U, W, bias = (rng.normal(size=size) for size in ((5, 4), (4, 4), (4, 4), 4))
        yield x, U, W, bias, float(rng.uniform(0.4, 0.8)), scaled
    yield x / 9, U, W, bias, 0.7, True


@pytest.mark.parametrize(
    ("line", "by", "message"),
    [
        (
            "np.tanh(x @ U + bias)",
            "np.tanh(x @ U) + bias",
            "term with `bias` added behind the func",
        ),
        (
            "np.tanh(x @ U + bias)",
            "np.tanh(bias) + x @ U",
            "with `x` and `U` added behind the func",
        ),
        ("if scaled:", "if True:", "condition with `scaled` that is answered yes every time."),
        ("if scaled:", "if False:", "condition with `scaled` that is answered no every time."),
        ("max(np.linalg.norm(x), 1.0)", "min(np.linalg.norm(x), 1.0)", "smaller in place of the l"),
        (
            "np.linalg.norm(x)",
            "np.abs(x).sum()",
            "the sum of absolute values in place of the norm.",
        ),
        ("np.linalg.norm(x)", "np.abs(x).max()", "largest absolute value in place of the norm."),
        ("1 - hidden**2", "hidden * (1 - hidden)", "the sigmoid's derivative in place of tanh's."),
        ("np.ceil(8 * scale)", "np.round(8 * scale)", "rounding to the nearest in place of up."),
        ("np.mean(hidden)", "hidden.sum() / (hidden.size - 1)", "n − 1 in place of n."),
        ("x @ U", "x @ U.T", "`U` transposed"),
        ("@ W", "@ np.vstack([0 * W[:-1], W[-1:]])", "`W` with zeros but for its last: is each"),
        ("@ W", "@ np.vstack([W[:-1], 0 * W[-1:]])", "`W` with zeros for its last: does a loop"),
        ("@ W", "@ np.rot90(W)", "`W` turned by 90°."),
        ("@ W", "@ U", "`U` where `W` belongs."),
        ("if scaled:", "if not scaled:", "`scaled` turned round: True for False."),
    ],
)
def test_a_slip_in_a_layer_is_told(line, by, message):
    source = inspect.getsource(layered.reference).split("\n", 1)[1]
    assert line in source
    names = {"np": np}
    exec(source.replace(line, by), names)
    verdict = layered.check(names["layered"]).verdict
    assert verdict.status == "fail"
    assert message in verdict.mistake


@exercise()
def losses(p, labels, power):
    """Return the mean loss, half of the largest, and the share of labels of class 3."""
    picked = p[np.arange(len(labels)), labels] ** power
    share = 0.0 if len(set(labels.tolist())) == 1 else np.mean(labels == 3)
    return float(-np.log(picked).mean()), float(picked.max() / 2), float(share)


@losses.cases
def _(rng):
    for size in (4, 5, 7):
        yield rng.uniform(0.1, 0.9, (size, 4)), rng.integers(0, 4, size), float(rng.uniform(2, 3))
    yield rng.uniform(0.1, 0.9, (2, 4)), np.array([3, 3]), 2.5


@pytest.mark.parametrize(
    ("line", "by", "message"),
    [
        ("p[np.arange(len(labels)), labels]", "p[:, labels]", "every row where each has an entry"),
        ("picked.max() / 2", "picked.max() // 2", "a division whose fraction is cut off."),
        ("labels == 3", "labels != 3", "≠ in place of =."),
    ],
)
def test_a_slip_in_a_loss_is_told(line, by, message):
    source = inspect.getsource(losses.reference).split("\n", 1)[1]
    assert line in source
    names = {"np": np}
    exec(source.replace(line, by), names)
    verdict = losses.check(names["losses"]).verdict
    assert verdict.status == "fail"
    assert message in verdict.mistake


def test_a_few_numbers_in_another_order_are_told():
    answer = lambda *a: tuple(losses.reference(*a)[part] for part in (1, 0, 2))  # noqa: E731
    mistake = losses.check(answer).verdict.mistake
    assert mistake == "The parts of the result are right, but in another order."

    @exercise()
    def ends(x):
        """Return the last and the first of ascending numbers."""
        return [float(x[-1]), float(x[0])]

    ends.cases(lambda rng: [(np.sort(rng.normal(size=size)),) for size in (3, 4)])
    mistake = ends.check(lambda x: [float(x[0]), float(x[-1])]).verdict.mistake
    assert mistake == "The values of the result are right, but in reverse order."


def test_all_matrices_that_are_turned_round_at_once_are_told():
    answer = lambda x, U, W, bias, scale, scaled: layered.reference(  # noqa: E731
        x, U.T, W.T, bias, scale, scaled
    )
    assert "`U` and `W` transposed: are rows" in layered.check(answer).verdict.mistake


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x, axis: np.cumsum(3 * x, axis=0), "added up from the first to each"),
        (lambda x, axis: np.trunc(3 * x), "has lost what stands behind the point"),
        (lambda x, axis: None, "Your function returns nothing: is a `return` missing at its end?"),
        (lambda x, axis: 3 * x if axis else None, "nothing in some cases, and is right in the oth"),
        (lambda x, axis: 3 * x - x.max(1), "Either (4,) lacks an axis, which keepdims=True"),
        (lambda x, axis: 3 * x + x.T, "Is one of the two transposed?"),
        (lambda x, axis: 3 * x + x[:, :2], "two sizes have to be equal, or one of them 1."),
        (
            lambda x, axis: x @ x,
            "each row of the first meets each column of the second, here with 3",
        ),
        (
            lambda x, axis: np.dot(x, x),
            "meets each column of the second, here with 3 and 4 numbers",
        ),
        (lambda x, axis: 3 * x[4], "one past the end: 4 entries are counted from 0"),
        (lambda x, axis: 3 * x[9], "An index is 9 where there are 4 entries"),
        (lambda x, axis: [3, 3][axis + 2], "An index runs past the end: n entries"),
        (lambda x, axis: 3 * x if x > 0 else x, "np.where, &, | or np.maximum"),
        (lambda x, axis: x.reshape(5, 2), "12 numbers do not fill the shape (5,2)"),
        (lambda x, axis: np.stack([x[0], x[0, :2]]), "parts of different lengths"),
        (lambda x, axis: x.tolist() - x.tolist(), "Lists do not calculate"),
        (lambda x, axis: x.tolist().shape, "`shape` is for arrays, and here it meets a list"),
        (lambda x, axis: 1 / (axis * 0), "Something is divided by 0"),
        (lambda x, axis: 3.0 ^ axis, "^ is no power in Python"),
        (lambda x, axis: x * None, "None stands where a number is needed"),
        (lambda x, axis: max(3.0, None), "None stands where a number is needed"),
        (lambda x, axis: [a + b for a, b in [x[0]]], "too many values for the names on the left"),
        (lambda x, axis: [a + b for a, b in [x[0, :1]]], "not enough values for the names on the"),
        (lambda x, axis: x[x > 0].sum(axis=1), "no axis 1: axes are counted from 0, and the array"),
        (lambda x, axis: {"a": 3}["b"] * x, "A dict is asked for 'b', which it does not hold"),
        (lambda x, axis: x.nothing, None),
    ],
)
def test_what_an_exception_means_is_told(answer, message):
    @exercise()
    def tripled(x, axis):
        """Return three times each number."""
        return 3 * x

    tripled.cases(lambda rng: [(rng.normal(size=(4, 3)), 1), (rng.normal(size=(4, 3)), 0)])
    verdict = tripled.check(answer).verdict
    assert verdict.status in ("fail", "error")
    if message is None:
        assert verdict.mistake is None
    else:
        assert message in verdict.mistake
        assert verdict.mistake in verdict.message


def test_a_value_that_only_one_branch_sets_is_told():
    @exercise()
    def sign(x):
        """Return the sign of a number."""
        return 1 if x > 0 else -1

    sign.cases(lambda rng: [(2.0,), (-3.0,)])

    def answer(x):
        if x > 0:
            result = 1
        return result

    assert "`result` is read before it has a value" in sign.check(answer).verdict.mistake


def test_a_result_of_another_precision_is_told_so():
    @exercise()
    def halved(x):
        """Return half of each number, in float16."""
        return (x / 2).astype(np.float16)

    halved.cases(lambda rng: [(rng.integers(2, 60, 8).astype(np.float32),)])
    mistake = halved.check(lambda x: x / 2).verdict.mistake
    assert mistake == "The values are right, but the result is float32; expected float16."


@exercise()
def powers(base, exponent):
    """Return a number times its power."""
    return base * base**exponent


powers.cases(lambda rng: [(7, 9), (11, 4), (3, 38)])


def test_a_slip_that_gives_numbers_beyond_64_bits_hides_no_other():
    verdict = powers.check(lambda base, exponent: base + base**exponent).verdict
    assert verdict.mistake.endswith("a sum in place of a product.")


def test_a_result_with_more_than_is_asked_for_is_told_so():
    result = weighted.check(lambda *a: (np.zeros(4), right(*a))).verdict
    assert result.mistake == "Part 2 of your result is right: return it alone."
    assert weighted.check(lambda *a: (np.zeros(4), -right(*a))).verdict.mistake is None


def test_one_number_in_place_of_an_array_of_them_has_another_shape():
    @exercise()
    def passed(x):
        """Return x where its sum is positive, and zeros otherwise."""
        return x * (x.sum() > 0)

    passed.cases(lambda rng: [(np.array([1.0, 2.5]),), (np.array([-1.0, -2.5]),)])
    output = passed.check(lambda x: x if x.sum() > 0 else 0).verdict.mistake
    assert output == "The values are right, but not in the shape that is asked for."
    assert passed.check(lambda x: x if x.sum() > 0 else 1).verdict.mistake is None


def test_a_few_signs_that_agree_by_chance_explain_nothing():
    @exercise()
    def side(x, bias):
        """Return on which side of a line a point lies."""
        return 1.0 if x.sum() + bias > 0 else -1.0

    cases = [(np.array([1.0, -3.0]), 1.0), (np.array([2.0, 1.5]), -4.0), (np.array([1.0]), 2.0)]
    side.cases(lambda rng: cases)
    verdict = side.check(lambda x, bias: 1.0 if x.sum() + 5 * bias > 0 else -1.0).verdict
    assert verdict.status == "fail"
    assert verdict.mistake is None


def test_a_few_whole_numbers_that_agree_by_chance_are_not_told_to_be_rounded():
    @exercise()
    def share(x):
        """Return the share of positive numbers."""
        return float(np.mean(x > 0))

    share.cases(lambda rng: [(np.array([1.0, -1.0, 2.0]),), (np.array([-1.0, 2.0, -3.0]),)])
    assert share.check(lambda x: float(x[0] > 0)).verdict.mistake is None

    @exercise()
    def tripled(x):
        """Return three times each number."""
        return 3 * x

    tripled.cases(lambda rng: [(rng.normal(size=8),)])
    for round_off in (np.round, np.floor):
        mistake = tripled.check(lambda x, off=round_off: off(3 * x)).verdict.mistake
        assert mistake == "Every value of the result is rounded to a whole number."


def test_targets_that_are_made_minus_1_and_1_twice_are_told_so():
    @exercise()
    def margins(z, targets):
        """Return the margin of each example, for targets of −1 and 1."""
        return z * targets

    margins.cases(lambda rng: [(rng.normal(size=6), rng.permutation([-1, 1] * 3))] * 2)
    mistake = margins.check(lambda z, targets: z * (2 * targets - 1)).verdict.mistake
    assert mistake.endswith("for 2 · `targets` − 1: `targets` are −1 and 1 already.")


def test_an_array_that_is_given_twice_is_two_arrays_to_an_answer():
    @exercise()
    def added(a, b):
        """Return a + b."""
        return a + b

    same = np.arange(3.0)
    added.cases(lambda rng: [(same, same)])

    def answer(a, b):
        a += 1
        return a + b - 1

    output = added.check(answer).verdict.message
    assert output.startswith("The result is right, but your function changes its arguments")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: np.tanh(x).mean(axis=0), "The result is averaged over its axis 0"),
        (lambda x: np.tanh(x).sum(axis=0), "The result is added up over its axis 0"),
        (lambda x: np.tanh(x).swapaxes(0, 1), "its rows and columns are exchanged."),
        (lambda x: np.tanh(x)[..., ::-1], "in reverse order along the last axis."),
    ],
)
def test_a_wrong_result_in_planes_is_told_along_which_axis(answer, message):
    @exercise()
    def squashed(x):
        """Return tanh of every number."""
        return np.tanh(x)

    squashed.cases(lambda rng: [(rng.normal(size=(2, 3, 4)),), (rng.normal(size=(4, 2, 2)),)])
    assert message in squashed.check(answer).verdict.mistake


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x, n: np.tanh(x), "is divided by `n` once too often."),
        (lambda x, n: n * n * np.tanh(x), "is multiplied by `n` once too often."),
    ],
)
def test_a_wrong_result_is_told_the_number_that_it_is_off_by(answer, message):
    @exercise()
    def scaled(x, n):
        """Return n tanh(x)."""
        return n * np.tanh(x)

    scaled.cases(lambda rng: [(rng.normal(size=(3,)), n) for n in (5, 7, 2)])
    assert message in scaled.check(answer).verdict.mistake


def test_a_result_in_float16_may_be_one_last_bit_off_and_no_more():
    @exercise()
    def short_mean(values):
        """Return the mean, in float16."""
        return values.astype(np.float32).mean().astype(np.float16)

    short_mean.cases(lambda rng: [(rng.uniform(20, 60, 5000).astype(np.float16),)])
    for bits, status in ((1, "pass"), (-1, "pass"), (3, "fail"), (-3, "fail")):
        off = lambda v, bits=bits: np.float16(  # noqa: E731
            short_mean.reference(v) + bits * np.spacing(short_mean.reference(v))
        )
        assert short_mean.check(off).verdict.status == status


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            lambda u, x, w: (2 * u * w, u * x),
            "The gradient of `x` is wrong by the factor 2",
        ),
        (lambda u, x, w: (u * x, u * w), "parts of the result are right, but in another order."),
        (lambda u, x, w: (-u * w, -u * x), "The gradient of `x` has the wrong sign"),
    ],
)
def test_a_gradient_is_told_by_its_parts(answer, message):
    @gradient_exercise(of=lambda x, w: x * w)
    def product_gradient(upstream, x, w):
        """Return the gradients of the product."""
        return upstream * w, upstream * x

    @product_gradient.cases
    def _(rng):
        for _ in range(3):
            yield rng.normal(size=3), rng.normal(size=3), rng.normal(size=3)

    assert message in product_gradient.check(answer).verdict.mistake


def zeroed(array, *index):
    array[index] = 0
    return array


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: zeroed(np.tanh(x), -1), "The last of the result stays 0: does a loop end"),
        (lambda x: zeroed(np.tanh(x), 0), "The first of the result stays 0: does a loop begin"),
        (lambda x: zeroed(np.tanh(x), slice(None), -1), "The last column of the result stays 0"),
        (
            lambda x: zeroed(zeroed(np.tanh(x), -1), slice(None), -1),
            "The last row and the last column of the result stay 0",
        ),
        (lambda x: np.tanh(x[-1:]).repeat(len(x), axis=0), "is the last one: keep a copy of each"),
        (lambda x: np.tanh(x[:1]).repeat(len(x), axis=0), "is the first one: does anything change"),
        (lambda x: np.zeros_like(x), None),
    ],
)
def test_a_loop_that_ends_early_or_keeps_one_array_is_told_by_what_it_leaves(answer, message):
    @exercise()
    def squashed(x):
        """Return tanh of every number."""
        return np.tanh(x)

    squashed.cases(lambda rng: [(rng.normal(size=size),) for size in ((2, 3), (4, 2), (3, 3))])
    mistake = squashed.check(answer).verdict.mistake
    assert (message in mistake) if message else mistake is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda a, b, c: (a, -b, -c), "parts 2 and 3 of the result has the wrong sign. The rest"),
        (lambda a, b, c: (2 * a, b, 2 * c), "parts 1 and 3 of the result is twice"),
        (lambda a, b, c: (-a, -b, -c), "Every value of all parts of the result has the wrong"),
        (lambda a, b, c: (a, -b, 2 * c), None),
    ],
)
def test_a_fault_that_several_parts_share_is_told_once(answer, message):
    @exercise()
    def given(a, b, c):
        """Return what is given."""
        return a, b, c

    given.cases(lambda rng: [tuple(rng.normal(size=(3, 4))) for _ in range(3)])
    mistake = given.check(answer).verdict.mistake
    assert (message in mistake) if message else mistake is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("Too_Low", "The words are right, but not as the task writes them"),
        ("too-low ", "The words are right, but not as the task writes them"),
        ("low too", None),
        ("to low", None),
    ],
)
def test_words_that_are_spelt_otherwise_are_told_so(answer, message):
    @exercise()
    def verdict_on(rate):
        """Return what is wrong with a rate."""
        return "too low"

    verdict_on.cases(lambda rng: [(0.1,), (0.2,)])
    mistake = verdict_on.check(lambda rate: answer).verdict.mistake
    assert (message in mistake) if message else mistake is None


def test_a_known_mistake_comes_first_and_a_right_answer_is_told_nothing():
    @exercise()
    def halved(x):
        """Return half of x."""
        return x / 2

    halved.cases(lambda rng: [(rng.normal(size=3),), (rng.normal(size=5),)])
    halved.mistakes("You turned it over.", lambda x: -x / 2)
    assert halved.check(lambda x: -x / 2).verdict.mistake == "You turned it over."
    assert halved.check(lambda x: x / 2).verdict.mistake is None


def test_where_a_loop_might_never_end_no_number_and_no_line_is_changed(tmp_path):
    source = "def counted(steps, start):\n    {}return steps + start\n"
    result = {}
    for name, loop in (("free", ""), ("bound", "while steps > 9:\n        steps -= 1\n    ")):
        (tmp_path / f"{name}.py").write_text(source.format(loop))
        spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        given = [{"steps": 3, "start": 0}, {"steps": 2, "start": 1}]
        words = [words for words, _ in changed_inputs(module.counted, given)]
        result[name] = len(words), len(list(variants(module.counted)))
        del sys.modules[name]
    assert result["bound"] == (1, 0), "the two numbers may still be exchanged"
    assert min(result["free"]) > 1
