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
import errno
import functools
import glob
import importlib.util
import itertools
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import chapters
from companion.checking.authoring.codec import FrameError, Header, receive, send
from companion.checking.judging.lockdown import THREADS
from companion.checking.judging.runner import LostError

if sys.platform != "win32":
    import fcntl

NOBODY = 65534
# Users above this one have no files; every worker that root starts is another one of them.
STRANGERS = 1 << 30
SCRATCH_PREFIX = "companion-"
START_PAUSES = (0.2, 1.0, 3.0)
SCRATCH_BYTES = 64 << 20
SCRATCH_FILES = 10_000
LOOK = 0.1  # seconds from one look at a scratch folder on disk to the next
MEMORY = 1 << 30
KERAS_MEMORY = 4 << 30
START_LIMIT = 120.0
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
        trial = [*_bubblewrap(bubblewrap, ()), _python(), "-s", "-S", "-c", ""]
        done = subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
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
    _held: int | None = field(init=False, default=None)
    _late: bool = field(init=False, default=False)
    _full: bool = field(init=False, default=False)
    _hung_up: bool = field(init=False, default=False)

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
        command = [_python(), "-s", "-S", "-B", "-P"]
        user = _stranger() if _is_root() else None
        packages = _packages()
        readable: list[str] = []
        scratch = "/scratch"
        if self.sandbox.bubblewrap:
            shell = _bubblewrap(self.sandbox.bubblewrap, packages)
            command = [*shell, *command, "/worker/worker.py", "/worker"]
        else:
            self._scratch, self._held = _scratch_folder()
            scratch = self._scratch
            program = [str(file) for file in PROGRAM]
            readable = [
                *(
                    part
                    for shown, hidden in _shown(packages)
                    for part in _open_parts(shown, hidden)
                ),
                *program,
                "/dev/urandom",
            ]
            command += [program[0], *dict.fromkeys(map(os.path.dirname, program))]
            if user is not None:
                if all(_is_open_to_all(path) for path in (*_system(), *packages, *program)):
                    os.chown(scratch, user, user)
                else:
                    user = None
        setup: Header = {
            "packages": packages,
            "keras": self.keras,
            "memory": KERAS_MEMORY if self.keras else MEMORY,
            "lock": {
                "listed": [*_system(), *packages],
                "readable": readable,
                "writable": [scratch, os.devnull],
                "user": user,
                "landlock": self.sandbox.landlock and not self.sandbox.bubblewrap,
                "seccomp": self.sandbox.seccomp,
                "threads": 4 * THREADS + 16 * (os.cpu_count() or 1) if self.keras else THREADS,
                "parent": None if self.sandbox.bubblewrap else os.getpid(),
            },
        }
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._scratch or "/",
            env=_environment(scratch),
            start_new_session=True,
        )
        with contextlib.suppress(OSError):  # it died at once: `ready` says of what
            send(self._pipe("stdin"), setup)

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
                said = self._pipe("stderr").read()[-500:].decode(errors="replace").strip()
                raise LostError(lost.reason, f"The worker did not start. {lost} {said}") from None
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
            look = self._look if self._scratch else None
            with clock().until(limit, self._expire, look):
                if header is not None:
                    send(self._pipe("stdin"), header, blobs)
                return receive(self._pipe("stdout"))
        except FrameError as error:
            self._kill()
            raise LostError("forged", str(error)) from None
        except (EOFError, OSError):
            self._settle()
            self._kill()
            raise self._lost(limit) from None

    def _lost(self, limit: float) -> LostError:
        code = self._process.wait()
        killed = -code if code < 0 else code - 128 if self.sandbox.bubblewrap and code > 128 else 0
        if self._late:
            return LostError("timeout", f"No answer within {limit:.3g} seconds.")
        if self._full:
            most = f"{SCRATCH_BYTES >> 20} MB or {SCRATCH_FILES:,} files"
            return LostError("crash", f"It wrote more than {most} to the disk.")
        if killed == getattr(signal, "SIGXCPU", -1):
            return LostError("timeout", "The processor time was used up.")
        if self._hung_up:
            return LostError("crash", "The process closed its pipe without an answer.")
        if killed == getattr(signal, "SIGKILL", -1):
            return LostError("memory", "The system ended the process, most likely for its memory.")
        if killed:
            return LostError("crash", f"The process crashed ({signal.strsignal(killed)}).")
        return LostError("crash", f"The process ended itself (exit code {code}) without an answer.")

    def _settle(self) -> None:
        """Give a worker that hung up the time to end by itself, and leave its exit code unread."""
        end = time.monotonic() + 1
        while time.monotonic() < end:
            if not hasattr(os, "waitid"):
                time.sleep(0.2)
                return
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(0.002)
        self._hung_up = True

    def _expire(self) -> None:
        self._late = True
        self._kill()

    def _look(self) -> None:
        """End a worker that has filled its scratch folder: a limit holds for each file alone."""
        if self._scratch and is_over_full(self._scratch, self._process.pid):
            self._full = True
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
        """Remove the scratch folder, or leave it to `sweep` where that takes too long."""
        if self._scratch:
            remove(self._scratch, 20)
            self._scratch = None
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _pipe(self, name: str) -> BinaryIO:
        pipe: Any = getattr(self._process, name)
        assert pipe is not None
        return cast(BinaryIO, pipe)


