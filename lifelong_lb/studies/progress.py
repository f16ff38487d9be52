"""Progress for people: a bar in a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lifelong_lb.evaluation import AccuracyMatrix, average_accuracy
from lifelong_lb.store import RunRecord
from lifelong_lb.studies.watching import Watcher


class ConsoleWatcher(Watcher):
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

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Say how much there is to do.

        Args:
            total: runs in the study.
            present: status to number of those that are there already.
        """
        there = sum(present.values())
        self._total, self._done, self._started = total, there, time.monotonic()
        self._console.print(f"{total} runs{f', {there} of them there already' if there else ''}", highlight=False)
        if self._console.is_terminal and there < total:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task("runs", total=total, completed=there)
            self._bar.start()

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Tell of a run.

        Args:
            title: what it was.
            record: what it left behind.
            elsewhere: whether another launcher has done it.
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
        where = " (elsewhere)" if elsewhere else ""
        line = f"[{self._done}/{self._total}, {seconds:.0f} s] {title}{where}: {outcome}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def waiting(self, runs: int) -> None:
        """Say that others are at work on all that is left.

        Args:
            runs: how many runs are left.
        """
        what = f"{runs} runs that are" if runs > 1 else "a run that is"
        line = f"waiting for {what} in progress elsewhere; lifelong-lb status says where"
        self._console.print(line, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
