"""Networks that read one lead of an ECG: each row of the lecture's table is a builder.

All of them take samples in mV at 300 Hz, shape ``(samples, 1)``, and give a probability for each
class, in float32 whatever the precision they compute in.
"""

import keras
import numpy as np
from keras import layers, ops

from chapters.ecg.beats import AROUND, ROWS
from chapters.ecg.recordings import LENGTH, RATE
from companion.recurrent import GRU, LSTM, Bidirectional

WINDOW = (LENGTH, 1)

# Width, number of blocks and kernel of each stage; every stage halves the time axis but the first.
STAGES = ((32, 1, 7), (48, 2, 7), (64, 2, 7), (80, 2, 5))


@keras.saving.register_keras_serializable(package="ecg")
class Standardize(layers.Layer):
    """Take a recording's mean off and divide by its mean absolute deviation.

    So an electrode that is pressed harder, or an amplifier set higher, changes nothing; and one
    great artefact moves the scale less than it would move a standard deviation.
    """

    def __init__(self, **options):
        super().__init__(**{"dtype": "float32", **options})

    def call(self, x):
        x = x - ops.mean(x, axis=1, keepdims=True)
        spread = 1.25 * ops.mean(ops.abs(x), axis=1, keepdims=True)
        return ops.clip(x / (spread + 1e-3), -8, 8)


def normalized(x, relu=True):
    """Follow `x` with batch normalization, and with a ReLU."""
    x = layers.BatchNormalization(momentum=0.9)(x)  # a short training must do
    return layers.ReLU()(x) if relu else x


def convolution(x, filters, kernel, stride=1):
    """Return a convolution without bias; batch normalization brings one."""
    return layers.Conv1D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)


def residual_block(x, filters, kernel, stride):
    """Add two convolutions to a shortcut; the shortcut is averaged where the stride skips."""
    shortcut = layers.AveragePooling1D(stride, padding="same")(x) if stride > 1 else x
    if x.shape[-1] != filters:
        shortcut = convolution(shortcut, filters, 1)
    x = normalized(convolution(x, filters, kernel, stride))
    x = layers.SpatialDropout1D(0.1)(x)
    x = normalized(convolution(x, filters, kernel), relu=False)
    return layers.ReLU()(layers.Add()([shortcut, x]))


def convolutions(x, stages=STAGES):
    """Turn 300 samples a second into 6.25 feature vectors a second."""
    x = normalized(convolution(Standardize()(x), stages[0][0], 16, stride=3))
    x = layers.MaxPooling1D(2, padding="same")(x)
    for number, (filters, blocks, kernel) in enumerate(stages):
        for block in range(blocks):
            stride = 2 if number and block == 0 else 1
            x = residual_block(x, filters, kernel, stride)
    return x


def attention_pooling(x, units=32, name="attention"):
    """Average over time with weights that the network chooses.

    e⁽ᵗ⁾ = vᵀ tanh(W x⁽ᵗ⁾ + b)      how much step t matters
    p = softmax(e)                  shares that sum to 1
    x̄ = Σ_t p⁽ᵗ⁾ x⁽ᵗ⁾
    """
    energy = layers.Dense(1, use_bias=False)(layers.Dense(units, activation="tanh")(x))
    weights = layers.Softmax(axis=1, dtype="float32", name=name)(energy)
    return layers.Dot(axes=1, dtype="float32")([weights, x])[:, 0]


def classified(inputs, x, classes, dropout, name):
    """End a network with dropout and a softmax in float32."""
    x = layers.Dropout(dropout, dtype="float32")(x)
    outputs = layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(x)
    return keras.Model(inputs, outputs, name=name)


def cnn(input_shape=WINDOW, classes=4, stages=STAGES, dropout=0.3):
    """Build the convolutional network: what is seen anywhere, averaged over time.

    Args:
        input_shape: ``(samples, 1)``; samples may be None.
        classes: Number of classes.
        stages: Width, blocks and kernel of each stage of residual blocks.
        dropout: Share of the pooled features that training silences.
    """
    inputs = keras.Input(input_shape)
    x = convolutions(inputs, stages)
    x = layers.Concatenate(dtype="float32")(
        [
            layers.GlobalAveragePooling1D(dtype="float32")(x),
            layers.GlobalMaxPooling1D(dtype="float32")(x),
        ]
    )
    return classified(inputs, x, classes, dropout, "cnn")


def crnn(input_shape=WINDOW, classes=4, stages=STAGES, units=32, dropout=0.3):
    """Build the `cnn` with a bidirectional GRU that reads its features in order.

    Args:
        input_shape: ``(samples, 1)``; samples may be None.
        classes: Number of classes.
        stages: As in `cnn`.
        units: Width of the GRU, each way.
        dropout: Share of the pooled features that training silences.
    """
    inputs = keras.Input(input_shape)
    x = convolutions(inputs, stages)
    x = Bidirectional(GRU(units, return_sequences=True))(x)
    x = layers.GlobalAveragePooling1D(dtype="float32")(x)
    return classified(inputs, x, classes, dropout, "crnn")


