"""Practice: what data and machines do to a result when the network itself is right."""

import lazy_loader

from companion.chapter import Chapter

chapter = Chapter(
    number=12,
    title="Practice",
    question="What goes wrong with data and machines when the network itself is right, and how is "
    "it found?",
    lectures="ACDE",
    pages=("02-tuning.md", "03-machines.md", "04-rosetta.md", "05-grand-issues.md"),
    builds_on=("ecg", "transfer"),
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "formats": ["FORMATS", "Format", "fate"],
        "weights": ["carry_to_keras", "carry_to_pytorch", "to_keras", "to_pytorch"],
        "scratch": [
            "Report",
            "balanced_class_weights",
            "cheapest_threshold",
            "confident_disagreements",
            "cost",
            "disagreements",
            "expected_best",
            "flip_labels",
            "label_losses",
            "log_uniform",
            "out_of_fold",
            "report",
            "resampled",
        ],
    },
)
