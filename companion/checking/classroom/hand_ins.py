"""Hand-ins: one file, folder or zip for each learner, read within bounds whatever is in it."""

import io
import os
import re
import stat
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

from companion import catalogue
from companion.checking.classroom import notebooks, platforms
from companion.checking.classroom.platforms import ClassEntry
from companion.checking.classroom.reports import printable
from companion.checking.verdict import Status
from companion.errors import UserError

# A learner's file of exercises has a few kilobytes.
MAX_BYTES = 1_000_000
MAX_MEMBERS = 1_000
# What is read of a zip: its list of files; then one of them, a notebook with its pictures at most.
MAX_ZIP_BYTES = 4_000_000
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAX_ENTRIES = 20_000
MAX_DEPTH = 40
MAX_TEXT = 500
ANSWERS = (".py", ".ipynb")


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


@dataclass(frozen=True, slots=True)
class Class:
    """A class: what every learner handed in, sorted by learner, and what is nobody's work.

    Attributes:
        submissions: One for each learner.
        passed_over: Names of what lies in the class folder and was not read.
    """

    submissions: list[Submission]
    passed_over: list[str]


def read_submission(path: Path, wanted: Collection[str] = ()) -> tuple[str, bytes]:
    """Return name and Python of the one file of answers that a file, folder or zip holds.

    Nothing is unpacked: the archive's one Python file is read, within bounds, and that is all. Of
    a notebook, the code cells are returned.

    Args:
        path: A ``.py`` file or a notebook, or a folder or ``.zip`` with one.
        wanted: What the file may be named where there are several, e.g. ``convolution.py``.

    Raises:
        SubmissionError: If it cannot be read, or holds no Python file, or several that could be
            meant.
    """
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        files = _python_files(path)
        name = _answers_among(list(files), wanted)
        return name, _read_file(files[name])
    if path.suffix.lower() == ".zip":
        return _read_zip(path, wanted)
    if path.suffix.lower() not in ANSWERS:
        raise SubmissionError(
            f"{path.name} is not a Python file, nor a notebook: its name does not end in .py or "
            ".ipynb."
        )
    return path.name, _read_file(path)


def _python_files(folder: Path) -> dict[str, Path]:
    """Return the files of answers below a folder by their names in it; links are not followed.

    Raises:
        SubmissionError: If more is in it, or nested deeper, than anybody hands in.
    """
    files: dict[str, Path] = {}
    seen = 0
    waiting = [(folder, "", 0)]
    while waiting:
        current, name, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise SubmissionError(f"The folder holds folders nested deeper than {MAX_DEPTH}.")
        with os.scandir(current) as entries:
            for entry in entries:
                seen += 1
                if seen > MAX_ENTRIES:
                    raise SubmissionError(f"The folder holds more than {MAX_ENTRIES:,} files.")
                if _is_system_file((entry.name,)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), f"{name}{entry.name}/", depth + 1))
                elif entry.name.lower().endswith(ANSWERS):
                    files[name + entry.name] = Path(entry.path)
    return files


def _open_file(path: Path) -> io.FileIO:
    """Open a regular file: a link could show another learner's work, a pipe would never end."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise SubmissionError(f"{_truncated(path.name)} is a link or a device, not a file.")
    return io.FileIO(path)


def _read_file(path: Path) -> bytes:
    with _open_file(path) as file:
        return _answers(path.name, file)


def _answers(name: str, file: IO[bytes]) -> bytes:
    """Return the Python in an open file, read no further than the bound.

    Raises:
        SubmissionError: If it is too large, or no notebook though its name says so.
    """
    notebook = name.lower().endswith(".ipynb")
    bound = notebooks.MAX_BYTES if notebook else MAX_BYTES
    source = file.read(bound + 1)
    if len(source) > bound:
        raise SubmissionError(f"{_truncated(name)} is larger than {bound:,} bytes.")
    if notebook:
        try:
            source = notebooks.source_of(source)
        except UserError as error:
            raise SubmissionError(f"{_truncated(name)} cannot be read. {error}") from error
        if len(source) > MAX_BYTES:
            raise SubmissionError(
                f"{_truncated(name)} holds more than {MAX_BYTES:,} bytes of Python."
            )
    return source


class _BoundedReader(io.BufferedReader):
    """A file of which no more than so many bytes can be read in all."""

    def __init__(self, file: io.FileIO, room: int) -> None:
        super().__init__(file)
        self.room = room

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on.

        Raises:
            SubmissionError: If the room is used up.
        """
        data = super().read(self.room + 1 if size is None or size < 0 else min(size, self.room + 1))
        self.room -= len(data)
        if self.room < 0:
            raise SubmissionError("The zip lists more than can be read.")
        return data


