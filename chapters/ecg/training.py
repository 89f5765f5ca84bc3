"""Training a network on crops of recordings: another ten seconds of each, never twice the same."""

import time

import keras
import numpy as np

from chapters.ecg.beats import AROUND
from chapters.ecg.models import RATE
from chapters.ecg.protocol import LENGTH

# How often a batch holds each class: normal, AF, other, noisy. One recording in eleven is AF; an
# equal share of batches is the resampling remedy for imbalance.
SHARES = (0.25, 0.33, 0.34, 0.08)


class Balanced:
    """An endless stream of batches in which each class has its share.

    Args:
        labels: The classes of the recordings.
        batch_size: Recordings in a batch.
        seed: Decides everything.
        shares: How often a batch holds each class; a class that is not there has no share.
    """

    def __init__(self, labels, batch_size, seed=0, shares=SHARES):
        self.labels, self.batch_size = np.asarray(labels), batch_size
        self.rng = np.random.default_rng(seed)
        here = np.bincount(self.labels, minlength=len(shares)) > 0
        self.shares = np.where(here, shares, 0) / np.where(here, shares, 0).sum()
        self.members = [np.flatnonzero(self.labels == c) for c in range(len(shares))]
        self.waiting = [np.arange(0) for _ in shares]

    def __iter__(self):
        return self

    def chosen(self):
        """Return the recordings of the next batch."""
        counts = self.rng.multinomial(self.batch_size, self.shares)
        return np.concatenate([self.some(c, count) for c, count in enumerate(counts)])

    def some(self, label, count):
        """Return so many recordings of one class; each comes once before any comes again."""
        while len(self.waiting[label]) < count:
            again = self.rng.permutation(self.members[label])
            self.waiting[label] = np.concatenate([self.waiting[label], again])
        chosen, self.waiting[label] = np.split(self.waiting[label], [count])
        return chosen


class Crops(Balanced):
    """An endless stream of batches: random crops, each stretched, turned over, noisy or masked.

    All of a batch is made at once, by interpolation in one long array of all recordings.

    Args:
        recordings: Signals in mV, each of shape ``(samples,)``.
        labels: Their classes.
        batch_size: Crops in a batch.
        length: Samples in a crop.
        seed: Decides everything.
        shares: How often a batch holds each class.
        stretch: Time runs up to this much faster or slower (natural logarithm).
        noise: Greatest standard deviation of added noise, in those of the crop.
        upside_down: How often the electrodes are swapped.
        masked: How often up to a second is blanked out.
    """

    def __init__(
        self,
        recordings,
        labels,
        batch_size=32,
        *,
        length=LENGTH,
        seed=0,
        shares=SHARES,
        stretch=0.15,
        noise=0.1,
        upside_down=0.2,
        masked=0.3,
    ):
        super().__init__(labels, batch_size, seed, shares)
        self.samples = np.concatenate(recordings).astype("float32")
        self.lengths = np.array([len(recording) for recording in recordings])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.length = length
        self.stretch, self.noise = stretch, noise
        self.upside_down, self.masked = upside_down, masked

    def __next__(self):
        chosen = self.chosen()
        return self.troubled(self.cropped(chosen))[..., None], self.labels[chosen]

    def cropped(self, chosen):
        """Return a stretch of each chosen recording, read faster or slower."""
        last = self.lengths[chosen] - 1.01
        speed = np.exp(self.rng.uniform(-self.stretch, self.stretch, len(chosen)))
        speed = np.minimum(speed, last / (self.length - 1))  # a short recording is read slowly
        start = self.rng.random(len(chosen)) * (last - speed * (self.length - 1))
        where = start[:, None] + speed[:, None] * np.arange(self.length)
        left = where.astype(int)
        share = (where - left).astype("float32")
        left += self.starts[chosen][:, None]
        return self.samples[left] * (1 - share) + self.samples[left + 1] * share

    def troubled(self, x):
        """Return crops as a careless patient would record them."""
        rng, (count, length) = self.rng, x.shape

        def now_and_then(share, high):
            return rng.uniform(0, high, (count, 1)) * (rng.random((count, 1)) < share)

        spread = x.std(axis=1, keepdims=True)
        x = x * np.where(rng.random((count, 1)) < self.upside_down, -1, 1)
        x += spread * now_and_then(0.5, self.noise) * rng.standard_normal(x.shape, "float32")
        sway = 2 * np.pi * rng.uniform(0.1, 0.6, (count, 1)) * np.arange(length) / RATE
        x += (
            spread
            * now_and_then(0.5, 5 * self.noise)
            * np.sin(sway + rng.uniform(0, 6, (count, 1)))
        )
        start = rng.integers(length, size=(count, 1))
        gone = np.arange(length) - start
        x[(gone >= 0) & (gone < now_and_then(self.masked, RATE))] = 0
        return x.astype("float32")


