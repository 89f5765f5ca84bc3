"""Networks that remember: LSTM, GRU, and a pyramid that reads long recordings in fewer steps."""

from typing import Any

import keras
from keras import layers, ops

from companion.errors import UserError
from companion.layers import class_probabilities, recurrent_classifier
from companion.recurrent import LSTM, Bidirectional


def lstm(input_shape: tuple[int | None, int] = (8, 8), classes: int = 10, **options: Any):
    """Build a network of long short-term memory (Hochreiter and Schmidhuber, 1997).

    One layer of 64 units reads 8×8 digits row by row: 4·(64·(64 + 8) + 64) = 18,688 parameters,
    and 650 more to name the digit. Its keep gates start open, at σ(1) = 0.73, as Keras has it.

    Args:
        input_shape: ``(steps, features)`` of a sequence; None for steps takes any length.
        classes: Number of classes.
        **options: ``units``, ``every_step``, ``mask_value`` and ``dropout``, as of
            `companion.layers.recurrent_classifier`.

    Returns:
        An uncompiled `keras.Model`, as `companion.layers.recurrent_classifier` describes it.
    """
    return recurrent_classifier("lstm", "LSTM", input_shape, classes, layer="memory", **options)


def gru(input_shape: tuple[int | None, int] = (8, 8), classes: int = 10, **options: Any):
    """Build a network of gated recurrent units (Cho et al., 2014), as Keras and cuDNN have them.

    One layer of 64 units reads 8×8 digits row by row: 3·(64·(64 + 8) + 2·64) = 14,208 parameters,
    and 650 more to name the digit.

    Args:
        input_shape: ``(steps, features)`` of a sequence; None for steps takes any length.
        classes: Number of classes.
        **options: ``units``, ``every_step``, ``mask_value`` and ``dropout``, as of
            `companion.layers.recurrent_classifier`.

    Returns:
        An uncompiled `keras.Model`, as `companion.layers.recurrent_classifier` describes it.
    """
    return recurrent_classifier("gru", "GRU", input_shape, classes, layer="memory", **options)


@keras.saving.register_keras_serializable("memory")
class JoinFrames(layers.Layer):
    """Lay neighbouring frames end to end: fewer steps, each as much wider.

    The last frame is filled up with zeros, and frames under the mask count as zeros, so that what
    comes out does not depend on how far a recording was padded. A joined frame is masked where all
    of its parts are.

    Args:
        reduction: How many frames become one.
        **options: What any Keras layer takes.
    """

    def __init__(self, reduction: int = 2, **options: Any):
        super().__init__(**options)
        self.reduction = reduction
        self.supports_masking = True

    def call(self, frames: keras.KerasTensor, mask: keras.KerasTensor | None = None):
        if mask is not None:
            frames = frames * ops.cast(mask, frames.dtype)[..., None]
        return self._joined(frames)

    def compute_mask(self, frames: keras.KerasTensor, mask: keras.KerasTensor | None = None):
        if mask is None:
            return None
        return ops.any(self._joined(ops.cast(mask, "float32")[..., None]), axis=-1)

    def compute_output_shape(self, shape: tuple[int, int | None, int]):
        batch, steps, features = shape
        return batch, steps and -(-steps // self.reduction), self.reduction * features

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}

    def _joined(self, frames: keras.KerasTensor):
        # [h_1, h_2, h_3] → [(h_1, h_2), (h_3, 0)]: every second frame, beside what follows it
        after = self.reduction - 1
        padded = ops.pad(frames, ((0, 0), (0, after), (0, 0)))
        parts = [
            padded[:, part : part - after or None : self.reduction]
            for part in range(self.reduction)
        ]
        return ops.concatenate(parts, axis=-1)


def pyramid_rnn(
    input_shape: tuple[int | None, int] = (None, 40),
    classes: int = 10,
    *,
    layers: int = 3,
    units: int = 32,
    reduction: int = 2,
    join_input: bool = False,
    mask_value: float | None = 0.0,
    dropout: float = 0.0,
):
    """Build the pyramidal bidirectional LSTM of Listen, Attend and Spell (Chan et al., 2016).

    Each layer reads the one below it with `reduction` neighbouring frames joined into one, so a
    recording of 100 frames is 100, 50 and 25 steps long in three layers; with a reduction of 1 it
    is a plain stack of bidirectional LSTM layers. The paper puts three such layers on a bottom
    layer, and an attention network on top; here the last states name a class.

    Args:
        input_shape: ``(steps, features)`` of a recording; None for steps takes any length.
        classes: Number of classes.
        layers: Number of bidirectional LSTM layers.
        units: Size of each direction's state.
        reduction: How many frames become one between two layers.
        join_input: Whether the first layer reads joined frames, too.
        mask_value: Frames whose features all have this value are padding and are skipped; None
            where every frame counts.
        dropout: Share of the last states to silence, in [0, 1).

    Returns:
        An uncompiled `keras.Model` from recordings to probabilities of shape ``(batch, classes)``.

    Raises:
        UserError: If there is no layer, or less than one frame to join.
    """
    if layers < 1 or reduction < 1:
        raise UserError(
            "A pyramid has one layer or more, and joins one frame or more. "
            f"Received: layers={layers}, reduction={reduction}."
        )
    x = frames = keras.Input(input_shape, name="frames")
    if mask_value is not None:
        x = keras.layers.Masking(mask_value, name="mask")(x)
    for number in range(1, layers + 1):
        if reduction > 1 and (number > 1 or join_input):
            x = JoinFrames(reduction, name=f"join{number}")(x)
        blstm = LSTM(units, return_sequences=number < layers)
        x = Bidirectional(blstm, name=f"blstm{number}")(x)
    return keras.Model(frames, class_probabilities(x, classes, dropout), name="pyramid_rnn")
