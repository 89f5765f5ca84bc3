"""Transfer: what is meant to move moves, nothing else does, and bases come with what they need."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from figure_page import CHAPTERS, PHONE, news, shown
from javascript import in_javascript, needs_node
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

import companion
from chapters.transfer import pretrained, scratch, shipping
from chapters.transfer.fine_tuning import (
    STRATEGIES,
    extracted,
    fine_tune,
    flat_layers,
    open_layers,
    with_head,
)
from chapters.transfer.models import transfer_cnn
from chapters.transfer.pretrained import load_base
from chapters.transfer.sources import of_classes
from companion.data_files import data_folder
from companion.errors import UserError

TINY = {"steps": 2, "epochs": 1, "batch_size": 16, "keep": "last", "show_progress": False}


@pytest.fixture(scope="module")
def digits():
    return of_classes(companion.load("digits"), slice(5, 10))


@pytest.fixture(scope="module")
def base():
    return load_base()


def arrays(model):
    """Every array of a model under the name that the chapter's tower gives it."""
    names = {"gamma": "γ", "beta": "β", "moving_mean": "moving mean"}
    names["moving_variance"] = "moving variance"
    return {
        f"{layer.name} {names.get(weight.name, weight.name)}": np.array(weight)
        for layer in flat_layers(model)
        for weight in layer.weights
    }


def moved(before, after):
    return {name for name, array in after.items() if not np.array_equal(before[name], array)}


class Snapshots(keras.callbacks.Callback):
    """The arrays of a model at the beginning and at the end of each training."""

    def __init__(self):
        super().__init__()
        self.pairs = []

    def on_train_begin(self, logs=None):
        self.pairs.append([arrays(self.model)])

    def on_train_end(self, logs=None):
        self.pairs[-1].append(arrays(self.model))


# ---- fine-tuning --------------------------------------------------------------------------------


@pytest.mark.drawn
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_stage_moves_the_arrays_of_the_strategy_and_no_other(strategy, base, digits):
    snapshots = Snapshots()
    runs = fine_tune(base, digits, strategy, callbacks=[snapshots], **TINY)
    assert len(runs) == len(snapshots.pairs) == (1 if strategy == "head" else 2)
    for stage, (before, after) in enumerate(snapshots.pairs, start=1):
        assert moved(before, after) == set(scratch.moving_arrays(scratch.TOWER, strategy, stage))


def test_a_base_is_not_changed_by_its_use(base, digits):
    before = arrays(base)
    fine_tune(base, digits, "all", **TINY)
    assert not moved(before, arrays(base))


def test_a_second_use_of_a_base_begins_where_the_first_did(base, digits):
    first, second = (fine_tune(base, digits, "all", seed=3, **TINY)[-1] for _ in range(2))
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        assert_array_equal(one, other)


def test_the_second_stage_has_a_smaller_rate_and_a_fresh_optimizer(base, digits):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(int(self.model.optimizer.iterations))

    runs = fine_tune(base, digits, "some", callbacks=[Watch()], **TINY)
    assert seen == [0, 0]
    rates = [run.asked["recipe"]["learning_rate"] for run in runs]
    assert rates == [5e-3, 5e-4]
    assert runs[0].model.optimizer is not runs[1].model.optimizer


def test_the_first_open_layer_can_be_named_and_opens_all_above_it(base):
    model = with_head(base, 5)
    open_layers(model, "some", "conv2")
    weights = {f"{layer.name}" for layer in flat_layers(model) if layer.trainable_weights}
    assert weights == {"conv2", "conv3", "head"}
    open_layers(model, "head")
    assert [layer.name for layer in flat_layers(model) if layer.trainable_weights] == ["head"]


def test_what_cannot_be_opened_is_told_before_anything_trains(base, digits):
    with pytest.raises(UserError, match="'head', 'some', 'all'"):
        fine_tune(base, digits, "most", **TINY)
    with pytest.raises(UserError, match=r"a layer of the base: .*conv1.*'conv9'"):
        fine_tune(base, digits, "some", first_open="conv9", **TINY)


def test_a_base_of_maps_is_averaged_under_its_head():
    images = keras.Input((8, 8, 1))
    maps = keras.Model(images, keras.layers.Conv2D(7, 3, name="conv1")(images))
    model = with_head(maps, 3)
    assert model.get_layer("average").output.shape == (None, 7)
    assert model.output_shape == (None, 3)


def test_features_that_are_kept_are_what_the_head_sees_on_the_frozen_base(base, digits):
    model, kept = with_head(base, 5), extracted(base, digits)
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(0, 0.1, (256, 5)), rng.normal(size=5)
    model.get_layer("head").set_weights([kernel, bias])
    logits = kept.test.x @ kernel + bias
    answers = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert_allclose(model(digits.test.x, training=False), answers, atol=1e-5)
    assert kept.shape == base.output_shape[1:]


