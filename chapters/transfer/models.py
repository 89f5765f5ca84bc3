"""A network of three stages, each of which can be locked: the base of this chapter, and its top."""

import keras
from keras import layers

STAGES = (16, 32, 64)


def transfer_cnn(input_shape: tuple[int, ...] = (8, 8, 1), classes: int = 5, *, hidden: int = 64):
    """Build a small convnet whose stages are named ``conv1`` to ``conv3``, dense on top.

    What a base is cut from: everything up to the layer ``features``.

    Args:
        input_shape: ``(height, width, channels)`` of an image, 4×4 or more.
        classes: Number of classes.
        hidden: Units of a dense layer between features and head; 0 for none.

    Returns:
        An uncompiled `keras.Model` from images in [0, 1], ink bright on black, to probabilities
        of shape ``(batch, classes)``.
    """
    x = images = keras.Input(input_shape, name="image")
    for number, filters in enumerate(STAGES, start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
        if number != 2:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="features")(x)
    if hidden:
        x = layers.Dense(hidden, activation="relu", name="hidden")(x)
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="head")(x)
    return keras.Model(images, output, name="transfer_cnn")
