"""One process beside two that share every batch: how much faster, and the same losses.

    python benchmarks/machines.py [--model NAME] [--data NAME] [--epochs N] [--batch-size N]

Three runs of `companion train` on JAX, on this machine: one process held to one core, one that may
use every core, and two of a core each. What two processes gain over one is the first against the
third; the second says whether it was worth the trouble, for on a single machine one process uses
all its cores by itself. Images per second are the median over the epochs after the first, which
compiles. Between two real machines the network is slower than between two processes here, and each
has its own memory: this measures the companion's part, not a cluster. Run it with nothing else at
work, from the repository's root.
"""

import argparse
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median


def train(arguments, folder: Path, cores: list[set[int]]) -> tuple[float, list[dict[str, str]]]:
    """Train in as many processes as there are sets of cores; return images/s and the history."""
    with socket.create_server(("", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "companion", "train", arguments.model, "--json",
               "--data", arguments.data, "--epochs", str(arguments.epochs),
               "--batch-size", str(arguments.batch_size), "--output", str(folder)]  # fmt: skip
    started = []
    for number, allowed in enumerate(cores):
        part = ["--coordinator", address, "--processes", str(len(cores)), "--process", str(number)]
        started.append(
            subprocess.Popen(
                [*command, *(part if len(cores) > 1 else [])],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "KERAS_BACKEND": "jax"},
                preexec_fn=lambda allowed=allowed: os.sched_setaffinity(0, allowed),
            )
        )
    answers = [json.loads(one.communicate()[0]) for one in started]
    with (folder / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    examples = answers[0]["examples_per_second"] * answers[0]["seconds"] / len(history)
    return examples / median(float(row["seconds"]) for row in history[1:]), history


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=128)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or arguments.epochs < 2:
        sys.exit("Two cores and two epochs are needed.")
    settings = {
        "one process, one core": [{cores[0]}],
        f"one process, {len(cores)} cores": [set(cores)],
        "two processes, a core each": [{cores[0]}, {cores[1]}],
    }
    rates, losses = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, allowed) in enumerate(settings.items()):
            rates[name], history = train(arguments, Path(folder) / str(number), allowed)
            losses[name] = [float(row["loss"]) for row in history]
    alone, every, two = rates.values()
    print(f"{arguments.model} on {arguments.data}, batches of {arguments.batch_size}")
    print(f"load when it ended: {os.getloadavg()[0]:.1f} (a quiet machine ends near 2)")
    for name, rate in rates.items():
        print(f"{name:28} {rate:8.0f} images/s, {rate / alone:.2f} times the first")
    print(f"two processes beside one on every core: {two / every:.2f}")
    first, _, last = losses.values()
    difference = max(abs(a - b) for a, b in zip(first, last, strict=True))
    print(f"largest difference between their losses: {difference:.1e}")


if __name__ == "__main__":
    main()
