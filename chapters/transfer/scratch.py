"""Which arrays of a network move, which strategy the data ask for, and a head without a loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
STRATEGIES = ("head", "some", "all")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a tower: a base of several, and a head on top.

    Attributes:
        name: What it is called.
        learned: Its arrays that a gradient can move, by name, with how many numbers each holds.
        counted: Its arrays that are moving averages, never moved by a gradient.
    """

    name: str
    learned: dict[str, int]
    counted: dict[str, int]


def convolution(name: str, size: int, channels: int, filters: int) -> Layer:
    """Return a convolution without bias: ``size · size · channels · filters`` weights."""
    return Layer(name, {"kernel": size * size * channels * filters}, {})


def normalization(name: str, maps: int) -> Layer:
    """Return batch normalization: γ and β of each map are learned, mean and variance counted."""
    return Layer(name, {"γ": maps, "β": maps}, {"moving mean": maps, "moving variance": maps})


def dense(name: str, inputs: int, units: int) -> Layer:
    """Return a dense layer with a bias."""
    return Layer(name, {"kernel": inputs * units, "bias": units}, {})


TOWER = (
    convolution("conv1", 3, 1, 16),
    normalization("norm1", 16),
    convolution("conv2", 3, 16, 32),
    normalization("norm2", 32),
    convolution("conv3", 3, 32, 64),
    normalization("norm3", 64),
    dense("head", 256, 5),
)
"""The chapter's base under a head of five classes, from the input up."""


def moving_arrays(
    tower: Sequence[Layer], strategy: str, stage: int = 2, first_open: str = "conv3"
) -> dict[str, int]:
    """Return the arrays that a stage of fine-tuning moves, with how many numbers each holds.

    In the first stage that is the head. In the second one the strategy says: nothing more for
    ``"head"``, the layers from `first_open` on for ``"some"``, all of them for ``"all"``. Batch
    normalization stays locked in every stage: a layer with moving averages is not opened.

    >>> list(moving_arrays(TOWER, "some"))
    ['conv3 kernel', 'head kernel', 'head bias']
    >>> sum(moving_arrays(TOWER, "head").values())
    1285

    Args:
        tower: The layers from the input up, the head last.
        strategy: ``"head"``, ``"some"`` or ``"all"``.
        stage: 1 or 2.
        first_open: The first layer of ``"some"``.

    Raises:
        ValueError: If there is no such strategy, stage or layer.
    """
    names = [layer.name for layer in tower]
    if strategy not in STRATEGIES or stage not in (1, 2) or first_open not in names:
        raise ValueError(
            f"Expected a strategy of {STRATEGIES}, stage 1 or 2, and a layer of {names}. "
            f"Received: {strategy!r}, {stage!r}, {first_open!r}."
        )
    first = {"head": len(tower) - 1, "some": names.index(first_open), "all": 0}[strategy]
    above = tower[-1:] if stage == 1 else tower[first:]
    opened = [layer for layer in above if not layer.counted]
    return {f"{one.name} {name}": size for one in opened for name, size in one.learned.items()}


@dataclass(frozen=True, slots=True)
class Advice:
    """What the lecture's matrix says of a data set.

    Attributes:
        strategy: The strategy to begin with.
        sentence: The matrix's cell, as the slide has it.
    """

    strategy: str
    sentence: str


MATRIX = {
    ("little", "similar"): Advice("head", "Finetune linear classifier on top layer"),
    ("little", "different"): Advice(
        "head", "You're in trouble... Try data augmentation / collect more data"
    ),
    ("large", "similar"): Advice("some", "Finetune a few layers"),
    ("large", "different"): Advice("all", "Finetune a larger number of layers"),
}
"""COMP7015 lecture 8, "Fine-Tuning Strategies", by amount of data and similarity."""


