"""A data set as the companion hands it over: three splits and where they come from."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import UserError


@dataclass(frozen=True, slots=True)
class Card:
    """What a data set is, before any of it is loaded.

    Attributes:
        name: What a user types.
        title: One line that says what an example is.
        kind: ``"image"``, ``"text"``, ``"audio"`` or ``"ecg"``.
        shape: Shape of one example; None where it varies.
        class_names: One name for each label.
        licence: The licence as its publisher states it.
        source: Who made it, and where it is published.
        host: The web host that it is fetched from; empty for embedded data.
        megabytes: Size of the download.
    """

    name: str
    title: str
    kind: str
    shape: tuple[int | None, ...]
    class_names: tuple[str, ...]
    licence: str
    source: str
    host: str = ""
    megabytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Split:
    """Examples and their labels.

    Attributes:
        x: Examples along the first axis: float32 images in [0, 1] of shape
            ``(n, height, width, channels)``, or an object array of strings or recordings.
        y: Labels from 0, int64, of shape ``(n,)``.
        names: What the publisher calls each example, where it has a name.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Three splits that share no example.

    Attributes:
        card: What the data are, their licence and source.
        train: What a model learns from.
        validation: What its training is steered by.
        test: What it is judged by, once.
    """

    card: Card
    train: Split
    validation: Split
    test: Split

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.card.class_names)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of one example, without the batch axis."""
        return self.card.shape

    @classmethod
    def from_arrays(
        cls, x: Any, y: Any, *, name: str = "yours", test: Split | None = None, seed: int = 0
    ) -> "Dataset":
        """Check your own examples and labels, and split them.

        Args:
            x: Examples of shape ``(n, …)``; images have three axes more: height, width, channels.
            y: Integer labels ``0 … classes − 1`` of shape ``(n,)``.
            name: What to call the data in reports.
            test: A test split of your own; a fifth of the examples otherwise.
            seed: Decides which examples go where.

        Raises:
            UserError: If an example is not finite, or a label is not a class.
        """
        x, y = np.asarray(x), np.asarray(y)
        check(x, y)
        names = tuple(str(label) for label in range(int(y.max()) + 1))
        card = Card(name, "your own data", "image", x.shape[1:], names, "yours", "yours")
        pool = Split(x.astype("float32"), y.astype("int64"))
        return split(card, pool, test, seed=seed)

    def fitted_to(self, shape: tuple[int | None, ...]) -> "Dataset":
        """Return these data with examples of the given shape.

        Images are resized (bilinear) and grey becomes RGB; an example with as many numbers as
        are wanted is reshaped, so that a network that reads rows or a flat vector takes images.
        Recordings become log-mel frames, `shape[1]` bands of them, padded with zeros behind. ECGs
        are cut into windows of `shape[0]` samples, one behind the other, each within its split.

        Raises:
            UserError: If there is no sensible way from one shape to the other.
        """
        have = self.shape
        if len(have) == len(shape) and all(
            want in (size, None) for size, want in zip(have, shape, strict=True)
        ):
            return self
        if None not in (*have, *shape) and _count(have) == _count(shape):
            return self._with(lambda x: x.reshape(len(x), *shape), shape)
        if self.card.kind == "audio" and have == shape[:1] == (None,) and len(shape) == 2:
            from companion.datasets.sound import as_frames

            return self._with(lambda x: as_frames(x, shape[1] or 40), shape)
        if self.card.kind == "ecg" and len(shape) == 2 and shape[0] and shape[1] == 1:
            parts = {
                part: windows(getattr(self, part), shape[0])
                for part in ("train", "validation", "test")
            }
            return Dataset(replace(self.card, shape=shape), **parts)
        if len(have) == len(shape) == 3 and None not in shape and have[2] in (1, shape[2]):
            return self._with(lambda x: resize(x, shape), shape)  # type: ignore[arg-type]
        raise UserError(
            f"The model reads examples of shape {shape}; those of {self.card.name} have shape "
            f"{have}. Build the model with input_shape={have}, or choose other data."
        )

    def _with(self, change: Any, shape: tuple[int | None, ...]) -> "Dataset":
        parts = {
            part: Split(change(getattr(self, part).x), getattr(self, part).y)
            for part in ("train", "validation", "test")
        }
        return Dataset(replace(self.card, shape=shape), **parts)


def _count(shape: tuple[int | None, ...]) -> int:
    return int(np.prod([size or 0 for size in shape]))


def windows(recordings: Split, length: int) -> Split:
    """Cut recordings into windows that do not overlap; what is left at an end is left out.

    Args:
        recordings: An object array of signals with their labels.
        length: Samples in a window.

    Returns:
        Windows of shape ``(n, length, 1)``, each with its recording's label and name.
    """
    places = [
        (number, start)
        for number, signal in enumerate(recordings.x)
        for start in range(0, len(signal) - length + 1, length)
    ]
    x = np.stack([recordings.x[number][start : start + length] for number, start in places])
    chosen = [number for number, _ in places]
    names = tuple(recordings.names[number] for number in chosen) if recordings.names else ()
    return Split(x.astype("float32")[..., None], recordings.y[chosen], names)


def resize(images: NDArray[Any], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Resize images ``(n, height, width, channels)`` bilinearly to ``shape``."""
    from scipy.ndimage import zoom

    _, height, width, channels = images.shape
    factors = (1, shape[0] / height, shape[1] / width, 1)
    resized = zoom(images, factors, order=1, mode="nearest", grid_mode=True)
    return np.repeat(resized, shape[2] // channels, axis=-1).astype("float32")


def check(x: NDArray[Any], y: NDArray[Any]) -> None:
    """Say what is wrong with examples and labels, if anything is.

    Raises:
        UserError: On unequal lengths, fewer than three examples a class, labels that are not
            integers from 0, or numbers that are not finite.
    """
    if len(x) != len(y) or y.ndim != 1:
        raise UserError(
            f"Expected one label for each example. Received: {len(x)} examples and labels of "
            f"shape {y.shape}."
        )
    if len(y) == 0:
        raise UserError("Expected examples. Received: none.")
    if not np.issubdtype(y.dtype, np.integer):
        raise UserError(
            f"Labels are integers from 0 to classes − 1. Received: dtype {y.dtype}. If they are "
            "one-hot rows, take their argmax."
        )
    if y.min() < 0:
        raise UserError(f"Labels are integers from 0. Received: {y.min()} at index {y.argmin()}.")
    counts = np.bincount(y)
    if counts.min() < 5:
        raise UserError(
            "Every class from 0 to the largest label needs at least five examples, to be found in "
            f"every split. Received: {counts.min()} of class {counts.argmin()}."
        )
    if x.dtype != object and not np.isfinite(x).all():
        bad = np.argwhere(~np.isfinite(x))[0]
        raise UserError(
            f"Examples hold finite numbers. Received: {x[tuple(bad)]} in example {bad[0]}, at "
            f"{tuple(int(index) for index in bad[1:])}."
        )


def split(
    card: Card,
    pool: Split,
    test: Split | None = None,
    *,
    validation: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Split examples, keeping every class's share: a fifth to test unless a test split exists.

    The same seed gives the same splits.
    """
    from sklearn.model_selection import train_test_split

    def part(whole: Split, share: float) -> tuple[Split, Split]:
        kept, taken = train_test_split(
            np.arange(len(whole)), test_size=share, stratify=whole.y, random_state=seed
        )
        return Split(whole.x[kept], whole.y[kept]), Split(whole.x[taken], whole.y[taken])

    if test is None:
        pool, test = part(pool, 0.2)
    train, held_out = part(pool, validation)
    return Dataset(card, train, held_out, test)
