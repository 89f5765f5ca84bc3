"""Number formats: what 32 or 16 bits can say, and what they round away."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """A floating-point format: a sign, an exponent, a fraction.

    value = (−1)^s · 2^(e − bias) · (1 + f / 2^fraction)     0 < e < 2^exponent − 1   (IEEE 754)
    value = (−1)^s · 2^(1 − bias) · f / 2^fraction           e = 0, subnormal

    Attributes:
        name: What NumPy and Keras call it.
        exponent: How many bits the exponent e has.
        fraction: How many bits the fraction f has.
    """

    name: str
    exponent: int
    fraction: int

    @property
    def bits(self) -> int:
        """How many bits a number takes."""
        return 1 + self.exponent + self.fraction

    @property
    def bias(self) -> int:
        """What is subtracted from the exponent's bits."""
        return int(2 ** (self.exponent - 1) - 1)

    @property
    def epsilon(self) -> float:
        """The gap between 1 and the next number."""
        return 2.0**-self.fraction

    @property
    def smallest_normal(self) -> float:
        """The smallest number of full precision."""
        return 2.0 ** (1 - self.bias)

    @property
    def smallest(self) -> float:
        """The smallest number above 0; half of it and less is rounded to 0."""
        return self.smallest_normal * self.epsilon

    @property
    def largest(self) -> float:
        """The largest number; what rounds to more is infinite."""
        return (2 - self.epsilon) * 2.0**self.bias

    def decode(self, pattern: int) -> float:
        """Return the number that a pattern of bits stands for.

        >>> FORMATS["float16"].decode(0b0_01111_0000000001)
        1.0009765625

        Args:
            pattern: The bits, read as a whole number from 0.
        """
        sign = -1.0 if pattern >> (self.bits - 1) else 1.0
        e = pattern >> self.fraction & (1 << self.exponent) - 1
        f = pattern & (1 << self.fraction) - 1
        if e == (1 << self.exponent) - 1:
            return math.nan if f else sign * math.inf
        if e == 0:
            return sign * f * self.smallest
        return sign * math.ldexp(1 + f * self.epsilon, e - self.bias)

    def encode(self, value: float) -> int:
        """Return the bits of the nearest number; of two that are equally near, of the even one.

        >>> FORMATS["bfloat16"].decode(FORMATS["bfloat16"].encode(257.0))
        256.0

        Args:
            value: A float of Python, which has 64 bits.
        """
        sign = (1 << (self.bits - 1)) if math.copysign(1, value) < 0 else 0
        infinite = ((1 << self.exponent) - 1) << self.fraction
        if math.isnan(value):
            return infinite | 1 << (self.fraction - 1)
        if math.isinf(value) or abs(value) >= 2.0 ** (self.bias + 1):
            return sign | infinite
        # The exponent of 1.xxx · 2^e, but no lower than a subnormal's.
        e = max(math.frexp(value)[1] - 1, 1 - self.bias) if value else 1 - self.bias
        steps = round(math.ldexp(abs(value), self.fraction - e))  # Python rounds halves to even
        # A carry of the fraction goes into the exponent by itself, up to infinity.
        return sign | steps + (e + self.bias - 1 << self.fraction)


FORMATS = {
    one.name: one
    for one in (Format("float32", 8, 23), Format("bfloat16", 8, 7), Format("float16", 5, 10))
}
"""The formats that networks are trained in."""


def fate(counts: Mapping[int, int], scale: int, of: Format) -> dict[str, float]:
    """Return what becomes of gradients that are multiplied by a loss scale and stored.

    Args:
        counts: How many gradients have absolute values from 2^k up to 2^(k + 1), by k.
        scale: The loss scale, as an exponent of 2.
        of: The format.

    Returns:
        The shares that become 0, lose digits (subnormal), are kept, and become infinite.
    """
    lowest, normal, highest = 1 - of.bias - of.fraction, 1 - of.bias, of.bias
    shares = {"zero": 0, "subnormal": 0, "kept": 0, "infinite": 0}
    for k, count in counts.items():
        scaled = int(k) + scale
        if scaled < lowest - 1:  # from half of the smallest number on they are rounded up
            shares["zero"] += count
        elif scaled < normal:
            shares["subnormal"] += count
        elif scaled > highest:
            shares["infinite"] += count
        else:
            shares["kept"] += count
    total = sum(shares.values())
    return {name: count / total for name, count in shares.items()}
