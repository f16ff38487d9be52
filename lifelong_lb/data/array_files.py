"""Images in numpy's own files: one ``.npz``, or a folder of ``.npy``. Nothing in them is ever unpickled."""

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Checked, Source, alike, require_memory
from lifelong_lb.untrusted import encodable, open_regular, path_text, quoted, shortened

T = TypeVar("T")
QUICK_BYTES = 2**30
"""Arrays that are read whole to check them; of larger ones, only shapes and labels are looked at."""
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
        return f"arrays in {path_text(self.folder)}"

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
        """Read the labels, and the shapes of the images.

        Returns:
            Those of the train part, ascending.

        Raises:
            UserError: naming the file that is missing or damaged, and the array that is.
        """
        train, _ = self.part_labels()
        return [int(label) for label in np.unique(train)]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read the arrays of labels, and the shapes of the images.

        Returns:
            Labels of the train part and of the test part.
        """
        there = self._checked_names()
        return self._labels("train", there), self._labels("test", there)

    def check(self) -> Checked:
        """Read the labels, and the images too where they are not very large.

        Returns:
            Labels of all images.

        Raises:
            UserError: naming the file that is missing or damaged, and the array that is.
        """
        there = self._checked_names()
        if sum(self._header(self._name(f"x_{part}", there)).bytes for part in ("train", "test")) <= QUICK_BYTES:
            return super().check()
        return Checked(*self.part_labels(), "only the shapes of its arrays of images were read; run reads them")

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: naming the file that is missing or damaged, and the array that is.
        """
        there = self._checked_names()
        names = self._class_names() if CLASS_NAMES in there else ()
        train, test = (self._part(part, there, names) for part in ("train", "test"))
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

    def _header(self, name: str) -> "_Header":
        """Type and shape of an array, which is not read."""
        path = self._file(name)
        if not self._packed:
            return _loaded(path, None, lambda file: _header_of(file, path.stat().st_size))

        def header(content: Any) -> _Header:
            member = f"{name}.npy" if f"{name}.npy" in content.zip.namelist() else name
            with content.zip.open(member) as file:
                return _header_of(file, content.zip.getinfo(member).file_size)

        return _loaded(path, header)

    def _checked_names(self) -> list[str]:
        """Names of all arrays, after a look at the types and shapes of those that are needed."""
        there = self._names()
        sizes = {}
        for part in ("train", "test"):
            x, y = self._name(f"x_{part}", there), self._name(f"y_{part}", there)
            images, labels = self._header(x), self._header(y)
            title = f"{path_text(self.folder)}: {x}"
            if images.kind not in "biuf":
                raise UserError(
                    f"{title} must hold whole numbers from 0 to 255, or fractions from 0 to 1; got {images}"
                )
            shape = _channels_first(images.shape, title)
            count = labels.shape[0] if len(labels.shape) in (1, 2) else 0
            if images.shape[0] != count or not all(shape):
                raise UserError(
                    f"{path_text(self.folder)}: holds {images.shape[0]} images in {x} and {count} labels in {y}; "
                    "both must be as many, and more than none"
                )
            sizes[part] = " x ".join(map(str, shape[2:]))
            with require_memory(images.bytes, f"the images in {title}"):
                pass
        if sizes["train"] != sizes["test"]:
            raise UserError(
                f"{path_text(self.folder)}: images to learn from have {sizes['train']} pixels, "
                f"images to test on {sizes['test']}"
            )
        return there

    def _class_names(self) -> tuple[str, ...]:
        header = self._header(CLASS_NAMES)
        if header.bytes > 2**24 or header.kind not in "USiuf":
            raise UserError(f"{path_text(self.folder)}: {CLASS_NAMES} must be an array of texts; got {header}")
        names = self._array(CLASS_NAMES).ravel().tolist()
        return tuple(
            name.decode(errors="replace") if isinstance(name, bytes) else encodable(str(name)) for name in names
        )

    def _array(self, name: str) -> NDArray[Any]:
        return _loaded(self._file(name), lambda content: np.asarray(content[name] if self._packed else content))

    def _name(self, array: str, there: Sequence[str]) -> str:
        found = next((name for name in NAMES[array] if name in there), None)
        if found is None:
            known = shortened(", ".join(there), 300) or "none"
            raise UserError(
                f"{path_text(self.folder)}: needs an array {' or '.join(NAMES[array])}; its arrays are {known}"
            )
        return found

    def _part(self, part: str, there: Sequence[str], class_names: tuple[str, ...]) -> Arrays:
        name = self._name(f"x_{part}", there)
        x, y = _images(self._array(name), f"{self.folder}: {name}"), self._labels(part, there)
        return Arrays(x, y, class_names)

    def _labels(self, part: str, there: Sequence[str]) -> NDArray[np.int64]:
        name = self._name(f"y_{part}", there)
        y = self._array(name)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or not (np.issubdtype(y.dtype, np.integer) or _whole(y)):
            raise UserError(f"{self.folder}: {name} must hold one whole number an image; got {y.dtype} {y.shape}")
        if len(y) and not -(2**53) <= float(y.min()) <= float(y.max()) < 2**53:
            raise UserError(f"{self.folder}: {name} holds the label {quoted(y.max())}, which is no number of a class")
        return y.astype(np.int64)


@dataclass(frozen=True)
class _Header:
    """Type and shape of an array that was not read."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def kind(self) -> str:
        return self.dtype.kind

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


def _header_of(file: IO[bytes], size: int) -> _Header:
    """The header at the beginning of an ``.npy`` file of a size in bytes; a ValueError when it promises another."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"version {version[0]}.{version[1]} of numpy's format")
    shape, _, dtype = read(file)
    header = _Header(dtype, shape)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    if any(length < 0 for length in shape) or header.bytes > size:
        raise ValueError(f"it has {size} bytes, its header promises {header}")
    return header


def _channels_first(shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """The shape that images have as ``(N, C, H, W)``."""
    if len(shape) == 3:
        return (shape[0], 1, *shape[1:])
    if len(shape) == 4 and (shape[1] in (1, 3)) != (shape[3] in (1, 3)):
        return shape if shape[1] in (1, 3) else (shape[0], shape[3], shape[1], shape[2])
    raise UserError(f"{name} must be (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3; got {shape}")


def _whole(values: NDArray[Any]) -> bool:
    """Whether all of them are floating-point numbers that mean whole ones."""
    return bool(
        np.issubdtype(values.dtype, np.floating) and np.isfinite(values).all() and (values == np.rint(values)).all()
    )


def _images(x: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Images as uint8 ``(N, C, H, W)``, whatever form they had."""
    if x.ndim == 3:
        x = x[:, None]
    elif _channels_first(x.shape, name) != x.shape:
        x = x.transpose(0, 3, 1, 2)
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


def _loaded(path: Path, take: Callable[[Any], T] | None, header: Callable[[IO[bytes]], T] | None = None) -> T:
    """What is taken from a file of numpy's, or from its header; any fault of its content becomes a UserError."""
    try:
        with open_regular(path) as file:
            if header is not None:
                return header(file)
            assert take is not None
            return take(np.load(file, allow_pickle=False))
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path_text(path)}: missing") from None
    except MemoryError:
        raise UserError(f"{path_text(path)}: its arrays take more than the memory there is") from None
    except _BROKEN as error:
        reason = shortened(str(error), 200)
        raise UserError(f"{path_text(path)}: damaged, or not made of plain arrays ({reason})") from None


_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    SyntaxError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged file may end in."""
