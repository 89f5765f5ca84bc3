"""The progress bar: epoch, loss and metrics, rate and time left, on stderr."""

import time
from typing import Any

import keras
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from companion.console import err
from companion.training.batches import Stream


class Progress(keras.callbacks.Callback):
    """Shows how far a run has come; where stderr is no terminal, one line an epoch.

    Args:
        batches: The run's batches.
        done: Epochs that an earlier part of the run has done.
    """

    def __init__(self, batches: Stream, done: int) -> None:
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
        status = f"{in_words(logs)}  {rate:,.0f}/s{self._said}"
        self._bar.update(self._task, advance=1, said=status)

    def on_epoch_end(self, epoch, logs=None):
        """Say how the validation came out."""
        total = self.params["epochs"]
        if not err.is_terminal:
            err.print(f"epoch {epoch + 1}/{total}  {in_words(logs)}", soft_wrap=True)
            return
        self._said = "".join(
            f"  validation {value:.4f}"
            for name, value in (logs or {}).items()
            if name.startswith("val_") and name != "val_loss"
        )
        self._bar.update(self._task, epoch=f"{min(epoch + 2, total)}/{total}")

    def on_train_end(self, logs=None):
        """Take the bar away."""
        self._bar.stop()


def in_words(logs: dict[str, Any] | None) -> str:
    """Return what Keras logs as words.

    >>> in_words({"loss": 0.25, "accuracy": 0.5})
    'loss 0.2500  accuracy 0.5000'
    """
    return "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
