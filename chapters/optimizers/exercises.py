"""Exercises on optimizers: take the step, remember the past, and normalize the batch."""

import numpy as np

from companion.checking import exercise, gradient_exercise

# ---- steps --------------------------------------------------------------------------------------


@exercise()
def gradient_descent(start, curvatures, rate, steps):
    """Walk down the bowl E = ½ Σ c w² by gradient descent and return every place on the way.

    Args:
        start: Where to begin, of shape ``(n,)``.
        curvatures: c, of shape ``(n,)``; the gradient at w is c · w.
        rate: η.
        steps: How many steps to take.

    Returns:
        Shape ``(steps + 1, n)``: the start first.
    """
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - rate * curvatures * path[-1])
    return np.array(path)


@gradient_descent.cases
def _(rng):
    yield np.array([-4.0, 1.0]), np.array([1.0, 20.0]), 0.05, 3
    for size, steps in ((1, 4), (3, 6)):
        yield rng.normal(size=size), rng.uniform(0.5, 5, size), float(rng.uniform(0.1, 0.5)), steps


gradient_descent.hints(
    "The gradient is a slope: it points uphill.",
    "Where you stand decides the gradient, so it is computed anew after every step.",
    "Keep a list that begins with the start, and add `w - rate * curvatures * w` again and again.",
)


@gradient_descent.mistake("You walked uphill: the step goes against the gradient, w − η ∂E/∂w.")
def _(start, curvatures, rate, steps):
    return gradient_descent(start, curvatures, -rate, steps)


@gradient_descent.mistake(
    "You used the gradient of the start all the way: it changes with every step."
)
def _(start, curvatures, rate, steps):
    return start - rate * curvatures * start * np.arange(steps + 1)[:, None]


gradient_descent.mistakes(
    "Every place is the last one: w -= … changes the array that is in your list. Write w = w - …",
    lambda start, curvatures, rate, steps: np.repeat(
        gradient_descent(start, curvatures, rate, steps)[-1:], steps + 1, axis=0
    ),
    "You left the start out: it is the first of the places.",
    lambda start, curvatures, rate, steps: gradient_descent(start, curvatures, rate, steps)[1:],
    "You stopped a step early: a walk of `steps` steps has `steps + 1` places.",
    lambda start, curvatures, rate, steps: gradient_descent(start, curvatures, rate, steps)[:-1],
    "You left the curvatures out: the gradient of ½ c w² is c · w.",
    lambda start, curvatures, rate, steps: gradient_descent(start, 0 * curvatures + 1, rate, steps),
    "You squared the curvature: the gradient of ½ c w² is c · w.",
    lambda start, curvatures, rate, steps: gradient_descent(start, curvatures**2, rate, steps),
    "You forgot the ½: the gradient of ½ c w² is c · w, not 2 c w.",
    lambda start, curvatures, rate, steps: gradient_descent(start, 2 * curvatures, rate, steps),
    "You took the curvature's mean for all weights: each has its own slope.",
    lambda start, curvatures, rate, steps: gradient_descent(
        start, np.full_like(curvatures, curvatures.mean()), rate, steps
    ),
    "You returned where the walk ends: every place on the way is asked for.",
    lambda start, curvatures, rate, steps: gradient_descent(start, curvatures, rate, steps)[-1],
)


@gradient_descent.mistake("You went by the energy ½ c w²: a step goes by its slope, c · w.")
def _(start, curvatures, rate, steps):
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - rate * curvatures * path[-1] ** 2 / 2)
    return np.array(path)


@gradient_descent.mistake("You added the gradient up: every weight moves by its own part of it.")
def _(start, curvatures, rate, steps):
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - rate * np.sum(curvatures * path[-1]))
    return np.array(path)


@exercise(points=2)
def minibatch_sgd(weights, x, y, size, rate):
    """Pass once over the examples in batches and return the weights of a linear regression.

    A batch's loss is ½ mean (x·w − y)². Batches are taken in the order in which the examples
    stand; the last one has what is left.

    Args:
        weights: w before the first step, of shape ``(features,)``.
        x: Of shape ``(examples, features)``.
        y: Of shape ``(examples,)``.
        size: Examples in a batch.
        rate: η.

    Returns:
        The weights after the last batch.
    """
    for start in range(0, len(x), size):
        inputs, targets = x[start : start + size], y[start : start + size]
        gradient = inputs.T @ (inputs @ weights - targets) / len(inputs)
        weights = weights - rate * gradient
    return weights


@minibatch_sgd.cases
def _(rng):
    yield np.array([0.0]), np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 3.0, 2.0]), 2, 0.1
    for examples, features, size in ((7, 2, 3), (10, 3, 4), (5, 2, 2)):
        x = rng.normal(size=(examples, features))
        yield rng.normal(size=features), x, rng.normal(size=examples), size, 0.3


minibatch_sgd.hints(
    "How many steps does one pass take? One for each batch, and the last may be small.",
    "The gradient of ½ mean (x·w − y)² is xᵀ (x·w − y) divided by the number of examples in x.",
    "After each batch the weights are new: the next batch's gradient is taken at the new ones.",
)


