"""The chapter on recurrence: by hand equal to Keras, blind to padding, and true to its records."""

import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

import companion
from chapters.recurrence import exercises, models, scratch, series, studies
from chapters.recurrence.text import Vocabulary
from companion.errors import UserError

few = settings(max_examples=12, deadline=None)


@st.composite
def problems(draw):
    """A batch of sequences with their lengths, the weights of a network, and classes to name."""
    batch, steps, features, units = (draw(st.integers(1, most)) for most in (3, 6, 3, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = np.array(draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch)))
    shapes = ((units, features), (units, units), (3, units), (units,), (3,))
    return {
        "x": rng.normal(size=(batch, steps, features)),
        "parameters": scratch.Parameters(*(rng.normal(size=shape) for shape in shapes)),
        "initial": draw(st.sampled_from([0.0, 1.0])) * rng.normal(size=(batch, units)),
        "mask": np.arange(steps) < lengths[:, None] if draw(st.booleans()) else None,
        "from_above": rng.normal(size=(batch, steps, units)),
        "y": rng.integers(0, 3, size=(batch, steps)),
    }


def keras_rnn(problem):
    """Keras's SimpleRNN with the problem's U, W and b."""
    U, W, _, b, _ = problem["parameters"]
    layer = keras.layers.SimpleRNN(len(b), return_sequences=True, dtype="float64")
    layer.build(problem["x"].shape)
    layer.set_weights([U.T, W.T, b])
    return layer


# ---- by hand against Keras ----------------------------------------------------------------------


@few
@given(problems())
def test_the_states_and_every_gradient_are_those_of_keras(problem):
    U, W, _, b, _ = problem["parameters"]
    x, initial, mask = problem["x"], problem["initial"], problem["mask"]
    layer = keras_rnn(problem)
    inputs = [tf.constant(x), tf.constant(initial)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        states = layer(inputs[0], initial_state=inputs[1], mask=mask)
        loss = tf.reduce_sum(states * problem["from_above"])
    wanted = tape.gradient(loss, [*inputs, *layer.trainable_weights])
    h = scratch.rnn_forward(x, U, W, b, initial=initial, mask=mask)
    np.testing.assert_allclose(h[:, 1:], states, atol=1e-9)
    grad_x, grad_U, grad_W, grad_b, grad_initial = scratch.rnn_backward(
        problem["from_above"], x, h, U, W, mask=mask
    )
    ours = (grad_x, grad_initial, grad_U.T, grad_W.T, grad_b)
    for received, expected in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-9)


@pytest.mark.slow
@few
@given(problems())
def test_the_whole_network_has_the_loss_and_the_gradients_of_keras(problem):
    x, y, mask, parameters = (problem[name] for name in ("x", "y", "mask", "parameters"))
    rnn = keras_rnn(problem)
    output = keras.layers.Dense(3, dtype="float64")
    output.build((None, None, len(parameters.b)))
    output.set_weights([parameters.V.T, parameters.c])
    real = np.ones(y.shape) if mask is None else mask.astype(float)
    with tf.GradientTape() as tape:
        logits = output(rnn(x, mask=mask))
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
        loss = tf.reduce_sum(each * real)
    gU, gW, gb, gV, gc = tape.gradient(loss, rnn.trainable_weights + output.trainable_weights)
    trace = scratch.forward(x, parameters, mask)
    assert scratch.loss(trace, y, mask) == pytest.approx(float(loss), abs=1e-9)
    ours = scratch.backward(x, y, parameters, trace, mask=mask)
    wanted = (tf.transpose(gU), tf.transpose(gW), tf.transpose(gV), gb, gc)
    for received, expected in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-9)


