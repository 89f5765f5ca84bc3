"""A lesson as a Jupyter notebook: made from the page, so that there is one text to keep."""

import ast
import contextlib
import importlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion import catalogue
from companion.listing import listing

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```\n", re.MULTILINE | re.DOTALL)
HEADING = re.compile(
    r"^#{1,6} (?P<title>.+?)(?: *\{ *#(?P<anchor>[\w-]+) *\})?$(?P<body>(?:\n(?!#{1,6} ).*)*)",
    re.MULTILINE,
)
SLIDES = re.compile(r"<!-- slide: ([^>]*?) *-->")
# Links into the site lead nowhere from a notebook; anchors and addresses of the web stay.
SITE_LINK = re.compile(r"\[([^\]]+)\](?:\((?!https?:|#)[^)]+\)|\[[a-z][\w-]+\])")
# Ids of headings, and the marks that tie a section to slides and a number to its source.
MARK = re.compile(r" *\{#[\w-]+\}$|\s*<!--.*?-->", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"^<div data-figure=.*?^</div>\n", re.MULTILINE | re.DOTALL)
FOLDED = re.compile(
    r'^(?P<kind>!!!|\?\?\?)\+? \w+ "(?P<title>.*)"\n(?P<body>(?:\n|    .*\n?)*)', re.MULTILINE
)
# Where the site can open an editor, a notebook has a cell.
EXERCISE = re.compile(r'^<div data-exercise="(\w+)\.(\w+)".*?^</div>', re.MULTILINE | re.DOTALL)
PRACTICE = r"""Write it in a cell, and check it:

```python
from chapters.\1.exercises import \2 as asked

