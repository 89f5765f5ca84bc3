"""Exercises: pull the weights, silence the units, stop in time."""

from functools import partial

import numpy as np

from companion.checking import exercise, model_exercise

# ---- norm penalties -----------------------------------------------------------------------------


@exercise(points=1)
def penalised_gradient(weights, data_gradient, l1, l2):
    """Return the gradient of E + l1·Σ|w| + l2·Σw², the elastic net.

    Args:
        weights: w, an array of any shape.
        data_gradient: ∂E/∂w, the gradient of the data loss alone, of the same shape.
        l1: Strength of the L1 penalty.
        l2: Strength of the L2 penalty. There is no ½ in front of it.

    Returns:
        An array of the weights' shape. At w = 0 the L1 penalty adds nothing.
    """
    return data_gradient + l1 * np.sign(weights) + 2 * l2 * weights


@penalised_gradient.cases
def _(rng):
    weights = np.array([2.0, -0.5, 0.0])
    yield weights, np.array([0.1, 0.2, 0.3]), 0.5, 0.1
    yield rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), 0.03, 0.2
    yield rng.normal(size=5), rng.normal(size=5), 0.0, 0.7
    yield rng.normal(size=5), rng.normal(size=5), 0.7, 0.0


penalised_gradient.hints(
    "Differentiate the three terms one at a time; a sum's gradient is the sum of the gradients.",
    "What is the slope of w²? And of |w|, to the left and to the right of zero?",
    "np.sign is −1, 0 or 1.",
)

penalised_gradient.mistakes(
    "The factor 2 of the L2 term is missing: the slope of w² is 2w. It would cancel only if the "
    "penalty were written with ½.",
    lambda weights, data_gradient, l1, l2: data_gradient + l1 * np.sign(weights) + l2 * weights,
    "You subtracted the penalty's gradient. The penalty is added to the loss; the minus sign comes "
    "later, in the update.",
    lambda weights, data_gradient, l1, l2: data_gradient - l1 * np.sign(weights) - 2 * l2 * weights,
    "You added |w| where its slope belongs: L1 pulls with the same strength whatever the size "
    "of w.",
    lambda weights, data_gradient, l1, l2: data_gradient + l1 * np.abs(weights) + 2 * l2 * weights,
    "You returned the penalty's gradient alone: the data loss is missing.",
    lambda weights, data_gradient, l1, l2: l1 * np.sign(weights) + 2 * l2 * weights,
    "You added l1 whatever the sign of w: below zero |w| falls, and its slope is −1.",
    lambda weights, data_gradient, l1, l2: data_gradient + l1 + 2 * l2 * weights,
    "At w = 0 the L1 penalty must add nothing; yours pulls zeros up. np.sign(0) is 0.",
    lambda weights, data_gradient, l1, l2: (
        data_gradient + l1 * np.where(weights > 0, 1.0, -1.0) + 2 * l2 * weights
    ),
    "At w = 0 the L1 penalty must add nothing; yours pushes zeros away. np.sign(0) is 0.",
    lambda weights, data_gradient, l1, l2: (
        data_gradient + l1 * np.where(weights >= 0, 1.0, -1.0) + 2 * l2 * weights
    ),
    "You added the penalty itself: its gradient is asked for, one number for each weight.",
    lambda weights, data_gradient, l1, l2: (
        data_gradient + l1 * np.abs(weights).sum() + l2 * (weights**2).sum()
    ),
)


@exercise(points=1)
def soft_threshold(weights, threshold):
    """Move every weight towards zero by `threshold`, and stop at zero.

    Args:
        weights: An array of any shape.
        threshold: How far to move, 0 or more.

    Returns:
        An array of the same shape.
    """
    return np.sign(weights) * np.maximum(np.abs(weights) - threshold, 0) + 0.0  # no −0


@soft_threshold.cases
def _(rng):
    yield np.array([3.0, 0.5, -0.2, -2.0]), 1.0
    yield 2 * rng.normal(size=(3, 4)), 0.8
    yield np.append(rng.normal(size=20), 0.0), 0.3


soft_threshold.hints(
    "Treat the size and the sign of a weight apart.",
    "The size becomes |w| − threshold, but never less than 0.",
    "np.sign(weights) gives the signs back.",
)

