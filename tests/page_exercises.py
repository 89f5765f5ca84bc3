"""Exercises that a page can check, and tests that need a site with Python in its pages."""

import os

import pytest
from browsing import needs_browser

from companion import catalogue
from companion.checking.authoring.exercise import exercises_in

in_the_page = [
    pytest.mark.slow,
    pytest.mark.site,
    pytest.mark.skipif(
        "COMPANION_PYODIDE" not in os.environ,
        reason="no Pyodide here: COMPANION_PYODIDE names an unpacked release (.ci/pyodide DIR)",
    ),
    needs_browser,
]


def in_the_browser(test):
    """Mark a test that needs a browser and Python in the pages."""
    for mark in in_the_page:
        test = mark(test)
    return test


def exercises(chapter):
    """The exercises of a chapter that need no Keras."""
    module = catalogue.find_chapter(chapter).module("exercises")
    return [one for one in exercises_in(module) if not one.builds_model]
