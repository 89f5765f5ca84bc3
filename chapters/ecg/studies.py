"""A row for each model of the lecture's table, and for readers of ours, trained and judged on test.

``companion study atrial_fibrillation`` makes all of it, row by row. Thresholds are taken from the
validation split, and settings were tried on it. But rows were trained again after their test scores
had been seen, so the test split has become a second validation split.

``companion study atrial_fibrillation_folds`` judges once more, where nobody has looked: five folds
by recording. Its setting, `FROZEN`, was written down before the first fold was made, and what a
fold scores changes nothing of it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import companion
from chapters.ecg import folds, protocol
from chapters.ecg.recordings import AF
from companion.datasets.dataset import SPLITS
from companion.files import write
from companion.studies.study import Study
from companion.training.seeding import fresh_start

PARTS = ("validation", "test")
EXPERTS = ("logistic_regression", "random_forest")
BEATS = "3 beat_reader"
BEST = "acrnn + crnn + 3 beat_reader + logistic_regression"
# What the builder is told and the recipe in each round, where a network does not take one round of
# the recipe on its card. MINA's second round lets go of most of its dropout.
ROUNDS: dict[str, Any] = {"mina": (({}, {"steps": 1000}), ({"dropout": 0.1}, {"steps": 2000}))}
QUICK_STEPS = 40


class Reader(NamedTuple):
    """One that reads a recording: a network or an expert, and the seed of its training."""

    name: str
    seed: int = 0


THREE = tuple(Reader("beat_reader", seed) for seed in range(3))
COMMITTEES = {
    BEATS: THREE,
    BEST: (Reader("acrnn"), Reader("crnn"), *THREE, Reader("logistic_regression")),
}


def readers_of(level: str, seed: int) -> tuple[Reader, ...]:
    """Return those whom a row asks; the seeds of a committee's members count on from the row's.

    >>> readers_of("3 beat_reader", 1)[2], readers_of("cnn", 1)
    (Reader(name='beat_reader', seed=3), (Reader(name='cnn', seed=1),))
    """
    members = COMMITTEES.get(level, (Reader(level),))
    return tuple(Reader(member.name, member.seed + seed) for member in members)


@dataclass(frozen=True)
class StudyData:
    """The data of the full study (real) or of the quick one (made up), and what is cut from them.

    Validation windows of AF are cut with a stride of 500 and count ten times, which comes to
    nearly the same as a stride of 50 (9,230 against 8,746). Test windows are cut with that stride.
    """

    quick: bool

    @cached_property
    def data(self):
        """The recordings: 60 of each split for the quick study."""
        data = companion.load("ecg_synthetic" if self.quick else "cinc2017")
        if not self.quick:
            return data
        return replace(data, **{part: getattr(data, part)[:60] for part in SPLITS})

    @cached_property
    def where(self):
        """Recording and start of each window, by split."""
        stride, of_af = protocol.STRIDE, protocol.AF_STRIDE
        af_strides = {
            "train": stride,
            "validation": stride,
            "test": stride if self.quick else of_af,
        }
        by_split = {}
        for part, af_stride in af_strides.items():
            split, usual = getattr(self.data, part), 3 * stride if part == "train" else stride
            by_split[part] = protocol.windows(split.x, split.y, usual, af_stride)
        return by_split

    def truth(self, part: str):
        """Return the class of each window of a split."""
        return getattr(self.data, part).y[self.where[part][0]]

    def batches(self, part: str, size: int = 1024):
        """Yield the windows of a split, some at a time."""
        windows = self.where[part]
        for start in range(0, windows.shape[1], size):
            yield protocol.cut(getattr(self.data, part).x, windows[:, start : start + size])

    @cached_property
    def rows(self):
        """The beats of the windows to be judged, as a `beat_reader` reads them, by split."""
        from chapters.ecg.beats import beat_rows

        return {part: [beat_rows(batch) for batch in self.batches(part)] for part in PARTS}

    @cached_property
    def features(self):
        """The expert's features of all windows, by split."""
        from chapters.ecg.features import features_of

        return self.kept(
            "features",
            lambda: {
                part: np.concatenate([features_of(batch) for batch in self.batches(part)])
                for part in SPLITS
            },
        )

    def kept(self, name: str, make: Callable[[], dict[str, Any]]):
        """Return arrays that this study has made before, or make them.

        They lie in the working folder, which is the study's own: workers are given one that
        belongs to one version of the code, and `companion verify` a new one.
        """
        path = Path("quick" if self.quick else "full") / f"{name}.npz"
        if not path.exists():
            arrays = make()
            write(path, lambda file: np.savez_compressed(file, **arrays))
        with np.load(path) as file:
            return dict(file)


@cache
def study_data(quick: bool):
    """Return the study's data; a worker that makes several rows cuts them once."""
    return StudyData(quick)


def fitted_expert(name: str, prepared: StudyData):
    """Return an expert's classifier, fitted to the training windows."""
    from chapters.ecg import experts

    model = getattr(experts, name)()
    # Windows of AF are cut three times as often; this makes the classes meet halfway.
    weight = np.where(prepared.truth("train") == AF, 4.0, 1.0)
    last = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""
    return model.fit(
        prepared.features["train"], prepared.truth("train"), **{f"{last}sample_weight": weight}
    )


