"""What every chapter must keep, found by the catalogue and never listed here.

A teacher's chapters are held to it too: ``COMPANION_CHAPTERS=DIR pytest tests/test_contract.py``.
"""

import contextlib
import functools
import html
import importlib
import inspect
import io
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from companion import catalogue, lesson, pages
from companion.checking.authoring.proof import prove
from companion.checking.classroom.discovery import all_exercises, exercises_of
from companion.datasets import Dataset, find
from companion.training import hardware
from companion.training.task import task_for

LARGE = [pytest.mark.slow, pytest.mark.drawn, pytest.mark.no_cover]
MODELS = [
    pytest.param(name, marks=LARGE if card.small else [])
    for name, (_, card) in sorted(catalogue.models().items())
]
CHAPTERS = catalogue.discover()
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
each_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(autouse=True)
def forget_models():
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session(free_memory=False)


# ---- cards --------------------------------------------------------------------------------------


def test_every_folder_of_chapters_with_code_is_one():
    """One that cannot be read is left out of the catalogue, so it would be missed by all below."""
    for root in map(Path, catalogue.chapters.__path__):
        for file in root.glob("*/__init__.py"):
            catalogue.find_chapter(file.parent.name)


@each_chapter
def test_a_chapter_shows_a_complete_card(chapter):
    card, where = chapter.card, f"the card in {chapter.folder}/__init__.py"
    assert card.number >= 1, f"{where}: numbers start at 1"
    assert card.title, f"{where} has no title"
    assert card.question.endswith("?"), f"{where}: its question ends in no question mark"
    assert card.lectures, f"{where} names no lecture"
    unknown = set(card.lectures) - set("ABCDE")
    assert not unknown, f"{where} names the lectures {unknown}; there are A to E"
    for page in lesson.page_files(chapter.name):
        assert page.is_file(), f"{where} lists {page.name}, which is not there"
    for name in card.builds_on:
        assert name in {known.name for known in CHAPTERS}, f"{where} builds on {name}: no chapter"


def test_every_model_that_is_listed_is_imported_from_its_chapter():
    for name, (entry, card) in catalogue.models().items():
        chapter = catalogue.chapters.__name__ + "." + entry.name
        builder = getattr(importlib.import_module(chapter), name)
        assert name in importlib.import_module(chapter).__all__
        assert builder.__doc__, name
        if card.small and card.arguments:
            small = {key: value for key, value in card.small.items() if key != "builder"}
            theirs = catalogue.builder(name)(**small)
            assert builder(**small).count_params() == theirs.count_params(), name


def test_no_two_chapters_share_a_number():
    numbers = [chapter.card.number for chapter in CHAPTERS]
    twice = {number for number in numbers if numbers.count(number) > 1}
    names = [chapter.name for chapter in CHAPTERS if chapter.card.number in twice]
    assert not twice, f"{', '.join(names)} share the numbers {twice}"


@each_chapter
def test_every_public_name_of_a_chapter_is_there_and_documented(chapter):
    package = __import__(f"chapters.{chapter.name}", fromlist=["*"])
    for name in package.__all__:
        assert inspect.getdoc(getattr(package, name)), f"{chapter.name}.{name} has no docstring"


# ---- models -------------------------------------------------------------------------------------


def build(name, **arguments):
    """The model, in its small version where it has one."""
    return catalogue.builder(name)(**{**catalogue.find_model(name)[1].small, **arguments})


def some_examples(model, count=2):
    """Random examples; an axis of any length gets 16, and a text has numbers of words."""
    shape = [16 if size is None else size for size in model.input_shape[1:]]
    rng = np.random.default_rng(0)
    if model.input_shape == (None, None):
        return rng.integers(1, 9, (count, *shape))
    return rng.random((count, *shape), "float32")


def ready(name, model, optimizer, count=2):
    """Compile the model for the task of its data, and return examples with targets for it.

    The targets are two classes in turn, or numbers; a step is quicker run eagerly.
    """
    x = some_examples(model, 20)
    shape = (20, *model(x[:1], training=False).shape[1:])
    if find(catalogue.find_model(name)[1].data).card.class_names:
        turns = (np.arange(20) % 2).reshape(-1, *(1 for _ in shape[2:]))
        y = np.broadcast_to(turns, shape[:-1])
    else:
        y = np.random.default_rng(0).random(shape, "float32")
    task = task_for(model, Dataset.from_arrays(x, y))
    model.compile(optimizer, task.loss(0.0), run_eagerly=True)
    return x[:count], task.targets(y, 0.0, shape[-1])[:count]


def outputs(model, x):
    """What the model makes of `x` outside training."""
    return keras.ops.convert_to_numpy(model(x, training=False))


@each_model
def test_a_model_has_the_parameters_and_the_input_of_its_card(name):
    card = catalogue.find_model(name)[1]
    model = catalogue.builder(name)()
    assert model.input_shape[1:] == card.input_shape, f"{name}: the card has another input_shape"
    counted = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert counted == card.parameters, f"{name}: the card says {card.parameters} parameters"
    assert not getattr(model, "compiled", False), f"{name}: a builder returns an uncompiled model"
    if card.small:  # hundreds of megabytes
        del model
        keras.backend.clear_session()


