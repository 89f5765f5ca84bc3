"""The lecture's table, made again: every row trained, judged once on test, and kept.

``companion study atrial_fibrillation`` makes all of it, row by row; a row that is done is kept in
``runs/ecg`` and not made twice. Nothing is chosen on the test split: settings were tried on the
validation split, and thresholds are taken from it.
"""

import json
import sys
import time
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np

import companion
from companion.datasets import Split
from companion.studies.study import Study
from companion.training.seeding import fresh_start

RUNS = Path("runs") / "ecg"
PARTS = ("validation", "test")
EXPERTS = ("logistic_regression", "random_forest")
BEATS = "3 beat_reader"
BEST = "acrnn + crnn + 3 beat_reader + logistic_regression"
# Steps, and what the builder is told. MINA's second round lets go of most of its dropout.
ROUNDS = {
    "acrnn": ((4000, {}),),
    "crnn": ((4000, {}),),
    "mina": ((1000, {}), (2000, {"dropout": 0.1})),
    "cnn": ((800, {}),),
    "beat_reader": ((4000, {}),),
}
BATCH_SIZE = {"beat_reader": 64}  # 32 for the others
# On a CPU, XLA makes a step of the others a sixth quicker, and one of a GRU with a mask far slower.
JIT_COMPILE = {"beat_reader": False}
LEARNING_RATE = {"mina": 2e-3, "beat_reader": 2e-3}  # 0.0015 for the others
QUICK_STEPS = 40


def few(data, recordings=60):
    """Return the first recordings of each split."""
    parts = {
        part: Split(getattr(data, part).x[:recordings], getattr(data, part).y[:recordings])
        for part in ("train", *PARTS)
    }
    return replace(data, **parts)


class Material:
    """The data of the full study (real) or of the quick one (made up), and what is cut from them.

    Validation windows of AF are cut with a stride of 500 and count ten times, which comes to the
    same as a stride of 50. Test windows are cut as the paper cuts them.
    """

    def __init__(self, quick):
        from chapters.ecg.protocol import AF_STRIDE, STRIDE, windows

        self.quick = quick
        self.data = few(companion.load("ecg_synthetic")) if quick else companion.load("cinc2017")
        self.where = {
            "train": windows(self.data.train.x, self.data.train.y, 3 * STRIDE, STRIDE),
            "validation": windows(self.data.validation.x, self.data.validation.y, STRIDE, STRIDE),
            "test": windows(
                self.data.test.x, self.data.test.y, STRIDE, STRIDE if quick else AF_STRIDE
            ),
        }

    def truth(self, part):
        """Return the class of each window of a split."""
        return getattr(self.data, part).y[self.where[part][0]]

    def weight(self, part):
        """Return how much each window counts."""
        often = 10.0 if part == "validation" else 1.0
        return np.where(self.truth(part) == 1, often, 1.0)

    def batches(self, part, size=1024):
        """Yield the windows of a split, some at a time."""
        from chapters.ecg.protocol import cut

        where = self.where[part]
        for start in range(0, where.shape[1], size):
            yield cut(getattr(self.data, part).x, where[:, start : start + size])

    @cached_property
    def line(self):
        """The training recordings end to end, with their beats."""
        from chapters.ecg.beats import Line

        return Line.of(self.data.train.x)

    @cache  # noqa: B019  (there are two materials at most)
    def rows(self, part):
        """Return the beats of a split's windows, as a `beat_reader` reads them."""
        from chapters.ecg.beats import beat_rows

        return [beat_rows(batch) for batch in self.batches(part)]

    @cache  # noqa: B019
    def features(self, part):
        """Return the expert's features of a split's windows; they are kept in the runs' folder."""
        from chapters.ecg.features import NAMES, features_of

        kept = RUNS / f"features-{part}.npy"
        if not self.quick and kept.exists():
            found = np.load(kept)
            if found.shape == (self.where[part].shape[1], len(NAMES)):
                return found
        found = np.concatenate([features_of(batch) for batch in self.batches(part)])
        if not self.quick:
            kept.parent.mkdir(parents=True, exist_ok=True)
            draft = kept.with_name(f"draft-{part}.npy")
            np.save(draft, found)
            draft.replace(kept)
        return found


@cache
def material(quick):
    """Return the study's data."""
    return Material(quick)


def fitted_expert(name, of):
    """Return an expert's classifier, fitted to the training windows."""
    from chapters.ecg import experts

    model = getattr(experts, name)()
    # Windows of AF are cut three times as often; this makes the classes meet halfway.
    weight = np.where(of.truth("train") == 1, 4.0, 1.0)
    last = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""
    return model.fit(of.features("train"), of.truth("train"), **{f"{last}sample_weight": weight})


