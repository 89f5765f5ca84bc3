"""Commands as benchmarks run them: timed, their memory watched, ended with all they began."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

ADDRESSES = 8 << 30  # bytes that a process may address: who asks for all memory gets an error
SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Ran:
    """A command that ended, or was ended.

    Attributes:
        seconds: From its start to its end.
        memory: Most bytes that it and everything below it held at once; shared ones are divided
            among those who share them.
        code: Its exit status; None if it was ended because its time was over.
        said: The end of what it wrote, both streams.
        left: Whether it ended and left processes behind, which then were killed.
    """

    seconds: float
    memory: int
    code: int | None
    said: str
    left: bool


def run(
    command: list[str | Path], folder: Path, limit: float, *, watched: bool = True, **variables: str
) -> Ran:
    """Run a command in a folder for at most so many seconds.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        limit: Seconds after which it is killed, with everything below it.
        watched: Whether its memory is watched, which takes a little time of its own.
        variables: Variables of its environment.
    """
    most, done = [0], threading.Event()
    with (folder / "said.txt").open("w+b") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_bounded,
        )
        if watched:
            threading.Thread(target=_watch, args=(process.pid, most, done), daemon=True).start()
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        seconds = time.perf_counter() - began
        done.set()
        left = code is not None and _outlived(process.pid)
        end(process)
        output.seek(max(0, output.seek(0, os.SEEK_END) - 2000))
        return Ran(seconds, most[0], code, output.read().decode(errors="replace"), left)


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _tree(pid: int) -> list[psutil.Process]:
    """The process and those below it, as far as they are still there."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def _watch(pid: int, most: list[int], done: threading.Event) -> None:
    while not done.wait(SECONDS_BETWEEN_LOOKS):
        held = 0
        for one in _tree(pid):
            try:
                held += one.memory_full_info().pss
            except (psutil.Error, OSError):
                continue  # it ended meanwhile
        most[0] = max(most[0], held)


def end(process: subprocess.Popen) -> None:
    """Kill a process that `run` or a benchmark began, with everything below it, and its session."""
    family = _tree(process.pid)
    for one in family or _members(process.pid):
        try:
            one.kill()
        except psutil.Error:
            continue
    process.wait()


def _members(session: int) -> list[psutil.Process]:
    """The processes of a session whose leader may have ended."""
    processes = []
    for one in psutil.process_iter():
        try:
            if os.getsid(one.pid) == session and one.status() != psutil.STATUS_ZOMBIE:
                processes.append(one)
        except (OSError, psutil.Error):
            continue
    return processes


def _outlived(session: int) -> bool:
    """Whether somebody of a session is still there a second after its leader ended."""
    end_of_grace = time.monotonic() + 1
    while there := bool(_members(session)):
        if time.monotonic() > end_of_grace:
            break
        time.sleep(0.1)
    return there


def variables(backend: str, *, keeps_memory: bool = True) -> dict[str, str]:
    """The environment of a process that trains on the CPU with a backend of Keras's.

    Args:
        backend: Which.
        keeps_memory: Whether the companion may have the C library keep what a step frees; a process
            that measures others has the library as it is.
    """
    inherited = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""}
    as_it_is = {} if keeps_memory else {"GLIBC_TUNABLES": ""}
    return {**inherited, **as_it_is, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}


def environment(folder: Path, name: str, packages: tuple[str, ...]) -> tuple[Path, dict[str, str]]:
    """Return the Python of a virtual environment with these packages, made where it is missing.

    Args:
        folder: Where environments are kept.
        name: This one's name.
        packages: What pip installs.

    Returns:
        Its interpreter, and the versions of the packages.
    """
    python = folder / name / "bin" / "python"
    ready = folder / name / "packages.json"
    if not ready.exists():
        print(f"installing {', '.join(packages)} into {folder / name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        listed = subprocess.run(
            [python, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True
        ).stdout
        versions = {one["name"]: one["version"] for one in json.loads(listed)}
        ready.write_text(json.dumps({one: versions[one] for one in packages}))
    return python, json.loads(ready.read_text())
