"""What figures need from Keras or from recordings: made by one command, and kept with the book.

So a page is built in seconds, without Keras::

    record = FigureRecord("memory")                  # data/results/memory_figures.json
    record["gradients"]                              # what a figure draws

    if __name__ == "__main__":                       # python -m chapters.memory.figures
        record.make(gradients=gradients_of_adders)
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion import data_files, files
from companion.studies.provenance import versions


class FigureRecord:
    """The recorded parts of a chapter's figures, by name.

    Args:
        chapter: The chapter's name.
        seed: The seed that its parts are made with; `make` writes it down.
        module: The chapter's module that draws them.
    """

    def __init__(self, chapter: str, seed: int = 0, module: str = "figures") -> None:
        self.chapter, self.name = chapter, f"{chapter}_{module}"
        self.command = f"python -m chapters.{chapter}.{module}"
        self.seed = seed

    def __getitem__(self, part: str) -> Any:
        """Return a part as it was recorded.

        Raises:
            KeyError: If it was not; with the command that records it.
        """
        parts = data_files.read(self.name)
        if part not in parts:
            raise KeyError(f"{self.name} holds no {part!r}; `{self.command}` records it.")
        return parts[part]

    def make(self, **parts: Callable[[], Any]) -> Path:
        """Make every part, in this order, and write them with what they were made by.

        Args:
            parts: For each part a function that returns what JSON can hold.

        Returns:
            Where the record lies.
        """
        began = time.perf_counter()
        made = {part: make() for part, make in parts.items()}
        seconds = round(time.perf_counter() - began, 1)
        of = {"command": self.command, "seed": self.seed, "seconds": seconds}
        path = data_files.recorded(self.name, self.chapter)
        text = json.dumps({**of, "versions": versions(), **made}, ensure_ascii=False)
        files.write(path, text + "\n")
        return path
