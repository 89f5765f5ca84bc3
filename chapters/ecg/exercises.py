"""Exercises on a real detector: rare classes, windows that do not leak, attention, precision."""

import numpy as np

from companion.checking import exercise

# Rare classes ------------------------------------------------------------------------------------


@exercise()
def class_weights(labels, classes):
    """Return a weight for each class, so that all classes count the same in the loss.

    The weights are scaled so that the mean weight over all examples is 1.

    Args:
        labels: Classes of the examples, whole numbers of shape ``(n,)``; each class is there.
        classes: Number of classes.

    Returns:
        Weights of shape ``(classes,)``, e.g. ``[2/3, 2]`` for three examples of class 0 and one
        of class 1.
    """
    counts = np.bincount(labels, minlength=classes)
    return len(labels) / (classes * counts)


@class_weights.cases
def _(rng):
    yield np.array([0, 0, 0, 1]), 2
    yield np.repeat(np.arange(4), [436, 66, 207, 25]), 4
    for _ in range(3):
        yield np.repeat(np.arange(3), rng.integers(1, 30, 3).tolist()), 3


class_weights.hints(
    "How often does each class come? The rarer it is, the more one example must count.",
    "All examples of a class together should weigh n / classes.",
)


def rarities(labels, classes):
    """Return weights of 1 / count, before they are scaled."""
    return 1 / np.bincount(labels, minlength=classes)


class_weights.mistakes(
    "You gave the frequent class the large weight: divide by how often it comes.",
    lambda labels, classes: classes * np.bincount(labels, minlength=classes) / len(labels),
    "You left out the scale: with weights of 1 / count the whole loss becomes tiny, and under "
    "plain gradient descent every step. The mean weight over the examples is to be 1.",
    rarities,
    "You forgot to share among the classes: the mean weight would be `classes`.",
    lambda labels, classes: len(labels) * rarities(labels, classes),
    "You scaled the weights to a sum of 1; their mean over the examples is 1.",
    lambda labels, classes: rarities(labels, classes) / rarities(labels, classes).sum(),
    "You scaled the weights to a mean of 1 over the classes; it is the examples that count.",
    lambda labels, classes: rarities(labels, classes) / rarities(labels, classes).mean(),
    "You gave each class its share: a class that comes seldom needs the larger weight.",
    lambda labels, classes: np.bincount(labels, minlength=classes) / len(labels),
    "You gave the commonest class a weight of 1; the mean over all examples is to be 1.",
    lambda labels, classes: (
        np.bincount(labels, minlength=classes).max() / np.bincount(labels, minlength=classes)
    ),
    "You divided the number of all others by the count: then the rare class counts more in all "
    "than the frequent one.",
    lambda labels, classes: len(labels) / np.bincount(labels, minlength=classes) - 1,
    "You took 1 − the share: the weights are in proportion to 1 / count.",
    lambda labels, classes: 1 - np.bincount(labels, minlength=classes) / len(labels),
)


# Windows -----------------------------------------------------------------------------------------


@exercise(points=2)
def windows_of_two_splits(lengths, in_test, length, stride):
    """Cut recordings into windows, and give each split the windows of its own recordings.

    Args:
        lengths: Samples in each recording.
        in_test: Whether each recording belongs to the test split.
        length: Samples in a window, which lies wholly in its recording; a shorter one gives none.
        stride: Samples from the start of one window to the next.

    Returns:
        ``[train, test]``: two arrays of whole numbers, a row ``(recording, start)`` for each
        window, in order.
    """
    windows = [
        (number, start)
        for number, samples in enumerate(lengths)
        for start in range(0, samples - length + 1, stride)
    ]
    split = [[w for w in windows if bool(in_test[w[0]]) == test] for test in (False, True)]
    return [np.array(rows, int).reshape(-1, 2) for rows in split]


@windows_of_two_splits.cases
def _(rng):
    yield np.array([10, 7, 12]), np.array([False, True, False]), 4, 2
    yield np.array([30, 9, 21, 40]), np.array([True, False, False, True]), 10, 5
    lengths = rng.integers(20, 60, 8)
    lengths[:2] = 31, 8
    yield lengths, np.arange(8) % 3 == 0, 10, 3


windows_of_two_splits.hints(
    "To which split does a recording belong? And each of its windows?",
    "Where may the last window start, so that it ends within the recording?",
)


def _all_windows(lengths, length, stride):
    return [(n, s) for n, m in enumerate(lengths) for s in range(0, m - length + 1, stride)]


def _split(windows, in_test):
    split = [[w for w in windows if bool(in_test[w[0]]) == test] for test in (False, True)]
    return [np.array(rows, int).reshape(-1, 2) for rows in split]


