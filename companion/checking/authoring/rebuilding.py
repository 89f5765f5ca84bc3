"""A described model rebuilt of Keras's own layers, and what it computes under drawn weights.

A description may come from anyone: only classes of Keras that run no code of others are made of
it, of plain values. The worker has this file beside it as a module of its own, so it imports
nothing of the book.
"""

import hashlib
import inspect
import itertools
import json
import math
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

# Folders and single classes of Keras that hold layers without code, files or tables of strings.
FOLDERS = {
    "activations",
    "attention",
    "convolutional",
    "merging",
    "normalization",
    "pooling",
    "regularization",
    "reshaping",
    "rnn",
}
SINGLE = {"Dense", "EinsumDense", "Embedding", "Identity", "Masking", "Rescaling"}
OPERATIONS = ("keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.math", "keras.src.ops.core")
MODULES = ("layers", "initializers", "regularizers", "constraints")
MAX_ORDERS = 24
SEED_STATE = [1337, 0]

Graph = dict[str, Any]


def measured(text: str, inputs: Sequence[Any], seed: int, order: int = 0) -> dict[str, Any]:
    """Return what a model computes, in use and in training, under weights drawn for it.

    Weights are drawn by their shapes and by their position in the graph, not by their layers' names
    or the order of writing: two models that are one network get the same ones. All is computed in
    float64; every random layer draws from the same state.

    Args:
        text: The model's graph, as JSON.
        inputs: A batch for each input.
        seed: What the weights are drawn from.
        order: Which of the orders to take, where places alone leave weights indistinguishable.

    Returns:
        ``outputs`` in use, ``training`` in training, ``after`` in use after that; the ``penalty``
        that is added to the loss; ``masked``, whether a call passes a mask on; ``orders``, how many
        there are; and a row for each weight:
        ``names`` (its layer and its own), ``trainable``, ``starts`` (whether its first value is
        random, then its mean, spread and a fixed projection), ``limits`` (what its constraint
        leaves of ten times its value).

    Raises:
        ValueError: If the description holds what is not Keras's own, or the inputs do not fit.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # the learner has read them already
            return _measured(json.loads(text), inputs, seed, order)
    except Exception as error:  # Keras and its backend have errors of many kinds
        raise ValueError(str(error)[:1000]) from error


def _measured(graph: Graph, inputs: Sequence[Any], seed: int, order: int) -> dict[str, Any]:
    import keras
    import numpy as np

    network = Network(graph)
    network.run(inputs, training=False)
    second = Network(graph)
    second.run(inputs, training=False)
    groups = network.weight_groups()
    twins = {
        id(weight): two for weight, two in zip(network.weights(), second.weights(), strict=True)
    }
    orders = list(itertools.islice(_orders(groups), MAX_ORDERS))
    names, trainable, starts, limits = [], [], [], []
    seen: Counter[str] = Counter()
    for group in orders[order % len(orders)]:
        seen[group.signature] += 1
        for weight in group.weights:
            starts.append(
                _start_statistics(*map(keras.ops.convert_to_numpy, (weight, twins[id(weight)])))
            )
            key = [seed, zlib.crc32(f"{group.signature} {weight.name}".encode())]
            value = _drawn(weight, np.random.default_rng([*key, seen[group.signature]]))
            weight.assign(value)
            names.append(f"{group.layer} {weight.name}")
            trainable.append(bool(weight.trainable))
            limits.append(_limit(weight, value))
    outputs = network.run(inputs, training=False)
    network.reset()
    training = network.run(inputs, training=True)
    penalty = network.penalty()
    return {
        "outputs": outputs,
        "training": training,
        "after": network.run(inputs, training=False),
        "penalty": np.asarray(penalty),
        "masked": np.asarray(network.masked, bool),
        "names": names,
        "trainable": np.asarray(trainable, bool),
        "starts": np.asarray(starts, float).reshape(-1, 4),
        "limits": np.asarray(limits, float),
        "orders": len(orders),
    }


class WeightGroup:
    """Weights that belong together (a kernel and its bias, the three of a cell), and where.

    Attributes:
        layer: The number of their layer.
        weights: The weights.
        signature: Their names and shapes; sizes of 1 are left out.
        position: What lies before them in the graph, in a number that no way of writing changes.
    """

    def __init__(self, layer: int, weights: Sequence[Any]) -> None:
        self.layer = layer
        self.weights = weights
        shapes = [(one.name, [size for size in one.shape if size != 1]) for one in weights]
        self.signature = repr(shapes)
        self.position: tuple[int, str] = (0, "")


class Network:
    """A graph with its layers made anew; call by call, it computes what the model computes.

    Args:
        graph: The description.

    Raises:
        ValueError: If it holds what is not Keras's own.
    """

    def __init__(self, graph: Graph) -> None:
        self.calls = graph["calls"]
        self.outputs = graph["outputs"]
        self.masked: list[bool] = []  # in the last run, of every call
        self.objects = [_new_layer(one, index) for index, one in enumerate(graph["layers"])]

    def run(self, inputs: Sequence[Any], *, training: bool) -> list[Any]:
        """Return the outputs for a batch of inputs, as arrays."""
        import keras
        import numpy as np

        tensors = [
            keras.ops.convert_to_tensor(np.asarray(one, _float64(str(one.dtype)))) for one in inputs
        ]
        results: list[list[Any]] = []
        for call in self.calls:
            layer = self.objects[call["layer"]]
            args = [_filled(one, tensors, results) for one in call["args"]]
            kwargs = {name: _filled(one, tensors, results) for name, one in call["kwargs"].items()}
            if _accepts(layer, "training"):
                kwargs.setdefault("training", training)
            results.append(keras.tree.flatten(layer(*args, **kwargs)))
        self.masked = [any(map(_is_masked, one)) for one in results]
        return [
            np.asarray(keras.ops.convert_to_numpy(_filled(one, tensors, results)))
            for one in self.outputs
        ]

    def weights(self) -> list[Any]:
        """Return all weights, layer by layer in the order of the calls."""
        return [weight for index in self._called() for weight in self._weights(index)]

    def reset(self) -> None:
        """Put every random layer into the same state."""
        for layer in self.objects:
            weights = {id(one) for one in getattr(layer, "weights", ())}
            for state in getattr(layer, "variables", ()):
                if id(state) not in weights:  # the state of a generator, then
                    state.assign(SEED_STATE)

    def penalty(self) -> float:
        """Return what the last run adds to the loss."""
        losses = [loss for layer in self.objects for loss in getattr(layer, "losses", ())]
        return float(sum(float(one) for one in losses))

    def weight_groups(self) -> list[WeightGroup]:
        """Return the weights in units, each with its position in the graph."""
        groups: dict[int, list[WeightGroup]] = {}
        for index in self._called():
            parts: defaultdict[str, list[Any]] = defaultdict(list)
            for weight in self._weights(index):
                parts[weight.path.rpartition("/")[0]].append(weight)
            groups[index] = [WeightGroup(index, weights) for weights in parts.values()]
        # Of every call: how many layers with weights lie before its output, and which.
        visited: list[tuple[int, frozenset[str]]] = []
        for call in self.calls:
            arguments = [*call["args"], *call["kwargs"].values()]
            before = [visited[one["call"][0]] for one in _sources(arguments, "call")]
            depth = max((one for one, _ in before), default=0)
            marks = frozenset().union(*(mark for _, mark in before))
            marks |= {f"input {one['input']}" for one in _sources(arguments, "input")}
            for group in groups[call["layer"]]:
                if group.position == (0, ""):
                    group.position = (depth + 1, _hash(group.signature, *sorted(marks)))
            if called_groups := groups[call["layer"]]:
                depth, marks = depth + 1, frozenset(group.position[1] for group in called_groups)
            visited.append((depth, marks))
        return [group for index in self._called() for group in groups[index]]

    def _called(self) -> list[int]:
        return list(dict.fromkeys(call["layer"] for call in self.calls))

    def _weights(self, index: int) -> Sequence[Any]:
        weights: Sequence[Any] = getattr(self.objects[index], "weights", ())
        return weights


def _orders(groups: Sequence[WeightGroup]) -> Iterator[list[WeightGroup]]:
    """Yield the orders of units that their positions allow; most often there is one."""
    by_position: defaultdict[Any, list[WeightGroup]] = defaultdict(list)
    for group in groups:
        by_position[group.position, group.signature].append(group)
    ties = [by_position[key] for key in sorted(by_position)]
    for order in itertools.product(*(itertools.permutations(tie) for tie in ties)):
        yield [group for tie in order for group in tie]


def _drawn(weight: Any, rng: Any) -> Any:
    """Return a value for a weight: small, different everywhere, variances positive."""
    fan_in = max(1, math.prod(weight.shape[:-1]))
    value = rng.normal(size=tuple(weight.shape)) / math.sqrt(fan_in)
    return abs(value) + 0.5 if "variance" in weight.name else value


def _start_statistics(first: Any, second: Any) -> list[float]:
    """Return whether a weight's first values are random, their mean, spread and a projection."""
    import numpy as np

    if (first != second).any():
        return [1.0, 0.0, float(first.std()), 0.0]
    return [
        0.0,
        float(first.mean()),
        float(first.std()),
        float(first.ravel() @ np.arange(first.size)),
    ]


