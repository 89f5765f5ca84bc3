"""Wrong results that are those of a reference with a slip."""

import ast
import sys
import types
from itertools import count, cycle

import numpy as np
import pytest

from companion.checking.authoring.changed_inputs import changed_references
from companion.checking.authoring.other_expressions import Task, expression_replacements
from companion.checking.authoring.other_groupings import without_parentheses
from companion.checking.authoring.variants import may_run_on, variants

# -- variants of a statement ----------------------------------------------------------------------


def given_back(x):
    """Return x."""
    return x


def slips(function, **given):
    """What comes out of a function with one thing changed, by the words for the change."""
    found = {}
    for sentence, (value,) in changed_references(function, [given]):
        words = sentence.removeprefix("Your result is what comes out with ").removesuffix(".")
        found.setdefault(words, []).append(value)
    return found


def added_up(values):
    """Return the sum of the values."""
    total = 0.0
    for value in values:
        total += value
    return total


def added(a, b, c):
    """Return the sum of three numbers."""
    return a + b + c


def one_more(a):
    """Return a number and 1."""
    return a + 1


def larger(a, b):
    """Return the larger of two numbers, with a bonus for the first."""
    return a if a + 3 > b else b


def weighted(a):
    """Return 5 times a number, and 3 more."""
    return 5 * a + 3


def doubled(a):
    """Return 2 times a number, and 5 more."""
    return 2 * a + 5


def framed(x):
    """Return three numbers between zeros, each one larger."""
    frame = np.zeros(5)
    frame[1:4] = x
    return frame + x.sum()


def apart(a, b):
    """Return the difference of two numbers."""
    _pair = first, second = a, b
    return first - second


def test_the_rounds_of_a_loop_may_be_too_few():
    found = slips(added_up, values=[2.0, 3.0, 7.0])
    assert found["the first round of a loop alone, as where it returns within it"] == [2.0]
    assert found["a loop without its first round"] == [10.0]
    assert found["a loop without its last round"] == [5.0]


def test_one_kind_of_slip_may_be_made_everywhere():
    found = slips(added, a=7, b=2, c=1)
    assert sorted(found["a minus in place of a plus"]) == [6, 8]
    assert found["a minus in place of a plus, everywhere"] == [4]
    assert not any(words.endswith("everywhere") for words in slips(one_more, a=4))


def test_a_sign_in_a_condition_is_no_slip_in_a_formula():
    found = slips(larger, a=4, b=7)
    assert found["≥ in place of >"] == [4]
    assert "a minus in place of a plus" not in found


def test_numbers_that_are_told_apart_are_exchanged():
    assert slips(weighted, a=4)["3 and 5 exchanged"] == [17]
    assert not any("exchanged" in words for words in slips(doubled, a=4))


def test_a_change_that_is_no_python_hides_no_other():
    found = slips(framed, x=np.array([1.0, 2.0, 3.0]))
    assert found["a minus in place of a plus"][0].tolist() == [-6, -5, -4, -3, -6]


def test_names_may_be_unpacked_in_the_wrong_order_behind_another_name():
    assert -3 in slips(apart, a=5, b=2)["two values that are unpacked together exchanged"]


def halved(x):
    while x > 1:
        x = x / 2
    return x


def called(x):
    return np.sum(halved(x))


def recursive(x):
    return recursive(x - 1) if x > 1 else x


def numbered(x):
    return next(number for number in count() if number > x)


def repeated(x):
    return next(cycle(x))


def power(a, n):
    return a**n


def square(a):
    return a**2


@pytest.mark.parametrize(
    ("function", "given", "result"),
    [
        (halved, {}, True),
        (called, {"x": 3.0}, True),
        (recursive, {"x": 3}, True),
        (numbered, {"x": 3}, True),
        (repeated, {"x": [3]}, True),
        (power, {"a": 7, "n": 1_234_567}, True),
        (power, {"a": 7, "n": 9}, False),
        (power, {"a": 7.0, "n": 1e9}, False),
        (square, {"a": 1_234_567}, False),
        (given_back, {"x": 3}, False),
        (lambda x: x, {"x": 3}, True),
    ],
)
def test_what_may_run_on_is_seen_in_a_function_and_in_what_it_calls(function, given, result):
    assert may_run_on(function, [given]) is result


IN_A_TABLE = {
    "a": lambda x: x + 1,
}


