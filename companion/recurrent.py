"""Recurrent layers that keep to a GPU's fused kernel under a mask, and in any precision.

Keras hands a whole sequence to cuDNN only where no step is masked (JAX, PyTorch), or where every
sequence is padded on the right and none is empty (TensorFlow, which stops otherwise). A kernel
takes the length of each sequence, though, so any mask will do: the steps that count are moved to
the front, the kernel reads as many of them as there are, and its states are moved back. On PyTorch
the kernel is the CPU's, too. Where there is none, the layers are Keras's own, and so are their
names, weights and saved files.
"""

import functools
from typing import Any, NamedTuple

import keras
from keras import layers, ops

# What each backend has a kernel for; JAX has none for the GRU.
KERNELS = {
    "jax": ("LSTM",),
    "tensorflow": ("LSTM", "GRU"),
    "torch": ("LSTM", "GRU", "SimpleRNN"),
}
GPUS = ("gpu", "cuda", "rocm")  # what JAX calls one


class StepOrder(NamedTuple):
    """Where the steps of a batch go when those that count move to the front.

    Attributes:
        order: Which step comes to each position, ``(batch, steps)``.
        rank: How many steps count up to each one, itself included, ``(batch, steps)``.
        counts: Whether each step counts, ``(batch, steps)``.
        lengths: How many steps of a sequence count, ``(batch,)``; 1 where none does, since no
            kernel reads nothing.
        empty: Whether none does, ``(batch, 1)``.
    """

    order: Any
    rank: Any
    counts: Any
    lengths: Any
    empty: Any


def step_order(mask: Any) -> StepOrder:
    """Return the order for a mask of shape ``(batch, steps)``, true where a step counts.

    >>> steps = step_order(ops.array([[False, True, False, True]]))
    >>> ops.convert_to_numpy(steps.order), ops.convert_to_numpy(steps.rank)
    (array([[1, 3, 0, 2]]...), array([[0, 1, 1, 2]]...))
    """
    counts = ops.cast(mask, "bool")
    ones = ops.cast(counts, "int32")
    steps = ops.shape(mask)[1]
    # Every key is another one, so that a sort has no tie to break.
    order = ops.argsort((1 - ones) * steps + ops.arange(steps, dtype="int32"), axis=1)
    number = ops.sum(ones, axis=1)
    return StepOrder(
        order=order,
        rank=ops.cumsum(ones, axis=1),
        counts=counts,
        lengths=ops.maximum(number, 1),
        empty=(number == 0)[:, None],
    )


def gather_steps(x: Any, steps: Any) -> Any:
    """Return the named steps ``(batch, steps)`` of each sequence ``(batch, steps, features)``."""
    return ops.take_along_axis(x, steps[..., None], axis=1)


# ---- kernels ------------------------------------------------------------------------------------


def has_kernel(kind: str) -> bool:
    """Return whether the backend has a fused kernel for that layer where it computes now."""
    backend = keras.config.backend()
    if kind not in KERNELS[backend]:
        return False
    match backend:
        case "jax":
            import jax

            settings: Any = jax.config
            device = settings.jax_default_device  # a platform, a device, or none in particular
            return (getattr(device, "platform", device) or jax.default_backend()) in GPUS
        case "tensorflow":
            import tensorflow as tf

            return bool(tf.config.list_logical_devices("GPU"))
        case _:
            import torch

            tracing: Any = torch.jit
            return not (tracing.is_tracing() or torch.compiler.is_compiling())


def kernel_arrays(layer: Any) -> list[Any]:
    """Return a layer's matrices and biases as cuDNN and PyTorch take them.

    Input and recurrent matrix of shape ``(gates·units, features)``, and a bias for each. An LSTM's
    gates stand in the same order there: i, f, c, o. A GRU's are r, z, h there and z, r, h in Keras.
    """
    cell = layer.cell
    kernel, recurrent = (ops.transpose(w) for w in (cell.kernel, cell.recurrent_kernel))
    bias = ops.convert_to_tensor(cell.bias)
    bias = bias if len(bias.shape) == 2 else ops.stack([bias, ops.zeros_like(bias)])
    arrays = [kernel, recurrent, bias[0], bias[1]]
    if isinstance(layer, layers.GRU):
        z, r = slice(0, cell.units), slice(cell.units, 2 * cell.units)
        arrays = [ops.concatenate([a[r], a[z], a[2 * cell.units :]]) for a in arrays]
    return arrays


def run_kernel(
    kind: str, x: Any, states: list[Any], arrays: list[list[Any]], lengths: Any = None
) -> tuple[Any, list[Any]]:
    """Read sequences with a fused kernel: one pass, or one from each end.

    Args:
        kind: ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        x: Sequences of shape ``(batch, steps, features)``.
        states: The first states, each of shape ``(directions, batch, units)``.
        arrays: `kernel_arrays` of each direction.
        lengths: How many steps of each sequence to read, 1 or more; None reads all.

    Returns:
        The state at every step read, ``(batch, steps, directions·units)``, and the last states.
    """
    run = {"jax": _jax_lstm, "torch": _torch_kernel}[keras.config.backend()]
    dtype = x.dtype
    (*parts,) = _cast((x, *states, *(a for each in arrays for a in each)), "float32")
    x, states, flat = parts[0], parts[1 : 1 + len(states)], parts[1 + len(states) :]
    arrays = [flat[start : start + 4] for start in range(0, len(flat), 4)]
    y, last = run(kind, x, states, arrays, lengths)
    return ops.cast(y, dtype), _cast(last, dtype)


