"""Progress of preparing images, and notes about them, reported where that is asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Reporter(Protocol):
    """Receives what happens while images are found and prepared."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Note how far something is.

        Args:
            what: what is being done, e.g. ``"decoding pictures in mine"``.
            done: items done, ``total`` at the end.
            total: all items.
        """

    def note(self, text: str) -> None:
        """Note something that a user should know of the images.

        Args:
            text: one sentence.
        """


_reporter: ContextVar[Reporter | None] = ContextVar("reporter", default=None)


@contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Report progress and notes in this block.

    Args:
        reporter: receives them.

    Yields:
        Nothing.
    """
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def report(what: str, done: int, total: int) -> None:
    """Report how far something is.

    Args:
        what: what is being done.
        done: items done.
        total: all items.
    """
    reporter = _reporter.get()
    if reporter is not None:
        reporter.progress(what, done, total)


def note(text: str) -> None:
    """Report something that a user should know of the images.

    Args:
        text: one sentence.
    """
    reporter = _reporter.get()
    if reporter is not None:
        reporter.note(text)


def counted(items: Sequence[T], what: str) -> Iterator[T]:
    """Go through items, and report each.

    Args:
        items: the items.
        what: what is done with them.

    Yields:
        The items.
    """
    total = len(items)
    for done, item in enumerate(items):
        report(what, done, total)
        yield item
    report(what, total, total)
