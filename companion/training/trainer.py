"""Training a model by a recipe, so that it can be stopped at any moment and go on."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion import catalogue
from companion.chapter import Model
from companion.console import err
from companion.datasets import load
from companion.datasets.dataset import Card, Dataset, Split
from companion.errors import UserError
from companion.recurrent import keep_off_kernels
from companion.training import hardware
from companion.training.batches import Batches, DrawnBatches, Stream
from companion.training.examination import Examination
from companion.training.heads import feature_extractor, svm_accuracy
from companion.training.progress import Progress
from companion.training.recipe import OPTIMIZER_FIELDS, Recipe
from companion.training.recorder import RunRecorder, normalize_together, settle
from companion.training.run import Run, how_to_go_on, read_record, versions, write, write_json
from companion.training.seeding import check_seed
from companion.training.seeing import described
from companion.training.strategies import alone
from companion.training.task import Task, find_task, task_for

Builder = Callable[..., keras.Model]
Data = str | Dataset | Split | tuple[Split, Split] | tuple[Any, Any]
# From the training split as loaded, the size of a batch and a seed to an endless stream of them:
# examples, targets and, where these count differently, weights.
Draw = Callable[[Split, int, int], Iterator[tuple[Any, ...]]]


def train(
    model: keras.Model | str | Builder,
    data: Data = "digits",
    *,
    seed: int = 0,
    task: str | None = None,
    recipe: Recipe | None = None,
    batches: Draw | None = None,
    precision: str = "auto",
    devices: str = "auto",
    output: str | Path | None = None,
    svm: bool = False,
    examine: bool | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    show_progress: bool = True,
    **changes: Any,
) -> Run:
    """Train a model and judge it once on the test split.

    Args:
        model: A name from `companion models`, a builder, or a model. A name or a builder is built
            here, after the seed is set, for the shape and the classes of the data; a model's first
            weights are its own. A compiled one keeps its loss, its metrics and its optimizer.
        data: A name from `companion data`, a `Dataset`, or arrays ``(x, y)``, which are split;
            pairs ``(x, y), (x_test, y_test)`` as `keras.datasets` has them keep their test split. A
            `Split` is trained on as a whole, with nothing to validate or test, and of two of them
            the second is validated on.
        seed: Seed of weights, order and shifts; the same seed gives the same run.
        task: A name from `companion.training.task.TASKS`; by default what suits data and model.
        recipe: How to train; `Recipe.suited_to` the data by default, or as the model's card says.
        batches: Draws the batches of training in place of the recipe's order and shifts.
        precision: ``"auto"``, ``"float32"``, ``"mixed_float16"`` or ``"mixed_bfloat16"``.
        devices: ``"auto"`` (every accelerator, or else one CPU), ``"cpu"``, ``"all"``, or a
            number of devices.
        output: A new folder for the run: weights, history, figures.
        svm: Whether to judge a support vector machine on the trained features, too:
            ``metrics["svm_accuracy"]``.
        examine: Whether to keep what `Run.examine` reads: gradients, activations and more. By
            default where the run is kept in a folder, or shows its progress to somebody. Only
            runs on one device keep it.
        callbacks: Keras callbacks of your own, several or one.
        show_progress: Whether to draw a progress bar on stderr.
        **changes: Fields of the recipe to change, e.g. ``epochs=5, batch_size=64``.

    Where processes have joined (`companion.training.machines.join`), each makes the same call and
    trains on its part of every batch; process 0 alone writes.

    Raises:
        UserError: If the data do not fit the model, or the folder holds a run already.
    """
    devices = str(devices)
    hardware.check(precision, devices)
    check_seed(seed)
    callbacks = _callbacks(callbacks)
    loaded = _dataset(data)
    plan = hardware.plan(precision, devices)
    folder = _new_folder(output) if plan.process == 0 else None
    keras.utils.set_random_seed(seed)
    effort = 1.0
    if isinstance(model, keras.Model):
        plan = replace(plan, precision=_precision_of(model, precision), reason="the model has it")
    elif isinstance(model, str):
        effort, changes, batches = _as_its_card_says(model, changes, batches)
    with hardware.following(plan):
        built = _build(model, loaded, plan)
        fitted = loaded.fitted_to(built.input_shape[1:])
        if show_progress and plan.process == 0 and fitted.shape != loaded.shape:
            _say_resized(loaded, fitted, built)
        chosen = find_task(task) if task else task_for(built, fitted)
        chosen.check(built, fitted)
        if svm:
            feature_extractor(built)  # so that a model without features is told at once
        recipe = recipe or _suited(fitted, plan, effort, changes)
        session = _Session(built, loaded, fitted, chosen, recipe, plan, seed, batches)
        compiled = built.compiled
        if compiled:
            _check_loss(built, fitted.train.x, session.targets(fitted.train.y))
            _check_unchanged(changes)
        else:
            session.compile()
        asked = {
            "model": model if isinstance(model, str) else built.name,
            "data": loaded.card.name,
            "examples": described(loaded),
            "task": chosen.name,
            "compiled": compiled,
            "recipe": recipe.to_json(),
            "precision": plan.precision,
            "devices": devices,
            "svm": svm,
            "examine": bool(output or show_progress) if examine is None else examine,
        }
        recorder = RunRecorder(folder, recipe, asked, seed)
        return session.fit(recorder, callbacks, show_progress)


def resume(
    folder: str | Path,
    data: Data | None = None,
    *,
    batches: Draw | None = None,
    devices: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    show_progress: bool = True,
) -> Run:
    """Go on with a run that was stopped; it ends as if it had not been.

    It may go on elsewhere: on other devices, on another backend, in several processes that all
    see the folder.

    Args:
        folder: A run's folder.
        data: The data of the run, where they have no name of ours.
        batches: What drew its batches, where its model's card does not say.
        devices: As in `train`; those that the run was begun with by default.
        callbacks: Keras callbacks of your own.
        show_progress: Whether to draw a progress bar on stderr.

    Raises:
        UserError: If the folder holds no run, or a damaged one. Nothing is overwritten.
    """
    folder = Path(folder)
    callbacks = _callbacks(callbacks)
    record = read_record(folder)
    asked, seed = record["asked"], record["seed"]
    recipe = Recipe(**asked["recipe"])
    loaded = _dataset(asked["data"] if data is None else data)
    plan = hardware.plan(asked["precision"], devices or asked["devices"])
    keras.utils.set_random_seed(seed)
    recorder = RunRecorder(folder, recipe, asked, seed)
    if asked["model"] in catalogue.models():
        entry, card = catalogue.find_model(asked["model"])
        entry.module("models")  # a saved model names layers that chapters define
        batches = batches or _draw(entry, card)
    with hardware.following(plan):
        model = recorder.restore()
        recipe.spare_from_decay(model.optimizer)
        if plan.process:
            recorder.folder = None
        fitted = loaded.fitted_to(model.input_shape[1:])
        task = find_task(asked["task"])
        session = _Session(model, loaded, fitted, task, recipe, plan, seed, batches)
        return session.fit(recorder, callbacks, show_progress)


def _as_its_card_says(
    name: str, changes: dict[str, Any], batches: Draw | None
) -> tuple[float, dict[str, Any], Draw | None]:
    """Return a model's effort, its recipe's fields with the changes, and what draws its batches."""
    entry, card = catalogue.find_model(name)
    usual = dict(card.recipe)
    if "epochs" in changes and "steps" not in changes:
        usual.pop("steps", None)  # so many passes are asked for
    return card.effort, usual | changes, batches or _draw(entry, card)


def _say_resized(loaded: Dataset, fitted: Dataset, model: keras.Model) -> None:
    err.print(
        f"{loaded.card.name}: {_sized(loaded.shape)} becomes {_sized(fitted.shape)}, as "
        f"{model.name} reads it; run.predict(x) does the same.",
        soft_wrap=True,
    )


def _check_unchanged(changes: dict[str, Any]) -> None:
    """Refuse what a compiled model has already."""
    if refused := [name for name in changes if name in OPTIMIZER_FIELDS]:
        raise UserError(
            "A compiled model keeps its loss and its optimizer. Give an uncompiled one, or "
            f"leave out {', '.join(refused)}."
        )


def _dataset(data: Data) -> Dataset:
    if isinstance(data, str):
        return load(data)
    if isinstance(data, Dataset):
        return data
    if isinstance(data, Split):
        train, held_out = data, data[:0]
    elif isinstance(data, tuple | list) and len(data) == 2:
        train, held_out = data
    else:
        raise UserError(
            "data is a name from `companion data`, a Dataset, a Split, or a pair of arrays (x, y)."
            f" Received: {type(data).__name__}. A pipeline or a generator of batches becomes arrays"
            " with `x, y = map(np.concatenate, zip(*batches))`."
        )
    if _is_pair(train) and _is_pair(held_out):  # as `keras.datasets.mnist.load_data()` gives them
        return Dataset.from_arrays(train[0], train[1], test=(held_out[0], held_out[1]))
    if not isinstance(train, Split):
        return Dataset.from_arrays(train, held_out)
    labels = np.issubdtype(train.y.dtype, np.integer)
    names = tuple(str(label) for label in range(int(train.y.max()) + 1)) if labels else ()
    card = Card("yours", "your own data", "array", train.x.shape[1:], names, "yours", "yours")
    return Dataset(card, train, held_out, held_out[:0])


def _is_pair(given: Any) -> bool:
    """Say whether these are examples and their targets, and no array of two rows."""
    pair = isinstance(given, tuple | list) and len(given) == 2
    return pair and all(hasattr(one, "shape") for one in given)


def _draw(entry: catalogue.Entry, card: Model) -> Draw | None:
    """Return what draws the batches of a model, as its card names it."""
    module, _, name = card.batches.rpartition(".")
    return getattr(entry.module(module), name) if name else None


def _new_folder(output: str | Path | None) -> Path | None:
    if output is None:
        return None
    folder = Path(output)
    if (folder / "run.json").exists():
        raise UserError(
            f"{folder} holds a run already. {how_to_go_on(folder)} Nothing is overwritten."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be made: {error.strerror}. Choose another folder."
        ) from error
    return folder


def _precision_of(model: keras.Model, asked: str) -> str:
    built_in = str(model.dtype_policy.name)
    if asked not in ("auto", built_in):
        raise UserError(
            f"This model was built in {built_in}. To train in {asked}, give train() the builder or "
            "the model's name instead of the model."
        )
    return built_in


def _build(
    model: keras.Model | str | Builder, dataset: Dataset, plan: hardware.Plan
) -> keras.Model:
    if isinstance(model, keras.Model):
        return plan.strategy.adopted(_readable(model, dataset))
    told: dict[str, Any] = {"classes": dataset.classes} if dataset.classes else {}
    if isinstance(model, str):
        shape = catalogue.find_model(model)[1].input_shape
        told["input_shape"] = suitable_shape(shape, dataset.shape)
        model = catalogue.builder(model)
    elif isinstance(model, keras.Layer) or not callable(model):
        raise UserError(
            "A model is a name from `companion models`, a builder or a keras.Model. Received: "
            f"{type(model).__name__}."
        )
    else:
        taken = inspect.signature(model).parameters
        if "classes" not in taken and all(one.kind != one.VAR_KEYWORD for one in taken.values()):
            told = {}
    built = model(**told)
    if not isinstance(built, keras.Model):
        raise UserError(f"A builder returns a keras.Model. Received: {type(built).__name__}.")
    return _readable(built, dataset)


def _readable(model: keras.Model, dataset: Dataset) -> keras.Model:
    """Return a model whose layers and shapes are known; a Sequential one is built for the data.

    Raises:
        UserError: If it is a subclass, or has not one input and one output.
    """
    if isinstance(model, keras.Sequential) and not model.built:
        try:
            model.build((None, *dataset.shape))
        except (ValueError, TypeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"{model.name} cannot be built for examples of shape {dataset.shape}: {reason} "
                "Begin it with a keras.Input of the shape that it reads."
            ) from error
    if not getattr(model, "outputs", None):
        raise UserError(
            f"{type(model).__name__} is a subclass of keras.Model, whose layers cannot be read. "
            "Give its functional form: x = keras.Input(shape), then keras.Model(x, model(x))."
        )
    for kind, tensors in (("input", model.inputs), ("output", model.outputs)):
        named = isinstance(getattr(model, f"_{kind}s_struct", None), dict)
        if len(tensors) != 1 or named:
            raise UserError(
                f"A model is trained for one {kind}. Received: {len(tensors)} {kind}s of "
                f"{model.name}{', by names' if named else ''}. Give a `keras.Model` of one."
            )
    return model


def suitable_shape(
    drawn_for: tuple[int | None, ...], data: tuple[int | None, ...]
) -> tuple[int | None, ...]:
    """Return the input shape to build a model with: the data's, unless their images are smaller.

    >>> suitable_shape((28, 28, 1), (32, 32, 3))
    (32, 32, 3)
    >>> suitable_shape((28, 28, 1), (8, 8, 1))
    (28, 28, 1)
    """
    if len(drawn_for) != len(data) or len(data) != 3 or None in (*drawn_for, *data):
        return drawn_for
    pairs = zip(data[:2], drawn_for[:2], strict=True)
    size = tuple(max(have or 0, want or 0) for have, want in pairs)
    return (*size, data[2])


def _sized(shape: tuple[int | None, ...]) -> str:
    return "×".join("any" if size is None else str(size) for size in shape) or "text"


def _callbacks(
    given: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback | None,
) -> list[keras.callbacks.Callback]:
    """Return callbacks as a list, one or none of them too."""
    listed = [given] if isinstance(given, keras.callbacks.Callback) else list(given or ())
    for one in listed:
        if not isinstance(one, keras.callbacks.Callback):
            kind = one.__name__ if isinstance(one, type) else type(one).__name__
            made = f"{kind}(…), made before it is given" if isinstance(one, type) else kind
            raise UserError(f"callbacks are objects of keras.callbacks.Callback. Received: {made}.")
    return listed


def _check_loss(model: keras.Model, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Say so before training if a compiled model's loss does not take the targets."""
    try:
        model.evaluate(x[:2], y[:2], verbose=0)
    except (ValueError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"The loss that {model.name} is compiled with does not take targets of shape {y.shape}:"
            f" {reason} Integer labels want sparse_categorical_crossentropy; an uncompiled model is"
            " given a loss that fits."
        ) from error


