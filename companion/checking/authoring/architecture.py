"""Architectures compared: layer by layer, and why two of them differ."""

import difflib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from companion.checking.authoring.comparison import difference

# Layers and operations that are an activation by another name, if they are given these values.
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "ReLU": ("relu", {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    "Relu": ("relu", {}),
    "Sigmoid": ("sigmoid", {}),
    "Softmax": ("softmax", {"axis": -1}),
    "Tanh": ("tanh", {}),
}
# What layers of one size may differ in without another result: how weights begin, not what they do.
UNCOMPARED = {"data_format", "dtype", "kernel_initializer", "bias_initializer", "sparse", "ragged"}


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of a model.

    Attributes:
        name: The layer's name in its model.
        layer: Its class.
        config: What it was given.
        shape: Its output's shape, without the batch.
        parameters: Its weights' count.
        opaque: Whether it runs code of its own (a Lambda), which nothing can describe.
    """

    name: str
    layer: str
    config: dict[str, Any]
    shape: tuple[int | None, ...] | None
    parameters: int
    opaque: bool = False


def read_rows(description: Any) -> list[Row]:
    """Return the rows of a description (`described`), each activation a row of its own.

    Raises:
        ValueError: If they are no description.
    """
    try:
        raw = json.loads(description["rows"])
        rows = [
            Row(
                str(one["name"]),
                str(one["layer"]),
                {str(key): value for key, value in dict(one["config"]).items()},
                None if one["shape"] is None else tuple(one["shape"][1:]),
                int(one["parameters"]),
                bool(one["lambda"]),
            )
            for one in raw[:2000]
        ]
    except (TypeError, LookupError, ValueError, ArithmeticError, RecursionError) as error:
        raise ValueError("The model's description cannot be read.") from error
    return list(itertools.chain.from_iterable(map(_plain, rows)))


def _plain(row: Row) -> list[Row]:
    """Write one thing in one way: Conv2D(activation="relu") is Conv2D, then ReLU."""
    layer = row.layer
    config = {key: value for key, value in row.config.items() if key not in UNCOMPARED}
    if layer in ACTIVATIONS:
        layer, config["activation"] = "Activation", layer
    fused = config.get("activation")
    if isinstance(fused, str) and fused in ACTIVATIONS:
        fused, usual = ACTIVATIONS[fused]
        given = {key: config.pop(key, value) for key, value in usual.items()}
        unusual = [f"{key}={value}" for key, value in given.items() if value != usual[key]]
        fused += f"({', '.join(unusual)})" if unusual else ""
        config["activation"] = fused
    splits = isinstance(fused, str) and layer.startswith(("Conv", "Dense", "Depthwise", "Sep"))
    if not splits:
        return [Row(row.name, layer, config, row.shape, row.parameters, row.opaque)]
    del config["activation"]
    rows = [Row(row.name, layer, config, row.shape, row.parameters)]
    if fused != "linear":
        rows.append(Row(row.name, "Activation", {"activation": fused}, row.shape, 0))
    return rows


def model_difference(
    expected: dict[str, Any], received: Any, *, rtol: float, atol: float
) -> str | None:
    """Return a sentence on what sets two models apart, or None if nothing does."""
    try:
        wanted, came = read_rows(expected), read_rows(received)
    except ValueError:
        return "The answer is no description of a Keras model."
    opaque = next((row for row in came if row.opaque), None)
    if opaque:
        return (
            f"{opaque.name} is a Lambda layer: code in a box that cannot be compared, saved or "
            "read. Use a layer of Keras, or keras.ops on the tensors themselves."
        )
    lines = [text for row, other in _aligned(wanted, came) for text in reasons(row, other)]
    if lines:
        return lines[0]
    if expected["outputs"] is None:
        return None
    if received.get("outputs") is None:
        return "The layers are right, but their weights come in another order or shape."
    wrong = difference(expected["outputs"], received["outputs"], rtol=rtol, atol=atol)
    return wrong and (
        f"The layers are right, but they are wired differently: under the same weights, {wrong}"
    )


def _aligned(wanted: Sequence[Row], came: Sequence[Row]) -> list[tuple[Row | None, Row | None]]:
    """Pair the layers of two models, keeping the order, so that as many kinds as can agree do."""
    pairs: list[tuple[Row | None, Row | None]] = []
    matcher = difflib.SequenceMatcher(
        None, [_kind(row) for row in wanted], [_kind(row) for row in came], autojunk=False
    )
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        pairs += itertools.zip_longest(wanted[start:end], came[other_start:other_end])
    return pairs


def _kind(row: Row) -> str:
    return f"{row.layer} {row.config.get('activation', '')}"


def reasons(wanted: Row | None, came: Row | None) -> list[str]:
    """Return why two paired layers differ, the difference in parameters first."""
    if wanted is None:
        assert came is not None
        return [f"{_count(came.parameters)}{_title(came)} is one layer too many."]
    if came is None:
        return [f"{_count(-wanted.parameters)}{_title(wanted)} is missing."]
    count = _count(came.parameters - wanted.parameters)
    if wanted.layer == came.layer == "Activation" and _kind(wanted) != _kind(came):
        return [
            f"The activation of {came.name} is {came.config.get('activation')!r}, "
            f"expected {wanted.config.get('activation')!r}."
        ]
    if _kind(wanted) != _kind(came):
        return [f"{count}{came.name} is {_what(came)}; expected {_what(wanted)}."]
    told = [
        f"{key} is {came.config.get(key)!r}, expected {value!r}"
        for key, value in wanted.config.items()
        if came.config.get(key) != value
    ]
    if told:
        return [f"{count}{_title(came)}: {'; '.join(told)}."]
    if came.shape != wanted.shape or came.parameters != wanted.parameters:
        return [
            f"{count}{_title(came)} is right in itself, but what reaches it has another shape: its "
            f"output is {came.shape}, expected {wanted.shape}."
        ]
    return []


def _count(more: int) -> str:
    return f"{more:+,} parameters: " if more else ""


def _what(row: Row) -> str:
    return _kind(row) if row.layer == "Activation" else row.layer


def _title(row: Row) -> str:
    return f"{row.name} ({_what(row)})"


def table(expected: dict[str, Any], received: Any) -> str:
    """Return two models side by side, one line a layer, with a mark where they differ."""
    try:
        pairs = _aligned(read_rows(expected), read_rows(received))
    except ValueError:
        return ""
    lines = [f"  {'expected':<40}received"]
    for wanted, came in pairs[:60]:
        mark = "≠" if reasons(wanted, came) else " "
        lines.append(f"{mark} {_cell(wanted):<40}{_cell(came)}")
    totals = [sum(row.parameters for row in rows if row) for rows in zip(*pairs, strict=True)]
    lines.append(f"  {f'{totals[0]:,} parameters':<40}{totals[1]:,} parameters")
    return "\n".join(lines)


def _cell(row: Row | None) -> str:
    if row is None:
        return "—"
    shape = "×".join("?" if size is None else str(size) for size in row.shape or ())
    return (
        f"{_what(row)[:22]} {shape} {row.parameters:,}"
        if row.parameters
        else f"{_what(row)} {shape}"
    )
