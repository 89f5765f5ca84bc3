"""Studies, closer: what every sentence, mark and table says."""

import statistics

import pandas as pd
import pytest
import study_samples as samples
from matplotlib.image import imread
from study_results import results, rows_of

from companion.studies.figure import GREY, scale
from companion.studies.results import Results
from companion.studies.sentences import number
from companion.studies.statistics import seeds_needed
from companion.studies.storage import Row
from companion.studies.tables import markdown_table, results_table

BLUE, VERMILION = "#0072B2", "#D55E00"

# Seed by seed, and what a level can do to it.
SEEDS = range(10)
PLAIN = [0.5 + 0.01 * seed for seed in SEEDS]
EITHER_WAY = [value + 0.1 * (-1) ** seed for seed, value in enumerate(PLAIN)]


def moved(shift):
    """The plain outcomes, each moved by as much."""
    return [value + shift for value in PLAIN]


# -- what may be said -----------------------------------------------------------------------------


def test_a_number_from_a_thousand_on_is_written_out():
    assert (number(1000), number(-1000), number(999)) == ("1,000", "−1,000", "999")


def test_where_nothing_is_compared_no_more_seeds_are_needed_than_for_one_comparison():
    assert seeds_needed(0) == seeds_needed(1)


@pytest.mark.parametrize(
    ("better", "ending"),
    [
        ("lower", "Lower too: b. Higher: c; e. No difference shown: d."),
        ("higher", "Lower: a; b. Higher too: c. No difference shown: d."),
    ],
)
def test_a_verdict_tells_of_every_level_what_it_did(better, ending):
    shifts = {"none": 0, "a": -0.2, "b": -0.1, "c": 0.1, "e": 0.2}
    outcomes = {level: moved(shift) for level, shift in shifts.items()} | {"d": EITHER_WAY}
    verdict = results(outcomes, better=better).verdict
    best = "a" if better == "lower" else "e"
    assert verdict.startswith(f"Error is {better} with {best} than with none")
    assert verdict.endswith(f"10 seeds). {ending}")


@pytest.mark.parametrize(
    ("count", "told"),
    [(4, "b0; b1; b2; b3"), (5, "5 other levels"), (6, "6 other levels")],
)
def test_more_than_four_levels_that_are_alike_are_counted(count, told):
    others = {f"b{index}": moved(-0.1) for index in range(count)}
    verdict = results({"none": PLAIN, "a": moved(-0.2), **others}).verdict
    assert verdict.endswith(f" Lower too: {told}.")


def test_baselines_are_spoken_of_in_the_order_of_the_study():
    found = results(
        {
            (network, rate): moved(-0.1 * rate)
            for network in ("residual", "plain")
            for rate in (0.0, 1.0)
        },
        factor=("network", "η"),
        baseline=lambda level: (level[0], 0.0),
    )
    first, second = found.title.splitlines()
    assert "with residual, η = 1" in first
    assert "with plain, η = 1" in second


def test_as_many_seeds_as_are_needed_are_enough_to_say_what_is_not_ruled_out():
    assert seeds_needed(1) == 6
    verdict = results({"none": PLAIN[:6], "some": EITHER_WAY[:6]}).verdict
    assert "is not ruled out" in verdict


def test_of_one_level_nothing_is_compared():
    found = results({"none": PLAIN})
    assert found.verdict == "Nothing is compared: error has one level, none."
    assert found.title == found.verdict


def test_levels_that_never_differ_show_no_difference():
    table = results({"none": PLAIN, "same": PLAIN}).table
    assert list(table["effect"]) == ["baseline", "none shown"]


def test_one_seed_has_a_mean_and_nothing_else():
    table = results({"none": [0.5], "some": [0.4]}).table
    assert list(table["mean"]) == [0.5, 0.4]
    assert table[["sd", "low", "high", "difference_low", "difference_high"]].isna().all(axis=None)


def test_two_seeds_have_a_standard_deviation():
    table = results({"none": [0.5, 0.7]}).table
    assert table["sd"][0] == pytest.approx(statistics.stdev([0.5, 0.7]))


# -- the figure -----------------------------------------------------------------------------------


def rates(**changes):
    """The results of a study of a penalty and its λ; without a penalty is the baseline."""
    outcomes = {
        ("none", 0.0): PLAIN,
        ("L2", 0.1): moved(-0.1),
        ("L2", 0.2): moved(-0.2),
        ("L1", 0.1): EITHER_WAY,
        ("L1", 0.2): moved(0.3),
    }
    return results(outcomes, factor=("penalty", "λ"), **changes)


def rates_of_two():
    """The same of two optimizers, the second of which errs more."""
    outcomes = {
        (optimizer, *level): [value + worse for value in values]
        for optimizer, worse in (("SGD", 0.0), ("Adam", 1.0))
        for level, values in (
            (("none", 0.0), PLAIN),
            (("L2", 0.1), moved(-0.1)),
            (("L1", 0.1), moved(0.1)),
        )
    }
    return results(
        outcomes,
        factor=("optimizer", "penalty", "λ"),
        baseline=lambda level: (level[0], "none", 0.0),
    )


def points(axis):
    """The points of a panel, in the order in which they were drawn."""
    return [bar.lines[0] for bar in axis.containers]


