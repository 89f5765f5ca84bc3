"""What a card is asked to show: that recurrent networks compute right on it, then how fast.

    python benchmarks/gpu.py [--json FILE] [--minutes N] [--backend jax] [--small]

It needs one GPU, Keras, PyTorch and JAX (or the backend named), no TensorFlow and no network, and
ends in time: what does not fit into the minutes is listed as not reached. Rows are printed as they
come, and the file is written anew with each.

*Right.* Each recurrent layer that the backend has a fused kernel for, beside Keras's masked loop:
random lengths, holes and sequences without a step, what comes out and the weights after one step
of descent, in full float32, within 1e-5. Then every recurrent model of the catalogue takes steps
under the precision of the machine's own plan, one recording silent from end to end, and then under
the other policies: its loss and weights must stay finite and move.

*Fast.* Training beside the same network in plain PyTorch, each row in a process of its own: the
median of several rounds, after those that compile. float32 multiplies in TF32 on both sides.

--small runs the same code on any device in a minute or two, with one model and small shapes: its
rates mean nothing. The exit code is 1 if a check fails.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

POLICIES = ("mixed_bfloat16", "float32", "mixed_float16")
FORMATS = {"float32": "float32", "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}
# Name, examples in a batch, and whether it is timed in half precision, too.
NETWORKS = {"pyramid_rnn": 128, "lstm": 1024, "lenet5": 128, "vgg_d": 128}
SMALL = "pyramid_rnn"  # the one model and the one row of speed that --small takes


def main() -> int:
    """Run the rows, print them, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--backend", choices=("jax", "torch", "tensorflow"), default="jax")
    parser.add_argument("--small", action="store_true", help="try the code out on any device")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # what a process of its own does
    options = parser.parse_args()
    if options.part:
        for row in part(options.part, options.small):
            print(json.dumps(row), flush=True)
        return 0
    limit = time.monotonic() + 60 * options.minutes
    rows: list[dict] = []
    for name in ("kernels", "models", *speed_parts(options.small)):
        for row in rows_of(name, options, limit):
            rows.append({"part": name, **row})
            print(in_words(rows[-1], rows), flush=True)
            if options.json:
                options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(any(row.get("right") is False for row in rows))


def speed_parts(small: bool) -> list[str]:
    """The rows of the second table: who, network and policy."""
    policies = POLICIES[1:2] if small else POLICIES[:2]
    names = [SMALL] if small else NETWORKS
    return [
        f"{who}:{name}:{policy}"
        for name in names
        for policy in policies
        for who in ("companion", "pytorch")
    ]


def rows_of(name: str, options: argparse.Namespace, limit: float) -> Iterator[dict]:
    """Run one part in a process of its own; yield its rows, and why there are no more of them."""
    left = limit - time.monotonic()
    if left <= 0:
        yield {"not_reached": f"{options.minutes:g} minutes were over"}
        return
    command = [sys.executable, __file__, "--part", name, *["--small"] * options.small]
    backend = "torch" if name.startswith("pytorch") else options.backend
    env = {**os.environ, "KERAS_BACKEND": backend, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    env["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(Path(__file__).parents[1]), env.get("PYTHONPATH")))
    )
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr), daemon=True)
    reader.start()
    over = threading.Timer(left, process.kill)
    over.start()
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line)
    code = process.wait()
    over.cancel()
    reader.join(5)
    if code and time.monotonic() >= limit:
        yield {"not_reached": f"{options.minutes:g} minutes were over"}
    elif code:
        yield {"right": False, "error": "".join(errors).strip().splitlines()[-1:]}


def in_words(row: dict, rows: list[dict]) -> str:
    """One line of the table."""
    name = f"{row['part']:36}"
    if "not_reached" in row:
        return f"{name} not reached: {row['not_reached']}"
    if "error" in row:
        return f"{name} FAILED: {row['error']}"
    if "right" in row:
        return f"{name} {row['name']:38} {'right' if row['right'] else 'WRONG':6} {row['detail']}"
    line = f"{name} {row['per_second']:12,.0f} a second on {row['device']}"
    ours = row["part"].replace("pytorch:", "companion:")
    other = [r["per_second"] for r in rows if r["part"] == ours and "per_second" in r]
    if row["part"] != ours and other:
        line += f"; the companion's is {other[0] / row['per_second']:.2f} of it"
    return line


