"""A file in the judge's hands: run, lost, told; and models, which another process measures."""

import itertools
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hand_in_samples import RIGHT, filled

from companion.checking import exercise, model_exercise
from companion.checking.authoring import codec
from companion.checking.authoring.cases import Raised, Returned
from companion.checking.classroom import one_file
from companion.checking.judging import judge
from companion.checking.judging.judge import Judge
from companion.checking.judging.models import Models
from companion.checking.judging.page import InProcessRunner, _TimedOut
from companion.checking.judging.runner import LostError
from companion.checking.verdict import Status, Verdict

# -- the judge ------------------------------------------------------------------------------------


@exercise()
def twice(x):
    """Return twice `x`."""
    return 2 * x


twice.cases(lambda rng: [(3.0,), (np.array([1.0, 2.0, 4.0]),)])

TWICE = "def twice(x):\n    return 2 * x\n"


class Noting(InProcessRunner):
    """Runs answers in this process and keeps what it was asked."""

    def __init__(self, keras=False):
        super().__init__()
        self.keras, self.is_ended, self.asked = keras, False, []

    def ask(self, header, blobs=(), *, limit):
        self.asked.append(({**header}, limit))
        return super().ask(header, blobs, limit=limit)

    def end(self):
        super().end()
        self.is_ended = True


class Failing(InProcessRunner):
    """Runs answers until it is asked for what it fails at: it raises, or replies what is given."""

    def __init__(self, what, outcome):
        super().__init__()
        self.what, self.outcome = what, outcome

    def ask(self, header, blobs=(), *, limit):
        if header["ask"] != self.what:
            return super().ask(header, blobs, limit=limit)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome, b""


def judged(source, *exercises, start=lambda keras: InProcessRunner(), **options):
    with Judge(start=start, spare=False) as here:
        return here.check(source.encode(), exercises or [twice], **options)


def noted(source, *exercises, **options):
    """Return a report, and the requests that it took with their limits, of one runner."""
    runners = []

    def start(keras):
        runners.append(Noting(keras))
        return runners[-1]

    report = judged(source, *exercises, start=start, **options)
    (runner,) = runners
    assert runner.is_ended
    return report, runner.asked


def test_a_judge_keeps_one_warm_for_the_next_file_unless_told_otherwise():
    for options, count in (({}, 2), ({"spare": True}, 2), ({"spare": False}, 1)):
        started = []

        def start(keras, started=started):
            started.append(InProcessRunner())
            return started[-1]

        with Judge(start=start, **options) as here:
            assert here.check(TWICE.encode(), [twice]).score == 1
            assert len(started) == count


def test_what_is_kept_warm_is_replaced_where_keras_is_needed():
    started = []

    def start(keras):
        started.append(Noting(keras))
        return started[-1]

    with Judge(start=start) as here:
        here.warm()
        here.warm()
        here.warm(keras=True)
        assert [(one.keras, one.is_ended) for one in started] == [(False, True), (True, False)]


def test_a_file_is_run_once_for_all_its_exercises():
    @exercise()
    def half(x):
        """Return half of `x`."""
        return x / 2

    half.cases(lambda rng: [3.0])
    report, asked = noted(TWICE + "def half(x): return x / 2", twice, half)
    assert report.score == 2
    assert [header["ask"] for header, _ in asked].count("load") == 1


def test_an_answer_has_nearly_the_whole_limit_and_half_of_it_to_compute():
    report, asked = noted(TWICE, time_limit=100)
    assert report.score == 1
    assert all(50 < limit <= 100 for _, limit in asked)
    computing = {header["ask"]: header.get("computing") for header, _ in asked}
    assert computing == {"load": 50, "call": 50, "left": None}
    _, asked = noted("# import keras\n" + TWICE, time_limit=100)
    assert not any("computing" in header for header, _ in asked)


@pytest.mark.parametrize(("cores", "seconds"), [(4, 1200), (1, 300), (None, 300)])
def test_a_file_may_use_every_core_for_itself_and_each_of_its_exercises(
    monkeypatch, cores, seconds
):
    monkeypatch.setattr(judge.os, "cpu_count", lambda: cores)
    _, asked = noted(TWICE, twice, twice, time_limit=100)
    assert asked[0][0]["seconds"] == seconds


