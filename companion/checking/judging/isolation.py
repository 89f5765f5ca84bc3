"""Isolation: how a worker is started so that what it runs can harm nobody and read no answer.

On Linux a worker runs in bubblewrap where that is installed and works: it sees Python, the
libraries and an empty scratch directory in memory, no network and no other process. Without it,
Landlock closes the file system as far as the kernel has it. Either way seccomp refuses new
processes and sockets, root becomes an ordinary user, and every worker has its own session, an empty
environment, limits on memory, processor time and files, and an end that takes its whole group.
On macOS and Windows there is no such sandbox to be had without administering the machine: a worker
is a process of its own with an empty environment, a scratch directory, a time limit and, on macOS,
limits on files and new processes. `reached` says which of these hold on this machine.

Nothing here starts a thread while an answer runs: one that starts as many as it may would else keep
the judge from its clock.
"""

import contextlib
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

from companion.checking.authoring.codec import FrameError, Header, receive, send
from companion.checking.judging import file_system, scratch, users
from companion.checking.judging.clock import clock
from companion.checking.judging.lockdown import THREADS
from companion.checking.judging.runner import LostError

START_PAUSES = (0.2, 1.0, 3.0)
MEMORY = 1 << 30
KERAS_MEMORY = 4 << 30
START_LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a worker is shut in with.

    Attributes:
        bubblewrap: The path of the ``bwrap`` command, or None to do without.
        landlock: Whether Landlock is to close the file system where bubblewrap does not.
        seccomp: Whether seccomp is to refuse new processes and sockets.
    """

    bubblewrap: str | None = None
    landlock: bool = True
    seccomp: bool = True


@functools.cache
def best() -> Sandbox:
    """Return the strongest sandbox that works on this machine."""
    bubblewrap = shutil.which("bwrap") if sys.platform == "linux" else None
    if bubblewrap:
        trial = [*_bubblewrap(bubblewrap, ()), file_system.interpreter(), "-s", "-S", "-c", ""]
        result = subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if result.returncode != 0:
            bubblewrap = None
    return Sandbox(bubblewrap)


def reached(sandbox: Sandbox | None = None) -> str:
    """Start a worker and return what isolation it reached, in words.

    Raises:
        LostError: If no worker can be started.
    """
    with Worker(sandbox or best()) as worker:
        return worker.ready()


@dataclass(slots=True)
class Worker:
    """A worker process; leaving its context ends it and everything that it started.

    Args:
        sandbox: What to shut it in with.
        keras: Whether it loads Keras.

    Raises:
        LostError: If the system does not let it start.
    """

    sandbox: Sandbox
    keras: bool = False
    isolation: str = ""
    _process: "subprocess.Popen[bytes]" = field(init=False)
    _scratch: str | None = field(init=False, default=None)
    _lock: int | None = field(init=False, default=None)
    _timed_out: bool = field(init=False, default=False)
    _over_full: bool = field(init=False, default=False)
    _closed_pipe: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        for pause in (*START_PAUSES, None):
            try:
                self._start()
                return
            except BlockingIOError as error:  # too many processes just now
                self._clear()
                if pause is None:
                    raise LostError("crash", f"The worker cannot be started: {error}.") from error
                time.sleep(pause)
            except OSError as error:
                self._clear()
                raise LostError("crash", f"The worker cannot be started: {error}.") from error

    def _start(self) -> None:
        clock()  # its thread runs before any answer does
        packages = file_system.package_folders()
        user = users.unused_user() if users.is_root() else None
        folder, readable = "/scratch", []
        if self.sandbox.bubblewrap:
            wrapper = _bubblewrap(self.sandbox.bubblewrap, packages)
            command = [*wrapper, *_python_command(), "/worker/worker.py", "/worker"]
        else:
            self._scratch, self._lock = scratch.make()
            folder, readable = self._scratch, _readable(packages)
            program = [str(file) for file in file_system.PROGRAM]
            folders = dict.fromkeys(map(os.path.dirname, program))
            command = [*_python_command(), program[0], *folders]
            if user is not None:
                user = _hand_over(folder, user, (*file_system.system_paths(), *packages, *program))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._scratch or "/",
            env=_environment(folder),
            start_new_session=True,
        )
        with contextlib.suppress(OSError):  # it died at once: `ready` says of what
            send(self._pipe("stdin"), self._setup(packages, readable, folder, user))

    def _setup(
        self, packages: list[str], readable: list[str], folder: str, user: int | None
    ) -> Header:
        """Return what the worker is told first: what to load, and how to lock itself in."""
        return {
            "packages": packages,
            "keras": self.keras,
            "memory": KERAS_MEMORY if self.keras else MEMORY,
            "lock": {
                "listed": [*file_system.system_paths(), *packages],
                "readable": readable,
                "writable": [folder, os.devnull],
                "user": user,
                "landlock": self.sandbox.landlock and not self.sandbox.bubblewrap,
                "seccomp": self.sandbox.seccomp,
                "threads": 4 * THREADS + 16 * (os.cpu_count() or 1) if self.keras else THREADS,
                "parent": None if self.sandbox.bubblewrap else os.getpid(),
            },
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ready(self) -> str:
        """Wait until the worker can take requests and return the isolation reached, in words.

        Raises:
            LostError: If it does not come up; the message has the end of what it wrote.
        """
        if not self.isolation:
            try:
                reply, _ = self._reply(START_LIMIT)
            except LostError as lost:
                output = self._pipe("stderr").read()[-500:].decode(errors="replace").strip()
                raise LostError(lost.reason, f"The worker did not start. {lost} {output}") from None
            parts = (
                ["bubblewrap: own files, processes and network"] if self.sandbox.bubblewrap else []
            )
            parts += reply["reached"]
            if not self.sandbox.bubblewrap and not any("Landlock" in part for part in parts):
                parts.insert(0, "NO sandbox: an answer can read and write what this user can")
            self.isolation = "; ".join([*parts, "own process, empty environment, time limit"])
        return self.isolation

    def ask(
        self, header: Header, blobs: Sequence[bytes] = (), *, limit: float
    ) -> tuple[Header, bytes]:
        """Send a request and return the reply, whatever the worker made of it.

        Args:
            header: The request.
            blobs: Its raw bytes.
            limit: Seconds until the worker is ended.

        Raises:
            LostError: If it died, took too long, or sent no frame; it is ended then.
        """
        self.ready()
        return self._reply(limit, header, blobs)

    def _reply(
        self, limit: float, header: Header | None = None, blobs: Sequence[bytes] = ()
    ) -> tuple[Header, bytes]:
        try:
            # In bubblewrap the scratch folder lies in memory, and its size is bounded there.
            poll = self._check_scratch if self._scratch else None
            with clock().until(limit, self._expire, poll):
                if header is not None:
                    send(self._pipe("stdin"), header, blobs)
                return receive(self._pipe("stdout"))
        except FrameError as error:
            self._kill()
            raise LostError("forged", str(error)) from None
        except (EOFError, OSError):
            self._await_exit()
            self._kill()
            raise self._lost_error(limit) from None

    def _lost_error(self, limit: float) -> LostError:
        exit_code = self._process.wait()
        signal_number = (
            -exit_code
            if exit_code < 0
            else exit_code - 128
            if self.sandbox.bubblewrap and exit_code > 128
            else 0
        )
        if self._timed_out:
            return LostError("timeout", f"No answer within {limit:.3g} seconds.")
        if self._over_full:
            limits = f"{scratch.MAX_BYTES >> 20} MB or {scratch.MAX_FILES:,} files"
            return LostError("crash", f"It wrote more than {limits} to the disk.")
        if signal_number == getattr(signal, "SIGXCPU", -1):
            return LostError("timeout", "The processor time was used up.")
        if self._closed_pipe:
            return LostError("crash", "The process closed its pipe without an answer.")
        if signal_number == getattr(signal, "SIGKILL", -1):
            return LostError("memory", "The system ended the process, most likely for its memory.")
        if signal_number:
            return LostError("crash", f"The process crashed ({signal.strsignal(signal_number)}).")
        return LostError(
            "crash", f"The process ended itself (exit code {exit_code}) without an answer."
        )

    def _await_exit(self) -> None:
        """Give a worker that hung up the time to end by itself, and leave its exit code unread."""
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            if not hasattr(os, "waitid"):
                time.sleep(0.2)
                return
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(0.002)
        self._closed_pipe = True

    def _expire(self) -> None:
        self._timed_out = True
        self._kill()

    def _check_scratch(self) -> None:
        """End a worker that has filled its scratch folder: a limit holds for each file alone."""
        if self._scratch and scratch.is_over_full(self._scratch, self._process.pid):
            self._over_full = True
            self._kill()

    def _kill(self) -> None:
        """Send the end to the whole group, which outlives its leader where it has children."""
        if hasattr(os, "killpg"):
            try:
                # Once its exit code is read, its number may belong to somebody else.
                if self._process.returncode is None:
                    os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        else:
            self._process.kill()

    def end(self) -> None:
        """End the worker with everything that it started, and remove its scratch directory."""
        self._kill()
        self._process.wait()
        for name in ("stdin", "stdout", "stderr"):
            with contextlib.suppress(OSError):  # what was not sent is lost with the reader
                self._pipe(name).close()
        self._clear()

    def _clear(self) -> None:
        """Remove the scratch folder, or leave it to `scratch.sweep` where that takes too long."""
        if self._scratch:
            scratch.remove(self._scratch, 20)
            self._scratch = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _pipe(self, name: str) -> BinaryIO:
        pipe: Any = getattr(self._process, name)
        assert pipe is not None
        return cast(BinaryIO, pipe)


def _python_command() -> list[str]:
    return [file_system.interpreter(), "-s", "-S", "-B", "-P"]


def _readable(packages: Sequence[str]) -> list[str]:
    """Return what a worker may read where Landlock, not bubblewrap, closes the file system."""
    parts = [
        part
        for visible, hidden in file_system.visible_folders(packages)
        for part in file_system.open_parts(visible, hidden)
    ]
    return [*parts, *map(str, file_system.PROGRAM), "/dev/urandom"]


def _hand_over(folder: str, user: int, needed: Sequence[str]) -> int | None:
    """Give a scratch folder to a user who can read what is needed; return that user, or None."""
    if not all(map(file_system.is_open_to_all, needed)):
        return None
    os.chown(folder, user, user)
    return user


def _namespaces() -> list[str]:
    spaces = ["pid", "net", "ipc", "uts", "cgroup-try"] + ([] if users.is_root() else ["user"])
    options = [f"--unshare-{space}" for space in spaces]
    if users.is_root():
        # Root needs no user namespace; it keeps only what the worker needs to become nobody.
        options += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*options, "--die-with-parent"]


def _bubblewrap(command: str, packages: Sequence[str]) -> list[str]:
    """Return the command that shuts the one after it in, with `packages` and nothing of ours."""
    mounted = [*file_system.system_paths(), *packages]
    options = [command, *_namespaces()]
    # Folders on the way are made by bubblewrap, for its own user alone unless told otherwise.
    on_the_way = {str(parent) for path in mounted for parent in Path(path).parents}
    for folder in sorted(on_the_way - {"/"} - set(mounted), key=len):
        options += ["--perms", "0755", "--dir", folder]
    for visible, hidden in file_system.visible_folders(packages):
        for path in visible:
            options += ["--ro-bind", path, path]
        for path in hidden:
            options += ["--tmpfs", path]
    options += ["--perms", "0755", "--dir", "/worker"]
    for file in file_system.PROGRAM:
        options += ["--ro-bind", str(file), f"/worker/{file.name}"]
    options += ["--perms", "0755", "--dir", "/worker/__pycache__"]
    # What is compiled of a module already, the worker need not compile.
    for file in file_system.PROGRAM[1:]:
        compiled = importlib.util.cache_from_source(file)
        options += ["--ro-bind-try", compiled, f"/worker/__pycache__/{Path(compiled).name}"]
    options += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    options += ["--perms", "0777", "--size", str(scratch.MAX_BYTES), "--tmpfs", "/scratch"]
    return [*options, "--remount-ro", "/", "--chdir", "/scratch", "--"]


def _environment(folder: str) -> dict[str, str]:
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    inherited = ("SYSTEMROOT", "KERAS_BACKEND")
    return {
        **{name: os.environ[name] for name in inherited if name in os.environ},
        **dict.fromkeys(threads, "1"),
        **dict.fromkeys(("HOME", "TMPDIR", "TEMP", "KERAS_HOME"), folder),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
