"""Figures of practice: wrong answers, thresholds, wrong labels, leaks, searches."""

import math
import textwrap

import numpy as np
from matplotlib.figure import Figure

from chapters.practice import scratch, searches, studies
from companion.datasets import Split
from companion.plots import BLUE, GREEN, ORANGE, SKY, VERMILION, intervals, picture, subplots
from companion.studies.records import recorded_results
from companion.studies.results import Results
from companion.studies.tables import markdown_table


def bars(results: Results, scale: float, label: str) -> tuple[Figure, list[float]]:
    """Draw the mean of each level with its interval, one below the other.

    Args:
        results: Those of a study with one factor.
        scale: What the means are multiplied by; 100 for percent.
        label: What the axis says.

    Returns:
        The figure, without a title, and the scaled means.
    """
    table = results.table
    means = [float(mean) for mean in scale * table["mean"]]
    figure, axes = subplots((5.4, 0.9 + 0.45 * len(means)))
    positions = range(len(means))
    spread = [scale * (table["mean"] - table["low"]), scale * (table["high"] - table["mean"])]
    axes.barh(positions, means, 0.62, color=SKY, xerr=spread, ecolor="0.35", capsize=3)
    axes.set_yticks(positions, [textwrap.fill(level, 18) for level in table["level"]])
    axes.invert_yaxis()
    axes.set(xlabel=label, xlim=(0, None))
    figure.set_label(results.alt_text)
    return figure, means


# ---- answers that are wrong ---------------------------------------------------------------------


def confidently_wrong() -> Figure:
    """The twelve digits of which a network is most certain and wrong, as Intro to DL has them."""
    everything = studies.in_file_order()

    def predict(learned: scratch.Labels, others: scratch.Labels) -> scratch.Array:
        return studies.Network(everything[learned], 0).predict(everything.x[others])

    p = scratch.out_of_fold(predict, len(everything), 5, np.random.default_rng(0))
    wrong = np.flatnonzero(scratch.disagreements(p, everything.y))
    worst = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:12]
    figure, panels = subplots((8.0, 4.2), 2, 6)
    descriptions = []
    for axes, n in zip(np.ravel(panels), worst, strict=True):
        title = f"{everything.y[n]}, read as {p[n].argmax()}"
        picture(axes, everything.x[n, ..., 0], title, cmap="gray_r")
        axes.set_xlabel(f"{p[n].max():.1%}")
        descriptions.append(f"{title} with {p[n].max():.1%}")
    figure.suptitle(
        f"{len(wrong)} of {len(everything):,} digits are misread; of these twelve the network was "
        "surest"
    )
    figure.set_label(
        "Twelve digits, 8×8 pixels, with their label and how a network misread them that had not "
        f"seen them: {'; '.join(descriptions)}."
    )
    return figure


# ---- a rare class -------------------------------------------------------------------------------


