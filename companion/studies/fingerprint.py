"""The code that a number comes from: every file of the project that its measure can reach."""

import ast
import hashlib
import importlib.util
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from companion import catalogue
from companion.datasets import Source
from companion.errors import UserError

PROJECT = {"companion", "chapters"}


def code_of(measure: Callable[..., Any]) -> str:
    """Return a short hash of all the code that `measure` can reach; see `modules_of`."""
    return short_hash(json.dumps(modules_of(measure)))


def modules_of(measure: Callable[..., Any]) -> dict[str, str]:
    """Return a short hash of every module of the project that `measure` can reach, by name.

    From the module of `measure` on, a file reaches

    - what it imports, inside functions too, and the packages around that;
    - a public name that a package loads lazily (`lazy_loader.attach`), where it uses that name;
    - a module that it names in a string (``"chapters.memory.models"``);
    - in a chapter, the module behind the name of a model (``"lenet5"``) or of a chapter's data, as
      `companion.train` and `companion.load` look them up; a chapter's own card does not count.

    A hash is blind to comments, layout and docstrings. The project is ``companion``, ``chapters``
    (a teacher's own among them) and, for a measure elsewhere, the modules beside it. What is not
    seen: a module, model, data set or public name whose name is put together while code runs; data
    and other files that are read; and other packages, whose versions stand beside the code.

    Args:
        measure: A function at the top of a module that lies in a file.

    Raises:
        UserError: If its module lies in no file.
    """
    source = getattr(sys.modules[measure.__module__], "__file__", None)
    if source is None:
        raise UserError("measure must lie in a file, so that a worker can import it.")
    # a script is `__main__` here and `__mp_main__` in a worker
    name = measure.__module__ if measure.__module__[0] != "_" else Path(source).stem
    project = _Project(name, Path(source))
    hashes: dict[str, str] = {}
    waiting = {name}
    while waiting:
        name = waiting.pop()
        hashes[name] = short_hash(ast.unparse(project.code(name)))
        waiting |= project.reached(name) - hashes.keys()
    return dict(sorted(hashes.items()))


def short_hash(text: str) -> str:
    """Return twelve hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Project:
    """The modules of the project; only packages are imported to find and read them.

    Args:
        start: The module where a walk begins.
        source: Its file.
    """

    def __init__(self, start: str, source: Path) -> None:
        self.files: dict[str, Path | None] = {start: source}
        self.trees: dict[str, ast.Module] = {}
        self.roots = set(PROJECT)
        root, *below = start.split(".")
        if root not in PROJECT:
            beside = source.parents[len(below) + (source.name == "__init__.py")]
            self.roots |= {module.name for module in pkgutil.iter_modules([str(beside)])}

    @cached_property
    def named(self) -> dict[str, set[str]]:
        """The modules behind each name of a model, or of data that a chapter brings."""
        sources = catalogue.objects(Source, lambda card: card.data)
        named = {
            one.card.name: {f"chapters.{entry.name}.{entry.card.data}"} for entry, one in sources
        }
        for name, (entry, model) in catalogue.models().items():
            named[name] = {f"chapters.{entry.name}.models"} | named.get(model.data, set())
        return named

    def file(self, module: str) -> Path | None:
        """Return a module's file; None where there is no such module."""
        if module not in self.files:
            spec = importlib.util.find_spec(module)
            origin = Path(spec.origin) if spec and spec.origin else None
            self.files[module] = origin if origin and origin.suffix == ".py" else None
        return self.files[module]

    def is_package(self, module: str) -> bool:
        """Tell whether a module may have others below it."""
        file = self.file(module)
        return file is not None and file.name == "__init__.py"

    def code(self, module: str) -> ast.Module:
        """Return a module's syntax tree without its docstrings."""
        if module not in self.trees:
            file = self.file(module)
            assert file is not None
            self.trees[module] = tree = ast.parse(file.read_bytes())
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                    and ast.get_docstring(node, clean=False) is not None
                ):
                    del node.body[0]
        return self.trees[module]

    def lazy_names(self, package: str) -> dict[str, str]:
        """Return the submodule of each public name that a package loads lazily."""
        return {
            name: submodule
            for call in ast.walk(self.code(package))
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "lazy_loader.attach"
            for argument in call.keywords
            if argument.arg == "submod_attrs"
            for submodule, names in ast.literal_eval(argument.value).items()
            for name in names
        }

    def loaded(self, dotted: str) -> Iterator[str]:
        """Yield the modules of the project that are loaded when a dotted name is looked up."""
        module, *names = dotted.split(".")
        if module not in self.roots or self.file(module) is None:
            return
        yield module
        for name in names:
            if not self.is_package(module):
                return
            if submodule := self.lazy_names(module).get(name):
                yield from self.loaded(f"{module}.{submodule}.{name}")
            module = f"{module}.{name}"
            if self.file(module) is None:
                return
            yield module

    def reached(self, module: str) -> set[str]:
        """Return the modules that the code of one module names, and the packages around it."""
        tree, is_package = self.code(module), self.is_package(module)
        names = {module, *dotted_names(tree, module if is_package else module.rpartition(".")[0])}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node.value.replace(".", "").isidentifier():
                    names.add(node.value)
                if module.startswith("chapters.") and not is_package:
                    names.update(self.named.get(node.value, ()))
        return {loaded for name in names for loaded in self.loaded(name)}


def dotted_names(tree: ast.AST, package: str) -> set[str]:
    """Return every dotted name that some code imports, or reaches through what it imports.

    >>> sorted(dotted_names(ast.parse("from . import b as c; c.d.e"), "a"))
    ['a.b', 'a.b.d', 'a.b.d.e']
    """
    imported: set[tuple[str, str]] = set()  # a name in the code, and what it stands for
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {(one.asname or one.name, one.name) for one in node.names}
            imported |= {(one.name.partition(".")[0],) * 2 for one in node.names if not one.asname}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            imported |= {(one.asname or one.name, f"{base}.{one.name}") for one in node.names}
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {target for _, target in imported} | {
        target + attributes.removeprefix(name)
        for name, target in imported
        for attributes in used
        if attributes.startswith(f"{name}.")
    }
