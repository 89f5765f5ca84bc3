"""Recordings as people have them: WFDB records, EDF, plain files, and what must be known."""

import numpy as np
import pytest
import scipy.io
from recording_files import (
    ADC,
    APPLE,
    beating,
    european,
    matrix,
    packed,
    record,
    recording,
    rows,
    written,
)

from chapters.ecg import formats, recordings
from companion.errors import UserError

RATE = recordings.RATE


# ---- WFDB and EDF -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "rate"),
    [("# bedside monitor\nr 1 500 5000\n", 500), ("r 1\n", 250), ("r 1 360/72(3) 5000\n", 360)],
)
def test_the_rate_is_the_headers_wherever_its_comments_stand(tmp_path, header, rate):
    record(tmp_path, header, mat=matrix([ADC]))
    (lead,) = formats.read(tmp_path / "r.mat").leads
    assert lead.rate == rate


@pytest.mark.parametrize("named", ["r.hea", "r.dat", "r"])
@pytest.mark.parametrize("kind", ["16", "212"])
def test_gain_baseline_and_missing_samples_are_the_headers(tmp_path, kind, named):
    values = ADC.copy()
    values[700:720] = -32768 if kind == "16" else -2048
    written = values.astype("<i2").tobytes() if kind == "16" else packed(values)
    head = f"# by hand\nr 1 360 {len(ADC)}\nr.dat {kind} 200(1024)/mV 12 0 0 0 0 MLII\n"
    record(tmp_path, head, dat=written)
    (lead,) = formats.read(tmp_path / named).leads
    assert (lead.name, lead.rate, lead.unit) == ("MLII", 360, "mV")
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(lead.samples)), np.arange(700, 720))
    known = np.isfinite(lead.samples)
    np.testing.assert_allclose(lead.samples[known], (ADC[known] - 1024) / 200)
    samples, remarks = recordings.read_recording(tmp_path / named)
    assert np.abs(samples).max() < 5
    assert remarks[0] == "20 samples were no numbers and were bridged by a line"
    assert "resampled from 360 to 300 Hz" in remarks


def test_a_matlab_record_has_its_headers_gain_and_missing_samples(tmp_path):
    values = np.stack([ADC, ADC])
    values[:, 5:9] = -32768
    lines = "r.mat 16+24 200(1024)/mV 16 0 0 0 0 I\nr.mat 16+24 0.2(1024)/uV 16 0 0 0 0 II\n"
    record(tmp_path, f"r 2 360 {len(ADC)}\n" + lines, mat=matrix(values))
    for named in ("r.mat", "r.hea"):
        for lead in ("I", "ii"):
            samples, _ = recordings.read_recording(tmp_path / named, lead=lead)
            middle = np.median(samples)
            assert middle == pytest.approx(np.median((ADC - 1024) / 200), abs=0.02)
    with pytest.raises(UserError, match="It has I, II: choose with --lead I"):
        recordings.read_recording(tmp_path / "r.mat")
    with pytest.raises(UserError, match="no lead 'V5'"):
        recordings.read_recording(tmp_path / "r.mat", lead="V5")


def test_leads_of_one_name_are_chosen_by_their_place(tmp_path):
    line = "r.mat 16+24 {}(1024)/mV 16 0 0 0 0 ECG\n"
    head = f"r 2 300 {len(ADC)}\n" + line.format(200) + line.format(400)
    record(tmp_path, head, mat=matrix([ADC, ADC]))
    with pytest.raises(UserError, match="It has ECG, ECG: choose with --lead 1"):
        recordings.read_recording(tmp_path / "r.mat", lead="ECG")
    one, two = (recordings.read_recording(tmp_path / "r.mat", lead=n)[0] for n in "12")
    np.testing.assert_allclose(one, 2 * two)


def test_times_that_stand_still_are_no_lead_and_give_no_rate(tmp_path):
    lines = [f"10:00:{k // 300:02d},{value:.3f}" for k, value in enumerate(beating())]
    (tmp_path / "x.csv").write_text("time,ecg\n" + "\n".join(lines))
    with pytest.raises(UserError, match="--rate"):
        recordings.read_recording(tmp_path / "x.csv")
    result, remarks = recordings.read_recording(tmp_path / "x.csv", 300)
    np.testing.assert_allclose(result, beating(), atol=1e-3)
    assert "do not always grow" in remarks[0]


def test_a_pressure_beside_the_lead_is_no_lead(tmp_path):
    lines = "r.dat 16 200(1024)/mV 12 0 0 0 0 ECG\np.dat 16 1/mmHg 12 0 0 0 0 ABP\n"
    record(tmp_path, f"r 2 360 {len(ADC)}\n" + lines, dat=ADC.astype("<i2").tobytes())
    (tmp_path / "p.dat").write_bytes(ADC.astype("<i2").tobytes())
    assert np.abs(recordings.read_recording(tmp_path / "r")[0]).max() < 5
    with pytest.raises(UserError, match="Received: ABP in mmHg"):
        recordings.read_recording(tmp_path / "r", lead="ABP")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("r 1 360 40\nr.dat 16 200/mV\n", "whole"),
        ("r 1 360 90000000000\nr.dat 16 200/mV\n", "speaks of 90,000,000,000 samples"),
        ("r 1 360 400\nnowhere.dat 16 200/mV\n", "nowhere.dat"),
        ("", "whole"),
        ("r 1 0 10\nr.dat 16 200/mV\n", "50 to 10,000"),
    ],
)
def test_a_record_that_is_not_whole_is_refused(tmp_path, header, message):
    file = record(tmp_path, header, dat=ADC[:10].astype("<i2").tobytes())
    with pytest.raises(UserError, match=message):
        recordings.read_recording(file)


