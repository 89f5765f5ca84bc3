"""Half precision beside float32: as accurate on any machine, and how much faster on a GPU.

    python benchmarks/precision.py accuracy [--models NAME …] [--seeds N] [--epochs N] [--json FILE]
    python benchmarks/precision.py speed [--batch-size N] [--json FILE]

*accuracy* trains small models on the digits under float32, mixed_float16 and mixed_bfloat16, with
the same seeds, and compares the test accuracy (never used to choose anything); half precision
should stay within half a point. It needs no GPU: a CPU emulates the formats.

*speed* needs a GPU. For vgg("D") and ResNet-50 at 224×224, the ECG network of 34 layers and the
pyramid RNN, it trains on one batch over and over, as compiled by Keras, and prints images (or
recordings) per second, peak memory, and the share of the matrix rate that a plain product of two
8192×8192 matrices reaches on the same card in the same format. float32 is Keras's default, which
on Ampere and later multiplies in TF32; --no-tf32 turns that off. What does not fit into memory at
the given batch size is reported as such.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import companion

# isort: split
import keras
import numpy as np

from companion import catalogue
from companion.training import hardware

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
MATRIX = 8192
MODELS = ("lenet5", "gap_classifier", "vgg_small", "regularized_mlp")


def accuracy(models: list[str], seeds: int, epochs: int | None) -> dict:
    """Test accuracy of each model under each policy, and how far it lies from float32's."""
    found = {}
    for name in models:
        rows = {
            policy: [
                companion.train(
                    name, precision=policy, devices="cpu", seed=seed, epochs=epochs,
                    show_progress=False,
                ).metrics["accuracy"]
                for seed in range(seeds)
            ]
            for policy in POLICIES
        }  # fmt: skip
        means = {policy: float(np.mean(values)) for policy, values in rows.items()}
        found[name] = {"accuracy": rows, "mean": means}
        said = [
            f"{policy} {100 * mean:.2f} % ({100 * (mean - means['float32']):+.2f})"
            for policy, mean in means.items()
        ]
        print(f"{name:20} {'   '.join(said)}", flush=True)
    return found


def networks() -> dict:
    """The networks of the speed table: a builder and the shape of an example."""

    def resnet():
        inside = keras.applications.ResNet50(
            include_top=False, weights=None, pooling="avg", input_shape=(224, 224, 3)
        )
        output = keras.layers.Dense(1000, "softmax", dtype="float32")(inside.output)
        return keras.Model(inside.input, output)

    found = {
        "vgg_d": (catalogue.builder("vgg_d"), (224, 224, 3)),
        "resnet50 (Keras)": (resnet, (224, 224, 3)),
    }
    known = catalogue.models()
    for name, length in (("cardiologist", 4096), ("pyramid_rnn", 512)):
        if name in known:
            shape = tuple(size or length for size in known[name][1].input_shape)
            found[name] = (partial(catalogue.builder(name), input_shape=shape), shape)
    return found


def operations(model: keras.Model) -> int:
    """Multiplications and additions of one forward pass, of the layers that multiply matrices."""
    total = 0
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional):
            given = getattr(layer, "input", None)
            if given is None:
                continue  # inside a Bidirectional, and counted with it
            steps = (given[0] if isinstance(given, list) else given).shape[1]
            weights = sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) > 1)
            total += 2 * steps * weights
        elif hasattr(layer, "kernel") and hasattr(layer, "output"):
            places = int(np.prod(layer.output.shape[1:-1], initial=1))
            total += 2 * places * int(np.prod(layer.kernel.shape))
    return total


def matrix_rate(policy: str) -> float:
    """Operations per second of a plain product of two square matrices, in the policy's format."""
    import tensorflow as tf

    kind = keras.DTypePolicy(policy).compute_dtype
    a = tf.cast(tf.random.normal((MATRIX, MATRIX)), kind)
    multiply = tf.function(lambda a, b: tf.reduce_sum(a @ b), jit_compile=True)
    float(multiply(a, a))
    best = np.inf
    for _ in range(10):
        began = time.perf_counter()
        float(multiply(a, a))
        best = min(best, time.perf_counter() - began)
    return 2 * MATRIX**3 / best


def speed(batch_size: int) -> dict:
    """Training speed, memory and share of the matrix rate, for each network and policy."""
    import tensorflow as tf

    plan = hardware.plan(devices="1")
    if plan.kind != "gpu":
        raise SystemExit("No GPU is seen: `companion doctor` says what is missing.")
    found = {"machine": plan.devices[0], "batch_size": batch_size, "networks": {}}
    found["tf32"] = tf.config.experimental.tensor_float_32_execution_enabled()
    found["matrix_rate"] = {policy: matrix_rate(policy) for policy in POLICIES}
    print(f"{plan.devices[0]}, batches of {batch_size}, TF32 {'on' if found['tf32'] else 'off'}")
    for policy, rate in found["matrix_rate"].items():
        print(f"  a product of matrices in {policy}: {rate / 1e12:.0f} TFLOP/s")
    for name, (build, shape) in networks().items():
        rows = found["networks"][name] = {}
        for policy in POLICIES:
            keras.backend.clear_session()
            keras.utils.set_random_seed(0)
            keras.config.set_dtype_policy(policy)
            tf.config.experimental.reset_memory_stats("GPU:0")
            try:
                rows[policy] = _train(build(), shape, batch_size)
            except tf.errors.ResourceExhaustedError:
                rows[policy] = None
                print(f"{name:18} {policy:15} does not fit into memory", flush=True)
                continue
            row = rows[policy]
            row["share_of_matrix_rate"] = (
                row["operations_per_second"] / found["matrix_rate"][policy]
            )
            base = rows.get("float32")
            row["ratio"] = row["per_second"] / base["per_second"] if base else None
            ratio = f"{row['ratio']:.2f} times float32" if row["ratio"] else ""
            print(
                f"{name:18} {policy:15} {row['per_second']:9.0f} /s  {row['gigabytes']:6.1f} GB  "
                f"{100 * row['share_of_matrix_rate']:5.1f} % of the matrix rate  {ratio}",
                flush=True,
            )
    keras.config.set_dtype_policy("float32")
    return found


def _train(model: keras.Model, shape: tuple[int, ...], batch_size: int, steps: int = 20) -> dict:
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x = rng.random((batch_size, *shape), "float32")
    y = rng.integers(0, model.output_shape[-1], batch_size)
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), "sparse_categorical_crossentropy")
    stream = tf.data.Dataset.from_tensors((x, y)).repeat().prefetch(2)
    model.fit(stream, steps_per_epoch=5, verbose=0)  # compiles, and warms the card
    rates = []
    for _ in range(3):
        began = time.perf_counter()
        model.fit(stream, steps_per_epoch=steps, verbose=0)
        rates.append(steps * batch_size / (time.perf_counter() - began))
    rate = float(np.median(rates))
    return {
        "per_second": rate,
        "spread": [min(rates), max(rates)],
        "gigabytes": tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e9,
        # The backward pass multiplies twice as often as the forward pass.
        "operations_per_second": 3 * operations(model) * rate,
    }


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("accuracy", "speed"))
    parser.add_argument("--models", nargs="+",
                        default=list(MODELS))  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="as the recipe has it by default")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--no-tf32", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "accuracy":
        found = accuracy(arguments.models, arguments.seeds, arguments.epochs)
    else:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(not arguments.no_tf32)
        found = speed(arguments.batch_size)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
