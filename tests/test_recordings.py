"""Recordings as people have them: WFDB records, tables of every habit, and damaged ones."""

import io
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from chapters.ecg import beats, detector, formats, reading, recordings, synthetic
from companion.ahead import map_in_order
from companion.errors import UserError

LONG = bool(os.environ.get("COMPANION_LONG"))
SEED = os.environ.get("COMPANION_DRAW") or "0"


def beating(seconds=12, rate=300, rhythm=0, seed=0):
    """A made-up recording in mV at a rate of its own."""
    x = synthetic.electrocardiogram(rhythm, seconds, np.random.default_rng(seed))
    times = np.arange(seconds * rate) / rate
    return np.interp(times, np.arange(len(x)) / recordings.RATE, x)


def leads(folder, contents, name="x.csv"):
    """What is read from a file of these words or bytes: name, first samples, rate and unit."""
    file = folder / name
    file.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return [
        (one.name, one.samples[:3].tolist(), one.rate, one.unit) for one in formats.read(file).leads
    ]


def rows(times, *columns, separator=";", decimal=",", digits=3):
    """Lines of a table."""
    cells = np.stack([times, *columns], axis=1)
    lines = [separator.join(f"{cell:.{digits}f}" for cell in row) for row in cells]
    return "\n".join(lines).replace(".", decimal) + "\n"


TIMES = np.arange(40) / 250
WAVE = np.round(np.sin(np.arange(40)), 3) - 0.127
APPLE = (
    "Name,Ada\nDate of Birth,10.12.1815\nRecorded Date,2024-01-01 10:00:00 +0100\n"
    'Classification,Sinus Rhythm\nSymptoms,\nSoftware Version,1.90\nDevice,"Watch6,1"\n'
    "Sample Rate,512 hertz\n\n\nLead,Lead I\nUnit,µV\n\n"
)
MICROVOLTS = "\n".join(f"{1000 * value:.3f}" for value in WAVE)


# ---- tables -------------------------------------------------------------------------------------


def test_decimal_commas_keep_their_sign_and_point(tmp_path):
    result = leads(tmp_path, "Zeit;EKG\n0,000;-0,127\n0,003;0,519\n")
    assert result == [("EKG", [-0.127, 0.519], pytest.approx(1 / 0.003), None)]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ("Zeit\tEKG\n" + rows(TIMES, WAVE, separator="\t"), ("EKG", 250, None)),
        (("Zeit\tEKG\r\n" + rows(TIMES, WAVE, separator="\t")).encode("utf-16"),
         ("EKG", 250, None)),
        (("t;EKG\n" + rows(TIMES, WAVE)).encode("utf-16-be"), ("EKG", 250, None)),
        ("Zeit;EKG (µV)\n".encode("cp1252") + rows(TIMES, WAVE).encode(), ("EKG (µV)", 250, "µV")),
        (rows(TIMES, WAVE, separator=" "), ("2", 250, None)),
        (rows(TIMES, WAVE, separator="  ", decimal="."), ("2", 250, None)),
        ("sep=;\nt [ms];ecg_uV\n" + rows(1000 * TIMES, WAVE), ("ecg_uV", 250, "uV")),
        ("time,ecg,\n" + rows(TIMES, WAVE, separator=",", decimal=".").replace("\n", ",\n"),
         ("ecg", 250, None)),
        ("t,ecg\n" + "".join(f'"{row}"\n' for row in rows(TIMES, WAVE, separator='","').split("\n")
                            if row), ("ecg", 250, None)),
        ("time,ecg,beat\n" + rows(TIMES, WAVE, separator=",", decimal=".").replace("\n", ",N\n"),
         ("ecg", 250, None)),
        ("timestamp,ecg\n" + rows(1.7e12 + 1000 * TIMES, WAVE, separator=",", decimal="."),
         ("ecg", 250, None)),
        ("# fs = 250 Hz\n# unit: mV\n" + "\n".join(map(str, WAVE)), ("1", 250, "mV")),
        (APPLE + MICROVOLTS, ("1", 512, "µV")),
        (APPLE.replace("Sample Rate", "Messrate").replace("Unit", "Einheit")
         + MICROVOLTS.replace(".", ","), ("1", 512, "µV")),
        ("Heart Rate,62 BPM\nLow pass filter,100 Hz\nSampling frequency: 250\n"
         + "\n".join(map(str, WAVE)), ("1", 250, None)),
        ("ecg\n" + "\n".join(map(str, WAVE)).replace("-", "\u2212"), ("ecg", None, None)),
        ("Zeit (s);ECG (raw)\n" + rows(TIMES, WAVE), ("ECG (raw)", 250, None)),
    ],
)  # fmt: skip
def test_a_table_is_read_as_its_writer_meant_it(tmp_path, contents, expected):
    ((name, samples, rate, unit),) = leads(tmp_path, contents)
    assert (name, rate, unit) == (expected[0], expected[1], expected[2])
    scale = 1000 if name == "1" and unit == "µV" else 1
    np.testing.assert_allclose(samples, scale * WAVE[:3], atol=1e-9)


