"""The learner's round and the instructor's, from the shell as they have it."""

import itertools
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import interruptible

import chapters
from companion import catalogue
from companion.checking import assert_passes
from companion.checking.classroom import grading, one_file, progress
from companion.checking.classroom.discovery import exercises_named
from companion.checking.judging.isolation import Sandbox
from companion.checking.verdict import Report
from companion.cli import exercises, main
from companion.errors import UserError

COMPANION = str(Path(sys.executable).with_name("companion"))
PAGE = Path(catalogue.__file__).parents[1] / "chapters" / "instructors.md"
RIGHT = "import numpy as np\ndef double(x): return x + x\ndef total(xs): return float(np.sum(xs))\n"
WRONG = RIGHT.replace("x + x", "x * x")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder, with no progress and a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state.jsonl"))
    monkeypatch.setattr("companion.console.out.width", 200)
    return tmp_path


@pytest.fixture
def companion(monkeypatch, capfd):
    """Call the command line as the shell does and return exit code, stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["companion", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        output = capfd.readouterr()
        return end.value.code, output.out, output.err

    return call


# -- start ------------------------------------------------------------------------------------


def test_start_writes_the_tasks_and_no_solution(companion, here, arithmetic):
    code, out, _ = companion("start", arithmetic)
    text = (here / "arithmetic.py").read_text()
    assert code == 0
    assert "companion check arithmetic.py" in out
    assert '"""Return twice `x`."""\n    raise NotImplementedError' in text
    assert "2 * x" not in text


def test_the_command_that_start_names_works(companion, here, arithmetic):
    (here / "my own").mkdir()
    shutil.copy(arithmetic, here / "my own" / "week5.py")
    code, out, _ = companion("start", "my own/week5.py")
    named = out.split("companion ")[1].strip()
    assert code == 0
    assert f"companion {named}" in (here / "week5.py").read_text()
    code, out, _ = companion(*shlex.split(named), "--json")
    assert code == 1
    assert [one["status"] for one in json.loads(out)["verdicts"]] == ["not_attempted"] * 2


@pytest.mark.parametrize(
    "folder", ["C:\\Users\\me", 'say """hi"""', "a\nb", "two words", "na\u00efve", "end\\"]
)
def test_what_start_writes_is_python_whatever_the_folder_is_called(companion, here, folder):
    code, out, _ = companion("start", "convolution", folder, "--json")
    assert code == 0
    file = Path(json.loads(out)["file"])
    assert file == Path(folder, "convolution.py")
    compile(file.read_text(encoding="utf-8"), "stub", "exec")
    assert companion("check", file, "--only", "convolve", "--json")[0] == 1


def test_exercises_work_where_python_drops_docstrings_and_asserts(here):
    def call(*arguments):
        call = [COMPANION, *arguments, "--json"]
        surroundings = {**os.environ, "PYTHONOPTIMIZE": "2"}
        done = subprocess.run(call, env=surroundings, capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout)

    assert call("start", "neurons")[0] == 0
    plain = subprocess.run([COMPANION, "start", "neurons", "plain"], capture_output=True)
    assert plain.returncode == 0
    text = Path("neurons.py").read_text().replace("check neurons.py", "check plain/neurons.py")
    assert text == Path("plain/neurons.py").read_text()
    code, solution = call("solution", "tanh_slope", "--exercises", "neurons")
    assert code == 0
    Path("neurons.py").write_text("import numpy as np\n\n\n" + solution["solution"])
    code, report = call("check", "neurons.py", "--only", "tanh_slope")
    assert (code, report["verdicts"][0]["status"]) == (0, "pass")
    Path("neurons.py").write_text("import numpy as np\ndef tanh_slope(z):\n    return np.tanh(z)\n")
    code, report = call("check", "neurons.py", "--only", "tanh_slope")
    assert (code, report["verdicts"][0]["status"]) == (1, "fail")
    assert report["verdicts"][0]["mistake"]
    assert call("hint", "tanh_slope", "--exercises", "neurons")[1]["hint"]


def test_start_never_overwrites(companion, here, arithmetic):
    (here / "arithmetic.py").write_text("mine")
    code, out, err = companion("start", arithmetic)
    assert (code, out) == (2, "")
    assert "left as it is" in err
    assert (here / "arithmetic.py").read_text() == "mine"
    code, *_ = companion("start", arithmetic, "fresh")
    assert code == 0
    assert (here / "fresh" / "arithmetic.py").exists()


@pytest.mark.parametrize("chapter", [f.name for f in catalogue.discover() if f.exercise_names()])
def test_what_start_writes_is_python_that_defines_every_exercise(companion, here, chapter):
    code, out, _ = companion("start", chapter, "--json")
    told = json.loads(out)
    defined = {}
    exec(compile(Path(told["file"]).read_text(), "stub", "exec"), defined)
    assert code == 0
    assert told["exercises"]
    assert set(told["exercises"]) <= set(defined)


def test_a_chapter_that_is_not_there_gets_the_nearest_name(companion):
    code, _, err = companion("start", "convolutoin")
    assert code == 2
    assert "Did you mean 'convolution'?" in err


# -- check ------------------------------------------------------------------------------------


def test_check_says_which_answer_is_wrong_and_why(companion, here, arithmetic):
    (here / "arithmetic.py").write_text(WRONG)
    code, out, _ = companion("check", "arithmetic.py", "--exercises", arithmetic)
    assert code == 1
    assert "You squared it: twice is x + x." in out
    assert "received = 9" in out
    assert re.search(r"pass\s+total", out)
    assert "1 of 2 passed, 2 of 3 points. Isolation: " in out


def test_check_of_right_answers_ends_with_0_and_is_remembered(companion, here, arithmetic):
    (here / "arithmetic.py").write_text(RIGHT)
    code, out, _ = companion("check", "arithmetic.py", "--exercises", arithmetic, "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["score"], report["max_score"], report["learner"]) == (3.0, 3.0, "arithmetic")
    assert {name for name, one in progress.load_progress().items() if one.passed} == {
        "arithmetic/double",
        "arithmetic/total",
    }


def test_check_of_a_stub_is_not_attempted(companion, here, arithmetic):
    companion("start", arithmetic)
    code, out, _ = companion("check", "arithmetic.py", "--exercises", arithmetic, "--json")
    assert code == 1
    assert [one["status"] for one in json.loads(out)["verdicts"]] == ["not_attempted"] * 2


def test_only_checks_one_and_names_the_nearest_where_there_is_none(companion, here, arithmetic):
    (here / "a.py").write_text(WRONG)
    asked = ("check", "a.py", "--exercises", arithmetic, "--json", "--only")
    code, out, _ = companion(*asked, "total")
    assert code == 0
    assert [one["exercise"] for one in json.loads(out)["verdicts"]] == ["total"]
    code, out, _ = companion(*asked, "totle")
    assert code == 2
    assert "Did you mean 'total'?" in json.loads(out)["error"]


def test_another_seed_draws_other_cases(companion, here, arithmetic):
    # Right on the cases of seed 0 alone: what a learner can copy from the messages.
    asked = exercises_named(arithmetic)[0]
    table = {repr(x): np.asarray(asked(x)).tolist() for (x,) in asked.draw(0)}
    (here / "a.py").write_text(
        f"import numpy as np\ndef double(x): return np.asarray({table!r}.get(repr(x), 0.0))[()]\n"
    )
    call = ("check", "a.py", "--exercises", arithmetic, "--only", "double", "--seed")
    assert companion(*call, 0)[0] == 0
    assert companion(*call, 1)[0] == 1


@pytest.mark.parametrize(
    ("source", "status", "message"),
    [
        ("def double(x:\n", "error", "line 1"),
        ("import no_such_module\n", "error", "no_such_module"),
        ("def double(x): raise ValueError('[bold]\\x1b[31m no')\n", "error", "ValueError"),
        ("def double(): return 1\n", "error", "double"),
        ("import sys\nsys.exit(0)\n", "error", ""),
        ("x = 1\n", "not_attempted", ""),
        (b"\xff\xfe\x00", "error", ""),
    ],
    ids=["syntax", "import", "raise", "arity", "exit", "empty", "binary"],
)
def test_broken_files_are_verdicts_and_no_crash(
    companion, here, arithmetic, source, status, message
):
    (here / "a.py").write_bytes(source if isinstance(source, bytes) else source.encode())
    asked = ("check", "a.py", "--exercises", arithmetic, "--only", "double")
    code, out, _ = companion(*asked, "--json")
    (verdict,) = json.loads(out)["verdicts"]
    assert code == 1
    assert verdict["status"] == status
    assert message in verdict["message"] + verdict["details"]
    code, out, _ = companion(*asked)
    assert code == 1
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.py"], "is not there"),
        (["empty"], "no Python file"),
        (["notes.txt"], "not a Python file"),
        (["a.ipynb"], "It is not a notebook that can be read"),
        (["broken.zip"], "cannot be read"),
        (["strange.py"], "--exercises"),
        (["strange.py", "--exercises", "nowhere/week5.py"], "nowhere"),
        (["strange.py", "--exercises", "strange.py"], "holds no exercise"),
        (["strange.py", "--seed", "-1"], "seed"),
        (["strange.py", "--watch", "--json"], "--watch"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_what_to_do(companion, here, arguments, message):
    (here / "empty").mkdir()
    (here / "notes.txt").write_text("")
    (here / "a.ipynb").write_text("{}")
    (here / "broken.zip").write_bytes(b"PK")
    (here / "strange.py").write_text("x = 1\n")
    code, _, err = companion("check", *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_progress_that_cannot_be_written_costs_no_verdict(companion, here, arithmetic, monkeypatch):
    monkeypatch.setenv("COMPANION_STATE", str(here))
    (here / "a.py").write_text(RIGHT)
    code, out, err = companion("check", "a.py", "--exercises", arithmetic)
    assert code == 0
    assert "2 of 2 passed" in out
    assert "could not be written down" in err


def test_hints_and_solutions_that_cannot_be_remembered_are_given_and_said(
    companion, here, arithmetic, monkeypatch
):
    monkeypatch.setenv("COMPANION_STATE", str(here))
    _, out, err = companion("hint", "double", "--exercises", arithmetic)
    assert "2. Add `x` to itself." in out
    assert "could not be written down. Here are all hints." in err
    code, out, err = companion("solution", "double", "--exercises", arithmetic)
    assert (code, "return 2 * x" in out, "solution seen" in out) == (0, True, False)
    assert "could not be written down" in err


@pytest.mark.skipif(sys.platform == "win32", reason="sends an interrupt as a POSIX terminal does")
def test_watch_checks_again_at_every_save_and_ends_with_ctrl_c(here, arithmetic):
    file = here / "a.py"
    file.write_text(WRONG)
    command = [COMPANION, "check", "a.py", "--watch", "--exercises", arithmetic]
    with subprocess.Popen(
        interruptible(*command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = threading.Timer(60, process.kill)
        deadline.start()

        def await_line(text):
            for line in process.stdout:
                if text in line:
                    return
            raise AssertionError(f"{text!r} was never printed: {process.stderr.read()}")

        await_line("1 of 2 passed")
        file.unlink()  # as some editors do
        time.sleep(0.3)
        file.write_text(RIGHT)
        await_line("2 of 2 passed")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
        deadline.cancel()
        assert "Traceback" not in process.stderr.read()


def test_watch_outlives_a_file_that_is_empty_while_it_is_saved(here, monkeypatch, capfd):
    result = Report("a", "a.py", (), "none", 0)
    answers = iter([result, UserError("Which exercises are answered here?"), KeyboardInterrupt()])

    def once():
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    stamps = itertools.count()
    monkeypatch.setattr(exercises, "_modification_times", lambda path: next(stamps))
    assert exercises._watch(here / "a.py", once) is result
    assert "Which exercises are answered here?" in capfd.readouterr().err


def test_a_check_of_a_numpy_exercise_loads_no_heavy_library(here, arithmetic):
    (here / "a.py").write_text(RIGHT)
    script = (
        "import sys; from companion.cli import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)\n"
    )
    for arguments in (["check", "a.py", "--exercises", arithmetic], ["chapters"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
        )
        loaded = {name.split(".")[0] for name in done.stderr.split()}
        assert "companion" in loaded
        assert not loaded & {"keras", "tensorflow", "matplotlib", "pandas"}


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_without_what_linux_has_a_check_works_and_says_so(
    companion, here, arithmetic, monkeypatch, platform
):
    monkeypatch.setattr(sys, "platform", platform)
    none = Sandbox(None, False, False)
    monkeypatch.setattr("companion.checking.judging.isolation.best", lambda: none)
    monkeypatch.setattr(one_file, "_of_this_thread", threading.local())
    (here / "a.py").write_text(WRONG)
    code, out, _ = companion("check", "a.py", "--exercises", arithmetic, "--json")
    report = json.loads(out)
    assert code == 1
    assert [one["status"] for one in report["verdicts"]] == ["fail", "pass"]
    assert "NO sandbox" in report["isolation"]


# -- prove ------------------------------------------------------------------------------------


def test_prove_tells_a_sound_exercise_from_one_that_cannot_see_its_mistake(
    companion, here, arithmetic
):
    code, out, _ = companion("prove", arithmetic, "--json")
    assert code == 0
    assert json.loads(out) == {"exercises": {"double": [], "total": []}}
    blind = Path(arithmetic).read_text().replace("yield 3.0", "yield 2.0")
    (here / "blind.py").write_text(blind.replace("yield rng.normal(size=4)", "yield 0.0"))
    code, out, _ = companion("prove", "./blind.py")
    assert code == 1
    assert "You squared it" in out


# -- hint, solution, chapters -----------------------------------------------------------------


def test_hints_come_one_at_a_time(companion, arithmetic):
    asked = ("hint", "double", "--exercises", arithmetic)
    _, first, _ = companion(*asked)
    assert "How often" in first
    assert "to itself" not in first
    code, out, _ = companion(*asked, "--json")
    assert code == 0
    assert json.loads(out) == {
        "exercise": "double",
        "hint": "Add `x` to itself.",
        "number": 2,
        "of": 2,
    }
    _, last, _ = companion(*asked)
    assert "How often" in last
    assert "to itself" in last


def test_an_exercise_without_hints_says_so(companion, arithmetic):
    code, _, err = companion("hint", "total", "--exercises", arithmetic)
    assert code == 2
    assert "no hints" in err


def test_a_solution_is_shown_and_marked_as_seen(companion, arithmetic):
    code, out, _ = companion("solution", "double", "--exercises", arithmetic)
    assert code == 0
    assert "return 2 * x" in out
    assert "solution seen" in out
    assert progress.load_progress()["arithmetic/double"].solution


def test_the_printed_solution_passes(companion, here, arithmetic):
    _, out, _ = companion("solution", "total", "--exercises", arithmetic, "--json")
    (here / "a.py").write_text("import numpy as np\n" + json.loads(out)["solution"])
    call = ("check", "a.py", "--exercises", arithmetic, "--only", "total")
    assert companion(*call)[0] == 0


def test_chapters_shows_what_was_passed(companion):
    result = next(result for result in catalogue.discover() if result.exercise_names())
    name = result.exercise_names()[0]
    progress.remember(
        [(f"{result.name}/{name}", progress.PASSED), (f"{result.name}/gone", "passed")]
    )
    _, out, _ = companion("chapters")
    assert f"1 of {len(result.exercise_names())}" in out
    _, out, _ = companion("chapters", "--json")
    (row,) = [row for row in json.loads(out)["chapters"] if row["name"] == result.name]
    assert row["passed"] == [name]
    assert row["exercises"] == list(result.exercise_names())


# -- for pytest -------------------------------------------------------------------------------


def test_the_assertion_says_why(here, arithmetic):
    (here / "a.py").write_text(WRONG)
    with pytest.raises(AssertionError, match=r"double: fail: You squared it") as raised:
        assert_passes("a.py", exercises=arithmetic)
    assert "total" not in str(raised.value)
    assert assert_passes("a.py", "total", exercises=arithmetic).score == 2.0
    with pytest.raises(UserError, match="is not there"):
        assert_passes("nowhere.py")


# -- grade ------------------------------------------------------------------------------------


@pytest.fixture
def school(here):
    folder = here / "class"
    folder.mkdir()
    (folder / "ada.py").write_text(RIGHT)
    (folder / "bob.py").write_text(WRONG)
    (folder / "cyd.zip").write_bytes(b"PK")
    return folder


@pytest.mark.parametrize(
    ("output", "options", "begins"),
    [
        ("grades.csv", [], "learner,score,max_score,double,double: why not"),
        ("grades.json", [], "{"),
        ("grades.xml", [], "<?xml"),
        ("grades.txt", ["--format", "junit"], "<?xml"),
    ],
)
def test_grade_writes_what_the_name_or_the_option_says(
    companion, here, school, arithmetic, output, options, begins
):
    call = ("grade", school, "--output", output, "--exercises", arithmetic, "--workers", 1)
    code, out, _ = companion(*call, *options)
    assert code == 0
    assert (here / output).read_text().startswith(begins)
    assert "1 × You squared it: twice is x + x." in out
    assert "cyd: The zip cannot be read" in out


def test_grade_lists_what_is_nobodys_work_and_says_that_nothing_is_kept(
    companion, here, school, arithmetic
):
    (school / "Thumbs.db").write_bytes(b"")
    (school / "ada.txt").write_text("Here it is.")
    Path("out.csv.journal").mkdir()
    call = "grade", str(school), "--output", "out.csv", "--exercises", arithmetic
    code, shown, _ = companion(*call)
    assert code == 0
    assert "Passed over, as nobody's work: Thumbs.db, ada.txt." in " ".join(shown.split())
    assert "out.csv.journal cannot be written" in shown
    assert "called again, everybody is graded anew" in " ".join(shown.split())
    data = json.loads(companion(*call, "--json")[1])
    assert data["passed_over"] == ["Thumbs.db", "ada.txt"]
    assert list(data["not_kept"]) == ["out.csv.journal"]
    Path("out.csv.journal").rmdir()
    assert "cannot be written" not in companion(*call)[1]


def test_grade_for_gradescope_writes_a_file_for_each_learner(companion, here, school, arithmetic):
    call = ("grade", school, "--output", "out", "--format", "gradescope", "--json")
    code, out, _ = companion(*call, "--exercises", arithmetic, "--workers", 1)
    told = json.loads(out)
    assert code == 0
    assert sorted(file.name for file in (here / "out").iterdir()) == [
        "ada.json",
        "bob.json",
        "cyd.json",
    ]
    assert json.loads((here / "out" / "ada.json").read_text())["score"] == 3.0
    assert told["learners"] == 3
    assert list(told["problems"]) == ["cyd"]
    assert told["exercises"][0]["mistakes"] == {"You squared it: twice is x + x.": 1}


def test_grade_into_the_class_takes_long_names_and_grades_the_same_class_again(
    companion, school, arithmetic
):
    for end in "ab":
        (school / f"{'n' * 245}{end}.txt").write_text("")
    call = ("grade", school, "--output", school / "results", "--format", "gradescope", "--json")
    for _ in range(2):
        code, out, _ = companion(*call, "--exercises", arithmetic, "--workers", 1)
        assert code == 0
        assert json.loads(out)["learners"] == 5
        assert len(list((school / "results").iterdir())) == 5


def test_a_failure_of_the_grading_is_not_put_on_the_output(
    companion, school, arithmetic, monkeypatch
):
    def fail(*arguments, **options):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(grading, "grade", fail)
    code, _, err = companion("grade", school, "--output", "g.csv", "--exercises", arithmetic)
    assert code == 2
    assert "Too many open files" in err
    assert "cannot be written" not in err


def test_a_learners_typer_is_not_imported_by_python_m_companion(here):
    (here / "typer.py").write_text("open('ran', 'w')\n")
    done = subprocess.run(
        [sys.executable, "-m", "companion", "--help"], capture_output=True, text=True, check=False
    )
    assert not (here / "ran").exists()
    assert done.returncode == 0, done.stderr
    assert "grade" in done.stdout


@pytest.mark.parametrize(
    ("folder", "output", "message"),
    [
        ("nowhere", "g.csv", "is not a folder"),
        ("empty", "g.csv", "holds no submission"),
        ("class", "class", "cannot be written"),
        ("class", "class/ada.py/g.csv", "cannot be written"),
    ],
)
def test_grade_refuses_what_it_cannot_do(
    companion, here, school, arithmetic, folder, output, message
):
    (here / "empty").mkdir()
    code, _, err = companion(
        "grade", folder, "--output", output, "--exercises", arithmetic, "--workers", 1
    )
    assert code == 2
    assert message in err


# -- Gradescope -------------------------------------------------------------------------------


@pytest.fixture
def unpacked(companion, here, arithmetic):
    """Gradescope's folders with the autograder in its place, as Gradescope lays them out."""
    code, out, _ = companion("autograder", "a.zip", "--exercises", arithmetic, "--seed", 4242)
    assert code == 0
    assert "2 exercises" in out
    root = here / "autograder"
    for name in ("source", "submission", "results"):
        (root / name).mkdir(parents=True)
    with zipfile.ZipFile(here / "a.zip") as archive:
        archive.extractall(root / "source")
        for name in ("setup.sh", "run_autograder"):
            assert archive.getinfo(name).external_attr >> 16 & stat.S_IXUSR
    shutil.copy(root / "source" / "run_autograder", root)
    (root / "run_autograder").chmod(0o755)
    # pytest keeps its folders to itself; Gradescope's are open.
    for folder in (here, *here.parents[:2]):
        folder.chmod(0o755)
    return root


