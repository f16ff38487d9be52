"""Between what happens in a study and who is told of it."""

import threading
import time
from collections.abc import Callable, Mapping

from lifelong_lb.store import RunRecord
from lifelong_lb.studies.watching import Watcher

SECONDS_BETWEEN_TABLES = 20.0
"""How often the tables are brought up to date while a study runs."""


class Relay(Watcher):
    """Hands on to a watcher, a call at a time whichever thread it comes from, and keeps the tables up to date.

    Args:
        watcher: is told everything.
        update: brings the tables up to date; called now and then after a run has ended.
    """

    def __init__(self, watcher: Watcher, update: Callable[[], None]) -> None:
        self._watcher, self._update, self._updated = watcher, update, time.monotonic()
        self._lock = threading.Lock()

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Hand it on."""
        with self._lock:
            self._watcher.start(total, present)

    def begun(self, run: str, title: str) -> None:
        """Hand it on."""
        with self._lock:
            self._watcher.begun(run, title)

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Hand it on, and bring the tables up to date if that was long ago."""
        with self._lock:
            self._watcher.ended(title, record, elsewhere=elsewhere)
        if time.monotonic() - self._updated > SECONDS_BETWEEN_TABLES:
            self._update()
            self._updated = time.monotonic()

    def waiting(self, runs: int) -> None:
        """Hand it on."""
        with self._lock:
            self._watcher.waiting(runs)

    def stop(self) -> None:
        """Hand it on."""
        with self._lock:
            self._watcher.stop()
