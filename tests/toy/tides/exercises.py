"""One exercise of each kind, and one more."""

import numpy as np

from companion.checking import exercise, gradient_exercise, model_exercise


@exercise()
def tidal_range(heights):
    """Return the difference between high and low water.

    Args:
        heights: Shape ``(hours,)``.
    """
    return float(heights.max() - heights.min())


@tidal_range.cases
def _(rng):
    yield np.array([1.0, 3.0, 2.0])
    yield rng.normal(size=8)


tidal_range.hints("Which height is the largest, and which the smallest?")

tidal_range.mistakes(
    "You returned high water alone: low water is to be taken away.",
    lambda heights: float(heights.max()),
)


@exercise()
def energy(heights):
    """Return half the sum of the squared heights.

    Args:
        heights: Shape ``(hours,)``.
    """
    return float(np.sum(heights**2) / 2)


@energy.cases
def _(rng):
    yield np.array([1.0, 3.0])
    yield rng.normal(size=5)


energy.hints("Square each height first.")

energy.mistakes(
    "You forgot the half.",
    lambda heights: float(np.sum(heights**2)),
    "You squared the sum: add the squares.",
    lambda heights: float(np.sum(heights) ** 2 / 2),
)


@gradient_exercise(of=energy, wrt="heights")
def energy_gradient(heights):
    """Return the gradient of the energy for the heights.

    Args:
        heights: Shape ``(hours,)``.
    """
    return heights.copy()


@energy_gradient.cases
def _(rng):
    yield np.array([1.0, 3.0])
    yield rng.normal(size=5)


energy_gradient.hints("What is the derivative of x²/2?")

energy_gradient.mistakes(
    "You forgot the half: x²/2 has the derivative x.",
    lambda heights: 2 * heights,
)


@model_exercise(points=2)
def reader():
    """Build a network that reads 8 heights: 4 units with tanh, then 2 classes by softmax."""
    from keras import Input, Sequential, layers

    return Sequential([Input((8,)), layers.Dense(4, "tanh"), layers.Dense(2, "softmax")])


reader.hints("`keras.Sequential` takes a list of layers.")


@reader.mistake("You left out the activation of the hidden layer: it is tanh.")
def _():
    from keras import Input, Sequential, layers

    return Sequential([Input((8,)), layers.Dense(4), layers.Dense(2, "softmax")])
