"""Signs in the setting: the loss and what it is given, penalties, the first weights."""

import math

from companion.training.signs import Rules, TrainingLog, register_in

RULES: Rules = {}
sign = register_in(RULES)


@sign(
    "softmax twice",
    cause="A softmax of a softmax: its outputs lie close together, whatever the layers below say.",
    remedy="Keep one: a last layer without activation and from_logits=True, or softmax and False.",
    section="clinic-setting",
)
def _(log: TrainingLog) -> str | None:
    if [name for name in log.setting["ends"] if name][-2:] != ["softmax", "softmax"]:
        return None
    most, greatest = math.e / (math.e + log.classes - 1), log.rows("outputs")[0]["greatest"]
    if greatest > most + 1e-3:  # the other softmax stands elsewhere, as in an attention
        return None
    return (
        f"Two layers with softmax follow one another: no probability can exceed {most:.2f}, and "
        f"the largest of {greatest:.2f} was seen."
    )


@sign(
    "probabilities taken for logits",
    cause="The model ends in a softmax, and the loss applies another one: from_logits=True.",
    remedy="Set from_logits=False, or take the last layer's activation away.",
    section="clinic-setting",
)
def _(log: TrainingLog) -> str | None:
    last = log.rows("outputs")[0]
    between = last["least"] >= 0 and last["greatest"] <= 1
    rows_of_one = last["off_one"] < 1e-2 or log.setting["outputs"] == 1
    if not (log.classes and log.setting["from_logits"] and between and rows_of_one):
        return None
    least = math.log(1 + (log.classes - 1) / math.e)
    return (
        f"Each row of outputs sums to 1, and the loss takes them for logits: it cannot fall below "
        f"{least:.2f}."
    )


@sign(
    "logits taken for probabilities",
    cause="The last layer has no activation, and the loss takes its sums for probabilities.",
    remedy="Set from_logits=True in the loss, or give the last layer a softmax or sigmoid.",
    section="clinic-setting",
)
def _(log: TrainingLog) -> str | None:
    if not log.classes or log.setting["from_logits"]:
        return None
    outputs = log.rows("outputs", first=True)[0]
    least, most, distance_from_one = outputs["least"], outputs["greatest"], outputs["off_one"]
    outside = least < -1e-3 or most > 1 + 1e-2
    if not outside and (
        log.setting["outputs"] == 1 or distance_from_one < 0.05 or "binary" in log.setting["loss"]
    ):
        return None
    return (
        f"The loss takes outputs for probabilities, and they lie between {least:.2f} and "
        f"{most:.2f}; a row's sum is {distance_from_one:.2f} away from 1."
    )


@sign(
    "wrong loss",
    cause="A loss for numbers takes class 9 for farther from class 1 than class 2 is.",
    remedy="Use sparse_categorical_crossentropy for class numbers, binary_crossentropy for two.",
    section="clinic-setting",
)
def _(log: TrainingLog) -> str | None:
    loss, outputs = log.setting["loss"], log.setting["outputs"] or 1
    is_regression = any(
        word in loss for word in ("squared", "absolute", "huber", "mse", "mae", "cosh")
    )
    if not is_regression or not 2 <= len(log.counts) <= 20:  # more of them are likely numbers
        return None
    return f"The targets are {len(log.counts)} classes, the outputs {outputs}, the loss is {loss}."


@sign(
    "penalty too strong",
    cause="The penalty on the weights outweighs the loss on the data: they are pulled to zero.",
    remedy="Divide λ by ten until the loss on the data falls.",
    section="norm-penalties",
)
def _(log: TrainingLog) -> str | None:
    first, last = (log.rows("outputs", first=first)[0] for first in (True, False))
    if not first["penalty"] or not first["loss"]:
        return None
    share = first["penalty"] / first["loss"]
    data_loss = last["loss"] - last["penalty"]
    if share < 0.5 or data_loss < 0.2 * log.chance_loss:
        return None
    return (
        f"The penalty is {share:.0%} of the loss at the start, and at the end the loss on the data "
        f"is {data_loss:.2f}; guessing comes to {log.chance_loss:.2f}."
    )


@sign(
    "weights alike",
    cause="Units that begin alike get the same gradient and stay alike: a layer is one unit wide.",
    remedy="Begin with random weights: Glorot's for tanh and sigmoid, He's for ReLU.",
    section="initialization",
)
def _(log: TrainingLog) -> str | None:
    *hidden, _ = log.rows("weights", first=True)
    alike = [row["layer"] for row in hidden if row["alike"]]
    return f"All units of {', '.join(alike)} begin with the same weights." if alike else None


@sign(
    "frozen layers",
    cause="They were frozen (trainable = False) when the model was compiled.",
    remedy="Set trainable = True, compile again, then fit. On purpose? Then all is well.",
    section="clinic-setting",
)
def _(log: TrainingLog) -> str | None:
    rows = log.rows("weights")
    unmoved = [row for row in rows if not row["trainable"] or row["moved"] == 0]
    frozen = [row for row in unmoved if not row["trainable"]] or (
        unmoved if len(unmoved) < len(rows) and not _any_dead(log) else []
    )
    if not frozen or not rows[-1]["epoch"]:
        return None
    share = sum(row["parameters"] for row in frozen) / sum(row["parameters"] for row in rows)
    names = ", ".join(row["layer"] for row in frozen[:3]) + ("…" if len(frozen) > 3 else "")
    return (
        f"{len(frozen)} of {len(rows)} kernels do not move ({names}): {share:.0%} of the weights."
    )


def _any_dead(log: TrainingLog) -> bool:
    dead = log.per_layer("activations", "dead")
    return bool(len(dead) and dead.max() > 0.9)
