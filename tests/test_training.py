"""Training: the same seed, the same run; stopped anywhere, the same end."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import interruptible

import companion
from companion import files
from companion.datasets import Dataset
from companion.errors import UserError
from companion.training import Recipe

EXACT = {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}


def tiny_network(classes=10):
    """A network with dropout, whose random state must survive a stop too."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ],
        name="tiny",
    )


def train(**options):
    return companion.train(
        tiny_network, **{"epochs": 4, "batch_size": 64, "show_progress": False, **options}
    )


def same(first, second):
    pd.testing.assert_frame_equal(
        first.history.drop(columns="seconds"), second.history.drop(columns="seconds"), atol=1e-6
    )
    for ours, theirs in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert first.metrics == second.metrics


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run and its folder, which no test may change."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return train(output=folder), folder


@pytest.fixture(scope="module")
def whole(finished):
    """The run that the others are held to."""
    return finished[0]


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished run's folder, free to be damaged."""
    return shutil.copytree(finished[1], tmp_path / "run")


def test_the_same_seed_gives_the_same_run_and_another_seed_another(whole):
    same(whole, train())
    other = train(seed=1)
    assert np.abs(whole.model.get_weights()[0] - other.model.get_weights()[0]).max() > 1e-3


def test_a_run_says_how_it_came_about(whole):
    assert set(whole.history.columns) == EXACT | {"seconds"}
    assert whole.history.index.tolist() == [1, 2, 3, 4]
    assert whole.metrics["best_epoch"] == whole.history["val_loss"].idxmin()
    assert whole.seconds == pytest.approx(whole.history["seconds"].sum())
    examples = 4 * (1293 // 64) * 64
    assert whole.examples_per_second == pytest.approx(examples / whole.seconds)
    assert whole.hardware["precision"] == "float32"
    assert whole.versions["keras"] == keras.__version__
    assert whole.asked["recipe"]["epochs"] == 4
    assert json.loads(json.dumps(whole.to_json()))["seed"] == 0


def test_the_metrics_are_those_of_keras_on_the_test_split(whole):
    test = companion.load("digits").test
    whole.model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = whole.model.evaluate(test.x, test.y, verbose=0)
    assert whole.metrics["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert whole.metrics["loss"] == pytest.approx(loss, abs=1e-5)


@pytest.mark.slow
def test_a_support_vector_machine_is_judged_beside_the_softmax_and_survives_a_stop(tmp_path, whole):
    result = train(svm=True, output=tmp_path / "run")
    assert result.metrics == whole.metrics | {"svm_accuracy": result.metrics["svm_accuracy"]}
    assert result.metrics["svm_accuracy"] > 0.5
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["metrics"] == result.metrics
    same(result, companion.resume(tmp_path / "run", show_progress=False))


def test_the_weights_are_those_of_the_best_epoch():
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.good = self.model.get_weights()
                self.model.set_weights([-5 * weight for weight in self.good])

    spoil = Spoil()
    result = train(callbacks=[spoil])
    assert result.metrics["best_epoch"] == 2
    for ours, good in zip(result.model.get_weights(), spoil.good, strict=True):
        np.testing.assert_array_equal(ours, good)


def test_patience_ends_a_run_early():
    result = train(recipe=Recipe(30, 64, learning_rate=0.5, patience=2))
    assert result.status == "stopped early"
    assert len(result.history) == result.metrics["best_epoch"] + 2 < 30


def test_the_run_folder_holds_weights_history_record_and_figures(whole, folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "model.keras", "history.csv", "examination.json", "run.json", "state-0004.keras",
        "learning-curve.png", "confusion-matrix.png",
    }  # fmt: skip
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["metrics"] == whole.metrics
    kept = keras.models.load_model(folder / "model.keras", compile=False)
    np.testing.assert_array_equal(kept.get_weights()[0], whole.model.get_weights()[0])


class StopAfter(keras.callbacks.Callback):
    """Stop as Ctrl-C would, some batches into an epoch."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.when = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.when:
            raise KeyboardInterrupt


@pytest.mark.drawn
@pytest.mark.parametrize(
    "when",
    [
        pytest.param((0, 3), marks=pytest.mark.slow),
        (1, 0),
        pytest.param((3, 19), marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, whole, monkeypatch, when):
    monkeypatch.setattr("companion.training.recorder.SECONDS_BETWEEN_SAVES", 0)
    with pytest.raises(KeyboardInterrupt):
        train(output=tmp_path / "run", callbacks=[StopAfter(*when)])
    assert (tmp_path / "run" / f"state-{when[0]:04d}.keras").exists()
    same(whole, companion.resume(tmp_path / "run", show_progress=False))


def test_resuming_a_finished_run_changes_nothing(whole, folder):
    same(whole, companion.resume(folder, show_progress=False))


@pytest.mark.slow
def test_half_precision_is_resumed_alike(tmp_path, monkeypatch):
    monkeypatch.setattr("companion.training.recorder.SECONDS_BETWEEN_SAVES", 0)
    options = {"epochs": 2, "precision": "mixed_float16"}
    with pytest.raises(KeyboardInterrupt):
        train(output=tmp_path / "run", callbacks=[StopAfter(1, 2)], **options)
    resumed = companion.resume(tmp_path / "run", show_progress=False)
    same(train(**options), resumed)
    assert resumed.hardware["precision"] == "mixed_float16"


TRAIN = [sys.executable, "-m", "companion", "train"]
OPTIONS = ["lenet5", "--epochs", "4", "--batch-size", "128", "--output"]


@pytest.fixture(scope="module")
def whole_folder(tmp_path_factory):
    """The folder of an uninterrupted run of the command line."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    subprocess.run([*TRAIN, *OPTIONS, folder], check=True, capture_output=True)
    return folder


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_a_run_of_the_command_line_survives_a_signal(tmp_path, whole_folder, blow):
    whole, part = whole_folder, tmp_path / "part"
    process = subprocess.Popen(
        interruptible(*TRAIN, *OPTIONS, part),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    limit = time.monotonic() + 120
    while "epoch 2/4" not in process.stderr.readline():
        assert time.monotonic() < limit
    process.send_signal(blow)
    _, output = process.communicate(timeout=60)
    assert process.returncode == (130 if blow == signal.SIGINT else -9)
    if blow == signal.SIGINT:
        assert f"companion train --resume {part}" in output.replace("\n", "")
    subprocess.run([*TRAIN, "--resume", part], check=True, capture_output=True)
    ours, theirs = (pd.read_csv(folder / "history.csv") for folder in (part, whole))
    pd.testing.assert_frame_equal(ours[list(EXACT)], theirs[list(EXACT)], atol=1e-6)
    models = [keras.models.load_model(folder / "model.keras") for folder in (part, whole)]
    for weight, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-6)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_weights():
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.good = self.model.get_weights()
                self.model.set_weights([np.full_like(w, np.nan) for w in self.good])

    poison = Poison()
    result = train(callbacks=[poison])
    assert result.status == "diverged"
    assert "The loss became nan at step 1 of epoch 3" in result.message
    assert len(result.history) == 2
    assert all(np.isfinite(weight).all() for weight in result.model.get_weights())


def test_a_network_that_cannot_learn_at_all_keeps_its_first_weights():
    model = tiny_network()
    first = model.get_weights()
    x, y = np.random.default_rng(0).random((200, 8, 8, 1)), np.arange(200) % 10
    result = companion.train(model, (x * 1e38, y), epochs=1, batch_size=32, show_progress=False)
    assert result.status == "diverged"
    assert "with the weights that it began with" in result.message
    for ours, begun in zip(result.model.get_weights(), first, strict=True):
        np.testing.assert_array_equal(ours, begun)


@pytest.mark.slow
def test_a_full_disk_loses_no_epoch_that_was_written(tmp_path, monkeypatch, whole):
    monkeypatch.setattr("companion.training.recorder.SECONDS_BETWEEN_SAVES", 0)
    folder, replace = tmp_path / "run", Path.replace

    def full(source, target):
        if target.name == "state-0003.keras":
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UserError, match=r"state-0003.keras could not be written.*No space left"):
        train(output=folder)
    assert (folder / "state-0002.keras").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    monkeypatch.setattr(Path, "replace", replace)
    same(whole, companion.resume(folder, show_progress=False))


def damaged(folder, name, content=b"not a model"):
    (folder / name).write_bytes(content)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("state-0004.keras", "cannot be resumed"),
        ("model.keras", "cannot be resumed"),
        ("history.csv", "cannot be resumed"),
        ("run.json", "run.json is damaged"),
    ],
)
def test_a_damaged_run_is_named_and_left_alone(folder, name, message):
    before = damaged(folder, name)
    with pytest.raises(UserError, match=message):
        companion.resume(folder, show_progress=False)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is 1 or more. Received: epochs=0"),
        ({"batch_size": 1294}, "at most the 1293 training examples of digits"),
        ({"batch_size": -1}, "batch_size is 1 or more"),
        ({"precision": "float8"}, "precision is one of auto, float32"),
        ({"devices": "gpu"}, "devices is a number or one of auto, cpu, all"),
        ({"learning_rate": -1.0}, "learning_rate is above 0"),
        ({"data": "digitz"}, "Did you mean 'digits'"),
        ({"output": "/proc/companion"}, "/proc/companion cannot be made"),
    ],
)
def test_what_cannot_be_done_is_told_in_the_readers_terms(options, message):
    with pytest.raises(UserError, match=message):
        train(**options)


