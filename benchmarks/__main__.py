"""Everything that is measured on a CPU: grading, training, recordings, and how cost grows.

    python -m benchmarks [--full | --small] [--only PART …] [--json FILE]

It prints rows as they come and writes the file anew with each part. Without --full it takes few
hand-ins, rounds and sizes, leaves MNIST out, and takes under five minutes on two cores; --full is
what the book prints:

    python -m benchmarks --full --json data/results/benchmarks.json

A part that is measured again takes its place in the file beside those that stand there. What is
measured on a card is in `benchmarks/gpu.py` and `benchmarks/precision.py`.
"""

import argparse
import datetime
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path

from benchmarks import graders, growth, mnist, predicting, training

PARTS = ("graders", "training", "mnist", "predicting", "growth")
QUICK = tuple(part for part in PARTS if part != "mnist")  # trains for minutes at any size
PACKAGES = ("keras", "tensorflow", "torch", "jax", "numpy", "mkdocs")
QUESTION = "How fast is this book's code beside others' on one processor, and how does it grow?"


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", dest="size", action="store_const", const="full", default="quick")
    size.add_argument("--small", dest="size", action="store_const", const="small",
                      help="try the code out: its numbers mean nothing")  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--environments",
        type=Path,
        default=Path("~/.cache/lecture-companion/benchmarks").expanduser(),
        help="where the other graders are installed",
    )
    options = parser.parse_args()
    before = {}
    if options.json and options.json.exists():
        before = json.loads(options.json.read_text(encoding="utf-8"))
        if before.get("size") != options.size:
            parser.error(f"{options.json} holds a {before.get('size')} run. Choose another file.")
    record = {
        "question": QUESTION,
        "command": f"python -m benchmarks --{options.size}".replace(" --quick", ""),
        "size": options.size,
        "machine": machine(),
        "versions": versions(),
        "parts": before.get("parts", {}),
    }
    for name in options.only or (QUICK if options.size == "quick" else PARTS):
        print(f"\n== {name}, load {os.getloadavg()[0]:.1f}", flush=True)
        began = time.perf_counter()
        part = {"graders": lambda: graders.measure(options.size, options.environments),
                "training": lambda: training.measure(options.size),
                "mnist": lambda: mnist.measure(options.size),
                "predicting": lambda: predicting.measure(options.size),
                "growth": lambda: growth.measure(options.size)}[name]()  # fmt: skip
        part["date"] = datetime.date.today().isoformat()
        part["took"] = round(time.perf_counter() - began, 1)
        part["load"] = os.getloadavg()[0]
        record["parts"][name] = part
        record["seconds"] = sum(one["took"] for one in record["parts"].values())
        if options.json:
            options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def machine() -> dict:
    """What it runs on."""
    from companion.training import hardware

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": hardware.processor(),
        "cores": growth.cores(),
        "gigabytes": round(memory / 1e9, 1),
        "system": platform.platform(terse=True),
    }


def versions() -> dict[str, str]:
    """The versions of Python and of what is compared, as far as it is installed."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


if __name__ == "__main__":
    main()
