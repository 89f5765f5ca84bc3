"""The tables and the figure of the page on speed, from what `python -m benchmarks` recorded."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from companion import data_files, pages
from companion.plots.charts import BLUE, VERMILION, subplots
from companion.studies.tables import markdown_table

RECORD, COMMAND = "benchmarks", "python -m benchmarks --full"
NETWORKS = {"lenet5": "LeNet-5", "vgg_small": "a small VGG", "lstm": "LSTM", "cnn": "ECG network"}
ON_CARD = {"vgg_d": ("VGG-16", "vgg16"), "resnet50 (Keras)": ("ResNet-50", "resnet50")}
GIVEN_BACK = "companion, memory given back"
READ = {"few": "not drawn", "not drawn": "not drawn", "drawn": "each drawn"}
POLICIES = {"float32": ("TF32", "tf32"), "mixed_bfloat16": ("bfloat16", "bf16")}


def shown(name: str, show: Callable[[dict[str, Any]], str]) -> str:
    """Return what a part of the record shows, with the day; or how it is measured, if it is not.

    Args:
        name: The part of the record.
        show: Returns it as Markdown or HTML.
    """
    part = _part(name)
    if part is None:
        file = f"data/results/{RECORD}.json"
        return f"*Not recorded yet:* `{COMMAND} --only {name} --json {file}` measures it."
    return f"{show(part)}\n\nMeasured on {part['date']}, in {part['took'] / 60:.0f} minutes."


def _part(name: str) -> dict[str, Any] | None:
    recorded = data_files.recorded(RECORD)
    return data_files.read(RECORD)["parts"].get(name) if recorded.exists() else None


def machine() -> str:
    """Return what the record was measured on, and with which versions, as a sentence."""
    if not data_files.recorded(RECORD).exists():
        return ""
    record = data_files.read(RECORD)
    facts, versions = record["machine"], {**record["versions"]}
    versions |= record["parts"].get("graders", {}).get("versions", {})
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Machine: {facts['processor']}, {facts['cores']} cores, {facts['gigabytes']:.0f} GB, "
        f"{facts['system']}. Versions: {listed}."
    )


# ---- grading ------------------------------------------------------------------------------------


def grading() -> str:
    """Return what each grader took and got right, as a table."""
    return shown("graders", _grading)


def _grading(part: dict[str, Any]) -> str:
    total, hostile = part["hand_ins"], part["hostile"]
    head = ("", "seconds", "memory, MB", f"right, of {total}", "one, cold, s")
    rows = [
        (
            name,
            f"{row['seconds']:.1f}",
            f"{row['megabytes']:.0f}",
            row["right"],
            f"{row['cold_seconds']:.2f}",
            row.get("survived", "–"),
        )
        for name, row in part["graders"].items()
    ]
    return markdown_table((*head, f"attacks survived, of {hostile}"), rows)


def attacks() -> str:
    """Return what each attack did to each grader, as a table."""
    return shown("graders", _attacks)


def _attacks(part: dict[str, Any]) -> str:
    harm = {name: row["harm"] for name, row in part["graders"].items() if "harm" in row}
    every = dict.fromkeys(attack for done in harm.values() for attack in done)
    if not every:
        return "None of them did any harm."
    rows = [(attack, *(done.get(attack, "") for done in harm.values())) for attack in every]
    return markdown_table(("a hand-in that …", *harm), rows)


# ---- training -----------------------------------------------------------------------------------


def training() -> str:
    """Return how fast each network trains, by each contestant, as a table."""
    return shown("training", _training)


def _training(part: dict[str, Any]) -> str:
    rows = []
    for name, network in part["networks"].items():
        for contestant, one in network["contestants"].items():
            measured = "per_second" in one
            rows.append(
                (
                    f"{NETWORKS[name]}, batches of {network['batch']}",
                    contestant,
                    f"{one['per_second']:,.0f}" if measured else "–",
                    f"{one['ratio']:.2f}" if "ratio" in one else "–",
                    f"{100 * one['share_of_limit']:.1f} %" if measured else "–",
                )
            )
    head = ("network", "trained by", "examples/s", "the companion's ÷ this", "share of the limit")
    return markdown_table(head, rows)


def kept() -> str:
    """Return how much faster each network trains where memory is kept from step to step."""
    part = _part("training")
    if part is None:
        return ""
    gains = [
        f"{NETWORKS[name]} {network['contestants'][GIVEN_BACK]['ratio']:.2f}"
        for name, network in part["networks"].items()
        if GIVEN_BACK in network["contestants"]
    ]
    return f"How many times as fast as without: {', '.join(gains)}."


def limits() -> str:
    """Return what the machine allows each network, as a table."""
    return shown("training", _limits)


def _limits(part: dict[str, Any]) -> str:
    rows = [
        (
            NETWORKS[name],
            f"{network['operations'] / 1e6:,.1f}",
            f"{network['bytes'] / 1e3:,.1f}",
            f"{part['matrix_rate'] / network['operations']:,.0f}",
            f"{part['bandwidth'] / network['bytes']:,.0f}",
        )
        for name, network in part["networks"].items()
    ]
    head = ("an example of", "10⁶ operations", "kB moved", "by arithmetic, /s", "by memory, /s")
    reached = (
        f"A product of large matrices reaches {part['matrix_rate'] / 1e9:,.0f}·10⁹ operations a "
        f"second in float32, reading {part['bandwidth'] / 1e9:,.1f} GB/s."
    )
    return f"{reached}\n\n{markdown_table(head, rows)}"


def mnist() -> str:
    """Return the seconds to the target on MNIST, as a table."""
    return shown("mnist", _mnist)


def _mnist(part: dict[str, Any]) -> str:
    rows = []
    for contestant, runs in part["runs"].items():
        took = [one["seconds"] for one in runs if one["seconds"]]
        epochs = [str(len(one["curve"])) for one in runs]
        median = part["seconds"].get(contestant)
        ratio = part["ratio"].get(contestant)
        rows.append(
            (
                contestant,
                f"{median:.1f}" if median else "not every time",
                ", ".join(f"{one:.1f}" for one in took) or "–",
                ", ".join(epochs),
                f"{ratio:.2f}" if ratio else "–",
            )
        )
    head = ("", "s, median", "s of each seed", "epochs", "the companion's ÷ this")
    return f"To a test accuracy of {part['target']:.3f}:\n\n{markdown_table(head, rows)}"


# ---- reading recordings -------------------------------------------------------------------------


def predicting() -> str:
    """Return what `companion predict ecg` takes for few and for many recordings, as a table."""
    return shown("predicting", _predicting)


def _predicting(part: dict[str, Any]) -> str:
    rows = [
        (
            f"{row['files']:,}, {READ[what]}",
            f"{row['seconds']:.1f}",
            f"{row['first_answer_seconds']:.1f}",
            f"{row['processor_ms_per_file']:.0f}",
            f"{row['peak_megabytes']:,}",
        )
        for what, row in part["rows"].items()
    ]
    head = ("recordings", "s", "s to the first answer", "processor, ms each", "memory, MB")
    return f"The recordings are {part['recordings']}.\n\n{markdown_table(head, rows)}"


# ---- growth -------------------------------------------------------------------------------------


def growth() -> str:
    """Return the figure of how seconds grow; nothing where that is not recorded."""
    return pages.figure(growing) if _part("growth") else ""


def growth_table() -> str:
    """Return the seconds at each size and the power of each fit, as a table."""
    return shown("growth", _growth)


def _growth(part: dict[str, Any]) -> str:
    rows = [
        (
            one["what"],
            f"{', '.join(f'{n:,}' for n in one['n'])} {name}",
            ", ".join(f"{seconds:.1f}" for seconds in one["seconds"]),
            f"{one['exponent']:.2f}".replace("-", "−"),
        )
        for name, one in _growing(part).items()
    ]
    return markdown_table(("", "n", "seconds", "power of n"), rows)


def _growing(part: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in part.items() if isinstance(one, dict)}


def growing() -> Figure:
    """Seconds over size, of all whose growth is recorded, with the fitted curves."""
    kinds = _growing(data_files.read(RECORD)["parts"]["growth"])
    figure, panels = subplots((9, 5.6), 2, -(-len(kinds) // 2), squeeze=False)
    descriptions = []
    for axes, (name, one) in zip(np.ravel(panels), kinds.items(), strict=False):
        n = np.asarray(one["n"], float)
        smooth = np.geomspace(n[0], n[-1], 100)
        curve = one["start"] + one["each"] * smooth ** one["exponent"]
        axes.loglog(smooth, curve, color=VERMILION, label=_law(one))
        axes.loglog(n, one["seconds"], "o", color=BLUE)
        axes.set_title(one["what"])
        axes.set(xlabel=name, ylabel="seconds")
        for axis, values in ((axes.xaxis, one["n"]), (axes.yaxis, one["seconds"])):
            ticks = _ticks(values)
            axis.set_ticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        axes.minorticks_off()
        axes.legend(frameon=False)
        ends = _ends(name, one["n"], one["seconds"])
        descriptions.append(f"{one['what']}: {ends}, power {one['exponent']:.2f}")
    for axes in np.ravel(panels)[len(kinds) :]:
        axes.set_visible(False)
    figure.suptitle("How seconds grow with what there is to do")
    figure.set_label(f"Seconds over size, both on logarithmic scales. {'; '.join(descriptions)}.")
    return figure


def _law(one: dict[str, Any]) -> str:
    start = f", {one['start']:.0f} s to begin" if one["start"] else ""
    return f"power {one['exponent']:.2f}{start}".replace("-", "−")


def _ticks(values: Sequence[float]) -> list[float]:
    """Return 1, 2 and 5 of the decades of values, 1 alone if that is many, the values if few."""
    low, high = min(values), max(values)
    tens = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**ten for ten in tens for step in (1, 2, 5)]
    ticks = [tick for tick in ticks if low * 0.99 <= tick <= high * 1.01]
    if len(ticks) < 2:
        return list(values)
    return ticks if len(ticks) < 7 else [tick for tick in ticks if f"{tick:e}".startswith("1")]


def _ends(name: str, n: Sequence[float], seconds: Sequence[float]) -> str:
    return f"{seconds[0]:.1f} s at {n[0]:,.0f} {name}, {seconds[-1]:.1f} s at {n[-1]:,.0f}"


# ---- on a card ----------------------------------------------------------------------------------


def card() -> str:
    """Return training on the recorded card beside PyTorch, as a table."""
    record = data_files.read("h100_precision")
    rows, theirs = record["rows"], record["pytorch_images_per_second_channels_last_eager_batch_128"]
    table_rows = []
    for key, (network, other) in ON_CARD.items():
        for policy, (name, short) in POLICIES.items():
            ours, pytorch = rows[f"{key}|{policy}|128"], theirs[f"{other}|{short}"]
            table_rows.append(_beside(network, name, ours["per_second"], pytorch, ours))
    pyramid = record["pyramid_512_frames_batch_128_per_second"]["torch nn.LSTM"]
    for policy, (name, short) in POLICIES.items():
        ours = rows[f"pyramid_rnn|{policy}|128"]
        table_rows.append(_beside("pyramid RNN", name, ours["per_second"], pyramid[short], ours))
    head = ("network, batches of 128", "format", "ours, examples/s", "PyTorch, examples/s",
            "ours ÷ PyTorch", "of the matrix rate")  # fmt: skip
    return markdown_table(head, table_rows)


def _beside(
    network: str, policy: str, ours: float, theirs: float, row: dict[str, Any]
) -> tuple[str, ...]:
    share = f"{100 * row['share_of_matrix_rate']:.2g} %"
    return network, policy, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}", share


def card_said() -> str:
    """Return which card it was, when, and with which versions, as a sentence."""
    record = data_files.read("h100_precision")
    versions = ", ".join(
        f"{name} {record[key]}"
        for name, key in (("Python", "python"), ("JAX", "jax"), ("Keras", "keras"),
                          ("PyTorch", "torch"))
    )  # fmt: skip
    return f"Card: {record['card']}, {record['date']}, with {versions}."


def small_on_card() -> str:
    """Return LeNet-5 on the recorded card, with what its first epoch costs, as a table."""
    record = data_files.read("h100_precision")["lenet5_60000_images"]
    rows = []
    for batch in (128, 1024):
        first, *later = record[f"seconds|{batch}"]
        rows.append(
            (
                batch,
                f"{first:.1f}",
                f"{60_000 / np.median(later):,.0f}",
                f"{record[f'keras fit|{batch}']:,.0f}",
            )
        )
    head = ("LeNet-5, a batch", "first epoch, s", "later, images/s", "Keras `fit`, images/s")
    return markdown_table(head, rows)