@model_exercise()
def network():
    """Build a network."""
    raise AssertionError("it is not asked for")


@pytest.mark.parametrize("source", ["y = 1\n", "# import keras\n", "def network(): return 3\n"])
def test_where_no_model_is_built_nothing_is_started_for_models(source):
    (verdict,) = noted(source, network)[0].verdicts
    assert verdict.status is Status.NOT_ATTEMPTED
    assert ("imports no Keras yet" in verdict.message) is ("def network" in source)


def test_the_time_that_a_model_takes_is_the_files(monkeypatch):
    def completed(case, outcome, deadline):
        if outcome is None:
            raise LostError("timeout", "It is gone.")
        return outcome

    seconds = itertools.count(1000.0, 7.0)
    monkeypatch.setattr(judge, "time", SimpleNamespace(perf_counter=seconds.__next__))
    models = SimpleNamespace(models=SimpleNamespace(completed=completed))
    session = judge._Session(models, b"", (), "a.py", keras=True, time_limit=10.0)
    assert session._completed(None, Returned(3), 10.0) == Returned(3)
    assert session.spent == 7
    with pytest.raises(LostError):
        session._completed(None, None, 10.0)
    assert session.spent == 14


@pytest.mark.parametrize("what", ["nothing", "load", "call"])
def test_seconds_are_those_from_begin_to_end(monkeypatch, what):
    seconds = itertools.count(1000.0)
    monkeypatch.setattr(judge, "time", SimpleNamespace(perf_counter=seconds.__next__))
    report = judged(TWICE, start=lambda keras: _TimedOut(what, "twice") if what != "nothing" else
                    InProcessRunner())  # fmt: skip
    (verdict,) = report.verdicts
    assert verdict.status is (Status.PASS if what == "nothing" else Status.TIMEOUT)
    assert verdict.seconds in range(1, 50)
    assert report.seconds in range(1, 50)
    assert report.seconds > verdict.seconds


def test_many_quick_cases_use_up_no_time():
    @exercise()
    def many(x):
        """Return `x`."""
        return x

    many.cases(lambda rng: [float(number) for number in range(40)])
    assert judged(TWICE + "def many(x): return x", many, twice).score == 2


def test_a_runner_that_fails_in_another_way_is_the_checkers_fault():
    start = lambda keras: Failing("call", RuntimeError("odd"))  # noqa: E731
    (verdict,) = judged(TWICE, start=start).verdicts
    assert verdict.status is Status.CHECKER_ERROR
    assert verdict.message == "The checker itself fails: RuntimeError: odd"


@pytest.mark.parametrize(
    ("what", "reply"),
    [
        ("load", {}),
        ("load", {"names": 3, "failed": {}}),
        ("load", {"names": [], "failed": 7}),
        ("call", {}),
        ("call", {"value": None}),
        ("call", {"value": ["list", 3]}),
    ],
)
def test_a_reply_that_is_none_is_the_files_fault(what, reply):
    (verdict,) = judged(TWICE, start=lambda keras: Failing(what, reply)).verdicts
    assert verdict.status is Status.ERROR
    assert "sent something that is no answer" in verdict.message


