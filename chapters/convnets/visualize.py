"""What a convnet sees: its kernels, its maps, and the places that its answer hangs on.

Every function takes a model with one image as its input, works on every backend of Keras and
returns a Matplotlib figure. The arithmetic behind each has a function of its own, which returns
the array.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import ArrayLike, NDArray

from companion.errors import UserError
from companion.plots import picture, subplots


def kernels(model: keras.Model, layer: str | None = None, most: int = 32):
    """Draw the kernels of a convolution: what each is looking for.

    Grey is 0, white is positive, black is negative; kernels on RGB are shown in colour. Of a
    deeper layer, each kernel's slice for the first map below is shown.

    Args:
        model: A convnet.
        layer: The name of a convolution; the first one by default.
        most: How many kernels to draw at most.

    Returns:
        A Matplotlib figure.
    """
    convolution = _convolution(model, layer, first=True)
    weights = ops.convert_to_numpy(convolution.kernel)  # (height, width, maps below, maps)
    colour = weights.shape[2] == 3
    shown = weights if colour else weights[:, :, :1]
    shown = 0.5 + 0.5 * shown / np.abs(shown).max()
    pictures = [shown[..., k] if colour else shown[..., 0, k] for k in range(shown.shape[-1])]
    height, width, below, count = weights.shape
    title = f"{convolution.name}: {count} kernels of {height}×{width}×{below}"
    return _grid(pictures[:most], title, limits=(0, 1))


def feature_maps(model: keras.Model, image: ArrayLike, layer: str | None = None, most: int = 32):
    """Draw what a layer answers to an image, map by map; bright is a strong answer.

    Args:
        model: A convnet.
        image: Shape ``(height, width, channels)``.
        layer: The layer's name; the first convolution by default.
        most: How many maps to draw at most.

    Returns:
        A Matplotlib figure.
    """
    looked_at = _convolution(model, layer, first=True) if layer is None else model.get_layer(layer)
    maps = activations(model, image, looked_at.name)
    height, width, count = maps.shape
    title = f"{looked_at.name}: {count} maps of {height}×{width}"
    return _grid([maps[..., k] for k in range(min(most, count))], title)


def class_activation_map(model: keras.Model, image: ArrayLike, label: int | None = None):
    """Draw a class activation map over the image (Zhou et al., 2016).

    For models that end in maps, global average pooling and one dense layer, as `gap_classifier`
    and `googlenet` do.

    Args:
        model: Such a model.
        image: Shape ``(height, width, channels)``.
        label: The class; the predicted one by default.

    Returns:
        A Matplotlib figure.

    Raises:
        UserError: If the model ends otherwise; `grad_cam` takes any convnet.
    """
    label = _label(model, image, label)
    return _overlay(image, activation_map(model, image, label), f"evidence for class {label}")


def grad_cam(
    model: keras.Model, image: ArrayLike, label: int | None = None, layer: str | None = None
):
    """Draw Grad-CAM over the image: which places of the last maps raise a class's score.

    Args:
        model: A convnet.
        image: Shape ``(height, width, channels)``.
        label: The class; the predicted one by default.
        layer: The name of the layer to look into; the last one that still has an image, of more
            than one place, by default.

    Returns:
        A Matplotlib figure.
    """
    label = _label(model, image, label)
    return _overlay(
        image, gradient_map(model, image, label, layer), f"what raises the score of class {label}"
    )


def occlusion(
    model: keras.Model, image: ArrayLike, label: int | None = None, patch: int = 9, stride: int = 2
):
    """Draw how much the class's probability falls when a grey patch covers each place.

    Source: Zeiler and Fergus (2014), section 4.2.

    Args:
        model: A convnet.
        image: Shape ``(height, width, channels)``.
        label: The class; the predicted one by default.
        patch: Side of the patch in pixels.
        stride: Pixels from one place of the patch to the next.

    Returns:
        A Matplotlib figure.
    """
    label = _label(model, image, label)
    drops = occlusion_map(model, image, label, patch, stride)
    return _overlay(
        image, drops, f"loss of probability of class {label} under a {patch}×{patch} patch"
    )


def activation_maximization(
    model: keras.Model, labels: Iterable[int], steps: int = 200, seed: int = 0
):
    """Draw the image that excites each class most, found by gradient ascent from noise.

    Args:
        model: A convnet.
        labels: The classes.
        steps: Steps of the ascent.
        seed: Seed of the noise.

    Returns:
        A Matplotlib figure.
    """
    pictures = [_shown(exciting_image(model, label, steps, seed=seed)) for label in labels]
    names = [f"class {label}" for label in labels]
    return _grid(pictures, "Images that excite each class most", names, (0, 1))


# The arithmetic ----------------------------------------------------------------------------------


def activations(model: keras.Model, image: ArrayLike, layer: str):
    """Return a layer's output for one image: shape ``(rows, columns, maps)`` for maps."""
    front = keras.Model(model.inputs[0], model.get_layer(layer).output)
    return ops.convert_to_numpy(front(np.asarray(image)[None], training=False))[0]


