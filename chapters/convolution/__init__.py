"""Convolution: one small set of weights, used everywhere in the image."""

import lazy_loader

from companion.chapter import Chapter

chapter = Chapter(
    number=5,
    title="Convolution",
    question="How does one small set of weights read a whole image?",
    lectures="ABCDE",
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"scratch": ["output_size"]},
)
