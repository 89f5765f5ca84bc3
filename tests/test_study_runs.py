"""Studies run: the same rows however many work, none lost in silence, none measured twice."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import study_samples as samples
from study_results import compared, rows_of

from companion.console import err
from companion.errors import UserError
from companion.studies.scheduler import run_study
from companion.studies.storage import StudyFolder
from companion.studies.study import Study
from companion.studies.workers import executors

TESTS = Path(__file__).parent


def test_one_worker_and_two_give_the_same_numbers(tmp_path):
    study = samples.study()
    one = run_study(study, tmp_path / "one", workers=1, seeds=4)
    two = run_study(study, tmp_path / "two", workers=2, seeds=4)
    assert compared(one) == compared(two) == compared(rows_of(study, seeds=4))
    assert len(one.rows) == 12


def test_every_worker_has_one_thread_however_many_there_are(tmp_path):
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        rows = run_study(samples.study(samples.threads, timings=("process",)), folder, seeds=2)
        assert {row.values["error"] for row in rows.rows} == {11.0}
        assert os.getpid() not in {row.values["process"] for row in rows.rows}


def test_a_script_that_has_started_numpy_is_limited_to_one_thread_too():
    script = (
        "import numpy\n"
        "from companion.studies.workers import limit_threads\n"
        "limit_threads()\n"
        "import study_samples\n"
        "print(study_samples.threads(0, 0, quick=False)['error'])"
    )
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "11\n"


def test_a_study_continues_with_the_rows_it_has_and_repeats_none(tmp_path):
    study = samples.study()
    first = run_study(study, tmp_path, workers=1, seeds=1)
    more = run_study(study, tmp_path, workers=1, seeds=2)
    stamps = {(row.level, row.seed): row.values["waited_seconds"] for row in more.rows}
    assert len(stamps) == 6
    for row in first.rows:
        assert stamps[row.level, row.seed] == row.values["waited_seconds"]


def test_a_worker_that_dies_costs_its_row_by_name_and_no_other(tmp_path):
    with err.capture() as said:
        rows = run_study(samples.study(samples.deadly), tmp_path, workers=2, seeds=4)
    assert len(rows.rows) == 10
    lost = {(row.level, row.seed): row.reason for row in rows.lost}
    assert "worker process died" in lost.pop((1, 2))
    assert "ArithmeticError: the loss was not a number (study_samples.py:" in lost.pop((2, 1))
    assert not lost
    assert "lost: dose = 1, seed 2" in said.get()


@pytest.mark.parametrize(
    ("measure", "reason"),
    [(samples.infinite, "finite numbers"), (samples.silent, "the outcome 'error'")],
)
def test_a_measure_that_answers_badly_loses_its_rows(tmp_path, measure, reason):
    with err.capture():
        rows = run_study(samples.study(measure, levels=(0,)), tmp_path, workers=1, seeds=1)
    assert reason in rows.lost[0].reason
    assert "every row was lost" in rows.verdict


def test_a_row_that_says_the_call_was_wrong_ends_the_study(tmp_path):
    with pytest.raises(UserError, match="λ is 0 or more"):
        run_study(samples.study(samples.wrong), tmp_path, workers=1)


@pytest.mark.parametrize(
    ("name", "changes"),
    [("study", {"name": "another"}), ("levels", {"levels": (0, 1)}), ("code", {"measure": Study})],
)
def test_a_folder_of_another_study_or_version_is_refused_and_left_alone(tmp_path, name, changes):
    StudyFolder(tmp_path, samples.study(), False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=f"another study or version: its {name}"):
        run_study(samples.study(**changes), tmp_path, workers=1)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_folder_of_another_library_version_is_refused(tmp_path):
    StudyFolder(tmp_path, samples.study(), False)
    card = json.loads((tmp_path / "study.json").read_text())
    card["versions"]["numpy"] = "0.1"
    (tmp_path / "study.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="its versions differs in numpy"):
        run_study(samples.study(), tmp_path)


def test_the_quick_rows_do_not_mix_with_the_full_ones(tmp_path):
    StudyFolder(tmp_path, samples.study(), False)
    with pytest.raises(UserError, match="its quick is False"):
        run_study(samples.study(), tmp_path, quick=True)


def test_a_folder_that_holds_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds other things"):
        run_study(samples.study(), tmp_path)
    with pytest.raises(UserError, match="is a file"):
        run_study(samples.study(), tmp_path / "thesis.txt")


def test_what_a_row_keeps_in_its_working_folder_stays_with_the_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0-0.json").write_text('{"error": 0.0, "norm": 0.0}')
    rows = run_study(samples.study(samples.cached), "rows", workers=1, seeds=1)
    assert rows.rows[0].values["error"] == samples.draw(0, 0, quick=False)["error"]
    assert (tmp_path / "rows" / "work" / "0-0.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_as_many_workers_as_cores_are_the_default(tmp_path):
    with executors(None, None, tmp_path) as (_, slots):
        assert slots == len(os.sched_getaffinity(0))


def test_workers_are_counted_from_one(tmp_path):
    with pytest.raises(UserError, match="at least one worker"):
        run_study(samples.study(), tmp_path, workers=0)


RUN = """
import sys
import study_samples as samples
from companion.studies.scheduler import run_study
if __name__ == "__main__":
    run_study(samples.study(samples.slow), sys.argv[1], workers=2, seeds=6)
