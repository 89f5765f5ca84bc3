"""What a run keeps so that it can be examined later: first loss, gradients, activations, range."""

import time
from typing import Any

import keras
from numpy.typing import NDArray

from companion.errors import UserError
from companion.training.callbacks import ActivationStatistics, GradientNorms

PROBE = 32  # examples of the batch that is looked at
SHARE = 0.02  # of the time of training, which looking may take


class Examination(keras.callbacks.Callback):
    """Looks into the layers at the end of epochs, on one probe batch, and changes nothing.

    It looks after the first epoch, and from then on as often as `SHARE` of the time allows.

    Args:
        batch: A training batch: examples, targets and perhaps weights.
        kept: Filled with ``first_loss``, the ``batch``'s range, ``gradients`` and ``activations``;
            the last two hold one entry for each epoch and layer, as `GradientNorms` and
            `ActivationStatistics` keep them. It may hold those of an earlier part of the run.
    """

    def __init__(self, batch: tuple[NDArray[Any], ...], kept: dict[str, Any]) -> None:
        super().__init__()
        x, y, *_ = batch
        span = {"min": float(x.min()), "max": float(x.max()), "mean": float(x.mean())}
        self.kept = kept
        self.kept |= {"first_loss": None, "batch": span, "gradients": [], "activations": []} | kept
        self._watches: dict[str, Any] = {
            "gradients": GradientNorms(x[:PROBE], y[:PROBE]),
            "activations": ActivationStatistics(x[:PROBE]),
        }
        self._spent = 0.0

    def on_train_begin(self, logs=None):
        """Start the clock, and find the layers to look into."""
        self._began = time.perf_counter()
        for name, watch in list(self._watches.items()):
            try:
                watch.set_model(self.model)
            except UserError:  # no graph of layers, or none with an activation that saturates
                del self._watches[name]

    def on_train_batch_end(self, batch, logs=None):
        """Keep the first loss of the run."""
        if self.kept["first_loss"] is None:
            self.kept["first_loss"] = float(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        """Look, if there is time for it."""
        began = time.perf_counter()
        if self._spent > SHARE * (began - self._began):
            return
        for name, watch in self._watches.items():
            self.kept[name] += watch.look(epoch + 1)
        self._spent += time.perf_counter() - began


def examined_until(epoch: int, kept: dict[str, Any]) -> dict[str, Any]:
    """Return what was kept of the first epochs; the later ones are examined again."""
    seen = {
        name: [row for row in kept[name] if row["epoch"] <= epoch]
        for name in ("gradients", "activations")
    }
    return kept | seen
