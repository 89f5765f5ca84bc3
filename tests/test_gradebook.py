"""What instructors bring and get: notebooks, platforms, marks, reports, journals."""

import dataclasses
import json
import re
import stat
import sys
import zipfile

import pytest
from hand_in_samples import HALF, RIGHT, filled

from companion.checking import assert_passes
from companion.checking.classroom import (
    assertions,
    autograder,
    discovery,
    feedback,
    hand_ins,
    journal,
    marks,
    notebooks,
    progress,
    reports,
)
from companion.checking.verdict import Report, Status, Verdict
from companion.errors import UserError

USUAL = ["arithmetic.py"]


# -- notebooks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("x = f(1)\n%pylab", "x = f(1)\npass"),
        ("x = ((1 + 2)\n% 4)", "x = ((1 + 2)\n% 4)"),
        ("x = [f(1),\n2]\n!ls", "x = [f(1),\n2]\npass"),
        ("%%capture output\nx = 1", "pass\nx = 1"),
        ("%%timeit -n 3 -r 2\nx = 1", "pass\nx = 1"),
        ("%%\nls -l", "pass"),
    ],
)
def test_a_cell_keeps_its_python_whatever_stands_around_it(cell, kept):
    held = {"cells": [{"cell_type": "code", "source": cell}]}
    text = notebooks.source_of(json.dumps(held).encode()).decode()
    assert text.removeprefix("# In [1]:\n").rstrip("\n") == kept


def test_a_notebook_whose_description_is_damaged_is_none():
    with pytest.raises(UserError, match="not a notebook"):
        notebooks.source_of(b'{"cells": [], "metadata": []}')


# -- platforms ------------------------------------------------------------------------------------


