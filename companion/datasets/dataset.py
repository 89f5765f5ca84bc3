"""A data set as the companion hands it over: three splits and where they come from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion import catalogue
from companion.errors import UserError

SPLITS = ("train", "validation", "test")
Shape = tuple[int | None, ...]
# How examples take the shape that a model reads; None where there is no way.
Fit = Callable[["Dataset", Shape], "Dataset | None"]


@dataclass(frozen=True, slots=True)
class Card:
    """What a data set is, before any of it is loaded.

    Attributes:
        name: What a user types.
        title: One line that says what an example is.
        kind: What `companion data` calls an example, e.g. ``"image"`` or ``"audio"``.
        shape: Shape of one example; None where it varies.
        class_names: One name for each label; none where the targets are numbers.
        licence: The licence as its publisher states it.
        source: Who made it, and where it is published.
        host: The web host that it is fetched from; empty for embedded data.
        megabytes: Size of the download.
    """

    name: str
    title: str
    kind: str
    shape: Shape
    class_names: tuple[str, ...]
    licence: str
    source: str
    host: str = ""
    megabytes: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Split:
    """Examples and what is to be said of them.

    Attributes:
        x: Examples along the first axis: float32 images in [0, 1] of shape
            ``(n, height, width, channels)``, other arrays, or an object array of strings or
            recordings.
        y: Targets. Labels from 0, int64, of shape ``(n,)``, or ``(n, steps)`` where each step has
            a class; numbers, float32, of shape ``(n,)`` or ``(n, k)``.
        names: What the publisher calls each example, where it has a name.
        mask: Which steps count, bool of shape ``(n, steps)``; None where all do.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    names: tuple[str, ...] = ()
    mask: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        """Say how many examples of which kind there are, in one line."""
        x, y = (f"{one.dtype} {one.shape}" for one in (self.x, self.y))
        return f"Split of {len(self)}: x {x}, y {y}"

    def __getitem__(self, rows: Any) -> "Split":
        """Return some examples, given as a slice, numbers or truth values."""
        names = tuple(np.asarray(self.names, object)[rows]) if self.names else ()
        return Split(
            self.x[rows], self.y[rows], names, None if self.mask is None else self.mask[rows]
        )


def ragged(values: Iterable[Any]) -> NDArray[Any]:
    """Return an object array of values whose shapes may differ, e.g. strings or recordings."""
    return np.fromiter(values, object)


def resized(data: "Dataset", shape: Shape) -> "Dataset | None":
    """Return images of another size (bilinear), or None where these are none; grey becomes RGB."""
    have = data.shape
    if len(have) == len(shape) == 3 and None not in shape and have[2] in (1, shape[2]):
        return data.changed(shape, lambda x: resize(x, shape))  # type: ignore[arg-type]
    return None


