"""Where named data come from: a dependency, TensorFlow Datasets, or a folder of plain files."""

import contextlib
import os
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np

from companion.datasets import sound
from companion.datasets.dataset import Card, Dataset, Fit, Split, resized, split
from companion.errors import UnknownNameError, UserError

DIGITS = tuple("0123456789")
RHYTHMS = ("normal", "atrial fibrillation", "other rhythm", "too noisy")
# Plain files that TensorFlow Datasets does not know, as their publisher names them.
SENTENCES = ("amazon_cells_labelled.txt", "imdb_labelled.txt", "yelp_labelled.txt")

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
            "sentiment_sentences",
            "3,000 sentences of reviews (Amazon, IMDB, Yelp), praise or blame",
            "text",
            (),
            ("negative", "positive"),
            "CC BY 4.0",
            "Kotzias, Denil, de Freitas, Smyth (2015), KDD; UCI, doi 10.24432/C57604",
            "archive.ics.uci.edu",
            0.1,
        ),
        Card(
            "cinc2017",
            "8,528 single-lead ECGs, 300 Hz, in mV, a split of ours by the recording's name",
            "ecg",
            (None, 1),
            RHYTHMS,
            "ODC-By 1.0",
            "Clifford et al. (2017), PhysioNet/CinC Challenge, doi 10.22489/CinC.2017.065-469",
            "physionet.org",
            94.7,
        ),
        Card(
            "ecg_synthetic",
            "600 made-up single-lead ECGs, 300 Hz, in mV; they say nothing about patients",
            "ecg",
            (None, 1),
            RHYTHMS,
            "Apache-2.0",
            "generated here, after McSharry, Clifford, Tarassenko, Smith (2003), IEEE TBME 50(3)",
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
        Card(
            "tones",
            "720 generated recordings of three tones, 8 kHz; the class is their order",
            "audio",
            (None,),
            sound.MELODIES,
            "CC0",
            "the companion, companion/datasets/sound.py",
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

    ``digits`` and ``tones`` need no network. The others are read from where TensorFlow Datasets
    keeps them (``TFDS_DATA_DIR``, or ``tensorflow_datasets`` in the home directory) and are fetched
    the first time if their publisher can be reached. ``sentiment_sentences`` is a folder of that
    name with the publisher's three files, there or in ``COMPANION_DATA_DIR``.

    Args:
        name: One of `CARDS`.
        seed: Decides which examples are held out for validation (and for test, where the
            publisher has no test split).
        validation: Share of the training examples to hold out.

    Raises:
        UserError: If there is no such data set, if it cannot be fetched, or if it is damaged.
    """
    card = find(name)
    if name == "ecg_synthetic":
        from companion.datasets.ecg_synthetic import dataset

        return dataset(card, seed)
    if not card.host:
        pool = sound.tones() if name == "tones" else _digits()
        return split(card, pool, validation=validation, seed=seed, fit=_fit(card))
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


def _digits() -> Split:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images[..., None] / 16).astype("float32")
    return Split(images, bunch.target.astype("int64"))


def root() -> Path:
    """Return the folder that TensorFlow Datasets keeps its data in."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def files_root() -> Path:
    """Return the folder that holds data sets of plain files, one folder for each."""
    return Path(os.environ.get("COMPANION_DATA_DIR") or root()).expanduser()


def whereabouts(name: str) -> Path | None:
    """Return the folder of a prepared data set, or None where there is none."""
    if name == "sentiment_sentences":
        folder = files_root() / name
        return folder if all((folder / file).is_file() for file in SENTENCES) else None
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
        raise UserError(f"{name} comes with the companion: there is nothing to fetch.")
    if name == "sentiment_sentences":
        raise UserError(
            f"{name} is not in {files_root()}. Download it from "
            "https://archive.ics.uci.edu/dataset/331/sentiment+labelled+sentences and put its "
            f"files {', '.join(SENTENCES)} into {files_root() / name}. COMPANION_DATA_DIR names "
            "another folder to look in."
        )
    absent = (
        f"{name} is not in {root()}, and {card.host} cannot be reached. Either run `companion data "
        f"get {name}` where there is a network ({card.megabytes:.0f} MB), or prepare it on another "
        f"machine and set TFDS_DATA_DIR to the folder that holds `{name}`. "
        f"`--data {'tones' if card.kind == 'audio' else 'digits'}` needs neither."
    )
    by_hand = files_root() / name
    if name == "cinc2017" and (by_hand / "training2017.zip").is_file():
        settings = {"manual_dir": by_hand}
    elif reachable(card.host):
        settings = {}
    else:
        raise UserError(absent)
    import tensorflow_datasets as tfds

    if name == "cinc2017":
        import companion.datasets.cinc2017  # noqa: F401  (TensorFlow Datasets learns its name)
    builder = tfds.builder(_config(name), data_dir=root(), try_gcs=False)
    try:
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(**settings))
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


def _recordings(whole: dict[str, Any]) -> Split:
    order = np.argsort(whole["record"])
    x = np.empty(len(order), object)
    x[:] = [np.asarray(whole["signal"][place], "float32") / 1000 for place in order]
    names = tuple(whole["record"][place].decode() for place in order)
    return Split(x, np.asarray(whole["label"], "int64")[order], names)


def _sentences(folder: Path) -> Split:
    texts, labels = [], []
    for file in SENTENCES:
        # Only "\n" ends a line: some sentences hold other signs that Python would break at.
        for line in (folder / file).read_text(encoding="utf-8").split("\n"):
            if line.strip():
                text, label = line.rsplit("\t", 1)
                texts.append(text.strip())
                labels.append(int(label))
    x = np.empty(len(texts), object)
    x[:] = texts
    return Split(x, np.asarray(labels, "int64"))


def _read(card: Card, folder: Path, seed: int, validation: float) -> Dataset:
    if card.name == "sentiment_sentences":
        return split(card, _sentences(folder), validation=validation, seed=seed)
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

    if card.kind == "ecg":
        parts = {part: _recordings(arrays(part)) for part in builder.info.splits}
        return Dataset(card, **parts, fit=_fit(card))
    if card.kind != "audio":
        pool, test = as_split(arrays("train")), as_split(arrays("test"))
        return split(card, pool, test, validation=validation, seed=seed)
    whole = arrays("train")
    # "<digit>_<speaker>_<take>.wav": takes 0 to 4 are the usual test split.
    takes = [
        int(name.decode().removesuffix(".wav").split("_")[2]) for name in whole["audio/filename"]
    ]
    everything, held = as_split(whole), np.array(takes) < 5
    pool, test = everything[~held], everything[held]
    return split(card, pool, test, validation=validation, seed=seed, fit=_fit(card))


def _fit(card: Card) -> Fit:
    from companion.datasets import ecg_synthetic

    return {"audio": sound.framed, "ecg": ecg_synthetic.windowed}.get(card.kind, resized)
