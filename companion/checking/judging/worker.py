"""The worker: it runs a learner's file and sends back raw arrays, and knows no answer.

The judge starts this file as a program of its own, with nothing of the book beside it but the
modules that it speaks through. Requests carry inputs; replies carry results, or what was raised.
No expected value, tolerance or score ever comes here, so whoever takes this process over can forge
outputs only, and these the judge compares.
"""

import contextlib
import importlib.util
import io
import itertools
import linecache
import os
import re
import sys
import traceback
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from companion.checking.judging import lockdown
if TYPE_CHECKING or __name__ != "__main__":
    from companion.checking.authoring import codec, description, rebuilding
else:
    # As a program it is told where its modules lie, and finds nothing else there afterwards.
    sys.path[:0] = sys.argv[1:]
    import codec
    import description
    import lockdown
    import rebuilding

    del sys.path[: len(sys.argv) - 1], sys.argv[1:]

Header = dict[str, Any]

MAX_NAMES = 1000
MAX_PRINTED = 2000
CELL = re.compile(rb"^# In \[\d+\]:$", re.MULTILINE)
DEFINED = re.compile(r"^def (\w{1,100})\b", re.MULTILINE)


class Printed(io.TextIOBase):
    """What an answer prints: the beginning is kept, for its learner, and the rest is dropped."""

    def __init__(self) -> None:
        self.text = ""

    @property
    def buffer(self) -> Any:
        """Bytes go nowhere."""
        assert sys.__stdout__ is not None
        return sys.__stdout__.buffer

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        if len(self.text) < MAX_PRINTED:
            self.text += text[: MAX_PRINTED - len(self.text)]
        return len(text)


class Answers:
    """A learner's file, run once, whose functions are then called by name."""

    def __init__(self) -> None:
        self.module = types.ModuleType("answers")
        self.file = ""
        self.arguments_passed: Any = None  # to the last call, as the answer left them
        self.nul_line: int | None = None  # the line of a NUL byte, which the compiler does not tell

    def reply(self, header: Header, payload: bytes) -> tuple[Header, list[bytes]]:
        """Return the answer to a request, and its raw bytes."""
        if header["ask"] == "load":
            return self.load(header, payload), []
        if header["ask"] == "call":
            with contextlib.redirect_stdout(Printed()) as printed:
                reply, blobs = self.call(header, payload)
            return {**reply, "printed": printed.text}, blobs
        return self.left() if header["ask"] == "left" else self.measure(header, payload)

    def load(self, header: Header, source: bytes) -> Header:
        """Run the file and return the names of what can be called in it."""
        self.nul_line = source.count(b"\n", 0, source.index(b"\0")) + 1 if b"\0" in source else None
        self.file = os.path.join(os.getcwd(), header["file"])
        name = header["file"].rpartition(".")[0]
        self.module = types.ModuleType(name if _is_free(name) else "answers")
        self.module.__file__ = self.file
        sys.modules[self.module.__name__] = self.module
        text = source.decode("utf-8", errors="replace")
        linecache.cache[self.file] = (len(source), None, text.splitlines(True), self.file)
        notebook = header["file"].lower().endswith(".ipynb")
        failed: Header = {}
        for cell in _cells(source) if notebook else [source]:
            try:
                exec(compile(cell, self.file, "exec", dont_inherit=True), vars(self.module))
            except BaseException as error:
                raised = self.raised(error)
                if not notebook:
                    return raised
                # As in a notebook, the cells behind it run; whose answers it had, is told.
                failed |= dict.fromkeys(DEFINED.findall(cell.decode(errors="replace")), raised)
        names = [name for name, value in vars(self.module).items() if callable(value)]
        names.sort(key=self._is_imported)  # what is cut off is not the learner's own
        callables = [name[:100] for name in names[:MAX_NAMES]]
        return {"names": callables, "failed": dict(itertools.islice(failed.items(), MAX_NAMES))}

    def _is_imported(self, name: str) -> bool:
        value = vars(self.module)[name]
        own = type(value) is types.FunctionType and value.__code__.co_filename == self.file
        return not own

    def call(self, header: Header, payload: bytes) -> tuple[Header, list[bytes]]:
        """Call one function and return its result, or what it raised."""
        arguments, keywords = self.arguments_passed = codec.decode(header.pop("arguments"), payload)
        try:
            value = getattr(self.module, header["name"])(*arguments, **keywords)
            if header["model"] is not None:
                value = description.described(value, header["model"])
            blobs: list[bytes] = []
            return {"value": codec.encode(value, blobs)}, blobs
        except BaseException as error:
            return self.raised(error), []

    def left(self) -> tuple[Header, list[bytes]]:
        """Return the arguments of the last call as they are now: the judge knows what they were."""
        blobs: list[bytes] = []
        return {"value": codec.encode(self.arguments_passed, blobs)}, blobs

    def measure(self, header: Header, payload: bytes) -> tuple[Header, list[bytes]]:
        """Return what a described model computes, or what was raised; no file is loaded then."""
        blobs: list[bytes] = []
        try:
            arguments = codec.decode(header["arguments"], payload)
            return {"value": codec.encode(rebuilding.measured(*arguments), blobs)}, blobs
        except BaseException as error:
            return self.raised(error), []

    def raised(self, error: BaseException) -> Header:
        """Return what was raised, and where in the learner's file."""
        line = None
        if isinstance(error, SyntaxError):
            line = error.lineno or self.nul_line
        elif isinstance(error, ValueError) and "null bytes" in str(error):  # Python before 3.11.4
            line = self.nul_line
        else:
            for frame, number in traceback.walk_tb(error.__traceback__):
                if frame.f_code.co_filename == self.file:
                    line = number
        message = ""
        with contextlib.suppress(BaseException):
            message = error.msg if isinstance(error, SyntaxError) else str(error)
        return {
            "raised": type(error).__name__[:100],
            "message": codec.one_line(str(message)[:5000])[:500],
            "line": line,
            "code": linecache.getline(self.file, line).strip()[:200] if line else "",
            "missing": str(error.name)[:100] if isinstance(error, ImportError) else None,
            "memory": isinstance(error, MemoryError),
            "unwritten": isinstance(error, NotImplementedError),
        }


