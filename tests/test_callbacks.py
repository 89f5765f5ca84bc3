"""The callbacks: each number they keep is one that Keras, NumPy or finite differences gives too."""

import keras
import numpy as np
import pandas as pd
import pytest

from companion.errors import UserError
from companion.training.callbacks import (
    ActivationStatistics,
    EarlyStoppingReport,
    GradientNorms,
    WeightNorms,
    gradients,
)

random = np.random.default_rng(0)
X = random.normal(size=(48, 4)).astype("float32")
Y = random.integers(0, 3, size=48)


def network(activation="relu", regularizer=None):
    """A small classifier, the same every time."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(6, activation, kernel_regularizer=regularizer, name="hidden"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, "softmax", name="output"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    return model


def fit(model, *callbacks, epochs=3, **arguments):
    arguments = {"batch_size": 16, "shuffle": False, "verbose": 0} | arguments
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **arguments)


# ---- early stopping -----------------------------------------------------------------------------


@pytest.mark.slow
def test_each_patience_stops_where_keras_stops_and_keeps_the_weights_keras_restores():
    validation = (X[::-1] + 1, Y)
    report = EarlyStoppingReport(patiences=(3, 1))
    watched = network()
    fit(watched, report, epochs=14, validation_data=validation)
    rows = report.report()
    assert [row["patience"] for row in rows] == [1, 3]
    for row in rows:
        keras_stops = keras.callbacks.EarlyStopping(
            patience=row["patience"], restore_best_weights=True
        )
        model = network()
        history = fit(model, keras_stops, epochs=14, validation_data=validation)
        stopped = keras_stops.stopped_epoch + 1 if keras_stops.stopped_epoch else None
        assert row["stopped"] == stopped
        assert row["epochs_saved"] == 14 - len(history.history["loss"])
        assert row["best_epoch"] == keras_stops.best_epoch + 1
        assert row["best"] == pytest.approx(keras_stops.best)
        report.restore(row["patience"])
        for ours, theirs in zip(watched.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert rows[0]["stopped"] is not None, "the case is one that stops"
    assert rows[0]["seconds_saved"] > 0


def follow(values, mode="min", **arguments):
    """Show a callback a series of values; the weights are the number of the epoch."""
    report = EarlyStoppingReport("score", mode=mode, **arguments)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    report.set_model(model)
    report.on_train_begin()
    for epoch, value in enumerate(values):
        model.set_weights([np.full((1, 1), epoch + 1)])
        report.on_epoch_end(epoch, {"score": value})
    report.on_train_end()
    return report, float(model.get_weights()[0][0, 0])


@pytest.mark.parametrize(("mode", "best"), [("min", 5), ("max", 4)])
def test_the_best_weights_come_back_and_a_short_patience_misses_them(mode, best):
    report, weight = follow([3, 2, 2.5, 4, 1, 1], mode, patiences=(2, 9))
    assert weight == best
    rows = pd.DataFrame(report.report()).set_index("patience")
    if mode == "min":
        assert rows.loc[2, "stopped"] == 4
        assert rows.loc[2, "best_epoch"] == 2
        assert rows.loc[2, "epochs_saved"] == 2
        report.restore(2)
        assert float(report.model.get_weights()[0][0, 0]) == 2
    assert np.isnan(rows.loc[9, "stopped"])
    assert rows.loc[9, "epochs_saved"] == 0
    assert rows.loc[9, "best_epoch"] == best
    assert list(pd.DataFrame(report.history)["epoch"]) == [1, 2, 3, 4, 5, 6]


def test_a_loss_that_is_not_a_number_is_never_the_best():
    report, weight = follow([2, 1, float("nan"), float("nan")], patiences=(2,))
    assert weight == 2
    assert report.report()[0]["stopped"] == 4


def test_early_stopping_tells_nothing_of_epochs_and_patiences_it_has_not_seen():
    with pytest.raises(UserError, match="before the first epoch"):
        EarlyStoppingReport().report()
    report, _ = follow([2, 1], patiences=(2, 5))
    with pytest.raises(UserError, match=r"one of those that were watched, \[2, 5\]. Received: 3"):
        report.restore(3)


def test_early_stopping_refuses_what_it_cannot_watch():
    with pytest.raises(UserError, match="1 epoch or more"):
        EarlyStoppingReport(patiences=(0, 3))
    with pytest.raises(UserError, match="'min' or 'max'"):
        EarlyStoppingReport(mode="auto")
    with pytest.raises(UserError, match=r"no 'val_loss' to stop by .*Logged: loss"):
        fit(network(), EarlyStoppingReport(), epochs=1)


# ---- norms --------------------------------------------------------------------------------------


def test_weight_norms_are_numpys_and_begin_before_training():
    model = network()
    kernels = {name: model.get_layer(name).get_weights()[0] for name in ("hidden", "output")}
    watch = WeightNorms(threshold=0.1)
    fit(model, watch, epochs=2)
    history = pd.DataFrame(watch.history)
    assert list(history["epoch"]) == [0, 0, 1, 1, 2, 2]
    last = {name: model.get_layer(name).get_weights()[0] for name in kernels}
    for epoch, weights in ((0, kernels), (2, last)):
        for _, row in history[history["epoch"] == epoch].iterrows():
            kernel = weights[row["layer"]]
            assert row["l1"] == pytest.approx(np.linalg.norm(kernel.ravel(), 1), rel=1e-6)
            assert row["l2"] == pytest.approx(np.linalg.norm(kernel), rel=1e-6)
            assert row["near_zero"] == np.mean(np.abs(kernel) < 0.1)
    assert 0 < history["near_zero"].max() < 1


def test_gradients_equal_finite_differences_penalty_included():
    model = network("tanh", regularizer=keras.regularizers.L2(0.1))
    result = gradients(model, X, Y)
    assert [gradient.shape for gradient in result] == [v.shape for v in model.trainable_variables]

    def loss():
        return float(keras.ops.convert_to_numpy(model.compute_loss(X, Y, model(X))))

    step = 1e-2
    for variable, gradient in zip(model.trainable_variables, result, strict=True):
        start = keras.ops.convert_to_numpy(variable).copy()
        index = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        sides = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * step
            variable.assign(moved)
            sides.append(loss())
        variable.assign(start)
        assert gradient[index] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-2)


def test_gradient_norms_vanish_through_saturated_layers():
    keras.utils.set_random_seed(2)
    layers = [keras.layers.Dense(8, "sigmoid", name=f"layer_{depth}") for depth in range(5)]
    model = keras.Sequential([keras.layers.Input((4,)), *layers, keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    watch = GradientNorms(X, Y)
    fit(model, watch, epochs=1)
    first = pd.DataFrame(watch.history).query("epoch == 0").set_index("layer")["l2"]
    assert first["layer_0"] < first["layer_2"] / 10 < first["layer_4"] / 100


def test_watching_changes_nothing():
    plain = network()
    fit(plain)
    watches = WeightNorms(), GradientNorms(X[:8], Y[:8]), ActivationStatistics(X[:8])
    watched = network()
    fit(watched, *watches)
    for ours, theirs in zip(watched.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for watch in watches:
        assert sorted({entry["epoch"] for entry in watch.history}) == [0, 1, 2, 3]


def test_a_model_within_a_model_is_looked_into():
    base = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(2, name="deep")], name="base"
    )
    model = keras.Sequential([keras.layers.Input((4,)), base, keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    watch = WeightNorms()
    fit(model, watch, epochs=1)
    assert watch.history[0]["layer"] == "base/deep"


# ---- activations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "x", "saturated", "dead"),
    [
        # the unit w computes activation(x·w) with w = 1 and w = −1
        ("relu", [-1.0, -2.0], 0.5, 0.5),
        ("relu", [-1.0, 2.0], 0.5, 0.0),
        ("sigmoid", [0.0, 2.9], 0.0, 0.0),
        ("sigmoid", [3.0, -4.0], 1.0, 1.0),
        ("sigmoid", [0.0, -4.0], 0.5, 0.0),
        ("tanh", [1.4, 1.4], 0.0, 0.0),
        ("tanh", [1.5, 1.4], 0.5, 0.0),
    ],
)
def test_saturated_outputs_and_dead_units_are_counted(activation, x, saturated, dead):
    model = keras.Sequential(
        [keras.layers.Input((1,)), keras.layers.Dense(2, activation, use_bias=False, name="units")]
    )
    model.set_weights([np.array([[1.0, -1.0]])])
    watch = ActivationStatistics(np.reshape(x, (-1, 1)).astype("float32"))
    watch.set_model(model)
    watch.on_train_begin()
    (entry,) = watch.history
    assert (entry["layer"], entry["activation"]) == ("units", activation)
    assert (entry["saturated"], entry["dead"]) == (saturated, dead)
    outputs = keras.ops.convert_to_numpy(model(np.reshape(x, (-1, 1))))
    assert entry["mean"] == pytest.approx(outputs.mean())
    assert entry["sd"] == pytest.approx(outputs.std())


def test_a_convolutions_dead_unit_is_a_channel():
    inputs = keras.Input((4, 4, 1))
    outputs = keras.layers.ReLU(name="rectified")(keras.layers.Conv2D(2, 1, use_bias=False)(inputs))
    model = keras.Model(inputs, outputs)
    model.set_weights([np.array([1.0, -1.0]).reshape(1, 1, 1, 2)])
    watch = ActivationStatistics(np.ones((3, 4, 4, 1), "float32"))
    watch.set_model(model)
    watch.on_train_begin()
    (entry,) = watch.history
    assert (entry["layer"], entry["saturated"], entry["dead"]) == ("rectified", 0.5, 0.5)


def test_a_model_without_such_an_activation_is_refused():
    watch = ActivationStatistics(X)
    with pytest.raises(UserError, match="no layer with one of: sigmoid, tanh, relu"):
        watch.set_model(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)]))
