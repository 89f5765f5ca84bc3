"""Users: whom a worker runs as where root starts it."""

import functools
import itertools
import os
from pathlib import Path

NOBODY = 65534
# Users above this one have no files; every worker that root starts is another one of them.
FIRST_UNUSED = 1 << 30


def unused_user() -> int:
    """Return a user whom no other worker runs as, so that their limits and signals stay apart."""
    return FIRST_UNUSED + next(_numbers) % FIRST_UNUSED if _has_unused_users() else NOBODY


_numbers = itertools.count(os.getpid() << 10)


@functools.cache
def _has_unused_users() -> bool:
    """Say whether this system knows users of any number: containers of ordinary users do not."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return False
    ranges = [tuple(map(int, line.split())) for line in lines]
    return any(
        first <= FIRST_UNUSED and first + count >= 2 * FIRST_UNUSED for first, _, count in ranges
    )


def is_root() -> bool:
    """Say whether this process is root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