def _pass(
    weights, x, y, size, rate, *, every=None, divide=None, last=True, whole=False, moving=True
):
    """Pass over the batches, wrongly in one way."""
    first = weights
    for start in range(0, len(x), size):
        inputs, targets = (x, y) if whole else (x[start : start + size], y[start : start + size])
        if len(inputs) < size and not last:
            break
        at = weights if moving else first
        gradient = inputs.T @ (inputs @ at - targets) / (divide or len(inputs))
        weights = weights - rate * gradient
    return weights


minibatch_sgd.mistakes(
    "You summed over the batch: its loss is a mean, so divide by the number of its examples.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, size, rate, divide=1),
    "You divided by `size` in the last batch, too: it may have fewer examples.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, size, rate, divide=size),
    "You divided by the number of all examples: a batch's loss is the mean over the batch.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, size, rate, divide=len(x)),
    "You left the last, smaller batch out: its examples count, too.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, size, rate, last=False),
    "You took the gradient of all examples for every batch: SGD looks at the batch alone.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, size, rate, whole=True),
    "You took one step with all examples: that is gradient descent. SGD steps after each batch.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, len(x), rate),
    "You took every gradient at the first weights: each batch begins where the last one ended.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, size, rate, moving=False),
    "You walked uphill: the step goes against the gradient.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, size, -rate),
    "You doubled the gradient: the ½ of the loss takes the 2 away.",
    lambda weights, x, y, size, rate: _pass(weights, x, y, size, 2 * rate),
)


# ---- momentum -----------------------------------------------------------------------------------


@exercise(points=2)
def momentum(weights, gradients, rates, alpha):
    """Take several steps of momentum as Intro to ML has it, and return the weights.

    s ← α s + (1 − α) ∂E/∂w,   Δw = −η s,   and s is 0 before the first step.

    Args:
        weights: w before the first step, of shape ``(n,)``.
        gradients: ∂E/∂w of each step, of shape ``(steps, n)``.
        rates: η of each step, of shape ``(steps,)``.
        alpha: α.

    Returns:
        The weights after the last step.
    """
    s = np.zeros_like(weights)
    for gradient, rate in zip(gradients, rates, strict=True):
        s = alpha * s + (1 - alpha) * gradient
        weights = weights - rate * s
    return weights


def steps_with_rates(rng):
    """Yield two steps of one weight, for a reader; then several of several, rates that change."""
    yield np.array([1.0]), np.array([[2.0], [1.0]]), np.array([0.5, 0.1]), 0.9
    for size, steps, alpha in ((2, 4, 0.8), (3, 6, 0.95)):
        yield (
            rng.normal(size=size),
            rng.normal(size=(steps, size)),
            rng.uniform(0.05, 1, steps),
            alpha,
        )


momentum.cases(steps_with_rates)

momentum.hints(
    "There are two lines: first the average learns of the new gradient, then the weights move.",
    "s has the shape of the weights and lives on from one step to the next.",
    "The rate multiplies s when the weights move. It does not go into s.",
)


@momentum.mistake("You began with s as the first gradient: it is 0 before the first step.")
def _(weights, gradients, rates, alpha):
    s = gradients[0]
    for gradient, rate in zip(gradients, rates, strict=True):
        s = alpha * s + (1 - alpha) * gradient
        weights = weights - rate * s
    return weights


@momentum.mistake("You moved before the average learnt of the gradient: update s first.")
def _(weights, gradients, rates, alpha):
    s = np.zeros_like(weights)
    for gradient, rate in zip(gradients, rates, strict=True):
        weights = weights - rate * s
        s = alpha * s + (1 - alpha) * gradient
    return weights


@momentum.mistake(
    "You put the rate into the average: when η changes, old steps keep their old rate. "
    "Multiply s by η as the weights move."
)
def _(weights, gradients, rates, alpha):
    velocity = np.zeros_like(weights)
    for gradient, rate in zip(gradients, rates, strict=True):
        velocity = alpha * velocity - rate * (1 - alpha) * gradient
        weights = weights + velocity
    return weights


momentum.mistakes(
    "You left the factor 1 − α out: s is then 1 / (1 − α) times as large, as in PyTorch.",
    lambda weights, gradients, rates, alpha: momentum(
        weights, gradients, rates / (1 - alpha), alpha
    ),
    "You exchanged α and 1 − α: α is what is kept of the past.",
    lambda weights, gradients, rates, alpha: momentum(weights, gradients, rates, 1 - alpha),
    "You walked uphill: Δw is −η s.",
    lambda weights, gradients, rates, alpha: momentum(weights, gradients, -rates, alpha),
    "You forgot the past: s must live on from one step to the next.",
    lambda weights, gradients, rates, alpha: weights - (1 - alpha) * rates @ gradients,
    "That is gradient descent: the weights move by the average s, not by the gradient.",
    lambda weights, gradients, rates, alpha: weights - rates @ gradients,
    "That is Keras's velocity, with the rate inside and no factor 1 − α: here s is an average.",
    lambda weights, gradients, rates, alpha: _velocity(
        weights, gradients, rates, alpha, lambda old, new, step: new
    ),
    "You used the first rate throughout: every step has its own.",
    lambda weights, gradients, rates, alpha: momentum(
        weights, gradients, np.full_like(rates, rates[0]), alpha
    ),
    "You kept the weights of every step: those after the last one are asked for.",
    lambda weights, gradients, rates, alpha: np.array(
        [
            momentum(weights, gradients[: n + 1], rates[: n + 1], alpha)
            for n in range(len(gradients))
        ]
    ),
)


