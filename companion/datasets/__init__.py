"""Named data: train, validation and test splits that arrive ready for a model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "dataset": ["Card", "Dataset", "Split"],
        "prepared": ["TensorFlowDatasets"],
        "source": ["Generated", "PlainFiles", "Source"],
        "sources": ["find", "known", "load"],
    },
)
