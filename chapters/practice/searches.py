"""A study: which search finds the better recipe for LeNet-5 from as many trials.

The validation split chooses; the test split is looked at once, by what was chosen.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

import companion
from companion import catalogue
from companion.studies.study import Study
from companion.training.batches import Batches
from companion.training.seeding import fresh_start

SEARCHES = ("random", "model-based")
TRIALS = (4, 10)
RATES = (1e-4, 0.1)
EXAMPLES, STEPS, BATCH = 320, 60, 32


class Trial(NamedTuple):
    """A recipe that was tried.

    Attributes:
        learning_rate: Adam's.
        shift: Greatest shift of an image, 28 pixels wide [pixels].
        turn: Greatest turn [degrees].
        loss: On the validation split [nats].
        validation_error: On the validation split.
        test_error: On the test split, which the search does not see.
    """

    learning_rate: float
    shift: int
    turn: float
    loss: float
    validation_error: float
    test_error: float


@cache
def digits():
    """Return the embedded digits, split, as LeNet-5 reads them."""
    return companion.load("digits").fitted_to((28, 28, 1))


def bench(seed: int) -> Callable[[float, int, float], Trial]:
    """Return a function that trains LeNet-5 by a recipe, always from the same weights and digits.

    The network is compiled once, which takes longer than a trial.

    Args:
        seed: Decides the weights, the 320 digits and their order.
    """
    import keras

    fresh_start(seed)
    data = digits()
    few = data.train[np.random.default_rng(seed).permutation(len(data.train))[:EXAMPLES]]
    model = catalogue.builder("lenet5")()
    optimizer = keras.optimizers.Adam()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(model.trainable_variables)
    first = model.get_weights()

    def tried(learning_rate: float, shift: int, turn: float) -> Trial:
        model.set_weights(first)
        for variable in optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        optimizer.learning_rate = learning_rate
        batches = Batches(few.x, few.y, BATCH, seed=seed, shift=shift, turn=turn)
        for step in range(STEPS):
            model.train_on_batch(*batches[step])
        (loss, right), (_, right_of_test) = (
            model.evaluate(split.x, split.y, batch_size=36, verbose=0)
            for split in (data.validation, data.test)
        )
        loss = float(np.nan_to_num(loss, nan=100.0, posinf=100.0))
        return Trial(learning_rate, shift, turn, min(loss, 100.0), 1 - right, 1 - right_of_test)

    return tried


def recipe_search(search: str, seed: int, trials: int) -> list[Trial]:
    """Try recipes for LeNet-5 by one of Optuna's samplers.

    Trials that another row has made are found in the working folder.

    Args:
        search: ``"random"``, or ``"model-based"``: a tree-structured Parzen estimator (Bergstra et
            al., 2011) that begins with three random trials.
        seed: Decides the recipes, the first weights and the digits.
        trials: How many.
    """
    file = Path(f"search_{search}_{seed}_{trials}.npy")
    if file.exists():
        return [Trial(*row) for row in np.load(file).tolist()]
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = (
        optuna.samplers.TPESampler(seed=seed, n_startup_trials=3)
        if search == "model-based"
        else optuna.samplers.RandomSampler(seed=seed)
    )
    tried, made = bench(seed), []

    def objective(trial: optuna.Trial) -> float:
        made.append(
            tried(
                trial.suggest_float("learning_rate", *RATES, log=True),
                trial.suggest_int("shift", 0, 4),
                trial.suggest_float("turn", 0, 20),
            )
        )
        return made[-1].loss

    optuna.create_study(sampler=sampler).optimize(objective, n_trials=trials)
    np.save(file, np.array(made))
    return made


def search_row(level: tuple[str, int], seed: int, *, quick: bool):
    """Search among so many recipes, choose one by validation, and show it the test digits."""
    search, count = level
    trials = recipe_search(search, seed, count if quick else max(TRIALS))[:count]
    best = min(trials, key=lambda trial: trial.loss)
    return {
        "test_error": best.test_error,
        "validation_error": best.validation_error,
        "validation_loss": best.loss,
        "learning_rate": best.learning_rate,
        "turn": best.turn,
        "shift": best.shift,
    }


recipes = Study(
    name="recipes",
    question="Which search finds the better recipe for LeNet-5 from as many trials: a random one, "
    "or one led by a model of the trials before?",
    factor=("search", "trials"),
    levels=tuple((search, count) for search in SEARCHES for count in TRIALS),
    quick_levels=tuple((search, 4) for search in SEARCHES),
    seeds=range(8),
    quick_seeds=range(6),
    outcome="test_error",
    unit="share of 360 test digits",
    baseline=lambda level: ("random", level[1]),
    measure=search_row,
)
