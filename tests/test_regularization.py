"""Regularization: NumPy, Keras and scikit-learn say the same thing about every rule."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops
from scipy.ndimage import shift
from scipy.optimize import minimize_scalar
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet, Lasso, Ridge

from chapters.regularization import figures, models, scratch, studies
from companion.studies.records import recorded_results

numpy_of = ops.convert_to_numpy
weights_of = arrays(np.float32, (3, 4), elements=st.floats(-4, 4, width=32, allow_subnormal=False))
strengths = st.sampled_from([1e-3, 0.1, 2.0])


def value_and_gradient(function, at):
    """Return what Keras makes of `function` at the array `at`, and TensorFlow's gradient."""
    variable = tf.Variable(at)
    with tf.GradientTape() as tape:
        value = function(variable)
    return float(value), numpy_of(tape.gradient(value, variable))


# ---- norm penalties -----------------------------------------------------------------------------


@settings(deadline=None)
@given(weights=weights_of, l1=strengths, beta=strengths)
def test_the_penalties_equal_those_of_keras_in_value_and_gradient(weights, l1, beta):
    for regularizer, penalty, gradient in (
        (
            keras.regularizers.L1(l1),
            scratch.l1_penalty(weights, l1),
            scratch.l1_gradient(weights, l1),
        ),
        (
            keras.regularizers.L2(l1),
            scratch.l2_penalty(weights, l1),
            scratch.l2_gradient(weights, l1),
        ),
        (
            keras.regularizers.L1L2(l1, l1 * beta),
            scratch.elastic_net_penalty(weights, l1, beta),
            scratch.elastic_net_gradient(weights, l1, beta),
        ),
    ):
        value, slope = value_and_gradient(regularizer, weights)
        assert penalty == pytest.approx(value, rel=1e-5, abs=1e-6)
        np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6)


def test_the_gradients_equal_central_differences():
    weights, step = np.array([0.7, -1.3, 2.0]), 1e-6
    for penalty, gradient in (
        (scratch.l1_penalty, scratch.l1_gradient),
        (scratch.l2_penalty, scratch.l2_gradient),
        (scratch.elastic_net_penalty, scratch.elastic_net_gradient),
    ):
        differences = [
            (penalty(weights + nudge, 0.3) - penalty(weights - nudge, 0.3)) / (2 * step)
            for nudge in step * np.eye(3)
        ]
        np.testing.assert_allclose(gradient(weights, 0.3), differences, rtol=1e-6)


def test_l1_ties_on_the_lectures_two_vectors_and_l2_does_not():
    w1, w2 = scratch.W1, scratch.W2
    assert w1 @ scratch.X == w2 @ scratch.X == 1
    assert float(keras.regularizers.L1(1.0)(w1)) == float(keras.regularizers.L1(1.0)(w2)) == 1
    assert float(keras.regularizers.L2(1.0)(w1)) == 1
    assert float(keras.regularizers.L2(1.0)(w2)) == 0.25


@given(weight=st.floats(-5, 5), threshold=st.floats(0, 3))
def test_soft_threshold_and_shrink_are_the_minima_that_they_claim_to_be(weight, threshold):
    for found, penalty in (
        (scratch.soft_threshold([weight], threshold)[0], abs),
        (scratch.shrink([weight], threshold)[0], np.square),
    ):

        def cost(w, penalty=penalty):
            return 0.5 * (w - weight) ** 2 + threshold * penalty(w)

        assert cost(found) <= minimize_scalar(cost, bounds=(-6, 6), method="bounded").fun + 1e-9


