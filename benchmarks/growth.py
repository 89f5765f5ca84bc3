"""How seconds grow: with a class's learners, a study's workers, examples, and a site's chapters.

    python -m benchmarks --only growth

Each command runs whole, start included, at several sizes n. What is fitted is a + b·nᵏ, least
squares in proportion to the seconds: a is what it costs to begin, k how the rest grows. A k of 1
is a cost for each, above it something is done for each pair; with workers, −1 is perfect sharing.
Two sizes give no more than the slope between them, with a = 0.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from benchmarks.processes import run
from benchmarks.training import ROOT

LIMIT = 3600.0
SIZES = {
    "learners": {"small": (1, 3), "quick": (1, 10, 30), "full": (1, 3, 10, 30, 100, 300, 1000)},
    "workers": {"small": (), "quick": (), "full": (1, 2, 4, 8)},
    "examples": {"small": (256, 512), "quick": (), "full": (1000, 4000, 16000, 64000, 256000)},
    "chapters": {"small": (), "quick": (), "full": (1, 2, 4, 8, 12)},
}
WHAT = {
    "learners": "grading a class of cheap hand-ins",
    "workers": "a quick study of eight seeds",
    "examples": "five epochs of LeNet-5",
    "chapters": "building the site",
}
EXERCISE = '''import numpy as np

from companion.checking.authoring.exercise import exercise


@exercise()
def double(x):
    """Return twice `x`."""
    return 2 * x


@double.cases
def _(rng):
    yield (rng.normal(size=3),)
'''
TRAIN = """
import sys
import companion
import numpy as np
from companion.datasets.dataset import Split
rng, n = np.random.default_rng(0), int(sys.argv[1])
split = Split(rng.random((n, 28, 28, 1), "float32"), rng.integers(0, 10, n))
companion.train("lenet5", split, epochs=5, batch_size=128, show_progress=False)
"""


def learners(count: int, folder: Path) -> float:
    """Grade a class of so many, each with an answer of their own."""
    (folder / "class").mkdir()
    (folder / "one.py").write_text(EXERCISE)
    for number in range(count):
        answer = f"def double(x):\n    return x * 2.0 + 0 * {number}\n"
        (folder / "class" / f"learner{number:04}.py").write_text(answer)
    command = [sys.executable, "-m", "companion", "grade", "class", "--exercises", "one.py"]
    return seconds([*command, "--output", "grades.csv"], folder)


def workers(count: int, folder: Path) -> float:
    """Run a study with so many workers."""
    command = [sys.executable, "-m", "companion", "study", "weight_decay", "--quick"]
    command += ["--seeds", "8", "--workers", str(count), "--output", folder / "study"]
    return seconds(command, folder)


def examples(count: int, folder: Path) -> float:
    """Train LeNet-5 on so many for five epochs."""
    return seconds([sys.executable, "-c", TRAIN, str(count)], folder)


def chapters(count: int, folder: Path) -> float:
    """Build a site of so many chapters, from a copy of the book without the others."""
    from companion import catalogue

    kept = [entry.name for entry in catalogue.discover()][:count]
    for part in ("companion", "data", "README.md"):
        (folder / part).symlink_to(ROOT / part)
    (folder / "chapters").mkdir()
    for name in (*kept, "assets", "__init__.py", "index.md", "glossary.md"):
        (folder / "chapters" / name).symlink_to(ROOT / "chapters" / name)
    wanted = tuple(f": {name}/" for name in kept)
    lines = (ROOT / "mkdocs.yml").read_text().splitlines()
    start = lines.index("nav:")
    stop = next(i for i in range(start + 1, len(lines)) if not lines[i].startswith(" "))
    nav = ["nav:", "  - Home: index.md"]
    pages = [line.strip() for line in lines[start:stop] if any(one in line for one in wanted)]
    nav += [f"  {line}" for line in pages]
    (folder / "mkdocs.yml").write_text("\n".join([*lines[:start], *nav, *lines[stop:]]) + "\n")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", folder / "site"]
    return seconds(command, folder, PYTHONPATH=str(folder), NO_MKDOCS_2_WARNING="1")


def seconds(command: Sequence[str | Path], folder: Path, **variables: str) -> float:
    """The seconds of a command that has to succeed."""
    ran = run(list(command), folder, LIMIT, watched=False, **variables)
    if ran.code:
        raise RuntimeError(f"{' '.join(map(str, command))} failed: {ran.said}")
    return ran.seconds


def fitted(n: Sequence[float], taken: Sequence[float]) -> dict[str, float]:
    """Fit a + b·nᵏ to seconds, in proportion to them; a straight line in logarithms to two.

    >>> fit = fitted([1, 10, 100, 1000], [2 + 0.1 * n for n in (1, 10, 100, 1000)])
    >>> round(fit["exponent"], 3), round(fit["start"], 2)
    (1.0, 2.0)
    >>> round(fitted([1, 2], [8, 4])["exponent"], 3)
    -1.0
    """
    x, y = np.log(np.asarray(n, float)), np.asarray(taken, float)
    slope, level = np.polyfit(x, np.log(y), 1)
    if len(x) < 4:
        return {"start": 0.0, "each": float(np.exp(level)), "exponent": float(slope)}

    def off(parameters: np.ndarray) -> np.ndarray:
        start, each, exponent = parameters
        return (np.exp(start) + np.exp(each + exponent * x)) / y - 1

    first = (np.log(y.min() / 2), np.log(y.max()) - abs(x.max()), 1.0 if slope > 0 else -1.0)
    start, each, exponent = least_squares(off, first, max_nfev=10_000).x
    return {
        "start": float(np.exp(start)),
        "each": float(np.exp(each)),
        "exponent": float(exponent),
    }


def measure(size: str) -> dict:
    """The seconds at each size, and the fit, of all that grows."""
    timed: dict[str, Callable[[int, Path], float]] = {
        "learners": learners, "workers": workers, "examples": examples, "chapters": chapters,
    }  # fmt: skip
    fits = {}
    for name, one in timed.items():
        counts = [count for count in SIZES[name][size] if name != "workers" or count <= cores()]
        if not counts:
            continue
        taken = []
        for count in counts:
            folder = Path(tempfile.mkdtemp())
            taken.append(one(count, folder))
            shutil.rmtree(folder)
        fits[name] = {"what": WHAT[name], "n": counts, "seconds": taken}
        if len(counts) > 1:
            fits[name] |= fitted(counts, taken)
            line = (
                f"{WHAT[name]}: seconds grow with {name} to the power {fits[name]['exponent']:.2f}"
            )
            print(line, [round(one, 1) for one in taken], flush=True)
    return fits


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))
