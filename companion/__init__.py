"""The engine of the companion: it finds chapters, loads data, trains models, checks exercises."""

import os

import lazy_loader

# TensorFlow reads this when it is imported: its start-up messages are for its developers.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "catalogue": ["discover"],
        "datasets": ["load"],
        "training": ["Run", "resume", "train"],
    },
)
