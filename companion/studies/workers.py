"""Who measures the rows of a study: processes of this machine, or a Dask cluster."""

import contextlib
import importlib
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import threadpoolctl

from companion.errors import UserError
from companion.studies.fingerprint import code_of
from companion.studies.provenance import available_cores
from companion.studies.storage import Row, RowError
from companion.studies.study import Level

# One thread for every worker, whatever their number: two workers do not fight for the cores, and
# sums are taken in the same order, so the numbers do not depend on how many workers there are.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)
SCHEDULER_PATIENCE = 10  # seconds

_one_row_at_a_time = threading.Lock()
_code_here = cache(code_of)  # what a process has imported stays as it was


def perform(
    measure: Callable[..., Mapping[str, float]], level: Level, seed: int, quick: bool, code: str
) -> Row:
    """Measure one row; this is what a worker is sent.

    Raises:
        UserError: If the measure says that the call was wrong, or the worker has other code.
        RowError: If the measure fails in another way, or does not return finite numbers.
    """
    limit_threads()
    # A Dask worker may have several threads, but a random seed belongs to the whole process.
    with _one_row_at_a_time:
        if _code_here(measure) != code:
            raise UserError(
                "A worker has other code than this study began with, and rows of two versions "
                "are never mixed. Rows that are done are kept; start again in another folder."
            )
        if keras := sys.modules.get("keras"):
            keras.utils.clear_session()  # else the generators of the row before would go on
        began = time.perf_counter()
        try:
            measured = measure(level, seed, quick=quick)
            values = {name: float(value) for name, value in measured.items()}
        except UserError as error:
            raise UserError(str(error)) from None
        except Exception as error:  # as plain text, for not every exception survives the journey
            line = traceback.extract_tb(error.__traceback__)[-1]
            message = f"{type(error).__name__}: {error} ({Path(line.filename).name}:{line.lineno})"
            raise RowError(message) from None
        seconds = time.perf_counter() - began
    if odd := {name: value for name, value in values.items() if not math.isfinite(value)}:
        raise RowError(f"measure must return finite numbers. Received: {odd}.")
    return Row(level, seed, values, round(seconds, 3), peak_memory_mb())


def limit_threads() -> None:
    """Keep this process to one thread; only TensorFlow must not have started yet."""
    os.environ.update(ONE_THREAD)
    threadpoolctl.threadpool_limits(1)  # for libraries that have read theirs already


def begin_worker(folder: str) -> None:
    """Prepare a worker process: one thread, a working folder, no life after its parent's."""
    limit_threads()
    for name in {"COMPANION_DATA_DIR", "TFDS_DATA_DIR"} & os.environ.keys():
        os.environ[name] = str(Path(os.environ[name]).expanduser().absolute())
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)

    def follow() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def peak_memory_mb() -> float | None:
    """Return the most memory this process has held, in megabytes, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


@contextlib.contextmanager
def executors(
    workers: int | None, scheduler: str | None, folder: Path
) -> Iterator[tuple[Callable[[], Executor], int]]:
    """Yield a function that starts one executor, and how many of them may work at once.

    Each process pool has one process, so that a worker that dies takes no other row with it and
    the row that killed it is known.

    Args:
        workers: How many processes; one for each core by default.
        scheduler: The address of a Dask scheduler whose workers are used instead.
        folder: The working folder of the processes. Dask's workers have their own.
    """
    if scheduler is not None:
        if workers is not None:
            raise UserError("A scheduler brings its own workers: leave workers out.")
        with cluster(scheduler) as (client, size):
            yield client.get_executor, size
        return
    workers = available_cores() if workers is None else workers
    if workers < 1:
        raise UserError(f"A study needs at least one worker. Received: workers={workers}.")

    def start() -> Executor:
        spawn = get_context("spawn")
        return ProcessPoolExecutor(1, spawn, begin_worker, (str(folder.absolute()),))

    yield start, workers


@contextlib.contextmanager
def cluster(address: str) -> Iterator[tuple[Any, int]]:
    """Connect to a Dask scheduler and yield its client and the number of its workers.

    Raises:
        UserError: If Dask is not installed, or no scheduler with a worker answers in ten seconds.
    """
    try:
        connect = importlib.import_module("distributed").Client
    except ImportError:
        raise UserError(
            "A scheduler needs Dask, which is not installed: pip install 'lecture-companion[dask]'."
        ) from None
    try:
        client = connect(address, timeout=SCHEDULER_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"No Dask scheduler answers at {address!r} (waited {SCHEDULER_PATIENCE} s). "
            f"Start one with `dask scheduler` and give its address, tcp://HOST:PORT. "
            f"({type(error).__name__})"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SCHEDULER_PATIENCE)
        except TimeoutError:
            raise UserError(
                f"The Dask scheduler at {address} has no workers. "
                f"Start some with `dask worker {address} --nthreads 1`."
            ) from None
        client.run(limit_threads)
        yield client, len(client.scheduler_info(n_workers=-1)["workers"])
