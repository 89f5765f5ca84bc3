"""The memory of a step of training is kept for the next one."""

import ctypes
import os
import platform

# M_TOP_PAD, M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h, and their bytes here: more
# than the 64 MiB of a thread's heap, so that no heap is given back, and blocks of any usual size.
KEPT_BYTES = {-2: 2**27, -1: 2**31 - 1, -3: 2**30}


def keep_memory() -> bool:
    """Have the C library keep what is freed, instead of giving it back to the system.

    By itself glibc gives large blocks back, and the system clears every page of them when they are
    asked for again: in a virtual machine that can take as long as the step of a convnet itself.
    What the reader has set (``MALLOC_…``, ``GLIBC_TUNABLES``) stays as it is.

    Returns:
        Whether it does so now; without glibc nothing is changed.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    if platform.libc_ver()[0] != "glibc":
        return False
    set_option = ctypes.CDLL(None).mallopt
    return all([set_option(option, size) for option, size in KEPT_BYTES.items()])
