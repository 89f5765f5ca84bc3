"""What may be taken for an expression: another sign, a term left out, other parentheses."""

import ast
from collections.abc import Iterator

from companion.checking.authoring.other_calls import call_replacements

MAX_RESULTS = 3
OPERATORS: dict[type[ast.operator], tuple[tuple[str, type[ast.operator]], ...]] = {
    ast.Add: (("a minus in place of a plus", ast.Sub),),
    ast.Sub: (("a plus in place of a minus", ast.Add),),
    ast.Mult: (("a division in place of a product", ast.Div),),
    ast.Div: (("a product in place of a division", ast.Mult),),
    ast.FloorDiv: (("a fraction that is not rounded", ast.Div),),
}
COMPARISONS: dict[type[ast.cmpop], tuple[tuple[str, type[ast.cmpop]], ...]] = {
    ast.Gt: (("≥ in place of >", ast.GtE), ("< in place of >", ast.Lt)),
    ast.GtE: (("> in place of ≥", ast.Gt), ("≤ in place of ≥", ast.LtE)),
    ast.Lt: (("≤ in place of <", ast.LtE), ("> in place of <", ast.Gt)),
    ast.LtE: (("< in place of ≤", ast.Lt), ("≥ in place of ≤", ast.GtE)),
}
SUMS, PRODUCTS = (ast.Add, ast.Sub), (ast.Mult, ast.Div, ast.FloorDiv)
PARTS: dict[type[ast.operator], str] = {
    ast.Add: "term",
    ast.Sub: "term",
    ast.Mult: "factor",
    ast.Div: "divisor",
    ast.Pow: "power",
    ast.MatMult: "factor",
    ast.FloorDiv: "divisor",
}


def expression_replacements(node: ast.expr, parameters: set[str]) -> Iterator[tuple[str, ast.expr]]:
    """Yield what may stand in the place of an expression, and how to say so."""
    if isinstance(node, ast.BinOp):
        yield from _operator_replacements(node, parameters)
    elif isinstance(node, ast.Call):
        yield from call_replacements(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for words, comparison in COMPARISONS.get(type(node.ops[0]), ()):
            yield words, ast.Compare(node.left, [comparison()], node.comparators)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "a minus left out", node.operand
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "a transposition left out", node.value
    elif isinstance(node, ast.Subscript):
        yield from _subscript_replacements(node)


def _subscript_replacements(node: ast.Subscript) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node.slice, ast.Slice):
        yield "a part taken whole", node.value
    elif isinstance(node.value, ast.Call):
        # One of several results, by its number.
        for number in range(MAX_RESULTS) if isinstance(node.slice, ast.Constant) else ():
            replacement = ast.Subscript(node.value, ast.Constant(number), ast.Load())
            yield f"another of the results of `{ast.unparse(node.value.func)}`", replacement
    else:
        for words, step in (("one place further on", 1), ("one place before", -1)):
            moved = ast.Subscript(node.value, _moved(node.slice, step), ast.Load())
            yield f"what stands {words}", moved


def _moved(index: ast.expr, step: int) -> ast.expr:
    """Return an index moved along its last axis, or that of what it holds."""
    if isinstance(index, ast.Tuple):
        return ast.Tuple([*index.elts[:-1], _moved(index.elts[-1], step)], ast.Load())
    return ast.BinOp(index, ast.Add(), ast.Constant(step))


def _operator_replacements(node: ast.BinOp, parameters: set[str]) -> Iterator[tuple[str, ast.expr]]:
    for words, operator in OPERATORS.get(type(node.op), ()):
        yield words, ast.BinOp(node.left, operator(), node.right)
    yield from _regrouped(node)
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
        yield f"{_described(dropped, part, parameters)} left out", rest


def _regrouped(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    """Yield a formula whose parts are taken in another order, and a power taken further in."""
    left, right, operator = node.left, node.right, node.op
    if isinstance(operator, PRODUCTS) and isinstance(left, ast.BinOp):
        if isinstance(left.op, SUMS):
            first = ast.BinOp(left.left, operator, right)
            operation = "product" if isinstance(operator, ast.Mult) else "division"
            yield f"a {operation} of the first term alone", ast.BinOp(first, left.op, left.right)
    elif isinstance(operator, SUMS) and isinstance(left, ast.BinOp):
        if isinstance(left.op, PRODUCTS):
            inner = ast.BinOp(left.left, operator, right)
            yield "a term that is added too early", ast.BinOp(inner, left.op, left.right)
    elif isinstance(operator, ast.Pow) and isinstance(left, ast.Call) and len(left.args) == 1:
        power = ast.BinOp(left.args[0], operator, right)
        yield "a power taken before the function", ast.Call(left.func, [power], left.keywords)


def _described(dropped: ast.expr, part: str, parameters: set[str]) -> str:
    """Return how a part of a formula is called: by the parameters in it, or by its number."""
    if isinstance(dropped, ast.Constant):
        if part == "power":
            return "the square" if dropped.value == 2 else f"the power {dropped.value!r}"
        return f"the {part} {dropped.value!r}"
    names = [one.id for one in ast.walk(dropped) if isinstance(one, ast.Name)]
    known = list(dict.fromkeys(f"`{name}`" for name in names if name in parameters))
    return f"the {part} with {' and '.join(known)}" if known else f"a {part}"


def without_parentheses(formula: ast.expr) -> Iterator[ast.expr]:
    """Yield a formula as it is read where one pair of its parentheses is left out.

    >>> [ast.unparse(one) for one in without_parentheses(ast.parse("a*(b-c)/2").body[0].value)]
    ['a * b - c / 2']
    """
    text = ast.unparse(formula)
    open_positions: list[int] = []
    for position, character in enumerate(text):
        if character == "(":
            open_positions.append(position)
        elif character == ")" and open_positions:
            start = open_positions.pop()
            before = text[:start].rstrip()
            called = before[-1:].isalnum() or before[-1:] in tuple("_)]")
            if called and before == text[:start]:
                continue
            changed = f"{text[:start]} {text[start + 1 : position]} {text[position + 1 :]}"
            try:
                regrouped = ast.parse(changed.strip(), mode="eval").body
            except SyntaxError:
                continue
            same_parts = type(regrouped) is ast.Tuple and not isinstance(formula, ast.Tuple)
            if not same_parts and ast.dump(regrouped) != ast.dump(formula):
                yield regrouped