@windows_of_two_splits.mistake(
    "That is a leak: you pooled all windows and split the pool. Two windows of one recording "
    "overlap, so the model is tested on what it has learnt by heart. Split recordings, then cut."
)
def _(lengths, in_test, length, stride):
    rows = np.array(_all_windows(lengths, length, stride), int).reshape(-1, 2)
    share = round(len(rows) * float(np.mean(in_test)))
    return [rows[: len(rows) - share], rows[len(rows) - share :]]


@windows_of_two_splits.mistake(
    "That is a leak: you dealt out the windows in turn, so every recording has windows on both "
    "sides. Split recordings, then cut."
)
def _(lengths, in_test, length, stride):
    rows = np.array(_all_windows(lengths, length, stride), int).reshape(-1, 2)
    turn = np.asarray(in_test)[np.arange(len(rows)) % len(in_test)].astype(bool)
    return [rows[~turn], rows[turn]]


windows_of_two_splits.mistakes(
    "You lost the last window: one that ends with the recording's last sample is whole.",
    lambda lengths, in_test, length, stride: _split(
        _all_windows(np.asarray(lengths) - 1, length, stride), in_test
    ),
    "You stepped by the length of a window: step by the stride.",
    lambda lengths, in_test, length, stride: windows_of_two_splits(
        lengths, in_test, length, length
    ),
    "You let windows run past the end of their recording.",
    lambda lengths, in_test, length, stride: _split(
        [(n, start) for n, m in enumerate(lengths) for start in range(0, m, stride)], in_test
    ),
    "You swapped the splits: training windows come first.",
    lambda lengths, in_test, length, stride: windows_of_two_splits(
        lengths, in_test, length, stride
    )[::-1],
    "That is a leak: every window is in both splits. Split recordings, then cut.",
    lambda lengths, in_test, length, stride: (
        [np.array(_all_windows(lengths, length, stride), int).reshape(-1, 2)] * 2
    ),
    "That is a leak: you dealt the windows out in turn. Split recordings, then cut.",
    lambda lengths, in_test, length, stride: [
        np.array(_all_windows(lengths, length, stride)[first::2], int).reshape(-1, 2)
        for first in (0, 1)
    ],
    "You numbered the recordings of each split anew: keep the numbers that they have.",
    lambda lengths, in_test, length, stride: [
        np.array(
            _all_windows(np.asarray(lengths)[np.asarray(in_test) == test], length, stride), int
        ).reshape(-1, 2)
        for test in (False, True)
    ],
    "You numbered the windows: the sample at which each starts is asked for.",
    lambda lengths, in_test, length, stride: [
        rows // np.array([1, stride])
        for rows in windows_of_two_splits(lengths, in_test, length, stride)
    ],
    "You kept the first window of each recording only: go on by the stride.",
    lambda lengths, in_test, length, stride: [
        rows[rows[:, 1] == 0] for rows in windows_of_two_splits(lengths, in_test, length, stride)
    ],
    "You gave where a window ends: its start is asked for.",
    lambda lengths, in_test, length, stride: [
        rows + np.array([0, length])
        for rows in windows_of_two_splits(lengths, in_test, length, stride)
    ],
    "You exchanged the columns: a row is (recording, start).",
    lambda lengths, in_test, length, stride: [
        rows[:, ::-1] for rows in windows_of_two_splits(lengths, in_test, length, stride)
    ],
)


# Sizes along time --------------------------------------------------------------------------------


