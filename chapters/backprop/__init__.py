"""Backprop: numbers flow to the right, gradients back to the left."""

import lazy_loader

from companion.chapter import Chapter

chapter = Chapter(
    number=2,
    title="Backprop",
    question="How does every weight of a network learn what it has to do with the error?",
    lectures="ABCDE",
    pages=("02-layers.md",),
    builds_on=("neurons",),
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "expression": ["parse"],
        "graph": ["BLOCKS", "Block", "Graph"],
        "scratch": [
            "ACTIVATIONS",
            "LOSSES",
            "Layer",
            "Trace",
            "backward",
            "check_gradient",
            "delta_rule_table",
            "fit",
            "forward",
            "gradient_descent",
            "initial_layers",
            "loss_and_gradients",
            "numerical_gradient",
            "relative_error",
        ],
    },
)
