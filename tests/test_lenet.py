"""LeNet-5, held to LeCun, Bottou, Bengio and Haffner (1998)."""

import keras
import numpy as np
import pytest

from chapters.convnets import lenet5
from chapters.convnets.lenet1998 import (
    C3_TABLE,
    DistanceToDrawings,
    TableConv2D,
    TrainableSubsampling,
    digit_drawings,
)


def parameters(model):
    return {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}


def test_the_modern_network_has_61706_parameters_layer_by_layer():
    assert parameters(lenet5()) == {
        "C1": 156, "C3": 2416, "C5": 48120, "F6": 10164, "output": 850,
    }  # fmt: skip


def test_the_network_of_1998_has_the_papers_60000_parameters_layer_by_layer():
    model = lenet5(variant="1998")
    assert parameters(model) == {
        "C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164,
    }  # fmt: skip
    assert model.count_params() == 60_000


def test_the_maps_have_the_papers_sizes():
    model = lenet5(variant="1998")
    assert [model.get_layer(name).output.shape[1:] for name in ("C1", "S2", "C3", "S4", "C5")] == [
        (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (1, 1, 120),
    ]  # fmt: skip


def test_the_c3_table_has_sixty_links_and_uses_every_map_alike():
    links = [source for row in C3_TABLE for source in row]
    assert len(links) == 60
    assert np.bincount(links).tolist() == [10] * 6
    assert len(set(C3_TABLE)) == 16


def test_a_table_convolution_is_sixteen_small_convolutions_of_the_granted_maps():
    x = np.random.default_rng(0).normal(size=(2, 14, 14, 6)).astype("float32")
    layer = TableConv2D()
    received = np.asarray(layer(x))
    link = 0
    for target, row in enumerate(C3_TABLE):
        kernel = layer.kernel.numpy()[:, :, link : link + len(row), None]
        link += len(row)
        expected = keras.ops.conv(x[..., row], kernel)[..., 0]
        np.testing.assert_allclose(received[..., target], expected, atol=1e-5)


def test_subsampling_adds_up_four_pixels_times_a_coefficient_plus_a_bias():
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype("float32")
    layer = TrainableSubsampling()
    layer.build(x.shape)
    layer.set_weights([np.array([0.5, 2.0]), np.array([1.0, -1.0])])
    expected = x.reshape(1, 2, 2, 2, 2, 2).sum(axis=(2, 4)) * [0.5, 2.0] + [1.0, -1.0]
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_a_drawing_is_nearest_to_itself():
    drawings = digit_drawings()
    assert drawings.shape == (10, 84)
    assert set(np.unique(drawings)) == {-1.0, 1.0}
    distances = np.asarray(DistanceToDrawings()(drawings))
    assert distances.argmin(axis=1).tolist() == list(range(10))
    np.testing.assert_allclose(distances.diagonal(), 0)
    # Every two digits differ in at least seven of the 84 cells: 3 and 8 are nearest.
    assert np.sort(distances, axis=1)[:, 1].min() >= 7 * 4


def test_other_images_are_framed_to_32_and_larger_ones_are_read_as_they_are():
    assert lenet5((8, 8, 1)).get_layer("frame").output.shape == (None, 32, 32, 1)
    assert lenet5((27, 28, 1)).get_layer("frame").output.shape == (None, 32, 32, 1)
    assert lenet5((40, 36, 3), classes=4).output_shape == (None, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "1989"}, 'variant is "modern" or "1998". Received: variant=\'1989\''),
        ({"variant": "1998", "classes": 26}, "Received: classes=26"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        lenet5(**arguments)
