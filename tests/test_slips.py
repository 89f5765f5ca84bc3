"""What is told of a slip: in a formula, a loop, a condition; and what an exception means."""

import inspect

import numpy as np
import pytest

from companion.checking import exercise


@exercise()
def averages(values, others, rounds):
    """Return, for each round of a step and a shift, a running mean of squares, and its product."""
    mean, product = 0.0, 1.0
    for step, shift in rounds:
        mean = 0.9 * mean + 0.25 * np.sum((values - others) ** 2) / step
        product *= (step - shift) / 4 + 1
    return mean, product


@averages.cases
def _(rng):
    for size in (3, 5, 4):
        rounds = [(float(rng.uniform(1, 3)), float(rng.normal())) for _ in range(size)]
        yield rng.normal(size=size), rng.normal(size=size), rounds


def verdict_with(of, line, by):
    """Return the verdict on the reference with one piece of its text in place of another."""
    source = inspect.getsource(of.reference).split("\n", 1)[1]
    assert line in source
    names = {"np": np}
    exec(source.replace(line, by), names)
    verdict = of.check(names[of.name]).verdict
    assert verdict.status == "fail"
    return verdict


@pytest.mark.parametrize(
    ("line", "by", "message"),
    [
        ("for step, shift", "for shift, step", "`step` and `shift` exchanged."),
        ("product *=", "product =", "a product that each round writes over."),
        ("product *=", "product +=", "a sum in place of a product."),
        ("(step - shift) / 4", "step - shift / 4", "parentheses left out."),
        ("(step - shift) / 4", "step / 4 - shift", "a division of the first term alone."),
        ("(step - shift) / 4 + 1", "(step - shift + 1) / 4", "a term that is added too early."),
        ("(values - others) ** 2", "abs(values - others)", "the absolute value in place of"),
        ("0.9 * mean + 0.25", "0.25 * mean + 0.9", "two numbers exchanged."),
        ("return mean, product", "return mean, step", "an intermediate value in place of"),
        ("return mean, product", "return mean", "part 1 alone: 2 parts are asked for."),
        ("np.sum((values - others)", "np.sum((values - others)[:1]", "first entry of `values` and"),
        ("np.sum((values - others)", "np.sum((values - others)[-1:]", "last entry of `values` and"),
        ("np.sum((values - others)", "np.sum((values - others)[:-1]", "without the last entry"),
        ("np.sum((values - others)", "np.sum((values - others)[1:]", "without the first entry"),
        ("product *= (", "pass; (", "an assignment left out."),
        ("product = 0.0, 1.0", "product = 1.0, 1.0", "a 1 where a 0 belongs."),
        (") ** 2) / step", ") ** 2) * step", "a product in place of a division."),
        (
            "np.sum((values - others) ** 2) / step",
            "step / np.sum((values - others) ** 2)",
            "upside",
        ),
        ("0.9 * mean + 0.25 * np", "np", "the second part of a mixture alone."),
        ("+ 0.25 * np.sum", "+ 0.33 * np.sum", None),
        ("return mean, product", "return mean, product, step", "first 2 parts of your result are"),
    ],
)
def test_a_slip_in_a_formula_or_a_loop_is_told(line, by, message):
    mistake = verdict_with(averages, line, by).mistake
    assert (message in mistake) if message else mistake is None


@exercise()
def layered(x, U, W, bias, scale, scaled):
    """Return what two layers make of x, which is scaled on request."""
    if scaled:
        x = scale * x / max(np.linalg.norm(x), 1.0)
    hidden = np.tanh(x @ U + bias)
    upstream = hidden - np.mean(hidden)
    return np.ceil(8 * scale), (upstream * (1 - hidden**2)) @ W + bias


@layered.cases
def _(rng):
    for scaled in (True, False, True):
        x, U, W, bias = (rng.normal(size=size) for size in ((5, 4), (4, 4), (4, 4), 4))
        yield x, U, W, bias, float(rng.uniform(0.4, 0.8)), scaled
    yield x / 9, U, W, bias, 0.7, True


