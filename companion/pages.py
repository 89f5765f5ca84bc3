"""What the site's pages print at build time: nothing on them is listed by hand."""

import base64
import copy
import csv
import functools
import gzip
import html
import importlib
import inspect
import json
import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from companion import catalogue, data_files
from companion.checking.authoring.cases import entry as case_entry
from companion.checking.authoring.exercise import Exercise, exercises_in
from companion.datasets import known
from companion.files import write
from companion.lesson import SITE, address, notebook, page_files, sections, text
from companion.listing import as_markdown, listing
from companion.mathematics import mathml
from companion.plots import panels
from companion.studies.records import recorded_results
from companion.studies.tables import results_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.prefetch import ReversePrefetch


# Where another process draws figures while this one builds pages: what it makes of their names.
prefetched_figures: "ReversePrefetch[str, str] | None" = None

# A listing of more lines is folded.
MAX_UNFOLDED = 25
# The most letters of a packed notebook: it is part of a page, which may weigh 700 kB.
MAX_PACKED = 80_000
# Where on GitHub notebooks lie: on the branch on which `ghp-import` publishes a site.
PUBLISHED_BRANCH = "gh-pages"
GITHUB = re.compile(r"https?://(?:www\.)?github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?")

ALL_AT_ONCE = (
    "Write them all into a file of your own, and check what you wrote, "
    "once [the companion is installed](../index.html#install):"
)
LECTURES = {
    "A": "CS3244 Machine Learning, week 10",
    "B": "Introduction to Machine Learning, chapter 12",
    "C": "CS826 Deep Learning Theory and Practice",
    "D": "Introduction to Deep Learning",
    "E": "COMP7015 Artificial Intelligence, lecture 8",
}


def chapter_map() -> str:
    """Return the chapters in order, as cards: picture, question, and the decks that treat it."""
    cards = "".join(
        f'<li><span class="picture">{_picture(entry)}</span>'
        f'<p><a href="{entry.name}/index.html">'
        f"<b>{entry.card.number} {html.escape(entry.card.title)}</b></a></p>"
        f"<p>{html.escape(entry.card.question)}</p>"
        f'<p class="decks">Lectures {" ".join(entry.card.lectures)}</p></li>'
        for entry in catalogue.discover()
    )
    decks = "".join(f"<li><b>{deck}</b> {name}</li>" for deck, name in LECTURES.items())
    return f'<ul class="cards">{cards}</ul><ul class="decks">{decks}</ul>'


def _picture(entry: catalogue.Entry) -> str:
    """Return a chapter's ``picture.svg``; one that has none gets its number."""
    file = entry.folder / "picture.svg"
    if file.is_file():
        return file.read_text(encoding="utf-8").strip()
    number = f'<text x="60" y="42" text-anchor="middle" font-size="34">{entry.card.number}</text>'
    return f'<svg viewBox="0 0 120 60" fill="currentColor" aria-hidden="true">{number}</svg>'


def report() -> str:
    """Return where a slip is reported: an address, where ``REPOSITORY`` names one."""
    if not (repository := address()):
        return "Tell whoever gave you this book: the page, the sentence, and what it should say."
    return (
        f"[Open an issue]({repository}/issues/new) at [the repository]({repository}): the "
        "page, the sentence, and what it should say."
    )


def install() -> str:
    """Return how to install the companion, from ``REPOSITORY`` where that names an address."""
    intro, clone = "In a clone of the repository, with Python 3.11 to 3.13:", ""
    if repository := address():
        intro = f"With Python 3.11 to 3.13, from [its repository]({repository}):"
        clone = f"git clone {repository} lecture-companion\ncd lecture-companion\n"
    return (
        f"{intro}\n\n```bash\n{clone}python -m venv .venv\n. .venv/bin/activate\n"
        f"pip install .\ncompanion train lenet5\n```"
    )


def references() -> str:
    """Return a list of the chapters' pages of reference."""
    chapters = ((entry.name, entry.card.title) for entry in catalogue.discover())
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
    source = "\n\n\n".join(one.whole for one in shown)
    short = "\n\n\n".join(one.short for one in shown)
    titles = ", ".join(f"`{one.name}`" for one in shown)
    if len(short.splitlines()) > MAX_UNFOLDED:
        lines = len(source.splitlines())
        return folded(f"{titles}: {lines} lines", f"```python\n{source}\n```")
    parts = [_copied(short, source)]
    for one in shown:
        first, _, rest = one.doc.partition("\n\n")
        if rest:
            parts.append(folded(f"`{one.name}`: {first}", as_markdown(f"\n\n{rest}")))
    return "\n\n".join(parts)