def activation_map(model: keras.Model, image: ArrayLike, label: int):
    """Return a class activation map, of the size of the model's last maps.

    Its mean, plus the class's bias, is the class's score before the softmax.

    Raises:
        UserError: If the model does not end in maps, global average pooling and one dense layer.
    """
    *front, last = [part for part in model.layers if not isinstance(part, layers.Dropout)]
    if not (
        isinstance(last, layers.Dense) and isinstance(front[-1], layers.GlobalAveragePooling2D)
    ):
        raise UserError(
            "A class activation map needs a model that ends in GlobalAveragePooling2D and Dense, "
            f"such as gap_classifier. Received: {model.name}. Use grad_cam: it takes any convnet."
        )
    maps = activations(model, image, front[-2].name)
    # M_c(i, j) = Σ_k w_kc A_k(i, j)
    return maps @ ops.convert_to_numpy(last.kernel)[:, label]


def gradient_map(model: keras.Model, image: ArrayLike, label: int, layer: str | None = None):
    """Return Grad-CAM (Selvaraju et al., 2017), of the size of the layer's maps, never negative."""
    name = _convolution(model, layer, first=False).name
    maps = activations(model, image, name)
    gradient = gradient_at(scores(model), name, maps, label)
    # g_k = mean over places of ∂z_c / ∂A_k        M_c = ReLU(Σ_k g_k A_k)
    return np.maximum(maps @ gradient.mean(axis=(0, 1)), 0)


