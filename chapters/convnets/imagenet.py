"""The convnets of the ImageNet years, 2012 to 2014: from eight layers deep to twenty-two.

Each builder makes the network of its paper, with Keras's default initializer, at the published
size by default. Inputs are images as their pipeline gives them: AlexNet and ZFNet subtracted the
mean image first, VGG the mean colour.
"""

from collections.abc import Sequence

import keras
from keras import layers, ops

from companion.errors import UserError


@keras.saving.register_keras_serializable("lecture-companion")
class LocalResponseNormalization(layers.Layer):
    """Divide each activation by the size of its neighbours at the same place, in nearby maps.

    Source: Krizhevsky, Sutskever and Hinton (2012), section 3.3.

    Args:
        x: Maps of shape ``(batch, height, width, maps)``.

    Returns:
        Maps of the same shape.
    """

    size, k, alpha, beta = 5, 2.0, 1e-4, 0.75

    def call(self, x: keras.KerasTensor):
        reach, maps = self.size // 2, x.shape[-1]
        wide = ops.cast(x, "float32")  # in float16 a square overflows from 256 on
        squares = ops.pad(ops.square(wide), [(0, 0), (0, 0), (0, 0), (reach, reach)])
        total = sum(squares[..., i : i + maps] for i in range(self.size))
        # b_i = a_i / (k + α Σ_j a_j²)^β        j runs over the five maps around map i
        return ops.cast(wide / (self.k + self.alpha * total) ** self.beta, x.dtype)


def alexnet(
    input_shape: tuple[int, ...] = (227, 227, 3), classes: int = 1000, *, units: int = 4096
):
    """Build AlexNet (Krizhevsky, Sutskever and Hinton, 2012), its two halves as groups.

    The second, fourth and fifth convolution read only the maps on their own graphics card: two
    groups. 60,965,224 parameters by default, those of the reference implementation in Caffe. The
    paper says 224×224; its 55×55 maps need 227.

    Args:
        input_shape: ``(height, width, channels)`` of an image, 67×67 or more.
        classes: Number of classes.
        units: Width of the two hidden fully connected layers.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If the image is too small.
    """
    _check_size("alexnet", input_shape, 67)
    images = keras.Input(input_shape, name="image")
    x = layers.Conv2D(96, 11, strides=4, activation="relu", name="conv1")(images)
    x = LocalResponseNormalization(name="norm1")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    x = layers.Conv2D(256, 5, padding="same", groups=2, activation="relu", name="conv2")(x)
    x = LocalResponseNormalization(name="norm2")(x)
    x = layers.MaxPooling2D(3, 2, name="pool2")(x)
    x = layers.Conv2D(384, 3, padding="same", activation="relu", name="conv3")(x)
    x = layers.Conv2D(384, 3, padding="same", groups=2, activation="relu", name="conv4")(x)
    x = layers.Conv2D(256, 3, padding="same", groups=2, activation="relu", name="conv5")(x)
    x = layers.MaxPooling2D(3, 2, name="pool5")(x)
    return keras.Model(images, _classifier(x, units, classes), name="alexnet")


def zfnet(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, *, units: int = 4096):
    """Build ZFNet (Zeiler and Fergus, 2014, figure 3): AlexNet with a finer first look.

    7×7 kernels and a stride of 2 where AlexNet had 11×11 and 4, and no groups: 62,357,608
    parameters by default. Maps of 110, 55, 26, 13 and 6 pixels, as the figure prints them.

    Args:
        input_shape: ``(height, width, channels)`` of an image, 53×53 or more.
        classes: Number of classes.
        units: Width of the two hidden fully connected layers.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If the image is too small.
    """
    _check_size("zfnet", input_shape, 53)
    images = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(1, name="frame")(images)
    x = layers.Conv2D(96, 7, strides=2, activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
    x = LocalResponseNormalization(name="norm1")(x)
    x = layers.Conv2D(256, 5, strides=2, activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(3, 2, padding="same", name="pool2")(x)
    x = LocalResponseNormalization(name="norm2")(x)
    x = layers.Conv2D(384, 3, padding="same", activation="relu", name="conv3")(x)
    x = layers.Conv2D(384, 3, padding="same", activation="relu", name="conv4")(x)
    x = layers.Conv2D(256, 3, padding="same", activation="relu", name="conv5")(x)
    x = layers.MaxPooling2D(3, 2, name="pool5")(x)
    return keras.Model(images, _classifier(x, units, classes), name="zfnet")


# The kernels of each block's convolutions; the blocks are 64, 128, 256, 512 and 512 maps wide.
VGG = {
    "A": ((3,), (3,), (3, 3), (3, 3), (3, 3)),
    "B": ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3)),
    "C": ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1)),
    "D": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    "E": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),
}


def vgg_block(x: keras.KerasTensor, kernels: Sequence[int], filters: int, name: str):
    """Stack convolutions that keep the image's size, then halve it."""
    for number, kernel in enumerate(kernels, start=1):
        x = layers.Conv2D(
            filters, kernel, padding="same", activation="relu", name=f"{name}_conv{number}"
        )(x)
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)


