"""Classes as platforms pack them, and notebooks as answers: every learner once, nobody lost."""

import json
import random
import shutil
import zipfile

import pytest

from companion.checking.classroom import grading, hand_ins, notebooks, one_file
from companion.checking.verdict import Status
from companion.errors import UserError

RIGHT = "def double(x): return x + x\ndef total(xs): return float(sum(xs))\n"
OLD = "def double(x): return x\n"
USUAL = ["arithmetic.py"]


def filled(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def notebook(*cells, **more):
    held = [{"cell_type": "code", "source": cell.splitlines(True), "outputs": []} for cell in cells]
    text = {"cell_type": "markdown", "source": ["# My answers\n", "def double(x): no"]}
    return json.dumps({"cells": [text, *held], "metadata": {}, "nbformat": 4, **more})


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path.read_bytes()


# -- as platforms pack a class --------------------------------------------------------------------

METADATA = """---
submission_2001:
  :submitters:
  - :name: Ada Lovelace
    :sid: '17'
    :email: ada@example.org
  - :name: Bob Noyce
  :created_at: 2026-11-26 10:30:15
  :results:
    tests:
    - name: double
  :history:
  - :id: 7
    :name: an older one
submission_2002:
  :submitters:
  - :name: Cyd Berger
  :results: {}
"""
PLATFORMS = {
    "Moodle in folders": (
        {
            "Ada Lovelace_1001_assignsubmission_file_/arithmetic.py": RIGHT,
            "Ada Lovelace_1001_assignsubmission_onlinetext_/onlinetext.html": "<p>Done.</p>",
            "Bob Noyce_1002_assignsubmission_file/work/hw.py": RIGHT,
            "Cyd Berger_1003_assignsubmission_onlinetext/onlinetext.html": "<p>Sorry.</p>",
        },
        {"Ada Lovelace": RIGHT, "Bob Noyce": RIGHT, "Cyd Berger": None},
        [],
    ),
    "Moodle in one folder, two of one name": (
        {
            "Ada Lovelace_1001_assignsubmission_file_arithmetic.py": RIGHT,
            "Ada Lovelace_1001_assignsubmission_file_notes.py": OLD,
            "Ada Lovelace_1002_assignsubmission_file_arithmetic.py": OLD,
            "Ada Lovelace_1002_assignsubmission_onlinetext_onlinetext.html": "<p>Hello.</p>",
        },
        {"Ada Lovelace (1001)": RIGHT, "Ada Lovelace (1002)": OLD},
        ["Ada Lovelace_1002_assignsubmission_onlinetext_onlinetext.html"],
    ),
    "Canvas": (
        {
            "lovelaceada_12345_678901_arithmetic-1.py": RIGHT,
            "lovelaceada_12345_678902_notes.txt": "Done.",
            "lovelaceada_12345_678903_scrap.py": OLD,
            "noycebob_LATE_12346_678904_arithmetic.py": RIGHT,
        },
        {"lovelaceada": RIGHT, "noycebob": RIGHT},
        ["lovelaceada_12345_678902_notes.txt"],
    ),
    "Blackboard, two attempts": (
        {
            "HW_1_ada_attempt_2026-11-25-10-30-15_arithmetic.py": OLD,
            "HW_1_ada_attempt_2026-11-25-10-30-15.txt": "Name: Ada Lovelace (ada)",
            "HW_1_ada_attempt_2026-11-26-09-30-15_arithmetic.py": RIGHT,
            "HW_1_ada_attempt_2026-11-26-09-30-15.txt": "Name: Ada Lovelace (ada)",
            "HW_1_b_noyce_attempt_2026-11-20-10-30-15_arithmetic.py": OLD,
            "HW_1_b_noyce_attempt_2026-11-20-10-30-15.txt": "Name: Bob Noyce (b_noyce)",
        },
        {"ada": RIGHT, "b_noyce": OLD},
        [
            "HW_1_ada_attempt_2026-11-25-10-30-15.txt",
            "HW_1_ada_attempt_2026-11-25-10-30-15_arithmetic.py",
            "HW_1_ada_attempt_2026-11-26-09-30-15.txt",
            "HW_1_b_noyce_attempt_2026-11-20-10-30-15.txt",
        ],
    ),
    "Blackboard, one learner": (
        {
            "HW_ada_attempt_2026-11-26-10-30-15_arithmetic.py": RIGHT,
            "HW_ada_attempt_2026-11-26-10-30-15.txt": "Name: Ada Lovelace (ada)",
        },
        {"ada": RIGHT},
        ["HW_ada_attempt_2026-11-26-10-30-15.txt"],
    ),
    "Brightspace, two attempts": (
        {
            "1234-5678 - Ada Lovelace - Nov 26, 2026 1055 PM/arithmetic.py": RIGHT,
            "1234-5678 - Ada Lovelace - Nov 26, 2026 110 PM/arithmetic.py": OLD,
            "1235-5678 - Bob Noyce - Oct 3, 2026 1159 PM/hw.py": OLD,
            "index.html": "<html>",
        },
        {"Ada Lovelace": RIGHT, "Bob Noyce": OLD},
        ["1234-5678 - Ada Lovelace - Nov 26, 2026 110 PM", "index.html"],
    ),
    "Brightspace in a language that is not read": (
        {
            "1234-5678 - Ada Lovelace - 26 novembre 2026 10 h 30/arithmetic.py": OLD,
            "1234-5678 - Ada Lovelace - 27 novembre 2026 10 h 30/arithmetic.py": RIGHT,
            "1235-5678 - Bob Noyce - 27 novembre 2026 10 h 30/arithmetic.py": RIGHT,
        },
        {"Ada Lovelace": "which is the last", "Bob Noyce": RIGHT},
        [],
    ),
    "Gradescope": (
        {
            "submission_2001/arithmetic.py": RIGHT,
            "submission_2002/hw.py": OLD,
            "submission_2003/hw.py": OLD,
            "submission_metadata.yml": METADATA,
            "Thumbs.db": b"\xd0\xcf",
            "desktop.ini": "[.ShellClassInfo]",
        },
        {"Ada Lovelace, Bob Noyce": RIGHT, "Cyd Berger": OLD, "submission_2003": OLD},
        ["Thumbs.db", "desktop.ini", "submission_metadata.yml"],
    ),
    "by hand, with what lies about": (
        {
            "ada_1_2_final.py": RIGHT,
            "bob_1_2_final.py": OLD,
            "grades.csv": "name,points",
            "README.txt": "Exercise 3",
            "~$grades.xlsx": "",
            ".DS_Store": "",
        },
        {"ada_1_2_final": RIGHT, "bob_1_2_final": OLD},
        ["README.txt", "grades.csv", "~$grades.xlsx"],
    ),
}


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_learner_of_a_platform_is_there_once_by_the_last_attempt(tmp_path, name):
    files, learners, passed_over = PLATFORMS[name]
    result = hand_ins.class_in(filled(tmp_path, files), USUAL)
    assert [one.learner for one in result.submissions] == sorted(learners)
    for one in result.submissions:
        wanted = learners[one.learner]
        if wanted in (RIGHT, OLD):
            assert one.source == wanted.encode(), one
        elif wanted is None:
            assert (one.source, one.status) == (None, Status.NOT_ATTEMPTED)
        else:
            assert one.source is None
            assert wanted in one.problem
    assert result.passed_over == passed_over


def test_a_class_in_the_one_folder_of_an_export_is_found(tmp_path):
    files, learners, passed_over = PLATFORMS["Gradescope"]
    filled(tmp_path / "assignment_7_export", files)
    report = tmp_path / "grades.txt"
    filled(tmp_path, {".DS_Store": "", "grades.txt": "", "grades.txt.journal": ""})
    result = hand_ins.class_in(tmp_path, USUAL, report)
    assert [one.learner for one in result.submissions] == sorted(learners)
    assert result.passed_over == passed_over


def test_a_class_of_one_who_handed_in_a_folder_stays_one(tmp_path):
    filled(tmp_path / "ada", {"arithmetic.py": RIGHT, "old/arithmetic_2.py": OLD})
    (result,) = hand_ins.submissions(tmp_path, USUAL)
    assert (result.learner, result.source) == ("ada", RIGHT.encode())


def test_a_platforms_class_is_graded_by_people(tmp_path, arithmetic):
    files = PLATFORMS["Gradescope"][0]
    handed_in = hand_ins.submissions(filled(tmp_path / "class", files), USUAL)
    result = grading.grade(handed_in, arithmetic, journal_file=tmp_path / "j", workers=1)
    assert {one.learner: one.score for one in result} == {
        "Ada Lovelace, Bob Noyce": 3.0,
        "Cyd Berger": 0.0,
        "submission_2003": 0.0,
    }


# -- notebooks ------------------------------------------------------------------------------------


def python(*cells, **more):
    text = notebooks.source_of(notebook(*cells, **more).encode()).decode()
    compile(text, "notebook", "exec")
    return text


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("x = 1", "x = 1"),
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("x = 1\n!pip install numpy\n", "x = 1\npass"),
        ("if True:\n    %time f()\n    x = 1", "if True:\n    pass\n    x = 1"),
        ("np.sum?\nx = 1", "pass\nx = 1"),
        ("?np.sum\n??np", "pass\npass"),
        ("files = !ls\nx = %time 3", "pass\npass"),
        ("get_ipython().run_line_magic('matplotlib', 'inline')", "pass"),
        ("%%bash\nrm -r x\nif [ 1 ]\n", "pass\n\n"),
        ("%%time\nx = 1", "pass\nx = 1"),
        ("x = (7\n% 4)", "x = (7\n% 4)"),
        ('"""Rates:\n% of all\n!"""\nx = 1', '"""Rates:\n% of all\n!"""\nx = 1'),
        ("x = 7 \\\n% 4", "x = 7 \\\n% 4"),
        ("x = 'a' # it's\n%pylab", "x = 'a' # it's\npass"),
        ("!echo ( it's\nx = 1", "pass\nx = 1"),
        ("x = 1 if y != 2 else 3 # why?", "x = 1 if y != 2 else 3 # why?"),
        ("x %= 3\nx = y % 3\nx = a[1] % b", "x %= 3\nx = y % 3\nx = a[1] % b"),
        ("x = 1\r\n%pylab\r\n", "x = 1\npass"),
    ],
)
def test_what_only_jupyter_understands_is_passed_over_line_for_line(cell, kept):
    assert python(cell).strip("\n") == f"# In [1]:\n{kept}".strip("\n")


