"""A page gives the terminal's verdicts, without processes and from Python in the browser."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from browsing import visit
from page_exercises import exercises, in_the_browser

from companion import catalogue
from companion.checking.authoring.exercise import Exercise
from companion.checking.judging.judge import Judge
from companion.checking.judging.page import checked
from companion.checking.verdict import Status

ROOT = Path(__file__).parents[1]
CHAPTERS = [entry.name for entry in catalogue.discover() if entry.exercise_names()]


def differing(verdict):
    """What two verdicts on the same answer must have in common."""
    return {name: value for name, value in verdict.items() if name != "seconds"}


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


# ---- without a process ---------------------------------------------------------------------------

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


# ---- in the browser ------------------------------------------------------------------------------

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


@in_the_browser
@pytest.mark.drawn(6)
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
