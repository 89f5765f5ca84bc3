"""The reference: of a chapter what can be imported from it, doctests and formulas as written."""

import importlib
import re
from typing import Any

import griffe

DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
# A paragraph in columns below the first, as formulas with their sources are.
COLUMNS = re.compile(r"(?<=\n\n)(?!>>> |\s)(?=.*\S {3,}\S)(?:.+\n?)+")

# What Keras calls and a reader does not.
HOOK = re.compile(r"on_\w+_(begin|end)|build|call|compute_output_shape|get_config")


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


def is_for_readers(path: str) -> bool:
    """Say whether a name has a place in the reference.

    >>> [is_for_readers(f"chapters.convnets.{name}") for name in ("models.vgg", "pattern.Token")]
    [True, False]
    >>> is_for_readers("companion.training.callbacks.WeightNorms.on_train_begin")
    False
    """
    package, *names = path.split(".")
    if HOOK.fullmatch(path.rpartition(".")[2]):
        return False
    if package == "chapters" and len(names) == 3:  # a chapter, a module, and what it defines
        return names[2] in importlib.import_module(f"chapters.{names[0]}").__all__
    return True


class Reference(griffe.Extension):
    """What mkdocstrings is asked to do with every docstring before it is rendered."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Fence the doctests and formulas of a module, class, function or attribute, or hide it."""
        if not is_for_readers(obj.path):
            obj.public = False
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
