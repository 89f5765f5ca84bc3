"""Variants: the reference with one thing changed, which is what many a wrong answer computes.

A sign turned round, a term left out, a sum for a mean, the sigmoid for tanh, an axis for another: a
wrong result that agrees with such a variant in every case is told so. The sentence says what comes
out, not what was typed, so it is true however the answer was written.
"""

import ast
import copy
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

MAX_VARIANTS = 250
AXES: tuple[Any, ...] = (None, 0, 1, 2, -1, (0, 1), (1, 2), (2, 3), (0, 1, 2), (1, 2, 3))

# A function, and the expressions that may stand in the place of its call; {} is the argument.
CALLS: dict[str, tuple[tuple[str, str], ...]] = {
    "tanh": (
        ("the sigmoid in place of tanh", "1 / (1 + np.exp(-({})))"),
        ("a ReLU in place of tanh", "np.maximum({}, 0)"),
        ("tanh left out", "({})"),
    ),
    "softmax": (
        ("the sigmoid in place of the softmax", "1 / (1 + np.exp(-({0})))"),
        ("the softmax over axis 0", "np.exp({0}) / np.exp({0}).sum(axis=0)"),
        ("the softmax left out", "({0})"),
    ),
    "sigmoid": (
        ("tanh in place of the sigmoid", "np.tanh({})"),
        ("the sigmoid left out", "({})"),
    ),
    "sqrt": (("the root left out", "({})"),),
    "exp": (("exp left out", "({})"),),
    "log": (
        ("the logarithm to the base 2", "np.log2({})"),
        ("the logarithm to the base 10", "np.log10({})"),
        ("the logarithm left out", "({})"),
    ),
    "abs": (
        ("the absolute value left out", "({})"),
        ("a square for the absolute value", "({})**2"),
    ),
    "sign": (("the sign left out", "1.0"),),
    "ceil": (("rounding down in place of up", "np.floor({})"),),
    "floor": (("rounding up in place of down", "np.ceil({})"),),
}
# A reduction, and those that may be taken for it.
REDUCTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "mean": (
        ("a sum in place of a mean", "sum"),
        ("the maximum in place of the mean", "max"),
        ("the median in place of the mean", "median"),
    ),
    "sum": (
        ("a mean in place of a sum", "mean"),
        ("the maximum in place of the sum", "max"),
        ("a product in place of a sum", "prod"),
    ),
    "max": (
        ("the smallest in place of the largest", "min"),
        ("a mean in place of the maximum", "mean"),
        ("a sum in place of the maximum", "sum"),
    ),
    "min": (("the largest in place of the smallest", "max"),),
    "var": (("the standard deviation in place of the variance", "std"),),
    "std": (("the variance in place of the standard deviation", "var"),),
    "argmax": (("the smallest in place of the largest", "argmin"),),
    "argmin": (("the largest in place of the smallest", "argmax"),),
    "zeros": (("ones in place of zeros", "ones"),),
    "ones": (("zeros in place of ones", "zeros"),),
    "zeros_like": (("ones in place of zeros", "ones_like"),),
    "ones_like": (("zeros in place of ones", "zeros_like"),),
    "maximum": (("the smaller in place of the larger", "minimum"),),
    "minimum": (("the larger in place of the smaller", "maximum"),),
}
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
# What is left of the rounds of a loop.
ROUNDS = (
    ("the first round of a loop alone, as where it returns within it", "[:1]"),
    ("a loop without its first round", "[1:]"),
    ("a loop without its last round", "[:-1]"),
)
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

Variant = tuple[str, Callable[..., Any]]


