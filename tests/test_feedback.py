"""What the class did not know, what goes back to a learner, and marks given by hand."""

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from companion.checking.authoring.fingerprint import fingerprint
from companion.checking.classroom import feedback, grading, marks, reports
from companion.checking.classroom.discovery import exercises_named
from companion.checking.judging.judge import Judge
from companion.checking.verdict import Report, Status, Verdict
from companion.cli import main
from companion.errors import UserError

HEAD = "import numpy as np\n"
ANSWERS = {
    "ada": "def double(x):\n    return 2 * x\n",
    "bob": "def double(x):\n    return x * x\n",
    "cyd": "def double(x):\n    # by three\n    return 3 * x\n",
    "dan": "def double(x):\n    return x + x + x\n",
    "eve": "def double(x):\n    return np.float32(3) * np.asarray(x, np.float32)\n",
    "fay": "def double(x):\n    return 4 * x\n",
    "gus": "def double(x):\n    raise ValueError('no idea')\n",
    "hal": "def double(x):\n    raise ValueError('me neither')\n",
    "ivy": "def double(:\n",
    "jim": "x = 1\n",
}


@pytest.fixture
def school(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "state.jsonl"))
    monkeypatch.setattr("companion.console.out.width", 200)
    folder = tmp_path / "class"
    folder.mkdir()
    for learner, source in ANSWERS.items():
        (folder / f"{learner}.py").write_text(HEAD + source)
    return folder


@pytest.fixture
def companion(monkeypatch, capfd):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["companion", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        output = capfd.readouterr()
        return end.value.code, output.out, output.err

    return call


# -- fingerprints -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (np.arange(6.0), np.arange(6.0, dtype="float32"), True),
        (np.arange(6.0), list(range(6)), True),
        (np.arange(6.0), np.arange(6.0)[::-1], False),
        (np.arange(6.0), np.arange(6.0).reshape(2, 3), False),
        (np.arange(6.0), -np.arange(6.0), False),
        ((1, np.ones(2)), (2, np.ones(2)), False),
        ({"a": 1}, {"b": 1}, False),
        (np.array([np.nan, 1]), np.array([1, np.nan]), False),
        (None, "None", False),
        (1e300, 2e300, False),
    ],
)
def test_answers_that_compute_the_same_have_one_fingerprint(one, other, same):
    assert (fingerprint([one]) == fingerprint([other])) is same


def test_rounding_does_not_split_a_mistake():
    rng = np.random.default_rng(0)
    split = 0
    for _ in range(300):
        values = rng.normal(size=(4, 5))
        split += fingerprint([values]) != fingerprint([values.astype(np.float32)])
    assert split <= 3


def test_a_huge_result_has_a_fingerprint_at_once():
    assert len(fingerprint([np.zeros((4,) * 11, np.float16), "x" * 10**6, [[1]] * 10**5])) == 16


# -- what the class did not know --------------------------------------------------------------


def test_wrong_answers_without_a_name_are_grouped_by_what_they_compute(
    companion, school, arithmetic
):
    call = ("grade", school, "--output", "g.json", "--exercises", arithmetic, "--workers", 2)
    code, out, _ = companion(*call)
    assert code == 0
    assert "3 learners share one mistake in `double` that has no name yet" in out
    assert "2 learners share one mistake in `double` that has no name yet" in out
    assert "return 3 * x" in out, "one of the answers is quoted"
    assert re.search(r"double\s+1\s+10\b.*\b1 of 7\b", out), "1 of 7 wrong answers is named"
    for told in (companion(*call, "--json")[1], (school.parent / "g.json").read_text()):
        row = json.loads(told)["exercises"][0]
        assert (row["wrong"], row["named"]) == (7, 1)
        groups = {tuple(group["learners"]): group for group in row["unnamed"]}
        assert list(groups) == [("cyd", "dan", "eve"), ("gus", "hal"), ("fay",)]
        first = groups["cyd", "dan", "eve"]
        assert first["answer"] == "def double(x):\n    # by three\n    return 3 * x"
        assert "expected 6" in first["message"]


