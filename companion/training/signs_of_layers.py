"""Signs in the layers: units that say nothing, gradients that fade or grow."""

import math

import numpy as np

from companion.training.signs import Rules, TrainingLog, numbers, register_in

RULES: Rules = {}
sign = register_in(RULES)


@sign(
    "dead units",
    cause="Their sums are below zero for every example: too large a step, or biases far below 0.",
    remedy="Lower the rate, begin with biases of 0 and He's weights, or use a leaky ReLU.",
    section="dead-units",
)
def _(log: TrainingLog) -> str | None:
    for first in (True, False):
        rows = [r for r in log.rows("activations", first=first) if r["activation"] == "relu"]
        dead = numbers(rows, "dead")
        if len(dead) and dead.max() > 0.8 and (first or log.learned() < 0.8):
            row, when = rows[int(dead.argmax())], "before the first step" if first else "at the end"
            return (
                f"{dead.max():.0%} of the units of {row['layer']} are 0 for every example {when}."
            )
    return None


@sign(
    "saturated units",
    cause="Weights or inputs are too large: where the activation is flat, no gradient comes back.",
    remedy="Begin with smaller weights (Glorot), scale the inputs, or use ReLU.",
    section="saturating-gradients",
)
def _(log: TrainingLog) -> str | None:
    rows = [
        row
        for row in log.rows("activations", first=True)
        if row["activation"] in ("sigmoid", "tanh")
    ]
    rows = [row for row in rows if row["layer"] != log.rows("weights")[-1]["layer"]]
    flat = numbers(rows, "saturated")
    if not len(flat) or np.max(flat) < 0.5:
        return None
    row = rows[int(flat.argmax())]
    return (
        f"{flat.max():.0%} of the outputs of {row['layer']} ({row['activation']}) are flat before "
        "the first step."
    )


@sign(
    "vanishing gradients",
    cause="Each layer multiplies the gradient by less than 1: sigmoids, or weights too small.",
    remedy="ReLU with He's weights, batch normalization, shortcuts.",
    section="vanishing-and-exploding",
)
def _(log: TrainingLog) -> str | None:
    sizes = log.per_layer("gradients", "mean_absolute", first=True)
    names = [row["layer"] for row in log.rows("gradients", first=True)]
    ratio = sizes[0] / sizes[-1] if sizes[-1] else math.nan
    if len(sizes) < 3 or not ratio < 1e-3:
        return None
    return f"Before the first step the gradient of {names[0]} is {ratio:.1g} of {names[-1]}'s."


@sign(
    "exploding gradients",
    cause="Each layer multiplies by more than 1: the first weights are too large.",
    remedy="He's or Glorot's weights, batch normalization, clipping by the global norm.",
    section="vanishing-and-exploding",
)
def _(log: TrainingLog) -> str | None:
    norms = log.per_layer("gradients", "l2", first=True)
    spreads = log.per_layer("activations", "sd", first=True)
    global_norm = float(np.sqrt(np.sum(norms**2)))
    growth = spreads[-1] / spreads[0] if len(spreads) > 2 and spreads[0] else 1.0
    # Before the first step moving averages are no averages yet, so that nothing is normalized.
    limit = math.inf if log.setting["batch_normalization"] else 20 if growth > 4 else 100
    if np.isfinite(global_norm) and global_norm < limit:
        return None
    return (
        f"Before the first step the norm of all gradients is {global_norm:.3g}, about 1 is usual, "
        f"and the last hidden layer's outputs spread {growth:.3g} times as wide as the first one's."
    )