def _read_zip(path: Path, wanted: Collection[str]) -> tuple[str, bytes]:
    try:
        with (
            _open_file(path) as raw,
            _BoundedReader(raw, MAX_ZIP_BYTES) as bounded,
            zipfile.ZipFile(bounded) as archive,
        ):
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise SubmissionError(f"The zip holds more than {MAX_MEMBERS:,} files.")
            for member in members:
                parts = PurePosixPath(member.filename.replace("\\", "/"))
                if parts.is_absolute() or ".." in parts.parts or member.filename[1:2] == ":":
                    raise SubmissionError(
                        f"The zip leads out of itself: {_truncated(member.filename)!r}."
                    )
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise SubmissionError(f"The zip holds a link: {_truncated(member.filename)!r}.")
            names = {
                member.filename: member
                for member in members
                if member.filename.lower().endswith(ANSWERS)
                and not _is_system_file(PurePosixPath(member.filename).parts)
            }
            name = _answers_among(list(names), wanted)
            if names[name].compress_type not in METHODS:  # others are expanded without a bound
                raise SubmissionError(
                    f"{_truncated(name)} is compressed in a way that is not read here: pack the "
                    "zip anew, by the usual method (deflate)."
                )
            if names[name].flag_bits & 1:
                raise SubmissionError(
                    f"{_truncated(name)} is encrypted: hand it in without a password."
                )
            # The sizes in a zip's directory are claims: read no further than the bound.
            bounded.room = notebooks.MAX_BYTES
            with archive.open(names[name]) as file:
                return name, _answers(name, file)
    except SubmissionError:
        raise
    except Exception as error:  # a damaged archive makes zipfile stumble in any way it can
        raise SubmissionError(f"The zip cannot be read: {error}") from error


def _truncated(text: str, room: int = 100) -> str:
    """Return the beginning of a text that a learner chose."""
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _is_system_file(parts: tuple[str, ...]) -> bool:
    """Tell what a learner's machine puts into a folder from what the learner wrote."""
    return any(part.startswith(".") or part in ("__pycache__", "__MACOSX") for part in parts)


def _answers_among(names: list[str], wanted: Collection[str]) -> str:
    """Return the file that is meant: of the usual name, or the only one; scripts come first."""
    if not names:
        error = SubmissionError("There is no Python file in it.")
        error.status = Status.NOT_ATTEMPTED
        raise error
    usual = {Path(name).stem.lower() for name in wanted}
    kinds = [[name for name in names if name.lower().endswith(kind)] for kind in ANSWERS]
    for candidates in kinds:
        named = [name for name in candidates if PurePosixPath(name).stem.lower() in usual]
        if len(named) == 1:
            return named[0]
    candidates = kinds[0] or kinds[1]
    if len(candidates) > 1:
        raise SubmissionError(
            f"There are several Python files, and one is asked for: {_listed(candidates)}."
        )
    return candidates[0]


def submissions(
    folder: Path, wanted: Collection[str] = (), output: Path | None = None
) -> list[Submission]:
    """Return what every learner of a class handed in, sorted by learner, as `class_in` does."""
    return class_in(folder, wanted, output).submissions