def _copied(shown: str, source: str) -> str:
    """Return a listing whose button copies more than it shows."""
    copied = html.escape(source)
    return f'<div data-copy="{copied}" markdown>\n\n```python\n{shown}\n```\n\n</div>'


def folded(title: str, body: str, kind: str = "abstract") -> str:
    """Return Markdown under a title that opens it.

    Args:
        title: What is read while it is closed, in one line.
        body: Markdown.
        kind: The kind of admonition.
    """
    title = " ".join(title.split()).replace('"', "'")
    return f'??? {kind} "{title}"\n\n{textwrap.indent(body, "    ")}'


@functools.cache
def figure(draw: Callable[[], "Figure"]) -> str:
    """Return a figure as HTML: its panels, its number in the chapter, and what it finds.

    Args:
        draw: A function of a chapter's ``figures.py``. The figure's label (`set_label`) is its text
            for who cannot see it, with the numbers; without one, the docstring is. Its title, which
            says what it finds, becomes the caption.
    """
    name = f"{draw.__module__}.{draw.__qualname__}"
    return (prefetched_figures and prefetched_figures.take(name)) or _figure(draw)


def _figure(draw: Callable[[], "Figure"]) -> str:
    name = draw.__name__
    drawn = draw()
    alt = str(drawn.get_label()) or " ".join((draw.__doc__ or "").split())
    if not alt:
        raise ValueError(f"{name} needs a docstring that says what there is to be seen.")
    chapter = draw.__module__.split(".")[-2]
    finding, parts = panels(drawn, f"{chapter}-{name}")
    shown = "".join(
        f'<div class="panel"><p class="panel-title">{_typeset(part.title)}</p>{part.drawing}</div>'
        for part in parts
    ).replace('<p class="panel-title"></p>', "")
    return (
        f'<figure class="figure" id="figure-{chapter}-{name}"><div class="panels" role="img" '
        f'aria-label="{html.escape(alt)}" data-search-exclude="">{shown}</div>'
        f"<figcaption>{_numbered(chapter, name)}{_typeset(finding)}</figcaption></figure>"
    )


def figures_of(entry: catalogue.Entry) -> list[str]:
    """Return the functions that draw a chapter's figures, as its pages show them, by full name."""
    files = sorted(entry.folder.glob("*figures.py"))
    modules = [module for path in files if (module := entry.module(path.stem))]
    return [
        f"{module.__name__}.{name}"
        for name in _figure_names(entry.name)
        for module in modules
        if hasattr(module, name)
    ]


def figure_by_name(name: str) -> str:
    """Return the figure that a function of that full name draws, as HTML."""
    module, _, function = name.rpartition(".")
    return _figure(getattr(importlib.import_module(module), function))


def _figure_names(chapter: str) -> list[str]:
    return re.findall(r"pages\.figure\(\s*(?:\w+\.)*(\w+)", text(chapter))


def _numbered(chapter: str, name: str) -> str:
    """Return a figure's number, by the order in which the chapter's pages show its figures.

    A page of the whole book numbers none.
    """
    if chapter not in (entry.name for entry in catalogue.discover()):
        return ""
    names = _figure_names(chapter)
    if name not in names:
        return ""
    number = catalogue.find_chapter(chapter).card.number
    return f"<b>Figure {number}.{names.index(name) + 1}.</b> "


def _typeset(title: str) -> str:
    """Return a figure's title as HTML, with its formulas as MathML."""
    parts = re.split(r"\$([^$]+)\$", title)
    typeset = (mathml(part) if i % 2 else html.escape(part) for i, part in enumerate(parts))
    return "".join(typeset).replace("\n", "<br>")


@functools.cache
def results(name: str) -> str:
    """Return the recorded results of a study: a table of its levels, and the verdict.

    Args:
        name: The chapter's name and the study's, e.g. ``recurrence.seasonal_forecast``.
    """
    chapter, _, study = name.partition(".")
    recorded = recorded_results(getattr(catalogue.find_chapter(chapter).module("studies"), study))
    validation = {"mean validation error": ("mean_validation_error", ".3f")}
    further = validation if "mean_validation_error" in recorded.table else {}
    return f"{results_table(recorded, '.3f', further)}\n\n{recorded.verdict}"


