"""Half precision beside float32: as accurate on any machine, and how much faster on a GPU.

    python benchmarks/precision.py accuracy [--models NAME …] [--seconds N] [--seeds N]
    python benchmarks/precision.py speed [--networks NAME …] [--batch-size N] [--no-tf32]

Both take --json FILE, and run on the backend that KERAS_BACKEND names.

*accuracy* trains every model of the catalogue for a short while under float32, mixed_float16 and
mixed_bfloat16, from the same first weights and on the same batches, and compares the accuracy on
all examples that it was not trained on; half precision should stay within half a point. A model
that is large by default is built small, and one that takes long to settle is trained under float32
first. Two trainings that round differently part ways like two seeds, so a difference comes with
its standard error over the seeds, of which each model gets as many as fit into --seconds, two at
least. It needs no GPU: a CPU emulates the formats, on JAX without much delay. The wide networks
(alexnet, zfnet) and augmented_cnn, which JAX compiles for minutes, take PyTorch.

*speed* needs a GPU, and no table of it is recorded yet: `KERAS_BACKEND=jax python
benchmarks/precision.py speed --json speed.json` on a machine that has one makes it. For vgg("D")
and ResNet-50 at 224×224, the ECG network of 34 layers and the pyramid RNN, each row in a process
of its own, it trains on one batch over and over, as compiled by Keras, and prints images (or
recordings) per second, peak memory, and the share of the matrix rate that a plain product of two
8192×8192 matrices reaches on the same card in the same format. float32 multiplies in TF32 on
Ampere and later; --no-tf32 turns that off. What does not fit into memory at the given batch size
is reported as such. --small tries the code out on any device, with networks of a few layers: its
numbers mean nothing.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import companion  # noqa: F401  (first: it keeps TensorFlow quiet)

# isort: split
import keras
import numpy as np
from scipy.stats import t as student

from companion import catalogue
from companion.datasets import load
from companion.training import hardware
from companion.training.batches import Batches
from companion.training.measuring import matrix_rate, operations, same_batch

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
MATRIX = 8192
MOST_SEEDS = 8


@dataclass(frozen=True)
class Setting:
    """How a model of the catalogue is built and trained for the comparison."""

    steps: int = 240  # of 32 examples
    rate: float = 3e-3
    build: dict = field(default_factory=dict)
    before: int = 0  # how many times as many steps float32 takes first, for all three
    he: bool = False  # He's first weights (2015): Glorot's shrink what passes sixteen layers


VGG = {"input_shape": (32, 32, 1), "filters": 8, "units": 128}
ECG = {"input_shape": (1500, 1), "stages": ((8, 1, 7), (12, 1, 7), (16, 1, 5))}
# Sizes and lengths at which a model settles; one that has not tells nothing about precision.
SETTINGS = {
    "augmented_cnn": Setting(before=3),
    "from_pattern": Setting(build={"input_shape": (8, 8, 1)}),
    "gap_classifier": Setting(720, build={"input_shape": (16, 16, 1)}),
    "conv1d_classifier": Setting(600, before=2),
    "conv3d_classifier": Setting(build={"input_shape": (4, 8, 8, 1), "filters": 8}, before=3),
    "alexnet": Setting(60, 5e-4, {"units": 512}, before=8, he=True),
    "zfnet": Setting(30, 5e-4, {"units": 512}, before=16, he=True),
    "googlenet": Setting(80, 5e-4, before=15, he=True),
    **dict.fromkeys(("vgg_a", "vgg_b"), Setting(240, 1e-3, VGG, before=4)),
    **dict.fromkeys(("vgg_c", "vgg_d", "vgg_e"), Setting(240, 1e-3, VGG, before=4, he=True)),
    "pyramid_rnn": Setting(600, 1e-3, before=3),
    "cnn": Setting(240, 3e-3, ECG, before=2),
    **dict.fromkeys(("crnn", "acrnn"), Setting(480, 3e-3, {**ECG, "units": 8})),
    "mina": Setting(240, 3e-3, {"input_shape": (1500, 1), "edges": (0.5, 50.0)}, before=3),
    "cardiologist": Setting(
        240, 3e-3, {"input_shape": (1500, 1), "filters": 4, "kernel": 4, "dropout": 0.0}, before=4
    ),
}


# ---- accuracy -----------------------------------------------------------------------------------


class ShortRun:
    """A model under one policy, built and compiled once, trained anew for each seed."""

    def __init__(self, name: str, policy: str) -> None:
        card = catalogue.find_model(name)[1]
        data = load(card.data)
        setting = SETTINGS.get(name, Setting())
        self.steps, self.before, self.he = setting.steps, setting.before, setting.he
        self.plan = hardware.plan(policy, "cpu")
        arguments = {**card.small, **setting.build, "classes": data.classes}
        self.build = partial(catalogue.builder(name), **arguments)
        with hardware.following(self.plan):
            self.model = self.build()
            rate = keras.optimizers.schedules.CosineDecay(setting.rate, self.steps)
            self.model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
            self.model.optimizer.build(self.model.trainable_variables)
        self.fresh = [keras.ops.convert_to_numpy(v) for v in self.model.optimizer.variables]
        shape = self.model.input_shape[1:]
        depth, shape = (shape[0], shape[1:]) if len(shape) == 4 else (None, shape)
        data = data.fitted_to(shape)
        splits = data.train, data.validation, data.test
        # A volume is an image many times over.
        images = [np.repeat(one.x[:, None], depth, 1) if depth else one.x for one in splits]
        self.train_x, self.train_y = images[0], data.train.y
        self.x = np.concatenate(images[1:])
        self.y = np.concatenate([data.validation.y, data.test.y])

    def first(self, seed: int) -> list[np.ndarray]:
        """The seed's first weights."""
        with hardware.following(self.plan):
            keras.utils.set_random_seed(seed)
            model = self.build()
            for kernel in (v for v in model.trainable_variables if self.he and len(v.shape) > 1):
                kernel.assign(keras.initializers.HeNormal()(kernel.shape))
            return [keras.ops.convert_to_numpy(v) for v in model.variables]

    def accuracy(self, seed: int, weights: list[np.ndarray], start: int = 0) -> float:
        """Train from these weights and this step; return the share of the judged that is right."""
        with hardware.following(self.plan):
            for variable, value in zip(self.model.variables, weights, strict=True):
                variable.assign(value)
            for variable, value in zip(self.model.optimizer.variables, self.fresh, strict=True):
                variable.assign(value)
            batches = Batches(self.train_x, self.train_y, 32, seed=seed)
            for step in range(self.steps):
                self.model.train_on_batch(*batches[start + step])
            probabilities = [
                keras.ops.convert_to_numpy(self.model.predict_on_batch(self.x[start : start + 128]))
                for start in range(0, len(self.x), 128)
            ]
        return float(np.mean(np.concatenate(probabilities).argmax(-1) == self.y))


