"""Hand-ins at their bounds, and which file of many is meant."""

import dataclasses
import io
import json
import re
import sys
from pathlib import Path

import pytest
from hand_in_samples import HALF, RIGHT, filled, zipped

from companion import catalogue
from companion.checking.classroom import hand_ins, marks, notebooks, platforms, progress, reports
from companion.checking.judging import answer_files, judge
from companion.checking.judging.isolation import Sandbox
from companion.checking.judging.models import Models
from companion.checking.judging.page import InProcessRunner
from companion.checking.verdict import Status
from companion.errors import UserError

PAGE = Path(catalogue.__file__).parents[1] / "chapters" / "instructors.md"
USUAL = ["arithmetic.py"]


# -- records --------------------------------------------------------------------------------------


FROZEN = [
    answer_files.Part("x = 1", "definition", frozenset("x"), frozenset()),
    hand_ins.Class([], []),
    hand_ins.Submission("ada", "ada.py", b""),
    marks.Mark("ada", "double", 1.0, ""),
    platforms.ClassEntry(Path("ada.py"), "", "", "ada"),
    reports.ExerciseSummary("double", {}, ()),
    reports.Unexplained(("ada",), "", "", ""),
    Sandbox(),
]
OPEN = [progress.ExerciseProgress(), Models(InProcessRunner)]


@pytest.mark.parametrize("record", FROZEN, ids=lambda one: type(one).__name__)
def test_a_record_stays_as_it_was_made(record):
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, None)
    assert not hasattr(record, "__dict__")


@pytest.mark.parametrize("record", OPEN, ids=lambda one: type(one).__name__)
def test_a_misspelt_field_is_refused(record):
    with pytest.raises(AttributeError):
        record.pased = "2026-11-27T09:30:00.000Z"


# -- hand-ins at their bounds ---------------------------------------------------------------------


def crowd(path, count):
    names = ["a.py", *(f"{number}.txt" for number in range(count - 1))]
    return filled(path, dict.fromkeys(names, HALF))


def nest(path, depth):
    return filled(path, {"d/" * depth + "a.py": HALF})


def pack(path, count):
    names = ["a.py", *(f"{number}.txt" for number in range(count - 1))]
    return zipped(path.with_suffix(".zip"), dict.fromkeys(names, HALF))


def script(path, size):
    path.with_suffix(".py").write_bytes(b"#" * size)
    return path.with_suffix(".py")


def notebook(path, size):
    source = "#" * (size - len("# In [1]:\n\n"))
    held = {"cells": [{"cell_type": "code", "source": source}]}
    path.with_suffix(".ipynb").write_text(json.dumps(held))
    return path.with_suffix(".ipynb")


@pytest.mark.parametrize(
    ("bound", "make"),
    [
        ("MAX_ENTRIES", crowd),
        ("MAX_DEPTH", nest),
        ("MAX_MEMBERS", pack),
        ("MAX_BYTES", script),
        ("MAX_BYTES", notebook),
    ],
)
def test_what_fills_a_bound_is_read_and_what_is_one_beyond_it_is_not(
    tmp_path, monkeypatch, bound, make
):
    monkeypatch.setattr(hand_ins, bound, 30)
    assert hand_ins.read_submission(make(tmp_path / "full", 30))[1]
    with pytest.raises(hand_ins.SubmissionError):
        hand_ins.read_submission(make(tmp_path / "more", 31))


def test_bounds_are_those_that_instructors_are_told():
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    told = r"a file has (\d+) MB \(a notebook (\d+) MB.*?a folder ([\d,]+) entries and (\d+) levels"
    files, cells, entries, levels = re.search(told, page).groups()
    assert int(files) * 10**6 == hand_ins.MAX_BYTES
    assert int(cells) * 10**6 == notebooks.MAX_BYTES
    assert f"{hand_ins.MAX_ENTRIES:,} {hand_ins.MAX_DEPTH}" == f"{entries} {levels}"
    assert "for ten seconds, a file for a minute" in page
    assert judge.TIME_LIMIT == 10
    assert judge.FILE_TIME_FACTOR == 6


