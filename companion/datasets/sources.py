"""Where named data come from: embedded in a dependency, or prepared by TensorFlow Datasets."""

import contextlib
import os
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np

from companion.datasets.dataset import Card, Dataset, Split, split
from companion.errors import UnknownNameError, UserError

DIGITS = tuple("0123456789")

CARDS = {
    card.name: card
    for card in (
        Card(
            "digits",
            "1,797 handwritten digits, 8×8 grey, by 43 people",
            "image",
            (8, 8, 1),
            DIGITS,
            "CC BY 4.0",
            "Alpaydin and Kaynak (1998), UCI, doi 10.24432/C50P49; shipped in scikit-learn",
        ),
        Card(
            "mnist",
            "70,000 handwritten digits, 28×28 grey",
            "image",
            (28, 28, 1),
            DIGITS,
            "CC BY-SA 3.0, as commonly stated",
            "LeCun, Cortes, Burges (1998), yann.lecun.com/exdb/mnist",
            "storage.googleapis.com",
            11.1,
        ),
        Card(
            "fashion_mnist",
            "70,000 pictures of clothes, 28×28 grey",
            "image",
            (28, 28, 1),
            ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker",
             "bag", "ankle boot"),
            "MIT",
            "Xiao, Rasul, Vollgraf (2017), arXiv 1708.07747",
            "fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            29.5,
        ),
        Card(
            "cifar10",
            "60,000 photographs of ten kinds of things, 32×32 RGB",
            "image",
            (32, 32, 3),
            ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
             "truck"),
            "not stated by its publisher",
            "Krizhevsky (2009), cs.toronto.edu/~kriz/cifar.html",
            "www.cs.toronto.edu",
            162.2,
        ),
        Card(
            "imdb_reviews",
            "50,000 film reviews, praise or blame",
            "text",
            (),
            ("negative", "positive"),
            "not stated by its publisher",
            "Maas et al. (2011), ai.stanford.edu/~amaas/data/sentiment",
            "ai.stanford.edu",
            80.2,
        ),
        Card(
            "spoken_digit",
            "spoken digits, 8 kHz, takes 0 to 4 of each speaker for test",
            "audio",
            (None,),
            DIGITS,
            "CC BY-SA 4.0",
            "Jackson et al., Free Spoken Digit Dataset, github.com/Jakobovski",
            "github.com",
            11.4,
        ),
    )
}  # fmt: skip


def find(name: str) -> Card:
    """Return the card of one data set.

    Raises:
        UnknownNameError: With the nearest name.
    """
    if name not in CARDS:
        raise UnknownNameError("data set", name, CARDS)
    return CARDS[name]


def load(name: str = "digits", *, seed: int = 0, validation: float = 0.1) -> Dataset:
    """Return the data set `name`, split.

    ``digits`` needs no network. The others are read from where TensorFlow Datasets keeps them
    (``TFDS_DATA_DIR``, or ``tensorflow_datasets`` in the home directory) and are fetched the
    first time if their publisher can be reached.

    Args:
        name: One of `CARDS`.
        seed: Decides which examples are held out for validation (and for test, where the
            publisher has no test split).
        validation: Share of the training examples to hold out.

    Raises:
        UserError: If there is no such data set, if it cannot be fetched, or if it is damaged.
    """
    card = find(name)
    if not card.host:
        return _digits(card, seed, validation)
    folder = ensure(name)
    assert folder is not None
    try:
        return _read(card, folder, seed, validation)
    except Exception as error:  # each library on the way fails in its own terms
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{name} in {folder} cannot be read: {reason}. Nothing was changed. Move that folder "
            f"away and run `companion data get {name}`."
        ) from error


def _digits(card: Card, seed: int, validation: float) -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images[..., None] / 16).astype("float32")
    return split(
        card, Split(images, bunch.target.astype("int64")), validation=validation, seed=seed
    )


def root() -> Path:
    """Return the folder that TensorFlow Datasets keeps its data in."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def whereabouts(name: str) -> Path | None:
    """Return the folder of a prepared data set, or None where there is none."""
    prepared = sorted((root() / name).glob("**/dataset_info.json"))
    return prepared[-1].parent if prepared else None


def ensure(name: str) -> Path | None:
    """Return the folder of a data set, fetched if need be; None for an embedded one.

    Raises:
        UserError: Within seconds, if it is not here and cannot be fetched.
    """
    return (whereabouts(name) or fetch(name)) if find(name).host else None


def fetch(name: str) -> Path:
    """Download and prepare a data set; return its folder.

    Raises:
        UserError: Within seconds, if its publisher cannot be reached.
    """
    card = find(name)
    if not card.host:
        raise UserError(f"{name} is part of scikit-learn: there is nothing to fetch.")
    absent = (
        f"{name} is not in {root()}, and {card.host} cannot be reached. Either run `companion data "
        f"get {name}` where there is a network ({card.megabytes:.0f} MB), or prepare it on another "
        f"machine and set TFDS_DATA_DIR to the folder that holds `{name}`. "
        "`--data digits` needs neither."
    )
    if not reachable(card.host):
        raise UserError(absent)
    import tensorflow_datasets as tfds

    builder = tfds.builder(_config(name), data_dir=root(), try_gcs=False)
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise UserError(f"{absent} The download said: {error}") from error
    return Path(builder.data_path)


def reachable(host: str, seconds: float = 3.0) -> bool:
    """Say within `seconds` whether `host` takes a connection, or a proxy stands between."""
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    answered = []

    def knock() -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((host, 443), timeout=seconds).close()
            answered.append(True)

    # In a thread of its own, since looking up a name has no time limit.
    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answered)


def _config(name: str) -> str:
    return "imdb_reviews/plain_text" if name == "imdb_reviews" else name


def _read(card: Card, folder: Path, seed: int, validation: float) -> Dataset:
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(folder)

    def arrays(part: str) -> dict[str, Any]:
        source = builder.as_dataset(split=part, shuffle_files=False)
        if card.kind == "image":
            whole = next(iter(tfds.as_numpy(source.batch(builder.info.splits[part].num_examples))))
            return dict(whole)
        examples = list(tfds.as_numpy(source))
        return {key: [example[key] for example in examples] for key in examples[0]}

    def as_split(whole: dict[str, Any]) -> Split:
        labels = np.asarray(whole["label"], "int64")
        if card.kind == "image":
            return Split(np.asarray(whole["image"], "float32") / 255, labels)
        x = np.empty(len(labels), object)
        if card.kind == "text":
            x[:] = [text.decode() for text in whole["text"]]
        else:
            x[:] = [np.asarray(sound, "float32") / 32768 for sound in whole["audio"]]
        return Split(x, labels)

    if card.kind != "audio":
        pool, test = as_split(arrays("train")), as_split(arrays("test"))
        return split(card, pool, test, validation=validation, seed=seed)
    whole = arrays("train")
    # "<digit>_<speaker>_<take>.wav": takes 0 to 4 are the usual test split.
    takes = [
        int(name.decode().removesuffix(".wav").split("_")[2]) for name in whole["audio/filename"]
    ]
    everything, held = as_split(whole), np.array(takes) < 5
    pool = Split(everything.x[~held], everything.y[~held])
    test = Split(everything.x[held], everything.y[held])
    return split(card, pool, test, validation=validation, seed=seed)
