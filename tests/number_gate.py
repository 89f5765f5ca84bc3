"""Where the numbers of a lesson come from: computed there, recorded, from a source, or worked out.

Held is every decimal number, every percentage and every integer of 100 or more in the prose and the
formulas of a page. Such a number passes if it is

- printed by code that runs on its page, or written in a listing or in code that the page shows,
- part of an equation of numbers that holds, like ``$0.9^{30} = 0.042$``,
- a value of a record that its paragraph names, ``<!-- from: dropout_rate -->``, as it is rounded,
- worked out by an expression that its paragraph gives, ``<!-- is: 0.9**30 -->``, or given in it,
- in a paragraph that names its source, ``<!-- source: LeCun 1998, table 1 -->``, or that cites a
  work by its address.

No file, no paragraph and no value is exempt.
"""

import ast
import builtins
import contextlib
import importlib
import inspect
import io
import json
import math
import re
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np

import chapters
import companion
from companion import catalogue, data_files, pages
from companion.datasets.dataset import SPLITS
from companion.lesson import page_files
from companion.listing import listing

# Pages of the whole book that print what was measured.
BOOK_PAGES = (Path(chapters.__path__[0]) / "benchmarks.md",)
FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=indent)(?P=ticks) *$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(r"<!-- *(from|is|source): *(.*?) *-->", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
FORMULA = re.compile(r"\$\$(.*?)\$\$|\$([^$\n]+(?:\n[^$\n]+)?)\$", re.DOTALL)
# An equation that needs no TeX: 7·7·32 = 1,568
PLAIN = re.compile(r"(?<![\w.,])[(⌈]*\d[\d.,·×+−/() ⌈⌉]*=[\d.,·×+−/() =⌈⌉]*\d(?:\s*%)?")
NUMBER = re.compile(
    r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\d.]*\d)(?:(?:\s|\\[,;]|&nbsp;)*\\?%)?"
)
# What digits there are in names and addresses: a link's target, an id, a year, a course, LeNet-5.
NAMES = (
    re.compile(r"\]\([^)]*\)|\]\[[\w-]+\]|\{ *#[\w-]+ *\}|https?://\S+|<[^>]+>"),
    re.compile(r"(?<![\d,.])(?:18|19|20)\d\d(?![\d,.]*\d)(?!\s*\\?%)"),
    re.compile(r"\b[A-Za-z]+-?\d+(?:-\d+)*\b"),
    re.compile(r"\b(?:section|chapter|table|figure|Keras)\s+\d+(?:\.\d+)*"),
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


# ---- the pages ----------------------------------------------------------------------------------


def numbers_in(text):
    """The numbers of a text of code or of output.

    >>> sorted(numbers_in("rate=1e-3 of 9,018 at 12.5 %"))
    [0.001, 0.125, 12.5, 9018.0]
    """
    values = set()
    for match in re.finditer(
        r"(?<![\w.])\d[\d_]*(?:,\d{3})*(?:\.\d+)?(?:[eE][-+−]?\d+)?(\s*\\?%)?",
        re.sub(r"(?<=\d)\{,\}(?=\d)", ",", text),
    ):
        value = float(re.sub(r"[,_]|\s*\\?%", "", match[0]).replace("−", "-"))
        values |= {value, value / 100} if match[1] else {value}
    return values


def held_in(text):
    """The numbers of a text that must come from somewhere; names and addresses are left out.

    >>> [one.text for one in held_in("LeNet-5 (1998) has 60,000 weights, 3 of them 0.5 % off")]
    ['60,000', '0.5 %']
    """
    text = re.sub(r"(?<=\d)\{,\}(?=\d)", ",", text)
    for pattern in NAMES:
        text = pattern.sub(" ", text)
    return [one for match in NUMBER.finditer(text) if (one := Printed.read(match[0])).held]


@cache
def printed_by(chapter):
    """What the code of each page prints, its listings and its other code, by the page's file.

    Every block is run as the site runs it, without the notebook. A figure is drawn, and its caption
    and its text are kept; `typed_by_hand` holds these to what they are made of.
    """
    sessions, printed = {}, {}
    for file in BOOK_PAGES if chapter == chapters.__name__ else page_files(chapter):
        text = file.read_text(encoding="utf-8")
        parts = printed.setdefault(file, [])
        for fence in FENCE.finditer(text):
            info, body = fence["info"], textwrap.dedent(fence["body"])
            parts.append(body)
            if "exec=" not in info:
                continue
            name = re.search(r'session="([\w-]+)"', info)
            space = sessions.setdefault(name[1], {}) if name else {}
            out = io.StringIO()
            with (
                contextlib.redirect_stdout(out),
                mock.patch.object(pages, "figure", _words_of),
                mock.patch.object(pages, "download", return_value=""),
            ):
                exec(compile(body, str(file), "exec"), space)
            parts.append(re.sub(r'data-copy="[^"]*"', "", out.getvalue()))
            for call in re.findall(r"pages\.code\(([^)]*)\)", body):
                parts += [listing(name).whole for name in re.findall(r'"([\w.]+)"', call)]
    return {file: "\n".join(parts) for file, parts in printed.items()}


def _words_of(draw):
    """A figure's caption and its text for who cannot see it."""
    drawn = draw()
    titles = [axes.get_title() for axes in drawn.axes] + [drawn.get_suptitle()]
    return "\n".join([str(drawn.get_label()), draw.__doc__ or "", *titles])


@cache
def recorded(name):
    """The numbers of a record: of its tables, differences included, its settings, its code."""
    path = data_files.recorded(name)
    content = json.loads(path.read_text(encoding="utf-8"))
    numbers = set()

    def walk(one, key=""):
        if isinstance(one, dict):
            for key, value in one.items():
                if key not in ("versions", "machine", "bands", "code"):
                    walk(value, key)
        elif isinstance(one, list):
            for value in one:
                walk(value, key)
        elif isinstance(one, str):
            numbers.update(numbers_in(one))
        elif isinstance(one, int | float) and not isinstance(one, bool):
            numbers.add(float(one))

    walk({**content, "full": {**content.get("full", {}), "rows": []}, "quick": {}})
    return frozenset(numbers | settings(content["chapter"]) if "chapter" in content else numbers)


@cache
def settings(chapter):
    """The numbers in the code of a chapter's studies: how long, how many, at which rate."""
    entry = catalogue.find_chapter(chapter)
    source = inspect.getsource(entry.module("studies"))
    further = re.findall(rf"from chapters\.{chapter}\.?(\w*) import ([\w, ]+)", source)
    names = {name for one in further for name in (one[0], *one[1].split(", "))}
    files = [file for file in entry.folder.glob("*.py") if file.stem in names | {"studies"}]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return {float(one) for one in values if isinstance(one, int | float)}


@cache
def parameters():
    """How many parameters each model has, by its name, as the cards say and the contract tests."""
    return {card.name: card.parameters for one in catalogue.discover() for card in one.card.models}


@cache
def size(name, part=None):
    """How many examples a data set has, or one split of it."""
    data = companion.load(name)
    return sum(len(getattr(data, one).y) for one in ([part] if part else SPLITS))


def worked(expression, chapter):
    """The value of an expression, and the numbers given in it.

    >>> worked("0.9 ** 30", "memory")[1]
    {0.9, 30.0}
    """
    tree = ast.parse(expression.strip(), mode="eval")
    if isinstance(tree.body, ast.Constant):
        raise ValueError(f"{expression} works nothing out.")
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    names = {one.id for one in nodes} - {one.id for one in nodes if isinstance(one.ctx, ast.Store)}
    space = {
        "sigma": FUNCTIONS["sigma"],
        "parameters": parameters(),
        "size": size,
        "load": companion.load,
        "record": data_files.read,
    }
    package = importlib.import_module(f"chapters.{chapter}")
    for name in names - set(space):
        owner = next((one for one in (package, math, builtins) if hasattr(one, name)), None)
        if owner is None:
            raise NameError(f"{name} is no name of chapters.{chapter}, nor of math: {expression}")
        space[name] = getattr(owner, name)
    value = np.ravel(np.asarray(eval(compile(tree, expression, "eval"), space), float))
    given = {
        float(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    }
    return [float(one) for one in value], given


def paragraphs(prose):
    """The paragraphs of a page and where each begins.

    A point of a list is one, and so is a table. Marks that stand alone belong to the one before.
    """
    parts, offset = [], 0
    for part in re.split(r"(\n[ >]*\n|\n(?=[ >]*(?:- |\d\. )))", prose):
        if part.strip(" >\n"):
            if parts and not COMMENT.sub("", part).strip(" >\n"):
                parts[-1] = (parts[-1][0], parts[-1][1] + part)
            else:
                parts.append((offset, part))
        offset += len(part)
    return parts


def unexplained(file):
    """The numbers of a page that come from nowhere, with its line each."""
    chapter = file.parent.name
    text = file.read_text(encoding="utf-8")
    prose = FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    pool = None
    complaints = []
    for start, block in paragraphs(prose):
        marks = [(kind, named) for kind, named in MARK.findall(block)]
        if any(kind == "source" for kind, _ in marks) or re.search(r"\]\(https?://", block):
            continue
        values = set()
        for kind, named in marks:
            if kind == "from":
                for name in re.split(r"[,\s]+", named):
                    values |= recorded(name)
            elif kind == "is":
                for expression in named.split(";"):
                    got, given = worked(expression, chapter)
                    values |= given | set(got)
        shown = COMMENT.sub(lambda mark: " " * len(mark[0]), block)
        outside = FORMULA.sub(lambda formula: " " * len(formula[0]), shown)
        for match in [*FORMULA.finditer(shown), *PLAIN.finditer(outside.replace("\n", " "))]:
            for numbers, complaint in equations(next(filter(None, match.groups()), match[0])):
                if complaint:
                    complaints.append((start + match.start(), complaint))
                values |= {one.value for one in numbers}
        for one in held_in(re.sub(r"`[^`\n]*`", "", shown)):
            if one.rounds(list(values)):
                continue
            pool = pool or numbers_in(printed_by(chapter)[file])
            if not one.rounds(list(pool)):
                complaints.append((start, f"{one.text}: where does it come from?"))
    lines = ((prose.count("\n", 0, offset) + 1, complaint) for offset, complaint in complaints)
    return [f"{chapter}/{file.name}:{line}: {complaint}" for line, complaint in lines]


# ---- captions and texts of figures --------------------------------------------------------------


def typed_by_hand(file):
    """Numbers in the words of a module's figures that nothing in the module computes or sets.

    A figure's words are every sentence in the function that draws it, and its docstring where
    that is its text. What an f-string computes is held by that; a number that is typed must
    be one that the code of the module has, too.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    set_there = [
        float(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    ]
    return [
        f"{file.parent.name}/{file.name}:{line}: {name} says {one.text}: compute it"
        for name, line, words in _sentences(tree)
        for one in held_in(words)
        if not one.rounds(set_there)
    ]


def _sentences(tree):
    for function in tree.body:
        if not (isinstance(function, ast.FunctionDef) and _draws(function)):
            continue
        nodes = list(ast.walk(function))
        labelled = any(getattr(node, "attr", "") == "set_label" for node in nodes)
        first = function.body[0]
        for node in nodes:
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            is_docstring = isinstance(first, ast.Expr) and node is first.value
            if not (is_docstring and labelled) and re.search(r"[^\d.\s]", node.value):
                yield function.name, node.lineno, node.value


def _draws(function):
    return function.returns is not None and "Figure" in ast.unparse(function.returns)
