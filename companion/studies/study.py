"""A study is a question put to a computer: one factor, its levels, and enough seeds to trust it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from companion.errors import UserError

Scalar = str | int | float
Level = Scalar | tuple[Scalar, ...]

# What the tables of results call their own columns.
COLUMNS = frozenset(
    {"level", "seed", "seeds", "mean", "sd", "low", "high", "baseline", "difference", "effect"}
    | {"difference_low", "difference_high", "seconds", "peak_memory_mb"}
)


@dataclass(frozen=True)
class Study:
    """A question, the factor that is varied, its levels, and the seeds that repeat it.

    A study lives in a chapter's ``studies.py``, which imports no Keras at its top; its `measure`
    does, when a worker calls it:

    >>> def measure(level, seed, *, quick):
    ...     return {"test_error": 0.20 - 0.01 * level + 0.001 * seed, "weight_norm": 5.0 - level}
    >>> study = Study(
    ...     name="weight_decay",
    ...     question="Does weight decay lower the test error of a network that overfits?",
    ...     factor="λ",
    ...     levels=(0.0, 1e-4, 1e-3, 1e-2),
    ...     quick_levels=(0.0, 1e-3),
    ...     outcome="test_error",
    ...     unit="share of test images",
    ...     measure=measure,
    ... )
    >>> study.name_of(1e-3), study.rows(quick=True)[:2]
    ('λ = 0.001', ((0.0, 0), (0.0, 1)))

    Two or three factors at once are levels that are tuples, one entry for each factor; the last
    is the figure's horizontal axis, the one before it its lines, the one before that its panels:
    ``factor=("optimizer", "penalty", "λ")``, ``levels=(("SGD", "none", 0.0), ("SGD", "L2", 1e-4),
    …)``, and a `baseline` that says which level each is compared with:
    ``baseline=lambda level: (level[0], "none", 0.0)``.

    How many seeds? Every level is compared with its baseline, pair by pair. ``k`` comparisons at
    once can show nothing unless ``2^(1−seeds) ≤ 0.05 / k`` (were the two alike, that is how often
    every pair would lean the same way): 6 seeds for one comparison, 8 for five, 10 for twenty.

    Attributes:
        name: What a user types: ``companion study weight_decay``.
        question: The question, in one sentence.
        factor: What is varied, as the figure's axis names it; a tuple of names for tuple levels.
        levels: Its values: strings, numbers, or tuples of them; no value twice.
        outcome: The column of `measure` that the verdict and the figure speak of.
        measure: A function at the top of a module (a worker process imports it), called as
            ``measure(level, seed, quick=…)``; returns a dict of finite numbers, the row. It must
            set every seed from `seed` alone, so that a row is the same wherever it is run. What
            it keeps in its working folder, other rows of the same study and code find there.
        seeds: The seeds that repeat each level.
        unit: The outcome's unit, for the figure's axis.
        better: Whether a ``"lower"`` or a ``"higher"`` outcome is the better one.
        baseline: The level that the others are compared with (the first, by default), or a
            function that gives each level its own.
        quick_levels: The levels of ``--quick``; all of them by default.
        quick_seeds: The seeds of ``--quick``; all of them by default.
        timings: Columns that hold durations and so differ from run to run; they are reported
            and never compared.

    Raises:
        UserError: If there are no levels, a level comes twice, a baseline is not a level, or the
            measure cannot be imported by a worker.
    """

    name: str
    question: str
    factor: str | tuple[str, ...]
    levels: Sequence[Level]
    outcome: str
    measure: Callable[..., Mapping[str, float]]
    seeds: Sequence[int] = range(10)
    unit: str = ""
    better: str = "lower"
    baseline: Level | Callable[[Any], Level] | None = None
    quick_levels: Sequence[Level] | None = None
    quick_seeds: Sequence[int] | None = None
    timings: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            self._refuse("its name must be one word", self.name)
        if taken := sorted({*self.factors, self.outcome} & COLUMNS):
            self._refuse("a factor or outcome needs a name that no column of a table has", taken)
        if self.better not in ("lower", "higher"):
            self._refuse("better is 'lower' or 'higher'", self.better)
        if "<" in getattr(self.measure, "__qualname__", "<"):
            self._refuse("measure must be a function at the top of a module", self.measure)
        for quick in (False, True):
            self._check_levels(quick)
            seeds = self.seeds_of(quick)
            valid = all(type(seed) is int and seed >= 0 for seed in seeds)
            if not seeds or not valid or _twice(seeds):
                self._refuse("seeds are different whole numbers from 0", list(seeds))
            self._check_baselines(quick)

    def _check_levels(self, quick: bool) -> None:
        levels = self.levels_of(quick)
        if not levels:
            self._refuse("it needs at least one level", levels)
        for level in levels:
            self._check(level)
        if twice := _twice(levels) or _twice([self.name_of(level) for level in levels]):
            self._refuse("every level comes once", f"{twice[0]!r} more than once")

    def _check_baselines(self, quick: bool) -> None:
        levels = self.levels_of(quick)
        for level in levels:
            if (baseline := self.baseline_of(level, quick)) not in levels:
                self._refuse(f"the baseline of {level!r} must be one of its levels", baseline)

    def _check(self, level: Level) -> None:
        one_factor = not isinstance(self.factor, tuple)
        if isinstance(level, tuple) == one_factor or len(_parts(level)) != len(self.factors):
            self._refuse(f"a level has one value for each of {self.factors}", repr(level))
        for part in _parts(level):
            if not isinstance(part, Scalar) or part in (math.inf, -math.inf) or part != part:
                self._refuse("a level is made of strings and finite numbers", repr(level))

    def _refuse(self, expected: str, received: object) -> None:
        raise UserError(f"Study {self.name!r}: {expected}. Received: {received}.")

    @property
    def factors(self) -> tuple[str, ...]:
        """The names of the factors, one or more."""
        return self.factor if isinstance(self.factor, tuple) else (self.factor,)

    def levels_of(self, quick: bool = False) -> tuple[Level, ...]:
        """Return the levels of the full or the quick study."""
        quick_levels = self.levels if self.quick_levels is None else self.quick_levels
        return tuple(quick_levels if quick else self.levels)

    def seeds_of(self, quick: bool = False, count: int | None = None) -> tuple[int, ...]:
        """Return the seeds of the full or the quick study: `count` of them where it is given.

        More than the study has are made up by counting on from its largest.

        Raises:
            UserError: If `count` is below 1.
        """
        quick_seeds = self.seeds if self.quick_seeds is None else self.quick_seeds
        seeds = tuple(quick_seeds if quick else self.seeds)
        if count is None:
            return seeds
        if count < 1:
            raise UserError(f"A study needs at least one seed. Received: seeds={count}.")
        following = range(max(seeds) + 1, max(seeds) + 1 + max(0, count - len(seeds)))
        return (*seeds, *following)[:count]

    def baseline_of(self, level: Level, quick: bool = False) -> Level:
        """Return the level that `level` is compared with (itself, for a baseline)."""
        if callable(self.baseline):
            return self.baseline(level)
        return self.levels_of(quick)[0] if self.baseline is None else self.baseline

    def rows(
        self, quick: bool = False, seeds: Sequence[int] | None = None
    ) -> tuple[tuple[Level, int], ...]:
        """Return what there is to run: every level with every seed, in order."""
        seeds = self.seeds_of(quick) if seeds is None else seeds
        return tuple((level, seed) for level in self.levels_of(quick) for seed in seeds)

    def factors_of(self, level: Level) -> dict[str, Scalar]:
        """Return a level's value of each factor."""
        return dict(zip(self.factors, _parts(level), strict=True))

    def name_of(self, level: Level) -> str:
        """Return a level in words: a string as it is, a number with its factor's name."""
        return ", ".join(
            part if isinstance(part, str) else f"{factor} = {part:g}"
            for factor, part in self.factors_of(level).items()
        )


def _parts(level: Level) -> tuple[Scalar, ...]:
    return level if isinstance(level, tuple) else (level,)


def _twice(values: Sequence[Any]) -> list[Any]:
    return [value for index, value in enumerate(values) if value in values[:index]]
