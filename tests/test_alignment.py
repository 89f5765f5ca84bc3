"""Which layers of two models go with each other."""

import pytest

from companion.checking.authoring.alignment import aligned, differ
from companion.checking.authoring.graph import LayerRow


def row(layer, parameters=0, **config):
    return LayerRow(layer.lower(), layer, layer, config, None, (), parameters)


def act(activation):
    return row("Activation", activation=activation)


def of_keys(count, value):
    """So many values of a configuration, all of them the same."""
    return {f"key{number}": value for number in range(count)}


FLAT = row("Flatten")
LENET = [
    row("Conv2D", 10),
    act("relu"),
    row("MaxPooling2D"),
    FLAT,
    row("Dense", 20),
    act("softmax"),
]
PAIRED = {  # two models, and which layer of the first goes with which of the second
    "the same kind": ([row("Dense", 10, units=8)], [row("Dense", 20, units=16)], [(0, 0)]),
    "another kind with weights": ([row("Dense", 10)], [row("LSTM", 20)], [(0, 0)]),
    "nothing in common": ([row("Dense", 10)], [FLAT], [(None, 0), (0, None)]),
    "nothing in common, without weights": ([act("relu")], [FLAT], [(None, 0), (0, None)]),
    "equal": ([FLAT], [FLAT], [(0, 0)]),
    "equal activations": ([act("relu")], [act("relu")], [(0, 0)]),
    "other activations": ([act("relu")], [act("tanh")], [(0, 0)]),
    "the equal one of two activations": (
        [act("relu")],
        [act("relu"), act("tanh")],
        [(0, 0), (None, 1)],
    ),
    "the more alike, first": (
        [row("Conv2D", 10, filters=8, size=3)],
        [row("Conv2D", 20, filters=16, size=3), row("Conv2D", 20, filters=16, size=5)],
        [(0, 0), (None, 1)],
    ),
    "the more alike, last": (
        [row("Conv2D", 10, filters=8, size=3)],
        [row("Conv2D", 20, filters=16, size=5), row("Conv2D", 20, filters=16, size=3)],
        [(None, 0), (0, 1)],
    ),
    "an activation is forgotten more easily": (
        [act("relu"), row("Dropout", rate=0.5)],
        [row("Dropout", rate=0.2), act("relu")],
        [(0, None), (1, 0), (None, 1)],
    ),
    "and is moved where the others are unlike": (
        [act("relu"), row("Dropout", **of_keys(3, 1))],
        [row("Dropout", **of_keys(3, 2)), act("relu")],
        [(None, 0), (0, 1), (1, None)],
    ),
    "as many weights, first": (
        [row("Dense", 10)],
        [row("LSTM", 10), row("GRU", 20)],
        [(0, 0), (None, 1)],
    ),
    "as many weights, last": (
        [row("Dense", 10)],
        [row("GRU", 20), row("LSTM", 10)],
        [(None, 0), (0, 1)],
    ),
    "the very same before as many weights": (
        [row("Dense", 10)],
        [row("Dense", 10), row("LSTM", 10)],
        [(0, 0), (None, 1)],
    ),
    "four values before another kind": (
        [row("Dense", 10, **of_keys(4, 1))],
        [row("Dense", 20, **of_keys(4, 2)), row("LSTM", 20)],
        [(0, 0), (None, 1)],
    ),
    "all values before as many weights": (
        [row("Dense", 10, **of_keys(12, 1))],
        [row("LSTM", 10), row("Dense", 20, **of_keys(12, 2))],
        [(None, 0), (0, 1)],
    ),
    "only one is random": ([row("Dropout")], [FLAT], [(None, 0), (0, None)]),
    "two that are random": ([row("GaussianNoise")], [row("GaussianDropout")], [(0, 0)]),
    "the same random kind first": (
        [row("GaussianNoise", **of_keys(3, 1))],
        [row("GaussianNoise", **of_keys(3, 2)), row("GaussianDropout")],
        [(0, 0), (None, 1)],
    ),
    "two that pool": ([row("MaxPooling2D")], [row("AveragePooling2D")], [(0, 0)]),
    "the same pooling first": (
        [row("MaxPooling2D", **of_keys(3, 1))],
        [row("MaxPooling2D", **of_keys(3, 2)), row("AveragePooling2D")],
        [(0, 0), (None, 1)],
    ),
    "two that join": ([row("Add")], [row("Subtract")], [(0, 0)]),
    "one that joins and one that pools": (
        [row("Add")],
        [row("MaxPooling2D")],
        [(None, 0), (0, None)],
    ),
    "the first is missing": ([row("Conv2D", 10), FLAT], [FLAT], [(0, None), (1, 0)]),
    "one more in front": ([FLAT], [row("Conv2D", 10), FLAT], [(None, 0), (0, 1)]),
    "one is missing, and one is more": (
        LENET,
        [LENET[0], *LENET[2:4], row("Dropout"), *LENET[4:]],
        [(0, 0), (1, None), (2, 1), (3, 2), (None, 3), (4, 4), (5, 5)],
    ),
}


@pytest.mark.parametrize(("expected", "received", "pairs"), PAIRED.values(), ids=PAIRED)
def test_layers_are_paired_with_those_most_alike_in_their_order(expected, received, pairs):
    def place(wanted, rows):
        return next((number for number, each in enumerate(rows) if each is wanted), None)

    found = [(place(a, expected), place(b, received)) for a, b in aligned(expected, received)]
    assert found == pairs


def test_how_weights_start_sets_no_two_layers_apart():
    first = row("Dense", 10, units=8, kernel_initializer="zeros")
    second = row("Dense", 10, units=9, kernel_initializer="ones")
    assert differ(first, second, "units")
    assert not differ(first, first, "units")
    assert not differ(first, second, "kernel_initializer")
