"""Two ways of judging the same detector: by the window, as the paper does, and by the recording."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapters.ecg.recordings import AF, LENGTH

STRIDE = 500  # samples from one window to the next
AF_STRIDE = 50  # likewise, for recordings of atrial fibrillation
RESAMPLES = 500


def windows(
    recordings: NDArray[Any],
    labels: NDArray[Any],
    stride: int = STRIDE,
    af_stride: int = AF_STRIDE,
    length: int = LENGTH,
):
    """Cut recordings into overlapping windows, as Hong et al. (2019) do but for one window.

    Theirs leave out the window that ends with the recording.

    Recordings must be split into training, validation and test before they are cut: two windows
    that overlap, one on each side of a split, are all but the same example.

    Args:
        recordings: Signals in mV, each of shape ``(samples,)``.
        labels: Their classes.
        stride: Samples from one window to the next.
        af_stride: Likewise, for recordings of atrial fibrillation.
        length: Samples in a window. A shorter recording gives no window.

    Returns:
        ``(recording, start)`` of each window: two arrays of whole numbers.
    """
    starts = [
        (number, start)
        for number, (recording, label) in enumerate(zip(recordings, labels, strict=True))
        for start in range(0, len(recording) - length + 1, af_stride if label == AF else stride)
    ]
    return np.array(starts, int).reshape(-1, 2).T


def cut(recordings: NDArray[Any], where: NDArray[Any], length: int = LENGTH):
    """Return the windows themselves: float32 of shape ``(n, length, 1)``."""
    return np.stack(
        [recordings[number][start : start + length] for number, start in zip(*where, strict=True)]
    ).astype("float32")[..., None]


def log_odds(probability: NDArray[Any]):
    """Return log(p / (1 − p)), kept finite."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def by_recording(probability: NDArray[Any], recording: NDArray[Any]):
    """Return the probability of each recording: the mean log-odds of its windows.

    Args:
        probability: Of each window.
        recording: The number of the recording that the window was cut from.

    Returns:
        ``(numbers, probabilities)`` of the recordings that have a window.
    """
    numbers, index = np.unique(recording, return_inverse=True)
    mean = np.bincount(index, log_odds(probability)) / np.bincount(index)
    return numbers, 1 / (1 + np.exp(-mean))


def scores(
    is_af: NDArray[Any],
    probability: NDArray[Any],
    threshold: float,
    weight: NDArray[Any] | None = None,
):
    """Return ROC-AUC, PR-AUC and F1 (scikit-learn's; PR-AUC is average precision).

    Args:
        is_af: Truth, one for each window or recording.
        probability: What the detector says.
        threshold: Probability from which on it is taken for AF; chosen on validation data.
        weight: How much each counts; 1 by default.
    """
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    return {
        "roc_auc": float(roc_auc_score(is_af, probability, sample_weight=weight)),
        "pr_auc": float(average_precision_score(is_af, probability, sample_weight=weight)),
        "f1": float(f1_score(is_af, probability >= threshold, sample_weight=weight)),
    }


def best_threshold(
    is_af: NDArray[Any], probability: NDArray[Any], weight: NDArray[Any] | None = None
):
    """Return the threshold with the highest F1; give it validation data, never test data."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(is_af, probability, sample_weight=weight)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    # The middle of all that is within 0.002 of the best: the top of a curve from few recordings
    # is a peak of chance.
    near = thresholds[f1[:-1] >= f1.max() - 0.002]
    return float(np.median(near))


def bootstrap(
    is_af: NDArray[Any],
    probability: NDArray[Any],
    recording: NDArray[Any],
    threshold: float,
    resamples: int = RESAMPLES,
    seed: int = 0,
):
    """Return 95 % intervals of the scores by resampling recordings, not windows.

    Windows of one recording are alike; to draw them as if each were news would make the interval
    far too narrow.

    Args:
        is_af: Truth of each window.
        probability: What the detector says of it.
        recording: The number of the recording that it was cut from.
        threshold: As in `scores`.
        resamples: How many times recordings are drawn.
        seed: Seed of the draws.

    Returns:
        ``{score: (low, high)}``.
    """
    rng = np.random.default_rng(seed)
    _, index = np.unique(recording, return_inverse=True)
    count = index.max() + 1
    drawn = [
        scores(is_af, probability, threshold, weight=times[index])
        for times in (
            np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(resamples)
        )
        if (times[index] * is_af).sum() and (times[index] * ~is_af).sum()
    ]
    return {
        name: tuple(float(q) for q in np.quantile([one[name] for one in drawn], (0.025, 0.975)))
        for name in drawn[0]
    }
