"""Classes that a base has not seen: some of a data set's own, and letters that a font draws."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets.dataset import Card, Dataset, Split
from companion.datasets.pictures import uci_digit
from companion.datasets.source import Generated

LETTERS = "ABCDE"
EACH = 180
SIDE, PIXELS = 32, 8
HEIGHT = 22  # pixels of SIDE that a capital has


def of_classes(data: Dataset, classes: slice | list[int]) -> Dataset:
    """Return the examples of some classes, which are numbered from 0 again.

    Args:
        data: Images with a class each.
        classes: Which classes, e.g. ``slice(5, 10)``.
    """
    labels = np.arange(data.classes)[classes]

    def part(split: Split) -> Split:
        few = split[np.isin(split.y, labels)]
        return replace(few, y=np.searchsorted(labels, few.y))

    card = replace(data.card, class_names=tuple(data.card.class_names[k] for k in labels))
    train, validation, test = map(part, (data.train, data.validation, data.test))
    return replace(data, card=card, train=train, validation=validation, test=test)


def block_means(images: NDArray[Any], side: int):
    """Make each image smaller by the means of square blocks, as the embedded digits were made.

    Args:
        images: Of shape ``(n, height, width)``; both are multiples of `side`.
        side: Height and width of what comes out.

    Returns:
        Images of shape ``(n, side, side, 1)``, float32.
    """
    count, height, width = images.shape
    blocks = images.reshape(count, side, height // side, side, width // side)
    return blocks.mean(axis=(2, 4))[..., None].astype("float32")


@cache
def fonts():
    """Return the files of DejaVu Sans, Sans Mono and Serif, which Matplotlib ships."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(file for file in folder.glob("DejaVu*.ttf") if "Display" not in file.name)


def draw_letters(letters: Sequence[str] = LETTERS, each: int = EACH, seed: int = 0):
    """Draw letters in many faces of DejaVu, turned, slanted, stretched and moved at random.

    Args:
        letters: What to draw; the class of an image is its place here.
        each: Images of each letter.
        seed: Decides what they look like.

    Returns:
        A `Split` of images of shape ``(n, 8, 8, 1)`` in [0, 1], ink bright on black.
    """
    from PIL import Image, ImageDraw, ImageFont

    rng = np.random.default_rng(seed)
    drawn = {str(file): ImageFont.truetype(str(file), 30) for file in fonts()}
    files, images, middle = list(drawn), [], SIDE / 2
    for letter in np.repeat(list(letters), each):
        page = Image.new("L", (SIDE, SIDE))
        pen = ImageDraw.Draw(page)
        font = drawn[files[rng.integers(len(files))]]
        pen.text((middle, middle), str(letter), fill=255, font=font, anchor="mm")
        turn, slant = np.deg2rad(rng.uniform(-20, 20)), rng.uniform(-0.4, 0.4)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = rotation @ np.array([[1, slant], [0, 1]]) / rng.uniform(0.75, 1.2, 2)
        shift = middle - matrix @ (middle + rng.uniform(-3, 3, 2))
        page = page.transform(
            (SIDE, SIDE), Image.Transform.AFFINE, np.column_stack([matrix, shift]).ravel().tolist(),
            Image.Resampling.BILINEAR,
        )  # fmt: skip
        images.append(np.asarray(page) / 255)
    labels = np.repeat(np.arange(len(letters)), each)
    return Split(block_means(np.array(images), PIXELS), labels.astype("int64"))


letters = Generated(
    Card(
        "letters",
        f"{len(LETTERS) * EACH} letters {LETTERS[0]} to {LETTERS[-1]}, 8×8 grey, drawn in many "
        "fonts",
        "image",
        (PIXELS, PIXELS, 1),
        tuple(LETTERS),
        "CC0; the fonts under the Bitstream Vera and DejaVu licence",
        "the companion, from DejaVu (dejavu-fonts.github.io), shipped in Matplotlib",
    ),
    lambda seed: (draw_letters(seed=seed),),
    picture=partial(uci_digit, side=HEIGHT),
)
