"""Studies: which optimizer wins on one budget, and what batch normalization does to the rate.

The validation split of the digits chooses; the test split is looked at once, by what was chosen.
"""

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import companion
from companion.studies.study import Study
from companion.training.seeding import fresh_start

if TYPE_CHECKING:
    import keras

BATCH = 32
EPOCHS = 10


@cache
def digits():
    """Return the embedded digits, split."""
    return companion.load("digits")


def train(model: "keras.Model", *, seed: int, **recipe: Any):
    """Train the model at a rate that stays, for the whole budget, and keep what it ends with.

    Args:
        model: An uncompiled model.
        seed: Decides the order of the examples.
        **recipe: Optimizer and rate, as `companion.train` takes them.

    Returns:
        The run, and its loss on the validation split; infinite where the run broke.
    """
    run = companion.train(
        model,
        (digits().train, digits().validation),
        seed=seed,
        epochs=EPOCHS,
        batch_size=BATCH,
        schedule=None,
        keep="last",
        show_progress=False,
        **{"shift": 0, "turn": 0.0, "zoom": 0.0, **recipe},
    )
    loss = float(run.history["val_loss"].iloc[-1])
    return run, loss if math.isfinite(loss) else math.inf


# ---- optimizers on one budget -------------------------------------------------------------------


class Optimizer(NamedTuple):
    """An optimizer with the rates that are tried, half a decade apart.

    Attributes:
        name: Keras's, in small letters.
        rates: As many for each optimizer, about its usual one.
        options: What else Keras's takes.
    """

    name: str
    rates: tuple[float, ...]
    options: dict[str, Any]


# Momentum's rates are Intro to ML's η (1 − 0.9), that is those of SGD divided by ten.
OPTIMIZERS = {
    "SGD": Optimizer("sgd", (0.01, 0.03, 0.1, 0.3, 1.0, 3.0), {}),
    "momentum": Optimizer("sgd", (0.001, 0.003, 0.01, 0.03, 0.1, 0.3), {"momentum": 0.9}),
    "RMSprop": Optimizer("rmsprop", (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2), {}),
    "Adam": Optimizer("adam", (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2), {}),
}


def optimizer_row(level: str, seed: int, *, quick: bool):
    """Try every rate, choose one on the validation digits, and show that network the test digits.

    All tries of a seed begin with the same weights and see the same batches.
    """
    from chapters.optimizers.models import normalized_mlp

    optimizer = OPTIMIZERS[level]
    tries = []
    for rate in optimizer.rates[1::2] if quick else optimizer.rates:
        fresh_start(seed)
        model = normalized_mlp(hidden=(128, 128), normalization=False)
        run, loss = train(
            model,
            seed=seed,
            optimizer=optimizer.name,
            optimizer_options=optimizer.options,
            learning_rate=rate,
        )
        tries.append((loss, rate, run.error(digits().validation), model.get_weights()))
    loss, rate, validation_error, weights = min(tries, key=lambda one: one[:2])
    run.model.set_weights(weights)
    return {
        "test_error": run.error(digits().test),
        "validation_error": validation_error,
        "validation_loss": loss,
        "rate": rate,
        "at_the_end": float(rate in (optimizer.rates[0], optimizer.rates[-1])),
        "broken": float(sum(math.isinf(one[0]) for one in tries)),
    }


optimizers_on_one_budget = Study(
    name="optimizers_on_one_budget",
    question="On one budget of steps and of tried rates, which optimizer leads to the lowest test "
    "error?",
    factor="optimizer",
    levels=tuple(OPTIMIZERS),
    seeds=range(10),
    quick_seeds=range(7),
    outcome="test_error",
    unit="share of 360 test digits",
    measure=optimizer_row,
)


# ---- batch normalization across learning rates --------------------------------------------------

NETWORKS: dict[str, dict[str, Any]] = {
    "plain": {"normalization": False},
    "batch norm": {},
    "noisy batch norm": {"noise": 0.5},
}
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def batch_norm_row(level: tuple[str, float], seed: int, *, quick: bool):
    """Train eight hidden layers by plain SGD at one rate, as they are, normalized, or disturbed."""
    from chapters.optimizers.models import normalized_mlp

    network, rate = level
    fresh_start(seed)
    model = normalized_mlp(**NETWORKS[network], seed=seed)
    run, loss = train(model, seed=seed, optimizer="sgd", learning_rate=rate)
    return {
        "test_error": run.error(digits().test),
        "validation_error": run.error(digits().validation),
        # A loss that is no number counts as one that cannot be worse.
        "validation_loss": float(np.clip(loss, 0, 100)),
    }


batch_norm_and_rate = Study(
    name="batch_norm_and_rate",
    question="At which learning rates does a deep network learn, with and without batch "
    "normalization, and what does noise behind it take away?",
    factor=("network", "η"),
    levels=tuple((network, rate) for network in NETWORKS for rate in RATES),
    quick_levels=tuple((network, rate) for network in NETWORKS for rate in (0.01, 0.1, 1.0)),
    seeds=range(10),
    quick_seeds=range(8),
    outcome="test_error",
    unit="share of 360 test digits",
    baseline=lambda level: ("plain", level[1]),
    measure=batch_norm_row,
)
