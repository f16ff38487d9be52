"""Progress in a terminal: lines for runs that have ended, and below them how it stands."""

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
"""How many runs under way are shown; a cluster may have hundreds."""


@dataclass
class _ActiveRun:
    """A run under way: what it is, how many experiences it has learnt, of how many, and the accuracy after them."""

    title: str
    learnt: int = 0
    experiences: int = 0
    accuracy: float | None = None

    @property
    def share(self) -> float:
        return self.learnt / self.experiences if self.experiences else 0.0


class ConsoleObserver(LineObserver):
    """Prints a line for each run that ends; in a terminal a bar, the time left and the runs under way stay below them.

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
        """Say how much there is to do.

        Args:
            total: runs in the study.
            present: status to number of those that are there already.
        """
        super().start(total, present)
        self._present = self._ended
        self._failed = self._present - present.get("done", 0)
        if self._console.is_terminal and self._ended < total:
            self._live = Live(console=self._console, get_renderable=self.board, refresh_per_second=2, transient=True)
            self._live.start()

    def begun(self, run: str, title: str) -> None:
        """Show a run.

        Args:
            run: its id.
            title: what it is.
        """
        self._active[run] = _ActiveRun(printable(title, lines=False))

    def learnt(self, run: str, title: str, experience: int, experiences: int, accuracy: float) -> None:
        """Show how far a run has come.

        Args:
            run: its id.
            title: what it is.
            experience: the one that was learnt, in 0..T-1.
            experiences: T.
            accuracy: mean on those seen so far.
        """
        self._active[run] = _ActiveRun(printable(title, lines=False), experience + 1, experiences, accuracy)

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Tell of a run.

        Args:
            title: what it was.
            record: what it left behind.
            elsewhere: whether another launcher has done it.
        """
        self._active.pop(record.run, None)
        self._failed += record.status != "done"
        super().ended(title, record, elsewhere=elsewhere)

    def given_up(self, run: str) -> None:
        """Show a run no longer.

        Args:
            run: its id.
        """
        del self._active[run]

    def stop(self) -> None:
        """Take away what stands below the lines."""
        if self._live is not None:
            self._live.stop()

    def board(self) -> RenderableType:
        """How it stands.

        Returns:
            A line for the study, and one for each run under way, or for those that have come furthest.
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
    """How long a study will go on, if it goes on as it has.

    >>> seconds_left(60.0, ended=1, shares=[0.5, 0.5], left=4)
    90.0

    Args:
        elapsed: seconds since it was started.
        ended: runs that have ended since then.
        shares: how much of each run under way is done.
        left: runs that have not ended, those under way included.

    Returns:
        Seconds; None while there is nothing to go by.
    """
    done = ended + sum(shares)
    return elapsed * (left - sum(shares)) / done if done else None
