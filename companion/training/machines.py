"""Several machines as one: processes meet at a rendezvous, then train together on JAX."""

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
        jax_port, connections = _host_rendezvous(host, port, processes, call or {}, patience)
    else:
        registration = {"process": process, "processes": processes, "call": call or {}}
        jax_port, connection = _join_rendezvous(host, port, registration, patience)
        connections = [connection]
    global _heartbeat
    _heartbeat = Heartbeat(connections, folder)
    _heartbeat.report_abort()
    import jax
    from jax.experimental import multihost_utils

    _use_address(connections[0].getsockname()[0] if connections else host)
    try:
        jax.distributed.initialize(
            f"{host}:{jax_port}",
            processes,
            process,
            cluster_detection_method="deactivate",
            initialization_timeout=60,
            heartbeat_timeout_seconds=round(3 * HEARTBEAT),  # `Heartbeat` comes first
        )
        with _stdout_withheld():  # whoever connects says so there, once
            multihost_utils.sync_global_devices("companion")
    except RuntimeError as error:
        raise UserError(f"The processes met, but JAX could not join them: {error}") from error
    atexit.register(_heartbeat.end)  # runs before JAX's own way out, where all wait for each other


def _use_address(address: str) -> None:
    """Let JAX join CPUs through `address`, by which the other machines reach this one.

    Gloo, which joins them, takes the address of the machine's name: on Debian and Ubuntu 127.0.1.1
    as a rule, where no other machine reaches it. JAX has no option for that.

    Raises:
        UserError: If it cannot be said to the JAX that is installed.
    """
    try:
        own_address = socket.gethostbyname(socket.gethostname())
    except OSError:
        own_address = "127.0.0.1"
    if not own_address.startswith("127.") or address.startswith("127."):
        return
    try:
        jaxlib: Any = importlib.import_module("jax._src.lib")
        join_cpus = functools.partial(jaxlib._jax.make_gloo_tcp_collectives, hostname=address)
        jaxlib._jax.make_gloo_tcp_collectives = join_cpus
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"This machine's name, {socket.gethostname()}, stands for {own_address}, where other "
            f"machines cannot reach it. In /etc/hosts, let it stand for {address}."
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


def _host_rendezvous(
    host: str, port: int, processes: int, call: dict[str, Any], patience: float
) -> tuple[int, list[socket.socket]]:
    """Wait for processes 1 to N−1 at a port; return the port for JAX, and a line to each."""
    server = _listen(port)
    with socket.create_server(("", 0)) as probe:
        jax_port = int(probe.getsockname()[1])
    connections: dict[int, socket.socket] = {}
    all_present = threading.Event()

    def accept_processes() -> None:
        while True:
            connection, _ = server.accept()
            connection.settimeout(5)
            try:
                registration = _receive(connection)
                refusal = _refusal(
                    registration, processes, call, connections, begun=all_present.is_set()
                )
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                connection.close()  # not a process of ours
                continue
            if refusal:
                _send(connection, {"refused": refusal})
                connection.close()
                continue
            number = int(registration["process"])
            if number in connections:  # it came before, and left while it waited
                connections[number].close()
            connections[number] = connection
            if len(connections) == processes - 1 and not any(map(_has_left, connections.values())):
                all_present.set()

    if processes > 1:
        threading.Thread(target=accept_processes, daemon=True).start()
        err.print(f"Process 0 waits at {host}:{port} for {processes - 1} more.")
        if not all_present.wait(patience):
            missing = ", ".join(str(n) for n in range(1, processes) if n not in connections)
            raise UserError(
                f"Process {missing} of {processes} did not come to {host}:{port} in "
                f"{patience:.0f} s."
            )
        for connection in connections.values():
            _send(connection, {"port": jax_port})
    return jax_port, list(connections.values())


def _refusal(
    registration: dict[str, Any],
    processes: int,
    call: dict[str, Any],
    connections: dict[int, socket.socket],
    *,
    begun: bool,
) -> str:
    """Return why a process cannot take part, or nothing if it can."""
    number, theirs = int(registration["process"]), registration["call"]
    if (count := registration["processes"]) != processes:
        return f"process 0 was started for {processes} processes, this for {count}."
    if begun or number == 0 or (number in connections and not _has_left(connections[number])):
        return f"there is a process {number} already. Give each process a number of its own."
    differing = [
        f"{name} is {call.get(name)!r} there and {theirs.get(name)!r} here"
        for name in sorted({*call, *theirs})
        if call.get(name) != theirs.get(name)
    ]
    if differing:
        return f"it was asked for something else: {'; '.join(differing)}."
    return ""


