"""Convnets: convolution, pooling and dense layers, stacked by a plan."""

import lazy_loader

from companion.chapter import Chapter, Model

LECUN_1998 = "LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document recognition"

chapter = Chapter(
    number=6,
    title="Convnets",
    question="How are convolutions stacked into a network that recognises what it sees?",
    lectures="ABDE",
    models=(
        Model("lenet5", 61_706, (28, 28, 1), LECUN_1998),
        Model(
            "lenet5_1998",
            60_000,
            (28, 28, 1),
            LECUN_1998,
            builder="lenet5",
            arguments={"variant": "1998"},
        ),
    ),
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"models": ["lenet5"]},
)
