"""What several test files need: an instructor's own file of exercises."""

import textwrap

import pytest

ARITHMETIC = textwrap.dedent(
    '''
    """Exercises that an instructor wrote."""

    import numpy as np

    from companion.checking.exercise import exercise


    @exercise()
    def double(x):
        """Return twice `x`."""
        return 2 * x


    @double.cases
    def _(rng):
        yield 3.0
        yield rng.normal(size=4)


    double.hints("How often do you need `x`?", "Add `x` to itself.")


    @double.mistake("You squared it: twice is x + x.")
    def _(x):
        return x * x


    @exercise(points=2)
    def total(xs):
        """Return the sum of `xs`."""
        return float(np.sum(xs))


    @total.cases
    def _(rng):
        yield np.array([1.0, 2.0, 4.0])
        yield rng.normal(size=6)


    @total.mistake("You took the mean: do not divide.")
    def _(xs):
        return float(np.mean(xs))
    '''
).lstrip()


@pytest.fixture(scope="session")
def arithmetic(tmp_path_factory):
    """The path of an instructor's exercises: `double` (1 point) and `total` (2 points)."""
    file = tmp_path_factory.mktemp("private") / "arithmetic.py"
    file.write_text(ARITHMETIC)
    return str(file)