def trained(name: str, prepared: StudyData, seed: int):
    """Return a network's weights, and how many seconds its training and its batches took.

    It is trained by the recipe on its card, on one core in float32: some processors are quicker in
    bfloat16, but most have to emulate it and take ages.
    """
    from chapters.ecg import chapter, crops, models

    (card,) = (card for card in chapter.models if card.name == name)
    draw = getattr(crops, card.batches.rpartition(".")[2])
    data = replace(
        prepared.data, validation=prepared.data.validation[:0], test=prepared.data.test[:0]
    )
    quick = {"steps": QUICK_STEPS, "epochs": 1, "jit_compile": False} if prepared.quick else {}
    weights, seconds, drawing = None, 0.0, 0.0
    for number, (arguments, changes) in enumerate(ROUNDS.get(name, (({}, {}),))):

        def build(arguments: dict[str, Any] = arguments, weights: Any = weights, **told: Any):
            network = getattr(models, name)(**told, **arguments)
            if weights is not None:
                network.set_weights(weights)
            return network

        fresh_start(seed)
        each: list[float] = []
        run = companion.train(
            build, data, seed=seed + number, batches=timed(draw, each), precision="float32",
            devices="cpu", show_progress=False, **card.recipe | changes | quick,
        )  # fmt: skip
        weights, seconds = run.model.get_weights(), seconds + run.seconds
        drawing += np.mean(each) * run.asked["recipe"]["steps"]
    return weights, {"seconds": seconds, "drawing": drawing}


def timed(draw: Callable[..., Iterator[Any]], seconds: list[float]):
    """Return a `draw` that appends to `seconds` how long each batch took."""

    def batches(*asked: Any):
        stream = draw(*asked)
        while True:
            began = time.perf_counter()
            batch = next(stream)
            seconds.append(time.perf_counter() - began)
            yield batch

    return batches


def answers(reader: Reader, prepared: StudyData):
    """Return what one reader says of all windows to be judged, and what it took to train it.

    Returns:
        Arrays by name: class probabilities of each of `PARTS`, ``seconds``, ``drawing`` (how many
        of them batches took to be drawn) and, of a network, ``weight000`` and so on.
    """
    from chapters.ecg.detector import halved, predicted, with_weights

    name, seed = reader
    if name in EXPERTS:
        features, began = prepared.features, time.perf_counter()
        model = fitted_expert(name, prepared)
        took = {"seconds": time.perf_counter() - began, "drawing": 0.0}
        return took | {part: model.predict_proba(features[part]) for part in PARTS}
    weights, took = trained(name, prepared, seed)
    weights_float16 = halved(weights, "weight")
    network = with_weights(name, weights_float16, "weight")
    read = prepared.rows.get if name == "beat_reader" else prepared.batches
    probabilities = {
        part: np.concatenate([predicted(network, batch) for batch in read(part)]) for part in PARTS
    }
    return took | weights_float16 | probabilities


def cached_answers(reader: Reader, prepared: StudyData):
    """Return the `answers` of a reader, made once in a study."""
    return prepared.kept(f"{reader.name}-seed{reader.seed}", partial(answers, reader, prepared))


def opinions(level: str, seed: int, prepared: StudyData):
    """Return a row's class probabilities of all windows to be judged, and what it took.

    Several readers are asked as `chapters.ecg.detector.Detector` asks them.
    """
    from chapters.ecg.detector import by_kind

    readers = readers_of(level, seed)
    by_reader = [cached_answers(reader, prepared) for reader in readers]
    names = [reader.name for reader in readers]
    classes = {
        part: by_kind(list(zip(names, (one[part] for one in by_reader), strict=True)))
        if len(by_reader) > 1
        else by_reader[0][part]
        for part in PARTS
    }
    return classes, {
        key: float(sum(one[key] for one in by_reader)) for key in ("seconds", "drawing")
    }


def judged(probabilities: dict[str, Any], prepared: StudyData, resamples: int = protocol.RESAMPLES):
    """Return a row's scores by window and by recording, with intervals, and the thresholds."""
    values, thresholds = {}, {}
    recording = {part: prepared.where[part][0] for part in probabilities}
    # A recording has the same windows, AF or not.
    regular = prepared.where["test"][1] % protocol.STRIDE == 0
    is_af = prepared.truth("validation") == AF
    numbers, p_validation = protocol.by_recording(
        probabilities["validation"], recording["validation"]
    )
    tests, p_test = protocol.by_recording(
        probabilities["test"][regular], recording["test"][regular]
    )
    for unit, chosen, judged_on, which in (
        (
            "window",
            (is_af, probabilities["validation"], np.where(is_af, 10.0, 1.0)),
            (prepared.truth("test") == AF, probabilities["test"]),
            recording["test"],
        ),
        (
            "recording",
            (prepared.data.validation.y[numbers] == AF, p_validation),
            (prepared.data.test.y[tests] == AF, p_test),
            tests,
        ),
    ):
        thresholds[unit] = protocol.best_threshold(*chosen)
        truth, probability = judged_on
        intervals = protocol.bootstrap(truth, probability, which, thresholds[unit], resamples)
        for name, value in protocol.scores(truth, probability, thresholds[unit]).items():
            values[f"{unit}_{name}"] = value
            values[f"{unit}_{name}_low"], values[f"{unit}_{name}_high"] = intervals[name]
        on_validation = protocol.scores(chosen[0], chosen[1], thresholds[unit], *chosen[2:])
        values |= {f"{unit}_{name}_validation": value for name, value in on_validation.items()}
        values[f"{unit}_af_share"] = float(truth.mean())
    return values, thresholds


