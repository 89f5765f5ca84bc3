"""LeNet-5 for the browser: trained on MNIST once, its weights kept as float16 beside the page."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from companion.data_files import recorded

RECORD = "lenet5_mnist"
COMMAND = "companion train lenet5 --data mnist --seed 0 --output runs/lenet5-mnist"
WEIGHTS = Path(__file__).with_name("lenet5_weights.js")
# The order in which `arithmetic.js` reads them: the kernel, then the bias of each.
LAYERS = ("C1", "C3", "C5", "F6", "output")


def packed(model: Any) -> str:
    """Return LeNet-5's weights as base64 of float16, lowest byte first.

    Args:
        model: A trained ``lenet5()``.
    """
    arrays = [array for name in LAYERS for array in model.get_layer(name).get_weights()]
    numbers = np.concatenate([array.ravel() for array in arrays]).astype("<f2")
    return base64.b64encode(numbers.tobytes()).decode()


def keep(folder: Path) -> None:
    """Write the weights of a trained run for the page, and what the run was into the records.

    Args:
        folder: What `COMMAND` made.
    """
    import keras
    import pandas as pd

    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    model = keras.models.load_model(folder / "model.keras", compile=False)
    WEIGHTS.write_text(
        "// LeNet-5's 61,706 weights as float16, trained on MNIST; written by in_browser.py.\n"
        f'const LENET5_WEIGHTS = "{packed(model)}";\n',
        encoding="utf-8",
    )
    history = pd.read_csv(folder / "history.csv")
    content = {
        "command": COMMAND,
        "then": "python -m chapters.convnets.in_browser runs/lenet5-mnist",
        **{key: run[key] for key in ("seed", "metrics", "seconds", "versions")},
        "recipe": run["asked"]["recipe"],
        "hardware": run["hardware"],
        "history": {name: history[name].round(6).tolist() for name in history},
    }
    recorded(RECORD).write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
