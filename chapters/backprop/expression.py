"""Expressions: a computational graph, read from what a person writes."""

import ast

from chapters.backprop.graph import Graph
from companion.errors import UserError

SIGNS = {ast.Add: "+", ast.Sub: "−", ast.Mult: "·"}
Table = dict[str, tuple[str, ...]]  # for each node its block, and what goes into it
FUNCTIONS = {"max": "max", "σ": "σ", "sigmoid": "σ", "Σ": "Σ", "sum": "Σ"}


def parse(text: str) -> Graph:
    """Read a graph as one writes it: ``name = expression``, parted by ``;`` or new lines.

    Its signs are + − · (or *) and ², its functions max, σ (or sigmoid) and Σ (or sum). A part
    without a name bears its own text, so the same part written twice is one node.

    Raises:
        UserError: If a part cannot be read; the part is named.

    >>> graph = parse("margin = w · x · y;  loss = max(1 − margin, 0)")  # COMP7015's hinge loss
    >>> graph.table["loss"]
    ('max', '1 − margin', '0')
    >>> float(graph.forward(w=0.5, x=1.0, y=1.0)["loss"])
    0.5
    >>> float(graph.backward()["w"])  # −1[margin < 1] · x · y
    -1.0
    """
    table: Table = {}
    plain = text.translate({ord("·"): "*", ord("−"): "-", ord("²"): "**2", ord(";"): "\n"})
    for line in filter(None, map(str.strip, plain.splitlines())):
        _read(line, table)
    if not table:
        raise UserError("There is nothing to compute: write an expression such as w · x + b.")
    return Graph(table)


def _read(line: str, table: Table) -> None:
    """Add the rows of one line to the table."""
    try:
        (statement,) = ast.parse(line).body
    except (SyntaxError, ValueError):
        raise UserError(f"{line!r} cannot be read: write name = expression.") from None
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            _node(value, table, name)
        case ast.Expr(value=value):
            _node(value, table)
        case _:
            raise UserError(f"{line!r} cannot be read: write name = expression.")


def _node(part: ast.expr, table: Table, name: str = "") -> str:
    """Add the rows of a part to the table, and return the name that it bears there."""
    match part:
        case ast.Name(id=leaf) if not name:
            return leaf
        case ast.Constant(value=int() | float() as number) if not name:
            return str(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)) if (
            not name
        ):
            return f"-{number}"
    row = block, *names = _row(part, table)
    inner_names = [f"({one})" if " " in one and block in "+−·" else one for one in names]
    infix = len(names) == 2 and block != "max"
    own = f" {block} ".join(inner_names) if infix else f"{block}({', '.join(names)})"
    if table.setdefault(name or own, row) != row:
        raise UserError(f"{name} has two rows: {table[name]} and {row}. Give each its name.")
    return name or own


def _row(part: ast.expr, table: Table) -> tuple[str, ...]:
    """Return a part's block and the names of what goes into it."""
    match part:
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return ("−", "0", _node(inner, table))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=2)):
            return ("·", _node(left, table), _node(left, table))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in SIGNS:
            return (SIGNS[type(sign)], _node(left, table), _node(right, table))
        case ast.Call(func=ast.Name(id=function), args=args) if function in FUNCTIONS:
            return (FUNCTIONS[function], *(_node(one, table) for one in args))
    known = ", ".join((*SIGNS.values(), "²", *FUNCTIONS))
    raise UserError(f"{ast.unparse(part)!r} is none of {known}, and has no block here.")


HINGE = "margin = Σ(w · φ) · y; loss = max(1 − margin, 0)"
"""COMP7015's hinge loss."""

COMP7015_NETWORK = """
h1 = σ(Σ(v1 · φ))
h2 = σ(Σ(v2 · φ))
prediction = w1 · h1 + w2 · h2
residual = prediction − y
loss = residual²
"""
COMP7015_NUMBERS = {
    "φ": [1.5, -0.7, 0.6],
    "y": 1.8,
    "v1": [1.1, -1.0, -0.5],
    "v2": [2.0, 1.0, 1.2],
    "w1": 2.0,
    "w2": 0.6,
}
"""COMP7015's exercise: a network of two sigmoid units, and the numbers to put in."""

CS826_EXPRESSION = """
y3 = σ(Σ(w3 · x))
y4 = σ(Σ(w4 · x))
a5 = w05 + w35 · y3 + w45 · y4
y5 = σ(a5)
error = target − y5
loss = 0.5 · error²
"""
CS826_NUMBERS = {
    "x": [1.0, 1.0, 0.0],
    "target": 1.0,
    "w3": [1.0, 3.0, 4.0],
    "w4": [-6.0, 6.0, 5.0],
    "w05": -3.92,
    "w35": 2.0,
    "w45": 4.0,
}
"""CS826's network: x begins with the 1 that meets the biases w03 and w04."""
