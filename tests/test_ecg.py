"""The ECG chapter: data, features of known rhythms, judging, models, and files of all kinds."""

import functools
import json
import os
import subprocess
import sys
import unittest
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.io
from sklearn import metrics

import companion
from chapters.ecg import (
    RECIPE,
    beats,
    cinc2017,
    crops,
    detector,
    experts,
    features,
    formats,
    models,
    protocol,
    recordings,
    studies,
)
from chapters.ecg import synthetic as made_up
from companion.datasets.dataset import SPLITS
from companion.errors import UserError
from companion.training.recorder import settle

RATE = recordings.RATE
REAL = Path(os.environ.get("COMPANION_DATA_DIR", "nowhere")) / "cinc2017"
WEIGHTS = Path(__file__).parents[1] / "data" / "weights" / "ecg.npz"
SMALL = {"input_shape": (600, 1), "stages": ((4, 1, 3), (6, 1, 3))}


@pytest.fixture(scope="module")
def synthetic():
    return companion.load("ecg_synthetic")


def recording(rhythm=0, seconds=20, seed=0):
    """A made-up recording."""
    return made_up.electrocardiogram(rhythm, seconds, np.random.default_rng(seed))


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


def test_synthetic_recordings_are_the_same_for_the_same_seed(synthetic):
    assert np.bincount(synthetic.train.y, minlength=4).min() > 40
    np.testing.assert_array_equal(recording(1, seed=3), recording(1, seed=3))
    assert not np.array_equal(recording(1, seed=3), recording(1, seed=4))
    assert not set(synthetic.train.names) & set(synthetic.test.names)


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


# ---- models -------------------------------------------------------------------------------------


def test_the_expert_in_numpy_is_the_pipeline_of_scikit_learn():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    y = (x[:, 0] ** 2 + x[:, 1] > 1).astype(int) + (x[:, 2] > 1)
    pipeline = experts.logistic_regression().fit(x, y)
    ours = experts.Expert.of(pipeline)(3 * x)
    np.testing.assert_allclose(ours, pipeline.predict_proba(3 * x), atol=1e-9)


def test_opinions_together_are_a_normalized_geometric_mean():
    one, other = np.array([[0.8, 0.2]]), np.array([[0.5, 0.5]])
    np.testing.assert_allclose(detector.together(one, one), one)
    np.testing.assert_allclose(detector.together(one, other), [[2 / 3, 1 / 3]])


def test_every_kind_of_reader_has_the_same_say():
    rng = np.random.default_rng(0)
    one, other, beat, expert = (p / p.sum(1, keepdims=True) for p in rng.random((4, 5, 4)))
    result = detector.by_kind(
        [("cnn", one), ("crnn", other), ("beat_reader", beat), ("expert", expert)]
    )
    samples = detector.together(one, other)
    np.testing.assert_allclose(result, detector.together(samples, beat, expert))
    np.testing.assert_allclose(detector.by_kind([("cnn", one)]), one)


def test_the_louder_or_shifted_signal_is_the_same_to_a_network():
    layer = models.Standardize()
    x = recording()[None, :, None]
    np.testing.assert_allclose(layer(5 * x + 3), layer(x), atol=0.1)


def test_frequency_bands_are_those_of_a_fourier_transform_and_add_up():
    x = recording(1, 2)[None, :, None]
    channels = keras.ops.convert_to_numpy(models.FrequencyBands()(x))[0]
    np.testing.assert_allclose(channels[1:].sum(axis=0), channels[0], atol=1e-5)
    spectrum = np.fft.rfft(x[0, :, 0])
    spectrum[(hertz := np.fft.rfftfreq(600, 1 / RATE)) < 0.5] = 0
    spectrum[hertz >= 50] = 0
    np.testing.assert_allclose(channels[2], np.fft.irfft(spectrum, 600), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "shape", "steps"),
    [
        (functools.partial(models.acrnn, units=4, **SMALL), (600, 1), 50),
        (functools.partial(models.beat_reader, units=4), beats.ROWS, beats.BEATS),
    ],
    ids=["acrnn", "beat_reader"],
)
def test_attention_has_a_row_for_each_signal_that_sums_to_one(model, shape, steps):
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    result = models.attention(model(), x)["attention"]
    assert result.shape == (3, steps)
    np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-5)


