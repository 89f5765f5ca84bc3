"""Exercises on practice: weigh, split, suspect, search; and count what a machine does."""

from itertools import pairwise
from math import comb

import numpy as np

from companion.checking import exercise

# ---- a rare class -------------------------------------------------------------------------------


@exercise()
def class_weights(y, classes):
    """Return what an example of each class counts, so that every class counts the same in all.

    The mean over all examples is to be 1. Every class has at least one example.

    Args:
        y: Labels from 0, of shape ``(n,)``.
        classes: How many classes there are.

    Returns:
        One weight for each class, of shape ``(classes,)``.
    """
    counts = np.bincount(y, minlength=classes)
    return len(y) / (classes * counts)


@class_weights.cases
def _(rng):
    yield np.array([0, 0, 0, 1]), 2
    for classes in (3, 4):
        counts = rng.permutation(np.array([2, 5, 9, 17])[:classes])
        yield rng.permutation(np.repeat(np.arange(classes), counts)), classes


class_weights.hints(
    "A class with twice as many examples needs half the weight.",
    "`np.bincount` counts. All examples of one class together are to count n / classes.",
)
class_weights.mistakes(
    "You gave each class its count: that makes the frequent class count still more. Turn it round.",
    lambda y, classes: np.bincount(y, minlength=classes).astype(float),
    "You gave each class its share: that makes the frequent class count still more. Turn it round.",
    lambda y, classes: np.bincount(y, minlength=classes) / len(y),
    "You left out the factor n: under plain gradient descent such small weights lower the learning "
    "rate, too.",
    lambda y, classes: 1 / (classes * np.bincount(y, minlength=classes)),
    "You left out the number of classes: the mean over all examples is not 1 but that number.",
    lambda y, classes: len(y) / np.bincount(y, minlength=classes),
    "You made the weights add up to 1 over the classes; their mean over the examples is to be 1.",
    lambda y, classes: (
        (1 / np.bincount(y, minlength=classes)) / (1 / np.bincount(y, minlength=classes)).sum()
    ),
    "You measured each class by the largest: then the mean over the examples is above 1.",
    lambda y, classes: np.bincount(y).max() / np.bincount(y, minlength=classes),
    "You gave the reciprocal of the counts: multiply by n / classes, so that the mean is 1.",
    lambda y, classes: 1 / np.bincount(y, minlength=classes),
    "You made the mean over the classes 1: it is to be 1 over the examples.",
    lambda y, classes: (
        (1 / np.bincount(y, minlength=classes)) / (1 / np.bincount(y, minlength=classes)).mean()
    ),
    "You took the logarithm: a class with half as many examples needs twice the weight.",
    lambda y, classes: np.log(len(y) / np.bincount(y, minlength=classes)),
    "You divided the number of all others by the count: then the rare class counts more in all "
    "than the frequent one.",
    lambda y, classes: len(y) / np.bincount(y, minlength=classes) - 1,
    "You gave one weight for each example: one for each class is asked for.",
    lambda y, classes: class_weights(y, classes)[y],
    "You gave the share of all other classes: a class with half as many examples needs twice the "
    "weight.",
    lambda y, classes: 1 - np.bincount(y, minlength=classes) / len(y),
)


@exercise(points=2)
def cheapest(p, true, thresholds, miss, alarm):
    """Return the mean cost of an example at each threshold, for a validation split.

    An example is found if p ≥ threshold. One of the class that is not found costs `miss`; one that
    is found and is not of the class costs `alarm`; the others cost nothing.

    Args:
        p: What the model gives the class, of shape ``(n,)``.
        true: Whether an example is of the class, bool of shape ``(n,)``.
        thresholds: Of shape ``(k,)``.
        miss: Cost of one that is missed.
        alarm: Cost of a false alarm.

    Returns:
        Costs, of shape ``(k,)``.
    """
    found = p >= thresholds[:, None]
    return (miss * (true & ~found) + alarm * (found & ~true)).mean(axis=1)