def builds_on(chapter: str) -> str:
    """Return a line that says which chapters a chapter builds on, with links.

    Args:
        chapter: The chapter's name.
    """
    entries = map(catalogue.find_chapter, catalogue.find_chapter(chapter).card.builds_on)
    links = [f"[{one.card.number} {one.card.title}](../{one.name}/index.html)" for one in entries]
    return f"*Builds on {', '.join(links) or 'no other chapter of this book'}.*"


def exercise(name: str) -> str:
    """Return an exercise: task, arguments, an example, hints one at a time, a place for an editor.

    Args:
        name: The chapter's name and the exercise's, e.g. ``convolution.im2col``.
    """
    chapter = name.partition(".")[0]
    one = _exercises(chapter)[name]
    points = f"{one.points:g} point{'s' * (one.points != 1)}"
    hints = ""
    for number, hint in reversed(list(enumerate(one.hints, 1))):
        hints = folded(f"Hint {number} of {len(one.hints)}", f"{hint}\n\n{hints}", "question")
    keras, terminal = "", "In the terminal: write"
    if one.builds_model:
        keras, terminal = ' data-keras=""', "A model of Keras is checked in the terminal. Write"
    signature = one.stub.partition('    """')[0].rstrip()
    parts = [
        # markdown-exec gives every id a prefix but those of raw HTML.
        f'<div class="exercise" markdown>\n\n<a id="{_anchor(name)}"></a>',
        f"**Exercise `{one.name}`** ({points}). {as_markdown(inspect.cleandoc(one.__doc__ or ''))}",
        _copied(signature, one.stub),
        _example(one),
        hints,
        f'<div data-exercise="{name}"{keras} markdown>\n\n{terminal}'
        f" it into the file that `companion start {chapter}` makes, and check it:\n\n"
        f"```bash\ncompanion check {chapter}.py --only {one.name}\n```\n\n</div>\n\n</div>",
    ]
    return "\n\n".join(filter(None, parts))


def _example(exercise: Exercise) -> str:
    """Return an exercise's first case: what goes in, and what is expected."""
    if exercise.builds_model:
        return ""
    bound = exercise.bind(exercise.draw(0)[0])
    arguments, keywords = copy.deepcopy((bound["arguments"], bound["keywords"]))
    values = {**bound["given"], "expected": exercise(*arguments, **keywords)}
    lines = "\n".join(case_entry(key, value) for key, value in values.items())
    block = f"```text\n{lines}\n```"
    return (
        f"For example:\n\n{block}" if lines.count("\n") < MAX_UNFOLDED else folded("Example", block)
    )


def _exercises(chapter: str) -> dict[str, Exercise]:
    module = catalogue.find_chapter(chapter).module("exercises")
    assert module is not None
    return {f"{chapter}.{one.name}": one for one in exercises_in(module)}


def _anchor(name: str) -> str:
    return f"exercise-{name.replace('.', '-')}"


def exercises(chapter: str) -> str:
    """Return a chapter's exercises, each linked to its place, and how to begin.

    Args:
        chapter: The chapter's name.
    """
    files = {
        name: file.with_suffix(".html").name.replace("README", "index")
        for file in page_files(chapter)
        for name in re.findall(r'pages\.exercise\("([\w.]+)"\)', file.read_text(encoding="utf-8"))
    }
    items = []
    for name, one in _exercises(chapter).items():
        title = f"[`{one.name}`]({files[name]}#{_anchor(name)})" if name in files else one.name
        task, _, _ = inspect.cleandoc(one.__doc__ or "").partition("\n\n")
        items.append(f"- {title}: {' '.join(task.split())}")
    begin = f"```bash\ncompanion start {chapter}\ncompanion check {chapter}.py\n```"
    stored = f'<div data-answers="{chapter}"></div>\n<div data-progress=""></div>'
    return "\n".join([*items, "", stored, "", ALL_AT_ONCE, "", begin])


