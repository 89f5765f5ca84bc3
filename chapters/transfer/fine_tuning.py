"""Fine-tuning: a new head on an old base, and which of the base's layers may still move."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

import companion
from companion.datasets.dataset import Dataset
from companion.errors import UserError
from companion.training.run import Run

STRATEGIES = ("head", "some", "all")


def fine_tune(
    base: keras.Model,
    data: str | Dataset,
    strategy: str = "head",
    *,
    first_open: str | None = None,
    head_rate: float = 5e-3,
    rate: float = 5e-4,
    seed: int = 0,
    **recipe: Any,
) -> list[Run]:
    """Train a new head on a copy of a base; then, if the strategy opens layers, all that is open.

    The second stage begins when the head has learned something, at a smaller rate, with a model
    that is compiled anew: its optimizer is fresh, and it reads which layers are open. Each stage
    goes on until the recipe ends it, and keeps the weights that validate best.

    Args:
        base: A trained network from images to features, e.g. of `load_base`. It stays as it is.
        data: What to learn, as `companion.train` takes it.
        strategy: What moves in the end: the ``"head"`` alone, ``"some"`` layers and the head, or
            ``"all"`` of them. Batch normalization never does.
        first_open: The layer of the base from which on ``"some"`` are open; by default half of
            those with kernels are.
        head_rate: Learning rate of the first stage.
        rate: Learning rate of the second.
        seed: Seed of the order of the examples and of their changes.
        **recipe: What else `companion.train` takes, for both stages.

    Returns:
        The run of each stage: one for ``"head"``, two for the others.

    Raises:
        UserError: If there is no such strategy or layer, or the data do not fit.
    """
    data = companion.load(data) if isinstance(data, str) else data
    model = with_head(base, data.classes)
    if strategy != "head":
        open_layers(model, strategy, first_open)  # so that a slip is told before anything trains
    open_layers(model, "head")
    runs = [companion.train(model, data, seed=seed, learning_rate=head_rate, **recipe)]
    if strategy != "head":
        open_layers(model, strategy, first_open)
        # The same layers in a model that is not compiled yet: `train` compiles it.
        anew = keras.Model(model.inputs, model.outputs, name=model.name)
        runs.append(companion.train(anew, data, seed=seed, learning_rate=rate, **recipe))
    return runs


def with_head(base: keras.Model, classes: int) -> keras.Model:
    """Return a copy of a base under a new softmax layer, named ``head``, whose weights are zero.

    A last layer may begin at zero: each of its units has an error of its own, so they part at the
    first step. Weights that are drawn would stay in the answers as noise wherever few examples
    correct them.

    Args:
        base: From images to feature maps, which are averaged over their places, or to features.
        classes: Units of the head.
    """
    copied = keras.models.clone_model(base)
    copied.set_weights(base.get_weights())
    images = keras.Input(base.input_shape[1:], name="image")
    features = copied(images)
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="average")(features)
    head = keras.layers.Dense(
        classes, "softmax", kernel_initializer="zeros", dtype="float32", name="head"
    )
    return keras.Model(images, head(features), name=f"{base.name}_with_head")


def open_layers(model: keras.Model, strategy: str, first_open: str | None = None) -> None:
    """Say which layers of a base under a head may move. Then compile, for `compile` reads it.

    Batch normalization stays locked, and with it in inference mode.

    Args:
        model: What `with_head` returned.
        strategy: ``"head"``, ``"some"`` or ``"all"``.
        first_open: The layer of the base from which on ``"some"`` are open.

    Raises:
        UserError: If there is no such strategy, or no such layer.
    """
    if strategy not in STRATEGIES:
        raise UserError(
            f"strategy is one of {', '.join(map(repr, STRATEGIES))}. Received: {strategy!r}."
        )
    base = model.layers[1]
    layers = flat_layers(base)
    names = [layer.name for layer in layers]
    if first_open is not None and first_open not in names:
        raise UserError(
            f"first_open names a layer of the base: {', '.join(names)}. Received: {first_open!r}."
        )
    kernels = [layer.name for layer in layers if any(len(w.shape) > 1 for w in layer.weights)]
    if strategy == "head":
        first = len(layers)
    elif strategy == "all":
        first = 0
    else:
        first = names.index(first_open or kernels[-max(1, len(kernels) // 2)])
    base.trainable = True  # else nothing in it is, whatever its layers say
    for number, layer in enumerate(layers):
        # A normalization that is not trainable keeps to its moving averages, in training as well.
        normalizes = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = number >= first and not normalizes


def flat_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers of a model from the input on, those of a model within it in its place."""
    flat = []
    for layer in model.layers:
        flat += flat_layers(layer) if isinstance(layer, keras.Model) else [layer]
    return flat


def extracted(base: keras.Model, data: Dataset) -> Dataset:
    """Return data whose examples are what a base makes of them, computed once.

    A head that is trained on them sees what it would see on top of the frozen base, as long as
    nothing about an example changes from one epoch to the next: no augmentation, no dropout.

    Args:
        base: From images to features.
        data: Images of the size that the base reads.
    """

    def features(x: NDArray[Any]) -> NDArray[np.float32]:
        if not len(x):
            return np.zeros((0, width), "float32")
        outputs = keras.ops.convert_to_numpy(base.predict(x, batch_size=512, verbose=0))
        return outputs.reshape(len(x), width).astype("float32")

    width = int(np.prod(base.output_shape[1:]))
    return data.fitted_to(base.input_shape[1:]).changed((width,), features)
