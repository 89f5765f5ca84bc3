"""A journal: one JSON object a line, only ever appended to, readable after any crash.

One that lies where others can write is sealed: each line carries a code that only who holds the key
can make (HMAC, RFC 2104), and a line without it is passed over.
"""

import errno
import hashlib
import hmac
import json
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

SEAL = "seal"
MAX_LINE = 16 << 20


def read(path: Path, key: bytes | None = None) -> list[dict[str, Any]]:
    """Return the objects in `path`; a line that cannot be read is passed over.

    Args:
        path: The journal.
        key: Where it is given, only lines that were sealed with it count.
    """
    entries = []
    try:
        with open(path, "rb", opener=_opener(key)) as file:
            while line := file.readline(MAX_LINE):
                try:
                    entry = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(entry, dict) and _is_ours(entry, key):
                    entries.append(entry)
    except OSError:
        pass
    return entries


def append(path: Path, entries: Iterable[dict[str, Any]], key: bytes | None = None) -> None:
    """Add `entries` to the end of `path`, which is made with its folder if need be.

    Args:
        path: The journal.
        entries: What is added.
        key: What to seal them with.

    Raises:
        OSError: If the disk is full or read-only, or something else than a file lies there.
    """
    sealed = ({**one, SEAL: _seal(one, key)} if key else one for one in entries)
    lines = "".join(json.dumps(entry) + "\n" for entry in sealed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+", opener=_opener(key)) as file:
        if file.tell():
            # A line that a killed process left unfinished must not swallow the next one.
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                lines = "\n" + lines
        file.write(lines.encode())


def _seal(entry: dict[str, Any], key: bytes) -> str:
    return hmac.new(key, json.dumps(entry, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _is_ours(entry: dict[str, Any], key: bytes | None) -> bool:
    seal = str(entry.pop(SEAL, ""))
    return key is None or hmac.compare_digest(
        seal.encode("utf-8", "replace"), _seal(entry, key).encode()
    )


def _opener(key: bytes | None) -> Callable[[str, int], int]:
    """Return what opens a file, but no pipe, and where others can write no link."""

    def regular(path: str, flags: int) -> int:
        more = ("O_NONBLOCK", "O_NOFOLLOW") if key else ("O_NONBLOCK",)
        for name in more:
            flags |= getattr(os, name, 0)
        file = os.open(path, flags, 0o666)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(errno.EINVAL, "it is not a file")
        return file

    return regular
