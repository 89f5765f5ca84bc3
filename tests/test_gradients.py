"""Gradients: NumPy, TensorFlow, Keras and the page's figure find the same sizes and slopes."""

from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf
from figure_page import CHAPTERS, PHONE, news, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from javascript import in_javascript, needs_node
from numpy.testing import assert_allclose

from chapters.gradients import figures, scratch, studies
from companion.errors import UserError

WAYS = list(product(scratch.ACTIVATIONS, ("none", "batch", "layer"), (False, True)))
numbers = st.floats(-100, 100, allow_subnormal=False)
seeds = st.integers(0, 2**32 - 1)


# ---- slopes and stacks --------------------------------------------------------------------------


@given(factor=st.floats(0.1, 3), layers=st.integers(0, 20), more=st.integers(0, 20))
def test_a_chain_of_chains_is_the_product_of_both(factor, layers, more):
    whole = scratch.chain_factor(factor, layers + more)
    assert whole == pytest.approx(
        scratch.chain_factor(factor, layers) * scratch.chain_factor(factor, more)
    )


@pytest.mark.parametrize("name", scratch.ACTIVATIONS)
def test_slopes_are_those_of_tensorflow(name):
    z = tf.Variable(np.linspace(-6, 6, 48))  # no point on a kink
    by_name = {"linear": tf.identity, "leaky relu": lambda z: tf.nn.leaky_relu(z, 0.01)}
    with tf.GradientTape() as tape:
        value = by_name.get(name, getattr(tf.nn, name, None))(z)
    assert_allclose(scratch.ACTIVATIONS[name].value(z.numpy()), value, atol=1e-12)
    assert_allclose(scratch.slope(name, z.numpy()), tape.gradient(value, z), atol=1e-12)


def test_a_sigmoid_far_away_neither_overflows_nor_warns():
    values = scratch.ACTIVATIONS["sigmoid"].value(np.array([-1e4, 1e4]))
    assert values.tolist() == [0.0, 1.0]


def by_tensorflow(x, weights, activation, normalization, shortcuts):
    """The stack's output, as TensorFlow computes it."""
    g = {"linear": tf.identity, "leaky relu": lambda z: tf.nn.leaky_relu(z, 0.01)}.get(
        activation
    ) or getattr(tf.nn, activation)
    a = x
    for kernel in weights:
        z = a @ kernel
        if normalization != "none":
            mean, variance = tf.nn.moments(z, scratch.AXES[normalization], keepdims=True)
            z = (z - mean) / tf.sqrt(variance + scratch.EPSILON)
        a = a + g(z) if shortcuts else g(z)
    return a


@pytest.mark.parametrize(("activation", "normalization", "shortcuts"), WAYS)
def test_a_stack_has_the_values_and_gradients_of_tensorflow(activation, normalization, shortcuts):
    rng = np.random.default_rng(0)
    weights = [scratch.initial_weights((6, 6), "He", rng) for _ in range(5)]
    x, upstream = rng.normal(size=(2, 7, 6))
    how = {"normalization": normalization, "shortcuts": shortcuts}
    steps = scratch.forward(x, weights, activation, **how)
    to_outputs, to_weights = scratch.backward(upstream, steps, weights, activation, **how)
    variables = [tf.Variable(one) for one in (x, *weights)]
    with tf.GradientTape() as tape:
        start, *kernels = variables
        output = by_tensorflow(start, kernels, activation, normalization, shortcuts)
        loss = tf.reduce_sum(output * upstream)
    assert_allclose(steps[-1].a, output, rtol=1e-6, atol=1e-10)
    for ours, theirs in zip(
        [to_outputs[0], *to_weights], tape.gradient(loss, variables), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)  # TensorFlow's 0.01 is a float32


