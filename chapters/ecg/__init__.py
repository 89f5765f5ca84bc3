"""A real example: atrial fibrillation from ten seconds of a single-lead ECG."""

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

chapter = Chapter(
    number=10,
    title="A real example: ECG",
    question="How is atrial fibrillation found in ten seconds of a heartbeat?",
    lectures="E",
    models=(
        Model("cnn", 315_204, (3000, 1), HONG_2019, data="ecg_synthetic", effort=0.15, small=SMALL),
        Model(
            "crnn",
            336_708,
            (3000, 1),
            HONG_2019,
            data="ecg_synthetic",
            effort=0.15,
            small={**SMALL, "units": 4},
        ),
        Model(
            "acrnn",
            338_820,
            (3000, 1),
            HONG_2019,
            data="ecg_synthetic",
            effort=0.15,
            small={**SMALL, "units": 4},
        ),
        Model(
            "mina",
            114_268,
            (3000, 1),
            HONG_2019,
            data="ecg_synthetic",
            effort=0.15,
            small={"input_shape": (300, 1), "edges": (30.0, 60.0), "dropout": 0.0},
        ),
        Model(
            "cardiologist",
            10_466_148,
            (3000, 1),
            HANNUN_2019,
            data="ecg_synthetic",
            effort=0.02,
            small={"input_shape": (256, 1), "filters": 2, "kernel": 3},
        ),
    ),
    reader="reading",
    data="sources",
)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "beats": ["beat_rows"],
        "detector": ["Detector", "read_recording", "together"],
        "experts": ["Expert", "logistic_regression", "random_forest"],
        "features": ["expert_features", "find_beats"],
        "models": ["acrnn", "attention", "beat_reader", "cardiologist", "cnn", "crnn", "mina"],
        "protocol": ["best_threshold", "bootstrap", "by_recording", "scores", "windows"],
        "training": ["Balanced", "BeatCrops", "Crops", "fit", "settle"],
    },
)
