"""How a Keras model is described, call by call."""

import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import Input, Model, Sequential, layers

from companion.checking.authoring import description
from companion.checking.authoring.description import described


def graph_of(model, *inputs):
    return json.loads(described(model, inputs)["graph"])


def kwargs_of(model):
    return [call["kwargs"] for call in graph_of(model)["calls"]]


def last_config(*parts):
    """The class and the configuration of the last layer of a chain, as they are described."""
    layer = graph_of(Sequential([*parts]))["layers"][-1]
    return layer["class_name"], layer["config"]


def relu(x):
    return keras.ops.relu(x)


def test_a_model_is_described_call_by_call():
    inputs = Input((3,))
    dense = layers.Dense(3, name="D1")
    x = dense(dense(inputs))
    graph = graph_of(Model(inputs, x[..., 1:] * 2.0))
    assert graph["inputs"] == [[[3], "float32"]]
    assert graph["calls"] == [
        {"layer": 0, "args": [{"input": 0}], "kwargs": {}, "shape": [3]},
        {"layer": 0, "args": [{"call": [0, 0]}], "kwargs": {}, "shape": [3]},
        {
            "layer": 1,
            "args": [
                {"call": [1, 0]},
                {"tuple": [{"ellipsis": True}, {"slice": [1, None, None]}]},
            ],
            "kwargs": {},
            "shape": [2],
        },
        {"layer": 2, "args": [{"call": [2, 0]}, 2.0], "kwargs": {}, "shape": [2]},
    ]
    assert graph["outputs"] == [{"call": [3, 0]}]
    keys = ("kind", "class_name", "parameters")
    assert [[layer[key] for key in keys] for layer in graph["layers"]] == [
        ["layer", "Dense", 12],
        ["operation", "GetItem", 0],
        ["operation", "Multiply", 0],
    ]
    assert graph["layers"][0]["name"] == "D1"


def test_a_layers_values_are_plain():
    name, config = last_config(Input((3,)), layers.Dense(2, "relu"))
    assert name == "Dense"
    assert (config["units"], config["use_bias"], config["activation"]) == (2, True, "relu")
    assert config["dtype"] == "float32"
    assert config["kernel_initializer"]["class_name"] == "GlorotUniform"
    assert config["kernel_regularizer"] is None
    noise = last_config(Input((3,)), layers.GaussianNoise(np.float32(0.5)))
    assert noise[1]["stddev"] == 0.5


@pytest.mark.parametrize(
    ("activation", "said"),
    [
        ("tanh", "tanh"),
        (keras.activations.tanh, "tanh"),
        (tf.nn.relu, "relu"),
        (relu, {"function": "relu"}),
        (keras.ops.absolute, {"function": "absolute"}),
        (eval("lambda x: x"), {"function": "<lambda>"}),
    ],
    ids=["name", "keras", "tensorflow", "own", "no activation", "without source"],
)
def test_an_activation_goes_by_its_name_and_code_of_ones_own_is_told_apart(activation, said):
    config = last_config(Input((3,)), layers.Activation(activation))[1]
    assert config["activation"] == said


def test_a_layer_within_a_layer_is_described_itself():
    _, config = last_config(Input((3,)), layers.Dense(2, activation=layers.ReLU(6.0)))
    assert config["activation"]["class_name"] == "ReLU"
    assert config["activation"]["config"]["max_value"] == 6
    name, config = last_config(Input((4, 3)), layers.Bidirectional(layers.SimpleRNN(2)))
    assert (name, config["merge_mode"]) == ("Bidirectional", "concat")
    for key, backwards in (("layer", False), ("backward_layer", True)):
        assert config[key]["class_name"] == "SimpleRNN"
        assert config[key]["config"]["go_backwards"] is backwards
        assert config[key]["config"]["dtype"] == "float32"


def test_what_does_the_same_at_every_step_needs_no_wrapper():
    name, config = last_config(Input((4, 3)), layers.TimeDistributed(layers.Dense(2)))
    assert (name, config["units"]) == ("Dense", 2)
    name, config = last_config(Input((4, 2, 3)), layers.TimeDistributed(layers.Flatten()))
    assert (name, config["layer"]["class_name"]) == ("TimeDistributed", "Flatten")


def test_training_is_told_where_the_model_asks_for_it():
    inputs = Input((3,))
    drops = Sequential([Input((3,)), layers.Dropout(0.5)])
    assert kwargs_of(drops) == [{}]
    assert kwargs_of(Model(inputs, layers.Dropout(0.5)(inputs, training=True))) == [
        {"training": True}
    ]
    assert kwargs_of(Model(inputs, drops(inputs, training=True))) == [{"training": True}]