def occlusion_map(
    model: keras.Model, image: ArrayLike, label: int, patch: int = 9, stride: int = 2
):
    """Return how much a class's probability falls with a grey patch at each place.

    Returns:
        Shape ``(rows, columns)``, one number for each place of the patch's middle; positive where
        covering the image hurts the class.
    """
    image = np.asarray(image, "float32")
    height, width = image.shape[:2]
    rows, columns = range(0, height, stride), range(0, width, stride)
    covered = np.repeat(image[None], len(rows) * len(columns), axis=0)
    for number, (row, column) in enumerate((r, c) for r in rows for c in columns):
        top, left = max(row - patch // 2, 0), max(column - patch // 2, 0)
        bottom, right = row - patch // 2 + patch, column - patch // 2 + patch
        covered[number, top:bottom, left:right] = image.mean(axis=(0, 1))
    unoccluded = model.predict(image[None], verbose=0)[0, label]
    left_over = model.predict(covered, batch_size=256, verbose=0)[:, label]
    return (unoccluded - left_over).reshape(len(rows), len(columns))


def exciting_image(
    model: keras.Model,
    label: int,
    steps: int = 200,
    *,
    learning_rate: float = 0.02,
    decay: float = 1e-2,
    seed: int = 0,
):
    """Return the image that gradient ascent finds for a class: its score, less a penalty.

    The image is the only weight that is trained, by Adam, and kept within [0, 1]; the penalty
    decay·‖x‖² keeps pixels dark that do not matter (Simonyan, Vedaldi and Zisserman, 2014).

    Returns:
        Shape ``(height, width, channels)``.
    """
    shape = model.input_shape[1:]
    canvas = Canvas(shape, scores(model), seed)
    ascent = _trainer(canvas, label, keras.optimizers.Adam(learning_rate), decay)
    for _ in range(steps):
        ascent.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    return ops.convert_to_numpy(canvas.value)[0]


class Canvas(layers.Layer):
    """A layer whose only weight is an input of `network`, which itself stays as it is."""

    def __init__(
        self,
        shape: tuple[int, ...],
        network: keras.Model,
        seed: int = 0,
        within: tuple[float, float] | None = (0.0, 1.0),
    ):
        super().__init__(dtype="float32")
        # In a function, since Keras would count a layer's weights among our own.
        self.answer = lambda x: network(x, training=False)
        self.value = self.add_weight(
            name="value",
            shape=(1, *shape),
            initializer=keras.initializers.RandomUniform(0.0, 0.1, seed),
            constraint=(lambda x: ops.clip(x, *within)) if within else None,
        )

    def call(self, inputs: keras.KerasTensor):
        # `inputs` is one zero, which Keras wants to be fed.
        return self.answer(self.value + 0 * ops.sum(inputs))


def gradient_at(model: keras.Model, layer: str, value: NDArray[Any], label: int):
    """Return ∂(score of the class) / ∂(output of `layer`), where that output is `value`."""
    head = keras.Model(model.get_layer(layer).output, model.output)
    canvas = Canvas(value.shape, head, within=None)
    canvas.value.assign(value[None])
    # A step of plain gradient ascent moves the value by exactly the gradient.
    _trainer(canvas, label, keras.optimizers.SGD(1.0)).train_on_batch(
        np.zeros((1, 1)), np.zeros((1, 1))
    )
    return ops.convert_to_numpy(canvas.value)[0] - value


def scores(model: keras.Model):
    """Return the model without its softmax, whose gradient vanishes once it is sure."""
    last = model.layers[-1]
    if isinstance(last, layers.Softmax):
        return keras.Model(model.inputs[0], last.input)
    if getattr(last, "activation", None) is not keras.activations.softmax:
        return model
    linear = last.from_config({**last.get_config(), "activation": "linear", "name": "scores"})
    bare = keras.Model(model.inputs[0], linear(last.input))
    linear.set_weights(last.get_weights())
    return bare


def _trainer(canvas: Canvas, label: int, optimizer: keras.Optimizer, decay: float = 0.0):
    one = keras.Input((1,))
    model = keras.Model(one, canvas(one))

    def loss(_: keras.KerasTensor, outputs: keras.KerasTensor):
        return -outputs[:, label] + decay * ops.sum(ops.square(canvas.value))

    model.compile(optimizer, loss)
    return model


def _convolution(model: keras.Model, name: str | None, *, first: bool):
    """Return the layer of that name; else the first convolution, or the last layer with maps."""
    if name is not None:
        return model.get_layer(name)
    with_maps = [part for part in model.layers[1:] if len(getattr(part.output, "shape", ())) == 4]
    if first:
        with_maps = [part for part in with_maps if isinstance(part, layers.Conv2D)]
    else:
        with_maps = [part for part in with_maps if min(part.output.shape[1:3]) > 1]
    if not with_maps:
        raise UserError(f"{model.name} has no convolution over an image. Name a layer of its own.")
    return with_maps[0 if first else -1]


def _label(model: keras.Model, image: ArrayLike, label: int | None):
    if label is not None:
        return label
    return int(model.predict(np.asarray(image)[None], verbose=0)[0].argmax())


def _shown(image: ArrayLike):
    """Return an image as Matplotlib draws it: grey without its axis of channels."""
    image = np.asarray(image)
    return image[..., 0] if image.shape[-1] == 1 else image


def _grid(
    pictures: Sequence[NDArray[Any]],
    title: str,
    names: Sequence[object] = (),
    limits: tuple[float | None, float | None] = (None, None),
):
    columns = min(8, len(pictures))
    rows = -(-len(pictures) // columns)
    figure, grid = subplots((1.1 * columns + 0.4, 1.15 * rows + 0.7), rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    names = names or range(1, len(pictures) + 1)
    for axes, image, name in zip(grid.flat, pictures, names, strict=False):
        picture(axes, image, f"{name}", vmin=limits[0], vmax=limits[1])
    figure.suptitle(title)
    return figure


def _overlay(image: ArrayLike, heat: NDArray[Any], title: str):
    figure, (left, right) = subplots((7.2, 3.6), 1, 2)
    height, width = np.asarray(image).shape[:2]
    picture(left, _shown(image), "image")
    picture(right, _shown(image), "where")
    drawn = right.imshow(heat, extent=(-0.5, width - 0.5, height - 0.5, -0.5), alpha=0.65)
    figure.colorbar(drawn, ax=right, shrink=0.8)
    figure.suptitle(title)
    return figure
