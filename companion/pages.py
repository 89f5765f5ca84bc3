"""What the site's pages print at build time: nothing on them is listed by hand."""

import base64
import gzip
import html
import json
import textwrap

from companion import catalogue, data_files
from companion.datasets.sources import CARDS
from companion.lesson import notebook
from companion.listing import as_markdown, listing

# A listing of more lines is folded.
SHORT = 25

LECTURES = {
    "A": "CS3244 Machine Learning, week 10",
    "B": "Introduction to Machine Learning, chapter 12",
    "C": "CS826 Deep Learning Theory and Practice",
    "D": "Introduction to Deep Learning",
    "E": "COMP7015 Artificial Intelligence, lecture 8",
}


def chapter_map() -> str:
    """Return the decks, then the chapters in order: the question of each, and its decks."""
    lines = [
        *(f"**{deck}** {name}  " for deck, name in LECTURES.items()),
        "",
        f"| chapter | the question it answers | {' | '.join(LECTURES)} |",
        "|---|---|" + ":-:|" * len(LECTURES),
    ]
    for found in catalogue.discover():
        card = found.card
        marks = " | ".join("●" if deck in card.lectures else " " for deck in LECTURES)
        title = f"{card.number} [{card.title}]({found.name}/index.html)"
        lines.append(f"| {title} | {card.question} | {marks} |")
    return "\n".join(lines)


def references() -> str:
    """Return a list of the chapters' pages of reference."""
    chapters = ((found.name, found.card.title) for found in catalogue.discover())
    return "\n".join(
        f"- [{title}]({name}/reference.html): `from chapters.{name} import …`"
        for name, title in chapters
    )


def code(*names: str) -> str:
    """Return the source of objects as one listing that is copied whole.

    Docstrings are folded, each under its first sentence; a listing of more than 25 lines is folded
    with them. In a notebook it is a cell that defines the objects.

    Args:
        names: Whole names of functions, classes, methods or constants, e.g.
            ``convolution.scratch.output_size`` or ``companion.training.heads.svm_accuracy``.
    """
    shown = [listing(name) for name in names]
    whole = "\n\n\n".join(one.whole for one in shown)
    short = "\n\n\n".join(one.short for one in shown)
    titles = ", ".join(f"`{one.name}`" for one in shown)
    if len(short.splitlines()) > SHORT:
        lines = len(whole.splitlines())
        return _folded(f"{titles}: {lines} lines", f"```python\n{whole}\n```")
    parts = [
        f'<div class="listing" data-copy="{html.escape(whole)}" markdown>\n\n'
        f"```python\n{short}\n```\n\n</div>"
    ]
    for one in shown:
        first, _, rest = one.doc.partition("\n\n")
        if rest:
            parts.append(_folded(f"`{one.name}`: {first}", as_markdown(f"\n\n{rest}")))
    return "\n\n".join(parts)


def _folded(title: str, body: str) -> str:
    """Return Markdown under a title that opens it."""
    title = " ".join(title.split()).replace('"', "'")
    return f'??? abstract "{title}"\n\n{textwrap.indent(body, "    ")}'


def exercises(chapter: str) -> str:
    """Return a chapter's exercises, each with its hints folded away, and how to begin.

    Args:
        chapter: The chapter's name.
    """
    from companion.checking.authoring.exercise import exercises_in

    module = catalogue.find_chapter(chapter).module("exercises")
    assert module is not None
    blocks = [f"```console\n$ companion start {chapter}\n$ companion check {chapter}.py\n```"]
    for exercise in exercises_in(module):
        task = (exercise.__doc__ or "").split("\n")[0]
        hints = "\n".join(f"    1. {hint}" for hint in exercise.hints)
        blocks.append(f'??? question "`{exercise.name}`: {task}"\n\n{hints}')
    blocks.append("Open one for its hints; `companion hint NAME` gives them one at a time.")
    return "\n\n".join(blocks)


def download(chapter: str) -> str:
    """Return a link that holds the lesson as a Jupyter notebook, and one to its reference.

    The notebook is made just now, and packed to a third of its size; `assets/book.js` unpacks it
    for whoever follows the link.

    Args:
        chapter: The chapter's name.
    """
    text = json.dumps(notebook(chapter), ensure_ascii=False)
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    return (
        f'<a class="md-button" download="{chapter}.ipynb.gz" '
        f'href="data:application/gzip;base64,{packed}">'
        "Take this lesson with you as a Jupyter notebook</a> "
        '<a class="md-button" href="reference.html">Its functions</a>'
    )


def data_cards() -> str:
    """Return the data sets: what they hold, who made them, under which licence."""
    lines = ["| download | name, what, under which licence, and whose |", "|--:|---|"]
    for card in CARDS.values():
        digits = 0 if card.megabytes >= 1 else 1
        size = f"{card.megabytes:,.{digits}f} MB" if card.host else "none"
        what = (f"`{card.name}`", card.title, card.licence, card.source)
        lines.append(f"| {size} | {'<br>'.join(what)} |")
    return "\n".join(lines)


def records() -> str:
    """Return what is recorded: the question, the command that answers it, and how long it took."""
    lines = ["| minutes | what was recorded, its question, and what made it |", "|--:|---|"]
    for path in sorted((data_files.data_folder() / "results").glob("*.json")):
        record = data_files.read(path.stem)
        question = record.get("question", "What its figures need from Keras.")
        seconds = record.get("seconds")
        if isinstance(seconds, dict):
            seconds = seconds.get("full")
        minutes = f"{seconds / 60:,.1f}" if seconds else ""
        lines.append(f"| {minutes} | `{path.stem}`<br>{question}<br>`{record['command']}` |")
    return "\n".join(lines)