def test_a_named_mistake_and_an_answer_that_never_ran_are_in_no_group(school, arithmetic):
    (asked, _) = exercises_named(arithmetic)
    with Judge() as judge:
        for learner, group in [("bob", False), ("ivy", False), ("jim", False), ("fay", True)]:
            source = (school / f"{learner}.py").read_bytes()
            (verdict,) = judge.check(source, [asked]).verdicts
            assert bool(verdict.computed) is group, learner


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (b"def f(x): return 1\ndef g(x): return 2\n", "def f(x): return 1"),
        (b"def fx(x): return 1\n", ""),
        (
            b"def f(\n    x,\n):\n    return 1\n\n\nclass A: pass",
            "def f(\n    x,\n):\n    return 1",
        ),
        (b"def f(x):\r\n    return '\x1b[31m\xff'\r\n", "def f(x):\n    return '\ufffd[31m\ufffd'"),
        (b"", ""),
    ],
)
def test_an_answer_is_quoted_by_its_lines(source, answer):
    assert reports.answer_in(source, "f") == answer


def test_a_quoted_answer_is_cut():
    source = b"def f(x):\n" + b"    y = " + b"1 + " * 10**5 + b"1\n" + b"    y += 1\n" * 10**5
    lines = reports.answer_in(source, "f").splitlines()
    assert len(lines) == 31
    assert max(map(len, lines)) == 100


# -- pages for learners -----------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        self.attributes += [name for name, _ in attributes]


EVIL = "</pre></title><script>alert(1)</script><img src=x onerror=alert(1)>'\" {0} \x1b[31m\u202e"


def test_a_page_is_safe_whatever_was_handed_in():
    verdict = Verdict("double", "week5", Status.FAIL, EVIL, EVIL, remark=EVIL)
    report = reports.cleaned(Report(EVIL, EVIL, (verdict,), EVIL, 0, notes=(EVIL,)))
    text = feedback.page(report, {"double": "<script>"})
    tags = Tags(text)
    assert {"script", "img", "a", "iframe", "link"}.isdisjoint(tags.found)
    assert not [name for name in tags.attributes if name.startswith("on") or name == "href"]
    assert "default-src 'none'" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("&lt;script&gt;") >= 5


def test_grade_writes_a_page_for_each_learner(companion, school, arithmetic):
    call = ("grade", school, "--output", "pages", "--format", "html", "--exercises", arithmetic)
    assert companion(*call, "--workers", 2)[0] == 0
    folder = school.parent / "pages"
    assert {file.stem for file in folder.iterdir()} == set(ANSWERS)
    bob = (folder / "bob.html").read_text()
    assert "You squared it: twice is x + x." in bob
    assert "received = 9" in bob
    assert "0 of 1 points" in bob
    assert "1 of 3 points" in (folder / "ada.html").read_text()


def test_a_page_says_what_to_read(companion, school):
    (school / "ada.py").write_text(HEAD + "def output_size(a, b, c, d): return a\n")
    for file in school.iterdir():
        if file.stem != "ada":
            file.unlink()
    call = ("grade", school, "--output", "p", "--format", "html", "--exercises", "convolution")
    assert companion(*call)[0] == 0
    page = (school.parent / "p" / "ada.html").read_text()
    assert re.search(r"Read: chapter Convolution.*, section .+\(chapters/convolution/.*\.md", page)


def test_learners_whose_names_differ_in_case_alone_have_a_page_each(tmp_path):
    verdict = Verdict("double", "week5", Status.PASS, "Right.")
    result = [Report(name, name, (verdict,), "none", 0) for name in ("Ada", "ada", "weiß", "WEISS")]
    for format in (reports.Format.HTML, reports.Format.GRADESCOPE):
        reports.write_class(tmp_path / format, result, format)
        assert len({path.name.casefold() for path in (tmp_path / format).iterdir()}) == 4


