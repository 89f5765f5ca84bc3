"""A real example: atrial fibrillation from ten seconds of a single-lead ECG."""

from typing import Any

import lazy_loader

from companion.chapter import Chapter, Model

HONG_2019 = (
    "Hong, Xiao, Ma, Li, Sun (2019), "
    "MINA: multilevel knowledge-guided attention for modeling electrocardiography signals"
)
HANNUN_2019 = (
    "Hannun, Rajpurkar, Haghpanahi, Tison, Bourn, Turakhia, Ng (2019), Cardiologist-level "
    "arrhythmia detection and classification in ambulatory electrocardiograms using a deep neural "
    "network"
)
SMALL = {"input_shape": (600, 1), "stages": ((4, 1, 3), (6, 1, 3))}
# AdamW on a cosine, and in the end a running mean of the weights, which is quieter than any of
# them; the labels are smoothed, as experts disagree on them too.
RECIPE = {
    "optimizer": "adamw", "learning_rate": 1.5e-3, "warmup": 0.06, "weight_decay": 0.02,
    "no_decay": (), "clip_norm": 1.0, "averaging": 0.998, "label_smoothing": 0.05,
    "batch_size": 32, "keep": "last", "epochs": 10,
}  # fmt: skip
CROPS: dict[str, Any] = {"data": "ecg_synthetic", "batches": "crops.draw"}
GRU = {**SMALL, "units": 4}
MODELS = (
    Model("cnn", 315_204, (3000, 1), HONG_2019, small=SMALL, **CROPS,
          recipe={**RECIPE, "steps": 800}),
    Model("crnn", 336_708, (3000, 1), HONG_2019, small=GRU, **CROPS,
          recipe={**RECIPE, "steps": 4000}),
    Model("acrnn", 338_820, (3000, 1), HONG_2019, small=GRU, **CROPS,
          recipe={**RECIPE, "steps": 4000}),
    Model("mina", 114_268, (3000, 1), HONG_2019, **CROPS,
          recipe={**RECIPE, "learning_rate": 2e-3, "steps": 3000},
          small={"input_shape": (300, 1), "edges": (30.0, 60.0), "dropout": 0.0}),
    Model("cardiologist", 10_466_148, (3000, 1), HANNUN_2019, data="ecg_synthetic", effort=0.02,
          small={"input_shape": (256, 1), "filters": 2, "kernel": 3}),
    # XLA makes a step of a GRU with a mask far slower on a CPU, and one of the others quicker.
    Model("beat_reader", 24_748, (40, 77), "ours: beats in a row", data="ecg_synthetic",
          batches="crops.draw_beats", recipe={**RECIPE, "learning_rate": 2e-3, "batch_size": 64,
                                              "steps": 4000, "jit_compile": False}),
)  # fmt: skip

chapter = Chapter(
    number=10,
    title="A real example: ECG",
    question="How is atrial fibrillation found in ten seconds of a heartbeat?",
    lectures="ADE",
    pages=("02-judging-a-detector.md",),
    builds_on=("convnets", "memory"),
    models=MODELS,
    reader="reading",
    data="sources",
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "beats": ["beat_rows"],
        "crops": ["Balanced", "BeatCrops", "Crops"],
        "detector": ["Detector", "together"],
        "experts": ["Expert", "logistic_regression", "random_forest"],
        "features": ["expert_features", "find_beats"],
        "models": ["acrnn", "attention", "beat_reader", "cardiologist", "cnn", "crnn", "mina"],
        "protocol": ["best_threshold", "bootstrap", "by_recording", "scores", "windows"],
        "recordings": ["read_recording"],
    },
)
