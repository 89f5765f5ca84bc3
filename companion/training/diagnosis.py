"""What looks sick in a training: signs with their numbers, likely causes, and what to try.

Each rule is a function of what a run has kept (`companion.training.examination`); it returns the
sign that it has seen, with its number, or None. The order of the rules is that of causes before
consequences: the data, the setting, the first weights, the layers, and at last the curves.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks sick.

    Attributes:
        name: What it is called.
        sign: What was seen, with its number.
        cause: What it likely comes from.
        remedy: What to try.
        section: The section of the book that explains it, by its id.
    """

    name: str
    sign: str
    cause: str
    remedy: str
    section: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination came to.

    Attributes:
        findings: What looks sick, causes before consequences.
        looked_for: How many signs could be looked for.
    """

    findings: tuple[Finding, ...]
    looked_for: int

    @property
    def healthy(self) -> bool:
        """Whether nothing looks sick."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        findings = [asdict(one) for one in self.findings]
        return {"healthy": self.healthy, "looked_for": self.looked_for, "findings": findings}

    def __str__(self) -> str:
        return self.told(str)

    def told(self, where: Callable[[str], str]) -> str:
        """Return the report in words.

        Args:
            where: Says where a section of the book is, by its id.
        """
        if self.healthy:
            return f"Nothing looks sick: {self.looked_for} signs were looked for, none was seen."
        return "\n\n".join(
            f"{number}. {one.name[0].upper()}{one.name[1:]}\n"
            f"   Sign: {one.sign}\n   Likely cause: {one.cause}\n   Try: {one.remedy}\n"
            f"   Read: {where(one.section)}"
            for number, one in enumerate(self.findings, 1)
        )


