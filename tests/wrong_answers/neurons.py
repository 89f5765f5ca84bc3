"""Wrong answers to the exercises of `neurons`."""

import numpy as np

from wrong_answers.building_blocks import np_sigmoid, one_hot, probabilities


def entropy(z, t, reduce=np.mean, low=1e-7):
    p = np.clip(np_sigmoid(z), low, 1 - low)
    return float(reduce(-t * np.log(p) - (1 - t) * np.log(1 - p)))


def stable(z, t):
    return np.maximum(z, 0) - t * z + np.log1p(np.exp(-abs(z)))


def above(z, at_zero=-1.0):
    return np.where(z > 0, 1.0, np.where(z < 0, -1.0, at_zero))


def update(w, b, x, t, rate, *, answer=above, no_bias=False, sign=1, move_bias=1.0, scale=1.0):
    error = sign * (t - answer(x @ w + (0 if no_bias else b)))
    return w + scale * rate * error * x, b + move_bias * scale * rate * float(error)


def sweep(w, b, examples, y, *, answer=above, scale=1.0, sign=1, bias=1.0, batch=False, count="no"):
    first, wrong = (w, b), 0
    for x, t in zip(examples, y, strict=True):
        at = first if batch else (w, b)
        error = t - answer(x @ at[0] + at[1])
        w, b = w + sign * scale * error * x, b + sign * bias * scale * float(error)
        if count == "after":
            wrong += int(answer(x @ w + b) != t)
        elif count == "right":
            wrong += int(error == 0)
        elif count == "sum":
            wrong += int(abs(error))
        else:
            wrong += int(error != 0)
        if count == "first" and error:
            break
    return w, b, wrong


def xor(points, first=0.5, second=1.5, weights=(1, -1), bias=-1, out=above, hidden=above):
    total = points.sum(axis=1)
    return out(weights[0] * hidden(total - first) + weights[1] * hidden(total - second) + bias)


def scores(logits, labels, *, reduce=np.mean):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return reduce(-log_p[np.arange(len(labels)), labels])


def kl_terms(p, q, log=np.log):
    return np.where(p > 0, p * log(np.where(p > 0, p, 1) / q), 0)


