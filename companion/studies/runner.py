"""Running a study: every row is written the moment it is done, and none is done twice."""

import ast
import contextlib
import hashlib
import importlib
import inspect
import json
import math
import os
import platform
import sys
import threading
import time
import traceback
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from importlib import metadata
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from companion import files
from companion.console import err
from companion.errors import UserError
from companion.studies.study import Level, Study

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


@dataclass(frozen=True)
class Row:
    """One level measured with one seed.

    Attributes:
        level: The level.
        seed: The seed.
        values: What the measure returned.
        seconds: How long it took.
        peak_memory_mb: The most memory its worker process had held by then, in megabytes, where
            the system tells.
    """

    level: Level
    seed: int
    values: dict[str, float]
    seconds: float
    peak_memory_mb: float | None = None


class RowError(Exception):
    """One row could not be measured; the study goes on without it."""


@dataclass(frozen=True)
class LostRow:
    """A row that could not be had, and why; it is tried again when the study is continued."""

    level: Level
    seed: int
    reason: str


@dataclass(frozen=True)
class Rows:
    """What a run of a study left behind.

    Attributes:
        study: The study.
        quick: Whether it was the quick one.
        seeds: The seeds asked for.
        done: The rows, in the study's order.
        lost: The rows that could not be had.
        seconds: How long this run took; rows that were there before cost nothing.
    """

    study: Study
    quick: bool
    seeds: tuple[int, ...]
    done: tuple[Row, ...]
    lost: tuple[LostRow, ...] = ()
    seconds: float = 0.0


