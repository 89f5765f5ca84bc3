"""Tides: a chapter of a teacher's own, as small as a chapter can be."""

import lazy_loader

from companion.chapter import Chapter, Model

chapter = Chapter(
    number=99,
    title="Tides",
    question="Does the water rise or fall?",
    lectures="C",
    models=(
        Model("tide_turn", 46, (8,), "Nobody (2000), Tides", data="tide_turns"),
        Model("tide_forecaster", 9, (8,), "Nobody (2000), Tides", data="tide_heights"),
    ),
    pages=("02-tomorrow.md",),
    builds_on=("convolution",),
    data="sources",
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "models": ["tide_forecaster", "tide_turn"],
        "scratch": ["heights"],
    },
)
