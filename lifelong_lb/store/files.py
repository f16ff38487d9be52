"""Atomic writes: to a temporary file in the same folder, which is then renamed."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    r"""Write a file atomically, creating its folder. Lone surrogates become ``\\udxxx``.

    Args:
        path: the file.
        text: its content.

    Raises:
        OSError: if it cannot be written; ``filename`` is the path.
    """
    write_parts(path, [text])


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, creating its folder.

    Args:
        path: the file.
        content: its content.

    Raises:
        OSError: if it cannot be written; ``filename`` is the path.
    """
    _write(path, [content])


def write_parts(path: Path, texts: Iterable[str]) -> None:
    """Write a file atomically, as :func:`write_text`, from texts that need not be in memory together.

    Args:
        path: the file.
        texts: its content.

    Raises:
        OSError: if it cannot be written; ``filename`` is the path.
    """
    _write(path, (text.encode("utf-8", "backslashreplace") for text in texts))


def _write(path: Path, parts: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with named_in_errors(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            partial.chmod(0o666 & ~_umask())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def named_in_errors(path: Path) -> Iterator[None]:
    """Set ``filename`` in the OSErrors of a block; it would name a temporary file, or nothing.

    Args:
        path: the file being written.

    Yields:
        None.

    Raises:
        OSError: the same error with this path.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, value: Any) -> None:
    """Write an indented JSON file atomically.

    Args:
        path: the file.
        value: plain JSON values.

    Raises:
        OSError: if it cannot be written; ``filename`` is the path.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
