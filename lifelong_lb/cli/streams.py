"""stdout and stderr of the command line: what cannot be encoded is escaped, and nobody need stay to read them."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from lifelong_lb.config import UserError


class _Unheard(io.FileIO):
    """A file descriptor whose reader may go away: what is written afterwards is lost, and nothing is raised."""

    _lost = False

    def write(self, content: Any, /) -> int:
        """Write some or all of it.

        Args:
            content: bytes.

        Returns:
            How many were written, or are lost.
        """
        if not self._lost:
            try:
                return super().write(content) or 0
            except OSError as error:
                if error.errno not in (errno.EPIPE, errno.EIO):  # a pipe and a terminal
                    raise
                self._lost = True
        return memoryview(content).nbytes


def patient(descriptor: int, encoding: str = "utf-8", *, close: bool = False) -> TextIO:
    """A stream that escapes what it cannot encode, and goes on when nobody reads it any more.

    Args:
        descriptor: where to.
        encoding: what it is written in.
        close: whether closing it closes the descriptor.

    Returns:
        A stream of lines.
    """
    raw = io.BufferedWriter(_Unheard(descriptor, "w", closefd=close))
    return io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", line_buffering=True)


def make_patient() -> None:
    """Make Python's own stdout and stderr such streams, unless somebody has put others in their place."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream is not getattr(sys, f"__{name}__"):
            continue
        stream.flush()
        if sys.platform == "win32":  # whose terminals are no files
            stream.reconfigure(errors="backslashreplace")
        else:
            setattr(sys, name, patient(stream.fileno(), stream.encoding))


@contextmanager
def stdout_alone() -> Iterator[TextIO]:
    """Keep stdout for one purpose: whatever else this process or those that it starts print there goes to stderr.

    Yields:
        What writes to stdout.

    Raises:
        UserError: when there is none.
    """
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:
        raise UserError("--json tells of progress on stdout, which is closed") from None
    try:
        os.dup2(2, 1)
        with patient(os.dup(kept), close=True) as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
