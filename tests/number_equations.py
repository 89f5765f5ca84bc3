"""Numbers as a page prints them, and whether an equation of them holds."""

import contextlib
import math
import re
from dataclasses import dataclass

import numpy as np

NUMBER = re.compile(
    r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\d.]*\d)(?:(?:\s|\\[,;]|&nbsp;)*\\?%)?"
)


@dataclass(frozen=True)
class Printed:
    """A number as it is printed.

    >>> Printed.read("1,234"), Printed.read(r"9.5\\,\\%").value
    (Printed(text='1,234', value=1234.0, unit=1.0), 0.095)
    """

    text: str
    value: float
    unit: float

    @classmethod
    def read(cls, text):
        digits = re.match(r"[\d,]+(?:\.\d+)?", text)[0].replace(",", "")
        scale = 0.01 if "%" in text else 1.0
        places = len(digits.partition(".")[2])
        return cls(" ".join(text.split()), float(digits) * scale, scale * 10.0**-places)

    @property
    def held(self):
        """Whether a number like this must come from somewhere."""
        return "." in self.text or "%" in self.text or self.value >= 100

    def rounds(self, values):
        """Whether one of the values is printed like this."""
        values = np.abs(np.asarray(values, float))
        return bool(np.any(np.abs(values - self.value) <= self.unit * 0.5000001))


# ---- equations of numbers -----------------------------------------------------------------------

FUNCTIONS = {
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "exp": math.exp,
    "ln": math.log,
    "log": math.log,
    "sigma": lambda z: 1 / (1 + math.exp(-z)),
    "max": max,
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
}
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)(?P<percent>\s*\\?%)?|(?P<command>\\[A-Za-z]+)|(?P<other>\S))"
)
PLAINER = str.maketrans({"−": "-", "½": "0.5", "⌈": r"\lceil ", "⌉": r"\rceil "})


class NotNumbersError(ValueError):
    """A formula with more in it than numbers."""


def tidy(tex):
    """TeX with spacing, alignment and the sizes of brackets left out, and 1,000 as 1000."""
    tex = re.sub(
        r"\\(?:begin|end)\{\w+\}|\\(?:left|right|[Bb]igg?[lr]?)\b|&(?!nbsp)|&nbsp;", " ", tex
    )
    tex = re.sub(r"(?<=\d)(?:\{,\}|,)(?=\d{3})", "", tex)
    tex = re.sub(r"\\[,;!:]|~", " ", tex)
    tex = re.sub(r"\\[td]frac", r"\\frac", tex)
    return tex.translate(PLAINER)


def value_of(tex):
    """The value of a formula that has numbers alone in it.

    >>> round(value_of(r"\\frac{9 \\cdot 121}{2272}"), 4), value_of(r"\\tfrac12 (3 - 1)^2")
    (0.4793, 2.0)
    >>> round(value_of(r"\\sqrt{0.45} + \\tanh(1)"), 4), value_of("2^{10}")
    (1.4324, 1024.0)
    """
    rest = list(TOKEN.finditer(tidy(tex)))
    value, left = _sum(rest)
    if left:
        raise NotNumbersError(left[0][0])
    return float(value)


def _sum(rest):
    value, rest = _product(rest)
    while rest and rest[0]["other"] in ("+", "-"):
        sign = 1 if rest[0]["other"] == "+" else -1
        term, rest = _product(rest[1:])
        value += sign * term
    return value, rest


def _product(rest):
    sign = 1
    while rest and rest[0]["other"] in ("+", "-"):
        sign, rest = sign * (-1 if rest[0]["other"] == "-" else 1), rest[1:]
    value, rest = _power(rest)
    while rest:
        operator = rest[0]["command"] or rest[0]["other"] or ""
        if operator in (r"\cdot", r"\times", "·", "×", "*"):
            factor, rest = _power(rest[1:])
            value *= factor
        elif operator == "/":
            factor, rest = _power(rest[1:])
            value /= factor
        elif rest[0]["number"] or operator.lstrip("\\") in ("(", "frac", *FUNCTIONS):
            factor, rest = _power(rest)
            value *= factor
        else:
            break
    return sign * value, rest


