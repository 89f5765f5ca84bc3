"""A chapter's answers: one file for ``companion check``, and what each editor of a page has of it.

An editor in a page holds one exercise and runs alone. `split` gives to each what it needs of a
file; `join` makes one file of them again, in which everything stands once.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from companion.errors import UserError

MAIN = re.compile(r"if\s+__name__\s*==")


@dataclass(frozen=True, slots=True)
class Part:
    """A statement of a file's top level, or several on one line, with the comments above it.

    Attributes:
        text: Its source.
        kind: ``import``, ``docstring``, ``definition``, or ``other``, which may do anything.
        defines: The names that it binds.
        mentions: The names that it stands on.
        written: False for a function that is not written yet.
    """

    text: str
    kind: str
    defines: frozenset[str]
    mentions: frozenset[str]
    written: bool = True


def parts(source: str) -> list[Part]:
    """Return the statements of a file's top level; their texts hold all of it but empty lines.

    Raises:
        SyntaxError: If it is no Python.
    """
    body = ast.parse(source).body
    lines = source.replace("\r\n", "\n").split("\n")
    statements: list[Part] = []
    end = 0
    while body:
        together = [body.pop(0)]
        while body and body[0].lineno == together[-1].end_lineno:
            together.append(body.pop(0))
        last = together[-1].end_lineno if body else None  # what follows the last one belongs to it
        text = "\n".join(lines[end:last]).strip("\n").rstrip()
        statements.append(_part(text, together, first=not statements))
        end = last or 0
    return statements


def _part(text: str, nodes: list[ast.stmt], first: bool) -> Part:
    node = nodes[0]
    kind, names = "definition", set[str]()
    for one in nodes:
        bound = _bound(one)
        if bound is None:
            kind = "other"
        else:
            names |= bound
    if all(isinstance(one, ast.Import | ast.ImportFrom) for one in nodes) and kind != "other":
        kind = "import"
    elif first and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        kind = "docstring"
    mentioned = {one.id for whole in nodes for one in ast.walk(whole) if isinstance(one, ast.Name)}
    written = not (
        isinstance(node, ast.FunctionDef)
        and len(node.body) == 2
        and ast.unparse(node.body[1]) == "raise NotImplementedError"
    )
    return Part(text, kind, frozenset(names), frozenset(mentioned), written)


def _bound(node: ast.stmt) -> set[str] | None:
    """Return the names that a statement binds and does nothing else; None if it may do more."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = {(one.asname or one.name).partition(".")[0] for one in node.names}
        return None if "*" in names else names
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        leaves = [one for target in targets for one in ast.walk(target)]
        if not any(isinstance(one, ast.Attribute | ast.Subscript) for one in leaves):
            return {one.id for one in leaves if isinstance(one, ast.Name)}
    return None


def split(source: str, exercises: Iterable[str]) -> dict[str, str]:
    """Return what each exercise's editor holds of a file: its function, and what that stands on.

    An exercise that is missing, or not written yet, is left out.

    Raises:
        UserError: If the file is no Python.
    """
    try:
        statements = parts(source)
    except (SyntaxError, ValueError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UserError(f"The file cannot be read as Python{line}: {error}.") from error
    remaining = [one for one in statements if one.kind != "docstring" and not MAIN.match(one.text)]
    answers = {}
    for name in exercises:
        own = [one for one in remaining if name in one.defines and one.kind == "definition"]
        if not own or not own[-1].written:
            continue
        needed = [own[-1], *(one for one in remaining if one.kind == "other")]
        for part in needed:
            needed += [
                one for one in remaining if one.defines & part.mentions and one not in needed
            ]
        answers[name] = _written(one for one in remaining if one in needed)
    return answers


def join(chapter: str, answers: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return one file of a chapter's answers, and what whoever wrote them should know of it.

    Args:
        chapter: The chapter's name.
        answers: What the editor of each exercise holds, in the order of the exercises.
    """
    kept: dict[tuple[str, int], Part] = {}
    owner: dict[str, tuple[str, str]] = {}
    notes, unread = [], []
    for exercise, source in answers.items():
        try:
            statements = parts(source)
        except (SyntaxError, ValueError):
            commented = re.sub("^", "# ", source.rstrip(), flags=re.MULTILINE)
            unread.append(f"# {exercise} cannot be read as Python yet:\n{commented}")
            notes.append(f"{exercise} cannot be read as Python: it is a comment in the file.")
            continue
        times = Counter[str]()
        for part in statements:
            if part.kind == "docstring":
                continue
            times[part.text] += 1
            for name in part.defines if part.kind == "definition" else ():
                other, whose = owner.get(name, (part.text, ""))
                if other != part.text:
                    wins = whose if name == whose else exercise
                    notes.append(
                        f"{name} is written in two ways, for {whose} and for {exercise}: "
                        f"the file has the one for {wins}."
                    )
                    if wins == whose:
                        break
                    kept.pop((other, 1), None)
                owner[name] = part.text, exercise
            else:
                kept.setdefault((part.text, times[part.text]), part)
    head = f'"""Exercises on {chapter}. To check them: companion check {chapter}.py."""'
    return "\n\n".join([head, _written(kept.values()), *unread]).rstrip() + "\n", notes


def _written(chosen: Iterable[Part]) -> str:
    """Return parts as a file, imports first."""
    chosen = list(chosen)
    imports = [one.text for one in chosen if one.kind == "import"]
    imports.sort(key=lambda text: "from __future__" not in text)
    others = [one.text for one in chosen if one.kind != "import"]
    return "\n\n\n".join(filter(None, ["\n".join(imports), *others])) + "\n"