def thresholds() -> Figure:
    """Recall, precision and cost over the threshold: one network, and many detectors."""
    p, true = [], []
    for seed in range(5):
        data = studies.rare_digits(seed)
        p.append(studies.Network(data["train"], seed, 40).predict(data["test"].x)[:, 1])
        true.append(data["test"].y == 1)
    p, true = np.concatenate(p), np.concatenate(true)
    grid = np.geomspace(1e-4, 0.99, 100)
    reports = [scratch.report(p >= one, true) for one in grid]
    costs = [100 * scratch.cost(p >= one, true, studies.MISS, studies.ALARM) for one in grid]
    figure, (left, right) = subplots((9.5, 3.9), 1, 2)
    for name, colour, style in (("recall", BLUE, "-"), ("precision", VERMILION, "--")):
        left.plot(grid, [getattr(one, name) for one in reports], style, color=colour, label=name)
    left.set(xlabel="threshold", ylabel="share", xscale="log", ylim=(0, 1.03))
    left.legend(frameon=False, loc="lower center")
    left.set_title("A lower threshold finds more, and more that is none")
    right.plot(grid, costs, color=GREEN)
    theory = studies.ALARM / (studies.ALARM + studies.MISS)
    for threshold, name, style in ((0.5, "½", ":"), (theory, "1/11", "--")):
        right.axvline(threshold, color="0.5", linestyle=style, label=name)
    right.legend(frameon=False, title="threshold")
    right.set(xlabel="threshold", ylabel="cost of 100 digits", xscale="log", ylim=(0, 40))
    right.set_title("The cost is lowest far below ½")
    best = int(np.argmin(costs))
    at_half = 100 * scratch.cost(p >= 0.5, true, studies.MISS, studies.ALARM)
    at_theory = 100 * scratch.cost(p >= theory, true, studies.MISS, studies.ALARM)
    figure.suptitle("A probability is no decision: what a mistake costs sets the threshold")
    figure.set_label(
        "Recall, precision and cost of finding eights over the threshold, test digits of five "
        f"splits. Cost of 100 digits: {at_half:.1f} at a threshold of 0.5, {at_theory:.1f} at "
        f"1/11, least at {grid[best]:.3f} with {costs[best]:.1f}."
    )
    return figure


def rare_class_study() -> Figure:
    """Cost of 100 digits by remedy."""
    results = recorded_results(studies.rare_class)
    figure, means = bars(results, 1, "cost of 100 test digits (a false alarm costs 1, a miss 10)")
    cheaper = (results.table["effect"] == "lower").sum()
    figure.axes[0].set_title(
        f"Without a remedy {means[0]:.1f};\n"
        f"{cheaper} of {len(means) - 1} remedies are shown to be cheaper"
    )
    return figure


def rare_class_table() -> str:
    """Return a Markdown table: everything that is measured of each remedy."""
    rows = [
        (
            row["level"],
            f"{row['mean']:.1f}",
            *(f"{row[f'mean_{name}']:.1%}" for name in ("accuracy", "precision", "recall")),
            f"{row['mean_pr_auc']:.2f}",
            f"{row['mean_mean_probability']:.1%}",
        )
        for _, row in recorded_results(studies.rare_class).table.iterrows()
    ]
    head = ("remedy", "cost", "accuracy", "precision", "recall", "PR-AUC", "mean p")
    return markdown_table(head, rows)


# ---- wrong labels -------------------------------------------------------------------------------


def label_losses() -> Figure:
    """Losses of right and wrong labels: in sample, and out of fold."""
    train, rng = studies.digits().train, np.random.default_rng(0)
    given, wrong = scratch.flip_labels(train.y, 0.1, 10, rng)
    labelled = Split(train.x, given)

    def predict(learned: scratch.Labels, others: scratch.Labels) -> scratch.Array:
        return studies.Network(labelled[learned], 0, studies.SHORT).predict(train.x[others])

    by = {
        "Trained on these labels to the end": studies.Network(labelled, 0, studies.LONG).predict(
            train.x
        ),
        "Out of fold": scratch.out_of_fold(predict, len(train), studies.FOLDS, rng),
    }
    figure, panels = subplots((9.5, 3.8), 1, 2, sharey=True)
    descriptions = []
    for axes, (name, p) in zip(panels, by.items(), strict=True):
        losses = np.maximum(scratch.label_losses(p, given), 1e-4)
        bins = np.geomspace(1e-4, 30, 28)
        axes.hist(losses[~wrong], bins, color=SKY, label="right labels")
        axes.hist(losses[wrong], bins, color=VERMILION, alpha=0.8, hatch="//", label="wrong labels")
        limit = -math.log(studies.BELIEVED)
        axes.axvline(limit, color="0.4", linestyle="--", label="−log 0.1")
        axes.set(xlabel="loss of the label (nats)", xscale="log")
        axes.set_title(name)
        descriptions.append(
            f"{name}: {(losses[wrong] > limit).mean():.0%} of the wrong labels lie above "
            f"{limit:.1f} nats, and {(losses[~wrong] > limit).mean():.1%} of the right ones"
        )
    panels[0].set_ylabel("labels")
    panels[0].legend(frameon=False, fontsize="small", loc="upper right")
    figure.suptitle("A network that has learned the wrong labels finds fewer of them odd")
    figure.set_label(
        f"Losses of {len(given):,} labels, {wrong.mean():.0%} of them wrong. "
        f"{'; '.join(descriptions)}."
    )
    return figure