def run_study(
    study: Study,
    output: str | os.PathLike[str],
    *,
    quick: bool = False,
    seeds: int | Sequence[int] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Rows:
    """Run what is still missing of `study` in the folder `output`, and return every row.

    Args:
        study: The study.
        output: A folder for its rows: a new one, or one where this study was begun.
        quick: Run the quick levels and seeds.
        seeds: How many seeds, or which; those of the study by default.
        workers: Worker processes on this machine; one for each core by default.
        scheduler: The address of a Dask scheduler, ``tcp://HOST:PORT``, whose workers are used
            instead.

    Raises:
        UserError: If the folder holds something else, the scheduler does not answer, or a row
            says that the call was wrong.
    """
    began = time.perf_counter()
    wanted = tuple(seeds) if isinstance(seeds, Sequence) else study.seeds_of(quick, seeds)
    rows = study.rows(quick, wanted)
    folder = Folder(Path(output), study, quick)
    with workforce(workers, scheduler, len(rows)) as (hire, places), folder.claims() as claims:
        lost = Shift(study, quick, folder, claims, hire).run(rows, places)
    done = tuple(row for row in map(folder.read, rows) if row is not None)
    return Rows(study, quick, wanted, done, tuple(lost), time.perf_counter() - began)


class Shift:
    """One process's work on a study: rows waiting, rows under way, rows lost."""

    def __init__(
        self,
        study: Study,
        quick: bool,
        folder: "Folder",
        claims: "Claims",
        hire: Callable[[], Executor],
    ) -> None:
        self.study, self.quick, self.folder, self.claims = study, quick, folder, claims
        self.hire = hire
        self.waiting: deque[tuple[Level, int]] = deque()
        self.under_way: dict[Future[Row], tuple[tuple[Level, int], Executor]] = {}
        self.lost: list[LostRow] = []

    def run(self, rows: tuple[tuple[Level, int], ...], places: int) -> list[LostRow]:
        """Run the rows that the folder does not hold yet, one on each of `places` executors."""
        self.waiting.extend(row for row in rows if self.folder.read(row) is None)
        idle: list[Executor | None] = [None] * min(places, len(self.waiting))
        with progress_bar(self.study.name, len(rows), len(rows) - len(self.waiting)) as advance:
            try:
                while self.waiting or self.under_way:
                    self.hand_out(idle, advance)
                    self.collect(idle, advance)
            finally:
                for future, (_, executor) in self.under_way.items():
                    future.cancel()
                    executor.shutdown(wait=False, cancel_futures=True)
                for executor in filter(None, idle):
                    executor.shutdown()
        return self.lost

    def hand_out(self, idle: list[Executor | None], advance: Callable[[], None]) -> None:
        """Give every idle executor a row that no other process is working on."""
        for _ in range(len(self.waiting)):
            if not idle:
                break
            row = self.waiting.popleft()
            if not self.claims.take(row):
                self.waiting.append(row)  # another process has it; look again later
            elif self.folder.read(row) is not None:
                self.claims.free(row)
                advance()
            else:
                executor = idle.pop() or self.hire()
                future = executor.submit(perform, self.study.measure, *row, self.quick)
                self.under_way[future] = (row, executor)

    def collect(self, idle: list[Executor | None], advance: Callable[[], None]) -> None:
        """Wait for a row to end, write it or name it lost, and free its executor."""
        if not self.under_way:
            if self.waiting:
                time.sleep(0.2)
            return
        patience = 1 if self.waiting and idle else None
        for future in wait(self.under_way, patience, FIRST_COMPLETED).done:
            row, executor = self.under_way.pop(future)
            try:
                self.folder.write(future.result())
            except UserError:
                idle.append(executor)
                raise
            except BrokenProcessPool:
                self.lose(row, "its worker process died (out of memory?)")
                executor.shutdown(wait=False)
                idle.append(None)
            except RowError as error:
                self.lose(row, str(error))
                idle.append(executor)
            except Exception as error:  # the cluster's: it, too, costs this row only
                self.lose(row, f"{type(error).__name__}: {error}")
                idle.append(executor)
            else:
                idle.append(executor)
            self.claims.free(row)
            advance()

    def lose(self, row: tuple[Level, int], reason: str) -> None:
        """Keep the name of a row that could not be had, and say so at once."""
        level, seed = row
        self.lost.append(LostRow(level, seed, reason))
        err.print(f"lost: {self.study.name_of(level)}, seed {seed}: {reason}", highlight=False)


# ---- what a worker does -------------------------------------------------------------------------

_one_row_at_a_time = threading.Lock()


def perform(
    measure: Callable[..., Mapping[str, float]], level: Level, seed: int, quick: bool
) -> Row:
    """Measure one row; this is what a worker is sent.

    Raises:
        UserError: If the measure says that the call was wrong.
        RowError: If the measure fails in another way, or does not return finite numbers.
    """
    limit_threads()
    # A Dask worker may have several threads, but a random seed belongs to the whole process.
    with _one_row_at_a_time:
        if keras := sys.modules.get("keras"):
            keras.utils.clear_session()  # else the generators of the row before would go on
        began = time.perf_counter()
        try:
            measured = measure(level, seed, quick=quick)
            values = {name: float(value) for name, value in measured.items()}
        except UserError as error:
            raise UserError(str(error)) from None
        except Exception as error:  # as plain text, for not every exception survives the journey
            place = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
            raise RowError(said) from None
        seconds = time.perf_counter() - began
    if odd := {name: value for name, value in values.items() if not math.isfinite(value)}:
        raise RowError(f"measure must return finite numbers. Received: {odd}.")
    return Row(level, seed, values, round(seconds, 3), peak_memory_mb())


def limit_threads() -> None:
    """Keep this process to one thread, if the libraries that read these have not started yet."""
    os.environ.update(ONE_THREAD)


def begin_worker() -> None:
    """Prepare a worker process: one thread, and no life of its own after its parent's."""
    limit_threads()

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


# ---- who works ----------------------------------------------------------------------------------


@contextlib.contextmanager
def workforce(
    workers: int | None, scheduler: str | None, rows: int
) -> Iterator[tuple[Callable[[], Executor], int]]:
    """Yield a function that hires one executor, and how many of them may work at once.

    Each process pool has one process, so that a worker that dies takes no other row with it and
    the row that killed it is known.
    """
    if scheduler is not None:
        if workers is not None:
            raise UserError("A scheduler brings its own workers: leave workers out.")
        with cluster(scheduler) as (client, size):
            yield client.get_executor, size
        return
    workers = len(available_cores()) if workers is None else workers
    if workers < 1:
        raise UserError(f"A study needs at least one worker. Received: workers={workers}.")

    def hire() -> Executor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=begin_worker)

    yield hire, min(workers, rows)


def available_cores() -> range:
    """Return the cores that this process may use."""
    if sys.platform == "linux":
        return range(len(os.sched_getaffinity(0)))
    return range(os.cpu_count() or 1)


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


