"""Convnets as their papers drew them: one Keras builder an architecture.

Here are LeNet-5 and the small ones; the large ones are in ``imagenet.py``, and the lectures'
notation in ``pattern.py``.
"""

import keras
from keras import layers

from chapters.convnets.imagenet import alexnet, googlenet, vgg, vgg_block, zfnet
from chapters.convnets.lenet1998 import (
    DistanceToDrawings,
    TableConv2D,
    TrainableSubsampling,
    digit_drawings,
    scaled_tanh,
    uniform,
)
from chapters.convnets.pattern import from_pattern

__all__ = [
    "alexnet",
    "conv1d_classifier",
    "conv3d_classifier",
    "from_pattern",
    "gap_classifier",
    "googlenet",
    "lenet5",
    "vgg",
    "vgg_small",
    "zfnet",
]


def lenet5(
    input_shape: tuple[int, ...] = (28, 28, 1), classes: int = 10, *, variant: str = "modern"
):
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


def _modern(x: keras.KerasTensor, classes: int):
    x = layers.Conv2D(6, 5, activation="relu", name="C1")(x)
    x = layers.MaxPooling2D(2, name="S2")(x)
    x = layers.Conv2D(16, 5, activation="relu", name="C3")(x)
    x = layers.MaxPooling2D(2, name="S4")(x)
    x = layers.Conv2D(120, 5, activation="relu", name="C5")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation="relu", name="F6")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)


def _as_published(x: keras.KerasTensor, classes: int):
    if classes > len(digit_drawings()):
        raise ValueError(
            "LeNet-5 of 1998 compares its input with fixed drawings of the 10 digits. "
            f'Received: classes={classes}. variant="modern" takes any number.'
        )
    # The paper's input: paper −0.1, ink 1.175, which makes the mean about 0 and the variance 1.
    x = layers.Rescaling(1.275, offset=-0.1, name="normalize")(x)
    x = layers.Conv2D(6, 5, activation=scaled_tanh, kernel_initializer=uniform(25), name="C1")(x)
    x = layers.Activation(scaled_tanh, name="S2_tanh")(TrainableSubsampling(name="S2")(x))
    x = layers.Activation(scaled_tanh, name="C3_tanh")(TableConv2D(name="C3")(x))
    x = layers.Activation(scaled_tanh, name="S4_tanh")(TrainableSubsampling(name="S4")(x))
    x = layers.Conv2D(120, 5, activation=scaled_tanh, kernel_initializer=uniform(400), name="C5")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation=scaled_tanh, kernel_initializer=uniform(120), name="F6")(x)
    distance = DistanceToDrawings(classes, name="output")(x)
    # Cross-entropy on the softmax of −distance is the paper's criterion (equation 9) without the
    # constant for rubbish.
    return layers.Softmax(dtype="float32", name="probabilities")(-distance)


def vgg_small(input_shape: tuple[int, ...] = (16, 16, 1), classes: int = 10, *, filters: int = 16):
    """Build VGG's plan in small: three blocks of two 3×3 convolutions, then one hidden layer.

    Batch normalization after each block, which was published half a year after VGG, lets it learn
    with a high rate. Digits take it less than a minute on two cores.

    Args:
        input_shape: ``(height, width, channels)`` of an image, 8×8 or more.
        classes: Number of classes.
        filters: Maps of the first block; the next two have twice and four times as many.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.
    """
    x = images = keras.Input(input_shape, name="image")
    for number in (1, 2, 3):
        x = vgg_block(x, (3, 3), filters * 2 ** (number - 1), f"block{number}")
        x = layers.BatchNormalization(momentum=0.9, name=f"block{number}_norm")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4 * filters, activation="relu", name="hidden")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(images, output, name="vgg_small")


def gap_classifier(
    input_shape: tuple[int, ...] = (28, 28, 1), classes: int = 10, *, filters: int = 16
):
    """Build a convnet whose last maps are averaged, not flattened (Zhou et al., 2016).

    What a class's weights see of the last maps before they are averaged is its class activation
    map: `chapters.convnets.visualize.class_activation_map`.

    Args:
        input_shape: ``(height, width, channels)`` of an image.
        classes: Number of classes.
        filters: Maps of the first two convolutions; the next have twice and four times as many.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.
    """
    x = images = keras.Input(input_shape, name="image")
    x = vgg_block(x, (3, 3), filters, "block1")
    x = vgg_block(x, (3, 3), 2 * filters, "block2")
    x = layers.Conv2D(4 * filters, 3, padding="same", activation="relu", name="maps")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(images, output, name="gap_classifier")


def conv1d_classifier(
    input_shape: tuple[int, ...] = (64, 1), classes: int = 10, *, filters: int = 32, kernel: int = 5
):
    """Build a convnet for signals: kernels that slide along time only.

    Args:
        input_shape: ``(steps, features)`` of a signal; None for steps takes any length.
        classes: Number of classes.
        filters: Maps of the first convolution; the next two have twice and four times as many.
        kernel: Steps that a kernel spans.

    Returns:
        An uncompiled `keras.Model` from signals to probabilities of shape ``(batch, classes)``.
    """
    x = signals = keras.Input(input_shape, name="signal")
    for number, width in enumerate((filters, 2 * filters, 4 * filters), start=1):
        x = layers.Conv1D(width, kernel, padding="same", activation="relu", name=f"conv{number}")(x)
        if number < 3:
            x = layers.MaxPooling1D(2, padding="same", name=f"pool{number}")(x)
    x = layers.GlobalAveragePooling1D(name="average")(x)
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(signals, output, name="conv1d_classifier")


def conv3d_classifier(
    input_shape: tuple[int, ...] = (8, 16, 16, 1),
    classes: int = 10,
    *,
    filters: int = 16,
    kernel: int = 3,
):
    """Build a convnet for clips and volumes: kernels that slide along three axes.

    Args:
        input_shape: ``(frames, height, width, channels)`` of a clip, or depth in place of frames.
        classes: Number of classes.
        filters: Maps of the first convolution; the next two have twice and four times as many.
        kernel: Side of a kernel, along each of the three axes.

    Returns:
        An uncompiled `keras.Model` from clips to probabilities of shape ``(batch, classes)``.
    """
    x = clips = keras.Input(input_shape, name="clip")
    for number, width in enumerate((filters, 2 * filters, 4 * filters), start=1):
        x = layers.Conv3D(width, kernel, padding="same", activation="relu", name=f"conv{number}")(x)
        if number < 3:
            # TensorFlow pools volumes on a CPU in float32 alone.
            pool = layers.MaxPooling3D(2, padding="same", dtype="float32", name=f"pool{number}")
            x = pool(x)
    x = layers.GlobalAveragePooling3D(name="average")(x)
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(clips, output, name="conv3d_classifier")
