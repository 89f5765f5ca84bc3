"""Signs: how a rule is written that sees one in what a run has kept."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class TrainingLog:
    """What a run has kept, as the rules read it.

    Args:
        kept: As `companion.training.examination.Examination` keeps it.

    Attributes:
        data: What was seen of the data.
        setting: Loss, optimizer and the ends of the model.
        batch: Type and range of the first batch.
        training_loss: The training loss of each epoch.
        validation_loss: The validation loss of each epoch; empty without one.
        step_losses: The losses of the steps, one after the other.
    """

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept
        self.data: dict[str, Any] = kept.get("data", {})
        self.setting: dict[str, Any] = kept.get("setting", {})
        self.batch: dict[str, Any] = kept.get("batch", {})
        history = kept.get("history", [])
        self.training_loss = numbers(history, "loss")
        self.validation_loss = numbers(history, "val_loss")
        steps = [np.array(row["losses"], float) for row in kept.get("steps", [])]
        self.step_losses = np.concatenate(steps) if steps else np.zeros(0)

    @property
    def counts(self) -> Array:
        """How many training examples each class has; empty where the targets are numbers."""
        return np.array(self.data.get("counts", []), float)

    @property
    def classes(self) -> int:
        """The number of classes that the model tells apart; 0 where it is not trained for any."""
        if not len(self.counts) or "entropy" not in self.setting.get("loss", ""):
            return 0
        return max(int(self.setting.get("outputs") or 0), 2)

    @property
    def chance_loss(self) -> float:
        """The loss of who knows the classes' shares alone; NaN without classes."""
        shares = self.counts[self.counts > 0] / max(self.counts.sum(), 1)
        return float(-(shares * np.log(shares)).sum()) if self.classes else math.nan

    def rows(self, name: str, *, first: bool = False) -> list[dict[str, Any]]:
        """Return the entries of the last look, or of the first; what is no number is NaN."""
        rows = self.kept.get(name, [])
        epoch = rows[0 if first else -1]["epoch"] if rows else None
        return [_with_nan(row) for row in rows if row["epoch"] == epoch]

    def per_layer(self, name: str, key: str, *, first: bool = False) -> Array:
        """Return a number of each layer."""
        return numbers(self.rows(name, first=first), key)

    def learned(self) -> float:
        """Return the share of the loss by chance, or else of the first, that training took away.

        Of the mean over the last tenth of the epochs; −∞ where it is no number.
        """
        return self._fallen_from(self.chance_loss if self.classes else self.step_losses[:1].mean())

    def fallen(self) -> float:
        """Return the share of the first loss that training took away."""
        return self._fallen_from(self.step_losses[:3].mean())

    def _fallen_from(self, start: float) -> float:
        losses = self.training_loss
        end = losses[-max(1, len(losses) // 10) :].mean() if len(losses) else math.nan
        return float(1 - end / start) if np.isfinite([start, end]).all() and start else -math.inf


def _with_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in row.items()}


def numbers(rows: list[dict[str, Any]], key: str) -> Array:
    """Return one number of each row that has it."""
    return np.array([row[key] for row in rows if key in row], float)


Rule = Callable[[TrainingLog], str | None]
# By the name of what a rule sees: the rule, the likely cause, what to try, and where to read.
Rules = dict[str, tuple[Rule, str, str, str]]


def register_in(rules: Rules) -> Callable[..., Callable[[Rule], Rule]]:
    """Return a decorator that adds rules to `rules`, in the order in which they are written."""

    def sign(name: str, *, cause: str, remedy: str, section: str) -> Callable[[Rule], Rule]:
        """Make the decorated function the rule that sees `name`."""

        def add(rule: Rule) -> Rule:
            rules[name] = (rule, cause, remedy, section)
            return rule

        return add

    return sign