class BeatCrops(Balanced):
    """An endless stream of batches like `Crops`, as rows of beats: stretched, turned over, noisy.

    Args:
        line: The recordings, as `chapters.ecg.beats.Line.of` lays them end to end.
        labels: Their classes.
        batch_size: Crops in a batch.
        seed: Decides everything.
        shares: How often a batch holds each class.
        stretch: Time runs up to this much faster or slower (natural logarithm).
        noise: Greatest standard deviation of added noise, in those of a beat.
        upside_down: How often the electrodes are swapped.
    """

    def __init__(
        self,
        line,
        labels,
        batch_size=64,
        *,
        seed=0,
        shares=SHARES,
        stretch=0.15,
        noise=0.3,
        upside_down=0.2,
    ):
        super().__init__(labels, batch_size, seed, shares)
        self.line = line
        self.stretch, self.noise, self.upside_down = stretch, noise, upside_down

    def __next__(self):
        rng, chosen = self.rng, self.chosen()
        lengths = self.line.lengths[chosen]
        speed = np.exp(rng.uniform(-self.stretch, self.stretch, len(chosen)))
        length = np.minimum((LENGTH * speed).astype(int), lengths)
        start = rng.random(len(chosen)) * (lengths - length)
        rows = self.line.crops(chosen, start, length, speed[:, None])
        waves, there = rows[..., : len(AROUND)], rows[..., -1:]
        waves *= np.where(rng.random((len(chosen), 1, 1)) < self.upside_down, -1, 1)
        hiss = rng.uniform(0, self.noise, (len(chosen), 1, 1))
        hiss *= rng.random((len(chosen), 1, 1)) < 0.5
        waves += hiss * there * rng.standard_normal(waves.shape, "float32")
        return rows, self.labels[chosen]


def fit(
    model,
    crops,
    steps,
    *,
    learning_rate=1.5e-3,
    warmup=0.06,
    smoothing=0.05,
    jit_compile="auto",
    log=None,
):
    """Train a classifier with AdamW on a cosine, and leave it with its averaged weights.

    The weights that are kept are a running mean of those along the way (momentum 0.998), which
    is quieter than any of them; `settle` fits batch normalization to them. The labels are
    smoothed, as experts disagree on them too.

    Args:
        model: A classifier with a softmax.
        crops: Batches, as `Crops` gives them.
        steps: How many batches to train on.
        learning_rate: The peak rate.
        warmup: Share of the steps in which the rate climbs.
        smoothing: Share of each label that is spread over all classes.
        jit_compile: Whether the step is compiled as a whole, as `keras.Model.compile` takes it.
        log: A function that is told ten times how it goes.

    Returns:
        A dict: ``seconds``, ``input_share`` (share of them in which the network waited for its
        batch) and ``loss`` (mean over the last tenth).
    """
    classes = model.output_shape[-1]
    climb = max(1, int(warmup * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / climb, steps - climb, warmup_target=learning_rate, warmup_steps=climb
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=0.02, clipnorm=1.0, use_ema=True, ema_momentum=0.998
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    model.compile(optimizer, loss, jit_compile=jit_compile)
    began, waited, losses = time.perf_counter(), 0.0, []
    for step in range(1, steps + 1):
        asked = time.perf_counter()
        x, labels = next(crops)
        waited += time.perf_counter() - asked
        losses.append(float(model.train_on_batch(x, np.eye(classes, dtype="float32")[labels])))
        if log and step % max(1, steps // 10) == 0:
            log(f"step {step} of {steps}: loss {np.mean(losses[-max(1, steps // 10) :]):.4f}")
    optimizer.finalize_variable_values(model.trainable_variables)
    settle(model, crops)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "input_share": waited / seconds,
        "loss": float(np.mean(losses[-max(1, steps // 10) :])),
    }


def settle(model, crops, batches=50):
    """Take the averages of batch normalization anew, for the weights that the model has now.

    Those from training belong to weights that have changed since (Izmailov et al., 2018, do
    likewise after they have averaged weights).

    Args:
        model: A trained model.
        crops: Batches, as `Crops` gives them.
        batches: How many of them to average over, each with the same weight.
    """
    normalizations = [one for one in model.layers if hasattr(one, "moving_mean")]
    if not normalizations:
        return
    front = keras.Model(model.inputs[0], [one.output for one in normalizations])  # no GRU
    usual = [one.momentum for one in normalizations]
    for number in range(batches):
        for one in normalizations:
            one.momentum = number / (number + 1)
        front(next(crops)[0], training=True)
    for one, momentum in zip(normalizations, usual, strict=True):
        one.momentum = momentum
