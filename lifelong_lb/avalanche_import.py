"""Import Avalanche where the home folder is missing, read-only or not a folder.

Importing this module imports Avalanche, which reads ``~/.avalanche/config.json`` and creates it if it is missing; the
file only names a folder for data sets, which this package never uses. Packages that import Avalanche import this module
first.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from lifelong_lb.temporary import temporary_folder
from lifelong_lb.untrusted import read_text

_FOLDER = "~/.avalanche"


def has_usable_folder() -> bool:
    """Check that Avalanche can read its configuration file; create the file if it is missing.

    The file is written under another name and then renamed, because processes that start together would otherwise read
    a file that is still empty.

    Returns:
        False where the file is damaged or cannot be created.
    """
    folder = Path(os.path.expanduser(_FOLDER))  # noqa: PTH111  Path.expanduser raises where no home folder is known
    if not folder.is_absolute():
        return False
    file = folder / "config.json"
    try:
        if not file.exists():
            _write(file, {"dataset_location": str(folder / "data")})
        return isinstance(json.loads(read_text(file))["dataset_location"], str)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def _write(file: Path, content: dict[str, str]) -> None:
    file.parent.mkdir(exist_ok=True)  # its parent, the home folder, is not ours to create
    handle, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as temporary:
            json.dump(content, temporary, indent=4)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def usable_folder() -> Iterator[None]:
    """Redirect Avalanche's folder to a temporary one while it is imported, if it cannot use its own.

    Yields:
        None.
    """
    if has_usable_folder():
        yield
        return
    expand = os.path.expanduser
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:

        def redirected(path: str) -> str:
            return home + path[1:] if isinstance(path, str) and path.startswith(_FOLDER) else expand(path)

        with patch("os.path.expanduser", redirected):
            yield


def _redirect_matplotlib() -> None:
    """Give Matplotlib, which Avalanche imports, a temporary cache folder if it would warn about its own."""
    if os.environ.get("MPLCONFIGDIR"):
        return
    parents = [os.environ.get(f"XDG_{kind.upper()}_HOME") or f"~/.{kind}" for kind in ("config", "cache")]
    own = [Path(os.path.expanduser(path), "matplotlib") for path in parents]  # noqa: PTH111  no error without home
    if not all(map(_can_be_filled, own)):
        os.environ["MPLCONFIGDIR"] = str(temporary_folder())


def _can_be_filled(path: Path) -> bool:
    """Check that a folder can be written to, or created where it does not exist yet."""
    if not path.is_absolute():
        return False
    existing = next(parent for parent in (path, *path.parents) if os.path.lexists(parent))
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


_redirect_matplotlib()
with usable_folder():
    import avalanche  # noqa: F401
