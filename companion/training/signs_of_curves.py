"""Signs in the curves: rates, averages, and what validation says of training."""

import math

import numpy as np

from companion.training.signs import Rules, TrainingLog, numbers, register_in

RULES: Rules = {}
sign = register_in(RULES)


@sign(
    "batch statistics at inference",
    cause="Normalization was left in training mode: a layer of yours calls it with training=True.",
    remedy="Call the layer without `training`: fit and predict each say what they are.",
    section="batch-norm-inference",
)
def _(log: TrainingLog) -> str | None:
    shift = np.nanmax(numbers(log.kept["outputs"], "by_others"), initial=0)
    if shift < 0.02:
        return None
    return f"The answer to an example moves by {shift:.0%} of its spread with others in its batch."


@sign(
    "moving averages behind",
    cause="Batch normalization answers by moving averages that have not arrived: few steps.",
    remedy="Lower the layer's momentum (0.9 in place of 0.99), or train for more steps.",
    section="batch-norm-inference",
)
def _(log: TrainingLog) -> str | None:
    inference_loss, training_loss = log.rows("outputs")[0]["loss"], log.training_loss[-1]
    if not inference_loss > 2 * training_loss + 0.2:
        return None
    return (
        f"Training examples cost {training_loss:.2f} while training, and {inference_loss:.2f} when "
        "the model answers."
    )


@sign(
    "rate too high",
    cause="Steps are longer than the valley is wide.",
    remedy="Divide the learning rate by 3 to 10, or clip the gradient.",
    section="learning-rate",
)
def _(log: TrainingLog) -> str | None:
    losses, rate = log.step_losses, log.setting["learning_rate"]
    if not len(losses):
        return None
    if not np.isfinite(losses).all():
        step = int(np.argmax(~np.isfinite(losses)))
        return f"The loss is no number from step {step + 1} on, at a rate of {rate:g}."
    start = np.mean(losses[:3])
    if losses.max() > 3 * start:
        return f"The loss rises from {start:.2f} to {losses.max():.3g}, at a rate of {rate:g}."
    moved = log.per_layer("weights", "moved")
    if moved.max() > 5 and log.learned() < 0.5:
        return (
            f"The weights have moved by {moved.max():.1f} times their size, and little is learned."
        )
    return None


@sign(
    "rate too low",
    cause="Steps are so short that the weights hardly move.",
    remedy="Multiply the learning rate by 10 until the loss falls within the first epochs.",
    section="learning-rate",
)
def _(log: TrainingLog) -> str | None:
    moved = log.per_layer("weights", "moved").max()
    steps = sum(row["steps"] for row in log.kept["steps"])
    if steps < 50 or not moved < 0.1 or max(log.learned(), log.fallen()) > 0.3:
        return None
    return f"In {steps} steps no layer's weights have moved by more than {moved:.2%} of their size."


@sign(
    "overfitting",
    cause="The model learns the training examples by heart.",
    remedy="More examples, augmentation, weight decay, dropout, or stop early.",
    section="early-stopping",
)
def _(log: TrainingLog) -> str | None:
    validation_losses, loss = log.validation_loss, log.training_loss
    if len(validation_losses) < 3 or not np.isfinite(validation_losses).all():
        return None
    best, tail = validation_losses.min(), max(1, len(validation_losses) // 10)
    last, learned = validation_losses[-tail:].mean(), loss[-tail:].mean()
    risen = last > 1.3 * best + 0.1 and learned < 0.4 * last
    accuracies = [
        numbers(log.kept["history"], name)[-tail:] for name in ("accuracy", "val_accuracy")
    ]
    accuracy_gap = accuracies[0].mean() - accuracies[1].mean() if all(map(len, accuracies)) else 0.0
    is_apart = last - learned > 0.4 * log.chance_loss or accuracy_gap > 0.15
    # Early in a training validation may lie apart and still fall: that is no overfitting yet.
    is_overfitted = last > 1.02 * best or learned < 0.1 * last
    if not (risen or (is_apart and is_overfitted)):
        return None
    return (
        f"The training loss is {learned:.2f}. That of validation is {last:.2f} at the end, "
        f"{best:.2f} at best (epoch {validation_losses.argmin() + 1})"
        + (f"; its accuracy is {100 * accuracy_gap:.0f} points lower." if accuracy_gap > 0 else ".")
    )


@sign(
    "validation easier than training",
    cause="The validation examples are not drawn as the training ones are: easier, or known.",
    remedy="Draw both from the same shuffled examples; look for copies and for what is left out.",
    section="clinic-data",
)
def _(log: TrainingLog) -> str | None:
    validation_losses, inference_loss = log.validation_loss, log.rows("outputs")[0]["loss"]
    threshold = 0.35 * log.chance_loss if log.classes else 0.0  # early in training any dropout is
    # Dropout and augmentation end when the model answers.
    loss = min(log.training_loss[-1], inference_loss)
    if len(validation_losses) < 2 or loss < threshold or not validation_losses[-1] < 0.6 * loss:
        return None
    return (
        f"The validation loss is {validation_losses[-1]:.2f}; training examples cost "
        f"{log.training_loss[-1]:.2f} while training, and {inference_loss:.2f} when the "
        "model answers."
    )


@sign(
    "first loss off",
    cause="The first outputs are sure of themselves, and wrong: first weights or inputs are large.",
    remedy="Smaller first weights in the last layer, scaled inputs.",
    section="cross-entropy",
)
def _(log: TrainingLog) -> str | None:
    first = log.kept["first_loss"]
    penalty = log.rows("outputs", first=True)[0]["penalty"]
    guessing_loss = math.log(log.classes) if log.classes else math.nan
    if first is None or not log.classes or first - penalty < 4 * guessing_loss + 1:
        return None
    return (
        f"The first loss is {first:.3g}; log {log.classes} = {guessing_loss:.2f} is what guessing "
        "costs."
    )


@sign(
    "loss does not fall",
    cause="Nothing is learned, and no other sign says why.",
    remedy="Try to learn one batch of ten examples by heart; what cannot is broken.",
    section="clinic-curves",
)
def _(log: TrainingLog) -> str | None:
    if len(log.step_losses) < 30 or max(log.learned(), log.fallen()) > 0.1:
        return None
    return f"The training loss has fallen by {max(log.learned(), 0):.0%} of what guessing costs."
