"""A model's graph, as it was described, and its layers as rows: each thing written in one way."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Graph = dict[str, Any]
# Layers and operations that are an activation by another name, if they are given these values.
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "ReLU": ("relu", {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    "Relu": ("relu", {}),
    "Sigmoid": ("sigmoid", {}),
    "Softmax": ("softmax", {"axis": -1}),
    "Tanh": ("tanh", {}),
}
FUSED = ("Conv", "Dense", "Depthwise", "Sep")  # what has an activation that is a layer of its own
# What says nothing about the function or its training, or is compared by its effect.
UNCOMPARED = {
    "axis_names",
    "data_format",
    "dtype",
    "implementation",
    "name",
    "ragged",
    "seed",
    "sparse",
    "use_cudnn",
}
MAX_ROWS = 250


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer of a model, at one place where it is called.

    Attributes:
        name: The layer's name in its model.
        class_name: Its class.
        layer: Its kind: the class (of a wrapper, with the class within), or ``Activation``.
        config: What it was given.
        input_shape: Its input's shape, without the batch.
        shape: Its output's shape, without the batch.
        parameters: Its weights' count.
        receives_mask: Whether a mask reaches it; None for a model that was not run.
        passes_mask: Whether it passes a mask on, likewise.
    """

    name: str
    class_name: str
    layer: str
    config: dict[str, Any] = field(hash=False)
    input_shape: tuple[int | None, ...] | None
    shape: tuple[int | None, ...]
    parameters: int
    receives_mask: bool | None = None
    passes_mask: bool | None = None

    @property
    def kind(self) -> str:
        """The layer's kind; of an activation, with its name."""
        return (
            f"{self.layer} {self.config.get('activation', '')}"
            if self.layer == "Activation"
            else self.layer
        )

    @property
    def label(self) -> str:
        """How a sentence names a layer of this kind."""
        activation = self.config.get("activation")
        names = {"relu": "ReLU"}
        return (
            names.get(str(activation), str(activation))
            if self.layer == "Activation"
            else self.layer
        )

    @property
    def title(self) -> str:
        """How a sentence names this very layer."""
        return f"{self.name} ({self.label})"

    @property
    def is_named(self) -> bool:
        """Whether the author named the layer, so that its name means something to a reader."""
        return not re.fullmatch(f"{_snake(self.class_name)}(_[0-9]+)?", self.name)


