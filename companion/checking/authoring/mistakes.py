"""Known mistakes: what a learner who makes one returns, and the sentence that names it."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake that learners make: what it returns, and the sentence that names it."""

    sentence: str
    function: Function


class Mistakes(list[Mistake]):
    """The known mistakes; calling it adds a table of them, a sentence and its function by turns."""

    def __call__(self, *rows: str | Function) -> None:
        """Add mistakes.

        Args:
            *rows: A sentence, then the function that makes the mistake; the next sentence, ...

        Raises:
            TypeError: If sentences and functions do not take turns.
        """
        for sentence, function in itertools.zip_longest(rows[::2], rows[1::2]):
            if not isinstance(sentence, str) or isinstance(function, str) or not callable(function):
                raise TypeError(
                    "A table of mistakes is a sentence, its function, the next sentence, and so "
                    f"on. Received: {sentence!r} with {function!r}."
                )
            self.append(Mistake(sentence, function))
