"""Tables and page of a study while its runs are executed."""

import time
from contextlib import suppress

from lifelong_lb.reports import collect, write_progress, write_tables
from lifelong_lb.store import ResultFolder
from lifelong_lb.studies.custom_metrics import store_custom_metrics
from lifelong_lb.untrusted import shortened

SECONDS_BETWEEN_PAGES = 30.0
"""Least seconds from the start to the first page, and between two."""
SHARE = 0.05
"""Largest share of the time that is spent on pages."""
MAX_CHARACTERS = 200
"""Most characters of an error's message in a problem."""


class Updates:
    """Renews the tables whenever a run ends, and the page from time to time.

    An error is kept as a problem; it does not reach the runs.

    Args:
        folder: the result folder.

    Attributes:
        problems: sentences about the errors so far, each once.
    """

    def __init__(self, folder: ResultFolder) -> None:
        self.problems: list[str] = []
        self._folder = folder
        self._next_page = time.monotonic() + SECONDS_BETWEEN_PAGES

    def __call__(self) -> list[str]:
        """Write the tables, and the page if it is due, unless another launcher is writing them.

        Returns:
            The problem, if it is a new one.
        """
        try:
            with suppress(TimeoutError), self._folder.locked(seconds=0):
                self._write()
        except Exception as error:  # noqa: BLE001  e.g. a full disk, or a fault in a chart
            message = shortened(" ".join(str(error).split()), MAX_CHARACTERS)
            problem = f"tables or page could not be written while runs were active ({type(error).__name__}: {message})"
            if problem not in self.problems:
                self.problems.append(problem)
                return [problem]
        return []

    def _write(self) -> None:
        results = collect(self._folder)
        store_custom_metrics(self._folder, results.study, results.records)
        start = time.monotonic()
        if start < self._next_page:
            write_tables(self._folder, results)
            return
        try:
            write_progress(self._folder, results)
        finally:
            end = time.monotonic()
            self._next_page = end + max(SECONDS_BETWEEN_PAGES, (end - start) / SHARE)
