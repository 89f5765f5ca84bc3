"""Studies: digits read row by row, sentences word by word, a series hour by hour.

Every choice (epochs, sizes, rates) was made on validation data. The test data take no part in
any training, and each row looks at them once.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import companion
from chapters.recurrence.series import DAY, PAST, seasonal_series, standardized, windows
from companion.catalogue import find_model
from companion.datasets import Dataset, Split
from companion.studies.study import Study
from companion.training.seeding import fresh_start

# ---- digits, row by row -------------------------------------------------------------------------

ROW_READERS = {"one way": "simple_rnn", "both ways": "bidirectional"}


def digits_by_rows_row(level: str, seed: int, *, quick: bool):
    """Run `companion train simple_rnn --seed N`, or the same of `bidirectional`."""
    from companion import training

    fresh_start(seed)
    run = training.train(ROW_READERS[level], "digits", seed=seed, show_progress=False)
    return {
        "test_error": 1 - run.metrics["accuracy"],
        "validation_error": 1 - float(run.history["val_accuracy"][run.metrics["best_epoch"]]),
        "parameters": run.model.count_params(),
    }


digits_by_rows = Study(
    name="digits_by_rows",
    question="Does a network that reads a digit row by row misread fewer when it reads from both "
    "ends?",
    factor="reader",
    levels=tuple(ROW_READERS),
    quick_levels=("one way",),
    seeds=range(6),
    quick_seeds=range(2),
    outcome="test_error",
    unit="share of 360 test digits",
    measure=digits_by_rows_row,
)


# ---- sentiment ----------------------------------------------------------------------------------


def bag_of_words(data: Dataset):
    """Return validation and test accuracy of logistic regression on the counts of words.

    The strength of its penalty is the one that reads the validation sentences best.

    Args:
        data: A `Dataset` of texts.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    from chapters.recurrence.text import words

    counter = CountVectorizer(analyzer=words)
    counts = counter.fit_transform(data.train.x)
    held_out = counter.transform(data.validation.x)
    fitted = [
        LogisticRegression(C=strength, max_iter=1000).fit(counts, data.train.y)
        for strength in (0.03, 0.1, 0.3, 1, 3)
    ]
    best = max(fitted, key=lambda model: model.score(held_out, data.validation.y))
    return (
        best.score(held_out, data.validation.y),
        best.score(counter.transform(data.test.x), data.test.y),
    )


def recurrent_reader(data: Dataset, cell: str, seed: int = 0):
    """Return validation and test accuracy of a network that reads word by word.

    The vocabulary comes from the training texts; the weights kept are those of the epoch with the
    lowest validation loss.

    Args:
        data: A `Dataset` of texts.
        cell: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        seed: Seed of the training.
    """
    from chapters.recurrence.models import sentence_classifier

    model = partial(sentence_classifier, cell=cell)
    recipe = find_model("sentence_classifier")[1].recipe
    run = companion.train(model, data, seed=seed, show_progress=False, **recipe)
    return run.history["val_accuracy"][run.metrics["best_epoch"]], run.metrics["accuracy"]


def sentiment_errors(data: Dataset, level: str, seed: int = 0):
    """Return the errors of one reader, a cell's name or ``"bag of words"``, on a data set."""
    read = bag_of_words(data) if level == "bag of words" else recurrent_reader(data, level, seed)
    return dict(zip(("validation_error", "test_error"), (1 - share for share in read), strict=True))


def sentence_sentiment_row(level: str, seed: int, *, quick: bool):
    """Split the sentences by the seed, and learn to tell praise from blame."""
    fresh_start(seed)
    return sentiment_errors(companion.load("sentiment_sentences", seed=seed), level, seed)


sentence_sentiment = Study(
    name="sentence_sentiment",
    question="Does a recurrent network that reads word by word tell praise from blame better than "
    "logistic regression that only counts words?",
    factor="reader",
    levels=("bag of words", "SimpleRNN", "GRU"),
    quick_levels=("bag of words", "GRU"),
    seeds=range(7),
    quick_seeds=range(2),
    outcome="test_error",
    unit="share of 600 test sentences",
    measure=sentence_sentiment_row,
)


# ---- forecasting --------------------------------------------------------------------------------


