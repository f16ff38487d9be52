"""A temporary folder per process that does not outlive it: one left by a killed process is removed by the next."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path

PREFIX = "lifelong-lb-"
LOCK = "lock"
AFTER_MULTIPROCESSING = -200
"""Exit priority: multiprocessing's is -100, and it fails to remove its own folder inside ours if that is gone."""
MAX_PARENT_BYTES = 54
"""Most bytes in the path of the folder above ours: the path of a socket inside must stay below 108."""
SECONDS_TO_LOCK = 60.0
"""How long after its creation a folder may still be without its lock."""


def temporary_folder() -> Path:
    """Get this process's temporary folder; create it, and remove those of dead processes, on the first call.

    Returns:
        A folder that is removed when the process exits.
    """
    return _folder_of(os.getpid())


@cache
def _folder_of(pid: int) -> Path:
    from filelock import FileLock

    parent = Path(tempfile.gettempdir())
    if len(os.fsencode(parent)) > MAX_PARENT_BYTES and os.access("/tmp", os.W_OK | os.X_OK):  # noqa: S108
        parent = Path("/tmp")  # noqa: S108
    remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = FileLock(folder / LOCK)
    lock.acquire()  # the operating system releases it when the process dies, however that happens

    def remove() -> None:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)

    Finalize(None, remove, exitpriority=AFTER_MULTIPROCESSING)  # does nothing in a forked copy of the process
    return folder


def remove_abandoned(parent: Path) -> None:
    """Remove the temporary folders of this user's processes that have been killed.

    Args:
        parent: where the folders are.
    """
    from filelock import FileLock, Timeout

    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError, Timeout):  # removed by another process, in use, or without permission
            state = folder.lstat()
            young = time.time() - state.st_mtime < SECONDS_TO_LOCK and not (folder / LOCK).exists()
            if young or folder.is_symlink() or not folder.is_dir() or _owner(state) != _user():
                continue
            with FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)


def _owner(state: os.stat_result) -> int:
    return state.st_uid


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0
