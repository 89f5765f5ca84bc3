"""Studies, closer: folders, rows, locks, and who works on them."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import study_samples as samples
from rich.console import Console
from study_results import clock

from companion.console import err
from companion.errors import UserError
from companion.studies import fingerprint, scheduler, workers
from companion.studies.storage import LostRow, Row, RowError, RowLocks, StudyFolder
from companion.studies.verification import Verification

# -- folders, rows and locks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        Row(0, 0, {}, 0.1),
        LostRow(0, 0, "it died"),
        Verification("sample", "chapter", "match", "found again"),
        samples.study(),
    ],
    ids=lambda made: type(made).__name__,
)
def test_what_was_found_or_asked_stays_as_it_is(made):
    field = dataclasses.fields(made)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, field, None)


def test_a_folder_in_which_another_process_is_about_to_begin_is_taken(tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / ".77-1-study.json").touch()
    StudyFolder(tmp_path, samples.study(), False)
    assert (tmp_path / "study.json").exists()


def test_a_folder_whose_card_is_damaged_is_refused(tmp_path):
    StudyFolder(tmp_path, samples.study(), False)
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(UserError, match="another study or version"):
        StudyFolder(tmp_path, samples.study(), False)


@pytest.mark.parametrize(("count", "more"), [(3, ""), (4, " and 1 more"), (5, " and 2 more")])
def test_of_many_versions_that_differ_three_are_named(tmp_path, count, more):
    StudyFolder(tmp_path, samples.study(), False)
    card = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    names = sorted(card["versions"])[:count]
    card["versions"] |= dict.fromkeys(names, "0.1")
    (tmp_path / "study.json").write_text(json.dumps(card), encoding="utf-8")
    named = re.escape(f"differs in {', '.join(names[:3])}{more}. ")
    with pytest.raises(UserError, match=named):
        StudyFolder(tmp_path, samples.study(), False)


def test_the_files_of_a_study_keep_its_letters(tmp_path):
    folder = StudyFolder(tmp_path, samples.study(levels=("größer",)), False)
    folder.write(Row("größer", 0, {"error": 0.5}, 0.1))
    for file in (tmp_path / "study.json", folder.file(("größer", 0))):
        assert "größer" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "received"), [({}, "nothing"), ({"norm": 1.0, "loss": 2.0}, "norm, loss")]
)
def test_a_row_without_the_outcome_is_refused_with_what_it_has(tmp_path, values, received):
    folder = StudyFolder(tmp_path, samples.study(), False)
    with pytest.raises(RowError, match=f"Received: {received}\\."):
        folder.write(Row(0, 0, values, 0.1))


OTHERS = """
import sys
from pathlib import Path
from types import SimpleNamespace
from companion.studies.storage import RowLocks
with RowLocks(SimpleNamespace(path=Path(sys.argv[1]))) as locks:
    print([seed for seed in range(8) if locks.acquire((0, seed))])
