"""How a run is spread over devices: on one, mirrored by TensorFlow, or parallel on JAX."""

import contextlib
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # listing what a machine can do loads no Keras
    import keras

    from companion.training.batches import Stream

AHEAD, MOST_AHEAD = 2**20, 32
"""Bytes, and number, of batches that TensorFlow fetches from Python at a time, at most."""


class OneDevice:
    """Everything on one device; what the others do differently, they say themselves.

    Attributes:
        name: What a run's record calls it.
        together: Whether batch normalization takes its means over all replicas.
        examines: Whether a process can look into the layers without the others.
    """

    name = "one device"
    together = False
    examines = True

    def scope(self, kind: str, count: int) -> contextlib.AbstractContextManager[Any]:
        """Return the scope in which models are built and trained: `count` devices of a `kind`."""
        import keras

        return keras.device("cpu") if kind == "cpu" else contextlib.nullcontext()

    def adopted(self, model: "keras.Model") -> "keras.Model":
        """Return a model that was built outside the scope as one of this strategy."""
        return model

    def local_copy(self, model: "keras.Model") -> "keras.Model | None":
        """Return a copy on this process's own device, where the model is spread over several."""
        return None

    def stream(self, batches: "Stream", step: int) -> Any:
        """Return the batches from number `step` on, as `fit` takes them."""
        import keras

        if keras.config.backend() != "tensorflow":
            return batches.from_step(step)
        # Told how large a batch is, TensorFlow compiles what it would for arrays.
        return _tensorflow_stream(batches, step, len(batches[step][0]))

    def shared(
        self, arrays: tuple[NDArray[Any], ...], count: int, processes: int, process: int
    ) -> tuple[NDArray[Any], ...]:
        """Return this process's part of the validation split.

        Args:
            arrays: Examples, targets and, where there are any, weights.
            count: Number of devices.
            processes: How many processes share them.
            process: Which of them this is.
        """
        return arrays


class Mirrored(OneDevice):
    """``tf.distribute.MirroredStrategy``: each device has a copy, and a part of every batch."""

    name = "MirroredStrategy"
    together = True
    examines = False

    def scope(self, kind: str, count: int) -> contextlib.AbstractContextManager[Any]:
        """Return the scope of the devices."""
        import tensorflow as tf

        devices = [f"{kind}:{number}" for number in range(count)]
        return tf.distribute.MirroredStrategy(devices).scope()

    def adopted(self, model: "keras.Model") -> "keras.Model":
        """Return a copy: a model stays on the device it was built on."""
        return _copied(model)

    def stream(self, batches: "Stream", step: int) -> Any:
        """Return batches that TensorFlow shares out among the devices."""
        return _tensorflow_stream(batches, step, None)


class DataParallel(OneDevice):
    """``keras.distribution.DataParallel`` on JAX, where processes may share the devices."""

    name = "DataParallel"
    examines = False

    def scope(self, kind: str, count: int) -> contextlib.AbstractContextManager[Any]:
        """Return the scope of the devices; each process hands in its part of a batch."""
        import keras

        devices = keras.distribution.list_devices(kind)[:count]
        parallel = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        return parallel.scope()

    def adopted(self, model: "keras.Model") -> "keras.Model":
        """Return a copy: a model stays on the device it was built on."""
        return _copied(model)

    def local_copy(self, model: "keras.Model") -> "keras.Model":
        """Return a copy that this process can read, write and judge alone."""
        with alone():
            return _copied(model)

    def shared(
        self, arrays: tuple[NDArray[Any], ...], count: int, processes: int, process: int
    ) -> tuple[NDArray[Any], ...]:
        """Return an equal part: the last examples stand twice, with weight 0.

        The weights of the others make up for it, so that means come out as over the whole split.
        """
        x, y, *given = arrays
        examples = len(y)
        rows = np.arange(-(-examples // count) * count)
        there = np.where(rows < examples, len(rows) / examples, 0).astype("float32")
        part = np.split(rows, processes)[process]
        chosen, weights = np.minimum(part, examples - 1), there[part]
        if given:
            weights = given[0][chosen] * weights.reshape(-1, *[1] * (given[0].ndim - 1))
        return x[chosen], y[chosen], weights


def _tensorflow_stream(batches: "Stream", step: int, size: int | None) -> Any:
    """Return a stream that begins afresh at each use: Keras looks at first batches before.

    TensorFlow fetches several batches from Python at a time, for each time costs it as much as
    dozens of small ones take to be put together.
    """
    import tensorflow as tf

    first = batches[step]
    fitting = max(1, AHEAD // sum(part.nbytes for part in first))
    several = min(fitting, MOST_AHEAD) if size else 1
    parts = tuple(tf.TensorSpec((None, size, *part.shape[1:]), part.dtype) for part in first)

    def fetched() -> Iterator[tuple[NDArray[Any], ...]]:
        rest = batches.from_step(step)
        while taken := list(islice(rest, several)):
            yield tuple(np.stack(part) for part in zip(*taken, strict=True))

    stream = tf.data.Dataset.from_generator(fetched, output_signature=parts).prefetch(1)
    return stream.flat_map(lambda *parts: tf.data.Dataset.from_tensor_slices(parts)).prefetch(
        tf.data.AUTOTUNE
    )


def _copied(model: "keras.Model") -> "keras.Model":
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    if model.compiled:
        copy.compile_from_config(model.get_compile_config())
    return copy


@contextlib.contextmanager
def alone() -> Any:
    """Build and use models on this process's own first device, outside a shared plan."""
    import keras

    shared = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(shared)
