"""Training on this processor beside plain Keras `fit` and a PyTorch loop, round by round.

    python -m benchmarks --only training

Each contestant is a process of its own that holds the same network and the same examples, and
trains on as many in each round: theirs and ours take turns in an order drawn anew each time, so
that what else the machine does falls on all alike. Printed are medians over the rounds of examples
per second, and of the ratio within a round. All take Adam and the same batches; the companion runs
whole, with what it keeps at the end of an epoch, and with the execution (`jit_compile`) that the
model's card asks for. It has the C library keep the memory that a step frees
(`companion.allocator`); once more it runs without.

Beside them stands what the machine allows: the operations per second of a large product of
matrices, and the bytes per second read from memory (`companion doctor --measure`); whatever of the
two a step needs longer for is its limit, and the share of it that each reaches is printed.
"""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import end, variables

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Setting:
    """Which network is trained, and on how much.

    Attributes:
        batch: Examples of a batch.
        steps: Batches of a round, by size of the run: some seconds in a full one.
        classes: How many there are.
    """

    batch: int
    steps: dict[str, int]
    classes: int = 10


SETTINGS = {
    "lenet5": Setting(128, {"small": 3, "quick": 50, "full": 80}),
    "vgg_small": Setting(128, {"small": 3, "quick": 25, "full": 40}),
    "lstm": Setting(128, {"small": 3, "quick": 50, "full": 150}),
    "cnn": Setting(32, {"small": 2, "quick": 8, "full": 12}, 4),
}
PAUSE = 0.5  # seconds before a turn: the threads of the last one wait busily for a while
ROUNDS = {"small": 1, "quick": 3, "full": 10}
# What a contestant is called, and Keras's backend.
BACKENDS = {
    "companion": "tensorflow",
    "companion, memory given back": "tensorflow",
    "Keras": "tensorflow",
    "PyTorch, DataLoader": "torch",
    "PyTorch, tensors": "torch",
    "companion on JAX": "jax",
    "companion on PyTorch": "torch",
}
CONTESTANTS = {
    "small": ("companion", "PyTorch, tensors"),
    "quick": ("companion", "Keras", "PyTorch, DataLoader", "PyTorch, tensors"),
    "full": tuple(BACKENDS),
}


# ---- who measures -------------------------------------------------------------------------------


def measure(size: str) -> dict:
    """Every network, by every contestant, beside what the machine allows."""
    limits = asked_of_another("limits", size)
    record = {"matrix_rate": limits["matrix_rate"], "bandwidth": limits["bandwidth"]}
    record["rounds"], record["networks"] = ROUNDS[size], {}
    for name in SETTINGS if size == "full" else ("lenet5",):
        needs = limits["networks"][name]
        row = record["networks"][name] = {"batch": SETTINGS[name].batch, **needs}
        row["limit"] = min(
            limits["matrix_rate"] / needs["operations"], limits["bandwidth"] / needs["bytes"]
        )
        row["contestants"] = in_turn(name, size)
        for one in row["contestants"].values():
            if "per_second" in one:
                one["share_of_limit"] = one["per_second"] / row["limit"]
        print("\n".join(in_words(name, row)), flush=True)
    return record


def asked_of_another(what: str, size: str) -> dict:
    """What a process of its own answers."""
    command = [sys.executable, "-m", "benchmarks.training", what, size]
    asked = subprocess.run(
        command, cwd=ROOT, env=variables("tensorflow"), capture_output=True, text=True
    )
    if asked.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {asked.stderr[-2000:]}")
    return json.loads(asked.stdout.splitlines()[-1])


def in_turn(name: str, size: str) -> dict[str, dict]:
    """Examples per second of each contestant, and ours as a multiple of theirs, round by round."""
    examples = SETTINGS[name].batch * SETTINGS[name].steps[size]
    results: dict[str, dict] = {}
    processes: dict[str, subprocess.Popen] = {}
    seconds: dict[str, list[float]] = {}
    try:
        for who in CONTESTANTS[size]:
            processes[who] = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.training", who, size, name],
                cwd=ROOT, env=variables_of(who), text=True, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            seconds[who] = []
        order = random.Random(0)
        for number in range(ROUNDS[size] + 1):
            for who in order.sample(list(seconds), len(seconds)):
                time.sleep(PAUSE)
                taken = turn(processes[who])
                if taken is None:
                    results[who] = {"error": f"it ended in round {number}"}
                    del seconds[who]
                elif number:  # the first compiles
                    seconds[who].append(taken)
    finally:
        for process in processes.values():
            end(process)
    ours = seconds.get("companion", [])
    for who, taken in seconds.items():
        results[who] = {
            "per_second": examples / statistics.median(taken),
            "spread": [examples / max(taken), examples / min(taken)],
        }
        if ours and who != "companion":
            ratios = [theirs / own for own, theirs in zip(ours, taken, strict=True)]
            results[who]["ratio"] = statistics.median(ratios)
    return {who: results[who] for who in CONTESTANTS[size]}


