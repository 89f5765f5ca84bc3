"""What a run keeps so that it can be examined later: data, setting, and looks into its layers."""

import math
import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import UserError
from companion.training.callbacks import (
    ActivationStatistics,
    GradientNorms,
    LayerStatistics,
    _array,
    _compiled,
)
from companion.training.diagnosis import Report, diagnose

PROBE = 32  # examples of the batch that is looked at
SAMPLE = 64  # training examples whose answers are looked at
ALONE = 4  # of them, that are asked about without the others
NEIGHBOURS = 256  # training examples whose nearest neighbours are compared
BATCHES = 8  # batches whose classes are counted
LOSSES = 64  # of an epoch's steps
NORMALIZING = (
    keras.layers.Normalization,
    keras.layers.Rescaling,
    keras.layers.BatchNormalization,
)
SHARE = 0.02  # of the time of training, which looking may take
# What a run keeps once for each epoch, and for each epoch and layer.
BY_EPOCH = ("history", "steps", "outputs", "weights", "gradients", "activations")

Arrays = tuple[NDArray[Any], ...]


class Examination(keras.callbacks.Callback):
    """Watches a training so that it can be examined, and changes nothing of it.

    It takes what `fit` takes, and goes into its callbacks::

        examination = companion.Examination(x, y, validation_data=(x_held_out, y_held_out))
        model.fit(x, y, validation_data=(x_held_out, y_held_out), callbacks=[examination])
        print(examination.report())

    It looks into the layers before the first step, at the end of epochs as often as `SHARE` of the
    time allows, and at the end.

    Args:
        x: The training examples; or batches of ``(x, y)`` and perhaps weights, of which the first
            few are looked at.
        y: Their targets; none where `x` holds batches.
        validation_data: Examples and targets.
        validation_split: As `fit` takes it: the share of the last examples that is held out.
        batch_size: Examples per batch.
        shuffle: Whether `fit` shuffles the examples.
        class_weight: What an example of each class counts.
        batches: The first batches as the training will see them, where they are known.
        kept: Filled with what is seen; it may hold that of an earlier part of the run.

    Attributes:
        kept: What was seen, as plain values: ``data`` and ``setting`` as they were at the start,
            ``first_loss``, the range of the first ``batch``, and a list of dicts for each of
            ``history`` and ``steps`` (an entry an epoch), ``outputs`` (an entry a look),
            ``weights``, ``gradients`` and ``activations`` (an entry for each look and layer).
    """

    def __init__(
        self,
        x: Any,
        y: ArrayLike | None = None,
        validation_data: tuple[Any, ...] | None = None,
        *,
        validation_split: float = 0.0,
        batch_size: int = 32,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        batches: Iterable[Arrays] | None = None,
        kept: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if y is None:
            batches = [tuple(map(np.asarray, batch)) for batch in islice(x, BATCHES)]
            x, y = (np.concatenate(part) for part in list(zip(*batches, strict=True))[:2])
        x, y = np.asarray(x), np.asarray(y)
        if validation_split:
            split_at = int(len(x) * (1 - validation_split))  # as Keras splits
            validation_data, x, y = (x[split_at:], y[split_at:]), x[:split_at], y[:split_at]
        if batches is None:
            batches = _batches(x, y, batch_size, shuffle, class_weight)
        seen = list(islice(batches, BATCHES))
        self.kept: dict[str, Any] = {} if kept is None else kept
        self._resumed = bool(self.kept)
        if not self._resumed:
            self.kept |= {"first_loss": None, "batch": _range(seen[0][0])}
            self.kept |= {"data": _data(x, y, seen, validation_data), "setting": {}}
            self.kept |= {name: [] for name in BY_EPOCH}
        sample = np.random.default_rng(0).choice(len(x), min(SAMPLE, len(x)), replace=False)
        probe_x, probe_y = seen[0][0][:PROBE], seen[0][1][:PROBE]
        self._watches: dict[str, LayerStatistics] = {
            "weights": _Weights(),
            "outputs": _Outputs(x[sample], y[sample]),
            "gradients": GradientNorms(probe_x, probe_y),
            "activations": ActivationStatistics(probe_x),
        }
        self._spent, self._looked, self._losses = 0.0, -1, [0.0]

    def report(self) -> Report:
        """Return what looks sick in the training so far."""
        return diagnose(self.kept)

    def on_train_begin(self, logs=None):
        """Find the layers to look into, look at them as they are, and start the clock."""
        for name, watch in list(self._watches.items()):
            try:
                watch.set_model(self.model)
            except UserError:  # no graph of layers, or none with an activation that saturates
                del self._watches[name]
        if not self._resumed:
            self.kept["setting"] = _setting(self.model)
            self._look(0)
        self._began, self._spent = time.perf_counter(), 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Start the epoch's losses."""
        self._losses, self._mean = [], 0.0

    def on_train_batch_end(self, batch, logs=None):
        """Keep the loss of the step: what Keras logs is the mean of the epoch so far."""
        mean, taken = float(logs["loss"]), len(self._losses)
        self._losses.append(mean + taken * (mean - self._mean) if math.isfinite(mean) else mean)
        self._mean = mean
        if self.kept["first_loss"] is None:
            self.kept["first_loss"] = _finite(mean)

    def on_epoch_end(self, epoch, logs=None):
        """Keep the epoch's losses, and look if there is time for it."""
        began, number = time.perf_counter(), epoch + 1
        losses = self._losses[:: -(-len(self._losses) // LOSSES) or 1]
        self._keep("history", [{"epoch": number, **{k: float(v) for k, v in logs.items()}}])
        self._keep("steps", [{"epoch": number, "steps": len(self._losses), "losses": losses}])
        if self._spent <= SHARE * (began - self._began):
            self._look(number)
        self._spent += time.perf_counter() - began

    def on_train_end(self, logs=None):
        """Look once more, if the last epochs were passed over."""
        if (rows := self.kept["history"]) and rows[-1]["epoch"] != self._looked:
            self._look(rows[-1]["epoch"])

    def _look(self, epoch: int) -> None:
        self._looked = epoch
        for name, watch in self._watches.items():
            self._keep(name, watch.look(epoch))

    def _keep(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.kept[name] += [{key: _finite(value) for key, value in row.items()} for row in rows]


def examined_until(epoch: int, kept: dict[str, Any]) -> dict[str, Any]:
    """Return what was kept of the first epochs; the later ones are examined again."""
    seen = {name: [row for row in kept.get(name, []) if row["epoch"] <= epoch] for name in BY_EPOCH}
    return kept | seen


class _Weights(LayerStatistics):
    """Keeps of each layer's kernel its size, how far it has come, and whether its units are alike.

    At most 64 × 64 entries of a kernel are looked at, evenly spread.
    """

    def on_train_begin(self, logs=None):
        """Nothing: it is asked to look."""

    def look(self, epoch):
        """Return one dict for each kernel."""
        if not hasattr(self, "_first"):
            self._kernels = list(_kernels(self.model))
            self._first = [_part(kernel) for *_, kernel in self._kernels]
        rows = []
        for (layer, trainable, kernel), first in zip(self._kernels, self._first, strict=True):
            now = _part(kernel)
            size = float(np.sqrt(np.mean(first**2)))
            moved = float(np.sqrt(np.mean((now - first) ** 2)))
            row = {"epoch": epoch, "layer": layer, "parameters": int(np.prod(kernel.shape))}
            row |= {"size": float(np.sqrt(np.mean(now**2))), "moved": moved / (size or 1.0)}
            alike = now.shape[1] > 1 and bool(np.all(now == now[:, :1]))
            rows.append(row | {"alike": alike, "trainable": trainable})
        return rows


class _Outputs(LayerStatistics):
    """Keeps what the model answers to training examples, as in inference: loss, range, row sums."""

    def __init__(self, x: NDArray[Any], y: NDArray[Any]) -> None:
        super().__init__()
        self.x, self.y = x, y

    def set_model(self, model):
        """Take the model, with the loss that it is compiled with now."""
        super().set_model(model)
        x, y = keras.ops.convert_to_tensor(self.x), keras.ops.convert_to_tensor(self.y)

        def answers() -> Any:
            together = model(x, training=False)
            penalty = sum(model.losses) if model.losses else keras.ops.zeros(())
            loss = model.compute_loss(x, y, together, training=False)
            return together, model(x[:ALONE], training=False), loss, penalty

        self._answers = _compiled(answers)

    def on_train_begin(self, logs=None):
        """Nothing: it is asked to look."""

    def look(self, epoch):
        """Return one dict."""
        together, alone, loss, penalty = map(_array, self._answers())
        together, alone = together.astype(float), alone.astype(float)
        away = np.abs(together[: len(alone)] - alone).mean()
        sums = together.sum(-1)
        return [
            {
                "epoch": epoch,
                "loss": float(loss),
                "penalty": float(penalty),
                "least": float(together.min()),
                "greatest": float(together.max()),
                "off_one": float(np.abs(sums - 1).mean()),
                "by_others": float(away / (together.std() or 1.0)),
            }
        ]


def _kernels(model: Any) -> Any:
    """Yield each layer's name, whether it is trained, and its kernel, for every kernel."""
    for layer in model._flatten_layers(include_self=False, recursive=True):
        for weight in getattr(layer, "_trainable_variables", ()):
            if len(weight.shape) > 1 and "bias" not in weight.name:  # a GRU's has two rows
                yield layer.name, bool(layer.trainable and weight.trainable), weight


def _part(kernel: Any) -> NDArray[Any]:
    """Return at most 64 × 64 entries of a kernel, one column for each unit."""
    flat = keras.ops.reshape(kernel.value, (-1, kernel.shape[-1]))
    rows, columns = (-(-size // 64) for size in flat.shape)
    return _array(flat[::rows, ::columns]).astype(float)


def _finite(value: Any) -> Any:
    """Return a value as JSON can hold it: what is no number becomes None."""
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _batches(
    x: NDArray[Any],
    y: NDArray[Any],
    size: int,
    shuffle: bool,
    class_weight: dict[int, float] | None,
) -> Iterable[Arrays]:
    """Yield batches like those that `fit` makes of arrays."""
    order = np.random.default_rng(0).permutation(len(x)) if shuffle else np.arange(len(x))
    for start in range(0, len(x), size):
        part = order[start : start + size]
        labels = labels_of(y[part])
        if class_weight is None or labels is None:
            yield x[part], y[part]
        else:
            yield x[part], y[part], np.array([class_weight.get(int(k), 1.0) for k in labels])


def labels_of(y: NDArray[Any]) -> NDArray[Any] | None:
    """Return targets as class numbers of shape ``(n,)``, or None where they are other numbers.

    >>> labels_of(np.array([[0.0, 1.0], [1.0, 0.0]])).tolist()
    [1, 0]
    >>> labels_of(np.array([[1.0], [0.0]])).tolist(), labels_of(np.array([0.5]))
    ([1, 0], None)
    """
    if np.issubdtype(y.dtype, np.integer) or y.dtype == bool:
        return y.reshape(-1).astype(int)
    if y.ndim > 1 and y.shape[-1] > 1:
        rows = y.reshape(-1, y.shape[-1])
        one_hot = np.allclose(rows.sum(1), 1) and (rows >= 0).all()
        return rows.argmax(1) if one_hot else None
    return y.reshape(-1).astype(int) if np.isin(y, (0, 1)).all() else None


def _range(x: NDArray[Any]) -> dict[str, Any]:
    """Return type and range of a batch's inputs."""
    finite = np.isfinite(x)
    values = x[finite].astype(float) if finite.any() else np.zeros(1)
    return {
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "dtype": str(x.dtype),
    }


def _data(
    x: NDArray[Any],
    y: NDArray[Any],
    batches: list[Arrays],
    validation: tuple[Any, ...] | None,
) -> dict[str, Any]:
    """Return what can be seen of the data without a model."""
    data: dict[str, Any] = {"examples": len(x), "missing": 0, "overlap": 0.0}
    if np.issubdtype(x.dtype, np.floating):
        # A sum is no number where one of its terms is none, and takes no copy.
        sums = np.array([float(example.sum(dtype=float)) for example in x])
        data["missing"] = int((~np.isfinite(sums)).sum())
    held_x, held_y = (np.asarray(part) for part in validation[:2]) if validation else (x[:0], y[:0])
    if len(held_x) and len(np.unique(held_x[:1])) > 1:
        known = {example.tobytes() for example in x.astype(held_x.dtype, copy=False)}
        data["overlap"] = float(np.mean([example.tobytes() in known for example in held_x]))
    labels = labels_of(y)
    if labels is None or not len(labels):
        return data
    held_labels = labels_of(held_y)
    held_labels = labels[:0] if held_labels is None else held_labels
    classes = int(max(labels.max(), held_labels.max(initial=0))) + 1
    counts = np.bincount(labels, minlength=classes)
    data |= {"counts": counts.tolist()}
    data |= {"validation_counts": np.bincount(held_labels, minlength=classes).tolist()}
    if y.ndim == 1 or (len(labels) == len(x)):
        data |= _neighbours(x, labels) | _order(labels, batches)
    if len(batches[0]) > 2:
        drawn = np.concatenate([labels_of(np.asarray(batch[1])) for batch in batches])
        weights = np.concatenate([np.asarray(batch[2], float).reshape(-1) for batch in batches])
        if len(drawn) == len(weights):
            of = [weights[drawn == k] for k in range(classes)]
            data["class_weights"] = [float(one.mean()) if len(one) else None for one in of]
    return data


def _neighbours(x: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
    """Return how often an example's nearest neighbour is of its class, and how often by chance."""
    chosen = np.random.default_rng(0).choice(len(x), min(NEIGHBOURS, len(x)), replace=False)
    flat = x[chosen].reshape(len(chosen), -1).astype(float)
    flat = np.nan_to_num(flat[:, :: -(-flat.shape[1] // 1024) or 1])
    squares = (flat**2).sum(1)
    away = squares[:, None] + squares - 2 * flat @ flat.T
    np.fill_diagonal(away, np.inf)
    of = labels[chosen]
    shares = np.bincount(of) / len(of)
    agree = float((of[away.argmin(1)] == of).mean())
    return {"neighbours": agree, "by_chance": float((shares**2).sum()), "compared": len(of)}


def _order(labels: NDArray[Any], batches: list[Arrays]) -> dict[str, Any]:
    """Return how much of a batch its commonest class fills, as seen, and drawn at random."""

    def commonest(batches: list[NDArray[Any]]) -> float:
        filled = sum(int(np.bincount(one).max()) for one in batches if len(one))
        return filled / sum(map(len, batches))  # a last batch of two says little

    seen = [one for batch in batches if (one := labels_of(np.asarray(batch[1]))) is not None]
    rng = np.random.default_rng(0)
    drawn = [rng.choice(labels, len(one)) for one in seen for _ in range(8)]
    return {"commonest": commonest(seen), "commonest_if_drawn": commonest(drawn)} if seen else {}


def _setting(model: keras.Model) -> dict[str, Any]:
    """Return loss, optimizer and the ends of a compiled model, as plain values."""
    loss = model.loss
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    name = getattr(loss, "__name__", "") or getattr(loss, "name", "") or type(loss).__name__
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    return {
        "loss": str(name),
        "from_logits": bool(config.get("from_logits", False)),
        "ends": [_activation(layer) for layer in layers[-3:]],
        "outputs": model.output_shape[-1] if isinstance(model.output_shape, tuple) else None,
        "reads_numbers_of_words": any(isinstance(one, keras.layers.Embedding) for one in layers),
        "normalizes": any(isinstance(one, NORMALIZING) for one in layers[:2]),
        "batch_normalization": any(
            isinstance(one, keras.layers.BatchNormalization) for one in model._flatten_layers()
        ),
        "optimizer": str(inner.name),
        "learning_rate": float(inner.learning_rate),
    }


def _activation(layer: Any) -> str:
    while isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(layer, "activation", None), "__name__", "")
