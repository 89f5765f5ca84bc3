"""Answers to model exercises, each of one kind of those that once went wrong, and what is said."""

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
