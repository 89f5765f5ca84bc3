"""Checking and grading beside otter-grader, nbgrader and pytest, on the same hand-ins.

    python -m benchmarks --only graders

Ten functions and twenty hand-ins, two of them endless: the seconds that a grader takes for all of
them, the memory, and of how many hand-ins it gives each function the mark that it deserves. Then
hand-ins that attack, each with an honest one beside it: whoever survives marks both rightly, ends,
and lets nothing happen around it. And one right hand-in, cold: what a learner waits for.

Each grader is used as its manual has it, with the tests that an instructor writes for it: the ten
comparisons are the same. The others are installed into environments of their own. What may be
limited is limited alike: ten seconds a function, thirty a hand-in where only that can be set, and
8 GB of addresses a process, which keeps this machine alive; so a hand-in that forks without end is
not among the hostile ones.
"""

import contextlib
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from benchmarks.checking import EXERCISES, private_file
from benchmarks.hand_ins import FEW, HAND_INS, HandIn, Marks, hostile, is_right
from benchmarks.processes import Ran, environment, run

FUNCTION_SECONDS, HAND_IN_SECONDS = 10, 30
PREPARING_SECONDS = 900


# ---- an instructor's tests ----------------------------------------------------------------------


def comparison(name: str, function: str) -> str:
    """The lines of a test, as an instructor writes them."""
    parameters, right, _, cases = EXERCISES[name]
    return (
        "rng = np.random.default_rng(0)\n"
        "for _ in range(5):\n"
        f"    {parameters} = {cases}\n"
        f"    np.testing.assert_allclose({function}({parameters}), {right})\n"
    )


def indented(code: str) -> str:
    """The lines, indented by four."""
    return "".join(f"    {line}\n" for line in code.splitlines())


# ---- graders ------------------------------------------------------------------------------------


class Grader:
    """A way to grade a class; the folder is its own.

    Attributes:
        name: What it is called in the table.
        packages: What it is installed from, into an environment of its own; ours has none.

    Args:
        environments: Where it is installed.
        limit: Seconds after which a hand-in is given up, where only that can be set.
    """

    name = ""
    packages: tuple[str, ...] = ()

    def __init__(self, environments: Path, limit: float = HAND_IN_SECONDS) -> None:
        self.limit = limit
        self.python, self.versions = Path(sys.executable), {}
        if self.packages:
            self.python, self.versions = environment(environments, self.name, self.packages)

    def run(self, command: list[str | Path], folder: Path, limit: float) -> Ran:
        """Run a command as from a shell in which the environment is activated."""
        programs = os.pathsep.join((str(self.python.parent), os.environ["PATH"]))
        return run(command, folder, limit, PATH=programs)

    def prepare(self, folder: Path) -> None:
        """Write what an instructor writes, once for a class."""

    def hand_in(self, folder: Path, learner: str, given: HandIn) -> None:
        """Put a hand-in into the class."""
        file = folder / "class" / f"{learner}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text("import numpy as np\n\n\n" + "\n\n".join(given.cells().values()))

    def handed_in(self, folder: Path, learners: Iterable[str]) -> Iterator[tuple[str, Path]]:
        """Yield who handed a file in, each with a folder that has it as ``answers.py``."""
        for learner in learners:
            own = folder / learner
            own.mkdir()
            file = folder / "class" / f"{learner}.py"
            if file.exists():
                shutil.copy(file, own / "answers.py")
                yield learner, own

    def grade(self, folder: Path, learners: Iterable[str]) -> tuple[list[Ran], dict[str, Marks]]:
        """Grade the class; return the commands that ran and the marks of whoever got some."""
        raise NotImplementedError

    def cold(self, folder: Path) -> float:
        """The seconds from the shell to the marks of a class of one."""
        folder.mkdir()
        self.prepare(folder)
        self.hand_in(folder, "right", HandIn())
        return self.grade(folder, ["right"])[0][0].seconds


