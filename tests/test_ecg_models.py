"""The ECG chapter's models: experts, networks and what they attend to, and several together."""

import functools

import keras
import numpy as np
import pytest
from recording_files import recording

from chapters.ecg import beats, detector, experts, models, recordings

RATE = recordings.RATE
SMALL = {"input_shape": (600, 1), "stages": ((4, 1, 3), (6, 1, 3))}


def test_the_expert_in_numpy_is_the_pipeline_of_scikit_learn():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    y = (x[:, 0] ** 2 + x[:, 1] > 1).astype(int) + (x[:, 2] > 1)
    pipeline = experts.logistic_regression().fit(x, y)
    ours = experts.Expert.of(pipeline)(3 * x)
    np.testing.assert_allclose(ours, pipeline.predict_proba(3 * x), atol=1e-9)


def test_opinions_together_are_a_normalized_geometric_mean():
    one, other = np.array([[0.8, 0.2]]), np.array([[0.5, 0.5]])
    np.testing.assert_allclose(detector.together(one, one), one)
    np.testing.assert_allclose(detector.together(one, other), [[2 / 3, 1 / 3]])


def test_every_kind_of_reader_has_the_same_say():
    rng = np.random.default_rng(0)
    one, other, beat, expert = (p / p.sum(1, keepdims=True) for p in rng.random((4, 5, 4)))
    result = detector.by_kind(
        [("cnn", one), ("crnn", other), ("beat_reader", beat), ("expert", expert)]
    )
    samples = detector.together(one, other)
    np.testing.assert_allclose(result, detector.together(samples, beat, expert))
    np.testing.assert_allclose(detector.by_kind([("cnn", one)]), one)


def test_the_louder_or_shifted_signal_is_the_same_to_a_network():
    layer = models.Standardize()
    x = recording()[None, :, None]
    np.testing.assert_allclose(layer(5 * x + 3), layer(x), atol=0.1)


def test_frequency_bands_are_those_of_a_fourier_transform_and_add_up():
    x = recording(1, 2)[None, :, None]
    channels = keras.ops.convert_to_numpy(models.FrequencyBands()(x))[0]
    np.testing.assert_allclose(channels[1:].sum(axis=0), channels[0], atol=1e-5)
    spectrum = np.fft.rfft(x[0, :, 0])
    spectrum[(hertz := np.fft.rfftfreq(600, 1 / RATE)) < 0.5] = 0
    spectrum[hertz >= 50] = 0
    np.testing.assert_allclose(channels[2], np.fft.irfft(spectrum, 600), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "shape", "steps"),
    [
        (functools.partial(models.acrnn, units=4, **SMALL), (600, 1), 50),
        (functools.partial(models.beat_reader, units=4), beats.ROWS, beats.BEATS),
    ],
    ids=["acrnn", "beat_reader"],
)
def test_attention_has_a_row_for_each_signal_that_sums_to_one(model, shape, steps):
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    result = models.attention(model(), x)["attention"]
    assert result.shape == (3, steps)
    np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-5)


def test_the_beat_reader_has_a_fourteenth_of_the_parameters_of_the_acrnn():
    cell = 2 * 3 * 32 * (48 + 32 + 2)  # a GRU each way, with two biases
    dense = (71 * 48 + 48) + (48 * 24 + 24) + (30 * 48 + 48) + (64 * 32 + 32) + 32 + (192 * 4 + 4)
    assert models.beat_reader().count_params() == cell + dense == 24_748
    assert round(models.acrnn().count_params() / 24_748) == 14


@pytest.mark.slow
def test_mina_attends_to_beats_rhythm_and_frequency():
    model = models.mina(input_shape=(300, 1))
    result = models.attention(model, np.random.default_rng(0).normal(size=(2, 300, 1)))
    assert {name: weights.shape for name, weights in result.items()} == {
        **{f"beat_{k}": (2, 6, 10) for k in range(4)},
        **{f"rhythm_{k}": (2, 6) for k in range(4)},
        "frequency": (2, 4),
    }
    for weights in result.values():
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-4)


def test_mina_has_the_references_parameters_but_for_pytorchs_second_biases():
    base = 64 * 32 + 64 + 33 + 65 * 8 + 8 + 2 * 4 * 32 * (64 + 32 + 1) + 65 * 8 + 8 + 64 * 8 + 8
    assert 4 * base + 9 * 2 + 2 + 8 * 4 + 4 == 114_268


def test_the_cardiologist_has_33_convolutions_and_one_dense_layer():
    model = models.cardiologist(input_shape=(256, 1), filters=2, kernel=3)
    kinds = [type(layer) for layer in model.layers]
    assert kinds.count(keras.layers.Conv1D) == 33
    assert kinds.count(keras.layers.Dense) == 1
    widths = [2 * 2 ** (block // 4) for block in range(16)]
    before = [2, *widths]
    weights = 3 * 1 * 2 + 2 + 2 * 2  # the first convolution and its normalization
    for block, width in enumerate(widths):
        weights += 3 * before[block] * width + width + 3 * width * width + width
        weights += 2 * width + (2 * before[block] if block else 0)
    weights += 2 * 16 + 16 * 4 + 4
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == weights
