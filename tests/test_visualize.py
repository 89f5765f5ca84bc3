"""What a convnet sees: the pictures say what the network does."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.ndimage import maximum_filter

import companion
from chapters.convnets import (
    alexnet,
    conv1d_classifier,
    from_pattern,
    gap_classifier,
    googlenet,
    lenet5,
    vgg,
    visualize,
)
from companion.errors import UserError
from companion.training.heads import feature_extractor, svm_accuracy

pytestmark = pytest.mark.slow  # large networks


@pytest.fixture(scope="module")
def data():
    return companion.load("digits").fitted_to((28, 28, 1))


@pytest.fixture(scope="module")
def trained(data):
    """A LeNet-5 that reads nine digits out of ten."""
    keras.utils.set_random_seed(0)
    model = lenet5()
    model.compile(
        keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(data.train.x, data.train.y, 32, epochs=6, verbose=0)
    assert model.evaluate(data.test.x, data.test.y, verbose=0)[1] > 0.9
    return model


@pytest.fixture(scope="module")
def right(trained, data):
    """Twenty test digits that the model reads rightly and is sure of: images and labels."""
    probabilities = trained.predict(data.test.x, verbose=0)
    sure = (probabilities.argmax(-1) == data.test.y) & (probabilities.max(-1) > 0.9)
    return data.test.x[sure][:20], data.test.y[sure][:20]


def weights_of(model):
    return [weight.copy() for weight in model.get_weights()]


@pytest.mark.slow
@pytest.mark.drawn
def test_covering_the_digit_hurts_and_covering_the_margin_does_not(trained, right):
    inside, outside = [], []
    for image, label in zip(*right, strict=True):
        drops = visualize.occlusion_map(trained, image, label, patch=9, stride=1)
        inside.append(drops[image[..., 0] > 0.5].max())
        # Where there is no ink under the patch.
        brightest = maximum_filter(image[..., 0], 9, mode="constant")
        outside.append(np.abs(drops[brightest < 0.05]).max())
    assert np.median(inside) > 0.4
    assert np.median(outside) < 0.01


@pytest.mark.slow
def test_covering_everything_leaves_nothing_to_read(trained, right):
    image, label = right[0][0], right[1][0]
    whole = trained.predict(image[None], verbose=0)[0, label]
    everywhere = visualize.occlusion_map(trained, image, label, patch=99, stride=28)
    grey = np.full_like(image, image.mean())[None]
    left = trained.predict(grey, verbose=0)[0, label]
    np.testing.assert_allclose(everywhere, [[whole - left]], atol=1e-5)


def test_a_gradient_is_that_of_finite_differences():
    keras.utils.set_random_seed(0)
    model = from_pattern("INPUT -> CONV -> RELU -> POOL -> FC", (6, 6, 1), 3, filters=2)
    image = np.random.default_rng(0).random((6, 6, 1)).astype("float32")
    maps = visualize.activations(model, image, "pool3")
    result = visualize.gradient_at(visualize.scores(model), "pool3", maps, 1)
    # What follows the maps is linear: the gradient is the class's column of weights.
    np.testing.assert_allclose(
        result.ravel(), model.get_layer("output").kernel.numpy()[:, 1], atol=1e-5
    )


def test_scores_become_the_models_probabilities_under_a_softmax():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).random((3, 28, 28, 1)).astype("float32")
    for model in (lenet5(), lenet5(variant="1998")):
        scores = visualize.scores(model)(x)
        np.testing.assert_allclose(keras.ops.softmax(scores), model(x), atol=1e-5)
        assert np.abs(np.asarray(keras.ops.sum(scores, axis=-1)) - 1).min() > 1e-3


def test_a_class_activation_map_averages_to_the_score_and_grad_cam_is_its_positive_part():
    keras.utils.set_random_seed(0)
    model = gap_classifier()
    image = np.random.default_rng(0).random((28, 28, 1)).astype("float32")
    scores = np.asarray(visualize.scores(model)(image[None]))[0]
    for label in (0, 7):
        result = visualize.activation_map(model, image, label)
        assert result.shape == (7, 7)
        assert result.mean() == pytest.approx(scores[label], abs=1e-5)  # the biases are still 0
        # Selvaraju et al. (2017), section 3.1: Grad-CAM generalises CAM, up to a factor.
        cam = visualize.gradient_map(model, image, label, "maps")
        np.testing.assert_allclose(cam * 49, np.maximum(result, 0), atol=1e-5)


@pytest.mark.slow
def test_the_exciting_image_of_a_class_is_read_as_that_class(trained):
    before = weights_of(trained)
    for label in (0, 3):
        image = visualize.exciting_image(trained, label, steps=60)
        assert image.shape == (28, 28, 1)
        assert image.min() >= 0
        assert image.max() <= 1
        probabilities = trained.predict(image[None], verbose=0)[0]
        assert probabilities.argmax() == label
        assert probabilities[label] > 0.99
    for old, now in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    assert all(layer.trainable for layer in trained.layers)


SMALL = {
    "lenet5": lambda: lenet5(),
    "lenet5 of 1998": lambda: lenet5(variant="1998"),
    "gap_classifier": lambda: gap_classifier((16, 16, 1)),
    "from_pattern": lambda: from_pattern("INPUT -> [CONV -> RELU -> POOL]*2 -> FC", (16, 16, 1)),
    "alexnet": lambda: alexnet((67, 67, 3), 10, units=16),
    "vgg": lambda: vgg("A", (32, 32, 3), 10, filters=4, units=16),
    "googlenet": lambda: googlenet((48, 48, 3), 10),
}


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("name", SMALL)
def test_every_picture_can_be_drawn_of_any_convnet_of_the_chapter(name):
    keras.utils.set_random_seed(0)
    model = SMALL[name]()
    image = np.random.default_rng(0).random(model.input_shape[1:]).astype("float32")
    figures = [
        visualize.kernels(model),
        visualize.feature_maps(model, image),
        visualize.grad_cam(model, image),
        visualize.occlusion(model, image, patch=12, stride=12),
        visualize.activation_maximization(model, [0, 1], steps=2),
    ]
    if name in ("gap_classifier", "googlenet"):
        figures.append(visualize.class_activation_map(model, image))
    for figure in figures:
        assert isinstance(figure, Figure)
        figure.canvas.draw()


def test_what_has_no_such_picture_is_told():
    with pytest.raises(UserError, match=r"Received: lenet5\. Use grad_cam"):
        visualize.class_activation_map(lenet5(), np.zeros((28, 28, 1)), 0)
    with pytest.raises(UserError, match="conv1d_classifier has no convolution over an image"):
        visualize.kernels(conv1d_classifier())


@pytest.mark.slow
def test_a_support_vector_machine_reads_the_features_as_well_as_the_softmax(trained, data):
    result = svm_accuracy(trained, data)
    right = (trained.predict(data.test.x, verbose=0).argmax(-1) == data.test.y).mean()
    assert result > right - 0.02
    # Its labels are read, too: without them it can only guess.
    guessing = replace(data, train=replace(data.train, y=np.roll(data.train.y, 7)))
    assert svm_accuracy(trained, guessing) < 0.4


@pytest.mark.parametrize(
    ("build", "layer", "width"),
    [
        (lambda: lenet5(), "F6", 84),
        (lambda: lenet5(variant="1998"), "F6", 84),
        (lambda: gap_classifier(), "average", 64),
        (lambda: alexnet((67, 67, 3), 10, units=16), "fc7_dropout", 16),
    ],
)
def test_features_are_what_the_head_reads(build, layer, width):
    extractor = feature_extractor(build())
    assert extractor.layers[-1].name == layer
    assert extractor.output_shape == (None, width)


def test_a_model_without_features_or_with_several_outputs_is_named():
    bare = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="bare")
    with pytest.raises(UserError, match="bare is all head"):
        feature_extractor(bare)
    with pytest.raises(UserError, match=r"one output\. Received: googlenet"):
        feature_extractor(googlenet((65, 65, 3), 2, auxiliary=True))
