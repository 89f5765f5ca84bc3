"""Verdicts on models: no wrong one passes, no equivalent one fails, and the difference is named.

Both lists are made from the references of all model exercises, so that a new one is covered when it
is written: the wrong models by changing one field of the configuration at a time, each held to
Keras itself before it counts as wrong, the equivalent ones by writing the same network otherwise.
"""

import copy
import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import Input, Model, Sequential, layers

from companion.checking.authoring.cases import Returned
from companion.checking.authoring.fingerprint import fingerprint
from companion.checking.authoring.mistakes import Mistakes
from companion.checking.authoring.rebuilding import measured
from companion.checking.classroom.discovery import all_exercises
from companion.checking.judging.judge import Judge
from companion.checking.verdict import Status

EXERCISES = [one for one in all_exercises() if one.builds_model]
each_model = pytest.mark.parametrize("exercise", EXERCISES, ids=repr)

WORDS = {  # what a message says of a field, where it does not name the field itself
    "use_bias": "biases",
    "trainable": "never learns",
    "kernel_initializer": "kernel starts at",
    "bias_initializer": "bias starts at",
    "recurrent_initializer": "recurrent_kernel starts at",
    "embeddings_initializer": "embeddings starts at",
    "gamma_initializer": "gamma starts at",
    "beta_initializer": "beta starts at",
    "moving_mean_initializer": "moving_mean starts at",
    "moving_variance_initializer": "moving_variance starts at",
    "batch_shape": "The model's input is",
}
ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear", "leaky_relu")


@functools.cache
def last_case(exercise):
    """The last case of an exercise: where there are several, the one with the most parts."""
    return exercise.answer_key(0).cases[-1]


def fault(exercise, model):
    """What the checker says of a model, or None where it is right."""
    case = last_case(exercise)
    outcome = case.run(
        lambda *_, **__: model() if callable(model) and not is_model(model) else model
    )
    assert isinstance(outcome, Returned), outcome
    return case.fault(outcome.value)


def is_model(value):
    return isinstance(value, keras.Model)


def reference(exercise):
    case = last_case(exercise)
    return exercise.reference(*case.arguments, **case.keywords)


# ---- wrong models -------------------------------------------------------------------------------


def other_values(key, value):
    """Other values for one field of a layer's configuration."""
    penalty = {"module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.02}}
    start = {"module": "keras.initializers", "class_name": "Constant", "config": {"value": 0.25}}
    limit = {"module": "keras.constraints", "class_name": "UnitNorm", "config": {"axis": 0}}
    if key in ("name", "dtype", "seed", "data_format", "batch_shape", "groups"):
        return []
    if key.endswith("activation"):
        return [one for one in ACTIVATIONS if one != value]
    if key.endswith("regularizer"):
        return [penalty] if value is None else [penalty, None]
    if key.endswith("constraint"):
        return [limit]
    if key.endswith("initializer"):
        zeros = {"module": "keras.initializers", "class_name": "Zeros", "config": {}}
        return [start, zeros]
    if key == "noise_shape":
        return [[None, 1]]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, float):
        return [value + 0.1]
    if key == "padding":
        return ["valid" if value == "same" else "same"]
    if key == "merge_mode":
        return ["sum", "mul", "ave"]
    if isinstance(value, (list, tuple)) and all(isinstance(one, int) for one in value):
        return [[one + 1 for one in value]]
    return []


def changed_configs(config):
    """Yield a layer's configuration with one field changed, the layers within included."""
    for key, value in config.items():
        if isinstance(value, dict) and "layer" in key and "config" in value:
            for name, inner in changed_configs(value["config"]):
                changed = copy.deepcopy(config)
                changed[key]["config"] = inner
                if key == "layer" and "backward_layer" in config:  # both directions, as one says it
                    changed["backward_layer"]["config"] |= {
                        one: copy.deepcopy(inner[one])
                        for one in inner
                        if inner[one] != value["config"].get(one) and one != "go_backwards"
                    }
                yield name, changed
        else:
            for other in other_values(key, value):
                yield key, {**copy.deepcopy(config), key: copy.deepcopy(other)}


