"""Sound: frames that TensorFlow's own signal library agrees with, and tones that rise and fall."""

import numpy as np
import pytest
from scipy.signal import stft

import companion
from companion.datasets import sound
from companion.errors import UserError


@pytest.fixture(scope="module")
def tones():
    return companion.load("tones")


def test_the_triangles_are_those_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    theirs = tf.signal.linear_to_mel_weight_matrix(40, 257, 8000, 0.0, 4000.0, tf.float64)
    # The two round "1127 ln" and "2595 log10" differently.
    np.testing.assert_allclose(sound.mel_triangles(40), theirs, atol=1e-4)


@pytest.mark.parametrize("samples", [200, 279, 280, 1234])
def test_the_frames_are_those_of_scipy_standardized(samples):
    recording = np.random.default_rng(0).normal(size=samples)
    *_, spectrum = stft(recording, 8000, "hann", 200, 120, nfft=512, boundary=None, padded=False)
    power = np.abs(100 * spectrum.T) ** 2  # SciPy divides by the window's sum
    logs = np.log(power @ sound.mel_triangles(40) + 1e-6)
    expected = (logs - logs.mean()) / logs.std()
    np.testing.assert_allclose(sound.log_mel(recording), expected, atol=1e-4)


def test_loudness_does_not_matter():
    recording = np.random.default_rng(0).normal(size=2000)
    np.testing.assert_allclose(sound.log_mel(recording), sound.log_mel(9 * recording), atol=1e-4)


def test_a_recording_shorter_than_a_window_is_one_frame():
    assert sound.log_mel(np.ones(7)).shape == (1, 40)


def test_tones_are_balanced_and_the_same_every_time(tones):
    again = companion.load("tones")
    assert [len(part) for part in (tones.train, tones.validation, tones.test)] == [518, 58, 144]
    assert np.bincount(tones.test.y).tolist() == [24] * 6
    for one, other in zip(tones.test.x, again.test.x, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_recordings_tones_come_in_the_order_that_its_class_names(tones):
    place = {name: number for number, name in enumerate(sound.PITCHES)}
    for recording, label in zip(tones.test.x, tones.test.y, strict=True):
        order = [place[name] for name in tones.card.class_names[label].split("-")]
        frames = sound.log_mel(recording)
        loudest = frames.argmax(1)[frames.max(1) > 0.6 * frames.max()]  # bands of loud frames
        assert np.sign(loudest[-1] - loudest[0]) == np.sign(order[2] - order[0])


def test_recordings_become_frames_padded_with_zeros_for_a_model_that_reads_frames(tones):
    fitted = tones.fitted_to((None, 12))
    assert fitted.shape == (None, 12)
    assert fitted.test.x.shape == (144, sound.LONGEST, 12)
    for frames, recording in zip(fitted.test.x, tones.test.x, strict=True):
        length = min(sound.LONGEST, 1 + (len(recording) - 200) // 80)
        assert frames[:length].any(1).all()
        assert not frames[length:].any()


def test_recordings_do_not_fit_a_model_that_reads_images(tones):
    with pytest.raises(UserError, match="Made for tones: pyramid_rnn"):
        tones.fitted_to((28, 28, 1))


def test_a_silent_recording_has_a_frame_that_counts():
    quiet = np.concatenate([np.zeros(4000), np.random.default_rng(0).normal(size=4000)])
    frames = sound.as_frames([np.zeros(4000), np.zeros(0), quiet], 40)
    heard = frames.any(axis=-1).sum(axis=1)
    assert heard.tolist() == [48, 1, 98]
    np.testing.assert_allclose(frames[:2], 0, atol=1e-5)
