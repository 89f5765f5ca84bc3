"""TensorFlow's start-up messages, kept from the reader: they are for its developers."""

import contextlib
import importlib.machinery
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def stderr_withheld() -> Iterator[None]:
    """Keep back what C++ writes to stderr; let it out if the block fails."""
    try:
        stderr = os.dup(2)
    except OSError:  # closed: nothing can be written to it, so nothing needs keeping back
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(stderr, kept.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


class _QuietLoader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        with stderr_withheld():
            super().exec_module(module)


class QuietTensorFlow:
    """An import hook that keeps stderr still while `tensorflow` is loaded, whoever loads it."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """Find `tensorflow` as Python would, with a loader that is quiet."""
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None and spec.loader is not None:
            spec.loader = _QuietLoader(name, spec.origin)
        return spec


def install() -> None:
    """Make every later `import tensorflow` of this process a quiet one."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice on retracing, above all
    if QuietTensorFlow not in sys.meta_path:
        sys.meta_path.insert(0, QuietTensorFlow)
