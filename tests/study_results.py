"""Results of the sample studies, measured right here, and what must be equal in two of them."""

from types import SimpleNamespace

import study_samples as samples

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


def results(outcomes, **changes):
    """The results of a study that measured these outcomes: a list for each level, by seed."""
    seeds = range(max(map(len, outcomes.values())))
    study = samples.study(**{"levels": tuple(outcomes), "seeds": seeds, **changes})
    rows = [
        Row(level, seed, {"error": value}, 0.1)
        for level, values in outcomes.items()
        for seed, value in enumerate(values)
    ]
    return Results(study, False, tuple(rows))


def clock(monkeypatch, module, *readings):
    """Let a module read these times, one after the other."""
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=iter(readings).__next__))
