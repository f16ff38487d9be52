"""Images in numpy's own files: one ``.npz``, or a folder of ``.npy``. Nothing in them is ever unpickled."""

import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source, alike

T = TypeVar("T")
NAMES: dict[str, tuple[str, ...]] = {
    "x_train": ("x_train", "X_train", "train_images", "train_x"),
    "y_train": ("y_train", "Y_train", "train_labels", "train_y"),
    "x_test": ("x_test", "X_test", "test_images", "test_x"),
    "y_test": ("y_test", "Y_test", "test_labels", "test_y"),
}
"""What each array may be called; the first that is there counts."""
CLASS_NAMES = "class_names"


@dataclass(frozen=True)
class ArrayFiles(Source):
    """Arrays of images and labels.

    Images are ``(N, H, W)``, ``(N, H, W, C)`` or ``(N, C, H, W)`` with C 1 or 3, as whole numbers 0..255 or as
    fractions 0..1; labels whole numbers ``(N,)`` or ``(N, 1)``. ``class_names``, an array of texts, is optional.

    Attributes:
        folder: the ``.npz`` file, or the folder of ``.npy`` files.
    """

    folder: Path

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The file or folder."""
        return f"arrays in {self.folder}"

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder holds images to learn from.

        Args:
            folder: an existing folder.

        Returns:
            True when it has a file such as ``x_train.npy``.
        """
        return any((folder / f"{name}.npy").is_file() for name in NAMES["x_train"])

    def files(self) -> list[Path]:
        """The files.

        Returns:
            One ``.npz``, or the ``.npy`` files that are read.
        """
        if self._packed:
            return [self.folder]
        there = self._names()
        names = [self._name(array, there) for array in NAMES] + [CLASS_NAMES] * (CLASS_NAMES in there)
        return [self._file(name) for name in names]

    def labels(self) -> list[int]:
        """Read the labels.

        Returns:
            Those of the train part, ascending.

        Raises:
            UserError: naming the file that is missing or damaged, and the array that is.
        """
        there = self._names()
        for array in NAMES:
            self._name(array, there)
        self._labels("test", there)
        return [int(label) for label in np.unique(self._labels("train", there))]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read the arrays of labels alone.

        Returns:
            Labels of the train part and of the test part.
        """
        there = self._names()
        return self._labels("train", there), self._labels("test", there)

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: naming the file that is missing or damaged, and the array that is.
        """
        there = self._names()
        texts = self._array(CLASS_NAMES).ravel() if CLASS_NAMES in there else ()
        names = tuple(map(str, texts))
        train, test = (self._part(part, there, names) for part in ("train", "test"))
        if train.x.shape[2:] != test.x.shape[2:]:
            sizes = [" x ".join(map(str, part.x.shape[2:])) for part in (train, test)]
            raise UserError(f"{self.folder}: images to learn from have {sizes[0]} pixels, images to test on {sizes[1]}")
        return alike(train, test)

    @property
    def _packed(self) -> bool:
        return self.folder.suffix == ".npz"

    def _file(self, name: str) -> Path:
        return self.folder if self._packed else self.folder / f"{name}.npy"

    def _names(self) -> list[str]:
        """Names of all arrays."""
        if not self._packed:
            return sorted(path.stem for path in self.folder.glob("*.npy"))

        def names(content: Any) -> list[str]:
            if not isinstance(content, np.lib.npyio.NpzFile):
                raise UserError(f"{self.folder}: not an archive of arrays")
            return sorted(content.files)

        return _loaded(self.folder, names)

    def _array(self, name: str) -> NDArray[Any]:
        return _loaded(self._file(name), lambda content: np.asarray(content[name] if self._packed else content))

    def _name(self, array: str, there: Sequence[str]) -> str:
        found = next((name for name in NAMES[array] if name in there), None)
        if found is None:
            known = ", ".join(there) or "none"
            raise UserError(f"{self.folder}: needs an array {' or '.join(NAMES[array])}; its arrays are {known}")
        return found

    def _part(self, part: str, there: Sequence[str], class_names: tuple[str, ...]) -> Arrays:
        name = self._name(f"x_{part}", there)
        x, y = _images(self._array(name), f"{self.folder}: {name}"), self._labels(part, there)
        if len(x) != len(y) or len(x) == 0:
            raise UserError(f"{self.folder}: holds {len(x)} images in {name} and {len(y)} labels to go with them")
        return Arrays(x, y, class_names)

    def _labels(self, part: str, there: Sequence[str]) -> NDArray[np.int64]:
        name = self._name(f"y_{part}", there)
        y = self._array(name)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or not (np.issubdtype(y.dtype, np.integer) or _whole(y)):
            raise UserError(f"{self.folder}: {name} must hold one whole number an image; got {y.dtype} {y.shape}")
        return y.astype(np.int64)


def _whole(values: NDArray[Any]) -> bool:
    """Whether all of them are floating-point numbers that mean whole ones."""
    return bool(
        np.issubdtype(values.dtype, np.floating) and np.isfinite(values).all() and (values == np.rint(values)).all()
    )


def _images(x: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Images as uint8 ``(N, C, H, W)``, whatever form they had."""
    if x.ndim == 4 and (x.shape[1] in (1, 3)) != (x.shape[3] in (1, 3)):
        x = x if x.shape[1] in (1, 3) else x.transpose(0, 3, 1, 2)
    elif x.ndim == 3:
        x = x[:, None]
    else:
        raise UserError(f"{name} must be (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3; got {x.shape}")
    if x.dtype == np.uint8 or x.size == 0:
        return np.ascontiguousarray(x, dtype=np.uint8)
    number = np.issubdtype(x.dtype, np.integer) or np.issubdtype(x.dtype, np.floating)
    low, high = (float(x.min()), float(x.max())) if number else (np.nan, np.nan)
    if 0 <= low <= high <= 255 and (np.issubdtype(x.dtype, np.integer) or (high > 1 and _whole(x))):
        return np.ascontiguousarray(x.astype(np.uint8))
    if np.issubdtype(x.dtype, np.floating) and 0 <= low <= high <= 1:
        return np.ascontiguousarray(np.rint(x * 255).astype(np.uint8))
    raise UserError(
        f"{name} must hold whole numbers from 0 to 255, or fractions from 0 to 1; "
        f"got {x.dtype} from {low:g} to {high:g}"
    )


def _loaded(path: Path, take: Callable[[Any], T]) -> T:
    """What is taken from a file of numpy's, any fault of its content told as the user's to mend."""
    try:
        with path.open("rb") as file:
            return take(np.load(file, allow_pickle=False))
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: missing") from None
    except _BROKEN as error:
        raise UserError(f"{path}: damaged, or not made of plain arrays ({error})") from None


_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged file may end in."""