@pytest.fixture(scope="module")
def diabetes():
    features, targets = load_diabetes(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    return features, (targets - targets.mean()) / targets.std()


@pytest.mark.parametrize("strength", [0.02, 0.1, 0.4])
def test_fit_linear_agrees_with_scikit_learn(diabetes, strength):
    features, targets = diabetes
    rival = {"fit_intercept": False, "tol": 1e-10, "max_iter": 100_000}
    lasso = Lasso(strength, **rival).fit(*diabetes)
    ridge = Ridge(2 * len(targets) * strength, fit_intercept=False).fit(*diabetes)
    net = ElasticNet(strength, l1_ratio=0.6, **rival).fit(*diabetes)
    for ours, theirs in (
        (scratch.fit_linear(features, targets, l1=strength), lasso),
        (scratch.fit_linear(features, targets, l2=strength), ridge),
        (scratch.fit_linear(features, targets, l1=0.6 * strength, l2=0.2 * strength), net),
    ):
        np.testing.assert_allclose(ours, theirs.coef_, atol=1e-6)
        assert np.array_equal(ours == 0, theirs.coef_ == 0)


def test_l1_leaves_exact_zeros_and_neither_l2_nor_a_subgradient_does(diabetes):
    features, targets = diabetes
    assert np.sum(scratch.fit_linear(features, targets, l1=0.1) == 0) == 6
    assert np.sum(scratch.fit_linear(features, targets, l2=0.1) == 0) == 0
    weights = np.zeros(features.shape[1])
    for _ in range(2000):
        gradient = features.T @ (features @ weights - targets) / len(targets)
        weights -= 0.1 * (gradient + scratch.l1_gradient(weights, 0.1))
    assert np.sum(weights == 0) == 0
    assert np.sum(np.abs(weights) < 0.1 * 0.1) >= 5  # they tremble about zero, within η·λ


# ---- weight decay -------------------------------------------------------------------------------


def trained(optimizer, *, penalty=0.0, steps=40):
    """Return a small regression's kernel after some steps of a Keras optimizer, and the data."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype("float32"), rng.normal(size=(16, 1)).astype("float32")
    dense = keras.layers.Dense(
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(0.5),
        kernel_regularizer=keras.regularizers.L2(penalty) if penalty else None,
    )
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(x, y)
    return numpy_of(dense.kernel)


def by_hand(step, *, steps=40, **settings):
    """Return the same kernel, trained with a step of scratch.py."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)), rng.normal(size=(16, 1))
    weights, moments = np.full((3, 1), 0.5), scratch.START
    for _ in range(steps):
        gradient = 2 * x.T @ (x @ weights - y) / len(x)
        if step is scratch.sgd_step:
            weights = step(weights, gradient, **settings)
        else:
            weights, moments = step(weights, gradient, moments, **settings)
    return weights


SGD, ADAM = keras.optimizers.SGD, keras.optimizers.Adam


def test_under_plain_sgd_an_l2_penalty_and_weight_decay_give_the_same_weights():
    penalised = trained(SGD(0.05), penalty=0.3)
    decayed = trained(SGD(0.05, weight_decay=2 * 0.3))
    np.testing.assert_allclose(penalised, decayed, atol=1e-6)
    assert np.abs(penalised - trained(SGD(0.05))).max() > 0.01


def test_under_adam_an_l2_penalty_and_weight_decay_do_not():
    penalised = trained(ADAM(0.05), penalty=0.3)
    decayed = trained(ADAM(0.05, weight_decay=2 * 0.3))
    assert np.abs(penalised - decayed).max() > 0.01


def test_under_momentum_they_differ_too():
    penalised = trained(SGD(0.05, momentum=0.9), penalty=0.3)
    decayed = trained(SGD(0.05, momentum=0.9, weight_decay=2 * 0.3))
    assert np.abs(penalised - decayed).max() > 0.01


def test_the_steps_by_hand_are_those_of_keras_which_multiplies_its_decay_by_the_learning_rate():
    for ours, theirs in (
        (
            by_hand(scratch.sgd_step, learning_rate=0.05, penalty=0.3),
            trained(SGD(0.05), penalty=0.3),
        ),
        (
            by_hand(scratch.sgd_step, learning_rate=0.05, decay=0.05 * 0.6),
            trained(SGD(0.05, weight_decay=0.6)),
        ),
        (
            by_hand(scratch.adam_step, learning_rate=0.05, penalty=0.3),
            trained(ADAM(0.05), penalty=0.3),
        ),
        (
            by_hand(scratch.adam_step, learning_rate=0.05, decay=0.05 * 0.6),
            trained(keras.optimizers.AdamW(0.05, weight_decay=0.6)),
        ),
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


# ---- dropout ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.Dropout, (4, 10)),
        (keras.layers.Dropout, (2, 3, 3, 4)),
        (keras.layers.SpatialDropout2D, (4, 3, 3, 8)),
    ],
)
def test_dropout_equals_keras_under_the_same_mask_in_value_and_gradient(layer, shape):
    rate, rng = 0.4, np.random.default_rng(1)
    activations = rng.normal(size=shape).astype("float32")
    upstream = rng.normal(size=shape).astype("float32")
    keep = numpy_of(layer(rate, seed=7)(np.ones(shape, "float32"), training=True)) > 0
    assert 0 < keep.mean() < 1
    value, gradient = value_and_gradient(
        lambda x: ops.sum(layer(rate, seed=7)(x, training=True) * upstream), activations
    )
    ours = scratch.dropout(activations, keep, rate)
    assert np.sum(ours * upstream) == pytest.approx(value, rel=1e-4)
    np.testing.assert_allclose(scratch.dropout(upstream, keep, rate), gradient, rtol=1e-5)
    if layer is keras.layers.SpatialDropout2D:
        maps = keep[:, 0, 0, :]
        draws = np.where(maps, 0.9, 0.1)  # draws on the right side of the rate
        assert np.array_equal(scratch.spatial_dropout_mask(draws, shape, rate), keep)


