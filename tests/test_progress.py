"""Progress survives crashes, full disks, two commands at once and whatever is in its file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from companion.checking.classroom import progress
from companion.checking.verdict import Report, Status, Verdict


@pytest.fixture
def state(tmp_path, monkeypatch):
    file = tmp_path / "state" / "progress.jsonl"
    monkeypatch.setenv("COMPANION_STATE", str(file))
    return file


def report(**statuses):
    verdicts = (
        Verdict(name, "arithmetic", Status(status), "") for name, status in statuses.items()
    )
    return Report("ada", "ada.py", tuple(verdicts), "none")


def test_a_passed_exercise_is_remembered_and_a_failed_one_is_not(state):
    assert progress.record(report(double="pass", triple="fail"))
    (known,) = progress.load_progress().items()
    assert known == ("arithmetic/double", progress.ExerciseProgress(passed=known[1].passed))
    assert progress.TIME.fullmatch(known[1].passed)


def test_passing_again_writes_nothing(state):
    progress.record(report(double="pass"))
    before = state.read_bytes()
    progress.record(report(double="pass"))
    assert state.read_bytes() == before


def test_a_later_failure_does_not_take_a_pass_away(state):
    progress.record(report(double="pass"))
    progress.record(report(double="fail"))
    assert progress.load_progress()["arithmetic/double"].passed


def test_hints_are_counted(state):
    progress.remember([("arithmetic/double", progress.HINT)] * 2)
    assert progress.load_progress()["arithmetic/double"].hints == 2


def test_a_solution_counts_as_seen_only_before_the_first_pass(state):
    progress.remember([("a", progress.SOLUTION), ("a", progress.PASSED)])
    progress.remember([("b", progress.PASSED), ("b", progress.SOLUTION)])
    by_exercise = progress.load_progress()
    assert by_exercise["a"].solution
    assert not by_exercise["b"].solution


@pytest.mark.parametrize(
    "damage",
    [
        b"\x00\xff\xfe",
        b"[1, 2]\nnull\n7\n",
        b'{"exercise": ["list"], "event": {}}\n',
        b"[" * 100_000,
        b'{"exercise": "arithmetic/double", "ev',
    ],
    ids=["binary", "not objects", "wrong types", "deep", "torn"],
)
def test_damage_costs_no_more_than_the_damaged_line(state, damage):
    progress.record(report(double="pass"))
    with state.open("ab") as file:
        file.write(damage)
    assert progress.load_progress()["arithmetic/double"].passed
    progress.record(report(triple="pass"))
    assert progress.load_progress()["arithmetic/triple"].passed


def test_a_folder_in_the_files_place_is_no_crash(state):
    state.mkdir(parents=True)
    assert progress.load_progress() == {}
    assert not progress.record(report(double="pass"))


def test_without_a_home_nothing_is_remembered_and_nothing_breaks(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("COMPANION_STATE", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert progress.load_progress() == {}
    assert not progress.record(report(double="pass"))


def test_xdg_is_honoured_and_a_relative_path_in_it_is_not(monkeypatch, tmp_path):
    monkeypatch.delenv("COMPANION_STATE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert progress.state_file() == tmp_path / "companion" / "progress.jsonl"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert progress.state_file() == Path.home() / ".local/state/companion/progress.jsonl"


def test_windows_keeps_it_in_local_application_data(monkeypatch, tmp_path):
    monkeypatch.delenv("COMPANION_STATE", raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert progress.state_file() == tmp_path / "companion" / "progress.jsonl"


def test_commands_at_work_at_the_same_time_lose_nothing(state):
    script = (
        "import sys; from companion.checking.classroom import progress\n"
        "for number in range(50): progress.remember([(f'{sys.argv[1]}/{number}', 'passed')])"
    )
    environment = {**os.environ, "COMPANION_STATE": str(state)}
    running = [
        subprocess.Popen([sys.executable, "-c", script, name], env=environment)
        for name in ("one", "two", "three")
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(progress.load_progress()) == 150


def test_the_order_of_time_counts_and_not_that_of_the_file(state):
    """What another machine knew comes later into the file."""
    early, late = "2026-11-27T09:30:00.000Z", "2026-12-01T08:00:00.000Z"
    progress.merge(
        {"a": progress.ExerciseProgress(passed=late), "b": progress.ExerciseProgress(passed=early)}
    )
    progress.merge(
        {
            "a": progress.ExerciseProgress(passed=early),
            "b": progress.ExerciseProgress(solution=late, hints=2),
        }
    )
    expected = {"a": progress.ExerciseProgress(early), "b": progress.ExerciseProgress(early, 2)}
    assert progress.load_progress() == expected
    before = state.read_bytes()
    progress.merge(expected)
    assert state.read_bytes() == before, "what is known already is not written again"


def test_a_solution_seen_elsewhere_before_the_pass_is_marked_whichever_comes_first(state):
    early, late = "2026-11-27T09:30:00.000Z", "2026-12-01T08:00:00.000Z"
    progress.merge(
        {
            "a": progress.ExerciseProgress(passed=late),
            "b": progress.ExerciseProgress(solution=early),
        }
    )
    progress.merge(
        {
            "a": progress.ExerciseProgress(solution=early),
            "b": progress.ExerciseProgress(passed=late),
        }
    )
    assert progress.load_progress() == dict.fromkeys(
        "ab", progress.ExerciseProgress(late, 0, early)
    )
