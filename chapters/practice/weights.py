"""Weights carried from PyTorch to Keras and back, layer by layer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import UnknownNameError, UserError

Array = NDArray[Any]
State = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Layer:
    """How a layer's arrays are called and laid out on both sides.

    Attributes:
        to_keras: From PyTorch's arrays by name to Keras's list.
        to_pytorch: And back.
    """

    to_keras: Callable[[State], list[Array]]
    to_pytorch: Callable[[Sequence[Array]], dict[str, Array]]


def _affine(order: tuple[int, ...]) -> Layer:
    """Return a layer of one kernel and perhaps a bias, whose kernel has its axes in `order`."""
    back = tuple(int(axis) for axis in np.argsort(order))
    return Layer(
        lambda state: [state["weight"].transpose(order), *_given(state, "bias")],
        lambda weights: {
            "weight": weights[0].transpose(back),
            **dict(zip(("bias",), weights[1:], strict=False)),
        },
    )


def _given(state: State, *names: str) -> list[Array]:
    return [state[name] for name in names if name in state]


def _swapped(blocks: int) -> Callable[[Array], Array]:
    """Return what exchanges the first two of the blocks that lie along the last axis."""

    def swap(array: Array) -> Array:
        first, second, *rest = np.split(array, blocks, axis=-1)
        return np.concatenate([second, first, *rest], axis=-1)

    return swap


GATES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
"""What PyTorch calls the arrays of a recurrent layer."""


def _recurrent() -> Layer:
    """Return an RNN or LSTM: gates in one order on both sides (i, f, g, o), but two biases in one.

    Only the sum of PyTorch's two biases counts, so back it comes as the first of them.
    """
    return Layer(
        lambda state: [
            state[GATES[0]].T,
            state[GATES[1]].T,
            *([state[GATES[2]] + state[GATES[3]]] if GATES[2] in state else []),
        ],
        lambda weights: {
            GATES[0]: weights[0].T,
            GATES[1]: weights[1].T,
            **({GATES[2]: weights[2], GATES[3]: 0 * weights[2]} if len(weights) > 2 else {}),
        },
    )


def _gru() -> Layer:
    """Return a GRU: r, z, n there and z, r, h here; two biases on both sides (`reset_after`)."""
    swap = _swapped(3)
    return Layer(
        lambda state: [
            swap(state[GATES[0]].T),
            swap(state[GATES[1]].T),
            *([swap(np.stack(_given(state, *GATES[2:])))] if GATES[2] in state else []),
        ],
        lambda weights: {
            GATES[0]: swap(weights[0]).T,
            GATES[1]: swap(weights[1]).T,
            **(dict(zip(GATES[2:], swap(weights[2]), strict=True)) if len(weights) > 2 else {}),
        },
    )


NORMALIZATION = ("weight", "bias", "running_mean", "running_var")

LAYERS = {
    "Linear": _affine((1, 0)),
    "Conv1d": _affine((2, 1, 0)),
    "Conv2d": _affine((2, 3, 1, 0)),
    "Conv3d": _affine((2, 3, 4, 1, 0)),
    "Embedding": _affine((0, 1)),
    **dict.fromkeys(
        ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm"),
        Layer(
            lambda state: _given(state, *NORMALIZATION),
            lambda weights: dict(zip(NORMALIZATION, weights, strict=False)),
        ),
    ),
    "RNN": _recurrent(),
    "LSTM": _recurrent(),
    "GRU": _gru(),
}
"""The layers that can be carried, by PyTorch's name."""


def to_keras(kind: str, state: State, flattened: tuple[int, int, int] | None = None) -> list[Array]:
    """Return a PyTorch layer's arrays as Keras's layer takes them in `set_weights`.

    >>> kernel, bias = to_keras("Linear", {"weight": np.ones((10, 784)), "bias": np.ones(10)})
    >>> kernel.shape
    (784, 10)

    Args:
        kind: What PyTorch calls the layer, e.g. ``"Linear"``.
        state: Its arrays by name.
        flattened: For a ``Linear`` behind a ``Flatten``: the channels, height and width of what
            was flattened. PyTorch flattens channel by channel, Keras pixel by pixel.

    Raises:
        UserError: If the layer is none that can be carried.
    """
    layer = _find(kind, state)
    weights = [np.ascontiguousarray(one) for one in layer.to_keras(state)]
    if flattened:
        rows = weights[0].reshape(*flattened, -1)
        weights[0] = rows.transpose(1, 2, 0, 3).reshape(weights[0].shape)
    return weights