@exercise()
def steps_left(samples, layers):
    """Return how many steps are left of a signal behind a stack of 1-D layers.

    Args:
        samples: Samples in the signal.
        layers: Rows of ``(kernel, stride, same)``, first layer first; `same` is 1 where the layer
            pads with zeros as Keras does for ``padding="same"``, and 0 where it does not pad.

    Returns:
        A whole number, e.g. 500 for ``steps_left(3000, [[16, 3, 1], [2, 2, 1]])``.
    """
    for kernel, stride, same in layers:
        samples = -(-samples // stride) if same else (samples - kernel) // stride + 1
    return int(samples)


@steps_left.cases
def _(rng):
    yield 3000, np.array([[16, 3, 1], [2, 2, 1]])
    yield 51, np.array([[32, 2, 0]])
    yield 101, np.array([[16, 2, 0], [5, 3, 1], [3, 2, 1]])
    for _ in range(4):
        rows = [[int(rng.integers(2, 9)), int(rng.integers(2, 4)), k % 2] for k in range(3)]
        yield int(rng.integers(200, 400)), np.array(rows)


steps_left.hints(
    "With padding, does the kernel's length matter?",
    "Without padding the kernel stands in ⌊(n − k) / s⌋ + 1 places; with it, in ⌈n / s⌉.",
)


def _shrunk(samples, layers, rule):
    for layer in layers:
        samples = rule(samples, *layer)
    return int(samples)


steps_left.mistakes(
    "You rounded down behind a padded layer: Keras pads until ⌈n / s⌉ steps fit.",
    lambda samples, layers: _shrunk(
        samples, layers, lambda n, k, s, same: n // s if same else (n - k) // s + 1
    ),
    "You counted the kernel's moves where there is no padding: it stands in one place more.",
    lambda samples, layers: _shrunk(
        samples, layers, lambda n, k, s, same: -(-n // s) if same else (n - k) // s
    ),
    "You ignored the padding: a padded layer does not lose the kernel's length.",
    lambda samples, layers: steps_left(samples, layers * [1, 1, 0]),
    "You padded every layer: without padding the kernel's length is lost.",
    lambda samples, layers: steps_left(samples, layers * [1, 1, 0] + [0, 0, 1]),
    "You divided by the stride where there is no padding: the kernel's length is lost first.",
    lambda samples, layers: _shrunk(
        samples, layers, lambda n, k, s, same: -(-n // s) if same else n // s
    ),
    "You rounded up where there is no padding: a last step that does not fit is not taken.",
    lambda samples, layers: _shrunk(
        samples, layers, lambda n, k, s, same: -(-n // s) if same else -(-(n - k) // s) + 1
    ),
    "You divided by all strides at once: each layer rounds, and may lose its kernel's length.",
    lambda samples, layers: int(samples // np.prod([layer[1] for layer in layers])),
    "You left the strides out: each step moves the kernel by `stride` samples.",
    lambda samples, layers: _shrunk(
        samples, layers, lambda n, k, s, same: n if same else n - k + 1
    ),
    "You went through the layers backwards: the first one reads the signal.",
    lambda samples, layers: steps_left(samples, layers[::-1]),
)


# Attention ---------------------------------------------------------------------------------------


@exercise(points=2)
def attention_pooling(x, w, v):
    """Average the steps of a sequence with weights that depend on the steps.

    Args:
        x: Steps of shape ``(steps, features)``.
        w: Shape ``(features, units)``. Step t has the energy ``tanh(x_t w) v``.
        v: Shape ``(units,)``.

    Returns:
        ``[pooled, weights]``: shapes ``(features,)`` and ``(steps,)``; the weights are the softmax
        of the energies.
    """
    energy = np.tanh(x @ w) @ v
    grown = np.exp(energy - energy.max())
    weights = grown / grown.sum()
    return [weights @ x, weights]


@attention_pooling.cases
def _(rng):
    for steps, features, units in ((3, 2, 2), (6, 4, 3), (5, 3, 4)):
        yield (
            rng.normal(size=(steps, features)),
            rng.normal(size=(features, units)),
            rng.normal(size=units),
        )


attention_pooling.hints(
    "One energy for each step: which axis is left after multiplying by v?",
    "The weights of all steps sum to 1. The result is a sum of steps, each times its weight.",
)


def _softmax(energy):
    return np.exp(energy - energy.max()) / np.exp(energy - energy.max()).sum()


def _pooled(x, weights):
    return [weights @ x, weights]


attention_pooling.mistakes(
    "You did not divide by the sum: the weights of all steps sum to 1.",
    lambda x, w, v: _pooled(x, np.exp(np.tanh(x @ w) @ v)),
    "You left out the tanh: the energy is tanh(x w) v.",
    lambda x, w, v: _pooled(x, _softmax(x @ w @ v)),
    "You took the mean of the weighted steps: the weights sum to 1 already, so add them up.",
    lambda x, w, v: [
        attention_pooling(x, w, v)[0] / len(x),
        attention_pooling(x, w, v)[1],
    ],
    "You left out the softmax: energies may be negative, weights may not.",
    lambda x, w, v: _pooled(x, np.tanh(x @ w) @ v),
    "You divided the energies by their sum; exponentiate them first.",
    lambda x, w, v: _pooled(x, np.tanh(x @ w) @ v / (np.tanh(x @ w) @ v).sum()),
    "You left out the weights when pooling: that is the plain average.",
    lambda x, w, v: [x.mean(axis=0), attention_pooling(x, w, v)[1]],
    "You took the softmax of minus the energies: the sign is turned.",
    lambda x, w, v: attention_pooling(x, w, -v),
    "You kept the step with the largest energy: the softmax gives every step a weight.",
    lambda x, w, v: _pooled(x, (np.tanh(x @ w) @ v == (np.tanh(x @ w) @ v).max()).astype(float)),
    "You took the sigmoid of each energy: the weights sum to 1, as a softmax has it.",
    lambda x, w, v: _pooled(x, 1 / (1 + np.exp(-np.tanh(x @ w) @ v))),
    "You pooled tanh(x w): the steps themselves are averaged.",
    lambda x, w, v: [
        attention_pooling(x, w, v)[1] @ np.tanh(x @ w),
        attention_pooling(x, w, v)[1],
    ],
    "You left the weighted steps apart: add them up.",
    lambda x, w, v: [
        attention_pooling(x, w, v)[1][:, None] * x,
        attention_pooling(x, w, v)[1],
    ],
    "You gave every step the same weight: the energies decide.",
    lambda x, w, v: _pooled(x, np.full(len(x), 1 / len(x))),
    "You exchanged the two: the pooled step comes first, then the weights.",
    lambda x, w, v: attention_pooling(x, w, v)[::-1],
    "You took tanh behind v: the energy is tanh(x w) v.",
    lambda x, w, v: _pooled(x, _softmax(np.tanh(x @ w @ v))),
    "You added the weighted steps up over the features: add them up over time.",
    lambda x, w, v: [
        (attention_pooling(x, w, v)[1][:, None] * x).sum(axis=1),
        attention_pooling(x, w, v)[1],
    ],
)


# Rare disease ------------------------------------------------------------------------------------


@exercise()
def precision_at_prevalence(sensitivity, specificity, prevalence):
    """Return the share of alarms that are right.

    A ROC curve knows sensitivity and specificity alone; precision depends on how common the
    disease is, too.

    Args:
        sensitivity: Share of the ill that are found.
        specificity: Share of the healthy that are left in peace.
        prevalence: Share of the ill among all.

    Returns:
        A number from 0 to 1, e.g. 0.47 for a sensitivity and a specificity of 0.9 at a prevalence
        of 9 %.
    """
    found = sensitivity * prevalence
    false = (1 - specificity) * (1 - prevalence)
    return found / (found + false)


@precision_at_prevalence.cases
def _(rng):
    yield 0.9, 0.9, 0.09
    yield 0.95, 0.9, 0.5
    for _ in range(4):
        yield tuple(float(p) for p in rng.uniform([0.6, 0.5, 0.02], [0.99, 0.85, 0.4]))


precision_at_prevalence.hints(
    "Of 1,000 people, how many are ill? How many of them raise an alarm?",
    "How many are healthy, and how many of those raise an alarm all the same?",
)

precision_at_prevalence.mistakes(
    "The prevalence plays no part in your result: that is the precision where half are ill.",
    lambda sensitivity, specificity, prevalence: sensitivity / (sensitivity + 1 - specificity),
    "You took the specificity for the share of false alarms: it is 1 minus that.",
    lambda sensitivity, specificity, prevalence: precision_at_prevalence(
        sensitivity, 1 - specificity, prevalence
    ),
    "You let everybody be healthy in the second term: 1 − prevalence.",
    lambda sensitivity, specificity, prevalence: (
        sensitivity * prevalence / (sensitivity * prevalence + 1 - specificity)
    ),
    "You gave the share of the unalarmed that are healthy: the negative predictive value.",
    lambda sensitivity, specificity, prevalence: precision_at_prevalence(
        specificity, sensitivity, 1 - prevalence
    ),
    "You swapped the ill and the healthy: sensitivity goes with the prevalence.",
    lambda sensitivity, specificity, prevalence: precision_at_prevalence(
        sensitivity, specificity, 1 - prevalence
    ),
    "You gave the share of answers that are right, the accuracy: alarms alone are asked for.",
    lambda sensitivity, specificity, prevalence: (
        sensitivity * prevalence + specificity * (1 - prevalence)
    ),
    "You counted all the ill among the alarms: of the ill, only those who are found raise one.",
    lambda sensitivity, specificity, prevalence: (
        sensitivity * prevalence / (prevalence + (1 - specificity) * (1 - prevalence))
    ),
    "You gave the sensitivity, a share of the ill: a share of the alarms is asked for.",
    lambda sensitivity, specificity, prevalence: sensitivity,
    "You gave the share of all who are ill and found: divide by the share of alarms.",
    lambda sensitivity, specificity, prevalence: sensitivity * prevalence,
    "You gave the share of alarms that are false: 1 minus that is asked for.",
    lambda sensitivity, specificity, prevalence: (
        1 - precision_at_prevalence(sensitivity, specificity, prevalence)
    ),
)
