"""Recurrence: one small network, used at every step of a sequence of any length."""

import lazy_loader

from companion.chapter import Chapter, Model

ELMAN_1990 = "Elman (1990), Finding structure in time"
SCHUSTER_1997 = "Schuster, Paliwal (1997), Bidirectional recurrent neural networks"
KOTZIAS_2015 = (
    "Kotzias, Denil, de Freitas, Smyth (2015), From group to individual labels using deep features"
)
CHO_2014 = (
    "Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio (2014), "
    "Learning phrase representations using RNN encoder-decoder"
)

chapter = Chapter(
    number=7,
    title="Recurrence",
    question="How does a network read a sequence, however long it is?",
    lectures="ACE",
    pages=("02-tasks.md",),
    builds_on=("backprop",),
    models=(
        Model("simple_rnn", 5_322, (8, 8), ELMAN_1990),
        Model("bidirectional", 10_634, (8, 8), SCHUSTER_1997),
        Model(
            "sentence_classifier",
            70_402,
            (None,),
            KOTZIAS_2015,
            data="sentiment_sentences",
            recipe={
                "epochs": 20,
                "batch_size": 32,
                "learning_rate": 2e-3,
                "schedule": None,
                "global_clip_norm": 1.0,
                "patience": 4,
            },
        ),
        Model(
            "forecaster",
            4_152,
            (48, 1),
            CHO_2014,
            data="seasonal_series",
            recipe={
                "epochs": 25,
                "batch_size": 64,
                "warmup": 0.0,
                "global_clip_norm": 1.0,
                "patience": 25,
            },
        ),
    ),
    data="sources",
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "models": ["bidirectional", "forecaster", "sentence_classifier", "simple_rnn"],
        "scratch": [
            "Parameters",
            "Trace",
            "backward",
            "clip_by_global_norm",
            "forward",
            "loss",
            "parameter_count",
            "rnn_backward",
            "rnn_forward",
            "rnn_step",
            "sensitivity",
        ],
        "text": ["Vocabulary", "words"],
    },
)
