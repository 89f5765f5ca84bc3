"""Studies: small kernels against a large one, pooling under shifts, what shared weights buy.

Every network is judged on the test split of the digits, which takes no part in its training; all
settings were chosen beforehand and are the same for all levels of a study.
"""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

import companion
from companion.datasets import Split
from companion.studies.study import Study
from companion.training.batches import passes
from companion.training.seeding import fresh_start

if TYPE_CHECKING:
    import keras

BATCH = 50


@cache
def digits(side: int = 8, frame: int = 0):
    """Return the embedded digits, resized to side×side and framed with zeros, as a `Dataset`."""
    data = companion.load("digits").fitted_to((side, side, 1))

    def framed(split: Split):
        around = [(0, 0), (frame, frame), (frame, frame), (0, 0)]
        return replace(split, x=np.pad(split.x, around))

    parts = {part: framed(getattr(data, part)) for part in ("train", "validation", "test")}
    return replace(data, **parts)


def few(split: Split, examples: int, seed: int):
    """Return so many examples of a split, drawn by the seed."""
    return split[np.random.default_rng(seed).permutation(len(split))[:examples]]


def fit(model: "keras.Model", split: Split, *, seed: int, steps: int):
    """Train the model for so many steps of Adam, its rate falling along half a cosine.

    Returns:
        The run.
    """
    order = passes(len(split), -(-steps * BATCH // len(split)), seed)
    return companion.train(
        model,
        split,
        seed=seed,
        batch_size=BATCH,
        steps=steps,
        order=order[: steps * BATCH],
        learning_rate=3e-3,
        warmup=0,
        steps_per_execution=10,
        show_progress=False,
    )


# ---- three 3×3 against one 7×7 ------------------------------------------------------------------

DEPTH = 12  # C: the maps that go into the stack, and that come out of it


def small_kernels_row(level: str, seed: int, *, quick: bool):
    """Train a network whose middle is one 7×7 convolution, or three of 3×3."""
    import keras
    from keras import layers

    fresh_start(seed)
    data = digits(side=16)
    x = images = keras.Input((16, 16, 1))
    x = layers.Conv2D(DEPTH, 3, padding="same", activation="relu")(x)
    kernels = (7,) if level == "one 7×7" else (3, 3, 3)
    between = None if level == "three 3×3, no ReLU between" else "relu"
    stack = [
        layers.Conv2D(
            DEPTH,
            kernel,
            padding="same",
            use_bias=False,
            activation="relu" if number == len(kernels) else between,
        )
        for number, kernel in enumerate(kernels, start=1)
    ]
    for layer in stack:
        x = layer(x)
    x = layers.MaxPooling2D(4)(x)
    x = layers.Dense(10, activation="softmax", dtype="float32")(layers.Flatten()(x))
    model = keras.Model(images, x)
    run = fit(model, few(data.train, 300, seed), seed=seed, steps=240)
    return {
        "test_error": run.error(data.test),
        "validation_error": run.error(data.validation),
        "stack_parameters": sum(layer.count_params() for layer in stack),
    }


small_kernels = Study(
    name="small_kernels",
    question="Do three 3×3 convolutions, with 27C² weights, read digits better than one 7×7, with "
    "49C²?",
    factor="stack",
    levels=("one 7×7", "three 3×3", "three 3×3, no ReLU between"),
    quick_levels=("one 7×7", "three 3×3"),
    seeds=range(10),
    quick_seeds=range(6),
    outcome="test_error",
    unit="share of 360 test digits",
    measure=small_kernels_row,
)


# ---- pooling under shifts -----------------------------------------------------------------------

SHIFTS = (0, 1, 2, 3, 4)


def pooling_row(level: tuple[str, int], seed: int, *, quick: bool):
    """Train on centred digits with one kind of pooling; judge on digits moved by some pixels."""
    pooling, shift = level
    return shift_errors(pooling, seed)[shift]


@cache
def shift_errors(pooling: str, seed: int):
    """Return, for each shift, the error over the test digits moved in all four directions."""
    import keras
    from keras import layers

    fresh_start(seed)
    data = digits(side=16, frame=4)  # no shift pushes ink over the edge
    x = images = keras.Input((24, 24, 1))
    for filters in (8, 16):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        if pooling == "max":
            x = layers.MaxPooling2D(2)(x)
        elif pooling == "average":
            x = layers.AveragePooling2D(2)(x)
    x = layers.GlobalMaxPooling2D()(x) if pooling == "global max" else layers.Flatten()(x)
    model = keras.Model(images, layers.Dense(10, activation="softmax", dtype="float32")(x))
    run = fit(model, data.train, seed=seed, steps=500)
    return {
        shift: {
            "test_error": float(
                np.mean(
                    [
                        run.error(replace(data.test, x=np.roll(data.test.x, step, axis)))
                        for axis in (1, 2)
                        for step in (-shift, shift)
                    ]
                )
            )
        }
        for shift in SHIFTS
    }


pooling_shifts = Study(
    name="pooling_shifts",
    question="Which pooling lets a network that has seen centred digits read shifted ones?",
    factor=("pooling", "shift in pixels"),
    levels=tuple(
        (pooling, shift) for pooling in ("none", "average", "max", "global max") for shift in SHIFTS
    ),
    quick_levels=tuple((pooling, shift) for pooling in ("none", "max") for shift in (0, 2)),
    seeds=range(10),
    quick_seeds=range(7),
    outcome="test_error",
    unit="share of 4 × 360 shifted test digits",
    baseline=lambda level: ("none", level[1]),
    measure=pooling_row,
)


# ---- convolution against a fully connected net --------------------------------------------------


def weight_sharing_row(level: tuple[str, int], seed: int, *, quick: bool):
    """Train a convnet of 6,090 weights, or a perceptron of 6,085, on so many digits."""
    import keras
    from keras import layers

    network, examples = level
    fresh_start(seed)
    data = digits()
    x = images = keras.Input((8, 8, 1))
    if network == "convolutional":
        for filters in (16, 32):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = layers.MaxPooling2D(2)(x)
        x = layers.Flatten()(x)
    else:
        x = layers.Dense(81, activation="relu")(layers.Flatten()(x))
    model = keras.Model(images, layers.Dense(10, activation="softmax", dtype="float32")(x))
    run = fit(model, few(data.train, examples, seed), seed=seed, steps=600)
    return {
        "test_error": run.error(data.test),
        "validation_error": run.error(data.validation),
        "parameters": model.count_params(),
    }


weight_sharing = Study(
    name="weight_sharing",
    question="With as many weights, does a convnet read digits better than a fully connected net?",
    factor=("network", "training digits"),
    levels=tuple(
        (network, examples)
        for network in ("fully connected", "convolutional")
        for examples in (50, 100, 300, 1000)
    ),
    quick_levels=tuple(
        (network, examples)
        for network in ("fully connected", "convolutional")
        for examples in (100, 1000)
    ),
    seeds=range(10),
    quick_seeds=range(7),
    outcome="test_error",
    unit="share of 360 test digits",
    baseline=lambda level: ("fully connected", level[1]),
    measure=weight_sharing_row,
)
