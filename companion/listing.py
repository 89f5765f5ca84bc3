"""Listings: the source of a function, class or constant, read off its file and never imported."""

import ast
import functools
import importlib.util
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign

DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
# A paragraph in columns below the first, as formulas with their sources are.
COLUMNS = re.compile(r"(?<=\n\n)(?!>>> |\s)(?=.*\S {3,}\S)(?:.+\n?)+")
SECTION = re.compile(
    r"^(Args|Attributes|Returns|Raises|Yields):\n((?:    .*\n?|\n)+)", re.MULTILINE
)
ENTRY = re.compile(r"^(\*{0,2}[\w.]+)(?: \([^)]*\))?:\s+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Listing:
    """One object's source.

    Attributes:
        module: The module that it lies in, e.g. ``chapters.convolution.scratch``.
        name: Its name there, e.g. ``output_size`` or ``Vocabulary.encode``.
        whole: The source as it stands in the file, from its decorators or comment on.
        short: The same without its docstring; those within are cut to their first lines.
        doc: The docstring, or nothing.
        imports: The imports that make `whole` run anywhere.
    """

    module: str
    name: str
    whole: str
    short: str
    doc: str
    imports: str


@functools.cache
def listing(name: str) -> Listing:
    """Return the source of an object.

    >>> listing("convolution.scratch.output_size").short.splitlines()[0]
    'def output_size('

    Args:
        name: The whole name: a chapter (or ``companion`` and its modules), a module, and what is
            defined there, e.g. ``convolution.scratch.output_size``.

    Raises:
        ValueError: If nothing of that name is defined there.
    """
    module, file, path = _located(name)
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    scope: ast.Module | Definition | None = tree
    for part in path:
        known = {} if scope is None else dict(_defined(scope))
        scope = known.get(part)
    if scope is None or isinstance(scope, ast.Module):
        raise ValueError(
            "A listing has a name like chapter.module.object, and the module defines the object. "
            f"Received: {name!r}. {file.name} defines: {', '.join(dict(_defined(tree)))}."
        )
    lines = source.splitlines()
    first, last = _first_line(scope, lines), scope.end_lineno or 0
    documented = isinstance(scope, ast.FunctionDef | ast.ClassDef)
    return Listing(
        module,
        ".".join(path),
        textwrap.dedent("\n".join(lines[first - 1 : last])),
        textwrap.dedent("\n".join(_without_docstrings(scope, lines, first, last))),
        (documented and ast.get_docstring(scope)) or "",  # type: ignore[arg-type]
        "\n".join(_imports(scope, tree, module)),
    )


def _located(name: str) -> tuple[str, Path, list[str]]:
    """Return the module that a whole name begins with, its file, and the rest of the name."""
    module, *rest = name.split(".")
    if module != "companion":
        module = f"chapters.{module}"
    spec = importlib.util.find_spec(module)
    while spec and spec.submodule_search_locations and rest:
        inner = importlib.util.find_spec(f"{spec.name}.{rest[0]}")
        if not inner:
            break
        spec, rest = inner, rest[1:]
    if not spec or not spec.origin:
        raise ValueError(f"A listing begins with a chapter or with companion. Received: {name!r}.")
    return spec.name, Path(spec.origin), rest


def _defined(scope: ast.Module | Definition) -> Iterator[tuple[str, Definition]]:
    """Yield the name and the node of what a module or a class defines."""
    for node in getattr(scope, "body", ()):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (part for target in targets for part in ast.walk(target))
            yield from ((part.id, node) for part in names if isinstance(part, ast.Name))


def _first_line(node: Definition, lines: list[str]) -> int:
    """Return the number of the line that an object begins with: a comment on it, a decorator."""
    first: int = min(part.lineno for part in (node, *getattr(node, "decorator_list", ())))
    while re.match(r"\s*# (?!.*---)", lines[first - 2]) and first > 1:
        first -= 1
    return first


def _without_docstrings(node: Definition, lines: list[str], first: int, last: int) -> list[str]:
    """Return an object's lines without its docstring, and with the first lines of those within.

    A docstring of one line is as good as a comment and stays.
    """
    remaining: dict[int, str] = {number: lines[number - 1] for number in range(first, last + 1)}
    for owner in ast.walk(node):
        if not isinstance(owner, ast.FunctionDef | ast.ClassDef) or not ast.get_docstring(owner):
            continue
        text = owner.body[0]
        begin, end = text.lineno, text.end_lineno or 0
        if begin == end:
            continue
        for number in range(begin + 1, end + 1):
            del remaining[number]
        if owner is not node or len(owner.body) == 1:
            remaining[begin] += '"""'
            continue
        del remaining[begin]
        if not remaining.get(end + 1, "x").strip():
            del remaining[end + 1]
    return list(remaining.values())


def _imports(node: Definition, tree: ast.Module, module: str) -> Iterator[str]:
    """Yield the imports of what an object uses of its module."""
    own = {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
    used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} - own
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names = [one for one in statement.names if (one.asname or one.name) in used]
            if names:
                statement.names = names
                yield ast.unparse(statement)
    local = sorted(name for name, one in _defined(tree) if name in used and one is not node)
    if local:
        yield f"from {module} import {', '.join(local)}"


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
    docstring = COLUMNS.sub(lambda match: f"```text\n{match[0].rstrip()}\n```\n", docstring)
    return DOCTEST.sub(lambda match: f"```pycon\n{match[0]}\n```", docstring)


def as_markdown(docstring: str) -> str:
    r"""Return a Google docstring as Markdown: doctests and formulas fenced, arguments as a list.

    >>> print(as_markdown("Twice.\n\nArgs:\n    x: A number.\n\nReturns:\n    Another.\n"))
    Twice.
    <BLANKLINE>
    - `x`: A number.
    <BLANKLINE>
    Returns: Another.
    """

    def section(match: re.Match[str]) -> str:
        body = textwrap.dedent(match[2]).strip()
        if match[1] in ("Returns", "Yields"):
            return f"{match[1]}: {body}\n\n"
        entries = ENTRY.sub(r"- `\1`: ", body)
        return ("Raises:\n\n" if match[1] == "Raises" else "") + f"{entries}\n\n"

    return SECTION.sub(section, fenced(docstring)).strip()
