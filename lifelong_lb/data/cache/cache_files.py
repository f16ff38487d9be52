"""Entries of the cache: folders of arrays that are locked while they are written, and published by renaming."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.untrusted import open_regular

ENVIRONMENT_VARIABLE = "LIFELONG_LB_CACHE"


class CacheError(UserError):
    """The cache cannot be used; no key of the study file is at fault."""

    located = True


def cache_folder() -> Path:
    """Return the folder of prepared images and features.

    Returns:
        ``$LIFELONG_LB_CACHE`` if set, otherwise a folder in the platform's cache folder.
    """
    import platformdirs

    variable = os.environ.get(ENVIRONMENT_VARIABLE)
    if variable:
        return Path(variable).absolute()
    return platformdirs.user_cache_path("lifelong_lb", appauthor=False) / "prepared"


def mapped(path: Path) -> NDArray[Any]:
    """Map an array into memory, copy-on-write, without executing anything in the file.

    Args:
        path: an ``.npy`` file.

    Returns:
        The array.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is not a regular file, is truncated, or holds objects.
    """
    with open_regular(path):  # np.load would block on a FIFO
        array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
    return array


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array, and wait until it is on the disk.

    Args:
        path: the ``.npy`` file.
        array: the values.
    """
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def new_entry(entry: Path) -> Iterator[Path]:
    """Write an entry in a temporary folder, which replaces the entry if the block ends without an exception.

    Args:
        entry: folder of the entry.

    Yields:
        The temporary folder.
    """
    scratch = Path(tempfile.mkdtemp(dir=entry.parent, prefix=f".{entry.name}."))
    try:
        yield scratch
        scratch.chmod(0o755)
        shutil.rmtree(entry, ignore_errors=True)  # damaged, otherwise it would not be written again
        if entry.is_symlink() or entry.is_file():
            entry.unlink()
        scratch.rename(entry)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def os_errors_as_user_errors(cache: Path, what: str) -> Iterator[None]:
    """Create a folder, and convert an OSError, e.g. of a full disk, to a UserError with the path.

    Args:
        cache: the folder.
        what: what is written there, for the message.

    Yields:
        None.

    Raises:
        CacheError: if a file cannot be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise CacheError(
            f"{error.filename or cache}: cannot write {what} ({error.strerror or error}); "
            f"set {ENVIRONMENT_VARIABLE} to another folder"
        ) from None


@contextmanager
def locked(entry: Path) -> Iterator[None]:
    """Lock an entry, so that one process writes it while others wait; remove leftovers of earlier attempts.

    Args:
        entry: folder of the entry.

    Yields:
        None.
    """
    import filelock

    with filelock.FileLock(entry.with_name(f".{entry.name}.lock")):
        for leftover in entry.parent.glob(f".{entry.name}.*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
        yield
