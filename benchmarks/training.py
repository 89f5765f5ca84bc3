"""Training speed beside what a reader would write: Keras's MNIST example, and plain `fit`.

    TFDS_DATA_DIR=... python benchmarks/training.py [--json FILE]

Three comparisons, each within one run on one machine. *To 0.990*: seconds of training until MNIST's
test accuracy reaches 0.990, for `companion.train("lenet5", "mnist")` with five epochs and for the
network of Keras's "Simple MNIST convnet" example (32 and 64 3×3 filters, dropout 0.5, Adam, batch
128). Testing is not timed. *Throughput*: training images per second of LeNet-5 in the companion's
pipeline, shifts included, beside `model.fit` on NumPy arrays, at the same batch size.
*Examination*: the processor's seconds of an epoch of LeNet-5 that keeps gradients and activations
by layer, beside one that does not, runs taken in turn.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import companion

# isort: split
import keras
import numpy as np

from chapters.convnets import lenet5
from companion.datasets import Dataset
from companion.training.batches import Batches

TARGET = 0.990


class TimeTo(keras.callbacks.Callback):
    """Tests after each epoch, off the clock, and keeps the seconds it took to reach the target."""

    def __init__(self, test, stop):
        super().__init__()
        self.test, self.stop = test, stop
        self.untimed, self.seconds, self.curve = 0.0, None, []

    def on_train_begin(self, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        paused = time.perf_counter()
        predicted = self.model.predict(self.test.x, batch_size=512, verbose=0).argmax(-1)
        accuracy = float((predicted == self.test.y).mean())
        self.curve.append(round(accuracy, 4))
        if self.seconds is None and accuracy >= TARGET:
            self.seconds = paused - self.began - self.untimed
            self.model.stop_training = self.stop
        self.untimed += time.perf_counter() - paused


def keras_example():
    """The network of Keras's example, as its page prints it."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def to_target(mnist: Dataset) -> dict:
    """Seconds to the target for both, and their test accuracy after each epoch."""
    ours = TimeTo(mnist.test, stop=False)
    companion.train("lenet5", mnist, epochs=5, callbacks=[ours], show_progress=False)
    keras.utils.set_random_seed(0)
    theirs = TimeTo(mnist.test, stop=True)
    model = keras_example()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    pooled = [np.concatenate([a, b]) for a, b in zip(
        (mnist.train.x, mnist.train.y), (mnist.validation.x, mnist.validation.y), strict=True
    )]  # fmt: skip
    model.fit(*pooled, batch_size=128, epochs=15, validation_split=0.1, verbose=0,
              callbacks=[theirs])  # fmt: skip
    return {
        "companion_seconds": ours.seconds,
        "keras_example_seconds": theirs.seconds,
        "ratio": ours.seconds / theirs.seconds if ours.seconds and theirs.seconds else None,
        "companion_curve": ours.curve,
        "keras_example_curve": theirs.curve,
    }


def throughput(mnist: Dataset, epochs: int = 3) -> dict:
    """Images per second in our pipeline and in plain `fit`, epochs taken in turn."""
    x, y = mnist.train.x, mnist.train.y
    batches = Batches(x, y, 128, shift=3)
    models = []
    for _ in range(2):
        model = lenet5()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x[:1280], y[:1280], batch_size=128, verbose=0)  # builds the graph
        models.append(model)
    ours, plain = [], []
    for epoch in range(epochs):
        began = time.perf_counter()
        stream = batches.from_step(epoch * batches.steps_per_epoch)
        models[0].fit(stream, steps_per_epoch=batches.steps_per_epoch, shuffle=False, verbose=0)
        ours.append(batches.examples_per_epoch / (time.perf_counter() - began))
        began = time.perf_counter()
        models[1].fit(x, y, batch_size=128, verbose=0)
        plain.append(len(y) / (time.perf_counter() - began))
    return {
        "companion_images_per_second": round(float(np.median(ours))),
        "plain_fit_images_per_second": round(float(np.median(plain))),
        "ratio": float(np.median(np.array(ours) / np.array(plain))),
    }


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
    mnist = companion.load("mnist")
    found = {
        "to_0.990": to_target(mnist),
        "throughput": throughput(mnist),
        "examination": examination(mnist, rounds=3, epochs=5),
        "examination_of_digits": examination(companion.load("digits"), rounds=3, epochs=60),
    }
    print(json.dumps(found, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
