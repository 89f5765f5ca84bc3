"""Signs in the setting: the loss and what it is given, penalties, the first weights."""

import math

from companion.training.signs import Rules, Seen, into

RULES: Rules = {}
sign = into(RULES)


@sign(
    "softmax twice",
    cause="A softmax of a softmax: its outputs lie close together, whatever the layers below say.",
    remedy="Keep one: a last layer without activation and from_logits=True, or softmax and False.",
    section="clinic-setting",
)
def _(seen: Seen) -> str | None:
    if [name for name in seen.setting["ends"] if name][-2:] != ["softmax", "softmax"]:
        return None
    most, greatest = math.e / (math.e + seen.classes - 1), seen.rows("outputs")[0]["greatest"]
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
def _(seen: Seen) -> str | None:
    last = seen.rows("outputs")[0]
    between = last["least"] >= 0 and last["greatest"] <= 1
    rows_of_one = last["off_one"] < 1e-2 or seen.setting["outputs"] == 1
    if not (seen.classes and seen.setting["from_logits"] and between and rows_of_one):
        return None
    least = math.log(1 + (seen.classes - 1) / math.e)
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
def _(seen: Seen) -> str | None:
    if not seen.classes or seen.setting["from_logits"]:
        return None
    look = seen.rows("outputs", first=True)[0]
    least, most, off = look["least"], look["greatest"], look["off_one"]
    outside = least < -1e-3 or most > 1 + 1e-2
    if not outside and (
        seen.setting["outputs"] == 1 or off < 0.05 or "binary" in seen.setting["loss"]
    ):
        return None
    return (
        f"The loss takes outputs for probabilities, and they lie between {least:.2f} and "
        f"{most:.2f}; a row's sum is {off:.2f} away from 1."
    )


@sign(
    "wrong loss",
    cause="A loss for numbers takes class 9 for farther from class 1 than class 2 is.",
    remedy="Use sparse_categorical_crossentropy for class numbers, binary_crossentropy for two.",
    section="clinic-setting",
)
def _(seen: Seen) -> str | None:
    loss, outputs = seen.setting["loss"], seen.setting["outputs"] or 1
    numbers = any(word in loss for word in ("squared", "absolute", "huber", "mse", "mae", "cosh"))
    if not numbers or not 2 <= len(seen.counts) <= 20:  # more of them are likely numbers
        return None
    return f"The targets are {len(seen.counts)} classes, the outputs {outputs}, the loss is {loss}."


@sign(
    "penalty too strong",
    cause="The penalty on the weights outweighs the loss on the data: they are pulled to zero.",
    remedy="Divide λ by ten until the loss on the data falls.",
    section="norm-penalties",
)
def _(seen: Seen) -> str | None:
    first, last = (seen.rows("outputs", first=first)[0] for first in (True, False))
    if not first["penalty"] or not first["loss"]:
        return None
    share = first["penalty"] / first["loss"]
    on_data = last["loss"] - last["penalty"]
    if share < 0.5 or on_data < 0.2 * seen.by_chance:
        return None
    return (
        f"The penalty is {share:.0%} of the loss at the start, and at the end the loss on the data "
        f"is {on_data:.2f}; guessing comes to {seen.by_chance:.2f}."
    )


@sign(
    "weights alike",
    cause="Units that begin alike get the same gradient and stay alike: a layer is one unit wide.",
    remedy="Begin with random weights: Glorot's for tanh and sigmoid, He's for ReLU.",
    section="initialization",
)
def _(seen: Seen) -> str | None:
    *hidden, _ = seen.rows("weights", first=True)
    alike = [row["layer"] for row in hidden if row["alike"]]
    return f"All units of {', '.join(alike)} begin with the same weights." if alike else None


@sign(
    "frozen layers",
    cause="They were frozen (trainable = False) when the model was compiled.",
    remedy="Set trainable = True, compile again, then fit. On purpose? Then all is well.",
    section="clinic-setting",
)
def _(seen: Seen) -> str | None:
    rows = seen.rows("weights")
    still = [row for row in rows if not row["trainable"] or row["moved"] == 0]
    frozen = [row for row in still if not row["trainable"]] or (
        still if len(still) < len(rows) and not _any_dead(seen) else []
    )
    if not frozen or not rows[-1]["epoch"]:
        return None
    share = sum(row["parameters"] for row in frozen) / sum(row["parameters"] for row in rows)
    names = ", ".join(row["layer"] for row in frozen[:3]) + ("…" if len(frozen) > 3 else "")
    return (
        f"{len(frozen)} of {len(rows)} kernels do not move ({names}): {share:.0%} of the weights."
    )


def _any_dead(seen: Seen) -> bool:
    dead = seen.hidden("activations", "dead")
    return bool(len(dead) and dead.max() > 0.9)
