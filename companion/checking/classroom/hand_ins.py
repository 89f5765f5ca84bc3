"""Hand-ins: one file, folder or zip for each learner, read within bounds whatever is in it."""

import os
import re
import stat
import zipfile
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from companion import catalogue
from companion.checking.classroom.reports import printable
from companion.checking.verdict import Status
from companion.errors import UserError

# A learner's file of exercises has a few kilobytes.
MAX_BYTES = 1_000_000
MAX_MEMBERS = 1_000


class SubmissionError(UserError):
    """A submission cannot be read; the message says why, and `status` what becomes of it."""

    status = Status.ERROR


@dataclass(frozen=True, slots=True)
class Submission:
    """What one learner handed in.

    Attributes:
        learner: The name of the file, folder or zip, without its ending.
        path: Where the Python file was found, relative to the class.
        source: The file's bytes, or None where there is no such file.
        problem: Why there is none.
        status: What the learner's verdicts are then.
    """

    learner: str
    path: str
    source: bytes | None
    problem: str = ""
    status: Status = Status.ERROR


def read_submission(path: Path, wanted: Collection[str] = ()) -> tuple[str, bytes]:
    """Return name and bytes of the one Python file that a file, folder or zip holds.

    Nothing is unpacked: the archive's one Python file is read, within bounds, and that is all.

    Args:
        path: A ``.py`` file, a folder or a ``.zip``.
        wanted: What the file may be named where there are several, e.g. ``convolution.py``.

    Raises:
        SubmissionError: If it cannot be read, or holds no Python file, or several that could be
            meant.
    """
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        files = {
            file.relative_to(path).as_posix(): file
            for file in path.rglob("*.[pP][yY]")
            if not _is_litter(file.relative_to(path).parts)
        }
        name = _the_one(list(files), wanted)
        return name, _read_file(files[name])
    if path.suffix.lower() == ".zip":
        return _read_zip(path, wanted)
    if path.suffix.lower() == ".ipynb":
        raise SubmissionError(
            f"{path.name} is a notebook, not a Python file. Export it as a script: "
            f"jupyter nbconvert --to script {path.name}"
        )
    if path.suffix.lower() != ".py":
        raise SubmissionError(f"{path.name} is not a Python file: its name does not end in .py.")
    return path.name, _read_file(path)


def _read_file(path: Path) -> bytes:
    # A link could show another learner's work, and a pipe would never end.
    if not stat.S_ISREG(path.lstat().st_mode):
        raise SubmissionError(f"{path.name} is a link or a device, not a file.")
    if path.stat().st_size > MAX_BYTES:
        raise SubmissionError(f"{path.name} is larger than {MAX_BYTES:,} bytes.")
    return path.read_bytes()


