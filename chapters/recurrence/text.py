"""Text as numbers: a vocabulary learned from the training texts, and nothing but them."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

PADDING, UNKNOWN = 0, 1
WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?]")


def words(text: str) -> list[str]:
    """Return the words of a text in small letters; ! and ? count as words.

    >>> words("Don't waste 20 Euros!")
    ["don't", 'waste', '20', 'euros', '!']
    """
    return WORD.findall(text.lower().replace("’", "'"))


class Vocabulary:
    """Numbers for words: 0 is padding, 1 every word that is not known.

    Args:
        texts: What to learn the words from: the training texts alone.
        size: The commonest words are kept, so many.
        least: A word is learned if it comes at least so often.

    >>> vocabulary = Vocabulary(["good good phone", "bad phone"], least=2)
    >>> len(vocabulary), vocabulary.encode(["bad good phone", "phone"], length=4).tolist()
    (4, [[1, 2, 3, 0], [3, 0, 0, 0]])
    """

    def __init__(self, texts: Iterable[str], *, size: int = 20_000, least: int = 1) -> None:
        counts = Counter(word for text in texts for word in words(text))
        vocabulary = [word for word, count in counts.most_common(size) if count >= least]
        self.numbers = {word: number for number, word in enumerate(vocabulary, start=UNKNOWN + 1)}

    def __len__(self) -> int:
        """Return how many numbers there are, padding and unknown among them."""
        return len(self.numbers) + 2

    def encode(self, texts: Iterable[str], length: int) -> NDArray[Any]:
        """Return word numbers of shape ``(texts, length)``: cut at the end, padded with 0."""
        rows = [
            [self.numbers.get(word, UNKNOWN) for word in words(text)][:length] for text in texts
        ]
        encoded = np.full((len(rows), length), PADDING, "int32")
        for row, numbers in zip(encoded, rows, strict=True):
            row[: len(numbers)] = numbers
        return encoded
