"""What the ECG networks are trained on: crops, beats and folds of made-up recordings; and how."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from recording_files import recording

import companion
from chapters.ecg import RECIPE, beats, crops, features, models, recordings, studies
from companion.datasets.dataset import SPLITS
from companion.errors import UserError
from companion.training.recorder import settle

RATE = recordings.RATE
SMALL = {"input_shape": (600, 1), "stages": ((4, 1, 3), (6, 1, 3))}


@pytest.fixture(scope="module")
def synthetic():
    return companion.load("ecg_synthetic")


def test_synthetic_recordings_are_the_same_for_the_same_seed(synthetic):
    assert np.bincount(synthetic.train.y, minlength=4).min() > 40
    np.testing.assert_array_equal(recording(1, seed=3), recording(1, seed=3))
    assert not np.array_equal(recording(1, seed=3), recording(1, seed=4))
    assert not set(synthetic.train.names) & set(synthetic.test.names)


# ---- crops and beats ----------------------------------------------------------------------------


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


# ---- training -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.drawn
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
