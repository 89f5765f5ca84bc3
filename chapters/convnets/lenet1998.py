"""LeNet-5's three lost layers: trainable subsampling, the C3 table, outputs that compare drawings.

Source: LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document
recognition, sections II.B and II.C.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

# Which of S2's six maps each of C3's sixteen maps reads (table I).
C3_TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# The digits on a 7×12 grid: what F6's 84 units should show (after the paper's figure 3).
DRAWINGS = """
..###.. ...#... ..###.. ..###.. .....#. ####### ...###. ####### ..###.. ..###..
.#...#. ..##... .#...#. .#...#. ....##. #...... ..#.... ......# .#...#. .#...#.
#.....# .#.#... #.....# ......# ....##. #...... .#..... ......# #.....# #.....#
#.....# ...#... ......# ......# ...#.#. #...... .#..... .....#. #.....# #.....#
#.....# ...#... ......# .....#. ..#..#. #.###.. #..##.. .....#. .#...#. #.....#
#.....# ...#... .....#. ..###.. ..#..#. ##...#. #.#..#. ....#.. ..###.. .#...##
#.....# ...#... ....#.. .....#. .#...#. ......# ##....# ....#.. .#...#. ..###.#
#.....# ...#... ...#... ......# #....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... ..#.... ......# ####### ......# #.....# ...#... #.....# .....#.
#.....# ...#... .#..... ......# .....#. #.....# #.....# ..#.... #.....# .....#.
.#...#. ...#... #...... .#...#. .....#. .#...#. .#...#. ..#.... .#...#. ....#..
..###.. .#####. ####### ..###.. .....#. ..###.. ..###.. .#..... ..###.. .###...
"""


def digit_drawings():
    """Return the ten drawings, ink +1 and paper −1, as an array of shape ``(10, 84)``."""
    rows = [[list(cell) for cell in line.split()] for line in DRAWINGS.split("\n") if line]
    ink = np.array(rows) == "#"  # (12 rows, 10 digits, 7 columns)
    return np.where(ink, 1.0, -1.0).transpose(1, 0, 2).reshape(10, 84).astype("float32")


@keras.saving.register_keras_serializable("lecture-companion")
def scaled_tanh(a: keras.KerasTensor):
    """Return 1.7159 tanh(2a/3), which maps ±1 to ±1 and does not saturate there (appendix A)."""
    return 1.7159 * ops.tanh(2 / 3 * a)


def uniform(fan_in: int):
    """Return the paper's initializer: uniform in ±2.4/fan_in (appendix A)."""
    return keras.initializers.RandomUniform(-2.4 / fan_in, 2.4 / fan_in)


@keras.saving.register_keras_serializable("lecture-companion")
class TrainableSubsampling(layers.Layer):
    """S2 and S4: add up each 2×2 patch, times one coefficient, plus one bias a map.

    Args:
        x: Maps of shape ``(batch, height, width, maps)``.

    Returns:
        Maps of shape ``(batch, height // 2, width // 2, maps)``.
    """

    def build(self, input_shape: tuple[int, ...]):
        maps = input_shape[-1]
        self.coefficient = self.add_weight(
            name="coefficient", shape=(maps,), initializer=uniform(4)
        )
        self.bias = self.add_weight(name="bias", shape=(maps,), initializer="zeros")

    def call(self, x: keras.KerasTensor):
        # S = coefficient · Σ patch + bias
        return self.coefficient * (4 * ops.average_pool(x, 2, 2)) + self.bias


@keras.saving.register_keras_serializable("lecture-companion")
class TableConv2D(layers.Layer):
    """C3: a 5×5 convolution in which each map reads only the maps that table I grants it.

    Sixty 5×5 kernels, one a connection, and sixteen biases: 1,516 parameters.

    Args:
        x: Maps of shape ``(batch, height, width, 6)``.

    Returns:
        Maps of shape ``(batch, height − 4, width − 4, 16)``.
    """

    def build(self, input_shape: tuple[int, ...]):
        sources = input_shape[-1]
        links = [(source, target) for target, row in enumerate(C3_TABLE) for source in row]
        # scatter[l] is 1 where connection l lies in the dense table of (source, target) pairs
        scatter = np.zeros((len(links), sources, len(C3_TABLE)), "float32")
        scatter[range(len(links)), *zip(*links, strict=True)] = 1
        self.scatter = scatter.reshape(len(links), -1)
        fan_in = np.array([25 * len(C3_TABLE[target]) for _, target in links], "float32")
        self.kernel = self.add_weight(
            name="kernel",
            shape=(5, 5, len(links)),
            initializer=lambda shape, dtype: uniform(1)(shape, dtype) / fan_in,
        )
        self.bias = self.add_weight(name="bias", shape=(len(C3_TABLE),), initializer="zeros")

    def call(self, x: keras.KerasTensor):
        sources, targets = x.shape[-1], len(C3_TABLE)
        scatter = ops.cast(self.scatter, self.compute_dtype)
        kernel = ops.reshape(ops.matmul(self.kernel, scatter), (5, 5, sources, targets))
        return ops.conv(x, kernel) + self.bias


@keras.saving.register_keras_serializable("lecture-companion")
class DistanceToDrawings(layers.Layer):
    """The output: how far F6's picture lies from each digit's drawing (equation 7).

    Computed in float32 under any precision policy. There is nothing to train: the drawings are
    fixed.

    Args:
        x: F6's activations, of shape ``(batch, 84)``.

    Returns:
        Squared distances of shape ``(batch, classes)``.
    """

    def __init__(self, classes: int = 10, **options: Any):
        super().__init__(**{**options, "dtype": "float32"})
        self.classes = classes
        self.drawings = digit_drawings()[:classes]

    def call(self, x: keras.KerasTensor):
        # y_i = Σ_j (x_j − w_ij)²
        return ops.sum(ops.square(x[:, None, :] - self.drawings), axis=-1)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}
