"""What the rows say: a table, an interval, a sentence that follows from it, and a figure."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtrit

from companion.studies.runner import LostRow, Row, Rows
from companion.studies.study import Level, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONFIDENCE = 0.95
RESAMPLES = 10_000
# Okabe and Ito (2008): told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "os^Dv<>"


def bootstrap_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return an interval for the mean of a few values, by resampling them.

    The expanded percentile interval of Hesterberg (2015), "What Teachers Should Know About the
    Bootstrap", The American Statistician 69: the percentile interval of the resampled means is
    too narrow for small samples, so its tail α/2 becomes Φ(−√(n/(n−1)) · t_{α/2, n−1}).
    The resampling is seeded: the same values give the same interval.

    >>> low, high = bootstrap_interval([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    >>> round(low, 2), round(high, 2)
    (0.17, 0.53)

    Args:
        values: n numbers. One alone has no interval, so it gives ``(nan, nan)``.
        confidence: How often such an interval holds the true mean.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    picks = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    tail = ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - confidence) / 2))
    low, high = np.quantile(values[picks].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def seeds_needed(comparisons: int) -> int:
    """Return how many seeds it takes to show anything with so many comparisons at once.

    Were two levels alike, n paired differences would all lean one way with probability 2^(1−n);
    that must not exceed 0.05 / comparisons (Bonferroni).

    >>> seeds_needed(1), seeds_needed(5), seeds_needed(20)
    (6, 8, 10)
    """
    return math.ceil(1 + math.log2(max(1, comparisons) / (1 - CONFIDENCE)))


@dataclass(frozen=True)
class Results:
    """The rows of a study, and what follows from them.

    Attributes:
        study: The study.
        quick: Whether these are the quick rows.
        rows: One `Row` for each level and seed that could be measured.
        lost: The rows that could not.
        seconds: How long the run took, in all.
        outcome: The column spoken of; the study's own by default.
    """

    study: Study
    quick: bool
    rows: tuple[Row, ...]
    lost: tuple[LostRow, ...] = ()
    seconds: float = 0.0
    outcome: str = field(default="")

    def __post_init__(self) -> None:
        if not self.outcome:
            object.__setattr__(self, "outcome", self.study.outcome)

    @classmethod
    def of(cls, rows: Rows, outcome: str = "") -> "Results":
        """Return the results of a run."""
        return cls(rows.study, rows.quick, rows.done, rows.lost, rows.seconds, outcome)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The tidy table: one row for each level and seed, factors and numbers in columns."""
        return pd.DataFrame(
            [
                {"level": self.study.name_of(row.level), **self.factors(row.level)}
                | {"seed": row.seed, **row.values}
                for row in self.rows
            ]
        )

    @cached_property
    def by_level(self) -> dict[Level, dict[int, float]]:
        """The outcome of each level that was measured, by seed."""
        found: dict[Level, dict[int, float]] = {}
        for row in self.rows:
            found.setdefault(row.level, {})[row.seed] = row.values[self.outcome]
        return found

    @cached_property
    def comparisons(self) -> int:
        """How many levels are compared with a baseline."""
        return sum(self.baseline_of(level) != level for level in self.study.levels_of(self.quick))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each level: mean, standard deviation, interval, difference from the baseline.

        ``difference_low`` and ``difference_high`` bound the mean difference over the seeds that
        both levels share; all such intervals hold together with 95 % confidence (Bonferroni).
        ``effect`` is ``lower``, ``higher``, ``none shown`` or ``baseline``.
        """
        return pd.DataFrame([self.summary(level) for level in self.by_level])

    def summary(self, level: Level) -> dict[str, Any]:
        """Return one level's row of the table."""
        outcomes = self.by_level[level]
        values = list(outcomes.values())
        low, high = bootstrap_interval(values)
        baseline = self.baseline_of(level)
        reference = self.by_level.get(baseline, {})
        pairs = [outcomes[seed] - reference[seed] for seed in outcomes if seed in reference]
        summary = {
            "level": self.study.name_of(level),
            **self.factors(level),
            "seeds": len(values),
            "mean": float(np.mean(values)),
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
            "low": low,
            "high": high,
            "baseline": self.study.name_of(baseline),
            "difference": math.nan,
            "difference_low": math.nan,
            "difference_high": math.nan,
            "effect": "baseline" if level == baseline else "none shown",
        }
        if level != baseline and pairs:
            confidence = 1 - (1 - CONFIDENCE) / self.comparisons
            low, high = bootstrap_interval(pairs, confidence)
            summary |= {"difference": float(np.mean(pairs))}
            summary |= {"difference_low": low, "difference_high": high}
            if len(pairs) >= seeds_needed(self.comparisons) and (low > 0 or high < 0):
                summary["effect"] = "higher" if low > 0 else "lower"
        others = [row.values for row in self.rows if row.level == level]
        for column in others[0]:
            if column != self.outcome and column not in self.study.timings:
                summary[f"mean_{column}"] = float(np.mean([row[column] for row in others]))
        return summary

    def factors(self, level: Level) -> dict[str, Any]:
        """Return a level's value of each factor."""
        parts = level if isinstance(level, tuple) else (level,)
        return dict(zip(self.study.factors, parts, strict=True))

    def baseline_of(self, level: Level) -> Level:
        """Return the level that `level` is compared with."""
        return self.study.baseline_of(level, self.quick)

    @property
    def thing(self) -> str:
        """The outcome in words."""
        return self.outcome.replace("_", " ")

    @cached_property
    def findings(self) -> tuple["Finding", ...]:
        """What each baseline's comparisons come to."""
        if not self.by_level:
            return ()
        groups = self.table[self.table["baseline"] != self.table["level"]].groupby(
            "baseline", sort=False
        )
        return tuple(Finding(self, str(name), group) for name, group in groups)

    @cached_property
    def verdict(self) -> str:
        """What the intervals allow to be said, in a few sentences."""
        if not self.by_level:
            return "Nothing can be said: every row was lost."
        if not self.findings:
            return f"Nothing is compared: {self.thing} has one level, {self.table['level'][0]}."
        return " ".join(finding.sentence for finding in self.findings)

    @property
    def title(self) -> str:
        """The finding, short enough for a figure's title."""
        return "\n".join(finding.title for finding in self.findings) or self.verdict

    @property
    def alt_text(self) -> str:
        """What the figure shows, for those who cannot see it."""
        means = (
            f"{row['level']}: {number(row['mean'])} ({number(row['low'])} to {number(row['high'])})"
            for _, row in self.table.iterrows()
        )
        return f"{self.study.question} {self.verdict} Means with intervals: {'; '.join(means)}."

    def figure(self) -> "Figure":
        """Draw each level's mean and 95 % interval; the title states the finding."""
        return draw(self)

    def save(self, folder: Path) -> Path:
        """Write ``rows.csv``, ``table.csv`` and ``figure.png`` and return the figure's path."""
        self.frame.to_csv(folder / "rows.csv", index=False)
        self.table.to_csv(folder / "table.csv", index=False)
        path = folder / "figure.png"
        self.figure().savefig(
            path, dpi=150, metadata={"Title": self.title, "Description": self.alt_text}
        )
        return path

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values; what differs from run to run is under ``timings``."""
        timed = set(self.study.timings)
        return {
            "study": self.study.name,
            "question": self.study.question,
            "quick": self.quick,
            "outcome": self.outcome,
            "seeds": sorted({row.seed for row in self.rows}),
            "table": plain(self.table),
            "verdict": self.verdict,
            "lost": [
                {"level": plain(lost.level), "seed": lost.seed, "reason": lost.reason}
                for lost in self.lost
            ],
            "rows": [
                {"level": plain(row.level), "seed": row.seed}
                | {name: value for name, value in row.values.items() if name not in timed}
                for row in self.rows
            ],
            "timings": {
                "seconds": round(self.seconds, 3),
                "peak_memory_mb": max((row.peak_memory_mb or 0 for row in self.rows), default=0),
                "rows": [
                    {"seconds": row.seconds}
                    | {name: value for name, value in row.values.items() if name in timed}
                    for row in self.rows
                ],
            },
        }


def plain(value: Any) -> Any:
    """Return a table or a level as JSON knows it: lists, dicts, and None for what is missing."""
    if isinstance(value, pd.DataFrame):
        return [{key: plain(cell) for key, cell in row.items()} for row in value.to_dict("records")]
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def number(value: float) -> str:
    """Return a number with three significant digits and a true minus sign.

    >>> number(-0.03217), number(1234.5)
    ('−0.0322', '1,234')
    """
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return shown.replace("-", "−")


class Finding:
    """What the comparisons with one baseline come to, as a sentence and as a title."""

    def __init__(self, results: Results, baseline: str, group: pd.DataFrame) -> None:
        self.results, self.baseline, self.group = results, baseline, group
        means = results.table.set_index("level")["mean"]
        self.reference = float(means[baseline]) if baseline in means else math.nan
        self.seeds = int(group["seeds"].min())
        better = group[group["effect"] == results.study.better].sort_values(
            "mean", ascending=results.study.better == "lower"
        )
        worse = group[group["effect"] == ("higher" if results.study.better == "lower" else "lower")]
        shown = better if len(better) else worse
        self.best = shown.iloc[0] if len(shown) else None

    @property
    def title(self) -> str:
        """The finding in a dozen words."""
        thing = self.results.thing
        if self.best is None:
            return f"No difference in {thing} from {self.baseline} that {self.seeds} seeds can show"
        verb = "lowers" if self.best["effect"] == "lower" else "raises"
        return (
            f"{self.best['level']} {verb} {thing} from {number(self.reference)} "
            f"({self.baseline}) to {number(self.best['mean'])}"
        )

    @property
    def sentence(self) -> str:
        """The finding with its intervals."""
        return self.nothing() if self.best is None else self.something(self.best)

    def nothing(self) -> str:
        """Say that no difference is shown, and how large a one the seeds could have missed."""
        if not math.isfinite(self.reference):
            return f"Nothing can be compared with {self.baseline}: its rows were lost."
        needed = seeds_needed(self.results.comparisons)
        said = f"{self.title}"
        if self.seeds < needed:
            return f"{said}: {count(self.results.comparisons)} at least {needed} seeds."
        hidden = self.group[["difference_low", "difference_high"]].abs().to_numpy().max()
        return f"{said}; one of {number(hidden)} is not ruled out."

    def something(self, best: "pd.Series[Any]") -> str:
        """Say which level differs most to the good, by how much, and how the others do."""
        said = (
            f"{self.results.thing.capitalize()} is {best['effect']} with {best['level']} than "
            f"with {self.baseline}: {number(best['mean'])} against {number(self.reference)}, "
            f"a difference of {number(best['difference'])} "
            f"({number(best['difference_low'])} to {number(best['difference_high'])}, "
            f"{self.seeds} seeds)."
        )
        rest = self.group[self.group["level"] != best["level"]]
        for effect, start in (
            ("lower", "Lower too" if best["effect"] == "lower" else "Lower"),
            ("higher", "Higher too" if best["effect"] == "higher" else "Higher"),
            ("none shown", "No difference shown"),
        ):
            levels = list(rest["level"][rest["effect"] == effect])
            if levels:
                named = "; ".join(levels) if len(levels) < 5 else f"{len(levels)} other levels"
                said += f" {start}: {named}."
        return said


def count(comparisons: int) -> str:
    """Return how many comparisons need something, in words."""
    return "1 comparison needs" if comparisons == 1 else f"{comparisons} comparisons need"


# ---- the figure ---------------------------------------------------------------------------------


def draw(results: Results) -> "Figure":
    """Return a study's figure: its factors are, from the last, the axis, the lines, the panels."""
    from matplotlib.figure import Figure

    study, table = results.study, results.table
    panels = list(dict.fromkeys(table[study.factors[-3]])) if len(study.factors) > 2 else [None]
    figure = Figure(figsize=(max(6.4, 4.2 * len(panels)), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        part = table if panel is None else table[table[study.factors[-3]] == panel]
        draw_panel(axis, results, part)
        if panel is not None:
            axis.set_title(f"{panel}", fontsize="medium")
    unit = f" ({study.unit})" if study.unit and results.outcome == study.outcome else ""
    axes[0].set_ylabel(f"{results.thing.capitalize()}{unit}")
    figure.suptitle(results.title, fontsize="medium")
    figure.supxlabel(
        f"mean of {int(table['seeds'].min())} seeds with its 95 % bootstrap interval; filled: "
        "differs from the dashed baseline, seed by seed",
        fontsize="x-small",
        color="0.5",
    )
    return figure


def draw_panel(axis: "Axes", results: Results, table: pd.DataFrame) -> None:
    """Draw the baseline as a dashed line with its interval, and each line's points with theirs."""
    study = results.study
    horizontal = study.factors[-1]
    lines: list[tuple[Any, pd.DataFrame]] = [("", table)]
    if len(study.factors) > 1:
        lines = list(table.groupby(study.factors[-2], sort=False))
        # a baseline that is a line of one point is drawn as the dashed line alone
        lines = [(name, line) for name, line in lines if set(line["effect"]) != {"baseline"}]
    drawn = pd.concat([line for _, line in lines] or [table])[horizontal]
    places, ticks = placed(list(dict.fromkeys(drawn)))
    for _, baseline in table[table["effect"] == "baseline"].iterrows():
        axis.axhline(baseline["mean"], color="#666666", linestyle="--", linewidth=1)
        axis.axhspan(baseline["low"], baseline["high"], color="#666666", alpha=0.12, linewidth=0)
    for index, (name, line) in enumerate(lines):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        dodge = 0.12 * (index - (len(lines) - 1) / 2)
        line = line.assign(place=[places[value] + dodge for value in line[horizontal]])
        line = line.sort_values("place")
        joined = "-" if pd.api.types.is_numeric_dtype(line[horizontal]) else ""
        axis.plot(
            line["place"], line["mean"], joined, marker="", color=colour, alpha=0.5, linewidth=1
        )
        for _, point in line.iterrows():
            shown = point["effect"] != "none shown"
            axis.errorbar(
                point["place"],
                point["mean"],
                [[point["mean"] - point["low"]], [point["high"] - point["mean"]]],
                marker=marker,
                color="#666666" if point["effect"] == "baseline" else colour,
                markerfacecolor=None if shown else "white",
                capsize=3,
            )
        axis.plot([], [], marker=marker, color=colour, label=str(name))
    if len(lines) > 1 and axis is axis.figure.axes[0]:
        axis.legend(title=study.factors[-2], fontsize="small", frameon=False)
    crowded = max(map(len, ticks)) > 8 or sum(map(len, ticks)) > 30
    axis.set_xticks(
        list(ticks.values()),
        list(ticks),
        rotation=20 if crowded else 0,
        ha="right" if crowded else "center",
    )
    axis.set_xlabel(horizontal)
    axis.spines[["top", "right"]].set_visible(False)


def placed(values: list[Any]) -> tuple[dict[Any, float], dict[str, float]]:
    """Return where levels lie on the axis, and its ticks.

    Numbers over decades lie at their logarithm; others, in order, side by side.

    >>> placed([0.1, 0.001])
    ({0.1: -1.0, 0.001: -3.0}, {'0.001': -3.0, '0.01': -2.0, '0.1': -1.0})
    >>> placed([0.5, 0.0])
    ({0.0: 0.0, 0.5: 1.0}, {'0': 0.0, '0.5': 1.0})
    """
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values) and 0 < 100 * min(numbers) <= max(numbers):
        places = {value: math.log10(value) for value in numbers}
        decades = range(math.floor(min(places.values())), math.ceil(max(places.values())) + 1)
        return places, {f"{10.0**decade:g}": float(decade) for decade in decades}
    order = sorted(numbers) if len(numbers) == len(values) else values
    places = {value: float(place) for place, value in enumerate(order)}
    return places, {number_or_name(value): place for value, place in places.items()}


def number_or_name(value: str | float) -> str:
    """Return a name as it is, a number without needless digits."""
    return value if isinstance(value, str) else f"{value:g}"