def test_the_cells_of_a_notebook_of_version_3_are_read():
    cell = {"cell_type": "code", "language": "python", "input": ["x = 1\n", "y = 2"]}
    held = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    assert notebooks.source_of(json.dumps(held).encode()) == b"# In [1]:\nx = 1\ny = 2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def double(x): return x", "not a notebook"),
        ("[]", "not a notebook"),
        ("{}", "not a notebook"),
        ('{"cells": [1]}', "not a notebook"),
        ('{"cells": [{"cell_type": "code", "source": 3}]}', "not a notebook"),
        ("[" * 100_000, "not a notebook"),
        (notebook("x <- 1", metadata={"kernelspec": {"language": "R"}}), "'r': Python is expected"),
    ],
)
def test_what_is_no_notebook_is_named(text, message):
    with pytest.raises(UserError, match=message):
        notebooks.source_of(text.encode())


def test_a_cell_of_quotes_and_brackets_is_read_in_a_time_that_follows_its_length():
    for piece in ('"""', "'''\\", "'", "([{", "\\\n", "%\n", "x = (\n", "?" * 7 + "x"):
        python("x = 1", metadata={})
        text = notebook(piece * (900_000 // len(piece)))
        assert notebooks.source_of(text.encode())


ANSWERS = [
    "%pylab inline\nfrom companion.checking import exercise\nimport numpy as np",
    "def double(x):\n    return x + x\n",
    "exercise('double').check(double)",
    "def total(xs):\n    return float(np.sum(xs))\n",
    "1 / 0",
]


@pytest.mark.parametrize("how", ["alone", "folder", "zip"])
def test_a_notebook_is_checked_cell_by_cell_as_it_ran(tmp_path, arithmetic, how):
    cells = ["import numpy as np", *ANSWERS]
    path = {"alone": "a.ipynb", "folder": "a/hw.ipynb", "zip": "a.zip"}[how]
    held = zipped(tmp_path / "x", {"hw/hw.ipynb": notebook(*cells)}) if how == "zip" else None
    filled(tmp_path / "class", {path: held or notebook(*cells)})
    (result,) = hand_ins.submissions(tmp_path / "class", USUAL)
    assert (result.learner, result.problem) == ("a", "")
    report = one_file.check_path(tmp_path / "class" / path.partition("/")[0], arithmetic)
    assert [str(one.status) for one in report.verdicts] == ["pass", "pass"]


def test_a_cell_that_fails_costs_its_own_answer_alone_and_is_told_with_its_line(
    tmp_path, arithmetic
):
    cells = ["x = 1\n\n", "def total(xs):\n    return sum(xs\n", "def double(x):\n    return 3 * x"]
    filled(tmp_path, {"a.ipynb": notebook(*cells)})
    report = one_file.check_path(tmp_path / "a.ipynb", arithmetic)
    double, total = report.verdicts
    assert (double.status, total.status) == (Status.FAIL, Status.ERROR)
    assert "The cell of this answer cannot be imported: SyntaxError in line 6" in total.message
    assert "return sum(xs" in total.details


def test_of_a_notebook_and_a_script_the_usual_name_is_taken_and_else_the_script(tmp_path):
    for files, taken in (
        ({"a.py": RIGHT, "arithmetic.ipynb": notebook(OLD)}, f"# In [1]:\n{OLD}"),
        ({"a.py": RIGHT, "b.ipynb": notebook(OLD)}, RIGHT),
        ({"arithmetic.py": RIGHT, "arithmetic.ipynb": notebook(OLD)}, RIGHT),
        ({".ipynb_checkpoints/b-checkpoint.ipynb": "x", "b.ipynb": notebook(OLD)}, None),
    ):
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        _, source = hand_ins.read_submission(filled(tmp_path / "a", files), USUAL)
        assert source.decode() == (taken or f"# In [1]:\n{OLD}")


# -- damaged --------------------------------------------------------------------------------------


def damaged(whole, rng):
    """Return a hand-in with bytes changed, cut, repeated or put in."""
    text = bytearray(whole)
    for _ in range(rng.randint(1, 6)):
        place, length = rng.randrange(len(text) + 1), rng.randint(1, 30)
        kind = rng.randrange(5)
        if kind == 0 and text:
            text[place % len(text)] = rng.randrange(256)
        elif kind == 1:
            del text[place : place + length]
        elif kind == 2:
            text[place:place] = rng.randbytes(length)
        elif kind == 3:
            text[place:place] = text[place : place + 5 * length]
        else:
            text[place : place + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"PK\x01\x02"])
    return bytes(text)


@pytest.mark.drawn
@pytest.mark.parametrize("part", range(25))
def test_a_damaged_archive_or_notebook_gives_an_answer_or_a_reason_and_harms_nobody(tmp_path, part):
    rng = random.Random(part)
    files = {"hw/arithmetic.py": RIGHT, "notes.txt": "x" * 300}
    wholes = {
        "zip": zipped(tmp_path / "x", files),
        "ipynb": notebook(RIGHT, "x = 1").encode(),
        "py": RIGHT.encode(),
    }
    wholes["nested.zip"] = zipped(tmp_path / "y", {"a/hw.ipynb": wholes["ipynb"]})
    for number in range(20):
        ending = rng.choice([*["zip"] * 3, *wholes])
        folder = tmp_path / str(number)
        filled(folder, {f"mal.{ending}": damaged(wholes[ending], rng), "ada.py": RIGHT})
        ada, mal = hand_ins.submissions(folder, USUAL)
        assert (ada.learner, ada.source) == ("ada", RIGHT.encode())
        assert (mal.source is None) == bool(mal.problem)
        assert len(mal.problem) <= hand_ins.MAX_TEXT
        assert mal.problem.isprintable() or "\n" in mal.problem


def test_a_notebook_with_pictures_is_read_and_one_beyond_all_bounds_is_refused(tmp_path):
    pictures = random.Random(0).randbytes(3_000_000).hex()  # 6 MB that pack into 3 MB
    large = json.loads(notebook(RIGHT))
    large["cells"][1]["outputs"] = [{"data": {"image/png": pictures}}]
    filled(tmp_path, {"ada.ipynb": json.dumps(large), "cyd.ipynb": b"x" * 8_000_001})
    zipped(tmp_path / "bob.zip", {"hw.ipynb": json.dumps(large)})
    filled(tmp_path, {"dan.ipynb": notebook("x = 1\n" * 200_000)})
    ada, bob, cyd, dan = hand_ins.submissions(tmp_path, USUAL)
    assert ada.source == bob.source == f"# In [1]:\n{RIGHT}".encode()
    assert "cyd.ipynb is larger than 8,000,000 bytes" in cyd.problem
    assert "dan.ipynb holds more than 1,000,000 bytes of Python" in dan.problem
