"""The studies' engine: intervals that hold, rows that survive, records that can be checked."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import study_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import catalogue, data_files
from companion.console import err
from companion.errors import UserError
from companion.studies import records, verification
from companion.studies.fingerprint import modules_of
from companion.studies.results import Results
from companion.studies.scheduler import run_study
from companion.studies.statistics import bootstrap_interval, seeds_needed
from companion.studies.storage import Row, StudyFolder
from companion.studies.study import Study
from companion.studies.workers import executors, perform

TESTS = Path(__file__).parent


def rows_of(study, quick=False, seeds=None, lost=()):
    """Every row of a study, measured right here."""
    seeds = study.seeds_of(quick, seeds)
    done = tuple(
        Row(level, seed, study.measure(level, seed, quick=quick), 0.1, 20.0)
        for level, seed in study.rows(quick, seeds)
    )
    return Results(study, quick, done, lost)


def results_of(effect=0.0, noise=1.0, seeds=10, **changes):
    """Two levels that differ by `effect`, with independent noise."""
    random = np.random.default_rng(7)
    study = samples.study(levels=("none", "some"), seeds=range(seeds), **changes)
    rows = tuple(
        Row(level, seed, {"error": random.normal(effect * (level == "some"), noise)}, 0.1)
        for level, seed in study.rows()
    )
    return Results(study, False, rows)


# ---- what a study may be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"levels": ()}, "at least one level"),
        ({"levels": (1, 2, 1)}, "once. Received: 1 more than once"),
        ({"levels": (0.1, 0.1 + 1e-12)}, "once"),
        ({"levels": (0, float("nan"))}, "finite"),
        ({"levels": (0, (1, 2))}, "one value for each"),
        ({"levels": ([0], [1])}, "one value|strings and finite"),
        ({"seeds": (0, 0)}, "different whole numbers"),
        ({"seeds": ()}, "different whole numbers"),
        ({"seeds": (-1,)}, "different whole numbers"),
        ({"baseline": 9}, "baseline"),
        ({"quick_levels": (1, 2), "baseline": 0}, "baseline"),
        ({"better": "best"}, "lower"),
        ({"name": "two words"}, "one word"),
        ({"factor": "seed"}, "name that no column"),
        ({"measure": lambda level, seed, quick: {}}, "top of a module"),
    ],
)
def test_a_study_that_cannot_be_run_is_refused_when_it_is_written(changes, expected):
    with pytest.raises(UserError, match=expected):
        samples.study(**changes)


def test_more_seeds_than_a_study_has_are_counted_on():
    study = samples.study(seeds=(3, 5))
    assert study.seeds_of(count=1) == (3,)
    assert study.seeds_of(count=4) == (3, 5, 6, 7)
    with pytest.raises(UserError, match="at least one seed"):
        study.seeds_of(count=0)


# ---- the interval and the verdict ---------------------------------------------------------------


def test_the_interval_is_scipys_percentile_bootstrap_when_the_sample_is_large():
    values = np.random.default_rng(1).exponential(size=400)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert bootstrap_interval(values) == pytest.approx(tuple(theirs), rel=0.02)


def test_the_interval_of_six_normal_values_is_close_to_students_and_holds_as_often_as_it_says():
    random = np.random.default_rng(3)
    held, ratios = 0, []
    for _ in range(400):
        values = random.normal(size=6)
        low, high = bootstrap_interval(values)
        held += low <= 0 <= high
        student = scipy.stats.t.interval(0.95, 5, values.mean(), scipy.stats.sem(values))
        ratios.append((high - low) / (student[1] - student[0]))
    assert held / 400 == pytest.approx(0.93, abs=0.03)
    assert np.mean(ratios) == pytest.approx(1, abs=0.12)


@settings(deadline=None)
@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8),
    shift=st.floats(-100, 100),
)
def test_the_interval_lies_within_the_values_and_moves_with_them(values, shift):
    low, high = bootstrap_interval(values)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    moved = bootstrap_interval(np.add(values, shift))
    assert moved == pytest.approx((low + shift, high + shift), abs=1e-6)


def test_one_value_has_no_interval():
    assert np.isnan(bootstrap_interval([0.3])).all()


@given(comparisons=st.integers(1, 100))
def test_the_seeds_needed_are_the_fewest_that_a_sign_test_would_need(comparisons):
    needed = seeds_needed(comparisons)
    one_way = scipy.stats.binomtest(needed, needed).pvalue
    assert one_way <= 0.05 / comparisons < 2 * one_way


def test_the_table_holds_what_pandas_and_numpy_compute():
    results = rows_of(samples.study())
    groups = results.frame.groupby("dose")["error"]
    pd.testing.assert_series_equal(
        results.table.set_index("dose")["mean"], groups.mean(), check_names=False
    )
    pd.testing.assert_series_equal(
        results.table.set_index("dose")["sd"], groups.std(), check_names=False
    )
    assert list(results.table["mean_norm"]) == [1, 2, 3]
    assert "mean_waited_seconds" not in results.table


def test_pairing_by_seed_finds_what_unpaired_intervals_hide():
    table = rows_of(samples.study()).table.set_index("dose")
    assert table.loc[1, "high"] > table.loc[0, "low"], "the means' own intervals overlap"
    assert table.loc[1, "difference_high"] < 0, "and the paired difference is clear"
    assert list(table["effect"]) == ["baseline", "lower", "lower"]


def test_the_verdict_follows_from_the_interval():
    clear = results_of(effect=-5.0)
    assert clear.verdict.startswith("Error is lower with some than with none")
    assert "10 seeds" in clear.verdict
    assert clear.title.startswith("Error is lower with some (")
    harmful = results_of(effect=+5.0)
    assert harmful.verdict.startswith("Error is higher with some than with none")
    unclear = results_of(effect=0.0)
    row = unclear.table.iloc[1]
    assert row["difference_low"] < 0 < row["difference_high"]
    assert "No difference in error from none that 10 seeds can show" in unclear.verdict
    assert "is not ruled out" in unclear.verdict


def test_too_few_seeds_claim_nothing_however_large_the_difference():
    verdict = results_of(effect=-50.0, seeds=5).verdict
    assert "No difference in error from none that 5 seeds can show" in verdict
    assert "1 comparison needs at least 6 seeds" in verdict
    assert "lower with some" in results_of(effect=-50.0, seeds=6).verdict


def test_levels_that_are_alike_are_seldom_called_different():
    random = np.random.default_rng(5)
    study = samples.study(levels=tuple("abcdef"), seeds=range(10))
    wrong = 0
    for _ in range(60):
        rows = tuple(Row(*row, {"error": random.normal()}, 0.1) for row in study.rows())
        wrong += {"lower", "higher"} & set(Results(study, False, rows).table["effect"]) != set()
    assert wrong <= 9, "5 % of 60 studies are 3; 9 or more come by chance once in a thousand"


def test_a_higher_outcome_can_be_the_better_one():
    results = results_of(effect=5.0, better="higher")
    assert results.verdict.startswith("Error is higher with some")


def test_each_group_has_its_own_baseline():
    study = samples.study(
        factor=("optimizer", "penalty", "λ"),
        levels=tuple(
            (optimizer, *rest)
            for optimizer in ("SGD", "Adam")
            for rest in (("none", 0.0), ("L2", 0.1), ("L2", 0.2))
        ),
        baseline=lambda level: (level[0], "none", 0.0),
    )
    rows = tuple(
        Row(level, seed, {"error": (level[0] == "Adam") - level[2] + seed / 100}, 0.1)
        for level, seed in study.rows()
    )
    results = Results(study, False, rows)
    assert results.comparisons == 4
    assert results.table.groupby("baseline", sort=False)["difference"].max().round(9).tolist() == [
        -0.1,
        -0.1,
    ]
    assert "SGD, L2, λ = 0.2 than with SGD, none, λ = 0" in results.verdict
    assert "Adam, L2, λ = 0.2 than with Adam, none, λ = 0" in results.verdict
    figure = results.figure()
    assert [axis.get_title() for axis in figure.axes] == ["SGD", "Adam"]


def test_levels_with_names_stand_one_below_the_other_and_are_not_joined():
    study = samples.study(levels=("none", "a_little", "much"), outcome="roc_auc", unit="")
    rows = [Row(level, seed, {"roc_auc": len(level) + seed}, 0.1) for level, seed in study.rows()]
    figure = Results(study, False, tuple(rows)).figure()
    (axis,) = figure.axes
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("dose", "ROC AUC")
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["none", "a little", "much"]
    assert axis.yaxis_inverted(), "the first stands above"
    means = [bar.lines[0].get_xdata()[0] for bar in axis.containers]
    assert means == pytest.approx([8.5, 12.5, 8.5])
    baseline, *points = [line for line in axis.lines if len(line.get_xdata()) > 1]
    assert (baseline.get_linestyle(), points) == ("--", [])
    assert "ROC AUC is higher with a little (12.5) than with none (8.5)" in figure.get_suptitle()
    assert "a little: 12.5" in figure.get_label(), "its alt text has the numbers"


def test_the_figure_reads_alone(tmp_path):
    results = rows_of(samples.study())
    figure = results.figure()
    (axis,) = figure.axes
    assert figure.get_suptitle() == results.title
    assert axis.get_xlabel() == "dose"
    assert axis.get_ylabel() == "Error (share of draws)"
    assert "95 % bootstrap interval" in figure.get_supxlabel()
    bars = [bar for bar in axis.containers if bar.has_yerr]
    assert len(bars) == 3
    assert bars[0].lines[2][0].get_segments()[0][:, 1] == pytest.approx(
        list(results.table.loc[0, ["low", "high"]])
    )
    assert results.study.question in results.alt_text
    assert results.verdict in results.alt_text
    path = results.save(tmp_path)
    assert results.verdict.split(":")[0].encode() in path.read_bytes(), "the alt text goes along"
    assert len(pd.read_csv(tmp_path / "rows.csv")) == 30


# ---- running ------------------------------------------------------------------------------------


def compared(rows):
    """What must be equal in two runs of one study: all but the timings."""
    answer = rows.to_json()
    return {key: value for key, value in answer.items() if key != "timings"}


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


# ---- the code of a row ---------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that writes modules beside one another, of which `measured` holds a measure."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**sources):
        for name, source in sources.items():
            file = tmp_path / f"{name.replace('helper_', 'helper/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(source)
        importlib.invalidate_caches()
        return importlib.import_module("measured").measure

    yield write
    for name in [name for name in sys.modules if name.split(".")[0] in ("measured", "helper")]:
        del sys.modules[name]


MEASURE = "import helper\ndef measure(level, seed, *, quick):\n    return {'error': helper.value()}"


def test_rows_from_before_and_after_a_helper_changed_are_never_mixed(project, tmp_path):
    study = samples.study(project(measured=MEASURE, helper="def value(): return 1.0"), levels=(0,))
    assert [row.values["error"] for row in run_study(study, tmp_path / "rows", seeds=2).rows] == [
        1.0,
        1.0,
    ]
    project(helper='"""Doc."""\ndef value():\n    """Docs."""\n    return (1.0)  # one\n')
    assert len(run_study(study, tmp_path / "rows", seeds=3).rows) == 3, "comments change nothing"
    project(helper="def value(): return 100.0")
    with pytest.raises(UserError, match=r"its code differs in helper\. Nothing was changed there"):
        run_study(study, tmp_path / "rows", seeds=4)
    assert len(list((tmp_path / "rows" / "rows").iterdir())) == 3


def test_a_worker_with_other_code_than_the_study_began_with_measures_nothing():
    with pytest.raises(UserError, match="other code than this study began with"):
        perform(samples.draw, 0, 0, quick=True, code="an older one")


@pytest.mark.parametrize(
    "source",
    [
        "def measure():\n    from helper.deep import thing",
        "import helper.deep",
        "from helper import deep as d",
        "from helper.deep import *",
        "import importlib\nimportlib.import_module('helper.deep')",
        "from helper import public",
        "import helper\ndef measure(): helper.public()",
        "import helper.other\ndef measure(): helper.public()",
        "import helper as h\ndef measure(): return [h.public.field for _ in 'a']",
    ],
)
def test_every_way_to_another_module_is_followed(project, source):
    measure = project(
        measured=source + "\ndef measure(): pass",
        helper___init__="import lazy_loader\n__getattr__, __dir__, __all__ = lazy_loader.attach("
        "__name__, submod_attrs={'deep': ['public']})",
        helper_deep="from . import deeper\npublic = thing = 1",
        helper_deeper="",
        helper_other="",
    )
    assert {"helper", "helper.deep", "helper.deeper"} <= modules_of(measure).keys()
    assert ("helper.other" in modules_of(measure)) == ("other" in source)


def test_a_study_reaches_the_models_and_the_data_that_it_names_and_no_other_chapters():
    reached = modules_of(catalogue.find_study("digits_by_rows")[1].measure).keys()
    assert {"chapters.recurrence.models", "companion.datasets.sources"} <= reached
    assert {"companion.training.trainer", "companion.training.recipe"} <= reached
    assert not {"chapters.ecg.models", "companion.studies.scheduler"} & reached
    assert all(
        name.split(".")[1:2] in ([], ["recurrence"]) for name in reached if "chapters" in name
    )


@pytest.mark.slow
def test_whatever_a_row_loads_is_in_its_fingerprint():
    script = (
        "import sys\n"
        "from chapters.recurrence import studies\n"
        "studies.digits_by_rows_row('one way', 0, quick=True)\n"
        "loaded = [name for name in sys.modules if name.startswith(('companion', 'chapters'))]\n"
        "from companion.studies.fingerprint import modules_of\n"
        "print(*({*loaded} - modules_of(studies.digits_by_rows_row).keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    missing = {".".join(module.split(".")[:2]) for module in done.stdout.split()}
    chapters = {f"chapters.{entry.name}" for entry in catalogue.discover()}
    assert missing <= chapters - {"chapters.recurrence"}, "the catalogue looks at all, and uses one"


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


# ---- recorded results ---------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone's data folder of our own."""
    monkeypatch.setattr(data_files, "CLONE", tmp_path)
    return tmp_path


