"""Data that any network learns something of, and small networks that are trained on them."""

import keras
import numpy as np

import companion

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5)).astype("float32")
SEQUENCES = RNG.normal(size=(120, 6, 2)).astype("float32")
KINDS = np.arange(120) % 3
MASK = np.arange(6) < RNG.integers(2, 7, size=(120, 1))


def network(units, activation=None, inputs=(5,)):
    """One hidden layer; on a sequence it is the same at every step."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(inputs),
            layers.Dense(8, activation="tanh", name="hidden"),
            layers.Dense(units, activation, dtype="float32", name="output"),
        ]
    )


def train(model, data, **options):
    usual = {"epochs": 2, "batch_size": 16, "show_progress": False}
    return companion.train(model, data, **{**usual, **options})
