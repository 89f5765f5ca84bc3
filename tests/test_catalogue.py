"""The catalogue finds what is there, and says what is not."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

import chapters
from companion import catalogue
from companion.chapter import Model
from companion.checking.classroom.discovery import all_exercises
from companion.errors import UserError


def test_chapters_come_in_reading_order():
    numbers = [entry.card.number for entry in catalogue.discover()]
    assert numbers == sorted(numbers)
    assert {"convolution", "convnets"} <= {entry.name for entry in catalogue.discover()}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A teacher's folder of chapters: what writes a file of one of them, from its text."""
    monkeypatch.setattr(chapters, "__path__", list(chapters.__path__))
    monkeypatch.setenv("COMPANION_CHAPTERS", "")

    def write(file, text):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(textwrap.dedent(text))
        catalogue.add_folder(str(tmp_path))

    yield write
    for name in [name for name in sys.modules if re.match(r"chapters\.(attention|empty)", name)]:
        del sys.modules[name]
    catalogue._leave_out.cache_clear()


CARD = """
    from companion.chapter import Chapter, Model

    chapter = Chapter(99, "Attention", "To whom?", "C", models=({models}))
"""


def test_a_folder_is_a_chapter_wherever_it_lies(own, tmp_path):
    own("attention/__init__.py", CARD.format(models=""))
    own("attention/exercises.py", '''
        from companion import checking

        TASK = """
        @exercise()
        def not_one(): ...
        """

        @checking.exercise(points=2)
        def softmax(z): ...

        @other
        def helper(z): ...
        ''')  # fmt: skip
    entry = catalogue.find_chapter("attention")
    assert (entry.card.number, entry.folder) == (99, tmp_path / "attention")
    assert entry.module("models") is None
    assert entry.exercise_names() == ("softmax",)
    assert os.environ["COMPANION_CHAPTERS"] == str(tmp_path)
    # Another process finds it too, and a name that is not whole becomes so for those that follow.
    code = (
        "import os; from companion import catalogue\n"
        "print(catalogue.discover()[-1].name, os.environ['COMPANION_CHAPTERS'])"
    )
    for named, folder in (tmp_path, "/"), (tmp_path.name, tmp_path.parent):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env={**os.environ, "COMPANION_CHAPTERS": str(named)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["attention", str(tmp_path)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"empty/__init__.py must define `chapter = Chapter\(...\)`. Received: None"),
        (
            "\n1 / 0",
            "chapters.empty cannot be imported from .*empty/__init__.py, line 2: ZeroDivisionError",
        ),
        ("def", "cannot be imported .*SyntaxError: invalid syntax"),
    ],
)
def test_a_chapter_that_cannot_be_read_is_left_out_and_says_why(own, caplog, text, message):
    own("empty/__init__.py", text)
    assert len(catalogue.discover()) == len(catalogue.discover()) > 0
    assert len(caplog.records) == 1
    assert re.search(message, caplog.text)
    with pytest.raises(UserError, match=message):
        catalogue.find_chapter("empty")


def test_a_mistake_in_a_chapters_studies_or_exercises_hides_no_other_chapters(own, caplog):
    known, exercises = catalogue.studies(), all_exercises()
    own("attention/__init__.py", CARD.format(models=""))
    own("attention/studies.py", "\nimport nowhere")
    own("attention/exercises.py", "def")
    assert catalogue.studies().keys() == known.keys()
    assert all_exercises() == exercises
    assert "chapters.attention.studies cannot be imported from" in caplog.text
    assert (
        "attention/studies.py, line 2: ModuleNotFoundError: No module named 'nowhere'"
        in caplog.text
    )
    assert catalogue.find_chapter("attention").exercise_names() == ()
    assert "The exercises of attention are left out: invalid syntax" in caplog.text


def test_two_chapters_of_one_name_or_with_a_model_of_one_name_are_refused(own, tmp_path):
    own("attention/__init__.py", CARD.format(models='Model("lenet5", 1, (1,), "mine"),'))
    with pytest.raises(UserError, match=r"Two chapters bring a model named 'lenet5': .*attention"):
        catalogue.models()
    own("convnets/__init__.py", CARD.format(models=""))
    with pytest.raises(UserError, match=f"Two chapters are named 'convnets': .* and {tmp_path}"):
        catalogue.discover()


def test_a_folder_of_chapters_that_is_not_there_is_named(own, tmp_path):
    catalogue.add_folder(str(tmp_path / "nowhere"))
    message = r"COMPANION_CHAPTERS and --chapters name .* Received: .*nowhere"
    with pytest.raises(UserError, match=message):
        catalogue.discover()


@pytest.mark.parametrize("models", [None, "", "def another(): ..."])
def test_a_card_whose_builder_is_not_there_is_told_so(own, models):
    own("attention/__init__.py", CARD.format(models='Model("looking", 1, (1,), "mine"),'))
    if models is not None:
        own("attention/models.py", models)
    with pytest.raises(UserError, match=r"card of looking .*attention/models.py has no such"):
        catalogue.builder("looking")


def test_an_entry_bears_its_builders_name_unless_told_otherwise():
    assert Model("vgg", 1, (1,), "paper").builder == "vgg"
    assert catalogue.find_model("lenet5_1998")[1].builder == "lenet5"


@pytest.mark.parametrize(
    ("find", "name", "message"),
    [
        (catalogue.find_model, "lenet", "no model named 'lenet'. Did you mean 'lenet5'"),
        (catalogue.find_chapter, "convnet", "no chapter named 'convnet'. Did you mean 'convnets'"),
        (catalogue.find_chapter, "zzz", "There are: .*convnets"),
    ],
)
def test_an_unknown_name_gets_the_nearest(find, name, message):
    with pytest.raises(UserError, match=message):
        find(name)


@pytest.mark.parametrize(
    "statement",
    [
        "import companion.cli.book, companion.cli.training, companion.cli.machine",
        "from companion import catalogue; catalogue.discover()",
        "import chapters.convnets; dir(chapters.convnets)",
        "from chapters.convolution import output_size; output_size(16, 3)",
    ],
)
def test_looking_around_loads_no_heavy_package(statement):
    heavy = "{'keras', 'tensorflow', 'matplotlib', 'pandas', 'sklearn', 'jax', 'torch'}"
    code = f"import sys; {statement}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