@pytest.fixture
def recorded(clone):
    """A study that has been recorded, and where."""
    study = samples.study(seeds=range(3))
    return study, records.record(study, "sample", clone / "runs", workers=2)


def test_a_record_says_where_its_numbers_come_from_and_not_whose_machine_it_was(recorded, clone):
    _, path = recorded
    assert path == clone / "data" / "results" / "sample.json"
    text = path.read_text(encoding="utf-8")
    result = json.loads(text)
    assert result["command"] == "companion study sample --record"
    assert result["full"]["seeds"] == [0, 1, 2]
    assert result["quick"]["seeds"] == [0, 1]
    assert {"numpy", "python", "lecture-companion"} <= set(result["versions"])
    assert {"system", "processor", "cores", "memory_gb"} == set(result["machine"])
    assert result["peak_memory_mb"] > 1
    assert result["seconds"].keys() == {"full", "quick"}
    assert set(result["quick"]["bands"]) == {"error", "norm"}
    assert os.uname().nodename not in text
    assert str(clone) not in text


def test_what_was_recorded_is_found_again(recorded):
    study, _ = recorded
    for full in (False, True):
        outcome = verification.verify(study, "sample", full=full, workers=1)
        assert outcome.status == "match", outcome.message
        assert "to the last digit" in outcome.message


