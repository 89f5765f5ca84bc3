"""What may be taken for a formula whose parts are grouped otherwise: other parentheses."""

import ast
from collections.abc import Iterator
from typing import TypeGuard

SUMS, TIMES, PRODUCTS = (ast.Add, ast.Sub), (ast.Mult,), (ast.Mult, ast.Div, ast.FloorDiv)


def regrouped(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    """Yield a formula whose parts are taken in another order, and a power taken further in."""
    left, right, operator = node.left, node.right, node.op
    if isinstance(operator, PRODUCTS) and _is_of(left, SUMS):
        first = ast.BinOp(left.left, operator, right)
        operation = "product" if isinstance(operator, ast.Mult) else "division"
        yield f"a {operation} of the first term alone", ast.BinOp(first, left.op, left.right)
    if isinstance(operator, ast.Mult) and _is_of(right, SUMS):
        first = ast.BinOp(left, operator, right.left)
        yield "a product without the last term", ast.BinOp(first, right.op, right.right)
    if isinstance(operator, SUMS) and _is_of(left, PRODUCTS):
        inner = ast.BinOp(left.left, operator, right)
        yield "a term that is added too early", ast.BinOp(inner, left.op, left.right)
    if isinstance(operator, ast.Pow) and isinstance(left, ast.Call) and len(left.args) == 1:
        power = ast.BinOp(left.args[0], operator, right)
        yield "a power taken before the function", ast.Call(left.func, [power], left.keywords)


def one_of_a_mixture(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    """Yield one of two values that are mixed, as of 0.9 a + 0.1 b, and terms multiplied too."""
    if not isinstance(node.op, ast.Add):
        return
    shares = [next(_parted(share), None) for share in (node.left, node.right)]
    for ordinal, share in zip(("first", "second"), shares if all(shares) else (), strict=False):
        if share:
            yield f"the {ordinal} part of a mixture alone", share[1]
    for product, term in ((node.left, node.right), (node.right, node.left)):
        for first, rest in _parted(product):
            together = ast.BinOp(first, ast.Mult(), ast.BinOp(rest, ast.Add(), term))
            yield "a term that is added too early", together


def _is_of(node: ast.expr, kinds: tuple[type[ast.operator], ...]) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, kinds)


def _parted(product: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what a product may be parted into: of a · b · c both a, b · c and a · b, c.

    >>> parts = _parted(ast.parse("a * b / c").body[0].value)
    >>> [[ast.unparse(part) for part in parted] for parted in parts]
    [['a', 'b / c']]
    """
    if not _is_of(product, PRODUCTS):
        return
    if isinstance(product.left, ast.BinOp):
        first = next(_parted(product.left), None)
        if first:
            yield first[0], ast.BinOp(first[1], product.op, product.right)
    if _is_of(product, TIMES):
        yield product.left, product.right


def upside_down(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    """Yield b / a for a / b, and a · (c / b) for a · b / c."""
    if isinstance(node.op, ast.Div):
        words = "a fraction that is upside down"
        yield words, ast.BinOp(node.right, node.op, node.left)
        if _is_of(node.left, TIMES):
            fraction = ast.BinOp(node.right, node.op, node.left.right)
            yield words, ast.BinOp(node.left.left, ast.Mult(), fraction)


def other_derivative(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    """Yield the sigmoid's derivative a (1 − a) for that of tanh, 1 − a², and the other way.

    >>> slope = ast.parse("u * a * (1 - a)").body[0].value
    >>> [ast.unparse(one) for _, one in other_derivative(slope)]
    ['u * (1 - a ** 2)']
    """
    one, two = ast.Constant(1), ast.Constant(2)
    left, right = node.left, node.right
    if not isinstance(right, ast.BinOp):
        return
    squared = isinstance(right.op, ast.Pow) and ast.unparse(right.right) == "2"
    if isinstance(node.op, ast.Sub) and _is_one(left) and squared:
        a = right.left
        rest = ast.BinOp(a, ast.Mult(), ast.BinOp(one, ast.Sub(), a))
        yield "the sigmoid's derivative in place of tanh's", rest
    if isinstance(node.op, ast.Mult) and _is_one(right.left):
        a = right.right
        value = left.right if _is_of(left, TIMES) else left
        if isinstance(right.op, ast.Sub) and ast.dump(value) == ast.dump(a):
            slope = ast.BinOp(one, ast.Sub(), ast.BinOp(a, ast.Pow(), two))
            outer = ast.BinOp(left.left, ast.Mult(), slope) if _is_of(left, TIMES) else slope
            yield "tanh's derivative in place of the sigmoid's", outer


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def behind_the_function(node: ast.Call) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each term of f(a + b), and f of the others with it added behind: f(a) + b."""
    if len(node.args) != 1 or node.keywords:
        return
    terms = list(_terms(node.args[0]))
    for term in terms if len(terms) > 1 else ():
        inner, *more = (one for one in terms if one is not term)
        for one in more:
            inner = ast.BinOp(inner, ast.Add(), one)
        yield term, ast.BinOp(ast.Call(node.func, [inner], []), ast.Add(), term)


def _terms(formula: ast.expr) -> Iterator[ast.expr]:
    """Yield what a sum adds up."""
    if isinstance(formula, ast.BinOp) and isinstance(formula.op, ast.Add):
        yield from _terms(formula.left)
        yield from _terms(formula.right)
    else:
        yield formula


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
                reread = ast.parse(changed.strip(), mode="eval").body
            except SyntaxError:
                continue
            same_parts = type(reread) is ast.Tuple and not isinstance(formula, ast.Tuple)
            if not same_parts and ast.dump(reread) != ast.dump(formula):
                yield reread
