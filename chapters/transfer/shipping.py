"""The base that is shipped: trained on the digits 0 to 4 of MNIST, recorded with how it was made.

``python -m chapters.transfer.shipping``. It has never seen a digit from 5 to 9, nor any digit of
the embedded set.
"""

import hashlib
import json
from dataclasses import replace

import numpy as np

import companion
from chapters.transfer.sources import PIXELS, block_means
from companion.data_files import data_folder
from companion.datasets.dataset import SPLITS
from companion.studies.provenance import machine, versions
from companion.training.heads import feature_extractor

NAME = "digits_0_to_4"
SEED, EPOCHS, CLASSES = 0, 12, 5
MARGIN = 2  # MNIST's digits lie in a frame of zeros


def material():
    """Return MNIST's digits 0 to 4, 8×8: means of 3×3 blocks of their inner 24×24 pixels."""
    data = companion.load("mnist")

    def part(split):
        few = split[split.y < CLASSES]
        inner = few.x[:, MARGIN:-MARGIN, MARGIN:-MARGIN, 0]
        return replace(few, x=block_means(inner, PIXELS))

    card = replace(
        data.card, shape=(PIXELS, PIXELS, 1), class_names=data.card.class_names[:CLASSES]
    )
    return replace(data, card=card, **{name: part(getattr(data, name)) for name in SPLITS})


def ship():
    """Train the base; write ``data/weights/digits_0_to_4.npz`` and its card, ``….json``."""
    from chapters.transfer.models import transfer_cnn

    data = material()
    run = companion.train(
        transfer_cnn, data, seed=SEED, epochs=EPOCHS, shift=1, turn=10.0, zoom=0.15,
        precision="float32", devices="cpu",
    )  # fmt: skip
    path = data_folder() / "weights" / f"{NAME}.npz"
    weights = feature_extractor(run.model).get_weights()
    arrays = {f"weight{k:02d}": array.astype("float16") for k, array in enumerate(weights)}
    np.savez_compressed(path, **arrays)
    card = {
        "chapter": "transfer",
        "network": "transfer_cnn without its head, float16",
        "data": "mnist, digits 0 to 4, 8×8",
        "source": data.card.source,
        "licence": data.card.licence,
        "examples": {name: len(getattr(data, name)) for name in SPLITS},
        "seed": SEED,
        "recipe": run.asked["recipe"],
        "metrics": run.metrics,
        "seconds": round(run.seconds, 1),
        "command": "python -m chapters.transfer.shipping",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "versions": versions(),
        "machine": machine(),
    }
    text = json.dumps(card, indent=1, ensure_ascii=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    ship()