def test_one_seed_of_a_record_is_made_again_alone(recorded):
    study, path = recorded
    outcome = verification.verify(study, "sample", full=True, seeds=1, workers=1)
    assert outcome.status == "match", outcome.message
    assert f"{len(study.levels) + len(study.levels_of(quick=True))} rows" in outcome.message

    def shift(found):
        for row in found["full"]["rows"]:
            row["norm"] += 5.0
        found["full"] = records.half(records.recorded_part(study, False, found["full"]["rows"]))

    tamper(path, shift)
    assert verification.verify(study, "sample", full=True, seeds=1, workers=1).status == "drift"


@pytest.mark.parametrize("full", [False, True])
def test_nothing_that_lies_about_stands_in_for_a_row(clone, monkeypatch, full):
    study = samples.study(samples.cached, seeds=range(3))
    records.record(study, "sample", clone / "runs" / "studies" / "sample", workers=1)
    forged = json.dumps({"error": 9.0, "norm": 9.0})
    for place in (clone, clone / "runs" / "studies" / "sample" / "full" / "work"):
        for level, seed in study.rows():
            (place / f"{level}-{seed}.json").write_text(forged)
    for row in (clone / "runs").rglob("rows/*.json"):
        row.write_text(row.read_text().replace('"error": ', '"error": 9'))
    monkeypatch.chdir(clone)
    outcome = verification.verify(study, "sample", full=full, workers=1)
    assert (outcome.status, "to the last digit" in outcome.message) == ("match", True)


