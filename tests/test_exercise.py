"""Exercises as authors write them, and the authoring proof."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.checking import exercise, gradient_exercise, model_exercise
from companion.checking.authoring.exercise import Exercise, exercises_in
from companion.checking.authoring.gradients import gradient_difference
from companion.checking.authoring.proof import prove
from companion.checking.classroom.discovery import load_exercises
from companion.errors import UserError


@exercise(points=2, rtol=1e-6)
def scaled(image, *, factor=2.0):
    """Return `image` times `factor`.

    The stub keeps the whole docstring.
    """
    larger = image * factor
    return larger


@scaled.cases
def _(rng):
    yield rng.normal(size=(2, 2)), 3.0
    yield rng.normal(size=3)


scaled.hints("Multiply.", "Every value, by the factor.")


@scaled.mistake("You added the factor.")
def _(image, *, factor=2.0):
    return image + factor


def test_the_stub_is_the_signature_and_the_docstring():
    assert scaled.stub == (
        "def scaled(image, *, factor=2.0):\n"
        '    """Return `image` times `factor`.\n\n'
        '    The stub keeps the whole docstring.\n    """\n'
        "    raise NotImplementedError\n"
    )
    names = {}
    exec(scaled.stub, names)
    with pytest.raises(NotImplementedError):
        names["scaled"](1)


def test_the_solution_is_source_that_runs():
    names = {}
    exec(scaled.solution, names)
    assert names["scaled"](np.ones(2), factor=5.0).tolist() == [5.0, 5.0]
    assert "@exercise" not in scaled.solution


def test_the_exercise_can_still_be_called():
    assert scaled(np.ones(1), factor=4.0).tolist() == [4.0]
    assert scaled.__doc__.startswith("Return `image`")


def test_an_exercise_knows_what_it_is():
    assert (scaled.name, scaled.points, scaled.chapter) == ("scaled", 2, __name__)
    assert scaled.hints == ["Multiply.", "Every value, by the factor."]
    assert [mistake.sentence for mistake in scaled.mistakes] == ["You added the factor."]


def test_a_table_of_mistakes_is_added_to_those_that_are_there():
    def doubled(x):
        """Return twice `x`."""
        return 2 * x

    made = exercise()(doubled)
    made.mistake("You squared it.")(lambda x: x**2)
    made.mistakes("You added it.", lambda x: x + 2, "You halved it.", lambda x: x / 2)
    rows = [(mistake.sentence, mistake.function(8)) for mistake in made.mistakes]
    assert rows == [("You squared it.", 64), ("You added it.", 10), ("You halved it.", 4)]


@pytest.mark.parametrize("rows", [("alone",), (abs, "turned"), ("two", "sentences")])
def test_a_table_of_mistakes_in_which_sentences_and_functions_do_not_take_turns(rows):
    with pytest.raises(TypeError, match="a sentence, its function"):
        scaled.mistakes(*rows)


def test_a_chapter_gives_its_name():
    def one():
        """Return one."""

    one.__module__ = "chapters.convolution.exercises"
    assert exercise()(one).chapter == "convolution"


def test_arguments_after_the_star_are_passed_by_name():
    first, second = scaled.draw(0)
    assert scaled.bind(first)["keywords"] == {"factor": 3.0}
    assert scaled.bind(second)["keywords"] == {}


@given(seed=st.integers(0, 2**32))
def test_cases_depend_on_the_seed_alone(seed):
    one, other = scaled.draw(seed), scaled.draw(seed)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0][0], scaled.draw(seed + 1)[0][0])


def test_exercises_come_in_the_order_of_their_definition():
    names = [one.name for one in exercises_in(sys.modules[__name__])]
    assert names == ["scaled", "squares", "squares_gradient"]


def test_an_exercise_without_a_docstring_is_refused():
    def mute(x):
        return x

    with pytest.raises(TypeError, match="needs a docstring"):
        exercise()(mute)


def test_an_exercise_without_cases_says_so():
    @exercise()
    def bare(x):
        """Return x."""
        return x

    assert "has no cases" in prove(bare)[0]


def test_a_model_exercise_needs_no_cases():
    @model_exercise()
    def nothing():
        """Build nothing."""

    assert nothing.draw(0) == [()]


# -- gradients ----------------------------------------------------------------------------------


@exercise()
def squares(x, w):
    """Return w·x²."""
    return w * x**2


@squares.cases
def _(rng):
    yield rng.normal(size=4), 2.0


@gradient_exercise(of=squares, wrt=("x", "w"))
def squares_gradient(above, x, w):
    """Return the gradients with respect to `x` and `w`."""
    return above * 2 * w * x, float(np.sum(above * x**2))


@squares_gradient.cases
def _(rng):
    yield rng.normal(size=4), rng.normal(size=4), 2.0
    yield rng.normal(size=5), rng.normal(size=5), 3.0


