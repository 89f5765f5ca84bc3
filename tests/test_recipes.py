"""Recipes: what Keras does when it is asked directly is what `companion.train` does."""

import json

import keras
import numpy as np
import pytest
from small_networks import KINDS, X, network, train

import companion
from companion.datasets import Dataset, Split
from companion.errors import UserError
from companion.training import Recipe
from companion.training.batches import passes

ORDER = passes(120, 3, seed=5, batch_size=16)
LOGITS = {"from_logits": True, "reduction": "mean_with_sample_weight"}


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("recipe", "optimizer", "loss"),
    [
        ({}, keras.optimizers.Adam(0.01), None),
        (
            {"optimizer": "sgd", "optimizer_options": {"momentum": 0.9}, "clip_norm": 0.1},
            keras.optimizers.SGD(0.01, momentum=0.9, clipnorm=0.1),
            None,
        ),
        ({"global_clip_norm": 0.1}, keras.optimizers.Adam(0.01, global_clipnorm=0.1), None),
        (
            {"optimizer": "adamw", "weight_decay": 0.5, "no_decay": ()},
            keras.optimizers.AdamW(0.01, weight_decay=0.5),
            None,
        ),
        ({"averaging": 0.9}, keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9), None),
        (
            {"label_smoothing": 0.1},
            keras.optimizers.Adam(0.01),
            keras.losses.CategoricalCrossentropy(True, 0.1),
        ),
        (
            {"schedule": "cosine", "warmup": 0.0},
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 21)),
            None,
        ),
        (
            {"schedule": keras.optimizers.schedules.ExponentialDecay(0.01, 7, 0.5)},
            keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 7, 0.5)),
            None,
        ),
        (
            {"class_weights": (1.0, 2.0, 0.5)},
            keras.optimizers.Adam(0.01),
            keras.losses.SparseCategoricalCrossentropy(**LOGITS),
        ),
        (
            {"example_weights": np.linspace(0, 2, 120)},
            keras.optimizers.Adam(0.01),
            keras.losses.SparseCategoricalCrossentropy(**LOGITS),
        ),
    ],
)
def test_a_recipe_trains_as_keras_does_when_asked_for_the_same(recipe, optimizer, loss):
    usual = {"learning_rate": 0.01, "schedule": None, "order": ORDER, "steps": 21, "epochs": 1}
    keras.utils.set_random_seed(1)
    model = network(3)
    theirs = keras.models.clone_model(model)
    theirs.set_weights(model.get_weights())
    ours = train(model, Split(X, KINDS), **{**usual, **recipe})
    theirs.compile(optimizer, loss or keras.losses.SparseCategoricalCrossentropy(True))
    weights = np.array(recipe.get("class_weights", np.ones(3)))[KINDS]
    weights = weights * recipe.get("example_weights", 1.0)
    y = np.eye(3, dtype="float32")[KINDS] if recipe.get("label_smoothing") else KINDS
    theirs.fit(X[ORDER], y[ORDER], 16, sample_weight=weights[ORDER], shuffle=False, verbose=0)
    for ours_, theirs_ in zip(ours.model.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(ours_, theirs_, atol=1e-6)


def test_biases_do_not_decay_unless_they_are_asked_to():
    def first_step(**options):
        model = network(3)
        model.layers[-1].bias.assign([1.0, 1.0, 1.0])
        recipe = {"optimizer": "adamw", "learning_rate": 1e-6, "weight_decay": 1e5}
        train(model, Split(X, KINDS), schedule=None, steps=1, epochs=1, **recipe, **options)
        return model.layers[-1].bias.numpy(), np.abs(model.layers[-1].kernel).max()

    bias, kernel = first_step()
    assert kernel < 1
    assert bias == pytest.approx(np.ones(3), abs=1e-4)
    assert first_step(no_decay=())[0] == pytest.approx(0.9 * np.ones(3), abs=1e-4)


def test_balanced_weights_make_rare_classes_count_as_much_as_common_ones():
    y = np.array([0] * 90 + [1] * 20 + [2] * 10)
    data = Dataset.from_arrays(X, y)
    weights = Recipe(1, 8, class_weights="balanced").weights(data)
    by_class = [weights[data.train.y == label].sum() for label in range(3)]
    np.testing.assert_allclose(by_class, len(data.train) / 3, rtol=1e-5)
    with pytest.raises(UserError, match=r"Expected 3 class_weights. Received: 2"):
        train(network(3), data, class_weights=(1.0, 2.0))


def test_keras_lowers_the_rate_on_a_plateau_where_the_recipe_has_no_schedule():
    plateau = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=10, cooldown=0)
    run = train(network(3), (X, KINDS), epochs=4, patience=9, schedule=None, callbacks=[plateau])
    rates = run.history["learning_rate"].tolist()
    assert rates == pytest.approx([5e-3, 5e-3, 2.5e-3, 1.25e-3])