def test_a_record_of_other_code_is_measured_again_and_verify_says_so(recorded):
    study, path = recorded
    assert "changed" not in verification.verify(study, "sample", workers=1).message
    tamper(path, lambda found: found.update(code="0123456789ab"))
    outcome = verification.verify(study, "sample", workers=1)
    assert outcome.status == "match"
    assert "to the last digit; the code has changed since" in outcome.message


def tamper(path, change):
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found)
    path.write_text(json.dumps(found), encoding="utf-8")


def raise_mean(found):
    found["full"]["table"][1]["mean"] += 1e-6


def widen_band(found):
    found["quick"]["bands"]["error"]["dose = 1"] = 100.0


def boast(found):
    found["full"]["verdict"] = "A clear success."


def move_row(found):
    found["quick"]["rows"][0]["error"] += 0.01


def drop_row(found):
    del found["full"]["rows"][4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (raise_mean, "full table does not follow"),
        (widen_band, "quick bands does not follow"),
        (boast, "full verdict does not follow"),
        (move_row, "quick table does not follow"),
        (drop_row, "levels are not the recorded ones"),
        (lambda found: found.clear(), "cannot be read"),
    ],
)
def test_a_tampered_record_drifts(recorded, change, message):
    study, path = recorded
    tamper(path, change)
    outcome = verification.verify(study, "sample", workers=1)
    assert outcome.status == "drift"
    assert message in outcome.message


