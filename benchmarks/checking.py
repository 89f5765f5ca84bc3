"""Checking: one answer from the shell, one while the learner watches, and a class of 200.

Beside the companion stands what an instructor would write instead: a pytest file that compares with
the solution, in the learner's own process, with no isolation and no reasons. Run it from the
repository's root:

    python benchmarks/checking.py [--learners 200] [--workers 2] [--json FILE]
"""

import argparse
import contextlib
import ctypes
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from companion.checking.classroom.discovery import load_exercises
from companion.checking.classroom.grading import grade
from companion.checking.classroom.hand_ins import submissions
from companion.checking.classroom.reports import by_exercise, to_json
from companion.checking.judging.judge import Judge
from companion.checking.verdict import Report

# name: (parameters, right answer, wrong answer, cases)
VECTOR, PAIR = "rng.normal(size=5)", "rng.normal(size=5), rng.normal(size=5)"
EXERCISES = {
    "relu": ("x", "np.maximum(x, 0)", "np.abs(x)", VECTOR),
    "sigmoid": ("x", "1 / (1 + np.exp(-x))", "1 / (1 + np.exp(x))", VECTOR),
    "tanh_slope": ("x", "1 - np.tanh(x) ** 2", "1 - np.tanh(x)", VECTOR),
    "softmax": ("x", "np.exp(x) / np.exp(x).sum()", "np.exp(x) / np.exp(x).max()", VECTOR),
    "mean_square": ("a, b", "np.mean((a - b) ** 2)", "np.sum((a - b) ** 2)", PAIR),
    "mean_absolute": ("a, b", "np.mean(np.abs(a - b))", "np.abs(np.mean(a - b))", PAIR),
    "norm": ("x", "np.sqrt((x ** 2).sum())", "(x ** 2).sum()", VECTOR),
    "standardize": ("x", "(x - x.mean()) / x.std()", "(x - x.mean()) / x.var()", VECTOR),
    "outer": ("a, b", "a[:, None] * b", "b[:, None] * a", PAIR),
    "matrix_product": (
        "A, B",
        "A @ B",
        "B.T @ A.T",
        "rng.normal(size=(64, 64)), rng.normal(size=(64, 64))",
    ),
}
# What one learner in eight answers to the first exercise, and what one in eight hands in.
HOSTILE = (
    "while True: pass",
    "import os; os._exit(0)",
    "return np.ones((100_000, 100_000))",
    "print('x' * 10**9)",
    "import os\n    while True: os.fork()",
    "return relu(x)",
    "import ctypes; ctypes.string_at(0)",
    "import socket; socket.create_connection(('192.0.2.1', 80))",
)
BROKEN = ("", "def relu(x:\n", "import no_such_module\n", "\x00\xff", "import sys; sys.exit()\n")
CHILD_SUBREAPER = 36  # uapi/linux/prctl.h
TARGETS = {"cold check": 1.0, "cold check, processor": 0.4, "warm check": 0.010, "class": 35.0}


def private_file() -> str:
    """Return the source of ten exercises with a mistake each."""
    parts = ["import numpy as np\n\nfrom companion.checking.authoring.exercise import exercise\n"]
    for name, (parameters, right, wrong, cases) in EXERCISES.items():
        parts.append(
            f"@exercise()\ndef {name}({parameters}):\n    'Return it.'\n    return {right}\n\n\n"
            f"@{name}.cases\ndef _(rng):\n    for _ in range(5):\n        yield {cases}\n\n\n"
            f'@{name}.mistake("Not this way.")\ndef _({parameters}):\n    return {wrong}\n'
        )
    return "\n\n".join(parts)


def answers(choose: Callable[[str], str]) -> str:
    """Return a learner's file whose answer to each exercise is what `choose` gives."""
    parts = ["import numpy as np\n"]
    for name, (parameters, *_) in EXERCISES.items():
        parts.append(f"def {name}({parameters}):\n    {choose(name)}\n")
    return "\n\n".join(parts)


def right(name: str) -> str:
    """Return the line that answers an exercise."""
    return f"return {EXERCISES[name][1]}"


