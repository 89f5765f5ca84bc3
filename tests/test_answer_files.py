"""Answers as a file: it comes apart into exercises and is made of them again."""

import ast
from pathlib import Path

import pytest

from companion.checking.judging import answer_files
from companion.errors import UserError

ROOT = Path(__file__).parents[1]

FILE = '''"""A learner's file."""
import numpy as np
from math import (  # names
    pi,
)

# of everything
SCALE = 3; OTHER = 4
np.seterr(all="ignore")


def helper(x):
    return x * SCALE  # three times


@np.vectorize
def one(x):
    """Return `x`

    thrice."""
    return helper(x)


def two(x):
    """Not yet."""
    raise NotImplementedError


def three(x): return one(x) + pi


if __name__ == "__main__":
    print(one(1))
# the end
'''


def results(source, *calls):
    space = {}
    exec(source, space)
    return [float(eval(call, space)) for call in calls]


def test_each_exercise_gets_what_it_stands_on_and_runs_alone():
    answers = answer_files.split(FILE, ["one", "two", "three", "four"])
    assert list(answers) == ["one", "three"]
    assert results(answers["one"], "one(2)") == [6]
    assert results(answers["three"], "three(2)") == pytest.approx([9.14159265])
    assert "pi" not in answers["one"]
    assert "def three" not in answers["one"]
    assert "# of everything" in answers["one"]


def test_a_file_made_of_answers_holds_everything_once_and_comes_apart_again():
    answers = answer_files.split(FILE, ["one", "three"])
    text, notes = answer_files.join("algebra", answers)
    assert notes == []
    assert [
        text.count(part) for part in ("import numpy", "def helper", "def one", "SCALE = 3")
    ] == [*[1] * 4]
    assert results(text, "one(2)", "three(2)") == pytest.approx([6, 9.14159265])
    assert answer_files.split(text, ["one", "three"]) == answers
    assert answer_files.join("algebra", answer_files.split(text, ["one", "three"])) == (text, [])


def test_what_is_written_in_two_ways_is_said():
    text, notes = answer_files.join(
        "algebra",
        {
            "one": "def helper(): return 1\n\ndef one(): return helper()\n",
            "two": "def helper(): return 2\n\ndef one(): return 5\n\ndef two(): return helper()\n",
        },
    )
    assert notes == [
        "helper is written in two ways, for one and for two: the file has the one for two.",
        "one is written in two ways, for one and for two: the file has the one for one.",
    ]
    assert results(text, "one()", "two()") == [2, 2]


def test_an_answer_that_is_no_python_spoils_no_other():
    text, notes = answer_files.join("algebra", {"one": "def one(:\n  x\n", "two": "two = abs\n"})
    assert notes == ["one cannot be read as Python: it is a comment in the file."]
    assert results(text, "two(-3)") == [3]
    assert "# def one(:\n#   x" in text


@pytest.mark.parametrize("source", ["def one(:\n", "x = '\0'\n", "\tx\n y"])
def test_a_file_that_is_no_python_is_refused(source):
    with pytest.raises(UserError, match="cannot be read as Python"):
        answer_files.split(source, ["one"])


def test_no_part_of_a_file_is_lost():
    """Of all that this project has written in Python."""
    for file in (
        one for name in ("companion", "chapters", "tests") for one in ROOT.rglob(f"{name}/**/*.py")
    ):
        source = file.read_text(encoding="utf-8")
        parts = answer_files.parts(source)
        again = "\n\n".join(part.text for part in parts)
        assert ast.dump(ast.parse(again)) == ast.dump(ast.parse(source)), file
        assert not parts or again.split() == source.split(), file
