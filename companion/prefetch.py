"""Work that goes on beside other work, in the order in which it was given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_in_order(
    pool: Executor, call: Callable[[T], R], items: Iterable[T], ahead: int = 1
) -> Iterator[R]:
    """Yield ``call(item)`` for each item, in their order; what comes next is called meanwhile.

    As many items are in hand as that takes, and no more. When nobody asks for more, what is not
    begun yet never is.

    Args:
        pool: What carries the calls out.
        call: What is called.
        items: What with. They are taken here, between the answers.
        ahead: How many calls may wait or run while an answer is used.
    """
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(call, item))
            while pending and (len(pending) > ahead or pending[0].done()):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


class ReversePrefetch(Generic[T, R]):
    """What another process works out from the last item to the first, to be met half-way.

    Args:
        pool: What carries the calls out.
        call: What is called.
        items: What with, in the order in which this process will ask for them.
    """

    def __init__(self, pool: Executor, call: Callable[[T], R], items: Iterable[T]) -> None:
        self._futures = {item: pool.submit(call, item) for item in reversed(list(items))}

    def take(self, item: T) -> R | None:
        """Return what was made of an item; None if nobody has begun it, and nobody will."""
        future = self._futures.pop(item, None)
        return None if future is None or future.cancel() else future.result()
