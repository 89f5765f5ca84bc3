"""Files that are written whole or not at all: a reader finds the old one or the new one.

``write(path, content)`` replaces what is there, ``publish(path, content)`` does not; `content` is
text, bytes, or a function that is given a path and writes the file there (``model.save``).
``write_json(path, data)`` writes plain values. All three make the folder, leave no draft behind,
and raise `OSError` where the disk is full or takes no file; what was there before is still whole.
"""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Content = str | bytes | Callable[[Path], Any]


def write(path: Path, content: Content) -> None:
    """Put a file in place in one step, whether or not one is there."""
    with _temporary_file(path, content) as draft:
        draft.replace(path)


def publish(path: Path, content: Content) -> bool:
    """Put a file in place in one step unless one is there; tell whether it was done."""
    with _temporary_file(path, content) as draft:
        try:
            os.link(draft, path)  # unlike a rename, a link never replaces what is there
        except FileExistsError:
            return False
    return True


def write_json(path: Path, data: Any) -> None:
    """Write plain values as JSON that a person can read."""
    write(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def _temporary_file(path: Path, content: Content) -> Iterator[Path]:
    """Yield a finished, hidden file beside `path`, of the same ending; it is gone afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        if callable(content):
            content(draft)
        else:
            draft.write_bytes(content.encode() if isinstance(content, str) else content)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        yield draft
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def free(folder: Path) -> Path:
    """Return `folder`, or the first of `folder-2`, `folder-3` … that does not exist.

    The same goes for a file, whose ending stays.
    """
    taken, number = folder, 1
    while taken.exists():
        number += 1
        taken = folder.with_name(f"{folder.stem}-{number}{folder.suffix}")
    return taken