asked.check(\2)
```"""
# Where a page shows an exercise.
PLACE = re.compile(r"\bpages\.exercise\(\s*[\"'](?:\w+\.)?(\w+)")
# Names the folder of the site that is being built, where `companion site` builds it.
SITE = "COMPANION_SITE"
# What stands around listings and exercises on the site.
AROUND = re.compile(r"^</?div\b[^>]*>\n*", re.MULTILINE)


def page_files(chapter: str) -> tuple[Path, ...]:
    """Return the files of a chapter's pages in order, ``README.md`` first.

    Args:
        chapter: The chapter's name.
    """
    entry = catalogue.find_chapter(chapter)
    return tuple(entry.folder / name for name in ("README.md", *entry.card.pages))


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a page.

    Attributes:
        file: The page.
        line: Its line there, from 1.
        title: The heading's words.
        anchor: Its id, or nothing.
        slides: The rows of the lectures that it covers, e.g. ``("A20", "E50")``.
    """

    file: Path
    line: int
    title: str
    anchor: str
    slides: tuple[str, ...]


def sections(chapter: str) -> Iterator[Section]:
    """Yield the headings of a chapter's pages, with the slides marked under each.

    Args:
        chapter: The chapter's name.
    """
    for file in page_files(chapter):
        prose = without_code(file.read_text(encoding="utf-8"))
        for match in HEADING.finditer(prose):
            slides = " ".join(SLIDES.findall(match["body"])).split()
            line = prose.count("\n", 0, match.start()) + 1
            yield Section(file, line, match["title"], match["anchor"] or "", tuple(slides))


def places(chapter: str) -> dict[str, Section]:
    """Return the section in which each exercise of a chapter stands, by the exercise's name.

    Args:
        chapter: The chapter's name.
    """
    headings = list(sections(chapter))
    by_exercise: dict[str, Section] = {}
    for file in page_files(chapter):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            above = [one for one in headings if one.file == file and one.line <= number]
            if above:
                by_exercise |= dict.fromkeys(PLACE.findall(line), above[-1])
    return by_exercise


def without_code(markdown: str) -> str:
    """Return a page with every block of code replaced by as many empty lines."""
    return FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), markdown)


def text(chapter: str) -> str:
    """Return a chapter's pages as one text, as its author wrote them.

    Args:
        chapter: The chapter's name.
    """
    return "\n".join(file.read_text(encoding="utf-8") for file in page_files(chapter))


def address() -> str:
    """Return where the book's repository lies, which whoever publishes it says by a setting.

    The setting is ``REPOSITORY``, e.g. ``https://github.com/someone/companion``.
    """
    return os.environ.get("REPOSITORY", "").rstrip("/")


def install_cell() -> str:
    """Return a notebook's first cell: it installs the book where it is missing, as on Colab."""
    source = f"git+{address()}" if address() else "."
    hint = "" if address() else "  # the folder of your clone"
    return (
        "import importlib.util\nimport subprocess\nimport sys\n\n"
        f'SOURCE = "{source}"{hint}\n'
        'if not importlib.util.find_spec("companion"):\n'
        '    subprocess.run([sys.executable, "-m", "pip", "install", "-q", SOURCE], check=True)'
    )


def notebook(chapter: str, *, outputs: bool = False) -> dict[str, Any]:
    """Return a chapter's pages, in order, as one notebook of format 4.

    Prose becomes Markdown and code becomes cells to run. A listing of the chapter's files is a cell
    that defines what it lists; what a page draws at build time is drawn by a cell.

    Args:
        chapter: The chapter's name.
        outputs: Whether cells come with what the site's blocks print; those are run for it.
    """
    written = text(chapter)
    sessions: dict[str, dict[str, Any]] = {}
    cells: list[dict[str, Any]] = []
    prose, end = "", 0
    for fence in FENCE.finditer(written):
        prose += written[end : fence.start()]
        end = fence.end()
        info, body = fence["info"], fence["body"]
        if info == "python" or info.startswith('python exec="true"'):
            session = re.search(r'session="([^"]+)"', info)
            scope = sessions.setdefault(session[1], {}) if session else {}
            if "pages.download" in body:
                if outputs:
                    _import(body, scope)
                continue
            _add(cells, "markdown", for_notebook(prose))
            _add(cells, "code", _runnable(info, body))
            if outputs and "pages.code(" in body:
                _import(body, scope)
            elif outputs and "exec" in info:
                cells[-1]["outputs"] = _outputs(info, body, scope)
            prose = ""
        else:
            prose += fence[0]
    _add(cells, "markdown", for_notebook(prose + written[end:]))
    installed: list[dict[str, Any]] = []
    _add(installed, "code", install_cell())
    cells[1:1] = installed  # under the title
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for number, cell in enumerate(cells):
        cell["id"] = f"{chapter}-{number}"
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _import(body: str, scope: dict[str, Any]) -> None:
    """Run the imports of a block: later blocks of its session build on them."""
    imports: list[ast.stmt] = [
        one for one in ast.parse(body).body if isinstance(one, ast.Import | ast.ImportFrom)
    ]
    exec(compile(ast.Module(imports, []), "<a page>", "exec"), scope)


def _outputs(info: str, body: str, scope: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a block prints, as the output of its cell."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(body, "<a page>", "exec"), scope)
    kind = "html" if 'html="true"' in info else "markdown"
    output = printed.getvalue()
    output = output if kind == "html" else for_notebook(output)
    data = {f"text/{kind}": output, "text/plain": ""}
    return [{"output_type": "display_data", "data": data, "metadata": {}}] if output.strip() else []


def for_notebook(markdown: str) -> str:
    r"""Return Markdown without what only the site understands.

    >>> print(for_notebook('See [Convnets](../convnets/README.md) and [LeNet-5][lenet-5].'))
    See Convnets and LeNet-5.
    >>> print(for_notebook('## Dropout {#dropout}\n\n<!-- slide: A15 -->\n\nSilence.'))
    ## Dropout
    <BLANKLINE>
    Silence.
    >>> print(for_notebook('!!! note "A slip"\n\n    It is small.\n'))
    > **A slip**
    >
    > It is small.
    """
    markdown = FIGURE.sub("*On the site, an interactive figure stands here.*\n", markdown)
    markdown = EXERCISE.sub(PRACTICE, markdown)
    markdown = FOLDED.sub(_unfolded, AROUND.sub("", markdown))
    return SITE_LINK.sub(r"\1", MARK.sub("", markdown)).strip("\n")


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


def _unfolded(match: re.Match[str]) -> str:
    """Return a note as a quotation, and what the site folds as HTML that a notebook folds."""
    body = re.sub(r"^    ", "", match["body"].strip("\n"), flags=re.MULTILINE)
    body = FOLDED.sub(_unfolded, f"{body}\n").strip("\n")
    if match["kind"] == "???":
        title = re.sub(r"`([^`]+)`", r"<code>\1</code>", match["title"])
        return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>\n\n"
    lines = [f"**{match['title']}**", "", *body.split("\n")]
    return "\n".join(f"> {line}".rstrip() for line in lines) + "\n\n"


def _runnable(info: str, body: str) -> str:
    r"""Return a block of a page as a cell: a listing as what it lists, what is printed as shown.

    >>> print(_runnable('python exec="true"', "from math import (\n    pi,\n)\nprint(pi)\n"))
    from companion import pages
    from companion.lesson import shown
    from math import (
        pi,
    )
    <BLANKLINE>
    with shown("markdown"):
        print(pi)
    """
    if "exec" not in info:
        return body
    lines, tree = body.splitlines(), ast.parse(body)
    listed = [
        listing(ast.literal_eval(name))
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pages.code"
        for name in call.args
    ]
    if listed:
        imports = dict.fromkeys(line for one in listed for line in one.imports.splitlines())
        return "\n\n\n".join(["\n".join(imports), *(one.whole for one in listed)])
    kind = "html" if 'html="true"' in info else "markdown"
    head = ["from companion import pages", "from companion.lesson import shown"]
    rest = []
    for node in tree.body:
        part = lines[node.lineno - 1 : node.end_lineno]
        if isinstance(node, ast.Import | ast.ImportFrom):
            head += [line for line in part if line not in head]
        else:
            rest += part
    return "\n".join([*head, "", f'with shown("{kind}"):', *(f"    {line}" for line in rest)])


def _add(cells: list[dict[str, Any]], kind: str, source: str) -> None:
    source = source.strip("\n")
    if not source:
        return
    cells.append({"cell_type": kind, "metadata": {}, "source": source})
    if kind == "code":
        cells[-1] |= {"execution_count": None, "outputs": []}
