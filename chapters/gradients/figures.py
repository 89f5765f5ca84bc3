"""Figures of gradients: slopes, sizes by layer, units that die, and what depth does to training."""

from functools import cache
from math import pi, sqrt

import numpy as np
from matplotlib.figure import Figure

from chapters.gradients import scratch, studies
from companion.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, intervals, subplots
from companion.studies.recorded_figures import FigureRecord
from companion.studies.records import recorded_results
from companion.studies.tables import markdown_table

record = FigureRecord("gradients")
DEPTH = 30
# Name, activation, initialization, look: what the figures by layer compare.
STACKS = (
    ("sigmoid, Glorot", "sigmoid", "Glorot", (VERMILION, "s--")),
    ("tanh, Glorot", "tanh", "Glorot", (GREEN, "^:")),
    ("ReLU, Glorot", "relu", "Glorot", (ORANGE, "D-.")),
    ("ReLU, He", "relu", "He", (BLUE, "o-")),
)


def power(value: float) -> str:
    """Return a number as 0.12, 34 or 3·10⁻⁷."""
    if value == 0 or 0.01 <= abs(value) < 1e4:
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"
    digits, exponent = f"{value:.0e}".split("e")
    return f"{digits}·10" + str(int(exponent)).translate(
        str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    )


# ---- slopes -------------------------------------------------------------------------------------


def saturation() -> Figure:
    """The slopes of sigmoid, tanh and ReLU, which a gradient is multiplied by on its way back."""
    z = np.linspace(-8, 8, 321)
    figure, axes = subplots((6.4, 3.8))
    for name, colour, style in (
        ("sigmoid", VERMILION, "--"),
        ("tanh", GREEN, ":"),
        ("relu", BLUE, "-"),
    ):
        label = {"relu": "ReLU"}.get(name, name)
        axes.plot(z, scratch.slope(name, z), style, color=colour, label=label, linewidth=2)
    axes.axhline(0.25, color="0.6", linewidth=0.8)
    axes.set(xlabel="weighted sum z", ylabel="slope g′(z)", ylim=(-0.03, 1.08))
    axes.legend(frameon=False, loc="center left")
    far = [float(scratch.slope(name, 5.0)) for name in ("sigmoid", "tanh", "relu")]
    axes.set_title("Far from 0 sigmoid and tanh are flat; a sigmoid's slope is ¼ at most")
    figure.set_label(
        "Slopes over the weighted sum z. The sigmoid's is 0.25 at z = 0, tanh's is 1 there, and at "
        f"z = 5 they are {far[0]:.4f} and {far[1]:.5f}. ReLU's is 0 below 0 and {far[2]:g} above."
    )
    return figure


def products() -> Figure:
    """What a factor that is the same in every layer makes of a gradient, on a scale of powers."""
    layers = np.arange(31)
    figure, axes = subplots((6.4, 4.0))
    looks = (
        (1.5, ORANGE, "-."),
        (1.0, "0.4", "-"),
        (0.9, SKY, "--"),
        (0.5, BLUE, "-"),
        (0.25, VERMILION, "--"),
    )
    for factor, colour, style in looks:
        sizes = [scratch.chain_factor(factor, int(count)) for count in layers]
        axes.plot(layers, sizes, style, color=colour, label=f"{factor:g}")
    slide = scratch.chain_factor(0.5, 15)
    axes.plot(15, slide, "o", color=BLUE)
    axes.annotate(f"$0.5^{{15}}$ = {slide:.5f}", (15, slide), (16, 10 * slide), fontsize="small")
    axes.set(xlabel="layers", ylabel="what is left of a gradient of 1", yscale="log")
    axes.legend(frameon=False, title="factor of a layer", loc="lower left")
    axes.set_title("Only a factor of 1 leaves a gradient as it is")
    figure.set_label(
        "A gradient of 1 after 0 to 30 layers that each multiply it by a factor. After 15 layers: "
        + ", ".join(f"{one:g} leaves {power(scratch.chain_factor(one, 15))}" for one, *_ in looks)
        + "."
    )
    return figure


# ---- sizes by layer -----------------------------------------------------------------------------


def sizes_by_layer() -> Figure:
    """Sizes of activations going up and of gradients coming back, in four stacks of 30 layers."""
    figure, (up, back) = subplots((9.6, 3.9), 1, 2, sharey=True)
    descriptions = []
    for name, activation, initialization, (colour, style) in STACKS:
        one = scratch.spread(DEPTH, 100, activation, initialization)
        look = {"color": colour, "markersize": 3, "linewidth": 1, "label": name}
        up.plot(range(DEPTH + 1), one.activations, style, **look)
        back.plot(range(DEPTH + 1), one.gradients, style, **look)
        descriptions.append(
            f"{name}: activations {power(one.activations[-1])}, gradients {power(one.gradients[0])}"
        )
    up.set(xlabel="layer (0: input)", ylabel="√mean square", yscale="log")
    back.set(xlabel="layer (0: input)")
    back.legend(frameon=False, fontsize="small", loc="lower right")
    up.set_title("Activations, forward")
    back.set_title("Gradients, backward from layer 30")
    figure.suptitle("Sigmoids lose the gradient, ReLU under Glorot loses both, under He neither")
    figure.set_label(
        f"Sizes in stacks of {DEPTH} layers of 100 units when training begins, for inputs and "
        "upstream gradients of size 1; at the far end: " + "; ".join(descriptions) + "."
    )
    return figure


