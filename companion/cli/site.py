"""The site with a teacher's own chapters, and with Python in its pages: `companion site`."""

import os
import shutil
import subprocess
import sys
import tempfile
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

import chapters
from companion import catalogue, pyodide
from companion.cli import Json, command
from companion.console import Answer
from companion.errors import UserError
from companion.lesson import SITE


@command
def site(
    output: Annotated[Path, typer.Argument(help="The folder to write.")] = Path("site"),
    json: Json = False,
) -> Answer:
    """Build the book's site, your own chapters among the others; exit code 1 if a page has faults.

    It takes a clone and what `pip install -e ".[docs]"` brings. Where COMPANION_PYODIDE names the
    folder of an unpacked Pyodide release, exercises are answered and checked in the pages.
    """
    if output.is_dir() and any(output.iterdir()) and not (output / "sitemap.xml").exists():
        raise UserError(f"{output} holds other things than a site, and would be emptied.")
    with tempfile.TemporaryDirectory() as folder:
        settings = lay_out(Path(folder), os.environ.get("COMPANION_PYODIDE"))
        build = ("mkdocs", "build", "--strict", "-f", settings, "-d", output.resolve())
        environment = {**os.environ, SITE: str(output.resolve())}
        done = subprocess.run([sys.executable, "-m", *build], stdout=sys.stderr, env=environment)
    message = f"The site lies in {output}." if done.returncode == 0 else "The site has faults."
    return Answer({"output": str(output)}, message, int(done.returncode != 0))


def lay_out(folder: Path, release: str | None = None) -> Path:
    """Copy the pages of the book and of every other chapter into `folder`.

    Args:
        folder: Where to.
        release: A folder with Pyodide, if exercises are to be answered in the pages.

    Returns:
        The settings of a site of all these pages, for ``mkdocs build -f``.

    Raises:
        UserError: Without MkDocs, or outside a clone, which alone has a ``mkdocs.yml``.
    """
    book = Path(chapters.__path__[0])
    ours = book.with_name("mkdocs.yml")
    try:
        from mkdocs.utils.yaml import yaml_load  # an extra's: the other verbs go without
    except ImportError as error:
        raise UserError(f'{error}. To build the site: pip install -e ".[docs]"') from error
    if not ours.is_file():
        raise UserError(f"The site is built in a clone. Received: {book.parent}, an install.")
    shutil.copytree(book, folder / book.name, ignore=shutil.ignore_patterns("__pycache__"))
    with ours.open(encoding="utf-8") as opened:
        config = yaml_load(opened)
    nav, scripts = config["nav"], config["extra_javascript"]
    if release:
        pyodide.take(Path(release), folder / book.name / "assets" / "python")
        scripts = [*scripts, "assets/progress.js", "assets/exercises.js"]
    listed = next(item["Chapters"] for item in nav if "Chapters" in item)
    for entry in catalogue.discover():
        if not entry.of_the_book:
            shutil.copytree(entry.folder, folder / book.name / entry.name)
            names = [f"{entry.name}/{page}" for page in ("README.md", *entry.card.pages)]
            listed.append({f"{entry.card.number} {entry.card.title}": names})
    settings = folder / ours.name
    ours_but = {"docs_dir": book.name, "nav": nav, "extra_javascript": scripts}
    settings.write_text(dumps({"INHERIT": str(ours), **ours_but}))  # JSON is YAML, too
    return settings