@settings(deadline=None)
@given(arrays(np.float64, (5, 4), elements=numbers), st.sampled_from(["batch", "layer"]))
def test_normalized_sums_have_mean_zero_and_lose_shift_and_stretch(z, over):
    axis = scratch.AXES[over]
    z_hat = scratch.normalize(z, over)
    assert_allclose(z_hat.mean(axis), 0, atol=1e-8)
    assert (z_hat.var(axis) <= 1).all()
    back = scratch.normalize_backward(np.ones_like(z), z, over)
    assert_allclose(back, 0, atol=1e-6)  # a shift of all changes nothing


def test_layer_normalization_is_that_of_keras():
    z = np.random.default_rng(0).normal(3, 2, (5, 8))
    layer = keras.layers.LayerNormalization(epsilon=scratch.EPSILON)
    assert_allclose(scratch.normalize(z, "layer"), layer(z.astype("float32")), atol=1e-5)


def test_an_unknown_activation_or_initialization_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="sigmoid"):
        scratch.forward(np.ones((1, 1)), [np.ones((1, 1))], "sigmoyd")
    with pytest.raises(UserError, match="Glorot"):
        scratch.initial_weights((2, 2), "Glorrot", np.random.default_rng(0))


# ---- initialization -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(300, 500), (3, 3, 40, 60), (5, 30, 90)])
@pytest.mark.parametrize(
    ("variance", "initializers"),
    [
        (scratch.glorot_variance, ("GlorotNormal", "GlorotUniform")),
        (scratch.he_variance, ("HeNormal", "HeUniform")),
    ],
)
def test_first_weights_have_the_variance_of_keras(shape, variance, initializers):
    for name in initializers:
        drawn = np.array(getattr(keras.initializers, name)(seed=0)(shape))
        assert drawn.var() == pytest.approx(variance(shape), rel=0.05)


@given(st.lists(st.integers(1, 300), min_size=2, max_size=20))
def test_under_he_theory_keeps_the_size_of_relu_layers_of_any_widths(widths):
    assert_allclose(scratch.mean_squares(widths, scratch.he_variance), 1)


@given(width=st.integers(1, 300), depth=st.integers(1, 20))
def test_under_glorot_linear_layers_of_one_width_keep_theirs_and_relu_halves_it(width, depth):
    widths = [width] * (depth + 1)
    assert_allclose(scratch.mean_squares(widths, scratch.glorot_variance, gain=1), 1)
    assert scratch.mean_squares(widths, scratch.glorot_variance)[-1] == pytest.approx(0.5**depth)


@pytest.mark.parametrize("initialization", ["Glorot", "He"])
def test_measured_sizes_are_what_theory_expects(initialization):
    expected = scratch.mean_squares([200] * 9, scratch.INITIALIZATIONS[initialization])
    sizes = [
        scratch.spread(8, 200, "relu", initialization, examples=50, seed=seed).activations[1:]
        for seed in range(20)
    ]
    # A layer of n units strays by √(5 / n), so the mean of 20 stacks of 8 by a tenth.
    assert_allclose(np.mean(np.square(sizes), axis=0), expected, rtol=0.3)


def test_sigmoids_lose_the_gradient_and_relu_under_he_does_not():
    lost, kept = (
        scratch.spread(20, activation=activation, initialization=initialization)
        for activation, initialization in (("sigmoid", "Glorot"), ("relu", "He"))
    )
    assert lost.gradients[0] < 0.25**20 * 20  # at most ¼ a layer, and a size of about 1 of weights
    assert kept.gradients[0] > 0.1


# ---- dead units, clipping -----------------------------------------------------------------------


@settings(deadline=None)
@given(arrays(np.float64, (9, 5), elements=st.sampled_from([0.0, 0.0, 1.0])), st.integers(1, 8))
def test_a_unit_is_dead_in_a_data_set_however_it_is_cut_into_batches(outputs, place):
    whole = scratch.dead_units([outputs])
    assert (scratch.dead_units([outputs[:place], outputs[place:]]) == whole).all()
    assert (whole == ~outputs.any(axis=0)).all()


