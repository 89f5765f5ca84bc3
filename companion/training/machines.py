"""Several machines as one: processes meet at a roll call, then train together on JAX."""

import atexit
import contextlib
import ctypes
import functools
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from companion.console import err
from companion.errors import UserError
from companion.training.hardware import backend_name

PATIENCE = 300.0  # seconds that a process waits for the others
HEARTBEAT = 30.0  # seconds of silence after which a process counts as lost
GRACE = 5.0  # seconds in which a process may say what failed in it, after another one has failed


def join(
    coordinator: str,
    processes: int,
    process: int,
    *,
    call: dict[str, Any] | None = None,
    folder: Path | None = None,
    patience: float = PATIENCE,
) -> None:
    """Meet the other processes of a run; from then on JAX sees the devices of all of them.

    Call it before anything computes, and train within `watched`. Process 0 waits at `coordinator`
    for the others and sends away whoever does not fit: a number that is taken, or a call that
    differs from its own. From then on a process that loses another ends with a message and exit
    code 1, whatever it is doing.

    Args:
        coordinator: ``HOST:PORT`` of process 0, as the others reach it.
        processes: How many there are.
        process: Which of them this is, from 0.
        call: What the run was asked for; the same in every process.
        folder: Where process 0 keeps the run, to say so if a process is lost.
        patience: Seconds to wait for the others.

    Raises:
        UserError: If the call is wrong, the processes do not fit, or one does not come.
    """
    if (backend := backend_name()) != "jax":
        raise UserError(
            "Several machines train together on JAX alone, since Keras's fit() does not run under "
            "TensorFlow's MultiWorkerMirroredStrategy. Start every process with KERAS_BACKEND=jax. "
            f"Received: the backend {backend}."
        )
    host, port = _address(coordinator)
    if not 0 <= process < processes:
        raise UserError(
            "Processes are numbered from 0 to one less than there are. "
            f"Received: process {process} of {processes}."
        )
    if process == 0:
        meeting, lines = _call_the_roll(host, port, processes, call or {}, patience)
    else:
        hello = {"process": process, "processes": processes, "call": call or {}}
        meeting, line = _answer_the_roll(host, port, hello, patience)
        lines = [line]
    global _watch
    _watch = Watch(lines, folder)
    _watch.tell_when_aborted()
    import jax
    from jax.experimental import multihost_utils

    _be_reached_at(lines[0].getsockname()[0] if lines else host)
    try:
        jax.distributed.initialize(
            f"{host}:{meeting}",
            processes,
            process,
            cluster_detection_method="deactivate",
            initialization_timeout=60,
            heartbeat_timeout_seconds=round(3 * HEARTBEAT),  # the watch comes first
        )
        with _stdout_withheld():  # whoever connects says so there, once
            multihost_utils.sync_global_devices("companion")
    except RuntimeError as error:
        raise UserError(f"The processes met, but JAX could not join them: {error}") from error
    atexit.register(_watch.end)  # runs before JAX's own way out, where all wait for each other


def _be_reached_at(address: str) -> None:
    """Let JAX join CPUs through `address`, by which the other machines reach this one.

    Gloo, which joins them, takes the address of the machine's name: on Debian and Ubuntu 127.0.1.1
    as a rule, where no other machine reaches it. JAX has no option for that.

    Raises:
        UserError: If it cannot be said to the JAX that is installed.
    """
    try:
        own = socket.gethostbyname(socket.gethostname())
    except OSError:
        own = "127.0.0.1"
    if not own.startswith("127.") or address.startswith("127."):
        return
    try:
        jaxlib: Any = importlib.import_module("jax._src.lib")
        join_cpus = functools.partial(jaxlib._jax.make_gloo_tcp_collectives, hostname=address)
        jaxlib._jax.make_gloo_tcp_collectives = join_cpus
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"This machine's name, {socket.gethostname()}, stands for {own}, where other machines "
            f"cannot reach it. In /etc/hosts, let it stand for {address}."
        ) from error


@contextlib.contextmanager
def _stdout_withheld() -> Iterator[None]:
    """Drop what C++ writes to stdout: it is for results."""
    sys.stdout.flush()
    stdout, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(nowhere)


