"""Figures of the ECG chapter: a beat, two rhythms, where a network looks, how well it is judged."""

from functools import cache

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from chapters.ecg.protocol import STRIDE, by_recording
from chapters.ecg.recordings import AF, LENGTH, RATE
from chapters.ecg.studies import BEATS, BEST
from companion.data_files import data_folder, read
from companion.plots import BLUE, GREEN, ORANGE, SKY, VERMILION, plain, subplots
from companion.studies.recorded_figures import FigureRecord
from companion.studies.tables import markdown_table

record = FigureRecord("ecg")
TABLE = "atrial_fibrillation"
NAMES = {
    "logistic_regression": "ExpertLR",
    "random_forest": "ExpertRF",
    "cnn": "CNN",
    "crnn": "CRNN",
    "acrnn": "ACRNN",
    "mina": "MINA",
    "beat_reader": "beat reader (ours)",
    BEATS: "three beat readers (ours)",
    BEST: "three kinds together (ours)",
}
# COMP7015 lecture 8, after Hong et al. (2019), table 3: mean and ± of ROC-AUC, PR-AUC, F1.
LECTURE = {
    "logistic_regression": ((0.9350, 0.0000), (0.8730, 0.0000), (0.8023, 0.0000)),
    "random_forest": ((0.9394, 0.0000), (0.8816, 0.0000), (0.8180, 0.0000)),
    "cnn": ((0.8711, 0.0036), (0.8669, 0.0068), (0.7914, 0.0090)),
    "crnn": ((0.9040, 0.0115), (0.8943, 0.0111), (0.8262, 0.0215)),
    "acrnn": ((0.9072, 0.0047), (0.8935, 0.0087), (0.8248, 0.0229)),
    "mina": ((0.9488, 0.0081), (0.9436, 0.0082), (0.8342, 0.0352)),
}
SCORES = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "f1": "F1"}


def synthetic(rhythm, seconds, seed):
    """Return a made-up recording: 0 normal, 1 atrial fibrillation."""
    from chapters.ecg.synthetic import electrocardiogram

    return electrocardiogram(rhythm, seconds, np.random.default_rng(seed))


def trace(axes, signal, colour="k"):
    """Draw a signal in mV over seconds."""
    axes.plot(np.arange(len(signal)) / RATE, signal, color=colour, linewidth=0.9)
    plain(axes).set(xlim=(0, len(signal) / RATE), ylabel="mV")
    return axes


def a_beat() -> Figure:
    """One heartbeat is a small P wave, a steep QRS complex and a broad T wave, in this order.

    The waves are drawn after the table of McSharry et al. (2003) and labelled: P where the atria
    contract, QRS where the ventricles do, T where they recover.
    """
    from chapters.ecg.synthetic import WAVES, bumps

    time = np.arange(-0.4, 0.6, 1 / RATE)
    beat = sum(
        bumps(time + 0.4, np.array([centre + 0.4]), np.array([height]), np.array([width]))
        for centre, height, width in WAVES.values()
    )
    figure, axes = subplots((7.5, 3.2))
    axes.plot(time, beat, color="k")
    for names, start, end, colour, says in (
        ("P", -0.28, -0.12, SKY, "the atria\ncontract"),
        ("QRS", -0.07, 0.07, ORANGE, "the ventricles\ncontract"),
        ("T", 0.14, 0.42, GREEN, "they recover"),
    ):
        axes.axvspan(start, end, color=colour, alpha=0.25, linewidth=0)
        axes.text((start + end) / 2, 1.12, f"{names}\n{says}", ha="center", fontsize="small")
    axes.set(xlabel="seconds after the R peak", ylabel="mV", ylim=(-0.35, 1.55))
    axes.set_title("A beat has three parts, and the first comes from the atria", pad=12)
    return figure


