"""Between what happens in a study and who is told of it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lifelong_lb.store import RunProgress, RunRecord, read_progress
from lifelong_lb.studies.progress.observer import ProgressObserver

SECONDS_BETWEEN_TABLES = 20.0
"""How often the tables are brought up to date while a study runs."""
POLL_SECONDS = 2.0
"""How often to look how far the runs under way have come."""


class EventDispatcher(ProgressObserver):
    """Hands on to a observer, a call at a time whichever thread it comes from, and keeps the tables up to date.

    Between entering and leaving, a thread looks how far the runs that were begun here have come. A observer that finds
    its reader gone is told no more; that is no reason to stop.

    Args:
        observer: is told everything, each experience once.
        update: brings the tables up to date; called now and then after a run has ended.
        runs_path: folder of the runs.
    """

    def __init__(self, observer: ProgressObserver, update: Callable[[], None], runs_path: Path) -> None:
        self._observer, self._update, self._runs_path = observer, update, runs_path
        self._tables_updated = time.monotonic()
        self._titles: dict[str, str] = {}
        self._reported: dict[str, int] = {}
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._poll, name="progress", daemon=True)

    def __enter__(self) -> "EventDispatcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self.stop()

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Hand it on."""
        with self._exclusive():
            self._observer.start(total, present)

    def begun(self, run: str, title: str) -> None:
        """Hand it on."""
        with self._exclusive():
            self._titles[run], self._reported[run] = title, 0
            self._observer.begun(run, title)

    def update_progress(self, run: str, progress: RunProgress) -> None:
        """Tell what is new about a run that is under way here, and nothing of others.

        Args:
            run: its id.
            progress: how far it has come.
        """
        with self._exclusive():
            self._report_new(run, progress)

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Hand it on, with what is new about its experiences; bring the tables up to date if that was long ago."""
        with self._exclusive():
            self._report_new(record.run, RunProgress.of(record.experiences, record.accuracy))
            self._titles.pop(record.run, None)
            self._observer.ended(title, record, elsewhere=elsewhere)
        if time.monotonic() - self._tables_updated > SECONDS_BETWEEN_TABLES:
            self._update()
            self._tables_updated = time.monotonic()

    def given_up(self, run: str) -> None:
        """Hand it on."""
        with self._exclusive():
            del self._titles[run]
            self._observer.given_up(run)

    def waiting(self, runs: int) -> None:
        """Hand it on."""
        with self._exclusive():
            self._observer.waiting(runs)

    def stop(self) -> None:
        """Hand it on."""
        with self._exclusive():
            self._observer.stop()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except BrokenPipeError:
                self._observer = ProgressObserver()

    def _report_new(self, run: str, progress: RunProgress) -> None:
        if run not in self._titles:
            return
        for experience, accuracy in progress.accuracies[self._reported[run] :]:
            self._observer.learnt(run, self._titles[run], experience, progress.experiences, accuracy)
            self._reported[run] += 1

    def _poll(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            with suppress(OSError):  # a file system that is away for a moment
                for run, progress in read_progress(self._runs_path).items():
                    self.update_progress(run, progress)
