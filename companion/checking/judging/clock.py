"""The clock: one thread that calls off whatever takes too long."""

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator

POLL_INTERVAL = 0.1  # seconds from one look at a scratch folder on disk to the next


class Clock(threading.Thread):
    """One thread that calls off whatever takes too long."""

    def __init__(self) -> None:
        super().__init__(name="clock", daemon=True)
        self._changed = threading.Condition()
        self._deadlines: dict[object, tuple[float, Callable[[], None]]] = {}
        self._polls: dict[object, Callable[[], None]] = {}
        self.start()

    @contextlib.contextmanager
    def until(
        self, limit: float, expire: Callable[[], None], poll: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Call `expire` unless the context is left within `limit` seconds, and `poll` meanwhile."""
        key = object()
        with self._changed:
            if poll:
                self._polls[key] = poll
            self._deadlines[key] = time.monotonic() + max(limit, 0.0), expire
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._deadlines.pop(key, None)
                self._polls.pop(key, None)

    def run(self) -> None:
        """Wait for the nearest end, for ever."""
        with self._changed:
            while True:
                now = time.monotonic()
                for key, (deadline, expire) in list(self._deadlines.items()):
                    if deadline <= now:
                        del self._deadlines[key]
                        expire()
                for poll in self._polls.values():
                    poll()
                deadlines = [deadline for deadline, _ in self._deadlines.values()]
                deadlines += [now + POLL_INTERVAL] if self._polls else []
                self._changed.wait(max(min(deadlines) - time.monotonic(), 0) if deadlines else None)


@functools.cache
def clock() -> Clock:
    """Return this process's clock."""
    return Clock()
