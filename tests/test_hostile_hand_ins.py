"""What a hand-in can do to a class: nothing but to its own row, whatever is in it."""

import csv
import functools
import io
import json
import os
import subprocess
import sys
import zipfile

import pytest
from hand_in_samples import HALF, RIGHT, WRONG, zipped
from hostile_folders import LONG, bzipped, crowded, deep, encrypted, grade_folder
from processor_time import timed
from test_isolation import linux

from companion.checking.classroom import autograder, grading, hand_ins, journal, reports
from companion.checking.judging import judge
from companion.checking.verdict import Status
from companion.errors import UserError

pytestmark = pytest.mark.usefixtures("no_deep_folder_left")


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
    line = b"# " + b"import " * 60_000
    imports, seconds = timed(functools.partial(judge.imports_keras, line))
    assert not imports
    assert seconds < 1
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
