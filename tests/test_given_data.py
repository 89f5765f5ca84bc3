"""Data as people give them: arrays, pairs, names of classes, images of another size."""

import keras
import numpy as np
import pytest
from small_networks import KINDS, X, network, train

import companion
from companion.datasets import Dataset
from companion.errors import UserError

layers = keras.layers


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": X, "y": KINDS}, "data is a name .* Received: dict"),
        (None, "data is a name .* Received: NoneType"),
        (X, "data is a name .* Received: ndarray"),
        ((X, KINDS, X), "data is a name .* Received: tuple"),
        (((X[i : i + 2], KINDS[i : i + 2]) for i in range(3)), "generator.*np.concatenate"),
        ((X, 3), r"120 examples and targets of shape \(\)"),
        ((np.array(["a", "b"] * 60), KINDS), "arrays of numbers. Received: dtype <U1"),
        (([[1.0], [1.0, 2.0]], [0, 1]), "Examples are one array"),
        ((X, KINDS + 1), "without a gap. Received: 1 to 3, none of class 0"),
        ((X, KINDS * 10**12), "none of class 1"),
        (((X, KINDS), (X[:9], KINDS[:9] + 1)), "classes 0 to 2. Received for test: 1 to 3"),
        (((X, KINDS), (X[:9, :2], KINDS[:9])), r"test examples of shape \(5,\)"),
    ],
)
def test_what_are_no_data_is_told(data, message):
    with pytest.raises(UserError, match=message):
        train(network(3), data)


def test_a_pipeline_of_tensorflow_is_told_how_it_becomes_arrays():
    tf = pytest.importorskip("tensorflow")
    batches = tf.data.Dataset.from_tensor_slices((X, KINDS)).batch(50)
    with pytest.raises(UserError, match=r"`x, y = map\(np.concatenate, zip\(\*batches\)\)`"):
        train(network(3), batches)
    x, y = map(np.concatenate, zip(*batches, strict=True))
    np.testing.assert_array_equal(x, X)
    assert y.tolist() == KINDS.tolist()


def test_labels_come_as_names_as_truth_values_and_as_a_column():
    named = Dataset.from_arrays(X, np.array(["cat", "ant", "bee"])[KINDS])
    assert named.card.class_names == ("ant", "bee", "cat")
    plain = Dataset.from_arrays(X, np.array([2, 0, 1])[KINDS])
    assert named.train.y.tolist() == plain.train.y.tolist()
    assert Dataset.from_arrays(X, KINDS[:, None]).test.y.tolist() == (
        Dataset.from_arrays(X, KINDS).test.y.tolist()
    )
    assert train(network(1, "sigmoid"), (X, KINDS > 0), epochs=1).asked["task"] == "yes or no"


def test_the_pairs_of_keras_datasets_keep_their_test_split():
    data = ((X[:90], KINDS[:90, None]), (X[90:], KINDS[90:, None]))  # as of CIFAR-10
    run = train(network(3), data, epochs=1)
    np.testing.assert_array_equal(run.data.test.x, X[90:])
    assert run.data.test.y.tolist() == KINDS[90:].tolist()
    assert len(run.data.train) + len(run.data.validation) == 90


def test_five_examples_of_each_class_are_enough_for_every_split_to_have_all():
    data = Dataset.from_arrays(X[:50], np.arange(50) % 10)
    for part in (data.train, data.validation, data.test):
        assert set(part.y) == set(range(10))
    assert len(data.train) + len(data.validation) + len(data.test) == 50


def test_that_images_are_resized_is_said(capsys):
    def reader(classes):
        return keras.Sequential(
            [keras.Input((16, 16, 1)), layers.Flatten(), layers.Dense(classes)], name="reader"
        )

    train(reader, "digits", epochs=1, batch_size=512, show_progress=True, examine=False)
    assert "digits: 8×8×1 becomes 16×16×1, as reader reads it" in capsys.readouterr().err


def test_data_are_printed_in_a_few_lines():
    digits = companion.load("digits")
    lines = repr(digits).splitlines()
    assert len(lines) <= 5
    for said in ("1,293 train, 144 validation, 360 test", "(8, 8, 1)", "10 classes: 0, 1", "CC BY"):
        assert said in repr(digits)
    assert repr(digits.test) == "Split of 360: x float32 (360, 8, 8, 1), y int64 (360,)"
    assert "2 train" not in repr(Dataset.from_arrays(X, X[:, 0]))
    assert "numbers to predict" in repr(Dataset.from_arrays(X, X[:, 0]))


def test_a_run_predicts_what_it_was_trained_on_without_being_told_how_it_is_fitted():
    def reader(classes):
        layers = [keras.Input((16, 16, 1)), keras.layers.Flatten(), keras.layers.Dense(classes)]
        return keras.Sequential(layers)

    digits = companion.load("digits")
    run = train(reader, digits, epochs=1, batch_size=128)
    raw = run.predict(digits.test.x[:9])
    assert raw.shape == (9, 10)
    fitted = digits.fitted_to((16, 16, 1)).test.x[:9]
    np.testing.assert_allclose(run.predict(fitted), raw, atol=1e-5)
