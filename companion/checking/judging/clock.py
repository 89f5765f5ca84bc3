"""The clock: one thread that calls off whatever takes too long."""

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator

LOOK = 0.1  # seconds from one look at a scratch folder on disk to the next


class Clock(threading.Thread):
    """One thread that calls off whatever takes too long."""

    def __init__(self) -> None:
        super().__init__(name="clock", daemon=True)
        self._changed = threading.Condition()
        self._ends: dict[object, tuple[float, Callable[[], None]]] = {}
        self._looks: dict[object, Callable[[], None]] = {}
        self.start()

    @contextlib.contextmanager
    def until(
        self, limit: float, expire: Callable[[], None], look: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Call `expire` unless the context is left within `limit` seconds, and `look` meanwhile."""
        here = object()
        with self._changed:
            if look:
                self._looks[here] = look
            self._ends[here] = time.monotonic() + max(limit, 0.0), expire
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._ends.pop(here, None)
                self._looks.pop(here, None)

    def run(self) -> None:
        """Wait for the nearest end, for ever."""
        with self._changed:
            while True:
                now = time.monotonic()
                for here, (end, expire) in list(self._ends.items()):
                    if end <= now:
                        del self._ends[here]
                        expire()
                for look in self._looks.values():
                    look()
                ends = [end for end, _ in self._ends.values()]
                ends += [now + LOOK] if self._looks else []
                self._changed.wait(max(min(ends) - time.monotonic(), 0) if ends else None)


@functools.cache
def clock() -> Clock:
    """Return this process's clock."""
    return Clock()