def test_a_dat_without_its_header_is_told_what_it_lacks(tmp_path):
    (tmp_path / "a.dat").write_bytes(ADC.astype("<i2").tobytes())
    with pytest.raises(UserError, match=r"a\.hea, beside it"):
        recordings.read_recording(tmp_path / "a.dat")


def test_an_edf_is_read_in_microvolts(tmp_path):
    signal = beating(12, 200)
    (tmp_path / "x.edf").write_bytes(european([signal, -signal]))
    first, second = formats.read(tmp_path / "x.edf").leads
    assert (first.name, first.rate, first.unit) == ("ECG 0", 200, "uV")
    np.testing.assert_allclose(first.samples / 1000, signal, atol=3e-4)
    np.testing.assert_allclose(second.samples / 1000, -signal, atol=3e-4)


# ---- what must be known -------------------------------------------------------------------------


def test_a_rate_is_asked_for_where_a_table_has_leads_and_none(tmp_path):
    one, two = beating(), beating(seed=1)
    (tmp_path / "x.csv").write_text("I,II\n" + rows(one, two, separator=",", decimal="."))
    with pytest.raises(UserError, match="--rate"):
        recordings.read_recording(tmp_path / "x.csv", lead="II")
    result, remarks = recordings.read_recording(tmp_path / "x.csv", 300, lead="II")
    np.testing.assert_allclose(result, two, atol=1e-3)
    assert remarks == []


def test_what_a_file_says_goes_before_what_is_told(tmp_path):
    (tmp_path / "x.csv").write_text(APPLE + "\n".join(str(1000 * v) for v in beating(12, 512)))
    result, remarks = recordings.read_recording(tmp_path / "x.csv", 300)
    assert len(result) == 12 * 300
    assert 0.5 < np.ptp(result) < 5
    assert remarks == [
        "it says 512 Hz itself, so 300 was not used", "resampled from 512 to 300 Hz"
    ]  # fmt: skip


def test_volts_that_nobody_names_are_asked_for_and_not_taken_for_millivolts(tmp_path):
    np.save(tmp_path / "x.npy", beating() / 1000)
    with pytest.raises(UserError, match="--unit"):
        recordings.read_recording(tmp_path / "x.npy", 300)
    result, _ = recordings.read_recording(tmp_path / "x.npy", 300, unit="V")
    np.testing.assert_allclose(result, beating(), atol=1e-5)
    with pytest.raises(UserError, match="A unit is"):
        recordings.read_recording(tmp_path / "x.npy", 300, unit="furlong")


def test_a_matlab_file_without_val_is_told_what_it_has(tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"ecg": np.ones((1, 9))})
    with pytest.raises(UserError, match="Found: ecg"):
        recordings.read_recording(tmp_path / "x.mat")
    scipy.io.savemat(tmp_path / "x.mat", {"val": np.ones((3, 9))})
    with pytest.raises(UserError, match="3 rows and no header"):
        recordings.read_recording(tmp_path / "x.mat")


# ---- files of one array -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x.mat"])
def test_a_recording_is_the_same_from_every_kind_of_file(tmp_path, name):
    signal = recording()
    result, remarks = recordings.read_recording(written(tmp_path, name, signal))
    np.testing.assert_allclose(result, signal, atol=1.1e-3)
    assert remarks == [said_of_the_rate()]
    assert recordings.read_recording(tmp_path / name, RATE)[1] == []


def said_of_the_rate():
    return "taken for 300 samples a second, as the file does not say (--rate)"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(6000), "flat"),
        (np.where(np.arange(6000) % 300 < 150, 5.0, -5.0), "saturated"),
        (recording(seconds=2), "too short"),
        (np.full(6000, np.nan), "no numbers"),
        (np.ones((2, 6000)), "One lead"),
        (np.zeros(0), "not one sample"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_reason(tmp_path, values, message):
    with pytest.raises(UserError, match=message):
        recordings.read_recording(written(tmp_path, "x.npy", values))


def test_a_few_missing_samples_are_bridged_and_told(tmp_path):
    signal = recording()
    holes = signal.copy()
    holes[1000:1010] = np.nan
    result, remarks = recordings.read_recording(written(tmp_path, "x.npy", holes))
    assert np.isfinite(result).all()
    assert "10 samples" in remarks[0]
    np.testing.assert_allclose(
        np.delete(result, range(1000, 1010)), np.delete(signal, range(1000, 1010))
    )


def test_another_rate_is_resampled(tmp_path):
    time = np.arange(0, 20, 1 / 360)
    result, remarks = recordings.read_recording(
        written(tmp_path, "x.npy", np.sin(2 * np.pi * time)), rate=360
    )
    assert "360" in remarks[0]
    middle = slice(600, 5400)
    expected = np.sin(2 * np.pi * np.arange(len(result)) / RATE)
    np.testing.assert_allclose(result[middle], expected[middle], atol=0.01)


@pytest.mark.parametrize("contents", [b"", b"\x00\x01", b"no\nnumbers\nhere\n", b"\xff\xfe\xfd"])
def test_a_file_that_is_no_recording_is_refused(tmp_path, contents):
    for name in ("x.mat", "x.csv", "x.npy"):
        (tmp_path / name).write_bytes(contents)
        with pytest.raises(UserError):
            recordings.read_recording(tmp_path / name)