def accuracy(options: argparse.Namespace) -> None:
    """The accuracy of each model under each policy, and how far it lies from float32's."""
    record = {}
    print("accuracy in %; points by which half precision lies above float32, ± its standard error")
    for name in options.models:
        began = time.process_time()
        keras.backend.clear_session()
        runs = {policy: ShortRun(name, policy) for policy in POLICIES}
        rows: dict[str, list[float]] = {policy: [] for policy in POLICIES}
        for seed in range(options.seeds):
            exact, start = runs["float32"], 0
            weights = exact.first(seed)
            for _ in range(exact.before):
                exact.accuracy(seed, weights, start)
                weights = [keras.ops.convert_to_numpy(v) for v in exact.model.variables]
                start += exact.steps
            for policy, run in runs.items():
                rows[policy].append(run.accuracy(seed, weights, start))
            spent = time.process_time() - began
            if seed > 0 and spent * (seed + 2) / (seed + 1) > options.seconds:
                break
        record[name] = judge(rows, len(runs["float32"].y)) | {"seconds": round(spent, 1)}
        cells = [
            f"{policy} {row['points']:+5.2f} ± {row['standard_error']:.2f} {row['verdict']:14}"
            for policy, row in record[name]["differences"].items()
        ]
        base = 100 * np.mean(rows["float32"])
        print(f"{name:20} float32 {base:5.1f}  {'  '.join(cells)} {seed + 1} seeds", flush=True)
        write(options.json, record)


