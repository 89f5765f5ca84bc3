"""What is said of a wrong answer, by the key of its exercise."""

import dataclasses
import itertools
import time

import numpy as np
import pytest

from companion.checking import exercise
from companion.checking.authoring.answer_key import MISSHAPEN, MISSPELT, AnswerKey
from companion.checking.authoring.cases import Case, Raised, Returned
from companion.checking.authoring.exercise import known_key
from companion.checking.authoring.fingerprint import fingerprint
from companion.checking.authoring.mistakes import Mistake
from companion.checking.authoring.practice import Practice
from companion.checking.authoring.proof import prove
from companion.checking.authoring.raised import meaning
from companion.checking.verdict import Report, Status, Verdict

X = np.array([1.0, 2.0, 4.0])


def one(reference, *cases):
    """Return an exercise of a function."""
    made = exercise()(reference)
    made.cases(lambda rng: cases)
    return made


def verdict_on(reference, answer, *cases):
    return one(reference, *cases).check(answer).verdict


def same(x):
    """Return `x`."""
    return x


# -- fingerprints ---------------------------------------------------------------------------------


def test_numbers_moved_along_have_another_fingerprint():
    values = np.arange(12.0)
    moved_along = [fingerprint([np.roll(values, shift)]) for shift in range(1, 12)]
    assert fingerprint([values]) not in moved_along


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0.0, 1.0, -1.0], [0.0, -1.0, 1.0]),
        ([1.0, 1.0, 1.0], [1.0, 1.0, -1.0]),
        (np.array([1 + 1j] * 3), np.array([1 + 1j, 1 + 1j, 1 - 1j])),
        ([np.nan, 0.0, 1.0], [0.0, np.nan, 1.0]),
    ],
    ids=["exchanged", "one sign", "one imaginary part", "no number"],
)
def test_results_that_differ_in_one_place_have_two_fingerprints(first, second):
    assert fingerprint([first]) != fingerprint([second])


@pytest.mark.parametrize("rounding", [1e-9, 1e-5])
def test_a_part_that_rounding_puts_on_either_side_of_zero_splits_no_mistake(rounding):
    above, below = (np.array([1 + sign * rounding * 1j]) for sign in (1, -1))
    assert fingerprint([above]) == fingerprint([below])


def test_rounding_does_not_split_a_mistake_in_large_numbers_either():
    rng = np.random.default_rng(0)
    drawn = [1e6 * rng.normal(size=(4, 5)) for _ in range(100)]
    split = [fingerprint([each]) != fingerprint([each.astype(np.float32)]) for each in drawn]
    assert sum(split) <= 1


# -- explained ------------------------------------------------------------------------------------


def positives(x):
    """Return how many numbers are positive."""
    return int((x > 0).sum())


def total(x):
    """Return the sum of whole numbers."""
    return int(x.sum())


def spread(x):
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(x**2)))


def above(W, x):
    """Return which products of a row of W with x are positive, as 0 and 1."""
    return (W @ x > 0).astype(int)


def ranks(W, x):
    """Return the order of the products of the rows of W with x."""
    return np.argsort(W @ x)


def rows(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 3)), rng.normal(size=3)


def whole(*numbers):
    return (np.array(numbers),)


@pytest.mark.parametrize(
    ("reference", "answer", "cases", "told"),
    [
        (positives, lambda x: 0, [whole(1, -2, 4), whole(3, -1, -5, 2)], False),
        (total, lambda x: int(x[:-1].sum()), [whole(20, 10, 40), whole(11, 5, 90)], True),
        (total, lambda x: int(x[:-1].sum()), [whole(7, 3, 40), whole(1, 2, 90)], True),
        (total, lambda x: int(x[:-1].sum()), [whole(7, 2, 40), whole(1, 2, 90)], False),
        (spread, lambda x: spread(x[:-1]), [(X,), (X[:2] + 0.3,)], True),
        (above, lambda W, x: above(W, x[::-1]), [rows(39)], False),
        (above, lambda W, x: above(W, x[::-1]), [rows(40)], True),
        (above, lambda W, x: above(W, x[::-1]), [rows(50)], True),
        (ranks, lambda W, x: ranks(W, x[::-1]), [rows(3, 4)], False),
        (ranks, lambda W, x: ranks(W, x[::-1]), [rows(4, 3)], True),
        (ranks, lambda W, x: ranks(W, x[::-1]), [rows(5, 3)], True),
    ],
    ids=[
        "zeros",
        "large whole numbers",
        "up to 10",
        "up to 9",
        "broken numbers",
        "39 of two values",
        "40 of two values",
        "50 of two values",
        "three values",
        "four values",
        "five values",
    ],
)
def test_few_small_whole_numbers_agree_by_chance_and_explain_nothing(
    reference, answer, cases, told
):
    verdict = verdict_on(reference, answer, *cases)
    assert verdict.status is Status.FAIL
    assert bool(verdict.mistake) is told


