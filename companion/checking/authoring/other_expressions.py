"""What may be taken for an expression: another sign, a term left out, other parentheses."""

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from companion.checking.authoring.other_calls import call_replacements
from companion.checking.authoring.other_groupings import (
    behind_the_function,
    one_of_a_mixture,
    other_derivative,
    regrouped,
    upside_down,
)

MAX_RESULTS = 3
OPERATORS: dict[type[ast.operator], tuple[tuple[str, type[ast.operator]], ...]] = {
    ast.Add: (("a minus in place of a plus", ast.Sub), ("a product in place of a sum", ast.Mult)),
    ast.Sub: (("a plus in place of a minus", ast.Add),),
    ast.Mult: (
        ("a matrix product in place of one number by number", ast.MatMult),
        ("a division in place of a product", ast.Div),
        ("a sum in place of a product", ast.Add),
    ),
    ast.MatMult: (("a product number by number in place of one of matrices", ast.Mult),),
    ast.Div: (
        ("a product in place of a division", ast.Mult),
        ("a division whose fraction is cut off", ast.FloorDiv),
    ),
    ast.FloorDiv: (("a fraction that is not rounded", ast.Div),),
}
COMPARISONS: dict[type[ast.cmpop], tuple[tuple[str, type[ast.cmpop]], ...]] = {
    ast.Gt: (("≥ in place of >", ast.GtE), ("< in place of >", ast.Lt)),
    ast.GtE: (("> in place of ≥", ast.Gt), ("≤ in place of ≥", ast.LtE)),
    ast.Lt: (("≤ in place of <", ast.LtE), ("> in place of <", ast.Gt)),
    ast.LtE: (("< in place of ≤", ast.Lt), ("≥ in place of ≤", ast.GtE)),
    ast.Eq: (("≠ in place of =", ast.NotEq),),
    ast.NotEq: (("= in place of ≠", ast.Eq),),
}
# A whole number in a formula, and what may be taken for it.
NUMBERS: dict[Any, tuple[int, ...]] = {0: (1,), 1: (0, 2), 2: (1,)}
PARTS: dict[type[ast.operator], str] = {
    ast.Add: "term",
    ast.Sub: "term",
    ast.Mult: "factor",
    ast.Div: "divisor",
    ast.Pow: "power",
    ast.MatMult: "factor",
    ast.FloorDiv: "divisor",
}


class Task(NamedTuple):
    """What the task tells a learner, and what is said may therefore name.

    Attributes:
        parameters: The names of the parameters.
        words: Every word and number of its text.
    """

    parameters: set[str]
    words: set[str]


def expression_replacements(node: ast.expr, task: Task) -> Iterator[tuple[str, ast.expr]]:
    """Yield what may stand in the place of an expression, and how to say so."""
    if isinstance(node, ast.BinOp):
        yield from _operator_replacements(node, task)
    elif isinstance(node, ast.Call):
        yield from call_replacements(node)
        for term, outside in behind_the_function(node):
            yield f"{_described(term, 'term', task)} added behind the function", outside
    elif isinstance(node, (ast.Compare, ast.BoolOp, ast.IfExp)):
        yield from _condition_replacements(node, task)
    elif isinstance(node, ast.Subscript):
        yield from _subscript_replacements(node)
    else:
        yield from _simple_replacements(node, task)