def class_in(folder: Path, wanted: Collection[str] = (), output: Path | None = None) -> Class:
    """Return the class in `folder`, as people collect it or as a platform packs it.

    What cannot be read, or is of another kind, is there too, with its problem. Hidden files are
    passed over, and so are files of other kinds of a learner who handed in one that counts. Of
    several attempts, the last counts.

    Args:
        folder: The class.
        wanted: What a file may be named where a learner handed in several.
        output: Where `grade` writes, and so not a learner's though it may lie in `folder`.

    Raises:
        UserError: If there is no such folder, or nobody in it.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder. A class is a folder with one .py file, notebook, folder or "
            ".zip for each learner."
        )
    paths = _entries(folder, output)
    if inner := platforms.unfolded(paths):
        paths = _entries(inner, output)
    work = [entry for entry in paths if not platforms.is_left(entry)]
    named = platforms.recognised(paths)
    known = {entry.path for entry in named}
    plain = [ClassEntry(path, "", "", learner_name(path)) for path in work if path not in known]
    learners: dict[str, list[ClassEntry]] = defaultdict(list)
    for entry in [*named, *plain]:
        learners[unicodedata.normalize("NFC", _escaped(entry.learner))].append(entry)
    if not learners:
        raise UserError(
            f"{folder} holds no submission: no .py file, notebook, folder or .zip, one for each "
            "learner."
        )
    handed_in, read = [], set()
    for learner, entries in sorted(learners.items()):
        counted = _latest_attempt(entries)
        read |= {entry.path for entry in counted}
        handed_in.append(_collected(learner, counted, wanted))
    return Class(handed_in, [_escaped(path.name) for path in paths if path not in read])


def _entries(folder: Path, output: Path | None) -> list[Path]:
    """Return what lies in a folder, without hidden files and what `grade` wrote."""
    return [
        entry
        for entry in sorted(folder.iterdir())
        if not _is_system_file((entry.name,)) and not (output and _is_report(entry, output))
    ]


def _latest_attempt(entries: list[ClassEntry]) -> list[ClassEntry]:
    """Return those of one learner's entries that count: the last attempt's, and work if any is."""
    times = {entry.attempt for entry in entries}
    if len(times) > 1 and None not in times:
        last = max(filter(None, times))
        entries = [entry for entry in entries if entry.attempt == last]
    for is_one in (_is_work, _is_notebook):
        if selected := [entry for entry in entries if is_one(entry.path)]:
            return selected
    return entries


def _collected(learner: str, entries: list[ClassEntry], wanted: Collection[str]) -> Submission:
    """Return what one learner handed in by the entries that count."""
    paths = [entry.path for entry in entries]
    one_attempt = {(entry.platform, entry.attempt) for entry in entries}
    if len(entries) == 1 or len(one_attempt) > 1 or not entries[0].platform:
        return replace(collect(paths, wanted), learner=learner)
    if entries[0].attempt is None:
        problem = "Several attempts, and their names do not tell which is the last: leave one."
        return Submission(learner, _escaped(paths[0].name), None, problem)
    return replace(
        _read(paths[0], lambda: _read_several(entries, wanted), several=True), learner=learner
    )


def _read_several(entries: Iterable[ClassEntry], wanted: Collection[str]) -> tuple[str, bytes]:
    """Return name and Python of the file that is meant, of several of one attempt.

    Raises:
        SubmissionError: As `read_submission` does.
    """
    files: dict[str, Path] = {}
    for entry in entries:
        if entry.path.is_dir():
            inside = _python_files(entry.path)
            files |= {f"{entry.path.name}/{name}": path for name, path in inside.items()}
        else:
            files[f"{entry.path.name}/{entry.name}"] = entry.path
    zips = [name for name in files if name.lower().endswith(".zip")]
    if len(zips) == 1 == len(files):
        return read_submission(files[zips[0]], wanted)
    if zips:
        raise SubmissionError(f"There are several files, and one is asked for: {_listed(files)}.")
    name = _answers_among([name for name in files if name.lower().endswith(ANSWERS)], wanted)
    return name, _read_file(files[name])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_truncated, sorted(names)[:5]))


def _is_notebook(entry: Path) -> bool:
    return entry.suffix.lower() == ".ipynb"


def _is_work(entry: Path) -> bool:
    return entry.is_dir() or entry.suffix.lower() in (".py", ".zip")


def _is_report(entry: Path, output: Path) -> bool:
    """Tell whether `entry` is or holds what `grade` writes, and no work of a learner's."""
    ours = output.parent.resolve() / output.name
    path = entry.parent.resolve() / entry.name
    if path in (ours, journal_of(ours)) or path in ours.parents:
        if not entry.is_dir():
            return not _is_work(entry)
        try:
            return not _python_files(entry)
        except (SubmissionError, OSError):  # no report of ours is like that
            return False
    return False


def journal_of(output: Path) -> Path:
    """Return where `grade` keeps what it knows between runs."""
    return output.with_name(f"{output.name}.journal")


