"""What an answer returns, or never does: judged in little time and text, and nothing given away."""

import functools
import random

import numpy as np
import pytest
from conftest import DRAW
from hostile_answers import BOXES, HONEST, double
from processor_time import timed
from test_isolation import linux

from companion.checking import exercise
from companion.checking.authoring.cases import Returned
from companion.checking.authoring.codec import Opaque, copied
from companion.checking.authoring.exercise import known_key
from companion.checking.classroom import reports
from companion.checking.classroom.discovery import all_exercises
from companion.checking.judging import isolation, judge
from companion.checking.verdict import Report, Status


@pytest.mark.drawn
@pytest.mark.parametrize(
    "exercise",
    [one for one in all_exercises() if not one.builds_model],
    ids=lambda one: f"{one.chapter}.{one.name}",
)
def test_a_private_seed_and_gradescope_show_no_expected_value(exercise):
    """Wrong answers of many kinds, for every exercise of the book."""
    key = known_key(exercise, 7)
    size = len(key.cases)
    wrong = [outcomes for _, outcomes in key.mistake_outcomes]
    wrong += [[Returned(value)] * size for value in (0, -1.5, None, "none", [1, 2], np.zeros(3))]
    for outcomes in wrong:
        verdict = key.verdict(outcomes)
        if verdict.status is not Status.FAIL:
            continue
        shown = judge.without_expected(verdict)
        texts = [reports.to_gradescope(Report("a", "", (verdict,), ""))["tests"][0]["output"]]
        texts += [shown.details, *([] if shown.mistake else [shown.message])]
        assert not any("expected =" in text for text in texts)
        if not shown.mistake:
            assert not any("expected" in text for text in texts), texts


STRANGE = {
    "text": "x" * 1_000_000,
    "texts": ["x" * 100_000] + [1] * 1_000,
    "dict": {"k" * 100_000: 1},
    "keys": {str(number): number for number in range(50_000)},
    "opaque": Opaque("generator"),
    "ragged": [[1], [2, 3], "x"],
    "lists": [[[[]]]] * 10_000,
    "lists in lists": [[[1.0, []]] * 50] * 200,
    "bool": True,
    "NaN": float("nan"),
    "infinity": [float("inf")],
    "huge": 2**999,
    "many": list(range(300_000)),
    "many parts": [np.zeros(1)] * 100_000,
    "empty": np.zeros((0, 3)),
    "eight dimensions": np.ones((7,) * 8, np.int8),
    "large": np.full(2**24, np.nan, np.float32),
    "complex": np.array([1j, np.nan]),
    "bools": np.ones((3, 3), bool),
    "small integers": np.full(5, -128, np.int8),
}


@pytest.mark.drawn
@pytest.mark.no_cover
@pytest.mark.parametrize("value_id", STRANGE)
def test_whatever_comes_is_compared_in_bounded_time_and_text_and_fails(value_id):
    """For exercises of the book, drawn by the value's name, in the judge's own process."""
    value = STRANGE[value_id]
    known = [one for one in all_exercises() if not one.builds_model]
    for one in random.Random(DRAW + value_id).sample(known, 4):
        key = known_key(one, 0)
        assert key.mistake_outcomes is not None  # worked out before the clock runs
        returned = [Returned(copied(value))] * len(key.cases)
        verdict, seconds = timed(functools.partial(key.verdict, returned))
        assert seconds < 5, one
        assert verdict.status is Status.FAIL, one
        assert len(verdict.message) <= 1_000
        assert len(verdict.details) <= 6_000


def test_a_file_of_loops_takes_no_longer_than_a_file_may():
    asked = []
    for number in range(30):
        one = exercise()(double.reference)
        one.name = f"double_{number}"
        one.cases(lambda rng: [1.0])
        asked.append(one)
    source = "\n".join(f"def {one.name}(x):\n    while True: pass" for one in asked)
    with judge.Judge(spare=False) as here:
        report = here.check(source.encode(), asked, time_limit=0.3)
    assert {verdict.status for verdict in report.verdicts} == {Status.TIMEOUT}
    assert sum("Not run" in verdict.message for verdict in report.verdicts) > 20


@linux
def test_a_loop_is_found_out_by_what_it_computes_and_not_by_the_clock():
    header = {"ask": "load", "file": "a.py", "seconds": 100, "computing": 0.5}
    with isolation.Worker(BOXES["seccomp"]()) as worker:
        worker.ready()
        with pytest.raises(isolation.LostError, match="processor time") as lost:
            worker.ask(header, [b"while True: pass"], limit=300)
    assert lost.value.reason == "timeout"
    with judge.Judge(spare=False) as here:
        waits = here.check(b"import time\ntime.sleep(2)\n" + HONEST, [double], time_limit=3)
    assert waits.verdicts[0].status is Status.PASS


def test_a_list_that_grew_is_an_argument_that_changed():
    @exercise()
    def count(xs):
        """Return how many `xs` there are."""
        return len(xs)

    count.cases(lambda rng: [([1.0, 2.0],)])
    sources = {
        Status.PASS: b"def count(xs): return len(xs)",
        Status.FAIL: b"def count(xs):\n    n = len(xs)\n    xs.append(object())\n    return n",
    }
    with judge.Judge(spare=False) as here:
        for status, source in sources.items():
            verdict = here.check(source, [count]).verdicts[0]
            assert verdict.status is status
    assert "changes its arguments" in verdict.message


def test_the_judge_itself_keeps_expected_values_back_at_a_private_seed():
    source = b"def double(x):\n    return 3 * x\n"
    with judge.Judge(spare=False) as here:
        shown, hidden = (here.check(source, [double], seed=seed).verdicts[0] for seed in (0, 5))
    assert "expected =" in shown.details
    assert "expected" not in hidden.details + hidden.message
    assert "received = " in hidden.details