def test_physiobanks_two_head_lines_name_leads_and_units(tmp_path):
    body = "".join(f"'0:{k / 360:06.3f}',{-0.145 + k / 1000:.3f},-0.065\n" for k in range(800))
    head = "'Elapsed time','MLII','V5'\n'hh:mm:ss.mmm','mV','mV'\n"
    result = leads(tmp_path, head + body)
    assert result[0] == ("MLII", [-0.145, -0.144, -0.143], 360, "mV")
    assert result[1] == ("V5", [-0.065] * 3, 360, "mV")


def test_times_go_on_after_midnight_and_gaps_in_them_are_gaps(tmp_path):
    clocks = [(86_399 + k / 250) % 86_400 for k in range(500)]
    lines = [
        f"{t // 3600:02.0f}:{t % 3600 // 60:02.0f}:{t % 60:06.3f},{k}.5"
        for k, t in enumerate(clocks)
        if not 100 <= k < 110
    ]
    (tmp_path / "x.csv").write_text("time,ecg\n" + "\n".join(lines))
    (lead,) = formats.read(tmp_path / "x.csv").leads
    assert (lead.rate, len(lead.samples)) == (250, 500)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(lead.samples)), np.arange(100, 110))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("1,127\n2,519\n", "comma may stand before decimals or between columns"),
        ("Zeit,EKG\n0,000,-0,127\n0,003,0,519\n", "line 2 is '0,000,-0,127'"),
        ("t;ecg\n" + rows(TIMES, WAVE) + "0,160;12a\n", "Line 42: a number is expected"),
        ("t;ecg\n" + rows(TIMES, WAVE) + "0,160;1;2\n", "Line 42: 2 cells are expected"),
        ("1.0\n2.0\noops\n" + "\n".join(map(str, WAVE)), "Line 3: a row like line 1"),
        ("hello\nworld\n", "No rows of numbers"),
        ("", "not one sample"),
        (b"PK\x03\x04" + bytes(range(256)), "neither a text"),
    ],
)
def test_a_table_that_could_be_misread_is_refused_with_the_line(tmp_path, contents, message):
    with pytest.raises(UserError, match=message):
        leads(tmp_path, contents)


def test_a_comma_separates_where_the_head_names_as_many_columns(tmp_path):
    body = "1,127\n2,519\n3,519\n"
    assert leads(tmp_path, "EKG\n" + body)[0][:2] == ("EKG", [1.127, 2.519, 3.519])
    assert leads(tmp_path, "n,EKG\n" + body)[0][:2] == ("EKG", [127, 519, 519])


# ---- WFDB ---------------------------------------------------------------------------------------


def record(folder, header, **files):
    """Write a record named r; return its header's path."""
    (folder / "r.hea").write_text(header)
    for ending, contents in files.items():
        (folder / f"r.{ending}").write_bytes(contents)
    return folder / "r.hea"


def matrix(values):
    """Bytes of a MATLAB file as PhysioNet ships it."""
    file = io.BytesIO()
    scipy.io.savemat(file, {"val": np.asarray(values, "int16")}, format="4")
    return file.getvalue()


def packed(values):
    """Samples in format 212: two of twelve bits in three bytes."""
    first, second = values[::2] & 0xFFF, values[1::2] & 0xFFF
    parts = [first & 255, (first >> 8) | ((second >> 8) << 4), second & 255]
    return np.stack(parts, axis=1).astype("uint8").tobytes()


ADC = np.round(beating(12, 360) * 200 + 1024).astype(int)


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


