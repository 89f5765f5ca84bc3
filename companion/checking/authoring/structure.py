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
    LayerRow,
    counted,
    input_shapes,
    layer_rows,
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
WEIGHT_SUFFIXES = ("_regularizer", "_constraint")  # likewise
RESHAPING = ("Flatten", "Reshape", "Permute", "ZeroPadding", "Cropping", "Repeat")
REVERSING = ("Flip", "GetItem")
# Layers that skip what is masked; to others a mask is of no account.
MASK_AWARE = (
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
NOT_REVERSED = "unturned"  # of what is read backwards, and left so
ZERO_FOR_MASK = "zero_output_for_mask"
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


def reasons_in_structure(expected: Graph, received: Graph) -> list[Reason]:
    """Return all differences in how two models are built, in the order of the layers."""
    reasons = []
    shapes = [input_shapes(graph) for graph in (expected, received)]
    if not takes(*shapes):
        reasons.append(Reason(input_text(*shapes)))
    if len(expected["outputs"]) != len(received["outputs"]):
        counts = [counted(len(graph["outputs"]), "output") for graph in (received, expected)]
        reasons.append(Reason(f"The model has {counts[0]}; expected {counts[1]}."))
    lines = [layer_rows(expected), layer_rows(received)]
    lines[1] = _as_bidirectional(lines[1], lines[0])
    pairs = aligned(*lines)
    missing = [(index, one) for index, (one, other) in enumerate(pairs) if one and not other]
    extra = [(index, other) for index, (one, other) in enumerate(pairs) if other and not one]
    moved: dict[int, LayerRow] = {}
    for index, row in extra:
        twin = next((one for one in missing if one[1].kind == row.kind), None)
        if twin:
            missing.remove(twin)
            moved |= {index: twin[1], twin[0]: twin[1]}
    for index, (one, other) in enumerate(pairs):
        if index not in moved:
            reasons += pair_reasons(one, other, lines[0], pairs, index)
        elif other:
            reasons.append(_moved(moved[index], other, *lines))
    if lost := _mask_lost(pairs):
        reasons.insert(0, lost)
    return reasons


def takes(expected: Sequence[Any], received: Sequence[Any]) -> bool:
    """Say whether a model takes all inputs that it shall take."""
    return len(expected) == len(received) and all(
        len(one) == len(other)
        and all(size is None or size == due for due, size in zip(one, other, strict=True))
        for one, other in zip(expected, received, strict=True)
    )


def input_text(expected: Sequence[Any], received: Sequence[Any]) -> str:
    """Return that a model takes other inputs than it shall."""
    texts = [" and ".join(map(size_text, shapes)) for shapes in (received, expected)]
    return f"The model's input is {texts[0]}; expected {texts[1]}."


def _mask_lost(pairs: Sequence[tuple[LayerRow | None, LayerRow | None]]) -> Reason | None:
    """Return which layer lets go of a mask that one behind it needs, or None."""
    loser = None
    for expected, received in pairs:
        if received and received.receives_mask and not received.passes_mask:
            loser = received
        needs = expected and expected.receives_mask and expected.layer.startswith(MASK_AWARE)
        if loser and needs and received and not received.receives_mask:
            text = (
                f"{loser.title} passes no mask on: for {received.title} behind it, padding is "
                "data like any other."
            )
            return Reason(text, in_training=False, rank=-1)
    return None


def _as_bidirectional(received: Sequence[LayerRow], expected: Sequence[LayerRow]) -> list[LayerRow]:
    """Write two recurrent layers that read both ways as the Bidirectional one that is expected.

    What then sets it apart is told: its units, how the two are merged, what it does where steps are
    masked.
    """
    received = list(received)
    for due in expected:
        kind = due.layer.removeprefix("Bidirectional(").removesuffix(")")
        directions = [
            row
            for row in received
            if row.layer == kind != due.layer and row.input_shape == due.input_shape
        ]
        directions.sort(key=lambda row: bool(row.config.get("go_backwards")))
        if [bool(row.config.get("go_backwards")) for row in directions] != [False, True]:
            continue
        first, second = sorted(map(received.index, directions))
        reversals = [row for row in received[first:] if row.layer in REVERSING]
        end = next(
            (
                index
                for index in range(second + 1, len(received))
                if received[index].layer not in REVERSING
            ),
            first,
        )
        if received[end].layer not in MERGES or not all(
            row in directions or row in reversals for row in received[first:end]
        ):
            continue
        forward, backward = directions
        unlike = {
            f"backward {key}": value
            for key, value in backward.config.items()
            if differ(forward, backward, key)
            and key != "go_backwards"
            and value != due.config.get(key)
        }
        if due.config.get("return_sequences") and not reversals:
            unlike[NOT_REVERSED] = True
        received[first : end + 1] = [
            replace(
                forward,
                layer=due.layer,
                config={**forward.config, **unlike, "merge_mode": MERGES[received[end].layer]},
                shape=received[end].shape,
                parameters=forward.parameters + backward.parameters,
                passes_mask=received[end].passes_mask,
            )
        ]
    return received


def pair_reasons(
    expected: LayerRow | None,
    received: LayerRow | None,
    all_expected: Sequence[LayerRow],
    pairs: Sequence[tuple[LayerRow | None, LayerRow | None]],
    index: int,
) -> list[Reason]:
    """Return why two paired layers differ, the difference in parameters first."""
    if expected is None:
        assert received is not None
        return [_extra(received)]
    if received is None:
        before = pairs[index - 1][1] if index else None
        return [_missing(expected, before, all_expected)]
    if expected.layer != received.layer:
        return [_another_kind(expected, received)]
    return _same_kind_reasons(expected, received)


def _extra(received: LayerRow) -> Reason:
    """Return that a layer is not expected."""
    if received.layer == "Activation" and received.class_name.startswith(FUSED):
        given = received.config["activation"]
        return Reason(
            f"{received.name} ({received.class_name}) has activation={given!r}; expected none."
        )
    return _layer_reason(
        f"{_parameters_text(received.parameters)}{received.title} is one layer too many.", received
    )


def _missing(
    expected: LayerRow, before: LayerRow | None, all_expected: Sequence[LayerRow]
) -> Reason:
    """Return that a layer is missing behind the received one `before` its place."""
    if before and expected.layer == "Activation" and before.layer.startswith(FUSED):
        due = expected.config["activation"]
        return Reason(f"{before.title} has no activation; expected {due!r}.")
    known = expected.is_named
    what = expected.title if known else upper(with_article(expected.label))
    where = "" if known else _position_text(expected, all_expected)
    return _layer_reason(
        f"{_parameters_text(-expected.parameters)}{what} is missing{where}.", expected
    )


def _another_kind(expected: LayerRow, received: LayerRow) -> Reason:
    """Return that a layer of another kind stands in a layer's place."""
    count = _parameters_text(received.parameters - expected.parameters)
    same = "; the same count" if expected.parameters == received.parameters > 0 else ""
    name = expected.name if expected.is_named else received.name
    is_one, due = (with_article(row.label) for row in (received, expected))
    return _layer_reason(f"{count}{name} is {is_one} here; expected {due}{same}.", expected)


def _same_kind_reasons(expected: LayerRow, received: LayerRow) -> list[Reason]:
    """Return in what two layers of one kind differ: their configs, or what reaches them."""
    if expected.layer == "Activation" and expected.kind != received.kind:
        return [Reason(_activation(received, expected, "activation"))]
    count = _parameters_text(received.parameters - expected.parameters)
    reasons = []
    differing = [
        key for key in {**expected.config, **received.config} if differ(expected, received, key)
    ]
    if ZERO_FOR_MASK in differing:
        differing.remove(ZERO_FOR_MASK)
        reasons += _at_masked_steps(expected, received)
    for in_training in (False, True):
        if keys := [key for key in differing if _in_training(key) is in_training]:
            in_use = not in_training or keys[0] == "training"
            reasons.append(Reason(f"{count}{_config_text(expected, received, keys)}", in_use))
    if not reasons and (
        received.shape != expected.shape or received.parameters != expected.parameters
    ):
        text = (
            f"{count}{received.title} is right in itself, but what reaches it has another shape: "
            f"its output is {size_text(received.shape)}, expected {size_text(expected.shape)}."
        )
        reasons.append(Reason(text, rank=2))
    return reasons


def _at_masked_steps(expected: LayerRow, received: LayerRow) -> list[Reason]:
    """Return what two recurrent layers do otherwise where steps are masked, if any can be."""
    if received.receives_mask is False:
        return []
    layer = f"{received.name} ({received.class_name})"
    text = (
        f"{layer} repeats its last output at a masked step; expected zeros there, as "
        "layers.Bidirectional writes them (zero_output_for_mask)."
        if expected.config.get(ZERO_FOR_MASK)
        else f"{layer} writes zeros at a masked step (zero_output_for_mask); expected its last "
        "output."
    )
    return [Reason(text, in_training=False, rank=2)]


def _in_training(key: str) -> bool:
    """Say whether a value of a config shows in training alone."""
    return key in IN_TRAINING or key.endswith(WEIGHT_SUFFIXES)


def _layer_reason(text: str, row: LayerRow) -> Reason:
    """Return a reason that is a whole layer."""
    rank = 1 if row.layer.startswith(RESHAPING) else 0
    return Reason(text, in_use=not row.layer.startswith(RANDOM), rank=rank)


def _moved(
    expected: LayerRow,
    received: LayerRow,
    all_expected: Sequence[LayerRow],
    all_received: Sequence[LayerRow],
) -> Reason:
    """Return that a layer stands at another place."""
    text = (
        f"{MOVED}{received.title} stands{_position_text(received, all_received, comma='')}; "
        f"it belongs{_position_text(expected, all_expected, comma='')}."
    )
    return _layer_reason(text, received)


def _position_text(row: LayerRow, all_rows: Sequence[LayerRow], comma: str = ":") -> str:
    """Return where a layer stands: behind which other, told by its kind and number."""
    index = next(number for number, one in enumerate(all_rows) if one is row)
    if index == 0:
        return f"{comma} at the very beginning"
    before = all_rows[index - 1]
    alike = [one for one in all_rows if one.label == before.label]
    number = next(rank for rank, one in enumerate(alike) if one is before)
    which = ORDINALS[number] if number < len(ORDINALS) else f"{number + 1}th "
    which = "first " if number == 0 and len(alike) > 1 else which
    return f"{comma} behind the {which}{before.label}"


def _config_text(expected: LayerRow, received: LayerRow, keys: Sequence[str]) -> str:
    """Return in which values of its config a layer differs."""
    key = keys[0]
    if key in ("activation", "recurrent_activation"):
        return _activation(received, expected, key)
    if key == "training" and "training" in received.config:
        given = received.config["training"]
        more = ": it does in use what belongs into training" if given is True else ""
        return f"{received.title} is called with training={given}{more}."
    if key == "trainable" and received.config.get(key) is False:
        return f"{received.title} is frozen (trainable=False): it never learns."
    if key == NOT_REVERSED:
        return (
            f"{received.name} ({received.class_name}): what reads backwards gives its last step "
            "first; turn its output around before the two are merged."
        )
    if key == "use_bias":
        has = (
            "has biases; expected none"
            if received.config.get(key)
            else "has no biases (use_bias=False)"
        )
        return f"{received.title} {has}{'' if received.config.get(key) else '; expected some'}."
    texts = [[value_text(row.config.get(one)) for row in (received, expected)] for one in keys]
    differences = [
        f"{one} is {given}, expected {due}" for one, (given, due) in zip(keys, texts, strict=True)
    ]
    return f"{received.title}: {'; '.join(differences)}."


def _activation(received: LayerRow, expected: LayerRow, key: str) -> str:
    values = [value_text(one.config.get(key, "linear")) for one in (received, expected)]
    return f"The {key} of {received.name} is {values[0]}, expected {values[1]}."


def _parameters_text(more: int) -> str:
    return f"{more:+,} parameters: " if more else ""
