"""The floors of the engine: a tool holds them, and it stops what would pass every other test."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What is written into a file, and how the tool names it.
FORBIDDEN = {
    "companion/pages.py": (
        "from chapters import convnets",
        "companion.pages -> chapters.convnets",
    ),
    "chapters/convolution/scratch.py": (
        "from chapters.memory.scratch import sigmoid",
        "chapters.convolution.scratch -> chapters.memory.scratch",
    ),
    "companion/catalogue.py": (
        "def f():\n    from companion.training import train",
        "companion.catalogue -> companion.training",
    ),
    "companion/datasets/dataset.py": (
        "from companion.datasets import sources",
        "No cycles are allowed in companion.datasets",
    ),
}


def test_the_contracts_are_kept_and_what_breaks_them_is_named(tmp_path):
    for file in [*ROOT.glob("companion/**/*.py"), *ROOT.glob("chapters/**/*.py")]:
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def broken():
        command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
        done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True)
        return done.returncode, " ".join(done.stdout.split())

    code, output = broken()
    assert code == 0, output
    for file, (statement, _) in FORBIDDEN.items():
        with (tmp_path / file).open("a") as opened:
            opened.write(f"\n{statement}\n")
    code, output = broken()
    assert code == 1
    for _, message in FORBIDDEN.values():
        assert message in output