@pytest.mark.parametrize("size", [None, -1, 4, 100])
def test_of_a_zip_no_more_is_read_than_there_is_room_for(tmp_path, size):
    for held, room in ((b"abcd", 4), (b"abcd" * 1000, 3)):
        (tmp_path / "a.zip").write_bytes(held)
        with hand_ins._BoundedReader(io.FileIO(tmp_path / "a.zip"), room) as reader:
            if len(held) == room:
                assert reader.read(size) == held
                continue
            with pytest.raises(hand_ins.SubmissionError):
                reader.read(size)
            assert reader.tell() == room + 1


def test_a_text_of_just_the_length_is_whole_and_a_longer_one_ends_in_dots():
    assert hand_ins._truncated("n" * 100) == "n" * 100
    assert hand_ins._truncated("n" * 101) == "n" * 99 + "…"


# -- which file is meant --------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links")
def test_a_folder_that_is_linked_is_nobodys_hand_in(tmp_path):
    filled(tmp_path / "other", {"a.py": RIGHT})
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "mine").symlink_to(tmp_path / "other")
    with pytest.raises(hand_ins.SubmissionError, match="no Python file"):
        hand_ins.read_submission(tmp_path / "ada")


def test_hidden_files_end_no_search(tmp_path):
    for name in (*map(".{}".format, range(20)), "a.py", *map(".{}".format, range(20, 40))):
        filled(tmp_path / "ada", {name: HALF})
    assert hand_ins.read_submission(tmp_path / "ada") == ("a.py", HALF.encode())


def test_a_zip_without_python_was_not_attempted(tmp_path):
    zipped(tmp_path / "ada.zip", {"notes.txt": "Sorry.", "__MACOSX/._a.py": "\0"})
    (result,) = hand_ins.submissions(tmp_path)
    assert (result.status, result.problem) == (
        Status.NOT_ATTEMPTED,
        "There is no Python file in it.",
    )


def test_what_a_machine_adds_to_a_zip_is_no_second_file(tmp_path):
    path = zipped(tmp_path / "ada.zip", {"a.py": HALF, "__MACOSX/._a.py": "\0"})
    assert hand_ins.read_submission(path) == ("a.py", HALF.encode())


def test_of_many_files_five_are_named(tmp_path):
    filled(tmp_path / "ada", {f"{number}.py": HALF for number in range(7)})
    with pytest.raises(hand_ins.SubmissionError) as raised:
        hand_ins.read_submission(tmp_path / "ada")
    assert re.findall(r"\d\.py", str(raised.value)) == [f"{number}.py" for number in range(5)]
    result = hand_ins.collect([Path(str(number), "ada.py") for number in range(7)])
    assert result.problem.count("ada.py") == 5


def test_a_submission_names_the_file_that_was_read(tmp_path):
    names = ("ada.py", "bob/hw.py", "dan_12345_1001_scrap.py", "dan_12345_1002_arithmetic.py")
    filled(tmp_path, dict.fromkeys(names, HALF))
    zipped(tmp_path / "cyd.zip", {"home/hw.py": HALF})
    filled(tmp_path, {"eve.py": HALF, "eve/hw.py": HALF})
    assert {one.learner: one.path for one in hand_ins.submissions(tmp_path, USUAL)} == {
        "ada": "ada.py",
        "bob": "bob/hw.py",
        "cyd": "cyd.zip/home/hw.py",
        "dan": "dan_12345_1002_arithmetic.py/arithmetic.py",
        "eve": "eve",
    }


def test_a_submission_that_cannot_be_read_names_the_first_of_its_files(tmp_path):
    names = ("1-5 - Ada - 26 novembre/hw.py", "1-5 - Ada - 27 novembre/hw.py")
    filled(tmp_path, dict.fromkeys((*names, "bob_12345_1001_a.py", "bob_12345_1002_b.py"), HALF))
    ada, bob = hand_ins.submissions(tmp_path)
    assert (ada.path, bob.path) == ("1-5 - Ada - 26 novembre", "bob_12345_1001_a.py")
    assert "Several attempts" in ada.problem
    assert "several Python files" in bob.problem