def _costs(p, true, thresholds, miss, alarm, above=np.greater_equal):
    found = above(p, thresholds[:, None])
    return miss * (true & ~found) + alarm * (found & ~true)


@cheapest.cases
def _(rng):
    yield (
        np.array([0.1, 0.4, 0.5, 0.9]),
        np.array([False, True, False, True]),
        np.array([0.3, 0.5]),
        10.0,
        1.0,
    )
    for n in (9, 30):
        p = rng.integers(0, 11, n) / 10  # some lie exactly on a threshold
        true = rng.random(n) < 0.3 + 0.4 * p
        yield p, true, np.array([0.2, 0.5, 0.8]), float(rng.uniform(3, 9)), 1.0


cheapest.hints(
    "A column of thresholds against a row of examples: `p >= thresholds[:, None]`.",
    "Missed: `true & ~found`. False alarm: `found & ~true`.",
)
cheapest.mistakes(
    "You charged for every example that is found: one of the class is found rightly, and is free.",
    lambda p, true, thresholds, miss, alarm: (
        cheapest(p, true, thresholds, miss, alarm)
        + alarm * (true & (p >= thresholds[:, None])).mean(axis=1)
    ),
    "You charged a miss for every example that is not found: only one of the class is missed.",
    lambda p, true, thresholds, miss, alarm: (
        cheapest(p, true, thresholds, miss, alarm)
        + miss * (~true & (p < thresholds[:, None])).mean(axis=1)
    ),
    "You exchanged the two costs: `miss` is for one of the class that was not found.",
    lambda p, true, thresholds, miss, alarm: cheapest(p, true, thresholds, alarm, miss),
    "You counted every mistake the same: that is the error, not the cost.",
    lambda p, true, thresholds, miss, alarm: cheapest(p, true, thresholds, 1.0, 1.0),
    "You took p > threshold: an example on the threshold is found, too.",
    lambda p, true, thresholds, miss, alarm: _costs(
        p, true, thresholds, miss, alarm, np.greater
    ).mean(axis=1),
    "You took what lies below the threshold for found.",
    lambda p, true, thresholds, miss, alarm: _costs(p, true, thresholds, miss, alarm, np.less).mean(
        axis=1
    ),
    "You added the costs up: the mean over the examples is asked for.",
    lambda p, true, thresholds, miss, alarm: _costs(p, true, thresholds, miss, alarm).sum(axis=1),
    "You left the false alarms out.",
    lambda p, true, thresholds, miss, alarm: cheapest(p, true, thresholds, miss, 0.0),
    "You left the missed ones out.",
    lambda p, true, thresholds, miss, alarm: cheapest(p, true, thresholds, 0.0, alarm),
    "You looked at 0.5 whatever the threshold.",
    lambda p, true, thresholds, miss, alarm: cheapest(p, true, 0 * thresholds + 0.5, miss, alarm),
    "You averaged misses over the class and alarms over the others: the mean is over all examples.",
    lambda p, true, thresholds, miss, alarm: (
        cheapest(p, true, thresholds, miss, 0.0) / max(true.mean(), 1 / len(true))
        + cheapest(p, true, thresholds, 0.0, alarm) / max((~true).mean(), 1 / len(true))
    ),
    "You gave the least cost: the cost at each threshold is asked for.",
    lambda p, true, thresholds, miss, alarm: cheapest(p, true, thresholds, miss, alarm).min(),
    "You gave the cheapest threshold: the cost at each of them is asked for.",
    lambda p, true, thresholds, miss, alarm: thresholds[
        cheapest(p, true, thresholds, miss, alarm).argmin()
    ],
)


# ---- leaks and labels ---------------------------------------------------------------------------


@exercise()
def standardized(train, test):
    """Return the test split as a network reads it whose training inputs were standardized.

    Every feature of the training split has mean 0 and standard deviation 1 (with n below the line)
    after that.

    Args:
        train: Of shape ``(n, features)``.
        test: Of shape ``(m, features)``.

    Returns:
        The test split, of shape ``(m, features)``.
    """
    return (test - train.mean(axis=0)) / train.std(axis=0)