def test_central_differences_agree_with_the_analytic_gradient():
    for case in squares_gradient.draw(3):
        result = squares_gradient.gradients(case)
        right = squares_gradient(*case)
        assert np.allclose(result[0].value, right[0], rtol=1e-8, atol=1e-8)
        assert np.isclose(result[1].value, right[1], rtol=1e-8)
    assert prove(squares_gradient) == []


def test_a_gradient_off_by_a_factor_is_told_from_a_wrong_term():
    case = squares_gradient.draw(0)[0]
    expected = squares_gradient.gradients(case)
    dx, dw = squares_gradient(*case)
    tolerances = {"rtol": 1e-5, "atol": 1e-7}
    assert gradient_difference(expected, (dx, dw), **tolerances) is None
    wrong = {
        "The gradient of `x` is wrong by the factor 2": (2 * dx, dw),
        "The gradient of `x` is wrong by the factor 1/4": (dx / 4, dw),
        "The gradient of `x` has the wrong sign": (-dx, dw),
        "The gradient of `x` has a wrong term at [2]": (dx + np.eye(4)[2], dw),
        "The gradient of `w` is 0, expected": (dx, 0.0),
        "right, but the gradient of `x` has the shape (2, 2)": (dx.reshape(2, 2), dw),
        "The gradient of `x` holds nan at [0]": (dx * np.nan, dw),
        "The gradient of `x` has a wrong term at [0]: 1.7e+308": (np.full(4, 1.7e308), dw),
        "The result is an array of shape (4,); expected 2 gradients (x, w).": dx,
    }
    for words, received in wrong.items():
        assert words in gradient_difference(expected, received, **tolerances), words


def test_kinks_are_skipped_and_nan_at_a_kink_is_not():
    @gradient_exercise(of=lambda x: np.maximum(x, 0))
    def relu_gradient(x):
        """Return the gradient of the sum of relu(x)."""
        return (x > 0).astype(float)

    case = (np.array([1.0, 0.0, -1.0]),)
    expected = relu_gradient.gradients(case)
    assert expected[0].smooth.tolist() == [True, False, True]
    for at_kink, right in [(0.0, True), (1.0, True), (0.5, True), (np.nan, False)]:
        wrong = gradient_difference(expected, np.array([1, at_kink, 0.0]), rtol=1e-5, atol=1e-7)
        assert (wrong is None) is right


def test_a_gradient_exercise_must_fit_its_function():
    with pytest.raises(TypeError, match="at most one more"):

        @gradient_exercise(of=squares)
        def wrong(one, two, x):
            """Return nothing."""


# -- the proof ----------------------------------------------------------------------------------


def proved(reference, cases, *mistakes, **options):
    made = exercise(**options)(reference)
    made.cases(cases)
    for number, mistake in enumerate(mistakes):
        made.mistake(f"mistake {number}")(mistake)
    assert isinstance(made, Exercise)
    return prove(made)


def adam_step(gradient):
    """Return the first step of Adam: ĝ / (√v̂ + ε)."""
    return gradient / (np.sqrt(gradient**2) + 1e-8)


def adam_step_with_epsilon_inside(gradient):
    return gradient / np.sqrt(gradient**2 + 1e-8**2)


def test_the_proof_catches_an_epsilon_that_no_case_shows():
    def ordinary(rng):
        yield rng.normal(size=20)

    def tiny(rng):
        yield rng.normal(size=20) * 1e-8

    faults = proved(adam_step, ordinary, adam_step_with_epsilon_inside)
    assert "No case tells this mistake from the reference: 'mistake 0'" in faults[0]
    assert proved(adam_step, tiny, adam_step_with_epsilon_inside) == []


