"""How a file is split into its answers, and joined again."""

import pytest

from companion.checking.judging import answer_files
from companion.errors import UserError


def results(source, *calls):
    space = {}
    exec(source, space)
    return [eval(call, space) for call in calls]


def test_an_answer_takes_along_every_statement_of_a_line_that_it_stands_on_and_no_other():
    source = (
        "a = 1; b = (\n    2\n); c = 3; d = 4\n\n\ndef zero(): return 0\n\n\n"
        "def one(): return c + d\n\n\nx = 5; y = 6\n"
    )
    apart = answer_files.split(source, ["zero", "one"])
    assert results(apart["one"], "one()") == [7]
    assert apart["zero"] == "def zero(): return 0\n"


def test_what_may_do_anything_comes_along_but_for_what_runs_a_file():
    source = (
        "print; x = 5; y = 6\n\n\ndef one(): return x + y\n\n\nif __name__ == '__main__':\n  1\n"
    )
    answer = answer_files.split(source, ["one"])["one"]
    assert results(answer, "one()") == [11]
    assert "__main__" not in answer


@pytest.mark.parametrize("first", ["return 1", "'''Later.'''\n    raise NotImplementedError"])
def test_of_two_functions_of_one_name_the_last_counts(first):
    source = f"def one():\n    {first}\n\n\ndef one(): return 2\n"
    assert results(answer_files.split(source, ["one"])["one"], "one()") == [2]


def test_exercises_that_are_not_written_yet_hide_none_behind_them():
    stub = '"""Later."""\n    raise NotImplementedError\n'
    source = f"def one():\n    {stub}\n\ndef three(): return 3\n"
    assert list(answer_files.split(source, ["one", "two", "three"])) == ["three"]


@pytest.mark.parametrize(
    ("source", "words"),
    [("x = 1\ndef one(:\n", "Python in line 2:"), ("x = '\ud800'\n", "Python:")],
)
def test_a_file_that_is_no_python_is_refused_with_its_line(source, words):
    with pytest.raises(UserError, match=f"The file cannot be read as {words}"):
        answer_files.split(source, ["one"])
    text, notes = answer_files.join("algebra", {"one": source, "two": "def two(): return 2\n"})
    assert notes == ["one cannot be read as Python: it is a comment in the file."]
    assert "\n\ndef two(): return 2\n" in text


def test_the_joined_file_has_each_function_once_and_every_statement_as_often_as_written():
    text, notes = answer_files.join(
        "algebra",
        {
            "one": '"""Mine."""\nn = 0\nn += 1\nn += 1\ndef aid(): return 1\ndef one(): return n\n',
            "two": '"""Also mine."""\ndef aid(): return 2\ndef two(): return aid()\n',
        },
    )
    assert results(text, "one()", "two()") == [2, 2]
    assert (text.count("def aid"), text.count('"""'), len(notes)) == (1, 2, 1)
