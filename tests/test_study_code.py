"""The code of a row: a study knows what its measure reaches, and mixes no rows of two versions."""

import importlib
import subprocess
import sys

import pytest
import study_samples as samples

from companion import catalogue
from companion.errors import UserError
from companion.studies.fingerprint import modules_of
from companion.studies.scheduler import run_study
from companion.studies.workers import perform


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that writes modules beside one another, of which `measured` holds a measure."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**sources):
        for name, source in sources.items():
            file = tmp_path / f"{name.replace('helper_', 'helper/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(source)
        importlib.invalidate_caches()
        return importlib.import_module("measured").measure

    yield write
    for name in [name for name in sys.modules if name.split(".")[0] in ("measured", "helper")]:
        del sys.modules[name]


MEASURE = "import helper\ndef measure(level, seed, *, quick):\n    return {'error': helper.value()}"


def test_rows_from_before_and_after_a_helper_changed_are_never_mixed(project, tmp_path):
    study = samples.study(project(measured=MEASURE, helper="def value(): return 1.0"), levels=(0,))
    assert [row.values["error"] for row in run_study(study, tmp_path / "rows", seeds=2).rows] == [
        1.0,
        1.0,
    ]
    project(helper='"""Doc."""\ndef value():\n    """Docs."""\n    return (1.0)  # one\n')
    assert len(run_study(study, tmp_path / "rows", seeds=3).rows) == 3, "comments change nothing"
    project(helper="def value(): return 100.0")
    with pytest.raises(UserError, match=r"its code differs in helper\. Nothing was changed there"):
        run_study(study, tmp_path / "rows", seeds=4)
    assert len(list((tmp_path / "rows" / "rows").iterdir())) == 3


def test_a_worker_with_other_code_than_the_study_began_with_measures_nothing():
    with pytest.raises(UserError, match="other code than this study began with"):
        perform(samples.draw, 0, 0, quick=True, code="an older one")


@pytest.mark.parametrize(
    "source",
    [
        "def measure():\n    from helper.deep import thing",
        "import helper.deep",
        "from helper import deep as d",
        "from helper.deep import *",
        "import importlib\nimportlib.import_module('helper.deep')",
        "from helper import public",
        "import helper\ndef measure(): helper.public()",
        "import helper.other\ndef measure(): helper.public()",
        "import helper as h\ndef measure(): return [h.public.field for _ in 'a']",
    ],
)
def test_every_way_to_another_module_is_followed(project, source):
    measure = project(
        measured=source + "\ndef measure(): pass",
        helper___init__="import lazy_loader\n__getattr__, __dir__, __all__ = lazy_loader.attach("
        "__name__, submod_attrs={'deep': ['public']})",
        helper_deep="from . import deeper\npublic = thing = 1",
        helper_deeper="",
        helper_other="",
    )
    assert {"helper", "helper.deep", "helper.deeper"} <= modules_of(measure).keys()
    assert ("helper.other" in modules_of(measure)) == ("other" in source)


def test_a_study_reaches_the_models_and_the_data_that_it_names_and_no_other_chapters():
    reached = modules_of(catalogue.find_study("digits_by_rows")[1].measure).keys()
    assert {"chapters.recurrence.models", "companion.datasets.sources"} <= reached
    assert {"companion.training.trainer", "companion.training.recipe"} <= reached
    assert not {"chapters.ecg.models", "companion.studies.scheduler"} & reached
    assert all(
        name.split(".")[1:2] in ([], ["recurrence"]) for name in reached if "chapters" in name
    )


@pytest.mark.slow
@pytest.mark.drawn
def test_whatever_a_row_loads_is_in_its_fingerprint():
    script = (
        "import sys\n"
        "from chapters.recurrence import studies\n"
        "studies.digits_by_rows_row('one way', 0, quick=True)\n"
        "loaded = [name for name in sys.modules if name.startswith(('companion', 'chapters'))]\n"
        "from companion.studies.fingerprint import modules_of\n"
        "print(*({*loaded} - modules_of(studies.digits_by_rows_row).keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    missing = {".".join(module.split(".")[:2]) for module in done.stdout.split()}
    chapters = {f"chapters.{entry.name}" for entry in catalogue.discover()}
    assert missing <= chapters - {"chapters.recurrence"}, "the catalogue looks at all, and uses one"