def judge(rows: dict[str, list[float]], judged: int) -> dict:
    """Compare the policies' accuracies, seed by seed.

    A mean difference is "within" half a point; or "beyond, noise", if its 95 % interval (Student's
    t over the seeds) reaches back there; or "beyond".
    """
    differences = {}
    for policy in POLICIES[1:]:
        points = 100 * (np.array(rows[policy]) - np.array(rows["float32"]))
        mean, error = float(points.mean()), float(points.std(ddof=1) / np.sqrt(len(points)))
        verdict = "within" if abs(mean) <= 0.5 else "beyond"
        if verdict == "beyond" and abs(mean) - 0.5 <= error * student.ppf(0.975, len(points) - 1):
            verdict = "beyond, noise"
        differences[policy] = {"points": mean, "standard_error": error, "verdict": verdict}
    return {"accuracy": rows, "judged": judged, "differences": differences}


# ---- speed --------------------------------------------------------------------------------------


def networks(small: bool = False) -> dict:
    """The networks of the speed table: a builder and the shape of an example."""

    def resnet(size):
        inside = keras.applications.ResNet50(
            include_top=False, weights=None, pooling="avg", input_shape=(size, size, 3)
        )
        output = keras.layers.Dense(1000, "softmax", dtype="float32")(inside.output)
        return keras.Model(inside.input, output)

    size = 32 if small else 224
    builders = {"resnet50 (Keras)": (partial(resnet, size), (size, size, 3))}
    for name in ("vgg_d", "cardiologist", "pyramid_rnn"):
        card = catalogue.find_model(name)[1]
        arguments = dict(card.small) if small else {"input_shape": card.input_shape}
        shape = tuple(size or 512 for size in arguments["input_shape"])  # 512 frames: about 5 s
        builders[name] = (
            partial(catalogue.builder(name), **{**arguments, "input_shape": shape}),
            shape,
        )
    return builders


def peak_memory() -> int | None:
    """Most bytes that this process has held on its device; None where the backend does not say."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            gpu = tf.config.list_physical_devices("GPU")
            return tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpu else None
        case "jax":
            import jax

            return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
        case _:
            import torch

            return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def use_tf32(wanted: bool) -> None:
    """Let float32 multiply in TF32 where the card can, or forbid it."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_tensor_float_32_execution(wanted)
        case "jax":
            import jax

            jax.config.update("jax_default_matmul_precision", "default" if wanted else "highest")
        case _:
            import torch

            torch.set_float32_matmul_precision("high" if wanted else "highest")
            torch.backends.cudnn.allow_tf32 = wanted