def theory() -> Figure:
    """Mean squares by layer in a ReLU network: what theory expects, and what is measured."""
    widths = [100] * (DEPTH + 1)
    figure, axes = subplots((6.4, 3.9))
    descriptions = []
    for name, variance, colour, mark in (
        ("Glorot", scratch.glorot_variance, ORANGE, "D"),
        ("He", scratch.he_variance, BLUE, "o"),
    ):
        expected = scratch.mean_squares(widths, variance)
        measured = np.mean(
            [
                np.square(scratch.spread(DEPTH, 100, "relu", name, seed=seed).activations[1:])
                for seed in range(10)
            ],
            axis=0,
        )
        axes.plot(range(1, DEPTH + 1), expected, "-", color=colour, label=f"{name}: expected")
        axes.plot(range(1, DEPTH + 1), measured, mark, color=colour, markersize=3, label="measured")
        descriptions.append(
            f"{name} after 15 layers: expected {power(expected[14])}, measured "
            f"{power(float(measured[14]))}"
        )
    axes.set(xlabel="layer", ylabel="mean square of activations", yscale="log")
    axes.legend(frameon=False, fontsize="small")
    axes.set_title("Glorot halves a ReLU layer's mean square, He keeps it")
    figure.set_label(
        "Mean squares of activations over 30 ReLU layers of 100 units, ten stacks on average. "
        + "; ".join(descriptions)
        + "."
    )
    return figure


def remedies() -> Figure:
    """Gradients by layer of ReLU stacks: bare, normalized, with shortcuts, and with both."""
    figure, axes = subplots((6.4, 4.0))
    descriptions = []
    tried: tuple[tuple[str, scratch.Normalization, bool, str, str], ...] = (
        ("neither", "none", False, "0.4", "o-"),
        ("batch normalization", "batch", False, GREEN, "^:"),
        ("shortcuts", "none", True, VERMILION, "s--"),
        ("both", "batch", True, BLUE, "D-"),
    )
    for name, normalization, shortcuts, colour, style in tried:
        one = scratch.spread(
            DEPTH, 100, "relu", "He", normalization=normalization, shortcuts=shortcuts
        )
        axes.plot(range(DEPTH + 1), one.gradients, style, color=colour, markersize=3, label=name)
        descriptions.append(f"{name} {power(one.gradients[0])}")
    axes.set(xlabel="layer (0: input)", ylabel="√mean square of ∂E/∂a", yscale="log")
    axes.legend(frameon=False, fontsize="small")
    axes.set_title("Alone, each lets gradients grow; together they nearly hold them")
    figure.set_label(
        "Sizes of gradients in ReLU stacks of 30 layers under He's initialization, 1 at the last "
        "layer; at the input: " + ", ".join(descriptions) + "."
    )
    return figure


@cache
def growth_of_normalized() -> tuple[float, float]:
    """Return by what factor a gradient's mean square grows per normalized ReLU layer.

    Measured over 30 layers of 400 units, and as Yang et al. (2019) derive it: π / (π − 1).
    """
    one = scratch.spread(DEPTH, 400, "relu", "He", normalization="batch", examples=400)
    return (one.gradients[0] / one.gradients[-1]) ** (2 / DEPTH), pi / (pi - 1)


def keras_gradients() -> Figure:
    """The same four stacks in Keras: mean |∂E/∂W| by layer, as `GradientNorms` has it."""
    figure, axes = subplots((6.4, 3.9))
    descriptions = []
    for name, _, _, (colour, style) in STACKS:
        sizes = record["keras_gradients"][name]
        axes.plot(range(1, len(sizes) + 1), sizes, style, color=colour, markersize=3, label=name)
        descriptions.append(f"{name}: {power(sizes[0])} in layer 1, {power(sizes[-1])} in layer 15")
    axes.set(xlabel="layer", ylabel="mean |∂E/∂W|", yscale="log")
    axes.legend(frameon=False, fontsize="small")
    axes.set_title("In Keras the first sigmoid layers are given next to no gradient")
    figure.set_label(
        "Mean absolute gradients of the kernels of 15 hidden layers before the first step, 32 "
        "digits: " + "; ".join(descriptions) + "."
    )
    return figure


