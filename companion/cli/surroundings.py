"""What `companion doctor` looks at outside the companion: settings that change a result."""

import os
import sys

from companion import keras_settings
from companion.checking.judging import isolation
from companion.datasets import source
from companion.errors import UserError


def settings() -> dict[str, str]:
    """Return each setting that changes results or stops a command, with what to do about it."""
    return _of_keras() | _of_folders() | _of_python()


def _of_keras() -> dict[str, str]:
    warnings, path = {}, keras_settings.path()
    if odd := keras_settings.ignored_settings():
        listed = ", ".join(f"{name} {value!r}" for name, value in odd.items())
        warnings["keras.json"] = (
            f"{path} sets {listed}. The companion does without: its models, and your own in the "
            "same process, take Keras's defaults. Remove these lines to be told no more."
        )
    backend = keras_settings.read().get("backend", "tensorflow")
    if "KERAS_BACKEND" not in os.environ and backend != "tensorflow":
        warnings["backend"] = f"{path} sets the backend {backend!r}; KERAS_BACKEND goes before it."
    for name in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
        if value := os.environ.get(name):
            warnings[name] = f"{name}={value} cuts every training short: `unset {name}`."
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        warnings["CUDA_VISIBLE_DEVICES"] = "It hides every GPU: `unset CUDA_VISIBLE_DEVICES`."
    return warnings


def _of_folders() -> dict[str, str]:
    """Return what cannot be written to, of the folders that commands write to."""
    warnings = {}
    if os.path.expanduser("~") == "~":
        warnings["home"] = (
            "There is no home folder: what you have passed is not remembered, and data need "
            "TFDS_DATA_DIR. Set HOME."
        )
    if not os.access(".", os.W_OK):
        warnings["folder"] = "This folder cannot be written to: `train` needs another (--output)."
    try:
        data = source.root()
    except UserError:
        return warnings  # said of the home folder already
    if data.exists() and not (data.is_dir() and os.access(data, os.W_OK)):
        warnings["data"] = (
            f"Nothing can be downloaded to {data}. TFDS_DATA_DIR names another folder."
        )
    return warnings


def _of_python() -> dict[str, str]:
    warnings = {}
    encoding = getattr(sys.__stdout__, "encoding", None) or "unknown"
    if not encoding.lower().startswith("utf"):
        warnings["encoding"] = (
            f"The terminal's encoding is {encoding}: formulas are shown with ? in them. Set "
            "PYTHONIOENCODING=utf-8, or a UTF-8 locale (LC_ALL=C.UTF-8)."
        )
    if sys.flags.optimize:
        warnings["PYTHONOPTIMIZE"] = (
            "Python leaves out docstrings and assertions; lessons and exercises show docstrings: "
            "`unset PYTHONOPTIMIZE`."
        )
    if sys.platform == "linux" and isolation.best().bubblewrap is None:
        warnings["sandbox"] = (
            "bubblewrap is missing or does not work here, so answers are less well shut in. "
            "Install it (`apt install bubblewrap`) before you grade what others wrote."
        )
    return warnings
