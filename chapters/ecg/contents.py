"""What lies in a recording file: its leads, with what the file says of their rate and unit."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

KINDS = (
    "A recording is a WFDB record (.hea with .dat or .mat), a .mat of the challenge, a .edf, a "
    ".npy, or a table as text: one sample a line, or columns of time and leads."
)
VOLTS = {"nv": 1e-6, "µv": 1e-3, "uv": 1e-3, "microvolt": 1e-3, "mv": 1.0, "millivolt": 1.0,
         "v": 1e3, "volt": 1e3}  # fmt: skip
UNSTATED = {"", "n/a", "nu", "na", "adu", "au", "a.u."}


@dataclass(frozen=True)
class Lead:
    """One lead as a file has it.

    Attributes:
        name: What the file calls it, or its number from 1.
        samples: float64 of shape ``(n,)``; NaN where a sample is missing.
        rate: Samples per second; None where the file does not say.
        unit: Unit of the samples; None where the file does not say.
    """

    name: str
    samples: NDArray[np.float64]
    rate: float | None = None
    unit: str | None = None

    @property
    def scale(self) -> float | None:
        """How many mV the unit is; None where there is no unit, or it is no voltage."""
        return VOLTS.get(normalized_unit(self.unit)) if self.unit else None

    @property
    def may_be_an_ecg(self) -> bool:
        """Whether it is a voltage, as far as the file says."""
        return self.unit is None or self.scale is not None


@dataclass(frozen=True)
class Contents:
    """What lies in a file.

    Attributes:
        leads: Its leads, in the file's order.
        remarks: What a reader should know.
        numbers_only: Whether it is nothing but numbers, without a word on rate or unit.
    """

    leads: list[Lead]
    remarks: list[str] = field(default_factory=list)
    numbers_only: bool = False


def normalized_unit(unit: str) -> str:
    """Return a unit as `VOLTS` has it: small letters, one micro sign, no plural.

    >>> normalized_unit("(Microvolts)"), normalized_unit("µV")
    ('microvolt', 'µv')
    """
    small = unit.strip(" ()[]\"'").lower().replace("\u03bc", "µ")
    return small.removesuffix("s") if small.endswith("volts") else small


def stated(unit: str | None) -> str | None:
    """Return a unit, or None for one that says nothing."""
    return None if unit is None or unit.strip().lower() in UNSTATED else unit
