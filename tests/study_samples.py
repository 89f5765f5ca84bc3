"""Studies that cost nothing, where a worker process can import them."""

import json
import os
import random
import signal
import time
from pathlib import Path

from companion.errors import UserError
from companion.studies.study import Study

EFFECT = {0: 0.0, 1: -0.1, 2: -0.3}


def draw(level, seed, *, quick):
    """Normal noise, shared by the levels of one seed, and a known effect."""
    noise = random.Random(seed).gauss(0.5, 0.2) + 0.01 * random.Random(f"{level}{seed}").gauss(0, 1)
    return {"error": noise + EFFECT[level], "norm": level + 1.0, "waited_seconds": time.time()}


def slow(level, seed, *, quick):
    """As `draw`, in more time; ``SAMPLE_LOG`` names a file with a line for each call."""
    if "SAMPLE_LOG" in os.environ:
        with open(os.environ["SAMPLE_LOG"], "a") as log:
            log.write(f"{level} {seed}\n")
    time.sleep(0.15)
    return draw(level, seed, quick=quick)


def cached(level, seed, *, quick):
    """As `draw`, kept in the working folder, as a row that takes long might be."""
    file = Path(f"{level}-{seed}.json")
    if not file.exists():
        file.write_text(json.dumps(draw(level, seed, quick=quick)))
    return json.loads(file.read_text())


def deadly(level, seed, *, quick):
    """As `draw`, but one row kills its worker and another fails."""
    if (level, seed) == (1, 2):
        os.kill(os.getpid(), signal.SIGKILL)
    if (level, seed) == (2, 1):
        raise ArithmeticError("the loss was not a number")
    return draw(level, seed, quick=quick)


def threads(level, seed, *, quick):
    """How many threads NumPy's linear algebra has, tens, and TensorFlow is told to have, ones."""
    import numpy  # noqa: F401
    import threadpoolctl

    numpys = max(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
    tensorflows = int(os.environ["TF_NUM_INTRAOP_THREADS"])
    return {"error": 10 * numpys + tensorflows, "process": os.getpid()}


def wrong(level, seed, *, quick):
    raise UserError("λ is 0 or more. Received: -1.")


def infinite(level, seed, *, quick):
    return {"error": float("inf")}


def silent(level, seed, *, quick):
    return {"norm": 1.0}


def study(measure=draw, **changes):
    fields = {
        "name": "sample",
        "question": "Does the level lower the error?",
        "factor": "dose",
        "levels": (0, 1, 2),
        "seeds": range(10),
        "quick_seeds": range(2),
        "outcome": "error",
        "unit": "share of draws",
        "timings": ("waited_seconds",),
        "measure": measure,
    }
    return Study(**{**fields, **changes})
