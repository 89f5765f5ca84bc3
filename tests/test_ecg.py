"""The ECG chapter: its data, features of known rhythms, and how what is said of them is judged."""

import os
import unittest
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from recording_files import recording
from sklearn import metrics

import companion
from chapters.ecg import cinc2017, features, formats, protocol, recordings
from chapters.ecg import synthetic as made_up
from companion.errors import UserError

RATE = recordings.RATE
REAL = Path(os.environ.get("COMPANION_DATA_DIR", "nowhere")) / "cinc2017"


def challenge(folder, records, labels):
    """The challenge's two files, as PhysioNet lays them out."""
    with zipfile.ZipFile(folder / "training2017.zip", "w") as archive:
        for name, signal in records.items():
            scipy.io.savemat(folder / "one.mat", {"val": signal[None]}, format="4")
            archive.write(folder / "one.mat", f"training2017/{name}.mat")
            archive.writestr(f"training2017/{name}.hea", f"{name} 1 300 {len(signal)}\n")
    rows = "".join(f"{name},{label}\n" for name, label in labels.items())
    (folder / "REFERENCE-v3.csv").write_text(rows)


# ---- data ---------------------------------------------------------------------------------------


def test_a_matlab_file_is_read_as_scipy_wrote_it(tmp_path):
    values = np.arange(-6, 6, dtype="int16").reshape(2, 6)
    scipy.io.savemat(tmp_path / "x.mat", {"val": values}, format="4")
    np.testing.assert_array_equal(formats.read_mat((tmp_path / "x.mat").read_bytes()), values)


@pytest.mark.parametrize("damage", [lambda b: b[:-3], lambda b: b[:7], lambda b: b"MATLAB 5.0" * 9])
def test_a_damaged_matlab_file_is_told(tmp_path, damage):
    scipy.io.savemat(tmp_path / "x.mat", {"val": np.ones((1, 50), "int16")}, format="4")
    with pytest.raises(UserError):
        formats.read_mat(damage((tmp_path / "x.mat").read_bytes()))


def test_made_up_beats_are_found_where_they_were_put():
    rng = np.random.default_rng(0)
    for rhythm in (0, 1, 2):
        signal = recording(rhythm, 30, seed=rhythm)
        beats = features.find_beats(signal)
        assert 30 < 60 * RATE / np.median(np.diff(beats)) < 180
    peaks = np.cumsum(rng.uniform(0.6, 1.0, 20))
    x = made_up.bumps(
        np.arange(30 * RATE) / RATE, peaks, np.ones(len(peaks)), np.full(len(peaks), 0.012)
    )
    result = features.find_beats(x + rng.normal(0, 0.02, len(x)))
    np.testing.assert_allclose(result / RATE, peaks, atol=0.01)


def test_a_fibrillating_rhythm_is_less_regular_than_a_normal_one():
    cv, jump = features.NAMES.index("rr_cv"), features.NAMES.index("median_jump")
    normal, af = (
        np.array([features.expert_features(recording(r, 10, s)) for s in range(6)]) for r in (0, 1)
    )
    assert np.median(af[:, cv]) > 2 * np.median(normal[:, cv])
    assert np.median(af[:, jump]) > 2 * np.median(normal[:, jump])


@pytest.mark.parametrize("signal", [np.zeros(3000), np.ones(3000), np.eye(1, 3000, 1500)[0]])
def test_features_are_finite_for_a_line_without_beats(signal):
    assert np.isfinite(features.expert_features(signal)).all()


def test_windows_have_the_same_features_together_and_one_by_one():
    windows = np.stack([recording(rhythm, 10, seed) for rhythm in (0, 1) for seed in range(3)])
    one_by_one = [features.expert_features(window) for window in windows]
    np.testing.assert_array_equal(features.features_of(windows), one_by_one)


