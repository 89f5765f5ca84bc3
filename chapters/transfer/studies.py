"""Studies: how far a base that has seen 0 to 4 helps with other classes, by strategy and amount.

Each of `RATES` is tried on each row's own training examples; the validation split chooses among
them, and the test split judges that one alone. A network from nothing takes twice as many steps as
one on the base, for it has further to go. The base is one, the shipped one: another may help more,
or less.
"""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import companion
from chapters.transfer.sources import of_classes
from companion.datasets import Split
from companion.datasets.dataset import SPLITS
from companion.studies.study import Study
from companion.training.batches import passes

if TYPE_CHECKING:
    import keras

CLASSES = 5
BATCH = 16
NOTHING, STRATEGIES = "nothing", ("head", "some", "all")
STEPS = {NOTHING: 200, "head": 100, "some": 60, "all": 60}
HEAD_STEPS, HEAD_RATE = 40, 3e-3  # the first stage, where there are two
# Rates of Adam that are tried.
RATES = {
    NOTHING: (1e-3, 4e-3),
    "head": (3e-4, 1e-3, 3e-3),
    "some": (5e-4, 2e-3),
    "all": (5e-4, 2e-3),
}
NOISE = 0.3  # standard deviation, where ink is at most 1


# ---- tasks, from similar to different -----------------------------------------------------------


def noisy(x: NDArray[Any]):
    """Return images with normal noise, the same at every call."""
    noise = np.random.default_rng(0).normal(0, NOISE, x.shape)
    return np.clip(x + noise, 0, 1).astype("float32")


CHANGES = {
    "digits 5 to 9": lambda x: x,
    "noisy": noisy,
    "turned by 90°": lambda x: np.rot90(x, axes=(1, 2)).copy(),
    "ink and paper exchanged": lambda x: 1 - x,
}
TASKS = (*CHANGES, "letters")


@cache
def material(task: str):
    """Return the data of a task: five classes that the base has not seen."""
    if task == "letters":
        return companion.load("letters")
    data, change = of_classes(companion.load("digits"), slice(5, 10)), CHANGES[task]
    parts = {name: getattr(data, name) for name in SPLITS}
    return replace(data, **{name: replace(one, x=change(one.x)) for name, one in parts.items()})


def few(split: Split, each: int, seed: int):
    """Return so many examples of each class, drawn by the seed."""
    order = np.random.default_rng(seed).permutation(len(split))
    chosen = [order[split.y[order] == label][:each] for label in range(CLASSES)]
    return split[np.concatenate(chosen)]


# ---- networks -----------------------------------------------------------------------------------


@cache
def base():
    """Return the shipped base."""
    from chapters.transfer.pretrained import load_base

    return load_base()


@cache
def network(strategy: str):
    """Return a compiled network of a strategy; each row gives it first weights of its own.

    The head alone is a network from features, which are extracted once.
    """
    import keras

    from chapters.transfer.fine_tuning import open_layers, with_head
    from chapters.transfer.models import transfer_cnn

    if strategy == NOTHING:
        model = transfer_cnn(classes=CLASSES, hidden=0)
    elif strategy == "head":
        features = keras.Input(base().output_shape[1:])
        model = keras.Model(features, keras.layers.Dense(CLASSES, activation="softmax")(features))
    else:
        model = with_head(base(), CLASSES)
        open_layers(model, strategy)
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile("adam", loss, steps_per_execution=20, jit_compile=False)
    return model


def first_weights(strategy: str, seed: int):
    """Return a network's first weights: drawn by the seed, or the base under a head of zeros."""
    import keras

    from chapters.transfer.fine_tuning import with_head
    from chapters.transfer.models import transfer_cnn

    keras.utils.set_random_seed(seed)
    if strategy == NOTHING:
        return transfer_cnn(classes=CLASSES, hidden=0).get_weights()
    weights = with_head(base(), CLASSES).get_weights()
    return weights[-2:] if strategy == "head" else weights


def trained(
    strategy: str, weights: list[NDArray[Any]], examples: Split, rate: float, steps: int, seed: int
):
    """Return a strategy's network after so many steps of Adam from the given weights."""
    model = network(strategy)
    model.set_weights(weights)
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    model.optimizer.learning_rate = rate
    order = passes(len(examples), -(-steps * BATCH // len(examples)), seed)[: steps * BATCH]
    model.fit(examples.x[order], examples.y[order], BATCH, shuffle=False, verbose=0)
    return model


def error(model: "keras.Model", split: Split):
    """Return the share of a split that is misread."""
    import keras

    answers = keras.ops.convert_to_numpy(model(split.x, training=False)).argmax(axis=1)
    return float(np.mean(answers != split.y))


@cache
def features(task: str):
    """Return the data of a task as the base sees them."""
    from chapters.transfer.fine_tuning import extracted

    return extracted(base(), material(task))


def row(level: tuple[str, str, int], seed: int, *, quick: bool):
    """Train a network by a strategy at each rate; the one that validates best is judged."""
    task, strategy, each = level
    data = features(task) if strategy == "head" else material(task)
    examples, weights = few(data.train, each, seed), first_weights(strategy, seed)
    if strategy in ("some", "all"):
        seen = few(features(task).train, each, seed)
        head = trained("head", weights[-2:], seen, HEAD_RATE, HEAD_STEPS, seed).get_weights()
        weights = [*weights[:-2], *head]
    tries = []
    for rate in RATES[strategy]:
        model = trained(strategy, weights, examples, rate, STEPS[strategy], seed)
        tries.append((error(model, data.validation), rate, error(model, data.test)))
    validation_error, rate, test_error = min(tries)
    return {"test_error": test_error, "validation_error": validation_error, "rate": rate}


def from_nothing(level: tuple[str, str, int]):
    """Return the level of a network that begins from nothing, with the same task and amount."""
    return level[0], NOTHING, level[2]


FACTORS = ("task", "base", "examples a class")

head_start = Study(
    name="head_start",
    question="From how many examples a class on does a base that has seen 0 to 4 no longer help "
    "with 5 to 9?",
    factor=FACTORS,
    levels=tuple(
        ("digits 5 to 9", strategy, each)
        for strategy in (NOTHING, "head")
        for each in (3, 10, 30, 100)
    ),
    quick_levels=(("digits 5 to 9", NOTHING, 10), ("digits 5 to 9", "head", 10)),
    seeds=range(100, 132),
    quick_seeds=range(6),
    outcome="test_error",
    unit="share of test images",
    baseline=from_nothing,
    measure=row,
)

LITTLE, LARGE = 5, 100

amount_and_similarity = Study(
    name="amount_and_similarity",
    question="Which strategy suits little and much data, similar to what a base has seen and "
    "different?",
    factor=FACTORS,
    levels=tuple(
        (task, strategy, each)
        for task in TASKS
        for strategy in (NOTHING, *STRATEGIES)
        for each in (LITTLE, LARGE)
    ),
    quick_levels=tuple(
        (task, strategy, LITTLE)
        for task in ("digits 5 to 9", "letters")
        for strategy in (NOTHING, "head")
    ),
    seeds=range(11),
    quick_seeds=range(7),
    outcome="test_error",
    unit="share of test images",
    baseline=from_nothing,
    measure=row,
)
