"""Exercises: written once, checked in a sandbox, diagnosed by the mistake that was made."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "authoring.exercise": ["exercise"],
        "authoring.gradients": ["gradient_exercise"],
        "authoring.models": ["model_exercise"],
        "classroom.assertions": ["assert_passes"],
    },
)
