"""Cross-validation by recording: every recording is judged once, by who has never seen it.

A fold's test recordings are a fifth, by a hash of their names. Of the others one in eight is set
aside: there the thresholds are chosen, and nothing else is. Beside the scores of AF stands the
challenge's own, on four classes.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapters.ecg.recordings import AF, CLASSES, NORMAL, OTHER
from companion.datasets.dataset import SPLITS, Dataset, Split

FOLDS = 5
OFFSETS = tuple(np.arange(-1.5, 1.51, 0.25).tolist())
RANKED = (NORMAL, AF, OTHER)  # the challenge averages the F1 of these; noise counts as a mistake


def bucket_of(name: str, buckets: int, use: str) -> int:
    """Return one of so many buckets for a recording, by its name alone and for one use.

    >>> [bucket_of(name, 5, "fold") for name in ("A00001", "A00002", "A00003", "A00004")]
    [2, 2, 4, 0]
    """
    return int(hashlib.sha256(f"{use} {name}".encode()).hexdigest()[:8], 16) % buckets


def dealt(data: Dataset, fold: int) -> Dataset:
    """Return the same recordings, split anew: a fold is tested, an eighth of the others chooses.

    Args:
        data: Recordings in any splits; one without a name is dealt by its number.
        fold: Which fold is tested, from 0.
    """
    parts = [getattr(data, part) for part in SPLITS]
    x, y = (np.concatenate([getattr(part, axis) for part in parts]) for axis in "xy")
    names = [name for part in parts for name in part.names] or [str(k) for k in range(len(y))]
    everything = Split(x, y, tuple(names))
    tested = np.array([bucket_of(name, FOLDS, "fold") == fold for name in names])
    chooses = np.array([bucket_of(name, 8, f"choose {fold}") == 0 for name in names]) & ~tested
    return Dataset(
        data.card,
        train=everything[~tested & ~chooses],
        validation=everything[chooses],
        test=everything[tested],
        fit=data.fit,
    )


def rhythms(classes: NDArray[Any], recording: NDArray[Any], count: int):
    """Return what is said of each recording: log-probabilities of the classes, over its windows.

    Args:
        classes: Probabilities of each window, ``(windows, classes)``.
        recording: The number of the recording that each was cut from.
        count: How many recordings there are. One of less than ten seconds gives no window; it is
            called normal, as whoever cannot read it would not alarm anybody.
    """
    log_probabilities = np.full((count, len(CLASSES)), -np.inf)
    log_probabilities[:, NORMAL] = 0
    numbers, index = np.unique(recording, return_inverse=True)
    windows = np.bincount(index)
    for label in range(len(CLASSES)):
        logs = np.log(np.clip(classes[:, label], 1e-6, 1))
        log_probabilities[numbers, label] = np.bincount(index, logs) / windows
    return log_probabilities


def challenge_scores(truth: NDArray[Any], called: NDArray[Any]):
    """Return the challenge's scores: F1 of normal, AF and other, and their mean.

    Clifford et al. (2017) rank by the mean of the three; F1 is twice the hits of a class over how
    often it is there and how often it is called.

    >>> {k: round(v, 2) for k, v in challenge_scores([0, 0, 1, 2, 3], [0, 2, 1, 2, 0]).items()}
    {'f1_normal': 0.5, 'f1_af': 1.0, 'f1_other': 0.67, 'challenge_f1': 0.72}
    """
    truth, called = np.asarray(truth), np.asarray(called)
    each = [
        2
        * float(((truth == label) & (called == label)).sum())
        / max(1, int((truth == label).sum() + (called == label).sum()))
        for label in RANKED
    ]
    names = ("f1_normal", "f1_af", "f1_other")
    return dict(zip(names, each, strict=True)) | {"challenge_f1": sum(each) / len(each)}


def best_offsets(log_probabilities: NDArray[Any], truth: NDArray[Any]):
    """Return what to add to the log-probabilities so that the challenge's score is highest.

    Training saw the rare classes oftener than they are. Give it recordings that choose, never those
    that are tested. The answer is the mean of all offsets within 0.002 of the best.
    """
    tried = np.stack(np.meshgrid(*[OFFSETS] * (len(CLASSES) - 1)), -1)
    tried = np.pad(tried.reshape(-1, len(CLASSES) - 1), ((0, 0), (1, 0)))
    scores = [
        challenge_scores(truth, (log_probabilities + one).argmax(1))["challenge_f1"]
        for one in tried
    ]
    return tried[np.array(scores) >= max(scores) - 0.002].mean(axis=0)


def interval(truth: NDArray[Any], called: NDArray[Any], resamples: int, seed: int = 0):
    """Return the 95 % interval of the challenge's score over recordings drawn again and again."""
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(len(truth), size=len(truth)) for _ in range(resamples))
    scores = [challenge_scores(truth[rows], called[rows])["challenge_f1"] for rows in drawn]
    return tuple(float(q) for q in np.quantile(scores, (0.025, 0.975)))