def variables_of(who: str) -> dict[str, str]:
    """A contestant's environment: ours alone sets how memory is kept, and one of ours does not."""
    ours = who.startswith("companion") and "given back" not in who
    return variables(BACKENDS[who], keeps_memory=ours)


def turn(process: subprocess.Popen) -> float | None:
    """Let a process train for a round; return its seconds, or None if it is no more."""
    try:
        process.stdin.write("go\n")
        process.stdin.flush()
    except OSError:
        return None
    for line in process.stdout:
        if line.startswith("took "):
            return float(line.split()[1])
    return None


def in_words(name: str, row: dict) -> Iterator[str]:
    """The lines of the table on one network."""
    yield f"{name}, batches of {row['batch']}: the machine allows {row['limit']:,.0f} a second"
    for who, one in row["contestants"].items():
        if "error" in one:
            yield f"  {who:22} {one['error']}"
            continue
        ratio = f", ours is {one['ratio']:.2f} of it" if "ratio" in one else ""
        share = 100 * one["share_of_limit"]
        yield f"  {who:22} {one['per_second']:9,.0f} a second, {share:4.1f} % of that{ratio}"


# ---- who is measured, in processes of their own -------------------------------------------------


class Turns:
    """Waits until it is told to go on, and says how long it took."""

    def begin(self) -> None:
        """Wait; the process ends if nobody asks any more."""
        if not sys.stdin.readline():
            sys.exit()
        self.began = time.perf_counter()

    def end(self) -> None:
        """Say how long the round took."""
        print(f"took {time.perf_counter() - self.began}", flush=True)


def callback():
    """A Keras callback that takes its turn at each epoch, with whatever follows the last."""
    import keras

    class TakesTurns(keras.callbacks.Callback):
        turns = Turns()

        def on_epoch_begin(self, epoch, logs=None):
            if epoch:
                self.turns.end()
            self.turns.begin()

        def on_train_end(self, logs=None):
            self.turns.end()

    return TakesTurns()


def arrays(name: str, shape: tuple[int, ...], size: str):
    """Examples of noise, and classes."""
    import numpy as np

    setting, rng = SETTINGS[name], np.random.default_rng(0)
    count = setting.batch * setting.steps[size]
    return rng.random((count, *shape), "float32"), rng.integers(0, setting.classes, count)


def keras_side(who: str, name: str, size: str) -> None:
    """Rounds by the companion, or by plain `fit`."""
    import companion
    from companion import catalogue
    from companion.datasets.dataset import Split

    card, build = catalogue.find_model(name)[1], catalogue.builder(name)
    setting, epochs = SETTINGS[name], ROUNDS[size] + 1
    x, y = arrays(name, card.input_shape, size)
    if who == "Keras":
        model = build(classes=setting.classes)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, setting.batch, epochs, verbose=0, callbacks=[callback()])
        return
    asked = {key: value for key, value in dict(card.recipe).items() if key == "jit_compile"}
    companion.train(
        build, Split(x, y), epochs=epochs, batch_size=setting.batch, callbacks=[callback()],
        show_progress=False, **asked,
    )  # fmt: skip


def pytorch_side(who: str, name: str, size: str) -> None:
    """Rounds by a loop over a DataLoader, or over the tensors themselves."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader, TensorDataset

    from benchmarks.pytorch_networks import network
    from companion import catalogue

    shape, batch = catalogue.find_model(name)[1].input_shape, SETTINGS[name].batch
    x, y = (torch.from_numpy(one) for one in arrays(name, shape, size))
    if len(shape) == 3:
        x = x.permute(0, 3, 1, 2).contiguous()
    model = network(name, SETTINGS[name].classes)
    optimizer = torch.optim.Adam(model.parameters())
    loader = DataLoader(TensorDataset(x, y), batch, shuffle=True)
    turns = Turns()
    while True:
        turns.begin()
        if who.endswith("DataLoader"):
            batches = iter(loader)
        else:
            batches = ((x[some], y[some]) for some in torch.randperm(len(x)).split(batch))
        total = 0.0
        for images, labels in batches:
            optimizer.zero_grad()
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        turns.end()


def limits(size: str) -> dict:
    """What the machine reaches, and the operations and bytes that an example of training needs."""
    from companion import catalogue
    from companion.training import hardware, measuring

    with hardware.following(hardware.plan("float32", "cpu")):
        record = {
            "matrix_rate": measuring.matrix_rate("float32", 256 if size == "small" else None),
            "bandwidth": measuring.bandwidth(2**24 if size == "small" else 2**30),
            "networks": {},
        }
        for name, setting in SETTINGS.items():
            model = catalogue.builder(name)(classes=setting.classes)
            record["networks"][name] = {
                "operations": 3 * measuring.operations(model),
                "bytes": measuring.least_traffic(model, setting.batch) / setting.batch,
            }
    return record


def main() -> None:
    """What a process of its own does: WHAT SIZE [NETWORK]."""
    what, size, *names = sys.argv[1:]
    if what == "limits":
        print(json.dumps(limits(size)))
    elif what.startswith("PyTorch"):
        pytorch_side(what, names[0], size)
    else:
        keras_side(what, names[0], size)


if __name__ == "__main__":
    main()
