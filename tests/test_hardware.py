"""The plan for a machine, on machines that are not here; and one machine that plays two."""

import importlib.util
import json
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

import companion
from companion import data_files
from companion.errors import UserError
from companion.training import hardware
from companion.training.hardware import Accelerator, Machine, plan_for

GTX_1080 = Accelerator("NVIDIA GeForce GTX 1080", (6, 1))
T4 = Accelerator("Tesla T4", (7, 5))
V100 = Accelerator("Tesla V100-SXM2-16GB", (7, 0))
A100 = Accelerator("NVIDIA A100-SXM4-80GB", (8, 0))
H100 = Accelerator("NVIDIA H100 80GB HBM3", (9, 0))
H200 = Accelerator("NVIDIA H200", (9, 0))
TPU = Accelerator("TPU v4", None, "tpu")

MACHINES = [
    (Machine(), "float32", 1, "one device", "a CPU"),
    (Machine("jax"), "float32", 1, "one device", "a CPU"),
    (Machine("torch"), "float32", 1, "one device", "a CPU"),
    (Machine(accelerators=(GTX_1080,)), "float32", 1, "one device", "GTX 1080 has no tensor cores"),
    (Machine(accelerators=(T4,)), "mixed_float16", 1, "one device", "losses are scaled"),
    (Machine(accelerators=(V100,)), "mixed_float16", 1, "one device", "losses are scaled"),
    (Machine(accelerators=(A100,)), "mixed_bfloat16", 1, "one device", "A100"),
    (Machine(accelerators=(H100,)), "mixed_bfloat16", 1, "one device", "H100"),
    (Machine(accelerators=(H200,)), "mixed_bfloat16", 1, "one device", "H200"),
    (Machine(accelerators=(A100,) * 4), "mixed_bfloat16", 4, "MirroredStrategy", "4 devices"),
    (Machine("jax", (A100,) * 4), "mixed_bfloat16", 4, "DataParallel", "4 devices"),
    (Machine("torch", (A100,) * 4), "mixed_bfloat16", 1, "one device", "one of 4 devices"),
    (Machine(accelerators=(A100, V100)), "mixed_float16", 2, "MirroredStrategy", "V100"),
    (Machine("jax", (H100,) * 2, processes=2), "mixed_bfloat16", 2, "DataParallel", "2 devices"),
    (Machine("jax", processes=2, cpus=2), "float32", 2, "DataParallel", "2 devices"),
    (Machine("jax", (TPU,)), "mixed_bfloat16", 1, "one device", "TPU v4"),
    (Machine("jax", (TPU,) * 8), "mixed_bfloat16", 8, "DataParallel", "8 devices"),
]


@pytest.mark.parametrize(("machine", "precision", "devices", "strategy", "reason"), MACHINES)
def test_the_plan_suits_the_machine(machine, precision, devices, strategy, reason):
    plan = plan_for(machine)
    assert (plan.precision, len(plan.devices), plan.strategy.name) == (precision, devices, strategy)
    assert reason in plan.reason
    assert (plan.backend, plan.processes) == (machine.backend, machine.processes)
    assert json.loads(json.dumps(plan.to_json()))["precision"] == precision
    assert (f"a multiple of {devices}" in plan.batch) == (devices > 1)


def test_the_reader_overrides_the_plan():
    four = Machine(accelerators=(A100,) * 4)
    assert plan_for(four, "float32").precision == "float32"
    assert plan_for(four, "mixed_float16").reason.startswith("mixed_float16 was asked for")
    assert plan_for(four, devices="2").devices == (A100.name,) * 2
    assert plan_for(four, devices="1").strategy.name == "one device"
    assert plan_for(four, devices="cpu").devices == ("CPU",)
    assert plan_for(Machine(cpus=2), devices="all").strategy.name == "MirroredStrategy"
    assert plan_for(Machine("jax", cpus=2), devices="2").devices == ("CPU:0", "CPU:1")
    assert plan_for(Machine(cpus=2)).strategy.name == "one device"
    assert "most CPUs emulate it" in plan_for(Machine(), "mixed_bfloat16").reason


