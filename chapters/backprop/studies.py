"""Studies: how many hidden layers digits ask for, and how far to move a weight to check a gradient.

Both train and measure with the chapter's own NumPy.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

import companion
from chapters.backprop.scratch import (
    Array,
    Layer,
    fit,
    forward,
    gradient_descent,
    initial_layers,
    loss_and_gradients,
    parameters,
    relative_error,
    sided_differences,
    with_parameters,
)
from companion.datasets import Dataset, Split
from companion.studies.study import Study

# ---- hidden layers ------------------------------------------------------------------------------

WIDTH, EPOCHS, BATCH = 64, 40, 32
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@cache
def digits() -> Dataset:
    """Return the embedded digits, split."""
    return companion.load("digits")


def flat(split: Split) -> Array:
    """Return images as vectors: shape ``(examples, pixels)``."""
    return np.asarray(split.x, float).reshape(len(split), -1)


def batches(
    split: Split, epochs: int, rng: np.random.Generator, size: int = BATCH
) -> Iterator[tuple[Array, Array]]:
    """Yield batches of vectors and of classes as rows of the identity, in an order drawn anew.

    Args:
        split: Images and labels.
        epochs: Passes over them; the few left over at a pass's end are left out.
        rng: Draws the orders.
        size: Examples in a batch.
    """
    x, targets = flat(split), np.eye(10)[split.y]
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - size + 1, size):
            chosen = order[start : start + size]
            yield x[chosen], targets[chosen]


def error(layers: list[Layer], split: Split) -> float:
    """Return the share of a split that a network misreads."""
    return float(np.mean(forward(layers, flat(split)).output.argmax(axis=1) != split.y))


def mean_loss(layers: list[Layer], split: Split) -> float:
    """Return the cross-entropy of a network on a split; infinite where its training diverged."""
    loss = loss_and_gradients(layers, flat(split), np.eye(10)[split.y])[0]
    return loss if np.isfinite(loss) else np.inf


def trained(hidden: tuple[int, ...], rate: float, seed: int, epochs: int = EPOCHS) -> list[Layer]:
    """Return a network of ReLU layers, trained on the digits by gradient descent in batches.

    Args:
        hidden: Width of each hidden layer.
        rate: The learning rate.
        seed: Decides the first weights and the order of the examples.
        epochs: Passes over the training split.
    """
    rng = np.random.default_rng(seed)
    layers = initial_layers([64, *hidden, 10], rng)
    return fit(layers, batches(digits().train, epochs, rng), gradient_descent(rate))[0]


def hidden_layers_row(level: int, seed: int, *, quick: bool) -> dict[str, float]:
    """Train at each rate, keep the network with the lowest validation loss, and test that one."""
    data, epochs = digits(), 10 if quick else EPOCHS
    with np.errstate(over="ignore", invalid="ignore"):  # the largest rate may diverge
        networks = {rate: trained((WIDTH,) * level, rate, seed, epochs) for rate in RATES}
        rate = min(networks, key=lambda rate: mean_loss(networks[rate], data.validation))
    return {
        "test_error": error(networks[rate], data.test),
        "validation_error": error(networks[rate], data.validation),
        "train_error": error(networks[rate], data.train),
        "rate": rate,
    }


hidden_layers = Study(
    name="hidden_layers",
    question="Does a network trained by plain gradient descent read digits better with more hidden "
    "layers?",
    factor="hidden layers",
    levels=(0, 1, 2, 3, 4),
    quick_levels=(0, 2),
    seeds=range(10),
    quick_seeds=range(2),
    outcome="test_error",
    unit="share of 360 test digits",
    measure=hidden_layers_row,
)


# ---- how far to move a weight -------------------------------------------------------------------

STEPS = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)


def difference_step_row(level: tuple[str, float], seed: int, *, quick: bool) -> dict[str, float]:
    """Measure the gradient of a small network's first weights by differences of one step."""
    rule, step = level
    rng = np.random.default_rng(seed)
    layers = initial_layers([6, 5, 3], rng, activation="tanh")
    x, targets = rng.normal(size=(8, 6)), np.eye(3)[rng.integers(0, 3, 8)]

    def loss(weights: Array) -> float:
        moved = with_parameters(layers, [weights, *parameters(layers)[1:]])
        return loss_and_gradients(moved, x, targets)[0]

    weights = layers[0].weights
    measured = sided_differences(loss, weights, step)
    if rule == "central":
        measured = (measured + sided_differences(loss, weights, -step)) / 2
    exact = loss_and_gradients(layers, x, targets)[1][0]
    # Orders of magnitude are what is to be compared, so their logarithm is.
    return {"digits_right": float(-np.log10(relative_error(measured, exact)))}


difference_step = Study(
    name="difference_step",
    question="How far should a weight be moved, to one side or to both, to check a gradient?",
    factor=("rule", "step"),
    levels=tuple((rule, step) for rule in ("central", "one-sided") for step in STEPS),
    quick_levels=(("central", 1e-6), ("one-sided", 1e-6)),
    seeds=range(10),
    quick_seeds=range(2),
    outcome="digits_right",
    unit="decimal digits",
    better="higher",
    baseline=("central", 1e-6),
    measure=difference_step_row,
)