ANSWERS = {
    "neurons.hinge": [
        lambda z, y: float(np.sum(np.maximum(0, 1 - y * z))),
        lambda z, y: float(np.mean(1 - y * z)),
        lambda z, y: float(np.mean(np.maximum(0, -y * z))),
        lambda z, y: float(np.mean(np.maximum(0, 1 + y * z))),
        lambda z, y: float(np.mean(np.maximum(0, 1 - y * z) ** 2)),
        lambda z, y: float(np.mean(np.maximum(0, 1 - z))),
        lambda z, y: np.maximum(0, 1 - y * z),
        lambda z, y: float(np.mean(np.maximum(0, 1 - (y + 1) / 2 * z))),
        lambda z, y: float(np.mean(np.maximum(0, 1 - y * np.sign(z)))),
        lambda z, y: float(max(0, np.mean(1 - y * z))),
    ],
    "neurons.binary_cross_entropy": [
        lambda z, t: entropy(z, t),
        lambda z, t: float(np.sum(stable(z, t))),
        lambda z, t: float(np.mean(np.where(t > 0, stable(z, t), 0))),
        lambda z, t: -float(np.mean(stable(z, t))),
        lambda z, t: float(np.mean(stable(z, 1 - t))),
        lambda z, t: stable(z, t),
        lambda z, t: float(np.mean(stable(np_sigmoid(z), t))),
        lambda z, t: float(np.mean((np_sigmoid(z) - t) ** 2)),
        lambda z, t: float(np.mean(np.maximum(z, 0) - t * z)),
        lambda z, t: float(np.mean(stable(z, t)) / np.log(2)),
    ],
    "neurons.softmax": [
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(),
        lambda z: np.exp(z - z.max(axis=1, keepdims=True)),
        lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
        lambda z: probabilities(z.T).T if len(z) else z,
        lambda z: np_sigmoid(z),
        lambda z: np.log(probabilities(z) + 1e-300),
        lambda z: probabilities(-z),
        lambda z: one_hot(z, z.argmax(axis=1)),
        lambda z: probabilities(probabilities(z)),
        lambda z: z / z.sum(axis=1, keepdims=True),
    ],
    "neurons.cross_entropy_gradient": [
        lambda z, y: probabilities(z) - one_hot(z, y),
        lambda z, y: (one_hot(z, y) - probabilities(z)) / len(y),
        lambda z, y: probabilities(z) / len(y),
        lambda z, y: (z - one_hot(z, y)) / len(y),
        lambda z, y: -one_hot(z, y) / probabilities(z) / len(y),
        lambda z, y: (probabilities(z) - one_hot(z, y)) / z.size,
        lambda z, y: (np_sigmoid(z) - one_hot(z, y)) / len(y),
        lambda z, y: (probabilities(z) - one_hot(z, y)) * one_hot(z, y) / len(y),
        lambda z, y: (probabilities(z) - one_hot(z, y)).mean(axis=0),
        lambda z, y: 2 * (probabilities(z) - one_hot(z, y)) / len(y),
    ],
    "neurons.neuron": [
        lambda x, w, b: float(above(x @ w)),
        lambda x, w, b: float(x @ w + b > 0),
        lambda x, w, b: float(above(x @ w + b, 1.0)),
        lambda x, w, b: float(np.sign(x @ w + b)),
        lambda x, w, b: float(x @ w + b),
        lambda x, w, b: float(np.tanh(x @ w + b)),
        lambda x, w, b: -float(above(x @ w + b)),
        lambda x, w, b: float(above(x @ w - b)),
        lambda x, w, b: above(x * w + b),
        lambda x, w, b: float(above(x.sum() + b)),
    ],
    "neurons.perceptron_update": [
        lambda *a: update(*a, answer=lambda z: z),
        lambda *a: update(*a, sign=-1),
        lambda *a: update(*a, move_bias=0.0),
        lambda w, b, x, t, r: update(w, b, x, t, 1.0),
        lambda *a: update(*a, scale=0.5),
        lambda w, b, x, t, r: (w + r * t * x, b + r * t),
        lambda *a: update(*a, answer=lambda z: above(z, 1.0)),
        lambda *a: update(*a, no_bias=True),
        lambda *a: update(*a, answer=np.sign),
        lambda *a: update(*a, answer=lambda z: (z > 0) * 1.0),
    ],
    "neurons.perceptron_sweep": [
        lambda *a: sweep(*a, batch=True),
        lambda *a: sweep(*a, scale=0.5),
        lambda *a: sweep(*a, answer=lambda z: above(z, 1.0)),
        lambda *a: sweep(*a, count="right"),
        lambda *a: sweep(*a, bias=0.0),
        lambda w, b, X, y: (w + y @ X, b + y.sum(), sweep(w, b, X, y)[2]),
        lambda *a: sweep(*a, count="after"),
        lambda *a: sweep(*a, sign=-1),
        lambda *a: sweep(*a, count="first"),
        lambda *a: sweep(*a, count="sum"),
    ],
    "neurons.xor_network": [
        lambda X: xor(X, weights=(1, 1), bias=-1),
        lambda X: xor(X, weights=(1, 0), bias=0),
        lambda X: -xor(X),
        lambda X: xor(X, out=lambda z: (z > 0) * 1.0),
        lambda X: xor(X, second=0.5),
        lambda X: xor(X, bias=0, out=np.sign),
        lambda X: xor(X, bias=1),
        lambda X: above(((X[:, 0] > 0.5) != (X[:, 1] > 0.5)) - 0.5),
        lambda X: xor(X, second=1.0),
        lambda X: xor(X, weights=(1, 1), bias=1),
    ],
    "neurons.sigmoid_slope": [
        np_sigmoid,
        lambda z: z * (1 - z),
        lambda z: 1 - np_sigmoid(z) ** 2,
        lambda z: np_sigmoid(np_sigmoid(z)) * (1 - np_sigmoid(np_sigmoid(z))),
        lambda z: 1 - np_sigmoid(z),
        lambda z: -np_sigmoid(z) * (1 - np_sigmoid(z)),
        lambda z: np_sigmoid(z) ** 2,
        lambda z: 1 - np.tanh(z) ** 2,
        lambda z: (z > 0) * 1.0,
        lambda z: np_sigmoid(z) * (1 + np_sigmoid(z)),
    ],
    "neurons.tanh_slope": [
        np.tanh,
        lambda z: 1 - np.tanh(z),
        lambda z: 1 - z**2,
        lambda z: 1 - np.tanh(np.tanh(z)) ** 2,
        lambda z: np_sigmoid(z) * (1 - np_sigmoid(z)),
        lambda z: np.tanh(z) ** 2,
        lambda z: np.tanh(z) ** 2 - 1,
        lambda z: np.tanh(z) * (1 - np.tanh(z)),
        lambda z: 1 + np.tanh(z) ** 2,
        lambda z: (1 - np.tanh(z)) ** 2,
    ],
    "neurons.leaky_relu_slope": [
        lambda z, a: np.where(z >= 0, 1.0, a),
        lambda z, a: np.where(z > 0, 1.0, a * z),
        lambda z, a: np.where(z > 0, z, a * z),
        lambda z, a: np.where(z > 0, 1.0, 0.0),
        lambda z, a: np.where(z > 0, a, 1.0),
        lambda z, a: np.where(z > 0, 1.0, -a),
        lambda z, a: np.where(z > 0, z, a),
        lambda z, a: np.where(z > 0, 1.0, np.where(z < 0, a, 0.0)),
        lambda z, a: np.where(z > 0, 1.0, 1 - a),
        lambda z, a: np.where(z > 0, 1.0, np.where(z < 0, a, (1 + a) / 2)),
    ],
    "neurons.cross_entropy": [
        lambda z, y: float(scores(z, y, reduce=np.sum)),
        lambda z, y: float(
            np.mean(-np.log((np.exp(z) / np.exp(z).sum(1)[:, None])[range(len(y)), y]))
        ),
        lambda z, y: -float(scores(z, y)),
        lambda z, y: scores(z, y, reduce=lambda one: one),
        lambda z, y: float(scores(z, y)) / np.log(2),
        lambda z, y: float(np.mean(-np.log(np.clip(probabilities(z), 1e-7, 1))[range(len(y)), y])),
        lambda z, y: float(np.mean(-z[np.arange(len(y)), y])),
        lambda z, y: -float(np.mean(probabilities(z)[np.arange(len(y)), y])),
        lambda z, y: float(np.mean(1 - probabilities(z)[np.arange(len(y)), y])),
        lambda z, y: float(np.mean(np.log(probabilities(z)[np.arange(len(y)), y]))),
    ],
    "neurons.kl_divergence": [
        lambda p, q: float(np.sum(q * np.log(q / np.maximum(p, 1e-12)))),
        lambda p, q: float(np.sum(p * np.log(p / q))),
        lambda p, q: -float(np.sum(p * np.log(q))),
        lambda p, q: float(kl_terms(p, q, np.log2).sum()),
        lambda p, q: float(kl_terms(p, q).mean()),
        lambda p, q: float(np.sum(np.where(p > 0, np.log(np.where(p > 0, p, 1) / q), 0))),
        lambda p, q: -float(kl_terms(p, q).sum()),
        lambda p, q: kl_terms(p, q),
        lambda p, q: float(np.sum((p - q) ** 2)),
        lambda p, q: float(abs(kl_terms(p, q)).sum()),
    ],
}

LATER = {
    "neurons.softmax": [
        lambda z: probabilities(z) / len(z),
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(axis=0),
        lambda z: probabilities(z / 2),
    ],
    "neurons.neuron": [
        lambda x, w, b: float(above(x @ w * b)),
        lambda x, w, b: float(above((x + b) @ w)),
        lambda x, w, b: float(np_sigmoid(x @ w + b)),
    ],
    "neurons.perceptron_update": [
        lambda w, b, x, t, r: (w + r * x, b + r),
        lambda w, b, x, t, r: (update(w, b, x, t, r)[0] - w, update(w, b, x, t, r)[1] - b),
        lambda w, b, x, t, r: (update(w, b, x, t, r)[0], b + r * t),
    ],
    "neurons.kl_divergence": [
        lambda p, q: (kl_terms(p, q).sum() + np.sum(q * np.log(q / np.maximum(p, 1e-9)))) / 2,
        lambda p, q: -float(np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0))),
        lambda p, q: float(kl_terms(p, q).sum() / np.log(10)),
    ],
    "neurons.tanh_slope": [
        lambda z: np.tanh(1 - z**2),
        lambda z: 1 / np.cosh(z),
        lambda z: 2 * np.tanh(z),
    ],
}