@momentum.mistake("You divided s by 1 − αᵗ: that correction is Adam's.")
def _(weights, gradients, rates, alpha):
    s = np.zeros_like(weights)
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        s = alpha * s + (1 - alpha) * gradient
        weights = weights - rate * s / (1 - alpha**step)
    return weights


@exercise(points=2)
def nesterov(weights, gradients, rates, alpha):
    """Take several steps of Keras's momentum with `nesterov=True`, and return the weights.

    v ← α v − η ∂E/∂w,   Δw = α v − η ∂E/∂w,   with the new v; v is 0 before the first step.

    Args:
        weights: w before the first step, of shape ``(n,)``.
        gradients: ∂E/∂w of each step, of shape ``(steps, n)``.
        rates: η of each step, of shape ``(steps,)``.
        alpha: α, Keras's `momentum`.

    Returns:
        The weights after the last step.
    """
    velocity = np.zeros_like(weights)
    for gradient, rate in zip(gradients, rates, strict=True):
        step = -rate * gradient
        velocity = alpha * velocity + step
        weights = weights + alpha * velocity + step
    return weights


nesterov.cases(steps_with_rates)

nesterov.hints(
    "v is Keras's velocity: no factor 1 − α, and the rate is inside.",
    "The weights do not move by v. They move to where v is about to lead: α v − η ∂E/∂w.",
)


def _velocity(weights, gradients, rates, alpha, move, keep=None):
    """Take steps by `move`, a function of the velocity before, the new one, and the bare step."""
    velocity = np.zeros_like(weights)
    for gradient, rate in zip(gradients, rates, strict=True):
        step = -rate * gradient
        old, velocity = velocity, alpha * velocity + step
        weights = weights + move(old, velocity, step)
        velocity = velocity if keep is None else keep(velocity, step)
    return weights


nesterov.mistakes(
    "That is plain momentum, Δw = v: Nesterov's step is α v − η ∂E/∂w with the new v.",
    lambda weights, gradients, rates, alpha: _velocity(
        weights, gradients, rates, alpha, lambda old, new, step: new
    ),
    "You added the velocity and the look-ahead, which counts the step twice: Δw is α v − η ∂E/∂w.",
    lambda weights, gradients, rates, alpha: _velocity(
        weights, gradients, rates, alpha, lambda old, new, step: new + alpha * new + step
    ),
    "You kept what you moved by as the velocity: momentum is applied twice. v stays v.",
    lambda weights, gradients, rates, alpha: _velocity(
        weights,
        gradients,
        rates,
        alpha,
        lambda old, new, step: alpha * new + step,
        lambda velocity, step: alpha * velocity + step,
    ),
    "You left the gradient out of the move: Δw is α v − η ∂E/∂w, not α v.",
    lambda weights, gradients, rates, alpha: _velocity(
        weights, gradients, rates, alpha, lambda old, new, step: alpha * new
    ),
    "You averaged: Keras's velocity has no factor 1 − α.",
    lambda weights, gradients, rates, alpha: nesterov(
        weights, gradients, rates * (1 - alpha), alpha
    ),
    "You walked uphill: η ∂E/∂w is taken away.",
    lambda weights, gradients, rates, alpha: nesterov(weights, gradients, -rates, alpha),
    "You averaged in the look-ahead alone: Keras's rule has no factor 1 − α.",
    lambda weights, gradients, rates, alpha: _velocity(
        weights, gradients, rates, alpha, lambda old, new, step: alpha * new + (1 - alpha) * step
    ),
    "You added α times the old velocity to the new one: Δw is α v − η ∂E/∂w, with the new v.",
    lambda weights, gradients, rates, alpha: _velocity(
        weights, gradients, rates, alpha, lambda old, new, step: alpha * old + new
    ),
    "That is momentum as Intro to ML has it, an average: Nesterov's step is α v − η ∂E/∂w.",
    lambda weights, gradients, rates, alpha: momentum(weights, gradients, rates, alpha),
)


@exercise()
def keras_settings(rate, alpha, epsilon, rho, step):
    """Return what to give Keras so that it takes the steps of the rules as Intro to ML has them.

    The rules: s ← α s + (1 − α) ∂E/∂w and Δw = −η s for momentum, and Δw = −η s̃ / (√r̃ + ε) for
    Adam. Keras's momentum adds up v ← α v − η ∂E/∂w, and its Adam adds its `epsilon` to √r, before
    the correction.

    Args:
        rate: η of the momentum rule.
        alpha: α of the momentum rule.
        epsilon: ε of the Adam rule.
        rho: ρ of the Adam rule.
        step: The number t of Adam's step, from 1.

    Returns:
        Three numbers: `learning_rate` and `momentum` for ``keras.optimizers.SGD``, and the
        `epsilon` for ``keras.optimizers.Adam`` that makes step t the same.
    """
    return rate * (1 - alpha), alpha, epsilon * np.sqrt(1 - rho**step)