def _address(coordinator: str) -> tuple[str, int]:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UserError(
            "--coordinator is HOST:PORT of process 0, e.g. 10.0.0.1:5678. "
            f"Received: {coordinator!r}."
        )
    try:
        socket.getaddrinfo(host, int(port))
    except OSError as error:
        raise UserError(f"There is no machine named {host!r}: {error.strerror}.") from error
    return host, int(port)


def _listen(port: int) -> socket.socket:
    """Return the socket at which process 0 waits.

    Raises:
        UserError: If the port is taken.
    """
    try:
        return socket.create_server(("", port))
    except OSError as error:
        raise UserError(
            f"Process 0 cannot wait at port {port}: {error.strerror}. Does another process run "
            "with --process 0? Give each its own number, or each run a port of its own."
        ) from error


def _call_the_roll(
    host: str, port: int, processes: int, call: dict[str, Any], patience: float
) -> tuple[int, list[socket.socket]]:
    """Wait for processes 1 to N−1 at a port; return the port for JAX, and a line to each."""
    server = _listen(port)
    with socket.create_server(("", 0)) as probe:
        meeting = int(probe.getsockname()[1])
    present: dict[int, socket.socket] = {}
    full = threading.Event()

    def welcome() -> None:
        while True:
            visitor, _ = server.accept()
            visitor.settimeout(5)
            try:
                hello = _receive(visitor)
                refusal = _refusal(hello, processes, call, present, begun=full.is_set())
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                visitor.close()  # a passer-by who speaks another language
                continue
            if refusal:
                _send(visitor, {"refused": refusal})
                visitor.close()
                continue
            number = int(hello["process"])
            if number in present:  # it came before, and left while it waited
                present[number].close()
            present[number] = visitor
            if len(present) == processes - 1 and not any(map(_has_left, present.values())):
                full.set()

    if processes > 1:
        threading.Thread(target=welcome, daemon=True).start()
        err.print(f"Process 0 waits at {host}:{port} for {processes - 1} more.")
        if not full.wait(patience):
            missing = ", ".join(str(n) for n in range(1, processes) if n not in present)
            raise UserError(
                f"Process {missing} of {processes} did not come to {host}:{port} in "
                f"{patience:.0f} s."
            )
        for visitor in present.values():
            _send(visitor, {"port": meeting})
    return meeting, list(present.values())


def _refusal(
    hello: dict[str, Any],
    processes: int,
    call: dict[str, Any],
    present: dict[int, socket.socket],
    *,
    begun: bool,
) -> str:
    """Return why a process cannot take part, or nothing if it can."""
    number, theirs = int(hello["process"]), hello["call"]
    if hello["processes"] != processes:
        return f"process 0 was started for {processes} processes, this for {hello['processes']}."
    if begun or number == 0 or (number in present and not _has_left(present[number])):
        return f"there is a process {number} already. Give each process a number of its own."
    differing = [
        f"{name} is {call.get(name)!r} there and {theirs.get(name)!r} here"
        for name in sorted({*call, *theirs})
        if call.get(name) != theirs.get(name)
    ]
    if differing:
        return f"it was asked for something else: {'; '.join(differing)}."
    return ""


def _answer_the_roll(
    host: str, port: int, hello: dict[str, Any], patience: float
) -> tuple[int, socket.socket]:
    """Report to process 0; return the port at which JAX is to join all, and the line to it."""
    limit, told = time.monotonic() + patience, False
    while True:
        try:
            line = socket.create_connection((host, port), timeout=5)
            try:
                _send(line, hello)
                line.settimeout(max(1.0, limit - time.monotonic()))
                reply = _receive(line)
            except BaseException:
                line.close()
                raise
            break
        except (OSError, ValueError) as error:
            if time.monotonic() > limit:
                raise UserError(
                    f"Process 0 did not answer at {host}:{port} in {patience:.0f} s ({error})."
                ) from error
            if not told:
                err.print(f"Process {hello['process']} waits for process 0 at {host}:{port}.")
                told = True
            time.sleep(0.5)
    if "refused" in reply:
        line.close()
        raise UserError(
            f"Process 0 of the run at {host}:{port} sends this one away: {reply['refused']}"
        )
    return int(reply["port"]), line


