"""What a hand-in can do to a class: nothing but to its own row, whatever is in it."""

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import DRAW
from hostile_answers import BOXES, HONEST, double
from test_classroom import COMPANION, HALF, RIGHT, WRONG, alive, children, zipped
from test_isolation import as_ordinary_user, landlock_is_there, linux, marked

from companion.checking import exercise
from companion.checking.authoring.cases import Returned
from companion.checking.authoring.codec import Opaque, copied
from companion.checking.authoring.exercise import known_key
from companion.checking.classroom import autograder, grading, hand_ins, journal, reports
from companion.checking.classroom.discovery import all_exercises
from companion.checking.judging import isolation, judge, scratch
from companion.checking.judging.clock import clock
from companion.checking.verdict import Report, Status
from companion.errors import UserError

LONG = "n" * 60_000
DEEP = []


@pytest.fixture(autouse=True)
def no_deep_folder_left():
    """Remove what pytest cannot."""
    yield
    while DEEP:
        assert scratch.remove(DEEP.pop(), 120)


def deep(folder, depth=1_100):
    """Make a folder with a right answer, and folders nested deeper than any recursion."""
    DEEP.append(folder)
    folder.mkdir()
    (folder / "a.py").write_text(RIGHT)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return folder


def bzipped(path, size):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.py", bytes(size))
    return path


def encrypted(path):
    """A zip whose directory says that its file has a password."""
    whole = bytearray(zipped(path, {"a.py": HALF}).read_bytes())
    whole[whole.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(whole))
    return path


def crowded(folder, count=101):
    folder.mkdir()
    (folder / "a.py").write_text(RIGHT)
    for number in range(count):
        (folder / str(number)).touch()
    return folder


# -- reading a hand-in ------------------------------------------------------------------------


@linux
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: deep(path / "x"), "nested deeper"),
        (lambda path: crowded(path / "x"), "more than 100 files"),
        (lambda path: bzipped(path / "x.zip", 2_000_000), "compressed in a way"),
        (
            lambda path: zipped(path / "x.zip", {f"{n}{LONG}.py": HALF for n in range(5)}),
            "several Python files",
        ),
        (lambda path: zipped(path / "x.zip", {f"../{LONG}.py": HALF}), "leads out of itself"),
        (lambda path: encrypted(path / "x.zip"), "a.py is encrypted: hand it in without"),
        (
            lambda path: zipped(path / "x.zip", {f"{n}{LONG}": "" for n in range(100)}),
            "lists more than can be read",
        ),
    ],
    ids=[
        "deep",
        "crowded",
        "bzip2",
        "long names",
        "a long name that leads out",
        "encrypted",
        "a long list",
    ],
)
def test_what_cannot_be_read_is_named_in_few_words(tmp_path, monkeypatch, make, words):
    monkeypatch.setattr(hand_ins, "MAX_ENTRIES", 100)
    make(tmp_path)
    (tmp_path / "honest.py").write_text(RIGHT)
    honest, other = hand_ins.submissions(tmp_path)
    assert honest.source == RIGHT.encode()
    assert (other.learner, other.source, other.status) == ("x", None, Status.ERROR)
    assert words in other.problem
    assert len(other.problem) <= hand_ins.MAX_TEXT
    assert len(other.path) < 1_000


@linux
def test_a_bomb_is_not_expanded_by_any_method(tmp_path):
    """The bound on memory is the system's: the process may grow by 50 MB."""
    bzipped(tmp_path / "a.zip", 150_000_000)
    program = (
        "import sys; from pathlib import Path\n"
        "from companion.checking.classroom import hand_ins\n"
        "from companion.checking.judging import lockdown\n"
        "lockdown.memory_limiter(50 << 20)()\n"
        "print(hand_ins.collect([Path(sys.argv[1])]).problem)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.zip")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "compressed in a way" in done.stdout