@keras_settings.cases
def _(rng):
    yield 0.1, 0.9, 1e-3, 0.999, 1
    for step in (2, 30):
        yield float(rng.uniform(0.01, 1)), float(rng.uniform(0.5, 0.99)), 0.1, 0.98, step


keras_settings.hints(
    "Let the gradient be 1 for ever. How long do Intro to ML's steps become, and how long Keras's?",
    "√r̃ + ε is (√r + ε √(1 − ρᵗ)) / √(1 − ρᵗ). What stands beside √r?",
)

keras_settings.mistakes(
    "You left η as it is: Keras's steps would be 1 / (1 − α) times as long.",
    lambda rate, alpha, epsilon, rho, step: (rate, alpha, epsilon * np.sqrt(1 - rho**step)),
    "You divided η by 1 − α: Keras's velocity is the larger one, so its rate is the smaller.",
    lambda rate, alpha, epsilon, rho, step: (
        rate / (1 - alpha),
        alpha,
        epsilon * np.sqrt(1 - rho**step),
    ),
    "You multiplied η by α: the factor is what the new gradient counts, 1 − α.",
    lambda rate, alpha, epsilon, rho, step: (rate * alpha, alpha, epsilon * np.sqrt(1 - rho**step)),
    "You gave Keras 1 − α as its momentum: α and Keras's momentum are both the share that is kept.",
    lambda rate, alpha, epsilon, rho, step: (
        rate * (1 - alpha),
        1 - alpha,
        epsilon * np.sqrt(1 - rho**step),
    ),
    "You left ε as it is: Keras adds it before the correction, where it counts more.",
    lambda rate, alpha, epsilon, rho, step: (rate * (1 - alpha), alpha, epsilon),
    "You divided ε by √(1 − ρᵗ): that leads from Keras's ε to the rule's.",
    lambda rate, alpha, epsilon, rho, step: (
        rate * (1 - alpha),
        alpha,
        epsilon / np.sqrt(1 - rho**step),
    ),
    "You left the root out: ε is added to √r, so the correction's root counts.",
    lambda rate, alpha, epsilon, rho, step: (rate * (1 - alpha), alpha, epsilon * (1 - rho**step)),
    "You left η and ε as they are: Keras counts both in another way.",
    lambda rate, alpha, epsilon, rho, step: (rate, alpha, epsilon),
)


# ---- a rate for every weight --------------------------------------------------------------------


@exercise(points=2)
def rmsprop(weights, gradients, rate, rho, epsilon):
    """Take several steps of RMSprop and return the weights.

    r ← ρ r + (1 − ρ) |∂E/∂w|²,   Δw = −η ∂E/∂w / (√r + ε),   and r is 0 before the first step.

    Args:
        weights: w before the first step, of shape ``(n,)``.
        gradients: ∂E/∂w of each step, of shape ``(steps, n)``.
        rate: η.
        rho: ρ.
        epsilon: ε, outside the root.

    Returns:
        The weights after the last step.
    """
    r = np.zeros_like(weights)
    for gradient in gradients:
        r = rho * r + (1 - rho) * gradient**2
        weights = weights - rate * gradient / (np.sqrt(r) + epsilon)
    return weights


def gradients_of_all_sizes(rng):
    """Yield gradients from 10⁻⁴ to 10²: where ε stands is seen in small ones only."""
    for size, steps in ((2, 4), (3, 6)):
        scales = 10.0 ** rng.uniform(-4, 2, size)
        yield rng.normal(size=size), scales * rng.normal(size=(steps, size))


@rmsprop.cases
def _(rng):
    yield np.array([1.0, 1.0]), np.array([[2.0, 0.1], [1.0, 0.1]]), 0.1, 0.9, 0.01
    for weights, gradients in gradients_of_all_sizes(rng):
        yield weights, gradients, 0.05, 0.8, 1e-3


rmsprop.hints(
    "r is a running average of squares, one for each weight.",
    "First r learns of the new gradient; then the weights move.",
    "Divide by the root of r, and add ε to the root, not to r.",
)


def _scaled(weights, gradients, rate, rho, epsilon, *, scale=None, keep=None, first=False):
    """Take steps of RMSprop, wrongly in one way."""
    r = np.zeros_like(weights)
    for gradient in gradients:
        old = r
        r = rho * r + (1 - rho) * gradient**2 if keep is None else keep(r, gradient)
        used = old if first else r
        below = np.sqrt(used) + epsilon if scale is None else scale(used)
        weights = weights - rate * gradient / below
    return weights


