"""Every command, called well and badly, wherever people call it: no traceback."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from companion import cli

DRAW = os.environ.get("COMPANION_DRAW", "")
RUNNER = Path(__file__).with_name("sweep_runner.py")
NOWHERE = "http://127.0.0.1:9"
PLAIN_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
# Where a call happens: options of Python, variables, and words for the runner.
CIRCUMSTANCES = {
    "as usual": ([], {}, []),
    "no network": ([], {"TFDS_DATA_DIR": "", "https_proxy": NOWHERE, "http_proxy": NOWHERE}, []),
    "a folder that takes no file": ([], {}, []),
    "no home": ([], {"TFDS_DATA_DIR": "", "COMPANION_DATA_DIR": ""}, ["homeless"]),
    "40 columns": ([], {"COLUMNS": "40"}, []),
    "no terminal at all": ([], {"TERM": "dumb", "COLUMNS": "0"}, []),
    "a pipe that nobody reads": ([], {}, ["gone"]),
    "the plain locale": ([], PLAIN_LOCALE, []),
    "cp1252": ([], {"PYTHONIOENCODING": "cp1252"}, []),
    "ASCII": ([], {"PYTHONIOENCODING": "ascii"}, []),
    "PYTHONOPTIMIZE": ([], {"PYTHONOPTIMIZE": "2"}, []),
    "warnings are errors": (["-W", "error"], {}, []),
}  # fmt: skip
# What a right call of a verb names, where that does not work for minutes.
RIGHT = {
    "chapters": [[]],
    "models": [[]],
    "data": [[], ["get", "digits"], ["get", "cifar10"]],
    "start": [["neurons", "{folder}"]],
    "hint": [["im2col"]],
    "solution": [["im2col"]],
    "progress": [[], ["--save", "{folder}.json"]],
    "study": [[]],
    "examine": [["{folder}"]],
    "doctor": [[]],
    "train": [["--resume", "{folder}"], ["lenet5", "--data", "cifar10"]],
}


def calls(folder):
    """Every call, from the tree of commands: help, wrong names, wrong options, and right ones."""
    group = typer.main.get_command(cli.app)
    found = [[], ["--help"], ["--version"], ["nonesuch"], ["--nonesuch"], ["--json"]]
    for verb in cli.VERBS:
        parameters = group.get_command(None, verb).params
        names = ["nonesuch" for one in parameters if one.param_type_name == "argument"]
        found += [[verb, "--help"], [verb, *names, "--nonesuch"]]
        if names:
            found += [[verb, *names], [verb, *names, "--json"], [verb, *names, "one", "more"]]
            found += [[verb, "/dev/null", *names[1:]], [verb, " ", *names[1:]]]
        for one in parameters:
            if one.param_type_name == "option" and not one.is_flag and verb != "site":
                found.append([verb, *names, one.opts[0], "nonesuch"])
        for right in RIGHT.get(verb, []):
            given = [part.format(folder=folder) for part in right]
            found += [[verb, *given], [verb, *given, "--json"]]
    return [call for call in found if call[:1] != ["site"] or call[1:] == ["--help"]]


@pytest.mark.drawn
@pytest.mark.skipif(not hasattr(os, "fork"), reason="calls are forked from one process")
@pytest.mark.parametrize("name", CIRCUMSTANCES)
def test_no_call_ends_in_a_traceback(name, tmp_path):
    options, variables, words = CIRCUMSTANCES[name]
    asked = calls(tmp_path / "written")
    if DRAW:
        asked = random.Random(DRAW + name).sample(asked, 20)
    here = "/proc" if name == "a folder that takes no file" else tmp_path
    state = {} if "homeless" in words else {"COMPANION_STATE": str(tmp_path / "progress.jsonl")}
    state["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, *options, RUNNER, *words, json.dumps(asked)],
        capture_output=True, text=True, cwd=here, stdin=subprocess.DEVNULL,
        env={**os.environ, **state, **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wrong = []
    for call, (code, stdout, stderr) in zip(asked, json.loads(done.stdout), strict=True):
        ends = {0, 1, 2} | ({141} if "gone" in words else set())
        bad = "Traceback" in stderr or "Exception ignored" in stderr or code not in ends
        if "--json" in call[1:] and "gone" not in words and "--nonesuch" not in call:
            bad = bad or not isinstance(json.loads(stdout or "null"), dict)
        if bad:
            wrong.append((call, code, stdout[-300:], stderr[-1500:]))
    assert not wrong, f"{len(wrong)} of {len(asked)}"
    assert not (tmp_path / "~").exists()
