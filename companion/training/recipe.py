"""The default recipe: small shifts, Adam on a cosine, the best weights of a patient run."""

from dataclasses import dataclass, field, fields, replace
from numbers import Real
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from companion.datasets import Dataset
from companion.errors import UnknownNameError, UserError

OPTIMIZERS = {
    name.lower(): kind
    for name, kind in vars(keras.optimizers).items()
    if isinstance(kind, type) and kind is not keras.Optimizer
}
# What a compiled model has decided for itself.
OPTIMIZER_FIELDS = (
    "optimizer", "learning_rate", "warmup", "schedule", "optimizer_options", "weight_decay",
    "no_decay", "clip_norm", "global_clip_norm", "averaging", "label_smoothing",
    "steps_per_execution", "jit_compile",
)  # fmt: skip

# What Keras's `compile` and `fit` call otherwise, or is not a recipe's to say.
ELSEWHERE = {
    "lr": "it is called learning_rate",
    "loss": "a task has one (task=…), and a compiled model keeps its own",
    "metrics": "a task has one (task=…), and a compiled model keeps its own",
    "verbose": "show_progress=False trains in silence",
    "validation_split": "the data say what is held out, see companion.load",
    "validation_data": "give two Splits as data, the second to validate on",
    "x": "examples and targets are given as data=(x, y)",
    "y": "examples and targets are given as data=(x, y)",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained.

    Attributes:
        epochs: Passes over the training split; where `steps` is given, how often the run is
            looked at on its way: validated, saved, judged.
        batch_size: Examples per step.
        learning_rate: The peak rate: reached after `warmup` of the steps, then lowered along
            half a cosine to zero (Loshchilov and Hutter, 2017).
        warmup: Share of the steps in which the rate climbs.
        shift: Images are moved by up to this many pixels each way, anew in every epoch.
        turn: They are turned by up to this many degrees.
        zoom: They are made taller and wider, or less so, by up to this share.
        patience: Epochs without a lower validation loss after which training stops.
        keep: Which weights a run ends with: the ``"best"`` by validation loss, or the ``"last"``;
            with ``"last"``, or nothing to validate on, it is never stopped early.
        steps: Steps of the whole run, in place of passes over the training split.
        order: The examples in the order in which they are shown, as numbers of the training
            split, over and over; by default an order of the seed's, anew in every pass.
        optimizer: Keras's name of it, in small letters.
        optimizer_options: What else it takes, e.g. ``{"momentum": 0.9}``.
        schedule: ``"cosine"``, a schedule of Keras's, or None for a rate that stays, unless a
            callback such as ``keras.callbacks.ReduceLROnPlateau`` lowers it.
        weight_decay: Share of each weight that a step takes away, times the rate.
        no_decay: Parts of the names of weights that do not decay.
        clip_norm: Greatest norm of a weight's gradient.
        global_clip_norm: Greatest norm of all gradients together.
        averaging: Momentum of a running mean of the weights, which is what is validated and kept
            in their place; 0 for none.
        label_smoothing: Share of each label that is spread over all classes.
        class_weights: What an example of each class counts in the loss, or ``"balanced"``.
        example_weights: What each training example counts in the loss.
        steps_per_execution: Steps that Keras takes at one go; callbacks see none in between.
        jit_compile: Whether a step is compiled as a whole, as `keras.Model.compile` takes it.
    """

    epochs: int
    batch_size: int
    learning_rate: float = 5e-3
    warmup: float = 0.1
    shift: int = 0
    turn: float = 0.0
    zoom: float = 0.0
    patience: int = 20
    keep: Literal["best", "last"] = "best"
    steps: int | None = None
    order: tuple[int, ...] | None = None
    optimizer: str = "adam"
    optimizer_options: dict[str, Any] = field(default_factory=dict)
    schedule: Any = "cosine"
    weight_decay: float | None = None
    no_decay: tuple[str, ...] = ("bias", "gamma", "beta")
    clip_norm: float | None = None
    global_clip_norm: float | None = None
    averaging: float = 0.0
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | Literal["balanced"] | None = None
    example_weights: tuple[float, ...] | None = None
    steps_per_execution: int = 1
    jit_compile: bool | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        self._check_counts()
        self._check_numbers()
        self._check_optimizer()
        if self.keep not in ("best", "last"):
            raise UserError(f"keep is 'best' or 'last'. Received: keep={self.keep!r}.")
        for name in ("order", "class_weights", "example_weights"):
            if (values := getattr(self, name)) is not None and not isinstance(values, str):
                object.__setattr__(self, name, tuple(np.asarray(values).tolist()))

    def _check_counts(self) -> None:
        for name in ("epochs", "batch_size", "patience", "steps", "steps_per_execution"):
            if (value := getattr(self, name)) is None and name == "steps":
                continue
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not float(value).is_integer():
                raise UserError(f"{name} is a whole number. Received: {name}={value!r}.")
            if value < 1:
                raise UserError(f"{name} is 1 or more. Received: {name}={value}.")
            object.__setattr__(self, name, int(value))
        if self.steps and self.steps % self.epochs:
            raise UserError(
                f"steps is a multiple of epochs. Received: steps={self.steps}, "
                f"epochs={self.epochs}."
            )

    def _check_numbers(self) -> None:
        for name in ("learning_rate", "warmup", "averaging", "label_smoothing"):
            if not isinstance(value := getattr(self, name), Real):
                raise UserError(f"{name} is a number. Received: {name}={value!r}.")
        if not 0 < self.learning_rate < 10:
            raise UserError(
                "learning_rate is above 0, and 0.005 is usual for Adam here. "
                f"Received: learning_rate={self.learning_rate}."
            )
        for name in ("warmup", "averaging", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(
                    f"{name} is a share, in [0, 1). Received: {name}={getattr(self, name)}."
                )

    def _check_optimizer(self) -> None:
        if isinstance(self.optimizer, keras.Optimizer):
            raise UserError(
                "optimizer is a name, and optimizer_options what else it takes. To train with an "
                f"optimizer of your own, compile the model with it. Received: {self.optimizer!r}."
            )
        object.__setattr__(self, "optimizer", str(self.optimizer).lower())
        if self.optimizer not in OPTIMIZERS:
            raise UnknownNameError("optimizer", self.optimizer, OPTIMIZERS)
        schedules = keras.optimizers.schedules.LearningRateSchedule
        if self.schedule not in ("cosine", None) and not isinstance(
            self.schedule, schedules | dict
        ):
            raise UserError(
                "schedule is 'cosine', None or one of keras.optimizers.schedules. "
                f"Received: schedule={self.schedule!r}."
            )

    @classmethod
    def suited_to(cls, data: Dataset, effort: float = 1.0, **changes: Any) -> "Recipe":
        """Return the recipe for data of this size, with the given fields changed.

        A small set is passed over often, in small batches, its images moved, turned and zoomed; a
        large one seldom, in larger batches, its images moved alone. A model that learns slowly
        has an `effort` above 1: so many times the usual number of epochs.

        Raises:
            UserError: If there is no such field, or a batch would hold more examples than there
                are.
        """
        known = [one.name for one in fields(cls)]
        for name in changes:
            if name in ELSEWHERE:
                raise UserError(f"A recipe has no {name!r}: {ELSEWHERE[name]}.")
            if name not in known:
                raise UnknownNameError("part of a recipe", name, known)
        examples = len(data.train)
        epochs = round(effort * float(np.clip(1_000_000 // examples, 20, 60)))
        images = data.card.kind == "image" and len(data.shape) == 3
        small = examples < 10_000
        usual = cls(
            epochs=1 if changes.get("steps") else epochs,
            batch_size=64 if small else 128,
            shift=(data.shape[0] or 0) // 14 if images else 0,
            turn=10.0 if images and small else 0.0,
            zoom=0.1 if images and small else 0.0,
        )
        recipe = replace(usual, **changes)
        if "patience" not in changes:
            # the rate is still high before: a worse epoch says little
            recipe = replace(recipe, patience=max(1, recipe.epochs // 2))
        if recipe.batch_size > examples:
            raise UserError(
                f"A batch holds at most the {examples} training examples of {data.card.name}. "
                f"Received: batch_size={recipe.batch_size}."
            )
        return recipe

    def compile_arguments(self, steps: int) -> dict[str, Any]:
        """Return optimizer and execution as `keras.Model.compile` takes them.

        Args:
            steps: Steps of the whole run.
        """
        options = {
            "weight_decay": self.weight_decay,
            "clipnorm": self.clip_norm,
            "global_clipnorm": self.global_clip_norm,
            **({"use_ema": True, "ema_momentum": self.averaging} if self.averaging else {}),
            **self.optimizer_options,
        }
        set_options = {name: value for name, value in options.items() if value is not None}
        optimizer = OPTIMIZERS[self.optimizer](self._rate(steps), **set_options)
        self.spare_from_decay(optimizer)
        return {
            "optimizer": optimizer,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_compile,
        }

    def spare_from_decay(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Keep what does not decay from decaying; a saved optimizer has forgotten it."""
        if self.weight_decay and self.no_decay:
            inner = getattr(optimizer, "inner_optimizer", optimizer)
            inner.exclude_from_weight_decay(var_names=list(self.no_decay))

    def _rate(self, steps: int) -> Any:
        if isinstance(self.schedule, dict):
            return keras.saving.deserialize_keras_object(self.schedule)
        if self.schedule != "cosine":
            return self.learning_rate if self.schedule is None else self.schedule
        decay = keras.optimizers.schedules.CosineDecay
        if not self.warmup:
            return decay(self.learning_rate, steps)
        climb = max(1, round(self.warmup * steps))
        return decay(
            self.learning_rate / climb,
            decay_steps=max(1, steps - climb),
            warmup_target=self.learning_rate,
            warmup_steps=climb,
        )

    def weights(self, data: Dataset) -> NDArray[np.float32] | None:
        """Return what each target of the training split counts in the loss; None where all do.

        Raises:
            UserError: If there is not one weight for each class, or for each example.
        """
        y, mask = data.train.y, data.train.mask
        if mask is None and self.class_weights is None and self.example_weights is None:
            return None
        counts = np.ones(y.shape if data.classes else len(y), bool) if mask is None else mask
        weights = counts.astype("float32")
        if self.class_weights is not None:
            present = np.bincount(y[counts], minlength=data.classes)
            of_class = np.array(
                len(y[counts]) / (len(present) * np.maximum(present, 1))
                if self.class_weights == "balanced"
                else self.class_weights
            )
            _check_length("class_weights", of_class, data.classes)
            weights *= of_class[y]
        if self.example_weights is not None:
            each = np.array(self.example_weights)
            _check_length("example_weights", each, len(y))
            weights *= each.reshape(-1, *[1] * (weights.ndim - 1))
        return weights

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain values, from which ``Recipe(**values)`` makes it again."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        if isinstance(self.schedule, keras.optimizers.schedules.LearningRateSchedule):
            values["schedule"] = keras.saving.serialize_keras_object(self.schedule)
        return values


def _check_length(name: str, values: NDArray[Any], wanted: int) -> None:
    if len(values) != wanted:
        raise UserError(f"Expected {wanted} {name}. Received: {len(values)}.")
