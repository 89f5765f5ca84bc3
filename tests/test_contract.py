"""What every chapter must keep, found by the catalogue and never listed here."""

import functools
import html
import inspect

import keras
import numpy as np
import pytest

from companion import catalogue, lesson, pages
from companion.checking.authoring.proof import prove
from companion.checking.classroom.discovery import all_exercises
from companion.training import hardware

# One step is quicker run eagerly than compiled.
LOSS = "sparse_categorical_crossentropy"
MODELS = [
    pytest.param(name, marks=[pytest.mark.slow] if card.small else [])
    for name, (_, card) in sorted(catalogue.models().items())
]


@pytest.fixture(autouse=True)
def forget_models():
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session(free_memory=False)


def build(name, **arguments):
    """The model, in its small version where it has one."""
    return catalogue.builder(name)(**{**catalogue.find_model(name)[1].small, **arguments})


def some_examples(model, count=2):
    """Random examples; an axis of any length gets 16."""
    shape = [16 if size is None else size for size in model.input_shape[1:]]
    return np.random.default_rng(0).random((count, *shape), "float32")


def outputs(model, x):
    """What the model makes of `x` outside training."""
    return keras.ops.convert_to_numpy(model(x, training=False))


@pytest.mark.parametrize("found", catalogue.discover(), ids=lambda found: found.name)
def test_a_chapter_shows_a_complete_card(found):
    card = found.card
    assert card.number >= 1
    assert card.title
    assert card.question.endswith("?")
    assert set(card.lectures) <= set("ABCDE")
    assert card.lectures


def test_no_two_chapters_share_a_number():
    numbers = [found.card.number for found in catalogue.discover()]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("found", catalogue.discover(), ids=lambda found: found.name)
def test_every_public_name_of_a_chapter_is_there_and_documented(found):
    package = __import__(f"chapters.{found.name}", fromlist=["*"])
    for name in package.__all__:
        assert inspect.getdoc(getattr(package, name)), f"{name} has no docstring"


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_parameters_and_the_input_of_its_card(name):
    card = catalogue.find_model(name)[1]
    model = catalogue.builder(name)()
    assert model.input_shape[1:] == card.input_shape
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == card.parameters
    assert not getattr(model, "compiled", False)
    if card.small:  # hundreds of megabytes
        del model
        keras.backend.clear_session()


@pytest.mark.parametrize("name", MODELS)
def test_the_forward_pass_is_finite_and_a_gradient_reaches_every_trainable_weight(name):
    model = build(name)
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    # A step of plain gradient descent moves exactly the weights that a gradient reaches.
    model.compile(keras.optimizers.SGD(1.0), LOSS, run_eagerly=True)
    x = some_examples(model, 8)
    assert np.isfinite(outputs(model, x)).all()
    assert model.count_params() == 0 or np.isfinite(model.train_on_batch(x, np.arange(8) % 2))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.abs(weight.numpy() - old).max() > 0, f"no gradient reaches {weight.path}"


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_gives_the_same_outputs(name, tmp_path):
    model = build(name)
    x = some_examples(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(again, x), outputs(model, x))


@pytest.mark.no_cover
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", MODELS)
def test_a_step_in_half_precision_is_finite_and_outputs_and_weights_are_float32(name, policy):
    with hardware.following(hardware.plan(policy, "cpu")):
        model = build(name)
        model.compile("sgd", LOSS, run_eagerly=True)
        x = some_examples(model)
        assert np.isfinite(model.train_on_batch(x, np.zeros(2, int)))
        assert keras.backend.standardize_dtype(model(x).dtype) == "float32"
        # Weights, and with them the statistics of a normalization.
        assert {weight.dtype for weight in model.weights} <= {"float32"}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_takes_another_shape_and_other_classes(name):
    card = catalogue.find_model(name)[1]
    if len(card.input_shape) != 3:
        pytest.skip("not an image model")
    height, width, channels = card.small.get("input_shape", card.input_shape)
    model = build(name, input_shape=(height, width, channels + 2), classes=3)
    assert model.output_shape == (None, 3)
    assert outputs(model, some_examples(model)).shape == (2, 3)


@pytest.mark.parametrize(
    "exercise",
    [
        pytest.param(one, marks=[pytest.mark.slow] if one.builds_model else [])
        for one in all_exercises()
    ],
    ids=repr,
)
@pytest.mark.parametrize("seed", [0, 1])
def test_an_exercise_proves_itself(exercise, seed):
    assert prove(exercise, seed=seed) == []


@pytest.mark.parametrize("found", catalogue.discover(), ids=lambda found: found.name)
def test_a_chapter_has_a_lesson_and_four_exercises_with_mistakes_and_hints(found):
    exercises = [one for one in all_exercises() if one.chapter == found.name]
    assert len(exercises) >= 4
    assert all(one.mistakes and one.hints for one in exercises)
    assert lesson.text(found.name).startswith("# ")


def pictures(found):
    """The chapter's functions that draw a figure from nothing."""
    module = found.module("figures")
    for name, function in inspect.getmembers(module, inspect.isfunction):
        asked = inspect.signature(function)
        drawn = getattr(asked.return_annotation, "__name__", asked.return_annotation) == "Figure"
        needed = [one for one in asked.parameters.values() if one.default is one.empty]
        if drawn and not needed and function.__module__ == module.__name__:
            yield pytest.param(found, function, id=f"{found.name}-{name}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("found", "picture"), [one for found in catalogue.discover() for one in pictures(found)]
)
def test_a_figure_has_a_title_and_words_for_who_cannot_see_it_and_the_lesson_shows_it(
    found, picture
):
    figure = picture()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert figure.get_suptitle() or len(titles) == 1, "what it finds is the figure's one title"
    alt = html.escape(figure.get_label() or picture.__doc__.split("\n")[0])
    assert f'aria-label="{alt}"' in pages.figure(drawn_already(picture, figure))
    assert f"figures.{picture.__name__})" in lesson.text(found.name)


def drawn_already(picture, figure):
    """A function with the picture's words that returns what is drawn already."""
    return functools.wraps(picture)(lambda: figure)


@pytest.mark.parametrize("found", catalogue.discover(), ids=lambda found: found.name)
def test_a_lesson_has_two_figures_or_more_and_ends_with_its_exercises(found):
    assert len(list(pictures(found))) >= 2
    text = lesson.text(found.name)
    assert f'pages.exercises("{found.name}")' in text[text.index("\n## Exercises") :]