@standardized.cases
def _(rng):
    yield np.array([[0.0, 1.0], [2.0, 5.0]]), np.array([[1.0, 1.0], [2.0, 3.0]])
    for n, m in ((8, 3), (12, 5)):
        scale = np.array([1.0, 3.0, 0.5])
        yield rng.normal(2, scale, (n, 3)), rng.normal(3, 2 * scale, (m, 3))


def _by(of, test):
    return (test - of.mean(axis=0)) / np.maximum(of.std(axis=0), 1e-12)


standardized.hints(
    "The network may know the training split alone. What can it subtract from a test example?",
    "One mean and one standard deviation for each feature: `axis=0`.",
)
standardized.mistakes(
    "You took mean and deviation over both splits: what the test split looks like leaks into it.",
    lambda train, test: _by(np.concatenate([train, test]), test),
    "You standardized the test split by itself: the network reads other units than it learned in.",
    lambda train, test: _by(test, test),
    "You divided by the variance: the standard deviation is its root.",
    lambda train, test: (test - train.mean(axis=0)) / train.var(axis=0),
    "You took one mean and one deviation for all features: each feature has its own.",
    lambda train, test: (test - train.mean()) / train.std(),
    "You returned the training split.",
    lambda train, test: _by(train, train),
    "You subtracted the mean and did not divide.",
    lambda train, test: test - train.mean(axis=0),
    "You divided and did not subtract the mean.",
    lambda train, test: test / train.std(axis=0),
    "You took the test split's mean off: the network was trained with the training split's.",
    lambda train, test: (test - test.mean(axis=0)) / train.std(axis=0),
    "You scaled by the least and the largest value: mean 0 and deviation 1 are asked for.",
    lambda train, test: (test - train.min(axis=0)) / np.ptp(train, axis=0),
    "You divided by the test split's deviation: the network was trained with the training split's.",
    lambda train, test: (test - train.mean(axis=0)) / test.std(axis=0),
    "You took the median for the middle: mean 0 is asked for.",
    lambda train, test: (test - np.median(train, axis=0)) / train.std(axis=0),
    "You took the test split off the mean: it is the mean that is taken off.",
    lambda train, test: (train.mean(axis=0) - test) / train.std(axis=0),
)


@exercise(points=2)
def suspects(in_sample, out_of_fold, y, count):
    """Return the numbers of the `count` labels that are most likely wrong, the worst one first.

    What speaks against a label is its cross-entropy under a model that has not seen it.

    Args:
        in_sample: Probabilities by a model that was trained on all examples and labels, of shape
            ``(n, classes)``.
        out_of_fold: Probabilities, each by a model that was trained on other examples alone, of
            shape ``(n, classes)``.
        y: The labels as they were given, of shape ``(n,)``.
        count: How many to return.

    Returns:
        Numbers of examples, of shape ``(count,)``.
    """
    losses = -np.log(out_of_fold[np.arange(len(y)), y])
    return np.argsort(-losses, kind="stable")[:count]


def _probabilities(rng, n, classes):
    p = rng.uniform(0.05, 1, (n, classes)) ** 3
    return p / p.sum(axis=1, keepdims=True)


@suspects.cases
def _(rng):
    yield (
        np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]]),
        np.array([[0.7, 0.3], [0.9, 0.1], [0.4, 0.6]]),
        np.array([0, 1, 0]),
        2,
    )
    for n, classes in ((12, 3), (20, 4)):
        y = rng.integers(0, classes, n)
        yield _probabilities(rng, n, classes), _probabilities(rng, n, classes), y, 5


def _worst(losses, count):
    return np.argsort(-losses, kind="stable")[:count]


