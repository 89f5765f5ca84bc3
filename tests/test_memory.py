"""Memory: NumPy and Keras remember the same things, and forget them in the same places."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from chapters.memory import adding, figures, models, scratch, studies
from companion.errors import UserError

FORWARD = {keras.layers.LSTM: scratch.lstm_forward, keras.layers.GRU: scratch.gru_forward}
BACKWARD = {keras.layers.LSTM: scratch.lstm_backward, keras.layers.GRU: scratch.gru_backward}
FROM_KERAS = {keras.layers.LSTM: scratch.lstm_from_keras, keras.layers.GRU: scratch.gru_from_keras}
TO_KERAS = {keras.layers.LSTM: scratch.lstm_to_keras, keras.layers.GRU: scratch.gru_to_keras}
cells = pytest.mark.parametrize("cell", [keras.layers.LSTM, keras.layers.GRU])


def some_layer(cell, rng, features, units):
    """A Keras layer in float64 with random weights, biases included."""
    layer = cell(units, return_sequences=True, dtype="float64")
    layer.build((None, None, features))
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def some_mask(rng, batch, steps):
    """A length of its own for each sequence, and a hole in one of them."""
    mask = np.arange(steps) < rng.integers(1, steps + 1, batch)[:, None]
    mask[0, rng.integers(steps)] = False
    return mask


@cells
@settings(deadline=None, max_examples=10)
@given(
    seed=st.integers(0, 10_000),
    batch=st.integers(1, 4),
    steps=st.integers(1, 9),
    features=st.integers(1, 4),
    units=st.integers(1, 5),
    masked=st.booleans(),
)
def test_values_and_every_gradient_are_those_of_keras(
    cell, seed, batch, steps, features, units, masked
):
    rng = np.random.default_rng(seed)
    layer = some_layer(cell, rng, features, units)
    inputs = rng.normal(size=(batch, steps, features))
    mask = some_mask(rng, batch, steps) if masked else None
    upstream = rng.normal(size=(batch, steps, units))
    watched = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        theirs = layer(watched, mask=mask)
        loss = tf.reduce_sum(theirs * upstream)
    sources = [watched, *(weight.value for weight in layer.trainable_weights)]
    their_gradients = tape.gradient(loss, sources)

    ours, trace = FORWARD[cell](inputs, FROM_KERAS[cell](*layer.get_weights()), mask)
    gradients = BACKWARD[cell](upstream, trace)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)
    our_gradients = [gradients["inputs"], *TO_KERAS[cell](gradients)]
    for one, other in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-9)


@cells
def test_weights_go_from_keras_and_back_unchanged(cell):
    layer = some_layer(cell, np.random.default_rng(0), 3, 2)
    again = TO_KERAS[cell](FROM_KERAS[cell](*layer.get_weights()))
    for one, other in zip(again, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("features", "units"), [(1, 1), (3, 4), (8, 64)])
def test_parameters_are_counted_as_keras_counts_them(features, units):
    def count(cell, **options):
        layer = cell(units, **options)
        layer.build((None, None, features))
        return layer.count_params()

    assert scratch.lstm_parameters(features, units) == count(keras.layers.LSTM)
    assert scratch.gru_parameters(features, units) == count(keras.layers.GRU)
    old = count(keras.layers.GRU, reset_after=False)
    assert scratch.gru_parameters(features, units, reset_after=False) == old


def test_only_inside_the_reset_gate_are_the_two_biases_of_a_gru_two_things():
    rng = np.random.default_rng(0)
    weights = scratch.gru_from_keras(
        *(rng.normal(size=size) for size in ((3, 12), (4, 12), (2, 12)))
    )
    inputs = rng.normal(size=(2, 5, 3))
    before, _ = scratch.gru_forward(inputs, weights)
    for gate, same in (("z", True), ("r", True), ("h", False)):
        moved = {**weights, f"b_{gate}": weights[f"b_{gate}"] + weights[f"b'_{gate}"]}
        moved[f"b'_{gate}"] = np.zeros(4)
        after, _ = scratch.gru_forward(inputs, moved)
        assert np.allclose(before, after) == same


# ---- gates --------------------------------------------------------------------------------------


def test_a_memory_that_is_kept_and_not_written_stays_and_so_does_its_gradient():
    rng = np.random.default_rng(0)
    kernel, recurrent_kernel, bias = (rng.normal(size=size) for size in ((2, 12), (3, 12), 12))
    weights = scratch.lstm_from_keras(kernel, recurrent_kernel, bias)
    steps = 300
    later = np.arange(steps) > 0
    forced = {"f": np.where(later, 1, np.nan), "i": np.where(later, 0, np.nan)}
    forced["o"] = np.where(np.arange(steps) < steps - 1, 0, np.nan)
    _, trace = scratch.lstm_forward(rng.normal(size=(2, steps, 2)), weights, forced=forced)
    np.testing.assert_array_equal(trace["C"][:, -1], trace["C"][:, 0])
    upstream = np.zeros((2, steps, 3))
    upstream[:, -1] = 1
    gradient = scratch.lstm_backward(upstream, trace)["C"]
    np.testing.assert_allclose(gradient[:, 0], gradient[:, -1], rtol=1e-12)
    assert np.abs(gradient[:, -1]).min() > 1e-4


def test_a_gate_that_is_not_forced_computes_for_itself():
    rng = np.random.default_rng(0)
    weights = scratch.lstm_from_keras(*(rng.normal(size=size) for size in ((2, 12), (3, 12), 12)))
    inputs = rng.normal(size=(2, 4, 2))
    free, _ = scratch.lstm_forward(inputs, weights)
    same, _ = scratch.lstm_forward(inputs, weights, forced={"f": np.full(4, np.nan)})
    np.testing.assert_array_equal(free, same)


# ---- networks -----------------------------------------------------------------------------------


def said(model, x):
    return ops.convert_to_numpy(model(x, training=False))


@pytest.fixture(scope="module")
def readers():
    """One small model of each kind, for sequences of any length."""
    keras.utils.set_random_seed(0)
    return {
        "lstm": models.lstm((None, 3), 4, units=(5, 4), mask_value=0.0, dropout=0.5),
        "gru": models.gru((None, 3), 4, units=(5,), mask_value=0.0),
        "pyramid_rnn": models.pyramid_rnn((None, 3), 4, units=3),
    }


@pytest.mark.parametrize("name", ["lstm", "gru", "pyramid_rnn"])
def test_the_answer_does_not_depend_on_the_padding(readers, name):
    rng = np.random.default_rng(1)
    for steps in (1, 6, 7):
        x = rng.normal(size=(2, steps, 3)).astype("float32")
        alone = said(readers[name], x)
        for more in (1, 2):
            padded = np.pad(x, ((0, 0), (0, more), (0, 0)))
            np.testing.assert_allclose(said(readers[name], padded), alone, atol=1e-6)


@pytest.mark.parametrize("builder", [models.lstm, models.gru])
def test_many_to_many_names_a_class_at_every_step(builder):
    model = builder((6, 3), 4, units=(5,), every_step=True)
    answers = said(model, np.random.default_rng(0).random((2, 6, 3), "float32"))
    assert answers.shape == (2, 6, 4)
    np.testing.assert_allclose(answers.sum(-1), 1, rtol=1e-5)


@settings(deadline=None, max_examples=25)
@given(
    steps=st.integers(1, 23),
    reduction=st.integers(1, 5),
    lengths=st.lists(st.integers(1, 23), min_size=1, max_size=3),
)
def test_frames_are_joined_as_by_hand_and_a_joined_one_counts_if_a_part_does(
    steps, reduction, lengths
):
    frames = np.random.default_rng(0).normal(size=(len(lengths), steps, 2)).astype("float32")
    mask = np.arange(steps) < np.array(lengths)[:, None]
    layer = models.JoinFrames(reduction)
    joined = ops.convert_to_numpy(layer(frames, mask=mask))
    kept = ops.convert_to_numpy(layer.compute_mask(frames, mask))
    for row, before, real, counts in zip(joined, frames, mask, kept, strict=True):
        np.testing.assert_array_equal(row, scratch.join_frames(before * real[:, None], reduction))
        assert counts.sum() == -(-real.sum() // reduction)
    assert layer.compute_output_shape(frames.shape) == joined.shape


@settings(deadline=None, max_examples=25)
@given(steps=st.integers(1, 999), layers=st.integers(1, 4), reduction=st.integers(1, 4))
def test_a_pyramid_is_as_long_at_its_top_as_the_formula_says(steps, layers, reduction):
    shape = (None, steps, 2)
    for _ in range(layers - 1):
        shape = models.JoinFrames(reduction).compute_output_shape(shape)
    assert shape[1] == scratch.pyramid_length(steps, layers, reduction)
    assert shape[1] == -(-steps // reduction ** (layers - 1))


def test_joining_the_input_too_halves_every_layer():
    steps = [
        [layer.output.shape[1] for layer in model.layers if layer.name.startswith("join")]
        for model in (
            models.pyramid_rnn((100, 3), 4, units=2),
            models.pyramid_rnn((100, 3), 4, units=2, join_input=True),
        )
    ]
    assert steps == [[50, 25], [50, 25, 13]]


def test_a_pyramid_that_joins_nothing_is_a_stack_of_bidirectional_layers():
    model = models.pyramid_rnn((None, 3), 4, units=3, reduction=1)
    assert [layer.name for layer in model.layers] == [
        "frames", "mask", "blstm1", "blstm2", "blstm3", "output",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", [{"layers": 0}, {"reduction": 0}])
def test_a_pyramid_without_layers_is_refused(wrong):
    with pytest.raises(UserError, match="one layer or more"):
        models.pyramid_rnn(**wrong)


ELSEWHERE = """
import sys, numpy as np
from keras import ops
from chapters.memory import models

