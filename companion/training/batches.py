"""Batches that depend on a run's seed and their own number alone, so that a run can go on."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import UserError


class Batches:
    """An endless stream of batches in which batch k depends on the seed and k alone.

    So a run that was stopped goes on at step k with the batches it would have seen.

    Args:
        x: Examples of shape ``(n, …)``.
        y: Targets of shape ``(n, …)``.
        batch_size: Examples per batch; the few left over at a pass's end wait for another.
        weights: What each target counts in the loss, of shape ``(n,)`` or ``(n, steps)``; a batch
            has them as its third part.
        order: The examples in the order in which they are shown, over and over; by default an
            order of the seed's, anew in every pass.
        steps_per_epoch: Batches that count as an epoch; by default as many as a pass has.
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
        weights: NDArray[Any] | None = None,
        order: Sequence[int] | None = None,
        steps_per_epoch: int | None = None,
        seed: int = 0,
        shift: int = 0,
        turn: float = 0.0,
        zoom: float = 0.0,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.x, self.y, self.weights = x, y, weights
        self.batch_size, self.seed = batch_size, seed
        part = batch_size // processes
        self._part = slice(process * part, (process + 1) * part)
        self.shift, self.turn, self.zoom = shift, turn, zoom
        self._given = None if order is None else np.asarray(order)
        if self._given is not None and not 0 <= self._given.min() <= self._given.max() < len(y):
            raise UserError(
                f"order holds numbers of the {len(y)} training examples, from 0. "
                f"Received: {self._given.min()} to {self._given.max()}."
            )
        self.steps_per_pass = len(y if order is None else order) // batch_size
        self.steps_per_epoch = steps_per_epoch or self.steps_per_pass
        self.examples_per_epoch = self.steps_per_epoch * batch_size
        self._order = (-1, np.arange(0))
        # Framed once, so that a shift is only a choice of window.
        frame = [(0, 0), (shift, shift), (shift, shift), (0, 0)]
        self._framed = np.pad(x, frame) if shift else x

    def __getitem__(self, step: int) -> tuple[NDArray[Any], ...]:
        """Return this process's part of batch number `step`, counted over all passes."""
        turn, index = divmod(step, self.steps_per_pass)
        if self._order[0] != turn:
            rng = np.random.default_rng((self.seed, turn))
            again = self._given if self._given is not None else rng.permutation(len(self.y))
            self._order = (turn, again)
        chosen = self._order[1][index * self.batch_size : (index + 1) * self.batch_size]
        part = chosen[self._part]
        weights = () if self.weights is None else (self.weights[part],)
        return self._augmented(chosen, step), self.y[part], *weights

    def from_step(self, step: int) -> Iterator[tuple[NDArray[Any], ...]]:
        """Yield batch `step` and all that follow."""
        while True:
            yield self[step]
            step += 1

    def _augmented(self, chosen: NDArray[Any], step: int) -> NDArray[Any]:
        part = self._part
        if not (self.shift or self.turn or self.zoom):
            return self.x[chosen[part]]
        # Chances are drawn for the whole batch, so that they do not depend on the processes.
        rng = np.random.default_rng((self.seed, step, 1))
        if self.turn or self.zoom:
            strength = {"shift": self.shift, "turn": self.turn, "zoom": self.zoom}
            return warp(self.x[chosen], rng, part=part, **strength)
        down, right = rng.integers(2 * self.shift + 1, size=(2, len(chosen)))[:, part]
        windows = np.lib.stride_tricks.sliding_window_view(
            self._framed, self.x.shape[1:3], axis=(1, 2)
        )
        return np.moveaxis(windows[chosen[part], down, right], 1, -1)


class DrawnBatches:
    """An endless stream of batches that something else draws, to be drawn again from the start.

    Args:
        draw: Begins the stream; it is the same each time.
        batch_size: Examples per batch.
        steps_per_epoch: Batches that count as an epoch.
    """

    def __init__(
        self,
        draw: Callable[[], Iterator[tuple[NDArray[Any], ...]]],
        batch_size: int,
        steps_per_epoch: int,
    ) -> None:
        self.draw, self.batch_size, self.steps_per_epoch = draw, batch_size, steps_per_epoch
        self.examples_per_epoch = steps_per_epoch * batch_size

    def __getitem__(self, step: int) -> tuple[NDArray[Any], ...]:
        """Return batch number `step`."""
        return next(self.from_step(step))

    def from_step(self, step: int) -> Iterator[tuple[NDArray[Any], ...]]:
        """Yield batch `step` and all that follow."""
        yield from islice(self.draw(), step, None)  # Keras takes no iterator but a generator


Stream = Batches | DrawnBatches


def passes(
    examples: int, count: int, seed: int | Sequence[int], *, batch_size: int = 1
) -> NDArray[np.int64]:
    """Return `count` orders of the examples, laid end to end, each a multiple of a batch long.

    >>> passes(5, 2, seed=0, batch_size=2).tolist()
    [2, 4, 3, 0, 4, 1, 2, 0]
    """
    rng, length = np.random.default_rng(seed), examples // batch_size * batch_size
    return np.concatenate([rng.permutation(examples)[:length] for _ in range(count)])


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
