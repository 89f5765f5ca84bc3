"""Pictures of digits as people take them, drawn from MNIST with a seed."""

import io

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SIZES = (64, 100, 200, 400, 900, 3000)


def skeleton(mask):
    """Thin a figure to lines of one pixel (Zhang and Suen, 1984)."""
    mask = np.pad(mask.astype(bool), 1)
    around = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    while True:
        before = mask
        for step in (0, 1):
            p = [np.roll(mask, (-y, -x), (0, 1)) for y, x in around]
            ring = np.stack([*p, p[0]])
            turns = (~ring[:-1] & ring[1:]).sum(axis=0)
            count = ring[:-1].sum(axis=0)
            north, east, south, west = p[::2]
            one = ~(north & east & south) & ~(east & south & west)
            other = ~(north & east & west) & ~(north & south & west)
            inner = (count >= 2) & (count <= 6) & (turns == 1)
            mask = mask & ~(inner & (other if step else one))
        if (mask == before).all():
            return mask[1:-1, 1:-1]


def drawn(digit, rng, stroke, size, polarity="dark", colour="grey", hair=False):
    """Return a picture of a digit of shape (28, 28), uint8 of shape (size, size, 3)."""
    fine = ndimage.zoom(digit, 4, order=1, grid_mode=True, mode="nearest")
    lines = skeleton(fine > 0.5)
    distance = ndimage.distance_transform_edt(~lines) / 4  # in pixels of MNIST
    turn = np.deg2rad(rng.uniform(-10, 10))
    scale = size / 28
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    back = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    at = np.tensordot(back, np.stack([y, x]), 1) * 4 / scale + 55.5
    if hair:
        ink = hairlines(lines, back.T * scale / 4, size, stroke)[..., None]
    else:
        distance = ndimage.map_coordinates(distance, at, order=1, mode="nearest") * scale
        ink = np.clip(0.5 + stroke * scale / 2 - distance, 0, 1)[..., None]
    paper = rng.uniform(0.6, 0.95)
    pen = rng.uniform(0, 0.25)
    if colour == "colour":
        sheet = paper * rng.uniform(0.8, 1, 3)
        pen = pen + rng.uniform(0, 0.25, 3)
    else:
        sheet, pen = np.full(3, paper), np.full(3, pen)
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.6)
    right, down = np.cos(angle), np.sin(angle)
    along = 0.5 + (right * x + down * y) / (size * (abs(right) + abs(down)))
    light = 1 - fall * along[..., None]
    image = (sheet * (1 - ink) + pen * ink) * light + rng.normal(0, 0.015, (size, size, 1))
    image = 1 - image if polarity == "light" else image
    return (np.clip(image, 0, 1) * 255).round().astype("uint8")


def hairlines(lines, turned, size, stroke):
    """Return lines from pixel to neighbouring pixel, `stroke` pixels wide, ``(size, size)``."""
    page = Image.new("L", (size, size))
    pen = ImageDraw.Draw(page)
    rows, columns = np.nonzero(lines)
    for y, x in zip(rows, columns, strict=True):
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            if lines[y + down, x + right]:
                ends = np.array([[y, y + down], [x, x + right]]) - 55.5
                placed = (turned @ ends + (size - 1) / 2)[::-1].T
                pen.line([tuple(end) for end in placed.tolist()], 255, stroke)
    return np.asarray(page) / 255


def encoded(image, rng, kind):
    """Return the bytes of a picture's file, ``"JPEG"`` or ``"PNG"``."""
    made, file = Image.fromarray(image), io.BytesIO()
    if kind == "JPEG":
        made.save(file, "JPEG", quality=int(rng.integers(60, 95)))
    else:
        made.save(file, "PNG", compress_level=1)
    return file.getvalue()