model = models.pyramid_rnn((None, 3), 4, units=3)
with np.load(sys.argv[1]) as kept:
    model.set_weights([kept[f"arr_{place}"] for place in range(len(model.weights))])
    np.save(sys.argv[2], ops.convert_to_numpy(model(kept["x"], training=False)))
"""


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
def test_the_pyramid_says_the_same_on_another_backend(readers, tmp_path):
    pytest.importorskip("jax")
    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    x[1, 4:] = 0
    model = readers["pyramid_rnn"]
    np.savez(tmp_path / "kept.npz", *model.get_weights(), x=x)
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, tmp_path / "kept.npz", tmp_path / "said.npy"],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=True,
    )
    np.testing.assert_allclose(np.load(tmp_path / "said.npy"), said(model, x), atol=1e-6)


# ---- what the lesson tells ----------------------------------------------------------------------


def test_the_adding_problem_marks_two_numbers_far_apart_and_asks_for_their_sum():
    sequences, sums = adding.adding_problem(500, 40, np.random.default_rng(0))
    numbers, marks = sequences[..., 0], sequences[..., 1]
    assert (marks.sum(1) == 2).all()
    first, second = marks.argmax(1), 39 - marks[:, ::-1].argmax(1)
    assert first.max() < 4
    assert second.min() >= 20
    np.testing.assert_allclose(sums, (numbers * marks).sum(1), rtol=1e-6)
    assert np.mean((sums - 1) ** 2) == pytest.approx(1 / 6, abs=0.03)  # always saying 1


@pytest.mark.parametrize("cell", ["SimpleRNN", "GRU"])
def test_the_gradient_of_the_figure_is_that_of_keras(cell):
    rng = np.random.default_rng(0)
    sequences = rng.normal(size=(3, 6, 2))
    layer = getattr(keras.layers, cell)(4, dtype="float64")
    layer.build((None, None, 2))
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    kernel = rng.normal(size=(4, 1))
    result = figures.shares(cell, [*layer.get_weights(), kernel, np.zeros(1)], sequences)
    memory = tf.Variable(layer(sequences[:, :4]))  # two steps before the end
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(sequences[:, 4:], initial_state=memory) @ kernel)
    sizes = [np.linalg.norm(one) for one in (tape.gradient(total, memory), kernel)]
    assert result[0] == 1
    assert result[2] == pytest.approx(sizes[0] / sizes[1] / np.sqrt(3), rel=1e-3)


def test_the_gradient_of_an_lstms_memory_is_its_central_difference():
    rng = np.random.default_rng(0)
    weights = scratch.lstm_from_keras(*(rng.normal(size=size) for size in ((2, 12), (3, 12), 12)))
    inputs, kernel = rng.normal(size=(1, 6, 2)), rng.normal(size=3)
    _, trace = scratch.lstm_forward(inputs, weights)

    def total(C, t):
        h = trace["o"][:, t] * np.tanh(C)
        for x in inputs[0, t + 1 :]:
            step = scratch.lstm_step(x[None], h, C, weights)
            h, C = step["h"], step["C"]
        return (h @ kernel).item()

    upstream = np.zeros((1, 6, 3))
    upstream[:, -1] = kernel
    gradients = scratch.lstm_backward(upstream, trace)["C"]
    for t in range(6):
        for unit, nudge in enumerate(1e-6 * np.eye(3)):
            C = trace["C"][:, t]
            difference = (total(C + nudge, t) - total(C - nudge, t)) / 2e-6
            assert gradients[0, t, unit] == pytest.approx(difference, rel=1e-5, abs=1e-9)


def test_the_recorded_pyramid_hears_nineteen_digits_in_twenty_and_is_quicker():
    listener = figures.record["listener"]
    assert listener["data"] == "spoken_digit"
    assert listener["test_accuracy"] >= 0.95
    seconds = figures.record["seconds_per_epoch"]
    assert seconds["pairs"] < seconds["BLSTM"]
    assert seconds["pairs, from the input on"] < seconds["BLSTM"] / 2


def test_the_speakers_of_the_table_are_those_of_the_numbers():
    names = [f"{digit}_{speaker}_0" for digit in range(10) for speaker in studies.SPEAKERS]
    assert studies.voices(tuple(names)).tolist() == 10 * [*range(studies.VOICES)]


def test_a_voice_that_is_left_out_is_heard_in_the_test_alone():
    data = studies.recordings("tones")
    parts = [data.train, data.validation, data.test]
    for voice in range(studies.VOICES):
        without = studies.without_voice(data, voice)
        heard = [
            set(zip(voices_of(data, part), part.names, strict=True))
            for part in (without.train, without.validation, without.test)
        ]
        assert {one for one, _ in heard[2]} == {voice}
        assert {one for one, _ in heard[0] | heard[1]} == {*range(studies.VOICES)} - {voice}
        assert sum(map(len, heard)) == len(set.union(*heard)) == sum(map(len, parts))


def voices_of(data, part):
    """The voice of each recording of a part, by its place among all keys."""
    names = [name for one in (data.train, data.validation, data.test) for name in one.names]
    voice = dict(zip(names, studies.voices(tuple(names)), strict=True))
    return [int(voice[name]) for name in part.names]
