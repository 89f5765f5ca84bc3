"""Settings of a machine that are not the companion's own: no result depends on them in silence."""

import errno
import io
import json
import os
import subprocess
import sys

import pytest

from companion import catalogue, console, keras_settings
from companion.cli import main, surroundings

ODD = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 1e-3}
# Parameters and answers of models that read images, recordings and sequences.
ANSWERS = """
import json, sys
if "first" in sys.argv:
    import companion
import keras, numpy as np
from companion import catalogue, training
names = (
    "acrnn", "lenet5", "lenet5_1998", "resnet_cifar", "spatial_dropout_cnn", "augmented_cnn", "gru"
)
said = {}
for name in names:
    keras.utils.set_random_seed(0)
    model = catalogue.builder(name)()
    shape = [size or 20 for size in model.input_shape[1:]]
    x = np.random.default_rng(0).random((2, *shape)).astype("float32")
    said[name] = model.count_params(), np.asarray(model(x)).tolist(), model.dtype_policy.name
run = training.train("spatial_dropout_cnn", epochs=1, show_progress=False)
said["run"] = run.metrics, run.hardware["precision"], run.model.loss.dtype
print(json.dumps(said))
"""


def companion(*arguments, keras_json=None, folder=None, **variables):
    if keras_json is not None:
        (folder / "keras.json").write_text(
            keras_json if isinstance(keras_json, str) else json.dumps(keras_json)
        )
        variables["KERAS_HOME"] = str(folder)
    command = [sys.executable, "-m", "companion", *arguments]
    if arguments[0] == "-c":
        command = [sys.executable, *arguments]
    env = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env)


@pytest.fixture
def call(monkeypatch, capfd, tmp_path):
    """The command line without a process of its own, run in an empty folder."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["companion", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return subprocess.CompletedProcess(arguments, end.value.code, *capfd.readouterr())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "progress.jsonl"))
    return run


@pytest.fixture
def homeless(monkeypatch):
    """A user without HOME and without an entry in passwd."""
    pwd = pytest.importorskip("pwd", reason="a table of users is POSIX's")

    def no_entry(user):
        raise KeyError(user)

    for name in ("HOME", "TFDS_DATA_DIR", "COMPANION_DATA_DIR", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", no_entry)


@pytest.mark.slow
@pytest.mark.drawn
def test_models_and_runs_are_the_same_whatever_keras_json_says(tmp_path):
    usual = companion("-c", ANSWERS, "first", keras_json={}, folder=tmp_path)
    # Keras is loaded before the companion, as many a notebook does.
    odd = companion("-c", ANSWERS, keras_json=ODD, folder=tmp_path)
    result = json.loads(odd.stdout)
    assert result["acrnn"][0] == 340_548
    assert result == json.loads(usual.stdout)
    assert result["run"][1:] == ["float32", "float32"]
    assert "image_data_format 'channels_first' (here 'channels_last')" in odd.stderr
    assert usual.stderr == ""


def test_a_session_gets_its_own_settings_back_after_a_training():
    import keras

    keras.config.set_image_data_format("channels_first")
    try:
        with keras_settings.keras_defaults():
            assert keras.config.image_data_format() == "channels_last"
            layer = keras.layers.Conv2D(2, 3)
        assert keras.config.image_data_format() == "channels_first"
        assert layer.data_format == "channels_last"
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    ("keras_json", "message"),
    [
        ({"floatx": "bfloat16"}, "Keras cannot be loaded: Invalid `floatx`"),
        ({"backend": "theano"}, "`backend` in {file} is one of tensorflow, jax, torch"),
    ],
)
def test_a_keras_json_that_keras_refuses_is_named(keras_json, message, tmp_path):
    done = companion("train", "mlp", keras_json=keras_json, folder=tmp_path, KERAS_BACKEND="")
    assert done.returncode == 2
    assert message.format(file=tmp_path / "keras.json") in done.stderr
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "keras.json") in done.stderr


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "\ufeff{}", ""])
def test_a_damaged_keras_json_counts_for_nothing(content, tmp_path, monkeypatch):
    (tmp_path / "keras.json").write_text(content, encoding="utf-8")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert keras_settings.read() == keras_settings.ignored_settings() == {}


def test_without_a_home_training_goes_on_and_data_say_what_to_set(call, homeless):
    for arguments in (["data"], ["data", "get", "mnist"], ["train", "mlp", "--data", "mnist"]):
        done = call(*arguments)
        assert (done.returncode, "Set TFDS_DATA_DIR" in done.stderr) == (2, True), arguments
    assert call("train", "mlp", "--epochs", "1").returncode == 0
    assert call("hint", "im2col").returncode == 0
    result = json.loads(call("doctor", "--json").stdout)
    assert "Set HOME" in result["settings"]["home"]
    assert result["settings"]["home"] in result["advice"]
    assert "digits" in result["data"]


class Narrow(io.TextIOWrapper):
    """A stdout of another encoding than UTF-8, as PYTHONIOENCODING makes it."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding)

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_solutions_and_hints_are_shown_in_narrow_encodings(encoding, call, monkeypatch):
    names = [
        name
        for entry in catalogue.discover()
        for name in entry.exercise_names()
        if entry.name in ("convolution", "backprop")
    ]
    assert "cross_correlate" in names
    for name in names:
        for arguments in (["solution", name], ["hint", name], ["solution", name, "--json"]):
            stream = Narrow(encoding)
            with monkeypatch.context() as patch:
                patch.setattr(sys, "stdout", stream)
                patch.setattr(sys, "__stdout__", stream)
                assert call(*arguments).returncode == 0, arguments
            output = stream.text()
            if "--json" in arguments:
                assert output.isascii()
                assert name in json.loads(output)["solution"]
                assert ("Σ" in json.loads(output)["solution"]) or name != "cross_correlate"
            else:
                assert name in output


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("verb", ["models", "nonesuch"])
def test_a_pipe_that_nobody_reads_ends_a_command_in_silence(verb, options):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "companion", verb, *options]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    printed = verb == "models" or options
    assert (done.returncode, done.stderr == "") == ((141, True) if printed else (2, False))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_said():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "companion", "models", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert os.strerror(errno.ENOSPC) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_stdout_stops_no_command():
    command = [sys.executable, "-m", "companion", "models"]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("verb", ["models", "chapters", "data"])
