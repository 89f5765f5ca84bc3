"""What a run keeps: its history, its best weights, and a state to go on from."""

import contextlib
import json
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
from companion.training.examination import Examination, examined_until
from companion.training.recipe import Recipe
from companion.training.run import read_record, write, write_json
from companion.training.strategies import alone

SECONDS_BETWEEN_SAVES = 2.0


class RunRecorder(keras.callbacks.Callback):
    """Watches a run from epoch to epoch, and keeps it in a folder.

    Files are put in place whole, in this order: ``history.csv``, ``examination.json``,
    ``model.keras`` (the best weights so far) and ``state-NNNN.keras`` (weights and optimizer after
    epoch NNNN). A resumed run starts from the newest state; whatever the others hold beyond it is
    made again, alike, because batch k of a run depends on the seed and k alone.

    Args:
        folder: Where to keep the run, or None to keep it in memory.
        recipe: How many epochs, and how much patience.
        asked: What the run was asked for, as ``run.json`` will say.
        seed: The run's seed.

    Attributes:
        copy: The model's copy on this process's own device, where the model itself is spread over
            several: it holds the best weights while they are written.
        examination: Looks at gradients and activations, where they are kept.
        examined: What it has kept.
    """

    def __init__(
        self, folder: Path | None, recipe: Recipe, asked: dict[str, Any], seed: int
    ) -> None:
        super().__init__()
        self.folder, self.recipe, self.asked, self.seed = folder, recipe, asked, seed
        self.copy: keras.Model | None = None
        self.examination: Examination | None = None
        self.examined: dict[str, Any] = {}
        self.history: list[dict[str, float]] = []
        self.best_weights: list[np.ndarray] = []
        self.status, self.message = "finished", ""
        self._first_generators: list[Any] = []
        self._epoch_began = self._saved = 0.0

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept, from 1; 0 before the first."""
        losses = [row["val_loss"] for row in self.history if "val_loss" in row]
        if self.recipe.keep == "last" or not losses:
            return len(self.history)
        return 1 + int(np.argmin(losses))

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
            self._first_generators = read_record(self.folder).get("generators", [])
            if (file := self.folder / "examination.json").exists():
                self.examined = examined_until(epochs, json.loads(file.read_text(encoding="utf-8")))
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
            states = [keras.ops.convert_to_numpy(state) for state in self._generators()]
            self._first_generators = [state.tolist() for state in states]
            if self.folder:
                running = {"status": "running", "asked": self.asked, "seed": self.seed}
                running["generators"] = self._first_generators
                write_json(self.folder / "run.json", running)
                self._save(self.folder)

    def on_epoch_begin(self, epoch, logs=None):
        """Start the epoch's clock, and its random numbers: a saved model holds no generator.

        The first epoch goes on from what the generators held when the model was handed over.
        """
        self._epoch_began = time.perf_counter()
        for number, state in enumerate(self._generators()):
            if epoch:
                words = np.random.SeedSequence((self.seed, epoch, number)).generate_state(2)
            else:
                words = np.array(self._first_generators[number])
            state.assign(words.astype(state.dtype))

    def _generators(self) -> list[keras.Variable]:
        saved = {id(weight) for weight in self.model.weights}
        return [variable for variable in self.model.variables if id(variable) not in saved]

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

    def on_test_begin(self, logs=None):
        """Validate the averaged weights, where there are any."""
        if self.recipe.averaging:
            self._trained_weights = self.model.get_weights()
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
            self.model.set_weights(self.model.get_weights())  # JAX would give the mean away with it

    def on_test_end(self, logs=None):
        """Go on with the weights as they were trained."""
        if self.recipe.averaging:
            self.averaged_weights = self.model.get_weights()
            self.model.set_weights(self._trained_weights)

    def on_epoch_end(self, epoch, logs=None):
        """Add a row to the history, keep the weights if they are the best, save, and judge."""
        if self.status == "diverged":
            return
        row = {name: float(value) for name, value in logs.items()}
        row.setdefault("learning_rate", float(self.model.optimizer.learning_rate))
        row["seconds"] = time.perf_counter() - self._epoch_began
        self.history.append(row)
        if self.best_epoch == len(self.history):
            self.best_weights = self._weights_to_keep()
        over = self.is_over()
        if over:
            self.model.stop_training = True
        if self.folder and (over or time.monotonic() - self._saved > SECONDS_BETWEEN_SAVES):
            self._save(self.folder)

    def _weights_to_keep(self) -> list[np.ndarray]:
        if not self.recipe.averaging:
            return self.model.get_weights()
        if "val_loss" not in self.history[-1]:
            self.on_test_begin()
            self.on_test_end()
        return self.averaged_weights

    def on_train_end(self, logs=None):
        """Leave the folder with what was reached."""
        if self.folder and self.history:
            self._save(self.folder)
        elif self.folder and self.examined:  # it broke in its first epoch
            write_json(self.folder / "examination.json", self.examined)

    def keep(self, weights: list[np.ndarray]) -> None:
        """Take these for the best weights."""
        self.best_weights = weights
        if self.folder:
            with alone(), without_synchronization(self.model):
                self._save_best(self.folder / "model.keras")

    def _save(self, folder: Path) -> None:
        now = f"state-{len(self.history):04d}.keras"
        if self.history:
            table = pd.DataFrame(self.history)
            write(folder / "history.csv", lambda file: table.to_csv(file, index=False))
        if self.examined:
            write_json(folder / "examination.json", self.examined)
        with alone(), without_synchronization(self.model):
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
def without_synchronization(model: keras.Model) -> Iterator[None]:
    """Write a model as one device would have it: other backends load no synchronized layer."""
    together = normalize_together(model, False)
    try:
        yield
    finally:
        normalize_together(model, together)


def settle(model: keras.Model, batches: Iterator[tuple[Any, ...]], count: int = 50) -> None:
    """Take the averages of batch normalization anew, for the weights that the model has now.

    Those from training belong to other weights than their mean (Izmailov et al., 2018, Averaging
    weights leads to wider optima, do likewise).

    Args:
        model: A trained model.
        batches: Training batches.
        count: How many of them to average over, each with the same weight.
    """
    normalizations = [one for one in model.layers if hasattr(one, "moving_mean")]
    if not normalizations:
        return
    # No further than the last of them: what follows it may be slow.
    front = keras.Model(model.inputs[0], [one.output for one in normalizations])
    usual = [one.momentum for one in normalizations]
    for number in range(count):
        for one in normalizations:
            one.momentum = number / (number + 1)
        front(next(batches)[0], training=True)
    for one, momentum in zip(normalizations, usual, strict=True):
        one.momentum = momentum
