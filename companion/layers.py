"""Layers and stacks that chapters share; their names are those that weights are saved under."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from companion.errors import UnknownNameError

CELLS: dict[str, type[layers.Layer]] = {
    "SimpleRNN": layers.SimpleRNN,
    "LSTM": layers.LSTM,
    "GRU": layers.GRU,
}


def recurrent_cell(name: str) -> type[layers.Layer]:
    """Return the recurrent layer of that name.

    Raises:
        UnknownNameError: If there is none; with the nearest name.
    """
    if name not in CELLS:
        raise UnknownNameError("cell", name, CELLS)
    return CELLS[name]


def recurrent_classifier(
    name: str,
    cell: str,
    input_shape: tuple[int | None, int],
    classes: int,
    *,
    layer: str,
    both_ways: bool = False,
    units: Sequence[int] = (64,),
    every_step: bool = False,
    mask_value: float | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """Build a stack of recurrent layers, each over the states of the one below, and a softmax.

    Args:
        name: The model's name.
        cell: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        input_shape: ``(steps, features)`` of a sequence; None for steps takes any length.
        classes: Number of classes.
        layer: Name of the recurrent layers, before their number.
        both_ways: Whether each layer reads its sequence from both ends, and lays both states side
            by side (Schuster and Paliwal, 1997).
        units: Size of the state, one entry for each layer.
        every_step: Whether to name a class at every step (many-to-many) or once, after the last
            (many-to-one).
        mask_value: Steps whose features all have this value are padding and are skipped; None
            where every step counts.
        dropout: Share of the last states to silence, in [0, 1).

    Returns:
        An uncompiled `keras.Model` from sequences to probabilities of shape ``(batch, classes)``,
        or ``(batch, steps, classes)`` at every step.

    Raises:
        UnknownNameError: If the cell is unknown.
    """
    kind = recurrent_cell(cell)
    x = sequences = keras.Input(input_shape, name="sequence")
    if mask_value is not None:
        x = layers.Masking(mask_value, name="mask")(x)
    for number, size in enumerate(units, start=1):
        states = every_step or number < len(units)
        if both_ways:
            inner = kind(size, return_sequences=states)
            x = layers.Bidirectional(inner, name=f"{layer}{number}")(x)
        else:
            x = kind(size, return_sequences=states, name=f"{layer}{number}")(x)
    return keras.Model(sequences, class_probabilities(x, classes, dropout), name=name)


def class_probabilities(x: Any, classes: int, dropout: float = 0.0) -> Any:
    """Put a softmax on features, some of them silenced in training; float32 in any precision.

    Args:
        x: Features of shape ``(batch, …, features)``.
        classes: Number of classes.
        dropout: Share of the features to silence, in [0, 1).

    Returns:
        Probabilities of shape ``(batch, …, classes)``.
    """
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)
