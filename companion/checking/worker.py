"""The worker: it runs a learner's file and sends back raw arrays, and knows no answer.

The judge starts this file as a program of its own, with nothing of the book beside it, and talks to
it in frames: two lengths, a JSON header, raw bytes. Requests carry inputs; replies carry results,
or what was raised. No expected value, tolerance or score ever comes here, so whoever takes this
process over can forge outputs only, and these the judge compares.
"""

import contextlib
import importlib.util
import json
import linecache
import os
import re
import struct
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

Tree = Any
Header = dict[str, Any]

LENGTHS = struct.Struct(">II")
MAX_HEADER = 4 << 20
MAX_BYTES = 64 << 20
MAX_DEPTH = 20
MAX_NAMES = 1000
PLAIN_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16)")


class FrameError(ValueError):
    """What came through the pipe is no frame, or holds what a frame may not hold."""


class Opaque:
    """Stands for a value that cannot cross, and names its type."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"a {self.kind}"


# -- frames -------------------------------------------------------------------------------------


def send(stream: BinaryIO, header: Header, blobs: Sequence[bytes] = ()) -> None:
    """Write one frame.

    Raises:
        FrameError: If it is too large to cross.
    """
    text = json.dumps(header).encode()
    total = sum(map(len, blobs))
    if len(text) > MAX_HEADER or total > MAX_BYTES:
        raise FrameError(f"{total + len(text):,} bytes are too many to send.")
    stream.write(LENGTHS.pack(len(text), total) + text)
    for blob in blobs:
        stream.write(blob)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[Header, bytes]:
    """Read one frame.

    Raises:
        EOFError: If the stream ends.
        FrameError: If what comes is no frame.
    """
    length, total = LENGTHS.unpack(_exactly(stream, LENGTHS.size))
    if length > MAX_HEADER or total > MAX_BYTES:
        raise FrameError(f"A frame of {length + total:,} bytes is too large.")
    text = _exactly(stream, length)
    payload = _exactly(stream, total)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError("The frame's header is no JSON.") from error
    if not isinstance(header, dict):
        raise FrameError("The frame's header is no object.")
    return header, payload


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def encode(value: Any, blobs: list[bytes], depth: int = 0) -> Tree:
    """Return `value` as plain JSON, its arrays' bytes appended to `blobs`."""
    import numpy as np

    if depth > MAX_DEPTH:
        return ["opaque", "value nested too deeply"]
    if value is None or type(value) in (bool, int, float, str):
        return ["plain", value]
    if isinstance(value, Mapping):
        items = [[str(key), encode(one, blobs, depth + 1)] for key, one in value.items()]
        return ["dict", items]
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return [kind, [encode(one, blobs, depth + 1) for one in value]]
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        # A subclass, or a tensor, arrives as the plain numbers that it holds.
        array = np.asarray(value)
        if PLAIN_DTYPE.fullmatch(array.dtype.str):
            blobs.append(array.tobytes())
            scalar = isinstance(value, np.generic)
            return ["scalar" if scalar else "array", array.dtype.str, list(array.shape)]
        return ["opaque", f"array of {array.dtype}"]
    return ["opaque", type(value).__name__[:100]]


def decode(tree: Tree, payload: bytes) -> Any:
    """Return the value that `encode` made `tree` and `payload` from; arrays are new and writable.

    Raises:
        FrameError: If it is not something that `encode` makes.
    """
    try:
        value, rest = _decode(tree, memoryview(payload), 0)
    except (TypeError, ValueError, IndexError, OverflowError, MemoryError) as error:
        raise FrameError(f"No value: {error}") from error
    if len(rest):
        raise FrameError("There are more bytes than values.")
    return value


def _decode(tree: Tree, payload: memoryview, depth: int) -> tuple[Any, memoryview]:
    import numpy as np

    kind, content, *shape = tree
    if depth > MAX_DEPTH + 1:
        raise FrameError("Nested too deeply.")
    if kind == "plain" and (content is None or type(content) in (bool, int, float, str)):
        return content, payload
    if kind == "opaque":
        return Opaque(str(content)[:100]), payload
    if kind in ("array", "scalar") and PLAIN_DTYPE.fullmatch(content):
        dtype, sizes = np.dtype(content), shape[0]
        if any(type(size) is not int or size < 0 for size in sizes) or len(sizes) > 32:
            raise FrameError("No shape.")
        count = dtype.itemsize
        for size in sizes:
            count *= size
        if count > len(payload):
            raise FrameError("There are fewer bytes than values.")
        array = np.frombuffer(payload[:count], dtype).reshape(sizes).copy()
        return (array[()] if kind == "scalar" else array), payload[count:]
    if kind == "dict":
        found = {}
        for name, one in content:
            found[str(name)], payload = _decode(one, payload, depth + 1)
        return found, payload
    if kind in ("list", "tuple"):
        values = []
        for one in content:
            value, payload = _decode(one, payload, depth + 1)
            values.append(value)
        return (tuple(values) if kind == "tuple" else values), payload
    raise FrameError(f"No kind of value: {kind!r:.40}")


