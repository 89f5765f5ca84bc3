"""A chapter's card: what it teaches and what it offers, readable in a millisecond."""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import lazy_loader


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of `companion models`: a builder with its published size.

    The contract test builds every entry and holds it to the numbers given here.

    Attributes:
        name: What a user types, e.g. ``lenet5``.
        parameters: Trainable parameters of the model as built by default.
        input_shape: ``(height, width, channels)``, ``(steps, features)`` or the like, without
            the batch axis.
        paper: Author, year and title, as the chapter's reading list cites it.
        builder: The function in the chapter's ``models.py``; the entry's own name by default.
        arguments: Keyword arguments that make this entry of the builder.
        data: The data set that the model is trained on when the user names none.
        effort: How many times the usual number of epochs its training takes.
        recipe: Fields of `companion.training.Recipe` that its training needs otherwise than usual.
        batches: What draws its batches, where order and shifts will not do, e.g.
            ``"training.crops"``: a function of the training split as loaded, the size of a batch
            and a seed, in a module of the chapter, that returns an endless stream of ``(x, y)``.
        small: Keyword arguments of a small version with at least two classes, ``input_shape``
            among them, where the default is too large to be run in a test.
    """

    name: str
    parameters: int
    input_shape: tuple[int | None, ...]
    paper: str
    builder: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    data: str = "digits"
    effort: float = 1.0
    recipe: dict[str, Any] = field(default_factory=dict)
    batches: str = ""
    small: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.builder:
            object.__setattr__(self, "builder", self.name)


@dataclass(frozen=True, slots=True)
class Chapter:
    """The card that every chapter's ``__init__.py`` shows under the name ``chapter``.

    Attributes:
        number: Place in the reading order, from 1.
        title: The chapter's heading.
        question: The question that the chapter answers, in one sentence.
        lectures: Letters of the lecture decks it follows, e.g. ``"ABDE"``.
        models: The chapter's builders, in the lesson's order.
        pages: The lesson's pages after ``README.md``, in order, e.g. ``"02-padding.md"``.
        builds_on: Names of the chapters that it builds on.
        reader: The chapter's module that reads files for `companion predict`, where it has one. It
            holds ``NOTICE``, a sentence that is printed with every answer, and ``reader(path,
            **options)`` for the model at `path`, a run's ``model.keras`` or a shipped ``.npz``;
            options are those of the command that are given: ``rate``, ``lead``, ``unit``. It
            returns a function of files that yields for each, in their order, what has ``data``
            (plain values), ``sentence``, and ``figure(again)``, where `again` is the figure of an
            earlier file, which may be drawn over, or None; or, for a file of which nothing can be
            said, the `UserError`. Images need no reader: the engine reads them for every model.
        data: The chapter's module that holds data `Source`s of its own, where it has one.
    """

    number: int
    title: str
    question: str
    lectures: str
    models: tuple[Model, ...] = ()
    pages: tuple[str, ...] = ()
    builds_on: tuple[str, ...] = ()
    reader: str = ""
    data: str = ""


def public_names(
    package: str, chapter: Chapter, *, submod_attrs: dict[str, list[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return what a chapter's ``__init__.py`` needs so that its names are imported when used.

    To those of `submod_attrs` come the models on its card that are a builder with arguments:
    ``from chapters.convnets import vgg_a`` is ``vgg`` with ``config="A"``.

    Args:
        package: The chapter's ``__name__``.
        chapter: Its card.
        submod_attrs: The names that each of its modules brings, as `lazy_loader.attach` takes
            them.

    Returns:
        ``__getattr__``, ``__dir__`` and ``__all__``.
    """
    brought, _, names = lazy_loader.attach(package, None, submod_attrs)
    variants = {model.name: model for model in chapter.models if model.name not in names}

    def found(name: str) -> Any:
        if name not in variants:
            return brought(name)
        model = variants[name]
        builder = getattr(importlib.import_module(f"{package}.models"), model.builder)
        built = functools.partial(builder, **model.arguments)
        return functools.update_wrapper(built, builder, assigned=("__module__", "__doc__"))

    public = sorted([*names, *variants])
    return found, lambda: public, public
