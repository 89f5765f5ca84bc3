"""What it costs to keep what a run is examined by: seconds of an epoch with it, and without.

    python benchmarks/examination.py [--json FILE]

The processor's seconds of an epoch of LeNet-5 that keeps gradients and activations by layer, beside
one that does not, runs taken in turn; on MNIST and on the digits that are shipped.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import companion

# isort: split
import keras

from companion.datasets import Dataset


class EpochSeconds(keras.callbacks.Callback):
    """Keeps the processor's seconds of each epoch; it comes before what the run itself keeps."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.seconds.append(time.process_time())  # the next begins when all is kept


def examination(data: Dataset, rounds: int, epochs: int) -> dict:
    """Seconds of an epoch with what a run keeps to be examined, and without; runs in turn."""
    seconds = {True: [], False: []}
    for _ in range(rounds):
        for examine, taken in seconds.items():
            watch = EpochSeconds()
            with tempfile.TemporaryDirectory() as folder:
                companion.train("lenet5", data, epochs=epochs, output=Path(folder) / "run",
                                examine=examine, callbacks=[watch],
                                show_progress=False)  # fmt: skip
            taken.append(watch.seconds[-1] - watch.seconds[1])  # the first compiles
    kept, plain = (min(taken) / (epochs - 2) for taken in seconds.values())
    return {"seconds_per_epoch": kept, "without": plain, "ratio": kept / plain}


def main():
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    record = {
        "mnist": examination(companion.load("mnist"), rounds=3, epochs=5),
        "digits": examination(companion.load("digits"), rounds=3, epochs=60),
    }
    print(json.dumps(record, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
