"""The catalogue finds what is there, and says what is not."""

import subprocess
import sys
import textwrap

import pytest

import chapters
from companion import catalogue
from companion.chapter import Model
from companion.errors import UserError


def test_chapters_come_in_reading_order():
    numbers = [found.card.number for found in catalogue.discover()]
    assert numbers == sorted(numbers)
    assert {"convolution", "convnets"} <= {found.name for found in catalogue.discover()}


def test_a_new_folder_is_a_new_chapter_and_no_other_file_is_touched(tmp_path, monkeypatch):
    folder = tmp_path / "attention"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        textwrap.dedent(
            '''
            """Attention."""
            from companion.chapter import Chapter

            chapter = Chapter(number=99, title="Attention", question="To whom?", lectures="C")
            '''
        )
    )
    monkeypatch.setattr(chapters, "__path__", [*chapters.__path__, str(tmp_path)])
    found = catalogue.find_chapter("attention")
    assert found.card.number == 99
    assert found.module("models") is None
    monkeypatch.delitem(sys.modules, "chapters.attention")


def test_a_folder_without_a_card_is_named(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "__init__.py").write_text('"""Nothing."""\n')
    monkeypatch.setattr(chapters, "__path__", [*chapters.__path__, str(tmp_path)])
    with pytest.raises(TypeError, match=r"chapters/empty/__init__.py must define `chapter = Chap"):
        catalogue.discover()
    monkeypatch.delitem(sys.modules, "chapters.empty")


def test_an_entry_bears_its_builders_name_unless_told_otherwise():
    assert Model("vgg", 1, (1,), "paper").builder == "vgg"
    assert catalogue.find_model("lenet5_1998")[1].builder == "lenet5"


@pytest.mark.parametrize(
    ("find", "name", "said"),
    [
        (catalogue.find_model, "lenet", "no model named 'lenet'. Did you mean 'lenet5'"),
        (catalogue.find_chapter, "convnet", "no chapter named 'convnet'. Did you mean 'convnets'"),
        (catalogue.find_chapter, "zzz", "There are: .*convnets"),
    ],
)
def test_an_unknown_name_gets_the_nearest(find, name, said):
    with pytest.raises(UserError, match=said):
        find(name)


def test_the_engine_imports_no_chapter_by_name():
    from pathlib import Path

    import companion

    engine = Path(companion.__file__).parent
    names = [found.name for found in catalogue.discover()]
    for file in engine.rglob("*.py"):
        text = file.read_text()
        for name in names:
            assert f"chapters.{name} import" not in text, file
            assert f"import chapters.{name}" not in text, file


@pytest.mark.parametrize(
    "statement",
    [
        "import companion.cli.book, companion.cli.training",
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
