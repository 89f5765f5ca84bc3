"""Results: a study's rows with their statistics, what they say, and how they are drawn."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from companion.studies import sentences
from companion.studies.figure import draw
from companion.studies.sentences import number
from companion.studies.statistics import Statistics
from companion.studies.storage import most_memory_mb


@dataclass(frozen=True)
class Results(Statistics):
    """The rows of a study, and everything that follows from them."""

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The tidy table: one row for each level and seed, factors and numbers in columns."""
        return pd.DataFrame(
            [
                {"level": self.study.name_of(row.level), **self.study.factors_of(row.level)}
                | {"seed": row.seed, **row.values}
                for row in self.rows
            ]
        )

    @cached_property
    def verdict(self) -> str:
        """What the intervals allow to be said, in a few sentences."""
        return sentences.verdict(self)

    @property
    def title(self) -> str:
        """The verdict, short enough for a figure's title."""
        return sentences.title(self)

    @property
    def alt_text(self) -> str:
        """What the figure shows, for those who cannot see it."""
        means = (
            f"{row['level']}: {number(row['mean'])} ({number(row['low'])} to {number(row['high'])})"
            for _, row in self.table.iterrows()
        )
        intervals = "; ".join(means).replace("_", " ")
        return f"{self.study.question} {self.verdict} Means with intervals: {intervals}."

    def figure(self) -> Figure:
        """Draw each level's mean and 95 % interval; the title states the finding."""
        figure = draw(self, self.title)
        figure.set_label(self.alt_text)
        return figure

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
                "peak_memory_mb": most_memory_mb(self.rows),
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
