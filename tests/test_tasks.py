"""Tasks and recipes: what Keras does when it is asked directly is what `companion.train` does."""

import json
import re
from pathlib import Path

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
    output = probabilities(run.predict(data.test.x).astype(float))
    output /= output.sum(axis=1, keepdims=True)
    assert run.metrics["accuracy"] == pytest.approx(
        accuracy_score(data.test.y, output.argmax(-1)), abs=1e-6
    )
    assert run.metrics["loss"] == pytest.approx(log_loss(data.test.y, output), abs=1e-5)
    judged = run.model.evaluate(data.test.x, run.task.targets(data.test.y, 0, units), verbose=0)
    assert judged == pytest.approx([run.metrics["loss"], run.metrics["accuracy"]], abs=1e-5)
    assert run.error(data.test) == pytest.approx(1 - run.metrics["accuracy"], abs=1e-6)
    assert {"accuracy", "val_accuracy"} <= set(run.history)


@pytest.mark.parametrize("y", [X[:, 0] * 2, X[:, :3] - 1])
def test_numbers_are_predicted_one_or_several_and_judged_by_their_errors(y, tmp_path):
    data = Dataset.from_arrays(X, y)
    run = train(network(y[0].size), data, output=tmp_path / "run")
    assert run.asked["task"] == "numbers"
    outputs = run.predict(data.test.x).reshape(data.test.y.shape)
    error = mean_absolute_error(data.test.y, outputs)
    assert run.metrics["mean_absolute_error"] == pytest.approx(error, abs=1e-6)
    assert run.metrics["loss"] == pytest.approx(np.square(data.test.y - outputs).mean(), abs=1e-6)
    assert run.error(data.test) == pytest.approx(error, abs=1e-6)
    assert (tmp_path / "run" / "predicted-against-true.png").exists()
    assert not (tmp_path / "run" / "confusion-matrix.png").exists()


def test_a_class_at_every_step_counts_only_where_the_mask_says_so(tmp_path):
    y = (SEQUENCES.sum(-1) > 0).astype(int) + (SEQUENCES[..., 0] > 0.5)
    data = Dataset.from_arrays(SEQUENCES, y, mask=MASK)
    run = train(network(3, "softmax", (6, 2)), data, epochs=3, output=tmp_path / "run")
    test, outputs = data.test, run.predict(data.test.x)
    counted = test.y[test.mask], outputs[test.mask].argmax(-1)
    assert run.metrics["accuracy"] == pytest.approx(accuracy_score(*counted), abs=1e-6)
    # What stands under the mask is never learned: other labels there give the same run.
    other = Dataset.from_arrays(SEQUENCES, np.where(MASK, y, 2 - y), mask=MASK)
    object.__setattr__(other.train, "y", np.where(other.train.mask, other.train.y, 1))
    again = train(network(3, "softmax", (6, 2)), other, epochs=3)
    assert again.history["loss"].tolist() == run.history["loss"].tolist()


def test_a_task_that_is_given_goes_before_the_one_that_suits():
    shares = keras.layers.Lambda(lambda x: 1.0 * keras.ops.softmax(x))
    model = keras.Sequential([network(3), shares])
    assert task_for(model, Dataset.from_arrays(X, KINDS)).name == "classes"
    assert train(model, (X, KINDS), task="classes from logits").asked["task"].endswith("logits")
    with pytest.raises(UserError, match=r"There is no task named 'number'. Did you mean 'numbers'"):
        train(network(3), (X, KINDS), task="number")


