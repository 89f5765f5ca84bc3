"""Convolution: one small set of weights, used everywhere in the image."""

import lazy_loader

from companion.chapter import Chapter

chapter = Chapter(
    number=5,
    title="Convolution",
    question="How does one small set of weights read a whole image?",
    lectures="ABCDE",
    pages=("02-channels-and-filters.md", "03-pooling-and-receptive-fields.md"),
    builds_on=("backprop",),
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "scratch": [
            "convolution",
            "convolution_backward",
            "convolution_loops",
            "convolution_loops_backward",
            "convolution_matrix",
            "convolve",
            "cross_correlate",
            "dense_parameter_count",
            "global_pool",
            "multiply_count",
            "output_size",
            "padding_sides",
            "parameter_count",
            "pool",
            "pool_backward",
            "receptive_field",
        ]
    },
)
