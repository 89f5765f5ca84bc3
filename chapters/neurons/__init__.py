"""Neurons: weigh, add up, decide; and a line that turns with each mistake."""

import lazy_loader

from companion.chapter import Chapter, Model

RUMELHART_1986 = (
    "Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating errors"
)
BRIDLE_1990 = (
    "Bridle (1990), Probabilistic interpretation of feedforward classification network outputs, "
    "with relationships to statistical pattern recognition"
)

chapter = Chapter(
    number=1,
    title="Neurons",
    question="What can one neuron decide, and why does it take several to bend a line?",
    lectures="ABCDE",
    pages=("02-activations.md", "03-losses.md"),
    models=(
        Model("softmax_regression", 650, (8, 8, 1), BRIDLE_1990),
        Model("mlp", 8_970, (8, 8, 1), RUMELHART_1986),
    ),
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "models": ["mlp", "softmax_regression"],
        "scratch": [
            "absolute_error",
            "binary_cross_entropy",
            "cross_entropy",
            "forward",
            "gradients",
            "hinge",
            "initial_layers",
            "kl_divergence",
            "leaky_relu",
            "log_softmax",
            "mistake_bound",
            "network_step",
            "perceptron",
            "perceptron_step",
            "prelu_slopes",
            "randomized_leaky_relu",
            "relu",
            "replay",
            "sigmoid",
            "sign",
            "softmax",
            "softmax_slopes",
            "squared_error",
            "widest_margin",
        ],
    },
)
