"""Exercises answered in the page: the terminal's verdicts, from Python in the browser."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from browsing import Server, barriers, needs_browser, visit

from companion import catalogue, pyodide
from companion.checking.authoring.exercise import Exercise, exercises_in
from companion.checking.classroom import progress
from companion.checking.judging import answer_files
from companion.checking.judging.judge import Judge
from companion.checking.judging.page import checked
from companion.checking.verdict import Status
from companion.cli.site import lay_out
from companion.errors import UserError

ROOT = Path(__file__).parents[1]
CHAPTERS = [entry.name for entry in catalogue.discover() if entry.exercise_names()]


def exercises(chapter):
    """The exercises of a chapter that need no Keras."""
    module = catalogue.find_chapter(chapter).module("exercises")
    return [one for one in exercises_in(module) if not one.builds_model]


def differing(verdict):
    """What two verdicts on the same answer must have in common."""
    return {name: value for name, value in verdict.items() if name != "seconds"}


# ---- what a release of Pyodide is, and what the site takes of it ---------------------------------


def release(folder, **changes):
    """Write a small release: a core that names its version, and two packages with their sums."""
    files = {
        "pyodide.mjs": 'var C="0.99.1";',
        "pyodide.asm.mjs": "",
        "pyodide.asm.wasm": "",
        "python_stdlib.zip": "",
        "numpy.whl": "arrays",
        "blas.zip": "products",
    }
    packages = {
        name: {
            "file_name": file,
            "sha256": hashlib.sha256(files[file].encode()).hexdigest(),
            "depends": depends,
        }
        for name, file, depends in [("numpy", "numpy.whl", ["blas"]), ("blas", "blas.zip", [])]
    }
    lock = {"info": {"version": "0.99.1", "abi_version": "2099_0"}, "packages": packages}
    lock["packages"]["pandas"] = {"file_name": "none.whl", "sha256": "", "depends": []}
    folder.mkdir()
    for name, content in {**files, "pyodide-lock.json": json.dumps(lock), **changes}.items():
        if content is not None:
            (folder / name).write_text(content)
    return folder


def test_the_site_takes_the_core_numpy_and_what_that_depends_on(tmp_path):
    size = pyodide.take(release(tmp_path / "release"), tmp_path / "python")
    taken = {file.name for file in (tmp_path / "python").iterdir()}
    assert taken == {
        *("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip"),
        *("numpy.whl", "blas.zip", "pyodide-lock.json", "book.zip", "files.json"),
    }
    plan = json.loads((tmp_path / "python" / "files.json").read_text())
    assert plan["packages"] == ["numpy"]
    rest = size - (tmp_path / "python" / "book.zip").stat().st_size
    assert plan["bytes"] == size
    assert 0 < rest < 2000
    assert "pandas" not in (tmp_path / "python" / "pyodide-lock.json").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"numpy.whl": "forged"}, "numpy.whl is not the file that pyodide-lock.json names"),
        ({"blas.zip": "forged"}, "blas.zip is not the file"),
        ({"numpy.whl": None}, "lacks numpy.whl: take the full release"),
        ({"pyodide.asm.wasm": None}, "has no pyodide.asm.wasm"),
        ({"pyodide.asm.mjs": None}, "has no pyodide.asm.*js"),
        ({"pyodide.mjs": 'var C="0.99.2";'}, "mixes releases"),
        ({"pyodide-lock.json": None}, "COMPANION_PYODIDE names the folder of an unpacked Pyodide"),
        ({"pyodide-lock.json": "{}"}, "COMPANION_PYODIDE names"),
        ({"pyodide-lock.json": "<html>"}, "COMPANION_PYODIDE names"),
    ],
)
def test_a_release_that_is_not_whole_is_refused_before_the_site_is_built(tmp_path, change, message):
    with pytest.raises(UserError, match=re.escape(message)):
        pyodide.take(release(tmp_path / "release", **change), tmp_path / "python")


def test_a_release_whose_lock_gives_no_version_is_known_by_its_abi(tmp_path):
    """So are Pyodide's own from 0.29 on."""
    lock = json.loads((release(tmp_path / "old") / "pyodide-lock.json").read_text())
    del lock["info"]["version"]
    new = {"pyodide-lock.json": json.dumps(lock), "pyodide.asm.mjs": "abi_version: 2099_0"}
    assert pyodide.take(release(tmp_path / "new", **new), tmp_path / "python")
    new["pyodide.asm.mjs"] = "abi_version: 2098_0"
    with pytest.raises(UserError, match="mixes releases"):
        pyodide.take(release(tmp_path / "mixed", **new), tmp_path / "python")


