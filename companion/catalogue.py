"""The catalogue: every chapter, model, exercise and study, found by looking and never listed."""

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chapters
from companion.chapter import Chapter, Model
from companion.errors import UnknownNameError
from companion.studies.study import Study

# `@exercise(...)`, `@model_exercise(...)` or `@gradient_exercise(...)`, up to its function's name.
EXERCISE = re.compile(r"^@(?:model_|gradient_)?exercise\b.*?^def (\w+)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Found:
    """A chapter where it lies.

    Attributes:
        name: The folder's name, which is also the chapter's name in commands and URLs.
        card: What the chapter says of itself.
    """

    name: str
    card: Chapter

    def module(self, part: str) -> Any | None:
        """Import ``chapters.<name>.<part>``, or return None where the chapter has no such file."""
        path = f"{chapters.__name__}.{self.name}.{part}"
        return importlib.import_module(path) if importlib.util.find_spec(path) else None

    def exercise_names(self) -> tuple[str, ...]:
        """Return the names of the chapter's exercises, read off its file without importing it."""
        file = Path(chapters.__path__[0]) / self.name / "exercises.py"
        if not file.is_file():
            return ()
        return tuple(EXERCISE.findall(file.read_text(encoding="utf-8")))


def discover() -> tuple[Found, ...]:
    """Return every chapter in reading order.

    Raises:
        TypeError: If a folder of the book shows no card.
    """
    found = []
    for entry in pkgutil.iter_modules(chapters.__path__):
        if not entry.ispkg:
            continue
        card = getattr(
            importlib.import_module(f"{chapters.__name__}.{entry.name}"), "chapter", None
        )
        if not isinstance(card, Chapter):
            raise TypeError(
                f"chapters/{entry.name}/__init__.py must define `chapter = Chapter(...)`. "
                f"Received: {card!r}."
            )
        found.append(Found(entry.name, card))
    return tuple(sorted(found, key=lambda chapter: (chapter.card.number, chapter.name)))


def find_chapter(name: str) -> Found:
    """Return the chapter of that name.

    Raises:
        UnknownNameError: With the nearest name.
    """
    known = {chapter.name: chapter for chapter in discover()}
    if name not in known:
        raise UnknownNameError("chapter", name, known)
    return known[name]


def models() -> dict[str, tuple[Found, Model]]:
    """Return every model entry by name, with the chapter it belongs to."""
    return {model.name: (chapter, model) for chapter in discover() for model in chapter.card.models}


def find_model(name: str) -> tuple[Found, Model]:
    """Return the chapter and the card of one model.

    Raises:
        UnknownNameError: With the nearest name.
    """
    known = models()
    if name not in known:
        raise UnknownNameError("model", name, known)
    return known[name]


def builder(name: str) -> Callable[..., Any]:
    """Return the function that builds the model `name` (imports Keras).

    Keyword arguments given to it override those of the model's card.
    """
    chapter, model = find_model(name)
    function = getattr(chapter.module("models"), model.builder)

    def build(**arguments: Any) -> Any:
        return function(**{**model.arguments, **arguments})

    return build


def studies() -> dict[str, tuple[Found, Study]]:
    """Return every study by name, with the chapter whose ``studies.py`` holds it."""
    return {
        study.name: (chapter, study)
        for chapter in discover()
        for study in vars(chapter.module("studies") or object).values()
        if isinstance(study, Study)
    }


def find_study(name: str) -> tuple[Found, Study]:
    """Return the chapter of one study, and the study.

    Raises:
        UnknownNameError: With the nearest name.
    """
    known = studies()
    if name not in known:
        raise UnknownNameError("study", name, known)
    return known[name]
