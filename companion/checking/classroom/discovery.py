"""Discovery: the exercises of a chapter, of the whole book, or of an instructor's own file."""

import functools
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path

from companion import catalogue
from companion.checking.authoring.exercise import Exercise, exercises_in
from companion.errors import UserError


def exercises_of(chapter: str) -> tuple[Exercise, ...]:
    """Return the exercises of one chapter, in the order of their definition.

    Raises:
        UnknownNameError: With the nearest chapter, if there is none of that name.
    """
    module = catalogue.find_chapter(chapter).module("exercises")
    return exercises_in(module) if module else ()


def all_exercises() -> tuple[Exercise, ...]:
    """Return the exercises of every chapter, in reading order."""
    pairs = catalogue.objects(Exercise, lambda card: "exercises")
    return tuple(one for chapter, one in pairs if one.chapter == chapter.name)


def load_exercises(path: str | Path) -> tuple[Exercise, ...]:
    """Return the exercises of an instructor's own Python file, or of every file of a package.

    The file is run in this process: it is trusted, as the book is.

    Args:
        path: A ``.py`` file, or a folder with an ``__init__.py``.

    Raises:
        UserError: If nothing is there, it cannot be imported, or it holds no exercise.
    """
    path = Path(path).resolve()
    package = path.is_dir()
    file = path / "__init__.py" if package else path
    if not file.is_file() or file.suffix != ".py":
        raise UserError(
            "--exercises names a Python file, or a folder with an __init__.py. "
            f"Received: {path}, where there is none."
        )
    name = f"private_{path.stem}"
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(path)] if package else None
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        modules = [module]
        if package:
            modules += [
                importlib.import_module(f"{name}.{entry.name}")
                for entry in pkgutil.iter_modules([str(path)])
            ]
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    exercises = tuple(one for module in modules for one in exercises_in(module))
    for one in exercises:
        one.chapter = path.stem
    if not exercises:
        raise UserError(f"{path} holds no exercise: decorate a function with @exercise().")
    return exercises


def exercises_named(name: str) -> tuple[Exercise, ...]:
    """Return the exercises of a chapter, or of an instructor's file or package.

    Args:
        name: A chapter's name, or a path (see `is_path`).

    Raises:
        UserError: If there is no such chapter or file, or no exercise in it.
    """
    if is_path(name):
        return _loaded(Path(name).resolve())
    exercises = exercises_of(name)
    if not exercises:
        raise UserError(f"The chapter {name!r} has no exercises yet.")
    return exercises


def is_path(name: str) -> bool:
    """Tell a path from a chapter's name: it ends in ``.py``, holds a slash or begins with a dot.

    >>> is_path("convolution"), is_path("./convolution"), is_path("week5.py")
    (False, True, True)
    """
    return name.endswith(".py") or name.startswith(".") or "/" in name or "\\" in name


@functools.cache
def _loaded(path: Path) -> tuple[Exercise, ...]:
    return load_exercises(path)
