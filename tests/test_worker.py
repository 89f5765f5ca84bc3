"""The worker that runs answers, and how its end is read."""

import ctypes
import inspect
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from companion.checking import exercise
from companion.checking.authoring import codec
from companion.checking.judging import file_system, isolation, users, worker
from companion.checking.judging.isolation import Sandbox, Worker
from companion.checking.judging.judge import Judge
from companion.checking.judging.page import InProcessRunner
from companion.checking.judging.runner import LostError
from companion.checking.verdict import Status

linux = pytest.mark.skipif(sys.platform != "linux", reason="the locks are Linux's")


@exercise()
def twice(x):
    """Return twice `x`."""
    return 2 * x


twice.cases(lambda rng: [(3.0,), (np.array([1.0, 2.0, 4.0]),)])

TWICE = "def twice(x):\n    return 2 * x\n"


# -- the worker -----------------------------------------------------------------------------------


@pytest.fixture
def answers_of():
    """Load a file into this process, and return what it replied and the answers in it."""
    runners = []

    def load(source, file="answers_of_ada.py"):
        runners.append(InProcessRunner())
        header = {"ask": "load", "file": file, "seconds": 1}
        reply, _ = runners[-1].ask(header, [source.encode()], limit=1)
        return reply, runners[-1].answers

    yield load
    for one in runners:
        one.end()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("answers_of_ada.py", "answers_of_ada"),
        ("numpy.py", "answers"),
        ("my own.py", "answers"),
        ("chapters.py", "answers"),  # of the book, which is out of sight
    ],
)
def test_a_files_module_bears_its_name_where_that_is_free(answers_of, file, name):
    _, loaded = answers_of("def name():\n    return __name__\n", file)
    assert (loaded.module.name(), loaded.module.__name__) == (name, name)


def test_an_answer_can_read_its_own_source(answers_of):
    _, loaded = answers_of("x = 1\n" + TWICE)
    assert inspect.getsource(loaded.module.twice) == TWICE


def test_the_line_of_a_nul_is_counted_from_the_top(answers_of):
    reply, _ = answers_of("\nx = '\0'\n")
    assert reply["raised"] in ("SyntaxError", "ValueError")
    assert reply["line"] == 2


def test_a_model_that_cannot_be_measured_is_a_reply():
    blobs = []
    header = {"ask": "measure", "arguments": codec.encode(["{", [], 0, 0], blobs)}
    reply, _ = worker.Answers().reply(header, b"".join(blobs))
    assert reply["raised"] == "ValueError"


def endless():
    held = []
    held.append(held)
    return held


def deep():
    held = []
    for _ in range(100_000):
        held = [held]
    return held


@pytest.mark.parametrize(
    ("value", "raised"),
    [({1}, "TypeError"), (endless(), "ValueError"), (deep(), "RecursionError")],
    ids=["a set", "without end", "deep"],
)
def test_a_reply_that_cannot_be_written_is_told_in_one_that_can(value, raised):
    sent = io.BytesIO()
    strange = SimpleNamespace(
        reply=lambda header, payload: ({"value": value}, []), raised=worker.Answers().raised
    )
    worker.send_reply(strange, {}, b"", sent)
    sent.seek(0)
    assert codec.receive(sent)[0]["raised"] == raised


def test_a_value_that_is_too_large_to_be_sent_is_told_by_its_size(answers_of, monkeypatch):
    _, loaded = answers_of("import numpy as np\ndef row(): return np.zeros(100)\n")
    header = {"ask": "call", "name": "row", "model": None, "arguments": codec.encode([[], {}], [])}
    monkeypatch.setattr(codec, "MAX_BYTES", 799)
    sent = io.BytesIO()
    worker.send_reply(loaded, header, b"", sent)
    sent.seek(0)
    assert codec.receive(sent)[0] == {"value": ["opaque", "value too large to be sent"]}


