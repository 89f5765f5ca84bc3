"""Training a model by a recipe, so that it can be stopped at any moment and go on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from companion import catalogue
from companion.chapter import Model
from companion.console import err
from companion.datasets import load
from companion.datasets.dataset import Card, Dataset, Split
from companion.errors import UserError
from companion.training import hardware
from companion.training.building import Builder, build_model, precision_of
from companion.training.heads import feature_extractor
from companion.training.recipe import OPTIMIZER_FIELDS, Recipe
from companion.training.recorder import RunRecorder
from companion.training.run import Run, how_to_go_on, read_record
from companion.training.seeding import check_seed
from companion.training.session import Draw, Session
from companion.training.task import find_task, task_for

Data = str | Dataset | Split | tuple[Split, Split] | tuple[Any, Any]


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
        plan = replace(plan, precision=precision_of(model, precision), reason="the model has it")
    elif isinstance(model, str):
        effort, changes, batches = _card_settings(model, changes, batches)
    with hardware.following(plan):
        built = build_model(model, loaded, plan)
        fitted = _fitted(loaded, built, announced=show_progress and plan.process == 0)
        chosen = find_task(task) if task else task_for(built, fitted)
        chosen.check(built, fitted)
        if svm:
            feature_extractor(built)  # so that a model without features is told at once
        recipe = recipe or _suited_recipe(fitted, plan, effort, changes)
        session = Session(built, loaded, fitted, chosen, recipe, plan, seed, batches)
        compiled = built.compiled
        if compiled:
            _check_compiled(built, fitted.train.x, session.targets(fitted.train.y), changes)
        else:
            session.compile()
        asked = session.asked(model if isinstance(model, str) else built.name, compiled) | {
            "devices": devices,
            "svm": svm,
            "examine": bool(output or show_progress) if examine is None else examine,
        }
        return session.fit(RunRecorder(folder, recipe, asked, seed), callbacks, show_progress)


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
        session = Session(model, loaded, fitted, task, recipe, plan, seed, batches)
        return session.fit(recorder, callbacks, show_progress)


def _card_settings(
    name: str, changes: dict[str, Any], batches: Draw | None
) -> tuple[float, dict[str, Any], Draw | None]:
    """Return a model's effort, its recipe's fields with the changes, and what draws its batches."""
    entry, card = catalogue.find_model(name)
    defaults = dict(card.recipe)
    if "epochs" in changes and "steps" not in changes:
        defaults.pop("steps", None)  # so many passes are asked for
    return card.effort, defaults | changes, batches or _draw(entry, card)


def _fitted(loaded: Dataset, model: keras.Model, announced: bool) -> Dataset:
    """Return data as a model reads them; where their shape changes, it is to be `announced`."""
    fitted = loaded.fitted_to(model.input_shape[1:])
    if announced and fitted.shape != loaded.shape:
        err.print(
            f"{loaded.card.name}: {_shape_text(loaded.shape)} becomes {_shape_text(fitted.shape)}, "
            f"as {model.name} reads it; run.predict(x) does the same.",
            soft_wrap=True,
        )
    return fitted


def _shape_text(shape: tuple[int | None, ...]) -> str:
    return "×".join("any" if size is None else str(size) for size in shape) or "text"


def _check_compiled(
    model: keras.Model, x: NDArray[Any], y: NDArray[Any], changes: dict[str, Any]
) -> None:
    """Say so before training if a compiled model's loss does not take the targets.

    What such a model has already cannot be changed, either.
    """
    try:
        model.evaluate(x[:2], y[:2], verbose=0)
    except (ValueError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"The loss that {model.name} is compiled with does not take targets of shape {y.shape}:"
            f" {reason} Integer labels want sparse_categorical_crossentropy; an uncompiled model is"
            " given a loss that fits."
        ) from error
    if unchangeable := [name for name in changes if name in OPTIMIZER_FIELDS]:
        raise UserError(
            "A compiled model keeps its loss and its optimizer. Give an uncompiled one, or "
            f"leave out {', '.join(unchangeable)}."
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


def _callbacks(
    given: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback | None,
) -> list[keras.callbacks.Callback]:
    """Return callbacks as a list, one or none of them too."""
    callbacks = [given] if isinstance(given, keras.callbacks.Callback) else list(given or ())
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            kind = callback.__name__ if isinstance(callback, type) else type(callback).__name__
            received = f"{kind}(…), made before it is given" if isinstance(callback, type) else kind
            raise UserError(
                f"callbacks are objects of keras.callbacks.Callback. Received: {received}."
            )
    return callbacks


def _suited_recipe(
    data: Dataset, plan: hardware.Plan, effort: float, changes: dict[str, Any]
) -> Recipe:
    recipe = Recipe.suited_to(data, effort, **changes)
    if changes.get("batch_size") is None:
        count = len(plan.devices)
        recipe = replace(recipe, batch_size=-(-recipe.batch_size // count) * count)
    return recipe
