"""Reporting of progress and notes while images are found and prepared."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Reporter(Protocol):
    """Receives progress and notes."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Receive the progress of an activity.

        Args:
            what: the activity, e.g. ``"decoding pictures in mine"``.
            done: number of items done, ``total`` at the end.
            total: number of all items.
        """

    def note(self, text: str) -> None:
        """Receive a note about the images.

        Args:
            text: one sentence.
        """


_reporter: ContextVar[Reporter | None] = ContextVar("reporter", default=None)


@contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Send progress and notes of this block to a reporter.

    Args:
        reporter: the receiver.

    Yields:
        Nothing.
    """
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def report(what: str, done: int, total: int) -> None:
    """Report the progress of an activity.

    Args:
        what: the activity.
        done: number of items done.
        total: number of all items.
    """
    reporter = _reporter.get()
    if reporter is not None:
        reporter.progress(what, done, total)


def note(text: str) -> None:
    """Report a note about the images.

    Args:
        text: one sentence.
    """
    reporter = _reporter.get()
    if reporter is not None:
        reporter.note(text)


def with_progress(items: Sequence[T], what: str) -> Iterator[T]:
    """Iterate over items, reporting the progress.

    Args:
        items: the items.
        what: the activity.

    Yields:
        The items.
    """
    total = len(items)
    for done, item in enumerate(items):
        report(what, done, total)
        yield item
    report(what, total, total)
