"""Figures about machines, and what they need from Keras: gradients of LeNet-5, asynchronous times.

python -m chapters.practice.machines_figures     # records it, in a minute
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from chapters.practice.formats import FORMATS, fate
from companion import data_files
from companion.plots.charts import BLUE, GREEN, ORANGE, VERMILION, subplots
from companion.plots.roofline import draw_roofline
from companion.studies.recorded_figures import FigureRecord

record = FigureRecord("practice", module="machines_figures")
SCRIPT = Path(__file__).with_name("gradients.js")
"""Where the interactive figure finds the recorded gradients."""


STYLES = {"float32": (BLUE, "-"), "bfloat16": (VERMILION, "--"), "float16": (GREEN, "-.")}
"""The colour and the dashes of each format, in every figure."""
NETWORKS = {
    "vgg_d": "VGG-16",
    "resnet50 (Keras)": "ResNet-50",
    "cardiologist": "ECG network",
    "pyramid_rnn": "pyramid RNN",
}
"""What the H100's record calls the networks, and what a figure does."""


# ---- what is recorded ---------------------------------------------------------------------------


def gradients_of_lenet5() -> dict[str, dict[str, int]]:
    """Return how many gradients of LeNet-5's weights lie in each octave, early and late.

    On one batch of 128 digits, after one epoch and after forty, by the k of 2^k ≤ |gradient| <
    2^(k + 1); gradients that are exactly 0 are left out.
    """
    import keras
    import tensorflow as tf

    from companion import catalogue, load
    from companion.training.seeding import fresh_start

    fresh_start(record.seed)
    model = catalogue.builder("lenet5")()
    data = load("digits").fitted_to(model.input_shape[1:])
    model.compile("adam", "sparse_categorical_crossentropy")
    loss_of = keras.losses.SparseCategoricalCrossentropy()
    histograms, done = {}, 0
    for name, epochs in (("after 1 epoch", 1), ("after 40 epochs", 40)):
        model.fit(data.train.x, data.train.y, 128, epochs - done, verbose=0)
        done = epochs
        with tf.GradientTape() as tape:
            loss = loss_of(data.train.y[:128], model(data.train.x[:128], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        sizes = np.abs(np.concatenate([np.ravel(one) for one in gradients]))
        octaves, counts = np.unique(
            np.frexp(sizes[sizes > 0].astype(np.float64))[1] - 1, return_counts=True
        )
        histograms[name] = {str(k): int(n) for k, n in zip(octaves, counts, strict=True)}
    return histograms


ASYNCHRONOUS = """
import json, time
import jax
import jax.numpy as jnp

a = jnp.full((2048, 2048), 1e-3)
multiply = jax.jit(lambda a: a @ a @ a)
def timed(wait):
    began = time.perf_counter()
    result = multiply(a)
    if wait:
        result.block_until_ready()
    seconds = time.perf_counter() - began
    result.block_until_ready()
    return seconds
first = timed(True)
print(json.dumps({
    "first": first,
    "not waited for": sorted(timed(False) for _ in range(7))[3],
    "waited for": sorted(timed(True) for _ in range(7))[3],
}))
"""
"""A product of three matrices on JAX, timed rightly and in two wrong ways."""


def asynchronous_times() -> dict[str, float]:
    """Return the seconds of a product on JAX: the first, those not waited for, those waited for."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ASYNCHRONOUS)],
        capture_output=True, text=True, check=True, env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    return json.loads(done.stdout)


def measured_here() -> dict[str, Any]:
    """Return what `companion doctor --measure` finds on the machine that records."""
    from companion.training import measuring

    return measuring.measure().to_json()


# ---- figures ------------------------------------------------------------------------------------


def roofline() -> Figure:
    """The roof of the machine that recorded this book's numbers, and three networks below it."""
    names = {"lenet5": "LeNet-5", "vgg_small": "a small VGG", "lstm": "LSTM"}
    return draw_roofline(record["measured"], names)


def h100_rates() -> Figure:
    """Examples per second and the share of the matrix rate on one H100, four networks."""
    rows = data_files.read("h100_precision")["rows"]
    figure, (speed, share) = subplots((9, 3.4), 1, 2)
    width, descriptions = 0.27, []
    for i, (name, (colour, _)) in enumerate(STYLES.items()):
        policy = name if name == "float32" else f"mixed_{name}"
        measured = [rows.get(f"{network}|{policy}|128") for network in NETWORKS]
        positions = np.arange(len(NETWORKS)) + (i - 1) * width
        for axes, height_of in (
            (speed, lambda row, base: row["per_second"] / base["per_second"]),
            (share, lambda row, _: 100 * row["share_of_matrix_rate"]),
        ):
            bases = [rows[f"{network}|float32|128"] for network in NETWORKS]
            heights = [
                height_of(row, base) if row else 0
                for row, base in zip(measured, bases, strict=True)
            ]
            axes.bar(positions, heights, width, color=colour, label=name)
        if name == "bfloat16":
            for network, row, base in zip(NETWORKS.values(), measured, bases, strict=True):
                ratio = row["per_second"] / base["per_second"]
                descriptions.append(
                    f"{network} {ratio:.2f} times as fast in bfloat16, at "
                    f"{100 * row['share_of_matrix_rate']:.2g} % of the matrix rate"
                )
    speed.set_title("speed, in float32s")
    speed.set_ylabel("times as fast as float32")
    share.set_title("share of the matrix rate")
    share.set_ylabel("% of the format's own rate")
    share.set_yscale("log")
    share.set_ylim(0.01, 100)
    for axes in (speed, share):
        axes.set_xticks(range(len(NETWORKS)), NETWORKS.values(), rotation=20)
    speed.legend(frameon=False)
    figure.suptitle("One H100: half precision helps whoever multiplies large matrices")
    figure.set_label(
        "Bars for four networks in float32 and bfloat16, for two of them in float16, too. "
        f"{'; '.join(descriptions)}."
    )
    return figure


def gaps() -> Figure:
    """The relative gap between neighbouring numbers, over their size, in three formats."""
    figure, axes = subplots((7, 3.6))
    for name, form in FORMATS.items():
        low, high = np.log2(form.smallest), np.log2(form.largest)
        k = np.arange(low, np.floor(high) + 1)
        gap = np.maximum(2.0 ** (k - form.fraction), form.smallest) / 2.0**k
        colour, dash = STYLES[name]
        axes.plot(k, 100 * gap, dash, color=colour, label=name)
    axes.set_yscale("log")
    axes.set(xlabel="size of the number, as an exponent of 2", ylabel="gap to the next, %")
    axes.legend(frameon=False)
    figure.suptitle("bfloat16 has the range of float32, float16 the finer steps")
    ends = "; ".join(
        f"{name} from {form.smallest:.2g} to {form.largest:.2g}, gap {100 * form.epsilon:.2g} %"
        for name, form in FORMATS.items()
    )
    figure.set_label(
        f"Relative gaps over the size of numbers: {ends}. Below the smallest normal number, "
        "2 to the -14 in float16, the gap grows until it is the number itself."
    )
    return figure


def stalled_updates() -> Figure:
    """A weight of 1 that is given a thousand updates of 0.001, kept in three formats."""
    figure, axes = subplots((6.4, 3.4))
    ends = []
    for name, form in FORMATS.items():
        values, update = [1.0], form.decode(form.encode(0.001))
        for _ in range(1000):
            values.append(form.decode(form.encode(values[-1] + update)))
        colour, dash = STYLES[name]
        axes.plot(values, dash, color=colour, label=name)
        ends.append(f"{name} {values[-1]:.3f}")
    axes.set(xlabel="updates of 0.001", ylabel="the weight")
    axes.legend(frameon=False)
    figure.suptitle("An update smaller than half a gap does nothing")
    figure.set_label(f"The weight after 1,000 updates, which should be 2: {', '.join(ends)}.")
    return figure


def loss_scales() -> Figure:
    """What becomes of the gradients of LeNet-5 in float16, over the loss scale."""
    figure, panels = subplots((9, 3.2), 1, 2, sharey=True)
    scales, descriptions = range(25), []
    for axes, (when, counts) in zip(panels, record["gradients"].items(), strict=True):
        fates = [fate(counts, scale, FORMATS["float16"]) for scale in scales]
        for kind, colour, dash in (
            ("zero", VERMILION, "-"),
            ("subnormal", ORANGE, "--"),
            ("infinite", BLUE, "-."),
        ):
            axes.plot(scales, [100 * one[kind] for one in fates], dash, color=colour, label=kind)
        axes.set_title(when)
        axes.set_xlabel("loss scale, as an exponent of 2")
        descriptions.append(
            f"{when} {100 * fates[0]['zero']:.2f} % are 0 and {100 * fates[0]['subnormal']:.1f} % "
            f"subnormal without a scale, {100 * fates[15]['zero']:.2f} % and "
            f"{100 * fates[15]['subnormal']:.2f} % with 2 to the 15"
        )
    panels[0].set_ylabel("gradients, %")
    panels[0].set_yscale("log")
    panels[0].set_ylim(1e-3, 100)
    panels[0].legend(frameon=False)
    figure.suptitle("float16: a loss scale saves digits, until it makes infinities")
    figure.set_label(f"Shares of gradients over the loss scale: {'; '.join(descriptions)}.")
    return figure


# ---- tables -------------------------------------------------------------------------------------


def asynchronous_table() -> str:
    """Return the times of one product, measured in three ways, as a table."""
    times = record["asynchronous"]
    named = {
        "the first call, which compiles": times["first"],
        "a later one, not waited for": times["not waited for"],
        "a later one, waited for": times["waited for"],
    }
    lines = ["| timed | ms |", "|---|--:|"]
    lines += [f"| {name} | {1e3 * seconds:,.1f} |" for name, seconds in named.items()]
    return "\n".join(lines)


def rates_table() -> str:
    """Return the matrix rates of the machine that recorded this book's numbers, as a table."""
    rates = record["measured"]["matrix_rates"]
    lines = ["| product of two matrices in | 10⁹ operations/s |", "|---|--:|"]
    return "\n".join([*lines, *(f"| {name} | {rate / 1e9:,.0f} |" for name, rate in rates.items())])


def format_table() -> str:
    """Return what each format can hold, as a table."""
    lines = [
        "| | exponent | fraction | gap at 1 | largest | smallest normal | smallest |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, form in FORMATS.items():
        lines.append(
            f"| {name} | {form.exponent} | {form.fraction} | {form.epsilon:.2g} "
            f"| {form.largest:.5g} | {form.smallest_normal:.2g} | {form.smallest:.2g} |"
        )
    return "\n".join(lines)


def h100_table() -> str:
    """Return what was measured on the H100, as a table."""
    lines = [
        "| network, batches of 128 | format | examples/s | memory | 10¹² operations/s | share |",
        "|---|---|--:|--:|--:|--:|",
    ]
    rows = data_files.read("h100_precision")["rows"]
    for key in sorted(rows, key=lambda one: list(NETWORKS).index(one.partition("|")[0])):
        row = rows[key]
        network, policy, _ = key.split("|")
        lines.append(
            f"| {NETWORKS[network]} | {policy.removeprefix('mixed_')} | {row['per_second']:,.0f} "
            f"| {row['gigabytes']:.1f} GB | {row['operations_per_second'] / 1e12:,.1f} "
            f"| {100 * row['share_of_matrix_rate']:.2g} % |"
        )
    return "\n".join(lines)


# ---- the record ---------------------------------------------------------------------------------


def script(gradients: dict[str, dict[str, int]]) -> str:
    """Return recorded gradients as the script that the interactive figure loads."""
    return (
        "// Gradients of LeNet-5 by octave: chapters/practice/machines_figures.py wrote it."
        f"\nconst lenet5Gradients = {json.dumps(gradients)};\n"
    )


if __name__ == "__main__":
    record.make(
        gradients=gradients_of_lenet5,
        asynchronous=asynchronous_times,
        measured=measured_here,
    )
    SCRIPT.write_text(script(record["gradients"]), encoding="utf-8")
