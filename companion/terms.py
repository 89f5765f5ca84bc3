"""The glossary where its terms stand: each page explains a term at its first mention."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.treeprocessors import Treeprocessor

import chapters

ENTRY = re.compile(r"^(\*\*[^\n]+?\*\*.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
# Where a term is explained already, leads elsewhere, or is no word of the text.
SKIPPED_TAGS = {
    "a",
    "abbr",
    "autoref",
    "code",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "pre",
    "script",
    "strong",
    "svg",
}
PARAGRAPH_TAGS = {"p", "li"}


@functools.cache
def glossary() -> dict[str, tuple[str, str]]:
    """Return what the glossary says of each term in small letters: its entry's name, and the text.

    >>> glossary()["logits"]
    ('logits', 'Logits: the scores before a softmax.')
    >>> glossary()["invariant"][0]
    'equivariant'
    """
    page = (Path(chapters.__path__[0]) / "glossary.md").read_text(encoding="utf-8")
    entries: dict[str, tuple[str, str]] = {}
    for entry in ENTRY.findall(page):
        names = [name.lower() for name in re.findall(r"\*\*(.+?)\*\*", entry)]
        short = re.findall(r"^\*\*.+?\*\*, ([A-Z]{3,}):", entry)
        text = re.sub(r" \(\[[^()]*\]\)|\*\*", "", " ".join(entry.split()))
        for name in [*names, *(one.lower() for one in short)]:
            entries.setdefault(name, (slug(names[0]), text))
    return entries


def slug(name: str) -> str:
    """Return the anchor of a term, e.g. ``cross-entropy``."""
    return re.sub(r"\W+", "-", name.lower())


class TermMarker(Treeprocessor):  # type: ignore[misc]
    """Marks each term at its first mention; gives each entry of the glossary an anchor."""

    def run(self, root: Element) -> None:
        """Change the page in place."""
        # What a page prints while it is built is no text of its author.
        if hasattr(self.md, "_original_md"):
            return
        title = root.find("h1")
        if title is not None and title.text == "Glossary":
            for paragraph in root.iter("p"):
                first = paragraph.find("strong")
                if first is not None and not paragraph.text:
                    paragraph.set("id", f"term-{slug(first.text or '')}")
            return
        unmarked = dict(glossary())
        for paragraph in _paragraphs(root):
            _mark_terms(paragraph, unmarked)


def _paragraphs(element: Element) -> Iterator[Element]:
    for child in element:
        if child.tag in PARAGRAPH_TAGS:
            yield child
        if child.tag not in SKIPPED_TAGS:
            yield from _paragraphs(child)


def _mark_terms(element: Element, unmarked: dict[str, tuple[str, str]]) -> None:
    """Mark in an element what was not seen before on the page, and take it off that list."""
    element.text, marks = _marked(element.text, unmarked)
    element[:0] = marks
    for child in list(element)[len(marks) :]:
        if child.tag == "strong":
            # Said in bold, a term is explained right here.
            _remove_entry(_plain(child), unmarked)
        elif child.tag not in SKIPPED_TAGS | PARAGRAPH_TAGS and child.get("class") != "arithmatex":
            _mark_terms(child, unmarked)
        child.tail, marks = _marked(child.tail, unmarked)
        position = list(element).index(child) + 1
        element[position:position] = marks


def _marked(text: str | None, unmarked: dict[str, tuple[str, str]]) -> tuple[str, list[Element]]:
    """Return a text up to its first mark, and the marks, each with the text that follows it."""
    text, marks, end = text or "", [], 0
    between: list[str] = []  # before each mark, and after the last
    for match in _pattern().finditer(text):
        term = _singular(match[0].lower(), glossary())
        if term not in unmarked:
            continue
        name, definition = unmarked[term]
        mark = Element("abbr", {"class": "term", "title": definition, "data-term": name})
        mark.text = match[0]
        marks.append(mark)
        between.append(text[end : match.start()])
        end = match.end()
        _remove_entry(term, unmarked)
    head, *tails = [*between, text[end:]]
    for mark, tail in zip(marks, tails, strict=True):
        mark.tail = tail
    return head, marks


@functools.cache
def _pattern() -> re.Pattern[str]:
    # The longest first: a learning rate is no rate.
    ordered = sorted(glossary(), key=len, reverse=True)
    alternatives = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in ordered)
    return re.compile(rf"(?<![\w-])(?:{alternatives or '(?!)'})s?(?![\w-])", re.IGNORECASE)


def _singular(name: str, known: dict[str, tuple[str, str]]) -> str:
    name = " ".join(name.split())
    return name if name in known else name.removesuffix("s")


def _remove_entry(name: str, unmarked: dict[str, tuple[str, str]]) -> None:
    """Take a term off the list, and every other name of its entry."""
    name = _singular(name.strip(" ,.:").lower(), unmarked)
    if name in unmarked:
        entry = unmarked[name][0]
        for other in [term for term, (entry_name, _) in unmarked.items() if entry_name == entry]:
            del unmarked[other]


def _plain(element: Element) -> str:
    return "".join(element.itertext())


class SearchExclusion(Postprocessor):  # type: ignore[misc]
    """Keeps listings out of the search: a word is sought where it is explained."""

    def run(self, text: str) -> str:
        """Return the page with its listings marked for the search's index."""
        return text.replace(
            '<div class="highlight"', '<div data-search-exclude="" class="highlight"'
        )


class Terms(Extension):  # type: ignore[misc]
    """The extension that `mkdocs.yml` names."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Mark terms once inline elements are known; mark listings once they stand on the page."""
        md.treeprocessors.register(TermMarker(md), "terms", 14)
        md.postprocessors.register(SearchExclusion(md), "quiet_listings", 5)


def makeExtension(**settings: Any) -> Terms:  # noqa: N802
    """Return the extension; Python-Markdown asks for it by this name."""
    return Terms(**settings)
