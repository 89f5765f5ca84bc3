"""Keras as the book is written for, whatever the reader's ``keras.json`` says."""

import contextlib
import importlib.machinery
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from companion.allocator import keep_memory
from companion.errors import UserError

# Keras's own defaults: lessons, models, exercises and recorded results stand on them.
WRITTEN_FOR = {"image_data_format": "channels_last", "floatx": "float32", "epsilon": 1e-7}


def path() -> Path:
    """Return where Keras looks for its settings, which need not be there."""
    if named := os.environ.get("KERAS_HOME"):
        return Path(named, "keras.json")
    home = os.path.expanduser("~")  # stays "~" where there is no home
    return Path(home if os.access(home, os.W_OK) else "/tmp", ".keras", "keras.json")


def read() -> dict[str, Any]:
    """Return what stands in ``keras.json``; nothing where it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        settings = json.loads(path().read_text(encoding="utf-8"))
        return settings if isinstance(settings, dict) else {}
    return {}


def ignored_settings() -> dict[str, Any]:
    """Return those settings of ``keras.json`` that the book does without."""
    settings = read()
    return {
        name: settings[name]
        for name, value in WRITTEN_FOR.items()
        if settings.get(name, value) != value
    }


@contextlib.contextmanager
def keras_defaults() -> Iterator[None]:
    """Build and train as the book is written; the session's settings are back afterwards.

    A session that computes in float64 goes on doing so.
    """
    from keras import config

    before = {name: getattr(config, name)() for name in WRITTEN_FOR}
    wide = {"floatx": "float64"} if before["floatx"] == "float64" else {}  # asked for, and exact
    _set({**WRITTEN_FOR, **wide})
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, Any]) -> None:
    from keras import config

    for name, value in values.items():
        getattr(config, f"set_{name}")(value)


def settle() -> None:
    """Have this process's Keras forget what ``keras.json`` says otherwise, and say so."""
    from keras import config

    odd = {
        name: value
        for name, value in ignored_settings().items()
        if getattr(config, name)() == value
    }
    if not odd:
        return
    if config.dtype_policy().name == odd.get("floatx"):
        config.set_dtype_policy(WRITTEN_FOR["floatx"])
    _set({name: WRITTEN_FOR[name] for name in odd})
    settings = ", ".join(
        f"{name} {value!r} (here {WRITTEN_FOR[name]!r})" for name, value in odd.items()
    )
    logging.getLogger(__name__).warning(
        "The companion's models do without these settings of %s: %s.", path(), settings
    )


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        keep_memory()  # a thread that starts later has a heap that stays
        try:
            super().exec_module(module)
        except ValueError as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"Keras cannot be loaded: {reason} Mend or remove {path()}, and look at "
                f"KERAS_BACKEND (here {os.environ.get('KERAS_BACKEND', 'not set')})."
            ) from error
        settle()


class KerasFinder:
    """An import hook that has Keras settled as soon as it is loaded."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """Find `keras` as Python would, with a loader that settles it."""
        if name != "keras":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None and spec.loader is not None:
            spec.loader = _Loader(name, spec.origin)
        return spec


def install() -> None:
    """Have Keras settled in this process: now, or when it is loaded."""
    if "KERAS_HOME" not in os.environ and os.path.expanduser("~") == "~":
        os.environ["KERAS_HOME"] = str(path().parent)  # else TensorFlow makes a folder named ~ here
    if "keras" in sys.modules:
        keep_memory()
        settle()
    elif KerasFinder not in sys.meta_path:
        sys.meta_path.insert(0, KerasFinder)
