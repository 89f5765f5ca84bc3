"""The default recipe: small shifts, Adam on a cosine, the best weights of a patient run."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets import Dataset
from companion.errors import UserError


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained.

    Attributes:
        epochs: Passes over the training split.
        batch_size: Examples per step.
        learning_rate: Adam's peak rate: reached after `warmup` of the steps, then lowered along
            half a cosine to zero (Loshchilov and Hutter, 2017).
        warmup: Share of the steps in which the rate climbs.
        shift: Images are moved by up to this many pixels each way, anew in every epoch.
        patience: Epochs without a lower validation loss after which training stops.
    """

    epochs: int
    batch_size: int
    learning_rate: float = 5e-3
    warmup: float = 0.1
    shift: int = 0
    patience: int = 20

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is 1 or more. Received: {name}={getattr(self, name)}.")
        if not 0 < self.learning_rate < 10:
            raise UserError(
                "learning_rate is above 0, and 0.005 is usual for Adam here. "
                f"Received: learning_rate={self.learning_rate}."
            )

    @classmethod
    def suited_to(cls, data: Dataset, **changes: Any) -> "Recipe":
        """Return the recipe for data of this size, with the given fields changed.

        A small set is passed over often in small batches, a large one seldom in larger ones.

        Raises:
            UserError: If a batch would hold more examples than there are.
        """
        examples = len(data.train)
        images = data.card.kind == "image" and len(data.shape) == 3
        usual = cls(
            epochs=int(np.clip(1_000_000 // examples, 20, 60)),
            batch_size=64 if examples < 10_000 else 128,
            # a tenth of the image's height
            shift=round((data.shape[0] or 0) / 10) if images else 0,
        )
        recipe = replace(usual, **{name: x for name, x in changes.items() if x is not None})
        if recipe.batch_size > examples:
            raise UserError(
                f"A batch holds at most the {examples} training examples of {data.card.name}. "
                f"Received: batch_size={recipe.batch_size}."
            )
        return recipe


class Batches:
    """An endless stream of batches in which batch k depends on the seed and k alone.

    So a run that was stopped goes on at step k with the batches it would have seen.

    Args:
        x: Examples of shape ``(n, …)``.
        y: Labels of shape ``(n,)``.
        batch_size: Examples per batch; the few left over at an epoch's end wait for another.
        seed: Decides order and shifts.
        shift: Greatest shift of an image in pixels.
    """

    def __init__(
        self, x: NDArray[Any], y: NDArray[Any], batch_size: int, *, seed: int = 0, shift: int = 0
    ) -> None:
        self.x, self.y, self.batch_size, self.seed, self.shift = x, y, batch_size, seed, shift
        self.steps_per_epoch = len(y) // batch_size
        self.examples_per_epoch = self.steps_per_epoch * batch_size
        self._order = (-1, np.arange(0))
        # Framed once, so that a shift is only a choice of window.
        frame = [(0, 0), (shift, shift), (shift, shift), (0, 0)]
        self._framed = np.pad(x, frame) if shift else x

    def __getitem__(self, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return batch number `step`, counted over all epochs."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._order = (epoch, rng.permutation(len(self.y)))
        chosen = self._order[1][place * self.batch_size : (place + 1) * self.batch_size]
        return self._shifted(chosen, step), self.y[chosen]

    def from_step(self, step: int) -> Any:
        """Yield batch `step` and all that follow."""
        while True:
            yield self[step]
            step += 1

    def _shifted(self, chosen: NDArray[Any], step: int) -> NDArray[Any]:
        if not self.shift:
            return self.x[chosen]
        rng = np.random.default_rng((self.seed, step, 1))
        down, right = rng.integers(2 * self.shift + 1, size=(2, len(chosen)))
        windows = np.lib.stride_tricks.sliding_window_view(
            self._framed, self.x.shape[1:3], axis=(1, 2)
        )
        return np.moveaxis(windows[chosen, down, right], 1, -1)
