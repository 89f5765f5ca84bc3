"""Rosetta, trained layers: what they begin with, what they keep, and where it is saved."""

from chapters.practice.rosetta_pair import Pair

LAYERS = (
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
"""From evaluation to the file of weights."""
