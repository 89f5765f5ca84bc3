"""TensorFlow is loaded in silence, and in an order that PyTorch survives."""

import contextlib
import ctypes
import importlib.machinery
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
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
    with tempfile.TemporaryFile() as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        except BaseException:
            buffer.seek(0)
            os.write(stderr, buffer.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def load_triton_first() -> None:
    """Load the library of Triton, where that is installed, before TensorFlow's.

    The first optimizer of PyTorch loads Triton. Where TensorFlow's library came first, Triton's
    ends in a segmentation fault, and with it the reader's notebook (seen with TensorFlow 2.21,
    PyTorch 2.13 and Triton 3.9).
    """
    spec = importlib.machinery.PathFinder.find_spec("triton")
    for folder in (spec and spec.submodule_search_locations) or ():
        for library in Path(folder, "_C").glob("libtriton*.so"):
            with contextlib.suppress(OSError):  # one that cannot be loaded does no harm either
                ctypes.CDLL(str(library))


class _QuietLoader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        with stderr_withheld():
            load_triton_first()
            super().exec_module(module)


class QuietTensorFlow:
    """An import hook that is quiet while `tensorflow` is loaded, and has Triton loaded first."""

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
    if "jax" in sys.modules and os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "1":
        del os.environ["TF_CPP_MIN_LOG_LEVEL"]  # JAX's own default, which lets much through
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice on retracing, above all
    if QuietTensorFlow not in sys.meta_path:
        sys.meta_path.insert(0, QuietTensorFlow)
