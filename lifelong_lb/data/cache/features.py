"""Cache of the features of frozen backbones: memory-mapped arrays on disk, shared by all runs of all studies."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.data.cache.cache_files import locked, mapped, new_entry, os_errors_as_user_errors, write_array
from lifelong_lb.data.cache.prepared import FEATURES, PARTS
from lifelong_lb.store.files import write_json
from lifelong_lb.untrusted import parse_json, read_text

ENTRY = "entry.json"
UNFINISHED = ".unfinished-"
"""Prefix of the folder of an interrupted computation, before the name of its entry."""
FORMAT = 1
"""Version of the format, incremented also when models compute other features from the same weights; entries of other
versions are computed again."""


@dataclass(frozen=True)
class Features:
    """Features of the images of a data set.

    Attributes:
        train: float32 ``(N, F)``, of the train part, in its order; memory-mapped, copy-on-write.
        test: float32 ``(M, F)``, of the test part.
        key: name of the entry, a hash of what the features depend on.
    """

    train: NDArray[np.float32]
    test: NDArray[np.float32]
    key: str


ROWS = 2048
"""Images per call of the function that computes features. Its values are on the disk before the next call, so an
interrupted computation continues after the last whole block."""

Compute = Callable[[str, slice], NDArray[np.float32]]
"""Computes features ``(n, F)`` of a range of n images of a part, ``train`` or ``test``."""


def cached_features(
    depends_on: Mapping[str, Any], shapes: tuple[int, int, int], cache: Path, compute: Compute
) -> Features:
    """Open the features of a data set; compute them and write the entry if there is none.

    An entry is written to a temporary folder and renamed, under a lock, so that one of several processes computes it
    while the others wait. A damaged entry is computed again. Nothing in an entry is executed. What an interrupted
    computation has computed is kept beside the entry, and used by the next one.

    Args:
        depends_on: everything that the features depend on, as JSON values: weights, preprocessing, images.
        shapes: N, M and F.
        cache: folder of the cache, created if missing.
        compute: computes features; called for at most :data:`ROWS` images at a time, from the first train image to
            the last test image.

    Returns:
        The features.

    Raises:
        UserError: if the cache cannot be written.
    """
    text = json.dumps([FORMAT, depends_on], sort_keys=True)
    entry = cache / FEATURES / hashlib.sha256(text.encode()).hexdigest()[:16]
    with os_errors_as_user_errors(entry.parent, "features"):
        found = _open(entry, shapes)
        if found is None:
            with locked(entry):
                found = _open(entry, shapes) or _write(entry, shapes, depends_on, compute)
        elif _blocks(entry).exists():  # left behind by a process that was killed after it had published the entry
            with locked(entry):
                _remove(_blocks(entry))
    return found


def _blocks(entry: Path) -> Path:
    """Folder of what an interrupted computation of an entry has computed."""
    return entry.with_name(f"{UNFINISHED}{entry.name}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _open(entry: Path, shapes: tuple[int, int, int]) -> Features | None:
    """Open an entry; None if it is missing or damaged."""
    train, test = (
        _array(entry / f"{part}.npy", (rows, shapes[2])) for part, rows in zip(PARTS, shapes[:2], strict=True)
    )
    return None if train is None or test is None else Features(train, test, entry.name)


def _array(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Map an array of features; None if it is missing or damaged."""
    try:
        array = mapped(path)
    except (OSError, EOFError, ValueError, LookupError, TypeError, OverflowError, MemoryError):
        return None
    return array if array.dtype == np.float32 and array.shape == shape else None


def _write(entry: Path, shapes: tuple[int, int, int], depends_on: Mapping[str, Any], compute: Compute) -> Features:
    blocks = _blocks(entry)
    if not blocks.is_dir():
        _remove(blocks)
        blocks.mkdir()
    arrays = {
        part: _computed(blocks, part, (rows, shapes[2]), compute) for part, rows in zip(PARTS, shapes[:2], strict=True)
    }
    with new_entry(entry) as scratch:
        for part, array in arrays.items():
            write_array(scratch / f"{part}.npy", array)
        digests = {part: _digest(array) for part, array in arrays.items()}
        write_json(scratch / ENTRY, {"depends_on": depends_on, "sha256": digests})
    _remove(blocks)
    found = _open(entry, shapes)
    assert found is not None, entry
    return found


def _computed(folder: Path, part: str, shape: tuple[int, int], compute: Compute) -> NDArray[np.float32]:
    """Features of a part, from the blocks in a folder where they exist."""
    features = np.empty(shape, np.float32)
    for start in range(0, shape[0], ROWS):
        rows = slice(start, min(start + ROWS, shape[0]))
        path = folder / f"{part}-{start}.npy"
        block = _array(path, (rows.stop - start, shape[1]))
        if block is None:
            block = compute(part, rows)
            write_array(path.with_suffix(".new"), block)
            path.with_suffix(".new").replace(path)
        features[rows] = block
    return features


def entries(cache: Path) -> list[Path]:
    """List all features of a cache.

    Args:
        cache: folder of the cache; it need not exist.

    Returns:
        Their folders.
    """
    return sorted(path for path in (cache / FEATURES).glob("*") if path.is_dir() and not path.name.startswith("."))


def unfinished(cache: Path) -> list[Path]:
    """List the folders of interrupted computations, and of those that are running.

    Args:
        cache: folder of the cache; it need not exist.

    Returns:
        The folders.
    """
    return sorted((cache / FEATURES).glob(f"{UNFINISHED}*"))


def is_intact(entry: Path) -> bool:
    """Check features against the hashes stored with them.

    Args:
        entry: their folder.

    Returns:
        True if they agree.
    """
    try:
        digests = parse_json(read_text(entry / ENTRY))["sha256"]
        return all(digests[part] == _digest(mapped(entry / f"{part}.npy")) for part in PARTS)
    except (OSError, EOFError, ValueError, LookupError, TypeError, OverflowError, MemoryError):
        return False


def _digest(array: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
