"""Networks of neurons: none hidden, or some."""

from collections.abc import Sequence

import keras
from keras import layers

from companion.errors import UserError


def softmax_regression(input_shape: tuple[int, ...] = (8, 8, 1), classes: int = 10):
    """Build one layer of neurons that share a softmax: multiclass logistic regression.

    650 parameters for 8×8 images and 10 classes. Every border between two classes is straight.

    Args:
        input_shape: Shape of one example.
        classes: Number of classes.

    Returns:
        An uncompiled `keras.Model` from inputs to probabilities of shape ``(batch, classes)``.
    """
    return _dense(input_shape, classes, (), "relu", "softmax_regression")


def mlp(
    input_shape: tuple[int, ...] = (8, 8, 1),
    classes: int = 10,
    *,
    hidden: Sequence[int] = (64, 64),
    activation: str = "relu",
):
    """Build a multilayer perceptron, also known as a feedforward network (FNN).

    8,970 parameters for 8×8 images, two hidden layers of 64 units and 10 classes.

    Args:
        input_shape: Shape of one example; it is laid out as one long vector.
        classes: Number of classes.
        hidden: Width of each hidden layer.
        activation: What stands behind each hidden layer, by Keras's name or as a function.

    Returns:
        An uncompiled `keras.Model` from inputs to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If a layer has no unit.
    """
    if any(width < 1 for width in hidden):
        raise UserError(f"A hidden layer has at least one unit. Received: hidden={hidden}.")
    return _dense(input_shape, classes, hidden, activation, "mlp")


def _dense(
    input_shape: tuple[int, ...], classes: int, hidden: Sequence[int], activation: str, name: str
):
    inputs = keras.Input(input_shape, name="input")
    x = layers.Flatten(name="flatten")(inputs)
    for number, width in enumerate(hidden, start=1):
        x = layers.Dense(width, activation, name=f"hidden{number}")(x)
    probabilities = layers.Dense(classes, "softmax", dtype="float32", name="output")(x)
    return keras.Model(inputs, probabilities, name=name)
