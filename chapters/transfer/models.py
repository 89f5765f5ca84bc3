"""A network of three stages, each of which can be locked: what a base is in this chapter."""

import keras
from keras import layers

STAGES = (32, 64, 64)


def transfer_cnn(input_shape=(8, 8, 1), classes=5):
    """Build a small convnet whose stages are named ``conv1`` to ``conv3``, with a head above them.

    Args:
        input_shape: ``(height, width, channels)`` of an image, 4×4 or more.
        classes: Number of classes.

    Returns:
        An uncompiled `keras.Model` from images in [0, 1], ink bright on black, to probabilities
        of shape ``(batch, classes)``.
    """
    x = images = keras.Input(input_shape, name="image")
    for number, filters in enumerate(STAGES, start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
        if number < len(STAGES):
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="features")(x)
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="head")(x)
    return keras.Model(images, output, name="transfer_cnn")