rmsprop.mistakes(
    "You left the root out: divide by √r, or a step is as long as 1 / gradient.",
    lambda weights, gradients, rate, rho, epsilon: _scaled(
        weights, gradients, rate, rho, epsilon, scale=lambda r: r + epsilon
    ),
    "You put ε inside the root: √r + ε, not √(r + ε). (Keras's RMSprop has it inside.)",
    lambda weights, gradients, rate, rho, epsilon: _scaled(
        weights, gradients, rate, rho, epsilon, scale=lambda r: np.sqrt(r + epsilon)
    ),
    "You averaged the gradient's size, not its square.",
    lambda weights, gradients, rate, rho, epsilon: _scaled(
        weights,
        gradients,
        rate,
        rho,
        epsilon,
        keep=lambda r, gradient: rho * r + (1 - rho) * np.abs(gradient),
    ),
    "You added the squares up: that is AdaGrad, whose rates only shrink. RMSprop averages.",
    lambda weights, gradients, rate, rho, epsilon: _scaled(
        weights, gradients, rate, rho, epsilon, keep=lambda r, gradient: r + gradient**2
    ),
    "You exchanged ρ and 1 − ρ: ρ is what is kept of the past.",
    lambda weights, gradients, rate, rho, epsilon: rmsprop(
        weights, gradients, rate, 1 - rho, epsilon
    ),
    "You divided by r of the step before: update r first.",
    lambda weights, gradients, rate, rho, epsilon: _scaled(
        weights, gradients, rate, rho, epsilon, first=True
    ),
    "You took one r for all weights: each weight has its own.",
    lambda weights, gradients, rate, rho, epsilon: _scaled(
        weights,
        gradients,
        rate,
        rho,
        epsilon,
        keep=lambda r, gradient: rho * r + (1 - rho) * np.mean(gradient**2),
    ),
    "You walked uphill: the step goes against the gradient.",
    lambda weights, gradients, rate, rho, epsilon: rmsprop(weights, gradients, -rate, rho, epsilon),
)


@rmsprop.mistake("You corrected r for its start: that is Adam; RMSprop does not.")
def _(weights, gradients, rate, rho, epsilon):
    r = np.zeros_like(weights)
    for t, gradient in enumerate(gradients, start=1):
        r = rho * r + (1 - rho) * gradient**2
        weights = weights - rate * gradient / (np.sqrt(r / (1 - rho**t)) + epsilon)
    return weights


@exercise(points=3)
def adam(weights, gradients, rate, alpha, rho, epsilon):
    """Take several steps of Adam and return the weights.

    s ← α s + (1 − α) ∂E/∂w,   r ← ρ r + (1 − ρ) |∂E/∂w|²,   Δw = −η s̃ / (√r̃ + ε),   where
    s̃ = s / (1 − αᵗ) and r̃ = r / (1 − ρᵗ). Both are 0 before the first step, which is t = 1.

    Args:
        weights: w before the first step, of shape ``(n,)``.
        gradients: ∂E/∂w of each step, of shape ``(steps, n)``.
        rate: η.
        alpha: α.
        rho: ρ.
        epsilon: ε, outside the root.

    Returns:
        The weights after the last step.
    """
    s, r = np.zeros_like(weights), np.zeros_like(weights)
    for t, gradient in enumerate(gradients, start=1):
        s = alpha * s + (1 - alpha) * gradient
        r = rho * r + (1 - rho) * gradient**2
        corrected = s / (1 - alpha**t)
        weights = weights - rate * corrected / (np.sqrt(r / (1 - rho**t)) + epsilon)
    return weights


@adam.cases
def _(rng):
    yield np.array([1.0, 1.0]), np.array([[2.0, 0.1], [1.0, 0.1]]), 0.1, 0.9, 0.99, 0.01
    for weights, gradients in gradients_of_all_sizes(rng):
        yield weights, gradients, 0.05, 0.8, 0.95, 1e-3


adam.hints(
    "Write momentum's average s and RMSprop's average r first; they do not know of each other.",
    "Keep s and r as they are for the next step. What you divide is a copy: s̃ and r̃.",
    "t is 1 at the first step: `enumerate(gradients, start=1)`.",
)


def _adam(
    weights,
    gradients,
    rate,
    alpha,
    rho,
    epsilon,
    *,
    divide=(True, True),
    late=0,
    keep=False,
    scale=lambda r, correction, epsilon: np.sqrt(r / correction) + epsilon,
):
    """Take steps of Adam, wrongly in one way."""
    s, r = np.zeros_like(weights), np.zeros_like(weights)
    for t, gradient in enumerate(gradients, start=1 + late):
        s = alpha * s + (1 - alpha) * gradient
        r = rho * r + (1 - rho) * gradient**2
        corrections = [1 - alpha**t, 1 - rho**t]
        first, second = (
            c if wanted else 1.0 for c, wanted in zip(corrections, divide, strict=True)
        )
        if keep:
            s, r = s / first, r / second
            first = second = 1.0
        weights = weights - rate * s / first / scale(r, second, epsilon)
    return weights


