"""Recorded results: what a study found, kept with all it takes to find it again."""

import json
import os
import platform
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from companion import data_files, files
from companion.errors import UserError
from companion.studies.results import Results, plain
from companion.studies.runner import Row, Rows, available_cores, code_of, run_study, versions
from companion.studies.study import Level, Study

FORMAT = 1


# ---- writing ------------------------------------------------------------------------------------


def record(study: Study, chapter: str, folder: Path, workers: int | None = None) -> Path:
    """Run a study, full and quick, and write what it found to ``data/results/<study>.json``.

    The rows lie in ``full`` and ``quick`` under `folder`, so a killed recording continues.

    Returns:
        Where the record lies.

    Raises:
        UserError: If this is no clone, or rows were lost.
    """
    path = data_files.recorded(study.name)
    if data_files.PACKAGED.is_dir():
        raise UserError("Results are recorded in a clone of the project; this one is installed.")
    full, quick = (
        Results.of(run_study(study, folder / name, quick=name == "quick", workers=workers))
        for name in ("full", "quick")
    )
    if lost := full.lost + quick.lost:
        raise UserError(f"{len(lost)} rows were lost, so nothing is recorded. Run it again.")
    files.write(path, readable(contents(chapter, full, quick)) + "\n")
    return path


def contents(chapter: str, full: Results, quick: Results) -> dict[str, Any]:
    """Return a record: where its numbers come from, then those of the full and the quick study."""
    rows = full.rows + quick.rows
    return {
        "format": FORMAT,
        "study": full.study.name,
        "chapter": chapter,
        "question": full.study.question,
        "outcome": full.study.outcome,
        "command": f"companion study {full.study.name} --record",
        "code": code_of(full.study),
        "versions": versions(),
        "machine": machine(),
        # the time of all rows, one after the other; N workers need about an N-th of it
        "seconds": {part.quick_name: part.seconds_of_rows for part in map(Part, (full, quick))},
        "peak_memory_mb": max((row.peak_memory_mb or 0 for row in rows), default=None),
        "full": Part(full).contents(),
        "quick": Part(quick).contents(),
    }


@dataclass(frozen=True)
class Part:
    """The full or the quick half of a record."""

    results: Results

    @property
    def quick_name(self) -> str:
        """The half's name."""
        return "quick" if self.results.quick else "full"

    @property
    def seconds_of_rows(self) -> float:
        """Seconds that the rows took, one after the other."""
        return round(sum(row.seconds for row in self.results.rows), 1)

    def contents(self) -> dict[str, Any]:
        """Return the rows, and everything that follows from them."""
        study = self.results.study
        return {
            "seeds": sorted({row.seed for row in self.results.rows}),
            "rows": [
                {
                    "level": plain(row.level),
                    "seed": row.seed,
                    **row.values,
                    "seconds": row.seconds,
                    "peak_memory_mb": row.peak_memory_mb,
                }
                for row in self.results.rows
            ],
            "table": plain(self.results.table),
            "verdict": self.results.verdict,
            "bands": bands(self.results, [c for c in self.columns() if c not in study.timings]),
        }

    def columns(self) -> list[str]:
        """Return the names of the measured numbers."""
        return list(self.results.rows[0].values) if self.results.rows else []


def bands(results: Results, columns: list[str]) -> dict[str, dict[str, float]]:
    """Return how far each level's mean may lie from the recorded one, by column and level.

    Another processor or library rounds differently, and training can make a rounding error grow
    until the row is as good as one with another seed. Two means over n such rows differ with a
    standard error of s·√(2/n); a band is four of them. Its s is the level's own or the middle one
    of all levels, whichever is larger, for a level may look steady by chance.
    """
    made = {}
    for column in columns:
        by_level = values_of(results.rows, column)
        spread = {
            level: float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            for level, values in by_level.items()
        }
        middle = float(np.median(list(spread.values())))
        made[column] = {
            results.study.name_of(level): max(
                4 * max(spread[level], middle) * float(np.sqrt(2 / len(values))),
                1e-6 * float(np.abs(values).max()),
            )
            for level, values in by_level.items()
        }
    return made


def values_of(rows: tuple[Row, ...], column: str) -> dict[Level, list[float]]:
    """Return one column's values by level."""
    found: dict[Level, list[float]] = {}
    for row in rows:
        found.setdefault(row.level, []).append(row.values[column])
    return found


def machine() -> dict[str, Any]:
    """Return what the numbers and seconds may depend on; nothing that tells whose machine it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if os.name == "posix" else 0
    return {
        "system": platform.system(),
        "processor": processor(),
        "cores": len(available_cores()),
        "memory_gb": round(memory / 2**30) or None,
    }


@cache
def processor() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def readable(value: Any, depth: int = 0) -> str:
    """Return JSON with one line for each entry down to the rows of a table.

    >>> print(readable({"seeds": [0, 1], "rows": {"first": {"level": 0}}}))
    {
     "seeds": [0, 1],
     "rows": {
      "first": {"level": 0}
     }
    }
    """
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth > 2 or not any(isinstance(entry, dict | list) for entry in inner):
        return json.dumps(value, ensure_ascii=False)
    start, end = "{}" if isinstance(value, dict) else "[]"
    keys = (
        [json.dumps(key) + ": " for key in value] if isinstance(value, dict) else [""] * len(value)
    )
    lines = [
        " " * (depth + 1) + key + readable(entry, depth + 1)
        for key, entry in zip(keys, inner, strict=True)
    ]
    return f"{start}\n" + ",\n".join(lines) + f"\n{' ' * depth}{end}"


# ---- verifying ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of one recorded study when it was made again.

    Attributes:
        study: Its name.
        chapter: Its chapter.
        status: ``match``, ``drift`` or ``cannot``.
        message: Why, in a sentence.
        seconds: How long it took to make again.
    """

    study: str
    chapter: str
    status: str
    message: str
    seconds: float = 0.0