def _send(line: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # whoever has gone will be missed soon enough
        line.sendall(json.dumps(message).encode() + b"\n")


def _receive(line: socket.socket) -> dict[str, Any]:
    received = b""
    while not received.endswith(b"\n"):
        part = line.recv(1)  # what follows the message is for the watch
        if not part or len(received) > 65_536:
            raise ValueError("the connection was closed")
        received += part
    return dict(json.loads(received))


def _has_left(line: socket.socket) -> bool:
    readable, _, _ = select.select([line], [], [], 0)
    return bool(readable) and not line.recv(1, socket.MSG_PEEK)


ALIVE, DONE, FAILED = b".", b"!", b"?"  # what is said on a line


class Watch:
    """Beats on the lines to other processes and listens to theirs; ends this one if it loses one.

    Process 0 has a line to each of the others: what it loses, they lose with it. JAX's own watch
    would abort the process without a word of ours.

    Args:
        lines: Sockets to the other processes.
        folder: Where process 0 keeps the run.
    """

    def __init__(self, lines: list[socket.socket], folder: Path | None) -> None:
        self.lines, self.folder = lines, folder
        self.succeeded, self._alone = False, False
        self._failed = threading.Event()
        self._speaking, self._last_word = threading.Lock(), ALIVE
        for line in lines:
            line.settimeout(HEARTBEAT)
        self._listeners = [
            threading.Thread(target=self._listen, args=(line,), daemon=True) for line in lines
        ]
        for thread in (*self._listeners, threading.Thread(target=self._beat, daemon=True)):
            thread.start()

    def _beat(self) -> None:
        while self._say(ALIVE):
            time.sleep(HEARTBEAT / 10)

    def _say(self, word: bytes) -> bool:
        with self._speaking:
            if self._last_word != ALIVE:  # nobody listens any more
                return False
            self._last_word = word
            for line in self.lines:
                with contextlib.suppress(OSError):  # the listener will find out
                    line.sendall(word)
        return True

    def _listen(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a timeout, or a connection that broke
            while heard := line.recv(64):
                if DONE in heard or (FAILED in heard and self._failed.wait(GRACE)):
                    return
                if FAILED in heard:
                    break
        self._lose()
        self._alone = True

    def _lose(self) -> None:
        if not self._failed.is_set():
            abandon(self.folder)

    def fail(self) -> None:
        """Tell the others that this process will not go on."""
        self._failed.set()
        self._say(FAILED)

    def end(self) -> None:
        """Take leave, so that JAX's way out, on which all wait for each other, is open.

        A process that ends before its work is done (`watched`) has failed, wherever that was.
        """
        if self.succeeded:
            self._say(DONE)
            return
        self.fail()
        limit = time.monotonic() + 2 * GRACE
        for thread in self._listeners:
            thread.join(max(0.0, limit - time.monotonic()))
        if self._alone or any(thread.is_alive() for thread in self._listeners):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)  # the others have not waited

    def tell_when_aborted(self) -> None:
        """Speak before the process ends, should JAX abort it before a listener has noticed."""

        def end(_: int) -> None:
            self._lose()
            os._exit(1)

        self._at_abort = ctypes.CFUNCTYPE(None, ctypes.c_int)(end)  # kept for as long as C knows it
        ctypes.CDLL(None).signal(signal.SIGABRT, self._at_abort)


_watch: Watch | None = None


def abandon(folder: Path | None) -> None:
    """Say that a process was lost and how to go on, and end this one at once, with exit code 1.

    JAX's own way out would wait for those who are gone.
    """
    folder = folder if folder and (folder / "run.json").exists() else None
    kept = f"in {folder}" if folder else "where process 0 keeps the run"
    again = f"--resume {folder}" if folder else "--resume and that folder"
    sys.stderr.write(
        "\ncompanion: another process of this run has gone, or the network to it. The epochs up "
        f"to the last save are kept {kept}: start every process again with {again}.\n"
    )
    sys.stderr.flush()
    os._exit(1)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Tell the other processes, where there are any, whether the block succeeds in this one."""
    try:
        yield
    except BaseException:
        if _watch is not None:
            time.sleep(1)  # if it failed for want of another process, the watch ends it now
            _watch.fail()
        raise
    if _watch is not None:
        _watch.succeeded = True
