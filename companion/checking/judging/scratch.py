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
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            if _hold(held) and os.path.exists(path):
                return path, held
            os.close(held)


def _hold(file: int) -> bool:
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
    end = time.monotonic() + limit
    for path in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if (is_root() or os.fstat(held).st_uid == os.geteuid()) and _hold(held):
                    remove(path, end - time.monotonic())
            finally:
                os.close(held)


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
    end = time.monotonic() + limit
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    with contextlib.suppress(OSError):
        here = os.open(folder, flags)
        try:
            above: list[str] = []
            left = [_emptied(here)]
            while time.monotonic() < end and (above or left[-1]):
                if left[-1]:
                    above.append(left[-1].pop())
                    os.chmod(above[-1], 0o700, dir_fd=here)
                    below = os.open(above[-1], flags, dir_fd=here)
                    os.close(here)
                    here = below
                    left.append(_emptied(here))
                else:
                    left.pop()
                    up = os.open("..", flags, dir_fd=here)
                    os.close(here)
                    here = up
                    os.rmdir(above.pop(), dir_fd=here)
        finally:
            os.close(here)
        os.rmdir(folder)
    return not os.path.lexists(folder)


def _emptied(folder: int) -> list[str]:
    """Remove the files in an open folder and return the names of the folders in it."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]


def is_over_full(folder: str, process: int) -> bool:
    """Say whether more lies in a scratch folder than an answer may leave there.

    What was unlinked and is still open takes room, too; on Linux it is seen.
    """
    room, files = MAX_BYTES, MAX_FILES
    with contextlib.suppress(OSError):
        for one in os.scandir(f"/proc/{process}/fd"):
            with contextlib.suppress(OSError):
                about = one.stat()
                if stat.S_ISREG(about.st_mode) and about.st_nlink == 0:
                    room -= about.st_blocks * 512
    waiting = [folder]
    while waiting and room >= 0 and files >= 0:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files -= 1
                    if files < 0:
                        break
                    with contextlib.suppress(FileNotFoundError):  # it comes and goes
                        room -= getattr(entry.stat(follow_symlinks=False), "st_blocks", 0) * 512
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        except OSError as error:
            # Folders too deep for a path: nobody looks behind them.
            if error.errno == errno.ENAMETOOLONG:
                return True
    return room < 0 or files < 0
