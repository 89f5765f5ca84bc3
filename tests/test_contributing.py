"""CONTRIBUTING, followed word for word in a copy of the tree; the settings that others read."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from javascript import needs_node

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "CONTRIBUTING.md"
# "Add to `FILE`, above `LINE`:" or "Write `FILE`…:", then a block; or a block of commands alone.
STEP = re.compile(
    r"(?:(?P<how>Add to|Write)\s`(?P<file>[^`]+)`(?:,\s+above\s+`(?P<line>[^`]+)`)?[^`:]*"
    r"(?:`[^`]+`[^`:]*)?:\n\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
PARTS = ("A chapter", "An exercise", "A data set", "A study", "A figure", "An interactive figure")


def steps(part):
    """The steps under a heading of CONTRIBUTING, in order."""
    text = GUIDE.read_text(encoding="utf-8")
    below = text.partition(f"\n### {part}\n")[2]
    return list(STEP.finditer(re.split(r"^##", below, maxsplit=1, flags=re.MULTILINE)[0]))


def write(step, tree):
    """Put a step's code where the step says."""
    file, code = tree / step["file"], step["code"]
    text = file.read_text(encoding="utf-8") if step["how"] == "Add to" else ""
    if step["line"]:
        assert text.count(step["line"] + "\n") == 1, f"{step['file']}: no one {step['line']!r}"
        text = text.replace(step["line"] + "\n", f"{code}{step['line']}\n")
    else:
        text = f"{text}\n\n{code}" if text else code
    file.write_text(text, encoding="utf-8")


def run(step, tree):
    """Run a step's commands, and return what they print."""
    done = subprocess.run(
        ["bash", "-euxc", step["code"]],
        cwd=tree,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(tree),
            "PYTEST_ADDOPTS": "-n0",
            "COMPANION_STATE": os.devnull,
            "COMPANION_DRAW": "",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{step['code']}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree, as a clone would be."""
    folder = tmp_path_factory.mktemp("clone")
    unwanted = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build", "site", "runs")
    shutil.copytree(ROOT, folder, ignore=unwanted, dirs_exist_ok=True)
    return folder


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
@needs_node
@pytest.mark.skipif(not shutil.which("perl"), reason="renames with Perl")
def test_a_newcomer_who_does_what_stands_there_adds_one_thing_of_each_kind(tree):
    printed = []
    for part in PARTS:
        for step in steps(part):
            if step["file"]:
                write(step, tree)
            else:
                printed.append((part, run(step, tree)))
    output = dict(printed)
    assert int(re.search(r"(\d+) passed", output["A chapter"])[1]) > 20
    assert "snow_thaw" in output["A data set"]
    assert " match " in output["A study"]
    assert "1 passed" in output["A figure"]
    assert "passed" in output["An interactive figure"]


def test_the_steps_are_few_and_each_is_read():
    """About ten lines each; a block that no step claims would not be followed."""
    for part in PARTS:
        result = steps(part)
        assert [one for one in result if one["language"] == "bash"], f"{part} ends with no command"
        for step in result:
            assert step["file"] or step["language"] == "bash", f"{part}: {step['code']}"
            assert step["code"].count("\n") <= 18, f"{part} is long: {step['code']}"


def settings():
    """What setup.cfg says of the package."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser["metadata"]


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_citation_and_the_changes_name_the_version_that_is_released():
    version, cited = settings()["version"], read_yaml("CITATION.cff")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    latest = re.search(r"^## (\d[\d.]*) - (\S+)$", changes, re.MULTILINE)
    assert (cited["version"], str(cited["date-released"])) == (latest[1], latest[2])
    assert version == latest[1]


def test_the_pythons_that_are_promised_are_tried_on_three_systems():
    promised = re.findall(r":: (3\.\d+)$", settings()["classifiers"], re.MULTILINE)
    matrix = read_yaml(".github/workflows/tests.yml")["jobs"]["quick"]["strategy"]["matrix"]
    assert matrix["python"] == promised
    assert [name.partition("-")[0] for name in matrix["system"]] == ["ubuntu", "macos", "windows"]


def test_the_linters_before_a_commit_are_those_of_continuous_integration():
    integration = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    integration = integration.replace("schema ", "check-jsonschema --builtin-schema vendor.")
    hooks = [
        hook for repo in read_yaml(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
    ]
    for hook in hooks:
        assert hook["language"] == "system", f"{hook['id']} would be fetched"
        if "pre-push" not in hook.get("stages", ()):
            assert hook["entry"].removesuffix(" --fix") in integration
    early = {one["entry"].split()[0] for one in hooks if "pre-push" not in one.get("stages", ())}
    assert early == {"ruff", "mypy", "lint-imports", "check-jsonschema", "zizmor"}
