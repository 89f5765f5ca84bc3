"""What a browser does: LeNet-5 in JavaScript beside Keras, and an exercise checked in the page.

Run it from the repository's root, with Node.js on the path:

    python benchmarks/browser.py

With Chromium and `COMPANION_PYODIDE` it also builds the site, strictly, and checks a first wrong
answer in browsers that have loaded nothing yet.
"""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from statistics import median
from time import perf_counter

import keras
import numpy as np

import companion
from chapters.convnets import lenet5

BUDGET_MS = 5
BUDGET_S = {"strict build": 60, "first check": 6, "next check": 0.4}
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

# From nothing loaded to a verdict, and then the same once more.
CHECK = """async (given) => {
  const worker = new Worker("assets/python.mjs", { type: "module" });
  const ask = () => new Promise((resolve, reject) => {
    worker.onerror = () => reject(new Error("This site has no Python in its pages."));
    worker.onmessage = ({ data }) => ("answer" in data || "failed" in data) && resolve(data);
    worker.postMessage({ call: "checked", given });
  });
  const seconds = [];
  for (let i = 0; i < 2; i++) {
    const began = performance.now();
    const { answer, failed } = await ask();
    if (!answer?.verdicts[0].mistake) throw new Error(failed ?? "no mistake was named");
    seconds.push((performance.now() - began) / 1000);
  }
  return seconds;
}"""
MISTAKEN = """def output_size(size, kernel, padding, stride):
    return (size + padding - kernel) // stride + 1
"""


def main() -> None:
    """Measure, and print one line for each contestant."""
    forward()
    if "COMPANION_PYODIDE" in os.environ:
        with tempfile.TemporaryDirectory() as folder:
            check_in_the_page(Path(folder))


class Server(http.server.SimpleHTTPRequestHandler):
    """A file server that keeps its log to itself."""

    def log_message(self, *_) -> None:
        """Say nothing."""


def check_in_the_page(folder: Path, rounds: int = 5) -> None:
    """Print the seconds of a strict build, of a browser's first check, and of its second."""
    from playwright.sync_api import sync_playwright

    start = perf_counter()
    subprocess.run([sys.executable, "-m", "companion", "site", str(folder)], check=True)
    seconds = {"strict build": [perf_counter() - start], "first check": [], "next check": []}
    serve = functools.partial(Server, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        for _ in range(rounds):
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            first, second = page.evaluate(CHECK, ["convolution.output_size", MISTAKEN])
            seconds["first check"].append(first)
            seconds["next check"].append(second)
            browser.close()
    server.shutdown()
    for name, times in seconds.items():
        budget = BUDGET_S[name]
        print(f"{name:36}{median(times):10.2f} s, from {min(times):.2f} to {max(times):.2f}")
        print(f"{'held under':36}{budget:10.2f} s  {'yes' if median(times) <= budget else 'NO'}")


def forward() -> None:
    """Print how long a digit takes through LeNet-5."""
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
