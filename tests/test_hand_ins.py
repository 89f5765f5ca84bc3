"""What is handed in is read whatever it is, and a class is listed learner by learner."""

import os
import stat
import sys
from pathlib import Path

import pytest
from hand_in_samples import HALF, LEARNERS, RIGHT, make_class, zipped

from companion import catalogue
from companion.checking.classroom import hand_ins
from companion.checking.classroom.discovery import exercises_of
from companion.checking.verdict import Status
from companion.errors import UserError

# -- one submission ---------------------------------------------------------------------------


def test_a_file_a_folder_and_a_zip_hold_the_same_submission(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.py").write_text(HALF)
    zipped(tmp_path / "a.zip", {"deep/down/a.py": HALF})
    for path in (tmp_path / "one" / "a.py", tmp_path / "one", tmp_path / "a.zip"):
        assert hand_ins.read_submission(path)[1] == HALF.encode()


@pytest.mark.parametrize(
    "name", ["../a.py", "a/../../b.py", "/etc/a.py", "..\\a.py", "C:\\a.py", "c:/a.py"]
)
def test_a_zip_that_leads_out_of_itself_is_refused(tmp_path, name):
    path = zipped(tmp_path / "a.zip", {"a.py": HALF, name: "x"})
    with pytest.raises(hand_ins.SubmissionError, match="leads out of itself"):
        hand_ins.read_submission(path)


def test_a_link_in_a_zip_is_refused(tmp_path):
    def link(info):
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    path = zipped(tmp_path / "a.zip", {"a.py": "/etc/passwd"}, link)
    with pytest.raises(hand_ins.SubmissionError, match="holds a link"):
        hand_ins.read_submission(path)


def test_a_bomb_is_read_no_further_than_the_bound(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.py": b"#" * (50 * hand_ins.MAX_BYTES)})
    with pytest.raises(hand_ins.SubmissionError, match="larger than 1,000,000 bytes"):
        hand_ins.read_submission(path)


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.py": b"#" * (2 * hand_ins.MAX_BYTES)})
    true, false = (n.to_bytes(4, "little") for n in (2 * hand_ins.MAX_BYTES, 10))
    assert path.read_bytes().count(true) == 2
    path.write_bytes(path.read_bytes().replace(true, false))
    with pytest.raises(hand_ins.SubmissionError, match="cannot be read"):
        hand_ins.read_submission(path)


def test_a_zip_of_a_thousand_and_one_files_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {f"{n}.txt": "" for n in range(1_001)})
    with pytest.raises(hand_ins.SubmissionError, match="more than 1,000 files"):
        hand_ins.read_submission(path)


def test_every_damaged_byte_of_a_zip_gives_an_answer_or_a_reason(tmp_path):
    whole = zipped(tmp_path / "whole.zip", {"a.py": HALF}).read_bytes()
    path = tmp_path / "a.zip"
    for offset in range(len(whole)):
        for damaged in (whole[:offset], whole[:offset] + b"\xff" + whole[offset + 1 :]):
            path.write_bytes(damaged)
            try:
                name, source = hand_ins.read_submission(path)
            except hand_ins.SubmissionError:
                continue
            assert source == HALF.encode(), name


def test_an_encrypted_zip_is_a_reason_and_no_crash(tmp_path):
    whole = bytearray(zipped(tmp_path / "a.zip", {"a.py": HALF}).read_bytes())
    whole[6] |= 1
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(whole)
    with pytest.raises(hand_ins.SubmissionError, match="encrypted"):
        hand_ins.read_submission(tmp_path / "a.zip")


def test_of_several_files_the_one_with_the_usual_name_is_taken(tmp_path):
    files = {"arithmetic.py": HALF, "scrap.py": "scrap"}
    path = zipped(tmp_path / "a.zip", files)
    assert hand_ins.read_submission(path, ["arithmetic.py"])[1] == HALF.encode()
    with pytest.raises(hand_ins.SubmissionError, match=r"arithmetic\.py, scrap\.py"):
        hand_ins.read_submission(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links and pipes")
def test_a_link_and_a_pipe_in_a_folder_are_refused(tmp_path):
    (tmp_path / "other.py").write_text(RIGHT)
    for name in ("thief", "plumber"):
        (tmp_path / name).mkdir()
    (tmp_path / "thief" / "a.py").symlink_to(tmp_path / "other.py")
    os.mkfifo(tmp_path / "plumber" / "a.py")
    (tmp_path / "linked.py").symlink_to(tmp_path / "other.py")
    for name in ("thief", "plumber", "linked.py"):
        with pytest.raises(hand_ins.SubmissionError, match="not a file"):
            hand_ins.read_submission(tmp_path / name)


def test_a_giant_file_and_a_file_of_another_kind_are_refused(tmp_path):
    with (tmp_path / "big.py").open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(hand_ins.SubmissionError, match="larger than"):
        hand_ins.read_submission(tmp_path / "big.py")
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(hand_ins.SubmissionError, match="not a notebook that can be read"):
        hand_ins.read_submission(tmp_path / "a.ipynb")
    (tmp_path / "a.txt").write_text(HALF)
    with pytest.raises(hand_ins.SubmissionError, match="not a Python file"):
        hand_ins.read_submission(tmp_path / "a.txt")


def test_an_ending_in_capitals_counts(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "HW.PY").write_text(HALF)
    (tmp_path / "bob.PY").write_text(HALF)
    zipped(tmp_path / "cyd.ZIP", {"ARITHMETIC.PY": HALF, "scrap.py": ""})
    result = hand_ins.submissions(tmp_path, ["arithmetic.py"])
    assert {one.learner: one.source for one in result} == {
        name: HALF.encode() for name in ("ada", "bob", "cyd")
    }


# -- a class ----------------------------------------------------------------------------------


def test_a_class_is_listed_by_learner_with_every_problem_named(tmp_path):
    result = hand_ins.submissions(make_class(tmp_path / "class"), ["arithmetic.py"])
    assert [one.learner for one in result] == LEARNERS
    problems = {one.learner: one.problem for one in result if one.source is None}
    assert list(problems) == ["eve", "gus", "hal", "ivy"]
    assert "cannot be read" in problems["eve"]
    assert "gus.py, gus.zip" in problems["gus"]
    assert problems["hal"] == "There is no Python file in it."
    assert "leads out" in problems["ivy"]


def test_a_learner_who_handed_in_a_file_of_another_kind_is_named(tmp_path):
    for name in ("carl.ipynb", "emil.tar.gz", "fred.txt", "gina.rar", "hans.py.txt", "ian", ".x"):
        (tmp_path / name).write_text(RIGHT)
    (tmp_path / "__MACOSX").mkdir()
    result = hand_ins.submissions(tmp_path)
    assert [one.learner for one in result] == ["carl", "emil", "fred", "gina", "hans", "ian"]
    assert {(one.source, one.status) for one in result} == {(None, Status.ERROR)}
    assert "not a notebook that can be read" in result[0].problem
    assert all("not a Python file" in one.problem for one in result[1:])


def test_a_file_of_another_kind_beside_the_work_costs_nothing(tmp_path):
    (tmp_path / "ada.py").write_text(RIGHT)
    (tmp_path / "ada.ipynb").write_text("{}")
    (result,) = hand_ins.submissions(tmp_path)
    assert (result.path, result.source) == ("ada.py", RIGHT.encode())


@pytest.mark.parametrize("output", ["results", "grades.csv", "deep/grades.csv", "ada.py"])
def test_what_grade_writes_is_no_learner_and_a_learners_work_always_is(tmp_path, output):
    for name in ("ada.py", "bob/a.py", output, f"{output}.journal"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(RIGHT)
    for where in (output, "bob/grades.csv"):
        result = hand_ins.submissions(tmp_path, output=tmp_path / where)
        names = [one.learner for one in result if one.source]
        assert names == ["ada", "bob"]
        assert where != output or len(result) == 2


def test_learners_are_told_apart_by_what_is_written(tmp_path):
    names = ["weiss", "weiß", "Ada", "ada", "a\x01", "a\x02", "a\u202eb", "ab", "a\nb", "a\\nb"]
    for name in names:
        (tmp_path / f"{name}.py").write_text(RIGHT)
    result = hand_ins.submissions(tmp_path)
    assert len({one.learner for one in result}) == len(result) == len(names)
    assert all(one.source for one in result)
    assert all(one.learner.isprintable() for one in result)


def test_one_name_composed_in_two_ways_is_one_learner(tmp_path):
    (tmp_path / "zoë.py").write_text(RIGHT)
    zipped(tmp_path / "zoe\u0308.zip", {"a.py": RIGHT})
    (result,) = hand_ins.submissions(tmp_path)
    assert "Two submissions" in result.problem


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_file_names_that_are_no_text_stay_apart(tmp_path):
    for name in (b"\xfe.py", b"\xff.py"):
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_text(HALF)
    names = [one.learner for one in hand_ins.submissions(tmp_path)]
    assert len(set(names)) == 2
    assert all(name.isprintable() for name in names)


@pytest.mark.parametrize("make", [lambda path: None, Path.touch, Path.mkdir])
def test_without_a_class_the_call_was_wrong(tmp_path, make):
    make(tmp_path / "class")
    with pytest.raises(UserError, match=r"\.py file, notebook, folder or \.zip"):
        hand_ins.submissions(tmp_path / "class")


def test_the_chapter_is_read_off_the_functions_that_most_learners_define():
    book = {found.name: found.exercise_names() for found in catalogue.discover()}
    chapter, names = next((name, names) for name, names in book.items() if names)
    source = "".join(f"def {name}(x): pass\n" for name in names).encode()
    mine = hand_ins.Submission("a", "a.py", source)
    other = hand_ins.Submission("b", "b.py", b"def something(): pass")
    unread = hand_ins.Submission("c", "c.zip", None, "damaged")
    assert hand_ins.chapter_of([other, unread, mine]) == chapter
    assert hand_ins.chapter_of([hand_ins.Submission("d", f"{chapter}.py", b"")]) == chapter
    with pytest.raises(UserError, match="--exercises"):
        hand_ins.chapter_of([other, unread])


@pytest.mark.parametrize("result", catalogue.discover(), ids=lambda found: found.name)
def test_the_names_read_off_a_chapters_file_are_those_that_importing_it_gives(result):
    assert result.exercise_names() == tuple(one.name for one in exercises_of(result.name))
