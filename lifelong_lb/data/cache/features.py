"""Cache of the features of frozen backbones: memory-mapped arrays on disk, shared by all runs of all studies."""

import hashlib
import json
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


Compute = Callable[[], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Computes the features of the train and of the test part."""


def cached_features(
    depends_on: Mapping[str, Any], shapes: tuple[int, int, int], cache: Path, compute: Compute
) -> Features:
    """Open the features of a data set; compute them and write the entry if there is none.

    An entry is written to a temporary folder and renamed, under a lock, so that one of several processes computes it
    while the others wait. A damaged entry is computed again. Nothing in an entry is executed.

    Args:
        depends_on: everything that the features depend on, as JSON values: weights, preprocessing, images.
        shapes: N, M and F.
        cache: folder of the cache, created if missing.
        compute: computes the features.

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
    return found


def _open(entry: Path, shapes: tuple[int, int, int]) -> Features | None:
    """Open an entry; None if it is missing or damaged."""
    try:
        train, test = (mapped(entry / f"{part}.npy") for part in PARTS)
    except (OSError, EOFError, ValueError, LookupError, TypeError, OverflowError, MemoryError):
        return None
    for array, rows in zip((train, test), shapes[:2], strict=True):
        if array.dtype != np.float32 or array.shape != (rows, shapes[2]):
            return None
    return Features(train, test, entry.name)


def _write(entry: Path, shapes: tuple[int, int, int], depends_on: Mapping[str, Any], compute: Compute) -> Features:
    arrays = dict(zip(PARTS, compute(), strict=True))
    with new_entry(entry) as scratch:
        for part, array in arrays.items():
            write_array(scratch / f"{part}.npy", array)
        digests = {part: _digest(array) for part, array in arrays.items()}
        write_json(scratch / ENTRY, {"depends_on": depends_on, "sha256": digests})
    found = _open(entry, shapes)
    assert found is not None, entry
    return found


def entries(cache: Path) -> list[Path]:
    """List all features of a cache.

    Args:
        cache: folder of the cache; it need not exist.

    Returns:
        Their folders.
    """
    return sorted(path for path in (cache / FEATURES).glob("*") if path.is_dir() and not path.name.startswith("."))


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
