"""What is done to data before and after a network: weights, thresholds, splits, finds."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def balanced_class_weights(y: NDArray[np.integer], classes: int) -> Array:
    """Return what an example of each class counts, so that each class counts the same in all.

    w_k = n / (K · n_k)   (scikit-learn's and Keras users' "balanced")

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
