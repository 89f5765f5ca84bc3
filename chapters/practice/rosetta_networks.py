"""Rosetta, tensors and networks: how numbers lie, and how a network is put together."""

from chapters.practice.rosetta_pair import Pair

NETWORKS = (
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
)
"""From the first tensor to the padding of a convolution."""