def test_the_beat_reader_has_a_fourteenth_of_the_parameters_of_the_acrnn():
    cell = 2 * 3 * 32 * (48 + 32 + 2)  # a GRU each way, with two biases
    dense = (71 * 48 + 48) + (48 * 24 + 24) + (30 * 48 + 48) + (64 * 32 + 32) + 32 + (192 * 4 + 4)
    assert models.beat_reader().count_params() == cell + dense == 24_748
    assert round(models.acrnn().count_params() / 24_748) == 14


@pytest.mark.slow
def test_mina_attends_to_beats_rhythm_and_frequency():
    model = models.mina(input_shape=(300, 1))
    result = models.attention(model, np.random.default_rng(0).normal(size=(2, 300, 1)))
    assert {name: weights.shape for name, weights in result.items()} == {
        **{f"beat_{k}": (2, 6, 10) for k in range(4)},
        **{f"rhythm_{k}": (2, 6) for k in range(4)},
        "frequency": (2, 4),
    }
    for weights in result.values():
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-4)


def test_mina_has_the_references_parameters_but_for_pytorchs_second_biases():
    base = 64 * 32 + 64 + 33 + 65 * 8 + 8 + 2 * 4 * 32 * (64 + 32 + 1) + 65 * 8 + 8 + 64 * 8 + 8
    assert 4 * base + 9 * 2 + 2 + 8 * 4 + 4 == 114_268


