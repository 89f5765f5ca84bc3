"""What crosses between judge and worker: plain values as JSON and raw bytes, in bounded frames.

The worker has this file as a module of its own and shuts itself in before it loads NumPy; so NumPy
is imported where it is used. The values that an answer is compared with are sent through here once,
to be as those that arrive.
"""

import json
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

Tree = Any
Header = dict[str, Any]

LENGTHS = struct.Struct(">II")
MAX_HEADER = 4 << 20
MAX_BYTES = 64 << 20
MAX_DEPTH = 20
MAX_DIMENSIONS = 8
MAX_ITEMS = 10_000
# Every integer of so many bits is a finite float, and is quickly written down.
MAX_BITS = 1000
PLAIN_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16)")


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class FrameError(ValueError):
    """What came through the pipe is no frame, or holds what a frame may not hold."""


class Opaque:
    """Stands for a value that cannot cross, and names its type."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return with_article(self.kind)


def one_line(text: str) -> str:
    r"""Return what an error says as one line: without colours, and what Keras lists behind it.

    >>> one_line("Calling Dense:\n\n\x1b[1mWrong.\x1b[0m\n\nArguments received by …")
    'Calling Dense: Wrong.'
    """
    return " ".join(COLOUR.sub("", text.partition("\n\nArguments received by")[0]).split())


def with_article(name: str) -> str:
    """Return a noun with the article that it is read with: an array, an LSTM, a dict."""
    return f"{'an' if name[:1] in 'AEIOaeio' or name.startswith('LSTM') else 'a'} {name}"


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
    if type(value) is int and value.bit_length() > MAX_BITS:
        return ["opaque", "huge number"]
    if value is None or type(value) in (bool, int, float, str):
        return ["plain", value]
    if isinstance(value, (Mapping, list, tuple)) and len(value) > MAX_ITEMS:
        return ["opaque", f"{type(value).__name__[:100]} of {len(value):,} values"]
    if isinstance(value, Mapping):
        items = [[str(key), encode(one, blobs, depth + 1)] for key, one in value.items()]
        return ["dict", items]
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return [kind, [encode(one, blobs, depth + 1) for one in value]]
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        # A subclass, or a tensor, arrives as the plain numbers that it holds.
        array = np.asarray(value)
        if array.ndim > MAX_DIMENSIONS:
            return ["opaque", f"{type(value).__name__[:100]} of {array.ndim} dimensions"]
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
    """Return a value and the bytes behind its own."""
    kind, content, *shape = tree
    if depth > MAX_DEPTH + 1:
        raise FrameError("Nested too deeply.")
    if type(content) is int and content.bit_length() > MAX_BITS:
        raise FrameError("A number is too large.")
    if kind == "plain" and (content is None or type(content) in (bool, int, float, str)):
        return content, payload
    if kind == "opaque":
        return Opaque(str(content)[:100]), payload
    if kind in ("array", "scalar") and PLAIN_DTYPE.fullmatch(content):
        array, payload = _decode_array(content, shape[0], payload)
        return (array[()] if kind == "scalar" else array), payload
    if kind == "dict":
        items = {}
        for name, one in content:
            items[str(name)], payload = _decode(one, payload, depth + 1)
        return items, payload
    if kind in ("list", "tuple"):
        values = []
        for one in content:
            value, payload = _decode(one, payload, depth + 1)
            values.append(value)
        return (tuple(values) if kind == "tuple" else values), payload
    raise FrameError(f"No kind of value: {kind!r:.40}")


def _decode_array(dtype: str, sizes: Any, payload: memoryview) -> tuple[Any, memoryview]:
    """Return an array of a shape, and the bytes behind its own."""
    import numpy as np

    if any(type(size) is not int or size < 0 for size in sizes) or len(sizes) > MAX_DIMENSIONS:
        raise FrameError("No shape.")
    count = np.dtype(dtype).itemsize
    for size in sizes:
        count *= size
    if count > len(payload):
        raise FrameError("There are fewer bytes than values.")
    return np.frombuffer(payload[:count], dtype).reshape(sizes).copy(), payload[count:]


def nbytes(value: Any) -> int:
    """Return how many bytes the arrays of a decoded value take."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return sum(map(nbytes, value))
    return int(getattr(value, "nbytes", 0))


def copied(value: Any) -> Any:
    """Return `value` as it arrives on the other side of the pipe."""
    blobs: list[bytes] = []
    tree = encode(value, blobs)
    return decode(tree, b"".join(blobs))