def european(signals, rate=200):
    """Bytes of an EDF file of seconds, in µV, from −3276.8 to 3276.7."""
    count, seconds = len(signals), len(signals[0]) // rate

    def field(size, *values):
        return "".join(f"{value:<{size}}" for value in values)

    head = field(8, 0) + field(80, "X", "X") + field(8, "01.01.24", "10.00.00")
    head += field(8, 256 * (count + 1)) + field(44, "") + field(8, seconds, 1) + field(4, count)
    head += field(16, *[f"ECG {k}" for k in range(count)]) + field(80, *[""] * count)
    head += field(8, *["uV"] * count) + field(8, *[-3276.8] * count) + field(8, *[3276.7] * count)
    head += field(8, *[-32768] * count) + field(8, *[32767] * count) + field(80, *[""] * count)
    head += field(8, *[rate] * count) + field(32, *[""] * count)
    blocks = np.stack([np.reshape(one, (seconds, rate)) for one in signals], axis=1)
    return head.encode("ascii") + np.round(blocks * 10_000).astype("<i2").tobytes()


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


# ---- a whole folder of them ---------------------------------------------------------------------


def test_a_beat_reader_takes_a_window_without_beats_and_reads_the_others_as_before():
    from chapters.ecg import models

    model = models.beat_reader(units=4)
    (gru,) = [layer for layer in model.layers if layer.name.startswith("bidirectional")]
    masks = []
    call = gru.call
    gru.call = lambda x, mask=None, **rest: masks.append(mask) or call(x, mask=mask, **rest)
    signals = np.stack([beating(10), np.linspace(0, 1, 3000)])[..., None]
    result = model(beats.beat_rows(signals))
    assert np.isfinite(result).all()
    there = beats.beat_rows(signals)[..., -1] > 0
    np.testing.assert_array_equal(masks[0], there)
    assert not there[1].any()
    np.testing.assert_allclose(result[:1], model(beats.beat_rows(signals[:1])), atol=1e-6)


def test_a_line_without_beats_has_no_rows():
    line = np.linspace(0, 1, 3000)
    assert not beats.beat_rows(line[None, :, None]).any()
    both = np.stack([beating(10), line])[..., None]
    alone = beats.beat_rows(both[:1])
    np.testing.assert_array_equal(beats.beat_rows(both), [alone[0], np.zeros_like(alone[0])])


class Asked:
    """A detector that says how large the last sample of a recording is."""

    def recordings(self, signals):
        for x in signals:
            found = {"is_af": False, "rhythm": "normal", "windows": [], "attention": None}
            yield None if x is None else {"probability": float(abs(x[-1])), **found}


class Mean:
    """A network that says how high a window lies, and where it looked: at its first samples."""

    name = "acrnn"

    def __init__(self):
        self.sizes = []

    def predict_on_batch(self, x):
        self.sizes.append(len(x))
        high = 1 / (1 + np.exp(-x.mean(axis=1)))
        return [np.concatenate([1 - high, high, 0 * high, 0 * high], axis=1), x[:, :5]]


def looking(monkeypatch):
    """A detector of one such network."""
    asked = detector.Detector([Mean()])
    monkeypatch.setitem(vars(asked), "_networks", asked.networks)
    return asked


def test_each_file_gets_its_own_answer_in_order_whatever_the_others_are(tmp_path):
    files = []
    for k in range(8):
        signal = beating(12, seed=k)
        if k == 2:
            signal = np.sin(np.arange(3600) / 700)
        np.save(tmp_path / f"{k}.npy", signal)
        files.append(tmp_path / f"{k}.npy")
    files[4].write_bytes(b"\x93NUMPY")
    files[5].unlink()
    result = list(reading.readings(Asked(), files, rate=300))
    output = [str(one) if isinstance(one, UserError) else one.data["probability"] for one in result]
    assert "No heartbeats" in output[2]
    assert "no array of numbers" in output[4]
    assert "no such file" in output[5]
    for k in (0, 1, 3, 6, 7):
        assert output[k] == pytest.approx(abs(beating(12, seed=k)[-1]), abs=1e-5)


