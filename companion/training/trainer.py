"""Training a model by a recipe, so that it can be stopped at any moment and go on."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from companion import catalogue
from companion.datasets import Dataset, load
from companion.errors import UserError
from companion.training import hardware
from companion.training.heads import feature_extractor, svm_accuracy
from companion.training.keeper import Keeper, normalize_together
from companion.training.progress import Progress
from companion.training.recipe import Batches, Recipe
from companion.training.run import Run, read_record, versions, write, write_json


def train(
    model: keras.Model | str | Callable[..., keras.Model],
    data: str | Dataset | tuple[Any, Any] = "digits",
    *,
    seed: int = 0,
    recipe: Recipe | None = None,
    precision: str = "auto",
    devices: str = "auto",
    output: str | Path | None = None,
    svm: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    show_progress: bool = True,
    **changes: Any,
) -> Run:
    """Train a classifier and judge it once on the test split.

    Args:
        model: A name from `companion models`, a builder, or an uncompiled model. A name or a
            builder is built here, after the seed is set, for the shape and the classes of the
            data; a model's first weights are its own.
        data: A name from `companion data`, a `Dataset`, or arrays ``(x, y)``.
        seed: Seed of weights, order and shifts; the same seed gives the same run.
        recipe: How to train; `Recipe.suited_to` the data by default.
        precision: ``"auto"``, ``"float32"``, ``"mixed_float16"`` or ``"mixed_bfloat16"``.
        devices: ``"auto"`` (every accelerator, or else one CPU), ``"cpu"``, ``"all"``, or a
            number of devices.
        output: A new folder for the run: weights, history, figures.
        svm: Whether to judge a support vector machine on the trained features, too:
            ``metrics["svm_accuracy"]``.
        callbacks: Keras callbacks of your own.
        show_progress: Whether to draw a progress bar on stderr.
        **changes: Fields of the recipe to change, e.g. ``epochs=5, batch_size=64``.

    Where processes have joined (`companion.training.machines.join`), each makes the same call and
    trains on its part of every batch; process 0 alone writes.

    Raises:
        UserError: If the data do not fit the model, or the folder holds a run already.
    """
    hardware.check(precision, devices)
    dataset = _dataset(data)
    plan = hardware.plan(precision, devices)
    folder = _new_folder(output) if plan.process == 0 else None
    keras.utils.set_random_seed(seed)
    if isinstance(model, keras.Model):
        plan = replace(plan, precision=_precision_of(model, precision), reason="the model has it")
    with hardware.following(plan):
        built = _build(model, dataset, plan)
        fitted = dataset.fitted_to(built.input_shape[1:])
        _check_classes(built, fitted)
        if svm:
            feature_extractor(built)  # so that a model without features is told at once
        effort = catalogue.find_model(model)[1].effort if isinstance(model, str) else 1.0
        recipe = recipe or _suited(fitted, plan, effort, changes)
        plan.check_batch(recipe.batch_size)
        batches = _batches(fitted, recipe, seed, plan)
        _compile(built, recipe, batches.steps_per_epoch)
        asked = {
            "model": model if isinstance(model, str) else built.name,
            "data": dataset.card.name,
            "recipe": asdict(recipe),
            "precision": plan.precision,
            "devices": devices,
            "svm": svm,
        }
        keeper = Keeper(folder, recipe, asked, seed)
        return _fit(built, fitted, batches, keeper, plan, callbacks, show_progress)


def resume(
    folder: str | Path,
    data: str | Dataset | tuple[Any, Any] | None = None,
    *,
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
        devices: As in `train`; those that the run was begun with by default.
        callbacks: Keras callbacks of your own.
        show_progress: Whether to draw a progress bar on stderr.

    Raises:
        UserError: If the folder holds no run, or a damaged one. Nothing is overwritten.
    """
    folder = Path(folder)
    record = read_record(folder)
    asked, seed = record["asked"], record["seed"]
    recipe = Recipe(**asked["recipe"])
    dataset = _dataset(asked["data"] if data is None else data)
    plan = hardware.plan(asked["precision"], devices or asked["devices"])
    plan.check_batch(recipe.batch_size)
    keras.utils.set_random_seed(seed)
    keeper = Keeper(folder, recipe, asked, seed)
    for found in catalogue.discover():  # a saved model names layers that chapters define
        if any(entry.name == asked["model"] for entry in found.card.models):
            found.module("models")
    with hardware.following(plan):
        model = keeper.restore()
        if plan.process:
            keeper.folder = None
        fitted = dataset.fitted_to(model.input_shape[1:])
        batches = _batches(fitted, recipe, seed, plan)
        return _fit(model, fitted, batches, keeper, plan, callbacks, show_progress)


def _dataset(data: str | Dataset | tuple[Any, Any]) -> Dataset:
    if isinstance(data, Dataset):
        return data
    return load(data) if isinstance(data, str) else Dataset.from_arrays(*data)


def _new_folder(output: str | Path | None) -> Path | None:
    if output is None:
        return None
    folder = Path(output)
    if (folder / "run.json").exists():
        raise UserError(
            f"{folder} holds a run already. Continue it with --resume {folder}, or choose another "
            "folder; nothing is overwritten."
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
    model: keras.Model | str | Callable[..., keras.Model], dataset: Dataset, plan: hardware.Plan
) -> keras.Model:
    if isinstance(model, keras.Model):
        if plan.strategy == "one device":
            return model
        spread = keras.models.clone_model(model)  # a model stays on the device it was built on
        spread.set_weights(model.get_weights())
        return spread
    if isinstance(model, str):
        shape = catalogue.find_model(model)[1].input_shape
        return catalogue.builder(model)(
            input_shape=suitable_shape(shape, dataset.shape), classes=dataset.classes
        )
    return model(classes=dataset.classes)


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


