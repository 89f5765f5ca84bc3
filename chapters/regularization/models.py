"""Regularized networks: a penalty, dropout or fresh data, each one argument away."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from companion.errors import UserError

# What each name does to an image in [0, 1]; what leaves the frame is filled with black.
AUGMENTATIONS = {
    "horizontal_flip": lambda seed: [layers.RandomFlip("horizontal", seed=seed)],
    # Move by up to an eighth, then zoom in: a window of 75 to 100% of the side, anywhere.
    "crop_and_scale": lambda seed: [
        layers.RandomTranslation(0.125, 0.125, fill_mode="constant", seed=seed),
        layers.RandomZoom((-0.25, 0.0), fill_mode="constant", seed=seed),
    ],
    "color_jitter": lambda seed: [
        layers.RandomContrast(0.4, value_range=(0, 1), seed=seed),
        layers.RandomBrightness(0.2, value_range=(0, 1), seed=seed),
    ],
    "translation": lambda seed: [
        layers.RandomTranslation(0.125, 0.125, fill_mode="constant", seed=seed)
    ],
    # A factor of 1 is a full turn, so 0.04 is up to 14.4 degrees either way.
    "rotation": lambda seed: [layers.RandomRotation(0.04, fill_mode="constant", seed=seed)],
    # Height and width are zoomed on their own, so the picture is stretched.
    "stretching": lambda seed: [
        layers.RandomZoom((-0.2, 0.2), (-0.2, 0.2), fill_mode="constant", seed=seed)
    ],
    "randaugment": lambda seed: [
        layers.RandAugment(value_range=(0, 1), num_ops=2, factor=0.1, seed=seed)
    ],
    "autoaugment": lambda seed: [AutoAugment(seed=seed)],
}


def augmentation(
    input_shape: tuple[int, ...] = (8, 8, 1),
    transforms: Sequence[str] = ("translation", "rotation"),
    *,
    seed: int | None = None,
):
    """Build a pipeline that changes its images at random while training, and never otherwise.

    Args:
        input_shape: ``(height, width, channels)`` of an image.
        transforms: Names from `AUGMENTATIONS`, applied in this order.
        seed: Makes the changes repeatable.

    Returns:
        An uncompiled `keras.Sequential` from images in [0, 1] to images of the same shape,
        without a single weight.

    Raises:
        UserError: If a name is unknown.
    """
    if unknown := [name for name in transforms if name not in AUGMENTATIONS]:
        raise UserError(
            f"transforms are names among {', '.join(AUGMENTATIONS)}. Received: {unknown[0]!r}."
        )
    steps = [layer for name in transforms for layer in AUGMENTATIONS[name](seed)]
    return keras.Sequential([keras.Input(input_shape, name="image"), *steps], name="augmentation")


def regularized_mlp(
    input_shape: tuple[int, ...] = (8, 8, 1),
    classes: int = 10,
    *,
    hidden: Sequence[int] = (128, 128),
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    seed: int | None = None,
):
    """Build a multilayer perceptron with norm penalties on its kernels and dropout between them.

    With the defaults nothing is regularized: 26,122 parameters for 8×8 images and 10 classes.
    An elastic net is ``l1`` and ``l2`` together. Decoupled weight decay belongs to the optimizer:
    ``keras.optimizers.AdamW(weight_decay=...)``.

    Args:
        input_shape: ``(height, width, channels)`` of an image, or the shape of any other input.
        classes: Number of classes.
        hidden: Width of each hidden layer.
        l1: λ of an L1 penalty λ Σ |w| on every kernel (never on a bias).
        l2: λ of an L2 penalty λ Σ w² on every kernel.
        dropout: Share of hidden units to silence, in [0, 1).
        input_dropout: Share of input features to silence, in [0, 1).
        seed: Makes the dropout masks repeatable; None draws others each time.

    Returns:
        An uncompiled `keras.Model` from inputs to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If a penalty is negative or a rate lies outside [0, 1).
    """
    _check_penalties(l1, l2)
    _check_rates(dropout=dropout, input_dropout=input_dropout)

    def penalty():
        return keras.regularizers.L1L2(l1, l2) if l1 or l2 else None

    images = keras.Input(input_shape, name="image")
    x = layers.Flatten(name="flatten")(images)
    if input_dropout:
        x = layers.Dropout(input_dropout, seed=seed, name="input_dropout")(x)
    for number, width in enumerate(hidden, start=1):
        x = layers.Dense(
            width, activation="relu", kernel_regularizer=penalty(), name=f"hidden{number}"
        )(x)
        if dropout:
            x = layers.Dropout(dropout, seed=seed, name=f"dropout{number}")(x)
    probabilities = layers.Dense(
        classes, "softmax", kernel_regularizer=penalty(), dtype="float32", name="output"
    )(x)
    return keras.Model(images, probabilities, name="regularized_mlp")


def regularized_cnn(
    input_shape: tuple[int, ...] = (8, 8, 1),
    classes: int = 10,
    *,
    filters: Sequence[int] = (16, 32),
    spatial_dropout: float = 0.0,
    dropout: float = 0.0,
    transforms: Sequence[str] = (),
    seed: int | None = None,
):
    """Build a small convolutional network with spatial dropout and augmentation inside.

    6,090 parameters for 8×8 images of one channel and 10 classes.

    Args:
        input_shape: ``(height, width, channels)`` of an image.
        classes: Number of classes.
        filters: Feature maps of each convolution; each is followed by 2×2 max pooling.
        spatial_dropout: Share of whole feature maps to silence, in [0, 1).
        dropout: Share of units to silence before the output, in [0, 1).
        transforms: Names from `AUGMENTATIONS`, applied to the images while training.
        seed: Makes masks and changes repeatable; None draws others each time.

    Returns:
        An uncompiled `keras.Model` from images in [0, 1] to probabilities of shape
        ``(batch, classes)``.

    Raises:
        UserError: If a rate lies outside [0, 1) or the name of a transform is unknown.
    """
    _check_rates(spatial_dropout=spatial_dropout, dropout=dropout)
    images = keras.Input(input_shape, name="image")
    x = augmentation(input_shape, transforms, seed=seed)(images) if transforms else images
    for number, maps in enumerate(filters, start=1):
        x = layers.Conv2D(maps, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        if spatial_dropout:
            x = layers.SpatialDropout2D(
                spatial_dropout, seed=seed, name=f"spatial_dropout{number}"
            )(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    if dropout:
        x = layers.Dropout(dropout, seed=seed, name="dropout")(x)
    probabilities = layers.Dense(classes, "softmax", dtype="float32", name="output")(x)
    return keras.Model(images, probabilities, name="regularized_cnn")


# Five of the 25 sub-policies that the search found for house numbers (SVHN): two operations,
# each with its probability and its magnitude on the paper's scale from 0 to 9.
SVHN_SUB_POLICIES = (
    (("shear_x", 0.9, 4), ("auto_contrast", 0.8, 0)),
    (("equalize", 0.6, 0), ("rotate", 0.9, 3)),
    (("shear_y", 0.3, 7), ("translate_x", 0.9, 3)),
    (("solarize", 0.7, 2), ("translate_y", 0.6, 7)),
    (("shear_x", 0.7, 2), ("invert", 0.1, 0)),
)


def _operation(name: str, magnitude: float, seed: int | None):
    """Return the Keras layer of one operation; it draws its strength up to the magnitude."""
    share = magnitude / 9
    fill = {"fill_mode": "constant", "seed": seed}
    shift = 150 / 331 * share
    return {
        "shear_x": lambda: layers.RandomShear(x_factor=0.3 * share, **fill),
        "shear_y": lambda: layers.RandomShear(y_factor=0.3 * share, **fill),
        "translate_x": lambda: layers.RandomTranslation(0.0, shift, **fill),
        "translate_y": lambda: layers.RandomTranslation(shift, 0.0, **fill),
        "rotate": lambda: layers.RandomRotation(30 / 360 * share, **fill),
        "solarize": lambda: layers.Solarization(
            threshold_factor=(1 - share, 1.0), value_range=(0, 1), seed=seed
        ),
        "invert": lambda: layers.RandomInvert(1.0, value_range=(0, 1), seed=seed),
        "equalize": lambda: layers.Equalization(value_range=(0, 1)),
        "auto_contrast": lambda: layers.AutoContrast(value_range=(0, 1)),
    }[name]()


@keras.saving.register_keras_serializable(package="companion")
class AutoAugment(layers.Layer):
    """Give every image one sub-policy, drawn at random (Cubuk, Zoph, Mané, Vasudevan, Le, 2019).

    The paper's work is the search that finds the sub-policies; this layer applies five of them
    (`SVHN_SUB_POLICIES`) and searches for nothing.

    Args:
        seed: Makes the draws repeatable.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.draws = keras.random.SeedGenerator(seed)
        self.operations = [
            [_operation(name, magnitude, seed) for name, _, magnitude in sub_policy]
            for sub_policy in SVHN_SUB_POLICIES
        ]

    def build(self, input_shape: tuple[int, ...]):
        """Build the operations: they have draws to keep, and no weights."""
        for operation in (layer for pair in self.operations for layer in pair):
            operation.build(input_shape)
        super().build(input_shape)

    def call(self, images: keras.KerasTensor, training: bool = False):
        """Return the images, changed only while training."""
        if not training:
            return images
        batch = ops.shape(images)[0]
        candidates = []
        for sub_policy, operations in zip(SVHN_SUB_POLICIES, self.operations, strict=True):
            candidate = images
            for (_, probability, _), operation in zip(sub_policy, operations, strict=True):
                draw = keras.random.uniform((batch, 1, 1, 1), seed=self.draws)
                changed = operation(candidate, training=True)
                candidate = ops.where(draw < probability, changed, candidate)
            candidates.append(candidate)
        choice = keras.random.randint((batch,), 0, len(candidates), seed=self.draws)
        chosen = ops.one_hot(choice, len(candidates), dtype=images.dtype)
        return ops.einsum("nk,knhwc->nhwc", chosen, ops.stack(candidates))

    def compute_output_shape(self, input_shape: tuple[int, ...]):
        """Return the shape of the input: nothing is cut off."""
        return input_shape

    def get_config(self):
        """Return what makes the layer again."""
        return {**super().get_config(), "seed": self.seed}


def _check_penalties(l1: float, l2: float):
    for name, strength in (("l1", l1), ("l2", l2)):
        if strength < 0:
            raise UserError(
                f"{name} is the strength of a penalty, 0 or more (a negative one would reward "
                f"large weights). Received: {name}={strength}."
            )


def _check_rates(**rates: float):
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            hint = f" Did you mean {rate / 100:g}?" if 1 < rate < 100 else ""
            raise UserError(
                f"{name} is the share to silence, in [0, 1). Received: {name}={rate}.{hint}"
            )