@contextlib.contextmanager
def progress_bar(name: str, total: int, already: int) -> Iterator[Callable[[], None]]:
    """Show a bar with the time left on stderr; yields the function that moves it on one row."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=err, disable=not err.is_terminal)
    with bar as progress:
        task = progress.add_task(name, total=total, completed=already)
        yield lambda: progress.advance(task)


# ---- where the rows lie -------------------------------------------------------------------------


class Folder:
    """A study's folder: ``study.json`` says whose it is, ``rows/`` holds one file for each row.

    Raises:
        UserError: If it holds another study, another version of it, or something else.
    """

    def __init__(self, path: Path, study: Study, quick: bool) -> None:
        self.path, self.study = path, study
        self.levels = study.levels_of(quick)
        card = {"study": study.name, "quick": quick, **fingerprint(study, quick)}
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file; a study needs a folder of its own.")
        # Another process may be a step ahead: it has made `rows` and is writing its card.
        others = path.is_dir() and any(
            entry.name != "rows" and not entry.name.endswith("-study.json")
            for entry in path.iterdir()
        )
        if others and not (path / "study.json").exists():
            raise UserError(f"{path} holds other things; give the study a new or empty folder.")
        try:
            (path / "rows").mkdir(parents=True, exist_ok=True)
            begun = files.publish(path / "study.json", json.dumps(card, ensure_ascii=False))
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}.") from None
        if not begun:
            self.compare(card)

    def compare(self, card: dict[str, Any]) -> None:
        """Refuse a folder whose card is not this one."""
        try:
            found = json.loads((self.path / "study.json").read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        different = sorted(key for key in card | found if card.get(key) != found.get(key))
        if different:
            key = "study" if "study" in different else different[0]
            raise UserError(
                f"{self.path} holds the rows of another study or version: its {key} is "
                f"{found.get(key)!r}, this one's {card.get(key)!r}. Nothing was changed there; "
                "give another output folder, or delete that one."
            )

    def file(self, row: tuple[Level, int]) -> Path:
        """Return where a row's file lies."""
        level, seed = row
        return self.path / "rows" / f"{self.levels.index(level):03d}-{seed}.json"

    def read(self, row: tuple[Level, int]) -> Row | None:
        """Return a row, or None where it has not been written yet."""
        try:
            found = json.loads(self.file(row).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Row(**{**found, "level": row[0]})

    def write(self, row: Row) -> None:
        """Write one row, whole or not at all; a row that is there stays as it is."""
        if self.study.outcome not in row.values:
            raise RowError(
                f"measure must return the outcome {self.study.outcome!r}. "
                f"Received: {', '.join(row.values) or 'nothing'}."
            )
        files.publish(self.file((row.level, row.seed)), json.dumps(asdict(row), ensure_ascii=False))

    def claims(self) -> "Claims":
        """Return the claims that processes at work in this folder make on its rows."""
        return Claims(self.path / "claims.lock")


class Claims:
    """Which rows are being worked on, as locks that the system drops when their process dies."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a+b")

    def __enter__(self) -> "Claims":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def take(self, row: tuple[Level, int]) -> bool:
        """Claim a row; False if another process has it."""
        try:
            self._lock(row, True)
        except OSError:
            return False
        return True

    def free(self, row: tuple[Level, int]) -> None:
        """Give a row back."""
        self._lock(row, False)

    def _lock(self, row: tuple[Level, int], take: bool) -> None:
        """Lock or unlock one byte of the file, a different one for each row."""
        place = zlib.crc32(repr(row).encode()) >> 1
        if sys.platform == "win32":
            import msvcrt

            self.file.seek(place)
            msvcrt.locking(self.file.fileno(), msvcrt.LK_NBLCK if take else msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            command = fcntl.LOCK_EX | fcntl.LOCK_NB if take else fcntl.LOCK_UN
            fcntl.lockf(self.file, command, 1, place)


def fingerprint(study: Study, quick: bool) -> dict[str, Any]:
    """Return what must be the same for two sets of rows to belong together."""
    return {
        "levels": json.loads(json.dumps(study.levels_of(quick))),
        "code": code_of(study),
        "versions": versions(),
    }


def code_of(study: Study) -> str:
    """Return a short hash of the module that measures, blind to comments and layout."""
    try:
        source = inspect.getsource(sys.modules[study.measure.__module__])
    except (OSError, TypeError):
        raise UserError(
            f"Study {study.name!r}: measure must lie in a file, so that a worker can import it."
        ) from None
    return hashlib.sha256(ast.dump(ast.parse(source)).encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    """Return the versions that a number may depend on."""
    found = {"python": platform.python_version()}
    for package in ("lecture-companion", "keras", "tensorflow", "numpy", "scikit-learn"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    found["backend"] = os.environ.get("KERAS_BACKEND", "tensorflow")
    return found
