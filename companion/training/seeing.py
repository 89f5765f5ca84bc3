"""What a trained model of images says of a picture in a file, in words and in a drawing."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from companion import catalogue
from companion.datasets import pictures
from companion.datasets.dataset import Card, Dataset, Split
from companion.datasets.source import Source
from companion.datasets.sources import known
from companion.errors import UserError, attempt
from companion.prefetch import map_in_order
from companion.training.run import read_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTICE = ""
TOGETHER = 32  # pictures that a network is given at once
LIKELIEST = 3  # classes that are named
THUMBNAIL = 400  # pixels of a picture's longer side in its drawing

Example = tuple[NDArray[Any], NDArray[Any]]  # a picture, small, and what a network is given of it


def described(data: Dataset) -> dict[str, Any]:
    """Return what a run keeps of its examples, so that pictures can be made like them.

    For images these are the shape, the names of the classes, the least and the greatest value,
    and the ground: the mean of the outermost pixels.
    """
    x = data.train.x
    if data.card.kind != "image" or x.ndim != 4 or len(x) == 0:
        return {"kind": data.card.kind}
    edge = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    return {
        "kind": "image",
        "shape": list(x.shape[1:]),
        "class_names": list(data.card.class_names),
        "low": float(x.min()),
        "high": float(x.max()),
        "ground": float(edge.mean(dtype=np.float64)),
    }


@dataclass(frozen=True)
class Seen:
    """What a model says of one picture.

    Attributes:
        name: The file's name.
        data: ``class`` and its ``probability``, the ``probabilities`` of all; or ``numbers``; and
            ``remarks``.
        picture: The picture, small, as an array.
        given: What the network was given, ``(height, width, channels)``.
    """

    name: str
    data: dict[str, Any]
    picture: NDArray[Any]
    given: NDArray[Any]

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        if "numbers" in self.data:
            answer = ", ".join(f"{value:.4g}" for value in self.data["numbers"])
        else:
            likely = self.likeliest()
            answer = ", ".join(f"{name} ({share:.1%})" for name, share in likely if share >= 5e-4)
        return "; ".join([answer, *self.data["remarks"]])

    def likeliest(self) -> list[tuple[str, float]]:
        """Return the likeliest classes, the likeliest first."""
        return sorted(self.data["probabilities"].items(), key=lambda one: -one[1])[:LIKELIEST]

    def figure(self, again: "Figure | None" = None) -> "Figure":
        """Draw the picture, what the network was given, and what it says of that.

        Args:
            again: A figure of another picture. It is left alone: each has a frame of its own.
        """
        from companion.plots import BLUE, picture, subplots

        has_probabilities = "probabilities" in self.data
        figure, axes = subplots((9, 3.2), 1, 3 if has_probabilities else 2)
        picture(axes[0], self.picture, self.name)
        seen = self.given[..., 0] if self.given.shape[-1] == 1 else self.given
        seen = np.clip(seen / max(1.0, float(seen.max())), 0, 1)
        picture(axes[1], seen, "what the network was given")
        if has_probabilities:
            named = list(self.data["probabilities"].items())
            if len(named) > 12:
                named = self.likeliest()
            axes[2].barh([name for name, _ in named], [share for _, share in named], color=BLUE)
            axes[2].invert_yaxis()
            axes[2].set(xlim=(0, 1), xlabel="probability")
        figure.suptitle(self.sentence.split(";")[0], fontsize="medium")
        return figure


def reader(folder: Path) -> Callable[[Iterable[Path]], Iterator[Seen | UserError]]:
    """Return a function that reads pictures with the model of a run.

    Args:
        folder: The run's folder.

    Returns:
        A function of files that yields for each, in their order, what is `Seen`, or the
        `UserError` that says why nothing is.

    Raises:
        UserError: If the run was trained on no images.
    """
    asked = read_record(folder)["asked"]
    source, remarks = as_source(asked, folder)

    import keras

    from companion.training.task import find_task

    if asked["model"] in catalogue.models():
        catalogue.find_model(asked["model"])[0].module("models")  # it may define layers
    try:
        model = keras.models.load_model(folder / "model.keras")
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"{folder / 'model.keras'} cannot be read: {error}") from error
    task = find_task(asked["task"])
    shape = cast(pictures.Shape, source.card.shape)

    def example(file: Path) -> Example:
        image = pictures.opened(file)
        given = source.picture(image, shape)
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        return np.asarray(image.convert("RGB")), given

    def answers(given: list[NDArray[Any]]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        none = Split(np.zeros((0, *shape)), np.zeros(0, int))
        alone = Split(scaled(np.stack(given), asked), np.zeros(len(given), int))
        data = Dataset(source.card, none, none, alone, source.fit)
        x = data.fitted_to(model.input_shape[1:]).test.x.astype("float32")
        outputs = np.asarray(task.probabilities(model.predict_on_batch(x)))
        # A network that reads rows or a flat vector is shown as it was drawn.
        return zip(outputs, x if x.ndim == 4 else np.stack(given), strict=True)

    def opened(some: list[Path]) -> tuple[list[Path], list[Example | UserError]]:
        return some, [attempt(example, file) for file in some]

    def read(files: Iterable[Path]) -> Iterator[Seen | UserError]:
        each = iter(files)
        batches = iter(lambda: list(islice(each, TOGETHER)), [])
        with ThreadPoolExecutor(1) as pool:
            for some, results in map_in_order(pool, opened, batches):
                good = [one[1] for one in results if not isinstance(one, UserError)]
                answered = answers(good) if good else iter(())
                for file, one in zip(some, results, strict=True):
                    if isinstance(one, UserError):
                        yield one
                    else:
                        output, given = next(answered)
                        data = {
                            **described_output(output, source.card.class_names),
                            "remarks": remarks,
                        }
                        yield Seen(file.name, data, one[0], given)

    return read


def described_output(output: NDArray[Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return what a model's output says: a class and the probabilities of all, or numbers."""
    if not names:
        return {"numbers": [float(value) for value in np.ravel(output)]}
    more = map(str, range(len(names), len(output)))  # a model may tell more classes apart
    shares = {
        name: round(float(share), 6) for name, share in zip((*names, *more), output, strict=True)
    }
    likely = max(shares, key=shares.__getitem__)
    return {"class": likely, "probability": shares[likely], "probabilities": shares}


