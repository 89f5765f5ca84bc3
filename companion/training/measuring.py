"""What a machine reaches: its matrix rate by format, its memory's bandwidth, and steps of training.

`companion doctor --measure` prints it. Every time is that of finished work, after a first call that
compiles, and the best of several: what else runs on the machine only ever makes it longer.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from companion import catalogue
from companion.training import hardware

if TYPE_CHECKING:
    import keras

FORMATS = ("float32", "bfloat16", "float16")
"""The formats whose matrix rate is measured."""
MODELS = ("lenet5", "vgg_small", "lstm")
"""The models whose step is timed, those of them that the catalogue has."""
BATCH = 128
LARGEST_MATRIX = 8192
STEP_SECONDS = 5.0  # how long a step is tried again and again
# Keras has one backend a process: another one is asked in a process of its own, for so long.
ASKED = (
    "import json; from companion.training import measuring; "
    "print(json.dumps(measuring.step_seconds()))"
)
PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of training: forward, backward, update.

    Attributes:
        model: The model's name in the catalogue.
        seconds: How long the step takes.
        operations: Multiplications and additions of its matrix products, a multiply-add as two.
        bytes: What it moves at least between memory and processor: `least_traffic`.
    """

    model: str
    seconds: float
    operations: float
    bytes: float

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds

    @property
    def intensity(self) -> float:
        """Operations per byte."""
        return self.operations / self.bytes


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a machine reached.

    Attributes:
        device: What was measured, as its maker calls it.
        backend: Keras's backend.
        matrix_rates: Operations per second of a product of two square matrices, by format.
        bandwidth: Bytes per second read from memory.
        steps: Steps of training, in float32, with batches of 128.
        seconds: How long measuring took.
        other_backends: Seconds of a step of each model, by each other backend that is installed.
    """

    device: str
    backend: str
    matrix_rates: dict[str, float]
    bandwidth: float
    steps: tuple[Step, ...]
    seconds: float
    other_backends: dict[str, dict[str, float]] = field(default_factory=dict)

    def bound(self, intensity: float) -> float:
        """Return the roof over a step in float32: operations per second that it cannot exceed.

        min(peak, intensity · bandwidth)   (Williams, Waterman, Patterson, 2009)

        What fits into the processor's caches moves fewer bytes and may lie above it.

        Args:
            intensity: Operations per byte.
        """
        return min(self.matrix_rates["float32"], intensity * self.bandwidth)

    def share(self, step: Step) -> float:
        """Return the share of float32's matrix rate that a step reaches."""
        return step.rate / self.matrix_rates["float32"]

    def backends(self, model: str) -> dict[str, float]:
        """Return the seconds of a model's step by backend, the fastest first."""
        own = {one.model: one.seconds for one in self.steps}
        seconds = {
            backend: steps[model]
            for backend, steps in ({self.backend: own} | self.other_backends).items()
            if model in steps
        }
        return dict(sorted(seconds.items(), key=lambda item: item[1]))

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, with what follows from them."""
        derived = [
            asdict(step)
            | {
                "rate": step.rate,
                "intensity": step.intensity,
                "share_of_matrix_rate": self.share(step),
                "roof": self.bound(step.intensity),
            }
            for step in self.steps
        ]
        return asdict(self) | {"steps": derived}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Measurement":
        """Return what `to_json` wrote as a measurement again."""
        names = ("model", "seconds", "operations", "bytes")
        steps = tuple(Step(*(one[name] for name in names)) for one in values["steps"])
        return Measurement(**{**values, "steps": steps})


def measure() -> Measurement:
    """Measure the machine that Keras's backend trains on, and other backends: some two minutes."""
    began = time.perf_counter()
    with hardware.following(plan := hardware.plan("float32", "auto")):
        rates = {name: matrix_rate(name) for name in FORMATS}
        read = bandwidth(2**30 if plan.kind == "cpu" else 2**32)
        steps = tuple(map(step, _models()))
    others = other_backends(plan.backend)
    seconds = round(time.perf_counter() - began, 1)
    device = plan.devices[0] if plan.kind != "cpu" else hardware.processor()
    return Measurement(device, plan.backend, rates, read, steps, seconds, others)


def _models() -> list[str]:
    known = catalogue.models()
    return [name for name in MODELS if name in known]


def step_seconds() -> dict[str, float]:
    """Return the seconds of a step of each model, in float32, on the backend of this process."""
    with hardware.following(hardware.plan("float32", "auto")):
        return {name: step(name).seconds for name in _models()}


def other_backends(own: str) -> dict[str, dict[str, float]]:
    """Return what a step of each model takes on every other backend that is installed.

    One that fails, or does not answer in three minutes, is left out.

    Args:
        own: The backend that is left out because this process has it.
    """
    seconds: dict[str, dict[str, float]] = {}
    for backend in hardware.BACKENDS:
        if backend == own or importlib.util.find_spec(backend) is None:
            continue
        path = os.pathsep.join(filter(None, sys.path))
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path}
        try:
            answer = subprocess.run(
                [sys.executable, "-c", ASKED],
                env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True,
            ).stdout  # fmt: skip
            seconds[backend] = json.loads(answer.splitlines()[-1])
        except (subprocess.SubprocessError, ValueError, IndexError):
            continue
    return seconds


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as Keras's backend compiles it."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            on_gpu = bool(tf.config.list_physical_devices("GPU"))
            return tf.function(function, jit_compile=on_gpu)  # XLA is slower on a CPU
        case "jax":
            import jax

            return jax.jit(function)
        case _:
            return function


