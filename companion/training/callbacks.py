"""Callbacks that each watch one thing while a model trains, and keep it.

Every one has a `history`, a list of dicts that ``pandas.DataFrame`` reads. Epochs count from 1;
an entry with epoch 0 tells how things stood before the first.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from companion.errors import UserError

# Where an activation is flat, judged by its outputs.
FLAT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda out: np.abs(out - 0.5) > 0.45,
    "tanh": lambda out: np.abs(out) > 0.9,
    "relu": lambda out: out <= 0,
}


class EarlyStoppingReport(keras.callbacks.Callback):
    """Train to the end, and tell where early stopping would have stopped.

    A patience p stops after the p-th epoch in a row without a new best (Goodfellow, Bengio and
    Courville, 2016, Deep Learning, algorithm 7.1; the rule of `keras.callbacks.EarlyStopping` with
    its ``min_delta`` of 0). A value that is not a number is never the best. When training ends the
    model gets its best weights back.

        stopping = EarlyStoppingReport(patiences=(2, 5, 10))
        model.fit(x, y, epochs=100, validation_split=0.2, callbacks=[stopping])
        pandas.DataFrame(stopping.report())

    Attributes:
        history: One dict for each epoch: ``epoch``, the monitored value under its own name,
            ``best`` (the best value until then), ``waited`` (epochs since), ``seconds`` (since
            training began).
        best_epoch: The epoch of the best value until now; 0 before there is one.

    Args:
        monitor: The logged value to watch.
        patiences: The patiences, in epochs.
        mode: Whether the best value is the smallest (``"min"``) or the largest (``"max"``).

    Raises:
        UserError: If a patience is below 1 or the mode is unknown; at the first epoch, if nothing
            of the monitor's name is logged.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patiences: Sequence[int] = (1, 2, 5, 10, 20),
        mode: str = "min",
    ) -> None:
        super().__init__()
        if mode not in ("min", "max"):
            raise UserError(f"mode is 'min' or 'max'. Received: {mode!r}.")
        if not patiences or min(patiences) < 1:
            raise UserError(f"A patience is 1 epoch or more. Received: {list(patiences)}.")
        self.monitor = monitor
        self.patiences = tuple(sorted(set(patiences)))
        self.mode = mode
        self._reset()

    def _reset(self) -> None:
        """Forget every epoch."""
        self.history: list[dict[str, Any]] = []
        self.best_epoch = 0
        self._best_weights: list[np.ndarray] = []
        # For each patience that has run out, the epoch in which it did and the best weights then.
        self._stops: dict[int, tuple[int, list[np.ndarray]]] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start afresh."""
        self._reset()
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's value, keep the weights if it is the best, and ask every patience."""
        logs = logs or {}
        if self.monitor not in logs:
            raise UserError(
                f"There is no {self.monitor!r} to stop by (did you give validation data?). "
                f"Logged: {', '.join(logs)}."
            )
        value = float(logs[self.monitor])
        best = self.history[-1]["best"] if self.history else math.nan
        if self._is_improvement(value, best):
            best, self.best_epoch = value, epoch + 1
            self._best_weights = self.model.get_weights()
        waited = epoch + 1 - self.best_epoch
        self.history.append(
            {
                "epoch": epoch + 1,
                self.monitor: value,
                "best": best,
                "waited": waited,
                "seconds": time.perf_counter() - self._began,
            }
        )
        for patience in self.patiences:
            if waited >= patience and patience not in self._stops:
                self._stops[patience] = (epoch + 1, self._best_weights)

    def _is_improvement(self, value: float, best: float) -> bool:
        """Say whether a value beats the best so far, which is not a number before the first."""
        if math.isnan(best):
            return not math.isnan(value)
        return value < best if self.mode == "min" else value > best

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Give the model its best weights back."""
        self.restore()

    def restore(self, patience: int | None = None) -> None:
        """Give the model the best weights of all epochs, or those that one patience had kept.

        Args:
            patience: One of the patiences; one that would not have stopped has kept the best
                weights of all epochs.

        Raises:
            UserError: If the patience is none of those that were watched.
        """
        if patience is not None and patience not in self.patiences:
            raise UserError(
                f"patience is one of those that were watched, {list(self.patiences)}. "
                f"Received: {patience!r}."
            )
        weights = self._best_weights
        if patience in self._stops:
            _, weights = self._stops[patience]
        if weights:
            self.model.set_weights(weights)

    def report(self) -> list[dict[str, Any]]:
        """Return, for each patience, where it would have stopped and what that saves.

        Each dict holds ``patience``, ``stopped`` (the last epoch it would have trained; None if it
        would not have stopped), ``best_epoch`` and ``best`` (what it would have kept),
        ``epochs_saved`` and ``seconds_saved``.

        Raises:
            UserError: If no epoch has ended yet.
        """
        if not self.history:
            raise UserError("There is nothing to report before the first epoch: call model.fit.")
        rows = []
        for patience in self.patiences:
            stopped, _ = self._stops.get(patience, (None, None))
            last = self.history[(stopped or len(self.history)) - 1]
            rows.append(
                {
                    "patience": patience,
                    "stopped": stopped,
                    "best_epoch": last["epoch"] - last["waited"],
                    "best": last["best"],
                    "epochs_saved": self.history[-1]["epoch"] - last["epoch"],
                    "seconds_saved": self.history[-1]["seconds"] - last["seconds"],
                }
            )
        return rows


class LayerStatistics(keras.callbacks.Callback):
    """Look into the layers before training and after each epoch, and keep what is seen.

    A subclass says in `look` what is seen.

    Attributes:
        history: One dict for each epoch and layer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: list[dict[str, Any]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start afresh, with the layers as they were made."""
        self.history = self.look(0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look again."""
        self.history += self.look(epoch + 1)

    def look(self, epoch: int) -> list[dict[str, Any]]:
        """Return one dict for each layer of the model as it is now.

        Args:
            epoch: How many epochs have passed, which each dict repeats; 0 before the first.
        """
        raise NotImplementedError


class WeightNorms(LayerStatistics):
    """Keep the size of each layer's weights, epoch by epoch.

    Biases and the scales of a normalization are left out, as penalties leave them out (Goodfellow,
    Bengio and Courville, 2016, Deep Learning, section 7.1): only arrays with two axes or more
    count.

        norms = WeightNorms()
        model.fit(x, y, epochs=10, callbacks=[norms])
        pandas.DataFrame(norms.history).pivot(index="epoch", columns="layer", values="l2")

    Attributes:
        history: One dict for each epoch and layer: ``epoch``, ``layer``, ``l1`` (Σ|w|), ``l2``
            (√Σw²), ``near_zero`` (the share of weights with |w| < threshold).

    Args:
        threshold: Below this a weight counts as zero.
    """

    def __init__(self, threshold: float = 1e-3) -> None:
        super().__init__()
        self.threshold = threshold

    def look(self, epoch: int) -> list[dict[str, Any]]:
        """Return one dict of norms for each layer."""
        rows = []
        for name, kernels in kernels_of(self.model):
            weights = np.concatenate([_array(kernel).ravel() for kernel in kernels])
            rows.append(
                {
                    "epoch": epoch,
                    "layer": name,
                    "l1": float(np.abs(weights).sum()),
                    "l2": float(np.linalg.norm(weights)),
                    "near_zero": float((np.abs(weights) < self.threshold).mean()),
                }
            )
        return rows


class GradientNorms(LayerStatistics):
    """Keep the size of the loss's gradient in each layer, epoch by epoch, on one probe batch.

    How it shrinks or grows from the last layer to the first tells vanishing from exploding
    gradients (Glorot and Bengio, 2010, Understanding the difficulty of training deep feedforward
    neural networks, figure 7). The probe is passed as in inference, without dropout, so that
    watching changes nothing.

        norms = GradientNorms(x[:32], y[:32])
        model.fit(x, y, epochs=10, callbacks=[norms])
        pandas.DataFrame(norms.history).pivot(index="epoch", columns="layer", values="l2")

    Attributes:
        history: One dict for each epoch and layer: ``epoch``, ``layer``, ``l2`` (√Σg² over the
            layer's kernels), ``mean_absolute`` (the mean of |g|).

    Args:
        x: Inputs of the probe batch, one array of shape ``(n, …)``.
        y: Its `n` targets, as the model's loss takes them.
    """

    def __init__(self, x: ArrayLike, y: ArrayLike) -> None:
        super().__init__()
        self.x, self.y = x, y

    def set_model(self, model: keras.Model) -> None:
        """Take the model, with the loss that it is compiled with now."""
        super().set_model(model)
        self._gradients = _compiled(_gradients(model, self.x, self.y))

    def look(self, epoch: int) -> list[dict[str, Any]]:
        """Return one dict of the gradient's sizes for each layer."""
        rows = []
        variables = self.model.trainable_variables
        by_variable = dict(zip(map(id, variables), map(_array, self._gradients()), strict=True))
        for name, kernels in kernels_of(self.model):
            gradient = np.concatenate([by_variable[id(kernel)].ravel() for kernel in kernels])
            rows.append(
                {
                    "epoch": epoch,
                    "layer": name,
                    "l2": float(np.linalg.norm(gradient)),
                    "mean_absolute": float(np.abs(gradient).mean()),
                }
            )
        return rows


class ActivationStatistics(LayerStatistics):
    """Keep how many units of each layer are saturated or dead, epoch by epoch, on one probe batch.

    An output is saturated where its activation is flat, so that no gradient comes back: a sigmoid
    below 0.05 or above 0.95, a tanh beyond ±0.9 (the same place, for tanh(x) = 2σ(2x) − 1), a ReLU
    at 0. A unit is dead when it is saturated for every example of the probe (Glorot and Bengio,
    2010; Maas, Hannun and Ng, 2013, Rectifier nonlinearities improve neural network acoustic
    models). A convolution's unit is a channel.

        activations = ActivationStatistics(x[:256])
        model.fit(x, y, epochs=10, callbacks=[activations])
        pandas.DataFrame(activations.history).pivot(index="epoch", columns="layer", values="dead")

    Attributes:
        history: One dict for each epoch and layer: ``epoch``, ``layer``, ``activation``, ``mean``,
            ``sd`` (of all outputs), ``saturated`` (share of outputs), ``dead`` (share of units).

    Args:
        x: Inputs of the probe batch, one array of shape ``(n, …)``.
    """

    def __init__(self, x: ArrayLike) -> None:
        super().__init__()
        self.x = x

    def set_model(self, model: keras.Model) -> None:
        """Find the layers with a sigmoid, tanh or ReLU.

        Raises:
            UserError: If the model is not a graph of layers, or has no such activation.
        """
        super().set_model(model)
        if not getattr(model, "inputs", None):
            raise UserError(
                "ActivationStatistics looks into functional and sequential models only."
            )
        self._watched = [
            (layer, kind) for layer in model.layers if (kind := _activation_of(layer)) in FLAT
        ]
        if not self._watched:
            raise UserError(f"The model has no layer with one of: {', '.join(FLAT)}.")
        inside = keras.Model(model.inputs, [layer.output for layer, _ in self._watched])
        x = keras.ops.convert_to_tensor(self.x)
        self._outputs = _compiled(lambda: inside(x, training=False))

    def look(self, epoch: int) -> list[dict[str, Any]]:
        """Return one dict of the outputs' statistics for each watched layer."""
        outputs = self._outputs()
        outputs = outputs if isinstance(outputs, list) else [outputs]
        rows = []
        for (layer, kind), output in zip(self._watched, outputs, strict=True):
            values = _array(output)
            flat = FLAT[kind](values)
            rows.append(
                {
                    "epoch": epoch,
                    "layer": layer.name,
                    "activation": kind,
                    "mean": float(values.mean()),
                    "sd": float(values.std()),
                    "saturated": float(flat.mean()),
                    "dead": float(flat.all(axis=tuple(range(values.ndim - 1))).mean()),
                }
            )
        return rows


def kernels_of(model: keras.Model) -> Iterator[tuple[str, list[keras.Variable]]]:
    """Yield each layer that has trainable kernels (two axes or more), by name, with them.

    A layer that consists of layers is looked into; its name then comes before theirs.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            for name, kernels in kernels_of(layer):
                yield f"{layer.name}/{name}", kernels
        elif kernels := [v for v in layer.trainable_variables if len(v.shape) > 1]:
            yield layer.name, kernels


def gradients(model: keras.Model, x: ArrayLike, y: ArrayLike) -> list[np.ndarray]:
    """Return the gradient of the compiled loss, penalties included, in each trainable variable.

    In inference mode, so that nothing of the model changes; on TensorFlow, JAX and PyTorch.

    Args:
        model: A compiled model.
        x: Inputs, one array of shape ``(n, …)``.
        y: Their `n` targets, as the model's loss takes them.

    Returns:
        An array of each variable's shape, in the order of ``model.trainable_variables``.
    """
    return [_array(gradient) for gradient in _gradients(model, x, y)()]


def _gradients(model: keras.Model, x: ArrayLike, y: ArrayLike) -> Callable[[], list[Any]]:
    """Return a function that computes the gradients anew each time it is called."""
    x, y = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
    variables = model.trainable_variables

    def on_tensorflow() -> list[Any]:
        import tensorflow as tf

        values = [variable.value for variable in variables]
        with tf.GradientTape() as tape:
            loss = _loss(model, x, y)
        return tape.gradient(loss, values, unconnected_gradients="zero")

    def on_torch() -> list[Any]:
        import torch

        values = [variable.value for variable in variables]
        with torch.enable_grad():
            computed = torch.autograd.grad(_loss(model, x, y), values, allow_unused=True)
        return [
            torch.zeros_like(value) if gradient is None else gradient
            for value, gradient in zip(values, computed, strict=True)
        ]

    def on_jax() -> list[Any]:
        import jax

        # JAX differentiates a function of values: within the scope the variables take them.
        def loss_of(values: list[Any]) -> Any:
            mapping = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return _loss(model, x, y)

        return jax.grad(loss_of)([variable.value for variable in variables])

    by_backend = {"tensorflow": on_tensorflow, "torch": on_torch, "jax": on_jax}
    return by_backend[keras.config.backend()]


def _compiled(function: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that TensorFlow runs as one graph: step by step, recurrence takes ages."""
    if keras.config.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function)


def _loss(model: keras.Model, x: Any, y: Any) -> Any:
    """Return the compiled loss, penalties included, in inference mode."""
    return model.compute_loss(x, y, model(x, training=False), training=False)


def _array(tensor: Any) -> np.ndarray:
    """Return a backend's tensor or variable as NumPy's array."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def _activation_of(layer: keras.Layer) -> str:
    """Return the name of a layer's activation, ``""`` where it has none."""
    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    return getattr(getattr(layer, "activation", None), "__name__", "")
