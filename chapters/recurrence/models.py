"""Recurrent networks: one cell, used at every step of a sequence."""

from typing import Any

import keras
from keras import layers, ops

from companion.layers import class_probabilities, recurrent_cell, recurrent_classifier


def simple_rnn(input_shape: tuple[int | None, int] = (8, 8), classes: int = 10, **options: Any):
    """Build a vanilla recurrent network (Elman, 1990; COMP7015 lecture 8, "Vanilla RNN").

    One layer of 64 units reads 8×8 digits row by row: 64·(8 + 64 + 1) = 4,672 parameters, and
    650 more to name the digit. Layers may be stacked: each reads the states of the one below.

    Args:
        input_shape: ``(steps, features)`` of a sequence; None for steps takes any length.
        classes: Number of classes.
        **options: ``units``, ``every_step``, ``mask_value`` and ``dropout``, as of
            `companion.layers.recurrent_classifier`.

    Returns:
        An uncompiled `keras.Model`, as `companion.layers.recurrent_classifier` describes it.
    """
    return recurrent_classifier(
        "simple_rnn", "SimpleRNN", input_shape, classes, layer="rnn", **options
    )


def bidirectional(
    input_shape: tuple[int | None, int] = (8, 8),
    classes: int = 10,
    *,
    cell: str = "SimpleRNN",
    **options: Any,
):
    """Build a network that reads the sequence from both ends (Schuster and Paliwal, 1997).

    Each layer has two cells of the same kind, one for each direction; their states are laid side
    by side.

    Args:
        input_shape: ``(steps, features)`` of a sequence; None for steps takes any length.
        classes: Number of classes.
        cell: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        **options: ``units``, ``every_step``, ``mask_value`` and ``dropout``, as of
            `companion.layers.recurrent_classifier`.

    Returns:
        An uncompiled `keras.Model`, as `companion.layers.recurrent_classifier` describes it.

    Raises:
        UserError: If the cell is unknown.
    """
    return recurrent_classifier(
        "bidirectional", cell, input_shape, classes, layer="both_ways", both_ways=True, **options
    )


def sentence_classifier(
    vocabulary: int = 2_000,
    classes: int = 2,
    *,
    input_shape: tuple[int | None] = (None,),
    cell: str = "GRU",
    embedding: int = 32,
    units: int = 32,
    dropout: float = 0.5,
):
    """Build a network that reads a sentence word by word and names its class after the last.

    Args:
        vocabulary: How many word numbers it tells apart: 0 is padding, 1 unknown words, and so it
            takes all greater ones. Words are numbered by how common they are.
        classes: Number of classes.
        input_shape: ``(words,)`` of a sentence; None takes any number.
        cell: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        embedding: Numbers that stand for a word; they are learned.
        units: Size of the hidden state.
        dropout: Share of the embedding's channels, and of the last state, to silence.

    Returns:
        An uncompiled `keras.Model` from word numbers ``(batch, words)`` to probabilities of shape
        ``(batch, classes)``.

    Raises:
        UserError: If the cell is unknown.
    """
    words = keras.Input(input_shape, dtype="int32", name="words")
    known = ops.where(words < vocabulary, words, 1)
    x = layers.Embedding(vocabulary, embedding, mask_zero=True, name="embedding")(known)
    x = layers.SpatialDropout1D(dropout, name="silenced_channels")(x)
    x = recurrent_cell(cell)(units, name="rnn")(x)
    return keras.Model(words, class_probabilities(x, classes, dropout), name="sentence_classifier")


def forecaster(
    input_shape: tuple[int, ...] = (48, 1), horizon: int = 24, *, cell: str = "GRU", units: int = 32
):
    """Build a network that reads a stretch of a series and says what comes next.

    Args:
        input_shape: ``(steps, features)`` of the stretch; None for steps takes any length.
        horizon: How many values to say.
        cell: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        units: Size of the hidden state.

    Returns:
        An uncompiled `keras.Model` from stretches to values of shape ``(batch, horizon)``.

    Raises:
        UserError: If the cell is unknown.
    """
    past = keras.Input(input_shape, name="past")
    state = recurrent_cell(cell)(units, name="rnn")(past)
    return keras.Model(past, layers.Dense(horizon, dtype="float32", name="future")(state))
