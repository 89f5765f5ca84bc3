"""Scratch folders: where a worker may write, made, bounded in size, and removed at the end."""

import contextlib
import errno
import glob
import os
import shutil
import stat
import sys
import tempfile
import time

from companion.checking.judging.users import is_root

if sys.platform != "win32":
    import fcntl


PREFIX = "companion-"
MAX_BYTES = 64 << 20
MAX_FILES = 10_000


def make() -> tuple[str, int | None]:
    """Make a scratch folder; return it with the file that holds it against `sweep`."""
    while True:
        path = tempfile.mkdtemp(prefix=PREFIX)
        if sys.platform == "win32":
            return path, None
        with contextlib.suppress(OSError):  # swept before it was held
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            if _lock(lock) and os.path.exists(path):
                return path, lock
            os.close(lock)


def _lock(file: int) -> bool:
    """Lock an open folder for as long as this process lives, unless another one has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sweep(limit: float = 30.0) -> None:
    """Remove the scratch folders of processes that were killed: nobody holds these any more.

    Args:
        limit: Seconds after which the rest is left to the next one who sweeps.
    """
    if sys.platform == "win32":
        return
    deadline = time.monotonic() + limit
    for path in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if (is_root() or os.fstat(lock).st_uid == os.geteuid()) and _lock(lock):
                    remove(path, deadline - time.monotonic())
            finally:
                os.close(lock)


def remove(folder: str, limit: float) -> bool:
    """Remove a folder, however deep and closed what is in it, and say whether it is gone.

    It goes down and up again one step at a time: no path grows longer, and no call calls itself.
    Links are removed, never followed.

    Args:
        folder: The folder.
        limit: Seconds after which the rest is left.
    """
    if sys.platform == "win32":
        shutil.rmtree(folder, ignore_errors=True)
        return not os.path.exists(folder)
    deadline = time.monotonic() + limit
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    with contextlib.suppress(OSError):
        current = os.open(folder, flags)
        try:
            path: list[str] = []
            remaining = [_remove_files(current)]
            while time.monotonic() < deadline and (path or remaining[-1]):
                if remaining[-1]:
                    path.append(remaining[-1].pop())
                    os.chmod(path[-1], 0o700, dir_fd=current)
                    child = os.open(path[-1], flags, dir_fd=current)
                    os.close(current)
                    current = child
                    remaining.append(_remove_files(current))
                else:
                    remaining.pop()
                    parent = os.open("..", flags, dir_fd=current)
                    os.close(current)
                    current = parent
                    os.rmdir(path.pop(), dir_fd=current)
        finally:
            os.close(current)
        os.rmdir(folder)
    return not os.path.lexists(folder)


def _remove_files(folder: int) -> list[str]:
    """Remove the files in an open folder and return the names of the folders in it."""
    with os.scandir(folder) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in names:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in names if is_folder]


def is_over_full(folder: str, process: int) -> bool:
    """Say whether more lies in a scratch folder than an answer may leave there.

    What was unlinked and is still open takes room, too; on Linux it is seen.
    """
    bytes_left, files_left = MAX_BYTES, MAX_FILES
    with contextlib.suppress(OSError):
        for file in os.scandir(f"/proc/{process}/fd"):
            with contextlib.suppress(OSError):
                status = file.stat()
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    bytes_left -= status.st_blocks * 512
    pending = [folder]
    while pending and bytes_left >= 0 and files_left >= 0:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    files_left -= 1
                    if files_left < 0:
                        break
                    with contextlib.suppress(FileNotFoundError):  # it comes and goes
                        status = entry.stat(follow_symlinks=False)
                        bytes_left -= getattr(status, "st_blocks", 0) * 512
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
        except OSError as error:
            # Folders too deep for a path: nobody looks behind them.
            if error.errno == errno.ENAMETOOLONG:
                return True
    return bytes_left < 0 or files_left < 0
