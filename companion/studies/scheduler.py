"""Running a study: every row is written the moment it is done, and none is done twice."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from companion.console import err
from companion.errors import UserError
from companion.studies.fingerprint import code_of
from companion.studies.results import Results
from companion.studies.storage import LostRow, Row, RowError, RowLocks, StudyFolder
from companion.studies.study import Level, Study
from companion.studies.workers import executors, perform


def run_study(
    study: Study,
    output: str | os.PathLike[str],
    *,
    quick: bool = False,
    seeds: int | Sequence[int] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Results:
    """Run what is still missing of `study` in the folder `output`, and return the results.

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
    wanted = seeds if isinstance(seeds, Sequence) else study.seeds_of(quick, seeds)
    rows = study.rows(quick, wanted)
    folder = StudyFolder(Path(output), study, quick)
    with (
        executors(workers, scheduler, folder.path / "work") as (start, slots),
        RowLocks(folder) as locks,
    ):
        lost = Scheduler(folder, locks, start).run(rows, slots)
    done = tuple(row for row in map(folder.read, rows) if row is not None)
    return Results(study, quick, done, tuple(lost), time.perf_counter() - began)


class Scheduler:
    """One process's work on a study: rows that wait, rows that run, rows that were lost.

    A slot is an executor that runs one row at a time, or None where none has been started yet.
    """

    def __init__(self, folder: StudyFolder, locks: RowLocks, start: Callable[[], Executor]) -> None:
        self.study, self.folder, self.locks, self.start = folder.study, folder, locks, start
        self.code = code_of(self.study.measure)
        self.waiting: deque[tuple[Level, int]] = deque()
        self.running: dict[Future[Row], tuple[tuple[Level, int], Executor]] = {}
        self.free: list[Executor | None] = []
        self.lost: list[LostRow] = []

    def run(self, rows: tuple[tuple[Level, int], ...], slots: int) -> list[LostRow]:
        """Run the rows that the folder does not hold yet, and return those that were lost."""
        self.waiting.extend(row for row in rows if self.folder.read(row) is None)
        self.free = [None] * min(slots, len(self.waiting))
        with progress_bar(self.study.name, len(rows), len(rows) - len(self.waiting)) as advance:
            try:
                while self.waiting or self.running:
                    self.submit(advance)
                    self.collect(advance)
            finally:
                for future, (_, executor) in self.running.items():
                    future.cancel()
                    executor.shutdown(wait=False, cancel_futures=True)
                for executor in filter(None, self.free):
                    executor.shutdown()
        return self.lost

    def submit(self, advance: Callable[[], None]) -> None:
        """Fill every free slot with a row that no other process is working on."""
        for _ in range(len(self.waiting)):
            if not self.free:
                break
            row = self.waiting.popleft()
            if not self.locks.acquire(row):
                self.waiting.append(row)  # another process has it; look again later
            elif self.folder.read(row) is not None:
                self.locks.release(row)
                advance()
            else:
                executor = self.free.pop() or self.start()
                task = (self.study.measure, *row, self.folder.quick, self.code)
                self.running[executor.submit(perform, *task)] = (row, executor)

    def collect(self, advance: Callable[[], None]) -> None:
        """Wait for a row to end, write it or name it lost, and free its slot."""
        if not self.running:
            if self.waiting:
                time.sleep(0.2)
            return
        patience = 1 if self.waiting and self.free else None
        for future in wait(self.running, patience, FIRST_COMPLETED).done:
            row, executor = self.running.pop(future)
            self.free.append(executor)
            try:
                self.folder.write(future.result())
            except UserError:
                raise
            except BrokenProcessPool:
                self.lose(row, "its worker process died (out of memory?)")
                executor.shutdown(wait=False)
                self.free[-1] = None
            except RowError as error:
                self.lose(row, str(error))
            except Exception as error:  # the cluster's: it, too, costs this row only
                self.lose(row, f"{type(error).__name__}: {error}")
            self.locks.release(row)
            advance()

    def lose(self, row: tuple[Level, int], reason: str) -> None:
        """Keep the name of a row that could not be had, and say so at once."""
        level, seed = row
        self.lost.append(LostRow(level, seed, reason))
        err.print(f"lost: {self.study.name_of(level)}, seed {seed}: {reason}", highlight=False)


@contextlib.contextmanager
def progress_bar(name: str, total: int, already: int) -> Iterator[Callable[[], None]]:
    """Show a bar with the time left on stderr; yields the function that moves it on one row."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=err, disable=not err.is_terminal)
    with bar as progress:
        task = progress.add_task(name, total=total, completed=already)
        yield lambda: progress.advance(task)