def best(work: Callable[[], Any], seconds: float = 1.0) -> float:
    """Return the shortest of several times, of work that returns when it is done.

    Args:
        work: What is timed. It has to wait for its result: a backend answers before it is done.
        seconds: How long to try again; three times at least.
    """
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def matrix_rate(dtype: str, size: int | None = None) -> float:
    """Return the operations per second of a product of two square matrices.

    2 · size³ / seconds: a multiplication and an addition for each of size³ products.

    Args:
        dtype: The format, e.g. ``"float32"``.
        size: Rows and columns; by default they are doubled until a product takes 0.02 s.
    """
    import keras

    multiply = compiled(lambda a, b: keras.ops.max(keras.ops.matmul(a, b)))

    def work(size: int) -> Callable[[], float]:
        a = keras.ops.cast(keras.random.uniform((size, size)), dtype)
        return lambda: float(multiply(a, a))

    if size is None:
        size = 256
        while size < LARGEST_MATRIX and best(work(size), 0) < 0.02:
            size *= 2
    return 2 * size**3 / best(work(size), 2.0)


def bandwidth(bytes: int) -> float:
    """Return how many bytes a second are read from memory: each row of an array is added up.

    The best of several arrays: where in memory one comes to lie decides, too, by up to a half.

    Args:
        bytes: The size of an array, many times that of the caches.
    """
    import keras

    total = compiled(lambda a: keras.ops.max(keras.ops.sum(a, axis=1)))

    def seconds() -> float:
        a = keras.ops.ones((bytes // 4 // 4096, 4096), "float32")
        return best(lambda: float(total(a)), 0.5)

    return bytes / min(seconds() for _ in range(8))


def step(name: str) -> Step:
    """Return the time of a step of a model, on one batch of 128 over and over.

    Args:
        name: The model's name in the catalogue.
    """
    import keras

    keras.utils.set_random_seed(0)
    model = catalogue.builder(name)()
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, *model.input_shape[1:]), "float32")
    y = rng.integers(0, model.output_shape[-1], BATCH)
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), "sparse_categorical_crossentropy")
    batches, count = same_batch(x, y), 10
    fit = lambda: model.fit(batches, steps_per_epoch=count, shuffle=False, verbose=0)  # noqa: E731
    seconds = best(fit, STEP_SECONDS) / count
    return Step(name, seconds, 3 * BATCH * operations(model), least_traffic(model, BATCH))


def same_batch(x: np.ndarray, y: np.ndarray) -> Any:
    """Return one batch without end, on the device where the backend lets it stay there."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.data.Dataset.from_tensors((x, y)).repeat().prefetch(2)
    batch = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
    return (one for one in repeat(batch))


def operations(model: "keras.Model") -> int:
    """Return the multiplications and additions of a forward pass of one example.

    Of the layers that multiply matrices, a multiply-add as two; the backward pass multiplies twice
    as often again.
    """
    return sum(2 * positions * weights for positions, weights in _products(model))


def _products(model: "keras.Model") -> Iterator[tuple[int, int]]:
    """Yield how often each of how many weights is used, of each layer that multiplies matrices."""
    import keras

    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional):
            input_shape = getattr(layer, "input", None)
            if input_shape is None:
                continue  # inside a Bidirectional, and counted with it
            steps = (input_shape[0] if isinstance(input_shape, list) else input_shape).shape[1]
            yield steps, sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) > 1)
        elif hasattr(layer, "kernel") and hasattr(layer, "output"):
            positions = int(np.prod(layer.output.shape[1:-1], initial=1))
            yield positions, int(np.prod(layer.kernel.shape))


def least_traffic(model: "keras.Model", batch: int) -> float:
    """Return the bytes that a step in float32 moves at least, were nothing kept in a cache.

    Every layer's outputs are written and read, and so are their gradients on the way back; weights
    are read forward and backward, their gradients written and read, and the update reads and writes
    the weights and the velocities.

    Args:
        model: The model.
        batch: Examples of a batch.
    """
    import keras

    outputs = 0
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.RNN):  # at every step its gates and its states
            inputs = getattr(layer, "input", None)
            steps = inputs.shape[1] if inputs is not None else 0
            states = int(np.sum(layer.cell.state_size))
            outputs += steps * (int(layer.weights[0].shape[-1]) + states)
        elif not isinstance(layer, keras.layers.InputLayer):
            shape = getattr(getattr(layer, "output", None), "shape", ())
            outputs += int(np.prod(shape[1:])) if shape else 0
    weights = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return 4.0 * (4 * batch * outputs + 8 * weights)