@given(
    activations=arrays(float, 6, elements=st.floats(-3, 3)),
    weights=arrays(float, 6, elements=st.floats(-3, 3)),
    rate=st.floats(0, 0.95),
)
def test_both_kinds_of_scaling_give_the_mean_over_all_masks(activations, weights, rate):
    scaled = float(activations @ scratch.weight_scaling(weights, rate))
    assert scratch.mean_over_masks(activations, weights, rate) == pytest.approx(scaled, abs=1e-9)
    inverted = scratch.dropout(activations, np.ones(6, bool), rate)
    full = float(activations @ weights)
    assert scratch.mean_over_masks(inverted, weights, rate) == pytest.approx(full, abs=1e-9)


def test_dropout_does_nothing_at_test_time():
    model = models.regularized_mlp(dropout=0.5, input_dropout=0.2, seed=0)
    plain = models.regularized_mlp()
    plain.set_weights([numpy_of(weight) for weight in model.trainable_variables])
    images = np.random.default_rng(0).uniform(size=(5, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(
        numpy_of(model(images, training=False)), numpy_of(plain(images, training=False)), rtol=1e-5
    )
    first, second = (numpy_of(model(images, training=True)) for _ in range(2))
    assert not np.allclose(first, second)


# ---- early stopping -----------------------------------------------------------------------------


@given(
    losses=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), min_size=1, max_size=20),
    patience=st.integers(1, 5),
)
def test_early_stopping_stops_where_keras_stops(losses, patience):
    callback = keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience, mode="min")
    model = SimpleNamespace(stop_training=False)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    assert scratch.early_stopping(losses, patience) == (epoch + 1, callback.best_epoch + 1)


@pytest.mark.parametrize(("losses", "patience"), [([], 1), ([0.5], 0), ([0.5], -2)])
def test_early_stopping_refuses_what_it_cannot_follow(losses, patience):
    with pytest.raises(ValueError, match="at least"):
        scratch.early_stopping(losses, patience)


# ---- augmentation -------------------------------------------------------------------------------


def test_the_augmentations_by_hand_agree_with_tensorflow_and_scipy():
    images = np.random.default_rng(0).uniform(size=(3, 6, 5, 3))
    np.testing.assert_array_equal(scratch.flip(images), tf.image.flip_left_right(images).numpy())
    for down, right in ((1, 2), (-2, 1), (0, -3)):
        moved = shift(images, (0, down, right, 0), order=0, cval=0)
        np.testing.assert_array_equal(scratch.translate(images, down, right), moved)
    np.testing.assert_allclose(
        scratch.color_jitter(images, brightness=0.2, contrast=1.7),
        np.clip(np.clip(tf.image.adjust_contrast(images, 1.7).numpy(), 0, 1) + 0.2, 0, 1),
        rtol=1e-6,
    )


@pytest.mark.parametrize("name", models.AUGMENTATIONS)
def test_an_augmentation_changes_images_while_training_and_never_otherwise(name):
    images = np.random.default_rng(0).uniform(size=(6, 8, 8, 1)).astype("float32")
    pipeline = models.augmentation(transforms=(name,), seed=3)
    again = models.augmentation(transforms=(name,), seed=3)
    np.testing.assert_array_equal(numpy_of(pipeline(images, training=False)), images)
    changed = numpy_of(pipeline(images, training=True))
    assert changed.shape == images.shape
    assert not np.allclose(changed, images)
    assert -1e-6 <= changed.min() <= changed.max() <= 1 + 1e-6
    np.testing.assert_array_equal(changed, numpy_of(again(images, training=True)))
    assert pipeline.count_params() == 0


