"""A Matplotlib figure as inline SVG: in the page's own ink, a fraction of the size."""

import base64
import io
import re
from functools import cache
from typing import Any, Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zlib import crc32

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike
from PIL import Image

# An id that begins so goes on with the ink of a text by day and by night, as two hex colours.
INK = "ink"
# The page behind a figure, by day and by night, and the page's ink by night (assets/look.css).
LIGHT, DARK, NIGHT = to_rgb("#fffdf9"), to_rgb("#171b22"), to_rgb("#dfe3e8")
STYLES = {"fill", "stroke", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width"}
# What styles are where nothing is said; `lean` says the size of text once, for a whole figure.
DEFAULTS = {
    ("font-size", "10px"),
    ("stroke-dashoffset", "0"),
    ("stroke-linecap", "butt"),
    ("stroke-linejoin", "round"),
    ("text-anchor", "start"),
}


def svg(figure: Figure, name: str, box: Bbox | Literal["tight"] = "tight") -> str:
    """Return a figure, or the part of it in a box, as inline SVG in the page's own ink.

    Black becomes ``currentColor``, and ink that would be lost on a light or a dark page is given a
    shade for each.

    Args:
        figure: The figure.
        name: What makes its ids different from those of the page's other drawings.
        box: The part to draw, in inches; by default the whole, without the room around it.
    """
    buffer = io.StringIO()
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "figure",  # ids are the same in every build
        "path.simplify_threshold": 0.2,  # points that a line may miss by less are left out
    }
    with rc_context(settings):
        options: Any = {"metadata": {"Date": None}, "bbox_inches": box, "pad_inches": 0.04}
        figure.savefig(buffer, format="svg", transparent=True, **options)
    return lean(buffer.getvalue(), name)


def contrast(one: ArrayLike, other: ArrayLike) -> float:
    """Return the ratio of the luminances of two colours, from 1 to 21 (WCAG 2.2).

    >>> contrast((0, 0, 0), (1, 1, 1))
    21.0

    Args:
        one: Red, green and blue from 0 to 1.
        other: Likewise.
    """
    light = np.array([one, other], dtype=float)
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return round(float((high + 0.05) / (low + 0.05)), 6)


def readable(colour: ArrayLike, surface: ArrayLike, least: float = 4.7) -> str:
    """Return the colour as it is, or mixed with black or white until it is told from a surface.

    >>> readable((0, 0, 0.5), (1, 1, 1)), readable((0, 0, 0.5), (0, 0, 0))
    ('#000080', '#7373b9')

    Args:
        colour: Red, green and blue from 0 to 1.
        surface: Likewise.
        least: The contrast to reach.
    """
    end = float(contrast(surface, (1, 1, 1)) > contrast(surface, (0, 0, 0)))
    mixtures = [(1 - share) * np.asarray(colour) + share * end for share in np.linspace(0, 1, 21)]
    enough = (one for one in mixtures if contrast(one, surface) >= least)
    return to_hex(next(enough, mixtures[-1]))


def lean(drawing: str, name: str) -> str:
    """Take out of Matplotlib's SVG what no reader sees: most of it.

    What goes: groups that group nothing, styles that say what holds anyway, digits below a tenth of
    a point, and the list of fonts: text is set in the page's own. Black becomes ``currentColor``.

    Args:
        drawing: What Matplotlib wrote.
        name: What makes its ids different from those of the page's other figures.
    """
    root = ElementTree.fromstring(drawing)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(key): value for key, value in element.attrib.items()}
        if element.tag not in ("text", "tspan") or len(element):
            element.text = None
        element.tail = element.tail.strip() or None if element.tail else None
    for element in root.iter():
        _spread_style(element)
    for element in root.iter():
        _adapt(element)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("metadata", "style") or _is_invisible(child):
                parent.remove(child)
    _shorten_ids(root, name)
    for element in root.iter():
        _round(element)
    _flatten(root)
    root.attrib = {key: root.attrib[key] for key in ("width", "height", "viewBox")} | {
        # Text without a colour of its own is black by default.
        "fill": "currentColor",
        "font-size": "10px",
        "stroke-linejoin": "round",
        # The site's styles keep the text of a wide figure readable on a phone.
        "style": f"--points:{float(root.attrib['width'].removesuffix('pt')):.0f}",
        "aria-hidden": "true",
    }
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _local(name: str) -> str:
    """Return a name as HTML has it; links keep their prefix, lest the theme rewrite them."""
    for prefix, space in (("xml:", "XML/1998/namespace"), ("xlink:", "1999/xlink")):
        name = name.replace(f"{{http://www.w3.org/{space}}}", prefix)
    return name.rpartition("}")[2]


def _spread_style(element: Element) -> None:
    """Write an element's style as attributes, without what is the default."""
    style = re.findall(r"([\w-]+): ?([^;]+)", element.attrib.pop("style", ""))
    for key, value in style:
        if key != "font-family" and (key, value) not in DEFAULTS:
            element.set(key, re.sub(r"^#(\w)\1(\w)\2(\w)\3$", r"#\1\2\3", value.strip()))


