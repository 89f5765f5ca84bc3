"""What a release of Pyodide is, and what the site takes of it."""

import hashlib
import json
import re
import zipfile

import pytest

from companion import catalogue, pyodide
from companion.cli.site import lay_out
from companion.errors import UserError

CHAPTERS = [entry.name for entry in catalogue.discover() if entry.exercise_names()]


def release(folder, **changes):
    """Write a small release: a core that names its version, and two packages with their sums."""
    files = {
        "pyodide.mjs": 'var C="0.99.1";',
        "pyodide.asm.mjs": "",
        "pyodide.asm.wasm": "",
        "python_stdlib.zip": "",
        "numpy.whl": "arrays",
        "blas.zip": "products",
    }
    packages = {
        name: {
            "file_name": file,
            "sha256": hashlib.sha256(files[file].encode()).hexdigest(),
            "depends": depends,
        }
        for name, file, depends in [("numpy", "numpy.whl", ["blas"]), ("blas", "blas.zip", [])]
    }
    lock = {"info": {"version": "0.99.1", "abi_version": "2099_0"}, "packages": packages}
    lock["packages"]["pandas"] = {"file_name": "none.whl", "sha256": "", "depends": []}
    folder.mkdir()
    for name, content in {**files, "pyodide-lock.json": json.dumps(lock), **changes}.items():
        if content is not None:
            (folder / name).write_text(content)
    return folder


def test_the_site_takes_the_core_numpy_and_what_that_depends_on(tmp_path):
    size = pyodide.take(release(tmp_path / "release"), tmp_path / "python")
    taken = {file.name for file in (tmp_path / "python").iterdir()}
    assert taken == {
        *("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip"),
        *("numpy.whl", "blas.zip", "pyodide-lock.json", "book.zip", "files.json"),
    }
    plan = json.loads((tmp_path / "python" / "files.json").read_text())
    assert plan["packages"] == ["numpy"]
    rest = size - (tmp_path / "python" / "book.zip").stat().st_size
    assert plan["bytes"] == size
    assert 0 < rest < 2000
    assert "pandas" not in (tmp_path / "python" / "pyodide-lock.json").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"numpy.whl": "forged"}, "numpy.whl is not the file that pyodide-lock.json names"),
        ({"blas.zip": "forged"}, "blas.zip is not the file"),
        ({"numpy.whl": None}, "lacks numpy.whl: take the full release"),
        ({"pyodide.asm.wasm": None}, "has no pyodide.asm.wasm"),
        ({"pyodide.asm.mjs": None}, "has no pyodide.asm.*js"),
        ({"pyodide.mjs": 'var C="0.99.2";'}, "mixes releases"),
        ({"pyodide-lock.json": None}, "COMPANION_PYODIDE names the folder of an unpacked Pyodide"),
        ({"pyodide-lock.json": "{}"}, "COMPANION_PYODIDE names"),
        ({"pyodide-lock.json": "<html>"}, "COMPANION_PYODIDE names"),
    ],
)
def test_a_release_that_is_not_whole_is_refused_before_the_site_is_built(tmp_path, change, message):
    with pytest.raises(UserError, match=re.escape(message)):
        pyodide.take(release(tmp_path / "release", **change), tmp_path / "python")


def test_a_release_whose_lock_gives_no_version_is_known_by_its_abi(tmp_path):
    """So are Pyodide's own from 0.29 on."""
    lock = json.loads((release(tmp_path / "old") / "pyodide-lock.json").read_text())
    del lock["info"]["version"]
    new = {"pyodide-lock.json": json.dumps(lock), "pyodide.asm.mjs": "abi_version: 2099_0"}
    assert pyodide.take(release(tmp_path / "new", **new), tmp_path / "python")
    new["pyodide.asm.mjs"] = "abi_version: 2098_0"
    with pytest.raises(UserError, match="mixes releases"):
        pyodide.take(release(tmp_path / "mixed", **new), tmp_path / "python")


def test_the_book_for_the_page_is_the_same_from_the_same_source_and_needs_no_keras(tmp_path):
    for name in ("a", "b"):
        pyodide.take(release(tmp_path / name), tmp_path / f"{name}-python")
    first, second = (tmp_path / f"{name}-python" / "book.zip" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        roots = {name.partition("/")[0] for name in archive.namelist()}
        assert {f"chapters/{name}/exercises.py" for name in CHAPTERS} <= {*archive.namelist()}
    assert roots == {"companion", "chapters", "lazy_loader"}


def test_the_pages_load_the_editors_script_only_where_the_site_has_python(tmp_path):
    with_python = lay_out(tmp_path / "a", str(release(tmp_path / "release")))
    without = lay_out(tmp_path / "b")
    scripts = [json.loads(one.read_text())["extra_javascript"] for one in (with_python, without)]
    assert scripts == [
        ["assets/book.js", "assets/progress.js", "assets/exercises.js"],
        ["assets/book.js"],
    ]
    assert (tmp_path / "a" / "chapters" / "assets" / "python" / "book.zip").is_file()
    assert not (tmp_path / "b" / "chapters" / "assets" / "python").exists()