# ---- what a process of its own does -------------------------------------------------------------


def part(name: str, small: bool) -> Iterator[dict]:
    """The rows of one part."""
    if name == "kernels":
        return kernels()
    if name == "models":
        return models(small)
    who, network, policy = name.split(":")
    timed = {"companion": companion_speed, "pytorch": pytorch_speed}[who]
    return iter([timed(network, policy, small)])


def kernels() -> Iterator[dict]:
    """Each fused kernel beside Keras's masked loop, in full float32."""
    import companion  # noqa: F401  (first: it keeps TensorFlow quiet)

    # isort: split
    import keras
    import numpy as np

    from companion import recurrent

    backend = keras.config.backend()
    full_float32(backend)
    rng = np.random.default_rng(0)
    steps, batch = 40, 32
    lengths = np.append(rng.integers(0, steps + 1, batch - 2), [0, steps])[:, None]
    right = np.arange(steps) < lengths
    mask = np.where(np.arange(batch)[:, None] % 4 == 3, rng.random((batch, steps)) < 0.5, right)
    x = np.where(mask[..., None], rng.normal(size=(batch, steps, 8)), 0).astype("float32")
    y = rng.normal(size=(batch, steps, 3)).astype("float32")

    def trained(module, kind, both, states, values=None):
        read = getattr(module, kind)(16, return_sequences=states)
        if module is keras.layers and kind != "SimpleRNN":
            read.use_cudnn = False
        read = module.Bidirectional(read) if both else read
        parts = (keras.layers.Masking(), read, keras.layers.Dense(3))
        model = keras.Sequential([keras.Input((steps, 8)), *parts])
        if values is not None:
            model.set_weights(values)
        values = model.get_weights()
        model.compile(keras.optimizers.SGD(0.1), "mse")
        answer = model.predict_on_batch(x)
        model.train_on_batch(x, y if states else y[:, 0])
        return values, [answer, *model.get_weights()]

    for kind in recurrent.KERNELS[backend]:
        for both in (False, True):
            for states in (False, True):
                values, loop = trained(keras.layers, kind, both, states)
                _, fused = trained(recurrent, kind, both, states, values)
                far = max(float(np.abs(a - b).max()) for a, b in zip(loop, fused, strict=True))
                where = "both ways" if both else "one way"
                used = "kernel" if recurrent.has_kernel(kind) else "no kernel here"
                yield {
                    "name": f"{kind} {where}, {'all states' if states else 'the last'}",
                    "right": far < 1e-5,
                    "detail": f"{used}, {far:.1e} from the loop",
                    "difference": far,
                }


def full_float32(backend: str) -> None:
    """Forbid TF32, which rounds to ten bits."""
    if backend == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
    elif backend == "torch":
        import torch

        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
    else:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)


def models(small: bool) -> Iterator[dict]:
    """Every recurrent model of the catalogue takes steps under every policy, the plan's first."""
    import companion  # noqa: F401  (first: it keeps TensorFlow quiet)

    # isort: split
    import keras
    import numpy as np

    from companion import catalogue
    from companion.training import hardware

    own = hardware.plan()
    for name in dict.fromkeys((own.precision, *POLICIES)):
        policy = hardware.plan(name)
        for model_name, (_, card) in catalogue.models().items():
            if small and model_name != SMALL:
                continue
            began = time.perf_counter()
            with hardware.following(policy):
                keras.utils.set_random_seed(0)
                model = catalogue.builder(model_name)(**card.small)
                inside = list(model._flatten_layers())
                recurrent = [one for one in inside if isinstance(one, keras.layers.RNN)]
                if not recurrent:
                    continue
                fused = sum(bool(getattr(one, "fits", False)) for one in recurrent)
                rng = np.random.default_rng(0)
                shape = (8, *(size or 24 for size in model.input_shape[1:]))
                words = "int" in str(model.inputs[0].dtype)
                x = rng.integers(1, 50, shape) if words else rng.normal(size=shape)
                x = x.astype("int32" if words else "float32")
                x[0] = 0  # nothing was recorded
                y = np.abs(rng.normal(size=model(x[:1]).shape[1:])).astype("float32")
                model.compile(keras.optimizers.Adam(1e-3), "mse")
                before = model.get_weights()
                y = np.repeat(y[None], len(x), 0)
                losses = [float(model.train_on_batch(x, y)) for _ in range(4)]
                after = model.get_weights()
                still = np.isfinite(losses).all() and all(np.isfinite(w).all() for w in after)
                moved = any((a != b).any() for a, b in zip(before, after, strict=True))
                took = time.perf_counter() - began
                yield {
                    "name": f"{model_name} {name}",
                    "right": bool(still and moved),
                    "detail": f"{fused} of {len(recurrent)} layers fused, {took:.1f} s",
                    "losses": losses,
                }
            keras.backend.clear_session()


