"""What several test files need: an instructor's exercises, a figure, and the built site."""

import functools
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import textwrap
import threading
from collections import defaultdict
from pathlib import Path

import pytest
from browsing import CHROMIUM, FLAGS, NO_BROWSER, Listener, Server, has_browser
from figure_page import shown
from filelock import FileLock

DRAW = os.environ.get("COMPANION_DRAW", "")
collect_ignore = ["toy"]  # a chapter for test_own_chapter.py

DEFAULT_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)

ARITHMETIC = textwrap.dedent(
    '''
    """Exercises that an instructor wrote."""

    import numpy as np

    from companion.checking import exercise


    @exercise()
    def double(x):
        """Return twice `x`."""
        return 2 * x


    @double.cases
    def _(rng):
        yield 3.0
        yield rng.normal(size=4)


    double.hints("How often do you need `x`?", "Add `x` to itself.")


    @double.mistake("You squared it: twice is x + x.")
    def _(x):
        return x * x


    @exercise(points=2)
    def total(xs):
        """Return the sum of `xs`."""
        return float(np.sum(xs))


    @total.cases
    def _(rng):
        yield np.array([1.0, 2.0, 4.0])
        yield rng.normal(size=6)


    @total.mistake("You took the mean: do not divide.")
    def _(xs):
        return float(np.mean(xs))
    '''
).lstrip()


def interruptible(program, *arguments):
    """Return a command that Ctrl-C ends even under nohup, which has it ignored."""
    return [sys.executable, "-c", DEFAULT_SIGINT, shutil.which(program), *arguments]


def pytest_collection_modifyitems(config, items):
    """With ``COMPANION_DRAW=SEED``, run one in four of the cases marked `drawn`, on average.

    ``drawn(10)`` is one in ten.
    """
    if not DRAW:
        return
    cases = defaultdict(list)
    for item in items:
        if mark := item.get_closest_marker("drawn"):
            cases[item.nodeid.partition("[")[0], *mark.args].append(item)
    left_out = set()
    for (name, *share), several in cases.items():
        rng = random.Random(DRAW + name)
        kept = int(len(several) / (share or [4])[0] + rng.random())
        left_out |= {*rng.sample(several, len(several) - kept)}
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def no_cover_below(request, monkeypatch):
    """Count no lines in the processes of a test marked `no_cover` either.

    Counting takes half as long again. The tests that train a chapter's networks show nothing of
    the engine that its own tests do not.
    """
    if request.node.get_closest_marker("no_cover"):
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(scope="session", autouse=True)
def given_data():
    """Fail if anything was written into the folders of data that the tests were given."""
    folders = {os.environ.get(name) for name in ("COMPANION_DATA_DIR", "TFDS_DATA_DIR")}

    def listing():
        return {
            path: (path.stat().st_size, path.stat().st_mtime_ns)
            for folder in folders - {None}
            for path in (Path(folder), *Path(folder).rglob("*"))
        }

    before = listing()
    yield
    assert listing() == before, "a test wrote into COMPANION_DATA_DIR or TFDS_DATA_DIR"


@pytest.fixture
def no_deep_folder_left():
    """Remove what pytest cannot: folders of hostile_folders.py."""
    from hostile_folders import DEEP

    from companion.checking.judging import scratch

    yield
    while DEEP:
        assert scratch.remove(DEEP.pop(), 120)


@pytest.fixture(scope="session")
def arithmetic(tmp_path_factory):
    """The path of an instructor's exercises: `double` (1 point) and `total` (2 points)."""
    file = tmp_path_factory.mktemp("private") / "arithmetic.py"
    file.write_text(ARITHMETIC)
    return str(file)


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    """The folder of the site, built strictly, once, and without a way to the network."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "site"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            build(folder)
    return folder


@pytest.fixture(scope="session")
def address(site):
    server = Listener(("127.0.0.1", 0), functools.partial(Server, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def chromium():
    if not has_browser:
        pytest.skip(NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, tmp_path, request):
    """The figure that the test names, as it looks on a computer."""
    with shown(chromium, tmp_path, request.param) as page:
        yield page


@pytest.fixture(scope="module")
def axe():
    """The source of axe, which looks for what keeps people out."""
    package = importlib.util.find_spec("axe_playwright_python")
    return (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def build(folder):
    """Build the site into `folder`, with Python in its pages where COMPANION_PYODIDE has it."""
    nowhere = "http://127.0.0.1:9"
    draft = folder.with_suffix(".draft")
    built = subprocess.run(
        [sys.executable, "-m", "companion", "site", draft],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "http_proxy": nowhere, "https_proxy": nowhere},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    draft.rename(folder)