def measure(name: str, policy: str, batch_size: int, *, small: bool = False) -> dict:
    """One row of the speed table: to be called once in a process, for its peak of memory."""
    plan = hardware.plan(policy, "auto" if small else "1")
    if plan.kind != "gpu" and not small:
        raise SystemExit("No GPU is seen: `companion doctor` says what is missing.")
    steps = 2 if small else 20
    with hardware.following(plan):
        keras.utils.set_random_seed(0)
        build, shape = networks(small)[name]
        model = build()
        rng = np.random.default_rng(0)
        x = rng.random((batch_size, *shape), "float32")
        y = rng.integers(0, model.output_shape[-1], batch_size)
        model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), "sparse_categorical_crossentropy")
        stream = same_batch(x, y)
        # The first steps compile, and warm the card.
        model.fit(stream, steps_per_epoch=5, shuffle=False, verbose=0)
        rates = []
        for _ in range(3):
            began = time.perf_counter()
            model.fit(stream, steps_per_epoch=steps, shuffle=False, verbose=0)
            rates.append(steps * batch_size / (time.perf_counter() - began))
        memory = peak_memory()
        multiplied = matrix_rate(keras.DTypePolicy(policy).compute_dtype, 256 if small else MATRIX)
    rate = float(np.median(rates))
    # The backward pass multiplies twice as often as the forward pass.
    done = 3 * operations(model) * rate
    return {
        "machine": plan.devices[0],
        "matrix_rate": multiplied,
        "per_second": rate,
        "spread": [min(rates), max(rates)],
        "gigabytes": memory / 1e9 if memory else None,
        "operations_per_second": done,
        "share_of_matrix_rate": done / multiplied,
    }


def in_a_process(name: str, policy: str, options: argparse.Namespace) -> dict | None:
    """The row, measured in a process of its own; None if it does not fit into memory."""
    command = [sys.executable, __file__, "speed", "--networks", name, "--policy", policy]
    command += ["--batch-size", str(options.batch_size)]
    command += ["--no-tf32"] * options.no_tf32 + ["--small"] * options.small
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    errors = done.stderr.lower()
    if any(word in errors for word in ("resource_exhausted", "resourceexhausted", "out of memory")):
        return None
    raise SystemExit(done.stderr)


def speed(options: argparse.Namespace) -> None:
    """Training speed, memory and share of the matrix rate, for each network and policy."""
    record = {"backend": keras.backend.backend(), "batch_size": options.batch_size,
             "tf32": not options.no_tf32, "networks": {}}  # fmt: skip
    print(f"{record['backend']}, batches of {options.batch_size}, float32 "
          f"{'in TF32 where the card can' if record['tf32'] else 'without TF32'}")  # fmt: skip
    for name in options.networks or networks():
        rows = record["networks"][name] = {}
        for policy in POLICIES:
            row = rows[policy] = in_a_process(name, policy, options)
            if row is None:
                print(f"{name:18} {policy:15} does not fit into memory", flush=True)
                continue
            base = rows["float32"]
            row["ratio"] = row["per_second"] / base["per_second"] if base else None
            ratio = f"{row['ratio']:.2f} times float32" if row["ratio"] else ""
            held = f"{row['gigabytes']:6.1f} GB" if row["gigabytes"] else ""
            print(
                f"{name:18} {policy:15} {row['per_second']:9.0f} /s  {held}  "
                f"{100 * row['share_of_matrix_rate']:5.1f} % of {row['matrix_rate'] / 1e12:.1f} "
                f"TFLOP/s  {ratio}  {row['machine']}",
                flush=True,
            )
            write(options.json, record)


def write(path: Path | None, record: dict) -> None:
    """Keep what has been found so far, where that was asked for."""
    if path:
        path.write_text(json.dumps(record, indent=2) + "\n")


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("accuracy", "speed"))
    models = list(catalogue.models())
    parser.add_argument("--models", nargs="+", choices=models, default=models, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=30, help="processor time of a model")
    parser.add_argument("--seeds", type=int, default=MOST_SEEDS, help="at most so many")
    parser.add_argument("--networks", nargs="+", choices=list(networks()), metavar="NAME",
                        help="rows of the speed table; all by default")  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--no-tf32", action="store_true")
    parser.add_argument("--small", action="store_true", help="try the code out on any device")
    parser.add_argument("--policy", choices=POLICIES, help=argparse.SUPPRESS)  # one row, as JSON
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.policy:
        use_tf32(not options.no_tf32)
        row = measure(options.networks[0], options.policy, options.batch_size, small=options.small)
        print(json.dumps(row))
    else:
        {"accuracy": accuracy, "speed": speed}[options.what](options)


if __name__ == "__main__":
    main()