def run_autograder(root):
    environment = {
        "PATH": os.environ["PATH"],
        "AUTOGRADER_ROOT": str(root),
        "AUTOGRADER_PYTHON": sys.executable,
    }
    subprocess.run(["./run_autograder"], cwd=root, env=environment, check=True)
    return json.loads((root / "results" / "results.json").read_text())


needs_bash = pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("bash"), reason="Gradescope runs Linux"
)


@needs_bash
def test_the_zips_own_run_autograder_writes_results(unpacked):
    (unpacked / "submission" / "homework.py").write_text(WRONG)
    result = run_autograder(unpacked)
    assert result["score"] == 2.0
    assert [(one["name"], one["status"], one["max_score"]) for one in result["tests"]] == [
        ("double", "failed", 1.0),
        ("total", "passed", 2.0),
    ]
    assert "You squared it" in result["tests"][0]["output"]
    assert "4242" not in json.dumps(result)


@needs_bash
def test_an_empty_submission_gets_results_too(unpacked):
    result = run_autograder(unpacked)
    assert result["score"] == 0
    assert "no Python file" in result["output"]


@needs_bash
def test_a_submission_can_neither_read_the_answers_nor_write_its_results(unpacked):
    targets = [unpacked / "source/exercises/arithmetic.py", unpacked / "results/results.json"]
    (unpacked / "submission" / "thief.py").write_text(
        "import os\n"
        f"targets = {[str(target) for target in targets]}\n"
        "def double(x):\n"
        "    got = []\n"
        "    for target in targets:\n"
        "        try: got.append(open(target, 'r+').read())\n"
        "        except OSError as error: got.append('refused')\n"
        "    raise ValueError(f'{os.getuid()=} {got}')\n"
    )
    result = run_autograder(unpacked)
    output = result["tests"][0]["output"]
    assert "NO sandbox" in result["output"] or "['refused', 'refused']" in output
    if os.getuid() == 0:
        assert "os.getuid()=0" not in output


