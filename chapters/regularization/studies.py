"""Studies: what decay, early stopping, dropout and augmentation do to a network that overfits.

Every network is judged on the test split of the digits, which takes no part in its training.
Training sets are small on purpose, drawn anew for each seed from the training split; the
validation split steers early stopping, is asked which λ and rate it would choose, and judges the
films.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import companion
from companion.datasets import Split
from companion.studies.study import Study
from companion.training.batches import passes
from companion.training.seeding import fresh_start

if TYPE_CHECKING:
    import keras

    from companion.training.run import Run

BATCH = 50
EPOCHS = 100
NEAR_ZERO = 1e-3


@cache
def digits():
    """Return the embedded digits, split."""
    return companion.load("digits")


def few_digits(seed: int, examples: int = 300, mislabelled: float = 0.2):
    """Return few training digits, some with a wrong label: something to learn by heart.

    Args:
        seed: Decides which digits, and which wrong labels.
        examples: How many.
        mislabelled: Share whose label is replaced by another one.

    Returns:
        Images of shape (examples, 8, 8, 1) in [0, 1], and labels of shape (examples,).
    """
    rng = np.random.default_rng(seed)
    train = digits().train
    chosen = rng.permutation(len(train))[:examples]
    labels = train.y[chosen].copy()
    wrong = rng.random(examples) < mislabelled
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, wrong.sum())) % 10
    return train.x[chosen], labels


def fit(
    model: "keras.Model",
    images: NDArray[Any],
    labels: NDArray[Any],
    *,
    seed: int,
    epochs: int = EPOCHS,
    **recipe: Any,
):
    """Train the model for so many epochs, laid end to end in one: Keras starts up only once.

    Args:
        model: An uncompiled model.
        images: Of shape (examples, 8, 8, 1).
        labels: Of shape (examples,).
        seed: Decides the order of the examples.
        epochs: Passes over them.
        **recipe: What the training needs beside, as `companion.train` takes it.

    Returns:
        The run, and its errors: on every split, and on the training labels as they were given.
    """
    split = Split(images, labels)
    run = companion.train(
        model,
        split,
        seed=seed,
        batch_size=BATCH,
        steps=epochs * len(split) // BATCH,
        order=passes(len(split), epochs, seed),
        steps_per_execution=10,
        show_progress=False,
        **{"schedule": None, **recipe},
    )
    return run, errors(run, split)


def errors(run: "Run", split: Split):
    """Return a run's error on every split, that on the training labels as they were given."""
    return {
        "test_error": run.error(digits().test),
        "validation_error": run.error(digits().validation),
        "train_error": run.error(split),
    }


# ---- weight decay -------------------------------------------------------------------------------

# The decades in which each penalty acts, for plain SGD (η = 0.2) and Adam (η = 0.003).
LAMBDAS = {
    ("SGD", "L1"): (1e-5, 1e-4, 1e-3, 3e-3),
    ("SGD", "L2"): (1e-4, 1e-3, 1e-2, 3e-2),
    ("SGD", "decoupled"): (1e-4, 1e-3, 1e-2, 3e-2),
    ("Adam", "L1"): (1e-5, 1e-4, 1e-3, 3e-3),
    ("Adam", "L2"): (1e-4, 1e-3, 1e-2, 3e-2),
    ("Adam", "decoupled"): (1e-2, 1e-1, 1.0, 3.0),
}


