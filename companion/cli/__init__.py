"""The command line: one verb a thing, ``--json`` on every one of them."""

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from companion import catalogue
from companion.console import Answer, err, out, print_json
from companion.errors import UserError

# Each module's verbs. A module is read when one of them is called, or all are listed.
MODULES = {
    "book": ("chapters", "models"),
    "site": ("site",),
    "exercises": ("start", "check", "hint", "solution", "prove"),
    "classroom": ("grade", "autograder"),
    "studies": ("study", "verify"),
    "training": ("train", "examine", "predict", "data", "doctor"),
}
CHECKING = ("exercises", "classroom")
VERBS = {verb: module for module, verbs in MODULES.items() for verb in verbs}
COMMANDS: dict[str, Callable[..., None]] = {}

# Options that several verbs take.
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Seed = Annotated[int, typer.Option(min=0, help="What the cases are drawn from.")]
Exercises = Annotated[
    str | None,
    typer.Option(
        metavar="CHAPTER|PATH",
        help="A chapter's name, or the Python file or package of an instructor's own exercises.",
    ),
]


class _Light:
    """Says that ``--help`` is off unless given: to find that out, Typer would load pydantic."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.default = False
        return option


class Verb(_Light, TyperCommand):
    """One verb."""


class Verbs(_Light, TyperGroup):
    """The verbs by name; what one of them needs is imported when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all verbs."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the verb's module and return its command; None for an unknown name."""
        if cmd_name not in VERBS:
            self.commands = dict.fromkeys(VERBS, self)  # what Typer takes the nearest name from
            return None
        if VERBS[cmd_name] in CHECKING:
            # A check multiplies small matrices: starting threads is half of NumPy's import.
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        importlib.import_module(f"{__name__}.{VERBS[cmd_name]}")
        verb = typer.Typer(add_completion=False)
        verb.command(cmd_name, cls=Verb)(COMMANDS[cmd_name])
        return typer.main.get_command(verb)


app = typer.Typer(
    cls=Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # reads what no verb needs

        out.print(f"companion {version('lecture-companion')}")
        raise typer.Exit


@app.callback()
def companion(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Learn deep learning beside five lectures: read, run, and be told why.

    With --chapters DIR, any verb takes your own chapters, in DIR, like the book's.
    """


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

    COMMANDS[function.__name__] = run
    return function


def main() -> None:
    """Run the command line: exit 0 done, 1 the work came out negative, 2 the call was wrong."""
    wants_json = "--json" in sys.argv
    try:
        code = app(_without_chapters(sys.argv[1:]), standalone_mode=False)
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


def _without_chapters(arguments: list[str]) -> list[str]:
    """Take `--chapters DIR` from a call, wherever it stands, and add that folder to the book."""
    rest = iter(arguments)
    left = []
    for argument in rest:
        option, _, folder = argument.partition("=")
        if option == "--chapters":
            catalogue.add_folder(folder or next(rest, ""))
        else:
            left.append(argument)
    return left


def refuse(message: str, wants_json: bool) -> int:
    """Say why the call cannot be carried out and return exit code 2."""
    if wants_json:
        print_json({"error": message})
    err.print(Text.assemble(("companion: ", "red"), message), soft_wrap=True)
    return 2