def wrong_labels_study() -> Figure:
    """Test error by share of wrong labels and repair."""
    results = recorded_results(studies.wrong_labels)
    figure, axes = subplots((6.8, 4.1))
    styles = ((VERMILION, "s-"), (ORANGE, "^--"), (BLUE, "o-"), ("0.45", "D:"))
    for name, (colour, style) in zip(studies.REPAIRS, styles, strict=True):
        line = results.table[results.table["training labels"] == name].copy()
        line["share wrong"] *= 100
        intervals(axes, line, "share wrong", 100, color=colour, fmt=style, label=name)
    axes.set(xlabel="wrong labels (%)", ylabel="test error (%)", ylim=(0, None))
    axes.legend(frameon=False, title="training labels")
    won = won_back()
    axes.set_title(
        "Looking at the suspects wins back "
        + ", ".join(f"{min(won[share], 1):.0%}" for share in studies.SHARES)
        + "\nof the lost accuracy at "
        + ", ".join(f"{100 * share:g}" for share in studies.SHARES)
        + " % wrong labels"
    )
    figure.set_label(results.alt_text)
    return figure


def won_back(repair: str = "suspects looked at") -> dict[float, float]:
    """Return which share of the accuracy that wrong labels cost a repair gives back, by share."""
    mean = recorded_results(studies.wrong_labels).table.set_index(
        ["training labels", "share wrong"]
    )["mean"]
    return {
        share: float(
            (mean["as given", share] - mean[repair, share])
            / (mean["as given", share] - mean["true labels", share])
        )
        for share in studies.SHARES
    }


FINDS = {
    "out-of-fold loss above −log 0.1": "",
    "disagreement": "disagreement_",
    "confident learning": "confident_",
}


def finds_table() -> str:
    """Return a Markdown table: precision and recall of each way to find wrong labels, by share."""
    table = recorded_results(studies.wrong_labels).table
    given = table[table["training labels"] == "as given"].set_index("share wrong")
    rows = []
    for name, prefix in FINDS.items():
        cells = [
            f"{row[f'mean_{prefix}precision']:.2f} / {row[f'mean_{prefix}recall']:.2f}"
            for _, row in given.iterrows()
        ]
        rows.append((name, *cells))
    for name, column in (
        ("highest losses: out of fold", "out_of_fold"),
        ("highest losses: in sample, 20 passes", "in_sample"),
        ("highest losses: in sample, 100 passes", "by_heart"),
    ):
        rows.append(
            (name, *(f"{row[f'mean_highest_{column}']:.2f}" for _, row in given.iterrows()))
        )
    head = ("precision / recall", *(f"{100 * share:g} % wrong" for share in studies.SHARES))
    return markdown_table(head, rows)


# ---- few writers, leaks -------------------------------------------------------------------------


