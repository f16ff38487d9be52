"""Decoded once: images as memory-mapped arrays on disk, shared by all runs of all studies."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source, digest
from lifelong_lb.store.files import write_json

FORMAT = 1
"""Raised when what is written changes; what was written in another format is made anew."""
ENVIRONMENT_VARIABLE = "LIFELONG_LB_CACHE"
PARTS = ("train", "test")


@dataclass(frozen=True)
class Prepared:
    """A data set ready to be used.

    Attributes:
        train: images to learn from, memory-mapped where they come from the cache; writing to them changes a private
            copy of the page, never the file.
        test: images to measure accuracy on.
        digest: of all images and labels, see :func:`lifelong_lb.data.arrays.digest`.
    """

    train: Arrays
    test: Arrays
    digest: str


def cache_folder() -> Path:
    """Where prepared images are kept.

    Returns:
        ``$LIFELONG_LB_CACHE`` if set, else a folder in the platform's cache folder.
    """
    import platformdirs

    named = os.environ.get(ENVIRONMENT_VARIABLE)
    return (
        Path(named).absolute() if named else platformdirs.user_cache_path("lifelong_lb", appauthor=False) / "prepared"
    )


def prepared(source: Source, cache: Path) -> Prepared:
    """Open what is prepared, or decode the source and prepare it.

    The entry is named by the content of the source's files, so that an entry is never used for other data. It is
    written beside its place and renamed into it; one that is broken (a file missing, too short, of another format) is
    made anew.

    Args:
        source: where the images are. One without files of its own (embedded data) is read directly.
        cache: folder of all entries, made where it does not exist.

    Returns:
        The data set.

    Raises:
        UserError: when a file of the source is damaged, or the cache cannot be written.
    """
    if not source.files():
        train, test = source.read()
        return Prepared(train, test, digest(train, test))
    with _telling_of(cache):
        entry = cache / _key(source, cache)
        found = _opened(entry)
        if found is None:
            with _alone(entry):
                found = _opened(entry) or _made(source, entry)
    return found


def verify(entry: Path) -> bool:
    """Read an entry whole and compare it with the hash taken when it was made.

    Args:
        entry: its folder.

    Returns:
        True when nothing has changed since.
    """
    found = _opened(entry)
    return found is not None and digest(found.train, found.test) == found.digest


def entries(cache: Path) -> list[Path]:
    """All entries of a cache.

    Args:
        cache: folder of all entries; it need not exist.

    Returns:
        Their folders.
    """
    return sorted(path for path in cache.glob("*") if path.is_dir() and not path.name.startswith((".", "digests")))


def description(entry: Path) -> str:
    """What an entry was made from.

    Args:
        entry: its folder.

    Returns:
        One line for people.
    """
    try:
        return str(json.loads((entry / "entry.json").read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, LookupError, TypeError):
        return "broken; it is made anew when it is needed"


def _opened(entry: Path) -> Prepared | None:
    """An entry, None when it is not there or broken."""
    try:
        known = json.loads((entry / "entry.json").read_text(encoding="utf-8"))
        if known["format"] != FORMAT:
            return None
        parts = {}
        for part in PARTS:
            x, y = _mapped(entry / f"{part}-x.npy"), _mapped(entry / f"{part}-y.npy")
            if list(x.shape) != known[part] or len(y) != len(x) or x.dtype != np.uint8 or y.dtype != np.int64:
                return None
            parts[part] = Arrays(x, y, tuple(known["class_names"]))
        return Prepared(**parts, digest=str(known["digest"]))
    except (OSError, EOFError, ValueError, LookupError, TypeError):
        return None


def _mapped(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)  # raises ValueError for a file too short
    return array


def _made(source: Source, entry: Path) -> Prepared:
    train, test = source.read()
    scratch = Path(tempfile.mkdtemp(dir=entry.parent, prefix=f".{entry.name}."))
    try:
        for part, arrays in zip(PARTS, (train, test), strict=True):
            for name, array in (("x", arrays.x), ("y", arrays.y)):
                _write(scratch / f"{part}-{name}.npy", array)
        shapes = {part: list(arrays.x.shape) for part, arrays in zip(PARTS, (train, test), strict=True)}
        known = {"format": FORMAT, "source": source.description, "digest": digest(train, test), **shapes}
        write_json(scratch / "entry.json", {**known, "class_names": list(train.class_names)})
        scratch.chmod(0o755)
        shutil.rmtree(entry, ignore_errors=True)  # broken, or it would have been opened
        scratch.rename(entry)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    found = _opened(entry)
    assert found is not None, entry
    return found


def _write(path: Path, array: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def _key(source: Source, cache: Path) -> str:
    """Hash of the contents of a source's files, and of how they are read."""
    how = {f.name: str(getattr(source, f.name)) for f in fields(source) if f.name != "folder"}  # type: ignore[arg-type]  # every source with files is a dataclass
    whole = hashlib.sha256(json.dumps([FORMAT, type(source).__name__, how], sort_keys=True).encode())
    for path in source.files():
        whole.update(f"{path.name}:{_content(path, cache)}\n".encode())
    return whole.hexdigest()[:16]


def _content(path: Path, cache: Path) -> str:
    """Hash of a file's content; taken again only when its size or time of change is another."""
    place = str(path.resolve())
    note = cache / "digests" / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.json"
    try:
        stat = path.stat()
        seen = {"path": place, "size": stat.st_size, "changed": stat.st_mtime_ns}
        with suppress(OSError, ValueError, TypeError, AttributeError):
            known = json.loads(note.read_text(encoding="utf-8"))
            if {key: known.get(key) for key in seen} == seen and isinstance(known.get("sha256"), str):
                return str(known["sha256"])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    write_json(note, {**seen, "sha256": found})
    return found


@contextmanager
def _telling_of(cache: Path) -> Iterator[None]:
    """Tell of a disk that is full or must not be written to, naming it."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"{error.filename or cache}: images cannot be prepared there ({error.strerror or error}); "
            f"{ENVIRONMENT_VARIABLE} names another folder for them"
        ) from None


@contextmanager
def _alone(entry: Path) -> Iterator[None]:
    """Hold an entry for one process, so that others wait for what it makes instead of making it too."""
    import filelock

    with filelock.FileLock(entry.with_name(f".{entry.name}.lock")):
        for leftover in entry.parent.glob(f".{entry.name}.*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
        yield