gradient_lists = st.lists(arrays(np.float64, (3,), elements=numbers), min_size=1, max_size=4)


@settings(deadline=None)
@given(gradient_lists, st.floats(0.01, 50))
def test_clipped_by_global_norm_the_direction_stays_and_the_length_is_the_limit(gradients, limit):
    clipped = np.concatenate(scratch.clip_by_global_norm(gradients, limit))
    whole = np.concatenate(gradients)
    length = np.linalg.norm(whole)
    assert np.linalg.norm(clipped) == pytest.approx(min(length, limit))
    assert_allclose(clipped * length, whole * np.linalg.norm(clipped), atol=1e-6)


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ("clipvalue", scratch.clip_by_value),
        ("clipnorm", scratch.clip_by_norm),
        ("global_clipnorm", scratch.clip_by_global_norm),
    ],
)
@pytest.mark.parametrize("limit", [0.5, 2.0, 100.0])
def test_clipping_is_that_of_keras(option, rule, limit):
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=shape) for shape in ((4, 3), (3,), (3, 2))]
    weights = [keras.Variable(np.zeros(one.shape)) for one in gradients]
    keras.optimizers.SGD(1.0, **{option: limit}).apply(gradients, weights)
    for weight, ours in zip(weights, rule(gradients, limit), strict=True):
        assert_allclose(-np.array(weight), ours, atol=1e-6)


# ---- studies and figures ------------------------------------------------------------------------


def test_the_studys_gradients_are_finite_differences():
    rng = np.random.default_rng(0)
    kernels = [scratch.initial_weights((64, 6), "He", rng), rng.normal(size=(6, 6))]
    stack = studies.Stack(kernels, rng.normal(size=(6, 10)))
    x, y = studies.flat()
    x, y = x[:20], y[:20]
    _, slope = studies.slopes(stack, "tanh", x, y)

    def moved(kernel, by):
        others = [one + by if one is kernel else one for one in (*stack.hidden, stack.output)]
        return studies.slopes(studies.Stack(others[:2], others[2]), "tanh", x, y)[0]

    for kernel, gradient in zip(
        (*stack.hidden, stack.output), (*slope.hidden, slope.output), strict=True
    ):
        for place in [(0, 0), (3, 2), (5, 5)]:
            step = np.zeros_like(kernel)
            step[place] = 1e-5
            difference = (moved(kernel, step) - moved(kernel, -step)) / 2e-5
            assert gradient[place] == pytest.approx(difference, abs=1e-7)


def test_a_shallow_network_learns_its_digits_and_a_deep_one_of_sigmoids_does_not(monkeypatch):
    monkeypatch.setattr(studies, "STEPS", 100)
    learned = studies.depth_row(("relu", "He", 2), 0, quick=False)
    stuck = studies.depth_row(("sigmoid", "small", 20), 0, quick=False)
    assert learned["training_error"] < 0.05
    assert stuck["training_error"] > 0.8
    assert stuck["first_gradient"] < -20 < -5 < learned["first_gradient"]


def test_a_normalized_stack_of_relus_multiplies_gradients_as_derived():
    measured, derived = figures.growth_of_normalized()
    assert measured == pytest.approx(derived, rel=0.06)


# ---- the figure in the page ---------------------------------------------------------------------

STACK = CHAPTERS / "gradients" / "stack.js"