def acrnn(input_shape=WINDOW, classes=4, stages=STAGES, units=32, dropout=0.3):
    """Build the `crnn` with attention in place of its average; `attention` reads it out.

    Args:
        input_shape: ``(samples, 1)``; samples may be None.
        classes: Number of classes.
        stages: As in `cnn`.
        units: Width of the GRU, each way.
        dropout: Share of the pooled features that training silences.
    """
    inputs = keras.Input(input_shape)
    x = convolutions(inputs, stages)
    x = Bidirectional(GRU(units, return_sequences=True))(x)
    return classified(inputs, attention_pooling(x), classes, dropout, "acrnn")


# ---- MINA ---------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="ecg")
class FrequencyBands(layers.Layer):
    """Four channels: the signal, and what of it is below 0.5, 0.5 to 50, and above 50 Hz.

    Hong et al. (2019), "Frequency": slow wander, the heart, and the muscles each have a band. The
    bands are cut out of the Fourier transform.
    """

    def __init__(self, edges=(0.5, 50.0), **options):
        super().__init__(**{"dtype": "float32", **options})
        self.edges = tuple(edges)

    def get_config(self):
        return {**super().get_config(), "edges": self.edges}

    def call(self, x):
        samples = x.shape[1]
        frequencies = np.fft.rfftfreq(samples, 1 / RATE)
        real, imaginary = ops.rfft(x[:, :, 0])
        channels = [x[:, :, 0]]
        for low, high in zip((0.0, *self.edges), (*self.edges, np.inf), strict=True):
            inside = ((frequencies >= low) & (frequencies < high)).astype("float32")
            channels.append(ops.irfft((real * inside, imaginary * inside), fft_length=samples))
        return ops.stack(channels, axis=1)


def knowing_attention(x, knowledge, units, name):
    """Average `x` over its second axis; what is known of each step has a say in its weight.

    Args:
        x: Steps of shape ``(batch, steps, features)``.
        knowledge: What is known of them, ``(batch, steps, 1)``.
        units: Width of the attention's hidden layer.
        name: Name of the layer that gives the weights.
    """
    energy = layers.Concatenate()([x, knowledge])
    energy = layers.Dense(units, activation="tanh", use_bias=False)(energy)
    energy = layers.Dense(1, use_bias=False)(energy)
    weights = layers.Softmax(axis=1, dtype="float32", name=name)(energy)
    return layers.Dot(axes=1, dtype="float32")([weights, x])[:, 0]


def mina(input_shape=WINDOW, classes=4, segment=50, dropout=0.5, edges=(0.5, 50.0)):
    """Build MINA, multilevel knowledge-guided attention (Hong et al., 2019).

    Each of four frequency channels is cut into segments of a sixth of a second. Attention picks
    within each segment (beat), a BLSTM reads the segments and attention picks among them (rhythm),
    and a last attention picks among the channels (frequency). It is guided by what a cardiologist
    would look at: how steep the signal is, how much it varies within a segment, and how strong the
    channel is.

    Args:
        input_shape: ``(samples, 1)``; samples is a multiple of `segment`.
        classes: Number of classes.
        segment: Samples in a segment.
        dropout: Share of each channel's features that training silences.
        edges: Where one frequency band ends and the next begins, in Hz.
    """
    samples = input_shape[0]
    segments = samples // segment
    inputs = keras.Input(input_shape)
    channels = FrequencyBands(edges)(Standardize()(inputs))
    features, power = [], []
    for number in range(4):
        channel = ops.reshape(channels[:, number], (-1, segments, segment, 1))
        flat = ops.reshape(channel, (-1, segment, 1))
        # beat: a convolution over each segment, then its steepest places
        x = layers.Conv1D(64, 32, strides=2, activation="relu")(flat)
        slope = ops.pad(ops.abs(flat[:, 1:] - flat[:, :-1]), ((0, 0), (1, 0), (0, 0)))
        slope = layers.Conv1D(1, 32, strides=2, activation="relu")(slope)
        x = knowing_attention(x, slope, 8, f"beat_{number}")
        # rhythm: a BLSTM over the segments, then the ones that vary most
        x = ops.reshape(x, (-1, segments, 64))
        x = Bidirectional(LSTM(32, return_sequences=True))(x)
        variation = ops.std(channel, axis=2)
        x = knowing_attention(x, variation, 8, f"rhythm_{number}")
        x = layers.Dropout(dropout)(layers.Dense(8, activation="relu")(x))
        features.append(x)
        power.append(ops.mean(ops.square(channels[:, number]), axis=1, keepdims=True))
    # frequency: which channel to believe
    x = knowing_attention(ops.stack(features, axis=1), ops.stack(power, axis=1), 2, "frequency")
    outputs = layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(x)
    return keras.Model(inputs, outputs, name="mina")


# ---- Hannun et al. ------------------------------------------------------------------------------


def pre_activated(x, dropout):
    """Prepare `x` for the next convolution: batch normalization, ReLU, dropout."""
    x = normalized(x)
    return layers.Dropout(dropout)(x) if dropout else x


