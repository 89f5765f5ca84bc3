"""A training as a film: after every epoch the losses, the weights, and what is misread."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets import Split

EPOCHS, L2, DROPOUT = 60, 0.01, 0.5
SWITCHES = {"neither": (0.0, 0.0), "L2": (L2, 0.0), "dropout": (0.0, DROPOUT),
            "both": (L2, DROPOUT)}  # fmt: skip
"""Strength of the L2 penalty and rate of dropout in each film."""

EDGE, WIDTH = 0.5, 0.025
"""Weights are counted from −EDGE to EDGE in bins of this width; those beyond, in the outermost."""


def histogram(weights: NDArray[Any]) -> NDArray[np.int_]:
    """Return how many weights lie in each bin; those beyond the edges count in the outermost.

    >>> counts = histogram(np.array([-3.0, 0.0, 0.01, 0.49, 2.0]))
    >>> len(counts), counts[0], counts[20], counts[-1]
    (40, np.int64(1), np.int64(2), np.int64(2))
    """
    indices = np.floor((np.ravel(weights) + EDGE) / WIDTH).astype(int)
    bins = round(2 * EDGE / WIDTH)
    return np.bincount(np.clip(indices, 0, bins - 1), minlength=bins)


def film(
    switch: str, split: Split, wrong: NDArray[np.bool_], validation: Split, *, seed: int
) -> dict[str, Any]:
    """Train an MLP on few digits, and keep what was seen after each epoch.

    Args:
        switch: A name of `SWITCHES`.
        split: The digits, with some wrong labels.
        wrong: Which labels are wrong.
        validation: What is looked at beside.
        seed: Decides weights and order.

    Returns:
        Lists with one entry before training and one after each epoch: ``loss`` and ``val_loss``,
        the cross-entropy of both sets with all units and without the penalty; ``by_heart``, how
        many wrong labels the network answers as they were given; ``weights``, the `histogram` of
        its kernels; ``norm``, the root of their sum of squares; ``answers``, what it reads in each
        validation digit, as one string. And ``wrong``, how many wrong labels there are.
    """
    import keras

    import companion
    from chapters.regularization.models import regularized_mlp
    from companion.training.seeding import fresh_start

    fresh_start(seed)
    images, labels = split.x, split.y
    l2, dropout = SWITCHES[switch]
    model = regularized_mlp(l2=l2, dropout=dropout, seed=seed)
    loss_of = keras.losses.SparseCategoricalCrossentropy()
    seen: dict[str, Any] = {"loss": [], "val_loss": [], "by_heart": [], "weights": [], "norm": [],
                            "answers": [], "wrong": int(wrong.sum())}  # fmt: skip

    def look() -> None:
        on_training = np.asarray(model(images, training=False))
        on_validation = np.asarray(model(validation.x, training=False))
        kernels = np.concatenate(
            [np.ravel(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
        )
        seen["loss"].append(float(loss_of(labels, on_training)))
        seen["val_loss"].append(float(loss_of(validation.y, on_validation)))
        seen["by_heart"].append(int(np.sum(on_training.argmax(1)[wrong] == labels[wrong])))
        seen["weights"].append(histogram(kernels).tolist())
        seen["norm"].append(float(np.linalg.norm(kernels)))
        seen["answers"].append("".join(map(str, on_validation.argmax(1))))

    look()
    companion.train(
        model,
        split,
        seed=seed,
        epochs=EPOCHS,
        batch_size=50,
        learning_rate=3e-3,
        schedule=None,
        keep="last",
        show_progress=False,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: look())],
    )
    return seen


def in_short(seen: dict[str, Any], validation: Split) -> dict[str, float]:
    """Return the numbers of a film that a study can compare: its lowest point, and its end.

    Args:
        seen: What `film` returns.
        validation: What it was given.
    """
    labels = "".join(map(str, validation.y))
    misread = [
        sum(map(str.__ne__, predicted, labels)) / len(labels) for predicted in seen["answers"]
    ]
    best = int(np.argmin(seen["val_loss"]))
    return {
        "validation_error": misread[-1],
        "validation_error_at_best": misread[best],
        "best_epoch": best,
        "validation_loss": seen["val_loss"][-1],
        "lowest_validation_loss": seen["val_loss"][best],
        "training_loss": seen["loss"][-1],
        "by_heart": seen["by_heart"][-1] / seen["wrong"],
        "weight_norm": seen["norm"][-1],
    }