suspects.hints(
    "Which of the two models has learned the wrong label by heart?",
    "p of the given label: `out_of_fold[np.arange(len(y)), y]`. The smaller, the more suspect.",
)
suspects.mistakes(
    "You ranked by the model that was trained on these very labels: it has learned them, wrong "
    "ones too. Take the one that has not seen the example.",
    lambda in_sample, out_of_fold, y, count: suspects(out_of_fold, in_sample, y, count),
    "You began with the labels that fit best: the largest loss comes first.",
    lambda in_sample, out_of_fold, y, count: _worst(out_of_fold[np.arange(len(y)), y], count),
    "You ranked by how unsure the model is, and the label plays no part in that.",
    lambda in_sample, out_of_fold, y, count: _worst(-out_of_fold.max(axis=1), count),
    "You ranked by the probability of the likeliest class; it is that of the given label that "
    "counts.",
    lambda in_sample, out_of_fold, y, count: _worst(out_of_fold.max(axis=1), count),
    "You returned the losses, not the numbers of the examples.",
    lambda in_sample, out_of_fold, y, count: (
        -np.sort(np.log(out_of_fold[np.arange(len(y)), y]))[:count]
    ),
    "You returned them in the order of the examples: the worst one comes first.",
    lambda in_sample, out_of_fold, y, count: np.sort(suspects(in_sample, out_of_fold, y, count)),
    "You mixed both models: the one that was trained on these labels has learned them.",
    lambda in_sample, out_of_fold, y, count: suspects(
        in_sample, (in_sample + out_of_fold) / 2, y, count
    ),
    "You ranked by how far the two models differ: the one that has not seen the label decides.",
    lambda in_sample, out_of_fold, y, count: _worst(
        np.log(in_sample[np.arange(len(y)), y] / out_of_fold[np.arange(len(y)), y]), count
    ),
    "You ranked by the entropy, and the label plays no part in that.",
    lambda in_sample, out_of_fold, y, count: _worst(
        -(out_of_fold * np.log(out_of_fold)).sum(axis=1), count
    ),
    "You ranked by the likeliest other class: the loss of the given label decides.",
    lambda in_sample, out_of_fold, y, count: _worst(
        (out_of_fold * (np.arange(out_of_fold.shape[1]) != y[:, None])).max(axis=1), count
    ),
    "You returned the worst one last: it comes first.",
    lambda in_sample, out_of_fold, y, count: suspects(in_sample, out_of_fold, y, count)[::-1],
)


# ---- searches -----------------------------------------------------------------------------------


@exercise()
def rates_to_try(uniform, low, high):
    """Turn uniform random numbers into learning rates, as many in each decade as in any other.

    0 becomes `low`, 1 becomes `high`.

    Args:
        uniform: Random numbers in [0, 1], of shape ``(n,)``.
        low: Least rate, above 0.
        high: Greatest rate.

    Returns:
        Rates, of shape ``(n,)``.
    """
    return low * (high / low) ** uniform


@rates_to_try.cases
def _(rng):
    yield np.array([0.0, 0.5, 1.0]), 1e-4, 1e-2
    yield rng.random(6), 1e-5, 1e-1
    yield rng.random(6), 3e-3, 2.0


rates_to_try.hints(
    "Halfway between 0.0001 and 0.01 lies 0.001 here: its logarithm is the mean of theirs.",
    "`np.exp` of a number between `np.log(low)` and `np.log(high)`.",
)
rates_to_try.mistakes(
    "You drew on a linear scale: nine of ten rates then lie in the highest decade.",
    lambda uniform, low, high: low + uniform * (high - low),
    "You returned the logarithms: raise e to their power.",
    lambda uniform, low, high: np.log(low) + uniform * np.log(high / low),
    "You mixed two bases: what is taken as a logarithm to the base 10 is undone with 10.",
    lambda uniform, low, high: np.exp(np.log10(low) + uniform * np.log10(high / low)),
    "You exchanged the ends: 0 becomes `low`.",
    lambda uniform, low, high: high * (low / high) ** uniform,
    "You subtracted 1: then the least rate is 0, and it is to be `low`.",
    lambda uniform, low, high: low * ((high / low) ** uniform - 1),
    "You raised e to what lies between the rates: it is to lie between their logarithms.",
    lambda uniform, low, high: np.exp(low + uniform * (high - low)),
    "You rounded to whole decades: every rate between is as good.",
    lambda uniform, low, high: 10.0 ** np.round(np.log10(low) + uniform * np.log10(high / low)),
    "You added `low`: multiply by it, for the decades lie above each other by factors.",
    lambda uniform, low, high: low + (high / low) ** uniform,
    "You returned the logarithms to the base 10: raise 10 to their power.",
    lambda uniform, low, high: np.log10(low) + uniform * np.log10(high / low),
    "You squared the random numbers: that draws more small rates, and not as many in each decade.",
    lambda uniform, low, high: low + (high - low) * uniform**2,
    "You took `high` itself, where high / low is to be raised to the power.",
    lambda uniform, low, high: low * high**uniform,
)


