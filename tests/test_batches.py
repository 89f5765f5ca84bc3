"""Batches: drawn by the seed, in their order, moved, turned and zoomed."""

import keras
import numpy as np
import pytest

import companion
from companion.training import Recipe, strategies
from companion.training.batches import Batches, warp


def batches(**options):
    x = np.arange(50 * 6 * 6, dtype="float32").reshape(50, 6, 6, 1)
    return Batches(x, np.arange(50), 16, **options)


def test_an_epoch_shows_no_example_twice_and_the_next_another_order():
    stream = batches()
    assert stream.steps_per_epoch == 3
    first, second = ([y for step in range(n, n + 3) for y in stream[step][1]] for n in (0, 3))
    assert len(set(first)) == 48
    assert first != second


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    forward = [batches(shift=2)[step][0] for step in range(7)]
    stream = batches(shift=2).from_step(4)
    for step in (4, 5, 6):
        np.testing.assert_array_equal(next(stream)[0], forward[step])
    assert (batches(shift=2, seed=1)[4][0] != forward[4]).any()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's pipeline")
@pytest.mark.parametrize("ahead", [0, 5 * 16 * 6 * 6 * 4, 2**20])  # one, a few, the most at a time
def test_tensorflow_is_fed_the_batches_one_by_one_in_their_order(ahead, monkeypatch):
    monkeypatch.setattr(strategies, "AHEAD", ahead)
    weighted = batches(shift=2, weights=np.arange(50, dtype="float32"))
    stream = strategies.OneDevice().stream(weighted, 2)
    assert [tuple(part.shape) for part in stream.element_spec] == [(16, 6, 6, 1), (16,), (16,)]
    for step, fed in zip(range(2, 42), stream.as_numpy_iterator(), strict=False):
        for part, given in zip(fed, weighted[step], strict=True):
            np.testing.assert_array_equal(part, given)


def test_a_shift_moves_the_image_and_fills_with_zeros():
    x, y = batches(shift=2)[0]
    moves = set()
    for image, label in zip(x[..., 0], y, strict=True):
        framed = np.pad(np.arange(label * 36, label * 36 + 36).reshape(6, 6), 2)
        fits = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if (framed[down : down + 6, right : right + 6] == image).all()
        ]
        assert fits
        moves.add(fits[0])
    assert len(moves) > 5


class Greatest:
    """A generator that always draws the greatest value."""

    def uniform(self, low, high, size):
        return np.full(size, high, float)


def test_a_warp_moves_turns_and_stretches_about_the_middle():
    images = np.random.default_rng(0).random((3, 9, 9, 2)).astype("float32")
    still = {"shift": 0, "turn": 0, "zoom": 0}
    np.testing.assert_allclose(warp(images, Greatest(), **still), images, atol=1e-6)
    moved = warp(images, Greatest(), **{**still, "shift": 2})
    np.testing.assert_allclose(moved[:, :-2, :-2], images[:, 2:, 2:], atol=1e-6)
    assert (moved[:, -2:] == 0).all()
    turned = warp(images, Greatest(), **{**still, "turn": 90})
    np.testing.assert_allclose(turned, np.rot90(images, -1, axes=(1, 2)), atol=1e-5)
    shrunk = warp(images, Greatest(), **{**still, "zoom": 1})
    np.testing.assert_allclose(shrunk[:, 2:7, 2:7], images[:, ::2, ::2], atol=1e-6)


def test_small_sets_are_turned_and_zoomed_and_large_ones_are_only_moved():
    digits = companion.load("digits").fitted_to((28, 28, 1))
    recipe = Recipe.suited_to(digits)
    assert (recipe.epochs, recipe.shift, recipe.turn, recipe.zoom) == (60, 2, 10, 0.1)
    assert Recipe.suited_to(digits, effort=1.5).epochs == 90
    assert Recipe.suited_to(digits, effort=1.5, epochs=3).epochs == 3
    stream = Batches(digits.train.x, digits.train.y, 8, turn=10.0)
    assert stream[0][0].dtype == np.float32
    assert (stream[0][0] != digits.train.x[stream._order[1][:8]]).any()
    np.testing.assert_array_equal(stream[5][0], stream[5][0])