class Clock(threading.Thread):
    """One thread that calls off whatever takes too long."""

    def __init__(self) -> None:
        super().__init__(name="clock", daemon=True)
        self._changed = threading.Condition()
        self._ends: dict[object, tuple[float, Callable[[], None]]] = {}
        self._looks: dict[object, Callable[[], None]] = {}
        self.start()

    @contextlib.contextmanager
    def until(
        self, limit: float, expire: Callable[[], None], look: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Call `expire` unless the context is left within `limit` seconds, and `look` meanwhile."""
        here = object()
        with self._changed:
            if look:
                self._looks[here] = look
            self._ends[here] = time.monotonic() + max(limit, 0.0), expire
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._ends.pop(here, None)
                self._looks.pop(here, None)

    def run(self) -> None:
        """Wait for the nearest end, for ever."""
        with self._changed:
            while True:
                now = time.monotonic()
                for here, (end, expire) in list(self._ends.items()):
                    if end <= now:
                        del self._ends[here]
                        expire()
                for look in self._looks.values():
                    look()
                ends = [end for end, _ in self._ends.values()]
                ends += [now + LOOK] if self._looks else []
                self._changed.wait(max(min(ends) - time.monotonic(), 0) if ends else None)


@functools.cache
def clock() -> Clock:
    """Return this process's clock."""
    return Clock()


def _scratch_folder() -> tuple[str, int | None]:
    """Make a scratch folder; return it with the file that holds it against `sweep`."""
    while True:
        path = tempfile.mkdtemp(prefix=SCRATCH_PREFIX)
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
    for path in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), f"{SCRATCH_PREFIX}*")):
        with contextlib.suppress(OSError):
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if (_is_root() or os.fstat(held).st_uid == os.geteuid()) and _hold(held):
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
    room, files = SCRATCH_BYTES, SCRATCH_FILES
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


def _stranger() -> int:
    """Return a user whom no other worker runs as, so that their limits and signals stay apart."""
    return STRANGERS + next(_numbers) % STRANGERS if _has_strangers() else NOBODY


_numbers = itertools.count(os.getpid() << 10)


@functools.cache
def _has_strangers() -> bool:
    """Say whether this system knows users of any number: containers of ordinary users do not."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return False
    spans = [tuple(map(int, line.split())) for line in lines]
    return any(first <= STRANGERS and first + count >= 2 * STRANGERS for first, _, count in spans)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _python() -> str:
    """Return the interpreter itself: a virtual environment's is a link that needs its folder."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _packages() -> list[str]:
    """Return the folders that libraries are imported from, without the book's own."""
    folders = [path for path in sys.path if Path(path).name in LIBRARIES]
    for name in ("numpy", "keras", "tensorflow"):
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            folders.append(str(Path(spec.origin).parents[1]))
    return list(dict.fromkeys(path for path in folders if os.path.isdir(path)))


