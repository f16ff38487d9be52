"""CIFAR-100 as its authors publish it and torchvision unpacks it: ``cifar-100-python/`` with ``train, test, meta``."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source


@dataclass(frozen=True)
class CifarPythonSource(Source):
    """The three pickled files.

    Attributes:
        folder: where they lie.
    """

    folder: Path
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The folder."""
        return f"python files in {self.folder}"

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True when it has a file ``train``.
        """
        return (folder / "train").is_file()

    def files(self) -> list[Path]:
        """The three files, ``meta`` where it is there.

        Returns:
            Paths.
        """
        meta = self.folder / "meta"
        return [self.folder / "train", self.folder / "test", *([meta] if meta.is_file() else [])]

    def labels(self) -> list[int]:
        """Read the train labels.

        Returns:
            The labels, ascending.

        Raises:
            UserError: naming the file that is missing or damaged.
        """
        self._part("test")
        return [int(label) for label in np.unique(self._part("train").y)]

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, 3, 32, 32)``.

        Raises:
            UserError: naming the file that is missing or damaged.
        """
        return self._part("train"), self._part("test")

    def _part(self, part: str) -> Arrays:
        path = self.folder / part
        content = _load(path)
        try:
            x = np.ascontiguousarray(content[b"data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
            y = np.asarray(content[b"fine_labels"], dtype=np.int64)
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"{path}: not a CIFAR-100 file ({error!r})") from None
        if len(x) != len(y) or len(x) == 0:
            raise UserError(f"{path}: holds {len(x)} images and {len(y)} labels")
        return Arrays(x, y, self._class_names())

    def _class_names(self) -> tuple[str, ...]:
        if not (self.folder / "meta").is_file():
            return ()
        names = _load(self.folder / "meta").get(b"fine_label_names", [])
        return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)


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


def _load(path: Path) -> dict[bytes, Any]:
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file).load()
    except FileNotFoundError:
        raise UserError(f"{path}: missing") from None
    except (OSError, pickle.UnpicklingError, EOFError, ValueError, IndexError, AttributeError, ImportError) as error:
        raise UserError(f"{path}: damaged ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a CIFAR-100 file")
    return {key if isinstance(key, bytes) else str(key).encode(): value for key, value in content.items()}
