"""A Keras model described in plain values: its layers, and the graph of their calls.

Models within models, `Sequential` ones and subclasses come out as one flat graph of Keras's own
layers and operations, however they were written down. The worker has this file beside it as a
module of its own, so it imports nothing of the book.
"""

import functools
import inspect
import json
import warnings
from collections.abc import Sequence
from typing import Any

MAX_TEXT = 1 << 20
MAX_CALLS = 2000
MAX_DEPTH = 20
MAX_CONSTANT = 10_000
# Layers that do the same at every step anyway: TimeDistributed adds nothing to them.
POINTWISE = {"Dense", "Dropout", "Activation", "ReLU", "LeakyReLU", "Softmax"}


class HiddenError(TypeError):
    """Code that nothing can look into stands in the model; the message names it."""


class ForeignError(HiddenError):
    """What is neither a tensor nor a plain value is given to a layer."""


def described(model: Any, inputs: Sequence[Any] = ()) -> dict[str, str]:
    """Return what the judge reads of a model: its graph, as JSON, or why it is hidden.

    Args:
        model: A Keras model. One that was built of tensors is read; a subclass is called.
        inputs: Shape and dtype of each input, to call a subclass with.

    Raises:
        TypeError: If it is no Keras model.
        ValueError: If it has no shapes, or is too large.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"A Keras model is to be returned. Received: a {type(model).__name__}.")
    graph = _Graph()
    try:
        text = json.dumps(graph.whole(model, inputs))
    except HiddenError as hidden:
        return {"hidden": str(hidden)[:300]}
    if len(text) > MAX_TEXT:
        raise ValueError(f"The model's description is too long: {len(text):,} characters.")
    return {"graph": text}


class _Graph:
    """The layers and calls that are met on the way from a model's inputs to its outputs."""

    def __init__(self) -> None:
        self.layers: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.places: dict[int, int] = {}  # of a layer, by identity, in `layers`
        self.alive: list[Any] = []  # what is known by its identity must not be freed

    def whole(self, model: Any, shapes: Sequence[Any]) -> dict[str, Any]:
        """Return the description of a model."""
        import keras

        if _is_graph(model):
            inputs = model.inputs
        elif isinstance(model, keras.Sequential) or not shapes:
            raise ValueError("The model has no shapes yet: begin it with keras.Input(shape).")
        else:
            inputs = [keras.Input(tuple(shape), dtype=dtype) for shape, dtype in shapes]
        known = {id(tensor): {"input": index} for index, tensor in enumerate(inputs)}
        arguments = inputs[0] if len(inputs) == 1 else list(inputs)
        if not model.built:
            model(arguments)
        outputs = self.within(model, (arguments,), {}, known, None, 0)
        return {
            "inputs": [[_shape(one), keras.backend.standardize_dtype(one.dtype)] for one in inputs],
            "layers": self.layers,
            "calls": self.calls,
            "outputs": outputs,
        }

    def within(
        self,
        model: Any,
        args: Any,
        kwargs: dict[str, Any],
        known: dict[int, Any],
        training: Any,
        depth: int,
    ) -> list[Any]:
        """Add the calls of a model, or of a layer that consists of others; return its outputs.

        Args:
            model: The model or layer.
            args: What it is called with, by position.
            kwargs: What it is called with, by name.
            known: Where tensors come from, by their identity.
            training: With what `training` it was called, if with any.
            depth: How many models lie around it.
        """
        import keras

        if depth > MAX_DEPTH:
            raise ValueError("The models are nested too deeply.")
        tensors = [one for one in keras.tree.flatten([args, kwargs]) if _is_tensor(one)]
        if _is_graph(model):
            inputs, outputs = model.inputs, model.outputs
        else:
            inputs = [keras.KerasTensor(one.shape, one.dtype) for one in tensors]
            fresh = {id(old): new for old, new in zip(tensors, inputs, strict=True)}
            args, kwargs = keras.tree.map_structure(
                lambda one: fresh.get(id(one), one), (args, kwargs)
            )
            vars(model)["add_loss"] = functools.partial(_refuse_loss, model)
            try:
                outputs = model.call(*args, **kwargs)
            except HiddenError:
                raise
            except Exception as error:  # whatever the learner's own code makes of symbols
                raise HiddenError(_own(model)) from error
            finally:
                del vars(model)["add_loss"]
        outputs = keras.tree.flatten(outputs)
        if not all(map(_is_tensor, outputs)):
            raise HiddenError(_own(model))
        self.alive += [inputs, outputs]
        inner = {id(tensor): known[id(old)] for tensor, old in zip(inputs, tensors, strict=True)}
        try:
            for node in _in_order(outputs, inner):
                self._call(node, inner, training, depth)
        except ForeignError as error:
            raise HiddenError(_own(model)) from error
        return [inner[id(one)] for one in outputs]

    def _call(self, node: Any, known: dict[int, Any], training: Any, depth: int) -> None:
        """Add one call, and the places of its outputs to what is `known`."""
        import keras

        layer, (args, kwargs) = node.operation, _arguments(node)
        if isinstance(layer, keras.layers.Lambda):
            raise HiddenError(
                f"{layer.name} is a Lambda layer: code in a box that cannot be compared, saved or "
                "read. Use a layer of Keras, or keras.ops on the tensors themselves."
            )
        if parameter := inspect.signature(layer.call).parameters.get("training"):
            # What is passed along for lack of another word is no choice of the model's.
            if kwargs.get("training") == parameter.default:
                kwargs.pop("training", None)
            if training is not None:
                kwargs.setdefault("training", training)
        made: list[Any]
        if _is_graph(layer) or not type(layer).__module__.startswith("keras.src."):
            inner = kwargs.pop("training", training)
            made = self.within(layer, args, kwargs, known, inner, depth + 1)
        else:
            call = {
                "layer": self._layer_index(layer),
                "args": [_tree(one, known) for one in args],
                "kwargs": {name: _tree(value, known) for name, value in kwargs.items()},
                "shape": _shape(node.outputs[0]),
            }
            self.calls.append(call)
            made = [{"call": [len(self.calls) - 1, index]} for index in range(len(node.outputs))]
        if len(self.calls) > MAX_CALLS:
            raise ValueError(f"The model has more than {MAX_CALLS:,} layers.")
        known |= {id(one): ref for one, ref in zip(node.outputs, made, strict=True)}

    def _layer_index(self, layer: Any) -> int:
        """Return where a layer stands in `layers`; it is added where it is new."""
        import keras

        if id(layer) not in self.places:
            self.places[id(layer)] = len(self.layers)
            self.alive.append(layer)
            is_layer = isinstance(layer, keras.layers.Layer)
            self.layers.append(
                {
                    "name": layer.name[:100],
                    "kind": "layer" if is_layer else "operation",
                    **_serialized(layer),
                    "parameters": int(layer.count_params()) if is_layer and layer.built else 0,
                }
            )
        return self.places[id(layer)]