def row(level: str, seed: int, *, quick: bool):
    """Make one row of the table."""
    prepared = study_data(quick)
    classes, took = opinions(level, seed, prepared)
    probabilities = {part: one[:, AF] for part, one in classes.items()}
    values, _ = judged(probabilities, prepared, resamples=50 if quick else protocol.RESAMPLES)
    seconds = took["seconds"]
    return values | {"training_seconds": seconds, "input_share": took["drawing"] / seconds}


atrial_fibrillation = Study(
    name="atrial_fibrillation",
    question="Which model of the lecture's table finds atrial fibrillation in ten seconds of a "
    "single lead?",
    factor="model",
    # The longest first, so that two workers end together; the last two are made of rows before.
    levels=(
        *("acrnn", "crnn", "mina", BEATS, "random_forest", "cnn"),
        *("logistic_regression", "beat_reader", BEST),
    ),
    quick_levels=("logistic_regression", "cnn"),
    seeds=(0,),
    quick_seeds=(0, 1),
    outcome="window_roc_auc",
    unit="ROC-AUC, test windows",
    better="higher",
    measure=row,
    timings=("training_seconds", "input_share"),
)


# ---- five folds ---------------------------------------------------------------------------------

# Written down before the first fold: the rows, and which of them are held against the challenge's
# winners (0.83 on the hidden recordings) as the best of ours and as a single network. Each is
# trained by the recipe on its card and by `ROUNDS`, once in a fold, with seed 0.
FROZEN = {"rows": atrial_fibrillation.levels, "best": BEST, "single network": "acrnn"}


@dataclass(frozen=True)
class Fold(StudyData):
    """The data of one fold, and what is cut from them.

    Attributes:
        fold: Which fold is tested.
        only: How many recordings of each of the data's own splits are dealt; all by default.
    """

    fold: int = 0
    only: int | None = None

    @cached_property
    def data(self):
        """The recordings, dealt: all of them, or 180 made-up ones for the quick study."""
        data = companion.load("ecg_synthetic" if self.quick else "cinc2017")
        some = slice(60 if self.quick else self.only)
        few = replace(data, **{part: getattr(data, part)[some] for part in SPLITS})
        return folds.dealt(few, self.fold)

    def kept(self, name: str, make: Callable[[], dict[str, Any]]):
        """Return arrays of this fold that the study has made before, or make them."""
        return super().kept(f"fold{self.fold}-{name}", make)


def fold_row(level: str, seed: int, *, quick: bool):
    """Train on four folds, choose thresholds within them, judge on the fifth: the seed."""
    return scored(level, Fold(quick, fold=seed), 50 if quick else protocol.RESAMPLES)


def scored(level: str, prepared: StudyData, resamples: int):
    """Return a row's scores on the recordings of a fold: of AF, and the challenge's own."""
    classes, took = opinions(level, 0, prepared)
    values, _ = judged({part: one[:, AF] for part, one in classes.items()}, prepared, resamples)
    log_probabilities = {}
    for part, one in classes.items():
        recording, start = prepared.where[part]
        regular = start % protocol.STRIDE == 0
        log_probabilities[part] = folds.rhythms(
            one[regular], recording[regular], len(getattr(prepared.data, part))
        )
    offsets = folds.best_offsets(log_probabilities["validation"], prepared.data.validation.y)
    truth, called = prepared.data.test.y, (log_probabilities["test"] + offsets).argmax(1)
    low, high = folds.interval(truth, called, resamples)
    return {
        **{name: value for name, value in values.items() if not name.endswith("_validation")},
        **folds.challenge_scores(truth, called),
        "challenge_f1_low": low,
        "challenge_f1_high": high,
        "recordings_tested": len(truth),
        "recordings_of_af": int((truth == AF).sum()),
        "training_seconds": took["seconds"],
    }


atrial_fibrillation_folds = Study(
    name="atrial_fibrillation_folds",
    question="How well does each model find atrial fibrillation in recordings that nobody has "
    "looked at, and how does it rank by the challenge's own score?",
    factor="model",
    levels=FROZEN["rows"],
    quick_levels=("logistic_regression", "cnn"),
    seeds=range(folds.FOLDS),
    quick_seeds=(0, 1),
    outcome="challenge_f1",
    unit="mean F1 of normal, AF and other, by recording",
    better="higher",
    baseline="cnn",
    measure=fold_row,
    timings=("training_seconds",),
)
