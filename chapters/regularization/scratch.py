"""Regularization by hand: penalties, weight decay, dropout, early stopping, augmentation."""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import UserError

Array = NDArray[Any]

# COMP7015 lecture 8, "Parameter Norm Penalties": two weight vectors with one and the same output.
X = np.array([1.0, 1.0, 1.0, 1.0])
W1 = np.array([1.0, 0.0, 0.0, 0.0])
W2 = np.array([0.25, 0.25, 0.25, 0.25])


def l2_penalty(weights: ArrayLike, strength: float = 1.0) -> float:
    """Return λ Σ w²   (COMP7015 lecture 8, "Parameter Norm Penalties").

    Of the lecture's two vectors with the output 1, L2 prefers the one that spreads its weight:

    >>> float(W1 @ X), float(W2 @ X)
    (1.0, 1.0)
    >>> l2_penalty(W1), l2_penalty(W2)
    (1.0, 0.25)
    """
    # R(w) = λ Σ w²
    return float(strength * np.sum(np.square(weights)))


def l2_gradient(weights: ArrayLike, strength: float = 1.0) -> Array:
    """Return the gradient of `l2_penalty`, of the weights' shape: a pull that fades with w.

    >>> l2_gradient([2.0, 1.0, 0.1]).tolist()
    [4.0, 2.0, 0.2]
    """
    # ∂R/∂w = 2λ w
    return np.asarray(2 * strength * np.asarray(weights, float))


def l1_penalty(weights: ArrayLike, strength: float = 1.0) -> float:
    """Return λ Σ |w|   (COMP7015 lecture 8, "Parameter Norm Penalties").

    L1 does not choose between the lecture's two vectors; both cost 1:

    >>> l1_penalty(W1), l1_penalty(W2)
    (1.0, 1.0)
    """
    # R(w) = λ Σ |w|
    return float(strength * np.sum(np.abs(weights)))


def l1_gradient(weights: ArrayLike, strength: float = 1.0) -> Array:
    """Return a subgradient of `l1_penalty`, of the weights' shape: the same pull for every w ≠ 0.

    At w = 0 the penalty has a kink and any slope in [−λ, λ] will do; 0 is the usual choice.

    >>> l1_gradient([2.0, 0.1, 0.0, -3.0]).tolist()
    [1.0, 1.0, 0.0, -1.0]
    """
    # ∂R/∂w = λ sign(w)
    return np.asarray(strength * np.sign(np.asarray(weights, float)))


def elastic_net_penalty(weights: ArrayLike, strength: float = 1.0, beta: float = 1.0) -> float:
    """Return λ Σ (β w² + |w|)   (COMP7015 lecture 8; Zou and Hastie, 2005).

    Keras writes the same thing as ``keras.regularizers.L1L2(l1=λ, l2=λβ)``.

    >>> elastic_net_penalty(W1), elastic_net_penalty(W2)
    (2.0, 1.25)
    """
    # R(w) = λ Σ (β w² + |w|)
    return l2_penalty(weights, strength * beta) + l1_penalty(weights, strength)


def elastic_net_gradient(weights: ArrayLike, strength: float = 1.0, beta: float = 1.0) -> Array:
    """Return a subgradient of `elastic_net_penalty`, of the weights' shape.

    >>> elastic_net_gradient([2.0, 0.0, -1.0], strength=0.5, beta=0.1).tolist()
    [0.7, 0.0, -0.6]
    """
    # ∂R/∂w = λ (2β w + sign w)
    return l2_gradient(weights, strength * beta) + l1_gradient(weights, strength)


def soft_threshold(weights: ArrayLike, threshold: float) -> Array:
    """Move every weight towards zero by `threshold`, and stop at zero   (Tibshirani, 1996).

    This is the w that minimises ½(w − weight)² + threshold·|w|, one weight at a time.

    >>> soft_threshold([3.0, 0.5, -0.2, -2.0], 1.0).tolist()
    [2.0, 0.0, 0.0, -1.0]
    """
    weights = np.asarray(weights, float)
    # S(w, t) = sign(w) · max(|w| − t, 0)
    return np.asarray(np.sign(weights) * np.maximum(np.abs(weights) - threshold, 0) + 0.0)


