"""Recorded results: what a study came to, kept with all it takes to measure it again."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from companion import data_files, files
from companion.errors import UserError
from companion.studies.fingerprint import code_of
from companion.studies.provenance import machine, versions
from companion.studies.results import Results, plain
from companion.studies.scheduler import run_study
from companion.studies.statistics import by_level
from companion.studies.storage import Row, most_memory_mb
from companion.studies.study import Study

FORMAT = 1
ROW = ("level", "seed", "seconds", "peak_memory_mb")  # what a row holds besides its measurements


# ---- writing ------------------------------------------------------------------------------------


def record(study: Study, chapter: str, folder: Path, workers: int | None = None) -> Path:
    """Run a study, full and quick, and write what it found to ``results/<study>.json``.

    The rows lie in ``full`` and ``quick`` under `folder`, so a killed recording continues.

    Returns:
        Where the record lies.

    Raises:
        UserError: If this is no clone, or rows were lost.
    """
    path = data_files.recorded(study.name, chapter)
    if path.is_relative_to(data_files.PACKAGED):
        raise UserError("Results are recorded in a clone of the project; this one is installed.")
    code = code_of(study.measure)
    full, quick = (
        run_study(study, folder / name, quick=name == "quick", workers=workers)
        for name in ("full", "quick")
    )
    if lost := full.lost + quick.lost:
        raise UserError(f"{len(lost)} rows were lost, so nothing is recorded. Run it again.")
    if code_of(study.measure) != code:
        raise UserError("The code changed while the study ran, so nothing is recorded.")
    files.write(path, readable(contents(chapter, full, quick)) + "\n")
    return path


def contents(chapter: str, full: Results, quick: Results) -> dict[str, Any]:
    """Return a record: where its numbers come from, then those of the full and the quick study."""
    parts = {"full": full, "quick": quick}
    rows = full.rows + quick.rows
    return {
        "format": FORMAT,
        "study": full.study.name,
        "chapter": chapter,
        "question": full.study.question,
        "outcome": full.study.outcome,
        "command": f"companion study {full.study.name} --record",
        "code": code_of(full.study.measure),
        "versions": versions(),
        "machine": machine(),
        # the time of all rows, one after the other; N workers need about an N-th of it
        "seconds": {
            name: round(sum(row.seconds for row in part.rows), 1) for name, part in parts.items()
        },
        "peak_memory_mb": most_memory_mb(rows),
        **{name: half(part) for name, part in parts.items()},
    }


def half(results: Results) -> dict[str, Any]:
    """Return the full or the quick half of a record: rows, and what follows from them."""
    columns = results.rows[0].values if results.rows else {}
    return {
        "seeds": sorted({row.seed for row in results.rows}),
        "rows": [
            {
                "level": plain(row.level),
                "seed": row.seed,
                **row.values,
                "seconds": row.seconds,
                "peak_memory_mb": row.peak_memory_mb,
            }
            for row in results.rows
        ],
        "table": plain(results.table),
        "verdict": results.verdict,
        "bands": bands(results, [name for name in columns if name not in results.study.timings]),
    }


def bands(results: Results, columns: list[str]) -> dict[str, dict[str, float]]:
    """Return how far each level's mean may lie from the recorded one, by column and level.

    Another processor or library rounds differently, and training can make a rounding error grow
    until the row is as good as one with another seed. Two means over n such rows differ with a
    standard error of s·√(2/n); a band is four of them. Its s is the level's own or the middle one
    of all levels, whichever is larger, for a level may look steady by chance.
    """
    widths = {}
    for column in columns:
        by = {level: list(of.values()) for level, of in by_level(results.rows, column).items()}
        spread = {
            level: float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            for level, values in by.items()
        }
        middle = float(np.median(list(spread.values())))
        widths[column] = {
            results.study.name_of(level): max(
                4 * max(spread[level], middle) * float(np.sqrt(2 / len(values))),
                1e-6 * float(np.abs(values).max()),
            )
            for level, values in by.items()
        }
    return widths


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
    keys = [f"{json.dumps(key)}: " if isinstance(value, dict) else "" for key in value]
    indent = " " * depth
    lines = [
        f"{indent} {key}{readable(entry, depth + 1)}"
        for key, entry in zip(keys, inner, strict=True)
    ]
    return f"{start}\n" + ",\n".join(lines) + f"\n{indent}{end}"


# ---- reading ------------------------------------------------------------------------------------


class DriftError(Exception):
    """The record does not hold."""


def read(study: Study) -> dict[str, Any]:
    """Return a study's record, whose derived numbers follow from its rows.

    Raises:
        UserError: If nothing is recorded.
        DriftError: If they do not follow, or the study now asks something else.
    """
    path = data_files.recorded(study.name)
    if not path.exists():
        hint = f"companion study {study.name} --record"
        raise UserError(f"nothing is recorded yet: {hint}")
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("full", "quick"):
            results = recorded_part(study, name == "quick", record[name]["rows"])
            derived = json.loads(json.dumps(half(results)))
            for key in ("seeds", "table", "verdict", "bands"):
                if not same(derived[key], record[name][key]):
                    raise DriftError(f"the record's {name} {key} does not follow from its rows")
        if (record["study"], record["question"]) != (study.name, study.question):
            raise DriftError("the study asks another question than the recorded one")
        if record["outcome"] != study.outcome:
            raise DriftError(f"the study's outcome is no longer {record['outcome']!r}")
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DriftError(f"the record cannot be read ({type(error).__name__}: {error})") from None
    return record


def recorded_results(study: Study, outcome: str = "") -> Results:
    """Return the recorded results of a study, ready to be drawn or quoted.

    Args:
        study: The study.
        outcome: The column to speak of; the study's own by default.
    """
    rows = data_files.read(study.name)["full"]["rows"]
    return recorded_part(study, False, rows, outcome)


def recorded_part(
    study: Study, quick: bool, rows: list[dict[str, Any]], outcome: str = ""
) -> Results:
    """Return the results that recorded rows stand for.

    Raises:
        DriftError: If they are not the rows that the study has now.
    """
    made = []
    for row in rows:
        values = dict(row)
        level, seed, *cost = (values.pop(key) for key in ROW)
        made.append(Row(tuple(level) if isinstance(level, list) else level, seed, values, *cost))
    seeds = tuple(dict.fromkeys(row.seed for row in made))
    if tuple((row.level, row.seed) for row in made) != study.rows(quick, seeds):
        name = "quick" if quick else "full"
        raise DriftError(f"the {name} study's levels are not the recorded ones")
    return Results(study, quick, tuple(made), outcome=outcome)


def same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal, numbers to ten digits."""
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) <= 1e-10 * max(abs(one), abs(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
