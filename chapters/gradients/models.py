"""Residual networks: layers that learn what to add to what they were given.

Built as their papers have them: He et al. (2016), with batch normalization behind every
convolution, or with ``preactivation=True`` before it (He et al., 2016, Identity mappings).
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from chapters.gradients.counting import BASIC, RESNET
from companion.errors import UserError


@keras.saving.register_keras_serializable("lecture-companion")
class PaddedShortcut(layers.Layer):
    """Carry maps past a block that has more of them: every other pixel, and maps of zeros.

    Option A of He et al. (2016), section 3.3: it has nothing to learn.

    Args:
        filters: Maps that come out; half of the new ones stand before the old, half behind.
        stride: Distance between the pixels that are kept.
    """

    def __init__(self, filters: int, stride: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.stride = filters, stride

    def call(self, x: keras.KerasTensor):
        """Return maps of shape ``(batch, height / stride, width / stride, filters)``."""
        new = self.filters - x.shape[-1]
        strided = x[:, :: self.stride, :: self.stride]
        return ops.pad(strided, [(0, 0), (0, 0), (0, 0), (new // 2, new - new // 2)])

    def get_config(self):
        """Return what makes the layer again."""
        return {**super().get_config(), "filters": self.filters, "stride": self.stride}


def resnet(
    depth: int = 18,
    input_shape: tuple[int, ...] = (224, 224, 3),
    classes: int = 1000,
    *,
    filters: int = 64,
    preactivation: bool = False,
):
    """Build a column of table 1 of He et al. (2016): a residual network for large images.

    11,689,512, 21,797,672 and 25,557,032 trainable parameters by default. As in the paper, the
    first convolution of a stage has the stride; other implementations of ResNet-50 give it to the
    3×3 kernel beside it, with as many parameters and a little more work.

    Args:
        depth: Layers with weights on the way through: 18, 34 or 50.
        input_shape: ``(height, width, channels)`` of an image.
        classes: Number of classes.
        filters: Maps of the first stage; the next three have 2, 4 and 8 times as many.
        preactivation: Whether normalization and ReLU stand before each convolution.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If the table has no such column.
    """
    if depth not in RESNET:
        raise UserError(f"A ResNet has 18, 34 or 50 layers here. Received: depth={depth!r}.")
    block, stages = RESNET[depth]
    images = keras.Input(input_shape, name="image")
    x = _convolution(images, filters, 7, 2, "conv1")
    x = x if preactivation else _normalized_relu(x, "conv1")
    x = layers.ZeroPadding2D(1, name="conv2_frame")(x)
    x = layers.MaxPooling2D(3, 2, name="conv2_pool")(x)
    for stage, blocks in enumerate(stages):
        for number in range(blocks):
            x = residual_block(
                x,
                filters * 2**stage,
                2 if stage and not number else 1,
                block,
                preactivation=preactivation,
                name=f"conv{stage + 2}_{number + 1}",
            )
    return _classifier(images, x, classes, preactivation, f"resnet_{depth}")


def resnet_cifar(
    n: int = 3,
    input_shape: tuple[int, ...] = (32, 32, 3),
    classes: int = 10,
    *,
    filters: int = 16,
    preactivation: bool = False,
):
    """Build the residual network of 6n + 2 layers for small images (He et al., 2016, section 4.2).

    Three stages of n blocks with two 3×3 convolutions each, and shortcuts that have nothing to
    learn: 269,722, 464,154, 658,586, 853,018 and 1,727,962 trainable parameters for 20, 32, 44,
    56 and 110 layers.

    Args:
        n: Blocks in each stage, 1 or more.
        input_shape: ``(height, width, channels)`` of an image.
        classes: Number of classes.
        filters: Maps of the first stage; the next two have 2 and 4 times as many.
        preactivation: Whether normalization and ReLU stand before each convolution.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If a stage has no block.
    """
    name = f"resnet_cifar_{6 * n + 2}"
    return _cifar(n, input_shape, classes, filters, "padding", preactivation, name)


def plain_cifar(
    n: int = 3, input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10, *, filters: int = 16
):
    """Build `resnet_cifar` without its shortcuts: as many layers, as many parameters.

    Args:
        n: Pairs of convolutions in each stage, 1 or more.
        input_shape: ``(height, width, channels)`` of an image.
        classes: Number of classes.
        filters: Maps of the first stage; the next two have 2 and 4 times as many.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If a stage has no block.
    """
    return _cifar(n, input_shape, classes, filters, "none", False, f"plain_cifar_{6 * n + 2}")


def _cifar(
    n: int,
    input_shape: tuple[int, ...],
    classes: int,
    filters: int,
    shortcut: str,
    preactivation: bool,
    name: str,
):
    if n < 1:
        raise UserError(f"A stage has at least one block. Received: n={n}.")
    images = keras.Input(input_shape, name="image")
    x = _convolution(images, filters, 3, 1, "conv1")
    x = x if preactivation else _normalized_relu(x, "conv1")
    for stage in range(3):
        for number in range(n):
            x = residual_block(
                x,
                filters * 2**stage,
                2 if stage and not number else 1,
                shortcut=shortcut,
                preactivation=preactivation,
                name=f"conv{stage + 2}_{number + 1}",
            )
    return _classifier(images, x, classes, preactivation, name)


def residual_block(
    x: keras.KerasTensor,
    filters: int,
    stride: int = 1,
    plan: Sequence[tuple[int, int]] = BASIC,
    *,
    shortcut: str = "projection",
    preactivation: bool = False,
    name: str,
):
    """Stack a block's convolutions and add what went in: y = F(x) + x.

    As first published, normalization and ReLU stand behind each convolution, and the last ReLU
    behind the addition. With `preactivation` both stand before each convolution, and what comes
    out of the addition goes on as it is.

    Args:
        x: Maps of shape ``(batch, height, width, channels)``.
        filters: The block's width.
        stride: Stride of its first convolution.
        plan: For each convolution its maps, in widths of the block, and its kernel's side:
            ``counting.BASIC`` or ``counting.BOTTLENECK``.
        shortcut: What carries x to the end where its shape changes: a 1×1 ``"projection"`` that is
            learned and normalized, or ``"padding"``; ``"none"`` leaves every shortcut out.
        preactivation: Whether normalization and ReLU stand before each convolution.
        name: First part of the layers' names.

    Returns:
        Maps of shape ``(batch, height / stride, width / stride, times · filters)``, with the
        plan's last `times`.

    Raises:
        UserError: If there is no such shortcut.
    """
    if shortcut not in ("projection", "padding", "none"):
        raise UserError(
            f"shortcut is 'projection', 'padding' or 'none'. Received: shortcut={shortcut!r}."
        )
    past = x
    changes = stride > 1 or x.shape[-1] != plan[-1][0] * filters
    for number, (times, kernel) in enumerate(plan, start=1):
        prefix = f"{name}_conv{number}"
        if preactivation:
            x = _normalized_relu(x, prefix)
            if number == 1 and changes and shortcut == "projection":
                past = x  # a projection reads what the first convolution reads
        x = _convolution(x, times * filters, kernel, stride if number == 1 else 1, prefix)
        if not preactivation:
            x = (_normalized_relu if number < len(plan) else _normalized)(x, prefix)
    if shortcut != "none":
        if changes and shortcut == "padding":
            past = PaddedShortcut(x.shape[-1], stride, name=f"{name}_shortcut")(past)
        elif changes:
            past = _convolution(past, x.shape[-1], 1, stride, f"{name}_shortcut")
            past = past if preactivation else _normalized(past, f"{name}_shortcut")
        x = layers.Add(name=f"{name}_add")([x, past])
    return x if preactivation else layers.ReLU(name=f"{name}_relu")(x)


def _convolution(x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str):
    """Convolve without a bias, for a normalization follows; a frame of zeros on every side."""
    padding = "same"
    if stride > 1:  # Keras's "same" would pad more behind than before
        padding = "valid"
        if kernel > 1:
            x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_frame")(x)
    return layers.Conv2D(
        filters,
        kernel,
        stride,
        padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _normalized(x: keras.KerasTensor, name: str):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)


def _normalized_relu(x: keras.KerasTensor, name: str):
    return layers.ReLU(name=f"{name}_relu")(_normalized(x, name))


def _classifier(
    images: keras.KerasTensor, x: keras.KerasTensor, classes: int, preactivation: bool, name: str
):
    if preactivation:
        x = _normalized_relu(x, "last")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(images, output, name=name)
