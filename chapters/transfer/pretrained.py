"""Bases to begin with: the one that is shipped, a file of yours, or a large one of Keras's."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import applications

from chapters.transfer.models import transfer_cnn
from companion import keras_settings
from companion.data_files import data_folder
from companion.datasets.prepared import reachable
from companion.errors import UnknownNameError, UserError
from companion.training.heads import feature_extractor

SHIPPED = "digits_0_to_4"
HOST = "storage.googleapis.com"


class Application(NamedTuple):
    """A network of `keras.applications`.

    Attributes:
        build: Builds it.
        preprocess: From pixels in [0, 255] to what it was trained on.
        file: How the file of its weights begins, in ``~/.keras/models``.
    """

    build: Callable[..., keras.Model]
    preprocess: Callable[[Any], Any]
    file: str


APPLICATIONS = {
    "vgg16": Application(applications.VGG16, applications.vgg16.preprocess_input, "vgg16_"),
    "resnet50": Application(
        applications.ResNet50, applications.resnet50.preprocess_input, "resnet50_"
    ),
    "mobilenet_v2": Application(
        applications.MobileNetV2, applications.mobilenet_v2.preprocess_input, "mobilenet_v2_"
    ),
}


def load_base(source: str | Path = SHIPPED, *, like: keras.Model | None = None) -> keras.Model:
    """Return a trained network without its top: from images in [0, 1] to features.

    Args:
        source: The name of the shipped base; a name of `APPLICATIONS`, whose weights are fetched
            the first time; or a file, ``….keras`` or ``….weights.h5``.
        like: The network that a file of weights belongs to; a `transfer_cnn` by default.

    Returns:
        A `keras.Model`. What Keras's networks do to pixels first, `preprocess_input`, is part.

    Raises:
        UserError: If there is no such name or file, if it is damaged or belongs to another
            network, or if it has to be fetched and the network cannot be reached.
    """
    if source == SHIPPED:
        return shipped(data_folder() / "weights" / f"{SHIPPED}.npz")
    if source in APPLICATIONS:
        return application(str(source))
    path = Path(source)
    if not path.name.endswith((".keras", ".weights.h5")):
        raise UnknownNameError("base", str(source), [SHIPPED, *APPLICATIONS])
    if not path.is_file():
        raise UserError(f"There is no file {path}. Give the path of a .keras or .weights.h5 file.")
    try:
        if path.suffix == ".keras":
            return without_top(keras.models.load_model(path, compile=False))
        like = transfer_cnn() if like is None else like
        like.load_weights(path)
    except UserError:
        raise
    except Exception as error:  # a damaged file makes zipfile, h5py or Keras stumble in any way
        raise UserError(
            f"{path} cannot be read: it is damaged, or holds the weights of another network than "
            f"{like.name if like else 'it says'} ({_first_line(error)})."
        ) from error
    return without_top(like)


def without_top(model: keras.Model) -> keras.Model:
    """Return a network up to its layer ``features``; where it has none, without its last layer."""
    if "features" in (layer.name for layer in model.layers):
        return keras.Model(model.inputs, model.get_layer("features").output, name=model.name)
    return feature_extractor(model)


def shipped(path: Path) -> keras.Model:
    """Return the base that `chapters.transfer.shipping` wrote to ``path``.

    Raises:
        UserError: If the file is missing, or not the one that its card describes.
    """
    if not path.is_file():
        raise UserError(f"There is no {path}. Install the companion again: it ships that file.")
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
        raise UserError(
            f"{path} is damaged: its SHA-256 is not that of {path.stem}.json. Install the "
            "companion again: it ships that file."
        )
    base = without_top(transfer_cnn())
    with np.load(path) as arrays:
        base.set_weights([arrays[name].astype("float32") for name in sorted(arrays)])
    return base


def application(name: str) -> keras.Model:
    """Return a network of `keras.applications` from images in [0, 1], its preprocessing included.

    Raises:
        UserError: Within seconds, if its weights are not here and cannot be fetched.
    """
    one = APPLICATIONS[name]
    cache = keras_home() / "models"
    if not any(cache.glob(f"{one.file}*notop.h5")) and not reachable(HOST):
        raise UserError(
            f"The weights of {name} are not in {cache}, and {HOST} cannot be reached. Fetch them "
            f"where there is a network, or use {SHIPPED}, which is shipped."
        )
    return with_preprocessing(one, weights="imagenet")


def keras_home() -> Path:
    """Return the folder that Keras keeps what it fetches in."""
    return keras_settings.path().parent


def with_preprocessing(one: Application, weights: str | None) -> keras.Model:
    """Return features of images in [0, 1]: pixels, what the network wants of them, the network."""
    network = one.build(include_top=False, weights=weights, pooling="avg")
    images = keras.Input((None, None, 3), name="image")
    features = network(one.preprocess(255.0 * images))
    return keras.Model(images, features, name=f"{network.name}_base")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