def learner(number: int) -> str:
    """Return the file of one of the class: half of it right, a quarter wrong, the rest worse."""
    drawn = random.Random(number)
    kind = number % 8
    if kind < 4:
        return answers(right)
    if kind < 6:
        return answers(lambda name: f"return {EXERCISES[name][drawn.choice((1, 2))]}")
    if kind == 6:
        return BROKEN[number // 8 % len(BROKEN)]
    hostile = HOSTILE[number // 8 % len(HOSTILE)]
    return answers(lambda name: hostile if name == "relu" else right(name))


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the median time of `repeats` calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def cold(folder: Path, exercises: Path) -> dict[str, float]:
    """Return seconds from the shell to the verdict on one NumPy exercise, ours and pytest's."""
    (folder / "cold.py").write_text(answers(right))
    (folder / "test_cold.py").write_text(
        "import numpy as np, cold\n"
        "def test_relu():\n"
        "    for x in np.random.default_rng(0).normal(size=(5, 5)):\n"
        "        np.testing.assert_allclose(cold.relu(x), np.maximum(x, 0))\n"
    )
    # As it is once installed: pip has compiled it, and a second call finds what the first compiled.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    companion = str(Path(sys.executable).with_name("companion"))
    commands = {
        "companion check": [
            *(companion, "check", "cold.py", "--exercises", str(exercises), "--only", "relu")
        ],
        "pytest": [sys.executable, "-m", "pytest", "-q", "test_cold.py"],
        "import keras": [sys.executable, "-c", "import keras"],
    }
    took = {
        name: seconds(
            lambda c=command: subprocess.run(c, cwd=folder, env=environment, capture_output=True), 3
        )
        for name, command in commands.items()
    }
    took["processor"] = min(
        processor_seconds(commands["companion check"], folder, environment) for _ in range(5)
    )
    return took


def processor_seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Return what a command computes, with all that it starts and leaves behind.

    The worker is killed with the bubblewrap around it: what they took is counted by the process
    that inherits them, which is this one.
    """
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def warm(exercises: Path) -> float:
    """Return seconds of a check whose worker was started while the learner was writing."""
    asked = load_exercises(exercises)
    source = answers(right).encode()
    times = []
    with Judge() as judge:
        for _ in range(15):
            judge.warm()
            time.sleep(0.5)
            start = time.perf_counter()
            report = judge.check(source, asked, only="relu")
            times.append(time.perf_counter() - start)
            assert report.score == 1
    return statistics.median(times)


def whole_class(
    folder: Path, exercises: Path, learners: int, workers: int
) -> tuple[list[Report], float]:
    """Grade a class; return the reports, and the seconds that they took."""
    (folder / "class").mkdir()
    for number in range(learners):
        file = folder / "class" / f"learner{number:03}.py"
        file.write_bytes(learner(number).encode("latin-1"))
    start = time.perf_counter()
    reports = grade(
        submissions(folder / "class"),
        str(exercises),
        journal_file=folder / "journal",
        workers=workers,
    )
    class_seconds = time.perf_counter() - start
    for number, report in enumerate(reports):
        if number % 8 < 4:
            assert report.score == len(EXERCISES), f"{report.learner} is right: {report}"
    return reports, class_seconds


def as_table(rows: dict[str, float], shells: dict[str, float], learners: int) -> Table:
    """Return what was measured, beside what was aimed at and beside pytest."""
    table = Table("what", "seconds", "target", "times pytest", title="Checking")
    for what, took in rows.items():
        ratio = f"{took / shells['pytest']:.2f}" if what in ("cold check", "warm check") else ""
        table.add_row(what, f"{took:.3f}", f"{TARGETS[what]:.3f}", ratio)
    table.add_row("pytest, one answer, no isolation", f"{shells['pytest']:.3f}", "", "1.00")
    table.add_row(
        f"pytest for {learners}, one after the other",
        f"{shells['pytest'] * learners:.1f}",
        "",
        f"class takes {rows['class'] / shells['pytest'] / learners:.2f} of it",
    )
    table.add_row("import keras, which a NumPy check never does", f"{shells['import keras']:.3f}")
    return table


def main() -> None:
    """Measure, print a table, and write JSON where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--learners", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exercises = folder / "ten.py"
        exercises.write_text(private_file())
        shells = cold(folder, exercises)
        rows = {
            "cold check": shells["companion check"],
            "cold check, processor": shells["processor"],
            "warm check": warm(exercises),
        }
        reports, rows["class"] = whole_class(folder, exercises, asked.learners, asked.workers)

    Console().print(as_table(rows, shells, asked.learners))
    statuses = {row.exercise: row.counts for row in by_exercise(reports)}
    Console().print(statuses)
    timings = to_json(reports)["timings"]
    slowest = sorted(timings, key=lambda name: -timings[name]["total"])[:5]
    result = {
        "learners": asked.learners,
        "exercises": len(EXERCISES),
        "workers": asked.workers,
        "seconds": {**rows, **shells},
        "within target": {what: took <= TARGETS[what] for what, took in rows.items()},
        "statuses": statuses,
        "slowest": {name: timings[name]["total"] for name in slowest},
        "isolation": sorted({report.isolation for report in reports}),
    }
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n")
    else:
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
