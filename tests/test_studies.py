"""Studies: what one may be, and intervals, verdicts and figures that say no more than they show."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import study_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st
from study_results import rows_of

from companion.errors import UserError
from companion.studies.results import Results
from companion.studies.statistics import bootstrap_interval, seeds_needed
from companion.studies.storage import Row


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


@pytest.mark.parametrize(
    ("left", "said"), [(8, "8 seeds)"), (5, "at least 6 seeds"), (0, " 0 seeds")]
)
def test_seeds_count_that_the_baseline_has_too(left, said):
    whole = results_of(effect=-50.0)
    rows = [row for row in whole.rows if row.level != "none" or 10 - row.seed <= left]
    elsewhere = Row("none", 99, {"error": 1.0}, 0.1)  # no other level has its seed
    assert said in dataclasses.replace(whole, rows=(*rows, elsewhere)).verdict


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