def _read_zip(path: Path, wanted: Collection[str]) -> tuple[str, bytes]:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise SubmissionError(f"{path.name} is a link or a device, not a file.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise SubmissionError(f"The zip holds more than {MAX_MEMBERS:,} files.")
            for member in members:
                parts = PurePosixPath(member.filename.replace("\\", "/"))
                if parts.is_absolute() or ".." in parts.parts or member.filename[1:2] == ":":
                    raise SubmissionError(f"The zip leads out of itself: {member.filename!r}.")
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise SubmissionError(f"The zip holds a link: {member.filename!r}.")
            names = {
                member.filename: member
                for member in members
                if member.filename.lower().endswith(".py")
                and not _is_litter(PurePosixPath(member.filename).parts)
            }
            name = _the_one(list(names), wanted)
            # The sizes in a zip's directory are claims: read no further than the bound.
            with archive.open(names[name]) as file:
                source = file.read(MAX_BYTES + 1)
    except SubmissionError:
        raise
    except Exception as error:  # a damaged archive makes zipfile stumble in any way it can
        raise SubmissionError(f"The zip cannot be read: {error}") from error
    if len(source) > MAX_BYTES:
        raise SubmissionError(f"{name} is larger than {MAX_BYTES:,} bytes.")
    return name, source


def _is_litter(parts: tuple[str, ...]) -> bool:
    """Tell what a learner's machine puts into a folder from what the learner wrote."""
    return any(part.startswith(".") or part in ("__pycache__", "__MACOSX") for part in parts)


def _the_one(names: list[str], wanted: Collection[str]) -> str:
    if not names:
        error = SubmissionError("There is no Python file in it.")
        error.status = Status.NOT_ATTEMPTED
        raise error
    if len(names) > 1:
        usual = {name.lower() for name in wanted}
        named = [name for name in names if PurePosixPath(name).name.lower() in usual]
        if len(named) != 1:
            listed = ", ".join(sorted(names)[:5])
            raise SubmissionError(
                f"There are several Python files, and one is asked for: {listed}."
            )
        names = named
    return names[0]


def submissions(
    folder: Path, wanted: Collection[str] = (), output: Path | None = None
) -> list[Submission]:
    """Return what every learner of the class in `folder` handed in, sorted by learner.

    What cannot be read, or is of another kind, is there too, with its problem. Hidden files are
    passed over, and so are files of other kinds of a learner who handed in one that counts.

    Args:
        folder: The class.
        wanted: What a file may be named where a learner handed in several.
        output: Where `grade` writes, and so not a learner's though it may lie in `folder`.

    Raises:
        UserError: If there is no such folder, or nobody in it.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder. A class is a folder with one .py file, folder or .zip "
            "for each learner."
        )
    entries: dict[str, list[Path]] = defaultdict(list)
    for entry in sorted(folder.iterdir()):
        if not _is_litter((entry.name,)) and not (output and _is_report(entry, output)):
            entries[learner_name(entry).casefold()].append(entry)
    if not entries:
        raise UserError(
            f"{folder} holds no submission: no .py file, folder or .zip, one for each learner."
        )
    return [
        collect(list(filter(_is_work, paths)) or paths, wanted)
        for _, paths in sorted(entries.items())
    ]


def _is_work(entry: Path) -> bool:
    return entry.is_dir() or entry.suffix.lower() in (".py", ".zip")


def _is_report(entry: Path, output: Path) -> bool:
    """Tell whether `entry` is or holds what `grade` writes, and no work of a learner's."""
    ours = output.parent.resolve() / output.name
    here = entry.parent.resolve() / entry.name
    if here in (ours, journal_of(ours)) or here in ours.parents:
        return not any(entry.rglob("*.[pP][yY]")) if entry.is_dir() else not _is_work(entry)
    return False


def journal_of(output: Path) -> Path:
    """Return where `grade` keeps what it knows between runs."""
    return output.with_name(f"{output.name}.journal")


def learner_name(entry: Path) -> str:
    """Return whose work a file, folder or zip is: its name without its ending."""
    name = entry.name
    if not entry.is_dir():
        name = entry.stem
        if not _is_work(entry):  # emil.tar.gz, hans.py.txt
            name = name.removesuffix(".tar").removesuffix(".py")
    # A file's name is bytes, and may be no text at all: no two learners may become one.
    return printable(os.fsencode(name).decode(errors="backslashreplace"))


def collect(entries: Sequence[Path], wanted: Collection[str] = ()) -> Submission:
    """Return what one learner handed in: `entries` holds one path, or is the problem."""
    first = entries[0]
    learner, where = learner_name(first), printable(first.name)
    if len(entries) > 1:
        names = ", ".join(printable(entry.name) for entry in entries)
        return Submission(learner, where, None, f"Two submissions for one learner: {names}.")
    try:
        name, source = read_submission(first, wanted)
    except (SubmissionError, OSError) as error:
        status = getattr(error, "status", Status.ERROR)
        return Submission(learner, where, None, printable(str(error)), status)
    inside = printable(name)
    return Submission(learner, where if inside == where else f"{where}/{inside}", source)


def usual_names(exercises: str | None) -> list[str]:
    """Return what `companion start` names a learner's file for these exercises, or for any."""
    names = [exercises] if exercises else [chapter.name for chapter in catalogue.discover()]
    return [f"{Path(name).stem}.py" for name in names]


def chapter_of(handed_in: Sequence[Submission]) -> str:
    """Return the chapter whose exercises most of the submissions answer.

    A file that bears a chapter's name answers that chapter; any other one the chapter of which it
    defines the most functions.

    Raises:
        UserError: If no submission answers any chapter.
    """
    names = {one.name: set(one.exercise_names()) for one in catalogue.discover()}
    votes: Counter[str] = Counter()
    for submission in handed_in:
        if submission.source is None:
            continue
        stem = PurePosixPath(submission.path).stem
        if names.get(stem):
            votes[stem] += 1
            continue
        text = submission.source.decode("latin-1")
        defined = set(re.findall(r"^def (\w+)", text, flags=re.MULTILINE))
        answered = {name: len(known & defined) for name, known in names.items()}
        best = max(answered, key=lambda name: answered[name])
        votes[best] += answered[best] > 0
    if not votes.total():
        offered = ", ".join(name for name, known in names.items() if known) or "none yet"
        raise UserError(
            "Which exercises are answered here? Say so with --exercises, and a chapter's name "
            f"({offered}) or the path of exercises of your own."
        )
    return votes.most_common(1)[0][0]
