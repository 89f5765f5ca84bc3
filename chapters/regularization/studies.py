"""Studies: what decay, early stopping, dropout and augmentation do to a network that overfits.

Every network is judged on the test split of the digits, which takes no part in its training.
Training sets are small on purpose, drawn anew for each seed from the training split; the
validation split steers early stopping and nothing else.
"""

from functools import cache

import numpy as np

import companion
from companion.datasets import Split
from companion.studies.study import Study
from companion.training.seeding import fresh_start

BATCH = 50
EPOCHS = 100
NEAR_ZERO = 1e-3


@cache
def digits():
    """Return the embedded digits, split."""
    return companion.load("digits")


def few_digits(seed, examples=300, mislabelled=0.2):
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


def error(model, split):
    """Return the share of a split that the model misreads."""
    from keras import ops

    probabilities = ops.convert_to_numpy(model(split.x, training=False))
    return float(np.mean(probabilities.argmax(-1) != split.y))


def fit(model, optimizer, images, labels, *, seed, epochs=EPOCHS):
    """Train the model for so many epochs, laid end to end in one: Keras starts up only once."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(images)) for _ in range(epochs)])
    model.compile(optimizer, "sparse_categorical_crossentropy", steps_per_execution=10)
    model.fit(images[order], labels[order], BATCH, epochs=1, shuffle=False, verbose=0)


def errors(model, images, labels):
    """Return the model's error on every split, that on the training labels as they were given."""
    return {
        "test_error": error(model, digits().test),
        "validation_error": error(model, digits().validation),
        "train_error": error(model, Split(images, labels)),
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


def weight_decay_row(level, seed, *, quick):
    """Train an MLP with one penalty; decoupled, λ is matched: Keras' weight_decay is 2λ."""
    import keras

    from chapters.regularization.models import regularized_mlp

    optimizer_name, penalty, strength = level
    fresh_start(seed)
    images, labels = few_digits(seed)
    model = regularized_mlp(
        l1=strength if penalty == "L1" else 0.0, l2=strength if penalty == "L2" else 0.0
    )
    decay = 2 * strength if penalty == "decoupled" else None
    if optimizer_name == "SGD":
        optimizer = keras.optimizers.SGD(0.2, weight_decay=decay)
    else:
        optimizer = keras.optimizers.Adam(3e-3, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    fit(model, optimizer, images, labels, seed=seed)
    kernels = np.concatenate(
        [np.ravel(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    )
    return {
        **errors(model, images, labels),
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


def early_stopping_row(level, seed, *, quick):
    """Train an MLP until its validation loss has not fallen for `level` epochs, or for all."""
    import keras

    from chapters.regularization.models import regularized_mlp

    fresh_start(seed)
    images, labels = few_digits(seed)
    held_out = digits().validation
    model = regularized_mlp()
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    callbacks = []
    if level != "no stopping":
        callbacks = [keras.callbacks.EarlyStopping(patience=level, restore_best_weights=True)]
    history = model.fit(
        images,
        labels,
        BATCH,
        epochs=EPOCHS,
        validation_data=(held_out.x, held_out.y),
        validation_batch_size=len(held_out),
        callbacks=callbacks,
        verbose=0,
    ).history["val_loss"]
    return {
        **errors(model, images, labels),
        "epochs": len(history),
        "best_epoch": int(np.argmin(history)) + 1,
        "validation_loss_at_end": history[-1],
        "lowest_validation_loss": min(history),
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


def dropout_row(level, seed, *, quick):
    """Train an MLP whose hidden units are silenced at the rate `level`."""
    import keras

    from chapters.regularization.models import regularized_mlp

    fresh_start(seed)
    images, labels = few_digits(seed)
    model = regularized_mlp(dropout=level, seed=seed)
    fit(model, keras.optimizers.Adam(3e-3), images, labels, seed=seed)
    return errors(model, images, labels)


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


def augmentation_row(level, seed, *, quick):
    """Train a CNN on 100 digits, all rightly labelled, changed anew in every epoch."""
    import keras

    from chapters.regularization.models import regularized_cnn

    fresh_start(seed)
    images, labels = few_digits(seed, examples=100, mislabelled=0.0)
    transforms = () if level == "none" else tuple(level.split(" + "))
    model = regularized_cnn(transforms=transforms, seed=seed)
    epochs = 400
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * len(images) // BATCH)
    fit(model, keras.optimizers.Adam(rate), images, labels, seed=seed, epochs=epochs)
    return errors(model, images, labels)


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