def test_a_name_that_no_file_may_bear_stays_in_the_folder_and_apart(tmp_path):
    verdict = Verdict("double", "week5", Status.PASS, "Right.")
    names = ("../Ada", "a/b", "a_b", "a:b", "CON", "nul.x", ".hidden", "a" * 400 + "/")
    result = [Report(name, name, (verdict,), "none", 0) for name in names]
    reports.write_class(tmp_path / "pages", result, reports.Format.HTML)
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]
    written = [path.name for path in (tmp_path / "pages").iterdir()]
    assert len({name.casefold() for name in written}) == len(names)
    assert not [name for name in written if re.match(r"\.|CON|nul", name) or ":" in name]


# -- a private seed ---------------------------------------------------------------------------

PRIVATE = """
import numpy as np
from companion.checking import exercise

@exercise()
def line(xs):
    \"\"\"Return 2x + 1 for each of `xs`, shape (4,).\"\"\"
    return 2 * xs + 1

@line.cases
def _(rng):
    yield rng.normal(size=4)
    yield rng.normal(size=4)

line.mistakes("You left the 1 out.", lambda xs: 2 * xs)
"""
WRONG = {  # each is told in a way of its own
    "named": "2 * xs",
    "unnamed": "xs**3 + 7",
    "unnamed, too": "7 + xs * xs * xs",
    "observed": "-2 * xs - 1",
    "misshapen": "(2 * xs + 1)[None]",
    "nothing": "None",
    "a text": "'none'",
    "too many": "xs, xs",
    "not finite": "xs / 0",
    "in float32": "np.float32(1) * (2 * xs + 1).astype('f') ** 1.0001",
}


@pytest.mark.parametrize("seed", [0, 5])
def test_at_a_private_seed_neither_groups_nor_pages_nor_tables_show_what_was_expected(
    companion, school, seed
):
    for file in school.iterdir():
        file.unlink()
    for learner, value in WRONG.items():
        (school / f"{learner}.py").write_text(f"{HEAD}def line(xs):\n    return {value}\n")
    own = school.parent / "private.py"
    own.write_text(PRIVATE)
    folder, texts = school.parent / "graded", {}
    for format in reports.Format:
        output = folder / format.value
        call = ("grade", school, "--output", output, "--format", format, "--exercises", own)
        code, out, err = companion(*call, "--seed", seed)
        assert code == 0, err
        texts["terminal"] = out
        for file in sorted(output.iterdir()) if output.is_dir() else [output]:
            texts[f"{format}: {file.stem}"] = file.read_text()
    groups = json.loads(texts["json: json"])["exercises"][0]["unnamed"]
    assert ["unnamed", "unnamed, too"] in [group["learners"] for group in groups]
    assert all("received" in texts[f"html: {learner}"] for learner in WRONG)
    cases = exercises_named(str(own))[0].answer_key(seed).cases
    values = {f"{value:.4f}" for case in cases for value in case.expected}
    told = {
        name
        for name, text in texts.items()
        if "expected" in text or (name == "html: unnamed" and any(one in text for one in values))
    }
    open_to_all = {"terminal", "csv: csv", "json: json", "junit: junit"}
    assert told == (set() if seed else open_to_all | {f"html: {learner}" for learner in WRONG})


# -- marks ------------------------------------------------------------------------------------


def test_marks_are_merged_and_no_answer_is_run_again(companion, school, arithmetic, monkeypatch):
    call = ("grade", school, "--output", "g.csv", "--exercises", arithmetic, "--workers", 1)
    assert companion(*call)[0] == 0

    def never(*arguments):
        raise AssertionError("an answer is run again")

    monkeypatch.setattr(grading, "ProcessPoolExecutor", never)
    (school.parent / "marks.csv").write_text(
        "learner,exercise,points,remark\n"
        "*,double,4,\n"
        "bob,double,1.5,Nearly: read it again.\n"
        "cyd,double,,Talk to me.\n"
    )
    code, _, err = companion(*call, "--marks", "marks.csv")
    assert code == 0, err
    rows = {line.split(",")[0]: line for line in (school.parent / "g.csv").read_text().splitlines()}
    assert rows["ada"].startswith("ada,4.0,6.0,4.0,")
    assert rows["bob"].startswith("bob,1.5,6.0,1.5,")
    assert "Nearly: read it again." in rows["bob"]
    assert rows["cyd"].startswith("cyd,0.0,6.0,0.0,")
    assert "Talk to me." in rows["cyd"]
    call = ("grade", school, "--output", "g.csv", "--format", "csv", "--exercises", arithmetic)
    assert companion(*call)[0] == 0
    assert "\nada,1.0,3," in (school.parent / "g.csv").read_text(), "the marks are not kept"


