"""Studies: how far back each cell remembers, what a pyramid saves, and whom it understands.

All are judged on examples that take no part in training; all settings were chosen beforehand, and
are the same for all levels of a study.
"""

from functools import cache
from typing import Any

import numpy as np

import companion
from chapters.memory.adding import adding_row
from companion.datasets.dataset import SPLITS, Dataset, Split, split
from companion.studies.study import Study
from companion.training.batches import passes
from companion.training.seeding import fresh_start

# ---- the adding problem -------------------------------------------------------------------------

CELLS = ("SimpleRNN", "GRU", "LSTM", "LSTM, open")

adding = Study(
    name="adding_problem",
    question="Over how many steps can SimpleRNN, GRU and LSTM hold a number?",
    factor=("cell", "lag in steps"),
    levels=tuple((cell, lag) for cell in CELLS for lag in (50, 100, 200, 300)),
    quick_levels=tuple((cell, lag) for cell in CELLS for lag in (20, 50)),
    seeds=range(3),
    outcome="test_mse",
    unit="mean squared error; 1/6 for always saying 1",
    baseline=lambda level: ("SimpleRNN", level[1]),
    measure=adding_row,
)


# ---- the pyramid --------------------------------------------------------------------------------

BATCH = 64
PYRAMIDS: dict[str, dict[str, Any]] = {
    "BLSTM": {"reduction": 1},
    "pairs": {"reduction": 2},
    "fours": {"reduction": 4},
    "pairs, from the input on": {"reduction": 2, "join_input": True},
}


@cache
def recordings(name: str):
    """Return recordings as log-mel frames, split."""
    return companion.load(name).fitted_to((None, 40))


def pyramid_row(level: tuple[str, str], seed: int, *, quick: bool):
    """Train three bidirectional LSTM layers that join some frames between them."""
    name, joined = level
    return errors(recordings(name), PYRAMIDS[joined], seed, epochs=12 if quick else 8)


def errors(data: Dataset, pyramid: dict[str, Any], seed: int, epochs: int) -> dict[str, float]:
    """Train a pyramid and return the share of recordings that it mishears.

    Args:
        data: Recordings as log-mel frames.
        pyramid: What is varied of `pyramid_rnn`.
        seed: Decides first weights and order.
        epochs: Passes over the training split.
    """
    from chapters.memory.models import pyramid_rnn

    fresh_start(seed)
    order = passes(len(data.train), epochs, seed, batch_size=BATCH)
    model = companion.train(
        pyramid_rnn(classes=data.classes, **pyramid),
        data.train,
        seed=seed,
        batch_size=BATCH,
        steps=len(order) // BATCH,
        order=order,
        warmup=0,
        show_progress=False,
    ).model
    return {
        f"{part}_error": 1 - model.evaluate(split.x, split.y, batch_size=300, verbose=0)[1]
        for part, split in (("test", data.test), ("validation", data.validation))
    }


pyramid = Study(
    name="pyramid_reduction",
    question="Does a recurrent network hear worse when it joins more frames into one?",
    factor=("data", "frames joined"),
    levels=tuple(("spoken_digit", joined) for joined in PYRAMIDS),
    # generated recordings, for those who have no others
    quick_levels=(("tones", "BLSTM"), ("tones", "pairs")),
    seeds=range(3),
    quick_seeds=range(2),
    outcome="test_error",
    unit="share of test recordings",
    baseline=lambda level: (level[0], "BLSTM"),
    measure=pyramid_row,
)


# ---- a voice that it has never heard ------------------------------------------------------------

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
VOICES = len(SPEAKERS)  # of generated tones, sixths of their range of keys
HEARD, UNHEARD = "other takes", "another voice"


def voices(names: tuple[str, ...]) -> Any:
    """Return the number of each recording's voice, from 0, in the order of their names: ``(n,)``.

    >>> voices(("7_theo_3", "7_jackson_3", "0_theo_4"))
    array([3, 0, 3])

    Args:
        names: ``<class>_<speaker, or key in Hz>_<take>`` of each recording.
    """
    rank = np.unique([name.split("_")[1] for name in names], return_inverse=True)[1]
    return VOICES * rank // (rank.max() + 1)


def without_voice(data: Dataset, voice: int) -> Dataset:
    """Return recordings split so that one voice is heard in the test alone.

    Args:
        data: Recordings with names.
        voice: Its number; the others are split into train and validation.
    """
    parts = [getattr(data, part) for part in SPLITS]
    x, y = (np.concatenate([getattr(part, one) for part in parts]) for one in ("x", "y"))
    whole = Split(x, y, tuple(name for part in parts for name in part.names))
    left_out = voices(whole.names) == voice
    return split(data.card, whole[~left_out], whole[left_out], seed=voice, fit=data.fit)


def voice_row(level: tuple[str, str], seed: int, *, quick: bool):
    """Train a pyramid, and test it on takes of the voices it heard, or on another voice."""
    name, tested = level
    data = recordings(name)
    if tested == UNHEARD:
        data = without_voice(data, seed)
    joined = PYRAMIDS["pairs, from the input on"]
    return errors(data, joined, seed, epochs=12 if quick else 8)


voice = Study(
    name="another_voice",
    question="Does a network that hears digits understand a speaker it has never heard?",
    factor=("data", "tested on"),
    levels=tuple(("spoken_digit", tested) for tested in (HEARD, UNHEARD)),
    quick_levels=tuple(("tones", tested) for tested in (HEARD, UNHEARD)),
    seeds=range(VOICES),  # a seed for each voice that is left out
    quick_seeds=range(2),
    outcome="test_error",
    unit="share of test recordings",
    baseline=lambda level: (level[0], HEARD),
    measure=voice_row,
)