@needs_node
def test_the_stack_of_the_page_has_the_numbers_of_the_chapter():
    rng = np.random.default_rng(0)
    asked = [
        {
            "x": rng.normal(size=(5, 4)).tolist(),
            "upstream": rng.normal(size=(5, 4)).tolist(),
            "weights": rng.normal(size=(6, 4, 4)).tolist(),
            "how": {"activation": activation, "normalization": over, "shortcuts": shortcuts},
        }
        for activation, over, shortcuts in WAYS
    ]
    received = in_javascript(
        STACK,
        """(s, asked) => asked.map(({ x, upstream, weights, how }) => {
            const matrix = (rows) =>
                s.matrix(rows.length, rows[0].length, Float64Array.from(rows.flat()));
            const kernels = weights.map(matrix);
            const steps = s.forward(matrix(x), kernels, how);
            const back = s.backward(matrix(upstream), steps, kernels, how);
            return [steps.map(({ a }) => [...a.data]), back.map(({ data }) => [...data]),
                    back.map(s.size)]; })""",
        asked,
    )
    for one, (activations, gradients, sizes) in zip(asked, received, strict=True):
        weights = [np.array(kernel) for kernel in one["weights"]]
        steps = scratch.forward(one["x"], weights, **one["how"])
        back, _ = scratch.backward(one["upstream"], steps, weights, **one["how"])
        for ours, theirs in zip([step.a for step in steps], activations, strict=True):
            assert_allclose(ours.ravel(), theirs, atol=1e-9)
        for ours, theirs, size in zip(back, gradients, sizes, strict=True):
            assert_allclose(ours.ravel(), theirs, atol=1e-9)
            assert np.sqrt(np.mean(ours**2)) == pytest.approx(size)


@needs_node
def test_the_page_draws_weights_of_the_chapters_variance_and_counts_what_it_draws():
    variances, moments, counts, zeros = in_javascript(
        STACK,
        """(s) => {
            const next = s.normal(1);
            const values = Array.from({ length: 20000 }, next);
            const mean = values.reduce((a, b) => a + b) / values.length;
            const square = values.reduce((a, b) => a + b * b, 0) / values.length;
            const some = s.matrix(1, 6, Float64Array.from([-9, -0.5, 0, 0, 0.5, 2.9]));
            return [Object.fromEntries(Object.entries(s.INITIALIZATIONS)
                        .map(([name, of]) => [name, of(30, 50)])),
                    [mean, square], s.histogram(some, 3, 3), s.zeros(some)]; }""",
        None,
    )
    assert variances == pytest.approx(
        {name: of((30, 50)) for name, of in scratch.INITIALIZATIONS.items()}
    )
    assert moments == pytest.approx([0, 1], abs=0.03)
    assert counts == [1, 2, 1]
    assert zeros == pytest.approx(2 / 6)


@pytest.fixture
def figure(chromium, tmp_path):
    """The figure alone, from disk, on a phone that asks for stillness."""
    with shown(chromium, tmp_path, "gradients", **PHONE, reduced_motion="reduce") as page:
        yield page


@pytest.mark.slow
def test_the_figure_says_what_becomes_of_gradients(figure):
    assert "they vanish" in news(figure)
    figure.get_by_role("button", name="ReLU, He", exact=True).click()
    assert "they keep their order of size" in news(figure)
    figure.get_by_role("button", name="Shortcuts alone", exact=True).click()
    figure.get_by_label("Layers", exact=True).press("End")
    assert "After 30 layers" in news(figure)
    assert "they explode" in news(figure)
    figure.get_by_label("Normalization").select_option("batch")
    assert "they keep their order of size" in news(figure)


@pytest.mark.slow
def test_the_figure_reads_a_layer_by_keyboard_and_by_touch(figure):
    assert "The input: activations 1," in news(figure)
    slider = figure.get_by_label("Layer to look at", exact=True)
    slider.press("ArrowRight")
    assert "Layer 1: activations" in news(figure)
    assert slider.get_attribute("aria-valuetext") == "layer 1"
    row = figure.locator("svg rect").nth(9)
    row.tap(force=True)  # the histogram lies on top
    assert "Layer 9: activations" in news(figure)
    before = figure.locator("svg path").first.get_attribute("d")
    figure.get_by_role("button", name="Other weights", exact=True).click()
    assert figure.locator("svg path").first.get_attribute("d") != before
