"""Wrong answers to the exercises of `gradients`."""

import math

import numpy as np

from wrong_answers.building_blocks import length, np_sigmoid, shortened


def residual(upstream, x, first, second, *, relu1=True, relu2=True, skip=True, wrong=None):
    hidden = np.maximum(x @ first, 0)
    out = hidden @ second
    to_sum = upstream * (x + out > 0) if relu2 else upstream
    if wrong == "mask of branch":
        to_sum = upstream * (out > 0)
    delta = to_sum @ second.T
    delta = delta * (hidden > 0) if relu1 else delta
    to_x = (to_sum if skip else 0) + delta @ first.T
    if wrong == "skip upstream":
        to_x = upstream + delta @ first.T
    if wrong == "mean":
        return to_x, x.T @ delta / len(x), hidden.T @ to_sum / len(x)
    if wrong == "second from x":
        return (
            to_x,
            x.T @ delta,
            x.T @ to_sum if x.shape[1] == hidden.shape[1] else hidden.T @ to_sum,
        )
    if wrong == "product":
        to_x = to_sum * (delta @ first.T)
    return to_x, x.T @ delta, hidden.T @ to_sum


def chain(x, weights, slope, *, first=True, weigh=True):
    a, gradient = x, 1.0
    for number, w in enumerate(weights):
        z = w * a
        a = np_sigmoid(z)
        gradient *= (w if weigh and (first or number) else 1.0) * slope(a, z)
    return gradient


def fans(shape, *, places=True, only_in=False):
    *sides, a, b = shape
    area = math.prod(sides) if places else 1
    return area * a, (1 if only_in else area) * b


def first_variance(shape, activation, *, he=2.0, glorot=2.0, **o):
    inputs, outputs = fans(shape, **o)
    return he / inputs if activation == "relu" else glorot / (inputs + outputs)


def alive(batches):
    return np.concatenate([one.reshape(-1, one.shape[-1]) for one in batches]) != 0


def bottleneck(c, w, s, *, of_norm=2, short=None, short_norm=True, middle=9, last=4, bias=0):
    total = c * w + middle * w * w + last * w * w + (of_norm + bias) * (2 * w + last * w)
    short = s != 1 or c != 4 * w if short is None else short
    return total + short * (4 * w * c + (of_norm * 4 * w if short_norm else 0))