def logarithm(x):
    """Return the logarithm."""
    return np.log(x)


def test_what_is_infinite_explains_nothing():
    verdict = verdict_on(logarithm, lambda x: np.full(len(x), -np.inf), (X,), (X + 1,))
    assert (verdict.status, verdict.mistake) == (Status.FAIL, None)


def running(x, *, factor=2.0):
    """Return the running sum of `x`, times `factor`."""
    return np.cumsum(x) * factor


def test_a_value_that_is_passed_by_name_stands_in_no_explanations_way():
    verdict = verdict_on(
        running, lambda x, *, factor=2.0: running(x[::-1], factor=factor), (X, 3.0), (X + 1,)
    )
    assert verdict.mistake == "Your result is what comes out for `x` in reverse order."


def tripled_in_place(x):
    x *= 3
    return x


def test_what_becomes_of_changed_arguments_is_not_explained():
    told = verdict_on(same, lambda x: 3 * x, (X,), (X[:2],)).mistake
    assert told == "Every value of the result is three times what it should be."
    assert verdict_on(same, tripled_in_place, (X,), (X[:2],)).mistake is None


def colour(x):
    """Return a colour."""
    return "dark red"


def test_right_values_in_another_shape_and_words_written_otherwise_are_told():
    verdict = verdict_on(same, lambda x: x[None], (X,), (X + 1,))
    assert verdict.mistake == MISSHAPEN
    assert verdict.message == (
        "The values are right, but the result has the shape (1, 3); expected (3,)."
    )
    verdict = verdict_on(colour, lambda x: "Dark_Red", (X,), (X + 1,))
    assert verdict.mistake == verdict.message == MISSPELT


def test_what_is_returned_beside_the_right_value_is_told():
    verdict = verdict_on(same, lambda x: (x.sum(), x), (X,), (X + 1,))
    assert verdict.mistake == "Part 2 of your result is right: return it alone."


@pytest.mark.parametrize(
    "answer", [lambda x: len(), lambda x: {}["argument"]], ids=["TypeError", "KeyError"]
)
def test_an_error_in_a_learners_own_line_is_not_put_on_the_signature(answer):
    verdict = verdict_on(same, answer, (X,))
    assert " in line " in verdict.message
    assert "Keep the signature" not in verdict.message


def inner(x):
    raise ValueError("deep")


def outer(x):
    return inner(x)


def test_an_error_is_told_with_the_line_that_raised_it():
    line = inner.__code__.co_firstlineno + 1
    assert verdict_on(same, outer, (X,)).message == f"ValueError in line {line}: deep"


@pytest.mark.parametrize(
    ("sizes", "place"),
    [
        ((61, 60, 3), "case 2 of 3\n"),
        ((70, 59, 3), "case 2 of 3\n"),
        ((61, 70), "case 1 of 2\n"),
        ((3,), "x = "),
    ],
)
def test_the_first_case_that_can_be_read_is_shown_or_else_the_smallest(sizes, place):
    cases = [(np.arange(1.0, count + 1),) for count in sizes]
    details = verdict_on(same, lambda x: x + x**2, *cases).details
    assert place in details
    assert ("case " in details) is (len(sizes) > 1)


class Kept(Case):
    """A case with something to say of a right result."""

    def remark(self, received):
        return f"{received:g} is kept."


def test_the_first_remark_on_what_is_right_is_told():
    cases = [
        Kept(given={"x": x}, arguments=[x], keywords={}, expected=x, rtol=0.0, atol=0.0)
        for x in (1.0, 2.0)
    ]
    key = AnswerKey(cases, [], "kept(x)", one(same, (1.0,)).verdict)
    assert key.verdict(key.outcomes(same)).message == "Right. 1 is kept."


