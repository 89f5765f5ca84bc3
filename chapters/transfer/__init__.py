"""Transfer: begin with what another network has learned."""

import lazy_loader

from companion.chapter import Chapter, Model

chapter = Chapter(
    number=11,
    title="Transfer",
    question="How much of a network that was trained for something else can you keep?",
    lectures="E",
    pages=("02-the-matrix-tried.md",),
    builds_on=("convnets", "regularization"),
    models=(
        Model(
            "transfer_cnn", 40_181, (8, 8, 1), "ours: three stages that can be locked one by one"
        ),
    ),
    data="sources",
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "fine_tuning": ["extracted", "fine_tune", "open_layers", "with_head"],
        "models": ["transfer_cnn"],
        "pretrained": ["load_base", "without_top"],
        "scratch": [
            "Layer",
            "batch_norm",
            "linear_probe",
            "moving_arrays",
            "passes_through",
            "recommend",
        ],
        "sources": ["block_means", "draw_letters", "of_classes"],
    },
)
