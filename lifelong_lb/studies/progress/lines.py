"""Progress as lines of text."""

import time
from collections.abc import Callable, Mapping

from lifelong_lb.evaluation import average_accuracy
from lifelong_lb.store import RunRecord
from lifelong_lb.studies.progress.observer import ProgressObserver
from lifelong_lb.untrusted import printable


class LineObserver(ProgressObserver):
    """Write a line per ended run, for notebooks, scripts and log files.

    Args:
        write: receives the lines.
    """

    def __init__(self, write: Callable[[str], None] = print) -> None:
        self._write = write
        self._total = self._ended = 0
        self._started = time.monotonic()

    def _write_line(self, line: str) -> None:
        self._write(printable(line, lines=False))

    def phase(self, name: str, text: str, numbers: Mapping[str, float]) -> None:
        """Write the description of a phase."""
        self._write_line(text)

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Write the number of runs."""
        self._total, self._ended, self._started = total, sum(present.values()), time.monotonic()
        self._write_line(
            f"{total} run{'s' * (total != 1)}{f', {self._ended} of them ended earlier' if self._ended else ''}"
        )

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Write the outcome of a run."""
        self._ended += 1
        accuracy = final_accuracy(record)
        if accuracy is None:
            outcome = f"{record.status.upper()}: {record.message}"
        else:
            outcome = f"average accuracy {accuracy:.3f}{f' ({record.message})' if record.message else ''}"
        seconds, where = time.monotonic() - self._started, " (elsewhere)" if elsewhere else ""
        self._write_line(f"[{self._ended}/{self._total}, {seconds:.0f} s] {title}{where}: {outcome}")

    def waiting(self, runs: int) -> None:
        """Write that all remaining runs are in progress elsewhere."""
        self._write_line(
            f"waiting for {runs} run{'s' * (runs > 1)} in progress elsewhere; lifelong-lb status shows where"
        )

    def problem(self, text: str) -> None:
        """Write the problem."""
        self._write_line(f"Note: {text}")


def final_accuracy(record: RunRecord) -> float | None:
    """Average accuracy of a run.

    Args:
        record: its record.

    Returns:
        A fraction; None unless the run is done.
    """
    return average_accuracy(record.accuracy) if record.status == "done" else None
