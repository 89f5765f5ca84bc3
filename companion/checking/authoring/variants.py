"""Variants: the reference with one thing changed, which is what many a wrong answer computes.

A sign turned round, a term left out, a sum for a mean, the sigmoid for tanh, an axis for another: a
wrong result that agrees with such a variant in every case is told so. The sentence says what comes
out, not what was typed, so it is true however the answer was written.
"""

import ast
import copy
import inspect
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

MAX_VARIANTS = 350
MAX_RESULTS = 3
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
# What each round of a loop may do with what the rounds before have left.
UPDATES: dict[type[ast.operator], tuple[tuple[str, type[ast.operator] | None], ...]] = {
    ast.Add: (
        ("a sum that each round writes over", None),
        ("a minus in place of a plus", ast.Sub),
        ("a product in place of a sum", ast.Mult),
    ),
    ast.Sub: (("a plus in place of a minus", ast.Add),),
    ast.Mult: (
        ("a product that each round writes over", None),
        ("a sum in place of a product", ast.Add),
    ),
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
    changes: dict[str, list[tuple[int, ast.AST]]] = {}
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
        if isinstance(node, ast.stmt):
            for words, statement in _of_statement(node):
                changes.setdefault(words, []).append((number, statement))
            formulas = (one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr))
            for formula in formulas:
                for regrouped in _without_parentheses(formula):
                    changes.setdefault("parentheses left out", []).append(
                        (numbers[id(formula)], regrouped)
                    )
    several = [(words, found) for words, found in changes.items() if len(found) > 1]
    single = [(words, [one]) for words, found in changes.items() for one in found]
    for words, changed_nodes in [*single, *_exchanged(tree), *several][:MAX_VARIANTS]:
        changed = _Swap(copy.deepcopy(tree), dict(changed_nodes)).tree
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

    def __init__(self, tree: ast.AST, others: dict[int, ast.AST]) -> None:
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
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
        # One of several results, by its number.
        for number in range(MAX_RESULTS) if isinstance(node.slice, ast.Constant) else ():
            other = ast.Subscript(node.value, ast.Constant(number), ast.Load())
            yield f"another of the results of `{ast.unparse(node.value.func)}`", other
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
            done = "product" if isinstance(operator, ast.Mult) else "division"
            yield f"a {done} of the first term alone", ast.BinOp(first, left.op, left.right)
    elif isinstance(operator, SUMS) and isinstance(left, ast.BinOp):
        if isinstance(left.op, PRODUCTS):
            inner = ast.BinOp(left.left, operator, right)
            yield "a term that is added too early", ast.BinOp(inner, left.op, left.right)
    elif isinstance(operator, ast.Pow) and isinstance(left, ast.Call) and len(left.args) == 1:
        power = ast.BinOp(left.args[0], operator, right)
        yield "a power taken before the function", ast.Call(left.func, [power], left.keywords)


def _without_parentheses(whole: ast.expr) -> Iterator[ast.expr]:
    """Yield a formula as it is read where one pair of its parentheses is left out.

    >>> [ast.unparse(one) for one in _without_parentheses(ast.parse("a*(b-c)/2").body[0].value)]
    ['a * b - c / 2']
    """
    text = ast.unparse(whole)
    opened: list[int] = []
    for place, letter in enumerate(text):
        if letter == "(":
            opened.append(place)
        elif letter == ")" and opened:
            start = opened.pop()
            before = text[:start].rstrip()
            called = before[-1:].isalnum() or before[-1:] in tuple("_)]")
            if called and before == text[:start]:
                continue
            changed = f"{text[:start]} {text[start + 1 : place]} {text[place + 1 :]}"
            try:
                other = ast.parse(changed.strip(), mode="eval").body
            except SyntaxError:
                continue
            same_parts = type(other) is ast.Tuple and not isinstance(whole, ast.Tuple)
            if not same_parts and ast.dump(other) != ast.dump(whole):
                yield other


def _exchanged(tree: ast.AST) -> Iterator[tuple[str, list[tuple[int, ast.AST]]]]:
    """Yield changes that put numbers, names that are unpacked, or values in each other's place."""
    nodes = list(enumerate(ast.walk(tree)))
    places: dict[float, list[int]] = {}
    made = dict.fromkeys(one.id for _, one in nodes if _is_stored(one))
    for number, node in nodes:
        returned = node.value if isinstance(node, ast.Return) else None
        parts = returned.elts if isinstance(returned, (ast.Tuple, ast.List)) else [returned]
        for part in filter(None, parts):
            at = next(place for place, one in nodes if one is part)
            for name in made:
                value = ast.Name(name, ast.Load())
                yield "an intermediate value in place of the result", [(at, value)]
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            places.setdefault(node.value, []).append(number)
        targets = [node.target] if isinstance(node, (ast.For, ast.comprehension)) else []
        targets += node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if not isinstance(target, ast.Tuple):
                continue
            at = next(place for place, one in nodes if one is target)
            for i, j in itertools.combinations(range(len(target.elts)), 2):
                elements = list(target.elts)
                elements[i], elements[j] = elements[j], elements[i]
                words = f"`{ast.unparse(target.elts[i])}` and `{ast.unparse(target.elts[j])}`"
                yield f"{words} exchanged", [(at, ast.Tuple(elements, ast.Store()))]
    for one, other in itertools.combinations(places, 2):
        swapped: list[tuple[int, ast.AST]] = []
        for number in places[one] + places[other]:
            swapped.append((number, ast.Constant(other if number in places[one] else one)))
        yield f"{one!r} and {other!r} exchanged", swapped


def _is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _of_statement(node: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """Yield what a round of a loop may do in place of adding to, or multiplying, what there is."""
    if isinstance(node, ast.AugAssign):
        for words, operator in UPDATES.get(type(node.op), ()):
            if operator is None:
                yield words, ast.Assign([node.target], node.value)
            else:
                yield words, ast.AugAssign(node.target, operator(), node.value)


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
