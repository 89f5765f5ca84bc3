"""Platforms: whose work an entry of a class folder is, and of which attempt.

Moodle, Canvas, Blackboard, Brightspace and Gradescope each pack a class in a way of their own,
with the learner's name, a number and the time of the attempt in the names of files and folders.
An entry that no pattern fits is a learner's own file, folder or zip, and bears their name.
"""

import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

MAX_METADATA = 4_000_000
MAX_LOOKED_AT = 20_000
# Ada Lovelace_1234_assignsubmission_file_/hw.py, or …_file_hw.py where folders are not asked for
MOODLE = re.compile(r"(.+)_(\d+)_assignsubmission_[a-z]+(?:_(.*))?", re.DOTALL)
# lovelaceada_LATE_12345_678901_hw-1.py: the user, the attachment, and a number if handed in anew
CANVAS = re.compile(r"(.+?)_(?:LATE_)?(\d{3,})_(\d{3,})_(.+)", re.DOTALL)
# HW 1_ada_attempt_2026-11-26-10-30-15_hw.py, and a .txt about the attempt
BLACKBOARD = re.compile(r"(.+)_attempt_(\d{4}(?:-\d\d){5})(?:_(.*)|\.txt)", re.DOTALL)
# 1234-5678 - Ada Lovelace - Nov 26, 2026 1030 PM/
BRIGHTSPACE = re.compile(r"(\d+)-\d+ - (.+?)(?: - (.+))?", re.DOTALL)
BRIGHTSPACE_CLOCK = re.compile(r"(\d{1,2})(\d\d)(?= ?[AP]M$|$)")
BRIGHTSPACE_TIMES = (
    "%b %d, %Y %I:%M %p",
    "%B %d, %Y %I:%M %p",
    "%d %B, %Y %I:%M %p",
    "%d %B, %Y %H:%M",
)
# submission_2001/, and submission_metadata.yml, which says whose it is
GRADESCOPE = re.compile(r"submission_(\d+)")
METADATA = "submission_metadata.yml"
SUBMISSION = re.compile(
    r"^:?submission_(\d+):|^  :?(\w+):|^ +(?:- )?:?name: *(.+?) *$", re.MULTILINE
)
# What operating systems leave in a folder, and what platforms and teachers do.
MACHINES = re.compile(
    r"\..*|__MACOSX|__pycache__|Thumbs\.db|ehthumbs.*\.db|desktop\.ini|Icon\r|~\$.*"
    r"|\$RECYCLE\.BIN|System Volume Information",
    re.IGNORECASE | re.DOTALL,
)
PAPERS = re.compile(
    r"index\.html?|submission_metadata\.yml|readme(\.\w+)?"
    r"|.*\.(csv|tsv|xlsx?|ods|ya?ml|ini|log|tmp|bak|lnk|url|db)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """A file or folder in a class.

    Attributes:
        path: Where it lies.
        platform: Which platform named it.
        number: What tells its learner from all others there.
        learner: The learner's name.
        attempt: What later attempts have more of; None if it cannot be told.
        name: What the learner called the file; empty for a folder.
    """

    path: Path
    platform: str
    number: str
    learner: str
    attempt: str | None = ""
    name: str = ""


def is_left(path: Path) -> bool:
    """Tell what a machine, a platform or a teacher left in a class from what is a learner's."""
    return bool(
        MACHINES.fullmatch(path.name) or (PAPERS.fullmatch(path.name) and not path.is_dir())
    )


def unfolded(entries: Sequence[Path]) -> Path | None:
    """Return the folder that holds a whole class, where a platform packs it into one; else None."""
    inside = [path for path in entries if not is_left(path)]
    if len(inside) != 1 or inside[0].is_symlink() or recognised(inside):
        return None
    with contextlib.suppress(OSError):  # no folder, or a closed one
        if recognised(list(itertools.islice(inside[0].iterdir(), MAX_LOOKED_AT))):
            return inside[0]
    return None


def recognised(paths: Sequence[Path]) -> list[ClassEntry]:
    """Return those entries of a class folder that a platform named, with whose they are."""
    folders = {path for path in paths if path.is_dir()}
    submitters = _submitters(paths)
    entries = [
        entry for path in paths if (entry := _entry(path, path in folders, submitters)) is not None
    ]
    return _disambiguated(_without_assignment(entries))


def _entry(path: Path, folder: bool, submitters: dict[str, str]) -> ClassEntry | None:
    name = path.name
    if fits := MOODLE.fullmatch(name):
        learner, number, file = fits.groups()
        return ClassEntry(path, "Moodle", number, learner, name=file or "")
    if fits := BLACKBOARD.fullmatch(name):
        head, time, file = fits.groups()
        return ClassEntry(path, "Blackboard", head, head, time, file or name)
    if folder and (fits := BRIGHTSPACE.fullmatch(name)):
        number, learner, time = fits.groups()
        return ClassEntry(path, "Brightspace", number, learner, _brightspace_time(time))
    if folder and (fits := GRADESCOPE.fullmatch(name)):
        number = fits.group(1)
        return ClassEntry(path, "Gradescope", number, submitters.get(number, name))
    if not folder and (fits := CANVAS.fullmatch(name)):
        learner, number, _, file = fits.groups()
        # Of a file that was handed in anew, Canvas keeps the last, as hw-1.py.
        file = re.sub(r"-\d+(?=\.\w+$)", "", file)
        return ClassEntry(path, "Canvas", number, learner, name=file)
    return None


def _brightspace_time(text: str | None) -> str | None:
    """Return a time that can be compared; Brightspace writes 1:10 PM as 110 PM."""
    clock = BRIGHTSPACE_CLOCK.sub(r"\1:\2", text or "")
    for form in BRIGHTSPACE_TIMES:
        with contextlib.suppress(ValueError):
            return datetime.strptime(clock, form).isoformat()
    return None


def _submitters(paths: Sequence[Path]) -> dict[str, str]:
    """Return the names in Gradescope's metadata by the numbers of their submissions."""
    names: dict[str, list[str]] = {}
    for path in paths:
        if path.name == METADATA and path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                text = file.read(MAX_METADATA).decode(errors="replace")
            number, key = "", ""
            for fits in SUBMISSION.finditer(text):
                number, key = fits.group(1) or number, fits.group(2) or key
                # Results name things, too: tests, questions.
                if fits.group(3) and key == "submitters":
                    names.setdefault(number, []).append(fits.group(3).strip("'\""))
    return {number: ", ".join(dict.fromkeys(learners)) for number, learners in names.items()}


def _without_assignment(entries: list[ClassEntry]) -> list[ClassEntry]:
    """Take what all Blackboard names begin with, the assignment's name, off the learners'.

    A user's name may hold underscores, and so may the assignment's: where there is but one
    learner, the last part is taken for theirs.
    """
    heads = {entry.number for entry in entries if entry.platform == "Blackboard"}
    parts = [head.split("_") for head in heads]
    columns = enumerate(zip(*parts, strict=False))
    least = min(map(len, parts), default=1) - 1
    shared = next((index for index, column in columns if len(set(column)) > 1), least)
    return [
        replace(entry, learner="_".join(entry.number.split("_")[shared:]) or entry.number)
        if entry.platform == "Blackboard"
        else entry
        for entry in entries
    ]


def _disambiguated(entries: list[ClassEntry]) -> list[ClassEntry]:
    """Add their numbers to the names of learners who share one."""
    people = {(entry.learner, entry.platform, entry.number) for entry in entries}
    shared = Counter(learner for learner, *_ in people)
    return [
        replace(entry, learner=f"{entry.learner} ({entry.number})")
        if shared[entry.learner] > 1
        else entry
        for entry in entries
    ]