class Seen:
    """What a run has kept, as the rules read it.

    Args:
        kept: As `companion.training.examination.Examination` keeps it.

    Attributes:
        data: What was seen of the data.
        setting: Loss, optimizer and the ends of the model.
        batch: Type and range of the first batch.
        loss: The training loss of each epoch.
        held_out: The validation loss of each epoch; empty without one.
        losses: The losses of the steps, one after the other.
    """

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept
        self.data: dict[str, Any] = kept.get("data", {})
        self.setting: dict[str, Any] = kept.get("setting", {})
        self.batch: dict[str, Any] = kept.get("batch", {})
        history = kept.get("history", [])
        self.loss = _numbers(history, "loss")
        self.held_out = _numbers(history, "val_loss")
        steps = [np.array(row["losses"], float) for row in kept.get("steps", [])]
        self.losses = np.concatenate(steps) if steps else np.zeros(0)

    @property
    def counts(self) -> Array:
        """How many training examples each class has; empty where the targets are numbers."""
        return np.array(self.data.get("counts", []), float)

    @property
    def classes(self) -> int:
        """The number of classes that the model tells apart; 0 where it is not trained for any."""
        if not len(self.counts) or "entropy" not in self.setting.get("loss", ""):
            return 0
        return max(int(self.setting.get("outputs") or 0), 2)

    @property
    def by_chance(self) -> float:
        """The loss of who knows the classes' shares alone; NaN without classes."""
        shares = self.counts[self.counts > 0] / max(self.counts.sum(), 1)
        return float(-(shares * np.log(shares)).sum()) if self.classes else math.nan

    def rows(self, name: str, *, first: bool = False) -> list[dict[str, Any]]:
        """Return the entries of the last look, or of the first; what is no number is NaN."""
        rows = self.kept.get(name, [])
        epoch = rows[0 if first else -1]["epoch"] if rows else None
        return [_with_nan(row) for row in rows if row["epoch"] == epoch]

    def hidden(self, name: str, key: str, *, first: bool = False) -> Array:
        """Return a number of each layer."""
        return _numbers(self.rows(name, first=first), key)

    def learned(self) -> float:
        """Return the share of the loss by chance, or else of the first, that training took away.

        Of the mean over the last tenth of the epochs; −∞ where it is no number.
        """
        return self._fallen_from(self.by_chance if self.classes else self.losses[:1].mean())

    def fallen(self) -> float:
        """Return the share of the first loss that training took away."""
        return self._fallen_from(self.losses[:3].mean())

    def _fallen_from(self, start: float) -> float:
        end = self.loss[-max(1, len(self.loss) // 10) :].mean() if len(self.loss) else math.nan
        return float(1 - end / start) if np.isfinite([start, end]).all() and start else -math.inf


def _with_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in row.items()}


def _numbers(rows: list[dict[str, Any]], key: str) -> Array:
    return np.array([row[key] for row in rows if key in row], float)


# ---- the rules ----------------------------------------------------------------------------------

Rule = Callable[[Seen], str | None]
RULES: dict[str, tuple[Rule, str, str, str]] = {}


def sign(name: str, *, cause: str, remedy: str, section: str) -> Callable[[Rule], Rule]:
    """Make the decorated function the rule that sees `name`."""

    def add(rule: Rule) -> Rule:
        RULES[name] = (rule, cause, remedy, section)
        return rule

    return add


def diagnose(kept: dict[str, Any]) -> Report:
    """Return what looks sick in what a run has kept.

    A rule whose numbers were not kept is left out.
    """
    findings, looked, seen = [], 0, Seen(kept)
    for name, (rule, *words) in RULES.items():
        try:
            found = rule(seen)
        except (KeyError, IndexError, ValueError):  # what it reads was not kept
            continue
        looked += 1
        if found:
            findings.append(Finding(name, found, *words))
    return Report(tuple(findings), looked)


@sign(
    "missing numbers",
    cause="One example without a number makes the loss of its batch, and then every weight, none.",
    remedy="Find the examples with np.isnan(x).any(...), and mend or leave them out.",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    missing, all_of_them = seen.data["missing"], seen.data["examples"]
    return (
        f"{missing} of {all_of_them} training examples hold NaN or infinity." if missing else None
    )


@sign(
    "whole numbers",
    cause="Inputs were turned into integers: of images in [0, 1] only 0 and 1 remain.",
    remedy="Hand over floats: x.astype('float32') / 255, never the other way round.",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    kind = seen.batch["dtype"]
    if seen.setting["reads_numbers_of_words"] or not kind.startswith(("int", "uint", "bool")):
        return None
    return f"The inputs are of type {kind}, from {seen.batch['min']:g} to {seen.batch['max']:g}."


@sign(
    "inputs out of range",
    cause="Large inputs make large sums: units saturate or die, and one rate does not suit all.",
    remedy="Divide images by 255; bring features to mean 0 and deviation 1, by the training split.",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    low, high, sd = (seen.batch[name] for name in ("min", "max", "sd"))
    if seen.setting["reads_numbers_of_words"] or seen.setting["normalizes"]:
        return None
    if abs(seen.batch["mean"]) + sd < 3.5:
        return None
    return f"The inputs lie between {low:g} and {high:g}, with a standard deviation of {sd:.3g}."


@sign(
    "classes missing",
    cause="The last rows were held out of data that are sorted: validation_split takes the last.",
    remedy="Shuffle examples and targets together before the split, or split class by class.",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    held = np.array(seen.data["validation_counts"], float)
    if held.sum() < 10:
        return None
    apart = np.abs(held / held.sum() - seen.counts / seen.counts.sum()).sum() / 2
    # Three times and more what two random draws come to.
    chance = 1.5 * math.sqrt(len(held) * (1 / held.sum() + 1 / seen.counts.sum()))
    if apart < max(0.25, chance):
        return None
    return f"{apart:.0%} of the validation examples would have to change class to be as training's."


@sign(
    "leak",
    cause="Examples were copied, or windows overlap, before the split: validation asks for memory.",
    remedy="Split first, by whatever belongs together, and copy or cut afterwards.",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    if (share := seen.data["overlap"]) <= 0.02:
        return None
    return f"{share:.0%} of the validation examples are training examples, too."


@sign(
    "sorted batches",
    cause="The examples come in the order of their classes: each batch pulls the other way.",
    remedy="Shuffle: fit(shuffle=True), or Dataset.shuffle with a buffer as large as the data.",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    filled, drawn = seen.data["commonest"], seen.data["commonest_if_drawn"]
    if filled - drawn < 0.3 * (1 - drawn):
        return None
    return (
        f"The commonest class of a batch fills {filled:.0%} of it on average; "
        f"{drawn:.0%} if drawn at random."
    )


@sign(
    "class weights turned round",
    cause="The common class counts more still; weights should make up for what is rare.",
    remedy="Weigh by the inverse of the counts: n / (classes · count).",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    counts, weights = seen.counts, np.array(seen.data["class_weights"], float)
    there = np.isfinite(weights) & (counts > 0)
    counts, weights = counts[there], weights[there]
    if len(counts) < 2 or counts.max() < 1.3 * counts.min() or weights.max() < 1.05 * weights.min():
        return None
    together = np.corrcoef(np.log(counts), np.log(np.maximum(weights, 1e-9)))[0, 1]
    if together < 0.5:
        return None
    common, rare = counts.argmax(), counts.argmin()
    return (
        f"Class {common} with {counts[common]:.0f} examples weighs {weights[common]:.2g}, "
        f"class {rare} with {counts[rare]:.0f} weighs {weights[rare]:.2g}."
    )


@sign(
    "wrong labels",
    cause="Inputs and targets were shuffled, sorted or cut apart from one another.",
    remedy="Shuffle both by one permutation, and look at a few examples beside their labels.",
    section="clinic-data",
)
def _(seen: Seen) -> str | None:
    agree, chance = seen.data["neighbours"], seen.data["by_chance"]
    error = math.sqrt(chance * (1 - chance) / seen.data["compared"])
    # Of labels of which a part is right, neighbours agree a little more often than by chance.
    if agree - chance > max(3 * error, 0.15 * (1 - chance)):
        return None
    held = seen.held_out if len(seen.held_out) else seen.loss
    if np.nanmin(held) < 0.8 * seen.by_chance or not seen.classes:
        return None
    return (
        f"The nearest neighbour of an example is of its class in {agree:.0%} of the cases, "
        f"{chance:.0%} by chance, and the loss on other examples stays at {np.nanmin(held):.2f}; "
        f"guessing comes to {seen.by_chance:.2f}."
    )


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


# ---- the layers ---------------------------------------------------------------------------------


@sign(
    "dead units",
    cause="Their sums are below zero for every example: too large a step, or biases far below 0.",
    remedy="Lower the rate, begin with biases of 0 and He's weights, or use a leaky ReLU.",
    section="dead-units",
)
def _(seen: Seen) -> str | None:
    for first in (True, False):
        rows = [r for r in seen.rows("activations", first=first) if r["activation"] == "relu"]
        dead = _numbers(rows, "dead")
        if len(dead) and dead.max() > 0.8 and (first or seen.learned() < 0.8):
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
def _(seen: Seen) -> str | None:
    rows = [
        row
        for row in seen.rows("activations", first=True)
        if row["activation"] in ("sigmoid", "tanh")
    ]
    rows = [row for row in rows if row["layer"] != seen.rows("weights")[-1]["layer"]]
    flat = _numbers(rows, "saturated")
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
def _(seen: Seen) -> str | None:
    sizes = seen.hidden("gradients", "mean_absolute", first=True)
    names = [row["layer"] for row in seen.rows("gradients", first=True)]
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
def _(seen: Seen) -> str | None:
    norms = seen.hidden("gradients", "l2", first=True)
    spreads = seen.hidden("activations", "sd", first=True)
    whole = float(np.sqrt(np.sum(norms**2)))
    growth = spreads[-1] / spreads[0] if len(spreads) > 2 and spreads[0] else 1.0
    # Before the first step moving averages are no averages yet, so that nothing is normalized.
    limit = math.inf if seen.setting["batch_normalization"] else 20 if growth > 4 else 100
    if np.isfinite(whole) and whole < limit:
        return None
    return (
        f"Before the first step the norm of all gradients is {whole:.3g}, about 1 is usual, and "
        f"the last hidden layer's outputs spread {growth:.3g} times as wide as the first one's."
    )


# ---- the curves ---------------------------------------------------------------------------------


@sign(
    "batch statistics at inference",
    cause="Normalization was left in training mode: a layer of yours calls it with training=True.",
    remedy="Call the layer without `training`: fit and predict each say what they are.",
    section="batch-norm-inference",
)
def _(seen: Seen) -> str | None:
    away = np.nanmax(_numbers(seen.kept["outputs"], "by_others"), initial=0)
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
    right = [_numbers(seen.kept["history"], name)[-end:] for name in ("accuracy", "val_accuracy")]
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