def _simple_replacements(node: ast.expr, task: Task) -> Iterator[tuple[str, ast.expr]]:
    """Yield another argument, another number, and a sign or a transposition that is left out."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "a minus left out", node.operand
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "a transposition left out", node.value
    elif isinstance(node, ast.Name) and node.id in task.parameters:
        for name in sorted(task.parameters - {node.id}):
            yield f"`{name}` where `{node.id}` belongs", ast.Name(name, node.ctx)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        for number in () if isinstance(node.value, bool) else NUMBERS.get(node.value, ()):
            other = float(number) if isinstance(node.value, float) else number
            yield f"a {number} where a {node.value:g} belongs", ast.Constant(other)


def _condition_replacements(
    node: ast.Compare | ast.BoolOp | ast.IfExp, task: Task
) -> Iterator[tuple[str, ast.expr]]:
    """Yield other comparisons, and conditions that are taken apart or not asked."""
    if isinstance(node, ast.IfExp):
        words = described_condition(node.test, task)
        for answer, kept in (("yes", node.body), ("no", node.orelse)):
            yield f"{words} that is answered {answer} every time", kept
        yield f"{words} that is turned round", ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "`and` and `or` exchanged", ast.BoolOp(other, node.values)
        for part in node.values:
            yield f"{described_condition(part, task)} as the only one", part
    elif len(node.ops) == 1:
        for words, comparison in COMPARISONS.get(type(node.ops[0]), ()):
            yield words, ast.Compare(node.left, [comparison()], node.comparators)


def _subscript_replacements(node: ast.Subscript) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node.slice, ast.Slice):
        yield "a part taken whole", node.value
    elif isinstance(node.value, ast.Call):
        # One of several results, by its number.
        for number in range(MAX_RESULTS) if isinstance(node.slice, ast.Constant) else ():
            replacement = ast.Subscript(node.value, ast.Constant(number), ast.Load())
            yield "another of the results of a function that is called", replacement
    else:
        if isinstance(node.slice, ast.Tuple) and _counts_rows(node.slice.elts[0]):
            index = ast.Tuple([ast.Slice(), *node.slice.elts[1:]], ast.Load())
            every_row = ast.Subscript(node.value, index, node.ctx)
            yield "every row where each has an entry of its own", every_row
        for words, step in (("one place further on", 1), ("one place before", -1)):
            moved = ast.Subscript(node.value, _moved(node.slice, step), node.ctx)
            yield f"what stands {words}", moved


def _counts_rows(index: ast.expr) -> bool:
    """Say whether an index is ``np.arange(…)``, which goes with one entry of each row."""
    called = index.func if isinstance(index, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr == "arange"


def _moved(index: ast.expr, step: int) -> ast.expr:
    """Return an index moved along its last axis, or that of what it holds."""
    if isinstance(index, ast.Tuple):
        return ast.Tuple([*index.elts[:-1], _moved(index.elts[-1], step)], ast.Load())
    return ast.BinOp(index, ast.Add(), ast.Constant(step))


def _operator_replacements(node: ast.BinOp, task: Task) -> Iterator[tuple[str, ast.expr]]:
    for words, operator in OPERATORS.get(type(node.op), ()):
        yield words, ast.BinOp(node.left, operator(), node.right)
    if isinstance(node.op, ast.FloorDiv):
        below = ast.BinOp(ast.UnaryOp(ast.USub(), node.left), node.op, node.right)
        yield "rounding up in place of down", ast.UnaryOp(ast.USub(), below)
    yield from regrouped(node)
    yield from one_of_a_mixture(node)
    yield from other_derivative(node)
    yield from upside_down(node)
    if isinstance(node.op, ast.Pow) and ast.unparse(node.right) == "2":
        size = ast.Call(ast.Name("abs", ast.Load()), [node.left], [])
        yield "the absolute value in place of the square", size
    part = PARTS.get(type(node.op))
    if part is None:
        return
    for dropped, kept in ((node.right, node.left), (node.left, node.right)):
        if dropped is node.left and part in ("divisor", "power"):
            continue
        negative = isinstance(node.op, ast.Sub) and dropped is node.left
        rest = ast.UnaryOp(ast.USub(), kept) if negative else kept
        yield f"{_described(dropped, part, task)} left out", rest


def _described(dropped: ast.expr, part: str, task: Task) -> str:
    """Return how a part of a formula is called: by the parameters in it, or by its number."""
    if isinstance(dropped, ast.Constant):
        if part == "power" and dropped.value == 2:
            return "the square"
        return f"the {part} {dropped.value!r}" if _is_told(dropped.value, task) else f"a {part}"
    names = [one.id for one in ast.walk(dropped) if isinstance(one, ast.Name)]
    known = list(dict.fromkeys(f"`{name}`" for name in names if name in task.parameters))
    return f"the {part} with {' and '.join(known)}" if known else f"a {part}"


def _is_told(value: Any, task: Task) -> bool:
    """Say whether a number is one that the task names, or one of those in every formula."""
    return isinstance(value, (int, float)) and (value in NUMBERS or f"{value:g}" in task.words)


def described_condition(condition: ast.expr, task: Task) -> str:
    """Return how a condition is called: by the parameters in it."""
    return _described(condition, "condition", task)
