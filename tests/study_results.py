"""Results of the sample studies, measured right here, and what must be equal in two of them."""

from companion.studies.results import Results
from companion.studies.storage import Row


def rows_of(study, quick=False, seeds=None, lost=()):
    """Every row of a study, measured right here."""
    seeds = study.seeds_of(quick, seeds)
    done = tuple(
        Row(level, seed, study.measure(level, seed, quick=quick), 0.1, 20.0)
        for level, seed in study.rows(quick, seeds)
    )
    return Results(study, quick, done, lost)


def compared(rows):
    """What must be equal in two runs of one study: all but the timings."""
    answer = rows.to_json()
    return {key: value for key, value in answer.items() if key != "timings"}
