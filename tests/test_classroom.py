"""A class is graded whatever is in it, once, and picked up where it was killed."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from companion import catalogue
from companion.checking.classroom import grading, hand_ins, journal, reports
from companion.checking.classroom.discovery import exercises_named, exercises_of
from companion.checking.verdict import Report, Status, Verdict
from companion.errors import UserError

RIGHT = "import numpy as np\ndef double(x): return x + x\ndef total(xs): return float(np.sum(xs))\n"
WRONG = "import numpy as np\ndef double(x): return x * x\ndef total(xs): return np.mean(xs)\n"
COMPANION = str(Path(sys.executable).with_name("companion"))
LEARNERS = ["ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ivy", "jon", "kim"]
HALF = "def double(x): return x + x\n"


def zipped(path, files, change=lambda info: None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, text)
    return path


def make_class(folder):
    """Fill `folder` with a class that shows every kind of submission but the slow ones."""
    folder.mkdir()
    (folder / "ada.py").write_text(RIGHT)
    (folder / "bob").mkdir()
    (folder / "bob" / "arithmetic.py").write_text(WRONG)
    zipped(folder / "cyd.zip", {"home/arithmetic.py": HALF, "__MACOSX/._x.py": "\x00"})
    (folder / "dan.py").write_text("import os\nos._exit(0)\n")
    (folder / "eve.zip").write_bytes(b"PK\x03\x04 this was a zip once")
    (folder / "fay.py").write_text("def double(x:\n")
    (folder / "gus.py").write_text(RIGHT)
    (folder / "gus.zip").write_bytes((folder / "cyd.zip").read_bytes())
    (folder / "hal").mkdir()
    zipped(folder / "ivy.zip", {"../../ivy.py": RIGHT})
    (folder / "jon.py").write_text("import no_such_module\n")
    (folder / "kim.py").write_text("")
    (folder / ".DS_Store").write_bytes(b"")
    return folder


def statuses(report):
    return [str(verdict.status) for verdict in report.verdicts]


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


def test_a_class_is_graded_whatever_is_in_it(tmp_path, arithmetic):
    handed_in = hand_ins.submissions(make_class(tmp_path / "class"), ["arithmetic.py"])
    result = grading.grade(handed_in, arithmetic, journal_file=tmp_path / "j", workers=2)
    assert {report.learner: statuses(report) for report in result} == {
        "ada": ["pass", "pass"],
        "bob": ["fail", "fail"],
        "cyd": ["pass", "not_attempted"],
        "dan": ["error", "error"],
        "eve": ["error", "error"],
        "fay": ["error", "error"],
        "gus": ["error", "error"],
        "hal": ["not_attempted", "not_attempted"],
        "ivy": ["error", "error"],
        "jon": ["error", "error"],
        "kim": ["not_attempted", "not_attempted"],
    }
    bob = result[1]
    assert [verdict.mistake for verdict in bob.verdicts] == [
        "You squared it: twice is x + x.",
        "You took the mean: do not divide.",
    ]
    assert (result[0].score, result[0].max_score, result[0].path) == (3.0, 3.0, "ada.py")
    assert "line 1" in result[5].verdicts[0].message + result[5].verdicts[0].details
    assert "no_such_module" in result[9].verdicts[0].message + result[9].verdicts[0].details


# -- picked up --------------------------------------------------------------------------------


def timeless(found):
    return [
        replace(report, seconds=0, verdicts=tuple(replace(v, seconds=0) for v in report.verdicts))
        for report in found
    ]


@pytest.fixture
def counted(monkeypatch):
    """Replace the judge by one that passes everything, and return the learners it was shown."""
    shown = []

    def grade_one(submission, exercises, seed):
        shown.append(submission.learner)
        asked = exercises_named(exercises)
        verdicts = tuple(
            Verdict(one.name, one.chapter, Status.PASS, "", seconds=time.perf_counter())
            for one in asked
        )
        return Report(submission.learner, submission.path, verdicts, "none", seed)

    monkeypatch.setattr(grading, "grade_one", grade_one)
    return shown


def graded(handed_in, arithmetic, journal_file, **options):
    with ThreadPoolExecutor(1) as executor:
        return grading.grade(
            handed_in, arithmetic, journal_file=journal_file, executor=executor, **options
        )


def hand_in(**sources):
    return [
        hand_ins.Submission(name, f"{name}.py", text.encode()) for name, text in sources.items()
    ]


def test_a_second_run_grades_nobody_and_gives_the_same(tmp_path, arithmetic, counted):
    journal_file = tmp_path / "deep" / "j"
    first = graded(hand_in(ada=RIGHT, bob=WRONG), arithmetic, journal_file)
    seen = []
    second = graded(hand_in(ada=RIGHT, bob=WRONG), arithmetic, journal_file, on_report=seen.append)
    assert counted == ["ada", "bob"]
    assert second == first == seen


def test_who_hands_in_anew_is_graded_anew(tmp_path, arithmetic, counted):
    graded(hand_in(ada=RIGHT, bob=WRONG), arithmetic, tmp_path / "j")
    graded(hand_in(ada=RIGHT, bob=RIGHT, cyd=RIGHT), arithmetic, tmp_path / "j")
    assert counted == ["ada", "bob", "bob", "cyd"]


def test_another_seed_or_other_exercises_grade_everybody_anew(tmp_path, arithmetic, counted):
    graded(hand_in(ada=RIGHT), arithmetic, tmp_path / "j")
    graded(hand_in(ada=RIGHT), arithmetic, tmp_path / "j", seed=1)
    other = tmp_path / "arithmetic.py"
    other.write_text(Path(arithmetic).read_text() + "\n# stricter\n")
    graded(hand_in(ada=RIGHT), str(other), tmp_path / "j")
    assert counted == ["ada"] * 3


@pytest.mark.parametrize(
    "damage", [b'{"key": "torn', b"\x00\xff", b'{"key": [], "report": 7}', b"null"]
)
def test_a_damaged_journal_costs_no_more_than_the_damaged_line(
    tmp_path, arithmetic, counted, damage
):
    first = graded(hand_in(ada=RIGHT), arithmetic, tmp_path / "j")
    with (tmp_path / "j").open("ab") as file:
        file.write(damage)
    graded(hand_in(ada=RIGHT, bob=WRONG), arithmetic, tmp_path / "j")
    last = graded(hand_in(ada=RIGHT, bob=WRONG), arithmetic, tmp_path / "j")
    assert counted == ["ada", "bob"]
    assert last[:1] == first


def test_our_own_failure_stays_in_its_row_and_is_kept_like_any_other(
    tmp_path, arithmetic, counted, monkeypatch
):
    right = grading.grade_one

    def fail(submission, *others):
        if submission.learner == "ada":
            raise ArithmeticError("of ours")
        return right(submission, *others)

    monkeypatch.setattr(grading, "grade_one", fail)
    class_ = hand_in(ada=RIGHT, bob=RIGHT)
    first = graded(class_, arithmetic, tmp_path / "j")
    assert [statuses(report) for report in first] == [["checker_error"] * 2, ["pass"] * 2]
    assert "ArithmeticError: of ours" in first[0].notes[0]
    assert graded(class_, arithmetic, tmp_path / "j") == first
    assert counted == ["bob"]


def children(pid):
    """Return the processes below `pid`, read off Linux's own table."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry.name), *children(int(entry.name))]
    return found


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table of processes")
def test_killed_half_way_and_started_again_it_grades_only_the_rest(tmp_path, arithmetic):
    folder = make_class(tmp_path / "class")
    for number in range(12):
        (folder / f"learner{number}.py").write_text([RIGHT, WRONG, HALF][number % 3])

    def command(output):
        return [
            *(COMPANION, "grade", str(folder), "--output", str(output)),
            *("--exercises", arithmetic, "--seed", "7", "--workers", "2", "--json"),
        ]

    whole, broken = tmp_path / "whole.json", tmp_path / "broken.json"
    subprocess.run(command(whole), check=True, capture_output=True)
    kept = tmp_path / "broken.json.journal"
    with subprocess.Popen(
        command(broken), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while len(journal.read(kept)) < 4:
            assert process.poll() is None
            time.sleep(0.01)
        below = children(process.pid)
        process.send_signal(signal.SIGKILL)
    assert below
    deadline = time.monotonic() + 20
    while any(map(alive, below)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in below if alive(pid)]
    assert not broken.exists()
    before = [entry["report"]["learner"] for entry in journal.read(kept)]
    subprocess.run(command(broken), check=True, capture_output=True)
    after = [entry["report"]["learner"] for entry in journal.read(kept)]
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) == 19  # of 23 learners, four handed in nothing to run
    results = [json.loads(file.read_text()) for file in (whole, broken)]
    for result in results:
        result.pop("timings")
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("os._exit(9)", "checker_error"),
        ("bytearray(4 << 30)", "fail"),
        ("time.sleep(1000)", "checker_error"),
        ("re.match('(a|aa)+$', 'a' * 90 + 'b')", "checker_error"),  # never lets go of Python
    ],
)
def test_a_process_that_dies_or_hangs_costs_the_hand_in_that_it_graded(
    tmp_path, arithmetic, fault, status
):
    """What no answer may do in the judge is done by an exercise that looks at the hand-in."""
    (tmp_path / "fault.py").write_text(
        Path(arithmetic).read_text()
        + "\nimport os, re, time\nfrom companion.checking.classroom import grading\n"
        + "grading.PROCESS_TIME_LIMIT = 4\n"
        + "@total.why\ndef _(xs, received):\n"
        + f"    if received == 'fault': {fault}\n"
    )
    culprit = "def total(xs): return 'fault'\n"
    result = grading.grade(
        hand_in(ada=RIGHT, bob=culprit, cyd=RIGHT),
        str(tmp_path / "fault.py"),
        journal_file=tmp_path / "j",
        workers=1,
    )
    assert [statuses(report)[1] for report in result] == ["pass", status, "pass"]
    assert len(journal.read(tmp_path / "j")) == 3


def test_a_learners_file_named_like_a_library_is_not_imported_by_the_grader(
    tmp_path, arithmetic, monkeypatch
):
    (tmp_path / "struct.py").write_text("open('ran', 'w')\n1 / 0\n")
    monkeypatch.chdir(tmp_path)
    (report,) = grading.grade(
        hand_in(ada=RIGHT), arithmetic, journal_file=tmp_path / "j", workers=1
    )
    assert statuses(report) == ["pass", "pass"]
    assert not (tmp_path / "ran").exists()


def test_threads_and_processes_give_the_same_reports(tmp_path, arithmetic):
    handed_in = hand_in(ada=RIGHT, bob=WRONG, cyd=HALF)
    ours = grading.grade(handed_in, arithmetic, journal_file=tmp_path / "a", workers=2)
    theirs = graded(handed_in, arithmetic, tmp_path / "b")
    assert timeless(ours) == timeless(theirs)
    assert reports.to_csv(ours) == reports.to_csv(theirs)
