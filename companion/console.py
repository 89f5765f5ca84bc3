"""Where words go: results to stdout, everything else to stderr."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

# What a message says in square brackets is part of it, not markup.
out = Console(markup=False, highlight=False)
err = Console(markup=False, highlight=False, stderr=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say, once for people and once for programs.

    Attributes:
        data: The JSON object that ``--json`` prints.
        shown: What a person sees: text, a table, or several of them.
        code: The exit code: 0 done, 1 the work came out negative.
    """

    data: dict[str, Any]
    shown: RenderableType = ""
    code: int = 0


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object on the real stdout."""
    json.dump(data, sys.__stdout__ or sys.stdout, indent=2, ensure_ascii=False, default=str)
    print(file=sys.__stdout__ or sys.stdout, flush=True)


def table(*columns: str, title: str = "") -> Table:
    """Return an empty table in the house's style; a column named ``>name`` is set flush right."""
    made = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        right = column.startswith(">")
        made.add_column(column.removeprefix(">"), justify="right" if right else "left")
    return made


def facts(**named: str) -> Table:
    """Return a table of facts: a name and what there is to say of it, a line each."""
    made = Table.grid(padding=(0, 2))
    for name, said in named.items():
        made.add_row(name.replace("_", " "), said)
    return made