def cardiologist(input_shape=WINDOW, classes=4, filters=32, kernel=16, dropout=0.2):
    """Build the 34-layer residual network of Hannun et al. (2019).

    33 convolutions and a dense layer: one in front, two in each of 16 blocks. Every second block
    halves the time axis, every fourth doubles the width, and zeros fill up its shortcut. The
    reference gives a class for every 256 samples; here their probabilities are averaged, to label
    the recording as a whole.

    Args:
        input_shape: ``(samples, 1)``; samples is 256 or more, or None.
        classes: Number of classes.
        filters: Width of the first four blocks.
        kernel: Length of the kernels.
        dropout: Share of the features that training silences between a block's convolutions.
    """

    def layer(x, width, stride=1):
        return layers.Conv1D(
            width, kernel, strides=stride, padding="same", kernel_initializer="he_normal"
        )(x)

    inputs = keras.Input(input_shape)
    x = normalized(layer(inputs, filters))
    for block in range(16):
        stride = 1 + block % 2
        width = filters * 2 ** (block // 4)
        shortcut = layers.MaxPooling1D(stride, padding="same")(x)
        if shortcut.shape[-1] != width:
            shortcut = layers.Concatenate()([shortcut, ops.zeros_like(shortcut)])
        y = layer(pre_activated(x, 0) if block else x, width, stride)
        y = layer(pre_activated(y, dropout), width)
        x = layers.Add()([shortcut, y])
    steps = layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(
        normalized(x)
    )
    outputs = layers.GlobalAveragePooling1D(dtype="float32")(steps)
    return keras.Model(inputs, outputs, name="cardiologist")


# ---- beats in a row -----------------------------------------------------------------------------


def beat_reader(input_shape=ROWS, classes=4, units=32, dropout=0.3):
    """Build a network that reads beats one after the other, as `chapters.ecg.beats` finds them.

    It need not find the beats nor learn to count: it is told when they come, as the expert is, and
    sees them in their order, as the expert's averages do not.

    Args:
        input_shape: ``(beats, numbers)``, the last number 1 where there is a beat and 0 elsewhere.
        classes: Number of classes.
        units: Width of the GRU, each way.
        dropout: Share of the pooled features that training silences.
    """
    inputs = keras.Input(input_shape)
    waves, times, is_beat = inputs[..., : len(AROUND)], inputs[..., len(AROUND) :], inputs[..., -1:]
    shape = layers.Dense(48, activation="relu")(layers.Dropout(0.1)(waves))
    shape = layers.Dense(24, activation="relu")(shape)
    x = layers.Dense(48, activation="relu")(layers.Concatenate()([shape, times]))
    x = layers.Dropout(0.1)(x)
    x = Bidirectional(GRU(units, return_sequences=True))(x, mask=is_beat[..., 0] > 0)
    energy = layers.Dense(1, use_bias=False)(layers.Dense(32, activation="tanh")(x))
    weights = layers.Softmax(axis=1, dtype="float32", name="attention")(energy, mask=is_beat > 0)
    pooled = (
        layers.Dot(axes=1, dtype="float32")([weights, x])[:, 0],
        ops.sum(x * is_beat, axis=1) / (ops.sum(is_beat, axis=1) + 1e-3),
        ops.max(x * is_beat, axis=1),
    )
    x = layers.Concatenate(dtype="float32")(pooled)
    return classified(inputs, x, classes, dropout, "beat_reader")


# ---- reading attention --------------------------------------------------------------------------


def with_attention(model):
    """Return an `acrnn` whose second output is its attention, of shape ``(n, steps, 1)``."""
    outputs = [model.outputs[0], model.get_layer("attention").output]
    return keras.Model(model.inputs[0], outputs, name=model.name)


def attention(model, x):
    """Return what a model's attention weighs: ``{layer's name: weights}``.

    Args:
        model: An `acrnn`, a `mina` or a `beat_reader`.
        x: What it reads: signals of shape ``(n, samples, 1)``, or rows of beats.

    Returns:
        For an `acrnn`, ``attention`` of shape ``(n, steps)``; for a `beat_reader`, ``attention`` of
        shape ``(n, beats)``. For a `mina`, ``beat_k`` of shape
        ``(n, segments, places)`` and ``rhythm_k`` of shape ``(n, segments)`` for each channel k,
        and ``frequency`` of shape ``(n, 4)``. Along the last axis they sum to 1.
    """
    outputs = {
        layer.name: layer.output for layer in model.layers if isinstance(layer, layers.Softmax)
    }
    if not outputs:
        raise ValueError(f"{model.name} has no attention. `acrnn`, `mina` and `beat_reader` have.")
    outputs_by_name = keras.Model(model.inputs[0], outputs)(x, training=False)
    weights = {name: ops.convert_to_numpy(one)[..., 0] for name, one in outputs_by_name.items()}
    # Beat attention has a row for each segment of each signal.
    return {
        name: one.reshape((len(x), -1, one.shape[1]) if name.startswith("beat_") else (len(x), -1))
        for name, one in weights.items()
    }
