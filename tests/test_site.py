"""The site: it builds strictly, and every gate passes it."""

import ast
import base64
import gzip
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import site_gates
from markdown import Markdown

from companion import catalogue, lesson, pages
from companion.lesson import notebook, page_files
from companion.listing import listing

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.site
@pytest.mark.parametrize("gate", site_gates.SITE_GATES, ids=lambda gate: gate.__name__)
def test_the_site_passes(gate, site):
    assert gate(site) == []


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"\frac{1}", r"Received: \frac{1}. At character 8: Expected argument"),
        (r"2 \undefined x", r'At character 2: Unknown command "\undefined"'),
        ("{x", "At character"),
    ],
)
def test_a_bad_formula_stops_the_build(tex, message):
    for written in (f"A formula ${tex}$.", f"$$\n{tex}\n$$"):
        with pytest.raises(ValueError, match=re.escape(message)):
            as_page(written)


def test_a_formula_is_typeset_wherever_it_stands():
    page = as_page(
        "# On $w$\n\nIf $a < b$ then `$a$`.\n\n$$\na < b\n$$\n\n| $c$ |\n|---|\n| $d$ |\n"
    )
    assert [page.count(f"<mi>{letter}</mi>") for letter in "wabcd"] == [1, 2, 2, 1, 1]
    assert page.count('<math display="block"><mi>a</mi><mo>&lt;</mo>') == 1
    assert "<code>$a$</code>" in page


def as_page(markdown):
    """Return Markdown as the site makes HTML of it."""
    extensions = ["tables", "toc", "pymdownx.arithmatex", "companion.mathematics"]
    generic = {"pymdownx.arithmatex": {"generic": True}}
    return Markdown(extensions=extensions, extension_configs=generic).convert(markdown)


