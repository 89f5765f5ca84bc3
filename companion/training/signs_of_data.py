"""Signs in the data: what is missing, out of range, out of order, or known already."""

import math

import numpy as np

from companion.training.signs import Rules, TrainingLog, register_in

RULES: Rules = {}
sign = register_in(RULES)


@sign(
    "missing numbers",
    cause="One example without a number makes the loss of its batch, and then every weight, none.",
    remedy="Find the examples with np.isnan(x).any(...), and mend or leave them out.",
    section="clinic-data",
)
def _(log: TrainingLog) -> str | None:
    missing, all_of_them = log.data["missing"], log.data["examples"]
    return (
        f"{missing} of {all_of_them} training examples hold NaN or infinity." if missing else None
    )


@sign(
    "whole numbers",
    cause="Inputs were turned into integers: of images in [0, 1] only 0 and 1 remain.",
    remedy="Hand over floats: x.astype('float32') / 255, never the other way round.",
    section="clinic-data",
)
def _(log: TrainingLog) -> str | None:
    dtype = log.batch["dtype"]
    if log.setting["reads_numbers_of_words"] or not dtype.startswith(("int", "uint", "bool")):
        return None
    return f"The inputs are of type {dtype}, from {log.batch['min']:g} to {log.batch['max']:g}."


@sign(
    "inputs out of range",
    cause="Large inputs make large sums: units saturate or die, and one rate does not suit all.",
    remedy="Divide images by 255; bring features to mean 0 and deviation 1, by the training split.",
    section="clinic-data",
)
def _(log: TrainingLog) -> str | None:
    low, high, sd = (log.batch[name] for name in ("min", "max", "sd"))
    if log.setting["reads_numbers_of_words"] or log.setting["normalizes"]:
        return None
    if abs(log.batch["mean"]) + sd < 3.5:
        return None
    return f"The inputs lie between {low:g} and {high:g}, with a standard deviation of {sd:.3g}."


@sign(
    "classes missing",
    cause="The last rows were held out of data that are sorted: validation_split takes the last.",
    remedy="Shuffle examples and targets together before the split, or split class by class.",
    section="clinic-data",
)
def _(log: TrainingLog) -> str | None:
    validation_counts = np.array(log.data["validation_counts"], float)
    if validation_counts.sum() < 10:
        return None
    apart = (
        np.abs(validation_counts / validation_counts.sum() - log.counts / log.counts.sum()).sum()
        / 2
    )
    # Three times and more what two random draws come to.
    chance = 1.5 * math.sqrt(
        len(validation_counts) * (1 / validation_counts.sum() + 1 / log.counts.sum())
    )
    if apart < max(0.25, chance):
        return None
    return f"{apart:.0%} of the validation examples would have to change class to be as training's."


@sign(
    "leak",
    cause="Examples were copied, or windows overlap, before the split: validation asks for memory.",
    remedy="Split first, by whatever belongs together, and copy or cut afterwards.",
    section="clinic-data",
)
def _(log: TrainingLog) -> str | None:
    if (share := log.data["overlap"]) <= 0.02:
        return None
    return f"{share:.0%} of the validation examples are training examples, too."


@sign(
    "sorted batches",
    cause="The examples come in the order of their classes: each batch pulls the other way.",
    remedy="Shuffle: fit(shuffle=True), or Dataset.shuffle with a buffer as large as the data.",
    section="clinic-data",
)
def _(log: TrainingLog) -> str | None:
    share_of_commonest, share_if_drawn = log.data["commonest"], log.data["commonest_if_drawn"]
    if share_of_commonest - share_if_drawn < 0.3 * (1 - share_if_drawn):
        return None
    return (
        f"The commonest class of a batch fills {share_of_commonest:.0%} of it on average; "
        f"{share_if_drawn:.0%} if drawn at random."
    )


@sign(
    "class weights turned round",
    cause="The common class counts more still; weights should make up for what is rare.",
    remedy="Weigh by the inverse of the counts: n / (classes · count).",
    section="clinic-data",
)
def _(log: TrainingLog) -> str | None:
    counts, weights = log.counts, np.array(log.data["class_weights"], float)
    valid = np.isfinite(weights) & (counts > 0)
    counts, weights = counts[valid], weights[valid]
    if len(counts) < 2 or counts.max() < 1.3 * counts.min() or weights.max() < 1.05 * weights.min():
        return None
    correlation = np.corrcoef(np.log(counts), np.log(np.maximum(weights, 1e-9)))[0, 1]
    if correlation < 0.5:
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
def _(log: TrainingLog) -> str | None:
    agree, chance = log.data["neighbours"], log.data["by_chance"]
    error = math.sqrt(chance * (1 - chance) / log.data["compared"])
    # Of labels of which a part is right, neighbours agree a little more often than by chance.
    if agree - chance > max(3 * error, 0.15 * (1 - chance)):
        return None
    other_losses = log.validation_loss if len(log.validation_loss) else log.training_loss
    if np.nanmin(other_losses) < 0.8 * log.chance_loss or not log.classes:
        return None
    return (
        f"The nearest neighbour of an example is of its class in {agree:.0%} of the cases, "
        f"{chance:.0%} by chance, and the loss on other examples stays at "
        f"{np.nanmin(other_losses):.2f}; guessing comes to {log.chance_loss:.2f}."
    )
