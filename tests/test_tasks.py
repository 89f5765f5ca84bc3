"""Tasks: what a model ends in and what its targets are say how it is trained and judged."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error
from small_networks import KINDS, MASK, SEQUENCES, X, network, train

from companion.datasets import Dataset
from companion.errors import UserError
from companion.training.task import TASKS, task_for

layers = keras.layers


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


def test_a_class_at_every_step_is_not_trained_on_one_for_the_whole():
    from chapters.recurrence import simple_rnn

    with pytest.raises(UserError, match=r"a class of a whole example.*`every_step`"):
        train(lambda classes: simple_rnn(classes=classes, every_step=True), "digits")


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


def test_every_task_says_its_metric_and_its_loss_in_words():
    for task in TASKS.values():
        facts = task.facts({task.metric: 0.5, "loss": 0.25})
        assert list(facts.values()) == ["0.5000", f"0.2500 {task.unit}"]
