"""Progress in a terminal: lines for ended runs above a live display."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lifelong_lb.store import RunRecord
from lifelong_lb.studies.durations import readable
from lifelong_lb.studies.progress.lines import LineObserver
from lifelong_lb.untrusted import printable

MAX_RUN_LINES = 16
"""Number of active runs shown; a cluster may have hundreds."""


@dataclass
class _ActiveRun:
    """An active run: its title, the number of finished experiences, T, and the accuracy."""

    title: str
    learnt: int = 0
    experiences: int = 0
    accuracy: float | None = None

    @property
    def share(self) -> float:
        return self.learnt / self.experiences if self.experiences else 0.0


class ConsoleObserver(LineObserver):
    """Print a line per ended run; in a terminal, show a bar, the remaining time and the active runs below.

    Args:
        console: where to print.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))
        self._console = console
        self._live: Live | None = None
        self._present = self._failed = 0
        self._active: dict[str, _ActiveRun] = {}

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Print the number of runs, and start the live display."""
        super().start(total, present)
        self._present = self._ended
        self._failed = self._present - present.get("done", 0)
        if self._console.is_terminal and self._ended < total:
            self._live = Live(console=self._console, get_renderable=self.board, refresh_per_second=2, transient=True)
            self._live.start()

    def begun(self, run: str, title: str) -> None:
        """Show a run."""
        self._active[run] = _ActiveRun(printable(title, lines=False))

    def learnt(self, run: str, title: str, experience: int, experiences: int, accuracy: float) -> None:
        """Show the progress of a run."""
        self._active[run] = _ActiveRun(printable(title, lines=False), experience + 1, experiences, accuracy)

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Print the outcome of a run, and remove it from the display."""
        self._active.pop(record.run, None)
        self._failed += record.status != "done"
        super().ended(title, record, elsewhere=elsewhere)

    def given_up(self, run: str) -> None:
        """Remove a run from the display."""
        del self._active[run]

    def stop(self) -> None:
        """Remove the live display."""
        if self._live is not None:
            self._live.stop()

    def board(self) -> RenderableType:
        """Build the live display.

        Returns:
            A line for the study and one per active run; of many runs, those furthest along.
        """
        elapsed, active = time.monotonic() - self._started, list(self._active.values())
        left = seconds_left(
            elapsed, self._ended - self._present, [run.share for run in active], self._total - self._ended
        )
        counts = f"{self._ended - self._failed} done, {self._failed} failed, {len(active)} running"
        times = readable(round(elapsed)) + ("" if left is None else f", about {readable(round(left))} left")
        head = Table.grid(padding=(0, 1))
        head.add_row(
            ProgressBar(self._total, self._ended, width=30),
            Text(f"{self._ended}/{self._total}: {counts}; {times}"),
        )
        runs = Table.grid(padding=(0, 1))
        for run in (
            sorted(active, key=lambda run: -run.share)[:MAX_RUN_LINES] if len(active) > MAX_RUN_LINES else active
        ):
            accuracy = "" if run.accuracy is None else f"accuracy {run.accuracy:.3f}"
            experiences = f"{run.learnt}/{run.experiences}" if run.experiences else ""
            runs.add_row(
                ProgressBar(1.0, run.share, width=10),
                Text(experiences),
                Text(run.title),
                Text(accuracy),
            )
        return Group(head, runs) if active else head


def seconds_left(elapsed: float, ended: int, shares: list[float], left: int) -> float | None:
    """Extrapolate the remaining time of a study from its progress so far.

    >>> seconds_left(60.0, ended=1, shares=[0.5, 0.5], left=4)
    90.0

    Args:
        elapsed: seconds from the start of the study.
        ended: runs that have ended in that time.
        shares: finished fraction of each active run.
        left: runs that have not ended, including active ones.

    Returns:
        Seconds; None before any progress.
    """
    done = ended + sum(shares)
    return elapsed * (left - sum(shares)) / done if done else None
