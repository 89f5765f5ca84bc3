"""Training: one call from a model and a data set's name to a run that can be read and resumed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "examination": ["Examination"],
        "run": ["Run"],
        "recipe": ["Recipe"],
        "trainer": ["resume", "train"],
    },
)