def _is_graph(model: Any) -> bool:
    """Say whether a model was built of tensors, so that its own graph can be read."""
    built_of_tensors = ("keras.src.models.functional", "keras.src.models.sequential")
    return type(model).call.__module__ in built_of_tensors and bool(getattr(model, "outputs", None))


def _own(layer: Any) -> str:
    return (
        f"{layer.name} is code of your own ({type(layer).__name__}) that cannot be looked into: "
        "build it of Keras's layers, with keras.ops on the tensors."
    )


def _refuse_loss(layer: Any, loss: Any) -> None:
    raise HiddenError(
        f"{layer.name} adds to the loss in code of your own (add_loss), which cannot be compared: "
        "give the penalty to a layer, e.g. kernel_regularizer=keras.regularizers.L2(0.001)."
    )


def _in_order(outputs: Sequence[Any], known: dict[int, Any]) -> list[Any]:
    """Return the nodes that `outputs` depend on, each behind those that it depends on itself."""
    order: list[Any] = []
    done: set[int] = set()
    waiting = [_node(one) for one in reversed(outputs) if id(one) not in known]
    while waiting:
        node = waiting[-1]
        before = [] if id(node) in done else _before(node, known, done)
        if before:
            waiting += reversed(before)
            continue
        waiting.pop()
        if id(node) not in done:
            done.add(id(node))
            order.append(node)
    return order


