"""Perceptrons with batch normalization, without it, and with noise behind it."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from companion.errors import UserError


@keras.saving.register_keras_serializable(package="companion")
class ShiftingNoise(layers.Layer):
    """Shift and stretch every feature at random, anew at every step of training.

    What Santurkar et al. (2018) put behind batch normalization to make the distribution that the
    next layer sees move from step to step: noise whose mean is not 0 and whose variance is not 1.
    Here x becomes (1 + strength · u) x + strength · v. For each feature and step, u is drawn from
    [−1, 1], and so is the mean of v, to which each example adds a little of its own.

    Args:
        strength: Largest shift and largest stretch, in standard deviations of what comes in.
        seed: Makes the draws repeatable.

    Raises:
        UserError: If the strength is negative.
    """

    def __init__(self, strength: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if strength < 0:
            raise UserError(f"strength is a size, 0 or more. Received: strength={strength}.")
        self.strength, self.seed = strength, seed
        self.draws = keras.random.SeedGenerator(seed)

    def call(self, x: keras.KerasTensor, training: bool = False):
        """Return x, changed only while training."""
        if not training or not self.strength:
            return x
        size = (1, x.shape[-1])
        stretch, shift = (
            keras.random.uniform(size, -1, 1, dtype=self.compute_dtype, seed=self.draws)
            for _ in range(2)
        )
        own = keras.random.normal(ops.shape(x), 0, 0.1, dtype=self.compute_dtype, seed=self.draws)
        return x + self.strength * (stretch * x + shift + own)

    def compute_output_shape(self, input_shape: tuple[int, ...]):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return what makes the layer again."""
        return {**super().get_config(), "strength": self.strength, "seed": self.seed}


def normalized_mlp(
    input_shape: tuple[int, ...] = (8, 8, 1),
    classes: int = 10,
    *,
    hidden: Sequence[int] = (64,) * 8,
    normalization: bool = True,
    noise: float = 0.0,
    seed: int | None = None,
):
    """Build a perceptron whose weighted sums are normalized over the batch before each ReLU.

    A normalized layer has no bias, for the mean would take it away again; β is in its place. With
    the defaults it learns 34,442 numbers for 8×8 images and 10 classes, and keeps 1,024 more as
    moving averages.

    Args:
        input_shape: ``(height, width, channels)`` of an image, or the shape of any other input.
        classes: Number of classes.
        hidden: Width of each hidden layer.
        normalization: Whether to normalize; without it, layers have biases.
        noise: Strength of a `ShiftingNoise` behind each normalization.
        seed: Makes the noise repeatable.

    Returns:
        An uncompiled `keras.Model` from inputs to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If noise is asked for where there is no normalization to stand behind.
    """
    if noise and not normalization:
        raise UserError(
            "noise stands behind the normalization, so it needs one. Received: "
            f"normalization={normalization}, noise={noise}."
        )
    images = keras.Input(input_shape, name="image")
    x = layers.Flatten(name="flatten")(images)
    for number, width in enumerate(hidden, start=1):
        x = layers.Dense(width, use_bias=not normalization, name=f"hidden{number}")(x)
        if normalization:
            x = layers.BatchNormalization(name=f"norm{number}")(x)
        if noise:
            own_seed = None if seed is None else seed + number
            x = ShiftingNoise(noise, seed=own_seed, name=f"noise{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    probabilities = layers.Dense(classes, "softmax", dtype="float32", name="output")(x)
    return keras.Model(images, probabilities, name="normalized_mlp")
