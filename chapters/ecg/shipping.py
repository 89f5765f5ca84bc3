"""The detector that is shipped: made from the rows that the study kept, and recorded with them.

``python -m chapters.ecg.shipping`` after ``companion study atrial_fibrillation``.
"""

import keras
import numpy as np

from chapters.ecg import models, studies
from chapters.ecg.detector import Detector
from chapters.ecg.experts import Expert
from companion.data_files import data_folder
from companion.studies.provenance import machine, versions

SEED = 0


def ship():
    """Write ``data/weights/ecg.npz`` and ``ecg.json`` and return the detector."""
    *readers, (expert_name, _) = studies.members(studies.BEST, SEED)
    names = [name for name, _ in readers]
    of = studies.material(False)
    keras.utils.clear_session()
    networks = []
    for name, seed in readers:
        networks.append(getattr(models, name)())
        with np.load(studies.kept(name, seed) / "weights.npz") as kept:
            networks[-1].set_weights([kept[key].astype("float32") for key in kept.files])
    expert = Expert.of(studies.fitted_expert(expert_name, of))
    classes, took = studies.opinions(studies.BEST, SEED, of)
    values, thresholds = studies.judged({part: p[:, 1] for part, p in classes.items()}, of)
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
            "recordings": {part: len(getattr(of.data, part)) for part in ("train", *studies.PARTS)},
            "rounds": {name: studies.ROUNDS[name] for name in names},
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