def test_time_to_compute_is_given_anew_for_each_request_and_for_the_file_for_good():
    inbox, outbox, limits = io.BytesIO(), io.BytesIO(), []
    load = {"ask": "load", "file": "answers_of_bob.py", "seconds": 40, "computing": 5}
    codec.send(inbox, load, [TWICE.encode()])
    call = {"ask": "call", "name": "twice", "model": None, "computing": 5}
    codec.send(inbox, {**call, "arguments": codec.encode([[3.0], {}], [])})
    codec.send(inbox, {"ask": "left"})
    inbox.seek(0)
    try:
        with pytest.raises(EOFError):
            worker.serve(
                inbox, outbox, lambda seconds, for_good=True: limits.append((seconds, for_good))
            )
    finally:
        sys.modules.pop("answers_of_bob", None)
    assert limits == [(40, True), (5, False), (5, False)]
    outbox.seek(0)
    assert [codec.receive(outbox)[0].get("value") for _ in range(3)][1] == ["plain", 6.0]


# -- a worker's end -------------------------------------------------------------------------------


@pytest.fixture
def process_of(monkeypatch):
    """Make a worker of a few lines of Python, without a sandbox, NumPy or the judge's program."""
    made = []

    def make(program, sandbox=None):
        def start(self):
            pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            no_core = "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"
            head = f"import os, resource, signal, time\n{no_core}\n"
            command = [sys.executable, "-S", "-c", head + program]
            self._process = subprocess.Popen(command, start_new_session=True, **pipes)

        monkeypatch.setattr(Worker, "_start", start)
        made.append(Worker(sandbox or Sandbox()))
        made[-1].isolation = "none"
        return made[-1]

    yield make
    for one in made:
        one.end()


@linux
@pytest.mark.parametrize(
    ("program", "sandbox", "reason", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGXCPU)", None, "timeout", "processor time was used up"),
        ("os.kill(os.getpid(), signal.SIGKILL)", None, "memory", "most likely for its memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", None, "crash", "Segmentation fault"),
        ("os.kill(os.getpid(), signal.SIGTERM)", None, "crash", "Terminated"),
        ("os._exit(0)", None, "crash", "exit code 0"),
        ("os._exit(3)", None, "crash", "exit code 3"),
        ("os._exit(137)", None, "crash", "exit code 137"),
        ("os._exit(3)", "bwrap", "crash", "exit code 3"),
        ("os._exit(128)", "bwrap", "crash", "exit code 128"),
        ("os._exit(129)", "bwrap", "crash", "Hangup"),
        ("os._exit(137)", "bwrap", "memory", "most likely for its memory"),
        ("os._exit(139)", "bwrap", "crash", "Segmentation fault"),
        ("os._exit(152)", "bwrap", "timeout", "processor time was used up"),
        ("os.close(1)\ntime.sleep(60)", None, "crash", "closed its pipe without an answer"),
        ("os.write(1, bytes([255] * 64))\ntime.sleep(60)", None, "forged", "too large"),
    ],
)
def test_how_a_worker_was_lost_is_read_off_its_end(process_of, program, sandbox, reason, words):
    with pytest.raises(LostError, match=words) as lost:
        process_of(program, Sandbox(sandbox)).ask({"ask": "load"}, limit=30)
    assert lost.value.reason == reason


@linux
def test_the_end_of_a_worker_takes_along_what_it_started_and_closes_its_pipes(process_of):
    program = "if child := os.fork(): os.write(1, b'%d\\n' % child)\ntime.sleep(60)"
    one = process_of(program)
    child = int(one._process.stdout.readline())
    one.end()
    deadline = time.monotonic() + 5
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(child)
    assert all(getattr(one._process, name).closed for name in ("stdin", "stdout", "stderr"))


def is_running(process):
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


SECCOMP = "seccomp refuses new processes and the network"


@pytest.mark.parametrize(
    ("sandbox", "reached", "words"),
    [
        (Sandbox("bwrap"), [SECCOMP], ["bubblewrap: own files, processes and network", SECCOMP]),
        (Sandbox(), ["Landlock closes all other files"], ["Landlock closes all other files"]),
        (
            Sandbox(),
            [SECCOMP],
            ["NO sandbox: an answer can read and write what this user can", SECCOMP],
        ),
    ],
)
def test_an_open_file_system_is_said_first(monkeypatch, sandbox, reached, words):
    monkeypatch.setattr(Worker, "_start", lambda self: None)
    monkeypatch.setattr(Worker, "_reply", lambda self, limit: ({"reached": reached}, b""))
    words = [*words, "own process, empty environment, time limit"]
    assert Worker(sandbox).ready().split("; ") == words


