"""Doctests and formulas in the reference: fenced, to be shown as they are written."""

import re
from typing import Any

import griffe

DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
# A paragraph in columns below the first, as formulas with their sources are.
COLUMNS = re.compile(r"(?<=\n\n)(?!>>> |\s)(?=.*\S {3,}\S)(?:.+\n?)+")


def fenced(docstring: str) -> str:
    r"""Return a docstring with a fence around each doctest and each formula with its source.

    >>> fenced("Twice.\n\n>>> double(2)\n4").count("```")
    2
    >>> print(fenced("Twice.\n\n2·x     (lecture 8)\nx + x   (lecture 9)\n\nThat is all."))
    Twice.
    <BLANKLINE>
    ```text
    2·x     (lecture 8)
    x + x   (lecture 9)
    ```
    <BLANKLINE>
    That is all.
    """
    docstring = COLUMNS.sub(lambda found: f"```text\n{found[0].rstrip()}\n```\n", docstring)
    return DOCTEST.sub(lambda found: f"```pycon\n{found[0]}\n```", docstring)


class Doctests(griffe.Extension):
    """What mkdocstrings is asked to do with every docstring before it is rendered."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Fence the doctests and formulas of one module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