def to_pytorch(
    kind: str, weights: Sequence[Array], flattened: tuple[int, int, int] | None = None
) -> dict[str, Array]:
    """Return a Keras layer's weights as PyTorch names and lays them out.

    >>> sorted(to_pytorch("Linear", [np.ones((784, 10)), np.ones(10)]))
    ['bias', 'weight']

    Args:
        kind: What PyTorch calls the layer, e.g. ``"Linear"``.
        weights: What Keras's `get_weights` returns.
        flattened: As `to_keras` takes it.

    Raises:
        UserError: If the layer is none that can be carried.
    """
    layer, weights = _find(kind), list(weights)
    if flattened:
        channels, height, width = flattened
        rows = weights[0].reshape(height, width, channels, -1)
        weights[0] = rows.transpose(2, 0, 1, 3).reshape(weights[0].shape)
    return {name: np.ascontiguousarray(one) for name, one in layer.to_pytorch(weights).items()}


def _find(kind: str, state: State | None = None) -> Layer:
    """Return how a layer is carried."""
    if kind not in LAYERS:
        raise UnknownNameError("layer that can be carried", kind, LAYERS)
    further = [name for name in state or () if name.endswith(("_l1", "_reverse"))]
    if further:
        raise UserError(
            "A recurrent layer is carried one by one and in one direction. "
            f"Received: {kind} with {further[0]}. Build it of several layers."
        )
    return LAYERS[kind]


Flattened = Mapping[int, tuple[int, int, int]]


def carry_to_keras(module: Any, model: Any, flattened: Flattened | None = None) -> None:
    """Set the weights of a built Keras model, or layer, to those of a PyTorch module.

    Args:
        module: A ``torch.nn.Module``.
        model: The Keras model with the same layers in the same order.
        flattened: By the number of a layer with weights, from 0: what a ``Flatten`` before it was
            given, as `to_keras` takes it.

    Raises:
        UserError: If the layers are not as many on both sides, or cannot be carried.
    """
    for number, (part, layer) in enumerate(side_by_side(module, model)):
        state = {name: one.detach().cpu().numpy() for name, one in part.state_dict().items()}
        layer.set_weights(to_keras(type(part).__name__, state, (flattened or {}).get(number)))


def carry_to_pytorch(model: Any, module: Any, flattened: Flattened | None = None) -> None:
    """Set the weights of a PyTorch module to those of a built Keras model, or layer.

    Args:
        model: The Keras model.
        module: A ``torch.nn.Module`` with the same layers in the same order.
        flattened: As `carry_to_keras` takes it.

    Raises:
        UserError: If the layers are not as many on both sides, or cannot be carried.
    """
    import torch  # here, so that weights of files can be laid out without it

    for number, (part, layer) in enumerate(side_by_side(module, model)):
        given = (flattened or {}).get(number)
        arrays = to_pytorch(type(part).__name__, layer.get_weights(), given)
        state = {name: torch.from_numpy(one.copy()) for name, one in arrays.items()}
        # BatchNorm also counts its batches, which Keras does not.
        part.load_state_dict(part.state_dict() | state)


def side_by_side(module: Any, model: Any) -> list[tuple[Any, Any]]:
    """Return the layers that have weights, side by side."""
    parts = [
        part for part in module.modules() if next(part.parameters(recurse=False), None) is not None
    ]
    layers = [layer for layer in getattr(model, "layers", [model]) if layer.weights]
    if len(parts) != len(layers):
        raise UserError(
            "Both models have the same layers in the same order, and the Keras model is built. "
            f"Received: {len(parts)} layers with weights in PyTorch, {len(layers)} in Keras."
        )
    return list(zip(parts, layers, strict=True))
