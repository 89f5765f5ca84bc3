"""The multilayer perceptron in Keras, whose gradients TensorFlow finds on a graph of its own."""

import keras
from keras import layers


def multilayer_perceptron(input_shape=(8, 8, 1), classes=10, *, hidden=(64, 64), activation="relu"):
    """Build a multilayer perceptron (Rumelhart, Hinton, Williams, 1986): dense layers in a row.

    The same network as `scratch.forward`, layer by layer. With the defaults, for 8×8 images and 10
    classes: 64·64 + 64 twice, and 64·10 + 10, which is 8,970 parameters.

    Args:
        input_shape: ``(height, width, channels)`` of an image, or the shape of any other input,
            which is laid out as one vector.
        classes: Number of classes.
        hidden: Width of each hidden layer; none of them makes a softmax regression.
        activation: Keras's name of the hidden layers' activation.

    Returns:
        An uncompiled `keras.Model` from inputs to probabilities of shape ``(batch, classes)``.
    """
    images = keras.Input(input_shape, name="image")
    x = layers.Flatten(name="flatten")(images)
    for number, width in enumerate(hidden, start=1):
        x = layers.Dense(width, activation, name=f"hidden{number}")(x)
    # float32 also where the rest computes in float16: probabilities near 0 need it.
    probabilities = layers.Dense(classes, "softmax", dtype="float32", name="output")(x)
    return keras.Model(images, probabilities, name="multilayer_perceptron")