def test_other_points_in_the_exercises_run_no_answer_again(
    companion, school, arithmetic, monkeypatch
):
    own = school.parent / "week5.py"
    own.write_text(Path(arithmetic).read_text())
    call = ("grade", school, "--output", "g.csv", "--exercises", own, "--workers", 1)
    assert companion(*call)[0] == 0
    before = grading._digest(str(own))
    own.write_text(own.read_text().replace("points=2", "points=5"))
    assert grading._digest(str(own)) == before
    own.write_text(own.read_text().replace("return 2 * x", "return 2.0 * x"))
    assert grading._digest(str(own)) != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with the line learner,exercise,points,remark"),
        ("name,points\n", "begins with the line"),
        ("learner,exercise,points\nada,double,many\n", "line 2: points are a number"),
        ("learner,exercise,points\nada,double,-1\n", "Received: -1"),
        ("learner,exercise,points\nada,double,nan\n", "points are a number"),
        ("learner,exercise,points\nnobody,double,1\n", "no such learner"),
        ("learner,exercise,points\nada,dubble,1\n", "no such exercise"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_marks_that_cannot_be_understood_are_refused(companion, school, arithmetic, text, message):
    for file in school.iterdir():
        if file.stem not in ("ada", "bob"):
            file.unlink()
    (school.parent / "m.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    call = ("grade", school, "--output", "g.csv", "--exercises", arithmetic, "--marks", "m.csv")
    code, _, err = companion(*call)
    assert code == 2
    assert message in err


def test_a_learners_own_mark_counts_more_than_everybodys():
    verdict = Verdict("double", "week5", Status.PASS, "Right.", points=1.0)
    report = Report("ada", "ada.py", (verdict,), "none", 0)
    rows = [marks.Mark("ada", "double", 0.5, ""), marks.Mark("*", "double", 2.0, "All: well done.")]
    (result,) = marks.marked([report], rows)
    assert (result.score, result.max_score) == (0.5, 2.0)
    assert result.verdicts[0].remark == "All: well done."
    assert marks.marked([report], []) == [report]
    with pytest.raises(UserError, match="no such learner"):
        marks.marked([report], [marks.Mark("eve", "double", 1.0, "")])


# -- cells and texts --------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [";", ",", "|", "\t", ""])
@pytest.mark.parametrize("sign", "=+-@")
def test_no_separator_makes_a_formula_of_a_name(separator, sign):
    verdict = Verdict("double", "week5", Status.FAIL, f"semi{separator}{sign}1+1{separator}")
    name = f"semi{separator}{sign}1" if separator else f"{sign}1"
    text = reports.to_csv([Report(name, "a.py", (verdict,), "none", 0)])
    for cell in re.split(r'[;,|\t\n"]', text):
        assert not cell.startswith(("=", "+", "-", "@")), cell


def test_every_text_of_a_learner_is_cut_and_a_name_is_one_line():
    verdict = Verdict("double", "week5", Status.FAIL, "m" * 10**6, "d" * 10**6)
    report = Report(
        "n\n\u202e" + "x" * 10**6, "p" * 10**6, (verdict,), "none", 0, notes=("t" * 10**6,)
    )
    result = reports.cleaned(report)
    assert "\n" not in result.learner
    assert "\u202e" not in result.learner
    assert len(json.dumps(replace(result, seed=0).to_json())) < 12_000
