"""Structure: what sets two models apart in how they are built, layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from companion.checking.authoring.alignment import MERGES, RANDOM, aligned, differ
from companion.checking.authoring.codec import with_article
from companion.checking.authoring.comparison import upper
from companion.checking.authoring.graph import (
    FUSED,
    Graph,
    Row,
    counted,
    input_shapes,
    rows,
    size_text,
    value_text,
)

# What shows while a model is trained and not while it is used.
IN_TRAINING = {
    "dropout",
    "momentum",
    "noise_shape",
    "rate",
    "recurrent_dropout",
    "stddev",
    "synchronized",
    "trainable",
    "training",
    "unit_forget_bias",
}
OF_WEIGHTS = ("_regularizer", "_constraint")  # likewise
RESHAPING = ("Flatten", "Reshape", "Permute", "ZeroPadding", "Cropping", "Repeat")
REVERSING = ("Flip", "GetItem")
# Layers that skip what is masked; to others a mask is of no account.
HEEDING = (
    "AdditiveAttention",
    "Attention",
    "BatchNormalization",
    "Bidirectional",
    "ConvLSTM",
    "GRU",
    "GlobalAveragePooling1D",
    "LSTM",
    "MultiHeadAttention",
    "RNN",
    "SimpleRNN",
)
UNTURNED = "unturned"  # of what is read backwards, and left so
AT_MASKED = "zero_output_for_mask"
MOVED = "The order: "
ORDINALS = ("", "second ", "third ", "fourth ", "fifth ", "sixth ")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why two models differ.

    Attributes:
        text: The sentence.
        in_use: Whether it shows while the model is used.
        in_training: Whether it shows while the model is trained.
        rank: Told first where it is small: negative where no layer explains more, above 0 where it
            may follow from another reason.
    """

    text: str
    in_use: bool = True
    in_training: bool = True
    rank: int = 0


def reasons_in_structure(wanted: Graph, came: Graph) -> list[Reason]:
    """Return all differences in how two models are built, in the order of the layers."""
    found = []
    shapes = [input_shapes(graph) for graph in (wanted, came)]
    if not takes(*shapes):
        found.append(Reason(input_text(*shapes)))
    if len(wanted["outputs"]) != len(came["outputs"]):
        counts = [counted(len(graph["outputs"]), "output") for graph in (came, wanted)]
        found.append(Reason(f"The model has {counts[0]}; expected {counts[1]}."))
    lines = [rows(wanted), rows(came)]
    lines[1] = _one_for_two(lines[1], lines[0])
    pairs = aligned(*lines)
    missing = [(at, one) for at, (one, other) in enumerate(pairs) if one and not other]
    extra = [(at, other) for at, (one, other) in enumerate(pairs) if other and not one]
    moved: dict[int, Row] = {}
    for at, row in extra:
        twin = next((one for one in missing if one[1].kind == row.kind), None)
        if twin:
            missing.remove(twin)
            moved |= {at: twin[1], twin[0]: twin[1]}
    for at, (one, other) in enumerate(pairs):
        if at not in moved:
            found += pair_reasons(one, other, lines[0], pairs, at)
        elif other:
            found.append(_moved(moved[at], other, *lines))
    if lost := _mask_lost(pairs):
        found.insert(0, lost)
    return found


def takes(wanted: Sequence[Any], came: Sequence[Any]) -> bool:
    """Say whether a model takes all inputs that it shall take."""
    return len(wanted) == len(came) and all(
        len(one) == len(other)
        and all(size is None or size == due for due, size in zip(one, other, strict=True))
        for one, other in zip(wanted, came, strict=True)
    )


def input_text(wanted: Sequence[Any], came: Sequence[Any]) -> str:
    """Return that a model takes other inputs than it shall."""
    texts = [" and ".join(map(size_text, shapes)) for shapes in (came, wanted)]
    return f"The model's input is {texts[0]}; expected {texts[1]}."


def _mask_lost(pairs: Sequence[tuple[Row | None, Row | None]]) -> Reason | None:
    """Return which layer lets go of a mask that one behind it needs, or None."""
    loser = None
    for wanted, came in pairs:
        if came and came.reached and not came.masked:
            loser = came
        needs = wanted and wanted.reached and wanted.layer.startswith(HEEDING)
        if loser and needs and came and not came.reached:
            text = (
                f"{loser.title} passes no mask on: for {came.title} behind it, padding is "
                "data like any other."
            )
            return Reason(text, in_training=False, rank=-1)
    return None