@pytest.mark.parametrize(
    ("head", "reason", "status", "message"),
    [
        ("", "timeout", "timeout",
         "No answer within 10 seconds, 5 of them computing: is there a loop without end?"),
        ("# import keras\n", "timeout", "timeout",
         "No answer within 10 seconds: is there a loop without end?"),
        ("", "memory", "memory", "The memory was used up."),
        ("", "forged", "error", judge.FORGED),
        ("", "crash", "error", "It broke."),
    ],
)  # fmt: skip
def test_the_loss_of_a_runner_is_told_in_its_own_words(head, reason, status, message):
    start = lambda keras: Failing("call", LostError(reason, "It broke."))  # noqa: E731
    (verdict,) = judged(head + TWICE, start=start).verdicts
    assert (verdict.status, verdict.message) == (status, message)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (MemoryError, Status.FAIL, "too large to be compared"),
        (OverflowError, Status.FAIL, "too large to be compared"),
        (RecursionError, Status.FAIL, "too large to be compared"),
        (ZeroDivisionError, Status.CHECKER_ERROR, "The comparison itself fails: ZeroDivisionError"),
    ],
)
def test_a_result_that_cannot_be_compared_is_wrong_and_other_faults_are_ours(error, status, words):
    @exercise()
    def odd(x):
        """Return `x`."""
        return x

    odd.cases(lambda rng: [3.0])

    @odd.why
    def _(x, received):
        raise error

    (verdict,) = judged("def odd(x): return x + 1", odd).verdicts
    assert verdict.status is status
    assert words in verdict.message


def test_an_exercise_that_fails_is_said_to_where_somebody_answers_it():
    @exercise()
    def broken(x):
        """Return nothing."""
        return 1 / 0

    broken.cases(lambda rng: [3.0])
    (verdict,) = judged("def broken(x): return x", broken).verdicts
    assert verdict.message.startswith("The exercise itself fails: ZeroDivisionError")
    assert judged("y = 1", broken).verdicts[0].status is Status.NOT_ATTEMPTED


@pytest.mark.parametrize(("room", "status"), [(128, Status.PASS), (127, Status.FAIL)])
def test_results_are_kept_up_to_a_size(monkeypatch, room, status):
    @exercise()
    def row(x):
        """Return eight numbers."""
        return x * np.arange(8.0)

    row.cases(lambda rng: [2.0, 3.0])
    monkeypatch.setattr(judge, "MAX_BYTES", room)
    (verdict,) = judged("import numpy as np\ndef row(x): return x * np.arange(8.0)", row).verdicts
    assert verdict.status is status
    assert ("value too large to be kept" in verdict.message) is (status is Status.FAIL)


def test_a_cell_that_fails_behind_an_answer_costs_nothing():
    source = f"# In [1]:\n{TWICE}1 / 0\n# In [2]:\nx = 1\n"
    assert judged(source, path="a.ipynb").verdicts[0].status is Status.PASS


def test_an_answer_that_runs_out_of_memory_is_told_so():
    (verdict,) = judged("def twice(x):\n    raise MemoryError\n").verdicts
    assert verdict.status is Status.MEMORY
    (verdict,) = judged("raise MemoryError\n# twice").verdicts
    assert verdict.status is Status.MEMORY


@pytest.mark.parametrize(
    ("line", "kept"),
    [(1, 1), (100, 100), (0, None), (-3, None), (10**7, None), (10**9, None), (True, None),
     ("7", None), (None, None)],
)  # fmt: skip
def test_a_line_is_believed_where_it_can_be_one(line, kept):
    raised = judge._raised({"raised": "ValueError", "line": line})
    assert raised == Raised("ValueError", "", kept)
    forged = judge._raised({"raised": "ValueError", "memory": 1, "unwritten": 1})
    assert (forged.memory, forged.unwritten) == (False, False)


def test_advice_stands_behind_the_message_and_changes_nothing_else():
    failure = (Status.ERROR, "It cannot be read.", "line 1")
    assert judge.with_advice(failure, b"import jax") == (
        Status.ERROR,
        "It cannot be read. Answers use NumPy, and Keras on TensorFlow: do without jax.",
        "line 1",
    )
    assert judge.with_advice(failure, b"import numpy") == failure


@pytest.mark.parametrize("status", Status)
def test_what_was_expected_is_taken_out_of_a_wrong_answer_line_by_line(status):
    details = "case 1 of 2\nx = 3\nexpected = [6\n  7]\nreceived = [8\n  9]"
    verdict = Verdict("twice", "week5", status, "It is 8, expected 6.", details)
    hidden = judge.without_expected(verdict)
    if status is Status.FAIL:
        assert hidden.message == "It is 8."
        assert hidden.details == "case 1 of 2\nx = 3\nreceived = [8\n  9]"
    else:
        assert hidden == verdict


