"""Tasks and recipes: what Keras does when it is asked directly is what `companion.train` does."""

import json

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error

import companion
from companion.datasets import Dataset, Split
from companion.errors import UserError
from companion.training import Recipe
from companion.training.batches import passes
from companion.training.task import TASKS, task_for

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5)).astype("float32")
SEQUENCES = RNG.normal(size=(120, 6, 2)).astype("float32")
KINDS = np.arange(120) % 3
MASK = np.arange(6) < RNG.integers(2, 7, size=(120, 1))


def network(units, activation=None, inputs=(5,)):
    """One hidden layer; on a sequence it is the same at every step."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(inputs),
            layers.Dense(8, activation="tanh", name="hidden"),
            layers.Dense(units, activation, dtype="float32", name="output"),
        ]
    )


def train(model, data, **options):
    usual = {"epochs": 2, "batch_size": 16, "show_progress": False}
    return companion.train(model, data, **{**usual, **options})


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


@pytest.mark.parametrize(
    ("task", "units", "ending", "y", "probabilities"),
    [
        ("classes", 3, "softmax", KINDS, lambda out: out),
        ("classes from logits", 3, None, KINDS, softmax),
        ("yes or no", 1, "sigmoid", KINDS % 2, lambda out: np.hstack([1 - out, out])),
        (
            "yes or no from a logit",
            1,
            None,
            KINDS % 2,
            lambda out: np.hstack([sigmoid(-out), sigmoid(out)]),
        ),
    ],
)
def test_each_kind_of_classifier_is_recognised_and_judged(task, units, ending, y, probabilities):
    data = Dataset.from_arrays(X, y)
    run = train(network(units, ending), data)
    assert run.asked["task"] == task
    said = probabilities(run.predict(data.test.x).astype(float))
    said /= said.sum(axis=1, keepdims=True)
    assert run.metrics["accuracy"] == pytest.approx(
        accuracy_score(data.test.y, said.argmax(-1)), abs=1e-6
    )
    assert run.metrics["loss"] == pytest.approx(log_loss(data.test.y, said), abs=1e-5)
    judged = run.model.evaluate(data.test.x, run.task.targets(data.test.y, 0, units), verbose=0)
    assert judged == pytest.approx([run.metrics["loss"], run.metrics["accuracy"]], abs=1e-5)
    assert run.error(data.test) == pytest.approx(1 - run.metrics["accuracy"], abs=1e-6)
    assert {"accuracy", "val_accuracy"} <= set(run.history)


@pytest.mark.parametrize("y", [X[:, 0] * 2, X[:, :3] - 1])
def test_numbers_are_predicted_one_or_several_and_judged_by_their_errors(y, tmp_path):
    data = Dataset.from_arrays(X, y)
    run = train(network(y[0].size), data, output=tmp_path / "run")
    assert run.asked["task"] == "numbers"
    said = run.predict(data.test.x).reshape(data.test.y.shape)
    error = mean_absolute_error(data.test.y, said)
    assert run.metrics["mean_absolute_error"] == pytest.approx(error, abs=1e-6)
    assert run.metrics["loss"] == pytest.approx(np.square(data.test.y - said).mean(), abs=1e-6)
    assert run.error(data.test) == pytest.approx(error, abs=1e-6)
    assert (tmp_path / "run" / "predicted-against-true.png").exists()
    assert not (tmp_path / "run" / "confusion-matrix.png").exists()


def test_a_class_at_every_step_counts_only_where_the_mask_says_so(tmp_path):
    y = (SEQUENCES.sum(-1) > 0).astype(int) + (SEQUENCES[..., 0] > 0.5)
    data = Dataset.from_arrays(SEQUENCES, y, mask=MASK)
    run = train(network(3, "softmax", (6, 2)), data, epochs=3, output=tmp_path / "run")
    test, said = data.test, run.predict(data.test.x)
    counted = test.y[test.mask], said[test.mask].argmax(-1)
    assert run.metrics["accuracy"] == pytest.approx(accuracy_score(*counted), abs=1e-6)
    # What stands under the mask is never learned: other labels there give the same run.
    other = Dataset.from_arrays(SEQUENCES, np.where(MASK, y, 2 - y), mask=MASK)
    object.__setattr__(other.train, "y", np.where(other.train.mask, other.train.y, 1))
    again = train(network(3, "softmax", (6, 2)), other, epochs=3)
    assert again.history["loss"].tolist() == run.history["loss"].tolist()


def test_a_task_that_is_given_goes_before_the_one_that_suits():
    model = keras.Sequential([network(3), keras.layers.Rescaling(1.0)])
    assert task_for(model, Dataset.from_arrays(X, KINDS)).name == "classes"
    assert train(model, (X, KINDS), task="classes from logits").asked["task"].endswith("logits")
    with pytest.raises(UserError, match=r"There is no task named 'number'. Did you mean 'numbers'"):
        train(network(3), (X, KINDS), task="number")


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        (network(2), (X, X[:, :3]), r"numbers of shape \(3,\) and the model gives \(2,\)"),
        (network(2, "softmax", (6, 2)), (SEQUENCES, KINDS % 2), "a class of a whole example"),
        (
            keras.Model(i := keras.Input((5,)), [keras.layers.Dense(3)(i) for _ in "ab"]),
            (X, KINDS),
            "trained for one output. Received: 2 outputs",
        ),
    ],
)
def test_a_model_that_does_not_fit_its_targets_is_told(model, data, said):
    with pytest.raises(UserError, match=said):
        train(model, data)


def test_a_compiled_model_keeps_its_loss_its_metrics_and_its_optimizer():
    model = network(3, "softmax")
    optimizer = keras.optimizers.SGD(0.1, momentum=0.5)
    model.compile(optimizer, "kl_divergence", metrics=["mse"])
    one_hot = np.eye(3, dtype="float32")[KINDS]
    run = train(model, Dataset.from_arrays(X, one_hot + 0.01 * one_hot[::-1]))
    assert model.optimizer is optimizer
    assert set(run.metrics) == {"loss", "mse", "best_epoch"}
    assert {"loss", "mse", "val_mse"} <= set(run.history)
    with pytest.raises(UserError, match=r"keeps its loss and its optimizer.*learning_rate"):
        train(model, (X, X[:, :3]), learning_rate=0.1)


ORDER = passes(120, 3, seed=5, batch_size=16)
LOGITS = {"from_logits": True, "reduction": "mean_with_sample_weight"}


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
    ("changes", "said"),
    [
        ({"learning_rat": 0.1}, "A recipe has epochs, batch_size"),
        ({"label_smoothing": 10}, "label_smoothing is a share, in"),
        ({"keep": "first"}, "keep is 'best' or 'last'"),
        ({"steps": 0}, "steps is 1 or more"),
        ({"steps": 5, "epochs": 2}, "steps is a multiple of epochs"),
        ({"order": [3, 200]}, "order holds numbers of the 86 training examples, from 0"),
        ({"optimizer": "adem"}, "There is no optimizer named 'adem'. Did you mean 'adam'"),
        ({"example_weights": [1.0]}, "example_weights. Received: 1"),
    ],
)
def test_a_recipe_that_cannot_be_is_told(changes, said):
    with pytest.raises(UserError, match=said):
        train(network(3), (X, KINDS), **changes)


def test_a_run_predicts_what_it_was_trained_on_without_being_told_how_it_is_fitted():
    def reader(classes):
        layers = [keras.Input((16, 16, 1)), keras.layers.Flatten(), keras.layers.Dense(classes)]
        return keras.Sequential(layers)

    digits = companion.load("digits")
    run = train(reader, digits, epochs=1, batch_size=128)
    raw = run.predict(digits.test.x[:9])
    assert raw.shape == (9, 10)
    fitted = digits.fitted_to((16, 16, 1)).test.x[:9]
    np.testing.assert_allclose(run.predict(fitted), raw, atol=1e-5)


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


def test_every_task_says_its_metric_and_its_loss_in_words():
    for task in TASKS.values():
        facts = task.facts({task.metric: 0.5, "loss": 0.25})
        assert list(facts.values()) == ["0.5000", f"0.2500 {task.unit}"]
