"""Progress for people: a bar in a terminal, plain lines elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lifelong_lb.evaluation import AccuracyMatrix, average_accuracy
from lifelong_lb.store import RunRecord


class ConsoleWatcher:
    """Prints a line for each run that ends; in a terminal a bar with the time left stays below them.

    Args:
        console: where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: Any = None
        self._total = self._done = 0
        self._started = 0.0

    def start(self, total: int, present: int) -> None:
        """Say how much there is to do.

        Args:
            total: runs in the study.
            present: how many of them are there already.
        """
        self._total, self._done, self._started = total, present, time.monotonic()
        there = f", {present} of them there already" if present else ""
        self._console.print(f"{total} runs{there}", highlight=False)
        if self._console.is_terminal and present < total:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task("runs", total=total, completed=present)
            self._bar.start()

    def ended(self, title: str, record: RunRecord) -> None:
        """Tell of a run.

        Args:
            title: what it was.
            record: what it left behind.
        """
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._task)
        if record.status == "done":
            matrix = AccuracyMatrix.from_entries(record.accuracy, record.experiences)
            outcome = f"average accuracy {average_accuracy(matrix):.3f}"
        else:
            outcome = f"{record.status.upper()}: {record.message}"
        seconds = time.monotonic() - self._started
        line = f"[{self._done}/{self._total}, {seconds:.0f} s] {title}: {outcome}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
