"""Models rebuilt from their descriptions and measured."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from companion.checking import model_exercise
from companion.checking.authoring.description import described
from companion.checking.authoring.rebuilding import (
    Network,
    WeightGroup,
    _drawn,
    _filled,
    _restored,
    measured,
)


def test_a_config_is_restored_without_names_and_seeds_to_compute_in_float64():
    given = {"name": "D", "seed": 3, "dtype": "float32", "units": 3, "axes": [{"seed": 1, "a": 2}]}
    assert _restored(given) == {"dtype": "float64", "units": 3, "axes": [{"a": 2}]}
    assert _restored({"dtype": None, "input_dtype": "int32"}) == {
        "dtype": None,
        "input_dtype": "int32",
    }
    with pytest.raises(ValueError, match="code of your own"):
        _restored({"activation": {"function": "mine"}})


def test_the_arguments_of_a_call_are_filled_in():
    inputs, results = ["first", "second"], [["a", "b"], ["c", "d"]]
    for tree, value in (
        ({"input": 1}, "second"),
        ({"call": [1, 0]}, "c"),
        ({"call": [0, 1]}, "b"),
        ({"ellipsis": True}, ...),
        ({"slice": [None, {"input": 0}, 2]}, slice(None, "first", 2)),
        ({"tuple": [1, {"input": 0}]}, (1, "first")),
        ({"list": [1, {"input": 0}]}, [1, "first"]),
        (3, 3),
    ):
        assert _filled(tree, inputs, results) == value
    array = _filled({"array": [1, 2], "dtype": "float32"}, inputs, results)
    assert (array.dtype, array.tolist()) == (np.float64, [1, 2])


def weight(name, *shape):
    return SimpleNamespace(name=name, shape=shape)


def test_weights_are_drawn_small_and_variances_positive():
    rng = np.random.default_rng(0)
    assert 0.04 < _drawn(weight("kernel", 400, 30), rng).std() < 0.06
    assert 0.8 < _drawn(weight("bias", 1000), rng).std() < 1.2
    assert _drawn(weight("moving_variance", 1000), rng).min() >= 0.5
    assert _drawn(weight("moving_mean", 1000), rng).min() < -0.5


def test_weights_are_told_by_their_sizes_but_for_those_of_1():
    signature = WeightGroup(0, [weight("kernel", 1, 1, 5, 3)]).signature
    assert signature == WeightGroup(1, [weight("kernel", 5, 3)]).signature
    assert signature != WeightGroup(0, [weight("kernel", 3, 5)]).signature
    assert signature != WeightGroup(0, [weight("kernel", 2, 5, 3)]).signature


def text_of(model):
    return described(model)["graph"]


X = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")


def test_what_a_network_computes_is_measured_in_use_and_in_training():
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2, bias_initializer="ones"),
        ]
    )
    found = measured(text_of(network), [X], 0)
    again = measured(text_of(network), [X], 0)
    (used,), (trained,), (after,) = found["outputs"], found["training"], found["after"]
    assert used.dtype == np.float64
    for key in ("outputs", "training", "after"):
        np.testing.assert_array_equal(found[key][0], again[key][0])
    assert abs(used - trained).max() > 1e-3
    assert abs(used - after).max() > 1e-6
    statistics = ["1 gamma", "1 beta", "1 moving_mean", "1 moving_variance"]
    assert found["names"] == ["0 kernel", "0 bias", *statistics, "3 kernel", "3 bias"]
    assert found["trainable"].tolist() == [True] * 4 + [False] * 2 + [True] * 2
    starts = found["starts"]
    assert starts[[0, 6], 0].tolist() == [1, 1]
    assert (starts[[0, 6], 2] > 0).all()
    zeros, ones = [0, 0, 0, 0], [0, 1, 0, 6]
    assert starts[1:6].tolist() == [zeros, ones, zeros, zeros, ones]
    assert starts[7].tolist() == [0, 1, 0, 1]
    assert found["limits"].tolist() == [1] * 8
    assert found["masked"].tolist() == [False] * 4
    assert (found["penalty"], found["orders"]) == (0, 1)
    assert abs(measured(text_of(network), [X], 1)["outputs"][0] - used).max() > 1e-3


def test_penalties_and_constraints_are_measured_by_what_they_do_to_the_weights():
    one = keras.layers.Dense(1, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.25),
                             kernel_constraint=keras.constraints.UnitNorm(axis=0))  # fmt: skip
    text = text_of(keras.Sequential([keras.Input((3,)), one]))
    found = measured(text, [np.eye(3, dtype="float32")], 0)
    (kernel,) = found["outputs"]
    np.testing.assert_allclose(found["penalty"], 0.25 * np.sum(kernel**2), rtol=1e-6)
    np.testing.assert_allclose(found["limits"], [0.1 / np.linalg.norm(kernel)], rtol=1e-5)


def test_equal_layers_side_by_side_have_other_weights_and_any_may_be_the_first():
    i = keras.Input((3,))
    text = text_of(keras.Model(i, [keras.layers.Dense(2)(i), keras.layers.Dense(2)(i)]))
    first, second = (measured(text, [X], 0, order) for order in (0, 1))
    assert first["orders"] == 2
    assert abs(first["outputs"][0] - first["outputs"][1]).max() > 1e-3
    np.testing.assert_allclose(first["outputs"], second["outputs"][::-1], rtol=1e-12)
    chain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), keras.layers.Dense(3)])
    assert measured(text_of(chain), [X], 0)["orders"] == 1


def test_a_mask_is_followed_and_the_weights_of_a_cell_stay_together():
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((4, 3)),
            layers.Masking(),
            layers.Bidirectional(layers.SimpleRNN(2)),
            layers.Dense(1),
        ]
    )
    text, batch = text_of(network), np.ones((2, 4, 3), "float32")
    assert measured(text, [batch], 0)["masked"].tolist() == [True, False, False]
    rebuilt = Network(json.loads(text))
    rebuilt.run([batch], training=False)
    assert [len(group.weights) for group in rebuilt.weight_groups()] == [3, 3, 2]


def test_operations_on_tensors_are_rebuilt():
    i = keras.Input((3,))
    part, x = i[:, ::2], X[:, ::2]
    found = measured(text_of(keras.Model(i, keras.ops.relu(part) + part)), [X], 0)
    np.testing.assert_allclose(found["outputs"][0], np.maximum(x, 0) + x, rtol=1e-6)
    assert found["starts"].shape == (0, 4)


@model_exercise()
def branches():
    """Add two branches of one size, the second of them squashed."""
    i = keras.Input((3,))
    first, second = keras.layers.Dense(2)(i), keras.layers.Dense(2)(i)
    return keras.Model(i, keras.layers.Add()([first, keras.layers.Activation("tanh")(second)]))


def test_a_model_is_right_in_whichever_order_its_equal_branches_are_written():
    def answer(activation):
        i = keras.Input((3,))
        first, second = keras.layers.Dense(2)(i), keras.layers.Dense(2)(i)
        squashed = keras.layers.Activation(activation)(first)
        return keras.Model(i, keras.layers.Add()([squashed, second]))

    assert branches.check(lambda: answer("tanh")).verdict.status == "pass"
    wrong = branches.check(lambda: answer("sigmoid")).verdict
    assert wrong.message.endswith(" is 'sigmoid', expected 'tanh'.")
