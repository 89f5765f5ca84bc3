"""Building the model that is trained: by its name, by a builder, or as it is given."""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from companion import catalogue
from companion.datasets.dataset import Dataset
from companion.errors import UserError
from companion.training import hardware

Builder = Callable[..., keras.Model]


def precision_of(model: keras.Model, requested: str) -> str:
    """Return the precision of a model that is built already.

    Raises:
        UserError: If another one is asked for.
    """
    built_in = str(model.dtype_policy.name)
    if requested not in ("auto", built_in):
        raise UserError(
            f"This model was built in {built_in}. To train in {requested}, give train() the "
            "builder or the model's name instead of the model."
        )
    return built_in


def build_model(
    model: keras.Model | str | Builder, dataset: Dataset, plan: hardware.Plan
) -> keras.Model:
    """Return the model that is named, built or given, for the data and on the plan's devices.

    Raises:
        UserError: If it is none that can be trained.
    """
    if isinstance(model, keras.Model):
        return plan.strategy.adopted(_readable(model, dataset))
    arguments: dict[str, Any] = {"classes": dataset.classes} if dataset.classes else {}
    if isinstance(model, str):
        shape = catalogue.find_model(model)[1].input_shape
        arguments["input_shape"] = suitable_shape(shape, dataset.shape)
        model = catalogue.builder(model)
    elif isinstance(model, keras.Layer) or not callable(model):
        raise UserError(
            "A model is a name from `companion models`, a builder or a keras.Model. Received: "
            f"{type(model).__name__}."
        )
    else:
        parameters = inspect.signature(model).parameters
        if "classes" not in parameters and all(
            one.kind != one.VAR_KEYWORD for one in parameters.values()
        ):
            arguments = {}
    built = model(**arguments)
    if not isinstance(built, keras.Model):
        raise UserError(f"A builder returns a keras.Model. Received: {type(built).__name__}.")
    return _readable(built, dataset)


def _readable(model: keras.Model, dataset: Dataset) -> keras.Model:
    """Return a model whose layers and shapes are known; a Sequential one is built for the data.

    Raises:
        UserError: If it is a subclass, or has not one input and one output.
    """
    if isinstance(model, keras.Sequential) and not model.built:
        try:
            model.build((None, *dataset.shape))
        except (ValueError, TypeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"{model.name} cannot be built for examples of shape {dataset.shape}: {reason} "
                "Begin it with a keras.Input of the shape that it reads."
            ) from error
    if not getattr(model, "outputs", None):
        raise UserError(
            f"{type(model).__name__} is a subclass of keras.Model, whose layers cannot be read. "
            "Give its functional form: x = keras.Input(shape), then keras.Model(x, model(x))."
        )
    for kind, tensors in (("input", model.inputs), ("output", model.outputs)):
        named = isinstance(getattr(model, f"_{kind}s_struct", None), dict)
        if len(tensors) != 1 or named:
            raise UserError(
                f"A model is trained for one {kind}. Received: {len(tensors)} {kind}s of "
                f"{model.name}{', by names' if named else ''}. Give a `keras.Model` of one."
            )
    return model


def suitable_shape(
    drawn_for: tuple[int | None, ...], data: tuple[int | None, ...]
) -> tuple[int | None, ...]:
    """Return the input shape to build a model with: the data's, unless their images are smaller.

    >>> suitable_shape((28, 28, 1), (32, 32, 3))
    (32, 32, 3)
    >>> suitable_shape((28, 28, 1), (8, 8, 1))
    (28, 28, 1)
    """
    if len(drawn_for) != len(data) or len(data) != 3 or None in (*drawn_for, *data):
        return drawn_for
    pairs = zip(data[:2], drawn_for[:2], strict=True)
    size = tuple(max(have or 0, want or 0) for have, want in pairs)
    return (*size, data[2])