def test_what_is_said_of_a_recording_does_not_depend_on_its_neighbours(monkeypatch):
    asked, rng = looking(monkeypatch), np.random.default_rng(0)
    lengths = [2800, *rng.integers(3000, 18_000, 40), 100_000, *rng.integers(3000, 18_000, 9)]
    signals = [rng.normal(k % 5, 1, size=n).astype("float32") for k, n in enumerate(lengths)]
    signals[:0], signals[7:7], signals[50:] = [None], [None, None], [*signals[50:], None]
    together = list(asked.recordings(iter(signals)))
    assert set(asked.networks[0].sizes) == {detector.PART}
    for signal, found in zip(signals, together, strict=True):
        if signal is None:
            assert found is None
            continue
        alone = asked.recording(signal)
        looked, here = found.pop("attention"), alone.pop("attention")
        assert found == alone
        np.testing.assert_array_equal(looked, here)
        starts = [window["start"] for window in found["windows"]]
        likely = max(found["windows"], key=lambda window: window["probability"])["start"]
        assert starts == sorted(starts)
        np.testing.assert_array_equal(looked, signal[round(likely * 300) :][:5])
    assert list(asked.recordings([None, None])) == [None, None]
    assert list(asked.recordings([])) == []


def test_answers_come_while_others_are_still_to_be_read_and_nobody_reads_on_when_it_ends(
    monkeypatch,
):
    taken, threads = [], threading.active_count()

    def endless():
        while True:
            taken.append(beating(12))
            yield taken[-1]

    result = looking(monkeypatch).recordings(endless())
    windows = len(next(result)["windows"])
    some = list(itertools.islice(result, 400))
    assert None not in some
    assert (len(taken) - 401) * windows < 4 * detector.PART
    result.close()
    assert threading.active_count() == threads


def test_calls_go_on_beside_others_in_their_order_and_no_more_than_are_asked_for():
    begun = []

    def slow(item):
        begun.append(item)
        time.sleep(0.002 * (item % 3))
        return -item

    with ThreadPoolExecutor(2) as pool:
        assert list(map_in_order(pool, slow, range(20), ahead=5)) == [-k for k in range(20)]
        begun.clear()
        held = threading.Event()
        result = map_in_order(
            pool, lambda k: k if k < 2 else held.wait(5), itertools.count(), ahead=4
        )
        assert [next(result), next(result)] == [0, 1]
        result.close()  # two are under way and the others never begin
        held.set()
    with ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError):
        list(map_in_order(pool, lambda k: 1 / k, [1, 0, 1]))


