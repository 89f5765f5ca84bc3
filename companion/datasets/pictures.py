"""Pictures for a network: a photograph or a scan, brought to what the network learned from.

A data set of images says how a picture becomes one of its examples, ``Source.picture``: a function
of an opened `Image` and the shape on its card that returns an array of that shape, float32 in
[0, 1].
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

Floats = NDArray[np.float64]
Shape = tuple[int, int, int]  # height, width, channels
Picture = Callable[["Image", Shape], NDArray[np.float32]]
SIDES = (256, 1024)  # pixels of the longer side that ink is looked for in
FAINT = 0.04  # of black to white: what stands out less from the paper is no ink
HALF = 0.5  # of the ink's contrast: where its edge is
SPECK = 0.03  # of the largest stroke: what is smaller is dirt
TALL, GAP = 0.6, 0.1  # of the tallest stroke: what another figure is, and how far off
THIN = 2.5  # pixels: a finer stroke may have gaps
MARGIN = 0.85  # from the middle of a picture to its edge: paper, to begin with
MNIST_STROKE = 0.135  # width of a stroke, of the longer side of a digit's box: MNIST's mean
UCI_STROKE = 0.13


def opened(path: Path) -> "Image":
    """Return a picture upright, in grey or in colour, 8 bits each, on opaque ground.

    Raises:
        UserError: If Pillow cannot read it as a picture, or it is larger than Pillow allows.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not path.is_file():
        raise UserError("That is a folder." if path.is_dir() else "There is no such file.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its many formats' oddities
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as file:
                image = ImageOps.exif_transpose(file)
                image.load()
                return opaque(image)
        except UnidentifiedImageError as error:
            raise UserError(
                "This is no picture that Pillow can read: a PNG, a JPEG or the like is expected. "
                "(Export a phone's HEIC as JPEG.)"
            ) from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise UserError(f"The picture is too large: {error}. Make it smaller.") from error
        except Exception as error:  # each format has words of its own for a damaged file
            raise UserError(f"The picture cannot be read, or not all of it: {error}") from error


def opaque(image: "Image") -> "Image":
    """Return a picture as grey or RGB; paper takes the place of what is transparent."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):  # 16 bits or more: from 0 to the largest value
        values = np.asarray(image, "float64")
        top = 65535.0 if image.mode.startswith("I;16") else max(float(values.max()), 1e-9)
        return Image.fromarray((255 * np.clip(values / top, 0, 1)).astype("uint8"))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"), "float64") / 255
        colour, alpha = rgba[..., :3], rgba[..., 3:]
        dark = (colour.mean(axis=-1, keepdims=True) * alpha).sum() < 0.5 * alpha.sum()
        blended = colour * alpha + (1 - alpha) * (1.0 if dark else 0.0)
        return Image.fromarray((255 * blended).round().astype("uint8"))
    return (
        image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")
    )


def photograph(image: "Image", shape: Shape) -> NDArray[np.float32]:
    """Return the middle of a picture, resized: as photographs are given to a network.

    Args:
        image: The picture.
        shape: ``(height, width, channels)``, 1 or 3 channels.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    values = np.asarray(fitted.convert("RGB" if channels == 3 else "L"), "float32")
    return (values / 255).reshape(shape).astype("float32")


def mnist_digit(image: "Image", shape: Shape = (28, 28, 1)) -> NDArray[np.float32]:
    """Return a digit as MNIST has it: bright on black, 20×20, its centre of mass in the middle.

    LeCun et al. (1998), section III.A.

    Args:
        image: A digit, darker or brighter than its paper.
        shape: MNIST's.
    """
    small = boxed(strokes(image, MNIST_STROKE), 20)
    rows, columns = np.indices(small.shape)
    mass = np.array([(rows * small).sum(), (columns * small).sum()]) / small.sum()
    return placed(small, np.rint(13.5 - mass).astype(int), shape[:2])[..., None]


def uci_digit(image: "Image", shape: Shape = (8, 8, 1), side: int = 32) -> NDArray[np.float32]:
    """Return a digit as scikit-learn's were made: 32×32 bits, and the means of 4×4 of them.

    Alpaydin and Kaynak (1998).

    Args:
        image: A digit, darker or brighter than its paper.
        shape: That of the examples.
        side: The longer side of the digit, of 32.
    """
    small = boxed(strokes(image, UCI_STROKE), side) > 0.5
    page = placed(small, (32 - np.array(small.shape)) // 2, (32, 32))
    height, width, _ = shape
    blocks = page.reshape(height, 32 // height, width, 32 // width)
    return np.asarray(blocks.mean(axis=(1, 3))[..., None], "float32")


def cut_out(image: "Image", shape: Shape = (28, 28, 1)) -> NDArray[np.float32]:
    """Return a thing as Fashion-MNIST has it: grey on black, its longer side filling the image.

    Xiao et al. (2017), section 2: the ground is white, its margin is cut off, and all is negated.

    Args:
        image: A thing on even ground, darker or brighter.
        shape: Fashion-MNIST's.
    """
    from PIL import Image

    mask = inked(image)
    pixels = resized(image, max(mask.shape))
    top, left, bottom, right = box(mask)
    ground_is_bright = pixels[~mask].mean() > pixels[mask].mean()
    grey = 1 - pixels.mean(axis=-1) if ground_is_bright else pixels.mean(axis=-1)
    cut = np.where(mask, grey, 0)[top:bottom, left:right]
    scale = max(shape[:2]) / max(cut.shape)
    size = tuple(max(1, round(scale * length)) for length in cut.shape[::-1])
    small = Image.fromarray((255 * cut).astype("uint8")).resize(size, Image.Resampling.BOX)
    values = np.asarray(small, "float32") / 255
    return placed(values, (np.array(shape[:2]) - values.shape) // 2, shape[:2])[..., None]


def placed(
    small: NDArray[Any], corner: NDArray[np.int_], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return a black page with a small image on it, its top left corner as near as can be."""
    page = np.zeros(size, "float32")
    height, width = small.shape
    top, left = np.clip(corner, 0, np.array(size) - small.shape)
    page[top : top + height, left : left + width] = small
    return page


def boxed(mask: NDArray[np.bool_], side: int) -> Floats:
    """Return what a mask surrounds, its longer side resized to `side`, in [0, 1]."""
    from PIL import Image

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = side / max(cut.shape)
    height, width = (max(1, round(scale * length)) for length in cut.shape)
    image = Image.fromarray((255 * cut).astype("uint8"))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), "float64") / 255


def strokes(image: "Image", width: float) -> NDArray[np.bool_]:
    """Return where the ink of a figure is, drawn with a pen of a given width.

    Args:
        image: A figure, darker or brighter than its ground, which may be lit unevenly.
        width: Of the pen, as a share of the longer side of the figure's box.

    Raises:
        UserError: If nothing stands out from the ground, or several figures do.
    """
    from scipy import ndimage

    mask = inked(image)
    top, left, bottom, right = box(mask)
    if max(bottom - top, right - left) < 0.45 * max(mask.shape):
        # A small figure on a large page: look again, closer.
        factor = max(image.size) / max(mask.shape)
        margin = 0.35 * max(bottom - top, right - left)
        sides = np.array([left - margin, top - margin, right + margin, bottom + margin]) * factor
        low = np.maximum(sides[:2], 0)
        high = np.minimum(sides[2:], image.size)
        mask = inked(image.crop((*low.astype(int), *np.ceil(high).astype(int))))
        top, left, bottom, right = box(mask)
    side = max(bottom - top, right - left)
    mask = np.pad(mask, side // 4)
    inside = ndimage.distance_transform_edt(mask)
    have = stroke(mask)
    change = (width * side - have) / 2
    if change > 0:
        drawn = np.asarray(ndimage.distance_transform_edt(~mask) <= change)
    else:
        drawn = np.asarray(inside > min(-change, 0.4 * have / 2))
    if figures(drawn) > 1:
        raise UserError("Several figures stand side by side: one is expected. Cut it out.")
    return drawn


def figures(mask: NDArray[np.bool_]) -> int:
    """Return how many figures stand side by side: tall ones, with a clear gap in between."""
    from scipy import ndimage

    components, _ = ndimage.label(mask, np.ones((3, 3)))
    extents = [(columns.start, columns.stop, rows.stop - rows.start)
             for rows, columns in ndimage.find_objects(components)]  # fmt: skip
    height = max(tall for *_, tall in extents)
    count, end = 0, -height
    for start, stop, tall in sorted(extents):
        if tall >= TALL * height:
            count += start - end > GAP * height
            end = max(end, stop)
    return count


def stroke(mask: NDArray[np.bool_]) -> float:
    """Return how wide the strokes are, in pixels: four times the mean distance from their edge."""
    from scipy import ndimage

    return 4 * float(ndimage.distance_transform_edt(mask)[mask].mean()) - 1


def box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of what a mask holds."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def inked(image: "Image") -> NDArray[np.bool_]:
    """Return where a picture has ink; hairlines are looked for in finer pixels.

    Raises:
        UserError: If nothing stands out from the ground.
    """
    for side in SIDES:
        mask = standing_out(resized(image, side))
        hairline = max(image.size) > side and mask.any() and stroke(mask) < THIN
        if mask.any() and (side == SIDES[-1] or not hairline):
            return mask
    raise UserError(
        "Nothing stands out from the ground: a figure, darker or brighter than its paper, is "
        "expected."
    )


def resized(image: "Image", side: int) -> Floats:
    """Return a picture whose longer side has so many pixels: ``(height, width, 3)`` in [0, 1]."""
    from PIL import Image

    scale = side / max(image.size)
    width, height = (max(8, round(scale * length)) for length in image.size)
    kind = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(image.convert("RGB").resize((width, height), kind), "float64") / 255


def standing_out(pixels: Floats) -> NDArray[np.bool_]:
    """Return which pixels stand out from the ground, without specks; none where nothing does.

    Light falls unevenly on ink, too: a pixel is ink from half of what ink differs there.
    """
    from scipy import ndimage

    height, width, _ = pixels.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    smooth = ndimage.gaussian_filter(pixels, (1, 1, 0))
    apart = np.sqrt(((smooth - ground(smooth, terms)) ** 2).mean(axis=-1))
    noise = max(FAINT, 5 * float(np.median(apart)))
    strong = apart > noise
    if strong.sum() < 20:
        return np.zeros(strong.shape, bool)
    plane = terms[..., :3]
    contrast = plane @ np.linalg.lstsq(plane[strong], apart[strong], rcond=None)[0]
    mask = apart > np.maximum(noise, HALF * contrast)
    components, _ = ndimage.label(mask, np.ones((3, 3)))
    areas = np.bincount(components.ravel())[1:]
    return np.isin(components, 1 + np.flatnonzero(areas >= SPECK * areas.max(initial=1)))


def ground(pixels: Floats, terms: Floats) -> Floats:
    """Return the paper's colour everywhere: a quadratic surface through what is not ink.

    It begins with the margin of the picture, which is paper; then what is near the surface is.

    Args:
        pixels: Of shape ``(height, width, 3)``.
        terms: The surface's terms at each, ``(height, width, 6)``.
    """
    height, width, _ = pixels.shape
    every = max(1, min(height, width) // 64)
    sampled, values = (
        terms[::every, ::every].reshape(-1, 6),
        pixels[::every, ::every].reshape(-1, 3),
    )
    paper = np.abs(sampled[:, 1:3]).max(axis=1) > MARGIN
    for _ in range(10):
        surface = np.linalg.lstsq(sampled[paper], values[paper], rcond=None)[0]
        away = np.abs(values - sampled @ surface).max(axis=1)
        paper = away <= max(2.5 * float(np.median(away[paper])), FAINT / 2)
    return np.asarray(terms @ surface)