def _limit(weight: Any, value: Any) -> float:
    """Return what a weight's constraint leaves of ten times its value, measured along the value."""
    import keras

    if getattr(weight, "constraint", None) is None:
        return 1.0
    constrained = keras.ops.convert_to_numpy(
        weight.constraint(keras.ops.convert_to_tensor(10 * value))
    )
    return float((constrained * value).sum() / (10 * value * value).sum())


def _new_layer(description: dict[str, Any], index: int) -> Any:
    """Return a new layer or operation of Keras, as described."""
    import keras

    config = _restored(description["config"])
    name = description["class_name"]
    if description["kind"] == "layer":
        return _keras_class("layers", name).from_config({**config, "name": f"layer{index}"})
    pending: list[Any] = [keras.Operation]
    kinds: dict[str, Any] = {}
    while pending:
        pending += (operation := pending.pop()).__subclasses__()
        if operation.__module__ in OPERATIONS:
            kinds[operation.__name__] = operation
    if name not in kinds:
        raise ValueError(f"{name:.100} is no operation of Keras.")
    return kinds[name].from_config(config)


def _keras_class(module: str, name: str) -> Any:
    """Return a class of Keras that may be made of a description.

    Raises:
        ValueError: If it may not.
    """
    import keras

    keras_class = getattr(getattr(keras, module), name, None)
    if not (
        inspect.isclass(keras_class) and keras_class.__module__.startswith(f"keras.src.{module}.")
    ):
        raise ValueError(f"{name:.100} is none of keras.{module}.")
    if (
        module == "layers"
        and keras_class.__module__.split(".")[3] not in FOLDERS
        and name not in SINGLE
    ):
        raise ValueError(f"A {name:.100} cannot be rebuilt to be compared.")
    return keras_class