def recommend(data: str, similarity: str) -> Advice:
    """Return what the lecture's matrix says (COMP7015 lecture 8, "Fine-Tuning Strategies").

    Of little data that are different it says no strategy; the smallest one is given, since
    whatever else moves is fitted to little data too.

    >>> recommend("large", "similar").strategy
    'some'

    Args:
        data: ``"little"`` or ``"large"``.
        similarity: ``"similar"`` or ``"different"``, to what the base was trained on.

    Raises:
        ValueError: If the matrix has no such row or column.
    """
    if (data, similarity) not in MATRIX:
        raise ValueError(
            'data is "little" or "large", similarity is "similar" or "different". '
            f"Received: {data!r}, {similarity!r}."
        )
    return MATRIX[data, similarity]


def passes_through(
    examples: int, epochs: int, strategy: str, kept: bool = False
) -> tuple[int, int]:
    """Return how often an example goes forward and backward through the base.

    Features that are extracted once and kept cost one pass for each example; otherwise each epoch
    costs one. Nothing goes back through a base that is frozen.

    >>> passes_through(1000, 20, "head"), passes_through(1000, 20, "head", kept=True)
    ((20000, 0), (1000, 0))

    Args:
        examples: Training examples.
        epochs: Passes over them.
        strategy: ``"head"`` or ``"all"``.
        kept: Whether features are extracted once.

    Raises:
        ValueError: If the strategy is another, or features are kept though the base moves.
    """
    if strategy not in ("head", "all"):
        raise ValueError(f'strategy is "head" or "all". Received: {strategy!r}.')
    if kept and strategy != "head":
        raise ValueError(
            "Features can be kept only while the base stays as it is: strategy 'head'. "
            f"Received: {strategy!r}."
        )
    forward = examples * (1 if kept else epochs)
    return forward, 0 if strategy == "head" else forward


def batch_norm(
    x: ArrayLike,
    gamma: Any,
    beta: Any,
    mean: Any,
    variance: Any,
    *,
    training: bool,
    trainable: bool,
    momentum: float = 0.9,
    epsilon: float = 1e-3,
) -> tuple[Array, Array, Array]:
    """Return what Keras's batch normalization answers, and its moving averages afterwards.

    It looks at the batch only if it is called with ``training=True`` *and* is trainable. A frozen
    one keeps to its moving averages, and they stay as they are.

    Args:
        x: Of shape ``(examples, features)``.
        gamma: Scale of each feature.
        beta: Shift of each feature.
        mean: Moving mean of each feature.
        variance: Moving variance of each feature.
        training: How the layer is called.
        trainable: Whether the layer is.
        momentum: Share of the moving averages that a batch leaves.
        epsilon: Added to the variance.

    Returns:
        Answers of shape ``(examples, features)``, moving mean and moving variance.
    """
    x, mean, variance = (np.asarray(one, float) for one in (x, mean, variance))
    if training and trainable:
        now, spread = x.mean(axis=0), x.var(axis=0)
        moved = [
            momentum * old + (1 - momentum) * new for old, new in ((mean, now), (variance, spread))
        ]
    else:
        now, spread = mean, variance
        moved = [mean, variance]
    # γ (x − μ) / √(σ² + ε) + β
    return gamma * (x - now) / np.sqrt(spread + epsilon) + beta, moved[0], moved[1]


def linear_probe(
    features: ArrayLike, y: ArrayLike, classes: int, penalty: float = 1.0
) -> tuple[Array, Array]:
    """Return the weights of a linear head on frozen features, without a training loop.

    The head that comes nearest to one-hot targets, by squares, under an L2 penalty on its kernel:

    W = (Φᵀ Φ + λ I)⁻¹ Φᵀ Y,   with features Φ and targets Y from which their means are taken away

    Args:
        features: Φ, of shape ``(examples, features)``.
        y: Classes, of shape ``(examples,)``.
        classes: How many there are.
        penalty: λ.

    Returns:
        W of shape ``(features, classes)`` and the bias of shape ``(classes,)``.
    """
    phi, targets = np.asarray(features, float), np.eye(classes)[np.asarray(y)]
    centre, shares = phi.mean(axis=0), targets.mean(axis=0)
    phi = phi - centre
    kernel = np.linalg.solve(
        phi.T @ phi + penalty * np.eye(phi.shape[1]), phi.T @ (targets - shares)
    )
    return kernel, shares - centre @ kernel
