"""Studies: how deep a network can be trained, by activation and initialization; and by shortcuts.

Both ask what training makes of the training digits: whether a network can be trained at all. No
other split takes part.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

import companion
from chapters.gradients.judged import examination_judged as examination_judged
from chapters.gradients.scratch import (
    Array,
    backward,
    forward,
    glorot_variance,
    initial_weights,
)
from companion.studies.study import Study
from companion.training.batches import passes
from companion.training.seeding import fresh_start


@cache
def digits():
    """Return the embedded digits, split."""
    return companion.load("digits")


# ---- depth, activation, initialization ----------------------------------------------------------

WIDTH, BATCH, STEPS = 64, 50, 400
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


class Stack(NamedTuple):
    """A perceptron without biases: hidden layers of one width, then a softmax.

    Attributes:
        hidden: The kernels of the hidden layers.
        output: The kernel of the last.
    """

    hidden: list[Array]
    output: Array


def slopes(stack: Stack, activation: str, x: Array, y: Array) -> tuple[float, Stack]:
    """Return the mean cross-entropy of a batch [nats], and its gradient for each kernel."""
    steps = forward(x, stack.hidden, activation)
    logits = steps[-1].a @ stack.output
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(len(y)), y].mean()
    # ∂E/∂logits = (p − y) / n
    delta = (np.exp(log_p) - np.eye(logits.shape[1])[y]) / len(y)
    _, to_hidden = backward(delta @ stack.output.T, steps, stack.hidden, activation)
    return float(loss), Stack(to_hidden, steps[-1].a.T @ delta)


def trained(stack: Stack, activation: str, rate: float, seed: int) -> Stack:
    """Return the stack after `STEPS` steps of plain gradient descent on batches of digits."""
    x, y = flat()
    order = np.array(passes(len(x), -(-STEPS * BATCH // len(x)), seed))[: STEPS * BATCH]
    for batch in order.reshape(STEPS, BATCH):
        _, slope = slopes(stack, activation, x[batch], y[batch])
        stack = Stack(
            [w - rate * g for w, g in zip(stack.hidden, slope.hidden, strict=True)],
            stack.output - rate * slope.output,
        )
    return stack


@cache
def flat():
    """Return the training digits, each pixel with mean 0 and variance 1 where it has any."""
    split = digits().train
    x = split.x.reshape(len(split), -1).astype(float)
    return (x - x.mean(0)) / np.maximum(x.std(0), 1e-6), split.y


def depth_row(level: tuple[str, str, int], seed: int, *, quick: bool):
    """Train a stack at every rate, from one start; its best training loss decides."""
    activation, initialization, depth = level
    x, y = flat()
    rng = np.random.default_rng(seed)
    shapes = [(x.shape[1], WIDTH), *[(WIDTH, WIDTH)] * (depth - 1)]
    output = (WIDTH, 10)
    start = Stack(
        [initial_weights(shape, initialization, rng) for shape in shapes],
        rng.normal(0, math.sqrt(glorot_variance(output)), output),
    )
    _, slope = slopes(start, activation, x, y)
    tries = []
    with np.errstate(over="ignore", invalid="ignore"):
        for rate in RATES:
            end = trained(start, activation, rate, seed)
            loss, _ = slopes(end, activation, x, y)
            tries.append((loss if math.isfinite(loss) else math.inf, rate, end))
        loss, rate, end = min(tries, key=lambda one: one[:2])
        answers = (forward(x, end.hidden, activation)[-1].a @ end.output).argmax(axis=1)
    return {
        "training_error": float(np.mean(answers != y)),
        "training_loss": float(min(loss, 100)),
        "rate": rate,
        # log₁₀ √E[(∂E/∂W)²] of the first layer, before the first step.
        "first_gradient": float(np.log10(max(np.sqrt(np.mean(slope.hidden[0] ** 2)), 1e-300))),
    }


depth_activation_initialization = Study(
    name="depth_activation_initialization",
    question="How deep can a plain network be and still learn its training digits, by activation "
    "and initialization?",
    factor=("activation", "initialization", "depth"),
    levels=tuple(
        (activation, initialization, depth)
        for activation in ("sigmoid", "tanh", "relu")
        for initialization in ("small", "Glorot", "He")
        for depth in (2, 8, 20)
    ),
    quick_levels=tuple(
        (activation, initialization, depth)
        for activation in ("sigmoid", "relu")
        for initialization in ("Glorot", "He")
        for depth in (2, 20)
    ),
    seeds=range(10),
    quick_seeds=range(8),
    outcome="training_error",
    unit="share of training digits",
    baseline=lambda level: (level[0], level[1], 2),
    measure=depth_row,
)


# ---- plain against residual ---------------------------------------------------------------------

BLOCKS = {8: 1, 20: 3, 44: 7}
FILTERS = 8
NETWORKS = ("plain", "residual")


def residual_row(level: tuple[str, int], seed: int, *, quick: bool):
    """Train a network of the paper's plan, with shortcuts or without, as the paper trained it."""
    from chapters.gradients.models import plain_cifar, resnet_cifar

    network, depth = level
    fresh_start(seed)
    build = resnet_cifar if network == "residual" else plain_cifar
    run = companion.train(
        build(BLOCKS[depth], (8, 8, 1), filters=FILTERS),
        digits().train,
        seed=seed,
        steps=100 if quick else 400,
        epochs=4,
        batch_size=64,
        optimizer="sgd",
        optimizer_options={"momentum": 0.9},
        learning_rate=0.1,
        weight_decay=1e-4,
        warmup=0,
        keep="last",
        shift=0,
        turn=0.0,
        zoom=0.0,
        steps_per_execution=10,
        show_progress=False,
    )
    return {
        "training_error": run.error(digits().train),
        "training_loss": float(run.history["loss"].iloc[-1]),
    }


plain_and_residual = Study(
    name="plain_and_residual",
    question="What does the training error do as a network grows deeper, with shortcuts and "
    "without?",
    factor=("network", "depth"),
    levels=tuple((network, depth) for network in NETWORKS for depth in BLOCKS),
    quick_levels=tuple((network, depth) for network in NETWORKS for depth in (8, 20)),
    seeds=range(8),
    quick_seeds=range(7),
    outcome="training_error",
    unit="share of training digits",
    baseline=lambda level: (level[0], 8),
    measure=residual_row,
)
