"""What crosses the pipe between judge and worker: plain values unchanged, others by name alone."""

import json

import numpy as np
import pytest

from companion.checking.authoring.codec import FrameError, copied, decode, encode


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        2.5,
        "text",
        [1, (2, {"a": 3.0})],
        np.float32(2),
        np.zeros((0, 3)),
        np.arange(6).reshape(2, 3).T,
        np.array(True),
        np.array([1 + 2j]),
    ],
)
def test_values_cross_the_pipe_unchanged(value):
    came = copied(value)
    assert type(came) is type(value)
    assert np.array_equal(came, value) if isinstance(value, np.ndarray) else came == value


def test_a_copied_array_can_be_written_to():
    copied(np.zeros(3))[0] = 1


@pytest.mark.parametrize("value", [object(), print, np.array([None]), np.array(["text"])])
def test_what_is_no_plain_value_crosses_by_its_name_alone(value):
    assert repr(copied(value)).startswith(("a ", "an "))


@pytest.mark.parametrize(
    ("tree", "payload"),
    [
        (["array", "<f8", [2]], bytes(8)),
        (["array", "<f8", [1]], bytes(16)),
        (["array", "<f8", [-1]], bytes(8)),
        (["array", "|O", [1]], bytes(8)),
        (["array", "<f8", [10**30, 10**30]], b""),
        (["array", "V1000000000", [1]], b""),
        (["array", "<f8", ["1"]], bytes(8)),
        (["plain", [1]], b""),
        (["dict", [1]], b""),
        (["list", 3], b""),
        (["code", "x"], b""),
        ([], b""),
        (3, b""),
        (None, b""),
    ],
)
def test_forged_values_are_refused(tree, payload):
    with pytest.raises(FrameError):
        decode(tree, payload)


def test_a_value_without_end_is_cut():
    endless = []
    endless.append(endless)
    blobs = []
    assert "nested too deeply" in json.dumps(encode(endless, blobs))