@rates_to_try.mistake("You left the random numbers out: that is a grid, the same in every search.")
def _(uniform, low, high):
    return rates_to_try(np.linspace(0, 1, len(uniform)), low, high)


@rates_to_try.mistake("You took natural logarithms and raised 10 to them: use one base both ways.")
def _(uniform, low, high):
    return 10 ** np.log(rates_to_try(uniform, low, high))


@rates_to_try.mistake("You rounded the exponents: rates between the powers of ten count, too.")
def _(uniform, low, high):
    return 10 ** np.floor(np.log10(rates_to_try(uniform, low, high)) + 1e-9)


@rates_to_try.mistake("You covered one decade: from `low` to `high` there may be several.")
def _(uniform, low, high):
    return low * 10**uniform


@rates_to_try.mistake("You raised high − low to a power: it is high / low that is to be raised.")
def _(uniform, low, high):
    return low * (high - low) ** uniform


@exercise(points=2)
def best_of(errors, n):
    """Return the lowest error that n of these trials, drawn without replacement, have on average.

    Of N errors in ascending order, number i (from 1) is the lowest of n with the probability
    C(N − i, n − 1) / C(N, n).

    Args:
        errors: The errors of all N trials of a random search, in the order in which they were made.
        n: How many trials there are to be.

    Returns:
        The expected lowest error.
    """
    total = len(errors)
    chances = [comb(total - i, n - 1) / comb(total, n) for i in range(1, total + 1)]
    return np.sort(errors) @ np.array(chances)


@best_of.cases
def _(rng):
    yield np.array([0.2, 0.4, 0.1]), 2  # the best comes last
    yield rng.uniform(0.02, 0.9, 8), 3
    yield rng.uniform(0.02, 0.9, 12), 5


best_of.hints(
    "Sort first. `math.comb` is C.",
    "If number i is the lowest, the n − 1 others are among the N − i behind it.",
)
best_of.mistakes(
    "You returned the best of all N trials: that is what N trials find, not n.",
    lambda errors, n: errors.min(),
    "You returned the best of the first n: that is one draw; the mean over all draws is asked for.",
    lambda errors, n: errors[:n].min(),
    "You returned the mean error: that is what one trial finds.",
    lambda errors, n: errors.mean(),
    "You did not sort: the chances belong to the errors in ascending order.",
    lambda errors, n: (
        errors
        @ np.array([comb(len(errors) - i, n - 1) for i in range(1, len(errors) + 1)])
        / comb(len(errors), n)
    ),
    "You sorted the largest first: that is the worst of n.",
    lambda errors, n: -best_of(-errors, n),
    "You drew with replacement: no trial can be drawn twice here.",
    lambda errors, n: (
        np.sort(errors) @ -np.diff((1 - np.arange(len(errors) + 1) / len(errors)) ** n)
    ),
    "You took the mean of the n lowest errors: n trials need not be those.",
    lambda errors, n: np.sort(errors)[:n].mean(),
    "You counted from 0: number i, from 1, is the lowest in C(N − i, n − 1) of C(N, n) draws.",
    lambda errors, n: (
        np.sort(errors)
        @ np.array([comb(len(errors) - i, n - 1) for i in range(len(errors))])
        / comb(len(errors), n)
    ),
    "You chose n among the larger errors: number i is one of the n, so n − 1 are left.",
    lambda errors, n: (
        np.sort(errors)
        @ np.array([comb(len(errors) - i, n) for i in range(1, len(errors) + 1)])
        / comb(len(errors), n)
    ),
    "You returned the median error: the lowest of n trials is asked for, on average.",
    lambda errors, n: float(np.median(errors)),
)


