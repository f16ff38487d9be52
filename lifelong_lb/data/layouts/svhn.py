"""SVHN in the authors' format: two Matlab files of cropped digits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import DIGIT_NAMES, Arrays, Source
from lifelong_lb.untrusted import open_regular, reason_text

FILES = {"train": "train_32x32.mat", "test": "test_32x32.mat"}


@dataclass(frozen=True)
class SvhnSource(Source):
    """Two files with ``X`` of shape ``(32, 32, 3, N)`` and ``y``, where label 10 means the digit 0.

    Attributes:
        folder: folder of the files.
    """

    folder: Path

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """Format and folder."""
        return f"Matlab files in {self.folder}"

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has the file of the train part.
        """
        return (folder / FILES["train"]).is_file()

    def files(self) -> list[Path]:
        """List the two files.

        Returns:
            Paths.
        """
        return [self.folder / name for name in FILES.values()]

    def labels(self) -> list[int]:
        """Read the labels of both parts.

        Returns:
            The labels of the train part, ascending.

        Raises:
            UserError: if a file is missing or damaged.
        """
        self._labels(self.folder / FILES["test"], self._content("test", "y"))
        path = self.folder / FILES["train"]
        return [int(label) for label in np.unique(self._labels(path, self._content("train", "y")))]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read only the labels.

        Returns:
            Labels of the train part and of the test part.
        """
        train, test = (self._labels(self.folder / FILES[part], self._content(part, "y")) for part in ("train", "test"))
        return train, test

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, 3, 32, 32)``.

        Raises:
            UserError: if a file is missing or damaged.
        """
        return self._part("train"), self._part("test")

    def _part(self, part: str) -> Arrays:
        path = self.folder / FILES[part]
        content = self._content(part, "X", "y")
        x, y = content["X"], self._labels(path, content)
        if x.dtype != np.uint8 or x.shape[:3] != (32, 32, 3) or x.ndim != 4 or x.shape[3] != len(y):
            raise UserError(f"{path}: X must be uint8 (32, 32, 3, {len(y)}); got {x.dtype} {x.shape}")
        return Arrays(np.ascontiguousarray(x.transpose(3, 2, 0, 1)), y, DIGIT_NAMES)

    @staticmethod
    def _labels(path: Path, content: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
        if content["y"].dtype.kind not in "iuf":
            raise UserError(f"{path}: labels must be numbers from 1 to 10; got the type {content['y'].dtype}")
        with np.errstate(invalid="ignore"):
            y = content["y"].ravel().astype(np.int64)
        if len(y) == 0 or y.min() < 0 or y.max() > 10:
            raise UserError(f"{path}: labels must be 1 to 10, where 10 is the digit 0")
        return np.where(y == 10, 0, y)

    def _content(self, part: str, *names: str) -> dict[str, Any]:
        from scipy.io import loadmat

        path = self.folder / FILES[part]
        try:
            with open_regular(path) as file:
                content: dict[str, Any] = loadmat(file, variable_names=list(names))
        except FileNotFoundError:
            raise UserError(f"{path}: missing") from None
        except Exception as error:  # noqa: BLE001  the reader raises all kinds of errors for a damaged file
            raise UserError(f"{path}: damaged ({reason_text(error)})") from None
        missing = [name for name in names if not isinstance(content.get(name), np.ndarray)]
        if missing:
            raise UserError(f"{path}: no array {missing[0]}")
        return content
