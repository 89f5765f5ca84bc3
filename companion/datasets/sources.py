"""The data that come with the engine, and how any data set is found by its name."""

import numpy as np

from companion import catalogue
from companion.datasets import pictures, sound
from companion.datasets.dataset import Card, Dataset, Split, ragged
from companion.datasets.prepared import Columns, TensorFlowDatasets
from companion.datasets.source import Generated, Source
from companion.errors import UnknownNameError, UserError

DIGITS = tuple("0123456789")


def _digits(seed: int) -> tuple[Split]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images[..., None] / 16).astype("float32")
    return (Split(images, bunch.target.astype("int64")),)


def _images(columns: Columns) -> Split:
    return Split(np.asarray(columns["image"], "float32") / 255, columns["label"].astype("int64"))


def _speech(columns: Columns) -> Split:
    x = ragged(np.asarray(audio, "float32") / 32768 for audio in columns["audio"])
    names = tuple(name.decode() for name in columns["audio/filename"])
    return Split(x, columns["label"].astype("int64"), names)


def _early_take(name: str) -> bool:
    """Say whether ``<digit>_<speaker>_<take>.wav`` is of takes 0 to 4, the usual test split."""
    return int(name.removesuffix(".wav").split("_")[2]) < 5


ENGINE: tuple[Source, ...] = (
    Generated(
        Card("digits", "1,797 handwritten digits, 8×8 grey, by 13 people", "image", (8, 8, 1),
             DIGITS, "CC BY 4.0",
             "Alpaydin and Kaynak (1998), UCI, doi 10.24432/C50P49; shipped in scikit-learn"),
        _digits, picture=pictures.uci_digit,
    ),
    TensorFlowDatasets(
        Card("mnist", "70,000 handwritten digits, 28×28 grey", "image", (28, 28, 1),
             DIGITS, "CC BY-SA 3.0, as commonly stated",
             "LeCun, Cortes, Burges (1998), yann.lecun.com/exdb/mnist",
             "storage.googleapis.com", 11.1),
        _images, picture=pictures.mnist_digit,
    ),
    TensorFlowDatasets(
        Card("fashion_mnist", "70,000 pictures of clothes, 28×28 grey", "image", (28, 28, 1),
             ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker",
              "bag", "ankle boot"), "MIT",
             "Xiao, Rasul, Vollgraf (2017), arXiv 1708.07747",
             "fashion-mnist.s3-website.eu-central-1.amazonaws.com", 29.5),
        _images, picture=pictures.cut_out,
    ),
    TensorFlowDatasets(
        Card("cifar10", "60,000 photographs of ten kinds of things, 32×32 RGB", "image",
             (32, 32, 3), ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog",
             "horse", "ship", "truck"), "not stated by its publisher",
             "Krizhevsky (2009), cs.toronto.edu/~kriz/cifar.html",
             "www.cs.toronto.edu", 162.2),
        _images,
    ),
    TensorFlowDatasets(
        Card("spoken_digit", "spoken digits, 8 kHz, takes 0 to 4 of each speaker for test", "audio",
             (None,), DIGITS, "CC BY-SA 4.0",
             "Jackson et al., Free Spoken Digit Dataset, github.com/Jakobovski",
             "github.com", 11.4),
        _speech, is_test=_early_take, instead="tones", fit=sound.framed,
    ),
    Generated(
        Card("tones", "720 generated recordings of three tones, 8 kHz; the class is their order",
             "audio", (None,), sound.MELODIES, "CC0",
             "the companion, companion/datasets/sound.py"),
        lambda seed: (sound.tones(),), fit=sound.framed,
    ),
)  # fmt: skip


def known() -> dict[str, Source]:
    """Return every data set by name: the engine's, then those that chapters bring."""
    brought = catalogue.objects(Source, lambda card: card.data)
    sources: dict[str, Source] = {}
    for source in (*ENGINE, *(source for _, source in brought)):
        name = source.card.name
        if sources.setdefault(name, source) is not source:
            raise UserError(f"Two data sets are named {name!r}. Give the chapter's another name.")
    return sources


def find(name: str) -> Source:
    """Return one data set, not loaded yet.

    Raises:
        UnknownNameError: With the nearest name.
    """
    sources = known()
    if name not in sources:
        raise UnknownNameError("data set", name, sources)
    return sources[name]


def load(name: str = "digits", *, seed: int = 0, validation: float = 0.1) -> Dataset:
    """Return the data set `name`, split.

    ``digits`` and whatever is generated need no network. The others are read from where TensorFlow
    Datasets keeps them (``TFDS_DATA_DIR``, or ``tensorflow_datasets`` in the home directory) and
    are fetched the first time if their publisher can be reached; or from plain files, in a folder
    that bears their name, there or in ``COMPANION_DATA_DIR``.

    Args:
        name: A name from `companion data`.
        seed: Decides which examples are held out for validation (and for test, where the
            publisher has no test split).
        validation: Share of the training examples to hold out.

    Raises:
        UserError: If there is no such data set, if it cannot be fetched, or if it is damaged.
    """
    return find(name).load(seed=seed, validation=validation)