def test_a_mask_is_told_where_the_model_asks_for_it():
    words = Sequential([Input((4,)), layers.Embedding(5, 2, mask_zero=True), layers.SimpleRNN(2)])
    assert kwargs_of(words) == [{}, {}]
    steps, mask = Input((4, 2)), Input((4,), dtype="bool")
    model = Model([steps, mask], layers.SimpleRNN(2)(steps, mask=mask))
    assert kwargs_of(model) == [{"mask": {"input": 1}}]


def test_models_within_models_are_one_graph():
    model = Sequential([Input((2,)), layers.ReLU()])
    for _ in range(20):
        inputs = Input((2,))
        model = Model(inputs, model(inputs))
    assert [layer["class_name"] for layer in graph_of(model)["layers"]] == ["ReLU"]
    inputs = Input((2,))
    with pytest.raises(ValueError, match="nested too deeply"):
        described(Model(inputs, model(inputs)))


class OneInput(keras.Model):
    """A subclass whose layer is there when it was built."""

    def build(self, shape):
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


class TwoInputs(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, pair):
        first, second = pair
        return self.dense(first) + second


def test_a_subclass_is_called_with_what_the_exercise_takes():
    graph = graph_of(OneInput(), ((3,), "float32"))
    assert graph["inputs"] == [[[3], "float32"]]
    assert [layer["class_name"] for layer in graph["layers"]] == ["Dense"]
    graph = graph_of(TwoInputs(), ((3,), "float32"), ((2,), "float32"))
    assert [call["args"] for call in graph["calls"]] == [
        [{"input": 0}],
        [{"call": [0, 0]}, {"input": 1}],
    ]


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (lambda: Sequential([layers.Dense(1)]), [((3,), "float32")]),
        (lambda: Sequential([layers.Dense(1)]), []),
        (OneInput, []),
    ],
    ids=["Sequential", "Sequential without inputs", "subclass without inputs"],
)
def test_a_model_without_shapes_is_told_how_to_begin(model, inputs):
    with pytest.raises(ValueError, match="The model has no shapes yet: begin it with"):
        described(model(), inputs)


class Scaled(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(3,))

    def call(self, x):
        return x * self.scale


class Bent(layers.Layer):
    def call(self, x):
        return tf.nn.relu(x)


class Penalized(layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.sum(x))
        return x


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: layers.Lambda(lambda x: x, name="own"), "own is a Lambda layer: code in a box"),
        (lambda: Scaled(name="own"), "own is code of your own (Scaled) that cannot be looked"),
        (lambda: Bent(name="own"), "own is code of your own (Bent) that cannot be looked into"),
        (lambda: Penalized(name="own"), "own adds to the loss in code of your own (add_loss)"),
    ],
    ids=["Lambda", "weights", "TensorFlow", "loss"],
)
def test_what_cannot_be_looked_into_is_named(layer, words):
    model = Sequential([Input((3,)), layer()])
    assert described(model)["hidden"].startswith(words)


class Elsewhere(keras.Model):
    """A subclass that takes up another model where that ends, instead of calling it."""

    def __init__(self):
        super().__init__()
        self.inner = Sequential([Input((3,)), layers.Dense(2)])
        self.head = layers.Dense(1)

    def call(self, x):
        return self.head(self.inner.outputs[0])


def test_an_input_that_is_none_of_the_models_is_told():
    with pytest.raises(ValueError, match="none of its inputs"):
        described(Elsewhere(), [((3,), "float32")])


def plus(*constants):
    """A model that adds constants to its input."""
    inputs = Input(constants[0].shape)
    return Model(inputs, functools.reduce(lambda x, constant: x + constant, constants, inputs))


def test_constants_are_described_as_long_as_they_are_few():
    drawn = np.random.default_rng(0).normal(size=10_001).astype("float32")
    (call,) = graph_of(plus(drawn[:10_000]))["calls"]
    assert call["args"][1] == {"array": drawn[:10_000].tolist(), "dtype": "float32"}
    assert "cannot be looked into" in described(plus(drawn))["hidden"]
    with pytest.raises(ValueError, match="description is too long"):
        described(plus(*[drawn[:10_000]] * 7))


def test_a_model_of_too_many_calls_is_refused(monkeypatch):
    monkeypatch.setattr(description, "MAX_CALLS", 3)
    few = [layers.ReLU() for _ in range(3)]
    assert len(graph_of(Sequential([Input((2,)), *few]))["calls"]) == 3
    with pytest.raises(ValueError, match="more than 3 layers"):
        described(Sequential([Input((2,)), *few, layers.ReLU()]))
