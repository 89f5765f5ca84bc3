"""Mathematics on the site: a page is built with MathML in it, so its reader loads no script."""

import html
import re
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from math_core import LatexError, LatexToMathML

CONVERTER = LatexToMathML(fancy_error=False)
# \big( and its larger kin. Chromium gives a sign that stretches the room of its widest form, so
# theirs is scaled instead.
SIZED = re.compile(r'<mo(?: stretchy="true")?([^>]*) minsize="([\d.]+em)" maxsize="\2">')


def mathml(tex: str, *, displayed: bool = False) -> str:
    r"""Return a formula as MathML.

    >>> mathml("x^2")
    '<math><msup><mi>x</mi><mn>2</mn></msup></math>'
    >>> mathml(r"\frac{1}")
    Traceback (most recent call last):
        ...
    ValueError: A formula is TeX that MathML can say. Received: \frac{1}. At character 8: Expected
    argument but reached end of input.
    >>> mathml(r"a \\[2pt] b")
    Traceback (most recent call last):
        ...
    ValueError: A line of a formula ends in \\, without a height. Received: a \\[2pt] b.

    Args:
        tex: The formula in TeX, without its dollars.
        displayed: Whether it stands on a line of its own.
    """
    if r"\\[" in tex:  # would be printed as it stands
        raise ValueError(f"A line of a formula ends in \\\\, without a height. Received: {tex}.")
    try:
        made = CONVERTER.convert_with_local_state(tex, displaystyle=displayed)
    except LatexError as error:
        raise ValueError(
            f"A formula is TeX that MathML can say. Received: {tex}. At character {error}"
        ) from None
    return SIZED.sub(r'<mo stretchy="false"\1 style="font-size:\2">', made)


class Typesetter(Treeprocessor):  # type: ignore[misc]
    """Typesets what `pymdownx.arithmatex` found to be mathematics."""

    def run(self, root: Element) -> None:
        """Put MathML in the place of TeX."""
        for element in root.iter():
            if element.get("class") == "arithmatex" and element.text:
                displayed = element.tag == "div"
                tex = re.sub(r"^\\[(\[]\s*|\s*\\[)\]]$", "", html.unescape(element.text).strip())
                element.text = self.md.htmlStash.store(mathml(tex, displayed=displayed))
                # A sign that follows without a space stays on the formula's line.
                bound = re.match(r"[^\s\w\x02]*", element.tail or "")
                if bound and not displayed:
                    element.text += bound[0]
                    element.tail = (element.tail or "")[bound.end() :]


class Mathematics(Extension):  # type: ignore[misc]
    """The extension that `mkdocs.yml` names, after `pymdownx.arithmatex`."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Typeset once a page's inline elements are known."""
        md.treeprocessors.register(Typesetter(md), "mathematics", 15)


def makeExtension(**settings: Any) -> Mathematics:  # noqa: N802
    """Return the extension; Python-Markdown asks for it by this name."""
    return Mathematics(**settings)
