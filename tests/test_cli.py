"""The command line: one JSON object, plain words, and three exit codes."""

import importlib.util
import json
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
import typer

import chapters
from companion import cli, console
from companion.cli import main
from companion.training import measuring

HEAVY = {"keras", "tensorflow", "matplotlib", "pandas", "jax", "torch"}


def companion(*arguments, folder=None):
    command = [sys.executable, "-m", "companion", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.fixture
def call(monkeypatch, capfd, tmp_path):
    """The command line without a process of its own, run in an empty folder."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["companion", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return subprocess.CompletedProcess(arguments, end.value.code, *capfd.readouterr())

    monkeypatch.chdir(tmp_path)
    return run


def one_object(done):
    """The single JSON object on stdout, and nothing else there."""
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["chapters"], ["models"], ["data"], ["study"], ["progress"]]
)
def test_looking_around_loads_no_heavy_package(arguments):
    code = (
        "import sys\n"
        f"sys.argv = ['companion', *{arguments!r}]\n"
        "from companion.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_every_verb_has_help_and_takes_json(call):
    listed = call("--help").stdout
    group = typer.main.get_command(cli.app)
    for verb in cli.VERBS:
        assert f" {verb} " in listed
        command = group.get_command(None, verb)
        assert "--json" in {name for option in command.params for name in option.opts}, verb
        assert command.help, verb
    assert set(cli.VERBS) == set(cli.COMMANDS)


def test_a_verb_loads_what_it_needs_and_no_other_verbs():
    code = (
        "import sys\nsys.argv = ['companion', 'chapters']\nfrom companion.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "companion.cli.book" in loaded
    assert not loaded & {"numpy", "pydantic", "companion.cli.training", "companion.cli.exercises"}


def test_the_version_is_the_packages(call):
    assert call("--version").stdout == f"companion {metadata.version('lecture-companion')}\n"


@pytest.mark.parametrize("option", [["--chapters", "nowhere"], ["--chapters=nowhere"]])
@pytest.mark.parametrize("first", [True, False])
def test_a_teachers_chapters_are_named_anywhere_in_a_call(call, monkeypatch, option, first):
    monkeypatch.setattr(chapters, "__path__", list(chapters.__path__))
    monkeypatch.setenv("COMPANION_CHAPTERS", "")
    done = call(*([*option, "models"] if first else ["models", *option]))
    assert done.returncode == 2
    assert "Received: " in done.stderr
    assert "nowhere" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        (["models", "--chapters"], "nothing"),
        (["--chapters=", "models"], "nothing"),
        (["models", "--chapters", "--json"], "--json"),
    ],
)
def test_chapters_without_a_folder_are_refused(call, monkeypatch, arguments, received):
    monkeypatch.setattr(chapters, "__path__", list(chapters.__path__))
    done = call(*arguments)
    assert done.returncode == 2
    assert f"--chapters DIR. Received: {received}." in " ".join(done.stderr.split())
    assert len(chapters.__path__) == 1


def test_a_wrong_option_says_where_to_look(call):
    done = call("train", "lenet5", "--epoch", "3")
    assert "train --help` says what it takes." in " ".join(done.stderr.split())


def test_json_holds_null_where_a_number_is_not_finite(capfd):
    console.print_json({"loss": [1.5, float("nan"), np.float64("inf")], "seed": 3})
    written = capfd.readouterr().out
    assert json.loads(written, parse_constant=pytest.fail) == {"loss": [1.5, None, None], "seed": 3}


def test_json_is_one_object_with_the_books_facts(call):
    numbers = [row["number"] for row in one_object(call("chapters", "--json"))["chapters"]]
    assert numbers == sorted(numbers)
    models = {row["name"]: row for row in one_object(call("models", "--json"))["models"]}
    assert models["lenet5"]["parameters"] == 61_706
    assert models["lenet5_1998"]["parameters"] == 60_000
    data = {row["name"]: row for row in one_object(call("data", "--json"))["data"]}
    assert data["digits"]["available"] is True
    assert data["mnist"]["licence"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "lenet6"], "There is no model named 'lenet6'. Did you mean 'lenet5'?"),
        (["train", "lenet5", "--data", "digit"], "Did you mean 'digits'?"),
        (["train"], "Name a model to train"),
        (["train", "lenet5", "--epoch", "3"], "--epochs"),
        (["train", "lenet5", "--epochs", "few"], "--epochs': Input should be a valid integer"),
        (["train", "--resume", "nowhere"], "nowhere holds no run"),
        (["train", "--resume", "x", "--epochs", "3"], "Leave out --epochs"),
        (["data", "get"], "Name the data set to get"),
        (["data", "put"], "Expected `list` or `get`. Received: 'put'"),
        (["data", "get", "minst"], "Did you mean 'mnist'?"),
        (["modles"], "models"),
        (["start", "convolutions"], "Did you mean 'convolution'?"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why(call, arguments, message):
    done = call(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    again = call(*arguments, "--json")
    assert again.returncode == 2
    assert message in one_object(again)["error"]


@pytest.mark.slow
@pytest.mark.drawn
def test_train_keeps_a_run_and_prints_it(tmp_path):
    first = companion("train", "lenet5", "--epochs", "1", "--json", folder=tmp_path)
    assert first.returncode == 0, first.stderr
    result = one_object(first)
    assert result["status"] == "finished"
    assert 0 <= result["metrics"]["accuracy"] <= 1
    assert result["asked"]["data"] == "digits"
    assert (tmp_path / result["folder"] / "model.keras").exists()
    # TensorFlow's own messages do not reach the reader: our lines are all there is.
    resized, *epochs = first.stderr.splitlines()
    assert resized.startswith("digits: 8×8×1 becomes 28×28×1")
    assert all(line.startswith("epoch ") for line in epochs), first.stderr
    second = companion("train", "lenet5", "--epochs", "1", folder=tmp_path)
    assert "lenet5-digits-seed0-2" in second.stdout
    assert "test accuracy" in second.stdout


@pytest.mark.slow
def test_doctor_says_what_there_is_and_what_to_do(tmp_path):
    done = companion("doctor", "--json", folder=tmp_path)
    result = one_object(done)
    assert done.returncode == 0
    assert result["plan"]["precision"] in ("float32", "mixed_float16", "mixed_bfloat16")
    assert result["versions"]["keras"]
    assert "digits" in result["data"]
    if result["plan"]["devices"] == ["CPU"]:
        assert "tensorflow[and-cuda]" in " ".join(result["advice"])


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
def test_doctor_measures_and_draws_the_roofline(tmp_path):
    done = companion("doctor", "--measure", "--output", "roof.svg", "--json", folder=tmp_path)
    result = one_object(done)["measured"]
    assert done.returncode == 0
    assert {"float32", "bfloat16", "float16"} == set(result["matrix_rates"])
    assert result["bandwidth"] > 0
    for step in result["steps"]:
        assert step["share_of_matrix_rate"] == step["rate"] / result["matrix_rates"]["float32"]
    assert all(set(one) == set(measuring.MODELS) for one in result["other_backends"].values())
    assert ("jax" in result["other_backends"]) == bool(importlib.util.find_spec("jax"))
    assert "<svg" in (tmp_path / "roof.svg").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--output", "roof.png"], "Give both"), (["--measure", "--output", "roof.txt"], "roof.txt")],
)
def test_doctor_draws_only_what_it_measures_and_only_pictures(options, message, tmp_path):
    done = companion("doctor", *options, folder=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True)