# ---- what a machine does ------------------------------------------------------------------------


@exercise(points=2)
def share_of_peak(batch, widths, seconds, peak):
    """Return which share of its peak rate a machine reaches in the forward pass of a perceptron.

    A multiply-add is two operations. What biases and activations take is left out.

    Args:
        batch: Examples in a batch.
        widths: Units from the input to the output, e.g. ``(64, 128, 10)``.
        seconds: Time of one forward pass of the batch.
        peak: Floating-point operations per second that the machine can do at most.

    Returns:
        The share, 1 for all of it.
    """
    multiply_adds = sum(a * b for a, b in pairwise(widths))
    return 2 * batch * multiply_adds / (seconds * peak)


@share_of_peak.cases
def _(rng):
    yield 32, (64, 128, 10), 0.001, 1e9
    for widths in ((784, 300, 10), (50, 80, 70, 5)):
        yield int(rng.integers(2, 300)), widths, float(rng.uniform(1e-4, 1e-2)), 5e11


share_of_peak.hints(
    "A layer from a to b units does a · b multiply-adds for each example.",
    "Operations divided by seconds is the rate that was reached.",
)
share_of_peak.mistakes(
    "You counted a multiply-add once: it is a multiplication and an addition, two operations.",
    lambda batch, widths, seconds, peak: share_of_peak(batch, widths, seconds, peak) / 2,
    "You left the batch out: every example takes these operations.",
    lambda batch, widths, seconds, peak: share_of_peak(1, widths, seconds, peak),
    "You multiplied all widths: each layer has its own product, and these are added.",
    lambda batch, widths, seconds, peak: 2 * batch * float(np.prod(widths)) / (seconds * peak),
    "You added the widths: a layer from a to b units has a · b weights.",
    lambda batch, widths, seconds, peak: 2 * batch * sum(widths) / (seconds * peak),
    "You returned the rate, in operations per second: divide it by the peak.",
    lambda batch, widths, seconds, peak: share_of_peak(batch, widths, seconds, 1.0),
    "You counted the backward pass, too: it takes about twice as much again.",
    lambda batch, widths, seconds, peak: 3 * share_of_peak(batch, widths, seconds, peak),
    "You multiplied by the seconds: a rate is operations divided by time.",
    lambda batch, widths, seconds, peak: share_of_peak(batch, widths, 1 / seconds, peak),
    "You counted the biases: they are left out here.",
    lambda batch, widths, seconds, peak: (
        share_of_peak(batch, widths, seconds, peak) + 2 * batch * sum(widths[1:]) / seconds / peak
    ),
    "You multiplied each width by itself: a layer from a to b units has a · b weights.",
    lambda batch, widths, seconds, peak: (
        2 * batch * sum(one * one for one in widths) / (seconds * peak)
    ),
    "You went from the input to the output in one step: every layer between multiplies, too.",
    lambda batch, widths, seconds, peak: 2 * batch * widths[0] * widths[-1] / (seconds * peak),
    "You left the last layer out: it multiplies, too.",
    lambda batch, widths, seconds, peak: share_of_peak(batch, widths[:-1], seconds, peak),
)


@exercise()
def half_mean(values):
    """Return the mean of numbers in float16, as float16, as exactly as its last bit allows.

    Args:
        values: Of shape ``(n,)``, float16; n may be many thousands.

    Returns:
        The mean, float16.
    """
    return values.astype(np.float32).mean().astype(np.float16)


@half_mean.cases
def _(rng):
    yield np.full(6, 0.5, np.float16)
    yield np.full(4096, 1.5, np.float16)
    yield rng.uniform(20, 60, 5000).astype(np.float16)
    yield rng.exponential(1e-4, 5000).astype(np.float16)
    yield rng.exponential(10, 3000).astype(np.float16)
    yield rng.uniform(1, 2, 70_000).astype(np.float16)  # more than float16 can count


