"""Thread-safe dispatch of study events to a progress observer."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lifelong_lb.store import RunProgress, RunRecord, read_progress
from lifelong_lb.studies.progress.observer import ProgressObserver

SECONDS_BETWEEN_TABLES = 20.0
"""Minimum interval between two updates of the tables while a study runs."""
POLL_SECONDS = 2.0
"""Interval at which the progress of active runs is read."""


class EventDispatcher(ProgressObserver):
    """Forward events to an observer, one call at a time, and update the tables.

    While the context is open, a thread polls the progress of the runs started here. An observer that raises an
    ``OSError``, e.g. because its pipe has no reader or its disk is full, receives no more events; the study continues.

    Args:
        observer: receives all events, each experience once.
        update: updates the tables; called at intervals after a run has ended. It returns sentences about new problems.
        runs_path: folder of the runs.

    Attributes:
        problems: a sentence about an observer that could not write; none if its reader disconnected.
    """

    def __init__(self, observer: ProgressObserver, update: Callable[[], Sequence[str]], runs_path: Path) -> None:
        self._observer, self._update, self._runs_path = observer, update, runs_path
        self.problems: list[str] = []
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
        """Forward the event."""
        with self._exclusive():
            self._observer.start(total, present)

    def begun(self, run: str, title: str) -> None:
        """Forward the event."""
        with self._exclusive():
            self._titles[run], self._reported[run] = title, 0
            self._observer.begun(run, title)

    def update_progress(self, run: str, progress: RunProgress) -> None:
        """Report new experiences of a run; runs not started here are ignored.

        Args:
            run: its id.
            progress: its progress.
        """
        with self._exclusive():
            self._report_new(run, progress)

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Forward the event after the run's new experiences; update the tables if the interval has passed."""
        with self._exclusive():
            self._report_new(record.run, RunProgress.of(record.accuracy))
            self._titles.pop(record.run, None)
            self._observer.ended(title, record, elsewhere=elsewhere)
        if time.monotonic() - self._tables_updated > SECONDS_BETWEEN_TABLES:
            for text in self._update():
                self.problem(text)
            self._tables_updated = time.monotonic()

    def problem(self, text: str) -> None:
        """Forward the event."""
        with self._exclusive():
            self._observer.problem(text)

    def given_up(self, run: str) -> None:
        """Forward the event."""
        with self._exclusive():
            del self._titles[run]
            self._observer.given_up(run)

    def waiting(self, runs: int) -> None:
        """Forward the event."""
        with self._exclusive():
            self._observer.waiting(runs)

    def stop(self) -> None:
        """Forward the event."""
        with self._exclusive():
            self._observer.stop()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except OSError as error:
                if not isinstance(error, BrokenPipeError):
                    self.problems.append(f"progress could not be shown to the end ({error.strerror or error})")
                self._observer = ProgressObserver()

    def _report_new(self, run: str, progress: RunProgress) -> None:
        if run not in self._titles:
            return
        for experience, accuracy in progress.accuracies[self._reported[run] :]:
            self._observer.learnt(run, self._titles[run], experience, progress.experiences, accuracy)
            self._reported[run] += 1

    def _poll(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            with suppress(OSError):  # the file system may be unavailable for a moment
                for run, progress in read_progress(self._runs_path).items():
                    self.update_progress(run, progress)
