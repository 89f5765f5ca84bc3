"""Convnets as their papers drew them: one Keras builder an architecture."""

import keras
from keras import layers

from chapters.convnets.lenet1998 import (
    DistanceToDrawings,
    TableConv2D,
    TrainableSubsampling,
    digit_drawings,
    scaled_tanh,
    uniform,
)


def lenet5(input_shape=(28, 28, 1), classes=10, *, variant="modern"):
    """Build LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998).

    ``"modern"`` is the network as courses draw it today: ReLU, max pooling, every C3 map reading
    every S2 map, a softmax: 61,706 parameters for 28×28 images of one channel and 10 classes.
    ``"1998"`` is the paper's own: trainable subsampling, table I between S2 and C3, a scaled
    tanh, and outputs that measure the distance to a fixed 7×12 drawing of each digit: 60,000
    trainable parameters (C1 156, S2 12, C3 1,516, S4 32, C5 48,120, F6 10,164).

    Smaller images are framed with zeros to 32×32, as the paper framed its digits; larger ones
    are read as they are.

    Args:
        input_shape: ``(height, width, channels)`` of an image.
        classes: Number of classes; ``"1998"`` has drawings for at most 10.
        variant: ``"modern"`` or ``"1998"``.

    Returns:
        An uncompiled `keras.Model` from images in [0, 1], ink bright on black, to probabilities
        of shape ``(batch, classes)``.

    Raises:
        ValueError: If the variant is unknown, or has no drawing for so many classes.
    """
    if variant not in ("modern", "1998"):
        raise ValueError(f'variant is "modern" or "1998". Received: variant={variant!r}.')
    images = keras.Input(input_shape, name="image")
    margins = [max(32 - size, 0) for size in input_shape[:2]]
    frame = [(margin // 2, margin - margin // 2) for margin in margins]
    x = layers.ZeroPadding2D(frame, name="frame")(images)
    if variant == "modern":
        return keras.Model(images, _modern(x, classes), name="lenet5")
    return keras.Model(images, _as_published(x, classes), name="lenet5_1998")


def _modern(x, classes):
    x = layers.Conv2D(6, 5, activation="relu", name="C1")(x)
    x = layers.MaxPooling2D(2, name="S2")(x)
    x = layers.Conv2D(16, 5, activation="relu", name="C3")(x)
    x = layers.MaxPooling2D(2, name="S4")(x)
    x = layers.Conv2D(120, 5, activation="relu", name="C5")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation="relu", name="F6")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)


def _as_published(x, classes):
    if classes > len(digit_drawings()):
        raise ValueError(
            "LeNet-5 of 1998 compares its input with fixed drawings of the 10 digits. "
            f'Received: classes={classes}. variant="modern" takes any number.'
        )
    # The paper's input: paper −0.1, ink 1.175, which makes the mean about 0 and the variance 1.
    x = layers.Rescaling(1.275, offset=-0.1, name="normalize")(x)
    x = layers.Conv2D(
        6, 5, activation=scaled_tanh, kernel_initializer=uniform(25), name="C1"
    )(x)
    x = layers.Activation(scaled_tanh, name="S2_tanh")(TrainableSubsampling(name="S2")(x))
    x = layers.Activation(scaled_tanh, name="C3_tanh")(TableConv2D(name="C3")(x))
    x = layers.Activation(scaled_tanh, name="S4_tanh")(TrainableSubsampling(name="S4")(x))
    x = layers.Conv2D(
        120, 5, activation=scaled_tanh, kernel_initializer=uniform(400), name="C5"
    )(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation=scaled_tanh, kernel_initializer=uniform(120), name="F6")(x)
    distance = DistanceToDrawings(classes, name="output")(x)
    # Cross-entropy on the softmax of −distance is the paper's criterion (equation 9) without the
    # constant for rubbish.
    return layers.Softmax(dtype="float32", name="probabilities")(-distance)
