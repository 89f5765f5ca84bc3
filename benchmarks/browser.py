"""LeNet-5 as the page runs it, in JavaScript, beside Keras: one digit, forward.

Run it from the repository's root, with Node.js on the path:

    python benchmarks/browser.py
"""

import json
import subprocess
from pathlib import Path
from statistics import median
from time import perf_counter

import keras
import numpy as np

import companion
from chapters.convnets import lenet5

BUDGET_MS = 5
CHAPTERS = Path(__file__).parents[1] / "chapters"
PROGRAM = """
const [arithmetic, weightsFile] = process.argv.slice(1);
const a = require(arithmetic);
const fs = require("fs");
const weights = a.lenetWeights(fs.readFileSync(weightsFile, "utf-8").split('"')[1]);
const image = Float32Array.from(JSON.parse(fs.readFileSync(0, "utf-8")));
const times = [];
for (let i = 0; i < 300; i++) {
  const start = performance.now();
  a.lenet5(weights, image);
  times.push(performance.now() - start);
}
console.log(times.slice(50).sort((x, y) => x - y)[125]);
"""


def main() -> None:
    """Measure, and print one line for each contestant."""
    image = companion.load("digits").fitted_to((28, 28, 1)).test.x[:1]
    files = [CHAPTERS / "assets" / "arithmetic.js", CHAPTERS / "convnets" / "lenet5_weights.js"]
    ran = subprocess.run(
        ["node", "-e", PROGRAM, *files],
        input=json.dumps(image.ravel().astype(float).tolist()),
        capture_output=True,
        text=True,
        check=True,
    )
    by_hand = float(ran.stdout)
    model = lenet5()
    times = []
    for _ in range(30):
        start = perf_counter()
        keras.ops.convert_to_numpy(model(np.copy(image)))
        times.append(1000 * (perf_counter() - start))
    for name, time in {"JavaScript, by hand": by_hand, "Keras, eager": median(times[5:])}.items():
        print(f"{name:36}{time:10.2f} ms{time / by_hand:10.2f} ×")
    print(
        f"{'forward, held under':36}{BUDGET_MS:10.2f} ms  {'yes' if by_hand < BUDGET_MS else 'NO'}"
    )


if __name__ == "__main__":
    main()
