"""Variants: the reference with one thing changed, which is what many a wrong answer computes.

A sign turned round, a term left out, a sum for a mean, the sigmoid for tanh, an axis for another: a
wrong result that agrees with such a variant in every case is told so. The sentence says what comes
out, not what was typed, so it is true however the answer was written.
"""

import ast
import copy
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from companion.checking.authoring.other_expressions import (
    Task,
    described_condition,
    expression_replacements,
)
from companion.checking.authoring.other_groupings import without_parentheses

MAX_VARIANTS, MAX_ROUNDS = 500, 10_000
LARGE = 1_000  # an exponent of that size makes numbers without end
ENDLESS = ("count", "cycle")  # of itertools
LAST_OF_ALL_FORMULAS = 2  # 0, 1 and 2 are axes, indices and squares
# What is left of the rounds of a loop.
ROUNDS = (
    ("the first round of a loop alone, as where it returns within it", "_islice({}, 1)"),
    ("a loop without its first round", "_islice({}, 1, None)"),
    ("a loop without its last round", "_without_last({})"),
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
Variant = tuple[str, Callable[..., Any]]
Change = tuple[int, ast.AST]  # the number of a node as `ast.walk` goes, and what takes its place


def variants(
    function: Callable[..., Any], inputs: Sequence[Mapping[str, Any]] = ()
) -> Iterator[Variant]:
    """Yield functions with one thing changed, or one kind of thing everywhere, and what it is.

    A function that might run on for ever with one thing changed (`may_run_on`) yields none. What is
    said names what the task names, and nothing else of the function's.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        module = sys.modules[function.__module__]
    except (OSError, KeyError, TypeError, SyntaxError):
        return
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef) or may_run_on(function, inputs):
        return
    definition.decorator_list, definition.returns = [], None
    parameters = {one.arg for one in ast.walk(definition.args) if isinstance(one, ast.arg)}
    task = Task(parameters, set(re.findall(r"[\w.]*\w", inspect.getdoc(function) or "")))
    nodes, changes = list(ast.walk(tree)), dict[str, list[Change]]()
    for words, change in _changes(tree, task):
        changes.setdefault(words, []).append(change)
    several = [
        (f"{words}, everywhere", group) for words, group in changes.items() if len(group) > 1
    ]
    single = [(words, [one]) for words, group in changes.items() for one in group]
    # What may come about in many ways is told where nothing else is.
    in_order = [*single, *_exchanged(tree, task), *several]
    in_order.sort(key=lambda variant: " belongs" in variant[0])
    for words, changed_nodes in in_order[:MAX_VARIANTS]:
        changed = _replaced(tree, {id(nodes[index]): other for index, other in changed_nodes})
        names = vars(module) | OF_VARIANTS
        try:
            exec(compile(ast.fix_missing_locations(changed), "<variant>", "exec"), names)
        except Exception:
            continue
        yield words, names[definition.name]


def _bounded_range(*arguments: int) -> range:
    """Return a range that is no longer than any that a case asks for: another number may be huge.

    Raises:
        ValueError: If it is longer.
    """
    rounds = range(*arguments)
    if len(rounds) > MAX_ROUNDS:
        raise ValueError(f"A loop of {len(rounds)} rounds is not tried.")
    return rounds


def _without_last(values: Iterable[Any]) -> Iterator[Any]:
    """Yield all values but the last."""
    return (one for one, _ in itertools.pairwise(values))


OF_VARIANTS = {
    "range": _bounded_range,
    "_islice": itertools.islice,
    "_without_last": _without_last,
}


def _changes(tree: ast.AST, task: Task) -> Iterator[tuple[str, Change]]:
    """Yield the changes of one node, and how to say so."""
    # What is compared is no formula: a sign in it says nothing that a learner could look for.
    compared = {
        id(one)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for one in ast.walk(node)
    }
    indices = {id(node): index for index, node in enumerate(ast.walk(tree))}
    for index, node in enumerate(ast.walk(tree)):
        if isinstance(node, (ast.For, ast.comprehension)):
            for words, part in ROUNDS:
                rounds = ast.parse(part.format(ast.unparse(node.iter)), mode="eval").body
                yield words, (indices[id(node.iter)], rounds)
        if isinstance(node, ast.Compare) or (
            isinstance(node, ast.expr) and id(node) not in compared
        ):
            yield from (
                (words, (index, replacement))
                for words, replacement in expression_replacements(node, task)
            )
        if isinstance(node, ast.stmt):
            yield from (
                (words, (index, replacement))
                for words, replacement in _statement_changes(node, task)
            )
            for formula in ast.iter_child_nodes(node):
                if isinstance(formula, ast.expr):
                    for regrouped in without_parentheses(formula):
                        yield "parentheses left out", (indices[id(formula)], regrouped)


def may_run_on(function: Callable[..., Any], inputs: Sequence[Mapping[str, Any]] = ()) -> bool:
    """Say whether a function might run on for ever, or nearly, if a number in it were another.

    So it may if it, or a function of its file that it calls, has a ``while`` loop, counts without
    end or calls itself; or if it takes large whole numbers to a power. So may what cannot be read.
    """
    try:
        tree = ast.parse(inspect.getsource(sys.modules[function.__module__]))
    except (OSError, KeyError, TypeError, SyntaxError):
        return True
    defined = {
        one.name: one for one in tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))
    }
    if function.__name__ not in defined:
        return True
    large = any(type(value) is int and value > LARGE for one in inputs for value in one.values())
    pending, seen = [function.__name__], set()
    while pending:
        name = pending.pop()
        if name in seen or name not in defined:
            continue
        seen.add(name)
        for node in ast.walk(defined[name]):
            if isinstance(node, ast.While) or _is_endless(node) or (large and _is_power(node)):
                return True
            if isinstance(node, (ast.Name, ast.Attribute)):
                named = node.id if isinstance(node, ast.Name) else node.attr
                if named == function.__name__:
                    return True
                pending.append(named)
    return False


def _is_endless(node: ast.AST) -> bool:
    """Say whether a node calls `itertools.count` or `itertools.cycle`."""
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Attribute):
        return ast.unparse(called) in {f"itertools.{name}" for name in ENDLESS}
    return isinstance(called, ast.Name) and called.id in ENDLESS


def _is_power(node: ast.AST) -> bool:
    """Say whether an exponent may vary."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Pow)
        and not isinstance(node.right, ast.Constant)
    )


