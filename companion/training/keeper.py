"""The keeper of a run: its history, its best weights, and a state to go on from."""

import contextlib
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from companion.errors import UserError
from companion.training import hardware
from companion.training.recipe import Recipe
from companion.training.run import write, write_json

SECONDS_BETWEEN_SAVES = 2.0


class Keeper(keras.callbacks.Callback):
    """Watches a run from epoch to epoch, and keeps it in a folder.

    Three files are put in place whole, in this order: ``history.csv``, ``model.keras`` (the best
    weights so far) and ``state-NNNN.keras`` (weights and optimizer after epoch NNNN). A resumed
    run starts from the newest state; whatever the other two hold beyond it is made again, alike,
    because batch k of a run depends on the seed and k alone.

    Args:
        folder: Where to keep the run, or None to keep it in memory.
        recipe: How many epochs, and how much patience.
        asked: What the run was asked for, as ``run.json`` will say.
        seed: The run's seed.

    Attributes:
        copy: The model's copy on this process's own device, where the model itself is spread over
            several: it holds the best weights while they are written.
    """

    def __init__(
        self, folder: Path | None, recipe: Recipe, asked: dict[str, Any], seed: int
    ) -> None:
        super().__init__()
        self.folder, self.recipe, self.asked, self.seed = folder, recipe, asked, seed
        self.copy: keras.Model | None = None
        self.history: list[dict[str, float]] = []
        self.best_weights: list[np.ndarray] = []
        self.status, self.message = "finished", ""
        self._epoch_began = self._saved = 0.0

    @property
    def best_epoch(self) -> int:
        """The epoch of the lowest validation loss, from 1; 0 before the first."""
        losses = [row["val_loss"] for row in self.history]
        return 1 + int(np.argmin(losses)) if losses else 0

    def is_over(self) -> bool:
        """Say whether the run has all its epochs, or has run out of patience."""
        if len(self.history) >= self.recipe.epochs:
            return True
        if len(self.history) - self.best_epoch >= self.recipe.patience:
            self.status = "stopped early"
            self.message = (
                f"The validation loss has not fallen for {self.recipe.patience} epochs: training "
                f"stopped after epoch {len(self.history)} with the weights of {self.best_epoch}."
            )
            return True
        return False

    def restore(self) -> keras.Model:
        """Read the folder's newest state and return its model.

        Raises:
            UserError: If a file of the folder is missing or damaged.
        """
        assert self.folder is not None
        states = sorted(self.folder.glob("state-*.keras"))
        try:
            if not states:
                raise FileNotFoundError("there is no state-NNNN.keras to go on from.")
            model = keras.models.load_model(states[-1])
            epochs = int(re.findall(r"\d+", states[-1].name)[-1])
            if epochs:
                table = pd.read_csv(self.folder / "history.csv")
                self.history = [dict(row) for row in table.to_dict("records")]  # type: ignore[arg-type]
            if len(self.history) < epochs:
                raise ValueError(f"history.csv holds {len(self.history)} of {epochs} epochs.")
            self.history = self.history[:epochs]
            best = keras.models.load_model(self.folder / "model.keras", compile=False)
            self.best_weights = best.get_weights()
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"{self.folder} cannot be resumed: {reason} Nothing was changed."
            ) from error
        return model

    def on_train_begin(self, logs=None):
        """Keep the first weights, so that even the first epoch can be lost and made again."""
        if not self.best_weights:
            self.best_weights = self.model.get_weights()
            self.model.optimizer.build(self.model.trainable_variables)
            if self.folder:
                write_json(
                    self.folder / "run.json",
                    {"status": "running", "asked": self.asked, "seed": self.seed},
                )
                self._save(self.folder)

    def on_epoch_begin(self, epoch, logs=None):
        """Start the epoch's clock, and its random numbers: a saved model holds no generator."""
        self._epoch_began = time.perf_counter()
        saved = {id(weight) for weight in self.model.weights}
        generators = [v for v in self.model.variables if id(v) not in saved]
        for number, state in enumerate(generators):
            words = np.random.SeedSequence((self.seed, epoch, number)).generate_state(2)
            state.assign(words.astype(state.dtype))

    def on_train_batch_begin(self, batch, logs=None):
        """Start PyTorch's own generator, too: its dropout draws from it, and so do its loaders."""
        if batch == 0 and keras.config.backend() == "torch":
            import torch

            words = np.random.SeedSequence((self.seed, len(self.history))).generate_state(1)
            torch.manual_seed(int(words[0]))

    def on_train_batch_end(self, batch, logs=None):
        """Stop before a loss that is no number spoils the run."""
        if math.isfinite(logs["loss"]):
            return
        epoch = len(self.history) + 1
        kept = f"of epoch {self.best_epoch}" if self.best_epoch else "that it began with"
        self.status = "diverged"
        self.message = (
            f"The loss became {logs['loss']} at step {batch + 1} of epoch {epoch}: training "
            f"stopped with the weights {kept}. Try a learning rate lower than "
            f"{self.recipe.learning_rate}."
        )
        self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        """Add a row to the history, keep the weights if they are the best, save, and judge."""
        if self.status == "diverged":
            return
        row = {name: float(value) for name, value in logs.items()}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        row["seconds"] = time.perf_counter() - self._epoch_began
        self.history.append(row)
        if self.best_epoch == len(self.history):
            self.best_weights = self.model.get_weights()
        over = self.is_over()
        if over:
            self.model.stop_training = True
        if self.folder and (over or time.monotonic() - self._saved > SECONDS_BETWEEN_SAVES):
            self._save(self.folder)

    def on_train_end(self, logs=None):
        """Leave the folder with what was reached."""
        if self.folder and self.history:
            self._save(self.folder)

    def _save(self, folder: Path) -> None:
        now = f"state-{len(self.history):04d}.keras"
        if self.history:
            table = pd.DataFrame(self.history)
            write(folder / "history.csv", lambda file: table.to_csv(file, index=False))
        with hardware.alone(), apart(self.model):
            self._save_best(folder / "model.keras")
            write(folder / now, self.model.save)
        for old in folder.glob("state-*.keras"):
            if old.name < now:
                old.unlink()
        self._saved = time.monotonic()

    def _save_best(self, path: Path) -> None:
        holder = self.copy or self.model
        current = holder.get_weights()
        holder.set_weights(self.best_weights)
        try:
            write(path, holder.save)
        finally:
            holder.set_weights(current)


def normalize_together(model: keras.Model, together: bool = True) -> bool:
    """Let batch normalization take its means over all replicas, or over each its own.

    Returns:
        Whether it took them together before.
    """
    before = False
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            before = before or layer.synchronized
            layer.synchronized = together
    return before


@contextlib.contextmanager
def apart(model: keras.Model) -> Iterator[None]:
    """Write a model as one device would have it: other backends load no synchronized layer."""
    together = normalize_together(model, False)
    try:
        yield
    finally:
        normalize_together(model, together)