def variants(function: Callable[..., Any]) -> Iterator[Variant]:
    """Yield functions with one thing changed, or one kind of thing everywhere, and what it is.

    A function that might loop for ever with one thing changed (`loops_while`) yields none.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        module = sys.modules[function.__module__]
    except (OSError, KeyError, TypeError, SyntaxError):
        return
    made = tree.body[0]
    if not isinstance(made, ast.FunctionDef) or loops_while(function):
        return
    made.decorator_list, made.returns = [], None
    parameters = {one.arg for one in ast.walk(made.args) if isinstance(one, ast.arg)}
    changes: dict[str, list[tuple[int, ast.expr]]] = {}
    # What is compared is no formula: a sign in it says nothing that a learner could look for.
    compared = {
        id(one)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for one in ast.walk(node)
    }
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    for number, node in enumerate(ast.walk(tree)):
        if isinstance(node, (ast.For, ast.comprehension)):
            for words, part in ROUNDS:
                rounds = ast.parse(f"list({ast.unparse(node.iter)}){part}", mode="eval").body
                changes.setdefault(words, []).append((numbers[id(node.iter)], rounds))
        if isinstance(node, ast.Compare) or (
            isinstance(node, ast.expr) and id(node) not in compared
        ):
            for words, other in _others(node, parameters):
                changes.setdefault(words, []).append((number, other))
    several = [(words, found) for words, found in changes.items() if len(found) > 1]
    single = [(words, [one]) for words, found in changes.items() for one in found]
    for words, found in [*single, *several][:MAX_VARIANTS]:
        changed = _Swap(copy.deepcopy(tree), dict(found)).tree
        names = dict(vars(module))
        try:
            exec(compile(ast.fix_missing_locations(changed), "<variant>", "exec"), names)
        except (SyntaxError, ValueError, TypeError):
            continue
        yield words, names[made.name]


def loops_while(function: Callable[..., Any]) -> bool:
    """Say whether a function, or one of its file that it calls, has a ``while`` loop.

    A wrong number might keep that busy for ever. What cannot be read is taken to have one.
    """
    try:
        tree = ast.parse(inspect.getsource(sys.modules[function.__module__]))
    except (OSError, KeyError, TypeError, SyntaxError):
        return True
    defined = {
        one.name: one for one in tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))
    }
    waiting, seen = [function.__name__], set()
    while waiting:
        name = waiting.pop()
        if name in seen or (name not in defined and name != function.__name__):
            continue
        seen.add(name)
        if name not in defined:
            return True
        for node in ast.walk(defined[name]):
            if isinstance(node, ast.While):
                return True
            if isinstance(node, (ast.Name, ast.Attribute)):
                waiting.append(node.id if isinstance(node, ast.Name) else node.attr)
    return False


class _Swap(ast.NodeTransformer):
    """Puts other expressions in the place of some nodes, which are numbered as `ast.walk` goes."""

    def __init__(self, tree: ast.AST, others: dict[int, ast.expr]) -> None:
        nodes = list(ast.walk(tree))
        self.others = {id(nodes[number]): other for number, other in others.items()}
        self.nodes = nodes  # no other object takes their places
        self.tree: Any = self.visit(tree)

    def visit(self, node: ast.AST) -> Any:
        """Return what stands in a node's place."""
        if id(node) in self.others:
            return copy.deepcopy(self.others[id(node)])
        return self.generic_visit(node)


def _others(node: ast.expr, parameters: set[str]) -> Iterator[tuple[str, ast.expr]]:
    """Yield what may stand in the place of an expression, and how to say so."""
    if isinstance(node, ast.BinOp):
        yield from _of_operator(node, parameters)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for words, comparison in COMPARISONS.get(type(node.ops[0]), ()):
            yield words, ast.Compare(node.left, [comparison()], node.comparators)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "a minus left out", node.operand
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "a transposition left out", node.value
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        yield "a part taken whole", node.value
    elif isinstance(node, ast.Subscript):
        for words, step in (("one place further on", 1), ("one place before", -1)):
            yield (
                f"what stands {words}",
                ast.Subscript(node.value, _moved(node.slice, step), ast.Load()),
            )


def _moved(index: ast.expr, step: int) -> ast.expr:
    """Return an index moved along its last axis, or that of what it holds."""
    if isinstance(index, ast.Tuple):
        return ast.Tuple([*index.elts[:-1], _moved(index.elts[-1], step)], ast.Load())
    return ast.BinOp(index, ast.Add(), ast.Constant(step))


