"""Gradescope's autograder: a zip that checks what is handed in there, packed here.

Gradescope unpacks the zip into ``/autograder/source``, runs ``setup.sh`` once as root, and for
each submission runs ``run_autograder``, which ends up in this module and writes
``/autograder/results/results.json``.
"""

import argparse
import importlib.metadata
import re
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import chapters
import companion
from companion import catalogue
from companion.checking.classroom.discovery import exercises_named, is_path
from companion.checking.classroom.grading import grade
from companion.checking.classroom.hand_ins import collect, usual_names
from companion.checking.classroom.reports import dumps, to_gradescope
from companion.errors import UserError
from companion.files import write

SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the autograder's image.
set -euo pipefail
apt-get update
apt-get install -y --no-install-recommends bubblewrap
# The newest Python that this image has; the companion needs 3.11.
for version in 3.13 3.12 3.11; do
  apt-get install -y --no-install-recommends "python$version" "python$version-venv" && break
done
"python$version" -m venv /autograder/python
/autograder/python/bin/pip install {requirements}
# Learners' code runs as an ordinary user, to whom the solutions are closed.
for solved in /autograder/source/chapters /autograder/source/exercises; do
  if [ -d "$solved" ]; then chmod -R go-rwx "$solved"; fi
done
"""

RUN = """\
#!/usr/bin/env bash
# Gradescope runs this, as root, for each submission.
set -euo pipefail
root="${{AUTOGRADER_ROOT:-/autograder}}"
export PYTHONPATH="$root/source"
python="${{AUTOGRADER_PYTHON:-$root/python/bin/python}}"
# -P: no module is looked for in the current folder, where a submission may bring its own.
exec "$python" -s -P -m companion.checking.classroom.autograder \\
  "$root/submission" "$root/results/results.json" --exercises {exercises} --seed {seed}
"""


def pack(output: Path, exercises: str, *, seed: int = 0) -> list[str]:
    """Write the autograder's zip and return the names of the exercises in it.

    Args:
        output: The zip to write.
        exercises: A chapter's name or the path of an instructor's exercises.
        seed: What the cases are drawn from.

    Raises:
        UserError: If there are no such exercises, or the zip cannot be written.
    """
    chosen = exercises_named(exercises)
    files = dict(_sources(companion.__path__[0], "companion"))
    files |= _sources(chapters.__path__[0], "chapters")
    named = exercises
    if is_path(exercises):
        path = Path(exercises).resolve()
        named = f'"$root/source/exercises/{path.name}"'
        files |= _sources(path, f"exercises/{path.name}")
    else:  # one of a teacher's own lies elsewhere than the book
        files |= _sources(catalogue.find_chapter(exercises).folder, f"chapters/{exercises}")
    wanted = {"numpy", "lazy_loader"}
    if any(one.builds_model for one in chosen):
        wanted |= {"keras", "tensorflow"}
    requirements = " ".join(f"'{one}'" for one in _requirements(wanted))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in (
                ("setup.sh", SETUP.format(requirements=requirements)),
                ("run_autograder", RUN.format(exercises=named, seed=seed)),
            ):
                # The same exercises make the same zip, so it bears no date.
                member = zipfile.ZipInfo(name)
                member.external_attr = (stat.S_IFREG | 0o755) << 16
                archive.writestr(member, text)
            for name, file in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}.") from error
    return [one.name for one in chosen]


def _sources(path: str | Path, name: str) -> Iterator[tuple[str, Path]]:
    """Yield name in the zip and path of a Python file, or of every one in a folder."""
    path = Path(path)
    if path.is_file():
        yield name, path
    for file in path.rglob("*.py"):
        yield f"{name}/{file.relative_to(path).as_posix()}", file


def _requirements(wanted: set[str]) -> list[str]:
    """Return what the companion itself asks of the packages `wanted`: ``numpy>=1.26``."""
    requirements = []
    for requirement in importlib.metadata.requires("lecture-companion") or []:
        name = re.match(r"[\w-]+", requirement)
        if name and name.group().replace("-", "_") in wanted and ";" not in requirement:
            requirements.append(requirement)
    return requirements


def main(arguments: Sequence[str] | None = None) -> None:
    """Check one learner's folder and write results.json, whatever is in it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("submission", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--exercises", required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    handed_in = collect([options.submission], usual_names(options.exercises))
    with tempfile.TemporaryDirectory() as folder:
        (report,) = grade(
            [handed_in],
            options.exercises,
            journal_file=Path(folder) / "journal",
            seed=options.seed,
            workers=1,
        )
    write(options.results, dumps(to_gradescope(report)))


if __name__ == "__main__":
    main()