def copied(value: Any) -> Any:
    """Return `value` as it arrives on the other side of the pipe."""
    blobs: list[bytes] = []
    tree = encode(value, blobs)
    return decode(tree, b"".join(blobs))


# -- models -------------------------------------------------------------------------------------


def describe(model: Any) -> list[dict[str, Any]]:
    """Return a Keras model as rows, one a layer: class, config, output shape, parameters.

    A function of ``keras.ops`` on the tensors themselves is a row, too.
    """
    import keras

    rows = []
    for layer in getattr(model, "operations", model.layers):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):
            rows += describe(layer)
            continue
        rows.append(
            {
                "name": layer.name[:100],
                "layer": type(layer).__name__[:100],
                "lambda": isinstance(layer, keras.layers.Lambda),
                "config": _config(layer),
                "shape": _shape(layer),
                "parameters": int(layer.count_params()) if getattr(layer, "built", False) else 0,
            }
        )
        inner = getattr(layer, "layer", None)
        if isinstance(inner, keras.layers.Layer):
            rows[-1]["layer"] += f"({type(inner).__name__[:100]})"
            rows[-1]["config"] |= _config(inner)
    return rows


def _config(layer: Any) -> dict[str, Any]:
    """Return the plain values of a layer's config, its penalties, and its activation's name."""
    import keras

    try:
        with warnings.catch_warnings(action="ignore"):  # a lambda cannot be saved, nor is it here
            config = layer.get_config()
    except NotImplementedError:
        return {}
    kept: dict[str, Any] = {}
    for key, value in config.items():
        if key in ("name", "dtype", "trainable", "batch_shape", "build_config", "seed"):
            continue
        function = getattr(layer, key, None) if key.endswith("activation") else None
        if isinstance(function, keras.layers.Layer):
            kept |= {**_config(function), key: type(function).__name__[:100]}
        elif callable(function):
            called = getattr(function, "__name__", type(function).__name__)
            kept[key] = called.removesuffix("_v2")[:100]  # as TensorFlow calls its softmax
        elif key.endswith(("_regularizer", "_constraint")) and isinstance(value, dict):
            kept[key] = f"{value.get('class_name')} {value.get('config')}"[:200]
        elif isinstance(value, (list, tuple)):
            if all(isinstance(one, (bool, int, float, str)) for one in value):
                kept[key] = list(value)
        elif value is None or isinstance(value, (bool, int, float, str)):
            kept[key] = value
    return kept


def _shape(layer: Any) -> list[int | None] | None:
    try:
        return [None if size is None else int(size) for size in layer.output.shape]
    except (AttributeError, ValueError, TypeError):
        return None


def outputs(model: Any, weights: Sequence[Any], inputs: Sequence[Any]) -> list[Any] | None:
    """Return the model's outputs under these weights, or None where they do not fit it."""
    import keras

    if [tuple(one.shape) for one in model.weights] != [one.shape for one in weights]:
        return None
    model.set_weights(list(weights))
    with warnings.catch_warnings():
        # Whether one input is given alone or in a list is the builder's choice.
        warnings.filterwarnings("ignore", message="The structure of `inputs`")
        found = model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
    found = found if isinstance(found, (list, tuple)) else [found]
    return [keras.ops.convert_to_numpy(one) for one in found]


