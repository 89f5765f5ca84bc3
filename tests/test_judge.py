"""The judge's verdicts: what was wrong, in words, with the case that shows it."""

import subprocess
import sys
import textwrap

import pytest
from workers import count_workers

from companion.checking import exercise, gradient_exercise
from companion.checking.judging.judge import Judge, imports_keras
from companion.checking.verdict import Status
from companion.errors import UserError


@exercise(points=2)
def centred(x):
    """Return `x` minus its mean."""
    return x - x.mean()


@centred.cases
def _(rng):
    yield rng.normal(size=(3, 4))
    yield rng.normal(size=(10, 10))


@centred.mistake("You took the mean of every row: one mean is asked for.")
def _(x):
    return x - x.mean(axis=1, keepdims=True)


@centred.mistake("You raise where you should average.")
def _(x):
    raise ArithmeticError


@exercise()
def count(xs):
    """Return how many `xs` there are."""
    return len(xs)


@count.cases
def _(rng):
    yield [1.0, 2.0]
    yield [1.0, 2.0, 5.0]


@gradient_exercise(of=lambda x: x**2)
def square_gradient(x):
    """Return the gradient of the sum of x²."""
    return 2 * x


@square_gradient.cases
def _(rng):
    yield rng.normal(size=3)


EXERCISES = (centred, count, square_gradient)
RIGHT = """
import numpy as np

def centred(x):
    return x - np.mean(x)

def count(xs):
    return len(xs)

def square_gradient(x):
    return 2 * x
"""


@pytest.fixture(scope="module")
def judge():
    with Judge() as judge:
        yield judge


@pytest.fixture
def check(judge):
    def check(source, *exercises, **options):
        found = judge.check(textwrap.dedent(source).encode(), exercises or EXERCISES, **options)
        return found.verdicts[0] if len(found.verdicts) == 1 else found

    return check


def test_a_right_file_earns_all_points(check):
    report = check(RIGHT, learner="ada", path="ada/centred.py")
    assert [verdict.status for verdict in report.verdicts] == [Status.PASS] * 3
    assert (report.score, report.max_score) == (4, 4)
    assert (report.learner, report.path, report.seed) == ("ada", "ada/centred.py", 0)
    assert "own process" in report.isolation


def test_a_recognised_mistake_is_the_message_and_the_case_stands_below(check):
    verdict = check("def centred(x): return x - x.mean(axis=1, keepdims=True)", centred)
    assert verdict.status is Status.FAIL
    assert verdict.message == "You took the mean of every row: one mean is asked for."
    assert verdict.mistake == verdict.message
    for words in ("case 1 of 2", "x = float64 array of shape (3, 4)", "expected =", "received ="):
        assert words in verdict.details


def test_a_mistake_that_matches_one_case_only_is_not_named(check):
    source = """
        def centred(x):
            return x - (x.mean(axis=1, keepdims=True) if len(x) == 3 else 0)
    """
    verdict = check(source, centred)
    assert verdict.mistake is None
    assert "12 of 12 values differ; the first at [0, 0] is" in verdict.message


def test_a_mistake_that_raises_is_recognised_by_what_it_raises(check):
    verdict = check("def centred(x): raise ArithmeticError", centred)
    assert verdict.status is Status.ERROR
    assert verdict.message == "You raise where you should average."


def test_the_case_shown_is_one_that_can_be_read(check):
    source = "def centred(x): return x - x.mean() if len(x) == 3 else x"
    assert "case 2 of 2" in check(source, centred).details


def test_right_values_of_another_kind_are_said_to_be_right(check):
    verdict = check("def count(xs): return float(len(xs))", count)
    assert verdict.status is Status.FAIL
    assert verdict.message == (
        "The values are right, but the result is a float (float64); expected an integer (int64)."
    )


def test_an_error_names_its_line_and_shows_it(check):
    verdict = check("def count(xs):\n    return 1 / 0\n", count)
    assert verdict.status is Status.ERROR
    assert verdict.message == (
        "ZeroDivisionError in line 2: division by zero. Something is divided by 0: what is asked "
        "for there?"
    )
    assert "xs = [1, 2]" in verdict.details
    assert "line 2: return 1 / 0" in verdict.details


def test_another_signature_is_told_the_right_one(check):
    verdict = check("def count(): return 2", count)
    assert "Keep the signature: count(xs)." in verdict.message


def test_a_missing_function_is_not_attempted_and_a_misspelt_one_is_found(check):
    assert check("", count).status is Status.NOT_ATTEMPTED
    verdict = check("def cuont(xs): return len(xs)", count)
    assert verdict.status is Status.NOT_ATTEMPTED
    assert "where you wrote cuont?" in verdict.message
    assert check(count.stub, count).status is Status.NOT_ATTEMPTED