@pytest.mark.parametrize(
    ("line", "by", "message"),
    [
        (
            "np.tanh(x @ U + bias)",
            "np.tanh(x @ U) + bias",
            "term with `bias` added behind the func",
        ),
        (
            "np.tanh(x @ U + bias)",
            "np.tanh(bias) + x @ U",
            "with `x` and `U` added behind the func",
        ),
        ("if scaled:", "if True:", "condition with `scaled` that is answered yes every time."),
        ("if scaled:", "if False:", "condition with `scaled` that is answered no every time."),
        ("max(np.linalg.norm(x), 1.0)", "min(np.linalg.norm(x), 1.0)", "smaller in place of the l"),
        (
            "np.linalg.norm(x)",
            "np.abs(x).sum()",
            "the sum of absolute values in place of the norm.",
        ),
        ("np.linalg.norm(x)", "np.abs(x).max()", "largest absolute value in place of the norm."),
        ("1 - hidden**2", "hidden * (1 - hidden)", "the sigmoid's derivative in place of tanh's."),
        ("np.ceil(8 * scale)", "np.round(8 * scale)", "rounding to the nearest in place of up."),
        ("np.mean(hidden)", "hidden.sum() / (hidden.size - 1)", "n − 1 in place of n."),
        ("x @ U", "x @ U.T", "`U` transposed"),
        ("@ W", "@ np.vstack([0 * W[:-1], W[-1:]])", "`W` with zeros but for its last: is each"),
        ("@ W", "@ np.vstack([W[:-1], 0 * W[-1:]])", "`W` with zeros for its last: does a loop"),
        ("@ W", "@ np.rot90(W)", "`W` turned by 90°."),
        ("@ W", "@ U", "`U` where `W` belongs."),
        ("if scaled:", "if not scaled:", "`scaled` turned round: True for False."),
    ],
)
def test_a_slip_in_a_layer_is_told(line, by, message):
    assert message in verdict_with(layered, line, by).mistake


@exercise()
def losses(p, labels, power):
    """Return the mean loss, half of the largest, and the share of labels of class 3."""
    picked = p[np.arange(len(labels)), labels] ** power
    share = 0.0 if len(set(labels.tolist())) == 1 else np.mean(labels == 3)
    return float(-np.log(picked).mean()), float(picked.max() / 2), float(share)


@losses.cases
def _(rng):
    for size in (4, 5, 7):
        yield rng.uniform(0.1, 0.9, (size, 4)), rng.integers(0, 4, size), float(rng.uniform(2, 3))
    yield rng.uniform(0.1, 0.9, (2, 4)), np.array([3, 3]), 2.5


@pytest.mark.parametrize(
    ("line", "by", "message"),
    [
        ("p[np.arange(len(labels)), labels]", "p[:, labels]", "every row where each has an entry"),
        ("picked.max() / 2", "picked.max() // 2", "a division whose fraction is cut off."),
        ("labels == 3", "labels != 3", "≠ in place of =."),
    ],
)
def test_a_slip_in_a_loss_is_told(line, by, message):
    assert message in verdict_with(losses, line, by).mistake


@exercise()
def repeated(x, rounds, per_round):
    """Return a number that is halved in every round, and the number of rounds."""
    for _ in range(rounds + per_round):
        x = x / 2 + 1
    return x, rounds / per_round


repeated.cases(lambda rng: [(7.0, 10**6, 3), (2.5, 10**5, 10**6)])


def test_a_slip_that_loops_for_minutes_is_not_tried():
    assert repeated.check(lambda x, rounds, per_round: (x, rounds)).verdict.mistake is None


def test_a_few_numbers_in_another_order_are_told():
    answer = lambda *a: tuple(losses.reference(*a)[part] for part in (1, 0, 2))  # noqa: E731
    mistake = losses.check(answer).verdict.mistake
    assert mistake == "The parts of the result are right, but in another order."

    @exercise()
    def ends(x):
        """Return the last and the first of ascending numbers."""
        return [float(x[-1]), float(x[0])]

    ends.cases(lambda rng: [(np.sort(rng.normal(size=size)),) for size in (3, 4)])
    mistake = ends.check(lambda x: [float(x[0]), float(x[-1])]).verdict.mistake
    assert mistake == "The values of the result are right, but in reverse order."


