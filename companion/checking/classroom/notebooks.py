"""Notebooks handed in as answers: the Python of their code cells, line for line."""

import json
import re
from collections.abc import Iterator
from typing import Any

from companion.errors import UserError

# A notebook carries its pictures along: more bytes than its code has.
MAX_BYTES = 8_000_000
# What stands above each cell; a worker runs the cells of a notebook one by one.
CELL = "# In [{number}]:\n"
# Magics whose cell is Python all the same; the others' cells are another language's.
PYTHON_MAGICS = ("time", "timeit", "capture", "prun", "python", "python3", "pypy")
# Comments, strings, brackets, line ends: what tells where a statement begins.
TOKENS = re.compile(
    r"""\#[^\n]*
    |\"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z)|'{3}(?:\\.|[^\\])*?(?:'{3}|\Z)
    |"(?:\\.|[^\\"\n])*"?|'(?:\\.|[^\\'\n])*'?
    |\\\n|[()\[\]{}]|\n""",
    re.VERBOSE | re.DOTALL,
)
# `%matplotlib inline`, `!pip install`, `?np.sum`, `files = !ls`, `np.sum?`, get_ipython()…
MAGIC = re.compile(
    r"[ \t]*(?:[%!?]|(?:[\w.]+[ \t]*=[ \t]*)?get_ipython\(\)|[\w.,*\[\] \t]+=[ \t]*[%!])"
    r"|[ \t]*[%\w.*]+\?{1,2}[ \t]*\Z"
)


def source_of(notebook: bytes) -> bytes:
    r"""Return the Python of a notebook's code cells; what only Jupyter understands becomes `pass`.

    Nothing of it is run or compiled here.

    Args:
        notebook: The bytes of an ``.ipynb`` file, of version 3 or 4.

    Raises:
        UserError: If it is no notebook, or one of another language.

    >>> cells = '{"cells": [{"cell_type": "code", "source": ["%pylab\\n", "x = 1"]}]}'
    >>> print(source_of(cells.encode()).decode())
    # In [1]:
    pass
    x = 1
    <BLANKLINE>
    """
    try:
        document = json.loads(notebook.decode("utf-8-sig"))
        cells = [*_cells(document)]
        language = _language(document)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise UserError(
            "It is not a notebook that can be read: JSON with a list of cells is expected, as "
            f"Jupyter saves it ({type(error).__name__})."
        ) from error
    if language not in ("", "python"):
        raise UserError(f"The notebook is written in {language[:40]!r}: Python is expected.")
    sources = (CELL.format(number=number) + _python(cell) for number, cell in enumerate(cells, 1))
    return "\n".join(sources).encode("utf-8", errors="replace")


def _cells(document: Any) -> Iterator[str]:
    """Yield the code cells' text; version 3 of the format has them in worksheets, as `input`."""
    if "cells" in document:
        groups = [document["cells"]]
    else:
        groups = [sheet["cells"] for sheet in document["worksheets"]]
    for cell in (one for group in groups for one in group):
        if cell["cell_type"] == "code":
            text = cell["source"] if "source" in cell else cell["input"]
            yield text if isinstance(text, str) else "".join(text)


def _language(document: Any) -> str:
    about = document.get("metadata", {})
    language = about.get("language_info", {}).get(
        "name", about.get("kernelspec", {}).get("language")
    )
    return str(language or "").lower()


def _python(cell: str) -> str:
    """Return a cell's text with the same lines, but those that are no Python replaced by `pass`."""
    text = cell.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    first, _, rest = text.partition("\n")
    if first.lstrip().startswith("%%"):
        name = first.lstrip()[2:].split(None, 1)[:1]
        lines = rest.count("\n")
        return "pass\n" + (_statements(rest) if name and name[0] in PYTHON_MAGICS else "\n" * lines)
    return _statements(text)


def _statements(text: str) -> str:
    statements, begin, depth = [], 0, 0
    for token in TOKENS.finditer(text):
        if token.group() in "([{":
            depth += 1
        elif token.group() in ")]}":
            depth = max(depth - 1, 0)
        # A magic ends with its line, whatever brackets and quotes are in it.
        ends = token.group() == "\n" and depth == 0
        if ends:
            statements.append(_without_magic(text[begin : token.end()]))
            begin = token.end()
    return "".join([*statements, _without_magic(text[begin:])])


def _without_magic(statement: str) -> str:
    first, _, rest = statement.partition("\n")
    if not MAGIC.match(first):
        return statement
    indent = first[: len(first) - len(first.lstrip())]
    return f"{indent}pass\n" + (_statements(rest) if rest else "")
