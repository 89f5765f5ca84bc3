"""A Matplotlib figure as inline SVG: in the page's own ink, a fraction of the size."""

import base64
import html
import io
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zlib import crc32

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

STYLES = {"fill", "stroke", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width"}
# What styles are where nothing is said; `lean` says the size of text once, for a whole figure.
DEFAULTS = {
    ("font-size", "10px"),
    ("stroke-dashoffset", "0"),
    ("stroke-linecap", "butt"),
    ("stroke-linejoin", "round"),
    ("text-anchor", "start"),
}


def svg(draw: Callable[[], Figure]) -> str:
    """Draw a figure for a page: inline SVG in the page's own ink, with its alt text.

    Args:
        draw: A function of a chapter's ``figures.py``; the first line of its docstring is the alt
            text.

    Returns:
        HTML in which black is ``currentColor``, so that a dark page shows light ink. The site's
        search passes it by.
    """
    alt = (draw.__doc__ or "").strip().split("\n")[0]
    if not alt:
        raise ValueError(f"{draw.__name__} needs a docstring: its first line is the alt text.")
    buffer = io.StringIO()
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "figure",  # ids are the same in every build
        "path.simplify_threshold": 0.2,  # points that a line may miss by less are left out
    }
    with rc_context(settings):
        draw().savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return (
        f'<div class="figure" role="img" aria-label="{html.escape(alt, quote=True)}" '
        f'data-search-exclude="">\n{lean(buffer.getvalue(), draw.__name__)}</div>'
    )


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
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("metadata", "style") or _is_unseen(child):
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
            value = re.sub(r"^#(\w)\1(\w)\2(\w)\3$", r"#\1\2\3", value.strip())
            element.set(key, "currentColor" if value in ("#000", "black") else value)


def _is_unseen(element: Element) -> bool:
    """Tell whether a shape has neither a surface nor a line."""
    said = element.attrib
    return element.tag == "path" and said.get("fill") == "none" and not {"stroke", "id"} & set(said)


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
                for said in STYLES & set(targets[old].keys()) & set(element.keys()):
                    del element.attrib[said]
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
    here = start = (0, 0)
    for command, numbers in re.findall(r"([MLCQz])([^MLCQz]*)", path):
        if command == "z":
            written, last, here = written + "z", "z", start
            continue
        places = [round(parts * float(number)) for number in numbers.split()]
        steps = [place - here[i % 2] for i, place in enumerate(places)]
        here = (places[-2], places[-1])
        if command == "M":
            start = here
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