def test_a_function_is_found_among_ever_so_many_imported_ones(check):
    source = "globals().update({f'f{n}': len for n in range(1500)})\ndef count(xs): return len(xs)"
    assert check(source, count).status is Status.PASS


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("import keras", True),
        ("\ufeffimport keras", True),
        ("try: import keras", True),
        ("import numpy, tensorflow as tf", True),
        ("from keras.layers import Dense", True),
        ("import numpy\nkeras = 1", False),
        ("import kerastuner", False),
    ],
)
def test_an_import_of_keras_is_seen_wherever_it_stands_in_a_line(line, result):
    assert imports_keras(line.encode()) is result


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\ndef f(:\n", "SyntaxError in line 2"),
        ("x = 1\nx = '\0'\n", "SyntaxError in line 2"),
        ("import no_such_thing", "No module named 'no_such_thing'"),
        ("import chapters.convolution", "The book's own code is not there"),
        ("import os; os._exit(3)", "exit code 3"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(check, source, words):
    report = check(source)
    assert [verdict.status for verdict in report.verdicts] == [Status.ERROR] * 3
    assert all(words in verdict.message for verdict in report.verdicts)


def test_a_source_that_is_not_utf8_is_an_error(judge):
    verdict = judge.check(b"x = 1\nname = '\xff'\n", [count]).verdicts[0]
    assert verdict.status is Status.ERROR
    assert "utf-8" in verdict.message


def test_one_lost_exercise_does_not_lose_the_others(check):
    source = RIGHT.replace("return x - np.mean(x)", "\n        while True: pass")
    report = check(source, time_limit=1)
    assert [verdict.status for verdict in report.verdicts] == ["timeout", "pass", "pass"]


def test_one_worker_serves_all_exercises_of_a_file(check, monkeypatch):
    started = count_workers(monkeypatch)
    with Judge(spare=False) as fresh:
        assert fresh.check(RIGHT.encode(), EXERCISES).score == 4
    assert len(started) == 1


def test_no_file_sees_what_another_left_behind(check):
    marked = "import builtins\nbuiltins.left = 1\n" + RIGHT
    assert check(marked).score == 4
    nosy = "import builtins\ndef count(xs): return len(xs) + hasattr(builtins, 'left')"
    assert check(nosy, count).status is Status.PASS


def test_the_same_seed_gives_the_same_verdicts(check):
    source = RIGHT.replace("2 * x", "3 * x").replace("len(xs)", "2")
    one, other = check(source, seed=5), check(source, seed=5)
    for verdict, again in zip(one.verdicts, other.verdicts, strict=True):
        assert (verdict.status, verdict.message, verdict.details) == (
            again.status,
            again.message,
            again.details,
        )
    assert check(source, seed=6).verdicts[2].details != one.verdicts[2].details


def test_a_gradient_is_told_its_factor(check):
    verdict = check("def square_gradient(x): return x", square_gradient)
    assert "The gradient of `x` is wrong by the factor 1/2" in verdict.message


def test_an_exercise_that_fails_itself_is_not_the_learners_fault(check):
    @exercise()
    def broken(x):
        """Return nothing."""
        return 1 / 0

    broken.cases(lambda rng: [1.0])
    verdict = check("def broken(x): return 1", broken)
    assert verdict.status is Status.CHECKER_ERROR
    assert "ZeroDivisionError" in verdict.message


@pytest.mark.parametrize("source", ["def leaving(x): return 1", "globals()['lea' 'ving'] = len"])
def test_an_exercise_that_leaves_is_not_the_learners_fault_either(check, source):
    @exercise()
    def leaving(x):
        """Return nothing."""
        raise SystemExit

    leaving.cases(lambda rng: [1.0])
    verdict = check(source, leaving)
    assert verdict.status is Status.CHECKER_ERROR
    assert "SystemExit" in verdict.message


def test_what_a_learner_writes_reaches_no_terminal_as_it_is(check):
    verdict = check("def count(xs): raise ValueError('\\x1b[2J' + 'x' * 10_000)", count)
    assert verdict.message.isprintable()
    assert len(verdict.message) <= 1000


def test_an_exercise_can_be_checked_alone_and_an_unknown_name_is_refused(judge):
    report = judge.check(RIGHT.encode(), EXERCISES, only="count", path="ada.py")
    assert [verdict.exercise for verdict in report.verdicts] == ["count"]
    assert report.learner == "ada"
    with pytest.raises(UserError, match="Did you mean 'count'"):
        judge.check(RIGHT.encode(), EXERCISES, only="cuont")


@pytest.mark.parametrize("name", ["numpy.py", "math.py", "my answers.py"])
def test_a_file_may_have_any_name(judge, name):
    source = b"import math\nimport numpy as np\ndef count(xs):\n    return math.ceil(np.size(xs))\n"
    assert judge.check(source, [count], path=name).verdicts[0].status is Status.PASS


def test_numpy_exercises_never_load_keras():
    answer = (
        "import sys\ndef count(xs):\n    assert 'keras' not in sys.modules\n    return len(xs)\n"
    )
    program = (
        "import sys\nfrom test_judge import count\n"
        "from companion.checking.judging.judge import Judge\n"
        "with Judge(spare=False) as judge:\n"
        f"    report = judge.check({answer.encode()!r}, [count])\n"
        "assert report.score == 1, report\n"
        "print([name for name in ('keras', 'tensorflow', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=__file__.rpartition("/")[0],
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


# -- notebook -----------------------------------------------------------------------------------


def test_a_notebook_shows_a_verdict_and_says_that_this_is_practice():
    shown = count.check(lambda xs: 1)
    assert shown.verdict.status is Status.FAIL
    text = shown._repr_html_()
    assert "practice" in text
    assert "The result is 1, expected 2." in text
    assert "xs = [1, 2]" in text
    assert "practice" in repr(count.check(len))
    assert count.check(len).verdict.status is Status.PASS


def test_a_notebook_recognises_mistakes_and_errors_too():
    shown = centred.check(lambda x: x - x.mean(axis=1, keepdims=True))
    assert shown.verdict.message == "You took the mean of every row: one mean is asked for."
    assert "IndexError in line" in count.check(lambda xs: xs[7]).verdict.message


def test_markup_in_a_verdict_stays_text():
    def shout(xs):
        raise ValueError("<script>alert(1)</script>")

    text = count.check(shout)._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
