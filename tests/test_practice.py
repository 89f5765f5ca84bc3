"""Practice: weights, thresholds, finds and searches are what scikit-learn and theory say."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from sklearn.utils.class_weight import compute_class_weight

from chapters.practice import figures, scratch, searches, studies
from companion.datasets import Dataset
from companion.training.recipe import Recipe

seeds = st.integers(0, 2**32 - 1)


# ---- a rare class -------------------------------------------------------------------------------


@settings(deadline=None)
@given(seed=seeds, n=st.integers(2, 60))
def test_a_report_is_that_of_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    result, true = rng.random(n) < 0.4, rng.random(n) < 0.4
    true[0] = True
    ours = scratch.report(result, true)
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, result, average="binary", zero_division=np.nan
    )
    assert ours.accuracy == accuracy_score(true, result)
    assert ours.precision == pytest.approx(1.0 if not result.any() else precision)
    assert ours.recall == pytest.approx(recall)
    assert ours.f1 == pytest.approx(f1 if (result & true).any() else 0.0)


@given(counts=st.lists(st.integers(1, 40), min_size=2, max_size=5))
def test_class_weights_are_those_of_scikit_learn_and_of_the_recipe(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    weights = scratch.balanced_class_weights(y, len(counts))
    assert_allclose(weights, compute_class_weight("balanced", classes=np.unique(y), y=y))
    assert weights[y].mean() == pytest.approx(1)


def test_the_recipe_weighs_a_rare_class_as_the_lesson_does():
    y = np.repeat([0, 1], [940, 60])
    data = Dataset.from_arrays(np.zeros((1000, 2)), y)
    weights = Recipe(epochs=1, batch_size=1, class_weights="balanced").weights(data)
    assert_allclose(weights, scratch.balanced_class_weights(data.train.y, 2)[data.train.y], 1e-6)


@given(seed=seeds, size=st.integers(1, 30))
def test_after_resampling_every_class_comes_equally_often(seed, size):
    y = np.repeat([0, 1, 2], [3, 8, 20])
    rows = scratch.resampled(y, size, np.random.default_rng(seed))
    assert np.bincount(y[rows]).tolist() == [size] * 3
    assert len(set(rows[y[rows] == 2])) == min(size, 20) or size > 20


@given(seed=seeds, n=st.integers(1, 30), miss=st.floats(0.1, 20))
def test_no_threshold_is_cheaper_than_the_cheapest(seed, n, miss):
    rng = np.random.default_rng(seed)
    p, true = rng.random(n).round(1), rng.random(n) < 0.4
    best = scratch.cheapest_threshold(p, true, miss, 1.0)
    least = scratch.cost(p >= best, true, miss, 1.0)
    for other in (-0.5, *np.arange(0, 1.01, 0.05), 1.5):
        assert least <= scratch.cost(p >= other, true, miss, 1.0) + 1e-12


def test_where_a_probability_can_be_trusted_theory_knows_the_threshold():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    true = rng.random(len(p)) < p
    costs = {
        threshold: scratch.cost(p >= threshold, true, 10, 1)
        for threshold in (0.02, 0.05, 1 / 11, 0.15, 0.3, 0.5)
    }
    assert min(costs, key=costs.__getitem__) == 1 / 11


# ---- wrong labels -------------------------------------------------------------------------------


@given(seed=seeds, share=st.floats(0, 1), classes=st.integers(2, 6))
def test_flipped_labels_are_wrong_and_the_others_are_as_they_were(seed, share, classes):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, 50)
    given_labels, wrong = scratch.flip_labels(y, share, classes, rng)
    assert wrong.sum() == round(share * 50)
    assert ((given_labels != y) == wrong).all()
    assert ((given_labels >= 0) & (given_labels < classes)).all()


@pytest.mark.parametrize("folds", [2, 5])
def test_out_of_fold_nobody_judges_what_it_has_learned(folds):
    asked = []

    def predict(learned, others):
        assert not set(learned) & set(others)
        assert len(learned) + len(others) == 23
        asked.extend(others)
        return np.eye(23)[others]

    p = scratch.out_of_fold(predict, 23, folds, np.random.default_rng(0))
    assert sorted(asked) == list(range(23))
    assert_allclose(p, np.eye(23))  # each row at its own place


def test_a_loss_is_the_cross_entropy_of_the_given_label():
    p = np.array([[0.1, 0.9], [1.0, 0.0]])
    assert_allclose(scratch.label_losses(p, np.array([0, 0])), [-np.log(0.1), 0])
    assert np.isfinite(scratch.label_losses(p, np.array([1, 1]))).all()


def confident_by_hand(p, y):
    """The rule of confident learning, example by example."""
    usual = {k: p[y == k, k].mean() for k in set(y.tolist())}
    suspect = []
    for row, label in zip(p, y, strict=True):
        believed = {k: row[k] for k, least in usual.items() if row[k] >= least}
        suspect.append(bool(believed) and max(believed, key=believed.__getitem__) != label)
    return suspect


@given(seed=seeds, n=st.integers(4, 40), classes=st.integers(2, 5))
def test_confident_disagreements_follow_the_rule_example_by_example(seed, n, classes):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), n)
    y = rng.integers(0, classes, n)
    assert scratch.confident_disagreements(p, y).tolist() == confident_by_hand(p, y)


# ---- searches -----------------------------------------------------------------------------------


@settings(max_examples=30)
@given(errors=st.lists(st.floats(0, 1), min_size=1, max_size=7), data=st.data())
def test_the_expected_best_is_the_mean_over_all_draws(errors, data):
    n = data.draw(st.integers(1, len(errors)))
    by_hand = np.mean([min(drawn) for drawn in itertools.combinations(errors, n)])
    assert scratch.expected_best(errors, n) == pytest.approx(by_hand, abs=1e-9)


def test_more_trials_than_were_made_are_refused():
    with pytest.raises(ValueError, match=r"between 1 and the 2 trials\. Received: n=3"):
        scratch.expected_best([0.1, 0.2], 3)


def test_log_uniform_rates_fall_into_every_decade_equally_often():
    rates = scratch.log_uniform(np.random.default_rng(0), 1e-4, 1e-1, 30_000)
    assert 1e-4 <= rates.min() < rates.max() <= 1e-1
    assert_allclose(np.histogram(np.log10(rates), 3, (-4, -1))[0], 10_000, rtol=0.03)


# ---- studies ------------------------------------------------------------------------------------


def test_five_percent_of_each_split_of_the_rare_class_are_eights_and_none_lies_in_two():
    of = studies.rare_digits(3)
    for split in of.values():
        assert split.y.mean() == pytest.approx(0.05, abs=0.002)
    images = np.concatenate([split.x for split in of.values()]).reshape(-1, 64)
    assert len(images) == sum(map(len, of.values())) == 1623 + 85


def test_a_threshold_changes_decisions_and_not_the_network():
    rows = [
        studies.rare_class_row(level, 0, quick=True) for level in ("none", "threshold by theory")
    ]
    assert rows[0]["pr_auc"] == rows[1]["pr_auc"]
    assert rows[1]["threshold"] == pytest.approx(1 / 11)
    assert rows[1]["recall"] > rows[0]["recall"]


def test_repairs_of_the_same_labels_look_at_the_same_suspects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = studies.wrong_labels_row(("as given", 0.1), 5, quick=True)
    assert [file.name for file in tmp_path.iterdir()] == ["finding_0.1_5.npz"]
    again = studies.wrong_labels_row(("suspects looked at", 0.1), 5, quick=True)
    assert {name for name in first if first[name] != again[name]} == {"test_error"}
    assert again["test_error"] < first["test_error"]
    assert min(first["precision"], first["recall"]) > 0.8


def test_augmented_images_keep_their_labels_and_are_not_the_same():
    split = studies.in_file_order()[:20]
    more = studies.augmented(split, 0, copies=3)
    assert more.x.shape == (60, 8, 8, 1)
    assert np.bincount(more.y).tolist() == (3 * np.bincount(split.y)).tolist()
    assert len(np.unique(more.x.reshape(60, -1), axis=0)) == 60


def test_an_honest_experiment_reports_one_half_and_copies_report_less():
    honest, copied = (
        np.mean([studies.leak_row(level, seed, quick=True)["reported_error"] for seed in range(8)])
        for level in ("none", "augmented before the split")
    )
    assert abs(honest - 0.5) < 0.1
    assert copied < 0.1


def bowl_in_place_of_lenet(seed):
    """A bench whose loss is lowest at a rate of 0.003."""

    def tried(learning_rate, shift, turn):
        loss = abs(np.log(learning_rate / 3e-3))
        return searches.Trial(learning_rate, shift, turn, loss, 0.1, 0.2)

    return tried


@pytest.mark.parametrize("search", searches.SEARCHES)
def test_a_search_begins_with_the_trials_of_a_shorter_one(search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(searches, "bench", bowl_in_place_of_lenet)
    trials = searches.recipe_search(search, 0, 10)
    assert trials[:4] == searches.recipe_search(search, 0, 4)
    assert all(searches.RATES[0] <= trial.learning_rate <= searches.RATES[1] for trial in trials)
    row = searches.search_row((search, 4), 0, quick=False)
    assert row["validation_loss"] == min(trial.loss for trial in trials[:4])
    monkeypatch.setattr(searches, "bench", None)  # found in the working folder
    assert searches.recipe_search(search, 0, 10) == trials


@pytest.mark.slow
def test_lenet_is_trained_from_the_same_weights_in_every_trial():
    tried = searches.bench(0)
    first, other, again = (tried(rate, 1, 5.0) for rate in (0.002, 0.01, 0.002))
    assert first == again
    assert first.loss != other.loss
    assert first.validation_error < 0.5


# ---- figures ------------------------------------------------------------------------------------


def test_what_a_repair_wins_back_is_a_share_of_what_wrong_labels_cost():

    won = figures.won_back()
    # the lesson prints them
    assert {share: round(100 * one) for share, one in won.items()} == {0.02: 104, 0.1: 93, 0.3: 80}
    assert round(100 * figures.won_back("suspects dropped")[0.1]) == 82
    assert all(share == 1 for share in figures.won_back("true labels").values())
    assert all(share == 0 for share in figures.won_back("as given").values())
    assert studies.wrong_labels.baseline_of(("true labels", 0.1)) == ("as given", 0.1)
