"""What a model is trained for: its loss, its metrics, and how it is judged in the end."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from companion.datasets.dataset import Dataset, Split
from companion.errors import UnknownNameError, UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PROBABILITIES = ("softmax", "sigmoid")  # of several sigmoids, Keras takes each one's share
LOGITS = ("linear", "log_softmax")
KNOWN = PROBABILITIES + LOGITS
# The numbers that an activation can give.
REACH = {
    "relu": (0.0, np.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, np.inf),
    "exponential": (0.0, np.inf),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
}
# Parts of the names of layers whose outputs are what they were given, or means of it.
LOOKED_THROUGH = (
    "Dropout", "Reshape", "Flatten", "Permute", "Identity", "Masking", "Pooling", "Cropping",
    "RepeatVector", "UpSampling", "Squeeze", "ExpandDims", "Transpose", "Cast", "GetItem",
)  # fmt: skip
# Those that give any number. (A sum or a multiple may be one of probabilities: its numbers tell.)
SUMS = (
    "Dense", "EinsumDense", "Conv1D", "Conv2D", "Conv3D", "BatchNormalization",
    "LayerNormalization",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of question that a model answers; each has a name in `TASKS`.

    Attributes:
        name: What a run's record calls it.
        metric: What is shown beside the loss, and kept in the history.
        unit: The unit of the loss.
        logits: Whether the model gives logits in place of probabilities.
    """

    name: str
    metric: str = "accuracy"
    unit: str = "nats"
    logits: bool = False

    def check(self, model: keras.Model, data: Dataset) -> None:
        """Say what is wrong if the model's output does not fit the targets.

        Raises:
            UserError: If it tells too few classes apart, or gives other numbers than are asked.
        """
        raise NotImplementedError

    def compile_arguments(self, label_smoothing: float, weighted: bool) -> dict[str, Any]:
        """Return loss and metrics as `keras.Model.compile` takes them.

        Args:
            label_smoothing: Share of each label that is spread over all classes.
            weighted: Whether targets have weights; the loss is then their weighted mean.
        """
        reduction = "mean_with_sample_weight" if weighted else "sum_over_batch_size"
        loss = self.loss(label_smoothing, reduction=reduction)
        return {"loss": loss, "weighted_metrics": [self.watched()]}

    def loss(self, label_smoothing: float, **options: Any) -> keras.losses.Loss:
        """Return the loss, with such options as all losses of Keras take."""
        raise NotImplementedError

    def watched(self) -> "str | keras.metrics.Metric":
        """Return the metric as `compile` takes it."""
        return self.metric

    def targets(self, y: NDArray[Any], label_smoothing: float, outputs: int) -> NDArray[Any]:
        """Return the targets as the loss takes them; `outputs` is the model's last axis."""
        return y

    def losses(self, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return the loss of each target, without label smoothing."""
        raise NotImplementedError

    def scores(self, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return of each target what the metric is the mean of."""
        raise NotImplementedError

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return what the outputs say of each class, ``(…, classes)``; numbers stay as they are."""
        return outputs

    def evaluate(self, outputs: NDArray[Any], split: Split) -> dict[str, float]:
        """Return metric and loss of the model's outputs for a split, over the steps that count."""
        values = {self.metric: self.scores(outputs, split.y), "loss": self.losses(outputs, split.y)}
        return {
            name: float(value.mean() if split.mask is None else value[split.mask].mean())
            for name, value in values.items()
        }

    def figures(self, outputs: NDArray[Any], data: Dataset) -> dict[str, "Figure"]:
        """Return what a run's folder gets beside the learning curve, by the name of its file."""
        raise NotImplementedError

    def facts(self, metrics: dict[str, float]) -> dict[str, str]:
        """Return the run's metrics on the test split in words, for the command line."""
        return {
            f"test_{name}": f"{metrics[name]:.4f}{unit}"
            for name, unit in ((self.metric, ""), ("loss", f" {self.unit}"))
        }


class Classes(Task):
    """One class of several, of a whole example or at every step of a sequence."""

    def check(self, model: keras.Model, data: Dataset) -> None:
        """Say so if the model tells too few classes apart."""
        outputs = model.output_shape[-1]
        if outputs < data.classes:
            raise UserError(
                f"{data.card.name} has {data.classes} classes and the model tells {outputs} apart. "
                f"Build it with {data.classes} outputs (classes={data.classes})."
            )
        if len(model.output_shape) != data.train.y.ndim + 1:
            each = "every step" if data.train.y.ndim > 1 else "a whole example"
            raise UserError(
                f"{data.card.name} names a class of {each}. Received: a model whose outputs have "
                f"shape {model.output_shape}. `every_step` says which, where a builder has it."
            )

    def loss(self, label_smoothing: float, **options: Any) -> keras.losses.Loss:
        """Return the cross-entropy; of one-hot rows where labels are smoothed."""
        if label_smoothing:
            return keras.losses.CategoricalCrossentropy(self.logits, label_smoothing, **options)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=self.logits, **options)

    def targets(self, y: NDArray[Any], label_smoothing: float, outputs: int) -> NDArray[Any]:
        """Return labels, or one-hot rows of shape ``(…, classes)`` where they are smoothed."""
        return np.eye(outputs, dtype="float32")[y] if label_smoothing else y

    def losses(self, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return −log of the probability of each true class."""
        # The function, for the class would share its mean out among the replicas of a strategy.
        cross_entropy = keras.losses.sparse_categorical_crossentropy(y, outputs, self.logits)
        return keras.ops.convert_to_numpy(cross_entropy)

    def scores(self, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return which classes are right."""
        return self.classes_of(outputs) == y

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the probability of each class."""
        return keras.ops.convert_to_numpy(keras.ops.softmax(outputs)) if self.logits else outputs

    def classes_of(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the likeliest class of each output."""
        return outputs.argmax(-1)

    def figures(self, outputs: NDArray[Any], data: Dataset) -> dict[str, "Figure"]:
        """Return the confusion matrix of the test split."""
        from companion import plots  # a training that draws nothing loads no Matplotlib

        test, predicted = data.test, self.classes_of(outputs)
        counts = np.ones(test.y.shape, bool) if test.mask is None else test.mask
        names = data.card.class_names
        return {
            "confusion-matrix": plots.confusion_matrix(test.y[counts], predicted[counts], names)
        }


class Binary(Classes):
    """Yes or no from one unit: how likely is class 1."""

    def check(self, model: keras.Model, data: Dataset) -> None:
        """Nothing: `task_for` chooses it for one unit and two classes alone."""

    def loss(self, label_smoothing: float, **options: Any) -> keras.losses.Loss:
        """Return the binary cross-entropy."""
        return keras.losses.BinaryCrossentropy(self.logits, label_smoothing, **options)

    def watched(self) -> keras.metrics.Metric:
        """Return the accuracy, for Keras would ask a logit whether it is above 0.5."""
        return keras.metrics.BinaryAccuracy(self.metric, threshold=0.0 if self.logits else 0.5)

    def targets(self, y: NDArray[Any], label_smoothing: float, outputs: int) -> NDArray[Any]:
        """Return the classes as probabilities of shape ``(…, 1)``."""
        return y[..., None].astype("float32")

    def losses(self, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return −log of the probability of each true class."""
        cross_entropy = keras.losses.binary_crossentropy(
            self.targets(y, 0, 1), outputs, self.logits
        )
        return keras.ops.convert_to_numpy(cross_entropy)

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the probabilities of 0 and 1."""
        of_one = keras.ops.convert_to_numpy(keras.ops.sigmoid(outputs)) if self.logits else outputs
        return np.concatenate([1 - of_one, of_one], axis=-1)

    def classes_of(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return 1 where it is likelier than 0."""
        return (outputs[..., 0] > (0 if self.logits else 0.5)).astype(int)


class Numbers(Task):
    """One number or several: regression, and the next values of a series."""

    def check(self, model: keras.Model, data: Dataset) -> None:
        """Say so if the model gives another number of numbers than each target has."""
        wanted, given = data.train.y.shape[1:], model.output_shape[1:]
        if wanted != given and (*wanted, 1) != given:
            raise UserError(
                f"{data.card.name} asks for numbers of shape {wanted or (1,)} and the model gives "
                f"{given}. Build it with an output of that shape."
            )

    def loss(self, label_smoothing: float, **options: Any) -> keras.losses.Loss:
        """Return the mean squared error."""
        return keras.losses.MeanSquaredError(**options)

    def losses(self, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return the squared errors."""
        return np.square(outputs.reshape(y.shape) - y)

    def scores(self, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return the absolute errors."""
        return np.abs(outputs.reshape(y.shape) - y)

    def figures(self, outputs: NDArray[Any], data: Dataset) -> dict[str, "Figure"]:
        """Return the predicted numbers over the true ones."""
        from companion import plots  # a training that draws nothing loads no Matplotlib

        truth = data.test.y
        return {"predicted-against-true": plots.predicted_against_true(truth, outputs)}


TASKS = {
    task.name: task
    for task in (
        Classes("classes"),
        Classes("classes from logits", logits=True),
        Binary("yes or no"),
        Binary("yes or no from a logit", logits=True),
        Numbers("numbers", "mean_absolute_error", "mean squared error"),
    )
}


def task_for(model: keras.Model, data: Dataset) -> Task:
    """Choose the task by the targets and by what the model ends in.

    Targets without class names are numbers. Two classes and one unit are yes or no. What comes out
    of a last layer without an activation are logits.

    Args:
        model: A model with one output.
        data: The data it is to learn, as the model reads them.

    Raises:
        UserError: If the data do not fit the model, or it ends in what is neither a probability
            nor a logit, or in what cannot reach the numbers asked for.
    """
    ends = ending(model)
    if not data.classes:
        name = "numbers"
        if not model.compiled:
            _check_reach(ends, model, data)
    else:
        one = data.classes == 2 and model.output_shape[-1] == 1
        if ends is None:
            logits = not _gives_probabilities(model, data)
        elif model.compiled or (ends in KNOWN and not (one and ends == "softmax")):
            logits = ends in LOGITS
        else:
            raise UserError(
                f"{model.name} ends in {ends}{' over one unit' if one else ''}, which gives "
                "neither probabilities nor logits. Give its last layer "
                f"{'a sigmoid' if one else 'a softmax'}, or no activation at all."
            )
        name = ("yes or no" if one else "classes") + (
            one * " from a logit" or " from logits"
        ) * logits
    TASKS[name].check(model, data)
    return TASKS[name]


def find_task(name: str) -> Task:
    """Return the task of that name.

    Raises:
        UnknownNameError: With the nearest name.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name]


def ending(model: keras.Model) -> str | None:
    """Return the name of the activation that a model ends in, ``"linear"`` for none.

    Layers that leave each number what it is, or take means of them, are looked through: what a
    dropout, a reshaping or a pooling gives is what it was given.

    Returns:
        None where a layer of another kind comes last, of which only its numbers can tell.
    """
    return _ending(model.outputs[0])


def _ending(tensor: Any) -> str | None:
    operation, node, index = tensor._keras_history
    if isinstance(operation, keras.layers.InputLayer):
        return "linear"
    if isinstance(operation, keras.Model):
        return _ending(operation.outputs[index])
    before = operation._inbound_nodes[node].input_tensors
    while isinstance(operation, keras.layers.Wrapper):
        operation = operation.layer
    if isinstance(operation, keras.Model):
        return _ending(operation.outputs[0])
    kind = type(operation).__name__
    if activation := getattr(operation, "activation", None):
        name = str(getattr(activation, "__name__", type(activation).__name__).lower())
        if name == "linear" and kind == "Activation":
            return _ending(before[0])
        return name if hasattr(keras.activations, name) else None
    if kind.removesuffix("Layer").lower() in ("softmax", "sigmoid", "logsoftmax", *REACH):
        return {"logsoftmax": "log_softmax"}.get(kind.lower(), kind.lower())
    if kind.endswith(("ReLU", "ELU")):
        return kind
    if any(part in kind for part in LOOKED_THROUGH):
        return _ending(before[0])
    return "linear" if kind in SUMS else None


def _gives_probabilities(model: keras.Model, data: Dataset) -> bool:
    """Say whether a model gives probabilities, by what it makes of some examples."""
    outputs = model.predict(data.train.x[:32], verbose=0)
    total = outputs.sum(-1) if outputs.shape[-1] > 1 else 1
    return bool(((outputs >= 0) & (outputs <= 1)).all() and np.allclose(total, 1, atol=0.01))


def _check_reach(ends: str | None, model: keras.Model, data: Dataset) -> None:
    """Say so if a model's last activation cannot give the numbers that it is to learn."""
    y, name = data.train.y, data.card.name
    if ends in PROBABILITIES and np.isin(y, (0, 1)).all():
        raise UserError(
            f"{name} has targets 0.0 and 1.0, which would be predicted as numbers. For two "
            'classes, give them as integers: y.astype("int64").'
        )
    if y.ndim == 1 and (outputs := model.output_shape[-1]) > 1 and np.equal(y, y.round()).all():
        raise UserError(
            f"{name} has floats for targets, which are predicted as numbers, and the model has "
            f'{outputs} outputs. For classes, give them as integers: y.astype("int64").'
        )
    low, high = REACH.get(ends or "", (-np.inf, np.inf))
    if y.size and not low <= y.min() <= y.max() <= high:
        raise UserError(
            f"{model.name} ends in {ends}, which gives numbers from {low:g} to {high:g}; those of "
            f"{name} lie between {y.min():.4g} and {y.max():.4g}. Leave the last layer without an "
            "activation."
        )
