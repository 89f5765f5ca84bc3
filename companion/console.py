"""Where words go: results to stdout, everything else to stderr."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import Console, RenderableType

out = Console()
err = Console(stderr=True)


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
