"""Memory: how a recurrent network keeps something for hundreds of steps."""

import lazy_loader

from companion.chapter import Chapter, Model

HOCHREITER_1997 = "Hochreiter, Schmidhuber (1997), Long short-term memory"
CHO_2014 = (
    "Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio (2014), "
    "Learning phrase representations using RNN encoder-decoder"
)
CHAN_2016 = "Chan, Jaitly, Le, Vinyals (2016), Listen, attend and spell"

chapter = Chapter(
    number=8,
    title="Memory",
    question="How does a recurrent network keep something for hundreds of steps?",
    lectures="AC",
    pages=("02-long-sequences.md",),
    builds_on=("recurrence",),
    models=(
        Model("lstm", 19_338, (8, 8), HOCHREITER_1997),
        Model("gru", 14_858, (8, 8), CHO_2014),
        Model(
            "pyramid_rnn",
            101_770,
            (None, 40),
            CHAN_2016,
            data="tones",
            effort=0.4,
            small={"input_shape": (None, 6), "classes": 3, "layers": 2, "units": 4},
        ),
    ),
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adding": ["adding_problem"],
        "models": ["gru", "lstm", "pyramid_rnn"],
        "scratch": [
            "gru_backward",
            "gru_forward",
            "gru_from_keras",
            "gru_parameters",
            "gru_step",
            "gru_to_keras",
            "join_frames",
            "lstm_backward",
            "lstm_forward",
            "lstm_from_keras",
            "lstm_parameters",
            "lstm_step",
            "lstm_to_keras",
            "pyramid_length",
        ],
    },
)