def test_two_factors_are_the_lines_and_the_scale_of_one_panel():
    (axis,) = rates().figure().axes
    legend = axis.get_legend()
    assert legend.get_title().get_text() == "penalty"
    assert [label.get_text() for label in legend.get_texts()] == ["L2", "L1"]
    assert not legend.get_frame_on()
    assert axis.get_xlabel() == "λ"
    assert list(axis.get_xticks()) == [0, 1]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["0.1", "0.2"]


def test_the_lines_stand_side_by_side_around_the_level():
    (axis,) = rates().figure().axes
    places = [point.get_xdata()[0] for point in points(axis)]
    assert places == pytest.approx([-0.06, 0.94, 0.06, 1.06])
    lines = [line for line in axis.lines if line.get_linestyle() == "-"]
    joined = [line for line in lines if len(line.get_xdata()) == 2]
    assert [list(line.get_xdata()) for line in joined] == [places[:2], places[2:]]
    assert all(line.get_linewidth() > 0 for line in joined)


def test_a_point_is_filled_where_it_differs_and_has_the_colour_of_its_line():
    (axis,) = rates().figure().axes
    drawn = points(axis)
    assert [point.get_color() for point in drawn] == [BLUE, BLUE, VERMILION, VERMILION]
    assert [point.get_markerfacecolor() for point in drawn] == [BLUE, BLUE, "white", VERMILION]
    assert [point.get_marker() for point in drawn] == ["o", "o", "s", "s"]


def test_the_baseline_is_grey_and_dashed_across_the_panel_at_its_mean():
    found = rows_of(samples.study())
    (axis,) = found.figure().axes
    (dashed,) = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert list(dashed.get_ydata()) == [found.table["mean"][0]] * 2
    assert dashed.get_color() == GREY
    assert dashed.get_linewidth() > 0
    assert [point.get_color() for point in points(axis)] == [GREY, BLUE, BLUE]


def test_a_third_factor_makes_panels_on_one_scale_and_the_first_says_what_is_what():
    found = rates_of_two()
    figure = found.figure()
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("SGD", "Adam")
    assert first.get_ylim() == second.get_ylim()
    assert (first.get_xlabel(), second.get_xlabel()) == ("λ", "λ")
    assert (bool(first.get_ylabel()), bool(second.get_ylabel())) == (True, False)
    assert (first.get_legend() is None, second.get_legend() is None) == (False, True)
    for axis, name in ((first, "SGD"), (second, "Adam")):
        rows = found.table[(found.table["optimizer"] == name) & (found.table["λ"] > 0)]
        means = [point.get_ydata()[0] for point in points(axis)]
        assert means == pytest.approx(list(rows["mean"]))


def test_a_figure_has_room_for_every_panel_and_every_name():
    assert list(rates().figure().get_size_inches()) == pytest.approx([6.4, 4.6])
    assert list(rates_of_two().figure().get_size_inches()) == pytest.approx([8.4, 4.6])
    named = results({"none": PLAIN, "a little": PLAIN, "much": PLAIN})
    assert list(named.figure().get_size_inches()) == pytest.approx([6.4, 2.56])


@pytest.mark.parametrize(
    ("levels", "ticks"),
    [
        ([1.0, 1000.0], ["1", "10", "100", "1000"]),
        ([1.0, 20.0], ["1", "20"]),
        ([1.0, 99.0], ["1", "99"]),
        ([-1.0, 1.0], ["-1", "1"]),
        (["tanh", "leaky_relu"], ["tanh", "leaky relu"]),
    ],
)
def test_only_numbers_that_span_two_decades_have_a_logarithmic_scale(levels, ticks):
    assert list(scale(levels)[1]) == ticks


# -- tables and files -----------------------------------------------------------------------------


def test_a_studys_table_has_the_further_columns_that_are_asked_for():
    found = rows_of(samples.study())
    plain = results_table(found, ".2f").splitlines()
    assert plain[0] == "| dose | mean error | 95 % interval |"
    further = results_table(found, ".2f", {"norm": ("mean_norm", ".1f")}).splitlines()
    assert further[0] == "| dose | mean error | 95 % interval | norm |"
    assert [line.split(" | ")[-1] for line in further[2:]] == ["1.0 |", "2.0 |", "3.0 |"]


def test_a_table_with_a_cell_too_few_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        markdown_table(("cell", "error"), [("GRU", "0.1"), ("LSTM",)])


def test_what_is_saved_has_the_columns_of_the_tables_and_a_picture_for_print(tmp_path):
    found = rows_of(samples.study())
    picture = found.save(tmp_path)
    assert list(pd.read_csv(tmp_path / "rows.csv").columns) == list(found.frame.columns)
    assert list(pd.read_csv(tmp_path / "table.csv").columns) == list(found.table.columns)
    assert imread(picture).shape[:2] == (690, 960)


def test_timings_say_how_long_the_run_took_and_the_most_memory_of_a_row():
    study = samples.study(levels=(0,), seeds=range(3))
    memory = (20.0, None, 50.5)
    rows = tuple(Row(0, seed, {"error": 0.5}, 0.1, memory[seed]) for seed in range(3))
    timings = Results(study, False, rows, seconds=1.23456).to_json()["timings"]
    assert (timings["seconds"], timings["peak_memory_mb"]) == (1.235, 50.5)


def test_timings_claim_no_memory_where_nothing_is_known_of_it():
    for found in (results({"none": [0.5]}), Results(samples.study(), False, ())):
        assert found.to_json()["timings"]["peak_memory_mb"] is None