def as_source(asked: dict[str, Any], folder: Path) -> tuple[Source, list[str]]:
    """Return how a picture becomes an example of a run's data, and what is to be said of it.

    Raises:
        UserError: If its examples are no images.
    """
    name, kept = asked["data"], asked.get("examples", {})
    source = known().get(name)
    kind = kept.get("kind") or (source.card.kind if source else "")
    shape = tuple(kept.get("shape", ())) or (source.card.shape if source else ())
    if kind != "image" or len(shape) != 3 or shape[2] not in (1, 3):
        of = f"examples of the kind {kind!r}" if kind else "data that have no name here"
        raise UserError(
            f"Pictures are read by models of images. The run in {folder} was trained on {name}, "
            f"{of}. In Python `run.predict(x)` takes what it was trained on."
        )
    remarks: list[str] = []
    if source is None or source.card.shape != shape:
        source = Source(Card(name, name, kind, shape, (), "yours", "yours"))
        ground = "bright" if kept["ground"] > (kept["low"] + kept["high"]) / 2 else "dark"
        remarks = [
            f"{name} are data of yours: the picture was resized to {shape[0]}×{shape[1]} and no "
            f"more; your examples have a {ground} ground"
        ]
    names = tuple(kept.get("class_names", source.card.class_names))
    card = Card(name, name, kind, shape, names, source.card.licence, source.card.source)
    return Source(card, fit=source.fit, picture=source.picture), remarks


def scaled(x: NDArray[Any], asked: dict[str, Any]) -> NDArray[Any]:
    """Return pictures in [0, 1] in the range of the values that were trained on.

    Data of the companion lie in [0, 1]; those that do not span it (from 0 to 255) say so.
    """
    kept = asked.get("examples", {})
    low, high = kept.get("low", 0.0), kept.get("high", 1.0)
    return x if low >= 0 and high <= 1 else low + (high - low) * x