soft_threshold.mistakes(
    "That is hard thresholding: the large weights must come closer to zero too, all by the same "
    "amount.",
    lambda weights, threshold: np.where(np.abs(weights) > threshold, weights, 0.0),
    "A weight smaller than the threshold went past zero and changed its sign; it must stop at "
    "zero.",
    lambda weights, threshold: weights - threshold * np.sign(weights),
    "You subtracted the threshold from negative weights too, which moves them away from zero.",
    lambda weights, threshold: np.where(np.abs(weights) > threshold, weights - threshold, 0.0),
    "The signs are lost: a negative weight stays negative until it is zero.",
    lambda weights, threshold: np.maximum(np.abs(weights) - threshold, 0),
    "You scaled the weights: that is how L2 shrinks them. L1 subtracts the same amount from each.",
    lambda weights, threshold: weights / (1 + 2 * threshold),
    "You took the threshold off every weight: a negative one moves up, towards zero.",
    lambda weights, threshold: weights - threshold,
    "You cut the weights off at the threshold: they move by it, and the large ones stay large.",
    lambda weights, threshold: np.clip(weights, -threshold, threshold),
    "You shrank every weight by a share: all move by the same amount.",
    lambda weights, threshold: weights * (1 - threshold),
)


@soft_threshold.mistake("You left small weights as they are: below the threshold they become zero.")
def _(weights, threshold):
    return np.where(np.abs(weights) > threshold, soft_threshold(weights, threshold), weights)


# ---- weight decay -------------------------------------------------------------------------------


@exercise(points=2)
def adam_with_decay(weights, gradient, first, second, step, learning_rate, decay):
    """Return the weights after one step of Adam with decoupled weight decay.

    The decay is λ' of Δw = … − λ'w: the share of each weight that one step takes away.
    Use β₁ = 0.9, β₂ = 0.999 and ε = 1e-7, added to the root of the corrected second mean.

    Args:
        weights: w, an array of any shape.
        gradient: ∂E/∂w of the data loss, of the same shape.
        first: Adam's running mean of the gradient before this step.
        second: Adam's running mean of the squared gradient before this step.
        step: The number of this step, counted from 1.
        learning_rate: η.
        decay: λ'.

    Returns:
        The new weights.
    """
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    corrected = first / (1 - 0.9**step)
    scale = np.sqrt(second / (1 - 0.999**step)) + 1e-7
    return weights - learning_rate * corrected / scale - decay * weights


@adam_with_decay.cases
def _(rng):
    zeros = np.zeros(3)
    yield np.array([4.0, 0.4, -2.0]), np.array([0.5, -0.1, 0.2]), zeros, zeros, 1, 0.01, 0.006
    # Where a gradient is as small as ε, it shows where ε stands.
    tiny = 1e-6 * rng.normal(size=4)
    yield rng.normal(size=4), tiny, 0.3 * tiny, 1e-13 * rng.uniform(0.1, 1, size=4), 3, 0.05, 0.01
    for step in (2, 7):
        yield (
            rng.normal(size=(2, 3)),
            rng.normal(size=(2, 3)),
            0.5 * rng.normal(size=(2, 3)),
            rng.uniform(0.1, 1, size=(2, 3)),
            step,
            0.05,
            0.01,
        )


adam_with_decay.hints(
    "First write a plain Adam step, as if there were no decay.",
    "Where would the decay have to be left out so that Adam's scaling never touches it?",
    "It is the last term of the update, taken from the weights before the step: − decay * weights.",
)


adam_with_decay.mistakes(
    "The decay went through Adam's moments: that is an L2 penalty, which Adam rescales weight by "
    "weight. Take it from the weights directly.",
    lambda weights, gradient, first, second, step, learning_rate, decay: adam_with_decay(
        weights, gradient + decay * weights, first, second, step, learning_rate, 0.0
    ),
    "You multiplied the decay by the learning rate. Keras does that; here λ' is already the share "
    "that one step takes away.",
    lambda weights, gradient, first, second, step, learning_rate, decay: adam_with_decay(
        weights, gradient, first, second, step, learning_rate, learning_rate * decay
    ),
    "You decayed the weights after the step. The rule takes the share from the weights as they "
    "were before it.",
    lambda weights, gradient, first, second, step, learning_rate, decay: (
        (1 - decay) * adam_with_decay(weights, gradient, first, second, step, learning_rate, 0.0)
    ),
    "The decay has the wrong sign: it makes the weights grow.",
    lambda weights, gradient, first, second, step, learning_rate, decay: adam_with_decay(
        weights, gradient, first, second, step, learning_rate, -decay
    ),
    "The weights are not decayed at all: this is plain Adam.",
    lambda weights, gradient, first, second, step, learning_rate, decay: adam_with_decay(
        weights, gradient, first, second, step, learning_rate, 0.0
    ),
)


