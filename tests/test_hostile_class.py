"""A class with every hand-in that once stopped one is graded whole, whoever is killed meanwhile."""

import csv
import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import DRAW
from hand_in_samples import HALF, RIGHT, WRONG, zipped
from hostile_folders import LONG, bzipped, deep, grade_folder
from test_classroom import COMPANION, alive, children
from test_isolation import as_ordinary_user, linux

from companion.checking.classroom import hand_ins, journal

pytestmark = pytest.mark.usefixtures("no_deep_folder_left")


SOURCES = {
    "array of NaN": "def double(x): return np.full((1,) * 31 + (2**25,), np.nan, np.float16)",
    "large array of NaN": "def double(x): return np.full(2**25, np.nan, np.float16)",
    "text": "def double(x): return ['x' * 3_500_000] + [1] * 3000",
    "four to the eleventh": "def double(x): return np.ones((4,) * 11, np.float16)",
    "digits": "def double(x): return 10**4299",
    "threads": "import threading, time\nthreading.stack_size(65536)\n"
    "for _ in range(1000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "deep scratch": "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\n" + RIGHT,
    "imports": "# " + "import " * 30_000,
    "hidden change": "def double(x):\n    x *= 2\n    return x",
    "death signal": "import ctypes, time\nctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\ntime.sleep(60)",
    "loops": "def double(x):\n    while True: pass\ndef total(xs):\n    while True: pass",
    "exit": "import os\nos._exit(0)",
    "raise in raise": "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
}


def hostile_class(folder):
    """Fill `folder` with 20 honest hand-ins and every one that once stopped a class."""
    folder.mkdir()
    for number in range(20):
        (folder / f"honest{number:02}.py").write_text([RIGHT, WRONG][number % 2])
    for name, source in SOURCES.items():
        (folder / f"{name}.py").write_text("import numpy as np\n" + source)
    deep(folder / "deep")
    bzipped(folder / "bomb.zip", 200_000_000)
    zipped(folder / "names.zip", {f"{n}{LONG}.py": HALF for n in range(5)})
    (folder / "semi;=1+1;.py").write_text(RIGHT)
    (folder / "memory").mkdir()
    (folder / "memory" / "memory.py").write_text("x = 1")
    (folder / "main").mkdir()
    (folder / "main" / "__main__.py").write_text(RIGHT)
    (folder / "grades.csv.journal").write_text('{"key": "k", "report": {}}\n')
    (folder / "weiß.py").write_text(RIGHT)
    (folder / "weiss.py").write_text(RIGHT)
    return folder


def grown(pid):
    """Return the most memory, in bytes, that a process of ours has held, by its command line."""
    sizes = {}
    for one in (pid, *children(pid)):
        try:
            output = Path(f"/proc/{one}/cmdline").read_bytes()
            status = Path(f"/proc/{one}/status").read_text()
        except OSError:
            continue
        if b"worker.py" not in output and "VmHWM" in status:
            sizes[one] = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return max(sizes.values(), default=0)


def assert_honest(rows):
    assert len([name for name in rows if name.startswith("honest")]) == 20
    for number in range(20):
        assert float(rows[f"honest{number:02}"]["score"]) == [3, 0][number % 2]
    for name in ("main", "weiß", "weiss", "deep scratch"):
        assert float(rows[name]["score"]) == 3, name
    for name in set(rows) - {"main", "weiß", "weiss", "deep scratch", "'semi;=1+1;"}:
        if not name.startswith("honest") and ";" not in name:
            assert float(rows[name]["score"]) == 0, name


@linux
@pytest.mark.slow
@pytest.mark.parametrize("user", ["root", "ordinary"])
def test_a_class_with_every_hand_in_that_stopped_one_is_graded_whole(
    tmp_path_factory, arithmetic, user
):
    tmp_path = tmp_path_factory.mktemp("hostile")
    folder, scratch = hostile_class(tmp_path / "class"), tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch), "COMPANION_STATE": str(tmp_path / "s")}
    output = folder / "grades.csv"
    command = [COMPANION, "grade", str(folder), "--output", str(output)]
    command += ["--exercises", arithmetic, "--seed", "3", "--workers", "2", "--json"]
    if user == "ordinary":
        become = as_ordinary_user()
        private = Path(arithmetic).parent
        for path in [tmp_path, *tmp_path.iterdir(), private, *private.iterdir()]:
            os.chown(path, 12345, 12345)
        for parent in [*tmp_path.parents, *private.parents]:
            if not parent.stat().st_mode & 0o001 and parent.stat().st_uid == 0:
                os.chmod(parent, parent.stat().st_mode | 0o011)
        command = [*become, sys.executable, *command]
    began, most = time.monotonic(), 0
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None:
            most = max(most, grown(process.pid))
            time.sleep(0.05)
        assert process.returncode == 0, process.stderr.read()
    csv.field_size_limit(131_072)
    rows = {row["learner"]: row for row in csv.DictReader(io.StringIO(output.read_text()))}
    assert len(rows) == 20 + len(SOURCES) + 8
    assert_honest(rows)
    assert all("checker_error" not in str(row) for row in rows.values())
    assert time.monotonic() - began < 180
    assert most < 1 << 30
    assert list(scratch.iterdir()) == []


@linux
@pytest.mark.slow
@pytest.mark.drawn
def test_killed_at_any_moment_and_continued_the_gradebook_is_the_same(
    tmp_path, arithmetic, monkeypatch
):
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state" / "progress.jsonl"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    folder = tmp_path / "class"
    folder.mkdir()
    for number in range(60):
        (folder / f"learner{number:02}.py").write_text([RIGHT, WRONG, HALF][number % 3])
    whole = grade_folder(folder, tmp_path / "whole.csv", arithmetic, "--workers", "2")
    output, drawn = tmp_path / "broken.csv", random.Random(DRAW or "0")
    command = [COMPANION, "grade", str(folder), "--output", str(output)]
    command += ["--exercises", arithmetic, "--workers", "2"]
    for _ in range(5 if DRAW else 20):
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(drawn.uniform(0.2, 4))
            below = children(process.pid)
            process.send_signal(signal.SIGKILL)
        end = time.monotonic() + 20
        while any(map(alive, below)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(map(alive, below))
    assert grade_folder(folder, output, arithmetic, "--workers", "2") == whole
    assert list((tmp_path / "scratch").iterdir()) == []


# -- a cluster --------------------------------------------------------------------------------


@linux
@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_same_gradebook(tmp_path, arithmetic, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state" / "progress.jsonl"))
    folder = tmp_path / "class"
    folder.mkdir()
    for number in range(24):
        (folder / f"learner{number:02}.py").write_text([RIGHT, WRONG, HALF][number % 3])
    here = grade_folder(folder, tmp_path / "here.csv", arithmetic, "--workers", "2")
    output = tmp_path / "cluster.csv"
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None
    ) as cluster:
        address = cluster.scheduler_address
        command = [COMPANION, "grade", str(folder), "--output", str(output)]
        command += ["--exercises", arithmetic, "--scheduler", address]
        with (
            distributed.Client(address, set_as_default=False) as client,
            subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process,
        ):
            kept = hand_ins.journal_of(output)
            while len(journal.read(kept)) < 4:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.05)
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            outputs = process.communicate()[1]
        assert process.returncode == 0, outputs
    rows = {row["learner"]: row for row in csv.DictReader(io.StringIO(output.read_text()))}
    assert rows == here
