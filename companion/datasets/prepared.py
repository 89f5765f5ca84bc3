"""Data that TensorFlow Datasets knows, or learns of: downloaded and prepared once, read since."""

import contextlib
import importlib
import re
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets.dataset import SPLITS, Split, ragged
from companion.datasets.source import Source, files_root, missing, root
from companion.errors import UserError

# A feature's name and its values, an object array where their shapes differ.
Columns = dict[str, NDArray[Any]]
VERSION = re.compile(r"\d+\.\d+\.\d+")  # a folder that is still being written has a longer name


@dataclass(frozen=True, eq=False)
class TensorFlowDatasets(Source):
    """Data of TensorFlow Datasets, under the name on the card.

    Attributes:
        convert: From the columns of a split to the split.
        config: Which of its configurations, where it has several.
        builder: A module that defines its builder, where TensorFlow Datasets does not.
        by_hand: Files that spare the download where they lie in a folder that bears its name.
        is_test: Which names of examples are for test, where the publisher splits nothing.
        instead: Data of the same kind that need no network.
    """

    convert: Callable[[Columns], Split]
    config: str = ""
    builder: str = ""
    by_hand: tuple[str, ...] = ()
    is_test: Callable[[str], bool] | None = None
    instead: str = "digits"

    def locate(self) -> Path | None:
        """Return the folder of the newest version that is complete, or None."""
        versions = [
            folder
            for folder in (root() / self.card.name / self.config).glob("*/")
            if VERSION.fullmatch(folder.name) and (folder / "dataset_info.json").is_file()
        ]
        return max(versions, key=lambda folder: [*map(int, folder.name.split("."))], default=None)

    def fetch(self) -> Path:
        """Have TensorFlow Datasets download and prepare the data; return their folder."""
        name, host = self.card.name, self.card.host
        advice = (
            f"Either run `companion data get {name}` where there is a network "
            f"({self.card.megabytes:.0f} MB), or prepare it on another machine and set "
            f"TFDS_DATA_DIR to the folder that holds `{name}`. `--data {self.instead}` needs "
            "neither."
        )
        folder = files_root() / name
        lacking = missing(folder, self.by_hand)
        downloaded = self.by_hand and not lacking
        if lacking and len(lacking) < len(self.by_hand):
            raise UserError(
                f"{folder} holds {name} by half: {', '.join(lacking)} is missing. Put it there, or "
                f"move the folder away, and `companion data get {name}` fetches all from {host}."
            )
        if not downloaded and not reachable(host):
            raise UserError(f"{name} is not in {root()}, and {host} cannot be reached. {advice}")
        import tensorflow_datasets as tfds

        if self.builder:
            importlib.import_module(self.builder)  # TensorFlow Datasets learns its name
        try:
            builder = tfds.builder(
                f"{name}/{self.config}".rstrip("/"), data_dir=root(), try_gcs=False
            )
            settings = tfds.download.DownloadConfig(**{"manual_dir": folder} if downloaded else {})
            builder.download_and_prepare(download_config=settings)
        except Exception as error:
            raise UserError(
                f"{name} could not be prepared in {root()}: {error} (TFDS_DATA_DIR names another "
                f"folder.) {advice}"
            ) from error
        return Path(builder.data_path)

    def read(self, folder: Path | None, seed: int) -> Sequence[Split]:
        """Return the prepared splits; those of `is_test`, where the publisher splits nothing."""
        import tensorflow_datasets as tfds

        builder = tfds.builder_from_directory(folder)
        parts = [
            self.convert(columns(builder, part)) for part in SPLITS if part in builder.info.splits
        ]
        if self.is_test is None:
            return parts
        (whole,) = parts
        test = np.array([self.is_test(name) for name in whole.names])
        return whole[~test], whole[test]


def columns(builder: Any, part: str) -> Columns:
    """Return a prepared split by features: in one go where the shape of each is fixed."""
    import tensorflow_datasets as tfds

    examples = builder.as_dataset(split=part, shuffle_files=False)
    if all(None not in shape for shape in builder.info.features.shape.values()):
        return dict(
            next(iter(tfds.as_numpy(examples.batch(builder.info.splits[part].num_examples))))
        )
    rows = list(tfds.as_numpy(examples))
    return {name: ragged(row[name] for row in rows) for name in rows[0]}


def reachable(host: str, seconds: float = 3.0) -> bool:
    """Say within `seconds` whether `host`, or the proxy before it, takes a connection."""
    proxy = "" if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get("https")
    parts = urllib.parse.urlsplit(proxy if proxy and "//" in proxy else f"//{proxy or host}")
    answered = []

    def knock() -> None:
        with contextlib.suppress(OSError, ValueError):  # a port that is no number
            address = str(parts.hostname or host), parts.port or (80 if proxy else 443)
            socket.create_connection(address, timeout=seconds).close()
            answered.append(True)

    # In a thread of its own, since looking up a name has no time limit.
    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answered)