def _before(node: Any, known: dict[int, Any], done: set[int]) -> list[Any]:
    import keras

    tensors = [one for one in keras.tree.flatten(_arguments(node)) if _is_tensor(one)]
    nodes = [_node(one) for one in tensors if id(one) not in known]
    return [one for one in nodes if id(one) not in done]


def _node(tensor: Any) -> Any:
    import keras

    history = tensor._keras_history
    if history.operation is None or isinstance(history.operation, keras.layers.InputLayer):
        raise ValueError("The model's outputs depend on a keras.Input that is none of its inputs.")
    return history.operation._inbound_nodes[history.node_index]


def _arguments(node: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a layer was called with, but for the masks that go along with its tensors."""
    import keras

    args, kwargs = node.arguments.args, node.arguments.kwargs
    masks = {id(getattr(one, "_keras_mask", None)) for one in keras.tree.flatten([args, kwargs])}
    return args, {
        name: value
        for name, value in kwargs.items()
        if not (
            name.endswith("mask")
            and all(one is None or id(one) in masks for one in keras.tree.flatten(value))
        )
        and value is not None
    }


def _is_tensor(value: Any) -> bool:
    import keras

    return isinstance(value, keras.KerasTensor)


def _tree(value: Any, known: dict[int, Any]) -> Any:
    """Return an argument of a call in plain values, its tensors by where they come from."""
    if _is_tensor(value):
        return known[id(value)]
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, slice):
        return {"slice": [_tree(one, known) for one in (value.start, value.stop, value.step)]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_tree(one, known) for one in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "__array__") and not hasattr(value, "assign"):
        import numpy as np

        array = np.asarray(value)
        if array.size <= MAX_CONSTANT and array.dtype.kind in "biuf":
            return {"array": array.tolist(), "dtype": array.dtype.name}
    raise ForeignError(type(value).__name__)


def _serialized(layer: Any) -> dict[str, Any]:
    """Return a layer as Keras would save it, in plain values; what is none is named."""
    inner = getattr(layer, "layer", None) or getattr(layer, "forward_layer", None)
    if type(layer).__name__ == "TimeDistributed" and type(inner).__name__ in POINTWISE:
        return _serialized(inner)
    try:
        with warnings.catch_warnings(action="ignore"):  # a lambda cannot be saved, nor is it here
            config = layer.get_config()
    except Exception:  # Keras reads the source of a lambda, where there is one
        config = {"activation": None} if hasattr(layer, "activation") else {}
    return {
        "module": "keras.layers",
        "class_name": type(layer).__name__[:100],
        "config": {str(key)[:100]: _value(layer, key, value) for key, value in config.items()},
    }


def _value(layer: Any, key: str, value: Any) -> Any:
    """Return one value of a layer's config; a layer, or a function, is asked for itself."""
    import keras

    if key.endswith("dtype"):
        return keras.backend.standardize_dtype(getattr(layer, "compute_dtype", value))
    inner = getattr(layer, "forward_layer" if key == "layer" else key, None)
    inner = inner if inner is not None else getattr(layer, key, None)
    if isinstance(inner, keras.layers.Layer):
        return _serialized(inner)
    if callable(inner) and key.endswith("activation"):
        name = str(getattr(inner, "__name__", type(inner).__name__))[:100].removesuffix("_v2")
        module = str(getattr(inner, "__module__", "") or "")
        usual = module.startswith(("keras.", "tensorflow.")) and hasattr(keras.activations, name)
        return name if usual else {"function": name}
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") in ("function", "__lambda__"):
            return {"function": str(value.get("config"))[:100]}
        return {str(key)[:100]: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "item") and getattr(value, "size", 0) == 1:
        return value.item()
    return {"function": type(value).__name__[:100]}


def _shape(tensor: Any) -> list[int | None]:
    """Return a tensor's shape without the batch."""
    return [None if size is None else int(size) for size in tensor.shape[1:]]
