"""The reference: of a chapter what can be imported from it, doctests and formulas as written."""

import importlib
import re
from typing import Any

import griffe

from companion.listing import fenced

# What Keras calls and a reader does not.
HOOK = re.compile(r"on_\w+_(begin|end)|build|call|compute_output_shape|get_config")


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