adam.mistakes(
    "There is no bias correction: divide s by 1 − αᵗ and r by 1 − ρᵗ.",
    lambda *given: _adam(*given, divide=(False, False)),
    "You corrected r and not s: both began at 0.",
    lambda *given: _adam(*given, divide=(False, True)),
    "You corrected s and not r: both began at 0.",
    lambda *given: _adam(*given, divide=(True, False)),
    "Your t is one ahead: the first step is t = 1.",
    lambda *given: _adam(*given, late=1),
    "You kept the corrected averages: s and r go on uncorrected, only the step uses s̃ and r̃.",
    lambda *given: _adam(*given, keep=True),
    "You put ε inside the root: √r̃ + ε, not √(r̃ + ε).",
    lambda *given: _adam(*given, scale=lambda r, correction, e: np.sqrt(r / correction + e)),
    "Your ε is scaled by the correction: it is added to √r̃, not to √r. (Keras adds it to √r.)",
    lambda *given: _adam(*given, scale=lambda r, correction, e: (np.sqrt(r) + e) / correction**0.5),
    "You left the root out: divide by √r̃.",
    lambda *given: _adam(*given, scale=lambda r, correction, e: r / correction + e),
    "You took the root of the average but not of its correction: the root goes over r̃ as a whole.",
    lambda *given: _adam(*given, scale=lambda r, correction, e: np.sqrt(r) / correction + e),
    "You walked uphill: the step goes against s̃.",
    lambda weights, gradients, rate, *given: _adam(weights, gradients, -rate, *given),
    "You exchanged α and ρ: α belongs to the gradient, ρ to its square.",
    lambda weights, gradients, rate, alpha, rho, epsilon: _adam(
        weights, gradients, rate, rho, alpha, epsilon
    ),
)


@adam.mistake("You counted t from 0: at the first step 1 − α⁰ is 0, and you divided by it.")
def _(weights, gradients, rate, alpha, rho, epsilon):
    with np.errstate(divide="ignore", invalid="ignore"):
        return _adam(weights, gradients, rate, alpha, rho, epsilon, late=-1)


# ---- batch normalization ------------------------------------------------------------------------


@exercise(points=2)
def batch_norm(x, gamma, beta, epsilon):
    """Normalize a batch as a layer does while training.

    μ = mean x,   σ² = mean (x − μ)²,   x̂ = (x − μ) / √(σ² + ε),   y = γ x̂ + β

    Args:
        x: Of shape ``(batch, features)``.
        gamma: γ, of shape ``(features,)``.
        beta: β, of shape ``(features,)``.
        epsilon: ε.

    Returns:
        y, of the shape of x.
    """
    mean = x.mean(axis=0)
    variance = ((x - mean) ** 2).mean(axis=0)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


@batch_norm.cases
def _(rng):
    yield np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 60.0]]), np.ones(2), np.zeros(2), 1e-3
    for batch, features in ((4, 4), (5, 3), (2, 6)):
        x = rng.normal(rng.normal(size=features), rng.uniform(0.1, 2, features), (batch, features))
        yield x, rng.normal(1, 0.3, features), rng.normal(size=features), 1e-2


batch_norm.hints(
    "Every feature is normalized by itself, over the examples of the batch: along which axis?",
    "The variance is a mean: divide by the number of examples.",
    "ε is added to the variance, under the root.",
)


def _normalized(x, gamma, beta, epsilon, *, axis=0, ddof=0, scale=None):
    """Normalize, wrongly in one way."""
    kept = axis is not None
    mean, variance = (
        x.mean(axis=axis, keepdims=kept),
        x.var(axis=axis, keepdims=kept, ddof=ddof),
    )
    below = np.sqrt(variance + epsilon) if scale is None else scale(variance)
    return gamma * (x - mean) / below + beta


batch_norm.mistakes(
    "You normalized each example over its features: batch normalization goes over the batch.",
    lambda x, gamma, beta, epsilon: _normalized(x, gamma, beta, epsilon, axis=1),
    "You took one mean for all features: each feature has its own.",
    lambda x, gamma, beta, epsilon: _normalized(x, gamma, beta, epsilon, axis=None),
    "You divided by n − 1: batch normalization's variance is a plain mean, over n.",
    lambda x, gamma, beta, epsilon: _normalized(x, gamma, beta, epsilon, ddof=1),
    "You divided by the variance: divide by its root.",
    lambda x, gamma, beta, epsilon: _normalized(
        x, gamma, beta, epsilon, scale=lambda variance: variance + epsilon
    ),
    "You put ε outside the root: here it is √(σ² + ε).",
    lambda x, gamma, beta, epsilon: _normalized(
        x, gamma, beta, epsilon, scale=lambda variance: np.sqrt(variance) + epsilon
    ),
    "You left ε out.",
    lambda x, gamma, beta, epsilon: _normalized(x, gamma, beta, 0.0),
    "You exchanged γ and β: γ multiplies, β is added.",
    lambda x, gamma, beta, epsilon: batch_norm(x, beta, gamma, epsilon),
    "You left γ and β out: the last line is y = γ x̂ + β.",
    lambda x, gamma, beta, epsilon: batch_norm(x, 1.0, 0.0, epsilon),
    "You subtracted no mean: x̂ = (x − μ) / √(σ² + ε).",
    lambda x, gamma, beta, epsilon: (
        batch_norm(x, gamma, beta, epsilon)
        + gamma * x.mean(axis=0) / np.sqrt(x.var(axis=0) + epsilon)
    ),
)