class Companion(Grader):
    """Ours, from the command line."""

    name = "companion"
    workers: tuple[str, ...] = ()

    def prepare(self, folder: Path) -> None:
        (folder / "ten.py").write_text(private_file())

    def grade(self, folder: Path, learners: Iterable[str]) -> tuple[list[Ran], dict[str, Marks]]:
        command = [self.python, "-m", "companion", "grade", "class", "--exercises", "ten.py"]
        command += ["--output", "grades.json", *self.workers]
        ran = self.run(command, folder, self.limit * len(list(learners)))
        try:
            rows = json.loads((folder / "grades.json").read_text())["learners"]
        except (OSError, ValueError):
            return [ran], {}
        return [ran], {
            row["learner"]: {one["exercise"]: one["status"] == "pass" for one in row["verdicts"]}
            for row in rows
        }

    def cold(self, folder: Path) -> float:
        folder.mkdir()
        self.prepare(folder)
        self.hand_in(folder, "right", HandIn())
        command = [self.python, "-m", "companion", "check", "class/right.py"]
        return self.run([*command, "--exercises", "ten.py"], folder, self.limit).seconds


class CompanionAlone(Companion):
    """Ours, with one worker."""

    name = "companion, one worker"
    workers = ("--workers", "1")


class Pytest(Grader):
    """A file of tests, run once for each hand-in."""

    name = "pytest"
    packages = ("pytest", "pytest-timeout", "numpy")

    def prepare(self, folder: Path) -> None:
        tests = [
            f"def test_{name}():\n" + indented(comparison(name, f"answers.{name}"))
            for name in EXERCISES
        ]
        head = "import numpy as np\n\nimport answers\n\n\n"
        (folder / "test_ten.py").write_text(head + "\n\n".join(tests))

    def grade(self, folder: Path, learners: Iterable[str]) -> tuple[list[Ran], dict[str, Marks]]:
        import xml.etree.ElementTree as ElementTree

        ran, marks = [], {}
        for learner, own in self.handed_in(folder, learners):
            shutil.copy(folder / "test_ten.py", own)
            command = [self.python, "-m", "pytest", "-q", "--junitxml", "report.xml"]
            command += ["--timeout", str(FUNCTION_SECONDS), "-p", "no:cacheprovider"]
            # A shell between, as in the loop that an instructor writes.
            ran.append(self.run(["sh", "-c", '"$@"; exit $?', "sh", *command], own, self.limit))
            if (own / "report.xml").exists() and ran[-1].code in (0, 1):
                cases = ElementTree.parse(own / "report.xml").getroot().iter("testcase")
                marks[learner] = {
                    case.get("name").removeprefix("test_"): not len(
                        [one for one in case if one.tag in ("failure", "error")]
                    )
                    for case in cases
                }
        return ran, marks


class Otter(Grader):
    """otter-grader: `otter run` on a script, once for each hand-in."""

    name = "otter-grader"
    packages = ("otter-grader", "ipykernel", "numpy")

    def prepare(self, folder: Path) -> None:
        tests = folder / "tests"
        tests.mkdir()
        for name in EXERCISES:
            code = indented("import numpy as np\n" + comparison(name, name))
            (tests / f"{name}.py").write_text(
                "from otter.test_files import test_case\n\nOK_FORMAT = False\n\n"
                f'name = "{name}"\npoints = 1\n\n\n'
                f"@test_case()\ndef test_{name}({name}):\n{code}"
            )
        otter = self.python.with_name("otter")
        made = self.run(
            [otter, "generate", "-t", "tests", "-o", "autograder.zip"], folder, PREPARING_SECONDS
        )
        if not zipfile.is_zipfile(folder / "autograder.zip"):
            raise RuntimeError(f"otter generate wrote no autograder.zip: {made.said}")

    def grade(self, folder: Path, learners: Iterable[str]) -> tuple[list[Ran], dict[str, Marks]]:
        ran, marks = [], {}
        for learner, own in self.handed_in(folder, learners):
            command = [self.python.with_name("otter"), "run", "answers.py"]
            command += ["-a", folder / "autograder.zip", "-o", own]
            ran.append(self.run(command, own, self.limit))
            try:
                tests = json.loads((own / "results.json").read_text())["tests"]
            except (OSError, ValueError, KeyError):
                continue
            scores = {one["name"].split()[0]: one.get("score", 0) for one in tests}
            marks[learner] = {name: scores.get(name, 0) > 0 for name in EXERCISES}
        return ran, marks


