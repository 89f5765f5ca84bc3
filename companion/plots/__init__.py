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
from companion.plots.panels import Panel, panels

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "Panel",
    "confusion_matrix",
    "learning_curve",
    "panels",
    "plain",
]
