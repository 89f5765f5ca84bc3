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
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
from number_equations import FUNCTIONS, NUMBER, Printed, equations

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
# What digits there are in names and addresses: a link's target, an id, a year, a course, LeNet-5.
NAMES = (
    re.compile(r"\]\([^)]*\)|\]\[[\w-]+\]|\{ *#[\w-]+ *\}|https?://\S+|<[^>]+>"),
    re.compile(r"(?<![\d,.])(?:18|19|20)\d\d(?![\d,.]*\d)(?!\s*\\?%)"),
    re.compile(r"\b[A-Za-z]+-?\d+(?:-\d+)*\b"),
    re.compile(r"\b(?:section|chapter|table|figure|Keras)\s+\d+(?:\.\d+)*"),
)


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


def values_of(marks, chapter):
    """The numbers that the marks of a paragraph account for."""
    values = set()
    for kind, named in marks:
        if kind == "from":
            for name in re.split(r"[,\s]+", named):
                values |= recorded(name)
        elif kind == "is":
            for expression in named.split(";"):
                got, given = worked(expression, chapter)
                values |= given | set(got)
    return values


def equations_in(shown):
    """Yield (offset, numbers, complaint) of each equation of numbers in a paragraph."""
    outside = FORMULA.sub(lambda formula: " " * len(formula[0]), shown)
    for match in [*FORMULA.finditer(shown), *PLAIN.finditer(outside.replace("\n", " "))]:
        for numbers, complaint in equations(next(filter(None, match.groups()), match[0])):
            yield match.start(), numbers, complaint


def complaints_on(block, chapter, printed):
    """Yield (offset, complaint) of what is wrong or comes from nowhere in a paragraph of a page.

    `printed` gives the numbers that the page prints, which takes a while.
    """
    marks = MARK.findall(block)
    if any(kind == "source" for kind, _ in marks) or re.search(r"\]\(https?://", block):
        return
    values = values_of(marks, chapter)
    shown = COMMENT.sub(lambda mark: " " * len(mark[0]), block)
    for offset, numbers, complaint in equations_in(shown):
        if complaint:
            yield offset, complaint
        values |= {one.value for one in numbers}
    for one in held_in(re.sub(r"`[^`\n]*`", "", shown)):
        if not one.rounds(list(values)) and not one.rounds(printed()):
            yield 0, f"{one.text}: where does it come from?"


def unexplained(file):
    """The numbers of a page that come from nowhere, with its line each."""
    chapter = file.parent.name
    text = file.read_text(encoding="utf-8")
    prose = FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    printed = cache(lambda: list(numbers_in(printed_by(chapter)[file])))
    complaints = [
        (prose.count("\n", 0, start + offset) + 1, complaint)
        for start, block in paragraphs(prose)
        for offset, complaint in complaints_on(block, chapter, printed)
    ]
    return [f"{chapter}/{file.name}:{line}: {complaint}" for line, complaint in complaints]


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
