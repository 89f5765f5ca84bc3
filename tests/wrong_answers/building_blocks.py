"""What wrong answers to several chapters are built of."""

import numpy as np

np_sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731


def probabilities(z):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def one_hot(z, y):
    return np.eye(z.shape[1])[y]


def length(gradients):
    return np.sqrt(sum((one**2).sum() for one in gradients))


def shortened(gradients, limit, norm):
    return [one * min(1, limit / norm) if norm else one for one in gradients]
