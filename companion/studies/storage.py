"""Where the rows of a study lie: a file for each, written once, beside a card that says whose."""

import json
import sys
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from companion import files
from companion.errors import UserError
from companion.studies.fingerprint import modules_of
from companion.studies.provenance import versions
from companion.studies.study import Level, Study


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


def most_memory_mb(rows: Iterable[Row]) -> float | None:
    """Return the largest peak memory of some rows, or None where it is known of none."""
    return max((row.peak_memory_mb for row in rows if row.peak_memory_mb is not None), default=None)


class RowError(Exception):
    """One row could not be measured; the study goes on without it."""


@dataclass(frozen=True)
class LostRow:
    """A row that could not be had, and why; it is tried again when the study is continued."""

    level: Level
    seed: int
    reason: str


class StudyFolder:
    """A study's folder: ``study.json`` says whose it is, ``rows/`` holds one file for each row.

    Rows of two versions of the code are never mixed: a folder belongs to the first.

    Raises:
        UserError: If it holds another study, another version of it, or something else.
    """

    def __init__(self, path: Path, study: Study, quick: bool) -> None:
        self.path, self.study, self.quick = path, study, quick
        card = {
            "study": study.name,
            "quick": quick,
            "levels": json.loads(json.dumps(study.levels_of(quick))),
            "code": modules_of(study.measure),
            "versions": versions(),
        }
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
            self._compare(card)

    def _compare(self, card: dict[str, Any]) -> None:
        """Refuse a folder whose card is not this one."""
        try:
            theirs = json.loads((self.path / "study.json").read_text(encoding="utf-8"))
        except ValueError:
            theirs = {}
        for key, ours in card.items():
            if (other := theirs.get(key)) == ours:
                continue
            differs = f"is {other!r}, this one's {ours!r}"
            if isinstance(ours, dict):
                known = other if isinstance(other, dict) else {}
                names = sorted({name for name, _ in ours.items() ^ known.items()})
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                differs = f"differs in {', '.join(names[:3])}{more}"
            raise UserError(
                f"{self.path} holds the rows of another study or version: its {key} {differs}. "
                "Nothing was changed there; give another output folder, or delete that one."
            )

    def file(self, row: tuple[Level, int]) -> Path:
        """Return where a row's file lies."""
        level, seed = row
        index = self.study.levels_of(self.quick).index(level)
        return self.path / "rows" / f"{index:03d}-{seed}.json"

    def read(self, row: tuple[Level, int]) -> Row | None:
        """Return a row, or None where it has not been written yet."""
        try:
            values = json.loads(self.file(row).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Row(**{**values, "level": row[0]})

    def write(self, row: Row) -> None:
        """Write one row, whole or not at all; a row that is there stays as it is."""
        if self.study.outcome not in row.values:
            raise RowError(
                f"measure must return the outcome {self.study.outcome!r}. "
                f"Received: {', '.join(row.values) or 'nothing'}."
            )
        contents = json.dumps(asdict(row), ensure_ascii=False)
        files.publish(self.file((row.level, row.seed)), contents)


class RowLocks:
    """Which rows are being worked on, as locks that the system drops when their process dies."""

    def __init__(self, folder: StudyFolder) -> None:
        self.file = (folder.path / "claims.lock").open("a+b")

    def __enter__(self) -> "RowLocks":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def acquire(self, row: tuple[Level, int]) -> bool:
        """Lock a row; False if another process has it."""
        try:
            self._lock(row, True)
        except OSError:
            return False
        return True

    def release(self, row: tuple[Level, int]) -> None:
        """Give a row back."""
        self._lock(row, False)

    def _lock(self, row: tuple[Level, int], lock: bool) -> None:
        """Lock or unlock one byte of the file, a different one for each row."""
        offset = zlib.crc32(repr(row).encode()) >> 1
        if sys.platform == "win32":
            import msvcrt

            self.file.seek(offset)
            msvcrt.locking(self.file.fileno(), msvcrt.LK_NBLCK if lock else msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            command = fcntl.LOCK_EX | fcntl.LOCK_NB if lock else fcntl.LOCK_UN
            fcntl.lockf(self.file, command, 1, offset)
