"""What the statistics allow to be said: a title and a sentence for each baseline."""

import math
from typing import Any

import pandas as pd

from companion.studies.statistics import Statistics, seeds_needed, sentence_case


def number(value: float) -> str:
    """Return a number with three significant digits and a true minus sign.

    >>> number(-0.03217), number(999.7), number(1234.5)
    ('−0.0322', '1,000', '1,234')
    """
    shown = f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"
    return shown.replace("-", "−")


def verdict(statistics: Statistics) -> str:
    """Return what the intervals allow to be said, in a few sentences."""
    if not statistics.values:
        return "Nothing can be said: every row was lost."
    sentences = " ".join(comparison.sentence for comparison in comparisons(statistics))
    only = statistics.table["level"][0]
    return sentences or f"Nothing is compared: {statistics.name} has one level, {only}."


def title(statistics: Statistics) -> str:
    """Return the same, short enough for a figure's title."""
    titles = "\n".join(comparison.title for comparison in comparisons(statistics))
    return titles or verdict(statistics)


def comparisons(statistics: Statistics) -> list["Comparison"]:
    """Return the comparison of each baseline with its levels."""
    if not statistics.values:
        return []
    names = {name: statistics.table[name].str.replace("_", " ") for name in ("level", "baseline")}
    pairs = [len(statistics.differences(level)) for level in statistics.values]
    table = statistics.table.assign(pairs=pairs, **names)
    groups = table[table["baseline"] != table["level"]].groupby("baseline", sort=False)
    means = table.set_index("level")["mean"].to_dict()
    return [
        Comparison(statistics, str(baseline), means.get(baseline, math.nan), levels)
        for baseline, levels in groups
    ]


class Comparison:
    """One baseline and the levels that are compared with it, as a sentence and as a title.

    Args:
        statistics: Those of the study.
        baseline: The baseline's name.
        reference: Its mean; NaN where its rows were lost.
        levels: The rows of the table that are compared with it.
    """

    def __init__(
        self, statistics: Statistics, baseline: str, reference: float, levels: pd.DataFrame
    ) -> None:
        self.statistics, self.baseline, self.levels = statistics, baseline, levels
        self.reference = reference
        self.seeds = int(levels["pairs"].min())
        better = statistics.study.better
        improved = levels[levels["effect"] == better].sort_values(
            "mean", ascending=better == "lower"
        )
        worsened = levels[levels["effect"] == ("higher" if better == "lower" else "lower")]
        shown = improved if len(improved) else worsened
        self.best = shown.iloc[0] if len(shown) else None

    @property
    def title(self) -> str:
        """The comparison in a dozen words."""
        name = self.statistics.name
        if self.best is None:
            return f"No difference in {name} from {self.baseline} that {self.seeds} seeds can show"
        best, than = number(self.best["mean"]), number(self.reference)
        return (
            f"{sentence_case(name)} is {self.best['effect']} with {self.best['level']} ({best}) "
            f"than with {self.baseline} ({than})"
        )

    @property
    def sentence(self) -> str:
        """The comparison with its intervals."""
        return self._no_difference() if self.best is None else self._difference(self.best)

    def _no_difference(self) -> str:
        """Say that no difference is shown, and how large a one the seeds could have missed."""
        if not math.isfinite(self.reference):
            return f"Nothing can be compared with {self.baseline}: its rows were lost."
        compared = self.statistics.comparisons
        if self.seeds < (needed := seeds_needed(compared)):
            need = "1 comparison needs" if compared == 1 else f"{compared} comparisons need"
            return f"{self.title}: {need} at least {needed} seeds."
        hidden = self.levels[["difference_low", "difference_high"]].abs().to_numpy().max()
        return f"{self.title}; one of {number(hidden)} is not ruled out."

    def _difference(self, best: "pd.Series[Any]") -> str:
        """Say which level differs most to the good, by how much, and how the others do."""
        sentence = (
            f"{sentence_case(self.statistics.name)} is {best['effect']} with {best['level']} than "
            f"with {self.baseline}: {number(best['mean'])} against {number(self.reference)}, "
            f"a difference of {number(best['difference'])} "
            f"({number(best['difference_low'])} to {number(best['difference_high'])}, "
            f"{self.seeds} seeds)."
        )
        rest = self.levels[self.levels["level"] != best["level"]]
        for effect, start in (
            ("lower", "Lower too" if best["effect"] == "lower" else "Lower"),
            ("higher", "Higher too" if best["effect"] == "higher" else "Higher"),
            ("none shown", "No difference shown"),
        ):
            if levels := list(rest["level"][rest["effect"] == effect]):
                named = "; ".join(levels) if len(levels) < 5 else f"{len(levels)} other levels"
                sentence += f" {start}: {named}."
        return sentence
