"""Where a number comes from: the machine, and the code that a row ran."""

import importlib
import os
import platform
import re
import sys
from pathlib import Path

import pytest
from study_results import clock

from companion import catalogue, data_files
from companion.studies import fingerprint, provenance, recorded_figures

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux itself")


# -- where a number comes from --------------------------------------------------------------------


@on_linux
def test_the_machine_is_the_one_that_linux_describes():
    memory = re.search(r"MemTotal: *(\d+) kB", Path("/proc/meminfo").read_text())
    assert provenance.machine()["memory_gb"] == pytest.approx(int(memory[1]) / 2**20, abs=1)
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    if models:
        assert provenance.processor() in {model.strip() for model in models}


def test_a_processor_that_no_file_describes_is_named_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "Path", lambda _: tmp_path / "cpuinfo")
    named = provenance.processor.__wrapped__()
    assert named
    assert named in (platform.processor(), platform.machine())


@on_linux
@pytest.mark.skipif(os.cpu_count() == 1, reason="there is one core only")
def test_the_cores_are_those_that_this_process_may_use():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert provenance.available_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(("told", "cores"), [(8, 8), (None, 1)])
def test_where_a_process_may_use_every_core_all_are_counted(monkeypatch, told, cores):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "cpu_count", lambda: told)
    assert provenance.available_cores() == cores


def test_a_figures_record_is_a_text_with_the_seconds_it_took(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "CLONE", tmp_path)
    clock(monkeypatch, recorded_figures, 100.0, 102.26)
    record = recorded_figures.FigureRecord("toy")
    path = record.make(unit=lambda: "µ")
    assert path == tmp_path / "data" / "results" / "toy_figures.json"
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert '"µ"' in text
    assert record["seconds"] == 2.3
    with pytest.raises(KeyError, match="holds no 'colour'"):
        record["colour"]


# -- the code of a row ----------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that writes files into a folder and imports the measure of one module there."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(module, files):
        for name, source in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(source, encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(module).measure

    yield write
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("measured", "lab", "beside"):
            del sys.modules[name]


def test_a_hash_is_the_head_of_sha_256():
    assert fingerprint.short_hash("") == "e3b0c44298fc"


@pytest.mark.parametrize(
    ("module", "reached"),
    [("lab", {"lab", "beside"}), ("lab.measured", {"lab", "lab.measured", "beside"})],
)
def test_a_measure_in_a_package_reaches_the_modules_beside_the_package(project, module, reached):
    source = "import beside\ndef measure(): pass"
    files = {"lab/__init__.py": source, "lab/measured.py": source, "beside.py": ""}
    assert modules_of(project(module, files)) == reached


def test_a_lazy_name_of_a_package_within_a_package_is_followed(project):
    files = {
        "measured.py": "from lab import inner\ndef measure(): inner.public()",
        "lab/__init__.py": "",
        "lab/inner/__init__.py": "import lazy_loader\n__getattr__, __dir__, __all__ = "
        "lazy_loader.attach(__name__, submod_attrs={'deep': ['public']})",
        "lab/inner/deep.py": "def public(): pass",
    }
    reached = modules_of(project("measured", files))
    assert reached == {"measured", "lab", "lab.inner", "lab.inner.deep"}


def test_a_script_has_the_code_that_a_worker_imports(project, monkeypatch):
    files = {"measured.py": "import beside\ndef measure(): pass", "beside.py": ""}
    measure = project("measured", files)
    imported = fingerprint.modules_of(measure)
    monkeypatch.setitem(sys.modules, "__mp_main__", sys.modules["measured"])
    measure.__module__ = "__mp_main__"
    assert fingerprint.modules_of(measure) == imported


def test_a_name_of_a_model_counts_in_a_chapter_only(project):
    files = {"measured.py": "def measure(): return 'lenet5'"}
    assert modules_of(project("measured", files)) == {"measured"}
    recipes = catalogue.find_study("recipes")[1].measure
    assert "chapters.convnets.models" in modules_of(recipes)


def modules_of(measure):
    """The names of the modules that a measure reaches."""
    return set(fingerprint.modules_of(measure))
