"""Study: what outliers in the targets do to L2 and to L1.

One neuron without an activation predicts the progress of diabetes from ten measurements of 442
patients. In some of its examples the target's decimal point has slipped: it is ten times too large,
in the training and the validation split alike, as in life. The test split is clean.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from chapters.neurons.scratch import (
    Array,
    absolute_error,
    absolute_error_slope,
    squared_error,
    squared_error_slope,
)
from companion.studies.study import Study

STEPS = 1000
RATES = (0.01, 0.03, 0.1, 0.3)
SHARES = (0.0, 0.02, 0.05, 0.1, 0.2)
LOSSES = {
    "L2": (squared_error, squared_error_slope),
    "L1": (absolute_error, absolute_error_slope),
}


@cache
def patients():
    """Return ten measurements of each patient, and the progress of the disease after a year."""
    from sklearn.datasets import load_diabetes

    return load_diabetes(return_X_y=True, scaled=False)


def fit(X: Array, y: Array, slope: Callable[[Array, Array], Array], rate: float):
    """Return weights and bias after so many steps, the rate falling in a line to 0.

    This one loop stands written out because it is the subject: a step is η times the loss's slope.
    """
    weights, bias = np.zeros(X.shape[1]), 0.0
    for step in range(STEPS):
        pull = slope(X @ weights + bias, y)
        now = rate * (1 - step / STEPS)
        weights, bias = weights - now * X.T @ pull, bias - now * pull.sum()
    return weights, bias


def loss_outliers_row(level: tuple[str, float], seed: int, *, quick: bool):
    """Fit one neuron with one loss; the rate is the one with the least such loss on validation."""
    name, share = level
    loss, slope = LOSSES[name]
    rng = np.random.default_rng(seed)
    X, y = patients()
    order = rng.permutation(len(y))
    test, rest = order[:100], order[100:]
    targets = y.copy()
    slipped = rest[rng.random(len(rest)) < share]
    targets[slipped] *= 10
    validation, train = rest[:100], rest[100:]
    X = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
    # The scale is that of the middle half, which slipped points hardly move.
    low, middle, high = np.quantile(targets[train], (0.25, 0.5, 0.75))
    scaled = (targets - middle) / (high - low)
    fits = [fit(X[train], scaled[train], slope, rate) for rate in RATES]
    weights, bias = min(
        fits, key=lambda line: loss(X[validation] @ line[0] + line[1], scaled[validation])
    )
    predicted = (X[test] @ weights + bias) * (high - low) + middle
    return {
        "absolute_error": absolute_error(predicted, y[test]),
        "root_mean_squared_error": squared_error(predicted, y[test]) ** 0.5,
        "outliers": len(np.intersect1d(slipped, train)),
    }


loss_outliers = Study(
    name="loss_outliers",
    question="Does a loss that counts the error itself predict better than one that counts its "
    "square, where some targets are wrong, and where none is?",
    factor=("loss", "share of outliers"),
    levels=tuple((name, share) for name in LOSSES for share in SHARES),
    quick_levels=tuple((name, share) for name in LOSSES for share in (0.0, 0.05)),
    seeds=range(20),
    quick_seeds=range(10),
    outcome="absolute_error",
    unit="points of progress",
    baseline=lambda level: ("L2", level[1]),
    measure=loss_outliers_row,
)
