"""A plugin of MkDocs: a second process draws figures while this one builds the pages."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from mkdocs.plugins import BasePlugin

from companion import catalogue, pages
from companion.prefetch import ReversePrefetch


class Figures(BasePlugin):  # type: ignore[type-arg, no-untyped-call]
    """What `mkdocs.yml` names `figures`; where there is one core alone, it does nothing."""

    pool: ProcessPoolExecutor | None = None

    def on_pre_build(self, **_: Any) -> None:
        """Begin with the figures of the last chapter; pages are built from the first."""
        if (os.cpu_count() or 1) < 2:
            return
        self.pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        names = [name for entry in catalogue.discover() for name in pages.figures_of(entry)]
        pages.prefetched_figures = ReversePrefetch(self.pool, pages.figure_by_name, names)

    def on_post_build(self, **_: Any) -> None:
        """End the other process."""
        pages.prefetched_figures = None
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
            self.pool = None

    def on_build_error(self, **_: Any) -> None:
        """End the other process."""
        self.on_post_build()