def _adapt(element: Element) -> None:
    """Let black be the page's own ink; give text and lines a shade for day and one for night."""
    for key in ("fill", "stroke"):
        colour = element.get(key, "")
        if colour in ("#000", "black"):
            element.set(key, "currentColor")
        elif colour.startswith("#") and key == "stroke":
            element.set(key, _line(colour))
    inks = re.fullmatch(rf"{INK}(#\w{{6}})(#\w{{6}})", element.get("id", ""))
    if inks:
        for part in element.iter():
            if part.tag in ("text", "tspan"):
                part.set("fill", _by_scheme(*inks.groups()))


@cache
def _line(colour: str) -> str:
    """Return the shades, by day and by night, of a line in a colour like ``#0072b2``."""
    rgb = to_rgb(colour)
    least = min(3, contrast(rgb, LIGHT))
    return _by_scheme(*(readable(rgb, page, least) for page in (LIGHT, DARK)))


def _by_scheme(light: str, dark: str) -> str:
    return light if light == dark else f"light-dark({light},{dark})"


def _is_invisible(element: Element) -> bool:
    """Tell whether a shape has neither a surface nor a line."""
    attributes = element.attrib
    return (
        element.tag == "path"
        and attributes.get("fill") == "none"
        and not {"stroke", "id"} & set(attributes)
    )


def _shorten_ids(root: Element, name: str) -> None:
    """Keep the ids that something refers to, short, and of a reference what it adds."""
    prefix = f"{crc32(name.encode()):x}"[:4]
    targets = {element.attrib["id"]: element for element in root.iter() if "id" in element.attrib}
    short: dict[str, str] = {}
    for element in root.iter():
        for key, value in element.items():
            old = re.sub(r"^url\(#(.*)\)$|^#", r"\1", value)
            if old == value or old not in targets:
                continue
            short.setdefault(old, f"{prefix}-{len(short)}")
            element.set(key, value.replace(old, short[old]))
            if element.tag == "use":
                # What the target says of itself, it need not be told.
                for attribute in STYLES & set(targets[old].keys()) & set(element.keys()):
                    del element.attrib[attribute]
    for old, element in targets.items():
        del element.attrib["id"]
        if old in short:
            element.set("id", short[old])


def _round(element: Element) -> None:
    """Round an element's numbers to tenths of a point, of small shapes to hundredths."""
    for key, value in element.items():
        if key == "d":
            element.set(key, _steps(value, 100 if element.get("id") else 10))
        elif key == "xlink:href" and value.startswith("data:"):
            element.set(key, _picture(value.partition(",")[2]))
        elif key == "transform":
            value = re.sub(r" ?rotate\(-0 [^)]*\)", "", value)
            element.set(key, re.sub(r"-?\d+\.\d+", lambda number: _short(number[0]), value))
        elif re.fullmatch(r"-?\d+\.\d+", value):
            element.set(key, _short(value))
    if element.get("transform") == "":
        del element.attrib["transform"]


def _short(number: str) -> str:
    value = float(number)
    return f"{round(value, 1 if abs(value) >= 10 else 2):g}"


def _steps(path: str, parts: int) -> str:
    """Return a path by its steps instead of its places; what is rounded off does not add up.

    >>> _steps("M 10.01 20 L 10.52 19.96 L 11 19 z", 10)
    'm10 20 .5 0 .5-1z'
    """
    written, last = "", ""
    current = start = (0, 0)
    for command, numbers in re.findall(r"([MLCQz])([^MLCQz]*)", path):
        if command == "z":
            written, last, current = written + "z", "z", start
            continue
        coordinates = [round(parts * float(number)) for number in numbers.split()]
        steps = [coordinate - current[i % 2] for i, coordinate in enumerate(coordinates)]
        current = (coordinates[-2], coordinates[-1])
        if command == "M":
            start = current
        # Without a letter, the last is repeated; after a move, lines follow.
        if command == "M" or command != {"M": "L"}.get(last, last):
            written += command.lower()
        last = command
        for step in steps:
            number = re.sub(r"^(-?)0\.", r"\1.", f"{step / parts:.12g}")
            between = "" if written[-1:].isalpha() or number.startswith("-") else " "
            written += between + number
    return written


def _picture(encoded: str) -> str:
    """Return a PNG (base64) as WebP: exact, or nearly so where that is smaller."""
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    tries = []
    for how in ({"lossless": True}, {"quality": 85}):
        buffer = io.BytesIO()
        image.save(buffer, format="WEBP", method=6, **how)
        tries.append(buffer.getvalue())
    return f"data:image/webp;base64,{base64.b64encode(min(tries, key=len)).decode()}"


def _flatten(element: Element) -> None:
    """Dissolve groups that say nothing, and join neighbours that say the same."""
    children: list[Element] = []
    for child in element:
        _flatten(child)
        if child.tag in ("g", "defs") and not child.attrib:
            children += child if child.tag == "g" else [child] * bool(len(child))
        elif (
            [*child.attrib] == ["clip-path"]
            and children
            and (children[-1].tag, children[-1].attrib) == (child.tag, child.attrib)
            and child.tag == "g"
        ):
            children[-1].extend(child)
        else:
            children.append(child)
    element[:] = children