def shrink(weights: ArrayLike, threshold: float) -> Array:
    """Scale every weight by 1 / (1 + 2·threshold): what L2 does where L1 would subtract.

    This is the w that minimises ½(w − weight)² + threshold·w². No weight becomes zero.

    >>> shrink([3.0, 0.5, -0.2, -2.0], 1.0).round(4).tolist()
    [1.0, 0.1667, -0.0667, -0.6667]
    """
    # w − weight + 2 t w = 0   ⇒   w = weight / (1 + 2t)
    return np.asarray(weights, float) / (1 + 2 * threshold)


def fit_linear(
    features: Array, targets: Array, *, l1: float = 0.0, l2: float = 0.0, steps: int = 2000
) -> Array:
    """Return the w that minimises mean (Xw − y)² / 2 + l1·Σ|w| + l2·Σw².

    Proximal gradient descent: walk down the smooth part (data and L2), then soft-threshold.

    Args:
        features: X, of shape (examples, features).
        targets: y, of shape (examples,).
        l1: Strength of the L1 penalty, λ ≥ 0.
        l2: Strength of the L2 penalty, λ ≥ 0.
        steps: Number of steps from w = 0.

    Returns:
        The weights, of shape (features,).
    """
    examples = len(targets)
    # the steepest curvature of the smooth part; its inverse is a safe step
    step = 1 / float(np.linalg.norm(features, 2) ** 2 / examples + 2 * l2)
    weights: Array = np.zeros(features.shape[1])
    for _ in range(steps):
        gradient = features.T @ (features @ weights - targets) / examples + l2_gradient(weights, l2)
        weights = soft_threshold(weights - step * gradient, step * l1)
    return weights


def sgd_step(
    weights: ArrayLike,
    gradient: ArrayLike,
    *,
    learning_rate: float,
    penalty: float = 0.0,
    decay: float = 0.0,
) -> Array:
    """Return the weights after one step of SGD with an L2 penalty, weight decay, or both.

    Δw = −η ∂E/∂w − λ'w   (Intro to ML chapter 12, "Regularization: Weight Decay")

    Args:
        weights: w, of any shape.
        gradient: ∂E/∂w of the data loss alone, of the same shape.
        learning_rate: η.
        penalty: λ of the L2 penalty λ Σ w²; its gradient joins that of the data.
        decay: λ', the share of each weight that is lost in one step.

    A penalty of λ is a decay of λ' = 2ηλ:

    >>> sgd_step([1.0, -2.0], [0.5, 0.5], learning_rate=0.1, penalty=0.3).round(4).tolist()
    [0.89, -1.93]
    >>> sgd_step([1.0, -2.0], [0.5, 0.5], learning_rate=0.1, decay=2 * 0.1 * 0.3).round(4).tolist()
    [0.89, -1.93]
    """
    weights, gradient = np.asarray(weights, float), np.asarray(gradient, float)
    # Δw = −η (∂E/∂w + 2λw) − λ'w
    total = gradient + l2_gradient(weights, penalty)
    return np.asarray(weights - learning_rate * total - decay * weights)


class Moments(NamedTuple):
    """What Adam remembers of the gradients: running means of g and g², and the step count."""

    first: Array | float = 0.0
    second: Array | float = 0.0
    step: int = 0


START = Moments()


