"""Grading in processes, and the progress that is kept."""

import itertools
import json
import stat
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import pytest

from companion.checking.classroom import grading, hand_ins, journal, progress, progress_file
from companion.checking.verdict import Report, Status, Verdict
from companion.errors import UserError

linux = pytest.mark.skipif(sys.platform != "linux", reason="the locks are Linux's")


# -- grading --------------------------------------------------------------------------------------


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """The learners who were graded, each with a report at once."""
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state" / "progress.jsonl"))
    learners = []

    def grade_one(submission, exercises, seed):
        learners.append(submission.learner)
        verdicts = (Verdict("double", "week5", Status.PASS, "Right."),)
        return Report(submission.learner, submission.path, verdicts, "none", seed)

    monkeypatch.setattr(grading, "grade_one", grade_one)
    return learners


def class_of(count):
    return [hand_ins.Submission(f"learner{n}", f"{n}.py", b"x = 1") for n in range(count)]


@pytest.mark.parametrize(
    ("workers", "cores", "learners", "count"),
    [(1, 8, 4, 1), (16, 2, 4, 4), (None, 3, 4, 3), (None, 8, 2, 2), (None, None, 4, 1)],
)
def test_there_are_as_many_processes_as_asked_for_or_as_cores_and_no_more_than_hand_ins(
    tmp_path, arithmetic, graded, monkeypatch, workers, cores, learners, count
):
    pools = []

    def make(count, keras):
        pools.append((count, keras, ThreadPoolExecutor(1)))
        return pools[-1][-1]

    monkeypatch.setattr(grading.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(grading, "GradingPool", make)
    grading.grade(class_of(learners), arithmetic, journal_file=tmp_path / "j", workers=workers)
    ((asked, keras, pool),) = pools
    assert (asked, keras, len(graded)) == (count, False, learners)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(len, "")


def test_what_grades_stays_open_for_whom_it_belongs_to(tmp_path, arithmetic, graded):
    with ThreadPoolExecutor(1) as pool:
        grading.grade(class_of(2), arithmetic, journal_file=tmp_path / "j", executor=pool)
        assert pool.submit(len, "ab").result() == 2


def test_grading_that_is_interrupted_begins_with_nobody_else(
    tmp_path, arithmetic, graded, monkeypatch
):
    ended, right = threading.Event(), grading.grade_one

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            ended.set()
            super().shutdown(wait)

    def grade_one(*given):
        if graded:
            ended.wait(60)
        return right(*given)

    def interrupt(report):
        raise KeyboardInterrupt

    monkeypatch.setattr(grading, "grade_one", grade_one)
    monkeypatch.setattr(grading, "GradingPool", lambda count, keras: Pool(1))
    with pytest.raises(KeyboardInterrupt):
        grading.grade(class_of(9), arithmetic, journal_file=tmp_path / "j", on_report=interrupt)
    assert len(graded) <= 2


def without_notes(report):
    del report["notes"]


def with_another_status(report):
    report["verdicts"][0]["status"] = "unheard of"


def with_more(report):
    report["more"] = 1


@pytest.mark.parametrize("change", [without_notes, with_another_status, with_more])
def test_whose_report_another_version_kept_is_graded_anew(tmp_path, arithmetic, graded, change):
    file, key = tmp_path / "j", grading._journal_key()
    with ThreadPoolExecutor(1) as pool:
        grading.grade(class_of(1), arithmetic, journal_file=file, executor=pool)
        (entry,) = journal.read(file, key)
        change(entry["report"])
        file.unlink()
        journal.append(file, [entry], key)
        grading.grade(class_of(1), arithmetic, journal_file=file, executor=pool)
    assert graded == ["learner0"] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_the_key_to_journals_is_one_and_its_owners_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state" / "progress.jsonl"))
    key = grading._journal_key()
    assert key == grading._journal_key() == (tmp_path / "state" / "journal.key").read_bytes()
    assert stat.S_IMODE((tmp_path / "state" / "journal.key").stat().st_mode) == 0o600


class Mortal(ThreadPoolExecutor):
    """Stands for a process that grades; a first call may find it dead."""

    def __init__(self, error=None):
        super().__init__(1)
        self.error = error

    def submit(self, *given):
        if self.error:
            raise self.error
        return super().submit(*given)


class Pool(grading.GradingPool):
    """Grades in threads that die of the errors that are given, one after the other."""

    def __init__(self, *errors):
        self.processes = [Mortal(error) for error in errors]
        self.unused = iter(self.processes)
        super().__init__(1)

    def _process(self):
        return next(self.unused)


def test_a_pool_that_is_shut_down_has_done_what_it_was_given():
    pool = Pool(None)
    futures = [pool.submit(time.sleep, 0.02) for _ in range(3)]
    pool.shutdown()
    assert all(one.done() and not one.cancelled() for one in futures)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.processes[0].submit(len, "")


@pytest.mark.parametrize(
    ("errors", "seconds", "tries"),
    [
        ([BrokenProcessPool(), None], 199, 2),
        ([BlockingIOError(), None], 199, 2),
        ([BrokenProcessPool(), BrokenProcessPool(), None, None], 199, None),
        ([BrokenProcessPool(), None], 201, None),
    ],
    ids=["died once", "was not let start", "died twice", "died late"],
)
def test_a_call_is_tried_once_more_unless_half_of_its_time_is_gone(
    monkeypatch, errors, seconds, tries
):
    moments = itertools.chain([1000.0], itertools.repeat(1000.0 + seconds))
    clock = SimpleNamespace(monotonic=moments.__next__, sleep=lambda seconds: None)
    monkeypatch.setattr(grading, "time", clock)
    monkeypatch.setattr(grading, "PROCESS_TIME_LIMIT", 400)
    pool = Pool(*errors)
    future = pool.submit(sum, [1, 2])
    if tries:
        assert future.result() == 3
    else:
        with pytest.raises(BrokenProcessPool):
            future.result()
    pool.shutdown()


@linux
def test_a_process_that_grades_is_bounded_and_hands_its_bound_on_to_nobody(monkeypatch):
    import resource

    monkeypatch.setattr(grading, "_end_with_parent", lambda: None)
    before, limits = resource.getrlimit(resource.RLIMIT_AS), {}
    for keras in (False, True):
        try:
            grading._initialize_process(keras)
            limits[keras] = resource.getrlimit(resource.RLIMIT_AS)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
    assert {hard for _, hard in limits.values()} == {before[1]}
    assert 0 < limits[False][0] < limits[True][0]


# -- progress -------------------------------------------------------------------------------------


EARLY, LATE = "2026-11-27T09:30:00.000Z", "2026-12-01T08:00:00.000Z"


def test_a_solution_seen_in_the_moment_of_the_pass_counts_as_seen():
    one = progress.ExerciseProgress(passed=EARLY)
    assert one.merged(progress.ExerciseProgress(solution=EARLY)).solution == EARLY


def test_what_is_no_time_is_before_all_times(tmp_path, monkeypatch):
    file = tmp_path / "state.jsonl"
    monkeypatch.setenv("COMPANION_STATE", str(file))
    journal.append(file, [{"exercise": "a/b", "event": "passed", "at": at} for at in ("soon", 7)])
    assert progress.load_progress()["a/b"].passed == progress.UNDATED


def test_a_solution_that_is_known_is_not_written_again(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state.jsonl"))
    brought = {"a/b": progress.ExerciseProgress(solution=EARLY, passed=LATE)}
    progress.merge(brought)
    before = (tmp_path / "state.jsonl").read_bytes()
    progress.merge(brought)
    progress.merge({"a/b": progress.ExerciseProgress(passed=EARLY.replace("27", "26"))})
    lines = (tmp_path / "state.jsonl").read_bytes().removeprefix(before).splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["passed"]


def test_without_a_home_nothing_was_checked_last(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("COMPANION_STATE", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert progress.last_checked() is None


def test_a_progress_file_may_fill_its_bounds_and_no_more(tmp_path, monkeypatch):
    def held(*names):
        exercises = {name: {"hints": 1} for name in names}
        return json.dumps({"format": "companion-progress", "version": 1, "exercises": exercises})

    file, full = tmp_path / "progress.json", held("a/b").ljust(progress_file.MAX_BYTES)
    file.write_text(full)
    assert list(progress_file.read(file)) == ["a/b"]
    file.write_text(full + " ")
    with pytest.raises(UserError, match="more than 1 MB"):
        progress_file.read(file)
    longest = "a/" + "b" * 198
    assert list(progress_file.parsed(held(longest).encode())) == [longest]
    with pytest.raises(ValueError, match="name of an exercise"):
        progress_file.parsed(held(longest + "b").encode())
    monkeypatch.setattr(progress_file, "MAX_EXERCISES", 2)
    assert len(progress_file.parsed(held("a/b", "a/c").encode())) == 2
    with pytest.raises(ValueError, match="up to 2 exercises"):
        progress_file.parsed(held("a/b", "a/c", "a/d").encode())