def test_all_matrices_that_are_turned_round_at_once_are_told():
    answer = lambda x, U, W, bias, scale, scaled: layered.reference(  # noqa: E731
        x, U.T, W.T, bias, scale, scaled
    )
    assert "`U` and `W` transposed: are rows" in layered.check(answer).verdict.mistake


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x, axis: np.cumsum(3 * x, axis=0), "added up from the first to each"),
        (lambda x, axis: np.trunc(3 * x), "has lost what stands behind the point"),
        (lambda x, axis: None, "Your function returns nothing: is a `return` missing at its end?"),
        (lambda x, axis: 3 * x if axis else None, "nothing in some cases, and is right in the oth"),
        (lambda x, axis: 3 * x - x.max(1), "Either (4,) lacks an axis, which keepdims=True"),
        (lambda x, axis: 3 * x + x.T, "Is one of the two transposed?"),
        (lambda x, axis: 3 * x + x[:, :2], "two sizes have to be equal, or one of them 1."),
        (
            lambda x, axis: x @ x,
            "each row of the first meets each column of the second, here with 3",
        ),
        (
            lambda x, axis: np.dot(x, x),
            "meets each column of the second, here with 3 and 4 numbers",
        ),
        (lambda x, axis: 3 * x[4], "one past the end: 4 entries are 0 to 3."),
        (lambda x, axis: 3 * x[9], "An index is 9 where there are 4 entries"),
        (lambda x, axis: [3, 3][axis + 2], "An index lies outside: n entries"),
        (lambda x, axis: 3 * x if x > 0 else x, "np.where, &, | or np.maximum"),
        (lambda x, axis: x.reshape(5, 2), "12 numbers do not fill the shape (5,2)"),
        (lambda x, axis: np.stack([x[0], x[0, :2]]), "parts of different lengths"),
        (lambda x, axis: x.tolist() - x.tolist(), "Lists, tuples and texts do not calculate"),
        (lambda x, axis: x.tolist().shape, "`shape` is for arrays, and here it meets a list"),
        (lambda x, axis: 1 / (axis * 0), "Something is divided by 0"),
        (lambda x, axis: 3.0 ^ axis, "^ is no power in Python"),
        (lambda x, axis: x * None, "None stands where a value is needed"),
        (lambda x, axis: max(3.0, None), "None stands where a value is needed"),
        (lambda x, axis: [a + b for a, b in [x[0]]], "too many values for the names on the left"),
        (lambda x, axis: [a + b for a, b in [x[0, :1]]], "not enough values for the names on the"),
        (lambda x, axis: x[x > 0].sum(axis=1), "There is no axis 1 here: axes are counted from 0."),
        (lambda x, axis: {"a": 3}["b"] * x, "There is no entry for 'b'"),
        (lambda x, axis: x.nothing, None),
    ],
)
def test_what_an_exception_means_is_told(answer, message):
    @exercise()
    def tripled(x, axis):
        """Return three times each number."""
        return 3 * x

    tripled.cases(lambda rng: [(rng.normal(size=(4, 3)), 1), (rng.normal(size=(4, 3)), 0)])
    verdict = tripled.check(answer).verdict
    assert verdict.status in ("fail", "error")
    if message is None:
        assert verdict.mistake is None
    else:
        assert message in verdict.mistake
        assert verdict.mistake in verdict.message


def test_a_value_that_only_one_branch_sets_is_told():
    @exercise()
    def sign(x):
        """Return the sign of a number."""
        return 1 if x > 0 else -1

    sign.cases(lambda rng: [(2.0,), (-3.0,)])

    def answer(x):
        if x > 0:
            result = 1
        return result

    assert "`result` is read before it has a value" in sign.check(answer).verdict.mistake


@exercise()
def powers(base, exponent):
    """Return a number times its power."""
    return base * base**exponent


powers.cases(lambda rng: [(7, 9), (11, 4), (3, 38)])


def test_a_slip_that_gives_numbers_beyond_64_bits_hides_no_other():
    verdict = powers.check(lambda base, exponent: base + base**exponent).verdict
    assert verdict.mistake.endswith("a sum in place of a product.")
