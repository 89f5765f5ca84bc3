"""The engine of the companion: it finds chapters, loads data, trains models, checks exercises."""

import lazy_loader

from companion import keras_settings, quiet

quiet.install()
keras_settings.install()

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "catalogue": ["discover"],
        "datasets": ["load"],
        "training": ["Examination", "Run", "resume", "train"],
    },
)
