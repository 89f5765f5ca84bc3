"""Hand-ins that are hard to read, and a folder of them graded as an instructor does."""

import csv
import io
import os
import subprocess
import zipfile

from hand_in_samples import HALF, RIGHT, zipped
from test_classroom import COMPANION

LONG = "n" * 60_000
DEEP = []


def deep(folder, depth=1_100):
    """Make a folder with a right answer, and folders nested deeper than any recursion."""
    DEEP.append(folder)
    folder.mkdir()
    (folder / "a.py").write_text(RIGHT)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return folder


def bzipped(path, size):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.py", bytes(size))
    return path


def encrypted(path):
    """A zip whose directory says that its file has a password."""
    whole = bytearray(zipped(path, {"a.py": HALF}).read_bytes())
    whole[whole.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(whole))
    return path


def crowded(folder, count=101):
    folder.mkdir()
    (folder / "a.py").write_text(RIGHT)
    for number in range(count):
        (folder / str(number)).touch()
    return folder


def grade_folder(folder, output, exercises, *options):
    """Grade as an instructor does and return the gradebook's rows by learner."""
    command = [COMPANION, "grade", str(folder), "--output", str(output), "--exercises", exercises]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {row["learner"]: row for row in csv.DictReader(io.StringIO(output.read_text()))}
