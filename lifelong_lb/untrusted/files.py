"""Guarded reading of files: regular files only, and none that is too large."""

import io
import os
import stat
from pathlib import Path

MAX_BYTES = 64 * 2**20
"""Default size limit of a file, in bytes."""


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading.

    FIFOs, devices and sockets are refused without waiting for a writer. A symbolic link to a regular file is followed.

    Args:
        path: the file.

    Returns:
        The open file.

    Raises:
        OSError: if the file is missing or cannot be opened.
        ValueError: if it is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{path.name} is not a regular file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Read a regular file of a limited size.

    FIFOs, devices and sockets are refused without waiting for a writer or reading without end. A symbolic link to a
    regular file is followed.

    Args:
        path: the file.
        limit: largest accepted size in bytes.

    Returns:
        The content.

    Raises:
        OSError: if the file is missing or cannot be read.
        ValueError: if it is not a regular file, or is larger than the limit.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1) if size <= limit else b""  # a larger argument would allocate as much
        if len(content) > size:  # it grows, or has no size
            content += file.read(limit + 1 - len(content))
    if max(size, len(content)) > limit:
        raise ValueError(f"{path.name} is larger than {limit / 2**20:g} MiB")
    return content


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    r"""Read a regular UTF-8 file of a limited size; bytes that are not UTF-8 become ``\xhh``.

    Args:
        path: the file.
        limit: largest accepted size in bytes.

    Returns:
        The content, with universal newlines.

    Raises:
        OSError: if the file is missing or cannot be read.
        ValueError: if it is not a regular file, or is larger than the limit.
    """
    text = read_bytes(path, limit).decode("utf-8", errors="backslashreplace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
