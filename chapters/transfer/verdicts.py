"""What the studies show, and what they cannot: up to which amount, and in which cells."""

from typing import NamedTuple

import numpy as np

from chapters.transfer import studies
from chapters.transfer.scratch import recommend
from companion.studies.records import recorded_results
from companion.studies.results import Results
from companion.studies.statistics import CONFIDENCE, bootstrap_interval

SIMILAR = "digits 5 to 9"


def recorded(name: str) -> Results:
    """Return the recorded results of one of the chapter's studies."""
    return recorded_results(getattr(studies, name))


def helps_up_to(results: Results, strategy: str) -> tuple[int, int]:
    """Return up to which amount a base is shown to help, and from which on it no longer is.

    Args:
        results: Those of `chapters.transfer.studies.head_start`.
        strategy: ``"head"``, ``"some"`` or ``"all"``.

    Returns:
        The largest number of examples a class with an error that is lower than from nothing, at
        all smaller amounts, too; and the next one. 0 where there is none.
    """
    line = results.table[results.table["base"] == strategy].sort_values("examples a class")
    amounts = line["examples a class"].tolist()
    lower = [*(line["effect"] == "lower"), False]
    first_loss = lower.index(False)
    return (amounts[first_loss - 1] if first_loss else 0), (
        amounts[first_loss] if first_loss < len(amounts) else 0
    )


def head_start_verdict(results: Results) -> str:
    """Return in a sentence up to which amount the base helps, and where that is no longer shown."""
    helped, no_longer = helps_up_to(results, "head")
    if not helped:
        return "A frozen base under a new head is not shown to help at any amount."
    end = (
        f"; with {no_longer} that is no longer shown" if no_longer else ", the most that was tried"
    )
    return (
        "A frozen base under a new head is better than training from nothing with up to "
        f"{helped} a class{end}."
    )


class Cell(NamedTuple):
    """One cell of the matrix, held to the record.

    Attributes:
        task: What was to be learned.
        each: Examples a class.
        advised: The strategy that the lecture's matrix gives.
        errors: Mean test error of each strategy.
        best: The strategy with the lowest of them.
        difference: How much higher the error of the advised one is, seed by seed.
        low: Lower bound of that; all cells' intervals hold together with 95 %.
        high: Upper bound.
    """

    task: str
    each: int
    advised: str
    errors: dict[str, float]
    best: str
    difference: float
    low: float
    high: float

    @property
    def rival(self) -> str:
        """The strategy with the lowest error, as a reader calls it."""
        return "training from nothing" if self.best == studies.NOTHING else self.best

    @property
    def holds(self) -> str:
        """Whether the advice is ``"best"``, ``"not told apart"`` from the best, or ``"worse"``."""
        if self.best == self.advised:
            return "best"
        return "worse" if self.low > 0 else "not told apart"


def cells(results: Results) -> list[Cell]:
    """Return every cell of the matrix with the advice and what came of it.

    The strategies of a cell are compared with the one that was best on average, which favours that
    one a little: an advice that is called worse is worse than what was best in hindsight.

    Args:
        results: Those of `chapters.transfer.studies.amount_and_similarity`.
    """
    table = results.table
    pairs = zip(table["task"], table["examples a class"], strict=True)
    compared = list(dict.fromkeys((str(task), int(each)) for task, each in pairs))
    confidence = 1 - (1 - CONFIDENCE) / len(compared)
    found = []
    for task, each in compared:
        amount = "little" if each == studies.LITTLE else "large"
        advised = recommend(amount, "similar" if task == SIMILAR else "different").strategy
        of = {
            base: results.values[task, base, each]
            for base in (studies.NOTHING, *studies.STRATEGIES)
        }
        errors = {base: float(np.mean(list(values.values()))) for base, values in of.items()}
        best = min(errors, key=lambda base: (errors[base], base != advised))
        worse = [of[advised][seed] - of[best][seed] for seed in of[advised]]
        low, high = bootstrap_interval(worse, confidence)
        found.append(Cell(task, each, advised, errors, best, float(np.mean(worse)), low, high))
    return found


def matrix_verdict(results: Results) -> str:
    """Return where the advice was best, not told apart from the best, or worse, as a list."""
    all_cells = cells(results)
    parts = []
    for amount, each in (("little", studies.LITTLE), ("large", studies.LARGE)):
        for similar in (True, False):
            group = [
                one for one in all_cells if one.each == each and (one.task == SIMILAR) == similar
            ]
            shares = ", ".join(
                f"{one.task}: {one.holds}" + (f" than {one.rival}" if one.holds == "worse" else "")
                for one in group
            )
            likeness = "similar" if similar else "different"
            parts.append(f"{amount} and {likeness} ({group[0].advised}): {shares}.")
    return "\n".join(f"- {part[0].upper()}{part[1:]}" for part in parts)