def test_names_are_whole_at_every_width(width, verb, call, monkeypatch):
    monkeypatch.setattr(console.out, "width", width)
    output = call(verb).stdout
    known = {"models": catalogue.models(), "data": ["sentiment_sentences", "ecg_synthetic"]}
    names = known.get(verb) or [entry.name for entry in catalogue.discover()]
    longest = [name for name in names if len(name) <= width]
    assert longest
    assert [name for name in longest if name not in output] == []
    assert "…" not in output
    assert max(map(len, output.splitlines())) <= width


@pytest.mark.slow
@pytest.mark.drawn
def test_optimised_python_trains_and_lists(tmp_path):
    for arguments in (["models"], ["train", "mlp", "--epochs", "1", "--json"]):
        done = companion(*arguments, folder=tmp_path, PYTHONOPTIMIZE="2")
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "finished"


def test_doctor_knows_each_setting_that_changes_a_result(tmp_path, monkeypatch):
    before = surroundings.settings()
    (tmp_path / "keras.json").write_text(json.dumps({**ODD, "backend": "jax"}))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "keras.json"))
    monkeypatch.setattr(sys, "__stdout__", Narrow("cp1252"))
    monkeypatch.setattr(surroundings.isolation, "best", surroundings.isolation.Sandbox)
    monkeypatch.setattr(surroundings.os, "access", lambda path, mode: False)
    result = surroundings.settings()
    wanted = {
        "keras.json": "channels_first",
        "backend": "'jax'",
        "KERAS_MAX_EPOCHS": "unset KERAS_MAX_EPOCHS",
        "CUDA_VISIBLE_DEVICES": "unset",
        "data": "TFDS_DATA_DIR",
        "encoding": "PYTHONIOENCODING=utf-8",
        "folder": "--output",
    }
    if sys.platform == "linux":
        wanted["sandbox"] = "bubblewrap"
    for name, advice in wanted.items():
        assert advice in result[name], name
        assert name not in before or name in ("encoding", "sandbox", "data", "CUDA_VISIBLE_DEVICES")
