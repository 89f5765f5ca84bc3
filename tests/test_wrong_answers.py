"""Wrong answers of students: none passes, three of four are named, and what is said is true."""

import functools
import importlib.util
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
    the fourth 75.5 %, of the fifth 72.5 %, of the sixth 71.5 %, of the seventh 76.5 %; general
    sentences and listed mistakes have learned from each before the next was opened.
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


@pytest.mark.drawn
@pytest.mark.parametrize(
    "which", ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]
)
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


def test_a_result_of_another_precision_is_told_so():
    @exercise()
    def halved(x):
        """Return half of each number, in float16."""
        return (x / 2).astype(np.float16)

    halved.cases(lambda rng: [(rng.integers(2, 60, 8).astype(np.float32),)])
    mistake = halved.check(lambda x: x / 2).verdict.mistake
    assert mistake == "The values are right, but the result is float32; expected float16."


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
        (lambda x: np.tanh(x).swapaxes(0, 1), "its first two axes are exchanged."),
        (lambda x: np.tanh(x).swapaxes(1, 2), "its last two axes are exchanged."),
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
        (
            lambda a, b, c: (a, -b, -c),
            "each of parts 2 and 3 of the result has the wrong sign. The rest",
        ),
        (lambda a, b, c: (2 * a, b, 2 * c), "each of parts 1 and 3 of the result is twice"),
        (lambda a, b, c: (-a, -b, -c), "Every value of each part of the result has the wrong"),
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
