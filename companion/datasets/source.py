"""Where data come from: made here, a folder of plain files, or what else can be located and read.

A chapter brings data of its own in a module that its card names, e.g. ``data="sources"``. Whatever
stands there and is a `Source` is found by `companion.load`, `companion data` and ``--data``::

    # chapters/recurrence/sources.py
    hourly_series = Generated(
        Card("hourly_series", "48 hours and the next 24", "series", (48, 1), (), "CC0", "ours"),
        lambda seed: (train, validation, test),  # each a `Split`; one alone is split by the seed
    )

The module is imported to list what there is: libraries that take long belong inside functions.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from companion.datasets.dataset import Card, Dataset, Fit, Split, resized, split
from companion.datasets.pictures import Picture, photograph
from companion.errors import UserError


def root() -> Path:
    """Return the folder that TensorFlow Datasets keeps its data in.

    Raises:
        UserError: If it would lie in a home folder and there is none.
    """
    try:
        return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    except RuntimeError as error:
        raise UserError(
            "There is no home folder to keep data in. Set TFDS_DATA_DIR to a folder for them."
        ) from error


def files_root() -> Path:
    """Return the folder that holds data sets of plain files, one folder for each."""
    return Path(os.environ.get("COMPANION_DATA_DIR") or root()).expanduser()


def missing(folder: Path, names: Sequence[str]) -> list[str]:
    """Return which files a folder lacks."""
    return [name for name in names if not (folder / name).is_file()]


@dataclass(frozen=True, eq=False)
class Source:
    """A data set by name: what it is, where it lies, how it is fetched, read and fitted to models.

    A kind of source overrides `read`, and `locate` and `fetch` where there is something to fetch.

    Attributes:
        card: What the data are, without loading them.
        fit: How examples take the shape that a model reads; images are resized by default.
        picture: How a picture in a file becomes an example; images are cut and resized by default.
    """

    card: Card
    fit: Fit = field(default=resized, kw_only=True)
    picture: Picture = field(default=photograph, kw_only=True)

    def locate(self) -> Path | None:
        """Return the folder of the data, or None where there is none."""
        return None

    def fetch(self) -> Path:
        """Download and prepare the data; return their folder.

        Raises:
            UserError: Within seconds, if that cannot be done.
        """
        raise UserError(f"{self.card.name} comes with the companion: there is nothing to fetch.")

    def read(self, folder: Path | None, seed: int) -> Sequence[Split]:
        """Return the data as their publisher splits them.

        Args:
            folder: Where they lie; None for embedded data.
            seed: Decides what is generated, for data that are.

        Returns:
            One split to take all others from; or one to learn from and one to test; or training,
            validation and test.
        """
        raise NotImplementedError

    def is_here(self) -> bool:
        """Say whether the data can be loaded without a network."""
        return not self.card.host or self.locate() is not None

    def ensure(self) -> Path | None:
        """Return the folder of the data, fetched if need be; None for embedded data.

        Raises:
            UserError: Within seconds, if they are not here and cannot be fetched.
        """
        return (self.locate() or self.fetch()) if self.card.host else None

    def load(self, *, seed: int = 0, validation: float = 0.1) -> Dataset:
        """Return the data in three splits.

        Args:
            seed: Decides which examples are held out.
            validation: Share of the training examples to hold out.

        Raises:
            UserError: If the data cannot be fetched or are damaged.
        """
        folder = self.ensure()
        try:
            parts = self.read(folder, seed)
        except Exception as error:  # each library on the way fails in its own terms
            if folder is None:
                raise
            name, reason = self.card.name, str(error).strip() or type(error).__name__
            raise UserError(
                f"{name} in {folder} cannot be read: {reason.splitlines()[0]}. Nothing was "
                f"changed. Move that folder away and run `companion data get {name}`."
            ) from error
        if len(parts) == 3:
            train, held_out, test = parts
            return Dataset(self.card, train, held_out, test, self.fit)
        return split(self.card, *parts, validation=validation, seed=seed, fit=self.fit)


@dataclass(frozen=True, eq=False)
class Generated(Source):
    """Data that are computed here, or that a dependency ships.

    Attributes:
        make: From a seed to what `Source.read` returns.
    """

    make: Callable[[int], Sequence[Split]]

    def read(self, folder: Path | None, seed: int) -> Sequence[Split]:
        """Return what is made from the seed."""
        return self.make(seed)


@dataclass(frozen=True, eq=False)
class PlainFiles(Source):
    """Files as their publisher names them, put by hand into a folder that bears the data's name.

    Attributes:
        names: The files that must be there.
        parse: From their folder to what `Source.read` returns.
        page: Where they can be downloaded.
    """

    names: tuple[str, ...]
    parse: Callable[[Path], Sequence[Split]]
    page: str

    def locate(self) -> Path | None:
        """Return the folder, or None unless every file is there."""
        folder = files_root() / self.card.name
        return None if missing(folder, self.names) else folder

    def fetch(self) -> Path:
        """Say where the files are to be had."""
        name, folder = self.card.name, files_root() / self.card.name
        lacking = missing(folder, self.names)
        some = "" if len(lacking) == len(self.names) else " whole"
        raise UserError(
            f"{name} is not{some} in {files_root()}. Download it from {self.page} and put its "
            f"files {', '.join(lacking)} into {folder}. COMPANION_DATA_DIR names another folder to "
            "look in."
        )

    def read(self, folder: Path | None, seed: int) -> Sequence[Split]:
        """Return what stands in the files."""
        assert folder is not None
        return self.parse(folder)
