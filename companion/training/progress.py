"""The progress bar: epoch, loss, accuracy, rate and time left, on stderr."""

import time

import keras
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from companion.console import err
from companion.training.recipe import Batches


class Progress(keras.callbacks.Callback):
    """Shows how far a run has come; where stderr is no terminal, one line an epoch.

    Args:
        batches: The run's batches.
        done: Epochs that an earlier part of the run has done.
    """

    def __init__(self, batches: Batches, done: int) -> None:
        super().__init__()
        self._batches, self._done = batches, done
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )

    def on_train_begin(self, logs=None):
        """Draw the empty bar."""
        steps = self._batches.steps_per_epoch
        self._began, self._steps, self._said = time.perf_counter(), 0, ""
        total = self.params["epochs"] * steps
        self._task = self._bar.add_task(
            "", total=total, completed=self._done * steps, epoch=f"{self._done + 1}", said=""
        )
        self._bar.start()

    def on_train_batch_end(self, batch, logs=None):
        """Move the bar."""
        self._steps += 1
        if not err.is_terminal:
            return
        rate = self._steps * self._batches.batch_size / (time.perf_counter() - self._began)
        words = f"loss {logs['loss']:.4f}  accuracy {logs['accuracy']:.4f}  {rate:,.0f}/s"
        self._bar.update(self._task, advance=1, said=words + self._said)

    def on_epoch_end(self, epoch, logs=None):
        """Say how the validation came out."""
        logs = logs or {}
        if "val_accuracy" in logs:
            self._said = f"  validation {logs['val_accuracy']:.4f}"
        total = self.params["epochs"]
        if err.is_terminal:
            self._bar.update(self._task, epoch=f"{min(epoch + 2, total)}/{total}")
        else:
            numbers = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
            err.print(f"epoch {epoch + 1}/{total}  {numbers}")

    def on_train_end(self, logs=None):
        """Take the bar away."""
        self._bar.stop()