@adam_with_decay.mistake(
    "The bias correction is missing: divide the moments by 1 − 0.9ᵗ and 1 − 0.999ᵗ, where t is "
    "the step."
)
def _(weights, gradient, first, second, step, learning_rate, decay):
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    return weights - learning_rate * first / (np.sqrt(second) + 1e-7) - decay * weights


@adam_with_decay.mistake(
    "You added ε to the root before its bias correction: correct the second mean first."
)
def _(weights, gradient, first, second, step, learning_rate, decay):
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    rate = learning_rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return weights - rate * first / (np.sqrt(second) + 1e-7) - decay * weights


@adam_with_decay.mistake("You put ε inside the root: it is added outside, √(…) + ε.")
def _(weights, gradient, first, second, step, learning_rate, decay):
    first = (0.9 * first + 0.1 * gradient) / (1 - 0.9**step)
    second = (0.999 * second + 0.001 * gradient**2) / (1 - 0.999**step)
    return weights - learning_rate * first / np.sqrt(second + 1e-7) - decay * weights


@adam_with_decay.mistake("You exchanged β and 1 − β: 0.9 and 0.999 are the shares that are kept.")
def _(weights, gradient, first, second, step, learning_rate, decay):
    first = (0.1 * first + 0.9 * gradient) / (1 - 0.9**step)
    second = (0.001 * second + 0.999 * gradient**2) / (1 - 0.999**step)
    return weights - learning_rate * first / (np.sqrt(second) + 1e-7) - decay * weights


# ---- dropout ------------------------------------------------------------------------------------


@exercise(points=1)
def inverted_dropout(activations, uniform, rate, training):
    """Silence a share of the units while training, and keep the expected value as it was.

    A unit stays where its draw is at least `rate`.

    Args:
        activations: An array of shape (batch, units).
        uniform: One draw from [0, 1) for each activation, of the same shape.
        rate: Share of units to silence, in [0, 1).
        training: True while training, False at test time.

    Returns:
        An array of the same shape.
    """
    if not training:
        return activations
    return np.where(uniform >= rate, activations / (1 - rate), 0.0)


@inverted_dropout.cases
def _(rng):
    draws = np.array([[0.1, 0.9, 0.25], [0.8, 0.2, 0.6]])
    yield np.array([[2.0, 4.0, 6.0], [1.0, 3.0, 5.0]]), draws, 0.25, True
    yield rng.normal(size=(4, 5)), rng.uniform(size=(4, 5)), 0.6, True
    yield rng.normal(size=(4, 5)), rng.uniform(size=(4, 5)), 0.3, True
    yield rng.normal(size=(3, 5)), rng.uniform(size=(3, 5)), 0.6, False


inverted_dropout.hints(
    "At test time every unit is there. What is left to do?",
    "A unit that is present only a share 1 − rate of the time must speak up when it is.",
    "Divide what stays by 1 − rate.",
)