def _one_for_two(found: Sequence[Row], wanted: Sequence[Row]) -> list[Row]:
    """Write two recurrent layers that read both ways as the Bidirectional one that is expected.

    What then sets it apart is told: its units, how the two are merged, what it does where steps are
    masked.
    """
    found = list(found)
    for due in wanted:
        kind = due.layer.removeprefix("Bidirectional(").removesuffix(")")
        two = [row for row in found if row.layer == kind != due.layer and row.before == due.before]
        two.sort(key=lambda row: bool(row.config.get("go_backwards")))
        if [bool(row.config.get("go_backwards")) for row in two] != [False, True]:
            continue
        first, second = sorted(map(found.index, two))
        turned = [row for row in found[first:] if row.layer in REVERSING]
        end = next(
            (at for at in range(second + 1, len(found)) if found[at].layer not in REVERSING), first
        )
        if found[end].layer not in MERGES or not all(
            row in two or row in turned for row in found[first:end]
        ):
            continue
        forward, backward = two
        unlike = {
            f"backward {key}": value
            for key, value in backward.config.items()
            if differ(forward, backward, key)
            and key != "go_backwards"
            and value != due.config.get(key)
        }
        if due.config.get("return_sequences") and not turned:
            unlike[UNTURNED] = True
        found[first : end + 1] = [
            replace(
                forward,
                layer=due.layer,
                config={**forward.config, **unlike, "merge_mode": MERGES[found[end].layer]},
                shape=found[end].shape,
                parameters=forward.parameters + backward.parameters,
                masked=found[end].masked,
            )
        ]
    return found


def pair_reasons(
    wanted: Row | None,
    came: Row | None,
    all_wanted: Sequence[Row],
    pairs: Sequence[tuple[Row | None, Row | None]],
    at: int,
) -> list[Reason]:
    """Return why two paired layers differ, the difference in parameters first."""
    if wanted is None:
        assert came is not None
        return [_too_many(came)]
    if came is None:
        before = pairs[at - 1][1] if at else None
        return [_missing(wanted, before, all_wanted)]
    if wanted.layer != came.layer:
        return [_another_kind(wanted, came)]
    return _unlike(wanted, came)


def _too_many(came: Row) -> Reason:
    """Return that a layer is not expected."""
    if came.layer == "Activation" and came.own.startswith(FUSED):
        given = came.config["activation"]
        return Reason(f"{came.name} ({came.own}) has activation={given!r}; expected none.")
    return _of_layer(f"{_count(came.parameters)}{came.title} is one layer too many.", came)


def _missing(wanted: Row, before: Row | None, all_wanted: Sequence[Row]) -> Reason:
    """Return that a layer is missing behind the received one `before` its place."""
    if before and wanted.layer == "Activation" and before.layer.startswith(FUSED):
        due = wanted.config["activation"]
        return Reason(f"{before.title} has no activation; expected {due!r}.")
    known = wanted.is_named
    what = wanted.title if known else upper(with_article(wanted.label))
    where = "" if known else _place(wanted, all_wanted)
    return _of_layer(f"{_count(-wanted.parameters)}{what} is missing{where}.", wanted)


def _another_kind(wanted: Row, came: Row) -> Reason:
    """Return that a layer of another kind stands in a layer's place."""
    count = _count(came.parameters - wanted.parameters)
    same = "; the same count" if wanted.parameters == came.parameters > 0 else ""
    name = wanted.name if wanted.is_named else came.name
    is_one, due = (with_article(row.label) for row in (came, wanted))
    return _of_layer(f"{count}{name} is {is_one} here; expected {due}{same}.", wanted)


