"""CIFAR-10 and CIFAR-100 in the authors' format for Python: pickled arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source
from lifelong_lb.data.layouts.array_pickles import unpickle
from lifelong_lb.data.progress import with_progress
from lifelong_lb.untrusted import encodable, quoted, read_bytes, reason_text

PIXELS = 3 * 32 * 32
MAX_BYTES = 2**30
"""Maximum size of a file; the largest original has 150 MB."""


@dataclass(frozen=True)
class PickledFiles:
    """File names and keys of one of the two data sets.

    Attributes:
        title: the data set, for messages.
        train: files of the train part.
        test: file of the test part.
        meta: file of the class names, optional.
        labels: key of the labels.
        names: key of the class names.
    """

    title: str
    train: tuple[str, ...]
    test: str
    meta: str
    labels: bytes
    names: bytes


CIFAR10 = PickledFiles(
    "CIFAR-10", tuple(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta", b"labels", b"label_names"
)
CIFAR100 = PickledFiles("CIFAR-100", ("train",), "test", "meta", b"fine_labels", b"fine_label_names")


@dataclass(frozen=True)
class CifarPythonSource(Source):
    """CIFAR's pickled files, read by a restricted unpickler.

    Attributes:
        folder: folder of the files.
        layout: file names and keys.
        mean: see :class:`~lifelong_lb.data.arrays.Source`.
        std: see :class:`~lifelong_lb.data.arrays.Source`.
    """

    folder: Path
    layout: PickledFiles
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """Format and folder."""
        return f"python files in {self.folder}"

    def files(self) -> list[Path]:
        """List the files, including that of the class names if present.

        Returns:
            Paths.
        """
        meta = self.folder / self.layout.meta
        parts = [self.folder / name for name in (*self.layout.train, self.layout.test)]
        return [*parts, *([meta] if meta.is_file() else [])]

    def labels(self) -> list[int]:
        """Read the train labels.

        Returns:
            The labels, ascending.

        Raises:
            UserError: if a file is missing or damaged.
        """
        train, _ = self.read()
        return [int(label) for label in np.unique(train.y)]

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, 3, 32, 32)``.

        Raises:
            UserError: if a file is missing or damaged.
        """
        parts = [
            self._file(self.folder / name) for name in with_progress(self.layout.train, f"reading {self.description}")
        ]
        names = self._class_names()
        train = Arrays(np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts]), names)
        test = self._file(self.folder / self.layout.test)
        return train, Arrays(test.x, test.y, names)

    def _file(self, path: Path) -> Arrays:
        content = self._load(path)
        missing = next((key for key in (b"data", self.layout.labels) if key not in content), None)
        if missing is not None:
            raise UserError(f"{path}: not a {self.layout.title} file: no key {missing.decode()}")
        x, y = content[b"data"], _labels(content[self.layout.labels], path)
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.size % PIXELS or x.size == 0:
            raise UserError(f"{path}: not a {self.layout.title} file: data must be images of 3 x 32 x 32 bytes")
        if len(y) * PIXELS != x.size:
            raise UserError(f"{path}: {x.size // PIXELS} images but {len(y)} labels")
        return Arrays(np.ascontiguousarray(x).reshape(-1, 3, 32, 32), y)

    def _class_names(self) -> tuple[str, ...]:
        meta = self.folder / self.layout.meta
        names = self._load(meta).get(self.layout.names) if meta.is_file() else None
        if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
            return ()
        return tuple(name.decode(errors="replace") if isinstance(name, bytes) else encodable(name) for name in names)

    def _load(self, path: Path) -> dict[bytes, Any]:
        try:
            content = unpickle(read_bytes(path, MAX_BYTES))
        except FileNotFoundError:
            raise UserError(f"{path}: missing") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: damaged ({reason_text(error)})") from None
        if not isinstance(content, dict):
            raise UserError(f"{path}: not a {self.layout.title} file")
        return {key if isinstance(key, bytes) else encodable(str(key)).encode(): item for key, item in content.items()}


def _labels(labels: Any, path: Path) -> NDArray[np.int64]:
    """Convert a list or an array to labels."""
    if isinstance(labels, np.ndarray):
        labels = labels.ravel().tolist()
    if not isinstance(labels, list):
        raise UserError(f"{path}: labels must be a list of integers; got {quoted(labels)}")
    for label in labels:
        if type(label) is not int or not 0 <= label < 2**31:
            raise UserError(f"{path}: labels must be integers >= 0; got {quoted(label)}")
    return np.array(labels, dtype=np.int64)
