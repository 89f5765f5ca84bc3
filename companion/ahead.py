"""Work that goes on beside other work, in the order in which it was given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

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