@exercise()
def moving_averages(batches, momentum):
    """Return the moving mean and the moving variance that a layer has after some batches.

    After each batch: average ← momentum · average + (1 − momentum) · the batch's, whose variance is
    over n. Before the first the mean is 0 and the variance is 1.

    Args:
        batches: Shape ``(batches, examples, features)``.
        momentum: As Keras has it: the share that is kept.

    Returns:
        The moving mean and the moving variance, each of shape ``(features,)``.
    """
    mean, variance = np.zeros(batches.shape[2]), np.ones(batches.shape[2])
    for x in batches:
        mean = momentum * mean + (1 - momentum) * x.mean(axis=0)
        variance = momentum * variance + (1 - momentum) * x.var(axis=0)
    return mean, variance


@moving_averages.cases
def _(rng):
    yield np.array([[[1.0], [3.0]], [[2.0], [8.0]]]), 0.9
    for count, examples, features in ((3, 4, 2), (6, 3, 3)):
        yield rng.normal(1, 2, (count, examples, features)), 0.8


moving_averages.hints(
    "Two numbers for each feature live on from batch to batch.",
    "What do they hold before the first batch? Not the same.",
    "The variance of a batch is its mean square about its mean, over n.",
)


def _averages(batches, momentum, *, start=(0.0, 1.0), ddof=0, correct=False):
    """Average, wrongly in one way."""
    mean, variance = (np.full(batches.shape[2], value) for value in start)
    for x in batches:
        mean = momentum * mean + (1 - momentum) * x.mean(axis=0)
        variance = momentum * variance + (1 - momentum) * x.var(axis=0, ddof=ddof)
    share = 1 - momentum ** len(batches) if correct else 1.0
    return mean / share, variance / share


moving_averages.mistakes(
    "You took momentum as PyTorch does, as what the new batch counts: in Keras it is what is kept.",
    lambda batches, momentum: _averages(batches, 1 - momentum),
    "You exchanged the moving mean and the moving variance.",
    lambda batches, momentum: _averages(batches, momentum)[::-1],
    "You divided by n − 1: Keras's variance is over n. (PyTorch's moving variance has n − 1.)",
    lambda batches, momentum: _averages(batches, momentum, ddof=1),
    "You began the variance at 0: it begins at 1.",
    lambda batches, momentum: _averages(batches, momentum, start=(0.0, 0.0)),
    "You corrected for the start, as Adam does: batch normalization does not.",
    lambda batches, momentum: _averages(batches, momentum, start=(0.0, 0.0), correct=True),
    "You gave the last batch's statistics: the averages remember the batches before.",
    lambda batches, momentum: (batches[-1].mean(axis=0), batches[-1].var(axis=0)),
    "You gave plain means over all batches: older batches fade.",
    lambda batches, momentum: (batches.mean(axis=(0, 1)), batches.var(axis=1).mean(axis=0)),
    "You averaged all batches alike: the moving averages forget what is long ago.",
    lambda batches, momentum: (batches.mean(axis=(0, 1)), batches.var(axis=(0, 1))),
)


@moving_averages.mistake("You began with the first batch: the mean begins at 0, the variance at 1.")
def _(batches, momentum):
    mean, variance = batches[0].mean(axis=0), batches[0].var(axis=0)
    for x in batches[1:]:
        mean = momentum * mean + (1 - momentum) * x.mean(axis=0)
        variance = momentum * variance + (1 - momentum) * x.var(axis=0)
    return mean, variance


@exercise()
def batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon):
    """Normalize examples as a layer does when it answers: by its moving averages.

    Args:
        x: Of shape ``(examples, features)``.
        gamma: γ, of shape ``(features,)``.
        beta: β, of shape ``(features,)``.
        moving_mean: Of shape ``(features,)``.
        moving_variance: Of shape ``(features,)``.
        epsilon: ε, under the root.

    Returns:
        y, of the shape of x.
    """
    return gamma * (x - moving_mean) / np.sqrt(moving_variance + epsilon) + beta


@batch_norm_inference.cases
def _(rng):
    yield (
        np.array([[1.0], [3.0]]),
        np.array([2.0]),
        np.array([1.0]),
        np.array([2.0]),
        np.array([4.0]),
        1e-3,
    )
    for examples, features in ((4, 3), (3, 2)):
        yield (
            rng.normal(size=(examples, features)),
            rng.normal(1, 0.3, features),
            rng.normal(size=features),
            rng.uniform(0.2, 2, features),
            rng.uniform(0.2, 2, features),
            1e-2,
        )


batch_norm_inference.hints(
    "An answer must not depend on which other examples are asked about at the same time.",
    "So nothing is computed from x but y itself.",
)

