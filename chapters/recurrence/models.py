"""Recurrent networks: one cell, used at every step of a sequence."""

import keras
from keras import layers

from companion.errors import UnknownNameError

CELLS = {"SimpleRNN": layers.SimpleRNN, "LSTM": layers.LSTM, "GRU": layers.GRU}


def simple_rnn(
    input_shape=(8, 8),
    classes=10,
    *,
    units=(64,),
    every_step=False,
    mask_value=None,
    dropout=0.0,
):
    """Build a vanilla recurrent network (Elman, 1990; COMP7015 lecture 8, "Vanilla RNN").

    One layer of 64 units reads 8×8 digits row by row: 64·(8 + 64 + 1) = 4,672 parameters, and
    650 more to name the digit. Layers may be stacked: each reads the states of the one below.

    Args:
        input_shape: ``(steps, features)`` of a sequence; None for steps takes any length.
        classes: Number of classes.
        units: Size of the hidden state, one entry for each layer.
        every_step: Whether to name a class at every step (many-to-many) or once, after the last
            (many-to-one).
        mask_value: Steps whose features all have this value are padding and are skipped; None
            where every step counts.
        dropout: Share of the last states to silence, in [0, 1).

    Returns:
        An uncompiled `keras.Model` from sequences to probabilities of shape ``(batch, classes)``,
        or ``(batch, steps, classes)`` at every step.
    """
    x = sequences = keras.Input(input_shape, name="sequence")
    if mask_value is not None:
        x = layers.Masking(mask_value, name="mask")(x)
    for number, size in enumerate(units, start=1):
        on = every_step or number < len(units)
        x = layers.SimpleRNN(size, return_sequences=on, name=f"rnn{number}")(x)
    return keras.Model(sequences, _named(x, classes, dropout), name="simple_rnn")


def bidirectional(
    input_shape=(8, 8),
    classes=10,
    *,
    cell="SimpleRNN",
    units=(64,),
    every_step=False,
    mask_value=None,
    dropout=0.0,
):
    """Build a network that reads the sequence from both ends (Schuster and Paliwal, 1997).

    Each layer has two cells of the same kind, one for each direction; their states are laid side
    by side.

    Args:
        input_shape: ``(steps, features)`` of a sequence; None for steps takes any length.
        classes: Number of classes.
        cell: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        units: Size of each direction's hidden state, one entry for each layer.
        every_step: Whether to name a class at every step or once.
        mask_value: Steps whose features all have this value are padding and are skipped; None
            where every step counts.
        dropout: Share of the last states to silence, in [0, 1).

    Returns:
        An uncompiled `keras.Model` from sequences to probabilities of shape ``(batch, classes)``,
        or ``(batch, steps, classes)`` at every step.

    Raises:
        UserError: If the cell is unknown.
    """
    kind = _cell(cell)
    x = sequences = keras.Input(input_shape, name="sequence")
    if mask_value is not None:
        x = layers.Masking(mask_value, name="mask")(x)
    for number, size in enumerate(units, start=1):
        on = every_step or number < len(units)
        x = layers.Bidirectional(kind(size, return_sequences=on), name=f"both_ways{number}")(x)
    return keras.Model(sequences, _named(x, classes, dropout), name="bidirectional")


def _named(x, classes, dropout):
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)


def _cell(name):
    if name not in CELLS:
        raise UnknownNameError("cell", name, CELLS)
    return CELLS[name]


def sentence_classifier(vocabulary, classes=2, *, cell="GRU", embedding=32, units=32, dropout=0.5):
    """Build a network that reads a sentence word by word and names its class after the last.

    Args:
        vocabulary: Number of word numbers, with 0 for padding and 1 for unknown words.
        classes: Number of classes.
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
    words = keras.Input((None,), dtype="int32", name="words")
    x = layers.Embedding(vocabulary, embedding, mask_zero=True, name="embedding")(words)
    x = layers.SpatialDropout1D(dropout, name="silenced_channels")(x)
    x = _cell(cell)(units, name="rnn")(x)
    return keras.Model(words, _named(x, classes, dropout), name="sentence_classifier")


def forecaster(input_shape=(48, 1), horizon=24, *, cell="GRU", units=32):
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
    state = _cell(cell)(units, name="rnn")(past)
    return keras.Model(past, layers.Dense(horizon, dtype="float32", name="future")(state))
