"""The catalogue: every chapter, model, exercise and study, found by looking and never listed."""

import ast
import functools
import importlib
import importlib.util
import logging
import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import chapters
from companion.chapter import Chapter, Model
from companion.errors import UnknownNameError, UserError
from companion.studies.study import Study

T = TypeVar("T")

# The decorators that make a function of ``exercises.py`` an exercise.
EXERCISES = {"exercise", "model_exercise", "gradient_exercise"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A chapter where it lies.

    Attributes:
        name: The folder's name, which is also the chapter's name in commands and URLs.
        card: What the chapter says of itself.
        folder: The folder, in the book or among a teacher's own chapters.
    """

    name: str
    card: Chapter
    folder: Path

    @property
    def of_the_book(self) -> bool:
        """Whether the chapter comes with the book, not from a teacher's own folder."""
        return self.folder.parent == Path(chapters.__path__[0])

    def module(self, part: str) -> Any | None:
        """Import ``chapters.<name>.<part>``, or return None where the chapter has no such file.

        Raises:
            UserError: If the file cannot be imported; it says where the mistake is.
        """
        path = f"{chapters.__name__}.{self.name}.{part}"
        return _imported(path, self.folder) if importlib.util.find_spec(path) else None

    def exercise_names(self) -> tuple[str, ...]:
        """Return the names of the chapter's exercises, read off its file without importing it."""
        file = self.folder / "exercises.py"
        if not file.is_file():
            return ()
        try:
            top = ast.parse(file.read_bytes()).body
        except SyntaxError as error:
            _leave_out(f"The exercises of {self.name} are left out: {error}")
            return ()
        return tuple(
            function.name
            for function in top
            if isinstance(function, ast.FunctionDef)
            and any(
                _decorator_name(decorator) in EXERCISES for decorator in function.decorator_list
            )
        )


def _decorator_name(decorator: ast.expr) -> str:
    """Return the last name of ``@exercise(…)`` or ``@checking.exercise(…)``."""
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")


def add_folder(folder: str) -> None:
    """Add a folder of chapters to the book, here and in every process that is started from here.

    Whether the folder is there is seen when chapters are looked for.
    """
    if os.path.abspath(folder) not in chapters.__path__:
        chapters.__path__.append(os.path.abspath(folder))
    os.environ["COMPANION_CHAPTERS"] = os.pathsep.join(chapters.__path__[1:])


def discover() -> tuple[Entry, ...]:
    """Return every chapter in reading order; one that cannot be read is left out, with a word why.

    The folders are looked through anew at every call; a module that could be read is imported once.

    Raises:
        UserError: If two chapters bear one name, or a folder of chapters is not there.
    """
    entries, unreadable = _read_chapters()
    for error in unreadable.values():
        _leave_out(str(error))
    return entries


def find_chapter(name: str) -> Entry:
    """Return the chapter of that name.

    Raises:
        UserError: If it cannot be read, or there is none; with the nearest name.
    """
    entries, unreadable = _read_chapters()
    if name in unreadable:
        raise unreadable[name]
    return _find("chapter", name, {entry.name: entry for entry in entries})


def models() -> dict[str, tuple[Entry, Model]]:
    """Return every model's card by name, with the chapter it belongs to."""
    entries = discover()
    return _index("model", ((entry, model) for entry in entries for model in entry.card.models))


def find_model(name: str) -> tuple[Entry, Model]:
    """Return the chapter and the card of one model.

    Raises:
        UnknownNameError: With the nearest name.
    """
    return _find("model", name, models())


def builder(name: str) -> Callable[..., Any]:
    """Return the function that builds the model `name` (imports Keras).

    Keyword arguments given to it override those of the model's card.

    Raises:
        UnknownNameError: With the nearest name.
        UserError: If the chapter's ``models.py`` cannot be imported, or lacks that function.
    """
    entry, model = find_model(name)
    function = getattr(entry.module("models"), model.builder, None)
    if function is None:
        raise UserError(
            f"The card of {name} names its builder, {model.builder}; "
            f"{entry.folder / 'models.py'} has no such function."
        )

    def build(**arguments: Any) -> Any:
        return function(**{**model.arguments, **arguments})

    return build


def studies() -> dict[str, tuple[Entry, Study]]:
    """Return every study by name, with the chapter whose ``studies.py`` holds it."""
    return _index("study", objects(Study, lambda card: "studies"))


def find_study(name: str) -> tuple[Entry, Study]:
    """Return the chapter of one study, and the study.

    Raises:
        UnknownNameError: With the nearest name.
    """
    return _find("study", name, studies())


def objects(of: type[T], module: Callable[[Chapter], str]) -> Iterator[tuple[Entry, T]]:
    """Yield every object of a type that chapters hold, with its chapter.

    A chapter whose module cannot be imported is left out, with a word why.

        objects(Study, lambda card: "studies")

    Args:
        of: The type.
        module: Which module of a chapter holds such objects, given its card; ``""`` for none.
    """
    for entry in discover():
        part = module(entry.card)
        try:
            holder = entry.module(part) if part else None
        except UserError as error:
            _leave_out(str(error))
            continue
        members = vars(holder).values() if holder else ()
        yield from ((entry, member) for member in members if isinstance(member, of))


def _read_chapters() -> tuple[tuple[Entry, ...], dict[str, UserError]]:
    """Return the chapters in reading order, and by name why others cannot be read."""
    entries: dict[str, Entry] = {}
    unreadable: dict[str, UserError] = {}
    for root in map(Path, chapters.__path__):
        if not root.is_dir():
            raise UserError(
                f"COMPANION_CHAPTERS and --chapters name folders of chapters. Received: {root}."
            )
        for file in sorted(root.glob("*/__init__.py")):
            name, folder = file.parent.name, file.parent
            if name in entries:
                raise UserError(
                    f"Two chapters are named {name!r}: {entries[name].folder} and {folder}. "
                    "Rename the folder of yours."
                )
            try:
                entries[name] = Entry(name, _read_card(file), folder)
            except UserError as error:
                unreadable[name] = error
    ordered = sorted(entries.values(), key=lambda entry: (entry.card.number, entry.name))
    return tuple(ordered), unreadable


def _read_card(file: Path) -> Chapter:
    """Import a chapter's ``__init__.py`` and return its card."""
    package = _imported(f"{chapters.__name__}.{file.parent.name}", file.parent)
    card = getattr(package, "chapter", None)
    if not isinstance(card, Chapter):
        raise UserError(f"{file} must define `chapter = Chapter(...)`. Received: {card!r}.")
    return card


def _imported(path: str, folder: Path) -> ModuleType:
    """Import a module of the chapter in `folder`.

    Raises:
        UserError: If that fails, with the last file and line of the chapter that was reached.
    """
    try:
        return importlib.import_module(path)
    except UserError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
        where = f"{own[-1].filename}, line {own[-1].lineno}" if own else folder
        raise UserError(
            f"{path} cannot be imported from {where}: {type(error).__name__}: {error}"
        ) from error


def _index(kind: str, pairs: Iterable[tuple[Entry, Any]]) -> dict[str, tuple[Entry, Any]]:
    """Return what chapters bring by its name.

    Raises:
        UserError: If two different ones bear one name.
    """
    index: dict[str, tuple[Entry, Any]] = {}
    for entry, item in pairs:
        first, known = index.setdefault(item.name, (entry, item))
        if known is not item:
            raise UserError(
                f"Two chapters bring a {kind} named {item.name!r}: {first.folder} and "
                f"{entry.folder}. Rename one."
            )
    return index


def _find(kind: str, name: str, known: dict[str, T]) -> T:
    """Return what bears a name, or raise an `UnknownNameError` with the nearest."""
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


@functools.cache
def _leave_out(message: str) -> None:
    """Say once in this process that something is left out."""
    logging.getLogger(__name__).warning(message)