def few_writers_study() -> Figure:
    """Error on digits of the same collection and on the rest of the file, by collection."""
    results = recorded_results(studies.few_writers)
    own = recorded_results(studies.few_writers, "own_error")
    figure, axes = subplots((7.4, 3.9))
    positions = np.arange(len(studies.COLLECTIONS))
    for shift, which, colour, hatch, name in (
        (-0.19, own, SKY, "", "on held-out digits of the same collection"),
        (0.19, results, ORANGE, "//", "on digits from the rest of the file"),
    ):
        table = which.table
        spread = [100 * (table["mean"] - table["low"]), 100 * (table["high"] - table["mean"])]
        axes.bar(
            positions + shift, 100 * table["mean"], 0.36, yerr=spread, color=colour, hatch=hatch,
            ecolor="0.35", capsize=3, label=name,
        )  # fmt: skip
    axes.set_xticks(positions, [name.replace(", ", ",\n") for name in studies.COLLECTIONS])
    axes.set(ylabel="error (%)")
    axes.legend(frameon=False, fontsize="small")
    mean = 100 * own.table["mean"], 100 * results.table["mean"]
    axes.set_title(
        f"Few writers: {mean[0][0]:.1f} % on their own digits, {mean[1][0]:.1f} % on the rest;\n"
        f"many writers: {mean[0][2]:.1f} % and {mean[1][2]:.1f} %"
    )
    figure.set_label(results.alt_text)
    return figure


def leaks_study() -> Figure:
    """Reported error by leak, where every honest error is one half."""
    figure, means = bars(recorded_results(studies.leaks), 100, "reported error (%)")
    axes = figure.axes[0]
    axes.axvline(50, color="0.4", linestyle="--")
    axes.annotate("honest: 50 %", (50, -0.55), (4, 0), textcoords="offset points", fontsize="small")
    axes.set_xlim(0, 66)
    order = int(np.argmin(means))
    axes.set_title(
        f"Nothing can be learned here. {studies.LEAKS[order].capitalize()},\nthe reported error is "
        f"{means[order]:.1f} %"
    )
    return figure


# ---- searches -----------------------------------------------------------------------------------


def scales() -> Figure:
    """Forty learning rates from 0.0001 to 0.1, drawn on a linear scale and on a logarithmic one.

    On the linear scale most lie in the highest decade; on the other each decade has about a third.
    """
    rng = np.random.default_rng(0)
    low, high = searches.RATES
    drawn = {
        "linear scale": rng.uniform(low, high, 40),
        "logarithmic scale": scratch.log_uniform(rng, low, high, 40),
    }
    figure, axes = subplots((7.0, 2.6))
    shares = []
    for height, (colour, (name, rates)) in enumerate(
        zip((VERMILION, BLUE), drawn.items(), strict=True)
    ):
        axes.plot(rates, np.full(len(rates), height), "|", color=colour, markersize=18)
        shares.append(f"{100 * np.mean(rates > 0.01):.0f} % ({name})")
    axes.set_yticks(range(2), list(drawn))
    axes.set(xscale="log", xlabel="learning rate", ylim=(-0.6, 1.6))
    axes.set_title("Rates above 0.01: " + ", ".join(shares))
    return figure


def recipes_study() -> Figure:
    """Validation and test error of the chosen recipe, by search and number of trials."""
    results = recorded_results(searches.recipes)
    validation = recorded_results(searches.recipes, "validation_error")
    figure, axes = subplots((7.2, 3.9))
    names = [f"{search},\nbest of {trials}" for search, trials in searches.recipes.levels]
    positions = np.arange(len(names))
    for shift, which, colour, mark, name in (
        (-0.08, validation, SKY, "s", "validation (chosen on it)"),
        (0.08, results, BLUE, "o", "test (looked at once)"),
    ):
        table = which.table.assign(place=positions + shift)
        intervals(axes, table, "place", 100, color=colour, fmt=mark, label=name)
    axes.set_xticks(positions, names)
    axes.set(ylabel="error (%)", ylim=(0, None), xlim=(-0.5, len(names) - 0.5))
    axes.legend(frameon=False)
    mean = results.table.set_index(["search", "trials"])["mean"]
    few, many = searches.TRIALS
    axes.set_title(
        f"From {few} to {many} trials: random {mean['random', few]:.1%} to "
        f"{mean['random', many]:.1%},\nmodel-based {mean['model-based', few]:.1%} to "
        f"{mean['model-based', many]:.1%} test error"
    )
    figure.set_label(results.alt_text)
    return figure