def _check_classes(model: keras.Model, data: Dataset) -> None:
    outputs = model.output_shape[-1]
    if outputs < data.classes:
        raise UserError(
            f"{data.card.name} has {data.classes} classes and the model tells {outputs} apart. "
            f"Build it with classes={data.classes}."
        )


def _suited(data: Dataset, plan: hardware.Plan, effort: float, changes: dict[str, Any]) -> Recipe:
    recipe = Recipe.suited_to(data, effort, **changes)
    if changes.get("batch_size") is None:
        count = len(plan.devices)
        recipe = replace(recipe, batch_size=-(-recipe.batch_size // count) * count)
    return recipe


def _batches(data: Dataset, recipe: Recipe, seed: int, plan: hardware.Plan) -> Batches:
    split = data.train
    return Batches(
        split.x,
        split.y,
        recipe.batch_size,
        seed=seed,
        shift=recipe.shift,
        turn=recipe.turn,
        zoom=recipe.zoom,
        process=plan.process,
        processes=plan.processes,
    )


def _compile(model: keras.Model, recipe: Recipe, steps_per_epoch: int) -> None:
    steps = recipe.epochs * steps_per_epoch
    warmup = max(1, round(recipe.warmup * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / warmup,
        decay_steps=max(1, steps - warmup),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    model.compile(
        keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )


def _fit(
    model: keras.Model,
    data: Dataset,
    batches: Batches,
    keeper: Keeper,
    plan: hardware.Plan,
    callbacks: Sequence[keras.callbacks.Callback],
    show_progress: bool,
) -> Run:
    done = len(keeper.history)
    shown = show_progress and plan.process == 0
    if plan.strategy == "DataParallel":
        with hardware.alone():
            keeper.copy = keras.models.clone_model(model)
    normalize_together(model, plan.strategy == "MirroredStrategy")
    if not keeper.is_over():
        model.fit(
            _stream(batches, done * batches.steps_per_epoch, plan),
            steps_per_epoch=batches.steps_per_epoch,
            initial_epoch=done,
            epochs=keeper.recipe.epochs,
            validation_data=_validation(data, plan),
            validation_batch_size=512,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
            # Keras calls them in this order: what the reader's callbacks log, the keeper keeps.
            callbacks=[*callbacks, keeper, *([Progress(batches, done)] if shown else [])],
        )
    normalize_together(model, False)
    if keeper.copy:
        model = keeper.copy
    model.set_weights(keeper.best_weights)
    history = pd.DataFrame(
        keeper.history, index=pd.RangeIndex(1, len(keeper.history) + 1, name="epoch")
    )
    with hardware.alone() if keeper.copy else contextlib.nullcontext():
        probabilities = model.predict(data.test.x, batch_size=512, verbose=0)
        metrics = _metrics(probabilities, data.test.y, keeper)
        if keeper.asked.get("svm"):
            metrics["svm_accuracy"] = round(svm_accuracy(model, data), 6)
    seconds = float(history["seconds"].sum()) if len(history) else 0.0
    run = Run(
        model=model,
        history=history,
        metrics=metrics,
        seconds=seconds,
        examples_per_second=len(history) * batches.examples_per_epoch / seconds if seconds else 0.0,
        seed=keeper.seed,
        status=keeper.status,
        message=keeper.message,
        hardware=plan.to_json(),
        versions=versions(),
        asked=keeper.asked,
        folder=keeper.folder,
    )
    if run.folder:
        _finish(run, data, probabilities)
    return run


def _stream(batches: Batches, step: int, plan: hardware.Plan) -> Any:
    if plan.strategy != "MirroredStrategy":
        return batches.from_step(step)
    # Keras looks at the first batches of a mirrored run before it begins: let it begin afresh.
    return hardware.restartable(lambda: batches.from_step(step), like=batches[step])


def _validation(data: Dataset, plan: hardware.Plan) -> tuple[Any, ...]:
    """Return the validation split, or this process's part of it where devices share a batch.

    Parts are equal, so the last examples stand twice, with weight 0; the weights of the others
    make up for it, and the means come out as over the split itself.
    """
    x, y = data.validation.x, data.validation.y
    if plan.strategy != "DataParallel":
        return x, y
    count, examples = len(plan.devices), len(y)
    rows = np.arange(-(-examples // count) * count)
    weights = np.where(rows < examples, len(rows) / examples, 0).astype("float32")
    part = np.split(rows, plan.processes)[plan.process]
    chosen = np.minimum(part, examples - 1)
    return x[chosen], y[chosen], weights[part]


def _metrics(probabilities: Any, labels: Any, keeper: Keeper) -> dict[str, float]:
    right = probabilities.argmax(-1) == labels
    # The function, for the class would share its mean out among the replicas of a strategy.
    losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
    return {
        "accuracy": round(float(right.mean()), 6),
        "loss": round(float(keras.ops.convert_to_numpy(losses).mean()), 6),
        "best_epoch": keeper.best_epoch,
    }


def _finish(run: Run, data: Dataset, probabilities: Any) -> None:
    from companion import plots

    assert run.folder is not None
    curve = plots.learning_curve(run.history)
    confusion = plots.confusion_matrix(data.test.y, probabilities.argmax(-1), data.card.class_names)
    write(run.folder / "learning-curve.png", partial(curve.savefig, dpi=150))
    write(run.folder / "confusion-matrix.png", partial(confusion.savefig, dpi=150))
    write_json(run.folder / "run.json", run.to_json())