def test_reading_loads_no_plots():
    code = (
        "import sys, companion.cli.prediction, chapters.ecg.reading\n"
        "import companion.training.seeing, wfdb\n"
        "assert 'matplotlib' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_predict_draws_few_files_and_many_on_request_and_loses_no_answer(tmp_path, monkeypatch):
    """The command as it is, with a quick detector in the place of the shipped one."""
    from companion.cli import prediction

    class Read(reading.Reading):
        def figure(self, again=None):
            from companion.plots import subplots

            return again or subplots((2, 2))[0]

    def read(files):
        for one in reading.readings(Asked(), files, rate=300):
            yield one if isinstance(one, UserError) else Read(one.name, one.signal, one.data, None)

    monkeypatch.setattr(prediction, "_reader", lambda run, options: (read, "a notice"))
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", beating())
    verb = prediction.predict
    few = verb("ecg", [Path("x.npy"), Path("nowhere.npy")], json=True)
    assert few.code == 1
    assert Path(few.data["predictions"][0]["drawing"]).is_file()
    many = [Path("x.npy")] * (prediction.MAX_DRAWN + 1)
    assert "drawing" not in verb("ecg", many, json=True).data["predictions"][0]
    drawn = verb("ecg", many, output=Path("here"), json=True)
    assert len(list(Path("here").iterdir())) == len(many)
    assert drawn.code == 0
    Path("full").write_text("a file where a folder should be")
    kept = verb("ecg", [Path("x.npy")], output=Path("full"), json=True)
    assert kept.data["predictions"][0]["probability"] > 0
    assert "full" in kept.data["predictions"][0]["not_drawn"]


@pytest.mark.slow
def test_a_folder_named_as_the_model_does_not_stand_in_its_way(tmp_path):
    (tmp_path / "ecg").mkdir()
    record(tmp_path, f"r 1 360 {len(ADC)}\nr.dat 212 200(1024)/mV 12 0 0 0 0 MLII\n",
           dat=packed(ADC))  # fmt: skip
    np.save(tmp_path / "sine.npy", np.sin(np.arange(6000) / 700))
    done = subprocess.run(
        [sys.executable, "-m", "companion", "predict", "ecg", "sine.npy", "r", "--json"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    sine, good = json.loads(done.stdout)["predictions"]
    assert "No heartbeats" in sine["error"]
    assert 0 <= good["probability"] <= 1
    assert good["remarks"] == ["resampled from 360 to 300 Hz"]


# ---- damage -------------------------------------------------------------------------------------


def whole():
    """Sound recordings of every kind: the files of each, the first of which is read."""
    x, rng = beating(10), np.random.default_rng(0)
    adc = np.round(x * 200 + 1024).astype(int)
    times = np.arange(len(x)) / 300
    npy = io.BytesIO()
    np.save(npy, x)
    line = "r.{} {} 200(1024)/mV 12 0 0 0 0 MLII\n"
    head = f"# a remark\nr 1 300 {len(x)}\n"
    yield {"r.npy": npy.getvalue()}
    yield {"r.mat": matrix([adc]), "r.hea": (head + line.format("mat", "16+24")).encode()}
    yield {"r.dat": adc.astype("<i2").tobytes(), "r.hea": (head + line.format("dat", 16)).encode()}
    yield {"r.hea": (head + line.format("dat", 212)).encode(), "r.dat": packed(adc)}
    yield {"r.edf": european([beating(10, 200)])}
    yield {"r.csv": ("Zeit;EKG\n" + rows(times, x)).encode()}
    yield {"r.txt": ("Zeit\tEKG\n" + rows(times, x, separator="\t")).encode("utf-16")}
    yield {
        "r.csv": (APPLE.replace("512", "300") + "\n".join(f"{1000 * v:.3f}" for v in x)).encode()
    }
    yield {"r.tsv": rows(times, x, rng.normal(size=len(x)), separator=" ", decimal=".").encode()}


JUNK = (b",", b";", b"\n", b'"', b"#", b"nan", b"1e400", b"-", b"0x1F", b"\t\t", b"9" * 30)


def damaged(contents, rng):
    """Contents after an accident: cut, bitten, scratched, mixed up, or stuffed."""
    raw = bytearray(contents)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(len(raw) + 1) if rng.random() < 0.6 else rng.integers(300))
        start = min(start, len(raw))
        stop = min(len(raw), start + int(rng.integers(1, 2000)))
        accident = rng.integers(7)
        if accident == 0:
            del raw[start:]
        elif accident == 1:
            del raw[start:stop]
        elif accident == 2:
            raw[start:stop] = rng.bytes(stop - start)
        elif accident == 3:
            raw[start:stop] = bytes(stop - start)
        elif accident == 4:
            raw[start:start] = raw[:start][-500:]
        elif accident == 5 and raw:
            for place in rng.integers(len(raw), size=3):
                raw[place] ^= 1 << int(rng.integers(8))
        else:
            junk = (
                b",",
                b";",
                b"\n",
                b'"',
                b"#",
                b"nan",
                b"1e400",
                b"-",
                b"0x1F",
                b"\t\t",
                b"9" * 30,
            )
            raw[start:start] = junk[rng.integers(len(junk))]
    return bytes(raw)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # wfdb's of a damaged EDF
def test_damaged_recordings_are_answered_or_refused(tmp_path):
    rng = np.random.default_rng([ord(letter) for letter in SEED])
    kinds, answered = list(whole()), 0
    for k in range(2000 if LONG else 36):
        files = dict(kinds[k % len(kinds)])
        broken = str(rng.choice(list(files)))
        files[broken] = damaged(files[broken], rng)
        for name, contents in files.items():
            (tmp_path / name).write_bytes(contents)
        named = tmp_path / next(iter(files))
        try:
            samples, _ = recordings.read_recording(named, 300)
        except UserError:
            pass
        else:
            answered += 1
            assert samples.dtype == "float32"
            assert len(samples) >= recordings.SHORTEST * recordings.RATE
            assert np.isfinite(samples).all()
        for name in files:
            (tmp_path / name).unlink()
    assert answered > 0


def test_the_same_recordings_are_read_while_they_are_whole(tmp_path):
    for files in whole():
        for name, contents in files.items():
            (tmp_path / name).write_bytes(contents)
        lead = "2" if "r.tsv" in files else None
        samples, _ = recordings.read_recording(tmp_path / next(iter(files)), 300, lead=lead)
        assert 0.5 < np.ptp(samples) < 5, list(files)
        for name in files:
            (tmp_path / name).unlink()