def weight_decay_row(level: tuple[str, str, float], seed: int, *, quick: bool):
    """Train an MLP with one penalty; decoupled, λ is matched: Keras' weight_decay is 2λ."""
    from chapters.regularization.models import regularized_mlp

    optimizer_name, penalty, strength = level
    fresh_start(seed)
    images, labels = few_digits(seed)
    model = regularized_mlp(
        l1=strength if penalty == "L1" else 0.0, l2=strength if penalty == "L2" else 0.0
    )
    _, measured = fit(
        model,
        images,
        labels,
        seed=seed,
        optimizer=optimizer_name.lower(),
        learning_rate={"SGD": 0.2, "Adam": 3e-3}[optimizer_name],
        weight_decay=2 * strength if penalty == "decoupled" else None,
    )
    kernels = np.concatenate(
        [np.ravel(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    )
    return {
        **measured,
        "weight_norm": float(np.linalg.norm(kernels)),
        "near_zero": float(np.mean(np.abs(kernels) < NEAR_ZERO)),
    }


weight_decay = Study(
    name="weight_decay",
    question="Does pulling the weights towards zero lower the test error of a network that "
    "overfits, and does it matter how they are pulled?",
    factor=("optimizer", "penalty", "λ"),
    levels=(
        ("SGD", "none", 0.0),
        *(
            ("SGD", kind, value)
            for kind in ("L1", "L2", "decoupled")
            for value in LAMBDAS["SGD", kind]
        ),
        ("Adam", "none", 0.0),
        *(
            ("Adam", kind, value)
            for kind in ("L1", "L2", "decoupled")
            for value in LAMBDAS["Adam", kind]
        ),
    ),
    quick_levels=(
        ("SGD", "none", 0.0),
        ("SGD", "L1", 1e-3),
        ("SGD", "L2", 1e-2),
        ("SGD", "decoupled", 1e-2),
        ("Adam", "none", 0.0),
        ("Adam", "L1", 1e-3),
        ("Adam", "L2", 1e-2),
        ("Adam", "decoupled", 1.0),
    ),
    seeds=range(10),
    quick_seeds=range(8),
    outcome="test_error",
    unit="share of 360 test digits",
    baseline=lambda level: (level[0], "none", 0.0),
    measure=weight_decay_row,
)


# ---- early stopping -----------------------------------------------------------------------------


def validated(seed: int, *, epochs: int = EPOCHS, **recipe: Any):
    """Train an MLP that is validated after every epoch; return the run and what it learned from."""
    from chapters.regularization.models import regularized_mlp

    fresh_start(seed)
    split = Split(*few_digits(seed))
    run = companion.train(
        regularized_mlp(),
        (split, digits().validation),
        seed=seed,
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=3e-3,
        schedule=None,
        show_progress=False,
        **recipe,
    )
    return run, split


def early_stopping_row(level: int | str, seed: int, *, quick: bool):
    """Train an MLP until its validation loss has not fallen for `level` epochs, or for all."""
    stops = {"keep": "last"} if level == "no stopping" else {"patience": level}
    run, split = validated(seed, **stops)
    losses = run.history["val_loss"]
    return {
        **errors(run, split),
        "epochs": len(losses),
        "best_epoch": int(losses.idxmin()),
        "validation_loss_at_end": losses.iloc[-1],
        "lowest_validation_loss": losses.min(),
    }


early_stopping = Study(
    name="early_stopping",
    question="Does stopping when the validation loss no longer falls lower the test error, and "
    "how patient should one be?",
    factor="patience",
    levels=("no stopping", 1, 2, 5, 10, 20),
    quick_levels=("no stopping", 5),
    seeds=range(10),
    quick_seeds=range(6),
    outcome="test_error",
    unit="share of 360 test digits",
    measure=early_stopping_row,
)


# ---- dropout ------------------------------------------------------------------------------------


def dropout_row(level: float, seed: int, *, quick: bool):
    """Train an MLP whose hidden units are silenced at the rate `level`."""
    from chapters.regularization.models import regularized_mlp

    fresh_start(seed)
    images, labels = few_digits(seed)
    model = regularized_mlp(dropout=level, seed=seed)
    return fit(model, images, labels, seed=seed, learning_rate=3e-3)[1]


dropout_rate = Study(
    name="dropout_rate",
    question="Which dropout rate lowers the test error of a network that overfits?",
    factor="dropout rate",
    levels=(0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
    quick_levels=(0.0, 0.2, 0.5),
    seeds=range(10),
    quick_seeds=range(7),
    outcome="test_error",
    unit="share of 360 test digits",
    measure=dropout_row,
)


# ---- augmentation -------------------------------------------------------------------------------


def augmentation_row(level: str, seed: int, *, quick: bool):
    """Train a CNN on 100 digits, all rightly labelled, changed anew in every epoch."""
    from chapters.regularization.models import regularized_cnn

    fresh_start(seed)
    images, labels = few_digits(seed, examples=100, mislabelled=0.0)
    transforms = () if level == "none" else tuple(level.split(" + "))
    model = regularized_cnn(transforms=transforms, seed=seed)
    recipe = {"schedule": "cosine", "warmup": 0, "learning_rate": 5e-3}
    return fit(model, images, labels, seed=seed, epochs=400, **recipe)[1]


augmentation = Study(
    name="augmentation",
    question="Which changes of a digit help a network that has seen only a hundred of them?",
    factor="augmentation",
    levels=(
        "none",
        "horizontal_flip",
        "crop_and_scale",
        "color_jitter",
        "translation",
        "rotation",
        "stretching",
        "translation + rotation",
        "randaugment",
        "autoaugment",
    ),
    quick_levels=("none", "horizontal_flip", "translation + rotation"),
    seeds=range(10),
    quick_seeds=range(7),
    outcome="test_error",
    unit="share of 360 test digits",
    measure=augmentation_row,
)


# ---- all switches at once -----------------------------------------------------------------------


def filmed(level: str, seed: int):
    """Return the film of a training on few digits with what `level` switches on."""
    from chapters.regularization.film import film

    images, labels = few_digits(seed)
    _, true = few_digits(seed, mislabelled=0.0)
    split = Split(images, labels)
    return film(level, split, labels != true, digits().validation, seed=seed)


def switched_training_row(level: str, seed: int, *, quick: bool):
    """Train with L2, with dropout, with both or neither, as the page's films do."""
    from chapters.regularization.film import in_short

    return in_short(filmed(level, seed), digits().validation)


switched_training = Study(
    name="switched_training",
    question="Do L2 and dropout together hold a network back further than either alone?",
    factor="held back by",
    levels=("neither", "L2", "dropout", "both"),
    quick_levels=("neither", "both"),
    seeds=range(10),
    quick_seeds=range(3),
    outcome="validation_error",
    unit="share of 144 validation digits, after 60 epochs",
    measure=switched_training_row,
)