def slides() -> str:
    """Return, deck by deck, where the book treats each slide.

    Raises:
        ValueError: If no section names one of them.
    """
    links: dict[str, list[str]] = {}
    for entry in catalogue.discover():
        for section in sections(entry.name):
            page = section.file.with_suffix(".html").name.replace("README", "index")
            link = f"[{section.title}]({entry.name}/{page}#{section.anchor})"
            for row in section.slides:
                links.setdefault(row, []).append(link)
    with (data_files.data_folder() / "slides.csv").open(encoding="utf-8", newline="") as opened:
        _, *titles = csv.reader(opened)
    if missing := [number for number, _ in titles if number not in links]:
        raise ValueError(f"No section says <!-- slide: {' '.join(missing)} --> under its heading.")
    lines: list[str] = []
    for deck, name in LECTURES.items():
        lines += [
            f"## {name} {{#slides-{deck.lower()}}}",
            "",
            "| | slide | where |",
            "|--|---|---|",
        ]
        for number, title in titles:
            if number.startswith(deck):
                lines.append(f"| {number} | {title} | {'<br>'.join(links[number])} |")
        lines.append("")
    return "\n".join(lines)


def download(chapter: str, with_notebook: bool = True) -> str:
    """Return what a lesson also is: a Jupyter notebook, here and in Colab, a reference, slides.

    The notebook is made just now, and packed to a third of its size; `assets/book.js` unpacks it
    for whoever follows the link.

    Args:
        chapter: The chapter's name.
        with_notebook: Whether the page holds the notebook. A page of many figures leaves it to the
            chapter's first.
    """
    notebook_link = (
        f'<a class="md-button" download="{chapter}.ipynb.gz" '
        f'href="data:application/gzip;base64,{_packed(chapter)}">'
        f"Take this lesson with you as a Jupyter notebook</a> {_in_colab(chapter)}"
    )
    return (
        f"{notebook_link if with_notebook else ''}"
        '<a class="md-button" href="reference.html">Its functions</a> '
        '<button type="button" class="md-button" data-slides="">As slides (d)</button>'
    )


def _in_colab(chapter: str) -> str:
    """Return the link that opens the notebook in Colab, or nothing where that cannot open it.

    Colab opens what a repository on GitHub holds: there, the published site with the notebook in
    it, which is written now. What the notebook installs from the repository lacks the chapters of
    a teacher.
    """
    repository, site = GITHUB.fullmatch(address()), os.environ.get(SITE)
    if not (repository and site and catalogue.find_chapter(chapter).of_the_book):
        return ""
    file = f"{chapter}/{chapter}.ipynb"
    write(Path(site, file), gzip.decompress(base64.b64decode(_packed(chapter))))
    path = f"{'/'.join(repository.groups())}/blob/{PUBLISHED_BRANCH}/{file}"
    link = f"https://colab.research.google.com/github/{path}"
    return f'<a class="md-button" href="{link}">Open in Colab</a> '


@functools.cache
def _packed(chapter: str) -> str:
    """Return a chapter's notebook, packed: the same for each of its pages.

    Of outputs too many for a page, the largest are left to who runs their cells.
    """
    document = notebook(chapter, outputs=True)
    cells = [cell for cell in document["cells"] if cell.get("outputs")]
    cells.sort(key=lambda cell: len(str(cell["outputs"])))
    while True:
        content = json.dumps(document, ensure_ascii=False)
        packed = base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()
        if len(packed) <= MAX_PACKED or not cells:
            return packed
        cells.pop()["outputs"] = []


def data_cards() -> str:
    """Return the data sets: what they hold, who made them, under which licence."""
    lines = ["| download | name, what, under which licence, and whose |", "|--:|---|"]
    for card in (source.card for source in known().values()):
        digits = 0 if card.megabytes >= 1 else 1
        size = f"{card.megabytes:,.{digits}f} MB" if card.host else "none"
        cells = (f"`{card.name}`", card.title, card.licence, card.source)
        lines.append(f"| {size} | {'<br>'.join(cells)} |")
    return "\n".join(lines)


def records() -> str:
    """Return what is recorded: the question, the command that answers it, and how long it took."""
    lines = ["| minutes | what was recorded, its question, and what made it |", "|--:|---|"]
    folders = data_files.results_folders()
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        record = data_files.read(path.stem)
        question = record.get("question", "What its figures need from Keras.")
        seconds = record.get("seconds")
        if isinstance(seconds, dict):
            seconds = seconds.get("full")
        minutes = f"{seconds / 60:,.1f}" if seconds else ""
        lines.append(f"| {minutes} | `{path.stem}`<br>{question}<br>`{record['command']}` |")
    return "\n".join(lines)