inverted_dropout.mistakes(
    "You kept the units whose draw is below 1 − rate: as many, but those of at least `rate` are to "
    "stay.",
    lambda activations, uniform, rate, training: (
        np.where(uniform < 1 - rate, activations / (1 - rate), 0.0) if training else activations
    ),
    "You divided by the rate. A unit stays with probability 1 − rate; that is what to divide by.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= rate, activations / rate, 0.0) if training else activations
    ),
    "What stays is not scaled up, so the layer's expected output shrinks. Divide by 1 − rate.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= rate, activations, 0.0) if training else activations
    ),
    "You scale at test time (weight scaling). Inverted dropout scales while training and leaves "
    "the test alone.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= rate, activations, 0.0) if training else activations * (1 - rate)
    ),
    "You scale twice: up while training and down at test time. Once is enough.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= rate, activations / (1 - rate), 0.0)
        if training
        else activations * (1 - rate)
    ),
    "Units are silenced at test time too; then every one of them is needed.",
    lambda activations, uniform, rate, training: np.where(
        uniform >= rate, activations / (1 - rate), 0.0
    ),
    "The mask is the wrong way round: the units whose draw is at least `rate` stay.",
    lambda activations, uniform, rate, training: (
        np.where(uniform < rate, activations / (1 - rate), 0.0) if training else activations
    ),
    "Every example of the batch lost the same units: you used one row of draws for all of them.",
    lambda activations, uniform, rate, training: (
        np.where(uniform[0] >= rate, activations / (1 - rate), 0.0) if training else activations
    ),
    "You divided by the share that stayed in this batch: divide by 1 − rate, its expected value.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= rate, activations / np.mean(uniform >= rate), 0.0)
        if training
        else activations
    ),
    "A unit whose draw is exactly `rate` stays, too: at least `rate` is asked for.",
    lambda activations, uniform, rate, training: (
        np.where(uniform > rate, activations / (1 - rate), 0.0) if training else activations
    ),
    "You multiplied by 1 − rate while training: divide, so that the expected value stays.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= rate, activations * (1 - rate), 0.0) if training else activations
    ),
    "You kept the units whose draw is at least 1 − rate: those of at least `rate` stay.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= 1 - rate, activations / (1 - rate), 0.0) if training else activations
    ),
    "You scaled up at test time, too: then every unit is there, and none has to speak for another.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= rate, activations / (1 - rate), 0.0)
        if training
        else activations / (1 - rate)
    ),
    "You returned the mask: multiply the activations by it.",
    lambda activations, uniform, rate, training: (
        np.where(uniform >= rate, 1 / (1 - rate), 0.0) if training else activations
    ),
)


# ---- early stopping -----------------------------------------------------------------------------


@exercise(points=2)
def early_stopping(losses, patience):
    """Return the epoch at which training stops and the epoch whose weights are kept.

    Training stops once `patience` epochs in a row brought no new lowest validation loss, or after
    the last epoch. An equal loss is no improvement. Epochs are counted from 1.

    Args:
        losses: Validation loss after each epoch.
        patience: Epochs without improvement to put up with, at least 1.

    Returns:
        A list of two integers: the last epoch trained, and the best epoch.
    """
    best_epoch = 1
    for epoch, loss in enumerate(losses, start=1):
        if epoch == 1 or loss < losses[best_epoch - 1]:
            best_epoch = epoch
        elif epoch - best_epoch == patience:
            return [epoch, best_epoch]
    return [len(losses), best_epoch]


@early_stopping.cases
def _(rng):
    yield [0.9, 0.6, 0.5, 0.55, 0.45, 0.48, 0.5, 0.6, 0.7, 0.8], 2
    yield [0.9, 0.6, 0.5, 0.55, 0.45, 0.48, 0.5, 0.6, 0.7, 0.8], 1
    yield [0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.6], 3
    yield [0.9, 0.8, 0.7, 0.6], 2
    yield [0.9, 0.7, 0.8, 0.75, 0.8, 0.72, 0.9, 0.95, 0.6], 3
    falls = np.linspace(1, 0.3, 12) + 0.1 * rng.uniform(size=12)
    yield [*falls.tolist(), *np.linspace(0.5, 0.9, 8).tolist()], 4


early_stopping.hints(
    "Walk through the losses and remember the epoch of the lowest one so far.",
    "How many epochs have gone by since then? Is that as many as your patience?",
    "Use < and not <= to tell an improvement, and return the remembered epoch, not the last.",
)


def _stop(
    losses, patience, *, slack=0, equal=False, rises=False, falls=False, reset=True, waited=0
):
    """Return where a rule that is wrong in one way stops, and its best epoch."""
    best = 1
    if waited >= patience + slack:
        return [1, 1]
    for epoch, loss in enumerate(losses[1:], start=2):
        lowest = losses[epoch - 2 if falls else best - 1]
        if loss < lowest or (equal and loss == lowest):
            best, waited = epoch, 0 if reset else waited
        elif rises:
            waited = waited + 1 if loss > losses[epoch - 2] else 0
        else:
            waited += 1
        if waited >= patience + slack:
            return [epoch, best]
    return [len(losses), best]


