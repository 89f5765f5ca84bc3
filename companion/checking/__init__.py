"""Exercises: written once, checked in a box, diagnosed by the mistake that was made."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "authoring.exercise": ["exercise", "gradient_exercise", "model_exercise"],
    },
)