"""


def begin(tmp_path):
    """Start a slow study in a process of its own."""
    script = tmp_path / "run.py"
    script.write_text(RUN)
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, str(script), str(tmp_path / "rows")]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def alive(pid):
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_study_leaves_no_worker_behind_and_continues_to_the_same_table(tmp_path):
    process = begin(tmp_path)
    rows = tmp_path / "rows" / "rows"
    while len(list(rows.glob("[0-9]*.json"))) < 3:
        time.sleep(0.02)
        assert process.poll() is None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [
        int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in rows.glob("[0-9]*.json")}
    assert 3 <= len(kept) < 18
    assert len(workers) == 2
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))
    study = samples.study(samples.slow)
    continued = run_study(study, tmp_path / "rows", workers=2, seeds=6)
    assert compared(continued) == compared(rows_of(samples.study(), seeds=6))
    for name, written in kept.items():
        assert (rows / name).stat().st_mtime_ns == written, "a row that was there is not run again"


def test_two_processes_on_one_folder_share_the_work_and_double_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMPLE_LOG", str(tmp_path / "log"))
    both = begin(tmp_path), begin(tmp_path)
    assert [process.wait(60) for process in both] == [0, 0]
    study = samples.study(samples.slow)
    rows = run_study(study, tmp_path / "rows", workers=1, seeds=6)
    assert compared(rows) == compared(rows_of(samples.study(), seeds=6))
    assert len((tmp_path / "log").read_text().splitlines()) == 18, "each row was measured once"
    assert not list((tmp_path / "rows" / "rows").glob(".*")), "and no draft lies about"


# ---- a cluster ----------------------------------------------------------------------------------


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("companion.studies.workers.SCHEDULER_PATIENCE", 1)
    with pytest.raises(UserError, match=r"No Dask scheduler answers at 'tcp://127\.0"):
        run_study(samples.study(), tmp_path, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(UserError, match="No Dask scheduler answers at 'nonsense:"):
        run_study(samples.study(), tmp_path, scheduler="nonsense://x")


def test_a_scheduler_brings_its_own_workers(tmp_path):
    with pytest.raises(UserError, match="its own workers"):
        run_study(samples.study(), tmp_path, scheduler="tcp://127.0.0.1:9", workers=2)


@pytest.mark.slow
def test_a_cluster_of_two_worker_processes_gives_the_same_table(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        study = samples.study()
        rows = run_study(study, tmp_path / "cluster", scheduler=cluster.scheduler_address, seeds=4)
        assert compared(rows) == compared(rows_of(study, seeds=4))
        threads = samples.study(samples.threads, timings=("process",))
        rows = run_study(threads, tmp_path / "threads", scheduler=cluster.scheduler_address)
        assert {row.values["error"] for row in rows.rows} == {11.0}