def wrong_models(model):
    """Yield a model for each field of each of its layers, with that field changed."""
    whole = model.get_config()
    for index, layer in enumerate(whole["layers"]):
        if layer["class_name"] == "InputLayer":
            continue
        for key, config in changed_configs(layer["config"]):
            changed = copy.deepcopy(whole)
            changed["layers"][index]["config"] = config
            keras.utils.set_random_seed(0)
            try:
                wrong = type(model).from_config(changed)
            except (ValueError, TypeError, NotImplementedError, RuntimeError):
                continue  # no such model can be built
            yield f"{layer['class_name']} {key}", key, wrong


def probes(model):
    rng = np.random.default_rng(7)
    shape = [8 if size is None else size for size in model.input_shape[1:]]
    x = (rng.normal(size=(6, *shape)) * rng.choice([0.3, 1, 10], (6, *[1] * len(shape)))).astype(
        "f"
    )
    if len(shape) > 1:
        x[1::2, shape[0] // 2 :] = 0
    return x


def behaviour(model, like):
    """What Keras itself makes of a model under weights for those of `like`, in use and trained."""
    rng = np.random.default_rng(3)
    drawn = [abs(rng.normal(0, 0.4, one.shape)) + 0.1 * ("variance" in one.path) for one in like]
    signed = rng.choice([-1, 1], 10**6)
    drawn = [
        one if "variance" in weight.path else one * np.resize(signed, one.shape)
        for one, weight in zip(drawn, like, strict=True)
    ]
    starts = [bool(np.ptp(one) > 0) or float(one.ravel()[0]) for one in model.get_weights()]
    model.set_weights(drawn)
    x = probes(model)
    used = np.asarray(model(x, training=False))
    for variable in model.variables:
        if "seed" in variable.path:
            variable.assign([1, 2])
    trained = np.asarray(model(x, training=True))
    penalty = float(sum(map(float, model.losses)))
    states = [np.asarray(one) for one in model.get_weights()]
    limits = [
        np.asarray(one.constraint(keras.ops.convert_to_tensor(value * 9)))
        if one.constraint
        else 9 * value
        for one, value in zip(model.weights, drawn, strict=True)
    ]
    flags = [one.trainable for one in model.weights]
    return used, [trained, penalty, flags, starts, *states, *limits]


def differs(one, other):
    one, other = np.asarray(one, float), np.asarray(other, float)
    return one.shape != other.shape or not np.allclose(one, other, rtol=1e-4, atol=1e-5)


def is_another(model, other):
    """Say, by Keras alone, whether two models differ in what they compute or how they train."""
    shapes = [sorted(tuple(weight.shape) for weight in one.weights) for one in (model, other)]
    if shapes[0] != shapes[1] or model.output_shape != other.output_shape:
        return True
    one, two = (behaviour(each, model.weights) for each in (model, other))
    return differs(one[0], two[0]) or any(map(differs, one[1], two[1]))


@pytest.mark.slow
@pytest.mark.no_cover
@each_model
def test_no_model_with_one_field_changed_passes(exercise):
    right = reference(exercise)
    passed, unnamed, count = [], [], 0
    for name, key, wrong in wrong_models(right):
        if is_another(reference(exercise), wrong):
            count += 1
            output = fault(exercise, wrong)
            if output is None:
                passed.append(name)
            elif key not in output and WORDS.get(key, key) not in output:
                unnamed.append((name, output))
    assert count >= 20
    assert passed == []
    assert unnamed == []


# ---- equivalent models --------------------------------------------------------------------------


def rewritten(model, call, make=None):
    """Return a model with every call of a layer done by ``call(layer, *args, **kwargs)``."""
    whole = Model(model.inputs, model.outputs)
    return keras.models.clone_model(whole, call_function=call, clone_function=make or again)


def again(layer, **changes):
    """Return a new layer of the same configuration, but for its name."""
    config = layer.get_config()
    if isinstance(layer, layers.Layer):
        config.pop("name", None)
    return type(layer).from_config({**config, **changes})


def plainly(layer, *args, **kwargs):
    return layer(*args, **kwargs)


def one_after_another(model):
    """The layers of a model without branches, anew."""
    inner = [one for one in model.layers if not isinstance(one, layers.InputLayer)]
    if not isinstance(model, Sequential):
        return None
    return [again(one) for one in inner]


def functional(model):
    return rewritten(model, plainly)


def nested(model):
    inputs = Input(model.input_shape[1:])
    return Model(inputs, functional(model)(inputs))


def nested_in_parts(model):
    chain = one_after_another(model)
    if chain is None:
        return None
    shape, parts = model.input_shape[1:], []
    for layer in chain:
        parts.append(Sequential([Input(shape), layer]))
        shape = parts[-1].output_shape[1:]
    return Sequential([Input(model.input_shape[1:]), *parts])


def other_names(model):
    return rewritten(
        model,
        plainly,
        lambda one: again(one, name=f"mine_{one.name}") if named(one) else again(one),
    )


def named(layer):
    return isinstance(layer, layers.Layer)


def subclass(model):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = functional(model)

        def call(self, x):
            return self.inner(x)

    return Own()


def built_subclass(model):
    chain = one_after_another(model)
    if chain is None:
        return None

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.chain = chain

        def call(self, x):
            for layer in self.chain:
                x = layer(x)
            return x

    own = Own()
    own(probes(model))
    return own


def splits(layer):
    return (
        isinstance(layer, (layers.Dense, layers.Conv2D)) and layer.activation.__name__ != "linear"
    )


def apart(model, finish):
    """The activations of dense and convolutional layers, and ReLU layers, done by `finish`."""

    def call(layer, *args, **kwargs):
        if isinstance(layer, (layers.ReLU, layers.Activation)):
            return finish("relu")(*args)
        return layer(*args, **kwargs)

    found = []

    def then(layer, *args, **kwargs):
        made = call(layer, *args, **kwargs)
        names = [name for twin, name in found if twin is layer]
        return finish(names[0])(made) if names else made

    def make(layer):
        if not splits(layer):
            return again(layer)
        twin = again(layer, activation="linear")
        found.append((twin, layer.activation.__name__))
        return twin

    return rewritten(model, then, make)


def activations_as_layers(model):
    return apart(model, lambda name: layers.Activation(name))


def activations_as_operations(model):
    return apart(model, lambda name: getattr(keras.ops, name))


def activations_of_tensorflow(model):
    def make(layer):
        return (
            again(layer, activation=getattr(tf.nn, layer.activation.__name__))
            if splits(layer)
            else again(layer)
        )

    return rewritten(model, plainly, make)


def explicit_padding(model):
    def call(layer, *args, **kwargs):
        for twin, before in padded:
            if twin is layer:
                return layer(layers.ZeroPadding2D(before)(*args))
        return layer(*args, **kwargs)

    padded = []

    def make(layer):
        if not (isinstance(layer, layers.Conv2D) and layer.padding == "same"):
            return again(layer)
        zeros = []
        for size, kernel, stride in zip(
            layer.input.shape[1:3], layer.kernel_size, layer.strides, strict=True
        ):
            more = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            zeros.append((more // 2, more - more // 2))
        twin = again(layer, padding="valid")
        padded.append((twin, tuple(zeros)))
        return twin

    made = rewritten(model, call, make)
    return made if padded else None


def with_layers_that_do_nothing(model):
    def call(layer, *args, **kwargs):
        made = layer(*args, **kwargs)
        if not named(layer) or isinstance(layer, layers.Masking):
            return made
        made = layers.Activation("linear")(layers.Dropout(0.0)(made))
        return layers.Identity()(made)

    return rewritten(model, call)


def at_every_step(model):
    wrapped = []

    def make(layer):
        if isinstance(layer, layers.Dense) and len(layer.input.shape) == 3:
            wrapped.append(layer)
            return layers.TimeDistributed(again(layer))
        return again(layer)

    made = rewritten(model, plainly, make)
    return made if wrapped else None


def cells(model):
    kinds = {"SimpleRNN": layers.SimpleRNNCell, "LSTM": layers.LSTMCell, "GRU": layers.GRUCell}
    found = []

    def make(layer):
        kind = kinds.get(type(layer).__name__)
        if kind is None:
            return again(layer)
        found.append(layer)
        return layers.RNN(again_as(kind, layer), return_sequences=layer.return_sequences)

    made = rewritten(model, plainly, make)
    return made if found else None


def again_as(kind, layer):
    known = layer.cell.get_config()
    known.pop("name")
    return kind.from_config(known)


def sums_by_operation(model):
    added = []

    def call(layer, *args, **kwargs):
        if isinstance(layer, layers.Add):
            added.append(layer)
            one, other = args[0]
            return other + one
        return layer(*args, **kwargs)

    made = rewritten(model, call)
    return made if added else None


def other_random_starts(model):
    def make(layer):
        config = layer.get_config() if named(layer) else {}
        starts = [key for key in ("kernel_initializer", "recurrent_initializer") if key in config]
        return again(layer, **dict.fromkeys(starts, "he_normal"))

    return rewritten(model, plainly, make)


def penalties_by_another_name(model):
    found = []

    def make(layer):
        if isinstance(getattr(layer, "kernel_regularizer", None), keras.regularizers.L2):
            found.append(layer)
            penalty = keras.regularizers.L1L2(0.0, float(layer.kernel_regularizer.l2))
            return again(layer, kernel_regularizer=penalty)
        return again(layer)

    made = rewritten(model, plainly, make)
    return made if found else None


REWRITES = [
    functional,
    nested,
    nested_in_parts,
    other_names,
    subclass,
    built_subclass,
    activations_as_layers,
    activations_as_operations,
    activations_of_tensorflow,
    explicit_padding,
    with_layers_that_do_nothing,
    at_every_step,
    cells,
    sums_by_operation,
    other_random_starts,
    penalties_by_another_name,
]


@pytest.mark.slow
@pytest.mark.no_cover
@each_model
def test_every_way_of_writing_the_same_network_passes(exercise):
    failed, count = {}, 0
    for rewrite in REWRITES:
        model = rewrite(reference(exercise))
        if model is not None:
            count += 1
            if said := fault(exercise, model):
                failed[rewrite.__name__] = said
    assert failed == {}
    assert count >= 8


# ---- groups -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.no_cover
@each_model
def test_wrong_models_are_grouped_by_their_mistake_and_not_by_how_they_are_written(exercise):
    case = last_case(exercise)

    def group(model):
        return fingerprint([case.computed(case.run(lambda *_, **__: model).value)])

    kinds = {}
    for name, key, wrong in wrong_models(reference(exercise)):
        if key in ("use_bias", "trainable", "bias_initializer") and name not in kinds:
            kinds[name] = group(wrong)
            assert group(other_names(wrong)) == kinds[name], name
            assert group(nested(wrong)) == kinds[name], name
    assert len(set(kinds.values())) > 1


# ---- through the sandbox ------------------------------------------------------------------------

MODELS = {one.name: one for one in EXERCISES}
HEAD = """
import keras
import tensorflow as tf
from keras import Input, Model, Sequential, layers

L2 = keras.regularizers.L2

def stack(shape, *parts):
    return Sequential([Input(shape), *parts])

def tags(*parts, **given):
    rnn = layers.SimpleRNN(12, return_sequences=True, **given)
    last = parts or [layers.Dense(3, activation="softmax")]
    return stack((None, 5), layers.Masking(), layers.Bidirectional(rnn), *last)

def words(*parts):
    return stack((None, 13), *parts, layers.GRU(16), layers.Dense(5, activation="softmax"))

def drops(first=None, **given):
    hidden = [layers.Dense(64, "relu", kernel_regularizer=L2(0.001)) for _ in range(2)]
    if given:
        hidden[0] = layers.Dense(64, "relu", **{"kernel_regularizer": L2(0.001), **given})
    first = first or [layers.Flatten(), layers.Dropout(0.2)]
    half, other = layers.Dropout(0.5), layers.Dropout(0.5)
    last = layers.Dense(10, "softmax")
    return stack((8, 8, 1), *first, hidden[0], half, hidden[1], other, last)

def vgg(*parts):
    return stack((16, 16, 3), *parts)

def lenet(*parts):
    front = [layers.Conv2D(6, 5, padding="same", activation="relu"), layers.MaxPooling2D(2),
             layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2)]
    back = [layers.Dense(84, "relu"), layers.Dense(10, "softmax")]
    return stack((28, 28, 1), *front, *parts, *back)

class Tagger(keras.Model):
    def __init__(self, cut=None):
        super().__init__()
        self.mask, self.tag = layers.Masking(), layers.Dense(3, "softmax")
        self.read = layers.Bidirectional(layers.SimpleRNN(12, return_sequences=True))
        self.cut = cut or (lambda x: x)
    def call(self, x):
        return self.tag(self.cut(self.read(self.mask(x))))

def two_ways(join, **given):
    i = Input((None, 5))
    x = layers.Masking()(i)
    there = layers.SimpleRNN(12, return_sequences=True, **given)(x)
    back = layers.SimpleRNN(12, return_sequences=True, go_backwards=True, **given)(x)
    return Model(i, layers.Dense(3, activation="softmax")(join(there, back)))

def both(there, back):
    return layers.Concatenate()([there, keras.ops.flip(back, axis=1)])

class Penalized(layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(64, "relu")
        self.dense.build((None, 64))
    def call(self, x):
        self.add_loss(0.001 * keras.ops.sum(self.dense.kernel ** 2))
        return self.dense(x)

class Own(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(5, 3))
    def call(self, x):
        return x @ self.kernel

def through(x, *parts):
    for part in parts:
        x = part(x)
    return x

BLOCK = {"padding": "same", "use_bias": False}
"""
ANSWERS = [  # exercise, body, what the message says: each of one kind of those that once went wrong
    ("tagger", "i = Input((None, 5)); return Model(i, through(i, *tags().layers))", "Right."),
    (
        "listener",
        "i = Input((None, 13)); return Model(i, through(i, *words(layers.Masking(), "
        "layers.LSTM(32, return_sequences=True)).layers))",
        "Right.",
    ),
    (
        "tagger",
        "return tags(dropout=0.3, recurrent_dropout=0.2)",
        ": dropout is 0.3, expected 0; recurrent_dropout is 0.2, expected 0.",
    ),
    (
        "tagger",
        "return tags(kernel_regularizer='l2')",
        "kernel_regularizer is L2(l2=0.01), expected",
    ),
    ("tagger", "return tags(use_bias=False)", "has no biases (use_bias=False); expected some."),
    ("dropout_mlp", "return drops()", "Right."),
    (
        "dropout_mlp",
        "return drops(activity_regularizer='l1')",
        "activity_regularizer is L1(l1=0.01)",
    ),
    (
        "dropout_mlp",
        "return drops([layers.Flatten(), layers.Dropout(0.2, noise_shape=(None, 1))])",
        "noise_shape is (None, 1), expected None.",
    ),
    (
        "dropout_mlp",
        "i = Input((8, 8, 1)); x = layers.Dropout(0.2)(layers.Flatten()(i), training=True)"
        "; return Model(i, through(x, *drops().layers[2:]))",
        "is called with training=True",
    ),
    (
        "dropout_mlp",
        "return drops(trainable=False)",
        "is frozen (trainable=False): it never learns.",
    ),
    ("dropout_mlp", "m = drops(); m.trainable = False; return m", "is frozen (trainable=False)"),
    (
        "dropout_mlp",
        "return drops(kernel_initializer='zeros')",
        "its kernel starts at zeros, so that",
    ),
    ("dropout_mlp", "return drops(kernel_initializer='he_normal')", "Right."),
    ("dropout_mlp", "return drops([layers.Dropout(0.2), layers.Flatten()])", "Right."),
    (
        "dropout_mlp",
        "return drops([layers.Flatten()])",
        "A Dropout is missing: behind the Flatten.",
    ),
    ("tagger", "return Tagger()", "Right."),
    ("tagger", "m = Tagger(); m(tf.zeros((2, 4, 5))); return m", "Right."),
    (
        "tagger",
        "return Tagger(tf.nn.relu)",
        "is code of your own (Tagger) that cannot be looked into",
    ),
    ("tagger", "return Tagger(keras.ops.relu)", "(ReLU) is one layer too many."),
    ("tagger", "return stack((None, 5), layers.Masking(), Own())", "is code of your own (Own)"),
    (
        "tagger",
        "return tags(layers.TimeDistributed(layers.Dense(3, activation='softmax')))",
        "Right.",
    ),
    (
        "tagger",
        "return two_ways(both)",
        "(SimpleRNN) repeats its last output at a masked step; expected zeros there",
    ),
    ("tagger", "return two_ways(both, zero_output_for_mask=True)", "Right."),
    (
        "tagger",
        "return two_ways(lambda a, b: both(a, b)[:, :], zero_output_for_mask=True)",
        "Right.",
    ),
    (
        "tagger",
        "return two_ways(lambda a, b: a + keras.ops.flip(b, axis=1))",
        "merge_mode is 'sum', expected 'concat'",
    ),
    (
        "tagger",
        "return two_ways(lambda a, b: layers.Concatenate()([a, b]), zero_output_for_mask=True)",
        "what reads backwards gives its last step first; turn its output around",
    ),
    (
        "tagger",
        "return stack((None, 5), layers.Masking(), layers.Reshape((-1, 5)), layers.Bidirectional("
        "layers.SimpleRNN(12, return_sequences=True)), layers.Dense(3, activation='softmax'))",
        "(Reshape) passes no mask on: for bidirectional",
    ),
    (
        "tagger",
        "return tags(layers.Dense(3, activation='softmax', dtype='float16'))",
        "(Dense) computes in numbers of 16 bits (its dtype); expected 32, as in float32.",
    ),
    (
        "tagger",
        "return tags(dtype='mixed_bfloat16')",
        "(Bidirectional(SimpleRNN)) computes in numbers of 16 bits",
    ),
    ("tagger", "return tags(dtype='float64')", "Right."),
    (
        "tagger",
        "return Tagger(lambda x: keras.ops.cast(keras.ops.cast(x, 'int32'), 'float32'))",
        "(Cast) is one layer too many.",
    ),
    (
        "dropout_mlp",
        "m = drops([layers.Flatten(), Penalized(), layers.Dropout(0.2)]); return m",
        "adds to the loss in code of your own (add_loss), which cannot be compared",
    ),
    (
        "lenet5",
        "return lenet(layers.ZeroPadding2D(0), layers.Conv2D(120, 5), layers.ReLU(), "
        "layers.Permute((1, 2, 3)), layers.Flatten())",
        "Right.",
    ),
    (
        "lenet5",
        "return lenet(layers.Flatten(), layers.Dense(120, 'relu'))",
        "C5 is a Dense here; expected a Conv2D; the same count.",
    ),
    (
        "lenet5",
        "m = lenet(layers.Conv2D(120, 5, activation='relu'), layers.Flatten()); "
        "return Model(m.inputs, [m.outputs[0], m.layers[-2].output])",
        "The model has 2 outputs",
    ),
    (
        "lenet5",
        "return lenet(layers.Conv2D(120, 5, activation='relu'), layers.Flatten(), "
        "layers.Lambda(lambda x: x))",
        "is a Lambda layer: code in a box",
    ),
    (
        "listener",
        "return words(layers.Masking(), layers.LSTM(32, 'relu', return_sequences=True))",
        "is 'relu', expected 'tanh'.",
    ),
    (
        "listener",
        "return words(layers.LSTM(32, return_sequences=True), layers.Masking())",
        "stands behind the LSTM; it belongs at the very beginning.",
    ),
    (
        "listener",
        "i = Input((20, 13)); return Model(i, through(i, *words(layers.Masking(), "
        "layers.LSTM(32, return_sequences=True)).layers))",
        "is (20, 13); expected (None, 13).",
    ),
    (
        "vgg_block",
        "return vgg(layers.Conv2D(8, 3, padding='same', activation='relu'), "
        "layers.Conv2D(8, 3, padding='same'), layers.MaxPooling2D(2), layers.ReLU()) "
        "if filters == 2 else vgg(*[layers.Conv2D(4, 3, padding='same', activation='relu') "
        "for _ in range(3)], layers.MaxPooling2D(2))",
        "Right. The order: ",
    ),
    (
        "listener",
        "cell = layers.RNN(layers.LSTMCell(32), return_sequences=True); m = stack((None, 13), "
        "layers.Masking(), cell, layers.GRU(16), layers.Dense(5)); return m",
        "has no activation; expected 'softmax'.",
    ),
    (
        "basic_block",
        "i = Input((8, 8, 8)); x = i if stride == 1 else through(i, layers.Conv2D(filters, 1, "
        "stride, use_bias=False), layers.BatchNormalization()); y = through(i, layers.Conv2D("
        "filters, 3, stride, **BLOCK), layers.BatchNormalization(), layers.ReLU(), "
        "layers.Conv2D(filters, 3, **BLOCK), layers.BatchNormalization()); "
        "return Model(i, keras.ops.relu(layers.Concatenate()([x, y])))",
        "is a Concatenate here; expected an Add",
    ),
    (
        "basic_block",
        "i = Input((8, 8, 8)); x = i if stride == 1 else through(i, layers.Conv2D(filters, 1, "
        "stride, use_bias=False), layers.BatchNormalization()); y = through(i, layers.Conv2D("
        "filters, 3, stride, **BLOCK), layers.BatchNormalization(), layers.Activation('tanh'), "
        "layers.Conv2D(filters, 3, **BLOCK), layers.BatchNormalization()); "
        "return Model(i, keras.ops.relu(x + y))",
        "is 'tanh', expected 'relu'.",
    ),
]


@pytest.fixture(scope="module")
def judge():
    with Judge(spare=False) as judge:
        yield judge


def renamed(exercise, number):
    one = copy.copy(exercise)
    one.name = f"{exercise.name}_{number}"
    one.mistakes = Mistakes()  # what is compared is shown, where no known mistake stands before it
    return one


@pytest.mark.slow
@pytest.mark.no_cover
def test_every_kind_of_difference_is_named_as_a_person_would(judge):
    source, asked = HEAD, []
    for number, (name, body, _) in enumerate(ANSWERS):
        asked.append(renamed(MODELS[name], number))
        source += f"\ndef {asked[-1].name}(filters=0, stride=0):\n    {body}\n"
    report = judge.check(source.encode(), asked, time_limit=60)
    for (name, body, words), verdict in zip(ANSWERS, report.verdicts, strict=True):
        assert words in verdict.message, (name, body, verdict)
        assert verdict.status is (Status.PASS if "Right." in words else Status.FAIL), verdict


def graph_of(**layer):
    """A forged description: one layer that is called on the input."""
    known = {"name": "x", "kind": "layer", "module": "keras.layers", "parameters": 0, "config": {}}
    call = {"layer": 0, "args": [{"input": 0}], "kwargs": {}, "shape": [None, 3]}
    graph = {"inputs": [[[None, 5], "float32"]], "layers": [known | layer], "calls": [call]}
    return json.dumps({**graph, "outputs": [{"call": [0, 0]}]})


INNER = {"module": "os", "class_name": "system", "config": "echo", "registered_name": None}
FORGED = {
    "a Lambda": graph_of(class_name="Lambda", config={"function": "x"}),
    "a Lambda within": graph_of(
        class_name="TimeDistributed",
        config={"layer": {"module": "keras.layers", "class_name": "Lambda", "config": {}}},
    ),
    "a table of words": graph_of(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
    "a saved model": graph_of(class_name="TFSMLayer", config={"filepath": "/tmp"}),
    "another module": graph_of(class_name="Dense", config={"units": 3, "activation": INNER}),
    "a class of somebody's": graph_of(
        class_name="TimeDistributed",
        config={
            "layer": {
                "module": "keras.layers",
                "class_name": "Dense",
                "registered_name": "mine>Dense",
                "config": {"units": 3},
            }
        },
    ),
    "code": graph_of(class_name="Dense", config={"units": 3, "activation": {"function": "f"}}),
    "no operation": graph_of(class_name="system", kind="operation"),
    "no class": graph_of(class_name="__init__"),
    "calls of what is not there": graph_of(class_name="ReLU").replace('"layer": 0', '"layer": 7'),
    "calls of itself": graph_of(class_name="ReLU").replace('{"input": 0}', '{"call": [0, 0]}'),
    "no JSON": "{",
    "no end": "[" * 100_000,
    "a number without end": graph_of(class_name="ReLU").replace("null", "9" * 5000),
    "nothing": "{}",
    "a list": "[]",
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_description_is_neither_rebuilt_nor_read(kind):
    with pytest.raises(ValueError, match=r"."):
        measured(FORGED[kind], [np.zeros((2, 4, 5), "float32")], 0)
    case = last_case(MODELS["tagger"])
    output = case.fault(case.completed({"graph": FORGED[kind], "measured": {}}, measured))
    assert output
    assert isinstance(case.shown({"graph": FORGED[kind]})[0], str)


@pytest.mark.slow
def test_who_takes_the_worker_over_forges_descriptions_only_and_stops_nobody(judge):
    large = graph_of(class_name="Dense", config={"units": 2 * 10**9})
    source = f"""
import keras, sys

def forge(text):
    sys.modules["description"].described = lambda *_: {{"graph": text, "measured": {{}}}}

def tagger_0(): forge({large!r})
def tagger_1(): forge({FORGED["a Lambda"]!r})
def tagger_2(): forge(3)
def tagger_3(): forge({FORGED["no end"]!r})
"""
    asked = [renamed(MODELS["tagger"], number) for number in range(4)]
    statuses = [one.status for one in judge.check(source.encode(), asked).verdicts]
    assert set(statuses) <= {Status.FAIL, Status.ERROR, Status.MEMORY, Status.TIMEOUT}, statuses
    right = f"{HEAD}\ndef tagger():\n    return tags()\n"
    assert judge.check(right.encode(), [MODELS["tagger"]]).verdicts[0].status is Status.PASS