class DriftError(Exception):
    """The record does not hold."""


def verify(
    study: Study, chapter: str, *, full: bool = False, workers: int | None = None
) -> Outcome:
    """Make a recorded study again and compare.

    What is checked: that every table, verdict and band of the record follows from its rows, exactly
    (full and quick); then the quick study is run with the recorded seeds, and the mean of each
    number at each level must lie within its band. The full study is run again only on `full`.
    """
    path = data_files.recorded(study.name)
    if not path.exists():
        hint = f"companion study {study.name} --record"
        return Outcome(study.name, chapter, "cannot", f"nothing is recorded yet: {hint}")
    seconds = 0.0
    try:
        found = read(path, study)
        compared = ["full", "quick"] if full else ["quick"]
        distances = []
        for part in compared:
            with tempfile.TemporaryDirectory() as folder:
                again = run_study(
                    study,
                    Path(folder) / part,
                    quick=part == "quick",
                    seeds=found[part]["seeds"],
                    workers=workers,
                )
            seconds += again.seconds
            if again.lost:
                lost = again.lost[0]
                return Outcome(
                    study.name,
                    chapter,
                    "cannot",
                    f"{len(again.lost)} rows were lost; {study.name_of(lost.level)}, "
                    f"seed {lost.seed}: {lost.reason}",
                    seconds,
                )
            distances.append(compare(found[part], again))
    except DriftError as drift:
        return Outcome(study.name, chapter, "drift", str(drift), round(seconds, 1))
    except UserError as error:
        return Outcome(study.name, chapter, "cannot", str(error), round(seconds, 1))
    how = (
        "to the last digit" if max(distances) == 0 else f"within {max(distances):.0%} of the bands"
    )
    rows = sum(len(found[part]["rows"]) for part in compared)
    message = f"{rows} rows of the {' and '.join(compared)} study made again, {how}"
    if found["code"] != code_of(study):
        message += "; the chapter's code has changed since"
    return Outcome(study.name, chapter, "match", message, round(seconds, 1))


def read(path: Path, study: Study) -> dict[str, Any]:
    """Return a record whose derived numbers follow from its rows.

    Raises:
        DriftError: If they do not, or the study now asks something else.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("full", "quick"):
            part = found[name]
            results = rebuilt(study, name == "quick", part["rows"])
            derived = json.loads(json.dumps(Part(results).contents()))
            for key in ("seeds", "table", "verdict", "bands"):
                if not same(derived[key], part[key]):
                    raise DriftError(f"the record's {name} {key} does not follow from its rows")
        if (found["study"], found["question"]) != (study.name, study.question):
            raise DriftError("the study asks another question than the recorded one")
        if found["outcome"] != study.outcome:
            raise DriftError(f"the study's outcome is no longer {found['outcome']!r}")
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DriftError(f"the record cannot be read ({type(error).__name__}: {error})") from None
    return found


def recorded_results(study: Study, outcome: str = "") -> Results:
    """Return the recorded results of a study, ready to be drawn or quoted.

    Args:
        study: The study.
        outcome: The column to speak of; the study's own by default.
    """
    rows = data_files.read(study.name)["full"]["rows"]
    return replace(rebuilt(study, False, rows), outcome=outcome)


def rebuilt(study: Study, quick: bool, rows: list[dict[str, Any]]) -> Results:
    """Return the results that recorded rows stand for.

    Raises:
        DriftError: If they are not the rows that the study has now.
    """
    made = []
    for row in rows:
        values = dict(row)
        level = values.pop("level")
        level = tuple(level) if isinstance(level, list) else level
        seed, seconds, memory = (values.pop(key) for key in ("seed", "seconds", "peak_memory_mb"))
        made.append(Row(level, seed, values, seconds, memory))
    seeds = tuple(dict.fromkeys(row.seed for row in made))
    if tuple((row.level, row.seed) for row in made) != study.rows(quick, seeds):
        half = "quick" if quick else "full"
        raise DriftError(f"the {half} study's levels are not the recorded ones")
    return Results(study, quick, tuple(made))


def same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal, numbers to ten digits."""
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) <= 1e-10 * max(abs(one), abs(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def compare(part: dict[str, Any], again: Rows) -> float:
    """Return the largest distance of a mean from the recorded one, in bands.

    Raises:
        DriftError: If one lies outside its band.
    """
    study, furthest = again.study, 0.0
    recorded = rebuilt(study, again.quick, part["rows"]).rows
    for column, levels in part["bands"].items():
        if any(column not in row.values for row in again.done):
            raise DriftError(f"the study no longer measures {column!r}")
        before, now = values_of(recorded, column), values_of(again.done, column)
        for level in before:
            band = levels[study.name_of(level)]
            means = float(np.mean(before[level])), float(np.mean(now[level]))
            distance = abs(means[1] - means[0])
            if distance > band:
                raise DriftError(
                    f"{column} at {study.name_of(level)} was {means[0]:.4g} ± {band:.2g} "
                    f"and is now {means[1]:.4g}"
                )
            furthest = max(furthest, distance / band if band else 0.0)
    return furthest