def described(model: Any) -> dict[str, Any]:
    """Return what the judge compares of a model before it is run: its rows, its weights' shapes.

    Raises:
        TypeError: If it is no Keras model.
        ValueError: If it has no shapes.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"A Keras model is to be returned. Received: a {type(model).__name__}.")
    if not model.built:
        raise ValueError("The model has no shapes yet: begin it with keras.Input(shape).")
    return {
        "rows": json.dumps(describe(model)),
        "shapes": json.dumps([list(one.shape) for one in model.weights]),
    }


def built(model: Any, weights: Sequence[Any], inputs: Sequence[Any]) -> dict[str, Any]:
    """Return what the judge compares of a model: its description, and its outputs."""
    found = described(model)
    found["outputs"] = outputs(model, weights, inputs) if weights or inputs else None
    return found


# -- the learner's file -------------------------------------------------------------------------


class Answers:
    """A learner's file, run once, whose functions are then called by name."""

    def __init__(self) -> None:
        self.module = types.ModuleType("answers")
        self.file = ""
        self.model: Any = None  # what was built last
        self.nul: int | None = None  # the line of a NUL byte, which the compiler does not tell

    def load(self, header: Header, source: bytes) -> Header:
        """Run the file and return the names of what can be called in it."""
        self.nul = source.count(b"\n", 0, source.index(b"\0")) + 1 if b"\0" in source else None
        self.file = os.path.join(os.getcwd(), header["file"])
        name = header["file"].rpartition(".")[0] or "answers"
        # A file called numpy.py must not stand in for NumPy.
        taken = not name.isidentifier() or importlib.util.find_spec(name) is not None
        self.module = types.ModuleType("answers" if taken else name)
        self.module.__file__ = self.file
        sys.modules[self.module.__name__] = self.module
        text = source.decode("utf-8", errors="replace")
        linecache.cache[self.file] = (len(source), None, text.splitlines(True), self.file)
        try:
            exec(compile(source, self.file, "exec", dont_inherit=True), vars(self.module))
        except BaseException as error:
            return self.raised(error)
        names = [name for name, value in vars(self.module).items() if callable(value)]
        names.sort(key=self._is_imported)  # what is cut off is not the learner's own
        return {"names": [name[:100] for name in names[:MAX_NAMES]]}

    def _is_imported(self, name: str) -> bool:
        value = vars(self.module)[name]
        own = type(value) is types.FunctionType and value.__code__.co_filename == self.file
        return not own

    def call(self, header: Header, payload: bytes) -> tuple[Header, list[bytes]]:
        """Call one function and return its result, or what it raised."""
        arguments, named = decode(header["arguments"], payload)
        before: list[bytes] = []
        sent = encode([arguments, named], before)
        try:
            value = getattr(self.module, header["name"])(*arguments, **named)
            if header["model"]:
                self.model, value = value, described(value)
            blobs: list[bytes] = []
            tree = encode(value, blobs)
            after: list[bytes] = []
            kept = encode([arguments, named], after) == sent and after == before
            return {"value": tree, "changed": not kept}, blobs
        except BaseException as error:
            return self.raised(error), []

    def run(self, header: Header, payload: bytes) -> tuple[Header, list[bytes]]:
        """Return the outputs of the model built last, or what it raised."""
        weights, inputs = decode(header["arguments"], payload)
        blobs: list[bytes] = []
        try:
            found = encode(outputs(self.model, weights, inputs), blobs)
            return {"value": found, "changed": False}, blobs
        except BaseException as error:
            return self.raised(error), []

    def raised(self, error: BaseException) -> Header:
        """Return what was raised, and where in the learner's file."""
        line = None
        if isinstance(error, SyntaxError):
            line = error.lineno or self.nul
        else:
            for frame, number in traceback.walk_tb(error.__traceback__):
                if frame.f_code.co_filename == self.file:
                    line = number
        message = ""
        with contextlib.suppress(BaseException):
            message = error.msg if isinstance(error, SyntaxError) else str(error)
        return {
            "raised": type(error).__name__[:100],
            "message": str(message)[:500],
            "line": line,
            "code": linecache.getline(self.file, line).strip()[:200] if line else "",
            "missing": str(error.name)[:100] if isinstance(error, ImportError) else None,
            "memory": isinstance(error, MemoryError),
            "unwritten": isinstance(error, NotImplementedError),
        }


def serve(inbox: BinaryIO, outbox: BinaryIO, limit_processor: Callable[[float], None]) -> None:
    """Answer requests until the judge hangs up."""
    answers = Answers()
    while True:
        header, payload = receive(inbox)
        blobs: list[bytes] = []
        if header["ask"] == "load":
            limit_processor(header["seconds"])
            reply = answers.load(header, payload)
        elif header["ask"] == "call":
            reply, blobs = answers.call(header, payload)
        else:
            reply, blobs = answers.run(header, payload)
        try:
            send(outbox, reply, blobs)
        except (FrameError, ValueError, TypeError, RecursionError) as error:
            send(outbox, answers.raised(error))


def main() -> None:
    """Lock this process, load the libraries, and serve."""
    # The pipes move out of the way: what an answer prints goes nowhere.
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 0)
    os.dup2(silence, 1)
    setup, _ = receive(inbox)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import lockdown  # beside this file, wherever that is

    del sys.path[0]
    limit_memory = lockdown.memory_limiter(setup["memory"])
    reached = lockdown.lock(**setup["lock"])
    sys.path += setup["packages"]
    import numpy  # noqa: F401

    if setup["keras"]:
        import keras

        keras.utils.disable_interactive_logging()
    if limit_memory():
        reached.append("memory is limited")
    send(outbox, {"reached": reached})
    os.dup2(silence, 2)
    with contextlib.suppress(EOFError):
        serve(inbox, outbox, lockdown.limit_processor)
    os._exit(0)


if __name__ == "__main__":
    main()