@pytest.mark.parametrize(
    ("kind", "message", "words"),
    [
        (
            "ValueError",
            "operands could not be broadcast together with shapes (4,) (2,4,3) ",
            "Either (4,) lacks an axis",
        ),
        (
            "ValueError",
            "cannot reshape array of size 12 into shape (5,2)",
            "which holds 10: are the last ones to be cut off first?",
        ),
        (
            "ValueError",
            "cannot reshape array of size 12 into shape (5,3)",
            "12 numbers do not fill the shape (5,3), which holds 15.",
        ),
        ("ValueError", "too many values to unpack (expected 2)", "has a shape an axis more, such"),
        (
            "ValueError",
            "not enough values to unpack (expected 3, got 2)",
            "has a shape an axis less, such",
        ),
    ],
)
def test_what_an_exception_means_is_said_to_the_point(kind, message, words):
    assert words in meaning(Raised(kind, message))


# -- written by an author -------------------------------------------------------------------------


def test_a_function_that_was_typed_in_needs_a_docstring_too():
    names = {"__name__": "typed_in"}
    exec(compile("def mute(x): return x", "typed in", "exec"), names)
    with pytest.raises(TypeError, match="mute needs a docstring"):
        exercise()(names["mute"])


def test_two_functions_make_no_row_of_a_table_of_mistakes():
    made = one(same, (X,))
    with pytest.raises(TypeError, match="a sentence, its function"):
        made.mistakes(abs, abs)
    assert made.mistakes == []


def test_an_answer_key_is_worked_out_once():
    made = one(same, (X,))
    assert known_key(made, 3) is known_key(made, 3)
    assert known_key(made, 3) is not known_key(made, 4)


def test_a_verdict_is_cut_where_a_reader_gives_up():
    verdict = one(same, (X,)).verdict(Status.FAIL, "m" * 2000, "d" * 9000)
    assert (len(verdict.message), len(verdict.details)) == (1000, 6000)


def test_the_seconds_of_practice_are_those_of_the_answer():
    made = one(same, (X,))
    known_key(made, 0)
    started = time.perf_counter()
    seconds = made.check(lambda x: x).verdict.seconds
    assert 0 < seconds <= time.perf_counter() - started


def raised_by_two(n):
    """Return n + 2."""
    return n + 2


def test_the_proof_catches_cases_that_move_ever_so_little():
    drift = itertools.count()
    made = exercise()(same)
    made.cases(lambda rng: [(1.0 + 1e-12 * next(drift),)])
    assert "The same seed gives other cases: draw from the given rng alone." in prove(made)


def test_the_proof_catches_two_mistakes_of_which_one_stands_for_the_other():
    made = one(raised_by_two, (3,), (5,))
    made.mistakes("whole", lambda n: n, "broken", lambda n: float(n))
    assert prove(made) == ["No case tells these mistakes apart: 'whole' and 'broken'."]


def test_the_proof_holds_for_two_mistakes_that_are_told_apart():
    made = one(raised_by_two, (3,), (5,))
    made.mistakes("You forgot to add.", lambda n: n, "You took 2 away.", lambda n: n - 2)
    assert prove(made) == []


# -- told -----------------------------------------------------------------------------------------


RIGHT = Verdict("same", "week5", Status.PASS, "Right.")


@pytest.mark.parametrize("status", Status)
def test_points_are_earned_by_what_is_right_and_by_nothing_else(status):
    verdict = dataclasses.replace(RIGHT, status=status, points=2.0)
    assert verdict.score == (2.0 if status == "pass" else 0.0)
    assert dataclasses.replace(verdict, marked=0.5).score == 0.5


@pytest.mark.parametrize(
    "record",
    [
        Returned(1.0),
        Raised("ValueError", ""),
        Case(given={}, arguments=[], keywords={}, expected=1.0, rtol=0.0, atol=0.0),
        Mistake("You squared it.", abs),
        RIGHT,
        Report("ada", "ada.py", (RIGHT,), "none"),
        Practice(RIGHT),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_was_found_is_not_written_over(record):
    first = dataclasses.fields(record)[0].name
    with pytest.raises(AttributeError):
        setattr(record, first, None)
