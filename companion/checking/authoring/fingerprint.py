"""Fingerprints: two wrong answers that compute the same have the same one, whoever wrote them."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from companion.checking.authoring.comparison import as_array, shape_of

MAX_NUMBERS = 100_000
MAX_PARTS = 100
GOLDEN = (5**0.5 - 1) / 2


def fingerprint(values: Iterable[Any]) -> str:
    """Return a digest of what an answer made of the cases, the same whatever rounding did to it.

    >>> fingerprint([np.array([1.0, 3.0])]) == fingerprint([[1.0000001, 3]])
    True
    >>> fingerprint([np.array([1.0, 3.0])]) == fingerprint([[3.0, 1.0]])
    False
    """
    return hashlib.sha256("\n".join(map(_summary, values)).encode()).hexdigest()[:16]


def _summary(value: Any) -> str:
    """Return a value's shape and two weighted means of its numbers, to three digits."""
    if shape_of(value) is not None and (array := as_array(value)) is not None:
        return f"{array.shape} {_means(array)}"
    if isinstance(value, dict):
        parts = sorted(value.items())[:MAX_PARTS]
        return "{" + ", ".join(f"{name[:100]}: {_summary(one)}" for name, one in parts) + "}"
    if isinstance(value, (list, tuple)):
        return f"{len(value)} (" + ", ".join(map(_summary, value[:MAX_PARTS])) + ")"
    return repr(value[:100] if isinstance(value, str) else value)[:200]


def _means(array: np.ndarray[Any, Any]) -> str:
    """Return one mean of sizes and one of values; weights differ, so that the order counts."""
    flat = array.reshape(-1)[:MAX_NUMBERS]
    flat = flat.astype(complex if flat.dtype.kind == "c" else float)
    finite = np.isfinite(flat)
    weights = 1 + np.arange(1, flat.size + 1) * GOLDEN % 1
    values = np.where(finite, flat, 0)
    with np.errstate(all="ignore"):
        size = float(np.sum(weights * abs(values)) / max(1, flat.size))
        mean = complex(np.sum(weights * values) / max(1, flat.size)) / (size or 1.0)
    endless = "" if finite.all() else str(np.flatnonzero(~finite)[:10].tolist())
    real, imaginary = round(mean.real, 3) + 0.0, round(mean.imag, 3) + 0.0  # no -0.000
    return f"{size:.3g} {real:.3f} {imaginary:.3f} {endless}"
