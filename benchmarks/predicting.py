"""Reading recordings: `companion predict ecg` on as many as the challenge's test set had kept back.

    python benchmarks/predicting.py [FOLDER] [--files 1189] [--json FILE]

FOLDER holds recordings (the challenge's ``training2017``, say); without one, recordings of 9 to
61 s are made up. The command runs as from a shell, start and imports included: on 100 files, to see
that memory does not grow with their number, on all of them, and on all with a drawing each. Printed
are seconds, also for 1,189 files, and until the first answer; processor time of all threads; and
the most memory taken at once. The targets are for a quiet machine of two cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from chapters.ecg.synthetic import electrocardiogram

FEW = 100
TARGETS = {"drawn": 120.0, "not drawn": 35.0}  # seconds for 1,189 recordings on two cores
AS_MANY = 1189


def made_up(folder: Path, count: int) -> list[Path]:
    """Write recordings in mV at 300 Hz, as long as the challenge's, and return their files."""
    files = []
    for number in range(count):
        rng = np.random.default_rng(number)
        seconds = int(np.clip(rng.choice((30, 30, 30, rng.integers(9, 61))), 9, 61))
        files.append(folder / f"{number:05}.npy")
        np.save(files[-1], electrocardiogram(number % 2, seconds, rng).astype("float32"))
    return files


def measured(files: list[Path], drawings: Path | None) -> dict[str, float]:
    """Return what `companion predict ecg` takes for some files."""
    command = [sys.executable, "-m", "companion", "predict", "ecg", *map(str, files)]
    if drawings:
        command += ["--output", str(drawings)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    first = time.perf_counter() - start
    answers = 1 + sum(" atrial fibrillation" in line for line in process.stdout)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert os.waitstatus_to_exitcode(status) in (0, 1), "the command did not come to its end"
    return {
        "files": len(files),
        "answers": answers,
        "seconds": round(seconds, 2),
        "seconds_per_1189": round(seconds / len(files) * AS_MANY, 1),
        "first_answer_seconds": round(first, 2),
        "processor_ms_per_file": round(1e3 * (used.ru_utime + used.ru_stime) / len(files), 1),
        "peak_megabytes": round(used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)),
    }


def main() -> None:
    """Measure, print a table, and write JSON where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--files", type=int, default=AS_MANY)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    columns = ("files", "s", "s/1,189", "target", "first, s", "CPU, ms/file", "peak, MB")
    table = Table("", *columns, title="companion predict ecg")
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = sorted(asked.folder.glob("*.mat")) if asked.folder else []
        if asked.folder and not files:
            parser.error(f"{asked.folder} holds no .mat")
        files = files or made_up(folder, asked.files)
        files = files[:: max(1, len(files) // asked.files)][: asked.files]
        runs = {
            "few": (files[:FEW], None, ""),
            "not drawn": (files, None, f"{TARGETS['not drawn']:g}"),
            "drawn": (files, folder / "drawings", f"{TARGETS['drawn']:g}"),
        }
        for what, (some, drawings, target) in runs.items():
            one = rows[what] = measured(some, drawings)
            table.add_row(
                what, str(one["files"]), f"{one['seconds']:.1f}", f"{one['seconds_per_1189']:.1f}",
                target, f"{one['first_answer_seconds']:.1f}", f"{one['processor_ms_per_file']:.0f}",
                f"{one['peak_megabytes']:.0f}",
            )  # fmt: skip
    Console().print(table)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
