"""A lesson as a Jupyter notebook: made from the page, so that there is one text to keep."""

import contextlib
import importlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chapters
from companion import catalogue

ROOT = Path(chapters.__path__[0]).parent
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```\n", re.MULTILINE | re.DOTALL)
# Links into the site lead nowhere from a notebook; anchors and addresses of the web stay.
SITE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)[^)]+\)")
FIGURE = re.compile(r"^<div data-figure=.*?^</div>\n", re.MULTILINE | re.DOTALL)
FOLDED = re.compile(r'^(?:!!!|\?\?\?\+?) \w+ "(.*)"\n((?:\n|    .*\n?)*)', re.MULTILINE)


def notebook(chapter: str) -> dict[str, Any]:
    """Return a chapter's lesson as a notebook of format 4.

    Prose becomes Markdown and code becomes cells to run. Code included from the chapter's files is
    shown where the page shows it, and what the page draws at build time is drawn by a cell.

    Args:
        chapter: The chapter's name.
    """
    catalogue.find_chapter(chapter)
    text = (ROOT / "chapters" / chapter / "README.md").read_text(encoding="utf-8")
    cells: list[dict[str, Any]] = []
    prose, place = "", 0
    for fence in FENCE.finditer(text):
        prose += text[place : fence.start()]
        place = fence.end()
        info, body = fence["info"], fence["body"]
        if "--8<--" in body:
            prose += f"```python\n{included(body)}\n```\n"
        elif info == "python" or info.startswith('python exec="true"'):
            if "pages.download" in body:
                continue
            _add(cells, "markdown", for_notebook(prose))
            _add(cells, "code", _runnable(info, body))
            prose = ""
        else:
            prose += fence[0]
    _add(cells, "markdown", for_notebook(prose + text[place:]))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for number, cell in enumerate(cells):
        cell["id"] = f"{chapter}-{number}"
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def included(line: str) -> str:
    """Return the part of a file that ``--8<-- "path:section"`` names.

    >>> included('--8<-- "chapters/convolution/scratch.py:output_size"').splitlines()[0]
    'def output_size('
    """
    path, section = line.split('"')[1].split(":")
    source = (ROOT / path).read_text(encoding="utf-8")
    marks = rf"^\s*# --8<-- \[start:{section}\]\n(.*?)^\s*# --8<-- \[end:{section}\]"
    found = re.search(marks, source, re.MULTILINE | re.DOTALL)
    assert found, f"{path} has no section {section}"
    lines = [line for line in found[1].splitlines() if "# --8<--" not in line]
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines).strip("\n")


def for_notebook(markdown: str) -> str:
    r"""Return Markdown without what only the site understands.

    >>> print(for_notebook('See [Convnets](../convnets/README.md).'))
    See Convnets.
    >>> print(for_notebook('!!! note "A slip"\n\n    It is small.\n'))
    > **A slip**
    >
    > It is small.
    """
    markdown = FIGURE.sub("*On the site, an interactive figure stands here.*\n", markdown)
    markdown = FOLDED.sub(_quoted, markdown)
    return SITE_LINK.sub(r"\1", markdown).strip("\n")


@contextlib.contextmanager
def shown(kind: str = "markdown") -> Iterator[None]:
    """Show in a notebook what is printed meanwhile, as the site shows it.

    Args:
        kind: ``"markdown"`` or ``"html"``.
    """
    rich: Any = importlib.import_module("IPython.display")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        yield
    text = printed.getvalue()
    rich.display(rich.HTML(text) if kind == "html" else rich.Markdown(for_notebook(text)))


def _quoted(found: re.Match[str]) -> str:
    body = re.sub(r"^    ", "", found[2].strip("\n"), flags=re.MULTILINE)
    lines = [f"**{found[1]}**", "", *body.split("\n")]
    return "\n".join(f"> {line}".rstrip() for line in lines) + "\n\n"


def _runnable(info: str, body: str) -> str:
    if "exec" not in info:
        return body
    kind = "html" if 'html="true"' in info else "markdown"
    imports = [line for line in body.splitlines() if line.startswith(("import ", "from "))]
    rest = [line for line in body.splitlines() if line.strip() and line not in imports]
    head = ["from companion.lesson import shown", *imports, "", f'with shown("{kind}"):']
    return "\n".join([*head, *(f"    {line}" for line in rest)])


def _add(cells: list[dict[str, Any]], kind: str, source: str) -> None:
    source = source.strip("\n")
    if not source:
        return
    cells.append({"cell_type": kind, "metadata": {}, "source": source})
    if kind == "code":
        cells[-1] |= {"execution_count": None, "outputs": []}
