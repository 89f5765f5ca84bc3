"""Behaviour: what sets two models apart in what they compute, and in how they are trained."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from companion.checking.authoring.comparison import difference, lower
from companion.checking.authoring.graph import (
    Graph,
    class_of,
    counted,
    flat_config,
    input_shapes,
    value_text,
)
from companion.checking.authoring.structure import Reason, input_text, takes

# How Keras's layers start unless they are told otherwise: any random start is as good.
USUAL_STARTS = {"GlorotUniform", "Orthogonal", "RandomUniform"}
START_RATIO = 10.0
USUAL_BITS = 32  # of a number, where the reference has no fewer


def fault_in_behaviour(
    expected_graph: Graph,
    received_graph: Graph,
    expected: Any,
    received: Any,
    rtol: float,
    atol: float,
) -> Reason | None:
    """Return how the behaviour of two models differs, or None if it does not."""
    if len(expected["outputs"]) != len(received["outputs"]):
        counts = [counted(len(one["outputs"]), "output") for one in (received, expected)]
        return Reason(f"The model has {counts[0]}; expected {counts[1]}.", rank=-1)
    shapes = [input_shapes(graph) for graph in (expected_graph, received_graph)]
    if not takes(*shapes):
        return Reason(input_text(*shapes), rank=-1)
    prefixes = {
        "outputs": "The layers are right, but they are wired differently: under the same weights, ",
        "training": "In use the model is right; in training, under the same weights, ",
        "after": "The model is right until it is trained; after a step, ",
    }
    for key, prefix in prefixes.items():
        if text := difference(expected[key], received[key], rtol=rtol, atol=atol):
            return Reason(prefix + lower(text), key == "outputs", key != "outputs")
    if coarse := _fault_in_precision(expected_graph, received_graph):
        return coarse
    return _training_fault(expected_graph, received_graph, expected, received, rtol)


def _fault_in_precision(expected: Graph, received: Graph) -> Reason | None:
    """Return which layer computes with fewer bits than is usual, where no task asks for that.

    Both models were measured in float64, so that this does not show in what they compute.
    """
    due = min([USUAL_BITS, *(bits for layer in expected["layers"] for bits in _bits(layer))])
    for layer in received["layers"]:
        if (bits := min(_bits(layer), default=due)) < due:
            text = (
                f"{layer['name']} ({class_of(layer)}) computes in numbers of {bits} bits (its "
                f"dtype); expected {due}, as in float{due}."
            )
            return Reason(text, rank=-1)
    return None


def _bits(layer: dict[str, Any]) -> Iterator[int]:
    """Yield how many bits the numbers have that a layer, and those within it, compute in."""
    for key, value in layer["config"].items():
        if isinstance(value, dict) and isinstance(value.get("config"), dict):
            yield from _bits(value)
        elif key == "dtype" and (match := re.match(r"b?float(\d+)", str(value))):
            yield int(match.group(1))


def _training_fault(
    expected_graph: Graph, received_graph: Graph, expected: Any, received: Any, rtol: float
) -> Reason | None:
    """Return how the training of two models differs that compute the same."""
    penalties = float(expected["penalty"]), float(received["penalty"])
    if not np.isclose(*penalties, rtol=rtol, atol=0):
        text = f"The penalty on the weights is {penalties[1]:.4g} where {penalties[0]:.4g} is due."
        return Reason(text, in_use=False)
    if len(expected["names"]) != len(received["names"]):
        return Reason("The layers are right in use, but they have other weights.", in_use=False)
    for index, (one, other) in enumerate(
        zip(expected["trainable"], received["trainable"], strict=True)
    ):
        if one != other:
            layer, weight = _weight(received_graph, received["names"][index])
            state = "is trained; expected frozen" if other else "is frozen (trainable=False)"
            more = "" if other else ": it never learns"
            return Reason(f"{layer}: its {weight} {state}{more}.", in_use=False, rank=-1)
    for index, (one, other) in enumerate(zip(expected["starts"], received["starts"], strict=True)):
        layer, weight = _weight(received_graph, received["names"][index])
        first = _initializer(expected_graph, expected["names"][index])
        unlike = _start_fault(
            one, other, first, _initializer(received_graph, received["names"][index])
        )
        if unlike:
            return Reason(f"{layer}: its {weight} {unlike}.", in_use=False)
    if not np.allclose(expected["limits"], received["limits"], rtol=1e-6):
        return Reason("A constraint on the weights differs.", in_use=False)
    return None


def _start_fault(
    expected: Any, received: Any, expected_initializer: Any, received_initializer: Any
) -> str | None:
    """Return what is wrong with how a weight starts, or None."""
    how = "starts at random" if received[0] else f"starts at {_constant(received)}"
    if expected[0] != received[0]:
        due = "random values" if expected[0] else _constant(expected)
        why = ", so that its units stay alike" if expected[0] and not received[2] else ""
        return f"{how}{why}; expected {due}"
    if not expected[0]:
        is_close = np.allclose(expected, received, rtol=1e-6, atol=1e-12)
        return None if is_close else f"{how}; expected {_constant(expected)}"
    if (
        expected_initializer
        and expected_initializer.get("class_name") not in USUAL_STARTS
        and expected_initializer != received_initializer
    ):
        texts = value_text(received_initializer), value_text(expected_initializer)
        return f"starts by {texts[0]}; expected {texts[1]}"
    # a single number has no spread to compare
    if expected[2] and not 1 / START_RATIO < received[2] / expected[2] < START_RATIO:
        return f"starts with a spread of {received[2]:.3g}; {expected[2]:.3g} is usual"
    return None


def _constant(start: Any) -> str:
    return "other values" if start[2] else {0: "zeros", 1: "ones"}.get(start[1], f"{start[1]:.4g}")


def _weight(graph: Graph, name: str) -> tuple[str, str]:
    """Return the layer and the name of a weight that is called as `measured` calls it."""
    index, _, weight = name.partition(" ")
    layer = graph["layers"][int(index)]
    return f"{layer['name']} ({class_of(layer)})", weight


def _initializer(graph: Graph, name: str) -> Any:
    """Return the initializer of a weight, as it was described."""
    index, _, weight = name.partition(" ")
    config = flat_config(graph["layers"][int(index)])
    initializer = config.get(f"{weight.removesuffix('_kernel')}_initializer")
    return _unseeded(initializer) if isinstance(initializer, dict) else initializer


def _unseeded(config: dict[str, Any]) -> dict[str, Any]:
    given = config.get("config")
    given = given if isinstance(given, dict) else {}
    arguments = {key: one for key, one in given.items() if key != "seed"}
    return {"class_name": config.get("class_name"), "config": arguments}