def test_a_platforms_file_and_one_by_hand_are_two_submissions(tmp_path):
    filled(tmp_path, {"ada_12345_678901_hw.py": HALF, "ada.py": RIGHT})
    (result,) = hand_ins.submissions(tmp_path)
    assert "Two submissions for one learner" in result.problem


def test_a_zip_beside_a_folder_without_answers_is_read(tmp_path):
    zipped(tmp_path / "Ada_1001_assignsubmission_file_hw.zip", {"a.py": HALF})
    filled(tmp_path, {"Ada_1001_assignsubmission_onlinetext/onlinetext.html": "<p>Done.</p>"})
    (result,) = hand_ins.submissions(tmp_path)
    assert (result.learner, result.source) == ("Ada", HALF.encode())


@pytest.mark.parametrize("error", [hand_ins.SubmissionError("deep"), PermissionError("closed")])
def test_a_folder_that_cannot_be_looked_through_is_a_learners_though_the_output_lies_in_it(
    tmp_path, monkeypatch, error
):
    def refuse(folder):
        raise error

    (tmp_path / "ada").mkdir()
    monkeypatch.setattr(hand_ins, "_python_files", refuse)
    (result,) = hand_ins.submissions(tmp_path, output=tmp_path / "ada" / "grades.csv")
    assert (result.learner, result.source) == ("ada", None)


def test_whatever_stops_the_reading_of_one_hand_in_is_its_problem():
    def fail():
        raise RuntimeError("odd")

    result = hand_ins._read(Path("ada.py"), fail)
    assert (result.learner, result.problem) == ("ada", "It cannot be read: RuntimeError: odd")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"\x80", r"\x80"),
        (b"\xfe", r"\xfe"),
        (b"\xff", r"\xff"),
        ("\ud800", r"\ud800"),
        ("\udd00", r"\udd00"),
        ("\\", r"\\"),
        ("\x01", r"\x01"),
    ],
)
def test_what_is_no_text_in_a_name_is_written_as_its_number(name, shown):
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    assert hand_ins._escaped(text) == shown.replace(r"\\", "\\\\")


def test_a_hand_in_of_a_usual_kind_loses_its_last_ending_alone():
    assert hand_ins.learner_name(Path("ada.tar.zip")) == "ada.tar"
    assert hand_ins.learner_name(Path("ada.py.ipynb")) == "ada.py"
    assert hand_ins.learner_name(Path("ada.tar.gz")) == "ada"


# -- whose chapter it is --------------------------------------------------------------------------


BOOK = {one.name: one.exercise_names() for one in catalogue.discover() if one.exercise_names()}
SHARED = next(
    (name, both)
    for name in sorted({name for names in BOOK.values() for name in names})
    if len(both := [chapter for chapter, names in BOOK.items() if name in names]) > 1
)
OWN = [
    (chapter, next(one for one in names if sum(one in others for others in BOOK.values()) == 1))
    for chapter, names in list(BOOK.items())[:3]
]


def answers(*functions, name="a.py"):
    source = "".join(f"def {function}(x): return x\n" for function in functions)
    return hand_ins.Submission(name, name, source.encode())


@pytest.mark.parametrize("chapter", SHARED[1])
def test_where_chapters_share_a_function_the_files_name_tells_which_is_meant(chapter):
    assert hand_ins.chapter_of([answers(SHARED[0], name=f"{chapter}.py")]) == chapter


def test_the_chapter_is_the_one_of_more_than_half_of_the_class():
    (first, one), (second, two), (_, three) = OWN
    assert hand_ins.chapter_of([*[answers(one)] * 3, answers(two)]) == first
    with pytest.raises(UserError, match=rf"{first}: 2, {second}: 2") as raised:
        hand_ins.chapter_of([*[answers(one)] * 2, *[answers(two)] * 2, answers(three)])
    assert all(chapter in str(raised.value).partition("The hand-ins")[0] for chapter in BOOK)
