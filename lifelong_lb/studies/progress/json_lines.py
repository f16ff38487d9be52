"""Progress as JSON lines."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import TextIO

from lifelong_lb.store import RunRecord
from lifelong_lb.studies.progress.lines import final_accuracy
from lifelong_lb.studies.progress.observer import ProgressObserver


class JsonObserver(ProgressObserver):
    """Write a JSON object per event, with ``event`` and ``time`` in seconds since 1970.

    Events: ``start`` (runs, present: status to number), ``run started`` (run, title), ``experience ended`` (run, title,
    experience in 0..T-1, experiences, accuracy: the mean over those seen so far), ``run ended`` (run, title, status,
    message, average_accuracy or null, elsewhere), ``run given up`` (run), ``waiting`` (runs), ``problem`` (text),
    ``end`` (runs, statuses: status to number). Tuning writes ``trial`` (trial, trials, searches, seconds) before the
    events of each round of trials, and ``chosen`` (trials, searches, seconds) before those of the study with the chosen
    settings.

    Args:
        stream: where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._total = 0
        self._statuses: Counter[str] = Counter()

    def phase(self, name: str, text: str, numbers: Mapping[str, float]) -> None:
        """Write ``trial`` or ``chosen``."""
        self._write(name, **numbers)

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Write ``start``."""
        self._total, self._statuses = total, Counter(present)
        self._write("start", runs=total, present=dict(present))

    def begun(self, run: str, title: str) -> None:
        """Write ``run started``."""
        self._write("run started", run=run, title=title)

    def learnt(self, run: str, title: str, experience: int, experiences: int, accuracy: float) -> None:
        """Write ``experience ended``."""
        numbers = {"experience": experience, "experiences": experiences, "accuracy": accuracy}
        self._write("experience ended", run=run, title=title, **numbers)

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Write ``run ended``."""
        self._statuses[record.status] += 1
        outcome = {"status": record.status, "message": record.message, "average_accuracy": final_accuracy(record)}
        self._write("run ended", run=record.run, title=title, **outcome, elsewhere=elsewhere)

    def given_up(self, run: str) -> None:
        """Write ``run given up``."""
        self._write("run given up", run=run)

    def waiting(self, runs: int) -> None:
        """Write ``waiting``."""
        self._write("waiting", runs=runs)

    def problem(self, text: str) -> None:
        """Write ``problem``."""
        self._write("problem", text=text)

    def stop(self) -> None:
        """Write ``end``."""
        self._write("end", runs=self._total, statuses=dict(self._statuses))

    def _write(self, event: str, **values: object) -> None:
        line = json.dumps({"event": event, "time": time.time(), **values}, allow_nan=False)
        self._stream.write(f"{line}\n")
        self._stream.flush()
