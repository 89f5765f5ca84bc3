"""Work that goes on beside other work, in the order in which it was given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_turn(
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
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(call, item))
            while waiting and (len(waiting) > ahead or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for one in waiting:
            one.cancel()


class FromTheEnd(Generic[T, R]):
    """What another process works out from the last item to the first, to be met half-way.

    Args:
        pool: What carries the calls out.
        call: What is called.
        items: What with, in the order in which this process will ask for them.
    """

    def __init__(self, pool: Executor, call: Callable[[T], R], items: Iterable[T]) -> None:
        self._begun = {item: pool.submit(call, item) for item in reversed(list(items))}

    def take(self, item: T) -> R | None:
        """Return what was made of an item; None if nobody has begun it, and nobody will."""
        one = self._begun.pop(item, None)
        return None if one is None or one.cancel() else one.result()