def predictor(level: str, train: Split, validation: Split, seed: int):
    """Return a function from pasts to futures: one of the simple rules, or a fitted model.

    Args:
        level: The rule's name, or a cell's.
        train: Windows to learn from: a `Split`.
        validation: Windows that choose the best epoch.
        seed: Seed of a network's training.
    """
    horizon = train.y.shape[1]
    if level == "naive":
        return lambda past: np.repeat(past[:, -1], horizon, axis=1)
    if level == "seasonal naive":
        return lambda past: past[:, PAST - DAY : PAST - DAY + horizon, 0]
    if level == "linear regression":
        from sklearn.linear_model import LinearRegression

        fitted = LinearRegression().fit(train.x[..., 0], train.y)
        return lambda past: fitted.predict(past[..., 0])
    from chapters.recurrence.models import forecaster

    model = forecaster((PAST, 1), horizon, cell=level)
    recipe = find_model("forecaster")[1].recipe
    return companion.train(
        model, (train, validation), seed=seed, show_progress=False, **recipe
    ).predict


def seasonal_forecast_row(level: str, seed: int, *, quick: bool):
    """Forecast the next 24 hours from the last 48, on a series of the seed's own."""
    fresh_start(seed)
    data = companion.load("seasonal_series", seed=seed)
    forecast = predictor(level, data.train, data.validation, seed)
    return {
        f"{name}_error": float(np.mean(np.abs(forecast(part.x) - part.y)))
        for name, part in (("test", data.test), ("validation", data.validation))
    }


seasonal_forecast = Study(
    name="seasonal_forecast",
    question="Does a recurrent network forecast the next day of a seasonal series better than "
    "repeating yesterday?",
    factor="forecast",
    levels=("seasonal naive", "naive", "linear regression", "GRU"),
    quick_levels=("seasonal naive", "naive", "GRU"),
    seeds=range(7),
    quick_seeds=range(2),
    outcome="test_error",
    unit="mean absolute error, in standard deviations of the series",
    measure=seasonal_forecast_row,
)


# ---- anomalies ----------------------------------------------------------------------------------

FAULT = 0.8


def with_faults(series: NDArray[Any], rng: np.random.Generator, share: float = 0.08):
    """Return the series with some hours moved up or down, and which ones they are.

    A faulty hour lies 0.8 standard deviations off: well within what is usual at another hour.

    Args:
        series: Standardized, of shape ``(hours,)``; its first 48 hours are left alone.
        rng: Draws the faults.
        share: How many hours are faulty.
    """
    faulty = rng.random(len(series)) < share
    faulty[:PAST] = False
    return series + FAULT * faulty * rng.choice([-1.0, 1.0], len(series)), faulty


def anomaly_scores(level: str, seed: int):
    """Return how suspicious each hour of the test part is, and whether it is faulty.

    Args:
        level: ``"distance from the mean"``, or the name of a predictor of the next hour, whose
            absolute error is the score.
        seed: Decides the series and its faults.
    """
    fresh_start(seed)
    rng = np.random.default_rng(seed)
    train, validation, test = standardized(seasonal_series(rng))
    test, faulty = with_faults(test, rng)
    train, validation, test = windows((train, validation, test), horizon=1)
    if level == "distance from the mean":
        return np.abs(test.y[:, 0]), faulty[PAST:]
    predicted = predictor(level, train, validation, seed)(test.x)
    return np.abs(predicted - test.y)[:, 0], faulty[PAST:]


def anomaly_detection_row(level: str, seed: int, *, quick: bool):
    """Rank the hours of a test stretch by prediction error, and see how high the faults come."""
    from sklearn.metrics import roc_auc_score

    scores, faulty = anomaly_scores(level, seed)
    return {"roc_auc": float(roc_auc_score(faulty, scores))}


anomaly_detection = Study(
    name="anomaly_detection",
    question="Do the prediction errors of a recurrent network find faulty hours better than "
    "the difference from yesterday does?",
    factor="score",
    levels=("seasonal naive", "distance from the mean", "naive", "linear regression", "GRU"),
    quick_levels=("seasonal naive", "distance from the mean", "GRU"),
    seeds=range(8),
    quick_seeds=range(2),
    outcome="roc_auc",
    unit="area under the ROC curve",
    better="higher",
    measure=anomaly_detection_row,
)
