"""Memory that a step frees is there for the next one, unless the reader has set it otherwise."""

import os
import platform
import subprocess
import sys

import pytest

from companion import allocator, keras_settings

# In a thread, as TensorFlow computes: blocks of 3 MB, below the size for which NumPy asks for
# huge pages. Printed are the pages that twenty steps got from the system, and how many they need.
STEPS = """
import resource, sys, threading
import numpy as np
from companion.allocator import keep_memory

print(keep_memory() if "keep" in sys.argv else None)

def steps(count):
    for _ in range(count):
        parts = [np.ones(3 * 2**17) for _ in range(30)]

def work():
    steps(5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    steps(20)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=work)
thread.start()
thread.join()
print(20 * 30 * 3 * 2**20 // resource.getpagesize())
"""
needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's")


def steps(*arguments, **variables):
    """Whether memory is kept, pages that were asked for, and pages that the steps touch."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", STEPS, *arguments],
        env=env | variables, capture_output=True, text=True, check=True,
    )  # fmt: skip
    kept, asked, touched = done.stdout.split()
    return kept, int(asked), int(touched)


@needs_glibc
def test_a_step_finds_the_memory_that_the_last_one_freed():
    _, asked, touched = steps()
    assert asked > touched / 2
    kept, asked, touched = steps("keep")
    assert kept == "True"
    assert asked < touched / 50


@needs_glibc
@pytest.mark.parametrize("variable", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_what_the_reader_set_stays(variable):
    value = "8" if variable == "MALLOC_ARENA_MAX" else "glibc.malloc.arena_max=8"
    kept, asked, touched = steps("keep", **{variable: value})
    assert kept == "False"
    assert asked > touched / 2


def test_nothing_is_asked_of_another_c_library(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocator.keep_memory()


def test_it_is_set_when_keras_is_loaded(monkeypatch):
    calls = []
    monkeypatch.setattr(keras_settings, "keep_memory", lambda: calls.append("loaded"))
    keras_settings.install()
    assert calls == (["loaded"] if "keras" in sys.modules else [])
    monkeypatch.setattr(keras_settings, "settle", lambda: None)
    monkeypatch.setattr(
        "importlib.machinery.SourceFileLoader.exec_module",
        lambda self, module: calls.append("executed"),
    )
    calls.clear()
    spec = keras_settings.KerasFinder.find_spec("keras")
    spec.loader.exec_module(None)
    assert calls == ["loaded", "executed"]
