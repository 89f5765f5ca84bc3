"""Progress that is carried between machines and the site's pages: `companion progress`."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from companion import catalogue, files
from companion.checking.classroom import progress as journal
from companion.checking.classroom import progress_file
from companion.cli import Json, command, learning
from companion.console import Answer, err, table


@command
def progress(
    load: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take in what the page, or another machine, saved."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a file for the page, or another machine."),
    ] = None,
    json: Json = False,
) -> Answer:
    """Say what you have passed, and carry it between this machine, the page and other machines.

    Whatever is loaded, a pass is never lost: the earliest counts. Points come from answers alone.
    """
    brought = progress_file.read(load) if load else {}
    saved = progress_file.read(save) if save and save.exists() else {}
    before = journal.load_progress()
    if not journal.merge(brought):
        err.print(learning.UNWRITTEN, style="yellow")
    known = dict(before)
    for name, other in (*brought.items(), *saved.items()):
        known[name] = known.get(name, journal.ExerciseProgress()).merged(other)
    content = progress_file.content(known)
    passed = [name for name, entry in content["exercises"].items() if "passed" in entry]
    fresh = [name for name in passed if name in brought and not _passed(before, name)]
    blocks = [_chapters(passed)]
    if load:
        blocks.append(Text(f"Loaded {load}: {len(fresh)} more passed. {', '.join(fresh)}".strip()))
    if save:
        files.write_json(save, content)
        blocks.append(Text(f"Saved {save}: {len(passed)} passed. A chapter's page loads it."))
    return Answer({**content, "passed_now": fresh}, Group(*blocks))


def _passed(by_exercise: Mapping[str, journal.ExerciseProgress], name: str) -> bool:
    return bool(by_exercise.get(name, journal.ExerciseProgress()).passed)


def _chapters(passed: Collection[str]) -> RenderableType:
    """Return the chapters, what is passed of each and what is next; then what no chapter has."""
    shown = table("chapter", ">passed", "next")
    listed: set[str] = set()
    for entry in catalogue.discover():
        names = [f"{entry.name}/{name}" for name in entry.exercise_names()]
        left = [name for name in names if name not in passed]
        if names:
            following = left[0].partition("/")[2] if left else ""
            shown.add_row(entry.name, f"{len(names) - len(left)} of {len(names)}", following)
        listed.update(names)
    others = [name for name in passed if name not in listed]
    parts: list[RenderableType] = [shown]
    if others:
        parts.append(Text(f"Passed, of no chapter that is here: {', '.join(others)}"))
    return Group(*parts)