@needs_bash
def test_the_scripts_are_bash(unpacked):
    for name in ("setup.sh", "run_autograder"):
        subprocess.run(["bash", "-n", unpacked / "source" / name], check=True)
    setup = (unpacked / "source" / "setup.sh").read_text()
    assert "'numpy>=" in setup.replace(" ", "")
    assert "tensorflow" not in setup


def test_the_same_exercises_make_the_same_zip(companion, here, arithmetic):
    for name in ("one.zip", "two.zip"):
        companion("autograder", name, "--exercises", arithmetic)
    assert (here / "one.zip").read_bytes() == (here / "two.zip").read_bytes()


def test_a_teachers_own_chapter_is_packed_where_the_book_lies(companion, here, monkeypatch):
    folder = here / "course" / "smoothing"
    folder.mkdir(parents=True)
    card = "number=99, title='Smoothing', question='What is left?', lectures='A'"
    (folder / "__init__.py").write_text(
        f"from companion.chapter import Chapter\nchapter = Chapter({card})\n"
    )
    (folder / "exercises.py").write_text(
        "from companion.checking import exercise\n\n\n@exercise()\ndef half(x):\n"
        '    """Return half of `x`."""\n    return x / 2\n\n\n'
        "@half.cases\ndef _(rng):\n    yield 3.0\n"
    )
    monkeypatch.setenv("COMPANION_CHAPTERS", "")
    monkeypatch.setattr(chapters, "__path__", list(chapters.__path__))
    code, _, err = companion(
        "autograder", "a.zip", "--exercises", "smoothing", "--chapters", here / "course"
    )
    assert code == 0, err
    with zipfile.ZipFile(here / "a.zip") as archive:
        names = archive.namelist()
    assert {"chapters/smoothing/exercises.py", "chapters/__init__.py"} <= {*names}
    assert len(names) == len({*names})


# -- the page for instructors -----------------------------------------------------------------


@pytest.mark.slow
def test_the_page_for_instructors_runs(companion, here):
    blocks = re.findall(r"^```(\w+)[^\n]*\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    private = next(text for kind, text in blocks if kind == "python" and "@exercise" in text)
    (here / "week5.py").write_text(private)
    (asked,) = exercises_named(str(here / "week5.py"))
    assert len(asked.mistakes) >= 2
    (here / "class").mkdir()
    (here / "class" / "ada.py").write_text("import numpy as np\n" + asked.solution)
    ran = 0
    for kind, text in blocks:
        if kind == "bash" and "week5.py" in text and "--scheduler" not in text:
            for line in re.findall(r"^companion (.*)", text, re.MULTILINE):
                code, out, err = companion(*line.split())
                assert code == 0, (line, out, err)
                ran += 1
    assert ran >= 4
    test = next(text for kind, text in blocks if kind == "python" and "assert_passes" in text)
    (here / "test_week5.py").write_text(test)
    (here / "answers.py").write_text("import numpy as np\n" + asked.solution)
    subprocess.run([sys.executable, "-m", "pytest", "-q", "test_week5.py"], check=True)