def test_a_long_name_of_the_one_file_is_cut_before_it_reaches_the_gradebook(tmp_path, arithmetic):
    zipped(tmp_path / "a.zip", {f"{LONG}.py": RIGHT})
    result = hand_ins.submissions(tmp_path)
    assert len(result[0].path) < 1_000
    (report,) = grading.grade(result, arithmetic, journal_file=tmp_path / "j", workers=1)
    assert report.score == 3
    assert max(map(len, next(csv.reader(io.StringIO(reports.to_csv([report])))))) < 1_000


def test_a_line_of_imports_is_read_in_a_time_that_follows_its_length():
    took = []
    for length in (2_000, 60_000):
        line = b"# " + b"import " * length
        started = time.process_time()
        assert not judge.imports_keras(line)
        took.append(time.process_time() - started)
    assert took[1] < 1
    assert judge.imports_keras(line + b"keras")


# -- whose chapter it is ----------------------------------------------------------------------


def test_who_wrote_nothing_has_no_say_in_what_the_others_answered():
    convolution = hand_ins.Submission("a", "a.py", b"def output_size(n): return n\n")
    nothing = hand_ins.Submission("b", "memory.py", b"x = 1\n")
    assert hand_ins.chapter_of([nothing, convolution]) == "convolution"
    assert hand_ins.chapter_of([nothing, nothing, nothing, convolution]) == "convolution"
    assert hand_ins.chapter_of([nothing]) == "memory"
    other = hand_ins.Submission("c", "c.py", b"def lstm_step(x): return x\n")
    with pytest.raises(UserError, match="do not agree"):
        hand_ins.chapter_of([other, convolution])


# -- the journal ------------------------------------------------------------------------------


def grade_folder(folder, output, exercises, *options):
    """Grade as an instructor does and return the gradebook's rows by learner."""
    command = [COMPANION, "grade", str(folder), "--output", str(output), "--exercises", exercises]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {row["learner"]: row for row in csv.DictReader(io.StringIO(output.read_text()))}


@pytest.mark.parametrize("sealed", [None, b"a key of somebody else's"])
def test_a_journal_that_a_learner_handed_in_is_not_believed(
    tmp_path, arithmetic, monkeypatch, sealed
):
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state" / "progress.jsonl"))
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "ada.py").write_text(WRONG)
    result = hand_ins.submissions(folder)
    grading.grade(result, arithmetic, journal_file=tmp_path / "true", workers=1)
    (entry,) = journal.read(tmp_path / "true")
    for verdict in entry["report"]["verdicts"]:
        verdict |= {"status": "pass", "message": "Right."}
    planted = folder / "grades.csv.journal"
    journal.append(planted, [entry], sealed)
    rows = grade_folder(folder, folder / "grades.csv", arithmetic)
    assert list(rows) == ["ada"]
    assert float(rows["ada"]["score"]) == 0


@linux
@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_whatever_lies_in_the_journals_place_a_gradebook_is_written(tmp_path, arithmetic, kind):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "ada.py").write_text(RIGHT)
    planted, victim = folder / "grades.csv.journal", tmp_path / "victim"
    victim.write_text("mine")
    {"folder": planted.mkdir, "pipe": lambda: os.mkfifo(planted)}.get(
        kind, lambda: planted.symlink_to(victim)
    )()
    rows = grade_folder(folder, folder / "grades.csv", arithmetic)
    assert float(rows["ada"]["score"]) == 3
    assert victim.read_text() == "mine"


# -- what is shown ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exercise",
    [one for one in all_exercises() if not one.builds_model],
    ids=lambda one: f"{one.chapter}.{one.name}",
)
def test_a_private_seed_and_gradescope_show_no_expected_value(exercise):
    """Wrong answers of many kinds, for every exercise of the book."""
    key = known_key(exercise, 7)
    size = len(key.cases)
    wrong = [outcomes for _, outcomes in key.mistake_outcomes]
    wrong += [[Returned(value)] * size for value in (0, -1.5, None, "none", [1, 2], np.zeros(3))]
    for outcomes in wrong:
        verdict = key.verdict(outcomes)
        if verdict.status is not Status.FAIL:
            continue
        shown = judge.without_expected(verdict)
        texts = [reports.to_gradescope(Report("a", "", (verdict,), ""))["tests"][0]["output"]]
        texts += [shown.details, *([] if shown.mistake else [shown.message])]
        assert not any("expected =" in text for text in texts)
        if not shown.mistake:
            assert not any("expected" in text for text in texts), texts