def _join_rendezvous(
    host: str, port: int, registration: dict[str, Any], patience: float
) -> tuple[int, socket.socket]:
    """Report to process 0; return the port at which JAX is to join all, and the line to it."""
    deadline, reported = time.monotonic() + patience, False
    while True:
        try:
            connection = socket.create_connection((host, port), timeout=5)
            try:
                _send(connection, registration)
                connection.settimeout(max(1.0, deadline - time.monotonic()))
                reply = _receive(connection)
            except BaseException:
                connection.close()
                raise
            break
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise UserError(
                    f"Process 0 did not answer at {host}:{port} in {patience:.0f} s ({error})."
                ) from error
            if not reported:
                err.print(
                    f"Process {registration['process']} waits for process 0 at {host}:{port}."
                )
                reported = True
            time.sleep(0.5)
    if "refused" in reply:
        connection.close()
        raise UserError(
            f"Process 0 of the run at {host}:{port} sends this one away: {reply['refused']}"
        )
    return int(reply["port"]), connection


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # whoever has gone will be missed soon enough
        connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket) -> dict[str, Any]:
    received = b""
    while not received.endswith(b"\n"):
        part = connection.recv(1)  # what follows the message is for `Heartbeat`
        if not part or len(received) > 65_536:
            raise ValueError("the connection was closed")
        received += part
    return dict(json.loads(received))


def _has_left(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and not connection.recv(1, socket.MSG_PEEK)


ALIVE, DONE, FAILED = b".", b"!", b"?"  # what is said on a line


class Heartbeat:
    """Sends heartbeats to other processes and listens for theirs; ends this one if one stops.

    Process 0 has a line to each of the others: what it loses, they lose with it. JAX's own
    heartbeat would abort the process without a word of ours.

    Args:
        connections: Sockets to the other processes.
        folder: Where process 0 keeps the run.
    """

    def __init__(self, connections: list[socket.socket], folder: Path | None) -> None:
        self.connections, self.folder = connections, folder
        self.succeeded, self._peer_lost = False, False
        self._failed = threading.Event()
        self._send_lock, self._last_message = threading.Lock(), ALIVE
        for connection in connections:
            connection.settimeout(HEARTBEAT)
        self._listeners = [
            threading.Thread(target=self._listen, args=(connection,), daemon=True)
            for connection in connections
        ]
        for thread in (*self._listeners, threading.Thread(target=self._beat, daemon=True)):
            thread.start()

    def _beat(self) -> None:
        while self._send_all(ALIVE):
            time.sleep(HEARTBEAT / 10)

    def _send_all(self, message: bytes) -> bool:
        with self._send_lock:
            if self._last_message != ALIVE:  # nobody listens any more
                return False
            self._last_message = message
            for connection in self.connections:
                with contextlib.suppress(OSError):  # the listener will find out
                    connection.sendall(message)
        return True

    def _listen(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a timeout, or a connection that broke
            while received := connection.recv(64):
                if DONE in received or (FAILED in received and self._failed.wait(GRACE)):
                    return
                if FAILED in received:
                    break
        self._report_loss()
        self._peer_lost = True

    def _report_loss(self) -> None:
        if not self._failed.is_set():
            abandon(self.folder)

    def fail(self) -> None:
        """Tell the others that this process will not go on."""
        self._failed.set()
        self._send_all(FAILED)

    def end(self) -> None:
        """Take leave, so that JAX's way out, on which all wait for each other, is open.

        A process that ends before its work is done (`watched`) has failed, wherever that was.
        """
        if self.succeeded:
            self._send_all(DONE)
            return
        self.fail()
        deadline = time.monotonic() + 2 * GRACE
        for thread in self._listeners:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._peer_lost or any(thread.is_alive() for thread in self._listeners):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)  # the others have not waited

    def report_abort(self) -> None:
        """Speak before the process ends, should JAX abort it before a listener has noticed."""

        def end(_: int) -> None:
            self._report_loss()
            os._exit(1)

        self._at_abort = ctypes.CFUNCTYPE(None, ctypes.c_int)(end)  # kept for as long as C knows it
        ctypes.CDLL(None).signal(signal.SIGABRT, self._at_abort)


_heartbeat: Heartbeat | None = None


def abandon(folder: Path | None) -> None:
    """Say that a process was lost and how to go on, and end this one at once, with exit code 1.

    JAX's own way out would wait for those who are gone.
    """
    folder = folder if folder and (folder / "run.json").exists() else None
    location = f"in {folder}" if folder else "where process 0 keeps the run"
    resume_option = f"--resume {folder}" if folder else "--resume and that folder"
    sys.stderr.write(
        "\ncompanion: another process of this run has gone, or the network to it. The epochs up "
        f"to the last save are kept {location}: start every process again with {resume_option}.\n"
    )
    sys.stderr.flush()
    os._exit(1)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Tell the other processes, where there are any, whether the block succeeds in this one."""
    try:
        yield
    except BaseException:
        if _heartbeat is not None:
            time.sleep(1)  # if it failed for want of another process, `Heartbeat` ends it now
            _heartbeat.fail()
        raise
    if _heartbeat is not None:
        _heartbeat.succeeded = True
