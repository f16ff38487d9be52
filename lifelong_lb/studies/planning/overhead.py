"""Measure the fixed overhead of a study on this machine with one tiny run."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import parse_study
from lifelong_lb.reports import write_report
from lifelong_lb.store import RunRecord
from lifelong_lb.studies.complete import complete
from lifelong_lb.studies.options import RunOptions
from lifelong_lb.studies.progress.observer import ProgressObserver

_STUDY = {"name": "overhead", "streams": {"name": "split-digits", "images_per_class": 10}, "seeds": 1}


@dataclass(frozen=True)
class Overhead:
    """Overhead of a study beyond the training and evaluation of its runs, in seconds.

    Attributes:
        start: until the first run starts: importing torch and Avalanche.
        run: per run: starting its process, building its objects, writing its files.
        report: tables, figures and page at the end.
    """

    start: float = 0.0
    run: float = 0.0
    report: float = 0.0


class _TimeObserver(ProgressObserver):
    """Record when the run starts and ends."""

    def __init__(self) -> None:
        self.begin = self.end = self.trained = 0.0

    def begun(self, run: str, title: str) -> None:
        """Record the time."""
        self.begin = time.monotonic()

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Record the time, and the training time."""
        self.end, self.trained = time.monotonic(), record.train_seconds


def measure_overhead() -> Overhead:
    """Execute a study of one tiny run on the embedded digits in a temporary folder.

    Returns:
        Its duration without training.
    """
    times, started = _TimeObserver(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder_path:
        options = RunOptions(workers=1, device="cpu", checkpoint_every=None, observer=times)
        folder, _ = complete([parse_study(_STUDY)], Path(folder_path), options)
        report = time.monotonic()
        with folder.locked():
            write_report(folder)
        return Overhead(times.begin - started, times.end - times.begin - times.trained, time.monotonic() - report)