@pytest.mark.parametrize(
    ("machine", "precision", "devices", "message"),
    [
        (Machine(accelerators=(V100,)), "mixed_bfloat16", "auto",
         "V100-SXM2-16GB does not compute in bfloat16. Take --precision mixed_float16"),
        (Machine(accelerators=(A100, GTX_1080)), "mixed_bfloat16", "auto",
         "GTX 1080 does not compute in bfloat16. Take --precision float32"),
        (Machine("jax", (TPU,)), "mixed_float16", "auto", "TPU v4 does not compute in float16"),
        (Machine(), "auto", "2", r"tensorflow sees 1 device here \(the CPU\). Received: devices=2"),
        (Machine(accelerators=(A100,)), "auto", "4", "sees 1 device here .NVIDIA A100"),
        (Machine("torch", (A100,) * 4), "auto", "4", "one device under PyTorch. Set KERAS_BACKEND"),
        (Machine("jax", (A100,) * 4, processes=2), "auto", "2", "leave --devices out"),
        (Machine("tensorflow", processes=2), "auto", "auto", "Set KERAS_BACKEND=jax"),
        (Machine(), "auto", "0", "devices is a number or one of auto, cpu, all. Received: '0'"),
    ],
)  # fmt: skip
def test_what_the_machine_lacks_is_told(machine, precision, devices, message):
    with pytest.raises(UserError, match=message):
        plan_for(machine, precision, devices)


def test_devices_share_a_batch_in_equal_parts():
    plan = plan_for(Machine(accelerators=(A100,) * 3))
    plan.check_batch(96)
    with pytest.raises(UserError, match=r"3 devices share a batch.*batch_size=64. Take 63 or 66"):
        plan.check_batch(64)


def test_a_missing_gpu_is_told_with_the_command_to_get_it():
    nothing = hardware.gpu_advice("tensorflow", card=False, driver=False)
    assert nothing.startswith("No GPU is seen")
    bare = hardware.gpu_advice("jax", card=True, driver=False)
    assert "a card without a driver" in bare.replace("an NVIDIA ", "a ")
    assert "jax[cuda13]" in bare
    blind = hardware.gpu_advice("tensorflow", card=True, driver=True)
    assert 'pip install "tensorflow[and-cuda]"' in blind


def test_a_backend_that_is_not_installed_is_told_before_it_is_loaded(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr(hardware.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install \"lecture-companion\[torch\]\""):
        hardware.backend_name()
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    with pytest.raises(UserError, match="Received: 'numpy'"):
        hardware.backend_name()


def test_the_command_line_checks_the_backend_and_the_devices():
    for backend, options, said in (
        ("mxnet", [], "KERAS_BACKEND is one of"),
        ("tensorflow", ["--devices", "gpu"], "devices is a number or one of"),
        ("tensorflow", ["--process", "0"], "all of --coordinator, --processes and --process"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "companion", "train", "lenet5", *options],
            capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": backend},
        )  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr.replace("\n", " ")


def test_the_precision_policy_is_put_back():
    before = keras.config.dtype_policy().name
    with hardware.following(hardware.plan("mixed_bfloat16", "cpu")):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == before


def dense_network(classes=10, outputs="float32"):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(classes, activation="softmax", dtype=outputs),
        ]
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_statistics_of_a_normalization_are_taken_in_float32(policy):
    x = np.random.default_rng(0).normal(300, 250, (64, 2, 2, 8)).astype("float32")
    normalization = keras.layers.BatchNormalization(momentum=0.0, dtype=policy)
    normalization(x, training=True)
    assert normalization.moving_variance.dtype == "float32"
    # The squares of such numbers are beyond float16's 65,504.
    variance = keras.ops.convert_to_numpy(normalization.moving_variance)
    np.testing.assert_allclose(variance, x.var((0, 1, 2)), rtol=0.02)
    from chapters.convnets.imagenet import LocalResponseNormalization

    half, full = (LocalResponseNormalization(dtype=kind)(x) for kind in (policy, "float32"))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(keras.ops.cast(half, "float32")),
        keras.ops.convert_to_numpy(full),
        rtol=0.03, atol=0.1,
    )  # fmt: skip


