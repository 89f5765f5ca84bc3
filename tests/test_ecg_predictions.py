"""`companion predict ecg`: each file gets its own answer, whatever lies beside it."""

import itertools
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from recording_files import ADC, beating, packed, record, recording, written

from chapters.ecg import beats, detector, reading
from companion.errors import UserError
from companion.prefetch import map_in_order

WEIGHTS = Path(__file__).parents[1] / "data" / "weights" / "ecg.npz"


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


# ---- the shipped detector -----------------------------------------------------------------------


def test_windows_of_a_recording_reach_its_end():
    x, starts = detector.as_windows(np.arange(7001))
    assert starts[-1] == 4001
    assert x[-1, -1, 0] == 7000
    assert len(detector.as_windows(np.arange(2800))[0]) == 1


@pytest.mark.skipif(not WEIGHTS.exists(), reason="needs the shipped weights")
def test_the_shipped_detector_says_of_a_recording_among_others_what_it_says_of_it_alone():
    asked = detector.Detector.load(WEIGHTS)
    lengths = (30, 12, 61, 10, 45, 30, 33, 60, 20)  # more windows than are read at once
    signals = [recording(k % 2, seconds, k) for k, seconds in enumerate(lengths)]
    together = list(asked.recordings(signals))
    assert sum(len(result["windows"]) for result in together) > detector.PART
    for k in (0, 7):  # of which the second lies in two batches
        alone, result = asked.recording(signals[k]), together[k]
        ours, theirs = (
            [one["probability"], *(window["probability"] for window in one["windows"])]
            for one in (alone, result)
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
        np.testing.assert_allclose(alone["attention"], result["attention"], atol=1e-6)
        assert alone["attention"].sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.exists(), reason="needs the shipped weights")
def test_predict_reads_a_batch_and_a_bad_file_costs_only_itself(tmp_path):
    written(tmp_path, "normal.npy", recording(0, 30, 1))
    written(tmp_path, "af.csv", recording(1, 30, 2))
    written(tmp_path, "flat.npy", np.zeros(9000))
    files = ["normal.npy", "af.csv", "flat.npy", "nowhere.mat"]
    done = subprocess.run(
        [sys.executable, "-m", "companion", "predict", "ecg", *files, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    output = json.loads(done.stdout)
    normal, af, flat, nowhere = output["predictions"]
    assert "not a medical device" in output["notice"]
    assert 0 <= normal["probability"] < af["probability"] <= 1
    assert (tmp_path / normal["drawing"]).stat().st_size > 10_000
    assert "flat" in flat["error"]
    assert "no such file" in nowhere["error"]


def test_predict_tells_of_an_unknown_model(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "companion", "predict", "ekg", "x.npy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "ecg" in done.stderr or "There are: none" in done.stderr


@pytest.mark.skipif(not WEIGHTS.exists(), reason="needs the shipped weights")
def test_the_shipped_weights_are_small_and_have_a_record():
    assert WEIGHTS.stat().st_size <= 2_000_000
    record = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert record["chapter"] == "ecg"
    assert 0 < record["thresholds"]["recording"] < 1
