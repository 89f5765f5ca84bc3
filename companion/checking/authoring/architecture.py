"""Two models compared: by what they compute, and explained by how they are built."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from companion.checking.authoring.codec import with_article
from companion.checking.authoring.comparison import difference, lower, upper

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
# What shows while a model is trained and not while it is used.
IN_TRAINING = {
    "dropout",
    "momentum",
    "noise_shape",
    "rate",
    "recurrent_dropout",
    "stddev",
    "synchronized",
    "trainable",
    "training",
    "unit_forget_bias",
}
OF_WEIGHTS = ("_regularizer", "_constraint")  # likewise
RANDOM = ("Dropout", "Gaussian", "Spatial", "Alpha", "Random", "ActivityRegularization")
RESHAPING = ("Flatten", "Reshape", "Permute", "ZeroPadding", "Cropping", "Repeat")
# How Keras's layers start unless they are told otherwise: any random start is as good.
USUAL_STARTS = {"GlorotUniform", "Orthogonal", "RandomUniform"}
START_RATIO = 10.0
# Layers that make of two sequences what Bidirectional's merge_mode makes of them.
MERGES = {"Add": "sum", "Average": "ave", "Concatenate": "concat", "Multiply": "mul"}
REVERSING = ("Flip", "GetItem")
# Layers that skip what is masked; to others a mask is of no account.
HEEDING = (
    "AdditiveAttention",
    "Attention",
    "BatchNormalization",
    "Bidirectional",
    "ConvLSTM",
    "GRU",
    "GlobalAveragePooling1D",
    "LSTM",
    "MultiHeadAttention",
    "RNN",
    "SimpleRNN",
)
USUAL_BITS = 32  # of a number, where the reference has no fewer
MAX_ROWS = 250
UNTURNED = "unturned"  # of what is read backwards, and left so
AT_MASKED = "zero_output_for_mask"
MOVED = "The order: "
ORDINALS = ("", "second ", "third ", "fourth ", "fifth ", "sixth ")


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of a model, at one place where it is called.

    Attributes:
        name: The layer's name in its model.
        own: Its class.
        layer: Its kind: the class (of a wrapper, with the class within), or ``Activation``.
        config: What it was given.
        before: Its input's shape, without the batch.
        shape: Its output's shape, without the batch.
        parameters: Its weights' count.
        reached: Whether a mask reaches it; None for a model that was not run.
        masked: Whether it passes a mask on, likewise.
    """

    name: str
    own: str
    layer: str
    config: dict[str, Any] = field(hash=False)
    before: tuple[int | None, ...] | None
    shape: tuple[int | None, ...]
    parameters: int
    reached: bool | None = None
    masked: bool | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why two models differ.

    Attributes:
        text: The sentence.
        in_use: Whether it shows while the model is used.
        in_training: Whether it shows while the model is trained.
        rank: Told first where it is small: negative where no layer explains more, above 0 where it
            may follow from another reason.
    """

    text: str
    in_use: bool = True
    in_training: bool = True
    rank: int = 0


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
        rows(graph), _input_shapes(graph), len(graph["outputs"]), parameters_of(graph)
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


def _input_shapes(graph: Graph) -> list[tuple[int | None, ...]]:
    return [tuple(shape) for shape, _ in graph["inputs"]]


def parameters_of(graph: Graph) -> int:
    """Return how many parameters a model has."""
    return sum(int(layer["parameters"]) for layer in graph["layers"])


# ---- verdict -------------------------------------------------------------------------------------


def model_difference(
    expected: dict[str, Any], received: Any, *, rtol: float, atol: float
) -> str | None:
    """Return a sentence on what sets two models apart, or None if nothing does.

    What they compute under the same weights decides, in use and in training; how they are built
    explains it. Two that were not run, for their size, are compared layer by layer.
    """
    try:
        wanted, came = read_graph(expected), read_graph(received)
    except ValueError:
        return "The answer is no description of a Keras model."
    if "hidden" in came or "hidden" in wanted:
        return None if came == wanted else str(came.get("hidden", "A model can be looked into."))
    if "measured" in expected and "measured" in received:
        for graph, one in ((wanted, expected), (came, received)):
            for call, masked in zip(graph["calls"], one["measured"]["masked"], strict=True):
                call["masked"] = bool(masked)
        fault = _fault(wanted, came, expected["measured"], received["measured"], rtol, atol)
        return None if fault is None else _explained(wanted, came, fault) or fault.text
    reasons = _reasons(wanted, came)
    if "measured" in expected and not reasons:
        why = received.get("refused") if isinstance(received, dict) else None
        return f"The model cannot be run to be compared: {why}"
    return min(reasons, key=lambda one: one.rank).text if reasons else None


def _fault(
    wanted: Graph, came: Graph, right: Any, found: Any, rtol: float, atol: float
) -> Reason | None:
    """Return how the behaviour of two models differs, or None if it does not."""
    if len(right["outputs"]) != len(found["outputs"]):
        counts = [_number(len(one["outputs"]), "output") for one in (found, right)]
        return Reason(f"The model has {counts[0]}; expected {counts[1]}.", rank=-1)
    shapes = [_input_shapes(graph) for graph in (wanted, came)]
    if not _takes(*shapes):
        return Reason(_input_text(*shapes), rank=-1)
    said = {
        "outputs": "The layers are right, but they are wired differently: under the same weights, ",
        "training": "In use the model is right; in training, under the same weights, ",
        "after": "The model is right until it is trained; after a step, ",
    }
    for key, words in said.items():
        if wrong := difference(right[key], found[key], rtol=rtol, atol=atol):
            return Reason(words + lower(wrong), key == "outputs", key != "outputs")
    if coarse := _coarse(wanted, came):
        return coarse
    return _training_fault(wanted, came, right, found, rtol)


def _coarse(wanted: Graph, came: Graph) -> Reason | None:
    """Return which layer computes with fewer bits than is usual, where no task asks for that.

    Both models were measured in float64, so that this does not show in what they compute.
    """
    due = min([USUAL_BITS, *(bits for layer in wanted["layers"] for bits in _bits(layer))])
    for layer in came["layers"]:
        if (bits := min(_bits(layer), default=due)) < due:
            text = (
                f"{layer['name']} ({_class(layer)}) computes in numbers of {bits} bits (its "
                f"dtype); expected {due}, as in float{due}."
            )
            return Reason(text, rank=-1)
    return None


def _bits(layer: dict[str, Any]) -> Iterator[int]:
    """Yield how many bits the numbers have that a layer, and those within it, compute in."""
    for key, value in layer["config"].items():
        if isinstance(value, dict) and isinstance(value.get("config"), dict):
            yield from _bits(value)
        elif key == "dtype" and (found := re.match(r"b?float(\d+)", str(value))):
            yield int(found.group(1))


def _training_fault(
    wanted: Graph, came: Graph, right: Any, found: Any, rtol: float
) -> Reason | None:
    """Return how the training of two models differs that compute the same."""
    penalties = float(right["penalty"]), float(found["penalty"])
    if not np.isclose(*penalties, rtol=rtol, atol=0):
        text = f"The penalty on the weights is {penalties[1]:.4g} where {penalties[0]:.4g} is due."
        return Reason(text, in_use=False)
    if len(right["names"]) != len(found["names"]):
        return Reason("The layers are right in use, but they have other weights.", in_use=False)
    for index, (one, other) in enumerate(zip(right["trainable"], found["trainable"], strict=True)):
        if one != other:
            layer, weight = _weight(came, found["names"][index])
            state = "is trained; expected frozen" if other else "is frozen (trainable=False)"
            more = "" if other else ": it never learns"
            return Reason(f"{layer}: its {weight} {state}{more}.", in_use=False, rank=-1)
    for index, (one, other) in enumerate(zip(right["starts"], found["starts"], strict=True)):
        layer, weight = _weight(came, found["names"][index])
        first = _started(wanted, right["names"][index])
        unlike = _start_fault(one, other, first, _started(came, found["names"][index]))
        if unlike:
            return Reason(f"{layer}: its {weight} {unlike}.", in_use=False)
    if not np.allclose(right["limits"], found["limits"], rtol=1e-6):
        return Reason("A constraint on the weights differs.", in_use=False)
    return None


def _start_fault(right: Any, found: Any, wanted: Any, came: Any) -> str | None:
    """Return what is wrong with how a weight starts, or None."""
    how = "starts at random" if found[0] else f"starts at {_constant(found)}"
    if right[0] != found[0]:
        due = "random values" if right[0] else _constant(right)
        why = ", so that its units stay alike" if right[0] and not found[2] else ""
        return f"{how}{why}; expected {due}"
    if not right[0]:
        alike = np.allclose(right, found, rtol=1e-6, atol=1e-12)
        return None if alike else f"{how}; expected {_constant(right)}"
    if wanted and wanted.get("class_name") not in USUAL_STARTS and wanted != came:
        return f"starts by {_text(came)}; expected {_text(wanted)}"
    if not 1 / START_RATIO < found[2] / right[2] < START_RATIO:
        return f"starts with a spread of {found[2]:.3g}; {right[2]:.3g} is usual"
    return None


def _constant(start: Any) -> str:
    return "other values" if start[2] else {0: "zeros", 1: "ones"}.get(start[1], f"{start[1]:.4g}")


def _weight(graph: Graph, name: str) -> tuple[str, str]:
    """Return the layer and the name of a weight that is called as `measured` calls it."""
    index, _, weight = name.partition(" ")
    layer = graph["layers"][int(index)]
    return f"{layer['name']} ({_class(layer)})", weight


def _started(graph: Graph, name: str) -> Any:
    """Return the initializer of a weight, as it was described."""
    index, _, weight = name.partition(" ")
    config = _flat(graph["layers"][int(index)])
    found = config.get(f"{weight.removesuffix('s')}_initializer")
    return _unseeded(found) if isinstance(found, dict) else found


def _unseeded(config: dict[str, Any]) -> dict[str, Any]:
    given = config.get("config")
    given = given if isinstance(given, dict) else {}
    kept = {key: one for key, one in given.items() if key != "seed"}
    return {"class_name": config.get("class_name"), "config": kept}


def _takes(wanted: Sequence[Any], came: Sequence[Any]) -> bool:
    """Say whether a model takes all inputs that it shall take."""
    return len(wanted) == len(came) and all(
        len(one) == len(other)
        and all(size is None or size == due for due, size in zip(one, other, strict=True))
        for one, other in zip(wanted, came, strict=True)
    )


def _input_text(wanted: Sequence[Any], came: Sequence[Any]) -> str:
    texts = [" and ".join(map(_sizes, shapes)) for shapes in (came, wanted)]
    return f"The model's input is {texts[0]}; expected {texts[1]}."


# ---- explanation ---------------------------------------------------------------------------------


def _explained(wanted: Graph, came: Graph, fault: Reason) -> str | None:
    """Return the sentence on how models are built that explains a fault, or None."""
    if fault.rank < 0:
        return None
    fitting = [
        one
        for one in _reasons(wanted, came)
        if (one.in_use and fault.in_use) or (one.in_training and fault.in_training)
    ]
    exact = [one for one in fitting if one.in_use == fault.in_use]
    return min(exact or fitting, key=lambda one: one.rank).text if fitting else None


def _reasons(wanted: Graph, came: Graph) -> list[Reason]:
    """Return all differences in how two models are built, in the order of the layers."""
    found = []
    shapes = [_input_shapes(graph) for graph in (wanted, came)]
    if not _takes(*shapes):
        found.append(Reason(_input_text(*shapes)))
    if len(wanted["outputs"]) != len(came["outputs"]):
        counts = [_number(len(graph["outputs"]), "output") for graph in (came, wanted)]
        found.append(Reason(f"The model has {counts[0]}; expected {counts[1]}."))
    lines = [rows(wanted), rows(came)]
    lines[1] = _one_for_two(lines[1], lines[0])
    pairs = _aligned(*lines)
    missing = [(at, one) for at, (one, other) in enumerate(pairs) if one and not other]
    extra = [(at, other) for at, (one, other) in enumerate(pairs) if other and not one]
    moved: dict[int, Row] = {}
    for at, row in extra:
        twin = next((one for one in missing if _kind(one[1]) == _kind(row)), None)
        if twin:
            missing.remove(twin)
            moved |= {at: twin[1], twin[0]: twin[1]}
    for at, (one, other) in enumerate(pairs):
        if at not in moved:
            found += _pair(one, other, lines[0], pairs, at)
        elif other:
            found.append(_moved(moved[at], other, *lines))
    if lost := _mask_lost(pairs):
        found.insert(0, lost)
    return found


def _mask_lost(pairs: Sequence[tuple[Row | None, Row | None]]) -> Reason | None:
    """Return which layer lets go of a mask that one behind it needs, or None."""
    loser = None
    for wanted, came in pairs:
        if came and came.reached and not came.masked:
            loser = came
        needs = wanted and wanted.reached and wanted.layer.startswith(HEEDING)
        if loser and needs and came and not came.reached:
            text = (
                f"{_title(loser)} passes no mask on: for {_title(came)} behind it, padding is "
                "data like any other."
            )
            return Reason(text, in_training=False, rank=-1)
    return None


def _one_for_two(found: Sequence[Row], wanted: Sequence[Row]) -> list[Row]:
    """Write two recurrent layers that read both ways as the Bidirectional one that is expected.

    What then sets it apart is told: its units, how the two are merged, what it does where steps are
    masked.
    """
    found = list(found)
    for due in wanted:
        kind = due.layer.removeprefix("Bidirectional(").removesuffix(")")
        two = [row for row in found if row.layer == kind != due.layer and row.before == due.before]
        two.sort(key=lambda row: bool(row.config.get("go_backwards")))
        if [bool(row.config.get("go_backwards")) for row in two] != [False, True]:
            continue
        first, second = sorted(map(found.index, two))
        turned = [row for row in found[first:] if row.layer in REVERSING]
        end = next(
            (at for at in range(second + 1, len(found)) if found[at].layer not in REVERSING), first
        )
        if found[end].layer not in MERGES or not all(
            row in two or row in turned for row in found[first:end]
        ):
            continue
        forward, backward = two
        unlike = {
            f"backward {key}": value
            for key, value in backward.config.items()
            if _differ(forward, backward, key)
            and key != "go_backwards"
            and value != due.config.get(key)
        }
        if due.config.get("return_sequences") and not turned:
            unlike[UNTURNED] = True
        found[first : end + 1] = [
            replace(
                forward,
                layer=due.layer,
                config={**forward.config, **unlike, "merge_mode": MERGES[found[end].layer]},
                shape=found[end].shape,
                parameters=forward.parameters + backward.parameters,
                masked=found[end].masked,
            )
        ]
    return found


def _pair(
    wanted: Row | None,
    came: Row | None,
    all_wanted: Sequence[Row],
    pairs: Sequence[tuple[Row | None, Row | None]],
    at: int,
) -> list[Reason]:
    """Return why two paired layers differ, the difference in parameters first."""
    if wanted is None:
        assert came is not None
        if came.layer == "Activation" and came.own.startswith(FUSED):
            given = came.config["activation"]
            return [Reason(f"{came.name} ({came.own}) has activation={given!r}; expected none.")]
        text = f"{_count(came.parameters)}{_title(came)} is one layer too many."
        return [_of_layer(text, came)]
    if came is None:
        bare = pairs[at - 1][1] if at and wanted.layer == "Activation" else None
        if bare and bare.layer.startswith(FUSED):
            due = wanted.config["activation"]
            return [Reason(f"{_title(bare)} has no activation; expected {due!r}.")]
        count = _count(-wanted.parameters)
        where = _place(wanted, all_wanted)
        known = _is_named(wanted)
        what = _title(wanted) if known else upper(with_article(_what(wanted)))
        return [_of_layer(f"{count}{what} is missing{'' if known else where}.", wanted)]
    count = _count(came.parameters - wanted.parameters)
    if wanted.layer == came.layer == "Activation" and _kind(wanted) != _kind(came):
        return [Reason(_activation(came, wanted, "activation"))]
    if wanted.layer != came.layer:
        same = "; the same count" if wanted.parameters == came.parameters > 0 else ""
        name = wanted.name if _is_named(wanted) else came.name
        is_one, due = (with_article(_what(row)) for row in (came, wanted))
        text = f"{count}{name} is {is_one} here; expected {due}"
        return [_of_layer(f"{text}{same}.", wanted)]
    found = []
    told = [key for key in {**wanted.config, **came.config} if _differ(wanted, came, key)]
    if AT_MASKED in told:
        told.remove(AT_MASKED)
        found += _at_masked_steps(wanted, came)
    for in_training in (False, True):
        if keys := [key for key in told if _in_training(key) is in_training]:
            in_use = not in_training or keys[0] == "training"
            found.append(Reason(f"{count}{_config_text(wanted, came, keys)}", in_use))
    if not found and (came.shape != wanted.shape or came.parameters != wanted.parameters):
        text = (
            f"{count}{_title(came)} is right in itself, but what reaches it has another shape: its "
            f"output is {_sizes(came.shape)}, expected {_sizes(wanted.shape)}."
        )
        found.append(Reason(text, rank=2))
    return found


def _at_masked_steps(wanted: Row, came: Row) -> list[Reason]:
    """Return what two recurrent layers do otherwise where steps are masked, if any can be."""
    if came.reached is False:
        return []
    layer = f"{came.name} ({came.own})"
    text = (
        f"{layer} repeats its last output at a masked step; expected zeros there, as "
        "layers.Bidirectional writes them (zero_output_for_mask)."
        if wanted.config.get(AT_MASKED)
        else f"{layer} writes zeros at a masked step (zero_output_for_mask); expected its last "
        "output."
    )
    return [Reason(text, in_training=False, rank=2)]


def _in_training(key: str) -> bool:
    """Say whether a value of a config shows in training alone."""
    return key in IN_TRAINING or key.endswith(OF_WEIGHTS)


def _of_layer(text: str, row: Row) -> Reason:
    """Return a reason that is a whole layer."""
    rank = 1 if row.layer.startswith(RESHAPING) else 0
    return Reason(text, in_use=not row.layer.startswith(RANDOM), rank=rank)


def _moved(wanted: Row, came: Row, all_wanted: Sequence[Row], all_came: Sequence[Row]) -> Reason:
    """Return that a layer stands at another place."""
    text = (
        f"{MOVED}{_title(came)} stands{_place(came, all_came, comma='')}; it belongs"
        f"{_place(wanted, all_wanted, comma='')}."
    )
    return _of_layer(text, came)


def _place(row: Row, all_rows: Sequence[Row], comma: str = ":") -> str:
    """Return where a layer stands: behind which other, told by its kind and number."""
    index = next(number for number, one in enumerate(all_rows) if one is row)
    if index == 0:
        return f"{comma} at the very beginning"
    before = all_rows[index - 1]
    alike = [one for one in all_rows if _what(one) == _what(before)]
    number = next(place for place, one in enumerate(alike) if one is before)
    which = ORDINALS[number] if number < len(ORDINALS) else f"{number + 1}th "
    which = "first " if number == 0 and len(alike) > 1 else which
    return f"{comma} behind the {which}{_what(before)}"


def _differ(wanted: Row, came: Row, key: str) -> bool:
    # How weights start is compared by what they start at.
    return not key.endswith("_initializer") and bool(wanted.config.get(key) != came.config.get(key))


def _config_text(wanted: Row, came: Row, keys: Sequence[str]) -> str:
    """Return in which values of its config a layer differs."""
    key = keys[0]
    if key in ("activation", "recurrent_activation"):
        return _activation(came, wanted, key)
    if key == "training" and "training" in came.config:
        given = came.config["training"]
        more = ": it does in use what belongs into training" if given is True else ""
        return f"{_title(came)} is called with training={given}{more}."
    if key == "trainable" and came.config.get(key) is False:
        return f"{_title(came)} is frozen (trainable=False): it never learns."
    if key == UNTURNED:
        return (
            f"{came.name} ({came.own}): what reads backwards gives its last step first; turn its "
            "output around before the two are merged."
        )
    if key == "use_bias":
        has = (
            "has biases; expected none"
            if came.config.get(key)
            else "has no biases (use_bias=False)"
        )
        return f"{_title(came)} {has}{'' if came.config.get(key) else '; expected some'}."
    told = [
        f"{one} is {_text(came.config.get(one))}, expected {_text(wanted.config.get(one))}"
        for one in keys
    ]
    return f"{_title(came)}: {'; '.join(told)}."


def _activation(came: Row, wanted: Row, key: str) -> str:
    values = [_text(one.config.get(key, "linear")) for one in (came, wanted)]
    return f"The {key} of {came.name} is {values[0]}, expected {values[1]}."


def order_remark(expected: dict[str, Any], received: Any) -> str:
    """Return where a model that is right has a layer at another place, or an empty text."""
    reasons = _reasons(read_graph(expected), read_graph(received))
    texts = [one.text for one in reasons if one.text.startswith(MOVED)]
    return f"{texts[0]} Here that computes the same." if texts else ""


# ---- rows ----------------------------------------------------------------------------------------


def rows(graph: Graph) -> list[Row]:
    """Return a model's layers in the order of the calls, each thing written in one way.

    An activation is a row of its own, explicit zeros before a convolution are its padding, and what
    changes nothing is left out.
    """
    found: list[Row] = []
    calls = graph["calls"]
    shapes = [tuple(call["shape"]) for call in calls]
    for call in _in_order(graph)[:MAX_ROWS]:
        layer = graph["layers"][call["layer"]]
        source = next(_sources([*call["args"], *call["kwargs"].values()]), {})
        before = (
            tuple(graph["inputs"][source["input"]][0])
            if "input" in source
            else shapes[source["call"][0]]
            if "call" in source
            else None
        )
        row = Row(
            str(layer["name"]),
            str(layer["class_name"]),
            _class(layer),
            {**_flat(layer), **_plain_arguments(call)},
            before,
            tuple(call["shape"]),
            int(layer["parameters"]),
            calls[source["call"][0]].get("masked") if "call" in source else False,
            call.get("masked"),
        )
        for one in _split(row):
            padding = found[-1] if found and found[-1].layer.startswith("ZeroPadding") else None
            if padding and _is_padded(padding, one):
                found[-1:] = [
                    replace(one, config={**one.config, "padding": "same"}, before=padding.before)
                ]
            elif not _does_nothing(one) or (one.reached and not one.masked):
                found.append(one)
    return found


def _in_order(graph: Graph) -> list[dict[str, Any]]:
    """Return the calls from input to output; where branches meet, those of the longer one first.

    In which order a model names the branches of a sum is of no account.
    """
    calls = graph["calls"]
    before: list[list[int]] = []
    depths: list[int] = []
    for number, call in enumerate(calls):
        sources = _sources([*call["args"], *call["kwargs"].values()])
        places = [one["call"][0] for one in sources if "call" in one]
        if not all(0 <= place < number for place in places):
            raise ValueError("A call comes before what it is given.")
        depths.append(1 + max((depths[place] for place in places), default=0))
        before.append(sorted(places, key=lambda place: -depths[place]))
    order: dict[int, None] = {}
    waiting = [one["call"][0] for one in _sources(graph["outputs"]) if "call" in one][::-1]
    while waiting:
        if missing := [place for place in before[waiting[-1]] if place not in order]:
            waiting += missing[::-1]
        else:
            order.setdefault(waiting.pop())
    return [calls[place] for place in order]


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


def _class(layer: dict[str, Any]) -> str:
    """Return a layer's class; of a wrapper, with the class within."""
    config = layer["config"]
    inner = next(
        (config[key] for key in ("layer", "cell") if isinstance(config.get(key), dict)), None
    )
    name = str(layer["class_name"])
    if name == "RNN" and inner and str(inner["class_name"]).endswith("Cell"):
        return str(inner["class_name"]).removesuffix("Cell")  # RNN(LSTMCell(…)) is an LSTM
    return f"{name}({inner['class_name']})" if inner else name