def two_rhythms() -> Figure:
    """Normal beats come evenly, each after a P wave; fibrillating ones come anyhow, without one.

    Two made-up strips of eight seconds: above a normal rhythm, below atrial fibrillation, where the
    line between the beats trembles.
    """
    from chapters.ecg.features import find_beats

    figure, (above, below) = subplots((9, 4), 2, 1, sharex=True)
    for axes, rhythm, seed, name in ((above, 0, 3, "normal"), (below, 1, 6, "fibrillation")):
        signal = synthetic(rhythm, 8, seed)
        beats = find_beats(signal)
        trace(axes, signal)
        axes.plot(beats / RATE, signal[beats] + 0.12, "v", color=VERMILION, markersize=5)
        rr = np.diff(beats) / RATE
        title = f"{name}: {rr.min():.2f} to {rr.max():.2f} s from beat to beat"
        axes.set_title(title, fontsize="medium", loc="left")
    figure.suptitle("A fibrillating heart keeps no time")
    below.set_xlabel("seconds")
    return figure


def attention_over_a_trace() -> Figure:
    """The network's attention, drawn under ten made-up seconds of fibrillation.

    A trace in mV, shaded where the weights of the shipped network's attention are high.
    """
    attention = record["attention"]
    signal, weights = np.array(attention["signal"]), np.array(attention["weights"])
    figure, axes = subplots((9, 3))
    shade(axes, np.array(attention["when"]), weights, signal)
    share = np.sort(weights)[::-1][: len(weights) // 4].sum()
    axes.set(xlabel="seconds")
    axes.set_title(f"A quarter of the time gets {share:.0%} of the attention", fontsize="medium")
    return figure


def shade(axes, when, weights, signal, start=0.0):
    """Draw a signal over a band that is the darker the more attention a moment gets."""
    seconds = len(signal) / RATE
    margin = 0.05 * float(np.ptp(signal))
    low, high = float(signal.min()) - margin, float(signal.max()) + margin
    extent = (start, start + seconds, low, high)
    limits = {"vmin": 0, "vmax": 1.6 * weights.max()}
    axes.imshow(weights[None], fading_in(ORANGE), aspect="auto", extent=extent, **limits)
    axes.plot(start + np.arange(len(signal)) / RATE, signal, color="k", linewidth=0.9)
    plain(axes).set(xlim=(start, start + seconds), ylabel="mV")


def fading_in(colour):
    """Return a colour map that begins with nothing, so that a dark page shows through."""
    return LinearSegmentedColormap.from_list("fading in", [(*to_rgb(colour), 0), colour])


def curves() -> Figure:
    """ROC curves are alike by window and by recording; precision-recall curves are not.

    Left: sensitivity over the share of false alarms for the best model, by window and by
    recording. Right: precision over sensitivity; dotted lines mark what guessing would reach, the
    share of AF in the test split.
    """
    figure, (roc, pr) = subplots((9.5, 4), 1, 2)
    figure.set_label(
        "Areas under the curves of the best model: "
        + "; ".join(
            f"by {unit}: ROC {one['roc']:.3f}, precision-recall {one['pr']:.3f}, where guessing "
            f"would reach {one['share']:.3f}"
            for unit, one in record["curves"].items()
        )
    )
    for unit, colour, name in (("window", BLUE, "windows"), ("recording", VERMILION, "recordings")):
        one = record["curves"][unit]
        roc.plot(one["false_alarms"], one["found"], color=colour, label=f"{name}: {one['roc']:.3f}")
        pr.plot(one["recall"], one["precision"], color=colour, label=f"{name}: {one['pr']:.3f}")
        pr.axhline(one["share"], color=colour, linewidth=0.9, linestyle=":")
    roc.set(xlabel="share of the others that raise an alarm", ylabel="share of AF found")
    pr.set(xlabel="share of AF found", ylabel="share of alarms that are right")
    roc.set_title("The ROC curve does not know how common AF is", fontsize="medium")
    pr.set_title("The precision-recall curve does", fontsize="medium")
    for axes in (roc, pr):
        axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
        axes.legend(frameon=False, loc="lower center", title="area under the curve")
    figure.suptitle("How rare a disease is shows in precision and recall, not in ROC")
    by = record["curves"]
    figure.set_label(
        "Area under the curve: "
        + ", ".join(f"ROC by {unit} {by[unit]['roc']:.3f}, PR {by[unit]['pr']:.3f}" for unit in by)
        + f". Guessing reaches PR {by['window']['share']:.2f} and {by['recording']['share']:.2f}."
    )
    return figure


def confusion() -> Figure:
    """What the best model takes the test recordings for, beside what experts said they were."""
    confusion = record["confusion"]
    counts = np.array(confusion["counts"])
    shares = counts / counts.sum(axis=1, keepdims=True)
    rows = zip(confusion["classes"], counts, strict=True)
    alarms = "; ".join(f"{name}: {alarms} of {quiet + alarms}" for name, (quiet, alarms) in rows)
    figure, axes = subplots((5.4, 4.2))
    figure.set_label(f"Test recordings that the best model takes for AF, by class: {alarms}.")
    # Pale enough that ink is read on every cell, and white ink on a dark page: no black is needed.
    axes.imshow(shares, cmap=fading_in(BLUE), vmin=0, vmax=2, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        text = f"{count}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center")
    axes.set_xticks([0, 1], ["not AF", "AF"])
    axes.set_yticks(range(len(counts)), confusion["classes"])
    axes.set(xlabel="the model says", ylabel="the experts say")
    axes.set_title(
        f"It finds {counts[1, 1]} of {counts[1].sum()}, and raises "
        f"{counts[:, 1].sum() - counts[1, 1]} false alarms",
        fontsize="medium",
    )
    figure.set_label(
        "Alarms of the best model, by what the experts say: "
        + ", ".join(
            f"{name} {count[1]} of {sum(count)}"
            for name, count in zip(confusion["classes"], confusion["counts"], strict=True)
        )
    )
    return figure


def table_rows():
    """Return the recorded rows of the table, best last, as ``{model: values}``."""
    rows = {row["level"]: row for row in read(TABLE)["full"]["rows"]}
    return {level: rows[level] for level in NAMES}


def table_in_markdown(unit):
    """Return the recorded table for a unit, ``window`` or ``recording``, as Markdown.

    The lecture's mean and ± stand below those by window. Lines break before an interval only.
    """
    rows = []
    for level, row in table_rows().items():
        cells = [
            f"{row[f'{unit}_{score}']:.4f} ({row[f'{unit}_{score}_low']:.3f}\u2060–\u2060"
            f"{row[f'{unit}_{score}_high']:.3f})"
            for score in SCORES
        ]
        if unit == "window" and level in LECTURE:
            lecture = [f"{mean:.4f} ±\u00a0{sd:.4f}" for mean, sd in LECTURE[level]]
            cells = ["<br>".join(both) for both in zip(cells, lecture, strict=True)]
        rows.append((NAMES[level], *cells))
    return markdown_table(("model", *SCORES.values()), rows)


def sides():
    """Return where the lecture's means lie by our intervals, as ``{(level, score): side}``.

    A side is −1 below the interval, 0 within it and 1 above it.
    """
    rows = table_rows()
    return {
        (level, score): int(mean > rows[level][f"window_{score}_high"])
        - int(mean < rows[level][f"window_{score}_low"])
        for level, published in LECTURE.items()
        for score, (mean, _) in zip(SCORES, published, strict=True)
    }


def beside_the_lecture():
    """Return in a sentence which of the lecture's means lie within our intervals."""
    compared = sides()
    within = [
        f"{NAMES[level]}'s {SCORES[score]}"
        for level, score in compared
        if not compared[level, score]
    ]
    below, above = (list(compared.values()).count(side) for side in (-1, 1))
    return (
        f"Of the lecture's {len(compared)} means {len(within)} lie within our intervals "
        f"({' and '.join(within)}), {below} below and {above} above."
    )


def costs():
    """Return a sentence on what the rows took, from the record."""
    rows = table_rows()
    apart = set(rows) - {"beat_reader", BEST}  # the first of three, and what is made of others
    seconds = sum(rows[level]["training_seconds"] for level in apart)
    share = max(row["input_share"] for row in rows.values())
    return (
        f"To train all rows took {seconds / 60:.0f} minutes of one core; the networks waited for "
        f"their batches during at most {share:.1%} of their own training."
    )


def the_table() -> Figure:
    """Our row and the lecture's for each of its six models, in three scores."""
    rows = table_rows()
    figure, row_of_axes = subplots((9.5, 3.8), 1, 3, sharey=True)
    areas = "; ".join(f"{NAMES[one]}: {row['window_roc_auc']:.3f}" for one, row in rows.items())
    figure.set_label(f"Three scores of each model, as printed and made again. ROC-AUC: {areas}.")
    for axes, column, (score, name) in zip(row_of_axes, range(3), SCORES.items(), strict=True):
        for height, (level, row) in enumerate(rows.items()):
            interval = [row[f"window_{score}_low"], row[f"window_{score}_high"]]
            axes.plot(interval, [height, height], color=BLUE, linewidth=1.5)
            label = "here, 95 %" if not height else None
            axes.plot(row[f"window_{score}"], height, "o", color=BLUE, label=label)
            if level in LECTURE:
                mean, sd = LECTURE[level][column]
                label = "lecture, ±" if not height else None
                axes.plot(mean, height, "x", color=VERMILION, label=label)
                axes.plot([mean - sd, mean + sd], [height, height], color=VERMILION)
        axes.set(title=name, xlabel=f"{name}, test windows")
        axes.set_yticks(range(len(rows)), [NAMES[level] for level in rows])
        axes.set_ylim(-0.6, len(rows) + 1.2)  # room for the key
    figure.axes[0].legend(frameon=False, fontsize="small", loc="upper left")
    within = [NAMES[level] for level in LECTURE if not sides()[level, "roc_auc"]]
    figure.suptitle(f"Our interval holds the lecture's ROC-AUC of {' and '.join(within)} alone")
    low, high = "window_roc_auc_low", "window_roc_auc_high"
    figure.set_label(
        "Our interval of the ROC-AUC by window, and the lecture's mean: "
        + "; ".join(
            f"{NAMES[level]} {rows[level][low]:.3f} to {rows[level][high]:.3f}, {mean:.3f}"
            for level, ((mean, _), *_) in LECTURE.items()
        )
    )
    return figure


class ReadingFigure(Figure):
    """What the detector says of a recording: the likeliest ten seconds, and all of it.

    It can show one recording after another: to make a new figure takes as long as to draw it. Its
    margins are fixed, for to find out how much room the words need takes half as long again.
    """

    def __init__(self):
        super().__init__(figsize=(10, 4.6))
        self.subplots_adjust(left=0.09, right=0.985, top=0.93, bottom=0.11, hspace=0.2)
        self.above, self.below = map(plain, self.subplots(2, 1, height_ratios=(2, 1)))
        self.band = self.above.imshow([[0]], fading_in(ORANGE), aspect="auto")
        (self.strip,) = self.above.plot([], [], color="k", linewidth=0.9)
        self.above.set_ylabel("mV")
        (self.windows,) = self.below.plot([], [], "o-", color=BLUE, ms=3)
        self.below.set(ylim=(-0.03, 1.03), xlabel="seconds", ylabel="P(AF)")
        style = {"ha": "right", "va": "bottom", "fontsize": "x-small"}
        self.text(0.99, 0.005, "not a medical device", **style)

    def show(self, reading):
        """Show a `chapters.ecg.reading.Reading` in the place of the one before."""
        seconds, windows = len(reading.signal) / RATE, reading.data["windows"]
        most = max(windows, key=lambda window: window["probability"])
        start = int(most["start"] * RATE)
        strip = reading.signal[start : start + LENGTH]
        times = (start + np.arange(len(strip))) / RATE
        margin = 0.05 * float(np.ptp(strip))
        sides = (start / RATE, (start + len(strip)) / RATE)
        ends = (float(strip.min()) - margin, float(strip.max()) + margin)
        shaded = ""
        self.band.set_visible(reading.attention is not None)
        if reading.attention is not None:
            shaded = "; shaded where the network looks"
            self.band.set(data=reading.attention[None], extent=(*sides, *ends))
            self.band.set_clim(0, 1.6 * reading.attention.max())
        self.strip.set_data(times, strip)
        self.above.set(xlim=sides, ylim=ends)
        self.above.set_title(
            f"{reading.name}: {reading.data['probability']:.0%} atrial fibrillation. The ten "
            f"seconds most like it{shaded}",
            fontsize="medium",
            loc="left",
        )
        middles = [window["start"] + min(5, seconds / 2) for window in windows]
        self.windows.set_data(middles, [window["probability"] for window in windows])
        self.below.set_xlim(0, seconds)


@cache
def judged_test():
    """Return the best row's material, its P(AF) for each test window, and its thresholds."""
    from chapters.ecg import studies

    prepared = studies.study_data(False)
    classes, _ = studies.opinions(BEST, record.seed, prepared)
    _, thresholds = studies.judged(
        {part: p[:, AF] for part, p in classes.items()}, prepared, resamples=2
    )
    return prepared, classes["test"][:, AF], thresholds


@cache
def judged_recordings():
    """Return the class of each test recording, its P(AF), and whether that raises an alarm."""
    prepared, probability, thresholds = judged_test()
    regular = prepared.where["test"][1] % STRIDE == 0
    numbers, p = by_recording(probability[regular], prepared.where["test"][0][regular])
    return prepared.data.test.y[numbers], p, p >= thresholds["recording"]


def recorded_curves():
    """Return ROC and precision-recall curves of the best row, by window and by recording."""
    from sklearn import metrics

    prepared, probability, _ = judged_test()
    labels, whole, _ = judged_recordings()
    made = {}
    for unit, truth, p in (
        ("window", prepared.truth("test") == AF, probability),
        ("recording", labels == AF, whole),
    ):
        false_alarms, sensitivity, _ = metrics.roc_curve(truth, p)
        precision, recall, _ = metrics.precision_recall_curve(truth, p)
        roc = np.linspace(0, len(sensitivity) - 1, 150).astype(int)
        pr = np.linspace(0, len(recall) - 1, 150).astype(int)
        made[unit] = {
            "false_alarms": rounded(false_alarms[roc]),
            "found": rounded(sensitivity[roc]),
            "precision": rounded(precision[pr]),
            "recall": rounded(recall[pr]),
            "roc": round(float(metrics.roc_auc_score(truth, p)), 4),
            "pr": round(float(metrics.average_precision_score(truth, p)), 4),
            "share": round(float(truth.mean()), 4),
        }
    return made


def recorded_confusion():
    """Return how many test recordings of each class raise no alarm, and one."""
    labels, _, alarm = judged_recordings()
    counts = [[int(((labels == c) & (alarm == a)).sum()) for a in (0, 1)] for c in range(4)]
    return {"classes": list(judged_test()[0].data.card.class_names), "counts": counts}


def recorded_attention():
    """Return the shipped network's attention over ten made-up seconds of fibrillation."""
    from chapters.ecg.detector import Detector
    from chapters.ecg.models import attention

    network = Detector.load(data_folder() / "weights" / "ecg.npz").networks[0]
    signal = synthetic(AF, 10, 6)
    weights = attention(network, signal[None, :, None])["attention"][0]
    when = (np.arange(len(weights)) + 0.5) * 10 / len(weights)
    return {
        "signal": rounded(signal, 3),
        "when": rounded(when, 3),
        "weights": rounded(weights, 5),
    }


def rounded(values, digits=4):
    """Return numbers as a list of so many digits."""
    return [round(float(value), digits) for value in values]


if __name__ == "__main__":
    record.make(curves=recorded_curves, confusion=recorded_confusion, attention=recorded_attention)