def test_the_cardiologist_has_33_convolutions_and_one_dense_layer():
    model = models.cardiologist(input_shape=(256, 1), filters=2, kernel=3)
    kinds = [type(layer) for layer in model.layers]
    assert kinds.count(keras.layers.Conv1D) == 33
    assert kinds.count(keras.layers.Dense) == 1
    widths = [2 * 2 ** (block // 4) for block in range(16)]
    before = [2, *widths]
    weights = 3 * 1 * 2 + 2 + 2 * 2  # the first convolution and its normalization
    for block, width in enumerate(widths):
        weights += 3 * before[block] * width + width + 3 * width * width + width
        weights += 2 * width + (2 * before[block] if block else 0)
    weights += 2 * 16 + 16 * 4 + 4
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == weights


def test_a_batch_of_crops_has_the_asked_shape_and_depends_on_the_seed_alone(synthetic):
    def batch(seed):
        some = crops.Crops(synthetic.train.x, synthetic.train.y, length=600)
        return next(some.batches(8, seed))

    (x, labels), (again, same) = batch(1), batch(1)
    assert x.shape == (8, 600, 1)
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(labels, same)
    assert not np.array_equal(x, batch(2)[0])


def test_crops_come_from_the_recordings_they_are_given():
    ramp = [np.full(700, 5.0), np.full(900, -3.0)]
    some = crops.Crops(ramp, [0, 1], length=600, noise=0.0, masked=0.0, upside_down=0.0)
    x, labels = next(some.batches(16, 0))
    np.testing.assert_allclose(x[..., 0], np.where(labels == 0, 5, -3)[:, None].repeat(600, 1))


def three_beats():
    """The lesson's beats at 0.0, 0.8, 1.4 and 2.6 s, one second into a window."""
    places = (1 + np.array([[0.0, 0.8, 1.4, 2.6]])) * RATE
    samples = np.random.default_rng(0).normal(size=5 * RATE)
    beats_there = np.pad(places.astype(int), ((0, 0), (0, beats.BEATS - 4)))
    there = np.arange(beats.BEATS)[None] < 4
    return samples, beats_there, there, np.array([[0]]), np.array([[5 * RATE]])


def test_a_row_of_a_beat_holds_the_numbers_of_the_lesson():
    rows = beats.describe(*three_beats())[0]
    times = rows[2, -beats.TIMES - 1 :]
    logs = 3 * np.log(0.6 / 0.8), 3 * np.log(1.2 / 0.8), 5 * np.log(0.6 / 0.8), 5 * np.log(2)
    np.testing.assert_allclose(times, [*logs, 0, 1], rtol=1e-6)
    assert rows[:, -2].tolist() == [1, 0, 0, -1] + [0] * 36
    assert not rows[4:].any()


def test_rows_of_beats_do_not_know_how_loud_the_signal_is_but_how_fast():
    samples, *where = three_beats()
    rows = beats.describe(samples, *where)
    np.testing.assert_allclose(beats.describe(7 * samples, *where), rows, atol=0.01)
    faster = beats.describe(samples, *where, speed=2.0)
    change = faster[0, :4, -beats.TIMES - 1 :] - rows[0, :4, -beats.TIMES - 1 :]
    np.testing.assert_allclose(change[1:3], [[-3 * np.log(2)] * 2 + [0] * 4] * 2, atol=1e-5)


def test_rows_of_beats_are_those_that_the_expert_finds():
    x = np.stack([recording(rhythm, 10, 3) for rhythm in (0, 1)] + [np.zeros(3000)])[..., None]
    rows = beats.beat_rows(x)
    assert rows.shape == (3, *beats.ROWS)
    for row, signal in zip(rows, x, strict=True):
        result = features.find_beats(signal[:, 0])
        assert row[:, -1].sum() == len(result)
        expected = 3 * np.log(np.diff(result) / RATE / 0.8)
        np.testing.assert_allclose(row[1 : len(result), -beats.TIMES - 1], expected, rtol=1e-5)


def test_a_batch_of_beats_depends_on_the_seed_alone_and_is_that_of_the_recording(synthetic):
    def batch(seed, **trouble):
        line = beats.Line.of(synthetic.train.x[:9])
        return next(crops.BeatCrops(line, synthetic.train.y[:9], **trouble).batches(8, seed))

    (x, labels), (again, same) = batch(1), batch(1)
    assert x.shape == (8, *beats.ROWS)
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(labels, same)
    assert not np.array_equal(x, batch(2)[0])
    whole = [recording(1, 10, 4)]
    line = beats.Line.of(whole)
    plain = crops.BeatCrops(line, [1], stretch=0.0, noise=0.0, upside_down=0.0)
    np.testing.assert_array_equal(
        next(plain.batches(1, 0))[0], beats.beat_rows(np.array(whole)[..., None])
    )


def test_recordings_are_fitted_as_windows_and_as_beats_each_within_its_split(synthetic):
    few = replace(synthetic, **{part: getattr(synthetic, part)[:4] for part in SPLITS})
    windows = few.fitted_to((3000, 1))
    for part in SPLITS:
        whole, cut = getattr(few, part), getattr(windows, part)
        assert cut.x.shape == (sum(len(signal) // 3000 for signal in whole.x), 3000, 1)
        np.testing.assert_array_equal(cut.x[0, :, 0], whole.x[0][:3000])
        assert set(cut.names) == set(whole.names)
    rows = few.fitted_to(beats.ROWS)
    np.testing.assert_array_equal(rows.test.x, beats.beat_rows(windows.test.x))
    assert len(replace(few, test=few.test[:0]).fitted_to((3000, 1)).test) == 0
    with pytest.raises(UserError, match="reads examples of shape"):
        few.fitted_to((8, 8, 1))


@pytest.mark.slow
@pytest.mark.no_cover
def test_the_recipe_is_adamw_on_drawn_batches_and_the_mean_of_its_weights(synthetic):
    def draw(recordings, batch_size, seed):
        return crops.Crops(recordings.x, recordings.y, length=600).batches(batch_size, seed)

    few = replace(synthetic, validation=synthetic.validation[:0], test=synthetic.test[:0])
    told = {**RECIPE, "steps": 6, "epochs": 1, "batch_size": 8, "jit_compile": False}
    run = companion.train(
        lambda classes: models.cnn(**SMALL, classes=classes), few, seed=3, batches=draw,
        precision="float32", devices="cpu", show_progress=False, **told,
    )  # fmt: skip

    keras.utils.set_random_seed(3)
    model, batches = models.cnn(**SMALL), draw(synthetic.train, 8, 3)
    rate = keras.optimizers.schedules.CosineDecay(1.5e-3, 5, warmup_target=1.5e-3, warmup_steps=1)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=0.02, clipnorm=1.0, use_ema=True, ema_momentum=0.998
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.05)
    model.compile(optimizer, loss, jit_compile=False)
    for _ in range(6):
        x, labels = next(batches)
        model.train_on_batch(x, np.eye(4, dtype="float32")[labels])
    optimizer.finalize_variable_values(model.trainable_variables)
    settle(model, batches)
    for ours, theirs in zip(run.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_averages_settle_on_the_batches_that_they_are_given(synthetic):
    model = models.cnn(**SMALL)
    layer = next(one for one in model.layers if hasattr(one, "moving_mean"))
    stream = crops.Crops(synthetic.train.x, synthetic.train.y, length=600).batches(4, 0)
    batches = [next(stream) for _ in range(5)]
    settle(model, iter(batches), len(batches))
    before = keras.Model(model.inputs[0], layer.input)
    means = [keras.ops.convert_to_numpy(before(x)).mean(axis=(0, 1)) for x, _ in batches]
    settled = keras.ops.convert_to_numpy(layer.moving_mean)
    np.testing.assert_allclose(settled, np.mean(means, axis=0), atol=1e-5)
    assert layer.momentum == 0.9


def test_a_committee_asks_its_members_each_with_a_seed_of_its_own():
    assert studies.readers_of("cnn", 2) == (("cnn", 2),)
    assert [one.name for one in studies.readers_of(studies.BEST, 0)] == [
        "acrnn", "crnn", "beat_reader", "beat_reader", "beat_reader", "logistic_regression"
    ]  # fmt: skip
    assert [one.seed for one in studies.readers_of(studies.BEATS, 1)] == [1, 2, 3]


def test_what_a_study_has_made_is_kept_in_its_working_folder_alone(tmp_path, monkeypatch):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        of, made = studies.StudyData(quick=True), []
        for _ in range(2):
            kept = of.kept("x", lambda made=made: made.append(1) or {"a": np.arange(3)})
            assert kept["a"].tolist() == [0, 1, 2]
        assert len(made) == 1


# ---- files --------------------------------------------------------------------------------------


def written(folder, name, values):
    """A recording file."""
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".csv":
        path.write_text("mV\n" + "\n".join(f"{value:.5f}" for value in values))
    else:
        scipy.io.savemat(path, {"val": (values * 1000).astype("int16")[None]}, format="4")
    return path


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


# ---- five folds ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dealt(synthetic):
    """The made-up recordings, dealt for each of the five folds, by name."""
    from chapters.ecg import folds

    deals = [folds.dealt(synthetic, fold) for fold in range(folds.FOLDS)]
    return [[set(getattr(deal, part).names) for part in SPLITS] for deal in deals]


def test_every_recording_is_tested_in_one_fold_and_lies_in_one_part_of_each(dealt, synthetic):
    count = sum(len(getattr(synthetic, part)) for part in SPLITS)
    for parts in dealt:
        assert len(set.union(*parts)) == sum(map(len, parts)) == count
    assert sorted(name for *_, test in dealt for name in test) == sorted(set.union(*dealt[0]))


def test_who_is_tested_does_not_depend_on_who_else_is_there(synthetic):
    from chapters.ecg import folds

    named = [replace(getattr(synthetic, part), names=tuple(f"{part}{k}" for k in range(
        len(getattr(synthetic, part))))) for part in SPLITS]  # fmt: skip
    data = replace(synthetic, **dict(zip(SPLITS, named, strict=True)))
    whole = folds.dealt(data, 2)
    fewer = folds.dealt(replace(data, train=data.train[::3]), 2)
    for part in SPLITS:
        assert set(getattr(fewer, part).names) <= set(getattr(whole, part).names)


def test_the_challenges_score_is_the_mean_f1_of_three_classes_as_scikit_learn_has_it():
    from sklearn.metrics import f1_score

    from chapters.ecg import folds

    rng = np.random.default_rng(0)
    truth, called = rng.integers(4, size=(2, 300))
    each = f1_score(truth, called, average=None)[:3]
    result = folds.challenge_scores(truth, called)
    assert list(result.values()) == pytest.approx([*each, each.mean()])
    low, high = folds.interval(truth, called, 200)
    assert low < result["challenge_f1"] < high


def test_offsets_undo_a_training_that_saw_the_rare_classes_too_often():
    from chapters.ecg import folds

    rng = np.random.default_rng(0)
    truth = rng.choice(4, 600, p=(0.6, 0.1, 0.27, 0.03))
    scores = np.eye(4)[truth] + rng.normal(0, 0.6, (600, 4))
    wrong = scores + np.array([0, 1.0, 0, 1.0])
    offsets = folds.best_offsets(wrong, truth)
    assert offsets[1] < -0.5
    assert offsets[3] < -0.5
    before, after = (
        folds.challenge_scores(truth, (wrong + one).argmax(1))["challenge_f1"]
        for one in (0, offsets)
    )
    assert after > before + 0.05


def test_a_recording_without_a_window_is_called_normal():
    from chapters.ecg import folds

    log_probabilities = folds.rhythms(np.array([[0.1, 0.7, 0.1, 0.1]] * 2), np.array([1, 1]), 2)
    assert log_probabilities.argmax(1).tolist() == [0, 1]
    assert np.exp(log_probabilities[1]) == pytest.approx([0.1, 0.7, 0.1, 0.1])


def test_a_row_of_a_fold_takes_its_thresholds_from_the_training_part_alone(monkeypatch, tmp_path):
    """The tested recordings' answers change its scores, and never the thresholds."""
    from chapters.ecg import folds, studies

    monkeypatch.chdir(tmp_path)
    of = studies.Fold(True, fold=1)
    rng, asked = np.random.default_rng(0), []
    kept = folds.best_offsets
    monkeypatch.setattr(
        folds,
        "best_offsets",
        lambda probabilities, y: asked.append(probabilities) or kept(probabilities, y),
    )

    def opinions(spread):
        draws = {
            part: rng.normal(0, spread if part == "test" else 0.4, (len(of.truth(part)), 4))
            for part in studies.PARTS
        }
        probabilities = {
            part: np.exp(2 * np.eye(4)[of.truth(part)] + draws[part]) for part in draws
        }
        probabilities = {
            part: one / one.sum(1, keepdims=True) for part, one in probabilities.items()
        }
        if asked:
            probabilities["validation"] = first["validation"]
        return probabilities, {"seconds": 1.0}

    first, _ = opinions(0.1)
    rows = []
    for found in (first, opinions(3.0)[0] | {"validation": first["validation"]}):
        monkeypatch.setattr(studies, "opinions", lambda *_, found=found: (found, {"seconds": 1.0}))
        rows.append(studies.scored("cnn", of, 20))
    assert np.array_equal(*asked)
    assert rows[0]["challenge_f1"] > 0.95 > rows[1]["challenge_f1"]
    assert rows[0]["recordings_tested"] == len(of.data.test)
    assert all(
        row[f"{one}_low"] <= row[one] <= row[f"{one}_high"]
        for row in rows
        for one in ("challenge_f1", "recording_roc_auc", "window_f1")
    )
