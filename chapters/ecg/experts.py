"""The table's first rows: an expert's features, and a classifier that is older than deep nets."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler


def logistic_regression():
    """Build the lecture's ExpertLR: logistic regression, with a smooth curve for each feature.

    That is a generalized additive model (Hastie and Tibshirani, 1986): the score of a class is
    the sum of one curve for each feature, a cubic spline with knots at the feature's quantiles.
    """
    return make_pipeline(
        StandardScaler(),
        SplineTransformer(n_knots=5, degree=3, knots="quantile"),
        StandardScaler(),
        LogisticRegression(C=0.02, max_iter=300),
    )


def random_forest():
    """Build the lecture's ExpertRF: a random forest on the expert's features."""
    return RandomForestClassifier(
        150, min_samples_leaf=4, max_features=0.2, max_samples=0.5, random_state=0
    )


class Expert:
    """A fitted `logistic_regression` as plain numbers: curves, one for each feature and class.

    Args:
        centre: Mean of each feature, ``(features,)``.
        scale: Its standard deviation.
        knots: Knots of its spline, ``(features, knots)``.
        curves: Coefficients of the splines, ``(features, bases, classes)``.
        biases: One for each class.
    """

    def __init__(
        self,
        centre: ArrayLike,
        scale: ArrayLike,
        knots: ArrayLike,
        curves: ArrayLike,
        biases: ArrayLike,
    ):
        arrays = {"centre": centre, "scale": scale, "knots": knots}
        arrays |= {"curves": curves, "biases": biases}
        self.arrays = {name: np.asarray(values, "float64") for name, values in arrays.items()}

    @classmethod
    def of(cls, pipeline: Any):
        """Take the numbers out of a fitted pipeline."""
        first, splines, second, regression = (step for _, step in pipeline.steps)
        weights = regression.coef_.T / second.scale_[:, None]
        features = len(splines.bsplines_)
        return cls(
            centre=first.mean_,
            scale=first.scale_,
            knots=[spline.t for spline in splines.bsplines_],
            curves=weights.reshape(features, -1, weights.shape[1]),
            biases=regression.intercept_ - second.mean_ @ weights,
        )

    def contributions(self, features: ArrayLike):
        """Return what each feature adds to the score of each class: ``(n, features, classes)``."""
        a = self.arrays
        x = (np.asarray(features) - a["centre"]) / a["scale"]
        return np.stack(
            [
                BSpline(knots, curve, 3)(np.clip(column, knots[3], knots[-4]))
                for column, knots, curve in zip(x.T, a["knots"], a["curves"], strict=True)
            ],
            axis=1,
        )

    def __call__(self, features: ArrayLike):
        """Return the probability of each class for some rows of features."""
        scores = self.contributions(features).sum(axis=1) + self.arrays["biases"]
        grown = np.exp(scores - scores.max(axis=1, keepdims=True))
        return grown / grown.sum(axis=1, keepdims=True)