def _cast(tensors: Any, dtype: Any) -> list[Any]:
    return [ops.cast(one, dtype) for one in tensors]


def _jax_lstm(kind: str, x: Any, states: Any, arrays: Any, lengths: Any) -> tuple[Any, list[Any]]:
    from jax.experimental import rnn

    # All matrices first, then all biases.
    flat = [a for each in arrays for a in each[:2]] + [a for each in arrays for a in each[2:]]
    if lengths is None:
        lengths = ops.full((x.shape[0],), x.shape[1], dtype="int32")
    y, *last = rnn.lstm(
        x,
        *states,
        ops.concatenate([ops.reshape(one, (-1,)) for one in flat]),
        lengths,
        input_size=x.shape[-1],
        hidden_size=states[0].shape[-1],
        num_layers=1,
        dropout=0.0,
        bidirectional=len(arrays) == 2,
    )
    return y, last


def _torch_kernel(
    kind: str, x: Any, states: Any, arrays: Any, lengths: Any
) -> tuple[Any, list[Any]]:
    import torch
    from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

    functions = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn_tanh"}
    function: Any = getattr(torch._VF, functions[kind])
    flat = [one.contiguous() for each in arrays for one in each]
    # biases, one layer, no dropout, whether a gradient is wanted, both ways
    options = (flat, True, 1, 0.0, torch.is_grad_enabled(), len(arrays) == 2)
    if lengths is None:
        states = [one.contiguous() for one in states]
        y, *last = function(x, states if kind == "LSTM" else states[0], *options, True)
        return y, last
    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    states = [one.index_select(1, packed.sorted_indices) for one in states]
    data, *last = function(
        packed.data, packed.batch_sizes, states if kind == "LSTM" else states[0], *options
    )
    y, _ = pad_packed_sequence(
        PackedSequence(data, *packed[1:]), batch_first=True, total_length=x.shape[1]
    )
    return y, [one.index_select(1, packed.unsorted_indices) for one in last]


# ---- layers -------------------------------------------------------------------------------------


def precision(dtype: Any) -> Any:
    """Return the precision of a recurrent layer: float32 where the plan is half and no kernel is.

    JAX's kernel knows no half precision, and PyTorch's is slower in it; TensorFlow has both.
    """
    if dtype is not None or keras.config.backend() == "tensorflow":
        return dtype
    return "float32" if keras.config.dtype_policy().name.startswith("mixed_") else None


KerasLayer: Any = object  # a layer of Keras stands behind it


class FusedRecurrent(KerasLayer):
    """What the three layers do alike; it stands before the layer of Keras."""

    def __init__(self, units: int, *args: Any, dtype: Any = None, **options: Any) -> None:
        super().__init__(units, *args, dtype=precision(dtype), **options)

    @property
    def fits(self) -> bool:
        """Whether a fused kernel computes what this layer does, and there is one here."""
        cell = self.cell
        gate = getattr(cell, "recurrent_activation", keras.activations.sigmoid)
        return (
            cell.activation is keras.activations.tanh
            and gate is keras.activations.sigmoid
            and cell.use_bias
            and not cell.recurrent_dropout
            and getattr(cell, "reset_after", True)
            and getattr(self, "use_cudnn", "auto") is not False
            and not self.unroll
            and self.compute_dtype != "float64"
            and has_kernel(type(self).__name__)
        )

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> Any:
        """Read the sequences with the kernel if it fits, or else as Keras does.

        Returns:
            The last output, the outputs ``(batch, steps, units)`` in the order in which they were
            computed, and the last states.
        """
        mask = mask[0] if isinstance(mask, list) else mask
        backend = keras.config.backend()
        # Keras's way to JAX's kernel crashes in half precision, and turns what goes backwards.
        keras_loop: Any = super().inner_loop
        if backend == "jax" and isinstance(self, layers.LSTM):
            keras_loop = functools.partial(layers.RNN.inner_loop, self)
        mask_fits = mask is None or len(mask.shape) == 2
        if not (self.fits and mask_fits) or (backend == "tensorflow" and mask is None):
            return keras_loop(sequences, initial_state, mask, training=training)

        x, steps_first = sequences, None
        if self.go_backwards and backend != "tensorflow":
            x, mask = ops.flip(x, axis=1), None if mask is None else ops.flip(mask, axis=1)
        if mask is not None:
            steps_first = step_order(mask)
            x = gather_steps(x, steps_first.order)
        y, last = self._kernel_outputs(x, initial_state, steps_first, training, keras_loop)
        if steps_first is None:
            return last[0], y if self.return_sequences else last[0][:, None], last
        return self._as_masked(y, last, initial_state, steps_first)

    def _kernel_outputs(
        self, x: Any, initial_state: Any, steps_first: Any, training: bool, keras_loop: Any
    ) -> tuple[Any, Any]:
        """Run the kernel over steps of which those that count come first.

        Returns:
            The outputs ``(batch, steps, units)``, and the last states.
        """
        if keras.config.backend() == "tensorflow":  # its kernel asks for padding on the right alone
            steps = ops.arange(ops.shape(x)[1], dtype="int32")
            mask = steps < steps_first.lengths[:, None]
            _, y, last = keras_loop(x, initial_state, mask, training=training)
            return y, last
        if training and self.dropout:
            x = x * self.cell.get_dropout_mask(x[:, 0])[:, None]
        states = [one[None] for one in initial_state]
        lengths = None if steps_first is None else steps_first.lengths
        y, last = run_kernel(type(self).__name__, x, states, [kernel_arrays(self)], lengths)
        return y, [one[0] for one in last]

    def _as_masked(self, y: Any, last: Any, initial_state: Any, steps_first: Any) -> Any:
        """Return what the kernel made of the steps that count, as `inner_loop` does of all."""
        last = [
            ops.where(steps_first.empty, first, one)
            for first, one in zip(initial_state, last, strict=True)
        ]
        counts, rank, offset = steps_first.counts, steps_first.rank, 0
        if self.go_backwards and keras.config.backend() == "tensorflow":
            # There its states stand at the end.
            counts = ops.flip(counts, axis=1)
            rank = ops.cumsum(ops.cast(counts, "int32"), axis=1)
            offset = ops.shape(y)[1] - steps_first.lengths[:, None]
        if self.zero_output_for_mask:
            padding, output = ops.zeros_like(last[0]), ops.where(counts[:, -1:], last[0], 0)
        else:
            padding, output = initial_state[0], last[0]
        if not self.return_sequences:
            return output, output[:, None], last
        y = gather_steps(y, offset + ops.maximum(rank - 1, 0))
        visible = counts if self.zero_output_for_mask else rank > 0
        return output, ops.where(visible[..., None], y, padding[:, None]), last


