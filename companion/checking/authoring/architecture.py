"""Two models compared: by what they compute, and explained by how they are built."""

from typing import Any

from companion.checking.authoring.alignment import aligned
from companion.checking.authoring.behaviour import fault_in_behaviour
from companion.checking.authoring.graph import (
    Graph,
    LayerRow,
    layer_rows,
    parameters_of,
    read_graph,
)
from companion.checking.authoring.structure import MOVED, Reason, pair_reasons, reasons_in_structure


def model_difference(
    expected: dict[str, Any], received: Any, *, rtol: float, atol: float
) -> str | None:
    """Return a sentence on what sets two models apart, or None if nothing does.

    What they compute under the same weights decides, in use and in training; how they are built
    explains it. Two that were not run, for their size, are compared layer by layer.
    """
    try:
        expected_graph, received_graph = read_graph(expected), read_graph(received)
    except ValueError:
        return "The answer is no description of a Keras model."
    if "hidden" in received_graph or "hidden" in expected_graph:
        if received_graph == expected_graph:
            return None
        return str(received_graph.get("hidden", "A model can be looked into."))
    if "measured" in expected and "measured" in received:
        for graph, one in ((expected_graph, expected), (received_graph, received)):
            for call, masked in zip(graph["calls"], one["measured"]["masked"], strict=True):
                call["masked"] = bool(masked)
        fault = fault_in_behaviour(
            expected_graph, received_graph, expected["measured"], received["measured"], rtol, atol
        )
        if fault is None:
            return None
        return _explained(expected_graph, received_graph, fault) or fault.text
    reasons = reasons_in_structure(expected_graph, received_graph)
    if "measured" in expected and not reasons:
        why = received.get("refused") if isinstance(received, dict) else None
        return f"The model cannot be run to be compared: {why}"
    return min(reasons, key=lambda one: one.rank).text if reasons else None


def _explained(expected: Graph, received: Graph, fault: Reason) -> str | None:
    """Return the sentence on how models are built that explains a fault, or None."""
    if fault.rank < 0:
        return None
    fitting = [
        one
        for one in reasons_in_structure(expected, received)
        if (one.in_use and fault.in_use) or (one.in_training and fault.in_training)
    ]
    exact = [one for one in fitting if one.in_use == fault.in_use]
    return min(exact or fitting, key=lambda one: one.rank).text if fitting else None


def order_remark(expected: dict[str, Any], received: Any) -> str:
    """Return where a model that is right has a layer at another place, or an empty text."""
    reasons = reasons_in_structure(read_graph(expected), read_graph(received))
    texts = [one.text for one in reasons if one.text.startswith(MOVED)]
    return f"{texts[0]} Here that computes the same." if texts else ""


def table(expected: dict[str, Any], received: Any) -> str:
    """Return two models side by side, one line a layer, with a mark where they differ."""
    try:
        graphs = read_graph(expected), read_graph(received)
    except ValueError:
        return ""
    if any("hidden" in graph for graph in graphs):
        return ""
    expected_rows = layer_rows(graphs[0])
    pairs = aligned(expected_rows, layer_rows(graphs[1]))
    lines = [f"  {'expected':<40}received"]
    for index, (row, received_row) in enumerate(pairs[:60]):
        mark = "≠" if pair_reasons(row, received_row, expected_rows, pairs, index) else " "
        lines.append(f"{mark} {_cell(row):<40}{_cell(received_row)}")
    totals = [f"{parameters_of(graph):,} parameters" for graph in graphs]
    lines.append(f"  {totals[0]:<40}{totals[1]}")
    return "\n".join(lines)


def _cell(row: LayerRow | None) -> str:
    if row is None:
        return "—"
    shape = "×".join("?" if size is None else str(size) for size in row.shape)
    return (
        f"{row.label[:22]} {shape} {row.parameters:,}" if row.parameters else f"{row.label} {shape}"
    )
