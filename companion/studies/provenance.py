"""Where a number comes from, besides the code: versions and the machine."""

import contextlib
import os
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any


def versions() -> dict[str, str]:
    """Return the versions that a number may depend on."""
    installed = {"python": platform.python_version()}
    for package in ("lecture-companion", "keras", "tensorflow", "numpy", "scikit-learn"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[package] = metadata.version(package)
    installed["backend"] = os.environ.get("KERAS_BACKEND", "tensorflow")
    return installed


def machine() -> dict[str, Any]:
    """Return what the numbers and seconds may depend on; nothing that tells whose machine it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if os.name == "posix" else 0
    return {
        "system": platform.system(),
        "processor": processor(),
        "cores": available_cores(),
        "memory_gb": round(memory / 2**30) or None,
    }


@cache
def processor() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def available_cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
