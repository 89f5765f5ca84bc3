"""A Keras model described in plain values: a row a layer, and its outputs under given weights.

The worker has this file beside it as a module of its own, so it imports nothing of the book.
"""

import json
import warnings
from collections.abc import Sequence
from typing import Any


def describe(model: Any) -> list[dict[str, Any]]:
    """Return a Keras model as rows, one a layer: class, config, output shape, parameters.

    A function of ``keras.ops`` on the tensors themselves is a row, too.
    """
    import keras

    rows = []
    for layer in getattr(model, "operations", model.layers):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):
            rows += describe(layer)
            continue
        rows.append(
            {
                "name": layer.name[:100],
                "layer": type(layer).__name__[:100],
                "lambda": isinstance(layer, keras.layers.Lambda),
                "config": _config(layer),
                "shape": _shape(layer),
                "parameters": int(layer.count_params()) if getattr(layer, "built", False) else 0,
            }
        )
        inner = getattr(layer, "layer", None)
        if isinstance(inner, keras.layers.Layer):
            rows[-1]["layer"] += f"({type(inner).__name__[:100]})"
            rows[-1]["config"] |= _config(inner)
    return rows


def _config(layer: Any) -> dict[str, Any]:
    """Return the plain values of a layer's config, its penalties, and its activation's name."""
    import keras

    try:
        with warnings.catch_warnings(action="ignore"):  # a lambda cannot be saved, nor is it here
            config = layer.get_config()
    except NotImplementedError:
        return {}
    kept: dict[str, Any] = {}
    for key, value in config.items():
        if key in ("name", "dtype", "trainable", "batch_shape", "build_config", "seed"):
            continue
        function = getattr(layer, key, None) if key.endswith("activation") else None
        if isinstance(function, keras.layers.Layer):
            kept |= {**_config(function), key: type(function).__name__[:100]}
        elif callable(function):
            called = getattr(function, "__name__", type(function).__name__)
            kept[key] = called.removesuffix("_v2")[:100]  # as TensorFlow calls its softmax
        elif key.endswith(("_regularizer", "_constraint")) and isinstance(value, dict):
            kept[key] = f"{value.get('class_name')} {value.get('config')}"[:200]
        elif isinstance(value, (list, tuple)):
            if all(isinstance(one, (bool, int, float, str)) for one in value):
                kept[key] = list(value)
        elif value is None or isinstance(value, (bool, int, float, str)):
            kept[key] = value
    return kept


def _shape(layer: Any) -> list[int | None] | None:
    try:
        return [None if size is None else int(size) for size in layer.output.shape]
    except (AttributeError, ValueError, TypeError):
        return None


def outputs(model: Any, weights: Sequence[Any], inputs: Sequence[Any]) -> list[Any] | None:
    """Return the model's outputs under these weights, or None where they do not fit it."""
    import keras

    if [tuple(one.shape) for one in model.weights] != [one.shape for one in weights]:
        return None
    model.set_weights(list(weights))
    with warnings.catch_warnings():
        # Whether one input is given alone or in a list is the builder's choice.
        warnings.filterwarnings("ignore", message="The structure of `inputs`")
        tensors = model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
    tensors = tensors if isinstance(tensors, (list, tuple)) else [tensors]
    return [keras.ops.convert_to_numpy(one) for one in tensors]


def described(model: Any) -> dict[str, Any]:
    """Return what the judge compares of a model before it is run: its rows, its weights' shapes.

    Raises:
        TypeError: If it is no Keras model.
        ValueError: If it has no shapes.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"A Keras model is to be returned. Received: a {type(model).__name__}.")
    if not model.built:
        raise ValueError("The model has no shapes yet: begin it with keras.Input(shape).")
    return {
        "rows": json.dumps(describe(model)),
        "shapes": json.dumps([list(one.shape) for one in model.weights]),
    }


def built(model: Any, weights: Sequence[Any], inputs: Sequence[Any]) -> dict[str, Any]:
    """Return what the judge compares of a model: its description, and its outputs."""
    ran = outputs(model, weights, inputs) if weights or inputs else None
    return {**described(model), "outputs": ran}
