"""Figures: charts and their colours, diagrams, what is recorded for them, and inline SVG."""

from companion.plots.charts import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    confusion_matrix,
    learning_curve,
    plain,
)
from companion.plots.inline_svg import svg

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "confusion_matrix",
    "learning_curve",
    "plain",
    "svg",
]
