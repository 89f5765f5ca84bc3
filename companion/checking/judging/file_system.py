"""The file system as a worker sees it: Python, the libraries, its program, and no answer."""

import functools
import glob
import importlib.util
import os
import stat
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import chapters

HERE = Path(__file__).resolve().parent
# The program first, then the modules that it speaks through: nothing of these holds an answer.
PROGRAM = (
    HERE / "worker.py",
    HERE / "lockdown.py",
    HERE.with_name("authoring") / "codec.py",
    HERE.with_name("authoring") / "description.py",
    HERE.with_name("authoring") / "rebuilding.py",
)
SECRET = ("companion", "chapters")
LIBRARIES = ("site-packages", "dist-packages")


def interpreter() -> str:
    """Return the interpreter itself: a virtual environment's is a link that needs its folder."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def package_folders() -> list[str]:
    """Return the folders that libraries are imported from, without the book's own."""
    folders = [path for path in sys.path if Path(path).name in LIBRARIES]
    for name in ("numpy", "keras", "tensorflow"):
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            folders.append(str(Path(spec.origin).parents[1]))
    return list(dict.fromkeys(path for path in folders if os.path.isdir(path)))


def system_paths() -> list[str]:
    """Return what the interpreter needs of the machine to start."""
    libraries = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/nix/store")
    own = (interpreter(), os.path.join(sys.base_prefix, "lib"))
    return [path for path in dict.fromkeys((*libraries, *own)) if os.path.exists(path)]


@functools.cache
def _libraries(system: tuple[str, ...]) -> list[str]:
    """Return the folders within `system` where libraries, and so the book, may be installed."""
    return [
        path
        for folder in system
        for name in LIBRARIES
        for path in glob.glob(os.path.join(glob.escape(folder), "*", name))
    ]


@functools.cache
def _secrets(visible: tuple[str, ...], books: tuple[str, ...]) -> list[str]:
    """Return where answers lie in the folders `visible`: the book, and a teacher's own chapters.

    Args:
        visible: Folders that the worker sees.
        books: The folders that hold chapters.
    """
    book_folders = [os.path.join(folder, name) for folder in visible for name in SECRET]
    cards = [card for folder in books for card in Path(folder).glob("*/__init__.py")]
    own_folders = [
        os.path.join(folder, card.resolve().parent.relative_to(real))
        for folder in visible
        for card in cards
        if card.resolve().parent.is_relative_to(real := os.path.realpath(folder))
    ]
    return [path for path in (*book_folders, *own_folders) if os.path.isdir(path)]


def visible_folders(packages: Sequence[str]) -> Iterator[tuple[Sequence[str], list[str]]]:
    """Yield folders that the worker sees, with what is hidden of them; later ones lie on top."""
    system, books = tuple(system_paths()), tuple(chapters.__path__)
    yield system, [*_libraries(system), *_secrets(system, books)]
    yield packages, _secrets(tuple(packages), books)


def open_parts(paths: Iterable[str], hidden: Collection[str]) -> list[str]:
    """Return the files and folders that make up `paths`, but for those in `hidden`."""
    parts = []
    for path in paths:
        if any(Path(one).is_relative_to(path) for one in hidden):
            inner = (os.path.join(path, name) for name in os.listdir(path))
            parts += open_parts((one for one in inner if one not in hidden), hidden)
        else:
            parts.append(path)
    return parts


def is_open_to_all(path: str) -> bool:
    """Return whether any user can read `path`."""
    real = Path(os.path.realpath(path))
    return bool(real.stat().st_mode & stat.S_IROTH) and all(
        parent.stat().st_mode & stat.S_IXOTH for parent in real.parents
    )