def _cells(source: bytes) -> list[bytes]:
    """Return the cells of a notebook's Python, each behind so many empty lines as stood before."""
    edges = [*(match.start() for match in CELL.finditer(source)), len(source)]
    return [
        b"\n" * source.count(b"\n", 0, begin) + source[begin:end]
        for begin, end in itertools.pairwise(edges)
    ]


def _is_free(name: str) -> bool:
    """Say whether a module may bear a name: a file called numpy.py must not stand in for NumPy."""
    if not name.isidentifier() or name in sys.modules:
        return False
    try:
        return importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        return False


def send_reply(answers: Answers, header: Header, payload: bytes, outbox: BinaryIO) -> None:
    """Answer one request with one frame, whatever comes of it."""
    reply, blobs = answers.reply(header, payload)
    try:
        codec.send(outbox, reply, blobs)
    except codec.FrameError:
        codec.send(outbox, {"value": ["opaque", "value too large to be sent"]})
    except (ValueError, TypeError, RecursionError) as error:
        codec.send(outbox, answers.raised(error))


def serve(inbox: BinaryIO, outbox: BinaryIO, limit_processor: Callable[..., None]) -> None:
    """Answer requests until the judge hangs up."""
    answers = Answers()
    while True:
        header, payload = codec.receive(inbox)
        if header["ask"] == "load":
            limit_processor(header["seconds"])
        if "computing" in header:
            limit_processor(header["computing"], for_good=False)
        send_reply(answers, header, payload, outbox)


def main() -> None:
    """Lock this process, load the libraries, and serve."""
    # The pipes move out of the way: what an answer prints goes nowhere.
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null_device = os.open(os.devnull, os.O_RDWR)
    os.dup2(null_device, 0)
    os.dup2(null_device, 1)
    setup, _ = codec.receive(inbox)
    limit_memory = lockdown.memory_limiter(setup["memory"])
    reached = lockdown.lock(**setup["lock"])
    sys.path += setup["packages"]
    import numpy  # noqa: F401

    if setup["keras"]:
        import keras

        keras.utils.disable_interactive_logging()
    if limit_memory():
        reached.append("memory is limited")
    codec.send(outbox, {"reached": reached})
    os.dup2(null_device, 2)
    with contextlib.suppress(EOFError):
        serve(inbox, outbox, lockdown.limit_processor)
    os._exit(0)


if __name__ == "__main__":
    main()
