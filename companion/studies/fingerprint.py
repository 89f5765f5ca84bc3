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

from companion import catalogue, datasets
from companion.errors import UserError

PROJECT = {"companion", "chapters"}
LAZY = ("lazy_loader.attach", "public_names")  # what names a package's modules


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

    Raises:
        UserError: If the module of `measure` lies in no file.
    """
    file = getattr(sys.modules[measure.__module__], "__file__", None)
    if file is None:
        raise UserError("measure must lie in a file, so that a worker can import it.")
    # a script is `__main__` here and `__mp_main__` in a worker
    name = measure.__module__ if measure.__module__[0] != "_" else Path(file).stem
    project = _Project(name, Path(file))
    hashes: dict[str, str] = {}
    waiting = {name}
    while waiting:
        module = project[waiting.pop()]
        assert module is not None
        hashes[module.name] = short_hash(ast.unparse(module.tree))
        waiting |= project.reached(module) - hashes.keys()
    return dict(sorted(hashes.items()))


def short_hash(text: str) -> str:
    """Return twelve hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Module:
    """A module's code, without its docstrings."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self.is_package = file.name == "__init__.py"
        self.package = name if self.is_package else name.rpartition(".")[0]
        self.tree = ast.parse(file.read_bytes())
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                del node.body[: ast.get_docstring(node, clean=False) is not None]

    @cached_property
    def lazy(self) -> dict[str, str]:
        """The submodule of each public name that a package loads lazily."""
        return {
            name: submodule
            for call in ast.walk(self.tree)
            if isinstance(call, ast.Call) and ast.unparse(call.func) in LAZY
            for argument in call.keywords
            if argument.arg == "submod_attrs"
            for submodule, names in ast.literal_eval(argument.value).items()
            for name in names
        }

    @cached_property
    def strings(self) -> set[str]:
        """The strings in the code."""
        values = (node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant))
        return {value for value in values if isinstance(value, str)}

    @cached_property
    def dotted_names(self) -> set[str]:
        """Every dotted name that the code imports, or reaches through what it imports."""
        imported: set[tuple[str, str]] = set()  # a name in the code, and what it stands for
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                imported |= {(one.asname or one.name, one.name) for one in node.names}
                roots = {one.name.partition(".")[0] for one in node.names if not one.asname}
                imported |= {(root, root) for root in roots}
            elif isinstance(node, ast.ImportFrom):
                relative = "." * node.level + (node.module or "")
                base = importlib.util.resolve_name(relative, self.package)
                imported |= {(one.asname or one.name, f"{base}.{one.name}") for one in node.names}
        used = {ast.unparse(one) for one in ast.walk(self.tree) if isinstance(one, ast.Attribute)}
        return {target for _, target in imported} | {
            target + attributes.removeprefix(name)
            for name, target in imported
            for attributes in used
            if attributes.startswith(f"{name}.")
        }


class _Project(dict[str, _Module | None]):
    """The modules of the project by name, read when they are asked for; None for other names.

    Args:
        name: The module where a walk begins.
        file: Where it lies.
    """

    def __init__(self, name: str, file: Path) -> None:
        self[name] = _Module(name, file)
        self.roots = set(PROJECT)
        if name.split(".")[0] not in PROJECT:
            beside = file.parents[name.count(".") + (file.name == "__init__.py")]
            self.roots |= {module.name for module in pkgutil.iter_modules([str(beside)])}

    def __missing__(self, name: str) -> _Module | None:
        package, _, _ = name.rpartition(".")
        above = self[package] if package else None
        within = above.is_package if above else name in self.roots
        spec = importlib.util.find_spec(name) if within else None
        origin = Path(spec.origin or "") if spec else Path()
        self[name] = _Module(name, origin) if origin.suffix == ".py" else None
        return self[name]

    @cached_property
    def named(self) -> dict[str, set[str]]:
        """The modules behind each name of a model, or of data that a chapter brings."""
        data = catalogue.objects(datasets.Source, lambda card: card.data)
        named = {one.card.name: {f"chapters.{entry.name}.{entry.card.data}"} for entry, one in data}
        for name, (entry, model) in catalogue.models().items():
            named[name] = {f"chapters.{entry.name}.models"} | named.get(model.data, set())
        return named

    def loaded(self, dotted: str) -> Iterator[str]:
        """Yield the modules that are loaded when a dotted name is looked up."""
        above, path = None, ""
        for name in dotted.split("."):
            if above and name in above.lazy:
                yield from self.loaded(f"{above.name}.{above.lazy[name]}.{name}")
            path = f"{path}.{name}" if path else name
            above = self[path]
            if above is None:
                return
            yield path

    def reached(self, module: _Module) -> set[str]:
        """Return the modules that the code of one module names, and the packages around it."""
        names = {module.name, *module.dotted_names}
        names |= {one for one in module.strings if one.replace(".", "").isidentifier()}
        if module.name.startswith("chapters.") and not module.is_package:
            names = names.union(*(self.named.get(string, ()) for string in module.strings))
        return {loaded for name in names for loaded in self.loaded(name)}
