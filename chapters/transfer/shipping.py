"""The base that is shipped: trained on the digits 0 to 4 of MNIST, recorded with how it was made.

``python -m chapters.transfer.shipping``. It has never seen a digit from 5 to 9, nor any digit of
the embedded set.
"""

import hashlib
import json

import numpy as np

import companion
from chapters.transfer.sources import PIXELS, block_means, of_classes
from companion.data_files import data_folder
from companion.datasets.dataset import SPLITS
from companion.studies.provenance import machine, versions

NAME = "digits_0_to_4"
SEED, EPOCHS, CLASSES = 0, 8, 5
MARGIN = 2  # MNIST's digits lie in a frame of zeros


def material():
    """Return MNIST's digits 0 to 4, 8×8: means of 3×3 blocks of their inner 24×24 pixels."""
    data = of_classes(companion.load("mnist"), slice(CLASSES))
    inner = slice(MARGIN, -MARGIN)
    return data.changed((PIXELS, PIXELS, 1), lambda x: block_means(x[:, inner, inner, 0], PIXELS))


def ship():
    """Train the base; write ``data/weights/digits_0_to_4.npz`` and its card, ``….json``."""
    from chapters.transfer.models import transfer_cnn
    from chapters.transfer.pretrained import without_top

    data = material()
    run = companion.train(
        transfer_cnn, data, seed=SEED, epochs=EPOCHS, shift=1, turn=10.0, zoom=0.15,
        precision="float32", devices="cpu",
    )  # fmt: skip
    path = data_folder() / "weights" / f"{NAME}.npz"
    weights = without_top(run.model).get_weights()
    arrays = {f"weight{k:02d}": array.astype("float16") for k, array in enumerate(weights)}
    np.savez_compressed(path, **arrays)
    card = {
        "chapter": "transfer",
        "network": "transfer_cnn without hidden layer and head, float16",
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