def vgg(
    config: str = "D",
    input_shape: tuple[int, ...] = (224, 224, 3),
    classes: int = 1000,
    *,
    filters: int = 64,
    units: int = 4096,
):
    """Build a network of table 1 of Simonyan and Zisserman (2015).

    A has 11 layers with weights, B 13, C and D 16, E 19; D and E are what is called VGG16 and
    VGG19. D has 138,357,544 parameters by default.

    Args:
        config: ``"A"``, ``"B"``, ``"C"``, ``"D"`` or ``"E"``.
        input_shape: ``(height, width, channels)`` of an image, 32×32 or more.
        classes: Number of classes.
        filters: Maps of the first block; the blocks after it have 2, 4, 8 and 8 times as many.
        units: Width of the two hidden fully connected layers.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If there is no such column in the table, or the image is too small.
    """
    if config not in VGG:
        raise UserError(f"config is one of {', '.join(VGG)}. Received: config={config!r}.")
    _check_size("vgg", input_shape, 32)
    x = images = keras.Input(input_shape, name="image")
    for number, kernels in enumerate(VGG[config], start=1):
        widths = filters * min(2 ** (number - 1), 8)
        x = vgg_block(x, kernels, widths, f"block{number}")
    return keras.Model(images, _classifier(x, units, classes), name=f"vgg_{config.lower()}")


# Maps of each inception module (Szegedy et al., 2015, table 1): 1×1; 3×3 after its reduction;
# 5×5 after its reduction; 1×1 after pooling.
INCEPTION = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}


def inception(x: keras.KerasTensor, name: str):
    """Look at the same maps through four windows at once, and stack what each has seen."""

    def conv(x: keras.KerasTensor, filters: int, kernel: int, part: str):
        return layers.Conv2D(
            filters, kernel, padding="same", activation="relu", name=f"{name}_{part}"
        )(x)

    ones, (reduced3, threes), (reduced5, fives), pooled = INCEPTION[name]
    window = layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x)
    return layers.Concatenate(name=name)(
        [
            conv(x, ones, 1, "1x1"),
            conv(conv(x, reduced3, 1, "3x3_reduce"), threes, 3, "3x3"),
            conv(conv(x, reduced5, 1, "5x5_reduce"), fives, 5, "5x5"),
            conv(window, pooled, 1, "pool_proj"),
        ]
    )


def googlenet(
    input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, *, auxiliary: bool = False
):
    """Build GoogLeNet (Szegedy et al., 2015): 22 layers deep, nine inception modules.

    6,998,552 parameters by default, and 13,378,280 with its two auxiliary classifiers, those of
    the reference implementation in Caffe. The auxiliary losses count 0.3 each:
    ``model.compile(..., loss_weights=[1, 0.3, 0.3])``.

    Args:
        input_shape: ``(height, width, channels)`` of an image; with auxiliary classifiers, 65×65
            or more.
        classes: Number of classes.
        auxiliary: Whether to add the two classifiers after 4a and 4d, used in training only.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``;
        with auxiliary classifiers to three of them: ``output``, ``auxiliary1``, ``auxiliary2``.

    Raises:
        UserError: If the image is too small for the auxiliary classifiers.
    """
    if auxiliary:
        _check_size("googlenet with auxiliary classifiers", input_shape, 65)

    def pool(x: keras.KerasTensor, name: str):
        return layers.MaxPooling2D(3, 2, padding="same", name=name)(x)

    images = keras.Input(input_shape, name="image")
    x = layers.Conv2D(64, 7, 2, padding="same", activation="relu", name="conv1")(images)
    x = LocalResponseNormalization(name="norm1")(pool(x, "pool1"))
    x = layers.Conv2D(64, 1, activation="relu", name="conv2_reduce")(x)
    x = layers.Conv2D(192, 3, padding="same", activation="relu", name="conv2")(x)
    x = pool(LocalResponseNormalization(name="norm2")(x), "pool2")
    extra: list[keras.KerasTensor] = []
    for name in INCEPTION:
        x = inception(x, name)
        if name in ("3b", "4e"):
            x = pool(x, f"pool{name[0]}")
        if auxiliary and name in ("4a", "4d"):
            extra.append(_auxiliary(x, classes, f"auxiliary{len(extra) + 1}"))
    x = layers.GlobalAveragePooling2D(name="pool5")(x)
    x = layers.Dropout(0.4, name="dropout")(x)
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(images, [output, *extra] if extra else output, name="googlenet")


def _auxiliary(x: keras.KerasTensor, classes: int, name: str):
    x = layers.AveragePooling2D(5, 3, name=f"{name}_pool")(x)
    x = layers.Conv2D(128, 1, activation="relu", name=f"{name}_conv")(x)
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = layers.Dense(1024, activation="relu", name=f"{name}_fc")(x)
    x = layers.Dropout(0.7, name=f"{name}_dropout")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name=name)(x)


def _classifier(x: keras.KerasTensor, units: int, classes: int):
    """Flatten the maps; two wide layers, each half silenced while training; a softmax."""
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = layers.Dense(units, activation="relu", name=name)(x)
        x = layers.Dropout(0.5, name=f"{name}_dropout")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)


def _check_size(name: str, input_shape: tuple[int, ...], smallest: int):
    if min(input_shape[:2]) < smallest:
        raise UserError(
            f"{name} halves its maps until nothing is left of an image smaller than "
            f"{smallest}×{smallest}. Received: input_shape={tuple(input_shape)}."
        )