@pytest.mark.parametrize(
    ("model", "data", "message"),
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
def test_a_model_that_does_not_fit_its_targets_is_told(model, data, message):
    with pytest.raises(UserError, match=message):
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


layers = keras.layers


def stack(*last, inputs=(5,)):
    return keras.Sequential([keras.Input(inputs), layers.Dense(8, "tanh"), *last])


@pytest.mark.parametrize(
    ("last", "task"),
    [
        (lambda: [layers.Dense(3), layers.Dropout(0.1)], "classes from logits"),
        (lambda: [layers.Dense(3), layers.BatchNormalization()], "classes from logits"),
        (lambda: [layers.Dense(3), layers.Activation("linear")], "classes from logits"),
        (lambda: [layers.Dense(3, "log_softmax")], "classes from logits"),
        (lambda: [stack(layers.Dense(3), inputs=(8,))], "classes from logits"),
        (lambda: [layers.Dense(3), layers.Lambda(lambda x: 2 * x)], "classes from logits"),
        (lambda: [layers.Dense(3), layers.Softmax()], "classes"),
        (lambda: [layers.Dense(3, "softmax"), layers.Reshape((3,))], "classes"),
        (lambda: [stack(layers.Dense(3, "softmax"), inputs=(8,))], "classes"),
        (lambda: [layers.Dense(3), layers.Lambda(keras.ops.softmax)], "classes"),
        (lambda: [layers.Dense(3, lambda x: keras.ops.softmax(x))], "classes"),
    ],
)
def test_what_a_model_ends_in_is_found_behind_layers_that_change_no_number(last, task):
    assert task_for(stack(*last()), Dataset.from_arrays(X, KINDS)).name == task


def test_pooled_logits_and_operations_are_read_off_the_graph_and_not_off_the_list_of_layers():
    data = Dataset.from_arrays(X, KINDS)
    x = keras.Input((5,))
    logits = layers.Dense(3)(x)
    assert task_for(keras.Model(x, keras.ops.softmax(logits)), data).name == "classes"
    assert task_for(keras.Model(x, logits + layers.Dense(3)(x)), data).name.endswith("logits")
    several = [layers.Dense(3, "softmax")(x) for _ in range(2)]
    mean = layers.Rescaling(0.5)(layers.Add()(several))
    assert task_for(keras.Model(x, mean), data).name == "classes"
    pooled = [keras.Input((6, 2)), layers.Dense(3), layers.GlobalAveragePooling1D()]
    sequences = Dataset.from_arrays(SEQUENCES, KINDS)
    assert task_for(keras.Sequential(pooled), sequences).name == "classes from logits"


@pytest.mark.parametrize(
    ("last", "y", "message"),
    [
        ([layers.Dense(3, "relu")], KINDS, "ends in relu, which gives neither"),
        ([layers.Dense(3), layers.ReLU()], KINDS, "ends in relu.*softmax, or no activation"),
        ([layers.Dense(3), layers.LeakyReLU()], KINDS, "ends in LeakyReLU, which gives neither"),
        ([layers.Dense(3, "relu"), layers.Dropout(0.1)], KINDS, "ends in relu"),
        ([layers.Dense(3, "tanh")], KINDS, "ends in tanh"),
        ([layers.Dense(1, "relu")], KINDS % 2, "relu over one unit.*sigmoid, or no activation"),
        ([layers.Dense(1, "softmax")], KINDS % 2, "softmax over one unit"),
        ([layers.Dense(1, "sigmoid")], KINDS, "3 classes and the model tells 1 apart"),
        ([layers.Dense(1, "sigmoid")], 5 * X[:, 0], "sigmoid, which gives numbers from 0 to 1"),
        ([layers.Dense(1, "relu")], X[:, 0], "relu, which gives numbers from 0 to inf"),
        ([layers.Dense(1, "softmax")], X[:, 0], "softmax, which gives numbers from 0 to 1"),
        ([layers.Dense(1, "sigmoid")], KINDS % 2.0, r"two classes.*y.astype"),
        ([layers.Dense(3, "softmax")], KINDS * 1.0, r"3 outputs.*y.astype"),
    ],
)
def test_an_ending_that_cannot_give_the_targets_is_told_before_training(last, y, message):
    with pytest.raises(UserError, match=message):
        train(stack(*last), (X, y))


class Subclass(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Subclass(), "Subclass is a subclass of keras.Model.*functional form"),
        (lambda classes: Subclass(), "Subclass is a subclass of keras.Model.*functional form"),
        (lambda classes: None, "A builder returns a keras.Model. Received: NoneType"),
        (layers.Dense(3), "A model is a name .* Received: Dense"),
        (3, "A model is a name .* Received: int"),
        (
            keras.Model(i := keras.Input((5,)), {"kind": layers.Dense(3)(i)}),
            "trained for one output. Received: 1 outputs of .*, by names",
        ),
        (
            keras.Model(two := [keras.Input((5,)), keras.Input((5,))], layers.Add()(two)),
            "trained for one input. Received: 2 inputs",
        ),
        (keras.Sequential([layers.Conv2D(3, 3)]), r"cannot be built for examples of shape \(5,\)"),
    ],
)
def test_what_is_no_model_that_can_be_trained_is_told(model, message):
    with pytest.raises(UserError, match=message):
        train(model, (X, KINDS))


def test_an_unbuilt_model_is_built_for_the_data_from_the_seed():
    def unbuilt():
        return keras.Sequential([layers.Dense(4, "relu"), layers.Dense(3)])

    first, second = (train(unbuilt(), (X, KINDS), epochs=1) for _ in range(2))
    assert first.model.input_shape == (None, 5)
    assert first.metrics == second.metrics
    assert train(lambda: unbuilt(), (X, KINDS), epochs=1).metrics == first.metrics


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": X, "y": KINDS}, "data is a name .* Received: dict"),
        (None, "data is a name .* Received: NoneType"),
        (X, "data is a name .* Received: ndarray"),
        ((X, KINDS, X), "data is a name .* Received: tuple"),
        (((X[i : i + 2], KINDS[i : i + 2]) for i in range(3)), "generator.*np.concatenate"),
        ((X, 3), r"120 examples and targets of shape \(\)"),
        ((np.array(["a", "b"] * 60), KINDS), "arrays of numbers. Received: dtype <U1"),
        (([[1.0], [1.0, 2.0]], [0, 1]), "Examples are one array"),
        ((X, KINDS + 1), "without a gap. Received: 1 to 3, none of class 0"),
        ((X, KINDS * 10**12), "none of class 1"),
        (((X, KINDS), (X[:9], KINDS[:9] + 1)), "classes 0 to 2. Received for test: 1 to 3"),
        (((X, KINDS), (X[:9, :2], KINDS[:9])), r"test examples of shape \(5,\)"),
    ],
)
def test_what_are_no_data_is_told(data, message):
    with pytest.raises(UserError, match=message):
        train(network(3), data)