@keras.saving.register_keras_serializable("companion")
class SimpleRNN(FusedRecurrent, layers.SimpleRNN):
    """`keras.layers.SimpleRNN`, on PyTorch with its fused kernel."""


@keras.saving.register_keras_serializable("companion")
class LSTM(FusedRecurrent, layers.LSTM):
    """`keras.layers.LSTM`, with a fused kernel under any mask and in any precision."""


@keras.saving.register_keras_serializable("companion")
class GRU(FusedRecurrent, layers.GRU):
    """`keras.layers.GRU`, on TensorFlow and PyTorch with a fused kernel under any mask."""


@keras.saving.register_keras_serializable("companion")
class Bidirectional(layers.Bidirectional):
    """`keras.layers.Bidirectional`; on JAX and PyTorch one kernel reads both ways at once."""

    def __init__(self, layer: Any, *args: Any, dtype: Any = None, **options: Any) -> None:
        super().__init__(layer, *args, dtype=precision(dtype), **options)

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None
    ) -> Any:
        """Read the sequences from both ends, and lay both states side by side."""
        forward, backward = both = self.forward_layer, self.backward_layer
        kind = type(forward).__name__
        if (
            keras.config.backend() == "tensorflow"
            or initial_state is not None
            or self.stateful
            or self.return_state
            or self.merge_mode != "concat"
            or (mask is not None and len(mask.shape) != 2)
            or forward.go_backwards
            or type(backward) is not type(forward)
            or backward.units != forward.units
            or any(one.activity_regularizer or one.dropout for one in both)
            or not all(isinstance(one, FusedRecurrent) and one.built and one.fits for one in both)
        ):
            return super().call(sequences, initial_state, mask=mask, training=training)
        x, lengths = sequences, None
        steps_first: Any = None
        if mask is not None:
            steps_first = step_order(mask)
            x, lengths = gather_steps(x, steps_first.order), steps_first.lengths
        first = ops.zeros((2, ops.shape(x)[0], forward.units), dtype=x.dtype)
        states = [first] * len(forward.state_size)
        y, last = run_kernel(kind, x, states, [kernel_arrays(one) for one in both], lengths)
        if self.return_sequences and steps_first is None:
            output = y
        elif self.return_sequences:
            y = gather_steps(y, ops.maximum(steps_first.rank - 1, 0))
            output = ops.where(steps_first.counts[..., None], y, 0)
        else:
            output = ops.concatenate([last[0][0], last[0][1]], axis=-1)
            output = output if steps_first is None else ops.where(steps_first.empty, 0, output)
        return ops.cast(output, self.compute_dtype)


def keep_off_kernels(model: Any) -> None:
    """Have a model's plain Keras LSTM layers loop where JAX's kernel lacks their precision.

    Keras would try it and end in an error: "Unknown output type bfloat16".
    """
    if keras.config.backend() != "jax":
        return
    for layer in model._flatten_layers():
        plain = isinstance(layer, layers.LSTM) and not isinstance(layer, FusedRecurrent)
        if plain and layer.compute_dtype not in ("float32", "float64"):
            layer.use_cudnn = False
