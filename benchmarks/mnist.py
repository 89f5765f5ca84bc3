"""Seconds of training until MNIST's test accuracy reaches 0.990: ours, Keras's and PyTorch's.

    python -m benchmarks --only mnist

Ours is `companion.train("lenet5", "mnist", epochs=3)`: its rate falls to 0 with the last epoch, so
that it has to be told how many there are, and 3 are the fewest with which the validation split
reached 0.990 (seeds 10 to 12; two epochs were tried with seed 10). Where they do not get there, six
are trained from the beginning, and the clock goes on. Keras's is its "Simple MNIST convnet" (32 and
64 3×3 filters, dropout 0.5, Adam, batches of 128). PyTorch's is its `mnist/main.py` (32 and 64 3×3
filters, 128 units, two dropouts, Adadelta at a rate of 1 that falls to 0.7 of it each epoch,
batches of 64), with the images normalized once and held as tensors, not decoded anew from pictures.
Each trains until it gets there, in a process of its own, one after the other for each seed. Testing
is not timed; validation is, where its author validates, and so is what is compiled.
"""

import json
import statistics
import subprocess
import sys
import time

from benchmarks.processes import variables
from benchmarks.training import ROOT

TARGET = {"small": 0.05, "quick": 0.9, "full": 0.99}
SEEDS = {"small": 1, "quick": 1, "full": 3}
MOST_EPOCHS = 40
TRIES = (3, 6, 12)  # epochs of ours, the next where the ones before did not get there
EXAMPLES = {"small": 600, "quick": 10_000, "full": None}  # None: all
BACKENDS = {
    "companion": "tensorflow",
    "Keras's example": "tensorflow",
    "PyTorch's example": "torch",
}


def measure(size: str) -> dict:
    """Seconds to the target for each, seed by seed, and their medians."""
    target = TARGET[size]
    record: dict = {"target": target, "seeds": SEEDS[size]}
    runs: dict[str, list[dict]] = {who: [] for who in BACKENDS}
    for seed in range(SEEDS[size]):
        for who, backend in BACKENDS.items():
            command = [sys.executable, "-m", "benchmarks.mnist", who, str(seed), size]
            done = subprocess.run(
                command,
                cwd=ROOT,
                capture_output=True,
                text=True,
                env=variables(backend, keeps_memory=who == "companion"),
            )
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
            run = json.loads(done.stdout.splitlines()[-1])
            runs[who].append(run)
            took = f"{run['seconds']:6.1f} s" if run["seconds"] else "not at all"
            curve = " ".join(f"{one:.4f}" for one in run["curve"])
            print(f"{target:.3f} by {who:18} seed {seed}: {took}  {curve}", flush=True)
    record["runs"] = runs
    record["seconds"] = {
        who: statistics.median(one["seconds"] for one in of)
        for who, of in runs.items()
        if all(one["seconds"] for one in of)
    }
    ours = record["seconds"].get("companion")
    record["ratio"] = {
        who: ours / seconds
        for who, seconds in record["seconds"].items()
        if ours and who != "companion"
    }
    for who, ratio in record["ratio"].items():
        print(f"ours takes {ratio:.2f} of the time of {who}", flush=True)
    return record


class Clock:
    """Keeps the accuracy after each epoch, and the seconds of training to the target."""

    def __init__(self, target: float) -> None:
        self.target, self.curve, self.seconds = target, [], None
        self.untimed, self.began = 0.0, time.perf_counter()

    def tested(self, accuracy) -> bool:
        """Test after an epoch, off the clock; say whether the target is reached.

        Args:
            accuracy: Gives the accuracy on the test split.
        """
        paused = time.perf_counter()
        self.curve.append(accuracy())
        if self.seconds is None and self.curve[-1] >= self.target:
            self.seconds = paused - self.began - self.untimed
        self.untimed += time.perf_counter() - paused
        return self.seconds is not None

    def to_json(self) -> dict:
        """What is kept of a run."""
        return {"seconds": self.seconds, "curve": self.curve}


def keras_side(who: str, seed: int, size: str) -> dict:
    """A run by the companion or of Keras's example."""
    import companion

    # isort: split
    import keras
    import numpy as np

    from companion.datasets import Dataset

    mnist = companion.load("mnist")
    if count := EXAMPLES[size]:
        parts = (mnist.train[:count], mnist.validation[:count], mnist.test[:count])
        mnist = Dataset(mnist.card, *parts)
    test = mnist.test
    clock = Clock(TARGET[size])

    class Tests(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            if not clock.curve:
                clock.began = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            def accuracy() -> float:
                scores = self.model.predict(test.x, batch_size=512, verbose=0)
                return float((scores.argmax(-1) == test.y).mean())

            if clock.tested(accuracy):
                self.model.stop_training = True

    if who == "companion":
        for epochs in TRIES:
            companion.train(
                "lenet5", mnist, seed=seed, epochs=epochs, callbacks=[Tests()], show_progress=False
            )
            if clock.seconds is not None:
                break
        return clock.to_json()
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    both = (mnist.train, mnist.validation)
    x, y = np.concatenate([one.x for one in both]), np.concatenate([one.y for one in both])
    model.fit(x, y, 128, MOST_EPOCHS, validation_split=0.1, verbose=0, callbacks=[Tests()])
    return clock.to_json()


def pytorch_side(seed: int, size: str) -> dict:
    """A run of PyTorch's example."""
    import numpy as np
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader, TensorDataset

    import companion

    mnist, count = companion.load("mnist"), EXAMPLES[size]
    both = (mnist.train, mnist.validation)

    def tensors(x, y):
        images = (torch.from_numpy(np.moveaxis(x[:count], -1, 1).copy()) - 0.1307) / 0.3081
        return TensorDataset(images, torch.from_numpy(y[:count].astype("int64")))

    train = tensors(np.concatenate([one.x for one in both]), np.concatenate([b.y for b in both]))
    test = tensors(mnist.test.x, mnist.test.y)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)

    def accuracy() -> float:
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum() for x, y in DataLoader(test, 1000))
        return float(right) / len(test)

    clock = Clock(TARGET[size])
    for _ in range(MOST_EPOCHS):
        model.train()
        for x, y in DataLoader(train, 64, shuffle=True):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        schedule.step()
        if clock.tested(accuracy):
            break
    return clock.to_json()


def main() -> None:
    """What a process of its own does: WHO SEED SIZE."""
    who, seed, size = sys.argv[1:]
    if who == "PyTorch's example":
        print(json.dumps(pytorch_side(int(seed), size)))
    else:
        print(json.dumps(keras_side(who, int(seed), size)))


if __name__ == "__main__":
    main()