@each_model
def test_the_forward_pass_is_finite_and_a_gradient_reaches_every_trainable_weight(name):
    model = build(name)
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    # A step of plain gradient descent moves exactly the weights that a gradient reaches.
    x, y = ready(name, model, keras.optimizers.SGD(1.0), 8)
    assert np.isfinite(outputs(model, x)).all(), f"{name}: an output is not finite"
    assert model.count_params() == 0 or np.isfinite(model.train_on_batch(x, y))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.abs(weight.numpy() - old).max() > 0, f"no gradient reaches {weight.path}"


@each_model
def test_a_saved_model_gives_the_same_outputs(name, tmp_path):
    model = build(name)
    x = some_examples(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(again, x), outputs(model, x))


@pytest.mark.no_cover
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@each_model
def test_a_step_in_half_precision_is_finite_and_outputs_and_weights_are_float32(name, policy):
    with hardware.following(hardware.plan(policy, "cpu")):
        model = build(name)
        x, y = ready(name, model, "sgd")
        assert np.isfinite(model.train_on_batch(x, y)), f"{name}: the loss is not finite"
        dtype = keras.backend.standardize_dtype(model(x).dtype)
        assert dtype == "float32", f"{name}: outputs are {dtype}; give the last layer a dtype"
        # Weights, and with them the statistics of a normalization.
        other = [weight.path for weight in model.weights if weight.dtype != "float32"]
        assert not other, f"{name}: {other} are not float32"


@each_model
def test_a_model_takes_another_shape_and_other_classes(name):
    card = catalogue.find_model(name)[1]
    if len(card.input_shape) != 3:
        pytest.skip("not an image model")
    height, width, channels = card.small.get("input_shape", card.input_shape)
    model = build(name, input_shape=(height, width, channels + 2), classes=3)
    assert model.output_shape == (None, 3)
    assert outputs(model, some_examples(model)).shape == (2, 3)


# ---- exercises ----------------------------------------------------------------------------------


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


@each_chapter
def test_a_chapter_has_four_exercises_or_more_with_mistakes_and_hints(chapter):
    exercises = exercises_of(chapter.name)
    assert len(exercises) >= 4, f"{chapter.folder}/exercises.py has {len(exercises)} exercises"
    for one in exercises:
        assert one.mistakes, f"{one} knows no mistake"
        assert one.hints, f"{one} gives no hint"
    assert [one.name for one in exercises] == list(chapter.exercise_names())


# ---- pages --------------------------------------------------------------------------------------


def code_of(page):
    """The page's blocks of code to be run, each with what it promises to print.

    A promise is a comment behind a ``print`` or on the lines below it; a block may promise nothing.
    """
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M):
        after = code[match.start() :] if (match := re.search(r"^ *print\(", code, re.M)) else ""
        yield code, re.findall(r"^(?: *print\(.*  )?# (.+)$", after, re.M)


@pytest.mark.slow
@each_chapter
def test_the_code_of_a_lesson_runs_and_prints_what_it_says(chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for page in lesson.page_files(chapter.name):
        names = {}
        for code, promised in code_of(page):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(code, str(page), "exec"), names)
            lines = [line for line in printed.getvalue().splitlines() if line]
            assert promised in ([], lines), f"{page} prints {lines} where it says {promised}"


def pictures(chapter):
    """The chapter's functions that draw a figure from nothing."""
    for file in sorted(chapter.folder.glob("*figures.py")):
        module = chapter.module(file.stem)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            asked = inspect.signature(function)
            annotation = asked.return_annotation
            drawn = getattr(annotation, "__name__", annotation) == "Figure"
            needed = [one for one in asked.parameters.values() if one.default is one.empty]
            if drawn and not needed and function.__module__ == module.__name__:
                yield pytest.param(chapter, function, id=f"{chapter.name}-{name}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chapter", "picture"), [one for chapter in CHAPTERS for one in pictures(chapter)]
)
def test_a_figure_has_a_title_and_words_for_who_cannot_see_it_and_a_page_shows_it(chapter, picture):
    figure, name = picture(), f"{picture.__module__}.{picture.__name__}"
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert figure.get_suptitle() or len(titles) == 1, f"what {name} finds is its one title"
    alt = html.escape(figure.get_label() or " ".join(picture.__doc__.split()))
    assert f'aria-label="{alt}"' in pages.figure(drawn_already(picture, figure))
    assert f"figures.{picture.__name__})" in lesson.text(chapter.name), f"no page shows {name}"


def drawn_already(picture, figure):
    """A function with the picture's words that returns what is drawn already."""
    return functools.wraps(picture)(lambda: figure)


@each_chapter
def test_a_lesson_begins_with_its_title_has_two_figures_or_more_and_ends_with_its_exercises(
    chapter,
):
    first, last = (lesson.page_files(chapter.name)[end].read_text("utf-8") for end in (0, -1))
    where = f"the lesson in {chapter.folder}"
    assert first.startswith("# "), f"{where} begins with no title"
    assert len(list(pictures(chapter))) >= 2, f"{where} has fewer than two figures"
    _, result, ending = last.partition("\n## Exercises")
    assert result, f"{where} has no section of exercises on its last page"
    assert f'pages.exercises("{chapter.name}")' in ending, f"{where} does not list its exercises"
