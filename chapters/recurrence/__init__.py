"""Recurrence: one small network, used at every step of a sequence of any length."""

import lazy_loader

from companion.chapter import Chapter, Model

ELMAN_1990 = "Elman (1990), Finding structure in time"
SCHUSTER_1997 = "Schuster, Paliwal (1997), Bidirectional recurrent neural networks"

chapter = Chapter(
    number=7,
    title="Recurrence",
    question="How does a network read a sequence, however long it is?",
    lectures="ACE",
    pages=("02-tasks.md",),
    builds_on=("convolution",),
    models=(
        Model("simple_rnn", 5_322, (8, 8), ELMAN_1990),
        Model("bidirectional", 10_634, (8, 8), SCHUSTER_1997),
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