ANSWERS = {
    "gradients.residual_block_backward": [
        lambda u, x, a, b: residual(u, x, a, b, skip=False),
        lambda u, x, a, b: residual(u, x, a, b, relu1=False),
        lambda u, x, a, b: residual(u, x, a, b, relu2=False),
        lambda u, x, a, b: residual(u, x, a, b, relu1=False, relu2=False),
        lambda u, x, a, b: residual(u, x, a, b, wrong="skip upstream"),
        lambda u, x, a, b: residual(u, x, a, b, wrong="mask of branch"),
        lambda u, x, a, b: residual(u, x, a, b, wrong="mean"),
        lambda u, x, a, b: residual(u, x, a, b, wrong="product"),
        lambda u, x, a, b: tuple(-one for one in residual(u, x, a, b)),
        lambda u, x, a, b: (
            residual(u, x, a, b)[0],
            residual(u, x, a, b)[2],
            residual(u, x, a, b)[1],
        ),
    ],
    "gradients.sigmoid_chain": [
        lambda x, w: chain(x, w, lambda a, z: a * (1 - a), weigh=False),
        lambda x, w: chain(x, w, lambda a, z: z * (1 - z)),
        lambda x, w: chain(x, w, lambda a, z: a),
        lambda x, w: chain(x, w, lambda a, z: 1 - a**2),
        lambda x, w: chain(x, w, lambda a, z: a * (1 - a), first=False),
        lambda x, w: chain(x, w, lambda a, z: np_sigmoid(a) * (1 - np_sigmoid(a))),
        lambda x, w: chain(x, w[::-1], lambda a, z: a * (1 - a)),
        lambda x, w: chain(x, w, lambda a, z: 0.25),
        lambda x, w: chain(x, w, lambda a, z: 1.0),
        lambda x, w: chain(x, w[:-1], lambda a, z: a * (1 - a)),
    ],
    "gradients.initial_variance": [
        lambda s, a: first_variance(s, a) ** 0.5,
        lambda s, a: first_variance(s, "tanh"),
        lambda s, a: first_variance(s, "relu"),
        lambda s, a: first_variance(s, a, he=1.0),
        lambda s, a: first_variance(s, a, glorot=1.0),
        lambda s, a: first_variance(s, a, places=False),
        lambda s, a: first_variance(s, a, he=6.0, glorot=6.0),
        lambda s, a: first_variance(s, "tanh" if a == "relu" else "relu"),
        lambda s, a: first_variance(s, a, only_in=True),
        lambda s, a: 2 / fans(s)[1] if a == "relu" else first_variance(s, a),
    ],
    "gradients.dead_share": [
        lambda b: float(1 - alive(b).mean()),
        lambda b: float(np.mean([1 - alive([one]).any(axis=0).mean() for one in b])),
        lambda b: float(1 - alive(b[:1]).any(axis=0).mean()),
        lambda b: float(1 - alive(b).all(axis=0).mean()),
        lambda b: float(alive(b).any(axis=0).mean()),
        lambda b: int((~alive(b).any(axis=0)).sum()),
        lambda b: float(1 - np.mean(np.concatenate(b).any(axis=0))),
        lambda b: float(1 - alive(b[-1:]).any(axis=0).mean()),
        lambda b: float(1 - alive(b).any(axis=1).mean()),
        lambda b: 100 * float(1 - alive(b).any(axis=0).mean()),
    ],
    "gradients.clip_by_global_norm": [
        lambda g, n: [shortened([one], n, length([one]))[0] for one in g],
        lambda g, n: [np.clip(one, -n, n) for one in g],
        lambda g, n: [one * n / length(g) for one in g],
        lambda g, n: shortened(g, n, length(g) ** 2),
        lambda g, n: shortened(g, n, sum(length([one]) for one in g)),
        lambda g, n: [one / length(g) if length(g) > n else one for one in g],
        lambda g, n: shortened(g, n, max(length([one]) for one in g)),
        lambda g, n: shortened(g, n, np.mean([length([one]) for one in g])),
        lambda g, n: [one * 0 if length(g) > n else one for one in g],
        lambda g, n: [one * length(g) / n if length(g) > n else one for one in g],
    ],
    "gradients.bottleneck_parameters": [
        lambda *a: bottleneck(*a, of_norm=0),
        lambda *a: bottleneck(*a, of_norm=4),
        lambda *a: bottleneck(*a, bias=1),
        lambda *a: bottleneck(*a, short=True),
        lambda *a: bottleneck(*a, short=False),
        lambda c, w, s: bottleneck(c, w, s, short=s != 1),
        lambda c, w, s: bottleneck(c, w, s, short=c != 4 * w),
        lambda *a: bottleneck(*a, short_norm=False),
        lambda *a: bottleneck(*a, middle=3),
        lambda *a: bottleneck(*a, last=1),
    ],
    "gradients.name_the_fault": [
        lambda case: "overfitting",
        lambda case: "nothing",
        lambda case: "underfitting",
        lambda case: "vanishing gradients",
        lambda case: "exploding gradients",
        lambda case: "",
        lambda case: "Overfitting",
        lambda case: "the learning rate is too high",
        lambda case: "dead units",
        lambda case: "the data are not scaled",
    ],
}

LATER = {
    "gradients.name_the_fault": [
        lambda case: case,
        lambda case: "vanishing gradients" if case else "nothing",
        lambda case: "overfitting" if case else "",
    ],
}
