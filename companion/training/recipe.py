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
        turn: They are turned by up to this many degrees.
        zoom: They are made taller and wider, or less so, by up to this share.
        patience: Epochs without a lower validation loss after which training stops.
    """

    epochs: int
    batch_size: int
    learning_rate: float = 5e-3
    warmup: float = 0.1
    shift: int = 0
    turn: float = 0.0
    zoom: float = 0.0
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
    def suited_to(cls, data: Dataset, effort: float = 1.0, **changes: Any) -> "Recipe":
        """Return the recipe for data of this size, with the given fields changed.

        A small set is passed over often, in small batches, its images moved, turned and zoomed; a
        large one seldom, in larger batches, its images moved alone. A model that learns slowly
        has an `effort` above 1: so many times the usual number of epochs.

        Raises:
            UserError: If a batch would hold more examples than there are.
        """
        examples = len(data.train)
        changes = {name: value for name, value in changes.items() if value is not None}
        epochs = round(effort * float(np.clip(1_000_000 // examples, 20, 60)))
        images = data.card.kind == "image" and len(data.shape) == 3
        small = examples < 10_000
        usual = cls(
            epochs=epochs,
            batch_size=64 if small else 128,
            shift=(data.shape[0] or 0) // 14 if images else 0,
            turn=10.0 if images and small else 0.0,
            zoom=0.1 if images and small else 0.0,
            # the rate is still high before: a worse epoch says little
            patience=max(1, changes.get("epochs", epochs) // 2),
        )
        recipe = replace(usual, **changes)
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
        seed: Decides order and augmentation.
        shift: Greatest shift of an image in pixels.
        turn: Greatest turn in degrees.
        zoom: Greatest change of height and width, as a share.
        process: Which of several processes asks; each gets its part of every batch.
        processes: How many there are; `batch_size` is a multiple of it.
    """

    def __init__(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        batch_size: int,
        *,
        seed: int = 0,
        shift: int = 0,
        turn: float = 0.0,
        zoom: float = 0.0,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.x, self.y, self.batch_size, self.seed = x, y, batch_size, seed
        part = batch_size // processes
        self._part = slice(process * part, (process + 1) * part)
        self.shift, self.turn, self.zoom = shift, turn, zoom
        self.steps_per_epoch = len(y) // batch_size
        self.examples_per_epoch = self.steps_per_epoch * batch_size
        self._order = (-1, np.arange(0))
        # Framed once, so that a shift is only a choice of window.
        frame = [(0, 0), (shift, shift), (shift, shift), (0, 0)]
        self._framed = np.pad(x, frame) if shift else x

    def __getitem__(self, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return this process's part of batch number `step`, counted over all epochs."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._order = (epoch, rng.permutation(len(self.y)))
        chosen = self._order[1][place * self.batch_size : (place + 1) * self.batch_size]
        return self._augmented(chosen, step), self.y[chosen[self._part]]

    def from_step(self, step: int) -> Any:
        """Yield batch `step` and all that follow."""
        while True:
            yield self[step]
            step += 1

    def _augmented(self, chosen: NDArray[Any], step: int) -> NDArray[Any]:
        # Chances are drawn for the whole batch, so that they do not depend on the processes.
        rng, part = np.random.default_rng((self.seed, step, 1)), self._part
        if self.turn or self.zoom:
            strength = {"shift": self.shift, "turn": self.turn, "zoom": self.zoom}
            return warp(self.x[chosen], rng, part=part, **strength)
        if not self.shift:
            return self.x[chosen[part]]
        down, right = rng.integers(2 * self.shift + 1, size=(2, len(chosen)))[:, part]
        windows = np.lib.stride_tricks.sliding_window_view(
            self._framed, self.x.shape[1:3], axis=(1, 2)
        )
        return np.moveaxis(windows[chosen[part], down, right], 1, -1)


def warp(
    images: NDArray[Any],
    rng: np.random.Generator,
    *,
    shift: float,
    turn: float,
    zoom: float,
    part: slice = slice(None),
) -> NDArray[np.float32]:
    """Move, turn and stretch each image a little, about its middle; what comes in is 0.

    Args:
        images: Images of shape ``(n, height, width, channels)``.
        rng: Draws for each image, uniformly between minus and plus the greatest value.
        shift: Greatest shift in pixels.
        turn: Greatest turn in degrees.
        zoom: Greatest change of height and of width, as a share.
        part: Which of the images to return; the draws are made for all.

    Returns:
        Images of the same shape, sampled bilinearly.
    """
    from scipy.ndimage import map_coordinates

    count, height, width, channels = images.shape
    angle = np.deg2rad(rng.uniform(-turn, turn, (count, 1, 1)))[part]
    taller, wider = 1 + rng.uniform(-zoom, zoom, (2, count, 1, 1))[:, part]
    middle = (height - 1) / 2, (width - 1) / 2
    row, column = (
        axis - half for axis, half in zip(np.indices((height, width)), middle, strict=True)
    )
    # Where each pixel of the new image is found in the old one.
    down, right = rng.uniform(-shift, shift, (2, count, 1, 1))[:, part]
    rows = np.cos(angle) * taller * row - np.sin(angle) * column + middle[0] + down
    columns = np.sin(angle) * row + np.cos(angle) * wider * column + middle[1] + right
    which = np.broadcast_to(np.arange(count)[part, None, None], rows.shape)
    warped = [
        map_coordinates(images[..., channel], (which, rows, columns), order=1, mode="constant")
        for channel in range(channels)
    ]
    return np.stack(warped, axis=-1).astype("float32")
