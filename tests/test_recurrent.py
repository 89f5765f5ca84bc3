"""Recurrent layers: with a fused kernel they read as Keras's masked loop does, on any backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from companion import recurrent
from companion.layers import recurrent_classifier
from companion.training import hardware

ROOT = Path(__file__).parents[1]
KINDS = {"tensorflow": 2, "jax": 1, "torch": 3}


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("backend", KINDS)
def test_a_fused_kernel_reads_any_mask_as_the_loop_does(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "recurrent_reading.py"],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",  # threads wait for one another at every step of a small batch
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    if backend == "jax":
        assert 0 < result.pop("lstm in half precision") < 2.3  # ten classes by chance: ln 10
    assert len(result) == 6 * KINDS[backend]
    assert max(result.values()) < 1e-5, result


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_without_a_kernel_a_layer_is_kerass_own_with_its_names_and_weights(kind, tmp_path):
    assert not recurrent.has_kernel(kind)  # TensorFlow's is for a GPU
    ours = recurrent_classifier(
        "one", kind, (None, 3), 4, layer="both", both_ways=True, units=(5, 6), mask_value=0.0
    )
    x = sequences = keras.Input((None, 3), name="sequence")
    x = layers.Masking(0.0, name="mask")(x)
    for number, (size, states) in enumerate(((5, True), (6, False)), start=1):
        inner = getattr(layers, kind)(size, return_sequences=states)
        x = layers.Bidirectional(inner, name=f"both{number}")(x)
    x = layers.Dense(4, activation="softmax", dtype="float32", name="output")(x)
    kerass = keras.Model(sequences, x, name="one")

    kerass.save_weights(tmp_path / "kerass.weights.h5")
    ours.load_weights(tmp_path / "kerass.weights.h5")
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(6, 7, 3)).astype("float32")
    batch[0], batch[1, 3:], batch[2, :2] = 0, 0, 0  # a silent one, padding on either side
    np.testing.assert_array_equal(ours(batch), kerass(batch))
    ours.save(tmp_path / "ours.keras")
    again = keras.saving.load_model(tmp_path / "ours.keras")
    assert type(again.get_layer("both1").forward_layer) is getattr(recurrent, kind)
    np.testing.assert_array_equal(again(batch), kerass(batch))


def test_the_places_of_steps_lead_to_the_front_and_back():
    mask = np.array([[0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]], bool)
    result = recurrent.step_order(keras.ops.convert_to_tensor(mask))
    np.testing.assert_array_equal(result.order, [[1, 3, 0, 2], [0, 1, 2, 3], [0, 1, 2, 3]])
    np.testing.assert_array_equal(result.rank, [[0, 1, 1, 2], [1, 2, 2, 2], [0, 0, 0, 0]])
    np.testing.assert_array_equal(result.lengths, [2, 2, 1])
    np.testing.assert_array_equal(result.empty[:, 0], [False, False, True])


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
        {"use_bias": False},
        {"recurrent_dropout": 0.1},
        {"unroll": True},
        {"dtype": "float64"},
        {"use_cudnn": False},
    ],
)
def test_a_layer_that_no_kernel_computes_keeps_to_the_loop(options, monkeypatch):
    monkeypatch.setattr(recurrent, "has_kernel", lambda kind: True)
    assert recurrent.LSTM(4).fits
    assert not recurrent.LSTM(4, **options).fits
    assert recurrent.GRU(4).fits
    assert not recurrent.GRU(4, reset_after=False).fits


def test_compiled_programs_are_kept_in_the_users_cache_folder(tmp_path, monkeypatch):
    jax = pytest.importorskip("jax")
    from jax.experimental.compilation_cache import compilation_cache

    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_compilation_cache_max_size",
    )
    before = {name: getattr(jax.config, name) for name in names}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        jax.config.update("jax_compilation_cache_dir", "/chosen/by/the/reader")
        assert hardware.keep_programs() == Path("/chosen/by/the/reader")
        jax.config.update("jax_compilation_cache_dir", None)
        (tmp_path / "lecture-companion").write_text("in the way")
        assert hardware.keep_programs() is None
        (tmp_path / "lecture-companion").unlink()
        folder = hardware.keep_programs()
        assert folder == tmp_path / "lecture-companion" / "jax"
        jax.jit(lambda x: 3 * x + 1)(2.0).block_until_ready()
        assert list(folder.glob("jit__lambda*"))
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


@pytest.mark.slow
@pytest.mark.drawn
def test_the_script_for_a_card_runs_on_a_cpu_without_tensorflow(tmp_path):
    pytest.importorskip("jax")
    pytest.importorskip("torch")
    for name in ("tensorflow", "tensorflow_datasets"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('{name}')")
    written = tmp_path / "gpu.json"
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "gpu.py", "--small", "--json", written],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(written.read_text())
    checks = [row for row in rows if "right" in row]
    assert {row["part"] for row in checks} == {"kernels", "models"}
    assert len(checks) == 4 + 3
    assert all(row["right"] for row in checks)
    assert max(row.get("difference", 0) for row in checks) < 1e-5
    speeds = {row["part"]: row["per_second"] for row in rows if "per_second" in row}
    assert set(speeds) == {"companion:pyramid_rnn:float32", "pytorch:pyramid_rnn:float32"}
    assert min(speeds.values()) > 0
