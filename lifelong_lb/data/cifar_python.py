"""CIFAR-10 and CIFAR-100 as their authors publish them and torchvision unpacks them: pickled files of arrays."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source


@dataclass(frozen=True)
class PickledFiles:
    """How the files of one of the two data sets are called.

    Attributes:
        title: the data set, for messages.
        train: files of the train part.
        test: file of the test part.
        meta: file of the class names, which may be missing.
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
    """The pickled files, read by an unpickler that builds arrays and plain containers alone.

    Attributes:
        folder: where they lie.
        layout: how they are called.
        mean: see :class:`~lifelong_lb.data.arrays.Source`.
        std: likewise.
    """

    folder: Path
    layout: PickledFiles
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The folder."""
        return f"python files in {self.folder}"

    def files(self) -> list[Path]:
        """The files, that of the class names where it is there.

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
            UserError: naming the file that is missing or damaged.
        """
        train, _ = self.read()
        return [int(label) for label in np.unique(train.y)]

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, 3, 32, 32)``.

        Raises:
            UserError: naming the file that is missing or damaged.
        """
        parts = [self._file(self.folder / name) for name in self.layout.train]
        names = self._class_names()
        train = Arrays(np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts]), names)
        test = self._file(self.folder / self.layout.test)
        return train, Arrays(test.x, test.y, names)

    def _file(self, path: Path) -> Arrays:
        content = self._load(path)
        try:
            x = np.ascontiguousarray(content[b"data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
            y = np.asarray(content[self.layout.labels], dtype=np.int64)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise UserError(f"{path}: not a {self.layout.title} file ({error!r})") from None
        if len(x) != len(y) or len(x) == 0:
            raise UserError(f"{path}: holds {len(x)} images and {len(y)} labels")
        return Arrays(x, y)

    def _class_names(self) -> tuple[str, ...]:
        meta = self.folder / self.layout.meta
        names = self._load(meta).get(self.layout.names, []) if meta.is_file() else []
        return tuple(name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names)

    def _load(self, path: Path) -> dict[bytes, Any]:
        content = _unpickled(path)
        if not isinstance(content, dict):
            raise UserError(f"{path}: not a {self.layout.title} file")
        return {key if isinstance(key, bytes) else str(key).encode(): value for key, value in content.items()}


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that builds plain containers and numpy arrays, and refuses everything else."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype", "_frombuffer"):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it wants to build a {module}.{name}")


def _unpickled(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return _ArraysOnly(file).load()
    except FileNotFoundError:
        raise UserError(f"{path}: missing") from None
    except _BROKEN as error:
        raise UserError(f"{path}: damaged ({error})") from None


_BROKEN = (
    OSError,
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ImportError,
    OverflowError,
    MemoryError,
)
"""What reading a damaged pickle may end in."""
