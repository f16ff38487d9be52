"""Decoded once: images as memory-mapped arrays on disk, shared by all runs of all studies."""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source, digest
from lifelong_lb.data.progress import report
from lifelong_lb.store.files import write_json
from lifelong_lb.untrusted import encodable, open_regular, parse_json, path_text, read_text

FORMAT = 2
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
        mean: ``(C,)``, mean of each channel: what the source says, else that of the train part, in units of 0..1.
        std: ``(C,)``, its standard deviation, likewise.
    """

    train: Arrays
    test: Arrays
    digest: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


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


def prepare_images(source: Source, cache: Path) -> Prepared:
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
        return Prepared(train, test, digest(train, test), *source.statistics(train))
    with _telling_of(cache):
        entry = cache / _key(source, _contents(source, cache))
        found = _opened(entry)
        if found is None:
            with _alone(entry):
                found = _opened(entry) or _made(source, entry)
    return found


def already_prepared(source: Source, cache: Path) -> Prepared | None:
    """Open what is prepared, without preparing anything or reading the source's files.

    Args:
        source: where the images are.
        cache: folder of all entries.

    Returns:
        The data set; None where it is not prepared, or the files have changed since.

    Raises:
        UserError: when a file of the source cannot be found.
    """
    files = source.files()
    if not files:
        return None
    note, seen = _note(files, source.file_names(), cache)
    contents = _noted(note, seen)
    return None if contents is None else _opened(cache / _key(source, contents))


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
    found = (path for path in cache.glob("*") if path.is_dir() and not path.is_symlink())
    return sorted(path for path in found if not path.name.startswith((".", "digests")))


def description(entry: Path) -> str:
    """What an entry was made from.

    Args:
        entry: its folder.

    Returns:
        One line for people.
    """
    try:
        return encodable(str(_known(entry)["source"]))
    except (OSError, ValueError, LookupError, TypeError):
        return "broken; it is made anew when it is needed"


def _known(entry: Path) -> Any:
    return parse_json(read_text(entry / "entry.json"))


def _opened(entry: Path) -> Prepared | None:
    """An entry, None when it is not there or broken."""
    try:
        known = _known(entry)
        if known["format"] != FORMAT:
            return None
        names = known["class_names"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return None
        parts = {}
        for part in PARTS:
            x, y = _mapped(entry / f"{part}-x.npy"), _mapped(entry / f"{part}-y.npy")
            if list(x.shape) != known[part] or x.ndim != 4 or x.dtype != np.uint8 or y.dtype != np.int64:
                return None
            if y.shape != (len(x),) or not len(y):
                return None
            parts[part] = Arrays(x, y, tuple(names))
        mean, std = (tuple(float(value) for value in known[name]) for name in ("mean", "std"))
        shapes = {arrays.x.shape[1:] for arrays in parts.values()}
        channels = parts["train"].x.shape[1]
        if len(shapes) > 1 or len(mean) != channels or len(std) != channels:
            return None
        if not all(map(math.isfinite, mean)) or not all(0 < value < math.inf for value in std):
            return None
        return Prepared(parts["train"], parts["test"], str(known["digest"]), mean, std)
    except (OSError, EOFError, ValueError, LookupError, TypeError, OverflowError, MemoryError):
        return None


def _mapped(path: Path) -> NDArray[Any]:
    with open_regular(path):  # np.load would wait for what comes through a FIFO
        array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)  # a ValueError for a file too short
    return array


def _made(source: Source, entry: Path) -> Prepared:
    train, test = source.read()
    mean, std = source.statistics(train)
    scratch = Path(tempfile.mkdtemp(dir=entry.parent, prefix=f".{entry.name}."))
    try:
        for part, arrays in zip(PARTS, (train, test), strict=True):
            for name, array in (("x", arrays.x), ("y", arrays.y)):
                _write(scratch / f"{part}-{name}.npy", array)
        shapes = {part: list(arrays.x.shape) for part, arrays in zip(PARTS, (train, test), strict=True)}
        known = {"format": FORMAT, "source": source.description, "digest": digest(train, test), **shapes}
        known |= {"mean": list(mean), "std": list(std), "class_names": list(train.class_names)}
        write_json(scratch / "entry.json", known)
        scratch.chmod(0o755)
        shutil.rmtree(entry, ignore_errors=True)  # broken, or it would have been opened
        if entry.is_symlink() or entry.is_file():
            entry.unlink()
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


def _key(source: Source, contents: str) -> str:
    """Hash of the contents of a source's files, and of how they are read."""
    how = json.dumps([FORMAT, type(source).__name__, source.settings()], sort_keys=True)
    whole = hashlib.sha256(how.encode())
    whole.update(contents.encode())
    return whole.hexdigest()[:16]


def _note(paths: Sequence[Path], names: Sequence[str], cache: Path) -> tuple[Path, str]:
    """Where the hash of the files' contents is noted, and a hash of their names, sizes and times of change."""
    places = [str(path.absolute()) for path in paths]
    seen = hashlib.sha256()
    for path, place, name in zip(paths, places, names, strict=True):
        try:
            stat = path.stat()
        except OSError as error:
            raise UserError(f"{path_text(place)}: cannot be read ({error.strerror})") from None
        seen.update(f"{place}:{name}:{stat.st_size}:{stat.st_mtime_ns}\n".encode(errors="surrogateescape"))
    where = hashlib.sha256("\n".join(places).encode(errors="surrogateescape"))
    return cache / "digests" / f"{where.hexdigest()[:16]}.json", seen.hexdigest()


def _noted(note: Path, seen: str) -> str | None:
    """The hash of contents that was noted for unchanged files."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        known = parse_json(read_text(note))
        if known.get("seen") == seen and isinstance(known.get("sha256"), str):
            return str(known["sha256"])
    return None


def _contents(source: Source, cache: Path) -> str:
    """Hash of the files' names and contents; taken again only when a name, size or time of change is another."""
    paths, names = source.files(), source.file_names()
    note, seen = _note(paths, names, cache)
    known = _noted(note, seen)
    if known is not None:
        return known
    whole = hashlib.sha256()
    for done, (path, name) in enumerate(zip(paths, names, strict=True)):
        report(f"reading the files of {source.description}", done, len(paths))
        whole.update(f"{name}:{_content(path)}\n".encode(errors="surrogateescape"))
    report(f"reading the files of {source.description}", len(paths), len(paths))
    first = ascii(str(paths[0].absolute()))
    content = {"files": len(paths), "first": first, "seen": seen, "sha256": whole.hexdigest()}
    with suppress(OSError):  # a cache that others have filled may be read-only
        write_json(note, content)
    return whole.hexdigest()


def _content(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path_text(path)}: cannot be read ({reason})") from None


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