def test_a_function_that_cannot_be_read_has_no_variants(monkeypatch, tmp_path):
    typed_in = {"__name__": __name__}
    exec("def typed(x): return x + 1", typed_in)
    unreadable = [typed_in["typed"], len, IN_A_TABLE["a"]]
    (tmp_path / "broken.py").write_text("def (")
    for name in ("nowhere", "lost", "broken"):
        moved = types.FunctionType(one_more.__code__, globals(), "one_more")
        moved.__module__ = name
        unreadable.append(moved)
        if name != "nowhere":
            module = types.ModuleType(name)
            module.__file__ = str(tmp_path / f"{name}.py")
            monkeypatch.setitem(sys.modules, name, module)
    for function in unreadable:
        assert list(variants(function)) == []
        assert may_run_on(function)


# -- variants of an expression --------------------------------------------------------------------


def others(text, words=""):
    """What may stand in the place of an expression of a, b and c, with the words for it."""
    node = ast.parse(text, mode="eval").body
    task = Task(set("abc"), set(words.split()))
    return {(told, ast.unparse(one)) for told, one in expression_replacements(node, task)}


@pytest.mark.parametrize(
    ("text", "words", "other"),
    [
        ("-a", "a minus left out", "a"),
        ("a.T", "a transposition left out", "a"),
        ("1", "a 0 where a 1 belongs", "0"),
        ("1", "a 2 where a 1 belongs", "2"),
        ("2.0", "a 1 where a 2 belongs", "1.0"),
        ("a if b else c", "the condition with `b` that is answered yes every time", "a"),
        ("a if b else c", "the condition with `b` that is answered no every time", "c"),
        ("a if b else c", "the condition with `b` that is turned round", "c if b else a"),
        ("a and b", "`and` and `or` exchanged", "a or b"),
        ("a or b", "the condition with `a` as the only one", "a"),
        ("a or b", "the condition with `b` as the only one", "b"),
        ("a < b", "≤ in place of <", "a <= b"),
        ("a[1:]", "a part taken whole", "a"),
        ("a[b]", "what stands one place further on", "a[b + 1]"),
        ("a[b]", "what stands one place before", "a[b + -1]"),
        ("a[b, c]", "what stands one place further on", "a[b, c + 1]"),
        ("a[np.arange(3), b, c]", "every row where each has an entry of its own", "a[:, b, c]"),
        ("f(a)[0]", "another of the results of a function that is called", "f(a)[1]"),
        ("f(a)[0]", "another of the results of a function that is called", "f(a)[2]"),
        ("a // b", "rounding up in place of down", "-(-a // b)"),
        ("a ** 2", "the absolute value in place of the square", "abs(a)"),
        ("a ** 2", "the square left out", "a"),
        ("a ** 3", "a power left out", "a"),
        ("2 * a", "the factor 2 left out", "a"),
        ("2 * a", "the factor with `a` left out", "2"),
        ("7 * a", "a factor left out", "a"),
        ("a - b", "the term with `a` left out", "-b"),
        ("a - b", "the term with `b` left out", "a"),
        ("a + b", "the term with `a` left out", "b"),
        ("a / b", "the divisor with `b` left out", "a"),
        # other groupings
        ("(a + b) * c", "a product of the first term alone", "a * c + b"),
        ("(a + b) / c", "a division of the first term alone", "a / c + b"),
        ("a * (b + c)", "a product without the last term", "a * b + c"),
        ("a * b + c", "a term that is added too early", "(a + c) * b"),
        ("a * b + c", "a term that is added too early", "a * (b + c)"),
        ("c + a * b", "a term that is added too early", "a * (b + c)"),
        ("f(a) ** 3", "a power taken before the function", "f(a ** 3)"),
        ("0.9 * a + 0.1 * b", "the first part of a mixture alone", "a"),
        ("0.9 * a + 0.1 * b", "the second part of a mixture alone", "b"),
        ("a / b", "a fraction that is upside down", "b / a"),
        ("a * b / c", "a fraction that is upside down", "a * (c / b)"),
        ("1 - a ** 2", "the sigmoid's derivative in place of tanh's", "a * (1 - a)"),
        ("a * (1 - a)", "tanh's derivative in place of the sigmoid's", "1 - a ** 2"),
        ("f(a + b)", "the term with `b` added behind the function", "f(a) + b"),
        ("f(a + b + c)", "the term with `c` added behind the function", "f(a + b) + c"),
        ("f(a + b + c)", "the term with `a` added behind the function", "f(b + c) + a"),
        # calls
        ("np.mean(a)", "the median in place of the mean", "np.median(a)"),
        ("a.mean()", "the median in place of the mean", "np.median(a)"),
        ("a.sum()", "a mean in place of a sum", "a.mean()"),
        ("a.sum()", "the sum left out", "a"),
        ("np.sum(a, 0)", "the sum left out", "a"),
        (
            "np.mean(a)",
            "n − 1 in place of n",
            "np.mean(a) * np.size(a) / (np.size(a) - np.size(np.mean(a)))",
        ),
        (
            "a.mean(axis=0, keepdims=True)",
            "n − 1 in place of n",
            "a.mean(axis=0, keepdims=True) * np.size(a) / "
            "(np.size(a) - np.size(a.mean(axis=0, keepdims=True)))",
        ),
        ("np.var(a)", "n − 1 in place of n", "np.var(a, ddof=1)"),
        ("a.std()", "n − 1 in place of n", "a.std(ddof=1)"),
        ("np.maximum(a, 0)", "the bound 0 left out", "a"),
        ("np.maximum(0, a)", "the bound 0 left out", "a"),
        ("max(a, b)", "the smaller in place of the larger", "min(a, b)"),
        ("min(a, b)", "the larger in place of the smaller", "max(a, b)"),
        ("max(a, b)", "the first in place of the larger of the two", "a"),
        ("max(a, b)", "the second in place of the larger of the two", "b"),
        ("float(np.mean(a))", "the mean left out: one number is asked for", "a"),
        ("int(a)", "rounding left out", "a"),
        ("a.sum(axis=0)", "axis 1 in place of axis 0", "a.sum(axis=1)"),
        ("a.sum(axis=0)", "all axes in place of axis 0", "a.sum(axis=None)"),
    ],
)
def test_a_slip_in_an_expression_has_words_of_its_own(text, words, other):
    assert (words, other) in others(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a.size", "transposition"),
        ("True", "belongs"),
        ("a < b < c", "in place of"),
        ("7 * a", "7"),
        ("a / b", "`a` left out"),
        ("a ** 3", "square"),
        ("2 * a", "square"),
        ("a * 2", "absolute"),
        ("f(a, b) ** 2", "before the function"),
        ("0.9 * a + b", "mixture"),
        ("1 - a * 2", "derivative"),
        ("b - a ** 2", "derivative"),
        ("1 + a ** 2", "derivative"),
        ("b * a ** 2", "derivative"),
        ("a * (1 - b)", "derivative"),
        ("a * (1 + a)", "derivative"),
        ("a * (2 - a)", "derivative"),
        ("a + (1 - a)", "derivative"),
        ("f(a + b, axis=0)", "behind the function"),
        ("f(a + b, c)", "behind the function"),
        ("np.sum(a)", "n − 1"),
        ("np.var(a)", "var left out"),
        ("f(a, b)", "in place of"),
        ("np.max(a, 0)", "of the two"),
        ("np.abs(np.sum(a))", "one number"),
        ("f(a)", "left out"),
        ("a.sum(axis=0)", "axis 0 in place"),
        ("a.sum(axis=b)", "axis"),
    ],
)
def test_what_would_be_another_thing_is_not_tried(text, part):
    assert not any(part in words for words, _ in others(text))


def test_a_number_is_named_where_the_task_names_it():
    assert ("the factor 7 left out", "a") in others("7 * a", words="7 times")
    assert ("the power 3 left out", "a") in others("a ** 3", words="the power 3")


@pytest.mark.parametrize(
    ("text", "reread"),
    [
        ("(a + b) * c", ["a + b * c"]),
        ("f(a) * (b - c)", ["f(a) * b - c"]),
        ("not (a or b)", ["not a or b"]),
        ("a * (b, c)", []),
        ("(one for one in a)", []),
        ("((one for one in a), (b + c) * 2)", ["((one for one in a), b + c * 2)"]),
    ],
)
def test_parentheses_are_left_out_where_that_is_another_formula(text, reread):
    formula = ast.parse(text, mode="eval").body
    assert [ast.unparse(one) for one in without_parentheses(formula)] == reread