def test_a_run_whose_gradients_overflow_float16_recovers():
    class Overflow(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 0:
                self.scale = self.model.optimizer.dynamic_scale
                self.scale.assign(2.0**30)

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0 and self.model.optimizer.iterations == 0:
                self.skipped = True  # the first step was not taken

    overflow = Overflow()
    run = companion.train(
        dense_network, epochs=3, precision="mixed_float16", callbacks=[overflow],
        show_progress=False,
    )  # fmt: skip
    assert overflow.skipped
    assert float(overflow.scale.numpy()) < 2.0**20
    assert run.status == "finished"
    assert all(np.isfinite(weight).all() for weight in run.model.get_weights())
    assert run.history["val_loss"].iloc[-1] < run.history["val_loss"].iloc[0] - 0.1


TWO_DEVICES = """
    import sys
    import companion
    import tensorflow as tf
    from companion.training import recorder

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    import keras
    from tests.test_hardware import dense_network

    def train(devices, model=dense_network, learning_rate=1e-3, **options):
        changes = dict(epochs=2, batch_size=128, show_progress=False, seed=3)
        changes["learning_rate"] = learning_rate
        return companion.train(model, devices=devices, **changes, **options)

    def largest_difference(run, other):
        columns = ["loss", "accuracy", "val_loss", "val_accuracy"]
        in_history = (run.history[columns] - other.history[columns]).abs().max().max()
        return max(in_history, abs(run.metrics["loss"] - other.metrics["loss"]))
"""

TAKE_OVER = """
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    recorder.SECONDS_BETWEEN_SAVES = 0
    one = train("cpu")
    keras.utils.set_random_seed(3)
    two = train("2", dense_network())  # a built model is spread over the devices
    try:
        train("all", output=sys.argv[1], callbacks=[Stop()])
    except KeyboardInterrupt:
        pass
    moved = companion.resume(sys.argv[1], devices="cpu", show_progress=False)
    assert two.hardware["devices"] == ("CPU:0", "CPU:1"), two.hardware
    assert two.hardware["strategy"] == "MirroredStrategy"
    assert moved.hardware["strategy"] == "one device"
    for run in (two, moved):
        difference = largest_difference(run, one)
        assert difference < 1e-5, (run.hardware["strategy"], difference)
    try:
        train("3")
    except ValueError as error:
        print(error)
"""

# In float32, a rate of 5e-3 makes their rounding errors grow beyond 1e-5.
ALIKE_BUT_FOR_ROUNDING = """
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")

    def exact(devices):
        keras.utils.set_random_seed(3)
        return train(devices, dense_network(outputs="float64"), learning_rate=5e-3)

    one, two = exact("cpu"), exact("2")
    assert one.hardware["strategy"] == "one device"
    assert two.hardware["strategy"] == "MirroredStrategy"
    assert {weight.dtype for weight in two.model.weights} == {"float64"}
    difference = largest_difference(two, one)
    assert difference < 1e-10, difference
"""


def run_on_two_devices(what, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TWO_DEVICES + what), *arguments],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=data_files.CLONE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.drawn
def test_two_devices_give_the_losses_of_one_and_take_over_each_others_runs(tmp_path):
    output = run_on_two_devices(TAKE_OVER, tmp_path / "run")
    assert "tensorflow sees 2 devices here (the CPU). Received: devices=3" in output


@pytest.mark.slow
@pytest.mark.drawn
def test_two_devices_differ_from_one_by_rounding_alone():
    run_on_two_devices(ALIKE_BUT_FOR_ROUNDING)


RESUMED = """
    import sys
    import companion
    import keras
    import numpy as np
    from companion.training import recorder

    def network(classes=10):
        layers = keras.layers
        return keras.Sequential([
            keras.Input((8, 8, 1)), layers.Flatten(), layers.BatchNormalization(),
            layers.Dropout(0.3), layers.Dense(classes, activation="softmax", dtype="float32"),
        ])

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (1, 5):
                raise KeyboardInterrupt

    recorder.SECONDS_BETWEEN_SAVES = 0
    options = dict(epochs=2, batch_size=64, show_progress=False)
    whole = companion.train(network, **options)
    try:
        companion.train(network, output=sys.argv[1], callbacks=[Stop()], **options)
    except KeyboardInterrupt:
        pass
    resumed = companion.resume(sys.argv[1], show_progress=False)
    assert resumed.hardware["backend"] == sys.argv[2]
    for ours, theirs in zip(whole.model.get_weights(), resumed.model.get_weights()):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert whole.metrics == resumed.metrics
"""


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_stopped_run_ends_alike_on_another_backend(tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(RESUMED), tmp_path / "run", backend],
        capture_output=True, text=True, cwd=data_files.CLONE,
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


SPEED = """
    import json, sys
    sys.modules["tensorflow"] = None  # as where it is not installed
    from benchmarks import precision

    print(json.dumps(precision.measure("pyramid_rnn", "mixed_bfloat16", 4, small=True)))
"""


@pytest.mark.slow
def test_the_speed_of_a_precision_is_measured_on_jax_where_there_is_no_tensorflow():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SPEED)],
        capture_output=True, text=True, cwd=data_files.CLONE,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout.splitlines()[-1])
    assert row["machine"] == "CPU"
    assert 0 < row["spread"][0] <= row["per_second"] <= row["spread"][1]
    assert row["operations_per_second"] > row["per_second"]
