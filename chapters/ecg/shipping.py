"""The detector that is shipped: made from the rows that the study kept, and recorded with them.

``python -m chapters.ecg.shipping`` in ``work``, in the folder of the study `atrial_fibrillation`.
"""

import keras

from chapters.ecg import studies
from chapters.ecg.detector import Detector, with_weights
from chapters.ecg.experts import Expert
from chapters.ecg.recordings import AF
from companion.data_files import data_folder
from companion.datasets.dataset import SPLITS
from companion.studies.provenance import machine, versions

SEED = 0


def ship():
    """Write ``data/weights/ecg.npz`` and ``ecg.json`` and return the detector."""
    *readers, (expert_name, _) = studies.readers_of(studies.BEST, SEED)
    prepared = studies.study_data(False)
    keras.utils.clear_session()
    networks = [
        with_weights(one.name, studies.cached_answers(one, prepared), "weight") for one in readers
    ]
    expert = Expert.of(studies.fitted_expert(expert_name, prepared))
    classes, took = studies.opinions(studies.BEST, SEED, prepared)
    values, thresholds = studies.judged({part: p[:, AF] for part, p in classes.items()}, prepared)
    detector = Detector(networks, expert, thresholds)
    folder = data_folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    detector.save(
        folder / "ecg.npz",
        {
            "chapter": "ecg",
            "row": studies.BEST,
            "seed": SEED,
            "data": "cinc2017",
            "recordings": {part: len(getattr(prepared.data, part)) for part in SPLITS},
            "training_seconds": round(took["seconds"], 1),
            "scores": {name: round(value, 4) for name, value in values.items()},
            "command": "companion study atrial_fibrillation && python -m chapters.ecg.shipping",
            "versions": versions(),
            "machine": machine(),
        },
    )
    return detector


if __name__ == "__main__":
    ship()
