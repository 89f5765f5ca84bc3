"""Python in the pages: what the site takes of a Pyodide release, and of the book, to check answers.

`take` copies what the pages need from a release (https://pyodide.org) that was unpacked somewhere:
its core and NumPy, each package checked against the release's own ``pyodide-lock.json``. Beside
them it lays ``book.zip``, the modules that the chapters' exercises stand on, and ``files.json``,
which says how much a reader's browser will load.
"""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from companion.errors import UserError

PACKAGES = ("numpy",)
CORE = ("pyodide.mjs", "pyodide.asm.*js", "pyodide.asm.wasm", "python_stdlib.zip")
LOCK = "pyodide-lock.json"
# Prints what Python loads to check exercises, beyond its own library and NumPy, with its files.
LOADED = """
import json, sys
before = set(sys.modules)
from companion import catalogue
from companion.checking.judging import page
for entry in catalogue.discover():
    entry.module("exercises")
own = {"numpy", *sys.stdlib_module_names}
print(json.dumps({
    name: module.__file__ for name, module in sys.modules.items()
    if name not in before and name.partition(".")[0] not in own and getattr(module, "__file__", "")
}))
"""


def take(release: Path, folder: Path) -> int:
    """Copy what the pages need to run Python, and return how many bytes a browser will load.

    Args:
        release: The folder of an unpacked Pyodide release, 0.27 or later.
        folder: The folder to write.

    Raises:
        UserError: If the release is not whole, or a file of it is not the one that it locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(release)
    for file in _checked(release, lock):
        (folder / file.name).write_bytes(file.read_bytes())
    needed = _needed(lock)
    packages = {name: one for name, one in lock["packages"].items() if name in needed}
    (folder / LOCK).write_text(json.dumps({**lock, "packages": packages}))
    _write_book(folder / "book.zip")
    size = sum(file.stat().st_size for file in folder.iterdir())
    plan = {"packages": PACKAGES, "bytes": size}
    (folder / "files.json").write_text(json.dumps(plan))
    return size


def _lock(release: Path) -> dict[str, Any]:
    """Return what a release says of its files."""
    try:
        lock: dict[str, Any] = json.loads((release / LOCK).read_bytes())
        lock["info"]["abi_version"], lock["packages"]["numpy"]["depends"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            "COMPANION_PYODIDE names the folder of an unpacked Pyodide release, with its "
            f"{LOCK} and NumPy. Received: {release} ({type(error).__name__}: {error})."
        ) from error
    return lock


def _needed(lock: dict[str, Any]) -> list[str]:
    """Return the names of the packages that are needed, each after those that need it."""
    names = list(PACKAGES)
    for name in names:
        names += [one for one in lock["packages"][name]["depends"] if one not in names]
    return names


def _checked(release: Path, lock: dict[str, Any]) -> Iterator[Path]:
    """Yield the files of a release that are needed, each of them the one that it was made with."""
    core: list[Path] = []
    for pattern in CORE:
        matches = sorted(release.glob(pattern))
        if not matches:
            raise UserError(f"Pyodide is not whole: {release} has no {pattern}.")
        core += matches
    # The lock has no sums of the core, but the core names the release, or the ABI, that it is of.
    mark = lock["info"].get("version", lock["info"]["abi_version"])
    if not any(mark in file.read_text("utf-8") for file in core if file.suffix in (".js", ".mjs")):
        raise UserError(f"{release} mixes releases: its {LOCK} is of {mark}, its core is not.")
    yield from core
    for name in _needed(lock):
        package = lock["packages"][name]
        file = release / package["file_name"]
        if not file.is_file():
            raise UserError(f"{release} lacks {file.name}: take the full release, with its wheels.")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if digest != package["sha256"]:
            raise UserError(
                f"{file} is not the file that {LOCK} names: its sha256 is {digest[:16]}…, "
                f"expected {package['sha256'][:16]}…. Take it anew."
            )
        yield file


def _write_book(file: Path) -> None:
    """Write what exercises are checked with as an archive; the same source gives the same bytes."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"The exercises cannot be loaded:\n{done.stderr.strip()}")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(json.loads(done.stdout).items()):
            source = Path(path)
            if source.suffix != ".py":
                raise UserError(f"{name} does not run in a browser: exercises use NumPy alone.")
            inner = "/__init__.py" if source.stem == "__init__" else ".py"
            entry = zipfile.ZipInfo(name.replace(".", "/") + inner)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read_bytes())