def test_steps_take_the_place_of_passes():
    run = train(network(3), Split(X, KINDS), steps=10, epochs=2, batch_size=50)
    assert int(run.model.optimizer.iterations) == 10
    assert len(run.history) == 2
    assert set(run.metrics) == {"best_epoch"}


def test_averaged_weights_are_those_that_are_validated_and_kept():
    data = Dataset.from_arrays(X, KINDS)
    run = train(network(3), data, averaging=0.9, epochs=3, keep="last")
    held_out, last = data.validation, run.history.iloc[-1]
    judged = run.model.evaluate(held_out.x, held_out.y, verbose=0)
    assert judged == pytest.approx([last["val_loss"], last["val_accuracy"]], abs=1e-5)


def test_batch_normalization_is_settled_on_averaged_weights():
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(3)]
    )
    run = train(model, Split(X, KINDS), averaging=0.99, steps=40, order=np.arange(112))
    inside = X[:112] @ run.model.layers[0].get_weights()[0] + run.model.layers[0].get_weights()[1]
    # 50 batches of 16 are seven passes over the 112 examples and one batch more.
    np.testing.assert_allclose(run.model.layers[1].moving_mean, inside.mean(0), atol=0.05)


def test_a_recipe_is_plain_values_that_make_it_again():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    recipe = Recipe(3, 8, schedule=schedule, order=np.arange(4), class_weights=[1.0, 2.0])
    again = Recipe(**json.loads(json.dumps(recipe.to_json())))
    assert again.order == recipe.order == (0, 1, 2, 3)
    assert again.class_weights == (1.0, 2.0)
    rates = [one.compile_arguments(30)["optimizer"].learning_rate for one in (recipe, again)]
    assert float(rates[0]) == float(rates[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"learning_rat": 0.1},
            "no part of a recipe named 'learning_rat'. Did you mean 'learning_rate'",
        ),
        ({"label_smoothing": 10}, "label_smoothing is a share, in"),
        ({"keep": "first"}, "keep is 'best' or 'last'"),
        ({"steps": 0}, "steps is 1 or more"),
        ({"epoch": 2}, "named 'epoch'. Did you mean 'epochs'"),
        ({"epochs": 2.5}, "epochs is a whole number. Received: epochs=2.5"),
        ({"epochs": "2"}, "epochs is a whole number. Received: epochs='2'"),
        ({"epochs": None}, "epochs is a whole number. Received: epochs=None"),
        ({"batch_size": float("nan")}, "batch_size is a whole number"),
        ({"learning_rate": "0.1"}, "learning_rate is a number. Received: learning_rate='0.1'"),
        ({"optimizer": keras.optimizers.SGD(0.1)}, "optimizer is a name.*compile the model"),
        ({"schedule": "linear"}, "schedule is 'cosine', None or one of keras"),
        ({"lr": 0.1}, "no 'lr': it is called learning_rate"),
        ({"loss": "mse"}, "no 'loss': a task has one"),
        ({"verbose": 0}, "no 'verbose': show_progress=False"),
        ({"steps": 5, "epochs": 2}, "steps is a multiple of epochs"),
        ({"order": [3, 200]}, "order holds numbers of the 86 training examples, from 0"),
        ({"optimizer": "adem"}, "There is no optimizer named 'adem'. Did you mean 'adam'"),
        ({"example_weights": [1.0]}, "example_weights. Received: 1"),
    ],
)
def test_a_recipe_that_cannot_be_is_told(changes, message):
    with pytest.raises(UserError, match=message):
        train(network(3), (X, KINDS), **changes)


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (keras.callbacks.ReduceLROnPlateau(), "ReduceLROnPlateau sets the rate.*schedule=None"),
        (
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
            "LearningRateScheduler sets the rate.*schedule=None",
        ),
        (keras.callbacks.TerminateOnNaN, r"Received: TerminateOnNaN\(…\), made before"),
        (print, "Received: builtin_function_or_method"),
    ],
)
def test_a_callback_that_cannot_work_is_told_before_training(callback, message):
    with pytest.raises(UserError, match=message):
        train(network(3), (X, KINDS), callbacks=[callback])