def _flat(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's config without what is not compared; of a wrapper, with that within."""
    flat: dict[str, Any] = {}
    for key, value in layer["config"].items():
        if key in UNCOMPARED or (key == "trainable" and not layer.get("parameters", 1)):
            continue
        if key in ("layer", "cell") and isinstance(value, dict):
            flat |= _flat(value)
        elif key == "backward_layer" and isinstance(value, dict):
            inner = _flat(layer["config"]["layer"])
            for name, one in _flat(value).items():
                usual = not inner.get(name) if name == "go_backwards" else inner.get(name)
                if one != usual and not name.endswith("_initializer"):
                    flat[f"backward {name}"] = one
        else:
            flat[key] = value
    return flat


def _split(row: Row) -> list[Row]:
    """Write an activation in one way: Conv2D(activation="relu") is Conv2D, then ReLU."""
    layer, config = row.layer, dict(row.config)
    if layer in ACTIVATIONS:
        layer, config["activation"] = "Activation", layer
    fused = config.get("activation")
    if isinstance(fused, dict) and "class_name" in fused:
        inner = {key: value for key, value in _flat(fused).items() if key != "trainable"}
        name = str(fused["class_name"])
        if name in ACTIVATIONS:
            config |= inner
        else:
            name = _text({"class_name": name, "config": inner})
        fused = config["activation"] = name
    if isinstance(fused, dict):
        fused = config["activation"] = str(fused.get("function"))
    if isinstance(fused, str) and fused in ACTIVATIONS:
        fused, usual = ACTIVATIONS[fused]
        given = {key: config.pop(key, value) for key, value in usual.items()}
        unusual = [f"{key}={value}" for key, value in given.items() if value != usual[key]]
        fused += f"({', '.join(unusual)})" if unusual else ""
        config["activation"] = fused
    if layer == "Activation":
        return [replace(row, layer=layer, config={"activation": fused})]
    if not (isinstance(fused, str) and layer.startswith(FUSED)):
        return [replace(row, config=config)]
    del config["activation"]
    own = replace(row, layer="Activation", config={"activation": fused}, parameters=0)
    return [replace(row, config=config), replace(own, before=row.shape)]


def _is_padded(padding: Row, row: Row) -> bool:
    """Say whether zeros before a convolution are what its own padding 'same' would be."""
    if not (row.layer.startswith(("Conv", "Depthwise", "Sep")) and padding.before):
        return False
    strides = np.broadcast_to(row.config.get("strides", 1), len(row.shape) - 1)
    same = [
        None if size is None else -(-size // int(stride))
        for size, stride in zip(padding.before, strides, strict=False)
    ]
    return row.config.get("padding") == "valid" and list(row.shape[:-1]) == same


def _does_nothing(row: Row) -> bool:
    """Say whether a layer changes nothing, in use or in training."""
    return (
        row.layer == "Identity"
        or (row.layer == "Activation" and row.config.get("activation") == "linear")
        or (row.layer == "Dropout" and not row.config.get("rate"))
        or (row.layer in ("Reshape", "Flatten") and row.before == row.shape)
        or (row.layer == "Permute" and row.config.get("dims") == list(range(1, len(row.shape) + 1)))
    )


def _aligned(wanted: Sequence[Row], came: Sequence[Row]) -> list[tuple[Row | None, Row | None]]:
    """Pair the layers of two models, keeping the order, at the least cost."""
    costs = np.zeros((len(wanted) + 1, len(came) + 1))
    costs[1:, 0] = np.cumsum([_gap(row) for row in wanted])
    costs[0, 1:] = np.cumsum([_gap(row) for row in came])
    for one, other in itertools.product(range(len(wanted)), range(len(came))):
        pair = costs[one, other] + _distance(wanted[one], came[other])
        left_out = costs[one, other + 1] + _gap(wanted[one])
        added = costs[one + 1, other] + _gap(came[other])
        costs[one + 1, other + 1] = min(pair, left_out, added)
    pairs: list[tuple[Row | None, Row | None]] = []
    one, other = len(wanted), len(came)
    while one or other:
        here = costs[one, other]
        if (
            one
            and other
            and here == costs[one - 1, other - 1] + _distance(wanted[one - 1], came[other - 1])
        ):
            one, other = one - 1, other - 1
            pairs.append((wanted[one], came[other]))
        elif one and here == costs[one - 1, other] + _gap(wanted[one - 1]):
            one -= 1
            pairs.append((wanted[one], None))
        else:
            other -= 1
            pairs.append((None, came[other]))
    return pairs[::-1]


def _gap(row: Row) -> float:
    """Return what it costs to leave a layer out: the more, the less easily it is forgotten."""
    return 1.0 if row.parameters else 0.8 if row.layer == "Activation" else 0.9


def _distance(wanted: Row, came: Row) -> float:
    """Return how unlike two layers are: 0 the same, below 1 of one kind, 2 nothing in common."""
    if wanted.layer == came.layer:
        keys = {**wanted.config, **came.config}
        unlike = sum(_differ(wanted, came, key) for key in keys)
        return min(0.1 * unlike, 0.5) if wanted.layer != "Activation" else 0.6 * bool(unlike)
    if wanted.parameters and came.parameters:
        return 0.9 if wanted.parameters == came.parameters else 1.2
    if any(wanted.layer.startswith(one) and came.layer.startswith(one) for one in RANDOM):
        return 1.2
    pooling = [("Pooling" in one.layer) for one in (wanted, came)]
    joining = [one.layer in (*MERGES, "Subtract", "Maximum", "Minimum") for one in (wanted, came)]
    return 1.2 if all(pooling) or all(joining) else 2.5


def _kind(row: Row) -> str:
    return (
        f"{row.layer} {row.config.get('activation', '')}"
        if row.layer == "Activation"
        else row.layer
    )


def _is_named(row: Row) -> bool:
    """Say whether the author named a layer, so that its name means something to a reader."""
    return not re.fullmatch(f"{_snake(row.own)}(_[0-9]+)?", row.name)


def _snake(name: str) -> str:
    """Return a class's name as Keras makes a layer's of it: max_pooling2d of MaxPooling2D."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _what(row: Row) -> str:
    activation = row.config.get("activation")
    names = {"relu": "ReLU"}
    return names.get(str(activation), str(activation)) if row.layer == "Activation" else row.layer


def _title(row: Row) -> str:
    return f"{row.name} ({_what(row)})"


def _number(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _count(more: int) -> str:
    return f"{more:+,} parameters: " if more else ""


def _sizes(shape: Sequence[int | None]) -> str:
    return f"({', '.join(str(size) for size in shape)}{',' * (len(shape) == 1)})"


def _text(value: Any) -> str:
    """Return a value of a config for a reader."""
    if isinstance(value, dict) and "function" in value:
        return repr(str(value["function"]))
    if isinstance(value, dict) and "class_name" in value:
        inner = value["config"] if isinstance(value.get("config"), dict) else {}
        given = [f"{key}={_text(one)}" for key, one in inner.items() if key != "seed"]
        return f"{value['class_name']}({', '.join(given)})"[:200]
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(tuple(value) if isinstance(value, list) else value)[:200]


# ---- side by side --------------------------------------------------------------------------------


def table(expected: dict[str, Any], received: Any) -> str:
    """Return two models side by side, one line a layer, with a mark where they differ."""
    try:
        graphs = read_graph(expected), read_graph(received)
    except ValueError:
        return ""
    if any("hidden" in graph for graph in graphs):
        return ""
    wanted = rows(graphs[0])
    pairs = _aligned(wanted, rows(graphs[1]))
    lines = [f"  {'expected':<40}received"]
    for at, (one, other) in enumerate(pairs[:60]):
        mark = "≠" if _pair(one, other, wanted, pairs, at) else " "
        lines.append(f"{mark} {_cell(one):<40}{_cell(other)}")
    totals = [f"{parameters_of(graph):,} parameters" for graph in graphs]
    lines.append(f"  {totals[0]:<40}{totals[1]}")
    return "\n".join(lines)


def _cell(row: Row | None) -> str:
    if row is None:
        return "—"
    shape = "×".join("?" if size is None else str(size) for size in row.shape)
    return (
        f"{_what(row)[:22]} {shape} {row.parameters:,}"
        if row.parameters
        else f"{_what(row)} {shape}"
    )
