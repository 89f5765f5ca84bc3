"""A teacher's own chapter, in a folder of theirs: everything takes it as it takes the book's."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Several calls of the command line in one process, for importing Keras takes longest.
CALLS = """
import contextlib, io, json, sys
from companion.cli import main

for arguments in json.load(sys.stdin):
    sys.argv = ["companion", *arguments, "--json"]
    with contextlib.redirect_stdout(io.StringIO()):
        sys.__stdout__, said = io.StringIO(), sys.__stdout__
        try:
            main()
        except SystemExit as end:
            code = end.code
        printed, sys.__stdout__ = sys.__stdout__, said
    print(json.dumps([code, json.loads(printed.getvalue())]), file=sys.__stdout__)
"""
# The site, with the other chapters' figures empty, for drawing them takes longest.
SITE = """
import os, sys
from pathlib import Path

from mkdocs.__main__ import cli

from companion import pages
from companion.cli.site import lay_out

draw = pages._figure
empty = '<figure class="figure" id="figure-{}-{}"></figure>'
pages._figure = lambda figure: (
    draw(figure)
    if "tides" in figure.__module__
    else empty.format(figure.__module__.split(".")[-2], figure.__name__)
)
os.cpu_count = lambda: 1  # or a second process draws them
work, output = map(Path, sys.argv[1:])
cli(["build", "--strict", "-f", str(lay_out(work)), "-d", str(output)])
"""
ANSWERS = """
import numpy as np


def tidal_range(heights):
    return heights.max() - heights.min()


def energy(heights):
    return np.sum(heights**2)


def energy_gradient(heights):
    return heights


def reader():
    from keras import Input, Sequential, layers

    return Sequential([Input((8,)), layers.Dense(4, "tanh"), layers.Dense(2, "softmax")])
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The folder of a teacher who has one chapter, and the environment that names it."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(HERE / "toy" / "tides", folder / "tides")
    return folder, {**os.environ, "COMPANION_CHAPTERS": str(folder), "COMPANION_STATE": os.devnull}


@pytest.mark.slow
@pytest.mark.drawn
def test_every_verb_takes_it(own, tmp_path):
    folder, environment = own
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "ada.py").write_text(ANSWERS)
    calls = [
        ["chapters"],
        ["data"],
        ["train", "tide_turn", "--epochs", "3"],
        ["train", "tide_forecaster", "--epochs", "3"],
        ["start", "tides", "mine"],
        ["check", "class/ada.py", "--exercises", "tides"],
        ["hint", "reader"],
        ["prove", "tides"],
        ["grade", "class", "--output", "grades.json", "--exercises", "tides", "--workers", "1"],
        ["study", "tide_wind", "--record", "--workers", "1"],
        ["verify", "tides", "--workers", "1"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", CALLS],
        input=json.dumps(calls),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    output = {" ".join(call[:2]): found for call, (_, found) in zip(calls, answers, strict=True)}
    codes = {" ".join(call[:2]): code for call, (code, _) in zip(calls, answers, strict=True)}
    assert codes.pop("check class/ada.py") == 1
    assert set(codes.values()) == {0}, (codes, done.stderr)
    assert output["chapters"]["chapters"][-1]["exercises"] == [
        "tidal_range", "energy", "energy_gradient", "reader"
    ]  # fmt: skip
    assert {"tide_turns", "tide_heights"} <= {row["name"] for row in output["data"]["data"]}
    assert 0 <= output["train tide_turn"]["metrics"]["accuracy"] <= 1
    assert output["train tide_forecaster"]["metrics"]["loss"] >= 0
    assert (tmp_path / "mine" / "tides.py").read_text().count("def ") == 4
    wrong = {one["exercise"]: one["message"] for one in output["check class/ada.py"]["verdicts"]}
    assert wrong["energy"] == "You forgot the half."
    assert output["prove tides"]["exercises"] == {name: [] for name in wrong}
    assert output["grade class"]["learners"] == 1
    assert Path(output["study tide_wind"]["record"]) == folder / "results" / "tide_wind.json"
    assert [row["status"] for row in output["verify tides"]["results"]] == ["match"]


@pytest.mark.slow
@pytest.mark.drawn
def test_the_contract_and_the_gates_of_pages_hold_it(own):
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--rootdir", HERE.parent]
    chosen = ["-k", "tide", "-m", "not site", HERE / "test_contract.py", HERE / "test_site.py"]
    done = subprocess.run([*command, *chosen], env=own[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 30, done.stdout


@pytest.mark.slow
@pytest.mark.site
def test_the_site_shows_it(own, tmp_path):
    (tmp_path / "work").mkdir()
    command = [sys.executable, "-c", SITE, tmp_path / "work", tmp_path / "site"]
    done = subprocess.run(command, env=own[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lesson = (tmp_path / "site" / "tides" / "index.html").read_text()
    assert 'href="02-tomorrow.html"' in lesson
    assert (
        'id="chapters.tides.scratch.heights"'
        in (tmp_path / "site" / "tides" / "reference.html").read_text()
    )
    assert 'id="figure-tides-one_day"><div class="panels"' in lesson