def test_a_rate_that_a_callback_sets_is_the_rate():
    given = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1))
    run = train(network(3), (X, KINDS), schedule=None, callbacks=given)  # one, by itself
    assert run.history["learning_rate"].tolist() == pytest.approx([0.01, 0.005])


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, None, "0"])
def test_a_seed_that_is_none_is_told(seed):
    with pytest.raises(UserError, match="A seed is a whole number from 0 to 4294967295"):
        train(network(3), (X, KINDS), seed=seed)


def draw(split, batch_size, seed):
    """Batches that nothing but their own past decides."""
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.integers(len(split), size=batch_size)
        yield split.x[chosen] + rng.normal(size=(batch_size, 5)).astype("float32"), split.y[chosen]


class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.drawn
@pytest.mark.parametrize(
    "options",
    [
        {"batches": draw},
        {
            "optimizer": "adamw",
            "weight_decay": 0.1,
            "averaging": 0.9,
            "label_smoothing": 0.1,
            "class_weights": "balanced",
        },
        {"steps": 20, "epochs": 4, "order": ORDER % 86},
    ],
)
def test_a_run_of_any_recipe_ends_alike_when_it_was_stopped(tmp_path, monkeypatch, options):
    monkeypatch.setattr("companion.training.recorder.SECONDS_BETWEEN_SAVES", 0)
    options = {"epochs": 4, **options}

    def model(classes):
        return network(classes)

    whole = train(model, (X, KINDS), **options)
    with pytest.raises(KeyboardInterrupt):
        train(model, (X, KINDS), output=tmp_path / "run", callbacks=[Stop()], **options)
    again = companion.resume(
        tmp_path / "run", (X, KINDS), batches=options.get("batches"), show_progress=False
    )
    assert again.metrics == whole.metrics
    for ours, theirs in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    epochs = {row["epoch"] for row in again.examination["gradients"]}
    assert epochs <= {0, 1, 2, 3, 4}
    assert {0, 1} <= epochs


def test_a_run_that_somebody_watches_can_be_examined_without_a_folder():
    data = Dataset.from_arrays(X, KINDS)
    assert train(network(3), data, epochs=2, show_progress=True).examine().looked_for > 15
    with pytest.raises(UserError, match="examine=True"):
        train(network(3), data, epochs=1, show_progress=False).examine()


def test_what_a_run_keeps_to_be_examined_changes_nothing_of_it(tmp_path):
    data = Dataset.from_arrays(X, KINDS)
    keras.utils.set_random_seed(0)
    models = [network(3)]
    models.append(keras.models.clone_model(models[0]))
    models[1].set_weights(models[0].get_weights())
    kept, plain = (
        train(model, data, output=tmp_path / str(examine), examine=examine)
        for model, examine in zip(models, (True, False), strict=True)
    )
    assert kept.history["loss"].tolist() == plain.history["loss"].tolist()
    assert plain.examination == {}
    examined = json.loads((tmp_path / "True" / "examination.json").read_text())
    assert examined == kept.examination
    assert examined["first_loss"] == pytest.approx(np.log(3), abs=1)
    assert examined["batch"]["min"] < examined["batch"]["mean"] < examined["batch"]["max"]
    first = [row for row in examined["gradients"] if row["epoch"] == 1]
    assert [row["layer"] for row in first] == ["hidden", "output"]
    assert all(row["l2"] > 0 for row in first)
    assert examined["activations"][0]["activation"] == "tanh"
