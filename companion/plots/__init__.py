"""Figures: charts and their colours, diagrams, and inline SVG."""

from companion.plots.charts import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    confusion_matrix,
    intervals,
    learning_curve,
    picture,
    plain,
    predicted_against_true,
    subplots,
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
    "intervals",
    "learning_curve",
    "panels",
    "picture",
    "plain",
    "predicted_against_true",
    "subplots",
]