def test_a_direct_call_augments_and_prediction_does_not():
    images = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype("float32")
    model = models.regularized_cnn(transforms=("rotation",), seed=0)
    quiet = numpy_of(model(images, training=False))
    np.testing.assert_allclose(model.predict(images, verbose=0), quiet, rtol=1e-5)
    assert not np.allclose(numpy_of(model(images)), quiet)


def test_autoaugment_draws_a_sub_policy_for_every_image():
    image = np.random.default_rng(0).uniform(size=(1, 8, 8, 1)).astype("float32")
    batch = np.repeat(image, 40, axis=0)
    changed = numpy_of(models.AutoAugment(seed=0)(batch, training=True))
    assert len(np.unique(changed.reshape(40, -1), axis=0)) > 20


def test_an_unknown_augmentation_is_named():
    with pytest.raises(ValueError, match="rotate"):
        models.augmentation(transforms=("rotate",))


# ---- models -------------------------------------------------------------------------------------


def test_the_penalties_rest_on_the_kernels_alone():
    model = models.regularized_mlp(l1=0.01, l2=0.02)
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    assert len(kernels) == len(model.losses) == 3
    for kernel, loss in zip(kernels, model.losses, strict=True):
        expected = scratch.elastic_net_penalty(numpy_of(kernel), 0.01, beta=2.0)
        assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert models.regularized_mlp().losses == []


@pytest.mark.parametrize(
    ("builder", "wrong"),
    [
        (models.regularized_mlp, {"l2": -1e-3}),
        (models.regularized_mlp, {"dropout": 1.0}),
        (models.regularized_mlp, {"input_dropout": 20}),
        (models.regularized_cnn, {"spatial_dropout": -0.1}),
        (models.regularized_cnn, {"transforms": ("mirror",)}),
    ],
)
def test_a_builder_says_which_argument_is_wrong(builder, wrong):
    (value,) = wrong.values()
    with pytest.raises(ValueError, match=str(value[0] if isinstance(value, tuple) else value)):
        builder(**wrong)


# ---- studies and figures ------------------------------------------------------------------------


def test_the_training_digits_are_few_partly_mislabelled_and_the_seeds_own():
    images, labels = studies.few_digits(seed=4)
    again = studies.few_digits(seed=4)
    honest = studies.few_digits(seed=4, mislabelled=0.0)
    assert images.shape == (300, 8, 8, 1)
    np.testing.assert_array_equal(labels, again[1])
    np.testing.assert_array_equal(images, honest[0])
    assert 0.14 < np.mean(labels != honest[1]) < 0.26
    assert not np.array_equal(images, studies.few_digits(seed=5)[0])


@pytest.mark.slow
def test_in_the_study_too_sgd_cannot_tell_a_penalty_from_decay():
    penalised = studies.weight_decay_row(("SGD", "L2", 1e-2), 0, quick=True)
    decayed = studies.weight_decay_row(("SGD", "decoupled", 1e-2), 0, quick=True)
    assert penalised["weight_norm"] == pytest.approx(decayed["weight_norm"], rel=1e-3)
    assert penalised["test_error"] == pytest.approx(decayed["test_error"], abs=0.01)


@pytest.mark.slow
def test_the_kept_digits_are_those_that_keras_makes():
    kept = figures.record["augmentation"]
    made = json.loads(json.dumps(figures.augmented_digit()))
    assert made["original"] == kept["original"]
    for name, versions in made["transforms"].items():
        np.testing.assert_allclose(versions, kept["transforms"][name], atol=2, err_msg=name)


def test_the_validation_split_would_have_chosen_what_the_test_split_shows_as_best():
    decay, rates = (
        recorded_results(study).table for study in (studies.weight_decay, studies.dropout_rate)
    )
    penalised = decay[decay["penalty"] != "none"]
    groups = [*dict(list(penalised.groupby(["optimizer", "penalty"]))).values(), rates]
    assert len(groups) == 7
    for group in groups:
        assert group["mean"].idxmin() == group["mean_validation_error"].idxmin()