def _of_operator(node: ast.BinOp, parameters: set[str]) -> Iterator[tuple[str, ast.expr]]:
    for words, operator in OPERATORS.get(type(node.op), ()):
        yield words, ast.BinOp(node.left, operator(), node.right)
    yield from _regrouped(node)
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
    """Yield a formula as it is read without its parentheses, and a power taken further in."""
    left, right, operator = node.left, node.right, node.op
    if isinstance(operator, PRODUCTS):
        if isinstance(left, ast.BinOp) and isinstance(left.op, SUMS):
            inner = ast.BinOp(left.right, operator, right)
            yield "parentheses left out", ast.BinOp(left.left, left.op, inner)
        if isinstance(right, ast.BinOp) and isinstance(right.op, (*SUMS, *PRODUCTS)):
            inner = ast.BinOp(left, operator, right.left)
            yield "parentheses left out", ast.BinOp(inner, right.op, right.right)
    elif isinstance(operator, SUMS) and isinstance(right, ast.BinOp) and isinstance(right.op, SUMS):
        inner = ast.BinOp(left, operator, right.left)
        yield "parentheses left out", ast.BinOp(inner, right.op, right.right)
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


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if node.args and (first := ast.unparse(node.args[0])):
        for words, text in CALLS.get(name, ()):
            yield words, ast.parse(text.format(first), mode="eval").body
    if isinstance(called, ast.Attribute):
        of_numpy = isinstance(called.value, ast.Name) and called.value.id == "np"
        for words, other in REDUCTIONS.get(name, ()):
            if other == "median" and not of_numpy:  # arrays have no such method
                function = ast.parse("np.median", mode="eval").body
                yield words, ast.Call(function, [called.value, *node.args], node.keywords)
            else:
                yield (
                    words,
                    ast.Call(
                        ast.Attribute(called.value, other, ast.Load()), node.args, node.keywords
                    ),
                )
        if name in ("mean", "sum", "max", "cumsum"):
            whole = node.args[0] if of_numpy and node.args else called.value
            if not (of_numpy and not node.args):
                yield f"the {name} left out", whole
        if name in ("var", "std"):
            keywords = [*node.keywords, ast.keyword("ddof", ast.Constant(1))]
            yield "n − 1 in place of n", ast.Call(called, node.args, keywords)
    if name in ("maximum", "minimum") and len(node.args) == 2:
        for kept, dropped in (node.args, node.args[::-1]):
            if isinstance(dropped, ast.Constant):
                yield f"the bound {dropped.value!r} left out", kept
    if name in ("max", "min") and len(node.args) == 2 and isinstance(called, ast.Name):
        larger = "larger" if name == "max" else "smaller"
        for place, kept in zip(("first", "second"), node.args, strict=True):
            yield f"the {place} in place of the {larger} of the two", kept
    if name == "float" and len(node.args) == 1 and isinstance(inner := node.args[0], ast.Call):
        for words, whole in _of_call(inner):
            if words in ("the mean left out", "the sum left out"):
                yield f"{words}: one number is asked for", whole
    if name == "int" and len(node.args) == 1:
        yield "rounding left out", node.args[0]
    for keyword in node.keywords:
        if keyword.arg == "axis":
            yield from _of_axis(node, keyword)


def _of_axis(node: ast.Call, keyword: ast.keyword) -> Iterator[tuple[str, ast.expr]]:
    try:
        given = ast.literal_eval(keyword.value)
    except ValueError:
        return
    rest = [one for one in node.keywords if one is not keyword]
    for axis in AXES:
        if axis != given:
            value = ast.parse(repr(axis), mode="eval").body
            words = "all axes" if axis is None else f"axis {axis}"
            changed = ast.Call(node.func, node.args, [*rest, ast.keyword("axis", value)])
            yield f"{words} in place of axis {given}", changed
