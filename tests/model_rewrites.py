"""The same network, written otherwise, in ways that its verdict must not tell apart."""

import keras
import tensorflow as tf
from keras import Input, Model, Sequential, layers
from model_exercises import probes


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