def _power(rest):
    value, rest = _atom(rest)
    while rest and rest[0]["other"] == "^":
        exponent, rest = _argument(rest[1:])
        value = value**exponent
    return value, rest


def _argument(rest):
    """What stands behind ^ or \\frac: a group in braces, or one digit."""
    if not rest:
        raise NotNumbersError
    first = rest[0]
    if first["other"] in ("{", "("):
        value, rest = _sum(rest[1:])
        return value, _closed(rest)
    if first["number"] and not first["percent"]:
        digits = first["number"]
        left = [*TOKEN.finditer(digits[1:]), *rest[1:]] if "." not in digits else rest[1:]
        return float(digits[0] if "." not in digits else digits), left
    return _atom(rest)


def _closed(rest):
    if not rest or rest[0]["other"] not in ("}", ")", "]"):
        raise NotNumbersError
    return rest[1:]


def _atom(rest):
    if not rest:
        raise NotNumbersError
    first, rest = rest[0], rest[1:]
    if first["number"]:
        return float(first["number"]) * (0.01 if first["percent"] else 1), rest
    if first["other"] in ("(", "{", "["):
        value, rest = _sum(rest)
        return value, _closed(rest)
    if first["command"] == r"\lceil" or first["command"] == r"\lfloor":
        value, rest = _sum(rest)
        if not rest or rest[0]["command"] not in (r"\rceil", r"\rfloor"):
            raise NotNumbersError
        return float((math.ceil if "ceil" in first["command"] else math.floor)(value)), rest[1:]
    if first["command"] == r"\frac":
        top, rest = _argument(rest)
        bottom, rest = _argument(rest)
        return top / bottom, rest
    if first["other"] == "e" and rest and rest[0]["other"] == "^":
        exponent, rest = _argument(rest[1:])
        return math.exp(exponent), rest
    if first["command"] == r"\pi":
        return math.pi, rest
    name = (first["command"] or "").lstrip("\\")
    if name in FUNCTIONS:
        value, rest = _argument(rest) if rest and rest[0]["other"] in ("{", "(") else _power(rest)
        return FUNCTIONS[name](value), rest
    raise NotNumbersError(first[0])


def sides(formula):
    """The equations of a formula, each as its sides."""
    for line in re.split(r"\\\\|\\q?quad|;|,(?=\s)|\\text\{[^}]*\}", tidy(formula)):
        yield re.split(r"(=|\\approx|≈)", line)


def equations(formula):
    """Yield (numbers, complaint) of each equation that has two sides of numbers or more."""
    for parts in sides(formula):
        known = []
        for sign, part in zip(["=", *parts[1::2]], parts[::2], strict=True):
            with contextlib.suppress(NotNumbersError, ZeroDivisionError, OverflowError, ValueError):
                known.append((part.strip(), value_of(part), sign))
        if len(known) < 2:
            continue
        numbers = [Printed.read(m[0]) for part, *_ in known for m in NUMBER.finditer(part)]
        (first, value, _), complaint = known[0], None
        for part, other, sign in known[1:]:
            allowed = tolerance(part) + tolerance(first) + (sign != "=") * 0.05 * abs(value)
            if abs(value - other) > allowed:
                complaint = f"{first} is {value:.6g}, and not {part}"
        yield numbers, complaint


def tolerance(part):
    """How far a side may be off by the rounding of its numbers.

    A number of three decimals or more in it may have been rounded; a shorter one is given.

    >>> [round(tolerance(part), 4) for part in ("0.042", "20", "0.731 \\\\cdot 0.79")]
    [0.0005, 0.5, 0.0004]
    """
    value = value_of(part)
    printed = [Printed.read(match[0]) for match in NUMBER.finditer(part)]
    if len(printed) == 1 and printed[0].value == abs(value):
        return printed[0].unit / 2 * 1.000001
    total = 1e-9
    for match in NUMBER.finditer(part):
        one = Printed.read(match[0])
        if one.unit > 0.001:
            continue
        with contextlib.suppress(NotNumbersError, ZeroDivisionError, ValueError):
            moved = (
                part[: match.start()] + f"({one.value + one.unit / 2:.9f})" + part[match.end() :]
            )
            total += abs(value_of(moved) - value)
    return total