def slide(image, kernel):
    """Slide the kernel over the image."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, kernel)


def slide_flipped(image, kernel):
    return slide(image, kernel[::-1, ::-1])


def test_the_proof_catches_a_constant_kernel_that_cannot_show_a_flip():
    def constant(rng):
        yield rng.normal(size=(5, 5)), np.ones((3, 3))

    def drawn(rng):
        yield rng.normal(size=(5, 5)), rng.normal(size=(3, 3))

    faults = proved(slide, constant, slide_flipped)
    assert len(faults) == 1
    assert "No case tells this mistake from the reference" in faults[0]
    assert proved(slide, drawn, slide_flipped) == []


def one_number(rng):
    yield rng.normal(size=3)


def test_the_proof_catches_two_mistakes_that_look_alike():
    def reference(x):
        """Return twice x."""
        return 2 * x

    faults = proved(reference, one_number, lambda x: x, lambda x: x * 1.0)
    assert faults == ["No case tells these mistakes apart: 'mistake 0' and 'mistake 1'."]


def test_the_proof_catches_cases_that_do_not_follow_the_seed():
    def reference(x):
        """Return x."""
        return x

    unseeded = np.random.default_rng()

    def loose(rng):
        yield unseeded.normal(size=3)

    assert any("same seed gives other cases" in one for one in proved(reference, loose))


def test_the_proof_catches_a_reference_that_changes_its_arguments():
    def reference(x):
        """Return twice x."""
        x *= 2
        return x

    assert any("changes its arguments" in one for one in proved(reference, one_number))


def test_a_mistake_that_makes_no_number_is_named():
    @exercise()
    def share(x):
        """Return x over its largest value."""
        return x / x.max()

    share.cases(lambda rng: [(np.zeros(2) + 1,), (np.array([0.0, 2.0]),)])
    share.mistakes(
        "You divided by the smallest.",
        lambda x: x / x.min() if x.min() else np.full(2, np.nan),
        "You divided by the sum.",
        lambda x: x / x.sum(),
    )
    assert share.check(share.mistakes[0].function).verdict.mistake == "You divided by the smallest."
    other = share.check(lambda x: x / x.min() if x.min() else np.array([np.nan, np.inf]))
    assert (other.verdict.status, other.verdict.mistake) == ("fail", None)


def test_the_proof_catches_a_reference_that_is_not_finite():
    def reference(x):
        """Return x over nothing."""
        return x * np.inf

    assert any("must be a finite number" in one for one in proved(reference, one_number))


def test_the_proof_catches_a_reference_that_raises():
    def reference(x):
        """Return what is not there."""
        return x[10]

    assert "cannot be set up: IndexError" in proved(reference, one_number)[0]


@pytest.mark.parametrize(
    ("error", "kind"), [(ValueError, "ValueError"), (SystemExit, "SystemExit")]
)
def test_the_proof_catches_a_mistake_that_raises_instead_of_returning(error, kind):
    def reference(x):
        """Return twice x."""
        return 2 * x

    def mistake(x):
        raise error

    assert proved(reference, one_number, mistake) == [
        f"This mistake raises {kind}, where it must return what is wrong: 'mistake 0'."
    ]


def test_the_proof_survives_a_reference_that_leaves():
    def reference(x):
        """Leave."""
        raise SystemExit

    assert "cannot be set up: SystemExit" in proved(reference, one_number)[0]


def test_an_exercise_file_that_leaves_is_named(tmp_path):
    (tmp_path / "week5.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(UserError, match=r"week5\.py cannot be imported: SystemExit"):
        load_exercises(tmp_path / "week5.py")


def test_a_mistake_is_named_only_where_no_other_explains_the_answer_too():
    def doubled(x):
        """Return twice `x`."""
        return 2 * x

    made = exercise()(doubled)
    made.cases(lambda rng: iter([2.0, 3.0]))
    made.mistakes("You squared it.", lambda x: x**2)
    assert made.check(lambda x: x * x).verdict.mistake == "You squared it."
    again = exercise()(doubled)
    again.cases(lambda rng: iter([1.0, 3.0]))
    again.mistakes("You squared it.", lambda x: x**2, "You took the power.", lambda x: x**2.0)
    verdict = again.check(lambda x: x * x).verdict
    assert (verdict.mistake, verdict.message) == (None, "The result is 1, expected 2.")


# -- in a browser -------------------------------------------------------------------------------

IN_A_BROWSER = """
import importlib, pkgutil, sys

ALLOWED = {*sys.stdlib_module_names, "numpy", "lazy_loader", "companion", "chapters"}


class NothingElse:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(f"{name} is not there, as in a browser")


sys.meta_path.insert(0, NothingElse)
import chapters

checked = 0
for chapter in pkgutil.iter_modules(chapters.__path__):
    if not chapter.ispkg:
        continue
    package = importlib.import_module(f"chapters.{chapter.name}")
    if importlib.util.find_spec(f"{package.__name__}.exercises") is None:
        continue
    module = importlib.import_module(f"{package.__name__}.exercises")
    from companion.checking.authoring.exercise import exercises_in

    for one in exercises_in(module):
        assert one.stub and one.solution
        if one.builds_model:
            continue
        right = one.check(one.reference)
        assert right.verdict.status == "pass", right
        for mistake in one.mistakes:
            wrong = one.check(mistake.function, seed=1)
            assert wrong.verdict.status == "fail", wrong
            assert wrong.verdict.mistake == mistake.sentence, wrong
            assert one.name in wrong._repr_html_()
        checked += 1
loaded = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(checked, sorted(loaded & {"numpy", "lazy_loader", "rich", "typer", "pandas", "scipy"}))
"""


def test_numpy_exercises_are_checked_with_numpy_and_lazy_loader_alone():
    done = subprocess.run(
        [sys.executable, "-c", IN_A_BROWSER], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    checked, loaded = done.stdout.split(maxsplit=1)
    assert int(checked) >= 40
    assert loaded.strip() == "['lazy_loader', 'numpy']"
