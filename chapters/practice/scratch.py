"""What is done to data before and after a network: weights, thresholds, splits, finds, searches."""

from collections.abc import Callable
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Flags = NDArray[np.bool_]


# ---- a rare class -------------------------------------------------------------------------------


class Report(NamedTuple):
    """What a detector of one class is worth.

    Attributes:
        accuracy: Share of all examples that are judged rightly.
        precision: Share of the found that are of the class; 1 where nothing is found.
        recall: Share of the class that is found.
        f1: 2 · precision · recall / (precision + recall); 0 where both are.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float


def report(predicted: ArrayLike, true: ArrayLike) -> Report:
    """Compare what was predicted with what is true.

    Args:
        predicted: Whether each example was taken for the class, of shape (n,).
        true: Whether it is of the class, of shape (n,); at least one is.

    >>> report([0, 0, 0, 0], [0, 0, 0, 1])
    Report(accuracy=0.75, precision=1.0, recall=0.0, f1=0.0)
    """
    predicted, true = np.asarray(predicted, bool), np.asarray(true, bool)
    hits = int((predicted & true).sum())
    precision = hits / predicted.sum() if predicted.any() else 1.0
    recall = hits / true.sum()
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return Report(float((predicted == true).mean()), float(precision), float(recall), float(f1))


def balanced_class_weights(y: Labels, classes: int) -> Array:
    """Return what an example of each class counts, so that every class counts the same in all.

    w_k = n / (K · n_k)   ("balanced" in scikit-learn and in `companion.train`)

    Args:
        y: Labels from 0, of shape (n,).
        classes: How many classes there are, K.

    Returns:
        One weight for each class, of shape (classes,); 0 for a class without examples.

    >>> balanced_class_weights(np.array([0, 0, 0, 1]), 2)
    array([0.66666667, 2.        ])
    """
    counts = np.bincount(y, minlength=classes)
    return np.where(counts > 0, len(y) / (classes * np.maximum(counts, 1)), 0.0)


def resampled(y: Labels, size: int, rng: np.random.Generator) -> Labels:
    """Return which examples to train on so that every class comes `size` times.

    A class that has more examples loses some; one that has fewer has some of them repeated.

    Args:
        y: Labels of the training split, of shape (n,).
        size: Examples of each class.
        rng: Draws them.

    Returns:
        Numbers of examples, of shape (classes · size,), in no order.
    """
    chosen = [
        rng.choice(of_class, size, replace=len(of_class) < size)
        for of_class in (np.flatnonzero(y == label) for label in np.unique(y))
    ]
    return rng.permutation(np.concatenate(chosen))


def cost(predicted: ArrayLike, true: ArrayLike, miss: float, alarm: float) -> float:
    """Return the mean cost of an example: `miss` for each one missed, `alarm` for a false alarm."""
    predicted, true = np.asarray(predicted, bool), np.asarray(true, bool)
    return float(np.mean(miss * (true & ~predicted) + alarm * (predicted & ~true)))


def cheapest_threshold(p: ArrayLike, true: ArrayLike, miss: float, alarm: float) -> float:
    """Return the threshold with the least cost: an example counts as found where p ≥ threshold.

    It is to be chosen on the validation split. If p is a probability that can be trusted, theory
    knows it beforehand: alarm / (alarm + miss).

    Args:
        p: What the model gives the class, of shape (n,).
        true: Whether an example is of the class, of shape (n,).
        miss: Cost of one that is not found.
        alarm: Cost of one that is found and is not of the class.

    Returns:
        Halfway between two values of `p`, or beyond the ends of [0, 1]: the lowest of the best.
    """
    values = np.unique(np.asarray(p, float))
    between = [-0.5, *((values[1:] + values[:-1]) / 2), 1.5]
    costs = [cost(np.asarray(p) >= threshold, true, miss, alarm) for threshold in between]
    return float(between[int(np.argmin(costs))])


# ---- wrong labels -------------------------------------------------------------------------------


def flip_labels(
    y: Labels, share: float, classes: int, rng: np.random.Generator
) -> tuple[Labels, Flags]:
    """Give some examples a wrong label, each other class being equally likely.

    Args:
        y: True labels, of shape (n,).
        share: Share of them to be flipped.
        classes: How many classes there are.
        rng: Draws which, and what they become.

    Returns:
        Labels with mistakes, and which are wrong, both of shape (n,).
    """
    wrong = np.zeros(len(y), bool)
    wrong[rng.permutation(len(y))[: round(share * len(y))]] = True
    given = y.copy()
    given[wrong] = (y[wrong] + rng.integers(1, classes, wrong.sum())) % classes
    return given, wrong


def out_of_fold(
    predict: Callable[[Labels, Labels], Array], n: int, folds: int, rng: np.random.Generator
) -> Array:
    """Return what is predicted for each example by a model that was not trained on it.

    Args:
        predict: Trains on the examples of the first numbers, and returns the probabilities of those
            of the second, of shape (m, classes).
        n: How many examples there are.
        folds: In how many parts they are cut; so many models are trained.
        rng: Draws the parts.

    Returns:
        Probabilities, of shape (n, classes).
    """
    parts = np.array_split(rng.permutation(n), folds)
    pieces = [
        predict(np.concatenate([*parts[:fold], *parts[fold + 1 :]]), parts[fold])
        for fold in range(folds)
    ]
    order = np.argsort(np.concatenate(parts))
    return np.concatenate(pieces)[order]


def label_losses(p: Array, y: Labels) -> Array:
    """Return the cross-entropy of each label, −log p[y], of shape (n,) [nats].

    Args:
        p: Probabilities of shape (n, classes).
        y: The labels as they were given, of shape (n,).
    """
    return -np.log(np.maximum(p[np.arange(len(y)), y], 1e-12))


def disagreements(p: Array, y: Labels) -> Flags:
    """Return which labels are not the class that the model finds most likely, of shape (n,)."""
    return p.argmax(axis=1) != y


def confident_disagreements(p: Array, y: Labels) -> Flags:
    """Return which labels confident learning takes for wrong (Northcutt et al., 2021).

    A class is believed of an example whose probability of it is at least as high as the mean over
    the examples that carry this class as their label. A label is suspect if some class is believed
    of its example, and the likeliest such class is another one.

    Args:
        p: Out-of-fold probabilities, of shape (n, classes).
        y: The labels as they were given, of shape (n,).

    Returns:
        Which are suspect, of shape (n,).
    """
    classes = p.shape[1]
    usual = np.array([p[y == k, k].mean() if (y == k).any() else np.inf for k in range(classes)])
    believed = np.where(p >= usual, p, -1.0)
    return (believed.max(axis=1) >= 0) & (believed.argmax(axis=1) != y)


# ---- searches -----------------------------------------------------------------------------------


def log_uniform(rng: np.random.Generator, low: float, high: float, size: int) -> Array:
    """Draw numbers that fall into every decade equally often: exp of uniform logarithms.

    Args:
        rng: Draws them.
        low: Least value, above 0.
        high: Greatest value.
        size: How many.
    """
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def expected_best(errors: ArrayLike, n: int) -> float:
    """Return the lowest error to be expected of n of the trials, chosen at random.

    Of N trials in ascending order, number i (from 1) is the best of n with probability
    C(N − i, n − 1) / C(N, n): the n − 1 others lie behind it (after Dodge et al., 2019, who draw
    with repetition).

    Args:
        errors: The N errors of a random search, in any order.
        n: How many trials one would have had; at most N.

    >>> expected_best([0.2, 0.1, 0.6], 1), expected_best([0.2, 0.1, 0.6], 3)
    (0.3, 0.1)
    """
    ascending = np.sort(np.asarray(errors, float))
    total = len(ascending)
    if not 1 <= n <= total:
        raise ValueError(f"n is between 1 and the {total} trials. Received: n={n}.")
    chances = np.array([comb(total - i, n - 1) for i in range(1, total + 1)]) / comb(total, n)
    return round(float(chances @ ascending), 12)