def adam_step(
    weights: ArrayLike,
    gradient: ArrayLike,
    moments: Moments = START,
    *,
    learning_rate: float,
    penalty: float = 0.0,
    decay: float = 0.0,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[Array, Moments]:
    """Return the weights and the moments after one step of Adam (AdamW where `decay` is given).

    The penalty goes through the moments, the decay goes past them (Loshchilov and Hutter, 2019).

    Args:
        weights: w, of any shape.
        gradient: ∂E/∂w of the data loss alone, of the same shape.
        moments: The moments that the step before returned.
        learning_rate: η.
        penalty: λ of the L2 penalty λ Σ w².
        decay: λ', the share of each weight that is lost in one step.
        beta_1: Memory of the first moment.
        beta_2: Memory of the second moment.
        epsilon: Keeps the quotient finite.

    Where the data are silent (gradient 0), the first penalised step is η whatever λ is, and
    moves a large weight as far as a small one; the decay takes the same share of both:

    >>> adam_step([4.0, 0.4], [0, 0], learning_rate=0.01, penalty=0.3)[0].round(4).tolist()
    [3.99, 0.39]
    >>> adam_step([4.0, 0.4], [0, 0], learning_rate=0.01, penalty=0.003)[0].round(4).tolist()
    [3.99, 0.39]
    >>> adam_step([4.0, 0.4], [0, 0], learning_rate=0.01, decay=2 * 0.01 * 0.3)[0].tolist()
    [3.976, 0.3976]
    """
    weights, gradient = np.asarray(weights, float), np.asarray(gradient, float)
    step = moments.step + 1
    # g = ∂E/∂w + 2λw                          the penalty is part of what Adam rescales
    total = gradient + l2_gradient(weights, penalty)
    # s ← β₁s + (1 − β₁)g,   r ← β₂r + (1 − β₂)g²
    first = beta_1 * moments.first + (1 - beta_1) * total
    second = beta_2 * moments.second + (1 - beta_2) * total**2
    # Δw = −η s̃ / (√r̃ + ε) − λ'w              the decay is not
    corrected = first / (1 - beta_1**step)
    scale = np.sqrt(second / (1 - beta_2**step)) + epsilon
    weights = weights - learning_rate * corrected / scale - decay * weights
    return weights, Moments(first, second, step)


def dropout_mask(uniform: ArrayLike, rate: float) -> NDArray[np.bool_]:
    """Return which units stay: those whose draw from [0, 1) is at least `rate`.

    >>> dropout_mask([0.1, 0.5, 0.9, 0.3], rate=0.5).tolist()
    [False, True, True, False]
    """
    return np.asarray(uniform) >= rate


def dropout(activations: ArrayLike, keep: ArrayLike, rate: float) -> Array:
    """Silence the units outside `keep` and scale the rest by 1 / (1 − rate): inverted dropout.

    Keras and PyTorch train this way (Srivastava et al., 2014, section 10), and at test time
    there is nothing left to do.

    >>> dropout([2.0, 4.0, 6.0], [True, False, True], rate=0.5).tolist()
    [4.0, 0.0, 12.0]
    """
    # h̃ = m ⊙ h / (1 − p)
    return np.where(keep, np.asarray(activations, float) / (1 - rate), 0.0)


def weight_scaling(weights: ArrayLike, rate: float) -> Array:
    """Return the weights to use at test time after training with unscaled masks.

    COMP7015 lecture 8, "Dropout": "need weight scaling". A unit that was present with
    probability 1 − rate is now always present, so what it sends is multiplied by 1 − rate.

    >>> weight_scaling([1.0, 0.5, -1.0], rate=0.5).tolist()
    [0.5, 0.25, -0.5]
    """
    # W_test = (1 − p) W
    return np.asarray((1 - rate) * np.asarray(weights, float))


def mean_over_masks(activations: ArrayLike, weights: ArrayLike, rate: float) -> float:
    """Return the exact mean of Σ m·h·w over all 2ⁿ dropout masks m (not rescaled).

    >>> h, w = [2.0, 4.0, 6.0], [1.0, 0.5, -1.0]
    >>> mean_over_masks(h, w, rate=0.5)
    -1.0
    >>> float(np.dot(h, weight_scaling(w, rate=0.5)))
    -1.0

    Inverted dropout divides by 1 − rate instead, so its mean is the full network's output:

    >>> mean_over_masks(dropout(h, [True] * 3, rate=0.5), w, rate=0.5), float(np.dot(h, w))
    (-2.0, -2.0)
    """
    products = np.multiply(activations, weights)
    masks = np.array(list(product([0, 1], repeat=len(products))))
    # P(m) = Π (1 − p)^mᵢ p^(1 − mᵢ),   E[Σ m h w] = Σ_m P(m) Σᵢ mᵢ hᵢ wᵢ
    probability = np.where(masks, 1 - rate, rate).prod(axis=1)
    return float(probability @ (masks @ products))


def spatial_dropout_mask(
    uniform: ArrayLike, shape: Sequence[int], rate: float
) -> NDArray[np.bool_]:
    """Return which feature maps stay: one draw per map, not per pixel   (Tompson et al., 2015).

    Args:
        uniform: Draws from [0, 1), of shape (batch, channels).
        shape: Shape of the feature maps, (batch, height, width, channels).
        rate: Share of maps to silence.

    >>> keep = spatial_dropout_mask([[0.2, 0.7]], shape=(1, 2, 2, 2), rate=0.5)
    >>> keep[0, :, :, 0].tolist(), keep[0, :, :, 1].tolist()
    ([[False, False], [False, False]], [[True, True], [True, True]])
    """
    return np.broadcast_to(dropout_mask(uniform, rate)[:, None, None, :], tuple(shape))


class Stop(NamedTuple):
    """Where training ended and which epoch is kept, both counted from 1."""

    epoch: int
    best_epoch: int


def early_stopping(losses: Sequence[float], patience: int, min_delta: float = 0.0) -> Stop:
    """Return the epoch at which training stops, and the epoch whose weights are kept.

    Stop after `patience` epochs in a row without a new lowest validation loss.

    Args:
        losses: Validation loss after each epoch.
        patience: Epochs without improvement to put up with, at least 1.
        min_delta: How much lower a loss must be to count as an improvement.

    Raises:
        UserError: If there is no loss or no patience.

    A patience of 1 stops at the first bump and never sees the valley behind it:

    >>> curve = [0.9, 0.6, 0.5, 0.55, 0.45, 0.48, 0.5, 0.6]
    >>> early_stopping(curve, patience=1)
    Stop(epoch=4, best_epoch=3)
    >>> early_stopping(curve, patience=2)
    Stop(epoch=7, best_epoch=5)
    """
    if not losses:
        raise UserError("early stopping needs the loss of at least one epoch. Received: none.")
    if patience < 1:
        raise UserError(f"patience is a number of epochs, at least 1. Received: {patience}.")
    best_epoch = 1
    for epoch, loss in enumerate(losses, start=1):
        if epoch == 1 or loss < losses[best_epoch - 1] - min_delta:
            best_epoch = epoch
        elif epoch - best_epoch >= patience:
            return Stop(epoch, best_epoch)
    return Stop(len(losses), best_epoch)


def flip(images: Array) -> Array:
    """Mirror images of shape (..., height, width, channels) left to right.

    >>> flip(np.array([[[1], [2], [3]]]))[0, :, 0].tolist()
    [3, 2, 1]
    """
    return images[..., ::-1, :]


def translate(images: Array, down: int, right: int) -> Array:
    """Move images of shape (..., height, width, channels) by whole pixels; fill with 0.

    >>> translate(np.array([[[1], [2], [3]]]), down=0, right=1)[0, :, 0].tolist()
    [0, 1, 2]
    """
    moved = np.roll(images, (down, right), axis=(-3, -2))
    rows, columns = np.indices(images.shape[-3:-1])
    inside = (
        (rows >= down)
        & (rows < images.shape[-3] + down)
        & (columns >= right)
        & (columns < images.shape[-2] + right)
    )
    return np.where(inside[..., None], moved, 0)


def color_jitter(images: Array, brightness: float = 0.0, contrast: float = 1.0) -> Array:
    """Stretch each channel about its mean by `contrast`, add `brightness`, clip to [0, 1].

    Args:
        images: Of shape (..., height, width, channels), in [0, 1].
        brightness: What is added; 0 changes nothing.
        contrast: Factor about the mean; 1 changes nothing, 0 leaves each channel at its mean.

    >>> color_jitter(np.array([[[0.25], [0.75]]]), brightness=0.1, contrast=0.5)[0, :, 0].tolist()
    [0.475, 0.725]
    """
    mean = images.mean(axis=(-3, -2), keepdims=True)
    stretched = np.clip(mean + contrast * (images - mean), 0, 1)
    return np.asarray(np.clip(stretched + brightness, 0, 1))