STRANGE = {
    "text": "x" * 1_000_000,
    "texts": ["x" * 100_000] + [1] * 1_000,
    "dict": {"k" * 100_000: 1},
    "keys": {str(number): number for number in range(50_000)},
    "opaque": Opaque("generator"),
    "ragged": [[1], [2, 3], "x"],
    "lists": [[[[]]]] * 10_000,
    "lists in lists": [[[1.0, []]] * 50] * 200,
    "bool": True,
    "NaN": float("nan"),
    "infinity": [float("inf")],
    "huge": 2**999,
    "many": list(range(300_000)),
    "many parts": [np.zeros(1)] * 100_000,
    "empty": np.zeros((0, 3)),
    "eight dimensions": np.ones((7,) * 8, np.int8),
    "large": np.full(2**24, np.nan, np.float32),
    "complex": np.array([1j, np.nan]),
    "bools": np.ones((3, 3), bool),
    "small integers": np.full(5, -128, np.int8),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("value_id", STRANGE)
def test_whatever_comes_is_compared_in_bounded_time_and_text_and_fails(value_id):
    """For exercises of the book, drawn by the value's name, in the judge's own process."""
    value = STRANGE[value_id]
    known = [one for one in all_exercises() if not one.builds_model]
    for one in random.Random(DRAW + value_id).sample(known, 4):
        key = known_key(one, 0)
        assert key.mistake_outcomes is not None  # worked out before the clock runs
        began = time.process_time()
        verdict = key.verdict([Returned(copied(value))] * len(key.cases))
        assert time.process_time() - began < 5, one
        assert verdict.status is Status.FAIL, one
        assert len(verdict.message) <= 1_000
        assert len(verdict.details) <= 6_000


def test_a_file_of_loops_takes_no_longer_than_a_file_may():
    asked = []
    for number in range(30):
        one = exercise()(double.reference)
        one.name = f"double_{number}"
        one.cases(lambda rng: [1.0])
        asked.append(one)
    source = "\n".join(f"def {one.name}(x):\n    while True: pass" for one in asked)
    with judge.Judge(spare=False) as here:
        report = here.check(source.encode(), asked, time_limit=0.3)
    assert {verdict.status for verdict in report.verdicts} == {Status.TIMEOUT}
    assert sum("Not run" in verdict.message for verdict in report.verdicts) > 20


@linux
def test_a_loop_is_found_out_by_what_it_computes_and_not_by_the_clock():
    header = {"ask": "load", "file": "a.py", "seconds": 100, "computing": 0.5}
    with isolation.Worker(BOXES["seccomp"]()) as worker:
        worker.ready()
        with pytest.raises(isolation.LostError, match="processor time") as lost:
            worker.ask(header, [b"while True: pass"], limit=300)
    assert lost.value.reason == "timeout"
    with judge.Judge(spare=False) as here:
        waits = here.check(b"import time\ntime.sleep(2)\n" + HONEST, [double], time_limit=3)
    assert waits.verdicts[0].status is Status.PASS


def test_a_list_that_grew_is_an_argument_that_changed():
    @exercise()
    def count(xs):
        """Return how many `xs` there are."""
        return len(xs)

    count.cases(lambda rng: [([1.0, 2.0],)])
    sources = {
        Status.PASS: b"def count(xs): return len(xs)",
        Status.FAIL: b"def count(xs):\n    n = len(xs)\n    xs.append(object())\n    return n",
    }
    with judge.Judge(spare=False) as here:
        for status, source in sources.items():
            verdict = here.check(source, [count]).verdicts[0]
            assert verdict.status is status
    assert "changes its arguments" in verdict.message


def test_the_judge_itself_keeps_expected_values_back_at_a_private_seed():
    source = b"def double(x):\n    return 3 * x\n"
    with judge.Judge(spare=False) as here:
        shown, hidden = (here.check(source, [double], seed=seed).verdicts[0] for seed in (0, 5))
    assert "expected =" in shown.details
    assert "expected" not in hidden.details + hidden.message
    assert "received = " in hidden.details


# -- the autograder ---------------------------------------------------------------------------


@linux
@pytest.mark.parametrize("hand_in", ["package", "deep"])
def test_the_autograder_runs_nothing_of_a_submission_and_always_writes(
    tmp_path, arithmetic, hand_in
):
    root = tmp_path / "autograder"
    (root / "results").mkdir(parents=True)
    autograder.pack(tmp_path / "a.zip", arithmetic)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(root / "source")
    if hand_in == "deep":
        submission = deep(root / "submission")
    else:
        submission = root / "submission"
        for name in ("companion", "chapters", "numpy"):
            (submission / name).mkdir(parents=True)
            (submission / name / "__init__.py").write_text(f"open({str(root / 'ran')!r}, 'w')\n")
        (submission / "arithmetic.py").write_text(WRONG)
    done = subprocess.run(
        ["bash", str(root / "source" / "run_autograder")],
        cwd=submission,
        env={**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (root / "ran").exists()
    assert json.loads((root / "results" / "results.json").read_text())["score"] == 0


# -- killed -----------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize("box", ["landlock", "seccomp"])
def test_an_answer_does_not_outlive_a_judge_that_is_killed_and_its_folder_is_swept(tmp_path, box):
    if box == "landlock" and not landlock_is_there():
        pytest.skip("this kernel has no Landlock")
    mark = f"k{os.getpid()}{box[:3]}"
    answer = textwrap.dedent(
        f"""
        import ctypes, os, time
        libc = ctypes.CDLL(None)
        libc.prctl(1, 0, 0, 0, 0)
        libc.prctl(15, b"{mark}")
        open("mine", "w")
        time.sleep(60)
        """
    )
    program = (
        "from hostile_answers import BOXES, double\n"
        "from companion.checking.judging.judge import Judge\n"
        f"Judge(BOXES[{box!r}]()).check({answer.encode()!r}, [double], time_limit=60)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    here = Path(__file__).parent
    with subprocess.Popen([sys.executable, "-c", program], cwd=here, env=environment) as process:
        end = time.monotonic() + 60
        while not (marked(mark) and list(tmp_path.glob("companion-*/mine"))):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.kill()
    end = time.monotonic() + 5
    while marked(mark) and time.monotonic() < end:
        time.sleep(0.05)
    assert marked(mark) == []
    assert list(tmp_path.glob("companion-*"))
    subprocess.run(
        [sys.executable, "-c", "from companion.checking.judging import scratch; scratch.sweep()"],
        env=environment,
        check=True,
    )
    assert list(tmp_path.glob("companion-*")) == []


@linux
def test_a_folder_in_use_is_not_swept_nor_one_of_somebody_elses_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "other").mkdir()
    (tmp_path / "companion-link").symlink_to(tmp_path / "other")
    with isolation.Worker(BOXES["seccomp"]()) as worker:
        worker.ready()
        scratch.sweep()
        assert len(list(tmp_path.glob("companion-*"))) == 2
    assert (tmp_path / "other").exists()


@linux
def test_a_machine_that_lets_no_thread_start_costs_no_verdict(monkeypatch):
    def none_left(*_):
        raise RuntimeError("can't start new thread")

    clock()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with judge.Judge(spare=False) as here:
            assert here.check(HONEST, [double]).verdicts[0].status is Status.PASS


@linux
def test_a_machine_that_lets_no_process_start_just_now_is_asked_again(monkeypatch):
    popen, refused = subprocess.Popen, []

    def at_times(*arguments, **options):
        if len(refused) < 2:
            refused.append(1)
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return popen(*arguments, **options)

    monkeypatch.setattr(isolation.subprocess, "Popen", at_times)
    with judge.Judge(spare=False) as here:
        assert here.check(HONEST, [double]).verdicts[0].status is Status.PASS
    assert len(refused) == 2


# -- a class ----------------------------------------------------------------------------------

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
