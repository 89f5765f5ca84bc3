"""A MATLAB file of version 4 holds a header of five numbers, a name, and then the matrix itself."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import UserError

# The tens digit of the type number says how a number is stored.
STORED = {0: "f8", 1: "f4", 2: "i4", 3: "i2", 4: "u2", 5: "u1"}


def read_mat4(contents: bytes) -> NDArray[Any]:
    """Return the first matrix of a MATLAB file of version 4.

    PhysioNet's challenges ship recordings so: one matrix ``val`` of int16, a row for each lead.

    Args:
        contents: The file's bytes.

    Returns:
        The matrix, of shape ``(rows, columns)``, as it is stored.

    Raises:
        UserError: If this is no such file, or its end is missing.
    """
    if len(contents) < 20:
        raise UserError(f"A MATLAB file has a header of 20 bytes. Received: {len(contents)} bytes.")
    kind, rows, columns, imaginary, length = struct.unpack("<5i", contents[:20])
    stored = STORED.get(kind // 10)
    if not 0 <= kind < 60 or kind % 10 or stored is None or min(rows, columns) < 0 or imaginary:
        raise UserError(
            "This is no matrix of real numbers in a little-endian MATLAB file of version 4 "
            "(`save -v4`). A newer file: scipy.io.loadmat reads it, and numpy.save writes what "
            "can be read here."
        )
    start = 20 + length
    size = rows * columns * np.dtype(stored).itemsize
    if len(contents) - start < size:
        raise UserError(
            f"The file is cut off: its header tells of {rows}×{columns} numbers, {size} bytes. "
            f"Received: {max(0, len(contents) - start)} bytes."
        )
    values = np.frombuffer(contents, "<" + stored, rows * columns, start)
    return values.reshape(columns, rows).T
