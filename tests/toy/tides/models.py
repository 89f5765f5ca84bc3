"""Two readers of the tide, in Keras."""

import keras
from keras import layers


def tide_turn(input_shape=(8,), classes=2):
    """Build a network that says whether the water rises.

    Args:
        input_shape: Hours that are read.
        classes: Number of classes.
    """
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Dense(4, "tanh"),
            layers.Dense(classes, "softmax", dtype="float32"),
        ],
        name="tide_turn",
    )


def tide_forecaster(input_shape=(8,)):
    """Build a linear forecast of the next hour.

    Args:
        input_shape: Hours that are read.
    """
    return keras.Sequential(
        [keras.Input(input_shape), layers.Dense(1, dtype="float32")], name="tide_forecaster"
    )
