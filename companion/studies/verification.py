"""Verifying: recorded results are measured again, and compared."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from companion.errors import UserError
from companion.studies.fingerprint import code_of
from companion.studies.records import DriftError, read, recorded_part
from companion.studies.results import Results
from companion.studies.scheduler import run_study
from companion.studies.statistics import by_level
from companion.studies.study import Study


@dataclass(frozen=True)
class Verification:
    """What became of one recorded study when it was measured again.

    Attributes:
        study: Its name.
        chapter: Its chapter.
        status: ``match``, ``drift`` or ``cannot``.
        message: Why, in a sentence.
        seconds: How long it took.
    """

    study: str
    chapter: str
    status: str
    message: str
    seconds: float = 0.0


def verify(
    study: Study,
    chapter: str,
    *,
    full: bool = False,
    seeds: int | None = None,
    workers: int | None = None,
) -> Verification:
    """Measure a recorded study again and compare, whatever code it was recorded with.

    What is checked: that every table, verdict and band of the record follows from its rows, exactly
    (full and quick); then the quick study is run with the recorded seeds, and the mean of each
    number at each level must lie within its band. The full study is run again only on `full`.
    Nothing that lies about can stand in for a row: workers begin in an empty folder of their own.

    Args:
        study: The study.
        chapter: The name of its chapter.
        full: Whether the full study is run again, too.
        seeds: How many of the recorded seeds are run again; all by default. They are compared with
            the recorded rows of the same seeds, within bands that are as much wider.
        workers: How many processes; one for each core by default.
    """
    began = time.perf_counter()
    try:
        status, message = "match", _measured_again(study, full, seeds, workers)
    except DriftError as drift:
        status, message = "drift", str(drift)
    except UserError as error:
        status, message = "cannot", str(error)
    return Verification(study.name, chapter, status, message, round(time.perf_counter() - began, 1))


def _measured_again(study: Study, full: bool, seeds: int | None, workers: int | None) -> str:
    """Return how a study compares with its record.

    Raises:
        UserError: If it cannot be measured.
        DriftError: If its record does not hold.
    """
    record = read(study)
    names = ["full", "quick"] if full else ["quick"]
    furthest, count = 0.0, 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            again = run_study(
                study,
                Path(folder) / name,
                quick=name == "quick",
                seeds=record[name]["seeds"][:seeds],
                workers=workers,
            )
        if again.lost:
            lost = again.lost[0]
            raise UserError(
                f"{len(again.lost)} rows were lost; {study.name_of(lost.level)}, "
                f"seed {lost.seed}: {lost.reason}"
            )
        furthest = max(furthest, compare(record[name], again))
        count += len(again.rows)
    how = "to the last digit" if furthest == 0 else f"within {furthest:.0%} of the bands"
    changed = record["code"] != code_of(study.measure)
    since = "; the code has changed since it was recorded" if changed else ""
    return f"{count} rows of the {' and '.join(names)} study made again, {how}{since}"


def compare(part: dict[str, Any], again: Results) -> float:
    """Return the largest distance of a mean from the recorded one, in bands.

    Args:
        part: The full or the quick half of a record.
        again: The same rows, measured again.

    Raises:
        DriftError: If one lies outside its band.
    """
    study, furthest = again.study, 0.0
    seeds = {row.seed for row in again.rows}
    rows = [row for row in part["rows"] if row["seed"] in seeds]
    recorded = recorded_part(study, again.quick, rows).rows
    wider = (len(part["seeds"]) / len(seeds)) ** 0.5
    for column, bands in part["bands"].items():
        if any(column not in row.values for row in again.rows):
            raise DriftError(f"the study no longer measures {column!r}")
        now = by_level(again.rows, column)
        for level, before in by_level(recorded, column).items():
            band = bands[study.name_of(level)] * wider
            mean, new = (float(np.mean(list(of.values()))) for of in (before, now[level]))
            distance = abs(new - mean)
            if distance > band:
                raise DriftError(
                    f"{column} at {study.name_of(level)} was {mean:.4g} ± {band:.2g} "
                    f"and is now {new:.4g}"
                )
            furthest = max(furthest, distance / band if band else 0.0)
    return furthest