def _short_count(values):
    with np.errstate(over="ignore"):
        return np.float16(len(values))


def _added_one_by_one(values):
    with np.errstate(over="ignore"):
        return np.add.accumulate(values, dtype=np.float16)[-1]


def _running_mean(values):
    mean = np.float16(0)
    for count, value in enumerate(values[:8192], start=1):  # no later one moves it
        mean = np.float16(mean + (value - mean) / np.float16(count))
    return mean


def _short_mean(values):
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large for both is NaN
        return values.astype(np.float32).sum().astype(np.float16) / _short_count(values)


def _short_sum(values):
    with np.errstate(over="ignore"):
        return np.float16(np.float32(values.sum()) / len(values))


half_mean.hints(
    "Above 2048, float16 has no odd numbers left: what becomes of 2048 + 1?",
    "The numbers may be short; their sum must not be. In which type do you add them up?",
)
half_mean.mistakes(
    "You let NumPy add up in float16, and the sum overflows: ask for float32.",
    _short_sum,
    "You added up in float16: soon the sum is so large that what is added is lost in rounding, or "
    "it overflows. Add in float32.",
    lambda values: np.float16(_added_one_by_one(values) / _short_count(values)),
    "You returned the sum: divide by how many there are.",
    lambda values: values.astype(np.float32).sum(),
    "Your sum was float16 when you divided it, and float16 ends at 65,504: stay in float32 until "
    "the end.",
    _short_mean,
    "You divided each number in float16 and added up: the last bits are lost one by one.",
    lambda values: _added_one_by_one(values / _short_count(values)),
    "You turned the count into float16: that has no room for so many.",
    lambda values: np.float16(values.astype(np.float32).sum() / np.float32(_short_count(values))),
    "You kept a running mean in float16: soon what is added is lost in rounding.",
    _running_mean,
    "You took the median: the mean is asked for.",
    lambda values: np.float16(np.median(values.astype(np.float32))),
    "You took the middle between the least and the largest number: the mean is asked for.",
    lambda values: np.float16((float(values.min()) + float(values.max())) / 2),
    "You divided each number in float16: what is small becomes 0, or loses its last bits.",
    lambda values: np.float16((values / _short_count(values)).astype(np.float32).sum()),
)


@exercise(points=2)
def loss_scaled_step(weights, gradient, scale, rate):
    """Take a step of gradient descent whose gradient travels as float16, and return the weights.

    The loss, and with it the gradient, is multiplied by `scale` before it becomes float16. Weights
    stay float32, and so does the step. If any part of the float16 gradient is not finite, the step
    is left out.

    Args:
        weights: Of shape ``(n,)``, float32.
        gradient: ∂E/∂w of the loss without scale, of shape ``(n,)``, float32.
        scale: The loss scale, e.g. 1024.
        rate: η.

    Returns:
        The weights after the step, float32 of shape ``(n,)``.
    """
    with np.errstate(over="ignore"):
        scaled = (scale * gradient).astype(np.float16)
    if not np.isfinite(scaled).all():
        return weights
    return (weights - rate * scaled.astype(np.float32) / scale).astype(np.float32)


@loss_scaled_step.cases
def _(rng):
    # The first gradient is 0 in float16 without its scale.
    yield np.array([0.5, 1.0], np.float32), np.array([2e-8, 1e-3], np.float32), 1024.0, 100.0
    for scale in (2048.0, 4096.0):
        weights = rng.normal(0, 0.01, 4).astype(np.float32)
        yield weights, (1e-7 * rng.uniform(0.2, 3, 4)).astype(np.float32), scale, 1e4
    # Once scaled, one part overflows.
    yield np.ones(3, np.float32), np.array([1.0, 8000.0, 0.5], np.float32), 1024.0, 0.1


