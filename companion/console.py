"""Where words go: results to stdout, everything else to stderr."""

import json
import math
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table


class _Console(Console):
    """A console that says when nobody reads, where Rich's own would end the program."""

    def on_broken_pipe(self) -> NoReturn:
        """Leave it to `companion.cli.main`, which knows how a command ends when nobody reads."""
        raise BrokenPipeError


# What a message says in square brackets is part of it, not markup.
out = _Console(markup=False, highlight=False)
err = _Console(markup=False, highlight=False, stderr=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say, once for people and once for programs.

    Attributes:
        data: The JSON object that ``--json`` prints.
        shown: What a person sees: text, a table, or several of them (`rich.console.Group`);
            nothing by default.
        code: The exit code: 0 done, 1 the work came out negative.
    """

    data: dict[str, Any]
    shown: RenderableType = ""
    code: int = 0


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object on the real stdout, in ASCII where that holds nothing else.

    What is no finite number is null: JSON knows neither NaN nor infinity.
    """
    stream = sys.__stdout__ or sys.stdout
    narrow = not (stream.encoding or "").lower().startswith("utf")
    try:
        json.dump(_finite(data), stream, indent=2, ensure_ascii=narrow, default=str)
        print(file=stream, flush=True)
    except BrokenPipeError:
        raise BrokenPipeError from None  # without a number, by which click would end it with 1


def _finite(value: Any) -> Any:
    """Return a value with None in place of numbers that are not finite.

    >>> _finite({"loss": [0.5, float("nan")], "epochs": 2})
    {'loss': [0.5, None], 'epochs': 2}
    """
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Listing(Table):
    """A table in which no name and no other word is ever cut.

    Where the terminal is too narrow for that, each row stands as a paragraph: its name, and below
    it what there is to say.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, or the paragraphs."""
        # Rich measures columns in private methods only.
        wide, room = options.update_width(1000), options.max_width - self._extra_width
        words = (self._measure_column(console, wide, column).minimum for column in self.columns)
        widths = self._calculate_column_widths(console, options.update_width(room))
        if all(word <= width for word, width in zip(words, widths, strict=True)):
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield self.title
        headers = [str(column.header) for column in self.columns]
        first = headers.index(next(filter(None, headers)))  # a bare number may stand before it
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            yield " ".join(map(str, cells[: first + 1]))
            for header, cell in zip(headers[first + 1 :], cells[first + 1 :], strict=True):
                if cell != "":
                    text = f"{header}: {cell}" if isinstance(cell, str) and header else cell
                    yield Padding(text, (0, 0, 0, 2))


def table(*columns: str, title: str = "") -> Table:
    """Return an empty table in the house's style.

        shown = table("model", ">parameters")
        shown.add_row("lenet5", "61,706")

    Args:
        columns: The columns' headings; a column named ``>name`` is set flush right.
        title: What stands above the table.
    """
    empty = Listing(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        right = column.startswith(">")
        empty.add_column(column.removeprefix(">"), justify="right" if right else "left")
    return empty


def facts(**named: str) -> Table:
    """Return a table of facts: a name and what there is to say of it, a line each.

    An underscore in a name is shown as a space: ``facts(free_disk="12 GB")``.
    """
    grid = Table.grid(padding=(0, 2))
    for name, text in named.items():
        grid.add_row(name.replace("_", " "), text)
    return grid
