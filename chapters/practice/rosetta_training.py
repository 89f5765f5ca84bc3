"""Rosetta, training: losses, gradients, loops, optimizers and what feeds them."""

from chapters.practice.rosetta_pair import Pair

TRAINING = (
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
)
"""From the loss to the batches of data."""
