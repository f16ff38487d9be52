"""Progress of preparing images on stderr: a bar in a terminal, else lines; nothing for short tasks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifelong_lb.cli.output import show

QUIET_SECONDS = 1.0
"""Duration after which a task is shown."""
LINE_SECONDS = 10.0
"""Interval of lines outside a terminal."""


class _ProgressDisplay:
    """Shows progress, and prints notes once each."""

    def __init__(self) -> None:
        self._what = ""
        self._began = self._last = 0.0
        self._bar: Any = None
        self._task: Any = None
        self._notes: set[str] = set()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show the progress of a task.

        Args:
            what: description of the task.
            done: number of items done.
            total: number of all items.
        """
        if what != self._what:
            self.stop()
            self._what, self._began, self._last = what, time.monotonic(), -LINE_SECONDS
        now = time.monotonic()
        if done >= total:
            self.stop()
        elif now - self._began >= QUIET_SECONDS:
            self._show(now, done, total)

    def _show(self, now: float, done: int, total: int) -> None:
        if self._bar is None and self._last < 0:
            self._start(total)
        if self._bar is not None:
            self._bar.update(self._task, completed=done)
        elif now - self._last >= LINE_SECONDS:
            show(f"{self._what}: {done:,} of {total:,}", err=True)
        else:
            return
        self._last = now

    def _start(self, total: int) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        if console.is_terminal:
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task(escape(self._what), total=total)
            self._bar.start()

    def stop(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._what = None, ""

    def note(self, text: str) -> None:
        """Print a note, once.

        Args:
            text: one sentence.
        """
        self.stop()
        if text not in self._notes:
            self._notes.add(text)
            show(f"note: {text}", err=True)


@contextmanager
def showing_progress() -> Iterator[None]:
    """Show on stderr the progress of preparing images in this block.

    Yields:
        Nothing.
    """
    from lifelong_lb.data.progress import reporting

    display = _ProgressDisplay()
    try:
        with reporting(display):
            yield
    finally:
        display.stop()
