"""Studies: rare classes, wrong labels, few writers, leaks.

The trouble lies in the data, so the network is the smallest that shows it: one
hidden layer, scikit-learn's. Thresholds are chosen on a validation split; a test split is looked
at once, by what was chosen, except where the study is about looking at it more often.
"""

import warnings
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import companion
from chapters.practice import scratch
from chapters.practice.searches import recipes as recipes
from companion.datasets import Split
from companion.studies.study import Study
from companion.training.batches import Batches


@cache
def digits():
    """Return the embedded digits, split."""
    return companion.load("digits")


@cache
def in_file_order() -> Split:
    """Return all embedded digits as their file has them: writer after writer."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Split((bunch.images[..., None] / 16).astype("float32"), bunch.target.astype("int64"))


class Network:
    """A perceptron with one hidden layer, trained for some passes by Adam at a rate that stays.

    Args:
        split: What it is trained on.
        seed: Decides first weights and order.
        passes: Over the split.
        weights: What each example counts in the loss, of shape (n,); all the same by default.
    """

    def __init__(
        self, split: Split, seed: int, passes: int = 20, weights: scratch.Array | None = None
    ) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        self.network = MLPClassifier(
            (64,), learning_rate_init=0.003, batch_size=min(50, len(split)), max_iter=passes,
            tol=0, n_iter_no_change=passes, random_state=seed,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # so many passes and no more
            self.network.fit(_flat(split.x), split.y, sample_weight=weights)

    def predict(self, x: Any) -> scratch.Array:
        """Return probabilities, of shape (n, classes)."""
        return self.network.predict_proba(_flat(x))

    def error(self, split: Split) -> float:
        """Return the share of examples that are misread."""
        return float(np.mean(self.predict(split.x).argmax(axis=1) != split.y))


def _flat(x: Any) -> Any:
    return x.reshape(len(x), -1)


# ---- a rare class -------------------------------------------------------------------------------

# A miss costs as much as ten false alarms.
MISS, ALARM = 10, 1
REMEDIES = (
    "none",
    "class weights",
    "oversampling",
    "undersampling",
    "threshold by theory",
    "threshold by validation",
    "class weights, threshold by validation",
)


def rare_digits(seed: int) -> dict[str, Split]:
    """Return digits with the question "is it an 8?", 5 % of which are, in three splits.

    Args:
        seed: Decides which of the 174 eights are kept, and what lies in which split.
    """
    from sklearn.model_selection import train_test_split

    x, eight = in_file_order().x, (in_file_order().y == 8).astype("int64")
    eights, others = np.flatnonzero(eight == 1), np.flatnonzero(eight == 0)
    chosen = np.random.default_rng(seed).permutation(eights)[: round(len(others) * 5 / 95)]
    rows = np.concatenate([others, chosen])
    train, rest = train_test_split(rows, train_size=0.4, stratify=eight[rows], random_state=seed)
    validation, test = train_test_split(
        rest, train_size=1 / 3, stratify=eight[rest], random_state=seed
    )
    parts = {"train": train, "validation": validation, "test": test}
    return {name: Split(x[part], eight[part]) for name, part in parts.items()}


def rare_class_row(level: str, seed: int, *, quick: bool):
    """Train on few eights with one remedy, and judge what is found of the test eights."""
    from sklearn.metrics import average_precision_score

    data = rare_digits(seed)
    train, validation, test = data["train"], data["validation"], data["test"]
    weights, chosen = None, np.arange(len(train))
    counts = np.bincount(train.y)
    if level.startswith("class weights"):
        weights = scratch.balanced_class_weights(train.y, 2)[train.y]
    if level.endswith("sampling"):
        size = counts.max() if level == "oversampling" else counts.min()
        chosen = scratch.resampled(train.y, size, np.random.default_rng(seed))
    network = Network(train[chosen], seed, 40, weights)
    threshold = 0.5
    if level == "threshold by theory":
        threshold = ALARM / (ALARM + MISS)
    if level.endswith("threshold by validation"):
        p = network.predict(validation.x)[:, 1]
        threshold = scratch.cheapest_threshold(p, validation.y, MISS, ALARM)
    p = network.predict(test.x)[:, 1]
    predicted = p >= threshold
    judged = scratch.report(predicted, test.y)
    return {
        "cost": 100 * scratch.cost(predicted, test.y, MISS, ALARM),
        "accuracy": judged.accuracy,
        "precision": judged.precision,
        "recall": judged.recall,
        "pr_auc": float(average_precision_score(test.y, p)),
        # what the network believes the share of eights to be; 5 % are
        "mean_probability": float(p.mean()),
        "threshold": threshold,
    }


rare_class = Study(
    name="rare_class",
    question="One digit in twenty is an 8, and a miss costs as much as ten false alarms: what do "
    "class weights, resampling and another threshold save?",
    factor="remedy",
    levels=REMEDIES,
    seeds=range(20),
    quick_seeds=range(8),
    outcome="cost",
    unit="false alarms that 100 test digits are worth",
    measure=rare_class_row,
)


# ---- wrong labels -------------------------------------------------------------------------------

SHARES = (0.02, 0.1, 0.3)
REPAIRS = ("as given", "suspects dropped", "suspects looked at", "true labels")
FOLDS = 5
# Passes of the networks that find wrong labels, and of those that are judged.
SHORT, LONG = 20, 100
# A label is suspect to which networks that have not seen it give less.
BELIEVED = 0.1


class NoisyLabels(NamedTuple):
    """Labels with mistakes among them, and what a network makes of them.

    Attributes:
        given: The labels, of shape (n,).
        wrong: Which of them are wrong, of shape (n,).
        out_of_fold: Probabilities by networks that have not seen the example, (n, classes).
        in_sample: Probabilities by a network that was trained on all, (n, classes).
        by_heart: The same by a network that was trained to the end.
    """

    given: scratch.Labels
    wrong: scratch.Flags
    out_of_fold: scratch.Array
    in_sample: scratch.Array
    by_heart: scratch.Array

    @property
    def suspect(self) -> scratch.Flags:
        """Which labels have an out-of-fold loss above −log 0.1, of shape (n,)."""
        losses = scratch.label_losses(self.out_of_fold, self.given)
        return losses > -np.log(BELIEVED)


def noisy_labels(share: float, seed: int) -> NoisyLabels:
    """Flip the labels of some training digits, and see what can be found of it.

    What was found is kept in the working folder, for the other repairs of the same labels.
    """
    file = Path(f"finding_{share}_{seed}.npz")
    if file.exists():
        with np.load(file) as arrays:
            return NoisyLabels(**arrays)
    rng, train = np.random.default_rng(seed), digits().train
    given, wrong = scratch.flip_labels(train.y, share, 10, rng)
    labelled = Split(train.x, given)

    def predict(learned: scratch.Labels, others: scratch.Labels) -> scratch.Array:
        return Network(labelled[learned], seed, SHORT).predict(train.x[others])

    result = NoisyLabels(
        given,
        wrong,
        scratch.out_of_fold(predict, len(train), FOLDS, rng),
        *(Network(labelled, seed, passes).predict(train.x) for passes in (SHORT, LONG)),
    )
    unfinished = Path(f"finding_{share}_{seed}_{id(result)}.npz")
    np.savez(unfinished, **result._asdict())
    unfinished.replace(file)
    return result


def wrong_labels_row(level: tuple[str, float], seed: int, *, quick: bool):
    """Find wrong labels among the training digits, repair them in one way, and train again."""
    repair, share = level
    labels, train = noisy_labels(share, seed), digits().train
    suspect = labels.suspect
    split = {
        "as given": Split(train.x, labels.given),
        "suspects dropped": Split(train.x, labels.given)[~suspect],
        "suspects looked at": Split(train.x, np.where(suspect, train.y, labels.given)),
        "true labels": train,
    }[repair]
    by_loss = scratch.report(suspect, labels.wrong)
    row = {
        "test_error": Network(split, seed, LONG).error(digits().test),
        "precision": by_loss.precision,
        "recall": by_loss.recall,
    }
    for name, rule in (
        ("disagreement", scratch.disagreements),
        ("confident", scratch.confident_disagreements),
    ):
        judged = scratch.report(rule(labels.out_of_fold, labels.given), labels.wrong)
        row |= {f"{name}_precision": judged.precision, f"{name}_recall": judged.recall}
    for name in ("out_of_fold", "in_sample", "by_heart"):
        row[f"highest_{name}"] = among_the_highest(getattr(labels, name), labels)
    return row


def among_the_highest(p: scratch.Array, labels: NoisyLabels) -> float:
    """Return the share of wrong labels among the highest losses, as many as labels are wrong."""
    losses = scratch.label_losses(p, labels.given)
    return float(labels.wrong[np.argsort(-losses)[: labels.wrong.sum()]].mean())


wrong_labels = Study(
    name="wrong_labels",
    question="Some labels of the training digits are wrong: how many are found, and how much of "
    "the lost accuracy does a repair win back?",
    factor=("training labels", "share wrong"),
    levels=tuple((repair, share) for repair in REPAIRS for share in SHARES),
    quick_levels=tuple((repair, 0.1) for repair in REPAIRS),
    seeds=range(12),
    quick_seeds=range(8),
    outcome="test_error",
    unit="share of 360 test digits",
    baseline=lambda level: ("as given", level[1]),
    measure=wrong_labels_row,
)


# ---- too little variation -----------------------------------------------------------------------

# So many digits stand in the file one behind the other; three or four people wrote them.
STRETCH = 300
COLLECTIONS = ("few writers", "few writers, augmented", "many writers", "many writers, augmented")


def writers_row(level: str, seed: int, *, quick: bool):
    """Train on 200 digits by few or by many, and judge on their own and on the rest of the file."""
    rng, everything = np.random.default_rng(seed), in_file_order()
    first = int(rng.integers(len(everything) - STRETCH))
    near = np.arange(first, first + STRETCH)
    far = rng.permutation(np.setdiff1d(np.arange(len(everything)), near))
    others, far = far[:700], far[700:]
    collected = rng.permutation(near if level.startswith("few") else far)[:STRETCH]
    train, own = everything[collected[:200]], everything[collected[200:]]
    if level.endswith("augmented"):
        network = Network(augmented(train, seed), seed, 20)
    else:
        network = Network(train, seed, 100)
    return {"error_on_others": network.error(everything[others]), "own_error": network.error(own)}


def augmented(split: Split, seed: int, copies: int = 20) -> Split:
    """Return turned and stretched copies of the images, each image `copies` times."""
    stream = Batches(split.x, split.y, len(split), seed=seed, turn=10.0, zoom=0.1)
    drawn = [stream[copy] for copy in range(copies)]
    return Split(*(np.concatenate([batch[part] for batch in drawn]) for part in (0, 1)))


few_writers = Study(
    name="few_writers",
    question="A network learns from 200 digits that few people wrote, or many: what is its error "
    "on the rest of the file, and does augmentation make up for the missing writers?",
    factor="collection",
    levels=COLLECTIONS,
    seeds=range(20),
    quick_seeds=range(7),
    outcome="error_on_others",
    unit="share of 700 digits by others",
    measure=writers_row,
)


# ---- leaks --------------------------------------------------------------------------------------

LEAKS = (
    "none",
    "scaler fitted on all",
    "features selected on all",
    "oversampled before the split",
    "augmented before the split",
    "best of 50 on the test split",
)
EXAMPLES, MEASURED, SELECTED = 200, 500, 30


def leak_row(level: str, seed: int, *, quick: bool):
    """Report the error on labels that nobody can predict, with one leak in the experiment.

    An example is 500 random numbers, and its label is tossed with a coin that shows 1 once in five
    times. The error is balanced: the mean of both classes' errors, ½ for all that do not cheat.
    """
    from sklearn.feature_selection import SelectKBest, f_classif
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    rng = np.random.default_rng(seed)
    x = rng.normal(size=(EXAMPLES, MEASURED))
    y = rng.permutation((np.arange(EXAMPLES) % 5 == 0).astype("int64"))
    if level == "oversampled before the split":
        rows = scratch.resampled(y, np.bincount(y).max(), rng)
        x, y = x[rows], y[rows]
    if level == "augmented before the split":
        x, y = np.repeat(x, 5, axis=0), np.repeat(y, 5)
        x = x + rng.normal(0, 0.3, x.shape)
    if level == "scaler fitted on all":
        x = StandardScaler().fit_transform(x)
    if level == "features selected on all":
        x = SelectKBest(f_classif, k=SELECTED).fit_transform(x, y)
    learned, judged, y_learned, y_judged = train_test_split(
        x, y, test_size=0.3, stratify=y, random_state=seed
    )
    trials = 50 if level == "best of 50 on the test split" else 1
    errors = []
    for width in (1.0, *scratch.log_uniform(rng, 0.1, 10, trials - 1)):
        columns = rng.random(x.shape[1]) < (0.5 if trials > 1 else 1.0)
        scaled = level == "scaler fitted on all"  # a second scaler would undo the first
        model = make_pipeline(
            "passthrough" if scaled else StandardScaler(),
            SelectKBest(f_classif, k=SELECTED),
            SVC(C=10, gamma=width / SELECTED, class_weight="balanced"),
        )
        answers = model.fit(learned[:, columns], y_learned).predict(judged[:, columns])
        errors.append(1 - float(balanced_accuracy_score(y_judged, answers)))
    return {"reported_error": min(errors)}


leaks = Study(
    name="leaks",
    question="Labels are shuffled, so that nothing can be learned and every honest balanced error "
    "is ½: which error does an experiment report that leaks?",
    factor="leak",
    levels=LEAKS,
    seeds=range(30),
    quick_seeds=range(20),
    outcome="reported_error",
    unit="balanced error on the test split",
    measure=leak_row,
)
