"""What crosses between the judge and a worker, and what is refused."""

import functools
import io

import numpy as np
import pytest

from companion.checking.authoring.codec import (
    LENGTHS,
    MAX_HEADER,
    FrameError,
    copied,
    decode,
    nbytes,
    receive,
    send,
    with_article,
)


def nested(value, depth, wrap=lambda inner: [inner]):
    return functools.reduce(lambda inner, _: wrap(inner), range(depth), value)


WRAPS = pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])


@WRAPS
def test_a_value_crosses_up_to_20_levels_deep(wrap):
    assert copied(nested(7, 20, wrap)) == nested(7, 20, wrap)
    assert "a value nested too deeply" in repr(copied(nested(7, 21, wrap)))


@pytest.mark.parametrize(
    "wrap", [lambda tree: ["list", [tree]], lambda tree: ["dict", [["a", tree]]]]
)
def test_a_forged_value_is_read_no_deeper_than_a_true_one(wrap):
    decode(nested(["plain", 7], 21, wrap), b"")
    with pytest.raises(FrameError, match="Nested too deeply"):
        decode(nested(["plain", 7], 22, wrap), b"")


@pytest.mark.parametrize("value", [np.zeros((1,) * 8), 2**1000 - 1, [0] * 10_000])
def test_the_largest_value_crosses_whole(value):
    assert np.array_equal(copied(value), value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.zeros((1,) * 9), "a ndarray of 9 dimensions"),
        (2**1000, "a huge number"),
        ([0] * 10_001, "a list of 10,001 values"),
        (np.array([None]), "an array of object"),
        (object(), "an object"),
        (len, "a builtin_function_or_method"),
    ],
    ids=["dimensions", "bits", "items", "array of objects", "object", "function"],
)
def test_what_is_larger_or_of_another_kind_crosses_by_its_name(value, name):
    assert repr(copied(value)) == name


class Tensor:
    """What another library calls an array."""

    def __array__(self, dtype=None, copy=None):
        return np.arange(3.0)


def test_a_tensor_of_any_library_crosses_as_its_numbers():
    assert copied({"a": [Tensor()]})["a"][0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("tree", "payload"),
    [
        (["plain", 2**1000], b""),
        (["array", "|b1", [1] * 9], bytes(1)),
    ],
    ids=["a huge number", "nine dimensions"],
)
def test_what_no_worker_sends_is_refused(tree, payload):
    with pytest.raises(FrameError):
        decode(tree, payload)


@pytest.mark.parametrize(
    ("name", "words"),
    [("array", "an array"), ("LSTM", "an LSTM"), ("Layer", "a Layer"), ("dict", "a dict")],
)
def test_a_noun_has_the_article_that_it_is_read_with(name, words):
    assert with_article(name) == words


def test_a_frame_crosses_with_its_bytes():
    stream = io.BytesIO()
    send(stream, {"ask": "load"}, [b"a", b"bc"])
    stream.seek(0)
    assert receive(stream) == ({"ask": "load"}, b"abc")


@pytest.mark.parametrize(
    ("header", "blobs", "count"),
    [({"a": "x" * MAX_HEADER}, [], "4,194,313"), ({}, [bytes(1 << 20)] * 65, "68,157,442")],
    ids=["header", "bytes"],
)
def test_a_frame_that_is_too_large_is_not_sent(header, blobs, count):
    stream = io.BytesIO()
    with pytest.raises(FrameError, match=f"{count} bytes are too many to send"):
        send(stream, header, blobs)
    assert stream.getvalue() == b""


@pytest.mark.parametrize("lengths", [(2**32 - 1, 0), (0, 2**32 - 1)])
def test_a_frame_that_is_too_large_is_not_read(lengths):
    with pytest.raises(FrameError, match="A frame of 4,294,967,295 bytes is too large"):
        receive(io.BytesIO(LENGTHS.pack(*lengths)))


@pytest.mark.parametrize("text", [b"", LENGTHS.pack(2, 0), LENGTHS.pack(2, 3) + b"{}ab"])
def test_a_frame_that_breaks_off_is_the_end_of_the_stream(text):
    with pytest.raises(EOFError):
        receive(io.BytesIO(text))


@pytest.mark.parametrize(
    "text", [b"{", b"\xff", b"[" * 100_000, b"[]"], ids=["cut", "no text", "deep", "a list"]
)
def test_what_has_no_header_is_no_frame(text):
    with pytest.raises(FrameError, match="The frame's header is no"):
        receive(io.BytesIO(LENGTHS.pack(len(text), 0) + text))


def test_the_bytes_of_all_arrays_in_a_value_are_counted():
    assert nbytes({"a": [np.zeros(3), 2.0], "b": np.float32(1)}) == 28