ON_A_BACKEND = """
import json, sys
sys.path.insert(0, "tests")
from test_transfer import STRATEGIES, TINY, Snapshots, fine_tune, load_base, moved, of_classes
import companion
digits = of_classes(companion.load("digits"), slice(5, 10))
found = {}
for strategy in STRATEGIES:
    watch = Snapshots()
    fine_tune(load_base(), digits, strategy, callbacks=[watch], **TINY)
    found[strategy] = [sorted(moved(*pair)) for pair in watch.pairs]
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_the_same_arrays_move_on_every_backend(backend):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"no {backend} here")
    ran = subprocess.run(
        [sys.executable, "-c", ON_A_BACKEND], capture_output=True, text=True,
        cwd=CHAPTERS.parent, env={**os.environ, "KERAS_BACKEND": backend},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == {
        strategy: [
            sorted(scratch.moving_arrays(scratch.TOWER, strategy, stage))
            for stage in ((1,) if strategy == "head" else (1, 2))
        ]
        for strategy in STRATEGIES
    }


# ---- bases --------------------------------------------------------------------------------------


def test_the_shipped_base_is_small_and_says_what_it_has_seen():
    path = data_folder() / "weights" / f"{pretrained.SHIPPED}.npz"
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert path.stat().st_size < 2e6
    assert "digits 0 to 4" in card["data"]
    assert card["metrics"]["accuracy"] > 0.99
    assert sum(card["examples"].values()) < 40_000  # half of MNIST, about
    assert shipping.CLASSES == 5


def test_the_shipped_base_reads_the_digits_that_it_was_trained_for(base):
    old = of_classes(companion.load("digits"), slice(0, 5))
    kept = extracted(base, old)
    kernel, bias = scratch.linear_probe(kept.train.x, kept.train.y, 5)
    assert np.mean((kept.test.x @ kernel + bias).argmax(axis=1) == kept.test.y) > 0.97


@pytest.fixture
def copied(tmp_path):
    """The shipped files, where they may be damaged."""
    for suffix in (".npz", ".json"):
        shutil.copy(data_folder() / "weights" / f"{pretrained.SHIPPED}{suffix}", tmp_path)
    return tmp_path / f"{pretrained.SHIPPED}.npz"


def test_a_shipped_file_that_is_damaged_or_missing_gets_one_sentence(copied):
    pretrained.shipped(copied)
    whole = copied.read_bytes()
    copied.write_bytes(whole[:5000])
    with pytest.raises(UserError, match="is damaged: its SHA-256"):
        pretrained.shipped(copied)
    copied.unlink()
    with pytest.raises(UserError, match="Install the companion again"):
        pretrained.shipped(copied)


@pytest.mark.parametrize("name", ["mine.keras", "mine.weights.h5"])
def test_a_file_of_yours_becomes_a_base(name, tmp_path):
    model = transfer_cnn()
    (model.save if name.endswith(".keras") else model.save_weights)(tmp_path / name)
    base = load_base(tmp_path / name)
    assert base.output_shape == (None, 256)
    for one, other in zip(
        base.get_weights(), model.get_weights()[: len(base.weights)], strict=True
    ):
        assert_array_equal(one, other)


def test_files_that_are_missing_damaged_or_foreign_get_one_sentence(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        load_base(tmp_path / "none.keras")
    for name in ("bad.keras", "bad.weights.h5"):
        (tmp_path / name).write_bytes(b"no weights at all")
        with pytest.raises(UserError, match=f"{name} cannot be read: it is damaged"):
            load_base(tmp_path / name)
    transfer_cnn(hidden=9).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(UserError, match=r"the weights of another network than transfer_cnn"):
        load_base(tmp_path / "other.weights.h5")
    with pytest.raises(UserError, match=r"no base named 'vgg61'. Did you mean 'vgg16'"):
        load_base("vgg61")


def test_a_base_that_must_be_fetched_is_refused_before_it_is_built_where_there_is_no_network(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(pretrained, "reachable", lambda host: False)
    monkeypatch.setattr(pretrained, "with_preprocessing", None)
    with pytest.raises(UserError, match=r"storage\.googleapis.com cannot be reached"):
        load_base("mobilenet_v2")


@pytest.mark.slow
@pytest.mark.parametrize("name", pretrained.APPLICATIONS)
def test_preprocessing_is_part_of_a_base_of_keras(name, monkeypatch):
    one = pretrained.APPLICATIONS[name]
    keras.utils.set_random_seed(0)
    kept = []
    build = one.build
    built = one._replace(build=lambda **told: kept.append(build(**told)) or kept[0])
    model = pretrained.with_preprocessing(built, weights=None)
    images = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    expected = kept[0](one.preprocess(255 * images.copy()), training=False)
    assert_allclose(model(images, training=False), expected, rtol=1e-4, atol=1e-5)


# ---- by hand ------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("trainable", [False, True])
def test_batch_normalization_has_two_switches_as_in_keras(training, trainable):
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (6, 4)).astype("float32")
    layer = keras.layers.BatchNormalization(momentum=0.9)
    layer.build(x.shape)
    given = [*rng.normal(size=(3, 4)), rng.uniform(0.5, 2, 4)]
    layer.set_weights(given)
    layer.trainable = trainable
    theirs = layer(x, training=training)
    answers, mean, variance = scratch.batch_norm(x, *given, training=training, trainable=trainable)
    assert_allclose(answers, theirs, atol=1e-4)
    assert_allclose(mean, layer.moving_mean, rtol=1e-5)
    assert_allclose(variance, layer.moving_variance, rtol=1e-5)


def test_a_linear_probe_is_scikit_learns_ridge():
    rng = np.random.default_rng(0)
    features, y = rng.normal(2, 1, (30, 6)), rng.integers(0, 3, 30)
    kernel, bias = scratch.linear_probe(features, y, 3, 0.7)
    theirs = Ridge(0.7).fit(features, np.eye(3)[y])
    assert_allclose(kernel, theirs.coef_.T, atol=1e-8)
    assert_allclose(bias, theirs.intercept_, atol=1e-8)


def test_the_tower_is_the_base_under_a_head(base):
    model = with_head(base, 5)
    sizes = {name: array.size for name, array in arrays(model).items()}
    assert sizes == {
        f"{layer.name} {name}": size
        for layer in scratch.TOWER
        for name, size in (layer.learned | layer.counted).items()
    }


def test_the_matrix_has_the_slides_four_cells_and_no_other():
    advised = {pair: scratch.recommend(*pair).strategy for pair in scratch.MATRIX}
    assert advised == {
        ("little", "similar"): "head",
        ("little", "different"): "head",
        ("large", "similar"): "some",
        ("large", "different"): "all",
    }
    with pytest.raises(ValueError, match="'much', 'similar'"):
        scratch.recommend("much", "similar")


def test_what_cannot_be_moved_or_kept_is_refused():
    for wrong in (("most", 2, "conv3"), ("some", 3, "conv3"), ("some", 2, "conv9")):
        with pytest.raises(ValueError, match="Received"):
            scratch.moving_arrays(scratch.TOWER, *wrong)
    with pytest.raises(ValueError, match="while the base stays"):
        scratch.passes_through(10, 2, "all", kept=True)
    with pytest.raises(ValueError, match="Received: 'some'"):
        scratch.passes_through(10, 2, "some")
    assert scratch.passes_through(10, 2, "all") == (20, 20)


# ---- the figure in the page ---------------------------------------------------------------------


@needs_node
def test_the_tower_of_the_page_moves_what_the_chapter_moves():
    stages = [
        (strategy, stage, first)
        for strategy in STRATEGIES
        for stage in (1, 2)
        for first in ("conv2", "conv3")
    ]
    moving, advice, tower = in_javascript(
        CHAPTERS / "transfer" / "floors.js",
        """(f, given) => [given.stages.map((one) => f.movingArrays(...one)),
                           given.pairs.map((one) => f.recommend(...one)), f.TOWER]""",
        {"stages": stages, "pairs": list(scratch.MATRIX)},
    )
    for one, received in zip(stages, moving, strict=True):
        assert received == scratch.moving_arrays(scratch.TOWER, *one)
    assert advice == [[one.strategy, one.sentence] for one in scratch.MATRIX.values()]
    assert [(one["name"], one["learned"], one["counted"]) for one in tower] == [
        (layer.name, layer.learned, layer.counted) for layer in scratch.TOWER
    ]


@pytest.fixture
def figure(chromium, tmp_path):
    """The figure alone, from disk, on a phone that asks for stillness."""
    with shown(chromium, tmp_path, "transfer", **PHONE, reduced_motion="reduce") as page:
        yield page


@pytest.mark.slow
def test_floors_lock_and_open_as_the_strategy_says(figure):
    assert "Stage 1 moves 1,285 numbers in 2 arrays: head kernel, head bias." in news(figure)
    figure.get_by_label("Data", exact=True).select_option("large")
    assert "“Finetune a few layers” (some: not what you have)" in news(figure)
    figure.get_by_role("button", name="Begin as the matrix says", exact=True).click()
    assert "some: as you have it" in news(figure)
    assert "Stage 2 moves 19,717 numbers" in news(figure)
    figure.get_by_label("They are", exact=True).select_option("different")
    figure.get_by_role("button", name="Begin as the matrix says", exact=True).click()
    assert "Stage 2 moves 24,469 numbers" in news(figure)
    label = figure.locator("svg").get_attribute("aria-label")
    assert label.startswith("A tower of 7 layers. Open: conv1, conv2, conv3, head.")


@pytest.mark.slow
def test_a_floor_is_read_by_keyboard_and_by_touch(figure):
    slider = figure.get_by_label("Floor to look at", exact=True)
    slider.press("Home")
    assert "conv1 is locked: kernel stays as it is." in news(figure)
    slider.press("ArrowRight")
    assert "norm1 is locked, as normalization always is: γ, β, moving mean" in news(figure)
    assert slider.get_attribute("aria-valuetext") == "norm1"
    box = figure.locator("svg").bounding_box()
    figure.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 40)
    assert "head is open: kernel and bias move" in news(figure)