def _replaced(node: Any, replacements: dict[int, ast.AST]) -> Any:
    """Return a tree with other nodes in the place of some, which are told by their identity.

    What stays as it is is not copied. A node that lies within another's replacement is replaced
    there.
    """
    if id(node) in replacements:
        replacements = {**replacements}
        node = replacements.pop(id(node))
    changed: dict[str, Any] = {}
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            other: Any = _replaced(value, replacements)
            if other is not value:
                changed[field] = other
        elif isinstance(value, list):
            others = [
                _replaced(one, replacements) if isinstance(one, ast.AST) else one for one in value
            ]
            if any(one is not other for one, other in zip(value, others, strict=True)):
                changed[field] = others
    if changed:
        node = copy.copy(node)
        vars(node).update(changed)
    return node


def _exchanged(tree: ast.AST, task: Task) -> Iterator[tuple[str, list[Change]]]:
    """Yield changes that put numbers, names that are unpacked, or values in each other's place."""
    nodes = list(enumerate(ast.walk(tree)))
    assigned = dict.fromkeys(one.id for _, one in nodes if _is_stored(one))
    for index, node in nodes:
        returned = node.value if isinstance(node, ast.Return) else None
        parts = returned.elts if isinstance(returned, (ast.Tuple, ast.List)) else [returned]
        for part in filter(None, parts):
            position = next(index for index, one in nodes if one is part)
            for name in assigned:
                value = ast.Name(name, ast.Load())
                yield "an intermediate value in place of the result", [(position, value)]
        targets = [node.target] if isinstance(node, (ast.For, ast.comprehension)) else []
        targets += node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if not isinstance(target, ast.Tuple):
                continue
            position = next(index for index, one in nodes if one is target)
            for i, j in itertools.combinations(range(len(target.elts)), 2):
                elements = list(target.elts)
                elements[i], elements[j] = elements[j], elements[i]
                words = "two values that are unpacked together"
                names = [ast.unparse(target.elts[number]) for number in (i, j)]
                if task.words.issuperset(names):
                    words = f"`{names[0]}` and `{names[1]}`"
                yield f"{words} exchanged", [(position, ast.Tuple(elements, ast.Store()))]
    yield from _numbers_exchanged(nodes, task)


def _numbers_exchanged(
    nodes: Sequence[tuple[int, ast.AST]], task: Task
) -> Iterator[tuple[str, list[Change]]]:
    """Yield two numbers in each other's place, everywhere."""
    indices_of_number: dict[float, list[int]] = {}
    for index, node in nodes:
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, (int, float)) and _is_told_apart(value):
            indices_of_number.setdefault(value, []).append(index)
    for one, other in itertools.combinations(indices_of_number, 2):
        swapped: list[Change] = []
        for index in indices_of_number[one] + indices_of_number[other]:
            swapped.append((index, ast.Constant(other if index in indices_of_number[one] else one)))
        is_told = task.words.issuperset((f"{one:g}", f"{other:g}"))
        words = f"{one!r} and {other!r}" if is_told else "two numbers"
        yield f"{words} exchanged", swapped


def _is_told_apart(value: float) -> bool:
    """Say whether a number is none of those that stand for something else in every formula."""
    return isinstance(value, float) or (type(value) is int and value > LAST_OF_ALL_FORMULAS)


def _is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _statement_changes(node: ast.stmt, task: Task) -> Iterator[tuple[str, ast.stmt]]:
    """Yield what may stand in a statement's place: another update, or none; no condition."""
    if isinstance(node, ast.AugAssign):
        for words, operator in UPDATES.get(type(node.op), ()):
            if operator is None:
                yield words, ast.Assign([node.target], node.value)
            else:
                yield words, ast.AugAssign(node.target, operator(), node.value)
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        yield "an assignment left out", ast.Pass()
    if isinstance(node, ast.Break):
        yield "a loop that goes on where it is to end", ast.Pass()
    if isinstance(node, ast.If):
        words = described_condition(node.test, task)
        for answer, value in (("yes", True), ("no", False)):
            taken = ast.If(ast.Constant(value), node.body, node.orelse)
            yield f"{words} that is answered {answer} every time", taken
        turned = ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        yield f"{words} that is turned round", turned
