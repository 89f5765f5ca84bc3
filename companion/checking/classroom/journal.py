"""A journal: one JSON object a line, only ever appended to, readable after any crash."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def read(path: Path) -> list[dict[str, Any]]:
    """Return the objects in `path`; a line that cannot be read is passed over."""
    entries = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def append(path: Path, entries: Iterable[dict[str, Any]]) -> None:
    """Add `entries` to the end of `path`, which is made with its folder if need be.

    Raises:
        OSError: If the disk is full or read-only.
    """
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell():
            # A line that a killed process left unfinished must not swallow the next one.
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                lines = "\n" + lines
        file.write(lines.encode())
