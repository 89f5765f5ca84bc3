"""Recorded results: where their numbers come from, made again, and found out when they drift."""

import json
import os

import pytest
import study_samples as samples

from companion import data_files
from companion.console import err
from companion.errors import UserError
from companion.studies import records, verification


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