@pytest.mark.slow
@few
@given(problems(), st.integers(1, 7))
def test_truncation_is_keras_run_window_by_window_with_the_state_held_fixed(problem, window):
    U, W, _, b, _ = problem["parameters"]
    x = tf.constant(problem["x"])
    layer = keras_rnn(problem)
    with tf.GradientTape() as tape:
        state, loss = tf.zeros((len(x), len(b)), "float64"), 0.0
        for start in range(0, x.shape[1], window):
            states = layer(x[:, start : start + window], initial_state=tf.stop_gradient(state))
            loss += tf.reduce_sum(states * problem["from_above"][:, start : start + window])
            state = states[:, -1]
    wanted = tape.gradient(loss, layer.trainable_weights)
    h = scratch.rnn_forward(problem["x"], U, W, b)
    _, *ours, _ = scratch.rnn_backward(problem["from_above"], problem["x"], h, U, W, window=window)
    for received, expected in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(received.T, expected, atol=1e-9)


def test_the_slide_with_the_input_of_the_step_before_gives_another_gradient():
    rng = np.random.default_rng(0)
    x, from_above = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 4))
    U, W, b = rng.normal(size=(4, 3)), rng.normal(size=(4, 4)), rng.normal(size=4)

    def loss(flat):
        return np.sum(from_above * scratch.rnn_forward(x, flat.reshape(4, 3), W, b)[:, 1:])

    h = scratch.rnn_forward(x, U, W, b)
    _, ours, *_ = scratch.rnn_backward(from_above, x, h, U, W)
    differences = approx_fprime(U.ravel(), loss, 1e-6).reshape(4, 3)
    np.testing.assert_allclose(ours, differences, atol=1e-4)
    earlier = np.concatenate([0 * x[:, :1], x[:, :-1]], axis=1)
    _, as_printed, *_ = scratch.rnn_backward(from_above, earlier, h, U, W)
    assert np.abs(as_printed - differences).max() > 0.1


@pytest.mark.slow
@few
@given(problems())
def test_the_sensitivity_is_the_norm_of_the_jacobian(problem):
    U, W, _, b, _ = problem["parameters"]
    x = tf.constant(problem["x"][:1])
    layer = keras_rnn(problem)
    start = tf.constant(problem["initial"][:1])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(start)
        last = layer(x, initial_state=start)[:, -1]
    jacobian = tape.jacobian(last, start, experimental_use_pfor=False)[0, :, 0, :]
    h = scratch.rnn_forward(problem["x"][:1], U, W, b, initial=problem["initial"][:1])
    norms = scratch.sensitivity(h[0], W)
    assert len(norms) == x.shape[1] + 1
    assert norms[-1] == pytest.approx(np.linalg.norm(jacobian, 2), abs=1e-9)