def _restored(value: Any, key: str = "") -> Any:
    """Return a value of a config as Keras saved it, computing in float64.

    Raises:
        ValueError: If it holds what is not Keras's own.
    """
    if isinstance(value, list):
        return [_restored(one) for one in value]
    if key.endswith("dtype") and isinstance(value, (str, dict)):
        return _float64(str(value))
    if isinstance(value, dict) and "function" in value:
        raise ValueError(f"{value['function']!r:.100} is code of your own.")
    if isinstance(value, dict) and "class_name" in value:
        module = str(value.get("module")).removeprefix("keras.")
        if module not in MODULES or value.get("registered_name"):
            raise ValueError(f"{value['class_name']!r:.100} is none of Keras's own.")
        return {
            "module": f"keras.{module}",
            "class_name": _keras_class(module, str(value["class_name"])).__name__,
            "config": _restored(value.get("config") or {}),
            "registered_name": None,
        }
    if isinstance(value, dict):
        return {
            name: _restored(one, name)
            for name, one in value.items()
            if name not in ("seed", "name")  # every random layer draws alike; names are ours
        }
    return value


def _is_masked(tensor: Any) -> bool:
    return getattr(tensor, "_keras_mask", None) is not None


def _float64(dtype: str) -> str:
    return "float64" if "float" in dtype else dtype


def _accepts(layer: Any, name: str) -> bool:
    import keras

    return isinstance(layer, keras.Layer) and name in inspect.signature(layer.call).parameters


def _filled(tree: Any, inputs: Sequence[Any], results: Sequence[Sequence[Any]]) -> Any:
    """Return an argument of a call, its tensors as they are."""
    import numpy as np

    if not isinstance(tree, dict):
        return tree
    ((kind, content), *more) = tree.items()
    if kind == "input":
        return inputs[content]
    if kind == "call":
        return results[content[0]][content[1]]
    if kind == "ellipsis":
        return ...
    if kind == "array":
        return np.asarray(content, _float64(more[0][1]))
    filled = [_filled(one, inputs, results) for one in content]
    return slice(*filled) if kind == "slice" else tuple(filled) if kind == "tuple" else filled


def _sources(tree: Any, kind: str) -> Iterator[dict[str, Any]]:
    """Yield where the tensors of a call come from: of the kind ``call``, or ``input``."""
    if isinstance(tree, dict) and kind in tree:
        yield tree
    elif isinstance(tree, (dict, list)):
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from _sources(one, kind)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
