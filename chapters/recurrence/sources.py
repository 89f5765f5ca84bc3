"""Texts of praise and blame, read as word numbers, and an hourly series."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from chapters.recurrence.series import DAY, PAST, seasonal_windows
from chapters.recurrence.text import Vocabulary
from companion.datasets.dataset import Card, Dataset, Shape, Split, ragged
from companion.datasets.prepared import Columns, TensorFlowDatasets
from companion.datasets.source import Generated, PlainFiles

SENTENCES = ("amazon_cells_labelled.txt", "imdb_labelled.txt", "yelp_labelled.txt")


def numbered(
    data: Dataset, shape: Shape, *, longest: int, vocabulary: Vocabulary | None = None
) -> Dataset | None:
    """Return texts as word numbers, by a vocabulary of the training texts.

    Args:
        data: Texts, each a string.
        shape: ``(words,)`` of what the model reads, or ``(None,)`` for `longest` words.
        longest: Words of a text that are read; later ones are left out.
        vocabulary: What an earlier fitting has learned; what is returned goes by it, too.
    """
    if data.shape or len(shape) != 1:
        return None
    learned = vocabulary or Vocabulary(data.train.x, least=2)
    length = shape[0] or longest
    encoded = data.changed((length,), lambda x: learned.encode(x, length))
    return replace(encoded, fit=partial(numbered, longest=longest, vocabulary=learned))


def sentences(folder: Path) -> tuple[Split]:
    """Return the sentences of the publisher's files, a sentence and its label on each line."""
    lines = [
        # Only "\n" ends a line: some sentences hold other signs that Python would break at.
        line.rsplit("\t", 1)
        for name in SENTENCES
        for line in (folder / name).read_text(encoding="utf-8").split("\n")
        if line.strip()
    ]
    x = ragged(text.strip() for text, _ in lines)
    return (Split(x, np.array([int(label) for _, label in lines])),)


def reviews(columns: Columns) -> Split:
    """Return film reviews as strings."""
    return Split(
        ragged(text.decode() for text in columns["text"]), columns["label"].astype("int64")
    )


sentiment_sentences = PlainFiles(
    Card("sentiment_sentences", "3,000 sentences of reviews (Amazon, IMDB, Yelp), praise or blame",
         "text", (), ("negative", "positive"), "CC BY 4.0",
         "Kotzias, Denil, de Freitas, Smyth (2015), KDD; UCI, doi 10.24432/C57604",
         "archive.ics.uci.edu", 0.1),
    SENTENCES, sentences, fit=partial(numbered, longest=40),
    page="https://archive.ics.uci.edu/dataset/331/sentiment+labelled+sentences",
)  # fmt: skip
imdb_reviews = TensorFlowDatasets(
    Card("imdb_reviews", "50,000 film reviews, praise or blame", "text", (),
         ("negative", "positive"), "not stated by its publisher",
         "Maas et al. (2011), ai.stanford.edu/~amaas/data/sentiment", "ai.stanford.edu", 80.2),
    reviews, config="plain_text", fit=partial(numbered, longest=200),
)  # fmt: skip
seasonal_series = Generated(
    Card("seasonal_series",
         f"{PAST} hours of a made-up series with a daily shape, and the {DAY} that follow",
         "series", (PAST, 1), (), "CC0", "the companion, chapters/recurrence/series.py"),
    seasonal_windows,
)  # fmt: skip
