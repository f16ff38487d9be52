"""Cache of decoded images: memory-mapped arrays on disk, shared by all runs of all studies."""

import hashlib
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source, digest
from lifelong_lb.data.cache.cache_files import locked, mapped, new_entry, os_errors_as_user_errors, write_array
from lifelong_lb.data.progress import report
from lifelong_lb.store.files import write_json
from lifelong_lb.untrusted import encodable, open_regular, parse_json, path_text, read_text

FORMAT = 2
"""Version of the cache's format: entries of other versions are prepared again."""
PARTS = ("train", "test")
FEATURES = "features"
"""Folder of the features of frozen backbones, see :mod:`lifelong_lb.data.cache.features`."""


@dataclass(frozen=True)
class Prepared:
    """A decoded data set.

    Attributes:
        train: the train part; memory-mapped if it comes from the cache, copy-on-write.
        test: the test part, in the same way.
        digest: of all images and labels, see :func:`lifelong_lb.data.arrays.digest`.
        mean: ``(C,)``, mean of each channel, see :meth:`lifelong_lb.data.arrays.Source.statistics`.
        std: ``(C,)``, standard deviation of each channel.
    """

    train: Arrays
    test: Arrays
    digest: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


def prepare_images(source: Source, cache: Path) -> Prepared:
    """Open the cache entry of a source; decode the source and write the entry if there is none.

    An entry is named by a hash of the content of the source's files, so that it is never used for other data. It is
    written to a temporary folder and renamed. A damaged entry is written again.

    Args:
        source: the source of the images. A source without files (embedded data) is read directly.
        cache: folder of all entries, created if missing.

    Returns:
        The data set.

    Raises:
        UserError: if a file of the source is damaged, or the cache cannot be written.
    """
    if not source.files():
        train, test = source.read()
        return Prepared(train, test, digest(train, test), *source.statistics(train))
    with os_errors_as_user_errors(cache, "prepared images"):
        entry = cache / _key(source, _hash_files(source, cache))
        images = _open(entry)
        if images is None:
            with locked(entry):
                images = _open(entry) or _write_entry(source, entry)
    return images


def already_prepared(source: Source, cache: Path) -> Prepared | None:
    """Open the cache entry of a source without reading the source's files.

    Args:
        source: the source of the images.
        cache: folder of all entries.

    Returns:
        The data set; None if there is no entry, or the files have changed.

    Raises:
        UserError: if a file of the source is missing.
    """
    files = source.files()
    if not files:
        return None
    record, stamp = _hash_record(files, source.file_names(), cache)
    contents = _recorded_hash(record, stamp)
    return None if contents is None else _open(cache / _key(source, contents))


def verify(entry: Path) -> bool:
    """Check the images of an entry against the hash stored with them.

    Args:
        entry: its folder.

    Returns:
        True if they agree.
    """
    images = _open(entry)
    return images is not None and digest(images.train, images.test) == images.digest


def entries(cache: Path) -> list[Path]:
    """List all entries of a cache.

    Args:
        cache: folder of all entries; it need not exist.

    Returns:
        Their folders.
    """
    directories = (path for path in cache.glob("*") if path.is_dir() and not path.is_symlink())
    return sorted(path for path in directories if not path.name.startswith((".", "digests", FEATURES)))


def description(entry: Path) -> str:
    """Describe the source of an entry.

    Args:
        entry: its folder.

    Returns:
        One line.
    """
    try:
        return encodable(str(_metadata(entry)["source"]))
    except (OSError, ValueError, LookupError, TypeError):
        return "broken; will be prepared again when needed"


def _metadata(entry: Path) -> Any:
    return parse_json(read_text(entry / "entry.json"))