def _check_rate(callbacks: Sequence[keras.callbacks.Callback], model: keras.Model) -> None:
    """Say so before training if a callback sets a rate that follows a schedule."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    schedules = keras.optimizers.schedules.LearningRateSchedule
    setting = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
    for one in callbacks:
        if isinstance(one, setting) and isinstance(optimizer._learning_rate, schedules):
            raise UserError(
                f"{type(one).__name__} sets the rate, which follows a schedule here. Train with "
                "schedule=None, or leave the callback out."
            )


def _suited(data: Dataset, plan: hardware.Plan, effort: float, changes: dict[str, Any]) -> Recipe:
    recipe = Recipe.suited_to(data, effort, **changes)
    if changes.get("batch_size") is None:
        count = len(plan.devices)
        recipe = replace(recipe, batch_size=-(-recipe.batch_size // count) * count)
    return recipe


@dataclass(slots=True)
class _Session:
    """One training, from its compilation to the judgement.

    Attributes:
        model: What is trained.
        loaded: The data as they were loaded.
        data: The data as the model reads them.
        task: What the model is trained for.
        recipe: How.
        plan: Where.
        seed: The run's seed.
        draw: Draws the batches, where the recipe does not.
    """

    model: keras.Model
    loaded: Dataset
    data: Dataset
    task: Task
    recipe: Recipe
    plan: hardware.Plan
    seed: int
    draw: Draw | None
    batches: Stream = field(init=False)

    def __post_init__(self) -> None:
        recipe, plan, train = self.recipe, self.plan, self.data.train
        plan.check_batch(recipe.batch_size)
        keep_off_kernels(self.model)
        per_epoch = recipe.steps and recipe.steps // recipe.epochs
        if self.draw:
            per_epoch = per_epoch or len(train) // recipe.batch_size
            self.batches = DrawnBatches(self._drawn, recipe.batch_size, per_epoch)
            return
        self.batches = Batches(
            train.x,
            self.targets(train.y),
            recipe.batch_size,
            weights=recipe.weights(self.data),
            order=recipe.order,
            steps_per_epoch=per_epoch,
            seed=self.seed,
            shift=recipe.shift,
            turn=recipe.turn,
            zoom=recipe.zoom,
            process=plan.process,
            processes=plan.processes,
        )

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return targets as the loss takes them."""
        return self.task.targets(y, self.recipe.label_smoothing, self.model.output_shape[-1])

    def _drawn(self) -> Iterator[tuple[NDArray[Any], ...]]:
        assert self.draw is not None
        size, count = self.recipe.batch_size, self.plan.processes
        part = slice(self.plan.process * size // count, (self.plan.process + 1) * size // count)
        for x, y, *weights in self.draw(self.loaded.train, size, self.seed):
            yield x[part], self.targets(y[part]), *(w[part] for w in weights)

    def compile(self) -> None:
        """Give the model the loss of the task and the optimizer of the recipe."""
        weighted = self.recipe.weights(self.data) is not None
        self.model.compile(
            **self.recipe.compile_arguments(self.recipe.epochs * self.batches.steps_per_epoch),
            **self.task.compile_arguments(self.recipe.label_smoothing, weighted),
        )

    def fit(
        self,
        recorder: RunRecorder,
        callbacks: Sequence[keras.callbacks.Callback],
        show_progress: bool,
    ) -> Run:
        """Train from where the recorder stands to the end, and judge what came of it."""
        done, strategy, model = len(recorder.history), self.plan.strategy, self.model
        _check_rate(callbacks, model)
        recorder.copy = strategy.local_copy(model)
        normalize_together(model, strategy.together)
        if not recorder.is_over():
            if recorder.asked["examine"] and strategy.examines:
                recorder.examination = self._examination(recorder.examined)
            watching = (
                recorder.examination,
                recorder,
                Progress(self.batches, done) if show_progress and not self.plan.process else None,
            )
            model.fit(
                strategy.stream(self.batches, done * self.batches.steps_per_epoch),
                steps_per_epoch=self.batches.steps_per_epoch,
                initial_epoch=done,
                epochs=self.recipe.epochs,
                validation_data=self._validation(),
                validation_batch_size=512,
                shuffle=False,  # the batches are shuffled already
                verbose=0,
                # Keras calls them in this order: what the reader's callbacks log is kept.
                callbacks=[*callbacks, *filter(None, watching)],
            )
            if self.recipe.averaging and recorder.status != "diverged":
                taken = len(recorder.history) * self.batches.steps_per_epoch
                holder = recorder.copy or model
                with alone():
                    holder.set_weights(recorder.best_weights)
                    settle(holder, self.batches.from_step(taken))
                recorder.keep(holder.get_weights())
        normalize_together(model, False)
        return self._judged(recorder)

    def _examination(self, kept: dict[str, Any]) -> Examination:
        first = self.batches.from_step(0)
        if self.draw:  # what is drawn is known by its batches alone
            return Examination(first, None, self._validation(), kept=kept)
        train = self.data.train
        y = self.targets(train.y)
        return Examination(train.x, y, self._validation(), batches=first, kept=kept)

    def _validation(self) -> tuple[NDArray[Any], ...] | None:
        split = self.data.validation
        if not len(split):
            return None
        mask = () if split.mask is None else (split.mask.astype("float32"),)
        plan, arrays = self.plan, (split.x, self.targets(split.y), *mask)
        return plan.strategy.shared(arrays, len(plan.devices), plan.processes, plan.process)

    def _judged(self, recorder: RunRecorder) -> Run:
        model = recorder.copy or self.model
        model.set_weights(recorder.best_weights)
        epochs = pd.RangeIndex(1, len(recorder.history) + 1, name="epoch")
        history = pd.DataFrame(recorder.history, index=epochs)
        seconds = float(history["seconds"].sum()) if len(history) else 0.0
        examples = len(history) * self.batches.examples_per_epoch
        metrics, outputs = {}, None
        with alone() if recorder.copy else contextlib.nullcontext():
            if len(self.data.test):
                outputs = model.predict(self.data.test.x, batch_size=512, verbose=0)
                metrics = self._metrics(model, outputs, recorder.asked["compiled"])
            metrics["best_epoch"] = recorder.best_epoch
            if recorder.asked["svm"]:
                metrics["svm_accuracy"] = round(svm_accuracy(model, self.data), 6)
        run = Run(
            model=model,
            history=history,
            metrics=metrics,
            seconds=seconds,
            examples_per_second=examples / seconds if seconds else 0.0,
            seed=self.seed,
            status=recorder.status,
            message=recorder.message,
            hardware=self.plan.to_json(),
            versions=versions(),
            asked=recorder.asked,
            task=self.task,
            data=replace(self.loaded, fit=self.data.fit),
            examination=recorder.examined,
            folder=recorder.folder,
        )
        if run.folder:
            self._write(run.folder, run, outputs)
        return run

    def _metrics(
        self, model: keras.Model, outputs: NDArray[Any], compiled: bool
    ) -> dict[str, float]:
        test = self.data.test
        if compiled:
            judged = model.evaluate(
                test.x, test.y, 512, sample_weight=test.mask, return_dict=True, verbose=0
            )
        else:
            judged = self.task.evaluate(outputs, test)
        return {name: round(float(value), 6) for name, value in judged.items()}

    def _write(self, folder: Path, run: Run, outputs: NDArray[Any] | None) -> None:
        from companion import plots  # a training that draws nothing loads no Matplotlib

        curve = plots.learning_curve(run.history, self.task.metric, self.task.unit)
        figures = {"learning-curve": curve}
        if outputs is not None:
            figures |= self.task.figures(outputs, self.data)
        for name, figure in figures.items():
            write(folder / f"{name}.png", partial(figure.savefig, dpi=150))
        write_json(folder / "run.json", run.to_json())
