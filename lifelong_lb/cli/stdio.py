"""stdout and stderr of the command line: what cannot be encoded is escaped, and nobody need stay to read them."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from lifelong_lb.config import UserError


class _TolerantStream(io.TextIOWrapper):
    """A stream whose reader may go away: what is written afterwards is lost, and nothing is raised.

    It is this layer that notices: an interrupt in a layer below that is written in Python, after its write, would have
    the buffer above it write the same once more.
    """

    def write(self, text: str, /) -> int:
        """Write it.

        Args:
            text: what to write.

        Returns:
            How many characters were written, or are lost.
        """
        with self._ignoring_closed_reader():
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        with self._ignoring_closed_reader():
            super().flush()

    @contextmanager
    def _ignoring_closed_reader(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # a pipe and a terminal
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # what is in the buffer still, too
            os.close(nowhere)


def tolerant_stream(descriptor: int, encoding: str = "utf-8", *, close: bool = False) -> TextIO:
    """A stream that escapes what it cannot encode, and goes on when nobody reads it any more.

    Args:
        descriptor: where to.
        encoding: what it is written in.
        close: whether closing it closes the descriptor.

    Returns:
        A stream of lines.
    """
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=close))
    return _TolerantStream(raw, encoding=encoding, errors="backslashreplace", line_buffering=True)


def make_stdio_tolerant() -> None:
    """Make Python's own stdout and stderr such streams, unless somebody has put others in their place."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # was closed when Python started
            setattr(sys, name, tolerant_stream({"stdout": 1, "stderr": 2}[name]))
            continue
        if stream is not getattr(sys, f"__{name}__"):
            continue
        stream.flush()
        if sys.platform == "win32":  # whose terminals are no files
            stream.reconfigure(errors="backslashreplace")
        else:
            setattr(sys, name, tolerant_stream(stream.fileno(), stream.encoding))


@contextmanager
def stdout_alone() -> Iterator[TextIO]:
    """Keep stdout for one purpose: whatever else this process or those that it starts print there goes to stderr.

    Yields:
        What writes to stdout.

    Raises:
        UserError: when there is none.
    """
    if sys.__stdout__ is None:
        raise UserError("--json tells of progress on stdout, which is closed")
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with tolerant_stream(os.dup(kept), close=True) as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
