"""Rosetta: what two of the lectures say in PyTorch, said in Keras, in columns that run.

Each column is a script of its own, imports and all. A column's second part, below ``# use it``,
begins with the weights of the other column: the tests carry them over (`weights.py`), run both,
and compare what the pair names.
"""

from dataclasses import dataclass

from companion.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class Pair:
    """One idiom, twice.

    Attributes:
        name: What the page calls it by.
        pytorch: The column in PyTorch.
        keras: The column in Keras.
        same: The variables that are the same in both columns.
        tolerance: How far they may lie apart, absolutely and as a share.
        flattened: As `weights.carry_to_keras` takes it, in pairs that build a model.
    """

    name: str
    pytorch: str
    keras: str
    same: tuple[str, ...]
    tolerance: float = 1e-5
    flattened: tuple[tuple[int, tuple[int, int, int]], ...] = ()


PAIRS = (
    Pair(
        "tensors",
        """\
import numpy as np
import torch

a = np.arange(6.0).reshape(2, 3)
t = torch.from_numpy(a).float()
product = t @ t.T
largest = product.max(dim=1).values
row = t.view(-1)
images = torch.zeros(8, 3, 32, 32)  # N, C, H, W
back = product.numpy()
""",
        """\
import numpy as np
from keras import ops

a = np.arange(6.0).reshape(2, 3)
t = ops.convert_to_tensor(a, "float32")
product = t @ ops.transpose(t)
largest = ops.max(product, axis=1)
row = ops.reshape(t, (-1,))
images = ops.zeros((8, 32, 32, 3))  # N, H, W, C
back = ops.convert_to_numpy(product)
""",
        ("product", "largest", "row", "back"),
    ),
    Pair(
        "module",
        """\
import numpy as np
import torch
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 32)
        self.output = nn.Linear(32, 10)

    def forward(self, x):
        a = torch.relu(self.hidden(x))
        return self.output(a)


model = Network()
x = np.random.default_rng(0).random((8, 64), "float32")

# use it
logits = model(torch.from_numpy(x))
""",
        """\
import keras
import numpy as np
from keras import layers


class Network(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(32)
        self.output_layer = layers.Dense(10)

    def call(self, x):
        a = keras.ops.relu(self.hidden(x))
        return self.output_layer(a)


model = Network()
x = np.random.default_rng(0).random((8, 64), "float32")
model(x)  # the first call makes the weights

# use it
logits = model(x)
""",
        ("logits",),
    ),
    Pair(
        "convolution",
        """\
import numpy as np
import torch
from torch import nn

model = nn.Sequential(
    nn.Conv2d(3, 6, 5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),  # channel by channel
    nn.Linear(6 * 6 * 6, 10),
)
rng = np.random.default_rng(0)
x = rng.random((8, 16, 16, 3), "float32")

# use it
images = torch.from_numpy(x).permute(0, 3, 1, 2)
logits = model(images)  # N, C, H, W
""",
        """\
import keras
import numpy as np
from keras import layers

model = keras.Sequential([
    keras.Input((16, 16, 3)),
    layers.Conv2D(6, 5, activation="relu"),
    layers.MaxPooling2D(2),
    layers.Flatten(),  # pixel by pixel
    layers.Dense(10),
])
rng = np.random.default_rng(0)
x = rng.random((8, 16, 16, 3), "float32")

# use it
logits = model(x)
""",
        ("logits",),
        flattened=((1, (6, 6, 6)),),
    ),
    Pair(
        "padding",
        """\
import numpy as np
import torch
from torch import nn

model = nn.Conv2d(1, 4, 3, stride=2, padding=1)
rng = np.random.default_rng(0)
x = rng.random((2, 8, 8, 1), "float32")

# use it
maps = model(torch.from_numpy(x).permute(0, 3, 1, 2))
maps = maps.permute(0, 2, 3, 1)
""",
        """\
import keras
import numpy as np
from keras import layers

model = keras.Sequential([
    keras.Input((8, 8, 1)),
    layers.ZeroPadding2D(1),  # "same" pads otherwise
    layers.Conv2D(4, 3, strides=2, padding="valid"),
])
rng = np.random.default_rng(0)
x = rng.random((2, 8, 8, 1), "float32")

# use it
maps = model(x)
""",
        ("maps",),
    ),
    Pair(
        "loss",
        """\
import torch
from torch import nn

logits = torch.tensor(
    [[2.0, 1.0, -1.0], [0.5, 3.0, 0.0]], requires_grad=True
)
labels = torch.tensor([0, 2])
loss = nn.CrossEntropyLoss()(logits, labels)
loss.backward()
gradient = logits.grad
""",
        """\
import keras
import tensorflow as tf

logits = tf.constant([[2.0, 1.0, -1.0], [0.5, 3.0, 0.0]])
labels = tf.constant([0, 2])
cross_entropy = keras.losses.SparseCategoricalCrossentropy(
    from_logits=True
)
with tf.GradientTape() as tape:
    tape.watch(logits)
    loss = cross_entropy(labels, logits)
gradient = tape.gradient(loss, logits)
""",
        ("loss", "gradient"),
    ),
    Pair(
        "binary-loss",
        """\
import torch
from torch import nn

logits = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
labels = torch.tensor([1.0, 0.0, 0.0])
loss = nn.BCEWithLogitsLoss()(logits, labels)
loss.backward()
gradient = logits.grad
""",
        """\
import keras
import tensorflow as tf

logits = tf.constant([2.0, -1.0, 0.5])
labels = tf.constant([1.0, 0.0, 0.0])
cross_entropy = keras.losses.BinaryCrossentropy(
    from_logits=True
)
with tf.GradientTape() as tape:
    tape.watch(logits)
    loss = cross_entropy(labels, logits)
gradient = tape.gradient(loss, logits)
""",
        ("loss", "gradient"),
    ),
    Pair(
        "gradients",
        """\
import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
(w**2).sum().backward()
(w**2).sum().backward()
twice = w.grad.clone()  # added up
w.grad.zero_()
(w**2).sum().backward()
gradient = w.grad
""",
        """\
import tensorflow as tf

w = tf.Variable([1.0, 2.0])
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(w**2)
gradient = tape.gradient(loss, w)  # always anew
twice = gradient + gradient
""",
        ("gradient", "twice"),
    ),
    Pair(
        "loop",
        """\
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(0)
x = rng.random((64, 20), "float32")
y = rng.integers(0, 3, 64)
model = nn.Sequential(
    nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 3)
)

# use it
loss_of = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(
    model.parameters(), lr=0.1, momentum=0.9
)
losses = []
for epoch in range(5):
    total = 0.0
    for i in range(0, 64, 16):
        batch = torch.from_numpy(x[i : i + 16])
        labels = torch.from_numpy(y[i : i + 16])
        optimizer.zero_grad()
        loss = loss_of(model(batch), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() / 4
    losses.append(total)
""",
        """\
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
x = rng.random((64, 20), "float32")
y = rng.integers(0, 3, 64)
model = keras.Sequential([
    keras.Input((20,)),
    layers.Dense(16, activation="relu"),
    layers.Dense(3),
])

# use it
model.compile(
    keras.optimizers.SGD(0.1, momentum=0.9),
    keras.losses.SparseCategoricalCrossentropy(
        from_logits=True
    ),
)
history = model.fit(
    x, y, batch_size=16, epochs=5, shuffle=False, verbose=0
)
losses = history.history["loss"]
""",
        ("losses",),
    ),
    Pair(
        "loop-by-hand",
        """\
import numpy as np
import torch
from torch import nn

x = np.random.default_rng(0).random((32, 20), "float32")
y = x[:, :1] - x[:, 1:2]
model = nn.Sequential(nn.Linear(20, 1))

# use it
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for step in range(10):
    optimizer.zero_grad()
    error = model(torch.from_numpy(x)) - torch.from_numpy(y)
    loss = (error**2).mean()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
""",
        """\
import keras
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).random((32, 20), "float32")
y = x[:, :1] - x[:, 1:2]
model = keras.Sequential([
    keras.Input((20,)), keras.layers.Dense(1)
])

# use it
optimizer = keras.optimizers.SGD(0.1)
losses = []
for step in range(10):
    with tf.GradientTape() as tape:
        error = model(x, training=True) - y
        loss = tf.reduce_mean(error**2)
    weights = model.trainable_variables
    gradients = tape.gradient(loss, weights)
    optimizer.apply(gradients, weights)
    losses.append(float(loss))
""",
        ("losses",),
    ),
    Pair(
        "optimizers",
        """\
import torch
from torch import optim

scale = torch.tensor([1.0, 10.0])
ends = []
for make in (
    lambda w: optim.SGD(w, 0.01, momentum=0.9),
    lambda w: optim.SGD(w, 0.01, 0.9, nesterov=True),
    lambda w: optim.RMSprop(w, 0.01, alpha=0.9, eps=1e-7),
    lambda w: optim.Adam(w, 0.01, eps=1e-7),
    lambda w: optim.AdamW(w, 0.01, weight_decay=0.1),
):
    w = torch.tensor([1.0, -1.0], requires_grad=True)
    optimizer = make([w])
    for step in range(20):
        optimizer.zero_grad()
        (scale * w**2 / 2).sum().backward()
        optimizer.step()
    ends.append(w.tolist())
""",
        """\
import keras
from keras import optimizers

scale = keras.ops.array([1.0, 10.0])
ends = []
for optimizer in (
    optimizers.SGD(0.01, momentum=0.9),
    optimizers.SGD(0.01, 0.9, nesterov=True),
    optimizers.RMSprop(0.01, rho=0.9),
    optimizers.Adam(0.01),
    optimizers.AdamW(0.01, weight_decay=0.1),
):
    w = keras.Variable([1.0, -1.0])
    for step in range(20):
        gradient = scale * w
        optimizer.apply([gradient], [w])
    ends.append(keras.ops.convert_to_numpy(w).tolist())
""",
        ("ends",),
    ),
    Pair(
        "data",
        """\
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

x = np.arange(20, dtype="float32").reshape(10, 2)
y = np.arange(10)
data = TensorDataset(
    torch.from_numpy(x), torch.from_numpy(y)
)
# to train: shuffle=True
loader = DataLoader(data, batch_size=4)
sums = [float(rows.sum()) for rows, labels in loader]
sizes = [len(labels) for rows, labels in loader]
""",
        """\
import numpy as np
import tensorflow as tf

x = np.arange(20, dtype="float32").reshape(10, 2)
y = np.arange(10)
data = tf.data.Dataset.from_tensor_slices((x, y))
# to train: data.shuffle(10).batch(4)
loader = data.batch(4)
sums = [
    float(tf.reduce_sum(rows)) for rows, labels in loader
]
sizes = [len(labels) for rows, labels in loader]
""",
        ("sums", "sizes"),
    ),
    Pair(
        "evaluation",
        """\
import numpy as np
import torch
from torch import nn

model = nn.Sequential(
    nn.Linear(20, 16),
    nn.BatchNorm1d(16),
    nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(16, 3),
)
x = np.random.default_rng(0).random((8, 20), "float32")

# use it
model.eval()
with torch.no_grad():
    logits = model(torch.from_numpy(x))
predicted = logits.argmax(dim=1)
""",
        """\
import keras
import numpy as np
from keras import layers

model = keras.Sequential([
    keras.Input((20,)),
    layers.Dense(16),
    layers.BatchNormalization(epsilon=1e-5),
    layers.ReLU(),
    layers.Dropout(0.5),
    layers.Dense(3),
])
x = np.random.default_rng(0).random((8, 20), "float32")

# use it
logits = model(x, training=False)
predicted = keras.ops.argmax(logits, axis=1)
""",
        ("logits", "predicted"),
    ),
    Pair(
        "batch-normalization",
        """\
import numpy as np
import torch
from torch import nn

model = nn.BatchNorm1d(4, momentum=0.1, eps=1e-5)
x = np.random.default_rng(0).random((8, 4), "float32")

# use it
model.train()
normalized = model(torch.from_numpy(x))
mean = model.running_mean
# PyTorch keeps the variance with n - 1 in place of n
variance = 0.9 + (model.running_var - 0.9) * 7 / 8
""",
        """\
import keras
import numpy as np

model = keras.layers.BatchNormalization(
    momentum=0.9, epsilon=1e-5
)
x = np.random.default_rng(0).random((8, 4), "float32")
model.build(x.shape)

# use it
normalized = model(x, training=True)
mean = model.moving_mean
variance = model.moving_variance
""",
        ("normalized", "mean", "variance"),
    ),
    Pair(
        "initialization",
        """\
import torch
from torch import nn

torch.manual_seed(0)
default = nn.Linear(400, 300)
glorot = nn.Linear(400, 300)
nn.init.xavier_uniform_(glorot.weight)
nn.init.zeros_(glorot.bias)
he = nn.Linear(400, 300)
nn.init.kaiming_uniform_(he.weight, nonlinearity="relu")
nn.init.zeros_(he.bias)
spreads = [
    one.weight.std().item() for one in (default, glorot, he)
]
largest_bias = default.bias.abs().max().item()
""",
        """\
import keras
import numpy as np
from keras import initializers, layers

keras.utils.set_random_seed(0)
as_pytorch = initializers.VarianceScaling(
    1 / 3, "fan_in", "uniform"
)
bound = 1 / np.sqrt(400)
biases = initializers.RandomUniform(-bound, bound)
default = layers.Dense(300, None, True, as_pytorch, biases)
glorot = layers.Dense(300)  # Keras's default
he = layers.Dense(300, kernel_initializer="he_uniform")
for one in (default, glorot, he):
    one.build((None, 400))
spreads = [
    float(np.std(one.get_weights()[0]))
    for one in (default, glorot, he)
]
largest_bias = float(np.max(default.get_weights()[1]))
""",
        ("spreads", "largest_bias"),
        tolerance=0.01,
    ),
    Pair(
        "rnn",
        """\
import numpy as np
import torch
from torch import nn

model = nn.RNN(3, 5, batch_first=True)
x = np.random.default_rng(0).random((8, 7, 3), "float32")

# use it
states, last = model(torch.from_numpy(x))
last = last[0]  # of the first, and only, layer
""",
        """\
import keras
import numpy as np

model = keras.layers.SimpleRNN(
    5, return_sequences=True, return_state=True
)
x = np.random.default_rng(0).random((8, 7, 3), "float32")
model.build(x.shape)

# use it
states, last = model(x)
""",
        ("states", "last"),
    ),
    Pair(
        "lstm",
        """\
import numpy as np
import torch
from torch import nn

model = nn.LSTM(3, 5, batch_first=True)
x = np.random.default_rng(0).random((8, 7, 3), "float32")

# use it
states, (last, cell) = model(torch.from_numpy(x))
last, cell = last[0], cell[0]
""",
        """\
import keras
import numpy as np

model = keras.layers.LSTM(
    5, return_sequences=True, return_state=True
)
x = np.random.default_rng(0).random((8, 7, 3), "float32")
model.build(x.shape)

# use it
states, last, cell = model(x)
""",
        ("states", "last", "cell"),
    ),
    Pair(
        "gru",
        """\
import numpy as np
import torch
from torch import nn

model = nn.GRU(3, 5, batch_first=True)
x = np.random.default_rng(0).random((8, 7, 3), "float32")

# use it
states, last = model(torch.from_numpy(x))
last = last[0]
""",
        """\
import keras
import numpy as np

model = keras.layers.GRU(  # reset_after=True is the default
    5, return_sequences=True, return_state=True
)
x = np.random.default_rng(0).random((8, 7, 3), "float32")
model.build(x.shape)

# use it
states, last = model(x)
""",
        ("states", "last"),
    ),
    Pair(
        "saving",
        """\
import torch
from torch import nn

model = nn.Linear(4, 2)
torch.save(model.state_dict(), "model.pt")
again = nn.Linear(4, 2)
again.load_state_dict(torch.load("model.pt"))
x = torch.ones(1, 4)
gap = (model(x) - again(x)).abs().max()
""",
        """\
import keras

layers = [keras.Input((4,)), keras.layers.Dense(2)]
model = keras.Sequential(layers)
model.save_weights("model.weights.h5")
again = keras.models.clone_model(model)
again.load_weights("model.weights.h5")
x = keras.ops.ones((1, 4))
gap = keras.ops.max(abs(model(x) - again(x)))
""",
        ("gap",),
    ),
)
"""The pairs, in the order of the page."""


def pair(name: str) -> Pair:
    """Return the pair of a name.

    Raises:
        UnknownNameError: If there is none.
    """
    found = {one.name: one for one in PAIRS}
    if name not in found:
        raise UnknownNameError("pair", name, found)
    return found[name]


def columns(name: str) -> str:
    """Return a pair as Markdown: side by side where there is room, each with a button to copy it.

    Args:
        name: The pair's name.

    Raises:
        UnknownNameError: If there is none.
    """
    one = pair(name)
    shown = "".join(
        f"<div markdown>\n\n**{language}**\n\n```py\n{code}```\n\n</div>\n\n"
        for language, code in (("PyTorch", one.pytorch), ("Keras", one.keras))
    )
    return f'<div class="columns" markdown>\n\n{shown}</div>'
