"""Reading recordings: `companion predict ecg` on as many as the challenge's test set had kept back.

    python -m benchmarks --only predicting

The recordings are the challenge's, every so many-th, where its archive lies
(`companion datasets cinc2017`); elsewhere recordings of 9 to 61 s are made up. The command runs as
from a shell, start and imports included: on 100 files, to see that memory does not grow with their
number, on 1,189, and on as many with a drawing each. Measured are seconds, also until the first
answer; processor time of all threads; and the most memory taken at once.
"""

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

AS_MANY, FEW = 1189, 100
# More than ten each: fewer are drawn without being asked.
FILES = {"small": (11, 12), "quick": (12, 40), "full": (FEW, AS_MANY)}
TARGETS = {"drawn": 120.0, "not drawn": 35.0}  # seconds for 1,189 on two quiet cores


def measure(size: str) -> dict:
    """What the command takes for few files, for many, and for many with drawings."""
    few, count = FILES[size]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = challenge(folder, count) if size == "full" else []
        record: dict = {"recordings": "the challenge's" if files else "made up", "rows": {}}
        files = files or made_up(folder, count)
        runs = {
            "few": (files[:few], None),
            "not drawn": (files, None),
            "drawn": (files, folder / "drawings"),
        }
        for what, (some, drawings) in runs.items():
            row = record["rows"][what] = answered(some, drawings)
            aim = f" (aim {TARGETS[what]:g})" if what in TARGETS else ""
            print(
                f"{what:9} {row['files']:5,} files {row['seconds']:6.1f} s, for {AS_MANY:,} "
                f"{row['seconds_per_1189']:6.1f} s{aim}, first after {row['first_answer_seconds']} "
                f"s, {row['processor_ms_per_file']} ms a file, {row['peak_megabytes']} MB",
                flush=True,
            )
    return record


def challenge(folder: Path, count: int) -> list[Path]:
    """Unpack every so many-th of the challenge's recordings; none where they are not at hand."""
    from chapters.ecg.sources import FILES as ARCHIVES
    from companion.datasets.source import files_root

    archive = files_root() / "cinc2017" / ARCHIVES[0]
    if not archive.exists():
        return []
    with zipfile.ZipFile(archive) as packed:
        names = sorted(one for one in packed.namelist() if one.endswith(".mat"))
        names = names[:: max(1, len(names) // count)][:count]
        return [Path(packed.extract(one, folder)) for one in names]


def made_up(folder: Path, count: int) -> list[Path]:
    """Write recordings in mV at 300 Hz, as long as the challenge's, and return their files."""
    from chapters.ecg.synthetic import electrocardiogram

    files = []
    for number in range(count):
        rng = np.random.default_rng(number)
        seconds = int(np.clip(rng.choice((30, 30, 30, rng.integers(9, 61))), 9, 61))
        files.append(folder / f"{number:05}.npy")
        np.save(files[-1], electrocardiogram(number % 2, seconds, rng).astype("float32"))
    return files


def answered(files: list[Path], drawings: Path | None) -> dict[str, float]:
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