def learner_name(entry: Path) -> str:
    """Return whose work a file, folder or zip is: its name without its ending."""
    name = entry.name
    if not entry.is_dir():
        name = entry.stem
        if not (_is_work(entry) or _is_notebook(entry)):  # emil.tar.gz, hans.py.txt
            name = name.removesuffix(".tar").removesuffix(".py")
    return _escaped(name)


def _escaped(name: str) -> str:
    r"""Return a file's name so that it can be read in one line, and that no two become one.

    What is no text, steers a terminal or turns the direction of writing is written as its number.

    >>> print(_escaped("weiß"), _escaped("a\nb"), _escaped("\u202etxt"))
    weiß a\nb \u202etxt
    """
    return "".join(
        one
        if (one.isprintable() and one != "\\")
        else f"\\x{ord(one) - 0xDC00:02x}"
        if "\udc80" <= one <= "\udcff"  # a byte that is no text
        else one.encode("unicode_escape").decode()
        for one in name
    )


def collect(entries: Sequence[Path], wanted: Collection[str] = ()) -> Submission:
    """Return what one learner handed in: `entries` holds one path, or is the problem."""
    first = entries[0]
    learner, path = learner_name(first), _escaped(first.name)
    if len(entries) > 1:
        names = ", ".join(_truncated(_escaped(entry.name)) for entry in entries[:5])
        return Submission(learner, path, None, f"Two submissions for one learner: {names}.")
    return _read(first, lambda: read_submission(first, wanted))


def _read(first: Path, read: Callable[[], tuple[str, bytes]], several: bool = False) -> Submission:
    """Return what `read` finds, or what stood in its way, as the learner's whose `first` is."""
    learner, path = learner_name(first), _escaped(first.name)
    try:
        name, source = read()
    except (SubmissionError, OSError) as error:
        problem = _truncated(printable(str(error)), MAX_TEXT)
        return Submission(learner, path, None, problem, getattr(error, "status", Status.ERROR))
    except Exception as error:  # whatever lies there, the class goes on
        problem = f"It cannot be read: {type(error).__name__}: {error}"
        return Submission(learner, path, None, _truncated(printable(problem), MAX_TEXT))
    if several:
        path = _truncated(printable(name), MAX_TEXT)
    elif first.is_dir() or first.suffix.lower() == ".zip":
        path = f"{path}/{_truncated(printable(name), MAX_TEXT)}"
    return Submission(learner, path, source)


def usual_names(exercises: str | None) -> list[str]:
    """Return what `companion start` names a learner's file for these exercises, or for any."""
    names = [exercises] if exercises else [chapter.name for chapter in catalogue.discover()]
    return [f"{Path(name).stem}.py" for name in names]


def chapter_of(handed_in: Sequence[Submission]) -> str:
    """Return the chapter whose exercises most of the submissions answer.

    A submission answers the chapter of which it defines the most functions. Names of files count
    only where nobody defines any: whoever wrote nothing has no say in what the others answered.

    Raises:
        UserError: If no submission answers any chapter, or no more than half of them the same.
    """
    names = {one.name: set(one.exercise_names()) for one in catalogue.discover()}
    defining: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for submission in handed_in:
        if submission.source is None:
            continue
        stem = PurePosixPath(submission.path).stem
        if names.get(stem):
            named[stem] += 1
        text = submission.source.decode("latin-1")
        defined = set(re.findall(r"^def (\w+)", text, flags=re.MULTILINE))
        answered = {name: len(known & defined) for name, known in names.items()}
        # Where chapters share a function, the file's own name tells which is meant.
        best = max(answered, key=lambda name: (answered[name], name == stem))
        defining[best] += answered[best] > 0
    votes = defining if defining.total() else named
    best, most = votes.most_common(1)[0] if votes.total() else ("", 0)
    if 2 * most <= votes.total():
        offered = ", ".join(name for name, known in names.items() if known) or "none yet"
        tally = ", ".join(f"{name}: {n}" for name, n in votes.most_common(5) if n)
        raise UserError(
            "Which exercises are answered here? Say so with --exercises, and a chapter's name "
            f"({offered}) or the path of exercises of your own."
            + (f" The hand-ins do not agree ({tally})." if tally else "")
        )
    return best
