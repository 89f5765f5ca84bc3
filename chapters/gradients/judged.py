"""The examination judged like a classifier: is what was broken named, and are the healthy left be?

The rules were written on runs of seeds from 100,000 on. A first judgement, of seeds below 30,000,
missed two faults of 24; their rules were mended on more runs of the former kind. A second, of seeds
from 30,000 on, missed none; then the rule for overfitting was narrowed, because it called models of
the catalogue sick that had just begun. What is judged here has seeds that no rule has seen, from
`FIRST` on.
"""

from chapters.gradients.faults import FAULTS, healthy, trained
from companion.studies.study import Study
from companion.training.diagnosis import RULES

HEALTHY = tuple(f"healthy {group}" for group in range(1, 17))
FIRST = 60_000
"""The first seed."""
RUNS = 10  # of each fault, and of each group of healthy ones
NAMES = ("nothing", *RULES)
"""What can be found, by the number that the record holds; the rules only ever grow at the end."""


def judged_row(level: str, seed: int, *, quick: bool):
    """Break one training in one way, or leave it whole, and compare what is found with what was.

    No two levels draw the same training. ``names`` is 1 where the fault is among the first two
    findings, or where nothing was broken and nothing is found; ``first`` and ``second`` are
    numbers of `NAMES`.
    """
    if level in FAULTS:
        trial = FAULTS[level].drawn(FIRST + seed + 1_000 * (1 + list(FAULTS).index(level)))
    else:
        trial = healthy(FIRST + seed + RUNS * HEALTHY.index(level))
    names = [one.name for one in trained(trial).report().findings]
    first, second, *_ = (*names, "nothing", "nothing")
    return {
        "named": float(level in (first, second) if level in FAULTS else not names),
        "first": float(NAMES.index(first)),
        "second": float(NAMES.index(second)),
        "findings": float(len(names)),
    }


examination_judged = Study(
    name="examination_judged",
    question="Does an examination name what is wrong with a training among its first two findings, "
    "and does it find nothing where nothing is wrong?",
    factor="what was done",
    levels=(*HEALTHY, *FAULTS),
    quick_levels=(*HEALTHY[:3], *tuple(FAULTS)[::4]),
    seeds=range(RUNS),
    quick_seeds=range(2),
    outcome="named",
    unit="share of runs",
    better="higher",
    measure=judged_row,
)
