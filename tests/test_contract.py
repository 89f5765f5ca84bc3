"""What every chapter must keep, found by the catalogue and never listed here."""

import inspect

import keras
import numpy as np
import pytest

from companion import catalogue
from companion.training import hardware

MODELS = sorted(catalogue.models())


@pytest.fixture(autouse=True)
def forget_models():
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session()


def some_examples(model, count=2):
    """Random examples; an axis of any length gets 16."""
    shape = [16 if size is None else size for size in model.input_shape[1:]]
    return np.random.default_rng(0).random((count, *shape), "float32")


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


@pytest.mark.parametrize("name", MODELS)
def test_the_forward_pass_is_finite_and_a_gradient_reaches_every_trainable_weight(name):
    model = catalogue.builder(name)()
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    # A step of plain gradient descent moves exactly the weights that a gradient reaches.
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    x = some_examples(model, 8)
    outputs = model.predict(x, verbose=0)
    assert np.isfinite(outputs).all()
    assert model.count_params() == 0 or np.isfinite(model.train_on_batch(x, np.arange(8) % 2))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.abs(weight.numpy() - old).max() > 0, f"no gradient reaches {weight.path}"


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_gives_the_same_outputs(name, tmp_path):
    model = catalogue.builder(name)()
    x = some_examples(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("name", MODELS)
def test_a_step_in_mixed_bfloat16_is_finite_and_its_outputs_are_float32(name):
    with hardware.following(hardware.plan("mixed_bfloat16", "cpu")):
        model = catalogue.builder(name)()
        model.compile("sgd", "sparse_categorical_crossentropy")
        x = some_examples(model)
        assert np.isfinite(model.train_on_batch(x, np.zeros(2, int)))
        assert model(x).dtype == "float32"


@pytest.mark.parametrize("name", MODELS)
def test_a_model_takes_another_shape_and_other_classes(name):
    card = catalogue.find_model(name)[1]
    if len(card.input_shape) != 3:
        pytest.skip("not an image model")
    height, width, channels = card.input_shape
    model = catalogue.builder(name)(input_shape=(height, width, channels + 2), classes=3)
    assert model.output_shape == (None, 3)
    assert model.predict(some_examples(model), verbose=0).shape == (2, 3)
