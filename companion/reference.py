"""Doctests in the reference: fenced, so that they are shown as code and not read as prose."""

import re
from typing import Any

import griffe

DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


def fenced(docstring: str) -> str:
    r"""Return a docstring with a fence around each doctest.

    >>> fenced("Twice.\n\n>>> double(2)\n4").count("```")
    2
    """
    return DOCTEST.sub(lambda found: f"```pycon\n{found[0]}\n```", docstring)


class Doctests(griffe.Extension):
    """What mkdocstrings is asked to do with every docstring before it is rendered."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Fence the doctests of one module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