def test_a_builder_for_tensorflow_datasets_passes_its_own_tests(tmp_path):
    """TensorFlow Datasets' test case for builders, on five recordings."""
    import tensorflow_datasets as tfds

    rng = np.random.default_rng(0)
    names = ("A00001", "A00003", "A00005", "A00002", "A00009")
    assert [cinc2017.part_of(name) for name in names] == [
        "train", "train", "validation", "test", "test"
    ]  # fmt: skip
    challenge(
        tmp_path,
        {name: rng.integers(-900, 900, 3000).astype("int16") for name in names},
        dict(zip(names, "NAO~N", strict=True)),
    )

    class Case(tfds.testing.DatasetBuilderTestCase):
        DATASET_CLASS = cinc2017.Builder
        SPLITS = {"train": 2, "validation": 1, "test": 2}  # noqa: RUF012
        EXAMPLE_DIR = str(tmp_path)
        SKIP_CHECKSUMS = True  # PhysioNet publishes its own, beside the files

        def runTest(self):  # noqa: N802
            self.test_registered()
            self.test_info()
            self.test_download_and_prepare_as_dataset()

    result = unittest.TestResult()
    unittest.TestSuite([Case()]).run(result)
    assert result.wasSuccessful(), result.failures + result.errors


def test_recordings_are_loaded_from_a_folder_of_the_publishers_files(tmp_path, monkeypatch):
    (tmp_path / "cinc2017").mkdir()
    names = ("A00001", "A00003", "A00005", "A00002")
    signals = {name: np.arange(3000 + 10 * k, dtype="int16") for k, name in enumerate(names)}
    challenge(tmp_path / "cinc2017", signals, dict(zip(names, "NAO~", strict=True)))
    monkeypatch.setenv("COMPANION_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    data = companion.load("cinc2017")
    assert data.train.names == ("A00001", "A00003")
    assert (data.train.y.tolist(), data.validation.y.tolist(), data.test.y.tolist()) == (
        [0, 1], [2], [3]
    )  # fmt: skip
    np.testing.assert_allclose(data.test.x[0], signals["A00002"] / 1000, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="needs cinc2017 under COMPANION_DATA_DIR")
def test_real_recordings_are_read_as_the_challenge_describes_them():
    with zipfile.ZipFile(REAL / "training2017.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".mat")][:200]
        signals = [formats.read_mat(archive.read(name))[0] for name in names]
    assert all(2700 <= len(signal) <= 18300 for signal in signals)  # 9 to 61 s
    assert {signal.dtype for signal in signals} == {np.dtype("int16")}


# ---- judging ------------------------------------------------------------------------------------


def test_windows_lie_within_their_recordings_and_af_is_cut_ten_times_as_often():
    recordings = [np.zeros(3000), np.zeros(4000), np.zeros(4000), np.zeros(2999)]
    number, start = protocol.windows(recordings, [0, 0, 1, 1])
    assert np.bincount(number).tolist() == [1, 3, 21]
    assert max(start) == 1000
    assert protocol.cut(recordings, (number, start)).shape == (25, 3000, 1)


def test_a_recording_gets_the_mean_log_odds_of_its_windows():
    numbers, p = protocol.by_recording(np.array([0.5, 0.9, 0.1, 0.8]), np.array([3, 7, 7, 9]))
    assert numbers.tolist() == [3, 7, 9]
    np.testing.assert_allclose(p, [0.5, 0.5, 0.8])


def test_scores_are_those_of_scikit_learn_and_the_threshold_is_the_best():
    rng = np.random.default_rng(0)
    truth = rng.random(500) < 0.3
    p = np.clip(0.3 * truth + rng.normal(0.4, 0.15, 500), 0, 1)
    threshold = protocol.best_threshold(truth, p)
    result = protocol.scores(truth, p, threshold)
    assert result["roc_auc"] == metrics.roc_auc_score(truth, p)
    best = max(metrics.f1_score(truth, p >= t) for t in np.unique(p))
    assert best - 0.02 < result["f1"] <= best


def test_resampling_recordings_gives_wider_intervals_than_resampling_windows():
    rng = np.random.default_rng(0)
    recording = np.repeat(np.arange(30), 20)
    truth = recording < 10
    p = 1 / (1 + np.exp(-(truth - 0.5) - np.repeat(rng.normal(size=30), 20)))
    (low, high), (narrow, wide) = (
        protocol.bootstrap(truth, p, unit, 0.5, resamples=60)["roc_auc"]
        for unit in (recording, np.arange(600))
    )
    assert high - low > 1.5 * (wide - narrow)
