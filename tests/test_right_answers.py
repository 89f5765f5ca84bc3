"""Right answers pass: as they stand or rewritten, in float64 or float32, as arrays or as lists."""

import ast
import inspect
import sys
import textwrap

import numpy as np
import pytest

from companion.checking.classroom.discovery import all_exercises

NUMPY = [one for one in all_exercises() if not one.builds_model]
SEEDS = range(20)
NUMBERS = (int, float, np.ndarray, np.generic)


def numbers(*values):
    return all(isinstance(one, NUMBERS) and not isinstance(one, bool) for one in values)


def plus(a, b):
    """A sum in the other order."""
    return b + a if numbers(a, b) else a + b


def times(a, b):
    """A product in the other order."""
    return b * a if numbers(a, b) else a * b


def minus(a, b):
    """A difference as a sum."""
    return a + -1 * b if numbers(a, b) else a - b


def over(a, b):
    """A quotient as a product."""
    return a * (1 / b) if isinstance(b, (float, np.floating)) else a / b


def power(a, b):
    """A square as a product."""
    return a * a if numbers(a) and np.isscalar(b) and b == 2 else a**b


def matmul(a, b):
    """A product of matrices whose sums run backwards."""
    b = np.asarray(b)
    return a[..., ::-1] @ (b[::-1] if b.ndim == 1 else b[..., ::-1, :])


REWRITES = {
    "as it stands": {},
    "commuted": {ast.Add: plus, ast.Mult: times},
    "other operations": {ast.Sub: minus, ast.Div: over, ast.Pow: power},
    "backwards": {ast.Add: plus, ast.MatMult: matmul},
}


class Rewritten(ast.NodeTransformer):
    """Puts calls of other functions in the place of operators."""

    def __init__(self, operators):
        self.operators = operators

    def visit_BinOp(self, node):
        self.generic_visit(node)
        other = self.operators.get(type(node.op))
        if other is None:
            return node
        name = ast.Name(f"_{other.__name__}", ast.Load())
        return ast.copy_location(ast.Call(name, [node.left, node.right], []), node)


def rewritten(exercise, operators):
    """The reference with other operators, and in other respects as it stands."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(exercise.reference)))
    tree.body[0].decorator_list = []
    tree = ast.fix_missing_locations(Rewritten(operators).visit(tree))
    names = vars(sys.modules[exercise.module]) | {
        f"_{one.__name__}": one for one in operators.values()
    }
    exec(compile(tree, f"<{exercise.name}, rewritten>", "exec"), names)
    return names[exercise.name]


def single(value):
    """The value with every float in float32."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(single, value))
    if isinstance(value, (float, np.floating)):
        return np.float32(value)
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(np.float32) if floats else value


def listed(value):
    """The value with every array as nested lists."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(listed, value))
    if isinstance(value, dict):
        return {key: listed(one) for key, one in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.drawn
@pytest.mark.parametrize("exercise", NUMPY, ids=repr)
def test_right_answers_pass_in_every_style(exercise):
    answers = [rewritten(exercise, operators) for operators in REWRITES.values()]
    for seed in SEEDS:
        key = exercise.answer_key(seed)
        for style, answer in zip(REWRITES, answers, strict=True):
            for precision in (lambda value: value, single):
                for form in (lambda value: value, listed):

                    def handed_in(*arguments, answer=answer, to=precision, form=form, **named):
                        named = {name: to(one) for name, one in named.items()}
                        return form(answer(*map(to, arguments), **named))

                    verdict = key.verdict(key.outcomes(handed_in))
                    output = f"{style}, seed {seed}, {precision.__name__}, {form.__name__}"
                    assert verdict.status == "pass", (
                        f"{output}: {verdict.message}\n{verdict.details}"
                    )
