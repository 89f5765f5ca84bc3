"""The command line: one verb a thing, ``--json`` on every one of them."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.text import Text

from companion.console import Answer, err, out, print_json
from companion.errors import UserError

app = typer.Typer(
    name="companion",
    help="Learn deep learning beside five lectures: read, run, and be told why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def command(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Make `function` a verb of the command line.

    The function takes a keyword ``json`` and returns an `Answer`. While it runs under ``--json``,
    whatever it or a library prints goes to stderr, so that stdout holds the object alone.
    """

    @functools.wraps(function)
    def run(**arguments: Any) -> None:
        if not arguments["json"]:
            answer = function(**arguments)
            if answer.shown != "":
                out.print(answer.shown)
        else:
            with contextlib.redirect_stdout(sys.stderr):
                answer = function(**arguments)
            print_json(answer.data)
        raise typer.Exit(answer.code)

    app.command(function.__name__.rstrip("_"))(run)
    return function


def main() -> None:
    """Run the command line: exit 0 done, 1 the work came out negative, 2 the call was wrong."""
    # Importing a group adds its verbs.
    from companion.cli import book, exercises, studies, training  # noqa: F401

    arguments = sys.argv[1:]
    wants_json = "--json" in arguments
    try:
        code = app(arguments, standalone_mode=False)
    except UserError as error:
        code = refuse(str(error), wants_json)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader of a pipe has gone (`companion models | head`): nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        # A wrong option or argument: whichever click typer speaks through, such an error knows
        # its exit code and its message.
        if not hasattr(error, "exit_code") or not hasattr(error, "format_message"):
            raise
        code = refuse(error.format_message(), wants_json)
    sys.exit(code or 0)


def refuse(message: str, wants_json: bool) -> int:
    """Say why the call cannot be carried out and return exit code 2."""
    if wants_json:
        print_json({"error": message})
    err.print(Text.assemble(("companion: ", "red"), message), soft_wrap=True)
    return 2