@pytest.mark.parametrize("bubblewrap", [None, "bwrap"])
@pytest.mark.parametrize("landlock", [True, False])
def test_a_worker_is_told_to_lock_what_bubblewrap_does_not(monkeypatch, bubblewrap, landlock):
    monkeypatch.setattr(Worker, "_start", lambda self: None)
    plain = Worker(Sandbox(bubblewrap, landlock))
    told = plain._setup(["packages"], ["readable"], "/scratch", None)
    assert told["lock"]["landlock"] is (landlock and not bubblewrap)
    assert told["lock"]["parent"] == (None if bubblewrap else os.getpid())
    assert told["lock"]["seccomp"] is True
    assert (told["keras"], told["memory"], told["lock"]["threads"]) == (False, 1 << 30, 64)
    for cores, threads in ((32, 768), (1, 272), (None, 272)):
        monkeypatch.setattr(isolation.os, "cpu_count", lambda cores=cores: cores)
        told = Worker(plain.sandbox, keras=True)._setup([], [], "/scratch", None)
        assert (told["keras"], told["memory"], told["lock"]["threads"]) == (True, 4 << 30, threads)


def test_a_sandbox_leaves_nothing_out_of_itself():
    assert Sandbox() == Sandbox(None, landlock=True, seccomp=True)


@linux
def test_bubblewrap_is_used_where_it_works(monkeypatch, tmp_path):
    working = tmp_path / "bwrap"
    working.write_text("#!/bin/sh\nexit 0\n")
    working.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    isolation.best.cache_clear()
    try:
        assert isolation.best() == Sandbox(str(working))
    finally:
        isolation.best.cache_clear()


@pytest.mark.parametrize("is_root", [True, False])
def test_bubblewrap_keeps_of_root_what_makes_nobody_and_gives_others_a_space_of_users(
    monkeypatch, is_root
):
    monkeypatch.setattr(users, "is_root", lambda: is_root)
    options = " ".join(isolation._namespaces())
    assert ("--cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID" in options) is is_root
    assert ("--unshare-user" in options) is not is_root
    for space in ("pid", "net", "ipc", "uts"):
        assert f"--unshare-{space}" in options


def test_what_is_reached_of_a_sandbox_that_is_named_is_told():
    words = isolation.reached(Sandbox(landlock=False, seccomp=False))
    assert words.startswith("NO sandbox")
    assert "seccomp" not in words


NOISY = """
import os, sys, threading, time
assert sys.stdin.read() == ""
assert len(sys.argv) == 1
assert not set(sys.path) & set({folders!r})
os.write(1, bytes(100))
os.write(2, bytes(1 << 20))
threading.stack_size(65536)
count = 0
try:
    while count < 300:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        count += 1
except RuntimeError:
    pass
def twice(x):
    print(count)
    return 2 * x
"""


@linux
@pytest.mark.parametrize("box", ["best", "landlock"])
def test_a_worker_finds_no_pipe_no_path_of_ours_and_few_threads(box):
    sandbox = isolation.best() if box == "best" else Sandbox()
    folders = {"/worker", *(str(file.parent) for file in file_system.PROGRAM)}
    with Judge(sandbox, spare=False) as here:
        report = here.check(NOISY.format(folders=sorted(folders)).encode(), [twice])
    (verdict,) = report.verdicts
    assert verdict.status is Status.PASS, verdict
    for words in ("memory is limited", "processor time and files are limited"):
        assert words in report.isolation
    has_landlock = ctypes.CDLL(None).syscall(444, None, 0, 1) > 0  # landlock_create_ruleset
    if has_landlock and box == "landlock":
        assert "Landlock closes all other files" in report.isolation
    is_limited = "threads are limited" in report.isolation
    # Others of the same user come and go meanwhile.
    if is_limited and ("bubblewrap" in report.isolation or "unprivileged user" in report.isolation):
        assert int(verdict.details.removeprefix("printed: ").split()[0]) < 100
