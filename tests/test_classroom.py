"""A class is graded whatever is in it, once, and picked up where it was killed."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hand_in_samples import HALF, RIGHT, WRONG, make_class

from companion.checking.classroom import grading, hand_ins, journal, reports
from companion.checking.classroom.discovery import exercises_named
from companion.checking.verdict import Report, Status, Verdict

COMPANION = str(Path(sys.executable).with_name("companion"))


def statuses(report):
    return [str(verdict.status) for verdict in report.verdicts]


# -- graded whole -----------------------------------------------------------------------------


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