def _system() -> list[str]:
    """Return what the interpreter needs of the machine to start."""
    libraries = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/nix/store")
    own = (_python(), os.path.join(sys.base_prefix, "lib"))
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
def _secrets(shown: tuple[str, ...], books: tuple[str, ...]) -> list[str]:
    """Return where answers lie in the folders `shown`: the book, and a teacher's own chapters.

    Args:
        shown: Folders that the worker sees.
        books: The folders that hold chapters.
    """
    book = [os.path.join(folder, name) for folder in shown for name in SECRET]
    cards = [card for folder in books for card in Path(folder).glob("*/__init__.py")]
    own = [
        os.path.join(folder, card.resolve().parent.relative_to(real))
        for folder in shown
        for card in cards
        if card.resolve().parent.is_relative_to(real := os.path.realpath(folder))
    ]
    return [path for path in (*book, *own) if os.path.isdir(path)]


def _shown(packages: Sequence[str]) -> Iterator[tuple[Sequence[str], list[str]]]:
    """Yield folders that the worker sees, with what is hidden of them; later ones lie on top."""
    system, books = tuple(_system()), tuple(chapters.__path__)
    yield system, [*_libraries(system), *_secrets(system, books)]
    yield packages, _secrets(tuple(packages), books)


def _open_parts(paths: Iterable[str], hidden: Collection[str]) -> list[str]:
    """Return the files and folders that make up `paths`, but for those in `hidden`."""
    parts = []
    for path in paths:
        if any(Path(one).is_relative_to(path) for one in hidden):
            inner = (os.path.join(path, name) for name in os.listdir(path))
            parts += _open_parts((one for one in inner if one not in hidden), hidden)
        else:
            parts.append(path)
    return parts


def _is_open_to_all(path: str) -> bool:
    """Return whether any user can read `path`."""
    real = Path(os.path.realpath(path))
    return bool(real.stat().st_mode & stat.S_IROTH) and all(
        parent.stat().st_mode & stat.S_IXOTH for parent in real.parents
    )


def _namespaces() -> list[str]:
    spaces = ["pid", "net", "ipc", "uts", "cgroup-try"] + ([] if _is_root() else ["user"])
    options = [f"--unshare-{space}" for space in spaces]
    if _is_root():
        # Root needs no user namespace; it keeps only what the worker needs to become nobody.
        options += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*options, "--die-with-parent"]


def _bubblewrap(command: str, packages: Sequence[str]) -> list[str]:
    """Return the command that shuts the one after it in, with `packages` and nothing of ours."""
    bound = [*_system(), *packages]
    options = [command, *_namespaces()]
    # Folders on the way are made by bubblewrap, for its own user alone unless told otherwise.
    on_the_way = {str(parent) for path in bound for parent in Path(path).parents}
    for folder in sorted(on_the_way - {"/"} - set(bound), key=len):
        options += ["--perms", "0755", "--dir", folder]
    for shown, hidden in _shown(packages):
        for path in shown:
            options += ["--ro-bind", path, path]
        for path in hidden:
            options += ["--tmpfs", path]
    options += ["--perms", "0755", "--dir", "/worker"]
    for file in PROGRAM:
        options += ["--ro-bind", str(file), f"/worker/{file.name}"]
    options += ["--perms", "0755", "--dir", "/worker/__pycache__"]
    for file in PROGRAM[1:]:  # what is compiled of a module already, the worker need not compile
        compiled = importlib.util.cache_from_source(file)
        options += ["--ro-bind-try", compiled, f"/worker/__pycache__/{Path(compiled).name}"]
    options += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    options += ["--perms", "0777", "--size", str(SCRATCH_BYTES), "--tmpfs", "/scratch"]
    return [*options, "--remount-ro", "/", "--chdir", "/scratch", "--"]


def _environment(scratch: str) -> dict[str, str]:
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    kept = ("SYSTEMROOT", "KERAS_BACKEND")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        **dict.fromkeys(threads, "1"),
        **dict.fromkeys(("HOME", "TMPDIR", "TEMP", "KERAS_HOME"), scratch),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