def trained_network(name, of, seed):
    """Return a trained network, with weights as they are kept, and what its training took."""
    import keras

    from chapters.ecg import models, training
    from companion.training import hardware

    fresh_start(seed)
    weights, rounds = None, []
    # float32: some processors are quicker in bfloat16, but most have to emulate it and take ages.
    with hardware.following(hardware.plan("float32", "cpu")):
        for number, (steps, arguments) in enumerate(ROUNDS[name]):
            network = getattr(models, name)(**arguments)
            if weights:
                network.set_weights(weights)
            train, batch_size = of.data.train, BATCH_SIZE.get(name, 32)
            crops = (
                training.BeatCrops(of.line, train.y, batch_size, seed=seed + number)
                if name == "beat_reader"
                else training.Crops(train.x, train.y, batch_size, seed=seed + number)
            )
            steps, rate = QUICK_STEPS if of.quick else steps, LEARNING_RATE.get(name, 1.5e-3)
            on_tensorflow = keras.backend.backend() == "tensorflow"
            jit = JIT_COMPILE.get(name, not of.quick) if on_tensorflow else "auto"
            rounds.append(
                training.fit(network, crops, steps, learning_rate=rate, jit_compile=jit, log=say)
            )
            weights = network.get_weights()
        network = getattr(models, name)()
    seconds = sum(took["seconds"] for took in rounds)
    waited = sum(took["seconds"] * took["input_share"] for took in rounds)
    took = {"seconds": seconds, "input_share": waited / seconds}
    weights = [weight.astype("float16") for weight in weights]
    network.set_weights([weight.astype("float32") for weight in weights])
    if not of.quick:
        kept(name, seed).mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept(name, seed) / "weights.npz", *weights)
    return network, took


def say(line):
    """Tell how training goes; results alone go to stdout."""
    print(line, file=sys.stderr, flush=True)


def kept(level, seed):
    """Return the folder that a row's model and probabilities are kept in."""
    return RUNS / f"{level}-seed{seed}"


def members(level, seed):
    """Return the readers that a row asks, with their seeds; ``3 beat_reader`` has three of them.

    >>> members("acrnn + 2 beat_reader", 0)
    [('acrnn', 0), ('beat_reader', 0), ('beat_reader', 1)]
    """
    parts = [part.rpartition(" ") for part in level.split(" + ")]
    return [(name, seed + k) for count, _, name in parts for k in range(int(count or 1))]


def opinions(level, seed, of):
    """Return a row's class probabilities of all validation and test windows, and what it took.

    They are read where they have been made before. Several readers are asked as
    `chapters.ecg.detector.Detector` asks them.
    """
    from chapters.ecg.detector import by_kind, predicted

    if level not in (*ROUNDS, *EXPERTS):
        found, took = zip(*(opinions(*one, of) for one in members(level, seed)), strict=True)
        names = [name for name, _ in members(level, seed)]
        seconds = sum(one["seconds"] for one in took)
        waited = sum(one["seconds"] * one["input_share"] for one in took)
        return {
            part: by_kind(list(zip(names, (one[part] for one in found), strict=True)))
            for part in PARTS
        }, {"seconds": seconds, "input_share": waited / seconds}
    made = kept(level, seed) / "classes.npz"
    if not of.quick and made.exists():
        with np.load(made) as file:
            return {part: file[part] for part in PARTS}, json.loads(str(file["took"]))
    if level in EXPERTS:
        began = time.perf_counter()
        model = fitted_expert(level, of)
        took = {"seconds": time.perf_counter() - began, "input_share": 0.0}
        found = {part: model.predict_proba(of.features(part)) for part in PARTS}
    else:
        network, took = trained_network(level, of, seed)
        read = of.rows if level == "beat_reader" else of.batches
        found = {
            part: np.concatenate([predicted(network, batch) for batch in read(part)])
            for part in PARTS
        }
    if not of.quick:
        made.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(made, took=json.dumps(took), **found)
    return found, took


def judged(found, of, resamples=500):
    """Return a row's scores by window and by recording, with intervals, and the thresholds."""
    from chapters.ecg.protocol import best_threshold, bootstrap, by_recording, scores

    values, thresholds = {}, {}
    recording = {part: of.where[part][0] for part in found}
    regular = of.where["test"][1] % 500 == 0  # a recording has the same windows, AF or not
    numbers, whole = by_recording(found["validation"], recording["validation"])
    tests, tested = by_recording(found["test"][regular], recording["test"][regular])
    for unit, chosen, judged_on, which in (
        (
            "window",
            (of.truth("validation") == 1, found["validation"], of.weight("validation")),
            (of.truth("test") == 1, found["test"]),
            recording["test"],
        ),
        (
            "recording",
            (of.data.validation.y[numbers] == 1, whole),
            (of.data.test.y[tests] == 1, tested),
            tests,
        ),
    ):
        thresholds[unit] = best_threshold(*chosen)
        truth, probability = judged_on
        intervals = bootstrap(
            truth, probability, which, thresholds[unit], 50 if of.quick else resamples
        )
        for name, value in scores(truth, probability, thresholds[unit]).items():
            values[f"{unit}_{name}"] = value
            values[f"{unit}_{name}_low"], values[f"{unit}_{name}_high"] = intervals[name]
        on_validation = scores(chosen[0], chosen[1], thresholds[unit], *chosen[2:])
        values |= {f"{unit}_{name}_validation": value for name, value in on_validation.items()}
        values[f"{unit}_af_share"] = float(truth.mean())
    return values, thresholds


def row(level, seed, *, quick):
    """Make one row of the table."""
    of = material(quick)
    found, took = opinions(level, seed, of)
    found = {part: classes[:, 1] for part, classes in found.items()}
    values, _ = judged(found, of, resamples=50 if quick else 500)
    return values | {"training_seconds": took["seconds"], "input_share": took["input_share"]}


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
