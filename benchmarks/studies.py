"""A study with two workers beside the same study with one: how much faster, and the same numbers.

Each run is the whole command, start-up included, in a folder of its own. Run it from the
repository's root, with nothing else at work on two cores:

    python benchmarks/studies.py [STUDY] [SEEDS]
"""

import json
import subprocess
import sys
import tempfile
from time import perf_counter

WANTED = 1.6


def run(study: str, seeds: str, workers: int) -> tuple[float, dict[str, object]]:
    """Return the seconds of one quick study and its answer without the timings."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["companion", "study", study, "--quick", "--json", "--seeds", seeds]
        command += ["--workers", str(workers), "--output", folder]
        start = perf_counter()
        answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        seconds = perf_counter() - start
    compared = json.loads(answer)
    for name in ("timings", "output", "figure"):
        del compared[name]
    return seconds, compared


def main() -> None:
    """Measure, and print the ratio."""
    study, seeds = (*sys.argv[1:], *("weight_decay", "8")[len(sys.argv) - 1 :])
    one, numbers = run(study, seeds, 1)
    two, same_numbers = run(study, seeds, 2)
    print(f"{study} --quick --seeds {seeds}")
    print(f"one worker   {one:6.1f} s")
    print(f"two workers  {two:6.1f} s, {one / two:.2f} times as fast (wanted: {WANTED})")
    print(f"the same numbers: {'yes' if numbers == same_numbers else 'NO'}")
    if numbers != same_numbers or one / two < WANTED:
        sys.exit(1)


if __name__ == "__main__":
    main()
