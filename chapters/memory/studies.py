"""Studies: how far back each cell remembers, and what a pyramid saves.

Both are judged on examples that take no part in training; all settings were chosen beforehand, and
are the same for all levels of a study.
"""

from functools import cache
from typing import Any

import companion
from chapters.memory.adding import adding_row
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
    from chapters.memory.models import pyramid_rnn

    name, joined = level
    data = recordings(name)
    epochs = 12 if quick else 8
    fresh_start(seed)
    order = passes(len(data.train), epochs, seed, batch_size=BATCH)
    model = companion.train(
        pyramid_rnn(classes=data.classes, **PYRAMIDS[joined]),
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