@given(limit=st.floats(0.01, 10), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_clipping_is_that_of_tensorflow(limit, seed):
    rng = np.random.default_rng(seed)
    gradients = [rng.normal(size=(2, 3)), rng.normal(size=4)]
    wanted, _ = tf.clip_by_global_norm(gradients, limit)
    for ours, theirs in zip(scratch.clip_by_global_norm(gradients, limit), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_a_gradient_of_zero_stays_zero_and_a_limit_of_zero_is_refused():
    np.testing.assert_array_equal(scratch.clip_by_global_norm([np.zeros(3)], 1.0)[0], np.zeros(3))
    with pytest.raises(UserError, match="limit=0"):
        scratch.clip_by_global_norm([[1.0]], 0)


@pytest.mark.parametrize(("features", "units", "outputs"), [(8, 64, 10), (3, 5, 2)])
def test_the_count_is_that_of_keras_whatever_the_number_of_steps(features, units, outputs):
    for steps in (4, None):
        model = models.simple_rnn((steps, features), outputs, units=(units,))
        assert model.count_params() == scratch.parameter_count(features, units, outputs)


# ---- models -------------------------------------------------------------------------------------


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


@pytest.mark.parametrize(
    ("builder", "arguments"),
    [
        (models.simple_rnn, {}),
        (models.simple_rnn, {"units": (3, 4), "every_step": True}),
        (models.bidirectional, {}),
        (models.bidirectional, {"cell": "LSTM", "units": (3, 4), "every_step": True}),
        (models.bidirectional, {"cell": "GRU"}),
    ],
)
def test_the_answer_does_not_depend_on_the_padding(builder, arguments):
    keras.utils.set_random_seed(1)
    model = builder((None, 3), 4, **{"units": (5,), "mask_value": 0.0, **arguments})
    rng = np.random.default_rng(0)
    short, long = (rng.normal(size=(steps, 3)).astype("float32") for steps in (4, 7))
    batch = np.zeros((2, 9, 3), "float32")
    batch[0, :4], batch[1, :7] = short, long
    together = outputs(model, batch)
    for alone, answer in ((short, together[0]), (long, together[1])):
        answer = answer[: len(alone)] if arguments.get("every_step") else answer
        np.testing.assert_allclose(outputs(model, alone[None])[0], answer, atol=1e-6)
    unmasked = builder((None, 3), 4, **{"units": (5,), **arguments})
    unmasked.set_weights(model.get_weights())
    assert not np.allclose(outputs(unmasked, batch)[0], together[0], atol=1e-3)


def test_a_bidirectional_network_is_two_networks_of_which_one_reads_backwards():
    model = models.bidirectional((6, 2), 3, units=(4,))
    x = np.random.default_rng(0).normal(size=(2, 6, 2)).astype("float32")
    kernels = [weight.numpy().astype(float) for weight in model.get_layer("both_ways1").weights]
    ends = []
    for (U, W, b), way in ((kernels[:3], x), (kernels[3:], x[:, ::-1])):
        ends.append(scratch.rnn_forward(way.astype(float), U.T, W.T, b)[:, -1])
    both = keras.Model(model.input, model.get_layer("both_ways1").output)
    np.testing.assert_allclose(outputs(both, x), np.concatenate(ends, axis=-1), atol=1e-5)


def test_the_builders_give_the_shapes_they_promise():
    assert models.simple_rnn((None, 2), 4, every_step=True).output_shape == (None, None, 4)
    assert models.bidirectional((5, 2), 4, every_step=True).output_shape == (None, 5, 4)
    words = models.sentence_classifier(20, cell="SimpleRNN")
    assert outputs(words, np.array([[2, 3, 0, 0]])).shape == (1, 2)
    assert models.forecaster((None, 2), horizon=7).output_shape == (None, 7)


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.bidirectional(cell="SimpleRMM"),
        lambda: models.sentence_classifier(9, cell="SimpleRMM"),
        lambda: models.forecaster(cell="SimpleRMM"),
    ],
)
def test_an_unknown_cell_is_named_with_the_nearest(build):
    with pytest.raises(UserError, match="Did you mean 'SimpleRNN'"):
        build()


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
def test_the_builders_run_on_another_backend():
    backend = next(filter(find_spec, ("jax", "torch")), None)
    if not backend:
        pytest.skip("neither JAX nor PyTorch is installed")
    code = """
import keras, numpy as np
from chapters.recurrence.models import bidirectional, forecaster, sentence_classifier, simple_rnn
x = np.random.default_rng(0).random((2, 6, 3)).astype("float32")
x[0, 4:] = 0
for build in (simple_rnn, bidirectional):
    model = build((None, 3), 2, units=(4,), mask_value=0.0)
    padded, alone = (keras.ops.convert_to_numpy(model(part)) for part in (x, x[:1, :4]))
    np.testing.assert_allclose(padded[0], alone[0], atol=1e-5)
assert forecaster((6, 3), 5)(x).shape == (2, 5)
assert sentence_classifier(9)(np.array([[2, 3, 0]])).shape == (1, 2)
"""
    environment = {"KERAS_BACKEND": backend, "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


# ---- data ---------------------------------------------------------------------------------------


def test_a_vocabulary_knows_the_training_words_alone():
    vocabulary = Vocabulary(["Good, good phone!", "Bad phone."], size=3)
    assert len(vocabulary) == 5
    assert vocabulary.encode(["good phone unheard"], 4).tolist() == [[2, 3, 1, 0]]
    assert vocabulary.encode(["phone " * 9], 4).tolist() == [[3, 3, 3, 3]]


@pytest.fixture
def sentences(tmp_path, monkeypatch):
    """A folder with sentences in the publisher's format, as many of each class."""
    folder = tmp_path / "sentiment_sentences"
    folder.mkdir()
    for file in ("amazon_cells_labelled.txt", "imdb_labelled.txt", "yelp_labelled.txt"):
        lines = [f"{file} is \x85 very good {n}  \t1\n{n} is bad. {file}\t0" for n in range(20)]
        (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setenv("COMPANION_DATA_DIR", str(tmp_path))
    return folder


def test_sentences_are_read_from_the_publishers_files(sentences):
    data = companion.load("sentiment_sentences")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [86, 10, 24]
    assert [" good " in text for text in data.train.x] == data.train.y.astype(bool).tolist()
    assert set(data.train.x).isdisjoint(data.test.x)


def test_absent_sentences_are_named_with_the_publishers_address(sentences):
    (sentences / "imdb_labelled.txt").unlink()
    with pytest.raises(UserError, match=r"archive\.ics\.uci\.edu/dataset/331"):
        companion.load("sentiment_sentences")


@pytest.mark.slow
def test_both_readers_learn_sentences_that_one_word_decides(sentences):
    data = companion.load("sentiment_sentences")
    keras.utils.set_random_seed(0)
    assert studies.bag_of_words(data) == (1.0, 1.0)
    assert studies.recurrent_reader(data, "GRU") == (1.0, 1.0)


def test_the_series_repeats_itself_daily_but_not_exactly():
    hours = series.seasonal_series(np.random.default_rng(0))
    day, half = (np.corrcoef(hours[:-lag], hours[lag:])[0, 1] for lag in (24, 12))
    assert 0.7 < day < 0.99
    assert half < 0


def test_the_parts_of_the_series_follow_one_another_and_forecasts_see_no_future():
    hours = np.arange(1000.0)
    train, validation, test = parts = series.standardized(hours)
    np.testing.assert_allclose(np.concatenate([train, validation[48:], test[48:]]),
                               (hours - hours[:700].mean()) / hours[:700].std())  # fmt: skip
    past, future = series.stretches(test, 24)
    assert (past[:, -1] < future[:, 0]).all()
    assert past[0, 0] == test[0]
    assert future[-1, -1] == test[-1]
    *others, last = series.windows(parts, 24)
    np.testing.assert_allclose(last.x[..., 0], past, rtol=1e-6)
    naive, seasonal = (
        studies.predictor(rule, *others, seed=0)(last.x) for rule in ("naive", "seasonal naive")
    )
    np.testing.assert_array_equal(naive[:, 0], last.x[:, -1, 0])
    np.testing.assert_array_equal(seasonal, last.x[:, 24:, 0])


def test_faults_lie_where_they_are_said_to_lie():
    changed, faulty = studies.with_faults(np.zeros(4000), np.random.default_rng(0))
    np.testing.assert_array_equal(np.abs(changed), studies.FAULT * faulty)
    assert not faulty[:48].any()
    assert 0.06 < faulty[48:].mean() < 0.10


# ---- exercises, figures, lesson -----------------------------------------------------------------


def test_the_solutions_agree_with_the_chapter():
    rng = np.random.default_rng(0)
    x, U, W, b = rng.normal(size=(2, 4, 3)), *exercises._parameters(rng, 3, 5)
    h = scratch.rnn_forward(x, U, W, b)
    np.testing.assert_allclose(exercises.rnn(x, U, W, b), h[:, 1:])
    np.testing.assert_allclose(exercises.rnn_step(h[:, 1], x[:, 1], U, W, b), h[:, 2])
    above = rng.normal(size=(2, 4, 5))
    _, *ours, _ = scratch.rnn_backward(above, x, h, U, W)
    solved = exercises.backpropagate_through_time(above, x, U, W, b)
    for received, expected in zip(solved, ours, strict=True):
        np.testing.assert_allclose(received, expected)
    mask = np.array([[True, True, False, False], [True, True, True, True]])
    masked = scratch.rnn_forward(x, U, W, b, mask=mask)
    np.testing.assert_allclose(exercises.last_state(h[:, 1:], mask), masked[:, -1])
    assert exercises.count_parameters(8, 8, 64, 10) == models.simple_rnn().count_params()
    hours = rng.normal(size=90)
    for ours, theirs in zip(
        exercises.forecasting_windows(hours, 48, 24), series.stretches(hours, 24), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
