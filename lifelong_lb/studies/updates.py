"""Tables and page of a study while its runs are executed."""

import time
from contextlib import suppress

from lifelong_lb.reports import collect, write_progress, write_tables
from lifelong_lb.store import ResultFolder
from lifelong_lb.studies.custom_metrics import store_custom_metrics

SECONDS_BETWEEN_PAGES = 30.0
"""Least seconds from the start to the first page, and between two."""
SHARE = 0.05
"""Largest share of the time that is spent on pages."""


class Updates:
    """Renews the tables whenever a run ends, and the page from time to time.

    Args:
        folder: the result folder.
    """

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder
        self._next_page = time.monotonic() + SECONDS_BETWEEN_PAGES

    def __call__(self) -> None:
        """Write the tables, and the page if it is due, unless another launcher is writing them."""
        with suppress(TimeoutError), self._folder.locked(seconds=0):
            results = collect(self._folder)
            store_custom_metrics(self._folder, results.study, results.records)
            start = time.monotonic()
            if start < self._next_page:
                write_tables(self._folder, results)
                return
            write_progress(self._folder, results)
            end = time.monotonic()
            self._next_page = end + max(SECONDS_BETWEEN_PAGES, (end - start) / SHARE)