def test_a_mistake_keeps_its_sentence_and_what_stands_below_it_ends_before_the_expected():
    sentence = "More is expected: you took the mean."
    details = "It is 8, expected 6.\ncase 1 of 2, as expected\nexpected = 6\nreceived = 8"
    verdict = Verdict("twice", "week5", Status.FAIL, sentence, details, mistake=sentence)
    hidden = judge.without_expected(verdict)
    assert hidden.message == sentence
    assert hidden.details == "It is 8.\ncase 1 of 2, as expected\nreceived = 8"


# -- one file -------------------------------------------------------------------------------------


def test_a_check_names_the_file_and_seed_0_and_begins_the_next_one_where_it_goes_on(
    tmp_path, arithmetic, monkeypatch
):
    started = []

    def start(keras):
        started.append(keras)
        return InProcessRunner()

    filled(tmp_path, {"ada.py": RIGHT, "bob/hw.py": RIGHT})
    with Judge(start=start, spare=False) as here:
        monkeypatch.setattr(one_file, "_of_this_thread", SimpleNamespace(judge=here))
        report = one_file.check_path(tmp_path / "ada.py", arithmetic)
        assert (report.path, report.seed, report.score) == (str(tmp_path / "ada.py"), 0, 3)
        assert started == [False]
        report = one_file.check_path(tmp_path / "bob", exercises=arithmetic, again=True)
        assert report.path == str(tmp_path / "bob" / "hw.py")
        assert started == [False] * 3


# -- models on the judge's side -------------------------------------------------------------------


class Measuring(Noting):
    """Stands for a process that measures models; it is lost where no number is asked for."""

    def ready(self):
        self.is_ready = True
        return "none"

    def ask(self, header, blobs=(), *, limit):
        self.asked.append((header["ask"], limit))
        graph, *_ = codec.decode(header["arguments"], b"".join(blobs))
        if graph == "lost":
            raise LostError("memory", "It is gone.")
        if graph == "wrong":
            return {"raised": "ValueError", "message": "No such layer."}, b""
        back = []
        return {"value": codec.encode({"outputs": np.ones(2)}, back)}, b"".join(back)


def modelled(description, measuring, limit=100):
    """Return what becomes of a description that is measured by its graph alone."""
    case = SimpleNamespace(
        completed=lambda value, measure: measure(value.get("graph", ""), [np.zeros(2)], 0, 1)
    )
    return measuring.completed(case, description, time.perf_counter() + limit)


@pytest.fixture
def measuring():
    """What runs models, and the processes that it started."""
    started = []

    def start(keras):
        started.append(Measuring(keras))
        return started[-1]

    models = Models(start)
    yield models, started
    models.close()


def test_one_process_with_keras_measures_all_models_until_it_is_lost(measuring):
    models, started = measuring
    models.warm()
    models.ready()
    for _ in range(2):
        result = modelled(Returned({"graph": "right"}), models)
        assert result.value["outputs"].tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"No such layer\."):
        modelled(Returned({"graph": "wrong"}), models)
    (first,) = started
    assert (first.keras, first.is_ready, first.is_ended) == (True, True, False)
    assert all(ask == "measure" and 50 < limit <= 100 for ask, limit in first.asked)
    with pytest.raises(LostError):
        modelled(Returned({"graph": "lost"}), models)
    assert first.is_ended
    assert modelled(Returned({"graph": "right"}), models).value
    assert len(started) == 2


@pytest.mark.parametrize("outcome", [Raised("ValueError", ""), Returned(3), Returned(None)])
def test_what_is_no_model_is_left_as_it_is(measuring, outcome):
    models, started = measuring
    assert modelled(outcome, models) is outcome
    assert started == []


def test_a_description_has_a_graph_or_says_what_it_is(measuring):
    models, _ = measuring
    with pytest.raises(LostError, match=r"There is no graph\."):
        modelled(Returned({"graph": 3}), models)
    assert modelled(Returned({"hidden": "a int"}), models).value