batch_norm_inference.mistakes(
    "You used the batch's statistics: when it answers, a layer uses its moving averages.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm(x, gamma, beta, epsilon),
    "You used the batch's mean with the moving variance: both are moving averages.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm_inference(
        x, gamma, beta, x.mean(axis=0), variance, epsilon
    ),
    "You exchanged the moving mean and the moving variance.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm_inference(
        x, gamma, beta, variance, mean, epsilon
    ),
    "You divided by the variance: divide by its root.",
    lambda x, gamma, beta, mean, variance, epsilon: (
        gamma * (x - mean) / (variance + epsilon) + beta
    ),
    "Your ε is 1e-3, Keras's: use the one that is given.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm_inference(
        x, gamma, beta, mean, variance, 1e-3
    ),
    "Your ε is 1e-5, PyTorch's: use the one that is given.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm_inference(
        x, gamma, beta, mean, variance, 1e-5
    ),
    "You left γ and β out.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm_inference(
        x, 1.0, 0.0, mean, variance, epsilon
    ),
    "You exchanged γ and β: γ multiplies, β is added.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm_inference(
        x, beta, gamma, mean, variance, epsilon
    ),
    "You added ε to the root: it is added to the variance, under the root.",
    lambda x, gamma, beta, mean, variance, epsilon: (
        gamma * (x - mean) / (np.sqrt(variance) + epsilon) + beta
    ),
    "You used the batch's variance with the moving mean: both are moving averages.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm_inference(
        x, gamma, beta, mean, x.var(axis=0), epsilon
    ),
    "You multiplied β by γ: y is γ x̂ + β, so β comes last.",
    lambda x, gamma, beta, mean, variance, epsilon: batch_norm_inference(
        x, gamma, gamma * beta, mean, variance, epsilon
    ),
)


@gradient_exercise(of=batch_norm, wrt=("x", "gamma", "beta"), points=3)
def batch_norm_gradient(upstream, x, gamma, beta, epsilon):
    """Send a gradient back through batch normalization: to x, γ and β.

    Args:
        upstream: ∂E/∂y, of the shape of x.
        x: Of shape ``(batch, features)``.
        gamma: γ, of shape ``(features,)``.
        beta: β, of shape ``(features,)``.
        epsilon: ε.

    Returns:
        The gradients for x, for γ and for β.
    """
    scale = np.sqrt(x.var(axis=0) + epsilon)
    x_hat = (x - x.mean(axis=0)) / scale
    through_mean = upstream.mean(axis=0)
    through_variance = x_hat * (upstream * x_hat).mean(axis=0)
    to_x = gamma / scale * (upstream - through_mean - through_variance)
    return to_x, (upstream * x_hat).sum(axis=0), upstream.sum(axis=0)


@batch_norm_gradient.cases
def _(rng):
    for batch, features in ((3, 2), (5, 4), (4, 3)):
        x = rng.normal(rng.normal(size=features), rng.uniform(0.5, 2, features), (batch, features))
        yield (
            rng.normal(size=(batch, features)),
            x,
            rng.normal(1, 0.3, features),
            rng.normal(size=features),
            1e-2,
        )


batch_norm_gradient.hints(
    "β is added to every example, γ multiplies every x̂: both gradients are sums over the batch.",
    "An xᵢ reaches the loss in three ways: by its own x̂ᵢ, by the mean, and by the variance.",
    "The mean's way takes the mean of the gradient away from each; the variance's way takes "
    "x̂ · mean(g x̂) away.",
)


def _back(g, x, gamma, epsilon, *, mean=1.0, variance=1.0, scale=1.0, over=np.sum):
    """Send the gradient back, wrongly in one way."""
    below = np.sqrt(x.var(axis=0) + epsilon)
    x_hat = (x - x.mean(axis=0)) / below
    inner = g - mean * g.mean(axis=0) - variance * x_hat * (g * x_hat).mean(axis=0)
    return gamma / below * scale * inner, over(g * x_hat, axis=0), over(g, axis=0)


batch_norm_gradient.mistakes(
    "You left the mean's way out: every xᵢ also moves μ, which moves all the others.",
    lambda g, x, gamma, beta, epsilon: _back(g, x, gamma, epsilon, mean=0.0),
    "You left the variance's way out: every xᵢ also moves σ².",
    lambda g, x, gamma, beta, epsilon: _back(g, x, gamma, epsilon, variance=0.0),
    "You took μ and σ² for constants: both are computed from x.",
    lambda g, x, gamma, beta, epsilon: _back(g, x, gamma, epsilon, mean=0.0, variance=0.0),
    "You left γ out of the gradient for x.",
    lambda g, x, gamma, beta, epsilon: _back(g, x, gamma, epsilon, scale=1 / gamma),
    "You divided by the variance: the factor is γ / √(σ² + ε).",
    lambda g, x, gamma, beta, epsilon: _back(
        g, x, gamma, epsilon, scale=1 / np.sqrt(x.var(axis=0) + epsilon)
    ),
    "You took means for γ and β: each is used for every example, so its gradient is a sum.",
    lambda g, x, gamma, beta, epsilon: _back(g, x, gamma, epsilon, over=np.mean),
    "You summed where the two ways back take a mean: μ and σ² divide by n.",
    lambda g, x, gamma, beta, epsilon: _back(g, x, gamma, epsilon, mean=len(x), variance=len(x)),
    "The variance's way has the wrong sign: it is taken away, like the mean's.",
    lambda g, x, gamma, beta, epsilon: _back(g, x, gamma, epsilon, variance=-1.0),
)