def test_a_pipeline_of_tensorflow_is_told_how_it_becomes_arrays():
    tf = pytest.importorskip("tensorflow")
    batches = tf.data.Dataset.from_tensor_slices((X, KINDS)).batch(50)
    with pytest.raises(UserError, match=r"`x, y = map\(np.concatenate, zip\(\*batches\)\)`"):
        train(network(3), batches)
    x, y = map(np.concatenate, zip(*batches, strict=True))
    np.testing.assert_array_equal(x, X)
    assert y.tolist() == KINDS.tolist()


def test_labels_come_as_names_as_truth_values_and_as_a_column():
    named = Dataset.from_arrays(X, np.array(["cat", "ant", "bee"])[KINDS])
    assert named.card.class_names == ("ant", "bee", "cat")
    plain = Dataset.from_arrays(X, np.array([2, 0, 1])[KINDS])
    assert named.train.y.tolist() == plain.train.y.tolist()
    assert Dataset.from_arrays(X, KINDS[:, None]).test.y.tolist() == (
        Dataset.from_arrays(X, KINDS).test.y.tolist()
    )
    assert train(network(1, "sigmoid"), (X, KINDS > 0), epochs=1).asked["task"] == "yes or no"


def test_the_pairs_of_keras_datasets_keep_their_test_split():
    data = ((X[:90], KINDS[:90, None]), (X[90:], KINDS[90:, None]))  # as of CIFAR-10
    run = train(network(3), data, epochs=1)
    np.testing.assert_array_equal(run.data.test.x, X[90:])
    assert run.data.test.y.tolist() == KINDS[90:].tolist()
    assert len(run.data.train) + len(run.data.validation) == 90


def test_five_examples_of_each_class_are_enough_for_every_split_to_have_all():
    data = Dataset.from_arrays(X[:50], np.arange(50) % 10)
    for part in (data.train, data.validation, data.test):
        assert set(part.y) == set(range(10))
    assert len(data.train) + len(data.validation) + len(data.test) == 50


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


def test_a_compiled_model_whose_loss_does_not_take_the_targets_is_told_before_training():
    model = network(3, "softmax")
    model.compile("adam", "categorical_crossentropy")
    before = model.get_weights()
    with pytest.raises(UserError, match=r"does not take targets.*sparse_categorical_crossentropy"):
        train(model, (X, KINDS))
    assert all(map(np.array_equal, before, model.get_weights()))
    model = network(1, "tanh")  # a loss of one's own may want what no task of ours does
    model.compile("adam", "hinge")
    assert set(train(model, (X, KINDS % 2)).metrics) == {"loss", "best_epoch"}


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, None, "0"])
def test_a_seed_that_is_none_is_told(seed):
    with pytest.raises(UserError, match="A seed is a whole number from 0 to 4294967295"):
        train(network(3), (X, KINDS), seed=seed)


def test_a_class_at_every_step_is_not_trained_on_one_for_the_whole():
    from chapters.recurrence import simple_rnn

    with pytest.raises(UserError, match=r"a class of a whole example.*`every_step`"):
        train(lambda classes: simple_rnn(classes=classes, every_step=True), "digits")


def test_that_images_are_resized_is_said(capsys):
    def reader(classes):
        return keras.Sequential(
            [keras.Input((16, 16, 1)), layers.Flatten(), layers.Dense(classes)], name="reader"
        )

    train(reader, "digits", epochs=1, batch_size=512, show_progress=True, examine=False)
    assert "digits: 8×8×1 becomes 16×16×1, as reader reads it" in capsys.readouterr().err


def test_data_are_printed_in_a_few_lines():
    digits = companion.load("digits")
    lines = repr(digits).splitlines()
    assert len(lines) <= 5
    for said in ("1,293 train, 144 validation, 360 test", "(8, 8, 1)", "10 classes: 0, 1", "CC BY"):
        assert said in repr(digits)
    assert repr(digits.test) == "Split of 360: x float32 (360, 8, 8, 1), y int64 (360,)"
    assert "2 train" not in repr(Dataset.from_arrays(X, X[:, 0]))
    assert "numbers to predict" in repr(Dataset.from_arrays(X, X[:, 0]))


@pytest.mark.slow
def test_the_readmes_first_example_gives_the_same_result_twice():
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    (example,) = (
        block for block in re.findall(r"```python\n(.*?)```", readme, re.S) if "lenet5" in block
    )
    results = []
    for state in (1, 2):
        keras.utils.set_random_seed(state)  # as in processes that did other things before
        names = {}
        exec(example.replace("epochs=5", "epochs=1"), names)
        results.append(names["run"].metrics)
        answers = names["run"].predict(names["digits"].test.x)
        assert (answers.argmax(-1) == names["digits"].test.y).mean() == pytest.approx(
            names["run"].metrics["accuracy"], abs=1e-6
        )
    assert results[0] == results[1]


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
