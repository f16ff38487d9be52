"""stdout and stderr of the command line: unencodable text is escaped, a closed reader is no error."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from lifelong_lb.config import UserError


class _TolerantStream(io.TextIOWrapper):
    """A stream that discards its output, without an error, once its reader has disconnected.

    The error is handled in this layer: with a raw stream written in Python, an interrupt after its write would make the
    buffer above write the same text twice.
    """

    def write(self, text: str, /) -> int:
        """Write a text.

        Args:
            text: the text.

        Returns:
            Number of characters written or discarded.
        """
        with self._ignoring_closed_reader():
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write the buffered text."""
        with self._ignoring_closed_reader():
            super().flush()

    @contextmanager
    def _ignoring_closed_reader(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # a pipe and a terminal
                raise
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())  # also discards the rest of the buffer
            os.close(null)


def tolerant_stream(descriptor: int, encoding: str = "utf-8", *, close: bool = False) -> TextIO:
    """Open a text stream that escapes unencodable characters and ignores a closed reader.

    Args:
        descriptor: the file descriptor.
        encoding: the encoding.
        close: whether closing the stream closes the descriptor.

    Returns:
        A line-buffered stream.
    """
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=close))
    return _TolerantStream(raw, encoding=encoding, errors="backslashreplace", line_buffering=True)


def make_stdio_tolerant() -> None:
    """Replace stdout and stderr by tolerant streams, unless they have been replaced already."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # was closed when Python started
            setattr(sys, name, tolerant_stream({"stdout": 1, "stderr": 2}[name]))
            continue
        if stream is not getattr(sys, f"__{name}__"):
            continue
        stream.flush()
        if sys.platform == "win32":  # terminals are not files there
            stream.reconfigure(errors="backslashreplace")
        else:
            setattr(sys, name, tolerant_stream(stream.fileno(), stream.encoding))


@contextmanager
def stdout_alone() -> Iterator[TextIO]:
    """Reserve stdout: other output to it, of this process and its children, is redirected to stderr.

    Yields:
        A stream that writes to stdout.

    Raises:
        UserError: if stdout is closed.
    """
    if sys.__stdout__ is None:
        raise UserError("--json prints progress on stdout, which is closed")
    sys.stdout.flush()
    stdout = os.dup(1)
    try:
        os.dup2(2, 1)
        with tolerant_stream(os.dup(stdout), close=True) as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)