class Nbgrader(Grader):
    """nbgrader: notebooks, graded all together."""

    name = "nbgrader"
    packages = ("nbgrader", "numpy", "ipykernel")
    course = "benchmark"

    def prepare(self, folder: Path) -> None:
        (folder / "nbgrader_config.py").write_text(
            "c = get_config()\n"
            f"c.CourseDirectory.course_id = {self.course!r}\n"
            f"c.Execute.timeout = {FUNCTION_SECONDS}\n"
        )
        source = folder / "source" / "ten"
        source.mkdir(parents=True)
        (source / "ten.ipynb").write_text(self.notebook(HandIn()))
        made = self.run(
            [self.python, "-m", "nbgrader", "generate_assignment", "ten"], folder, PREPARING_SECONDS
        )
        if made.code:
            raise RuntimeError(f"nbgrader generate_assignment failed: {made.said}")

    def notebook(self, given: HandIn) -> str:
        """The assignment, with somebody's answers."""

        def cell(identity: str, source: str, **kinds: object) -> dict:
            usual = {"grade": False, "solution": False, "locked": False, "task": False}
            marked = {**usual, "grade_id": identity, "schema_version": 3, **kinds}
            return {
                "cell_type": "code", "execution_count": None, "id": identity, "outputs": [],
                "metadata": {"nbgrader": marked} if kinds else {}, "source": source,
            }  # fmt: skip

        cells = [cell("imports", "import numpy as np")]
        for name, source in given.cells().items():
            cells += [
                cell(f"answer-{name}", source, solution=True),
                cell(name, comparison(name, name), grade=True, locked=True, points=1),
            ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return json.dumps(
            {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        )

    def hand_in(self, folder: Path, learner: str, given: HandIn) -> None:
        file = folder / "submitted" / learner / "ten" / "ten.ipynb"
        file.parent.mkdir(parents=True)
        file.write_text(self.notebook(given))

    def grade(self, folder: Path, learners: Iterable[str]) -> tuple[list[Ran], dict[str, Marks]]:
        learners = list(learners)
        command = [self.python, "-m", "nbgrader", "autograde", "ten"]
        ran = self.run(command, folder, self.limit * len(learners))
        read = self.run(
            [self.python, "-c", GRADEBOOK, json.dumps(learners)], folder, PREPARING_SECONDS
        )
        try:
            marks = json.loads((folder / "marks.json").read_text())
        except (OSError, ValueError):
            raise RuntimeError(f"the gradebook could not be read: {read.said}") from None
        return [ran], marks


# Of whoever could not be graded nbgrader leaves no graded notebook.
GRADEBOOK = """
import json, os, sys
from nbgrader.api import Gradebook
marks = {}
with Gradebook("sqlite:///gradebook.db") as book:
    for learner in json.loads(sys.argv[1]):
        if os.path.exists(f"autograded/{learner}/ten/ten.ipynb"):
            notebook = book.find_submission_notebook("ten", "ten", learner)
            marks[learner] = {grade.name: grade.score > 0 for grade in notebook.grades}
with open("marks.json", "w") as file:
    json.dump(marks, file)
"""

GRADERS = (Companion, CompanionAlone, Pytest, Nbgrader, Otter)


# ---- what is measured ---------------------------------------------------------------------------


def graded(grader: Grader, hand_ins: Mapping[str, HandIn], folder: Path) -> tuple[list[Ran], dict]:
    """A class of these, graded in a folder of its own."""
    folder.mkdir()
    grader.prepare(folder)
    for learner, given in hand_ins.items():
        grader.hand_in(folder, learner, given)
    return grader.grade(folder, hand_ins)


def survives(grader: Grader, attack: str, folder: Path) -> str:
    """What an attack did to a grader; nothing, if it survives."""
    mark = 3_000 + time.monotonic_ns() % 1_000_000
    where = folder / ("submitted" if isinstance(grader, Nbgrader) else "class")
    with listening(grader.limit * 3) as (port, called):
        attacker = hostile(where, port, mark)[attack]
        ran, marks = graded(grader, {"attacker": attacker, "honest": HandIn()}, folder)
        time.sleep(0.2)
    left = end_sleepers(mark)
    happened = []
    if not is_right(HandIn(), marks.get("honest")):
        happened.append("an honest hand-in lost its marks")
    if "attacker" not in marks:
        happened.append("it got no marks")
    elif not is_right(attacker, marks["attacker"]):
        happened.append("it got other marks than it deserves")
    if called.is_set():
        happened.append("the network was reached")
    if left or any(one.left for one in ran):
        happened.append("a process was left behind")
    if not where.is_dir():
        happened.append("the class was deleted")
    if any(one.code is None for one in ran):
        happened.append("it had to be ended")
    return "; ".join(happened)


@contextlib.contextmanager
def listening(limit: float) -> Iterator[tuple[int, threading.Event]]:
    """Wait for a call that nobody should make; give the port, and the event that it came."""
    called = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as line:
        line.settimeout(limit)

        def wait() -> None:
            try:
                line.accept()
                called.set()
            except OSError:
                return

        threading.Thread(target=wait, daemon=True).start()
        yield line.getsockname()[1], called


def end_sleepers(mark: int) -> bool:
    """End whoever sleeps for `mark` seconds; say whether there was anybody."""
    left = [
        one for one in psutil.process_iter(["cmdline"])
        if (one.info["cmdline"] or [])[-2:] == ["sleep", str(mark)]
    ]  # fmt: skip
    for one in left:
        one.kill()
    return bool(left)


def measure(size: str, environments: Path) -> dict:
    """Every grader on the twenty, on the hostile ones, and cold."""
    whole = size == "full"
    hand_ins = HAND_INS if whole else FEW
    attacks = list(hostile(Path("class"), 0, 0))
    attacks = attacks[: {"small": 1, "quick": 0}.get(size)]
    kinds = {"small": GRADERS[:1], "quick": (Companion, Pytest, Nbgrader, Otter)}.get(size, GRADERS)
    record: dict = {"hand_ins": len(hand_ins), "functions": len(EXERCISES), "hostile": len(attacks)}
    record["graders"], versions = {}, {}
    for kind in kinds:
        grader = kind(environments, PREPARING_SECONDS if size == "small" else HAND_IN_SECONDS)
        versions |= grader.versions
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ran, marks = graded(grader, hand_ins, folder / "class")
            right = [one for one, given in hand_ins.items() if is_right(given, marks.get(one))]
            row = record["graders"][grader.name] = {
                "seconds": sum(one.seconds for one in ran),
                "megabytes": max(one.memory for one in ran) / 1e6,
                "right": len(right),
                "not_right": sorted(set(hand_ins) - set(right)),
            }
            colds = [grader.cold(folder / f"cold{number}") for number in range(5 if whole else 1)]
            row["cold_seconds"] = statistics.median(colds)
            if kind is not CompanionAlone:
                harm = {
                    attack: survives(grader, attack, folder / f"attack{number}")
                    for number, attack in enumerate(attacks)
                }
                row["survived"] = sum(not what for what in harm.values())
                row["harm"] = {attack: what for attack, what in harm.items() if what}
        print(in_words(grader.name, row, record), flush=True)
    return {**record, "versions": versions}


def in_words(name: str, row: dict, record: dict) -> str:
    """One line of the table."""
    line = (
        f"{name:22} {row['seconds']:6.1f} s {row['megabytes']:6.0f} MB "
        f"{row['right']:3} of {record['hand_ins']} right, cold {row['cold_seconds']:5.2f} s"
    )
    if record["hostile"] and "survived" in row:
        line += f", survives {row['survived']} of {record['hostile']}"
    return line
