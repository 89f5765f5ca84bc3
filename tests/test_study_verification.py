"""Studies, closer: records, their bands, and rows that are made again."""

import math

import pytest
import study_samples as samples
from study_results import clock, results

from companion import catalogue, data_files
from companion.studies import records, verification
from companion.studies.results import Results
from companion.studies.storage import LostRow, Row

# -- records --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["weight_decay", "pooling_shifts", "early_stopping"])
def test_the_tables_verdicts_and_bands_of_a_record_follow_from_its_rows(name):
    assert records.read(catalogue.find_study(name)[1])["study"] == name


def test_a_record_has_the_format_of_the_books_and_the_seconds_of_its_rows():
    study = samples.study(levels=(0,), seeds=range(2))
    rows = tuple(Row(0, seed, {"error": 0.5}, 0.63) for seed in range(2))
    found = records.contents("sample", Results(study, False, rows), Results(study, True, rows[:1]))
    assert found["format"] == data_files.read("weight_decay")["format"]
    assert found["seconds"] == {"full": 1.3, "quick": 0.6}
    assert found["peak_memory_mb"] is None, "the rows know nothing of it"


def test_a_band_is_four_standard_errors_of_the_difference_of_two_means():
    found = records.bands(results({0: [0, 1, 2], 1: [5, 5, 5], 2: [0, 2, 4]}), ["error"])
    error = 4 * math.sqrt(2 / 3)
    assert found["error"] == pytest.approx(
        {"dose = 0": error, "dose = 1": error, "dose = 2": 2 * error}
    ), "a level that looks steady has the middle one"


def test_a_band_has_room_for_rounding_where_no_spread_is_known():
    found = records.bands(results({0: [3.0], 1: [-5.0]}), ["error"])
    assert found["error"] == pytest.approx({"dose = 0": 3e-6, "dose = 1": 5e-6})
    assert records.half(results({0: [3.0]}))["bands"] == {
        "error": {"dose = 0": pytest.approx(3e-6)}
    }


def test_a_level_of_one_seed_has_the_middle_spread():
    found = records.bands(results({0: [0, 1, 2], 1: [5.0]}), ["error"])
    assert found["error"]["dose = 1"] == pytest.approx(4 * 0.5 * math.sqrt(2))


def test_a_record_has_a_line_for_every_row_and_its_own_letters():
    found = {"full": {"rows": [{"level": ["SGD", 1]}, {"level": ["λ", 2]}]}}
    assert records.readable(found).splitlines() == [
        "{",
        ' "full": {',
        '  "rows": [',
        '   {"level": ["SGD", 1]},',
        '   {"level": ["λ", 2]}',
        "  ]",
        " }",
        "}",
    ]


ROUNDED, EXACT = 0.1 + 0.2, 0.3


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ROUNDED, EXACT, True),
        ({"mean": ROUNDED}, {"mean": EXACT}, True),
        ([ROUNDED], [EXACT], True),
        (0.0, 0.0, True),
        (1e6, 1e6 * (1 + 1e-11), True),
        (1.0, 1.0 + 1e-9, False),
        (0.5, None, False),
        (None, 0.5, False),
        ({}, [], False),
        ([], {}, False),
        ([0.5], 0.5, False),
        ([0.5], [0.5, 0.5], False),
        ({"mean": 0.5}, {"sd": 0.5}, False),
    ],
)
def test_values_of_a_record_are_the_same_to_ten_digits(one, other, expected):
    assert records.same(one, other) is expected


@pytest.mark.parametrize(("quick", "name"), [(False, "full"), (True, "quick")])
def test_rows_of_other_levels_are_refused_by_the_name_of_the_study_they_lack(quick, name):
    row = {"level": 9, "seed": 0, "error": 0.5, "seconds": 0.1, "peak_memory_mb": None}
    with pytest.raises(records.DriftError, match=f"the {name} study's levels"):
        records.recorded_part(samples.study(), quick, [row])


# -- verification ---------------------------------------------------------------------------------


@pytest.fixture
def measured_here(tmp_path, monkeypatch):
    """Let rows be measured right here, and records be kept in a folder of ours."""

    def run(study, output, *, quick, seeds=None, workers=None):
        rows = (
            Row(level, seed, study.measure(level, seed, quick=quick), 0.1)
            for level, seed in study.rows(quick, seeds)
        )
        return Results(study, quick, tuple(rows))

    monkeypatch.setattr(data_files, "CLONE", tmp_path)
    monkeypatch.setattr(records, "run_study", run)
    monkeypatch.setattr(verification, "run_study", run)


@pytest.mark.usefixtures("measured_here")
def test_the_quick_study_is_made_again_with_its_own_levels(tmp_path):
    study = samples.study(quick_levels=(0, 2), seeds=range(3))
    records.record(study, "sample", tmp_path)
    for full, rows in ((False, "4 rows of the quick"), (True, "13 rows of the full and quick")):
        outcome = verification.verify(study, "sample", full=full)
        assert (outcome.status, outcome.message) == (
            "match",
            f"{rows} study made again, to the last digit",
        )


@pytest.mark.usefixtures("measured_here")
def test_a_verification_that_loses_rows_names_the_first(tmp_path, monkeypatch):
    study = samples.study(seeds=range(3))
    records.record(study, "sample", tmp_path)
    lost = LostRow(1, 0, "out of memory"), LostRow(2, 1, "another reason")
    monkeypatch.setattr(
        verification, "run_study", lambda study, *_, quick, **__: Results(study, quick, (), lost)
    )
    outcome = verification.verify(study, "sample")
    assert outcome.status == "cannot"
    assert outcome.message == "2 rows were lost; dose = 1, seed 0: out of memory"


@pytest.mark.usefixtures("measured_here")
def test_a_verification_says_how_long_it_took(monkeypatch):
    clock(monkeypatch, verification, 100.0, 102.26)
    assert verification.verify(samples.study(), "sample").seconds == 2.3


def compared_again(outcome, shift, band):
    """Compare two seeds, measured again with a shift, with a record of eighteen."""
    study = samples.study(levels=(0,), seeds=range(18))
    cost = {"seconds": 0.1, "peak_memory_mb": None}
    part = {
        "seeds": list(study.seeds),
        "rows": [{"level": 0, "seed": seed, "error": outcome, **cost} for seed in study.seeds],
        "bands": {"error": {"dose = 0": band}},
    }
    again = tuple(Row(0, seed, {"error": outcome + shift}, 0.1) for seed in range(2))
    return verification.compare(part, Results(study, False, again))


def test_a_ninth_of_the_seeds_is_compared_within_bands_three_times_as_wide():
    assert compared_again(1.0, 0.15, band=0.1) == pytest.approx(0.5)
    assert compared_again(1.0, -0.15, band=0.1) == pytest.approx(0.5)
    assert compared_again(1.0, 0.29, band=0.1) < 1
    with pytest.raises(records.DriftError, match=r"dose = 0 was 1 ± 0\.3 and is now 1\.31"):
        compared_again(1.0, 0.31, band=0.1)


def test_what_is_zero_in_every_row_has_no_band_and_is_found_again():
    assert compared_again(0.0, 0.0, band=0.0) == 0
