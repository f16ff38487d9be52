"""Locks of a result folder, which the operating system releases when their process dies."""

import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from lifelong_lb.config import UserError
from lifelong_lb.store.reading import exists

LOCK_TIMEOUT_SECONDS = 600.0
"""Default timeout of the write lock; writing a report takes seconds."""


@contextmanager
def measuring(path: Path) -> Iterator[None]:
    """Hold the lock for measuring the landscapes of finished runs; the folder must exist.

    Args:
        path: the result folder.

    Yields:
        None.

    Raises:
        UserError: if another process holds it.
    """
    if (lock := acquired(path / ".landscape.lock", 0)) is None:
        raise UserError(f"{path}: another lifelong-lb landscape is running in this folder; wait until it has finished")
    with lock:
        yield


def acquired(path: Path, seconds: float) -> AbstractContextManager[Any] | None:
    """Acquire a lock.

    Args:
        path: the lock file.
        seconds: how long to wait for another process.

    Returns:
        The lock, held; None after the timeout.

    Raises:
        UserError: if the path is not that of a regular file.
    """
    import filelock

    if exists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise UserError(f"{path}: the lock must be a regular file; remove it")
    try:
        return filelock.FileLock(path).acquire(timeout=seconds)
    except filelock.Timeout:
        return None