def _unlike(wanted: Row, came: Row) -> list[Reason]:
    """Return in what two layers of one kind differ: their configs, or what reaches them."""
    if wanted.layer == "Activation" and wanted.kind != came.kind:
        return [Reason(_activation(came, wanted, "activation"))]
    count = _count(came.parameters - wanted.parameters)
    found = []
    told = [key for key in {**wanted.config, **came.config} if differ(wanted, came, key)]
    if AT_MASKED in told:
        told.remove(AT_MASKED)
        found += _at_masked_steps(wanted, came)
    for in_training in (False, True):
        if keys := [key for key in told if _in_training(key) is in_training]:
            in_use = not in_training or keys[0] == "training"
            found.append(Reason(f"{count}{_config_text(wanted, came, keys)}", in_use))
    if not found and (came.shape != wanted.shape or came.parameters != wanted.parameters):
        text = (
            f"{count}{came.title} is right in itself, but what reaches it has another shape: its "
            f"output is {size_text(came.shape)}, expected {size_text(wanted.shape)}."
        )
        found.append(Reason(text, rank=2))
    return found


def _at_masked_steps(wanted: Row, came: Row) -> list[Reason]:
    """Return what two recurrent layers do otherwise where steps are masked, if any can be."""
    if came.reached is False:
        return []
    layer = f"{came.name} ({came.own})"
    text = (
        f"{layer} repeats its last output at a masked step; expected zeros there, as "
        "layers.Bidirectional writes them (zero_output_for_mask)."
        if wanted.config.get(AT_MASKED)
        else f"{layer} writes zeros at a masked step (zero_output_for_mask); expected its last "
        "output."
    )
    return [Reason(text, in_training=False, rank=2)]


def _in_training(key: str) -> bool:
    """Say whether a value of a config shows in training alone."""
    return key in IN_TRAINING or key.endswith(OF_WEIGHTS)


def _of_layer(text: str, row: Row) -> Reason:
    """Return a reason that is a whole layer."""
    rank = 1 if row.layer.startswith(RESHAPING) else 0
    return Reason(text, in_use=not row.layer.startswith(RANDOM), rank=rank)


def _moved(wanted: Row, came: Row, all_wanted: Sequence[Row], all_came: Sequence[Row]) -> Reason:
    """Return that a layer stands at another place."""
    text = (
        f"{MOVED}{came.title} stands{_place(came, all_came, comma='')}; it belongs"
        f"{_place(wanted, all_wanted, comma='')}."
    )
    return _of_layer(text, came)


def _place(row: Row, all_rows: Sequence[Row], comma: str = ":") -> str:
    """Return where a layer stands: behind which other, told by its kind and number."""
    index = next(number for number, one in enumerate(all_rows) if one is row)
    if index == 0:
        return f"{comma} at the very beginning"
    before = all_rows[index - 1]
    alike = [one for one in all_rows if one.label == before.label]
    number = next(place for place, one in enumerate(alike) if one is before)
    which = ORDINALS[number] if number < len(ORDINALS) else f"{number + 1}th "
    which = "first " if number == 0 and len(alike) > 1 else which
    return f"{comma} behind the {which}{before.label}"


def _config_text(wanted: Row, came: Row, keys: Sequence[str]) -> str:
    """Return in which values of its config a layer differs."""
    key = keys[0]
    if key in ("activation", "recurrent_activation"):
        return _activation(came, wanted, key)
    if key == "training" and "training" in came.config:
        given = came.config["training"]
        more = ": it does in use what belongs into training" if given is True else ""
        return f"{came.title} is called with training={given}{more}."
    if key == "trainable" and came.config.get(key) is False:
        return f"{came.title} is frozen (trainable=False): it never learns."
    if key == UNTURNED:
        return (
            f"{came.name} ({came.own}): what reads backwards gives its last step first; turn its "
            "output around before the two are merged."
        )
    if key == "use_bias":
        has = (
            "has biases; expected none"
            if came.config.get(key)
            else "has no biases (use_bias=False)"
        )
        return f"{came.title} {has}{'' if came.config.get(key) else '; expected some'}."
    texts = [[value_text(row.config.get(one)) for row in (came, wanted)] for one in keys]
    told = [
        f"{one} is {given}, expected {due}" for one, (given, due) in zip(keys, texts, strict=True)
    ]
    return f"{came.title}: {'; '.join(told)}."


def _activation(came: Row, wanted: Row, key: str) -> str:
    values = [value_text(one.config.get(key, "linear")) for one in (came, wanted)]
    return f"The {key} of {came.name} is {values[0]}, expected {values[1]}."


def _count(more: int) -> str:
    return f"{more:+,} parameters: " if more else ""