"""


def test_another_process_can_have_every_row_that_was_not_taken_or_was_given_back(tmp_path):
    with RowLocks(SimpleNamespace(path=tmp_path)) as locks:
        assert all(locks.acquire((0, seed)) for seed in range(3))
        locks.release((0, 2))
        command = [sys.executable, "-c", OTHERS, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [2, 3, 4, 5, 6, 7]


# -- the scheduler --------------------------------------------------------------------------------


NEVER = object()


class Here(Executor):
    """Measures a row where it is asked to, unless something else is to become of it."""

    def __init__(self, ends):
        self.ends, self.futures, self.closed = ends, [], []
        self.broken = False

    def submit(self, perform, /, measure, level, seed, quick, code):
        if self.broken:
            raise BrokenProcessPool("a dead process was given a row")
        end, future = self.ends.get((level, seed)), Future()
        self.broken = isinstance(end, BrokenProcessPool)
        if isinstance(end, Exception):
            future.set_exception(end)
        elif end is not NEVER:
            future.set_result(Row(level, seed, measure(level, seed, quick=quick), 0.1))
        self.futures.append(future)
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.closed.append((wait, cancel_futures))


def schedule(folder, started, ends, slots=2):
    """Run a study with executors of ours, which are put into `started`; return the lost rows."""

    def start():
        started.append(Here(ends))
        return started[-1]

    with RowLocks(folder) as locks:
        return scheduler.Scheduler(folder, locks, start).run(folder.study.rows(), slots)


def test_a_study_that_ends_early_waits_for_no_row_and_leaves_no_worker(tmp_path):
    folder = StudyFolder(tmp_path, samples.study(levels=(0,), seeds=range(2)), False)
    started = []
    with pytest.raises(UserError, match="λ is 0 or more"):
        schedule(folder, started, {(0, 0): UserError("λ is 0 or more."), (0, 1): NEVER})
    idle, busy = started
    assert len(idle.closed) == 1
    assert busy.closed == [(False, True)]
    assert busy.futures[0].cancelled()


def test_every_worker_is_sent_home_when_the_rows_are_done(tmp_path):
    folder = StudyFolder(tmp_path, samples.study(levels=(0,), seeds=range(5)), False)
    started = []
    assert schedule(folder, started, {}) == []
    assert all(folder.read(row) for row in folder.study.rows())
    assert [len(one.closed) for one in started] == [1, 1]


def test_two_workers_that_die_at_once_are_given_no_further_row(tmp_path):
    folder = StudyFolder(tmp_path, samples.study(levels=(0,), seeds=range(4)), False)
    started, dead = [], BrokenProcessPool("killed")
    with err.capture():
        lost = schedule(folder, started, {(0, 0): dead, (0, 1): dead})
    assert sorted((row.seed, row.reason[:23]) for row in lost) == [
        (0, "its worker process died"),
        (1, "its worker process died"),
    ]
    assert [one.closed for one in started[:2]] == [[(False, False)]] * 2, "nobody waits for them"
    assert [folder.read((0, seed)) is None for seed in range(4)] == [True, True, False, False]


def test_what_goes_wrong_on_the_way_costs_one_row_by_name(tmp_path):
    folder = StudyFolder(tmp_path, samples.study(levels=(0,), seeds=range(3)), False)
    with err.capture():
        (lost,) = schedule(folder, [], {(0, 1): ConnectionError("the cluster is gone")})
    assert lost == LostRow(0, 1, "ConnectionError: the cluster is gone")
    assert folder.read((0, 2)) is not None


def test_the_bar_begins_with_the_rows_that_are_there_and_ends_full(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    screen = StringIO()
    console = Console(file=screen, width=100, force_terminal=True, force_interactive=True)
    monkeypatch.setattr(scheduler, "err", console)
    study = samples.study(levels=(0,), seeds=range(3))
    folder = StudyFolder(tmp_path, study, False)
    folder.write(Row(0, 0, {"error": 0.5}, 0.1))
    schedule(folder, [], {})
    shown = re.findall(r"\d+/\d+", screen.getvalue())
    assert (shown[0], shown[-1]) == ("1/3", "3/3")


def test_a_run_says_how_long_it_took(tmp_path, monkeypatch):
    study = samples.study(levels=(0,), seeds=range(1))
    StudyFolder(tmp_path, study, False).write(Row(0, 0, {"error": 0.5}, 0.1))
    clock(monkeypatch, scheduler, 100.0, 102.5)
    assert scheduler.run_study(study, tmp_path, workers=1).seconds == 2.5


# -- workers --------------------------------------------------------------------------------------


def test_a_row_says_how_long_it_took(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)  # whose session would be cleared
    monkeypatch.setattr(workers, "limit_threads", lambda: None)
    clock(monkeypatch, workers, 100.0, 101.23456)
    code = fingerprint.code_of(samples.draw)
    assert workers.perform(samples.draw, 0, 0, quick=True, code=code).seconds == 1.235


@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
@pytest.mark.parametrize(
    ("system", "megabytes"), [("linux", 120563.3), ("darwin", 117.7), ("win32", None)]
)
def test_the_memory_of_a_row_is_in_megabytes_wherever_the_system_tells(
    monkeypatch, system, megabytes
):
    import resource

    # kilobytes on Linux, bytes on macOS
    told = SimpleNamespace(ru_maxrss=123_456_789)
    monkeypatch.setattr(resource, "getrusage", lambda _: told)
    monkeypatch.setattr(sys, "platform", system)
    assert workers.peak_memory_mb() == megabytes


def test_a_worker_finds_the_data_that_lie_where_the_study_was_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "limit_threads", lambda: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPANION_DATA_DIR", "data")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    workers.begin_worker(str(tmp_path / "work"))
    assert os.environ["COMPANION_DATA_DIR"] == str(tmp_path / "data")
    assert "TFDS_DATA_DIR" not in os.environ
    assert Path.cwd() == tmp_path / "work"


def dask_with(count):
    """A module like Dask's `distributed`, whose scheduler has so many workers."""

    class Client:
        def __init__(self, address, timeout, set_as_default):
            self.default, self.workers = set_as_default, {f"{address}/{i}": i for i in range(count)}

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def wait_for_workers(self, n_workers, timeout):
            if n_workers > count:
                raise TimeoutError

        def run(self, function):
            self.prepared = function

        def scheduler_info(self, n_workers):
            names = list(self.workers)
            return {"workers": names if n_workers == -1 else names[:n_workers]}

    return SimpleNamespace(Client=Client)


@pytest.mark.parametrize("count", [1, 7])
def test_a_cluster_has_as_many_slots_as_workers_and_stays_the_studys_own(monkeypatch, count):
    monkeypatch.setitem(sys.modules, "distributed", dask_with(count))
    with workers.cluster("tcp://somewhere:1") as (client, size):
        assert size == count
        assert client.prepared is workers.limit_threads
        assert not client.default


def test_a_cluster_without_workers_says_how_to_start_some(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", dask_with(0))
    with (
        pytest.raises(UserError, match="dask worker tcp://somewhere:1"),
        workers.cluster("tcp://somewhere:1"),
    ):
        pass


def test_without_dask_a_scheduler_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(UserError, match="pip install"),
        workers.cluster("tcp://somewhere:1"),
    ):
        pass


# -- what a study may be --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"levels": ((1,), (2,))}, {"factor": ("dose", "age"), "levels": ((1, 2), (1,))}],
)
def test_a_level_with_another_number_of_values_than_factors_is_refused(changes):
    with pytest.raises(UserError, match="one value for each"):
        samples.study(**changes)