def resize(images: NDArray[Any], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Resize images ``(n, height, width, channels)`` bilinearly to ``shape``."""
    from scipy.ndimage import zoom

    _, height, width, channels = images.shape
    factors = (1, shape[0] / height, shape[1] / width, 1)
    resized = zoom(images, factors, order=1, mode="nearest", grid_mode=True)
    return np.repeat(resized, shape[2] // channels, axis=-1).astype("float32")


@dataclass(frozen=True, slots=True, repr=False)
class Dataset:
    """Three splits that share no example.

    Attributes:
        card: What the data are, their licence and source.
        train: What a model learns from.
        validation: What its training is steered by.
        test: What it is judged by, once.
        fit: How examples take the shape that a model reads: a function of the data and the shape
            that returns them so, or None where it knows no way. Images are resized by default.
    """

    card: Card
    train: Split
    validation: Split
    test: Split
    fit: Fit = resized

    def __repr__(self) -> str:
        """Say what the data are: sizes, classes, licence."""
        card, classes = self.card, ", ".join(self.card.class_names[:10])
        more = ", …" if self.classes > 10 else ""
        sizes = ", ".join(f"{len(getattr(self, part)):,} {part}" for part in SPLITS)
        return (
            f"{card.name}: {card.title}\n"
            f"  {sizes}; an example has shape {card.shape}\n"
            f"  {f'{self.classes} classes: {classes}{more}' if classes else 'numbers to predict'}\n"
            f"  {card.licence}; {card.source}"
        )

    @property
    def classes(self) -> int:
        """Number of classes; 0 where the targets are numbers."""
        return len(self.card.class_names)

    @property
    def shape(self) -> Shape:
        """Shape of one example, without the batch axis."""
        return self.card.shape

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        *,
        name: str = "yours",
        test: Split | tuple[Any, Any] | None = None,
        mask: Any = None,
        seed: int = 0,
    ) -> "Dataset":
        """Check your own examples and targets, and split them.

        Args:
            x: Examples of shape ``(n, …)``; images have three axes more: height, width, channels.
            y: Integer labels ``0 … classes − 1`` of shape ``(n,)``, or ``(n, steps)`` for a class
                at every step; truth values or names of classes, of shape ``(n,)``; floats of shape
                ``(n,)`` or ``(n, k)`` where numbers are predicted.
            name: What to call the data in reports.
            test: A test split of your own, or its arrays ``(x, y)``; a fifth of the examples
                otherwise.
            mask: Which steps count, of shape ``(n, steps)``; all of them otherwise.
            seed: Decides which examples go where.

        Raises:
            UserError: If an example is not finite, or a target is neither a class nor a number.
        """
        pairs = [(x, y), test] if isinstance(test, tuple) else [(x, y)]
        examples = [_as_numbers(x) for x, _ in pairs]
        targets, names = _as_labels([np.asarray(y) for _, y in pairs])
        x, *others = examples
        y, *test_y = [_one_each(*pair) for pair in zip(targets, examples, strict=True)]
        if mask is not None:
            mask = np.asarray(mask, bool)
            if mask.shape != y.shape:
                raise UserError(
                    "A mask says of each step whether it counts: expected the shape of the "
                    f"targets, {y.shape}. Received: {mask.shape}."
                )
            y = np.where(mask, y, 0)  # what stands where nothing counts must not stop a loss
        check(x, y)
        labels = np.issubdtype(y.dtype, np.integer)
        if labels and not names:
            names = tuple(str(label) for label in range(int(y.max()) + 1))
        kind = "image" if x.ndim == 4 else "array"
        card = Card(name, "your own data", kind, x.shape[1:], names, "yours", "yours")
        dtype = "int64" if labels else "float32"
        if isinstance(test, tuple):
            _check_test(others[0], test_y[0], x, len(names))
            test = Split(others[0].astype("float32"), test_y[0].astype(dtype))
        every_example = Split(x.astype("float32"), y.astype(dtype), mask=mask)
        return split(card, every_example, test, seed=seed)

    def fitted_to(self, shape: Shape) -> "Dataset":
        """Return these data with examples of the given shape.

        An example with as many numbers as are wanted is reshaped, so that a network that reads
        rows or a flat vector takes images. All else is the data's own way to `fit`.

        Args:
            shape: Shape of what the model reads, without the batch axis; None where it varies.

        Raises:
            UserError: If there is no sensible way from one shape to the other.
        """
        have = self.shape
        if len(have) == len(shape) and all(
            want in (size, None) for size, want in zip(have, shape, strict=True)
        ):
            return self
        if None not in (*have, *shape) and _count(have) == _count(shape):
            return self.changed(shape, lambda x: x.reshape(len(x), *shape))
        fitted = self.fit(self, shape)
        if fitted is None:
            name = self.card.name
            made = [one for one, (_, model) in catalogue.models().items() if model.data == name]
            advice = f"input_shape={have} builds one that does" if have else "It reads no text"
            if made:
                advice = f"Made for {name}: {', '.join(made)}"
            raise UserError(
                f"The model reads examples of shape {shape}; those of {name} have shape {have}. "
                f"{advice}. Or choose other data."
            )
        return fitted

    def changed(self, shape: Shape, change: Callable[[NDArray[Any]], NDArray[Any]]) -> "Dataset":
        """Return these data with the examples of every split changed.

        Args:
            shape: The new shape of one example.
            change: From examples to as many examples.
        """
        parts = {
            name: replace(part, x=change(part.x))
            for name in SPLITS
            for part in [getattr(self, name)]
        }
        return replace(self, card=replace(self.card, shape=shape), **parts)


def _count(shape: Shape) -> int:
    return int(np.prod([size or 0 for size in shape]))


def check(x: NDArray[Any], y: NDArray[Any]) -> None:
    """Say what is wrong with examples and targets, if anything is.

    Args:
        x: Examples of shape ``(n, …)``.
        y: Labels of shape ``(n,)`` or ``(n, steps)``, or numbers of shape ``(n,)`` or ``(n, k)``.

    Raises:
        UserError: On unequal lengths, fewer than five examples a class, labels that do not count
            from 0, one-hot rows, or numbers that are not finite.
    """
    if x.ndim == 0 or y.ndim not in (1, 2) or len(x) != len(y):
        raise UserError(
            "Expected one target for each example, or one row of them. Received: "
            f"{len(x) if x.ndim else 1} examples and targets of shape {y.shape}."
        )
    if y.size == 0:
        raise UserError("Expected examples. Received: none.")
    rows = y.ndim == 2 and y.shape[1:] != x.shape[1:2]  # not one target for each step
    if rows and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        raise UserError(
            "Labels are integers from 0 to classes − 1. Received: one-hot rows of shape "
            f"{y.shape}; take their argmax."
        )
    if np.issubdtype(y.dtype, np.integer):
        _check_labels(y)
    elif not np.issubdtype(y.dtype, np.floating):
        raise UserError(
            f"Targets are integer labels, names of classes or floats. Received: dtype {y.dtype}."
        )
    for array, named, one in ((x, "Examples", "example"), (y, "Targets", "target")):
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))[0]
            inside = f", at {tuple(int(index) for index in bad[1:])}" if len(bad) > 1 else ""
            raise UserError(
                f"{named} hold finite numbers. Received: {array[tuple(bad)]} in {one} "
                f"{bad[0]}{inside}."
            )


def _as_numbers(x: Any) -> NDArray[Any]:
    """Return examples as an array, or say that they are none of numbers."""
    try:
        made = np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise UserError(f"Examples are one array. Received: {error}") from error
    if made.dtype.kind not in "biuf":
        raise UserError(
            f"Examples are arrays of numbers. Received: dtype {made.dtype}. Sentences are read by "
            "`companion train sentence_classifier`."
        )
    return made


def _as_labels(targets: list[NDArray[Any]]) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
    """Return targets with truth values and names of classes as labels, and those names."""
    if all(y.dtype.kind == "b" for y in targets):
        return [y.astype("int64") for y in targets], ()
    if not all(y.size and all(isinstance(one, str) for one in y.flat) for y in targets):
        return targets, ()
    names = np.unique(np.concatenate([y.ravel() for y in targets]).astype(str))
    return [np.searchsorted(names, y.astype(str)) for y in targets], tuple(names.tolist())


def _one_each(y: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Return a column of labels as a vector, unless `x` are sequences of one step."""
    column = y.ndim == 2 and y.shape[1] == 1 and x.shape[1:2] != (1,)
    return y[:, 0] if column and np.issubdtype(y.dtype, np.integer) else y


def _check_test(x: NDArray[Any], y: NDArray[Any], train: NDArray[Any], classes: int) -> None:
    """Say what is wrong with examples for test that come with their own targets."""
    if x.shape[1:] != train.shape[1:] or x.shape[:1] != y.shape[:1]:
        raise UserError(
            f"Expected test examples of shape {train.shape[1:]}, each with a target. Received: "
            f"{x.shape} and targets of shape {y.shape}."
        )
    if classes and not 0 <= y.min() <= y.max() < classes:
        raise UserError(
            f"The training examples have the classes 0 to {classes - 1}. Received for test: "
            f"{y.min()} to {y.max()}."
        )


def _check_labels(y: NDArray[Any]) -> None:
    if y.min() < 0:
        raise UserError(f"Labels are integers from 0. Received: {y.min()} at index {y.argmin()}.")
    missing = np.setdiff1d(np.arange(min(y.max() + 1, y.size)), y)
    if len(missing):
        raise UserError(
            f"Labels are integers from 0, without a gap. Received: {y.min()} to {y.max()}, none of "
            f"class {missing[0]}. `np.unique(y, return_inverse=True)[1]` numbers them so."
        )
    counts, least = np.bincount(y.ravel()), 5 if y.ndim == 1 else 1
    if counts.min() < least:
        raise UserError(
            f"Every class from 0 to the largest label needs at least {least} examples, to be found "
            f"in every split. Received: {counts.min()} of class {counts.argmin()}."
        )


def split(
    card: Card,
    pool: Split,
    test: Split | None = None,
    *,
    validation: float = 0.1,
    seed: int = 0,
    fit: Fit = resized,
) -> Dataset:
    """Split examples: a fifth to test unless a test split exists.

    Where each example has one class, every class keeps its share. The same seed gives the same
    splits.

    Args:
        card: What the data are.
        pool: Examples to split.
        test: The publisher's test split, where there is one.
        validation: Share of the remaining examples to hold out.
        seed: Decides which examples go where.
        fit: How examples take another shape.
    """
    from sklearn.model_selection import train_test_split

    def part(whole: Split, share: float) -> tuple[Split, Split]:
        one_class = whole.y.ndim == 1 and np.issubdtype(whole.y.dtype, np.integer)
        fewest = len(np.unique(whole.y)) if one_class else 1  # to hold one of each class
        kept, taken = train_test_split(
            np.arange(len(whole)),
            test_size=share if share * len(whole) >= fewest else fewest,
            stratify=whole.y if one_class else None,
            random_state=seed,
        )
        return whole[kept], whole[taken]

    if test is None:
        pool, test = part(pool, 0.2)
    train, held_out = part(pool, validation)
    return Dataset(card, train, held_out, test, fit)