early_stopping.mistakes(
    "You never set the count back: `patience` epochs in a row have to bring nothing new.",
    partial(_stop, reset=False),
    "You find no improvement, not even in the first epoch: let the lowest loss begin at infinity, "
    "and ask for less (<).",
    lambda losses, patience: [min(patience, len(losses)), 1],
    "You find no best epoch: let the lowest loss begin at infinity, and ask for less (<).",
    lambda losses, patience: [min(patience, len(losses)), 0],
    "You count the first epoch as one without improvement: it is the lowest so far.",
    partial(_stop, waited=1),
    "You stop one epoch too early: the best epoch itself is none without improvement.",
    partial(_stop, slack=-1),
    "You stop one epoch too late: with a patience of 1, the first epoch without improvement is the "
    "last.",
    partial(_stop, slack=1),
    "You keep the last epoch's weights: the best ones are those of the epoch with the least loss.",
    lambda losses, patience: [_stop(losses, patience)[0]] * 2,
    "You count an equal loss as an improvement, so a plateau would never end. Ask for less (<).",
    partial(_stop, equal=True),
    "You compare each loss with the one before it. Compare with the best so far: a curve can fall "
    "a little again and still be far above it.",
    partial(_stop, rises=True),
    "You count epochs from 0; the task counts them from 1.",
    lambda losses, patience: [epoch - 1 for epoch in _stop(losses, patience)],
    "You looked for the lowest loss of the whole curve. Training has stopped before it got there: "
    "what comes after the stop is never seen.",
    lambda losses, patience: [_stop(losses, patience)[0], int(np.argmin(losses)) + 1],
    "You took every fall since the last epoch for an improvement: it has to be the lowest so far.",
    partial(_stop, falls=True),
    "You never stopped: training ends once `patience` epochs in a row brought nothing new.",
    lambda losses, patience: [len(losses), int(np.argmin(losses)) + 1],
    "You counted the last epoch from 1 and the best one from 0: both are counted from 1.",
    lambda losses, patience: [
        early_stopping(losses, patience)[0],
        early_stopping(losses, patience)[1] - 1,
    ],
    "You went `patience` epochs back from the end, though training may have run out before.",
    lambda losses, patience: [
        early_stopping(losses, patience)[0],
        early_stopping(losses, patience)[0] - patience,
    ],
)


# ---- a network ----------------------------------------------------------------------------------


@model_exercise(points=3)
def dropout_mlp():
    """Build a multilayer perceptron with dropout for 8×8×1 images of 10 classes, uncompiled.

    Flatten the image; silence 20 % of its pixels; then twice: 64 ReLU units with an L2 penalty of
    λ = 0.001 on the kernel, of which half are silenced. A softmax over the 10 classes ends it.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(0.001)),
            layers.Dropout(0.5),
            layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(0.001)),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


dropout_mlp.hints(
    "keras.Sequential takes the layers in order; begin with keras.Input((8, 8, 1)).",
    "Dropout is a layer of its own, after the layer whose units it silences.",
    "kernel_regularizer=keras.regularizers.L2(0.001) goes into Dense.",
)


def _network(*, inputs=0.2, hidden=0.5, l2=0.001, before=False, last=False):
    """Return the network of the exercise, changed in the way that is asked."""
    import keras
    from keras import layers

    stack = [keras.Input((8, 8, 1)), layers.Flatten()]
    if inputs:
        stack.append(layers.Dropout(inputs))
    for _ in range(2):
        penalty = keras.regularizers.L2(l2) if l2 else None
        dense = layers.Dense(64, activation="relu", kernel_regularizer=penalty)
        dropout = [layers.Dropout(hidden)] if hidden else []
        stack += [*dropout, dense] if before else [dense, *dropout]
    stack.append(layers.Dense(10, activation="softmax"))
    if last:
        stack.append(layers.Dropout(hidden))
    return keras.Sequential(stack)


dropout_mlp.mistakes(
    "Dropout comes after the output: it would silence whole classes, and the probabilities would "
    "no longer add up to 1.",
    lambda: _network(last=True),
    "Dropout stands before each hidden layer, so the input is silenced twice and the last hidden "
    "layer never.",
    lambda: _network(before=True),
    "The rate is the share to silence, not the share to keep: 0.2 for the pixels, not 0.8.",
    lambda: _network(inputs=0.8),
    "The pixels are not silenced: a Dropout(0.2) belongs after Flatten.",
    lambda: _network(inputs=0),
    "The hidden units are not silenced: a Dropout(0.5) belongs after each.",
    lambda: _network(hidden=0),
    "The L2 penalty is missing: give each hidden Dense a kernel_regularizer.",
    lambda: _network(l2=0),
)