def test_a_run_is_never_overwritten(folder):
    with pytest.raises(
        UserError, match=r"holds a run already.*continue with `companion train --resume"
    ):
        train(epochs=1, output=folder)


class FullDisk:
    """Writes that fail from the given file on."""

    def __init__(self, name):
        self.name, self.write = name, files.write

    def __call__(self, path, content):
        if path.name.startswith(self.name):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.write(path, content)


@pytest.mark.parametrize("first_refused", ["run.json", "model.keras", "state-0000.keras"])
def test_a_disk_that_was_full_at_the_first_save_gets_advice_that_works(
    first_refused, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(files, "write", FullDisk(first_refused))
        with pytest.raises(UserError, match="begin again, in another folder") as caught:
            train(epochs=1, output=folder)
    assert "--resume" not in str(caught.value)
    if first_refused != "run.json":
        with pytest.raises(UserError, match=r"holds a run already.*begin again"):
            train(epochs=1, output=folder)
        shutil.rmtree(folder)
    assert train(epochs=1, output=folder).status == "finished"


def test_a_disk_that_is_full_later_leaves_a_run_that_can_be_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr("companion.training.recorder.SECONDS_BETWEEN_SAVES", 0)
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(files, "write", FullDisk("state-0001.keras"))
        with pytest.raises(UserError, match="continue with `companion train --resume"):
            train(epochs=2, output=folder)
    assert len(companion.resume(folder, show_progress=False).history) == 2


def test_images_that_the_model_cannot_read_and_classes_that_it_cannot_tell_are_named():
    with pytest.raises(UserError, match=r"The model reads examples of shape \(8, 8, 1\)"):
        companion.train(tiny_network(), (np.ones((60, 5)), np.arange(60) % 3), batch_size=16)
    with pytest.raises(UserError, match="digits has 10 classes and the model tells 4 apart"):
        companion.train(tiny_network(4), batch_size=16)


def test_a_built_model_keeps_its_precision():
    with pytest.raises(UserError, match="This model was built in float32"):
        companion.train(tiny_network(), precision="mixed_bfloat16")


def test_your_own_data_are_named_in_the_run():
    rng = np.random.default_rng(0)
    data = Dataset.from_arrays(rng.random((90, 8, 8, 1)), np.arange(90) % 3, name="mine")
    result = train(data=data, epochs=1, batch_size=16)
    assert result.asked["data"] == "mine"
    assert result.model.output_shape == (None, 3)
