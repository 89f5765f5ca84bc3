"""What a hostile answer can do: nothing to the grader's files, processes, or other learners."""

import errno
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from hostile_answers import (
    BOXES,
    HONEST,
    HOSTILE,
    HOSTILE_TO_FILES,
    HOSTILE_TO_PROCESSES,
    SOURCES,
    double,
    grade,
)

import chapters
from companion.checking.judging import file_system, isolation
from companion.checking.judging.isolation import LostError, Sandbox, Worker
from companion.checking.judging.judge import Judge
from companion.checking.verdict import Status

linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes are Linux's")
needs_bubblewrap = pytest.mark.skipif(
    isolation.best().bubblewrap is None, reason="bubblewrap is not installed or does not work here"
)


def landlock_is_there():
    return sys.platform == "linux" and "Landlock" in isolation.reached(Sandbox())


@pytest.fixture
def private(tmp_path):
    """A folder of the grader's, with files that nothing may change."""
    (tmp_path / "neighbour.py").write_text("def double(x): return 2 * x\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "thesis.txt").write_text("three years of work")
    return tmp_path


@pytest.fixture(autouse=True)
def scratch_folders(monkeypatch):
    """The folders that were made for answers to run in; at the end of a test none is left."""
    made, make = [], tempfile.mkdtemp

    def noted(*args, **kwargs):
        made.append(Path(make(*args, **kwargs)))
        return str(made[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", noted)
    yield made
    assert [folder for folder in made if folder.exists()] == []


def state(folder):
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mode,
            path.is_file() and path.read_bytes(),
        )
        for path in sorted(folder.rglob("*"))
    }


def marked(mark):
    """Return the processes (and threads) that carry a name, wherever they have gone."""
    found = []
    for file in glob.glob("/proc/[0-9]*/task/*/comm"):
        try:
            found += [file] if Path(file).read_text().strip() == mark else []
        except OSError:
            continue
    return found


def children():
    """Return the processes that this one has started and not yet collected."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def assert_held(names, private, *, box=None, command=None):
    """Grade the named answers and hold everything around them to what it was."""
    mark, before = f"z{uuid.uuid4().hex[:12]}", state(private)
    if command:
        done = subprocess.run(
            [*command, str(private), mark], capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
    else:
        begun = children()
        found = grade(names, box, private, mark)
        assert children() == begun
    words = found.pop("isolation")
    assert {name: found[name][0] for name in names} == {name: SOURCES[name][0] for name in names}
    assert {name: found[name][1] for name in names} == dict.fromkeys(names, "pass")
    assert state(private) == before
    end = time.monotonic() + 5
    while marked(mark) and time.monotonic() < end:
        time.sleep(0.05)
    assert marked(mark) == []
    return words


@linux
@needs_bubblewrap
@pytest.mark.slow
def test_every_hostile_answer_gets_its_status_and_harms_nothing_in_bubblewrap(private):
    words = assert_held(SOURCES, private, box=isolation.best())
    assert "bubblewrap" in words
    assert "seccomp" in words


@linux
@pytest.mark.skipif(not landlock_is_there(), reason="this kernel has no Landlock")
@pytest.mark.slow
def test_files_processes_and_the_network_are_closed_where_landlock_stands_in(private):
    names = {**HOSTILE_TO_PROCESSES, **HOSTILE_TO_FILES}
    words = assert_held(names, private, box=Sandbox())
    assert "Landlock" in words
    assert "bubblewrap" not in words


@linux
def test_new_processes_and_sockets_are_refused_without_a_sandbox_and_it_is_said(private):
    names = dict(HOSTILE_TO_PROCESSES)
    # Without a process namespace, `kill(-1)` would reach these very tests if it were let through.
    names.pop("kill everything")
    words = assert_held(names, private, box=Sandbox(landlock=False))
    assert words.startswith("NO sandbox")
    assert "seccomp" in words


@pytest.mark.slow
def test_what_breaks_or_forges_is_held_with_every_linux_part_taken_away(private):
    words = assert_held(HOSTILE, private, box=Sandbox(landlock=False, seccomp=False))
    assert words.startswith("NO sandbox")
    assert "seccomp" not in words


@linux
@pytest.mark.slow
@pytest.mark.parametrize("box", ["bubblewrap", "landlock"])
def test_an_ordinary_user_is_as_safe_as_root(private, box, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("these tests are run by an ordinary user as it is")
    if box == "bubblewrap" and isolation.best().bubblewrap is None:
        pytest.skip("bubblewrap is not installed or does not work here")
    if box == "landlock" and not landlock_is_there():
        pytest.skip("this kernel has no Landlock")
    become = as_ordinary_user()
    for path in [private, *private.rglob("*")]:
        os.chown(path, 12345, 12345)
    for parent in [private, *private.parents]:
        if not parent.stat().st_mode & 0o001 and parent.stat().st_uid == 0:
            os.chmod(parent, parent.stat().st_mode | 0o011)
    command = [*become, sys.executable, str(Path(__file__).with_name("hostile_answers.py")), box]
    words = assert_held(SOURCES, private, command=command)
    assert "runs as an unprivileged user" not in words


def as_ordinary_user():
    """Return a command that runs the one after it as an ordinary user of this machine."""
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    # setpriv starts its command with root's rights to find it: let `env` be that command.
    become = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "env"]
    trial = [sys.executable, "-c", "import companion.checking.judging.judge"]
    if subprocess.run([*become, *trial], capture_output=True, check=False).returncode == 0:
        return become
    # Python lies in root's own folder: show it to the ordinary user, and nothing else of there.
    bubblewrap = isolation.best().bubblewrap
    home = Path.home()
    parts = {Path(part) for part in (sys.base_prefix, sys.prefix, *sys.path) if os.path.isdir(part)}
    parts = sorted(part for part in parts if part.is_relative_to(home))
    if bubblewrap is None or not parts:
        pytest.skip("an ordinary user cannot run this Python")
    view = [bubblewrap, "--dev-bind", "/", "/", "--perms", "0755", "--tmpfs", str(home)]
    for parent in sorted({parent for part in parts for parent in part.parents}):
        if parent.is_relative_to(home) and parent != home and parent not in parts:
            view += ["--perms", "0755", "--dir", str(parent)]
    for part in parts:
        view += ["--ro-bind", str(part), str(part)]
    become = [*view, "--", *become]
    if subprocess.run([*become, *trial], capture_output=True, check=False).returncode != 0:
        pytest.skip("an ordinary user cannot reach this Python or this clone")
    return become


@linux
@needs_bubblewrap
def test_the_isolation_falls_back_where_bubblewrap_does_not_start(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'no namespaces here' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    isolation.best.cache_clear()
    try:
        assert isolation.best() == Sandbox()
    finally:
        isolation.best.cache_clear()


@linux
@needs_bubblewrap
def test_root_does_not_run_answers_as_root():
    source = b"import os\ndef double(x):\n    return [os.getuid(), os.getpid(), *os.getgroups()]\n"
    with Judge(isolation.best(), spare=False) as judge:
        details = judge.check(source, [double]).verdicts[0].details
    received = details.rpartition("received = ")[2]
    assert not received.startswith("[0,")


def test_an_answer_finds_an_empty_environment():
    source = (
        b"import os\nassert not any('PATH' in name or 'USER' in name for name in os.environ)\n"
        b"assert os.environ['HOME'] == os.environ['TMPDIR']\nassert os.listdir('.') == []\n"
        b"def double(x):\n    return 2 * x\n"
    )
    with Judge(spare=False) as judge:
        assert judge.check(source, [double]).verdicts[0].status is Status.PASS


def test_a_worker_that_cannot_start_is_our_fault_and_not_the_learners(tmp_path):
    with Judge(Sandbox(str(tmp_path / "bwrap")), spare=False) as judge:
        verdict = judge.check(b"", [double]).verdicts[0]
    assert verdict.status is Status.CHECKER_ERROR
    assert "cannot be started" in verdict.message
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'no namespaces here' >&2\nexit 1\n")
    broken.chmod(0o755)
    with Judge(Sandbox(str(broken)), spare=False) as judge:
        verdict = judge.check(b"", [double]).verdicts[0]
    assert verdict.status is Status.CHECKER_ERROR
    assert "no namespaces here" in verdict.message


FILLING = {
    "large files": "open(str(n), 'wb').write(bytes(8 << 20))",
    "small files": "open(str(n), 'w').close()",
    "folders in folders": "os.mkdir('a' * 200); os.chdir('a' * 200)",
    "unlinked files": "f.append(open('x', 'wb')); os.unlink('x'); f[-1].write(bytes(8 << 20))",
}


@linux
@pytest.mark.parametrize("what", FILLING)
def test_an_answer_that_fills_the_disk_is_ended_where_bubblewrap_is_missing(what):
    answer = "import itertools, os\nf = []\ndef double(x):\n for n in itertools.count():\n  "
    with Judge(Sandbox(), spare=False) as judge:
        verdict = judge.check((answer + FILLING[what]).encode(), [double]).verdicts[0]
    assert verdict.status is Status.ERROR
    assert "wrote more than 64 MB or 10,000 files to the disk" in verdict.message


def test_a_machine_without_room_for_a_worker_is_our_fault_and_leaves_nothing(
    monkeypatch, scratch_folders
):
    def full(*_, **__):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with Judge(Sandbox()) as judge:
        monkeypatch.setattr(isolation.subprocess, "Popen", full)
        verdict = judge.check(HONEST, [double]).verdicts[0]
    assert verdict.status is Status.CHECKER_ERROR
    assert "Too many open files" in verdict.message
    assert len(scratch_folders) > 1


def test_a_lost_worker_says_why():
    with Worker(BOXES["nothing"]()) as worker:
        worker.ready()
        header = {"ask": "load", "file": "a.py", "seconds": 10}
        with pytest.raises(LostError, match="No answer within") as lost:
            worker.ask(header, [b"while True: pass"], limit=0.2)
    assert lost.value.reason == "timeout"


@linux
@pytest.mark.parametrize("box", [isolation.best(), Sandbox()], ids=["best", "landlock"])
def test_an_installed_book_is_hidden_among_the_libraries(monkeypatch, tmp_path, box):
    if box == Sandbox() and not landlock_is_there():
        pytest.skip("this kernel has no Landlock")
    folder = tmp_path / "site-packages"
    (folder / "chapters" / "convolution").mkdir(parents=True)
    secret = folder / "chapters" / "convolution" / "exercises.py"
    secret.write_text("answer = 42\n")
    (folder / "library.py").write_text("factor = 2\n")
    libraries = [*file_system.package_folders(), str(folder)]
    monkeypatch.setattr(file_system, "package_folders", lambda: libraries)
    honest = b"import library\ndef double(x):\n    return library.factor * x\n"
    with Judge(box, spare=False) as judge:
        assert judge.check(honest, [double]).verdicts[0].status is Status.PASS
        for source in (
            f"print(open({str(secret)!r}).read())",
            "import chapters.convolution.exercises",
        ):
            assert judge.check(source.encode(), [double]).verdicts[0].status is Status.ERROR


@linux
@pytest.mark.parametrize("box", [isolation.best(), Sandbox()], ids=["best", "landlock"])
def test_a_teachers_own_chapters_are_hidden_wherever_they_lie(monkeypatch, tmp_path, box):
    if box == Sandbox() and not landlock_is_there():
        pytest.skip("this kernel has no Landlock")
    library, elsewhere = tmp_path / "lib" / "course", tmp_path / "elsewhere"
    link = tmp_path / "link"
    link.symlink_to(library)
    for folder in (library, elsewhere):
        (folder / "smoothing").mkdir(parents=True)
        (folder / "smoothing" / "__init__.py").write_text("")
        (folder / "smoothing" / "exercises.py").write_text("answer = 42\n")
    (library / "shown.txt").write_text("2")
    monkeypatch.setattr(chapters, "__path__", [*chapters.__path__, str(link), str(elsewhere)])
    system = [*file_system.system_paths(), str(tmp_path / "lib")]
    monkeypatch.setattr(file_system, "system_paths", lambda: system)
    honest = f"""
factor = int(open({str(library / "shown.txt")!r}).read())
def double(x):
    return factor * x
"""
    with Judge(box, spare=False) as judge:
        assert judge.check(honest.encode(), [double]).verdicts[0].status is Status.PASS
        for folder in (library, link, elsewhere):
            nosy = f"print(open({str(folder / 'smoothing' / 'exercises.py')!r}).read())"
            verdict = judge.check(nosy.encode(), [double]).verdicts[0]
            assert verdict.status is Status.ERROR
            assert "FileNotFoundError" in verdict.message or "PermissionError" in verdict.message
        for module in ("chapters.smoothing.exercises", "smoothing.exercises"):
            verdict = judge.check(f"import {module}".encode(), [double]).verdicts[0]
            assert "ModuleNotFoundError" in verdict.message


@linux
@pytest.mark.parametrize("box", [isolation.best(), Sandbox()], ids=["best", "landlock"])
def test_libraries_of_the_bare_python_are_hidden_and_its_own_modules_are_not(
    monkeypatch, tmp_path, box
):
    if box == Sandbox() and not landlock_is_there():
        pytest.skip("this kernel has no Landlock")
    modules = tmp_path / "lib" / "python3.11"
    secret = modules / "site-packages" / "chapters" / "exercises.py"
    secret.parent.mkdir(parents=True)
    secret.write_text("answer = 42\n")
    (modules / "own.py").write_text("factor = 2\n")
    system = [*file_system.system_paths(), str(tmp_path / "lib")]
    monkeypatch.setattr(file_system, "system_paths", lambda: system)
    honest = f"""
import sys
sys.path.insert(0, {str(modules)!r})
import own
def double(x):
    return own.factor * x
"""
    with Judge(box, spare=False) as judge:
        assert judge.check(honest.encode(), [double]).verdicts[0].status is Status.PASS
        nosy = f"print(open({str(secret)!r}).read())"
        verdict = judge.check(nosy.encode(), [double]).verdicts[0]
    assert verdict.status is Status.ERROR
    assert "Error" in verdict.message