def test_the_strict_build_stops_at_a_page_outside_the_navigation_and_at_a_dead_link(tmp_path):
    """What MkDocs itself is asked to catch, under this project's own settings."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# Home\n")
    (tmp_path / "mkdocs.yml").write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: docs\nnav: [index.md]\n"
        "theme: {name: mkdocs}\nplugins: []\nextra_css: []\nextra_javascript: []\n"
    )

    def builds():
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", "site"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0

    assert builds()
    (docs / "lost.md").write_text("# Lost\n")
    assert not builds()
    (docs / "lost.md").unlink()
    (docs / "index.md").write_text("# Home\n\n[x](#nowhere)\n")
    assert not builds()


def test_no_docstring_describes_an_argument_that_does_not_exist():
    for package in ("companion", "chapters"):
        assert site_gates.wrong_docstrings(package, ROOT) == []


def test_the_navigation_follows_the_catalogue():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    numbers = re.findall(r"^ +- (\d+) [^:]+:", settings, re.MULTILINE)
    files = re.findall(r"^ +- [^:]+: (\w+)/([\w-]+\.md)$", settings, re.MULTILINE)
    result = catalogue.discover()
    assert numbers == [str(one.card.number) for one in result]
    assert files == [(one.name, page) for one in result for page in ("README.md", *one.card.pages)]


def public_names():
    """The public names of every chapter, and the file that its card takes each from."""
    for found in catalogue.discover():
        card = ROOT / "chapters" / found.name / "__init__.py"
        for node in ast.walk(ast.parse(card.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "submod_attrs":
                for names in ast.literal_eval(node.value).values():
                    yield from ((found.name, name) for name in names)


@pytest.mark.slow
@pytest.mark.site
@pytest.mark.drawn
@pytest.mark.skipif(not importlib.util.find_spec("zensical"), reason="pip install zensical")
def test_the_same_settings_build_on_zensical(tmp_path, site):
    """MkDocs' theme has a successor: nothing here may stand in the way of a move."""
    for name in ("chapters", "companion", "data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    command = [Path(sys.executable).with_name("zensical"), "build", "-f", "mkdocs.yml"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name, there in site_gates.pages(site).items():
        here = site_gates.Page(tmp_path / "site" / name)
        assert here.formulas == there.formulas, name
        assert here.tex == []
        assert {link for link in there.ids if "." in link} <= here.ids, name
    figures = (tmp_path / "site" / "convolution" / "index.html").read_text().count('role="img"')
    assert figures == (site / "convolution" / "index.html").read_text().count('role="img"') > 0


@pytest.mark.slow
@pytest.mark.site
def test_every_public_name_of_a_chapter_is_in_the_reference(site):
    """Anchors are full names: chapters.convolution.scratch.output_size."""
    written = {
        file.parent.name: {anchor.rpartition(".")[2] for anchor in site_gates.Page(file).ids}
        for file in site.rglob("reference.html")
    }
    missing = [pair for pair in public_names() if pair[1] not in written.get(pair[0], ())]
    assert missing == []


@pytest.mark.parametrize("gate", site_gates.PAGE_GATES, ids=lambda gate: gate.__name__)
@pytest.mark.parametrize("result", catalogue.discover(), ids=lambda found: found.name)
def test_the_pages_of_a_chapter_pass(gate, result):
    assert gate(page_files(result.name)) == []


@pytest.mark.parametrize("result", catalogue.discover(), ids=lambda found: found.name)
def test_a_lesson_opens_with_its_question_and_shows_each_exercise_in_its_place(result):
    text = lesson.text(result.name)
    assert f"**{result.card.question}**" in text[:400]
    assert f'pages.download("{result.name}")' in text
    assert f'pages.builds_on("{result.name}")' in text
    assert "what goes wrong" in text.lower()
    assert site_gates.exercises_out_of_place(page_files(result.name), result.exercise_names()) == []


def test_no_two_headings_of_the_book_bear_one_id():
    assert site_gates.ids_given_twice(sorted((ROOT / "chapters").rglob("*.md"))) == []


@pytest.mark.parametrize("result", catalogue.discover(), ids=lambda found: found.name)
def test_from_scratch_code_gives_its_matrices_the_letters_of_the_page_of_notation(result):
    code = result.folder / "scratch.py"
    assert not code.is_file() or site_gates.matrices_turned_round(code) == []


@pytest.mark.parametrize("result", catalogue.discover(), ids=lambda found: found.name)
def test_an_exercise_stands_with_its_task_example_and_hints_one_within_the_other(result):
    for name in result.exercise_names():
        written = pages.exercise(f"{result.name}.{name}")
        assert f'id="exercise-{result.name}-{name}"' in written
        assert f'<div data-exercise="{result.name}.{name}"' in written
        depths = [len(space) for space in re.findall(r'^( *)\?\?\? question "Hint', written, re.M)]
        assert depths == [4 * depth for depth in range(len(depths))]
        assert depths
        assert re.search(r"For example:|\"Example\"", written) or "keras" in written.lower()


def test_a_listing_shows_the_code_and_copies_the_docstring_with_it():
    written = pages.code("convolution.scratch.output_size")
    copied, rest = written.split("```python", 1)
    shown, folded = rest.split("??? abstract", 1)
    assert '"""' not in shown
    assert "reach > before + size + after" in shown
    for part in ("Args:", "&gt;&gt;&gt; output_size(16, 3, padding=1, stride=2)", "reach &gt;"):
        assert part in copied
    for part in ("`output_size`: Return the output length", "- `kernel`: Kernel length k.", ">>> "):
        assert part in folded


def test_a_long_listing_is_folded_whole_and_a_short_docstring_stays():
    written = pages.code("convnets.pattern.Parser")
    assert written.startswith('??? abstract "`Parser`: ')
    assert '"""' in written
    assert '"""' in pages.code("convolution.scratch.Walk")


def test_a_listing_of_what_is_not_defined_says_what_is():
    with pytest.raises(ValueError, match=r"scratch.py defines: .*output_size"):
        pages.code("convolution.scratch.output_sise")


def test_methods_constants_and_the_engine_are_listed_too():
    assert listing("recurrence.text.Vocabulary").short.startswith("class Vocabulary")
    assert listing("convnets.imagenet.VGG").whole.splitlines()[-1] == "}"
    asked = listing("companion.training.heads.svm_accuracy")
    assert asked.module == "companion.training.heads"
    assert "import numpy as np" in asked.imports or "import keras" in asked.imports


def test_every_slide_is_listed_with_its_section():
    rows = dict(re.findall(r"^\| ([A-E]\d+) \| .* \| (.*) \|$", pages.slides(), re.M))
    listed = (ROOT / "data" / "slides.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert list(rows) == [line.partition(",")[0] for line in listed]
    assert "(convolution/index.html#output-size)" in rows["E23"]
    assert all("](" in place for place in rows.values())


def test_a_slide_that_no_section_names_stops_the_build(monkeypatch):
    kept = [one for one in lesson.sections("transfer") if "E57" not in one.slides]
    real = pages.sections
    monkeypatch.setattr(pages, "sections", lambda name: kept if name == "transfer" else real(name))
    with pytest.raises(ValueError, match="slide: E57 -->"):
        pages.slides()


def test_the_front_page_says_how_to_install_and_where_the_repository_is(monkeypatch):
    monkeypatch.delenv("REPOSITORY", raising=False)
    assert "pip install ." in pages.install()
    assert "git clone" not in pages.install()
    monkeypatch.setenv("REPOSITORY", "https://example.org/book/")
    assert "git clone https://example.org/book lecture-companion\n" in pages.install()
    assert "pages.install()" in (ROOT / "chapters" / "index.md").read_text(encoding="utf-8")


COLAB = "https://colab.research.google.com/github/"


@pytest.mark.parametrize(
    ("repository", "path"),
    [
        ("https://github.com/someone/the.book", "someone/the.book"),
        ("https://github.com/someone/book.git/", "someone/book"),
        ("http://www.github.com/some-one/book", "some-one/book"),
        ("https://gitlab.com/someone/book", None),
        ("https://github.com.example.org/someone/book", None),
        ("https://example.org/github.com/someone/book", None),
        ("https://github.com/someone", None),
        ("https://github.com/someone/book/tree/main", None),
        ("", None),
    ],
)
def test_a_notebook_opens_in_colab_where_the_site_is_published_from_github(
    repository, path, tmp_path, monkeypatch
):
    packed = base64.b64encode(gzip.compress(b'{"cells": []}')).decode()
    monkeypatch.setattr(pages, "_packed", lambda chapter: packed)
    monkeypatch.setenv("REPOSITORY", repository)
    monkeypatch.setenv("COMPANION_SITE", str(tmp_path))
    links = re.findall(r'href="(https?:[^"]+)"', pages.download("memory"))
    there = "blob/gh-pages/memory/memory.ipynb"
    assert links == ([f"{COLAB}{path}/{there}"] if path else [])
    file = tmp_path / "memory" / "memory.ipynb"
    assert file.is_file() == bool(path)
    assert not path or file.read_bytes() == b'{"cells": []}'

    # Who builds without `companion site`, or shows a teacher's chapter, has no such notebook there.
    monkeypatch.delenv("COMPANION_SITE")
    assert "colab" not in pages.download("memory")
    monkeypatch.setenv("COMPANION_SITE", str(tmp_path))
    monkeypatch.setattr(catalogue.Entry, "of_the_book", False)
    assert "colab" not in pages.download("memory")


def test_no_command_is_copied_with_its_prompt():
    for file in (ROOT / "chapters").rglob("*.md"):
        assert not re.search(r"^\$ ", file.read_text(encoding="utf-8"), re.MULTILINE), file


def test_the_data_and_the_records_are_all_named():
    from companion.datasets import known

    assert all(f"`{name}`" in pages.data_cards() for name in known())
    for path in (ROOT / "data" / "results").glob("*.json"):
        assert f"`{path.stem}`" in pages.records()


def run_notebook(made, folder):
    """Run a notebook from top to bottom in a fresh kernel."""
    import nbformat
    from nbclient import NotebookClient

    asked = nbformat.from_dict(made)
    nbformat.validate(asked)
    NotebookClient(asked, timeout=240, resources={"metadata": {"path": folder}}).execute()
    return asked


# The kernel's sockets are closed by its own threads, late.
quiet_kernel = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@quiet_kernel
@pytest.mark.slow
@pytest.mark.site
@pytest.mark.drawn
@pytest.mark.parametrize("result", catalogue.discover(), ids=lambda found: found.name)
def test_a_lesson_runs_as_a_notebook(result, tmp_path):
    run = run_notebook(notebook(result.name), tmp_path)
    shown_as = [
        kind
        for cell in run.cells
        for output in cell.get("outputs", ())
        for kind in output.get("data", ())
    ]
    assert "text/html" in shown_as, "its figures are drawn"


@quiet_kernel
@pytest.mark.slow
@pytest.mark.site
def test_a_code_block_that_does_not_run_is_found(tmp_path):
    from nbclient.exceptions import CellExecutionError

    made = notebook(catalogue.discover()[0].name)
    made["cells"] = [
        {"cell_type": "code", "id": "x", "metadata": {}, "source": "undefined",
         "execution_count": None, "outputs": []}
    ]  # fmt: skip
    with pytest.raises(CellExecutionError, match="undefined"):
        run_notebook(made, tmp_path)


@pytest.mark.parametrize("result", catalogue.discover(), ids=lambda found: found.name)
def test_a_notebook_holds_all_code_and_no_trace_of_the_site(result):
    cells = notebook(result.name)["cells"]
    prose = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    for trace in ("pages.code", "README.md", "data-figure", "!!! ", 'exec="true"'):
        assert trace not in prose
    assert all(compile(c["source"], "cell", "exec") for c in cells if c["cell_type"] == "code")


def test_a_notebook_comes_with_what_the_page_shows_and_installs_what_it_needs(monkeypatch):
    monkeypatch.setenv("REPOSITORY", "https://git.example/book/")
    cells = notebook("memory", outputs=True)["cells"]
    assert 'SOURCE = "git+https://git.example/book"' in cells[1]["source"]
    shown = [
        one["data"] for cell in cells if cell["cell_type"] == "code" for one in cell["outputs"]
    ]
    assert sum("<figure" in one.get("text/html", "") for one in shown) >= 3
    assert any("| " in one.get("text/markdown", "") for one in shown)
    assert not any("{#" in one.get("text/markdown", "") for one in shown)
    assert "git.example" in pages.report()
    monkeypatch.delenv("REPOSITORY")
    assert "http" not in pages.report()