def watched() -> dict[str, list[float]]:
    """Return what `GradientNorms` sees in four Keras models before their first step."""
    import keras

    from companion.training.callbacks import GradientNorms
    from companion.training.seeding import fresh_start

    initializers = {"Glorot": "glorot_normal", "He": "he_normal"}
    data, seen = studies.digits().train, {}
    for name, activation, initialization, _ in STACKS:
        fresh_start(record.seed)
        hidden = [
            keras.layers.Dense(
                64, activation, kernel_initializer=initializers[initialization], name=f"hidden{n}"
            )
            for n in range(1, 16)
        ]
        output = keras.layers.Dense(10, "softmax", name="output")
        model = keras.Sequential(
            [keras.Input(data.x.shape[1:]), keras.layers.Flatten(), *hidden, output]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        watch = GradientNorms(data.x[:32], data.y[:32])
        watch.set_model(model)
        rows = {row["layer"]: row["mean_absolute"] for row in watch.look(0)}
        seen[name] = [rows[layer.name] for layer in hidden]
    return seen


# ---- units that die -----------------------------------------------------------------------------

DEATH_RATES = (0.1, 0.3, 1.0, 1.5, 2.0)


def dead() -> Figure:
    """The share of dead ReLUs in two hidden layers after training at growing rates."""
    x, _ = studies.flat()
    shares = []
    for rate in DEATH_RATES:
        rng = np.random.default_rng(0)
        start = studies.Stack(
            [scratch.initial_weights((64, 64), "He", rng) for _ in range(2)],
            rng.normal(0, sqrt(scratch.glorot_variance((64, 10))), (64, 10)),
        )
        end = studies.trained(start, "relu", rate, seed=0)
        steps = scratch.forward(x, end.hidden)
        shares.append([100 * float(scratch.dead_units([step.a]).mean()) for step in steps])
    figure, axes = subplots((6.0, 3.6))
    for layer, colour, style in ((0, SKY, "s--"), (1, BLUE, "o-")):
        axes.plot(
            DEATH_RATES,
            [share[layer] for share in shares],
            style,
            color=colour,
            label=f"hidden layer {layer + 1}",
        )
    axes.set(xlabel="learning rate η", ylabel="dead units (%)", ylim=(-3, 103))
    axes.legend(frameon=False)
    axes.set_title("A rate that is too large kills a layer of ReLUs")
    figure.set_label(
        f"Units that answer 0 to all {len(x):,} training digits after {studies.STEPS} steps, in "
        "the second of two hidden layers: "
        + ", ".join(
            f"{share[1]:.0f} % at η = {rate:g}"
            for rate, share in zip(DEATH_RATES, shares, strict=True)
        )
        + "."
    )
    return figure


# ---- the study of depth -------------------------------------------------------------------------

INITIALIZATIONS = {
    "small": (PURPLE, "^:"),
    "Glorot": (ORANGE, "s--"),
    "He": (BLUE, "o-"),
}


def depth_study() -> Figure:
    """Training error over depth, by activation and initialization."""
    results = recorded_results(studies.depth_activation_initialization)
    activations = ("sigmoid", "tanh", "relu")
    figure, panels = subplots((10, 3.8), 1, 3, sharey=True)
    for axes, activation in zip(panels, activations, strict=True):
        for name, (colour, style) in INITIALIZATIONS.items():
            table = results.table
            line = table[(table["activation"] == activation) & (table["initialization"] == name)]
            intervals(axes, line, "depth", 100, color=colour, fmt=style, label=name)
        axes.set(xlabel="hidden layers", ylim=(-3, 100), xticks=(2, 8, 20))
        axes.set_title({"relu": "ReLU"}.get(activation, activation))
    panels[0].set_ylabel("training error (%)")
    panels[0].legend(frameon=False, fontsize="small", title="initialization")
    learned = [name for name in learned_at(20)]
    figure.suptitle(
        f"With 20 hidden layers these learn: {', '.join(learned)}"
        if learned
        else "With 20 hidden layers none learns"
    )
    figure.set_label(results.alt_text)
    return figure


def learned_at(depth: int, limit: float = 0.2) -> list[str]:
    """Return which activations and initializations have a mean training error below `limit`."""
    table = recorded_results(studies.depth_activation_initialization).table
    rows = table[(table["depth"] == depth) & (table["mean"] < limit)]
    return [
        f"{'ReLU' if row['activation'] == 'relu' else row['activation']} under "
        f"{row['initialization']}"
        for _, row in rows.iterrows()
    ]


def depth_table() -> str:
    """Return a Markdown table: error, first gradient and rate of each level of the study."""
    frame = recorded_results(studies.depth_activation_initialization).frame
    rows = []
    for (activation, initialization, depth), runs in frame.groupby(
        ["activation", "initialization", "depth"], sort=False
    ):
        rows.append(
            (
                {"relu": "ReLU"}.get(str(activation), activation),
                initialization,
                depth,
                f"{runs['training_error'].mean():.1%}",
                power(10 ** float(runs["first_gradient"].mean())),
                f"{runs['rate'].median():g}",
            )
        )
    head = ("activation", "initialization", "depth", "training error", "first gradient", "rate")
    return markdown_table(head, rows)


if __name__ == "__main__":
    record.make(keras_gradients=watched)