def test_rows_that_come_out_differently_drift_though_the_record_agrees_with_itself(recorded):
    study, path = recorded

    def shift(found):
        for row in found["quick"]["rows"]:
            row["norm"] += 0.5
        again = records.recorded_part(study, True, found["quick"]["rows"])
        found["quick"] = records.half(again)

    tamper(path, shift)
    outcome = verification.verify(study, "sample", workers=1)
    assert outcome.status == "drift"
    assert "norm at dose = 0 was 1.5" in outcome.message


def test_a_study_that_changed_drifts(recorded):
    study, _ = recorded
    changed = samples.study(seeds=range(3), levels=(0, 2), quick_levels=(0, 1, 2))
    assert verification.verify(changed, "sample", workers=1).status == "drift"
    asked = samples.study(seeds=range(3), question="Is it so?")
    assert "another question" in verification.verify(asked, "sample", workers=1).message
    assert verification.verify(study, "sample", workers=1).status == "match"


def test_what_cannot_be_made_again_says_so(clone):
    outcome = verification.verify(samples.study(), "sample")
    assert outcome.status == "cannot"
    assert "companion study sample --record" in outcome.message
    with pytest.raises(UserError, match="rows were lost"), err.capture():
        records.record(samples.study(samples.deadly, seeds=range(3)), "sample", clone / "runs")
    assert not data_files.recorded("sample").exists()


def test_an_installed_companion_reads_records_and_writes_none(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "PACKAGED", tmp_path)
    assert data_files.recorded("x") == tmp_path / "results" / "x.json"
    with pytest.raises(UserError, match="in a clone"):
        records.record(samples.study(), "sample", tmp_path)
