"""What may be taken for a call: another function, another reduction, another axis."""

import ast
from collections.abc import Iterator
from typing import Any

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
        ("the minus in the sigmoid's exponent left out", "1 / (1 + np.exp({}))"),
    ),
    "len": (
        ("the length of the last axis in place of that of the first", "np.shape({})[-1]"),
        ("the number of all values in place of that of rows", "np.size({})"),
    ),
    "comb": (("the number of ways left out", "({})"),),
    "norm": (
        ("the sum of absolute values in place of the norm", "np.abs({}).sum()"),
        ("the largest absolute value in place of the norm", "np.abs({}).max()"),
        ("the root of the mean square in place of the norm", "np.sqrt(np.mean(({})**2))"),
        ("the square of the norm", "np.sum(({})**2)"),
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
    "ceil": (
        ("rounding down in place of up", "np.floor({})"),
        ("rounding to the nearest in place of up", "np.round({})"),
    ),
    "floor": (
        ("rounding up in place of down", "np.ceil({})"),
        ("rounding to the nearest in place of down", "np.round({})"),
    ),
}
# What may be called by its bare name: a function of another name may be anybody's.
OF_PYTHON_OR_THE_BOOK = ("abs", "len", "sigmoid", "softmax", "tanh")
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


def call_replacements(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Yield what may stand in the place of a call, and how to say so."""
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if any(isinstance(one, ast.Starred) for one in node.args):
        return
    is_its_own = isinstance(called, ast.Name) and name not in OF_PYTHON_OR_THE_BOOK
    if not is_its_own and node.args and (first := ast.unparse(node.args[0])):
        for words, text in CALLS.get(name, ()):
            yield words, ast.parse(text.format(first), mode="eval").body
    if isinstance(called, ast.Attribute):
        yield from _reduction_replacements(node, called)
    yield from _bound_replacements(node, name)
    yield from _conversion_replacements(node, name)
    for keyword in node.keywords:
        if keyword.arg == "axis":
            yield from _axis_replacements(node, keyword)


def _reduction_replacements(
    node: ast.Call, called: ast.Attribute
) -> Iterator[tuple[str, ast.expr]]:
    """Yield what may be taken for a sum, a mean, the largest, or another of NumPy's own."""
    name, of_numpy = called.attr, isinstance(called.value, ast.Name) and called.value.id == "np"
    if of_numpy and not node.args:
        return
    for words, other in REDUCTIONS.get(name, ()):
        if other == "median" and not of_numpy:  # arrays have no such method
            function = ast.parse("np.median", mode="eval").body
            yield words, ast.Call(function, [called.value, *node.args], node.keywords)
        else:
            function = ast.Attribute(called.value, other, ast.Load())
            yield words, ast.Call(function, node.args, node.keywords)
    if name in ("mean", "sum", "max", "cumsum") and (node.args or not of_numpy):
        yield f"the {name} left out", node.args[0] if of_numpy else called.value
    if name == "mean" and {one.arg for one in node.keywords} <= {"axis", "keepdims"}:
        count = f"np.size({ast.unparse(node.args[0] if of_numpy else called.value)})"
        mean = ast.unparse(node)
        rest = f"{mean} * {count} / ({count} - np.size({mean}))"
        yield "n − 1 in place of n", ast.parse(rest, mode="eval").body
    if name in ("var", "std"):
        keywords = [*node.keywords, ast.keyword("ddof", ast.Constant(1))]
        yield "n − 1 in place of n", ast.Call(called, node.args, keywords)


def _bound_replacements(node: ast.Call, name: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield one of the two values of which a call takes the larger or the smaller."""
    if len(node.args) != 2:
        return
    if name in ("maximum", "minimum"):
        for kept, dropped in (node.args, node.args[::-1]):
            if isinstance(dropped, ast.Constant):
                yield f"the bound {dropped.value!r} left out", kept
    if name in ("max", "min") and isinstance(node.func, ast.Name):
        larger, smaller = ("larger", "smaller") if name == "max" else ("smaller", "larger")
        opposite = ast.Name("min" if name == "max" else "max", ast.Load())
        yield f"the {smaller} in place of the {larger}", ast.Call(opposite, node.args, [])
        for ordinal, kept in zip(("first", "second"), node.args, strict=True):
            yield f"the {ordinal} in place of the {larger} of the two", kept


def _conversion_replacements(node: ast.Call, name: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield what is left where a number is not made one, or not rounded."""
    if len(node.args) != 1:
        return
    inner = node.args[0]
    if name == "float" and isinstance(inner, ast.Call):
        for words, replacement in call_replacements(inner):
            if words in ("the mean left out", "the sum left out"):
                yield f"{words}: one number is asked for", replacement
    if name == "int":
        yield "rounding left out", inner


def _axis_replacements(node: ast.Call, keyword: ast.keyword) -> Iterator[tuple[str, ast.expr]]:
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