# ---- speed --------------------------------------------------------------------------------------


def shapes(network: str, small: bool) -> tuple[dict, tuple[int, ...], int, int]:
    """How to build a network, the shape of an example, classes, and examples in a batch."""
    batch = 8 if small else NETWORKS[network]
    if network == "pyramid_rnn":
        return {}, (64 if small else 512, 40), 10, batch
    if network == "lstm":
        return {}, (8, 8), 10, batch
    if network == "lenet5":
        return {}, (28, 28, 1), 10, batch
    return {"classes": 1000}, (224, 224, 3), 1000, batch


def arrays(shape: tuple[int, ...], classes: int, count: int):
    """Examples of noise, and classes."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.normal(size=(count, *shape)).astype("float32"), rng.integers(0, classes, count)


def companion_speed(network: str, policy: str, small: bool) -> dict:
    """Training with Keras and the companion's own plan; LeNet-5 as `companion train` does it."""
    import companion

    # isort: split
    import keras

    from companion import catalogue
    from companion.training import hardware
    from companion.training.measuring import same_batch

    build, shape, classes, batch = shapes(network, small)
    plan = hardware.plan(policy)
    if network == "lenet5":
        x, y = arrays(shape, classes, 256 if small else 60_000)
        run = companion.train(
            network, (x, y), precision=policy, epochs=4, batch_size=batch, shift=0, turn=0, zoom=0,
            show_progress=False,
        )  # fmt: skip
        examples = run.examples_per_second * run.seconds / len(run.history)
        seconds = statistics.median(run.history["seconds"].iloc[1:])
        return {"device": plan.devices[0], "per_second": examples / seconds}
    with hardware.following(plan):
        model = catalogue.builder(network)(**build)
        x, y = arrays(shape, classes, batch)
        model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), "sparse_categorical_crossentropy")
        stream, steps = same_batch(x, y), 2 if small else 20

        def round_of_steps() -> None:
            model.fit(stream, steps_per_epoch=steps, shuffle=False, verbose=0)

        return {"device": plan.devices[0], "per_second": batch * steps / median_of(round_of_steps)}


def median_of(work, rounds: int = 5) -> float:
    """The median of the seconds that some rounds take, after one that is not counted."""
    seconds = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def pytorch_speed(network: str, policy: str, small: bool) -> dict:
    """The same network as one would write it in PyTorch, eager, with its data on the device."""
    import torch

    from benchmarks.pytorch_networks import network as in_pytorch

    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    _, shape, classes, batch = shapes(network, small)
    model = in_pytorch(network, classes).to(device)
    whole = (256 if small else 60_000) if network == "lenet5" else batch
    x, y = arrays(shape, classes, whole)
    x, y = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
    if len(shape) == 3:
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    dtype = getattr(torch, FORMATS[policy])
    steps = max(whole // batch, 2 if small else 20)

    def epoch() -> None:
        order = torch.randperm(whole, device=device)
        for step in range(steps):
            some = order[step * batch % whole :][:batch] if whole > batch else slice(None)
            with torch.autocast(device.type, dtype, enabled=policy != "float32"):
                loss = torch.nn.functional.cross_entropy(model(x[some]), y[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if cuda:
            torch.cuda.synchronize()

    name = torch.cuda.get_device_name() if cuda else "CPU"
    return {"device": name, "per_second": batch * steps / median_of(epoch)}


if __name__ == "__main__":
    if importlib.util.find_spec("keras") is None:
        raise SystemExit("Keras is missing: pip install keras.")
    sys.exit(main())