def read_graph(description: Any) -> Graph:
    """Return the graph of a description (`described`).

    Raises:
        ValueError: If it is none.
    """
    try:
        if "hidden" in description:
            return {"hidden": str(description["hidden"])[:300]}
        graph: Graph = json.loads(description["graph"])
        # What a later step reads is read once here.
        layer_rows(graph), input_shapes(graph), len(graph["outputs"]), parameters_of(graph)
        return graph
    except (
        TypeError,
        AttributeError,
        LookupError,
        ValueError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise ValueError("The model's description cannot be read.") from error


def layers_of(graph: Graph, kind: str) -> list[dict[str, Any]]:
    """Return the layers of one class."""
    return [layer for layer in graph["layers"] if layer["class_name"] == kind]


def input_shapes(graph: Graph) -> list[tuple[int | None, ...]]:
    """Return the shapes of a model's inputs, without the batch."""
    return [tuple(shape) for shape, _ in graph["inputs"]]


def parameters_of(graph: Graph) -> int:
    """Return how many parameters a model has."""
    return sum(int(layer["parameters"]) for layer in graph["layers"])


def layer_rows(graph: Graph) -> list[LayerRow]:
    """Return a model's layers in the order of the calls, each thing written in one way.

    An activation is a row of its own, explicit zeros before a convolution are its padding, and what
    changes nothing is left out.
    """
    rows: list[LayerRow] = []
    calls = graph["calls"]
    shapes = [tuple(call["shape"]) for call in calls]
    for call in _in_order(graph)[:MAX_ROWS]:
        layer = graph["layers"][call["layer"]]
        source = next(_sources([*call["args"], *call["kwargs"].values()]), {})
        input_shape = (
            tuple(graph["inputs"][source["input"]][0])
            if "input" in source
            else shapes[source["call"][0]]
            if "call" in source
            else None
        )
        row = LayerRow(
            str(layer["name"]),
            str(layer["class_name"]),
            class_of(layer),
            {**flat_config(layer), **_plain_arguments(call)},
            input_shape,
            tuple(call["shape"]),
            int(layer["parameters"]),
            calls[source["call"][0]].get("masked") if "call" in source else False,
            call.get("masked"),
        )
        for one in _split_activation(row):
            padding = rows[-1] if rows and rows[-1].layer.startswith("ZeroPadding") else None
            if padding and _is_padded(padding, one):
                rows[-1:] = [
                    replace(
                        one,
                        config={**one.config, "padding": "same"},
                        input_shape=padding.input_shape,
                    )
                ]
            elif not _does_nothing(one) or (one.receives_mask and not one.passes_mask):
                rows.append(one)
    return rows


def _in_order(graph: Graph) -> list[dict[str, Any]]:
    """Return the calls from input to output; where branches meet, those of the longer one first.

    In which order a model names the branches of a sum is of no account.
    """
    calls = graph["calls"]
    before: list[list[int]] = []
    depths: list[int] = []
    for index, call in enumerate(calls):
        sources = _sources([*call["args"], *call["kwargs"].values()])
        indices = [one["call"][0] for one in sources if "call" in one]
        if not all(0 <= source < index for source in indices):
            raise ValueError("A call comes before what it is given.")
        depths.append(1 + max((depths[source] for source in indices), default=0))
        before.append(sorted(indices, key=lambda source: -depths[source]))
    order: dict[int, None] = {}
    stack = [one["call"][0] for one in _sources(graph["outputs"]) if "call" in one][::-1]
    while stack:
        if missing := [source for source in before[stack[-1]] if source not in order]:
            stack += missing[::-1]
        else:
            order.setdefault(stack.pop())
    return [calls[source] for source in order]


def _sources(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield where the tensors of a call come from."""
    if isinstance(tree, dict) and ("call" in tree or "input" in tree):
        yield tree
    elif isinstance(tree, (dict, list)):
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from _sources(one)


def _plain_arguments(call: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call that are no tensors."""
    return {
        key: value
        for key, value in call["kwargs"].items()
        if not isinstance(value, dict) and value is not None
    }


def class_of(layer: dict[str, Any]) -> str:
    """Return a layer's class; of a wrapper, with the class within."""
    config = layer["config"]
    inner = next(
        (config[key] for key in ("layer", "cell") if isinstance(config.get(key), dict)), None
    )
    name = str(layer["class_name"])
    if name == "RNN" and inner and str(inner["class_name"]).endswith("Cell"):
        return str(inner["class_name"]).removesuffix("Cell")  # RNN(LSTMCell(…)) is an LSTM
    return f"{name}({inner['class_name']})" if inner else name


def flat_config(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's config without what is not compared; of a wrapper, with that within."""
    flat: dict[str, Any] = {}
    for key, value in layer["config"].items():
        if key in UNCOMPARED or (key == "trainable" and not layer.get("parameters", 1)):
            continue
        if key in ("layer", "cell") and isinstance(value, dict):
            flat |= flat_config(value)
        elif key == "backward_layer" and isinstance(value, dict):
            inner = flat_config(layer["config"]["layer"])
            for name, one in flat_config(value).items():
                usual = not inner.get(name) if name == "go_backwards" else inner.get(name)
                if one != usual and not name.endswith("_initializer"):
                    flat[f"backward {name}"] = one
        else:
            flat[key] = value
    return flat


def _split_activation(row: LayerRow) -> list[LayerRow]:
    """Write an activation in one way: Conv2D(activation="relu") is Conv2D, then ReLU."""
    layer, config = row.layer, dict(row.config)
    if layer in ACTIVATIONS:
        layer, config["activation"] = "Activation", layer
    fused = config.get("activation")
    if isinstance(fused, dict) and "class_name" in fused:
        inner = {key: value for key, value in flat_config(fused).items() if key != "trainable"}
        name = str(fused["class_name"])
        if name in ACTIVATIONS:
            config |= inner
        else:
            name = value_text({"class_name": name, "config": inner})
        fused = config["activation"] = name
    if isinstance(fused, dict):
        fused = config["activation"] = str(fused.get("function"))
    if isinstance(fused, str) and fused in ACTIVATIONS:
        fused, defaults = ACTIVATIONS[fused]
        given = {key: config.pop(key, value) for key, value in defaults.items()}
        unusual = [f"{key}={value}" for key, value in given.items() if value != defaults[key]]
        fused += f"({', '.join(unusual)})" if unusual else ""
        config["activation"] = fused
    if layer == "Activation":
        return [replace(row, layer=layer, config={"activation": fused})]
    if not (isinstance(fused, str) and layer.startswith(FUSED)):
        return [replace(row, config=config)]
    del config["activation"]
    activation = replace(row, layer="Activation", config={"activation": fused}, parameters=0)
    return [replace(row, config=config), replace(activation, input_shape=row.shape)]


def _is_padded(padding: LayerRow, row: LayerRow) -> bool:
    """Say whether zeros before a convolution are what its own padding 'same' would be."""
    if not (row.layer.startswith(("Conv", "Depthwise", "Sep")) and padding.input_shape):
        return False
    strides = np.broadcast_to(row.config.get("strides", 1), len(row.shape) - 1)
    same = [
        None if size is None else -(-size // int(stride))
        for size, stride in zip(padding.input_shape, strides, strict=False)
    ]
    return row.config.get("padding") == "valid" and list(row.shape[:-1]) == same


def _does_nothing(row: LayerRow) -> bool:
    """Say whether a layer changes nothing, in use or in training."""
    return (
        row.layer == "Identity"
        or (row.layer == "Activation" and row.config.get("activation") == "linear")
        or (row.layer == "Dropout" and not row.config.get("rate"))
        or (row.layer in ("Reshape", "Flatten") and row.input_shape == row.shape)
        or (row.layer == "Permute" and row.config.get("dims") == list(range(1, len(row.shape) + 1)))
    )


def _snake(name: str) -> str:
    """Return a class's name as Keras makes a layer's of it: max_pooling2d of MaxPooling2D."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def counted(count: int, name: str) -> str:
    """Return a noun with its count: 1 output, 2 outputs."""
    return f"{count} {name}{'' if count == 1 else 's'}"


def size_text(shape: Sequence[int | None]) -> str:
    """Return a shape for a reader."""
    return f"({', '.join(str(size) for size in shape)}{',' * (len(shape) == 1)})"


def value_text(value: Any) -> str:
    """Return a value of a config for a reader."""
    if isinstance(value, dict) and "function" in value:
        return repr(str(value["function"]))
    if isinstance(value, dict) and "class_name" in value:
        inner = value["config"] if isinstance(value.get("config"), dict) else {}
        given = [f"{key}={value_text(one)}" for key, one in inner.items() if key != "seed"]
        return f"{value['class_name']}({', '.join(given)})"[:200]
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(tuple(value) if isinstance(value, list) else value)[:200]