def _open(entry: Path) -> Prepared | None:
    """Open an entry; None if it is missing or damaged."""
    try:
        metadata = _metadata(entry)
        if metadata["format"] != FORMAT:
            return None
        names = metadata["class_names"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return None
        parts = {}
        for part in PARTS:
            x, y = mapped(entry / f"{part}-x.npy"), mapped(entry / f"{part}-y.npy")
            if list(x.shape) != metadata[part] or x.ndim != 4 or y.dtype != np.int64:
                return None
            if x.dtype not in (np.uint8, np.float32):
                return None
            if y.shape != (len(x),) or not len(y):
                return None
            parts[part] = Arrays(x, y, tuple(names))
        mean, std = (tuple(float(value) for value in metadata[name]) for name in ("mean", "std"))
        shapes = {arrays.x.shape[1:] for arrays in parts.values()}
        channels = parts["train"].x.shape[1]
        if len(shapes) > 1 or len(mean) != channels or len(std) != channels:
            return None
        if not all(map(math.isfinite, mean)) or not all(0 < value < math.inf for value in std):
            return None
        return Prepared(parts["train"], parts["test"], str(metadata["digest"]), mean, std)
    except (OSError, EOFError, ValueError, LookupError, TypeError, OverflowError, MemoryError):
        return None


def _write_entry(source: Source, entry: Path) -> Prepared:
    train, test = source.read()
    mean, std = source.statistics(train)
    with new_entry(entry) as scratch:
        for part, arrays in zip(PARTS, (train, test), strict=True):
            for name, array in (("x", arrays.x), ("y", arrays.y)):
                write_array(scratch / f"{part}-{name}.npy", array)
        shapes = {part: list(arrays.x.shape) for part, arrays in zip(PARTS, (train, test), strict=True)}
        metadata = {"format": FORMAT, "source": source.description, "digest": digest(train, test), **shapes}
        metadata |= {"mean": list(mean), "std": list(std), "class_names": list(train.class_names)}
        write_json(scratch / "entry.json", metadata)
    images = _open(entry)
    assert images is not None, entry
    return images


def _key(source: Source, contents: str) -> str:
    """Hash of the contents of a source's files and of its settings."""
    settings = json.dumps([FORMAT, type(source).__name__, source.settings()], sort_keys=True)
    key = hashlib.sha256(settings.encode())
    key.update(contents.encode())
    return key.hexdigest()[:16]


def _hash_record(paths: Sequence[Path], names: Sequence[str], cache: Path) -> tuple[Path, str]:
    """Path of the record of the files' content hash, and a hash of their names, sizes and modification times."""
    absolute = [str(path.absolute()) for path in paths]
    stamp = hashlib.sha256()
    for path, full, name in zip(paths, absolute, names, strict=True):
        try:
            stat = path.stat()
        except OSError as error:
            raise UserError(f"{path_text(full)}: cannot be read ({error.strerror})") from None
        stamp.update(f"{full}:{name}:{stat.st_size}:{stat.st_mtime_ns}\n".encode(errors="surrogateescape"))
    key = hashlib.sha256("\n".join(absolute).encode(errors="surrogateescape"))
    return cache / "digests" / f"{key.hexdigest()[:16]}.json", stamp.hexdigest()


def _recorded_hash(record: Path, stamp: str) -> str | None:
    """The recorded content hash; None if there is no record or a file has changed."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        content = parse_json(read_text(record))
        if content.get("seen") == stamp and isinstance(content.get("sha256"), str):
            return str(content["sha256"])
    return None


def _hash_files(source: Source, cache: Path) -> str:
    """Hash the files' names and contents, or return the recorded hash of unchanged files."""
    paths, names = source.files(), source.file_names()
    record, stamp = _hash_record(paths, names, cache)
    recorded = _recorded_hash(record, stamp)
    if recorded is not None:
        return recorded
    contents = hashlib.sha256()
    for done, (path, name) in enumerate(zip(paths, names, strict=True)):
        report(f"reading the files of {source.description}", done, len(paths))
        contents.update(f"{name}:{_hash_file(path)}\n".encode(errors="surrogateescape"))
    report(f"reading the files of {source.description}", len(paths), len(paths))
    first = ascii(str(paths[0].absolute()))
    content = {"files": len(paths), "first": first, "seen": stamp, "sha256": contents.hexdigest()}
    with suppress(OSError):  # a shared cache may be read-only
        write_json(record, content)
    return contents.hexdigest()


def _hash_file(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path_text(path)}: cannot be read ({reason})") from None
