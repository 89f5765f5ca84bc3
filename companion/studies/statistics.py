"""What the rows come to: each level's mean, an interval, and its difference from the baseline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtrit

from companion.studies.storage import LostRow, Row
from companion.studies.study import Level, Study

CONFIDENCE = 0.95
RESAMPLES = 10_000
ABBREVIATIONS = {"auc", "mse", "pr", "roc"}


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


def sentence_case(words: str) -> str:
    """Return words with a capital at their head; abbreviations stay as they are."""
    return words[:1].upper() + words[1:]


def by_level(rows: Sequence[Row], column: str) -> dict[Level, dict[int, float]]:
    """Return one column of the rows: the value of each level and seed."""
    values: dict[Level, dict[int, float]] = {}
    for row in rows:
        values.setdefault(row.level, {})[row.seed] = row.values[column]
    return values


@dataclass(frozen=True)
class Statistics:
    """The rows of a study, and what follows from one column of them.

    Attributes:
        study: The study.
        quick: Whether it was the quick one.
        rows: One `Row` for each level and seed that could be measured, in the study's order.
        lost: The rows that could not be had.
        seconds: How long the run took; rows that were there before cost nothing.
        outcome: The column; the study's outcome by default.
    """

    study: Study
    quick: bool
    rows: tuple[Row, ...]
    lost: tuple[LostRow, ...] = ()
    seconds: float = 0.0
    outcome: str = ""

    def __post_init__(self) -> None:
        if not self.outcome:
            object.__setattr__(self, "outcome", self.study.outcome)

    @property
    def name(self) -> str:
        """The outcome in words."""
        words = self.outcome.split("_")
        return " ".join(word.upper() if word in ABBREVIATIONS else word for word in words)

    @cached_property
    def values(self) -> dict[Level, dict[int, float]]:
        """The outcome of each level that was measured, by seed."""
        return by_level(self.rows, self.outcome)

    @cached_property
    def comparisons(self) -> int:
        """How many levels are compared with a baseline."""
        levels = self.study.levels_of(self.quick)
        return sum(self.study.baseline_of(level, self.quick) != level for level in levels)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each level: mean, standard deviation, interval, difference from the baseline.

        ``difference_low`` and ``difference_high`` bound the mean difference over the seeds that
        both levels share; all such intervals hold together with 95 % confidence (Bonferroni).
        ``effect`` is ``lower``, ``higher``, ``none shown`` or ``baseline``.
        """
        return pd.DataFrame([self.summary(level) for level in self.values])

    def differences(self, level: Level) -> list[float]:
        """Return a level's differences from its baseline, over the seeds that both have."""
        outcomes = self.values[level]
        reference = self.values.get(self.study.baseline_of(level, self.quick), {})
        return [outcomes[seed] - reference[seed] for seed in outcomes if seed in reference]

    def summary(self, level: Level) -> dict[str, Any]:
        """Return one level's row of the table."""
        values = list(self.values[level].values())
        low, high = bootstrap_interval(values)
        baseline, pairs = self.study.baseline_of(level, self.quick), self.differences(level)
        summary = {
            "level": self.study.name_of(level),
            **self.study.factors_of(level),
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