def _scaled(
    weights, gradient, scale, rate, *, back=1.0, skip=True, before=1.0, lose=False, mend=np.asarray
):
    """Take the step, wrongly in one way."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = mend((before * scale * gradient).astype(np.float16))
        if skip and not np.isfinite(scaled).all():
            return weights
        if lose:
            scaled = (scaled / np.float16(scale)).astype(np.float16)
            back = scale
        step = rate * scaled.astype(np.float32) / scale * back
        return (weights - step).astype(np.float32)


loss_scaled_step.hints(
    "Two types in three lines: scale in float32, travel in float16, step in float32.",
    "Undo the scale after the gradient has become float32 again; in float16 it vanishes once more.",
    "`np.isfinite(scaled).all()` says whether the step may be taken.",
)
loss_scaled_step.mistakes(
    "You did not undo the scale: the step is `scale` times too long.",
    lambda weights, gradient, scale, rate: _scaled(weights, gradient, scale, rate, back=scale),
    "You undid the scale in float16: what the scale has saved is rounded away again.",
    lambda weights, gradient, scale, rate: _scaled(weights, gradient, scale, rate, lose=True),
    "You did not scale before float16: the small gradients have become 0 by then.",
    lambda weights, gradient, scale, rate: _scaled(
        weights, gradient, scale, rate, before=1 / scale, back=scale
    ),
    "You took the step though a part had overflowed: leave such a step out.",
    lambda weights, gradient, scale, rate: _scaled(weights, gradient, scale, rate, skip=False),
    "You left every step out.",
    lambda weights, gradient, scale, rate: weights,
    "You walked uphill: the step goes against the gradient.",
    lambda weights, gradient, scale, rate: _scaled(weights, gradient, scale, -rate),
    "You set what overflowed to 0 and took the step: leave such a step out.",
    lambda weights, gradient, scale, rate: _scaled(
        weights, gradient, scale, rate, mend=lambda g: np.where(np.isfinite(g), g, np.float16(0))
    ),
    "You cut off what overflowed and took the step: leave such a step out.",
    lambda weights, gradient, scale, rate: _scaled(
        weights, gradient, scale, rate, mend=lambda g: np.clip(g, -65504, 65504)
    ),
    "You left float16 out: the gradient travels as float16.",
    lambda weights, gradient, scale, rate: (weights - rate * gradient).astype(np.float32),
    "You undid the scale in float16, and never left a step out.",
    lambda weights, gradient, scale, rate: _scaled(
        weights, gradient, scale, rate, skip=False, lose=True
    ),
    "You turned the weights into float16: they stay float32.",
    lambda weights, gradient, scale, rate: (
        _scaled(weights, gradient, scale, rate).astype(np.float16).astype(np.float32)
    ),
)


@loss_scaled_step.mistake(
    "You divided in float16 and took the step in it: make the gradient float32 first."
)
def _(weights, gradient, scale, rate):
    with np.errstate(over="ignore"):
        scaled = (scale * gradient).astype(np.float16)
        if not np.isfinite(scaled).all():
            return weights
        return weights - np.float16(rate) * (scaled / np.float16(scale))


@loss_scaled_step.mistake("You took the step in float16: make the gradient float32 first.")
def _(weights, gradient, scale, rate):
    with np.errstate(over="ignore"):
        scaled = (scale * gradient).astype(np.float16)
        if not np.isfinite(scaled).all():
            return weights
        return weights - np.float16(rate) * scaled / np.float16(scale)


@loss_scaled_step.mistake("You returned the step: the weights after it are asked for.")
def _(weights, gradient, scale, rate):
    with np.errstate(over="ignore"):
        scaled = (scale * gradient).astype(np.float16).astype(np.float32)
    if not np.isfinite(scaled).all():
        return np.zeros_like(weights)
    return (rate * scaled / scale).astype(np.float32)


@loss_scaled_step.mistake("You took the steps that overflow and left the others out.")
def _(weights, gradient, scale, rate):
    with np.errstate(over="ignore"):
        scaled = (scale * gradient).astype(np.float16)
    if np.isfinite(scaled).all():
        return weights
    return (weights - rate * scaled.astype(np.float32) / scale).astype(np.float32)
