"""The command line: one verb a thing, ``--json`` on every one of them."""

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, TextIO, TypeVar

import typer
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from companion import catalogue
from companion.console import Answer, err, out, print_json
from companion.errors import UserError

Function = TypeVar("Function", bound=Callable[..., Answer])

# Each module's verbs. A module is read when one of them is called, or all are listed.
MODULES = {
    "book": ("chapters", "models"),
    "site": ("site",),
    "exercises": ("start", "check", "hint", "solution", "prove"),
    "progress": ("progress",),
    "classroom": ("grade", "autograder"),
    "studies": ("study", "verify"),
    "training": ("train", "examine"),
    "prediction": ("predict",),
    "machine": ("data", "doctor"),
}
CHECKING = ("exercises", "classroom")  # the modules whose verbs run answers
VERBS = {verb: module for module, verbs in MODULES.items() for verb in verbs}
# What each verb runs; `command` adds those of a module when it is imported.
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
    """Says that ``--help`` is off unless given: to find that out, Typer would load pydantic.

    Contexts and options are typed Any: some versions of Typer bring a click of their own.
    """

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
    """Print the version and end, if ``--version`` is given."""
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


def command(function: Function) -> Function:
    """Make `function` a verb of the command line, of its own name.

    The function takes a keyword ``json`` and returns an `Answer`. While it runs under ``--json``,
    whatever it or a library prints goes to stderr, so that stdout holds the object alone. A
    `UserError` that it raises is said, and the command ends with exit code 2.

        @command
        def where(name: str, json: Json = False) -> Answer:
            '''Say where a chapter lies.'''
            folder = str(catalogue.find_chapter(name).folder)
            return Answer({"folder": folder}, folder)

    `MODULES` lists the verb, too. The function comes back as it is, to be called from Python.
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
    """Run the command line, and exit.

    The exit code is 0 when the work is done, 1 when it came out negative and 2 when the call was
    wrong or a file could not be read or written; 130 after Ctrl-C, and 141 when the reader of a
    pipe has gone, as other programs end then.
    """
    wants_json = "--json" in sys.argv
    _settle_streams()
    try:
        code = _called(sys.argv[1:], wants_json)
        sys.stdout.flush()
    except BrokenPipeError:
        # `companion models | head`
        _throw_away(sys.stdout, sys.stderr)
        code = 128 + 13  # SIGPIPE
    except OSError as error:
        if error.filename is None:  # it is stdout that takes no more
            _throw_away(sys.stdout)
        file = f" ({error.filename})" if error.filename else ""
        code = refuse(
            f"{error.strerror or error}{file}. Nothing more was done: name another folder or "
            "file, or change what this one allows.",
            wants_json,
        )
    sys.exit(code)


def _called(arguments: list[str], wants_json: bool) -> int:
    """Carry out a call, or say why not, and return its exit code."""
    try:
        return app(_without_chapters(arguments), standalone_mode=False) or 0
    except UserError as error:
        return refuse(str(error), wants_json)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # A wrong option or argument: whichever click typer speaks through, such an error knows
        # its exit code and its message.
        if not hasattr(error, "exit_code") or not hasattr(error, "format_message"):
            raise
        call = getattr(getattr(error, "ctx", None), "command_path", "")
        hint = f" `{call} --help` says what it takes." if call else ""
        return refuse(f"{error.format_message()}{hint}", wants_json)


def _settle_streams() -> None:
    """Let every character be printed somehow, and printing work where nothing listens."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller (`>&-`)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _throw_away(*streams: TextIO) -> None:
    """Send what is printed from here on nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        with contextlib.suppress(OSError, ValueError):  # one that is no file of the system's
            os.dup2(nowhere, stream.fileno())


def _without_chapters(arguments: list[str]) -> list[str]:
    """Take `--chapters DIR` from a call, wherever it stands, and add that folder to the book.

    Raises:
        UserError: If no folder follows.
    """
    rest = iter(arguments)
    left = []
    for argument in rest:
        option, given, folder = argument.partition("=")
        if option != "--chapters":
            left.append(argument)
            continue
        folder = folder if given else next(rest, "")
        if not folder or folder.startswith("-"):
            raise UserError(
                f"--chapters takes the folder of your own chapters, --chapters DIR. "
                f"Received: {folder or 'nothing'}."
            )
        catalogue.add_folder(folder)
    return left


def refuse(message: str, wants_json: bool) -> int:
    """Say why the call cannot be carried out and return exit code 2."""
    if wants_json:
        print_json({"error": message})
    err.print(Text.assemble(("companion: ", "red"), message), soft_wrap=True)
    return 2