def test_the_book_for_the_page_is_the_same_from_the_same_source_and_needs_no_keras(tmp_path):
    for name in ("a", "b"):
        pyodide.take(release(tmp_path / name), tmp_path / f"{name}-python")
    first, second = (tmp_path / f"{name}-python" / "book.zip" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        roots = {name.partition("/")[0] for name in archive.namelist()}
        assert {f"chapters/{name}/exercises.py" for name in CHAPTERS} <= {*archive.namelist()}
    assert roots == {"companion", "chapters", "lazy_loader"}


def test_the_pages_load_the_editors_script_only_where_the_site_has_python(tmp_path):
    with_python = lay_out(tmp_path / "a", str(release(tmp_path / "release")))
    without = lay_out(tmp_path / "b")
    scripts = [json.loads(one.read_text())["extra_javascript"] for one in (with_python, without)]
    assert scripts == [
        ["assets/book.js", "assets/progress.js", "assets/exercises.js"],
        ["assets/book.js"],
    ]
    assert (tmp_path / "a" / "chapters" / "assets" / "python" / "book.zip").is_file()
    assert not (tmp_path / "b" / "chapters" / "assets" / "python").exists()


def test_the_judge_is_imported_where_there_are_no_processes():
    """A browser's Python has none of these modules, or they do nothing there."""
    missing = ("fcntl", "resource", "termios", "_posixsubprocess", "subprocess", "multiprocessing")
    trial = (
        f"import sys; sys.modules.update(dict.fromkeys({missing}))\n"
        "from companion.checking.judging.page import checked\n"
        "print(checked('convolution.output_size', 'x = 1'))"
    )
    done = subprocess.run([sys.executable, "-c", trial], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdicts"][0]["status"] == "not_attempted"


# ---- the same verdict without a process ----------------------------------------------------------

ANSWERS = {
    "right": "def output_size(size, kernel, padding, stride):\n"
    "    return (size + 2 * padding - kernel) // stride + 1\n",
    "a named mistake, with what it printed": "def output_size(size, kernel, padding, stride):\n"
    "    print('size', size)\n    return (size + padding - kernel) // stride + 1\n",
    "a name close to it": "def outputsize(*given):\n    return output_size\n",
    "nothing written": "def output_size(size, kernel, padding, stride):\n"
    "    raise NotImplementedError\n",
    "no Python": "def output_size(size, kernel:\n",
    "an error": "def output_size(size, *rest):\n    return size / 0\n",
    "an exit": "import sys\n\n\ndef output_size(*given):\n    sys.exit(3)\n",
    "the book's own code": "from chapters.convolution import output_size\n",
    "the book's judge": "import companion.checking\n\n\ndef output_size(*given):\n    return 1\n",
    "settings of NumPy": "import numpy as np\n\nnp.seterr(all='raise')\n"
    "np.set_printoptions(precision=1)\n\n\ndef output_size(*given):\n    return 0.123456789\n",
    "something huge": "import numpy as np\n\n\ndef output_size(*given):\n"
    "    return np.zeros(9_000_000)\n",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_gets_the_verdict_of_the_terminal_without_a_process(kind):
    asked = catalogue.find_chapter("convolution").module("exercises").output_size
    with Judge() as judge:
        report = judge.check(ANSWERS[kind].encode(), [asked], path="convolution.py")
    here = json.loads(checked("convolution.output_size", ANSWERS[kind]))
    assert {**here, "isolation": "", "seconds": 0, "verdicts": []} == {
        **report.to_json(), "isolation": "", "seconds": 0, "verdicts": [], "notes": []
    }  # fmt: skip
    there = json.loads(json.dumps(report.to_json()))["verdicts"]
    assert [*map(differing, here["verdicts"])] == [*map(differing, there)]


def test_what_is_said_of_an_endless_answer_is_known_before_it_runs():
    told = []
    source = ANSWERS["right"]
    checked("convolution.output_size", source, 0, lambda *said: told.append(said))
    limits, reports = zip(*told, strict=True)
    assert len(told) == 11, "the file, then ten cases"
    assert all(0 < limit <= 10 for limit in limits)
    first, second = (json.loads(one)["verdicts"][0] for one in reports[:2])
    assert first["status"] == second["status"] == "timeout"
    assert "while your file was imported" in first["message"]
    assert "is there a loop without end?" in second["message"]


def test_the_book_is_there_again_after_an_answer_that_must_not_see_it():
    before = {name: one for name, one in sys.modules.items() if name.startswith("companion")}
    checked("convolution.output_size", ANSWERS["the book's own code"])
    after = {name: one for name, one in sys.modules.items() if name.startswith("companion")}
    assert before == after


def test_cases_count_with_the_integers_of_the_machine(monkeypatch):
    """NumPy in a browser has 32 bits, and its `bincount` takes no more."""
    asked = catalogue.find_chapter("practice").module("exercises").class_weights
    monkeypatch.setattr(np, "intp", np.int32)
    assert {case[0].dtype for case in asked.draw(0)} == {np.dtype(np.int32)}
    large = Exercise(asked.reference, points=1, rtol=0, atol=0)
    large.cases(lambda rng: [np.array([1 << 40])])
    assert large.draw(0)[0][0] == 1 << 40


# ---- answers as a file ---------------------------------------------------------------------------

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


# ---- in the browser ------------------------------------------------------------------------------

in_the_page = [
    pytest.mark.slow,
    pytest.mark.site,
    pytest.mark.skipif(
        "COMPANION_PYODIDE" not in os.environ,
        reason="no Pyodide here: COMPANION_PYODIDE names an unpacked release (.ci/pyodide DIR)",
    ),
    needs_browser,
]


def browser(test):
    """Mark a test that needs a browser and Python in the pages."""
    for mark in in_the_page:
        test = mark(test)
    return test


# The browser's Python, asked as the page asks it: a list of verdicts, and the seconds of each.
ASK = """async ([worker, answers]) => {
  window.python ??= new Worker(worker, { type: "module" });
  const ask = (given) => new Promise((resolve) => {
    python.onmessage = ({ data }) => ("answer" in data || "failed" in data) && resolve(data);
    python.postMessage({ call: "checked", given });
  });
  const told = [];
  for (const given of answers) {
    const began = performance.now();
    const { answer, failed } = await ask(given);
    told.push([answer?.verdicts[0] ?? failed, performance.now() - began]);
  }
  return told;
}"""

# With this, a chapter's exercises are answers that need no book: references, and lists of the wrong
# answers that are known.
PLAIN = """
class Asked:
    def __init__(self, reference):
        self.reference, self.listed = reference, []

    def __call__(self, *given, **named):
        return self.reference(*given, **named)

    def mistakes(self, *rows):
        self.listed += rows[1::2]

    def mistake(self, sentence):
        return lambda wrong: self.listed.append(wrong) or wrong

    def cases(self, function):
        return function

    why = cases

    def hints(self, *sentences):
        pass


def exercise(*_, **__):
    return Asked


gradient_exercise = model_exercise = exercise
"""


def plain(chapter):
    """A file that has a chapter's exercises in `asked`, and imports nothing of the book."""
    folder = ROOT / "chapters" / chapter
    source = (folder / "exercises.py").read_text(encoding="utf-8")
    source = re.sub(r"^( +(?:from|import)) keras", r"\1 no_keras", source, flags=re.MULTILINE)
    for module in re.findall(rf"^from chapters\.{chapter}\.(\w+) import", source, re.MULTILINE):
        source = (folder / f"{module}.py").read_text(encoding="utf-8") + source
    source = re.sub(r"^from (companion|chapters)\b.*\n", "", source, flags=re.MULTILINE)
    return f"asked = {{'__name__': 'asked'}}\nexec({PLAIN + source!r}, asked)\n"


def answers_of(chapter):
    """Files of answers to a chapter, each with what is expected of its exercises.

    The references, the stubs, then the first known mistake of every exercise, the second of every
    exercise, and so on.
    """
    asked, source = exercises(chapter), plain(chapter)
    right = "".join(f"{one.name} = asked[{one.name!r}]\n" for one in asked)
    yield source + right, {one: (Status.PASS, None) for one in asked}
    stubs = "import numpy as np\n\n\n" + "\n\n".join(one.stub for one in asked)
    yield stubs, {one: (Status.NOT_ATTEMPTED, None) for one in asked}
    for number in range(max(len(one.mistakes) for one in asked)):
        wrong = [one for one in asked if len(one.mistakes) > number]
        names = "".join(f"{one.name} = asked[{one.name!r}].listed[{number}]\n" for one in wrong)
        yield source + names, {one: (Status.FAIL, one.mistakes[number].sentence) for one in wrong}


@pytest.fixture(scope="module")
def python_page(address, chromium):
    """A page of the site, to ask the browser's Python from."""
    with visit(chromium, f"{address}/convolution/index.html") as page:
        yield page


@browser
@pytest.mark.drawn
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_page_gives_the_verdicts_of_the_terminal(chapter, address, python_page):
    """On every reference, every stub and every known mistake of a chapter."""
    slow = []
    with Judge() as judge:
        for source, expected in answers_of(chapter):
            terminal = judge.check(source.encode(), list(expected), path=f"{chapter}.py")
            given = [[f"{chapter}.{one.name}", source] for one in expected]
            told = python_page.evaluate(ASK, [f"{address}/assets/python.mjs", given])
            for there, (here, milliseconds) in zip(terminal.verdicts, told, strict=True):
                assert differing(here) == differing(json.loads(json.dumps(asdict(there))))
                slow.append((milliseconds, here["exercise"]))
            for (status, sentence), (here, _) in zip(expected.values(), told, strict=True):
                assert (here["status"], here["mistake"]) == (status, sentence)
    print(f"{chapter}: {len(slow)} checks, the slowest {max(slow)}")


EXERCISE = "convolution.output_size"
RIGHT = "(size + 2 * padding - kernel) // stride + 1"
WRONG = "(size + padding - kernel) // stride + 1"


class Place:
    """An exercise on a page, as its reader uses it.

    Args:
        page: The page.
        name: The exercise's whole name.
    """

    def __init__(self, page, name=EXERCISE):
        self.page, self.element = page, page.locator(f'[data-exercise="{name}"]')
        self.says = self.element.locator(".answer-verdict")

    def button(self, name):
        return self.element.get_by_role("button", name=name)

    def open(self):
        self.button("Answer it here").click()
        self.editor.wait_for()
        return self

    @property
    def editor(self):
        return self.element.get_by_role("textbox", name="Your answer to")

    def write(self, result):
        """Type an answer that returns `result`; the editor indents it."""
        self.editor.press("Control+A")
        self.page.keyboard.type(f"def output_size(size, kernel, padding, stride):\nreturn {result}")

    def waited_for(self, status):
        """Wait for a verdict of that status and return its words."""
        self.says.locator("b", has_text=re.compile(f"^{status}$")).wait_for(timeout=120_000)
        return self.says.inner_text()

    def checked(self, status):
        self.button("Check").click()
        return self.waited_for(status)


@pytest.fixture
def lesson(address, chromium):
    Server.sent.clear()
    with visit(chromium, f"{address}/convolution/index.html") as page:
        page.wait_for_load_state("networkidle")
        yield page
        assert page.said == []
        assert [url for url in page.asked if not url.startswith((address, "blob:"))] == []


@browser
def test_nothing_is_loaded_before_an_editor_is_opened_and_then_no_more_than_was_promised(lesson):
    def late(paths):
        return [one for one in paths if re.search(r"/assets/(python|codemirror|editor)", one)]

    assert late(path for path, _ in Server.sent) == []
    Server.sent.clear()
    place = Place(lesson).open()
    assert "Python is loading" in place.element.locator(".answer-loading").inner_text()
    assert "Not written yet" in place.checked("not attempted")
    assert place.element.locator(".answer-loading").inner_text() == ""
    sent = [(path, size) for path, size in Server.sent if late([path])]
    assert len({path for path, _ in sent}) == len(sent) >= 9, "each file once"
    assert sum(size for _, size in sent) <= 17_500_000


@browser
def test_an_answer_is_checked_explained_and_kept_and_another_way_shown(lesson, axe):
    place = Place(lesson).open()
    place.write(f"print('hello') or {WRONG}")
    output = place.checked("fail")
    assert "You padded one side only" in output
    assert "expected = 4" in output
    assert "printed: hello" in output
    assert barriers(lesson, axe) == []
    place.write(RIGHT)
    assert place.checked("pass").endswith("Right.")
    assert "✓ passed" in place.element.inner_text()
    place.button("Another way").click()
    place.element.locator(".answer-solution", has_text=RIGHT).wait_for()
    assert "solution seen" not in place.element.inner_text()

    lesson.reload()
    again = Place(lesson)
    assert "✓ passed" in again.element.inner_text()
    again.button("Go on with your answer").click()
    assert RIGHT in again.editor.inner_text()


@browser
def test_a_solution_seen_before_a_pass_is_marked_and_hints_open_one_by_one(lesson):
    place = Place(lesson).open()
    exercise = lesson.locator(".exercise").filter(has=place.element)
    for number in (1, 2, 3):
        assert exercise.locator("details.question[open]").count() == number - 1
        place.button("Hint").click()
    place.button("Show the solution").click()
    place.element.get_by_text("(solution seen)").wait_for(timeout=120_000)
    place.write(RIGHT)
    place.checked("pass")
    assert "✓ passed (solution seen)" in place.element.inner_text()


@browser
def test_what_never_ends_is_ended_and_the_next_check_works(lesson):
    place = Place(lesson).open()
    place.editor.press("Control+A")
    lesson.keyboard.type("def output_size(*given):\nwhile True:\npass")
    place.button("Check").click()
    assert lesson.evaluate("new Promise((done) => setTimeout(() => done(1 + 1), 500))") == 2
    assert place.says.inner_text() == "Checking …", "the page itself is not held up"
    assert "No answer within 10 seconds" in place.waited_for("timeout")

    place.button("Check").click()
    place.button("Stop").click()
    place.says.get_by_text("Stopped.").wait_for()

    place.editor.press("Control+A")
    lesson.keyboard.type("import os; os._exit(3)  # output_size")
    place.button("Check").click()
    place.says.get_by_text("Your answer ended Python").wait_for(timeout=120_000)

    place.write("output_size(size, kernel, padding, stride)")
    assert "RecursionError" in place.checked("error")
    place.write(RIGHT)
    place.checked("pass")


@browser
def test_tab_indents_and_leaves_the_editor_after_escape(lesson):
    place = Place(lesson).open()
    focused = "document.activeElement.closest('.cm-editor') !== null"
    place.editor.press("Control+A")
    place.editor.press("Tab")
    assert lesson.evaluate(focused)
    assert place.editor.locator(".cm-line").first.inner_text() == "    import numpy as np"
    place.editor.press("Escape")
    lesson.wait_for_timeout(2500)  # longer than CodeMirror itself leaves it free
    place.editor.press("Tab")
    assert not lesson.evaluate(focused)
    assert lesson.evaluate("document.activeElement.textContent") == "Check"


@browser
@pytest.mark.parametrize("by", ["touch", "keyboard"])
def test_from_the_front_page_two_clicks_to_an_editor_then_wrong_explained_and_right(
    by, address, chromium, axe
):
    touch = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"}
    with visit(chromium, f"{address}/index.html", **(touch if by == "touch" else {})) as page:

        def use(element, key="Enter"):
            if by == "touch":
                return element.tap()
            for _ in range(200):
                if element.evaluate("one => one === document.activeElement"):
                    return page.keyboard.press(key)
                page.keyboard.press("Tab")
            raise AssertionError(f"The keyboard does not reach {element}.")

        use(page.get_by_role("link", name="Try an exercise"))
        page.wait_for_url("**/index.html#try-one")
        place = Place(page)
        use(place.button("Answer it here"))
        place.editor.wait_for()
        for result, status in ((WRONG, "fail"), (RIGHT, "pass")):
            if by == "touch":
                place.editor.tap()
            place.write(result)
            page.keyboard.press("Escape")
            use(place.button("Check"))
            output = place.waited_for(status)
            if status == "fail":
                assert "You padded one side only" in output
                page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
        cut = page.evaluate(
            """[...document.querySelectorAll(".exercise pre > code")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
        )
        assert by == "keyboard" or cut == [], "on a phone, every line is read whole"
        assert barriers(page, axe) == []
        assert page.said == []


@browser
def test_answers_leave_as_the_file_of_the_terminal_and_come_back(lesson, address, tmp_path):
    lesson.goto(f"{address}/convolution/03-pooling-and-receptive-fields.html")
    listing = lesson.locator("[data-answers]")
    listing.get_by_role("button", name="Take your answers along").click()
    listing.get_by_text("There is no answer to take along yet.").wait_for()

    asked = {one.name: one for one in exercises("convolution")}
    handed_in = "".join(
        ["import numpy as np\nfrom numpy.lib.stride_tricks import sliding_window_view\n\n\n"]
        + ["def half(x):\n    return x // 2\n\n\n"]
        + [asked[name].solution + "\n\n" for name in ("output_size", "cross_correlate")]
        + [asked["im2col"].stub]
    )
    (tmp_path / "mine.py").write_text(handed_in)
    lesson.locator("[data-answers] input").set_input_files(tmp_path / "mine.py")
    listing.get_by_text("Brought: output_size, cross_correlate.").wait_for(timeout=120_000)

    with lesson.expect_download() as coming:
        listing.get_by_role("button", name="Take your answers along as convolution.py").click()
    coming.value.save_as(tmp_path / "convolution.py")
    assert coming.value.suggested_filename == "convolution.py"
    with Judge() as judge:
        source = (tmp_path / "convolution.py").read_bytes()
        report = judge.check(source, list(asked.values()))
    passed = [one.exercise for one in report.verdicts if one.status is Status.PASS]
    assert passed == ["output_size", "cross_correlate"]

    # What is written here already is replaced by what a file has only if its reader says so.
    (tmp_path / "other.py").write_text("def output_size(*given):\n    return 1\n")
    lesson.once("dialog", lambda dialog: dialog.dismiss())
    lesson.locator("[data-answers] input").set_input_files(tmp_path / "other.py")
    listing.get_by_text("Nothing was changed.").wait_for(timeout=120_000)
    (tmp_path / "broken.py").write_text("def output_size(:\n")
    lesson.locator("[data-answers] input").set_input_files(tmp_path / "broken.py")
    listing.get_by_text("The file cannot be read as Python in line 1").wait_for()
    lesson.goto(f"{address}/convolution/index.html")
    place = Place(lesson)
    place.button("Go on with your answer").click()
    assert "size + 2 * padding" in place.editor.inner_text()


@browser
def test_a_model_of_keras_and_a_page_from_disk_lead_to_the_terminal(site, lesson, chromium):
    keras = lesson.locator("[data-exercise][data-keras]")
    assert keras.get_by_role("button", name="Answer it here").count() == 0
    with visit(chromium, (site / "convolution" / "index.html").as_uri()) as page:
        place = Place(page)
        assert "opened from disk" in place.element.inner_text()
        assert "companion check convolution.py --only output_size" in place.element.inner_text()
        assert place.button("Answer it here").count() == 0
        assert page.said == []


@browser
def test_progress_goes_from_the_terminal_to_the_page_and_back(
    lesson, address, tmp_path, monkeypatch
):
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "progress.jsonl"))

    def terminal(*arguments):
        called = [sys.executable, "-m", "companion", "progress", "--json", *arguments]
        done = subprocess.run(called, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def says(words):
        place.get_by_role("status").get_by_text(words).wait_for()

    def load(file):
        place.locator("input").set_input_files(file)

    # From the page: what passed there, and a solution that was seen there, with their times.
    place = lesson.locator("[data-progress]")
    lesson.goto(f"{address}/convolution/03-pooling-and-receptive-fields.html")
    place.get_by_role("button", name="Save progress").click()
    says("There is no progress to save yet.")
    lesson.goto(f"{address}/convolution/index.html")
    answer = Place(lesson).open()
    answer.write(RIGHT)
    answer.checked("pass")
    lesson.goto(f"{address}/convolution/03-pooling-and-receptive-fields.html")
    with lesson.expect_download() as coming:
        place.get_by_role("button", name="Save progress").click()
    says("1 passed. In the terminal: companion progress --load progress.json")
    coming.value.save_as(tmp_path / coming.value.suggested_filename)
    loaded = terminal("--load", "progress.json")
    assert loaded["passed_now"] == ["convolution/output_size"]

    # Back from the terminal, with a pass and a solution of its own.
    progress.remember([("convolution/im2col", progress.PASSED), ("algebra/one", progress.PASSED)])
    progress.remember([("convolution/max_pool", progress.SOLUTION)])
    saved = terminal("--save", "back.json")
    for name, said in [("im2col", ""), ("max_pool", ""), ("output_size", "✓ passed")]:
        mark = lesson.locator(f'article li [data-mark="convolution.{name}"]')
        assert mark.inner_text() == said
    load(tmp_path / "back.json")
    says("Loaded: 2 more passed. algebra/one, convolution/im2col")
    for name, said in [("im2col", "✓ passed"), ("max_pool", "(solution seen)")]:
        mark = lesson.locator(f'article li [data-mark="convolution.{name}"]')
        assert mark.inner_text().strip() == said

    # What is damaged, or hostile, changes nothing; the same file, mended, is read.
    kept = lesson.evaluate("localStorage.getItem('companion/progress')")
    file = tmp_path / "damaged.json"
    for content, said in [
        (b"[" * 900_000, "It is no progress file"),
        (b" " * 3_000_000, "It has more than 1 MB"),
        (b'{"format": "companion-progress", "version": 1, "exercises": {"<b>/x": 1}}', "of <b>/x"),
    ]:
        file.write_bytes(content)
        load(file)
        says(said)
        assert "damaged.json: " in place.inner_text()
        assert "Nothing was changed." in place.inner_text()
        assert lesson.evaluate("localStorage.getItem('companion/progress')") == kept
    file.write_text(json.dumps(saved))
    load(file)
    says("Loaded: 0 more passed.")
    assert lesson.evaluate("localStorage.getItem('companion/progress')") == kept

    # And once more from the page: the terminal learns nothing new.
    with lesson.expect_download() as coming:
        place.get_by_role("button", name="Save progress").click()
    coming.value.save_as(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text())["exercises"] == saved["exercises"]

    # A line of this browser's own that is torn costs no other.
    lesson.evaluate("""kept => localStorage.setItem("companion/progress", kept + '{"ex')""", kept)
    lesson.reload()
    assert "✓ passed" in lesson.locator('article li [data-mark="convolution.im2col"]').inner_text()
