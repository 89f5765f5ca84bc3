"""Signs in the curves: rates, averages, and what validation says of training."""

import math

import numpy as np

from companion.training.signs import Rules, Seen, into, numbers

RULES: Rules = {}
sign = into(RULES)


@sign(
    "batch statistics at inference",
    cause="Normalization was left in training mode: a layer of yours calls it with training=True.",
    remedy="Call the layer without `training`: fit and predict each say what they are.",
    section="batch-norm-inference",
)
def _(seen: Seen) -> str | None:
    away = np.nanmax(numbers(seen.kept["outputs"], "by_others"), initial=0)
    if away < 0.02:
        return None
    return f"The answer to an example moves by {away:.0%} of its spread with others in its batch."


@sign(
    "moving averages behind",
    cause="Batch normalization answers by moving averages that have not arrived: few steps.",
    remedy="Lower the layer's momentum (0.9 in place of 0.99), or train for more steps.",
    section="batch-norm-inference",
)
def _(seen: Seen) -> str | None:
    asked, trained = seen.rows("outputs")[0]["loss"], seen.loss[-1]
    if not asked > 2 * trained + 0.2:
        return None
    return (
        f"Training examples cost {trained:.2f} while training, and {asked:.2f} when the model "
        "answers."
    )


@sign(
    "rate too high",
    cause="Steps are longer than the valley is wide.",
    remedy="Divide the learning rate by 3 to 10, or clip the gradient.",
    section="learning-rate",
)
def _(seen: Seen) -> str | None:
    losses, rate = seen.losses, seen.setting["learning_rate"]
    if not len(losses):
        return None
    if not np.isfinite(losses).all():
        step = int(np.argmax(~np.isfinite(losses)))
        return f"The loss is no number from step {step + 1} on, at a rate of {rate:g}."
    start = np.mean(losses[:3])
    if losses.max() > 3 * start:
        return f"The loss rises from {start:.2f} to {losses.max():.3g}, at a rate of {rate:g}."
    moved = seen.hidden("weights", "moved")
    if moved.max() > 5 and seen.learned() < 0.5:
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
def _(seen: Seen) -> str | None:
    moved = seen.hidden("weights", "moved").max()
    steps = sum(row["steps"] for row in seen.kept["steps"])
    if steps < 50 or not moved < 0.1 or max(seen.learned(), seen.fallen()) > 0.3:
        return None
    return f"In {steps} steps no layer's weights have moved by more than {moved:.2%} of their size."


@sign(
    "overfitting",
    cause="The model learns the training examples by heart.",
    remedy="More examples, augmentation, weight decay, dropout, or stop early.",
    section="early-stopping",
)
def _(seen: Seen) -> str | None:
    held, loss = seen.held_out, seen.loss
    if len(held) < 3 or not np.isfinite(held).all():
        return None
    best, end = held.min(), max(1, len(held) // 10)
    last, learned = held[-end:].mean(), loss[-end:].mean()
    risen = last > 1.3 * best + 0.1 and learned < 0.4 * last
    right = [numbers(seen.kept["history"], name)[-end:] for name in ("accuracy", "val_accuracy")]
    less = right[0].mean() - right[1].mean() if all(map(len, right)) else 0.0
    apart = last - learned > 0.4 * seen.by_chance or less > 0.15
    # Early in a training validation may lie apart and still fall: that is no overfitting yet.
    over = last > 1.02 * best or learned < 0.1 * last
    if not (risen or (apart and over)):
        return None
    return (
        f"The training loss is {learned:.2f}. That of validation is {last:.2f} at the end, "
        f"{best:.2f} at best (epoch {held.argmin() + 1})"
        + (f"; its accuracy is {100 * less:.0f} points lower." if less > 0 else ".")
    )


@sign(
    "validation easier than training",
    cause="The validation examples are not drawn as the training ones are: easier, or known.",
    remedy="Draw both from the same shuffled examples; look for copies and for what is left out.",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    held, asked = seen.held_out, seen.rows("outputs")[0]["loss"]
    hard = 0.35 * seen.by_chance if seen.classes else 0.0  # early in training any dropout is
    loss = min(seen.loss[-1], asked)  # dropout and augmentation end when the model answers
    if len(held) < 2 or loss < hard or not held[-1] < 0.6 * loss:
        return None
    return (
        f"The validation loss is {held[-1]:.2f}; training examples cost {seen.loss[-1]:.2f} while "
        f"training, and {asked:.2f} when the model answers."
    )


@sign(
    "first loss off",
    cause="The first outputs are sure of themselves, and wrong: first weights or inputs are large.",
    remedy="Smaller first weights in the last layer, scaled inputs.",
    section="cross-entropy",
)
def _(seen: Seen) -> str | None:
    first = seen.kept["first_loss"]
    penalty = seen.rows("outputs", first=True)[0]["penalty"]
    guess = math.log(seen.classes) if seen.classes else math.nan
    if first is None or not seen.classes or first - penalty < 4 * guess + 1:
        return None
    return (
        f"The first loss is {first:.3g}; log {seen.classes} = {guess:.2f} is what guessing costs."
    )


@sign(
    "loss does not fall",
    cause="Nothing is learned, and no other sign says why.",
    remedy="Try to learn one batch of ten examples by heart; what cannot is broken.",
    section="clinic-curves",
)
def _(seen: Seen) -> str | None:
    if len(seen.losses) < 30 or max(seen.learned(), seen.fallen()) > 0.1:
        return None
    return f"The training loss has fallen by {max(seen.learned(), 0):.0%} of what guessing costs."
