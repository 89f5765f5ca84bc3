"""A session: one training of a model, from its compilation to the judgement."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.dataset import Dataset, Split
from companion.errors import UserError
from companion.recurrent import keep_off_kernels
from companion.training import hardware
from companion.training.batches import Batches, DrawnBatches, Stream
from companion.training.examination import Examination
from companion.training.heads import svm_accuracy
from companion.training.progress import Progress
from companion.training.recipe import Recipe
from companion.training.recorder import RunRecorder, normalize_together, settle
from companion.training.run import Run, versions, write, write_json
from companion.training.seeing import described
from companion.training.strategies import alone
from companion.training.task import Task

# From the training split as loaded, the size of a batch and a seed to an endless stream of them:
# examples, targets and, where these count differently, weights.
Draw = Callable[[Split, int, int], Iterator[tuple[Any, ...]]]


@dataclass(slots=True)
class Session:
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
            self.batches = DrawnBatches(self._drawn_batches, recipe.batch_size, per_epoch)
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

    def asked(self, model: str, compiled: bool) -> dict[str, Any]:
        """Return as plain values what is to be trained and how, for who goes on with it.

        Args:
            model: What the model is called.
            compiled: Whether it brought its own loss and optimizer.
        """
        return {
            "model": model,
            "data": self.loaded.card.name,
            "examples": described(self.loaded),
            "task": self.task.name,
            "compiled": compiled,
            "recipe": self.recipe.to_json(),
            "precision": self.plan.precision,
        }

    def _drawn_batches(self) -> Iterator[tuple[NDArray[Any], ...]]:
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
        epochs_done, strategy, model = len(recorder.history), self.plan.strategy, self.model
        _check_rate(callbacks, model)
        recorder.copy = strategy.local_copy(model)
        normalize_together(model, strategy.together)
        if not recorder.is_over():
            if recorder.asked["examine"] and strategy.examines:
                recorder.examination = self._examination(recorder.examined)
            own_callbacks = (
                recorder.examination,
                recorder,
                Progress(self.batches, epochs_done)
                if show_progress and not self.plan.process
                else None,
            )
            model.fit(
                strategy.stream(self.batches, epochs_done * self.batches.steps_per_epoch),
                steps_per_epoch=self.batches.steps_per_epoch,
                initial_epoch=epochs_done,
                epochs=self.recipe.epochs,
                validation_data=self._validation(),
                validation_batch_size=512,
                shuffle=False,  # the batches are shuffled already
                verbose=0,
                # Keras calls them in this order: what the reader's callbacks log is kept.
                callbacks=[*callbacks, *filter(None, own_callbacks)],
            )
            if self.recipe.averaging and recorder.status != "diverged":
                steps_taken = len(recorder.history) * self.batches.steps_per_epoch
                averaged = recorder.copy or model
                with alone():
                    averaged.set_weights(recorder.best_weights)
                    settle(averaged, self.batches.from_step(steps_taken))
                recorder.keep(averaged.get_weights())
        normalize_together(model, False)
        return self._evaluated(recorder)

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

    def _evaluated(self, recorder: RunRecorder) -> Run:
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
            scores = model.evaluate(
                test.x, test.y, 512, sample_weight=test.mask, return_dict=True, verbose=0
            )
        else:
            scores = self.task.evaluate(outputs, test)
        return {name: round(float(value), 6) for name, value in scores.items()}

    def _write(self, folder: Path, run: Run, outputs: NDArray[Any] | None) -> None:
        from companion import plots  # a training that draws nothing loads no Matplotlib

        curve = plots.learning_curve(run.history, self.task.metric, self.task.unit)
        figures = {"learning-curve": curve}
        if outputs is not None:
            figures |= self.task.figures(outputs, self.data)
        for name, figure in figures.items():
            write(folder / f"{name}.png", partial(figure.savefig, dpi=150))
        write_json(folder / "run.json", run.to_json())


def _check_rate(callbacks: Sequence[keras.callbacks.Callback], model: keras.Model) -> None:
    """Say so before training if a callback sets a rate that follows a schedule."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    schedules = keras.optimizers.schedules.LearningRateSchedule
    rate_setters = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
    for callback in callbacks:
        if isinstance(callback, rate_setters) and isinstance(optimizer._learning_rate, schedules):
            raise UserError(
                f"{type(callback).__name__} sets the rate, which follows a schedule here. Train "
                "with schedule=None, or leave the callback out."
            )
