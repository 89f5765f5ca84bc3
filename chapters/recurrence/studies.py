"""Studies: digits read row by row, sentences word by word, a series hour by hour.

Every choice (epochs, sizes, rates) was made on validation data. The test data take no part in
any training, and each row looks at them once.
"""

import numpy as np

import companion
from companion.studies.study import Study
from companion.training.seeding import fresh_start

# ---- digits, row by row -------------------------------------------------------------------------

ROW_READERS = {"one way": "simple_rnn", "both ways": "bidirectional"}


def digits_by_rows_row(level, seed, *, quick):
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

MOST_WORDS = {"sentiment_sentences": 40, "imdb_reviews": 200}


def bag_of_words(data):
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


def recurrent_reader(data, cell, *, epochs=20):
    """Return validation and test accuracy of a network that reads word by word.

    The vocabulary comes from the training texts; the weights kept are those of the epoch with the
    lowest validation loss.

    Args:
        data: A `Dataset` of texts.
        cell: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        epochs: Greatest number of passes over the training texts.
    """
    import keras

    from chapters.recurrence.models import sentence_classifier
    from chapters.recurrence.text import Vocabulary

    vocabulary = Vocabulary(data.train.x, least=2)
    length = MOST_WORDS.get(data.card.name, 40)
    train, validation, test = (
        (vocabulary.encode(part.x, length), part.y)
        for part in (data.train, data.validation, data.test)
    )
    model = sentence_classifier(len(vocabulary), data.classes, cell=cell)
    model.compile(
        keras.optimizers.Adam(2e-3, global_clipnorm=1.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    patient = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
    model.fit(
        *train, batch_size=32, epochs=epochs, validation_data=validation, callbacks=[patient],
        verbose=0,
    )  # fmt: skip
    return model.evaluate(*validation, verbose=0)[1], model.evaluate(*test, verbose=0)[1]


def sentiment_errors(data, level):
    """Return the errors of one reader, a cell's name or ``"bag of words"``, on a data set."""
    read = bag_of_words(data) if level == "bag of words" else recurrent_reader(data, level)
    return dict(zip(("validation_error", "test_error"), (1 - share for share in read), strict=True))


def sentence_sentiment_row(level, seed, *, quick):
    """Split the sentences by the seed, and learn to tell praise from blame."""
    fresh_start(seed)
    return sentiment_errors(companion.load("sentiment_sentences", seed=seed), level)


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

DAY, PAST, DAYS = 24, 48, 80


def seasonal_series(rng, days=DAYS):
    """Return an hourly series: a daily shape of changing height, a wandering level, and noise.

    Args:
        rng: Draws it.
        days: Its length.

    Returns:
        An array of shape ``(24 · days,)``.
    """
    from scipy.signal import lfilter

    hours = np.arange(DAY * days)
    shape = np.sin(2 * np.pi * hours / DAY) + 0.5 * np.sin(4 * np.pi * hours / DAY + 1)
    # Both wander, and come back: x(t) = 0.99 x(t − 1) + a little.
    level, height = lfilter([1], [1, -0.99], 0.06 * rng.normal(size=(2, len(hours))))
    return np.exp(height) * shape + level + 0.15 * rng.normal(size=len(hours))


def stretches(series, horizon):
    """Cut a series into all its windows: the past, and the hours that follow it.

    Returns:
        Arrays of shape ``(windows, 48)`` and ``(windows, horizon)``.
    """
    windows = np.lib.stride_tricks.sliding_window_view(series, PAST + horizon)
    return windows[:, :PAST], windows[:, PAST:]


def standardized(series):
    """Return the first 70 %, the next 15 % and the last 15 %, in units of the first part."""
    ends = [int(0.7 * len(series)), int(0.85 * len(series))]
    series = (series - series[: ends[0]].mean()) / series[: ends[0]].std()
    # A later part begins with the past that its first forecast needs.
    return series[: ends[0]], series[ends[0] - PAST : ends[1]], series[ends[1] - PAST :]


def predictor(level, train, validation, horizon):
    """Return a function from pasts to futures: one of the simple rules, or a fitted model."""
    if level == "naive":
        return lambda past: np.repeat(past[:, -1:], horizon, axis=1)
    if level == "seasonal naive":
        return lambda past: past[:, PAST - DAY : PAST - DAY + horizon]
    if level == "linear regression":
        from sklearn.linear_model import LinearRegression

        return LinearRegression().fit(*stretches(train, horizon)).predict
    return recurrent_predictor(level, train, validation, horizon)


def recurrent_predictor(cell, train, validation, horizon, epochs=25):
    """Fit a recurrent network to the windows of a series; the best validation epoch is kept."""
    import keras

    from chapters.recurrence.models import forecaster

    def windows(series):
        past, future = stretches(series, horizon)
        return past[..., None].astype("float32"), future.astype("float32")

    model = forecaster((PAST, 1), horizon, cell=cell)
    past, future = windows(train)
    steps = epochs * -(-len(past) // 64)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, steps)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), "mse")
    best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    model.fit(
        past, future, batch_size=64, epochs=epochs, validation_data=windows(validation),
        validation_batch_size=512, callbacks=[best], verbose=0,
    )  # fmt: skip
    return lambda past: model.predict(past[..., None].astype("float32"), 512, verbose=0)


def seasonal_forecast_row(level, seed, *, quick):
    """Forecast the next 24 hours from the last 48, on a series of the seed's own."""
    fresh_start(seed)
    train, validation, test = standardized(seasonal_series(np.random.default_rng(seed)))
    forecast = predictor(level, train, validation, DAY)
    return {
        f"{name}_error": float(np.mean(np.abs(forecast(past) - future)))
        for name, (past, future) in (
            ("test", stretches(test, DAY)),
            ("validation", stretches(validation, DAY)),
        )
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


def with_faults(series, rng, share=0.08):
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


def anomaly_scores(level, seed):
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
    past, future = stretches(test, horizon=1)
    if level == "distance from the mean":
        return np.abs(future[:, 0]), faulty[PAST:]
    predicted = predictor(level, train, validation, horizon=1)(past)
    return np.abs(predicted - future)[:, 0], faulty[PAST:]


def anomaly_detection_row(level, seed, *, quick):
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