def test_blackboards_users_may_have_underscores_and_several_files(tmp_path):
    time_ = "attempt_2026-11-26-10-30-15"
    names = (f"HW_ada_l_{time_}_arithmetic.py", f"HW_bob_n_{time_}_arithmetic.py")
    filled(tmp_path, {**dict.fromkeys(names, HALF), f"HW_ada_l_{time_}_scrap.py": RIGHT})
    result = hand_ins.submissions(tmp_path, USUAL)
    assert {one.learner: one.source for one in result} == dict.fromkeys(
        ("ada_l", "bob_n"), HALF.encode()
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links")
def test_nobody_can_rename_a_gradescope_submission(tmp_path):
    text = "submission_2001:\n  :submitters:\n  - :name: Ada\n"
    filled(tmp_path, {"real.txt": text, "class/submission_2001/hw.py": HALF, "class/bob.py": text})
    (tmp_path / "class" / "submission_metadata.yml").symlink_to(tmp_path / "real.txt")
    names = [one.learner for one in hand_ins.submissions(tmp_path / "class")]
    assert names == ["bob", "submission_2001"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links")
def test_a_link_to_a_class_is_not_followed(tmp_path):
    filled(tmp_path, {"real/Ada_1001_assignsubmission_file_/hw.py": HALF})
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "link").symlink_to(tmp_path / "real")
    assert [one.learner for one in hand_ins.submissions(tmp_path / "class")] == ["link"]


def test_the_only_learner_of_a_platform_is_no_class_whatever_she_handed_in(tmp_path):
    filled(tmp_path, {"Ada_1001_assignsubmission_file_/bob_12345_678901_hw.py": HALF})
    assert [one.learner for one in hand_ins.submissions(tmp_path)] == ["Ada"]


# -- exercises found ------------------------------------------------------------------------------


ONE = '''from companion.checking import exercise


@exercise()
def {name}(x):
    """Return `x`."""
    return x
'''


def test_a_package_of_exercises_is_loaded_file_by_file(tmp_path):
    texts = {f"{name}.py": ONE.format(name=name) for name in ("one", "two")}
    filled(tmp_path / "week6", {"__init__.py": "", **texts})
    result = discovery.load_exercises(tmp_path / "week6")
    assert [(one.chapter, one.name) for one in result] == [("week6", "one"), ("week6", "two")]


@pytest.mark.parametrize("name", ["missing.py", "notes.txt", "folder"])
def test_exercises_are_a_python_file_or_a_package(tmp_path, name):
    filled(tmp_path, {"notes.txt": ONE, "folder/one.py": ONE})
    with pytest.raises(UserError, match=r"names a Python file, or a folder with an __init__\.py"):
        discovery.load_exercises(tmp_path / name)


def test_exercises_that_raise_are_named_and_not_kept(tmp_path):
    filled(tmp_path, {"week8.py": "1 / 0\n"})
    with pytest.raises(UserError, match=r"week8\.py cannot be imported: ZeroDivisionError"):
        discovery.load_exercises(tmp_path / "week8.py")
    assert "private_week8" not in sys.modules


@pytest.mark.parametrize("name", [".", "..", "course/week5", "course\\week5", "./week5"])
def test_what_begins_with_a_dot_or_holds_a_slash_is_a_path(name):
    assert discovery.is_path(name)


# -- the autograder -------------------------------------------------------------------------------


def test_an_autograder_is_packed_wherever_it_is_to_lie(tmp_path, arithmetic):
    output = tmp_path / "deep" / "down" / "a.zip"
    assert autograder.pack(output, arithmetic) == ["double", "total"]
    with zipfile.ZipFile(output) as archive:
        assert archive.read("run_autograder").endswith(b" --seed 0\n")
        for name in ("setup.sh", "run_autograder"):
            assert archive.getinfo(name).external_attr >> 16 == stat.S_IFREG | 0o755


def test_an_autograder_that_cannot_be_written_is_a_reason(tmp_path, arithmetic):
    filled(tmp_path, {"file": ""})
    with pytest.raises(UserError, match="cannot be written"):
        autograder.pack(tmp_path / "file" / "a.zip", arithmetic)


def test_the_autograder_asks_for_exercises_and_takes_seed_0(tmp_path, monkeypatch, capsys):
    noted = []

    def grade(handed_in, exercises, *, seed, **options):
        noted.append((exercises, seed))
        return [Report("ada", "ada.py", (), "none", seed)]

    monkeypatch.setattr(autograder, "grade", grade)
    paths = [str(tmp_path), str(tmp_path / "results.json")]
    autograder.main([*paths, "--exercises", "convolution"])
    with pytest.raises(SystemExit):
        autograder.main(paths)
    assert "--exercises" in capsys.readouterr().err
    assert noted == [("convolution", 0)]


# -- what is told of each status ------------------------------------------------------------------


def report_of(status, **more):
    verdicts = (
        Verdict("double", "week5", status, "A reason.", **more),
        Verdict("total", "week5", Status.PASS, "Right."),
    )
    return Report("ada", "ada.py", verdicts, "bubblewrap", 0)


@pytest.mark.parametrize("status", Status)
def test_a_page_tells_a_reason_and_what_to_read_unless_the_answer_is_right(status):
    is_right = status is Status.PASS
    text = feedback.page(report_of(status, remark="Look again."), {"double": "section 2"})
    assert ("A reason." in text, "Read: section 2." in text) == (not is_right, not is_right)
    assert f"{1 + is_right} of 2 exercises passed" in text
    assert "Right." not in text
    assert "Isolation: bubblewrap." in text
    assert re.findall("Your instructor writes: .*?<", text) == [
        "Your instructor writes: Look again.<"
    ]


@pytest.mark.parametrize("status", Status)
def test_every_table_tells_a_pass_from_all_else(status):
    is_right = status is Status.PASS
    row = reports.to_csv([report_of(status)]).splitlines()[1].split(",")
    assert row[4] == ("" if is_right else f"{status}: A reason.")
    (double, _) = reports.to_gradescope(report_of(status))["tests"]
    assert double["status"] == ("passed" if is_right else "failed")


@pytest.mark.parametrize("status", Status)
def test_a_pass_alone_is_remembered(status, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state.jsonl"))
    progress.record(report_of(status))
    assert ("week5/double" in progress.load_progress()) is (status is Status.PASS)


@pytest.mark.parametrize("status", Status)
def test_a_pass_alone_satisfies_the_assertion(status, monkeypatch):
    asked = []

    def check(path, exercises, *, only, seed):
        asked.append((only, seed))
        return report_of(status)

    monkeypatch.setattr(assertions, "check_path", check)
    if status is Status.PASS:
        assert assert_passes("ada.py").score == 2
    else:
        with pytest.raises(AssertionError, match=f"1 not right.\n\ndouble: {status}: A reason."):
            assert_passes("ada.py")
    assert asked == [(None, 0)]


# -- marks ----------------------------------------------------------------------------------------


def test_an_empty_row_ends_no_marks_and_no_points_are_points(tmp_path):
    filled(tmp_path, {"marks.csv": "learner,exercise,points,remark\n,,,\nada,double,0,\n"})
    assert marks.read_marks(tmp_path / "marks.csv") == [marks.Mark("ada", "double", 0.0, "")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Received: an empty file"),
        ("points,remark\n1,x\n", "Received: points,remark"),
        ("learner,exercise,points\nada,double,inf\n", "Received: inf"),
        (f"learner,exercise,remark\nada,double,{'x' * 200_000}\n", "cannot be read"),
        (None, "cannot be read"),
    ],
    ids=["empty", "other columns", "infinite", "a giant cell", "missing"],
)
def test_marks_that_say_nothing_are_refused(tmp_path, text, words):
    if text is not None:
        filled(tmp_path, {"marks.csv": text})
    with pytest.raises(UserError, match=words):
        marks.read_marks(tmp_path / "marks.csv")


def test_a_remark_to_everybody_leaves_the_points():
    (result,) = marks.marked([report_of(Status.PASS)], [marks.Mark("*", "double", None, "Good.")])
    assert (result.max_score, result.verdicts[0].remark) == (2.0, "Good.")


# -- reports --------------------------------------------------------------------------------------


def test_equal_counts_stand_in_the_order_of_the_alphabet():
    verdicts = [
        Verdict("double", "week5", Status.FAIL, "", mistake=mistake) for mistake in ("b", "a", "c")
    ]
    result = [Report(str(n), "", (one,), "") for n, one in enumerate(verdicts)]
    assert reports.by_exercise(result)[0].mistakes == (("a", 1), ("b", 1), ("c", 1))


@pytest.mark.parametrize("kind", reports.LONGEST)
def test_a_text_that_fills_its_room_is_whole_and_one_more_letter_is_cut(kind):
    room = reports.LONGEST[kind]
    assert reports.cut("x" * room, kind) == "x" * room
    assert reports.cut("x" * (room + 1), kind) == "x" * (room - 1) + "…"


@pytest.mark.parametrize(
    "answer",
    [
        "def f(x):\n" + "\n".join(["    x += 1"] * 29),
        "def f(x):\n    # " + "#" * 94,
        "def f(x):\n    # " + "𝔵" * 94,
    ],
    ids=["30 lines", "100 letters", "100 letters of four bytes"],
)
def test_an_answer_that_fills_its_room_is_quoted_whole(answer):
    assert reports.answer_in(f"import numpy\n\n{answer}".encode(), "f") == answer


def test_a_quoted_answer_ends_where_the_next_begins():
    source = b"def f(x):\n    return x\n\n\ndef g(x):\n    return 2 * x\n"
    assert reports.answer_in(source, "f") == "def f(x):\n    return x"


def test_gradescope_gets_its_seconds_to_the_millisecond():
    result = dataclasses.replace(report_of(Status.PASS), seconds=1.23456)
    assert reports.to_gradescope(result)["execution_time"] == 1.235


def test_names_that_differ_in_case_alone_are_numbered_from_two(tmp_path):
    result = [Report(name, "", (), "") for name in ("Ada", "ada", "ADA", "bob")]
    reports.write_class(tmp_path, result, reports.Format.HTML)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["ADA (3).html", "Ada.html", "ada (2).html", "bob.html"]


def test_a_name_of_200_bytes_is_kept_and_a_longer_one_cut():
    assert reports.file_name("n" * 200, ".json") == "n" * 200 + ".json"
    assert re.fullmatch(r"n{180}-[0-9a-f]{16}\.json", reports.file_name("n" * 201, ".json"))


def test_a_json_file_is_read_by_people_and_by_strict_programs():
    assert "weiß" in reports.dumps({"learner": "weiß"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        reports.dumps({"score": float("nan")})


# -- the journal ----------------------------------------------------------------------------------


def test_a_journal_has_a_line_for_each_entry_wherever_it_lies_and_outlives_a_torn_one(tmp_path):
    file = tmp_path / "deep" / "down" / "journal"
    journal.append(file, [{"n": 1}])
    journal.append(file, [{"n": 2}])
    assert file.read_bytes().count(b"\n") == 2
    assert not file.stat().st_mode & 0o111
    with file.open("ab") as opened:
        opened.write(b"{")
    journal.append(file, [{"n": 3}])
    assert journal.read(file) == [{"n": 1}, {"n": 2}, {"n": 3}]
