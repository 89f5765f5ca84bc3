"""The learner's round: what is next, what helps, what is told once, and what is an occasion."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion import catalogue
from companion.checking.classroom import progress
from companion.checking.classroom.discovery import _loaded, exercises_named
from companion.cli import main

COMPANION = str(Path(sys.executable).with_name("companion"))
RIGHT = "import numpy as np\ndef double(x): return x + x\ndef total(xs): return float(np.sum(xs))\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state.jsonl"))
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


def test_a_syntax_error_is_told_once(companion, here):
    (here / "convolution.py").write_text("def convolve(image, kernel:\n")
    code, out, _ = companion("check", "convolution.py")
    assert code == 1
    assert out.count("SyntaxError") == 1
    assert re.search(r"error\s+all 16 exercises", out)
    code, out, _ = companion("check", "convolution.py", "--json")
    assert len(json.loads(out)["verdicts"]) == 16


def test_isolation_takes_a_line_and_is_whole_in_json(companion, here, arithmetic):
    (here / "a.py").write_text(RIGHT)
    _, out, _ = companion("check", "a.py", "--exercises", arithmetic)
    _, told, _ = companion("check", "a.py", "--exercises", arithmetic, "--json")
    whole = json.loads(told)["isolation"]
    assert "time limit" in whole
    assert "time limit" not in out
    assert whole.split(";")[0] in " ".join(out.split())


def test_a_missing_return_is_asked_about_and_what_was_printed_is_shown(companion, here, arithmetic):
    (here / "a.py").write_text("def double(x):\n    print('x is', x)\n    x + x\n")
    _, out, _ = companion("check", "a.py", "--exercises", arithmetic, "--only", "double")
    assert "Is a `return` missing? The result is None; expected a float." in " ".join(out.split())
    assert "printed: x is 3.0" in out


def test_prints_are_shown_of_an_answer_that_is_right_and_are_cut(companion, here, arithmetic):
    (here / "a.py").write_text("def double(x):\n    print('ha' * 10**7)\n    return x + x\n")
    call = ("check", "a.py", "--exercises", arithmetic, "--only", "double", "--json")
    code, out, _ = companion(*call)
    (verdict,) = json.loads(out)["verdicts"]
    assert code == 0
    assert verdict["details"].startswith("printed: haha")
    assert len(verdict["details"]) < 2100


def test_an_answer_that_writes_bytes_to_stdout_goes_on(companion, here, arithmetic):
    (here / "a.py").write_text(
        "import sys\ndef double(x):\n    sys.stdout.buffer.write(b'x')\n    return x + x\n"
    )
    assert companion("check", "a.py", "--exercises", arithmetic, "--only", "double")[0] == 0


@pytest.mark.parametrize("line", ["import mxnet", "    from mxnet import nd"])
def test_another_library_is_named_with_what_to_use_instead(companion, here, arithmetic, line):
    (here / "a.py").write_text(f"if True:\n    pass\n{line}\ndef double(x): return x\n")
    _, out, _ = companion("check", "a.py", "--exercises", arithmetic, "--json")
    message = json.loads(out)["verdicts"][0]["message"]
    assert f"do without {line.split()[1]}" in message


def test_a_file_in_utf_16_is_told_how_to_save_it(companion, here, arithmetic):
    (here / "a.py").write_text(RIGHT, encoding="utf-16")
    _, out, _ = companion("check", "a.py", "--exercises", arithmetic, "--json")
    assert "save it as UTF-8" in json.loads(out)["verdicts"][0]["message"]


def same_name():
    """A name that exercises of several chapters bear, with their chapters."""
    chapters = {}
    for entry in catalogue.discover():
        for name in entry.exercise_names():
            chapters.setdefault(name, []).append(entry.name)
    return next((name, found) for name, found in chapters.items() if len(found) > 1)


def test_hint_and_solution_mean_the_chapter_last_checked_and_say_so(companion, here):
    name, result = same_name()
    for chapter in (result[-1], result[0]):
        (here / f"{chapter}.py").write_text("x = 1\n")
        companion("check", f"{chapter}.py", "--exercises", chapter)
        asked = next(one for one in exercises_named(chapter) if one.name == name)
        _, out, _ = companion("hint", name)
        assert f"{chapter} · {name}" in out
        assert asked.hints[0] in " ".join(out.split())
        _, out, _ = companion("solution", name, "--json")
        assert json.loads(out)["solution"] == asked.solution
        assert progress.load_progress()[f"{chapter}/{name}"].solution


def test_a_name_of_several_chapters_is_asked_about_before_any_check(companion):
    name, result = same_name()
    code, _, err = companion("hint", name)
    assert code == 2
    assert all(chapter in err for chapter in result)
    assert f"--exercises {result[0]}" in err
    _, out, _ = companion("hint", name, "--exercises", result[-1])
    assert f"{result[-1]} · {name}" in out


def test_after_a_check_of_a_file_of_ones_own_its_exercises_are_meant(companion, here, arithmetic):
    (here / "a.py").write_text(RIGHT.replace("x + x", "x"))
    own = here / "own.py"
    own.write_text(Path(arithmetic).read_text())
    companion("check", "a.py", "--exercises", "own.py")
    code, out, _ = companion("hint", "double")
    assert code == 0
    assert "How often do you need" in out
    own.unlink()
    _loaded.cache_clear()
    assert companion("solution", "convolve")[0] == 0, "an exercise of the book is still found"


@pytest.mark.parametrize("width", [40, 80])
def test_a_solution_is_printed_whole_whatever_the_width(companion, monkeypatch, width):
    monkeypatch.setattr("companion.console.out.width", width)
    for one in exercises_named("memory")[:6]:
        _, out, _ = companion("solution", one.name, "--exercises", "memory")
        assert one.solution.rstrip() in out


def test_the_last_pass_of_a_chapter_is_an_occasion_and_comes_once(companion, here):
    (here / "conv.py").write_text(
        "import numpy as np\nfrom numpy.lib.stride_tricks import sliding_window_view\n"
    )
    names = [one.name for one in exercises_named("convolution")]
    progress.remember([(f"convolution/{name}", progress.PASSED) for name in names[1:]])
    with (here / "conv.py").open("a") as file:
        file.write(exercises_named("convolution")[0].solution)
    call = ("check", "conv.py", "--exercises", "convolution", "--only", names[0])
    code, out, _ = companion(*call)
    assert code == 0
    assert f"All {len(names)} exercises of convolution are right" in out
    assert "companion start convnets" in out
    assert f"Another way to write {names[0]}" in out
    assert "return (size + 2 * padding - kernel) // stride + 1" in out
    _, out, _ = companion(*call)
    assert "are right" not in out


def test_after_a_first_pass_the_reference_is_offered_as_another_way(companion, here, arithmetic):
    (here / "a.py").write_text(RIGHT.replace("np.sum", "np.max"))
    call = ("check", "a.py", "--exercises", arithmetic)
    _, out, _ = companion(*call)
    assert "Another way to write it: companion solution double" in out
    assert "Another way" not in companion(*call)[1]
    _, out, _ = companion("solution", "double")
    assert "another way to write it" in out
    assert "solution seen" not in out


def test_a_solution_that_was_seen_stands_in_the_tables(companion, here, arithmetic):
    name, result = "convolve", "convolution"
    companion("solution", name)
    _, out, _ = companion("chapters", "--json")
    row = next(row for row in json.loads(out)["chapters"] if row["name"] == result)
    assert row["solutions_seen"] == [name]
    companion("solution", "double", "--exercises", arithmetic)
    (here / "a.py").write_text(RIGHT)
    _, out, _ = companion("check", "a.py", "--exercises", arithmetic)
    assert re.search(r"double\s+\(solution seen\)", out)
    assert not re.search(r"total\s+\(solution seen\)", out)


def test_watch_shows_what_is_next_and_takes_keys(here, arithmetic):
    (here / "a.py").write_text(RIGHT.replace("x + x", "x * x").replace("np.sum", "np.mean"))
    main_end, other_end = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    process = subprocess.Popen(
        [COMPANION, "check", "a.py", "--watch", "--exercises", arithmetic],
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        env=environment,
        start_new_session=True,
    )
    os.close(other_end)

    def until(words, seconds=60):
        text = ""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([main_end], [], [], 0.2)[0]:
                text += os.read(main_end, 65536).decode(errors="replace")
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
            if words in plain:
                return plain
        raise AssertionError(f"{words!r} was never shown: {plain}")

    try:
        first = until("Keys: h hint")
        assert "You squared it" in first
        assert "You took the mean" not in first, "the rest is collapsed"
        assert re.search(r"fail\s+total", first)
        os.write(main_end, b"h")
        until("How often do you need")
        os.write(main_end, b"n")
        until("You took the mean")
        os.write(main_end, b"s")
        until("return float(np.sum(xs))")
        (here / "a.py").write_text(RIGHT)
        until("All 2 exercises of arithmetic are right")
        os.write(main_end, b"q")
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(main_end)
